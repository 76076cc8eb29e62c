#include "pushjob/pushjob.h"

#include <stdio.h>

#include "api/api_client.h"
#include "avro/canonical.h"
#include "avro/json_text.h"
#include "base/str.h"
#include "base/vec.h"
#include "lane/sm.h"
#include "pushjob/confirm.h"
#include "pushjob/gather.h"
#include "pushjob/spread.h"
#include "writer/segment.h"

#define LEASE_MS_DEFAULT 30000u
#define POLL_MS 100u
#define CALL_TIMEOUT_MS 30000u
#define VALUE_SCHEMAS_MAX 1000u /* the latest ones, which a file's schema is looked for among */
/* Until the controller has said how many partitions a new store has: a wrong guess costs a second
 * sort. */
#define PARTITIONS_GUESS 4u

static const struct lg_sm_state states[] = {
    [LG_PUSH_FINDING] = {"finding",
                         LG_TO(LG_PUSH_READING) | LG_TO(LG_PUSH_SORTING) | LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_CREATING] = {"creating", LG_TO(LG_PUSH_FINDING) | LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_READING] = {"reading", LG_TO(LG_PUSH_SORTING) | LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_SORTING] = {"sorting", LG_TO(LG_PUSH_CREATING) | LG_TO(LG_PUSH_REQUESTING) |
                                        LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_REQUESTING] = {"requesting", LG_TO(LG_PUSH_WRITING) | LG_TO(LG_PUSH_KILLING) |
                                              LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_WRITING] = {"writing", LG_TO(LG_PUSH_ENDING) | LG_TO(LG_PUSH_KILLING)},
    [LG_PUSH_ENDING] = {"ending", LG_TO(LG_PUSH_WAITING) | LG_TO(LG_PUSH_KILLING)},
    [LG_PUSH_WAITING] = {"waiting", LG_TO(LG_PUSH_CONFIRMING) | LG_TO(LG_PUSH_KILLING)},
    [LG_PUSH_CONFIRMING] = {"confirming", LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_KILLING] = {"killing", LG_TO(LG_PUSH_FINISHED)},
    [LG_PUSH_FINISHED] = {"finished", 0},
};

struct lg_pushjob {
    struct lg_pushjob_options o;
    struct lg_push_outcome outcome;
    struct lg_sm sm;
    uint64_t deadline_us;
    bool cancelled;

    struct lg_http_client *http;
    struct lg_api_client *api;
    struct lg_api_call call;      /* One at a time: the main thread of the push. */
    struct lg_api_call heartbeat; /* Beside it. */
    bool heartbeat_open;
    struct lg_timer heartbeat_timer, poll_timer;

    struct lg_schema *key_schema;
    LG_VEC(struct lg_schema *) value_schemas; /* the store's, the latest first */
    LG_VEC(int32_t) value_ids;                /* their ids */
    const struct lg_schema *value_schema;     /* the one that the values are written with */
    bool creates; /* The store is not there; it is made once the file has proved to be good. */
    char *new_key, *new_value; /* Its schemas, then. */
    int32_t schema_id;
    struct lg_input *input;
    struct lg_gather *gather; /* under way */
    struct lg_rows *rows;     /* Settled. */
    char *temp_name;
    struct lg_rows *before; /* Being spread over another number of partitions. */
    struct lg_rows_stream *before_stream;
    uint32_t before_partition;
    struct lg_offload offload;
    struct lg_error offload_err; /* What the pool thread found; rc LG_OK: nothing. */
    struct lg_buf parameter;     /* A long value of a call. */

    char *topic;
    struct lg_pubsub *log;
    struct lg_spread *spread;
    bool spread_open;

    struct lg_confirm *confirm; /* under way */
    struct lg_task finish;
};

static void step_find(struct lg_pushjob *job);
static void step_request(struct lg_pushjob *job);
static void step_wait(struct lg_pushjob *job);
static enum lg_rc next_of_input(void *ctx, struct lg_row *out, bool *out_end, struct lg_error *err);
static void gather(struct lg_pushjob *job,
                   enum lg_rc (*next)(void *, struct lg_row *, bool *, struct lg_error *));
static void spread_anew(struct lg_pushjob *job);
static void fail(struct lg_pushjob *job, const struct lg_error *err);

const char *lg_push_phase_name(enum lg_push_phase phase)
{
    return states[phase].name;
}

static void tell(struct lg_pushjob *job, uint64_t done, uint64_t total)
{
    job->o.progress(job->o.ctx, &(struct lg_push_progress){(enum lg_push_phase)job->sm.now, done,
                                                           total, job->outcome.version});
}

static void enter(struct lg_pushjob *job, enum lg_push_phase phase)
{
    lg_sm_move(&job->sm, phase);
    tell(job, 0, 0);
}

/* --- Calls to the controller. ------------------------------------------------------------------
 */

static void ask(struct lg_pushjob *job, enum lg_api_route route, void (*done)(struct lg_api_call *))
{
    uint64_t soon = lg_lane_now_us(job->o.lane) + CALL_TIMEOUT_MS * LG_MS;

    job->call.route = route;
    job->call.deadline_us = LG_MIN(soon, job->deadline_us);
    job->call.done = done;
    lg_api_call_submit(job->api, &job->call);
}

static void with(struct lg_pushjob *job, const char *name, const char *value)
{
    lg_api_call_param(&job->call, name, value);
}

static void with_number(struct lg_pushjob *job, const char *name, int64_t value)
{
    LG_AUTO_STR char *text = lg_strf("%lld", (long long)value);

    lg_api_call_param(&job->call, name, text);
}

/* Begins a call: the answer before is forgotten, the store is named. */
static void prepare(struct lg_pushjob *job)
{
    lg_api_call_done(&job->call);
    with(job, "store_name", job->o.store);
}

/* True when the call failed or the push was cancelled: then the job is on its way to its end. */
static bool went_wrong(struct lg_pushjob *job, const struct lg_api_call *call)
{
    struct lg_error err = {0};

    if (job->cancelled)
        (void)lg_error_set(&err, LG_ERR_CANCELLED, "the push was cancelled");
    else if (call != NULL && call->rc != LG_OK)
        err = call->err;
    if (err.rc == LG_OK)
        return false;
    fail(job, &err);
    return true;
}

/* --- The end. ----------------------------------------------------------------------------------
 */

static void finish(struct lg_task *task)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(task, struct lg_pushjob, finish);

    if (job->heartbeat_open) /* Its answer comes; then we are called again. */
        return;
    job->o.finished(job->o.ctx, job);
}

static void end(struct lg_pushjob *job)
{
    enter(job, LG_PUSH_FINISHED);
    lg_timer_stop(job->o.lane, &job->heartbeat_timer);
    lg_timer_stop(job->o.lane, &job->poll_timer);
    job->finish.run = finish;
    lg_lane_post(job->o.lane, &job->finish);
}

static void killed(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);

    if (call->rc != LG_OK) /* The lease sees to it; the first error is the one to tell. */
        (void)lg_error_wrap(&job->outcome.err, "version %d could not be dropped (%s)",
                            job->outcome.version, call->err.text);
    end(job);
}

static void fail(struct lg_pushjob *job, const struct lg_error *err)
{
    if (job->outcome.rc == LG_OK) {
        job->outcome.rc = err->rc;
        job->outcome.err = *err;
    }
    if (job->spread_open) { /* Comes back through spread_finished. */
        lg_spread_cancel(job->spread);
        return;
    }
    if (job->outcome.version == 0 || job->sm.now == LG_PUSH_CONFIRMING) {
        end(job);
        return;
    }
    enter(job, LG_PUSH_KILLING);
    prepare(job);
    with(job, "topic", job->topic);
    with_number(job, "version", job->outcome.version);
    job->deadline_us = lg_lane_now_us(job->o.lane) + CALL_TIMEOUT_MS * LG_MS;
    ask(job, LG_API_kill_offline_push_job, killed);
}

/* --- The store. --------------------------------------------------------------------------------
 */

static void store_created(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);

    /* Somebody may have been faster: then it is there, which is what was wanted. */
    if (call->rc != LG_ERR_CONFLICT && went_wrong(job, call))
        return;
    job->creates = false;
    job->outcome.store_created = call->rc == LG_OK;
    lg_sm_move(&job->sm, LG_PUSH_FINDING);
    step_find(job);
}

static void step_create(struct lg_pushjob *job)
{
    enter(job, LG_PUSH_CREATING);
    prepare(job);
    with(job, "key_schema", job->new_key);
    with(job, "value_schema", job->new_value);
    with(job, "owner", job->o.owner);
    if (job->o.partitions != 0)
        with_number(job, "partition_count", job->o.partitions);
    ask(job, LG_API_new_store, store_created);
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
        fail(job, &err);
        return;
    }
    job->value_schema = job->value_schemas.data[chosen];
    job->schema_id = job->value_ids.data[chosen];
    enter(job, LG_PUSH_READING);
    gather(job, next_of_input);
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
        fail(job, &err);
        return;
    }
    job->o.creating(job->o.ctx, job->new_key, job->new_value);
    job->creates = true;
    job->outcome.partitions = job->o.partitions != 0 ? job->o.partitions : PARTITIONS_GUESS;
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
            job->schema_id = job->value_ids.data[i];
            return LG_OK;
        }
    return made_meanwhile(job, "value", err);
}

static void value_schemas_found(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);
    struct lg_error err = {0};

    if (went_wrong(job, call))
        return;
    if (take_value_schemas(job, lg_json_get(call->answer, "schemas"), &err) != LG_OK)
        fail(job, &err);
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

    if (went_wrong(job, call))
        return;
    if (take_key_schema(job, lg_json_get_str(call->answer, "schemaStr", ""), &err) != LG_OK) {
        fail(job, &err);
        return;
    }
    prepare(job);
    ask(job, LG_API_get_all_value_schema, value_schemas_found);
}

static void store_found(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);
    struct lg_error err = {0};
    int64_t partitions;

    if (call->rc == LG_ERR_NO_STORE && job->o.create_store && job->rows == NULL &&
        !job->cancelled) {
        plan_store(job);
        return;
    }
    if (call->rc == LG_ERR_NO_STORE && !job->o.create_store) {
        size_t length = strlen(call->err.text);

        (void)snprintf(call->err.text + length, sizeof call->err.text - length,
                       "; `--create` makes it from the file's schema");
    }
    if (went_wrong(job, call))
        return;
    partitions = lg_json_get_int(lg_json_get(call->answer, "store"), "partitionCount", 0);
    if (partitions < 1 || partitions > LG_TOPIC_PARTITIONS_MAX) {
        (void)lg_error_set(&err, LG_ERR_BAD_DATA, "store '%s' has %lld partitions", job->o.store,
                           (long long)partitions);
        fail(job, &err);
        return;
    }
    job->outcome.partitions = (uint32_t)partitions;
    prepare(job);
    ask(job, LG_API_get_key_schema, key_schema_found);
}

static void step_find(struct lg_pushjob *job)
{
    prepare(job);
    ask(job, LG_API_store, store_found);
}

/* --- The file. ---------------------------------------------------------------------------------
 */

/* Two records, one key: says which, in words of the schemas. */
static void name_conflict(const struct lg_pushjob *job, const struct lg_rows_conflict *conflict,
                          struct lg_error *err)
{
    struct lg_decoder kd = lg_decoder_of(lg_buf_slice(&conflict->key));
    LG_SCOPED(lg_buf) key = {0}, a = {0}, b = {0};
    struct lg_buf *texts[2] = {&a, &b};
    char places[2][LG_INPUT_PLACE_BYTES_MAX];
    struct lg_error ignored;

    for (size_t i = 0; i < 2; i++) {
        struct lg_decoder d = lg_decoder_of(lg_buf_slice(&conflict->values[i]));

        if (lg_avro_to_json(job->value_schema, &d, texts[i], &ignored) != LG_OK)
            return; /* The sentence that is there will do. */
        lg_input_place(job->input, conflict->origins[i], places[i]);
    }
    if (lg_avro_to_json(job->key_schema, &kd, &key, &ignored) != LG_OK)
        return;
    (void)lg_error_set(
        err, LG_ERR_BAD_DATA,
        "two different records have the key %.*s: %s has %.*s, %s has %.*s; keep one, "
        "or choose with --duplicates first or last",
        (int)LG_MIN(key.size, (size_t)80), (const char *)key.data, places[0],
        (int)LG_MIN(a.size, (size_t)120), (const char *)a.data, places[1],
        (int)LG_MIN(b.size, (size_t)120), (const char *)b.data);
}

/* On a pool thread; the lane touches nothing of the input meanwhile. */
static enum lg_rc next_of_input(void *ctx, struct lg_row *out, bool *out_end, struct lg_error *err)
{
    struct lg_pushjob *job = ctx;

    out->origin = lg_input_records(job->input);
    return lg_input_next(job->input, &out->key, &out->value, out_end, err);
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
        tell(job, lg_input_offset(job->input), job->o.file_bytes);
}

static void settled_some(void *ctx, uint32_t done)
{
    struct lg_pushjob *job = ctx;

    if (job->sm.now == LG_PUSH_READING)
        lg_sm_move(&job->sm, LG_PUSH_SORTING);
    tell(job, done, job->outcome.partitions);
}

static void rows_ready(struct lg_pushjob *job)
{
    if (job->creates) {
        step_create(job);
        return;
    }
    job->outcome.records = lg_rows_total(job->rows);
    step_request(job);
}

static void gathered(void *ctx, enum lg_rc rc, const struct lg_error *err,
                     const struct lg_rows_conflict *conflict)
{
    struct lg_pushjob *job = ctx;
    struct lg_error why = err == NULL ? (struct lg_error){0} : *err;

    if (rc == LG_ERR_BAD_DATA && conflict->key.size > 0)
        name_conflict(job, conflict, &why);
    if (rc == LG_OK)
        job->rows = lg_gather_take(job->gather);
    lg_gather_free(LG_TAKE(job->gather));
    lg_rows_stream_free(LG_TAKE(job->before_stream));
    lg_rows_free(LG_TAKE(job->before));
    if (went_wrong(job, NULL)) /* Cancelled: that is what is to be told. */
        return;
    if (rc != LG_OK) {
        fail(job, &why);
        return;
    }
    if (job->sm.now == LG_PUSH_READING)
        lg_sm_move(&job->sm, LG_PUSH_SORTING);
    if (job->outcome.bytes == 0)
        job->outcome.bytes = lg_rows_bytes(job->rows);
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
    tell(job, 0, 0);
    job->before = LG_TAKE(job->rows);
    job->before_partition = 0;
    gather(job, next_of_rows);
}

static void open_work(struct lg_offload *offload)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(offload, struct lg_pushjob, offload);

    (void)!lg_input_open(&job->o.input, &job->input, &job->offload_err);
}

static void opened(struct lg_offload *offload)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(offload, struct lg_pushjob, offload);

    if (job->offload_err.rc == LG_OK)
        (void)!lg_api_client_new(job->http, job->o.lane, job->o.controller_url, &job->api,
                                 &job->offload_err);
    if (job->offload_err.rc != LG_OK)
        fail(job, &job->offload_err);
    else if (!went_wrong(job, NULL))
        step_find(job);
}

/* --- The version. ------------------------------------------------------------------------------
 */

static void heartbeat_due(struct lg_timer *timer);

static void heartbeat_answered(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, heartbeat);

    job->heartbeat_open = false; /* A lost heartbeat is repeated by the next. */
    if (job->sm.now == LG_PUSH_FINISHED)
        finish(&job->finish);
    else
        lg_timer_start(job->o.lane, &job->heartbeat_timer, job->o.lease_ms / 3 * LG_MS,
                       heartbeat_due);
}

static void heartbeat_due(struct lg_timer *timer)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(timer, struct lg_pushjob, heartbeat_timer);
    LG_AUTO_STR char *version = lg_strf("%d", job->outcome.version);

    lg_api_call_done(&job->heartbeat);
    lg_api_call_param(&job->heartbeat, "store_name", job->o.store);
    lg_api_call_param(&job->heartbeat, "version", version);
    job->heartbeat.route = LG_API_push_heartbeat;
    job->heartbeat.deadline_us = lg_lane_now_us(job->o.lane) + job->o.lease_ms / 3 * LG_MS;
    job->heartbeat.done = heartbeat_answered;
    job->heartbeat_open = true;
    lg_api_call_submit(job->api, &job->heartbeat);
}

static void wrote_some(void *ctx, uint64_t records)
{
    struct lg_pushjob *job = ctx;

    tell(job, records, job->outcome.records);
}

static void end_requested(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);

    if (went_wrong(job, call))
        return;
    enter(job, LG_PUSH_WAITING);
    step_wait(job);
}

/* The number of rows per partition, which each server compares with what it took in. */
static void write_counts(struct lg_pushjob *job)
{
    lg_buf_clear(&job->parameter);
    for (uint32_t i = 0; i < job->outcome.partitions; i++)
        lg_buf_appendf(&job->parameter, "%s\"%u\":%llu", i == 0 ? "{" : ",", i,
                       (unsigned long long)lg_rows_count(job->rows, i));
    lg_buf_append_str(&job->parameter, "}");
    lg_buf_append_byte(&job->parameter, 0);
}

static void spread_finished(void *ctx, enum lg_rc rc, const struct lg_error *err)
{
    struct lg_pushjob *job = ctx;

    job->spread_open = false;
    if (job->outcome.rc != LG_OK) { /* fail() cancelled it. */
        fail(job, &job->outcome.err);
        return;
    }
    if (rc != LG_OK) {
        fail(job, err);
        return;
    }
    if (went_wrong(job, NULL))
        return;
    enter(job, LG_PUSH_ENDING);
    write_counts(job);
    prepare(job);
    with_number(job, "version", job->outcome.version);
    with(job, "partition_record_counts", (const char *)job->parameter.data);
    ask(job, LG_API_end_of_push, end_requested);
}

static void step_write(struct lg_pushjob *job)
{
    enter(job, LG_PUSH_WRITING);
    job->spread_open = true;
    job->spread = lg_spread_start(&(struct lg_spread_options){
        .lane = job->o.lane,
        .log = job->log,
        .topic = job->topic,
        .rows = job->rows,
        .guid = lg_segment_guid_of(lg_slice_str(job->o.push_id)),
        .schema_id = job->schema_id,
        .host_name = job->o.host_name,
        .deadline_us = job->deadline_us,
        .progress = wrote_some,
        .finished = spread_finished,
        .ctx = job,
    });
}

static void version_given(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);
    const char *topic, *url;
    struct lg_error err = {0};

    if (call->rc != LG_OK && went_wrong(job, call))
        return;
    job->outcome.version = (int32_t)lg_json_get_int(call->answer, "version", 0);
    topic = lg_json_get_str(call->answer, "kafkaTopic", "");
    url = lg_json_get_str(call->answer, "kafkaBootstrapServers", "");
    job->topic = lg_strdup(topic);
    if (went_wrong(job, NULL)) /* Cancelled meanwhile: now it is known what is to be dropped. */
        return;
    if (lg_json_get_int(call->answer, "partitions", 0) != job->outcome.partitions)
        (void)lg_error_set(&err, LG_ERR_CONFLICT,
                           "store '%s' changed its partition count meanwhile; push again",
                           job->o.store);
    else
        (void)!job->o.open_log(job->o.ctx, url, &job->log, &err);
    if (err.rc != LG_OK) {
        fail(job, &err);
        return;
    }
    lg_timer_start(job->o.lane, &job->heartbeat_timer, job->o.lease_ms / 3 * LG_MS, heartbeat_due);
    step_write(job);
}

static void step_request(struct lg_pushjob *job)
{
    enter(job, LG_PUSH_REQUESTING);
    prepare(job);
    with(job, "push_type", "BATCH");
    with(job, "push_job_id", job->o.push_id);
    with(job, "start_of_push", "true");
    with(job, "push_in_sorted_order", "true");
    with_number(job, "store_size", (int64_t)job->outcome.bytes);
    with_number(job, "lagoon_lease_ms", (int64_t)job->o.lease_ms);
    ask(job, LG_API_request_topic, version_given);
}

/* --- Until it is served. -----------------------------------------------------------------------
 */

static void routers_told(void *ctx, uint64_t done, uint64_t total)
{
    tell(ctx, done, total);
}

static void confirmed(void *ctx, enum lg_rc rc, const struct lg_error *err)
{
    struct lg_pushjob *job = ctx;

    lg_confirm_free(LG_TAKE(job->confirm));
    if (went_wrong(job, NULL))
        return;
    if (rc != LG_OK)
        fail(job, err);
    else
        end(job);
}

static void confirm(struct lg_pushjob *job)
{
    job->confirm = lg_confirm_start(&(struct lg_confirm_options){
        .lane = job->o.lane,
        .http = job->http,
        .api = job->api,
        .store = job->o.store,
        .version = job->outcome.version,
        .deadline_us = job->deadline_us,
        .waited_ms = job->o.timeout_ms,
        .progress = routers_told,
        .finished = confirmed,
        .ctx = job,
    });
}

static void poll_again(struct lg_pushjob *job, void (*due)(struct lg_timer *))
{
    struct lg_error err;

    if (lg_lane_now_us(job->o.lane) < job->deadline_us) {
        lg_timer_start(job->o.lane, &job->poll_timer, POLL_MS * LG_MS, due);
        return;
    }
    (void)lg_error_set(&err, LG_ERR_TIMEOUT,
                       "version %d is not served after %llu s; it was dropped",
                       job->outcome.version, (unsigned long long)(job->o.timeout_ms / 1000));
    fail(job, &err);
}

/* The push's own deadline ended the call: what to tell is what was waited for, not the call. */
static bool ran_out(struct lg_pushjob *job, const struct lg_api_call *call)
{
    return call->rc == LG_ERR_TIMEOUT && !job->cancelled &&
           lg_lane_now_us(job->o.lane) >= job->deadline_us;
}

static void wait_due(struct lg_timer *timer)
{
    step_wait(LG_CONTAINER_OF(timer, struct lg_pushjob, poll_timer));
}

static void job_answered(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);
    const struct lg_json *progress;
    const char *status;
    struct lg_error err = {0};

    if (ran_out(job, call)) {
        poll_again(job, wait_due);
        return;
    }
    if (went_wrong(job, call))
        return;
    status = lg_json_get_str(call->answer, "status", "");
    progress = lg_json_get(call->answer, "progress");
    tell(job, (uint64_t)lg_json_get_int(progress, "recordsIngested", 0), job->outcome.records);
    if (strcmp(status, "COMPLETED") == 0) {
        enter(job, LG_PUSH_CONFIRMING);
        confirm(job);
    } else if (strcmp(status, "ERROR") == 0 || strcmp(status, "ARCHIVED") == 0) {
        (void)lg_error_set(&err, LG_ERR_FAILED, "version %d failed: %s", job->outcome.version,
                           lg_json_get_str(call->answer, "statusDetails", "no reason is known"));
        fail(job, &err);
    } else {
        poll_again(job, wait_due);
    }
}

static void step_wait(struct lg_pushjob *job)
{
    prepare(job);
    with_number(job, "version", job->outcome.version);
    ask(job, LG_API_job, job_answered);
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
    if (job->confirm != NULL)
        lg_confirm_cancel(job->confirm);
}

const struct lg_push_outcome *lg_pushjob_outcome(const struct lg_pushjob *job)
{
    return &job->outcome;
}

void lg_pushjob_free(struct lg_pushjob *job)
{
    if (job == NULL)
        return;
    lg_api_call_done(&job->call);
    lg_api_call_done(&job->heartbeat);
    lg_api_client_free(job->api);
    if (job->log != NULL)
        job->o.close_log(job->o.ctx, job->log);
    lg_http_client_free(job->http);
    lg_spread_free(job->spread);
    lg_rows_free(job->rows);
    lg_free(job->temp_name);
    lg_free(job->new_key);
    lg_free(job->new_value);
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
