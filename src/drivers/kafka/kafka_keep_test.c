/* Tests of the Kafka driver on what a broker does with a topic over time: compaction, retention by
 * time and by size, topics that go and come back while they are written, a broker that has lost its
 * disk, a thousand partitions, and a producer that Kafka sends away. */
#include "drivers/kafka/kafka.h"

#include "test/lib/heap.h"
#include "test/lib/kafka_server.h"
#include "test/lib/kafka_world.h"
#include "test/test.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "drivers/kafka/kafka_impl.h"
#include "pubsub/batch.h"

#define LONG_US (60 * LG_SEC) /* in which the broker has cleaned up */

static struct lg_kafka_server broker;

static void init(struct lg_kw *w)
{
    lg_kw_init(w, broker.url, NULL, 0);
}

/* --- Topics as others make them ------------------------------------------------------------- */

struct setting {
    const char *name, *value;
};

static rd_kafka_t *raw_client(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char reason[200];
    rd_kafka_t *rk;

    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", broker.url + 8, reason, 200), 0);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, 200);
    assert_non_null(rk);
    return rk;
}

static void expect_event(rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 30000);

    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), 0);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
}

/* Replaces all that is set for the topic. */
static void alter(const char *topic, const struct setting *settings, size_t n)
{
    rd_kafka_t *rk = raw_client();
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);

    for (size_t i = 0; i < n; i++)
        assert_int_equal(
            rd_kafka_ConfigResource_set_config(resource, settings[i].name, settings[i].value), 0);
    rd_kafka_AlterConfigs(rk, &resource, 1, NULL, queue);
    expect_event(queue);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_destroy(rk);
}

/* The brokers remove what lies before the offset, at once. */
static void delete_records(const char *topic, int64_t before)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_t *rk = raw_client();
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteRecords_t *what;

    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = before;
    what = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(rk, &what, 1, NULL, queue);
    expect_event(queue);
    rd_kafka_DeleteRecords_destroy(what);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

static struct lg_position place(struct lg_kw *w, enum lg_pubsub_kind kind, const char *topic,
                                int64_t at_ms)
{
    struct lg_kw_call c = {.op = {.kind = kind, .topic = topic, .timestamp_ms = at_ms}};

    if (lg_kw_run(w, &c) != LG_OK)
        fail_msg("a place in %s: %s", topic, c.op.err.text);
    return c.op.position;
}

static int64_t offset_of(struct lg_position position)
{
    int64_t offset = -1;

    if (!lg_position_is_earliest(&position))
        assert_true(lg_position_offset(&position, &offset));
    return offset;
}

/* --- Compaction ----------------------------------------------------------------------------- */

enum { KEYS = 10, COUNT = 200, FIRST_MS = 1000 };

struct compacted {
    int64_t first, last, last_ms; /* offsets; the time of the last */
    unsigned seen, newest[KEYS];
};

/* A record's offset, number and time tell each other. */
static void take_compacted(void *ctx, const struct lg_pubsub_record *r)
{
    struct compacted *c = ctx;
    int64_t offset = offset_of(r->position);
    unsigned number = lg_kw_number(r->value), key = lg_kw_number(r->key);

    assert_int_equal(offset, number);
    assert_int_equal(number % KEYS, key);
    assert_true(offset > c->last);
    if (c->seen == 0)
        c->first = offset;
    c->seen++;
    c->last = offset;
    c->last_ms = r->timestamp_ms;
    c->newest[key] = number;
}

static struct compacted read_compacted(struct lg_kw *w, struct lg_position after)
{
    struct compacted c = {.last = offset_of(after)};

    lg_kw_read_all(w, "compact_rt", 0, after, take_compacted, &c);
    return c;
}

/* Record n has key n % KEYS and time FIRST_MS + n; in small batches, so that segments end. */
static void produce_to_compact(struct lg_kw *w)
{
    for (unsigned i = 0; i < COUNT; i += KEYS) {
        LG_SCOPED(lg_buf) batch = {0};
        LG_AUTO(lg_blob) *blob = NULL;

        for (unsigned n = i; n < i + KEYS; n++) {
            LG_AUTO_STR char *key = lg_strf("%u", n % KEYS);
            LG_AUTO_STR char *value = lg_strf("%0100u", n);

            lg_batch_add(&batch, &(struct lg_pubsub_record){.key = lg_slice_str(key),
                                                            .value = lg_slice_str(value),
                                                            .timestamp_ms = FIRST_MS + n});
        }
        blob = lg_blob_take(&batch);
        lg_kw_produce_blob(w, "compact_rt", 0, blob);
    }
}

static void expect_newest(const struct compacted *c)
{
    for (unsigned i = 0; i < KEYS; i++)
        assert_int_equal(c->newest[i], COUNT - KEYS + i);
}

/* The first record of the time or later, wherever the hole is that the time falls into: it may be
 * answered too early, never too late. */
static void expect_time(struct lg_kw *w, int64_t at_ms, int64_t expected)
{
    struct compacted c = read_compacted(w, place(w, LG_PUBSUB_TIME, "compact_rt", at_ms));

    if (c.seen == 0 || c.first > expected)
        fail_msg("time %lld: %u records from offset %lld on, expected %lld", (long long)at_ms,
                 c.seen, (long long)c.first, (long long)expected);
}

static void a_compacted_topic_is_read_from_any_of_its_positions(void **state)
{
    (void)state;
    static const struct setting settings[] = {{"cleanup.policy", "compact,delete"},
                                              {"retention.ms", "-1"},
                                              {"segment.bytes", "2048"},
                                              {"min.cleanable.dirty.ratio", "0.01"},
                                              {"message.timestamp.type", "CreateTime"}};
    struct lg_kw_call gone = {.op = {.kind = LG_PUBSUB_FETCH, .topic = "compact_rt"}};
    struct lg_kw_call d = {.op = {.kind = LG_PUBSUB_DESCRIBE, .topic = "compact_rt"}};
    uint64_t until_us = lg_clock_mono_us() + LONG_US;
    struct lg_position end;
    struct compacted all;
    struct lg_kw w;

    init(&w);
    lg_kw_create_with(&w, "compact_rt", 1, &(struct lg_pubsub_config){.compacted = true});
    alter("compact_rt", settings, LG_ARRAY_SIZE(settings));
    produce_to_compact(&w);
    do { /* Each look is by a fresh cursor: what was prefetched is not compacted any more. */
        struct lg_kw other;

        init(&other);
        all = read_compacted(&other, lg_position_earliest());
        lg_kw_done(&other);
        expect_newest(&all);
        assert_true(lg_clock_mono_us() < until_us);
    } while (all.seen > 2 * KEYS);
    assert_rc(LG_OK, lg_kw_run(&w, &d));
    assert_true(d.op.config.compacted);
    print_message("%u of %u records are left, the first is %lld\n", all.seen, (unsigned)COUNT,
                  (long long)all.first);
    /* Compaction is no retention: every position is good, those in a hole, too. */
    for (int64_t after = 0; after < all.first; after += 33) {
        struct compacted c = read_compacted(&w, lg_position_from_offset(after));

        assert_int_equal(c.first, all.first);
        expect_newest(&c);
    }
    assert_int_equal(offset_of(place(&w, LG_PUBSUB_START, "compact_rt", 0)), -1);
    end = place(&w, LG_PUBSUB_END, "compact_rt", 0);
    assert_int_equal(offset_of(end), COUNT - 1);
    expect_time(&w, 0, all.first);
    expect_time(&w, FIRST_MS + 50, all.first); /* in the hole */
    expect_time(&w, FIRST_MS + all.first, all.first);
    expect_time(&w, FIRST_MS + COUNT - 3, COUNT - 3);
    assert_true(offset_of(place(&w, LG_PUBSUB_TIME, "compact_rt", FIRST_MS + COUNT)) < COUNT);
    assert_int_equal(offset_of(place(&w, LG_PUBSUB_TIME, "compact_rt", -1)), -1);
    /* Now the records before 195 are removed for good: that is told, and only that. */
    delete_records("compact_rt", COUNT - 5);
    gone.op.position = lg_position_from_offset(50);
    assert_int_equal(lg_kw_run(&w, &gone), LG_ERR_POSITION_GONE);
    assert_non_null(strstr(gone.op.err.text, "the first that is there is 195"));
    assert_int_equal(offset_of(place(&w, LG_PUBSUB_START, "compact_rt", 0)), COUNT - 6);
    all = read_compacted(&w, place(&w, LG_PUBSUB_START, "compact_rt", 0));
    assert_int_equal(all.first, COUNT - 5);
    assert_int_equal(all.seen, 5);
    lg_kw_delete(&w, "compact_rt");
    lg_kw_done(&w);
}

/* --- Retention ------------------------------------------------------------------------------ */

static void wait_for_retention(struct lg_kw *w, const char *topic, int64_t at_least)
{
    uint64_t until_us = lg_clock_mono_us() + LONG_US;

    while (offset_of(place(w, LG_PUBSUB_START, topic, 0)) < at_least)
        assert_true(lg_clock_mono_us() < until_us);
}

static void retention_by_time_is_told_and_leaves_the_end(void **state)
{
    (void)state;
    static const struct setting settings[] = {{"retention.ms", "500"}, {"segment.bytes", "2048"}};
    static const struct setting for_ever[] = {{"retention.ms", "-1"}};
    struct lg_kw_call gone = {.op = {.kind = LG_PUBSUB_FETCH,
                                     .topic = "timed_v1",
                                     .position = lg_position_from_offset(3)}};
    struct lg_kw_call empty = {
        .op = {.kind = LG_PUBSUB_FETCH, .topic = "timed_v1", .position = lg_position_earliest()}};
    unsigned next = 100;
    struct lg_kw w;

    init(&w);
    lg_kw_create(&w, "timed_v1", 1);
    lg_kw_produce(&w, "timed_v1", 0, 100); /* Their times are long past. */
    alter("timed_v1", settings, LG_ARRAY_SIZE(settings));
    wait_for_retention(&w, "timed_v1", 99);
    assert_int_equal(lg_kw_run(&w, &gone), LG_ERR_POSITION_GONE);
    assert_non_null(strstr(gone.op.err.text, "topic timed_v1/0"));
    assert_non_null(strstr(gone.op.err.text, "position 3 "));
    assert_int_equal(offset_of(place(&w, LG_PUBSUB_END, "timed_v1", 0)), 99);
    assert_int_equal(offset_of(place(&w, LG_PUBSUB_TIME, "timed_v1", 0)), 99);
    assert_rc(LG_OK, lg_kw_run(&w, &empty));
    assert_null(empty.op.blob);
    alter("timed_v1", for_ever, 1);
    lg_kw_produce(&w, "timed_v1", 100, 5);
    lg_kw_read_all(&w, "timed_v1", 0, lg_position_from_offset(99), lg_kw_expect_next, &next);
    assert_int_equal(next, 105);
    lg_kw_delete(&w, "timed_v1");
    lg_kw_done(&w);
}

/* A reader that is overtaken: it gets what it has prefetched, and then the truth. */
static void a_reader_that_retention_overtakes_is_told_and_skips_nothing(void **state)
{
    (void)state;
    enum { BATCHES = 60, EACH = 10 };
    static const struct setting settings[] = {
        {"retention.bytes", "8192"}, {"segment.bytes", "8192"}, {"retention.ms", "-1"}};
    struct lg_kw_call c = {.op = {.kind = LG_PUBSUB_FETCH,
                                  .topic = "sized_v1",
                                  .position = lg_position_earliest(),
                                  .max_bytes = 1}};
    unsigned next = 0;
    enum lg_rc rc;
    struct lg_kw w;

    lg_kw_init_prefetch(&w, broker.url, 16);
    lg_kw_create(&w, "sized_v1", 1);
    alter("sized_v1", settings + 1, 2);
    for (unsigned i = 0; i < BATCHES; i++) {
        LG_AUTO(lg_blob) *blob = lg_kw_numbered(i * EACH, EACH, 400);

        lg_kw_produce_blob(&w, "sized_v1", 0, blob);
    }
    assert_rc(LG_OK, lg_kw_run(&w, &c));
    lg_kw_each(c.op.blob, lg_kw_expect_next, &next);
    lg_blob_unref(c.op.blob);
    alter("sized_v1", settings, LG_ARRAY_SIZE(settings));
    wait_for_retention(&w, "sized_v1", 400);
    while ((rc = lg_kw_run(&w, &c)) == LG_OK) {
        assert_non_null(c.op.blob);
        lg_kw_each(c.op.blob, lg_kw_expect_next, &next);
        lg_blob_unref(c.op.blob);
    }
    assert_int_equal(rc, LG_ERR_POSITION_GONE);
    assert_true(next > 0 && next < 400);
    lg_kw_delete(&w, "sized_v1");
    lg_kw_done(&w);
}

/* --- A producer that Kafka sends away ------------------------------------------------------- */

enum { SENT = 40, SENT_EACH = 25 };

/* What was submitted before has begun. */
static void flush(struct lg_kw *w)
{
    struct lg_kw_call c = {.op = {.kind = LG_PUBSUB_DESCRIBE, .topic = ""}};

    assert_rc(LG_ERR_INVALID, lg_kw_run(w, &c));
}

static void fail_producer(struct k_request *r) /* On the worker, which may destroy it at once. */
{
    r->k->jobs_under_way++; /* It was none. */
    assert_int_equal(rd_kafka_test_fatal_error(r->k->producer->rk,
                                               RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                                               "a test"),
                     0);
}

/* As a broker that finds the producer fenced or its records out of sequence. */
static void send_away(struct lg_kw *w, const char *topic)
{
    struct k_request *r = k_request_own(w->k, topic, 0, 0);

    r->job_done = fail_producer;
    pthread_mutex_lock(&w->k->lock);
    lg_list_push_back(&w->k->finished, &r->box_link);
    pthread_mutex_unlock(&w->k->lock);
    k_wake(w->k);
    flush(w);
    flush(w); /* Begun after the other, which may have come together with it. */
    lg_kafka_server_resume(&broker);
}

/* Batches of which something breaks in the middle; each is repeated until it is acknowledged.
 * Returns how often that was. */
static unsigned produce_through(struct lg_kw *w, const char *topic,
                                void (*breaks)(struct lg_kw *w, const char *topic))
{
    static struct lg_kw_call calls[SENT];
    unsigned failed = 0;

    memset(calls, 0, sizeof calls);
    for (unsigned i = 0; i < SENT; i++) {
        calls[i].op = (struct lg_pubsub_op){.kind = LG_PUBSUB_PRODUCE,
                                            .topic = topic,
                                            .blob = lg_kw_numbered(i * SENT_EACH, SENT_EACH, 100)};
        calls[i].deadline_ms = 5000;
        if (i == SENT / 4 && breaks == send_away)
            lg_kafka_server_pause(&broker); /* So that some are under way. */
        lg_kw_start(w, &calls[i]);
        if (i != SENT / 2)
            continue;
        flush(w);
        breaks(w, topic);
    }
    for (unsigned i = 0; i < SENT; i++) {
        for (; lg_kw_finish(w, &calls[i]) != LG_OK; failed++) {
            if (calls[i].op.rc != LG_ERR_UNAVAILABLE && calls[i].op.rc != LG_ERR_NOT_FOUND)
                fail_msg("batch %u: %s", i, calls[i].op.err.text);
            assert_true(strstr(calls[i].op.err.text, topic) != NULL ||
                        strstr(calls[i].op.err.text, "127.0.0.1") != NULL);
            assert_true(failed < 20 * SENT);
            lg_kw_start(w, &calls[i]);
        }
        lg_blob_unref(calls[i].op.blob);
    }
    return failed;
}

static void note(void *ctx, const struct lg_pubsub_record *r)
{
    ((unsigned *)ctx)[lg_kw_number(r->key)]++;
}

static void expect_all(struct lg_kw *w, const char *topic, unsigned from)
{
    static unsigned seen[SENT * SENT_EACH];

    memset(seen, 0, sizeof seen);
    lg_kw_read_all(w, topic, 0, lg_position_earliest(), note, seen);
    for (unsigned i = from; i < SENT * SENT_EACH; i++)
        if (seen[i] == 0)
            fail_msg("record %u was acknowledged and is not in %s", i, topic);
}

static void a_producer_that_is_sent_away_is_replaced(void **state)
{
    (void)state;
    struct lg_kw w;
    unsigned failed;

    init(&w);
    lg_kw_create(&w, "fenced_v1", 1);
    lg_kw_produce(&w, "fenced_v1", 0, 1);
    failed = produce_through(&w, "fenced_v1", send_away);
    print_message("%u batches were repeated\n", failed);
    assert_true(failed > 0);
    expect_all(&w, "fenced_v1", 0);
    lg_kafka_server_pause(&broker);
    send_away(&w, "fenced_v1"); /* And soon into the close: it does not hang. */
    lg_kw_delete(&w, "fenced_v1");
    lg_kw_done(&w);
}

/* By somebody else, as an operator would. */
static void make_anew(struct lg_kw *w, const char *topic)
{
    struct lg_kw other;

    (void)w;
    init(&other);
    lg_kw_delete(&other, topic);
    lg_kw_create(&other, topic, 1);
    lg_kw_done(&other);
}

static void a_topic_that_is_made_anew_is_written_on(void **state)
{
    (void)state;
    struct lg_kw w;
    unsigned failed;

    init(&w);
    lg_kw_create(&w, "anew_v1", 1);
    failed = produce_through(&w, "anew_v1", make_anew);
    print_message("%u batches were repeated\n", failed);
    expect_all(&w, "anew_v1", (SENT / 2 + 1) * SENT_EACH); /* The first half went with the old. */
    lg_kw_delete(&w, "anew_v1");
    lg_kw_done(&w);
}

static void lose_the_disk(struct lg_kw *w, const char *topic)
{
    lg_kafka_server_kill(&broker);
    lg_kafka_server_wipe(&broker);
    lg_kafka_server_restart(&broker);
    make_anew(w, topic);
}

static void a_broker_that_lost_its_disk_is_written_on(void **state)
{
    (void)state;
    struct lg_kw_call old = {.op = {.kind = LG_PUBSUB_FETCH,
                                    .topic = "wiped_v1",
                                    .position = lg_position_from_offset(100000)}};
    struct lg_kw w;
    unsigned failed;

    init(&w);
    lg_kw_create(&w, "wiped_v1", 1);
    lg_kw_produce(&w, "wiped_v1", 0, 10);
    failed = produce_through(&w, "wiped_v1", lose_the_disk);
    print_message("%u batches were repeated\n", failed);
    expect_all(&w, "wiped_v1", (SENT / 2 + 1) * SENT_EACH);
    assert_int_equal(lg_kw_run(&w, &old), LG_ERR_CONFLICT);
    assert_non_null(strstr(old.op.err.text, "made anew"));
    lg_kw_delete(&w, "wiped_v1");
    lg_kw_done(&w);
}

/* --- A thousand partitions ------------------------------------------------------------------ */

enum { MANY = 1000, PER_PARTITION = 40, STOPPED = 100, WAVE = 100 };

#define MIB ((size_t)1 << 20)
#define HEAP_MAX (64 * MIB)

static size_t from_status(const char *name)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[200];
    unsigned long n = 0;

    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            n = strtoul(line + strlen(name), NULL, 10);
    (void)fclose(f);
    assert_true(n > 0);
    return n;
}

static struct lg_kw_call reads[MANY];
static unsigned nexts[MANY];

static void read_on(struct lg_kw *w, uint32_t p, struct lg_position after)
{
    reads[p] = (struct lg_kw_call){.op = {.kind = LG_PUBSUB_FETCH,
                                          .topic = "thousand_v1",
                                          .partition = p,
                                          .position = after,
                                          .max_bytes = 1500, /* Some answers for each partition. */
                                          .wait_ms = 60000}};
    lg_kw_start(w, &reads[p]);
}

/* A busy broker takes long to make a thousand logs: some of them tell of all. */
static void wait_for_logs(struct lg_kw *w)
{
    for (uint32_t p = 0; p < MANY; p += WAVE) {
        struct lg_kw_call c = {
            .op = {.kind = LG_PUBSUB_END, .topic = "thousand_v1", .partition = MANY - 1 - p},
            .deadline_ms = 50000};

        if (lg_kw_run(w, &c) != LG_OK)
            fail_msg("the end of %u: %s", c.op.partition, c.op.err.text);
    }
}

static void produce_to_all(struct lg_kw *w, unsigned from, unsigned n)
{
    static struct lg_kw_call calls[MANY];
    LG_AUTO(lg_blob) *blob = lg_kw_numbered(from, n, 200);

    memset(calls, 0, sizeof calls);
    for (uint32_t p = 0; p < MANY + WAVE; p++) {
        if (p >= WAVE && lg_kw_finish(w, &calls[p - WAVE]) != LG_OK)
            fail_msg("produce to %u: %s", p - WAVE, calls[p - WAVE].op.err.text);
        if (p >= MANY)
            continue;
        calls[p].op = (struct lg_pubsub_op){
            .kind = LG_PUBSUB_PRODUCE, .topic = "thousand_v1", .partition = p, .blob = blob};
        lg_kw_start(w, &calls[p]);
    }
}

/* Until all from partition `first` on have as many; the fetches after the last wait. */
static void read_until(struct lg_kw *w, uint32_t first, unsigned records)
{
    for (uint32_t p = first; p < MANY; p++) {
        while (nexts[p] < records) {
            if (lg_kw_finish(w, &reads[p]) != LG_OK)
                fail_msg("partition %u: %s", p, reads[p].op.err.text);
            assert_non_null(reads[p].op.blob);
            lg_kw_each(reads[p].op.blob, lg_kw_expect_next, &nexts[p]);
            lg_blob_unref(reads[p].op.blob);
            read_on(w, p, reads[p].op.position);
        }
    }
}

static unsigned ms_since(uint64_t us)
{
    return (unsigned)((lg_clock_mono_us() - us) / 1000);
}

static void a_thousand_partitions_are_read_by_one_driver(void **state)
{
    (void)state;
    size_t threads = from_status("Threads:"), heap;
    uint64_t begun_us;
    struct lg_kw w, other;

    init(&w);
    init(&other);
    begun_us = lg_clock_mono_us();
    lg_kw_create(&other, "thousand_v1", MANY);
    wait_for_logs(&other);
    print_message("made in %u ms", ms_since(begun_us));
    begun_us = lg_clock_mono_us();
    produce_to_all(&other, 0, PER_PARTITION);
    print_message(", written in %u ms", ms_since(begun_us));
    heap = heap_bytes();
    begun_us = lg_clock_mono_us();
    memset(nexts, 0, sizeof nexts);
    for (uint32_t p = 0; p < MANY; p++)
        read_on(&w, p, lg_position_earliest());
    (void)lg_kw_finish(&w, &reads[0]);
    print_message(", the first record after %u ms", ms_since(begun_us));
    read_until(&w, 0, PER_PARTITION);
    print_message(", all after %u ms; %zu threads, %zu MiB\n", ms_since(begun_us),
                  from_status("Threads:") - threads, heap_bytes() / MIB - heap / MIB);
    assert_true(from_status("Threads:") - threads < 32);
    assert_true(heap_bytes() < heap + HEAP_MAX);
    /* Some stop; the others do not notice. */
    for (uint32_t p = 0; p < STOPPED; p++)
        lg_kw_cancel(&w, &reads[p]);
    for (uint32_t p = 0; p < STOPPED; p++)
        assert_int_equal(lg_kw_finish(&w, &reads[p]), LG_ERR_CANCELLED);
    begun_us = lg_clock_mono_us();
    produce_to_all(&other, PER_PARTITION, 1);
    read_until(&w, STOPPED, PER_PARTITION + 1);
    print_message("one more for each after %u ms\n", ms_since(begun_us));
    for (uint32_t p = 0; p < STOPPED; p++) /* They go on where they were. */
        read_on(&w, p, lg_position_from_offset(nexts[p] - 1));
    read_until(&w, 0, PER_PARTITION + 1);
    begun_us = lg_clock_mono_us();
    lg_kw_delete(&other, "thousand_v1"); /* By somebody else, with a thousand fetches waiting. */
    for (uint32_t p = 0; p < MANY; p++)
        assert_int_equal(lg_kw_finish(&w, &reads[p]), LG_ERR_NOT_FOUND);
    print_message("told of the deletion after %u ms", ms_since(begun_us));
    begun_us = lg_clock_mono_us();
    lg_kw_done(&w); /* It does not hang. */
    lg_kw_done(&other);
    print_message(", closed after %u ms\n", ms_since(begun_us));
}

/* --- A broker that is gone ------------------------------------------------------------------ */

static uint64_t cpu_ms(void)
{
    struct timespec t;

    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* It was there a moment ago: neither is its absence waited for to the end of the deadline, nor does
 * waiting take a processor. */
static void who_administers_a_broker_that_is_gone_gives_up_and_costs_little(void **state)
{
    (void)state;
    LG_AUTO_STR char *sentence =
        lg_strf("no Kafka broker answers at %s; check kafka.bootstrap.servers", broker.url + 8);
    struct lg_kw_call calls[] = {
        {.op = {.kind = LG_PUBSUB_DELETE, .topic = "gone_v1"}, .deadline_ms = 600000},
        {.op = {.kind = LG_PUBSUB_CREATE, .topic = "gone_v2", .partitions = 3},
         .deadline_ms = 600000},
        {.op = {.kind = LG_PUBSUB_DESCRIBE, .topic = "gone_v1"}, .deadline_ms = 600000}};
    struct lg_kw w;
    uint64_t before_ms;

    init(&w);
    lg_kw_create(&w, "gone_v1", 1);
    lg_kw_produce(&w, "gone_v1", 0, 1);
    lg_kafka_server_kill(&broker);
    before_ms = cpu_ms();
    for (size_t i = 0; i < LG_ARRAY_SIZE(calls); i++)
        lg_kw_start(&w, &calls[i]);
    for (size_t i = 0; i < LG_ARRAY_SIZE(calls); i++) {
        assert_int_equal(lg_kw_finish(&w, &calls[i]), LG_ERR_UNAVAILABLE);
        if (strstr(calls[i].op.err.text, sentence) == NULL)
            fail_msg("not \"%s\": %s", sentence, calls[i].op.err.text);
    }
    print_message("%u ms of processor time in %u s\n", (unsigned)(cpu_ms() - before_ms),
                  (unsigned)(LG_KAFKA_SILENT_US_MAX / LG_SEC));
    assert_in_range(cpu_ms() - before_ms, 0, 2000);
    lg_kw_done(&w);
}

static int start_broker(void **state)
{
    (void)state;
    lg_kafka_server_start(&broker, /* with_security= */ false);
    return 0;
}

static int stop_broker(void **state)
{
    (void)state;
    lg_kafka_server_done(&broker);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_compacted_topic_is_read_from_any_of_its_positions),
        cmocka_unit_test(retention_by_time_is_told_and_leaves_the_end),
        cmocka_unit_test(a_reader_that_retention_overtakes_is_told_and_skips_nothing),
        cmocka_unit_test(a_producer_that_is_sent_away_is_replaced),
        cmocka_unit_test(a_topic_that_is_made_anew_is_written_on),
        cmocka_unit_test(a_thousand_partitions_are_read_by_one_driver),
        cmocka_unit_test(a_broker_that_lost_its_disk_is_written_on),
        /* The last: the broker does not come back. */
        cmocka_unit_test(who_administers_a_broker_that_is_gone_gives_up_and_costs_little),
    };

    return cmocka_run_group_tests(tests, start_broker, stop_broker);
}
