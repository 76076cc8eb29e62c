/* What every pubsub driver must do, as one function that a driver's test calls.
 *
 * It knows neither the driver nor the kind of lane: it runs in the simulator and on real threads.
 */
#ifndef LG_PUBSUB_PUBSUB_CONTRACT_H
#define LG_PUBSUB_PUBSUB_CONTRACT_H

#include "pubsub/pubsub.h"

struct lg_pubsub_contract {
    struct lg_pubsub *ps;
    struct lg_lane *lane; /* Operations are submitted from it and done on it. */
    /* Runs the lane (and whatever else the driver needs) until `cond(cond_ctx)`, or gives up. */
    void (*run_until)(void *ctx, bool (*cond)(void *cond_ctx), void *cond_ctx);
    void *ctx;
    bool own_times;   /* The log puts its own time into records. */
    bool has_default; /* It tells what it made of 0: its own replication. */
};

/* The topics named "contract.*" must not exist; they do not afterwards. LG_ERR_FAILED names the
 * promise that was broken. */
LG_MUST_CHECK enum lg_rc lg_pubsub_contract(const struct lg_pubsub_contract *contract,
                                            struct lg_error *err);

#endif
