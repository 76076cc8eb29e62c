/* Reads the metadata into memory. First names and values of all nodes, then each store once more
 * alone, because only that tells its node's version. Nodes that make no sense are passed over, told
 * once, and while there are any everything is read again from time to time: somebody may put them
 * right. */
#include "base/log.h"
#include "base/str.h"
#include "controller/core.h"

#define LOAD_PAUSE_US (200 * LG_MS)
#define RELOAD_US (5 * LG_SEC)
#define RELOAD_SHARE 20u /* at most this part of the time goes into reading again */

static const char *const roots[] = {"/stores",    "/assignment", "/pushes",        "/trash",
                                    "/graveyard", "/nodes",      LG_CTL_CLOCK_ROOT};

static void load_next_store(struct lg_controller *c);

static void pause_ended(struct lg_timer *timer)
{
    struct lg_controller *c = LG_CONTAINER_OF(timer, struct lg_controller, load_pause);

    lg_ctl_load(c);
}

static void reload_is_due(struct lg_timer *timer)
{
    struct lg_controller *c = LG_CONTAINER_OF(timer, struct lg_controller, reload);

    if (c->loaded)
        lg_ctl_load(c);
    lg_ctl_wake(c);
}

static void reload_later(struct lg_controller *c)
{
    uint64_t took_us = lg_lane_now_us(c->o.lane) - c->load_began_us;

    if (lg_map_size(c->state->unreadable) > 0 && !c->stopping)
        lg_timer_start(c->o.lane, &c->reload, LG_MAX(RELOAD_US, took_us * RELOAD_SHARE),
                       reload_is_due);
}

static void unreadable(struct lg_controller *c, const char *event, const char *path,
                       const struct lg_error *err)
{
    if (!lg_ctl_state_is_unreadable(c->state, path))
        lg_log(LG_LOG_ERROR, event, "path=%s reason=\"%s\"", path, err->text);
    lg_ctl_state_put_unreadable(c->loading, path);
}

static void finish(struct lg_controller *c, enum lg_rc rc, const struct lg_error *err)
{
    lg_tree_read_done(&c->load);
    c->load_open = false;
    if (!lg_ctl_leads(c) || c->term != c->load_term) { /* Of a time that is over. */
        lg_ctl_state_free(LG_TAKE(c->loading));
    } else if (rc == LG_OK) {
        lg_ctl_state_free(c->state);
        c->state = LG_TAKE(c->loading);
        lg_ctl_place_forget(c);
        c->loaded = true;
        c->forgotten = false;
        c->as_of_us = c->load_began_us;
        c->load_told = false;
        if (c->settled_us == 0)
            c->settled_us =
                (c->seen_us == 0 ? lg_lane_now_us(c->o.lane) : c->seen_us) +
                (lg_map_size(c->state->stores) == 0 ? 0 : c->o.routers_settle_ms * LG_MS);
        reload_later(c);
        lg_log(LG_LOG_INFO, "controller_loaded", "stores=%zu topics=%zu trash=%zu",
               lg_map_size(c->state->stores), lg_map_size(c->state->topics), c->state->trash.size);
    } else {
        lg_ctl_state_free(LG_TAKE(c->loading));
        if (!c->load_told)
            lg_log(LG_LOG_ERROR, "controller_load_failed", "reason=\"%s\"", err->text);
        c->load_told = true;
        if (!c->stopping)
            lg_timer_start(c->o.lane, &c->load_pause, LOAD_PAUSE_US, pause_ended);
    }
    lg_ctl_wake(c);
}

static bool starts_with(const char *path, const char *root)
{
    size_t n = strlen(root);

    return strncmp(path, root, n) == 0 && path[n] == '/';
}

static const struct lg_tree_node *find(const struct lg_controller *c, const char *root,
                                       const char *name)
{
    LG_AUTO_STR char *path = lg_strf("%s/%s", root, name);

    for (size_t i = 0; i < c->load.nodes.size; i++) {
        if (strcmp(c->load.nodes.data[i].path, path) == 0)
            return &c->load.nodes.data[i];
    }
    return NULL;
}

static struct lg_json *json_of(const struct lg_tree_node *node, struct lg_error *err)
{
    struct lg_json *json = NULL;

    if (node != NULL && node->value == NULL)
        (void)lg_error_set(err, LG_ERR_BAD_DATA, "it is empty");
    if (node == NULL || node->value == NULL)
        return NULL;
    if (lg_json_parse(node->value->bytes, &json, err) != LG_OK)
        return NULL;
    return json;
}

static void load_topic(struct lg_controller *c, const struct lg_tree_node *node)
{
    const char *name = lg_tree_node_name(node);
    struct lg_error err = {0};
    const struct lg_tree_node *assigned = find(c, "/assignment", name);
    LG_AUTO(lg_json) *push = json_of(node, &err);
    LG_AUTO(lg_json) *assignment = push == NULL ? NULL : json_of(assigned, &err);
    struct lg_ctl_topic *topic;

    if (push != NULL && assigned != NULL && assignment == NULL)
        unreadable(c, "assignment_unreadable", assigned->path, &err);
    if (push == NULL || lg_ctl_topic_from_json(name, push, assignment, &topic, &err) != LG_OK) {
        unreadable(c, "push_unreadable", node->path, &err);
        return;
    }
    lg_ctl_state_put_topic(c->loading, topic);
}

static void load_grave(struct lg_controller *c, const struct lg_tree_node *node)
{
    const char *name = lg_tree_node_name(node);
    struct lg_error err = {.text = "largestUsedVersionNumber is no version number; correct it"};
    LG_AUTO(lg_json) *grave = json_of(node, &err);
    int64_t largest = grave == NULL ? -1 : lg_json_get_int(grave, "largestUsedVersionNumber", -1);

    if (largest < 0 || largest > INT32_MAX)
        unreadable(c, "grave_unreadable", node->path, &err);
    else if (lg_ctl_state_store(c->loading, name) == NULL)
        lg_ctl_state_bury(c->loading, name, (int32_t)largest);
}

static void load_node(struct lg_controller *c, const struct lg_tree_node *node)
{
    struct lg_error err = {0};
    LG_AUTO(lg_json) *json = json_of(node, &err);
    LG_SCOPED(lg_node_record) record = {0};

    if (json == NULL || lg_node_record_from_json(json, &record, &err) != LG_OK)
        unreadable(c, "node_unreadable", node->path, &err);
    else
        lg_ctl_state_put_node(c->loading, lg_tree_node_name(node), &record);
}

static void load_topics(struct lg_controller *c)
{
    for (size_t i = 0; i < c->load.nodes.size; i++) {
        const struct lg_tree_node *node = &c->load.nodes.data[i];

        if (starts_with(node->path, "/pushes"))
            load_topic(c, node);
        else if (starts_with(node->path, "/trash"))
            lg_ctl_state_trash(c->loading, lg_tree_node_name(node), lg_lane_now_us(c->o.lane));
        else if (starts_with(node->path, "/graveyard"))
            load_grave(c, node);
        else if (starts_with(node->path, "/nodes"))
            load_node(c, node);
    }
    finish(c, LG_OK, NULL);
}

/* A pusher could not be heard while nobody listened: its lease begins anew. A push of which it is
 * not known when it began, by the leaders' clock, begins now: an older release began it, or
 * somebody wrote into the metadata. */
static void renew_leases(const struct lg_controller *c, struct lg_store *store)
{
    int64_t clock_ms = lg_ctl_clock_ms(c);

    for (size_t i = 0; i < store->versions.size; i++) {
        struct lg_version *v = &store->versions.data[i];

        if (v->started_clock_ms < 0 || v->started_clock_ms > clock_ms)
            v->started_clock_ms = clock_ms;
        if (v->status == LG_VERSION_STARTED)
            lg_ctl_hear(c, v);
    }
}

static void load_clock(struct lg_controller *c)
{
    const struct lg_tree_node *node = find(c, LG_CTL_CLOCK_ROOT, "leaders");
    struct lg_error err = {.text = "it is empty"};
    int64_t ms = 0;

    if (node != NULL &&
        (node->value == NULL || lg_ctl_clock_read(node->value->bytes, &ms, &err) != LG_OK))
        lg_log(LG_LOG_ERROR, "clock_unreadable",
               "path=%s reason=\"%s; pushes and servers that are gone have their time anew\"",
               node->path, err.text);
    lg_ctl_clock_set(c, ms);
}

static void got_store(struct lg_meta_op *op)
{
    struct lg_controller *c = LG_CONTAINER_OF(op, struct lg_controller, load_store);
    LG_AUTO(lg_blob) *value = LG_TAKE(op->value);
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = op->err;
    struct lg_store *store;
    enum lg_rc rc = op->rc;

    if (rc != LG_OK && rc != LG_ERR_NOT_FOUND) {
        finish(c, rc, &err);
        return;
    }
    if (rc == LG_OK) {
        rc = lg_json_parse(value == NULL ? LG_SLICE_NULL : value->bytes, &json, &err);
        if (rc == LG_OK)
            rc = lg_store_from_json(json, &store, &err);
        if (rc == LG_OK) {
            renew_leases(c, store);
            lg_ctl_state_put_store(c->loading, store, op->version);
        } else {
            unreadable(c, "store_unreadable", op->path, &err);
        }
    }
    load_next_store(c);
}

static void load_next_store(struct lg_controller *c)
{
    while (c->load_at < c->load.nodes.size &&
           !starts_with(c->load.nodes.data[c->load_at].path, "/stores"))
        c->load_at++;
    if (c->load_at == c->load.nodes.size) {
        load_topics(c);
        return;
    }
    c->load_store = (struct lg_meta_op){
        .kind = LG_META_GET,
        .lane = c->o.lane,
        .path = c->load.nodes.data[c->load_at++].path,
        .done = got_store,
    };
    lg_metastore_submit(c->o.metastore, &c->load_store);
}

static void names_read(struct lg_tree_read *read)
{
    struct lg_controller *c = LG_CONTAINER_OF(read, struct lg_controller, load);

    if (read->rc != LG_OK) {
        finish(c, read->rc, &read->err);
        return;
    }
    load_clock(c);
    c->loading = lg_ctl_state_new();
    c->load_at = 0;
    load_next_store(c);
}

void lg_ctl_load(struct lg_controller *c)
{
    c->loaded = false;
    if (c->load_open || c->stopping || c->change_open || !lg_ctl_leads(c))
        return;
    lg_timer_stop(c->o.lane, &c->load_pause);
    lg_timer_stop(c->o.lane, &c->reload);
    c->load_open = true;
    c->load_term = c->term;
    c->load_began_us = lg_lane_now_us(c->o.lane);
    c->load = (struct lg_tree_read){
        .metastore = c->o.metastore,
        .lane = c->o.lane,
        .roots = roots,
        .root_count = LG_ARRAY_SIZE(roots),
        .done = names_read,
    };
    lg_tree_read_submit(&c->load);
}
