/* The parsed state of the cluster. Things with a name stand in a directory each, which knows their
 * order; reports of replicas stand in two lists, that of their topic and that of their instance. */
#include "catalog/state.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "lane/mutant.h"
#include "model/placement.h"

struct entry {
    char *name;
    void *thing;
};

struct directory {
    struct lg_map *by_name; /* -> entry */
    LG_VEC(struct entry *) sorted;
    bool moved; /* A name came or went since it was sorted. */
};

struct topic {
    char *name;
    uint32_t partition_count; /* 0: it is not assigned */
    struct lg_list reports;
    struct lg_catalog_topic *built; /* NULL: to be built */
};

struct instance {
    char *id;
    bool live;
    struct lg_catalog_instance says; /* when it is live */
    uint32_t place;
    struct lg_list reports;
};

struct part { /* What a report says of one partition. */
    uint32_t partition;
    struct lg_catalog_replica replica;
};

struct report { /* What one instance says of its replicas of one topic. */
    struct lg_list of_topic, of_instance;
    struct topic *topic;
    struct instance *instance;
    LG_VEC(struct part) parts;
    char *wrong; /* NULL: nothing */
};

struct lg_catalog_state {
    /* Of struct lg_catalog_store, topic, instance, char (the URL), lg_catalog_controller. */
    struct directory stores, topics, instances, routers, controllers;
    struct lg_map *junk; /* paths */
    bool left_out;       /* The node that is put now makes no sense. */
    bool changed, instances_changed, stores_moved, topics_moved;
    uint64_t serial;
    /* Of the last snapshot. */
    struct lg_catalog_index *store_by_name, *deleted_by_name, *topic_by_name, *instance_by_id;
    struct lg_catalog_instances *live;
};

/* --- Directories. ------------------------------------------------------------------------------
 */

static void *directory_get(const struct directory *d, const char *name)
{
    const struct entry *e = lg_map_get(d->by_name, lg_slice_str(name));

    return e == NULL ? NULL : e->thing;
}

/* Returns what stood there. NULL removes. */
static void *directory_put(struct directory *d, const char *name, void *thing)
{
    struct entry *e = lg_map_get(d->by_name, lg_slice_str(name));
    void *before = e == NULL ? NULL : e->thing;

    if (e != NULL && thing != NULL) {
        e->thing = thing;
    } else if (e != NULL) {
        (void)lg_map_remove(d->by_name, lg_slice_str(name));
        lg_free(e->name);
        lg_free(e);
        d->moved = true;
    } else if (thing != NULL) {
        e = lg_new(struct entry);
        e->name = lg_strdup(name);
        e->thing = thing;
        (void)lg_map_put(d->by_name, lg_slice_str(name), e);
        d->moved = true;
    }
    return before;
}

static int by_entry_name(const void *a, const void *b)
{
    return strcmp((*(const struct entry *const *)a)->name, (*(const struct entry *const *)b)->name);
}

static void directory_sort(struct directory *d)
{
    struct lg_slice name;
    void *entry;
    size_t at = 0;

    if (!d->moved)
        return;
    d->moved = false;
    d->sorted.size = 0;
    while (lg_map_next(d->by_name, &at, &name, &entry))
        LG_VEC_PUSH(&d->sorted, entry);
    if (d->sorted.size > 0)
        qsort(d->sorted.data, d->sorted.size, sizeof(struct entry *), by_entry_name);
}

static void directory_done(struct directory *d, void (*thing_free)(void *thing))
{
    struct lg_slice name;
    void *value;
    size_t at = 0;

    while (lg_map_next(d->by_name, &at, &name, &value)) {
        struct entry *e = value;

        thing_free(e->thing);
        lg_free(e->name);
        lg_free(e);
    }
    lg_map_free(d->by_name);
    LG_VEC_DONE(&d->sorted);
}

static struct lg_catalog_index *index_new(void)
{
    struct lg_catalog_index *x = lg_new(struct lg_catalog_index);

    x->refs = 1;
    x->places = lg_map_new();
    return x;
}

static void index_put(struct lg_catalog_index *x, const char *name, size_t place)
{
    (void)lg_map_put(x->places, lg_slice_str(name), (void *)(uintptr_t)(place + 1));
}

/* --- Nodes that make no sense. -----------------------------------------------------------------
 */

/* It stops nobody: it is left out, counted, and told once until it makes sense again. */
static void leave_out(struct lg_catalog_state *s, const char *path, const char *reason)
{
    s->left_out = true;
    if (lg_map_put(s->junk, lg_slice_str(path), s) == NULL)
        lg_log(LG_LOG_ERROR, "catalog_node_unreadable", "path=%s reason=\"%s\"", path, reason);
}

static void makes_sense(struct lg_catalog_state *s, const char *path)
{
    if (lg_map_size(s->junk) > 0)
        (void)lg_map_remove(s->junk, lg_slice_str(path));
}

static const char *name_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

/* NULL: nothing is there, or nothing that makes sense. */
static struct lg_json *node_json(struct lg_catalog_state *s, const char *path,
                                 const struct lg_blob *value)
{
    struct lg_json *json = NULL;
    struct lg_error err = {0};

    if (value == NULL)
        return NULL;
    if (value->bytes.size == 0)
        leave_out(s, path, "it is empty");
    else if (lg_json_parse(value->bytes, &json, &err) != LG_OK)
        leave_out(s, path, err.text);
    return json;
}

/* --- Stores. -----------------------------------------------------------------------------------
 */

static void store_free(void *store)
{
    lg_catalog_store_unref(store);
}

static enum lg_rc parse_schemas(struct lg_catalog_store *s, struct lg_error *err)
{
    enum lg_rc rc = lg_schema_parse(lg_slice_str(s->store->key_schema), &s->key_schema, err);

    for (size_t i = 0; rc == LG_OK && i < s->store->value_schemas.size; i++) {
        struct lg_catalog_value_schema value = {s->store->value_schemas.data[i].id, NULL};

        rc =
            lg_schema_parse(lg_slice_str(s->store->value_schemas.data[i].text), &value.schema, err);
        if (rc == LG_OK)
            LG_VEC_PUSH(&s->value_schemas, value);
    }
    return rc;
}

static struct lg_catalog_store *store_parse(struct lg_catalog_state *state, const char *path,
                                            const struct lg_blob *value)
{
    struct lg_catalog_store *s;
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = {0};
    enum lg_rc rc;

    if (value == NULL || value->bytes.size == 0)
        return NULL;
    s = lg_new(struct lg_catalog_store);
    s->refs = 1;
    s->text = lg_blob_new(value->bytes);
    rc = lg_json_parse(value->bytes, &json, &err);
    if (rc == LG_OK)
        rc = lg_store_from_json(json, &s->store, &err);
    if (rc == LG_OK)
        rc = parse_schemas(s, &err);
    if (rc == LG_OK)
        return s;
    leave_out(state, path, err.text);
    lg_catalog_store_unref(s);
    return NULL;
}

static bool is_deleted(const struct lg_catalog_store *s)
{
    return s->store->deleted_ms != 0 && !lg_mutant(LG_MUTANT_deleted_store_served);
}

static void put_store(struct lg_catalog_state *s, const char *path, const struct lg_blob *value)
{
    const char *name = name_of(path);
    struct lg_catalog_store *before = directory_get(&s->stores, name), *now;

    if (before != NULL && value != NULL && lg_slice_eq(before->text->bytes, value->bytes))
        return;
    now = store_parse(s, path, value);
    if (before == NULL || now == NULL || is_deleted(before) != is_deleted(now))
        s->stores_moved = true;
    lg_catalog_store_unref(directory_put(&s->stores, name, now));
}

/* --- Routers and controllers. ------------------------------------------------------------------
 */

static char *text_of(const struct lg_json *json, const char *key)
{
    return lg_strdup(lg_json_get_str(json, key, ""));
}

static void text_free(void *text)
{
    lg_free(text);
}

static void put_router(struct lg_catalog_state *s, const char *path, const struct lg_blob *value)
{
    LG_AUTO(lg_json) *json = node_json(s, path, value);
    const char *url = lg_json_get_str(json, "url", NULL);

    if (json != NULL && url == NULL)
        leave_out(s, path, "no \"url\"");
    text_free(directory_put(&s->routers, name_of(path), url == NULL ? NULL : lg_strdup(url)));
}

static void controller_free(void *controller)
{
    struct lg_catalog_controller *c = controller;

    if (c == NULL)
        return;
    lg_free(c->id);
    lg_free(c->url);
    lg_free(c->release);
    lg_free(c);
}

static void put_controller(struct lg_catalog_state *s, const char *path,
                           const struct lg_blob *value)
{
    LG_AUTO(lg_json) *json = node_json(s, path, value);
    const char *url = lg_json_get_str(json, "url", NULL);
    struct lg_catalog_controller *c = NULL;

    if (json != NULL && url == NULL)
        leave_out(s, path, "no \"url\"");
    if (url != NULL) {
        c = lg_new(struct lg_catalog_controller);
        *c = (struct lg_catalog_controller){lg_strdup(name_of(path)), lg_strdup(url),
                                            text_of(json, "release")};
    }
    controller_free(directory_put(&s->controllers, name_of(path), c));
}

/* --- Instances. --------------------------------------------------------------------------------
 */

static struct instance *instance_of(struct lg_catalog_state *s, const char *id)
{
    struct instance *i = directory_get(&s->instances, id);

    if (i != NULL)
        return i;
    i = lg_new(struct instance);
    i->id = lg_strdup(id);
    lg_list_init(&i->reports);
    (void)directory_put(&s->instances, id, i);
    return i;
}

static void instance_silence(struct instance *i)
{
    lg_free(i->says.id);
    lg_free(i->says.host);
    lg_free(i->says.zone);
    lg_free(i->says.identity);
    lg_free(i->says.release);
    i->says = (struct lg_catalog_instance){0};
    i->live = false;
}

static void instance_free(void *instance)
{
    struct instance *i = instance;

    instance_silence(i);
    lg_free(i->id);
    lg_free(i);
}

static void instance_end_if_unused(struct lg_catalog_state *s, struct instance *i)
{
    if (i->live || !lg_list_empty(&i->reports))
        return;
    (void)directory_put(&s->instances, i->id, NULL);
    instance_free(i);
}

static void put_instance(struct lg_catalog_state *s, const char *path, const struct lg_blob *value)
{
    LG_AUTO(lg_json) *json = node_json(s, path, value);
    const char *host = lg_json_get_str(json, "host", NULL);
    int64_t port = lg_json_get_int(json, "port", 0);
    struct instance *i = instance_of(s, name_of(path));

    s->instances_changed = true;
    instance_silence(i);
    if (json != NULL && host != NULL && port >= 1 && port <= UINT16_MAX) {
        i->live = true;
        i->says = (struct lg_catalog_instance){
            .id = lg_strdup(i->id),
            .host = lg_strdup(host),
            .port = (uint16_t)port,
            .zone = text_of(json, "zone"),
            .identity = text_of(json, "identity"),
            .release = text_of(json, "release"),
        };
    } else if (json != NULL) {
        leave_out(s, path, "no \"host\" or no \"port\"");
    }
    instance_end_if_unused(s, i);
}

/* --- Topics and reports. -----------------------------------------------------------------------
 */

static struct topic *topic_of(struct lg_catalog_state *s, const char *name)
{
    struct topic *t = directory_get(&s->topics, name);

    if (t != NULL)
        return t;
    t = lg_new(struct topic);
    t->name = lg_strdup(name);
    lg_list_init(&t->reports);
    (void)directory_put(&s->topics, name, t);
    return t;
}

static void topic_changed(struct topic *t)
{
    lg_catalog_topic_unref(t->built);
    t->built = NULL;
}

static void topic_free(void *topic)
{
    struct topic *t = topic;

    topic_changed(t);
    lg_free(t->name);
    lg_free(t);
}

static void topic_end_if_unused(struct lg_catalog_state *s, struct topic *t)
{
    if (t->partition_count > 0 || !lg_list_empty(&t->reports))
        return;
    (void)directory_put(&s->topics, t->name, NULL);
    topic_free(t);
}

static void put_assignment(struct lg_catalog_state *s, const char *path,
                           const struct lg_blob *value)
{
    LG_AUTO(lg_json) *json = node_json(s, path, value);
    size_t partitions = lg_json_size(lg_json_get(json, "partitions"));
    struct topic *t = topic_of(s, name_of(path));

    if (partitions > UINT16_MAX)
        partitions = 0;
    if (json != NULL && partitions == 0)
        leave_out(s, path, "no \"partitions\"");
    if (partitions != t->partition_count) {
        s->topics_moved |= partitions == 0 || t->partition_count == 0;
        t->partition_count = (uint32_t)partitions;
        topic_changed(t);
    }
    topic_end_if_unused(s, t);
}

static void report_wrong(struct report *r, const char *reason)
{
    if (r->wrong == NULL)
        r->wrong = lg_strdup(reason);
}

static bool read_part(struct report *r, const char *key, const struct lg_json *json)
{
    struct lg_replica_report said;
    struct lg_error ignored;
    uint64_t number;
    struct part part;

    if (!lg_parse_u64(lg_slice_str(key), UINT16_MAX, &number) ||
        lg_replica_report_from_json(json, &said, &ignored) != LG_OK)
        return false;
    part = (struct part){
        .partition = (uint32_t)number,
        .replica = {.status = said.status,
                    .state = said.state,
                    .records = said.records,
                    .bytes = said.bytes,
                    .term = said.term,
                    .reset = said.reset,
                    .error = said.error == NULL ? NULL : lg_strdup(said.error)},
    };
    LG_VEC_PUSH(&r->parts, part);
    return true;
}

static void report_read(struct report *r, const struct lg_blob *value)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = {0};
    const char *key;
    struct lg_json *said;
    size_t i = 0;

    if (value->bytes.size == 0)
        report_wrong(r, "it is empty");
    else if (lg_json_parse(value->bytes, &json, &err) != LG_OK)
        report_wrong(r, err.text);
    else if (lg_json_type(json) != LG_JSON_OBJECT)
        report_wrong(r, "it is no JSON object");
    while (json != NULL && lg_json_next(json, &i, &key, &said))
        if (!read_part(r, key, said))
            report_wrong(r, "a replica of no partition, or without a known status");
    if (r->parts.size > 0) { /* There are a hundred thousand of them: no room to spare. */
        r->parts.data = lg_realloc(r->parts.data, r->parts.size * sizeof(struct part));
        r->parts.capacity = r->parts.size;
    }
}

static void report_clear(struct report *r)
{
    for (size_t i = 0; i < r->parts.size; i++)
        lg_free(r->parts.data[i].replica.error);
    LG_VEC_DONE(&r->parts);
    lg_free(r->wrong);
    r->wrong = NULL;
}

static void report_free(struct report *r)
{
    report_clear(r);
    lg_list_remove(&r->of_topic);
    lg_list_remove(&r->of_instance);
    lg_free(r);
}

static struct report *report_of(struct topic *t, struct instance *i)
{
    LG_LIST_EACH(it, &t->reports)
    {
        struct report *r = LG_CONTAINER_OF(it, struct report, of_topic);

        if (r->instance == i)
            return r;
    }
    return NULL;
}

static char *report_path(const struct report *r)
{
    return lg_strf("/replicas/%s/%s", r->topic->name, r->instance->id);
}

/* "/replicas/<topic>/<instance>" */
static void put_report(struct lg_catalog_state *s, const char *path, const struct lg_blob *value)
{
    const char *begin = path + strlen("/replicas/"), *id = name_of(path);
    LG_AUTO_STR char *name = lg_strf("%.*s", (int)LG_MAX(id - begin - 1, 0), begin);
    struct topic *t;
    struct instance *i;
    struct report *r;

    if (id == begin)
        return; /* The parent of reports. */
    t = topic_of(s, name);
    i = instance_of(s, id);
    r = report_of(t, i);
    if (r == NULL && value != NULL) {
        r = lg_new(struct report);
        r->topic = t;
        r->instance = i;
        lg_list_push_back(&t->reports, &r->of_topic);
        lg_list_push_back(&i->reports, &r->of_instance);
    }
    if (r != NULL) {
        report_clear(r);
        topic_changed(t);
        if (value != NULL)
            report_read(r, value);
        else
            report_free(r);
    }
    topic_end_if_unused(s, t);
    instance_end_if_unused(s, i);
}

void lg_catalog_state_reports(const struct lg_catalog_state *s, const char *instance,
                              void (*each)(void *ctx, const char *path), void *ctx)
{
    const struct instance *i = directory_get(&s->instances, instance);

    if (i == NULL)
        return;
    for (const struct lg_list *it = i->reports.next; it != &i->reports; it = it->next) {
        LG_AUTO_STR char *path = report_path(LG_CONTAINER_OF(it, struct report, of_instance));

        each(ctx, path);
    }
}

/* --- Building. ---------------------------------------------------------------------------------
 */

static int by_place(const void *a, const void *b)
{
    uint32_t x = (*(struct report *const *)a)->instance->place;
    uint32_t y = (*(struct report *const *)b)->instance->place;

    return x < y ? -1 : x > y;
}

/* Reports of live instances, by their places: `out` is the caller's to free. */
static size_t live_reports(struct topic *t, struct report ***out)
{
    LG_VEC(struct report *) live = {0};

    LG_LIST_EACH(it, &t->reports)
    {
        struct report *r = LG_CONTAINER_OF(it, struct report, of_topic);

        if (r->instance->live)
            LG_VEC_PUSH(&live, r);
    }
    if (live.size > 1)
        qsort(live.data, live.size, sizeof(struct report *), by_place);
    *out = live.data;
    return live.size;
}

/* What a report says of no partition is known only together with the assignment. */
static void judge_report(struct lg_catalog_state *s, const struct report *r)
{
    LG_AUTO_STR char *path = NULL;
    const char *wrong = r->wrong;

    for (size_t i = 0; wrong == NULL && i < r->parts.size; i++)
        if (r->parts.data[i].partition >= r->topic->partition_count)
            wrong = "a replica of no partition, or without a known status";
    if (wrong == NULL && lg_map_size(s->junk) == 0)
        return;
    path = report_path(r);
    if (wrong == NULL)
        makes_sense(s, path);
    else
        leave_out(s, path, wrong);
}

/* Counts, then gives each partition its part of one array. */
static void make_room(struct lg_catalog_topic *built, struct report **reports, size_t n)
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < reports[i]->parts.size; k++) {
            uint32_t p = reports[i]->parts.data[k].partition;

            if (p < built->partition_count && built->partitions[p].count < LG_CATALOG_REPLICAS_MAX)
                built->partitions[p].count++;
        }
    for (uint32_t p = 0; p < built->partition_count; p++)
        sum += built->partitions[p].count;
    built->replicas = sum == 0 ? NULL : lg_new_array(struct lg_catalog_replica, sum);
    sum = 0;
    for (uint32_t p = 0; p < built->partition_count; p++) {
        built->partitions[p].replicas = built->replicas == NULL ? NULL : built->replicas + sum;
        sum += built->partitions[p].count;
        built->partitions[p].count = 0;
    }
}

static void add_replica(struct lg_catalog_topic *built, const struct report *r,
                        const struct part *part)
{
    struct lg_catalog_partition *partition = &built->partitions[part->partition];
    struct lg_catalog_replica *replica;

    if (partition->count == LG_CATALOG_REPLICAS_MAX)
        return;
    replica = &partition->replicas[partition->count++];
    *replica = part->replica;
    replica->instance = r->instance->place;
    if (replica->error != NULL)
        replica->error = lg_strdup(replica->error);
}

static void build_topic(struct lg_catalog_state *s, struct topic *t)
{
    struct lg_catalog_topic *built = lg_new(struct lg_catalog_topic);
    struct report **reports;
    size_t n = live_reports(t, &reports);

    built->refs = 1;
    built->name = lg_strdup(t->name);
    built->partition_count = t->partition_count;
    built->partitions = lg_new_array(struct lg_catalog_partition, t->partition_count);
    make_room(built, reports, n);
    for (size_t i = 0; i < n; i++) {
        judge_report(s, reports[i]);
        for (size_t k = 0; k < reports[i]->parts.size; k++)
            if (reports[i]->parts.data[k].partition < t->partition_count)
                add_replica(built, reports[i], &reports[i]->parts.data[k]);
    }
    lg_free(reports);
    t->built = built;
}

/* The live instances, in an array of their own; when their places moved, all topics are stale. */
static void renew_instances(struct lg_catalog_state *s)
{
    struct lg_catalog_instances *now;
    struct lg_catalog_index *index;
    bool moved;

    if (!s->instances_changed)
        return;
    s->instances_changed = false;
    directory_sort(&s->instances);
    now = lg_new(struct lg_catalog_instances);
    now->refs = 1;
    index = index_new();
    for (size_t i = 0; i < s->instances.sorted.size; i++) {
        struct instance *one = s->instances.sorted.data[i]->thing;
        const struct lg_catalog_instance *says = &one->says;

        if (!one->live)
            continue;
        one->place = (uint32_t)now->list.size;
        index_put(index, one->id, one->place);
        LG_VEC_PUSH(&now->list, (struct lg_catalog_instance){
                                    .id = lg_strdup(says->id),
                                    .host = lg_strdup(says->host),
                                    .port = says->port,
                                    .zone = lg_strdup(says->zone),
                                    .identity = lg_strdup(says->identity),
                                    .release = lg_strdup(says->release),
                                });
    }
    moved = s->live == NULL || s->live->list.size != now->list.size;
    for (size_t i = 0; !moved && i < now->list.size; i++)
        moved = strcmp(s->live->list.data[i].id, now->list.data[i].id) != 0;
    lg_catalog_instances_unref(s->live);
    lg_catalog_index_unref(s->instance_by_id);
    s->live = now;
    s->instance_by_id = index;
    directory_sort(&s->topics);
    for (size_t i = 0; moved && i < s->topics.sorted.size; i++)
        topic_changed(s->topics.sorted.data[i]->thing);
}

static void add_stores(struct lg_catalog_state *s, struct lg_catalog_snapshot *out)
{
    bool moved = s->stores_moved || s->store_by_name == NULL;

    directory_sort(&s->stores);
    if (moved) {
        lg_catalog_index_unref(s->store_by_name);
        lg_catalog_index_unref(s->deleted_by_name);
        s->store_by_name = index_new();
        s->deleted_by_name = index_new();
    }
    s->stores_moved = false;
    for (size_t i = 0; i < s->stores.sorted.size; i++) {
        const struct entry *e = s->stores.sorted.data[i];
        struct lg_catalog_store *store = e->thing;

        store->refs++;
        if (is_deleted(store)) {
            LG_VEC_PUSH(&out->deleted, store);
            if (moved)
                index_put(s->deleted_by_name, e->name, out->deleted.size - 1);
        } else {
            LG_VEC_PUSH(&out->stores, store);
            out->disabled += !store->store->enable_reads;
            if (moved)
                index_put(s->store_by_name, e->name, out->stores.size - 1);
        }
    }
}

static void add_topics(struct lg_catalog_state *s, struct lg_catalog_snapshot *out)
{
    bool moved = s->topics_moved || s->topic_by_name == NULL;

    directory_sort(&s->topics);
    if (moved) {
        lg_catalog_index_unref(s->topic_by_name);
        s->topic_by_name = index_new();
    }
    s->topics_moved = false;
    for (size_t i = 0; i < s->topics.sorted.size; i++) {
        struct topic *t = s->topics.sorted.data[i]->thing;

        if (t->partition_count == 0)
            continue;
        if (t->built == NULL)
            build_topic(s, t);
        t->built->refs++;
        LG_VEC_PUSH(&out->topics, t->built);
        if (moved)
            index_put(s->topic_by_name, t->name, out->topics.size - 1);
    }
}

static void add_peers(struct lg_catalog_state *s, struct lg_catalog_snapshot *out)
{
    directory_sort(&s->routers);
    for (size_t i = 0; i < s->routers.sorted.size; i++)
        LG_VEC_PUSH(&out->routers, lg_strdup(s->routers.sorted.data[i]->thing));
    directory_sort(&s->controllers);
    for (size_t i = 0; i < s->controllers.sorted.size; i++) {
        const struct lg_catalog_controller *c = s->controllers.sorted.data[i]->thing;

        LG_VEC_PUSH(&out->controllers,
                    (struct lg_catalog_controller){lg_strdup(c->id), lg_strdup(c->url),
                                                   lg_strdup(c->release)});
    }
}

static struct lg_catalog_index *index_ref(struct lg_catalog_index *x)
{
    x->refs++;
    return x;
}

struct lg_catalog_snapshot *lg_catalog_state_snapshot(struct lg_catalog_state *s)
{
    struct lg_catalog_snapshot *out = lg_new(struct lg_catalog_snapshot);

    out->refs = 1;
    out->serial = ++s->serial;
    renew_instances(s);
    add_stores(s, out);
    add_topics(s, out);
    add_peers(s, out);
    s->live->refs++;
    out->shared_instances = s->live;
    out->instances.data = s->live->list.data;
    out->instances.size = out->instances.capacity = s->live->list.size;
    out->store_by_name = index_ref(s->store_by_name);
    out->deleted_by_name = index_ref(s->deleted_by_name);
    out->topic_by_name = index_ref(s->topic_by_name);
    out->instance_by_id = index_ref(s->instance_by_id);
    out->junk = lg_map_size(s->junk);
    s->changed = false;
    return out;
}

/* --- The whole. --------------------------------------------------------------------------------
 */

void lg_catalog_state_put(struct lg_catalog_state *s, enum lg_catalog_root root, const char *path,
                          const struct lg_blob *value)
{
    static void (*const put[LG_CATALOG_ROOTS])(struct lg_catalog_state *, const char *,
                                               const struct lg_blob *) = {
        [LG_CATALOG_STORES] = put_store,          [LG_CATALOG_INSTANCES] = put_instance,
        [LG_CATALOG_ASSIGNMENT] = put_assignment, [LG_CATALOG_REPLICAS] = put_report,
        [LG_CATALOG_ROUTERS] = put_router,        [LG_CATALOG_CONTROLLERS] = put_controller,
    };

    s->changed = true;
    s->left_out = false;
    put[root](s, path, value);
    /* A report that is there is judged together with its topic. */
    if (!s->left_out && (root != LG_CATALOG_REPLICAS || value == NULL))
        makes_sense(s, path);
}

bool lg_catalog_state_changed(const struct lg_catalog_state *s)
{
    return s->changed;
}

struct lg_catalog_state *lg_catalog_state_new(void)
{
    struct lg_catalog_state *s = lg_new(struct lg_catalog_state);

    s->stores.by_name = lg_map_new();
    s->topics.by_name = lg_map_new();
    s->instances.by_name = lg_map_new();
    s->routers.by_name = lg_map_new();
    s->controllers.by_name = lg_map_new();
    s->junk = lg_map_new();
    s->changed = s->instances_changed = true; /* Nothing is something to tell, too. */
    return s;
}

static void free_topic_and_reports(void *topic)
{
    struct topic *t = topic;

    LG_LIST_EACH(it, &t->reports)
    report_free(LG_CONTAINER_OF(it, struct report, of_topic));
    topic_free(t);
}

void lg_catalog_state_free(struct lg_catalog_state *s)
{
    directory_done(&s->stores, store_free);
    directory_done(&s->topics, free_topic_and_reports); /* Before the instances of the reports. */
    directory_done(&s->instances, instance_free);
    directory_done(&s->routers, text_free);
    directory_done(&s->controllers, controller_free);
    lg_map_free(s->junk);
    lg_catalog_index_unref(s->store_by_name);
    lg_catalog_index_unref(s->deleted_by_name);
    lg_catalog_index_unref(s->topic_by_name);
    lg_catalog_index_unref(s->instance_by_id);
    lg_catalog_instances_unref(s->live);
    lg_free(s);
}
