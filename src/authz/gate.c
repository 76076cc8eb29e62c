#include "authz/gate.h"

#include <stdalign.h>
#include <stddef.h>

struct asked { /* In the request's arena. */
    struct lg_authz_wait wait;
    struct lg_http_request *rq;
    const struct lg_authz_gate_ops *ops;
    size_t ctx_size;
    alignas(max_align_t) uint8_t ctx[];
};

/* The arena goes with the answer, so the callbacks get copies. */
static void now_known(struct lg_authz_wait *wait)
{
    const struct asked *a = LG_CONTAINER_OF(wait, struct asked, wait);
    const struct lg_authz_gate_ops *ops = a->ops;
    struct lg_http_request *rq = a->rq;
    enum lg_authz_verdict verdict = wait->verdict;
    struct lg_error why = wait->err;
    alignas(max_align_t) uint8_t ctx[LG_AUTHZ_GATE_CTX_MAX];

    if (a->ctx_size > 0)
        memcpy(ctx, a->ctx, a->ctx_size);
    if (rq->peer_gone)
        lg_http_respond_text(rq, 503, "who asked has gone\n");
    else if (ops->is_over != NULL && ops->is_over(ctx, rq))
        return;
    else if (verdict == LG_AUTHZ_ALLOWED)
        ops->go(ctx, rq);
    else
        ops->refuse(ctx, rq, verdict, &why);
}

void lg_authz_gate_wait(const struct lg_authz_gate *g)
{
    struct asked *a = lg_arena_alloc(g->rq->arena, sizeof *a + g->ctx_size);

    if (a == NULL) {
        g->ops->refuse(g->ctx, g->rq, LG_AUTHZ_UNKNOWN, /* why= */ NULL);
        return;
    }
    *a = (struct asked){.rq = g->rq, .ops = g->ops, .ctx_size = g->ctx_size};
    if (g->ctx_size > 0)
        memcpy(a->ctx, g->ctx, g->ctx_size);
    a->wait.done = now_known;
    lg_authz_wait(g->authz, &a->wait, g->rq->identity, g->store, g->may);
}
