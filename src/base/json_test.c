/* Tests of JSON: what is refused, what is exact, and what is written. */
#include "test/test.h"

#include "base/json.h"

#include <float.h>
#include <stdlib.h>

#include "base/rand.h"
#include "base/str.h"

/* Owned; fails the test when the text is refused. */
static struct lg_json *parsed(const char *text)
{
    struct lg_json *j = NULL;
    struct lg_error err = {0};

    assert_ok(lg_json_parse(lg_slice_str(text), &j, &err));
    return j;
}

static void assert_written(const struct lg_json *j, bool pretty, const char *want)
{
    LG_SCOPED(lg_buf) out = {0};

    lg_json_write(&out, j, pretty);
    assert_slice_equal(lg_buf_slice(&out), lg_slice_str(want));
}

static void values_of_every_type_are_read(void **state)
{
    (void)state;
    LG_AUTO(lg_json) *j = parsed(" {\"n\":null,\"t\":true,\"f\":false,\"i\":-5,\"r\":2.5,"
                                 "\"s\":\"a\\u0000\\u20ac\",\"a\":[1,2],\"o\":{}} ");

    assert_int_equal(lg_json_type(j), LG_JSON_OBJECT);
    assert_int_equal(lg_json_size(j), 8);
    assert_int_equal(lg_json_type(lg_json_get(j, "n")), LG_JSON_NULL);
    assert_int_equal(lg_json_type(lg_json_get(j, "t")), LG_JSON_BOOL);
    assert_true(lg_json_bool(lg_json_get(j, "t")));
    assert_false(lg_json_bool(lg_json_get(j, "f")));
    assert_int_equal(lg_json_int(lg_json_get(j, "i")), -5);
    assert_int_equal(lg_json_type(lg_json_get(j, "r")), LG_JSON_REAL);
    assert_true(lg_json_real(lg_json_get(j, "r")) == 2.5);
    assert_true(lg_json_real(lg_json_get(j, "i")) == -5.0);
    assert_slice_equal(lg_json_string(lg_json_get(j, "s")), LG_LIT("a\0\xe2\x82\xac"));
    assert_int_equal(lg_json_size(lg_json_get(j, "a")), 2);
    assert_int_equal(lg_json_int(lg_json_at(lg_json_get(j, "a"), 1)), 2);
    assert_null(lg_json_at(lg_json_get(j, "a"), 2));
    assert_null(lg_json_get(j, "absent"));
}

static void getters_of_another_type_give_their_neutral_value(void **state)
{
    (void)state;
    LG_AUTO(lg_json) *text = parsed("\"12\""), *number = parsed("12");

    assert_int_equal(lg_json_int(text), 0);
    assert_true(lg_json_real(text) == 0);
    assert_false(lg_json_bool(text));
    assert_int_equal(lg_json_size(text), 0);
    assert_int_equal(lg_json_string(number).size, 0);
    assert_null(lg_json_at(number, 0));
    assert_null(lg_json_get(number, "a"));
}

static void members_have_defaults_when_absent_null_or_of_another_type(void **state)
{
    (void)state;
    LG_AUTO(lg_json) *j = parsed("{\"s\":\"x\",\"i\":7,\"b\":true,\"n\":null}");

    assert_string_equal(lg_json_get_str(j, "s", "-"), "x");
    assert_string_equal(lg_json_get_str(j, "i", "-"), "-");
    assert_string_equal(lg_json_get_str(j, "n", "-"), "-");
    assert_string_equal(lg_json_get_str(j, "absent", "-"), "-");
    assert_int_equal(lg_json_get_int(j, "i", 1), 7);
    assert_int_equal(lg_json_get_int(j, "s", 1), 1);
    assert_int_equal(lg_json_get_int(j, "n", 1), 1);
    assert_true(lg_json_get_bool(j, "b", false));
    assert_true(lg_json_get_bool(j, "i", true));
    assert_false(lg_json_get_bool(j, "n", false));
}

static void integers_of_64_bits_are_exact(void **state)
{
    (void)state;
    LG_AUTO(lg_json) *j = parsed("[9007199254740993,-9223372036854775808,9223372036854775807]");

    assert_true(lg_json_int(lg_json_at(j, 0)) == 9007199254740993);
    assert_true(lg_json_int(lg_json_at(j, 1)) == INT64_MIN);
    assert_true(lg_json_int(lg_json_at(j, 2)) == INT64_MAX);
    assert_written(j, false, "[9007199254740993,-9223372036854775808,9223372036854775807]");
}

static void assert_refused(struct lg_slice text, const char *reason)
{
    struct lg_json *j = (struct lg_json *)(uintptr_t)1; /* Must stay untouched. */
    struct lg_error err = {0};

    assert_rc(LG_ERR_BAD_DATA, lg_json_parse(text, &j, &err));
    assert_int_equal((uintptr_t)j, 1);
    if (strstr(err.text, reason) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, reason);
}

static void malformed_text_is_refused_with_its_place(void **state)
{
    (void)state;

    assert_refused(LG_LIT(""), "line 1 column 0");
    assert_refused(LG_SLICE_NULL, "line 1 column 0");
    assert_refused(LG_LIT("{\n \"a\" 1}"), "line 2");
    assert_refused(LG_LIT("[1,]"), "line 1");
    assert_refused(LG_LIT("[1] x"), "end of file expected");
    assert_refused(LG_LIT("'a'"), "line 1");
    assert_refused(LG_LIT("01"), "line 1");
    assert_refused(LG_LIT("NaN"), "line 1");
    assert_refused(LG_LIT("\"\xff\""), "unable to decode byte 0xff");
    assert_refused(LG_LIT("\"\\ud800\""), "line 1");
    assert_refused(LG_LIT("{\"a\":1,\"a\":2}"), "duplicate");
    assert_refused(LG_LIT("{\"a\\u0000b\":1}"), "NUL");
    assert_refused(LG_LIT("1\0"), "line 1 column 2: a NUL byte");
    assert_refused(LG_LIT("[0,\n 1\0]"), "line 2 column 3: a NUL byte");
    assert_refused(LG_LIT("\"a\0\""), "a NUL byte");
}

static void numbers_outside_64_bits_are_refused_and_not_rounded(void **state)
{
    (void)state;

    assert_refused(LG_LIT("9223372036854775808"), "does not fit 64 bits");
    assert_refused(LG_LIT("[-9223372036854775809]"), "does not fit 64 bits");
    assert_refused(LG_LIT("1e999"), "does not fit 64 bits");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) text = {0}, out = {0};
    LG_AUTO(lg_json) *j = NULL;

    for (int i = 0; i < 2000; i++)
        lg_buf_append_byte(&text, '[');
    for (int i = 0; i < 2000; i++)
        lg_buf_append_byte(&text, ']');
    lg_buf_append_byte(&text, 0);
    j = parsed((const char *)text.data);
    lg_json_write(&out, j, false);
    assert_int_equal(out.size, 4000);
    memset(lg_buf_reserve(&text, 100000), '[', 100000);
    lg_buf_commit(&text, 100000);
    assert_refused(lg_slice(text.data + 4001, 100000), "depth");
}

static void members_keep_their_order_and_a_replaced_one_its_place(void **state)
{
    (void)state;
    LG_AUTO(lg_json) *j = parsed("{\"z\":1,\"a\":2,\"m\":3}");
    LG_SCOPED(lg_buf) keys = {0};
    struct lg_json *value;
    const char *key;
    size_t i = 0;

    lg_json_set_int(j, "a", 9);
    for (int n = 0; n < 100; n++) {
        LG_AUTO_STR char *name = lg_strf("k%d", n);

        lg_json_set_int(j, name, n); /* Many, so that jansson's table grows. */
    }
    while (lg_json_next(j, &i, &key, &value))
        lg_buf_appendf(&keys, "%s=%d ", key, (int)lg_json_int(value));
    assert_true(lg_slice_starts(lg_buf_slice(&keys), LG_LIT("z=1 a=9 m=3 k0=0 k1=1 k2=2 ")));
    assert_false(lg_json_next(j, &i, &key, &value));
}

static void an_empty_object_has_no_next_member(void **state)
{
    (void)state;
    LG_AUTO(lg_json) *j = lg_json_new_object(), *number = lg_json_new_int(1);
    struct lg_json *value;
    const char *key;
    size_t i = 0;

    assert_false(lg_json_next(j, &i, &key, &value));
    assert_false(lg_json_next(number, &i, &key, &value));
}

static void made_values_are_written_compact_and_pretty(void **state)
{
    (void)state;
    LG_AUTO(lg_json) *j = lg_json_new_object();
    struct lg_json *array = lg_json_new_array();

    lg_json_set_str(j, "name", "cities");
    lg_json_set_str(j, "none", NULL);
    lg_json_set_bool(j, "ok", true);
    lg_json_push(array, lg_json_new_real(2.0));
    lg_json_push(array, lg_json_new_bool(false));
    lg_json_push(array, lg_json_new_null());
    lg_json_push(array, lg_json_new_array());
    lg_json_push(array, lg_json_new_object());
    lg_json_set(j, "list", array);
    assert_written(
        j, false,
        "{\"name\":\"cities\",\"none\":null,\"ok\":true,\"list\":[2.0,false,null,[],{}]}");
    assert_written(j, true,
                   "{\n  \"name\": \"cities\",\n  \"none\": null,\n  \"ok\": true,\n  \"list\": [\n"
                   "    2.0,\n    false,\n    null,\n    [],\n    {}\n  ]\n}");
}

static void strings_are_escaped_and_bad_bytes_replaced(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) out = {0};

    lg_json_write_string(&out, LG_LIT("\"\\\b\f\n\r\t\0\x1f/\x7f\xe2\x82\xac\xff\xe2\x82z"));
    assert_slice_equal(lg_buf_slice(&out),
                       LG_LIT("\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\x7f\xe2\x82\xac"
                              "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\""));
    lg_buf_clear(&out);
    lg_json_write_string(&out, LG_SLICE_NULL);
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("\"\""));
}

static void strings_that_are_not_utf8_make_no_value_but_may_be_repaired(void **state)
{
    (void)state;
    LG_AUTO(lg_json) *j = lg_json_new_object();

    assert_null(lg_json_new_string(LG_LIT("a\xff")));
    lg_json_set_str(j, "e", "a\xff!");
    assert_string_equal(lg_json_get_str(j, "e", ""), "a\xef\xbf\xbd!");
}

static void assert_real(double v, const char *want)
{
    LG_SCOPED(lg_buf) out = {0};

    lg_json_write_real(&out, v);
    assert_slice_equal(lg_buf_slice(&out), lg_slice_str(want));
}

static void reals_have_the_fewest_digits_and_stay_reals(void **state)
{
    (void)state;

    assert_real(0.1, "0.1");
    assert_real(0.1 + 0.2, "0.30000000000000004");
    assert_real(2.0, "2.0");
    assert_real(-0.0, "-0.0");
    assert_real(1e20, "1e+20");
    assert_real(123456789012345680.0, "1.2345678901234568e+17");
    assert_real(5e-324, "5e-324");
    assert_real(DBL_MAX, "1.7976931348623157e+308");
    assert_real(DBL_MIN, "2.2250738585072014e-308");
}

static void random_reals_read_back_the_same(void **state)
{
    (void)state;
    struct lg_rand r;

    lg_rand_seed(&r, 9);
    for (int i = 0; i < 5000; i++) {
        LG_SCOPED(lg_buf) out = {0};
        LG_AUTO(lg_json) *j = NULL;
        uint64_t bits = lg_rand_next(&r);
        double v, back;

        memcpy(&v, &bits, sizeof(v));
        if (v - v != 0)
            continue; /* Infinite or not a number. */
        lg_json_write_real(&out, v);
        lg_buf_append_byte(&out, 0);
        j = parsed((const char *)out.data);
        assert_int_equal(lg_json_type(j), LG_JSON_REAL);
        back = lg_json_real(j);
        assert_memory_equal(&back, &v, sizeof(v));
    }
}

static void values_are_compared_by_content(void **state)
{
    (void)state;
    LG_AUTO(lg_json) *a = parsed("{\"x\":[1,2],\"y\":1.0}"), *b = parsed("{\"y\":1.0,\"x\":[1,2]}");
    LG_AUTO(lg_json) *c = parsed("{\"x\":[2,1],\"y\":1.0}");

    assert_true(lg_json_equal(a, b));
    assert_false(lg_json_equal(a, c));
}

static void a_reference_keeps_a_value_after_its_parent_is_gone(void **state)
{
    (void)state;
    struct lg_json *j = parsed("{\"s\":\"abc\"}");
    LG_AUTO(lg_json) *s = lg_json_ref(lg_json_get(j, "s"));

    lg_json_unref(j);
    assert_slice_equal(lg_json_string(s), LG_LIT("abc"));
    lg_json_unref(NULL);
}

static void memory_of_values_belongs_to_the_current_domain(void **state)
{
    (void)state;
    struct lg_alloc_domain *domain = lg_alloc_domain_new();

    lg_alloc_domain_enter(domain);
    (void)parsed("{\"a\":[1,2,3]}");
    lg_alloc_domain_enter(NULL);
    assert_true(lg_alloc_domain_bytes(domain) > 0);
    lg_alloc_domain_free(domain); /* Or LeakSanitizer would complain. */
}

static void writing_stops_at_the_ceiling(void **state)
{
    (void)state;
    LG_AUTO(lg_json) *j = parsed("[\"aaaaaaaaaaaaaaaa\",1]");
    LG_SCOPED(lg_buf) out = lg_buf_with_ceiling(8);

    lg_json_write(&out, j, true);
    assert_false(lg_buf_ok(&out));
}

static void what_is_absent_reads_as_null(void **state)
{
    const struct lg_json *none = lg_json_at(NULL, 0);

    (void)state;
    assert_null(none);
    assert_int_equal(lg_json_type(none), LG_JSON_NULL);
    assert_false(lg_json_bool(none));
    assert_int_equal(lg_json_int(none), 0);
    assert_int_equal(lg_json_string(none).size, 0);
    assert_int_equal(lg_json_size(none), 0);
    assert_null(lg_json_get(none, "a"));
    assert_int_equal(lg_json_get_int(none, "a", 7), 7);
}

static void a_stored_number_has_a_range(void **state)
{
    static const struct {
        const char *text;
        enum lg_rc rc;
        int64_t want;
    } rows[] = {
        {"{\"n\":0}", LG_OK, 0},
        {"{\"n\":9007199254740991}", LG_OK, 9007199254740991},
        {"{\"n\":null}", LG_OK, 7},
        {"{}", LG_OK, 7},
        {"{\"n\":\"3\"}", LG_OK, 7},
        {"{\"n\":-1}", LG_ERR_BAD_DATA, 0},
        {"{\"n\":9007199254740992}", LG_ERR_BAD_DATA, 0},
        {"{\"n\":9223372036854775807}", LG_ERR_BAD_DATA, 0},
        {"{\"n\":-9223372036854775808}", LG_ERR_BAD_DATA, 0},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_AUTO(lg_json) *json = NULL;
        struct lg_error err = {0};
        int64_t n = -5;

        assert_ok(lg_json_parse(lg_slice_str(rows[i].text), &json, &err));
        assert_rc(rows[i].rc, lg_json_get_number(json, "n", 7, &n, &err));
        assert_int_equal(n, rows[i].rc == LG_OK ? rows[i].want : -5); /* Untouched. */
        if (rows[i].rc != LG_OK)
            assert_non_null(strstr(err.text, "\"n\" is "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_absent_reads_as_null),
        cmocka_unit_test(values_of_every_type_are_read),
        cmocka_unit_test(getters_of_another_type_give_their_neutral_value),
        cmocka_unit_test(members_have_defaults_when_absent_null_or_of_another_type),
        cmocka_unit_test(integers_of_64_bits_are_exact),
        cmocka_unit_test(malformed_text_is_refused_with_its_place),
        cmocka_unit_test(numbers_outside_64_bits_are_refused_and_not_rounded),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(members_keep_their_order_and_a_replaced_one_its_place),
        cmocka_unit_test(an_empty_object_has_no_next_member),
        cmocka_unit_test(made_values_are_written_compact_and_pretty),
        cmocka_unit_test(strings_are_escaped_and_bad_bytes_replaced),
        cmocka_unit_test(strings_that_are_not_utf8_make_no_value_but_may_be_repaired),
        cmocka_unit_test(reals_have_the_fewest_digits_and_stay_reals),
        cmocka_unit_test(random_reals_read_back_the_same),
        cmocka_unit_test(values_are_compared_by_content),
        cmocka_unit_test(a_reference_keeps_a_value_after_its_parent_is_gone),
        cmocka_unit_test(memory_of_values_belongs_to_the_current_domain),
        cmocka_unit_test(writing_stops_at_the_ceiling),
        cmocka_unit_test(a_stored_number_has_a_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
