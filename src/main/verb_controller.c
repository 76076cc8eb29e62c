/* lagoon controller: a controller of a cluster until a signal ends it. */
#include "base/str.h"
#include "main/cli.h"
#include "main/roles.h"

static enum lg_rc start_controller(struct lg_roles *r, struct lg_error *err)
{
    const struct lg_role_options *o = r->o;
    uint32_t port = o->announced_port != 0 ? o->announced_port : o->admin_port;
    LG_AUTO_STR char *url = port == 0
                                ? NULL
                                : lg_strf("%s://%s:%u", lg_transport_scheme(r->stage.transport),
                                          lg_roles_announced_host(r), port);
    struct lg_controller *controller = NULL;
    enum lg_rc rc = lg_controller_start(
        &(struct lg_controller_options){
            .lane = r->lane,
            .metastore = r->metastore,
            .pubsub = lg_log_url_pubsub(r->log),
            .transport = r->stage.transport,
            .host = o->listen_host,
            .port = (uint16_t)o->admin_port,
            .cluster = o->cluster_name,
            .advertised_url = url,
            .authz = lg_run_authz(r->run),
            .connections_max = o->common.connections,
            .idle_ms = o->common.idle_timeout,
            .keep_backups = o->keep_backups,
            .backup_retention_ms = o->backup_retention,
            .cleanup_interval_ms = o->cleanup_interval,
            .trash_grace_ms = o->trash_grace,
            .failed_keep_ms = o->failed_push_keep,
            .deleted_keep_ms = o->deleted_keep,
            .default_replication_factor = o->default_replica_factor,
            .min_active_replicas = o->min_active_replica,
            .topic_replication = (uint16_t)o->kafka_replication_factor,
            .topic_min_insync = (uint16_t)o->kafka_min_isr,
            .delay_to_rebalance_ms = o->delay_to_rebalance,
            .offline_job_start_timeout_ms = o->offline_job_start_timeout,
            .push_timeout_ms = o->push_timeout,
            .error_partition_auto_reset_limit =
                o->error_reset_limit == 0 ? UINT32_MAX : o->error_reset_limit,
            .blink_ms = o->blink,
            .moves_max = o->moves_max,
            .routers_settle_ms = 3 * o->zookeeper_session_timeout,
            .conflict_ms = lg_roles_conflict_ms(r),
            .failed = lg_roles_fail,
            .failed_ctx = r},
        &controller, err);

    if (rc != LG_OK)
        return rc;
    r->part = controller;
    r->port = lg_controller_port(controller);
    r->watched = (struct lg_observer_options){.control = r->lane, .controller = controller};
    return LG_OK;
}

static void stop_controller(struct lg_roles *r, void (*done)(void *ctx), void *ctx)
{
    lg_controller_stop(r->part, done, ctx);
}

static const char *bootstrap(const struct lg_role_options *o)
{
    return o->controller_bootstrap;
}

static enum lg_rc start(struct lg_run *run, const void *values, void **out, struct lg_error *err)
{
    static const struct lg_roles_ops ops = {.role = &lg_role_controller,
                                            .lane = "control",
                                            .creates_cluster = true,
                                            .bootstrap = bootstrap,
                                            .start = start_controller,
                                            .stop = stop_controller};
    struct lg_roles *r = NULL;
    enum lg_rc rc = lg_roles_start(&ops, run, values, &r, err);

    if (rc == LG_OK)
        *out = r;
    return rc;
}

int lg_verb_controller(const struct lg_command *command)
{
    static const struct lg_run_ops ops = {.start = start,
                                          .describe = lg_roles_describe,
                                          .stop = lg_roles_stop,
                                          .stage = lg_roles_stage};

    return lg_run(&lg_role_controller, &ops, command);
}
