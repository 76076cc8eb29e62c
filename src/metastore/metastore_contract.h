/* What every metastore driver must do, as one function that a driver's test calls.
 *
 * It knows neither the driver nor the kind of lane: it runs in the simulator and on real threads.
 */
#ifndef LG_METASTORE_METASTORE_CONTRACT_H
#define LG_METASTORE_METASTORE_CONTRACT_H

#include "metastore/metastore.h"

struct lg_metastore_contract {
    /* Opens a session, and ends one: after `close_session` has returned and a while has been run,
     * its ephemeral nodes are gone. Both are called from outside the lane. */
    struct lg_metastore *(*open_session)(void *ctx);
    void (*close_session)(void *ctx, struct lg_metastore *session);
    struct lg_lane *lane; /* Operations are submitted from it and done on it. */
    /* Runs the lane (and whatever else the driver needs) until `cond(cond_ctx)`, or gives up. */
    void (*run_until)(void *ctx, bool (*cond)(void *cond_ctx), void *cond_ctx);
    void *ctx;
};

/* Nothing may stand under "/contract"; nothing does afterwards. LG_ERR_FAILED (or the code of the
 * operation) with a sentence that names the promise that was broken. */
LG_MUST_CHECK enum lg_rc lg_metastore_contract(const struct lg_metastore_contract *contract,
                                               struct lg_error *err);

#endif
