/* The log over HTTP, the client's side. One HTTP call per operation. Owner: its lane.
 *
 * Calls may overtake one another on different connections, batches of one partition must not: so a
 * partition has one produce under way, and the others wait for it. When it fails and may be
 * repeated, those behind it fail too, or the log would get them with a gap.
 */
#include "drivers/loghttp/loghttp.h"

#include "base/json.h"
#include "base/map.h"
#include "base/ref.h"
#include "base/str.h"
#include "net/http_client.h"

#define FOREIGN_TEXT_MAX ((size_t)200) /* of an answer that is not a log's */
#define SCHEME "lagoon+"
#define DEADLINE_DEFAULT_US (30 * LG_SEC)
#define WAIT_SLACK_US (10 * LG_SEC) /* What the way there and back may add to a wait. */
#define POSITION_HEADER "lagoon-position"

struct lg_loghttp {
    struct lg_pubsub head;
    struct lg_lane *lane;
    struct lg_http_client *client;
    struct lg_map *queues; /* By "<topic>/<partition>"; struct queue. */
    char *url, *host;
    uint16_t port;
};

struct queue { /* Produces of one partition; exists while there are some. */
    char *key;
    struct lg_list requests; /* The first one is under way. */
};

/* One operation on its way. Two holders: the operation's lane, and a cancel that travels. */
struct request {
    unsigned refs; /* Atomic. */
    struct lg_loghttp *log;
    struct lg_lane *home;
    struct lg_pubsub_op *op;
    struct lg_task cancel_task;
    struct lg_http_call call;
    struct lg_buf target;
    struct queue *queue; /* PRODUCE. */
    struct lg_list link; /* In it. */
    bool submitted, completed;
};

/* --- To and fro ----------------------------------------------------------------------------- */

static void request_unref(struct request *r)
{
    if (!lg_ref_put(&r->refs))
        return;
    lg_buf_done(&r->target);
    lg_free(r);
}

static void op_answered(struct lg_task *task)
{
    struct lg_pubsub_op *op = LG_CONTAINER_OF(task, struct lg_pubsub_op, task);
    struct request *r = op->driver_state; /* `done` may free or reuse the operation. */

    op->done(op);
    request_unref(r);
}

static void answer(struct request *r, enum lg_rc rc)
{
    assert(!r->completed);
    r->completed = true;
    r->op->rc = rc;
    r->op->task.run = op_answered;
    lg_lane_post(r->op->lane, &r->op->task);
}

/* --- Answers -------------------------------------------------------------------------------- */

/* What the other side said, or what a status without its JSON means. */
static enum lg_rc restore_error(const struct lg_http_call *call, struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    const char *code = NULL;

    if (lg_json_parse(lg_buf_slice(&call->response_body), &json, NULL) == LG_OK)
        code = lg_json_get_str(json, "code", NULL);
    if (code != NULL)
        return lg_error_set(err, lg_rc_from_name(code), "%s",
                            lg_json_get_str(json, "error", lg_rc_text(lg_rc_from_name(code))));
    return lg_error_set(err, call->status == 503 ? LG_ERR_UNAVAILABLE : LG_ERR_FAILED,
                        "%s:%u answered %d where a log was expected: %.*s", call->host,
                        (unsigned)call->port, call->status,
                        (int)LG_MIN(call->response_body.size, FOREIGN_TEXT_MAX),
                        (const char *)call->response_body.data);
}

static enum lg_rc take_position(struct lg_slice text, struct lg_position *out, struct lg_error *err)
{
    enum lg_rc rc = lg_position_parse_text(text, out, err);

    return rc == LG_OK ? LG_OK : lg_error_wrap(err, "the answer of the log");
}

static enum lg_rc take_names(const struct lg_json *json, struct lg_pubsub_op *op)
{
    const struct lg_json *topics = lg_json_get(json, "topics");
    LG_SCOPED(lg_buf) names = {0};

    for (size_t i = 0; i < lg_json_size(topics); i++) {
        lg_buf_append_slice(&names, lg_json_string(lg_json_at(topics, i)));
        lg_buf_append_byte(&names, '\n');
    }
    op->blob = lg_blob_take(&names);
    return LG_OK;
}

/* A log of the release before tells none: it has only the default. */
static enum lg_rc take_config(const struct lg_json *json, const char *topic,
                              struct lg_pubsub_config *out, struct lg_error *err)
{
    int64_t replication = lg_json_get_int(json, "replication", 0);
    int64_t insync = lg_json_get_int(json, "min_insync_replicas", 0);
    struct lg_pubsub_config config = {.retention_ms = lg_json_get_int(json, "retention_ms", -1),
                                      .compacted = lg_json_get_bool(json, "compacted", false),
                                      .min_compaction_lag_ms =
                                          lg_json_get_int(json, "min_compaction_lag_ms", 0)};

    if (replication < 0 || replication > UINT16_MAX || insync < 0 || insync > UINT16_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA, "%lld replicas, %lld of them in sync",
                            (long long)replication, (long long)insync);
    config.replication = (uint16_t)replication;
    config.min_insync_replicas = (uint16_t)insync;
    if (lg_pubsub_config_check(topic, &config, err) != LG_OK)
        return lg_error_set(err, LG_ERR_BAD_DATA, "a configuration that is out of range");
    *out = config;
    return LG_OK;
}

static enum lg_rc take_json(const struct lg_http_call *call, struct lg_pubsub_op *op)
{
    LG_AUTO(lg_json) *json = NULL;
    enum lg_rc rc = lg_json_parse(lg_buf_slice(&call->response_body), &json, &op->err);
    struct lg_pubsub_config config;
    int64_t partitions;

    if (rc != LG_OK)
        return lg_error_wrap(&op->err, "the answer of the log");
    if (op->kind == LG_PUBSUB_LIST)
        return take_names(json, op);
    if (op->kind == LG_PUBSUB_PRODUCE || op->kind == LG_PUBSUB_END || op->kind == LG_PUBSUB_START ||
        op->kind == LG_PUBSUB_TIME)
        return take_position(lg_json_string(lg_json_get(json, "position")), &op->position,
                             &op->err);
    if (op->kind != LG_PUBSUB_DESCRIBE)
        return LG_OK;
    partitions = lg_json_get_int(json, "partitions", 0);
    if (partitions < 1 || partitions > LG_TOPIC_PARTITIONS_MAX)
        return lg_error_set(&op->err, LG_ERR_BAD_DATA,
                            "the answer of the log: %lld partitions of topic %s",
                            (long long)partitions, op->topic);
    if (take_config(lg_json_get(json, "config"), op->topic, &config, &op->err) != LG_OK)
        return lg_error_wrap(&op->err, "the answer of the log");
    op->partitions = (uint32_t)partitions;
    op->config = config;
    return LG_OK;
}

static enum lg_rc take_answer(struct lg_http_call *call, struct lg_pubsub_op *op)
{
    struct lg_position position;
    enum lg_rc rc;

    if (call->rc != LG_OK) {
        op->err = call->err;
        return call->rc;
    }
    if (call->status != 200)
        return restore_error(call, &op->err);
    if (op->kind != LG_PUBSUB_FETCH)
        return take_json(call, op);
    if (call->response_body.size == 0)
        return LG_OK; /* Nothing new: blob NULL, position unchanged. */
    rc = take_position(lg_http_header(&call->response_headers, POSITION_HEADER), &position,
                       &op->err);
    if (rc != LG_OK)
        return rc;
    op->position = position;
    op->blob = lg_blob_take(&call->response_body);
    return LG_OK;
}

static void submit_call(struct request *r)
{
    r->submitted = true;
    lg_http_call_submit(r->log->client, &r->call);
}

/* May records that follow a produce with this result still be sent? Not when it will be repeated,
 * or nobody knows whether it happened. */
static bool may_go_on(enum lg_rc rc)
{
    return rc == LG_OK || rc == LG_ERR_INVALID || rc == LG_ERR_BAD_DATA || rc == LG_ERR_TOO_LARGE;
}

/* The first produce of a partition has ended: the next one goes, or all behind it fail. */
static void queue_step(struct queue *q, struct lg_loghttp *log, enum lg_rc rc,
                       const struct lg_error *err)
{
    struct lg_list *link;

    while (!may_go_on(rc) && (link = lg_list_pop_front(&q->requests)) != NULL) {
        struct request *r = LG_CONTAINER_OF(link, struct request, link);

        r->queue = NULL;
        lg_error_set(&r->op->err, rc, "the batch before it failed: %s", err->text);
        answer(r, rc);
    }
    if (!lg_list_empty(&q->requests)) {
        submit_call(LG_CONTAINER_OF(q->requests.next, struct request, link));
        return;
    }
    lg_map_remove(log->queues, lg_slice_str(q->key));
    lg_free(q->key);
    lg_free(q);
}

static void queue_add(struct request *r)
{
    struct lg_loghttp *log = r->log;
    char *key = lg_strf("%s/%u", r->op->topic, r->op->partition);
    struct queue *q = lg_map_get(log->queues, lg_slice_str(key));

    if (q == NULL) {
        q = lg_new(struct queue);
        q->key = LG_TAKE(key);
        lg_list_init(&q->requests);
        lg_map_put(log->queues, lg_slice_str(q->key), q);
    }
    lg_free(key);
    r->queue = q;
    lg_list_push_back(&q->requests, &r->link);
    if (q->requests.next == &r->link)
        submit_call(r);
}

static void call_done(struct lg_http_call *call)
{
    struct request *r = LG_CONTAINER_OF(call, struct request, call);
    enum lg_rc rc = take_answer(call, r->op);
    struct queue *q = LG_TAKE(r->queue);
    struct lg_loghttp *log = r->log;
    struct lg_error err = r->op->err;

    r->submitted = false;
    lg_http_call_done(call);
    lg_list_remove(&r->link);
    answer(r, rc);
    if (q != NULL)
        queue_step(q, log, rc, &err);
}

/* --- Questions ------------------------------------------------------------------------------ */

static void write_fetch(struct lg_buf *t, const struct lg_pubsub_op *op)
{
    LG_SCOPED(lg_buf) position = {0};

    lg_position_write_text(&position, &op->position);
    lg_buf_append_str(t, "?after=");
    lg_percent_encode(t, lg_buf_slice(&position));
    lg_buf_appendf(t, "&max_bytes=%zu&wait_ms=%llu",
                   op->max_bytes == 0 ? (size_t)1 << 20 : op->max_bytes,
                   (unsigned long long)op->wait_ms);
}

static void write_config(struct lg_buf *t, const struct lg_pubsub_config *config, char begin)
{
    static const struct lg_pubsub_config ordinary;

    if (lg_pubsub_config_equal(config, &ordinary) && begin != '?')
        return; /* As a log of the release before understands it, too. */
    lg_buf_appendf(t, "%cretention_ms=%lld&compacted=%s&min_compaction_lag_ms=%lld", begin,
                   (long long)config->retention_ms, config->compacted ? "true" : "false",
                   (long long)config->min_compaction_lag_ms);
    lg_buf_appendf(t, "&replication=%u&min_insync_replicas=%u", (unsigned)config->replication,
                   (unsigned)config->min_insync_replicas);
}

static enum lg_http_method write_target(struct lg_buf *t, const struct lg_pubsub_op *op)
{
    lg_buf_append_str(t, "/log/topics");
    if (lg_pubsub_of_all(op->kind)) /* Any answer will do for a ping. */
        return LG_HTTP_GET;
    lg_buf_append_byte(t, '/');
    lg_percent_encode(t, lg_slice_str(op->topic));
    switch (op->kind) {
    case LG_PUBSUB_CREATE:
        lg_buf_appendf(t, "?partitions=%u", op->partitions);
        write_config(t, &op->config, '&');
        return LG_HTTP_PUT;
    case LG_PUBSUB_CONFIGURE:
        write_config(t, &op->config, '?');
        return LG_HTTP_POST;
    case LG_PUBSUB_DELETE:
        return LG_HTTP_DELETE;
    case LG_PUBSUB_PRODUCE:
        lg_buf_appendf(t, "/%u", op->partition);
        return LG_HTTP_POST;
    case LG_PUBSUB_FETCH:
        lg_buf_appendf(t, "/%u", op->partition);
        write_fetch(t, op);
        return LG_HTTP_GET;
    case LG_PUBSUB_END:
        lg_buf_appendf(t, "/%u/end", op->partition);
        return LG_HTTP_GET;
    case LG_PUBSUB_START:
        lg_buf_appendf(t, "/%u/start", op->partition);
        return LG_HTTP_GET;
    case LG_PUBSUB_TIME:
        lg_buf_appendf(t, "/%u/time?at_ms=%lld", op->partition, (long long)op->timestamp_ms);
        return LG_HTTP_GET;
    case LG_PUBSUB_DESCRIBE:
    case LG_PUBSUB_LIST:
    case LG_PUBSUB_PING:
        break;
    }
    return LG_HTTP_GET;
}

static const struct lg_http_header batch_headers[] = {
    {{(const uint8_t *)"content-type", 12}, {(const uint8_t *)"application/x-lagoon-batch", 26}}};

static void op_arrived(struct lg_task *task)
{
    struct lg_pubsub_op *op = LG_CONTAINER_OF(task, struct lg_pubsub_op, task);
    struct request *r = op->driver_state;
    struct lg_http_call *call = &r->call;
    uint64_t wait_us = LG_MIN(op->wait_ms, UINT64_MAX / LG_MS / 4) * LG_MS;

    if (!lg_pubsub_of_all(op->kind) && (op->topic == NULL || op->topic[0] == '\0')) {
        answer(r, lg_error_set(&op->err, LG_ERR_INVALID, "a topic needs a name"));
        return;
    }
    call->host = r->log->host;
    call->port = r->log->port;
    call->method = write_target(&r->target, op);
    call->target = lg_buf_slice(&r->target);
    if (op->kind == LG_PUBSUB_PRODUCE) {
        call->headers = batch_headers;
        call->header_count = LG_ARRAY_SIZE(batch_headers);
        call->body = op->blob->bytes;
    }
    call->deadline_us = op->deadline_us;
    if (call->deadline_us == 0)
        call->deadline_us = lg_lane_now_us(r->home) + DEADLINE_DEFAULT_US +
                            (op->kind == LG_PUBSUB_FETCH ? wait_us + WAIT_SLACK_US : 0);
    call->done = call_done;
    if (op->kind == LG_PUBSUB_PRODUCE)
        queue_add(r);
    else
        submit_call(r);
}

static void loghttp_submit(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct lg_loghttp *log = LG_CONTAINER_OF(ps, struct lg_loghttp, head);
    struct request *r = lg_new(struct request);

    r->refs = 1;
    r->log = log;
    r->home = log->lane;
    r->op = op;
    lg_list_init(&r->link);
    op->driver_state = r;
    op->cancelled = false;
    op->rc = LG_OK;
    op->err = (struct lg_error){0};
    if (op->kind != LG_PUBSUB_PRODUCE)
        op->blob = NULL;
    op->task.run = op_arrived;
    lg_lane_post(log->lane, &op->task);
}

static void cancel_arrived(struct lg_task *task)
{
    struct request *r = LG_CONTAINER_OF(task, struct request, cancel_task);

    if (r->submitted && r->op->kind == LG_PUBSUB_FETCH)
        lg_http_call_cancel(&r->call);
    request_unref(r);
}

static void loghttp_cancel(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct request *r = op->driver_state;

    (void)ps;
    if (op->cancelled)
        return;
    op->cancelled = true;
    lg_ref_get(&r->refs);
    r->cancel_task.run = cancel_arrived;
    lg_lane_post(r->home, &r->cancel_task);
}

/* The log behind it counts offsets; EARLIEST first, LATEST last. */
static int loghttp_compare(struct lg_pubsub *ps, const struct lg_position *a,
                           const struct lg_position *b)
{
    (void)ps;
    return lg_position_compare_offsets(a, b);
}

static const struct lg_pubsub_ops ops = {
    .name = "loghttp",
    .submit = loghttp_submit,
    .cancel = loghttp_cancel,
    .compare = loghttp_compare,
};

/* --- Life ----------------------------------------------------------------------------------- */

enum lg_rc lg_loghttp_new(const struct lg_loghttp_options *options, struct lg_loghttp **out,
                          struct lg_error *err)
{
    struct lg_slice url = lg_slice_str(options->url);
    struct lg_loghttp *log;
    char *host = NULL;
    uint16_t port = 0;
    enum lg_rc rc;

    if (!lg_slice_starts(url, LG_LIT(SCHEME)))
        return lg_error_set(err, LG_ERR_INVALID,
                            "\"%s\" is not the address of a log: lagoon+http://host:port",
                            options->url);
    rc = lg_http_parse_url(lg_slice_skip(url, sizeof(SCHEME) - 1), &host, &port, err);
    if (rc != LG_OK)
        return rc;
    log = lg_new(struct lg_loghttp);
    log->head.ops = &ops;
    log->lane = options->lane;
    log->queues = lg_map_new();
    log->client = lg_http_client_new(options->transport, options->lane);
    log->url = lg_strdup(options->url);
    log->head.url = log->url;
    log->host = host;
    log->port = port;
    *out = log;
    return LG_OK;
}

void lg_loghttp_free(struct lg_loghttp *log)
{
    if (log == NULL)
        return;
    lg_http_client_free(log->client); /* What is under way ends, and what waits behind it. */
    lg_map_free(log->queues);
    lg_free(log->host);
    lg_free(log->url);
    lg_free(log);
}

struct lg_pubsub *lg_loghttp_pubsub(struct lg_loghttp *log)
{
    return &log->head;
}
