#include "main/roles.h"

#include <stdio.h>

#include "base/health.h"
#include "base/host_list.h"
#include "base/log.h"
#include "base/str.h"
#include "drivers/uv/lane_uv.h"
#include "drivers/zookeeper/metastore_zk.h"
#include "main/secret_file.h"

#define READY_PAUSE_US (5 * LG_MS)
#define CLUSTERS_SHOWN_MAX 20u
#define KAFKA_ASK_US (10 * LG_SEC) /* between two questions whether it is there, and for each */

/* --- ZooKeeper. ------------------------------------------------------------------------------- */
/* "user:password" */
static enum lg_rc read_digest(const struct lg_role_options *o, char **out, struct lg_error *err)
{
    const char *path = o->zookeeper_digest_file;

    if (path == NULL)
        return LG_OK;
    if (lg_secret_file_read("zookeeper.digest.file", path, out, err) != LG_OK)
        return err->rc;
    if ((*out)[0] != ':' && strchr(*out, ':') != NULL)
        return LG_OK;
    return lg_error_set(err, LG_ERR_INVALID,
                        "zookeeper.digest.file: the first line of %s is not user:password", path);
}

static enum lg_rc open_session(const struct lg_roles *r, const char *root, struct lg_lane *lane,
                               bool creates, struct lg_metastore **out, struct lg_error *err)
{
    const struct lg_role_options *o = r->o;
    LG_AUTO_STR char *digest = NULL;
    LG_AUTO_STR char *servers = NULL;
    LG_AUTO_STR char *path = NULL;
    struct lg_slice hosts, chroot;

    if (read_digest(o, &digest, err) != LG_OK)
        return err->rc;
    /* "h:1,h:2/path": all lies below the path, which to us is a part of the root. */
    lg_host_list_split(lg_slice_str(o->zookeeper_address), &hosts, &chroot);
    servers = lg_strndup((const char *)hosts.data, hosts.size);
    path = lg_strf("%.*s%s", LG_FMT(chroot), root);
    return lg_metastore_zk_open(
        &(struct lg_metastore_zk_options){.address = servers,
                                          .root = path,
                                          .digest = digest,
                                          .session_ms = (unsigned)o->zookeeper_session_timeout,
                                          .connect_ms = (unsigned)o->start_timeout,
                                          .create_root = creates,
                                          .packet_bytes_max = o->zookeeper_packet_bytes,
                                          .lane = lane},
        out, err);
}

struct listing {
    struct lg_meta_op op;
    struct lg_roles *r;
    bool settled;
};

static void listed(struct lg_meta_op *op)
{
    struct listing *l = LG_CONTAINER_OF(op, struct listing, op);

    l->settled = true;
    lg_lane_uv_stop(l->r->stage.main);
}

static void listing_closed(void *ctx)
{
    struct listing *l = ctx;

    l->settled = true;
    lg_lane_uv_stop(l->r->stage.main);
}

/* Appends "'a', 'b'": the clusters below the root, as far as can be told. */
static void list_clusters(struct lg_roles *r, struct lg_buf *out)
{
    struct listing l = {.r = r};
    struct lg_metastore *session = NULL;
    struct lg_error nobody_to_tell;
    struct lg_slice rest = LG_SLICE_NULL;

    if (open_session(r, r->o->zookeeper_root, r->stage.main, false, &session, &nobody_to_tell) !=
        LG_OK)
        return;
    l.op = (struct lg_meta_op){
        .kind = LG_META_CHILDREN, .lane = r->stage.main, .path = "/", .done = listed};
    lg_metastore_submit(session, &l.op);
    while (!l.settled)
        lg_lane_uv_run(r->stage.main);
    if (l.op.rc == LG_OK && l.op.value != NULL)
        rest = l.op.value->bytes;
    for (unsigned n = 0; rest.size > 0 && n < CLUSTERS_SHOWN_MAX; n++) {
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);

        lg_buf_appendf(out, "%s'%.*s'", n == 0 ? "" : ", ", (int)size, (const char *)rest.data);
        rest = lg_slice_skip(rest, LG_MIN(size + 1, rest.size));
    }
    lg_blob_unref(l.op.value);
    l.settled = false;
    lg_metastore_zk_close(session, r->stage.main, listing_closed, &l);
    while (!l.settled)
        lg_lane_uv_run(r->stage.main);
}

static enum lg_rc no_such_cluster(struct lg_roles *r, struct lg_error *err)
{
    LG_SCOPED(lg_buf) names = {0};

    list_clusters(r, &names);
    return lg_error_set(err, LG_ERR_NOT_FOUND,
                        "there is no cluster '%s' below %s of ZooKeeper at %s (%s%.*s); check "
                        "cluster.name, or start a controller of it first",
                        r->o->cluster_name, r->o->zookeeper_root, r->o->zookeeper_address,
                        names.size == 0 ? "there is no other" : "there is ",
                        LG_FMT(lg_buf_slice(&names)));
}

static enum lg_rc open_zookeeper(struct lg_roles *r, struct lg_error *err)
{
    LG_AUTO_STR char *root = lg_strf("%s/%s", r->o->zookeeper_root, r->o->cluster_name);
    enum lg_rc rc = open_session(r, root, r->lane, r->ops->creates_cluster, &r->metastore, err);

    return rc == LG_ERR_NOT_FOUND ? no_such_cluster(r, err) : rc;
}

/* --- Is it our cluster? ----------------------------------------------------------------------- */
struct checking {
    struct lg_cluster_check check;
    struct lg_roles *r;
};

static void checked(struct lg_cluster_check *check)
{
    struct lg_roles *r = LG_CONTAINER_OF(check, struct checking, check)->r;

    lg_timer_stop(r->lane, &r->deadline);
    r->rc = check->rc;
    r->err = check->err;
    (void)snprintf(r->cluster_id, sizeof r->cluster_id, "%s", check->id);
    lg_stage_done(&r->stage);
}

static void check_late(struct lg_timer *timer)
{
    struct lg_roles *r = LG_CONTAINER_OF(timer, struct lg_roles, deadline);

    lg_cluster_check_cancel(r->check);
}

static void check_step(void *ctx)
{
    struct checking *c = ctx;
    struct lg_roles *r = c->r;

    c->check = (struct lg_cluster_check){.metastore = r->metastore,
                                         .lane = r->lane,
                                         .name = r->o->cluster_name,
                                         .creates = r->ops->creates_cluster,
                                         .done = checked};
    lg_timer_start(r->lane, &r->deadline, r->o->start_timeout * LG_MS, check_late);
    lg_cluster_check_submit(&c->check);
}

/* Runs a step on the lane; what it found stands in `rc` and `err`. */
static enum lg_rc do_step(struct lg_roles *r, void (*fn)(void *ctx), void *ctx,
                          struct lg_error *err)
{
    r->rc = LG_OK;
    if (!lg_stage_do(&r->stage, r->lane, fn, ctx))
        return lg_error_set(err, LG_ERR_FAILED, "no thread could be started");
    if (r->rc != LG_OK)
        *err = r->err;
    return r->rc;
}

static enum lg_rc check_cluster(struct lg_roles *r, struct lg_error *err)
{
    struct checking c = {.r = r};
    enum lg_rc rc;

    r->check = &c.check;
    rc = do_step(r, check_step, &c, err);
    if (rc == LG_ERR_UNAVAILABLE)
        return lg_error_set(err, rc,
                            "ZooKeeper at %s did not answer for %llu ms; is it running, and "
                            "zookeeper.address right?",
                            r->o->zookeeper_address, (unsigned long long)r->o->start_timeout);
    return rc == LG_ERR_NOT_FOUND ? no_such_cluster(r, err) : rc;
}

/* --- Kafka, and the role. --------------------------------------------------------------------- */
/* Shows that a broker is there and lets us in; every process asks all the time. */
static void ask_kafka(struct lg_roles *r, uint64_t wait_us, void (*done)(struct lg_pubsub_op *op))
{
    r->asking = true;
    r->ask = (struct lg_pubsub_op){.kind = LG_PUBSUB_PING, .lane = r->lane, .done = done};
    r->ask.deadline_us = lg_lane_now_us(r->lane) + wait_us;
    lg_pubsub_submit(lg_log_url_pubsub(r->log), &r->ask);
}

static void answered(struct lg_roles *r)
{
    r->asking = false;
    r->kafka_answers = r->ask.rc == LG_OK;
    r->ask_again_us = lg_lane_now_us(r->lane) + KAFKA_ASK_US;
    lg_blob_unref(r->ask.blob);
    r->ask.blob = NULL;
}

static void first_answer(struct lg_pubsub_op *op)
{
    struct lg_roles *r = LG_CONTAINER_OF(op, struct lg_roles, ask);

    answered(r);
    r->rc = op->rc;
    r->err = op->err;
    if (op->rc == LG_ERR_UNAVAILABLE || op->rc == LG_ERR_TIMEOUT)
        r->rc = lg_error_set(&r->err, LG_ERR_UNAVAILABLE,
                             "Kafka at %s did not answer within %llu ms; is it running, and "
                             "kafka.bootstrap.servers right? (%s)",
                             r->ops->bootstrap(r->o), (unsigned long long)r->o->start_timeout,
                             op->err.text);
    else if (op->rc != LG_OK && op->rc != LG_ERR_REFUSED) /* That one names it. */
        (void)lg_error_wrap(&r->err, "Kafka at %s", r->ops->bootstrap(r->o));
    lg_stage_done(&r->stage);
}

static void later_answer(struct lg_pubsub_op *op)
{
    struct lg_roles *r = LG_CONTAINER_OF(op, struct lg_roles, ask);

    answered(r);
    if (r->stopping)
        lg_stage_done(&r->stage);
}

static void open_log_step(void *ctx)
{
    struct lg_roles *r = ctx;
    LG_AUTO_STR char *url = lg_strf("kafka://%s", r->ops->bootstrap(r->o));

    r->rc = lg_log_url_open(
        &(struct lg_log_url_options){
            .url = url, .lane = r->lane, .transport = r->stage.transport, .kafka = r->o},
        &r->log, &r->err);
    if (r->rc == LG_OK)
        ask_kafka(r, r->o->start_timeout * LG_MS, first_answer);
    else
        lg_stage_done(&r->stage);
}

/* What the role needs, as /readyz has it. A router or server goes on with what it knows. */
static void look(void *ctx)
{
    struct lg_roles *r = ctx;
    bool zookeeper = lg_metastore_zk_connected(r->metastore);

    if (r->ops->creates_cluster)
        lg_health_set("zookeeper", zookeeper, "%s", zookeeper ? "" : "does not answer");
    else
        lg_health_warn("zookeeper", zookeeper, "%s",
                       zookeeper ? "" : "does not answer; reads go on with what is known");
    if (r->log != NULL) {
        lg_health_warn("kafka", r->kafka_answers, "%s",
                       r->kafka_answers ? "" : "does not answer; pushes wait");
        if (!r->asking && lg_lane_now_us(r->lane) >= r->ask_again_us)
            ask_kafka(r, KAFKA_ASK_US, later_answer);
    }
}

static void start_step(void *ctx)
{
    struct lg_roles *r = ctx;

    r->rc = r->ops->start(r, &r->err);
    r->part_runs = r->rc == LG_OK;
    if (r->part_runs) {
        r->watched.look = look;
        r->watched.ctx = r;
        r->watched.memory_limit_bytes = lg_run_memory_limit(&r->o->common);
        r->observer = lg_observer_start(&r->watched);
    }
    lg_stage_done(&r->stage);
}

/* --- Ready. ----------------------------------------------------------------------------------- */
static void poll_ready(struct lg_timer *timer)
{
    struct lg_roles *r = LG_CONTAINER_OF(timer, struct lg_roles, poll);
    LG_SCOPED(lg_buf) why = {0};

    r->started = lg_observer_roles_ready(r->observer);
    if (!r->started && !r->failed && lg_lane_now_us(r->lane) < r->deadline_us) {
        lg_timer_start(r->lane, &r->poll, READY_PAUSE_US, poll_ready);
        return;
    }
    if (r->failed) {
        r->rc = r->failure.rc;
        r->err = r->failure;
    } else if (!r->started) {
        (void)lg_health_write(&why, LG_HEALTH_READY, lg_lane_now_us(r->lane), false);
        r->rc = lg_error_set(&r->err, LG_ERR_TIMEOUT, "the %s is not ready after %llu ms: %.*s",
                             r->ops->role->name, (unsigned long long)r->ready_ms,
                             LG_FMT(lg_buf_slice(&why)));
    }
    lg_stage_done(&r->stage);
}

/* A place that another process holds is waited for on top. */
static void wait_ready_step(void *ctx)
{
    struct lg_roles *r = ctx;

    r->ready_ms = LG_MAX(r->o->start_timeout, r->ops->ready_ms) + lg_roles_conflict_ms(r);
    r->deadline_us = lg_lane_now_us(r->lane) + r->ready_ms * LG_MS;
    lg_timer_start(r->lane, &r->poll, 0, poll_ready);
}

void lg_roles_fail(void *ctx, const struct lg_error *err)
{
    struct lg_roles *r = ctx;

    if (r->failed)
        return;
    r->failed = true;
    r->failure = *err;
    lg_log(LG_LOG_ERROR, "role_failed", "reason=%s", err->text);
    if (r->started) /* Else the start fails with it. */
        lg_run_fail(r->run, err);
}

uint64_t lg_roles_conflict_ms(const struct lg_roles *r)
{
    return 2 * r->o->zookeeper_session_timeout;
}

enum lg_rc lg_roles_start(const struct lg_roles_ops *ops, struct lg_run *run,
                          const struct lg_role_options *options, struct lg_roles **out,
                          struct lg_error *err)
{
    struct lg_roles *r = lg_new(struct lg_roles);
    struct lg_stage_reading reading = {0};
    struct lg_tls_options tls;
    enum lg_rc rc = LG_OK;

    r->ops = ops;
    r->run = run;
    r->o = options;
    lg_health_set("startup", false, "starting");
    if (ops->reading != NULL) {
        reading = ops->reading(options);
        rc = lg_stage_bind(&reading, err);
    }
    if (rc == LG_OK && ops->prepare != NULL)
        rc = ops->prepare(r, err);
    if (rc == LG_OK) {
        rc = lg_stage_open(&r->stage, options->common.pool_threads, &ops->lane, 1,
                           ops->reading == NULL ? NULL : &reading, err);
        r->lane = r->stage.lanes[0];
    }
    if (rc == LG_OK && lg_common_options_tls(&options->common, &tls))
        rc = lg_stage_use_tls(&r->stage, &tls, err);
    if (rc == LG_OK)
        rc = open_zookeeper(r, err);
    if (rc == LG_OK)
        rc = check_cluster(r, err);
    if (rc == LG_OK && ops->bootstrap != NULL)
        rc = do_step(r, open_log_step, r, err);
    if (rc == LG_OK)
        rc = do_step(r, start_step, r, err);
    if (rc == LG_OK)
        rc = do_step(r, wait_ready_step, r, err);
    if (rc != LG_OK) {
        lg_roles_stop(r);
        return rc;
    }
    lg_health_set("startup", true, "%s", "");
    *out = r;
    return LG_OK;
}

struct lg_stage *lg_roles_stage(void *running)
{
    return &((struct lg_roles *)running)->stage;
}

/* --- Where it is. ----------------------------------------------------------------------------- */
const char *lg_roles_announced_host(const struct lg_roles *r)
{
    return r->o->announced_host != NULL ? r->o->announced_host : r->o->listen_host;
}

void lg_roles_describe(const void *running, struct lg_buf *out)
{
    const struct lg_roles *r = running;

    lg_buf_appendf(out, "cluster=%s listen=%s:%u announced=%s:%u", r->o->cluster_name,
                   r->o->listen_host, r->port, lg_roles_announced_host(r),
                   r->o->announced_port != 0 ? r->o->announced_port : r->port);
}

/* --- Taking it apart. ------------------------------------------------------------------------- */
static void stop_observing_step(void *ctx)
{
    struct lg_roles *r = ctx;

    if (r->watched.control != NULL)
        lg_observer_stop_control(r->observer);
    if (r->watched.data != NULL)
        lg_observer_stop_data(r->observer);
    r->stopping = true;
    if (r->asking) /* Its answer comes within its deadline. */
        lg_pubsub_cancel(lg_log_url_pubsub(r->log), &r->ask);
    else
        lg_stage_done(&r->stage);
}

static void stop_step(void *ctx)
{
    struct lg_roles *r = ctx;

    r->ops->stop(r, lg_stage_done, &r->stage);
}

static void close_log_step(void *ctx)
{
    struct lg_roles *r = ctx;

    lg_log_url_close(r->log, lg_stage_done, &r->stage);
}

static void close_zookeeper_step(void *ctx)
{
    struct lg_roles *r = ctx;

    lg_metastore_zk_close(r->metastore, r->lane, lg_stage_done, &r->stage);
}

void lg_roles_stop(void *running)
{
    struct lg_roles *r = running;

    if (r->observer != NULL)
        (void)lg_stage_do(&r->stage, r->lane, stop_observing_step, r);
    if (r->part_runs)
        (void)lg_stage_do(&r->stage, r->lane, stop_step, r);
    if (r->log != NULL)
        (void)lg_stage_do(&r->stage, r->lane, close_log_step, r);
    if (r->metastore != NULL)
        (void)lg_stage_do(&r->stage, r->lane, close_zookeeper_step, r);
    lg_stage_join(&r->stage);
    lg_observer_free(r->observer);
    if (r->ops->release != NULL)
        r->ops->release(r);
    lg_stage_close(&r->stage);
    lg_free(r);
}
