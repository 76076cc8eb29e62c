/* The server's gRPC read by a client that is not ours: Debian's gRPC for Python, in grpc_client.py,
 * against a real standalone. What is asked for and what must come is there; here are the stores,
 * and what happens to the server meanwhile. */
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

/* As grpc_client.py has them. */
#define ROWS 6000u
#define HEAVY_ROWS 100u
#define HEAVY_BYTES 100000u
#define HUGE_BYTES 5000000u
#define PACKED_ROWS 300u
#define SWAP_ROWS 200u
#define SWAPS 4u
#define QUOTA_ROWS 10u

#define CLIENT_MS 120000u

static struct lg_rig rig;
static char *key_schema, *value_schema; /* paths */

static void make_store(const char *name, const char *compression, const char *chunking)
{
    assert_run(&rig, 0, "store", "create", name, "--key-schema", key_schema, "--value-schema",
               value_schema, "--partitions", "3", "--compression", compression, "--chunking",
               chunking);
}

static void push(const char *store, const struct lg_buf *lines)
{
    LG_AUTO_STR char *path = lg_rig_file(&rig, "rows.ndjson", lg_buf_slice(lines));

    assert_run(&rig, 0, "push", store, path, "--key-field", "key", "--value-field", "value");
}

static void push_swap(unsigned version)
{
    LG_SCOPED(lg_buf) lines = {0};

    for (unsigned i = 0; i < SWAP_ROWS; i++)
        lg_buf_appendf(&lines, "{\"key\":\"s%u\",\"value\":\"v%u of s%u\"}\n", i, version, i);
    push("swap", &lines);
}

static void append_long(struct lg_buf *lines, const char *key, size_t size)
{
    lg_buf_appendf(lines, "{\"key\":\"%s\",\"value\":\"", key);
    for (size_t i = 0; i < size; i++)
        lg_buf_append_byte(lines, (uint8_t)('a' + i % 23));
    lg_buf_append_str(lines, "\"}\n");
}

static void fill_packed(void)
{
    static const char *const names[] = {"NO_OP", "GZIP", "ZSTD", "ZSTD_WITH_DICT"};
    LG_SCOPED(lg_buf) lines = {0};

    for (unsigned i = 0; i < PACKED_ROWS; i++)
        lg_buf_appendf(&lines,
                       "{\"key\":\"p%u\",\"value\":\"packed value number %u, and again packed "
                       "value number %u\"}\n",
                       i, i, i);
    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++) {
        LG_AUTO_STR char *store = lg_strf("packed%zu", i);

        make_store(store, names[i], "false");
        push(store, &lines);
    }
}

static int set_up(void **state)
{
    LG_SCOPED(lg_buf) plain = {0};
    LG_SCOPED(lg_buf) heavy = {0};
    LG_SCOPED(lg_buf) large = {0};

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    key_schema = lg_rig_file(&rig, "k.avsc", LG_LIT("\"string\""));
    value_schema = lg_rig_file(&rig, "v.avsc", LG_LIT("\"string\""));
    for (unsigned i = 0; i < ROWS; i++)
        lg_buf_appendf(&plain, "{\"key\":\"k%u\",\"value\":\"value of k%u\"}\n", i, i);
    for (unsigned i = 0; i < HEAVY_ROWS; i++) {
        char key[16];

        (void)snprintf(key, sizeof key, "h%u", i);
        append_long(&heavy, key, HEAVY_BYTES);
    }
    append_long(&large, "huge", HUGE_BYTES);
    make_store("plain", "NO_OP", "false");
    make_store("heavy", "NO_OP", "false");
    make_store("large", "NO_OP", "true");
    make_store("swap", "NO_OP", "false");
    make_store("unpushed", "NO_OP", "false");
    push("plain", &plain);
    push("heavy", &heavy);
    push("large", &large);
    push_swap(1);
    fill_packed();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    lg_free(key_schema);
    lg_free(value_schema);
    return 0;
}

/* --- The client. ------------------------------------------------------------------------------ */

static char *command_of(const char *words)
{
    return lg_strf("/usr/bin/python3 test/process/grpc_client.py %u %s %s 2>&1", rig.server,
                   rig.folder, words);
}

static FILE *begin(const char *words)
{
    LG_AUTO_STR char *command = command_of(words);
    FILE *f = popen(command, "re");

    assert_non_null(f);
    return f;
}

static void finish(FILE *f, const char *words)
{
    char text[4096];
    size_t size = fread(text, 1, sizeof text - 1, f);
    int status = pclose(f);

    text[size] = '\0';
    if (status != 0 || strstr(text, "\nok ") == NULL)
        if (status != 0 || strncmp(text, "ok ", 3) != 0)
            fail_msg("grpc_client.py %s: %s", words, text);
    print_message("%s", text);
}

static void read_with(const char *words)
{
    finish(begin(words), words);
}

/* A test that is the client's case of that name. */
#define CASE(test, name)                                                                           \
    static void test(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        read_with(name);                                                                           \
    }

CASE(single_gets_find_miss_and_are_many_at_a_time, "single")
CASE(single_gets_that_cannot_be_answered_say_why, "single_refused")
CASE(batch_gets_answer_all_their_keys_or_none, "batch")
CASE(compressed_values_come_as_they_are_with_what_undoes_it, "compressed")
CASE(compressed_requests_are_read, "gzip_requests")
CASE(deadlines_end_calls, "deadlines")
CASE(calls_are_cancelled_in_the_middle, "cancel")
CASE(messages_have_a_limit_and_values_have_none, "large")
CASE(metadata_is_passed_over_and_has_a_limit, "metadata")
CASE(methods_and_messages_that_nobody_knows_are_refused, "unknown")
CASE(a_stream_answers_hundreds_of_batches, "stream")
CASE(what_is_wrong_with_a_batch_ends_that_batch_alone, "stream_refused")
CASE(batches_are_cancelled_and_time_out_one_by_one, "stream_cancel")
CASE(a_slow_reader_of_100_mb_holds_up_nobody, "slow_reader")
CASE(health_is_told_per_service, "health")
CASE(reflection_is_enough_to_call_the_server, "reflection")

static void rest_grpc_and_streams_share_one_quota_of_a_store_exactly(void **state)
{
    LG_SCOPED(lg_buf) rows = {0};

    (void)state;
    for (unsigned i = 0; i < QUOTA_ROWS; i++)
        lg_buf_appendf(&rows, "{\"key\":\"q%u\",\"value\":\"value of q%u\"}\n", i, i);
    /* One partition: what is saved is there as a whole. */
    assert_run(&rig, 0, "store", "create", "limited", "--key-schema", key_schema, "--value-schema",
               value_schema, "--partitions", "1");
    assert_run(&rig, 0, "store", "update", "limited", "--read-quota", "20", "--fast-client",
               "true");
    push("limited", &rows);
    read_with("quota");
}

/* --- While the server does something else. ---------------------------------------------------- */

/* Until the client says it; one that ended says why. */
static void await(FILE *client, const char *name)
{
    LG_AUTO_STR char *path = lg_rig_path(&rig, name);
    LG_AUTO_STR char *ended = lg_rig_path(&rig, "ended");

    for (unsigned waited = 0; access(path, F_OK) != 0; waited += 10) {
        if (access(ended, F_OK) == 0)
            finish(client, name);
        if (waited > CLIENT_MS)
            fail_msg("grpc_client.py never said '%s'", name);
        lg_process_pause(10);
    }
    assert_int_equal(unlink(path), 0);
}

static void make_file(const char *name)
{
    LG_AUTO_STR char *path = lg_rig_file(&rig, name, LG_LIT("now"));

    assert_non_null(path);
}

static void forget(const char *name)
{
    LG_AUTO_STR char *path = lg_rig_path(&rig, name);

    (void)unlink(path);
}

static void new_versions_come_under_load_and_no_read_fails(void **state)
{
    char words[32];
    FILE *client;

    (void)state;
    (void)snprintf(words, sizeof words, "load steady %u", SWAPS);
    client = begin(words);
    await(client, "running");
    for (unsigned version = 2; version <= SWAPS; version++) {
        push_swap(version);
        forget("running");
        await(client, "running"); /* It reads on. */
        lg_process_pause(300);
    }
    make_file("stop");
    finish(client, words);
    forget("stop");
    forget("running");
}

static void clients_come_back_when_the_server_does(void **state)
{
    FILE *client = begin("load restarts");

    (void)state;
    await(client, "running");
    lg_rig_stop(&rig);
    lg_rig_start(&rig, NULL, NULL);
    forget("back");
    await(client, "back");
    lg_rig_kill(&rig);
    lg_rig_start(&rig, NULL, NULL);
    forget("back");
    await(client, "back");
    make_file("stop");
    finish(client, "load restarts");
    forget("stop");
    forget("back");
    forget("running");
}

static void who_watches_is_told_that_the_server_ends(void **state)
{
    FILE *client = begin("watch_the_end");

    (void)state;
    await(client, "watching");
    lg_rig_stop(&rig);
    finish(client, "watch_the_end");
    lg_rig_start(&rig, NULL, NULL);
    read_with("health");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_gets_find_miss_and_are_many_at_a_time),
        cmocka_unit_test(single_gets_that_cannot_be_answered_say_why),
        cmocka_unit_test(batch_gets_answer_all_their_keys_or_none),
        cmocka_unit_test(compressed_values_come_as_they_are_with_what_undoes_it),
        cmocka_unit_test(compressed_requests_are_read),
        cmocka_unit_test(deadlines_end_calls),
        cmocka_unit_test(calls_are_cancelled_in_the_middle),
        cmocka_unit_test(messages_have_a_limit_and_values_have_none),
        cmocka_unit_test(metadata_is_passed_over_and_has_a_limit),
        cmocka_unit_test(methods_and_messages_that_nobody_knows_are_refused),
        cmocka_unit_test(a_stream_answers_hundreds_of_batches),
        cmocka_unit_test(what_is_wrong_with_a_batch_ends_that_batch_alone),
        cmocka_unit_test(rest_grpc_and_streams_share_one_quota_of_a_store_exactly),
        cmocka_unit_test(batches_are_cancelled_and_time_out_one_by_one),
        cmocka_unit_test(a_slow_reader_of_100_mb_holds_up_nobody),
        cmocka_unit_test(health_is_told_per_service),
        cmocka_unit_test(reflection_is_enough_to_call_the_server),
        cmocka_unit_test(new_versions_come_under_load_and_no_read_fails),
        cmocka_unit_test(clients_come_back_when_the_server_does),
        cmocka_unit_test(who_watches_is_told_that_the_server_ends),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
