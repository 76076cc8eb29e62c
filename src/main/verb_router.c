/* lagoon router: a router of a cluster until a signal ends it. */
#include "main/cli.h"
#include "main/roles.h"

#define DRAIN_MS_MAX 1000u /* Enough for clients; a grace may be longer than a stop may take. */

static enum lg_rc start_router(struct lg_roles *r, struct lg_error *err)
{
    const struct lg_role_options *o = r->o;
    struct lg_router *router = NULL;
    enum lg_rc rc =
        lg_router_start(&(struct lg_router_options){.lane = r->lane,
                                                    .metastore = r->metastore,
                                                    .transport = r->stage.transport,
                                                    .host = o->listen_host,
                                                    .port = (uint16_t)o->router_port,
                                                    .announced_host = lg_roles_announced_host(r),
                                                    .announced_port = (uint16_t)o->announced_port,
                                                    .cluster = o->cluster_name,
                                                    .read_timeout_ms = o->read_timeout,
                                                    .hedge_after_ms = o->read_hedge_after,
                                                    .silence_ms = o->read_silence,
                                                    .hedge_percent = o->read_hedge_percent,
                                                    .read_capacity = o->read_capacity,
                                                    .authz = lg_run_authz(r->run),
                                                    .connections_max = o->common.connections,
                                                    .idle_ms = o->common.idle_timeout,
                                                    .conflict_ms = lg_roles_conflict_ms(r),
                                                    .failed = lg_roles_fail,
                                                    .failed_ctx = r},
                        &router, err);

    if (rc != LG_OK)
        return rc;
    r->part = router;
    r->port = lg_router_port(router);
    r->watched = (struct lg_observer_options){.data = r->lane, .router = router};
    return LG_OK;
}

/* Load balancers had the grace to go elsewhere; now clients that keep connections alive have it. */
static void stop_router(struct lg_roles *r, void (*done)(void *ctx), void *ctx)
{
    lg_router_stop(r->part, LG_MIN(r->o->common.shutdown_grace, (uint64_t)DRAIN_MS_MAX), done, ctx);
}

static enum lg_rc start(struct lg_run *run, const void *values, void **out, struct lg_error *err)
{
    static const struct lg_roles_ops ops = {
        .role = &lg_role_router, .lane = "data", .start = start_router, .stop = stop_router};
    struct lg_roles *r = NULL;
    enum lg_rc rc = lg_roles_start(&ops, run, values, &r, err);

    if (rc == LG_OK)
        *out = r;
    return rc;
}

int lg_verb_router(const struct lg_command *command)
{
    static const struct lg_run_ops ops = {.start = start,
                                          .describe = lg_roles_describe,
                                          .stop = lg_roles_stop,
                                          .stage = lg_roles_stage};

    return lg_run(&lg_role_router, &ops, command);
}
