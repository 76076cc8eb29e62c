/* The whole controller: its stop, and its power cuts. */
#include "base/str.h"
#include "test/lib/controller_world.h"
#include "test/test.h"

static void nothing(void *ctx)
{
    (void)ctx;
}

static void on_stopped(void *ctx)
{
    ((struct lg_cw *)ctx)->stopped = true;
}

static bool is_stopped(void *ctx)
{
    return ((struct lg_cw *)ctx)->stopped;
}

static void begin_stop(void *ctx)
{
    struct lg_cw *w = ctx;

    lg_controller_stop(w->controller, on_stopped, w);
}

static void close_sessions(void *ctx)
{
    struct lg_cw *w = ctx;

    lg_metafile_session_close(w->session, w->lane, nothing, NULL);
    lg_metafile_session_close(w->servers, w->lane, nothing, NULL);
}

static void close_metafile(void *ctx)
{
    lg_metafile_close(((struct lg_cw *)ctx)->metafile, NULL, NULL);
}

static void a_stop_leaves_nothing_behind(void **state)
{
    struct lg_cw *w = lg_cw_start(24);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    assert_int_equal(lg_cw_request(w, "p2", 0), 200);
    lg_sim_node_run(w->node, begin_stop, w);
    assert_true(lg_sim_run_until(w->sim, is_stopped, w, 60 * LG_SEC));
    lg_sim_node_run(w->node, close_sessions, w);
    lg_sim_run_us(w->sim, LG_SEC);
    lg_sim_node_run(w->node, close_metafile, w);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(lg_sim_node_bytes(w->node), 0);
    lg_cw_free(w);
}

static void cut(void *ctx)
{
    struct lg_cw *w = ctx;

    w->died = true;
    lg_sim_node_kill(w->node);
}

static void wait_for(struct lg_cw *w, int version, const char *want)
{
    LG_AUTO_STR char *target = lg_strf("/job?store_name=cities&version=%d", version);
    char topic[LG_NAMES_TOPIC_MAX + 1];

    lg_names_version_topic(topic, "cities", version);
    for (int i = 0; i < 60; i++) {
        /* A server that lives says so again to a metadata store that lost its sessions. */
        lg_cw_put(w, "/instances/srv1_88", "{\"host\":\"world\",\"port\":88}");
        lg_cw_report(w, topic, 1, "COMPLETED", NULL);
        assert_int_equal(lg_cw_persist(w, LG_HTTP_GET, target, NULL), 200);
        if (strcmp(lg_cw_text(w, "status"), want) == 0)
            return;
        lg_sim_run_us(w->sim, LG_SEC / 5);
    }
    fail_msg("version %d is %s, not %s: %s", version, lg_cw_text(w, "status"), want,
             lg_cw_text(w, "statusDetails"));
}

static int persist_push(struct lg_cw *w, const char *id)
{
    LG_AUTO_STR char *ask =
        lg_strf("store_name=cities&push_type=BATCH&push_job_id=%s&push_in_sorted_order=true", id);
    LG_AUTO_STR char *over = NULL;
    int version;

    lg_cw_put(w, "/instances/srv1_88", "{\"host\":\"world\",\"port\":88}");
    assert_int_equal(lg_cw_persist(w, LG_HTTP_POST, "/request_topic", ask), 200);
    version = lg_cw_version(w);
    over = lg_strf("store_name=cities&version=%d", version);
    assert_int_equal(lg_cw_persist(w, LG_HTTP_POST, "/end_of_push", over), 200);
    wait_for(w, version, "COMPLETED");
    return version;
}

static int persist_current(struct lg_cw *w)
{
    assert_int_equal(lg_cw_persist(w, LG_HTTP_GET, "/store?store_name=cities", NULL), 200);
    return (int)lg_json_get_int(lg_json_get(w->answer, "store"), "currentVersion", -1);
}

/* A version that waits for its swap, and is swapped in. */
static void persist_swap(struct lg_cw *w, int version)
{
    LG_AUTO_STR char *ask = lg_strf("store_name=cities&push_type=BATCH&push_job_id=later&"
                                    "defer_version_swap=true");
    LG_AUTO_STR char *over = lg_strf("store_name=cities&version=%d", version);
    LG_AUTO_STR char *swap = lg_strf("store_name=cities&lagoon_swap_version=%d", version);
    int status = 0;

    lg_cw_put(w, "/instances/srv1_88", "{\"host\":\"world\",\"port\":88}");
    assert_int_equal(lg_cw_persist(w, LG_HTTP_POST, "/request_topic", ask), 200);
    assert_int_equal(lg_cw_version(w), version);
    assert_int_equal(lg_cw_persist(w, LG_HTTP_POST, "/end_of_push", over), 200);
    wait_for(w, version, "COMPLETED");
    assert_int_equal(persist_current(w), version - 1);
    for (int i = 0; i < 20 && status != 200; i++) { /* Servers come back after a cut. */
        wait_for(w, version, "COMPLETED");
        status = lg_cw_persist(w, LG_HTTP_POST, "/roll_forward_to_future_version", swap);
        assert_true(status == 200 || status == 409);
    }
    assert_int_equal(status, 200);
    assert_int_equal(persist_current(w), version);
}

/* A life: two pushes, a kill, a rollback, a roll-forward, a third push, a deferred one, an empty
 * one. With the power cut after `ops` more operations of the disk (0: never), everything that was
 * acknowledged still holds. True when the cut came. */
static bool a_life(uint64_t ops)
{
    struct lg_cw *w = lg_cw_start(1000 + ops);
    bool was_cut;
    int status;

    lg_cw_until_ready(w);
    if (ops > 0)
        lg_disk_sim_cut_after(w->disk, ops, cut, w);
    status = lg_cw_persist(w, LG_HTTP_POST, "/new_store", LG_CW_NEW_STORE);
    assert_true(status == 200 || status == 409); /* The answer to the first may have been lost. */
    assert_int_equal(persist_push(w, "p1"), 1);
    assert_int_equal(persist_current(w), 1);
    assert_int_equal(persist_push(w, "p2"), 2);
    assert_int_equal(persist_current(w), 2);

    assert_int_equal(lg_cw_persist(w, LG_HTTP_POST, "/request_topic",
                                   "store_name=cities&push_type=BATCH&push_job_id=p3"),
                     200);
    assert_int_equal(lg_cw_version(w), 3);
    assert_int_equal(lg_cw_persist(w, LG_HTTP_POST, "/kill_offline_push_job", "topic=cities_v3"),
                     200);

    status = lg_cw_persist(w, LG_HTTP_POST, "/rollback_to_backup_version", "store_name=cities");
    assert_true(status == 200 || status == 409);
    assert_int_equal(persist_current(w), 1);
    status = lg_cw_persist(w, LG_HTTP_POST, "/roll_forward_to_future_version", "store_name=cities");
    assert_true(status == 200 || status == 409);
    assert_int_equal(persist_current(w), 2);

    assert_int_equal(persist_push(w, "p4"), 4); /* 3 is used for ever. */
    persist_swap(w, 5);
    lg_cw_put(w, "/instances/srv1_88", "{\"host\":\"world\",\"port\":88}");
    assert_int_equal(
        lg_cw_persist(w, LG_HTTP_POST, "/empty_push", "store_name=cities&push_job_id=e6"), 200);
    assert_int_equal(lg_cw_version(w), 6);
    wait_for(w, 6, "COMPLETED");
    assert_int_equal(persist_current(w), 6);
    was_cut = lg_sim_node_incarnation(w->node) > 1;
    if (!was_cut)
        lg_disk_sim_cut_after(w->disk, UINT64_MAX / 2, cut, w);

    lg_cw_restart(w);
    assert_int_equal(persist_current(w), 6);
    assert_int_equal(persist_push(w, "p4"), 4); /* The same id, the same version, still. */
    lg_sim_run_us(w->sim, 15 * LG_SEC);
    assert_false(lg_cw_has_version(w, 3, NULL));
    assert_null(lg_cw_topic("cities_v3"));
    lg_cw_free(w);
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
        cmocka_unit_test(a_stop_leaves_nothing_behind),
        cmocka_unit_test(nothing_acknowledged_is_lost_wherever_the_power_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
