/* Tests of the ZooKeeper session against a real server: the contract, lost connections and lost
 * sessions, closing, what it says about itself.
 */
#define THREADED /* The client shows its synchronous half then. */
#include "drivers/zookeeper/metastore_zk.h"

#include "test/lib/zookeeper_world.h"
#include "test/test.h"

#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/str.h"
#include "metastore/metastore_contract.h"

/* --- The contract --------------------------------------------------------------------------- */

static void it_keeps_the_contract(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_metastore_contract contract;
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    contract = (struct lg_metastore_contract){.open_session = lg_zkw_open,
                                              .close_session = lg_zkw_close,
                                              .lane = w.env.lane,
                                              .run_until = lg_zkw_run_until,
                                              .ctx = &w};
    for (int i = 0; i < 3; i++) /* What it leaves behind does not disturb it. */
        assert_ok(lg_metastore_contract(&contract, &err));
    lg_zkw_done(&w);
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
    struct lg_zkw_call calls[3][ROUNDS] = {0};
    struct lg_metastore *s[3];
    unsigned ok = 0;
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    for (size_t i = 0; i < 3; i++)
        s[i] = lg_zkw_open(&w);
    for (int n = 0; n < ROUNDS; n++)
        for (size_t i = 0; i < 3; i++) {
            calls[i][n].op.kind = LG_META_WRITE;
            calls[i][n].op.changes = i < 2 ? changes : other;
            calls[i][n].op.change_count = i < 2 ? LG_ARRAY_SIZE(changes) : LG_ARRAY_SIZE(other);
            lg_zkw_call_begin(&w, s[i], &calls[i][n]);
        }
    for (int n = 0; n < ROUNDS; n++)
        for (size_t i = 0; i < 3; i++) {
            enum lg_rc rc;

            lg_log_env_run_until(&w.env, lg_zkw_call_is_done, &calls[i][n]);
            assert_int_equal(calls[i][n].ended, 1);
            rc = calls[i][n].op.rc;
            ok += rc == LG_OK;
            /* It can always be done; only time or luck may be missing. */
            if (rc != LG_OK && rc != LG_ERR_BUSY && rc != LG_ERR_UNAVAILABLE)
                fail_msg("%s", calls[i][n].op.err.text);
        }
    assert_true(ok > ROUNDS);
    assert_rc(LG_OK, lg_zkw_put(&w, s[2], "/end", ""));
    for (size_t i = 0; i < 3; i++)
        lg_zkw_close(&w, s[i]);
    lg_zkw_done(&w);
}

/* --- Lost connections and sessions ---------------------------------------------------------- */

struct silence {
    struct lg_metastore *session;
    bool silent;
    uint64_t silent_us;
    struct lg_error err;
};

static void ask_silence(void *ctx)
{
    struct silence *q = ctx;

    q->silent = lg_metastore_silence(q->session, &q->silent_us, &q->err);
}

static struct silence silence_of(struct lg_zkw *w, struct lg_metastore *session)
{
    struct silence q = {.session = session};

    lg_log_env_on_home(&w->env, ask_silence, &q);
    return q;
}

static void until_heard(struct lg_zkw *w, struct lg_metastore *session)
{
    uint64_t until_us = lg_clock_mono_us() + 60 * LG_SEC;

    while (silence_of(w, session).silent)
        assert_true(lg_clock_mono_us() < until_us);
}

static void a_server_that_stands_still_ends_the_session(void **state)
{
    (void)state;
    struct lg_metastore *s;
    struct lg_error err = {0};
    struct lg_zkw_call late;
    struct lg_zkw_watcher x;
    uint64_t epoch;
    unsigned before, lost;
    struct silence silence;
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_SHORT_MS);
    s = lg_zkw_open(&w);
    until_heard(&w, s);
    assert_ok(lg_zkw_change(&w, s, LG_META_CREATE_EPHEMERAL, "/live/me", "here"));
    assert_ok(lg_zkw_put(&w, s, "/stays", "1"));
    lg_zkw_watch(&w, s, &x, "/live");
    lost = x.lost; /* On a busy machine it may have been lost before. */
    epoch = lg_metastore_zk_epoch(s);
    lg_zookeeper_server_stop(&lg_zkw_server);
    lg_zkw_call_change(&late, LG_META_PUT, "/stays", LG_LIT("2"));
    lg_zkw_call_begin(&w, s, &late);
    lg_zkw_await_state(&w, s, /* connected= */ false, epoch + 1);
    lg_log_env_run_until(&w.env, lg_zkw_call_is_done, &late);
    assert_int_equal(late.ended, 1);
    assert_rc(LG_ERR_UNAVAILABLE, late.op.rc);
    assert_rc(LG_ERR_UNAVAILABLE, lg_zkw_put(&w, s, "/stays", "3"));
    assert_non_null(strstr(w.err.text, lg_zkw_server.address));
    assert_non_null(strstr(w.err.text, "has not answered for"));
    silence = silence_of(&w, s);
    assert_true(silence.silent);
    assert_true(silence.silent_us >= LG_ZKW_SHORT_MS / 2 * LG_MS);
    assert_rc(LG_ERR_UNAVAILABLE, silence.err.rc);
    assert_non_null(strstr(silence.err.text, lg_zkw_server.address));
    assert_non_null(strstr(silence.err.text, "changes are refused until it does"));
    assert_int_equal(x.lost, lost); /* There is no new session yet. */
    x.want_lost = lost + 1;
    x.want_told = x.told + 1;
    lg_zookeeper_server_continue(&lg_zkw_server);
    lg_log_env_run_until(&w.env, lg_zkw_is_told, &x);
    assert_true(x.lost > lost);
    assert_true(x.told > x.lost_at); /* `changed` follows. */
    assert_true(lg_metastore_zk_epoch(s) > epoch);
    epoch = lg_metastore_zk_epoch(s);
    until_heard(&w, s);
    lg_zkw_assert_value(&w, s, "/live/me", NULL);
    before = x.told;
    assert_ok(lg_zkw_change(&w, s, LG_META_CREATE_EPHEMERAL, "/live/me", "again"));
    lg_zkw_await_told(&w, &x, before); /* Watches are those of the new session. */
    lg_zkw_assert_value(&w, s, "/live/me", "again");
    assert_int_equal(lg_metastore_zk_epoch(s), epoch);
    lg_zkw_unwatch(&w, &x);
    lg_zkw_close(&w, s);
    lg_zkw_done(&w);
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
    struct lg_zkw_watcher x;
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    i.session = lg_zkw_open(&w);
    assert_ok(lg_zkw_change(&w, i.session, LG_META_CREATE_EPHEMERAL, "/me", "here"));
    lg_zkw_watch(&w, i.session, &x, "/");
    lg_log_env_on_home(&w.env, take_identity, &i);
    x.want_lost = 1;
    /* A stranger takes the session, which is ours, and ends it; unless our client, which comes back
     * for it at once, has it again before. */
    for (unsigned tries = 0; x.lost == 0 && tries < 3; tries++) {
        assert_int_equal(zookeeper_close(lg_zkw_stranger(&i.id)), ZOK);
        lg_log_env_run_until(&w.env, lg_zkw_is_told, &x);
    }
    assert_int_equal(x.lost, 1);
    assert_int_equal(lg_metastore_zk_epoch(i.session), 2);
    assert_ok(lg_zkw_change(&w, i.session, LG_META_CREATE_EPHEMERAL, "/me", "again"));
    lg_zkw_assert_value(&w, i.session, "/me", "again");
    lg_zkw_unwatch(&w, &x);
    lg_zkw_close(&w, i.session);
    lg_zkw_done(&w);
}

static void stand_still(void *ctx)
{
    uint64_t until_us = lg_clock_mono_us() + LG_ZKW_SHORT_MS * UINT64_C(1300);

    (void)ctx;
    while (lg_clock_mono_us() < until_us)
        lg_process_pause(10);
}

/* The lane gives the session up; the client, whose threads went on, has nothing to tell. */
static void
a_lane_that_stands_still_gets_another_session_from_a_client_that_noticed_nothing(void **state)
{
    (void)state;
    struct lg_metastore *s;
    struct lg_error err = {0};
    struct lg_zkw_watcher x;
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_SHORT_MS);
    s = lg_zkw_open(&w);
    assert_ok(lg_zkw_change(&w, s, LG_META_CREATE_EPHEMERAL, "/live/me", "here"));
    lg_zkw_watch(&w, s, &x, "/live");
    x.want_lost = 1;
    lg_log_env_on_home(&w.env, stand_still, NULL);
    lg_log_env_run_until(&w.env, lg_zkw_is_told, &x);
    assert_true(lg_metastore_zk_epoch(s) >= 2);
    lg_zkw_assert_value(&w, s, "/live/me", NULL); /* It went with the session. */
    assert_ok(lg_zkw_change(&w, s, LG_META_CREATE_EPHEMERAL, "/live/me", "again"));
    lg_zkw_assert_value(&w, s, "/live/me", "again");
    lg_zkw_unwatch(&w, &x);
    lg_zkw_close(&w, s);
    lg_zkw_done(&w);
}

static void a_restart_of_the_server_keeps_session_and_data(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_metastore *s;
    struct lg_zkw_watcher x;
    struct lg_zkw_call wait = {.op = {.kind = LG_META_GET, .path = "/a"}};
    struct lg_zkw w;
    unsigned before;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    s = lg_zkw_open(&w);
    assert_ok(lg_zkw_put(&w, s, "/a", "1"));
    assert_ok(lg_zkw_change(&w, s, LG_META_CREATE_EPHEMERAL, "/live", "1"));
    lg_zkw_watch(&w, s, &x, "/a");
    before = x.told;
    lg_zookeeper_server_kill(&lg_zkw_server);
    lg_zkw_await_state(&w, s, /* connected= */ false, 1);
    lg_zkw_call_begin(&w, s, &wait); /* Waits for the connection. */
    lg_zookeeper_server_restart(&lg_zkw_server);
    lg_log_env_run_until(&w.env, lg_zkw_call_is_done, &wait);
    assert_rc(LG_OK, wait.op.rc);
    lg_blob_unref(wait.op.value);
    x.want_told = before + 1; /* Of the lost connection. */
    lg_log_env_run_until(&w.env, lg_zkw_is_told, &x);
    assert_true(lg_zkw_is_told(&x));
    assert_int_equal(lg_metastore_zk_epoch(s), 1);
    assert_int_equal(x.lost, 0);
    lg_zkw_assert_value(&w, s, "/live", "1");
    x.want_told = x.told + 1;
    assert_ok(lg_zkw_put(&w, s, "/a", "2"));
    lg_log_env_run_until(&w.env, lg_zkw_is_told, &x);
    assert_true(lg_zkw_is_told(&x));
    lg_zkw_unwatch(&w, &x);
    lg_zkw_close(&w, s);
    lg_zkw_done(&w);
}

static void what_was_acknowledged_before_a_crash_is_there(void **state)
{
    (void)state;
    enum { CALLS = 200 };
    static struct lg_zkw_call calls[CALLS];
    static char paths[CALLS][16];
    struct lg_metastore *s;
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    s = lg_zkw_open(&w);
    for (int i = 0; i < CALLS; i++) {
        LG_AUTO_STR char *path = lg_strf("/n%d", i);

        memcpy(paths[i], path, strlen(path) + 1);
        lg_zkw_call_change(&calls[i], LG_META_CREATE, paths[i], lg_slice_str(paths[i]));
        lg_zkw_call_begin(&w, s, &calls[i]);
    }
    lg_log_env_run_until(&w.env, lg_zkw_call_is_done, &calls[20]);
    lg_zookeeper_server_kill(&lg_zkw_server);
    lg_zookeeper_server_restart(&lg_zkw_server);
    for (int i = 0; i < CALLS; i++) {
        lg_log_env_run_until(&w.env, lg_zkw_call_is_done, &calls[i]);
        assert_int_equal(calls[i].ended, 1);
        assert_true(calls[i].op.rc == LG_OK || calls[i].op.rc == LG_ERR_UNAVAILABLE);
    }
    lg_zkw_await_state(&w, s, /* connected= */ true, 1);
    for (int i = 0; i < CALLS; i++)
        if (calls[i].op.rc == LG_OK)
            lg_zkw_assert_value(&w, s, paths[i], paths[i]);
    assert_rc(LG_OK, calls[20].op.rc);
    lg_zkw_close(&w, s);
    lg_zkw_done(&w);
}

static void closing_ends_every_operation_once(void **state)
{
    (void)state;
    enum { CALLS = 100 };
    static struct lg_zkw_call calls[CALLS];

    for (int stopped = 0; stopped < 2; stopped++) {
        struct lg_metastore *s;
        struct lg_zkw w;

        lg_zkw_init(&w, LG_ZKW_SHORT_MS);
        s = lg_zkw_open(&w);
        if (stopped)
            lg_zookeeper_server_stop(&lg_zkw_server);
        for (int i = 0; i < CALLS; i++) {
            if (i % 3 == 0)
                calls[i] = (struct lg_zkw_call){.op = {.kind = LG_META_GET, .path = "/"}};
            else
                lg_zkw_call_change(&calls[i], LG_META_PUT, "/a/b", LG_LIT("x"));
            lg_zkw_call_begin(&w, s, &calls[i]);
        }
        lg_zkw_close(&w, s);
        for (int i = 0; i < CALLS; i++) {
            lg_log_env_run_until(&w.env, lg_zkw_call_is_done, &calls[i]);
            assert_int_equal(calls[i].ended, 1);
            assert_true(calls[i].op.rc == LG_OK || calls[i].op.rc == LG_ERR_UNAVAILABLE);
            lg_blob_unref(calls[i].op.value);
        }
        if (stopped)
            lg_zookeeper_server_continue(&lg_zkw_server);
        lg_zkw_done(&w);
    }
}

/* --- What it says about itself -------------------------------------------------------------- */

static struct {
    unsigned connected, lost, theirs;
} lines;

static void count_line(void *ctx, enum lg_log_level level, const char *line)
{
    (void)ctx, (void)level;
    if (strstr(line, "zookeeper_client") != NULL)
        (void)__atomic_add_fetch(&lines.theirs, 1, __ATOMIC_RELAXED);
    if (strstr(line, "zookeeper_disconnected") != NULL)
        (void)__atomic_add_fetch(&lines.lost, 1, __ATOMIC_RELAXED);
    if (strstr(line, "zookeeper_connected") != NULL)
        (void)__atomic_add_fetch(&lines.connected, 1, __ATOMIC_RELAXED);
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
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    lg_log_set_sink(count_line, NULL);
    s = lg_zkw_open(&w);
    lg_log_env_run_until(&w.env, health_says, (void *)(uintptr_t) "[+]zookeeper");
    assert_true(health_says((void *)(uintptr_t) "[+]zookeeper"));
    lg_zookeeper_server_kill(&lg_zkw_server);
    lg_log_env_run_until(&w.env, health_says, (void *)(uintptr_t) "[-]zookeeper");
    assert_true(health_says((void *)(uintptr_t) "[-]zookeeper"));
    assert_true(lg_health_ok(LG_HEALTH_READY, 0)); /* Reads go on. */
    lg_zookeeper_server_restart(&lg_zkw_server);
    lg_log_env_run_until(&w.env, health_says, (void *)(uintptr_t) "[+]zookeeper");
    assert_true(health_says((void *)(uintptr_t) "[+]zookeeper"));
    lg_zkw_close(&w, s);
    lg_log_set_sink(NULL, NULL);
    /* Once for each connection that was lost, however often another one was tried in vain. */
    assert_in_range(lines.lost, 1, lines.connected);
    assert_in_range(lines.connected, 2, lines.lost + 1);
    assert_true(lines.theirs > 0); /* The client's own words come through our log. */
    assert_false(health_says((void *)(uintptr_t) "zookeeper"));
    lg_zkw_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_the_contract),
        cmocka_unit_test(writes_of_two_sessions_do_not_mix),
        cmocka_unit_test(a_server_that_stands_still_ends_the_session),
        cmocka_unit_test(a_session_that_zookeeper_ends_is_followed_by_another),
        cmocka_unit_test(
            a_lane_that_stands_still_gets_another_session_from_a_client_that_noticed_nothing),
        cmocka_unit_test(a_restart_of_the_server_keeps_session_and_data),
        cmocka_unit_test(what_was_acknowledged_before_a_crash_is_there),
        cmocka_unit_test(closing_ends_every_operation_once),
        cmocka_unit_test(log_and_health_tell_of_the_connection),
    };

    return cmocka_run_group_tests(tests, lg_zkw_start_server, lg_zkw_end_server);
}
