/* The log over HTTP, the server's side. One operation of the log per request; the operation lives
 * in the request's arena, and ends with the answer. */
#include "pubsub/log_front.h"

#include "base/json.h"
#include "base/str.h"

#include <strings.h>

#define PREFIX "/log/"

struct lg_log_front {
    struct lg_pubsub *ps;
    struct lg_lane *lane;
    struct lg_list requests;
    size_t count;
    bool stopped;
};

struct job { /* One request under way; in its arena. */
    struct lg_log_front *front;
    struct lg_http_request *rq;
    struct lg_pubsub_op op;
    struct lg_list link;
};

/* --- Answers -------------------------------------------------------------------------------- */

static void respond_json(struct lg_http_request *rq, int status, const struct lg_json *json)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_json_write(&text, json, /* pretty= */ false);
    lg_buf_append_byte(&text, '\n');
    lg_http_respond(rq, &(struct lg_http_response){.status = status,
                                                   .content_type = "application/json",
                                                   .body = lg_buf_slice(&text)});
}

static void respond_error(struct lg_http_request *rq, enum lg_rc rc, const struct lg_error *err)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();

    lg_json_set_str(json, "error", err->text[0] == '\0' ? lg_rc_text(rc) : err->text);
    lg_json_set_str(json, "code", lg_rc_name(rc));
    respond_json(rq, lg_rc_http(rc, rq->method == LG_HTTP_POST), json);
}

static void respond_names(struct job *j)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();
    struct lg_json *topics = lg_json_new_array();
    struct lg_slice rest = j->op.blob == NULL ? LG_SLICE_NULL : j->op.blob->bytes;

    while (rest.size > 0) {
        const uint8_t *newline = memchr(rest.data, '\n', rest.size);
        size_t n = newline == NULL ? rest.size : (size_t)(newline - rest.data);

        lg_json_push(topics, lg_json_new_string(lg_slice(rest.data, n)));
        rest = lg_slice_skip(rest, n + 1);
    }
    lg_json_set(json, "topics", topics);
    respond_json(j->rq, 200, json);
}

static void respond_records(struct job *j)
{
    LG_SCOPED(lg_buf) position = {0};
    struct lg_http_header header = {LG_LIT(LG_LOG_FRONT_POSITION_HEADER), LG_SLICE_NULL};

    lg_position_write_text(&position, &j->op.position);
    header.value = lg_buf_slice(&position);
    lg_http_respond(j->rq, &(struct lg_http_response){
                               .status = 200,
                               .content_type = LG_LOG_FRONT_BATCH_TYPE,
                               .headers = &header,
                               .header_count = 1,
                               .body = j->op.blob == NULL ? LG_SLICE_NULL : j->op.blob->bytes});
}

static void add_config(struct lg_json *json, const struct lg_pubsub_config *config)
{
    struct lg_json *out = lg_json_new_object();

    lg_json_set_int(out, "retention_ms", config->retention_ms);
    lg_json_set_bool(out, "compacted", config->compacted);
    lg_json_set_int(out, "min_compaction_lag_ms", config->min_compaction_lag_ms);
    lg_json_set_int(out, "replication", config->replication);
    lg_json_set_int(out, "min_insync_replicas", config->min_insync_replicas);
    lg_json_set(json, "config", out);
}

static void respond_result(struct job *j)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();
    LG_SCOPED(lg_buf) position = {0};

    if (j->op.kind == LG_PUBSUB_PRODUCE || j->op.kind == LG_PUBSUB_END ||
        j->op.kind == LG_PUBSUB_START || j->op.kind == LG_PUBSUB_TIME) {
        lg_position_write_text(&position, &j->op.position);
        lg_json_set(json, "position", lg_json_new_string(lg_buf_slice(&position)));
    } else {
        lg_json_set_str(json, "topic", j->op.topic);
        if (j->op.kind == LG_PUBSUB_CREATE || j->op.kind == LG_PUBSUB_DESCRIBE)
            lg_json_set_int(json, "partitions", j->op.partitions);
        if (j->op.kind == LG_PUBSUB_DESCRIBE)
            add_config(json, &j->op.config);
    }
    respond_json(j->rq, 200, json);
}

static void op_done(struct lg_pubsub_op *op)
{
    struct job *j = LG_CONTAINER_OF(op, struct job, op);
    struct lg_blob *blob = op->blob;

    lg_list_remove(&j->link);
    j->front->count--;
    if (op->rc != LG_OK)
        respond_error(j->rq, op->rc, &op->err);
    else if (op->kind == LG_PUBSUB_LIST)
        respond_names(j);
    else if (op->kind == LG_PUBSUB_FETCH)
        respond_records(j);
    else
        respond_result(j);
    lg_blob_unref(blob); /* The job is gone with its request. */
}

/* --- Questions ------------------------------------------------------------------------------ */

/* A number from the query; `otherwise` when absent. */
static enum lg_rc number_param(struct lg_http_request *rq, const char *name, uint64_t max,
                               uint64_t otherwise, uint64_t *out, struct lg_error *err)
{
    struct lg_slice text;

    if (!lg_http_param(rq, name, &text)) {
        *out = otherwise;
        return LG_OK;
    }
    if (!lg_parse_u64(text, max, out))
        return lg_error_set(err, LG_ERR_INVALID, "parameter %s is not a number up to %llu", name,
                            (unsigned long long)max);
    return LG_OK;
}

/* The same for what may be negative. */
static enum lg_rc signed_param(struct lg_http_request *rq, const char *name, int64_t min,
                               int64_t *out, struct lg_error *err)
{
    struct lg_slice text;

    if (!lg_http_param(rq, name, &text)) {
        *out = 0;
        return LG_OK;
    }
    if (!lg_parse_i64(text, min, INT64_MAX, out))
        return lg_error_set(err, LG_ERR_INVALID, "parameter %s is not a number from %lld", name,
                            (long long)min);
    return LG_OK;
}

static enum lg_rc parse_config(struct job *j, struct lg_error *err)
{
    uint64_t replication = 0, insync = 0;
    struct lg_pubsub_config *config = &j->op.config;
    struct lg_slice compacted;
    enum lg_rc rc = signed_param(j->rq, "retention_ms", -1, &config->retention_ms, err);

    if (rc == LG_OK)
        rc = signed_param(j->rq, "min_compaction_lag_ms", 0, &config->min_compaction_lag_ms, err);
    if (rc == LG_OK)
        rc = number_param(j->rq, "replication", UINT16_MAX, 0, &replication, err);
    if (rc == LG_OK)
        rc = number_param(j->rq, "min_insync_replicas", UINT16_MAX, 0, &insync, err);
    if (rc == LG_OK && lg_http_param(j->rq, "compacted", &compacted)) {
        config->compacted = lg_slice_eq_str(compacted, "true");
        if (!config->compacted && !lg_slice_eq_str(compacted, "false"))
            rc = lg_error_set(err, LG_ERR_INVALID, "parameter compacted is not true or false");
    }
    config->replication = (uint16_t)replication;
    config->min_insync_replicas = (uint16_t)insync;
    return rc;
}

static enum lg_rc parse_fetch(struct job *j, struct lg_error *err)
{
    struct lg_slice after;
    uint64_t max_bytes = 0, wait_ms = 0;
    enum lg_rc rc = LG_OK;

    j->op.kind = LG_PUBSUB_FETCH;
    j->op.position = lg_position_earliest();
    if (lg_http_param(j->rq, "after", &after))
        rc = lg_position_parse_text(after, &j->op.position, err);
    if (rc == LG_OK)
        rc = number_param(j->rq, "max_bytes", SIZE_MAX, 0, &max_bytes, err);
    if (rc == LG_OK)
        rc = number_param(j->rq, "wait_ms", UINT64_MAX, 0, &wait_ms, err);
    j->op.max_bytes = (size_t)max_bytes;
    j->op.wait_ms = LG_MIN(wait_ms, (uint64_t)LG_LOG_FRONT_WAIT_MS_MAX);
    return rc;
}

static enum lg_rc parse_produce(struct job *j)
{
    LG_SCOPED(lg_buf) body = lg_http_request_take_body(j->rq);

    j->op.kind = LG_PUBSUB_PRODUCE;
    j->op.blob = lg_blob_take(&body);
    return LG_OK;
}

static enum lg_rc no_such_route(const struct lg_http_request *rq, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_UNSUPPORTED, "the log has no %s %.*s",
                        lg_http_method_name(rq->method), (int)LG_MIN(rq->path.size, (size_t)200),
                        (const char *)rq->path.data);
}

/* /log/topics/<topic> */
static enum lg_rc parse_topic(struct job *j, struct lg_error *err)
{
    struct lg_slice unused;
    uint64_t partitions = 0;
    enum lg_rc rc = LG_OK;

    if (j->rq->method == LG_HTTP_GET) {
        j->op.kind = LG_PUBSUB_DESCRIBE;
    } else if (j->rq->method == LG_HTTP_DELETE) {
        j->op.kind = LG_PUBSUB_DELETE;
    } else if (j->rq->method == LG_HTTP_PUT) {
        j->op.kind = LG_PUBSUB_CREATE;
        rc = number_param(j->rq, "partitions", UINT32_MAX, 0, &partitions, err);
        j->op.partitions = (uint32_t)partitions;
        if (rc == LG_OK)
            rc = parse_config(j, err);
    } else if (j->rq->method == LG_HTTP_POST) {
        j->op.kind = LG_PUBSUB_CONFIGURE;
        rc = parse_config(j, err);
        if (rc == LG_OK && !lg_http_param(j->rq, "retention_ms", &unused))
            rc =
                lg_error_set(err, LG_ERR_INVALID,
                             "a configuration without retention_ms: it replaces the whole "
                             "configuration of topic %s, so name all that differs from the default",
                             j->op.topic);
    } else {
        rc = no_such_route(j->rq, err);
    }
    return rc;
}

/* /log/topics/<topic>/<partition>/<end, start or time> */
static enum lg_rc parse_place(struct job *j, struct lg_error *err)
{
    struct lg_slice s;

    if (j->rq->method != LG_HTTP_GET || !lg_http_path_segment(j->rq, 4, &s))
        return no_such_route(j->rq, err);
    if (lg_slice_eq_str(s, "end")) {
        j->op.kind = LG_PUBSUB_END;
        return LG_OK;
    }
    if (lg_slice_eq_str(s, "start")) {
        j->op.kind = LG_PUBSUB_START;
        return LG_OK;
    }
    if (!lg_slice_eq_str(s, "time"))
        return no_such_route(j->rq, err);
    j->op.kind = LG_PUBSUB_TIME;
    return signed_param(j->rq, "at_ms", INT64_MIN, &j->op.timestamp_ms, err);
}

/* /log/topics/<topic>/<partition>[/<place>] */
static enum lg_rc parse_partition(struct job *j, size_t segments, struct lg_error *err)
{
    struct lg_slice s;
    uint64_t partition = 0;

    if (!lg_http_path_segment(j->rq, 3, &s) || !lg_parse_u64(s, UINT32_MAX, &partition))
        return lg_error_set(err, LG_ERR_INVALID, "topic %s: a partition is a number", j->op.topic);
    j->op.partition = (uint32_t)partition;
    if (segments == 5)
        return parse_place(j, err);
    if (j->rq->method == LG_HTTP_GET)
        return parse_fetch(j, err);
    if (j->rq->method == LG_HTTP_POST)
        return parse_produce(j);
    return no_such_route(j->rq, err);
}

static bool topic_of(struct lg_http_request *rq, struct lg_slice *out)
{
    return lg_http_path_segment(rq, 2, out) && out->data != NULL &&
           out->size <= LG_TOPIC_NAME_MAX && memchr(out->data, 0, out->size) == NULL;
}

struct lg_log_front_subject lg_log_front_subject(struct lg_http_request *rq)
{
    size_t segments = lg_http_path_segments(rq);
    struct lg_log_front_subject subject = {LG_SLICE_NULL, LG_LOG_FRONT_CHANGES};

    if (segments >= 3 && !topic_of(rq, &subject.topic))
        subject.topic = LG_SLICE_NULL;
    if (rq->method == LG_HTTP_GET)
        subject.does = LG_LOG_FRONT_READS;
    else if (rq->method == LG_HTTP_POST && segments == 4)
        subject.does = LG_LOG_FRONT_PRODUCES;
    return subject;
}

static enum lg_rc parse(struct job *j, struct lg_error *err)
{
    size_t segments = lg_http_path_segments(j->rq);
    struct lg_slice s;

    if (segments < 2 || segments > 5 || !lg_http_path_segment(j->rq, 1, &s) ||
        !lg_slice_eq_str(s, "topics"))
        return no_such_route(j->rq, err);
    if (segments == 2) {
        j->op.kind = LG_PUBSUB_LIST;
        return j->rq->method == LG_HTTP_GET ? LG_OK : no_such_route(j->rq, err);
    }
    if (!topic_of(j->rq, &s))
        return lg_error_set(err, LG_ERR_INVALID, "a topic's name has at most %u characters",
                            LG_TOPIC_NAME_MAX);
    j->op.topic = lg_arena_str(j->rq->arena, s);
    if (j->op.topic == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "the request is too large");
    return segments == 3 ? parse_topic(j, err) : parse_partition(j, segments, err);
}

/* --- Who may ask ---------------------------------------------------------------------------- */

/* "localhost" or an address, with or without a port: no name that somebody else could point here.
 */
static bool is_literal_host(struct lg_slice host)
{
    size_t n = 0, dots = 0;

    if (host.size > 0 && host.data[0] == '[')
        return memchr(host.data, ']', host.size) != NULL;
    while (n < host.size && host.data[n] != ':')
        n++;
    if (n == 9 && strncasecmp((const char *)host.data, "localhost", 9) == 0)
        return true;
    for (size_t i = 0; i < n; i++) {
        if (host.data[i] == '.')
            dots++;
        else if (host.data[i] < '0' || host.data[i] > '9')
            return false;
    }
    return dots == 3;
}

bool lg_log_front_allowed(const struct lg_http_headers *headers)
{
    struct lg_slice origin = lg_http_header(headers, "origin");
    struct lg_slice host = lg_http_header(headers, "host");

    if (origin.data == NULL)
        return true;
    if (lg_slice_starts(origin, LG_LIT("http://")))
        origin = lg_slice_skip(origin, 7);
    else if (lg_slice_starts(origin, LG_LIT("https://")))
        origin = lg_slice_skip(origin, 8);
    else
        return false; /* "null", or an application. */
    return host.size > 0 && origin.size == host.size &&
           strncasecmp((const char *)origin.data, (const char *)host.data, host.size) == 0 &&
           is_literal_host(host);
}

static enum lg_rc admit(const struct lg_log_front *f, const struct lg_http_request *rq,
                        struct lg_error *err)
{
    if (!lg_log_front_allowed(&rq->headers))
        return lg_error_set(err, LG_ERR_REFUSED,
                            "a web page of another origin may not use the log");
    if (f->stopped)
        return lg_error_set(err, LG_ERR_UNAVAILABLE, "this process is stopping");
    if (f->count >= LG_LOG_FRONT_REQUESTS_MAX)
        return lg_error_set(err, LG_ERR_BUSY, "%u requests to the log are under way: try later",
                            LG_LOG_FRONT_REQUESTS_MAX);
    return LG_OK;
}

/* --- The front ------------------------------------------------------------------------------ */

struct lg_log_front *lg_log_front_new(struct lg_pubsub *ps, struct lg_lane *lane)
{
    struct lg_log_front *f = lg_new(struct lg_log_front);

    f->ps = ps;
    f->lane = lane;
    lg_list_init(&f->requests);
    return f;
}

bool lg_log_front_handle(struct lg_log_front *front, struct lg_http_request *rq)
{
    struct lg_error err = {0};
    struct job *j;
    enum lg_rc rc;

    if (!lg_slice_starts(rq->path, LG_LIT(PREFIX)))
        return false;
    rc = admit(front, rq, &err);
    j = lg_arena_zalloc(rq->arena, sizeof(*j));
    if (rc == LG_OK && j == NULL)
        rc = lg_error_set(&err, LG_ERR_TOO_LARGE, "the request is too large");
    if (rc == LG_OK) {
        *j = (struct job){.front = front, .rq = rq};
        rc = parse(j, &err);
    }
    if (rc != LG_OK) {
        respond_error(rq, rc, &err);
        return true;
    }
    j->op.lane = front->lane;
    j->op.done = op_done;
    lg_list_push_back(&front->requests, &j->link);
    front->count++;
    lg_pubsub_submit(front->ps, &j->op);
    return true;
}

void lg_log_front_stop(struct lg_log_front *front)
{
    front->stopped = true;
    LG_LIST_EACH(it, &front->requests)
    {
        struct job *j = LG_CONTAINER_OF(it, struct job, link);

        if (j->op.kind == LG_PUBSUB_FETCH)
            lg_pubsub_cancel(front->ps, &j->op);
    }
}

size_t lg_log_front_requests(const struct lg_log_front *front)
{
    return front->count;
}

void lg_log_front_free(struct lg_log_front *front)
{
    assert(front == NULL || front->count == 0);
    lg_free(front);
}
