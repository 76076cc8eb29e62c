/* lagoon standalone: everything in one process until a signal ends it (main/run). */
#include "main/cli.h"
#include "main/run.h"
#include "main/standalone.h"

static enum lg_rc start(struct lg_run *run, const void *values, void **out, struct lg_error *err)
{
    const struct lg_main_options *o = values;
    struct lg_standalone *s = NULL;
    struct lg_tls_options tls;
    bool uses_tls = lg_common_options_tls(&o->common, &tls);
    enum lg_rc rc = lg_standalone_start(
        &(struct lg_standalone_options){
            .data = o->data,
            .host = o->host,
            .controller_port = (uint16_t)o->controller_port,
            .router_port = (uint16_t)o->router_port,
            .server_port = (uint16_t)o->server_port,
            .block_cache_bytes = lg_run_block_cache(&o->common, o->block_cache),
            .read_index_bytes = lg_run_read_index(&o->common, o->read_index),
            .node_rcu = o->node_rcu,
            .read_queue_target_ms = o->read_queue_target,
            .memory_limit_bytes = lg_run_memory_limit(&o->common),
            .http2 = lg_run_http2(o->http2_engine),
            .grpc_off = !o->grpc,
            .grpc_port = (uint16_t)o->grpc_port,
            .tls = uses_tls ? &tls : NULL,
            .reading =
                lg_run_reading(o->read_threads, o->read_cpus, o->read_driver, o->read_spin_us),
            .pool_threads = o->common.pool_threads,
            .authz = lg_run_authz(run),
            .connections_max = o->common.connections,
            .idle_ms = o->common.idle_timeout,
            .read_timeout_ms = o->read_timeout,
            .keep_backups = o->keep_backups,
            .disk_low_bytes = o->disk_low_watermark,
            .disk_reserve_bytes = o->disk_reserve,
            .cleanup_interval_ms = o->cleanup_interval,
            .trash_grace_ms = o->trash_grace,
            .failed_keep_ms = o->failed_push_keep,
            .deleted_keep_ms = o->deleted_keep},
        &s, err);

    if (rc == LG_OK)
        *out = s;
    return rc;
}

static void describe(const void *running, struct lg_buf *out)
{
    const struct lg_standalone *s = running;

    lg_buf_appendf(out, "controller=%u router=%u server=%u data=%s",
                   lg_standalone_controller_port(s), lg_standalone_router_port(s),
                   lg_standalone_server_port(s), lg_standalone_data(s));
}

static struct lg_stage *stage(void *running)
{
    return lg_standalone_stage(running);
}

static enum lg_rc announce(void *running, struct lg_error *err)
{
    return lg_standalone_announce(running, err);
}

static void stop(void *running)
{
    lg_standalone_stop(running);
}

int lg_verb_standalone(const struct lg_command *command)
{
    static const struct lg_run_ops ops = {
        .start = start, .announce = announce, .describe = describe, .stop = stop, .stage = stage};

    return lg_run(&lg_role_standalone, &ops, command);
}
