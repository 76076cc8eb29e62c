/* Addresses, the choice among routers, and the budget of retries. */
#include "client/routers.h"

#include "base/str.h"
#include "test/test.h"

static void addresses_are_parsed_and_told_apart(void **state)
{
    struct lg_routers r = {0};
    struct lg_error err;

    (void)state;
    assert_ok(lg_routers_init(&r, "http://a:1 ,\thttp://b, http://[::1]:3,http://a:1", 10, &err));
    assert_int_equal(r.count, 3); /* One was named twice. */
    assert_string_equal(r.list[0]->name, "a:1");
    assert_string_equal(r.list[1]->name, "b:80");
    assert_string_equal(r.list[2]->address, "::1");
    lg_routers_done(&r);
    lg_routers_done(&r);
}

static void what_is_no_address_is_named(void **state)
{
    static const char *const bad[] = {"", " ", "http://a:1,", "a:1", "ftp://a", "http://a:x"};
    LG_SCOPED(lg_buf) many = {0};
    struct lg_routers r = {0};
    struct lg_error err;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        assert_rc(LG_ERR_INVALID, lg_routers_init(&r, bad[i], 10, &err));
        assert_non_null(strstr(err.text, "router: "));
        assert_null(r.hosts);
    }
    for (unsigned i = 0; i <= LG_ROUTERS_MAX; i++)
        lg_buf_appendf(&many, "%shttp://h%u:1", i == 0 ? "" : ",", i);
    lg_buf_append_byte(&many, '\0');
    assert_rc(LG_ERR_TOO_LARGE, lg_routers_init(&r, (const char *)many.data, 10, &err));
    assert_non_null(strstr(err.text, "16 routers"));
}

static void requests_are_spread_and_tried_ones_left_out(void **state)
{
    struct lg_routers r;
    struct lg_error err;
    const struct lg_host *tried[2];
    struct lg_host *first;

    (void)state;
    assert_ok(lg_routers_init(&r, "http://a:1,http://b:2", 10, &err));
    first = lg_routers_pick(&r, NULL, 0, 0);
    lg_host_sent(r.hosts, first);
    assert_ptr_not_equal(lg_routers_pick(&r, NULL, 0, 0), first);
    tried[0] = lg_routers_pick(&r, NULL, 0, 0);
    assert_ptr_equal(lg_routers_pick(&r, tried, 1, 0), first);
    tried[1] = first;
    assert_null(lg_routers_pick(&r, tried, 2, 0));
    lg_routers_done(&r);
}

static void the_budget_is_a_burst_and_then_a_share(void **state)
{
    struct lg_routers r;
    struct lg_error err;
    size_t taken = 0;

    (void)state;
    assert_ok(lg_routers_init(&r, "http://a:1", 25, &err));
    while (lg_routers_take_retry(&r))
        taken++;
    assert_int_equal(taken, LG_ROUTERS_RETRY_BURST);
    for (size_t i = 0; i < 3; i++)
        lg_routers_read_began(&r);
    assert_false(lg_routers_take_retry(&r));
    lg_routers_read_began(&r);
    assert_true(lg_routers_take_retry(&r));
    assert_false(lg_routers_take_retry(&r));
    for (size_t i = 0; i < 100 * LG_ROUTERS_RETRY_BURST; i++) /* It does not grow for ever. */
        lg_routers_read_began(&r);
    for (taken = 0; lg_routers_take_retry(&r);)
        taken++;
    assert_int_equal(taken, LG_ROUTERS_RETRY_BURST);
    lg_routers_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_parsed_and_told_apart),
        cmocka_unit_test(what_is_no_address_is_named),
        cmocka_unit_test(requests_are_spread_and_tried_ones_left_out),
        cmocka_unit_test(the_budget_is_a_burst_and_then_a_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
