/* Positions of 24 bytes: 16 that hold type and bytes of the wrapped log's position, and 8 that are
 * their digest, under which the 16 are scrambled so that their order says nothing. */
#include "drivers/sim/pubsub_wide.h"

#include "base/hash.h"
#include "pubsub/batch.h"

#define PLAIN_BYTES 16u
#define INNER_MAX                                                                                  \
    11u /* bytes of a wrapped position: 4 of its type and 1 of its size come first                 \
         */

struct lg_pubsub_wide {
    struct lg_pubsub head;
    struct lg_pubsub *inner;
};

struct call { /* From submit until done. */
    struct lg_pubsub_op op;
    struct lg_pubsub_op *outer;
};

/* --- Positions ------------------------------------------------------------------------------ */

static uint32_t digest(const uint8_t *plain, uint32_t seed)
{
    return lg_crc32c(seed, plain, PLAIN_BYTES);
}

static void scramble(uint8_t *bytes, const uint8_t *check)
{
    for (size_t i = 0; i < PLAIN_BYTES; i++)
        bytes[i] = (uint8_t)(bytes[i] ^ check[i % 8] ^ (uint8_t)(i * 151u + 90u));
}

static bool is_symbol(const struct lg_position *p)
{
    return lg_position_is_earliest(p) || lg_position_is_latest(p);
}

static struct lg_position widen(const struct lg_position *p)
{
    struct lg_position out = {.type = LG_PUBSUB_WIDE_TYPE, .size = LG_PUBSUB_WIDE_BYTES};
    uint8_t *check = out.bytes + PLAIN_BYTES;

    if (is_symbol(p))
        return *p;
    assert(p->size <= INNER_MAX);
    lg_store_u32be(out.bytes, (uint32_t)p->type);
    out.bytes[4] = p->size;
    memcpy(out.bytes + 5, p->bytes, p->size);
    lg_store_u32be(check, digest(out.bytes, 0));
    lg_store_u32be(check + 4, digest(out.bytes, lg_load_u32be(check)));
    scramble(out.bytes, check);
    return out;
}

static bool narrow(const struct lg_position *p, struct lg_position *out)
{
    uint8_t plain[PLAIN_BYTES];
    const uint8_t *check = p->bytes + PLAIN_BYTES;
    struct lg_position inner = {0};

    if (is_symbol(p)) {
        *out = *p;
        return true;
    }
    if (p->type != LG_PUBSUB_WIDE_TYPE || p->size != LG_PUBSUB_WIDE_BYTES)
        return false;
    memcpy(plain, p->bytes, PLAIN_BYTES);
    scramble(plain, check);
    if (lg_load_u32be(check) != digest(plain, 0) ||
        lg_load_u32be(check + 4) != digest(plain, lg_load_u32be(check)) || plain[4] > INNER_MAX)
        return false;
    inner.type = (int32_t)lg_load_u32be(plain);
    inner.size = plain[4];
    memcpy(inner.bytes, plain + 5, inner.size);
    *out = inner;
    return true;
}

/* --- Operations ----------------------------------------------------------------------------- */

static enum lg_rc widen_records(struct lg_blob *blob, struct lg_blob **out, struct lg_error *err)
{
    struct lg_batch_reader reader = lg_batch_read(blob->bytes);
    LG_SCOPED(lg_buf) batch = {0};
    bool end = false;

    for (;;) {
        struct lg_pubsub_record record;
        enum lg_rc rc = lg_batch_next(&reader, &record, &end, err);

        if (rc != LG_OK)
            return rc;
        if (end)
            break;
        record.position = widen(&record.position);
        lg_batch_add(&batch, &record);
    }
    *out = lg_blob_take(&batch);
    return LG_OK;
}

static void inner_done(struct lg_pubsub_op *op)
{
    struct call *c = LG_CONTAINER_OF(op, struct call, op);
    struct lg_pubsub_op *outer = c->outer;

    outer->rc = op->rc;
    outer->err = op->err;
    outer->partitions = op->partitions;
    outer->config = op->config;
    outer->position = widen(&op->position);
    if (op->kind == LG_PUBSUB_FETCH && op->rc == LG_OK && op->blob != NULL) {
        outer->rc = widen_records(op->blob, &outer->blob, &outer->err);
        lg_blob_unref(op->blob);
    } else if (op->kind != LG_PUBSUB_PRODUCE) {
        outer->blob = op->blob;
    }
    lg_free(c);
    outer->done(outer);
}

static void refused(struct lg_task *task)
{
    struct lg_pubsub_op *op = LG_CONTAINER_OF(task, struct lg_pubsub_op, task);

    op->done(op);
}

static void wide_submit(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct lg_pubsub_wide *wide = LG_CONTAINER_OF(ps, struct lg_pubsub_wide, head);
    struct lg_position inner = op->position;
    struct call *c;

    op->cancelled = false;
    op->rc = LG_OK;
    op->err = (struct lg_error){0};
    op->driver_state = NULL;
    if (op->kind != LG_PUBSUB_PRODUCE)
        op->blob = NULL;
    if (op->kind == LG_PUBSUB_FETCH && !narrow(&op->position, &inner)) {
        op->rc = lg_error_set(&op->err, LG_ERR_INVALID,
                              "topic %s/%u: a position of type %d is not one of this log",
                              op->topic, op->partition, op->position.type);
        op->task.run = refused;
        lg_lane_post(op->lane, &op->task);
        return;
    }
    if (op->kind != LG_PUBSUB_FETCH)
        inner = lg_position_earliest();
    c = lg_new(struct call);
    c->outer = op;
    c->op = *op;
    c->op.position = inner;
    c->op.done = inner_done;
    op->driver_state = c;
    lg_pubsub_submit(wide->inner, &c->op);
}

static void wide_cancel(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct lg_pubsub_wide *wide = LG_CONTAINER_OF(ps, struct lg_pubsub_wide, head);
    struct call *c = op->driver_state;

    if (c != NULL)
        lg_pubsub_cancel(wide->inner, &c->op);
}

/* A position of another kind sorts with LATEST. */
static int wide_compare(struct lg_pubsub *ps, const struct lg_position *a,
                        const struct lg_position *b)
{
    struct lg_pubsub_wide *wide = LG_CONTAINER_OF(ps, struct lg_pubsub_wide, head);
    struct lg_position x = lg_position_latest(), y = lg_position_latest();

    (void)narrow(a, &x);
    (void)narrow(b, &y);
    return lg_pubsub_compare(wide->inner, &x, &y);
}

static const struct lg_pubsub_ops ops = {
    .name = "wide",
    .submit = wide_submit,
    .cancel = wide_cancel,
    .compare = wide_compare,
};

struct lg_pubsub_wide *lg_pubsub_wide_new(struct lg_pubsub *inner)
{
    struct lg_pubsub_wide *wide = lg_new(struct lg_pubsub_wide);

    wide->head.ops = &ops;
    wide->head.url = inner->url;
    wide->inner = inner;
    return wide;
}

void lg_pubsub_wide_free(struct lg_pubsub_wide *wide)
{
    lg_free(wide);
}

struct lg_pubsub *lg_pubsub_wide_pubsub(struct lg_pubsub_wide *wide)
{
    return &wide->head;
}
