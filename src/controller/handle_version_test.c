/* Pushes begin, end, are killed; versions are switched. */
#include "base/str.h"
#include "test/lib/controller_world.h"
#include "test/test.h"

static void the_same_push_id_gives_the_same_version(void **state)
{
    struct lg_cw *w = lg_cw_start(8);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    assert_int_equal(lg_cw_version(w), 1);
    lg_cw_end(w, 1);
    lg_cw_end(w, 1); /* Again is fine, and writes nothing again. */
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    assert_int_equal(lg_cw_version(w), 1);
    lg_cw_free(w);
}

static void a_second_push_is_refused_while_one_runs(void **state)
{
    struct lg_cw *w = lg_cw_start(9);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_sim_run_us(w->sim, 3600 * LG_SEC); /* No lease: it runs for ever. */
    assert_int_equal(lg_cw_request(w, "p2", 0), 400);
    assert_string_equal(lg_cw_text(w, "errorType"), "CONCURRENT_BATCH_PUSH");
    assert_string_equal(lg_cw_text(w, "exceptionType"), "BAD_REQUEST");
    lg_cw_free(w);
}

/* Who holds the store, until when, and how it is freed. */
static void who_is_kept_out_is_told_by_whom_and_until_when(void **state)
{
    struct lg_cw *w = lg_cw_start(41);
    const char *again = "store_name=cities&push_type=BATCH&push_job_id=p2";

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_post(w, "/request_topic",
                                "store_name=cities&push_type=BATCH&push_job_id=p1&"
                                "lagoon_lease_ms=60000&lagoon_pusher=batch7"),
                     200);
    lg_sim_run_us(w->sim, 20 * LG_SEC);
    assert_int_equal(lg_cw_post(w, "/request_topic", again), 400);
    assert_string_equal(lg_cw_text(w, "errorType"), "CONCURRENT_BATCH_PUSH");
    assert_string_equal(
        lg_cw_text(w, "error"),
        "push p1 of store cities (version 1) is still running, by batch7: it was heard of 20 s "
        "ago; if it stays silent, another push may replace it in 40 s; wait for it, continue it "
        "with --push-id, or end it with `lagoon push kill cities 1`, then push again");
    assert_int_equal(lg_cw_post(w, "/kill_offline_push_job", "topic=cities_v1"), 200);
    assert_int_equal(lg_cw_post(w, "/request_topic", again), 200);
    assert_int_equal(lg_cw_version(w), 2);
    assert_int_equal(lg_cw_request(w, "p3", 0), 400);
    assert_non_null(strstr(lg_cw_text(w, "error"), "by a pusher that gave no name: it gave no "
                                                   "lease, so another push may replace it in 86"));
    lg_cw_end(w, 2);
    assert_int_equal(lg_cw_request(w, "p3", 0), 400);
    assert_non_null(strstr(lg_cw_text(w, "error"), "it is written and waits for the servers"));
    lg_cw_free(w);
}

/* Whatever it was doing with the topic: the same push may begin again, and so may another one. */
static void a_log_that_dies_at_any_step_of_the_beginning_leaves_nothing(void **state)
{
    unsigned steps = 0;

    (void)state;
    for (bool failed = true; failed; steps++) {
        struct lg_cw *w = lg_cw_start(100 + steps);

        lg_cw_store_up(w);
        for (int other = 0; other < 2; other++) {
            w->log.fail = LG_ERR_UNAVAILABLE;
            w->log.spared = steps;
            failed = lg_cw_request(w, "p1", 60000) != 200;
            w->log.fail = LG_OK;
            if (!failed)
                break;
            assert_int_equal(w->status, 503);
            assert_false(lg_cw_has_version(w, 1, NULL));
            assert_int_equal(lg_cw_get(w, "/v1/push_status?store_name=cities"), 404);
            assert_int_equal(lg_cw_request(w, other == 0 ? "p1" : "p2", 60000), 200);
            assert_int_equal(lg_cw_version(w), 1);
            lg_cw_end(w, 1);
            lg_cw_report(w, "cities_v1", 1, "COMPLETED", NULL);
            lg_sim_run_us(w->sim, LG_SEC);
            assert_int_equal(lg_cw_current(w), 1);
            lg_cw_free(w);
            w = lg_cw_start(200 + steps);
            lg_cw_store_up(w);
        }
        lg_cw_free(w);
    }
    assert_true(steps > LG_CW_PARTITIONS + 1); /* Topic deleted, made, and written to. */
}

/* As Kafka does for a moment when it was killed right after it had made the topic. */
static void a_log_that_forgot_the_topic_it_made_is_asked_again(void **state)
{
    struct lg_cw *w = lg_cw_start(1);

    (void)state;
    lg_cw_store_up(w);
    w->log.fail = LG_ERR_NOT_FOUND;
    w->log.spared = 2; /* deleted, made */
    assert_int_equal(lg_cw_request(w, "p1", 60000), 503);
    assert_non_null(strstr(lg_cw_text(w, "error"), "topic cities_v1: the log does not know it"));
    w->log.fail = LG_OK;
    assert_int_equal(lg_cw_request(w, "p1", 60000), 200);
    assert_int_equal(lg_cw_version(w), 1);
    w->log.fail = LG_ERR_NOT_FOUND;
    w->log.spared = 1; /* described */
    assert_int_equal(lg_cw_post(w, "/end_of_push", "store_name=cities&version=1"), 503);
    w->log.fail = LG_OK;
    lg_cw_end(w, 1);
    lg_cw_free(w);
}

struct impatient { /* Who asks and does not wait. */
    struct lg_http_call call;
    bool done;
};

static void answered(struct lg_http_call *call)
{
    LG_CONTAINER_OF(call, struct impatient, call)->done = true;
}

static bool has_gone(void *impatient)
{
    return ((struct impatient *)impatient)->done;
}

/* A pusher that asks and is gone two seconds later, while the log is silent. */
static void ask_and_go(struct lg_cw *w, const char *form)
{
    static const struct lg_http_header headers[] = {
        {{(const uint8_t *)"Content-Type", 12},
         {(const uint8_t *)"application/x-www-form-urlencoded", 33}}};
    struct impatient who = {.call = {.host = "ctl",
                                     .port = 5555,
                                     .method = LG_HTTP_POST,
                                     .target = LG_LIT("/request_topic"),
                                     .headers = headers,
                                     .header_count = 1,
                                     .body = lg_slice_str(form),
                                     .deadline_us = lg_lane_now_us(w->client_lane) + 2 * LG_SEC,
                                     .response_bytes_max = 1 << 16,
                                     .done = answered}};

    lg_http_call_submit(w->http, &who.call);
    assert_true(lg_sim_run_until(w->sim, has_gone, &who, 10 * LG_SEC));
    assert_rc(LG_ERR_TIMEOUT, who.call.rc);
    lg_http_call_done(&who.call);
    lg_sim_run_us(w->sim, LG_SEC); /* The controller hears of it. */
}

static void a_pusher_that_went_away_before_its_version_was_made_holds_nothing(void **state)
{
    struct lg_cw *w = lg_cw_start(42);

    (void)state;
    lg_cw_store_up(w);
    w->log.silent = true;
    ask_and_go(w, "store_name=cities&push_type=BATCH&push_job_id=p1&lagoon_lease_ms=3600000");
    lg_cw_log_goes_on(w);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_false(lg_cw_has_version(w, 1, NULL));
    assert_int_equal(lg_cw_request(w, "p2", 60000), 200); /* Nobody stands in its way. */
    assert_int_equal(lg_cw_version(w), 1);
    lg_cw_free(w);
}

static void log_goes_on(void *world)
{
    lg_cw_log_goes_on(world);
}

static void a_pusher_that_asks_again_meanwhile_gets_the_version(void **state)
{
    struct lg_cw *w = lg_cw_start(43);
    const char *form = "store_name=cities&push_type=BATCH&push_job_id=p1&lagoon_lease_ms=3600000";

    (void)state;
    lg_cw_store_up(w);
    w->log.silent = true;
    ask_and_go(w, form);
    /* Its second request waits behind the first, and it has patience now. */
    lg_sim_at(w->sim, lg_sim_now_us(w->sim) + 3 * LG_SEC, NULL, log_goes_on, w);
    assert_int_equal(lg_cw_post(w, "/request_topic", form), 200);
    assert_int_equal(lg_cw_version(w), 1);
    assert_true(lg_cw_has_version(w, 1, "STARTED"));
    assert_false(lg_cw_has_version(w, 2, NULL));
    lg_cw_free(w);
}

static void a_push_that_fell_silent_is_replaced(void **state)
{
    struct lg_cw *w = lg_cw_start(10);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 5000), 200);
    lg_sim_run_us(w->sim, 4 * LG_SEC);
    assert_int_equal(lg_cw_post(w, "/push_heartbeat", "store_name=cities&version=1"), 200);
    lg_sim_run_us(w->sim, 4 * LG_SEC);
    assert_int_equal(lg_cw_request(w, "p2", 5000), 400); /* It was heard 4 s ago. */
    lg_sim_run_us(w->sim, 2 * LG_SEC);
    assert_int_equal(lg_cw_request(w, "p2", 5000), 200);
    assert_int_equal(lg_cw_version(w), 2);
    assert_int_equal(lg_cw_post(w, "/push_heartbeat", "store_name=cities&version=1"), 409);
    /* A restart is no reason to think that a pusher is silent. */
    lg_sim_run_us(w->sim, 4 * LG_SEC);
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    lg_sim_run_us(w->sim, 2 * LG_SEC);
    assert_int_equal(lg_cw_request(w, "p3", 5000), 400);
    lg_cw_free(w);
}

static void a_push_waits_for_servers_and_fails_when_none_come(void **state)
{
    struct lg_cw *w = lg_cw_start(11);

    (void)state;
    lg_cw_until_ready(w);
    assert_int_equal(lg_cw_post(w, "/new_store", LG_CW_NEW_STORE), 200);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    assert_int_equal(lg_cw_version(w), 1);
    lg_sim_run_us(w->sim, 959 * LG_SEC);
    assert_string_equal(lg_cw_job(w, 1), "STARTED");
    assert_int_equal(lg_cw_get(w, "/v1/push_status?store_name=cities&version=1"), 200);
    lg_sim_run_us(w->sim, 2 * LG_SEC);
    assert_string_equal(lg_cw_job(w, 1), "ERROR");
    assert_non_null(strstr(lg_cw_text(w, "statusDetails"),
                           "partition 0 found 0 of the 1 servers that replication factor 1 needs "
                           "within 960 s"));
    assert_int_equal(lg_cw_request(w, "p2", 0), 200); /* One comes in time. */
    lg_cw_servers_up(w, 1);
    lg_cw_end(w, 2);
    lg_cw_report(w, "cities_v2", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(lg_cw_current(w), 2);
    lg_cw_free(w);
}

static void a_log_that_fails_leaves_no_version(void **state)
{
    struct lg_cw *w = lg_cw_start(12);

    (void)state;
    lg_cw_store_up(w);
    w->log.fail = LG_ERR_IO;
    assert_int_equal(lg_cw_request(w, "p1", 0), 500);
    assert_false(lg_cw_has_version(w, 1, NULL));
    w->log.fail = LG_OK;
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    w->log.fail = LG_ERR_IO;
    assert_int_equal(lg_cw_post(w, "/end_of_push", "store_name=cities&version=1"), 500);
    w->log.fail = LG_OK;
    lg_cw_end(w, 1);
    lg_cw_free(w);
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
        {"/request_topic", "store_name=cities&push_type=BATCH&push_job_id=p&defer_version_swap=yes",
         400},
        {"/roll_forward_to_future_version", "store_name=cities&lagoon_swap_version=0", 409},
        {"/roll_forward_to_future_version", "store_name=cities&lagoon_swap_version=9", 404},
        {"/roll_forward_to_future_version", "store_name=cities&lagoon_swap_version=1", 409},
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
    struct lg_cw *w = lg_cw_start(13);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        if (lg_cw_post(w, cases[i].path, cases[i].form) != cases[i].status)
            fail_msg("%s %s: %d %s", cases[i].path, cases[i].form, w->status,
                     lg_cw_text(w, "error"));
    }
    assert_true(lg_cw_has_version(w, 1, "STARTED"));
    lg_cw_free(w);
}

static void a_change_by_somebody_else_is_noticed(void **state)
{
    struct lg_cw *w = lg_cw_start(26);
    int status = 0;

    (void)state;
    lg_cw_store_up(w);
    lg_cw_put(w, "/stores/cities",
              "{\"name\":\"cities\",\"partitionCount\":3,\"replicationFactor\":1,"
              "\"largestUsedVersionNumber\":6,\"enableStoreWrites\":true}");
    /* What is in memory is wrong: refused, nothing happened, and everything is read again. */
    assert_int_equal(lg_cw_request(w, "p1", 0), 409);
    for (int i = 0; i < 50 && status != 200; i++) {
        lg_sim_run_us(w->sim, LG_SEC / 20);
        status = lg_cw_request(w, "p1", 0);
    }
    assert_int_equal(status, 200);
    assert_int_equal(lg_cw_version(w), 7);
    lg_cw_free(w);
}

static void an_empty_push_completes_by_itself(void **state)
{
    struct lg_cw *w = lg_cw_start(14);
    char found[16];
    int64_t count = -2;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_post(w, "/empty_push", "store_name=cities&push_job_id=e1"), 200);
    lg_cw_letters("cities_v1", 0, found, &count);
    assert_string_equal(found, "SPSEs");
    assert_int_equal(count, 0);
    lg_cw_report(w, "cities_v1", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(lg_cw_current(w), 1);
    lg_cw_free(w);
}

static int request_with(struct lg_cw *w, const char *id, const char *more)
{
    LG_AUTO_STR char *form =
        lg_strf("store_name=cities&push_type=BATCH&push_job_id=%s&%s", id, more);

    return lg_cw_post(w, "/request_topic", form);
}

/* A push whose swap is deferred, until its replicas are complete. */
static int push_deferred(struct lg_cw *w, const char *id)
{
    char topic[LG_NAMES_TOPIC_MAX + 1];
    int version;

    assert_int_equal(request_with(w, id, "defer_version_swap=true"), 200);
    version = lg_cw_version(w);
    lg_cw_end(w, version);
    lg_names_version_topic(topic, "cities", version);
    lg_cw_report(w, topic, 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    return version;
}

static int swap(struct lg_cw *w, int version)
{
    LG_AUTO_STR char *form = lg_strf("store_name=cities&lagoon_swap_version=%d", version);

    return lg_cw_post(w, "/roll_forward_to_future_version", form);
}

static void a_deferred_version_waits_for_its_swap_through_power_cuts(void **state)
{
    struct lg_cw *w = lg_cw_start(27);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    assert_int_equal(push_deferred(w, "p2"), 2);
    assert_string_equal(lg_cw_job(w, 2), "COMPLETED");
    assert_true(lg_cw_has_version(w, 2, "PUSHED"));
    assert_int_equal(lg_cw_current(w), 1);
    lg_sim_run_us(w->sim, 60 * LG_SEC); /* Nobody retires it. */
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    assert_true(lg_cw_has_version(w, 2, "PUSHED"));
    lg_cw_meta(w, LG_META_REMOVE_TREE, "/instances/srv1_88", "");
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(swap(w, 0), 409); /* The server is not there. */
    assert_non_null(strstr(lg_cw_text(w, "error"), "0 of its 3 partitions"));
    lg_cw_servers_up(w, 1);
    lg_cw_report(w, "cities_v2", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(swap(w, 0), 200);
    assert_int_equal(lg_cw_version(w), 2);
    assert_int_equal(lg_cw_current(w), 2);
    assert_int_equal(swap(w, 2), 200); /* Repeated: nothing happens. */
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    assert_int_equal(lg_cw_current(w), 2);
    assert_true(lg_cw_has_version(w, 2, "ONLINE"));
    assert_int_equal(swap(w, 1), 409);
    assert_non_null(strstr(lg_cw_text(w, "error"), "lagoon rollback"));
    lg_cw_free(w);
}

static void a_push_that_is_continued_may_not_change_its_mind_on_its_swap(void **state)
{
    struct lg_cw *w = lg_cw_start(30);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    assert_int_equal(request_with(w, "p1", "defer_version_swap=true"), 409);
    assert_non_null(strstr(lg_cw_text(w, "error"), "was begun without --defer-swap"));
    assert_int_equal(request_with(w, "p1", "defer_version_swap=false"), 200);
    assert_int_equal(lg_cw_version(w), 1);
    lg_cw_end(w, 1);
    lg_cw_report(w, "cities_v1", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(lg_cw_current(w), 1);
    assert_int_equal(request_with(w, "p2", "defer_version_swap=true"), 200);
    assert_int_equal(lg_cw_request(w, "p2", 0), 409);
    assert_non_null(strstr(lg_cw_text(w, "error"), "was begun with --defer-swap"));
    assert_non_null(strstr(lg_cw_text(w, "error"), "lagoon swap cities 2"));
    assert_int_equal(push_deferred(w, "p2"), 2);
    assert_int_equal(lg_cw_request(w, "p2", 0), 200); /* Complete: it is told that it waits. */
    assert_int_equal(lg_cw_current(w), 1);
    assert_int_equal(swap(w, 2), 200);
    assert_int_equal(request_with(w, "p2", "defer_version_swap=true"), 200); /* It is over. */
    assert_int_equal(lg_cw_version(w), 2);
    lg_cw_free(w);
}

static void a_newer_version_supersedes_one_that_waits(void **state)
{
    struct lg_cw *w = lg_cw_start(28);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    assert_int_equal(push_deferred(w, "p2"), 2);
    assert_int_equal(push_deferred(w, "p3"), 3);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_false(lg_cw_has_version(w, 2, NULL)); /* 3 waits in its place. */
    assert_true(lg_cw_has_version(w, 3, "PUSHED"));
    assert_int_equal(lg_cw_push(w, "p4"), 4);
    assert_int_equal(lg_cw_current(w), 4);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_false(lg_cw_has_version(w, 3, NULL));
    assert_int_equal(swap(w, 0), 409);
    lg_cw_free(w);
}

static void a_push_over_the_quota_is_refused_or_fails(void **state)
{
    struct lg_cw *w = lg_cw_start(29);

    (void)state;
    lg_cw_store_up(w);
    lg_cw_put(w, "/stores/cities",
              "{\"name\":\"cities\",\"partitionCount\":3,\"storageQuotaInByte\":209,"
              "\"lagoon\":{\"keySchema\":\"\\\"long\\\"\",\"valueSchemas\":["
              "{\"id\":1,\"schemaStr\":\"\\\"string\\\"\"}]}}");
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    lg_cw_servers_up(w, 1);
    assert_int_equal(request_with(w, "p1", "store_size=210"), 413);
    assert_non_null(
        strstr(lg_cw_text(w, "error"), "Storage quota exceeded. Store quota 209 bytes"));
    assert_string_equal(lg_cw_text(w, "errorType"), "BAD_REQUEST");
    assert_false(lg_cw_has_version(w, 1, NULL));
    /* It said nothing of its size, and passes the quota while it is loaded: 3 times 70 bytes. */
    assert_int_equal(request_with(w, "p1", "store_size=-1"), 200);
    lg_cw_end(w, 1);
    lg_cw_report(w, "cities_v1", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_string_equal(lg_cw_job(w, 1), "ERROR");
    assert_non_null(strstr(lg_cw_text(w, "statusDetails"), "Store data size 210 bytes"));
    assert_non_null(strstr(lg_cw_text(w, "statusDetails"), "--storage-quota"));
    assert_int_equal(lg_cw_current(w), 0);
    lg_cw_free(w);
}

static void an_abandoned_push_can_be_continued_for_a_while_and_is_then_dropped(void **state)
{
    struct lg_cw *w = lg_cw_start(30);

    (void)state;
    w->extra.abandoned_keep_ms = 60000;
    lg_cw_restart(w);
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 1000), 200);
    lg_sim_run_us(w->sim, 50 * LG_SEC);
    assert_true(lg_cw_has_version(w, 1, "STARTED"));
    assert_int_equal(lg_cw_request(w, "p1", 1000), 200); /* Its pusher is back. */
    assert_int_equal(lg_cw_version(w), 1);
    lg_sim_run_us(w->sim, 55 * LG_SEC);
    assert_true(lg_cw_has_version(w, 1, "STARTED"));
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    assert_true(lg_cw_has_version(w, 1, "KILLED"));
    assert_int_equal(lg_cw_request(w, "p1", 1000), 200); /* The id tells what became of it. */
    assert_string_equal(lg_json_get_str(lg_json_get(w->answer, "lagoon"), "status", ""), "KILLED");
    assert_int_equal(lg_cw_request(w, "p2", 0), 200);
    assert_int_equal(lg_cw_version(w), 2);
    lg_cw_free(w);
}

static void a_push_that_has_ended_needs_no_pusher(void **state)
{
    struct lg_cw *w = lg_cw_start(31);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 1000), 200);
    lg_cw_end(w, 1);
    lg_sim_run_us(w->sim, 30 * LG_SEC);
    assert_int_equal(lg_cw_request(w, "p2", 0), 400); /* The lease is over, the push is not. */
    lg_cw_report(w, "cities_v1", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(lg_cw_current(w), 1);
    lg_cw_free(w);
}

static void a_pusher_that_is_heard_of_may_take_longer_than_a_day(void **state)
{
    struct lg_cw *w = lg_cw_start(33);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 7200000), 200);
    for (int hour = 0; hour < 26; hour++) {
        lg_sim_run_us(w->sim, 3600 * LG_SEC);
        assert_int_equal(lg_cw_post(w, "/push_heartbeat", "store_name=cities&version=1"), 200);
    }
    assert_int_equal(lg_cw_request(w, "p2", 0), 400);
    lg_cw_free(w);
}

static void a_push_that_lingers_for_a_day_is_replaced(void **state)
{
    struct lg_cw *w = lg_cw_start(32);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_cw_end(w, 1);
    lg_sim_run_us(w->sim, 3600 * LG_SEC);
    assert_int_equal(lg_cw_request(w, "p2", 0), 400);
    lg_sim_run_us(w->sim, 24 * 3600 * LG_SEC);
    assert_int_equal(lg_cw_request(w, "p2", 0), 200);
    assert_int_equal(lg_cw_version(w), 2);
    lg_cw_free(w);
}

static void a_killed_push_is_cleaned_up_and_its_number_stays_used(void **state)
{
    struct lg_cw *w = lg_cw_start(16);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_cw_report(w, "cities_v1", 1, "STARTED", NULL);
    assert_int_equal(lg_cw_post(w, "/kill_offline_push_job", "topic=cities_v1"), 200);
    assert_int_equal(lg_cw_post(w, "/kill_offline_push_job", "topic=cities_v1"), 200);
    lg_sim_run_us(w->sim, 3 * LG_SEC);
    assert_false(lg_cw_has_version(w, 1, NULL));
    assert_string_equal(lg_cw_job(w, 1), "ARCHIVED");
    assert_int_equal(lg_cw_post(w, "/kill_offline_push_job", "topic=cities_v1"), 200);
    assert_int_equal(w->log.count, 1); /* The server still holds it. */
    lg_cw_meta(w, LG_META_REMOVE, "/replicas/cities_v1/srv1_88", "");
    lg_sim_run_us(w->sim, 3 * LG_SEC);
    assert_int_equal(w->log.count, 0);
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    lg_cw_servers_up(w, 1);
    assert_int_equal(lg_cw_request(w, "p2", 0), 200);
    assert_int_equal(lg_cw_version(w), 2);
    /* The push that completes while it is killed stays killed. */
    assert_int_equal(lg_cw_post(w, "/kill_offline_push_job", "topic=cities_v2"), 200);
    lg_cw_report(w, "cities_v2", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(lg_cw_current(w), 0);
    lg_cw_free(w);
}

static void a_switch_that_names_where_it_starts_happens_once(void **state)
{
    static const char from_3[] = "store_name=cities&lagoon_from_version=3";
    struct lg_cw *w = lg_cw_start(21);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    assert_int_equal(lg_cw_push(w, "p2"), 2);
    assert_int_equal(lg_cw_push(w, "p3"), 3);
    assert_int_equal(lg_cw_post(w, "/rollback_to_backup_version", from_3), 200);
    assert_int_equal(lg_cw_current(w), 2);
    assert_int_equal(lg_cw_post(w, "/rollback_to_backup_version", from_3), 200); /* Repeated. */
    assert_int_equal(lg_cw_version(w), 2);
    assert_int_equal(lg_cw_current(w), 2);
    assert_int_equal(
        lg_cw_post(w, "/rollback_to_backup_version", "store_name=cities&lagoon_from_version=x"),
        400);
    lg_cw_free(w);
}

static void rollback_and_rollforward_are_reversible_and_durable(void **state)
{
    struct lg_cw *w = lg_cw_start(18);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    assert_int_equal(lg_cw_push(w, "p2"), 2);
    assert_int_equal(lg_cw_current(w), 2);
    assert_int_equal(lg_cw_post(w, "/rollback_to_backup_version", "store_name=cities"), 200);
    assert_int_equal(lg_cw_version(w), 1);
    assert_int_equal(lg_cw_current(w), 1);
    assert_true(lg_cw_has_version(w, 2, "ROLLED_BACK"));
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    assert_int_equal(lg_cw_current(w), 1);
    assert_int_equal(lg_cw_post(w, "/rollback_to_backup_version", "store_name=cities"), 409);
    assert_int_equal(lg_cw_post(w, "/roll_forward_to_future_version", "store_name=cities"), 200);
    assert_int_equal(lg_cw_current(w), 2);
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    assert_int_equal(lg_cw_current(w), 2);
    assert_int_equal(lg_cw_post(w, "/kill_offline_push_job", "topic=cities_v2"), 409);
    lg_cw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_push_id_gives_the_same_version),
        cmocka_unit_test(a_second_push_is_refused_while_one_runs),
        cmocka_unit_test(a_push_that_fell_silent_is_replaced),
        cmocka_unit_test(a_push_waits_for_servers_and_fails_when_none_come),
        cmocka_unit_test(a_log_that_fails_leaves_no_version),
        cmocka_unit_test(bad_pushes_are_refused),
        cmocka_unit_test(a_change_by_somebody_else_is_noticed),
        cmocka_unit_test(an_empty_push_completes_by_itself),
        cmocka_unit_test(a_deferred_version_waits_for_its_swap_through_power_cuts),
        cmocka_unit_test(a_push_that_is_continued_may_not_change_its_mind_on_its_swap),
        cmocka_unit_test(a_newer_version_supersedes_one_that_waits),
        cmocka_unit_test(a_push_over_the_quota_is_refused_or_fails),
        cmocka_unit_test(an_abandoned_push_can_be_continued_for_a_while_and_is_then_dropped),
        cmocka_unit_test(a_push_that_has_ended_needs_no_pusher),
        cmocka_unit_test(a_pusher_that_is_heard_of_may_take_longer_than_a_day),
        cmocka_unit_test(a_push_that_lingers_for_a_day_is_replaced),
        cmocka_unit_test(a_killed_push_is_cleaned_up_and_its_number_stays_used),
        cmocka_unit_test(a_switch_that_names_where_it_starts_happens_once),
        cmocka_unit_test(rollback_and_rollforward_are_reversible_and_durable),
        cmocka_unit_test(who_is_kept_out_is_told_by_whom_and_until_when),
        cmocka_unit_test(a_log_that_forgot_the_topic_it_made_is_asked_again),
        cmocka_unit_test(a_log_that_dies_at_any_step_of_the_beginning_leaves_nothing),
        cmocka_unit_test(a_pusher_that_went_away_before_its_version_was_made_holds_nothing),
        cmocka_unit_test(a_pusher_that_asks_again_meanwhile_gets_the_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
