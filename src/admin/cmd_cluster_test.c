/* lagoon nodes, replicas and cluster status against a controller that answers by a script. */
#include "test/lib/script_world.h"
#include "test/test.h"

#define SERVER(id, state, gone, grpc)                                                              \
    "{\"id\":\"" id "\",\"host\":\"h\",\"port\":88,\"zone\":\"z1\",\"state\":\"" state             \
    "\",\"release\":\"0.2.0\",\"goneForMs\":" gone ",\"grpcPort\":" grpc                           \
    ",\"replicas\":4,\"leaders\":2,\"ready\":3,\"errors\":1}"
#define NODES                                                                                      \
    "{\"nodes\":[" SERVER("h1_88", "LIVE", "0", "8889") "," SERVER(                                \
        "h2_88", "GONE", "75000",                                                                  \
        "0") "],"                                                                                  \
             "\"controllers\":[{\"id\":\"c1\",\"url\":\"http://c1:5555\",\"leads\":false,"         \
             "\"release\":\"0.2.0\"},{\"id\":\"c2\",\"url\":\"http://"                             \
             "c2:5555\",\"leads\":true,"                                                           \
             "\"release\":\"0.2.0\"}],\"routers\":[{\"url\":\"http://r1:7777\"}]}"
#define STATUS(leader, count, rows)                                                                \
    "{\"cluster\":\"main\",\"leader\":" leader ",\"term\":7,\"metastore\":\"zookeeper://z:2181\"," \
    "\"log\":\"kafka://k:9092\",\"controllers\":2,\"routers\":1,\"servers\":{\"live\":3,"          \
    "\"gone\":1,\"draining\":0},\"stores\":5,\"versions\":9,\"replicas\":{\"wanted\":120,"         \
    "\"ready\":118,\"error\":1,\"moving\":2},\"underReplicated\":[" rows                           \
    "],\"underReplicatedCount\":" count ",\"rebalance\":\"2 moves\"}"
#define REPLICAS                                                                                   \
    "{\"store\":\"s\",\"versions\":[{\"version\":3,\"status\":\"ONLINE\",\"current\":true,"        \
    "\"topic\":\"s_v3\",\"factor\":2,\"partitions\":[{\"partition\":0,\"leader\":\"h1_88\","       \
    "\"term\":1,\"ready\":1,\"replicas\":[{\"instance\":\"h1_88\",\"state\":\"LEADER\","           \
    "\"status\":\"COMPLETED\",\"records\":17,\"bytes\":1700,\"error\":null,\"live\":true},"        \
    "{\"instance\":\"h2_88\",\"state\":\"ERROR\",\"status\":\"ERROR\",\"records\":3,"              \
    "\"bytes\":300,\"error\":\"the disk is full\",\"live\":true},{\"instance\":\"h3_88\","         \
    "\"state\":\"STANDBY\",\"status\":\"STARTED\",\"records\":0,\"bytes\":0,\"error\":null,"       \
    "\"live\":false}]}]}]}"

#define WELL                                                                                       \
    "{\"nodes\":[" SERVER("h1_88", "LIVE", "0", "8889") "],\"controllers\":[],\"routers\":[]}"
#define PUSHES                                                                                     \
    "{\"pushes\":[{\"store\":\"s\",\"version\":4,\"state\":\"loading\",\"running\":true,"          \
    "\"waitingFor\":\"the disk of h1_88\"}]}"

static const struct lg_script_line script[] = {
    {"/v1/nodes", 200, NODES},
    {"/v1/list_pushes", 200, PUSHES},
    {"/v1/cluster_status", 200, STATUS("\"c2\"", "0", "")},
    {"/v1/replicas", 200, REPLICAS},
    {"/v1/update_cluster", 200, "{\"cluster\":\"main\",\"from\":\"both\",\"to\":\"grpc\"}"},
    {"/v1/remove_node", 200, "{\"cluster\":\"main\"}"},
    {"/v1/drain_node", 200, "{\"cluster\":\"main\"}"},
    {"/v1/activate_node", 200, "{\"cluster\":\"main\"}"},
    {"/v1/reset_error_partition", 200, "{\"cluster\":\"main\",\"reset\":2}"},
    {"/storage_node_replicas", 200,
     "{\"version\":0,\"replicas\":[{\"partitionId\":4,\"resource\":\"s_v3\",\"status\":"
     "\"LEADER\",\"executionStatus\":\"COMPLETED\"}]}"},
    {"/node_replicas_readiness", 200, "{\"nodeState\":\"READY\",\"unreadyReplicas\":[]}"},
    {"/node_removable", 200, "{\"removable\":true,\"details\":null}"},
    {0},
};

static const char *asked(const struct lg_script_world *w)
{
    return (const char *)w->asked.data;
}

/* --- Nodes. ----------------------------------------------------------------------------------- */

static void nodes_lists_servers_controllers_and_routers(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes"));
    assert_string_equal(
        lg_script_out(w),
        "SERVER  STATE  ZONE  REPLICAS  LEADERS  READY  ERRORS  RELEASE  GRPC  GONE FOR\n"
        "h1_88   LIVE   z1           4        2      3       1    0.2.0  8889  \n"
        "h2_88   GONE   z1           4        2      3       1    0.2.0  off   1 min 15 s\n"
        "\n"
        "CONTROLLER  LEADS  URL             RELEASE\n"
        "c1                 http://c1:5555    0.2.0\n"
        "c2          *      http://c2:5555    0.2.0\n"
        "\n"
        "ROUTER\n"
        "http://r1:7777\n");
    lg_script_world_free(w);
}

static void cluster_update_tells_what_clients_are_told(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "cluster", "update"));
    assert_has(w->err.text, "--client-protocols");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "cluster", "update", "--client-protocols", "grpc"));
    assert_string_equal(lg_script_out(w), "clients are told: grpc\n");
    assert_has(asked(w), "client_protocols=grpc");
    lg_script_world_free(w);
}

static void nodes_as_json_is_the_controller_s_answer(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);
    LG_AUTO(lg_json) *said = NULL, *want = NULL;
    struct lg_error err;

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "nodes"));
    assert_ok(lg_json_parse(lg_slice_str(lg_script_out(w)), &said, &err));
    assert_ok(lg_json_parse(LG_LIT(NODES), &want, &err));
    assert_true(lg_json_equal(said, want));
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_NDJSON, "nodes"));
    assert_has(lg_script_out(w), "}\n{\"id\":\"h2_88\"");
    lg_script_world_free(w);
}

static void one_node_is_shown_by_its_name(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "h2_88"));
    assert_null(strstr(lg_script_out(w), "h1_88"));
    assert_has(lg_script_out(w), "h2_88   GONE");
    assert_rc(LG_ERR_NOT_FOUND, RUN(w, LG_OUTPUT_TABLE, "nodes", "h2_89"));
    assert_has(w->err.text, "no server 'h2_89'; did you mean 'h");
    lg_script_world_free(w);
}

static enum lg_admin_confirm deny(void *ctx, const char *question, const char *answer)
{
    (void)ctx;
    assert_has(question, "server 'h2_88'");
    assert_string_equal(answer, "h2_88");
    return LG_ADMIN_DENIED;
}

static enum lg_admin_confirm agree(void *ctx, const char *question, const char *answer)
{
    (void)deny(ctx, question, answer);
    return LG_ADMIN_CONFIRMED;
}

static void nothing_is_removed_unless_somebody_says_yes(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "nodes", "remove", "h2_88"));
    assert_has(w->err.text, "no terminal to ask at; add --yes");
    w->confirm = deny;
    assert_rc(LG_ERR_CANCELLED, RUN(w, LG_OUTPUT_TABLE, "nodes", "drain", "h2_88"));
    assert_null(strstr(asked(w), "drain_node"));
    w->confirm = agree;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "drain", "h2_88"));
    assert_has(asked(w), "/v1/drain_node node_id=h2_88");
    assert_has(lg_script_out(w), "server 'h2_88' is being drained");
    w->confirm = NULL;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "remove", "h2_88", "--yes"));
    assert_has(asked(w), "/v1/remove_node node_id=h2_88");
    lg_script_world_free(w);
}

static void activating_needs_no_question_and_an_unknown_node_is_told_before_any(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "nodes", "activate", "h1_88"));
    assert_has(asked(w), "/v1/activate_node node_id=h1_88");
    assert_has(lg_script_out(w), "\"cluster\"");
    w->confirm = deny; /* It fails the test for another name. */
    assert_rc(LG_ERR_NOT_FOUND, RUN(w, LG_OUTPUT_TABLE, "nodes", "remove", "nobody"));
    assert_has(w->err.text, "`lagoon nodes` lists them");
    lg_script_world_free(w);
}

static void what_a_node_holds_is_listed(void **state)
{
    static const struct lg_script_line empty[] = {
        {"/storage_node_replicas", 200, "{\"version\":0,\"replicas\":[]}"},
        {"/v1/reset_error_partition", 200, "{\"reset\":0}"},
        {0}};
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "replicas", "h1_88"));
    assert_has(asked(w), "/storage_node_replicas?storage_node_id=h1_88");
    assert_string_equal(lg_script_out(w), "TOPIC  PARTITION  STATE   STATUS\n"
                                          "s_v3           4  LEADER  COMPLETED\n");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_NDJSON, "nodes", "replicas", "h1_88"));
    assert_has(lg_script_out(w), "{\"partitionId\":4,");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "nodes", "replicas", "h1_88"));
    assert_has(lg_script_out(w), "\"version\": 0");
    w->script = empty;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "replicas", "h1_88"));
    assert_has(lg_script_out(w), "server 'h1_88' holds no replica");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "replicas", "reset", "s", "--version", "3"));
    assert_has(lg_script_out(w), "no replica has failed there");
    lg_script_world_free(w);
}

static void whether_a_node_can_go_is_an_exit_code(void **state)
{
    static const struct lg_script_line needed[] = {
        {"/node_removable", 200, "{\"removable\":false,\"details\":\"s_v3 would be lost\"}"}, {0}};
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_OK,
              RUN(w, LG_OUTPUT_TABLE, "nodes", "removable", "h1_88", "--stopped", "h2_88,h3_88"));
    assert_has(asked(w), "to_be_stopped_instances=h2_88");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "removable", "h1_88"));
    assert_has(asked(w), "storage_node_id=h1_88");
    assert_has(lg_script_out(w), "can be taken out");
    w->script = needed;
    assert_rc(LG_ERR_FAILED, RUN(w, LG_OUTPUT_TABLE, "nodes", "removable", "h1_88"));
    assert_has(w->err.text, "cannot be taken out now: s_v3 would be lost");
    assert_rc(LG_ERR_FAILED, RUN(w, LG_OUTPUT_JSON, "nodes", "removable", "h1_88"));
    assert_has(lg_script_out(w), "\"removable\"");
    lg_script_world_free(w);
}

/* --- Replicas. -------------------------------------------------------------------------------- */

static void replicas_has_a_line_for_each_with_leader_and_reason(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "replicas", "s", "--version", "3", "--partition=0"));
    assert_has(asked(w), "/v1/replicas?store_name=s&version=3&partition=0");
    assert_string_equal(
        lg_script_out(w),
        "version 3 (ONLINE, current), replication factor 2\n"
        "PARTITION  SERVER  STATE   LEADER  STATUS     RECORDS  BYTES  ERROR\n"
        "        0  h1_88   LEADER  *       COMPLETED       17   1700  \n"
        "        0  h2_88   ERROR           ERROR            3    300  the disk is full\n"
        "        0  h3_88   GONE            STARTED          0      0  \n");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_NDJSON, "replicas", "s"));
    assert_has(lg_script_out(w), "{\"version\":3,");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "replicas", "s"));
    assert_has(lg_script_out(w), "\"store\": \"s\"");
    lg_script_world_free(w);
}

static void replicas_refuses_what_is_no_number_before_it_asks(void **state)
{
    static const struct lg_script_line empty[] = {
        {"/v1/replicas", 200, "{\"store\":\"s\",\"versions\":[]}"}, {0}};
    struct lg_script_world *w = lg_script_world_new(empty);

    (void)state;
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "replicas", "s", "--version", "0"));
    assert_has(w->err.text, "--version takes a number from 1 on, not '0'");
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "replicas", "s", "--partition", "x"));
    assert_string_equal(asked(w), "");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "replicas", "s"));
    assert_has(lg_script_out(w), "store 's' has no version yet");
    lg_script_world_free(w);
}

static void a_reset_says_what_and_only_a_wipe_is_asked_for(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "replicas", "reset", "s"));
    assert_has(w->err.text, "--version N");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "replicas", "reset", "s", "--version", "3",
                         "--partition", "0", "--instance", "h2_88"));
    assert_has(asked(w),
               "/v1/reset_error_partition store_name=s&version=3&partition=0&instance=h2_88\n");
    assert_has(lg_script_out(w), "2 replicas begin again; `lagoon replicas s --version 3`");
    assert_rc(LG_ERR_INVALID,
              RUN(w, LG_OUTPUT_TABLE, "replicas", "reset", "s", "--version", "3", "--wipe"));
    assert_has(w->err.text, "all partitions of version 3 of store 's' will be wiped");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "replicas", "reset", "s", "--version", "3", "--wipe",
                         "--yes"));
    assert_has(asked(w), "version=3&wipe=true");
    lg_script_world_free(w);
}

/* --- Cluster. --------------------------------------------------------------------------------- */

static const struct lg_script_line well[] = {{"/v1/nodes", 200, WELL},
                                             {"/v1/list_pushes", 200, "{\"pushes\":[]}"},
                                             {"/v1/cluster_status", 200, STATUS("\"c2\"", "0", "")},
                                             {0}};
static const struct lg_script_line hurt[] = {
    {"/v1/nodes", 200, NODES},
    {"/v1/list_pushes", 200, PUSHES},
    {"/v1/cluster_status", 200,
     STATUS("\"c2\"", "2", "{\"topic\":\"s_v3\",\"partition\":0,\"ready\":1,\"factor\":2}")},
    {0}};

static void the_status_is_one_screen(void **state)
{
    struct lg_script_world *w = lg_script_world_new(well);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "cluster", "status", "--check"));
    assert_string_equal(lg_script_out(w),
                        "cluster      main\n"
                        "leader       c2, term 7\n"
                        "metadata     zookeeper://z:2181\n"
                        "log          kafka://k:9092\n"
                        "controllers  2\n"
                        "routers      1\n"
                        "servers      3 live, 1 gone, 0 draining\n"
                        "stores       5, with 9 versions\n"
                        "replicas     120 wanted, 118 ready, 1 failed, 2 moving\n"
                        "pushes       0 running\n"
                        "rebalance    2 moves\n"
                        "health       every partition has all its replicas ready\n");
    lg_script_world_free(w);
}

static void the_check_fails_while_replicas_are_missing_or_nobody_leads(void **state)
{
    static const struct lg_script_line headless[] = {
        {"/v1/nodes", 200, WELL},
        {"/v1/list_pushes", 200, "{\"pushes\":[]}"},
        {"/v1/cluster_status", 200, STATUS("null", "0", "")},
        {0}};
    struct lg_script_world *w = lg_script_world_new(hurt);

    (void)state;
    assert_rc(LG_ERR_FAILED, RUN(w, LG_OUTPUT_TABLE, "cluster", "status", "--check"));
    assert_int_equal(lg_rc_exit(LG_ERR_FAILED), 1);
    assert_string_equal(w->err.text,
                        "not healthy: 2 partitions are under-replicated: all is read, but not "
                        "every replica is ready; and 1 more: `lagoon cluster status`");
    assert_has(lg_script_out(w),
               "pushes       1 running\n"
               "rebalance    2 moves\n"
               "health       2 warnings, 1 note\n\n"
               "warning  2 partitions are under-replicated: all is read, but not every replica is "
               "ready\n"
               "         next: see the servers that are gone\n"
               "warning  server 'h2_88' is gone for 1 min 15 s; it holds 4 replicas\n"
               "         next: start it again, and it goes on from what it has; if it is gone for "
               "good: lagoon nodes remove h2_88\n"
               "note     the push of version 4 of store 's' waits for the disk of h1_88\n"
               "         next: lagoon push status s 4 --partitions --servers\n\n"
               "TOPIC  PARTITION  READY  WANTED\n"
               "s_v3           0      1       2\n"
               "and 1 more\n");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "cluster", "status")); /* It is only shown. */
    assert_rc(LG_ERR_FAILED, RUN(w, LG_OUTPUT_JSON, "cluster", "status", "--check"));
    assert_has(lg_script_out(w), "\"underReplicatedCount\": 2");
    assert_has(lg_script_out(w), "\"kind\": \"server_gone\"");
    assert_has(lg_script_out(w), "\"pushesRunning\": 1");
    w->script = headless;
    assert_rc(LG_ERR_FAILED, RUN(w, LG_OUTPUT_TABLE, "cluster", "status", "--check"));
    assert_has(w->err.text, "no controller leads");
    assert_has(lg_script_out(w), "leader       none\n");
    lg_script_world_free(w);
}

static void compact_json_is_one_line_and_all_of_it(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);
    LG_AUTO(lg_json) *nodes = NULL;
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "nodes", "--compact"));
    assert_non_null(strchr(lg_script_out(w), '\n'));
    assert_string_equal(strchr(lg_script_out(w), '\n'), "\n");
    assert_ok(lg_json_parse(lg_slice_str(lg_script_out(w)), &nodes, &err));
    assert_int_equal(lg_json_size(lg_json_get(nodes, "nodes")), 2);
    assert_int_equal(lg_json_size(lg_json_get(nodes, "controllers")), 2);
    lg_script_world_free(w);
}

/* --- Any route. ------------------------------------------------------------------------------- */

static void a_route_is_called_by_its_name_with_its_parameters(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "call", "node_removable", "storage_node_id=h1_88",
                         "to_be_stopped_instances=h2_88,h3_88"));
    assert_string_equal(lg_script_out(w), "{\n  \"removable\": true,\n  \"details\": null\n}\n");
    assert_has(asked(w), "/node_removable?storage_node_id=h1_88&to_be_stopped_instances=h2_88");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "call", "node_removable", "storage_node_id=h1_88",
                         "to_be_stopped_instances=h2_88,h3_88", "--output", "table"));
    assert_string_equal(lg_script_out(w), "NAME       VALUE\nremovable  true\n");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "call", "/v1/nodes", "--output", "table"));
    assert_has(lg_script_out(w), "nodes\nID ");
    assert_has(lg_script_out(w), "\nrouters\nURL\n");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "call", "node_removable", "storage_node_id=h1_88",
                         "to_be_stopped_instances=h2_88,h3_88", "--compact"));
    assert_string_equal(lg_script_out(w), "{\"removable\":true,\"details\":null}\n");
    assert_rc(LG_OK,
              RUN(w, LG_OUTPUT_JSON, "call", "/v1/remove_node", "node_id=h1_88", "--compact"));
    assert_string_equal(lg_script_out(w), "{\"cluster\":\"main\"}\n");
    assert_has(asked(w), "node_id=h1_88");
    lg_script_world_free(w);
}

static void a_route_or_parameter_that_is_none_is_refused_before_anything_is_asked(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_ERR_NOT_FOUND, RUN(w, LG_OUTPUT_JSON, "call", "node_removabel"));
    assert_has(w->err.text, "node_removable");
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_JSON, "call", "node_removable", "node=h1_88"));
    assert_string_equal(w->err.text, "/node_removable has no parameter 'node'; it has: "
                                     "storage_node_id to_be_stopped_instances");
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_JSON, "call", "node_removable", "h1_88"));
    assert_has(w->err.text, "write NAME=VALUE");
    assert_string_equal(asked(w), "");
    lg_script_world_free(w);
}

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        n++;
    return n;
}

static void watching_paints_anew_until_nobody_looks(void **state)
{
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    w->flushes_max = 3;
    w->terminal = true;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "cluster", "status", "--watch", "--interval", "5s"));
    assert_int_equal(count(lg_script_out(w), "\033[H\033[2Jcluster      main\n"), 3);
    assert_int_equal(count(asked(w), "/v1/cluster_status"), 3);
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "--watch"));
    assert_int_equal(count(lg_script_out(w), "\033[H\033[2JSERVER "), 3);
    w->terminal = false;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "replicas", "s", "--watch"));
    assert_int_equal(count(lg_script_out(w), "version 3"), 3);
    assert_null(strchr(lg_script_out(w), '\033'));
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_NDJSON, "replicas", "s", "--watch"));
    assert_int_equal(count(lg_script_out(w), "}\n{\"version\":3"), 2);
    assert_rc(LG_ERR_INVALID,
              RUN(w, LG_OUTPUT_TABLE, "cluster", "status", "--watch", "--interval", "5"));
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "cluster", "status", "--watch", "--check"));
    lg_script_world_free(w);
}

static void what_the_controller_refuses_is_said_as_it_says_it(void **state)
{
    static const struct lg_script_line refusing[] = {
        {"/v1/nodes", 200, NODES},
        {"/", 409, "{\"error\":\"node h1_88 lives\",\"lagoonCode\":\"ERR_CONFLICT\"}"},
        {0}};
    struct lg_script_world *w = lg_script_world_new(refusing);

    (void)state;
    assert_rc(LG_ERR_CONFLICT, RUN(w, LG_OUTPUT_TABLE, "nodes", "remove", "h1_88", "--yes"));
    assert_string_equal(w->err.text, "node h1_88 lives");
    assert_rc(LG_ERR_CONFLICT, RUN(w, LG_OUTPUT_TABLE, "cluster", "status"));
    assert_rc(LG_ERR_CONFLICT, RUN(w, LG_OUTPUT_TABLE, "replicas", "s"));
    assert_rc(LG_ERR_CONFLICT, RUN(w, LG_OUTPUT_TABLE, "nodes", "removable", "h1_88"));
    assert_rc(LG_ERR_CONFLICT, RUN(w, LG_OUTPUT_TABLE, "replicas", "reset", "s", "--version", "1"));
    lg_script_world_free(w);
}

/* --- Push status. ----------------------------------------------------------------------------- */

static void a_push_is_shown_by_partition_and_by_server(void **state)
{
    static const struct lg_script_line push[] = {
        {"/v1/push_status", 200,
         "{\"push\":{\"store\":\"s\",\"version\":3,\"state\":\"loading\",\"records\":1,"
         "\"partitions\":[{\"partition\":0,\"status\":\"STARTED\",\"leader\":\"h1_88\","
         "\"replicas\":[{\"instance\":\"h1_88\",\"status\":\"STARTED\",\"live\":true}]}],"
         "\"servers\":[{\"instance\":\"h1_88\",\"completed\":2,\"started\":1,\"errors\":0}]}}"},
        {0}};
    struct lg_script_world *w = lg_script_world_new(push);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "push", "status", "s", "--servers"));
    assert_has(lg_script_out(w), "SERVER  COMPLETED  STARTED  ERRORS\n"
                                 "h1_88           2        1       0\n");
    assert_null(strstr(lg_script_out(w), "REPLICAS"));
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "push", "status", "s", "--servers", "--partitions"));
    assert_has(lg_script_out(w), "COMPLETED");
    assert_has(lg_script_out(w), "STARTED  h1_88 ");
    assert_has(lg_script_out(w), "h1_88 STARTED\n");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "push", "status", "s", "--partitions"));
    assert_null(strstr(lg_script_out(w), "COMPLETED"));
    lg_script_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_lists_servers_controllers_and_routers),
        cmocka_unit_test(cluster_update_tells_what_clients_are_told),
        cmocka_unit_test(nodes_as_json_is_the_controller_s_answer),
        cmocka_unit_test(one_node_is_shown_by_its_name),
        cmocka_unit_test(nothing_is_removed_unless_somebody_says_yes),
        cmocka_unit_test(activating_needs_no_question_and_an_unknown_node_is_told_before_any),
        cmocka_unit_test(what_a_node_holds_is_listed),
        cmocka_unit_test(whether_a_node_can_go_is_an_exit_code),
        cmocka_unit_test(replicas_has_a_line_for_each_with_leader_and_reason),
        cmocka_unit_test(replicas_refuses_what_is_no_number_before_it_asks),
        cmocka_unit_test(a_reset_says_what_and_only_a_wipe_is_asked_for),
        cmocka_unit_test(the_status_is_one_screen),
        cmocka_unit_test(the_check_fails_while_replicas_are_missing_or_nobody_leads),
        cmocka_unit_test(compact_json_is_one_line_and_all_of_it),
        cmocka_unit_test(a_route_is_called_by_its_name_with_its_parameters),
        cmocka_unit_test(a_route_or_parameter_that_is_none_is_refused_before_anything_is_asked),
        cmocka_unit_test(watching_paints_anew_until_nobody_looks),
        cmocka_unit_test(what_the_controller_refuses_is_said_as_it_says_it),
        cmocka_unit_test(a_push_is_shown_by_partition_and_by_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
