/* The low watermark goes both ways with a gap, and the reserve makes room once. */
#include "test/test.h"

#include "drivers/sim/disk_sim.h"
#include "lane/disk_space.h"
#include "lane/mutant.h"

#define MIB ((uint64_t)1 << 20)

struct fixture {
    struct lg_disk *disk;
    struct lg_disk_space *space;
};

static void open_space(struct fixture *f)
{
    lg_disk_space_free(f->space);
    f->space = lg_disk_space_new(&(struct lg_disk_space_options){.disk = f->disk,
                                                                 .folder = "/data",
                                                                 .low_bytes = 8 * MIB,
                                                                 .reserve_path = "reserve",
                                                                 .reserve_bytes = 2 * MIB});
}

static int up(void **state)
{
    struct fixture *f = lg_new(struct fixture);

    f->disk = lg_disk_sim_new(NULL, 1);
    lg_disk_sim_set_capacity(f->disk, 32 * MIB);
    open_space(f);
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    lg_disk_space_free(f->space);
    lg_disk_sim_free(f->disk);
    lg_free(f);
    return 0;
}

/* Somebody else's file leaves so much room. */
static void leave(struct fixture *f, uint64_t free_bytes)
{
    LG_AUTO(lg_file) *file = NULL;
    struct lg_error err = {0};
    uint64_t now, size;

    assert_ok(lg_file_open(f->disk, "other", LG_DISK_WRITE | LG_DISK_CREATE, &file, &err));
    assert_ok(lg_disk_free_bytes(f->disk, &now, &err));
    assert_ok(lg_file_size(file, &size, &err));
    assert_ok(lg_file_truncate(file, size + now - free_bytes, &err));
    assert_ok(lg_disk_free_bytes(f->disk, &now, &err));
    assert_int_equal(now, free_bytes);
}

static void low_begins_below_the_watermark_and_ends_a_quarter_above_it(void **state)
{
    struct fixture *f = *state;
    struct lg_error err = {0};

    assert_false(lg_disk_space_is_low(f->space));
    leave(f, 8 * MIB);
    assert_ok(lg_disk_space_check(f->space, &err));
    leave(f, 8 * MIB - 1);
    assert_rc(LG_ERR_NO_SPACE, lg_disk_space_check(f->space, &err));
    assert_non_null(strstr(err.text, "/data has 7 MiB left"));
    assert_non_null(strstr(err.text, "below 8 MiB"));
    assert_int_equal(lg_disk_space_free_bytes(f->space), 8 * MIB - 1);
    leave(f, 10 * MIB - 1);
    assert_true(lg_disk_space_is_low(f->space));
    leave(f, 10 * MIB);
    assert_false(lg_disk_space_is_low(f->space));
    leave(f, 8 * MIB);
    assert_false(lg_disk_space_is_low(f->space));
}

static void the_gap_of_a_high_watermark_is_bounded(void **state)
{
    struct fixture *f = *state;

    lg_disk_space_free(f->space);
    f->space = lg_disk_space_new(&(struct lg_disk_space_options){
        .disk = f->disk, .folder = "/data", .low_bytes = 4096 * MIB});
    lg_disk_sim_set_capacity(f->disk, 4000 * MIB);
    assert_true(lg_disk_space_is_low(f->space));
    lg_disk_sim_set_capacity(f->disk, 4351 * MIB);
    assert_true(lg_disk_space_is_low(f->space));
    lg_disk_sim_set_capacity(f->disk, 4352 * MIB);
    assert_false(lg_disk_space_is_low(f->space));
}

static void without_a_guard_nothing_is_low(void **state)
{
    struct lg_error err = {0};

    (void)state;
    assert_false(lg_disk_space_is_low(NULL));
    assert_ok(lg_disk_space_check(NULL, &err));
    assert_false(lg_disk_space_release(NULL));
    lg_disk_space_tend(NULL);
}

static void a_reserve_is_made_when_there_is_room_and_makes_room_once(void **state)
{
    struct fixture *f = *state;
    struct lg_error err = {0};
    uint64_t free_bytes;

    assert_false(lg_disk_space_release(f->space)); /* There is none yet. */
    leave(f, 11 * MIB);
    lg_disk_space_tend(f->space); /* Afterwards it would be low. */
    assert_false(lg_disk_space_release(f->space));
    leave(f, 12 * MIB);
    lg_disk_space_tend(f->space);
    lg_disk_space_tend(f->space); /* It is there already. */
    assert_ok(lg_disk_free_bytes(f->disk, &free_bytes, &err));
    assert_int_equal(free_bytes, 10 * MIB);
    leave(f, 0);
    assert_true(lg_disk_space_release(f->space));
    assert_ok(lg_disk_free_bytes(f->disk, &free_bytes, &err));
    assert_int_equal(free_bytes, 2 * MIB);
    assert_false(lg_disk_space_release(f->space));
    lg_disk_space_tend(f->space); /* Low: not now. */
    assert_false(lg_disk_space_release(f->space));
}

static void a_reserve_outlives_its_process_and_gives_a_start_on_a_full_disk_room(void **state)
{
    struct fixture *f = *state;
    struct lg_error err = {0};
    uint64_t free_bytes;

    lg_disk_space_tend(f->space);
    open_space(f);
    assert_ok(lg_disk_free_bytes(f->disk, &free_bytes, &err));
    assert_int_equal(free_bytes, 30 * MIB);
    leave(f, 100);
    open_space(f);
    assert_ok(lg_disk_free_bytes(f->disk, &free_bytes, &err));
    assert_int_equal(free_bytes, 2 * MIB + 100);
    assert_false(lg_disk_space_release(f->space));
}

static void a_planted_bug_ignores_the_watermark(void **state)
{
    struct fixture *f = *state;

    leave(f, 1);
    lg_mutant_set(LG_MUTANT_disk_watermark_ignored);
    assert_false(lg_disk_space_is_low(f->space));
    lg_mutant_set(LG_MUTANT_NONE);
    assert_true(lg_disk_space_is_low(f->space));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(low_begins_below_the_watermark_and_ends_a_quarter_above_it),
        TEST(the_gap_of_a_high_watermark_is_bounded),
        TEST(without_a_guard_nothing_is_low),
        TEST(a_reserve_is_made_when_there_is_room_and_makes_room_once),
        TEST(a_reserve_outlives_its_process_and_gives_a_start_on_a_full_disk_room),
        TEST(a_planted_bug_ignores_the_watermark),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
