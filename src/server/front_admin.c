/* Diagnostics of a storage node. Texts inside the answers are ours: Venice's are dumps of its Java
 * objects, which nobody parses. On the server's lane. */
#include "server/front_admin.h"

#include <stdio.h>

#include "base/str.h"
#include "model/names.h"
#include "record/system_schema.h"
#include "server/front_answer.h"
#include "server/key_profiler.h"
#include "server/server.h"

#define ALL_PARTITIONS (-1)

/* --- Health. -----------------------------------------------------------------------------------
 */

void lg_front_health(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    LG_AUTO_STR char *fault = lg_replica_manager_disk_fault(f->replicas);

    if (fault != NULL)
        lg_front_refuse(rq, 500, "the disk is not healthy: %s", fault);
    else
        lg_http_respond_text(rq, 200, "OK");
}

/* --- /admin. -----------------------------------------------------------------------------------
 */

static void answer_admin(struct lg_http_request *rq, const struct lg_json *json)
{
    LG_SCOPED(lg_buf) body = {0};
    struct lg_error err = {0};

    if (lg_system_record_encode("SERVER_ADMIN_RESPONSE", LG_ADMIN_RESPONSE_SCHEMA_ID, json, &body,
                                &err) != LG_OK)
        lg_front_refuse(rq, 500, "SERVER_ADMIN_RESPONSE: %s", err.text);
    else
        lg_front_answer(rq, 200,
                        &(struct lg_front_head){.schema_id = LG_ADMIN_RESPONSE_SCHEMA_ID, .rcu = 1},
                        "avro/binary", lg_buf_slice(&body));
}

static struct lg_json *replica_json(const struct lg_replica_note *n)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "topic", n->topic);
    lg_json_set_int(json, "partition", n->partition);
    lg_json_set_str(json, "status", lg_push_status_name(n->status));
    lg_json_set_str(json, "role", lg_replica_state_name(n->role));
    lg_json_set_int(json, "term", n->term);
    lg_json_set_int(json, "reset", n->reset);
    lg_json_set_str(json, "state", n->state);
    lg_json_set_int(json, "records", (int64_t)n->records);
    lg_json_set_int(json, "bytes", (int64_t)n->bytes);
    lg_json_set_int(json, "failures", n->tries);
    lg_json_set_str(json, "error", n->fault[0] == '\0' ? NULL : n->fault);
    return json;
}

/* One replica as JSON text. */
static void describe(const struct lg_replica_note *n, struct lg_buf *out)
{
    LG_AUTO(lg_json) *json = replica_json(n);

    lg_json_write(out, json, /* pretty= */ false);
}

static void list_replica(void *ctx, const struct lg_replica_note *n)
{
    lg_json_push(ctx, replica_json(n));
}

void lg_front_replicas(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    struct lg_replica_sum sum = lg_replica_manager_sum(f->replicas);
    LG_AUTO(lg_json) *json = lg_json_new_object();
    struct lg_json *list = lg_json_new_array();
    LG_SCOPED(lg_buf) body = {0};

    lg_json_set_str(json, "instance", f->instance);
    lg_json_set_bool(json, "assignmentRead", sum.assignment_read);
    lg_json_set_bool(json, "metastore", sum.metastore);
    if (sum.refusal != NULL)
        lg_json_set_str(json, "refusal", sum.refusal);
    lg_json_set_int(json, "offline", sum.offline);
    lg_json_set_int(json, "standby", sum.standby);
    lg_json_set_int(json, "leader", sum.leader);
    lg_json_set_int(json, "error", sum.error);
    lg_json_set_int(json, "waitingToOpen", sum.waiting_to_open);
    lg_json_set_int(json, "waitingForLog", sum.log_away);
    lg_json_set(json, "replicas", list);
    lg_replica_manager_each_of_all(f->replicas, list_replica, list);
    lg_json_write(&body, json, /* pretty= */ false);
    lg_front_answer(rq, 200, &(struct lg_front_head){.schema_id = -1, .rcu = 1}, "application/json",
                    lg_buf_slice(&body));
}

struct dump {
    int64_t wanted; /* a partition, or ALL_PARTITIONS */
    struct lg_json *states;
};

static void dump_replica(void *ctx, const struct lg_replica_note *n)
{
    struct dump *dump = ctx;
    LG_SCOPED(lg_buf) text = {0};
    struct lg_json *json;
    bool done = n->status == LG_PUSH_COMPLETED;

    if (dump->wanted != ALL_PARTITIONS && dump->wanted != n->partition)
        return;
    describe(n, &text);
    json = lg_json_new_object();
    lg_json_set_int(json, "partitionId", n->partition);
    lg_json_set_bool(json, "hybrid", false);
    lg_json_set(json, "offsetRecord", lg_json_new_string(lg_buf_slice(&text)));
    lg_json_set_bool(json, "deferredWrite", !done);
    lg_json_set_bool(json, "errorReported", n->status == LG_PUSH_ERROR);
    lg_json_set_bool(json, "lagCaughtUp", done);
    lg_json_set_bool(json, "completionReported", done);
    lg_json_set_str(json, "leaderState", n->role == LG_REPLICA_LEADER ? "LEADER" : "STANDBY");
    lg_json_set_bool(json, "isLatchReleased", done);
    lg_json_push(dump->states, json);
}

static void dump_ingestion_state(const struct lg_front_rest *f, struct lg_http_request *rq,
                                 struct lg_slice topic, int64_t partition)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();
    struct dump dump = {.wanted = partition, .states = lg_json_new_array()};

    lg_json_set(json, "partitionConsumptionStates", dump.states);
    (void)lg_replica_manager_each(f->replicas, topic, dump_replica, &dump);
    if (lg_json_size(dump.states) == 0)
        lg_front_refuse_bad(rq, LG_FRONT_NO_RESOURCE, "No storage exists for: %.*s", LG_FMT(topic));
    else
        answer_admin(rq, json);
}

static void set_number(struct lg_json *json, const char *name, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    lg_json_set_str(json, name, text);
}

/* What this server was started with, and the limits it keeps. */
static void dump_server_configs(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    const struct lg_server_options *o = f->options;
    LG_AUTO(lg_json) *json = lg_json_new_object();
    struct lg_json *configs = lg_json_new_object(), *map = lg_json_new_object();

    lg_json_set_str(map, "version", LAGOON_VERSION);
    lg_json_set_str(map, "instance", f->instance);
    lg_json_set_str(map, "announced", f->announced);
    set_number(map, "connections.max", o->connections_max);
    set_number(map, "idle.ms", o->idle_ms);
    set_number(map, "batch.keys.max", LG_SERVER_BATCH_KEYS_MAX);
    set_number(map, "key.bytes.max", LG_SERVER_KEY_BYTES_MAX);
    set_number(map, "answer.bytes.max", LG_SERVER_ANSWER_BYTES_MAX);
    if (o->space != NULL)
        set_number(map, "disk.low.bytes", lg_disk_space_low_bytes(o->space));
    lg_json_set(configs, "configMap", map);
    lg_json_set(json, "serverConfigs", configs);
    answer_admin(rq, json);
}

void lg_front_admin(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    size_t segments = lg_http_path_segments(rq);
    struct lg_slice topic = LG_SLICE_NULL, action = LG_SLICE_NULL, text;
    int64_t partition = ALL_PARTITIONS;

    (void)lg_http_path_segment(rq, 1, &topic);
    (void)lg_http_path_segment(rq, 2, &action);
    if (segments == 3 && lg_slice_eq_str(action, "dump_server_configs"))
        dump_server_configs(f, rq);
    else if ((segments == 3 || (segments == 4 && lg_http_path_segment(rq, 3, &text) &&
                                lg_parse_i64(text, 0, INT32_MAX, &partition))) &&
             lg_slice_eq_str(action, "dump_ingestion_state"))
        dump_ingestion_state(f, rq, topic, partition);
    else
        lg_front_refuse_bad(rq, LG_FRONT_BAD_PATH,
                            "Not a valid admin action; there are /admin/<store>_v<N>/"
                            "dump_ingestion_state[/<partition>] and /admin/<store>_v<N>/"
                            "dump_server_configs");
}

/* --- One partition. ----------------------------------------------------------------------------
 */

/* {"payload": base64 of `text`, "error": ..., "message": ...}; `text` NULL: an error. */
static void answer_payload(struct lg_http_request *rq, const struct lg_buf *text,
                           const char *message)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();
    LG_SCOPED(lg_buf) payload = {0}, body = {0};

    if (text != NULL)
        lg_base64_encode(&payload, lg_buf_slice(text), /* url_safe= */ false);
    lg_json_set(json, "payload",
                text == NULL ? lg_json_new_null() : lg_json_new_string(lg_buf_slice(&payload)));
    lg_json_set_bool(json, "error", text == NULL);
    lg_json_set_str(json, "message", message);
    lg_json_write(&body, json, /* pretty= */ false);
    lg_front_answer(rq, 200, &(struct lg_front_head){.schema_id = -1, .rcu = 1}, "application/json",
                    lg_buf_slice(&body));
}

struct wanted {
    uint32_t partition;
    bool found;
    struct lg_buf *text; /* NULL: only whether it is there */
};

static void note_wanted(void *ctx, const struct lg_replica_note *n)
{
    struct wanted *w = ctx;

    if (n->partition != w->partition)
        return;
    w->found = true;
    if (w->text != NULL)
        describe(n, w->text);
}

void lg_front_ingestion_context(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    LG_SCOPED(lg_buf) text = {0};
    struct wanted w = {.text = &text};
    struct lg_slice version, topic, number;
    int64_t partition;

    if (lg_http_path_segments(rq) != 4 || !lg_http_path_segment(rq, 1, &version) ||
        !lg_http_path_segment(rq, 2, &topic) || !lg_http_path_segment(rq, 3, &number) ||
        !lg_parse_i64(number, 0, INT32_MAX, &partition)) {
        lg_front_refuse_bad(
            rq, LG_FRONT_BAD_PATH,
            "an ingestion context is GET /topic_partition_ingestion_context/<store>_v"
            "<N>/<topic>/<partition>");
        return;
    }
    w.partition = (uint32_t)partition;
    if (lg_slice_eq(version, topic)) /* Batch versions are read from their own topic alone. */
        (void)lg_replica_manager_each(f->replicas, version, note_wanted, &w);
    answer_payload(rq, w.found ? &text : NULL,
                   w.found ? NULL : "this server does not take in that partition of that topic");
}

void lg_front_heartbeat_lag(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    LG_SCOPED(lg_buf) text = {0};
    struct wanted w = {0};
    struct lg_slice topic, number, filter;
    int64_t partition;

    if (lg_http_path_segments(rq) != 4 || !lg_http_path_segment(rq, 1, &topic) ||
        !lg_http_path_segment(rq, 2, &number) || !lg_http_path_segment(rq, 3, &filter) ||
        !lg_parse_i64(number, 0, INT32_MAX, &partition) ||
        (!lg_slice_eq_str(filter, "true") && !lg_slice_eq_str(filter, "false"))) {
        lg_front_refuse_bad(rq, LG_FRONT_BAD_PATH,
                            "a heartbeat's lag is GET /host_heartbeat_lag/<store>_v<N>/<partition>/"
                            "<true|false>");
        return;
    }
    w.partition = (uint32_t)partition;
    (void)lg_replica_manager_each(f->replicas, topic, note_wanted, &w);
    lg_buf_append_str(&text, "{}"); /* Nobody sends heartbeats into a batch version. */
    answer_payload(rq, w.found ? &text : NULL,
                   w.found ? NULL : "this server does not take in that partition of that topic");
}

/* --- The key profiler. -------------------------------------------------------------------------
 */

static void profiler_start(const struct lg_front_rest *f, struct lg_http_request *rq,
                           struct lg_slice topic)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();
    struct lg_slice duration, top;
    struct lg_replica *replica = NULL;
    struct lg_error err = {0};
    int64_t seconds = 0, top_k = LG_PROFILER_TOP_K_DEFAULT;

    if (!lg_http_param(rq, "duration", &duration) ||
        !lg_parse_i64(duration, 1, LG_PROFILER_DURATION_MS_MAX / 1000, &seconds))
        lg_front_refuse_bad(rq, LG_FRONT_BAD_PARAMETER, "duration must be 1 to %d seconds",
                            LG_PROFILER_DURATION_MS_MAX / 1000);
    else if (lg_http_param(rq, "topK", &top) &&
             !lg_parse_i64(top, 1, LG_PROFILER_TOP_K_MAX, &top_k))
        lg_front_refuse_bad(rq, LG_FRONT_BAD_PARAMETER, "topK must be 1 to %d",
                            LG_PROFILER_TOP_K_MAX);
    else if (lg_replica_manager_find_any(f->replicas, topic, &replica) == LG_REPLICA_NOT_OURS)
        lg_front_refuse_bad(rq, LG_FRONT_NO_RESOURCE, "No storage exists for: %.*s", LG_FMT(topic));
    else if (lg_key_profiler_start(f->profiler, topic, seconds * 1000, top_k, &err) != LG_OK)
        lg_front_refuse(rq, lg_rc_http(err.rc, /* is_post= */ true), "%s", err.text);
    else
        answer_admin(rq, json);
}

/* The record has no member for it: the result stands in its map of settings. */
static void profiler_stop(const struct lg_front_rest *f, struct lg_http_request *rq,
                          struct lg_slice topic)
{
    LG_AUTO(lg_json) *result = lg_key_profiler_stop(f->profiler, topic);
    LG_AUTO(lg_json) *json = lg_json_new_object();
    struct lg_json *configs = lg_json_new_object(), *map = lg_json_new_object();
    LG_SCOPED(lg_buf) text = {0};

    lg_json_set(configs, "configMap", map);
    lg_json_set(json, "serverConfigs", configs);
    if (result == NULL) {
        lg_front_refuse_bad(rq, LG_FRONT_NO_RESOURCE, "%.*s is not being profiled", LG_FMT(topic));
        return;
    }
    lg_json_write(&text, result, /* pretty= */ false);
    lg_json_set(map, "profile", lg_json_new_string(lg_buf_slice(&text)));
    answer_admin(rq, json);
}

void lg_front_profiler(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    struct lg_slice topic = LG_SLICE_NULL, action = LG_SLICE_NULL;

    (void)lg_http_path_segment(rq, 1, &topic);
    (void)lg_http_path_segment(rq, 2, &action);
    if (rq->method == LG_HTTP_POST && lg_slice_eq_str(action, "start"))
        profiler_start(f, rq, topic);
    else if (rq->method == LG_HTTP_POST && lg_slice_eq_str(action, "stop"))
        profiler_stop(f, rq, topic);
    else
        lg_front_refuse_bad(rq, LG_FRONT_BAD_PATH,
                            "a profile is POST /key_partition_profiler/<store>_v<N>/start?duration="
                            "<seconds>&topK=<keys>, and .../stop");
}
