/* A mirror reads what changed and nothing else: counted on the real metadata store. */
#include "catalog/mirror.h"

#include "base/map.h"
#include "base/str.h"
#include "drivers/metafile/metafile.h"
#include "drivers/sim/disk_sim.h"
#include "test/lib/quiet.h"
#include "test/test.h"

/* --- A session that counts reads and can be made to fail. --------------------------------------
 */

struct counting {
    struct lg_metastore ms;
    struct lg_metastore *real;
    unsigned gets, lists;
    const char *refused; /* the read of this path fails */
    const char *junk;    /* ... of this one for good */
    struct lg_meta_watch *first;
};

static void answer_away(struct lg_task *task)
{
    struct lg_meta_op *op = LG_CONTAINER_OF(task, struct lg_meta_op, task);

    op->rc = op->err.rc;
    op->done(op);
}

static void counting_submit(struct lg_metastore *ms, struct lg_meta_op *op)
{
    struct counting *c = LG_CONTAINER_OF(ms, struct counting, ms);
    bool away = c->refused != NULL && strcmp(op->path, c->refused) == 0;
    bool junk = c->junk != NULL && strcmp(op->path, c->junk) == 0;

    c->gets += op->kind == LG_META_GET;
    c->lists += op->kind == LG_META_CHILDREN;
    if (!away && !junk) {
        lg_metastore_submit(c->real, op);
        return;
    }
    (void)!lg_error_set(&op->err, away ? LG_ERR_UNAVAILABLE : LG_ERR_TOO_LARGE, "not now");
    op->task.run = answer_away;
    lg_lane_post(op->lane, &op->task);
}

static void counting_watch(struct lg_metastore *ms, struct lg_meta_watch *watch)
{
    struct counting *c = LG_CONTAINER_OF(ms, struct counting, ms);

    if (c->first == NULL)
        c->first = watch;
    lg_metastore_watch(c->real, watch);
}

static void counting_unwatch(struct lg_metastore *ms, struct lg_meta_watch *watch,
                             void (*closed)(struct lg_meta_watch *watch))
{
    lg_metastore_unwatch(LG_CONTAINER_OF(ms, struct counting, ms)->real, watch, closed);
}

static const struct lg_metastore_ops counting_ops = {"counting", counting_submit, counting_watch,
                                                     counting_unwatch, NULL};

/* --- The world. --------------------------------------------------------------------------------
 */

static const struct lg_mirror_root roots[] = {{"/a", 1}, {"/b", 2}};

struct world {
    struct lg_sim *sim;
    struct lg_disk *disk;
    struct lg_lane *lane;
    struct lg_metafile *metafile;
    struct lg_metastore *writer;
    struct counting counting;
    struct lg_mirror *mirror;
    struct lg_map *leaves; /* as the mirror told them: path -> the world */
    unsigned told, rounds, losses;
    const char *with; /* is read with every leaf of the first root */
    unsigned unreadable, failed;
    bool written, stopped;
    struct lg_meta_op op;
    struct lg_task lose;
};

static void leaf(void *ctx, size_t root, const char *path, const struct lg_blob *value)
{
    struct world *w = ctx;

    w->told++;
    if (value != NULL)
        (void)lg_map_put(w->leaves, lg_slice_str(path), w);
    else
        assert_non_null(lg_map_remove(w->leaves, lg_slice_str(path)));
    if (root == 0 && w->with != NULL && !lg_mirror_reads_all(w->mirror, 1))
        lg_mirror_read_also(w->mirror, 1, w->with);
}

static void current(void *ctx)
{
    ((struct world *)ctx)->rounds++;
}

static void unreadable(void *ctx, size_t root, const char *path, const struct lg_error *err)
{
    struct world *w = ctx;

    assert_int_equal(root, 1);
    assert_string_equal(path, w->counting.junk);
    assert_rc(LG_ERR_TOO_LARGE, err->rc);
    w->unreadable++;
}

static void failed(void *ctx, const struct lg_error *err)
{
    assert_rc(LG_ERR_UNAVAILABLE, err->rc);
    ((struct world *)ctx)->failed++;
}

static void session_lost(void *ctx)
{
    ((struct world *)ctx)->losses++;
}

static void stopped(void *ctx)
{
    ((struct world *)ctx)->stopped = true;
}

static void forget_counts(struct world *w)
{
    w->counting.gets = w->counting.lists = w->told = w->rounds = 0;
}

static void written(struct lg_meta_op *op)
{
    assert_rc(LG_OK, op->rc);
    LG_CONTAINER_OF(op, struct world, op)->written = true;
}

static bool is_written(void *ctx)
{
    return ((struct world *)ctx)->written;
}

static void write_one(struct world *w, enum lg_meta_change_kind kind, const char *path)
{
    struct lg_meta_change change = {kind, path, LG_LIT("{}"), LG_META_ANY_VERSION};

    w->written = false;
    w->op = (struct lg_meta_op){.kind = LG_META_WRITE,
                                .lane = w->lane,
                                .changes = &change,
                                .change_count = 1,
                                .done = written};
    lg_metastore_submit(w->writer, &w->op);
    assert_true(lg_sim_run_until(w->sim, is_written, w, LG_SEC));
}

static void put(struct world *w, const char *path)
{
    write_one(w, LG_META_PUT, path);
}

static void settle(struct world *w)
{
    lg_sim_run_us(w->sim, LG_SEC);
}

enum { TOPICS = 20, PER_TOPIC = 10, STORES = 30 };

static void world_up_so(struct world *w, uint64_t hold_us, bool keeps_unreadable)
{
    struct lg_metafile_options o = {.dir = "meta"};
    struct lg_error err = {0};

    memset(w, 0, sizeof *w);
    w->sim = lg_sim_new(11);
    w->disk = lg_disk_sim_new(w->sim, 12);
    w->lane = lg_sim_lane_new(w->sim, NULL, "lane");
    w->leaves = lg_map_new();
    o.disk = w->disk;
    o.lane = w->lane;
    assert_ok(lg_metafile_open(&o, &w->metafile, &err));
    w->writer = lg_metafile_session_new(w->metafile);
    w->counting.ms.ops = &counting_ops;
    w->counting.real = lg_metafile_session_new(w->metafile);
    for (int i = 0; i < STORES; i++) {
        LG_AUTO_STR char *path = lg_strf("/a/s%d", i);

        put(w, path);
    }
    for (int i = 0; i < TOPICS * PER_TOPIC; i++) {
        LG_AUTO_STR char *path = lg_strf("/b/t%d/i%d", i / PER_TOPIC, i % PER_TOPIC);

        put(w, path);
    }
    w->mirror = lg_mirror_start(
        &(struct lg_mirror_options){.metastore = &w->counting.ms,
                                    .lane = w->lane,
                                    .roots = roots,
                                    .root_count = 2,
                                    .hold_us = hold_us,
                                    .leaf = leaf,
                                    .current = current,
                                    .session_lost = session_lost,
                                    .unreadable = keeps_unreadable ? unreadable : NULL,
                                    .failed = failed,
                                    .ctx = w});
    settle(w);
}

static void world_up(struct world *w, uint64_t hold_us)
{
    world_up_so(w, hold_us, /* keeps_unreadable= */ false);
}

static bool is_stopped(void *ctx)
{
    return ((struct world *)ctx)->stopped;
}

static void world_down(struct world *w)
{
    lg_mirror_stop(w->mirror, stopped, w);
    assert_true(lg_sim_run_until(w->sim, is_stopped, w, LG_SEC));
    lg_metafile_session_close(w->writer, w->lane, NULL, NULL);
    lg_metafile_session_close(w->counting.real, w->lane, NULL, NULL);
    settle(w);
    lg_metafile_close(w->metafile, NULL, NULL);
    settle(w);
    lg_sim_free(w->sim);
    lg_disk_sim_free(w->disk);
    lg_map_free(w->leaves);
}

static bool has(const struct world *w, const char *path)
{
    return lg_map_get(w->leaves, lg_slice_str(path)) != NULL;
}

/* --- Tests. ------------------------------------------------------------------------------------
 */

static void everything_is_read_once_at_the_beginning(void **state)
{
    struct world w;

    (void)state;
    world_up(&w, 0);
    assert_int_equal(lg_map_size(w.leaves), STORES + TOPICS * PER_TOPIC);
    assert_int_equal(w.counting.gets, STORES + TOPICS * PER_TOPIC);
    assert_int_equal(w.counting.lists, 2 + TOPICS);
    assert_int_equal(w.rounds, 1);
    world_down(&w);
}

static void a_change_costs_one_read(void **state)
{
    static const struct {
        enum lg_meta_change_kind kind;
        const char *path;
        unsigned gets, told;
        bool there;
    } changes[] = {
        {LG_META_SET, "/b/t3/i4", 1, 1, true},     {LG_META_SET, "/a/s7", 1, 1, true},
        {LG_META_REMOVE, "/b/t3/i4", 1, 1, false}, {LG_META_CREATE, "/b/t3/i4", 1, 1, true},
        {LG_META_CREATE, "/a/new", 1, 1, true},    {LG_META_CREATE, "/b/new/i1", 1, 1, true},
        {LG_META_SET, "/b/t3", 0, 0, false},       {LG_META_CREATE, "/b/t3/i4/deep", 0, 0, false},
        {LG_META_CREATE, "/c/x", 0, 0, false},     {LG_META_SET, "/a", 0, 0, false},
    };
    struct world w;

    (void)state;
    world_up(&w, 0);
    for (size_t i = 0; i < LG_ARRAY_SIZE(changes); i++) {
        forget_counts(&w);
        write_one(&w, changes[i].kind, changes[i].path);
        settle(&w);
        assert_int_equal(w.counting.gets, changes[i].gets);
        assert_int_equal(w.counting.lists, 0);
        assert_int_equal(w.told, changes[i].told);
        assert_int_equal(has(&w, changes[i].path), changes[i].there);
    }
    world_down(&w);
}

static void a_tree_that_goes_costs_what_it_held(void **state)
{
    struct world w;

    (void)state;
    world_up(&w, 0);
    forget_counts(&w);
    write_one(&w, LG_META_REMOVE_TREE, "/b/t5");
    settle(&w);
    assert_int_equal(w.counting.gets, 0);
    assert_int_equal(w.counting.lists, 1);
    assert_int_equal(w.told, PER_TOPIC);
    assert_int_equal(lg_map_size(w.leaves), STORES + (TOPICS - 1) * PER_TOPIC);
    assert_false(has(&w, "/b/t5/i0"));
    assert_true(has(&w, "/b/t4/i0"));
    write_one(&w, LG_META_REMOVE_TREE, "/b");
    settle(&w);
    assert_int_equal(lg_map_size(w.leaves), STORES);
    world_down(&w);
}

/* Many changes of one node while it is read: one more read follows. */
static void changes_while_it_reads_are_read_together(void **state)
{
    struct world w;

    (void)state;
    world_up(&w, 0);
    forget_counts(&w);
    for (int i = 0; i < 50; i++)
        put(&w, i % 2 == 0 ? "/b/t1/i1" : "/a/s1");
    settle(&w);
    assert_true(w.counting.gets >= 2 && w.counting.gets <= 50);
    assert_int_equal(w.told, w.counting.gets);
    world_down(&w);
}

static void what_failed_is_read_again_and_nothing_else(void **state)
{
    struct world w;

    (void)state;
    world_up(&w, 0);
    forget_counts(&w);
    w.counting.refused = "/b/t1/i1";
    put(&w, "/b/t1/i1");
    settle(&w);
    assert_true(w.counting.gets > 2);
    assert_true(w.failed > 1);
    assert_int_equal(w.told, 0);
    assert_int_equal(w.rounds, 0);
    forget_counts(&w);
    w.counting.refused = NULL;
    settle(&w);
    assert_int_equal(w.counting.gets, 1);
    assert_int_equal(w.told, 1);
    assert_int_equal(w.rounds, 1);
    world_down(&w);
}

/* A value that nobody can read is left out: it never stops the others. */
static void a_node_that_cannot_be_read_is_gone(void **state)
{
    struct world w;

    (void)state;
    world_up(&w, 0);
    w.counting.junk = "/b/t1/i1";
    forget_counts(&w);
    put(&w, "/b/t1/i1");
    put(&w, "/b/t1/i2");
    settle(&w);
    assert_false(has(&w, "/b/t1/i1"));
    assert_true(has(&w, "/b/t1/i2"));
    assert_true(w.rounds > 0);
    world_down(&w);
}

/* Unless its owner wants to know of it: then it stays until it is gone indeed. */
static void a_node_that_cannot_be_read_is_told(void **state)
{
    struct world w;

    (void)state;
    world_up_so(&w, 0, /* keeps_unreadable= */ true);
    w.counting.junk = "/b/t1/i1";
    put(&w, "/b/t1/i1");
    settle(&w);
    assert_true(has(&w, "/b/t1/i1"));
    assert_int_equal(w.unreadable, 1);
    put(&w, "/b/t1/i2");
    settle(&w);
    assert_int_equal(w.unreadable, 1);
    w.counting.junk = NULL;
    write_one(&w, LG_META_REMOVE, "/b/t1/i1");
    settle(&w);
    assert_false(has(&w, "/b/t1/i1"));
    world_down(&w);
}

/* Nothing lies below it that matters. */
static void a_root_may_be_its_only_leaf(void **state)
{
    static const struct lg_mirror_root only[] = {{"/a", 0}, {"/c", 0}};
    struct world w;

    (void)state;
    world_up(&w, 0);
    w.stopped = false;
    lg_mirror_stop(w.mirror, stopped, &w);
    assert_true(lg_sim_run_until(w.sim, is_stopped, &w, LG_SEC));
    lg_map_free(w.leaves);
    w.leaves = lg_map_new();
    w.stopped = false;
    w.mirror = lg_mirror_start(&(struct lg_mirror_options){.metastore = &w.counting.ms,
                                                           .lane = w.lane,
                                                           .roots = only,
                                                           .root_count = 2,
                                                           .leaf = leaf,
                                                           .current = current,
                                                           .ctx = &w});
    settle(&w);
    assert_true(has(&w, "/a"));
    assert_int_equal(lg_map_size(w.leaves), 1);
    forget_counts(&w);
    put(&w, "/a/s1");
    settle(&w);
    assert_int_equal(w.counting.gets + w.counting.lists, 0);
    put(&w, "/c");
    settle(&w);
    assert_true(has(&w, "/c"));
    write_one(&w, LG_META_REMOVE, "/c");
    settle(&w);
    assert_false(has(&w, "/c"));
    world_down(&w);
}

static void lose(struct lg_task *task)
{
    struct world *w = LG_CONTAINER_OF(task, struct world, lose);

    w->counting.first->session_lost(w->counting.first);
}

static void after_a_lost_session_everything_is_read_again_when_it_was_held(void **state)
{
    struct world w;

    (void)state;
    world_up(&w, 2 * LG_SEC);
    forget_counts(&w);
    w.lose.run = lose;
    lg_lane_post(w.lane, &w.lose);
    settle(&w);
    write_one(&w, LG_META_REMOVE, "/b/t1/i1");
    assert_int_equal(w.losses, 1);
    assert_int_equal(w.counting.gets, 0); /* Held. */
    settle(&w);
    settle(&w);
    assert_int_equal(w.counting.gets, STORES + TOPICS * PER_TOPIC - 1);
    assert_int_equal(w.rounds, 1);
    assert_false(has(&w, "/b/t1/i1"));
    world_down(&w);
}

static void a_leaf_can_ask_for_others_of_its_round(void **state)
{
    struct world w;

    (void)state;
    world_up(&w, 0);
    w.with = "/b/t2/i2";
    forget_counts(&w);
    put(&w, "/a/s1");
    settle(&w);
    assert_int_equal(w.counting.gets, 2);
    assert_int_equal(w.told, 2);
    assert_int_equal(w.rounds, 1);
    world_down(&w);
}

static void what_is_named_by_its_owner_is_read_again(void **state)
{
    struct world w;

    (void)state;
    world_up(&w, 0);
    forget_counts(&w);
    lg_mirror_read_again(w.mirror, 1, "/b/t2/i2");
    lg_mirror_read_again(w.mirror, 0, "/a/nobody"); /* What is not there tells nothing. */
    settle(&w);
    assert_int_equal(w.counting.gets, 2);
    assert_int_equal(w.told, 1);
    assert_int_equal(w.rounds, 2); /* The first was under way. */
    w.counting.refused = "/b/t3/i3";
    put(&w, "/b/t3/i3");
    settle(&w);
    forget_counts(&w);
    lg_mirror_read_again(w.mirror, 1, "/b/t2/i2"); /* It waits with the others. */
    assert_int_equal(w.counting.gets, 0);
    w.counting.refused = NULL;
    settle(&w);
    assert_int_equal(w.told, 2);
    world_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_read_once_at_the_beginning),
        cmocka_unit_test(a_change_costs_one_read),
        cmocka_unit_test(a_tree_that_goes_costs_what_it_held),
        cmocka_unit_test(changes_while_it_reads_are_read_together),
        cmocka_unit_test(what_failed_is_read_again_and_nothing_else),
        cmocka_unit_test(a_node_that_cannot_be_read_is_gone),
        cmocka_unit_test(a_node_that_cannot_be_read_is_told),
        cmocka_unit_test(a_root_may_be_its_only_leaf),
        cmocka_unit_test(after_a_lost_session_everything_is_read_again_when_it_was_held),
        cmocka_unit_test(a_leaf_can_ask_for_others_of_its_round),
        cmocka_unit_test(what_is_named_by_its_owner_is_read_again),
    };

    return cmocka_run_group_tests(tests, lg_test_quiet, NULL);
}
