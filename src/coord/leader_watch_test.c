/* Who leads, as one hears who is no candidate. */
#include "coord/leader_watch.h"

#include "base/str.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

struct part { /* On the router's node. */
    struct lg_clw *w;
    struct lg_lane *lane;
    struct lg_leader_watch *watch;
    size_t bytes_before;
    bool stopped;
};

static void begin(void *ctx)
{
    struct part *p = ctx;
    struct lg_metastore *session;

    p->lane = lg_sim_lane_new(p->w->sim, p->w->router.node, "part");
    session = lg_meta_sim_session(p->w->meta, p->lane);
    p->bytes_before = lg_sim_node_bytes(p->w->router.node);
    p->watch = lg_leader_watch_start(session, p->lane);
}

static void stopped(void *ctx)
{
    ((struct part *)ctx)->stopped = true;
}

static void stop(void *ctx)
{
    struct part *p = ctx;

    lg_leader_watch_stop(p->watch, stopped, p);
}

static bool is_stopped(void *ctx)
{
    return ((struct part *)ctx)->stopped;
}

static void down(struct part *p)
{
    lg_sim_node_run(p->w->router.node, stop, p);
    assert_true(lg_sim_run_until(p->w->sim, is_stopped, p, 60 * LG_SEC));
    assert_int_equal(lg_sim_node_bytes(p->w->router.node), p->bytes_before);
    lg_clw_free(p->w);
}

static void expect(struct part *p, const char *url)
{
    const char *there;

    lg_clw_run_ms(p->w, 500);
    there = lg_leader_watch_url(p->watch);
    if (url == NULL)
        assert_null(there);
    else
        assert_string_equal(there == NULL ? "(nobody)" : there, url);
}

static void it_follows_each_change_and_takes_junk_for_nobody(void **state)
{
    struct part p = {.w = lg_clw_new(1, /* with_controller= */ false)};

    (void)state;
    lg_sim_node_run(p.w->router.node, begin, &p);
    expect(&p, NULL);
    lg_clw_meta(p.w, LG_META_PUT, "/leader", "{\"id\":\"a\",\"url\":\"http://a:1\"}");
    expect(&p, "http://a:1");
    lg_clw_meta(p.w, LG_META_PUT, "/leader", "{\"id\":\"b\",\"url\":\"http://b:1\"}");
    expect(&p, "http://b:1");
    lg_clw_meta(p.w, LG_META_PUT, "/leader", "junk");
    expect(&p, NULL);
    lg_clw_meta(p.w, LG_META_PUT, "/leader", "{\"id\":\"b\"}");
    expect(&p, NULL);
    lg_clw_meta(p.w, LG_META_PUT, "/leader", "");
    expect(&p, NULL);
    lg_clw_meta(p.w, LG_META_PUT, "/leader", "{\"url\":\"http://c:1\"}");
    expect(&p, "http://c:1");
    lg_clw_meta(p.w, LG_META_REMOVE, "/leader", "");
    expect(&p, NULL);
    down(&p);
}

static void while_the_metastore_is_away_it_says_what_it_heard_last(void **state)
{
    struct part p = {.w = lg_clw_new(2, /* with_controller= */ false)};

    (void)state;
    lg_sim_node_run(p.w->router.node, begin, &p);
    lg_clw_meta(p.w, LG_META_PUT, "/leader", "{\"url\":\"http://a:1\"}");
    expect(&p, "http://a:1");
    lg_meta_sim_cut(p.w->meta, "router", true);
    lg_clw_meta(p.w, LG_META_PUT, "/leader", "{\"url\":\"http://b:1\"}");
    lg_clw_run_ms(p.w, 20000);
    expect(&p, "http://a:1");
    lg_meta_sim_heal(p.w->meta);
    lg_clw_run_ms(p.w, 10000);
    expect(&p, "http://b:1");
    down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_follows_each_change_and_takes_junk_for_nobody),
        cmocka_unit_test(while_the_metastore_is_away_it_says_what_it_heard_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
