/* What a client of gRPC can send that makes no sense: one row each, in frames made by hand, since
 * clients that are not ours do not send most of it, and some mistake an answer that comes before
 * their last byte for a failure. A refused call has its status, is counted once by its reason, and
 * reads no key. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/str.h"
#include "drivers/nghttp2/hpack_nghttp2.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define VENICE "/com.linkedin.venice.protocols.VeniceReadService/"
#define GET VENICE "get"
#define BATCH VENICE "batchGet"
#define COUNT VENICE "countByValue"
#define STREAM "/lagoon.read.v1.ReadService/BatchGet"
#define CHECK "/grpc.health.v1.Health/Check"
#define WATCH "/grpc.health.v1.Health/Watch"
#define REFLECTION "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define ALPHA "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

#define GRPC "content-type: application/grpc\n"
#define NONE (-1) /* No grpc-status came. */
#define OK 0
#define INTERNAL 13
#define EXHAUSTED 8
#define UNIMPLEMENTED 12
#define TOO_LATE 4
#define NOT_FOUND 5

#define FRAME_BYTES 9u
#define FRAME_BYTES_MAX 16384u
#define LONG_BYTES 9000u /* of a field; a head may have 8192 */
#define WAIT_S 60        /* generous: sanitizers, two cores, other tests */

enum frame { DATA = 0, HEADERS = 1, RST = 3, SETTINGS = 4, PING = 6, GOAWAY = 7 };
#define END_STREAM 1
#define END_HEADERS 4
#define ACK 1

static struct lg_rig rig;

static int set_up(void **state)
{
    LG_AUTO_STR char *schema = NULL, *data = NULL;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    schema = lg_rig_file(&rig, "k.avsc", LG_LIT("\"string\""));
    data = lg_rig_file(&rig, "rows.ndjson", LG_LIT("{\"key\":\"a\",\"value\":\"one\"}\n"));
    assert_run(&rig, 0, "store", "create", "st", "--key-schema", schema, "--value-schema", schema,
               "--partitions", "1");
    assert_run(&rig, 0, "push", "st", data, "--key-field", "key", "--value-field", "value");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

/* A get of "a", which is there: partition 0, "AmE=?f=b64", "st_v1". */
#define GOOD "\0\0\0\0\x13\x12\x0a\x41\x6d\x45\x3d\x3f\x66\x3d\x62\x36\x34\x2a\x05st_v1"
#define EMPTY "\0\0\0\0\0"

static const struct row {
    const char *what, *method, *path;
    const char *fields; /* "name: value\n" each; '*' stands for LONG_BYTES letters */
    struct lg_slice body;
    int http, status;
    const char *reason; /* the label of rpc_refused_total; NULL: not counted there */
    const char *part;   /* of what came, head and trailers as text, or body; "": not looked at */
} rows[] = {
#define B(text)                                                                                    \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
#define POST_GET(what, fields, body, status, reason, part)                                         \
    {                                                                                              \
        what, "POST", GET, fields, B(body), 200, status, reason, part                              \
    }
    POST_GET("nothing is wrong", GRPC, GOOD, OK, NULL, "one"),
    /* The head. */
    {"GET", "GET", GET, GRPC, B(GOOD), 405, NONE, "method", "gRPC is POST"},
    {"PUT", "PUT", GET, GRPC, B(GOOD), 405, NONE, "method", "gRPC is POST"},
    {"no content-type", "POST", GET, "", B(GOOD), 415, NONE, "content_type", "content-type"},
    {"JSON", "POST", GET, "content-type: application/json\n", B(GOOD), 415, NONE, "content_type",
     "content-type"},
    {"gRPC for the web", "POST", GET, "content-type: application/grpc-web\n", B(GOOD), 415, NONE,
     "content_type", "content-type"},
    {"an unknown method", "POST", VENICE "getAll", GRPC, B(GOOD), 200, UNIMPLEMENTED, "path", ""},
    {"a method in capitals", "POST", VENICE "GET", GRPC, B(GOOD), 200, UNIMPLEMENTED, "path", ""},
    {"no method", "POST", VENICE, GRPC, B(GOOD), 200, UNIMPLEMENTED, "path", ""},
    {"a method with a query", "POST", GET "?x=1", GRPC, B(GOOD), 200, UNIMPLEMENTED, "path", ""},
    {"an encoded method", "POST", VENICE "%67et", GRPC, B(GOOD), 200, UNIMPLEMENTED, "path", ""},
    {"an unknown service", "POST", "/a.B/c", GRPC, B(GOOD), 200, UNIMPLEMENTED, "path", ""},
    {"a path that is none", "POST", "/", GRPC, B(GOOD), 200, UNIMPLEMENTED, "path", ""},
    POST_GET("an unknown encoding", GRPC "grpc-encoding: snappy\n", GOOD, UNIMPLEMENTED, "encoding",
             "grpc-accept-encoding: identity,gzip"),
    POST_GET("a timeout without a unit", GRPC "grpc-timeout: 100\n", GOOD, INTERNAL, "timeout",
             "grpc-timeout"),
    POST_GET("a timeout without a number", GRPC "grpc-timeout: S\n", GOOD, INTERNAL, "timeout", ""),
    POST_GET("a negative timeout", GRPC "grpc-timeout: -1S\n", GOOD, INTERNAL, "timeout", ""),
    POST_GET("a timeout of nine digits", GRPC "grpc-timeout: 100000000n\n", GOOD, INTERNAL,
             "timeout", ""),
    POST_GET("an unknown unit", GRPC "grpc-timeout: 1s\n", GOOD, INTERNAL, "timeout", ""),
    POST_GET("a timeout that is over", GRPC "grpc-timeout: 0n\n", GOOD, TOO_LATE, "deadline", ""),
    /* That one is counted by http2_limits_total. */
    {"a head over 8 KiB", "POST", GET, GRPC "x: *\n", B(GOOD), 431, NONE, NULL, ""},
    /* The frame. */
    POST_GET("no message", GRPC, "", INTERNAL, "message", ""),
    POST_GET("half a prefix", GRPC, "\0\0\0", INTERNAL, "message", ""),
    POST_GET("half a message", GRPC, "\0\0\0\0\5\x08", INTERNAL, "message", ""),
    POST_GET("two messages", GRPC, GOOD GOOD, INTERNAL, "message", "one whole message"),
    POST_GET("bytes behind a message", GRPC, GOOD "\0", INTERNAL, "message", ""),
    POST_GET("a flag of 2", GRPC, "\2\0\0\0\0", INTERNAL, "message", ""),
    POST_GET("compressed, but by what?", GRPC, "\1\0\0\0\0", INTERNAL, "message", ""),
    POST_GET("damaged gzip", GRPC "grpc-encoding: gzip\n", "\1\0\0\0\4\x1f\x8b\x08\0", INTERNAL,
             "message", ""),
    POST_GET("a length of 4 GiB", GRPC, "\0\xff\xff\xff\xff", EXHAUSTED, "size", "limit"),
    {"a length over the limit", "POST", BATCH, GRPC, B("\0\0\x40\0\1"), 200, EXHAUSTED, "size",
     "limit"},
    {"a stream's flag of 2", "POST", STREAM, GRPC, B("\2\0\0\0\0"), 200, INTERNAL, "message", ""},
    {"a stream's length", "POST", STREAM, GRPC, B("\0\xff\xff\xff\xff"), 200, EXHAUSTED, "size",
     ""},
    {"a stream that ends in a message", "POST", STREAM, GRPC, B("\0\0\0\0\5\x08"), 200, INTERNAL,
     "message", ""},
    {"a watch that ends in a message", "POST", WATCH, GRPC, B("\0\0\0"), 200, INTERNAL, "message",
     ""},
    {"a watch's length", "POST", WATCH, GRPC, B("\0\xff\xff\xff\xff"), 200, EXHAUSTED, "size", ""},
    {"a watch of nothing", "POST", WATCH, GRPC, B(""), 200, INTERNAL, "message", "one request"},
    {"a watch of two", "POST", WATCH, GRPC, B(EMPTY EMPTY), 200, INTERNAL, "message",
     "one request"},
    {"reflection that ends in a message", "POST", REFLECTION, GRPC, B("\0\0\0"), 200, INTERNAL,
     "message", ""},
    /* The message. */
    POST_GET("a field that is cut", GRPC, "\0\0\0\0\2\x12\x05", INTERNAL, "message", ""),
    POST_GET("a number without an end", GRPC, "\0\0\0\0\3\x08\xff\xff", INTERNAL, "message", ""),
    POST_GET("a group", GRPC, "\0\0\0\0\2\x0b\x0c", INTERNAL, "message", ""),
    POST_GET("the field number zero", GRPC, "\0\0\0\0\2\0\0", INTERNAL, "message", ""),
    POST_GET("a string that is no UTF-8", GRPC, "\0\0\0\0\4\x2a\x02\xff\xfe", INTERNAL, "message",
             ""),
    {"a batch that is no protobuf", "POST", BATCH, GRPC, B("\0\0\0\0\1\x07"), 200, INTERNAL,
     "message", ""},
    {"a count that is no protobuf", "POST", COUNT, GRPC, B("\0\0\0\0\1\x07"), 200, INTERNAL,
     "message", ""},
    {"a check that is no protobuf", "POST", CHECK, GRPC, B("\0\0\0\0\1\x07"), 200, INTERNAL,
     "message", ""},
    {"a watch that is no protobuf", "POST", WATCH, GRPC, B("\0\0\0\0\1\x07"), 200, INTERNAL,
     "message", ""},
    {"a stream that is no protobuf", "POST", STREAM, GRPC, B("\0\0\0\0\1\x07"), 200, INTERNAL,
     "message", ""},
    {"reflection that is no protobuf", "POST", REFLECTION, GRPC, B("\0\0\0\0\1\x07"), 200, INTERNAL,
     "message", ""},
    {"reflection of old that is none", "POST", ALPHA, GRPC, B("\0\0\0\0\1\x07"), 200, INTERNAL,
     "message", ""},
    /* An answer, not a refusal: it asks whether there is such a service. */
    {"a check of nobody", "POST", CHECK, GRPC, B("\0\0\0\0\3\x0a\x01x"), 200, NOT_FOUND, NULL,
     "no such service"},
    /* What Venice's service says in its message. */
    POST_GET("no store at all", GRPC, EMPTY, OK, "request", "\x30\x90\x03"),
    POST_GET("a key that is no base64", GRPC,
             "\0\0\0\0\x11\x12\x08"
             "!!?f=b64\x2a\x05st_v1",
             OK, "request", "the key is not base64"),
    POST_GET("a get of no key", GRPC, "\0\0\0\0\7\x2a\x05st_v1", OK, "request", "the key is empty"),
    POST_GET("an unknown version", GRPC,
             "\0\0\0\0\x13\x12\x0a\x41\x6d\x45\x3d\x3f\x66\x3d\x62\x36\x34\x2a\x05st_v9", OK,
             "request", "No storage exists for: st_v9"),
    POST_GET("no version", GRPC,
             "\0\0\0\0\x10\x12\x0a\x41\x6d\x45\x3d\x3f\x66\x3d\x62\x36\x34\x2a\x02st", OK,
             "request", "\x30\x90\x03"),
    {"keys that are none", "POST", BATCH, GRPC, B("\0\0\0\0\x0b\x1a\x02\x00\xff\x2a\x05st_v1"), 200,
     OK, "request", "MultiGetRouterRequestKeyV1"},
    {"a count of no keys", "POST", COUNT, GRPC, B("\0\0\0\0\7\x12\x05st_v1"), 200, OK, "request",
     "\x10\x90\x03"},
};

/* --- A client ----------------------------------------------------------------------------------
 */

struct answer {
    int http, status;    /* NONE: there was none. */
    struct lg_buf heads; /* "name: value\r\n" of head and trailers, with a NUL behind */
    struct lg_buf body;  /* likewise */
    const char *wrong;   /* NULL: the answer is whole. */
};

static void append_frame(struct lg_buf *out, enum frame type, uint8_t flags, uint32_t stream,
                         struct lg_slice payload)
{
    const uint8_t head[FRAME_BYTES] = {(uint8_t)(payload.size >> 16),
                                       (uint8_t)(payload.size >> 8),
                                       (uint8_t)payload.size,
                                       (uint8_t)type,
                                       flags,
                                       0,
                                       0,
                                       0,
                                       (uint8_t)stream};

    assert_true(payload.size <= FRAME_BYTES_MAX && stream < 256);
    lg_buf_append(out, head, sizeof head);
    lg_buf_append_slice(out, payload);
}

static void append_text(struct lg_buf *block, const char *text, size_t size)
{
    if (size < 127) {
        lg_buf_append_byte(block, (uint8_t)size);
    } else {
        lg_buf_append_byte(block, 127);
        for (size -= 127; size >= 128; size /= 128)
            lg_buf_append_byte(block, (uint8_t)(size % 128 + 128));
        lg_buf_append_byte(block, (uint8_t)size);
    }
    lg_buf_append_str(block, text);
}

/* As a literal that is not remembered, without Huffman's code. */
static void append_field(struct lg_buf *block, const char *name, const char *value)
{
    lg_buf_append_byte(block, 0);
    append_text(block, name, strlen(name));
    append_text(block, value, strlen(value));
}

static void append_fields(struct lg_buf *block, const char *fields)
{
    static char letters[LONG_BYTES + 1];
    LG_AUTO_STR char *copy = lg_strf("%s", fields);
    char *next;

    memset(letters, 'x', LONG_BYTES);
    for (char *line = copy; *line != '\0'; line = next) {
        char *colon = strstr(line, ": ");

        next = strchr(line, '\n');
        *colon = *next++ = '\0';
        append_field(block, line, colon[2] == '*' ? letters : colon + 2);
    }
}

static void append_request(struct lg_buf *out, const struct row *row)
{
    LG_SCOPED(lg_buf) block = {0};

    append_field(&block, ":method", row->method);
    append_field(&block, ":scheme", "http");
    append_field(&block, ":path", row->path);
    append_field(&block, ":authority", "here");
    append_field(&block, "te", "trailers");
    append_fields(&block, row->fields);
    lg_buf_append_str(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    append_frame(out, SETTINGS, 0, 0, LG_SLICE_NULL);
    append_frame(out, HEADERS, END_HEADERS, 1, lg_buf_slice(&block));
    append_frame(out, DATA, END_STREAM, 1, row->body);
}

static int connect_to_server(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(rig.server),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval wait = {.tv_sec = WAIT_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_not_equal(fd, -1);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static bool read_all(int fd, uint8_t *out, size_t size)
{
    return recv(fd, out, size, MSG_WAITALL) == (ssize_t)size;
}

static int number_of(struct lg_slice text)
{
    int64_t n;

    return lg_parse_i64(text, 0, 999, &n) ? (int)n : NONE;
}

static void take_head(struct lg_hpack *hpack, struct lg_slice block, struct answer *a)
{
    struct lg_slice name, value;
    enum lg_hpack_step step;

    while ((step = hpack->ops->next(hpack, &block, &name, &value)) == LG_HPACK_FIELD) {
        lg_buf_appendf(&a->heads, "%.*s: %.*s\r\n", (int)name.size, (const char *)name.data,
                       (int)value.size, (const char *)value.data);
        if (lg_slice_eq_str(name, ":status"))
            a->http = number_of(value);
        if (lg_slice_eq_str(name, "grpc-status"))
            a->status = number_of(value);
    }
    if (step == LG_HPACK_BAD)
        a->wrong = "the head cannot be decoded";
}

/* One frame; false: there will be no more of the answer. */
static bool take_frame(int fd, struct lg_hpack *hpack, struct answer *a)
{
    static uint8_t payload[FRAME_BYTES_MAX];
    uint8_t head[FRAME_BYTES];
    size_t size;

    if (!read_all(fd, head, sizeof head)) {
        a->wrong = "the connection ended before the answer did";
        return false;
    }
    size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
    if (size > sizeof payload || !read_all(fd, payload, size)) {
        a->wrong = "a frame that is cut";
        return false;
    }
    switch (head[3]) {
    case HEADERS:
        take_head(hpack, (struct lg_slice){payload, size}, a);
        break;
    case DATA:
        lg_buf_append(&a->body, payload, size);
        break;
    case RST:
        a->wrong = "the stream was reset";
        return false;
    case GOAWAY:
        a->wrong = "the connection was ended";
        return false;
    default:
        return true;
    }
    return (head[4] & END_STREAM) == 0;
}

static void send_row(const struct row *row, struct answer *a)
{
    LG_SCOPED(lg_buf) out = {0};
    struct lg_hpack *hpack = lg_hpack_nghttp2.open();
    int fd = connect_to_server();

    *a = (struct answer){.http = NONE, .status = NONE};
    append_request(&out, row);
    assert_int_equal(send(fd, out.data, out.size, MSG_NOSIGNAL), (ssize_t)out.size);
    while (take_frame(fd, hpack, a))
        ;
    lg_buf_append_byte(&a->heads, 0);
    lg_buf_append_byte(&a->body, 0);
    hpack->ops->free(hpack);
    (void)close(fd);
}

static bool contains(const struct lg_buf *text, const char *part)
{
    return memmem(text->data, text->size, part, strlen(part)) != NULL;
}

/* --- What the server counted ---------------------------------------------------------------------
 */

/* The sum of a metric's series that hold `label`. */
static uint64_t metric(const struct lg_buf *page, const char *name, const char *label)
{
    LG_AUTO_STR char *copy = lg_strf("%s", (const char *)page->data);
    char *line, *next;
    uint64_t sum = 0;

    for (line = copy; line != NULL; line = next) {
        const char *value;

        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        value = strrchr(line, ' ');
        if (line[0] != '#' && strstr(line, name) != NULL && strstr(line, label) != NULL &&
            value != NULL)
            sum += strtoull(value, NULL, 10);
    }
    return sum;
}

static void read_metrics(struct lg_reply *reply)
{
    assert_int_equal(lg_ask_get(rig.server, "/metrics", reply), 200);
}

/* By how much the metric grew. */
static uint64_t grew(const struct lg_reply *before, const struct lg_reply *after, const char *name,
                     const char *label)
{
    return metric(&after->body, name, label) - metric(&before->body, name, label);
}

static unsigned say(const struct row *row, const char *what, const struct answer *a)
{
    print_message("%s: %s\n  %s, status %d of HTTP, %d of gRPC\n%s\n%.300s\n", row->what, what,
                  a->wrong == NULL ? "whole" : a->wrong, a->http, a->status,
                  (const char *)a->heads.data, (const char *)a->body.data);
    return 1;
}

static unsigned check_row(const struct row *row, bool reads_a_key)
{
    LG_SCOPED(lg_reply) before = {0};
    LG_SCOPED(lg_reply) after = {0};
    struct answer a;
    unsigned wrong = 0;

    read_metrics(&before);
    send_row(row, &a);
    read_metrics(&after);
    if (a.wrong != NULL || a.http != row->http || a.status != row->status ||
        !(contains(&a.heads, row->part) || contains(&a.body, row->part)))
        wrong += say(row, "another answer", &a);
    if (grew(&before, &after, "server_keys_total", "") != reads_a_key)
        wrong += say(row, "the keys that were read", &a);
    if (grew(&before, &after, "rpc_refused_total", "") != (row->reason != NULL))
        wrong += say(row, "not counted once", &a);
    if (row->reason != NULL) {
        LG_AUTO_STR char *label = lg_strf("reason=\"%s\"", row->reason);

        if (grew(&before, &after, "rpc_refused_total", label) != 1)
            wrong += say(row, "not counted by its reason", &a);
    }
    lg_buf_done(&a.heads);
    lg_buf_done(&a.body);
    return wrong;
}

static void every_malformed_call_has_its_status_is_counted_by_reason_and_reads_nothing(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++)
        wrong += check_row(&rows[i], /* reads_a_key= */ i == 0);
    wrong += check_row(&rows[0], /* reads_a_key= */ true); /* It is as it was. */
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            every_malformed_call_has_its_status_is_counted_by_reason_and_reads_nothing),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
