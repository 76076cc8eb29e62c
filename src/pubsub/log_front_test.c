/* Tests of who may use the log over HTTP. Its routes are tested with their client, in
 * drivers/loghttp/loghttp_test.c. */
#include "pubsub/log_front.h"

#include "test/test.h"

static bool allowed(const char *origin, const char *host)
{
    struct lg_http_header data[2] = {{LG_LIT("Host"), lg_slice_str(host)},
                                     {LG_LIT("Origin"), lg_slice_str(origin)}};
    struct lg_http_headers headers = {data, origin == NULL ? 1 : 2};

    return lg_log_front_allowed(&headers);
}

static void programs_may_use_the_log(void **state)
{
    (void)state;
    assert_true(allowed(NULL, "127.0.0.1:5555"));
    assert_true(allowed(NULL, "lagoon.example:5555")); /* No browser: Host is nobody's trick. */
}

static void a_page_of_the_same_address_may(void **state)
{
    (void)state;
    assert_true(allowed("http://127.0.0.1:5555", "127.0.0.1:5555"));
    assert_true(allowed("https://LOCALHOST:5555", "localhost:5555"));
    assert_true(allowed("http://[::1]:5555", "[::1]:5555"));
}

static void a_page_of_another_origin_may_not(void **state)
{
    (void)state;
    assert_false(allowed("http://evil.example", "127.0.0.1:5555"));
    assert_false(allowed("http://127.0.0.1:5556", "127.0.0.1:5555"));
    assert_false(allowed("http://127.0.0.1:55555", "127.0.0.1:5555"));
    assert_false(allowed("null", "127.0.0.1:5555"));
    assert_false(allowed("", "127.0.0.1:5555"));
    assert_false(allowed("file://", ""));
    assert_false(allowed("http://", ""));
}

static void a_name_that_points_here_is_no_proof(void **state)
{
    (void)state;
    /* The page of evil.example, whose owner lets the name resolve to this machine. */
    assert_false(allowed("http://evil.example:5555", "evil.example:5555"));
    assert_false(allowed("http://1.2.3.4.evil.example:5555", "1.2.3.4.evil.example:5555"));
    assert_false(allowed("http://localhost.evil:5555", "localhost.evil:5555"));
    assert_false(allowed("http://1.2.3:5555", "1.2.3:5555"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_may_use_the_log),
        cmocka_unit_test(a_page_of_the_same_address_may),
        cmocka_unit_test(a_page_of_another_origin_may_not),
        cmocka_unit_test(a_name_that_points_here_is_no_proof),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
