/* The beginning of a push: the store, the files, all rows sorted. */
#include "pushjob/pushjob.h"

#include <stdio.h>

#include "avro/canonical.h"
#include "base/str.h"
#include "pushjob/conflict.h"
#include "pushjob/pushjob_impl.h"

#define LEASE_MS_DEFAULT 30000u
#define VALUE_SCHEMAS_MAX 1000u /* the latest ones, which a file's schema is looked for among */
/* Until the controller has said how many partitions a new store has: a wrong guess costs a second
 * sort. */
#define PARTITIONS_GUESS 4u

static const struct lg_sm_state states[] = {
    [LG_PUSH_FINDING] = {"finding", LG_TO(LG_PUSH_READING) | LG_TO(LG_PUSH_SORTING) |
                                        LG_TO(LG_PUSH_REQUESTING) | LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_CREATING] = {"creating", LG_TO(LG_PUSH_FINDING) | LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_READING] = {"reading", LG_TO(LG_PUSH_SORTING) | LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_SORTING] = {"sorting", LG_TO(LG_PUSH_CREATING) | LG_TO(LG_PUSH_REQUESTING) |
                                        LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_REQUESTING] = {"requesting", LG_TO(LG_PUSH_WRITING) | LG_TO(LG_PUSH_WAITING) |
                                              LG_TO(LG_PUSH_KILLING) | LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_WRITING] = {"writing", LG_TO(LG_PUSH_ENDING) | LG_TO(LG_PUSH_KILLING)},
    [LG_PUSH_ENDING] = {"ending",
                        LG_TO(LG_PUSH_WAITING) | LG_TO(LG_PUSH_KILLING) | LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_WAITING] = {"waiting", LG_TO(LG_PUSH_CONFIRMING) | LG_TO(LG_PUSH_KILLING) |
                                        LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_CONFIRMING] = {"confirming", LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_KILLING] = {"killing", LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_FINISHED] = {"finished", 0},
};

static void step_find(struct lg_pushjob *job);
static enum lg_rc next_of_input(void *ctx, struct lg_row *out, bool *out_end, struct lg_error *err);
static enum lg_rc next_packed(void *ctx, struct lg_row *out, bool *out_end, struct lg_error *err);
static void gather(struct lg_pushjob *job,
                   enum lg_rc (*next)(void *, struct lg_row *, bool *, struct lg_error *));
static void spread_anew(struct lg_pushjob *job);

const char *lg_push_phase_name(enum lg_push_phase phase)
{
    return states[phase].name;
}

void lg_pushjob_tell(struct lg_pushjob *job, uint64_t done, uint64_t total)
{
    job->o.progress(job->o.ctx, &(struct lg_push_progress){(enum lg_push_phase)job->sm.now, done,
                                                           total, job->outcome.version});
}

void lg_pushjob_enter(struct lg_pushjob *job, enum lg_push_phase phase)
{
    lg_sm_move(&job->sm, phase);
    lg_pushjob_tell(job, 0, 0);
}

/* --- Calls to the controller. ------------------------------------------------------------------
 */

void lg_pushjob_ask(struct lg_pushjob *job, enum lg_api_route route,
                    void (*done)(struct lg_api_call *))
{
    uint64_t soon = lg_lane_now_us(job->o.lane) + LG_PUSHJOB_CALL_TIMEOUT_MS * LG_MS;

    job->call.route = route;
    job->call.deadline_us = LG_MIN(soon, job->deadline_us);
    job->call.done = done;
    lg_api_call_submit(job->api, &job->call);
}

void lg_pushjob_with(struct lg_pushjob *job, const char *name, const char *value)
{
    lg_api_call_param(&job->call, name, value);
}

void lg_pushjob_with_number(struct lg_pushjob *job, const char *name, int64_t value)
{
    LG_AUTO_STR char *text = lg_strf("%lld", (long long)value);

    lg_api_call_param(&job->call, name, text);
}

void lg_pushjob_prepare(struct lg_pushjob *job)
{
    lg_api_call_done(&job->call);
    lg_pushjob_with(job, "store_name", job->o.store);
}

bool lg_pushjob_went_wrong(struct lg_pushjob *job, const struct lg_api_call *call)
{
    struct lg_error err = {0};

    if (job->cancelled)
        (void)lg_error_set(&err, LG_ERR_CANCELLED, "the push was cancelled");
    else if (call != NULL && call->rc != LG_OK)
        err = call->err;
    if (err.rc == LG_OK)
        return false;
    lg_pushjob_fail(job, &err);
    return true;
}

/* --- The end. ----------------------------------------------------------------------------------
 */

void lg_pushjob_finish(struct lg_task *task)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(task, struct lg_pushjob, finish);

    if (job->heartbeat_open) /* Its answer comes; then we are called again. */
        return;
    job->o.finished(job->o.ctx, job);
}

void lg_pushjob_end(struct lg_pushjob *job)
{
    lg_pushjob_enter(job, LG_PUSH_FINISHED);
    lg_timer_stop(job->o.lane, &job->heartbeat_timer);
    lg_timer_stop(job->o.lane, &job->poll_timer);
    job->finish.run = lg_pushjob_finish;
    lg_lane_post(job->o.lane, &job->finish);
}

/* --- The store. --------------------------------------------------------------------------------
 */

static void store_created(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);

    /* Somebody may have been faster: then it is there, which is what was wanted. */
    if (call->rc != LG_ERR_CONFLICT && lg_pushjob_went_wrong(job, call))
        return;
    job->creates = false;
    job->outcome.store_created = call->rc == LG_OK;
    lg_sm_move(&job->sm, LG_PUSH_FINDING);
    step_find(job);
}

static void step_create(struct lg_pushjob *job)
{
    lg_pushjob_enter(job, LG_PUSH_CREATING);
    lg_pushjob_prepare(job);
    lg_pushjob_with(job, "key_schema", job->new_key);
    lg_pushjob_with(job, "value_schema", job->new_value);
    lg_pushjob_with(job, "owner", job->o.owner);
    if (job->o.partitions != 0)
        lg_pushjob_with_number(job, "partition_count", job->o.partitions);
    if (job->o.replication != 0)
        lg_pushjob_with_number(job, "replication_factor", job->o.replication);
    lg_pushjob_with(job, "compression_strategy", lg_compression_name(job->o.shape.compression));
    lg_pushjob_with(job, "chunking_enabled", job->o.shape.chunked ? "true" : "false");
    lg_pushjob_ask(job, LG_API_new_store, store_created);
}

/* Everything is known of the store: binds the input to it and reads. */
static void schemas_known(struct lg_pushjob *job)
{
    struct lg_error err = {0};
    size_t chosen;

    if (job->rows != NULL) {
        spread_anew(job);
        return;
    }
    if (lg_input_bind(job->input, job->key_schema,
                      (const struct lg_schema *const *)job->value_schemas.data,
                      job->value_schemas.size, &chosen, &err) != LG_OK) {
        lg_pushjob_fail(job, &err);
        return;
    }
    job->value_schema = job->value_schemas.data[chosen];
    job->schema_id = job->value_ids.data[chosen];
    if (!job->creates)
        job->outcome.schema_id = job->schema_id;
    lg_pushjob_enter(job, LG_PUSH_READING);
    job->packer = lg_packer_new(&(struct lg_packer_options){
        .shape = job->outcome.shape, .next = next_of_input, .ctx = job});
    gather(job, next_packed);
}

static enum lg_rc add_value_schema(struct lg_pushjob *job, int32_t id, const char *text,
                                   struct lg_error *err)
{
    struct lg_schema *schema;

    if (id < 1)
        return lg_error_set(err, LG_ERR_BAD_DATA, "store '%s' has a value schema without an id",
                            job->o.store);
    if (lg_schema_parse(lg_slice_str(text), &schema, err) != LG_OK)
        return lg_error_wrap(err, "value schema %d of store '%s'", id, job->o.store);
    LG_VEC_PUSH(&job->value_schemas, schema);
    LG_VEC_PUSH(&job->value_ids, id);
    return LG_OK;
}

/* The store is absent: shows what it will be, and reads the file as if it were there. It is made
 * after that, so that a bad file leaves no store behind. */
static void plan_store(struct lg_pushjob *job)
{
    struct lg_error err = {0};

    if (lg_input_schemas(job->input, &job->new_key, &job->new_value, &err) != LG_OK ||
        lg_schema_parse(lg_slice_str(job->new_key), &job->key_schema, &err) != LG_OK ||
        add_value_schema(job, 1, job->new_value, &err) != LG_OK) {
        lg_pushjob_fail(job, &err);
        return;
    }
    if (!job->o.dry_run)
        job->o.creating(job->o.ctx, job->new_key, job->new_value);
    job->creates = true;
    job->outcome.partitions = job->o.partitions != 0 ? job->o.partitions : PARTITIONS_GUESS;
    job->outcome.shape = job->o.shape;
    schemas_known(job);
}

static enum lg_rc made_meanwhile(const struct lg_pushjob *job, const char *what,
                                 struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_SCHEMA,
                        "somebody made store '%s' meanwhile, with another %s schema than the "
                        "file's; choose another name",
                        job->o.store, what);
}

/* Takes over the store's value schemas. When the rows were read before the store was there, the one
 * they were read with must be among them. */
static enum lg_rc take_value_schemas(struct lg_pushjob *job, const struct lg_json *schemas,
                                     struct lg_error *err)
{
    size_t count = lg_json_size(schemas), planned = job->value_schemas.size;
    size_t least = count > VALUE_SCHEMAS_MAX ? count - VALUE_SCHEMAS_MAX : 0;

    for (size_t i = count; i-- > least;) {
        const struct lg_json *one = lg_json_at(schemas, i);

        if (add_value_schema(job, (int32_t)lg_json_get_int(one, "id", 0),
                             lg_json_get_str(one, "schemaStr", ""), err) != LG_OK)
            return err->rc;
    }
    if (count == 0)
        return lg_error_set(err, LG_ERR_NO_SCHEMA, "store '%s' has no value schema", job->o.store);
    if (job->rows == NULL)
        return LG_OK;
    for (size_t i = planned; i < job->value_schemas.size; i++)
        if (lg_schema_equal_canonical(job->value_schemas.data[i], job->value_schema)) {
            job->outcome.schema_id = job->schema_id = job->value_ids.data[i];
            return LG_OK;
        }
    return made_meanwhile(job, "value", err);
}

/* Puts the file's schema in front of the store's: it is the latest now. */
static void schema_registered(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);
    size_t last = job->value_schemas.size;
    struct lg_error err = {0};
    struct lg_schema *first;
    int32_t first_id;

    if (lg_pushjob_went_wrong(job, call))
        return;
    if (!lg_json_get_bool(call->answer, "lagoonCompatible", true))
        (void)lg_error_set(&err, LG_ERR_SCHEMA,
                           "the file's schema would break readers of store '%s'; `lagoon schema "
                           "check` shows field by field who",
                           job->o.store);
    else /* A dry run may not tell an id. */
        (void)!add_value_schema(job,
                                LG_MAX((int32_t)lg_json_get_int(call->answer, "id", 0), (int32_t)1),
                                job->new_value, &err);
    if (err.rc != LG_OK) {
        lg_pushjob_fail(job, &err);
        return;
    }
    first = job->value_schemas.data[0];
    first_id = job->value_ids.data[0];
    job->value_schemas.data[0] = job->value_schemas.data[last];
    job->value_ids.data[0] = job->value_ids.data[last];
    job->value_schemas.data[last] = first;
    job->value_ids.data[last] = first_id;
    job->outcome.fit = LG_PUSH_FIT_ADDED;
    schemas_known(job);
}

/* Is the file's value schema none of the store's? Its text is then in job->new_value. */
static enum lg_rc find_new_schema(struct lg_pushjob *job, bool *out_is_new, struct lg_error *err)
{
    LG_AUTO(lg_schema) *schema = NULL;
    enum lg_rc rc = lg_input_schemas(job->input, &job->new_key, &job->new_value, err);

    if (rc == LG_OK)
        rc = lg_schema_parse(lg_slice_str(job->new_value), &schema, err);
    if (rc != LG_OK)
        return rc;
    *out_is_new = true;
    for (size_t i = 0; i < job->value_schemas.size; i++)
        if (lg_schema_equal_canonical(job->value_schemas.data[i], schema))
            *out_is_new = false;
    return LG_OK;
}

static void register_schema(struct lg_pushjob *job)
{
    struct lg_error err = {0};
    bool is_new;

    if (find_new_schema(job, &is_new, &err) != LG_OK) {
        lg_pushjob_fail(job, &err);
        return;
    }
    if (!is_new) {
        schemas_known(job);
        return;
    }
    lg_pushjob_prepare(job);
    lg_pushjob_with(job, "value_schema", job->new_value);
    if (job->o.dry_run)
        lg_pushjob_with(job, "lagoon_dry_run", "true");
    lg_pushjob_ask(job, LG_API_add_value_schema, schema_registered);
}

static void value_schemas_found(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);
    struct lg_error err = {0};

    if (lg_pushjob_went_wrong(job, call))
        return;
    if (take_value_schemas(job, lg_json_get(call->answer, "schemas"), &err) != LG_OK)
        lg_pushjob_fail(job, &err);
    else if (job->o.register_schema && job->rows == NULL)
        register_schema(job);
    else
        schemas_known(job);
}

/* Takes over the store's key schema. After plan_store it must be the one the file was read with. */
static enum lg_rc take_key_schema(struct lg_pushjob *job, const char *text, struct lg_error *err)
{
    LG_AUTO(lg_schema) *schema = NULL;

    if (lg_schema_parse(lg_slice_str(text), &schema, err) != LG_OK)
        return err->rc;
    if (job->key_schema == NULL)
        job->key_schema = LG_TAKE(schema);
    else if (!lg_schema_equal_canonical(job->key_schema, schema))
        return made_meanwhile(job, "key", err);
    return LG_OK;
}

static void key_schema_found(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);
    struct lg_error err = {0};

    if (lg_pushjob_went_wrong(job, call))
        return;
    if (take_key_schema(job, lg_json_get_str(call->answer, "schemaStr", ""), &err) != LG_OK) {
        lg_pushjob_fail(job, &err);
        return;
    }
    lg_pushjob_prepare(job);
    lg_pushjob_ask(job, LG_API_get_all_value_schema, value_schemas_found);
}

enum lg_rc lg_pushjob_shape_changed(const struct lg_pushjob *job, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_CONFLICT,
                        "compression or chunking of store '%s' changed while the push was reading; "
                        "push again",
                        job->o.store);
}

/* When the values were read before, they must have been made ready for the same. */
static enum lg_rc take_shape(struct lg_pushjob *job, const struct lg_json *store,
                             struct lg_error *err)
{
    struct lg_packer_shape shape;

    if (lg_packer_shape_of_store(store, &shape, err) != LG_OK)
        return lg_error_wrap(err, "store '%s'", job->o.store);
    if (job->packer != NULL && !lg_packer_shape_equal(&shape, &job->outcome.shape))
        return lg_pushjob_shape_changed(job, err);
    job->outcome.shape = shape;
    return LG_OK;
}

static void store_found(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);
    struct lg_error err = {0};
    int64_t partitions;

    if (call->rc == LG_ERR_NO_STORE && job->o.create_store && !job->o.empty && job->rows == NULL &&
        !job->cancelled) {
        job->outcome.fit = LG_PUSH_FIT_NEW;
        plan_store(job);
        return;
    }
    if ((call->rc == LG_ERR_UNAVAILABLE || call->rc == LG_ERR_TIMEOUT) && job->o.dry_run &&
        !job->o.empty && !job->cancelled && lg_input_format(job->input) == LG_INPUT_AVRO) {
        job->outcome.fit = LG_PUSH_FIT_UNKNOWN; /* The file can be judged by itself. */
        plan_store(job);
        return;
    }
    if (call->rc == LG_ERR_NO_STORE && !job->o.create_store && !job->o.empty &&
        strstr(call->err.text, "undelete") == NULL) { /* A deleted one still holds the name. */
        size_t length = strlen(call->err.text);

        (void)snprintf(call->err.text + length, sizeof call->err.text - length,
                       "; `--create` makes it from the file's schema");
    }
    if (lg_pushjob_went_wrong(job, call))
        return;
    partitions = lg_json_get_int(lg_json_get(call->answer, "store"), "partitionCount", 0);
    if (partitions < 1 || partitions > LG_TOPIC_PARTITIONS_MAX) {
        (void)lg_error_set(&err, LG_ERR_BAD_DATA, "store '%s' has %lld partitions", job->o.store,
                           (long long)partitions);
        lg_pushjob_fail(job, &err);
        return;
    }
    job->outcome.partitions = (uint32_t)partitions;
    if (take_shape(job, lg_json_get(call->answer, "store"), &err) != LG_OK) {
        lg_pushjob_fail(job, &err);
        return;
    }
    if (job->o.empty) {
        if (job->o.dry_run)
            lg_pushjob_end(job);
        else
            lg_pushjob_request(job);
        return;
    }
    lg_pushjob_prepare(job);
    lg_pushjob_ask(job, LG_API_get_key_schema, key_schema_found);
}

static void step_find(struct lg_pushjob *job)
{
    lg_pushjob_prepare(job);
    lg_pushjob_ask(job, LG_API_store, store_found);
}

/* --- The file. ---------------------------------------------------------------------------------
 */

/* On a pool thread; the lane touches nothing of the input meanwhile. */
static enum lg_rc next_of_input(void *ctx, struct lg_row *out, bool *out_end, struct lg_error *err)
{
    struct lg_pushjob *job = ctx;

    enum lg_rc rc;

    out->origin = lg_input_records(job->input);
    rc = lg_input_next(job->input, &out->key, &out->value, out_end, err);
    if (rc == LG_OK && !*out_end) {
        job->outcome.key_bytes_max = LG_MAX(job->outcome.key_bytes_max, out->key.size);
        job->outcome.value_bytes_max = LG_MAX(job->outcome.value_bytes_max, out->value.size);
    }
    return rc;
}

/* On a pool thread: the same, ready to be stored. */
static enum lg_rc next_packed(void *ctx, struct lg_row *out, bool *out_end, struct lg_error *err)
{
    struct lg_pushjob *job = ctx;
    char place[LG_INPUT_PLACE_BYTES_MAX];
    enum lg_rc rc = lg_packer_next(job->packer, out, out_end, err);

    if (rc != LG_ERR_TOO_LARGE)
        return rc;
    lg_input_place(job->input, out->origin, place);
    return lg_error_wrap(err, "%s", place);
}

/* On a pool thread: the rows that were sorted for another number of partitions. */
static enum lg_rc next_of_rows(void *ctx, struct lg_row *out, bool *out_end, struct lg_error *err)
{
    struct lg_pushjob *job = ctx;
    enum lg_rc rc = LG_OK;

    for (; job->before_partition < lg_rows_partitions(job->before); job->before_partition++) {
        if (job->before_stream == NULL)
            job->before_stream = lg_rows_stream_new(job->before, job->before_partition);
        rc = lg_rows_stream_next(job->before_stream, out, out_end, err);
        if (rc != LG_OK || !*out_end)
            return rc;
        lg_rows_stream_free(LG_TAKE(job->before_stream));
    }
    *out_end = true;
    return LG_OK;
}

static void read_some(void *ctx)
{
    struct lg_pushjob *job = ctx;

    if (job->sm.now == LG_PUSH_READING)
        lg_pushjob_tell(job, lg_input_offset(job->input), job->o.file_bytes);
}

static void settled_some(void *ctx, uint32_t done)
{
    struct lg_pushjob *job = ctx;

    if (job->sm.now == LG_PUSH_READING)
        lg_sm_move(&job->sm, LG_PUSH_SORTING);
    lg_pushjob_tell(job, done, job->outcome.partitions);
}

/* Everything is known that can be known without changing anything. */
static void end_dry_run(struct lg_pushjob *job)
{
    job->outcome.records = lg_rows_total(job->rows);
    job->partition_records = lg_new_array(uint64_t, job->outcome.partitions);
    for (uint32_t i = 0; i < job->outcome.partitions; i++)
        job->partition_records[i] = lg_rows_count(job->rows, i);
    job->outcome.partition_records = job->partition_records;
    lg_pushjob_end(job);
}

static void rows_ready(struct lg_pushjob *job)
{
    struct lg_error err;

    if (lg_rows_total(job->rows) == 0) { /* Nobody means it, and everything would be gone. */
        (void)lg_error_set(&err, LG_ERR_BAD_DATA,
                           "the input holds no record; `lagoon push %s --empty` serves a version "
                           "without one, if that is meant",
                           job->o.store);
        lg_pushjob_fail(job, &err);
        return;
    }
    if (job->outcome.fit == LG_PUSH_FIT_SAME && lg_input_resolves(job->input))
        job->outcome.fit = LG_PUSH_FIT_RESOLVED;
    if (job->o.dry_run) {
        end_dry_run(job);
        return;
    }
    if (job->creates) {
        step_create(job);
        return;
    }
    job->outcome.records = lg_rows_total(job->rows);
    lg_pushjob_request(job);
}

static void gathered(void *ctx, enum lg_rc rc, const struct lg_error *err,
                     const struct lg_rows_conflict *conflict)
{
    struct lg_pushjob *job = ctx;
    struct lg_error why = err == NULL ? (struct lg_error){0} : *err;

    if (rc == LG_ERR_BAD_DATA && conflict->key.size > 0)
        lg_conflict_name(&(struct lg_conflict_view){.key_schema = job->key_schema,
                                                    .value_schema = job->value_schema,
                                                    .input = job->input,
                                                    .packer = job->packer},
                         conflict, &why);
    if (rc == LG_OK)
        job->rows = lg_gather_take(job->gather);
    lg_gather_free(LG_TAKE(job->gather));
    lg_rows_stream_free(LG_TAKE(job->before_stream));
    lg_rows_free(LG_TAKE(job->before));
    if (lg_pushjob_went_wrong(job, NULL)) /* Cancelled: that is what is to be told. */
        return;
    if (rc != LG_OK) {
        lg_pushjob_fail(job, &why);
        return;
    }
    if (job->sm.now == LG_PUSH_READING)
        lg_sm_move(&job->sm, LG_PUSH_SORTING);
    if (job->outcome.bytes == 0)
        job->outcome.bytes = lg_rows_bytes(job->rows);
    job->outcome.raw_bytes = lg_packer_raw_bytes(job->packer);
    job->outcome.packed_bytes = lg_packer_packed_bytes(job->packer);
    job->outcome.duplicates += lg_rows_duplicates(job->rows);
    rows_ready(job);
}

/* Sorts what `next` gives into the partitions of the store. */
static void gather(struct lg_pushjob *job,
                   enum lg_rc (*next)(void *, struct lg_row *, bool *, struct lg_error *))
{
    uint64_t number = lg_rand_next(&job->o.lane->rand);

    lg_free(job->temp_name);
    job->temp_name = lg_strf("lagoon-push-%016llx.tmp", (unsigned long long)number);
    job->gather = lg_gather_start(&(struct lg_gather_options){
        .lane = job->o.lane,
        .rows = {.partitions = job->outcome.partitions,
                 .duplicates = job->o.duplicates,
                 .memory_bytes = job->o.sort_memory_bytes,
                 .disk = job->o.temp_disk,
                 .temp_folder = job->o.temp_folder,
                 .temp_name = job->temp_name},
        .next = next,
        .read_some = read_some,
        .settled_some = settled_some,
        .finished = gathered,
        .ctx = job,
    });
}

/* The store was made meanwhile, perhaps with another number of partitions. */
static void spread_anew(struct lg_pushjob *job)
{
    lg_sm_move(&job->sm, LG_PUSH_SORTING);
    if (lg_rows_partitions(job->rows) == job->outcome.partitions) {
        rows_ready(job);
        return;
    }
    lg_pushjob_tell(job, 0, 0);
    job->before = LG_TAKE(job->rows);
    job->before_partition = 0;
    gather(job, next_of_rows);
}

static void open_work(struct lg_offload *offload)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(offload, struct lg_pushjob, offload);

    if (!job->o.empty)
        (void)!lg_input_open(&job->o.input, &job->input, &job->offload_err);
}

static void opened(struct lg_offload *offload)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(offload, struct lg_pushjob, offload);

    if (job->offload_err.rc == LG_OK)
        (void)!lg_api_client_new(job->http, job->o.lane, job->o.controller_url, &job->api,
                                 &job->offload_err);
    if (job->offload_err.rc != LG_OK)
        lg_pushjob_fail(job, &job->offload_err);
    else if (!lg_pushjob_went_wrong(job, NULL))
        step_find(job);
}

/* --- From outside. -----------------------------------------------------------------------------
 */

struct lg_pushjob *lg_pushjob_start(const struct lg_pushjob_options *options)
{
    struct lg_pushjob *job = lg_new(struct lg_pushjob);

    job->o = *options;
    if (job->o.lease_ms == 0)
        job->o.lease_ms = LEASE_MS_DEFAULT;
    job->deadline_us = lg_lane_now_us(job->o.lane) + options->timeout_ms * LG_MS;
    lg_sm_start(&job->sm, states);
    job->http = lg_http_client_new(options->transport, options->lane);
    job->offload.work = open_work;
    job->offload.done = opened;
    lg_offload(job->o.lane, &job->offload);
    return job;
}

void lg_pushjob_cancel(struct lg_pushjob *job)
{
    job->cancelled = true;
    if (job->gather != NULL)
        lg_gather_cancel(job->gather);
    if (job->spread_open)
        lg_spread_cancel(job->spread);
    if (job->serving_open)
        lg_serving_wait_cancel(&job->serving);
}

const struct lg_push_outcome *lg_pushjob_outcome(const struct lg_pushjob *job)
{
    return &job->outcome;
}

void lg_pushjob_free(struct lg_pushjob *job)
{
    if (job == NULL)
        return;
    lg_serving_wait_done(&job->serving);
    lg_api_call_done(&job->call);
    lg_api_call_done(&job->heartbeat);
    lg_api_client_free(job->api);
    if (job->log != NULL)
        job->o.close_log(job->o.ctx, job->log);
    lg_http_client_free(job->http);
    lg_spread_free(job->spread);
    lg_rows_free(job->rows);
    lg_free(job->temp_name);
    lg_free(job->partition_records);
    lg_free(job->new_key);
    lg_free(job->new_value);
    lg_packer_free(job->packer);
    lg_input_close(job->input);
    lg_schema_unref(job->key_schema);
    for (size_t i = 0; i < job->value_schemas.size; i++)
        lg_schema_unref(job->value_schemas.data[i]);
    LG_VEC_DONE(&job->value_schemas);
    LG_VEC_DONE(&job->value_ids);
    lg_buf_done(&job->parameter);
    lg_free(job->topic);
    lg_free(job);
}
