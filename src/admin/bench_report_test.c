/* Verdicts and reports of made-up runs; keys and where they are. */
#include "admin/bench.h"

#include <stdio.h>

#include "base/json.h"
#include "model/partitioner.h"
#include "test/test.h"

struct rig {
    struct lg_bench_plan plan;
    struct lg_bench_seen seen;
    struct lg_hiccup hiccup;
    struct lg_bench_run run;
    struct lg_buf out;
    struct lg_error err;
};

/* 100,000 answers of 200 us on a machine that never stands still, from a client that is punctual.
 */
static struct rig *new_rig(void)
{
    struct rig *r = lg_new(struct rig);

    r->plan.store = lg_strdup("st");
    r->plan.rate = 10000;
    r->seen.intended = r->seen.answered = r->seen.keys_found = 100000;
    lg_histogram_add_n(&r->seen.times.latency_ns, 200000, 100000);
    lg_histogram_add_n(&r->seen.times.late_ns, 5000, 100000);
    lg_histogram_add_n(&r->hiccup.stalls_ns, 50000, 200000);
    r->run = (struct lg_bench_run){.plan = &r->plan,
                                   .seen = &r->seen,
                                   .hiccup = &r->hiccup,
                                   .elapsed_ns = UINT64_C(10000000000),
                                   .cpu_ns = 500000000};
    return r;
}

static void rig_free(struct rig *r)
{
    lg_bench_plan_done(&r->plan);
    lg_buf_done(&r->out);
    lg_free(r);
}
LG_DEFINE_AUTO(rig, rig_free)

static enum lg_verdict verdict(struct rig *r)
{
    struct lg_bench_verdict v;

    lg_bench_judge(&r->run, &v);
    return v.verdict;
}

static void without_a_bar_only_the_machine_and_the_client_void_a_run(void **state)
{
    LG_AUTO(rig) *r = new_rig();

    (void)state;
    assert_int_equal(verdict(r), LG_VERDICT_PASS);
    lg_histogram_add_n(&r->hiccup.stalls_ns, 150000, 200000); /* Most of a latency. */
    assert_int_equal(verdict(r), LG_VERDICT_VOID);
}

static void a_client_that_is_late_itself_says_so(void **state)
{
    LG_AUTO(rig) *r = new_rig();
    struct lg_bench_verdict v;

    (void)state;
    lg_histogram_add_n(&r->seen.times.late_ns, 190000, 100);
    lg_bench_judge(&r->run, &v);
    assert_true(v.client_behind);
    assert_int_equal(v.verdict, LG_VERDICT_VOID);
    assert_non_null(strstr(v.why.text, "the client itself was"));
}

static void a_bar_is_kept_missed_or_not_to_be_told(void **state)
{
    LG_AUTO(rig) *r = new_rig();

    (void)state;
    r->plan.share = 0.999;
    r->plan.bar_ns = 1000000;
    assert_int_equal(verdict(r), LG_VERDICT_PASS);
    assert_rc(LG_OK, lg_bench_report(&r->run, LG_OUTPUT_TABLE, false, &r->out, &r->err));
    r->plan.bar_ns = 150000;
    assert_int_equal(verdict(r), LG_VERDICT_FAIL);
    assert_rc(LG_ERR_FAILED, lg_bench_report(&r->run, LG_OUTPUT_TABLE, false, &r->out, &r->err));
    lg_histogram_add_n(&r->hiccup.stalls_ns, 120000, 1000);
    assert_int_equal(verdict(r), LG_VERDICT_VOID);
    assert_rc(LG_ERR_BUSY, lg_bench_report(&r->run, LG_OUTPUT_TABLE, false, &r->out, &r->err));
    r->plan.bar_ns = 1000000;
    r->plan.share = 0.999999; /* Too few answers for that. */
    assert_int_equal(verdict(r), LG_VERDICT_VOID);
}

static void errors_fail_the_command_and_stand_in_the_report(void **state)
{
    LG_AUTO(rig) *r = new_rig();
    LG_AUTO(lg_json) *json = NULL;
    struct lg_json *quota;
    struct lg_error err = {0};

    (void)state;
    r->seen.errors[LG_BENCH_QUOTA] = 7;
    (void)snprintf(r->seen.example[LG_BENCH_QUOTA], LG_BENCH_EXAMPLE_BYTES, "slower, please");
    assert_rc(LG_ERR_FAILED, lg_bench_report(&r->run, LG_OUTPUT_JSON, true, &r->out, &r->err));
    assert_string_equal(r->err.text, "7 of 100000 requests failed: 7 quota");
    assert_ok(lg_json_parse(lg_buf_slice(&r->out), &json, &err));
    quota = lg_json_get(lg_json_get(json, "errors_by_kind"), "quota");
    assert_int_equal(lg_json_get_int(json, "errors", 0), 7);
    assert_int_equal(lg_json_get_int(quota, "count", 0), 7);
    assert_string_equal(lg_json_get_str(quota, "example", ""), "slower, please");
    assert_int_equal(lg_json_size(lg_json_get(json, "errors_by_kind")), 1);
}

static void the_report_has_percentiles_rates_and_costs(void **state)
{
    LG_AUTO(rig) *r = new_rig();
    LG_AUTO(lg_json) *json = NULL;
    struct lg_json *times;
    struct lg_error err = {0};

    (void)state;
    lg_histogram_add_n(&r->seen.times.latency_ns, 4000000, 20);
    assert_rc(LG_OK, lg_bench_report(&r->run, LG_OUTPUT_JSON, false, &r->out, &r->err));
    assert_ok(lg_json_parse(lg_buf_slice(&r->out), &json, &err));
    times = lg_json_get(json, "latency_us");
    assert_true(lg_json_real(lg_json_get(times, "p99")) < 207);
    assert_true(lg_json_real(lg_json_get(times, "p99_99")) > 3999);
    assert_true(lg_json_real(lg_json_get(times, "p99_99")) < 4130);
    assert_int_equal(lg_json_real(lg_json_get(json, "per_second")), 10000);
    assert_int_equal(lg_json_real(lg_json_get(json, "client_cpu_us_per_request")), 5);
}

static void merged_runs_are_the_sum_of_their_parts(void **state)
{
    LG_AUTO(rig) *a = new_rig();
    LG_AUTO(rig) *b = new_rig();

    (void)state;
    b->seen.errors[LG_BENCH_LOST] = 3;
    (void)snprintf(b->seen.example[LG_BENCH_LOST], LG_BENCH_EXAMPLE_BYTES, "gone");
    lg_bench_seen_merge(&a->seen, &b->seen, /* has_ended= */ false);
    assert_int_equal(a->seen.answered, 200000);
    assert_int_equal(lg_bench_errors(&a->seen), 3);
    assert_string_equal(a->seen.example[LG_BENCH_LOST], "");
    assert_int_equal(lg_histogram_count(&a->seen.times.latency_ns), 200000);
    lg_bench_seen_merge(&a->seen, &b->seen, /* has_ended= */ true);
    assert_string_equal(a->seen.example[LG_BENCH_LOST], "gone");
}

static void progress_tells_of_the_last_interval_alone(void **state)
{
    LG_AUTO(rig) *now = new_rig();
    LG_AUTO(rig) *before = new_rig();

    (void)state;
    lg_histogram_add_n(&now->seen.times.latency_ns, 10000000, 500);
    now->seen.answered += 500;
    now->seen.intended += 503;
    now->seen.errors[LG_BENCH_QUOTA] = 1;
    lg_bench_progress(&now->out, &now->seen, &before->seen, UINT64_C(11000000000), 500000000);
    lg_buf_append_byte(&now->out, 0);
    assert_non_null(strstr((const char *)now->out.data, "11 s  1000/s  p50 10"));
    assert_non_null(strstr((const char *)now->out.data, "2 under way  1 errors\n"));
}

/* --- Keys ------------------------------------------------------------------------------------ */

static void keys_come_from_lines_and_name_the_bad_one(void **state)
{
    LG_SCOPED(lg_bench_plan) p = {0};
    LG_AUTO(lg_schema) *schema = NULL;
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_schema_parse(LG_LIT("\"long\""), &schema, &err));
    assert_ok(lg_bench_plan_add_lines(&p, schema, LG_LIT("1\r\n\n-2\n300"), &err));
    assert_int_equal(p.keys.size, 3);
    assert_slice_equal(lg_bench_key_bytes(&p, 0), LG_LIT("\x02"));
    assert_slice_equal(lg_bench_key_bytes(&p, 1), LG_LIT("\x03"));
    assert_slice_equal(lg_bench_key_bytes(&p, 2), LG_LIT("\xd8\x04"));
    assert_rc(LG_ERR_INVALID, lg_bench_plan_add_lines(&p, schema, LG_LIT("5\n\nx\n"), &err));
    assert_non_null(strstr(err.text, "line 3 of the keys: 'x'"));
}

static void numbers_stand_behind_their_prefix(void **state)
{
    LG_SCOPED(lg_bench_plan) p = {0};
    LG_AUTO(lg_schema) *schema = NULL;
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_schema_parse(LG_LIT("\"string\""), &schema, &err));
    assert_ok(lg_bench_plan_add_numbers(&p, schema, "u", 9, 11, &err));
    assert_int_equal(p.keys.size, 3);
    assert_slice_equal(lg_bench_key_bytes(&p, 0), LG_LIT("\x04u9"));
    assert_slice_equal(lg_bench_key_bytes(&p, 2), LG_LIT("\x06u11"));
}

static void keys_go_to_the_servers_that_have_them(void **state)
{
    LG_SCOPED(lg_bench_plan) p = {.partitions = 2, .places_each = 2, .version = 1};
    LG_AUTO(lg_schema) *schema = NULL;
    struct lg_error err = {0};
    size_t in_first = 0;

    (void)state;
    p.store = lg_strdup("st");
    assert_ok(lg_schema_parse(LG_LIT("\"long\""), &schema, &err));
    assert_ok(lg_bench_plan_add_numbers(&p, schema, "", 1, 100, &err));
    for (size_t i = 0; i < 2; i++)
        LG_VEC_PUSH(&p.targets, ((struct lg_bench_target){.host = lg_strdup("h"), .port = 1}));
    /* Partition 0 is on both, partition 1 on the second. */
    LG_VEC_PUSH(&p.places, 0);
    LG_VEC_PUSH(&p.places, 1);
    LG_VEC_PUSH(&p.places, 1);
    LG_VEC_PUSH(&p.places, UINT32_MAX);
    assert_ok(lg_bench_plan_spread(&p, &err));
    for (uint32_t i = 0; i < 100; i++)
        in_first += lg_partitioner_partition(lg_bench_key_bytes(&p, i), 2) == 0;
    assert_in_range(in_first, 20, 80);
    assert_int_equal(p.targets.data[0].keys.size, in_first);
    assert_int_equal(p.targets.data[1].keys.size, 100);
    p.places.data[2] = UINT32_MAX;
    assert_rc(LG_ERR_UNREADY, lg_bench_plan_spread(&p, &err));
}

static enum lg_rc parse(size_t count, const char *const *words, struct lg_error *err)
{
    LG_SCOPED(lg_command) c = {0};
    LG_SCOPED(lg_bench_plan) p = {0};
    enum lg_rc rc = lg_command_parse(count, words, &c, err);

    return rc == LG_OK ? lg_bench_plan_make(NULL, &c, &p, err) : rc;
}
#define PARSE(...)                                                                                 \
    parse(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                             \
          (const char *const[]){__VA_ARGS__}, &err)

static void bad_flags_are_refused_before_anybody_is_asked(void **state)
{
    struct lg_error err = {0};

    (void)state;
    assert_ok(PARSE("bench", "get", "s", "--numbers", "1-5"));
    assert_ok(
        PARSE("bench", "get", "s", "--numbers", "1-5", "--bar", "300us", "--percentile", "99.99"));
    assert_ok(PARSE("bench", "batch", "s", "--keys", "-", "--via", "router", "--batch", "7"));
    assert_ok(
        PARSE("bench", "get", "s", "--numbers", "1-5", "--key-prefix", "user", "--warm-up", "0s"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--numbers", "1-5", "--warm-up", "00s"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--numbers", "1-5", "--duration", "0s"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--keys", "-", "--key-prefix", "user"));
    assert_non_null(strstr(err.text, "--key-prefix stands before --numbers"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s"));
    assert_non_null(strstr(err.text, "which keys?"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--numbers", "1-5", "--keys", "f"));
    assert_non_null(strstr(err.text, "give one of them"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--numbers", "1-5", "--rate", "0"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--numbers", "1-5", "--rate", "many"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--numbers", "1-5", "--duration", "5"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--numbers", "1-5", "--batch", "5"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--numbers", "1-5", "--bar", "fast"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--numbers", "1-5", "--percentile", "0"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--numbers", "1-5", "--via", "proxy"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--numbers", "1-5", "--server", "here"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--numbers", "1-5", "--threads", "4",
                                    "--connections", "3"));
    assert_rc(LG_ERR_INVALID, PARSE("bench", "get", "s", "--numbers", "1-5", "--via", "router",
                                    "--protocol", "grpc"));
    assert_rc(LG_ERR_INVALID,
              PARSE("bench", "stream", "s", "--numbers", "1-5", "--protocol", "rest"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_bar_only_the_machine_and_the_client_void_a_run),
        cmocka_unit_test(a_client_that_is_late_itself_says_so),
        cmocka_unit_test(a_bar_is_kept_missed_or_not_to_be_told),
        cmocka_unit_test(errors_fail_the_command_and_stand_in_the_report),
        cmocka_unit_test(the_report_has_percentiles_rates_and_costs),
        cmocka_unit_test(merged_runs_are_the_sum_of_their_parts),
        cmocka_unit_test(progress_tells_of_the_last_interval_alone),
        cmocka_unit_test(keys_come_from_lines_and_name_the_bad_one),
        cmocka_unit_test(numbers_stand_behind_their_prefix),
        cmocka_unit_test(keys_go_to_the_servers_that_have_them),
        cmocka_unit_test(bad_flags_are_refused_before_anybody_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
