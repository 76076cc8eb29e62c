/* What every driver of the transport port must do, as one function that a driver's test calls.
 *
 * All of it runs on one lane: both sides of each connection, so that no lock is needed.
 */
#ifndef LG_NET_TRANSPORT_CONTRACT_H
#define LG_NET_TRANSPORT_CONTRACT_H

#include "net/transport.h"

struct lg_transport_contract {
    struct lg_transport *transport;
    struct lg_lane *lane;
    const char *host;       /* To listen on and to connect to. */
    const char *no_address; /* What listen refuses with LG_ERR_INVALID. */
    /* Runs the lane until `cond(arg)`, which is asked on the lane or between its turns; false when
     * it takes too long. */
    bool (*run_until)(void *ctx, bool (*cond)(void *arg), void *arg);
    void *ctx;
};

/* LG_ERR_FAILED names the clause that does not hold. */
LG_MUST_CHECK enum lg_rc lg_transport_contract(const struct lg_transport_contract *contract,
                                               struct lg_error *err);

#endif
