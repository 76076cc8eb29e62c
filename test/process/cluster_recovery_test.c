/* What a real cluster survives: servers, controllers, routers, ZooKeeper and Kafka that are killed,
 * stand still, lose their disk or are replaced, while a reader beside it judges every answer and an
 * oracle knows what was acknowledged. Nothing is lost, nothing wrong is served, no read fails.
 *
 * The moments follow LAGOON_CLUSTER_SEED (printed). cluster_walk_test.c does the same at random.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "test/lib/ledger.h"
#include "test/test.h"

#define ALL_ROUTERS LG_LEDGER_ALL_ROUTERS
#define SESSION_MS 1000u
#define OUTAGE_SESSIONS 10u
#define SHORT_BLINK "blink.timeout.ms = 2000" /* two sessions; else every move waits for 10 s */

static struct lg_ledger f;
static struct lg_rand lots; /* what is left to chance */

static struct lg_cluster *const c = &f.cluster;

/* --- A cluster with a store of one version. --------------------------------------------------- */
static void begin(unsigned controllers, unsigned routers, unsigned servers, const char *config)
{
    lg_ledger_begin(&f, &(struct lg_cluster_options){
                            .controllers = controllers,
                            .routers = routers,
                            .servers = servers,
                            .session_timeout_ms = SESSION_MS,
                            .config = {[LG_CLUSTER_CONTROLLER] = config},
                        });
}

static int tear_down(void **state)
{
    (void)state;
    lg_ledger_done(&f);
    return 0;
}

static void push_next(void)
{
    lg_ledger_push(&f);
}

static void check_routers(void)
{
    lg_ledger_check_routers(&f);
}

static void read_on(unsigned without_router)
{
    lg_ledger_read_on(&f, without_router);
}

static void reads_were_right(void)
{
    (void)lg_ledger_check_replicas(&f);
    lg_ledger_reads_were_right(&f);
}

/* --- What the cluster says. ------------------------------------------------------------------- */
struct node_wish {
    const char *id, *state; /* state NULL: any */
    int64_t least_ready;
    bool absent;
};

static bool node_is(struct lg_cluster *cluster, void *ctx)
{
    const struct node_wish *wish = ctx;
    LG_AUTO(lg_json) *json = lg_ledger_ask_leader(&f, "/v1/nodes");
    const struct lg_json *nodes = lg_json_get(json, "nodes");

    (void)cluster;
    if (json == NULL)
        return false;
    for (size_t i = 0; i < lg_json_size(nodes); i++) {
        const struct lg_json *node = lg_json_at(nodes, i);

        if (strcmp(lg_json_get_str(node, "id", ""), wish->id) == 0)
            return !wish->absent &&
                   (wish->state == NULL ||
                    strcmp(lg_json_get_str(node, "state", ""), wish->state) == 0) &&
                   lg_json_get_int(node, "ready", 0) >= wish->least_ready;
    }
    return wish->absent;
}

static void wait_node(const char *id, const char *state, int64_t least_ready)
{
    struct node_wish wish = {.id = id, .state = state, .least_ready = least_ready};
    LG_AUTO_STR char *what = lg_strf("node %s is %s with %lld ready replicas", id,
                                     state == NULL ? "there" : state, (long long)least_ready);

    lg_cluster_until(c, node_is, &wish, what);
}

/* --- Servers. --------------------------------------------------------------------------------- */
/* Records that the server has taken in since it started. */
static int64_t records_taken_in(unsigned server)
{
    LG_SCOPED(lg_reply) reply = {0};
    static const char name[] = "lagoon_ingest_records_total{";
    int64_t sum = 0;

    assert_int_equal(lg_ask_get(c->nodes[LG_CLUSTER_SERVER][server].port, "/metrics", &reply), 200);
    for (const char *at = lg_reply_text(&reply); (at = strstr(at, name)) != NULL; at++) {
        const char *value = strchr(at, '}');

        if (at != lg_reply_text(&reply) && at[-1] != '\n')
            continue;
        assert_non_null(value);
        sum += strtoll(value + 1, NULL, 10);
    }
    return sum;
}

static void a_server_restarts_from_its_checkpoint_and_reads_no_record_again(void **state)
{
    (void)state;
    begin(1, 1, 2, NULL);
    assert_true(records_taken_in(0) >= LG_ORACLE_KEYS / 2);
    for (unsigned round = 0; round < 2; round++) {
        read_on(ALL_ROUTERS);
        if (round == 0)
            lg_cluster_stop(c, LG_CLUSTER_SERVER, 0);
        else
            lg_cluster_kill(c, LG_CLUSTER_SERVER, 0);
        lg_cluster_restart(c, LG_CLUSTER_SERVER, 0);
        lg_cluster_wait_replicated(c);
        assert_int_equal(records_taken_in(0), 0);
        reads_were_right();
    }
    lg_cluster_kill(c, LG_CLUSTER_SERVER, 1); /* What was kept is what is read. */
    check_routers();
}

static void a_lost_disk_is_built_again_from_the_topic(void **state)
{
    (void)state;
    begin(1, 1, 2, NULL);
    read_on(ALL_ROUTERS);
    lg_cluster_kill(c, LG_CLUSTER_SERVER, 0);
    lg_cluster_wipe(c, 0);
    lg_cluster_restart(c, LG_CLUSTER_SERVER, 0);
    lg_cluster_wait_replicated(c);
    assert_true(records_taken_in(0) >= LG_ORACLE_KEYS / 2);
    reads_were_right();
    lg_cluster_kill(c, LG_CLUSTER_SERVER, 1);
    check_routers();
}

static void break_by_hand(const char *what, const char *where, const char *name, const char *more)
{
    LG_AUTO_STR char *line = lg_strf("/usr/bin/python3 test/process/cluster_break.py %s %s %s %s",
                                     what, where, name, more);

    assert_int_equal(system(line), 0); /* NOLINT(cert-env33-c) */
}

struct error_wish {
    const char *instance, *part; /* its error contains this */
};

static bool tells_error(struct lg_cluster *cluster, void *ctx)
{
    const struct error_wish *wish = ctx;
    LG_AUTO(lg_json) *json = lg_ledger_ask_leader(&f, "/v1/replicas?store_name=" LG_ORACLE_STORE);
    const struct lg_json *versions = lg_json_get(json, "versions"), *partitions = NULL;

    (void)cluster;
    for (size_t i = 0; i < lg_json_size(versions); i++)
        if (lg_json_get_bool(lg_json_at(versions, i), "current", false))
            partitions = lg_json_get(lg_json_at(versions, i), "partitions");
    for (size_t p = 0; p < lg_json_size(partitions); p++) {
        const struct lg_json *replicas = lg_json_get(lg_json_at(partitions, p), "replicas");

        for (size_t i = 0; i < lg_json_size(replicas); i++) {
            const struct lg_json *r = lg_json_at(replicas, i);

            if (strcmp(lg_json_get_str(r, "instance", ""), wish->instance) == 0 &&
                (strcmp(lg_json_get_str(r, "state", ""), "ERROR") != 0 ||
                 strstr(lg_json_get_str(r, "error", ""), wish->part) == NULL))
                return false;
        }
    }
    return lg_json_size(partitions) > 0;
}

/* `before`: the offset that retention has come to; -1: the end. */
static void lose_records(const char *before)
{
    struct error_wish wish = {"server-1", "again"}; /* "push again" or "push the store again" */
    LG_AUTO_STR char *broker = lg_strf("127.0.0.1:%u", lg_cluster_kafka()->port);
    LG_AUTO_STR char *topic = lg_strf(LG_ORACLE_STORE "_v%d", f.oracle.current);
    LG_AUTO_STR char *more = lg_strf(LG_ORACLE_PARTITIONS " %s", before);

    lg_cluster_kill(c, LG_CLUSTER_SERVER, 0);
    lg_cluster_wipe(c, 0);
    break_by_hand("trim", broker, topic, more);
    lg_cluster_restart(c, LG_CLUSTER_SERVER, 0);
    lg_cluster_until(c, tells_error, &wish, "each replica of server-1 says what it lacks");
    push_next(); /* The remedy that the sentence names. */
    lg_cluster_wait_replicated(c);
}

static void records_that_retention_has_removed_are_told_and_never_skipped(void **state)
{
    (void)state;
    begin(1, 1, 2, NULL);
    read_on(ALL_ROUTERS);
    lose_records("60");
    lose_records("-1");
    reads_were_right();
}

/* One of three servers is emptied; to a second one's replicas no room is left. */
static void servers_are_drained(void)
{
    assert_run(&c->rig, 0, "nodes", "drain", "server-3", "--wait", "--yes");
    lg_rig_assert_out(&c->rig, "server 'server-3' holds no replica any more; ");
    assert_run(&c->rig, 0, "nodes", "replicas", "server-3");
    lg_rig_assert_out(&c->rig, "holds no replica");
    assert_run(&c->rig, 5, "nodes", "drain", "server-2", "--wait", "--yes", "--timeout", "2s");
    lg_rig_assert_err(&c->rig, "server 'server-2' waits for room: no other server can take the 3 ");
    lg_rig_assert_err(&c->rig, "server 'server-2' still holds 3 replicas after 2 s, and waits ");
    assert_run(&c->rig, 0, "cluster", "status", "--check");
    lg_rig_assert_out(&c->rig, "server 'server-2' is being drained and waits for room");
    assert_run(&c->rig, 0, "nodes", "activate", "server-2");
    assert_run(&c->rig, 0, "nodes", "activate", "server-3");
    wait_node("server-3", "LIVE", 2);
    lg_cluster_wait_replicated(c);
}

static void a_new_server_joins_and_takes_its_share(void **state)
{
    struct lg_cluster_options options = {.session_timeout_ms = SESSION_MS};

    (void)state;
    begin(1, 2, 2, SHORT_BLINK);
    read_on(ALL_ROUTERS);
    lg_cluster_restart(c, LG_CLUSTER_SERVER, lg_cluster_add(c, LG_CLUSTER_SERVER, &options));
    wait_node("server-3", "LIVE", 2); /* Of 6 replicas on 3 servers. */
    lg_cluster_wait_replicated(c);
    servers_are_drained();
    push_next();
    reads_were_right();
}

static void a_server_is_removed_for_good_and_the_others_take_over(void **state)
{
    LG_SCOPED(lg_reply) reply = {0};
    unsigned leader;

    (void)state;
    begin(1, 2, 3, SHORT_BLINK);
    read_on(ALL_ROUTERS);
    lg_cluster_kill(c, LG_CLUSTER_SERVER, 0);
    wait_node("server-1", "GONE", 0);
    leader = lg_cluster_leader(c);
    if (lg_ask_post(c->nodes[LG_CLUSTER_CONTROLLER][leader].port,
                    "/v1/remove_node?node_id=server-1", "", &reply) != 200)
        fail_msg("remove_node: %d %s", reply.status, lg_reply_text(&reply));
    lg_cluster_wait_replicated(c);
    wait_node("server-2", "LIVE", 3);
    wait_node("server-3", "LIVE", 3);
    push_next();
    reads_were_right();
}

/* --- Engines. --------------------------------------------------------------------------------- */
/* Is the push that waits for Kafka told, not the one before? */
static bool tells_asked(struct lg_cluster *cluster, void *ctx)
{
    LG_AUTO(lg_json) *json =
        lg_ledger_ask_leader(&f, "/v1/push_status?store_name=" LG_ORACLE_STORE);
    const struct lg_json *push = lg_json_get(json, "push");

    (void)cluster;
    return strcmp(lg_json_get_str(push, "pushJobId", ""), ctx) == 0 &&
           strcmp(lg_json_get_str(push, "state", ""), "asked") == 0;
}

/* Its topic could not be made while it lived: no version is left that would keep the next one out.
 */
static void a_push_that_dies_while_kafka_is_away_holds_nothing(void)
{
    LG_AUTO_STR char *file = lg_oracle_next_file(&f.oracle);
    LG_AUTO_STR char *doomed_id = lg_ledger_push_id(&f);
    LG_AUTO_STR char *push_id = lg_ledger_push_id(&f);
    struct lg_process doomed, push;

    lg_kafka_server_kill(lg_cluster_kafka());
    lg_ledger_push_start(&f, file, doomed_id, &doomed);
    lg_cluster_until(c, tells_asked, doomed_id, "a push that waits for Kafka is told as asked for");
    assert_run(&c->rig, 0, "push", "status", LG_ORACLE_STORE);
    lg_rig_assert_out(&c->rig, doomed_id);
    lg_rig_assert_out(&c->rig, "waiting for  the log to make its topic " LG_ORACLE_STORE "_v");
    lg_process_kill(&doomed);
    assert_false(lg_oracle_push_ended(&f.oracle, &doomed));
    lg_process_done(&doomed);
    lg_ledger_push_start(&f, file, push_id, &push);
    lg_kafka_server_restart(lg_cluster_kafka());
    lg_ledger_push_must_end(&f, &push);
    check_routers();
    (void)unlink(file);
}

static void kafka_dies_in_the_middle_of_a_push_and_the_push_completes(void **state)
{
    LG_AUTO_STR char *file = NULL;
    LG_AUTO_STR char *push_id = NULL;
    struct lg_process push;

    (void)state;
    begin(1, 2, 2, NULL);
    push_id = lg_ledger_push_id(&f);
    read_on(ALL_ROUTERS);
    file = lg_oracle_next_file(&f.oracle);
    lg_ledger_push_start(&f, file, push_id, &push);
    (void)lg_process_ended(&push, lg_rand_below(&lots, f.push_ms / 2 + 1));
    lg_kafka_server_kill(lg_cluster_kafka());
    lg_kafka_server_restart(lg_cluster_kafka());
    lg_ledger_push_must_end(&f, &push);
    check_routers();
    a_push_that_dies_while_kafka_is_away_holds_nothing();
    lg_cluster_wait_replicated(c);
    reads_were_right();
}

static void a_change_is_refused(void)
{
    struct lg_slice said;

    /* Not when its time is over: this test would not live so long. */
    assert_run(&c->rig, 5, "store", "update", LG_ORACLE_STORE, "--owner", "nobody", "--timeout",
               "60m");
    lg_rig_assert_err(&c->rig, "lagoon: ");
    lg_rig_assert_err(&c->rig, lg_cluster_zookeeper()->address);
    lg_rig_assert_err(&c->rig, "changes are refused until it does");
    said = lg_buf_slice(&c->rig.err);
    assert_ptr_equal(memchr(said.data, '\n', said.size), said.data + said.size - 1);
}

/* What one says that is there is not hidden by one that is not; and both are told. */
static void a_controller_dies_besides(void)
{
    LG_AUTO_STR char *dead = lg_strf(" (also asked: cannot reach 127.0.0.1:%u: connection refused)",
                                     c->nodes[LG_CLUSTER_CONTROLLER][1].port);

    lg_cluster_kill(c, LG_CLUSTER_CONTROLLER, 1);
    assert_run(&c->rig, 5, "store", "update", LG_ORACLE_STORE, "--owner", "nobody", "--timeout",
               "60m");
    lg_rig_assert_err(&c->rig, lg_cluster_zookeeper()->address);
    lg_rig_assert_err(&c->rig, dead);
}

/* Of a moment before: one that answers now tells no age. */
static bool is_remembered(const char *const *words)
{
    lg_rig_assert(&c->rig, 0, lg_rig_run(&c->rig, words));
    if (c->rig.err.size == 0)
        return false;
    lg_rig_assert_err(&c->rig, "what follows was so ");
    lg_rig_assert_err(&c->rig, "has not answered for ");
    return true;
}

/* Stores, pushes, servers and replicas are told from memory, and that they are. */
static void questions_are_answered_from_memory(void)
{
#define WORDS(...)                                                                                 \
    ((const char *const[]){__VA_ARGS__, "--timeout", "60m", "--output", "json", NULL})
    assert_true(is_remembered(WORDS("store", "list")));
    lg_rig_assert_out(&c->rig, LG_ORACLE_STORE);
    assert_true(is_remembered(WORDS("push", "list", LG_ORACLE_STORE)));
    lg_rig_assert_out(&c->rig, "\"partitionsCompleted\": 3");
    assert_true(is_remembered(WORDS("push", "status", LG_ORACLE_STORE)));
    assert_true(is_remembered(WORDS("nodes")));
    lg_rig_assert_out(&c->rig, "server-1");
    assert_true(is_remembered(WORDS("replicas", LG_ORACLE_STORE)));
    assert_true(is_remembered(WORDS("cluster", "status")));
    lg_rig_assert_out(&c->rig, "silent for ");
#undef WORDS
}

/* The routers keep their sessions, and hear of all servers at once that they are gone. */
static void expire_servers(void)
{
    LG_AUTO_STR char *path = lg_strf("/lagoon/%s/instances", c->name);

    for (int i = 0; i < 2; i++) {
        break_by_hand("expire", lg_cluster_zookeeper()->address, path, "");
        lg_cluster_disturbed(c);
        lg_cluster_wait_replicated(c);
    }
}

static void zookeeper_is_away_for_ten_sessions_and_reads_go_on(void **state)
{
    uint64_t until_us;
    unsigned refused = 0;

    (void)state;
    begin(2, 2, 3, NULL);
    read_on(ALL_ROUTERS);
    lg_zookeeper_server_stop(lg_cluster_zookeeper());
    until_us = lg_clock_mono_us() + (uint64_t)OUTAGE_SESSIONS * SESSION_MS * 1000;
    a_change_is_refused();
    questions_are_answered_from_memory();
    for (; lg_clock_mono_us() < until_us; refused++)
        a_change_is_refused();
    questions_are_answered_from_memory();
    print_message("%u changes refused; the last: %.*s\n", refused,
                  LG_FMT(lg_buf_slice(&c->rig.err)));
    a_controller_dies_besides();
    lg_zookeeper_server_continue(lg_cluster_zookeeper());
    lg_cluster_restart(c, LG_CLUSTER_CONTROLLER, 1);
    lg_cluster_wait_replicated(c);
    push_next();
    expire_servers();
    reads_were_right();
}

/* --- Sessions that expire. -------------------------------------------------------------------- */
static void a_server_that_stood_still_beyond_its_session_serves_again(void **state)
{
    (void)state;
    begin(1, 2, 3, NULL);
    read_on(ALL_ROUTERS);
    lg_cluster_pause(c, LG_CLUSTER_SERVER, 0);
    wait_node("server-1", "GONE", 0);
    check_routers();
    lg_cluster_resume(c, LG_CLUSTER_SERVER, 0);
    wait_node("server-1", "LIVE", 1);
    lg_cluster_wait_replicated(c);
    push_next();
    reads_were_right();
}

static void a_controller_that_stood_still_beyond_its_session_does_not_lead_any_more(void **state)
{
    unsigned old, next;

    (void)state;
    begin(2, 2, 2, NULL);
    read_on(ALL_ROUTERS);
    old = lg_cluster_leader(c);
    lg_cluster_pause(c, LG_CLUSTER_CONTROLLER, old);
    next = lg_cluster_leader(c);
    assert_int_not_equal(next, old);
    push_next();
    lg_cluster_resume(c, LG_CLUSTER_CONTROLLER, old);
    assert_int_equal(lg_cluster_leader(c), next);
    push_next();
    reads_were_right();
}

static bool routers_are(struct lg_cluster *cluster, void *ctx)
{
    LG_AUTO(lg_json) *json = lg_ledger_ask_leader(&f, "/v1/nodes");

    (void)cluster;
    return json != NULL && lg_json_size(lg_json_get(json, "routers")) == *(size_t *)ctx;
}

static void a_router_that_stood_still_beyond_its_session_reads_what_is_new(void **state)
{
    size_t one = 1, two = 2;

    (void)state;
    begin(1, 2, 2, NULL);
    read_on(/* without_router= */ 0);
    lg_cluster_pause(c, LG_CLUSTER_ROUTER, 0);
    lg_cluster_until(c, routers_are, &one, "the router is gone");
    push_next();
    push_next();
    lg_cluster_resume(c, LG_CLUSTER_ROUTER, 0);
    lg_cluster_until(c, routers_are, &two, "the router is back");
    check_routers();
    reads_were_right();
}

/* --- Restarts. -------------------------------------------------------------------------------- */
static void every_process_is_restarted_in_turn_and_no_read_fails(void **state)
{
    (void)state;
    lg_ledger_begin(&f, &(struct lg_cluster_options){.controllers = 2,
                                                     .routers = 2,
                                                     .servers = 3,
                                                     .session_timeout_ms = SESSION_MS,
                                                     .graceful = true});
    read_on(ALL_ROUTERS);
    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++) {
        for (unsigned i = 0; i < c->count[role]; i++) {
            lg_cluster_stop(c, (enum lg_cluster_role)role, i);
            lg_cluster_restart(c, (enum lg_cluster_role)role, i);
            lg_cluster_wait_replicated(c);
        }
    }
    push_next();
    reads_were_right();
}

/* --- The program. ----------------------------------------------------------------------------- */
static int set_up_engines(void **state)
{
    uint64_t seed = lg_ledger_number("LAGOON_CLUSTER_SEED", UINT64_MAX, lg_rand_os_seed());

    (void)state;
    print_message("LAGOON_CLUSTER_SEED=%llu\n", (unsigned long long)seed);
    lg_rand_seed(&lots, seed);
    lg_cluster_engines_start();
    return 0;
}

static int tear_down_engines(void **state)
{
    (void)state;
    lg_cluster_engines_done();
    return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_restarts_from_its_checkpoint_and_reads_no_record_again),
        TEST(a_lost_disk_is_built_again_from_the_topic),
        TEST(records_that_retention_has_removed_are_told_and_never_skipped),
        TEST(a_new_server_joins_and_takes_its_share),
        TEST(a_server_is_removed_for_good_and_the_others_take_over),
        TEST(kafka_dies_in_the_middle_of_a_push_and_the_push_completes),
        TEST(zookeeper_is_away_for_ten_sessions_and_reads_go_on),
        TEST(a_server_that_stood_still_beyond_its_session_serves_again),
        TEST(a_controller_that_stood_still_beyond_its_session_does_not_lead_any_more),
        TEST(a_router_that_stood_still_beyond_its_session_reads_what_is_new),
        TEST(every_process_is_restarted_in_turn_and_no_read_fails),
    };
    const char *only = getenv("LAGOON_CLUSTER_ONLY");

    if (only != NULL) /* cmocka's pattern, while one of them is looked at */
        cmocka_set_test_filter(only);
    return cmocka_run_group_tests(tests, set_up_engines, tear_down_engines);
}
