/* Tests of watches, step by step: no change is missed while a notice travels, none is told after
 * the end. */
#include "drivers/metafile/meta_watch.h"

#include "test/test.h"

#include "drivers/sim/lane_sim.h"

struct world {
    struct lg_sim *sim;
    struct lg_lane *home, *lane;
    struct lg_meta_watchers watchers;
    struct lg_meta_watch watch;
    unsigned told;
    bool closed;
};

static void told(struct lg_meta_watch *watch)
{
    LG_CONTAINER_OF(watch, struct world, watch)->told++;
}

static void closed(struct lg_meta_watch *watch)
{
    LG_CONTAINER_OF(watch, struct world, watch)->closed = true;
}

static void run(struct world *w)
{
    while (lg_sim_step(w->sim))
        continue;
}

static void begin(struct world *w, const char *path)
{
    *w = (struct world){.sim = lg_sim_new(1)};
    w->home = lg_sim_lane_new(w->sim, NULL, "home");
    w->lane = lg_sim_lane_new(w->sim, NULL, "watcher");
    lg_meta_watchers_init(&w->watchers, w->home);
    w->watch = (struct lg_meta_watch){.lane = w->lane, .path = path, .changed = told};
    lg_meta_watcher_start(&w->watchers, &w->watch);
    run(w);
    assert_int_equal(w->told, 1); /* Once at the beginning. */
}

static void end(struct world *w)
{
    lg_meta_watcher_stop(&w->watch, closed);
    run(w);
    assert_true(w->closed);
    lg_sim_free(w->sim);
}

static void change(struct world *w, const char *path, bool gone)
{
    struct lg_meta_paths paths = {0};

    lg_meta_paths_add(&paths, path, gone);
    lg_meta_watchers_tell(&w->watchers, &paths);
    lg_meta_paths_done(&paths);
}

static void a_change_while_a_notice_returns_is_told_again(void **state)
{
    (void)state;
    struct world w;

    begin(&w, "/a");
    change(&w, "/a", false);
    while (w.told < 2)
        assert_true(lg_sim_step(w.sim));
    change(&w, "/a", false); /* The reader has read by now; the notice is on its way back. */
    run(&w);
    assert_int_equal(w.told, 3);
    end(&w);
}

static void many_changes_are_told_together(void **state)
{
    (void)state;
    struct world w;

    begin(&w, "/a");
    for (int i = 0; i < 100; i++)
        change(&w, "/a/b", false);
    run(&w);
    assert_int_equal(w.told, 3); /* The notice under way, and one for all others. */
    end(&w);
}

static void only_what_concerns_the_path_is_told(void **state)
{
    (void)state;
    const struct {
        const char *path;
        bool gone, concerns;
    } cases[] = {
        {"/a/b", false, true},   {"/a/b", true, true},     {"/a/b/c", false, true},
        {"/a/bc", false, false}, {"/a", false, false},     {"/a", true, true},
        {"/", true, true},       {"/x/a/b", false, false},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct world w;

        begin(&w, "/a/b");
        change(&w, cases[i].path, cases[i].gone);
        run(&w);
        assert_int_equal(w.told, cases[i].concerns ? 2 : 1);
        end(&w);
    }
}

static void the_root_is_told_of_everything(void **state)
{
    (void)state;
    struct world w;

    begin(&w, "/");
    change(&w, "/x", false);
    run(&w);
    assert_int_equal(w.told, 2);
    end(&w);
}

static void nothing_is_told_after_the_end(void **state)
{
    (void)state;
    struct world w;

    begin(&w, "/a");
    change(&w, "/a", false); /* The notice travels when the watch ends. */
    lg_meta_watcher_stop(&w.watch, closed);
    run(&w);
    assert_true(w.closed);
    assert_int_equal(w.told, 1);
    assert_true(lg_list_empty(&w.watchers.list));
    lg_sim_free(w.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_while_a_notice_returns_is_told_again),
        cmocka_unit_test(many_changes_are_told_together),
        cmocka_unit_test(only_what_concerns_the_path_is_told),
        cmocka_unit_test(the_root_is_told_of_everything),
        cmocka_unit_test(nothing_is_told_after_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
