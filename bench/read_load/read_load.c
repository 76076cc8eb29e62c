/* A generator of load that speaks three protocols alike: gRPC (Venice's read service over HTTP/2,
 * frames made by hand), RESP of redis, memcached's text. One thread, non-blocking sockets, one read
 * and one write per connection and turn, so that a server is the bottleneck and not this. Every
 * value that comes is compared with the one that was stored.
 *
 *   bench.read_load.read_load PROTOCOL HOST:PORT [--flag N ...]
 *
 *   --rows N --value-bytes N      what was stored (bulk_rows.h)
 *   --load                        redis and memcached: store it, and end
 *   --connections N --in-flight N closed loop: so many requests are always under way
 *   --rate N                      open loop instead: requests per second at Poisson's times,
 *                                 latency from when each was due, judged beside hiccup meters
 *   --batch N                     keys per request
 *   --seconds N --warm-up-ms N    --seed N
 *   --pid N                       whose CPU time is read before and after
 *   --store NAME --version N --partitions N      gRPC
 *   --bar-us N                    open loop: of p99.99
 *   --server-core N               open loop: a hiccup meter is there, too
 *   --tls 1                       all three over TLS; nobody's certificate is judged
 *
 * SIGUSR1, gRPC: from now on the next version is asked for, as a client does that was told of a
 * swap.
 *
 * Prints one line of JSON. What a request asked for is told by a number (its seed), so that nothing
 * but that is remembered.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../bulk_load/bulk_rows.h"
#include "base/buf.h"
#include "base/schedule.h"
#include "bytes.h"
#include "model/partitioner.h"
#include "stalls.h"

#define CONNECTIONS_MAX 256u
#define RING 65536u /* requests of a connection that are remembered */
#define IN_BYTES ((size_t)1 << 20)
#define OUT_BYTES ((size_t)4 << 20)
#define KEY_BYTES (1 + BULK_KEY_BYTES) /* Avro */
#define KEY_TEXT_BYTES 24              /* of that in base64 */
#define BATCH_MAX 500u
#define VALUE_MAX 4096u
#define WINDOW_BACK (UINT32_C(1) << 28)
#define NS UINT64_C(1000000000)

enum protocol { GRPC, REDIS, MEMCACHED };

static enum protocol protocol;
static const char *address, *store = "bench";
static struct { /* Flags with a number. */
    const char *name;
    uint64_t value;
} flags[] = {
    {"--rows", 1000000}, {"--value-bytes", 64}, {"--connections", 4}, {"--in-flight", 64},
    {"--rate", 0},       {"--batch", 1},        {"--seconds", 3},     {"--warm-up-ms", 500},
    {"--seed", 1},       {"--pid", 0},          {"--version", 1},     {"--partitions", 4},
    {"--bar-us", 1000},  {"--load", 0},         {"--tls", 0},         {"--server-core", 0}};
/* clang-format off */
enum { ROWS, VALUE, CONNECTIONS, IN_FLIGHT, RATE, BATCH, SECONDS, WARM_UP, SEED, PID, VERSION, PARTITIONS, BAR, LOAD, TLS, SERVER_CORE };
/* clang-format on */
#define FLAG(name) (flags[name].value)
#define BAR_NS (FLAG(BAR) * 1000)
#define REQUESTS (FLAG(RATE) * FLAG(SECONDS))

struct asked {
    uint64_t seed, due_ns;
};

struct connection {
    struct channel channel;
    bool watched; /* for room to write */
    uint8_t *in, *out;
    size_t in_size, out_size, out_at;
    struct asked *ring; /* by the number of the request */
    uint64_t sent, answered;
    int64_t window;  /* HTTP/2: what the peer lets us send */
    uint64_t taken;  /* bytes of DATA since the last WINDOW_UPDATE */
    bool *has_value; /* HTTP/2: by the number */
};

static struct connection all[CONNECTIONS_MAX];
static int poll_fd;
static volatile sig_atomic_t version_ends;
static struct lg_rand source;
static char *key_text;     /* of each row: base64 */
static uint8_t *partition; /* of each row */
static uint64_t total, measure_from_ns, measure_to_ns;
static struct lg_schedule_seen seen;

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

/* The i-th row that a request asked for. */
static uint64_t row_of(uint64_t seed, uint64_t i)
{
    return (uint64_t)(((unsigned __int128)bulk_mix(seed + i) * FLAG(ROWS)) >> 64);
}

static void check_value(uint64_t row, const uint8_t *value, size_t size)
{
    size_t want = (size_t)FLAG(VALUE);

    errno = 0;
    if (size != want)
        die("a value has the wrong size");
    for (size_t at = 0; at < want; at += 8) {
        uint64_t n = bulk_mix(row * 1000003u + at + 1);

        if (memcmp(value + at, &n, want - at < 8 ? want - at : 8) != 0)
            die("a value is another one");
    }
}

/* --- gRPC. -------------------------------------------------------------------------------------
 */

static char resource[128];
static size_t resource_size;

static void name_resource(void)
{
    resource_size = (size_t)print(resource, "%s_v%u", store, (unsigned)FLAG(VERSION));
}

static void prepare_keys(void)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    name_resource();
    key_text = malloc((size_t)FLAG(ROWS) * KEY_TEXT_BYTES);
    partition = malloc((size_t)FLAG(ROWS));
    for (uint64_t row = 0; row < FLAG(ROWS); row++) {
        uint8_t key[KEY_BYTES + 1] = {2 * BULK_KEY_BYTES};
        char *text = key_text + row * KEY_TEXT_BYTES;

        bulk_key(row, key + 1);
        partition[row] =
            (uint8_t)lg_partitioner_partition(lg_slice(key, KEY_BYTES), (uint32_t)FLAG(PARTITIONS));
        for (size_t i = 0; i < KEY_BYTES; i += 3, text += 4) {
            uint32_t v = (uint32_t)key[i] << 16 | (uint32_t)key[i + 1] << 8 |
                         (i + 2 < KEY_BYTES ? key[i + 2] : 0u);

            text[0] = digits[v >> 18];
            text[1] = digits[v >> 12 & 63];
            text[2] = digits[v >> 6 & 63];
            text[3] = i + 2 < KEY_BYTES ? digits[v & 63] : '=';
        }
    }
}

/* The first head of a connection fills the table, later ones are references to it. */
static uint8_t *grpc_head(uint8_t *p, uint32_t stream)
{
    static const char get[] = "/com.linkedin.venice.protocols.VeniceReadService/get";
    static const char batch[] = "/com.linkedin.venice.protocols.VeniceReadService/batchGet";
    static const char rest[] = "\x41\x09localhost\x40\x02te\x08trailers\x5f\x10"
                               "application/grpc";
    const char *path = FLAG(BATCH) > 1 ? batch : get;
    size_t size = strlen(path);
    uint8_t *head = p;

    if (stream > 1) {
        p = frame(p, 6, 1, 4, stream);
        memcpy(p, "\x83\x86\xc1\xc0\xbf\xbe", 6);
        return p + 6;
    }
    p += 9;
    *p++ = 0x83;
    *p++ = 0x86;
    *p++ = 0x44;
    *p++ = (uint8_t)size;
    memcpy(p, path, size);
    memcpy(p + size, rest, sizeof(rest) - 1);
    p += size + sizeof(rest) - 1;
    (void)frame(head, (size_t)(p - head) - 9, 1, 4, stream);
    return p;
}

static uint8_t *grpc_keys(uint8_t *p, uint64_t seed)
{
    for (uint64_t i = 0; i < FLAG(BATCH); i++) {
        uint64_t row = row_of(seed, i);

        p = varint(p, 2 * i);
        *p++ = 2 * KEY_BYTES;
        *p++ = 2 * BULK_KEY_BYTES;
        bulk_key(row, p);
        p = varint(p + BULK_KEY_BYTES, 2u * partition[row]);
    }
    return p;
}

static uint8_t *grpc_message(uint8_t *p, uint64_t seed)
{
    if (FLAG(BATCH) == 1) {
        uint64_t row = row_of(seed, 0);

        *p++ = 0x08;
        *p++ = partition[row];
        *p++ = 0x12;
        *p++ = KEY_TEXT_BYTES + 6;
        memcpy(p, key_text + row * KEY_TEXT_BYTES, KEY_TEXT_BYTES);
        memcpy(p + KEY_TEXT_BYTES, "?f=b64", 6);
        p += KEY_TEXT_BYTES + 6;
    } else {
        static uint8_t keys[BATCH_MAX * 32];
        size_t size = (size_t)(grpc_keys(keys, seed) - keys);

        *p++ = 0x1a;
        p = varint(p, size);
        memcpy(p, keys, size);
        p += size;
    }
    *p++ = 0x2a;
    *p++ = (uint8_t)resource_size;
    memcpy(p, resource, resource_size);
    p += resource_size;
    if (FLAG(BATCH) == 1) {
        memcpy(p, "\x52\x03GET", 5);
        return p + 5;
    }
    memcpy(p, "\x48\x01\x52\x04POST", 8);
    return p + 8;
}

static bool grpc_request(struct connection *c, uint64_t seed)
{
    uint8_t *begin = c->out + c->out_size, *p, *data;
    uint32_t stream = (uint32_t)(2 * c->sent + 1);
    size_t size;

    data = grpc_head(begin, stream);
    p = grpc_message(data + 9 + 5, seed);
    size = (size_t)(p - data) - 9;
    if ((int64_t)size > c->window) {
        if (c->sent == 0)
            die("a request is larger than the first window");
        return false;
    }
    c->window -= (int64_t)size;
    (void)frame(data, size, 0, 1, stream);
    data[9] = 0;
    lg_store_u32be(data + 10, (uint32_t)(size - 5));
    c->has_value[c->sent % RING] = false;
    c->out_size += (size_t)(p - begin);
    return true;
}

static void grpc_values(uint64_t seed, const uint8_t *p, const uint8_t *end)
{
    uint64_t n = 0;

    for (; p < end; n++) {
        uint64_t index = read_varint(&p, end) / 2, size = read_varint(&p, end) / 2;
        const uint8_t *value = p;

        p += size;
        if (p > end || index >= FLAG(BATCH))
            die("a record is cut off");
        (void)read_varint(&p, end); /* schemaId */
        size = read_varint(&value, end) / 2;
        check_value(row_of(seed, index), value, size);
    }
    errno = 0;
    if (n != FLAG(BATCH))
        die("values are missing");
}

static void grpc_answer(uint64_t seed, const uint8_t *p, size_t size)
{
    const uint8_t *end = p + size, *data = NULL;
    uint64_t data_size = 0, code = 0;

    errno = 0;
    if (size < 5 || p[0] != 0 || ((size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4]) != size - 5)
        die("a message is not in one frame");
    for (p += 5; p < end;) {
        uint64_t tag = read_varint(&p, end), v = read_varint(&p, end);

        if ((tag & 7) == 2) {
            if (tag >> 3 == 2)
                data = p, data_size = v;
            p += v;
        } else if (tag >> 3 == 6) {
            code = v;
        }
    }
    if (code != 200 || data == NULL) {
        (void)fprintf(stderr, "read_load: errorCode %llu\n", (unsigned long long)code);
        exit(1);
    }
    if (FLAG(BATCH) > 1) {
        grpc_values(seed, data, data + data_size);
    } else {
        const uint8_t *value = data;
        uint64_t n = read_varint(&value, data + data_size) / 2;

        check_value(row_of(seed, 0), value, n);
    }
}

static void answered(struct connection *c, const struct asked *a);

static void grpc_control(struct connection *c, unsigned type, unsigned frame_flags, uint32_t stream,
                         const uint8_t *p, size_t size)
{
    uint8_t *out = c->out + c->out_size;

    if (type == 3 || type == 7) {
        (void)fprintf(stderr, "read_load: the server %s, error %u\n",
                      type == 3 ? "reset a stream" : "goes away", p[type == 3 ? 3 : 7]);
        exit(1);
    }
    if (type == 4 && (frame_flags & 1) == 0) {
        (void)frame(out, 0, 4, 1, 0);
        c->out_size += 9;
    } else if (type == 6 && (frame_flags & 1) == 0) {
        memcpy(frame(out, 8, 6, 1, 0), p, size);
        c->out_size += 17;
    } else if (type == 8 && stream == 0) {
        c->window += (int64_t)((uint32_t)(p[0] & 0x7f) << 24 | (uint32_t)p[1] << 16 |
                               (uint32_t)p[2] << 8 | p[3]);
    }
}

static size_t grpc_replies(struct connection *c)
{
    size_t at = 0;

    while (c->in_size - at >= 9) {
        const uint8_t *h = c->in + at, *p = h + 9;
        size_t size = (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];
        uint32_t stream =
            (uint32_t)(h[5] & 0x7f) << 24 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 8 | h[8];
        struct asked *a = &c->ring[stream / 2 % RING];

        if (c->in_size - at - 9 < size)
            break;
        if (h[3] == 0 && size > 0) {
            grpc_answer(a->seed, p, size);
            c->has_value[stream / 2 % RING] = true;
            c->taken += size;
        } else if (h[3] > 1) {
            grpc_control(c, h[3], h[4], stream, p, size);
        }
        if (h[3] <= 1 && (h[4] & 1) != 0) {
            if (!c->has_value[stream / 2 % RING])
                die("an answer without a value");
            answered(c, a);
        }
        at += 9 + size;
    }
    if (c->taken >= WINDOW_BACK) {
        uint8_t *p = frame(c->out + c->out_size, 4, 8, 0, 0);

        lg_store_u32be(p, (uint32_t)c->taken);
        c->out_size += 13;
        c->taken = 0;
    }
    return at;
}

static void grpc_begin(struct connection *c)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    uint8_t *p = c->out;

    memcpy(p, preface, 24);
    memcpy(frame(p + 24, 6, 4, 0, 0), "\0\4\x7f\xff\xff\xff", 6);
    memcpy(frame(p + 39, 4, 8, 0, 0), "\x7f\xfe\0\0", 4);
    c->out_size = 52;
    c->window = 65535;
    c->has_value = calloc(RING, sizeof(*c->has_value));
}

/* --- redis and memcached. ----------------------------------------------------------------------
 */

static bool redis_request(struct connection *c, uint64_t seed)
{
    uint8_t *p = c->out + c->out_size;

    if (FLAG(BATCH) == 1)
        p += print((char *)p, "*2\r\n$3\r\nGET\r\n");
    else
        p += print((char *)p, "*%u\r\n$4\r\nMGET\r\n", (unsigned)FLAG(BATCH) + 1);
    for (uint64_t i = 0; i < FLAG(BATCH); i++) {
        memcpy(p, "$16\r\n", 5);
        bulk_key(row_of(seed, i), p + 5);
        memcpy(p + 21, "\r\n", 2);
        p += 23;
    }
    c->out_size = (size_t)(p - c->out);
    return true;
}

static bool memcached_request(struct connection *c, uint64_t seed)
{
    uint8_t *p = c->out + c->out_size;

    memcpy(p, "get", 3);
    p += 3;
    for (uint64_t i = 0; i < FLAG(BATCH); i++, p += 17) {
        *p = ' ';
        bulk_key(row_of(seed, i), p + 1);
    }
    memcpy(p, "\r\n", 2);
    c->out_size = (size_t)(p - c->out) + 2;
    return true;
}

/* A reply at the beginning of the bytes, checked: its size, or 0 when it is not whole. */
static size_t redis_reply(const uint8_t *p, size_t n, uint64_t seed)
{
    size_t at = 0;

    errno = 0;
    if (FLAG(BATCH) > 1) {
        const uint8_t *end = memchr(p, '\n', n);

        if (end == NULL)
            return 0;
        if (p[0] != '*' || strtoul((const char *)p + 1, NULL, 10) != FLAG(BATCH))
            die("not as many values as keys");
        at = (size_t)(end - p) + 1;
    }
    for (uint64_t i = 0; i < FLAG(BATCH); i++) {
        const uint8_t *end = memchr(p + at, '\n', n - at);
        size_t size;

        if (end == NULL)
            return 0;
        if (p[at] != '$')
            die("no value");
        size = strtoul((const char *)p + at + 1, NULL, 10);
        at = (size_t)(end - p) + 1;
        if (at + size + 2 > n)
            return 0;
        check_value(row_of(seed, i), p + at, size);
        at += size + 2;
    }
    return at;
}

static size_t memcached_reply(const uint8_t *p, size_t n, uint64_t seed)
{
    size_t at = 0;

    errno = 0;
    for (uint64_t i = 0;; i++) {
        const uint8_t *end = memchr(p + at, '\n', n - at), *blank;
        size_t size;

        if (end == NULL)
            return 0;
        if (p[at] == 'E') {
            if (i != FLAG(BATCH))
                die("values are missing");
            return (size_t)(end - p) + 1;
        }
        for (blank = end; blank[-1] != ' '; blank--)
            ;
        size = strtoul((const char *)blank, NULL, 10);
        at = (size_t)(end - p) + 1;
        if (at + size + 2 > n)
            return 0;
        check_value(row_of(seed, i), p + at, size);
        at += size + 2;
    }
}

static size_t plain_replies(struct connection *c)
{
    size_t at = 0, whole;

    while (c->answered < c->sent && at < c->in_size) {
        struct asked *a = &c->ring[c->answered % RING];

        whole = protocol == REDIS ? redis_reply(c->in + at, c->in_size - at, a->seed)
                                  : memcached_reply(c->in + at, c->in_size - at, a->seed);
        if (whole == 0)
            break;
        at += whole;
        answered(c, a);
    }
    return at;
}

/* --- The loop. ---------------------------------------------------------------------------------
 */

static void answered(struct connection *c, const struct asked *a)
{
    uint64_t now = now_ns();

    c->answered++;
    if (a->due_ns < measure_from_ns || a->due_ns >= measure_to_ns)
        return;
    total++;
    lg_schedule_answered(&seen, a->due_ns, now);
    note_answer(a->due_ns, now);
}

static void write_out(struct connection *c)
{
    while (c->out_at < c->out_size) {
        ssize_t n = put(&c->channel, c->out + c->out_at, c->out_size - c->out_at);

        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            die("send");
        c->out_at += (size_t)n;
    }
    if (c->out_at == c->out_size)
        c->out_at = c->out_size = 0;
    if ((c->out_size > 0) != c->watched) {
        struct epoll_event e = {.events = EPOLLIN | (c->out_size > 0 ? EPOLLOUT : 0u),
                                .data.ptr = c};

        c->watched = c->out_size > 0;
        if (epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->channel.fd, &e) != 0)
            die("epoll");
    }
}

static bool ask(struct connection *c, uint64_t due_ns)
{
    uint64_t seed = lg_rand_next(&source);
    bool took;

    if (c->out_size > OUT_BYTES / 2 || c->sent - c->answered >= RING / 2)
        return false;
    took = protocol == GRPC    ? grpc_request(c, seed)
           : protocol == REDIS ? redis_request(c, seed)
                               : memcached_request(c, seed);
    if (took)
        c->ring[c->sent++ % RING] = (struct asked){seed, due_ns};
    return took;
}

/* TLS gives a record at a time, and the socket does not tell of those that it holds. */
static size_t receive(struct connection *c)
{
    size_t before = c->in_size;

    do {
        ssize_t n = take(&c->channel, c->in + c->in_size, IN_BYTES - c->in_size);

        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0) {
            errno = n == 0 ? ECONNRESET : errno;
            die("receive");
        }
        c->in_size += (size_t)n;
    } while (c->channel.tls != NULL && c->in_size < IN_BYTES);
    return c->in_size - before;
}

static void use_replies(struct connection *c)
{
    size_t used;

    used = protocol == GRPC ? grpc_replies(c) : plain_replies(c);
    c->in_size -= used;
    memmove(c->in, c->in + used, c->in_size);
    if (c->in_size == IN_BYTES)
        die("a reply is too large");
}

static void read_in(struct connection *c)
{
    bool more;

    do {
        if (receive(c) == 0)
            return;
        more = c->channel.tls != NULL && c->in_size == IN_BYTES;
        use_replies(c);
    } while (more);
}

static void fill(struct connection *c)
{
    while (c->sent - c->answered < FLAG(IN_FLIGHT) && ask(c, now_ns()))
        ;
}

static void open_connection(struct connection *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    const char *colon = strchr(address, ':');
    char host[64];
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    int one = 1;

    (void)snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    c->channel.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->channel.fd < 0 || inet_pton(AF_INET, host, &to.sin_addr) != 1 ||
        connect(c->channel.fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        die(address);
    (void)setsockopt(c->channel.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (FLAG(TLS) != 0)
        begin_tls(&c->channel, protocol == GRPC);
    if (fcntl(c->channel.fd, F_SETFL, O_NONBLOCK) != 0)
        die("fcntl");
    c->in = malloc(IN_BYTES);
    c->out = malloc(OUT_BYTES);
    c->ring = calloc(RING, sizeof(*c->ring));
    if (protocol == GRPC)
        grpc_begin(c);
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->channel.fd, &e) != 0)
        die("epoll");
}

/* Nanoseconds of CPU that all threads of the server have used. */
static uint64_t server_cpu_ns(void)
{
    char path[64];
    uint64_t sum = 0;
    DIR *dir;
    struct dirent *entry;

    if (FLAG(PID) == 0)
        return 0;
    (void)print(path, "/proc/%u/task", (unsigned)FLAG(PID));
    dir = opendir(path);
    if (dir == NULL)
        die(path);
    while ((entry = readdir(dir)) != NULL) {
        char file[400];
        unsigned long long ns = 0;
        FILE *f;

        (void)snprintf(file, sizeof(file), "%s/%s/schedstat", path, entry->d_name);
        f = entry->d_name[0] == '.' ? NULL : fopen(file, "r");
        if (f != NULL && fscanf(f, "%llu", &ns) == 1)
            sum += ns;
        if (f != NULL)
            (void)fclose(f);
    }
    (void)closedir(dir);
    return sum;
}

struct tally { /* At the ends of what is measured. */
    uint64_t ns, cpu_ns, own_ns, answered;
};

static struct tally take_tally(void)
{
    struct timespec own;
    struct tally t = {.ns = now_ns(), .cpu_ns = server_cpu_ns()};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own);
    t.own_ns = (uint64_t)own.tv_sec * NS + (uint64_t)own.tv_nsec;
    for (uint64_t i = 0; i < FLAG(CONNECTIONS); i++)
        t.answered += all[i].answered;
    return t;
}

/* What is due goes to the connections in turns. */
static void send_due(struct lg_schedule *schedule)
{
    static uint64_t turn;
    uint64_t now = now_ns(), due;

    while (lg_schedule_take(schedule, now, &due)) {
        if (due >= measure_from_ns && due < measure_to_ns)
            lg_schedule_sent(&seen, due, now);
        if (!ask(&all[turn++ % FLAG(CONNECTIONS)], due))
            die("the server is too far behind");
    }
}

static void measure(struct tally *before, struct tally *after)
{
    struct epoll_event events[CONNECTIONS_MAX];
    bool open_loop = FLAG(RATE) > 0, begun = false;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    struct lg_schedule schedule;
    uint64_t start = now_ns(), expired;

    measure_from_ns = start + FLAG(WARM_UP) * 1000000;
    measure_to_ns = measure_from_ns + FLAG(SECONDS) * NS;
    lg_schedule_init(&schedule, LG_SCHEDULE_POISSON, open_loop ? (double)FLAG(RATE) : 1, FLAG(SEED),
                     start);
    if (timer < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, timer, &e) != 0)
        die("timer");
    for (;;) {
        uint64_t now = now_ns();
        int n;

        if (!begun && now >= measure_from_ns) {
            *before = take_tally();
            begun = true;
        }
        if (now >= measure_to_ns)
            break;
        if (version_ends != 0) {
            version_ends = 0;
            FLAG(VERSION)++;
            name_resource();
        }
        if (open_loop) {
            struct itimerspec when = {0};

            send_due(&schedule);
            when.it_value.tv_sec = (time_t)(schedule.next_ns / NS);
            when.it_value.tv_nsec = (long)(schedule.next_ns % NS);
            (void)timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
        }
        for (uint64_t i = 0; i < FLAG(CONNECTIONS); i++) {
            if (!open_loop)
                fill(&all[i]);
            if (all[i].out_size > 0 && !all[i].watched)
                write_out(&all[i]);
        }
        n = epoll_wait(poll_fd, events, CONNECTIONS_MAX, 5000);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            die("no answer for 5 s");
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;

            if (c == NULL) {
                (void)!read(timer, &expired, sizeof(expired));
                continue;
            }
            if (events[i].events & EPOLLOUT)
                write_out(c);
            if (events[i].events & ~(unsigned)EPOLLOUT)
                read_in(c);
        }
    }
    *after = take_tally();
}

/* --- Storing. ----------------------------------------------------------------------------------
 */

static void store_rows(void)
{
    static char out[64 * (VALUE_MAX + 128)], in[4096];
    struct connection *c = &all[0];
    uint64_t row = 0, acked = 0;

    open_connection(c);
    if (fcntl(c->channel.fd, F_SETFL, 0) != 0)
        die("fcntl");
    while (acked < FLAG(ROWS)) {
        size_t size = 0, at = 0;
        ssize_t n;
        uint64_t upto = LG_MIN(row + 64, FLAG(ROWS));

        for (; row < upto; row++) {
            uint8_t key[BULK_KEY_BYTES];

            bulk_key(row, key);
            size += (size_t)(protocol == REDIS
                                 ? print(out + size, "*3\r\n$3\r\nSET\r\n$16\r\n%.16s\r\n$%u\r\n",
                                         (char *)key, (unsigned)FLAG(VALUE))
                                 : print(out + size, "set %.16s 0 0 %u\r\n", (char *)key,
                                         (unsigned)FLAG(VALUE)));
            bulk_value(row, (uint8_t *)out + size, (size_t)FLAG(VALUE));
            memcpy(out + size + FLAG(VALUE), "\r\n", 2);
            size += (size_t)FLAG(VALUE) + 2;
        }
        for (; at < size; at += (size_t)n)
            if ((n = put(&c->channel, out + at, size - at)) <= 0)
                die("send");
        while (acked < row) {
            if ((n = take(&c->channel, in, sizeof(in))) <= 0)
                die("receive");
            for (ssize_t i = 0; i < n; i++)
                acked += in[i] == '\n';
        }
    }
}

/* --- The report. -------------------------------------------------------------------------------
 */

static double micros(const struct lg_histogram *h, double share)
{
    return (double)lg_histogram_quantile(h, share) / 1e3;
}

static void report(const struct tally *before, const struct tally *after, bool comes_first)
{
    double requests = (double)(after->answered - before->answered);
    double seconds = (double)(after->ns - before->ns) / 1e9;
    struct lg_error why = {0};
    enum lg_verdict verdict = judge_tail(&seen.latency_ns, BAR_NS, &why);

    (void)printf(
        "{\"requests\":%.0f,\"samples\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,"
        "\"cpu_us\":%.4f,\"client_cpu_us\":%.4f,\"client_busy\":%.2f,\"server_busy\":%.2f,",
        requests, (unsigned long long)total, seconds, requests / seconds,
        (double)(after->cpu_ns - before->cpu_ns) / 1e3 / requests,
        (double)(after->own_ns - before->own_ns) / 1e3 / requests,
        (double)(after->own_ns - before->own_ns) / 1e9 / seconds,
        (double)(after->cpu_ns - before->cpu_ns) / 1e9 / seconds);
    print_clear(BAR_NS);
    (void)printf("\"p50_us\":%.1f,\"p99_us\":%.1f,\"p99_9_us\":%.1f,\"p99_99_us\":%.1f,"
                 "\"late_p99_us\":%.1f,\"late_p99_99_us\":%.1f,"
                 "\"stall_p99_99_us\":%.1f,\"server_stall_p99_99_us\":%.1f,"
                 "\"meters_come_first\":%s,\"verdict\":\"%s\",\"why\":\"%s\"}\n",
                 micros(&seen.latency_ns, 0.5), micros(&seen.latency_ns, 0.99),
                 micros(&seen.latency_ns, 0.999), micros(&seen.latency_ns, 0.9999),
                 micros(&seen.late_ns, 0.99), micros(&seen.late_ns, 0.9999),
                 micros(&stalls[OWN].stalls_ns, 0.9999), micros(&stalls[SERVERS].stalls_ns, 0.9999),
                 comes_first ? "true" : "false", FLAG(RATE) > 0 ? lg_verdict_name(verdict) : "",
                 FLAG(RATE) > 0 ? why.text : "");
}

static void read_flags(int argc, char **argv)
{
    static const char *const names[] = {"grpc", "redis", "memcached"};

    for (protocol = GRPC; argc >= 3 && protocol <= MEMCACHED; protocol++)
        if (strcmp(argv[1], names[protocol]) == 0)
            break;
    if (argc < 3 || protocol > MEMCACHED || strchr(argv[2], ':') == NULL) {
        (void)fprintf(stderr, "usage: read_load grpc|redis|memcached HOST:PORT [--flag N ...]\n");
        exit(2);
    }
    address = argv[2];
    for (int i = 3; i + 1 < argc; i += 2) {
        size_t f = 0;

        while (f < LG_ARRAY_SIZE(flags) && strcmp(argv[i], flags[f].name) != 0)
            f++;
        if (strcmp(argv[i], "--store") == 0)
            store = argv[i + 1];
        else if (f == LG_ARRAY_SIZE(flags))
            die("an unknown flag");
        else
            flags[f].value = strtoull(argv[i + 1], NULL, 10);
    }
    errno = 0;
    if (FLAG(CONNECTIONS) < 1 || FLAG(CONNECTIONS) > CONNECTIONS_MAX || FLAG(BATCH) < 1 ||
        FLAG(BATCH) > BATCH_MAX || FLAG(VALUE) > VALUE_MAX || FLAG(PARTITIONS) > 100 ||
        FLAG(IN_FLIGHT) > RING / 4 || FLAG(SERVER_CORE) >= CPU_SETSIZE || strlen(store) > 100)
        die("a flag is out of its range");
}

static void next_version(int number)
{
    (void)number;
    version_ends = 1;
}

int main(int argc, char **argv)
{
    struct tally before, after;
    bool comes_first;

    read_flags(argc, argv);
    lg_rand_seed(&source, FLAG(SEED));
    if (signal(SIGUSR1, next_version) == SIG_ERR)
        die("signal");
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (FLAG(LOAD) > 0) {
        store_rows();
        return 0;
    }
    if (protocol == GRPC)
        prepare_keys();
    for (uint64_t i = 0; i < FLAG(CONNECTIONS); i++)
        open_connection(&all[i]);
    comes_first =
        FLAG(RATE) > 0 && begin_stalls((size_t)FLAG(SERVER_CORE), now_ns(), BAR_NS, REQUESTS);
    measure(&before, &after);
    end_stalls();
    report(&before, &after, comes_first);
    return 0;
}
