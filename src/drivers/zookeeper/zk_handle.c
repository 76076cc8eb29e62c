#include "drivers/zookeeper/zk_handle.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <zookeeper/zookeeper.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

struct lg_zk_handle {
    const struct lg_zk_options *o;
    zhandle_t *zh;
    struct lg_list calls; /* The home lane's. */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum lg_zk_state state; /* Under lock, as the next. */
    bool posting;           /* Events go to the home lane. */
};

struct event { /* On its way from the client's thread to the home lane. */
    struct lg_task task;
    struct lg_zk_handle *h;
    enum lg_zk_state state;
};

/* --- The client's log ----------------------------------------------------------------------- */

/* "2026-…:1234(0x7f…):ZOO_WARN@handle_socket_error_msg@2450: text": its words in our levels. A
 * connection that comes and goes is told by us, so its warnings are of use to us only. */
static void log_line(const char *line)
{
    const char *word = strstr(line, "ZOO_");
    const char *text = word == NULL ? line : strstr(word, ": ");
    enum lg_log_level level = LG_LOG_DEBUG;

    if (word != NULL && strncmp(word, "ZOO_ERROR", 9) == 0)
        level = LG_LOG_WARN;
    else if (word != NULL && strncmp(word, "ZOO_WARN", 8) == 0)
        level = LG_LOG_INFO;
    lg_log(level, "zookeeper_client", "text=%s", text == NULL ? line : text + (text != line) * 2);
}

/* --- Events --------------------------------------------------------------------------------- */

static void event_arrived(struct lg_task *task)
{
    struct event *e = LG_CONTAINER_OF(task, struct event, task);

    e->h->o->told(e->h->o->ctx, e->h, e->state);
    lg_free(e);
}

static enum lg_zk_state state_of(int state)
{
    if (state == ZOO_CONNECTED_STATE)
        return LG_ZK_CONNECTED;
    if (state == ZOO_EXPIRED_SESSION_STATE)
        return LG_ZK_EXPIRED;
    return state == ZOO_AUTH_FAILED_STATE ? LG_ZK_REFUSED : LG_ZK_DISCONNECTED;
}

/* On the client's thread; of the session. */
static void happened(zhandle_t *zh, int type, int state, const char *path, void *ctx)
{
    struct lg_zk_handle *h = ctx;
    struct event *e;
    bool posting;

    (void)zh;
    (void)path;
    if (type != ZOO_SESSION_EVENT)
        return;
    (void)pthread_mutex_lock(&h->lock);
    h->state = state_of(state);
    (void)pthread_cond_broadcast(&h->changed);
    posting = h->posting;
    (void)pthread_mutex_unlock(&h->lock);
    if (!posting)
        return;
    e = lg_new(struct event);
    e->h = h;
    e->state = state_of(state);
    e->task.run = event_arrived;
    lg_lane_post(h->o->lane, &e->task);
}

/* --- Life ----------------------------------------------------------------------------------- */

struct lg_zk_handle *lg_zk_handle_new(const struct lg_zk_options *options)
{
    struct lg_zk_handle *h = lg_new(struct lg_zk_handle);
    pthread_condattr_t attr;

    h->o = options;
    lg_list_init(&h->calls);
    (void)pthread_mutex_init(&h->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&h->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    return h;
}

/* The client takes the last colon for the port's, and brackets around an IPv6 address for a part of
 * the name. */
static char *without_brackets(const char *address)
{
    struct lg_buf text = {0};

    for (const char *c = address; *c != '\0'; c++)
        if (*c != '[' && *c != ']')
            lg_buf_append_byte(&text, (uint8_t)*c);
    return lg_buf_take_str(&text);
}

enum lg_rc lg_zk_handle_open(struct lg_zk_handle *h, struct lg_error *err)
{
    const char *digest = h->o->digest;
    LG_AUTO_STR char *address = without_brackets(h->o->address);
    int rc = ZOK;

    zoo_set_debug_level(lg_log_wanted(LG_LOG_DEBUG) ? ZOO_LOG_LEVEL_INFO : ZOO_LOG_LEVEL_WARN);
    h->zh = zookeeper_init2(address, happened, (int)h->o->session_ms, /* clientid= */ NULL, h,
                            /* flags= */ 0, log_line);
    if (h->zh == NULL)
        return lg_error_set(
            err, LG_ERR_UNAVAILABLE,
            "ZooKeeper's address %s cannot be used (%s); check zookeeper.address", h->o->address,
            errno == EINVAL || errno == ENOENT ? "no such host, or no port" : strerror(errno));
    if (digest != NULL)
        rc = zoo_add_auth(h->zh, "digest", digest, (int)strlen(digest), /* completion= */ NULL,
                          /* data= */ NULL);
    if (rc == ZOK)
        return LG_OK;
    lg_zk_handle_close(h);
    return lg_error_set(err, LG_ERR_INVALID, "the credentials for ZooKeeper cannot be used: %s",
                        zerror(rc));
}

enum lg_zk_state lg_zk_handle_await(struct lg_zk_handle *h, uint64_t timeout_ms)
{
    uint64_t until_us = lg_clock_mono_us() + timeout_ms * 1000;
    struct timespec until = {.tv_sec = (time_t)(until_us / LG_SEC),
                             .tv_nsec = (long)(until_us % LG_SEC) * 1000};
    enum lg_zk_state state;
    int waited = 0;

    (void)pthread_mutex_lock(&h->lock);
    while (h->state == LG_ZK_DISCONNECTED && waited == 0)
        waited = pthread_cond_timedwait(&h->changed, &h->lock, &until);
    state = h->state;
    (void)pthread_mutex_unlock(&h->lock);
    return state;
}

enum lg_zk_state lg_zk_handle_begin(struct lg_zk_handle *h)
{
    enum lg_zk_state state;

    (void)pthread_mutex_lock(&h->lock);
    h->posting = true;
    state = h->state;
    (void)pthread_mutex_unlock(&h->lock);
    return state;
}

bool lg_zk_handle_is_idle(const struct lg_zk_handle *h)
{
    return lg_list_empty(&h->calls);
}

/* What is unanswered when a handle is closed while its connection still counts as one, as when
 * ZooKeeper stands still: the client queues it for its thread that has ended by then, and never
 * frees it. It is little and bounded by what may wait; the search for leaks is told of it. */
#if defined(__SANITIZE_ADDRESS__)
const char *__lsan_default_suppressions(void) __attribute__((visibility("default")));
const char *__lsan_default_suppressions(void)
{
    return "leak:libzookeeper_mt\n";
}

const char *__lsan_default_options(void) __attribute__((visibility("default")));
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}
#endif

void lg_zk_handle_close(struct lg_zk_handle *h)
{
    zhandle_t *zh = LG_TAKE(h->zh);

    if (zh == NULL)
        return;
    if (zookeeper_close(zh) != ZOK) /* The server ends the session when its time is over. */
        lg_log(LG_LOG_DEBUG, "zookeeper_close_unheard", "address=%s", h->o->address);
}

static void call_free(struct lg_zk_call *c)
{
    lg_list_remove(&c->link);
    for (size_t i = 0; i < c->op_count; i++)
        lg_free((char *)(uintptr_t)((zoo_op_t *)c->ops)[i].check_op.path);
    lg_free(c->ops);
    lg_free(c->results);
    for (size_t i = 0; i < c->names.size; i++)
        lg_free(c->names.data[i]);
    LG_VEC_DONE(&c->names);
    lg_blob_unref(c->value);
    lg_free(c->path);
    lg_free(c);
}

void lg_zk_handle_free(struct lg_zk_handle *h)
{
    if (h == NULL)
        return;
    assert(h->zh == NULL);
    while (!lg_list_empty(&h->calls))
        call_free(LG_CONTAINER_OF(h->calls.next, struct lg_zk_call, link));
    (void)pthread_cond_destroy(&h->changed);
    (void)pthread_mutex_destroy(&h->lock);
    lg_free(h);
}

uint64_t lg_zk_handle_session_us(const struct lg_zk_handle *h)
{
    return (uint64_t)zoo_recv_timeout(h->zh) * 1000;
}

void lg_zk_handle_identity(const struct lg_zk_handle *h, int64_t *out_id, uint8_t out_password[16])
{
    const clientid_t *id = zoo_client_id(h->zh);

    *out_id = id->client_id;
    memcpy(out_password, id->passwd, 16);
}

/* --- The root ------------------------------------------------------------------------------- */

static const struct ACL_vector *acl_of(const struct lg_zk_handle *h)
{
    return h->o->digest == NULL ? &ZOO_OPEN_ACL_UNSAFE : &ZOO_CREATOR_ALL_ACL;
}

static enum lg_rc root_error(const struct lg_zk_handle *h, const char *path, int rc,
                             struct lg_error *err)
{
    if (rc == ZNONODE)
        return lg_error_set(err, LG_ERR_NOT_FOUND,
                            "ZooKeeper at %s has no %s: check zookeeper.root and cluster.name, or "
                            "let a controller make it",
                            h->o->address, path);
    if (rc == ZNOAUTH || rc == ZINVALIDACL || rc == ZAUTHFAILED)
        return lg_error_set(
            err, LG_ERR_REFUSED, "ZooKeeper at %s refuses %s to %s: check zookeeper.digest.file",
            h->o->address, path,
            h->o->digest == NULL ? "who has no credentials" : "these credentials (digest)");
    return lg_error_set(err, lg_zk_is_loss(rc) ? LG_ERR_UNAVAILABLE : LG_ERR_FAILED,
                        "ZooKeeper at %s did not answer for %s: %s", h->o->address, path,
                        zerror(rc));
}

enum lg_rc lg_zk_handle_make_root(struct lg_zk_handle *h, const char *root, bool create,
                                  struct lg_error *err)
{
    char part[LG_META_PATH_MAX + 1], look[1];
    int size = 0, rc = zoo_exists(h->zh, root, /* watch= */ 0, /* stat= */ NULL);

    for (size_t n = 1; rc == ZNONODE && create && n <= strlen(root); n++) {
        if (root[n] != '/' && root[n] != '\0')
            continue;
        memcpy(part, root, n);
        part[n] = '\0';
        rc = zoo_create(h->zh, part, NULL, -1, acl_of(h), ZOO_PERSISTENT, NULL, 0);
        if (rc != ZOK && rc != ZNODEEXISTS)
            return root_error(h, part, rc, err);
        if (root[n] != '\0')
            rc = ZNONODE; /* Of the whole. */
        else
            rc = ZOK;
    }
    if (rc == ZOK) /* May we read it? That it exists is told to everybody. */
        rc = zoo_get(h->zh, root, /* watch= */ 0, look, &size, /* stat= */ NULL);
    return rc == ZOK ? LG_OK : root_error(h, root, rc, err);
}

/* --- Calls ---------------------------------------------------------------------------------- */

struct lg_zk_call *lg_zk_call_new(struct lg_zk_handle *h, const char *path, void *ctx,
                                  void (*answered)(struct lg_zk_call *call))
{
    struct lg_zk_call *c = lg_new(struct lg_zk_call);

    c->handle = h;
    c->path = lg_strdup(path);
    c->ctx = ctx;
    c->answered = answered;
    c->sent_us = lg_lane_now_us(h->o->lane);
    lg_list_push_back(&h->calls, &c->link);
    return c;
}

void lg_zk_calls_forget(struct lg_zk_handle *h, const void *ctx)
{
    LG_LIST_EACH(it, &h->calls)
    {
        struct lg_zk_call *c = LG_CONTAINER_OF(it, struct lg_zk_call, link);

        if (ctx == NULL || c->ctx == ctx)
            c->answered = NULL;
    }
}

static void call_arrived(struct lg_task *task)
{
    struct lg_zk_call *c = LG_CONTAINER_OF(task, struct lg_zk_call, task);

    if (c->answered != NULL)
        c->answered(c);
    call_free(c);
}

static void post(struct lg_zk_call *c, int rc)
{
    c->rc = rc;
    c->task.run = call_arrived;
    lg_lane_post(c->handle->o->lane, &c->task);
}

/* The client gives its data back as const. */
static struct lg_zk_call *call_of(const void *data)
{
    struct lg_zk_call *c = (struct lg_zk_call *)(uintptr_t)data;

    (void)__atomic_load_n(&c->sent, __ATOMIC_ACQUIRE);
    return c;
}

static void take_stat(struct lg_zk_call *c, const struct Stat *stat)
{
    c->version = stat->version;
    c->is_ephemeral = stat->ephemeralOwner != 0;
}

static void got_data(int rc, const char *value, int size, const struct Stat *stat, const void *data)
{
    struct lg_zk_call *c = call_of(data);

    if (rc == ZOK) {
        take_stat(c, stat);
        c->value = lg_blob_new(lg_slice(value, size > 0 ? (size_t)size : 0));
    }
    post(c, rc);
}

static void got_stat(int rc, const struct Stat *stat, const void *data)
{
    struct lg_zk_call *c = call_of(data);

    if (rc == ZOK)
        take_stat(c, stat);
    post(c, rc);
}

static void got_names(int rc, const struct String_vector *names, const void *data)
{
    struct lg_zk_call *c = call_of(data);

    for (int i = 0; rc == ZOK && i < names->count; i++)
        LG_VEC_PUSH(&c->names, lg_strdup(names->data[i]));
    post(c, rc);
}

static void got_end(int rc, const void *data)
{
    post(call_of(data), rc);
}

/* What could not be sent is answered like the rest. */
static void sent(struct lg_zk_call *c, int rc)
{
    if (rc != ZOK)
        post(c, rc);
}

static void begin(struct lg_zk_call *c)
{
    __atomic_store_n(&c->sent, true, __ATOMIC_RELEASE);
}

void lg_zk_call_get(struct lg_zk_call *c)
{
    begin(c);
    sent(c, zoo_awget(c->handle->zh, c->path, /* watcher= */ NULL, NULL, got_data, c));
}

void lg_zk_call_exists(struct lg_zk_call *c)
{
    begin(c);
    sent(c, zoo_awexists(c->handle->zh, c->path, /* watcher= */ NULL, NULL, got_stat, c));
}

void lg_zk_call_children(struct lg_zk_call *c)
{
    begin(c);
    sent(c, zoo_awget_children(c->handle->zh, c->path, /* watcher= */ NULL, NULL, got_names, c));
}

static void got_text(int rc, const char *text, const void *data)
{
    (void)text;
    post(call_of(data), rc);
}

void lg_zk_call_sync(struct lg_zk_call *c)
{
    begin(c);
    sent(c, zoo_async(c->handle->zh, c->path, got_text, c));
}

static void set_op(zoo_op_t *op, const struct lg_zk_handle *h, char *take_path,
                   const struct lg_zk_step *s)
{
    const char *value = s->value.size == 0 ? "" : (const char *)s->value.data;
    int size = (int)s->value.size; /* At most LG_META_VALUE_MAX. */

    switch (s->kind) {
    case LG_ZK_STEP_CREATE:
    case LG_ZK_STEP_CREATE_EPHEMERAL:
        zoo_create_op_init(op, take_path, value, size, acl_of(h),
                           s->kind == LG_ZK_STEP_CREATE ? ZOO_PERSISTENT : ZOO_EPHEMERAL,
                           /* path_buffer= */ NULL, 0);
        return;
    case LG_ZK_STEP_SET:
        zoo_set_op_init(op, take_path, value, size, s->version, /* stat= */ NULL);
        return;
    case LG_ZK_STEP_DELETE:
        zoo_delete_op_init(op, take_path, s->version);
        return;
    case LG_ZK_STEP_CHECK:
        zoo_check_op_init(op, take_path, s->version);
        return;
    }
}

void lg_zk_call_multi(struct lg_zk_call *c, const char *root, const struct lg_zk_plan *plan)
{
    size_t n = plan->steps.size;
    zoo_op_t *ops = lg_new_array(zoo_op_t, n);

    assert(n > 0 && n <= INT_MAX);
    c->ops = ops;
    c->op_count = n;
    c->results = lg_new_array(zoo_op_result_t, n);
    for (size_t i = 0; i < n; i++) {
        const struct lg_zk_step *s = &plan->steps.data[i];

        set_op(&ops[i], c->handle, lg_zk_full_path(root, s->path), s);
    }
    begin(c);
    sent(c, zoo_amulti(c->handle->zh, (int)n, ops, c->results, got_end, c));
}

size_t lg_zk_call_failed_step(const struct lg_zk_call *c, int *out_rc)
{
    const zoo_op_result_t *results = c->results;

    for (size_t i = 0; i < c->op_count; i++)
        if (results[i].err != ZOK && results[i].err != ZRUNTIMEINCONSISTENCY) {
            *out_rc = results[i].err;
            return i;
        }
    return c->op_count;
}

/* --- Codes ---------------------------------------------------------------------------------- */

bool lg_zk_is_loss(int rc)
{
    return rc == ZCONNECTIONLOSS || rc == ZOPERATIONTIMEOUT || rc == ZSESSIONEXPIRED ||
           rc == ZSESSIONMOVED || rc == ZCLOSING || rc == ZINVALIDSTATE;
}

enum lg_rc lg_zk_rc(int rc)
{
    switch (rc) {
    case ZOK:
        return LG_OK;
    case ZNONODE:
        return LG_ERR_NOT_FOUND;
    case ZNODEEXISTS:
    case ZBADVERSION:
    case ZNOTEMPTY:
    case ZNOCHILDRENFOREPHEMERALS:
        return LG_ERR_CONFLICT;
    case ZNOAUTH:
    case ZINVALIDACL:
    case ZAUTHFAILED:
        return LG_ERR_REFUSED;
    case ZBADARGUMENTS:
        return LG_ERR_INVALID;
    case ZUNIMPLEMENTED:
        return LG_ERR_UNSUPPORTED;
    case ZMARSHALLINGERROR:
        return LG_ERR_BAD_ANSWER;
    default:
        return lg_zk_is_loss(rc) ? LG_ERR_UNAVAILABLE : LG_ERR_FAILED;
    }
}

const char *lg_zk_text(int rc)
{
    return zerror(rc);
}

char *lg_zk_full_path(const char *root, const char *path)
{
    return strcmp(path, "/") == 0 ? lg_strdup(root) : lg_strf("%s%s", root, path);
}
