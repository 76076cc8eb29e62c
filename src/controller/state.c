/* What the controller knows, in memory. */
#include "controller/state.h"

#include "base/str.h"
#include "controller/controller.h"
#include "coord/assignment.h"
#include "model/names.h"

struct lg_ctl_state *lg_ctl_state_new(void)
{
    struct lg_ctl_state *s = lg_new(struct lg_ctl_state);

    s->stores = lg_map_new();
    s->topics = lg_map_new();
    s->graves = lg_map_new();
    s->nodes = lg_map_new();
    s->unreadable = lg_map_new();
    return s;
}

static void grave_free(struct lg_ctl_grave *grave)
{
    if (grave == NULL)
        return;
    lg_free(grave->name);
    lg_free(grave);
}

static void node_free(struct lg_ctl_node *node)
{
    if (node == NULL)
        return;
    lg_node_record_done(&node->record);
    lg_free(node->id);
    lg_free(node);
}

static void store_free(struct lg_ctl_store *entry)
{
    if (entry == NULL)
        return;
    lg_store_free(entry->store);
    lg_free(entry);
}

void lg_ctl_topic_free(struct lg_ctl_topic *t)
{
    if (t == NULL)
        return;
    lg_placement_done(&t->placement);
    lg_free(t->name);
    lg_free(t->store);
    lg_free(t->push_job_id);
    lg_free(t->details);
    lg_free(t->pusher);
    lg_free(t->rates);
    lg_free(t);
}

void lg_ctl_state_free(struct lg_ctl_state *s)
{
    struct lg_slice key;
    void *value;

    if (s == NULL)
        return;
    for (size_t at = 0; lg_map_next(s->stores, &at, &key, &value);)
        store_free(value);
    for (size_t at = 0; lg_map_next(s->topics, &at, &key, &value);)
        lg_ctl_topic_free(value);
    for (size_t at = 0; lg_map_next(s->graves, &at, &key, &value);)
        grave_free(value);
    for (size_t i = 0; i < s->trash.size; i++)
        lg_free(s->trash.data[i].topic);
    LG_VEC_DONE(&s->trash);
    lg_map_free(s->stores);
    lg_map_free(s->topics);
    for (size_t at = 0; lg_map_next(s->nodes, &at, &key, &value);)
        node_free(value);
    lg_map_free(s->nodes);
    lg_map_free(s->graves);
    lg_map_free(s->unreadable);
    lg_free(s);
}

struct lg_ctl_store *lg_ctl_state_store(const struct lg_ctl_state *s, const char *name)
{
    return lg_map_get(s->stores, lg_slice_str(name));
}

struct lg_ctl_topic *lg_ctl_state_topic(const struct lg_ctl_state *s, const char *name)
{
    return lg_map_get(s->topics, lg_slice_str(name));
}

struct lg_ctl_topic *lg_ctl_state_version(const struct lg_ctl_state *s, const char *store,
                                          int32_t version)
{
    char topic[LG_NAMES_TOPIC_MAX + 1];

    lg_names_version_topic(topic, store, version);
    return lg_ctl_state_topic(s, topic);
}

void lg_ctl_state_put_unreadable(struct lg_ctl_state *s, const char *path)
{
    (void)lg_map_put(s->unreadable, lg_slice_str(path), s);
}

bool lg_ctl_state_is_unreadable(const struct lg_ctl_state *s, const char *path)
{
    return lg_map_get(s->unreadable, lg_slice_str(path)) != NULL;
}

char *lg_ctl_state_unreadable_below(const struct lg_ctl_state *s, const char *root)
{
    LG_AUTO_STR char *above = lg_strf("%s/", root);
    struct lg_slice path;
    void *ignored;

    for (size_t at = 0; lg_map_next(s->unreadable, &at, &path, &ignored);)
        if (lg_slice_starts(path, lg_slice_str(above)))
            return lg_strf("%.*s", LG_FMT(path));
    return NULL;
}

enum lg_rc lg_ctl_state_find_unhinted(const struct lg_ctl_state *s, const char *name,
                                      struct lg_ctl_store **out, struct lg_error *err)
{
    struct lg_ctl_store *found = lg_ctl_state_store(s, name);
    LG_AUTO_STR char *path = lg_strf("/stores/%s", name);

    if (found != NULL && found->store->deleted_ms == 0) {
        *out = found;
        return LG_OK;
    }
    if (found != NULL)
        return lg_error_set(err, LG_ERR_NO_STORE,
                            "store '%s' was deleted; `lagoon store undelete %s` brings it back",
                            name, name);
    if (lg_ctl_state_is_unreadable(s, path))
        return lg_error_set(err, LG_ERR_UNREADY,
                            "the node %.200s of the metadata makes no sense: write back what it "
                            "held, or remove it; it is read again every few seconds",
                            path);
    return lg_error_set(err, LG_ERR_NO_STORE,
                        "no store named '%.128s'; `lagoon store list` lists them", name);
}

enum lg_rc lg_ctl_state_find(const struct lg_ctl_state *s, const char *name,
                             struct lg_ctl_store **out, struct lg_error *err)
{
    const char *names[LG_CONTROLLER_STORES_MAX], *nearest;
    enum lg_rc rc = lg_ctl_state_find_unhinted(s, name, out, err);
    struct lg_slice key;
    void *value;
    size_t n = 0;

    if (rc != LG_ERR_NO_STORE || lg_ctl_state_store(s, name) != NULL)
        return rc;
    for (size_t at = 0; n < LG_CONTROLLER_STORES_MAX && lg_map_next(s->stores, &at, &key, &value);)
        if (((struct lg_ctl_store *)value)->store->deleted_ms == 0)
            names[n++] = ((struct lg_ctl_store *)value)->store->name;
    nearest = lg_nearest(name, names, n);
    if (nearest != NULL)
        return lg_error_set(err, LG_ERR_NO_STORE, "no store named '%.128s'; did you mean '%s'?",
                            name, nearest);
    if (n == 0)
        return lg_error_set(err, LG_ERR_NO_STORE, "no store named '%.128s'; there is none yet",
                            name);
    return rc;
}

/* Heartbeats live in memory only: one that came while a write was under way must not be lost. */
static void keep_heard(const struct lg_store *before, struct lg_store *after)
{
    for (size_t i = 0; i < after->versions.size; i++) {
        struct lg_version *v = &after->versions.data[i];
        const struct lg_version *old = lg_store_version(before, v->number);

        if (old == NULL || old->heard_clock_ms < v->heard_clock_ms)
            continue;
        v->heard_clock_ms = old->heard_clock_ms;
        v->push_heard_ms = old->push_heard_ms;
    }
}

void lg_ctl_state_put_store(struct lg_ctl_state *s, struct lg_store *take_store,
                            int64_t node_version)
{
    struct lg_ctl_store *entry = lg_new(struct lg_ctl_store), *before;

    entry->store = take_store;
    entry->node_version = node_version;
    before = lg_map_put(s->stores, lg_slice_str(take_store->name), entry);
    if (before != NULL)
        keep_heard(before->store, take_store);
    store_free(before);
}

void lg_ctl_state_bury(struct lg_ctl_state *s, const char *store, int32_t largest_used_version)
{
    struct lg_ctl_grave *grave = lg_new(struct lg_ctl_grave);

    grave->name = lg_strdup(store); /* The name may be the entry's own. */
    grave->largest_used_version = largest_used_version;
    store_free(lg_map_remove(s->stores, lg_slice_str(grave->name)));
    grave_free(lg_map_put(s->graves, lg_slice_str(grave->name), grave));
}

enum lg_rc lg_ctl_state_grave(const struct lg_ctl_state *s, const char *store, int32_t *out,
                              struct lg_error *err)
{
    const struct lg_ctl_grave *grave = lg_map_get(s->graves, lg_slice_str(store));
    LG_AUTO_STR char *path = lg_strf("/graveyard/%s", store);

    if (lg_ctl_state_is_unreadable(s, path))
        return lg_error_set(
            err, LG_ERR_UNREADY,
            "the node %.200s of the metadata, which keeps the largest version number "
            "that was used under this name, makes no sense: write back what it "
            "held; it is read again every few seconds",
            path);
    *out = grave == NULL ? 0 : grave->largest_used_version;
    return LG_OK;
}

void lg_ctl_state_unbury(struct lg_ctl_state *s, const char *store)
{
    grave_free(lg_map_remove(s->graves, lg_slice_str(store)));
}

struct lg_ctl_node *lg_ctl_state_node(const struct lg_ctl_state *s, const char *id)
{
    return lg_map_get(s->nodes, lg_slice_str(id));
}

void lg_ctl_state_put_node(struct lg_ctl_state *s, const char *id,
                           struct lg_node_record *take_record)
{
    struct lg_ctl_node *node = lg_new(struct lg_ctl_node);

    s->generation++;
    node->id = lg_strdup(id);
    node->record = *take_record;
    *take_record = (struct lg_node_record){0};
    node_free(lg_map_put(s->nodes, lg_slice_str(node->id), node));
}

void lg_ctl_state_remove_node(struct lg_ctl_state *s, const char *id)
{
    s->generation++;
    node_free(lg_map_remove(s->nodes, lg_slice_str(id)));
}

void lg_ctl_state_put_topic(struct lg_ctl_state *s, struct lg_ctl_topic *take_topic)
{
    struct lg_ctl_topic *before = lg_ctl_state_topic(s, take_topic->name);

    if (before != NULL && before != take_topic) {
        take_topic->report = before->report;
        take_topic->rate = before->rate;
        if (before->placement.partitions == take_topic->placement.partitions)
            take_topic->rates = LG_TAKE(before->rates);
    }
    s->generation++;
    lg_ctl_topic_free(lg_map_put(s->topics, lg_slice_str(take_topic->name), take_topic));
}

void lg_ctl_state_trash(struct lg_ctl_state *s, const char *topic, uint64_t now_us)
{
    /* The name may be the entry's own. */
    struct lg_ctl_trash trash = {lg_strdup(topic), now_us};

    s->generation++;
    lg_ctl_topic_free(lg_map_remove(s->topics, lg_slice_str(trash.topic)));
    LG_VEC_PUSH(&s->trash, trash);
}

void lg_ctl_state_untrash(struct lg_ctl_state *s, size_t i)
{
    assert(i < s->trash.size);
    lg_free(s->trash.data[i].topic);
    s->trash.size--;
    memmove(&s->trash.data[i], &s->trash.data[i + 1],
            (s->trash.size - i) * sizeof(s->trash.data[0]));
}

static char *copy_of(const char *text)
{
    return text == NULL ? NULL : lg_strdup(text);
}

struct lg_ctl_topic *lg_ctl_topic_copy(const struct lg_ctl_topic *t)
{
    struct lg_ctl_topic *copy = lg_new(struct lg_ctl_topic);

    *copy = *t;
    copy->name = lg_strdup(t->name);
    copy->store = lg_strdup(t->store);
    copy->push_job_id = lg_strdup(t->push_job_id);
    copy->details = copy_of(t->details);
    copy->pusher = copy_of(t->pusher);
    copy->deciding = false;
    copy->rates = NULL;
    lg_placement_copy(&copy->placement, &t->placement);
    return copy;
}

void lg_ctl_topic_settle(struct lg_ctl_topic *t, enum lg_push_status status, const char *details)
{
    char *copy = copy_of(details);

    t->status = status;
    lg_free(t->details);
    t->details = copy;
}

struct lg_json *lg_ctl_topic_push_json(const struct lg_ctl_topic *t)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "store", t->store);
    lg_json_set_int(json, "version", t->version);
    lg_json_set_str(json, "pushJobId", t->push_job_id);
    lg_json_set_str(json, "status", lg_push_status_name(t->status));
    lg_json_set_str(json, "details", t->details);
    lg_json_set_bool(json, "endOfPush", t->end_of_push);
    if (t->pusher != NULL)
        lg_json_set_str(json, "pusher", t->pusher);
    return json;
}

struct lg_json *lg_ctl_topic_assignment_json(const struct lg_ctl_topic *t)
{
    return lg_placement_to_json(&t->placement);
}

/* A store has no more partitions than LG_CONTROLLER_PARTITIONS_MAX, nor has a version. */
static enum lg_rc read_placement(const struct lg_json *assignment, struct lg_placement *out,
                                 struct lg_error *err)
{
    if (lg_json_size(lg_json_get(assignment, "partitions")) > LG_CONTROLLER_PARTITIONS_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA, "\"partitions\" is no list of at most %u",
                            LG_CONTROLLER_PARTITIONS_MAX);
    return lg_placement_from_json(assignment, out, err);
}

enum lg_rc lg_ctl_topic_from_json(const char *name, const struct lg_json *push,
                                  const struct lg_json *assignment, struct lg_ctl_topic **out,
                                  struct lg_error *err)
{
    LG_AUTO(lg_ctl_topic) *t = lg_new(struct lg_ctl_topic);
    const char *store = lg_json_get_str(push, "store", NULL);
    int64_t version = lg_json_get_int(push, "version", 0);

    if (store == NULL || version < 1 || version > INT32_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA, "\"store\" or \"version\" is missing");
    if (!lg_push_status_from_name(lg_slice_str(lg_json_get_str(push, "status", "")), &t->status))
        return lg_error_set(err, LG_ERR_BAD_DATA, "\"status\" '%.40s' is unknown",
                            lg_json_get_str(push, "status", ""));
    t->name = lg_strdup(name);
    t->store = lg_strdup(store);
    t->version = (int32_t)version;
    t->push_job_id = lg_strdup(lg_json_get_str(push, "pushJobId", ""));
    t->details = copy_of(lg_json_get_str(push, "details", NULL));
    t->end_of_push = lg_json_get_bool(push, "endOfPush", false);
    t->pusher = copy_of(lg_json_get_str(push, "pusher", NULL));
    t->report = (struct lg_ctl_report){.records = -1, .records_total = -1};
    if (lg_json_get(assignment, "partitions") != NULL &&
        read_placement(assignment, &t->placement, err) != LG_OK)
        return lg_error_wrap(err, "its assignment");
    *out = LG_TAKE(t);
    return LG_OK;
}
