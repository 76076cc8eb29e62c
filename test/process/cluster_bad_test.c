/* What a real cluster makes of bad input from outside: nodes of ZooKeeper with junk, a topic that
 * was deleted by hand, records that no reader may take, two servers with one identity, clocks that
 * are a day off. Each ends in a clear error or a refused replica; nothing crashes, hangs or serves
 * wrong data: a reader beside each test judges that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "test/lib/ledger.h"
#include "test/test.h"

#define ALL_ROUTERS LG_LEDGER_ALL_ROUTERS
#define SESSION_MS 1000u
#define ENDS_MS 60000u
#define CLOCK_SLACK_S 3600
#define CLIENT_END_US UINT64_C(10000000) /* DESTROY_SECONDS_MAX of drivers/kafka/kafka.c */
#define STORE LG_ORACLE_STORE

static struct lg_ledger f;

static struct lg_cluster *const c = &f.cluster;

/* --- The world. ------------------------------------------------------------------------------- */
static void push_next(void)
{
    lg_ledger_push(&f);
}

static int set_up(void **state)
{
    (void)state;
    lg_ledger_begin(
        &f, &(struct lg_cluster_options){
                .controllers = 1, .routers = 2, .servers = 2, .session_timeout_ms = SESSION_MS});
    lg_ledger_read_on(&f, ALL_ROUTERS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_ledger_done(&f); /* Who crashed does not end with 0. */
    return 0;
}

/* What was pushed is served, and every read until here was right. */
static void all_is_well(void)
{
    push_next();
    lg_cluster_wait_replicated(c);
    (void)lg_ledger_check_replicas(&f);
    lg_ledger_reads_were_right(&f);
}

static void run_line(const char *line)
{
    if (system(line) != 0) /* NOLINT(cert-env33-c) */
        fail_msg("failed: %s", line);
}

static uint16_t controller_port(void)
{
    return c->nodes[LG_CLUSTER_CONTROLLER][0].port;
}

struct text_wish {
    const char *target;
    uint16_t port;
    const char *parts[2]; /* the answer contains them; the second may be NULL */
    char seen[600];
};

static bool answer_says(struct lg_cluster *cluster, void *ctx)
{
    struct text_wish *w = ctx;
    LG_SCOPED(lg_reply) reply = {0};

    (void)cluster;
    if (!lg_ask_try(&(struct lg_question){.port = w->port, .target = w->target}, &reply))
        return false;
    (void)snprintf(w->seen, sizeof w->seen, "%s", lg_reply_text(&reply));
    return strstr(lg_reply_text(&reply), w->parts[0]) != NULL &&
           (w->parts[1] == NULL || strstr(lg_reply_text(&reply), w->parts[1]) != NULL);
}

static void wait_answer(uint16_t port, const char *target, const char *part, const char *more)
{
    struct text_wish w = {.target = target, .port = port, .parts = {part, more}};
    LG_AUTO_STR char *what =
        lg_strf("%s says '%s' and '%s'", target, part, more == NULL ? "" : more);

    lg_cluster_until(c, answer_says, &w, what);
}

/* --- Nodes with junk. ------------------------------------------------------------------------- */
/* The catalog, which every process has, reads all of these; the next one only who leads. */
static const char *const junk_paths[] = {"/instances/junk", "/routers/junk", "/controllers/junk",
                                         "/stores/junk", "/assignment/junk_v1"};
#define LEADERS_JUNK_PATH "/nodes/junk"

/* `text` NULL: removes them. */
static void set_junk(const char *text)
{
    LG_SCOPED(lg_buf) line = {0};

    lg_buf_appendf(&line, "/usr/bin/python3 test/process/cluster_break.py %s %s /lagoon/%s%s",
                   text == NULL ? "remove" : "set", lg_cluster_zookeeper()->address, c->name,
                   LEADERS_JUNK_PATH);
    if (text != NULL)
        lg_buf_appendf(&line, " '%s'", text);
    for (size_t i = 0; i < LG_ARRAY_SIZE(junk_paths); i++)
        lg_buf_appendf(&line, " /lagoon/%s%s", c->name, junk_paths[i]);
    lg_buf_append_byte(&line, 0);
    run_line((const char *)line.data);
}

static void wait_junk_count(size_t count)
{
    LG_AUTO_STR char *metric = lg_strf("\nlagoon_catalog_junk_nodes %zu\n", count);

    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++)
        for (unsigned i = 0; i < c->count[role]; i++)
            wait_answer(c->nodes[role][i].port, "/metrics", metric, NULL);
}

/* Once for each path, however often the node is read. */
static void expect_told_once(struct lg_cluster_node *n, const char *path)
{
    LG_AUTO_STR char *line = lg_strf(" catalog_node_unreadable path=%s reason=", path);
    LG_SCOPED(lg_buf) log = {0};
    const char *at;

    lg_process_stderr(&n->process, &log);
    lg_buf_append_byte(&log, 0);
    at = strstr((const char *)log.data, line);
    if (at == NULL || strstr(at + 1, line) != NULL)
        fail_msg("%s should tell once of %s: %s", n->name, path, (const char *)log.data);
}

/* The next one would be beyond all numbers. */
static void set_endless_term(void)
{
    LG_AUTO_STR char *line =
        lg_strf("/usr/bin/python3 test/process/cluster_break.py set %s /lagoon/%s/term "
                "'{\"term\":9223372036854775807}'",
                lg_cluster_zookeeper()->address, c->name);

    run_line(line);
}

static void nodes_of_zookeeper_with_junk_are_left_out_counted_and_told_once(void **state)
{
    static const char *const junk[] = {"noise", "{", "[1,2]",
                                       "{\"url\":7,\"host\":[],\"port\":-1}"};

    (void)state;
    wait_junk_count(0);
    for (size_t n = 0; n < LG_ARRAY_SIZE(junk); n++) {
        set_junk(junk[n]);
        wait_junk_count(LG_ARRAY_SIZE(junk_paths));
    }
    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++) {
        for (size_t i = 0; i < LG_ARRAY_SIZE(junk_paths); i++)
            expect_told_once(&c->nodes[role][0], junk_paths[i]);
    }
    lg_ledger_check_routers(&f);
    set_endless_term();
    /* Who starts among them is not disturbed either. */
    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++) {
        lg_cluster_stop(c, (enum lg_cluster_role)role, 0);
        lg_cluster_restart(c, (enum lg_cluster_role)role, 0);
    }
    wait_junk_count(LG_ARRAY_SIZE(junk_paths));
    lg_cluster_wait_replicated(c);
    set_junk(NULL);
    wait_junk_count(0);
    all_is_well();
}

static char *node_text(const char *path);
static void set_node(const char *path, const char *text);

static bool is_what_it_was(struct lg_cluster *cluster, void *ctx)
{
    char *const *path_and_text = ctx;
    LG_AUTO_STR char *text = node_text(path_and_text[0]);

    (void)cluster;
    return strcmp(text, path_and_text[1]) == 0;
}

/* Who leads is in a new term. */
static bool names_a_leader(struct lg_cluster *cluster, void *ctx)
{
    LG_AUTO_STR char *text = node_text(ctx);

    (void)cluster;
    return strstr(text, "\"identity\"") != NULL;
}

static void what_a_process_says_of_itself_is_put_right(void **state)
{
    LG_AUTO_STR char *router =
        lg_strf("/routers/127.0.0.1_%u", c->nodes[LG_CLUSTER_ROUTER][0].port);
    const char *const paths[] = {"/instances/server-1", router, "/replicas/" STORE "_v1/server-1"};
    char leader[] = "/leader";

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(paths); i++) {
        LG_AUTO_STR char *path = lg_strdup(paths[i]);
        LG_AUTO_STR char *before = node_text(path);
        LG_AUTO_STR char *remove =
            lg_strf("/usr/bin/python3 test/process/cluster_break.py remove %s /lagoon/%s%s",
                    lg_cluster_zookeeper()->address, c->name, path);

        set_node(path, "junk");
        lg_cluster_until(c, is_what_it_was, (char *[]){path, before}, path);
        run_line(remove);
        lg_cluster_until(c, is_what_it_was, (char *[]){path, before}, path);
    }
    set_node(leader, "junk");
    lg_cluster_until(c, names_a_leader, leader, "a leader is named again");
    wait_junk_count(0);
    all_is_well();
}

static void junk_over_a_store_and_its_assignment_costs_no_read(void **state)
{
    static const char *const paths[] = {"/stores/" STORE, "/assignment/" STORE "_v1"};
    char *before[LG_ARRAY_SIZE(paths)];
    LG_SCOPED(lg_reply) reply = {0};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(paths); i++) {
        before[i] = node_text(paths[i]);
        set_node(paths[i], "junk");
        wait_answer(controller_port(), "/readyz?verbose", paths[i], "make no sense");
    }
    wait_junk_count(LG_ARRAY_SIZE(paths));
    lg_ledger_check_routers(&f);
    /* Who leads finds the store unreadable when it is to write it. */
    assert_int_equal(lg_ask_post(controller_port(), "/update_store",
                                 "store_name=" STORE "&owner=somebody", &reply),
                     409);
    assert_non_null(strstr(lg_reply_text(&reply), "ask again"));
    wait_answer(controller_port(), "/store?store_name=" STORE, paths[0], "makes no sense");
    lg_ledger_check_routers(&f);
    for (size_t i = 0; i < LG_ARRAY_SIZE(paths); i++) {
        set_node(paths[i], before[i]);
        lg_free(before[i]);
    }
    wait_junk_count(0);
    wait_answer(controller_port(), "/store?store_name=" STORE, "\"owner\"", NULL);
    all_is_well();
}

/* Nobody but the leader removes an assignment. Until it is there again its version is not read. */
static void an_assignment_removed_by_hand_is_written_again(void **state)
{
    LG_AUTO_STR char *before = node_text("/assignment/" STORE "_v1");
    LG_AUTO_STR char *remove = lg_strf(
        "/usr/bin/python3 test/process/cluster_break.py remove %s /lagoon/%s/assignment/" STORE
        "_v1",
        lg_cluster_zookeeper()->address, c->name);
    char path[] = "/assignment/" STORE "_v1";

    (void)state;
    lg_ledger_reads_were_right(&f);
    run_line(remove);
    lg_cluster_until(c, is_what_it_was, (char *[]){path, before}, path);
    lg_cluster_wait_replicated(c);
    lg_ledger_check_routers(&f);
    (void)lg_ledger_check_replicas(&f);
    push_next();
}

/* --- Topics. ---------------------------------------------------------------------------------- */
static void delete_topic(const char *topic)
{
    LG_AUTO_STR char *line =
        lg_strf("/usr/bin/python3 test/process/cluster_break.py delete 127.0.0.1:%u %s",
                lg_cluster_kafka()->port, topic);

    run_line(line);
}

static void a_topic_deleted_by_hand_is_told_by_who_needs_it_and_the_others_serve_on(void **state)
{
    (void)state;
    delete_topic(STORE "_v1");
    lg_cluster_kill(c, LG_CLUSTER_SERVER, 0);
    lg_cluster_wipe(c, 0);
    lg_cluster_restart(c, LG_CLUSTER_SERVER, 0);
    wait_answer(controller_port(), "/v1/replicas?store_name=" STORE, "\"ERROR\"", STORE "_v1");
    all_is_well();
}

/* A version is begun, and its topic is written by other hands. */
static void begin_version(int version)
{
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO_STR char *form = lg_strf(
        "store_name=" STORE "&push_type=BATCH&push_job_id=by-hand-%d&start_of_push=false", version);

    if (lg_ask_post(controller_port(), "/request_topic", form, &reply) != 200)
        fail_msg("request_topic: %d %s", reply.status, lg_reply_text(&reply));
}

static void wait_push_failed(int version, const char *why)
{
    LG_AUTO_STR char *target = lg_strf("/v1/push_status?store_name=" STORE "&version=%d", version);

    wait_answer(controller_port(), target, "\"running\":false", why); /* Not one replica alone. */
}

static void a_topic_deleted_in_the_middle_of_a_push_ends_the_push(void **state)
{
    (void)state;
    begin_version(2);
    delete_topic(STORE "_v2");
    wait_push_failed(2, STORE "_v2");
    all_is_well();
}

static void records_that_nobody_may_take_end_the_push_with_their_position(void **state)
{
    static const struct {
        const char *kind, *why;
    } broken[] = {
        {"cut", "record at"}, {"version", "version"}, {"gap", "sequence"}, {"noise", "record at"}};

    (void)state;
    for (int i = 0; i < (int)LG_ARRAY_SIZE(broken); i++) {
        LG_AUTO_STR char *line =
            lg_strf("/usr/bin/python3 test/process/topic_write.py 127.0.0.1:%u " STORE
                    "_v%d " LG_ORACLE_PARTITIONS " broken %s",
                    lg_cluster_kafka()->port, 2 + i, broken[i].kind);

        begin_version(2 + i);
        run_line(line);
        wait_push_failed(2 + i, broken[i].why);
    }
    all_is_well();
}

/* --- Who pretends to be another. -------------------------------------------------------------- */
static void expect_refusal(struct lg_process *p, const char *part, const char *more)
{
    LG_SCOPED(lg_buf) log = {0};

    assert_int_not_equal(lg_process_wait(p, ENDS_MS), 0);
    lg_process_stderr(p, &log);
    lg_buf_append_byte(&log, 0);
    if (strstr((const char *)log.data, part) == NULL ||
        strstr((const char *)log.data, more) == NULL)
        fail_msg("it should name '%s' and '%s': %s", part, more, (const char *)log.data);
    lg_process_done(p);
}

static void of_two_servers_with_one_name_the_second_is_refused(void **state)
{
    LG_AUTO_STR char *conf = lg_rig_path(&c->rig, "server-1.conf");
    LG_AUTO_STR char *data = lg_rig_path(&c->rig, "other-data");
    LG_AUTO_STR char *base = lg_strf("--data-base-path=%s", data);
    LG_AUTO_STR char *original = lg_rig_path(&c->rig, "server-1");
    LG_AUTO_STR char *copy = lg_strf("rm -rf %s && cp -r %s %s", data, original, data);
    struct lg_process second = {0};

    (void)state;
    lg_process_start(
        &second, (const char *const[]){"server", "--config", conf, "--listener-port=0", base, NULL},
        NULL);
    expect_refusal(&second, "server-1", "identity");
    lg_process_start(&second,
                     (const char *const[]){"server", "--config", conf, "--listener-port=0", NULL},
                     NULL);
    expect_refusal(&second, "server-1", "in use");
    run_line(copy);
    lg_process_start(
        &second, (const char *const[]){"server", "--config", conf, "--listener-port=0", base, NULL},
        NULL);
    expect_refusal(&second, "server-1", "copies of one data directory");
    lg_cluster_wait_replicated(c);
    all_is_well();
}

/* --- ZooKeeper. ------------------------------------------------------------------------------- */
/* A new cluster of the same name knows nothing of what the server holds. */
static void an_emptied_zookeeper_costs_no_server_its_data(void **state)
{
    LG_AUTO_STR char *remove =
        lg_strf("/usr/bin/python3 test/process/cluster_break.py remove %s /lagoon/%s",
                lg_cluster_zookeeper()->address, c->name);
    LG_AUTO_STR char *conf = lg_rig_path(&c->rig, "server-1.conf");
    LG_AUTO_STR char *data = lg_rig_path(&c->rig, "server-1");
    LG_AUTO_STR char *look = lg_strf("test -n \"$(ls -A %s/store/replicas)\"", data);
    struct lg_process server = {0};
    LG_SCOPED(lg_buf) log = {0};

    (void)state;
    all_is_well();
    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++)
        for (unsigned i = 0; i < c->count[role]; i++)
            lg_cluster_kill(c, (enum lg_cluster_role)role, i);
    run_line(look);
    run_line(remove);
    lg_cluster_restart(c, LG_CLUSTER_CONTROLLER, 0);
    lg_process_start(&server, (const char *const[]){"server", "--config", conf, NULL}, NULL);
    assert_int_equal(lg_process_wait(&server, ENDS_MS), 6);
    lg_process_stderr(&server, &log);
    lg_buf_append_byte(&log, 0);
    if (strstr((const char *)log.data, data) == NULL ||
        strstr((const char *)log.data, "move the directory away") == NULL ||
        strstr((const char *)log.data, "leftover_removed") != NULL)
        fail_msg("it should name %s: %s", data, (const char *)log.data);
    run_line(look);
    lg_process_done(&server);
}

/* --- Another release. ------------------------------------------------------------------------- */
/* What a node of ZooKeeper holds; the caller owns it. */
static char *node_text(const char *path)
{
    LG_AUTO_STR char *line =
        lg_strf("/usr/bin/python3 test/process/cluster_break.py get %s /lagoon/%s%s",
                lg_cluster_zookeeper()->address, c->name, path);
    FILE *pipe = popen(line, "re");
    LG_SCOPED(lg_buf) text = {0};
    size_t got;

    assert_non_null(pipe);
    do {
        uint8_t *room = lg_buf_reserve(&text, 4096);

        got = fread(room, 1, 4096, pipe);
        lg_buf_commit(&text, got);
    } while (got > 0);
    assert_int_equal(pclose(pipe), 0);
    return lg_buf_take_str(&text);
}

static void set_node(const char *path, const char *text)
{
    LG_AUTO_STR char *line =
        lg_strf("/usr/bin/python3 test/process/cluster_break.py set %s /lagoon/%s%s '%s'",
                lg_cluster_zookeeper()->address, c->name, path, text);

    run_line(line);
}

/* Another process of the role, with the configuration of the first one but the place. */
static void expect_no_start(const char *role, const char *part, const char *more)
{
    LG_AUTO_STR char *name = lg_strf("%s-1.conf", role);
    LG_AUTO_STR char *conf = lg_rig_path(&c->rig, name);
    LG_AUTO_STR char *data = lg_rig_path(&c->rig, "older");
    LG_AUTO_STR char *base = lg_strf("--data-base-path=%s", data);
    bool serves = strcmp(role, "server") == 0;
    const char *words[] = {role,
                           "--config",
                           conf,
                           strcmp(role, "controller") == 0 ? "--admin-port=0" : "--listener-port=0",
                           serves ? base : NULL,
                           "--instance-name=server-9",
                           NULL};
    struct lg_process p = {0};

    lg_process_start(&p, words, NULL);
    expect_refusal(&p, part, more);
}

/* A newer release has taken the cluster over: who reads only the old format does not start. */
static void a_cluster_of_a_newer_format_is_refused_by_name_and_costs_no_read(void **state)
{
    static const char *const roles[] = {"controller", "router", "server"};
    LG_AUTO_STR char *before = node_text("/cluster");
    LG_AUTO(lg_json) *json = lg_rig_json(lg_slice_str(before));
    LG_AUTO_STR char *newer =
        lg_strf("{\"name\":\"%s\",\"format\":9,\"createdBy\":\"7.0.0\",\"id\":\"%s\"}", c->name,
                lg_json_get_str(json, "id", ""));

    (void)state;
    set_node("/cluster", newer);
    for (size_t i = 0; i < LG_ARRAY_SIZE(roles); i++)
        expect_no_start(roles[i], "format 9, written by release 7.0.0", "install the newer one");
    lg_ledger_check_routers(&f);
    set_node("/cluster", before);
    all_is_well();
}

/* What a newer release adds to a node is passed over, and lost where this one writes the node. */
static void members_of_a_newer_release_disturb_nobody(void **state)
{
    static const char *const paths[] = {"/stores/" STORE, "/assignment/" STORE "_v1",
                                        "/nodes/server-1", "/instances/server-1", "/cluster"};
    LG_AUTO_STR char *store = NULL;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(paths); i++) {
        LG_AUTO_STR char *before = node_text(paths[i]);
        LG_AUTO_STR char *after =
            lg_strf("{\"fromTheFuture\":{\"a\":[1,null]},%s", strchr(before, '{') + 1);

        set_node(paths[i], after);
    }
    lg_ledger_check_routers(&f);
    wait_junk_count(0);
    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++) {
        lg_cluster_stop(c, (enum lg_cluster_role)role, 0);
        lg_cluster_restart(c, (enum lg_cluster_role)role, 0);
    }
    wait_junk_count(0);
    push_next();
    store = node_text("/stores/" STORE);
    assert_null(strstr(store, "fromTheFuture"));
    all_is_well();
}

/* --- Clocks. ---------------------------------------------------------------------------------- */
static void shift_clock(const char *library, const char *seconds)
{
    assert_int_equal(setenv("LD_PRELOAD", library, 1), 0);
    assert_int_equal(setenv("SHIFT_CLOCK_S", seconds, 1), 0);
    assert_int_equal(setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1), 0);
}

static void clear_clock(void)
{
    assert_int_equal(unsetenv("LD_PRELOAD"), 0);
    assert_int_equal(unsetenv("SHIFT_CLOCK_S"), 0);
    assert_int_equal(unsetenv("ASAN_OPTIONS"), 0);
}

/* Its log says what time it takes it to be. */
static void expect_clock(struct lg_cluster_node *n, int64_t off_s)
{
    LG_SCOPED(lg_buf) log = {0};
    struct tm told = {0};
    int64_t is_off_s;

    lg_process_stderr(&n->process, &log);
    lg_buf_append_byte(&log, 0);
    if (strptime((const char *)log.data, "%Y-%m-%dT%H:%M:%S", &told) == NULL)
        fail_msg("%s begins its log without a time: %s", n->name, (const char *)log.data);
    is_off_s = (int64_t)timegm(&told) - (int64_t)(lg_clock_wall_ms() / 1000);
    if (llabs(is_off_s - off_s) > CLOCK_SLACK_S)
        fail_msg("the clock of %s is off by %lld s, not by %lld", n->name, (long long)is_off_s,
                 (long long)off_s);
}

/* Who ends gives its clients of Kafka the time that it should, whatever the wall clock says. */
static void expect_patient_end(enum lg_cluster_role role, unsigned i)
{
    LG_SCOPED(lg_buf) said = {0};
    uint64_t from_us = lg_clock_mono_us();

    lg_cluster_stop(c, role, i);
    if (lg_clock_mono_us() - from_us >= CLIENT_END_US)
        return; /* librdkafka 2.0 may hang. */
    lg_process_stderr(&c->nodes[role][i].process, &said);
    lg_buf_append_byte(&said, 0);
    assert_null(strstr((const char *)said.data, "kafka_client_left_behind"));
}

static void clocks_that_are_a_day_off_disturb_nobody(void **state)
{
    static const char *const by[] = {"-86400", "86400", "0"}; /* the last: who was off ends */
    LG_AUTO_STR char *library = lg_rig_path(&c->rig, "shift_clock.so");
    LG_AUTO_STR char *line = lg_strf("cc -shared -fPIC -o %s test/process/shift_clock.c", library);

    (void)state;
    run_line(line);
    for (size_t n = 0; n < LG_ARRAY_SIZE(by); n++) {
        for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++) {
            expect_patient_end((enum lg_cluster_role)role, (unsigned)n % c->count[role]);
            shift_clock(library, by[n]);
            lg_cluster_launch(c, (enum lg_cluster_role)role, (unsigned)n % c->count[role]);
            clear_clock();
            lg_cluster_wait_ready(c, (enum lg_cluster_role)role, (unsigned)n % c->count[role]);
            expect_clock(&c->nodes[role][(unsigned)n % c->count[role]], strtoll(by[n], NULL, 10));
        }
        lg_cluster_wait_replicated(c);
        push_next();
    }
    all_is_well();
}

/* --- The program. ----------------------------------------------------------------------------- */
static int set_up_engines(void **state)
{
    (void)state;
    lg_cluster_engines_start();
    return 0;
}

static int tear_down_engines(void **state)
{
    (void)state;
    lg_cluster_engines_done();
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nodes_of_zookeeper_with_junk_are_left_out_counted_and_told_once),
        TEST(what_a_process_says_of_itself_is_put_right),
        TEST(junk_over_a_store_and_its_assignment_costs_no_read),
        TEST(an_assignment_removed_by_hand_is_written_again),
        TEST(a_topic_deleted_by_hand_is_told_by_who_needs_it_and_the_others_serve_on),
        TEST(a_topic_deleted_in_the_middle_of_a_push_ends_the_push),
        TEST(records_that_nobody_may_take_end_the_push_with_their_position),
        TEST(of_two_servers_with_one_name_the_second_is_refused),
        TEST(an_emptied_zookeeper_costs_no_server_its_data),
        TEST(a_cluster_of_a_newer_format_is_refused_by_name_and_costs_no_read),
        TEST(members_of_a_newer_release_disturb_nobody),
        TEST(clocks_that_are_a_day_off_disturb_nobody),

    };
    const char *only = getenv("LAGOON_CLUSTER_ONLY");

    if (only != NULL) /* cmocka's pattern, while one of them is looked at */
        cmocka_set_test_filter(only);
    return cmocka_run_group_tests(tests, set_up_engines, tear_down_engines);
}
