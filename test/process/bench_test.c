/* `lagoon bench` against a standalone. What is measured is not judged here: the machine is busy. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

static struct lg_rig rig; /* With one store: cities. */

static int set_up(void **state)
{
    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    assert_run(&rig, 0, "push", "cities", "examples/cities/cities.avro", "--key-field", "id",
               "--create");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

static int64_t of(const struct lg_json *json, const char *key)
{
    return lg_json_get_int(json, key, -1);
}

/* All were answered, and keys were found and missed as the file has them. */
static struct lg_json *check_report(int64_t keys_each)
{
    struct lg_json *json = lg_rig_json(lg_buf_slice(&rig.out));

    assert_true(of(json, "requests") > 20);
    assert_int_equal(of(json, "answered"), of(json, "requests"));
    assert_int_equal(of(json, "errors"), 0);
    assert_int_equal(of(json, "keys_found") + of(json, "keys_missing"),
                     keys_each * of(json, "answered"));
    assert_true(of(json, "keys_found") > 0);
    assert_true(of(json, "keys_missing") > 0);
    assert_int_equal(of(lg_json_get(json, "latency_us"), "count"), of(json, "answered"));
    assert_true(lg_json_real(lg_json_get(lg_json_get(json, "latency_us"), "p50")) > 0);
    return json;
}

#define QUICK                                                                                      \
    "--numbers", "2988400-2988600", "--rate", "100", "--duration", "1s", "--warm-up", "100ms",     \
        "--output", "json"

static void gets_and_batches_are_measured_over_rest_at_servers_and_routers(void **state)
{
    (void)state;
    assert_run(&rig, 0, "bench", "get", "cities", "--protocol", "rest", QUICK);
    lg_json_unref(check_report(1));
    lg_rig_assert_err(&rig, " under way  0 errors\n"); /* of each second */
    assert_run(&rig, 0, "bench", "batch", "cities", "--protocol", "rest", "--batch", "7", QUICK);
    lg_json_unref(check_report(7));
    assert_run(&rig, 0, "bench", "get", "cities", "--via", "router", QUICK);
    lg_json_unref(check_report(1));
    assert_run(&rig, 0, "bench", "batch", "cities", "--via", "router", "--batch", "7", QUICK);
    lg_json_unref(check_report(7));
}

static void gets_batches_and_streams_are_measured_over_grpc(void **state)
{
    (void)state;
    assert_run(&rig, 0, "bench", "get", "cities", QUICK);
    lg_json_unref(check_report(1));
    assert_run(&rig, 0, "bench", "batch", "cities", "--batch", "7", "--threads", "2", QUICK);
    lg_json_unref(check_report(7));
    assert_run(&rig, 0, "bench", "stream", "cities", "--batch", "70", "--threads", "2", QUICK);
    lg_json_unref(check_report(70));
}

static void threads_share_the_rate(void **state)
{
    struct lg_json *json;

    (void)state;
    assert_run(&rig, 0, "bench", "get", "cities", "--protocol", "rest", "--threads", "3", QUICK);
    json = check_report(1);
    assert_in_range(of(json, "requests"), 50, 160);
    lg_json_unref(json);
}

static void keys_come_from_a_file(void **state)
{
    LG_AUTO_STR char *path = lg_rig_file(&rig, "keys", LG_LIT("3164603\n2988507\n1\n"));
    LG_AUTO_STR char *bad = lg_rig_file(&rig, "bad", LG_LIT("3164603\nParis\n"));

    (void)state;
    assert_run(&rig, 0, "bench", "get", "cities", "--protocol", "rest", "--keys", path, "--rate",
               "100", "--duration", "1s", "--output", "json", "--compact");
    lg_json_unref(check_report(1));
    assert_run(&rig, 2, "bench", "get", "cities", "--keys", bad);
    lg_rig_assert_err(&rig, "line 2 of the keys: 'Paris' is no key of the store");
    assert_run(&rig, 2, "bench", "get", "cities", "--partitions", "3", QUICK);
    lg_rig_assert_err(&rig, "store 'cities' has 4 partitions in version 1, not --partitions 3");
}

/* Of none of them a GiB is read to find out. */
static void keys_without_an_end_are_refused_at_once(void **state)
{
    enum { KIB_MAX = 512 << 10 };
    LG_AUTO_STR char *large = lg_rig_file(&rig, "large", LG_SLICE_NULL);
    struct rusage of_commands;

    (void)state;
    assert_int_equal(truncate(large, ((off_t)1 << 30) + 1), 0);
    assert_run(&rig, 2, "bench", "get", "cities", "--keys", "/dev/zero");
    lg_rig_assert_err(&rig, "/dev/zero is a device, which has no end");
    assert_run(&rig, 4, "bench", "get", "cities", "--keys", large);
    lg_rig_assert_err(&rig, "large is larger than 1073741824 bytes");
    assert_run(&rig, 2, "bench", "get", "cities", "--keys", "/dev/null");
    lg_rig_assert_err(&rig, "there is no key in /dev/null");
    assert_int_equal(getrusage(RUSAGE_CHILDREN, &of_commands), 0);
    assert_in_range(of_commands.ru_maxrss, 1, KIB_MAX);
}

static void a_server_needs_no_controller_when_all_is_said(void **state)
{
    LG_AUTO_STR char *server = lg_strf("127.0.0.1:%u", rig.server);
    const char *nowhere[] = {"LAGOON_CONTROLLER=http://127.0.0.1:1", NULL};

    (void)state;
    rig.environment = nowhere;
    assert_run(&rig, 5, "bench", "get", "cities", "--protocol", "rest", "--timeout", "300ms",
               QUICK);
    assert_run(&rig, 0, "bench", "get", "cities", "--protocol", "rest", "--server", server,
               "--version", "1", "--partitions", "4", "--key-schema", "examples/cities/key.avsc",
               QUICK);
    lg_json_unref(check_report(1));
    /* By a name, which is looked up off the lane. */
    lg_free(server);
    server = lg_strf("LOCALHOST:%u", rig.server);
    assert_run(&rig, 0, "bench", "get", "cities", "--server", server, "--version", "1",
               "--partitions", "4", "--key-schema", "examples/cities/key.avsc", QUICK);
    lg_json_unref(check_report(1));
    rig.environment = NULL;
}

static void errors_are_told_by_kind_and_fail_the_command(void **state)
{
    LG_AUTO_STR char *server = lg_strf("127.0.0.1:%u", rig.server);
    struct lg_json *json, *kinds;

    (void)state;
    assert_run(&rig, 1, "bench", "get", "cities", "--protocol", "rest", "--server", server,
               "--version", "99", "--partitions", "4", "--key-schema", "examples/cities/key.avsc",
               QUICK);
    json = lg_rig_json(lg_buf_slice(&rig.out));
    kinds = lg_json_get(json, "errors_by_kind");
    assert_int_equal(of(lg_json_get(kinds, "invalid"), "count"), of(json, "requests"));
    assert_non_null(
        strstr(lg_json_get_str(lg_json_get(kinds, "invalid"), "example", ""), "cities_v99"));
    lg_json_unref(json);
    lg_rig_assert_err(&rig, "requests failed: ");
    /* Nobody listens there. */
    assert_run(&rig, 1, "bench", "get", "cities", "--server", "127.0.0.1:1", "--version", "1",
               "--partitions", "4", "--key-schema", "examples/cities/key.avsc", QUICK);
    json = lg_rig_json(lg_buf_slice(&rig.out));
    kinds = lg_json_get(json, "errors_by_kind");
    assert_int_equal(of(lg_json_get(kinds, "connect"), "count"), of(json, "requests"));
    assert_non_null(
        strstr(lg_json_get_str(lg_json_get(kinds, "connect"), "example", ""), "127.0.0.1:1"));
    lg_json_unref(json);
}

static void a_stream_that_is_refused_says_why(void **state)
{
    static const char *const options[] = {"--grpc=false", NULL};
    struct lg_rig without;
    struct lg_json *json;

    (void)state;
    lg_rig_init(&without);
    lg_rig_start(&without, options, NULL);
    assert_run(&without, 0, "push", "cities", "examples/cities/cities.avro", "--key-field", "id",
               "--create");
    assert_run(&without, 1, "bench", "stream", "cities", QUICK);
    json = lg_rig_json(lg_buf_slice(&without.out));
    assert_non_null(strstr(
        lg_json_get_str(lg_json_get(lg_json_get(json, "errors_by_kind"), "connect"), "example", ""),
        "gRPC is off on this server"));
    lg_json_unref(json);
    lg_rig_done(&without);
}

static void a_bar_that_cannot_be_kept_fails_or_voids_the_run(void **state)
{
    struct lg_json *json;
    const char *verdict;
    int status;

    (void)state;
    status = LG_RUN(&rig, "bench", "get", "cities", "--protocol", "rest", "--bar", "1us", QUICK,
                    "--percentile", "50");
    json = lg_rig_json(lg_buf_slice(&rig.out));
    verdict = lg_json_get_str(lg_json_get(json, "verdict"), "verdict", "");
    assert_string_equal(verdict, status == 1 ? "FAIL" : "VOID");
    assert_true(status == 1 || status == 5);
    lg_json_unref(json);
    assert_run(&rig, 0, "bench", "get", "cities", "--protocol", "rest", "--bar", "20s", QUICK,
               "--percentile", "50");
}

static void ctrl_c_ends_it_with_what_was_seen(void **state)
{
    const char *words[] = {"bench",  "get",      "cities", "--protocol", "rest", "--numbers",
                           "1-1000", "--rate",   "100",    "--duration", "10m",  "--warm-up",
                           "1ms",    "--output", "json",   NULL};
    struct lg_process p = {0};
    LG_SCOPED(lg_buf) out = {0};
    struct lg_json *json;

    (void)state;
    lg_rig_spawn(&rig, &p, words);
    for (unsigned i = 0; i < 600; i++) {
        lg_buf_clear(&out);
        lg_process_stderr(&p, &out);
        lg_buf_append_byte(&out, 0);
        if (strstr((const char *)out.data, " under way") != NULL)
            break;
        lg_process_pause(50);
    }
    lg_process_signal(&p, SIGINT);
    assert_int_equal(lg_process_wait(&p, 30000), 0);
    lg_buf_clear(&out);
    lg_process_stdout(&p, &out);
    json = lg_rig_json(lg_buf_slice(&out));
    assert_true(lg_json_get_bool(json, "interrupted", false));
    assert_true(of(json, "answered") > 0);
    assert_int_equal(of(json, "answered"), of(json, "requests"));
    assert_true(lg_json_real(lg_json_get(json, "seconds")) < 60);
    lg_json_unref(json);
    lg_process_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_and_batches_are_measured_over_rest_at_servers_and_routers),
        cmocka_unit_test(gets_batches_and_streams_are_measured_over_grpc),
        cmocka_unit_test(threads_share_the_rate),
        cmocka_unit_test(keys_come_from_a_file),
        cmocka_unit_test(keys_without_an_end_are_refused_at_once),
        cmocka_unit_test(a_server_needs_no_controller_when_all_is_said),
        cmocka_unit_test(errors_are_told_by_kind_and_fail_the_command),
        cmocka_unit_test(a_stream_that_is_refused_says_why),
        cmocka_unit_test(a_bar_that_cannot_be_kept_fails_or_voids_the_run),
        cmocka_unit_test(ctrl_c_ends_it_with_what_was_seen),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
