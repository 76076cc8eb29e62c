/* The connection for events against a real ZooKeeper, and against one that talks nonsense. */
#define THREADED /* The client shows its synchronous half then. */
#include "drivers/zookeeper/zk_events.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/lib/zookeeper_world.h"
#include "test/test.h"

#include "base/str.h"

struct listener {
    struct lg_zk_events *events;
    struct lg_meta_names names; /* told so far */
    const char *want;           /* NULL: all */
    bool want_listening;
};

static void told(void *ctx, const struct lg_meta_names *names)
{
    struct listener *l = ctx;
    struct lg_slice path;
    size_t at = 0;
    bool below;

    while (lg_meta_names_next(names, &at, &path, &below)) {
        LG_AUTO_STR char *copy = lg_strf("%.*s", LG_FMT(path));

        (void)lg_meta_names_add(&l->names, copy, below);
    }
}

static bool is_named(void *ctx)
{
    const struct listener *l = ctx;

    if (l->want == NULL)
        return lg_meta_names_are_all(&l->names);
    return lg_meta_names_cover(&l->names, lg_slice_str(l->want));
}

static bool listens_as_wanted(void *ctx)
{
    struct listener *l = ctx;

    return lg_zk_events_listening(l->events) == l->want_listening;
}

static void expect(struct lg_zkw *w, struct listener *l, const char *path)
{
    l->want = path;
    lg_log_env_run_until(&w->env, is_named, l);
    assert_true(is_named(l));
}

static void begin(struct lg_zkw *w, struct listener *l, const char *address, const char *digest)
{
    lg_meta_names_init(&l->names, "/");
    l->events = lg_zk_events_start(&(struct lg_zk_events_options){
        .address = address,
        .root = w->root,
        .digest = digest,
        .session_ms = LG_ZKW_SHORT_MS,
        .lane = w->env.lane,
        .told = told,
        .ctx = l,
    });
}

static bool at_once(void *ctx)
{
    (void)ctx;
    return true;
}

static void end(struct lg_zkw *w, struct listener *l)
{
    lg_zk_events_stop(l->events);
    lg_log_env_run_until(&w->env, at_once, NULL); /* What it has posted. */
    lg_zk_events_free(l->events);
    lg_meta_names_done(&l->names);
}

static void changes_are_told_by_their_paths(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_metastore *s;
    struct listener l = {0};
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    s = lg_zkw_open(&w);
    begin(&w, &l, lg_zkw_server.address, "user:secret"); /* Credentials are taken as they are. */
    expect(&w, &l, NULL);                                /* At the beginning. */
    lg_meta_names_clear(&l.names);
    assert_ok(lg_zkw_put(&w, s, "/a/b", "1"));
    expect(&w, &l, "/a/b");
    assert_true(lg_meta_names_cover(&l.names, LG_LIT("/a")));
    lg_meta_names_clear(&l.names);
    assert_ok(lg_zkw_put(&w, s, "/a/b", "2"));
    expect(&w, &l, "/a/b");
    assert_false(lg_meta_names_cover(&l.names, LG_LIT("/a")));
    lg_meta_names_clear(&l.names);
    assert_ok(lg_zkw_change(&w, s, LG_META_REMOVE_TREE, "/a", ""));
    expect(&w, &l, "/a");
    assert_true(lg_meta_names_cover(&l.names, LG_LIT("/a/b")));
    assert_false(lg_meta_names_are_all(&l.names));
    end(&w, &l);
    lg_zkw_close(&w, s);
    lg_zkw_done(&w);
}

/* Of more addresses than one, too; the first is nobody's. */
static void after_a_lost_connection_all_counts_as_changed(void **state)
{
    (void)state;
    LG_AUTO_STR char *address = lg_strf("127.0.0.1:1,%s", lg_zkw_server.address);
    struct listener l = {.want_listening = true};
    struct lg_metastore *s;
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    s = lg_zkw_open(&w);
    begin(&w, &l, address, NULL);
    lg_log_env_run_until(&w.env, listens_as_wanted, &l);
    expect(&w, &l, NULL);
    lg_meta_names_clear(&l.names);
    lg_zookeeper_server_stop(&lg_zkw_server); /* It is silent. */
    l.want_listening = false;
    lg_log_env_run_until(&w.env, listens_as_wanted, &l);
    assert_false(lg_zk_events_listening(l.events));
    assert_true(lg_meta_names_is_empty(&l.names));
    lg_zookeeper_server_continue(&lg_zkw_server);
    expect(&w, &l, NULL);
    lg_zookeeper_server_kill(&lg_zkw_server);
    lg_log_env_run_until(&w.env, listens_as_wanted, &l);
    assert_false(lg_zk_events_listening(l.events));
    lg_meta_names_clear(&l.names);
    lg_zookeeper_server_restart(&lg_zkw_server);
    expect(&w, &l, NULL);
    end(&w, &l);
    lg_zkw_close(&w, s);
    lg_zkw_done(&w);
}

static void nonsense_is_hung_up_on(void **state)
{
    static const char *const answers[] = {"\xff\xff\xff\xff", "\x7f\xff\xff\xff",
                                          "HTTP/1.1 400 Bad Request\r\n\r\n"};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int server = socket(AF_INET, SOCK_STREAM, 0);
    LG_AUTO_STR char *address = NULL;
    struct listener l = {0};
    struct lg_zkw w;

    (void)state;
    assert_int_equal(bind(server, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(server, 4), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&at, &size), 0);
    address = lg_strf("127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    begin(&w, &l, address, NULL);
    for (size_t i = 0; i < LG_ARRAY_SIZE(answers); i++) {
        int peer = accept(server, NULL, NULL); /* It comes again and again. */
        char bytes[256];

        assert_true(peer >= 0);
        (void)!write(peer, answers[i], strlen(answers[i]));
        while (read(peer, bytes, sizeof bytes) > 0) /* Until it has hung up. */
            continue;
        (void)close(peer);
    }
    assert_false(lg_zk_events_listening(l.events));
    assert_true(lg_meta_names_is_empty(&l.names));
    end(&w, &l);
    (void)close(server);
    lg_zkw_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_told_by_their_paths),
        cmocka_unit_test(after_a_lost_connection_all_counts_as_changed),
        cmocka_unit_test(nonsense_is_hung_up_on),
    };

    return cmocka_run_group_tests(tests, lg_zkw_start_server, lg_zkw_end_server);
}
