/* Old versions and the trash. Two loops under one timer, each one thing at a time:
 *
 *     versions  next store with versions to go ─▶ ask each live router and server ─▶ all serve
 * the current one: queue the change that retires them ─▶ next store ... trash     next topic ─▶ do
 * servers still hold it? ─▶ delete the topic ─▶ forget it ─▶ next ...
 */
#include "controller/cleanup.h"

#include "base/log.h"
#include "base/str.h"
#include "controller/core.h"
#include "lane/fault.h"
#include "model/retention.h"
#include "net/http_client.h"

#define ASK_TIMEOUT_US (5 * LG_SEC)
#define READERS_MAX 20000u /* routers and servers */

struct lg_cleanup {
    struct lg_controller *c;
    struct lg_timer timer;
    bool stopping;

    /* Versions. */
    struct lg_http_client *http;
    LG_VEC(char *) stores;  /* names left to look at, last first */
    LG_VEC(char *) readers; /* URLs */
    size_t reader_at;
    char *store, *host, *target;
    int32_t current;
    struct lg_http_call call;
    bool asking;

    /* Trash. */
    size_t trash_at;
    char *topic, *replicas_path, *trash_path;
    const char *read_root;
    struct lg_tree_read read;
    struct lg_pubsub_op pubsub;
    struct lg_meta_op meta;
    struct lg_meta_change fence, changes[3];
    bool emptying, told;
};

static void next_store(struct lg_cleanup *k);
static void next_trash(struct lg_cleanup *k);

static struct lg_retention_rule rule_of(const struct lg_controller *c)
{
    return (struct lg_retention_rule){
        .keep_backups = (int32_t)c->o.keep_backups,
        .delay_ms = (int64_t)c->o.backup_retention_ms,
        .now_ms = (int64_t)lg_lane_wall_ms(c->o.lane),
    };
}

/* A router that lags may answer the current version and yet be about to hear of an older switch, to
 * a version that would be gone by then. A clock that was set back settles nothing for longer; to
 * one that is ahead of that of the leader before, every switch may be one of a moment ago. */
static bool switched_lately(const struct lg_controller *c, const struct lg_store *store)
{
    int64_t age_ms =
        (int64_t)lg_lane_wall_ms(c->o.lane) - store->latest_version_promote_to_current_ms;

    return (age_ms >= 0 && age_ms < LG_CLEANUP_SETTLE_MS) ||
           lg_lane_now_us(c->o.lane) < c->placer.led_us + LG_CLEANUP_SETTLE_MS * LG_MS;
}

/* How long a failed push can still be asked why; 0: no longer, or it did not fail. */
static int64_t failed_left_ms(const struct lg_controller *c, const struct lg_store *store,
                              int32_t version)
{
    const struct lg_ctl_topic *t = lg_ctl_state_version(c->state, store->name, version);
    uint64_t end_us;

    if (t == NULL || t->failed_us == 0)
        return 0;
    end_us = t->failed_us + c->o.failed_keep_ms * LG_MS;
    return end_us <= lg_lane_now_us(c->o.lane)
               ? 0
               : (int64_t)((end_us - lg_lane_now_us(c->o.lane) + LG_MS - 1) / LG_MS);
}

size_t lg_cleanup_due(const struct lg_controller *c, const struct lg_store *store,
                      int32_t out[LG_CLEANUP_VERSIONS_MAX])
{
    struct lg_retention_rule rule = rule_of(c);
    size_t n, due = 0;

    if (switched_lately(c, store))
        return 0;
    n = lg_retention_expired(store, &rule, out, LG_CLEANUP_VERSIONS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (failed_left_ms(c, store, out[i]) == 0)
            out[due++] = out[i];
    }
    return due;
}

void lg_cleanup_explain(const struct lg_controller *c, const struct lg_store *store,
                        struct lg_json *json)
{
    struct lg_retention_rule rule = rule_of(c);
    const struct lg_json *versions = lg_json_get(json, "versions");

    for (size_t i = 0; i < lg_json_size(versions); i++) {
        struct lg_json *ours = lg_json_get(lg_json_at(versions, i), "lagoon");
        int32_t number = (int32_t)lg_json_get_int(lg_json_at(versions, i), "number", 0);
        struct lg_retention r = lg_retention_of(store, number, &rule);
        const char *text = lg_retention_text(r.reason);
        int64_t left_ms = failed_left_ms(c, store, number);

        if (r.reason == LG_RETENTION_NONE && left_ms > 0) {
            text = "failed, to be asked why";
            r.until_ms = rule.now_ms + left_ms;
        }
        lg_json_set_str(ours, "kept", text);
        if (r.until_ms > 0)
            lg_json_set_int(ours, "keptUntil", r.until_ms);
    }
}

bool lg_cleanup_confirms(int status, struct lg_slice body, int32_t current)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error ignored;

    return status == 200 && lg_json_parse(body, &json, &ignored) == LG_OK &&
           lg_json_get_int(json, "currentVersion", -1) == current;
}

static void rest(struct lg_cleanup *k)
{
    if (k->stopping && !k->asking && !k->emptying)
        lg_ctl_wake(k->c);
}

/* --- Versions. ---------------------------------------------------------------------------------
 */

static void forget(char **text)
{
    lg_free(*text);
    *text = NULL;
}

static void store_done(struct lg_cleanup *k)
{
    lg_http_call_done(&k->call);
    for (size_t i = 0; i < k->readers.size; i++)
        lg_free(k->readers.data[i]);
    LG_VEC_DONE(&k->readers);
    forget(&k->store);
    forget(&k->host);
    forget(&k->target);
}

static void ask_next(struct lg_cleanup *k);

static void reader_answered(struct lg_http_call *call)
{
    struct lg_cleanup *k = LG_CONTAINER_OF(call, struct lg_cleanup, call);
    bool confirmed =
        call->rc == LG_OK &&
        lg_cleanup_confirms(call->status, lg_buf_slice(&call->response_body), k->current);

    k->asking = false;
    if (confirmed && !k->stopping) {
        k->reader_at++;
        ask_next(k);
        return;
    }
    store_done(k); /* Asked again at the next look. */
    if (k->stopping)
        rest(k);
    else
        next_store(k);
}

static void ask_next(struct lg_cleanup *k)
{
    struct lg_error err;
    uint16_t port;

    lg_http_call_done(&k->call);
    forget(&k->host);
    if (k->reader_at == k->readers.size) { /* All of them confirm. */
        lg_change_retire(k->c, k->store, k->current);
        store_done(k);
        next_store(k);
        return;
    }
    if (lg_http_parse_url(lg_slice_str(k->readers.data[k->reader_at]), &k->host, &port, &err) !=
        LG_OK) {
        lg_log(LG_LOG_WARN, "reader_url_bad", "reason=\"%s\"", err.text);
        store_done(k);
        next_store(k);
        return;
    }
    k->asking = true;
    k->call = (struct lg_http_call){
        .host = k->host,
        .port = port,
        .method = LG_HTTP_GET,
        .target = lg_slice_str(k->target),
        .deadline_us = lg_lane_now_us(k->c->o.lane) + ASK_TIMEOUT_US,
        .response_bytes_max = (size_t)64 << 10,
        .done = reader_answered,
    };
    lg_http_call_submit(k->http, &k->call);
}

static void consider(struct lg_cleanup *k, char *take_name)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(k->c);
    struct lg_ctl_store *entry = lg_ctl_state_store(k->c->state, take_name);
    int32_t versions[LG_CLEANUP_VERSIONS_MAX];

    k->store = take_name;
    if (entry == NULL || entry->store->deleted_ms != 0 || s == NULL ||
        lg_cleanup_due(k->c, entry->store, versions) == 0) {
        store_done(k);
        return;
    }
    k->current = entry->store->current_version;
    k->target = lg_strf("/current_version/%s", k->store);
    k->reader_at = 0;
    /* Without a current version nobody serves anything of the store. */
    for (size_t i = 0; k->current != 0 && i < s->routers.size; i++)
        LG_VEC_PUSH(&k->readers, lg_strdup(s->routers.data[i]));
    /* Fast clients ask servers: one that lags would send them to what is gone. */
    for (size_t i = 0; k->current != 0 && i < s->instances.size; i++)
        LG_VEC_PUSH(&k->readers, lg_strf("%s://%s:%u", lg_transport_scheme(k->c->o.transport),
                                         s->instances.data[i].host, s->instances.data[i].port));
    if (k->readers.size > READERS_MAX) {
        lg_log(LG_LOG_ERROR, "retention_refused", "store=%s readers=%zu limit=%u", k->store,
               k->readers.size, READERS_MAX);
        store_done(k);
        return;
    }
    ask_next(k);
}

static void next_store(struct lg_cleanup *k)
{
    while (!k->stopping && k->store == NULL && k->stores.size > 0)
        consider(k, k->stores.data[--k->stores.size]);
}

static void look_at_stores(struct lg_cleanup *k)
{
    struct lg_slice key;
    void *value;

    if (k->store != NULL || k->stores.size > 0) /* Still at the last look. */
        return;
    for (size_t at = 0; lg_map_next(k->c->state->stores, &at, &key, &value);) {
        const struct lg_store *store = ((struct lg_ctl_store *)value)->store;
        int32_t versions[LG_CLEANUP_VERSIONS_MAX];

        /* A deleted store keeps what it has, in case it comes back. */
        if (store->deleted_ms == 0 && lg_cleanup_due(k->c, store, versions) > 0)
            LG_VEC_PUSH(&k->stores, lg_strdup(store->name));
    }
    next_store(k);
}

/* --- Trash. ------------------------------------------------------------------------------------
 */

static void trash_done(struct lg_cleanup *k, enum lg_rc rc, const struct lg_error *err)
{
    if (rc != LG_OK && !k->told)
        lg_log(LG_LOG_WARN, "trash_stays", "topic=%s reason=\"%s\"", k->topic, err->text);
    k->told = rc != LG_OK;
    if (rc == LG_OK) {
        lg_log(LG_LOG_INFO, "topic_deleted", "topic=%s", k->topic);
        /* The state may have been read anew meanwhile: find it by name. */
        for (size_t i = 0; i < k->c->state->trash.size; i++) {
            if (strcmp(k->c->state->trash.data[i].topic, k->topic) == 0) {
                lg_ctl_state_untrash(k->c->state, i);
                break;
            }
        }
    } else {
        k->trash_at++;
    }
    forget(&k->topic);
    forget(&k->replicas_path);
    forget(&k->trash_path);
    k->emptying = false;
    if (k->stopping)
        rest(k);
    else
        next_trash(k);
}

static void trash_forgotten(struct lg_meta_op *op)
{
    struct lg_cleanup *k = LG_CONTAINER_OF(op, struct lg_cleanup, meta);

    if (op->rc != LG_OK && k->c->election != NULL)
        (void)lg_election_check_fenced(k->c->election, op);
    trash_done(k, op->rc, &op->err);
}

static void topic_deleted(struct lg_pubsub_op *op)
{
    struct lg_cleanup *k = LG_CONTAINER_OF(op, struct lg_cleanup, pubsub);
    struct lg_error err = op->err;
    enum lg_rc rc = op->rc;

    if (rc == LG_OK)
        rc = lg_fault_check(LG_FAULT_VERSION_DELETING, &err);
    if (rc != LG_OK) {
        trash_done(k, rc, &err);
        return;
    }
    k->changes[0] = k->fence;
    k->changes[1] = (struct lg_meta_change){
        .kind = LG_META_REMOVE_TREE, .path = k->replicas_path, .version = LG_META_ANY_VERSION};
    k->changes[2] = (struct lg_meta_change){
        .kind = LG_META_REMOVE_TREE, .path = k->trash_path, .version = LG_META_ANY_VERSION};
    k->meta = (struct lg_meta_op){
        .kind = LG_META_WRITE,
        .lane = k->c->o.lane,
        .changes = k->changes,
        .change_count = LG_ARRAY_SIZE(k->changes),
        .done = trash_forgotten,
    };
    lg_metastore_submit(k->c->o.metastore, &k->meta);
}

/* True when servers have had their time to drop the version. */
static bool grace_passed(const struct lg_cleanup *k)
{
    uint64_t now = lg_lane_now_us(k->c->o.lane);

    for (size_t i = 0; i < k->c->state->trash.size; i++) {
        if (strcmp(k->c->state->trash.data[i].topic, k->topic) == 0)
            return now - k->c->state->trash.data[i].since_us >= k->c->o.trash_grace_ms * LG_MS;
    }
    return false;
}

static void holders_read(struct lg_tree_read *read)
{
    struct lg_cleanup *k = LG_CONTAINER_OF(read, struct lg_cleanup, read);
    struct lg_error err = read->err;
    enum lg_rc rc = read->rc;
    bool held = read->nodes.size > 0;

    lg_tree_read_done(read);
    if (rc == LG_OK && held && !grace_passed(k)) {
        k->told = true; /* Nothing is wrong: servers are dropping it. */
        trash_done(k, lg_error_set(&err, LG_ERR_IN_USE, "servers still hold it"), &err);
        return;
    }
    if (rc != LG_OK) {
        trash_done(k, rc, &err);
        return;
    }
    k->pubsub = (struct lg_pubsub_op){
        .kind = LG_PUBSUB_DELETE,
        .lane = k->c->o.lane,
        .topic = k->topic,
        .done = topic_deleted,
    };
    lg_pubsub_submit(k->c->o.pubsub, &k->pubsub);
}

static void next_trash(struct lg_cleanup *k)
{
    if (k->stopping || k->emptying || !lg_ctl_ready(k->c) || k->trash_at >= k->c->state->trash.size)
        return;
    k->fence = lg_election_fence(k->c->election);
    k->emptying = true;
    k->topic = lg_strdup(k->c->state->trash.data[k->trash_at].topic);
    k->replicas_path = lg_strf("/replicas/%s", k->topic);
    k->trash_path = lg_strf("/trash/%s", k->topic);
    k->read_root = k->replicas_path;
    k->read = (struct lg_tree_read){
        .metastore = k->c->o.metastore,
        .lane = k->c->o.lane,
        .roots = &k->read_root,
        .root_count = 1,
        .done = holders_read,
    };
    lg_tree_read_submit(&k->read);
}

/* --- The timer. --------------------------------------------------------------------------------
 */

static void look(struct lg_timer *timer)
{
    struct lg_cleanup *k = LG_CONTAINER_OF(timer, struct lg_cleanup, timer);

    if (lg_ctl_ready(k->c)) {
        if (lg_ctl_settled(k->c)) /* Else routers are missing that should be asked. */
            look_at_stores(k);
        lg_ctl_purge_due(k->c);
        if (!k->emptying) {
            k->trash_at = 0;
            next_trash(k);
        }
    }
    lg_timer_start(k->c->o.lane, &k->timer, k->c->o.cleanup_interval_ms * LG_MS, look);
}

struct lg_cleanup *lg_cleanup_start(struct lg_controller *c)
{
    struct lg_cleanup *k = lg_new(struct lg_cleanup);

    k->c = c;
    k->http = lg_http_client_new(c->o.transport, c->o.lane);
    lg_timer_start(c->o.lane, &k->timer, c->o.cleanup_interval_ms * LG_MS, look);
    return k;
}

bool lg_cleanup_idle(const struct lg_cleanup *k)
{
    return !k->asking && !k->emptying;
}

void lg_cleanup_stop(struct lg_cleanup *k)
{
    k->stopping = true;
    lg_timer_stop(k->c->o.lane, &k->timer);
    if (k->asking)
        lg_http_call_cancel(&k->call);
}

void lg_cleanup_free(struct lg_cleanup *k)
{
    if (k == NULL)
        return;
    assert(lg_cleanup_idle(k));
    store_done(k);
    for (size_t i = 0; i < k->stores.size; i++)
        lg_free(k->stores.data[i]);
    LG_VEC_DONE(&k->stores);
    lg_http_client_free(k->http);
    lg_free(k);
}
