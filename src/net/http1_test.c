/* The parser against a table of good and bad messages, each also split at every byte; the writers;
 * and the bounds. */
#include "net/http1.h"

#include <stdio.h>

#include "test/test.h"

#define BODY_MAX 100

/* --- Parsing one message -------------------------------------------------------------------- */

struct outcome {
    enum lg_http1_event event;
    size_t used;
    int status; /* Of the fault. */
    char text[200];
    struct lg_http1_message m;
    bool expected; /* EXPECTS was seen. */
};

/* Feeds `first` bytes, then the rest; `first` SIZE_MAX: byte by byte. */
static void parse(enum lg_http1_kind kind, const char *bytes, size_t size, size_t first,
                  bool no_body, struct outcome *out)
{
    struct lg_http1 *p = lg_http1_new(kind, BODY_MAX);
    const char *text = "";

    *out = (struct outcome){.event = LG_HTTP1_MORE};
    if (no_body)
        lg_http1_expect_no_body(p);
    while (out->used < size && (out->event == LG_HTTP1_MORE || out->event == LG_HTTP1_EXPECTS)) {
        size_t piece = first == SIZE_MAX ? 1 : out->used < first ? first - out->used : size;
        size_t used;

        piece = LG_MIN(piece, size - out->used);
        /* Exactly as many bytes as there are, so that ASan sees a read past them. */
        char *copy = lg_strndup(bytes + out->used, piece);

        copy = lg_realloc(copy, piece);
        out->event = lg_http1_feed(p, lg_slice(copy, piece), &used);
        lg_free(copy);
        assert_true(used <= piece);
        if (out->event == LG_HTTP1_MORE || out->event == LG_HTTP1_EXPECTS)
            assert_int_equal(used, piece);
        out->used += used;
        out->expected |= out->event == LG_HTTP1_EXPECTS;
    }
    if (out->event == LG_HTTP1_COMPLETE)
        lg_http1_take(p, &out->m);
    if (out->event == LG_HTTP1_BAD) {
        out->status = lg_http1_fault(p, &text);
        (void)snprintf(out->text, sizeof(out->text), "%s", text);
    }
    lg_http1_free(p);
}

/* The same outcome however the bytes are cut; the caller frees out->m. */
static void parse_every_way(enum lg_http1_kind kind, const char *bytes, struct outcome *out)
{
    size_t size = strlen(bytes);

    parse(kind, bytes, size, size, false, out);
    for (size_t first = 0; first <= size; first++) {
        struct outcome other;

        parse(kind, bytes, size, first == 0 ? SIZE_MAX : first, false, &other);
        if (other.event != out->event || other.status != out->status)
            fail_msg("cut at %zu: event %d status %d (%s), else %d %d (%s): %s", first, other.event,
                     other.status, other.text, out->event, out->status, out->text, bytes);
        if (out->event == LG_HTTP1_COMPLETE) {
            assert_int_equal(other.used, out->used);
            assert_slice_equal(lg_buf_slice(&other.m.body), lg_buf_slice(&out->m.body));
            assert_slice_equal(other.m.target, out->m.target);
            assert_int_equal(other.m.headers.size, out->m.headers.size);
            for (size_t i = 0; i < out->m.headers.size; i++)
                assert_slice_equal(other.m.headers.data[i].value, out->m.headers.data[i].value);
            assert_int_equal(other.m.keep_alive, out->m.keep_alive);
        }
        lg_http1_message_done(&other.m);
    }
}

/* --- Tables --------------------------------------------------------------------------------- */

#define H "Host: a\r\n"

static const struct {
    const char *bytes;
    enum lg_http_method method;
    const char *target, *body;
    bool keep_alive;
    const char *rest; /* Not taken. */
} good[] = {
    {"GET / HTTP/1.1\r\n" H "\r\n", LG_HTTP_GET, "/", "", true, ""},
    {"\r\nGET / HTTP/1.1\r\n" H "\r\n", LG_HTTP_GET, "/", "", true, ""},
    {"GET /a?b=c&d HTTP/1.1\r\n" H "X:\r\nY: \t z \t\r\n\r\nGET", LG_HTTP_GET, "/a?b=c&d", "", true,
     "GET"},
    {"GET /%7B\"x\" HTTP/1.1\r\n" H "\r\n", LG_HTTP_GET, "/%7B\"x\"", "", true, ""},
    {"GET http://a/b HTTP/1.1\r\n" H "\r\n", LG_HTTP_GET, "http://a/b", "", true, ""},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", LG_HTTP_OPTIONS, "*", "", true, ""},
    {"PATCH /x HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", LG_HTTP_OTHER, "/x", "", true, ""},
    {"GET / HTTP/1.0\r\n\r\n", LG_HTTP_GET, "/", "", false, ""},
    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", LG_HTTP_GET, "/", "", true, ""},
    {"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\nx", LG_HTTP_GET, "/", "", false, "x"},
    {"GET / HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n", LG_HTTP_GET, "/", "", false, ""},
    {"POST /x HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhelloPOST", LG_HTTP_POST, "/x", "hello",
     true, "POST"},
    {"POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\n, w\r\n"
     "0\r\nTrailer: t\r\n\r\nrest",
     LG_HTTP_POST, "/x", "hello, w", true, "rest"},
    {"PUT /x HTTP/1.1\r\n" H "transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n", LG_HTTP_PUT, "/x", "",
     true, ""},
    {"GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", LG_HTTP_GET, "/", "",
     true, ""},
    {"DELETE /x HTTP/1.1\r\n" H "\r\n", LG_HTTP_DELETE, "/x", "", true, ""},
};

static void good_requests_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(good); i++) {
        struct outcome o;

        parse_every_way(LG_HTTP1_REQUEST, good[i].bytes, &o);
        if (o.event != LG_HTTP1_COMPLETE)
            fail_msg("%s: event %d, %s", good[i].bytes, o.event, o.text);
        assert_int_equal(o.m.method, good[i].method);
        assert_slice_equal(o.m.target, lg_slice_str(good[i].target));
        assert_slice_equal(lg_buf_slice(&o.m.body), lg_slice_str(good[i].body));
        assert_int_equal(o.m.keep_alive, good[i].keep_alive);
        assert_string_equal(good[i].bytes + o.used, good[i].rest);
        lg_http1_message_done(&o.m);
    }
}

static const struct {
    int status;
    const char *bytes;
} bad[] = {
    /* Not HTTP at all. */
    {400, "\x16\x03\x01\x02"},
    {400, "get / HTTP/1.1\r\n" H "\r\n"},
    {400, " GET / HTTP/1.1\r\n" H "\r\n"},
    {400, "\r\n\r\n\r\n\r\n\r\n\r\n"},
    {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {400, "OPTIONS * RTSP/1.0\r\n" H "\r\n"},
    {400, "GET /\r\n\r\n"},
    {501, "BREW / HTTP/1.1\r\n" H "\r\n"},
    {501, "CONNECT a:80 HTTP/1.1\r\n" H "\r\n"},
    {505, "GET / HTTP/2.0\r\n" H "\r\n"},
    {505, "GET / HTTP/1.2\r\n" H "\r\n"},
    {505, "GET / HTTP/0.9\r\n" H "\r\n"},
    {400, "GET / HTTP/1.10\r\n" H "\r\n"},
    /* Targets. */
    {400, "GET x HTTP/1.1\r\n" H "\r\n"},
    {400, "GET * HTTP/1.1\r\n" H "\r\n"},
    {400, "GET  / HTTP/1.1\r\n" H "\r\n"},
    {400, "GET / x HTTP/1.1\r\n" H "\r\n"},
    {400, "GET /\t HTTP/1.1\r\n" H "\r\n"},
    {400, "GET /#x HTTP/1.1\r\n" H "\r\n"},
    {400, "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n"},
    {400, "GET /\x7f HTTP/1.1\r\n" H "\r\n"},
    {400, "GET https://a/ HTTP/1.1\r\n" H "\r\n"},
    /* Ends of lines, and folds. */
    {400, "GET / HTTP/1.1\n" H "\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n"},
    /* Header names. */
    {400, "GET / HTTP/1.1\r\n" H "X : a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X y: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H ": a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\nhello"},
    /* Host. */
    {400, "GET / HTTP/1.1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H H "\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "host: b\r\n\r\n"},
    /* Lengths that two readers could read differently: request smuggling. */
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nhello"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nhello"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nhello"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\nhello"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\nhello"},
    {400, "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\nh"},
    {400,
     "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {400,
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
    {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
    {501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"},
    {501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\n" H
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\x0b"
          "chunked\r\n\r\n0\r\n\r\n"},
    /* Chunks. */
    {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nx\r\n"},
    {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n-1\r\n"},
    {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"},
    /* Over the limits. */
    {413, "POST / HTTP/1.1\r\n" H "Content-Length: 101\r\n\r\n"},
    {413, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n65\r\n"
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaaaaaaaaa\r\n"},
    /* Expectations. */
    {417, "POST / HTTP/1.1\r\n" H "Expect: tea\r\nContent-Length: 1\r\n\r\nx"},
};

static void bad_requests_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        struct outcome o;

        parse_every_way(LG_HTTP1_REQUEST, bad[i].bytes, &o);
        if (o.event != LG_HTTP1_BAD || o.status != bad[i].status)
            fail_msg("case %zu: %s: event %d status %d: %s", i, bad[i].bytes, o.event, o.status,
                     o.text);
        assert_true(strlen(o.text) > 0);
        lg_http1_message_done(&o.m);
    }
}

static void a_zero_byte_is_refused(void **state)
{
    static const char bytes[] = "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n";
    struct outcome o;

    (void)state;
    parse(LG_HTTP1_REQUEST, bytes, sizeof(bytes) - 1, sizeof(bytes) - 1, false, &o);
    assert_int_equal(o.event, LG_HTTP1_BAD);
    assert_int_equal(o.status, 400);
}

/* --- Bounds --------------------------------------------------------------------------------- */

static int fault_of(const struct lg_buf *bytes)
{
    struct outcome o;

    parse(LG_HTTP1_REQUEST, (const char *)bytes->data, bytes->size, bytes->size, false, &o);
    lg_http1_message_done(&o.m);
    return o.event == LG_HTTP1_BAD ? o.status : 0;
}

static void append_times(struct lg_buf *b, char c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        lg_buf_append_byte(b, (uint8_t)c);
}

static void heads_have_a_bound(void **state)
{
    LG_SCOPED(lg_buf) b = {0};

    (void)state;
    lg_buf_append_str(&b, "GET /");
    append_times(&b, 'a', LG_HTTP1_TARGET_BYTES_MAX - 1);
    lg_buf_append_str(&b, " HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(fault_of(&b), 0);

    lg_buf_clear(&b);
    lg_buf_append_str(&b, "GET /");
    append_times(&b, 'a', LG_HTTP1_TARGET_BYTES_MAX);
    lg_buf_append_str(&b, " HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(fault_of(&b), 414);

    lg_buf_clear(&b);
    lg_buf_append_str(&b, "GET /");
    append_times(&b, 'a', LG_HTTP_HEAD_BYTES_MAX); /* And no end in sight. */
    assert_int_equal(fault_of(&b), 414);

    lg_buf_clear(&b);
    lg_buf_append_str(&b, "GET / HTTP/1.1\r\n" H "X: ");
    append_times(&b, 'a', LG_HTTP_HEAD_BYTES_MAX);
    assert_int_equal(fault_of(&b), 431);
}

static void headers_have_a_bound(void **state)
{
    (void)state;
    for (size_t n = LG_HTTP_HEADERS_MAX; n <= LG_HTTP_HEADERS_MAX + 1; n++) {
        LG_SCOPED(lg_buf) b = {0};

        lg_buf_append_str(&b, "GET / HTTP/1.1\r\n" H);
        for (size_t i = 1; i < n; i++)
            lg_buf_appendf(&b, "X-%zu: y\r\n", i);
        lg_buf_append_str(&b, "\r\n");
        assert_int_equal(fault_of(&b), n == LG_HTTP_HEADERS_MAX ? 0 : 431);
    }
}

static void the_framing_of_a_body_has_a_bound(void **state)
{
    LG_SCOPED(lg_buf) b = {0};

    (void)state;
    lg_buf_append_str(&b, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1;");
    append_times(&b, 'x', 2 * LG_HTTP_HEAD_BYTES_MAX);
    assert_int_equal(fault_of(&b), 413);

    lg_buf_clear(&b);
    lg_buf_append_str(&b, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < BODY_MAX; i++)
        lg_buf_append_str(&b, "1\r\nx\r\n");
    lg_buf_append_str(&b, "0\r\n\r\n");
    assert_int_equal(fault_of(&b), 0);
}

/* --- Pipelines, expectations ----------------------------------------------------------------- */

static void messages_follow_one_another(void **state)
{
    struct lg_slice rest =
        LG_LIT("GET /1 HTTP/1.1\r\n" H "\r\n"
               "POST /2 HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
               "POST /3 HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
               "GET /4 HTTP/1.1\r\n" H "\r\n");
    struct lg_http1 *p = lg_http1_new(LG_HTTP1_REQUEST, BODY_MAX);
    struct lg_http1_message m = {0};
    unsigned n = 0;

    (void)state;
    while (rest.size > 0) {
        size_t used;
        char want[3] = {'/', (char)('1' + n++), '\0'};

        assert_true(lg_http1_is_between(p));
        assert_int_equal(lg_http1_feed(p, rest, &used), LG_HTTP1_COMPLETE);
        lg_http1_take(p, &m);
        assert_slice_equal(m.target, lg_slice_str(want));
        lg_http1_message_clear(&m, SIZE_MAX);
        rest = lg_slice_skip(rest, used);
    }
    assert_int_equal(n, 4);
    lg_http1_message_done(&m);
    lg_http1_free(p);
}

static void an_expectation_is_reported_once_and_only_while_the_body_is_missing(void **state)
{
    struct lg_slice head =
        LG_LIT("POST / HTTP/1.1\r\n" H "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n");
    struct lg_slice whole =
        LG_LIT("POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nab");
    struct lg_http1 *p = lg_http1_new(LG_HTTP1_REQUEST, BODY_MAX);
    struct lg_http1_message m = {0};
    size_t used;

    (void)state;
    assert_int_equal(lg_http1_feed(p, head, &used), LG_HTTP1_EXPECTS);
    assert_int_equal(lg_http1_feed(p, LG_LIT("ab"), &used), LG_HTTP1_MORE);
    assert_int_equal(lg_http1_feed(p, LG_LIT("c"), &used), LG_HTTP1_COMPLETE);
    lg_http1_take(p, &m);
    assert_int_equal(lg_http1_feed(p, whole, &used), LG_HTTP1_MORE);
    assert_int_equal(lg_http1_feed(p, LG_LIT("c"), &used), LG_HTTP1_COMPLETE);
    lg_http1_message_done(&m);
    lg_http1_free(p);
}

static void the_parser_says_where_it_stands(void **state)
{
    struct lg_http1 *p = lg_http1_new(LG_HTTP1_REQUEST, BODY_MAX);
    size_t used;

    (void)state;
    assert_true(lg_http1_is_between(p) && !lg_http1_in_head(p));
    assert_int_equal(lg_http1_finish(p), LG_HTTP1_MORE);
    assert_int_equal(lg_http1_feed(p, LG_LIT("POST / HT"), &used), LG_HTTP1_MORE);
    assert_true(!lg_http1_is_between(p) && lg_http1_in_head(p));
    assert_int_equal(lg_http1_feed(p, LG_LIT("TP/1.1\r\n" H "Content-Length: 3\r\n\r\n"), &used),
                     LG_HTTP1_MORE);
    assert_true(!lg_http1_is_between(p) && !lg_http1_in_head(p));
    assert_int_equal(lg_http1_finish(p), LG_HTTP1_BAD);
    lg_http1_free(p);
}

/* --- Responses ------------------------------------------------------------------------------ */

static const struct {
    const char *bytes;
    int status;
    const char *body;
    bool keep_alive, no_body;
    const char *rest;
} answers[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true, false, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiX", 200, "hi", true, false, "X"},
    {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "", true, false, ""},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", false, false, ""},
    {"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 404, "hi", true,
     false, ""},
    {"HTTP/1.1 204 No Content\r\n\r\nH", 204, "", true, false, "H"},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nH", 204, "", true, false, "H"},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", true, false, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nH", 200, "", true, true, "H"},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", true,
     false, ""},
};

static void answers_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(answers); i++) {
        size_t size = strlen(answers[i].bytes);

        for (size_t first = 0; first <= size; first++) {
            struct outcome o;

            parse(LG_HTTP1_RESPONSE, answers[i].bytes, size, first == 0 ? SIZE_MAX : first,
                  answers[i].no_body, &o);
            if (o.event != LG_HTTP1_COMPLETE)
                fail_msg("%s: event %d, %s", answers[i].bytes, o.event, o.text);
            assert_int_equal(o.m.status, answers[i].status);
            assert_slice_equal(lg_buf_slice(&o.m.body), lg_slice_str(answers[i].body));
            assert_int_equal(o.m.keep_alive, answers[i].keep_alive);
            assert_string_equal(answers[i].bytes + o.used, answers[i].rest);
            lg_http1_message_done(&o.m);
        }
    }
}

static void bad_answers_are_refused(void **state)
{
    static const char *const bytes[] = {
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(bytes); i++) {
        struct outcome o;

        parse_every_way(LG_HTTP1_RESPONSE, bytes[i], &o);
        if (o.event != LG_HTTP1_BAD)
            fail_msg("%s: event %d", bytes[i], o.event);
        lg_http1_message_done(&o.m);
    }
}

static void an_answer_without_length_ends_with_the_connection(void **state)
{
    struct lg_http1 *p = lg_http1_new(LG_HTTP1_RESPONSE, BODY_MAX);
    struct lg_http1_message m = {0};
    size_t used;

    (void)state;
    assert_int_equal(lg_http1_feed(p, LG_LIT("HTTP/1.1 200 OK\r\n\r\nhello"), &used),
                     LG_HTTP1_MORE);
    assert_int_equal(lg_http1_finish(p), LG_HTTP1_COMPLETE);
    lg_http1_take(p, &m);
    assert_slice_equal(lg_buf_slice(&m.body), LG_LIT("hello"));
    assert_false(m.keep_alive);

    assert_int_equal(
        lg_http1_feed(p, LG_LIT("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"), &used),
        LG_HTTP1_MORE);
    assert_int_equal(lg_http1_finish(p), LG_HTTP1_BAD);
    lg_http1_message_done(&m);
    lg_http1_free(p);
}

static void interim_answers_have_a_bound(void **state)
{
    struct lg_http1 *p = lg_http1_new(LG_HTTP1_RESPONSE, BODY_MAX);
    size_t used;

    (void)state;
    for (int i = 0; i < LG_HTTP1_INTERIM_MAX; i++)
        assert_int_equal(lg_http1_feed(p, LG_LIT("HTTP/1.1 102 Processing\r\n\r\n"), &used),
                         LG_HTTP1_MORE);
    assert_int_equal(lg_http1_feed(p, LG_LIT("HTTP/1.1 102 Processing\r\n\r\n"), &used),
                     LG_HTTP1_BAD);
    lg_http1_free(p);
}

/* --- Writers -------------------------------------------------------------------------------- */

static void responses_are_written_with_a_length(void **state)
{
    LG_SCOPED(lg_buf) b = {0};
    struct lg_http_header extra[] = {{LG_LIT("X-A"), LG_LIT("a\r\nX-B: b\x7f")}};
    struct lg_http1_answer a = {.status = 200,
                                .content_type = "text/plain",
                                .headers = extra,
                                .header_count = 1,
                                .body = LG_LIT("hi"),
                                .keep_alive = true};

    (void)state;
    lg_http1_write_response(&b, &a);
    assert_slice_equal(lg_buf_slice(&b),
                       LG_LIT("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A: a??X-B: b?\r\n"
                              "Content-Length: 2\r\n\r\nhi"));
    lg_buf_clear(&b);
    a = (struct lg_http1_answer){.status = 404, .body = LG_LIT("hi"), .to_head = true};
    lg_http1_write_response(&b, &a);
    assert_slice_equal(lg_buf_slice(&b), LG_LIT("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n"
                                                "Connection: close\r\n\r\n"));
    lg_buf_clear(&b);
    a = (struct lg_http1_answer){.status = 204, .keep_alive = true, .to_http10 = true};
    lg_http1_write_response(&b, &a);
    assert_slice_equal(lg_buf_slice(&b),
                       LG_LIT("HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n"));
}

static void requests_are_written_and_can_be_read(void **state)
{
    LG_SCOPED(lg_buf) b = {0};
    struct lg_http_header extra[] = {{LG_LIT("X-A"), LG_LIT("a")}};
    struct lg_http1_ask ask = {.method = LG_HTTP_POST,
                               .target = LG_LIT("/x?y"),
                               .host = "::1",
                               .port = 5555,
                               .headers = extra,
                               .header_count = 1,
                               .body = LG_LIT("hi")};
    struct lg_error err;
    struct outcome o;

    (void)state;
    assert_ok(lg_http1_check_request(&ask, &err));
    lg_http1_write_request(&b, &ask);
    assert_slice_equal(lg_buf_slice(&b), LG_LIT("POST /x?y HTTP/1.1\r\nHost: [::1]:5555\r\n"
                                                "X-A: a\r\nContent-Length: 2\r\n\r\nhi"));
    parse(LG_HTTP1_REQUEST, (const char *)b.data, b.size, b.size, false, &o);
    assert_int_equal(o.event, LG_HTTP1_COMPLETE);
    assert_slice_equal(lg_buf_slice(&o.m.body), LG_LIT("hi"));
    assert_slice_equal(lg_http_header(&o.m.headers, "x-a"), LG_LIT("a"));
    lg_http1_message_done(&o.m);
}

static void requests_that_could_split_are_not_written(void **state)
{
    struct lg_http_header split[] = {{LG_LIT("X-A"), LG_LIT("a\r\nX-B: b")}};
    struct lg_http_header name[] = {{LG_LIT("X A"), LG_LIT("a")}};
    struct lg_http1_ask good_ask = {.target = LG_LIT("/"), .host = "a", .port = 1}, ask;
    struct lg_error err;

    (void)state;
    assert_ok(lg_http1_check_request(&good_ask, &err));
    ask = good_ask, ask.target = LG_LIT("/ HTTP/1.1\r\nX: y");
    assert_rc(LG_ERR_INVALID, lg_http1_check_request(&ask, &err));
    ask = good_ask, ask.target = LG_LIT("x");
    assert_rc(LG_ERR_INVALID, lg_http1_check_request(&ask, &err));
    ask = good_ask, ask.headers = split, ask.header_count = 1;
    assert_rc(LG_ERR_INVALID, lg_http1_check_request(&ask, &err));
    ask = good_ask, ask.headers = name, ask.header_count = 1;
    assert_rc(LG_ERR_INVALID, lg_http1_check_request(&ask, &err));
    ask = good_ask, ask.method = LG_HTTP_OTHER;
    assert_rc(LG_ERR_INVALID, lg_http1_check_request(&ask, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_requests_are_understood),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(a_zero_byte_is_refused),
        cmocka_unit_test(heads_have_a_bound),
        cmocka_unit_test(headers_have_a_bound),
        cmocka_unit_test(the_framing_of_a_body_has_a_bound),
        cmocka_unit_test(messages_follow_one_another),
        cmocka_unit_test(an_expectation_is_reported_once_and_only_while_the_body_is_missing),
        cmocka_unit_test(the_parser_says_where_it_stands),
        cmocka_unit_test(answers_are_understood),
        cmocka_unit_test(bad_answers_are_refused),
        cmocka_unit_test(an_answer_without_length_ends_with_the_connection),
        cmocka_unit_test(interim_answers_have_a_bound),
        cmocka_unit_test(responses_are_written_with_a_length),
        cmocka_unit_test(requests_are_written_and_can_be_read),
        cmocka_unit_test(requests_that_could_split_are_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
