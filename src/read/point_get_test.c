/* Point gets: cold keys leave the lane, warm ones do not, and each outcome has its code. */
#include "test/test.h"

#include "drivers/sim/lane_sim.h"
#include "lane/fault.h"
#include "read/point_get.h"
#include "test/lib/cold_replica.h"

struct fixture {
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_cold_replica *cold;
};

static int up(void **state)
{
    struct fixture *f = lg_new(struct fixture);

    f->sim = lg_sim_new(1);
    f->lane = lg_sim_lane_new(f->sim, NULL, "data");
    f->cold = lg_cold_replica_new(f->lane);
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    lg_fault_disarm_all();
    lg_cold_replica_free(f->cold);
    lg_sim_free(f->sim);
    lg_free(f);
    return 0;
}

static unsigned dones;

static void done(struct lg_point_get *get)
{
    (void)get;
    dones++;
}

static void get_through_the_lane(struct fixture *f, struct lg_point_get *get)
{
    get->lane = f->lane;
    get->done = done;
    dones = 0;
    lg_point_get_submit(get);
    assert_int_equal(0, dones); /* Never from inside. */
    lg_sim_run_us(f->sim, LG_SEC);
    assert_int_equal(1, dones);
}

static void a_cold_key_would_block_and_then_is_warm(void **state)
{
    struct fixture *f = *state;
    struct lg_point_get get = {.replica = &f->cold->replica, .key = LG_LIT("key00042")};
    struct lg_value value = {0};
    struct lg_error err = {0};

    assert_rc(LG_ERR_WOULD_BLOCK,
              lg_point_get_try(&f->cold->replica, LG_LIT("key00042"), &value, &err));
    assert_int_equal(0, value.payload.size);
    get_through_the_lane(f, &get);
    assert_rc(LG_OK, get.rc);
    assert_int_equal(3, get.value.schema_id);
    assert_slice_equal(lg_buf_slice(&get.value.payload), LG_LIT("value of row 42"));
    lg_buf_done(&get.value.payload);

    lg_buf_append_str(&value.payload, "before ");
    assert_ok(lg_point_get_try(&f->cold->replica, LG_LIT("key00042"), &value, &err));
    assert_slice_equal(lg_buf_slice(&value.payload), LG_LIT("before value of row 42"));
    lg_buf_done(&value.payload);
}

static void a_warm_key_is_answered_through_the_lane_too(void **state)
{
    struct fixture *f = *state;
    struct lg_point_get get = {.replica = &f->cold->replica, .key = LG_LIT("key00042")};

    get_through_the_lane(f, &get);
    lg_buf_clear(&get.value.payload);
    get_through_the_lane(f, &get);
    assert_rc(LG_OK, get.rc);
    assert_slice_equal(lg_buf_slice(&get.value.payload), LG_LIT("value of row 42"));
    lg_buf_done(&get.value.payload);
}

static void an_absent_key_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct lg_point_get get = {.replica = &f->cold->replica, .key = LG_LIT("nowhere")};

    get_through_the_lane(f, &get);
    assert_rc(LG_ERR_NOT_FOUND, get.rc);
    assert_int_equal(0, get.value.payload.size);
}

static void without_a_replica_it_is_not_ready(void **state)
{
    struct fixture *f = *state;
    struct lg_point_get get = {.key = LG_LIT("key00042")};

    get_through_the_lane(f, &get);
    assert_rc(LG_ERR_UNREADY, get.rc);
}

static void a_value_without_a_schema_id_is_corrupt(void **state)
{
    struct fixture *f = *state;
    struct lg_point_get get = {.replica = &f->cold->replica, .key = LG_LIT("short")};

    get_through_the_lane(f, &get);
    assert_rc(LG_ERR_CORRUPT, get.rc);
    assert_string_equal(get.err.text, "replica t_v1/0: a value without a schema id");
    assert_int_equal(0, get.value.payload.size);
    lg_buf_done(&get.value.payload);
}

static void a_disk_that_fails_is_said(void **state)
{
    struct fixture *f = *state;
    struct lg_point_get get = {.replica = &f->cold->replica, .key = LG_LIT("key00042")};

    lg_fault_arm(LG_FAULT_ENGINE_READ, /* skip= */ 1, /* times= */ 1); /* The one in the pool. */
    get_through_the_lane(f, &get);
    assert_rc(LG_ERR_IO, get.rc);
}

static unsigned drains;

static void drained(struct lg_replica *r)
{
    (void)r;
    drains++;
}

static void a_read_in_the_pool_holds_the_replica(void **state)
{
    struct fixture *f = *state;
    struct lg_point_get get = {
        .lane = f->lane, .replica = &f->cold->replica, .key = LG_LIT("key00077"), .done = done};

    dones = drains = 0;
    lg_point_get_submit(&get);
    lg_replica_retire(&f->cold->replica, drained);
    while (dones == 0) {
        assert_int_equal(0, drains);
        assert_true(lg_sim_step(f->sim));
    }
    lg_sim_run_us(f->sim, LG_SEC);
    assert_int_equal(1, drains);
    assert_rc(LG_OK, get.rc);
    lg_buf_done(&get.value.payload);
}

/* The second of two finds no room, and is told so like every other answer. */
static void what_finds_no_room_to_wait_is_refused(void **state)
{
    struct fixture *f = *state;
    struct lg_cold_queue *queue = lg_cold_queue_new(&(struct lg_cold_queue_options){.keys_max = 1});
    struct lg_point_get gets[2];

    dones = 0;
    for (unsigned i = 0; i < 2; i++) {
        gets[i] = (struct lg_point_get){.lane = f->lane,
                                        .replica = &f->cold->replica,
                                        .key = LG_LIT("key00042"),
                                        .queue = queue,
                                        .done = done};
        lg_point_get_submit(&gets[i]);
        assert_int_equal(dones, 0);
    }
    lg_sim_run_us(f->sim, LG_SEC);
    assert_int_equal(dones, 2);
    assert_int_equal(gets[0].rc, LG_OK);
    assert_int_equal(gets[1].rc, LG_ERR_OVERLOADED);
    assert_true(gets[1].wait.is_late);
    assert_non_null(strstr(gets[1].err.text, "ask another server"));
    lg_cold_queue_unref(queue);
    lg_buf_done(&gets[0].value.payload);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_cold_key_would_block_and_then_is_warm),
        TEST(a_warm_key_is_answered_through_the_lane_too),
        TEST(an_absent_key_is_not_found),
        TEST(without_a_replica_it_is_not_ready),
        TEST(a_value_without_a_schema_id_is_corrupt),
        TEST(a_disk_that_fails_is_said),
        TEST(a_read_in_the_pool_holds_the_replica),
        TEST(what_finds_no_room_to_wait_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
