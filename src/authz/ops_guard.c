#include "authz/ops_guard.h"

#include "authz/gate.h"
#include "net/ops_front.h"

static void go(const void *ctx, struct lg_http_request *rq)
{
    (void)ctx;
    (void)lg_ops_front_handle(rq);
}

static void refuse(const void *ctx, struct lg_http_request *rq, enum lg_authz_verdict verdict,
                   const struct lg_error *why)
{
    struct lg_error err;
    enum lg_rc rc;

    (void)ctx;
    if (!lg_ops_front_is_metrics(rq)) {
        lg_ops_front_handle_unnamed(rq);
        return;
    }
    rc = lg_authz_refuse(verdict, why, rq->identity, LG_SLICE_NULL, LG_ACL_READ, &err);
    lg_http_respond_text(rq, lg_rc_http(rc, /* is_post= */ false), "%s\n", err.text);
}

void lg_authz_guard_ops(struct lg_authz *a, struct lg_http_request *rq)
{
    static const struct lg_authz_gate_ops ops = {.go = go, .refuse = refuse};

    if (a != NULL && lg_ops_front_handle_plain(rq))
        return;
    lg_authz_gate(&(struct lg_authz_gate){
        .authz = a, .rq = rq, .store = LG_SLICE_NULL, .may = LG_ACL_READ, .ops = &ops});
}
