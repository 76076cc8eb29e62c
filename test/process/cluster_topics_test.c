/* The topics of a cluster are Venice's: kcat, python3-kafka and Apache Avro for Python read what a
 * push wrote (topic_decode.py judges each record), and what they write (topic_write.py) is served.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "test/lib/cluster.h"
#include "test/test.h"

#define ROWS 300u
#define LARGE_BYTES ((size_t)3 << 20)
#define FOR_EVER "9223372036854775807"

static struct lg_cluster c;
static char *key_schema, *value_schema; /* paths */

/* Runs a script of this folder; returns what it wrote. Fails when it does not end with 0. */
static char *python(const char *script, const char *words)
{
    LG_AUTO_STR char *command = lg_strf("/usr/bin/python3 test/process/%s 127.0.0.1:%u %s 2>&1",
                                        script, lg_cluster_kafka()->port, words);
    LG_SCOPED(lg_buf) text = {0};
    FILE *f = popen(command, "re");
    size_t got;

    assert_non_null(f);
    do {
        uint8_t *room = lg_buf_reserve(&text, 1 << 16);

        got = fread(room, 1, 1 << 16, f);
        lg_buf_commit(&text, got);
    } while (got > 0);
    if (pclose(f) != 0)
        fail_msg("`%s` failed: %.*s", command, (int)text.size, (const char *)text.data);
    return lg_buf_take_str(&text);
}

/* What topic_decode.py says of a version topic; it fails where a rule is broken. */
static struct lg_json *judged(const char *topic, unsigned partitions)
{
    LG_AUTO_STR char *words =
        lg_strf("%s %u '%s' '%s'", topic, partitions, key_schema, value_schema);
    LG_AUTO_STR char *text = python("topic_decode.py", words);

    return lg_rig_json(lg_slice_str(text));
}

static struct lg_json *part(const struct lg_json *json, const char *outer, const char *inner)
{
    struct lg_json *found = lg_json_get(lg_json_get(json, outer), inner);

    if (found == NULL)
        fail_msg("no %s of %s", inner, outer);
    return found;
}

static void make_store(const char *name, const char *partitions, const char *compression,
                       const char *chunking)
{
    assert_run(&c.rig, 0, "store", "create", name, "--key-schema", key_schema, "--value-schema",
               value_schema, "--partitions", partitions, "--compression", compression, "--chunking",
               chunking);
}

static char *row_text(unsigned i)
{
    return lg_strf("row %u, and some more text that compresses well: row %u, row %u", i, i, i);
}

static char *write_rows(unsigned rows)
{
    LG_SCOPED(lg_buf) text = {0};

    for (unsigned i = 0; i < rows; i++) {
        LG_AUTO_STR char *value = row_text(i);

        lg_buf_appendf(&text, "{\"id\":\"key %u\",\"text\":\"%s\"}\n", i, value);
    }
    return lg_rig_file(&c.rig, "rows.ndjson", lg_buf_slice(&text));
}

/* The rows that were decoded are those that were pushed. */
static void expect_rows(const struct lg_json *json, unsigned rows)
{
    const struct lg_json *found = lg_json_get(json, "rows");

    assert_int_equal(lg_json_size(found), rows);
    for (unsigned i = 0; i < rows; i++) {
        LG_AUTO_STR char *key = lg_strf("\"key %u\"", i);
        LG_AUTO_STR char *value = row_text(i);
        const struct lg_json *row = lg_json_get(found, key);

        if (row == NULL)
            fail_msg("%s is missing", key);
        assert_string_equal(lg_json_get_str(row, "text", ""), value);
    }
}

static void expect_config(const struct lg_json *json)
{
    static const struct {
        const char *name, *value;
    } wanted[] = {
        {"retention.ms", FOR_EVER},
        {"cleanup.policy", "delete"},
        {"message.timestamp.type", "CreateTime"},
        {"min.insync.replicas", "1"},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(wanted); i++)
        if (strcmp(lg_json_get_str(lg_json_get(json, "config"), wanted[i].name, ""),
                   wanted[i].value) != 0)
            fail_msg("%s is %s, not %s", wanted[i].name,
                     lg_json_get_str(lg_json_get(json, "config"), wanted[i].name, "(absent)"),
                     wanted[i].value);
    assert_int_equal(lg_json_int(part(json, "config", "replication")), 1);
}

/* --- What we write. --------------------------------------------------------------------------- */

static void every_record_of_a_push_is_as_venice_writes_it(void **state)
{
    LG_AUTO_STR char *file = write_rows(ROWS);
    LG_AUTO(lg_json) *json = NULL;

    (void)state;
    make_store("plain", "2", "NO_OP", "false");
    assert_run(&c.rig, 0, "push", "plain", file, "--key-field", "id");
    json = judged("plain_v1", 2);
    expect_rows(json, ROWS);
    expect_config(json);
    assert_int_equal(lg_json_int(part(json, "totals", "put")), ROWS);
    assert_int_equal(lg_json_int(part(json, "totals", "delete")), 0);
    /* SOS SOP, SOS … EOS, SOS EOP EOS: of each partition. */
    assert_int_equal(lg_json_int(part(json, "totals", "control")), 2 * 7);
    assert_true(lg_json_bool(part(json, "push", "sorted")));
    assert_false(lg_json_bool(part(json, "push", "chunked")));
}

static void compressed_values_are_decoded_by_other_libraries(void **state)
{
    static const struct {
        const char *store, *name;
        int id;
    } kinds[] = {{"with-gzip", "GZIP", 1},
                 {"with-zstd", "ZSTD", 2},
                 {"with-dictionary", "ZSTD_WITH_DICT", 3}};
    LG_AUTO_STR char *file = write_rows(ROWS);

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(kinds); i++) {
        LG_AUTO_STR char *topic = lg_strf("%s_v1", kinds[i].store);
        LG_AUTO(lg_json) *json = NULL;
        LG_SCOPED(lg_reply) reply = {0};

        make_store(kinds[i].store, "1", kinds[i].name, "false");
        assert_run(&c.rig, 0, "push", kinds[i].store, file, "--key-field", "id");
        json = judged(topic, 1);
        expect_rows(json, ROWS);
        assert_int_equal(lg_json_int(part(json, "push", "compressionStrategy")), kinds[i].id);
        assert_int_equal(lg_json_int(part(json, "push", "compressionDictionary")) > 0,
                         strcmp(kinds[i].name, "ZSTD_WITH_DICT") == 0);
        lg_cluster_wait_version(&c, kinds[i].store, 1);
        assert_int_equal(lg_cluster_get(&c, 0, kinds[i].store, "key%207", &reply), 200);
        assert_non_null(strstr(lg_reply_text(&reply), "row 7, and some more"));
    }
}

static void a_large_value_is_put_together_from_its_chunks(void **state)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO_STR char *file = NULL;
    LG_AUTO(lg_json) *json = NULL;
    LG_SCOPED(lg_reply) reply = {0};
    const char *got;

    (void)state;
    make_store("large", "1", "NO_OP", "true");
    lg_buf_append_str(&text, "{\"id\":\"large\",\"text\":\"");
    for (size_t i = 0; i < LARGE_BYTES; i++)
        lg_buf_append_byte(&text, (uint8_t)('a' + i % 23));
    lg_buf_append_str(&text, "\"}\n{\"id\":\"small\",\"text\":\"s\"}\n");
    file = lg_rig_file(&c.rig, "large.ndjson", lg_buf_slice(&text));
    assert_run(&c.rig, 0, "push", "large", file, "--key-field", "id");
    json = judged("large_v1", 1);
    assert_true(lg_json_bool(part(json, "push", "chunked")));
    assert_int_equal(lg_json_int(part(json, "totals", "chunks")), 4);
    got = lg_json_get_str(part(json, "rows", "\"large\""), "text", "");
    assert_int_equal(strlen(got), LARGE_BYTES);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        assert_true(got[i] == (char)('a' + i % 23));
    lg_cluster_wait_version(&c, "large", 1);
    assert_int_equal(lg_cluster_get(&c, 0, "large", "large", &reply), 200);
    assert_true(reply.body.size > LARGE_BYTES);
}

/* --- What others write. ----------------------------------------------------------------------- */

static uint16_t leader_port(void)
{
    return c.nodes[LG_CLUSTER_CONTROLLER][lg_cluster_leader(&c)].port;
}

/* As Venice's push job with send.control.messages.directly asks: nobody writes into it but us. */
static void request_topic(const char *store, const char *partitions)
{
    LG_AUTO_STR char *key = lg_rig_file(&c.rig, "text.avsc", LG_LIT("\"string\""));
    LG_AUTO_STR char *body =
        lg_strf("store_name=%s&push_type=BATCH&push_job_id=by-hand&start_of_push=false&"
                "push_in_sorted_order=false&store_size=-1",
                store);
    LG_AUTO_STR char *broker = lg_strf("127.0.0.1:%u", lg_cluster_kafka()->port);
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO(lg_json) *json = NULL;

    assert_run(&c.rig, 0, "store", "create", store, "--key-schema", key, "--value-schema", key,
               "--partitions", partitions);
    if (lg_ask_post(leader_port(), "/request_topic", body, &reply) != 200)
        fail_msg("request_topic: %d %s", reply.status, lg_reply_text(&reply));
    json = lg_rig_json(lg_buf_slice(&reply.body));
    assert_string_equal(lg_json_get_str(json, "kafkaBootstrapServers", ""), broker);
    assert_int_equal(lg_json_get_int(json, "version", 0), 1);
}

struct wanted_status {
    const char *store, *status;
    struct lg_reply last;
};

static bool job_has_status(struct lg_cluster *cluster, void *ctx)
{
    struct wanted_status *w = ctx;
    LG_AUTO_STR char *target = lg_strf("/job?store_name=%s&version=1", w->store);
    LG_AUTO(lg_json) *json = NULL;
    unsigned leader = lg_cluster_leader(cluster);
    const char *status;

    if (lg_ask_get(cluster->nodes[LG_CLUSTER_CONTROLLER][leader].port, target, &w->last) != 200)
        return false;
    json = lg_rig_json(lg_buf_slice(&w->last.body));
    status = lg_json_get_str(json, "status", "");
    if (strcmp(status, w->status) == 0)
        return true;
    if (strcmp(status, "ERROR") == 0 || strcmp(status, "COMPLETED") == 0)
        fail_msg("%s: %s", w->store, lg_reply_text(&w->last));
    return false;
}

static void until_job_is(const char *store, const char *status)
{
    struct wanted_status w = {.store = store, .status = status};
    LG_AUTO_STR char *what = lg_strf("/job says that version 1 of %s is %s", store, status);

    lg_cluster_until(&c, job_has_status, &w, what);
    lg_reply_done(&w.last);
}

static void the_sample_records_of_venice_are_served(void **state)
{
    LG_AUTO_STR char *said = NULL;

    (void)state;
    request_topic("vectors", "1");
    said = python("topic_write.py", "vectors_v1 1 vectors unsorted");
    until_job_is("vectors", "COMPLETED");
    lg_cluster_wait_version(&c, "vectors", 1);
    for (unsigned router = 0; router < 2; router++) { /* It is put, and then deleted. */
        LG_SCOPED(lg_reply) reply = {0};

        assert_int_equal(lg_cluster_get(&c, router, "vectors", "key1", &reply), 404);
    }
}

/* As Venice's servers: what was put lies in a sorted file already. */
static void a_delete_in_a_sorted_push_fails_it(void **state)
{
    LG_AUTO_STR char *said = NULL;
    LG_SCOPED(lg_reply) reply = {0};

    (void)state;
    request_topic("sorted", "1");
    said = python("topic_write.py", "sorted_v1 1 vectors");
    until_job_is("sorted", "ERROR");
    assert_int_equal(lg_ask_get(leader_port(), "/job?store_name=sorted&version=1", &reply), 200);
    assert_non_null(strstr(lg_reply_text(&reply), "a DELETE in a push that says it is sorted"));
}

/* The partitions are those of wire-formats 1: Venice's default partitioner says them. */
static void rows_that_were_written_by_hand_are_served(void **state)
{
    static const struct {
        const char *key, *hex;
        unsigned partition;
    } rows[] = {{"a", "0261", 2},
                {"key1", "086b657931", 0},
                {"hello", "0a68656c6c6f", 2},
                {"user:12345", "14757365723a3132333435", 0}};
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO_STR char *file = NULL;
    LG_AUTO_STR char *words = NULL;
    LG_AUTO_STR char *said = NULL;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++)
        lg_buf_appendf(&text, "{\"partition\":%u,\"key\":\"%s\",\"value\":\"0c76616c7565%02zx\"}\n",
                       rows[i].partition, rows[i].hex, '0' + i);
    file = lg_rig_file(&c.rig, "by-hand.ndjson", lg_buf_slice(&text));
    request_topic("by-hand", "3");
    words = lg_strf("by-hand_v1 3 rows '%s'", file);
    said = python("topic_write.py", words);
    until_job_is("by-hand", "COMPLETED");
    lg_cluster_wait_version(&c, "by-hand", 1);
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        for (unsigned router = 0; router < 2; router++) {
            LG_SCOPED(lg_reply) reply = {0};
            LG_AUTO_STR char *value = lg_strf("value%zu", i);

            assert_int_equal(lg_cluster_get(&c, router, "by-hand", rows[i].key, &reply), 200);
            assert_non_null(strstr(lg_reply_text(&reply), value));
        }
    }
}

/* A reader that takes what is not whole would serve wrong data: the push fails, with the reason. */
static void records_that_are_not_whole_fail_the_push(void **state)
{
    static const char *const kinds[] = {"cut", "version", "gap", "noise"};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(kinds); i++) {
        LG_AUTO_STR char *store = lg_strf("broken-%s", kinds[i]);
        LG_AUTO_STR char *words = lg_strf("%s_v1 1 broken %s", store, kinds[i]);
        LG_AUTO_STR char *target = lg_strf("/job?store_name=%s&version=1", store);
        LG_AUTO_STR char *topic = lg_strf("%s_v1", store);
        LG_AUTO_STR char *said = NULL;
        LG_SCOPED(lg_reply) reply = {0};

        request_topic(store, "1");
        said = python("topic_write.py", words);
        until_job_is(store, "ERROR");
        assert_int_equal(lg_ask_get(leader_port(), target, &reply), 200);
        if (strstr(lg_reply_text(&reply), topic) == NULL)
            fail_msg("the answer does not name the topic: %s", lg_reply_text(&reply));
    }
}

/* --- One cluster for all. --------------------------------------------------------------------- */

static int set_up(void **state)
{
    (void)state;
    lg_cluster_engines_start();
    lg_cluster_start(&c,
                     &(struct lg_cluster_options){.controllers = 1, .routers = 2, .servers = 2});
    key_schema = lg_rig_file(&c.rig, "key.avsc", LG_LIT("\"string\""));
    value_schema =
        lg_rig_file(&c.rig, "value.avsc",
                    LG_LIT("{\"type\":\"record\",\"name\":\"Row\",\"fields\":[{\"name\":\"id\","
                           "\"type\":\"string\"},{\"name\":\"text\",\"type\":\"string\"}]}"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_free(key_schema);
    lg_free(value_schema);
    lg_cluster_done(&c);
    lg_cluster_engines_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_of_a_push_is_as_venice_writes_it),
        cmocka_unit_test(compressed_values_are_decoded_by_other_libraries),
        cmocka_unit_test(a_large_value_is_put_together_from_its_chunks),
        cmocka_unit_test(the_sample_records_of_venice_are_served),
        cmocka_unit_test(a_delete_in_a_sorted_push_fails_it),
        cmocka_unit_test(rows_that_were_written_by_hand_are_served),
        cmocka_unit_test(records_that_are_not_whole_fail_the_push),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
