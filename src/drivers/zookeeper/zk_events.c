/* The wire: frames of a big-endian length and jute's fields. A request is xid, type, body; an
 * answer xid, zxid, error, body. The thread blocks in poll only, with an event descriptor that
 * tells it to stop; what it shares with the home lane is under `lock`. */
#include "drivers/zookeeper/zk_events.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "drivers/zookeeper/metrics.h"
#include "metastore/meta_path.h"

#define AGAIN_MS 500u
#define FRAME_BYTES_MAX ((size_t)1 << 20) /* Of an event: its path. */
#define READ_BYTES ((size_t)65536)

enum { XID_EVENT = -1, XID_PING = -2, XID_AUTH = -4, XID_WATCH = 1, XID_CLOSE = 2 };
enum { TYPE_PING = 11, TYPE_AUTH = 100, TYPE_ADD_WATCH = 106, TYPE_CLOSE = -11 };
enum { MODE_PERSISTENT_RECURSIVE = 1 };

struct lg_zk_events {
    struct lg_zk_events_options o;
    pthread_t thread;
    bool started;
    int stop_fd;
    unsigned first; /* which of the addresses is tried first */

    pthread_mutex_t lock;
    struct lg_meta_names names; /* Under lock, as the next ones. */
    bool posted;
    bool listening;
    struct lg_task task;

    /* The thread's. */
    int fd;
    struct lg_buf in;
    size_t in_at;
    uint64_t heard_ms;
};

/* --- Telling. ----------------------------------------------------------------------------------
 */

static void names_arrived(struct lg_task *task)
{
    struct lg_zk_events *e = LG_CONTAINER_OF(task, struct lg_zk_events, task);
    struct lg_meta_names names;

    lg_meta_names_init(&names, "/");
    (void)pthread_mutex_lock(&e->lock);
    lg_meta_names_move(&names, &e->names);
    e->posted = false;
    (void)pthread_mutex_unlock(&e->lock);
    e->o.told(e->o.ctx, &names);
    lg_meta_names_done(&names);
}

/* NULL: everything. */
static void tell(struct lg_zk_events *e, const char *path)
{
    bool post;

    (void)pthread_mutex_lock(&e->lock);
    if (path == NULL)
        lg_meta_names_add_all(&e->names);
    else
        (void)lg_meta_names_add(&e->names, path, /* below= */ false);
    post = !e->posted;
    e->posted = true;
    (void)pthread_mutex_unlock(&e->lock);
    if (!post)
        return;
    e->task.run = names_arrived;
    lg_lane_post(e->o.lane, &e->task);
}

static void set_listening(struct lg_zk_events *e, bool listening)
{
    (void)pthread_mutex_lock(&e->lock);
    e->listening = listening;
    (void)pthread_mutex_unlock(&e->lock);
}

/* --- Frames. -----------------------------------------------------------------------------------
 */

static void put_int(struct lg_buf *b, int32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        lg_buf_append_byte(b, (uint8_t)((uint32_t)value >> shift));
}

static void put_long(struct lg_buf *b, int64_t value)
{
    put_int(b, (int32_t)(value >> 32));
    put_int(b, (int32_t)value);
}

static void put_text(struct lg_buf *b, const char *text)
{
    put_int(b, (int32_t)strlen(text));
    lg_buf_append_str(b, text);
}

static int32_t get_int(const uint8_t *at)
{
    return (int32_t)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
}

/* Waits until `events` can be done on the connection: false when it is to stop, or the time is over
 * (`*out_stop` tells). */
static bool wait_for(struct lg_zk_events *e, short events, uint64_t timeout_ms, bool *out_stop)
{
    struct pollfd fds[2] = {{e->stop_fd, POLLIN, 0}, {e->fd, events, 0}};
    int n = poll(fds, e->fd < 0 ? 1 : 2, (int)timeout_ms);

    *out_stop = n > 0 && fds[0].revents != 0;
    return n > 0 && !*out_stop;
}

static bool send_all(struct lg_zk_events *e, const struct lg_buf *body)
{
    LG_SCOPED(lg_buf) frame = {0};
    bool stop = false;

    put_int(&frame, (int32_t)body->size);
    lg_buf_append_slice(&frame, lg_buf_slice(body));
    for (size_t at = 0; at < frame.size;) {
        ssize_t n = send(e->fd, frame.data + at, frame.size - at, MSG_NOSIGNAL);

        if (n > 0)
            at += (size_t)n;
        else if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        else if (!wait_for(e, POLLOUT, e->o.session_ms, &stop))
            return false;
    }
    return true;
}

/* A whole frame, when one is there: into `*out`, valid until the next call. False: none, or
 * nonsense
 * (`*out_bad`). */
static bool next_frame(struct lg_zk_events *e, struct lg_slice *out, bool *out_bad)
{
    size_t left = e->in.size - e->in_at;
    const uint8_t *at = e->in.data + e->in_at;
    int32_t size;

    *out_bad = false;
    if (left >= 4) {
        size = get_int(at);
        *out_bad = size < 0 || (size_t)size > FRAME_BYTES_MAX;
        if (!*out_bad && left - 4 >= (size_t)size) {
            *out = lg_slice(at + 4, (size_t)size);
            e->in_at += 4 + (size_t)size;
            return true;
        }
    }
    if (e->in_at > 0) {
        memmove(e->in.data, at, left);
        e->in.size = left;
        e->in_at = 0;
    }
    return false;
}

/* What has come. False: the connection is gone. */
static bool receive(struct lg_zk_events *e)
{
    uint8_t bytes[READ_BYTES];
    ssize_t n = recv(e->fd, bytes, sizeof bytes, 0);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    lg_buf_append(&e->in, bytes, (size_t)n);
    e->heard_ms = lg_clock_mono_us() / 1000;
    return n > 0;
}

static bool await_frame(struct lg_zk_events *e, struct lg_slice *out)
{
    uint64_t until_ms = lg_clock_mono_us() / 1000 + e->o.session_ms;
    bool bad = false, stop = false;

    while (!next_frame(e, out, &bad)) {
        uint64_t now_ms = lg_clock_mono_us() / 1000;

        if (bad || now_ms >= until_ms || !wait_for(e, POLLIN, until_ms - now_ms, &stop) ||
            !receive(e))
            return false;
    }
    return true;
}

/* --- Listening. --------------------------------------------------------------------------------
 */

static void event_came(struct lg_zk_events *e, struct lg_slice body)
{
    size_t root = strlen(e->o.root);
    LG_AUTO_STR char *path = NULL;
    struct lg_error ignored;
    int32_t size;

    lg_metric_add(&lg_metric_zookeeper_watch_events_total, 0, 1);
    if (body.size < 12)
        return;
    size = get_int(body.data + 8);
    if (size < 0 || (size_t)size > body.size - 12)
        return;
    path = lg_strf("%.*s", (int)size, (const char *)body.data + 12);
    if (!lg_meta_path_is_below(path, e->o.root))
        return; /* Of the session. */
    if (path[root] == '\0')
        tell(e, "/");
    else if (lg_meta_path_check(path + root, &ignored) == LG_OK)
        tell(e, path + root); /* Else nobody can name it through the port. */
}

static void frame_came(struct lg_zk_events *e, struct lg_slice frame)
{
    if (frame.size >= 16 && get_int(frame.data) == XID_EVENT)
        event_came(e, lg_slice(frame.data + 16, frame.size - 16));
}

static bool send_header(struct lg_zk_events *e, int32_t xid, int32_t type)
{
    LG_SCOPED(lg_buf) body = {0};

    put_int(&body, xid);
    put_int(&body, type);
    return send_all(e, &body);
}

/* Until the connection is lost, or it is to stop. */
static void listen_on(struct lg_zk_events *e)
{
    uint64_t ping_ms = e->o.session_ms / 3, pinged_ms = lg_clock_mono_us() / 1000;
    struct lg_slice frame;
    bool bad = false, stop = false;

    while (!bad && !stop) {
        uint64_t now_ms = lg_clock_mono_us() / 1000;

        while (next_frame(e, &frame, &bad))
            frame_came(e, frame);
        if (bad || now_ms - e->heard_ms > 2 * ping_ms)
            return;
        if (now_ms - pinged_ms >= ping_ms) {
            pinged_ms = now_ms;
            if (!send_header(e, XID_PING, TYPE_PING))
                return;
        }
        if (wait_for(e, POLLIN, LG_MAX(pinged_ms + ping_ms - now_ms, (uint64_t)1), &stop) &&
            !receive(e))
            return;
    }
}

/* --- Connecting. -------------------------------------------------------------------------------
 */

static bool connect_to(struct lg_zk_events *e, const struct addrinfo *at)
{
    int error = 0;
    socklen_t size = sizeof error;
    bool stop = false;

    e->fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (e->fd < 0)
        return false;
    if (connect(e->fd, at->ai_addr, at->ai_addrlen) == 0)
        return true;
    if (errno == EINPROGRESS && wait_for(e, POLLOUT, e->o.session_ms / 3, &stop) &&
        getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0)
        return true;
    (void)close(e->fd);
    e->fd = -1;
    return false;
}

/* "host:port", of which there is one more than commas. */
static bool connect_host(struct lg_zk_events *e, struct lg_slice host_port)
{
    LG_AUTO_STR char *host = lg_strf("%.*s", LG_FMT(host_port));
    char *port = strrchr(host, ':'), *name = host;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    bool connected = false;

    if (port == NULL)
        return false;
    *port++ = '\0';
    if (name[0] == '[' && port - host > 2) { /* "[::1]:2181" */
        name++;
        port[-2] = '\0';
    }
    if (getaddrinfo(name, port, &hints, &found) != 0)
        return false;
    for (const struct addrinfo *at = found; at != NULL && !connected; at = at->ai_next)
        connected = connect_to(e, at);
    freeaddrinfo(found);
    return connected;
}

static bool connect_any(struct lg_zk_events *e)
{
    const char *address = e->o.address;
    unsigned hosts = 1, which;

    for (const char *at = address; *at != '\0'; at++)
        hosts += *at == ',';
    which = e->first++ % hosts; /* The next time another one. */
    for (; which > 0; which--)
        address = strchr(address, ',') + 1;
    return connect_host(e, lg_slice(address, strcspn(address, ",")));
}

/* Sends a request and reads frames until its answer: false when it is lost or an error. */
static bool request(struct lg_zk_events *e, const struct lg_buf *body, const char *what)
{
    int32_t xid = get_int(body->data), error;
    struct lg_slice frame;

    if (!send_all(e, body))
        return false;
    for (;;) {
        if (!await_frame(e, &frame) || frame.size < 16)
            return false;
        if (get_int(frame.data) == xid)
            break;
        frame_came(e, frame);
    }
    error = get_int(frame.data + 12);
    if (error != 0)
        lg_log(LG_LOG_WARN, "zookeeper_events_refused", "address=%s what=%s code=%d", e->o.address,
               what, error);
    return error == 0;
}

static bool shake_hands(struct lg_zk_events *e)
{
    static const char no_password[16];
    LG_SCOPED(lg_buf) hello = {0};
    struct lg_slice frame;

    put_int(&hello, 0);  /* version of the protocol */
    put_long(&hello, 0); /* nothing seen so far */
    put_int(&hello, (int32_t)e->o.session_ms);
    put_long(&hello, 0); /* a new session */
    put_int(&hello, sizeof no_password);
    lg_buf_append(&hello, no_password, sizeof no_password);
    lg_buf_append_byte(&hello, 0); /* not read only */
    return send_all(e, &hello) && await_frame(e, &frame) && frame.size >= 8 &&
           get_int(frame.data + 4) > 0;
}

static bool begin_listening(struct lg_zk_events *e)
{
    LG_SCOPED(lg_buf) auth = {0};
    LG_SCOPED(lg_buf) watch = {0};

    if (!connect_any(e))
        return false;
    e->heard_ms = lg_clock_mono_us() / 1000;
    if (!shake_hands(e))
        return false;
    if (e->o.digest != NULL) {
        put_int(&auth, XID_AUTH);
        put_int(&auth, TYPE_AUTH);
        put_int(&auth, 0);
        put_text(&auth, "digest");
        put_text(&auth, e->o.digest);
        if (!request(e, &auth, "credentials"))
            return false;
    }
    put_int(&watch, XID_WATCH);
    put_int(&watch, TYPE_ADD_WATCH);
    put_text(&watch, e->o.root);
    put_int(&watch, MODE_PERSISTENT_RECURSIVE);
    return request(e, &watch, "addWatch");
}

static void hang_up(struct lg_zk_events *e)
{
    if (e->fd >= 0) {
        (void)send_header(e, XID_CLOSE, TYPE_CLOSE);
        (void)close(e->fd);
    }
    e->fd = -1;
    e->in.size = 0;
    e->in_at = 0;
}

static void *run(void *arg)
{
    struct lg_zk_events *e = arg;
    bool stop = false;

    while (!stop) {
        if (begin_listening(e)) {
            set_listening(e, true);
            tell(e, NULL);
            listen_on(e);
            set_listening(e, false);
        }
        hang_up(e);
        (void)wait_for(e, 0, AGAIN_MS, &stop);
    }
    return NULL;
}

/* --- Life. -------------------------------------------------------------------------------------
 */

struct lg_zk_events *lg_zk_events_start(const struct lg_zk_events_options *options)
{
    struct lg_zk_events *e = lg_new(struct lg_zk_events);

    e->o = *options;
    e->fd = -1;
    e->first = (unsigned)lg_rand_below(&options->lane->rand, 1024);
    lg_meta_names_init(&e->names, "/");
    (void)pthread_mutex_init(&e->lock, NULL);
    e->stop_fd = eventfd(0, EFD_CLOEXEC);
    e->started = e->stop_fd >= 0 && pthread_create(&e->thread, NULL, run, e) == 0;
    if (!e->started) /* What is watched is then read again from time to time. */
        lg_log(LG_LOG_ERROR, "zookeeper_events_failed",
               "error=\"no thread or descriptor is left\" remedy=\"raise the limits of the "
               "process\"");
    return e;
}

bool lg_zk_events_listening(struct lg_zk_events *e)
{
    bool listening;

    (void)pthread_mutex_lock(&e->lock);
    listening = e->listening;
    (void)pthread_mutex_unlock(&e->lock);
    return listening;
}

void lg_zk_events_stop(struct lg_zk_events *e)
{
    uint64_t one = 1;

    if (!e->started)
        return;
    (void)!write(e->stop_fd, &one, sizeof one);
    (void)pthread_join(e->thread, NULL);
}

void lg_zk_events_free(struct lg_zk_events *e)
{
    if (e->stop_fd >= 0)
        (void)close(e->stop_fd);
    (void)pthread_mutex_destroy(&e->lock);
    lg_meta_names_done(&e->names);
    lg_buf_done(&e->in);
    lg_free(e);
}
