/* Servers come, blink, go and fail; replicas follow them: through the routes that an operator has.
 * Servers are played by hand: each does at once what the assignment says. */
#include "controller/placement.h"

#include "base/health.h"
#include "base/str.h"
#include "test/lib/controller_world.h"
#include "test/test.h"

#define TOPIC "cities_v1"
#define PARTITIONS 6

static struct lg_cw *world_with(uint64_t seed, int servers, unsigned factor, unsigned minimum)
{
    struct lg_cw *w = lg_cw_start(seed);
    LG_AUTO_STR char *store =
        lg_strf("store_name=cities&key_schema=%%22long%%22&value_schema=%%22string%%22&owner=me&"
                "partition_count=%d&replication_factor=%u",
                PARTITIONS, factor);

    w->extra.min_active_replicas = minimum;
    if (minimum != 0)
        lg_cw_restart(w);
    lg_cw_until_ready(w);
    lg_cw_servers_up(w, servers);
    lg_sim_run_us(w->sim, 11 * LG_SEC); /* A new leader waits so long before it moves anything. */
    assert_int_equal(lg_cw_post(w, "/new_store", store), 200);
    return w;
}

static struct lg_cw *world_of(uint64_t seed, int servers, unsigned factor)
{
    return world_with(seed, servers, factor, 0);
}

static void server_up(struct lg_cw *w, int n, const char *zone)
{
    LG_AUTO_STR char *path = lg_strf("/instances/srv%d_88", n);
    LG_AUTO_STR char *value =
        lg_strf("{\"host\":\"world\",\"port\":88,\"zone\":\"%s\",\"release\":\"9.9\"}", zone);

    lg_cw_put(w, path, value);
}

static void server_down(struct lg_cw *w, int n)
{
    LG_AUTO_STR char *path = lg_strf("/instances/srv%d_88", n);
    LG_AUTO_STR char *replicas = lg_strf("/replicas/" TOPIC "/srv%d_88", n);

    lg_cw_meta(w, LG_META_REMOVE_TREE, path, "");
    lg_cw_meta(w, LG_META_REMOVE_TREE, replicas, "");
}

/* The partitions of version 1, with their replicas; borrowed from the answer. */
static const struct lg_json *partitions_of(struct lg_cw *w)
{
    assert_int_equal(lg_cw_get(w, "/v1/replicas?store_name=cities&version=1"), 200);
    return lg_json_get(lg_json_at(lg_json_get(w->answer, "versions"), 0), "partitions");
}

static bool lists(const struct lg_json *partition, const char *id, const struct lg_json **out)
{
    const struct lg_json *replicas = lg_json_get(partition, "replicas");

    for (size_t i = 0; i < lg_json_size(replicas); i++)
        if (strcmp(lg_json_get_str(lg_json_at(replicas, i), "instance", ""), id) == 0) {
            *out = lg_json_at(replicas, i);
            return true;
        }
    return false;
}

/* Each live server holds what it is given, complete, and leads if it is named. */
static void servers_follow(struct lg_cw *w, int servers)
{
    for (int n = 1; n <= servers; n++) {
        LG_AUTO_STR char *id = lg_strf("srv%d_88", n);
        LG_AUTO_STR char *path = lg_strf("/replicas/" TOPIC "/%s", id);
        const struct lg_json *partitions = partitions_of(w), *replica;
        LG_SCOPED(lg_buf) value = {0};
        bool live = false;

        lg_buf_append_str(&value, "{");
        for (size_t p = 0; p < lg_json_size(partitions); p++) {
            const struct lg_json *partition = lg_json_at(partitions, p);
            bool leads = strcmp(lg_json_get_str(partition, "leader", ""), id) == 0;

            if (!lists(partition, id, &replica))
                continue;
            live = live || lg_json_get_bool(replica, "live", false);
            lg_buf_appendf(&value,
                           "%s\"%zu\":{\"status\":\"COMPLETED\",\"records\":1,\"bytes\":2,"
                           "\"state\":\"%s\",\"term\":%lld,\"reset\":9}",
                           value.size > 1 ? "," : "", p, leads ? "LEADER" : "STANDBY",
                           (long long)lg_json_get_int(partition, "term", 0));
        }
        lg_buf_appendf(&value, "}%c", 0);
        if (live)
            lg_cw_put(w, path, (const char *)value.data);
        else
            lg_cw_meta(w, LG_META_REMOVE_TREE, path, "");
    }
}

static void settle(struct lg_cw *w, int servers)
{
    for (int i = 0; i < 12; i++) {
        servers_follow(w, servers);
        lg_sim_run_us(w->sim, LG_SEC);
    }
}

static int64_t node_number(struct lg_cw *w, const char *id, const char *key)
{
    const struct lg_json *nodes;

    assert_int_equal(lg_cw_get(w, "/v1/nodes"), 200);
    nodes = lg_json_get(w->answer, "nodes");
    for (size_t i = 0; i < lg_json_size(nodes); i++)
        if (strcmp(lg_json_get_str(lg_json_at(nodes, i), "id", ""), id) == 0)
            return lg_json_get_int(lg_json_at(nodes, i), key, -2);
    return -1;
}

static bool node_is(struct lg_cw *w, const char *id, const char *state)
{
    const struct lg_json *nodes;

    assert_int_equal(lg_cw_get(w, "/v1/nodes"), 200);
    nodes = lg_json_get(w->answer, "nodes");
    for (size_t i = 0; i < lg_json_size(nodes); i++)
        if (strcmp(lg_json_get_str(lg_json_at(nodes, i), "id", ""), id) == 0)
            return strcmp(lg_json_get_str(lg_json_at(nodes, i), "state", ""), state) == 0;
    return false;
}

static void push(struct lg_cw *w, int servers)
{
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_cw_end(w, 1);
    settle(w, servers);
    assert_int_equal(lg_cw_current(w), 1);
}

/* Where all replicas are, as text. */
static char *picture_of(struct lg_cw *w)
{
    const struct lg_json *partitions = partitions_of(w);
    LG_SCOPED(lg_buf) text = {0};

    for (size_t p = 0; p < lg_json_size(partitions); p++) {
        const struct lg_json *replicas = lg_json_get(lg_json_at(partitions, p), "replicas");

        for (size_t i = 0; i < lg_json_size(replicas); i++)
            lg_buf_appendf(&text, "%s ", lg_json_get_str(lg_json_at(replicas, i), "instance", ""));
        lg_buf_append_str(&text, "| ");
    }
    return lg_strf("%.*s", LG_FMT(lg_buf_slice(&text)));
}

static const char *status_text(struct lg_cw *w, const char *key)
{
    assert_int_equal(lg_cw_get(w, "/v1/cluster_status"), 200);
    return lg_cw_text(w, key);
}

static int64_t status_number(struct lg_cw *w, const char *group, const char *key)
{
    assert_int_equal(lg_cw_get(w, "/v1/cluster_status"), 200);
    return lg_json_get_int(group == NULL ? w->answer : lg_json_get(w->answer, group), key, -1);
}

static void a_new_server_takes_its_share(void **state)
{
    struct lg_cw *w = world_of(1, 3, 2);

    (void)state;
    push(w, 3);
    for (int n = 1; n <= 3; n++) {
        LG_AUTO_STR char *id = lg_strf("srv%d_88", n);

        assert_int_equal(node_number(w, id, "replicas"), 4);
        assert_int_equal(node_number(w, id, "ready"), 4);
        assert_int_equal(node_number(w, id, "leaders"), 2);
    }
    server_up(w, 4, "");
    lg_sim_run_us(w->sim, LG_SEC);
    assert_string_equal(status_text(w, "rebalance"), "3 moves");
    assert_int_equal(status_number(w, "replicas", "moving"), 3);
    settle(w, 4);
    for (int n = 1; n <= 4; n++) {
        LG_AUTO_STR char *id = lg_strf("srv%d_88", n);

        assert_int_equal(node_number(w, id, "replicas"), 3);
    }
    assert_string_equal(status_text(w, "rebalance"), "idle");
    lg_cw_free(w);
}

static void a_replica_stays_until_its_follower_is_complete(void **state)
{
    struct lg_cw *w = world_of(2, 2, 2);

    (void)state;
    push(w, 2);
    server_up(w, 3, "");
    lg_sim_run_us(w->sim, 60 * LG_SEC); /* The new one says nothing: nobody leaves. */
    assert_int_equal(node_number(w, "srv1_88", "replicas"), PARTITIONS);
    assert_int_equal(node_number(w, "srv2_88", "replicas"), PARTITIONS);
    assert_int_equal(node_number(w, "srv3_88", "replicas"), 4);
    assert_int_equal(status_number(w, NULL, "underReplicatedCount"), 0);
    settle(w, 3);
    assert_int_equal(node_number(w, "srv1_88", "replicas"), 4);
    lg_cw_free(w);
}

static void only_so_many_partitions_move_at_once(void **state)
{
    struct lg_cw *w = lg_cw_start(3);

    (void)state;
    w->extra.moves_max = 1;
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    lg_cw_servers_up(w, 2);
    assert_int_equal(lg_cw_post(w, "/new_store",
                                "store_name=cities&key_schema=%22long%22&value_schema=%22string%22&"
                                "owner=me&partition_count=6&replication_factor=2"),
                     200);
    push(w, 2);
    lg_sim_run_us(w->sim, 11 * LG_SEC);
    server_up(w, 3, "");
    lg_sim_run_us(w->sim, 20 * LG_SEC);
    assert_int_equal(status_number(w, "replicas", "moving"), 1);
    settle(w, 3);
    settle(w, 3);
    assert_int_equal(node_number(w, "srv3_88", "replicas"), 4);
    lg_cw_free(w);
}

static void a_loss_within_the_delay_moves_nothing_and_past_it_only_its_own(void **state)
{
    struct lg_cw *w = world_of(4, 4, 2);
    LG_AUTO_STR char *before = NULL;
    LG_AUTO_STR char *during = NULL;

    (void)state;
    push(w, 4);
    before = picture_of(w);
    server_down(w, 2);
    lg_sim_run_us(w->sim, 60 * LG_SEC);
    during = picture_of(w);
    assert_string_equal(before, during);
    assert_true(node_is(w, "srv2_88", "GONE"));
    assert_in_range(node_number(w, "srv2_88", "goneForMs"), 55000, 65000);
    assert_int_equal(strncmp(status_text(w, "rebalance"), "waiting 17", 10), 0);
    assert_int_equal(status_number(w, NULL, "underReplicatedCount"), 3);
    lg_cw_restart(w); /* The next leader keeps the clock. */
    lg_cw_until_ready(w);
    server_down(w, 2);
    for (int n = 1; n <= 4; n++)
        if (n != 2)
            server_up(w, n, "");
    settle(w, 4);
    lg_sim_run_us(w->sim, 1700 * LG_SEC);
    assert_int_equal(node_number(w, "srv2_88", "replicas"), 3);
    lg_sim_run_us(w->sim, 60 * LG_SEC);
    settle(w, 4);
    assert_int_equal(node_number(w, "srv2_88", "replicas"), 0);
    for (int n = 1; n <= 4; n++) {
        LG_AUTO_STR char *id = lg_strf("srv%d_88", n);

        assert_int_equal(node_number(w, id, "replicas"), n == 2 ? 0 : 4);
    }
    assert_int_equal(status_number(w, NULL, "underReplicatedCount"), 0);
    lg_cw_free(w);
}

static void a_leader_that_is_gone_is_followed_with_a_higher_term(void **state)
{
    struct lg_cw *w = world_of(5, 3, 3);
    const struct lg_json *partition;

    (void)state;
    push(w, 3);
    server_down(w, 1);
    lg_sim_run_us(w->sim, 2 * LG_SEC);
    for (size_t p = 0; p < PARTITIONS; p++) {
        partition = lg_json_at(partitions_of(w), p);
        assert_string_not_equal(lg_json_get_str(partition, "leader", ""), "srv1_88");
        assert_string_not_equal(lg_json_get_str(partition, "leader", ""), "");
        assert_int_equal(lg_json_size(lg_json_get(partition, "replicas")), 3);
    }
    assert_int_equal(node_number(w, "srv2_88", "leaders") + node_number(w, "srv3_88", "leaders"),
                     PARTITIONS);
    server_up(w, 1, ""); /* It comes back, and leads again what it should, one handing over. */
    settle(w, 3);
    assert_int_equal(node_number(w, "srv1_88", "leaders"), 2);
    lg_cw_free(w);
}

static void all_are(struct lg_cw *w, int n, const char *status)
{
    LG_AUTO_STR char *path = lg_strf("/replicas/" TOPIC "/srv%d_88", n);
    LG_SCOPED(lg_buf) value = {0};

    for (int p = 0; p < PARTITIONS; p++)
        lg_buf_appendf(&value, "%s\"%d\":{\"status\":\"%s\"}", p == 0 ? "{" : ",", p, status);
    lg_buf_appendf(&value, "}%c", 0);
    lg_cw_put(w, path, (const char *)value.data);
}

static void a_push_is_complete_only_with_its_leaders(void **state)
{
    struct lg_cw *w = world_of(6, 2, 2);
    const struct lg_json *partitions;

    (void)state;
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_cw_end(w, 1);
    all_are(w, 1, "COMPLETED"); /* It leads half of the partitions. */
    all_are(w, 2, "STARTED");
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_int_equal(lg_cw_current(w), 0);
    assert_int_equal(lg_cw_get(w, "/v1/push_status?store_name=cities&version=1"), 200);
    partitions = lg_json_get(lg_json_get(w->answer, "push"), "servers");
    assert_int_equal(lg_json_get_int(lg_json_at(partitions, 0), "completed", -1), PARTITIONS);
    assert_int_equal(lg_json_get_int(lg_json_at(partitions, 1), "started", -1), PARTITIONS);
    settle(w, 2);
    assert_int_equal(lg_cw_current(w), 1);
    lg_cw_free(w);
}

static void a_server_is_drained_removed_and_activated(void **state)
{
    struct lg_cw *w = world_of(7, 3, 2);

    (void)state;
    push(w, 3);
    assert_int_equal(lg_cw_post(w, "/v1/remove_node", "node_id=srv3_88"), 409);
    assert_int_equal(lg_cw_post(w, "/remove_node", "storage_node_id=srv9_88"), 404);
    assert_non_null(strstr(lg_cw_text(w, "error"), "no server named 'srv9_88'"));
    assert_int_equal(lg_cw_post(w, "/v1/drain_node", "node_id=srv3_88"), 200);
    assert_true(node_is(w, "srv3_88", "DRAINING"));
    settle(w, 3);
    assert_int_equal(node_number(w, "srv3_88", "replicas"), 0);
    assert_int_equal(node_number(w, "srv1_88", "ready"), PARTITIONS);
    assert_int_equal(status_number(w, "servers", "draining"), 1);
    assert_int_equal(lg_cw_post(w, "/v1/activate_node", "node_id=srv3_88"), 200);
    settle(w, 3);
    assert_int_equal(node_number(w, "srv3_88", "replicas"), 4);
    server_down(w, 3);
    lg_sim_run_us(w->sim, 2 * LG_SEC);
    assert_int_equal(lg_cw_post(w, "/remove_node", "storage_node_id=srv3_88"), 200);
    settle(w, 3);
    assert_int_equal(node_number(w, "srv3_88", "replicas"), -1); /* Nobody knows it any more. */
    assert_int_equal(node_number(w, "srv1_88", "replicas"), PARTITIONS);
    lg_cw_free(w);
}

/* With nobody to take over, a drained server goes on holding its replicas: which of them are
 * complete may be older news than the drain. One that failed, or is gone, is of no use to anybody.
 */
static void a_drain_costs_no_replica_that_is_of_use(void **state)
{
    static const struct {
        const char *status; /* of all on server 3; NULL: nothing is heard of them */
        bool dies;
        int64_t kept;
    } cases[] = {{NULL, false, PARTITIONS},
                 {"STARTED", false, PARTITIONS},
                 {"COMPLETED", false, PARTITIONS},
                 {"ERROR", false, 0},
                 {"COMPLETED", true, 0}};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct lg_cw *w = world_of(40 + i, 3, 3);

        assert_int_equal(lg_cw_request(w, "p1", 0), 200);
        lg_cw_end(w, 1);
        if (cases[i].status != NULL)
            all_are(w, 3, cases[i].status);
        settle(w, 2); /* The others are complete. */
        assert_int_equal(node_number(w, "srv3_88", "replicas"), PARTITIONS);
        assert_int_equal(lg_cw_post(w, "/v1/drain_node", "node_id=srv3_88"), 200);
        if (cases[i].dies)
            server_down(w, 3);
        settle(w, 2);
        assert_int_equal(node_number(w, "srv3_88", "replicas"), cases[i].kept);
        settle(w, 3); /* What it told late is there. */
        assert_int_equal(node_number(w, "srv3_88", "ready"), cases[i].kept);
        server_up(w, 4, "");
        settle(w, 4);
        assert_int_equal(node_number(w, "srv3_88", "replicas"), 0);
        assert_int_equal(node_number(w, "srv4_88", "ready"), PARTITIONS);
        lg_cw_free(w);
    }
}

static void disk_of(struct lg_cw *w, int n, bool low)
{
    LG_AUTO_STR char *path = lg_strf("/instances/srv%d_88", n);

    lg_cw_put(w, path,
              low ? "{\"host\":\"world\",\"port\":88,\"diskLow\":true}"
                  : "{\"host\":\"world\",\"port\":88}");
}

static bool has_low_disk(struct lg_cw *w, const char *id)
{
    const struct lg_json *nodes;

    assert_int_equal(lg_cw_get(w, "/v1/nodes"), 200);
    nodes = lg_json_get(w->answer, "nodes");
    for (size_t i = 0; i < lg_json_size(nodes); i++)
        if (strcmp(lg_json_get_str(lg_json_at(nodes, i), "id", ""), id) == 0)
            return lg_json_get_bool(lg_json_at(nodes, i), "diskLow", false);
    return false;
}

static void a_server_whose_disk_is_low_keeps_what_it_has_and_is_given_no_more(void **state)
{
    struct lg_cw *w = world_of(31, 3, 2);
    LG_AUTO_STR char *before = NULL, *after = NULL;

    (void)state;
    push(w, 3);
    before = picture_of(w);
    assert_false(has_low_disk(w, "srv1_88"));
    disk_of(w, 1, true);
    settle(w, 3);
    assert_true(has_low_disk(w, "srv1_88"));
    after = picture_of(w);
    assert_string_equal(before, after);
    assert_int_equal(lg_cw_request(w, "p2", 0), 200);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_int_equal(node_number(w, "srv1_88", "replicas"), 4); /* Those of version 1. */
    assert_int_equal(node_number(w, "srv2_88", "replicas"), 4 + 6);
    disk_of(w, 1, false);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_int_equal(status_number(w, "replicas", "moving"), 4); /* It takes its share. */
    lg_cw_free(w);
}

/* What all servers say of the replicas that they hold: those of server 1 have begun only. */
static void one_lags(struct lg_cw *w, int servers)
{
    const struct lg_json *partitions = partitions_of(w), *replica;
    LG_SCOPED(lg_buf) value = {0};

    servers_follow(w, servers);
    partitions = partitions_of(w);
    lg_buf_append_str(&value, "{");
    for (size_t p = 0; p < lg_json_size(partitions); p++)
        if (lists(lg_json_at(partitions, p), "srv1_88", &replica))
            lg_buf_appendf(&value, "%s\"%zu\":{\"status\":\"STARTED\",\"state\":\"STANDBY\"}",
                           value.size > 1 ? "," : "", p);
    lg_buf_appendf(&value, "}%c", 0);
    lg_cw_put(w, "/replicas/" TOPIC "/srv1_88", (const char *)value.data);
}

static void what_waits_for_room_is_given_to_others(void **state)
{
    struct lg_cw *w = world_of(32, 3, 2);

    (void)state;
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_cw_end(w, 1);
    for (int i = 0; i < 3; i++) {
        one_lags(w, 3);
        lg_sim_run_us(w->sim, LG_SEC);
    }
    assert_int_equal(node_number(w, "srv1_88", "replicas"), 4);
    disk_of(w, 1, true);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    for (int i = 0; i < 12; i++) {
        one_lags(w, 3);
        lg_sim_run_us(w->sim, LG_SEC);
    }
    assert_int_equal(node_number(w, "srv1_88", "replicas"), 0);
    assert_int_equal(status_number(w, "replicas", "ready"), 2 * PARTITIONS);
    assert_string_equal(status_text(w, "rebalance"), "idle");
    assert_int_equal(lg_cw_current(w), 1);
    lg_cw_free(w);
}

/* With nobody else to take them they stay, and wait. */
static void what_nobody_else_can_take_stays_where_there_is_no_room(void **state)
{
    struct lg_cw *w = world_of(33, 2, 2);

    (void)state;
    disk_of(w, 1, true);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_cw_end(w, 1);
    for (int i = 0; i < 12; i++) {
        one_lags(w, 2);
        lg_sim_run_us(w->sim, LG_SEC);
    }
    assert_int_equal(node_number(w, "srv1_88", "replicas"), PARTITIONS);
    assert_int_equal(node_number(w, "srv2_88", "leaders"), PARTITIONS);
    assert_string_equal(status_text(w, "rebalance"), "idle");
    lg_cw_free(w);
}

static void zones_hold_one_replica_each(void **state)
{
    struct lg_cw *w = world_of(8, 0, 2);
    const struct lg_json *partitions;

    (void)state;
    for (int n = 1; n <= 4; n++)
        server_up(w, n, n <= 2 ? "east" : "west");
    lg_sim_run_us(w->sim, 2 * LG_SEC);
    push(w, 4);
    partitions = partitions_of(w);
    for (size_t p = 0; p < PARTITIONS; p++) {
        const struct lg_json *partition = lg_json_at(partitions, p), *ignored;
        int east = lists(partition, "srv1_88", &ignored) + lists(partition, "srv2_88", &ignored);

        assert_int_equal(east, 1);
    }
    assert_int_equal(node_number(w, "srv4_88", "replicas"), 3);
    lg_cw_free(w);
}

static void a_failed_replica_is_begun_again_once_and_then_on_request(void **state)
{
    static const char failed[] =
        "{\"%d\":{\"status\":\"ERROR\",\"error\":\"disk full\",\"state\":\"ERROR\",\"reset\":%d}}";
    struct lg_cw *w = world_of(9, 2, 2);
    LG_AUTO_STR char *first = lg_strf(failed, 3, 0);
    LG_AUTO_STR char *second = lg_strf(failed, 3, 1);
    const struct lg_json *replica;

    (void)state;
    push(w, 2);
    lg_cw_put(w, "/replicas/" TOPIC "/srv2_88", first);
    lg_sim_run_us(w->sim, 2 * LG_SEC);
    assert_true(lists(lg_json_at(partitions_of(w), 3), "srv2_88", &replica));
    assert_string_equal(lg_json_get_str(replica, "state", ""), "ERROR");
    assert_string_equal(lg_json_get_str(replica, "error", ""), "disk full");
    lg_cw_put(w, "/replicas/" TOPIC "/srv2_88", second); /* It was, and failed again. */
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_int_equal(lg_cw_post(w, "/v1/reset_error_partition", "store_name=cities&version=1"),
                     200);
    assert_int_equal(lg_json_get_int(w->answer, "reset", -1), 1);
    assert_int_equal(lg_cw_post(w, "/v1/reset_error_partition",
                                "store_name=cities&version=1&partition=3&instance=srv1_88&"
                                "wipe=true"),
                     200);
    assert_int_equal(lg_json_get_int(w->answer, "reset", -1), 1);
    assert_int_equal(
        lg_cw_post(w, "/v1/reset_error_partition", "store_name=cities&version=1&partition=99"),
        404);
    assert_int_equal(
        lg_cw_post(w, "/v1/reset_error_partition", "store_name=cities&version=1&instance=nobody_1"),
        404);
    assert_int_equal(lg_cw_post(w, "/v1/reset_error_partition", "store_name=cities&version=7"),
                     404);
    lg_cw_free(w);
}

static void a_push_that_is_never_complete_fails_in_the_end(void **state)
{
    struct lg_cw *w = world_of(10, 2, 2);

    (void)state;
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_cw_end(w, 1);
    lg_sim_run_us(w->sim, 23 * 3600 * LG_SEC);
    assert_string_equal(lg_cw_job(w, 1), "STARTED");
    lg_sim_run_us(w->sim, 3600 * LG_SEC + LG_SEC);
    assert_string_equal(lg_cw_job(w, 1), "ERROR");
    assert_non_null(strstr(lg_cw_text(w, "statusDetails"), "not complete within 86400 s"));
    lg_cw_free(w);
}

/* What Venice's client sends: JSON, with no word of it in a header. */
static int ask_who_may_go(struct lg_cw *w, const char *json)
{
    return lg_cw_ask(w, LG_HTTP_POST, "/aggregatedHealthStatus", lg_slice_str(json), NULL, NULL);
}

static void which_of_several_servers_may_go_is_told_one_after_the_other(void **state)
{
    struct lg_cw *w = world_of(12, 3, 3);
    const struct lg_json *may, *may_not;

    (void)state;
    push(w, 3);
    assert_int_equal(ask_who_may_go(w, "{\"cluster_id\":\"lagoon-0\",\"instances\":[\"srv1_88\","
                                       "\"srv2_88\",\"nobody_1\"],"
                                       "\"to_be_stopped_instances\":null}"),
                     200);
    may = lg_json_get(w->answer, "stoppableInstances");
    may_not = lg_json_get(w->answer, "nonStoppableInstancesWithReasons");
    assert_int_equal(lg_json_size(may), 2); /* Two of three may not both go. */
    assert_slice_equal(lg_json_string(lg_json_at(may, 0)), LG_LIT("srv1_88"));
    assert_slice_equal(lg_json_string(lg_json_at(may, 1)), LG_LIT("nobody_1"));
    assert_int_equal(lg_json_size(may_not), 1);
    assert_non_null(strstr(lg_json_get_str(may_not, "srv2_88", ""), "WILL_TRIGGER_LOAD_REBALANCE"));
    assert_int_equal(lg_cw_post(w, "/aggregatedHealthStatus",
                                "instances=srv2_88&to_be_stopped_instances=srv1_88,srv3_88"),
                     200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "stoppableInstances")), 0);
    assert_non_null(strstr(
        lg_json_get_str(lg_json_get(w->answer, "nonStoppableInstancesWithReasons"), "srv2_88", ""),
        "WILL_LOSE_DATA"));
    lg_cw_free(w);
}

static void a_question_of_several_servers_that_makes_no_sense_is_refused(void **state)
{
    static const char *const wrong[] = {
        "{",
        "{}",
        "{\"cluster_id\":\"lagoon-0\",\"instances\":[]}",
        "{\"cluster_id\":\"lagoon-0\",\"instances\":\"srv1_88\"}",
        "{\"cluster_id\":\"lagoon-0\",\"instances\":[1]}",
        "{\"cluster_id\":\"lagoon-0\",\"instances\":[\"a_1\"],\"to_be_stopped_instances\":{}}",
        ""};
    struct lg_cw *w = world_of(13, 1, 1);

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(wrong); i++)
        assert_int_equal(ask_who_may_go(w, wrong[i]), 400);
    assert_int_equal(ask_who_may_go(w, "{\"cluster_id\":\"other\",\"instances\":[\"srv1_88\"]}"),
                     404);
    assert_non_null(strstr(lg_cw_text(w, "error"), "not 'other'"));
    lg_cw_free(w);
}

/* min.active.replica: of three replicas one may be away without more ado; or two, or none. */
static void a_gone_server_is_replaced_at_once_below_the_active_minimum(void **state)
{
    static const struct {
        unsigned minimum, expected; /* 0: one less than the factor */
        bool removable, replaced;
    } cases[] = {{0, 2, true, false}, {3, 3, false, true}, {9, 3, false, true}};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct lg_cw *w = world_with(20 + i, 4, 3, cases[i].minimum);
        const struct lg_json *replica;

        push(w, 4);
        assert_int_equal(lg_cw_get(w, "/store?store_name=cities"), 200);
        assert_int_equal(
            lg_json_get_int(lg_json_at(lg_json_get(lg_json_get(w->answer, "store"), "versions"), 0),
                            "minActiveReplicas", -1),
            cases[i].expected);
        assert_true(lists(lg_json_at(partitions_of(w), 0), "srv1_88", &replica) ||
                    lists(lg_json_at(partitions_of(w), 1), "srv1_88", &replica));
        assert_int_equal(lg_cw_get(w, "/node_removable?storage_node_id=srv1_88"), 200);
        assert_int_equal(lg_json_get_bool(w->answer, "removable", !cases[i].removable),
                         cases[i].removable);
        server_down(w, 1);
        settle(w, 4);
        settle(w, 4);
        assert_int_equal(node_number(w, "srv1_88", "replicas") == 0, cases[i].replaced);
        lg_cw_free(w);
    }
}

static void whether_a_server_may_go_is_told_with_the_reason(void **state)
{
    struct lg_cw *w = world_of(11, 3, 3);

    (void)state;
    push(w, 3);
    assert_int_equal(lg_cw_get(w, "/node_removable?storage_node_id=srv1_88"), 200);
    assert_true(lg_json_get_bool(w->answer, "removable", false));
    assert_int_equal(
        lg_cw_get(w, "/node_removable?storage_node_id=srv1_88&to_be_stopped_instances=srv2_88"),
        200);
    assert_false(lg_json_get_bool(w->answer, "removable", true));
    assert_non_null(strstr(lg_cw_text(w, "details"), "WILL_TRIGGER_LOAD_REBALANCE"));
    assert_int_equal(lg_cw_get(w, "/node_removable?storage_node_id=srv1_88&"
                                  "to_be_stopped_instances=srv2_88,srv3_88"),
                     200);
    assert_non_null(strstr(lg_cw_text(w, "details"), "WILL_LOSE_DATA"));
    assert_int_equal(lg_cw_get(w, "/node_replicas_readiness?storage_node_id=srv1_88"), 200);
    assert_string_equal(lg_cw_text(w, "nodeState"), "READY");
    assert_int_equal(lg_cw_get(w, "/storage_node_replicas?storage_node_id=srv1_88"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "replicas")), PARTITIONS);
    assert_int_equal(lg_cw_get(w, "/storage_node_replicas?storage_node_id=srv7_88"), 404);
    assert_int_equal(lg_cw_get(w, "/cluster_health_stores"), 200);
    assert_string_equal(lg_json_get_str(lg_json_get(w->answer, "storeStatusMap"), "cities", ""),
                        "FULLLY_REPLICATED");
    server_down(w, 1);
    lg_sim_run_us(w->sim, 2 * LG_SEC);
    assert_int_equal(lg_cw_get(w, "/node_replicas_readiness?storage_node_id=srv1_88"), 200);
    assert_string_equal(lg_cw_text(w, "nodeState"), "INANIMATE");
    assert_int_equal(lg_cw_get(w, "/cluster_health_stores"), 200);
    assert_string_equal(lg_json_get_str(lg_json_get(w->answer, "storeStatusMap"), "cities", ""),
                        "UNDER_REPLICATED");
    assert_int_equal(lg_cw_get(w, "/cluster_health_instances"), 200);
    assert_string_equal(
        lg_json_get_str(lg_json_get(w->answer, "instancesStatusMap"), "srv1_88", ""),
        "DISCONNECTED");
    lg_cw_free(w);
}

static void under_replication_is_a_warning_with_numbers(void **state)
{
    struct lg_cw *w = world_of(12, 2, 2);
    LG_SCOPED(lg_buf) text = {0};

    (void)state;
    push(w, 2);
    server_down(w, 2);
    lg_sim_run_us(w->sim, 2 * LG_SEC);
    (void)lg_health_write(&text, LG_HEALTH_READY, lg_lane_now_us(w->lane), /* verbose= */ true);
    lg_buf_appendf(&text, "%c", 0);
    assert_non_null(strstr((const char *)text.data,
                           "[-]replication under-replicated: 6 partitions of current versions"));
    assert_int_equal(status_number(w, NULL, "underReplicatedCount"), PARTITIONS);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "underReplicated")), PARTITIONS);
    lg_cw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_server_takes_its_share),
        cmocka_unit_test(a_replica_stays_until_its_follower_is_complete),
        cmocka_unit_test(only_so_many_partitions_move_at_once),
        cmocka_unit_test(a_loss_within_the_delay_moves_nothing_and_past_it_only_its_own),
        cmocka_unit_test(a_leader_that_is_gone_is_followed_with_a_higher_term),
        cmocka_unit_test(a_push_is_complete_only_with_its_leaders),
        cmocka_unit_test(a_server_is_drained_removed_and_activated),
        cmocka_unit_test(a_drain_costs_no_replica_that_is_of_use),
        cmocka_unit_test(a_server_whose_disk_is_low_keeps_what_it_has_and_is_given_no_more),
        cmocka_unit_test(what_waits_for_room_is_given_to_others),
        cmocka_unit_test(what_nobody_else_can_take_stays_where_there_is_no_room),
        cmocka_unit_test(zones_hold_one_replica_each),
        cmocka_unit_test(a_failed_replica_is_begun_again_once_and_then_on_request),
        cmocka_unit_test(a_push_that_is_never_complete_fails_in_the_end),
        cmocka_unit_test(which_of_several_servers_may_go_is_told_one_after_the_other),
        cmocka_unit_test(a_question_of_several_servers_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_gone_server_is_replaced_at_once_below_the_active_minimum),
        cmocka_unit_test(whether_a_server_may_go_is_told_with_the_reason),
        cmocka_unit_test(under_replication_is_a_warning_with_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
