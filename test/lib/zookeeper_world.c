/* A real ZooKeeper, lanes and sessions for tests of its driver. Owner: the test. */
#define THREADED /* The client shows its synchronous half then. */
#include "test/lib/zookeeper_world.h"

#include "base/clock.h"
#include "base/str.h"
#include "metastore/meta_names.h"
#include "test/test.h"

#define TICK_MS 500u

struct lg_zookeeper_server lg_zkw_server;

int lg_zkw_start_server(void **state)
{
    (void)state;
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    lg_zookeeper_server_start(&lg_zkw_server, TICK_MS, LG_METASTORE_ZK_PACKET_BYTES_WANTED);
    return 0;
}

int lg_zkw_end_server(void **state)
{
    (void)state;
    lg_zookeeper_server_done(&lg_zkw_server);
    return 0;
}

/* --- The world ------------------------------------------------------------------------------ */

static void open_on_home(void *ctx)
{
    struct lg_zkw *w = ctx;

    w->err = (struct lg_error){0};
    w->rc = lg_metastore_zk_open(&w->options, &w->opened, &w->err);
}

enum lg_rc lg_zkw_try_open(struct lg_zkw *w)
{
    w->opened = NULL;
    lg_log_env_on_home(&w->env, open_on_home, w);
    return w->rc;
}

struct lg_metastore *lg_zkw_open(void *ctx)
{
    struct lg_zkw *w = ctx;

    if (lg_zkw_try_open(w) != LG_OK)
        fail_msg("%s", w->err.text);
    return w->opened;
}

static void set_done(void *ctx)
{
    __atomic_store_n((bool *)ctx, true, __ATOMIC_RELEASE);
}

static bool is_set(void *ctx)
{
    return __atomic_load_n((bool *)ctx, __ATOMIC_ACQUIRE);
}

void lg_zkw_close(void *ctx, struct lg_metastore *session)
{
    struct lg_zkw *w = ctx;
    bool done = false;

    lg_metastore_zk_close(session, w->env.lane, set_done, &done);
    lg_log_env_run_until(&w->env, is_set, &done);
    assert_true(done);
}

void lg_zkw_run_until(void *ctx, bool (*cond)(void *cond_ctx), void *cond_ctx)
{
    lg_log_env_run_until(&((struct lg_zkw *)ctx)->env, cond, cond_ctx);
}

void lg_zkw_init(struct lg_zkw *w, unsigned session_ms)
{
    static unsigned worlds;

    *w = (struct lg_zkw){.root = lg_strf("/lagoon/test-%u", worlds++)};
    w->options =
        (struct lg_metastore_zk_options){.address = lg_zkw_server.address,
                                         .root = w->root,
                                         .session_ms = session_ms,
                                         .connect_ms = LG_ZOOKEEPER_SESSION_MS_MAX,
                                         .create_root = true,
                                         .packet_bytes_max = LG_METASTORE_ZK_PACKET_BYTES_WANTED};
    lg_log_env_init_uv(&w->env);
    w->options.lane = w->env.home;
    lg_log_env_start_uv(&w->env);
}

void lg_zkw_done(struct lg_zkw *w)
{
    lg_log_env_done(&w->env);
    lg_free(w->root);
}

/* --- Operations ----------------------------------------------------------------------------- */

static void call_done(struct lg_meta_op *op)
{
    LG_CONTAINER_OF(op, struct lg_zkw_call, op)->ended++;
}

bool lg_zkw_call_is_done(void *ctx)
{
    return ((struct lg_zkw_call *)ctx)->ended > 0;
}

void lg_zkw_call_begin(struct lg_zkw *w, struct lg_metastore *session, struct lg_zkw_call *c)
{
    c->op.lane = w->env.lane;
    c->op.done = call_done;
    c->ended = 0;
    lg_metastore_submit(session, &c->op);
}

enum lg_rc lg_zkw_call_run(struct lg_zkw *w, struct lg_metastore *session, struct lg_zkw_call *c)
{
    lg_zkw_call_begin(w, session, c);
    lg_log_env_run_until(&w->env, lg_zkw_call_is_done, c);
    assert_int_equal(c->ended, 1);
    w->err = c->op.err;
    return c->op.rc;
}

void lg_zkw_call_change(struct lg_zkw_call *c, enum lg_meta_change_kind kind, const char *path,
                        struct lg_slice value)
{
    *c = (struct lg_zkw_call){.change = {kind, path, value, LG_META_ANY_VERSION}};
    c->op.kind = LG_META_WRITE;
    c->op.changes = &c->change;
    c->op.change_count = 1;
}

enum lg_rc lg_zkw_change(struct lg_zkw *w, struct lg_metastore *session,
                         enum lg_meta_change_kind kind, const char *path, const char *value)
{
    struct lg_zkw_call c;

    lg_zkw_call_change(&c, kind, path, lg_slice_str(value));
    return lg_zkw_call_run(w, session, &c);
}

enum lg_rc lg_zkw_put(struct lg_zkw *w, struct lg_metastore *session, const char *path,
                      const char *value)
{
    return lg_zkw_change(w, session, LG_META_PUT, path, value);
}

/* The caller owns what it gets; NULL when there is no such node. */
char *lg_zkw_get(struct lg_zkw *w, struct lg_metastore *session, enum lg_meta_kind kind,
                 const char *path)
{
    struct lg_zkw_call c = {.op = {.kind = kind, .path = path}};
    enum lg_rc rc = lg_zkw_call_run(w, session, &c);
    char *text;

    if (rc == LG_ERR_NOT_FOUND)
        return NULL;
    if (rc != LG_OK)
        fail_msg("%s: %s", path, c.op.err.text);
    text = lg_strndup((const char *)c.op.value->bytes.data, c.op.value->bytes.size);
    lg_blob_unref(c.op.value);
    return text;
}

void lg_zkw_assert_value(struct lg_zkw *w, struct lg_metastore *session, const char *path,
                         const char *value)
{
    LG_AUTO_STR char *got = lg_zkw_get(w, session, LG_META_GET, path);

    if (value == NULL) {
        assert_null(got);
        return;
    }
    assert_non_null(got);
    assert_string_equal(got, value);
}

/* --- Watches -------------------------------------------------------------------------------- */

static void changed(struct lg_meta_watch *watch)
{
    struct lg_zkw_watcher *w = LG_CONTAINER_OF(watch, struct lg_zkw_watcher, watch);
    struct lg_slice name;
    size_t at = 0;
    bool below;

    w->told_all += lg_meta_names_are_all(watch->names);
    while (lg_meta_names_next(watch->names, &at, &name, &below))
        if (w->want_name != NULL && lg_slice_eq_str(name, w->want_name))
            w->is_named = true;
    w->told++;
}

bool lg_zkw_is_named(void *ctx)
{
    return ((const struct lg_zkw_watcher *)ctx)->is_named;
}

static void session_lost(struct lg_meta_watch *watch)
{
    struct lg_zkw_watcher *w = LG_CONTAINER_OF(watch, struct lg_zkw_watcher, watch);

    w->lost++;
    w->lost_at = w->told;
}

static void watch_closed(struct lg_meta_watch *watch)
{
    LG_CONTAINER_OF(watch, struct lg_zkw_watcher, watch)->closed = true;
}

static void watch_task(struct lg_task *task)
{
    struct lg_zkw_watcher *w = LG_CONTAINER_OF(task, struct lg_zkw_watcher, task);

    if (w->ending)
        lg_metastore_unwatch(w->session, &w->watch, watch_closed);
    else
        lg_metastore_watch(w->session, &w->watch);
}

bool lg_zkw_is_told(void *ctx)
{
    const struct lg_zkw_watcher *w = ctx;

    return w->told >= w->want_told && w->lost >= w->want_lost;
}

static bool is_closed(void *ctx)
{
    return ((struct lg_zkw_watcher *)ctx)->closed;
}

void lg_zkw_watch(struct lg_zkw *w, struct lg_metastore *session, struct lg_zkw_watcher *x,
                  const char *path)
{
    *x = (struct lg_zkw_watcher){.watch = {.lane = w->env.lane,
                                           .path = path,
                                           .changed = changed,
                                           .session_lost = session_lost},
                                 .session = session,
                                 .want_told = 1};
    x->task.run = watch_task;
    lg_lane_post(w->env.lane, &x->task);
    lg_log_env_run_until(&w->env, lg_zkw_is_told, x);
    assert_true(lg_zkw_is_told(x));
}

void lg_zkw_unwatch(struct lg_zkw *w, struct lg_zkw_watcher *x)
{
    x->ending = true;
    lg_lane_post(w->env.lane, &x->task);
    lg_log_env_run_until(&w->env, is_closed, x);
    assert_true(x->closed);
}

/* More than so often. */
void lg_zkw_await_told(struct lg_zkw *w, struct lg_zkw_watcher *x, unsigned before)
{
    x->want_told = before + 1;
    lg_log_env_run_until(&w->env, lg_zkw_is_told, x);
    assert_true(lg_zkw_is_told(x));
}

/* --- Conditions ----------------------------------------------------------------------------- */

struct state {
    struct lg_metastore *session;
    bool connected;
    uint64_t epoch; /* at least */
};

static bool is_so(void *ctx)
{
    const struct state *s = ctx;

    return lg_metastore_zk_connected(s->session) == s->connected &&
           lg_metastore_zk_epoch(s->session) >= s->epoch;
}

void lg_zkw_await_state(struct lg_zkw *w, struct lg_metastore *session, bool connected,
                        uint64_t epoch)
{
    struct state s = {session, connected, epoch};

    lg_log_env_run_until(&w->env, is_so, &s);
    assert_true(is_so(&s));
}

/* --- A client that is none of ours ---------------------------------------------------------- */

zhandle_t *lg_zkw_stranger(const clientid_t *id)
{
    uint64_t until_us = lg_clock_mono_us() + 30 * LG_SEC;
    zhandle_t *zh = zookeeper_init(lg_zkw_server.address, NULL, LG_ZKW_LONG_MS, id, NULL, 0);

    assert_non_null(zh);
    while (zoo_state(zh) != ZOO_CONNECTED_STATE && lg_clock_mono_us() < until_us)
        lg_process_pause(5);
    assert_int_equal(zoo_state(zh), ZOO_CONNECTED_STATE);
    return zh;
}

void lg_zkw_stranger_creates(zhandle_t *zh, const struct lg_zkw *w, const char *path,
                             struct lg_slice value)
{
    LG_AUTO_STR char *full = lg_strf("%s%s", w->root, path);

    assert_int_equal(zoo_create(zh, full, (const char *)value.data, (int)value.size,
                                &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0),
                     ZOK);
}
