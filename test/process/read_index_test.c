/* What was pushed is answered from memory from its first get on, and so is the version before until
 * then: while a store is pushed again and again, no get of it goes to the engine. */
#include <stdlib.h>

#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define ROWS 200000u /* Filling their index takes longer than the way from its end to a get. */
#define GETS 500u    /* right after a push has ended */
#define PUSH_MS 300000u

static struct lg_rig rig;

static int set_up(void **state)
{
    LG_AUTO_STR char *schema = NULL;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    schema = lg_rig_file(&rig, "string.avsc", LG_LIT("\"string\""));
    assert_run(&rig, 0, "store", "create", "plain", "--key-schema", schema, "--value-schema",
               schema, "--partitions", "1");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

/* Keys that were looked up in the index, in RocksDB's memory, or on the disk. */
static long reads_from(const char *where)
{
    LG_AUTO_STR char *line =
        lg_strf("\nlagoon_server_store_reads_total{from=\"%s\",store=\"plain\"} ", where);
    LG_SCOPED(lg_reply) reply = {0};
    const char *at;

    assert_int_equal(lg_ask_get(rig.router, "/metrics", &reply), 200);
    at = strstr(lg_reply_text(&reply), line);
    return at == NULL ? 0 : strtol(at + strlen(line), NULL, 10);
}

static void get(unsigned i)
{
    LG_AUTO_STR char *target = lg_strf("/v1/stores/plain/k%u", i * 7919 % ROWS);
    LG_SCOPED(lg_reply) reply = {0};

    assert_int_equal(lg_ask_get(rig.router, target, &reply), 200);
}

/* As clients that have not heard of the next version yet, from the server. */
static void get_of(unsigned version, unsigned i)
{
    LG_AUTO_STR char *text = lg_strf("k%u", i * 7919 % ROWS);
    LG_SCOPED(lg_reply) reply = {0};
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) target = {0};

    lg_buf_append_byte(&key, (uint8_t)(2 * strlen(text))); /* Avro. */
    lg_buf_append_str(&key, text);
    lg_buf_appendf(&target, "/storage/plain_v%u/0/", version);
    lg_base64_encode(&target, lg_buf_slice(&key), /* url_safe= */ true);
    lg_buf_append_str(&target, "?f=b64");
    lg_buf_append_byte(&target, 0);
    assert_int_equal(lg_ask_get(rig.server, (const char *)target.data, &reply), 200);
}

static char *write_rows(void)
{
    LG_SCOPED(lg_buf) lines = {0};

    for (unsigned i = 0; i < ROWS; i++)
        lg_buf_appendf(&lines, "{\"key\":\"k%u\",\"value\":\"value of k%u\"}\n", i, i);
    return lg_rig_file(&rig, "rows.ndjson", lg_buf_slice(&lines));
}

static void no_get_of_a_version_that_was_pushed_goes_to_the_engine(void **state)
{
    LG_AUTO_STR char *rows = write_rows();
    const char *const words[] = {"push", "plain",         rows,    "--key-field",
                                 "key",  "--value-field", "value", NULL};
    unsigned gets = 0;

    (void)state;
    for (unsigned version = 1; version <= 3; version++) {
        struct lg_process push = {0};

        lg_rig_spawn(&rig, &push, words);
        while (version > 1 && !lg_process_ended(&push, 0))
            get(gets++);
        assert_int_equal(lg_process_wait(&push, PUSH_MS), 0);
        lg_process_done(&push);
        for (unsigned i = 0; i < GETS; i++)
            get(gets++);
        for (unsigned i = 0; version > 1 && i < GETS; i++, gets++)
            get_of(version - 1, i);
        assert_int_equal(reads_from("disk"), 0);
        assert_int_equal(reads_from("memory"), 0);
    }
    for (unsigned i = 0; i < 10000 && reads_from("index") < (long)gets; i++)
        lg_process_pause(1);
    assert_int_equal(reads_from("index"), gets);
}

/* Of one partition, so replicas are versions. */
static long versions_complete(void)
{
    static const char line[] = "\nlagoon_storage_index_replicas{state=\"complete\"} ";
    LG_SCOPED(lg_reply) reply = {0};
    const char *at;

    assert_int_equal(lg_ask_get(rig.server, "/metrics", &reply), 200);
    at = strstr(lg_reply_text(&reply), line);
    assert_non_null(at);
    return strtol(at + sizeof line - 1, NULL, 10);
}

/* Memory is for what is read: the version that was left gives it back like any other before. */
static void what_was_rolled_back_is_not_what_comes(void **state)
{
    (void)state;
    assert_int_equal(versions_complete(), 1);
    assert_run(&rig, 0, "rollback", "plain");
    for (unsigned i = 0; i < 10000; i++) {
        get(i);
        if (reads_from("disk") + reads_from("memory") == 0 && versions_complete() == 1 && i > 100)
            break;
        lg_process_pause(1);
    }
    assert_int_equal(versions_complete(), 1);
    get_of(2, 1);
    assert_int_equal(reads_from("disk"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_get_of_a_version_that_was_pushed_goes_to_the_engine),
        cmocka_unit_test(what_was_rolled_back_is_not_what_comes),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
