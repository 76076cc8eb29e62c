/* Routes of stores: make one, show one, list them all. */
#include "base/log.h"
#include "base/str.h"
#include "controller/core.h"
#include "controller/store_lifecycle.h"
#include "lane/mutant.h"

#include <stdlib.h>

static char *copy_of(const char *text)
{
    return text == NULL ? NULL : lg_strdup(text);
}

static void store_made(struct lg_change *ch)
{
    const struct lg_ctl_store *entry = lg_ctl_state_store(ch->c->state, ch->store_name);

    ch->answer = lg_answer_base(ch->c, ch->store_name);
    lg_json_set_str(ch->answer, "owner", entry->store->owner); /* Venice's NewStoreResponse. */
    lg_log(LG_LOG_INFO, "store_created", "store=%s partitions=%d replicas=%d", ch->store_name,
           entry->store->partition_count, entry->store->replication_factor);
}

static void begin_new_store(struct lg_change *ch)
{
    struct lg_controller *c = ch->c;
    struct lg_new_store wanted = {
        .name = ch->store_name,
        .owner = ch->owner,
        .key_schema = ch->text,
        .value_schema = ch->value_schema,
        .partition_count = ch->partition_count,
        .replication_factor = ch->replication_factor,
        .now_ms = (int64_t)lg_lane_wall_ms(c->o.lane),
    };
    struct lg_error err;
    enum lg_rc rc = lg_store_lifecycle_new(&wanted, &ch->store, &err);
    const struct lg_ctl_store *there = lg_ctl_state_store(c->state, ch->store_name);

    for (size_t i = 0; rc == LG_OK && i < ch->choices.size; i++)
        rc = lg_setting_set(ch->choices.data[i].setting, ch->store, ch->choices.data[i].text, &err);

    if (rc == LG_OK && there != NULL && there->store->deleted_ms != 0)
        rc = lg_error_set(&err, LG_ERR_CONFLICT,
                          "store '%s' was deleted and still holds the name; `lagoon store undelete "
                          "%s` brings it back, `lagoon store purge %s` ends it and frees the name",
                          ch->store_name, ch->store_name, ch->store_name);
    else if (rc == LG_OK && there != NULL)
        rc =
            lg_error_set(&err, LG_ERR_CONFLICT,
                         "store '%s' exists; choose another name, or push into it", ch->store_name);
    else if (rc == LG_OK && lg_map_size(c->state->stores) >= LG_CONTROLLER_STORES_MAX)
        rc = lg_error_set(&err, LG_ERR_TOO_LARGE,
                          "there are %u stores, which is the limit stores; delete and purge one",
                          LG_CONTROLLER_STORES_MAX);
    ch->store_is_new = true;
    if (rc == LG_OK) {
        ch->store->acl = ch->acl;
        ch->acl = (struct lg_acl){0};
    }
    if (rc == LG_OK && !lg_mutant(LG_MUTANT_graveyard_ignored))
        rc = lg_ctl_state_grave(c->state, ch->store_name, &ch->store->largest_used_version, &err);
    if (rc == LG_OK)
        rc = lg_change_write_store(ch, &err);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    ch->applied = store_made;
    lg_change_commit(ch);
}

/* A setting that a store may begin with. */
static void choose(struct lg_change *ch, struct lg_http_request *rq, const char *name)
{
    const struct lg_setting *setting = lg_setting_find(name);
    const char *text;

    assert(setting != NULL);
    text = lg_front_param(rq, setting->parameter);
    if (text != NULL)
        LG_VEC_PUSH(&ch->choices,
                    (struct lg_setting_choice){.setting = setting, .text = lg_strdup(text)});
}

void lg_handle_new_store(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_new_store);
    const char *access = lg_front_param(rq, "access_permission");
    struct lg_error err;

    ch->store_name = lg_strdup(lg_front_param(rq, "store_name"));
    ch->text = lg_strdup(lg_front_param(rq, "key_schema"));
    ch->value_schema = lg_strdup(lg_front_param(rq, "value_schema"));
    ch->owner = copy_of(lg_front_param(rq, "owner"));
    ch->partition_count = copy_of(lg_front_param(rq, "partition_count"));
    ch->replication_factor = copy_of(lg_front_param(rq, "replication_factor"));
    if (ch->replication_factor == NULL)
        ch->replication_factor = lg_strf("%u", c->o.default_replication_factor);
    choose(ch, rq, "compression");
    choose(ch, rq, "chunking");
    if (access != NULL && (lg_acl_parse(lg_slice_str(access), &ch->acl, &err) != LG_OK ||
                           lg_acl_check_names(&ch->acl, &err) != LG_OK))
        lg_change_abandon(ch, &err);
    else
        (void)lg_change_submit(ch);
}

void lg_handle_store(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *name = lg_front_param(rq, "store_name");
    struct lg_ctl_store *entry;
    struct lg_json *json, *info;
    struct lg_error err;

    if (lg_ctl_state_find(c->state, name, &entry, &err) != LG_OK) {
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    json = lg_answer_base(c, name);
    info = lg_store_to_json(entry->store, LG_STORE_JSON_INFO); /* Venice's. */
    lg_cleanup_explain(c, entry->store, info);
    lg_json_set(json, "store", info);
    lg_answer_json(rq, json);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct names {
    const char **data; /* borrowed names */
    size_t size, capacity;
};

/* The live stores, or the deleted ones, by name. The caller frees the list. */
static void sorted_names(const struct lg_controller *c, bool deleted, struct names *out)
{
    struct lg_slice key;
    void *value;

    for (size_t at = 0; lg_map_next(c->state->stores, &at, &key, &value);) {
        const struct lg_store *store = ((struct lg_ctl_store *)value)->store;

        if ((store->deleted_ms != 0) == deleted)
            LG_VEC_PUSH(out, store->name);
    }
    if (out->size > 0)
        qsort(out->data, out->size, sizeof(out->data[0]), by_name);
}

static struct lg_json *deleted_row(const struct lg_controller *c, const char *name)
{
    const struct lg_store *store = lg_ctl_state_store(c->state, name)->store;
    struct lg_json *row = lg_json_new_object();

    lg_json_set_str(row, "name", name);
    lg_json_set_str(row, "owner", store->owner);
    lg_json_set_int(row, "versions", (int64_t)store->versions.size);
    lg_json_set_int(row, "deletedTime", store->deleted_ms);
    lg_json_set_int(row, "purgeTime", lg_ctl_purge_ms(c, store));
    return row;
}

void lg_handle_list_stores(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_json *json, *stores = lg_json_new_array(), *rows = lg_json_new_array();
    struct names names = {0};
    bool deleted = false;
    struct lg_error err;

    if (lg_front_bool(rq, "lagoon_deleted", false, &deleted, &err) != LG_OK) {
        lg_json_unref(stores);
        lg_json_unref(rows);
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    sorted_names(c, deleted, &names);
    for (size_t i = 0; i < names.size; i++) {
        lg_json_push(stores, lg_json_new_string(lg_slice_str(names.data[i])));
        if (deleted)
            lg_json_push(rows, deleted_row(c, names.data[i]));
    }
    LG_VEC_DONE(&names);
    json = lg_answer_base(c, NULL);
    lg_json_set(json, "stores", stores); /* Venice's MultiStoreResponse. */
    if (deleted)
        lg_json_set(json, "lagoonDeleted", lg_json_ref(rows)); /* Ours. */
    lg_json_unref(rows);
    lg_answer_json(rq, json);
}
