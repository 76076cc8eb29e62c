/* What is told of a cluster that is hurt, and what is to be done: the worst first, each with its
 * remedy, and nothing of a cluster that is well. */
#include "admin/cluster_problems.h"

#include "base/str.h"
#include "test/test.h"

#define HEALTHY                                                                                    \
    "\"leader\":\"http://c:1\",\"metastore\":\"connected\",\"controllers\":2,\"routers\":2"
#define SERVERS(live, gone) "\"servers\":{\"live\":" live ",\"gone\":" gone ",\"draining\":0}"

static struct lg_json *parse(const char *text)
{
    struct lg_json *json = NULL;
    struct lg_error err = {0};

    if (lg_json_parse(lg_slice_str(text), &json, &err) != LG_OK)
        fail_msg("%s: %s", text, err.text);
    return json;
}

static struct lg_json *problems_of(const char *status, const char *nodes, const char *pushes)
{
    LG_AUTO(lg_json) *s = parse(status);
    LG_AUTO(lg_json) *n = parse(nodes);
    LG_AUTO(lg_json) *p = parse(pushes);

    return lg_cluster_problems(s, n, p);
}

static void assert_problem(const struct lg_json *all, size_t i, const char *severity,
                           const char *kind, const char *what, const char *next)
{
    const struct lg_json *row = lg_json_at(all, i);

    assert_string_equal(lg_json_get_str(row, "severity", ""), severity);
    assert_string_equal(lg_json_get_str(row, "kind", ""), kind);
    if (strstr(lg_json_get_str(row, "what", ""), what) == NULL)
        fail_msg("expected '%s' in: %s", what, lg_json_get_str(row, "what", ""));
    if (strstr(lg_json_get_str(row, "next", ""), next) == NULL)
        fail_msg("expected '%s' in: %s", next, lg_json_get_str(row, "next", ""));
}

static void nothing_is_told_of_a_cluster_that_is_well(void **state)
{
    LG_AUTO(lg_json) *cluster =
        problems_of("{" HEALTHY "," SERVERS("3", "0") ",\"underReplicatedCount\":0}",
                    "{\"nodes\":[{\"id\":\"a\",\"state\":\"LIVE\",\"release\":\"1\"}]}",
                    "{\"pushes\":[{\"store\":\"s\",\"version\":2,\"state\":\"served\"},"
                    "{\"store\":\"s\",\"version\":1,\"state\":\"failed\"}]}");
    /* One of each is no lack of a standalone. */
    LG_AUTO(lg_json) *standalone = problems_of("{\"leader\":\"l\",\"controllers\":1,\"routers\":1,"
                                               "" SERVERS("1", "0") "}",
                                               "{}", "{}");

    (void)state;
    assert_int_equal(lg_json_size(cluster), 0);
    assert_int_equal(lg_json_size(standalone), 0);
}

static void who_is_missing_is_an_error(void **state)
{
    LG_AUTO(lg_json) *all = problems_of(
        "{\"metastore\":\"silent for 12 s\",\"controllers\":0,\"routers\":0,\"warnings\":"
        "[{\"name\":\"kafka\",\"reason\":\"no answer from k:9092\"}]}",
        "{}", "{}");

    (void)state;
    assert_problem(all, 0, "error", "no_leader", "no controller leads", "log of each controller");
    assert_problem(all, 1, "error", "metastore", "ZooKeeper is silent for 12 s", "bring ZooKeeper");
    assert_problem(all, 2, "error", "no_router", "no router is there", "start lagoon-router");
    assert_problem(all, 3, "error", "no_server", "no server lives", "start lagoon-server");
    assert_problem(all, 4, "warning", "kafka", "no answer from k:9092", "bring Kafka back");
    assert_int_equal(lg_json_size(all), 5);
    assert_int_equal(lg_cluster_problems_count(all, "error"), 4);
    assert_int_equal(lg_cluster_problems_count(all, "warning"), 1);
}

static void what_cannot_be_read_comes_before_what_is_merely_thin(void **state)
{
    LG_AUTO(lg_json) *all = problems_of(
        "{" HEALTHY
        "," SERVERS("2", "1") ",\"underReplicatedCount\":7,\"rebalance\":"
                              "\"waiting 1796 s\",\"underReplicated\":[{\"ready\":1,\"factor\":2},"
                              "{\"ready\":0,\"factor\":2}]}",
        "{\"nodes\":[{\"id\":\"b_1\",\"state\":\"GONE\",\"goneForMs\":75000,\"replicas\":3}]}",
        "{}");

    (void)state;
    assert_problem(all, 0, "error", "unreadable", "1 partition of a current version has no ready",
                   "servers that are gone");
    assert_problem(all, 1, "warning", "under_replicated", "6 partitions are under-replicated",
                   "servers that are gone");
    assert_problem(all, 2, "warning", "server_gone", "'b_1' is gone for 1 min 15 s; it holds 3 rep",
                   "in 1796 s, or at once by: lagoon nodes remove b_1");
    assert_int_equal(lg_json_size(all), 3);
}

static void why_replicas_are_missing_decides_what_helps(void **state)
{
    LG_AUTO(lg_json) *few = problems_of(
        "{" HEALTHY "," SERVERS("2", "0") ",\"underReplicatedCount\":1,"
                                          "\"underReplicated\":[{\"ready\":2,\"factor\":3}]}",
        "{}", "{}");
    LG_AUTO(lg_json) *loading = problems_of(
        "{" HEALTHY "," SERVERS("3", "0") ",\"underReplicatedCount\":1,"
                                          "\"underReplicated\":[{\"ready\":2,\"factor\":3}]}",
        "{}", "{}");
    LG_AUTO(lg_json) *failed = problems_of(
        "{" HEALTHY "," SERVERS(
            "3",
            "0") ",\"underReplicatedCount\":1,\"replicas\":{\"error\":1},"
                 "\"underReplicated\":[{\"ready\":2,\"factor\":3}],\"failed\":[{\"store\":\"s\","
                 "\"version\":3,\"partition\":7,\"instance\":\"a_1\",\"error\":\"the disk is "
                 "full\"}]}",
        "{}", "{}");

    (void)state;
    assert_problem(few, 0, "warning", "under_replicated", "1 partition is", "start more");
    assert_problem(loading, 0, "warning", "under_replicated", "", "lagoon replicas STORE --watch");
    assert_problem(failed, 0, "warning", "under_replicated", "", "replicas that failed");
    assert_problem(failed, 1, "warning", "replica_failed",
                   "partition 7 of version 3 of store 's' failed on server 'a_1': the disk is full",
                   "lagoon replicas reset s --version 3 --partition 7 (with --wipe");
}

static void a_server_whose_disk_is_low_is_named(void **state)
{
    LG_AUTO(lg_json) *all = problems_of(
        "{" HEALTHY "," SERVERS("3", "0") ",\"underReplicatedCount\":1,"
                                          "\"underReplicated\":[{\"ready\":1,\"factor\":2}]}",
        "{\"nodes\":[{\"id\":\"a_1\",\"state\":\"LIVE\",\"diskLow\":true,\"replicas\":5,"
        "\"ready\":4},{\"id\":\"b_1\",\"state\":\"LIVE\",\"diskLow\":true,\"replicas\":2,"
        "\"ready\":2},{\"id\":\"c_1\",\"state\":\"LIVE\",\"diskLow\":false}]}",
        "{}");

    LG_AUTO(lg_json) *standalone = problems_of(
        "{" HEALTHY
        "," SERVERS("1", "0") ",\"warnings\":[{\"name\":\"disk\",\"reason\":\"low: 3\"}]}",
        "{\"nodes\":[{\"id\":\"a_1\",\"state\":\"LIVE\",\"diskLow\":true}]}", "{}");

    (void)state;
    assert_problem(standalone, 0, "warning", "disk", "says of disk: low: 3", "");
    assert_int_equal(lg_json_size(standalone), 1);
    assert_problem(all, 0, "warning", "disk",
                   "the disk of server 'a_1' is low (disk_low_watermark): it takes in nothing, and "
                   "1 of its replicas waits for room",
                   "lagoon nodes drain a_1");
    assert_problem(all, 1, "warning", "disk", "the disk of server 'b_1' is low", "make room");
    assert_problem(all, 2, "warning", "under_replicated", "1 partition is",
                   "see the servers whose disk is low");
    assert_int_equal(lg_json_size(all), 3);
}

static void servers_that_come_and_go_are_notes(void **state)
{
    LG_AUTO(lg_json) *all = problems_of(
        "{\"leader\":\"l\",\"controllers\":1,\"routers\":1," SERVERS(
            "4", "1") ",\"replicas\":{\"moving\":0}}",
        "{\"nodes\":[{\"id\":\"a_1\",\"state\":\"GONE\",\"goneForMs\":5000,\"replicas\":0},"
        "{\"id\":\"b_1\",\"state\":\"DRAINING\",\"replicas\":2,\"release\":\"1\"},"
        "{\"id\":\"c_1\",\"state\":\"DRAINING\",\"replicas\":0,\"release\":\"2\"},"
        "{\"id\":\"d_1\",\"state\":\"REMOVED\"}]}",
        "{}");
    LG_AUTO(lg_json) *moving =
        problems_of("{" HEALTHY "," SERVERS("4", "0") ",\"replicas\":{\"moving\":1}}",
                    "{\"nodes\":[{\"id\":\"b_1\",\"state\":\"DRAINING\",\"replicas\":1}]}", "{}");
    LG_AUTO(lg_json) *waiting = problems_of(
        "{" HEALTHY "," SERVERS("1", "0") ",\"replicas\":{\"moving\":1}}",
        "{\"nodes\":[{\"id\":\"b_1\",\"state\":\"DRAINING\",\"replicas\":3,\"waitingForRoom\":2}]}",
        "{}");

    (void)state;
    assert_problem(all, 0, "note", "one_controller", "nobody takes over", "start another");
    assert_problem(all, 1, "note", "server_gone", "holds no replica", "lagoon nodes remove a_1");
    assert_problem(all, 2, "note", "server_draining", "2 replicas to go", "too few other servers");
    assert_problem(all, 3, "note", "server_drained", "'c_1' is drained", "lagoon nodes activate");
    assert_problem(all, 4, "note", "releases", "different releases", "go on with the upgrade");
    assert_int_equal(lg_json_size(all), 5);
    assert_problem(moving, 0, "note", "server_draining", "1 replica to go", "nodes --watch");
    assert_problem(waiting, 0, "note", "drain_waits",
                   "'b_1' is being drained and waits for room: no other server can take 2 of its 3 "
                   "replicas",
                   "start another server, or undo it: lagoon nodes activate b_1");
}

static void pushes_that_wait_or_failed_are_notes(void **state)
{
    LG_AUTO(lg_json) *all = problems_of(
        "{" HEALTHY "," SERVERS("3", "0") "}", "{}",
        "{\"pushes\":[{\"store\":\"s\",\"version\":4,\"running\":true,\"state\":\"loading\","
        "\"waitingFor\":\"room on the disk\"},{\"store\":\"s\",\"version\":3,\"state\":\"failed\","
        "\"error\":\"old\"},{\"store\":\"t\",\"version\":9,\"state\":\"failed\",\"error\":\"24 "
        "h\"},"
        "{\"store\":\"u\",\"version\":1,\"running\":true,\"state\":\"loading\"}]}");
    LG_AUTO(lg_json) *asked =
        problems_of("{" HEALTHY "," SERVERS("3", "0") "}", "{}",
                    "{\"pushes\":[{\"store\":\"s\",\"version\":0,\"running\":true,\"state\":"
                    "\"asked\",\"waitingFor\":\"x\",\"pushJobId\":\"p8\"}]}");

    (void)state;
    assert_problem(all, 0, "note", "push_waits",
                   "version 4 of store 's' waits for room on the disk", "lagoon push status s 4");
    assert_problem(all, 1, "note", "push_failed", "store 't' (version 9) failed: 24 h",
                   "lagoon push status t 9");
    assert_int_equal(lg_json_size(all), 2);
    assert_problem(asked, 0, "note", "push_waits",
                   "a push to store 's' is asked for and waits for x", "lagoon push status s p8");
}

static void many_of_a_kind_are_counted(void **state)
{
    LG_SCOPED(lg_buf) nodes = {0};
    LG_AUTO(lg_json) *all = NULL;

    (void)state;
    lg_buf_append_str(&nodes, "{\"nodes\":[");
    for (unsigned i = 0; i < LG_CLUSTER_PROBLEMS_EACH + 4; i++)
        lg_buf_appendf(&nodes, "%s{\"id\":\"a_%u\",\"state\":\"GONE\",\"replicas\":1}",
                       i == 0 ? "" : ",", i);
    lg_buf_append_str(&nodes, "]}");
    lg_buf_append_byte(&nodes, 0);
    all = problems_of("{" HEALTHY "," SERVERS("3", "9") "}", (const char *)nodes.data, "{}");
    assert_int_equal(lg_json_size(all), LG_CLUSTER_PROBLEMS_EACH + 1);
    assert_problem(all, LG_CLUSTER_PROBLEMS_EACH, "warning", "server_gone",
                   "and 4 more servers are gone", "lagoon nodes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_told_of_a_cluster_that_is_well),
        cmocka_unit_test(who_is_missing_is_an_error),
        cmocka_unit_test(what_cannot_be_read_comes_before_what_is_merely_thin),
        cmocka_unit_test(why_replicas_are_missing_decides_what_helps),
        cmocka_unit_test(a_server_whose_disk_is_low_is_named),
        cmocka_unit_test(servers_that_come_and_go_are_notes),
        cmocka_unit_test(pushes_that_wait_or_failed_are_notes),
        cmocka_unit_test(many_of_a_kind_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
