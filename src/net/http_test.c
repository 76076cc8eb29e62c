/* The shared words of HTTP. */
#include "net/http.h"

#include "test/test.h"

static void headers_are_found_without_regard_to_case(void **state)
{
    struct lg_http_header data[] = {{LG_LIT("Content-Type"), LG_LIT("a")},
                                    {LG_LIT("X"), LG_LIT("")},
                                    {LG_LIT("x"), LG_LIT("c")}};
    struct lg_http_headers headers = {data, LG_ARRAY_SIZE(data)};

    (void)state;
    assert_slice_equal(lg_http_header(&headers, "content-TYPE"), LG_LIT("a"));
    assert_non_null(lg_http_header(&headers, "x").data); /* The first, which is empty. */
    assert_int_equal(lg_http_header(&headers, "x").size, 0);
    assert_null(lg_http_header(&headers, "content").data);
    assert_null(lg_http_header(&(struct lg_http_headers){0}, "x").data);
}

static void methods_and_statuses_have_names(void **state)
{
    (void)state;
    assert_string_equal(lg_http_method_name(LG_HTTP_GET), "GET");
    assert_string_equal(lg_http_method_name(LG_HTTP_OPTIONS), "OPTIONS");
    assert_string_equal(lg_http_reason(404), "Not Found");
    assert_string_equal(lg_http_reason(299), "Unknown");
}

/* A status that an error maps to must not be sent without its reason. */
static void every_error_has_a_status_with_a_reason(void **state)
{
    (void)state;
    for (int rc = 0; rc < LG_RC_COUNT; rc++) {
        assert_string_not_equal(lg_http_reason(lg_rc_http((enum lg_rc)rc, false)), "Unknown");
        assert_string_not_equal(lg_http_reason(lg_rc_http((enum lg_rc)rc, true)), "Unknown");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_found_without_regard_to_case),
        cmocka_unit_test(methods_and_statuses_have_names),
        cmocka_unit_test(every_error_has_a_status_with_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
