/* The promises of the pubsub port, checked one by one. Called from outside the lane, by tests. */
#include "pubsub/pubsub_contract.h"

#include "base/str.h"
#include "pubsub/batch.h"

#define TOPIC "contract.a"
#define OTHER "contract.b"
#define LONG_WAIT_MS 20000u

struct call { /* One operation, submitted from the lane. */
    struct lg_pubsub_op op;
    struct lg_task task;
    struct lg_pubsub *ps;
    bool cancel, done;
};

#define EXPECT(cond, ...)                                                                          \
    do {                                                                                           \
        if (!(cond))                                                                               \
            return lg_error_set(err, LG_ERR_FAILED, __VA_ARGS__);                                  \
    } while (0)
#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum lg_rc try_rc_ = (call);                                                               \
        if (try_rc_ != LG_OK)                                                                      \
            return try_rc_;                                                                        \
    } while (0)

/* --- Calls ---------------------------------------------------------------------------------- */

static void call_done(struct lg_pubsub_op *op)
{
    LG_CONTAINER_OF(op, struct call, op)->done = true;
}

static void call_submit(struct lg_task *task)
{
    struct call *c = LG_CONTAINER_OF(task, struct call, task);

    if (c->cancel)
        lg_pubsub_cancel(c->ps, &c->op);
    else
        lg_pubsub_submit(c->ps, &c->op);
}

static bool is_done(void *ctx)
{
    return ((struct call *)ctx)->done;
}

static void start(const struct lg_pubsub_contract *k, struct call *c)
{
    c->ps = k->ps;
    c->op.lane = k->lane;
    c->op.done = call_done;
    c->done = false;
    c->cancel = false;
    c->task.run = call_submit;
    lg_lane_post(k->lane, &c->task);
}

static enum lg_rc finish(const struct lg_pubsub_contract *k, struct call *c, struct lg_error *err)
{
    k->run_until(k->ctx, is_done, c);
    EXPECT(c->done, "an operation of kind %d on %s never ended", (int)c->op.kind,
           c->op.topic == NULL ? "" : c->op.topic);
    return LG_OK;
}

static enum lg_rc run(const struct lg_pubsub_contract *k, struct call *c, struct lg_error *err)
{
    start(k, c);
    return finish(k, c, err);
}

/* Runs it and expects a result. */
static enum lg_rc want(const struct lg_pubsub_contract *k, struct call *c, enum lg_rc rc,
                       struct lg_error *err)
{
    TRY(run(k, c, err));
    EXPECT(c->op.rc == rc, "kind %d on %s/%u: %s (%s), expected %s", (int)c->op.kind,
           c->op.topic == NULL ? "" : c->op.topic, c->op.partition, lg_rc_name(c->op.rc),
           c->op.err.text, lg_rc_name(rc));
    EXPECT(rc == LG_OK || c->op.err.text[0] != '\0', "kind %d failed without a sentence",
           (int)c->op.kind);
    return LG_OK;
}

static enum lg_rc simple(const struct lg_pubsub_contract *k, enum lg_pubsub_kind kind,
                         const char *topic, uint32_t partitions, enum lg_rc rc,
                         struct lg_error *err)
{
    struct call c = {.op = {.kind = kind, .topic = topic, .partitions = partitions}};

    return want(k, &c, rc, err);
}

static enum lg_rc produce_blob(const struct lg_pubsub_contract *k, const char *topic,
                               uint32_t partition, struct lg_blob *blob,
                               struct lg_position *out_last, enum lg_rc rc, struct lg_error *err)
{
    struct call c = {
        .op = {.kind = LG_PUBSUB_PRODUCE, .topic = topic, .partition = partition, .blob = blob}};

    TRY(want(k, &c, rc, err));
    if (out_last != NULL)
        *out_last = c.op.position;
    return LG_OK;
}

/* Records with keys "<prefix><from>" to "<prefix><from + n - 1>", in one batch. */
static struct lg_blob *numbered(const char *prefix, unsigned from, unsigned n)
{
    LG_SCOPED(lg_buf) batch = {0};

    for (unsigned i = from; i < from + n; i++) {
        LG_AUTO_STR char *key = lg_strf("%s%u", prefix, i);
        struct lg_pubsub_record r = {
            .key = lg_slice_str(key), .value = LG_LIT("value"), .timestamp_ms = (int64_t)i};

        lg_batch_add(&batch, &r);
    }
    return lg_blob_take(&batch);
}

static enum lg_rc produce(const struct lg_pubsub_contract *k, const char *topic, uint32_t partition,
                          const char *prefix, unsigned from, unsigned n,
                          struct lg_position *out_last, struct lg_error *err)
{
    LG_AUTO(lg_blob) *blob = numbered(prefix, from, n);

    return produce_blob(k, topic, partition, blob, out_last, LG_OK, err);
}

/* Fetches until empty; keys must be prefix<from> … in order, each position above the one before. */
static enum lg_rc expect_numbered(const struct lg_pubsub_contract *k, const char *topic,
                                  uint32_t partition, struct lg_position after, const char *prefix,
                                  unsigned from, unsigned n, size_t max_bytes,
                                  struct lg_position *out_last, struct lg_error *err)
{
    struct lg_position last = after;
    unsigned seen = 0;

    for (;;) {
        struct call c = {.op = {.kind = LG_PUBSUB_FETCH,
                                .topic = topic,
                                .partition = partition,
                                .position = last,
                                .max_bytes = max_bytes}};
        struct lg_batch_reader reader;
        LG_AUTO(lg_blob) *blob = NULL;

        TRY(want(k, &c, LG_OK, err));
        blob = c.op.blob;
        if (blob == NULL) {
            EXPECT(lg_position_equal(&c.op.position, &last), "an empty fetch moved the position");
            break;
        }
        reader = lg_batch_read(blob->bytes);
        for (;;) {
            LG_AUTO_STR char *key = lg_strf("%s%u", prefix, from + seen);
            struct lg_pubsub_record r;
            bool end = false;

            TRY(lg_batch_next(&reader, &r, &end, err));
            if (end)
                break;
            EXPECT(seen < n, "%s/%u: more than %u records", topic, partition, n);
            EXPECT(lg_slice_eq_str(r.key, key), "%s/%u: record %u has key %.*s, expected %s", topic,
                   partition, seen, LG_FMT(r.key), key);
            EXPECT(lg_pubsub_compare(k->ps, &r.position, &last) > 0,
                   "%s/%u: record %u does not stand after the one before", topic, partition, seen);
            last = r.position;
            seen++;
        }
        EXPECT(lg_position_equal(&c.op.position, &last),
               "%s/%u: a fetch's position is not that of its last record", topic, partition);
    }
    EXPECT(seen == n, "%s/%u: %u records, expected %u", topic, partition, seen, n);
    if (out_last != NULL)
        *out_last = last;
    return LG_OK;
}

static enum lg_rc end_of(const struct lg_pubsub_contract *k, const char *topic, uint32_t partition,
                         struct lg_position *out, struct lg_error *err)
{
    struct call c = {.op = {.kind = LG_PUBSUB_END, .topic = topic, .partition = partition}};

    TRY(want(k, &c, LG_OK, err));
    *out = c.op.position;
    return LG_OK;
}

/* --- Promises ------------------------------------------------------------------------------- */

static enum lg_rc unknown_topics_are_not_found(const struct lg_pubsub_contract *k,
                                               struct lg_error *err)
{
    const enum lg_pubsub_kind kinds[] = {LG_PUBSUB_DESCRIBE, LG_PUBSUB_FETCH,     LG_PUBSUB_END,
                                         LG_PUBSUB_START,    LG_PUBSUB_CONFIGURE, LG_PUBSUB_TIME};
    LG_AUTO(lg_blob) *blob = numbered("x", 0, 1);

    for (size_t i = 0; i < LG_ARRAY_SIZE(kinds); i++) {
        struct call c = {
            .op = {.kind = kinds[i], .topic = "contract.none", .position = lg_position_earliest()}};

        TRY(want(k, &c, LG_ERR_NOT_FOUND, err));
    }
    TRY(produce_blob(k, "contract.none", 0, blob, NULL, LG_ERR_NOT_FOUND, err));
    return simple(k, LG_PUBSUB_DELETE, "contract.none", 0, LG_OK, err);
}

static bool names_hold(struct lg_slice names, const char *topic)
{
    LG_AUTO_STR char *line = lg_strf("%s\n", topic);
    size_t n = strlen(line);

    for (size_t i = 0; i + n <= names.size; i++)
        if ((i == 0 || names.data[i - 1] == '\n') && memcmp(names.data + i, line, n) == 0)
            return true;
    return false;
}

static enum lg_rc expect_listed(const struct lg_pubsub_contract *k, const char *topic, bool listed,
                                struct lg_error *err)
{
    struct call c = {.op = {.kind = LG_PUBSUB_LIST}};
    LG_AUTO(lg_blob) *names = NULL;

    TRY(want(k, &c, LG_OK, err));
    names = c.op.blob;
    EXPECT(names != NULL && names_hold(names->bytes, topic) == listed, "topic %s is %slisted",
           topic, listed ? "not " : "");
    return LG_OK;
}

static enum lg_rc topics_are_created_once(const struct lg_pubsub_contract *k, struct lg_error *err)
{
    struct call c = {.op = {.kind = LG_PUBSUB_DESCRIBE, .topic = TOPIC}};

    TRY(expect_listed(k, TOPIC, false, err));
    TRY(simple(k, LG_PUBSUB_CREATE, TOPIC, 2, LG_OK, err));
    TRY(simple(k, LG_PUBSUB_CREATE, TOPIC, 2, LG_OK, err)); /* The same again. */
    TRY(simple(k, LG_PUBSUB_CREATE, TOPIC, 3, LG_ERR_CONFLICT, err));
    TRY(simple(k, LG_PUBSUB_CREATE, "bad/name", 1, LG_ERR_INVALID, err));
    TRY(simple(k, LG_PUBSUB_CREATE, OTHER, 0, LG_ERR_INVALID, err));
    TRY(want(k, &c, LG_OK, err));
    EXPECT(c.op.partitions == 2, "describe says %u partitions, expected 2", c.op.partitions);
    return expect_listed(k, TOPIC, true, err);
}

static enum lg_rc an_empty_partition_is_empty(const struct lg_pubsub_contract *k,
                                              struct lg_error *err)
{
    struct call c = {.op = {.kind = LG_PUBSUB_FETCH,
                            .topic = TOPIC,
                            .partition = 9,
                            .position = lg_position_earliest()}};
    LG_AUTO(lg_blob) *none = lg_blob_new(LG_SLICE_NULL);
    LG_AUTO(lg_blob) *bad = lg_blob_new(LG_LIT("not a batch"));
    struct lg_position end;

    TRY(want(k, &c, LG_ERR_NOT_FOUND, err)); /* No such partition. */
    TRY(end_of(k, TOPIC, 0, &end, err));
    EXPECT(lg_position_is_earliest(&end), "the end of an empty partition is not EARLIEST");
    TRY(expect_numbered(k, TOPIC, 0, lg_position_earliest(), "", 0, 0, 0, NULL, err));
    TRY(produce_blob(k, TOPIC, 0, none, NULL, LG_ERR_INVALID, err));
    TRY(produce_blob(k, TOPIC, 0, bad, NULL, LG_ERR_BAD_DATA, err));
    return expect_numbered(k, TOPIC, 0, lg_position_latest(), "", 0, 0, 0, NULL, err);
}

static enum lg_rc records_keep_their_order(const struct lg_pubsub_contract *k, struct lg_error *err)
{
    struct lg_position first, last, end;

    TRY(produce(k, TOPIC, 0, "k", 0, 3, &first, err));
    TRY(produce(k, TOPIC, 0, "k", 3, 200, &last, err));
    EXPECT(lg_pubsub_compare(k->ps, &first, &last) < 0, "positions do not grow");
    TRY(end_of(k, TOPIC, 0, &end, err));
    EXPECT(lg_position_equal(&end, &last), "the end is not the last produced record");
    TRY(expect_numbered(k, TOPIC, 0, lg_position_earliest(), "k", 0, 203, 0, &end, err));
    EXPECT(lg_position_equal(&end, &last), "the last fetched is not the last produced record");
    TRY(expect_numbered(k, TOPIC, 0, first, "k", 3, 200, 0, NULL, err));
    TRY(expect_numbered(k, TOPIC, 0, last, "k", 203, 0, 0, NULL, err));
    /* Small answers give the same. */
    TRY(expect_numbered(k, TOPIC, 0, lg_position_earliest(), "k", 0, 203, 1, NULL, err));
    return expect_numbered(k, TOPIC, 0, lg_position_earliest(), "k", 0, 203, 700, NULL, err);
}

static enum lg_rc positions_have_an_order(const struct lg_pubsub_contract *k, struct lg_error *err)
{
    struct lg_position earliest = lg_position_earliest(), latest = lg_position_latest(), end;

    TRY(end_of(k, TOPIC, 0, &end, err));
    EXPECT(lg_pubsub_compare(k->ps, &earliest, &end) < 0 &&
               lg_pubsub_compare(k->ps, &end, &latest) < 0 &&
               lg_pubsub_compare(k->ps, &latest, &earliest) > 0 &&
               lg_pubsub_compare(k->ps, &end, &end) == 0 &&
               lg_pubsub_compare(k->ps, &latest, &latest) == 0,
           "EARLIEST, a record, LATEST do not sort in this order");
    return LG_OK;
}

static enum lg_rc partitions_are_independent(const struct lg_pubsub_contract *k,
                                             struct lg_error *err)
{
    TRY(expect_numbered(k, TOPIC, 1, lg_position_earliest(), "", 0, 0, 0, NULL, err));
    TRY(produce(k, TOPIC, 1, "p", 0, 5, NULL, err));
    TRY(expect_numbered(k, TOPIC, 1, lg_position_earliest(), "p", 0, 5, 0, NULL, err));
    return expect_numbered(k, TOPIC, 0, lg_position_earliest(), "k", 0, 203, 0, NULL, err);
}

static enum lg_rc batches_in_flight_keep_their_order(const struct lg_pubsub_contract *k,
                                                     struct lg_error *err)
{
    enum { CALLS = 20 };
    struct call calls[CALLS] = {0};
    enum lg_rc rc = LG_OK;

    for (unsigned i = 0; i < CALLS; i++) {
        calls[i].op.kind = LG_PUBSUB_PRODUCE;
        calls[i].op.topic = TOPIC;
        calls[i].op.partition = 1;
        calls[i].op.blob = numbered("p", 5 + 2 * i, 2);
        start(k, &calls[i]);
    }
    for (unsigned i = 0; i < CALLS; i++) {
        enum lg_rc one = finish(k, &calls[i], err);

        rc = rc == LG_OK ? one : rc;
        lg_blob_unref(calls[i].op.blob);
    }
    TRY(rc);
    for (unsigned i = 0; i < CALLS; i++)
        EXPECT(calls[i].op.rc == LG_OK, "produce %u in flight: %s", i, calls[i].op.err.text);
    for (unsigned i = 1; i < CALLS; i++)
        EXPECT(lg_pubsub_compare(k->ps, &calls[i - 1].op.position, &calls[i].op.position) < 0,
               "batches in flight changed their order");
    return expect_numbered(k, TOPIC, 1, lg_position_earliest(), "p", 0, 5 + 2 * CALLS, 0, NULL,
                           err);
}

static enum lg_rc headers_and_times_are_kept(const struct lg_pubsub_contract *k,
                                             struct lg_error *err)
{
    const struct lg_pubsub_header headers[] = {{LG_LIT("pmm"), LG_LIT("\x00\xff")},
                                               {LG_LIT("prc"), LG_SLICE_NULL}};
    struct lg_pubsub_record in = {.value = LG_LIT("\x00v"),
                                  .timestamp_ms = -5,
                                  .headers = headers,
                                  .header_count = LG_ARRAY_SIZE(headers)};
    struct call c = {.op = {.kind = LG_PUBSUB_FETCH, .topic = TOPIC}};
    LG_SCOPED(lg_buf) batch = {0};
    LG_AUTO(lg_blob) *blob = NULL, *got = NULL;
    struct lg_batch_reader reader;
    struct lg_pubsub_record out;
    bool end = false;

    TRY(end_of(k, TOPIC, 0, &c.op.position, err));
    lg_batch_add(&batch, &in);
    blob = lg_blob_take(&batch);
    TRY(produce_blob(k, TOPIC, 0, blob, NULL, LG_OK, err));
    TRY(want(k, &c, LG_OK, err));
    got = c.op.blob;
    EXPECT(got != NULL, "a record with headers did not arrive");
    reader = lg_batch_read(got->bytes);
    TRY(lg_batch_next(&reader, &out, &end, err));
    EXPECT(!end && (k->own_times || out.timestamp_ms == -5) && out.key.size == 0 &&
               lg_slice_eq(out.value, in.value),
           "key, value or time of a record changed");
    EXPECT(out.header_count == 2 && lg_slice_eq(out.headers[0].name, headers[0].name) &&
               lg_slice_eq(out.headers[0].value, headers[0].value) &&
               lg_slice_eq(out.headers[1].name, headers[1].name) && out.headers[1].value.size == 0,
           "headers of a record changed");
    return LG_OK;
}

static enum lg_rc a_waiting_fetch_is_woken(const struct lg_pubsub_contract *k, struct lg_error *err)
{
    struct call c = {.op = {.kind = LG_PUBSUB_FETCH,
                            .topic = TOPIC,
                            .partition = 1,
                            .position = lg_position_latest(),
                            .wait_ms = LONG_WAIT_MS}};
    struct lg_position last;
    enum lg_rc rc;

    /* An operation behind it proves that the fetch has reached the driver and waits. */
    start(k, &c);
    TRY(expect_listed(k, TOPIC, true, err));
    TRY(end_of(k, TOPIC, 1, &last, err));
    EXPECT(!c.done, "a fetch of LATEST did not wait");
    rc = produce(k, TOPIC, 1, "p", 45, 1, &last, err);
    TRY(finish(k, &c, err));
    lg_blob_unref(c.op.blob);
    TRY(rc);
    EXPECT(c.op.rc == LG_OK && c.op.blob != NULL && lg_position_equal(&c.op.position, &last),
           "a waiting fetch did not get the record that was produced: %s", c.op.err.text);
    return LG_OK;
}

static enum lg_rc a_fetch_waits_no_longer_than_asked(const struct lg_pubsub_contract *k,
                                                     struct lg_error *err)
{
    struct call c = {.op = {.kind = LG_PUBSUB_FETCH,
                            .topic = TOPIC,
                            .partition = 1,
                            .position = lg_position_latest(),
                            .wait_ms = 20}};

    TRY(want(k, &c, LG_OK, err));
    EXPECT(c.op.blob == NULL && lg_position_is_latest(&c.op.position),
           "an empty fetch changed its position");
    return LG_OK;
}

static enum lg_rc a_waiting_fetch_can_be_cancelled(const struct lg_pubsub_contract *k,
                                                   struct lg_error *err)
{
    struct call c = {.op = {.kind = LG_PUBSUB_FETCH,
                            .topic = TOPIC,
                            .partition = 1,
                            .position = lg_position_latest(),
                            .wait_ms = LONG_WAIT_MS}};

    start(k, &c);
    TRY(expect_listed(k, TOPIC, true, err));
    c.cancel = true;
    lg_lane_post(k->lane, &c.task);
    TRY(finish(k, &c, err));
    EXPECT(c.op.rc == LG_ERR_CANCELLED && c.op.blob == NULL, "a cancelled fetch ended with %s",
           lg_rc_name(c.op.rc));
    return LG_OK;
}

static enum lg_rc a_big_record_travels_whole(const struct lg_pubsub_contract *k,
                                             struct lg_error *err)
{
    enum { BIG = 3 << 20 };
    struct call c = {
        .op = {.kind = LG_PUBSUB_FETCH, .topic = TOPIC, .partition = 1, .max_bytes = 1000}};
    struct call pause = {.op = {.kind = LG_PUBSUB_FETCH,
                                .topic = TOPIC,
                                .partition = 0,
                                .position = lg_position_latest(),
                                .wait_ms = 700}};
    LG_SCOPED(lg_buf) value = {0};
    LG_SCOPED(lg_buf) batch = {0};
    LG_AUTO(lg_blob) *blob = NULL, *got = NULL;
    struct lg_pubsub_record r = {.key = LG_LIT("big")};
    struct lg_batch_reader reader;
    bool end = false;

    for (unsigned i = 0; i < BIG; i++)
        lg_buf_append_byte(&value, (uint8_t)(i * 7 + (i >> 9)));
    r.value = lg_buf_slice(&value);
    lg_batch_add(&batch, &r);
    blob = lg_blob_take(&batch);
    TRY(end_of(k, TOPIC, 1, &c.op.position, err));
    TRY(want(k, &c, LG_OK, err));
    EXPECT(c.op.blob == NULL, "a fetch at the end found something");
    TRY(want(k, &pause, LG_OK, err)); /* A driver that reads ahead hears of the end meanwhile. */
    TRY(produce_blob(k, TOPIC, 1, blob, NULL, LG_OK, err));
    TRY(want(k, &c, LG_OK, err));
    got = c.op.blob;
    EXPECT(got != NULL, "a record larger than max_bytes, acknowledged before, did not arrive");
    reader = lg_batch_read(got->bytes);
    TRY(lg_batch_next(&reader, &r, &end, err));
    EXPECT(!end && lg_slice_eq(r.value, lg_buf_slice(&value)), "a big record changed");
    return LG_OK;
}

static enum lg_rc describe(const struct lg_pubsub_contract *k, const char *topic,
                           const struct lg_pubsub_config *config, struct lg_error *err)
{
    struct call c = {.op = {.kind = LG_PUBSUB_DESCRIBE, .topic = topic}};
    struct lg_pubsub_config expected = *config;

    TRY(want(k, &c, LG_OK, err));
    if (k->has_default && expected.replication == 0)
        expected.replication = c.op.config.replication;
    if (k->has_default && expected.min_insync_replicas == 0)
        expected.min_insync_replicas = c.op.config.min_insync_replicas;
    if (k->has_default && !expected.compacted)
        expected.min_compaction_lag_ms = c.op.config.min_compaction_lag_ms;
    EXPECT(c.op.config.retention_ms != 0 && lg_pubsub_config_equal(&c.op.config, &expected),
           "topic %s is told as retention %lld, compacted %d, lag %lld, %u replicas, %u in sync",
           topic, (long long)c.op.config.retention_ms, (int)c.op.config.compacted,
           (long long)c.op.config.min_compaction_lag_ms, (unsigned)c.op.config.replication,
           (unsigned)c.op.config.min_insync_replicas);
    return LG_OK;
}

static enum lg_rc configure(const struct lg_pubsub_contract *k, enum lg_pubsub_kind kind,
                            const struct lg_pubsub_config *config, enum lg_rc rc,
                            struct lg_error *err)
{
    struct call c = {.op = {.kind = kind, .topic = OTHER, .partitions = 1, .config = *config}};

    return want(k, &c, rc, err);
}

static enum lg_rc configurations_are_kept(const struct lg_pubsub_contract *k, struct lg_error *err)
{
    struct lg_pubsub_config none = {0};
    struct lg_pubsub_config first = {.retention_ms = 86400000,
                                     .compacted = true,
                                     .min_compaction_lag_ms = 60000,
                                     .replication = 1,
                                     .min_insync_replicas = 1};
    struct lg_pubsub_config second = {.retention_ms = 5000};
    struct lg_pubsub_config bad = {.retention_ms = -7};

    TRY(describe(k, TOPIC, &none, err));
    TRY(configure(k, LG_PUBSUB_CREATE, &bad, LG_ERR_INVALID, err));
    TRY(configure(k, LG_PUBSUB_CREATE, &first, LG_OK, err));
    TRY(describe(k, OTHER, &first, err));
    TRY(configure(k, LG_PUBSUB_CREATE, &second, LG_OK, err)); /* It exists: as it is. */
    TRY(describe(k, OTHER, &first, err));
    TRY(configure(k, LG_PUBSUB_CONFIGURE, &bad, LG_ERR_INVALID, err));
    TRY(configure(k, LG_PUBSUB_CONFIGURE, &second, LG_OK, err));
    second.replication = 1; /* That of the creation. */
    TRY(describe(k, OTHER, &second, err));
    TRY(configure(k, LG_PUBSUB_CONFIGURE, &first, LG_OK, err));
    TRY(describe(k, OTHER, &first, err));
    TRY(describe(k, TOPIC, &none, err));
    return simple(k, LG_PUBSUB_DELETE, OTHER, 0, LG_OK, err);
}

static enum lg_rc place(const struct lg_pubsub_contract *k, enum lg_pubsub_kind kind,
                        uint32_t partition, int64_t at_ms, struct lg_position *out,
                        struct lg_error *err)
{
    struct call c = {.op = {.kind = kind,
                            .topic = OTHER,
                            .partition = partition,
                            .timestamp_ms = at_ms,
                            .position = lg_position_latest()}};

    TRY(want(k, &c, LG_OK, err));
    *out = c.op.position;
    return LG_OK;
}

/* The time of the first record after `after`, as the log tells it. */
static enum lg_rc time_after(const struct lg_pubsub_contract *k, struct lg_position after,
                             int64_t *out, struct lg_error *err)
{
    struct call c = {
        .op = {.kind = LG_PUBSUB_FETCH, .topic = OTHER, .position = after, .max_bytes = 1}};
    LG_AUTO(lg_blob) *blob = NULL;
    struct lg_batch_reader reader;
    struct lg_pubsub_record r;
    bool end = false;

    TRY(want(k, &c, LG_OK, err));
    blob = c.op.blob;
    EXPECT(blob != NULL, "there is no record after the position of a time");
    reader = lg_batch_read(blob->bytes);
    TRY(lg_batch_next(&reader, &r, &end, err));
    EXPECT(!end, "an answer without a record");
    *out = r.timestamp_ms;
    return LG_OK;
}

static enum lg_rc times_are_found(const struct lg_pubsub_contract *k, struct lg_error *err)
{
    struct lg_position at, end, first;
    int64_t early_ms, late_ms;

    TRY(simple(k, LG_PUBSUB_CREATE, OTHER, 2, LG_OK, err));
    TRY(place(k, LG_PUBSUB_START, 1, 0, &at, err));
    EXPECT(lg_position_is_earliest(&at), "the start of an empty partition is not EARLIEST");
    TRY(place(k, LG_PUBSUB_TIME, 1, 5, &at, err));
    EXPECT(lg_position_is_earliest(&at), "a time in an empty partition is not EARLIEST");
    TRY(produce(k, OTHER, 0, "t", 10, 1, &first, err)); /* of time 10, if it is the producer's */
    TRY(produce(k, OTHER, 0, "t", 20, 1, NULL, err));
    TRY(produce(k, OTHER, 0, "t", 30, 2, NULL, err));
    TRY(place(k, LG_PUBSUB_START, 0, 0, &at, err));
    EXPECT(lg_position_is_earliest(&at), "the start is not EARLIEST though nothing was removed");
    TRY(time_after(k, at, &early_ms, err));
    TRY(time_after(k, first, &late_ms, err));
    EXPECT(k->own_times || (early_ms == 10 && late_ms == 20), "times of records changed");
    TRY(place(k, LG_PUBSUB_TIME, 0, -3, &at, err));
    EXPECT(lg_position_is_earliest(&at), "a time below 0 is not the start");
    TRY(place(k, LG_PUBSUB_TIME, 0, early_ms, &at, err));
    EXPECT(lg_position_is_earliest(&at), "the first record's time is not before it");
    TRY(place(k, LG_PUBSUB_TIME, 0, early_ms + 1, &at, err));
    TRY(time_after(k, at, &late_ms, err));
    EXPECT(late_ms > early_ms, "a record of an earlier time was found");
    TRY(place(k, LG_PUBSUB_END, 0, 0, &end, err));
    TRY(place(k, LG_PUBSUB_TIME, 0, INT64_MAX / 4, &at, err));
    EXPECT(lg_position_equal(&at, &end), "a time after all records is not the end");
    if (!k->own_times) {
        TRY(place(k, LG_PUBSUB_TIME, 0, 11, &at, err));
        EXPECT(lg_position_equal(&at, &first), "a time between records is not before the next");
    }
    return simple(k, LG_PUBSUB_DELETE, OTHER, 0, LG_OK, err);
}

static enum lg_rc a_topic_made_anew_is_empty(const struct lg_pubsub_contract *k,
                                             struct lg_error *err)
{
    struct call waiting = {.op = {.kind = LG_PUBSUB_FETCH,
                                  .topic = TOPIC,
                                  .partition = 1,
                                  .position = lg_position_latest(),
                                  .wait_ms = LONG_WAIT_MS}};
    struct call beyond = {.op = {.kind = LG_PUBSUB_FETCH, .topic = TOPIC}};

    TRY(end_of(k, TOPIC, 0, &beyond.op.position, err));
    start(k, &waiting);
    TRY(expect_listed(k, TOPIC, true, err));
    TRY(simple(k, LG_PUBSUB_DELETE, TOPIC, 0, LG_OK, err));
    TRY(finish(k, &waiting, err));
    EXPECT(waiting.op.rc == LG_ERR_NOT_FOUND, "a fetch outlived its topic: %s",
           lg_rc_name(waiting.op.rc));
    TRY(expect_listed(k, TOPIC, false, err));
    TRY(simple(k, LG_PUBSUB_DESCRIBE, TOPIC, 0, LG_ERR_NOT_FOUND, err));
    TRY(simple(k, LG_PUBSUB_CREATE, TOPIC, 1, LG_OK, err));
    TRY(expect_numbered(k, TOPIC, 0, lg_position_earliest(), "", 0, 0, 0, NULL, err));
    TRY(want(k, &beyond, LG_ERR_CONFLICT, err)); /* A place of the old topic. */
    TRY(produce(k, TOPIC, 0, "new", 0, 2, NULL, err));
    TRY(expect_numbered(k, TOPIC, 0, lg_position_earliest(), "new", 0, 2, 0, NULL, err));
    TRY(simple(k, LG_PUBSUB_DELETE, TOPIC, 0, LG_OK, err));
    return simple(k, LG_PUBSUB_DELETE, TOPIC, 0, LG_OK, err); /* Absent is fine. */
}

static enum lg_rc a_ping_is_answered(const struct lg_pubsub_contract *k, struct lg_error *err)
{
    struct call c = {.op = {.kind = LG_PUBSUB_PING}};

    TRY(want(k, &c, LG_OK, err));
    EXPECT(c.op.blob == NULL, "a ping was answered with bytes");
    return LG_OK;
}

static const struct {
    const char *name;
    enum lg_rc (*check)(const struct lg_pubsub_contract *k, struct lg_error *err);
} promises[] = {
    {"a ping is answered", a_ping_is_answered},
    {"unknown topics are not found", unknown_topics_are_not_found},
    {"topics are created once", topics_are_created_once},
    {"an empty partition is empty", an_empty_partition_is_empty},
    {"records keep their order", records_keep_their_order},
    {"positions have an order", positions_have_an_order},
    {"partitions are independent", partitions_are_independent},
    {"batches in flight keep their order", batches_in_flight_keep_their_order},
    {"headers and times are kept", headers_and_times_are_kept},
    {"a waiting fetch is woken", a_waiting_fetch_is_woken},
    {"a fetch waits no longer than asked", a_fetch_waits_no_longer_than_asked},
    {"a waiting fetch can be cancelled", a_waiting_fetch_can_be_cancelled},
    {"a big record travels whole", a_big_record_travels_whole},
    {"configurations are kept", configurations_are_kept},
    {"times are found", times_are_found},
    {"a topic made anew is empty", a_topic_made_anew_is_empty},
};

enum lg_rc lg_pubsub_contract(const struct lg_pubsub_contract *contract, struct lg_error *err)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(promises); i++) {
        if (promises[i].check(contract, err) != LG_OK) {
            lg_error_wrap(err, "%s: %s", contract->ps->ops->name, promises[i].name);
            return err->rc;
        }
    }
    return LG_OK;
}
