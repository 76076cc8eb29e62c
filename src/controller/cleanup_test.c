/* What goes, when, and what stays. */
#include "base/str.h"
#include "controller/cleanup.h"
#include "controller/version_lifecycle.h"
#include "lane/fault.h"
#include "net/http_server.h"
#include "test/lib/controller_world.h"
#include "test/test.h"

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

static void a_server_that_keeps_a_version_does_not_keep_its_topic_for_ever(void **state)
{
    struct lg_cw *w = lg_cw_start(17);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_cw_report(w, "cities_v1", 1, "STARTED", NULL);
    assert_int_equal(lg_cw_post(w, "/kill_offline_push_job", "topic=cities_v1"), 200);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_int_equal(w->log.count, 1);
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    assert_int_equal(w->log.count, 0);
    lg_cw_free(w);
}

static void the_trash_outlives_a_restart(void **state)
{
    struct lg_cw *w = lg_cw_start(25);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_cw_report(w, "cities_v1", 1, "STARTED", NULL);
    assert_int_equal(lg_cw_post(w, "/kill_offline_push_job", "topic=cities_v1"), 200);
    lg_sim_run_us(w->sim, 3 * LG_SEC);
    assert_false(lg_cw_has_version(w, 1, NULL)); /* The store has forgotten it, ... */
    assert_int_equal(w->log.count, 1);           /* ... its topic waits for the server. */
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    lg_cw_meta(w, LG_META_REMOVE_TREE, "/replicas/cities_v1", "");
    lg_sim_run_us(w->sim, 3 * LG_SEC);
    assert_int_equal(w->log.count, 0);
    lg_cw_free(w);
}

static void two_backups_are_kept_and_older_ones_go(void **state)
{
    struct lg_cw *w = lg_cw_start(19);

    (void)state;
    lg_cw_store_up(w);
    for (int i = 1; i <= 5; i++) {
        LG_AUTO_STR char *id = lg_strf("p%d", i);

        assert_int_equal(lg_cw_push(w, id), i);
    }
    lg_cw_meta(w, LG_META_REMOVE_TREE, "/replicas/cities_v1", "");
    lg_cw_meta(w, LG_META_REMOVE_TREE, "/replicas/cities_v2", "");
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_false(lg_cw_has_version(w, 1, NULL));
    assert_false(lg_cw_has_version(w, 2, NULL));
    assert_true(lg_cw_has_version(w, 3, "ONLINE"));
    assert_true(lg_cw_has_version(w, 4, "ONLINE"));
    assert_int_equal(w->log.count, 3);
    assert_null(lg_cw_topic("cities_v2"));
    lg_cw_free(w);
}

/* What the store's answer says of why a version is kept. */
static const char *kept(struct lg_cw *w, int number, int64_t *until_ms)
{
    const struct lg_json *versions;

    assert_int_equal(lg_cw_get(w, "/store?store_name=cities"), 200);
    versions = lg_json_get(lg_json_get(w->answer, "store"), "versions");
    for (size_t i = 0; i < lg_json_size(versions); i++) {
        const struct lg_json *v = lg_json_at(versions, i);

        if (lg_json_get_int(v, "number", 0) != number)
            continue;
        *until_ms = lg_json_get_int(lg_json_get(v, "lagoon"), "keptUntil", 0);
        return lg_json_get_str(lg_json_get(v, "lagoon"), "kept", "");
    }
    return "gone";
}

static void old_backups_stay_for_their_delay_and_say_until_when(void **state)
{
    struct lg_cw *w = lg_cw_start(33);
    int64_t until_ms, now_ms;

    (void)state;
    w->extra.backup_retention_ms = 600000;
    lg_cw_restart(w);
    lg_cw_store_up(w);
    for (int i = 1; i <= 4; i++) {
        LG_AUTO_STR char *id = lg_strf("p%d", i);

        assert_int_equal(lg_cw_push(w, id), i);
    }
    now_ms = (int64_t)lg_lane_wall_ms(w->client_lane);
    assert_string_equal(kept(w, 4, &until_ms), "served");
    assert_string_equal(kept(w, 3, &until_ms), "backup");
    assert_int_equal(until_ms, 0);
    assert_string_equal(kept(w, 1, &until_ms), "old backup within its delay");
    assert_true(until_ms > now_ms + 590000 && until_ms <= now_ms + 600000);
    lg_sim_run_us(w->sim, 590 * LG_SEC);
    assert_string_equal(kept(w, 1, &until_ms), "old backup within its delay");
    lg_sim_run_us(w->sim, 15 * LG_SEC);
    assert_string_equal(kept(w, 1, &until_ms), "gone");
    assert_string_equal(kept(w, 2, &until_ms), "backup");
    /* One that failed says until when it can be asked why. */
    assert_int_equal(lg_cw_request(w, "p5", 0), 200);
    lg_cw_report(w, "cities_v5", 1, "ERROR", "disk");
    lg_sim_run_us(w->sim, LG_SEC);
    assert_string_equal(kept(w, 5, &until_ms), "failed, to be asked why");
    assert_true(until_ms > 0);
    lg_cw_free(w);
}

static void nothing_is_retired_while_a_router_serves_another_version(void **state)
{
    struct lg_cw *w = lg_cw_start(20);
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
    lg_cw_store_up(w);
    lg_cw_put(w, "/routers/r1", "{\"url\":\"http://world:7777\"}");
    for (int i = 1; i <= 4; i++) {
        LG_AUTO_STR char *id = lg_strf("p%d", i);

        (void)lg_cw_push(w, id);
    }
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    assert_true(router.asked > 0);
    assert_true(lg_cw_has_version(w, 1, "ONLINE"));
    router.serves = 4;
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_false(lg_cw_has_version(w, 1, NULL));
    assert_int_equal(lg_cw_get(w, "/list_routers"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "routers")), 1);
    lg_http_server_stop(router.server, 0, nothing, NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    lg_cw_free(w);
}

static void nothing_is_retired_while_a_server_serves_another_version(void **state)
{
    struct lg_cw *w = lg_cw_start(21);

    (void)state;
    lg_cw_store_up(w);
    w->played_serve = 3; /* It has not heard of the last switch. */
    for (int i = 1; i <= 4; i++) {
        LG_AUTO_STR char *id = lg_strf("p%d", i);

        (void)lg_cw_push(w, id);
    }
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    assert_true(lg_cw_has_version(w, 1, "ONLINE"));
    w->played_serve = 0;
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_false(lg_cw_has_version(w, 1, NULL));
    lg_cw_free(w);
}

static void a_topic_that_was_deleted_is_forgotten_in_the_end(void **state)
{
    struct lg_cw *w = lg_cw_start(22);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_fault_arm(LG_FAULT_VERSION_DELETING, 0, 1);
    assert_int_equal(lg_cw_post(w, "/kill_offline_push_job", "topic=cities_v1"), 200);
    lg_sim_run_us(w->sim, 2 * LG_SEC);
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_int_equal(w->log.count, 0);
    assert_false(lg_cw_has_version(w, 1, NULL));
    lg_cw_free(w);
}

static void only_the_current_version_confirms(void **state)
{
    (void)state;
    assert_true(lg_cleanup_confirms(200, LG_LIT("{\"currentVersion\":3}"), 3));
    assert_false(lg_cleanup_confirms(200, LG_LIT("{\"currentVersion\":2}"), 3));
    assert_false(lg_cleanup_confirms(200, LG_LIT("{\"currentVersion\":\"3\"}"), 3));
    assert_false(lg_cleanup_confirms(200, LG_LIT("{}"), 0));
    assert_false(lg_cleanup_confirms(200, LG_LIT("3"), 3));
    assert_false(lg_cleanup_confirms(200, LG_LIT(""), 0));
    assert_false(lg_cleanup_confirms(404, LG_LIT("{\"currentVersion\":3}"), 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_keeps_a_version_does_not_keep_its_topic_for_ever),
        cmocka_unit_test(the_trash_outlives_a_restart),
        cmocka_unit_test(two_backups_are_kept_and_older_ones_go),
        cmocka_unit_test(old_backups_stay_for_their_delay_and_say_until_when),
        cmocka_unit_test(nothing_is_retired_while_a_router_serves_another_version),
        cmocka_unit_test(nothing_is_retired_while_a_server_serves_another_version),
        cmocka_unit_test(a_topic_that_was_deleted_is_forgotten_in_the_end),
        cmocka_unit_test(only_the_current_version_confirms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
