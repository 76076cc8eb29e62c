/* Snapshots: made by state_build.c, then only read. */
#include "base/str.h"
#include "catalog/state.h"
#include "lane/mutant.h"
#include "model/names.h"

/* --- Life. -------------------------------------------------------------------------------------
 */

void lg_catalog_store_unref(struct lg_catalog_store *s)
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

void lg_catalog_topic_unref(struct lg_catalog_topic *t)
{
    if (t == NULL || --t->refs > 0)
        return;
    for (uint32_t p = 0; p < t->partition_count; p++)
        for (uint32_t i = 0; i < t->partitions[p].count; i++)
            lg_free(t->partitions[p].replicas[i].error);
    lg_free(t->partitions);
    lg_free(t->replicas);
    lg_free(t->held);
    lg_free(t->name);
    lg_free(t);
}

void lg_catalog_index_unref(struct lg_catalog_index *x)
{
    if (x == NULL || --x->refs > 0)
        return;
    lg_map_free(x->places);
    lg_free(x);
}

void lg_catalog_instances_unref(struct lg_catalog_instances *x)
{
    if (x == NULL || --x->refs > 0)
        return;
    for (size_t i = 0; i < x->list.size; i++) {
        lg_free(x->list.data[i].id);
        lg_free(x->list.data[i].host);
        lg_free(x->list.data[i].zone);
        lg_free(x->list.data[i].identity);
        lg_free(x->list.data[i].release);
    }
    LG_VEC_DONE(&x->list);
    lg_free(x);
}

struct lg_catalog_snapshot *lg_catalog_snapshot_ref(struct lg_catalog_snapshot *s)
{
    s->refs++;
    return s;
}

void lg_catalog_snapshot_unref(struct lg_catalog_snapshot *s)
{
    if (s == NULL || --s->refs > 0)
        return;
    for (size_t i = 0; i < s->stores.size; i++)
        lg_catalog_store_unref(s->stores.data[i]);
    for (size_t i = 0; i < s->deleted.size; i++)
        lg_catalog_store_unref(s->deleted.data[i]);
    for (size_t i = 0; i < s->topics.size; i++)
        lg_catalog_topic_unref(s->topics.data[i]);
    for (size_t i = 0; i < s->routers.size; i++)
        lg_free(s->routers.data[i]);
    for (size_t i = 0; i < s->controllers.size; i++) {
        lg_free(s->controllers.data[i].id);
        lg_free(s->controllers.data[i].url);
        lg_free(s->controllers.data[i].release);
    }
    LG_VEC_DONE(&s->stores);
    LG_VEC_DONE(&s->deleted);
    LG_VEC_DONE(&s->topics);
    LG_VEC_DONE(&s->routers);
    for (size_t i = 0; i < s->unreadable.size; i++)
        lg_free(s->unreadable.data[i]);
    LG_VEC_DONE(&s->unreadable);
    LG_VEC_DONE(&s->controllers);
    lg_catalog_instances_unref(s->shared_instances);
    lg_catalog_instances_unref(s->holders);
    lg_catalog_index_unref(s->store_by_name);
    lg_catalog_index_unref(s->deleted_by_name);
    lg_catalog_index_unref(s->topic_by_name);
    lg_catalog_index_unref(s->instance_by_id);
    lg_free(s);
}

/* --- Questions. --------------------------------------------------------------------------------
 */

/* SIZE_MAX: it is not there. */
static size_t place_of(const struct lg_catalog_index *index, struct lg_slice name)
{
    const void *place = index == NULL ? NULL : lg_map_get(index->places, name);

    return place == NULL ? SIZE_MAX : (uintptr_t)place - 1;
}

const struct lg_catalog_store *lg_catalog_store(const struct lg_catalog_snapshot *s,
                                                struct lg_slice name)
{
    size_t place = place_of(s->store_by_name, name);

    return place == SIZE_MAX ? NULL : s->stores.data[place];
}

enum lg_client_protocols lg_catalog_told(const struct lg_catalog_snapshot *s,
                                         const struct lg_catalog_store *store)
{
    bool can = s->instances.size == 0;

    for (size_t i = 0; i < s->instances.size && !can; i++)
        can = s->instances.data[i].grpc_port != 0;
    if (!store->store->grpc_enabled || !can)
        return LG_CLIENTS_HTTP;
    return store->store->client_protocols == LG_CLIENTS_CLUSTER ? s->client_protocols
                                                                : store->store->client_protocols;
}

const struct lg_catalog_instance *lg_catalog_instance(const struct lg_catalog_snapshot *s,
                                                      const char *id, uint32_t *out_index)
{
    size_t place = place_of(s->instance_by_id, lg_slice_str(id));

    if (place == SIZE_MAX)
        return NULL;
    if (out_index != NULL)
        *out_index = (uint32_t)place;
    return &s->instances.data[place];
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
    return s->deleted.size > 0 && place_of(s->deleted_by_name, name) != SIZE_MAX;
}

const struct lg_catalog_topic *lg_catalog_topic(const struct lg_catalog_snapshot *s,
                                                struct lg_slice name)
{
    size_t place = place_of(s->topic_by_name, name);

    return place == SIZE_MAX ? NULL : s->topics.data[place];
}

const struct lg_schema *lg_catalog_value_schema(const struct lg_catalog_store *store, int32_t id)
{
    for (size_t i = 0; i < store->value_schemas.size; i++)
        if (store->value_schemas.data[i].id == id)
            return store->value_schemas.data[i].schema;
    return NULL;
}

enum lg_rc lg_catalog_find_store_unhinted(const struct lg_catalog_snapshot *s, struct lg_slice name,
                                          const struct lg_catalog_store **out, struct lg_error *err)
{
    const struct lg_catalog_store *store = lg_catalog_store(s, name);

    if (store != NULL) {
        *out = store;
        return LG_OK;
    }
    if (lg_catalog_is_deleted(s, name))
        return say_deleted(name, err);
    for (size_t i = 0; i < s->unreadable.size; i++)
        if (lg_slice_eq_str(name, s->unreadable.data[i]))
            return lg_error_set(err, LG_ERR_UNREADY,
                                "the node /stores/%s of the metadata makes no sense: write back "
                                "what it held, or remove it",
                                s->unreadable.data[i]);
    return lg_error_set(err, LG_ERR_NO_STORE,
                        "no store named '%.*s'; `lagoon store list` lists them",
                        (int)LG_MIN(name.size, (size_t)LG_STORE_NAME_MAX), (const char *)name.data);
}

enum lg_rc lg_catalog_find_store(const struct lg_catalog_snapshot *s, struct lg_slice name,
                                 const struct lg_catalog_store **out, struct lg_error *err)
{
    enum lg_rc rc = lg_catalog_find_store_unhinted(s, name, out, err);
    const char **names;
    const char *near;
    char given[LG_STORE_NAME_MAX + 1] = {0};

    if (rc != LG_ERR_NO_STORE || lg_catalog_is_deleted(s, name))
        return rc;
    names = lg_new_array(const char *, s->stores.size + 1);
    for (size_t i = 0; i < s->stores.size; i++)
        names[i] = s->stores.data[i]->store->name;
    if (name.size > 0)
        memcpy(given, name.data, LG_MIN(name.size, (size_t)LG_STORE_NAME_MAX));
    near = lg_nearest(given, names, s->stores.size);
    if (near != NULL)
        (void)lg_error_set(err, LG_ERR_NO_STORE, "no store named '%s'; did you mean '%s'?", given,
                           near);
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

size_t lg_catalog_last_resort(const struct lg_catalog_snapshot *s,
                              const struct lg_catalog_topic *topic, uint32_t partition,
                              const struct lg_catalog_instance *out[LG_CATALOG_REPLICAS_MAX])
{
    const struct lg_catalog_partition *p = &topic->partitions[partition];

    assert(partition < topic->partition_count);
    for (uint32_t i = 0; i < p->held_count; i++)
        out[i] = &s->holders->list.data[p->held[i]];
    return p->held_count;
}

/* `held`: those that may be asked as a last resort count, too. */
static bool has_all_partitions(const struct lg_catalog_snapshot *s, const char *store,
                               int32_t version, bool held, uint32_t *out_missing)
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
        if (lg_catalog_ready(topic, p, ready) == 0 &&
            (!held || topic->partitions[p].held_count == 0)) {
            *out_missing = p;
            return false;
        }
    return true;
}

bool lg_catalog_version_ready(const struct lg_catalog_snapshot *s, const char *store,
                              int32_t version, uint32_t *out_missing)
{
    return has_all_partitions(s, store, version, /* held= */ false, out_missing);
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
    for (int held = 0; held < 2; held++) {
        if (has_all_partitions(s, store->store->name, current, held != 0, &missing)) {
            *out = current;
            return LG_OK;
        }
        if (served_before > 0 && served_before != current &&
            lg_store_version(store->store, served_before) != NULL &&
            has_all_partitions(s, store->store->name, served_before, held != 0, &ignored)) {
            *out = served_before;
            return LG_OK;
        }
    }
    return lg_error_set(err, LG_ERR_UNREADY,
                        "version %d of store '%s' has no ready server for partition %u; try again",
                        current, store->store->name, missing);
}
