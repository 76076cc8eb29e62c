/* Whole pushes in one world: metadata, log, controller, server and router on node "all", the push
 * on the world's own lane. */
#include "pushjob/pushjob.h"

#include "controller/controller.h"
#include "drivers/loghttp/loghttp.h"
#include "drivers/memkv/engine_memkv.h"
#include "drivers/metafile/metafile.h"
#include "drivers/seglog/seglog.h"
#include "drivers/sim/disk_sim.h"
#include "drivers/sim/transport_sim.h"
#include "net/http_client.h"
#include "pubsub/log_front.h"
#include "router/router.h"
#include "server/server.h"
#include "test/test.h"

struct world;

struct refused { /* an operation that the log is asked for while it is away */
    struct lg_timer timer;
    struct lg_pubsub_op *op;
};

struct away { /* The controller's log: the real one, unless that is away. */
    struct lg_pubsub head, *inner;
    struct world *world;
};

struct world {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_disk *disk;
    struct lg_sim_node *node;
    struct lg_lane *push_lane;
    bool without_router;

    struct lg_log_front *front; /* In the node. */

    struct lg_pushjob *job;
    struct lg_slice file;
    struct lg_loghttp *log;
    struct lg_push_outcome outcome;
    enum lg_push_phase phase;  /* seen last */
    enum lg_push_phase act_at; /* the phase in which `act` is called, once */
    void (*act)(struct world *w);
    bool finished;
    struct away away;
    uint64_t away_until_us, refuses_after_us; /* how long the log is away, and lets others wait */
    struct refused refused[32];
    size_t refused_count;
    bool empty, defer_swap, no_wait; /* of the pushes to come */

    struct lg_http_client *client; /* Of an operator beside the push. */
    struct lg_http_call call;
};

static void log_request(void *ctx, struct lg_http_request *rq)
{
    if (!lg_log_front_handle(((struct world *)ctx)->front, rq))
        lg_http_respond_text(rq, 404, "no such path");
}

#define LOG_AWAY "no Kafka broker answers at k:9092; check kafka.bootstrap.servers"

static void refuse(struct lg_timer *timer)
{
    struct refused *r = LG_CONTAINER_OF(timer, struct refused, timer);

    r->op->rc = lg_error_set(&r->op->err, LG_ERR_UNAVAILABLE, LOG_AWAY);
    r->op->done(r->op);
}

static void away_submit(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct away *a = LG_CONTAINER_OF(ps, struct away, head);
    struct world *w = a->world;
    struct refused *r;

    if (lg_sim_now_us(w->sim) >= w->away_until_us) {
        lg_pubsub_submit(a->inner, op);
        return;
    }
    assert_true(w->refused_count < LG_ARRAY_SIZE(w->refused));
    r = &w->refused[w->refused_count++];
    r->op = op;
    lg_timer_start(op->lane, &r->timer, w->refuses_after_us, refuse);
}

static void away_cancel(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    lg_pubsub_cancel(LG_CONTAINER_OF(ps, struct away, head)->inner, op);
}

static int away_compare(struct lg_pubsub *ps, const struct lg_position *a,
                        const struct lg_position *b)
{
    return lg_pubsub_compare(LG_CONTAINER_OF(ps, struct away, head)->inner, a, b);
}

static const struct lg_pubsub_ops away_ops = {
    .name = "away", .submit = away_submit, .cancel = away_cancel, .compare = away_compare};

static void node_main(void *ctx)
{
    struct world *w = ctx;
    struct lg_lane *lane = lg_sim_lane_new(w->sim, w->node, "all");
    struct lg_transport *transport = lg_net_sim_transport(w->net);
    struct lg_metafile_options meta = {.disk = w->disk, .dir = "metadata", .lane = lane};
    struct lg_seglog_options log = {.disk = w->disk, .dir = "log", .lane = lane};
    struct lg_controller_options controller = {.lane = lane,
                                               .transport = transport,
                                               .host = "all",
                                               .port = 5555,
                                               .log_handler = log_request,
                                               .log_ctx = w};
    struct lg_server_options server = {.lane = lane,
                                       .transport = transport,
                                       .checkpoint_path = "checkpoints",
                                       .host = "all",
                                       .port = 8888};
    struct lg_router_options router = {.lane = lane,
                                       .transport = transport,
                                       .host = "all",
                                       .port = 7777,
                                       .controller_url = "http://all:5555"};
    struct lg_metafile *metafile;
    struct lg_seglog *seglog;
    struct lg_controller *c;
    struct lg_server *s;
    struct lg_router *r;
    struct lg_error err = {0};

    assert_ok(lg_metafile_open(&meta, &metafile, &err));
    assert_ok(lg_seglog_open(&log, &seglog, &err));
    controller.pubsub = server.pubsub = lg_seglog_pubsub(seglog);
    w->front = lg_log_front_new(controller.pubsub, lane);
    w->away = (struct away){{&away_ops, controller.pubsub->url}, controller.pubsub, w};
    controller.pubsub = &w->away.head;
    controller.metastore = lg_metafile_session_new(metafile);
    server.metastore = lg_metafile_session_new(metafile);
    server.driver = lg_memkv_new(w->disk, "engines");
    assert_ok(lg_controller_start(&controller, &c, &err));
    assert_ok(lg_server_start(&server, &s, &err));
    if (w->without_router)
        return;
    router.metastore = lg_metafile_session_new(metafile);
    assert_ok(lg_router_start(&router, &r, &err));
}

static struct world *world_new(bool without_router)
{
    struct world *w = lg_new(struct world);

    w->without_router = without_router;
    w->act_at = LG_PUSH_FINISHED;
    w->sim = lg_sim_new(5);
    w->net = lg_net_sim_new(w->sim);
    w->disk = lg_disk_sim_new(w->sim, 6);
    w->node = lg_sim_node_new(w->sim, "all");
    lg_disk_sim_follow(w->disk, w->node);
    w->push_lane = lg_sim_lane_new(w->sim, NULL, "push");
    lg_sim_node_run(w->node, node_main, w);
    return w;
}

static void world_free(struct world *w)
{
    lg_sim_free(w->sim);
    lg_net_sim_free(w->net);
    lg_disk_sim_free(w->disk);
    lg_free(w);
}

static enum lg_rc open_log(void *ctx, const char *url, struct lg_pubsub **out, struct lg_error *err)
{
    struct world *w = ctx;
    struct lg_loghttp_options o = {lg_net_sim_transport(w->net), w->push_lane, url};
    enum lg_rc rc = lg_loghttp_new(&o, &w->log, err);

    if (rc == LG_OK)
        *out = lg_loghttp_pubsub(w->log);
    return rc;
}

static void close_log(void *ctx, struct lg_pubsub *log)
{
    (void)log;
    lg_loghttp_free(((struct world *)ctx)->log);
}

static void creating(void *ctx, const char *key, const char *value)
{
    (void)ctx, (void)key, (void)value;
}

static void progress(void *ctx, const struct lg_push_progress *p)
{
    struct world *w = ctx;
    void (*act)(struct world *) = w->act;

    w->phase = p->phase;
    if (act == NULL || p->phase != w->act_at)
        return;
    w->act = NULL;
    act(w);
}

static void finished(void *ctx, struct lg_pushjob *job)
{
    struct world *w = ctx;

    assert_false(w->finished);
    w->outcome = *lg_pushjob_outcome(job);
    w->finished = true;
}

static bool is_finished(void *ctx)
{
    return ((struct world *)ctx)->finished;
}

static enum lg_rc push(struct world *w, const char *id, struct lg_slice file, uint64_t timeout_ms)
{
    struct lg_input_file files = {"cities.avro", lg_source_of_slice(&w->file)};

    w->file = file;
    w->finished = false;
    w->job = lg_pushjob_start(&(struct lg_pushjob_options){
        .lane = w->push_lane,
        .transport = lg_net_sim_transport(w->net),
        .controller_url = "http://all:5555",
        .store = "cities",
        .push_id = id,
        .host_name = "me",
        .input = {.files = &files, .file_count = 1, .key_field = "id"},
        .create_store = true,
        .owner = "me",
        .partitions = 3,
        .timeout_ms = timeout_ms,
        .empty = w->empty,
        .defer_swap = w->defer_swap,
        .no_wait = w->no_wait,
        .pusher = "me@here",
        .open_log = open_log,
        .close_log = close_log,
        .creating = creating,
        .progress = progress,
        .finished = finished,
        .ctx = w,
    });
    assert_true(lg_sim_run_until(w->sim, is_finished, w, 1000 * LG_SEC));
    lg_pushjob_free(w->job);
    lg_sim_run_us(w->sim, LG_SEC); /* Its connections close. */
    return w->outcome.rc;
}

/* A container of `count` cities; with `conflict`, city 1 twice with different names. */
static void write_file(struct lg_buf *file, int count, bool conflict)
{
    static const uint8_t sync[LG_CONTAINER_SYNC_BYTES] = "sixteen bytes ..";
    LG_AUTO(lg_schema) *schema = NULL;
    LG_AUTO(lg_container_writer) *writer = NULL;
    struct lg_container_writer_options options = {.sync = sync};
    struct lg_error err = {0};

    assert_ok(lg_schema_parse(
        LG_LIT("{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"id\",\"type\":"
               "\"int\"},{\"name\":\"size\",\"type\":\"int\"}]}"),
        &schema, &err));
    options.schema = schema;
    assert_ok(lg_container_writer_open(lg_sink_of_buf(file), &options, &writer, &err));
    for (int i = 1; i <= count + conflict; i++) {
        uint8_t datum[2] = {(uint8_t)(2 * (i > count ? 1 : i)), (uint8_t)(2 * (i % 60))};

        assert_ok(lg_container_writer_add(writer, lg_slice(datum, sizeof datum), &err));
    }
    assert_ok(lg_container_writer_flush(writer, &err));
}

static void a_push_makes_the_store_and_the_next_one_another_version(void **state)
{
    struct world *w = world_new(false);
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    write_file(&file, 50, false);
    if (push(w, "p1", lg_buf_slice(&file), 60000) != LG_OK)
        fail_msg("%s", w->outcome.err.text);
    assert_int_equal(w->outcome.version, 1);
    assert_int_equal(w->outcome.partitions, 3);
    assert_int_equal(w->outcome.records, 50);
    assert_true(w->outcome.store_created);
    assert_rc(LG_OK, push(w, "p2", lg_buf_slice(&file), 60000));
    assert_int_equal(w->outcome.version, 2);
    assert_false(w->outcome.store_created);
    world_free(w);
}

static void data_that_contradicts_itself_is_refused_before_a_version_is_asked_for(void **state)
{
    struct world *w = world_new(false);
    LG_SCOPED(lg_buf) bad = {0}, good = {0};

    (void)state;
    write_file(&bad, 50, true);
    write_file(&good, 50, false);
    assert_rc(LG_ERR_BAD_DATA, push(w, "p1", lg_buf_slice(&bad), 60000));
    assert_non_null(strstr(w->outcome.err.text, "two different records have the key 1"));
    assert_int_equal(w->outcome.version, 0);
    assert_rc(LG_OK, push(w, "p2", lg_buf_slice(&good), 60000));
    assert_int_equal(w->outcome.version, 1); /* No number was used up. */
    world_free(w);
}

static void cancel(struct world *w)
{
    lg_pushjob_cancel(w->job);
}

static void a_cancelled_push_kills_its_version(void **state)
{
    static const enum lg_push_phase phases[] = {LG_PUSH_REQUESTING, LG_PUSH_WRITING};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(phases); i++) {
        struct world *w = world_new(false);
        LG_SCOPED(lg_buf) file = {0};

        write_file(&file, 50, false);
        w->act_at = phases[i];
        w->act = cancel;
        assert_rc(LG_ERR_CANCELLED, push(w, "p1", lg_buf_slice(&file), 60000));
        assert_null(strstr(w->outcome.err.text, "could not be dropped"));
        assert_rc(LG_OK, push(w, "p2", lg_buf_slice(&file), 60000)); /* Nothing is in its way. */
        assert_int_equal(w->outcome.version, 2);
        world_free(w);
    }
}

static void crash(void *ctx)
{
    struct world *w = ctx;

    lg_sim_node_kill(w->node);
    lg_sim_node_start(w->node);
    lg_sim_node_run(w->node, node_main, w);
}

static void crash_soon(struct world *w)
{
    (void)lg_sim_at(w->sim, lg_sim_now_us(w->sim) + 1000, NULL, crash, w);
}

static void a_push_completes_though_everything_else_dies_and_comes_back(void **state)
{
    static const enum lg_push_phase phases[] = {LG_PUSH_FINDING, LG_PUSH_REQUESTING,
                                                LG_PUSH_WRITING, LG_PUSH_ENDING,
                                                LG_PUSH_WAITING, LG_PUSH_CONFIRMING};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(phases); i++) {
        struct world *w = world_new(false);
        LG_SCOPED(lg_buf) file = {0};

        write_file(&file, 50, false);
        w->act_at = phases[i];
        w->act = crash_soon;
        if (push(w, "p1", lg_buf_slice(&file), 120000) != LG_OK)
            fail_msg("%s: %s", lg_push_phase_name(phases[i]), w->outcome.err.text);
        assert_int_equal(w->outcome.version, 1);
        world_free(w);
    }
}

static void cancel_and_crash(struct world *w)
{
    (void)lg_sim_at(w->sim, lg_sim_now_us(w->sim) + 5000, NULL, crash, w);
    lg_pushjob_cancel(w->job);
}

static void without_a_router_success_is_never_told(void **state)
{
    struct world *w = world_new(true);
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    write_file(&file, 50, false);
    assert_rc(LG_ERR_TIMEOUT, push(w, "p1", lg_buf_slice(&file), 20000));
    assert_int_equal(w->outcome.version, 1);
    assert_non_null(
        strstr(w->outcome.err.text, "version 1 is not served after 20 s by every router"));
    world_free(w);
}

static void rolled_back(struct lg_http_call *call)
{
    assert_int_equal(call->status, 200);
}

static void roll_back(struct world *w)
{
    w->client = lg_http_client_new(lg_net_sim_transport(w->net), w->push_lane);
    w->call =
        (struct lg_http_call){.host = "all",
                              .port = 5555,
                              .method = LG_HTTP_POST,
                              .target = LG_LIT("/rollback_to_backup_version?store_name=cities"),
                              .done = rolled_back};
    lg_http_call_submit(w->client, &w->call);
}

static void a_version_that_is_rolled_back_before_it_was_confirmed_is_told(void **state)
{
    struct world *w = world_new(true);
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    write_file(&file, 50, false);
    assert_rc(LG_ERR_TIMEOUT, push(w, "p1", lg_buf_slice(&file), 20000));
    w->act_at = LG_PUSH_CONFIRMING;
    w->act = roll_back;
    assert_rc(LG_ERR_CONFLICT, push(w, "p2", lg_buf_slice(&file), 600000));
    assert_non_null(strstr(w->outcome.err.text, "version 2 was complete and was rolled back"));
    lg_http_call_done(&w->call);
    lg_http_client_free(w->client);
    lg_sim_run_us(w->sim, LG_SEC);
    world_free(w);
}

static void an_empty_push_has_a_version_and_no_record(void **state)
{
    struct world *w = world_new(false);
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    w->empty = true;
    assert_rc(LG_ERR_NO_STORE, push(w, "e0", LG_LIT(""), 60000));
    w->empty = false;
    write_file(&file, 50, false);
    assert_rc(LG_OK, push(w, "p1", lg_buf_slice(&file), 60000));
    w->empty = true;
    assert_rc(LG_OK, push(w, "e2", LG_LIT(""), 60000));
    assert_int_equal(w->outcome.version, 2);
    assert_int_equal(w->outcome.records, 0);
    assert_rc(LG_OK, push(w, "e2", LG_LIT(""), 60000)); /* Again: the same version. */
    assert_int_equal(w->outcome.version, 2);
    world_free(w);
}

static void a_deferred_push_ends_when_its_version_is_complete(void **state)
{
    struct world *w = world_new(true); /* Nobody has to serve it. */
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    write_file(&file, 50, false);
    w->defer_swap = true;
    assert_rc(LG_OK, push(w, "p1", lg_buf_slice(&file), 60000));
    assert_true(w->outcome.waits_for_swap);
    assert_false(w->outcome.loads);
    w->defer_swap = false; /* The push id remembers. */
    assert_rc(LG_OK, push(w, "p1", lg_buf_slice(&file), 60000));
    assert_true(w->outcome.waits_for_swap);
    world_free(w);
}

static void without_waiting_a_push_ends_once_all_is_written(void **state)
{
    struct world *w = world_new(true);
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    write_file(&file, 50, false);
    w->no_wait = true;
    assert_rc(LG_OK, push(w, "p1", lg_buf_slice(&file), 60000));
    assert_true(w->outcome.loads);
    assert_int_equal(w->outcome.version, 1);
    assert_int_equal(w->outcome.records, 50);
    world_free(w);
}

static void a_push_id_that_ended_is_taken_up_where_it_was(void **state)
{
    struct world *w = world_new(false);
    LG_SCOPED(lg_buf) file = {0}, other = {0};

    (void)state;
    write_file(&file, 50, false);
    write_file(&other, 49, false);
    assert_rc(LG_OK, push(w, "p1", lg_buf_slice(&file), 60000));
    assert_rc(LG_OK, push(w, "p1", lg_buf_slice(&file), 60000));
    assert_int_equal(w->outcome.version, 1);
    assert_rc(LG_ERR_CONFLICT, push(w, "p1", lg_buf_slice(&other), 60000));
    assert_non_null(strstr(w->outcome.err.text, "version 1 has 50 records, these files have 49"));
    w->act_at = LG_PUSH_WRITING;
    w->act = cancel;
    assert_rc(LG_ERR_CANCELLED, push(w, "p2", lg_buf_slice(&file), 60000));
    if (push(w, "p2", lg_buf_slice(&file), 60000) == LG_ERR_CONFLICT)
        assert_non_null(strstr(w->outcome.err.text, "version 2 is KILLED (killed on request)"));
    else /* Forgotten already: it begins anew. */
        assert_int_equal(w->outcome.version, 3);
    world_free(w);
}

static void heal(void *ctx)
{
    lg_net_sim_heal(((struct world *)ctx)->net);
}

/* The request may have arrived, its answer is lost, and so is every one for longer than a call. */
static void cut_off(struct world *w)
{
    lg_net_sim_partition(w->net, "world", "all", true);
    (void)lg_sim_at(w->sim, lg_sim_now_us(w->sim) + 40 * LG_SEC, NULL, heal, w);
}

static void a_lost_answer_is_asked_for_again_under_the_same_id(void **state)
{
    struct world *w = world_new(false);
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    write_file(&file, 50, false);
    w->act_at = LG_PUSH_REQUESTING;
    w->act = cut_off;
    if (push(w, "p1", lg_buf_slice(&file), 300000) != LG_OK)
        fail_msg("%s", w->outcome.err.text);
    assert_int_equal(w->outcome.version, 1);
    world_free(w);
}

static void a_push_that_gives_up_asking_drops_what_it_may_have_begun(void **state)
{
    struct world *w = world_new(false);
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    write_file(&file, 50, false);
    w->act_at = LG_PUSH_REQUESTING;
    w->act = cut_off;
    assert_rc(LG_ERR_TIMEOUT, push(w, "p1", lg_buf_slice(&file), 35000));
    /* What was on its way when the network healed begins a push after all; its lease ends it. */
    lg_sim_run_us(w->sim, 40 * LG_SEC);
    assert_rc(LG_OK, push(w, "p2", lg_buf_slice(&file), 60000));
    world_free(w);
}

static void an_answer_that_never_came_is_no_version_left_behind(void **state)
{
    struct world *w = world_new(false);
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    write_file(&file, 50, false);
    w->act_at = LG_PUSH_REQUESTING;
    w->act = cancel_and_crash;
    assert_rc(LG_ERR_CANCELLED, push(w, "p1", lg_buf_slice(&file), 60000));
    assert_rc(LG_OK, push(w, "p2", lg_buf_slice(&file), 60000)); /* Nothing is in its way. */
    world_free(w);
}

/* --- A log that is away. ------------------------------------------------------------------------
 */

static void lose_log(struct world *w)
{
    w->away_until_us = lg_sim_now_us(w->sim) + 50 * LG_SEC;
}

static void a_push_waits_for_a_log_that_is_away_and_goes_on(void **state)
{
    static const enum lg_push_phase phases[] = {LG_PUSH_REQUESTING, LG_PUSH_ENDING};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(phases); i++) {
        struct world *w = world_new(false);
        LG_SCOPED(lg_buf) file = {0};

        write_file(&file, 50, false);
        w->refuses_after_us = 10 * LG_SEC;
        w->act_at = phases[i];
        w->act = lose_log;
        if (push(w, "p1", lg_buf_slice(&file), 300000) != LG_OK)
            fail_msg("%s: %s", lg_push_phase_name(phases[i]), w->outcome.err.text);
        assert_true(w->refused_count > 2);
        assert_int_equal(w->outcome.version, 1);
        world_free(w);
    }
}

/* However its time is divided among questions: never that the last one of them was cut off. */
static void a_push_whose_time_ends_while_the_log_is_away_says_so(void **state)
{
    (void)state;
    for (uint64_t ms = 16000; ms < 45000; ms += 3700) {
        struct world *w = world_new(false);
        LG_SCOPED(lg_buf) file = {0};

        write_file(&file, 50, false);
        w->refuses_after_us = 10 * LG_SEC;
        w->act_at = LG_PUSH_REQUESTING;
        w->act = lose_log;
        assert_rc(LG_ERR_UNAVAILABLE, push(w, "p1", lg_buf_slice(&file), ms));
        if (strstr(w->outcome.err.text, LOG_AWAY) == NULL)
            fail_msg("%llu ms: %s", (unsigned long long)ms, w->outcome.err.text);
        world_free(w);
    }
}

static void a_push_with_too_little_time_to_be_told_learns_what_is_waited_for(void **state)
{
    struct world *w = world_new(false);
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    write_file(&file, 50, false);
    w->refuses_after_us = 600 * LG_SEC;
    w->act_at = LG_PUSH_REQUESTING;
    w->act = lose_log;
    assert_rc(LG_ERR_TIMEOUT, push(w, "p1", lg_buf_slice(&file), 8000));
    if (strstr(w->outcome.err.text,
               ": it waits for the log to make its topic cities_v1; see whether the "
               "log at lagoon+http://all:5555 answers") == NULL)
        fail_msg("%s", w->outcome.err.text);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_makes_the_store_and_the_next_one_another_version),
        cmocka_unit_test(data_that_contradicts_itself_is_refused_before_a_version_is_asked_for),
        cmocka_unit_test(a_cancelled_push_kills_its_version),
        cmocka_unit_test(a_push_completes_though_everything_else_dies_and_comes_back),
        cmocka_unit_test(without_a_router_success_is_never_told),
        cmocka_unit_test(a_version_that_is_rolled_back_before_it_was_confirmed_is_told),
        cmocka_unit_test(an_empty_push_has_a_version_and_no_record),
        cmocka_unit_test(a_deferred_push_ends_when_its_version_is_complete),
        cmocka_unit_test(without_waiting_a_push_ends_once_all_is_written),
        cmocka_unit_test(a_push_id_that_ended_is_taken_up_where_it_was),
        cmocka_unit_test(a_lost_answer_is_asked_for_again_under_the_same_id),
        cmocka_unit_test(a_push_that_gives_up_asking_drops_what_it_may_have_begun),
        cmocka_unit_test(an_answer_that_never_came_is_no_version_left_behind),
        cmocka_unit_test(a_push_waits_for_a_log_that_is_away_and_goes_on),
        cmocka_unit_test(a_push_whose_time_ends_while_the_log_is_away_says_so),
        cmocka_unit_test(a_push_with_too_little_time_to_be_told_learns_what_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
