/* lagoon server: a server of a cluster, with its data directory, until a signal ends it. */
#include "base/str.h"
#include "drivers/posix/disk_posix.h"
#include "drivers/rocksdb/engine_rocksdb.h"
#include "main/cli.h"
#include "main/data_dir.h"
#include "main/roles.h"

/* To open every replica that it has: systemd gives up after ten minutes, too. */
#define OPEN_MS_MAX 590000u

struct node {
    struct lg_data_dir dir;
    struct lg_disk *store_disk; /* DIR/store of the replicas */
    struct lg_disk_space *space;
    struct lg_engine_driver *rocksdb;
    struct lg_server *server;
};

static enum lg_rc prepare(struct lg_roles *r, struct lg_error *err)
{
    const struct lg_role_options *o = r->o;
    LG_AUTO_STR char *root = lg_strf("%s/store", o->data);
    struct node *n = lg_new(struct node);
    enum lg_rc rc;

    r->part = n;
    rc = lg_data_dir_open(o->data, LG_DATA_DIR_SERVER, &n->dir, err);
    if (rc != LG_OK)
        return rc;
    n->space = lg_disk_space_new(&(struct lg_disk_space_options){
        .disk = n->dir.disk, .folder = o->data, .low_bytes = o->disk_low_watermark});
    rc = lg_disk_posix_new(root, &n->store_disk, err);
    if (rc == LG_OK)
        n->rocksdb = lg_rocksdb_new(&(struct lg_rocksdb_options){
            .disk = n->store_disk,
            .root = root,
            .block_cache_bytes = lg_run_block_cache(&o->common, o->block_cache)});
    return rc;
}

static struct lg_stage_reading reading(const struct lg_role_options *o)
{
    return lg_run_reading(o->read_threads, o->read_cpus, o->read_driver, o->read_spin_us);
}

static enum lg_rc start_server(struct lg_roles *r, struct lg_error *err)
{
    const struct lg_role_options *o = r->o;
    struct node *n = r->part;
    enum lg_rc rc = lg_server_start(
        &(struct lg_server_options){.lane = r->lane,
                                    .read_lanes = r->stage.readers,
                                    .read_lane_count = r->stage.reader_count,
                                    .metastore = r->metastore,
                                    .pubsub = lg_log_url_pubsub(r->log),
                                    .transport = r->stage.transport,
                                    .driver = n->rocksdb,
                                    .space = n->space,
                                    .checkpoint_path = "checkpoints",
                                    .host = o->listen_host,
                                    .port = (uint16_t)o->server_port,
                                    .http2 = lg_run_http2(o->http2_engine),
                                    .grpc_off = !o->grpc,
                                    .grpc_port = (uint16_t)o->grpc_port,
                                    .read_index_bytes =
                                        lg_run_read_index(&o->common, o->read_index),
                                    .node_rcu = o->node_rcu,
                                    .shed_target_us = o->read_queue_target * LG_MS,
                                    .pool_threads = o->common.pool_threads,
                                    .announced_host = lg_roles_announced_host(r),
                                    .authz = lg_run_authz(r->run),
                                    .connections_max = o->common.connections,
                                    .idle_ms = o->common.idle_timeout,
                                    .announced_port = (uint16_t)o->announced_port,
                                    .instance = o->instance_name,
                                    .disk = n->store_disk,
                                    .cluster = o->cluster_name,
                                    .cluster_id = r->cluster_id,
                                    .place = o->data,
                                    .zone = o->fault_zone[0] == '\0' ? NULL : o->fault_zone,
                                    .opens_max = o->opens_max,
                                    .drop_grace_ms = o->drop_grace,
                                    .drain_ms = o->drain,
                                    .conflict_ms = lg_roles_conflict_ms(r),
                                    .failed = lg_roles_fail,
                                    .failed_ctx = r},
        &n->server, err);

    if (rc != LG_OK)
        return rc;
    r->port = lg_server_port(n->server);
    r->watched = (struct lg_observer_options){.data = r->lane,
                                              .readers = r->stage.readers,
                                              .reader_count = r->stage.reader_count,
                                              .server = n->server,
                                              .space = n->space,
                                              .path = o->data};
    return LG_OK;
}

static void stop_server(struct lg_roles *r, void (*done)(void *ctx), void *ctx)
{
    lg_server_stop(((struct node *)r->part)->server, done, ctx);
}

static void release(struct lg_roles *r)
{
    struct node *n = r->part;

    lg_rocksdb_free(n->rocksdb);
    lg_disk_space_free(n->space);
    lg_disk_posix_free(n->store_disk);
    lg_data_dir_close(&n->dir);
    lg_free(n);
}

static const char *bootstrap(const struct lg_role_options *o)
{
    return o->server_bootstrap;
}

static enum lg_rc start(struct lg_run *run, const void *values, void **out, struct lg_error *err)
{
    static const struct lg_roles_ops ops = {.role = &lg_role_server,
                                            .lane = "data",
                                            .ready_ms = OPEN_MS_MAX,
                                            .bootstrap = bootstrap,
                                            .reading = reading,
                                            .prepare = prepare,
                                            .start = start_server,
                                            .stop = stop_server,
                                            .release = release};
    struct lg_roles *r = NULL;
    enum lg_rc rc = lg_roles_start(&ops, run, values, &r, err);

    if (rc == LG_OK)
        *out = r;
    return rc;
}

int lg_verb_server(const struct lg_command *command)
{
    static const struct lg_run_ops ops = {.start = start,
                                          .describe = lg_roles_describe,
                                          .stop = lg_roles_stop,
                                          .stage = lg_roles_stage};

    return lg_run(&lg_role_server, &ops, command);
}
