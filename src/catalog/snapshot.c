/* Snapshots: built once from what the metastore held, then only read. */
#include "base/log.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "catalog/tree_read.h"
#include "lane/mutant.h"
#include "model/names.h"
#include "model/placement.h"

/* A node that makes no sense stops nobody: it is left out, counted, and told once. */
static void leave_out(struct lg_catalog_snapshot *s, const struct lg_tree_node *node,
                      const char *reason)
{
    if (s->told == NULL || lg_map_get(s->told, lg_slice_str(node->path)) == NULL)
        lg_log(LG_LOG_ERROR, "catalog_node_unreadable", "path=%s reason=\"%s\"", node->path,
               reason);
    (void)lg_map_put(s->junk, lg_slice_str(node->path), s);
}

/* --- Stores. -----------------------------------------------------------------------------------
 */

static void store_unref(struct lg_catalog_store *s)
{
    if (s == NULL || --s->refs > 0)
        return;
    lg_blob_unref(s->text);
    lg_store_free(s->store);
    lg_schema_unref(s->key_schema);
    for (size_t i = 0; i < s->value_schemas.size; i++)
        lg_schema_unref(s->value_schemas.data[i].schema);
    LG_VEC_DONE(&s->value_schemas);
    lg_free(s);
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

static struct lg_catalog_store *store_parse(struct lg_catalog_snapshot *snapshot,
                                            const struct lg_tree_node *node)
{
    struct lg_catalog_store *s = lg_new(struct lg_catalog_store);
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = {0};
    enum lg_rc rc;

    s->refs = 1;
    s->text = lg_blob_ref(node->value);
    rc = lg_json_parse(node->value->bytes, &json, &err);
    if (rc == LG_OK)
        rc = lg_store_from_json(json, &s->store, &err);
    if (rc == LG_OK)
        rc = parse_schemas(s, &err);
    if (rc == LG_OK)
        return s;
    leave_out(snapshot, node, err.text);
    store_unref(s);
    return NULL;
}

static void add_store(struct lg_catalog_snapshot *s, const struct lg_tree_node *node,
                      struct lg_catalog_snapshot *before)
{
    struct lg_slice name = lg_slice_str(lg_tree_node_name(node));
    struct lg_catalog_store *store =
        before == NULL ? NULL : lg_map_get(before->store_by_name, name);

    if (store == NULL && before != NULL)
        store = lg_map_get(before->deleted_by_name, name);
    if (node->value == NULL)
        return;
    if (store != NULL && lg_slice_eq(store->text->bytes, node->value->bytes))
        store->refs++;
    else
        store = store_parse(s, node);
    if (store == NULL)
        return;
    if (store->store->deleted_ms != 0 && !lg_mutant(LG_MUTANT_deleted_store_served)) {
        LG_VEC_PUSH(&s->deleted, store);
        (void)lg_map_put(s->deleted_by_name, name, store);
    } else {
        LG_VEC_PUSH(&s->stores, store);
        (void)lg_map_put(s->store_by_name, name, store);
        s->disabled += !store->store->enable_reads;
    }
}

/* --- Instances and routers. --------------------------------------------------------------------
 */

static struct lg_json *node_json(struct lg_catalog_snapshot *s, const struct lg_tree_node *node)
{
    struct lg_json *json = NULL;
    struct lg_error err = {0};

    if (node->value == NULL)
        leave_out(s, node, "it is empty");
    else if (lg_json_parse(node->value->bytes, &json, &err) != LG_OK)
        leave_out(s, node, err.text);
    return json;
}

static char *text_of(const struct lg_json *json, const char *key)
{
    return lg_strdup(lg_json_get_str(json, key, ""));
}

static void add_instance(struct lg_catalog_snapshot *s, const struct lg_tree_node *node)
{
    LG_AUTO(lg_json) *json = node_json(s, node);
    const char *host = lg_json_get_str(json, "host", NULL);
    int64_t port = lg_json_get_int(json, "port", 0);

    if (json == NULL)
        return;
    if (host == NULL || port < 1 || port > UINT16_MAX) {
        leave_out(s, node, "no \"host\" or no \"port\"");
        return;
    }
    LG_VEC_PUSH(&s->instances, (struct lg_catalog_instance){
                                   .id = lg_strdup(lg_tree_node_name(node)),
                                   .host = lg_strdup(host),
                                   .port = (uint16_t)port,
                                   .zone = text_of(json, "zone"),
                                   .identity = text_of(json, "identity"),
                                   .release = text_of(json, "release"),
                               });
}

static void add_router(struct lg_catalog_snapshot *s, const struct lg_tree_node *node)
{
    LG_AUTO(lg_json) *json = node_json(s, node);
    const char *url = lg_json_get_str(json, "url", NULL);

    if (url != NULL)
        LG_VEC_PUSH(&s->routers, lg_strdup(url));
    else if (json != NULL)
        leave_out(s, node, "no \"url\"");
}

static void add_controller(struct lg_catalog_snapshot *s, const struct lg_tree_node *node)
{
    LG_AUTO(lg_json) *json = node_json(s, node);
    const char *url = lg_json_get_str(json, "url", NULL);

    if (url != NULL)
        LG_VEC_PUSH(&s->controllers,
                    (struct lg_catalog_controller){lg_strdup(lg_tree_node_name(node)),
                                                   lg_strdup(url), text_of(json, "release")});
    else if (json != NULL)
        leave_out(s, node, "no \"url\"");
}

/* --- Topics and replicas. ----------------------------------------------------------------------
 */

static void add_topic(struct lg_catalog_snapshot *s, const struct lg_tree_node *node)
{
    LG_AUTO(lg_json) *json = node_json(s, node);
    size_t partitions = lg_json_size(lg_json_get(json, "partitions"));
    struct lg_catalog_topic topic = {0};

    if (json == NULL)
        return;
    if (partitions == 0 || partitions > UINT16_MAX) {
        leave_out(s, node, "no \"partitions\"");
        return;
    }
    topic.name = lg_strdup(lg_tree_node_name(node));
    topic.partition_count = (uint32_t)partitions;
    topic.partitions = lg_new_array(struct lg_catalog_partition, partitions);
    LG_VEC_PUSH(&s->topics, topic);
}

const struct lg_catalog_instance *lg_catalog_instance(const struct lg_catalog_snapshot *s,
                                                      const char *id, uint32_t *out_index)
{
    const struct lg_catalog_instance *found = lg_map_get(s->instance_by_id, lg_slice_str(id));

    if (found != NULL && out_index != NULL)
        *out_index = (uint32_t)(found - s->instances.data);
    return found;
}

/* One member of what a server says. */
static bool add_replica(struct lg_catalog_topic *topic, uint32_t instance, const char *key,
                        const struct lg_json *json)
{
    struct lg_replica_report report;
    struct lg_catalog_partition *partition;
    struct lg_error ignored;
    uint64_t number;

    if (!lg_parse_u64(lg_slice_str(key), topic->partition_count - 1, &number) ||
        lg_replica_report_from_json(json, &report, &ignored) != LG_OK)
        return false;
    partition = &topic->partitions[number];
    if (partition->count < LG_CATALOG_REPLICAS_MAX)
        partition->replicas[partition->count++] = (struct lg_catalog_replica){
            .instance = instance,
            .status = report.status,
            .state = report.state,
            .records = report.records,
            .bytes = report.bytes,
            .term = report.term,
            .reset = report.reset,
            .error = report.error == NULL ? NULL : lg_strdup(report.error),
        };
    return true;
}

/* "/replicas/<topic>/<instance>": what one server says of its replicas of one topic. */
static void add_replicas(struct lg_catalog_snapshot *s, const struct lg_tree_node *node)
{
    const char *topic_begin = node->path + strlen("/replicas/"), *slash = strchr(topic_begin, '/');
    LG_AUTO(lg_json) *json = NULL;
    struct lg_catalog_topic *topic;
    uint32_t instance;
    const char *key;
    struct lg_json *report;
    size_t i = 0;

    if (slash == NULL || lg_catalog_instance(s, slash + 1, &instance) == NULL)
        return; /* The parent, or a server that is gone. */
    topic = lg_map_get(s->topic_by_name, lg_slice(topic_begin, (size_t)(slash - topic_begin)));
    if (topic == NULL || (json = node_json(s, node)) == NULL)
        return;
    if (lg_json_type(json) != LG_JSON_OBJECT)
        leave_out(s, node, "it is no JSON object");
    while (lg_json_next(json, &i, &key, &report))
        if (!add_replica(topic, instance, key, report))
            leave_out(s, node, "a replica of no partition, or without a known status");
}

/* --- The whole. --------------------------------------------------------------------------------
 */

static bool below(const struct lg_tree_node *node, const char *root)
{
    return strncmp(node->path, root, strlen(root)) == 0 && node->path[strlen(root)] == '/';
}

static void index_all(struct lg_catalog_snapshot *s)
{
    for (size_t i = 0; i < s->instances.size; i++)
        (void)lg_map_put(s->instance_by_id, lg_slice_str(s->instances.data[i].id),
                         &s->instances.data[i]);
    for (size_t i = 0; i < s->topics.size; i++)
        (void)lg_map_put(s->topic_by_name, lg_slice_str(s->topics.data[i].name),
                         &s->topics.data[i]);
}

struct lg_catalog_snapshot *lg_catalog_snapshot_build(const struct lg_tree_read *read,
                                                      struct lg_catalog_snapshot *before)
{
    struct lg_catalog_snapshot *s = lg_new(struct lg_catalog_snapshot);

    s->refs = 1;
    s->serial = before == NULL ? 1 : before->serial + 1;
    s->store_by_name = lg_map_new();
    s->deleted_by_name = lg_map_new();
    s->topic_by_name = lg_map_new();
    s->instance_by_id = lg_map_new();
    s->junk = lg_map_new();
    s->told = before == NULL ? NULL : before->junk;
    for (size_t i = 0; i < read->nodes.size; i++) {
        const struct lg_tree_node *node = &read->nodes.data[i];

        if (below(node, "/stores"))
            add_store(s, node, before);
        else if (below(node, "/instances"))
            add_instance(s, node);
        else if (below(node, "/routers"))
            add_router(s, node);
        else if (below(node, "/controllers"))
            add_controller(s, node);
        else if (below(node, "/assignment"))
            add_topic(s, node);
    }
    index_all(s); /* From here on the vectors do not move. */
    for (size_t i = 0; i < read->nodes.size; i++)
        if (below(&read->nodes.data[i], "/replicas"))
            add_replicas(s, &read->nodes.data[i]);
    s->told = NULL;
    return s;
}

struct lg_catalog_snapshot *lg_catalog_snapshot_ref(struct lg_catalog_snapshot *s)
{
    s->refs++;
    return s;
}

static void topic_done(struct lg_catalog_topic *topic)
{
    for (uint32_t p = 0; p < topic->partition_count; p++)
        for (uint32_t i = 0; i < topic->partitions[p].count; i++)
            lg_free(topic->partitions[p].replicas[i].error);
    lg_free(topic->partitions);
}

void lg_catalog_snapshot_unref(struct lg_catalog_snapshot *s)
{
    if (s == NULL || --s->refs > 0)
        return;
    for (size_t i = 0; i < s->stores.size; i++)
        store_unref(s->stores.data[i]);
    for (size_t i = 0; i < s->deleted.size; i++)
        store_unref(s->deleted.data[i]);
    for (size_t i = 0; i < s->instances.size; i++) {
        lg_free(s->instances.data[i].id);
        lg_free(s->instances.data[i].host);
        lg_free(s->instances.data[i].zone);
        lg_free(s->instances.data[i].identity);
        lg_free(s->instances.data[i].release);
    }
    for (size_t i = 0; i < s->topics.size; i++) {
        lg_free(s->topics.data[i].name);
        topic_done(&s->topics.data[i]);
    }
    for (size_t i = 0; i < s->routers.size; i++)
        lg_free(s->routers.data[i]);
    for (size_t i = 0; i < s->controllers.size; i++) {
        lg_free(s->controllers.data[i].id);
        lg_free(s->controllers.data[i].url);
        lg_free(s->controllers.data[i].release);
    }
    LG_VEC_DONE(&s->controllers);
    LG_VEC_DONE(&s->stores);
    LG_VEC_DONE(&s->deleted);
    LG_VEC_DONE(&s->instances);
    LG_VEC_DONE(&s->topics);
    LG_VEC_DONE(&s->routers);
    lg_map_free(s->store_by_name);
    lg_map_free(s->deleted_by_name);
    lg_map_free(s->topic_by_name);
    lg_map_free(s->instance_by_id);
    lg_map_free(s->junk);
    lg_free(s);
}

/* --- Questions. --------------------------------------------------------------------------------
 */

const struct lg_catalog_store *lg_catalog_store(const struct lg_catalog_snapshot *s,
                                                struct lg_slice name)
{
    return lg_map_get(s->store_by_name, name);
}

static enum lg_rc say_deleted(struct lg_slice name, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_NO_STORE,
                        "store '%.*s' was deleted; `lagoon store undelete %.*s` brings it back",
                        LG_FMT(name), LG_FMT(name));
}

enum lg_rc lg_catalog_check_reads(const struct lg_catalog_snapshot *s, struct lg_slice name,
                                  struct lg_error *err)
{
    const struct lg_catalog_store *store;

    if (s->deleted.size == 0 && s->disabled == 0)
        return LG_OK;
    if (lg_catalog_is_deleted(s, name))
        return say_deleted(name, err);
    store = lg_catalog_store(s, name);
    if (store == NULL || store->store->enable_reads)
        return LG_OK;
    return lg_error_set(err, LG_ERR_REFUSED,
                        "reads of store '%.*s' are disabled; `lagoon store update %.*s --reads "
                        "true` enables them",
                        LG_FMT(name), LG_FMT(name));
}

bool lg_catalog_is_deleted(const struct lg_catalog_snapshot *s, struct lg_slice name)
{
    return s->deleted.size > 0 && lg_map_get(s->deleted_by_name, name) != NULL;
}

const struct lg_catalog_topic *lg_catalog_topic(const struct lg_catalog_snapshot *s,
                                                struct lg_slice name)
{
    return lg_map_get(s->topic_by_name, name);
}

const struct lg_schema *lg_catalog_value_schema(const struct lg_catalog_store *store, int32_t id)
{
    for (size_t i = 0; i < store->value_schemas.size; i++)
        if (store->value_schemas.data[i].id == id)
            return store->value_schemas.data[i].schema;
    return NULL;
}

enum lg_rc lg_catalog_find_store(const struct lg_catalog_snapshot *s, struct lg_slice name,
                                 const struct lg_catalog_store **out, struct lg_error *err)
{
    const struct lg_catalog_store *store = lg_catalog_store(s, name);
    const char **names;
    const char *near;
    char given[LG_STORE_NAME_MAX + 1] = {0};

    if (store != NULL) {
        *out = store;
        return LG_OK;
    }
    if (lg_catalog_is_deleted(s, name))
        return say_deleted(name, err);
    names = lg_new_array(const char *, s->stores.size + 1);
    for (size_t i = 0; i < s->stores.size; i++)
        names[i] = s->stores.data[i]->store->name;
    if (name.size > 0)
        memcpy(given, name.data, LG_MIN(name.size, (size_t)LG_STORE_NAME_MAX));
    near = lg_nearest(given, names, s->stores.size);
    if (near != NULL)
        (void)lg_error_set(err, LG_ERR_NO_STORE, "no store named '%s'; did you mean '%s'?", given,
                           near);
    else
        (void)lg_error_set(err, LG_ERR_NO_STORE,
                           "no store named '%s'; `lagoon store list` lists them", given);
    lg_free(names);
    return LG_ERR_NO_STORE;
}

size_t lg_catalog_ready(const struct lg_catalog_topic *topic, uint32_t partition,
                        uint32_t out[LG_CATALOG_REPLICAS_MAX])
{
    const struct lg_catalog_partition *p = &topic->partitions[partition];
    size_t n = 0;

    assert(partition < topic->partition_count);
    for (uint32_t i = 0; i < p->count; i++)
        if (p->replicas[i].status == LG_PUSH_COMPLETED)
            out[n++] = p->replicas[i].instance;
    return n;
}

bool lg_catalog_version_ready(const struct lg_catalog_snapshot *s, const char *store,
                              int32_t version, uint32_t *out_missing)
{
    char name[LG_NAMES_TOPIC_MAX + 1];
    const struct lg_catalog_topic *topic;
    uint32_t ready[LG_CATALOG_REPLICAS_MAX];

    lg_names_version_topic(name, store, version);
    topic = lg_catalog_topic(s, lg_slice_str(name));
    *out_missing = 0;
    if (topic == NULL)
        return false;
    for (uint32_t p = 0; p < topic->partition_count; p++)
        if (lg_catalog_ready(topic, p, ready) == 0) {
            *out_missing = p;
            return false;
        }
    return true;
}

/* For a planted bug: the newest version that servers were given, in whatever state it is. */
static int32_t newest_known(const struct lg_catalog_snapshot *s, const struct lg_store *store)
{
    char name[LG_NAMES_TOPIC_MAX + 1];

    for (size_t i = store->versions.size; i > 0; i--) {
        lg_names_version_topic(name, store->name, store->versions.data[i - 1].number);
        if (lg_catalog_topic(s, lg_slice_str(name)) != NULL)
            return store->versions.data[i - 1].number;
    }
    return 0;
}

enum lg_rc lg_catalog_served_version(const struct lg_catalog_snapshot *s,
                                     const struct lg_catalog_store *store, int32_t served_before,
                                     int32_t *out, struct lg_error *err)
{
    int32_t current = store->store->current_version;
    uint32_t missing, ignored;

    if (lg_mutant(LG_MUTANT_router_serves_newest) && newest_known(s, store->store) > 0) {
        *out = newest_known(s, store->store);
        return LG_OK;
    }
    if (current == 0)
        return lg_error_set(err, LG_ERR_UNREADY, "store '%s' has no version to serve yet; push one",
                            store->store->name);
    if (lg_catalog_version_ready(s, store->store->name, current, &missing)) {
        *out = current;
        return LG_OK;
    }
    if (served_before > 0 && served_before != current &&
        lg_store_version(store->store, served_before) != NULL &&
        lg_catalog_version_ready(s, store->store->name, served_before, &ignored)) {
        *out = served_before;
        return LG_OK;
    }
    return lg_error_set(err, LG_ERR_UNREADY,
                        "version %d of store '%s' has no ready server for partition %u; try again",
                        current, store->store->name, missing);
}
