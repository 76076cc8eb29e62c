#include "test/lib/ask.h"

#include "base/str.h"
#include "test/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>

#define WAIT_MS 20000u
#define ANSWER_BYTES_MAX ((size_t)256 << 20)

void lg_reply_done(struct lg_reply *reply)
{
    lg_buf_done(&reply->head);
    lg_buf_done(&reply->body);
}

static int connect_to(uint16_t port, unsigned wait_ms)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
        connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static bool send_all(int fd, struct lg_slice bytes)
{
    while (bytes.size > 0) {
        ssize_t put = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        bytes = lg_slice_skip(bytes, (size_t)put);
    }
    return true;
}

static bool receive_all(int fd, struct lg_buf *out)
{
    for (;;) {
        uint8_t *room = lg_buf_reserve(out, 1 << 16);
        ssize_t got;

        assert_true(room != NULL && out->size < ANSWER_BYTES_MAX);
        got = recv(fd, room, 1 << 16, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0;
        lg_buf_commit(out, (size_t)got);
    }
}

/* Cuts "Transfer-Encoding: chunked" into the body. */
static bool join_chunks(struct lg_slice rest, struct lg_buf *out)
{
    for (;;) {
        size_t size = 0, digits = 0;

        for (; digits < rest.size && rest.data[digits] != '\r'; digits++) {
            uint8_t c = rest.data[digits];

            size = size * 16 + (c <= '9' ? (size_t)(c - '0') : (size_t)((c | 32) - 'a' + 10));
        }
        if (rest.size < digits + 2 || digits == 0 || size > ANSWER_BYTES_MAX)
            return false;
        rest = lg_slice_skip(rest, digits + 2);
        if (size == 0)
            return true;
        if (rest.size < size + 2)
            return false;
        lg_buf_append(out, rest.data, size);
        rest = lg_slice_skip(rest, size + 2);
    }
}

static bool take_apart(const struct lg_buf *answer, struct lg_reply *reply)
{
    const uint8_t *blank =
        answer->size == 0 ? NULL : memmem(answer->data, answer->size, "\r\n\r\n", 4);
    LG_AUTO_STR char *length = NULL;
    LG_AUTO_STR char *coding = NULL;
    struct lg_slice rest;
    uint64_t size = 0;
    int64_t status;

    if (blank == NULL || answer->size < 12 || memcmp(answer->data, "HTTP/1.1 ", 9) != 0 ||
        !lg_parse_i64(lg_slice(answer->data + 9, 3), 100, 599, &status))
        return false;
    reply->status = (int)status;
    lg_buf_append(&reply->head, answer->data, (size_t)(blank - answer->data) + 2);
    lg_buf_append_byte(&reply->head, 0);
    rest = lg_slice_skip(lg_buf_slice(answer), (size_t)(blank - answer->data) + 4);
    coding = lg_reply_header(reply, "Transfer-Encoding");
    length = lg_reply_header(reply, "Content-Length");
    if (coding != NULL) {
        if (!join_chunks(rest, &reply->body))
            return false;
    } else {
        if (length != NULL &&
            (!lg_parse_u64(lg_slice_str(length), ANSWER_BYTES_MAX, &size) || size != rest.size))
            return false;
        lg_buf_append_slice(&reply->body, rest);
    }
    lg_buf_append_byte(&reply->body, 0);
    reply->body.size--;
    return true;
}

static bool ask(uint16_t port, unsigned wait_ms, struct lg_slice request, struct lg_reply *reply)
{
    LG_SCOPED(lg_buf) answer = {0};
    int fd = connect_to(port, wait_ms);
    bool whole;

    lg_reply_done(reply);
    reply->status = 0;
    if (fd < 0)
        return false;
    whole = send_all(fd, request) && receive_all(fd, &answer) && take_apart(&answer, reply);
    (void)close(fd);
    return whole;
}

bool lg_ask_raw(uint16_t port, struct lg_slice request, struct lg_reply *reply)
{
    return ask(port, WAIT_MS, request, reply);
}

bool lg_ask_try(const struct lg_question *q, struct lg_reply *reply)
{
    LG_SCOPED(lg_buf) request = {0};
    const char *method = q->method != NULL ? q->method : q->body.data != NULL ? "POST" : "GET";

    lg_buf_appendf(&request, "%s %s HTTP/1.1\r\nConnection: close\r\n", method, q->target);
    if (q->headers == NULL || strstr(q->headers, "Host:") == NULL)
        lg_buf_appendf(&request, "Host: 127.0.0.1:%u\r\n", q->port);
    if (q->headers != NULL)
        lg_buf_append_str(&request, q->headers);
    if (q->body.data != NULL)
        lg_buf_appendf(&request, "Content-Length: %zu\r\n", q->body.size);
    lg_buf_append_str(&request, "\r\n");
    lg_buf_append_slice(&request, q->body);
    return ask(q->port, q->wait_ms == 0 ? WAIT_MS : q->wait_ms, lg_buf_slice(&request), reply);
}

int lg_ask(const struct lg_question *q, struct lg_reply *reply)
{
    if (!lg_ask_try(q, reply))
        fail_msg("no complete answer from port %u to %s", q->port, q->target);
    return reply->status;
}

int lg_ask_get(uint16_t port, const char *target, struct lg_reply *reply)
{
    return lg_ask(&(struct lg_question){.port = port, .target = target}, reply);
}

int lg_ask_post(uint16_t port, const char *target, const char *body, struct lg_reply *reply)
{
    return lg_ask(&(struct lg_question){.port = port,
                                        .target = target,
                                        .headers = body[0] == '{'
                                                       ? "Content-Type: application/json\r\n"
                                                       : "Content-Type: "
                                                         "application/x-www-form-urlencoded\r\n",
                                        .body = lg_slice_str(body)},
                  reply);
}

char *lg_reply_header(const struct lg_reply *reply, const char *name)
{
    const char *line = reply->head.data == NULL ? NULL : (const char *)reply->head.data;
    size_t size = strlen(name);

    while (line != NULL && (line = strchr(line, '\n')) != NULL) {
        const char *end = strchr(++line, '\r');

        if (end != NULL && strncasecmp(line, name, size) == 0 && line[size] == ':') {
            line += size + 1;
            while (*line == ' ')
                line++;
            return lg_strndup(line, (size_t)(end - line));
        }
    }
    return NULL;
}

const char *lg_reply_text(const struct lg_reply *reply)
{
    return reply->body.data == NULL ? "" : (const char *)reply->body.data;
}
