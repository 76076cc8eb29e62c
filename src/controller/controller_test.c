/* The controller in a simulated world: the real metadata store on a simulated disk, a log in
 * memory, servers played by hand through the metadata. */
#include "controller/controller.h"

#include "api/routes.h"
#include "base/str.h"
#include "controller/cleanup.h"
#include "drivers/metafile/metafile.h"
#include "drivers/sim/disk_sim.h"
#include "drivers/sim/transport_sim.h"
#include "lane/fault.h"
#include "model/names.h"
#include "net/http_client.h"
#include "pubsub/batch.h"
#include "record/envelope.h"
#include "record/headers.h"
#include "test/test.h"

#define SECOND 1000000ULL
#define PARTITIONS 3

/* --- A log in the world's memory: it survives the controller. ----------------------------------
 */

struct log_topic {
    char name[LG_NAMES_TOPIC_MAX + 1];
    uint32_t partitions;
    struct lg_buf data[16]; /* batches, by partition */
};

struct fake_log {
    struct lg_pubsub pubsub;
    struct log_topic topics[64];
    size_t count;
    enum lg_rc fail; /* of every operation */
};

static struct fake_log *the_log;

static struct log_topic *log_find(const char *name)
{
    for (size_t i = 0; i < the_log->count; i++) {
        if (strcmp(the_log->topics[i].name, name) == 0)
            return &the_log->topics[i];
    }
    return NULL;
}

static void log_remove(struct log_topic *t)
{
    for (size_t p = 0; p < LG_ARRAY_SIZE(t->data); p++)
        lg_buf_done(&t->data[p]);
    *t = the_log->topics[--the_log->count];
    memset(&the_log->topics[the_log->count], 0, sizeof(*t));
}

static enum lg_rc log_do(struct lg_pubsub_op *op)
{
    struct log_topic *t = log_find(op->topic);
    size_t records;

    if (the_log->fail != LG_OK)
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
    case LG_PUBSUB_FETCH:
    case LG_PUBSUB_END:
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
    lg_lane_post(op->lane, &op->task);
}

static const struct lg_pubsub_ops log_ops = {.name = "test", .submit = log_submit};

/* --- The world. --------------------------------------------------------------------------------
 */

struct world {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_disk *disk;
    struct lg_sim_node *node;
    struct lg_lane *client_lane;
    struct lg_http_client *http;
    struct fake_log log;
    struct lg_controller_options extra; /* what a test wants otherwise */

    /* Inside the node. */
    struct lg_lane *lane;
    struct lg_metafile *metafile;
    struct lg_metastore *session, *servers;
    struct lg_controller *controller;
    bool died, stopped;

    /* The last answer. */
    int status;
    enum lg_rc rc;
    struct lg_json *answer;
    bool answered;
};

static void boot(void *ctx)
{
    struct world *w = ctx;
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

static struct world *world_new(uint64_t seed)
{
    struct world *w = lg_new(struct world);

    w->sim = lg_sim_new(seed);
    w->net = lg_net_sim_new(w->sim);
    w->disk = lg_disk_sim_new(w->sim, seed + 1);
    w->node = lg_sim_node_new(w->sim, "ctl");
    lg_disk_sim_follow(w->disk, w->node);
    w->client_lane = lg_sim_lane_new(w->sim, NULL, "client");
    w->http = lg_http_client_new(lg_net_sim_transport(w->net), w->client_lane);
    w->log.pubsub.ops = &log_ops;
    w->log.pubsub.url = "lagoon+http://ctl:5555";
    the_log = &w->log;
    lg_fault_disarm_all();
    return w;
}

static struct world *world_start(uint64_t seed)
{
    struct world *w = world_new(seed);

    lg_sim_node_run(w->node, boot, w);
    return w;
}

static void world_free(struct world *w)
{
    lg_json_unref(w->answer);
    lg_http_client_free(w->http);
    lg_sim_run_us(w->sim, SECOND); /* Its connections end. */
    lg_sim_free(w->sim);
    lg_net_sim_free(w->net);
    lg_disk_sim_free(w->disk);
    while (w->log.count > 0)
        log_remove(&w->log.topics[0]);
    the_log = NULL;
    lg_free(w);
}

/* The machine loses power and comes back. */
static void restart(struct world *w)
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
    struct world *w;
};

static void got(struct lg_http_call *call)
{
    struct world *w = LG_CONTAINER_OF(call, struct ask, call)->w;
    struct lg_error ignored;

    w->answered = true;
    w->rc = call->rc;
    w->status = call->rc == LG_OK ? call->status : 0;
    if (call->rc == LG_OK)
        (void)!lg_json_parse(lg_buf_slice(&call->response_body), &w->answer, &ignored);
}

static bool has_answer(void *ctx)
{
    return ((struct world *)ctx)->answered;
}

/* One request; the status, 0 when there was no answer. */
static int ask_with(struct world *w, enum lg_http_method method, const char *target,
                    struct lg_slice body, const char *content_type, const char *origin)
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
                               .deadline_us = lg_lane_now_us(w->client_lane) + 10 * SECOND,
                               .done = got}};

    lg_json_unref(w->answer);
    w->answer = NULL;
    w->answered = false;
    lg_http_call_submit(w->http, &ask.call);
    assert_true(lg_sim_run_until(w->sim, has_answer, w, 60 * SECOND));
    lg_http_call_done(&ask.call);
    return w->status;
}

static int get(struct world *w, const char *target)
{
    return ask_with(w, LG_HTTP_GET, target, LG_SLICE_NULL, "text/plain", NULL);
}

static int post(struct world *w, const char *target, const char *form)
{
    return ask_with(w, LG_HTTP_POST, target, lg_slice_str(form),
                    "application/x-www-form-urlencoded", NULL);
}

static const char *text_of(const struct world *w, const char *key)
{
    return w->answer == NULL ? "(no answer)" : lg_json_get_str(w->answer, key, "(null)");
}

/* Asks until the controller has read its metadata. */
static void until_ready(struct world *w)
{
    for (int i = 0; i < 200 && get(w, "/v1/health") != 200; i++)
        lg_sim_run_us(w->sim, SECOND / 20);
    assert_int_equal(w->status, 200);
}

/* Like a client: again while nobody answers or the controller asks to come back. The power comes
 * back whenever it went. */
static int persist(struct world *w, enum lg_http_method method, const char *target,
                   const char *form)
{
    for (int i = 0; i < 200; i++) {
        if (w->died)
            restart(w);
        if (method == LG_HTTP_GET)
            (void)get(w, target);
        else
            (void)post(w, target, form);
        if (w->status != 0 && w->status != 503 && w->status != 500)
            return w->status;
        lg_sim_run_us(w->sim, SECOND / 10);
    }
    fail_msg("%s: no answer, last %d %s", target, w->status, text_of(w, "error"));
    return 0;
}

/* --- Servers by hand. --------------------------------------------------------------------------
 */

struct hand {
    struct world *w;
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

static void meta_change(struct world *w, enum lg_meta_change_kind kind, const char *path,
                        const char *value)
{
    for (int i = 0; i < 20; i++) {
        struct hand h = {.w = w};

        if (w->died)
            restart(w);
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
        assert_true(lg_sim_run_until(w->sim, hand_ended, &h, 60 * SECOND));
        if (h.done && h.rc == LG_OK)
            return;
    }
    fail_msg("%s cannot be written", path);
}

static void put(struct world *w, const char *path, const char *value)
{
    meta_change(w, LG_META_PUT, path, value);
}

static void servers_up(struct world *w, int n)
{
    for (int i = 1; i <= n; i++) {
        LG_AUTO_STR char *path = lg_strf("/instances/srv%d_88", i);
        LG_AUTO_STR char *value = lg_strf("{\"host\":\"srv%d\",\"port\":88}", i);

        put(w, path, value);
    }
    lg_sim_run_us(w->sim, SECOND / 10);
}

/* Server `n` reports the same status of all its partitions. */
static void report(struct world *w, const char *topic, int n, const char *status, const char *error)
{
    LG_AUTO_STR char *path = lg_strf("/replicas/%s/srv%d_88", topic, n);
    LG_SCOPED(lg_buf) value = {0};

    for (int p = 0; p < PARTITIONS; p++) {
        lg_buf_appendf(&value, "%s\"%d\":{\"status\":\"%s\",\"records\":7,\"bytes\":70,\"error\":",
                       p == 0 ? "{" : ",", p, status);
        if (error == NULL)
            lg_buf_append_str(&value, "null}");
        else
            lg_buf_appendf(&value, "\"%s\"}", error);
    }
    lg_buf_append_str(&value, "}");
    lg_buf_append_byte(&value, 0);
    put(w, path, (const char *)value.data);
}

/* --- A store and its pushes. -------------------------------------------------------------------
 */

#define NEW_STORE                                                                                  \
    "store_name=cities&key_schema=%22long%22&value_schema=%22string%22&partition_count=3&owner=me"

static void store_up(struct world *w)
{
    until_ready(w);
    servers_up(w, 1);
    assert_int_equal(post(w, "/new_store", NEW_STORE), 200);
}

static int request(struct world *w, const char *id, int lease_ms)
{
    LG_AUTO_STR char *form = lg_strf("store_name=cities&push_type=BATCH&push_job_id=%s&"
                                     "push_in_sorted_order=true&lagoon_lease_ms=%d",
                                     id, lease_ms);

    return post(w, "/request_topic", form);
}

static int version_of_answer(const struct world *w)
{
    return (int)lg_json_get_int(w->answer, "version", 0);
}

static int current(struct world *w)
{
    assert_int_equal(get(w, "/store?store_name=cities"), 200);
    return (int)lg_json_get_int(lg_json_get(w->answer, "store"), "currentVersion", -1);
}

static const char *job(struct world *w, int version)
{
    LG_AUTO_STR char *target = lg_strf("/job?store_name=cities&version=%d", version);

    assert_int_equal(get(w, target), 200);
    return text_of(w, "status");
}

static bool has_version(struct world *w, int number, const char *status)
{
    const struct lg_json *versions;

    assert_int_equal(get(w, "/store?store_name=cities"), 200);
    versions = lg_json_get(lg_json_get(w->answer, "store"), "versions");
    for (size_t i = 0; i < lg_json_size(versions); i++) {
        const struct lg_json *v = lg_json_at(versions, i);

        if (lg_json_get_int(v, "number", 0) == number)
            return status == NULL || strcmp(lg_json_get_str(v, "status", ""), status) == 0;
    }
    return false;
}

static void end(struct world *w, int version)
{
    LG_AUTO_STR char *form =
        lg_strf("store_name=cities&version=%d&"
                "partition_record_counts=%%7B%%220%%22:5,%%221%%22:6,%%222%%22:7%%7D",
                version);

    assert_int_equal(post(w, "/end_of_push", form), 200);
}

/* A whole push, until it is current. */
static int push(struct world *w, const char *id)
{
    char topic[LG_NAMES_TOPIC_MAX + 1];
    int version;

    assert_int_equal(request(w, id, 0), 200);
    version = version_of_answer(w);
    end(w, version);
    lg_names_version_topic(topic, "cities", version);
    report(w, topic, 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, SECOND);
    assert_string_equal(job(w, version), "COMPLETED");
    return version;
}

/* --- Routes. -----------------------------------------------------------------------------------
 */

static void every_route_names_its_first_missing_parameter(void **state)
{
    struct world *w = world_start(1);

    (void)state;
    until_ready(w);
    for (int i = 0; i < LG_API_COUNT; i++) {
        enum lg_api_route route = (enum lg_api_route)i;
        const char *names = lg_api_required(route);
        struct lg_slice first = lg_api_next_name(&names);
        bool posts = lg_api_method(route) == LG_HTTP_POST;
        LG_AUTO_STR char *want = lg_strf("%.*s is a required parameter", LG_FMT(first));

        if (first.size > 0) {
            (void)(posts ? post(w, lg_api_path(route), "") : get(w, lg_api_path(route)));
            assert_int_equal(w->status, 400);
            assert_string_equal(text_of(w, "error"), want);
            assert_string_equal(text_of(w, "errorType"), "BAD_REQUEST");
            assert_string_equal(text_of(w, "lagoonCode"), "ERR_INVALID");
        }
        (void)(posts ? get(w, lg_api_path(route)) : post(w, lg_api_path(route), ""));
        assert_int_equal(w->status, 405);
    }
    world_free(w);
}

static void an_unknown_route_is_named_with_the_nearest(void **state)
{
    struct world *w = world_start(2);

    (void)state;
    until_ready(w);
    assert_int_equal(get(w, "/list_store"), 404);
    assert_non_null(strstr(text_of(w, "error"), "/list_stores"));
    assert_int_equal(get(w, "//list_stores"), 200); /* Venice's client doubles slashes. */
    world_free(w);
}

static void pages_of_strangers_may_not_post(void **state)
{
    struct world *w = world_start(3);

    (void)state;
    until_ready(w);
    assert_int_equal(ask_with(w, LG_HTTP_POST, "/new_store", LG_LIT(NEW_STORE),
                              "application/x-www-form-urlencoded", "http://evil.example"),
                     403);
    assert_string_equal(text_of(w, "errorType"), "ACL_ERROR");
    assert_int_equal(get(w, "/store?store_name=cities"), 404);
    world_free(w);
}

/* --- Stores and schemas. -----------------------------------------------------------------------
 */

static void a_store_is_made_once_and_survives_a_power_cut(void **state)
{
    struct world *w = world_start(4);
    const struct lg_json *store;

    (void)state;
    store_up(w);
    assert_string_equal(text_of(w, "owner"), "me");
    assert_int_equal(post(w, "/new_store", NEW_STORE), 409);
    assert_string_equal(text_of(w, "lagoonCode"), "ERR_CONFLICT");
    restart(w);
    until_ready(w);
    assert_int_equal(get(w, "/store?store_name=cities"), 200);
    store = lg_json_get(w->answer, "store");
    assert_int_equal(lg_json_get_int(store, "partitionCount", 0), PARTITIONS);
    assert_int_equal(get(w, "/store?store_name=citys"), 404);
    assert_string_equal(text_of(w, "errorType"), "STORE_NOT_FOUND");
    assert_non_null(strstr(text_of(w, "error"), "did you mean 'cities'"));
    assert_int_equal(get(w, "/list_stores"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "stores")), 1);
    world_free(w);
}

static void bad_stores_are_refused(void **state)
{
    static const struct {
        const char *form, *code;
        int status;
    } cases[] = {
        {"store_name=1x&key_schema=%22long%22&value_schema=%22long%22", "ERR_INVALID", 400},
        {"store_name=x&key_schema=%22lung%22&value_schema=%22long%22", "ERR_SCHEMA", 400},
        {"store_name=x&key_schema=%22long%22&value_schema=%7B", "ERR_BAD_DATA", 400},
        {"store_name=x&key_schema=%22long%22&value_schema=%22long%22&partition_count=0",
         "ERR_INVALID", 400},
        {"store_name=x&key_schema=%22long%22&value_schema=%22long%22&partition_count=1001",
         "ERR_INVALID", 400},
        {"store_name=x&key_schema=%22long%22&value_schema=%22long%22&replication_factor=99",
         "ERR_INVALID", 400},
        {"store_name=venice_system_store_x&key_schema=%22long%22&value_schema=%22long%22",
         "ERR_REFUSED", 403},
        {"store_name=x&key_schema=%22long%22&value_schema=%22long%22&owner=%ff", "ERR_INVALID",
         400},
    };
    struct world *w = world_start(5);

    (void)state;
    until_ready(w);
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        assert_int_equal(post(w, "/new_store", cases[i].form), cases[i].status);
        assert_string_equal(text_of(w, "lagoonCode"), cases[i].code);
    }
    assert_int_equal(get(w, "/list_stores"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "stores")), 0);
    world_free(w);
}

static void schemas_are_found_by_their_canonical_form(void **state)
{
    struct world *w = world_start(6);
    const struct lg_json *schemas;

    (void)state;
    store_up(w);
    assert_int_equal(get(w, "/get_key_schema?store_name=cities"), 200);
    assert_string_equal(text_of(w, "schemaStr"), "\"long\"");
    assert_int_equal(get(w, "/get_value_schema?store_name=cities&schema_id=1"), 200);
    assert_int_equal(get(w, "/get_value_schema?store_name=cities&schema_id=2"), 404);
    assert_string_equal(text_of(w, "errorType"), "SCHEMA_NOT_FOUND");
    assert_int_equal(post(w, "/get_value_schema_id",
                          "store_name=cities&value_schema=%7B%22type%22:%22string%22%7D"),
                     200);
    assert_int_equal(lg_json_get_int(w->answer, "id", 0), 1);
    assert_int_equal(post(w, "/get_value_schema_id", "store_name=cities&value_schema=%22int%22"),
                     404);
    assert_int_equal(post(w, "/add_value_schema", "store_name=cities&value_schema=%22string%22"),
                     200);
    assert_int_equal(lg_json_get_int(w->answer, "id", 0), 1);
    assert_int_equal(post(w, "/add_value_schema", "store_name=cities&value_schema=%22int%22"), 501);
    assert_int_equal(
        get(w, "/get_all_value_schema?store_name=venice_system_store_KAFKA_MESSAGE_ENVELOPE"), 200);
    schemas = lg_json_get(w->answer, "schemas");
    assert_int_equal(lg_json_size(schemas), 1);
    assert_int_equal(lg_json_get_int(lg_json_at(schemas, 0), "id", 0), 14);
    assert_int_equal(get(w, "/discover_cluster?store_name=cities&cluster_name=*"), 200);
    assert_string_equal(text_of(w, "cluster"), "lagoon-0");
    assert_int_equal(get(w, "/leader_controller?cluster_name=lagoon-0"), 200);
    assert_string_equal(text_of(w, "url"), "http://ctl:5555");
    world_free(w);
}

/* --- Pushes. -----------------------------------------------------------------------------------
 */

/* Which control messages stand in a partition, as letters: S start of segment, P start of push, E
 * end of push, s end of segment. */
static void letters(const char *topic, uint32_t partition, char out[16], int64_t *count)
{
    struct lg_batch_reader reader;
    size_t n = 0;

    reader = lg_batch_read(lg_buf_slice(&log_find(topic)->data[partition]));
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

static void a_push_becomes_current_when_it_is_complete(void **state)
{
    struct world *w = world_start(7);
    char found[16];
    int64_t count = -2;

    (void)state;
    store_up(w);
    assert_int_equal(request(w, "p1", 0), 200);
    assert_int_equal(version_of_answer(w), 1);
    assert_string_equal(text_of(w, "kafkaTopic"), "cities_v1");
    assert_string_equal(text_of(w, "kafkaBootstrapServers"), "lagoon+http://ctl:5555");
    assert_int_equal(lg_json_get_int(w->answer, "partitions", 0), PARTITIONS);
    letters("cities_v1", 2, found, &count);
    assert_string_equal(found, "SP");
    assert_string_equal(job(w, 1), "STARTED");
    assert_int_equal(lg_json_type(lg_json_get(w->answer, "extraInfo")), LG_JSON_OBJECT);
    end(w, 1);
    letters("cities_v1", 2, found, &count);
    assert_string_equal(found, "SPSEs");
    assert_int_equal(count, 7);
    report(w, "cities_v1", 1, "END_OF_PUSH_RECEIVED", NULL);
    lg_sim_run_us(w->sim, SECOND);
    assert_string_equal(job(w, 1), "END_OF_PUSH_RECEIVED");
    assert_int_equal(lg_json_get_int(lg_json_get(w->answer, "progress"), "recordsTotal", 0), 18);
    assert_int_equal(lg_json_get_int(lg_json_get(w->answer, "progress"), "recordsIngested", 0), 21);
    assert_int_equal(current(w), 0);
    report(w, "cities_v1", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, SECOND);
    assert_string_equal(job(w, 1), "COMPLETED");
    assert_int_equal(current(w), 1);
    assert_int_equal(get(w, "/list_replicas?store_name=cities&version=1"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "replicas")), PARTITIONS);
    world_free(w);
}

static void the_same_push_id_gives_the_same_version(void **state)
{
    struct world *w = world_start(8);

    (void)state;
    store_up(w);
    assert_int_equal(request(w, "p1", 0), 200);
    assert_int_equal(request(w, "p1", 0), 200);
    assert_int_equal(version_of_answer(w), 1);
    end(w, 1);
    end(w, 1); /* Again is fine, and writes nothing again. */
    restart(w);
    until_ready(w);
    assert_int_equal(request(w, "p1", 0), 200);
    assert_int_equal(version_of_answer(w), 1);
    world_free(w);
}

static void a_second_push_is_refused_while_one_runs(void **state)
{
    struct world *w = world_start(9);

    (void)state;
    store_up(w);
    assert_int_equal(request(w, "p1", 0), 200);
    lg_sim_run_us(w->sim, 3600 * SECOND); /* No lease: it runs for ever. */
    assert_int_equal(request(w, "p2", 0), 400);
    assert_string_equal(text_of(w, "errorType"), "CONCURRENT_BATCH_PUSH");
    assert_string_equal(text_of(w, "exceptionType"), "BAD_REQUEST");
    world_free(w);
}

static void a_push_that_fell_silent_is_replaced(void **state)
{
    struct world *w = world_start(10);

    (void)state;
    store_up(w);
    assert_int_equal(request(w, "p1", 5000), 200);
    lg_sim_run_us(w->sim, 4 * SECOND);
    assert_int_equal(post(w, "/push_heartbeat", "store_name=cities&version=1"), 200);
    lg_sim_run_us(w->sim, 4 * SECOND);
    assert_int_equal(request(w, "p2", 5000), 400); /* It was heard 4 s ago. */
    lg_sim_run_us(w->sim, 2 * SECOND);
    assert_int_equal(request(w, "p2", 5000), 200);
    assert_int_equal(version_of_answer(w), 2);
    assert_int_equal(post(w, "/push_heartbeat", "store_name=cities&version=1"), 409);
    /* A restart is no reason to think that a pusher is silent. */
    lg_sim_run_us(w->sim, 4 * SECOND);
    restart(w);
    until_ready(w);
    lg_sim_run_us(w->sim, 2 * SECOND);
    assert_int_equal(request(w, "p3", 5000), 400);
    world_free(w);
}

static void a_push_without_servers_is_refused(void **state)
{
    struct world *w = world_start(11);

    (void)state;
    until_ready(w);
    assert_int_equal(post(w, "/new_store", NEW_STORE), 200);
    assert_int_equal(request(w, "p1", 0), 503);
    assert_int_equal(w->log.count, 0);
    servers_up(w, 1);
    assert_int_equal(request(w, "p1", 0), 200);
    assert_int_equal(version_of_answer(w), 1);
    world_free(w);
}

static void a_log_that_fails_leaves_no_version(void **state)
{
    struct world *w = world_start(12);

    (void)state;
    store_up(w);
    w->log.fail = LG_ERR_IO;
    assert_int_equal(request(w, "p1", 0), 500);
    assert_false(has_version(w, 1, NULL));
    w->log.fail = LG_OK;
    assert_int_equal(request(w, "p1", 0), 200);
    w->log.fail = LG_ERR_IO;
    assert_int_equal(post(w, "/end_of_push", "store_name=cities&version=1"), 500);
    w->log.fail = LG_OK;
    end(w, 1);
    world_free(w);
}

static void bad_pushes_are_refused(void **state)
{
    static const struct {
        const char *path, *form;
        int status;
    } cases[] = {
        {"/request_topic", "store_name=cities&push_type=STREAM&push_job_id=p", 501},
        {"/request_topic", "store_name=cities&push_type=batch&push_job_id=p", 400},
        {"/request_topic", "store_name=none&push_type=BATCH&push_job_id=p", 404},
        {"/request_topic", "store_name=cities&push_type=BATCH&push_job_id=p&start_of_push=yes",
         400},
        {"/request_topic", "store_name=cities&push_type=BATCH&push_job_id=p&partitioners=a.b.C",
         400},
        {"/request_topic",
         "store_name=cities&push_type=BATCH&push_job_id=p&defer_version_swap=true", 501},
        {"/request_topic", "store_name=cities&push_type=BATCH&push_job_id=p&lagoon_lease_ms=-1",
         400},
        {"/end_of_push", "store_name=cities&version=7", 404},
        {"/end_of_push", "store_name=cities&version=x", 400},
        {"/end_of_push", "store_name=cities&version=1&partition_record_counts=%5B%5D", 400},
        {"/end_of_push", "store_name=cities&version=1&partition_record_counts=%7B%223%22:1%7D",
         400},
        {"/end_of_push", "store_name=cities&version=1&partition_record_counts=%7B%220%22:-2%7D",
         400},
        {"/kill_offline_push_job", "topic=cities", 400},
        {"/kill_offline_push_job", "topic=cities_v9", 404},
        {"/kill_offline_push_job", "topic=none_v1", 404},
        {"/push_heartbeat", "store_name=cities&version=9", 404},
        {"/rollback_to_backup_version", "store_name=cities", 409},
        {"/roll_forward_to_future_version", "store_name=cities", 409},
        {"/rollback_to_backup_version", "store_name=cities&regions_filter=a", 501},
    };
    struct world *w = world_start(13);

    (void)state;
    store_up(w);
    assert_int_equal(request(w, "p1", 0), 200);
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        if (post(w, cases[i].path, cases[i].form) != cases[i].status)
            fail_msg("%s %s: %d %s", cases[i].path, cases[i].form, w->status, text_of(w, "error"));
    }
    assert_true(has_version(w, 1, "STARTED"));
    world_free(w);
}

static void an_empty_push_completes_by_itself(void **state)
{
    struct world *w = world_start(14);
    char found[16];
    int64_t count = -2;

    (void)state;
    store_up(w);
    assert_int_equal(post(w, "/empty_push", "store_name=cities&push_job_id=e1"), 200);
    letters("cities_v1", 0, found, &count);
    assert_string_equal(found, "SPSEs");
    assert_int_equal(count, 0);
    report(w, "cities_v1", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, SECOND);
    assert_int_equal(current(w), 1);
    world_free(w);
}

static void a_failed_push_tells_why_and_goes_away(void **state)
{
    struct world *w = world_start(15);

    (void)state;
    store_up(w);
    assert_int_equal(request(w, "p1", 0), 200);
    report(w, "cities_v1", 1, "ERROR", "the disk is full");
    lg_sim_run_us(w->sim, SECOND);
    assert_string_equal(job(w, 1), "ERROR");
    assert_string_equal(text_of(w, "statusDetails"), "partition 0 on srv1_88: the disk is full");
    assert_int_equal(post(w, "/end_of_push", "store_name=cities&version=1"), 409);
    assert_int_equal(request(w, "p2", 0), 200);
    assert_int_equal(version_of_answer(w), 2);
    lg_sim_run_us(w->sim, 30 * SECOND); /* Who pushed has time to ask why. */
    assert_string_equal(job(w, 1), "ERROR");
    lg_sim_run_us(w->sim, 60 * SECOND);
    assert_string_equal(job(w, 1), "ARCHIVED");
    assert_null(log_find("cities_v1"));
    world_free(w);
}

static void a_killed_push_is_cleaned_up_and_its_number_stays_used(void **state)
{
    struct world *w = world_start(16);

    (void)state;
    store_up(w);
    assert_int_equal(request(w, "p1", 0), 200);
    report(w, "cities_v1", 1, "STARTED", NULL);
    assert_int_equal(post(w, "/kill_offline_push_job", "topic=cities_v1"), 200);
    assert_int_equal(post(w, "/kill_offline_push_job", "topic=cities_v1"), 200);
    lg_sim_run_us(w->sim, 3 * SECOND);
    assert_false(has_version(w, 1, NULL));
    assert_string_equal(job(w, 1), "ARCHIVED");
    assert_int_equal(post(w, "/kill_offline_push_job", "topic=cities_v1"), 200);
    assert_int_equal(w->log.count, 1); /* The server still holds it. */
    meta_change(w, LG_META_REMOVE, "/replicas/cities_v1/srv1_88", "");
    lg_sim_run_us(w->sim, 3 * SECOND);
    assert_int_equal(w->log.count, 0);
    restart(w);
    until_ready(w);
    servers_up(w, 1);
    assert_int_equal(request(w, "p2", 0), 200);
    assert_int_equal(version_of_answer(w), 2);
    /* The push that completes while it is killed stays killed. */
    assert_int_equal(post(w, "/kill_offline_push_job", "topic=cities_v2"), 200);
    report(w, "cities_v2", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, SECOND);
    assert_int_equal(current(w), 0);
    world_free(w);
}

static void a_server_that_keeps_a_version_does_not_keep_its_topic_for_ever(void **state)
{
    struct world *w = world_start(17);

    (void)state;
    store_up(w);
    assert_int_equal(request(w, "p1", 0), 200);
    report(w, "cities_v1", 1, "STARTED", NULL);
    assert_int_equal(post(w, "/kill_offline_push_job", "topic=cities_v1"), 200);
    lg_sim_run_us(w->sim, 5 * SECOND);
    assert_int_equal(w->log.count, 1);
    lg_sim_run_us(w->sim, 10 * SECOND);
    assert_int_equal(w->log.count, 0);
    world_free(w);
}

/* --- Versions. ---------------------------------------------------------------------------------
 */

static void rollback_and_rollforward_are_reversible_and_durable(void **state)
{
    struct world *w = world_start(18);

    (void)state;
    store_up(w);
    assert_int_equal(push(w, "p1"), 1);
    assert_int_equal(push(w, "p2"), 2);
    assert_int_equal(current(w), 2);
    assert_int_equal(post(w, "/rollback_to_backup_version", "store_name=cities"), 200);
    assert_int_equal(version_of_answer(w), 1);
    assert_int_equal(current(w), 1);
    assert_true(has_version(w, 2, "ROLLED_BACK"));
    restart(w);
    until_ready(w);
    assert_int_equal(current(w), 1);
    assert_int_equal(post(w, "/rollback_to_backup_version", "store_name=cities"), 409);
    assert_int_equal(post(w, "/roll_forward_to_future_version", "store_name=cities"), 200);
    assert_int_equal(current(w), 2);
    restart(w);
    until_ready(w);
    assert_int_equal(current(w), 2);
    assert_int_equal(post(w, "/kill_offline_push_job", "topic=cities_v2"), 409);
    world_free(w);
}

static void two_backups_are_kept_and_older_ones_go(void **state)
{
    struct world *w = world_start(19);

    (void)state;
    store_up(w);
    for (int i = 1; i <= 5; i++) {
        LG_AUTO_STR char *id = lg_strf("p%d", i);

        assert_int_equal(push(w, id), i);
    }
    meta_change(w, LG_META_REMOVE_TREE, "/replicas/cities_v1", "");
    meta_change(w, LG_META_REMOVE_TREE, "/replicas/cities_v2", "");
    lg_sim_run_us(w->sim, 5 * SECOND);
    assert_false(has_version(w, 1, NULL));
    assert_false(has_version(w, 2, NULL));
    assert_true(has_version(w, 3, "ONLINE"));
    assert_true(has_version(w, 4, "ONLINE"));
    assert_int_equal(w->log.count, 3);
    assert_null(log_find("cities_v2"));
    world_free(w);
}

static void nothing(void *ctx)
{
    (void)ctx;
}

/* A router played by the test: answers what it serves. */
struct router {
    struct lg_http_server *server;
    int serves;
    unsigned asked;
};

static void router_handle(void *ctx, struct lg_http_request *rq)
{
    struct router *r = ctx;
    LG_SCOPED(lg_buf) body = {0};

    r->asked++;
    lg_buf_appendf(&body, "{\"currentVersion\":%d}", r->serves);
    lg_http_respond(rq, &(struct lg_http_response){.status = 200,
                                                   .content_type = "application/json",
                                                   .body = lg_buf_slice(&body)});
}

static void nothing_is_retired_while_a_router_serves_another_version(void **state)
{
    struct world *w = world_start(20);
    struct router router = {.serves = 3};
    struct lg_error err = {0};
    struct lg_http_server_options o = {.transport = lg_net_sim_transport(w->net),
                                       .lane = w->client_lane,
                                       .host = "world",
                                       .port = 7777,
                                       .handler = router_handle,
                                       .ctx = &router};

    (void)state;
    assert_ok(lg_http_server_start(&o, &router.server, &err));
    store_up(w);
    put(w, "/routers/r1", "{\"url\":\"http://world:7777\"}");
    for (int i = 1; i <= 4; i++) {
        LG_AUTO_STR char *id = lg_strf("p%d", i);

        (void)push(w, id);
    }
    lg_sim_run_us(w->sim, 10 * SECOND);
    assert_true(router.asked > 0);
    assert_true(has_version(w, 1, "ONLINE"));
    router.serves = 4;
    lg_sim_run_us(w->sim, 5 * SECOND);
    assert_false(has_version(w, 1, NULL));
    assert_int_equal(get(w, "/list_routers"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "routers")), 1);
    lg_http_server_stop(router.server, 0, nothing, NULL);
    lg_sim_run_us(w->sim, SECOND);
    world_free(w);
}

static void a_swap_that_fails_is_tried_again(void **state)
{
    struct world *w = world_start(21);

    (void)state;
    store_up(w);
    lg_fault_arm(LG_FAULT_SWAP_DECIDED, 0, 2);
    assert_int_equal(request(w, "p1", 0), 200);
    end(w, 1);
    report(w, "cities_v1", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, SECOND / 4);
    assert_string_equal(job(w, 1), "END_OF_PUSH_RECEIVED");
    lg_sim_run_us(w->sim, 3 * SECOND);
    assert_string_equal(job(w, 1), "COMPLETED");
    assert_int_equal(current(w), 1);
    world_free(w);
}

static void a_topic_that_was_deleted_is_forgotten_in_the_end(void **state)
{
    struct world *w = world_start(22);

    (void)state;
    store_up(w);
    assert_int_equal(request(w, "p1", 0), 200);
    lg_fault_arm(LG_FAULT_VERSION_DELETING, 0, 1);
    assert_int_equal(post(w, "/kill_offline_push_job", "topic=cities_v1"), 200);
    lg_sim_run_us(w->sim, 2 * SECOND);
    restart(w);
    until_ready(w);
    lg_sim_run_us(w->sim, 5 * SECOND);
    assert_int_equal(w->log.count, 0);
    assert_false(has_version(w, 1, NULL));
    world_free(w);
}

static void push_job_details_are_checked(void **state)
{
    /* clusterName "", reportTimestamp 0, one status 0 at 0, end of the array */
    static const uint8_t good[] = {0x1a, 0x06, 0, 0, 2, 0, 0, 0};
    static const char target[] =
        "//send_push_job_details?cluster_name=c&store_name=cities&version=-1";
    struct world *w = world_start(23);

    (void)state;
    until_ready(w);
    assert_int_equal(ask_with(w, LG_HTTP_POST, target, lg_slice(good, sizeof(good)),
                              "application/octet-stream", NULL),
                     200);
    for (size_t n = 0; n < sizeof(good); n++)
        assert_int_equal(
            ask_with(w, LG_HTTP_POST, target, lg_slice(good, n), "application/octet-stream", NULL),
            400);
    world_free(w);
}

static void on_stopped(void *ctx)
{
    ((struct world *)ctx)->stopped = true;
}

static bool is_stopped(void *ctx)
{
    return ((struct world *)ctx)->stopped;
}

static void begin_stop(void *ctx)
{
    struct world *w = ctx;

    lg_controller_stop(w->controller, on_stopped, w);
}

static void close_sessions(void *ctx)
{
    struct world *w = ctx;

    lg_metafile_session_close(w->session, w->lane, nothing, NULL);
    lg_metafile_session_close(w->servers, w->lane, nothing, NULL);
}

static void close_metafile(void *ctx)
{
    lg_metafile_close(((struct world *)ctx)->metafile, NULL, NULL);
}

static void a_stop_leaves_nothing_behind(void **state)
{
    struct world *w = world_start(24);

    (void)state;
    store_up(w);
    assert_int_equal(push(w, "p1"), 1);
    assert_int_equal(request(w, "p2", 0), 200);
    lg_sim_node_run(w->node, begin_stop, w);
    assert_true(lg_sim_run_until(w->sim, is_stopped, w, 60 * SECOND));
    lg_sim_node_run(w->node, close_sessions, w);
    lg_sim_run_us(w->sim, SECOND);
    lg_sim_node_run(w->node, close_metafile, w);
    lg_sim_run_us(w->sim, SECOND);
    assert_int_equal(lg_sim_node_bytes(w->node), 0);
    world_free(w);
}

/* --- Power cuts. -------------------------------------------------------------------------------
 */

static void cut(void *ctx)
{
    struct world *w = ctx;

    w->died = true;
    lg_sim_node_kill(w->node);
}

static void wait_for(struct world *w, int version, const char *want)
{
    LG_AUTO_STR char *target = lg_strf("/job?store_name=cities&version=%d", version);
    char topic[LG_NAMES_TOPIC_MAX + 1];

    lg_names_version_topic(topic, "cities", version);
    for (int i = 0; i < 60; i++) {
        /* A server that lives says so again to a metadata store that lost its sessions. */
        put(w, "/instances/srv1_88", "{\"host\":\"srv1\",\"port\":88}");
        report(w, topic, 1, "COMPLETED", NULL);
        assert_int_equal(persist(w, LG_HTTP_GET, target, NULL), 200);
        if (strcmp(text_of(w, "status"), want) == 0)
            return;
        lg_sim_run_us(w->sim, SECOND / 5);
    }
    fail_msg("version %d is %s, not %s: %s", version, text_of(w, "status"), want,
             text_of(w, "statusDetails"));
}

static int persist_push(struct world *w, const char *id)
{
    LG_AUTO_STR char *ask =
        lg_strf("store_name=cities&push_type=BATCH&push_job_id=%s&push_in_sorted_order=true", id);
    LG_AUTO_STR char *over = NULL;
    int version;

    put(w, "/instances/srv1_88", "{\"host\":\"srv1\",\"port\":88}");
    assert_int_equal(persist(w, LG_HTTP_POST, "/request_topic", ask), 200);
    version = version_of_answer(w);
    over = lg_strf("store_name=cities&version=%d", version);
    assert_int_equal(persist(w, LG_HTTP_POST, "/end_of_push", over), 200);
    wait_for(w, version, "COMPLETED");
    return version;
}

static int persist_current(struct world *w)
{
    assert_int_equal(persist(w, LG_HTTP_GET, "/store?store_name=cities", NULL), 200);
    return (int)lg_json_get_int(lg_json_get(w->answer, "store"), "currentVersion", -1);
}

/* A life: two pushes, a kill, a rollback, a roll-forward, a third push. With the power cut after
 * `ops` more operations of the disk (0: never), everything that was acknowledged still holds. True
 * when the cut came. */
static bool a_life(uint64_t ops)
{
    struct world *w = world_start(1000 + ops);
    bool was_cut;
    int status;

    until_ready(w);
    if (ops > 0)
        lg_disk_sim_cut_after(w->disk, ops, cut, w);
    status = persist(w, LG_HTTP_POST, "/new_store", NEW_STORE);
    assert_true(status == 200 || status == 409); /* The answer to the first may have been lost. */
    assert_int_equal(persist_push(w, "p1"), 1);
    assert_int_equal(persist_current(w), 1);
    assert_int_equal(persist_push(w, "p2"), 2);
    assert_int_equal(persist_current(w), 2);

    assert_int_equal(persist(w, LG_HTTP_POST, "/request_topic",
                             "store_name=cities&push_type=BATCH&push_job_id=p3"),
                     200);
    assert_int_equal(version_of_answer(w), 3);
    assert_int_equal(persist(w, LG_HTTP_POST, "/kill_offline_push_job", "topic=cities_v3"), 200);

    status = persist(w, LG_HTTP_POST, "/rollback_to_backup_version", "store_name=cities");
    assert_true(status == 200 || status == 409);
    assert_int_equal(persist_current(w), 1);
    status = persist(w, LG_HTTP_POST, "/roll_forward_to_future_version", "store_name=cities");
    assert_true(status == 200 || status == 409);
    assert_int_equal(persist_current(w), 2);

    assert_int_equal(persist_push(w, "p4"), 4); /* 3 is used for ever. */
    was_cut = lg_sim_node_incarnation(w->node) > 1;
    if (!was_cut)
        lg_disk_sim_cut_after(w->disk, UINT64_MAX / 2, cut, w);

    restart(w);
    assert_int_equal(persist_current(w), 4);
    assert_int_equal(persist_push(w, "p2"), 2); /* The same id, the same version, still. */
    lg_sim_run_us(w->sim, 15 * SECOND);
    assert_false(has_version(w, 3, NULL));
    assert_null(log_find("cities_v3"));
    world_free(w);
    return was_cut;
}

static void nothing_acknowledged_is_lost_wherever_the_power_goes(void **state)
{
    unsigned cuts = 0;

    (void)state;
    assert_false(a_life(0));
    for (uint64_t ops = 1; a_life(ops); ops++)
        cuts++;
    print_message("%u power cuts\n", cuts);
    assert_true(cuts > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_names_its_first_missing_parameter),
        cmocka_unit_test(an_unknown_route_is_named_with_the_nearest),
        cmocka_unit_test(pages_of_strangers_may_not_post),
        cmocka_unit_test(a_store_is_made_once_and_survives_a_power_cut),
        cmocka_unit_test(bad_stores_are_refused),
        cmocka_unit_test(schemas_are_found_by_their_canonical_form),
        cmocka_unit_test(a_push_becomes_current_when_it_is_complete),
        cmocka_unit_test(the_same_push_id_gives_the_same_version),
        cmocka_unit_test(a_second_push_is_refused_while_one_runs),
        cmocka_unit_test(a_push_that_fell_silent_is_replaced),
        cmocka_unit_test(a_push_without_servers_is_refused),
        cmocka_unit_test(a_log_that_fails_leaves_no_version),
        cmocka_unit_test(bad_pushes_are_refused),
        cmocka_unit_test(an_empty_push_completes_by_itself),
        cmocka_unit_test(a_failed_push_tells_why_and_goes_away),
        cmocka_unit_test(a_killed_push_is_cleaned_up_and_its_number_stays_used),
        cmocka_unit_test(a_server_that_keeps_a_version_does_not_keep_its_topic_for_ever),
        cmocka_unit_test(rollback_and_rollforward_are_reversible_and_durable),
        cmocka_unit_test(two_backups_are_kept_and_older_ones_go),
        cmocka_unit_test(nothing_is_retired_while_a_router_serves_another_version),
        cmocka_unit_test(a_swap_that_fails_is_tried_again),
        cmocka_unit_test(a_topic_that_was_deleted_is_forgotten_in_the_end),
        cmocka_unit_test(push_job_details_are_checked),
        cmocka_unit_test(a_stop_leaves_nothing_behind),
        cmocka_unit_test(nothing_acknowledged_is_lost_wherever_the_power_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
