/* The table is well formed, and every path finds its row. */
#include "api/routes.h"

#include "test/test.h"

static void every_path_finds_its_own_route(void **state)
{
    (void)state;
    for (int i = 0; i < LG_API_COUNT; i++) {
        enum lg_api_route found;
        struct lg_error err = {0};

        assert_ok(lg_api_find(lg_slice_str(lg_api_path((enum lg_api_route)i)), &found, &err));
        assert_int_equal(found, i);
    }
}

static void double_and_trailing_slashes_do_not_matter(void **state)
{
    enum lg_api_route found;
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_api_find(LG_LIT("//send_push_job_details"), &found, &err));
    assert_int_equal(found, LG_API_send_push_job_details);
    assert_ok(lg_api_find(LG_LIT("/store/"), &found, &err));
    assert_int_equal(found, LG_API_store);
}

static void an_unknown_path_is_refused_with_the_nearest(void **state)
{
    enum lg_api_route found;
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_ERR_NOT_FOUND, lg_api_find(LG_LIT("/new_stor"), &found, &err));
    assert_non_null(strstr(err.text, "did you mean '/new_store'?"));
    assert_rc(LG_ERR_NOT_FOUND, lg_api_find(LG_LIT(""), &found, &err));
}

static void names_come_one_by_one(void **state)
{
    const char *list = lg_api_required(LG_API_new_store);

    (void)state;
    assert_slice_equal(lg_api_next_name(&list), LG_LIT("store_name"));
    assert_slice_equal(lg_api_next_name(&list), LG_LIT("key_schema"));
    assert_slice_equal(lg_api_next_name(&list), LG_LIT("value_schema"));
    assert_int_equal(lg_api_next_name(&list).size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_finds_its_own_route),
        cmocka_unit_test(double_and_trailing_slashes_do_not_matter),
        cmocka_unit_test(an_unknown_path_is_refused_with_the_nearest),
        cmocka_unit_test(names_come_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
