/* Pushes through the command line: deferred, empty, followed, killed, over their quota; and pushers
 * that are killed at any moment and continued under their id.
 *
 * The moments follow LAGOON_KILL_SEED (printed).
 */
#include "base/clock.h"
#include "base/str.h"
#include "test/lib/oracle.h"
#include "test/test.h"

#define ROWS 12000
#define BATCH 500 /* keys of one read */
#define KILLS 20

/* --- Data: row i of generation g, so that no mixture looks like one of them. -------------------
 */

static char *write_rows(const struct lg_rig *rig, const char *name, unsigned generation,
                        unsigned rows)
{
    LG_SCOPED(lg_buf) text = {0};

    for (unsigned i = 0; i < rows; i++)
        lg_buf_appendf(&text,
                       "{\"id\":%u,\"generation\":%u,\"text\":\"row %u of generation %u, with "
                       "enough behind it that a file of them takes a while to be written\"}\n",
                       i, generation, i, generation);
    return lg_rig_file(rig, name, lg_buf_slice(&text));
}

static void make_store(struct lg_rig *rig, const char *name)
{
    LG_AUTO_STR char *key = lg_rig_file(rig, "key.avsc", LG_LIT("\"long\""));
    LG_AUTO_STR char *value = lg_rig_file(
        rig, "value.avsc",
        LG_LIT("{\"type\":\"record\",\"name\":\"Row\",\"fields\":[{\"name\":\"id\",\"type\":"
               "\"long\"},{\"name\":\"generation\",\"type\":\"long\"},{\"name\":\"text\",\"type\":"
               "\"string\"}]}"));

    assert_run(rig, 0, "store", "create", name, "--key-schema", key, "--value-schema", value);
}

/* All rows through the router: each must be of this generation. */
static void expect_rows(struct lg_rig *rig, const char *store, unsigned generation, unsigned rows)
{
    LG_AUTO_STR char *target = lg_strf("/v1/stores/%s", store);

    for (unsigned from = 0; from < rows; from += BATCH) {
        LG_SCOPED(lg_buf) body = {0};
        LG_SCOPED(lg_reply) reply = {0};
        LG_AUTO(lg_json) *json = NULL;

        for (unsigned i = from; i < from + BATCH; i++)
            lg_buf_appendf(&body, "%s%u", i == from ? "{\"keys\":[" : ",", i);
        lg_buf_append_str(&body, "]}");
        lg_buf_append_byte(&body, 0);
        assert_int_equal(lg_ask_post(rig->router, target, (const char *)body.data, &reply), 200);
        json = lg_rig_json(lg_buf_slice(&reply.body));
        for (unsigned i = from; i < from + BATCH; i++) {
            const struct lg_json *value =
                lg_json_get(lg_json_at(lg_json_get(json, "results"), i - from), "value");
            LG_AUTO_STR char *begin = lg_strf("row %u of generation %u,", i, generation);

            if ((i < rows) != (value != NULL && lg_json_type(value) == LG_JSON_OBJECT))
                fail_msg("row %u of generation %u of %u rows is %s", i, generation, rows,
                         i < rows ? "missing" : "there");
            if (i < rows && strncmp(lg_json_get_str(value, "text", ""), begin, strlen(begin)) != 0)
                fail_msg("row %u is not of generation %u: %s", i, generation,
                         lg_json_get_str(value, "text", ""));
        }
    }
}

static struct lg_json *run_json(struct lg_rig *rig, const char *const *words)
{
    lg_rig_assert(rig, 0, lg_rig_run(rig, words));
    return lg_rig_json(lg_buf_slice(&rig->out));
}
#define RUN_JSON(rig, ...)                                                                         \
    run_json(rig, (const char *const[]){__VA_ARGS__, "--output", "json", NULL})

/* --- Killed pushers. -------------------------------------------------------------------------- */

static uint64_t seed(void)
{
    const char *text = getenv("LAGOON_KILL_SEED");
    uint64_t number = lg_rand_os_seed();

    if (text != NULL && !lg_parse_u64(lg_slice_str(text), UINT64_MAX, &number))
        fail_msg("LAGOON_KILL_SEED is not a number");
    print_message("LAGOON_KILL_SEED=%llu\n", (unsigned long long)number);
    return number;
}

/* Versions that are not complete, whatever they are. */
static unsigned unfinished(const struct lg_rig *rig, const char *store)
{
    LG_AUTO(lg_json) *info = lg_rig_store(rig, store);
    const struct lg_json *versions = lg_json_get(info, "versions");
    unsigned found = 0;

    for (size_t i = 0; i < lg_json_size(versions); i++) {
        const char *status = lg_json_get_str(lg_json_at(versions, i), "status", "");

        found += strcmp(status, "ONLINE") != 0;
    }
    return found;
}

static void until_version_given(struct lg_process *push)
{
    for (;;) {
        LG_SCOPED(lg_buf) said = {0};

        lg_process_stderr(push, &said);
        lg_buf_append_byte(&said, 0);
        if (strstr((const char *)said.data, " is version ") != NULL || lg_process_ended(push, 1))
            return;
    }
}

static void a_pusher_killed_at_any_moment_is_continued_under_its_id(void **state)
{
    struct lg_rig rig;
    struct lg_rand rand;
    uint64_t begin_us, push_ms;
    unsigned version = 1, written = 0;

    (void)state;
    lg_rand_seed(&rand, seed());
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    make_store(&rig, "rows");
    {
        LG_AUTO_STR char *file = write_rows(&rig, "rows.ndjson", 1, ROWS);

        begin_us = lg_clock_mono_us();
        assert_run(&rig, 0, "push", "rows", file, "--key-field", "id");
        push_ms = (lg_clock_mono_us() - begin_us) / 1000;
    }
    for (unsigned i = 0; i < KILLS; i++) {
        unsigned rows = ROWS - 100 * i; /* Each generation has another number of them. */
        LG_AUTO_STR char *file = write_rows(&rig, "rows.ndjson", 2 + i, rows);
        LG_AUTO_STR char *id = lg_strf("generation-%u", 2 + i);
        LG_AUTO(lg_json) *outcome = NULL;
        struct lg_process push = {0};

        if (i == KILLS / 2) /* The second pusher must come to the same bytes, and dictionary. */
            assert_run(&rig, 0, "store", "update", "rows", "--compression", "ZSTD_WITH_DICT",
                       "--chunking", "true");
        lg_rig_spawn(&rig, &push,
                     (const char *const[]){"push", "rows", file, "--key-field", "id", "--push-id",
                                           id, NULL});
        if (i % 3 != 0) /* Two thirds of them while they write, or later. */
            until_version_given(&push);
        (void)lg_process_ended(&push, lg_rand_below(&rand, i % 3 == 0 ? push_ms + 1 : 100));
        lg_process_kill(&push);
        lg_process_done(&push);
        written += LG_RUN(&rig, "push", "status", "rows", id) == 0;
        outcome = RUN_JSON(&rig, "push", "rows", file, "--key-field", "id", "--push-id", id);
        version++; /* However often it was begun: one version. */
        assert_int_equal(lg_json_get_int(outcome, "version", 0), version);
        assert_string_equal(lg_json_get_str(outcome, "state", ""), "served");
        assert_int_equal(lg_json_get_int(outcome, "records", 0), rows);
        expect_rows(&rig, "rows", 2 + i, rows);
        assert_int_equal(unfinished(&rig, "rows"), 0);
    }
    print_message("%u pushers of %u were killed after their version was given\n", written, KILLS);
    lg_rig_done(&rig);
}

/* The first half of one file and the second half of another are neither. */
static void another_file_under_the_same_id_is_found_out(void **state)
{
    struct lg_rig rig;
    bool caught = false;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    make_store(&rig, "rows");
    for (unsigned wait_ms = 0; wait_ms < 200 && !caught; wait_ms += 2) {
        LG_AUTO_STR char *first = write_rows(&rig, "first.ndjson", 1, ROWS);
        LG_AUTO_STR char *second = write_rows(&rig, "second.ndjson", 2, ROWS);
        LG_AUTO_STR char *id = lg_strf("id-%u", wait_ms);
        struct lg_process push = {0};
        int status;

        lg_rig_spawn(&rig, &push,
                     (const char *const[]){"push", "rows", first, "--key-field", "id", "--push-id",
                                           id, NULL});
        until_version_given(&push);
        (void)lg_process_ended(&push, wait_ms);
        lg_process_kill(&push);
        lg_process_done(&push);
        status = LG_RUN(&rig, "push", "rows", second, "--key-field", "id", "--push-id", id);
        if (status == 0) { /* All of one file. */
            LG_AUTO(lg_json) *one = RUN_JSON(&rig, "get", "rows", "0");

            expect_rows(&rig, "rows", (unsigned)lg_json_get_int(one, "generation", 0) == 1 ? 1 : 2,
                        ROWS);
        }
        caught = status != 0;
    }
    assert_true(caught);
    lg_rig_done(&rig);
}

/* --- Deferred, empty, followed. --------------------------------------------------------------- */

static void a_deferred_version_is_served_from_its_swap_on(void **state)
{
    struct lg_rig rig;
    LG_AUTO(lg_json) *outcome = NULL;
    LG_AUTO(lg_json) *swapped = NULL;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    make_store(&rig, "rows");
    {
        LG_AUTO_STR char *one = write_rows(&rig, "one.ndjson", 1, BATCH);
        LG_AUTO_STR char *two = write_rows(&rig, "two.ndjson", 2, BATCH);

        assert_run(&rig, 0, "push", "rows", one, "--key-field", "id");
        assert_run(&rig, 6, "swap", "rows");
        lg_rig_assert_err(&rig, "--defer-swap");
        outcome = RUN_JSON(&rig, "push", "rows", two, "--key-field", "id", "--defer-swap");
        assert_string_equal(lg_json_get_str(outcome, "state", ""), "waiting");
        assert_int_equal(lg_json_get_int(outcome, "version", 0), 2);
    }
    expect_rows(&rig, "rows", 1, BATCH);
    assert_run(&rig, 0, "versions", "rows");
    lg_rig_assert_out(&rig, "waits for its swap");
    assert_run(&rig, 0, "push", "status", "rows");
    lg_rig_assert_out(&rig, "lagoon swap rows 2");
    lg_rig_kill(&rig); /* It waits through this, too. */
    lg_rig_start(&rig, NULL, NULL);
    expect_rows(&rig, "rows", 1, BATCH);
    swapped = RUN_JSON(&rig, "swap", "rows");
    assert_int_equal(lg_json_get_int(swapped, "currentVersion", 0), 2);
    assert_int_equal(lg_json_get_int(swapped, "previousVersion", 0), 1);
    expect_rows(&rig, "rows", 2, BATCH); /* At once: every router has it. */
    assert_run(&rig, 0, "swap", "rows", "2");
    assert_run(&rig, 6, "swap", "rows", "1");
    lg_rig_assert_err(&rig, "lagoon rollback");
    assert_run(&rig, 3, "swap", "rows", "9");
    lg_rig_done(&rig);
}

static void a_switch_is_seen_by_the_next_read(void **state)
{
    struct lg_rig rig;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    make_store(&rig, "rows");
    for (unsigned g = 1; g <= 2; g++) {
        LG_AUTO_STR char *file = write_rows(&rig, "rows.ndjson", g, BATCH);

        assert_run(&rig, 0, "push", "rows", file, "--key-field", "id");
    }
    for (unsigned i = 0; i < 10; i++) {
        assert_run(&rig, 0, "rollback", "rows");
        expect_rows(&rig, "rows", 1, BATCH);
        assert_run(&rig, 0, "rollforward", "rows");
        expect_rows(&rig, "rows", 2, BATCH);
    }
    lg_rig_done(&rig);
}

static void an_empty_push_takes_every_key_away_until_it_is_rolled_back(void **state)
{
    struct lg_rig rig;
    LG_AUTO_STR char *file = NULL;
    LG_AUTO(lg_json) *outcome = NULL;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    make_store(&rig, "rows");
    file = write_rows(&rig, "rows.ndjson", 1, BATCH);
    assert_run(&rig, 2, "push", "rows", file, "--empty");
    assert_run(&rig, 2, "push", "rows", "--empty", "--wait", "--no-wait");
    assert_run(&rig, 2, "push", "rows", "--empty", "--create");
    assert_run(&rig, 2, "push", "rows");
    assert_run(&rig, 3, "push", "rose", "--empty");
    lg_rig_assert_err(&rig, "did you mean 'rows'?");
    assert_run(&rig, 0, "push", "rows", file, "--key-field", "id");
    assert_run(&rig, 0, "push", "rows", "--empty");
    lg_rig_assert_out(&rig, "serves version 2: 0 records");
    lg_rig_assert_out(&rig, "Undo: lagoon rollback rows");
    assert_run(&rig, 3, "get", "rows", "7");
    assert_run(&rig, 0, "rollback", "rows");
    expect_rows(&rig, "rows", 1, BATCH);
    outcome = RUN_JSON(&rig, "push", "rows", "--empty", "--defer-swap");
    assert_string_equal(lg_json_get_str(outcome, "state", ""), "waiting");
    expect_rows(&rig, "rows", 1, BATCH);
    lg_rig_done(&rig);
}

static void a_push_that_nobody_waits_for_can_be_followed(void **state)
{
    struct lg_rig rig;
    LG_AUTO_STR char *file = NULL;
    LG_AUTO(lg_json) *outcome = NULL;
    LG_AUTO(lg_json) *status = NULL;
    LG_AUTO(lg_json) *list = NULL;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    make_store(&rig, "rows");
    file = write_rows(&rig, "rows.ndjson", 1, ROWS);
    assert_run(&rig, 3, "push", "status", "rows");
    lg_rig_assert_err(&rig, "nothing was ever pushed");
    assert_run(&rig, 0, "push", "list");
    lg_rig_assert_out(&rig, "nothing was pushed yet");
    outcome = RUN_JSON(&rig, "push", "rows", file, "--key-field", "id", "--no-wait", "--push-id",
                       "followed");
    assert_string_equal(lg_json_get_str(outcome, "state", ""), "loading");
    assert_string_equal(lg_json_get_str(outcome, "pushId", ""), "followed");
    assert_run(&rig, 0, "push", "status", "rows", "followed", "--watch");
    lg_rig_assert_out(&rig, "version 1 served, 12000 of 12000 records loaded");
    status = RUN_JSON(&rig, "push", "status", "rows", "1");
    assert_string_equal(lg_json_get_str(status, "pushJobId", ""), "followed");
    assert_int_equal(lg_json_get_int(status, "records", 0), ROWS);
    assert_int_equal(lg_json_size(lg_json_get(status, "partitions")), 4);
    assert_true(strstr(lg_json_get_str(status, "pusher", ""), "process ") != NULL);
    list = RUN_JSON(&rig, "push", "list", "rows");
    assert_int_equal(lg_json_size(list), 1);
    lg_rig_done(&rig);
}

static void a_push_is_killed_by_version_or_id_but_not_once_it_is_complete(void **state)
{
    struct lg_rig rig;
    LG_AUTO_STR char *file = NULL;
    LG_SCOPED(lg_reply) reply = {0};

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    make_store(&rig, "rows");
    file = write_rows(&rig, "rows.ndjson", 1, BATCH);
    /* A pusher that says nothing any more. */
    assert_int_equal(lg_ask_post(rig.controller, "/request_topic",
                                 "store_name=rows&push_type=BATCH&push_job_id=quiet", &reply),
                     200);
    assert_run(&rig, 6, "push", "rows", file, "--key-field", "id");
    lg_rig_assert_err(&rig, "push quiet of store rows (version 1) is still running");
    assert_run(&rig, 0, "push", "kill", "rows", "quiet");
    lg_rig_assert_out(&rig, "version 1 of store 'rows' is killed");
    assert_run(&rig, 0, "push", "rows", file, "--key-field", "id");
    assert_run(&rig, 6, "push", "kill", "rows", "2");
    lg_rig_assert_err(&rig, "its push is over");
    assert_run(&rig, 3, "push", "kill", "rows", "no-such-id");
    assert_run(&rig, 0, "push", "status", "rows", "quiet"); /* Also when its version is gone. */
    lg_rig_assert_out(&rig, "killed");
    lg_rig_done(&rig);
}

static void a_push_over_the_quota_says_what_to_do(void **state)
{
    struct lg_rig rig;
    LG_AUTO_STR char *file = NULL;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    make_store(&rig, "rows");
    file = write_rows(&rig, "rows.ndjson", 1, BATCH);
    assert_run(&rig, 0, "store", "update", "rows", "--storage-quota", "4KiB");
    assert_run(&rig, 4, "push", "rows", file, "--key-field", "id");
    lg_rig_assert_err(&rig, "Storage quota exceeded. Store quota 4096 bytes");
    lg_rig_assert_err(&rig, "lagoon store update rows --storage-quota");
    assert_int_equal(unfinished(&rig, "rows"), 0);
    assert_run(&rig, 0, "store", "update", "rows", "--storage-quota", "1MiB");
    assert_run(&rig, 0, "push", "rows", file, "--key-field", "id");
    expect_rows(&rig, "rows", 1, BATCH);
    lg_rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pusher_killed_at_any_moment_is_continued_under_its_id),
        cmocka_unit_test(another_file_under_the_same_id_is_found_out),
        cmocka_unit_test(a_deferred_version_is_served_from_its_swap_on),
        cmocka_unit_test(a_switch_is_seen_by_the_next_read),
        cmocka_unit_test(an_empty_push_takes_every_key_away_until_it_is_rolled_back),
        cmocka_unit_test(a_push_that_nobody_waits_for_can_be_followed),
        cmocka_unit_test(a_push_is_killed_by_version_or_id_but_not_once_it_is_complete),
        cmocka_unit_test(a_push_over_the_quota_says_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
