/* The disk on the file system: the contract, and what only a real one can do. */
#include "drivers/posix/disk_posix.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lane/disk_contract.h"
#include "lane/fault.h"
#include "test/test.h"

static char root[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/lagoon-disk-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    lg_fault_disarm_all();
    return rmdir(root);
}

static struct lg_disk *open_disk(void)
{
    struct lg_error err = {0};
    struct lg_disk *d = NULL;

    assert_ok(lg_disk_posix_new(root, &d, &err));
    return d;
}

static void the_contract_is_kept(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_disk *d = open_disk();

    assert_ok(lg_disk_contract(d, &err));
    assert_string_equal(lg_disk_posix_root(d), root);
    lg_disk_posix_free(d);
}

static void an_absent_root_is_made_with_its_parents(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_disk *d = NULL, *top = open_disk();
    char deep[100];

    snprintf(deep, sizeof(deep), "%s/a/b", root);
    assert_ok(lg_disk_posix_new(deep, &d, &err));
    assert_ok(lg_disk_write_file(d, "f", LG_LIT("x"), &err));
    lg_disk_posix_free(d);
    assert_ok(lg_disk_remove_tree(top, "a", &err));
    lg_disk_posix_free(top);
}

static void a_file_is_no_root(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_disk *d = NULL, *top = open_disk();
    char path[100];

    assert_ok(lg_disk_write_file(top, "f", LG_LIT("x"), &err));
    snprintf(path, sizeof(path), "%s/f", root);
    assert_rc(LG_ERR_CONFLICT, lg_disk_posix_new(path, &d, &err));
    assert_null(d);
    assert_non_null(strstr(err.text, path));
    assert_ok(lg_disk_remove(top, "f", &err));
    lg_disk_posix_free(top);
}

static void a_folder_is_not_opened_as_a_file(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_disk *d = open_disk();
    struct lg_file *f = NULL;

    assert_ok(lg_disk_make_dirs(d, "a", &err));
    assert_rc(LG_ERR_IO, lg_file_open(d, "a", LG_DISK_READ, &f, &err));
    assert_null(f);
    assert_ok(lg_disk_remove(d, "a", &err));
    lg_disk_posix_free(d);
}

static void a_lock_names_the_process_and_ends_with_it(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_disk *d = open_disk();
    struct lg_file *f = NULL;
    char pid[32], byte = 0;
    int up[2], down[2], status = 0;
    pid_t child;

    assert_int_equal(pipe(up), 0);
    assert_int_equal(pipe(down), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct lg_file *held = NULL;
        bool got = lg_disk_lock(d, "lock", &held, &err) == LG_OK;

        close(down[1]); /* So that the end of the parent ends the wait, too. */
        _exit(!got || write(up[1], "x", 1) != 1 || read(down[0], &byte, 1) < 0);
    }
    assert_int_equal(read(up[0], &byte, 1), 1);
    assert_rc(LG_ERR_IN_USE, lg_disk_lock(d, "lock", &f, &err));
    snprintf(pid, sizeof(pid), "process %ld;", (long)child);
    assert_non_null(strstr(err.text, pid));
    assert_int_equal(write(down[1], "x", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_ok(lg_disk_lock(d, "lock", &f, &err));
    lg_file_close(f);
    assert_ok(lg_disk_remove(d, "lock", &err));
    for (int i = 0; i < 2; i++) {
        close(up[i]);
        close(down[i]);
    }
    lg_disk_posix_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_contract_is_kept, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(an_absent_root_is_made_with_its_parents, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_file_is_no_root, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_folder_is_not_opened_as_a_file, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_lock_names_the_process_and_ends_with_it, make_folder,
                                        remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
