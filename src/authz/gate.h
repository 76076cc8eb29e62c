/* What stands in front of a request that not everybody may make: goes on or refuses at once when it
 * is known who may (authz/authz.h), else waits until it is and goes on then.
 *
 *     lg_authz_gate ──▶ ALLOWED ──▶ go        in the call; nothing is allocated
 *          ├─▶ DENIED ──▶ refuse              in the call
 *          └─▶ UNKNOWN ──▶ waits ──▶ go, refuse, or the request ends because its peer has gone
 */
#ifndef LG_AUTHZ_GATE_H
#define LG_AUTHZ_GATE_H

#include "authz/authz.h"
#include "net/http_server.h"

#define LG_AUTHZ_GATE_CTX_MAX 256u

/* What comes of it: one of these, once. `ctx` is the asker's, valid until the callback returns,
 * even if it answers; what the asker keeps in the request's arena goes with the answer. */
struct lg_authz_gate_ops {
    /* It may. Answers, or sees to it. */
    void (*go)(const void *ctx, struct lg_http_request *rq);
    /* It may not (DENIED), or that cannot be found out (UNKNOWN, for the reason `why`). NULL `why`
     * of UNKNOWN: the request left no room to wait. Answers; lg_authz_refuse has a text. */
    void (*refuse)(const void *ctx, struct lg_http_request *rq, enum lg_authz_verdict verdict,
                   const struct lg_error *why);
    /* After a wait, in front of both: has what `go` needs gone meanwhile? Then it answers that, and
     * returns true. NULL: it stays as long as the peer of a request. */
    bool (*is_over)(const void *ctx, struct lg_http_request *rq);
};

struct lg_authz_gate {
    struct lg_authz *authz; /* NULL: everybody may */
    struct lg_http_request *rq;
    struct lg_slice store; /* empty: the cluster; looked at within the call only */
    enum lg_acl_method may;
    const struct lg_authz_gate_ops *ops; /* of static storage */
    const void *ctx; /* copied, with its `ctx_size` bytes, when there is something to wait for */
    size_t ctx_size; /* at most LG_AUTHZ_GATE_CTX_MAX */
};

/* Waits for a verdict that is not known; for lg_authz_gate. */
void lg_authz_gate_wait(const struct lg_authz_gate *g);

/* May who sent `rq` do that? Takes the request: it is answered by what is called. On the owner's
 * lane, which is that of the request. A request whose peer has gone while it waited is ended with a
 * 503 that nobody hears, for what `go` needs may be gone as well. */
static inline void lg_authz_gate(const struct lg_authz_gate *g)
{
    enum lg_authz_verdict verdict = lg_authz_check(g->authz, g->rq->identity, g->store, g->may);

    assert(g->ctx_size <= LG_AUTHZ_GATE_CTX_MAX);
    if (LG_LIKELY(verdict == LG_AUTHZ_ALLOWED))
        g->ops->go(g->ctx, g->rq);
    else if (verdict == LG_AUTHZ_DENIED)
        g->ops->refuse(g->ctx, g->rq, verdict, /* why= */ NULL);
    else
        lg_authz_gate_wait(g);
}

#endif
