#include "test/lib/kafka_world.h"

#include "base/str.h"
#include "drivers/uv/lane_uv.h"
#include "pubsub/batch.h"
#include "test/test.h"

static void init(struct lg_kw *w, const struct lg_kafka_options *options)
{
    struct lg_kafka_options o = *options;
    struct lg_error err = {0};

    *w = (struct lg_kw){0};
    lg_log_env_init_uv(&w->env);
    lg_log_env_start_uv(&w->env);
    o.lane = w->env.lane;
    assert_ok(lg_kafka_open(&o, &w->k, &err));
}

void lg_kw_init(struct lg_kw *w, const char *servers, const struct lg_kafka_setting *settings,
                size_t n)
{
    init(w,
         &(struct lg_kafka_options){.servers = servers, .settings = settings, .setting_count = n});
}

void lg_kw_init_prefetch(struct lg_kw *w, const char *servers, unsigned prefetch_kbytes)
{
    init(w, &(struct lg_kafka_options){.servers = servers, .prefetch_kbytes = prefetch_kbytes});
}

static void set_closed(void *ctx)
{
    *(bool *)ctx = true;
}

static bool is_set(void *ctx)
{
    return *(bool *)ctx;
}

void lg_kw_done(struct lg_kw *w)
{
    lg_kafka_close(w->k, set_closed, &w->closed);
    lg_log_env_run_until(&w->env, is_set, &w->closed);
    assert_true(w->closed);
    lg_log_env_done(&w->env);
}

/* --- Calls ---------------------------------------------------------------------------------- */

static void call_done(struct lg_pubsub_op *op)
{
    LG_CONTAINER_OF(op, struct lg_kw_call, op)->done = true;
}

static void call_submit(struct lg_task *task)
{
    struct lg_kw_call *c = LG_CONTAINER_OF(task, struct lg_kw_call, task);

    if (c->cancel) {
        lg_pubsub_cancel(lg_kafka_pubsub(c->w->k), &c->op);
        return;
    }
    c->op.deadline_us =
        c->deadline_ms == 0 ? 0 : lg_lane_now_us(c->w->env.lane) + c->deadline_ms * LG_MS;
    lg_pubsub_submit(lg_kafka_pubsub(c->w->k), &c->op);
}

static bool call_is_done(void *ctx)
{
    return ((struct lg_kw_call *)ctx)->done;
}

void lg_kw_start(struct lg_kw *w, struct lg_kw_call *c)
{
    c->w = w;
    c->op.lane = w->env.lane;
    c->op.done = call_done;
    c->done = c->cancel = false;
    c->task.run = call_submit;
    lg_lane_post(w->env.lane, &c->task);
}

enum lg_rc lg_kw_finish(struct lg_kw *w, struct lg_kw_call *c)
{
    lg_log_env_run_until(&w->env, call_is_done, c);
    assert_true(c->done);
    return c->op.rc;
}

void lg_kw_cancel(struct lg_kw *w, struct lg_kw_call *c)
{
    c->cancel = true;
    lg_lane_post(w->env.lane, &c->task);
}

enum lg_rc lg_kw_run(struct lg_kw *w, struct lg_kw_call *c)
{
    lg_kw_start(w, c);
    return lg_kw_finish(w, c);
}

void lg_kw_create(struct lg_kw *w, const char *topic, uint32_t partitions)
{
    lg_kw_create_with(w, topic, partitions, &(struct lg_pubsub_config){0});
}

void lg_kw_create_with(struct lg_kw *w, const char *topic, uint32_t partitions,
                       const struct lg_pubsub_config *config)
{
    struct lg_kw_call c = {
        .op = {
            .kind = LG_PUBSUB_CREATE, .topic = topic, .partitions = partitions, .config = *config}};

    if (lg_kw_run(w, &c) != LG_OK)
        fail_msg("create %s: %s", topic, c.op.err.text);
}

void lg_kw_delete(struct lg_kw *w, const char *topic)
{
    struct lg_kw_call c = {.op = {.kind = LG_PUBSUB_DELETE, .topic = topic}};

    if (lg_kw_run(w, &c) != LG_OK)
        fail_msg("delete %s: %s", topic, c.op.err.text);
}

/* --- Records -------------------------------------------------------------------------------- */

struct lg_blob *lg_kw_numbered(unsigned from, unsigned n, size_t value_size)
{
    LG_SCOPED(lg_buf) batch = {0};
    LG_SCOPED(lg_buf) value = {0};

    while (value.size < value_size)
        lg_buf_append_byte(&value, (uint8_t)('a' + value.size % 26));
    for (unsigned i = from; i < from + n; i++) {
        LG_AUTO_STR char *key = lg_strf("%u", i);

        lg_batch_add(&batch, &(struct lg_pubsub_record){.key = lg_slice_str(key),
                                                        .value = lg_buf_slice(&value),
                                                        .timestamp_ms = 1});
    }
    return lg_blob_take(&batch);
}

void lg_kw_produce_blob(struct lg_kw *w, const char *topic, uint32_t partition,
                        struct lg_blob *blob)
{
    struct lg_kw_call c = {
        .op = {.kind = LG_PUBSUB_PRODUCE, .topic = topic, .partition = partition, .blob = blob}};

    if (lg_kw_run(w, &c) != LG_OK)
        fail_msg("produce: %s", c.op.err.text);
}

void lg_kw_produce(struct lg_kw *w, const char *topic, unsigned from, unsigned n)
{
    LG_AUTO(lg_blob) *blob = lg_kw_numbered(from, n, 10);

    lg_kw_produce_blob(w, topic, 0, blob);
}

unsigned lg_kw_number(struct lg_slice key)
{
    uint64_t n = 0;

    assert_true(lg_parse_u64(key, UINT32_MAX, &n));
    return (unsigned)n;
}

void lg_kw_each(const struct lg_blob *blob,
                void (*each)(void *ctx, const struct lg_pubsub_record *r), void *ctx)
{
    struct lg_batch_reader reader = lg_batch_read(blob->bytes);
    struct lg_pubsub_record r;
    struct lg_error err = {0};
    bool end = false;

    for (;;) {
        assert_ok(lg_batch_next(&reader, &r, &end, &err));
        if (end)
            return;
        each(ctx, &r);
    }
}

void lg_kw_read_all(struct lg_kw *w, const char *topic, uint32_t partition,
                    struct lg_position after,
                    void (*each)(void *ctx, const struct lg_pubsub_record *r), void *ctx)
{
    for (;;) {
        struct lg_kw_call c = {.op = {.kind = LG_PUBSUB_FETCH,
                                      .topic = topic,
                                      .partition = partition,
                                      .position = after}};
        LG_AUTO(lg_blob) *blob = NULL;

        if (lg_kw_run(w, &c) != LG_OK)
            fail_msg("fetch: %s", c.op.err.text);
        blob = c.op.blob;
        if (blob == NULL)
            return;
        after = c.op.position;
        lg_kw_each(blob, each, ctx);
    }
}

void lg_kw_expect_next(void *ctx, const struct lg_pubsub_record *r)
{
    unsigned *next = ctx;

    assert_int_equal(lg_kw_number(r->key), *next);
    (*next)++;
}
