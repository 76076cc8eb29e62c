/* Routes of replicas: where they are, in which state, whether enough of them are ready; and the
 * cluster as a whole. */
#include "base/health.h"
#include "base/log.h"
#include "base/str.h"
#include "controller/core.h"
#include "controller/metrics.h"

#define UNDER_REPLICATED_MAX 100u
#define FAILED_MAX 100u

static struct lg_json *text_json(const char *text)
{
    struct lg_json *json = text == NULL ? NULL : lg_json_new_string(lg_slice_str(text));

    return json == NULL ? lg_json_new_null() : json;
}

static const struct lg_catalog_replica *said_by(const struct lg_catalog_snapshot *s,
                                                const struct lg_catalog_topic *topic, uint32_t p,
                                                const char *id)
{
    uint32_t instance;

    if (topic == NULL || p >= topic->partition_count ||
        lg_catalog_instance(s, id, &instance) == NULL)
        return NULL;
    for (uint32_t i = 0; i < topic->partitions[p].count; i++)
        if (topic->partitions[p].replicas[i].instance == instance)
            return &topic->partitions[p].replicas[i];
    return NULL;
}

static enum lg_replica_state shown_state(const struct lg_catalog_replica *said)
{
    return said == NULL ? LG_REPLICA_OFFLINE : said->state;
}

/* --- Venice's routes. ------------------------------------------------------------------------- */

static struct lg_json *instance_json(const char *id)
{
    struct lg_json *json = lg_json_new_object();
    struct lg_slice host;
    struct lg_error ignored;
    uint16_t port;

    lg_json_set_str(json, "nodeId", id);
    if (lg_names_parse_instance(lg_slice_str(id), &host, &port, &ignored) == LG_OK) {
        lg_json_set(json, "host", lg_json_new_string(host));
        lg_json_set_int(json, "port", port);
        lg_json_set_int(json, "sslPort", port);
    }
    lg_json_set_int(json, "grpcPort", -1);
    lg_json_set_int(json, "grpcSslPort", -1);
    lg_json_set_str(json, "grpcUrl", NULL);
    lg_json_set_str(json, "grpcSslUrl", NULL);
    return json;
}

/* Venice's Replica; `executionStatus` is ours. */
static void push_replica(struct lg_json *list, const struct lg_controller *c,
                         const struct lg_ctl_topic *t, uint32_t p, const char *id)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    const struct lg_catalog_replica *said =
        s == NULL ? NULL : said_by(s, lg_catalog_topic(s, lg_slice_str(t->name)), p, id);
    struct lg_json *json = lg_json_new_object();

    lg_json_set(json, "instance", instance_json(id));
    lg_json_set_int(json, "partitionId", p);
    lg_json_set_str(json, "resource", t->name);
    lg_json_set_str(json, "status", lg_replica_state_name(shown_state(said)));
    lg_json_set_str(json, "executionStatus",
                    lg_push_status_name(said == NULL ? LG_PUSH_NOT_CREATED : said->status));
    lg_json_push(list, json);
}

void lg_handle_list_replicas(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *store = lg_front_param(rq, "store_name");
    const struct lg_ctl_topic *t;
    struct lg_ctl_store *entry;
    int64_t version = 0;
    struct lg_json *json, *list;
    struct lg_error err;
    enum lg_rc rc = lg_ctl_state_find(c->state, store, &entry, &err);

    if (rc == LG_OK)
        rc = lg_front_number(rq, "version", 1, INT32_MAX, 0, &version, &err);
    t = rc == LG_OK ? lg_ctl_state_version(c->state, store, (int32_t)version) : NULL;
    if (rc == LG_OK && t == NULL)
        rc = lg_error_set(&err, LG_ERR_NOT_FOUND, "store '%s' has no version %lld", store,
                          (long long)version);
    if (rc != LG_OK) {
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    json = lg_answer_base(c, store); /* Venice's MultiReplicaResponse. */
    list = lg_json_new_array();
    for (uint32_t p = 0; p < t->placement.partitions; p++)
        for (uint32_t r = 0; r < t->placement.parts[p].count; r++)
            push_replica(list, c, t, p, t->placement.parts[p].ids[r]);
    lg_json_set_int(json, "version", version);
    lg_json_set(json, "replicas", list);
    lg_answer_json(rq, json);
}

/* The replicas of one server; with `unready_only` those of current versions that cannot be read. */
static struct lg_json *replicas_of(const struct lg_controller *c, const char *id, bool unready_only)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    struct lg_json *list = lg_json_new_array();
    struct lg_slice key;
    void *value;

    for (size_t at = 0; lg_map_next(c->state->topics, &at, &key, &value);) {
        const struct lg_ctl_topic *t = value;
        const struct lg_catalog_topic *topic =
            s == NULL ? NULL : lg_catalog_topic(s, lg_slice_str(t->name));

        for (uint32_t p = 0; p < t->placement.partitions; p++) {
            if (!lg_placement_lists(&t->placement.parts[p], id))
                continue;
            if (unready_only && (!lg_ctl_place_is_current(c, t) ||
                                 lg_transition_is_ready(lg_ctl_place_view(s, topic, p, id))))
                continue;
            push_replica(list, c, t, p, id);
        }
    }
    return list;
}

static bool check_node(struct lg_controller *c, struct lg_http_request *rq, const char *id)
{
    struct lg_error err;

    if (lg_ctl_state_node(c->state, id) != NULL)
        return true;
    (void)lg_error_set(&err, LG_ERR_NOT_FOUND, "no server named '%s'; `lagoon nodes` lists them",
                       id);
    lg_answer_error(c, rq, 0, &err);
    return false;
}

void lg_handle_storage_node_replicas(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *id = lg_front_param(rq, "storage_node_id");
    struct lg_json *json;

    if (!check_node(c, rq, id))
        return;
    json = lg_answer_base(c, NULL);
    lg_json_set_int(json, "version", 0);
    lg_json_set(json, "replicas", replicas_of(c, id, /* unready_only= */ false));
    lg_answer_json(rq, json);
}

/* Venice's NodeReplicasReadinessResponse. */
void lg_handle_node_replicas_readiness(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *id = lg_front_param(rq, "storage_node_id");
    struct lg_json *json, *unready;
    bool live;

    if (!check_node(c, rq, id))
        return;
    live = lg_catalog_instance(lg_ctl_snapshot(c), id, NULL) != NULL;
    unready = live ? replicas_of(c, id, /* unready_only= */ true) : lg_json_new_array();
    json = lg_answer_base(c, NULL);
    lg_json_set_str(json, "nodeState",
                    !live                       ? "INANIMATE"
                    : lg_json_size(unready) > 0 ? "UNREADY"
                                                : "READY");
    lg_json_set(json, "unreadyReplicas", unready);
    lg_answer_json(rq, json);
}

/* By its worst partition, as Venice does. */
static const char *store_status(const struct lg_controller *c, const struct lg_store *store)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    const struct lg_ctl_topic *t =
        lg_ctl_state_version(c->state, store->name, store->current_version);
    uint32_t least = UINT32_MAX;

    for (uint32_t p = 0; t != NULL && p < t->placement.partitions; p++)
        least =
            LG_MIN(least, lg_ctl_place_ready(s, lg_catalog_topic(s, lg_slice_str(t->name)), t, p));
    if (t == NULL || least == 0 || least == UINT32_MAX)
        return "UNAVAILABLE";
    if (least >= t->placement.factor)
        return "FULLLY_REPLICATED"; /* Venice's word, letter for letter. */
    return least == 1 ? "DEGRADED" : "UNDER_REPLICATED";
}

void lg_handle_cluster_health_stores(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_json *json = lg_answer_base(c, NULL), *map = lg_json_new_object();
    struct lg_slice key;
    void *value;

    for (size_t at = 0; lg_map_next(c->state->stores, &at, &key, &value);) {
        const struct lg_store *store = ((struct lg_ctl_store *)value)->store;

        if (store->deleted_ms == 0)
            lg_json_set_str(map, store->name, store_status(c, store));
    }
    lg_json_set(json, "storeStatusMap", map);
    lg_answer_json(rq, json);
}

/* --- Ours. ------------------------------------------------------------------------------------ */

static struct lg_json *replica_json(const struct lg_catalog_snapshot *s,
                                    const struct lg_catalog_topic *topic, uint32_t p,
                                    const char *id)
{
    const struct lg_catalog_replica *said = s == NULL ? NULL : said_by(s, topic, p, id);
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "instance", id);
    lg_json_set_str(json, "state", lg_replica_state_name(shown_state(said)));
    lg_json_set_str(json, "status",
                    lg_push_status_name(said == NULL ? LG_PUSH_NOT_CREATED : said->status));
    lg_json_set_int(json, "records", said == NULL ? 0 : (int64_t)said->records);
    lg_json_set_int(json, "bytes", said == NULL ? 0 : (int64_t)said->bytes);
    lg_json_set(json, "error", text_json(said == NULL ? NULL : said->error));
    lg_json_set_bool(json, "live", s != NULL && lg_catalog_instance(s, id, NULL) != NULL);
    return json;
}

static struct lg_json *partition_json(const struct lg_controller *c, const struct lg_ctl_topic *t,
                                      uint32_t p)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    const struct lg_catalog_topic *topic =
        s == NULL ? NULL : lg_catalog_topic(s, lg_slice_str(t->name));
    const struct lg_placement_partition *part = &t->placement.parts[p];
    struct lg_json *json = lg_json_new_object(), *replicas = lg_json_new_array();

    for (uint32_t r = 0; r < part->count; r++)
        lg_json_push(replicas, replica_json(s, topic, p, part->ids[r]));
    lg_json_set_int(json, "partition", p);
    lg_json_set(json, "leader", text_json(part->leader));
    lg_json_set_int(json, "term", part->term);
    lg_json_set_int(json, "ready", lg_ctl_place_ready(s, topic, t, p));
    lg_json_set_bool(json, "moving", part->wanted_count > 0);
    lg_json_set(json, "replicas", replicas);
    return json;
}

static struct lg_json *version_json(const struct lg_controller *c, const struct lg_store *store,
                                    const struct lg_version *v, const struct lg_ctl_topic *t,
                                    int64_t only_partition)
{
    struct lg_json *json = lg_json_new_object(), *partitions = lg_json_new_array();

    for (uint32_t p = 0; p < t->placement.partitions; p++)
        if (only_partition < 0 || only_partition == p)
            lg_json_push(partitions, partition_json(c, t, p));
    lg_json_set_int(json, "version", v->number);
    lg_json_set_str(json, "status", lg_version_status_name(v->status));
    lg_json_set_bool(json, "current", store->current_version == v->number);
    lg_json_set_str(json, "topic", t->name);
    lg_json_set_int(json, "factor", t->placement.factor);
    lg_json_set(json, "partitions", partitions);
    return json;
}

void lg_handle_replicas(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *name = lg_front_param(rq, "store_name");
    int64_t version = 0, partition = -1;
    struct lg_json *json, *versions;
    struct lg_ctl_store *entry;
    bool fits = false;
    struct lg_error err;
    enum lg_rc rc = lg_ctl_state_find(c->state, name, &entry, &err);

    if (rc == LG_OK)
        rc = lg_front_number(rq, "version", 1, INT32_MAX, 0, &version, &err);
    if (rc == LG_OK)
        rc = lg_front_number(rq, "partition", 0, UINT16_MAX, -1, &partition, &err);
    if (rc != LG_OK) {
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    versions = lg_json_new_array();
    for (size_t i = 0; i < entry->store->versions.size; i++) {
        const struct lg_version *v = &entry->store->versions.data[i];
        const struct lg_ctl_topic *t = lg_ctl_state_version(c->state, name, v->number);

        if (t == NULL || (version != 0 && version != v->number))
            continue;
        fits = fits || partition < (int64_t)t->placement.partitions;
        lg_json_push(versions, version_json(c, entry->store, v, t, partition));
    }
    if (version != 0 && lg_json_size(versions) == 0)
        rc = lg_error_set(&err, LG_ERR_NOT_FOUND, "store '%s' has no version %lld", name,
                          (long long)version);
    else if (partition >= 0 && !fits)
        rc = lg_error_set(&err, LG_ERR_NOT_FOUND, "store '%s' has no partition %lld", name,
                          (long long)partition);
    if (rc != LG_OK) {
        lg_json_unref(versions);
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    json = lg_answer_base(c, name);
    lg_json_set_str(json, "store", name);
    lg_json_set(json, "versions", versions);
    lg_answer_json(rq, json);
}

static void add_under_replicated(void *ctx, const struct lg_ctl_topic *t, uint32_t partition,
                                 uint32_t ready)
{
    struct lg_json *list = ctx, *json;

    if (lg_json_size(list) >= UNDER_REPLICATED_MAX)
        return;
    json = lg_json_new_object();
    lg_json_set_str(json, "topic", t->name);
    lg_json_set_int(json, "partition", partition);
    lg_json_set_int(json, "ready", ready);
    lg_json_set_int(json, "factor", t->placement.factor);
    lg_json_push(list, json);
}

/* Replicas in ERROR, with their reasons. */
static struct lg_json *failed_replicas(const struct lg_controller *c)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    struct lg_json *list = lg_json_new_array(), *json;
    struct lg_slice key;
    void *value;

    for (size_t at = 0; s != NULL && lg_map_next(c->state->topics, &at, &key, &value);) {
        const struct lg_ctl_topic *t = value;
        const struct lg_catalog_topic *topic = lg_catalog_topic(s, lg_slice_str(t->name));

        for (uint32_t p = 0; p < t->placement.partitions; p++)
            for (uint32_t r = 0; r < t->placement.parts[p].count; r++) {
                const char *id = t->placement.parts[p].ids[r];
                const struct lg_catalog_replica *said = said_by(s, topic, p, id);

                if (said == NULL || said->state != LG_REPLICA_ERROR ||
                    lg_json_size(list) >= FAILED_MAX)
                    continue;
                json = lg_json_new_object();
                lg_json_set_str(json, "store", t->store);
                lg_json_set_int(json, "version", t->version);
                lg_json_set_int(json, "partition", p);
                lg_json_set_str(json, "instance", id);
                lg_json_set(json, "error", text_json(said->error));
                lg_json_push(list, json);
            }
    }
    return list;
}

/* What this process warns of besides: its board of health. "replication" is told in full above. */
static void add_warning(void *ctx, const char *name, bool ok, const char *reason)
{
    struct lg_json *list = ctx, *json;

    if (ok || strcmp(name, "replication") == 0 || strcmp(name, "zookeeper") == 0)
        return;
    json = lg_json_new_object();
    lg_json_set_str(json, "name", name);
    lg_json_set_str(json, "reason", reason);
    lg_json_push(list, json);
}

static char *rebalance_text(const struct lg_ctl_census *n)
{
    if (n->moving > 0)
        return lg_strf("%u moves", n->moving);
    if (n->waits_ms >= 0)
        return lg_strf("waiting %lld s", (long long)((n->waits_ms + 999) / 1000));
    return lg_strdup("idle");
}

static char *metastore_text(const struct lg_controller *c)
{
    struct lg_error ignored;
    uint64_t silent_us;

    if (!lg_metastore_silence(c->o.metastore, &silent_us, &ignored))
        return lg_strdup("connected"); /* Who leads has a session. */
    return lg_strf("silent for %llu s", (unsigned long long)(silent_us / LG_SEC));
}

void lg_handle_cluster_status(struct lg_controller *c, struct lg_http_request *rq)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    struct lg_json *json = lg_answer_base(c, NULL), *servers = lg_json_new_object();
    struct lg_json *replicas = lg_json_new_object(), *under = lg_json_new_array();
    struct lg_json *warnings = lg_json_new_array();
    struct lg_ctl_census n = lg_ctl_place_census(c, add_under_replicated, under);
    LG_AUTO_STR char *rebalance = rebalance_text(&n);
    LG_AUTO_STR char *metastore = metastore_text(c);

    lg_json_set_str(json, "leader", lg_controller_url(c));
    lg_json_set_int(json, "term", (int64_t)lg_controller_term(c));
    lg_json_set_str(json, "metastore", metastore);
    lg_json_set_str(json, "log", c->log_url);
    lg_json_set_int(json, "controllers", s == NULL ? 0 : (int64_t)s->controllers.size);
    lg_json_set_int(json, "routers", s == NULL ? 0 : (int64_t)s->routers.size);
    lg_json_set_int(servers, "live", n.live);
    lg_json_set_int(servers, "gone", n.gone);
    lg_json_set_int(servers, "draining", n.draining);
    lg_json_set(json, "servers", servers);
    lg_json_set_int(json, "stores", (int64_t)lg_map_size(c->state->stores));
    lg_json_set_int(json, "versions", (int64_t)lg_map_size(c->state->topics));
    lg_json_set_int(replicas, "wanted", (int64_t)n.wanted);
    lg_json_set_int(replicas, "ready", (int64_t)n.ready);
    lg_json_set_int(replicas, "error", (int64_t)n.errors);
    lg_json_set_int(replicas, "moving", n.moving);
    lg_json_set(json, "replicas", replicas);
    lg_json_set(json, "underReplicated", under);
    lg_json_set_int(json, "underReplicatedCount", n.underreplicated);
    lg_json_set(json, "failed", failed_replicas(c));
    lg_json_set(json, "warnings", warnings);
    lg_health_each(LG_HEALTH_READY, lg_lane_now_us(c->o.lane), add_warning, warnings);
    lg_json_set_str(json, "rebalance", rebalance);
    lg_json_set_str(json, "clientProtocols",
                    s == NULL ? "" : lg_client_protocols_name(s->client_protocols));
    lg_answer_json(rq, json);
}

/* --- Beginning replicas again. ------------------------------------------------------------------
 */

/* A replica that was named is reset in any state; without a name all those that failed. */
static bool is_meant(const struct lg_change *ch, const struct lg_catalog_snapshot *s,
                     const struct lg_catalog_topic *topic, uint32_t p, const char *id)
{
    struct lg_transition_view view = lg_ctl_place_view(s, topic, p, id);

    if (ch->owner != NULL)
        return strcmp(ch->owner, id) == 0;
    return view.reported && view.state == LG_REPLICA_ERROR;
}

static enum lg_rc reset_all(struct lg_change *ch, struct lg_ctl_topic *t, int64_t *out_count,
                            struct lg_error *err)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(ch->c);
    const struct lg_catalog_topic *topic =
        s == NULL ? NULL : lg_catalog_topic(s, lg_slice_str(t->name));
    enum lg_rc rc = LG_OK;

    *out_count = 0;
    if (ch->partition >= (int64_t)t->placement.partitions)
        return lg_error_set(err, LG_ERR_NOT_FOUND, "%s has %u partitions, and no partition %lld",
                            t->name, t->placement.partitions, (long long)ch->partition);
    for (uint32_t p = 0; p < t->placement.partitions; p++) {
        const struct lg_placement_partition *part = &t->placement.parts[p];

        for (uint32_t i = 0; rc == LG_OK && i < part->count; i++) {
            if ((ch->partition >= 0 && ch->partition != p) ||
                !is_meant(ch, s, topic, p, part->ids[i]))
                continue;
            rc = lg_placement_reset(&t->placement, p, part->ids[i], ch->wipe, err);
            *out_count += rc == LG_OK;
        }
    }
    if (rc == LG_OK && *out_count == 0 && ch->owner != NULL)
        rc = lg_error_set(err, LG_ERR_NOT_FOUND, "server '%s' holds no such replica of %s",
                          ch->owner, t->name);
    return rc;
}

static void begin_reset(struct lg_change *ch)
{
    const struct lg_ctl_topic *t;
    struct lg_ctl_store *entry;
    struct lg_ctl_topic *after;
    struct lg_error err;
    int64_t count = 0;
    enum lg_rc rc = lg_ctl_state_find(ch->c->state, ch->store_name, &entry, &err);

    t = rc == LG_OK ? lg_ctl_state_version(ch->c->state, ch->store_name, ch->version) : NULL;
    if (rc == LG_OK && t == NULL)
        rc = lg_error_set(&err, LG_ERR_NOT_FOUND, "store '%s' has no version %d", ch->store_name,
                          ch->version);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    after = lg_ctl_topic_copy(t);
    after->deciding = t->deciding;
    rc = reset_all(ch, after, &count, &err);
    if (rc != LG_OK) {
        lg_ctl_topic_free(after);
        lg_change_end(ch, rc, &err);
        return;
    }
    ch->answer = lg_answer_base(ch->c, ch->store_name);
    lg_json_set_int(ch->answer, "version", ch->version);
    lg_json_set_int(ch->answer, "reset", count);
    if (count == 0) {
        lg_ctl_topic_free(after);
        lg_change_end(ch, LG_OK, NULL);
        return;
    }
    lg_log(LG_LOG_INFO, "replicas_reset", "topic=%s replicas=%lld", t->name, (long long)count);
    lg_metric_add(&lg_metric_controller_resets_total, LG_CTL_RESETS_ON_REQUEST, (uint64_t)count);
    lg_change_write_assignment(ch, after);
    lg_change_commit(ch);
}

void lg_handle_reset_error_partition(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_reset);
    const char *instance = lg_front_param(rq, "instance");
    struct lg_error err;
    int64_t version = 0;
    enum lg_rc rc = lg_front_number(rq, "version", 1, INT32_MAX, 0, &version, &err);

    if (rc == LG_OK)
        rc = lg_front_number(rq, "partition", 0, UINT16_MAX, -1, &ch->partition, &err);
    if (rc == LG_OK)
        rc = lg_front_bool(rq, "wipe", false, &ch->wipe, &err);
    ch->store_name = lg_strdup(lg_front_param(rq, "store_name"));
    ch->version = (int32_t)version;
    ch->owner = instance == NULL ? NULL : lg_strdup(instance);
    if (rc == LG_OK)
        (void)lg_change_submit(ch);
    else
        lg_change_abandon(ch, &err);
}
