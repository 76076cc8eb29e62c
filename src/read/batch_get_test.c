/* Batch gets: one hop for all cold keys, none when everything is warm, an outcome per key. */
#include "test/test.h"

#include "base/str.h"
#include "drivers/sim/lane_sim.h"
#include "read/batch_get.h"
#include "test/lib/cold_replica.h"

#define KEYS 600 /* More than are read on the lane. */

struct fixture {
    struct lg_sim *sim;
    struct lg_cold_replica *cold;
    struct lg_batch_get get;
    struct lg_batch_get_key keys[KEYS];
    char *names[KEYS];
    unsigned dones;
};

static void done(struct lg_batch_get *get)
{
    LG_CONTAINER_OF(get, struct fixture, get)->dones++;
}

static int up(void **state)
{
    struct fixture *f = lg_new(struct fixture);

    f->sim = lg_sim_new(1);
    f->get.lane = lg_sim_lane_new(f->sim, NULL, "data");
    f->cold = lg_cold_replica_new(f->get.lane);
    f->get.keys = f->keys;
    f->get.done = done;
    *state = f;
    return 0;
}

static void clear_values(struct fixture *f)
{
    for (size_t i = 0; i < KEYS; i++)
        lg_buf_done(&f->keys[i].value.payload);
}

static int down(void **state)
{
    struct fixture *f = *state;

    clear_values(f);
    for (size_t i = 0; i < KEYS; i++)
        lg_free(f->names[i]);
    lg_cold_replica_free(f->cold);
    lg_sim_free(f->sim);
    lg_free(f);
    return 0;
}

/* Every seventh key has no replica. */
static void place(struct fixture *f)
{
    for (size_t i = 0; i < f->get.n; i++)
        f->keys[i].replica = i % 7 == 6 ? NULL : &f->cold->replica;
}

/* Every third key is absent. */
static void ask(struct fixture *f, size_t n)
{
    f->get.n = n;
    place(f);
    for (size_t i = 0; i < n; i++) {
        f->names[i] = lg_strf("%s%05zu", i % 3 == 2 ? "absent" : "key", i);
        f->keys[i].key = lg_slice_str(f->names[i]);
    }
}

static void check(struct fixture *f)
{
    for (size_t i = 0; i < f->get.n; i++) {
        LG_AUTO_STR char *want = lg_strf("value of row %zu", i);
        struct lg_batch_get_key *k = &f->keys[i];

        assert_rc(i % 7 == 6 ? LG_ERR_UNREADY : i % 3 == 2 ? LG_ERR_NOT_FOUND : LG_OK, k->rc);
        if (k->rc != LG_OK)
            continue;
        assert_int_equal(3, k->value.schema_id);
        assert_slice_equal(lg_buf_slice(&k->value.payload), lg_slice_str(want));
    }
}

static void run(struct fixture *f)
{
    f->dones = 0;
    place(f);
    if (!lg_batch_get_try(&f->get)) {
        lg_batch_get_submit(&f->get);
        assert_int_equal(0, f->dones); /* Never from inside. */
        lg_sim_run_us(f->sim, LG_SEC);
        assert_int_equal(1, f->dones);
        for (size_t i = 0; i < f->get.n; i++)
            assert_null(f->keys[i].replica); /* Nobody looks at what may be gone. */
    }
}

static void cold_keys_take_one_hop_and_warm_ones_none(void **state)
{
    struct fixture *f = *state;

    ask(f, 100);
    assert_false(lg_batch_get_try(&f->get));
    assert_true(f->get.cold > 1);
    run(f);
    check(f);
    clear_values(f);
    place(f);
    assert_true(lg_batch_get_try(&f->get));
    check(f);
}

/* Cold and warm alike: what fits is answered, the rest is refused and holds no memory. */
static void more_bytes_than_allowed_are_refused_by_name(void **state)
{
    struct fixture *f = *state;

    ask(f, 100);
    for (int warm = 0; warm < 2; warm++) {
        size_t bytes = 0, refused = 0;

        f->get.bytes_max = 300; /* of about 100 * 2 / 3 * 15 */
        run(f);
        for (size_t i = 0; i < 100; i++) {
            struct lg_batch_get_key *k = &f->keys[i];

            bytes += k->value.payload.size;
            if (k->rc != LG_ERR_TOO_LARGE)
                continue;
            refused++;
            assert_non_null(strstr(k->err.text, "over 300 bytes together"));
            assert_int_equal(0, k->value.payload.size);
        }
        assert_in_range(bytes, 200, 300);
        assert_in_range(refused, 1, 100);
        clear_values(f);
        f->get.bytes_max = 0;
        run(f);
        check(f);
        clear_values(f);
    }
}

static void bytes_that_the_caller_has_already_count_too(void **state)
{
    struct fixture *f = *state;

    f->get.bytes_max = 300;
    f->get.bytes_before = 300 - strlen("value of row 0");
    ask(f, 2);
    run(f);
    assert_rc(LG_OK, f->keys[0].rc);
    assert_rc(LG_ERR_TOO_LARGE, f->keys[1].rc);
    f->get.bytes_before++;
    clear_values(f);
    run(f);
    assert_rc(LG_ERR_TOO_LARGE, f->keys[0].rc);
}

/* How many keys were left; the others have their outcomes. */
static size_t left(struct fixture *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->get.n; i++)
        n += f->keys[i].rc == LG_ERR_WOULD_BLOCK;
    return n;
}

/* Cold and warm alike: at least one value comes each time, and together they are all. */
static void what_is_enough_for_now_is_read_and_the_rest_is_left(void **state)
{
    struct fixture *f = *state;

    ask(f, 100);
    f->get.bytes_enough = 300;
    for (int warm = 0; warm < 2; warm++) {
        size_t bytes = 0, before;

        run(f);
        before = left(f);
        assert_in_range(before, 1, 99);
        for (size_t i = 0; i < 100; i++)
            bytes += f->keys[i].value.payload.size;
        assert_in_range(bytes, 300, 320); /* The last one may pass it. */
        clear_values(f);
    }
    f->get.bytes_enough = 0;
    run(f);
    check(f);
}

static void what_is_cancelled_is_not_read(void **state)
{
    struct fixture *f = *state;

    ask(f, 100);
    assert_false(lg_batch_get_try(&f->get));
    f->dones = 0;
    lg_batch_get_submit(&f->get);
    lg_batch_get_cancel(&f->get);
    lg_sim_run_us(f->sim, LG_SEC);
    assert_int_equal(f->dones, 1);
    assert_int_equal(left(f), f->get.cold);
    clear_values(f);
    run(f); /* It may be asked again. */
    check(f);
}

static void a_large_batch_does_not_stay_on_the_lane(void **state)
{
    struct fixture *f = *state;

    ask(f, KEYS);
    run(f);
    check(f);
    clear_values(f);
    place(f);
    assert_false(lg_batch_get_try(&f->get)); /* Warm, but too many. */
    assert_int_equal(LG_ERR_WOULD_BLOCK, f->keys[LG_BATCH_GET_INLINE_MAX].rc);
    lg_batch_get_submit(&f->get);
    lg_sim_run_us(f->sim, LG_SEC);
    check(f);
}

static void an_empty_batch_is_answered(void **state)
{
    struct fixture *f = *state;

    ask(f, 0);
    assert_true(lg_batch_get_try(&f->get));
}

static void references_are_given_back(void **state)
{
    struct fixture *f = *state;

    ask(f, KEYS);
    run(f);
    assert_int_equal(1, f->cold->replica.refs);
}

/* `done` comes as ever, and the keys say that they were left. */
static void what_finds_no_room_to_wait_is_not_read(void **state)
{
    struct fixture *f = *state;
    struct lg_cold_queue *queue = lg_cold_queue_new(&(struct lg_cold_queue_options){.keys_max = 1});

    f->get.queue = queue;
    ask(f, 12);
    run(f);
    assert_true(f->get.wait.is_late);
    assert_int_equal(f->keys[0].rc, LG_ERR_WOULD_BLOCK);
    f->get.queue = NULL;
    run(f);
    assert_false(f->get.wait.is_late);
    check(f);
    lg_cold_queue_unref(queue);
}

/* The first key is on disk, all others are in memory. */
static size_t cold_behind_one(struct fixture *f, struct lg_cold_queue *queue, bool goes_on)
{
    f->get.queue = queue;
    f->get.goes_on = goes_on;
    clear_values(f);
    place(f);
    f->keys[0].key = LG_LIT("key01900");
    assert_false(lg_batch_get_try(&f->get));
    for (size_t i = 0; i < f->get.n; i++)
        if (f->keys[i].replica == NULL)
            assert_rc(LG_ERR_UNREADY, f->keys[i].rc);
    return f->get.cold;
}

static void what_is_refused_anyway_is_not_looked_for(void **state)
{
    struct fixture *f = *state;
    struct lg_cold_queue *queue = lg_cold_queue_new(&(struct lg_cold_queue_options){.keys_max = 1});
    struct lg_cold_wait other;

    ask(f, 20);
    run(f);
    assert_int_equal(cold_behind_one(f, queue, /* goes_on= */ false), 1);
    assert_true(lg_cold_wait_begin(&other, queue, f->get.lane, 1, /* goes_on= */ false));
    assert_int_equal(cold_behind_one(f, queue, /* goes_on= */ false),
                     18); /* Two have no replica. */
    assert_int_equal(cold_behind_one(f, queue, /* goes_on= */ true), 1);
    lg_cold_read_end(&other, 0);
    lg_cold_queue_unref(queue);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cold_keys_take_one_hop_and_warm_ones_none),
        TEST(more_bytes_than_allowed_are_refused_by_name),
        TEST(bytes_that_the_caller_has_already_count_too),
        TEST(what_is_enough_for_now_is_read_and_the_rest_is_left),
        TEST(what_is_cancelled_is_not_read),
        TEST(a_large_batch_does_not_stay_on_the_lane),
        TEST(an_empty_batch_is_answered),
        TEST(references_are_given_back),
        TEST(what_finds_no_room_to_wait_is_not_read),
        TEST(what_is_refused_anyway_is_not_looked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
