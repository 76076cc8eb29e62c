/* Health without a socket: states, watches, bounds. */
#include "net/grpc_health.h"

#include "test/test.h"

static struct lg_grpc_health_board *board;
static unsigned news_count;

static int begin(void **state)
{
    (void)state;
    board = lg_grpc_health_board_new();
    news_count = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    lg_grpc_health_board_free(board);
    return 0;
}

static void set(const char *service, enum lg_grpc_health to)
{
    struct lg_error err = {0};

    assert_ok(lg_grpc_health_set(board, lg_slice_str(service), to, &err));
}

static struct lg_grpc_health_check_request about(const char *service)
{
    return (struct lg_grpc_health_check_request){lg_slice_str(service)};
}

static int32_t check(const char *service)
{
    const struct lg_grpc_health_check_request rq = about(service);
    struct lg_grpc_health_check_response rs = {.status = -1};
    enum lg_grpc_status status = lg_grpc_health_check(board, &rq, &rs);

    assert_int_equal(status == LG_GRPC_OK, rs.status != -1);
    assert_true(status == LG_GRPC_OK || status == LG_GRPC_NOT_FOUND);
    return rs.status;
}

static void count_news(struct lg_grpc_health_watch *watch)
{
    (void)watch;
    news_count++;
}

static void stop_at_news(struct lg_grpc_health_watch *watch)
{
    news_count++;
    lg_grpc_health_watch_stop(watch);
}

static void watch(struct lg_grpc_health_watch *w, const char *service,
                  void (*news)(struct lg_grpc_health_watch *))
{
    const struct lg_grpc_health_check_request rq = about(service);

    lg_grpc_health_watch_start(w, board, &rq, news);
}

/* -1: nothing to tell. */
static int32_t next(struct lg_grpc_health_watch *w)
{
    struct lg_grpc_health_check_response rs;

    return lg_grpc_health_watch_next(w, &rs) ? rs.status : -1;
}

static void a_check_tells_the_state_or_not_found(void **state)
{
    (void)state;
    assert_int_equal(check(""), -1);
    set("", LG_GRPC_HEALTH_SERVING);
    set("a.B", LG_GRPC_HEALTH_NOT_SERVING);
    assert_int_equal(check(""), LG_GRPC_HEALTH_SERVING);
    assert_int_equal(check("a.B"), LG_GRPC_HEALTH_NOT_SERVING);
    assert_int_equal(check("a"), -1);
    set("a.B", LG_GRPC_HEALTH_SERVING);
    assert_int_equal(check("a.B"), LG_GRPC_HEALTH_SERVING);
    set("", LG_GRPC_HEALTH_SERVICE_UNKNOWN);
    assert_int_equal(check(""), -1);
    assert_int_equal(check("a.B"), LG_GRPC_HEALTH_SERVING);
}

static void a_watch_tells_the_state_at_once_and_each_change(void **state)
{
    struct lg_grpc_health_watch w;

    (void)state;
    set("a", LG_GRPC_HEALTH_SERVING);
    watch(&w, "a", count_news);
    assert_int_equal(next(&w), LG_GRPC_HEALTH_SERVING);
    assert_int_equal(next(&w), -1);
    set("a", LG_GRPC_HEALTH_SERVING);
    set("b", LG_GRPC_HEALTH_SERVING);
    assert_int_equal(news_count, 0);
    set("a", LG_GRPC_HEALTH_NOT_SERVING);
    assert_int_equal(news_count, 1);
    assert_int_equal(next(&w), LG_GRPC_HEALTH_NOT_SERVING);
    /* What came and went is not told. */
    set("a", LG_GRPC_HEALTH_SERVING);
    set("a", LG_GRPC_HEALTH_NOT_SERVING);
    assert_int_equal(next(&w), -1);
    lg_grpc_health_watch_stop(&w);
    set("a", LG_GRPC_HEALTH_SERVING);
    assert_int_equal(news_count, 2);
}

static void a_watch_of_a_service_that_is_not_there_waits_for_it(void **state)
{
    struct lg_grpc_health_watch w;

    (void)state;
    watch(&w, "later", count_news);
    assert_int_equal(next(&w), LG_GRPC_HEALTH_SERVICE_UNKNOWN);
    set("later", LG_GRPC_HEALTH_SERVING);
    assert_int_equal(next(&w), LG_GRPC_HEALTH_SERVING);
    set("later", LG_GRPC_HEALTH_SERVICE_UNKNOWN);
    assert_int_equal(next(&w), LG_GRPC_HEALTH_SERVICE_UNKNOWN);
    lg_grpc_health_watch_stop(&w);
}

static void a_watch_may_stop_itself_at_news(void **state)
{
    struct lg_grpc_health_watch w[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        watch(&w[i], "a", i == 1 ? count_news : stop_at_news);
        (void)next(&w[i]);
    }
    set("a", LG_GRPC_HEALTH_SERVING);
    assert_int_equal(news_count, 3);
    set("a", LG_GRPC_HEALTH_NOT_SERVING);
    assert_int_equal(news_count, 4);
    lg_grpc_health_watch_stop(&w[1]);
}

static void a_server_that_ends_serves_nothing_for_good(void **state)
{
    struct lg_grpc_health_watch w;

    (void)state;
    set("", LG_GRPC_HEALTH_SERVING);
    set("a", LG_GRPC_HEALTH_SERVING);
    watch(&w, "a", count_news);
    (void)next(&w);
    lg_grpc_health_shutdown(board);
    assert_int_equal(next(&w), LG_GRPC_HEALTH_NOT_SERVING);
    set("a", LG_GRPC_HEALTH_SERVING);
    set("new", LG_GRPC_HEALTH_SERVING);
    assert_int_equal(check(""), LG_GRPC_HEALTH_NOT_SERVING);
    assert_int_equal(check("a"), LG_GRPC_HEALTH_NOT_SERVING);
    assert_int_equal(check("new"), -1);
    lg_grpc_health_watch_stop(&w);
}

static void services_and_names_are_bounded(void **state)
{
    char name[LG_GRPC_HEALTH_NAME_MAX + 2];
    struct lg_grpc_health_watch w;
    struct lg_error err = {0};

    (void)state;
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_rc(LG_ERR_TOO_LARGE,
              lg_grpc_health_set(board, lg_slice_str(name), LG_GRPC_HEALTH_SERVING, &err));
    set("", LG_GRPC_HEALTH_SERVING);
    watch(&w, name, count_news);
    assert_int_equal(next(&w), LG_GRPC_HEALTH_SERVICE_UNKNOWN);
    set("", LG_GRPC_HEALTH_SERVICE_UNKNOWN);
    /* Not taken for the service whose name it begins with. */
    name[LG_GRPC_HEALTH_NAME_MAX] = '\0';
    set(name, LG_GRPC_HEALTH_SERVING);
    assert_int_equal(next(&w), -1);
    lg_grpc_health_watch_stop(&w);
    for (unsigned i = 1; i < LG_GRPC_HEALTH_SERVICES_MAX; i++) {
        name[i] = '\0';
        set(name, LG_GRPC_HEALTH_SERVING);
        name[i] = 'a';
    }
    assert_rc(LG_ERR_TOO_LARGE,
              lg_grpc_health_set(board, LG_LIT("one more"), LG_GRPC_HEALTH_SERVING, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_check_tells_the_state_or_not_found, begin, end),
        cmocka_unit_test_setup_teardown(a_watch_tells_the_state_at_once_and_each_change, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_watch_of_a_service_that_is_not_there_waits_for_it, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_watch_may_stop_itself_at_news, begin, end),
        cmocka_unit_test_setup_teardown(a_server_that_ends_serves_nothing_for_good, begin, end),
        cmocka_unit_test_setup_teardown(services_and_names_are_bounded, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
