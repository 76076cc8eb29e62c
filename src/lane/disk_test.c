/* What all disks share, over the simulated one: fault points, and helpers when an operation fails.
 * What they do when all goes well is the contract (disk_contract.c). */
#include "lane/disk.h"

#include "base/str.h"
#include "drivers/sim/disk_sim.h"
#include "lane/fault.h"
#include "test/test.h"

static struct lg_disk *disk;
static struct lg_error err;

static int set_up(void **state)
{
    (void)state;
    disk = lg_disk_sim_new(NULL, 1);
    err = (struct lg_error){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_fault_disarm_all();
    lg_disk_sim_free(disk);
    return 0;
}

static void every_operation_fails_at_its_fault_point(void **state)
{
    (void)state;
    struct lg_file *f = NULL, *g = NULL;
    uint8_t byte;
    size_t n = 5;

    assert_ok(lg_file_open(disk, "f", LG_DISK_WRITE | LG_DISK_CREATE, &f, &err));
    lg_fault_arm(LG_FAULT_DISK_OPEN, 0, 1);
    assert_rc(LG_ERR_IO, lg_file_open(disk, "f", LG_DISK_READ, &g, &err));
    assert_string_equal(err.text, "cannot open f: injected fault DISK_OPEN");
    lg_fault_arm(LG_FAULT_DISK_READ, 0, 1);
    assert_rc(LG_ERR_IO, lg_file_read(f, 0, &byte, 1, &n, &err));
    assert_int_equal(n, 5);
    lg_fault_arm(LG_FAULT_DISK_WRITE, 0, 2);
    assert_rc(LG_ERR_IO, lg_file_write(f, 0, "x", 1, &err));
    assert_rc(LG_ERR_IO, lg_file_truncate(f, 0, &err));
    lg_fault_arm(LG_FAULT_DISK_SYNC, 0, 2);
    assert_rc(LG_ERR_IO, lg_file_sync(f, &err));
    assert_rc(LG_ERR_IO, lg_disk_sync_dir(disk, "", &err));
    lg_fault_arm(LG_FAULT_DISK_RENAME, 0, 1);
    assert_rc(LG_ERR_IO, lg_disk_rename(disk, "f", "g", &err));
    assert_string_equal(err.text, "cannot rename f to g: injected fault DISK_RENAME");
    lg_file_close(f);
    lg_file_close(NULL);
}

static void a_failed_replacement_leaves_the_old_file_and_no_other(void **state)
{
    (void)state;
    static const enum lg_fault faults[] = {LG_FAULT_DISK_OPEN, LG_FAULT_DISK_WRITE,
                                           LG_FAULT_DISK_SYNC, LG_FAULT_DISK_RENAME};

    assert_ok(lg_disk_make_dirs(disk, "d", &err));
    assert_ok(lg_disk_write_file(disk, "d/f", LG_LIT("old"), &err));
    for (unsigned i = 0; i < LG_ARRAY_SIZE(faults); i++) {
        LG_SCOPED(lg_disk_names) names = {0};
        LG_SCOPED(lg_buf) content = {0};

        lg_fault_arm(faults[i], 0, 1);
        assert_rc(LG_ERR_IO, lg_disk_write_file(disk, "d/f", LG_LIT("new"), &err));
        assert_ok(lg_disk_read_file(disk, "d/f", 10, &content, &err));
        assert_slice_equal(lg_buf_slice(&content), LG_LIT("old"));
        assert_ok(lg_disk_list(disk, "d", &names, &err));
        assert_int_equal(names.names.size, 1);
    }
}

static void a_replaced_file_survives_a_crash(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) content = {0};

    assert_ok(lg_disk_make_dirs(disk, "a/b", &err));
    assert_ok(lg_disk_write_file(disk, "a/b/f", LG_LIT("kept"), &err));
    lg_disk_sim_crash(disk);
    assert_ok(lg_disk_read_file(disk, "a/b/f", 10, &content, &err));
    assert_slice_equal(lg_buf_slice(&content), LG_LIT("kept"));
}

static void a_reader_with_a_lower_ceiling_is_told(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) content = lg_buf_with_ceiling(3);

    assert_ok(lg_disk_write_file(disk, "f", LG_LIT("four"), &err));
    assert_rc(LG_ERR_TOO_LARGE, lg_disk_read_file(disk, "f", 10, &content, &err));
}

static void a_tree_deeper_than_the_bound_is_refused(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) path = {0};

    for (unsigned i = 0; i < 40; i++)
        lg_buf_append_str(&path, i == 0 ? "d" : "/d");
    LG_AUTO_STR char *text = lg_buf_take_str(&path);

    assert_ok(lg_disk_make_dirs(disk, text, &err));
    assert_rc(LG_ERR_TOO_LARGE, lg_disk_remove_tree(disk, "d", &err));
}

static void a_path_over_the_bound_is_refused(void **state)
{
    (void)state;
    char path[5000];

    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_rc(LG_ERR_TOO_LARGE, lg_disk_make_dirs(disk, path, &err));
}

static void failures_of_helpers_are_passed_on(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) content = {0};

    assert_ok(lg_disk_make_dirs(disk, "d", &err));
    assert_ok(lg_disk_write_file(disk, "d/f", LG_LIT("x"), &err));
    lg_fault_arm(LG_FAULT_DISK_SYNC, 0, 1);
    assert_rc(LG_ERR_IO, lg_disk_make_dirs(disk, "e", &err));
    lg_fault_arm(LG_FAULT_DISK_READ, 0, 1);
    assert_rc(LG_ERR_IO, lg_disk_read_file(disk, "d/f", 10, &content, &err));
    assert_int_equal(content.size, 0);
    lg_disk_sim_cut_after(disk, 0, NULL, NULL);
    assert_rc(LG_ERR_IO, lg_disk_remove_tree(disk, "d", &err));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_operation_fails_at_its_fault_point),
        T(a_failed_replacement_leaves_the_old_file_and_no_other),
        T(a_replaced_file_survives_a_crash),
        T(a_reader_with_a_lower_ceiling_is_told),
        T(a_tree_deeper_than_the_bound_is_refused),
        T(a_path_over_the_bound_is_refused),
        T(failures_of_helpers_are_passed_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
