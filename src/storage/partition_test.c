/* A replica survives a power cut at any moment of a push, obeys its checkpoint, and never takes
 * half-removed or damaged files for content. */
#include "test/test.h"

#include <stdio.h>

#include "base/str.h"
#include "drivers/memkv/engine_memkv.h"
#include "drivers/sim/disk_sim.h"
#include "lane/fault.h"
#include "storage/partition.h"

#define ROWS 40
#define SYNC_EVERY 7

struct server { /* What a process has; the disk survives it. */
    struct lg_engine_driver *driver;
    struct lg_checkpoint_store *checkpoints;
    struct lg_partition *p;
};

static enum lg_rc server_up(struct server *s, struct lg_disk *disk, struct lg_error *err)
{
    struct lg_partition_options o = {.topic = "cities_v1", .partition = 3, .file_bytes = 60};
    enum lg_rc rc;

    *s = (struct server){.driver = lg_memkv_new(disk, "data")};
    rc = lg_checkpoint_store_open(s->driver, "checkpoints", &s->checkpoints, err);
    if (rc != LG_OK)
        return rc;
    o.driver = s->driver;
    o.checkpoints = s->checkpoints;
    return lg_partition_open(&o, &s->p, err);
}

static void server_down(struct server *s)
{
    lg_partition_close(s->p);
    lg_checkpoint_store_close(s->checkpoints);
    lg_memkv_free(s->driver);
    *s = (struct server){0};
}

static struct lg_slice row_key(unsigned n, char buf[32])
{
    snprintf(buf, 32, "key%04u", n);
    return lg_slice_str(buf);
}

static struct lg_slice row_value(unsigned n, char buf[32])
{
    snprintf(buf, 32, "value %u", n * 31);
    return lg_slice_str(buf);
}

/* The record after the checkpoint; position n is record n. */
static unsigned next_row(const struct lg_partition *p)
{
    const struct lg_position *at = &lg_partition_checkpoint(p)->position;
    int64_t offset;

    if (lg_position_is_earliest(at))
        return 0;
    assert_true(lg_position_offset(at, &offset));
    return (unsigned)offset + 1;
}

static enum lg_rc push_row(struct lg_partition *p, unsigned n, struct lg_error *err)
{
    struct lg_position at = lg_position_from_offset(n);
    char key[32], value[32];
    enum lg_rc rc = lg_partition_put(p, row_key(n, key), 5, row_value(n, value), err);

    return rc == LG_OK && n % SYNC_EVERY == SYNC_EVERY - 1
               ? lg_partition_sync(p, &at, LG_LIT("integrity"), err)
               : rc;
}

/* From the checkpoint to the end; a push whose checkpoint says complete has nothing to do. */
static enum lg_rc push_on(struct lg_partition *p, bool sorted, struct lg_error *err)
{
    struct lg_position last = lg_position_from_offset(ROWS);
    enum lg_rc rc = LG_OK;

    if (lg_partition_checkpoint(p)->end_of_push)
        return LG_OK;
    rc = lg_partition_start(p, &(struct lg_partition_shape){.sorted = sorted}, err);
    for (unsigned n = next_row(p); rc == LG_OK && n < ROWS; n++)
        rc = push_row(p, n, err);
    return rc == LG_OK ? lg_partition_end(p, &last, LG_LIT("integrity"), err) : rc;
}

static bool holds_row(struct lg_partition *p, unsigned n)
{
    LG_SCOPED(lg_buf) out = {0};
    char key[32], value[32];

    if (lg_engine_get(lg_partition_engine(p), row_key(n, key), false, &out, NULL) != LG_OK)
        return false;
    assert_int_equal(5, lg_load_u32be(out.data));
    assert_slice_equal(lg_slice_skip(lg_buf_slice(&out), 4), row_value(n, value));
    return true;
}

static enum lg_rc count(void *ctx, struct lg_slice key, struct lg_slice value, struct lg_error *err)
{
    (void)key, (void)value, (void)err;
    ++*(unsigned *)ctx;
    return LG_OK;
}

static void check_complete(struct lg_partition *p)
{
    struct lg_error err = {0};
    unsigned rows = 0;

    assert_true(lg_partition_checkpoint(p)->end_of_push);
    for (unsigned n = 0; n < ROWS; n++)
        assert_true(holds_row(p, n));
    assert_ok(lg_engine_each(lg_partition_engine(p), count, &rows, &err));
    assert_int_equal(ROWS, rows);
    assert_int_equal(ROWS, lg_partition_records(p));
}

/* The power goes after k operations of the disk. True while that came before the end. */
static bool push_with_a_cut(bool sorted, uint64_t seed, uint64_t k)
{
    struct lg_disk *disk = lg_disk_sim_new(NULL, seed);
    struct server s;
    struct lg_error err = {0};
    bool done;

    lg_disk_sim_cut_after(disk, k, NULL, NULL);
    done = server_up(&s, disk, &err) == LG_OK && push_on(s.p, sorted, &err) == LG_OK;
    server_down(&s);
    lg_disk_sim_crash(disk);

    assert_ok(server_up(&s, disk, &err));
    if (done)
        assert_true(lg_partition_checkpoint(s.p)->end_of_push);
    if (!sorted) /* What the checkpoint speaks of is there. */
        for (unsigned n = 0; n < next_row(s.p) && n < ROWS; n++)
            assert_true(holds_row(s.p, n));
    assert_ok(push_on(s.p, sorted, &err));
    check_complete(s.p);
    server_down(&s);

    assert_ok(server_up(&s, disk, &err));
    check_complete(s.p);
    assert_null(lg_partition_wiped(s.p));
    server_down(&s);
    lg_disk_sim_free(disk);
    return !done;
}

static void a_sorted_push_survives_a_power_cut_anywhere(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        for (uint64_t k = 0; push_with_a_cut(true, seed, k); k++)
            assert_true(k < 5000);
}

static void an_unsorted_push_survives_a_power_cut_anywhere(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        for (uint64_t k = 0; push_with_a_cut(false, seed, k); k++)
            assert_true(k < 5000);
}

/* Files without a checkpoint would never be found again. */
static bool leaves_no_orphan(struct lg_disk *disk)
{
    struct lg_engine_driver *d = lg_memkv_new(disk, "data");
    struct lg_checkpoint_store *store = NULL;
    LG_SCOPED(lg_checkpoint) c = {0};
    LG_SCOPED(lg_disk_names) names = {0};
    struct lg_error err = {0};
    bool known;

    assert_ok(lg_checkpoint_store_open(d, "checkpoints", &store, &err));
    known = lg_checkpoint_load(store, "cities_v1", 3, &c, &err) == LG_OK;
    lg_checkpoint_store_close(store);
    lg_memkv_free(d);
    return known || lg_disk_list(disk, "data/replicas", &names, &err) != LG_OK ||
           names.names.size == 0;
}

static bool destroy_with_a_cut(uint64_t seed, uint64_t k)
{
    struct lg_disk *disk = lg_disk_sim_new(NULL, seed);
    struct server s;
    struct lg_error err = {0};
    bool done;

    assert_ok(server_up(&s, disk, &err));
    assert_ok(push_on(s.p, true, &err));
    lg_partition_close(LG_TAKE(s.p));
    lg_disk_sim_cut_after(disk, k, NULL, NULL);
    done = lg_partition_destroy(s.driver, s.checkpoints, "cities_v1", 3, &err) == LG_OK;
    server_down(&s);
    lg_disk_sim_crash(disk);

    assert_true(leaves_no_orphan(disk));
    /* Complete and whole, or gone: never complete with less. */
    assert_ok(server_up(&s, disk, &err));
    if (lg_partition_checkpoint(s.p)->end_of_push)
        check_complete(s.p);
    else
        assert_false(holds_row(s.p, 1));
    assert_false(done && lg_partition_checkpoint(s.p)->end_of_push);
    server_down(&s);
    lg_disk_sim_free(disk);
    return !done;
}

static void a_removal_that_stops_half_way_leaves_nothing_that_looks_complete(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++)
        for (uint64_t k = 0; destroy_with_a_cut(seed, k); k++)
            assert_true(k < 5000);
}

/* --- Smaller claims -------------------------------------------------------------------------- */

struct fixture {
    struct lg_disk *disk;
    struct server s;
};

static int up(void **state)
{
    struct fixture *f = lg_new(struct fixture);
    struct lg_error err = {0};

    f->disk = lg_disk_sim_new(NULL, 7);
    assert_ok(server_up(&f->s, f->disk, &err));
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    lg_fault_disarm_all();
    server_down(&f->s);
    lg_disk_sim_free(f->disk);
    lg_free(f);
    return 0;
}

static void restart(struct fixture *f)
{
    struct lg_error err = {0};

    server_down(&f->s);
    assert_ok(server_up(&f->s, f->disk, &err));
}

static void push_some(struct fixture *f, unsigned rows)
{
    struct lg_error err = {0};

    assert_ok(lg_partition_start(f->s.p, &(struct lg_partition_shape){.sorted = true}, &err));
    for (unsigned n = 0; n < rows; n++)
        assert_ok(push_row(f->s.p, n, &err));
}

static void a_restart_goes_on_behind_the_checkpoint(void **state)
{
    struct fixture *f = *state;
    struct lg_error err = {0};

    push_some(f, 2 * SYNC_EVERY + 3);
    restart(f);
    assert_null(lg_partition_wiped(f->s.p));
    assert_int_equal(2 * SYNC_EVERY, next_row(f->s.p));
    assert_int_equal(2 * SYNC_EVERY, lg_partition_records(f->s.p));
    assert_slice_equal(lg_buf_slice(&lg_partition_checkpoint(f->s.p)->integrity),
                       LG_LIT("integrity"));
    assert_ok(push_on(f->s.p, true, &err));
    check_complete(f->s.p);
}

static void a_missing_file_means_reading_from_the_beginning(void **state)
{
    struct fixture *f = *state;
    struct lg_error err = {0};

    push_some(f, 2 * SYNC_EVERY);
    server_down(&f->s);
    assert_ok(lg_disk_remove(f->disk, "data/replicas/cities_v1.3/sst/000000.sst", &err));
    assert_ok(server_up(&f->s, f->disk, &err));
    assert_non_null(strstr(lg_partition_wiped(f->s.p), "000000.sst is missing"));
    assert_true(lg_position_is_earliest(&lg_partition_checkpoint(f->s.p)->position));
    assert_ok(push_on(f->s.p, true, &err));
    check_complete(f->s.p);
}

static void content_that_vanished_or_is_damaged_is_read_again(void **state)
{
    struct fixture *f = *state;
    struct lg_error err = {0};

    assert_ok(push_on(f->s.p, true, &err));
    server_down(&f->s);
    assert_true(lg_disk_sim_flip(f->disk, "data/replicas/cities_v1.3/gen-1/snapshot", 200));
    assert_ok(server_up(&f->s, f->disk, &err));
    assert_non_null(lg_partition_wiped(f->s.p));
    assert_false(lg_partition_checkpoint(f->s.p)->end_of_push);
    assert_ok(push_on(f->s.p, true, &err));
    check_complete(f->s.p);

    server_down(&f->s);
    assert_ok(lg_disk_remove_tree(f->disk, "data/replicas", &err));
    assert_ok(server_up(&f->s, f->disk, &err));
    assert_non_null(strstr(lg_partition_wiped(f->s.p), "content is gone"));
    assert_false(lg_partition_checkpoint(f->s.p)->end_of_push);
}

static void an_empty_push_is_complete_and_empty(void **state)
{
    struct fixture *f = *state;
    struct lg_position at = lg_position_from_offset(2);
    struct lg_error err = {0};

    assert_ok(lg_partition_start(f->s.p, &(struct lg_partition_shape){.sorted = true}, &err));
    assert_ok(lg_partition_end(f->s.p, &at, LG_SLICE_NULL, &err));
    restart(f);
    assert_null(lg_partition_wiped(f->s.p));
    assert_true(lg_partition_checkpoint(f->s.p)->end_of_push);
    assert_false(holds_row(f->s.p, 0));
}

static void rows_need_a_start_and_no_end(void **state)
{
    struct fixture *f = *state;
    struct lg_position at = lg_position_from_offset(2);
    struct lg_error err = {0};

    assert_rc(LG_ERR_BAD_DATA, lg_partition_put(f->s.p, LG_LIT("k"), 1, LG_LIT("v"), &err));
    assert_rc(LG_ERR_BAD_DATA, lg_partition_end(f->s.p, &at, LG_SLICE_NULL, &err));
    assert_ok(push_on(f->s.p, true, &err));
    assert_rc(LG_ERR_BAD_DATA, lg_partition_put(f->s.p, LG_LIT("z"), 1, LG_LIT("v"), &err));
    assert_non_null(strstr(err.text, "replica cities_v1/3: data after END_OF_PUSH"));
}

static void a_second_start_must_agree(void **state)
{
    struct fixture *f = *state;
    struct lg_error err = {0};

    assert_ok(lg_partition_start(f->s.p, &(struct lg_partition_shape){.sorted = true}, &err));
    assert_ok(lg_partition_start(f->s.p, &(struct lg_partition_shape){.sorted = true}, &err));
    assert_rc(LG_ERR_BAD_DATA,
              lg_partition_start(f->s.p, &(struct lg_partition_shape){.sorted = false}, &err));
}

static void the_words_of_a_start_survive_a_restart_and_must_be_repeated(void **state)
{
    struct fixture *f = *state;
    struct lg_position at = lg_position_from_offset(1);
    struct lg_partition_shape said = {.sorted = true,
                                      .chunked = true,
                                      .compression = LG_COMPRESSION_ZSTD_WITH_DICT,
                                      .dictionary = LG_LIT("some words")};
    struct lg_partition_shape other = said;
    struct lg_error err = {0};

    assert_ok(lg_partition_start(f->s.p, &said, &err));
    assert_ok(lg_partition_sync(f->s.p, &at, LG_SLICE_NULL, &err));
    for (int i = 0; i < 2; i++) { /* Also of the checkpoint that a restarted one writes. */
        restart(f);
        assert_true(lg_partition_shape(f->s.p).chunked);
        assert_int_equal(LG_COMPRESSION_ZSTD_WITH_DICT, lg_partition_shape(f->s.p).compression);
        assert_slice_equal(lg_partition_shape(f->s.p).dictionary, LG_LIT("some words"));
        assert_ok(lg_partition_sync(f->s.p, &at, LG_SLICE_NULL, &err));
    }
    assert_ok(lg_partition_start(f->s.p, &said, &err));
    other.dictionary = LG_LIT("other words");
    assert_rc(LG_ERR_BAD_DATA, lg_partition_start(f->s.p, &other, &err));
    assert_non_null(strstr(err.text, "(dictionary)"));
    other.compression = LG_COMPRESSION_GZIP;
    assert_rc(LG_ERR_BAD_DATA, lg_partition_start(f->s.p, &other, &err));
    assert_non_null(strstr(err.text, "(compression)"));
    other.chunked = false;
    assert_rc(LG_ERR_BAD_DATA, lg_partition_start(f->s.p, &other, &err));
    assert_non_null(strstr(err.text, "(chunked)"));
    assert_ok(lg_partition_end(f->s.p, &at, LG_SLICE_NULL, &err));
    restart(f);
    assert_slice_equal(lg_partition_shape(f->s.p).dictionary, LG_LIT("some words"));
}

static void sorted_keys_must_ascend(void **state)
{
    struct fixture *f = *state;
    struct lg_position at = lg_position_from_offset(9);
    struct lg_error err = {0};

    assert_ok(lg_partition_start(f->s.p, &(struct lg_partition_shape){.sorted = true}, &err));
    assert_ok(lg_partition_put(f->s.p, LG_LIT("b"), 1, LG_LIT("v"), &err));
    assert_rc(LG_ERR_BAD_DATA, lg_partition_put(f->s.p, LG_LIT("a"), 1, LG_LIT("v"), &err));
    /* The replica has failed: it is not checkpointed any more. */
    assert_rc(LG_ERR_IO, lg_partition_sync(f->s.p, &at, LG_SLICE_NULL, &err));
    restart(f);
    assert_true(lg_position_is_earliest(&lg_partition_checkpoint(f->s.p)->position));
}

static void removals_count_in_unsorted_pushes(void **state)
{
    struct fixture *f = *state;
    struct lg_position at = lg_position_from_offset(9);
    struct lg_error err = {0};
    LG_SCOPED(lg_buf) out = {0};

    assert_ok(lg_partition_start(f->s.p, &(struct lg_partition_shape){.sorted = false}, &err));
    assert_ok(lg_partition_put(f->s.p, LG_LIT("b"), 1, LG_LIT("v"), &err));
    assert_ok(lg_partition_put(f->s.p, LG_LIT("a"), 1, LG_LIT("v"), &err));
    assert_ok(lg_partition_remove(f->s.p, LG_LIT("b"), &err));
    assert_ok(lg_partition_end(f->s.p, &at, LG_SLICE_NULL, &err));
    restart(f);
    assert_rc(LG_ERR_NOT_FOUND,
              lg_engine_get(lg_partition_engine(f->s.p), LG_LIT("b"), false, &out, &err));
    assert_ok(lg_engine_get(lg_partition_engine(f->s.p), LG_LIT("a"), false, &out, &err));
}

/* What was put lies in a file already: to pass over the delete would serve what is not there. */
static void a_removal_in_a_sorted_push_is_bad_data(void **state)
{
    struct fixture *f = *state;
    struct lg_position at = lg_position_from_offset(9);
    struct lg_error err = {0};

    assert_ok(lg_partition_start(f->s.p, &(struct lg_partition_shape){.sorted = true}, &err));
    assert_ok(lg_partition_put(f->s.p, LG_LIT("a"), 1, LG_LIT("v"), &err));
    assert_rc(LG_ERR_BAD_DATA, lg_partition_remove(f->s.p, LG_LIT("a"), &err));
    assert_non_null(strstr(err.text, "a DELETE in a push that says it is sorted"));
    assert_rc(LG_ERR_IO, lg_partition_sync(f->s.p, &at, LG_SLICE_NULL, &err));
}

/* Each fault point on the way of a push fails it once; opening again and pushing on heals it. */
static void every_fault_point_of_a_push_heals(void **state)
{
    static const enum lg_fault points[] = {
        LG_FAULT_ENGINE_WRITE,   LG_FAULT_ENGINE_INGEST,    LG_FAULT_CHECKPOINT_WRITE,
        LG_FAULT_INGEST_FLUSHED, LG_FAULT_INGEST_SST_MOVED, LG_FAULT_INGEST_DONE,
    };
    struct fixture *f = *state;
    struct lg_error err = {0};

    for (size_t i = 0; i < LG_ARRAY_SIZE(points); i++) {
        lg_fault_arm(points[i], /* skip= */ 0, /* times= */ 1);
        assert_rc(LG_ERR_IO, push_on(f->s.p, true, &err));
        assert_non_null(strstr(err.text, "replica cities_v1/3"));
        lg_fault_disarm_all();
        restart(f);
        assert_ok(push_on(f->s.p, true, &err));
        check_complete(f->s.p);
        lg_partition_close(LG_TAKE(f->s.p));
        assert_ok(lg_partition_destroy(f->s.driver, f->s.checkpoints, "cities_v1", 3, &err));
        restart(f);
    }
}

static void a_replica_has_one_owner(void **state)
{
    struct fixture *f = *state;
    struct lg_partition_options o = {.driver = f->s.driver,
                                     .checkpoints = f->s.checkpoints,
                                     .topic = "cities_v1",
                                     .partition = 3};
    struct lg_partition *second = NULL;
    struct lg_error err = {0};

    assert_rc(LG_ERR_IN_USE, lg_partition_open(&o, &second, &err));
    assert_null(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sorted_push_survives_a_power_cut_anywhere),
        cmocka_unit_test(an_unsorted_push_survives_a_power_cut_anywhere),
        cmocka_unit_test(a_removal_that_stops_half_way_leaves_nothing_that_looks_complete),
        cmocka_unit_test_setup_teardown(a_restart_goes_on_behind_the_checkpoint, up, down),
        cmocka_unit_test_setup_teardown(a_missing_file_means_reading_from_the_beginning, up, down),
        cmocka_unit_test_setup_teardown(content_that_vanished_or_is_damaged_is_read_again, up,
                                        down),
        cmocka_unit_test_setup_teardown(an_empty_push_is_complete_and_empty, up, down),
        cmocka_unit_test_setup_teardown(rows_need_a_start_and_no_end, up, down),
        cmocka_unit_test_setup_teardown(a_second_start_must_agree, up, down),
        cmocka_unit_test_setup_teardown(the_words_of_a_start_survive_a_restart_and_must_be_repeated,
                                        up, down),
        cmocka_unit_test_setup_teardown(sorted_keys_must_ascend, up, down),
        cmocka_unit_test_setup_teardown(removals_count_in_unsorted_pushes, up, down),
        cmocka_unit_test_setup_teardown(a_removal_in_a_sorted_push_is_bad_data, up, down),
        cmocka_unit_test_setup_teardown(every_fault_point_of_a_push_heals, up, down),
        cmocka_unit_test_setup_teardown(a_replica_has_one_owner, up, down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
