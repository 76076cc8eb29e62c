/* What is told of pushes: /v1/push_status and /v1/list_pushes. */
#include <stdio.h>

#include "base/str.h"
#include "test/lib/controller_world.h"
#include "test/test.h"

static const struct lg_json *status(struct lg_cw *w, const char *more)
{
    LG_AUTO_STR char *target = lg_strf("/v1/push_status?store_name=cities%s", more);

    assert_int_equal(lg_cw_get(w, target), 200);
    return lg_json_get(w->answer, "push");
}

static int64_t number(const struct lg_json *json, const char *key)
{
    return lg_json_get_int(json, key, -99);
}

static void expect_text(const struct lg_json *json, const char *key, const char *part)
{
    const char *text = lg_json_get_str(json, key, "(none)");

    if (strstr(text, part) == NULL)
        fail_msg("%s is \"%s\", without \"%s\"", key, text, part);
}

static void a_push_tells_how_far_it_is_from_its_begin_to_its_end(void **state)
{
    struct lg_cw *w = lg_cw_start(1);
    const struct lg_json *push, *rows;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_get(w, "/v1/push_status?store_name=cities"), 404);
    assert_int_equal(lg_cw_post(w, "/request_topic",
                                "store_name=cities&push_type=BATCH&push_job_id=p1&store_size=900&"
                                "lagoon_lease_ms=30000&lagoon_pusher=me@host+pid+7"),
                     200);
    push = status(w, "&version=1");
    assert_string_equal(lg_json_get_str(push, "state", ""), "writing");
    expect_text(push, "waitingFor", "its pusher");
    expect_text(push, "pusher", "me@host pid 7");
    assert_int_equal(number(push, "sizeBytes"), 900);
    assert_int_equal(number(push, "recordsTotal"), -1);
    assert_int_equal(number(push, "etaMs"), -1);
    assert_int_equal(lg_cw_post(w, "/push_heartbeat",
                                "store_name=cities&version=1&lagoon_phase=writing&"
                                "lagoon_records=40&lagoon_records_total=100"),
                     200);
    assert_int_equal(
        lg_cw_post(w, "/push_heartbeat", "store_name=cities&version=1&lagoon_records=-2"), 400);
    lg_cw_report(w, "cities_v1", 1, "STARTED", NULL);
    lg_sim_run_us(w->sim, 2 * LG_SEC);
    push = status(w, "&push_job_id=p1");
    assert_string_equal(lg_json_get_str(push, "phase", ""), "writing");
    assert_int_equal(number(push, "recordsWritten"), 40);
    assert_int_equal(number(push, "recordsTotal"), 100);
    assert_int_equal(number(push, "records"), 21);
    assert_int_equal(number(push, "bytes"), 210);
    rows = lg_json_get(push, "partitions");
    assert_int_equal(lg_json_size(rows), LG_CW_PARTITIONS);
    assert_int_equal(number(lg_json_at(rows, 2), "records"), 7);
    assert_int_equal(number(lg_json_at(rows, 2), "bytes"), 70);
    expect_text(lg_json_at(lg_json_get(lg_json_at(rows, 2), "replicas"), 0), "instance", "srv1_88");
    lg_cw_end(w, 1);
    push = status(w, "");
    assert_string_equal(lg_json_get_str(push, "state", ""), "loading");
    expect_text(push, "waitingFor", "partition 0 on server srv1_88");
    lg_cw_report(w, "cities_v1", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    push = status(w, "");
    assert_string_equal(lg_json_get_str(push, "state", ""), "served");
    assert_int_equal(number(push, "partitionsCompleted"), 3);
    assert_int_equal(lg_json_type(lg_json_get(push, "waitingFor")), LG_JSON_NULL);
    lg_cw_free(w);
}

static void speed_and_time_left_are_measured(void **state)
{
    struct lg_cw *w = lg_cw_start(2);
    const struct lg_json *push;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    assert_int_equal(lg_cw_post(w, "/push_heartbeat",
                                "store_name=cities&version=1&lagoon_records=40&"
                                "lagoon_records_total=2100"),
                     200);
    lg_sim_run_us(w->sim, 5 * LG_SEC); /* Nothing moves. */
    assert_int_equal(number(status(w, ""), "recordsPerSecond"), 0);
    lg_cw_report(w, "cities_v1", 1, "STARTED", NULL);
    for (int i = 0; i < 40 && number(status(w, ""), "recordsPerSecond") == 0; i++)
        lg_sim_run_us(w->sim, LG_SEC / 10);
    push = status(w, ""); /* 21 records in about a second, 2079 are left. */
    assert_in_range(number(push, "recordsPerSecond"), 10, 21);
    assert_in_range(number(push, "bytesPerSecond"), 100, 210);
    assert_in_range(number(push, "etaMs"), 2079000 / 21, 2079000 / 10);
    for (size_t p = 0; p < LG_CW_PARTITIONS; p++) /* A third of it each. */
        assert_in_range(number(lg_json_at(lg_json_get(push, "partitions"), p), "recordsPerSecond"),
                        3, 7);
    lg_cw_end(w, 1); /* What is measured outlives a change of the push. */
    assert_in_range(number(status(w, ""), "recordsPerSecond"), 10, 21);
    lg_cw_free(w);
}

static void asking_does_not_keep_a_silent_push_alive(void **state)
{
    struct lg_cw *w = lg_cw_start(3);
    const struct lg_json *push;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 2000), 200);
    for (int i = 0; i < 10; i++) {
        lg_sim_run_us(w->sim, LG_SEC);
        (void)status(w, "&version=1");
    }
    push = status(w, "&version=1");
    assert_string_equal(lg_json_get_str(push, "state", ""), "silent");
    assert_true(number(push, "heardAgoMs") >= 10000);
    expect_text(push, "waitingFor", "--push-id p1");
    assert_int_equal(lg_cw_request(w, "p2", 0), 200); /* Replaces it. */
    lg_cw_free(w);
}

static void a_missing_server_and_a_pending_swap_are_waited_for_by_name(void **state)
{
    struct lg_cw *w = lg_cw_start(4);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_post(w, "/request_topic",
                                "store_name=cities&push_type=BATCH&push_job_id=p1&"
                                "defer_version_swap=true"),
                     200);
    lg_cw_end(w, 1);
    lg_cw_meta(w, LG_META_REMOVE, "/instances/srv1_88", "");
    lg_sim_run_us(w->sim, LG_SEC);
    expect_text(status(w, ""), "waitingFor", "server srv1_88, which holds partition 0 and is not");
    lg_cw_servers_up(w, 1);
    lg_cw_report(w, "cities_v1", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_string_equal(lg_json_get_str(status(w, ""), "state", ""), "waiting");
    expect_text(status(w, ""), "waitingFor", "lagoon swap cities 1");
    lg_cw_free(w);
}

static void pushes_are_listed_the_newest_first_also_when_their_version_is_gone(void **state)
{
    struct lg_cw *w = lg_cw_start(5);
    const struct lg_json *list, *push;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_cw_report(w, "cities_v1", 1, "ERROR", "the disk is full");
    lg_sim_run_us(w->sim, 90 * LG_SEC);
    assert_false(lg_cw_has_version(w, 1, NULL));
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    lg_cw_servers_up(w, 1);
    assert_int_equal(lg_cw_push(w, "p2"), 2);
    assert_int_equal(lg_cw_get(w, "/v1/list_pushes"), 200);
    list = lg_json_get(w->answer, "pushes");
    assert_int_equal(lg_json_size(list), 2);
    assert_int_equal(number(lg_json_at(list, 0), "version"), 2);
    assert_string_equal(lg_json_get_str(lg_json_at(list, 0), "state", ""), "served");
    assert_null(lg_json_get(lg_json_at(list, 0), "partitions"));
    push = lg_json_at(list, 1);
    assert_string_equal(lg_json_get_str(push, "state", ""), "failed");
    expect_text(push, "error", "partition 0 on srv1_88: the disk is full");
    expect_text(status(w, "&version=1"), "error", "the disk is full");
    expect_text(status(w, "&push_job_id=p1"), "error", "the disk is full");
    assert_string_equal(lg_cw_job(w, 1), "ARCHIVED");
    expect_text(w->answer, "statusDetails", "the disk is full");
    assert_int_equal(lg_cw_get(w, "/v1/list_pushes?store_name=cities"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "pushes")), 2);
    assert_int_equal(lg_cw_get(w, "/v1/list_pushes?store_name=none"), 404);
    assert_int_equal(lg_cw_get(w, "/v1/push_status?store_name=cities&version=9"), 404);
    assert_int_equal(lg_cw_get(w, "/v1/push_status?store_name=cities&version=x"), 400);
    assert_int_equal(lg_cw_get(w, "/v1/push_status?store_name=cities&push_job_id=p9"), 404);
    expect_text(w->answer, "error", "lagoon push list cities");
    lg_cw_free(w);
}

static const struct lg_http_header form_headers[] = {
    {{(const uint8_t *)"Content-Type", 12},
     {(const uint8_t *)"application/x-www-form-urlencoded", 33}}};

struct asking { /* A pusher that waits. */
    struct lg_http_call call;
    char form[200];
    bool done;
};

static void asked(struct lg_http_call *call)
{
    LG_CONTAINER_OF(call, struct asking, call)->done = true;
}

static bool is_answered(void *asking)
{
    return ((struct asking *)asking)->done;
}

static void ask_for(struct lg_cw *w, struct asking *who, const char *id, uint64_t patience_us)
{
    *who = (struct asking){0};
    (void)snprintf(who->form, sizeof who->form,
                   "store_name=cities&push_type=BATCH&push_job_id=%s&lagoon_pusher=me@host&"
                   "lagoon_lease_ms=30000",
                   id);
    who->call = (struct lg_http_call){.host = "ctl",
                                      .port = 5555,
                                      .method = LG_HTTP_POST,
                                      .target = LG_LIT("/request_topic"),
                                      .headers = form_headers,
                                      .header_count = 1,
                                      .body = lg_slice_str(who->form),
                                      .deadline_us = lg_lane_now_us(w->client_lane) + patience_us,
                                      .response_bytes_max = 1 << 16,
                                      .done = asked};
    lg_http_call_submit(w->http, &who->call);
    lg_sim_run_us(w->sim, LG_SEC / 10);
}

static void a_push_that_is_asked_for_is_told_before_it_has_a_version(void **state)
{
    struct lg_cw *w = lg_cw_start(6);
    struct asking first, second;
    const struct lg_json *push;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    w->log.silent = true;
    ask_for(w, &first, "p2", 60 * LG_SEC);
    push = status(w, "");
    assert_string_equal(lg_json_get_str(push, "pushJobId", ""), "p2");
    assert_string_equal(lg_json_get_str(push, "state", ""), "asked");
    assert_string_equal(lg_json_get_str(push, "status", ""), "NOT_CREATED");
    assert_int_equal(number(push, "version"), 2);
    assert_true(lg_json_get_bool(push, "running", false));
    expect_text(push, "waitingFor", "the log to make its topic cities_v2");
    expect_text(push, "pusher", "me@host");
    assert_true(number(push, "startedTime") > 0);
    assert_int_equal(number(push, "partitionCount"), LG_CW_PARTITIONS);
    push = status(w, "&push_job_id=p2");
    assert_string_equal(lg_json_get_str(push, "state", ""), "asked");
    push = status(w, "&push_job_id=p1"); /* By their names the others are told as ever. */
    assert_string_equal(lg_json_get_str(push, "state", ""), "served");
    push = status(w, "&version=1");
    assert_string_equal(lg_json_get_str(push, "state", ""), "served");
    assert_int_equal(lg_cw_get(w, "/v1/list_pushes"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "pushes")), 2);
    push = lg_json_at(lg_json_get(w->answer, "pushes"), 0);
    assert_string_equal(lg_json_get_str(push, "state", ""), "asked");
    /* Another one waits behind it: it is the newest, and nobody knows its number. */
    ask_for(w, &second, "p3", 60 * LG_SEC);
    push = status(w, "");
    assert_string_equal(lg_json_get_str(push, "pushJobId", ""), "p3");
    assert_int_equal(number(push, "version"), 0);
    expect_text(push, "waitingFor", "its turn");
    /* The first gets its version; so the second one is refused. */
    lg_cw_log_goes_on(w);
    assert_true(lg_sim_run_until(w->sim, is_answered, &second, 10 * LG_SEC));
    assert_true(first.done);
    assert_int_equal(first.call.status, 200);
    assert_int_equal(second.call.status, 400);
    push = status(w, "");
    assert_string_equal(lg_json_get_str(push, "pushJobId", ""), "p2");
    assert_string_equal(lg_json_get_str(push, "state", ""), "writing");
    lg_http_call_done(&first.call);
    lg_http_call_done(&second.call);
    lg_cw_free(w);
}

static void a_push_whose_pusher_went_away_is_told_only_to_who_names_it(void **state)
{
    struct lg_cw *w = lg_cw_start(7);
    struct asking who, again;
    const struct lg_json *push;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    w->log.silent = true;
    ask_for(w, &who, "p2", 2 * LG_SEC);
    push = status(w, "");
    assert_string_equal(lg_json_get_str(push, "pushJobId", ""), "p2");
    assert_true(lg_sim_run_until(w->sim, is_answered, &who, 10 * LG_SEC));
    lg_http_call_done(&who.call);
    lg_sim_run_us(w->sim, LG_SEC); /* The controller hears of it. */
    push = status(w, "");
    assert_string_equal(lg_json_get_str(push, "pushJobId", ""), "p1");
    /* It asks once more what became of it: the controller still waits for the log. */
    push = status(w, "&push_job_id=p2");
    assert_string_equal(lg_json_get_str(push, "state", ""), "asked");
    expect_text(push, "waitingFor", "the log to make its topic cities_v2");
    assert_non_null(lg_json_get_str(push, "log", NULL));
    /* Of all its requests nothing is left. */
    ask_for(w, &again, "p2", 2 * LG_SEC);
    assert_true(lg_sim_run_until(w->sim, is_answered, &again, 10 * LG_SEC));
    lg_http_call_done(&again.call);
    lg_sim_run_us(w->sim, LG_SEC);
    lg_cw_log_goes_on(w);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(lg_cw_get(w, "/v1/push_status?store_name=cities&push_job_id=p2"), 404);
    lg_cw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_tells_how_far_it_is_from_its_begin_to_its_end),
        cmocka_unit_test(speed_and_time_left_are_measured),
        cmocka_unit_test(asking_does_not_keep_a_silent_push_alive),
        cmocka_unit_test(a_missing_server_and_a_pending_swap_are_waited_for_by_name),
        cmocka_unit_test(pushes_are_listed_the_newest_first_also_when_their_version_is_gone),
        cmocka_unit_test(a_push_that_is_asked_for_is_told_before_it_has_a_version),
        cmocka_unit_test(a_push_whose_pusher_went_away_is_told_only_to_who_names_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
