/* The limit is the least of what the machine and the control groups say. */
#include "drivers/posix/memory_posix.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "drivers/posix/disk_posix.h"
#include "lane/disk.h"
#include "test/test.h"

#define MIB ((uint64_t)1 << 20)

struct world {
    char root[64];
    struct lg_disk *disk;
};

static struct world *world_new(void)
{
    struct world *w = lg_new(struct world);
    struct lg_error err = {0};

    (void)snprintf(w->root, sizeof w->root, "/tmp/lagoon-test-XXXXXX");
    assert_non_null(mkdtemp(w->root));
    assert_ok(lg_disk_posix_new(w->root, &w->disk, &err));
    return w;
}

static void world_free(struct world *w)
{
    static const char *const folders[] = {"proc", "sys"};
    struct lg_error err = {0};

    for (size_t i = 0; i < 2; i++)
        assert_ok(lg_disk_remove_tree(w->disk, folders[i], &err));
    lg_disk_posix_free(w->disk);
    assert_int_equal(rmdir(w->root), 0);
    lg_free(w);
}

static void put(struct world *w, const char *folder, const char *name, const char *content)
{
    LG_AUTO_STR char *path = lg_strf("%s/%s", folder, name);
    struct lg_error err = {0};

    assert_ok(lg_disk_make_dirs(w->disk, folder, &err));
    assert_ok(lg_disk_write_file(w->disk, path, lg_slice_str(content), &err));
}

static void a_machine_without_groups_gives_its_memory(void **state)
{
    struct world *w = world_new();

    (void)state;
    assert_int_equal(lg_memory_limit_bytes_below(w->root), 0);
    put(w, "proc", "meminfo", "MemTotal:       4096 kB\nMemFree: 1 kB\n");
    assert_int_equal(lg_memory_limit_bytes_below(w->root), 4 * MIB);
    world_free(w);
}

static void the_least_of_all_groups_above_counts(void **state)
{
    struct world *w = world_new();

    (void)state;
    put(w, "proc", "meminfo", "MemTotal:       4096 kB\n");
    put(w, "proc/self", "cgroup", "0::/a/b\n");
    put(w, "sys/fs/cgroup/a/b", "memory.max", "max\n");
    assert_int_equal(lg_memory_limit_bytes_below(w->root), 4 * MIB);
    put(w, "sys/fs/cgroup/a", "memory.max", "2097152\n");
    assert_int_equal(lg_memory_limit_bytes_below(w->root), 2 * MIB);
    put(w, "sys/fs/cgroup/a/b", "memory.max", "3145728\n");
    assert_int_equal(lg_memory_limit_bytes_below(w->root), 2 * MIB);
    put(w, "sys/fs/cgroup", "memory.max", "1048576\n"); /* as a container sees its own */
    assert_int_equal(lg_memory_limit_bytes_below(w->root), MIB);
    world_free(w);
}

static void groups_of_version_1_count_too(void **state)
{
    struct world *w = world_new();

    (void)state;
    put(w, "proc", "meminfo", "MemTotal:       4096 kB\n");
    put(w, "proc/self", "cgroup", "5:cpu:/\n4:memory:/\n");
    put(w, "sys/fs/cgroup/memory", "memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(lg_memory_limit_bytes_below(w->root), 4 * MIB);
    put(w, "sys/fs/cgroup/memory", "memory.limit_in_bytes", "1048576\n");
    assert_int_equal(lg_memory_limit_bytes_below(w->root), MIB);
    world_free(w);
}

static void this_machine_has_memory(void **state)
{
    (void)state;
    assert_true(lg_memory_limit_bytes() > MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_without_groups_gives_its_memory),
        cmocka_unit_test(the_least_of_all_groups_above_counts),
        cmocka_unit_test(groups_of_version_1_count_too),
        cmocka_unit_test(this_machine_has_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
