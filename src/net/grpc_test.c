/* gRPC's words: heads of requests row by row, messages cut in every way, statuses as trailers. */
#include "net/grpc.h"

#include <stdlib.h>

#include "base/compressor.h"
#include "test/test.h"

#define GET_PATH "/com.linkedin.venice.protocols.VeniceReadService/get"

/* A head with one field in another way; NULL: not there. */
struct head {
    const char *method, *path, *content_type, *encoding, *accept, *timeout;
};

static bool read_head(const struct head *h, struct lg_grpc_call *call, struct lg_grpc_refusal *why)
{
    struct lg_http_header fields[4];
    struct lg_http_headers headers = {fields, 0};
    const char *const named[][2] = {{"content-type", h->content_type},
                                    {"grpc-encoding", h->encoding},
                                    {"grpc-accept-encoding", h->accept},
                                    {"grpc-timeout", h->timeout}};

    for (size_t i = 0; i < LG_ARRAY_SIZE(named); i++) {
        if (named[i][1] != NULL)
            fields[headers.size++] =
                (struct lg_http_header){lg_slice_str(named[i][0]), lg_slice_str(named[i][1])};
    }
    return lg_grpc_read_head(lg_slice_str(h->method), lg_slice_str(h->path), &headers,
                             LG_SLICE_NULL, call, why);
}

static void a_good_head_says_method_timeout_and_encodings(void **state)
{
    struct lg_grpc_call call;
    struct lg_grpc_refusal why;

    (void)state;
    assert_true(read_head(&(struct head){"POST", GET_PATH, "application/grpc", "gzip",
                                         "identity, gzip,deflate", "250m"},
                          &call, &why));
    assert_int_equal(call.rpc, LG_RPC_VENICE_READ_GET);
    assert_slice_equal(call.service, LG_LIT("com.linkedin.venice.protocols.VeniceReadService"));
    assert_slice_equal(call.method, LG_LIT("get"));
    assert_int_equal(call.timeout_us, 250000);
    assert_int_equal(call.encoding, LG_GRPC_GZIP);
    assert_true(read_head(&(struct head){"POST", GET_PATH, "application/grpc", NULL, NULL, NULL},
                          &call, &why));
    assert_true(call.timeout_us == LG_GRPC_NO_TIMEOUT);
    assert_int_equal(call.encoding, LG_GRPC_IDENTITY);
}

static void the_timeout_may_stand_apart_from_the_fields(void **state)
{
    struct lg_http_header type = {LG_LIT("content-type"), LG_LIT("application/grpc")};
    struct lg_grpc_call call;
    struct lg_grpc_refusal why;

    (void)state;
    assert_true(lg_grpc_read_head(LG_LIT("POST"), LG_LIT(GET_PATH),
                                  &(struct lg_http_headers){&type, 1}, LG_LIT("3S"), &call, &why));
    assert_int_equal(call.timeout_us, 3000000);
}

static void a_bad_head_is_refused_row_by_row(void **state)
{
    static const struct {
        struct head head;
        int http;
        enum lg_grpc_status status;
    } rows[] = {
        {{"GET", GET_PATH, "application/grpc", NULL, NULL, NULL}, 405, LG_GRPC_INTERNAL},
        {{"post", GET_PATH, "application/grpc", NULL, NULL, NULL}, 405, LG_GRPC_INTERNAL},
        {{"POST", GET_PATH, NULL, NULL, NULL, NULL}, 415, LG_GRPC_INTERNAL},
        {{"POST", GET_PATH, "application/json", NULL, NULL, NULL}, 415, LG_GRPC_INTERNAL},
        {{"POST", GET_PATH, "application/grpc-web", NULL, NULL, NULL}, 415, LG_GRPC_INTERNAL},
        {{"POST", GET_PATH, "application/grpc+json", NULL, NULL, NULL}, 415, LG_GRPC_INTERNAL},
        {{"POST", "", "application/grpc", NULL, NULL, NULL}, 200, LG_GRPC_UNIMPLEMENTED},
        {{"POST", "/", "application/grpc", NULL, NULL, NULL}, 200, LG_GRPC_UNIMPLEMENTED},
        {{"POST", "/get", "application/grpc", NULL, NULL, NULL}, 200, LG_GRPC_UNIMPLEMENTED},
        {{"POST", "/a/b", "application/grpc", NULL, NULL, NULL}, 200, LG_GRPC_UNIMPLEMENTED},
        {{"POST", GET_PATH "/", "application/grpc", NULL, NULL, NULL}, 200, LG_GRPC_UNIMPLEMENTED},
        {{"POST", GET_PATH "?a", "application/grpc", NULL, NULL, NULL}, 200, LG_GRPC_UNIMPLEMENTED},
        {{"POST", GET_PATH, "application/grpc", "deflate", NULL, NULL}, 200, LG_GRPC_UNIMPLEMENTED},
        {{"POST", GET_PATH, "application/grpc", "GZIP", NULL, NULL}, 200, LG_GRPC_UNIMPLEMENTED},
        {{"POST", GET_PATH, "application/grpc", NULL, NULL, ""}, 200, LG_GRPC_INTERNAL},
        {{"POST", GET_PATH, "application/grpc", NULL, NULL, "1"}, 200, LG_GRPC_INTERNAL},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct lg_grpc_call call;
        struct lg_grpc_refusal why = {0};

        if (read_head(&rows[i].head, &call, &why))
            fail_msg("row %zu was taken", i);
        if (why.http != rows[i].http || why.status != rows[i].status || why.text[0] == '\0')
            fail_msg("row %zu: %d %s %s", i, why.http, lg_grpc_status_name(why.status), why.text);
    }
}

static void a_path_has_two_parts(void **state)
{
    static const char *const bad[] = {"", "/", "//", "/a", "/a/", "//b", "a/b", "/a/b/", "/a/b/c"};
    struct lg_slice service, method;

    (void)state;
    assert_true(lg_grpc_split_path(LG_LIT("/a.B/c"), &service, &method));
    assert_slice_equal(service, LG_LIT("a.B"));
    assert_slice_equal(method, LG_LIT("c"));
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++)
        assert_false(lg_grpc_split_path(lg_slice_str(bad[i]), &service, &method));
}

static void content_types_of_grpc_are_known(void **state)
{
    (void)state;
    assert_true(lg_grpc_is_grpc(LG_LIT("application/grpc")));
    assert_true(lg_grpc_is_grpc(LG_LIT("application/grpc+proto")));
    assert_true(lg_grpc_is_grpc(LG_LIT("Application/gRPC")));
    assert_true(lg_grpc_is_grpc(LG_LIT("application/grpc; charset=utf-8")));
    assert_false(lg_grpc_is_grpc(LG_LIT("application/grpc+")));
    assert_false(lg_grpc_is_grpc(LG_LIT("application/grpcx")));
    assert_false(lg_grpc_is_grpc(LG_LIT("application/grp")));
    assert_false(lg_grpc_is_grpc(LG_SLICE_NULL));
}

static void timeouts_are_microseconds_rounded_up(void **state)
{
    static const struct {
        const char *text;
        uint64_t us;
    } rows[] = {{"1n", 1},
                {"1000n", 1},
                {"1001n", 2},
                {"0n", 0},
                {"7u", 7},
                {"20m", 20000},
                {"99999999u", 99999999},
                {"2S", 2000000},
                {"1M", 60000000},
                {"99999999H", UINT64_C(359999996400000000)}};
    static const char *const bad[] = {"",     "S",   "1",   "1s",         "1h",  "-1S", "+1S",
                                      "1.5S", " 1S", "1 S", "123456789u", "1SS", "aS"};
    uint64_t us;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        assert_true(lg_grpc_parse_timeout(lg_slice_str(rows[i].text), &us));
        assert_true(us == rows[i].us);
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++)
        assert_false(lg_grpc_parse_timeout(lg_slice_str(bad[i]), &us));
}

static void a_written_timeout_is_read_as_long_or_a_little_longer(void **state)
{
    static const uint64_t values[] = {0,         1,         99999999,
                                      100000000, 123456789, UINT64_C(3600000000) * 99999999};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(values); i++) {
        LG_SCOPED(lg_buf) text = {0};
        uint64_t us;

        lg_grpc_write_timeout(&text, values[i]);
        assert_true(lg_grpc_parse_timeout(lg_buf_slice(&text), &us));
        assert_true(us >= values[i] && us - values[i] <= values[i] / 99999);
    }
    LG_SCOPED(lg_buf) most = {0};
    lg_grpc_write_timeout(&most, UINT64_MAX);
    assert_slice_equal(lg_buf_slice(&most), LG_LIT("99999999H"));
}

/* --- Messages --------------------------------------------------------------------------------- */
static void append_message(struct lg_buf *out, uint8_t flag, struct lg_slice bytes)
{
    lg_buf_append_byte(out, flag);
    lg_buf_append_u32be(out, (uint32_t)bytes.size);
    lg_buf_append_slice(out, bytes);
}

/* Reads the body in pieces of `step` bytes and joins the messages with '|' behind each. */
static enum lg_rc join(struct lg_grpc_reader *r, struct lg_slice body, size_t step,
                       struct lg_buf *out)
{
    struct lg_error err = {0};

    while (body.size > 0) {
        size_t n = LG_MIN(step, body.size);
        uint8_t *copy = malloc(n); /* Of its own, so that the sanitizer sees a byte too many. */
        struct lg_slice in = {copy, n}, message;
        bool has = true;
        enum lg_rc rc = LG_OK;

        memcpy(copy, body.data, n);
        while (rc == LG_OK && has) {
            rc = lg_grpc_next(r, &in, &message, &has, &err);
            if (rc == LG_OK && has) {
                lg_buf_append_slice(out, message);
                lg_buf_append_byte(out, '|');
            }
        }
        free(copy);
        if (rc != LG_OK)
            return rc;
        assert_int_equal(in.size, 0);
        body = lg_slice_skip(body, n);
    }
    return LG_OK;
}

static void messages_are_read_however_the_body_is_cut(void **state)
{
    LG_SCOPED(lg_buf) body = {0}, packed = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_gzip(&packed, LG_LIT("compressed"), &err));
    append_message(&body, 0, LG_LIT("first"));
    append_message(&body, 0, LG_SLICE_NULL);
    append_message(&body, 1, lg_buf_slice(&packed));
    append_message(&body, 0, LG_LIT("last"));
    for (size_t step = 1; step <= body.size; step++) {
        LG_SCOPED(lg_grpc_reader) r = {.encoding = LG_GRPC_GZIP};
        LG_SCOPED(lg_buf) got = {0};

        assert_rc(LG_OK, join(&r, lg_buf_slice(&body), step, &got));
        assert_slice_equal(lg_buf_slice(&got), LG_LIT("first||compressed|last|"));
        assert_true(lg_grpc_is_between(&r));
    }
    /* Cut off anywhere but between two messages it is seen. */
    for (size_t size = 0, whole = 0; size <= body.size; size++) {
        LG_SCOPED(lg_grpc_reader) r = {.encoding = LG_GRPC_GZIP};
        LG_SCOPED(lg_buf) got = {0};
        const size_t ends[] = {0, 10, 15, 20 + packed.size, body.size};

        assert_rc(LG_OK, join(&r, lg_slice(body.data, size), 7, &got));
        assert_int_equal(lg_grpc_is_between(&r), size == ends[whole]);
        whole += size == ends[whole];
    }
}

static void a_message_in_one_piece_is_not_copied(void **state)
{
    LG_SCOPED(lg_grpc_reader) r = {0};
    LG_SCOPED(lg_buf) body = {0};
    struct lg_error err = {0};
    struct lg_slice in, message;
    bool has;

    (void)state;
    append_message(&body, 0, LG_LIT("abc"));
    in = lg_buf_slice(&body);
    assert_ok(lg_grpc_next(&r, &in, &message, &has, &err));
    assert_true(has);
    assert_ptr_equal(message.data, body.data + 5);
    assert_null(r.held.data);
}

static void a_body_that_is_one_message_is_told_at_once(void **state)
{
    struct lg_slice message = LG_SLICE_NULL;

    (void)state;
    assert_true(lg_grpc_single(LG_LIT("\0\0\0\0\3abc"), 3, &message));
    assert_slice_equal(message, LG_LIT("abc"));
    assert_true(lg_grpc_single(LG_LIT("\0\0\0\0\0"), 0, &message));
    assert_int_equal(message.size, 0);
    assert_false(lg_grpc_single(LG_LIT("\0\0\0\0\3abc"), 2, &message));
    assert_false(lg_grpc_single(LG_LIT("\0\0\0\0\3ab"), 3, &message));
    assert_false(lg_grpc_single(LG_LIT("\0\0\0\0\3abcd"), 3, &message));
    assert_false(lg_grpc_single(LG_LIT("\1\0\0\0\3abc"), 3, &message));
    assert_false(lg_grpc_single(LG_LIT("\0\0\0\0"), 3, &message));
    assert_false(lg_grpc_single(LG_SLICE_NULL, 3, &message));
}

static enum lg_rc read_bad(struct lg_slice body, size_t max, enum lg_grpc_encoding encoding)
{
    LG_SCOPED(lg_grpc_reader) r = {.message_bytes_max = max, .encoding = encoding};
    LG_SCOPED(lg_buf) got = {0};

    return join(&r, body, SIZE_MAX, &got);
}

static void bad_messages_are_refused(void **state)
{
    LG_SCOPED(lg_buf) packed = {0}, body = {0}, cut = {0};
    struct lg_error err = {0};
    uint8_t zeros[1000] = {0};

    (void)state;
    assert_ok(lg_gzip(&packed, lg_slice(zeros, sizeof zeros), &err));
    append_message(&body, 1, lg_buf_slice(&packed));
    append_message(&cut, 1, lg_slice(packed.data, packed.size - 1));
    assert_rc(LG_ERR_BAD_DATA, read_bad(LG_LIT("\2\0\0\0\0"), 0, LG_GRPC_GZIP));
    assert_rc(LG_ERR_BAD_DATA, read_bad(LG_LIT("GET / "), 0, LG_GRPC_GZIP));
    assert_rc(LG_ERR_BAD_DATA, read_bad(LG_LIT("\1\0\0\0\0"), 0, LG_GRPC_IDENTITY));
    assert_rc(LG_ERR_BAD_DATA, read_bad(LG_LIT("\1\0\0\0\0"), 0, LG_GRPC_GZIP));
    assert_rc(LG_ERR_BAD_DATA, read_bad(lg_buf_slice(&cut), 0, LG_GRPC_GZIP));
    assert_rc(LG_ERR_BAD_DATA, read_bad(lg_buf_slice(&body), 0, LG_GRPC_IDENTITY));
    assert_rc(LG_OK, read_bad(lg_buf_slice(&body), 1000, LG_GRPC_GZIP));
    /* A bomb ends at the bound. */
    assert_rc(LG_ERR_TOO_LARGE, read_bad(lg_buf_slice(&body), 999, LG_GRPC_GZIP));
    assert_rc(LG_ERR_TOO_LARGE, read_bad(LG_LIT("\0\0\0\0\x0b"), 10, LG_GRPC_IDENTITY));
    assert_rc(LG_OK, read_bad(LG_LIT("\0\0\0\0\x0a"), 10, LG_GRPC_IDENTITY));
    assert_rc(LG_ERR_TOO_LARGE, read_bad(LG_LIT("\0\0\x40\0\1"), 0, LG_GRPC_IDENTITY));
    assert_rc(LG_ERR_TOO_LARGE, read_bad(LG_LIT("\0\xff\xff\xff\xff"), 0, LG_GRPC_IDENTITY));
    assert_int_equal(lg_grpc_status_of_input(LG_ERR_BAD_DATA), LG_GRPC_INTERNAL);
    assert_int_equal(lg_grpc_status_of_input(LG_ERR_TOO_LARGE), LG_GRPC_RESOURCE_EXHAUSTED);
}

static void a_large_message_leaves_no_memory_behind(void **state)
{
    LG_SCOPED(lg_grpc_reader) r = {0};
    LG_SCOPED(lg_buf) body = {0}, got = {0};
    uint8_t *bytes = lg_zalloc(1 << 20);

    (void)state;
    append_message(&body, 0, lg_slice(bytes, 1 << 20));
    lg_free(bytes);
    append_message(&body, 0, LG_LIT("x"));
    assert_rc(LG_OK, join(&r, lg_buf_slice(&body), 4096, &got));
    assert_int_equal(got.size, (1 << 20) + 3);
    assert_true(r.held.capacity <= LG_GRPC_KEPT_BYTES_MAX);
}

static void messages_are_written_with_their_prefix(void **state)
{
    const struct lg_venice_server_response small = {.error_code = 200};
    LG_SCOPED(lg_buf) out = {0};
    struct lg_buf tiny = lg_buf_with_ceiling(7);
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_grpc_append(&out, &lg_venice_server_response_pb, &small, &err));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("\0\0\0\0\3\x30\xc8\1"));
    assert_rc(LG_ERR_TOO_LARGE, lg_grpc_append(&tiny, &lg_venice_server_response_pb, &small, &err));
    assert_int_equal(tiny.size, 0);
    assert_true(lg_buf_ok(&tiny));
    lg_buf_done(&tiny);
}

/* --- Statuses --------------------------------------------------------------------------------- */
static void trailers_carry_status_and_text(void **state)
{
    struct lg_grpc_trailers t;

    (void)state;
    lg_grpc_trailers(&t, LG_GRPC_OK, LG_SLICE_NULL);
    assert_int_equal(t.count, 1);
    assert_slice_equal(t.fields[0].name, LG_LIT("grpc-status"));
    assert_slice_equal(t.fields[0].value, LG_LIT("0"));
    lg_grpc_trailers(&t, LG_GRPC_UNAUTHENTICATED, LG_LIT("100 % \xe2\x82\xac\r\n~\x7f"));
    assert_int_equal(t.count, 2);
    assert_slice_equal(t.fields[0].value, LG_LIT("16"));
    assert_slice_equal(t.fields[1].name, LG_LIT("grpc-message"));
    assert_slice_equal(t.fields[1].value, LG_LIT("100 %25 %E2%82%AC%0D%0A~%7F"));
    lg_grpc_trailers_of(&t, &(struct lg_error){LG_ERR_NO_STORE, "no store x"});
    assert_slice_equal(t.fields[0].value, LG_LIT("5"));
    assert_slice_equal(t.fields[1].value, LG_LIT("no store x"));
}

static void a_long_text_is_cut_between_characters(void **state)
{
    LG_SCOPED(lg_buf) text = {0}, decoded = {0};
    struct lg_grpc_trailers t;

    (void)state;
    lg_buf_append_str(&text, "abc");
    for (int i = 0; i < 2000; i++)
        lg_buf_append_str(&text, "\xe2\x82\xac");
    lg_grpc_trailers(&t, LG_GRPC_UNKNOWN, lg_buf_slice(&text));
    assert_int_equal(t.fields[1].value.size, 3 + (LG_GRPC_TEXT_BYTES_MAX - 3) / 9 * 9);
    lg_grpc_decode_text(&decoded, t.fields[1].value);
    assert_true(lg_slice_starts(lg_buf_slice(&text), lg_buf_slice(&decoded)));
}

static void texts_are_decoded_and_what_is_no_escape_stays(void **state)
{
    LG_SCOPED(lg_buf) out = {0};

    (void)state;
    lg_grpc_decode_text(&out, LG_LIT("a%20b%%zz%4%E2%82%ac+%"));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("a b%%zz%4\xe2\x82\xac+%"));
}

static void statuses_have_names_and_numbers(void **state)
{
    (void)state;
    assert_int_equal(LG_GRPC_STATUS_COUNT, 17);
    assert_string_equal(lg_grpc_status_name(LG_GRPC_OK), "OK");
    assert_string_equal(lg_grpc_status_name(LG_GRPC_UNAUTHENTICATED), "UNAUTHENTICATED");
    assert_int_equal(lg_grpc_parse_status(LG_LIT("0")), LG_GRPC_OK);
    assert_int_equal(lg_grpc_parse_status(LG_LIT("14")), LG_GRPC_UNAVAILABLE);
    assert_int_equal(lg_grpc_parse_status(LG_LIT("17")), LG_GRPC_UNKNOWN);
    assert_int_equal(lg_grpc_parse_status(LG_LIT("")), LG_GRPC_UNKNOWN);
    assert_int_equal(lg_grpc_parse_status(LG_LIT("-1")), LG_GRPC_UNKNOWN);
    assert_int_equal(lg_grpc_status_of_http(404), LG_GRPC_UNIMPLEMENTED);
    assert_int_equal(lg_grpc_status_of_http(503), LG_GRPC_UNAVAILABLE);
    assert_int_equal(lg_grpc_status_of_http(200), LG_GRPC_UNKNOWN);
}

static void every_error_of_ours_has_a_status(void **state)
{
    (void)state;
    for (int rc = 0; rc < LG_RC_COUNT; rc++) {
        enum lg_grpc_status status = lg_rc_grpc((enum lg_rc)rc);

        assert_int_equal(status == LG_GRPC_OK, rc == LG_OK);
        /* What may be asked for elsewhere is nothing that a client would give up at. */
        if (lg_rc_retry((enum lg_rc)rc) == LG_RETRY_ELSEWHERE)
            assert_true(status != LG_GRPC_INVALID_ARGUMENT && status != LG_GRPC_NOT_FOUND);
    }
    assert_int_equal(lg_rc_grpc(LG_ERR_NOT_FOUND), LG_GRPC_NOT_FOUND);
    assert_int_equal(lg_rc_grpc(LG_ERR_UNREADY), LG_GRPC_UNAVAILABLE);
}

static void heads_name_the_encodings(void **state)
{
    size_t count;
    const struct lg_http_header *f = lg_grpc_head_fields(&count);

    (void)state;
    assert_int_equal(count, 3);
    assert_slice_equal(f[0].name, LG_LIT(":status"));
    assert_slice_equal(f[1].value, LG_LIT("application/grpc"));
    assert_slice_equal(f[2].value, LG_LIT("identity,gzip"));
}

/* --- Metadata --------------------------------------------------------------------------------- */
static void binary_metadata_is_base64_padded_or_not(void **state)
{
    LG_SCOPED(lg_buf) out = {0}, one = {0}, two = {0};
    struct lg_slice values = LG_LIT("AA==,  AAE , ,/w");
    struct lg_error err = {0};
    bool has;

    (void)state;
    assert_true(lg_grpc_is_binary(LG_LIT("trace-bin")));
    assert_false(lg_grpc_is_binary(LG_LIT("bin")));
    for (size_t i = 0; i < 4; i++) {
        assert_ok(lg_grpc_next_binary(&values, &out, &has, &err));
        assert_true(has);
    }
    assert_ok(lg_grpc_next_binary(&values, &out, &has, &err));
    assert_false(has);
    assert_slice_equal(lg_buf_slice(&out), lg_slice("\0\0\1\xff", 4));
    values = LG_LIT("A");
    assert_rc(LG_ERR_BAD_DATA, lg_grpc_next_binary(&values, &out, &has, &err));
    values = LG_LIT("AA=A");
    assert_rc(LG_ERR_BAD_DATA, lg_grpc_next_binary(&values, &out, &has, &err));
    lg_grpc_encode_binary(&one, lg_slice("\0", 1));
    assert_slice_equal(lg_buf_slice(&one), LG_LIT("AA"));
    lg_grpc_encode_binary(&two, lg_slice("\0\1\2", 3));
    assert_slice_equal(lg_buf_slice(&two), LG_LIT("AAEC"));
}

static void metadata_that_may_not_be_sent_is_known(void **state)
{
    (void)state;
    assert_true(lg_grpc_metadata_valid(LG_LIT("x-id_1.a"), LG_LIT("a b~!")));
    assert_true(lg_grpc_metadata_valid(LG_LIT("a"), LG_SLICE_NULL));
    assert_false(lg_grpc_metadata_valid(LG_SLICE_NULL, LG_LIT("a")));
    assert_false(lg_grpc_metadata_valid(LG_LIT("X-Id"), LG_LIT("a")));
    assert_false(lg_grpc_metadata_valid(LG_LIT(":path"), LG_LIT("a")));
    assert_false(lg_grpc_metadata_valid(LG_LIT("grpc-status"), LG_LIT("0")));
    assert_false(lg_grpc_metadata_valid(LG_LIT("a"), LG_LIT(" a")));
    assert_false(lg_grpc_metadata_valid(LG_LIT("a"), LG_LIT("a\n")));
    assert_false(lg_grpc_metadata_valid(LG_LIT("a"), LG_LIT("\xc3\xa4")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_head_says_method_timeout_and_encodings),
        cmocka_unit_test(the_timeout_may_stand_apart_from_the_fields),
        cmocka_unit_test(a_bad_head_is_refused_row_by_row),
        cmocka_unit_test(a_path_has_two_parts),
        cmocka_unit_test(content_types_of_grpc_are_known),
        cmocka_unit_test(timeouts_are_microseconds_rounded_up),
        cmocka_unit_test(a_written_timeout_is_read_as_long_or_a_little_longer),
        cmocka_unit_test(messages_are_read_however_the_body_is_cut),
        cmocka_unit_test(a_message_in_one_piece_is_not_copied),
        cmocka_unit_test(a_body_that_is_one_message_is_told_at_once),
        cmocka_unit_test(bad_messages_are_refused),
        cmocka_unit_test(a_large_message_leaves_no_memory_behind),
        cmocka_unit_test(messages_are_written_with_their_prefix),
        cmocka_unit_test(trailers_carry_status_and_text),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(texts_are_decoded_and_what_is_no_escape_stays),
        cmocka_unit_test(statuses_have_names_and_numbers),
        cmocka_unit_test(every_error_of_ours_has_a_status),
        cmocka_unit_test(heads_name_the_encodings),
        cmocka_unit_test(binary_metadata_is_base64_padded_or_not),
        cmocka_unit_test(metadata_that_may_not_be_sent_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
