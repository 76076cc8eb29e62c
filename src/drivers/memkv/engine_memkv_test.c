/* memkv keeps the engine's contract, and its files survive power cuts and show damage. */
#include "test/test.h"

#include "base/str.h"
#include "drivers/memkv/engine_memkv.h"
#include "drivers/sim/disk_sim.h"
#include "storage/engine_contract.h"

static void it_keeps_the_engine_contract(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_engine_driver *d = lg_memkv_new(disk, "data");
    struct lg_error err = {0};

    assert_ok(lg_engine_contract(d, &err));
    lg_memkv_free(d);
    lg_disk_sim_free(disk);
}

static enum lg_rc put_number(struct lg_engine *e, unsigned n, struct lg_error *err)
{
    LG_AUTO_STR char *key = lg_strf("k%u", n);

    return lg_engine_put(e, lg_slice_str(key), lg_slice_str(key), err);
}

static bool holds_number(struct lg_engine *e, unsigned n)
{
    LG_AUTO_STR char *key = lg_strf("k%u", n);
    LG_SCOPED(lg_buf) out = {0};

    return lg_engine_get(e, lg_slice_str(key), true, &out, NULL) == LG_OK;
}

/* The power goes after `k` operations of the disk; what was acknowledged must be there. */
static bool cut_a_logged_engine(uint64_t seed, uint64_t k)
{
    struct lg_disk *disk = lg_disk_sim_new(NULL, seed);
    struct lg_engine_driver *d = lg_memkv_new(disk, "");
    struct lg_engine_options o = {.path = "checkpoints", .wal = true};
    struct lg_engine *e = NULL;
    struct lg_error err = {0};
    unsigned acknowledged = 0;
    bool cut = false;

    lg_disk_sim_cut_after(disk, k, NULL, NULL);
    if (lg_engine_open(d, &o, &e, &err) == LG_OK) {
        for (unsigned n = 0; n < 12 && !cut; n++) {
            cut = put_number(e, n, &err) != LG_OK ||
                  (n % 5 == 4 && lg_engine_flush(e, &err) != LG_OK);
            acknowledged = cut ? acknowledged : n + 1;
        }
    } else {
        cut = true;
    }
    lg_engine_close(e);
    e = NULL;
    lg_disk_sim_crash(disk);
    assert_ok(lg_engine_open(d, &o, &e, &err));
    for (unsigned n = 0; n < acknowledged; n++)
        assert_true(holds_number(e, n));
    assert_false(holds_number(e, 12));
    lg_engine_close(e);
    lg_memkv_free(d);
    lg_disk_sim_free(disk);
    return cut;
}

static void an_acknowledged_put_survives_a_power_cut_anywhere(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        for (uint64_t k = 0; cut_a_logged_engine(seed, k); k++)
            assert_true(k < 5000);
}

static void a_flipped_bit_of_a_snapshot_is_corrupt(void **state)
{
    (void)state;
    for (uint64_t bit = 0; bit < 8 * 60; bit += 7) {
        struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
        struct lg_engine_driver *d = lg_memkv_new(disk, "");
        struct lg_engine_options o = {.path = "t/0"};
        struct lg_engine *e = NULL;
        struct lg_error err = {0};

        assert_ok(lg_engine_open(d, &o, &e, &err));
        for (unsigned n = 0; n < 5; n++)
            assert_ok(put_number(e, n, &err));
        assert_ok(lg_engine_flush(e, &err));
        lg_engine_close(e);
        e = NULL;
        assert_true(lg_disk_sim_flip(disk, "t/0/gen-1/snapshot", bit));
        assert_rc(LG_ERR_CORRUPT, lg_engine_open(d, &o, &e, &err));
        assert_non_null(strstr(err.text, "t/0/gen-1/snapshot"));
        lg_memkv_free(d);
        lg_disk_sim_free(disk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_the_engine_contract),
        cmocka_unit_test(an_acknowledged_put_survives_a_power_cut_anywhere),
        cmocka_unit_test(a_flipped_bit_of_a_snapshot_is_corrupt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
