/* The promised numbers of codes, their words, and values as they are handed out. */
#include "lib/value.h"

#include "base/str.h"
#include "test/test.h"

static void the_numbers_of_codes_never_change(void **state)
{
    (void)state;
    assert_int_equal(LAGOON_OK, 0);
    assert_int_equal(LAGOON_ERR_FAILED, 1);
    assert_int_equal(LAGOON_ERR_NOT_FOUND, 3);
    assert_int_equal(LAGOON_ERR_UNAVAILABLE, 8);
    assert_int_equal(LAGOON_ERR_BUSY, 9);
    assert_int_equal(LAGOON_ERR_TIMEOUT, 10);
    assert_int_equal(LAGOON_ERR_CANCELLED, 11);
    assert_int_equal(LAGOON_ERR_UNSUPPORTED, 16);
    for (int i = 0; i <= LAGOON_ERR_UNSUPPORTED; i++) { /* Each has words. */
        assert_string_not_equal(lagoon_rc_name((enum lagoon_rc)i), "LAGOON_ERR_UNKNOWN");
        assert_true(strlen(lagoon_rc_text((enum lagoon_rc)i)) > 5);
    }
    assert_string_equal(lagoon_rc_name((enum lagoon_rc)99), "LAGOON_ERR_UNKNOWN");
    assert_non_null(strstr(lagoon_rc_text((enum lagoon_rc)99), "does not know"));
    assert_int_equal(lagoon_rc_may_retry((enum lagoon_rc)99), 0);
    assert_int_equal(lagoon_rc_may_retry(LAGOON_ERR_BUSY), 1);
    assert_int_equal(lagoon_rc_may_retry(LAGOON_ERR_INVALID), 0);
    assert_string_equal(lagoon_version(), LAGOON_VERSION);
}

static void our_codes_become_the_promised_ones_of_the_same_name(void **state)
{
    (void)state;
    for (int i = 0; i < LG_RC_COUNT; i++) {
        LG_AUTO_STR char *name = lg_strf("LAGOON_%s", lg_rc_name((enum lg_rc)i));
        enum lagoon_rc rc = lg_lib_rc((enum lg_rc)i);
        bool has_one = false;

        for (int j = 0; j <= LAGOON_ERR_UNSUPPORTED; j++)
            has_one |= strcmp(lagoon_rc_name((enum lagoon_rc)j), name) == 0;
        if (has_one)
            assert_string_equal(lagoon_rc_name(rc), name);
        else
            assert_int_not_equal(rc, LAGOON_OK);
    }
    assert_int_equal(lg_lib_rc(LG_ERR_CORRUPT), LAGOON_ERR_BAD_DATA);
}

static struct lagoon_value *value_of(const char *schema_text, struct lg_slice bytes)
{
    LG_AUTO(lg_schema) *schema = NULL;
    struct lagoon_value *value = NULL;
    struct lg_client_found found;
    struct lg_error err;

    assert_ok(lg_schema_parse(lg_slice_str(schema_text), &schema, &err));
    found = (struct lg_client_found){.value = bytes, .schema = schema, .schema_id = 4};
    assert_ok(lg_lib_value_new(&found, &value, &err));
    return value;
}

static void a_value_that_does_not_fit_its_schema_is_told_when_it_is_read(void **state)
{
    struct lagoon_value *cut = value_of("\"string\"", LG_LIT("\x0cval"));
    struct lagoon_value *more = value_of("\"long\"", LG_LIT("\x02\x02"));
    struct lagoon_value *empty = value_of("\"null\"", LG_SLICE_NULL);
    struct lagoon_slice json = {0};
    char why[LAGOON_WHY_MAX];

    (void)state;
    assert_int_equal(lagoon_value_json(cut, &json, why, sizeof why), LAGOON_ERR_BAD_DATA);
    assert_non_null(strstr(why, "written with schema 4"));
    assert_int_equal(lagoon_value_json(more, &json, why, sizeof why), LAGOON_ERR_BAD_DATA);
    assert_non_null(strstr(why, "1 bytes follow"));
    assert_null(json.data);
    assert_int_equal(lagoon_value_bytes(cut).size, 4); /* The bytes are there all the same. */
    assert_int_equal(lagoon_value_json(empty, &json, NULL, 0), LAGOON_OK);
    assert_memory_equal(json.data, "null", 4);
    assert_int_equal(lagoon_value_bytes(empty).size, 0);
    assert_int_equal(lagoon_value_version(empty), 0);
    lagoon_value_free(cut);
    lagoon_value_free(more);
    lagoon_value_free(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_numbers_of_codes_never_change),
        cmocka_unit_test(our_codes_become_the_promised_ones_of_the_same_name),
        cmocka_unit_test(a_value_that_does_not_fit_its_schema_is_told_when_it_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
