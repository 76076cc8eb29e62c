/* Tests of watches and of junk against a real ZooKeeper: storms, many nodes. */
#define THREADED /* The client shows its synchronous half then. */
#include "drivers/zookeeper/metastore_zk.h"

#include "test/lib/zookeeper_world.h"
#include "test/test.h"

#include "base/str.h"

#define CHANGES_MAX 10u

/* --- Watches -------------------------------------------------------------------------------- */

/* The whole tree as text, as a catalog reads it. */
static void read_tree(struct lg_zkw *w, struct lg_metastore *s, const char *path,
                      struct lg_buf *out)
{
    LG_AUTO_STR char *names = lg_zkw_get(w, s, LG_META_CHILDREN, path);
    LG_AUTO_STR char *value = lg_zkw_get(w, s, LG_META_GET, path);

    if (names == NULL || value == NULL)
        return;
    lg_buf_appendf(out, "%s=%s\n", path, value);
    for (char *at = names, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        LG_AUTO_STR char *child = lg_strf("%s/%.*s", path, (int)(end - at), at);

        read_tree(w, s, child, out);
    }
}

static void random_change(struct lg_rand *r, struct lg_zkw_call *c, char *path, char *value)
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
    lg_zkw_call_change(c, kind, path, lg_slice_str(value));
}

/* When the storm is over, whoever reads when told, and only then, has seen the last state. */
static void a_storm_of_changes_loses_no_last_state(void **state)
{
    (void)state;
    enum { CALLS = 60, ROUNDS = 40 };
    static struct lg_zkw_call calls[CALLS];
    static char paths[CALLS][32], values[CALLS][16];
    struct lg_metastore *writer, *s;
    LG_SCOPED(lg_buf) seen = {0}; /* By whoever reads only when told. */
    struct lg_rand r;
    unsigned read_at = 0;
    struct lg_zkw_watcher x;
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    lg_rand_seed(&r, 7);
    writer = lg_zkw_open(&w);
    s = lg_zkw_open(&w);
    lg_zkw_watch(&w, s, &x, "/storm"); /* It does not exist yet. */
    for (int round = 0; round < ROUNDS; round++) {
        LG_SCOPED(lg_buf) truth = {0};
        int calls_now = round % 5 == 0 ? CALLS : 1; /* A storm, then single changes. */

        for (int i = 0; i < calls_now; i++) {
            random_change(&r, &calls[i], paths[i], values[i]);
            lg_zkw_call_begin(&w, writer, &calls[i]);
        }
        for (int i = 0; i < calls_now; i++) {
            if (x.told != read_at) {
                read_at = x.told;
                lg_buf_clear(&seen);
                read_tree(&w, s, "/storm", &seen);
            }
            lg_log_env_run_until(&w.env, lg_zkw_call_is_done, &calls[i]);
            assert_int_equal(calls[i].ended, 1);
            assert_true(calls[i].op.rc == LG_OK || calls[i].op.rc == LG_ERR_CONFLICT ||
                        calls[i].op.rc == LG_ERR_NOT_FOUND);
        }
        read_tree(&w, writer, "/storm", &truth);
        while (!lg_slice_eq(lg_buf_slice(&seen), lg_buf_slice(&truth))) {
            if (x.told == read_at) /* Reads only when told. */
                lg_zkw_await_told(&w, &x, read_at);
            read_at = x.told;
            lg_buf_clear(&seen);
            read_tree(&w, s, "/storm", &seen);
        }
    }
    lg_zkw_unwatch(&w, &x);
    lg_zkw_close(&w, s);
    lg_zkw_close(&w, writer);
    lg_zkw_done(&w);
}

static bool is_named_or_all(void *ctx)
{
    return lg_zkw_is_named(ctx) || ((const struct lg_zkw_watcher *)ctx)->told_all > 0;
}

/* After a lost connection all is told, as on a busy machine: then it is changed again. */
static void assert_named_alone(struct lg_zkw *w, struct lg_metastore *s, struct lg_zkw_watcher *x,
                               const char *path)
{
    struct lg_error err = {0};

    x->want_name = path;
    for (unsigned times = 0; times < CHANGES_MAX; times++) {
        x->told_all = 0;
        x->is_named = false;
        assert_ok(lg_zkw_put(w, s, path, "new"));
        lg_log_env_run_until(&w->env, is_named_or_all, x);
        if (x->told_all == 0)
            break;
    }
    assert_true(lg_zkw_is_named(x));
    assert_int_equal(x->told_all, 0);
}

/* More than two one-shot watches each would have had room for in a packet: each by its name. */
static void a_change_among_many_nodes_is_told_by_name(void **state)
{
    (void)state;
    enum { NODES = 5000, AT_ONCE = 250 };
    static char paths[NODES][64];
    static struct lg_meta_change changes[NODES];
    struct lg_zkw_call c = {.op = {.kind = LG_META_WRITE, .changes = changes}};
    struct lg_metastore *s;
    struct lg_error err = {0};
    struct lg_zkw_watcher x;
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    w.options.packet_bytes_max = LG_METASTORE_ZK_PACKET_BYTES_MIN;
    s = lg_zkw_open(&w);
    for (int i = 0; i < NODES; i++) {
        LG_AUTO_STR char *path = lg_strf("/many/a-name-that-is-not-short-%05d", i);

        memcpy(paths[i], path, strlen(path) + 1);
        changes[i] =
            (struct lg_meta_change){LG_META_PUT, paths[i], LG_SLICE_NULL, LG_META_ANY_VERSION};
    }
    for (int i = 0; i < NODES; i += AT_ONCE) {
        c.op.changes = changes + i;
        c.op.change_count = AT_ONCE;
        assert_ok(lg_zkw_call_run(&w, s, &c));
    }
    lg_zkw_watch(&w, s, &x, "/many");
    assert_true(x.told_all > 0);
    for (int i = 0; i < NODES; i += NODES / 3 - 1)
        assert_named_alone(&w, s, &x, paths[i]);
    lg_zkw_unwatch(&w, &x);
    lg_zkw_close(&w, s);
    lg_zkw_done(&w);
}

static void junk_of_others_does_no_harm(void **state)
{
    (void)state;
    LG_AUTO_STR char *names = NULL;
    uint8_t *large = lg_zalloc(LG_META_VALUE_MAX + 1);
    struct lg_zkw_call c = {.op = {.kind = LG_META_GET, .path = "/junk/large"}};
    struct lg_error err = {0};
    struct lg_metastore *s;
    struct lg_zkw_watcher x;
    unsigned before;
    zhandle_t *zh;
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    s = lg_zkw_open(&w);
    lg_zkw_watch(&w, s, &x, "/junk");
    before = x.told;
    zh = lg_zkw_stranger(NULL);
    lg_zkw_stranger_creates(zh, &w, "/junk", LG_SLICE_NULL);
    lg_zkw_stranger_creates(zh, &w, "/junk/plain", LG_LIT("\x00\xff{]"));
    lg_zkw_stranger_creates(zh, &w, "/junk/\xc3\xa9t\xc3\xa9 %s", LG_LIT("summer"));
    lg_zkw_stranger_creates(zh, &w, "/junk/large", lg_slice(large, LG_META_VALUE_MAX + 1));
    lg_zkw_await_told(&w, &x, before);
    names = lg_zkw_get(&w, s, LG_META_CHILDREN, "/junk");
    assert_string_equal(names, "large\nplain\n\xc3\xa9t\xc3\xa9 %s\n");
    assert_rc(LG_ERR_TOO_LARGE, lg_zkw_call_run(&w, s, &c));
    assert_non_null(strstr(w.err.text, "/junk/large"));
    lg_zkw_assert_value(&w, s, "/junk/\xc3\xa9t\xc3\xa9 %s", "summer");
    assert_ok(lg_zkw_change(&w, s, LG_META_REMOVE_TREE, "/junk", ""));
    lg_zkw_assert_value(&w, s, "/junk", NULL);
    assert_int_equal(zookeeper_close(zh), ZOK);
    lg_zkw_unwatch(&w, &x);
    lg_zkw_close(&w, s);
    lg_zkw_done(&w);
    lg_free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_storm_of_changes_loses_no_last_state),
        cmocka_unit_test(a_change_among_many_nodes_is_told_by_name),
        cmocka_unit_test(junk_of_others_does_no_harm),
    };

    return cmocka_run_group_tests(tests, lg_zkw_start_server, lg_zkw_end_server);
}
