/* Routes of servers: who they are, what they hold, and whether they may go. */
#include "base/log.h"
#include "base/str.h"
#include "controller/core.h"
#include "coord/assignment.h"

#define INSTANCES_MAX 10000u /* of one question */

/* --- What a server holds. --------------------------------------------------------------------- */

struct holding {
    uint64_t replicas, leaders, ready, errors;
    uint64_t no_room; /* that stay although it is drained */
};

static struct holding holding_of(const struct lg_controller *c, const char *id, bool drains)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    struct holding h = {0};
    struct lg_slice key;
    void *value;

    for (size_t at = 0; lg_map_next(c->state->topics, &at, &key, &value);) {
        const struct lg_ctl_topic *t = value;
        const struct lg_catalog_topic *topic =
            s == NULL ? NULL : lg_catalog_topic(s, lg_slice_str(t->name));

        for (uint32_t p = 0; p < t->placement.partitions; p++) {
            const struct lg_placement_partition *part = &t->placement.parts[p];
            struct lg_transition_view view;

            if (!lg_placement_lists(part, id))
                continue;
            view = lg_ctl_place_view(s, topic, p, id);
            h.replicas++;
            h.leaders += lg_placement_leads(part, id);
            h.ready += lg_transition_is_ready(view);
            h.errors += view.reported && view.state == LG_REPLICA_ERROR;
            h.no_room += drains && lg_ctl_place_lacks_room(c, t, p, id);
        }
    }
    return h;
}

static const char *state_of(const struct lg_ctl_node *node, bool live)
{
    if (node != NULL && node->record.state == LG_NODE_REMOVED)
        return "REMOVED";
    if (!live)
        return "GONE";
    return node != NULL && node->record.state == LG_NODE_DRAINING ? "DRAINING" : "LIVE";
}

static struct lg_json *node_json(const struct lg_controller *c, const char *id)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    const struct lg_catalog_instance *live = s == NULL ? NULL : lg_catalog_instance(s, id, NULL);
    const struct lg_ctl_node *node = lg_ctl_state_node(c->state, id);
    const char *state = state_of(node, live != NULL);
    struct holding h = holding_of(c, id, strcmp(state, "DRAINING") == 0);
    struct lg_json *json = lg_json_new_object();
    struct lg_slice host = LG_SLICE_NULL;
    struct lg_error ignored;
    uint16_t port = 0;

    (void)(lg_names_parse_instance(lg_slice_str(id), &host, &port, &ignored) == LG_OK);
    lg_json_set_str(json, "id", id);
    lg_json_set(json, "host",
                live != NULL ? lg_json_new_string(lg_slice_str(live->host))
                             : lg_json_new_string(host));
    lg_json_set_int(json, "port", live != NULL ? live->port : port);
    lg_json_set_int(json, "grpcPort", live != NULL ? live->grpc_port : 0);
    lg_json_set_str(json, "zone", live != NULL ? live->zone : node->record.zone);
    lg_json_set_str(json, "state", state);
    lg_json_set_str(json, "release", live != NULL ? live->release : "");
    lg_json_set_int(json, "goneForMs", live != NULL ? 0 : lg_ctl_place_gone_ms(c, &node->record));
    lg_json_set_int(json, "replicas", (int64_t)h.replicas);
    lg_json_set_int(json, "leaders", (int64_t)h.leaders);
    lg_json_set_int(json, "ready", (int64_t)h.ready);
    lg_json_set_int(json, "errors", (int64_t)h.errors);
    lg_json_set_int(json, "waitingForRoom", (int64_t)h.no_room);
    lg_json_set_bool(json, "diskLow", live != NULL && live->disk_low);
    return json;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All that are known or live, by id. The caller frees the array. */
static const char **all_nodes(const struct lg_controller *c, size_t *out_count)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    size_t live = s == NULL ? 0 : s->instances.size, n = 0;
    const char **ids = lg_new_array(const char *, lg_map_size(c->state->nodes) + live);
    struct lg_slice key;
    void *value;

    for (size_t at = 0; lg_map_next(c->state->nodes, &at, &key, &value);)
        ids[n++] = ((struct lg_ctl_node *)value)->id;
    for (size_t i = 0; i < live; i++)
        if (lg_ctl_state_node(c->state, s->instances.data[i].id) == NULL)
            ids[n++] = s->instances.data[i].id;
    if (n > 0)
        qsort(ids, n, sizeof ids[0], by_text);
    *out_count = n;
    return ids;
}

/* Ours: everybody. */
void lg_handle_nodes(struct lg_controller *c, struct lg_http_request *rq)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    struct lg_json *json = lg_answer_base(c, NULL), *nodes = lg_json_new_array();
    struct lg_json *controllers = lg_json_new_array(), *routers = lg_json_new_array();
    size_t n;
    const char **ids = all_nodes(c, &n);

    for (size_t i = 0; i < n; i++)
        lg_json_push(nodes, node_json(c, ids[i]));
    lg_free(ids);
    for (size_t i = 0; s != NULL && i < s->controllers.size; i++) {
        struct lg_json *row = lg_json_new_object();

        lg_json_set_str(row, "id", s->controllers.data[i].id);
        lg_json_set_str(row, "url", s->controllers.data[i].url);
        lg_json_set_bool(row, "leads", strcmp(s->controllers.data[i].id, c->id) == 0);
        lg_json_set_str(row, "release", s->controllers.data[i].release);
        lg_json_push(controllers, row);
    }
    for (size_t i = 0; s != NULL && i < s->routers.size; i++) {
        struct lg_json *row = lg_json_new_object();

        lg_json_set_str(row, "url", s->routers.data[i]);
        lg_json_push(routers, row);
    }
    lg_json_set(json, "nodes", nodes);
    lg_json_set(json, "controllers", controllers);
    lg_json_set(json, "routers", routers);
    lg_answer_json(rq, json);
}

/* Venice's MultiNodesStatusResponse. */
void lg_handle_cluster_health_instances(struct lg_controller *c, struct lg_http_request *rq)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    struct lg_json *json = lg_answer_base(c, NULL), *map = lg_json_new_object();
    size_t n;
    const char **ids = all_nodes(c, &n);

    for (size_t i = 0; i < n; i++)
        lg_json_set_str(map, ids[i],
                        lg_catalog_instance(s, ids[i], NULL) != NULL ? "CONNECTED"
                                                                     : "DISCONNECTED");
    lg_free(ids);
    lg_json_set(json, "instancesStatusMap", map);
    lg_answer_json(rq, json);
}

/* --- Removing, draining, and back. -------------------------------------------------------------
 */

static enum lg_rc find_node(const struct lg_controller *c, const char *id,
                            const struct lg_ctl_node **out, struct lg_error *err)
{
    const struct lg_ctl_node *node = lg_ctl_state_node(c->state, id);
    const char **ids, *near;
    size_t n;

    if (node != NULL) {
        *out = node;
        return LG_OK;
    }
    ids = all_nodes(c, &n);
    near = lg_nearest(id, ids, n);
    if (near != NULL)
        (void)lg_error_set(err, LG_ERR_NOT_FOUND, "no server named '%s'; did you mean '%s'?", id,
                           near);
    else
        (void)lg_error_set(err, LG_ERR_NOT_FOUND, "no server named '%s'; `lagoon nodes` lists them",
                           id);
    lg_free(ids);
    return LG_ERR_NOT_FOUND;
}

static void told(struct lg_change *ch)
{
    lg_log(LG_LOG_INFO, "server_state", "server=%s state=%s", ch->text,
           lg_node_state_name(ch->node_state));
    ch->answer = lg_answer_base(ch->c, NULL);
    lg_json_set(ch->answer, "node", node_json(ch->c, ch->text));
}

static void begin_node_state(struct lg_change *ch)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(ch->c);
    const struct lg_ctl_node *node = NULL;
    struct lg_node_record record;
    struct lg_error err;
    enum lg_rc rc = find_node(ch->c, ch->text, &node, &err);

    if (rc == LG_OK && ch->node_state == LG_NODE_REMOVED &&
        lg_catalog_instance(s, ch->text, NULL) != NULL)
        rc = lg_error_set(&err, LG_ERR_CONFLICT,
                          "server '%s' is live; drain it with `lagoon nodes drain %s`, and "
                          "stop it before it is removed",
                          ch->text, ch->text);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    record = node->record;
    record.zone = lg_strdup(record.zone);
    record.state = ch->node_state;
    lg_change_write_node(ch, ch->text, &record, /* gone= */ false);
    ch->applied = told;
    lg_change_commit(ch);
}

static void handle_node_state(struct lg_controller *c, struct lg_http_request *rq,
                              const char *parameter, enum lg_node_state state)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_node_state);

    ch->text = lg_strdup(lg_front_param(rq, parameter));
    ch->node_state = state;
    (void)lg_change_submit(ch);
}

void lg_handle_remove_node(struct lg_controller *c, struct lg_http_request *rq)
{
    handle_node_state(c, rq, "storage_node_id", LG_NODE_REMOVED);
}

void lg_handle_node_remove(struct lg_controller *c, struct lg_http_request *rq)
{
    handle_node_state(c, rq, "node_id", LG_NODE_REMOVED);
}

void lg_handle_node_drain(struct lg_controller *c, struct lg_http_request *rq)
{
    handle_node_state(c, rq, "node_id", LG_NODE_DRAINING);
}

void lg_handle_node_activate(struct lg_controller *c, struct lg_http_request *rq)
{
    handle_node_state(c, rq, "node_id", LG_NODE_ACTIVE);
}

/* --- May it go? --------------------------------------------------------------------------------
 */

/* Is the id in a list of ids with commas between? */
static bool is_among(const char *list, const char *id)
{
    size_t n = strlen(id);

    for (const char *at = list; at != NULL && *at != 0;) {
        size_t length = strcspn(at, ",");

        if (length == n && memcmp(at, id, n) == 0)
            return true;
        at += length + (at[length] == ',');
    }
    return false;
}

/* Why the server may not go, for one partition; NULL: it may. As Venice: what could be read must
 * still be read, and no partition fall below its active minimum. */
static char *held_back_by(const struct lg_controller *c, const struct lg_ctl_topic *t, uint32_t p,
                          const char *id, const char *others)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    const struct lg_catalog_topic *topic = lg_catalog_topic(s, lg_slice_str(t->name));
    const struct lg_placement_partition *part = &t->placement.parts[p];
    uint32_t before = 0, after = 0, needed = lg_ctl_place_min_active(c, t->placement.factor);

    for (uint32_t i = 0; i < part->count; i++) {
        bool ready = lg_transition_is_ready(lg_ctl_place_view(s, topic, p, part->ids[i]));

        before += ready;
        after += ready && strcmp(part->ids[i], id) != 0 && !is_among(others, part->ids[i]);
    }
    if (before == 0 || after == before)
        return NULL;
    if (after == 0)
        return lg_strf("WILL_LOSE_DATA: partition %u of %s would have no ready replica", p,
                       t->name);
    if (after < needed)
        return lg_strf("WILL_TRIGGER_LOAD_REBALANCE: partition %u of %s would have %u ready "
                       "replicas, and %u must be active",
                       p, t->name, after, needed);
    return NULL;
}

/* Why a server may not go; NULL: it may. The caller frees it. */
static char *why_not(const struct lg_controller *c, const char *id, const char *others)
{
    LG_AUTO_STR char *unreadable = lg_ctl_state_unreadable_below(c->state, "/assignment");
    char *reason = NULL;
    struct lg_slice key;
    void *value;

    if (unreadable != NULL)
        return lg_strf("WILL_LOSE_DATA: who holds what is not known while the node %s of the "
                       "metadata makes no sense; write back what it held",
                       unreadable);
    for (size_t at = 0; reason == NULL && lg_map_next(c->state->topics, &at, &key, &value);) {
        const struct lg_ctl_topic *t = value;

        for (uint32_t p = 0; reason == NULL && p < t->placement.partitions; p++)
            if (lg_placement_lists(&t->placement.parts[p], id))
                reason = held_back_by(c, t, p, id, others);
    }
    return reason;
}

/* Venice's NodeStatusResponse. */
void lg_handle_node_removable(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *id = lg_front_param(rq, "storage_node_id");
    const char *others = lg_front_param(rq, "to_be_stopped_instances");
    const struct lg_ctl_node *node;
    LG_AUTO_STR char *reason = NULL;
    struct lg_json *json;
    struct lg_error err;

    if (find_node(c, id, &node, &err) != LG_OK) {
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    reason = why_not(c, id, others);
    json = lg_answer_base(c, NULL);
    lg_json_set_bool(json, "removable", reason == NULL);
    lg_json_set_str(json, "details", reason);
    lg_answer_json(rq, json);
}

/* --- Which of several may go? ------------------------------------------------------------------
 */

struct asked {
    struct lg_buf instances, stopped; /* ids with commas between */
};

static void asked_done(struct asked *a)
{
    lg_buf_done(&a->instances);
    lg_buf_done(&a->stopped);
}

static void add_id(struct lg_buf *list, struct lg_slice id)
{
    lg_buf_appendf(list, "%s%.*s", list->size == 0 ? "" : ",", LG_FMT(id));
}

static void add_form(struct lg_buf *list, struct lg_http_request *rq, const char *name)
{
    const char *ids = lg_front_param(rq, name);

    if (ids != NULL)
        add_id(list, lg_slice_str(ids));
}

/* An array of names in the JSON that was sent. */
static enum lg_rc take_ids(const struct lg_json *json, const char *key, struct lg_buf *out,
                           struct lg_error *err)
{
    const struct lg_json *list = lg_json_get(json, key);
    bool is_null = list == NULL || lg_json_type(list) == LG_JSON_NULL;

    if (!is_null && lg_json_type(list) != LG_JSON_ARRAY)
        return lg_error_set(err, LG_ERR_INVALID, "'%s' must be an array of names", key);
    if (!is_null && lg_json_size(list) > INSTANCES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "'%s' has more than %u names", key,
                            INSTANCES_MAX);
    for (size_t i = 0; !is_null && i < lg_json_size(list); i++) {
        if (lg_json_type(lg_json_at(list, i)) != LG_JSON_STRING)
            return lg_error_set(err, LG_ERR_INVALID, "'%s' must be an array of names", key);
        add_id(out, lg_json_string(lg_json_at(list, i)));
    }
    return LG_OK;
}

/* Venice's client sends JSON, without saying so in a header; `lagoon` sends a form. */
static enum lg_rc read_asked(const struct lg_controller *c, struct lg_http_request *rq,
                             struct asked *out, struct lg_error *err)
{
    const char *cluster = lg_front_param(rq, "cluster_id");
    LG_AUTO(lg_json) *json = NULL;
    enum lg_rc rc = LG_OK;

    if (rq->body.size > 0 && rq->body.data[0] == '{') {
        rc = lg_json_parse(rq->body, &json, err);
        if (rc == LG_OK)
            rc = take_ids(json, "instances", &out->instances, err);
        if (rc == LG_OK)
            rc = take_ids(json, "to_be_stopped_instances", &out->stopped, err);
        cluster = rc == LG_OK ? lg_json_get_str(json, "cluster_id", NULL) : NULL;
    } else {
        add_form(&out->instances, rq, "instances");
        add_form(&out->stopped, rq, "to_be_stopped_instances");
    }
    if (rc == LG_OK && out->instances.size == 0)
        rc = lg_error_set(err, LG_ERR_INVALID, "Empty instances list"); /* Venice's words. */
    if (rc == LG_OK && cluster != NULL && strcmp(cluster, c->cluster) != 0)
        rc = lg_error_set(err, LG_ERR_NOT_FOUND, "this is cluster '%s', not '%.200s'", c->cluster,
                          cluster);
    lg_buf_append_byte(&out->stopped, '\0');
    return rc;
}

/* Venice's StoppableNodeStatusResponse: each that may go is taken for gone when the next is looked
 * at. A server that does not live may go: nothing is read from it. */
void lg_handle_aggregated_health_status(struct lg_controller *c, struct lg_http_request *rq)
{
    struct asked asked = {0};
    struct lg_error err;
    struct lg_json *json, *may, *may_not;
    struct lg_slice rest;

    if (read_asked(c, rq, &asked, &err) != LG_OK) {
        asked_done(&asked);
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    json = lg_answer_base(c, NULL);
    may = lg_json_new_array();
    may_not = lg_json_new_object();
    rest = lg_buf_slice(&asked.instances);
    for (uint32_t n = 0; rest.size > 0 && n < INSTANCES_MAX; n++) {
        const uint8_t *comma = memchr(rest.data, ',', rest.size);
        size_t size = comma == NULL ? rest.size : (size_t)(comma - rest.data);
        LG_AUTO_STR char *id = lg_strndup((const char *)rest.data, size);
        LG_AUTO_STR char *reason = why_not(c, id, (const char *)asked.stopped.data);

        rest = lg_slice_skip(rest, size + (comma != NULL));
        if (reason != NULL) {
            lg_json_set_str(may_not, id, reason);
            continue;
        }
        lg_json_push(may, lg_json_new_string(lg_slice_str(id)));
        asked.stopped.size--; /* The NUL. */
        add_id(&asked.stopped, lg_slice_str(id));
        lg_buf_append_byte(&asked.stopped, '\0');
    }
    asked_done(&asked);
    lg_json_set(json, "stoppableInstances", may);
    lg_json_set(json, "nonStoppableInstancesWithReasons", may_not);
    lg_answer_json(rq, json);
}
