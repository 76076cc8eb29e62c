/* The front of the engine port: every fault point fails the call it stands in, once, and leaves the
 * engine whole. */
#include "test/test.h"

#include "drivers/memkv/engine_memkv.h"
#include "drivers/sim/disk_sim.h"
#include "lane/fault.h"
#include "storage/engine.h"

static void armed_points_fail_their_calls(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_engine_driver *d = lg_memkv_new(disk, "");
    struct lg_engine_options o = {.path = "t/0"};
    struct lg_engine *e = NULL;
    struct lg_sst_writer *w = NULL;
    LG_SCOPED(lg_buf) out = {0};
    LG_SCOPED(lg_disk_names) files = {0};
    struct lg_error err = {0};

    lg_fault_arm(LG_FAULT_ENGINE_OPEN, 0, 1);
    assert_rc(LG_ERR_IO, lg_engine_open(d, &o, &e, &err));
    assert_null(e);
    assert_ok(lg_engine_open(d, &o, &e, &err));
    lg_fault_arm(LG_FAULT_ENGINE_WRITE, 0, 4);
    assert_rc(LG_ERR_IO, lg_engine_put(e, LG_LIT("k"), LG_LIT("v"), &err));
    assert_rc(LG_ERR_IO, lg_engine_remove(e, LG_LIT("k"), &err));
    assert_rc(LG_ERR_IO, lg_engine_flush(e, &err));
    assert_rc(LG_ERR_IO, lg_sst_open(e, "a", &w, &err));
    assert_ok(lg_engine_put(e, LG_LIT("k"), LG_LIT("v"), &err));
    lg_fault_arm(LG_FAULT_ENGINE_READ, 0, 1);
    assert_rc(LG_ERR_IO, lg_engine_get(e, LG_LIT("k"), false, &out, &err));
    assert_int_equal(0, out.size);
    assert_ok(lg_engine_get(e, LG_LIT("k"), false, &out, &err));
    assert_ok(lg_sst_open(e, "a", &w, &err));
    assert_ok(lg_sst_add(w, LG_LIT("k"), LG_LIT("v"), &err));
    lg_fault_arm(LG_FAULT_ENGINE_WRITE, 0, 1);
    assert_rc(LG_ERR_IO, lg_sst_finish(w, &err)); /* The writer is gone, and its file. */
    assert_ok(lg_sst_list(e, &files, &err));
    assert_int_equal(0, files.names.size);
    lg_fault_arm(LG_FAULT_ENGINE_INGEST, 0, 1);
    assert_rc(LG_ERR_IO, lg_engine_ingest(e, NULL, 0, &err));
    lg_fault_disarm_all();
    lg_engine_close(e);
    lg_memkv_free(d);
    lg_disk_sim_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(armed_points_fail_their_calls)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
