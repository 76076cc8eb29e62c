/* Access permissions: who they let in, and how they are written. */
#include "model/acl.h"

#include <stdio.h>

#include "test/test.h"

static struct lg_acl parsed(const char *text)
{
    struct lg_acl acl = {0};
    struct lg_error err = {0};

    assert_ok(lg_acl_parse(lg_slice_str(text), &acl, &err));
    return acl;
}

static void expect_text(const struct lg_acl *acl, const char *want)
{
    LG_AUTO(lg_json) *json = lg_acl_to_json(acl);
    LG_SCOPED(lg_buf) text = {0};

    lg_json_write(&text, json, /* pretty= */ false);
    assert_slice_equal(lg_buf_slice(&text), lg_slice_str(want));
}

static void what_is_not_listed_may_not(void **state)
{
    LG_SCOPED(lg_acl)
    acl = parsed("{\"AccessPermissions\":{\"Read\":[\"r\"],\"Write\":[\"w\"],"
                 "\"Admin\":[\"a\"]}}");
    static const struct {
        const char *who;
        bool read, write, admin;
    } rows[] = {
        {"r", true, false, false},   {"w", false, true, false}, {"a", true, true, true},
        {"x", false, false, false},  {"", false, false, false}, {"anonymous", false, false, false},
        {NULL, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        assert_int_equal(lg_acl_allows(&acl, rows[i].who, LG_ACL_READ), rows[i].read);
        assert_int_equal(lg_acl_allows(&acl, rows[i].who, LG_ACL_WRITE), rows[i].write);
        assert_int_equal(lg_acl_allows(&acl, rows[i].who, LG_ACL_ADMIN), rows[i].admin);
    }
}

static void the_words_for_many_are_no_names(void **state)
{
    LG_SCOPED(lg_acl) acl = parsed("{\"Read\":[\"*\"],\"Write\":[\"anonymous\"]}");

    (void)state;
    assert_true(lg_acl_allows(&acl, "anyone", LG_ACL_READ));
    assert_true(lg_acl_allows(&acl, "anonymous", LG_ACL_READ)); /* has a certificate */
    assert_false(lg_acl_allows(&acl, NULL, LG_ACL_READ));
    assert_true(lg_acl_allows(&acl, NULL, LG_ACL_WRITE));
    assert_false(lg_acl_allows(&acl, "anonymous", LG_ACL_WRITE)); /* is not nobody */
    assert_false(lg_acl_allows(&acl, "anyone", LG_ACL_WRITE));
}

static void it_is_written_as_it_is_read(void **state)
{
    static const char *const rows[][2] = {
        {"{}", "{\"Read\":[],\"Write\":[]}"},
        {"{\"AccessPermissions\":{}}", "{\"Read\":[],\"Write\":[]}"},
        {"{\"write\":[\"b\"],\"READ\":[\"a\",\"c\",\"a\"]}",
         "{\"Read\":[\"a\",\"c\"],\"Write\":[\"b\"]}"},
        /* What was listed before such names were refused. */
        {"{\"Read\":[\"CN=x;CN=y\",\" \"]}", "{\"Read\":[\"CN=x;CN=y\",\" \"],\"Write\":[]}"},
        {"{\"Admin\":[\"CN=ü,O=é\"]}", "{\"Read\":[],\"Write\":[],\"Admin\":[\"CN=ü,O=é\"]}"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_SCOPED(lg_acl) acl = parsed(rows[i][0]);
        LG_SCOPED(lg_acl) copy = lg_acl_copy(&acl);

        expect_text(&copy, rows[i][1]);
        assert_int_equal(lg_acl_is_empty(&acl), i < 2);
    }
}

static void what_makes_no_sense_is_refused_in_a_sentence(void **state)
{
    static const char *const rows[][2] = {
        {"", "access permissions"},
        {"[]", "access permissions are an object"},
        {"{\"Read\":\"a\"}", "Read is not a list"},
        {"{\"Read\":[1]}", "Read lists what is no text"},
        {"{\"Read\":[\"\"]}", "access permissions: Read: a principal is empty"},
        {"{\"Read\":[\"a\\nb\"]}", "control character"},
        {"{\"Own\":[\"a\"]}", "no method 'Own'"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct lg_acl acl = {0};
        struct lg_error err = {0};

        assert_rc(LG_ERR_INVALID, lg_acl_parse(lg_slice_str(rows[i][0]), &acl, &err));
        if (strstr(err.text, rows[i][1]) == NULL)
            fail_msg("%s: %s", rows[i][0], err.text);
        assert_true(lg_acl_is_empty(&acl));
    }
}

static void names_that_no_certificate_has_are_told(void **state)
{
    static const struct {
        const char *name, *says; /* NULL: one may have it */
    } rows[] = {
        {"*", NULL},
        {"anonymous", NULL},
        {"CN=reader,O=example corp", NULL},
        {"CN=a\\;b,O=x", NULL},
        {"CN=\\ a\\ ", NULL},
        {"spiffe://prod/a;v=1", NULL},
        {"a1+-.:x;y", NULL},
        {"CN=x;CN=y", "'CN=x;CN=y': where one holds a ';' it is written '\\;'; of several, name "
                      "them one by one"},
        {"CN=x\\\\;CN=y", "name them one by one"},
        {"CN=http://x;CN=y", "name them one by one"},
        {"1a:b;c", "name them one by one"},
        {";", "name them one by one"},
        {" ", "' ': leave out the blanks around it"},
        {" CN=nobody ", "' CN=nobody ': leave out"},
        {" CN=nobody", "leave out the blanks"},
        {"CN=nobody ", "leave out the blanks"},
        {"CN=nobody\\\\ ", "leave out the blanks"},
        {"CN=nobody\\  ", "leave out the blanks"},
        {"spiffe://prod/a ", "leave out the blanks"},
        {"CN=a, O=b", "'CN=a, O=b': leave out the blanks around ',', '+' and '=', as in "},
        {"CN=a ,O=b", "leave out the blanks around ','"},
        {"CN=a + OU=c,O=b", "leave out the blanks around ','"},
        {"CN =a,O=b", "leave out the blanks around ','"},
        {"CN= a,O=b", "leave out the blanks around ','"},
        {"CN=a\\, O=b", NULL}, /* A comma of the value. */
        {"CN=a,O=\\ b", NULL},
        {"CN=a\\ ,O=b", NULL},
        {"CN=a = b,O=c  d", NULL},
        {"CN=a\\\\, O=b", "leave out the blanks around ','"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_SCOPED(lg_acl) acl = {0};
        struct lg_error err = {0};
        enum lg_rc rc;

        assert_ok(lg_acl_add(&acl, LG_ACL_READ, LG_LIT("CN=reader"), &err));
        assert_ok(lg_acl_add(&acl, LG_ACL_WRITE, lg_slice_str(rows[i].name), &err));
        rc = lg_acl_check_names(&acl, &err);
        if (rc != (rows[i].says == NULL ? LG_OK : LG_ERR_INVALID))
            fail_msg("%s: %d", rows[i].name, rc);
        if (rows[i].says != NULL) {
            assert_non_null(strstr(err.text, rows[i].says));
            assert_non_null(strstr(err.text, "access permissions: Write: no certificate has"));
        }
        assert_true(lg_acl_remove(&acl, LG_ACL_WRITE, lg_slice_str(rows[i].name)));
    }
}

static void lists_are_bounded_and_change(void **state)
{
    static char long_name[LG_ACL_PRINCIPAL_BYTES_MAX + 1];
    LG_SCOPED(lg_acl) acl = {0};
    struct lg_error err = {0};

    (void)state;
    memset(long_name, 'x', sizeof long_name);
    assert_rc(LG_ERR_TOO_LARGE,
              lg_acl_add(&acl, LG_ACL_READ, lg_slice(long_name, sizeof long_name), &err));
    assert_rc(LG_ERR_INVALID, lg_acl_add(&acl, LG_ACL_READ, lg_slice("\xff", 1), &err));
    for (unsigned i = 0; i < LG_ACL_PRINCIPALS_MAX; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "p%u", i);
        assert_ok(lg_acl_add(&acl, LG_ACL_READ, lg_slice_str(name), &err));
        assert_ok(lg_acl_add(&acl, LG_ACL_READ, lg_slice_str(name), &err)); /* Again. */
    }
    assert_rc(LG_ERR_TOO_LARGE, lg_acl_add(&acl, LG_ACL_READ, LG_LIT("one more"), &err));
    assert_ok(lg_acl_add(&acl, LG_ACL_WRITE, LG_LIT("one more"), &err));
    assert_true(lg_acl_remove(&acl, LG_ACL_READ, LG_LIT("p500")));
    assert_false(lg_acl_remove(&acl, LG_ACL_READ, LG_LIT("p500")));
    assert_false(lg_acl_allows(&acl, "p500", LG_ACL_READ));
    assert_true(lg_acl_allows(&acl, "p499", LG_ACL_READ));
    assert_true(lg_acl_allows(&acl, "p501", LG_ACL_READ));
    assert_true(lg_acl_allows(&acl, "p999", LG_ACL_READ));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_listed_may_not),
        cmocka_unit_test(the_words_for_many_are_no_names),
        cmocka_unit_test(it_is_written_as_it_is_read),
        cmocka_unit_test(what_makes_no_sense_is_refused_in_a_sentence),
        cmocka_unit_test(names_that_no_certificate_has_are_told),
        cmocka_unit_test(lists_are_bounded_and_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
