#include "admin/wait.h"

struct pubsub_call {
    const struct lg_waiter *w;
    struct lg_pubsub_op op;
};

static void pubsub_done(struct lg_pubsub_op *op)
{
    const struct pubsub_call *call = LG_CONTAINER_OF(op, struct pubsub_call, op);

    call->w->wake(call->w->ctx);
}

enum lg_rc lg_wait_pubsub(const struct lg_waiter *w, struct lg_pubsub *ps, struct lg_pubsub_op *op,
                          struct lg_error *err)
{
    struct pubsub_call call = {.w = w, .op = *op};

    call.op.lane = w->lane;
    call.op.done = pubsub_done;
    lg_pubsub_submit(ps, &call.op);
    w->wait(w->ctx);
    *op = call.op;
    if (op->rc != LG_OK)
        *err = op->err;
    return op->rc;
}

struct meta_call {
    const struct lg_waiter *w;
    struct lg_meta_op op;
};

static void meta_done(struct lg_meta_op *op)
{
    const struct meta_call *call = LG_CONTAINER_OF(op, struct meta_call, op);

    call->w->wake(call->w->ctx);
}

enum lg_rc lg_wait_metastore(const struct lg_waiter *w, struct lg_metastore *ms,
                             struct lg_meta_op *op, struct lg_error *err)
{
    struct meta_call call = {.w = w, .op = *op};

    call.op.lane = w->lane;
    call.op.done = meta_done;
    lg_metastore_submit(ms, &call.op);
    w->wait(w->ctx);
    *op = call.op;
    if (op->rc != LG_OK)
        *err = op->err;
    return op->rc;
}
