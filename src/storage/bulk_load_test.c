/* Bulk loads: files roll at a size, keep what a checkpoint counts, drop the rest, refuse disorder.
 */
#include "test/test.h"

#include <stdio.h>

#include "drivers/memkv/engine_memkv.h"
#include "drivers/sim/disk_sim.h"
#include "storage/bulk_load.h"

struct fixture {
    struct lg_disk *disk;
    struct lg_engine_driver *driver;
    struct lg_engine *engine;
};

static int up(void **state)
{
    struct fixture *f = lg_new(struct fixture);
    struct lg_engine_options o = {.path = "t/0"};
    struct lg_error err = {0};

    f->disk = lg_disk_sim_new(NULL, 1);
    f->driver = lg_memkv_new(f->disk, "");
    assert_ok(lg_engine_open(f->driver, &o, &f->engine, &err));
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    lg_engine_close(f->engine);
    lg_memkv_free(f->driver);
    lg_disk_sim_free(f->disk);
    lg_free(f);
    return 0;
}

static struct lg_bulk_load *open_load(struct fixture *f, uint32_t files)
{
    struct lg_bulk_load_options o = {.engine = f->engine, .files = files, .file_bytes = 100};
    struct lg_bulk_load *b = NULL;
    struct lg_error err = {0};

    assert_ok(lg_bulk_load_open(&o, &b, &err));
    return b;
}

static enum lg_rc add(struct lg_bulk_load *b, unsigned n, struct lg_error *err)
{
    char key[16];

    snprintf(key, sizeof(key), "key%03u", n);
    return lg_bulk_load_add(b, lg_slice_str(key), LG_LIT("0123456789"), err);
}

static void add_rows(struct lg_bulk_load *b, unsigned first, unsigned last)
{
    struct lg_error err = {0};

    for (unsigned n = first; n < last; n++)
        assert_ok(add(b, n, &err));
}

static size_t count_files(struct fixture *f)
{
    LG_SCOPED(lg_disk_names) names = {0};
    struct lg_error err = {0};

    assert_ok(lg_sst_list(f->engine, &names, &err));
    return names.names.size;
}

static bool holds(struct fixture *f, const char *key)
{
    LG_SCOPED(lg_buf) out = {0};

    return lg_engine_get(f->engine, lg_slice_str(key), true, &out, NULL) == LG_OK;
}

static void files_roll_and_are_taken_in_together(void **state)
{
    struct fixture *f = *state;
    LG_AUTO(lg_bulk_load) *b = open_load(f, 0);
    struct lg_error err = {0};

    add_rows(b, 0, 20); /* 16 bytes each: a file after every seventh. */
    assert_int_equal(2, lg_bulk_load_files(b));
    assert_false(holds(f, "key000"));
    assert_ok(lg_bulk_load_ingest(b, &err));
    assert_true(holds(f, "key000"));
    assert_true(holds(f, "key019"));
    assert_int_equal(0, count_files(f));
}

static void a_flush_without_rows_makes_no_file(void **state)
{
    struct fixture *f = *state;
    LG_AUTO(lg_bulk_load) *b = open_load(f, 0);
    struct lg_error err = {0};

    assert_ok(lg_bulk_load_flush(b, &err));
    assert_int_equal(0, lg_bulk_load_files(b));
    assert_ok(lg_bulk_load_ingest(b, &err));
}

static void a_restart_keeps_counted_files_and_drops_newer_ones(void **state)
{
    struct fixture *f = *state;
    struct lg_bulk_load *b = open_load(f, 0);
    struct lg_error err = {0};

    add_rows(b, 0, 14);
    assert_int_equal(2, lg_bulk_load_files(b));
    lg_bulk_load_close(b);
    b = open_load(f, 1); /* The checkpoint counts one: the second file's rows come again. */
    assert_int_equal(1, count_files(f));
    add_rows(b, 7, 9);
    assert_ok(lg_bulk_load_ingest(b, &err));
    lg_bulk_load_close(b);
    assert_true(holds(f, "key008"));
    assert_false(holds(f, "key010"));
}

static void a_missing_file_is_named_and_nothing_is_removed(void **state)
{
    struct fixture *f = *state;
    struct lg_bulk_load *b = open_load(f, 0);
    struct lg_bulk_load_options o = {.engine = f->engine, .files = 3};
    struct lg_error err = {0};

    add_rows(b, 0, 14);
    lg_bulk_load_close(b);
    b = NULL;
    assert_rc(LG_ERR_NOT_FOUND, lg_bulk_load_open(&o, &b, &err));
    assert_null(b);
    assert_non_null(strstr(err.text, "000002.sst"));
    assert_int_equal(2, count_files(f));
}

static void keys_must_ascend_also_over_the_border_of_files(void **state)
{
    struct fixture *f = *state;
    LG_AUTO(lg_bulk_load) *b = open_load(f, 0);
    struct lg_error err = {0};

    add_rows(b, 0, 7);
    assert_int_equal(1, lg_bulk_load_files(b));
    assert_rc(LG_ERR_BAD_DATA, add(b, 6, &err));
    assert_rc(LG_ERR_BAD_DATA, add(b, 3, &err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_roll_and_are_taken_in_together),
        TEST(a_flush_without_rows_makes_no_file),
        TEST(a_restart_keeps_counted_files_and_drops_newer_ones),
        TEST(a_missing_file_is_named_and_nothing_is_removed),
        TEST(keys_must_ascend_also_over_the_border_of_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
