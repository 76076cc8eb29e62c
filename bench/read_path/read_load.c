/* A load generator for three protocols: Venice's REST at a router, RESP and memcached's text.
 *
 * One thread, a number of connections, one request in flight on each: the same client for all three
 * servers, so that what differs is the server. It checks every answer for the number of values it
 * must hold, and reports requests per second and percentiles of the latency. The CPU time of the
 * server is read outside, by read_path.py.
 *
 *   read_load PROTOCOL HOST:PORT --rows N --seconds S [--batch K] [--connections C] [--store NAME]
 *   read_load PROTOCOL HOST:PORT --rows N --load        (redis and memcached: stores the rows)
 *
 * Row i has a key of 16 bytes and a value of 100: ../bulk_load/bulk_rows.h says how they are made.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../bulk_load/bulk_rows.h"

#define CONNECTIONS_MAX 256
#define VALUE_BYTES 100
#define BATCH_MAX 500
#define REQUEST_BYTES_MAX (64 << 10)
#define REPLY_BYTES_MAX (256 << 10)
#define SAMPLES_MAX (8 << 20)
#define LOAD_AT_ONCE 100u

enum protocol { LAGOON, REDIS, MEMCACHED };

static enum protocol protocol;
static const char *host, *store = "bench";
static uint64_t rows = 1000000, seconds = 5, state = 0x9e3779b97f4a7c15u;
static unsigned batch = 1, connections = 16;
static bool load;

struct connection {
    int fd;
    uint64_t sent_ns;
    size_t got;
    char reply[REPLY_BYTES_MAX];
};

static struct connection all[CONNECTIONS_MAX];
static uint32_t *samples_ns;
static size_t samples;

static void die(const char *what)
{
    fprintf(stderr, "read_load: %s: %s\n", what, errno != 0 ? strerror(errno) : "unexpected");
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t draw(void) /* xorshift64 (Marsaglia 2003) */
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* --- Requests. -------------------------------------------------------------------------------- */

static size_t base64(char *out, const uint8_t *in, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t size = 0;

    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < n ? (uint32_t)in[i + 1] << 8 : 0) |
                     (i + 2 < n ? in[i + 2] : 0);

        out[size++] = digits[v >> 18];
        out[size++] = digits[v >> 12 & 63];
        out[size++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
        out[size++] = i + 2 < n ? digits[v & 63] : '=';
    }
    return size;
}

/* The key as Avro: its length as a zigzag varint, then its bytes. */
static size_t avro_key(uint8_t *out, uint64_t row)
{
    out[0] = 2 * BULK_KEY_BYTES;
    bulk_key(row, out + 1);
    return 1 + BULK_KEY_BYTES;
}

static size_t lagoon_request(char *out)
{
    uint8_t key[1 + BULK_KEY_BYTES];
    char text[64], body[BATCH_MAX * 32];
    size_t size = 0, head;

    if (batch == 1) {
        text[base64(text, key, avro_key(key, draw() % rows))] = '\0';
        return (size_t)sprintf(out,
                               "GET /storage/%s/%s?f=b64 HTTP/1.1\r\nHost: %s\r\n"
                               "X-VENICE-API-VERSION: 1\r\n"
                               "X-VENICE-SUPPORTED-COMPRESSION-STRATEGY: 1\r\n\r\n",
                               store, text, host);
    }
    for (unsigned i = 0; i < batch; i++) {
        body[size++] = (char)(2 * sizeof key); /* Avro bytes. */
        size += avro_key((uint8_t *)body + size, draw() % rows);
    }
    head = (size_t)sprintf(out,
                           "POST /storage/%s HTTP/1.1\r\nHost: %s\r\nX-VENICE-API-VERSION: 1\r\n"
                           "X-VENICE-KEY-COUNT: %u\r\nContent-Length: %zu\r\n\r\n",
                           store, host, batch, size);
    memcpy(out + head, body, size);
    return head + size;
}

static size_t redis_request(char *out)
{
    uint8_t key[BULK_KEY_BYTES];
    size_t size = (size_t)sprintf(out, "*%u\r\n%s", batch + 1,
                                  batch == 1 ? "$3\r\nGET\r\n" : "$4\r\nMGET\r\n");

    for (unsigned i = 0; i < batch; i++) {
        bulk_key(draw() % rows, key);
        size += (size_t)sprintf(out + size, "$%d\r\n%.*s\r\n", BULK_KEY_BYTES, BULK_KEY_BYTES,
                                (char *)key);
    }
    return size;
}

static size_t memcached_request(char *out)
{
    uint8_t key[BULK_KEY_BYTES];
    size_t size = (size_t)sprintf(out, "get");

    for (unsigned i = 0; i < batch; i++) {
        bulk_key(draw() % rows, key);
        size += (size_t)sprintf(out + size, " %.*s", BULK_KEY_BYTES, (char *)key);
    }
    return size + (size_t)sprintf(out + size, "\r\n");
}

/* --- Replies: the bytes of a whole one, or 0. --------------------------------------------------
 */

static size_t lagoon_reply(const char *p, size_t n)
{
    const char *end = memmem(p, n, "\r\n\r\n", 4), *length;
    size_t head, body;

    if (end == NULL)
        return 0;
    head = (size_t)(end - p) + 4;
    length = memmem(p, head, "Content-Length: ", 16);
    if (length == NULL || strncmp(p, "HTTP/1.1 200 ", 13) != 0)
        die(p);
    body = strtoul(length + 16, NULL, 10);
    if (n < head + body)
        return 0;
    if (body < batch * VALUE_BYTES)
        die("a value is missing");
    return head + body;
}

static size_t redis_reply(const char *p, size_t n)
{
    size_t at = 0, values = 1;

    if (n > 0 && *p == '*') {
        const char *end = memchr(p, '\n', n);

        if (end == NULL)
            return 0;
        values = strtoul(p + 1, NULL, 10);
        at = (size_t)(end - p) + 1;
    }
    for (size_t i = 0; i < values; i++) {
        const char *end = memchr(p + at, '\n', n - at);
        size_t length;

        if (end == NULL)
            return 0;
        if (p[at] != '$' || p[at + 1] == '-')
            die("a value is missing");
        length = strtoul(p + at + 1, NULL, 10);
        at = (size_t)(end - p) + 1 + length + 2;
        if (at > n)
            return 0;
    }
    return at;
}

static size_t memcached_reply(const char *p, size_t n)
{
    size_t at = 0, values = 0;

    for (;;) {
        const char *end = memchr(p + at, '\n', n - at), *blank;

        if (end == NULL)
            return 0;
        if (p[at] == 'E') {
            if (values != batch)
                die("a value is missing");
            return (size_t)(end - p) + 1;
        }
        for (blank = end; blank[-1] != ' '; blank--)
            ;
        at = (size_t)(end - p) + 1 + strtoul(blank, NULL, 10) + 2;
        values++;
        if (at > n)
            return 0;
    }
}

static size_t (*const request_of[])(char *) = {lagoon_request, redis_request, memcached_request};
static size_t (*const reply_of[])(const char *, size_t) = {lagoon_reply, redis_reply,
                                                           memcached_reply};

/* --- The loop. -------------------------------------------------------------------------------- */

static void put(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno != EAGAIN)
            die("write");
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        }
    }
}

static void send_request(struct connection *c)
{
    char request[REQUEST_BYTES_MAX];
    size_t size = request_of[protocol](request);

    c->got = 0;
    c->sent_ns = now_ns();
    put(c->fd, request, size);
}

static bool take_reply(struct connection *c)
{
    ssize_t n = read(c->fd, c->reply + c->got, sizeof c->reply - c->got - 1);
    size_t whole;

    if (n <= 0) {
        errno = n == 0 ? ECONNRESET : errno;
        die("read");
    }
    c->got += (size_t)n;
    c->reply[c->got] = '\0';
    whole = reply_of[protocol](c->reply, c->got);
    if (whole == 0)
        return false;
    if (samples < SAMPLES_MAX)
        samples_ns[samples++] = (uint32_t)(now_ns() - c->sent_ns);
    return true;
}

static int open_connection(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    char name[64];
    const char *colon = strchr(host, ':');
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    snprintf(name, sizeof name, "%.*s", (int)(colon - host), host);
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (fd < 0 || inet_pton(AF_INET, name, &to.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die(host);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void measure(void)
{
    struct epoll_event events[CONNECTIONS_MAX];
    int poll = epoll_create1(0);
    uint64_t start = now_ns(), end = start + seconds * 1000000000u, stopped;
    unsigned busy = connections;

    samples_ns = malloc(SAMPLES_MAX * sizeof *samples_ns);
    for (unsigned i = 0; i < connections; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &all[i]};

        all[i].fd = open_connection();
        epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &e);
        send_request(&all[i]);
    }
    while (busy > 0) {
        int n = epoll_wait(poll, events, CONNECTIONS_MAX, 5000);

        if (n <= 0) {
            errno = ETIMEDOUT;
            die("no answer");
        }
        for (int i = 0; i < n; i++) {
            if (!take_reply(events[i].data.ptr))
                continue;
            if (now_ns() < end)
                send_request(events[i].data.ptr);
            else
                busy--;
        }
    }
    stopped = now_ns();
    qsort(samples_ns, samples, sizeof *samples_ns, by_size);
    printf("{\"requests\":%zu,\"per_second\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p9999_us\":%."
           "1f}\n",
           samples, (double)samples / ((double)(stopped - start) / 1e9),
           samples_ns[samples / 2] / 1e3, samples_ns[samples - samples / 100 - 1] / 1e3,
           samples_ns[samples - samples / 10000 - 1] / 1e3);
}

/* Stores all rows, a hundred commands at a time. */
static void store_rows(void)
{
    static char out[LOAD_AT_ONCE * 512], in[LOAD_AT_ONCE * 64];
    int fd = open_connection();

    for (uint64_t row = 0; row < rows;) {
        size_t size = 0, lines = 0, got = 0;
        uint8_t key[BULK_KEY_BYTES], value[VALUE_BYTES];

        for (unsigned i = 0; i < LOAD_AT_ONCE && row < rows; i++, row++, lines++) {
            bulk_key(row, key);
            bulk_value(row, value, sizeof value);
            size += protocol == REDIS
                        ? (size_t)sprintf(out + size, "*3\r\n$3\r\nSET\r\n$%d\r\n%.*s\r\n$%d\r\n",
                                          BULK_KEY_BYTES, BULK_KEY_BYTES, (char *)key, VALUE_BYTES)
                        : (size_t)sprintf(out + size, "set %.*s 0 0 %d\r\n", BULK_KEY_BYTES,
                                          (char *)key, VALUE_BYTES);
            memcpy(out + size, value, VALUE_BYTES);
            size += VALUE_BYTES;
            out[size++] = '\r';
            out[size++] = '\n';
        }
        put(fd, out, size);
        while (lines > 0) {
            ssize_t n = read(fd, in + got, sizeof in - got);

            if (n <= 0)
                die("read");
            for (ssize_t i = 0; i < n; i++)
                lines -= in[got + (size_t)i] == '\n';
            got = 0;
        }
    }
    close(fd);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"lagoon", "redis", "memcached"};

    if (argc < 3 || strchr(argv[2], ':') == NULL) {
        fprintf(stderr, "usage: read_load lagoon|redis|memcached HOST:PORT [flags]\n");
        return 2;
    }
    while (protocol < 3 && strcmp(argv[1], names[protocol]) != 0)
        protocol++;
    assert(protocol < 3);
    host = argv[2];
    for (int i = 3; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "0";

        if (strcmp(argv[i], "--load") == 0)
            load = true;
        else if (strcmp(argv[i], "--rows") == 0)
            rows = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            seconds = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--batch") == 0)
            batch = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--connections") == 0)
            connections = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--store") == 0)
            store = value;
        i += !load || strcmp(argv[i], "--load") != 0;
    }
    assert(batch >= 1 && batch <= BATCH_MAX && connections <= CONNECTIONS_MAX && rows > 0);
    if (load)
        store_rows();
    else
        measure();
    return 0;
}
