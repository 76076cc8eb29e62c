/* What the controller decides by itself about pushes. */
#include "lane/fault.h"
#include "test/lib/controller_world.h"
#include "test/test.h"

static void a_failed_push_tells_why_and_goes_away(void **state)
{
    struct lg_cw *w = lg_cw_start(15);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_cw_report(w, "cities_v1", 1, "ERROR", "the disk is full");
    lg_sim_run_us(w->sim, LG_SEC);
    assert_string_equal(lg_cw_job(w, 1), "ERROR");
    assert_string_equal(lg_cw_text(w, "statusDetails"), "partition 0 on srv1_88: the disk is full");
    assert_int_equal(lg_cw_post(w, "/end_of_push", "store_name=cities&version=1"), 409);
    assert_string_equal(lg_cw_text(w, "error"),
                        "version 1 of store 'cities' is ERROR (partition 0 on srv1_88: the disk is "
                        "full); push again");
    assert_int_equal(lg_cw_request(w, "p2", 0), 200);
    assert_int_equal(lg_cw_version(w), 2);
    lg_sim_run_us(w->sim, 30 * LG_SEC); /* Who pushed has time to ask why. */
    assert_string_equal(lg_cw_job(w, 1), "ERROR");
    lg_sim_run_us(w->sim, 60 * LG_SEC);
    assert_string_equal(lg_cw_job(w, 1), "ARCHIVED");
    assert_null(lg_cw_topic("cities_v1"));
    lg_cw_free(w);
}

static void a_swap_that_fails_is_tried_again(void **state)
{
    struct lg_cw *w = lg_cw_start(21);

    (void)state;
    lg_cw_store_up(w);
    lg_fault_arm(LG_FAULT_SWAP_DECIDED, 0, 2);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    lg_cw_end(w, 1);
    lg_cw_report(w, "cities_v1", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC / 4);
    assert_string_equal(lg_cw_job(w, 1), "END_OF_PUSH_RECEIVED");
    lg_sim_run_us(w->sim, 3 * LG_SEC);
    assert_string_equal(lg_cw_job(w, 1), "COMPLETED");
    assert_int_equal(lg_cw_current(w), 1);
    lg_cw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_push_tells_why_and_goes_away),
        cmocka_unit_test(a_swap_that_fails_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
