/* Tests of metrics: counting on many threads, labels, histograms, and the text Prometheus reads. */
#include "test/test.h"

#include "base/metric.h"

#include <pthread.h>
#include <stdio.h>

#define ROWS(X)                                                                                    \
    X(t_requests_total, COUNTER, NONE, "kind=single|batch,result=found|missing|error",             \
      "Requests \\ seen.")                                                                         \
    X(t_connections, GAUGE, NONE, "", "Connections.")                                              \
    X(t_read_seconds, HISTOGRAM, SECONDS, "store", "Time of a read.")                              \
    X(t_get_seconds, SUMMARY, NANOSECONDS, "store", "Time of a get.")                              \
    X(t_wait_seconds, HISTOGRAM, NANOSECONDS, "", "Time of a wait.")                               \
    X(t_plain, SUMMARY, NONE, "", "Keys of a batch.")                                              \
    X(t_value_bytes, HISTOGRAM, BYTES, "", "Size of a value.")                                     \
    X(t_reads_total, COUNTER, NONE, "how=a|b,store", "Reads.")                                     \
    X(process_cpu_seconds_total, COUNTER, SECONDS, "", "CPU.")

ROWS(LG_METRIC_DEFINE)
static struct lg_metric *const rows[] = {ROWS(LG_METRIC_POINTER)};
static const struct lg_metric_table table = {rows, LG_ARRAY_SIZE(rows)};

static int set_up(void **state)
{
    const struct lg_metric_table *tables[] = {&table};

    (void)state;
    lg_metrics_register(tables, 1, /* stores_max= */ 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_metrics_reset();
    return 0;
}

static char *text(void)
{
    struct lg_buf out = {0};

    lg_metrics_write(&out);
    return lg_buf_take_str(&out);
}

static void assert_has(const char *line)
{
    LG_AUTO_STR char *all = text();

    if (strstr(all, line) == NULL)
        fail_msg("no '%s' in:\n%s", line, all);
}

static void assert_lacks(const char *line)
{
    LG_AUTO_STR char *all = text();

    if (strstr(all, line) != NULL)
        fail_msg("'%s' is in:\n%s", line, all);
}

static void nothing_is_counted_before_the_tables_are_registered(void **state)
{
    (void)state;
    lg_metric_add(&lg_metric_t_requests_total, 0, 1);
    lg_metric_set(&lg_metric_t_connections, 0, 1);
    lg_metric_observe(&lg_metric_t_read_seconds, 0, 1);
    assert_null(lg_metric_histogram(&lg_metric_t_read_seconds, 0));
    assert_false(lg_metrics_registered());
    assert_int_equal(lg_metric_store("cities"), LG_METRIC_STORE_OTHER);
    assert_int_equal(lg_metric_value(&lg_metric_t_requests_total, 0), 0);
    assert_lacks("lagoon_");
}

static void counters_have_a_series_for_every_pair_of_labels(void **state)
{
    (void)state;
    lg_metric_add(&lg_metric_t_requests_total, 1 * 3 + 2, 7);
    lg_metric_add(&lg_metric_t_requests_total, 0 * 3 + 1, 1);
    assert_has("# HELP lagoon_t_requests_total Requests \\\\ seen.\n"
               "# TYPE lagoon_t_requests_total counter\n"
               "lagoon_t_requests_total{kind=\"single\",result=\"found\"} 0\n"
               "lagoon_t_requests_total{kind=\"single\",result=\"missing\"} 1\n"
               "lagoon_t_requests_total{kind=\"single\",result=\"error\"} 0\n"
               "lagoon_t_requests_total{kind=\"batch\",result=\"found\"} 0\n"
               "lagoon_t_requests_total{kind=\"batch\",result=\"missing\"} 0\n"
               "lagoon_t_requests_total{kind=\"batch\",result=\"error\"} 7\n");
}

static void names_of_the_process_are_spelt_as_everywhere(void **state)
{
    (void)state;
    lg_metric_set(&lg_metric_process_cpu_seconds_total, 0, 1250000);
    assert_has("\nprocess_cpu_seconds_total 1.25\n");
    lg_metric_set(&lg_metric_process_cpu_seconds_total, 0, 3000000);
    assert_has("\nprocess_cpu_seconds_total 3\n");
    lg_metric_set(&lg_metric_process_cpu_seconds_total, 0, 3000001);
    assert_has("\nprocess_cpu_seconds_total 3.000001\n");
}

static void *count(void *unused)
{
    (void)unused;
    for (int i = 0; i < 1000; i++) {
        lg_metric_add(&lg_metric_t_requests_total, 0, 1);
        lg_metric_add(&lg_metric_t_connections, 0, 3);
    }
    return NULL;
}

static void *take_back(void *unused)
{
    (void)unused;
    for (int i = 0; i < 1000; i++)
        lg_metric_sub(&lg_metric_t_connections, 0, 2);
    return NULL;
}

static void threads_add_up_also_after_they_ended(void **state)
{
    pthread_t threads[8];

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 8; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, i % 2 ? count : take_back, NULL), 0);
        for (int i = 0; i < 8; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(lg_metric_value(&lg_metric_t_requests_total, 0), 12000);
    assert_has("\nlagoon_t_connections 12000\n");
    lg_metric_sub(&lg_metric_t_connections, 0, 12001);
    assert_has("\nlagoon_t_connections -1\n");
}

static void stores_beyond_the_bound_share_one_series(void **state)
{
    uint32_t a = lg_metric_store("a"), b = lg_metric_store("b\"\n"), c = lg_metric_store("c");

    (void)state;
    assert_int_equal(a, 1);
    assert_int_equal(b, 2);
    assert_int_equal(c, LG_METRIC_STORE_OTHER);
    assert_int_equal(lg_metric_store("a"), a);
    assert_int_equal(lg_metric_store("d"), LG_METRIC_STORE_OTHER);
    assert_lacks("lagoon_t_reads_total{"); /* No store has been read yet. */
    lg_metric_add(&lg_metric_t_reads_total, lg_metric_of_store(&lg_metric_t_reads_total, b, 1), 5);
    lg_metric_add(&lg_metric_t_reads_total, lg_metric_of_store(&lg_metric_t_reads_total, c, 0), 6);
    assert_has("lagoon_t_reads_total{how=\"b\",store=\"b\\\"\\n\"} 5\n");
    assert_has("lagoon_t_reads_total{how=\"a\",store=\"other\"} 6\n");
    assert_lacks("store=\"a\"");
}

static void a_histogram_counts_up_to_each_edge(void **state)
{
    (void)state;
    lg_metric_observe(&lg_metric_t_value_bytes, 0, 0);
    lg_metric_observe(&lg_metric_t_value_bytes, 0, 64);
    lg_metric_observe(&lg_metric_t_value_bytes, 0, 65);
    lg_metric_observe(&lg_metric_t_value_bytes, 0, UINT64_C(1) << 50);
    assert_has("lagoon_t_value_bytes_bucket{le=\"64\"} 2\n"
               "lagoon_t_value_bytes_bucket{le=\"256\"} 3\n");
    assert_has("lagoon_t_value_bytes_bucket{le=\"1073741824\"} 3\n"
               "lagoon_t_value_bytes_bucket{le=\"+Inf\"} 4\n"
               "lagoon_t_value_bytes_sum 1125899906842753\n"
               "lagoon_t_value_bytes_count 4\n");
}

static void times_are_told_in_seconds(void **state)
{
    uint32_t label = lg_metric_of_store(&lg_metric_t_read_seconds, lg_metric_store("cities"), 0);

    (void)state;
    lg_metric_observe(&lg_metric_t_read_seconds, label, 250);
    lg_metric_observe(&lg_metric_t_read_seconds, label, 1500000);
    assert_has("lagoon_t_read_seconds_bucket{store=\"cities\",le=\"0.000128\"} 0\n"
               "lagoon_t_read_seconds_bucket{store=\"cities\",le=\"0.000256\"} 1\n");
    assert_has("lagoon_t_read_seconds_bucket{store=\"cities\",le=\"2.097152\"} 2\n");
    assert_has("lagoon_t_read_seconds_sum{store=\"cities\"} 1.50025\n"
               "lagoon_t_read_seconds_count{store=\"cities\"} 2\n");
    assert_lacks("store=\"other\"");
}

static void quantiles_are_right_within_a_32nd(void **state)
{
    (void)state;
    assert_int_equal(lg_metric_quantile(&lg_metric_t_value_bytes, 0, 0.5), 0);
    for (uint64_t i = 1; i <= 1000; i++)
        lg_metric_observe(&lg_metric_t_value_bytes, 0, i);
    assert_in_range(lg_metric_quantile(&lg_metric_t_value_bytes, 0, 0.5), 500, 512);
    assert_in_range(lg_metric_quantile(&lg_metric_t_value_bytes, 0, 0.99), 990, 1008);
    assert_int_equal(lg_metric_quantile(&lg_metric_t_value_bytes, 0, 0), 1);
}

static void summaries_tell_quantiles_of_nanoseconds_in_seconds(void **state)
{
    uint32_t label = lg_metric_of_store(&lg_metric_t_get_seconds, lg_metric_store("cities"), 0);

    (void)state;
    for (uint64_t i = 1; i <= 100000; i++)
        lg_metric_observe(&lg_metric_t_get_seconds, label, i <= 99900 ? 512 : 1500000000);
    assert_has("# TYPE lagoon_t_get_seconds summary\n"
               "lagoon_t_get_seconds{store=\"cities\",quantile=\"0.5\"} 0.000000512\n"
               "lagoon_t_get_seconds{store=\"cities\",quantile=\"0.9\"} 0.000000512\n"
               "lagoon_t_get_seconds{store=\"cities\",quantile=\"0.99\"} 0.000000512\n"
               "lagoon_t_get_seconds{store=\"cities\",quantile=\"0.999\"} 0.000000512\n"
               "lagoon_t_get_seconds{store=\"cities\",quantile=\"0.9999\"} 1.50994944\n"
               "lagoon_t_get_seconds_sum{store=\"cities\"} 150.0511488\n"
               "lagoon_t_get_seconds_count{store=\"cities\"} 100000\n");
    lg_metric_observe(&lg_metric_t_wait_seconds, 0, 256);
    assert_has("lagoon_t_wait_seconds_bucket{le=\"0.000000256\"} 1\n");
    assert_has("lagoon_t_wait_seconds_bucket{le=\"34.359738368\"} 1\n");
    lg_metric_observe(&lg_metric_t_plain, 0, 7);
    assert_has("lagoon_t_plain{quantile=\"0.9999\"} 7\nlagoon_t_plain_sum 7\n");
    assert_int_equal(lg_metric_value(&lg_metric_t_plain, 0), 1);
}

static void a_lane_that_remembers_its_histogram_counts_the_same(void **state)
{
    struct lg_histogram *h = lg_metric_histogram(&lg_metric_t_value_bytes, 0);

    (void)state;
    lg_metric_observe(&lg_metric_t_value_bytes, 0, 100);
    for (int i = 0; i < 999; i++)
        lg_histogram_add(h, 100);
    assert_int_equal(lg_metric_value(&lg_metric_t_value_bytes, 0), 1000);
    assert_has("lagoon_t_value_bytes_bucket{le=\"64\"} 0\n"
               "lagoon_t_value_bytes_bucket{le=\"256\"} 1000\n");
    assert_has("lagoon_t_value_bytes_sum 100000\n");
    assert_ptr_equal(h, lg_metric_histogram(&lg_metric_t_value_bytes, 0));
}

static void collect(void *ctx)
{
    uint32_t *store = ctx;

    lg_metric_clear(&lg_metric_t_reads_total);
    lg_metric_set(&lg_metric_t_reads_total, lg_metric_of_store(&lg_metric_t_reads_total, *store, 0),
                  9);
}

static void collectors_are_asked_at_each_scrape(void **state)
{
    uint32_t store = lg_metric_store("a");
    struct lg_metric_collector collector = {.collect = collect, .ctx = &store};

    (void)state;
    lg_metrics_collector_add(&collector);
    assert_has("lagoon_t_reads_total{how=\"a\",store=\"a\"} 9\n");
    store = lg_metric_store("b");
    assert_has("lagoon_t_reads_total{how=\"a\",store=\"b\"} 9\n");
    assert_lacks("store=\"a\""); /* What is gone is no longer told. */
    lg_metrics_collector_remove(&collector);
    store = LG_METRIC_STORE_OTHER;
    assert_lacks("store=\"other\"");
}

static bool is_b(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "b") == 0;
}

static void touch(uint32_t store, uint64_t n)
{
    lg_metric_add(&lg_metric_t_reads_total, lg_metric_of_store(&lg_metric_t_reads_total, store, 1),
                  n);
    for (uint64_t i = 0; i < n; i++)
        lg_metric_observe(&lg_metric_t_get_seconds,
                          lg_metric_of_store(&lg_metric_t_get_seconds, store, 0), 1000 * n);
}

static uint64_t touched(uint32_t store)
{
    uint64_t n = lg_metric_value(&lg_metric_t_reads_total,
                                 lg_metric_of_store(&lg_metric_t_reads_total, store, 1));

    assert_int_equal(lg_metric_value(&lg_metric_t_get_seconds,
                                     lg_metric_of_store(&lg_metric_t_get_seconds, store, 0)),
                     n);
    return n;
}

static void a_store_that_is_gone_is_told_no_more_and_makes_room(void **state)
{
    uint32_t a = lg_metric_store("a"), b = lg_metric_store("b"), c;
    uint64_t forgotten = lg_metric_stores_forgotten();

    (void)state;
    touch(a, 5);
    touch(b, 6);
    lg_metric_set(&lg_metric_t_reads_total, lg_metric_of_store(&lg_metric_t_reads_total, a, 0), 9);
    assert_has("lagoon_t_reads_total{how=\"b\",store=\"a\"} 5\n");
    lg_metric_stores_keep(is_b, NULL);
    assert_true(lg_metric_stores_forgotten() > forgotten);
    assert_lacks("store=\"a\"");
    assert_lacks("store=\"\"");
    assert_has("lagoon_t_reads_total{how=\"b\",store=\"b\"} 6\n");
    assert_int_equal(lg_metric_store("c"), LG_METRIC_STORE_OTHER); /* Somebody may still count. */
    touch(a, 1);
    lg_metric_stores_keep(is_b, NULL);
    c = lg_metric_store("c");
    assert_int_equal(c, a);
    assert_int_equal(touched(c), 0);
    assert_lacks("store=\"c\"");
    touch(c, 2);
    assert_int_equal(touched(c), 2);
    assert_has("lagoon_t_reads_total{how=\"b\",store=\"c\"} 2\n");
    assert_lacks("how=\"a\",store=\"c\"");
    assert_has("lagoon_t_get_seconds{store=\"c\",quantile=\"0.9999\"} 0.000002016\n");
    assert_has("lagoon_t_get_seconds_sum{store=\"c\"} 0.000004\n");
    assert_int_equal(touched(b), 6);
    assert_int_equal(lg_metric_store("a"), LG_METRIC_STORE_OTHER); /* It would be new. */
    assert_int_equal(lg_metric_store("b"), b);
}

static void stores_come_and_go_for_ever(void **state)
{
    (void)state;
    assert_int_equal(lg_metric_store("b"), 1);
    for (unsigned i = 0; i < 50; i++) {
        char name[16];
        uint32_t store;

        (void)snprintf(name, sizeof name, "s%u", i);
        store = lg_metric_store(name);
        assert_int_equal(store, 2);
        assert_int_equal(touched(store), 0);
        touch(store, i + 1);
        assert_int_equal(touched(store), i + 1);
        lg_metric_stores_keep(is_b, NULL);
        assert_lacks("store=\"s");
        lg_metric_stores_keep(is_b, NULL);
    }
}

#define TURNS 20000

static void *read_b(void *store)
{
    for (int i = 0; i < TURNS; i++)
        touch(*(const uint32_t *)store, 1);
    return NULL;
}

static void those_that_stay_are_counted_exactly_while_others_go(void **state)
{
    uint32_t b = lg_metric_store("b");
    pthread_t threads[4];

    (void)state;
    touch(b, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_b, &b), 0);
    for (int i = 0; i < 100; i++) {
        touch(lg_metric_store("a"), 1);
        lg_metric_stores_keep(is_b, NULL);
        assert_has("store=\"b\"");
        assert_lacks("store=\"a\"");
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(touched(b), 4 * TURNS + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_counted_before_the_tables_are_registered),
        TEST(counters_have_a_series_for_every_pair_of_labels),
        TEST(names_of_the_process_are_spelt_as_everywhere),
        TEST(threads_add_up_also_after_they_ended),
        TEST(stores_beyond_the_bound_share_one_series),
        TEST(a_histogram_counts_up_to_each_edge),
        TEST(times_are_told_in_seconds),
        TEST(quantiles_are_right_within_a_32nd),
        TEST(summaries_tell_quantiles_of_nanoseconds_in_seconds),
        TEST(a_lane_that_remembers_its_histogram_counts_the_same),
        TEST(collectors_are_asked_at_each_scrape),
        TEST(a_store_that_is_gone_is_told_no_more_and_makes_room),
        TEST(stores_come_and_go_for_ever),
        TEST(those_that_stay_are_counted_exactly_while_others_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
