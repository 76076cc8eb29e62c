/* What a scrape of a standalone tells of a store after known numbers of reads over REST, gRPC and
 * streams, by threads of its own that read; and that a store which is gone is told no more. */
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define SETTLE_TRIES 10000u /* milliseconds, and more on a busy machine */
#define VALUE_BYTES 12      /* "value of k7" in Avro */
#define SERVED(store) "server_service_seconds_count{store=\"" store "\"}"

static struct lg_rig rig;

/* As grpc_client.py has it: "value of k7" under "k7". */
static void make_store(const char *store)
{
    LG_AUTO_STR char *schema = lg_rig_file(&rig, "string.avsc", LG_LIT("\"string\""));
    LG_SCOPED(lg_buf) lines = {0};
    LG_AUTO_STR char *rows = NULL;

    for (unsigned i = 0; i < 9; i++)
        lg_buf_appendf(&lines, "{\"key\":\"k%u\",\"value\":\"value of k%u\"}\n", i, i);
    rows = lg_rig_file(&rig, "rows.ndjson", lg_buf_slice(&lines));
    assert_run(&rig, 0, "store", "create", store, "--key-schema", schema, "--value-schema", schema,
               "--partitions", "3");
    assert_run(&rig, 0, "push", store, rows, "--key-field", "key", "--value-field", "value");
}

static int set_up(void **state)
{
    const char *words[] = {"--read-threads", "3", NULL};

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, words, NULL);
    make_store("plain");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

static void scrape(struct lg_reply *reply)
{
    assert_int_equal(lg_ask_get(rig.router, "/metrics", reply), 200);
}

/* A series as it is told; -1: it is not. */
static int64_t value_in(struct lg_reply *reply, const char *series)
{
    LG_AUTO_STR char *line = lg_strf("\nlagoon_%s ", series);
    const char *at = strstr(lg_reply_text(reply), line);

    return at == NULL ? -1 : strtoll(at + strlen(line), NULL, 10);
}

static int64_t value_of(const char *series)
{
    LG_SCOPED(lg_reply) reply = {0};

    scrape(&reply);
    return value_in(&reply, series);
}

static int64_t counted(const char *series)
{
    return LG_MAX(value_of(series), (int64_t)0);
}

/* An answer may be here an instant before its lane, which rests then, says so. */
static void expect(const char *series, int64_t want)
{
    for (unsigned i = 0; i < SETTLE_TRIES && value_of(series) < want; i++)
        lg_process_pause(1);
    if (value_of(series) != want)
        fail_msg("%s is %lld, not %lld", series, (long long)value_of(series), (long long)want);
}

/* What grpc_client.py wrote; it read as it was told. */
static void read_with(const char *words, char *out, size_t size)
{
    LG_AUTO_STR char *command =
        lg_strf("/usr/bin/python3 test/process/grpc_client.py %u %s %s 2>&1", rig.server,
                rig.folder, words);
    FILE *f = popen(command, "re");
    size_t n;

    assert_non_null(f);
    n = fread(out, 1, size - 1, f);
    out[n] = '\0';
    if (pclose(f) != 0)
        fail_msg("%s: %s", words, out);
}

static int64_t keys_read(void)
{
    return counted("server_store_reads_total{from=\"memory\",store=\"plain\"}") +
           counted("server_store_reads_total{from=\"disk\",store=\"plain\"}") +
           counted("server_store_reads_total{from=\"index\",store=\"plain\"}");
}

/* Twice, so that what the first round left counts, too. */
static void all_ways_to_read_are_counted_exactly(void **state)
{
    char out[2000];

    (void)state;
    for (int64_t round = 1; round <= 2; round++) {
        read_with("counted 40 30 20 50", out, sizeof out);
        expect(SERVED("plain"), round * (40 + 30 + 20 + 50));
        expect("server_rcu_total{store=\"plain\"}", round * (40 + 30 + 200 + 500));
        expect("server_value_bytes_total{store=\"plain\"}",
               round * (36 + 27 + 180 + 450) * VALUE_BYTES);
        expect("server_stream_batches_total{store=\"plain\"}", round * 50);
        expect("server_streams", 0);
        for (unsigned i = 0; i < SETTLE_TRIES && keys_read() < round * 770; i++)
            lg_process_pause(1);
        assert_int_equal(keys_read(), round * 770);
    }
    assert_true(counted("server_store_reads_total{from=\"index\",store=\"plain\"}") > 0);
}

/* Buckets add up over servers; the last is the count. */
static void times_are_told_as_a_histogram(void **state)
{
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO_STR char *start = lg_strf("\nlagoon_server_service_seconds_bucket{store=\"plain\",le=");
    LG_AUTO_STR char *sum = lg_strf("\nlagoon_server_service_seconds_sum{store=\"plain\"} ");
    const char *at;
    long long before = 0, now = 0;
    unsigned buckets = 0;

    (void)state;
    scrape(&reply);
    for (at = lg_reply_text(&reply); (at = strstr(at, start)) != NULL; buckets++, before = now) {
        at = strstr(at, "} ");
        assert_non_null(at);
        now = strtoll(at + 2, NULL, 10);
        assert_true(now >= before);
    }
    assert_true(buckets > 20);
    assert_int_equal(now, value_in(&reply, SERVED("plain")));
    at = strstr(lg_reply_text(&reply), sum);
    assert_non_null(at);
    assert_true(strtod(at + strlen(sum), NULL) > 0);
}

static void refusals_are_told_with_their_store(void **state)
{
    const char *refused = "server_refused_total{reason=\"quota\",store=\"plain\"}";
    int64_t before = counted(SERVED("plain"));
    char out[2000];

    (void)state;
    assert_int_equal(counted(refused), 0);
    assert_run(&rig, 0, "store", "update", "plain", "--read-quota", "1");
    read_with("refused", out, sizeof out);
    expect(refused, 10);
    expect(SERVED("plain"), before + strtoll(out, NULL, 10));
    assert_run(&rig, 0, "store", "update", "plain", "--read-quota", "none");
}

/* Only a lane that may refuse what waits for it measures how long that is. By default all do. */
static void lanes_with_a_target_tell_how_long_they_are_waited_for(void **state)
{
    static const char *const off[] = {"--read-queue-target", "0ms", NULL};
    const char *waited = "server_queue_seconds_count";

    (void)state;
    rig.sheds = true;
    for (int i = 0; i < 2; i++) {
        lg_rig_stop(&rig);
        lg_rig_start(&rig, i == 0 ? off : NULL, NULL);
        assert_run(&rig, 0, "get", "plain", "k1");
        assert_int_equal(counted(waited) > 0, i == 1);
    }
    rig.sheds = false;
}

static void a_store_that_is_gone_is_told_no_more(void **state)
{
    (void)state;
    make_store("brief");
    assert_run(&rig, 0, "get", "brief", "k1");
    expect(SERVED("brief"), 1);
    assert_run(&rig, 0, "store", "delete", "brief");
    for (unsigned i = 0; i < SETTLE_TRIES; i++) {
        LG_SCOPED(lg_reply) reply = {0};

        scrape(&reply);
        if (strstr(lg_reply_text(&reply), "store=\"brief\"") == NULL)
            break;
        lg_process_pause(1);
    }
    assert_int_equal(value_of(SERVED("brief")), -1);
    assert_true(value_of(SERVED("plain")) > 0);
    assert_run(&rig, 0, "store", "undelete", "brief");
    assert_run(&rig, 0, "get", "brief", "k1");
    expect(SERVED("brief"), 1); /* Anew. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ways_to_read_are_counted_exactly),
        cmocka_unit_test(times_are_told_as_a_histogram),
        cmocka_unit_test(refusals_are_told_with_their_store),
        cmocka_unit_test(lanes_with_a_target_tell_how_long_they_are_waited_for),
        cmocka_unit_test(a_store_that_is_gone_is_told_no_more),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
