/* Stores: their parts and the decisions about versions. The JSON form is in store_json.c. Pure. */
#include "model/store.h"

#include "lane/mutant.h"
#include "model/names.h"

struct lg_store *lg_store_new(const char *name, const char *owner, const char *key_schema,
                              int64_t now_ms)
{
    struct lg_store *s = lg_new(struct lg_store);

    s->name = lg_strdup(name);
    s->owner = lg_strdup(owner);
    s->created_ms = now_ms;
    s->previous_current_version = -1;
    s->replication_factor = 1;
    s->batch_get_limit = -1;
    s->enable_reads = true;
    s->enable_writes = true;
    s->client_decompression_enabled = true;
    s->storage_node_read_quota_enabled = true;
    s->read_index_enabled = true;
    s->grpc_enabled = true;
    s->storage_quota_bytes = -1;
    s->read_quota = -1;
    s->backup_retention_ms = -1;
    s->latest_superset_schema_id = -1;
    s->key_schema = key_schema == NULL ? NULL : lg_strdup(key_schema);
    return s;
}

static void past_push_done(struct lg_past_push *p)
{
    lg_free(p->push_job_id);
    lg_free(p->details);
}

void lg_store_free(struct lg_store *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->past_pushes.size; i++)
        past_push_done(&s->past_pushes.data[i]);
    LG_VEC_DONE(&s->past_pushes);
    for (size_t i = 0; i < s->value_schemas.size; i++)
        lg_free(s->value_schemas.data[i].text);
    LG_VEC_DONE(&s->value_schemas);
    for (size_t i = 0; i < s->versions.size; i++)
        lg_version_done(&s->versions.data[i]);
    LG_VEC_DONE(&s->versions);
    lg_acl_done(&s->acl);
    lg_free(s->name);
    lg_free(s->owner);
    lg_free(s->key_schema);
    lg_free(s);
}

struct lg_store *lg_store_copy(const struct lg_store *s)
{
    struct lg_store *copy = lg_new(struct lg_store);

    *copy = *s;
    copy->name = lg_strdup(s->name);
    copy->owner = lg_strdup(s->owner);
    copy->acl = lg_acl_copy(&s->acl);
    copy->key_schema = s->key_schema == NULL ? NULL : lg_strdup(s->key_schema);
    memset(&copy->value_schemas, 0, sizeof(copy->value_schemas));
    memset(&copy->versions, 0, sizeof(copy->versions));
    for (size_t i = 0; i < s->value_schemas.size; i++) {
        struct lg_store_schema schema = s->value_schemas.data[i];

        schema.text = lg_strdup(schema.text);
        LG_VEC_PUSH(&copy->value_schemas, schema);
    }
    for (size_t i = 0; i < s->versions.size; i++) {
        struct lg_version v = s->versions.data[i];

        v.push_job_id = lg_strdup(v.push_job_id);
        LG_VEC_PUSH(&copy->versions, v);
    }
    memset(&copy->past_pushes, 0, sizeof(copy->past_pushes));
    for (size_t i = 0; i < s->past_pushes.size; i++) {
        struct lg_past_push p = s->past_pushes.data[i];

        p.push_job_id = lg_strdup(p.push_job_id);
        p.details = lg_strdup(p.details);
        LG_VEC_PUSH(&copy->past_pushes, p);
    }
    return copy;
}

struct lg_version *lg_store_version(const struct lg_store *s, int32_t number)
{
    for (size_t i = 0; i < s->versions.size; i++)
        if (s->versions.data[i].number == number)
            return &s->versions.data[i];
    return NULL;
}

struct lg_version *lg_store_version_of_push(const struct lg_store *s, const char *push_job_id)
{
    for (size_t i = 0; i < s->versions.size; i++)
        if (strcmp(s->versions.data[i].push_job_id, push_job_id) == 0)
            return &s->versions.data[i];
    return NULL;
}

struct lg_version *lg_store_running_push(const struct lg_store *s)
{
    for (size_t i = 0; i < s->versions.size; i++)
        if (s->versions.data[i].status == LG_VERSION_STARTED)
            return &s->versions.data[i];
    return NULL;
}

const char *lg_store_value_schema(const struct lg_store *s, int32_t id)
{
    for (size_t i = 0; i < s->value_schemas.size; i++)
        if (s->value_schemas.data[i].id == id)
            return s->value_schemas.data[i].text;
    return NULL;
}

int32_t lg_store_latest_value_schema_id(const struct lg_store *s)
{
    return s->value_schemas.size == 0 ? 0 : s->value_schemas.data[s->value_schemas.size - 1].id;
}

enum lg_rc lg_store_add_value_schema(struct lg_store *s, const char *text, int32_t *out_id,
                                     struct lg_error *err)
{
    struct lg_store_schema schema = {.id = lg_store_latest_value_schema_id(s)};

    for (size_t i = 0; i < s->value_schemas.size; i++) {
        if (strcmp(s->value_schemas.data[i].text, text) == 0) {
            *out_id = s->value_schemas.data[i].id;
            return LG_OK;
        }
    }
    if (s->value_schemas.size >= LG_STORE_SCHEMAS_MAX || schema.id == INT32_MAX)
        return lg_error_set(
            err, LG_ERR_TOO_LARGE,
            "store %s has %d value schemas, the limit value_schemas; make a new store", s->name,
            LG_STORE_SCHEMAS_MAX);
    schema.id++;
    schema.text = lg_strdup(text);
    LG_VEC_PUSH(&s->value_schemas, schema);
    *out_id = schema.id;
    return LG_OK;
}

enum lg_rc lg_store_next_version(const struct lg_store *s, int32_t graveyard_largest, int32_t *out,
                                 struct lg_error *err)
{
    int32_t largest = lg_mutant(LG_MUTANT_version_number_reused)
                          ? 0
                          : LG_MAX(s->largest_used_version, graveyard_largest);

    /* The list cannot be ahead of the mark, unless somebody edited the store by hand. */
    for (size_t i = 0; i < s->versions.size; i++)
        largest = LG_MAX(largest, s->versions.data[i].number);
    largest = LG_MAX(largest, 0);
    if (largest == INT32_MAX)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "store %s has used up its version numbers; make a store of another "
                            "name",
                            s->name);
    *out = largest + 1;
    return LG_OK;
}

enum lg_rc lg_store_check_quota(const struct lg_store *s, int64_t bytes, struct lg_error *err)
{
    if (s->storage_quota_bytes < 0 || bytes <= s->storage_quota_bytes ||
        lg_mutant(LG_MUTANT_quota_ignored))
        return LG_OK;
    return lg_error_set(err, LG_ERR_TOO_LARGE,
                        "Storage quota exceeded. Store quota %lld bytes, Store data size %lld "
                        "bytes; raise it with `lagoon store update %s --storage-quota SIZE`, then "
                        "push again",
                        (long long)s->storage_quota_bytes, (long long)bytes, s->name);
}

static enum lg_rc check_push(const struct lg_store *s, const struct lg_store_push *push,
                             struct lg_error *err)
{
    const struct lg_version *running = lg_store_running_push(s);

    if (!s->enable_writes)
        return lg_error_set(
            err, LG_ERR_REFUSED,
            "writes to store %s are disabled; `lagoon store update %s --writes true` "
            "enables them",
            s->name, s->name);
    if (running != NULL)
        return lg_error_set(err, LG_ERR_CONCURRENT,
                            "push %s of store %s (version %d) is still running; wait for it or "
                            "kill it, then push %s again",
                            running->push_job_id, s->name, running->number, push->push_job_id);
    if (s->versions.size >= LG_STORE_VERSIONS_MAX)
        return lg_error_set(
            err, LG_ERR_TOO_LARGE,
            "store %s holds %d versions, the limit versions; delete old ones before pushing",
            s->name, LG_STORE_VERSIONS_MAX);
    return LG_OK;
}

enum lg_rc lg_store_add_version(struct lg_store *s, const struct lg_store_push *push,
                                struct lg_version **out, bool *out_is_new, struct lg_error *err)
{
    size_t id_size = push->push_job_id == NULL ? 0 : strlen(push->push_job_id);
    struct lg_version v = {
        .status = LG_VERSION_STARTED,
        .created_ms = push->now_ms,
        .push_type = push->push_type,
        .partition_count = s->partition_count,
        .replication_factor = s->replication_factor,
        .min_active_replicas = push->min_active_replicas > 0
                                   ? LG_MIN(push->min_active_replicas, s->replication_factor)
                                   : LG_MAX(s->replication_factor - 1, 1),
        .compression = s->compression,
        .chunking_enabled = s->chunking_enabled,
        .push_lease_ms = push->lease_ms,
        .push_heard_ms = push->now_ms,
        .started_clock_ms = push->clock_ms,
        .heard_clock_ms = push->clock_ms,
        .record_count = -1,
        .size_bytes = push->size_bytes,
        .swap_deferred = push->swap_deferred,
    };
    enum lg_rc rc;

    if (id_size == 0 || id_size > LG_VERSION_PUSH_ID_MAX)
        return lg_error_set(err, LG_ERR_INVALID,
                            "the push id has %zu bytes; give one of 1 to %d bytes", id_size,
                            LG_VERSION_PUSH_ID_MAX);
    if (lg_store_version_of_push(s, push->push_job_id) != NULL) {
        *out = lg_store_version_of_push(s, push->push_job_id);
        *out_is_new = false;
        return LG_OK;
    }
    rc = check_push(s, push, err);
    if (rc == LG_OK)
        rc = lg_store_check_quota(s, push->size_bytes, err);
    if (rc == LG_OK)
        rc = lg_store_next_version(s, push->graveyard_largest, &v.number, err);
    if (rc != LG_OK)
        return rc;
    v.push_job_id = lg_strdup(push->push_job_id);
    s->largest_used_version = v.number;
    LG_VEC_PUSH(&s->versions, v);
    *out = &s->versions.data[s->versions.size - 1];
    *out_is_new = true;
    return LG_OK;
}

static enum lg_rc find_version(const struct lg_store *s, int32_t number, struct lg_version **out,
                               struct lg_error *err)
{
    struct lg_version *v = lg_store_version(s, number);

    if (v == NULL)
        return lg_error_set(err, LG_ERR_NOT_FOUND,
                            "store %s has no version %d; list them with `lagoon versions %s`",
                            s->name, number, s->name);
    *out = v;
    return LG_OK;
}

static void make_current(struct lg_store *s, int32_t number, int64_t now_ms)
{
    s->previous_current_version = s->current_version;
    s->current_version = number;
    s->latest_version_promote_to_current_ms = now_ms;
}

enum lg_rc lg_store_complete_version(struct lg_store *s, int32_t number, int64_t now_ms,
                                     bool *out_swapped, struct lg_error *err)
{
    struct lg_version *v = NULL;
    enum lg_rc rc = find_version(s, number, &v, err);
    bool waits, swaps;

    if (rc != LG_OK)
        return rc;
    if (lg_version_is_complete(v) || v->status == LG_VERSION_ROLLED_BACK) {
        *out_swapped = false; /* Told twice, as after a crash between decision and report. */
        return LG_OK;
    }
    if (v->status != LG_VERSION_STARTED)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "version %d of store %s is %s and cannot become complete; push again",
                            number, s->name, lg_version_status_name(v->status));
    waits = !s->enable_writes || (v->swap_deferred && !lg_mutant(LG_MUTANT_deferred_swapped_early));
    swaps = !waits && number > s->current_version;
    v->status = waits ? LG_VERSION_PUSHED : LG_VERSION_ONLINE;
    v->completed_ms = now_ms;
    if (swaps)
        make_current(s, number, now_ms);
    *out_swapped = swaps;
    return LG_OK;
}

enum lg_rc lg_store_fail_version(struct lg_store *s, int32_t number, enum lg_version_status to,
                                 struct lg_error *err)
{
    struct lg_version *v = NULL;
    enum lg_rc rc = find_version(s, number, &v, err);

    assert(to == LG_VERSION_ERROR || to == LG_VERSION_KILLED);
    if (rc != LG_OK)
        return rc;
    if (v->status == LG_VERSION_ERROR || v->status == LG_VERSION_KILLED)
        return LG_OK;
    if (v->status != LG_VERSION_STARTED)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "version %d of store %s is %s, its push is over; to serve another "
                            "version use `lagoon rollback %s`",
                            number, s->name, lg_version_status_name(v->status), s->name);
    v->status = to;
    return LG_OK;
}

int32_t lg_store_rollback_target(const struct lg_store *s)
{
    int32_t target = 0;

    for (size_t i = 0; i < s->versions.size; i++) {
        const struct lg_version *v = &s->versions.data[i];

        if (v->number < s->current_version && v->status == LG_VERSION_ONLINE &&
            !(target != 0 && lg_mutant(LG_MUTANT_rollback_to_oldest)))
            target = LG_MAX(target, v->number);
    }
    return target;
}

/* A version that roll-forward may choose. */
static bool is_future(const struct lg_store *s, const struct lg_version *v)
{
    return v->number > s->current_version &&
           (lg_version_is_complete(v) || v->status == LG_VERSION_ROLLED_BACK);
}

int32_t lg_store_rollforward_target(const struct lg_store *s)
{
    int32_t target = 0;

    for (size_t i = 0; i < s->versions.size; i++) { /* By number, ascending. */
        const struct lg_version *v = &s->versions.data[i];

        if (!is_future(s, v))
            continue;
        if (v->status == LG_VERSION_ROLLED_BACK)
            return v->number; /* What the last rollback left: the step that is to be undone. */
        target = v->number;
    }
    return target;
}

static enum lg_rc check_switch(const struct lg_store *s, int32_t target, const char *verb,
                               const char *remedy, struct lg_error *err)
{
    if (!s->enable_writes)
        return lg_error_set(err, LG_ERR_REFUSED,
                            "writes to store %s are disabled; enable them before you %s", s->name,
                            verb);
    if (target == 0)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "cannot %s store %s: current version is %d and %s; `lagoon versions "
                            "%s` lists what there is",
                            verb, s->name, s->current_version, remedy, s->name);
    return LG_OK;
}

enum lg_rc lg_store_roll_back(struct lg_store *s, int64_t now_ms, int32_t *out_current,
                              struct lg_error *err)
{
    int32_t target = lg_store_rollback_target(s);
    enum lg_rc rc = check_switch(s, target, "roll back",
                                 "no earlier version is kept; push the wanted data again", err);

    if (rc != LG_OK)
        return rc;
    /* What was rolled back before, and then passed over by a push, is no step of this way back: it
     * was to be deleted, and roll-forward must not mistake it for what is left now. */
    for (size_t i = 0; i < s->versions.size; i++) {
        struct lg_version *v = &s->versions.data[i];

        if (v->number > target && v->number < s->current_version &&
            v->status == LG_VERSION_ROLLED_BACK)
            v->status = LG_VERSION_KILLED;
    }
    if (lg_store_version(s, s->current_version) != NULL)
        lg_store_version(s, s->current_version)->status = LG_VERSION_ROLLED_BACK;
    make_current(s, target, now_ms);
    *out_current = target;
    return LG_OK;
}

enum lg_rc lg_store_roll_forward(struct lg_store *s, int64_t now_ms, int32_t *out_current,
                                 struct lg_error *err)
{
    int32_t target = lg_store_rollforward_target(s);
    enum lg_rc rc = check_switch(s, target, "roll forward",
                                 "no later version is complete; push one first", err);

    if (rc != LG_OK)
        return rc;
    lg_store_version(s, target)->status = LG_VERSION_ONLINE;
    make_current(s, target, now_ms);
    *out_current = target;
    return LG_OK;
}

static int32_t newest_waiting(const struct lg_store *s)
{
    for (size_t i = s->versions.size; i > 0; i--) {
        const struct lg_version *v = &s->versions.data[i - 1];

        if (v->number > s->current_version && v->status == LG_VERSION_PUSHED)
            return v->number;
    }
    return 0;
}

static enum lg_rc check_swap(const struct lg_store *s, int32_t wanted, struct lg_error *err)
{
    struct lg_version *v = NULL;
    const char *why = NULL;
    enum lg_rc rc;

    if (wanted == 0)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "no version of store %s waits for its swap; `lagoon push %s FILE "
                            "--defer-swap` makes one, `lagoon versions %s` lists what there is",
                            s->name, s->name, s->name);
    rc = find_version(s, wanted, &v, err);
    if (rc != LG_OK)
        return rc;
    if (v->status == LG_VERSION_STARTED)
        why = "is still being pushed; `lagoon push status` shows how far it is";
    else if (v->status == LG_VERSION_ROLLED_BACK)
        why = "was rolled back; `lagoon rollforward` serves it again";
    else if (wanted < s->current_version)
        why = "is older than the current one; `lagoon rollback` goes back";
    else if (!lg_version_is_complete(v))
        why = "is not complete; push again";
    if (why == NULL)
        return LG_OK;
    return lg_error_set(err, LG_ERR_CONFLICT, "version %d of store %s is %s and %s", wanted,
                        s->name, lg_version_status_name(v->status), why);
}

enum lg_rc lg_store_swap(struct lg_store *s, int32_t wanted, int64_t now_ms, int32_t *out_current,
                         struct lg_error *err)
{
    int32_t target = wanted == 0 ? newest_waiting(s) : wanted;
    enum lg_rc rc;

    if (target != 0 && target == s->current_version) {
        *out_current = target;
        return LG_OK;
    }
    rc = check_swap(s, target, err);
    if (rc == LG_OK)
        rc = check_switch(s, target, "swap", "", err);
    if (rc != LG_OK)
        return rc;
    lg_store_version(s, target)->status = LG_VERSION_ONLINE;
    make_current(s, target, now_ms);
    *out_current = target;
    return LG_OK;
}

const struct lg_past_push *lg_store_past_push(const struct lg_store *s, int32_t version)
{
    for (size_t i = 0; i < s->past_pushes.size; i++)
        if (s->past_pushes.data[i].version == version)
            return &s->past_pushes.data[i];
    return NULL;
}

static void remember(struct lg_store *s, const struct lg_version *v, const char *details,
                     int64_t now_ms)
{
    struct lg_past_push p = {
        .version = v->number,
        .status = v->status,
        .push_job_id = lg_strdup(v->push_job_id),
        .details = lg_strdup(details == NULL ? "" : details),
        .created_ms = v->created_ms,
        .ended_ms = v->completed_ms != 0 ? v->completed_ms : now_ms,
        .record_count = v->record_count,
    };

    if (s->past_pushes.size == LG_STORE_PAST_PUSHES_MAX) {
        past_push_done(&s->past_pushes.data[0]);
        s->past_pushes.size--;
        memmove(&s->past_pushes.data[0], &s->past_pushes.data[1], s->past_pushes.size * sizeof(p));
    }
    LG_VEC_PUSH(&s->past_pushes, p);
}

enum lg_rc lg_store_remove_version(struct lg_store *s, int32_t number, const char *details,
                                   int64_t now_ms, struct lg_error *err)
{
    struct lg_version *v = NULL;
    enum lg_rc rc = find_version(s, number, &v, err);
    size_t at;

    if (rc != LG_OK)
        return rc;
    if (number == s->current_version)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "version %d of store %s is current; switch to another one first",
                            number, s->name);
    if (v->status == LG_VERSION_STARTED)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "version %d of store %s is being pushed; kill the push first", number,
                            s->name);
    remember(s, v, details, now_ms);
    at = (size_t)(v - s->versions.data);
    lg_version_done(v);
    memmove(v, v + 1, (s->versions.size - at - 1) * sizeof(*v));
    s->versions.size--;
    return LG_OK;
}
