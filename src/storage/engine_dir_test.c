/* The folder of an engine: generations replace each other atomically, leftovers go, damage and
 * foreign formats are named. */
#include "test/test.h"

#include "base/str.h"
#include "drivers/sim/disk_sim.h"
#include "storage/engine_dir.h"

static int up(void **state)
{
    *state = lg_disk_sim_new(NULL, 3);
    return 0;
}

static int down(void **state)
{
    lg_disk_sim_free(*state);
    return 0;
}

static struct lg_engine_dir open_dir(struct lg_disk *disk)
{
    struct lg_engine_dir d;
    struct lg_error err = {0};

    assert_ok(lg_engine_dir_open(disk, "t/0", &d, &err));
    return d;
}

static void make_sst(struct lg_engine_dir *d, const char *name)
{
    LG_AUTO_STR char *tmp = NULL;
    struct lg_error err = {0};

    assert_ok(lg_engine_dir_sst_begin(d, name, &tmp, &err));
    assert_ok(lg_disk_write_file(d->disk, tmp, lg_slice_str(name), &err));
    assert_ok(lg_engine_dir_sst_finish(d, name, &err));
}

static void next_generation(struct lg_engine_dir *d, const char *const *names, size_t n)
{
    LG_AUTO_STR char *folder = NULL;
    struct lg_error err = {0};

    assert_ok(lg_engine_dir_prepare(d, &folder, &err));
    assert_ok(lg_engine_dir_commit(d, names, n, &err));
}

static bool exists(struct lg_disk *disk, const char *path)
{
    LG_SCOPED(lg_disk_names) names = {0};
    struct lg_error err = {0};

    return lg_disk_list(disk, path, &names, &err) == LG_OK;
}

static void a_new_folder_has_no_content(void **state)
{
    struct lg_engine_dir d = open_dir(*state);

    assert_int_equal(0, d.generation);
    lg_engine_dir_close(&d);
}

static void only_the_current_generation_stays(void **state)
{
    static const char *const names[] = {"a", "b"};
    struct lg_disk *disk = *state;
    struct lg_engine_dir d = open_dir(disk);
    LG_SCOPED(lg_disk_names) left = {0};
    LG_AUTO_STR char *abandoned = NULL;
    struct lg_error err = {0};

    make_sst(&d, "a");
    make_sst(&d, "b");
    make_sst(&d, "later");
    next_generation(&d, NULL, 0);
    next_generation(&d, names, 2); /* Nobody sweeps: as after a crash. */
    assert_ok(lg_engine_dir_prepare(&d, &abandoned, &err));
    lg_engine_dir_close(&d);

    d = open_dir(disk);
    assert_int_equal(2, d.generation);
    assert_true(exists(disk, "t/0/gen-2"));
    assert_false(exists(disk, "t/0/gen-1"));
    assert_false(exists(disk, "t/0/gen-3"));
    assert_ok(lg_engine_dir_sst_list(&d, &left, &err));
    assert_int_equal(1, left.names.size);
    assert_string_equal("later", left.names.data[0]);
    lg_engine_dir_close(&d);
}

static void taken_files_are_remembered_until_new_ones_come(void **state)
{
    static const char *const names[] = {"a", "b"}, *const other[] = {"b", "a"};
    struct lg_engine_dir d = open_dir(*state);
    struct lg_error err = {0};
    bool done = true;

    make_sst(&d, "a");
    make_sst(&d, "b");
    assert_ok(lg_engine_dir_sst_check(&d, names, 2, &done, &err));
    assert_false(done);
    next_generation(&d, names, 2);
    assert_ok(lg_engine_dir_sweep(&d, &err));
    assert_ok(lg_engine_dir_sst_check(&d, names, 2, &done, &err));
    assert_true(done);
    assert_rc(LG_ERR_NOT_FOUND, lg_engine_dir_sst_check(&d, other, 2, &done, &err));
    make_sst(&d, "a");
    assert_rc(LG_ERR_NOT_FOUND, lg_engine_dir_sst_check(&d, names, 2, &done, &err));
    assert_non_null(strstr(err.text, "SST file b"));
    lg_engine_dir_close(&d);
    d = open_dir(*state); /* The new "a" is not swept as if it were the old one. */
    assert_ok(lg_engine_dir_sst_check(&d, names, 1, &done, &err));
    assert_false(done);
    lg_engine_dir_close(&d);
}

static void a_failed_commit_leaves_the_folder_in_doubt(void **state)
{
    struct lg_disk *disk = *state;
    struct lg_engine_dir d = open_dir(disk);
    LG_AUTO_STR char *folder = NULL;
    LG_AUTO_STR char *second = NULL;
    struct lg_error err = {0};

    assert_ok(lg_engine_dir_prepare(&d, &folder, &err));
    lg_disk_sim_fail_syncs(disk, 1, 1);
    assert_rc(LG_ERR_IO, lg_engine_dir_commit(&d, NULL, 0, &err));
    lg_disk_sim_fail_syncs(disk, 0, 1);
    assert_true(d.in_doubt);
    assert_rc(LG_ERR_IO, lg_engine_dir_prepare(&d, &second, &err));
    assert_non_null(strstr(err.text, "open it again"));
    lg_engine_dir_close(&d);
}

static void every_damaged_byte_of_current_is_named(void **state)
{
    struct lg_disk *disk = *state;
    struct lg_engine_dir d = open_dir(disk);
    LG_SCOPED(lg_buf) good = {0};
    struct lg_error err = {0};

    next_generation(&d, NULL, 0);
    lg_engine_dir_close(&d);
    assert_ok(lg_disk_read_file(disk, "t/0/CURRENT", 1000, &good, &err));
    for (size_t i = 0; i < good.size; i++) {
        enum lg_rc rc;

        good.data[i] ^= 0x10;
        assert_ok(lg_disk_write_file(disk, "t/0/CURRENT", lg_buf_slice(&good), &err));
        rc = lg_engine_dir_open(disk, "t/0", &d, &err);
        good.data[i] ^= 0x10;
        /* A changed version number is another format, whatever the checksum says. */
        assert_true(rc == LG_ERR_CORRUPT || (rc == LG_ERR_CONFLICT && i >= 14 && i <= 15));
        assert_non_null(strstr(err.text, "t/0/CURRENT"));
    }
}

static void the_example_of_the_page_is_what_is_written(void **state)
{
    static const char *const names[] = {"000000.sst"};
    struct lg_disk *disk = *state;
    struct lg_engine_dir d = open_dir(disk);
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};

    make_sst(&d, names[0]);
    next_generation(&d, names, 1);
    lg_engine_dir_close(&d);
    assert_ok(lg_disk_read_file(disk, "t/0/CURRENT", 1000, &text, &err));
    assert_slice_equal(lg_buf_slice(&text),
                       LG_LIT("lagoon engine 1\ngeneration 1\ntaken 000000.sst\ncrc d4a21bc9\n"));
}

static void names_that_leave_the_folder_are_refused(void **state)
{
    static const char *const bad[] = {"", "../a", "a/b", ".", "a.tmp", "a\nb"};
    struct lg_engine_dir d = open_dir(*state);
    struct lg_error err = {0};

    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        LG_AUTO_STR char *tmp = NULL;

        assert_rc(LG_ERR_INVALID, lg_engine_dir_sst_begin(&d, bad[i], &tmp, &err));
    }
    lg_engine_dir_close(&d);
}

static void an_open_folder_is_neither_opened_nor_destroyed(void **state)
{
    struct lg_disk *disk = *state;
    struct lg_engine_dir d = open_dir(disk), second;
    struct lg_error err = {0};

    assert_rc(LG_ERR_IN_USE, lg_engine_dir_open(disk, "t/0", &second, &err));
    assert_rc(LG_ERR_IN_USE, lg_engine_dir_destroy(disk, "t/0", &err));
    lg_engine_dir_close(&d);
    assert_ok(lg_engine_dir_destroy(disk, "t/0", &err));
    assert_ok(lg_engine_dir_destroy(disk, "t/0", &err));
    assert_false(exists(disk, "t/0"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_folder_has_no_content),
        TEST(only_the_current_generation_stays),
        TEST(taken_files_are_remembered_until_new_ones_come),
        TEST(a_failed_commit_leaves_the_folder_in_doubt),
        TEST(every_damaged_byte_of_current_is_named),
        TEST(the_example_of_the_page_is_what_is_written),
        TEST(names_that_leave_the_folder_are_refused),
        TEST(an_open_folder_is_neither_opened_nor_destroyed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
