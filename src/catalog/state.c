/* The parsed state of the cluster, node by node. Things with a name stand in a directory each;
 * reports of replicas stand in two lists, that of their topic and that of their instance. */
#include "catalog/state_impl.h"

#include "base/log.h"
#include "base/str.h"
#include "lane/mutant.h"
#include "model/placement.h"

#define JUNK_TOLD_MAX 5u /* paths in one sentence */
#define UNREADABLE_MAX 100u

/* --- Nodes that make no sense. -----------------------------------------------------------------
 */

void lg_catalog_state_leave_out(struct lg_catalog_state *s, const char *path, const char *reason)
{
    s->left_out = true;
    if (lg_map_put(s->junk, lg_slice_str(path), s) == NULL)
        lg_log(LG_LOG_ERROR, "catalog_node_unreadable", "path=%s reason=\"%s\"", path, reason);
}

void lg_catalog_state_makes_sense(struct lg_catalog_state *s, const char *path)
{
    if (lg_map_size(s->junk) > 0)
        (void)lg_map_remove(s->junk, lg_slice_str(path));
}

void lg_catalog_state_tell_junk(const struct lg_catalog_state *s, struct lg_buf *out)
{
    size_t at = 0, told = 0;
    struct lg_slice path;
    void *ignored;

    while (told < JUNK_TOLD_MAX && lg_map_next(s->junk, &at, &path, &ignored))
        lg_buf_appendf(out, "%s%.*s", told++ == 0 ? "" : ", ", LG_FMT(path));
    if (lg_map_size(s->junk) > told)
        lg_buf_appendf(out, " and %zu more", lg_map_size(s->junk) - told);
}

void lg_catalog_state_add_unreadable(const struct lg_catalog_state *s,
                                     struct lg_catalog_snapshot *out)
{
    static const char stores[] = "/stores/";
    size_t at = 0;
    struct lg_slice path;
    void *ignored;

    while (out->unreadable.size < UNREADABLE_MAX && lg_map_next(s->junk, &at, &path, &ignored)) {
        struct lg_slice name = lg_slice_skip(path, sizeof stores - 1);
        LG_AUTO_STR char *text = lg_strf("%.*s", LG_FMT(name));

        if (lg_slice_starts(path, LG_LIT(stores)) && lg_directory_get(&s->stores, text) == NULL)
            LG_VEC_PUSH(&out->unreadable, LG_TAKE(text));
    }
}

/* The node that is put now makes no sense, and a former value of it did: that one counts on. A
 * mistake at one node is no reason to take away what is read. */
static bool keeps_former(const struct lg_catalog_state *s, bool has_former)
{
    return s->left_out && has_former;
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
        lg_catalog_state_leave_out(s, path, "it is empty");
    else if (lg_json_parse(value->bytes, &json, &err) != LG_OK)
        lg_catalog_state_leave_out(s, path, err.text);
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

    if (value == NULL)
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
    lg_catalog_state_leave_out(state, path, err.text);
    lg_catalog_store_unref(s);
    return NULL;
}

bool lg_catalog_store_is_deleted(const struct lg_catalog_store *s)
{
    return s->store->deleted_ms != 0 && !lg_mutant(LG_MUTANT_deleted_store_served);
}

static void put_store(struct lg_catalog_state *s, const char *path, const struct lg_blob *value)
{
    const char *name = name_of(path);
    struct lg_catalog_store *before = lg_directory_get(&s->stores, name), *now;

    if (before != NULL && value != NULL && lg_slice_eq(before->text->bytes, value->bytes))
        return;
    now = store_parse(s, path, value);
    if (keeps_former(s, before != NULL))
        return;
    if (before == NULL || now == NULL ||
        lg_catalog_store_is_deleted(before) != lg_catalog_store_is_deleted(now))
        s->stores_moved = true;
    lg_catalog_store_unref(lg_directory_put(&s->stores, name, now));
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
        lg_catalog_state_leave_out(s, path, "no \"url\"");
    text_free(lg_directory_put(&s->routers, name_of(path), url == NULL ? NULL : lg_strdup(url)));
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
        lg_catalog_state_leave_out(s, path, "no \"url\"");
    if (url != NULL) {
        c = lg_new(struct lg_catalog_controller);
        *c = (struct lg_catalog_controller){lg_strdup(name_of(path)), lg_strdup(url),
                                            text_of(json, "release")};
    }
    controller_free(lg_directory_put(&s->controllers, name_of(path), c));
}

/* --- Settings of the cluster. ------------------------------------------------------------------
 */

/* "/settings/clients"; others are of later releases. A word that is not known is left out: the last
 * one that was counts on. */
static void put_settings(struct lg_catalog_state *s, const char *path, const struct lg_blob *value)
{
    LG_AUTO(lg_json) *json = NULL;
    enum lg_client_protocols protocols;

    if (strcmp(name_of(path), "clients") != 0)
        return;
    json = node_json(s, path, value);
    if (value == NULL)
        s->client_protocols = LG_CLIENTS_BOTH;
    else if (json == NULL)
        return;
    else if (lg_client_protocols_from_name(lg_slice_str(lg_json_get_str(json, "protocols", "")),
                                           &protocols) &&
             protocols != LG_CLIENTS_CLUSTER)
        s->client_protocols = protocols;
    else
        lg_catalog_state_leave_out(s, path, "\"protocols\" is none of both, grpc and http");
}

/* --- Instances. --------------------------------------------------------------------------------
 */

static struct lg_instance_state *instance_of(struct lg_catalog_state *s, const char *id)
{
    struct lg_instance_state *i = lg_directory_get(&s->instances, id);

    if (i != NULL)
        return i;
    i = lg_new(struct lg_instance_state);
    i->id = lg_strdup(id);
    i->life = lg_strdup("");
    lg_list_init(&i->reports);
    (void)lg_directory_put(&s->instances, id, i);
    return i;
}

static void instance_forget(struct lg_instance_state *i)
{
    lg_free(i->says.id);
    lg_free(i->says.host);
    lg_free(i->says.zone);
    lg_free(i->says.identity);
    lg_free(i->says.release);
    i->says = (struct lg_catalog_instance){0};
}

static void instance_free(void *instance)
{
    struct lg_instance_state *i = instance;

    instance_forget(i);
    lg_free(i->life);
    lg_free(i->id);
    lg_free(i);
}

void lg_instance_state_end_if_unused(struct lg_catalog_state *s, struct lg_instance_state *i)
{
    if (i->live || !lg_list_empty(&i->reports))
        return;
    (void)lg_directory_put(&s->instances, i->id, NULL);
    instance_free(i);
}

/* Only a process that names its life is known to be the one from before. */
static void announced(struct lg_catalog_state *s, struct lg_instance_state *i,
                      const struct lg_json *json)
{
    const char *life = lg_json_get_str(json, "life", "");

    if (life[0] == '\0' || strcmp(life, i->life) != 0) {
        i->lives++;
        lg_instance_state_forget_held(s, i);
    }
    lg_free(i->life);
    i->life = lg_strdup(life);
    i->live = true;
    instance_forget(i);
    i->says = (struct lg_catalog_instance){
        .id = lg_strdup(i->id),
        .host = text_of(json, "host"),
        .port = (uint16_t)lg_json_get_int(json, "port", 0),
        .zone = text_of(json, "zone"),
        .identity = text_of(json, "identity"),
        .release = text_of(json, "release"),
        .grpc_port = (uint16_t)lg_json_get_int(json, "grpcPort", 0),
        .disk_low = lg_json_get_bool(json, "diskLow", false),
    };
}

static void put_instance(struct lg_catalog_state *s, const char *path, const struct lg_blob *value)
{
    LG_AUTO(lg_json) *json = node_json(s, path, value);
    int64_t port = lg_json_get_int(json, "port", 0);
    struct lg_instance_state *i = instance_of(s, name_of(path));
    bool good = json != NULL && lg_json_get_str(json, "host", NULL) != NULL && port >= 1 &&
                port <= UINT16_MAX;

    if (json != NULL && !good)
        lg_catalog_state_leave_out(s, path, "no \"host\" or no \"port\"");
    if (keeps_former(s, i->live))
        return;
    s->instances_changed = true;
    i->live = false;
    if (good)
        announced(s, i, json);
    lg_instance_state_end_if_unused(s, i);
}

/* --- Topics and reports. -----------------------------------------------------------------------
 */

static struct lg_topic_state *topic_of(struct lg_catalog_state *s, const char *name)
{
    struct lg_topic_state *t = lg_directory_get(&s->topics, name);

    if (t != NULL)
        return t;
    t = lg_new(struct lg_topic_state);
    t->name = lg_strdup(name);
    lg_list_init(&t->reports);
    (void)lg_directory_put(&s->topics, name, t);
    return t;
}

void lg_topic_state_changed(struct lg_topic_state *t)
{
    lg_catalog_topic_unref(t->built);
    t->built = NULL;
}

static void topic_free(void *topic)
{
    struct lg_topic_state *t = topic;

    lg_topic_state_changed(t);
    lg_blob_unref(t->assignment);
    lg_free(t->name);
    lg_free(t);
}

void lg_topic_state_end_if_unused(struct lg_catalog_state *s, struct lg_topic_state *t)
{
    if (t->partition_count > 0 || !lg_list_empty(&t->reports))
        return;
    (void)lg_directory_put(&s->topics, t->name, NULL);
    topic_free(t);
}

/* Who may be asked for a report that is held stands there. */
static void keep_assignment(struct lg_catalog_state *s, struct lg_topic_state *t,
                            const struct lg_blob *value)
{
    if (s->lane == NULL)
        return;
    s->instances_changed |= (t->assignment == NULL) != (value == NULL);
    lg_blob_unref(t->assignment);
    t->assignment = value == NULL ? NULL : lg_blob_new(value->bytes);
    if (value == NULL)
        lg_topic_state_forget_held(s, t);
    LG_LIST_EACH(it, &t->reports)
    if (lg_report_is_last_resort(LG_CONTAINER_OF(it, struct lg_report, of_topic)))
        lg_topic_state_changed(t);
}

static void put_assignment(struct lg_catalog_state *s, const char *path,
                           const struct lg_blob *value)
{
    LG_AUTO(lg_json) *json = node_json(s, path, value);
    size_t partitions = lg_json_size(lg_json_get(json, "partitions"));
    struct lg_topic_state *t = topic_of(s, name_of(path));

    if (partitions > UINT16_MAX)
        partitions = 0;
    if (json != NULL && partitions == 0)
        lg_catalog_state_leave_out(s, path, "no \"partitions\"");
    if (keeps_former(s, t->partition_count > 0))
        return;
    if (partitions != t->partition_count) {
        s->topics_moved |= partitions == 0 || t->partition_count == 0;
        t->partition_count = (uint32_t)partitions;
        lg_topic_state_changed(t);
    }
    keep_assignment(s, t, partitions > 0 ? value : NULL);
    lg_topic_state_end_if_unused(s, t);
}

static void report_wrong(struct lg_report *r, const char *reason)
{
    if (r->wrong == NULL)
        r->wrong = lg_strdup(reason);
}

static bool read_part(struct lg_report *r, const char *key, const struct lg_json *json)
{
    struct lg_replica_report said;
    struct lg_error ignored;
    uint64_t number;
    struct lg_report_part part;

    if (!lg_parse_u64(lg_slice_str(key), UINT16_MAX, &number) ||
        lg_replica_report_from_json(json, &said, &ignored) != LG_OK)
        return false;
    part = (struct lg_report_part){
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

/* NULL: nobody can tell what it says, and why is told. */
static struct lg_json *report_json(struct lg_report *r, const struct lg_blob *value)
{
    struct lg_json *json = NULL;
    struct lg_error err = {0};

    if (value->bytes.size == 0) {
        report_wrong(r, "it is empty");
    } else if (lg_json_parse(value->bytes, &json, &err) != LG_OK) {
        report_wrong(r, err.text);
    } else if (lg_json_type(json) != LG_JSON_OBJECT) {
        report_wrong(r, "it is no JSON object");
        lg_json_unref(LG_TAKE(json));
    }
    return json;
}

static void report_read(struct lg_report *r, const struct lg_json *json)
{
    const char *key;
    struct lg_json *said;
    size_t i = 0;

    while (lg_json_next(json, &i, &key, &said))
        if (!read_part(r, key, said))
            report_wrong(r, "a replica of no partition, or without a known status");
    if (r->parts.size > 0) { /* There are a hundred thousand of them: no room to spare. */
        r->parts.data = lg_realloc(r->parts.data, r->parts.size * sizeof(struct lg_report_part));
        r->parts.capacity = r->parts.size;
    }
}

static void report_clear(struct lg_report *r)
{
    for (size_t i = 0; i < r->parts.size; i++)
        lg_free(r->parts.data[i].replica.error);
    LG_VEC_DONE(&r->parts);
    lg_free(r->wrong);
    r->wrong = NULL;
}

void lg_report_free(struct lg_report *r)
{
    assert(!r->held);
    report_clear(r);
    lg_list_remove(&r->of_topic);
    lg_list_remove(&r->of_instance);
    lg_free(r);
}

static struct lg_report *report_of(struct lg_topic_state *t, struct lg_instance_state *i)
{
    LG_LIST_EACH(it, &t->reports)
    {
        struct lg_report *r = LG_CONTAINER_OF(it, struct lg_report, of_topic);

        if (r->instance == i)
            return r;
    }
    return NULL;
}

char *lg_report_path(const struct lg_report *r)
{
    return lg_strf("/replicas/%s/%s", r->topic->name, r->instance->id);
}

/* "/replicas/<topic>/<instance>" */
static void put_report(struct lg_catalog_state *s, const char *path, const struct lg_blob *value)
{
    const char *begin = path + strlen("/replicas/"), *id = name_of(path);
    LG_AUTO_STR char *name = lg_strf("%.*s", (int)LG_MAX(id - begin - 1, 0), begin);
    struct lg_topic_state *t;
    struct lg_instance_state *i;
    struct lg_report *r;

    if (id == begin)
        return; /* The parent of reports. */
    t = topic_of(s, name);
    i = instance_of(s, id);
    r = report_of(t, i);
    if (r == NULL && value != NULL) {
        r = lg_new(struct lg_report);
        r->topic = t;
        r->instance = i;
        lg_list_init(&r->of_held);
        lg_list_push_back(&t->reports, &r->of_topic);
        lg_list_push_back(&i->reports, &r->of_instance);
    }
    if (r != NULL)
        lg_topic_state_changed(t);
    if (r != NULL && value != NULL) {
        LG_AUTO(lg_json) *json = report_json(r, value);

        lg_report_release(s, r);
        if (json != NULL) { /* Else what it said before counts on: its server puts it right. */
            report_clear(r);
            report_read(r, json);
        }
        r->life = i->lives;
        s->instances_changed |= !i->live; /* It may be their last resort. */
    } else if (r != NULL && !r->held && !lg_report_hold(s, r)) {
        lg_report_free(r);
    }
    lg_topic_state_end_if_unused(s, t);
    lg_instance_state_end_if_unused(s, i);
}

void lg_catalog_state_reports(const struct lg_catalog_state *s, const char *instance,
                              void (*each)(void *ctx, const char *path), void *ctx)
{
    const struct lg_instance_state *i = lg_directory_get(&s->instances, instance);

    if (i == NULL)
        return;
    for (const struct lg_list *it = i->reports.next; it != &i->reports; it = it->next) {
        LG_AUTO_STR char *path = lg_report_path(LG_CONTAINER_OF(it, struct lg_report, of_instance));

        each(ctx, path);
    }
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
        [LG_CATALOG_SETTINGS] = put_settings,
    };

    s->changed = true;
    s->left_out = false;
    put[root](s, path, value);
    /* A report that is there is judged together with its topic. */
    if (!s->left_out && (root != LG_CATALOG_REPLICAS || value == NULL))
        lg_catalog_state_makes_sense(s, path);
}

bool lg_catalog_state_changed(const struct lg_catalog_state *s)
{
    return s->changed;
}

struct lg_catalog_state *lg_catalog_state_new(struct lg_lane *lane)
{
    struct lg_catalog_state *s = lg_new(struct lg_catalog_state);

    s->lane = lane;
    lg_directory_init(&s->stores);
    lg_directory_init(&s->topics);
    lg_directory_init(&s->instances);
    lg_directory_init(&s->routers);
    lg_directory_init(&s->controllers);
    lg_list_init(&s->held);
    s->junk = lg_map_new();
    s->client_protocols = LG_CLIENTS_BOTH;
    s->changed = s->instances_changed = true; /* Nothing is something to tell, too. */
    return s;
}

static void free_topic_and_reports(void *topic)
{
    struct lg_topic_state *t = topic;

    LG_LIST_EACH(it, &t->reports)
    {
        struct lg_report *r = LG_CONTAINER_OF(it, struct lg_report, of_topic);

        lg_list_remove(&r->of_held);
        r->held = false;
        lg_report_free(r);
    }
    topic_free(t);
}

void lg_catalog_state_free(struct lg_catalog_state *s)
{
    lg_directory_done(&s->stores, store_free);
    lg_directory_done(&s->topics,
                      free_topic_and_reports); /* Before the instances of the reports. */
    lg_directory_done(&s->instances, instance_free);
    lg_directory_done(&s->routers, text_free);
    lg_directory_done(&s->controllers, controller_free);
    lg_map_free(s->junk);
    lg_catalog_index_unref(s->store_by_name);
    lg_catalog_index_unref(s->deleted_by_name);
    lg_catalog_index_unref(s->topic_by_name);
    lg_catalog_index_unref(s->instance_by_id);
    lg_catalog_instances_unref(s->live);
    lg_catalog_instances_unref(s->holders);
    lg_free(s);
}
