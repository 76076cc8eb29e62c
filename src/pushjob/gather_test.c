/* Gathering ends once, with the rows or with the error that counts, whoever was faster. */
#include "pushjob/gather.h"

#include "drivers/sim/disk_sim.h"
#include "drivers/sim/lane_sim.h"
#include "test/test.h"

struct world {
    struct lg_sim *sim;
    struct lg_disk *disk;
    struct lg_lane *lane;
    struct lg_gather *gather;
    uint64_t rows, next; /* of the source */
    uint64_t fail_at;    /* The source fails at this row; UINT64_MAX: never. */
    uint64_t same_at;    /* A row with the key of row 0 and another value. */
    uint64_t cancel_at;
    uint32_t settled, cancel_settled;
    unsigned finished;
    enum lg_rc rc;
    struct lg_error err;
    uint64_t conflict_origins[2];
    struct lg_rows *result;
    uint8_t key[8];
};

static enum lg_rc next(void *ctx, struct lg_row *out, bool *out_end, struct lg_error *err)
{
    struct world *w = ctx;
    uint64_t n = (w->next == w->same_at ? 0 : w->next) * UINT64_C(0x9e3779b97f4a7c15);

    if (w->next == w->fail_at)
        return lg_error_set(err, LG_ERR_SCHEMA, "row %llu is bad", (unsigned long long)w->next);
    *out_end = w->next == w->rows;
    memcpy(w->key, &n, sizeof n);
    *out = (struct lg_row){lg_slice(w->key, sizeof w->key),
                           w->next == w->same_at ? LG_LIT("other") : LG_LIT("value"), w->next};
    w->next++;
    return LG_OK;
}

static void read_some(void *ctx)
{
    struct world *w = ctx;

    assert_true(lg_lane_is_current(w->lane));
    if (w->next >= w->cancel_at)
        lg_gather_cancel(w->gather);
}

static void settled_some(void *ctx, uint32_t done)
{
    struct world *w = ctx;

    assert_true(done == 0 || done == w->settled + 1);
    w->settled = done;
    if (done == w->cancel_settled)
        lg_gather_cancel(w->gather);
}

static void finished(void *ctx, enum lg_rc rc, const struct lg_error *err,
                     const struct lg_rows_conflict *conflict)
{
    struct world *w = ctx;

    w->finished++;
    w->rc = rc;
    if (err != NULL)
        w->err = *err;
    memcpy(w->conflict_origins, conflict->origins, sizeof conflict->origins);
    if (rc == LG_OK)
        w->result = lg_gather_take(w->gather);
    lg_gather_free(LG_TAKE(w->gather));
}

static bool is_finished(void *ctx)
{
    return ((struct world *)ctx)->finished > 0;
}

static struct world *world_new(uint64_t rows)
{
    struct world *w = lg_new(struct world);

    w->sim = lg_sim_new(9);
    w->disk = lg_disk_sim_new(w->sim, 10);
    w->lane = lg_sim_lane_new(w->sim, NULL, "push");
    w->rows = rows;
    w->fail_at = w->same_at = w->cancel_at = UINT64_MAX;
    w->cancel_settled = UINT32_MAX;
    return w;
}

static void world_free(struct world *w)
{
    lg_rows_free(w->result);
    lg_sim_free(w->sim);
    lg_disk_sim_free(w->disk);
    lg_free(w);
}

static enum lg_rc run(struct world *w)
{
    w->gather = lg_gather_start(&(struct lg_gather_options){
        .lane = w->lane,
        .rows = {.partitions = 7,
                 .memory_bytes = LG_ROWS_MEMORY_BYTES_MIN,
                 .disk = w->disk,
                 .temp_folder = "/big/tmp",
                 .temp_name = "rows.tmp"},
        .next = next,
        .read_some = read_some,
        .settled_some = settled_some,
        .finished = finished,
        .ctx = w,
    });
    assert_int_equal(w->finished, 0); /* Never from inside start. */
    assert_true(lg_sim_run_until(w->sim, is_finished, w, 600 * LG_SEC));
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(w->finished, 1);
    return w->rc;
}

static void all_rows_are_gathered_through_the_disk(void **state)
{
    struct world *w = world_new(100000);

    (void)state;
    assert_rc(LG_OK, run(w));
    assert_int_equal(lg_rows_total(w->result), 100000);
    assert_true(lg_rows_spilled_bytes(w->result) > 1000000);
    assert_int_equal(w->settled, 7);
    world_free(w);
}

static void few_rows_never_touch_the_disk(void **state)
{
    struct world *w = world_new(100);

    (void)state;
    lg_disk_sim_fail_reads(w->disk, 1, 1);
    lg_disk_sim_set_capacity(w->disk, 1);
    assert_rc(LG_OK, run(w));
    assert_int_equal(lg_rows_total(w->result), 100);
    assert_int_equal(lg_rows_spilled_bytes(w->result), 0);
    world_free(w);
}

static void an_error_of_the_source_ends_it(void **state)
{
    struct world *w = world_new(100000);

    (void)state;
    w->fail_at = 70000;
    assert_rc(LG_ERR_SCHEMA, run(w));
    assert_string_equal(w->err.text, "row 70000 is bad");
    world_free(w);
}

static void two_values_of_one_key_are_told_whether_early_or_late(void **state)
{
    static const uint64_t places[] = {5, 50000, 99999};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(places); i++) {
        struct world *w = world_new(100000);

        w->same_at = places[i];
        assert_rc(LG_ERR_BAD_DATA, run(w));
        assert_int_equal(w->conflict_origins[0], 0);
        assert_int_equal(w->conflict_origins[1], places[i]);
        world_free(w);
    }
}

/* The rows at fault came first: reading on, which went wrong meanwhile, does not hide them. */
static void what_came_first_counts(void **state)
{
    struct world *w = world_new(100000);

    (void)state;
    w->same_at = 5;
    w->fail_at = 15000; /* in the batch behind, which is read while the first is sorted */
    assert_rc(LG_ERR_BAD_DATA, run(w));
    world_free(w);
}

static void a_full_disk_ends_it_with_the_remedy(void **state)
{
    struct world *w = world_new(100000);

    (void)state;
    lg_disk_sim_set_capacity(w->disk, 1 << 20);
    assert_rc(LG_ERR_NO_SPACE, run(w));
    assert_non_null(strstr(w->err.text, "--temp-dir"));
    world_free(w);
}

static void it_can_be_cancelled_while_reading_and_while_sorting(void **state)
{
    struct world *w = world_new(100000);

    (void)state;
    w->cancel_at = 40000;
    assert_rc(LG_ERR_CANCELLED, run(w));
    world_free(w);
    for (uint32_t i = 0; i < 4; i++) {
        w = world_new(100000);
        w->cancel_settled = i;
        assert_rc(LG_ERR_CANCELLED, run(w));
        world_free(w);
    }
    lg_gather_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_rows_are_gathered_through_the_disk),
        cmocka_unit_test(few_rows_never_touch_the_disk),
        cmocka_unit_test(an_error_of_the_source_ends_it),
        cmocka_unit_test(two_values_of_one_key_are_told_whether_early_or_late),
        cmocka_unit_test(what_came_first_counts),
        cmocka_unit_test(a_full_disk_ends_it_with_the_remedy),
        cmocka_unit_test(it_can_be_cancelled_while_reading_and_while_sorting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
