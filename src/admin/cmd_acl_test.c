/* lagoon acl against a controller that answers by a script. */
#include "test/lib/script_world.h"
#include "test/test.h"

#define ANSWER(permissions)                                                                        \
    "{\"cluster\":\"main\",\"name\":\"s\",\"accessPermissions\":\"" permissions "\"}"
#define SOME                                                                                       \
    "{\\\"AccessPermissions\\\":{\\\"Read\\\":[\\\"CN=a,O=x\\\",\\\"*\\\"],\\\"Write\\\":["        \
    "\\\"b\\\"]}}"

static const struct lg_script_line script[] = {
    {"/get_acl?store_name=none", 200, ANSWER("{\\\"AccessPermissions\\\":{}}")},
    {"/get_acl?store_name=odd", 200, ANSWER("{\\\"Own\\\":[]}")},
    {"/get_acl?store_name=gone", 404,
     "{\"error\":\"no store 'gone'\",\"errorType\":\"STORE_NOT_FOUND\"}"},
    {"/get_acl?store_name=mine", 403,
     "{\"error\":\"CN=a may not administer store 'mine'\",\"errorType\":\"ACL_ERROR\"}"},
    {"/get_acl", 200, ANSWER(SOME)},
    {"/delete_acl", 200, ANSWER("{\\\"AccessPermissions\\\":{}}")},
    {"/v1/change_acl", 200, ANSWER(SOME)},
    {0},
};

static const char *asked(const struct lg_script_world *w)
{
    return (const char *)w->asked.data;
}

static void permissions_are_shown_one_a_line(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "acl", "show", "s"));
    assert_string_equal(lg_script_out(w), "METHOD  PRINCIPAL\n"
                                          "Read    CN=a,O=x\n"
                                          "Read    *\n"
                                          "Write   b\n");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "acl", "show", "s"));
    assert_has(lg_script_out(w), "\"accessPermissions\"");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "acl", "show", "none"));
    assert_has(lg_script_out(w), "store 'none' has no permissions");
    lg_script_world_free(w);
}

static void grant_and_revoke_send_whom_and_what(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_OK,
              RUN(w, LG_OUTPUT_TABLE, "acl", "grant", "s", "Admin", "CN=a,O=x", "spiffe://p/q"));
    assert_has(asked(w), "/v1/change_acl");
    assert_has(asked(w), "store_name=s");
    assert_has(asked(w), "operation=grant");
    assert_has(asked(w), "%7B%22Read%22%3A%5B%5D%2C%22Write%22%3A%5B%5D%2C%22Admin%22%3A%5B%22CN"
                         "%3Da%2CO%3Dx%22%2C%22spiffe%3A%2F%2Fp%2Fq%22%5D%7D");
    assert_has(lg_script_out(w), "Write   b"); /* What there is now. */
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "acl", "revoke", "s", "read", "*"));
    assert_has(asked(w), "operation=revoke");
    assert_has(asked(w), "%7B%22Read%22%3A%5B%22%2A%22%5D%2C%22Write%22%3A%5B%5D%7D");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "acl", "clear", "s"));
    assert_has(asked(w), "/delete_acl?store_name=s");
    lg_script_world_free(w);
}

static void what_makes_no_sense_is_refused_before_it_is_sent(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "acl", "grant", "s", "own", "a"));
    assert_has(w->err.text, "no method 'own'; there are read, write and admin");
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "acl", "grant", "s", "read", "a\nb"));
    assert_has(w->err.text, "control character");
    assert_null(strstr(asked(w), "change_acl"));
    lg_script_world_free(w);
}

static void an_answer_that_makes_no_sense_is_told(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "acl", "show", "odd"));
    assert_has(w->err.text, "the controller's answer: ");
    assert_rc(LG_ERR_NO_STORE, RUN(w, LG_OUTPUT_TABLE, "acl", "show", "gone"));
    assert_has(w->err.text, "no store 'gone'");
    assert_rc(LG_ERR_REFUSED, RUN(w, LG_OUTPUT_TABLE, "acl", "show", "mine"));
    assert_has(w->err.text, "may not administer");
    lg_script_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permissions_are_shown_one_a_line),
        cmocka_unit_test(grant_and_revoke_send_whom_and_what),
        cmocka_unit_test(what_makes_no_sense_is_refused_before_it_is_sent),
        cmocka_unit_test(an_answer_that_makes_no_sense_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
