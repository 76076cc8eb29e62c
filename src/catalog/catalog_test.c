/* The catalog of a lane follows what is written into the real metadata store. */
#include "base/str.h"
#include "catalog/catalog.h"
#include "drivers/metafile/metafile.h"
#include "drivers/sim/disk_sim.h"
#include "test/lib/quiet.h"
#include "test/test.h"

/* --- A session whose reads can be made to fail. ------------------------------------------------
 */

struct shaky {
    struct lg_metastore ms;
    struct lg_metastore *real;
    bool down;
    unsigned failed;
    struct lg_meta_watch *first; /* the first watch that was set */
    /* Changes of this path are told once, at the beginning, and never again. */
    const char *deaf_to;
    struct lg_meta_watch relay, *deaf;
    void (*deaf_closed)(struct lg_meta_watch *watch);
    bool relayed;
};

static void answer_away(struct lg_task *task)
{
    struct lg_meta_op *op = LG_CONTAINER_OF(task, struct lg_meta_op, task);

    op->rc = lg_error_set(&op->err, LG_ERR_UNAVAILABLE, "the metadata is away");
    op->done(op);
}

static void shaky_submit(struct lg_metastore *ms, struct lg_meta_op *op)
{
    struct shaky *s = LG_CONTAINER_OF(ms, struct shaky, ms);

    if (!s->down) {
        lg_metastore_submit(s->real, op);
        return;
    }
    s->failed++;
    op->task.run = answer_away;
    lg_lane_post(op->lane, &op->task);
}

static void relay_told(struct lg_meta_watch *relay)
{
    struct shaky *s = LG_CONTAINER_OF(relay, struct shaky, relay);

    if (s->relayed)
        return;
    s->relayed = true;
    s->deaf->names = relay->names;
    s->deaf->changed(s->deaf);
}

static void relay_closed(struct lg_meta_watch *relay)
{
    struct shaky *s = LG_CONTAINER_OF(relay, struct shaky, relay);

    s->deaf_closed(s->deaf);
}

static void shaky_watch(struct lg_metastore *ms, struct lg_meta_watch *watch)
{
    struct shaky *s = LG_CONTAINER_OF(ms, struct shaky, ms);

    if (s->first == NULL)
        s->first = watch;
    if (s->deaf_to != NULL && strcmp(watch->path, s->deaf_to) == 0) {
        s->deaf = watch;
        s->relay =
            (struct lg_meta_watch){.lane = watch->lane, .path = s->deaf_to, .changed = relay_told};
        watch = &s->relay;
    }
    lg_metastore_watch(s->real, watch);
}

static void shaky_unwatch(struct lg_metastore *ms, struct lg_meta_watch *watch,
                          void (*closed)(struct lg_meta_watch *watch))
{
    struct shaky *s = LG_CONTAINER_OF(ms, struct shaky, ms);

    if (watch == s->deaf) {
        s->deaf_closed = closed;
        lg_metastore_unwatch(s->real, &s->relay, relay_closed);
        return;
    }
    lg_metastore_unwatch(s->real, watch, closed);
}

static const struct lg_metastore_ops shaky_ops = {
    .name = "shaky", .submit = shaky_submit, .watch = shaky_watch, .unwatch = shaky_unwatch};

/* --- The world. --------------------------------------------------------------------------------
 */

struct world {
    struct lg_sim *sim;
    struct lg_disk *disk;
    struct lg_lane *lane;
    struct lg_metafile *metafile;
    struct lg_metastore *writer;
    struct shaky shaky;
    struct lg_catalog *catalog;
    unsigned changes, losses;
    bool stopped;
    struct lg_task lose;

    struct lg_meta_op op;
    bool written;
};

static void changed(void *ctx, struct lg_catalog_snapshot *snapshot)
{
    struct world *w = ctx;

    assert_ptr_equal(snapshot, lg_catalog_current(w->catalog));
    w->changes++;
}

static void session_lost(void *ctx)
{
    ((struct world *)ctx)->losses++;
}

static void start_catalog(struct world *w)
{
    w->catalog = lg_catalog_start(&(struct lg_catalog_options){.metastore = &w->shaky.ms,
                                                               .lane = w->lane,
                                                               .last_resort = true,
                                                               .changed = changed,
                                                               .session_lost = session_lost,
                                                               .ctx = w});
}

static void world_up_deaf(struct world *w, const char *deaf_to)
{
    struct lg_metafile_options o = {.dir = "meta"};
    struct lg_error err = {0};

    memset(w, 0, sizeof *w);
    w->sim = lg_sim_new(11);
    w->disk = lg_disk_sim_new(w->sim, 12);
    w->lane = lg_sim_lane_new(w->sim, NULL, "lane");
    o.disk = w->disk;
    o.lane = w->lane;
    assert_ok(lg_metafile_open(&o, &w->metafile, &err));
    w->writer = lg_metafile_session_new(w->metafile);
    w->shaky.ms.ops = &shaky_ops;
    w->shaky.deaf_to = deaf_to;
    w->shaky.real = lg_metafile_session_new(w->metafile);
    start_catalog(w);
}

static void world_up(struct world *w)
{
    world_up_deaf(w, NULL);
}

static void stopped(void *ctx)
{
    ((struct world *)ctx)->stopped = true;
}

static bool is_stopped(void *ctx)
{
    return ((struct world *)ctx)->stopped;
}

static void world_down(struct world *w)
{
    if (!w->stopped) {
        lg_catalog_stop(w->catalog, stopped, w);
        assert_true(lg_sim_run_until(w->sim, is_stopped, w, LG_SEC));
    }
    lg_metafile_session_close(w->writer, w->lane, NULL, NULL);
    lg_metafile_session_close(w->shaky.real, w->lane, NULL, NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    lg_metafile_close(w->metafile, NULL, NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    lg_sim_free(w->sim);
    lg_disk_sim_free(w->disk);
}

static void written(struct lg_meta_op *op)
{
    struct world *w = LG_CONTAINER_OF(op, struct world, op);

    assert_rc(LG_OK, op->rc);
    w->written = true;
}

static bool is_written(void *ctx)
{
    return ((struct world *)ctx)->written;
}

static void put(struct world *w, enum lg_meta_change_kind kind, const char *path, const char *value)
{
    struct lg_meta_change change = {
        .kind = kind, .path = path, .value = lg_slice_str(value), .version = LG_META_ANY_VERSION};

    w->written = false;
    w->op = (struct lg_meta_op){.kind = LG_META_WRITE,
                                .lane = w->lane,
                                .changes = &change,
                                .change_count = 1,
                                .done = written};
    lg_metastore_submit(w->writer, &w->op);
    assert_true(lg_sim_run_until(w->sim, is_written, w, LG_SEC));
    lg_sim_run_us(w->sim, LG_SEC);
}

static void put_store(struct world *w, const char *name, const char *owner)
{
    LG_AUTO(lg_store) *store = lg_store_new(name, owner, "\"string\"", 1);
    LG_AUTO(lg_json) *json = lg_store_to_json(store, LG_STORE_JSON_PERSISTENT);
    LG_AUTO_STR char *path = lg_strf("/stores/%s", name);
    LG_AUTO_STR char *text = NULL;
    LG_SCOPED(lg_buf) out = {0};

    lg_json_write(&out, json, false);
    text = lg_buf_take_str(&out);
    put(w, LG_META_PUT, path, text);
}

static const struct lg_catalog_store *store(struct world *w, const char *name)
{
    return lg_catalog_store(lg_catalog_current(w->catalog), lg_slice_str(name));
}

/* --- Tests. ------------------------------------------------------------------------------------
 */

static void an_empty_cluster_is_a_snapshot_too(void **state)
{
    struct world w;

    (void)state;
    world_up(&w);
    assert_null(lg_catalog_current(w.catalog)); /* Nothing was read yet. */
    lg_sim_run_us(w.sim, LG_SEC);
    assert_non_null(lg_catalog_current(w.catalog));
    assert_int_equal(lg_catalog_current(w.catalog)->stores.size, 0);
    assert_true(w.changes >= 1);
    world_down(&w);
}

static void it_follows_changes_of_every_kind(void **state)
{
    struct world w;
    const struct lg_catalog_snapshot *s;
    uint32_t ready[LG_CATALOG_REPLICAS_MAX];

    (void)state;
    world_up(&w);
    put_store(&w, "cities", "me");
    assert_non_null(store(&w, "cities"));
    put_store(&w, "cities", "you");
    assert_string_equal(store(&w, "cities")->store->owner, "you");
    put(&w, LG_META_CREATE_EPHEMERAL, "/instances/a_1", "{\"host\":\"a\",\"port\":1}");
    put(&w, LG_META_CREATE, "/assignment/cities_v1", "{\"partitions\":[[\"a_1\"]]}");
    put(&w, LG_META_CREATE_EPHEMERAL, "/replicas/cities_v1/a_1",
        "{\"0\":{\"status\":\"STARTED\"}}");
    put(&w, LG_META_CREATE_EPHEMERAL, "/routers/r_1", "{\"url\":\"http://r:1\"}");
    s = lg_catalog_current(w.catalog);
    assert_int_equal(s->instances.size, 1);
    assert_int_equal(s->routers.size, 1);
    assert_int_equal(lg_catalog_ready(s->topics.data[0], 0, ready), 0);
    put(&w, LG_META_SET, "/replicas/cities_v1/a_1", "{\"0\":{\"status\":\"COMPLETED\"}}");
    s = lg_catalog_current(w.catalog);
    assert_int_equal(lg_catalog_ready(s->topics.data[0], 0, ready), 1);
    put(&w, LG_META_REMOVE, "/instances/a_1", NULL);
    s = lg_catalog_current(w.catalog);
    assert_int_equal(lg_catalog_ready(s->topics.data[0], 0, ready), 0);
    put(&w, LG_META_REMOVE_TREE, "/stores/cities", NULL);
    assert_null(store(&w, "cities"));
    world_down(&w);
}

static void a_change_elsewhere_makes_no_snapshot(void **state)
{
    struct world w;
    unsigned before;

    (void)state;
    world_up(&w);
    lg_sim_run_us(w.sim, LG_SEC);
    before = w.changes;
    put(&w, LG_META_PUT, "/pushes/cities_v1", "{}");
    assert_int_equal(w.changes, before);
    world_down(&w);
}

static void the_last_good_snapshot_is_kept_while_reading_fails(void **state)
{
    struct world w;

    (void)state;
    world_up(&w);
    put_store(&w, "cities", "me");
    w.shaky.down = true;
    put_store(&w, "users", "me");
    assert_true(w.shaky.failed > 1); /* It tries again and again. */
    assert_non_null(store(&w, "cities"));
    assert_null(store(&w, "users"));
    w.shaky.down = false;
    lg_sim_run_us(w.sim, LG_SEC);
    assert_non_null(store(&w, "users")); /* Without any further change. */
    world_down(&w);
}

static void it_stops_in_the_middle_of_a_read_and_of_a_pause(void **state)
{
    struct world w;

    (void)state;
    world_up(&w); /* Stopped before the first read. */
    world_down(&w);
    for (uint64_t us = 1; us < 60; us += 7) { /* And at some moments within. */
        world_up(&w);
        lg_sim_run_us(w.sim, us);
        w.changes = 0;
        lg_catalog_stop(w.catalog, stopped, &w);
        assert_false(w.stopped);
        assert_true(lg_sim_run_until(w.sim, is_stopped, &w, LG_SEC));
        assert_int_equal(w.changes, 0); /* Nothing is told any more. */
        world_down(&w);
    }
    world_up(&w);
    w.shaky.down = true;
    lg_sim_run_us(w.sim, LG_SEC);
    world_down(&w);
}

static void lose(struct lg_task *task)
{
    struct world *w = LG_CONTAINER_OF(task, struct world, lose);

    w->shaky.first->session_lost(w->shaky.first);
}

static void after_a_lost_session_the_last_snapshot_is_kept_for_a_while(void **state)
{
    struct world w;

    (void)state;
    world_up(&w);
    put(&w, LG_META_CREATE, "/instances/a_1", "{\"host\":\"a\",\"port\":1}");
    w.lose.run = lose;
    lg_lane_post(w.lane, &w.lose);
    put(&w, LG_META_REMOVE, "/instances/a_1", NULL); /* Its session was lost, too. */
    assert_int_equal(w.losses, 1);
    assert_int_equal(lg_catalog_current(w.catalog)->instances.size, 1);
    put(&w, LG_META_CREATE, "/instances/b_1", "{\"host\":\"b\",\"port\":1}");
    lg_sim_run_us(w.sim, LG_CATALOG_HOLD_MS * LG_MS);
    assert_int_equal(lg_catalog_current(w.catalog)->instances.size, 1);
    assert_string_equal(lg_catalog_current(w.catalog)->instances.data[0].id, "b_1");
    world_down(&w);
}

/* A server that began anew takes no reads because of what it said before, even where its new words
 * have not been told of yet. */
static void a_server_that_comes_back_is_asked_again(void **state)
{
    uint32_t ready[LG_CATALOG_REPLICAS_MAX];
    const struct lg_catalog_snapshot *s;
    struct world w;

    (void)state;
    world_up_deaf(&w, "/replicas");
    put(&w, LG_META_CREATE, "/assignment/cities_v1", "{\"partitions\":[[\"a_1\"]]}");
    put(&w, LG_META_CREATE, "/replicas/cities_v1/a_1", "{\"0\":{\"status\":\"COMPLETED\"}}");
    put(&w, LG_META_CREATE, "/instances/a_1", "{\"host\":\"a\",\"port\":1}");
    lg_catalog_stop(w.catalog, stopped, &w);
    assert_true(lg_sim_run_until(w.sim, is_stopped, &w, LG_SEC));
    w.stopped = w.shaky.relayed = false; /* Once more, now that all of it is there. */
    start_catalog(&w);
    lg_sim_run_us(w.sim, LG_SEC);
    s = lg_catalog_current(w.catalog);
    assert_int_equal(lg_catalog_ready(s->topics.data[0], 0, ready), 1);
    put(&w, LG_META_SET, "/replicas/cities_v1/a_1", "{\"0\":{\"status\":\"STARTED\"}}");
    s = lg_catalog_current(w.catalog);
    assert_int_equal(lg_catalog_ready(s->topics.data[0], 0, ready), 1); /* It is deaf indeed. */
    put(&w, LG_META_REMOVE, "/instances/a_1", NULL);
    s = lg_catalog_current(w.catalog);
    assert_int_equal(lg_catalog_ready(s->topics.data[0], 0, ready), 0);
    put(&w, LG_META_CREATE, "/instances/a_1", "{\"host\":\"a\",\"port\":1}");
    s = lg_catalog_current(w.catalog);
    assert_int_equal(s->instances.size, 1);
    assert_int_equal(lg_catalog_ready(s->topics.data[0], 0, ready), 0);
    put(&w, LG_META_REMOVE, "/replicas/cities_v1/a_1", NULL);
    put(&w, LG_META_SET, "/instances/a_1", "{\"host\":\"a\",\"port\":2}");
    s = lg_catalog_current(w.catalog);
    assert_int_equal(s->topics.data[0]->partitions[0].count, 0);
    world_down(&w);
}

static size_t last_resorts(struct world *w)
{
    const struct lg_catalog_snapshot *s = lg_catalog_current(w->catalog);
    const struct lg_catalog_instance *instances[LG_CATALOG_REPLICAS_MAX];

    return lg_catalog_last_resort(s, lg_catalog_topic(s, LG_LIT("cities_v1")), 0, instances);
}

/* Nobody takes a replica away while nobody can say that it is to be. */
static void a_last_resort_ends_with_a_reading(void **state)
{
    struct world w;

    (void)state;
    world_up(&w);
    put(&w, LG_META_CREATE, "/instances/a_1", "{\"host\":\"a\",\"port\":1}");
    put(&w, LG_META_CREATE, "/instances/b_1", "{\"host\":\"b\",\"port\":1}");
    put(&w, LG_META_CREATE, "/assignment/cities_v1", "{\"partitions\":[[\"a_1\",\"b_1\"]]}");
    put(&w, LG_META_CREATE, "/replicas/cities_v1/a_1", "{\"0\":{\"status\":\"COMPLETED\"}}");
    put(&w, LG_META_CREATE, "/replicas/cities_v1/b_1", "{\"0\":{\"status\":\"COMPLETED\"}}");
    put(&w, LG_META_REMOVE, "/instances/a_1", NULL);
    put(&w, LG_META_REMOVE, "/replicas/cities_v1/a_1", NULL);
    assert_int_equal(last_resorts(&w), 1);
    lg_sim_run_us(w.sim, 10 * LG_SEC);
    put(&w, LG_META_REMOVE, "/instances/b_1", NULL);
    put(&w, LG_META_REMOVE, "/replicas/cities_v1/b_1", NULL);
    assert_int_equal(last_resorts(&w), 2);
    lg_sim_run_us(w.sim, LG_CATALOG_LAST_RESORT_MS * LG_MS - 15 * LG_SEC);
    assert_int_equal(last_resorts(&w), 2);
    lg_sim_run_us(w.sim, 10 * LG_SEC);
    assert_int_equal(last_resorts(&w), 1);
    w.shaky.down = true;
    lg_sim_run_us(w.sim, 60 * LG_SEC);
    assert_int_equal(last_resorts(&w), 1);
    w.shaky.down = false;
    lg_sim_run_us(w.sim, LG_SEC);
    assert_int_equal(last_resorts(&w), 0);
    put(&w, LG_META_CREATE, "/instances/a_1", "{\"host\":\"a\",\"port\":1}");
    assert_int_equal(lg_catalog_current(w.catalog)->instances.size, 1);
    world_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_cluster_is_a_snapshot_too),
        cmocka_unit_test(it_follows_changes_of_every_kind),
        cmocka_unit_test(a_change_elsewhere_makes_no_snapshot),
        cmocka_unit_test(the_last_good_snapshot_is_kept_while_reading_fails),
        cmocka_unit_test(it_stops_in_the_middle_of_a_read_and_of_a_pause),
        cmocka_unit_test(a_last_resort_ends_with_a_reading),
        cmocka_unit_test(a_server_that_comes_back_is_asked_again),
        cmocka_unit_test(after_a_lost_session_the_last_snapshot_is_kept_for_a_while),
    };
    return cmocka_run_group_tests(tests, lg_test_quiet, NULL);
}
