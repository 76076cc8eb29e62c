/* What Venice's own thin client was seen to ask and to accept (wire-formats 4.8 and 4.9), row by
 * row: ours asks the same, and accepts or refuses the same. */
#include "base/compressor.h"
#include "base/str.h"
#include "test/lib/thin_world.h"
#include "test/test.h"

#include <stdio.h>

/* --- What Venice's thin client asks: 4.8. ------------------------------------------------------
 */

static void the_start_asks_what_venice_s_thin_client_asks(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x0cvalue1"));
    lg_tw_assert_json(lg_tw_get(w, "key1"), 0, "\"value1\"");
    lg_buf_append_byte(&w->mock[0].asked, '\0');
    /* CGtleTE= is the Avro string "key1". */
    assert_string_equal((const char *)w->mock[0].asked.data,
                        "GET /all_value_schema_ids/test_store\n"
                        "GET /value_schema/test_store/1\n"
                        "GET /key_schema/test_store\n"
                        "GET /storage/test_store/CGtleTE=?f=b64\n");
}

static void check_single_headers(struct lg_mock_router *m, const struct lg_http1_message *rq,
                                 struct lg_mock_reply *reply)
{
    assert_slice_equal(lg_http_header(&rq->headers, "X-VENICE-API-VERSION"), LG_LIT("1"));
    assert_slice_equal(lg_http_header(&rq->headers, "X-VENICE-SUPPORTED-COMPRESSION-STRATEGY"),
                       LG_LIT("2"));
    lg_tw_as_told(m, rq, reply);
}

static void check_multi_headers(struct lg_mock_router *m, const struct lg_http1_message *rq,
                                struct lg_mock_reply *reply)
{
    check_single_headers(m, rq, reply);
    assert_slice_equal(lg_http_header(&rq->headers, "X-VENICE-KEY-COUNT"), LG_LIT("2"));
    assert_slice_equal(lg_http_header(&rq->headers, "X-VENICE-STREAMING"), LG_LIT("1"));
    assert_slice_equal(lg_http_header(&rq->headers, "Content-Type"),
                       LG_LIT("application/octet-stream"));
    assert_slice_equal(rq->target, LG_LIT("/storage/test_store"));
    assert_slice_equal(lg_buf_slice(&rq->body), LG_LIT("\x04\x02"
                                                       "a\x0a\x08"
                                                       "key1"));
}

static void reads_carry_venice_s_headers_and_bodies(void **state)
{
    struct lg_tw *w = *state;

    w->mock[0].handle = check_single_headers;
    lg_tw_tell(w, 404, NULL, LG_SLICE_NULL);
    assert_rc(LG_ERR_NOT_FOUND, lg_tw_get(w, "key1")->key_rc[0]);
    w->mock[0].handle = check_multi_headers;
    /* Key 0 with value1, key 1 missing: the examples of 4.4. */
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n",
               LG_LIT("\x00\x0e\x0cvalue1\x02\x01\x00\xcf\x0f"));
    struct lg_tw_asked *a = LG_TW_BATCH(w, "a", "key1");
    assert_rc(LG_OK, a->rc);
    lg_tw_assert_json(a, 0, "\"value1\"");
    assert_rc(LG_ERR_NOT_FOUND, a->key_rc[1]);
    assert_int_equal(w->mock[0].reads, 2);
}

/* --- What it accepts: 4.9, row by row. ---------------------------------------------------------
 */

static void row_1_an_answer_without_schema_id_is_refused(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_tell(w, 200, NULL, LG_LIT("\x0cvalue1"));
    lg_tw_assert_why(lg_tw_get(w, "k"), LG_ERR_BAD_DATA, "without the header X-VENICE-SCHEMA-ID");
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: -1\r\n", LG_LIT("\x0cvalue1"));
    lg_tw_assert_why(lg_tw_get(w, "k"), LG_ERR_BAD_DATA, "the schema id '-1'");
    assert_int_equal(w->mock[0].reads, 2); /* Nothing a retry would help. */
}

static void row_2_gzip_and_zstd_are_undone(void **state)
{
    struct lg_tw *w = *state;
    LG_SCOPED(lg_buf) gzip = {0};
    LG_SCOPED(lg_buf) zstd = {0};
    LG_AUTO(lg_zstd) *z = lg_zstd_new();
    struct lg_error err;

    assert_ok(lg_gzip(&gzip, LG_LIT("\x0cvalue1"), &err));
    assert_ok(lg_zstd_compress(z, NULL, &zstd, LG_LIT("\x0cvalue1"), &err));
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 1\r\n",
               lg_buf_slice(&gzip));
    lg_tw_assert_json(lg_tw_get(w, "k"), 0, "\"value1\"");
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 2\r\n",
               lg_buf_slice(&zstd));
    lg_tw_assert_json(lg_tw_get(w, "k"), 0, "\"value1\"");
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 0\r\n",
               LG_LIT("\x0cvalue1"));
    lg_tw_assert_json(lg_tw_get(w, "k"), 0, "\"value1\"");
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 1\r\n",
               LG_LIT("\x0cvalue1"));
    assert_rc(LG_ERR_BAD_DATA, lg_tw_get(w, "k")->rc);
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 3\r\n",
               LG_LIT("\x0cvalue1"));
    lg_tw_assert_why(lg_tw_get(w, "k"), LG_ERR_UNSUPPORTED, "dictionary");
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 9\r\n",
               LG_LIT("\x0cvalue1"));
    lg_tw_assert_why(lg_tw_get(w, "k"), LG_ERR_BAD_DATA, "unknown compression '9'");
}

static void row_3_a_chunked_answer_is_read(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x0cvalue1"));
    w->reply.chunked = true;
    lg_tw_assert_json(lg_tw_get(w, "k"), 0, "\"value1\"");
}

static void row_4_an_unknown_schema_is_fetched_then(void **state)
{
    struct lg_tw *w = *state;

    w->mock[0].value_schema[1] = "\"long\"";
    w->mock[0].hidden = 1;
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 2\r\n", LG_LIT("\x06"));
    lg_tw_assert_json(lg_tw_get(w, "k"), 0, "3");
    assert_int_equal(w->asked[0].schema_id[0], 2);
    lg_buf_append_byte(&w->mock[0].asked, '\0');
    assert_non_null(
        strstr((const char *)w->mock[0].asked.data, "?f=b64\nGET /value_schema/test_store/2\n"));
    lg_tw_assert_json(lg_tw_get(w, "k"), 0, "3"); /* And remembered. */
    assert_int_equal(w->mock[0].requests, 6);
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 3\r\n", LG_LIT("\x06"));
    lg_tw_assert_why(lg_tw_get(w, "k"), LG_ERR_NO_SCHEMA, "does not know value schema 3");
}

static void row_5_404_with_or_without_a_body_is_a_missing_key(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_tell(w, 404, NULL, LG_SLICE_NULL);
    assert_rc(LG_OK, lg_tw_get(w, "k")->rc); /* It is an answer. */
    assert_rc(LG_ERR_NOT_FOUND, w->asked[0].key_rc[0]);
    lg_tw_tell(w, 404, NULL, LG_LIT("nothing here"));
    assert_rc(LG_ERR_NOT_FOUND, lg_tw_get(w, "k")->key_rc[0]);
}

static void row_6_statuses_keep_their_meaning_and_text(void **state)
{
    static const struct {
        int status;
        enum lg_rc rc;
    } cases[] = {{400, LG_ERR_INVALID},     {403, LG_ERR_REFUSED},     {401, LG_ERR_REFUSED},
                 {500, LG_ERR_FAILED},      {503, LG_ERR_UNREADY},     {301, LG_ERR_FAILED},
                 {413, LG_ERR_TOO_LARGE},   {429, LG_ERR_BUSY},        {529, LG_ERR_BUSY},
                 {405, LG_ERR_UNSUPPORTED}, {502, LG_ERR_UNAVAILABLE}, {504, LG_ERR_TIMEOUT}};
    struct lg_tw *w = *state;

    lg_tw_set(w, "retries", "0");
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        char want[64];

        lg_tw_tell(w, cases[i].status, NULL, LG_LIT("boom\r\nbang"));
        (void)snprintf(want, sizeof want, "answers %d: boom  bang", cases[i].status);
        lg_tw_assert_why(lg_tw_get(w, "k"), cases[i].rc, want);
        lg_tw_assert_why(LG_TW_BATCH(w, "a", "b"), cases[i].rc, want);
        assert_int_equal(w->asked[0].answered, 0);
        lg_tw_tell(w, cases[i].status, NULL, LG_SLICE_NULL); /* Rows 8, 10: empty bodies. */
        lg_tw_assert_why(lg_tw_get(w, "k"), cases[i].rc, "answers ");
        lg_tw_assert_why(LG_TW_BATCH(w, "a", "b"), cases[i].rc, "answers ");
    }
}

static void row_8_and_9_a_post_answered_404_or_without_schema_id_ends(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_tell(w, 404, NULL, LG_SLICE_NULL);
    lg_tw_assert_why(LG_TW_BATCH(w, "a", "b"), LG_ERR_BAD_DATA, "404");
    lg_tw_tell(w, 200, NULL, LG_LIT("\x00\x0e\x0cvalue1\x02"));
    lg_tw_assert_why(LG_TW_BATCH(w, "a", "b"), LG_ERR_BAD_DATA,
                     "without the header X-VENICE-SCHEMA-ID");
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 7\r\n", LG_LIT("\x00\x0e\x0cvalue1\x02"));
    lg_tw_assert_why(LG_TW_BATCH(w, "a", "b"), LG_ERR_BAD_DATA, "version 7 of the protocol");
}

static void row_11_missing_keys_are_told_or_left_out(void **state)
{
    struct lg_tw *w = *state;
    struct lg_tw_asked *a;

    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x02\x0e\x0cvalue1\x02"));
    a = LG_TW_BATCH(w, "a", "b", "c");
    assert_rc(LG_OK, a->rc);
    assert_rc(LG_ERR_NOT_FOUND, a->key_rc[0]);
    lg_tw_assert_json(a, 1, "\"value1\"");
    assert_rc(LG_ERR_NOT_FOUND, a->key_rc[2]);
    /* Told: -0 is 0, and -2 is 03. */
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n",
               LG_LIT("\x03\x00\xcf\x0f\x02\x0e\x0cvalue1\x02\x00\x00\xcf\x0f"));
    w->reply.chunked = true;
    a = LG_TW_BATCH(w, "a", "b", "c");
    assert_rc(LG_OK, a->rc);
    assert_int_equal(a->answered, 3);
    assert_rc(LG_ERR_NOT_FOUND, a->key_rc[0]);
    lg_tw_assert_json(a, 1, "\"value1\"");
    assert_rc(LG_ERR_NOT_FOUND, a->key_rc[2]);
}

static void row_12_a_footer_is_an_error_after_the_first_byte(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_set(w, "retries", "0");
    /* value1, then index -1000000, {503, "boom", {}}, schema -1001. */
    lg_tw_tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n",
               LG_LIT("\x00\x0e\x0cvalue1\x02\xff\x88\x7a\x10\xee\x07\x08"
                      "boom\x00\xd1\x0f"));
    lg_tw_assert_why(LG_TW_BATCH(w, "a", "b"), LG_ERR_UNREADY, "says 503: boom");
    assert_int_equal(w->asked[0].answered, 1); /* It came before, and was told. */
    lg_tw_assert_json(&w->asked[0], 0, "\"value1\"");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lg_tw_set_up, lg_tw_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_start_asks_what_venice_s_thin_client_asks),
        TEST(reads_carry_venice_s_headers_and_bodies),
        TEST(row_1_an_answer_without_schema_id_is_refused),
        TEST(row_2_gzip_and_zstd_are_undone),
        TEST(row_3_a_chunked_answer_is_read),
        TEST(row_4_an_unknown_schema_is_fetched_then),
        TEST(row_5_404_with_or_without_a_body_is_a_missing_key),
        TEST(row_6_statuses_keep_their_meaning_and_text),
        TEST(row_8_and_9_a_post_answered_404_or_without_schema_id_ends),
        TEST(row_11_missing_keys_are_told_or_left_out),
        TEST(row_12_a_footer_is_an_error_after_the_first_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
