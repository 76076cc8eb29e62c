/* Two controllers of one cluster, over HTTP as a user sees them. */
#include "controller/controller.h"

#include "base/str.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define FORM "Content-Type: application/x-www-form-urlencoded\n"
#define TAKEOVER_MS 20000 /* a session that ends, and more */

static int post(struct lg_clw *w, unsigned i, const char *target, const char *form)
{
    return lg_clw_ask(w, &w->controllers[i], LG_HTTP_POST, target, FORM, lg_slice_str(form));
}

static int make_store(struct lg_clw *w, unsigned i, const char *name)
{
    LG_AUTO_STR char *form = lg_strf("store_name=%s&key_schema=%%22long%%22&value_schema="
                                     "%%22string%%22&owner=me",
                                     name);

    return post(w, i, "/new_store", form);
}

static const char *text(struct lg_clw *w, const char *key)
{
    return lg_json_get_str(w->json, key, "(none)");
}

static bool leads(struct lg_clw *w, unsigned i)
{
    return lg_clw_get(w, &w->controllers[i], "/v1/health") == 200 &&
           lg_json_get_bool(w->json, "leads", false);
}

/* Which one leads, when exactly one of those that run says so. */
static unsigned leader(struct lg_clw *w, bool first_runs, bool second_runs)
{
    for (int patience = TAKEOVER_MS / 500; patience > 0; patience--) {
        bool first = first_runs && leads(w, 0), second = second_runs && leads(w, 1);

        if (first != second)
            return first ? 0 : 1;
        lg_clw_run_ms(w, 500);
    }
    fail_msg("nobody leads");
    return 0;
}

static struct lg_clw *pair_up(uint64_t seed)
{
    struct lg_clw *w = lg_clw_new(seed, /* with_controller= */ false);

    lg_clw_controller_start(w, 0);
    lg_clw_controller_start(w, 1);
    lg_clw_run_ms(w, 2000);
    return w;
}

static void one_of_two_leads_and_the_other_names_it(void **state)
{
    struct lg_clw *w = pair_up(1);
    unsigned who = leader(w, true, true), other = 1 - who;
    LG_AUTO_STR char *url = lg_strf("http://c%u:5555", who);
    LG_AUTO_STR char *cluster = lg_clw_meta_get(w, "/cluster");
    const char *ours =
        "{\"name\":\"lagoon-0\",\"format\":1,\"createdBy\":\"" LAGOON_VERSION "\",\"id\":\"";

    (void)state;
    assert_int_equal(lg_clw_get(w, &w->controllers[who], "/list_stores"), 200);
    assert_int_equal(lg_clw_get(w, &w->controllers[other], "/list_stores"), 421);
    assert_string_equal(text(w, "errorType"), "INCORRECT_CONTROLLER");
    assert_string_equal(text(w, "lagoonCode"), "ERR_MISDIRECTED");
    assert_non_null(strstr(text(w, "error"), url));
    assert_int_equal(make_store(w, other, "cities"), 421);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(lg_clw_get(w, &w->controllers[i], "/leader_controller"), 200);
        assert_string_equal(text(w, "url"), url);
        assert_int_equal(lg_clw_get(w, &w->controllers[i], "/master_controller"), 200);
        assert_int_equal(lg_clw_get(w, &w->controllers[i], "/v1/health"), 200);
        assert_int_equal(lg_json_get_int(w->json, "term", 0), 1);
    }
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    assert_int_equal(lg_clw_get(w, &w->router, "/leader_controller"), 200);
    assert_string_equal(text(w, "url"), url);
    assert_non_null(cluster);
    assert_int_equal(strncmp(cluster, ours, strlen(ours)), 0);
    lg_clw_free(w);
}

static void what_one_leader_made_the_next_one_knows(void **state)
{
    struct lg_clw *w = pair_up(2);
    unsigned first = leader(w, true, true), second = 1 - first;

    (void)state;
    assert_int_equal(make_store(w, first, "cities"), 200);
    lg_clw_controller_kill(w, first);
    assert_int_equal(leader(w, first == 1, first == 0), second);
    assert_int_equal(lg_clw_get(w, &w->controllers[second], "/store?store_name=cities"), 200);
    assert_int_equal(make_store(w, second, "rivers"), 200);
    lg_clw_controller_start(w, first); /* At the address that the dead one announced. */
    lg_clw_run_ms(w, TAKEOVER_MS);
    assert_int_equal(leader(w, true, true), second);
    assert_int_equal(lg_clw_get(w, &w->controllers[first], "/store?store_name=rivers"), 421);
    assert_string_equal(w->controller_failed, "");
    lg_clw_free(w);
}

static void what_a_leader_could_not_read_it_knows_once_it_is_put_right(void **state)
{
    struct lg_clw *w = pair_up(20);
    unsigned first = leader(w, true, true), second = 1 - first;
    LG_AUTO_STR char *good = NULL;

    (void)state;
    assert_int_equal(make_store(w, first, "cities"), 200);
    good = lg_clw_meta_get(w, "/stores/cities");
    lg_clw_meta(w, LG_META_PUT, "/stores/cities", "junk");
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v7", "junk");
    lg_clw_controller_kill(w, first);
    assert_int_equal(leader(w, first == 1, first == 0), second);
    lg_clw_run_ms(w, 12000); /* It tries again, and that is no secret: */
    assert_int_equal(lg_clw_get(w, &w->controllers[second], "/store?store_name=cities"), 503);
    assert_non_null(strstr(text(w, "error"), "/stores/cities"));
    assert_int_equal(lg_clw_get(w, &w->controllers[second], "/store?store_name=citie"), 404);
    assert_int_equal(make_store(w, second, "rivers"), 200);
    lg_clw_meta(w, LG_META_PUT, "/stores/cities", good);
    lg_clw_run_ms(w, 12000);
    assert_int_equal(lg_clw_get(w, &w->controllers[second], "/store?store_name=cities"), 200);
    lg_clw_free(w);
}

/* It is woken at the moment at which it still believes that it leads. */
static void a_leader_that_was_stopped_changes_nothing_any_more(void **state)
{
    struct lg_clw *w = pair_up(3);
    unsigned first = leader(w, true, true), second = 1 - first;
    int status;

    (void)state;
    assert_int_equal(make_store(w, first, "cities"), 200);
    lg_sim_node_stop(w->controllers[first].node);
    assert_int_equal(leader(w, first == 1, first == 0), second);
    assert_int_equal(make_store(w, second, "rivers"), 200);
    lg_sim_node_go_on(w->controllers[first].node);
    status = make_store(w, first, "rivers");
    assert_true(status == 421 || status == 503);
    status = make_store(w, first, "lakes");
    assert_true(status == 421 || status == 503);
    lg_clw_run_ms(w, 3000);
    assert_int_equal(lg_clw_get(w, &w->controllers[second], "/list_stores"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->json, "stores")), 2);
    assert_int_equal(leader(w, true, true), second);
    lg_clw_free(w);
}

static int request(struct lg_clw *w, unsigned i, const char *id)
{
    LG_AUTO_STR char *form = lg_strf("store_name=cities&push_type=BATCH&push_job_id=%s", id);

    return post(w, i, "/request_topic", form);
}

/* It knows of no version 1 and would make its topic anew. */
static void a_leader_that_was_stopped_deletes_no_topic_of_the_next(void **state)
{
    const struct lg_clw_row row = {LG_LIT("\x0aParis"), LG_LIT("\x02"), 1};
    struct lg_clw *w = pair_up(10);
    unsigned first = leader(w, true, true), second = 1 - first;
    int status;

    (void)state;
    lg_clw_server_start(w, 0);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    assert_int_equal(post(w, first, "/new_store",
                          "store_name=cities&key_schema=%22string%22&value_schema=%22long%22&"
                          "owner=me&partition_count=1"),
                     200);
    lg_sim_node_stop(w->controllers[first].node);
    assert_int_equal(leader(w, first == 1, first == 0), second);
    lg_clw_run_ms(w, 2000);
    assert_int_equal(request(w, second, "p1"), 200);
    lg_clw_rows(w, "cities_v1", 1, &row, 1, /* whole= */ false);
    lg_sim_node_go_on(w->controllers[first].node);
    status = request(w, first, "p2");
    assert_true(status == 421 || status == 503);
    assert_int_equal(post(w, second, "/end_of_push", "store_name=cities&version=1"), 200);
    lg_clw_until_served(w, "cities", 1);
    assert_int_equal(lg_clw_get(w, &w->router, "/storage/cities/ClBhcmlz?f=b64"), 200);
    lg_clw_free(w);
}

static void a_leader_whose_session_is_lost_reads_everything_before_it_leads_again(void **state)
{
    struct lg_clw *w = lg_clw_new(4, /* with_controller= */ false);

    (void)state;
    lg_clw_controller_start(w, 0);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(leader(w, true, false), 0);
    assert_int_equal(make_store(w, 0, "cities"), 200);
    lg_meta_sim_cut(w->meta, "c0", true);
    lg_clw_run_ms(w, 10000);
    assert_int_equal(make_store(w, 0, "rivers"), 503); /* Nobody leads, and it knows that. */
    assert_int_equal(lg_clw_get(w, &w->controllers[0], "/leader_controller"), 503);
    lg_meta_sim_heal(w->meta);
    assert_int_equal(leader(w, true, false), 0);
    lg_clw_run_ms(w, 2000);
    assert_int_equal(lg_clw_get(w, &w->controllers[0], "/store?store_name=cities"), 200);
    assert_int_equal(make_store(w, 0, "rivers"), 200);
    lg_clw_free(w);
}

/* --- Without the metadata. ---------------------------------------------------------------------
 */

#define GRACE_MS (LG_META_SIM_GRACE_MS + 1000)

static const struct lg_json *silence_told(struct lg_clw *w)
{
    return lg_json_get(w->json, "lagoonMetadata");
}

/* A change is refused with a sentence and what to do, at once. */
static void expect_change_refused(struct lg_clw *w, unsigned i)
{
    uint64_t begun_us = lg_sim_now_us(w->sim);

    assert_int_equal(make_store(w, i, "rivers"), 503);
    assert_true(lg_sim_now_us(w->sim) - begun_us < LG_SEC);
    assert_non_null(strstr(text(w, "error"), "the metadata cannot be reached: no answer for "));
    assert_string_equal(text(w, "lagoonCode"), "ERR_UNAVAILABLE");
    assert_true(lg_json_get_bool(w->json, "lagoonRetriable", false));
    assert_string_equal(lg_clw_header(w, "Retry-After"), "1");
    assert_false(lg_json_get_bool(silence_told(w), "reachable", true));
    assert_true(lg_json_get_int(silence_told(w), "silentMs", 0) >= LG_META_SIM_GRACE_MS);
}

/* What the leader holds is answered, and how old it is; the age. */
static int64_t expect_remembered(struct lg_clw *w, unsigned i)
{
    static const char *const targets[] = {
        "/list_stores",
        "/store?store_name=cities",
        "/job?store_name=cities&version=1",
        "/v1/push_status?store_name=cities",
        "/v1/list_pushes",
        "/v1/cluster_status",
        "/v1/nodes",
        "/v1/replicas?store_name=cities",
        "/list_routers",
        "/get_key_schema?store_name=cities",
    };
    int64_t age_ms = -1;

    for (size_t k = 0; k < LG_ARRAY_SIZE(targets); k++) {
        if (lg_clw_get(w, &w->controllers[i], targets[k]) != 200)
            fail_msg("%s: %d %s", targets[k], w->call.status, text(w, "error"));
        assert_false(lg_json_get_bool(silence_told(w), "reachable", true));
        age_ms = lg_json_get_int(silence_told(w), "snapshotAgeMs", -1);
        assert_true(age_ms >= LG_META_SIM_GRACE_MS);
        assert_non_null(
            strstr(lg_json_get_str(silence_told(w), "reason", ""), "cannot be reached"));
        if (strcmp(targets[k], "/v1/cluster_status") == 0) {
            assert_non_null(strstr(text(w, "metastore"), "silent for "));
            assert_int_equal(lg_json_get_int(w->json, "stores", 0), 1);
        }
        if (strcmp(targets[k], "/list_stores") == 0)
            assert_int_equal(lg_json_size(lg_json_get(w->json, "stores")), 1);
    }
    return age_ms;
}

static void
without_metadata_changes_are_refused_at_once_and_reads_are_of_what_was_known(void **state)
{
    struct lg_clw *w = pair_up(11);
    unsigned who = leader(w, true, true), other = 1 - who;
    int64_t age_ms;

    (void)state;
    assert_int_equal(make_store(w, who, "cities"), 200);
    assert_int_equal(request(w, who, "p1"), 200);
    assert_null(silence_told(w));
    lg_meta_sim_cut(w->meta, "c0", true);
    lg_meta_sim_cut(w->meta, "c1", true);
    lg_clw_run_ms(w, GRACE_MS);
    expect_change_refused(w, who);
    age_ms = expect_remembered(w, who);
    /* Nobody acts on an answer of yesterday. */
    assert_int_equal(lg_clw_get(w, &w->controllers[who], "/node_removable?storage_node_id=s_1"),
                     503);
    /* Its pusher is heard, as long as nobody else can lead. */
    assert_int_equal(post(w, who, "/push_heartbeat", "store_name=cities&version=1"), 200);
    lg_clw_run_ms(w, TAKEOVER_MS); /* The sessions are over. */
    expect_change_refused(w, who);
    assert_true(expect_remembered(w, who) >= age_ms + TAKEOVER_MS);
    assert_int_equal(lg_clw_get(w, &w->controllers[who], "/v1/health"), 503);
    /* The other one knows neither who leads nor what there is, and says so. */
    expect_change_refused(w, other);
    assert_int_equal(lg_clw_get(w, &w->controllers[other], "/list_stores"), 503);
    assert_non_null(strstr(text(w, "error"), "this controller knows nothing that it could answer"));
    assert_int_equal(lg_json_type(lg_json_get(silence_told(w), "snapshotAgeMs")), LG_JSON_NULL);
    assert_int_equal(lg_clw_get(w, &w->controllers[other], "/leader_controller"), 503);
    assert_int_equal(lg_clw_get(w, &w->controllers[who], "/leader_controller"), 503);
    lg_meta_sim_heal(w->meta);
    who = leader(w, true, true);
    lg_clw_run_ms(w, 3000);
    assert_int_equal(make_store(w, who, "rivers"), 200);
    assert_int_equal(lg_clw_get(w, &w->controllers[who], "/list_stores"), 200);
    assert_null(silence_told(w));
    assert_int_equal(lg_clw_get(w, &w->controllers[1 - who], "/list_stores"), 421);
    lg_clw_free(w);
}

/* The follower's own session is the one that is silent: whom it saw lead may lead no more. */
static void a_follower_without_metadata_names_no_leader(void **state)
{
    struct lg_clw *w = pair_up(12);
    unsigned who = leader(w, true, true), other = 1 - who;

    (void)state;
    lg_meta_sim_cut(w->meta, other == 0 ? "c0" : "c1", true);
    assert_int_equal(make_store(w, other, "rivers"), 421);
    lg_clw_run_ms(w, GRACE_MS);
    expect_change_refused(w, other);
    assert_int_equal(lg_clw_get(w, &w->controllers[other], "/leader_controller"), 503);
    assert_int_equal(lg_clw_get(w, &w->controllers[other], "/v1/health"), 503);
    assert_int_equal(make_store(w, who, "rivers"), 200);
    lg_meta_sim_heal(w->meta);
    lg_clw_run_ms(w, 3000);
    assert_int_equal(make_store(w, other, "lakes"), 421);
    lg_clw_free(w);
}

/* Its write is on the way, or waits for its turn, when the metadata go away. */
static void who_waits_for_a_change_when_the_metadata_go_away_is_told_soon(void **state)
{
    struct lg_clw *w = pair_up(13);
    unsigned who = leader(w, true, true);
    uint64_t begun_us;

    (void)state;
    lg_meta_sim_cut(w->meta, who == 0 ? "c0" : "c1", true);
    begun_us = lg_sim_now_us(w->sim);
    assert_int_equal(make_store(w, who, "cities"), 503);
    assert_true(lg_sim_now_us(w->sim) - begun_us < (GRACE_MS + 1000) * LG_MS);
    assert_non_null(strstr(text(w, "error"), "it is not known whether the change was made"));
    assert_true(lg_json_get_bool(w->json, "lagoonUncertain", false));
    lg_clw_run_ms(w, TAKEOVER_MS);
    who = 1 - who;
    assert_true(leads(w, who));
    assert_int_equal(make_store(w, who, "cities"), 200); /* The other one never heard of it. */
    lg_meta_sim_heal(w->meta);
    lg_clw_run_ms(w, 3000);
    assert_int_equal(leader(w, true, true), who);
    lg_clw_free(w);
}

static void resign(void *ctx)
{
    lg_controller_resign(((struct lg_clw_node *)ctx)->controller);
}

static void who_resigns_or_stops_is_followed_without_waiting(void **state)
{
    struct lg_clw *w = pair_up(5);
    unsigned first = leader(w, true, true), second = 1 - first;

    (void)state;
    lg_sim_node_run(w->controllers[first].node, resign, &w->controllers[first]);
    lg_clw_run_ms(w, 1000);
    assert_true(leads(w, second));
    lg_clw_controller_stop(w, second);
    lg_clw_run_ms(w, 1000);
    assert_true(leads(w, first));
    assert_int_equal(lg_json_get_int(w->json, "term", 0), 3);
    lg_clw_controller_stop(w, first);
    assert_null(lg_clw_meta_get(w, "/leader"));
    lg_clw_free(w);
}

static void expect_refused(uint64_t seed, const char *cluster, const char *why)
{
    struct lg_clw *w = lg_clw_new(seed, /* with_controller= */ false);

    lg_clw_meta(w, LG_META_PUT, "/cluster", cluster);
    lg_clw_controller_start(w, 0);
    lg_clw_run_ms(w, 3000);
    assert_string_equal(w->controller_failed, why);
    assert_int_not_equal(lg_clw_get(w, &w->controllers[0], "/v1/health"), 200);
    assert_string_equal(text(w, "error"), why);
    assert_null(lg_clw_meta_get(w, "/leader"));
    assert_null(lg_clw_meta_get(w, "/term"));
    lg_clw_controller_stop(w, 0);
    lg_clw_free(w);
}

static void metadata_of_another_cluster_or_a_newer_format_is_left_alone(void **state)
{
    (void)state;
    expect_refused(6, "{\"name\":\"lake-9\",\"format\":1}",
                   "this metadata belongs to cluster 'lake-9', not to 'lagoon-0'; correct "
                   "cluster.name, or the address and root of the metastore");
    expect_refused(7, "{\"name\":\"lagoon-0\",\"format\":2,\"createdBy\":\"9.1\"}",
                   "the metadata of cluster 'lagoon-0' has format 2, written by release 9.1; this "
                   "release reads up to format 1: install the newer one here");
    expect_refused(
        8, "[junk",
        "the node /cluster of cluster 'lagoon-0' is not what a controller writes: [junk; "
        "write it anew while no controller runs, with the id that store/server.json of its servers "
        "names (clusterId)");
}

static void a_second_controller_with_the_same_address_is_told_and_leads_nothing(void **state)
{
    struct lg_clw *w = lg_clw_new(9, /* with_controller= */ false);

    (void)state;
    w->conflict_ms = 3000;
    lg_clw_meta(w, LG_META_PUT, "/controllers/c0_5555",
                "{\"url\":\"http://c0:5555\",\"identity\":\"another\"}");
    lg_clw_controller_start(w, 0);
    lg_clw_run_ms(w, 6000);
    assert_non_null(strstr(w->controller_failed, "another process is announced as /controllers/"));
    assert_non_null(strstr(w->controller_failed, "\"identity\":\"another\""));
    assert_int_equal(lg_clw_get(w, &w->controllers[0], "/v1/health"), 409);
    assert_null(lg_clw_meta_get(w, "/leader"));
    lg_clw_controller_stop(w, 0);
    lg_clw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_two_leads_and_the_other_names_it),
        cmocka_unit_test(what_one_leader_made_the_next_one_knows),
        cmocka_unit_test(what_a_leader_could_not_read_it_knows_once_it_is_put_right),
        cmocka_unit_test(a_leader_that_was_stopped_changes_nothing_any_more),
        cmocka_unit_test(a_leader_that_was_stopped_deletes_no_topic_of_the_next),
        cmocka_unit_test(a_leader_whose_session_is_lost_reads_everything_before_it_leads_again),
        cmocka_unit_test(
            without_metadata_changes_are_refused_at_once_and_reads_are_of_what_was_known),
        cmocka_unit_test(a_follower_without_metadata_names_no_leader),
        cmocka_unit_test(who_waits_for_a_change_when_the_metadata_go_away_is_told_soon),
        cmocka_unit_test(who_resigns_or_stops_is_followed_without_waiting),
        cmocka_unit_test(metadata_of_another_cluster_or_a_newer_format_is_left_alone),
        cmocka_unit_test(a_second_controller_with_the_same_address_is_told_and_leads_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
