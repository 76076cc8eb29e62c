/* Straight-line code on a lane: submit an operation, run the lane until it is done.
 *
 * For verbs that have nothing else to do meanwhile; never for a lane that serves. Pure but for the
 * ports it is given.
 */
#ifndef LG_ADMIN_WAIT_H
#define LG_ADMIN_WAIT_H

#include "metastore/metastore.h"
#include "pubsub/pubsub.h"

struct lg_waiter {
    struct lg_lane *lane;
    /* Runs the lane until `wake` was called. */
    void (*wait)(void *ctx);
    void (*wake)(void *ctx);
    void *ctx;
};

/* Fills in lane and done, submits, waits. Returns op->rc, with its sentence in `err`; the answer is
 * in `op`. */
LG_MUST_CHECK enum lg_rc lg_wait_pubsub(const struct lg_waiter *w, struct lg_pubsub *ps,
                                        struct lg_pubsub_op *op, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_wait_metastore(const struct lg_waiter *w, struct lg_metastore *ms,
                                           struct lg_meta_op *op, struct lg_error *err);

#endif
