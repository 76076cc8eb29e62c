/* The thin client on the simulated network: schemas, keys, limits, retries, deadlines, ends. What
 * it has in common with Venice's is venice_trace_test.c's. */
#include "client/client.h"

#include <stdio.h>

#include "avro/encode.h"
#include "base/compressor.h"
#include "base/str.h"
#include "read/wire.h"
#include "test/lib/thin_world.h"
#include "test/test.h"

/* --- Start. ------------------------------------------------------------------------------------
 */

static void a_store_that_does_not_exist_is_told(void **state)
{
    struct lg_tw *w = *state;

    w->mock[0].key_schema = NULL;
    assert_rc(LG_ERR_NO_STORE, lg_tw_start(w));
    assert_non_null(strstr(w->start_err.text,
                           "there is no store 'test_store': the router world:7777 answers "
                           "404: no such thing"));
    lg_tw_assert_why(lg_tw_get(w, "k"), LG_ERR_NO_STORE, "test_store");
    w->mock[0].key_schema = "\"string\""; /* Now it is created: the same client can read it. */
    lg_tw_tell(w, 404, NULL, LG_SLICE_NULL);
    assert_rc(LG_ERR_NOT_FOUND, lg_tw_get(w, "k")->key_rc[0]);
    assert_rc(LG_OK, lg_tw_start(w)); /* Again, when there is nothing to do. */
}

static void a_router_without_schema_ids_is_asked_for_all_schemas(void **state)
{
    struct lg_tw *w = *state;

    w->mock[0].no_ids = true;
    w->mock[0].value_schema[1] = "\"long\"";
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 2\r\n", LG_LIT("\x06"));
    lg_tw_assert_json(lg_tw_get(w, "k"), 0, "3");
    lg_buf_append_byte(&w->mock[0].asked, '\0');
    assert_string_equal((const char *)w->mock[0].asked.data,
                        "GET /all_value_schema_ids/test_store\n"
                        "GET /value_schema/test_store\n"
                        "GET /key_schema/test_store\n"
                        "GET /storage/test_store/Ams=?f=b64\n");
}

static void a_start_is_tried_ten_times_and_then_told(void **state)
{
    struct lg_tw *w = *state;

    w->mock[0].metadata_status = 503;
    assert_rc(LG_ERR_UNREADY, lg_tw_start(w));
    assert_int_equal(w->mock[0].requests, 10);
    assert_non_null(strstr(w->start_err.text, "world:7777 answers 503: not now"));
    lg_mock_router_stop(&w->mock[0]);
    assert_rc(LG_ERR_UNAVAILABLE, lg_tw_start(w));
    lg_mock_router_start(&w->mock[0], lg_net_sim_transport(w->net), w->router_lane[0], "world");
    w->mock[0].metadata_status = 0;
    assert_rc(LG_OK, lg_tw_start(w));
    lg_tw_close(w);
    /* The second router is asked when the first is not ready. */
    lg_tw_two_routers(w);
    w->mock[0].metadata_status = 503;
    assert_rc(LG_OK, lg_tw_start(w));
    assert_true(w->mock[1].requests > 0);
}

static void metadata_that_is_none_is_refused(void **state)
{
    struct lg_tw *w = *state;

    w->mock[0].value_schema[0] = "{\"type\":\"what\"}";
    assert_rc(LG_ERR_BAD_DATA, lg_tw_start(w));
    assert_non_null(strstr(w->start_err.text, "the value schema of store 'test_store'"));
    w->mock[0].value_schema[0] = "\"string\"";
    w->mock[0].key_schema = "[]x";
    assert_rc(LG_ERR_BAD_DATA, lg_tw_start(w));
    assert_non_null(strstr(w->start_err.text, "the key schema of store 'test_store'"));
}

static void options_that_are_missing_or_wrong_are_named(void **state)
{
    struct lg_tw *w = *state;
    struct lg_client *client = NULL;
    struct lg_error err;
    static const struct {
        const char *name, *text, *part;
        enum lg_rc rc;
    } cases[] = {
        {"router", "ftp://x", "ftp://x", LG_ERR_INVALID},
        {"router", "http://a:1,,http://b:2", "is not a URL", LG_ERR_INVALID},
        {"store", "no--good", "no--good", LG_ERR_INVALID},
        {"reader_schema", "{\"type\":\"what\"}", "reader_schema", LG_ERR_SCHEMA},
        {"reader_schema", "not json", "reader_schema", LG_ERR_SCHEMA},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct lg_client_options o;

        lg_options_init(&lg_client_option_table, &o);
        assert_ok(lg_option_set(&lg_client_option_table, &o, "router", LG_LIT("http://a:1"), &err));
        assert_ok(lg_option_set(&lg_client_option_table, &o, "store", LG_LIT("s"), &err));
        assert_ok(lg_option_set(&lg_client_option_table, &o, cases[i].name,
                                lg_slice_str(cases[i].text), &err));
        assert_rc(cases[i].rc,
                  lg_client_new(&o, w->lane, lg_net_sim_transport(w->net), &client, &err));
        assert_non_null(strstr(err.text, cases[i].part));
        lg_options_done(&lg_client_option_table, &o);
    }
    lg_options_done(&lg_client_option_table, &w->options);
    lg_options_init(&lg_client_option_table, &w->options);
    assert_rc(LG_ERR_INVALID,
              lg_client_new(&w->options, w->lane, lg_net_sim_transport(w->net), &client, &err));
    assert_non_null(strstr(err.text, "'router' is missing"));
    lg_tw_set(w, "router", "http://a:1");
    assert_rc(LG_ERR_INVALID,
              lg_client_new(&w->options, w->lane, lg_net_sim_transport(w->net), &client, &err));
    assert_non_null(strstr(err.text, "'store' is missing"));
    assert_null(client);
}

/* --- Schema evolution. -------------------------------------------------------------------------
 */

#define CITY_1                                                                                     \
    "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"n\",\"type\":\"string\"},"     \
    "{\"name\":\"p\",\"type\":\"int\"}]}"
#define CITY_2                                                                                     \
    "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"p\",\"type\":\"long\"},"       \
    "{\"name\":\"n\",\"type\":\"string\"},{\"name\":\"c\",\"type\":\"string\",\"default\":\"?\"}]" \
    "}"

static void values_of_old_and_new_schemas_are_read_in_the_reader_s(void **state)
{
    struct lg_tw *w = *state;
    struct lg_tw_asked *a;

    w->mock[0].value_schema[0] = CITY_1;
    w->mock[0].value_schema[1] = CITY_2;
    /* Key 0 in schema 1, key 1 in schema 2. */
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n",
               LG_LIT("\x00\x06\x02V\x0e\x02\x02\x0c\x10\x02W\x04IT\x04"));
    a = LG_TW_BATCH(w, "a", "b"); /* Without a reader schema each keeps its own. */
    lg_tw_assert_json(a, 0, "{\"n\":\"V\",\"p\":7}");
    lg_tw_assert_json(a, 1, "{\"p\":8,\"n\":\"W\",\"c\":\"IT\"}");
    lg_tw_close(w);
    lg_tw_set(w, "reader_schema", CITY_2);
    a = LG_TW_BATCH(w, "a", "b");
    lg_tw_assert_json(a, 0, "{\"p\":7,\"n\":\"V\",\"c\":\"?\"}");
    lg_tw_assert_json(a, 1, "{\"p\":8,\"n\":\"W\",\"c\":\"IT\"}");
    assert_int_equal(a->schema_id[0], 1);
    assert_int_equal(a->schema_id[1], 2);
    lg_tw_close(w);
    lg_tw_set(w, "reader_schema",
              "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"n\","
              "\"type\":\"string\"}]}");
    a = LG_TW_BATCH(w, "a", "b");
    lg_tw_assert_json(a, 0, "{\"n\":\"V\"}");
    lg_tw_assert_json(a, 1, "{\"n\":\"W\"}");
    lg_tw_close(w);
    /* An int reads the first schema, but not the long of the second. */
    lg_tw_set(w, "reader_schema",
              "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"p\","
              "\"type\":\"int\"}]}");
    a = LG_TW_BATCH(w, "a", "b");
    assert_rc(LG_ERR_SCHEMA, a->rc);
    lg_tw_assert_json(a, 0, "{\"p\":7}");
    assert_rc(LG_ERR_SCHEMA, a->key_rc[1]);
    assert_non_null(strstr(a->key_why[1], "value schema 2 of store 'test_store'"));
    lg_tw_close(w);
    lg_tw_set(w, "reader_schema", "\"bytes\""); /* It reads none of them. */
    assert_rc(LG_ERR_SCHEMA, lg_tw_start(w));
    assert_non_null(strstr(w->start_err.text, "value schema 1 of store 'test_store'"));
}

static void new_schemas_are_looked_for_when_told(void **state)
{
    struct lg_tw *w = *state;
    size_t before;

    w->mock[0].value_schema[1] = "\"long\"";
    w->mock[0].hidden = 1;
    lg_tw_set(w, "schema_refresh_ms", "10000");
    assert_rc(LG_OK, lg_tw_start(w));
    lg_sim_run_us(w->sim, 11 * LG_SEC);
    assert_int_equal(w->mock[0].requests, 4); /* Only the ids again. */
    w->mock[0].hidden = 0;
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    before = w->mock[0].requests;
    assert_int_equal(before, 6); /* The ids, and the new one. */
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 2\r\n", LG_LIT("\x06"));
    lg_tw_assert_json(lg_tw_get(w, "k"), 0, "3");
    assert_int_equal(w->mock[0].requests, before + 1);
    w->mock[0].metadata_status = 500; /* A refresh that fails harms nobody. */
    lg_sim_run_us(w->sim, 30 * LG_SEC);
    lg_tw_assert_json(lg_tw_get(w, "k"), 0, "3");
}

/* --- Keys. -------------------------------------------------------------------------------------
 */

static void keys_are_checked_before_anything_is_asked(void **state)
{
    struct lg_tw *w = *state;
    struct lg_tw_asked *a;

    w->mock[0].key_schema = "\"long\"";
    lg_tw_tell(w, 404, NULL, LG_SLICE_NULL);
    assert_rc(LG_ERR_NOT_FOUND, lg_tw_get(w, "17")->key_rc[0]);
    lg_tw_assert_why(lg_tw_get(w, "seventeen"), LG_ERR_INVALID,
                     "the key of store 'test_store' is a long; 'seventeen' is not");
    lg_tw_assert_why(LG_TW_BATCH(w, "17", "x"), LG_ERR_INVALID, "'x'");
    a = lg_tw_submit(w, 0, true, (const char *const[]){"", NULL});
    a->read.form = LG_KEY_AVRO;
    lg_tw_assert_why(lg_tw_wait(w, a), LG_ERR_INVALID, "key 0 is empty");
    a = lg_tw_submit(w, 0, true, (const char *const[]){"\x22", NULL});
    a->read.form = LG_KEY_AVRO;
    assert_rc(LG_ERR_NOT_FOUND, lg_tw_wait(w, a)->key_rc[0]);
    a = lg_tw_submit(w, 0, true, (const char *const[]){"17", NULL});
    a->read.form = LG_KEY_JSON;
    assert_rc(LG_ERR_NOT_FOUND, lg_tw_wait(w, a)->key_rc[0]);
    assert_int_equal(w->mock[0].reads, 3);
    lg_tw_close(w);
    lg_tw_set(w, "batch_keys_max", "2");
    lg_tw_assert_why(LG_TW_BATCH(w, "1", "2", "3"), LG_ERR_TOO_LARGE,
                     "3 keys; batch_keys_max allows 2");
}

static void a_long_key_goes_into_a_body(void **state)
{
    struct lg_tw *w = *state;
    LG_SCOPED(lg_buf) key = {0};

    for (size_t i = 0; i < 100000; i++)
        lg_buf_append_byte(&key, 'k');
    lg_buf_append_byte(&key, '\0');
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x00\x0e\x0cvalue1\x02"));
    lg_tw_assert_json(lg_tw_get(w, (const char *)key.data), 0, "\"value1\"");
    lg_buf_append_byte(&w->mock[0].asked, '\0');
    assert_non_null(strstr((const char *)w->mock[0].asked.data, "POST /storage/test_store\n"));
}

/* --- Limits. -----------------------------------------------------------------------------------
 */

static void values_and_answers_over_their_limits_are_refused_by_name(void **state)
{
    struct lg_tw *w = *state;
    LG_SCOPED(lg_buf) big = {0};
    LG_SCOPED(lg_buf) gzip = {0};
    LG_SCOPED(lg_buf) multi = {0};
    struct lg_error err;

    lg_encode_bytes(&big, LG_LIT("0123456789012345678901234567890123456789"));
    assert_ok(lg_gzip(&gzip, lg_buf_slice(&big), &err));
    lg_wire_value_add(&multi, &(struct lg_wire_value){0, lg_buf_slice(&big), 1});
    lg_tw_set(w, "value_bytes_max", "40B");
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", lg_buf_slice(&big));
    lg_tw_assert_why(lg_tw_get(w, "k"), LG_ERR_TOO_LARGE, "value_bytes_max");
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 1\r\n",
               lg_buf_slice(&gzip));
    lg_tw_assert_why(lg_tw_get(w, "k"), LG_ERR_TOO_LARGE, "value_bytes_max");
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", lg_buf_slice(&multi));
    lg_tw_assert_why(LG_TW_BATCH(w, "a"), LG_ERR_TOO_LARGE, "value_bytes_max");
    lg_tw_close(w);
    lg_tw_set(w, "value_bytes_max", "41B");
    lg_tw_assert_json(LG_TW_BATCH(w, "a"), 0, "\"0123456789012345678901234567890123456789\"");
    lg_tw_close(w);
    lg_tw_set(w, "answer_bytes_max", "1KiB");
    for (size_t i = 0; i < 30; i++)
        lg_wire_value_add(&multi, &(struct lg_wire_value){(int32_t)i + 1, lg_buf_slice(&big), 1});
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", lg_buf_slice(&multi));
    assert_rc(LG_ERR_TOO_LARGE, LG_TW_BATCH(w, "a", "b")->rc);
}

static void answers_are_read_as_they_come_in_pieces_of_any_size(void **state)
{
    struct lg_tw *w = *state;

    w->mock[0].handle = lg_tw_echo;
    for (size_t piece = 1; piece < 40; piece += 3) {
        lg_net_sim_set_piece_bytes_max(w->net, piece);
        struct lg_tw_asked *a = LG_TW_BATCH(w, "a", "xb", "c");
        assert_rc(LG_OK, a->rc);
        assert_int_equal(a->answered, 3);
        lg_tw_assert_json(a, 0, "\"v\\u0002a\"");
        assert_rc(LG_ERR_NOT_FOUND, a->key_rc[1]);
        lg_tw_assert_json(a, 2, "\"v\\u0002c\"");
    }
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x0cvalue1"));
    w->mock[0].handle = lg_tw_as_told;
    lg_net_sim_set_piece_bytes_max(w->net, 1);
    lg_tw_assert_json(lg_tw_get(w, "k"), 0, "\"value1\"");
    /* What is wrong is seen before the end has come. */
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x0a\x02v\x02........"));
    lg_tw_assert_why(LG_TW_BATCH(w, "a", "b"), LG_ERR_BAD_DATA, "names key 5 of 2");
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_SLICE_NULL); /* Nothing was found. */
    assert_rc(LG_ERR_NOT_FOUND, LG_TW_BATCH(w, "a", "b")->key_rc[1]);
}

static bool one_answered(void *ctx)
{
    return ((struct lg_tw_asked *)ctx)->answered > 0;
}

static void the_keys_of_a_batch_are_told_as_they_come_and_never_twice(void **state)
{
    struct lg_tw *w = *state;
    struct lg_tw_asked *a;

    /* The router stalls in the middle of its answer, and is given up. */
    lg_tw_two_routers(w);
    lg_tw_set(w, "timeout_ms", "4000");
    assert_rc(LG_OK, lg_tw_start(w));
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n",
               LG_LIT("\x00\x0e\x0cvalue1\x02\x02\x0e\x0cvalue2\x02"));
    w->reply.stall = true;
    a = lg_tw_submit(w, 0, false, (const char *const[]){"a", "b", NULL});
    assert_true(lg_sim_run_until(w->sim, one_answered, a, LG_SEC));
    assert_int_equal(a->dones, 0);
    assert_int_equal(a->answered, 1);
    lg_tw_assert_json(a, 0, "\"value1\"");
    w->reply.stall = false; /* The other router answers both keys, another way round. */
    w->reply.body = LG_LIT("\x02\x0e\x0cvalue2\x02\x00\x0e\x0cvalue3\x02");
    assert_rc(LG_OK, lg_tw_wait(w, a)->rc);
    assert_int_equal(a->answered, 2);
    lg_tw_assert_json(a, 0, "\"value1\"");
    lg_tw_assert_json(a, 1, "\"value2\"");
    assert_int_equal(w->mock[0].reads + w->mock[1].reads, 2);
    /* Values of a schema that must be fetched first come at the end, the others at once. */
    w->mock[0].value_schema[1] = w->mock[1].value_schema[1] = "\"long\"";
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n",
               LG_LIT("\x00\x02\x06\x04\x02\x0e\x0cvalue2\x02"));
    a = LG_TW_BATCH(w, "a", "b");
    assert_int_equal(a->answered, 2);
    lg_tw_assert_json(a, 0, "3");
    lg_tw_assert_json(a, 1, "\"value2\"");
}

static void answers_over_memory_max_are_refused_and_given_back(void **state)
{
    struct lg_tw *w = *state;
    LG_SCOPED(lg_buf) value = {0};
    LG_SCOPED(lg_buf) body = {0};

    for (size_t i = 0; i < 700000; i++)
        lg_buf_append_byte(&value, 'x');
    lg_encode_bytes(&body, lg_buf_slice(&value));
    lg_tw_set(w, "memory_max", "1MiB");
    lg_tw_set(w, "retries", "0");
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", lg_buf_slice(&body));
    for (size_t round = 0; round < 3; round++) { /* Two at once are too much, one by one not. */
        size_t well = 0, busy = 0;

        for (size_t i = 0; i < 2; i++)
            (void)lg_tw_submit(w, i, true, (const char *const[]){"k", NULL});
        for (size_t i = 0; i < 2; i++) {
            well += lg_tw_wait(w, &w->asked[i])->rc == LG_OK;
            busy += w->asked[i].rc == LG_ERR_BUSY && strstr(w->asked[i].why, "memory_max") != NULL;
        }
        assert_int_equal(well + busy, 2);
        assert_true(well >= 1);
        assert_rc(LG_OK, lg_tw_get(w, "k")->rc);
    }
}

/* --- Retries. ----------------------------------------------------------------------------------
 */

static void a_router_that_is_gone_is_replaced_by_the_next(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_two_routers(w);
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x0cvalue1"));
    lg_tw_assert_json(lg_tw_get(w, "k"), 0, "\"value1\"");
    lg_mock_router_stop(&w->mock[0]);
    for (size_t i = 0; i < 20; i++)
        lg_tw_assert_json(lg_tw_get(w, "k"), 0, "\"value1\"");
    lg_mock_router_start(&w->mock[0], lg_net_sim_transport(w->net), w->router_lane[0], "world");
    lg_mock_router_stop(&w->mock[1]);
    for (size_t i = 0; i < 20; i++)
        lg_tw_assert_json(lg_tw_get(w, "k"), 0, "\"value1\"");
    lg_mock_router_stop(&w->mock[0]);
    lg_tw_assert_why(lg_tw_get(w, "k"), LG_ERR_UNAVAILABLE, "world:777");
}

static void handle_once_503(struct lg_mock_router *m, const struct lg_http1_message *rq,
                            struct lg_mock_reply *reply)
{
    lg_tw_as_told(m, rq, reply);
    if (m->reads % 2 == 1)
        reply->status = 503;
}

static void a_single_router_is_asked_again_after_a_pause(void **state)
{
    struct lg_tw *w = *state;
    uint64_t before_us;

    w->mock[0].handle = handle_once_503;
    lg_tw_set(w, "retry_pause_ms", "200");
    assert_rc(LG_OK, lg_tw_start(w));
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x0cvalue1"));
    before_us = lg_sim_now_us(w->sim);
    lg_tw_assert_json(lg_tw_get(w, "k"), 0, "\"value1\"");
    assert_int_equal(w->mock[0].reads, 2);
    assert_true(lg_sim_now_us(w->sim) - before_us >= 200 * LG_MS);
    /* 503 for ever: the retries end, 200 + 400 + 800 ms later. */
    w->mock[0].handle = lg_tw_as_told;
    lg_tw_tell(w, 503, NULL, LG_LIT("not yet"));
    before_us = lg_sim_now_us(w->sim);
    lg_tw_assert_why(lg_tw_get(w, "k"), LG_ERR_UNREADY, "not yet");
    assert_int_equal(w->mock[0].reads, 6);
    assert_true(lg_sim_now_us(w->sim) - before_us >= 1400 * LG_MS);
}

static void retries_end_when_their_budget_is_spent(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_set(w, "retry_percent", "10");
    lg_tw_set(w, "retry_pause_ms", "1");
    lg_tw_tell(w, 503, NULL, LG_LIT("not yet"));
    for (size_t i = 0; i < 600; i++)
        assert_rc(LG_ERR_UNREADY, lg_tw_get(w, "k")->rc);
    /* 600 first tries, the burst of 1000, and one for each ten reads. */
    assert_in_range(w->mock[0].reads, 1600 + 50, 1600 + 60);
}

static void quotas_and_failures_are_not_retried(void **state)
{
    static const int statuses[] = {400, 403, 413, 429, 500, 529};
    struct lg_tw *w = *state;

    lg_tw_two_routers(w);
    for (size_t i = 0; i < LG_ARRAY_SIZE(statuses); i++) {
        lg_tw_tell(w, statuses[i], NULL, LG_LIT("no"));
        (void)lg_tw_get(w, "k");
        assert_int_equal(w->mock[0].reads + w->mock[1].reads, i + 1);
    }
}

static void handle_silent(struct lg_mock_router *m, const struct lg_http1_message *rq,
                          struct lg_mock_reply *reply)
{
    (void)m, (void)rq;
    reply->silent = true;
}

static void handle_cut(struct lg_mock_router *m, const struct lg_http1_message *rq,
                       struct lg_mock_reply *reply)
{
    lg_tw_as_told(m, rq, reply);
    reply->cut = true;
}

static void a_silent_router_leaves_time_for_the_next(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_two_routers(w);
    w->mock[0].handle = handle_silent;
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x0cvalue1"));
    for (size_t i = 0; i < 4; i++)
        lg_tw_assert_json(lg_tw_get(w, "k"), 0, "\"value1\"");
    assert_true(w->mock[0].reads > 0);
    w->mock[1].handle = handle_silent;
    lg_tw_assert_why(lg_tw_get(w, "k"), LG_ERR_TIMEOUT, "did not answer");
}

static void a_broken_answer_is_asked_for_again(void **state)
{
    struct lg_tw *w = *state;
    struct lg_tw_asked *a;

    lg_tw_two_routers(w);
    w->mock[0].handle = handle_cut;
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n",
               LG_LIT("\x00\x0e\x0cvalue1\x02\x02\x0e\x0cvalue2\x02"));
    for (size_t i = 0; i < 4; i++) {
        a = LG_TW_BATCH(w, "a", "b");
        assert_rc(LG_OK, a->rc);
        assert_int_equal(a->answered, 2); /* Once each. */
        lg_tw_assert_json(a, 1, "\"value2\"");
    }
    assert_true(w->mock[0].reads > 0);
}

/* --- The queue, deadlines, cancelling, closing. ------------------------------------------------
 */

static bool all_done(void *ctx)
{
    struct lg_tw *w = ctx;

    for (size_t i = 0; i < LG_TW_READS_MAX; i++)
        if (w->asked[i].read.done != NULL && w->asked[i].dones == 0)
            return false;
    return true;
}

static void more_reads_than_connections_wait_their_turn(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_set(w, "connections", "4");
    w->mock[0].handle = lg_tw_echo;
    for (size_t i = 0; i < LG_TW_READS_MAX; i++)
        (void)lg_tw_submit(w, i, false, (const char *const[]){"a", "xb", "c", NULL});
    assert_true(lg_sim_run_until(w->sim, all_done, w, LG_TW_WAIT_US));
    for (size_t i = 0; i < LG_TW_READS_MAX; i++) {
        assert_rc(LG_OK, w->asked[i].rc);
        assert_int_equal(w->asked[i].dones, 1);
        assert_int_equal(w->asked[i].answered, 3);
        assert_rc(LG_ERR_NOT_FOUND, w->asked[i].key_rc[1]);
        lg_tw_assert_json(&w->asked[i], 2, "\"v\\u0002c\"");
    }
    assert_true(lg_net_sim_connections(w->net) <= 4);
    assert_int_equal(lg_client_counters(w->client)->found, 2 * LG_TW_READS_MAX);
    assert_int_equal(lg_client_counters(w->client)->not_found, LG_TW_READS_MAX);
}

static void deadlines_hold_wherever_the_read_is(void **state)
{
    struct lg_tw *w = *state;
    struct lg_tw_asked *a;
    uint64_t before_us;

    lg_tw_set(w, "connections", "1");
    lg_tw_set(w, "timeout_ms", "300");
    w->mock[0].handle = handle_silent;
    before_us = lg_sim_now_us(w->sim);
    (void)lg_tw_submit(w, 1, true, (const char *const[]){"k", NULL});
    a = lg_tw_submit(w, 2, true, (const char *const[]){"k", NULL});
    lg_tw_assert_why(lg_tw_wait(w, &w->asked[1]), LG_ERR_TIMEOUT, "did not answer");
    lg_tw_assert_why(lg_tw_wait(w, a), LG_ERR_TIMEOUT, "waited for one of 1 connections");
    assert_true(lg_sim_now_us(w->sim) - before_us < 400 * LG_MS);
    /* A read's own timeout wins. */
    before_us = lg_sim_now_us(w->sim);
    a = lg_tw_submit(w, 1, true, (const char *const[]){"k", NULL});
    w->asked[1].dones = 0;
    lg_client_cancel(&a->read);
    lg_tw_assert_why(lg_tw_wait(w, a), LG_ERR_CANCELLED, "cancelled");
    lg_tw_close(w);
    w->mock[0].metadata_status = 503;
    lg_tw_assert_why(lg_tw_get(w, "k"), LG_ERR_TIMEOUT, "schemas of store 'test_store'");
}

static void a_cancelled_read_ends_once_and_frees_its_connection(void **state)
{
    struct lg_tw *w = *state;
    struct lg_tw_asked *a;

    lg_tw_set(w, "connections", "1");
    assert_rc(LG_OK, lg_tw_start(w));
    w->mock[0].handle = handle_silent;
    a = lg_tw_submit(w, 1, true, (const char *const[]){"k", NULL});
    lg_sim_run_us(w->sim, 100 * LG_MS); /* It is under way. */
    assert_int_equal(w->mock[0].reads, 1);
    w->mock[0].handle = lg_tw_echo;
    (void)lg_tw_submit(w, 2, false, (const char *const[]){"a", NULL});
    lg_sim_run_us(w->sim, 100 * LG_MS);
    assert_int_equal(w->asked[2].dones, 0); /* There is but one connection. */
    lg_client_cancel(&a->read);
    assert_int_equal(a->dones, 0);
    lg_client_cancel(&a->read);
    lg_tw_assert_why(lg_tw_wait(w, a), LG_ERR_CANCELLED, "cancelled");
    assert_rc(LG_OK, lg_tw_wait(w, &w->asked[2])->rc);
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    assert_int_equal(a->dones, 1);
}

/* Closes the client `steps` steps after the reads were submitted: every moment of their lives. */
static void close_after(struct lg_tw *w, size_t steps)
{
    static const char *const keys[] = {"a", "b", NULL};

    for (size_t i = 0; i < 6; i++)
        (void)lg_tw_submit(w, i, i % 2 == 0, keys);
    if (w->asked[0].dones == 0)
        lg_client_cancel(&w->asked[0].read);
    for (size_t i = 0; i < steps; i++)
        if (!lg_sim_step(w->sim))
            break;
    lg_tw_close(w);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(w->asked[i].dones, 1);
}

static void a_close_ends_everything_at_any_moment(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_set(w, "connections", "2");
    lg_tw_set(w, "retry_pause_ms", "5");
    lg_tw_set(w, "schema_refresh_ms", "3");
    w->mock[0].value_schema[1] = "\"long\"";
    w->mock[0].hidden = 1;
    for (size_t steps = 0; steps < 400; steps += steps < 60 ? 1 : 7) {
        w->mock[0].handle = steps % 3 == 0 ? lg_tw_echo : lg_tw_as_told;
        /* An unknown schema, or a retry: the moments that wait for something else. */
        if (steps % 3 == 1)
            lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 2\r\n", LG_LIT("\x06"));
        else
            lg_tw_tell(w, 503, NULL, LG_SLICE_NULL);
        close_after(w, steps);
    }
}

static void started(void *ctx, const struct lg_error *err)
{
    struct lg_tw *w = ctx;

    w->started++;
    w->start_err = *err;
}

static void a_close_while_it_starts_is_told_to_who_waits(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_open(w);
    lg_client_start(w->client, started, w);
    lg_tw_close(w);
    assert_int_equal(w->started, 1);
    assert_rc(LG_ERR_CANCELLED, w->start_err.rc);
}

static void the_version_is_told_when_the_router_does(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-LAGOON-VERSION: 12\r\n", LG_LIT("\x0cvalue1"));
    assert_int_equal(lg_tw_get(w, "k")->version[0], 12);
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-LAGOON-VERSION: x\r\n", LG_LIT("\x0cvalue1"));
    assert_int_equal(lg_tw_get(w, "k")->version[0], 0);
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-LAGOON-VERSION: 12\r\n",
               LG_LIT("\x00\x0e\x0cvalue1\x02"));
    assert_int_equal(LG_TW_BATCH(w, "k")->version[0], 12);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lg_tw_set_up, lg_tw_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_store_that_does_not_exist_is_told),
        TEST(a_router_without_schema_ids_is_asked_for_all_schemas),
        TEST(a_start_is_tried_ten_times_and_then_told),
        TEST(metadata_that_is_none_is_refused),
        TEST(options_that_are_missing_or_wrong_are_named),
        TEST(values_of_old_and_new_schemas_are_read_in_the_reader_s),
        TEST(new_schemas_are_looked_for_when_told),
        TEST(keys_are_checked_before_anything_is_asked),
        TEST(a_long_key_goes_into_a_body),
        TEST(values_and_answers_over_their_limits_are_refused_by_name),
        TEST(answers_are_read_as_they_come_in_pieces_of_any_size),
        TEST(the_keys_of_a_batch_are_told_as_they_come_and_never_twice),
        TEST(answers_over_memory_max_are_refused_and_given_back),
        TEST(a_router_that_is_gone_is_replaced_by_the_next),
        TEST(a_single_router_is_asked_again_after_a_pause),
        TEST(retries_end_when_their_budget_is_spent),
        TEST(quotas_and_failures_are_not_retried),
        TEST(a_silent_router_leaves_time_for_the_next),
        TEST(a_broken_answer_is_asked_for_again),
        TEST(more_reads_than_connections_wait_their_turn),
        TEST(deadlines_hold_wherever_the_read_is),
        TEST(a_cancelled_read_ends_once_and_frees_its_connection),
        TEST(a_close_ends_everything_at_any_moment),
        TEST(a_close_while_it_starts_is_told_to_who_waits),
        TEST(the_version_is_told_when_the_router_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
