/* The verbs of a cluster's operator against a real controller with three servers, which are played
 * by hand: the JSON that programs read, and what people see of a cluster that is hurt. */
#include <stdio.h>

#include "admin/admin.h"
#include "base/str.h"
#include "test/lib/controller_world.h"
#include "test/test.h"

#define TOPIC "cities_v1"
#define PARTITIONS 4
#define SERVERS 3

struct world {
    struct lg_cw *cw;
    bool awake;
    struct lg_buf out;
    struct lg_error err;
    char note[LG_ERROR_TEXT_MAX]; /* the last one */
    unsigned notes;
};

static bool is_awake(void *ctx)
{
    return ((struct world *)ctx)->awake;
}

static void wait_for_it(void *ctx)
{
    struct world *w = ctx;

    assert_true(lg_sim_run_until(w->cw->sim, is_awake, w, 60 * LG_SEC));
    w->awake = false;
}

static void wake(void *ctx)
{
    ((struct world *)ctx)->awake = true;
}

static void note(void *ctx, const char *text)
{
    struct world *w = ctx;

    w->notes++;
    (void)snprintf(w->note, sizeof w->note, "%s", text);
}

static enum lg_rc run_words(struct world *w, enum lg_output output, size_t count,
                            const char *const *words)
{
    struct lg_admin admin = {
        .lane = w->cw->client_lane,
        .http = w->cw->http,
        .output = output,
        .timeout_ms = 10000,
        .out = &w->out,
        .wait = wait_for_it,
        .wake = wake,
        .note = note,
        .ctx = w,
    };
    LG_SCOPED(lg_command) command = {0};
    struct lg_error err = {0};
    enum lg_rc rc;

    lg_buf_clear(&w->out);
    assert_ok(lg_command_parse(count, words, &command, &err));
    assert_ok(lg_api_client_new(w->cw->http, admin.lane, "http://ctl:5555", &admin.api, &err));
    rc = lg_admin_run(&admin, &command, &w->err);
    lg_api_client_free(admin.api);
    lg_buf_append_byte(&w->out, 0);
    return rc;
}
#define RUN(w, output, ...)                                                                        \
    run_words(w, output, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                   \
              (const char *const[]){__VA_ARGS__})

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("expected '%s' in: %s", part, text);
}

static const char *out(const struct world *w)
{
    return (const char *)w->out.data;
}

/* The JSON that a verb says; the caller frees it. */
static struct lg_json *json_of(struct world *w, const char *const *words, size_t count)
{
    struct lg_json *json;
    struct lg_error err = {0};

    assert_rc(LG_OK, run_words(w, LG_OUTPUT_JSON, count, words));
    assert_ok(lg_json_parse(lg_slice_str(out(w)), &json, &err));
    return json;
}
#define JSON(w, ...)                                                                               \
    json_of(w, (const char *const[]){__VA_ARGS__},                                                 \
            sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

static const struct lg_json *partitions_of(const struct lg_json *replicas)
{
    return lg_json_get(lg_json_at(lg_json_get(replicas, "versions"), 0), "partitions");
}

/* Server `n` says of each partition that it is given: loaded, or `error` of one of them. */
static void server_says(struct world *w, int n, const char *error, size_t of_partition)
{
    LG_AUTO_STR char *id = lg_strf("srv%d_88", n), *path = lg_strf("/replicas/" TOPIC "/%s", id);
    LG_AUTO(lg_json) *replicas = JSON(w, "replicas", "cities");
    LG_AUTO(lg_json) *said = lg_json_new_object();
    LG_SCOPED(lg_buf) text = {0};

    for (size_t p = 0; p < lg_json_size(partitions_of(replicas)); p++) {
        const struct lg_json *partition = lg_json_at(partitions_of(replicas), p);
        const struct lg_json *rows = lg_json_get(partition, "replicas");
        bool leads = strcmp(lg_json_get_str(partition, "leader", ""), id) == 0;
        bool failed = error != NULL && p == of_partition;
        LG_AUTO_STR char *key = lg_strf("%zu", p);

        for (size_t r = 0; r < lg_json_size(rows); r++) {
            struct lg_json *row;

            if (strcmp(lg_json_get_str(lg_json_at(rows, r), "instance", ""), id) != 0)
                continue;
            row = lg_json_new_object();
            lg_json_set_str(row, "status", failed ? "ERROR" : "COMPLETED");
            lg_json_set_str(row, "state", failed ? "ERROR" : leads ? "LEADER" : "STANDBY");
            lg_json_set_int(row, "records", 10);
            lg_json_set_int(row, "bytes", 100);
            lg_json_set_int(row, "term", lg_json_get_int(partition, "term", 0));
            if (failed)
                lg_json_set_str(row, "error", error);
            lg_json_set(said, key, row);
        }
    }
    lg_json_write(&text, said, /* pretty= */ false);
    lg_buf_append_byte(&text, 0);
    lg_cw_put(w->cw, path, (const char *)text.data);
}

static void settle(struct world *w)
{
    for (int i = 0; i < 8; i++) {
        for (int n = 1; n <= SERVERS; n++)
            server_says(w, n, NULL, 0);
        lg_sim_run_us(w->cw->sim, LG_SEC);
    }
}

/* Three servers, one store of factor 2 whose version 1 is served. */
static struct world *world_new(uint64_t seed)
{
    struct world *w = lg_new(struct world);

    w->cw = lg_cw_start(seed);
    lg_cw_until_ready(w->cw);
    lg_cw_servers_up(w->cw, SERVERS);
    lg_cw_put(w->cw, "/routers/r1", "{\"url\":\"http://r1:7777\"}");
    lg_sim_run_us(w->cw->sim, 11 * LG_SEC); /* A new leader waits so long before it moves. */
    assert_int_equal(lg_cw_post(w->cw, "/new_store",
                                "store_name=cities&key_schema=%22long%22&value_schema=%22string%22&"
                                "partition_count=4&replication_factor=2&owner=me"),
                     200);
    assert_int_equal(lg_cw_request(w->cw, "p1", 0), 200);
    lg_cw_end(w->cw, 1);
    settle(w);
    assert_int_equal(lg_cw_current(w->cw), 1);
    return w;
}

static void world_free(struct world *w)
{
    lg_cw_free(w->cw);
    lg_buf_done(&w->out);
    lg_free(w);
}

static int64_t sum(const struct lg_json *rows, const char *key)
{
    int64_t total = 0;

    for (size_t i = 0; i < lg_json_size(rows); i++)
        total += lg_json_get_int(lg_json_at(rows, i), key, -1000);
    return total;
}

static void programs_read_who_holds_what(void **state)
{
    struct world *w = world_new(61);
    LG_AUTO(lg_json) *nodes = JSON(w, "nodes"), *status = JSON(w, "cluster", "status");
    LG_AUTO(lg_json) *replicas = JSON(w, "replicas", "cities", "--version", "1");
    LG_AUTO(lg_json) *held = JSON(w, "nodes", "replicas", "srv2_88");
    const struct lg_json *servers = lg_json_get(nodes, "nodes");

    (void)state;
    assert_int_equal(lg_json_size(servers), SERVERS);
    assert_int_equal(sum(servers, "replicas"), PARTITIONS * 2);
    assert_int_equal(sum(servers, "leaders"), PARTITIONS);
    assert_int_equal(sum(servers, "ready"), PARTITIONS * 2);
    assert_int_equal(sum(servers, "errors"), 0);
    for (size_t i = 0; i < SERVERS; i++)
        assert_string_equal(lg_json_get_str(lg_json_at(servers, i), "state", ""), "LIVE");
    assert_int_equal(lg_json_size(lg_json_get(held, "replicas")),
                     lg_json_get_int(lg_json_at(servers, 1), "replicas", -1));
    assert_int_equal(lg_json_size(partitions_of(replicas)), PARTITIONS);
    for (size_t p = 0; p < PARTITIONS; p++) {
        const struct lg_json *partition = lg_json_at(partitions_of(replicas), p);

        assert_int_equal(lg_json_get_int(partition, "ready", -1), 2);
        assert_int_equal(lg_json_size(lg_json_get(partition, "replicas")), 2);
        assert_int_equal(sum(lg_json_get(partition, "replicas"), "records"), 20);
    }
    assert_int_equal(lg_json_get_int(lg_json_get(status, "servers"), "live", -1), SERVERS);
    assert_int_equal(lg_json_get_int(lg_json_get(status, "replicas"), "ready", -1), PARTITIONS * 2);
    assert_int_equal(lg_json_get_int(status, "underReplicatedCount", -1), 0);
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "cluster", "status", "--check"));
    world_free(w);
}

static void a_server_that_is_gone_is_seen_everywhere(void **state)
{
    struct world *w = world_new(62);

    (void)state;
    lg_cw_meta(w->cw, LG_META_REMOVE_TREE, "/instances/srv3_88", "");
    lg_cw_meta(w->cw, LG_META_REMOVE_TREE, "/replicas/" TOPIC "/srv3_88", "");
    lg_sim_run_us(w->cw->sim, 5 * LG_SEC);
    assert_rc(LG_ERR_FAILED, RUN(w, LG_OUTPUT_TABLE, "cluster", "status", "--check"));
    assert_has(w->err.text, "under-replicated");
    assert_has(out(w), "2 live, 1 gone, 0 draining");
    assert_has(out(w), "TOPIC      PARTITION  READY  WANTED\n" TOPIC);
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "srv3_88"));
    assert_has(out(w), "srv3_88  GONE");
    assert_has(out(w), " s\n");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "replicas", "cities"));
    assert_has(out(w), "GONE");
    /* The others may not go now, and a live one is not removed; the one that is gone is. */
    assert_rc(LG_ERR_FAILED, RUN(w, LG_OUTPUT_TABLE, "nodes", "removable", "srv1_88"));
    assert_has(w->err.text, "WILL_LOSE_DATA");
    assert_rc(LG_ERR_CONFLICT, RUN(w, LG_OUTPUT_TABLE, "nodes", "remove", "srv1_88", "--yes"));
    assert_has(w->err.text, "lagoon nodes drain srv1_88");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "remove", "srv3_88", "--yes"));
    settle(w);
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "cluster", "status", "--check"));
    world_free(w);
}

static void a_server_is_emptied_and_filled_again(void **state)
{
    struct world *w = world_new(63);
    LG_AUTO(lg_json) *moving = NULL, *empty = NULL, *full = NULL;

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "drain", "srv1_88", "--yes"));
    lg_sim_run_us(w->cw->sim, LG_SEC);
    moving = JSON(w, "nodes", "srv1_88");
    assert_in_range(lg_json_get_int(moving, "replicas", -1), 1, PARTITIONS);
    assert_int_equal(lg_json_get_int(moving, "waitingForRoom", -1), 0);
    settle(w);
    empty = JSON(w, "nodes", "srv1_88");
    assert_string_equal(lg_json_get_str(empty, "state", ""), "DRAINING");
    assert_int_equal(lg_json_get_int(empty, "replicas", -1), 0);
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "removable", "srv1_88"));
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "activate", "srv1_88"));
    settle(w);
    full = JSON(w, "nodes", "srv1_88");
    assert_string_equal(lg_json_get_str(full, "state", ""), "LIVE");
    assert_in_range(lg_json_get_int(full, "replicas", -1), 1, PARTITIONS);
    world_free(w);
}

static void a_drain_that_waits_for_room_says_so(void **state)
{
    struct world *w = world_new(66);
    LG_AUTO(lg_json) *waits = NULL, *idle = NULL;
    uint64_t begun;

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "drain", "srv1_88", "--yes"));
    assert_has(out(w), "is being drained; `lagoon nodes` shows");
    settle(w);
    /* It is empty already. */
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "drain", "srv1_88", "--yes", "--wait"));
    assert_has(out(w), "server 'srv1_88' holds no replica any more");
    assert_int_equal(w->notes, 0);
    /* One server is left to two replicas. */
    begun = lg_sim_now_us(w->cw->sim);
    assert_rc(LG_ERR_TIMEOUT, RUN(w, LG_OUTPUT_TABLE, "nodes", "drain", "srv2_88", "--yes",
                                  "--wait", "--timeout", "10s"));
    assert_in_range(lg_sim_now_us(w->cw->sim) - begun, 9 * LG_SEC, 11 * LG_SEC);
    assert_has(w->err.text, "server 'srv2_88' still holds 4 replicas after 10 s, and waits for "
                            "room: no other server can take them, start another one; ");
    assert_has(w->err.text, "lagoon nodes activate srv2_88");
    assert_has(w->note, "server 'srv2_88' waits for room: no other server can take the 4 replicas");
    assert_in_range(w->notes, 1, 3);
    settle(w);
    waits = JSON(w, "nodes", "srv2_88");
    assert_int_equal(lg_json_get_int(waits, "replicas", -1), 4);
    assert_int_equal(lg_json_get_int(waits, "waitingForRoom", -1), 4);
    idle = JSON(w, "nodes", "srv3_88");
    assert_int_equal(lg_json_get_int(idle, "waitingForRoom", -1), 0);
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes"));
    assert_has(out(w), "\nserver 'srv2_88' is being drained and waits for room: no other server "
                       "can take 4 of its replicas; start another one, or undo it: lagoon nodes "
                       "activate srv2_88\n");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "cluster", "status"));
    assert_has(out(w), "server 'srv2_88' is being drained and waits for room");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "cluster", "status", "--check")); /* Nothing hurts. */
    /* There is room again. */
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "nodes", "activate", "srv1_88"));
    settle(w);
    w->notes = 0;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "nodes", "drain", "srv2_88", "--yes", "--wait"));
    assert_has(out(w), "\"waitingForRoom\": 0");
    assert_int_equal(w->notes, 0);
    world_free(w);
}

static bool follows(const struct lg_json *partition, const char *id)
{
    const struct lg_json *rows = lg_json_get(partition, "replicas");
    bool holds = false;

    for (size_t r = 0; r < lg_json_size(rows); r++)
        holds = holds || strcmp(lg_json_get_str(lg_json_at(rows, r), "instance", ""), id) == 0;
    return holds && strcmp(lg_json_get_str(partition, "leader", ""), id) != 0;
}

static void a_replica_that_failed_is_named_and_begins_again(void **state)
{
    struct world *w = world_new(64);
    LG_AUTO(lg_json) *replicas = JSON(w, "replicas", "cities");
    size_t partition = 0;
    LG_AUTO_STR char *number = NULL;

    (void)state;
    while (!follows(lg_json_at(partitions_of(replicas), partition), "srv2_88"))
        assert_true(++partition < PARTITIONS);
    number = lg_strf("%zu", partition);
    server_says(w, 2, "the disk is full", partition);
    lg_sim_run_us(w->cw->sim, LG_SEC / 10);
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "replicas", "cities", "--partition", number));
    assert_has(out(w), "the disk is full");
    assert_rc(LG_ERR_FAILED, RUN(w, LG_OUTPUT_TABLE, "cluster", "status", "--check"));
    assert_has(out(w),
               "of version 1 of store 'cities' failed on server 'srv2_88': the disk is full");
    assert_has(out(w), "lagoon replicas reset cities --version 1 --partition ");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "replicas", "reset", "cities", "--version", "1",
                         "--instance", "srv2_88", "--partition", number));
    assert_has(out(w), "1 replica begins again");
    assert_rc(LG_ERR_NOT_FOUND, RUN(w, LG_OUTPUT_TABLE, "replicas", "reset", "cities", "--version",
                                    "1", "--instance", "srv9_88"));
    world_free(w);
}

static void a_push_is_told_by_server(void **state)
{
    struct world *w = world_new(65);
    LG_AUTO(lg_json) *push = JSON(w, "push", "status", "cities");

    (void)state;
    assert_int_equal(lg_json_size(lg_json_get(push, "servers")), SERVERS);
    assert_int_equal(sum(lg_json_get(push, "servers"), "completed"), PARTITIONS * 2);
    assert_int_equal(sum(lg_json_get(push, "servers"), "errors"), 0);
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "push", "status", "cities", "--servers"));
    assert_has(out(w), "srv3_88");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_read_who_holds_what),
        cmocka_unit_test(a_server_that_is_gone_is_seen_everywhere),
        cmocka_unit_test(a_server_is_emptied_and_filled_again),
        cmocka_unit_test(a_drain_that_waits_for_room_says_so),
        cmocka_unit_test(a_replica_that_failed_is_named_and_begins_again),
        cmocka_unit_test(a_push_is_told_by_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
