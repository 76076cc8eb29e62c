/* Rows end up in their partition, sorted, each key once; and it makes no difference whether they
 * fitted into memory. */
#include "pushjob/rows.h"

#include "base/map.h"
#include "base/rand.h"
#include "drivers/sim/disk_sim.h"
#include "model/partitioner.h"
#include "test/test.h"

#define TIGHT LG_ROWS_MEMORY_BYTES_MIN

struct world {
    struct lg_disk *disk;
    struct lg_rows *rows;
    struct lg_rows_conflict conflict;
    struct lg_error err;
    unsigned spills;
};

static struct world world_new(uint32_t partitions, enum lg_duplicates duplicates, bool tight)
{
    struct world w = {.disk = lg_disk_sim_new(NULL, 3)};

    w.rows = lg_rows_new(&(struct lg_rows_options){.partitions = partitions,
                                                   .duplicates = duplicates,
                                                   .memory_bytes = tight ? TIGHT : 64 * TIGHT,
                                                   .disk = w.disk,
                                                   .temp_folder = "/big/tmp",
                                                   .temp_name = "rows.tmp"});
    return w;
}

static void world_done(struct world *w)
{
    lg_rows_conflict_done(&w->conflict);
    lg_rows_free(w->rows);
    lg_disk_sim_free(w->disk);
}

static enum lg_rc add(struct world *w, struct lg_slice key, struct lg_slice value, uint64_t origin)
{
    struct lg_row row = {key, value, origin};
    enum lg_rc rc = LG_OK;

    if (lg_rows_is_full(w->rows)) {
        w->spills++;
        lg_rows_seal(w->rows);
        rc = lg_rows_spill(w->rows, &w->conflict, &w->err);
    }
    return rc == LG_OK ? lg_rows_add(w->rows, &row, &w->err) : rc;
}

static enum lg_rc settle(struct world *w)
{
    enum lg_rc rc = LG_OK;

    lg_rows_finish(w->rows);
    for (uint32_t p = 0; rc == LG_OK && p < lg_rows_partitions(w->rows); p++)
        rc = lg_rows_settle(w->rows, p, &w->conflict, &w->err);
    return rc;
}

/* Key number i: 8 bytes in no order. */
static struct lg_slice key_of(uint64_t i, uint8_t out[8])
{
    uint64_t n = i * UINT64_C(0x9e3779b97f4a7c15);

    memcpy(out, &n, sizeof n);
    return lg_slice(out, sizeof n);
}

/* `copies` rows of each of `keys` keys, one round after the other; the value tells key and, with
 * `differ`, round. Rows of a few sizes, one in a thousand larger than a block. */
static enum lg_rc add_all(struct world *w, uint64_t keys, uint64_t copies, bool differ)
{
    uint8_t *value = lg_zalloc(10000);
    enum lg_rc rc = LG_OK;

    for (uint64_t n = 0; rc == LG_OK && n < keys * copies; n++) {
        uint64_t i = n % keys, round = differ ? n / keys : 0;
        uint8_t key[8];

        memcpy(value, &i, sizeof i);
        memcpy(value + sizeof i, &round, sizeof round);
        rc = add(w, key_of(i, key), lg_slice(value, i % 1000 == 7 ? 9000 : 16 + i % 100), n);
    }
    lg_free(value);
    return rc;
}

/* Every key once, in its partition, ascending, with the value and origin of `round`. */
static void check_all(const struct world *w, uint64_t keys, uint64_t round, bool differ)
{
    uint8_t *seen = lg_zalloc(keys);
    uint64_t total = 0;
    struct lg_error err = {0};

    for (uint32_t p = 0; p < lg_rows_partitions(w->rows); p++) {
        LG_AUTO(lg_rows_stream) *stream = lg_rows_stream_new(w->rows, p);
        uint8_t last[8] = {0};
        uint64_t count = 0;

        for (;; count++) {
            struct lg_row row;
            bool end = false;
            uint64_t i, in_round;

            assert_ok(lg_rows_stream_next(stream, &row, &end, &err));
            if (end)
                break;
            memcpy(&i, row.value.data, sizeof i);
            memcpy(&in_round, row.value.data + 8, sizeof in_round);
            assert_true(i < keys && !seen[i]);
            seen[i] = 1;
            assert_int_equal(in_round, differ ? round : 0);
            assert_int_equal(row.origin, round * keys + i);
            assert_int_equal(row.value.size, i % 1000 == 7 ? 9000 : 16 + i % 100);
            assert_int_equal(lg_partitioner_partition(row.key, lg_rows_partitions(w->rows)), p);
            assert_true(count == 0 || memcmp(last, row.key.data, 8) < 0);
            memcpy(last, row.key.data, 8);
        }
        assert_int_equal(count, lg_rows_count(w->rows, p));
        total += count;
    }
    assert_int_equal(total, keys);
    assert_int_equal(lg_rows_total(w->rows), keys);
    lg_free(seen);
}

static void rows_come_out_sorted_in_their_partition_from_memory_and_from_disk(void **state)
{
    (void)state;
    for (int tight = 0; tight < 2; tight++) {
        struct world w = world_new(3, LG_DUPLICATES_FAIL, tight);

        assert_rc(LG_OK, add_all(&w, 20000, 1, false));
        assert_rc(LG_OK, settle(&w));
        assert_true(tight ? w.spills >= 4 : w.spills == 0);
        assert_int_equal(lg_rows_spilled_bytes(w.rows) > 0, tight);
        check_all(&w, 20000, 0, false);
        check_all(&w, 20000, 0, false); /* Streams can be had again. */
        assert_int_equal(lg_rows_duplicates(w.rows), 0);
        assert_int_equal(lg_rows_added(w.rows), 20000);
        world_done(&w);
    }
}

static void identical_rows_are_counted_and_dropped_within_and_across_runs(void **state)
{
    (void)state;
    for (int tight = 0; tight < 2; tight++) {
        struct world w = world_new(2, LG_DUPLICATES_FAIL, tight);

        assert_rc(LG_OK, add_all(&w, 5000, 4, false));
        assert_rc(LG_OK, settle(&w));
        assert_int_equal(w.spills > 1, tight);
        check_all(&w, 5000, 0, false);
        assert_int_equal(lg_rows_duplicates(w.rows), 15000);
        assert_int_equal(lg_rows_added(w.rows), 20000);
        world_done(&w);
    }
}

static void the_policy_chooses_the_first_or_the_last_of_different_values(void **state)
{
    (void)state;
    for (int tight = 0; tight < 2; tight++)
        for (int last = 0; last < 2; last++) {
            struct world w = world_new(2, last ? LG_DUPLICATES_LAST : LG_DUPLICATES_FIRST, tight);

            assert_rc(LG_OK, add_all(&w, 5000, 4, true));
            assert_rc(LG_OK, settle(&w));
            check_all(&w, 5000, last ? 3 : 0, true);
            assert_int_equal(lg_rows_duplicates(w.rows), 15000);
            world_done(&w);
        }
}

static void two_values_of_one_key_are_refused_and_shown_wherever_they_are(void **state)
{
    (void)state;
    for (int tight = 0; tight < 2; tight++)
        for (uint64_t other = 20001; other <= 40000;
             other += 19999) { /* another run, or the same */
            struct world w = world_new(1, LG_DUPLICATES_FAIL, tight);
            enum lg_rc rc = LG_OK;
            uint8_t key[8];

            for (uint64_t i = 0; rc == LG_OK && i <= 40000; i++)
                rc = i == other ? add(&w, key_of(20000, key), LG_LIT("other"), i)
                                : add(&w, key_of(i, key), LG_LIT("value"), i);
            if (rc == LG_OK)
                rc = settle(&w);
            assert_rc(LG_ERR_BAD_DATA, rc);
            assert_slice_equal(lg_buf_slice(&w.conflict.key), key_of(20000, key));
            assert_slice_equal(lg_buf_slice(&w.conflict.values[0]), LG_LIT("value"));
            assert_slice_equal(lg_buf_slice(&w.conflict.values[1]), LG_LIT("other"));
            assert_int_equal(w.conflict.origins[0], 20000);
            assert_int_equal(w.conflict.origins[1], other);
            world_done(&w);
        }
}

static void an_empty_input_has_empty_partitions(void **state)
{
    struct world w = world_new(4, LG_DUPLICATES_FAIL, true);

    (void)state;
    assert_rc(LG_OK, settle(&w));
    check_all(&w, 0, 0, false);
    world_done(&w);
}

static void a_record_over_the_limit_is_refused_by_name(void **state)
{
    struct world w = world_new(1, LG_DUPLICATES_FAIL, true);
    uint8_t *big = lg_zalloc(LG_PUSH_VALUE_BYTES_MAX + 1);

    (void)state;
    assert_rc(LG_ERR_TOO_LARGE,
              add(&w, lg_slice(big, LG_PUSH_KEY_BYTES_MAX + 1), LG_SLICE_NULL, 0));
    assert_non_null(strstr(w.err.text, "key"));
    assert_rc(LG_ERR_TOO_LARGE,
              add(&w, LG_LIT("k"), lg_slice(big, LG_PUSH_VALUE_BYTES_MAX + 1), 0));
    assert_non_null(strstr(w.err.text, "20971520"));
    assert_int_equal(lg_rows_added(w.rows), 0);
    lg_free(big);
    world_done(&w);
}

static void a_full_disk_ends_the_sort_with_a_remedy(void **state)
{
    struct world w = world_new(2, LG_DUPLICATES_FAIL, true);

    (void)state;
    lg_disk_sim_set_capacity(w.disk, (65 << 20));
    assert_rc(LG_ERR_NO_SPACE, add_all(&w, 100000, 1, false));
    assert_non_null(strstr(w.err.text, "/big/tmp has "));
    assert_non_null(strstr(w.err.text, "--temp-dir"));
    world_done(&w);
}

static void a_disk_that_fails_ends_the_streams(void **state)
{
    struct world w = world_new(1, LG_DUPLICATES_FAIL, true);
    struct lg_rows_stream *stream;
    enum lg_rc rc = LG_OK;
    bool end = false;

    (void)state;
    assert_rc(LG_OK, add_all(&w, 20000, 1, false));
    assert_rc(LG_OK, settle(&w));
    stream = lg_rows_stream_new(w.rows, 0);
    lg_disk_sim_fail_reads(w.disk, 1, 20);
    while (rc == LG_OK && !end) {
        struct lg_row row;

        rc = lg_rows_stream_next(stream, &row, &end, &w.err);
    }
    assert_rc(LG_ERR_IO, rc);
    lg_rows_stream_free(stream);
    world_done(&w);
    w = world_new(1, LG_DUPLICATES_FAIL, true);
    assert_rc(LG_OK, add_all(&w, 20000, 1, false));
    lg_disk_sim_fail_reads(w.disk, 1, 20);
    assert_rc(LG_ERR_IO, settle(&w));
    world_done(&w);
}

static void too_many_runs_are_refused_with_a_remedy(void **state)
{
    struct world w = world_new(1, LG_DUPLICATES_FAIL, true);
    enum lg_rc rc = LG_OK;
    uint8_t key[8];

    (void)state;
    for (uint64_t i = 0; rc == LG_OK && i <= LG_ROWS_RUNS_MAX + 10; i++) {
        rc = add(&w, key_of(i, key), LG_LIT("v"), i);
        lg_rows_seal(w.rows);
        if (rc == LG_OK)
            rc = lg_rows_spill(w.rows, &w.conflict, &w.err);
    }
    assert_rc(LG_ERR_TOO_LARGE, rc);
    assert_non_null(strstr(w.err.text, "--sort-memory"));
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_out_sorted_in_their_partition_from_memory_and_from_disk),
        cmocka_unit_test(identical_rows_are_counted_and_dropped_within_and_across_runs),
        cmocka_unit_test(the_policy_chooses_the_first_or_the_last_of_different_values),
        cmocka_unit_test(two_values_of_one_key_are_refused_and_shown_wherever_they_are),
        cmocka_unit_test(an_empty_input_has_empty_partitions),
        cmocka_unit_test(a_record_over_the_limit_is_refused_by_name),
        cmocka_unit_test(a_full_disk_ends_the_sort_with_a_remedy),
        cmocka_unit_test(a_disk_that_fails_ends_the_streams),
        cmocka_unit_test(too_many_runs_are_refused_with_a_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
