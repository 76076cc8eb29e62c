/* A world for tests of the controller. */
#include "test/lib/controller_world.h"

#include "base/str.h"
#include "lane/fault.h"
#include "pubsub/batch.h"
#include "record/envelope.h"
#include "record/headers.h"
#include "test/test.h"

/* --- A log in the world's memory: it survives the controller. ----------------------------------
 */

static struct lg_cw_log *the_log;

struct lg_cw_topic *lg_cw_topic(const char *name)
{
    for (size_t i = 0; i < the_log->count; i++) {
        if (strcmp(the_log->topics[i].name, name) == 0)
            return &the_log->topics[i];
    }
    return NULL;
}

static void log_remove(struct lg_cw_topic *t)
{
    for (size_t p = 0; p < LG_ARRAY_SIZE(t->data); p++)
        lg_buf_done(&t->data[p]);
    *t = the_log->topics[--the_log->count];
    memset(&the_log->topics[the_log->count], 0, sizeof(*t));
}

static enum lg_rc log_do(struct lg_pubsub_op *op)
{
    struct lg_cw_topic *t = lg_cw_topic(op->topic);
    size_t records;

    if (the_log->fail != LG_OK && the_log->spared > 0)
        the_log->spared--;
    else if (the_log->fail != LG_OK)
        return lg_error_set(&op->err, the_log->fail, "the log is down");
    switch (op->kind) {
    case LG_PUBSUB_CREATE:
        if (t != NULL)
            return lg_error_set(&op->err, LG_ERR_CONFLICT, "it exists");
        assert_true(the_log->count < LG_ARRAY_SIZE(the_log->topics) && op->partitions <= 16);
        t = &the_log->topics[the_log->count++];
        memcpy(t->name, op->topic, strlen(op->topic) + 1);
        t->partitions = op->partitions;
        return LG_OK;
    case LG_PUBSUB_DELETE:
        if (t != NULL)
            log_remove(t);
        return LG_OK;
    case LG_PUBSUB_DESCRIBE:
        if (t == NULL)
            return lg_error_set(&op->err, LG_ERR_NOT_FOUND, "no topic");
        op->partitions = t->partitions;
        return LG_OK;
    case LG_PUBSUB_PRODUCE:
        if (t == NULL || op->partition >= t->partitions)
            return lg_error_set(&op->err, LG_ERR_NOT_FOUND, "no partition");
        if (lg_batch_check(op->blob->bytes, &records, &op->err) != LG_OK)
            return op->err.rc;
        lg_buf_append_slice(&t->data[op->partition], op->blob->bytes);
        return LG_OK;
    case LG_PUBSUB_LIST:
    case LG_PUBSUB_PING:
    case LG_PUBSUB_FETCH:
    case LG_PUBSUB_END:
    case LG_PUBSUB_CONFIGURE:
    case LG_PUBSUB_START:
    case LG_PUBSUB_TIME:
        break;
    }
    return lg_error_set(&op->err, LG_ERR_UNSUPPORTED, "not in this log");
}

static void log_run(struct lg_task *task)
{
    struct lg_pubsub_op *op = LG_CONTAINER_OF(task, struct lg_pubsub_op, task);
    struct lg_alloc_domain *before = lg_alloc_domain_enter(NULL);

    op->rc = log_do(op);
    (void)lg_alloc_domain_enter(before);
    op->done(op);
}

static void log_submit(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    (void)ps;
    op->task.run = log_run;
    if (!the_log->silent) {
        lg_lane_post(op->lane, &op->task);
        return;
    }
    assert_true(the_log->waiting_count < LG_ARRAY_SIZE(the_log->waiting));
    the_log->waiting[the_log->waiting_count++] = op;
}

void lg_cw_log_goes_on(struct lg_cw *w)
{
    w->log.silent = false;
    for (size_t i = 0; i < w->log.waiting_count; i++)
        lg_lane_post(w->log.waiting[i]->lane, &w->log.waiting[i]->task);
    w->log.waiting_count = 0;
}

static const struct lg_pubsub_ops log_ops = {.name = "test", .submit = log_submit};

/* --- The world. --------------------------------------------------------------------------------
 */

static void boot(void *ctx)
{
    struct lg_cw *w = ctx;
    struct lg_error err = {0};
    struct lg_controller_options o = w->extra;
    struct lg_metafile_options m = {.disk = w->disk, .dir = "meta"};

    w->controller = NULL;
    w->lane = lg_sim_lane_new(w->sim, w->node, "control");
    m.lane = w->lane;
    if (lg_metafile_open(&m, &w->metafile, &err) != LG_OK) {
        if (!lg_sim_node_alive(w->node) || w->died) /* The disk was cut off. */
            return;
        fail_msg("metafile: %s", err.text);
    }
    w->session = lg_metafile_session_new(w->metafile);
    w->servers = lg_metafile_session_new(w->metafile);
    o.lane = w->lane;
    o.metastore = w->session;
    o.pubsub = &w->log.pubsub;
    o.transport = lg_net_sim_transport(w->net);
    o.host = "ctl";
    o.port = 5555;
    if (lg_controller_start(&o, &w->controller, &err) != LG_OK)
        fail_msg("controller: %s", err.text);
}

/* --- Servers, as far as they answer. -----------------------------------------------------------
 */

struct question { /* To a server, passed on to the controller. */
    struct lg_http_call call;
    struct lg_http_request *rq;
    char *target;
};

static void answer_current(struct lg_http_request *rq, int64_t version)
{
    LG_SCOPED(lg_buf) body = {0};

    lg_buf_appendf(&body, "{\"currentVersion\":%lld}", (long long)version);
    lg_http_respond(rq, &(struct lg_http_response){.status = 200,
                                                   .content_type = "application/json",
                                                   .body = lg_buf_slice(&body)});
}

static void controller_said(struct lg_http_call *call)
{
    struct question *q = LG_CONTAINER_OF(call, struct question, call);
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error ignored;

    if (call->rc == LG_OK && call->status == 200 &&
        lg_json_parse(lg_buf_slice(&call->response_body), &json, &ignored) == LG_OK)
        answer_current(q->rq, lg_json_get_int(lg_json_get(json, "store"), "currentVersion", -1));
    else
        lg_http_respond_text(q->rq, 503, "the controller says nothing");
    lg_http_call_done(&q->call);
    lg_free(q->target);
    lg_free(q);
}

static void played_handle(void *ctx, struct lg_http_request *rq)
{
    struct lg_cw *w = ctx;
    struct lg_slice path = lg_slice_skip(rq->target, strlen("/current_version/"));
    struct question *q;

    if (w->played_serve != 0) {
        answer_current(rq, w->played_serve);
        return;
    }
    q = lg_new(struct question);
    q->rq = rq;
    q->target = lg_strf("/store?store_name=%.*s", LG_FMT(path));
    q->call = (struct lg_http_call){.host = "ctl",
                                    .port = 5555,
                                    .method = LG_HTTP_GET,
                                    .target = lg_slice_str(q->target),
                                    .deadline_us = lg_lane_now_us(w->client_lane) + LG_SEC,
                                    .done = controller_said};
    lg_http_call_submit(w->http, &q->call);
}

static void play_servers(struct lg_cw *w)
{
    struct lg_http_server_options o = {.transport = lg_net_sim_transport(w->net),
                                       .lane = w->client_lane,
                                       .host = "world",
                                       .port = 88,
                                       .handler = played_handle,
                                       .ctx = w};
    struct lg_error err = {0};

    assert_ok(lg_http_server_start(&o, &w->played, &err));
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static struct lg_cw *world_new(uint64_t seed)
{
    struct lg_cw *w = lg_new(struct lg_cw);

    w->sim = lg_sim_new(seed);
    w->net = lg_net_sim_new(w->sim);
    w->disk = lg_disk_sim_new(w->sim, seed + 1);
    w->node = lg_sim_node_new(w->sim, "ctl");
    lg_disk_sim_follow(w->disk, w->node);
    w->client_lane = lg_sim_lane_new(w->sim, NULL, "client");
    w->http = lg_http_client_new(lg_net_sim_transport(w->net), w->client_lane);
    play_servers(w);
    w->log.pubsub.ops = &log_ops;
    w->log.pubsub.url = "lagoon+http://ctl:5555";
    the_log = &w->log;
    lg_fault_disarm_all();
    return w;
}

struct lg_cw *lg_cw_start(uint64_t seed)
{
    struct lg_cw *w = world_new(seed);

    lg_sim_node_run(w->node, boot, w);
    return w;
}

void lg_cw_free(struct lg_cw *w)
{
    lg_json_unref(w->answer);
    lg_http_client_free(w->http);
    lg_http_server_stop(w->played, 0, nothing, NULL);
    lg_sim_run_us(w->sim, LG_SEC); /* Its connections end. */
    lg_sim_free(w->sim);
    lg_net_sim_free(w->net);
    lg_disk_sim_free(w->disk);
    while (w->log.count > 0)
        log_remove(&w->log.topics[0]);
    the_log = NULL;
    lg_free(w);
}

/* The machine loses power and comes back. */
void lg_cw_restart(struct lg_cw *w)
{
    lg_sim_node_kill(w->node);
    lg_disk_sim_crash(w->disk);
    w->died = false;
    lg_sim_node_start(w->node);
    lg_sim_node_run(w->node, boot, w);
}

/* --- Asking. -----------------------------------------------------------------------------------
 */

struct ask {
    struct lg_http_call call;
    struct lg_cw *w;
};

static void got(struct lg_http_call *call)
{
    struct lg_cw *w = LG_CONTAINER_OF(call, struct ask, call)->w;
    struct lg_error ignored;

    w->answered = true;
    w->rc = call->rc;
    w->status = call->rc == LG_OK ? call->status : 0;
    if (call->rc == LG_OK)
        (void)!lg_json_parse(lg_buf_slice(&call->response_body), &w->answer, &ignored);
}

static bool has_answer(void *ctx)
{
    return ((struct lg_cw *)ctx)->answered;
}

/* One request; the status, 0 when there was no answer. */
int lg_cw_ask(struct lg_cw *w, enum lg_http_method method, const char *target, struct lg_slice body,
              const char *content_type, const char *origin)
{
    struct lg_http_header headers[2] = {
        {LG_LIT("Content-Type"), lg_slice_str(content_type)},
        {LG_LIT("Origin"), lg_slice_str(origin)},
    };
    struct ask ask = {.w = w,
                      .call = {.host = "ctl",
                               .port = 5555,
                               .method = method,
                               .target = lg_slice_str(target),
                               .headers = headers,
                               .header_count = origin == NULL ? 1 : 2,
                               .body = body,
                               .deadline_us = lg_lane_now_us(w->client_lane) + 10 * LG_SEC,
                               .done = got}};

    lg_json_unref(w->answer);
    w->answer = NULL;
    w->answered = false;
    lg_http_call_submit(w->http, &ask.call);
    assert_true(lg_sim_run_until(w->sim, has_answer, w, 60 * LG_SEC));
    lg_http_call_done(&ask.call);
    return w->status;
}

int lg_cw_get(struct lg_cw *w, const char *target)
{
    return lg_cw_ask(w, LG_HTTP_GET, target, LG_SLICE_NULL, "text/plain", NULL);
}

int lg_cw_post(struct lg_cw *w, const char *target, const char *form)
{
    return lg_cw_ask(w, LG_HTTP_POST, target, lg_slice_str(form),
                     "application/x-www-form-urlencoded", NULL);
}

const char *lg_cw_text(const struct lg_cw *w, const char *key)
{
    return w->answer == NULL ? "(no answer)" : lg_json_get_str(w->answer, key, "(null)");
}

/* Asks until the controller has read its metadata. */
void lg_cw_until_ready(struct lg_cw *w)
{
    for (int i = 0; i < 200 && lg_cw_get(w, "/v1/health") != 200; i++)
        lg_sim_run_us(w->sim, LG_SEC / 20);
    assert_int_equal(w->status, 200);
}

/* Like a client: again while nobody answers or the controller asks to come back. The power comes
 * back whenever it went. */
int lg_cw_persist(struct lg_cw *w, enum lg_http_method method, const char *target, const char *form)
{
    for (int i = 0; i < 200; i++) {
        if (w->died)
            lg_cw_restart(w);
        if (method == LG_HTTP_GET)
            (void)lg_cw_get(w, target);
        else
            (void)lg_cw_post(w, target, form);
        if (w->status != 0 && w->status != 503 && w->status != 500)
            return w->status;
        lg_sim_run_us(w->sim, LG_SEC / 10);
    }
    fail_msg("%s: no answer, last %d %s", target, w->status, lg_cw_text(w, "error"));
    return 0;
}

/* --- Servers by hand. --------------------------------------------------------------------------
 */

struct hand {
    struct lg_cw *w;
    struct lg_meta_op op;
    struct lg_meta_change change;
    bool done;
    enum lg_rc rc;
};

static struct hand *the_hand;

static void hand_done(struct lg_meta_op *op)
{
    struct hand *h = LG_CONTAINER_OF(op, struct hand, op);

    h->done = true;
    h->rc = op->rc;
}

static void hand_submit(void *ctx)
{
    struct hand *h = ctx;

    lg_metastore_submit(h->w->servers, &h->op);
}

static bool hand_ended(void *ctx)
{
    struct hand *h = ctx;

    return h->done || !lg_sim_node_alive(h->w->node);
}

void lg_cw_meta(struct lg_cw *w, enum lg_meta_change_kind kind, const char *path, const char *value)
{
    for (int i = 0; i < 20; i++) {
        struct hand h = {.w = w};

        if (w->died)
            lg_cw_restart(w);
        if (w->controller == NULL)
            continue;
        the_hand = &h;
        h.change = (struct lg_meta_change){
            .kind = kind, .path = path, .value = lg_slice_str(value), .version = -1};
        h.op = (struct lg_meta_op){.kind = LG_META_WRITE,
                                   .lane = w->lane,
                                   .changes = &h.change,
                                   .change_count = 1,
                                   .done = hand_done};
        lg_sim_node_run(w->node, hand_submit, &h);
        assert_true(lg_sim_run_until(w->sim, hand_ended, &h, 60 * LG_SEC));
        if (h.done && h.rc == LG_OK)
            return;
    }
    fail_msg("%s cannot be written", path);
}

void lg_cw_put(struct lg_cw *w, const char *path, const char *value)
{
    lg_cw_meta(w, LG_META_PUT, path, value);
}

void lg_cw_servers_up(struct lg_cw *w, int n)
{
    for (int i = 1; i <= n; i++) {
        LG_AUTO_STR char *path = lg_strf("/instances/srv%d_88", i);
        LG_AUTO_STR char *value = lg_strf("{\"host\":\"world\",\"port\":88}");

        lg_cw_put(w, path, value);
    }
    lg_sim_run_us(w->sim, LG_SEC / 10);
}

/* Server `n` reports the same status of all its partitions. */
void lg_cw_report(struct lg_cw *w, const char *topic, int n, const char *status, const char *error)
{
    LG_AUTO_STR char *path = lg_strf("/replicas/%s/srv%d_88", topic, n);
    LG_SCOPED(lg_buf) value = {0};

    for (int p = 0; p < LG_CW_PARTITIONS; p++) {
        lg_buf_appendf(&value, "%s\"%d\":{\"status\":\"%s\",\"records\":7,\"bytes\":70,\"error\":",
                       p == 0 ? "{" : ",", p, status);
        if (error == NULL)
            lg_buf_append_str(&value, "null}");
        else
            lg_buf_appendf(&value, "\"%s\"}", error);
    }
    lg_buf_append_str(&value, "}");
    lg_buf_append_byte(&value, 0);
    lg_cw_put(w, path, (const char *)value.data);
}

/* --- A store and its pushes. -------------------------------------------------------------------
 */

void lg_cw_store_up(struct lg_cw *w)
{
    lg_cw_until_ready(w);
    lg_cw_servers_up(w, 1);
    assert_int_equal(lg_cw_post(w, "/new_store", LG_CW_NEW_STORE), 200);
}

int lg_cw_request(struct lg_cw *w, const char *id, int lease_ms)
{
    LG_AUTO_STR char *form = lg_strf("store_name=cities&push_type=BATCH&push_job_id=%s&"
                                     "push_in_sorted_order=true&lagoon_lease_ms=%d",
                                     id, lease_ms);

    return lg_cw_post(w, "/request_topic", form);
}

int lg_cw_version(const struct lg_cw *w)
{
    return (int)lg_json_get_int(w->answer, "version", 0);
}

int lg_cw_current(struct lg_cw *w)
{
    assert_int_equal(lg_cw_get(w, "/store?store_name=cities"), 200);
    return (int)lg_json_get_int(lg_json_get(w->answer, "store"), "currentVersion", -1);
}

const char *lg_cw_job(struct lg_cw *w, int version)
{
    LG_AUTO_STR char *target = lg_strf("/job?store_name=cities&version=%d", version);

    assert_int_equal(lg_cw_get(w, target), 200);
    return lg_cw_text(w, "status");
}

bool lg_cw_has_version(struct lg_cw *w, int number, const char *status)
{
    const struct lg_json *versions;

    assert_int_equal(lg_cw_get(w, "/store?store_name=cities"), 200);
    versions = lg_json_get(lg_json_get(w->answer, "store"), "versions");
    for (size_t i = 0; i < lg_json_size(versions); i++) {
        const struct lg_json *v = lg_json_at(versions, i);

        if (lg_json_get_int(v, "number", 0) == number)
            return status == NULL || strcmp(lg_json_get_str(v, "status", ""), status) == 0;
    }
    return false;
}

void lg_cw_end(struct lg_cw *w, int version)
{
    LG_AUTO_STR char *form =
        lg_strf("store_name=cities&version=%d&"
                "partition_record_counts=%%7B%%220%%22:5,%%221%%22:6,%%222%%22:7%%7D",
                version);

    assert_int_equal(lg_cw_post(w, "/end_of_push", form), 200);
}

/* A whole push, until it is current. */
int lg_cw_push(struct lg_cw *w, const char *id)
{
    char topic[LG_NAMES_TOPIC_MAX + 1];
    int version;

    assert_int_equal(lg_cw_request(w, id, 0), 200);
    version = lg_cw_version(w);
    lg_cw_end(w, version);
    lg_names_version_topic(topic, "cities", version);
    lg_cw_report(w, topic, 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_string_equal(lg_cw_job(w, version), "COMPLETED");
    return version;
}

void lg_cw_letters(const char *topic, uint32_t partition, char out[16], int64_t *count)
{
    struct lg_batch_reader reader;
    size_t n = 0;

    reader = lg_batch_read(lg_buf_slice(&lg_cw_topic(topic)->data[partition]));
    for (;;) {
        struct lg_pubsub_record record;
        struct lg_envelope envelope;
        struct lg_error err = {0};
        bool ended = false;

        assert_ok(lg_batch_next(&reader, &record, &ended, &err));
        if (ended)
            break;
        assert_ok(lg_envelope_decode(record.value, &envelope, &err));
        assert_int_equal(envelope.type, LG_MESSAGE_CONTROL);
        assert_true(n < 15);
        out[n++] = "PESs"[envelope.control.type];
        for (size_t h = 0; h < record.header_count; h++) {
            if (lg_slice_eq_str(record.headers[h].name, LG_HEADER_RECORD_COUNT))
                assert_ok(lg_headers_parse_record_count(record.headers[h].value, count, &err));
        }
    }
    out[n] = '\0';
}
