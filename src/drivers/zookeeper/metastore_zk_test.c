/* Tests of the ZooKeeper session against a real server: the contract, lost connections and lost
 * sessions, storms of changes, credentials, sizes, junk, closing.
 *
 * One server serves all tests; each has a root of its own. Sessions of that server take 1 to 10 s.
 */
#include "drivers/zookeeper/metastore_zk.h"

#define THREADED /* The client shows its synchronous half then. */
#include <zookeeper/zookeeper.h>

#include "test/lib/log_env.h"
#include "test/lib/zookeeper_server.h"
#include "test/test.h"

#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/str.h"
#include "metastore/metastore_contract.h"

#define TICK_MS 500u
#define SHORT_MS 1000u
#define LONG_MS 10000u

static struct lg_zookeeper_server server;

/* --- The world ------------------------------------------------------------------------------ */

struct world {
    struct lg_log_env env;
    char *root;
    struct lg_metastore_zk_options options;
    struct lg_metastore *opened; /* by the last open */
    enum lg_rc rc;
    struct lg_error err;
};

static void open_on_home(void *ctx)
{
    struct world *w = ctx;

    w->err = (struct lg_error){0};
    w->rc = lg_metastore_zk_open(&w->options, &w->opened, &w->err);
}

static enum lg_rc try_open(struct world *w)
{
    w->opened = NULL;
    lg_log_env_on_home(&w->env, open_on_home, w);
    return w->rc;
}

static struct lg_metastore *open_session(void *ctx)
{
    struct world *w = ctx;

    if (try_open(w) != LG_OK)
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

static void close_session(void *ctx, struct lg_metastore *session)
{
    struct world *w = ctx;
    bool done = false;

    lg_metastore_zk_close(session, w->env.lane, set_done, &done);
    lg_log_env_run_until(&w->env, is_set, &done);
    assert_true(done);
}

static void run_until(void *ctx, bool (*cond)(void *cond_ctx), void *cond_ctx)
{
    lg_log_env_run_until(&((struct world *)ctx)->env, cond, cond_ctx);
}

static void init(struct world *w, unsigned session_ms)
{
    static unsigned worlds;

    *w = (struct world){.root = lg_strf("/lagoon/test-%u", worlds++)};
    w->options =
        (struct lg_metastore_zk_options){.address = server.address,
                                         .root = w->root,
                                         .session_ms = session_ms,
                                         .create_root = true,
                                         .packet_bytes_max = LG_METASTORE_ZK_PACKET_BYTES_WANTED};
    lg_log_env_init_uv(&w->env);
    w->options.lane = w->env.home;
    lg_log_env_start_uv(&w->env);
}

static void done(struct world *w)
{
    lg_log_env_done(&w->env);
    lg_free(w->root);
}

/* --- Operations ----------------------------------------------------------------------------- */

struct call {
    struct lg_meta_op op;
    struct lg_meta_change change;
    unsigned ended;
};

static void call_done(struct lg_meta_op *op)
{
    LG_CONTAINER_OF(op, struct call, op)->ended++;
}

static bool call_is_done(void *ctx)
{
    return ((struct call *)ctx)->ended > 0;
}

static void begin_call(struct world *w, struct lg_metastore *session, struct call *c)
{
    c->op.lane = w->env.lane;
    c->op.done = call_done;
    c->ended = 0;
    lg_metastore_submit(session, &c->op);
}

static enum lg_rc run_call(struct world *w, struct lg_metastore *session, struct call *c)
{
    begin_call(w, session, c);
    lg_log_env_run_until(&w->env, call_is_done, c);
    assert_int_equal(c->ended, 1);
    w->err = c->op.err;
    return c->op.rc;
}

static void set_change(struct call *c, enum lg_meta_change_kind kind, const char *path,
                       struct lg_slice value)
{
    *c = (struct call){.change = {kind, path, value, LG_META_ANY_VERSION}};
    c->op.kind = LG_META_WRITE;
    c->op.changes = &c->change;
    c->op.change_count = 1;
}

static enum lg_rc change(struct world *w, struct lg_metastore *session,
                         enum lg_meta_change_kind kind, const char *path, const char *value)
{
    struct call c;

    set_change(&c, kind, path, lg_slice_str(value));
    return run_call(w, session, &c);
}

static enum lg_rc put(struct world *w, struct lg_metastore *session, const char *path,
                      const char *value)
{
    return change(w, session, LG_META_PUT, path, value);
}

/* The caller owns what it gets; NULL when there is no such node. */
static char *get(struct world *w, struct lg_metastore *session, enum lg_meta_kind kind,
                 const char *path)
{
    struct call c = {.op = {.kind = kind, .path = path}};
    enum lg_rc rc = run_call(w, session, &c);
    char *text;

    if (rc == LG_ERR_NOT_FOUND)
        return NULL;
    if (rc != LG_OK)
        fail_msg("%s: %s", path, c.op.err.text);
    text = lg_strndup((const char *)c.op.value->bytes.data, c.op.value->bytes.size);
    lg_blob_unref(c.op.value);
    return text;
}

static void assert_value(struct world *w, struct lg_metastore *session, const char *path,
                         const char *value)
{
    LG_AUTO_STR char *got = get(w, session, LG_META_GET, path);

    if (value == NULL) {
        assert_null(got);
        return;
    }
    assert_non_null(got);
    assert_string_equal(got, value);
}

/* --- Watches -------------------------------------------------------------------------------- */

struct watcher {
    struct lg_meta_watch watch;
    struct lg_metastore *session;
    struct lg_task task;
    unsigned told, lost, lost_at; /* lost_at: how often `changed` had come before */
    unsigned want_told, want_lost;
    bool ending, closed;
};

static void changed(struct lg_meta_watch *watch)
{
    LG_CONTAINER_OF(watch, struct watcher, watch)->told++;
}

static void session_lost(struct lg_meta_watch *watch)
{
    struct watcher *w = LG_CONTAINER_OF(watch, struct watcher, watch);

    w->lost++;
    w->lost_at = w->told;
}

static void watch_closed(struct lg_meta_watch *watch)
{
    LG_CONTAINER_OF(watch, struct watcher, watch)->closed = true;
}

static void watch_task(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, task);

    if (w->ending)
        lg_metastore_unwatch(w->session, &w->watch, watch_closed);
    else
        lg_metastore_watch(w->session, &w->watch);
}

static bool is_told(void *ctx)
{
    const struct watcher *w = ctx;

    return w->told >= w->want_told && w->lost >= w->want_lost;
}

static bool is_closed(void *ctx)
{
    return ((struct watcher *)ctx)->closed;
}

static void start_watch(struct world *w, struct lg_metastore *session, struct watcher *x,
                        const char *path)
{
    *x = (struct watcher){.watch = {.lane = w->env.lane,
                                    .path = path,
                                    .changed = changed,
                                    .session_lost = session_lost},
                          .session = session,
                          .want_told = 1};
    x->task.run = watch_task;
    lg_lane_post(w->env.lane, &x->task);
    lg_log_env_run_until(&w->env, is_told, x);
    assert_true(is_told(x));
}

static void end_watch(struct world *w, struct watcher *x)
{
    x->ending = true;
    lg_lane_post(w->env.lane, &x->task);
    lg_log_env_run_until(&w->env, is_closed, x);
    assert_true(x->closed);
}

/* More than so often. */
static void await_told(struct world *w, struct watcher *x, unsigned before)
{
    x->want_told = before + 1;
    lg_log_env_run_until(&w->env, is_told, x);
    assert_true(is_told(x));
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

static void await_state(struct world *w, struct lg_metastore *session, bool connected,
                        uint64_t epoch)
{
    struct state s = {session, connected, epoch};

    lg_log_env_run_until(&w->env, is_so, &s);
    assert_true(is_so(&s));
}

/* --- A client that is none of ours ---------------------------------------------------------- */

static zhandle_t *stranger(const clientid_t *id)
{
    uint64_t until_us = lg_clock_mono_us() + 30 * LG_SEC;
    zhandle_t *zh = zookeeper_init(server.address, NULL, LONG_MS, id, NULL, 0);

    assert_non_null(zh);
    while (zoo_state(zh) != ZOO_CONNECTED_STATE && lg_clock_mono_us() < until_us)
        lg_process_pause(5);
    assert_int_equal(zoo_state(zh), ZOO_CONNECTED_STATE);
    return zh;
}

static void stranger_creates(zhandle_t *zh, const struct world *w, const char *path,
                             struct lg_slice value)
{
    LG_AUTO_STR char *full = lg_strf("%s%s", w->root, path);

    assert_int_equal(zoo_create(zh, full, (const char *)value.data, (int)value.size,
                                &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0),
                     ZOK);
}

/* --- The contract --------------------------------------------------------------------------- */

static void it_keeps_the_contract(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_metastore_contract contract;
    struct world w;

    init(&w, LONG_MS);
    contract = (struct lg_metastore_contract){.open_session = open_session,
                                              .close_session = close_session,
                                              .lane = w.env.lane,
                                              .run_until = run_until,
                                              .ctx = &w};
    for (int i = 0; i < 3; i++) /* What it leaves behind does not disturb it. */
        assert_ok(lg_metastore_contract(&contract, &err));
    done(&w);
}

/* Each step can only be done by who sees what the other one does in between. */
static void writes_of_two_sessions_do_not_mix(void **state)
{
    (void)state;
    enum { ROUNDS = 40 };
    static const struct lg_meta_change changes[] = {
        {LG_META_REMOVE_TREE, "/r", LG_SLICE_NULL, LG_META_ANY_VERSION},
        {LG_META_CREATE, "/r/a/x", LG_LIT("1"), LG_META_ANY_VERSION},
        {LG_META_PUT, "/r/a/y", LG_LIT("1"), LG_META_ANY_VERSION},
        {LG_META_PUT, "/r/a/x", LG_LIT("2"), LG_META_ANY_VERSION},
    };
    static const struct lg_meta_change other[] = {
        {LG_META_PUT, "/r/a/y/z", LG_LIT("1"), LG_META_ANY_VERSION},
        {LG_META_REMOVE_TREE, "/r/a/x", LG_SLICE_NULL, LG_META_ANY_VERSION},
    };
    struct call calls[3][ROUNDS] = {0};
    struct lg_metastore *s[3];
    unsigned ok = 0;
    struct world w;

    init(&w, LONG_MS);
    for (size_t i = 0; i < 3; i++)
        s[i] = open_session(&w);
    for (int n = 0; n < ROUNDS; n++)
        for (size_t i = 0; i < 3; i++) {
            calls[i][n].op.kind = LG_META_WRITE;
            calls[i][n].op.changes = i < 2 ? changes : other;
            calls[i][n].op.change_count = i < 2 ? LG_ARRAY_SIZE(changes) : LG_ARRAY_SIZE(other);
            begin_call(&w, s[i], &calls[i][n]);
        }
    for (int n = 0; n < ROUNDS; n++)
        for (size_t i = 0; i < 3; i++) {
            enum lg_rc rc;

            lg_log_env_run_until(&w.env, call_is_done, &calls[i][n]);
            assert_int_equal(calls[i][n].ended, 1);
            rc = calls[i][n].op.rc;
            ok += rc == LG_OK;
            /* It can always be done; only time or luck may be missing. */
            if (rc != LG_OK && rc != LG_ERR_BUSY && rc != LG_ERR_UNAVAILABLE)
                fail_msg("%s", calls[i][n].op.err.text);
        }
    assert_true(ok > ROUNDS);
    assert_rc(LG_OK, put(&w, s[2], "/end", ""));
    for (size_t i = 0; i < 3; i++)
        close_session(&w, s[i]);
    done(&w);
}

/* --- Lost connections and sessions ---------------------------------------------------------- */

static void a_server_that_stands_still_ends_the_session(void **state)
{
    (void)state;
    struct lg_metastore *s;
    struct lg_error err = {0};
    struct call late;
    struct watcher x;
    uint64_t epoch;
    unsigned before;
    struct world w;

    init(&w, SHORT_MS);
    s = open_session(&w);
    assert_int_equal(lg_metastore_zk_epoch(s), 1);
    assert_ok(change(&w, s, LG_META_CREATE_EPHEMERAL, "/live/me", "here"));
    assert_ok(put(&w, s, "/stays", "1"));
    start_watch(&w, s, &x, "/live");
    lg_zookeeper_server_stop(&server);
    set_change(&late, LG_META_PUT, "/stays", LG_LIT("2"));
    begin_call(&w, s, &late);
    await_state(&w, s, /* connected= */ false, /* epoch= */ 2);
    lg_log_env_run_until(&w.env, call_is_done, &late);
    assert_int_equal(late.ended, 1);
    assert_rc(LG_ERR_UNAVAILABLE, late.op.rc);
    assert_rc(LG_ERR_UNAVAILABLE, put(&w, s, "/stays", "3"));
    assert_non_null(strstr(w.err.text, server.address));
    assert_non_null(strstr(w.err.text, "has not answered for"));
    assert_int_equal(x.lost, 0); /* There is no new session yet. */
    x.want_lost = 1;
    x.want_told = x.told + 1;
    lg_zookeeper_server_continue(&server);
    lg_log_env_run_until(&w.env, is_told, &x);
    assert_int_equal(x.lost, 1);
    assert_true(x.told > x.lost_at); /* `changed` follows. */
    epoch = lg_metastore_zk_epoch(s);
    assert_true(epoch >= 2);
    assert_value(&w, s, "/live/me", NULL);
    before = x.told;
    assert_ok(change(&w, s, LG_META_CREATE_EPHEMERAL, "/live/me", "again"));
    await_told(&w, &x, before); /* Watches are those of the new session. */
    assert_value(&w, s, "/live/me", "again");
    assert_int_equal(lg_metastore_zk_epoch(s), epoch);
    end_watch(&w, &x);
    close_session(&w, s);
    done(&w);
}

struct identity {
    struct lg_metastore *session;
    clientid_t id;
};

static void take_identity(void *ctx)
{
    struct identity *i = ctx;

    lg_metastore_zk_identity(i->session, &i->id.client_id, (uint8_t *)i->id.passwd);
}

static void a_session_that_zookeeper_ends_is_followed_by_another(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct identity i;
    struct watcher x;
    struct world w;

    init(&w, LONG_MS);
    i.session = open_session(&w);
    assert_ok(change(&w, i.session, LG_META_CREATE_EPHEMERAL, "/me", "here"));
    start_watch(&w, i.session, &x, "/");
    lg_log_env_on_home(&w.env, take_identity, &i);
    x.want_lost = 1;
    assert_int_equal(zookeeper_close(stranger(&i.id)), ZOK); /* Ends the session, which is ours. */
    lg_log_env_run_until(&w.env, is_told, &x);
    assert_int_equal(x.lost, 1);
    assert_int_equal(lg_metastore_zk_epoch(i.session), 2);
    assert_ok(change(&w, i.session, LG_META_CREATE_EPHEMERAL, "/me", "again"));
    assert_value(&w, i.session, "/me", "again");
    end_watch(&w, &x);
    close_session(&w, i.session);
    done(&w);
}

static void a_restart_of_the_server_keeps_session_and_data(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_metastore *s;
    struct watcher x;
    struct call wait = {.op = {.kind = LG_META_GET, .path = "/a"}};
    struct world w;
    unsigned before;

    init(&w, LONG_MS);
    s = open_session(&w);
    assert_ok(put(&w, s, "/a", "1"));
    assert_ok(change(&w, s, LG_META_CREATE_EPHEMERAL, "/live", "1"));
    start_watch(&w, s, &x, "/a");
    before = x.told;
    lg_zookeeper_server_kill(&server);
    await_state(&w, s, /* connected= */ false, 1);
    begin_call(&w, s, &wait); /* Waits for the connection. */
    lg_zookeeper_server_restart(&server);
    lg_log_env_run_until(&w.env, call_is_done, &wait);
    assert_rc(LG_OK, wait.op.rc);
    lg_blob_unref(wait.op.value);
    x.want_told = before + 1; /* Of the lost connection. */
    lg_log_env_run_until(&w.env, is_told, &x);
    assert_true(is_told(&x));
    assert_int_equal(lg_metastore_zk_epoch(s), 1);
    assert_int_equal(x.lost, 0);
    assert_value(&w, s, "/live", "1");
    x.want_told = x.told + 1;
    assert_ok(put(&w, s, "/a", "2"));
    lg_log_env_run_until(&w.env, is_told, &x);
    assert_true(is_told(&x));
    end_watch(&w, &x);
    close_session(&w, s);
    done(&w);
}

static void what_was_acknowledged_before_a_crash_is_there(void **state)
{
    (void)state;
    enum { CALLS = 200 };
    static struct call calls[CALLS];
    static char paths[CALLS][16];
    struct lg_metastore *s;
    struct world w;

    init(&w, LONG_MS);
    s = open_session(&w);
    for (int i = 0; i < CALLS; i++) {
        LG_AUTO_STR char *path = lg_strf("/n%d", i);

        memcpy(paths[i], path, strlen(path) + 1);
        set_change(&calls[i], LG_META_CREATE, paths[i], lg_slice_str(paths[i]));
        begin_call(&w, s, &calls[i]);
    }
    lg_log_env_run_until(&w.env, call_is_done, &calls[20]);
    lg_zookeeper_server_kill(&server);
    lg_zookeeper_server_restart(&server);
    for (int i = 0; i < CALLS; i++) {
        lg_log_env_run_until(&w.env, call_is_done, &calls[i]);
        assert_int_equal(calls[i].ended, 1);
        assert_true(calls[i].op.rc == LG_OK || calls[i].op.rc == LG_ERR_UNAVAILABLE);
    }
    await_state(&w, s, /* connected= */ true, 1);
    for (int i = 0; i < CALLS; i++)
        if (calls[i].op.rc == LG_OK)
            assert_value(&w, s, paths[i], paths[i]);
    assert_rc(LG_OK, calls[20].op.rc);
    close_session(&w, s);
    done(&w);
}

static void closing_ends_every_operation_once(void **state)
{
    (void)state;
    enum { CALLS = 100 };
    static struct call calls[CALLS];

    for (int stopped = 0; stopped < 2; stopped++) {
        struct lg_metastore *s;
        struct world w;

        init(&w, SHORT_MS);
        s = open_session(&w);
        if (stopped)
            lg_zookeeper_server_stop(&server);
        for (int i = 0; i < CALLS; i++) {
            if (i % 3 == 0)
                calls[i] = (struct call){.op = {.kind = LG_META_GET, .path = "/"}};
            else
                set_change(&calls[i], LG_META_PUT, "/a/b", LG_LIT("x"));
            begin_call(&w, s, &calls[i]);
        }
        close_session(&w, s);
        for (int i = 0; i < CALLS; i++) {
            lg_log_env_run_until(&w.env, call_is_done, &calls[i]);
            assert_int_equal(calls[i].ended, 1);
            assert_true(calls[i].op.rc == LG_OK || calls[i].op.rc == LG_ERR_UNAVAILABLE);
            lg_blob_unref(calls[i].op.value);
        }
        if (stopped)
            lg_zookeeper_server_continue(&server);
        done(&w);
    }
}

/* --- Watches -------------------------------------------------------------------------------- */

/* The whole tree as text, as a catalog reads it. */
static void read_tree(struct world *w, struct lg_metastore *s, const char *path, struct lg_buf *out)
{
    LG_AUTO_STR char *names = get(w, s, LG_META_CHILDREN, path);
    LG_AUTO_STR char *value = get(w, s, LG_META_GET, path);

    if (names == NULL || value == NULL)
        return;
    lg_buf_appendf(out, "%s=%s\n", path, value);
    for (char *at = names, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        LG_AUTO_STR char *child = lg_strf("%s/%.*s", path, (int)(end - at), at);

        read_tree(w, s, child, out);
    }
}

static void random_change(struct lg_rand *r, struct call *c, char *path, char *value)
{
    static const char *const paths[] = {"/storm",   "/storm/a",   "/storm/a/x",   "/storm/a/y",
                                        "/storm/b", "/storm/b/x", "/storm/c/d/e", "/storm/c"};
    static const enum lg_meta_change_kind kinds[] = {
        LG_META_PUT, LG_META_PUT, LG_META_PUT, LG_META_CREATE, LG_META_REMOVE, LG_META_REMOVE_TREE};
    LG_AUTO_STR char *text = lg_strf("%u", (unsigned)lg_rand_below(r, 1000));
    size_t which = lg_rand_below(r, LG_ARRAY_SIZE(paths));
    enum lg_meta_change_kind kind = kinds[lg_rand_below(r, LG_ARRAY_SIZE(kinds))];

    memcpy(path, paths[which], strlen(paths[which]) + 1);
    memcpy(value, text, strlen(text) + 1);
    set_change(c, kind, path, lg_slice_str(value));
}

/* When the storm is over, whoever reads when told, and only then, has seen the last state. */
static void a_storm_of_changes_loses_no_last_state(void **state)
{
    (void)state;
    enum { CALLS = 60, ROUNDS = 8 };
    static struct call calls[CALLS];
    static char paths[CALLS][32], values[CALLS][16];
    struct lg_metastore *writer, *s;
    struct lg_rand r;
    struct watcher x;
    struct world w;

    init(&w, LONG_MS);
    lg_rand_seed(&r, 7);
    writer = open_session(&w);
    s = open_session(&w);
    start_watch(&w, s, &x, "/storm"); /* It does not exist yet. */
    for (int round = 0; round < ROUNDS; round++) {
        LG_SCOPED(lg_buf) truth = {0};
        LG_SCOPED(lg_buf) seen = {0};
        unsigned read_at = x.told;

        for (int i = 0; i < CALLS; i++) {
            random_change(&r, &calls[i], paths[i], values[i]);
            begin_call(&w, writer, &calls[i]);
        }
        for (int i = 0; i < CALLS; i++) {
            if (x.told != read_at) {
                read_at = x.told;
                lg_buf_clear(&seen);
                read_tree(&w, s, "/storm", &seen);
            }
            lg_log_env_run_until(&w.env, call_is_done, &calls[i]);
            assert_int_equal(calls[i].ended, 1);
            assert_true(calls[i].op.rc == LG_OK || calls[i].op.rc == LG_ERR_CONFLICT ||
                        calls[i].op.rc == LG_ERR_NOT_FOUND);
        }
        read_tree(&w, writer, "/storm", &truth);
        while (!lg_slice_eq(lg_buf_slice(&seen), lg_buf_slice(&truth))) {
            if (x.told == read_at) /* Reads only when told. */
                await_told(&w, &x, read_at);
            read_at = x.told;
            lg_buf_clear(&seen);
            read_tree(&w, s, "/storm", &seen);
        }
    }
    end_watch(&w, &x);
    close_session(&w, s);
    close_session(&w, writer);
    done(&w);
}

static void too_many_nodes_to_watch_are_told_all_the_same(void **state)
{
    (void)state;
    enum { NODES = 900 };
    static char paths[NODES][64];
    static struct lg_meta_change changes[NODES];
    struct call c = {.op = {.kind = LG_META_WRITE, .changes = changes}};
    struct lg_metastore *s;
    struct lg_error err = {0};
    struct watcher x;
    struct world w;

    init(&w, LONG_MS);
    w.options.packet_bytes_max = LG_METASTORE_ZK_PACKET_BYTES_MIN;
    s = open_session(&w);
    for (int i = 0; i < NODES; i++) {
        LG_AUTO_STR char *path = lg_strf("/many/a-name-that-is-not-short-%05d", i);

        memcpy(paths[i], path, strlen(path) + 1);
        changes[i] =
            (struct lg_meta_change){LG_META_PUT, paths[i], LG_SLICE_NULL, LG_META_ANY_VERSION};
    }
    for (int i = 0; i < NODES; i += 180) {
        c.op.changes = changes + i;
        c.op.change_count = 180;
        assert_ok(run_call(&w, s, &c));
    }
    start_watch(&w, s, &x, "/many");
    for (int i = 0; i < NODES; i += NODES / 3 - 1) {
        x.want_told = x.told + 2; /* One may have been on its way. */
        assert_ok(put(&w, s, paths[i], "new"));
        lg_log_env_run_until(&w.env, is_told, &x);
        assert_true(is_told(&x));
    }
    end_watch(&w, &x);
    close_session(&w, s);
    done(&w);
}

/* --- Addresses, credentials, sizes, junk ---------------------------------------------------- */

static void a_wrong_address_is_told_early(void **state)
{
    (void)state;
    struct world w;

    init(&w, LONG_MS);
    w.options.connect_ms = 700;
    w.options.address = "127.0.0.1:1";
    assert_rc(LG_ERR_UNAVAILABLE, try_open(&w));
    assert_string_equal(w.err.text, "no ZooKeeper answers at 127.0.0.1:1 after 0.7 s; check "
                                    "zookeeper.address");
    w.options.address = "no-such-host.invalid:2181";
    assert_rc(LG_ERR_UNAVAILABLE, try_open(&w));
    assert_non_null(strstr(w.err.text, "zookeeper.address"));
    w.options.address = "127.0.0.1";
    assert_rc(LG_ERR_UNAVAILABLE, try_open(&w));
    assert_non_null(strstr(w.err.text, "zookeeper.address"));
    done(&w);
}

static void options_that_make_no_sense_are_named(void **state)
{
    (void)state;
    const struct {
        struct lg_metastore_zk_options options;
        const char *says;
    } bad[] = {
        {{.address = "", .root = "/l"}, "zookeeper.address"},
        {{.address = "h:1/chroot", .root = "/l"}, "zookeeper.root"},
        {{.address = "h:1", .root = "/"}, "not Lagoon's alone"},
        {{.address = "h:1", .root = "l"}, "zookeeper.root"},
        {{.address = "h:1", .root = "/l", .digest = "nobody"}, "zookeeper.digest"},
        {{.address = "h:1", .root = "/l", .session_ms = 1}, "zookeeper.session.timeout"},
        {{.address = "h:1", .root = "/l", .packet_bytes_max = 1}, "zookeeper.packet.max.bytes"},
    };
    struct lg_metastore *session = NULL;

    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        struct lg_error err = {0};

        assert_rc(LG_ERR_INVALID, lg_metastore_zk_open(&bad[i].options, &session, &err));
        if (strstr(err.text, bad[i].says) == NULL)
            fail_msg("%s", err.text);
        assert_null(session);
    }
}

static void a_root_that_is_absent_is_not_made_by_accident(void **state)
{
    (void)state;
    struct world w;

    init(&w, LONG_MS);
    w.options.create_root = false;
    assert_rc(LG_ERR_NOT_FOUND, try_open(&w));
    assert_non_null(strstr(w.err.text, w.root));
    w.options.create_root = true;
    close_session(&w, open_session(&w));
    w.options.create_root = false;
    close_session(&w, open_session(&w));
    done(&w);
}

static void strangers_are_refused(void **state)
{
    (void)state;
    LG_AUTO_STR char *closed = NULL;
    struct call read = {.op = {.kind = LG_META_GET, .path = "/closed/x"}};
    struct lg_metastore *owner, *guest;
    struct lg_error err = {0};
    struct world w;

    init(&w, LONG_MS);
    close_session(&w, open_session(&w)); /* The root is everybody's. */
    closed = lg_strf("%s/closed", w.root);
    w.options.digest = "lagoon:secret";
    owner = open_session(&w);
    assert_ok(put(&w, owner, "/closed/x", "1"));
    w.options.digest = NULL;
    guest = open_session(&w);
    assert_rc(LG_ERR_REFUSED, run_call(&w, guest, &read));
    assert_non_null(strstr(read.op.err.text, "zookeeper.digest"));
    assert_rc(LG_ERR_REFUSED, put(&w, guest, "/closed/x", "2"));
    assert_non_null(strstr(w.err.text, "/closed/x"));
    w.options.root = closed;
    assert_rc(LG_ERR_REFUSED, try_open(&w));
    w.options.digest = "lagoon:guess";
    assert_rc(LG_ERR_REFUSED, try_open(&w));
    assert_non_null(strstr(w.err.text, "zookeeper.digest"));
    w.options.digest = "lagoon:secret";
    close_session(&w, open_session(&w));
    assert_value(&w, owner, "/closed/x", "1");
    close_session(&w, guest);
    close_session(&w, owner);
    done(&w);
}

static void what_a_server_does_not_take_is_not_sent(void **state)
{
    (void)state;
    uint8_t *value = lg_zalloc(LG_META_VALUE_MAX);
    struct lg_meta_change three[3];
    struct call c = {.op = {.kind = LG_META_WRITE, .changes = three, .change_count = 3}};
    const char *paths[] = {"/a", "/b", "/c"};
    struct lg_error err = {0};
    struct lg_metastore *s;
    struct call one;
    struct world w;

    init(&w, LONG_MS);
    w.options.packet_bytes_max = 0; /* As servers are that nobody has configured. */
    s = open_session(&w);
    set_change(&one, LG_META_PUT, "/big", lg_slice(value, LG_META_VALUE_MAX));
    assert_rc(LG_ERR_TOO_LARGE, run_call(&w, s, &one));
    assert_non_null(strstr(w.err.text, "jute.maxbuffer"));
    assert_non_null(strstr(w.err.text, "/big"));
    set_change(&one, LG_META_PUT, "/big", lg_slice(value, LG_META_VALUE_MAX - 2000));
    assert_ok(run_call(&w, s, &one));
    for (size_t i = 0; i < 3; i++)
        three[i] = (struct lg_meta_change){LG_META_PUT, paths[i], lg_slice(value, 500000),
                                           LG_META_ANY_VERSION};
    assert_rc(LG_ERR_TOO_LARGE, run_call(&w, s, &c));
    assert_value(&w, s, "/a", NULL);
    assert_int_equal(lg_metastore_zk_epoch(s), 1);
    close_session(&w, s);
    done(&w);
    lg_free(value);
}

static void junk_of_others_does_no_harm(void **state)
{
    (void)state;
    LG_AUTO_STR char *names = NULL;
    uint8_t *large = lg_zalloc(LG_META_VALUE_MAX + 1);
    struct call c = {.op = {.kind = LG_META_GET, .path = "/junk/large"}};
    struct lg_error err = {0};
    struct lg_metastore *s;
    struct watcher x;
    unsigned before;
    zhandle_t *zh;
    struct world w;

    init(&w, LONG_MS);
    s = open_session(&w);
    start_watch(&w, s, &x, "/junk");
    before = x.told;
    zh = stranger(NULL);
    stranger_creates(zh, &w, "/junk", LG_SLICE_NULL);
    stranger_creates(zh, &w, "/junk/plain", LG_LIT("\x00\xff{]"));
    stranger_creates(zh, &w, "/junk/\xc3\xa9t\xc3\xa9 %s", LG_LIT("summer"));
    stranger_creates(zh, &w, "/junk/large", lg_slice(large, LG_META_VALUE_MAX + 1));
    await_told(&w, &x, before);
    names = get(&w, s, LG_META_CHILDREN, "/junk");
    assert_string_equal(names, "large\nplain\n\xc3\xa9t\xc3\xa9 %s\n");
    assert_rc(LG_ERR_TOO_LARGE, run_call(&w, s, &c));
    assert_non_null(strstr(w.err.text, "/junk/large"));
    assert_value(&w, s, "/junk/\xc3\xa9t\xc3\xa9 %s", "summer");
    assert_ok(change(&w, s, LG_META_REMOVE_TREE, "/junk", ""));
    assert_value(&w, s, "/junk", NULL);
    assert_int_equal(zookeeper_close(zh), ZOK);
    end_watch(&w, &x);
    close_session(&w, s);
    done(&w);
    lg_free(large);
}

/* --- What it says about itself -------------------------------------------------------------- */

static struct {
    unsigned ours, theirs;
} lines;

static void count_line(void *ctx, enum lg_log_level level, const char *line)
{
    (void)ctx, (void)level;
    if (strstr(line, "zookeeper_client") != NULL)
        (void)__atomic_add_fetch(&lines.theirs, 1, __ATOMIC_RELAXED);
    if (strstr(line, "zookeeper_disconnected") != NULL)
        (void)__atomic_add_fetch(&lines.ours, 1, __ATOMIC_RELAXED);
}

static bool health_says(void *ctx)
{
    LG_SCOPED(lg_buf) text = {0};

    (void)lg_health_write(&text, LG_HEALTH_READY, 0, /* verbose= */ true);
    lg_buf_append_byte(&text, 0);
    return strstr((const char *)text.data, ctx) != NULL;
}

static void log_and_health_tell_of_the_connection(void **state)
{
    (void)state;
    struct lg_metastore *s;
    struct world w;

    init(&w, LONG_MS);
    lg_log_set_sink(count_line, NULL);
    s = open_session(&w);
    lg_log_env_run_until(&w.env, health_says, (void *)(uintptr_t) "[+]zookeeper");
    assert_true(health_says((void *)(uintptr_t) "[+]zookeeper"));
    lg_zookeeper_server_kill(&server);
    lg_log_env_run_until(&w.env, health_says, (void *)(uintptr_t) "[-]zookeeper");
    assert_true(health_says((void *)(uintptr_t) "[-]zookeeper"));
    assert_true(lg_health_ok(LG_HEALTH_READY, 0)); /* Reads go on. */
    lg_zookeeper_server_restart(&server);
    lg_log_env_run_until(&w.env, health_says, (void *)(uintptr_t) "[+]zookeeper");
    assert_true(health_says((void *)(uintptr_t) "[+]zookeeper"));
    close_session(&w, s);
    lg_log_set_sink(NULL, NULL);
    assert_int_equal(lines.ours, 1);
    assert_true(lines.theirs > 0); /* The client's own words come through our log. */
    assert_false(health_says((void *)(uintptr_t) "zookeeper"));
    done(&w);
}

static int start_server(void **state)
{
    (void)state;
    lg_zookeeper_server_start(&server, TICK_MS, LG_METASTORE_ZK_PACKET_BYTES_WANTED);
    return 0;
}

static int end_server(void **state)
{
    (void)state;
    lg_zookeeper_server_done(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_the_contract),
        cmocka_unit_test(writes_of_two_sessions_do_not_mix),
        cmocka_unit_test(a_server_that_stands_still_ends_the_session),
        cmocka_unit_test(a_session_that_zookeeper_ends_is_followed_by_another),
        cmocka_unit_test(a_restart_of_the_server_keeps_session_and_data),
        cmocka_unit_test(what_was_acknowledged_before_a_crash_is_there),
        cmocka_unit_test(closing_ends_every_operation_once),
        cmocka_unit_test(a_storm_of_changes_loses_no_last_state),
        cmocka_unit_test(too_many_nodes_to_watch_are_told_all_the_same),
        cmocka_unit_test(a_wrong_address_is_told_early),
        cmocka_unit_test(options_that_make_no_sense_are_named),
        cmocka_unit_test(a_root_that_is_absent_is_not_made_by_accident),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(what_a_server_does_not_take_is_not_sent),
        cmocka_unit_test(junk_of_others_does_no_harm),
        cmocka_unit_test(log_and_health_tell_of_the_connection),
    };

    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, start_server, end_server);
}
