#include "authz/metrics_guard.h"

#include "net/ops_front.h"

struct asked { /* Somebody who is not known; in the request's arena. */
    struct lg_authz_wait wait;
    struct lg_http_request *rq;
};

static void decided(struct lg_http_request *rq, enum lg_authz_verdict verdict,
                    const struct lg_error *why)
{
    struct lg_error err;
    enum lg_rc rc;

    if (verdict == LG_AUTHZ_ALLOWED) {
        (void)lg_ops_front_handle(rq);
        return;
    }
    rc = lg_authz_refuse(verdict, why, rq->identity, LG_SLICE_NULL, LG_ACL_READ, &err);
    lg_http_respond_text(rq, lg_rc_http(rc, /* is_post= */ false), "%s\n", err.text);
}

static void now_known(struct lg_authz_wait *wait)
{
    const struct asked *a = LG_CONTAINER_OF(wait, struct asked, wait);
    struct lg_error why = wait->err; /* The arena goes with the answer. */

    decided(a->rq, wait->verdict, &why);
}

void lg_authz_guard_metrics(struct lg_authz *a, struct lg_http_request *rq)
{
    enum lg_authz_verdict verdict = lg_authz_check(a, rq->identity, LG_SLICE_NULL, LG_ACL_READ);
    struct asked *asked =
        verdict != LG_AUTHZ_UNKNOWN ? NULL : lg_arena_alloc(rq->arena, sizeof *asked);

    if (asked == NULL) {
        decided(rq, verdict, NULL);
        return;
    }
    *asked = (struct asked){.rq = rq};
    asked->wait.done = now_known;
    lg_authz_wait(a, &asked->wait, rq->identity, LG_SLICE_NULL, LG_ACL_READ);
}
