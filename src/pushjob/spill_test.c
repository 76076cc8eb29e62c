/* Rows come back from the temporary file as they went in, or it is told that they do not. */
#include "pushjob/spill.h"

#include "base/str.h"
#include "drivers/sim/disk_sim.h"
#include "test/test.h"

#define NAME "sorting.tmp"
#define BLOCK ((size_t)4096)

struct world {
    struct lg_disk *disk;
    struct lg_disk_ops ops; /* The disk's; tests exchange some. */
    struct lg_spill *spill;
};

static struct world world_new(void)
{
    struct world w = {.disk = lg_disk_sim_new(NULL, 1)};

    w.ops = *w.disk->ops;
    w.spill = lg_spill_new(&(struct lg_spill_options){
        .disk = w.disk, .name = NAME, .folder = "/big/tmp", .block_bytes = BLOCK});
    return w;
}

static void world_done(struct world *w)
{
    lg_spill_free(w->spill);
    lg_disk_sim_free(w->disk);
}

/* Row `i` of a run: keys ascend; each 17th value is larger than a block, each 5th is empty. */
static struct lg_row row_of(uint64_t i, uint8_t key[8], struct lg_buf *value)
{
    size_t size = i % 17 == 3 ? 3 * BLOCK + i : i % 5 == 0 ? 0 : 20 + i % 50;

    for (size_t b = 0; b < 8; b++)
        key[b] = (uint8_t)(i >> (56 - 8 * b));
    lg_buf_clear(value);
    for (size_t b = 0; b < size; b++)
        lg_buf_append_byte(value, (uint8_t)(i + b));
    return (struct lg_row){lg_slice(key, 8), lg_buf_slice(value), i * 1000003};
}

static struct lg_spill_run write_run(struct world *w, uint64_t from, uint64_t count)
{
    LG_SCOPED(lg_buf) value = {0};
    struct lg_spill_run run;
    struct lg_error err = {0};
    uint8_t key[8];

    lg_spill_begin(w->spill);
    for (uint64_t i = from; i < from + count; i++) {
        struct lg_row row = row_of(i, key, &value);

        assert_ok(lg_spill_add(w->spill, &row, &err));
    }
    assert_ok(lg_spill_end(w->spill, &run, &err));
    assert_int_equal(run.rows, count);
    return run;
}

/* Reads a run; every `nth` value. */
static enum lg_rc read_run(struct world *w, const struct lg_spill_run *run, bool values,
                           uint64_t nth, uint64_t from, struct lg_error *err)
{
    LG_SCOPED(lg_buf) value = {0};
    struct lg_spill_cursor c;
    uint64_t i = from;
    enum lg_rc rc = LG_OK;

    lg_spill_cursor_open(&c, w->spill, run, values);
    for (; rc == LG_OK; i++) {
        bool end = false;
        struct lg_slice got;
        struct lg_row want;
        uint8_t key[8];

        rc = lg_spill_cursor_next(&c, &end, err);
        if (rc != LG_OK || end)
            break;
        want = row_of(i, key, &value);
        assert_slice_equal(c.key, want.key);
        assert_int_equal(c.origin, want.origin);
        if (i % nth != 0)
            continue;
        rc = lg_spill_cursor_value(&c, &got, err);
        if (rc == LG_OK) {
            assert_int_equal(got.size, want.value.size);
            assert_true(lg_slice_eq(got, want.value));
        }
    }
    if (rc == LG_OK)
        assert_int_equal(i, from + run->rows);
    lg_spill_cursor_done(&c);
    return rc;
}

static void runs_come_back_with_and_without_their_values(void **state)
{
    struct world w = world_new();
    struct lg_error err = {0};
    struct lg_spill_run a, b, empty;

    (void)state;
    a = write_run(&w, 0, 2000);
    empty = write_run(&w, 0, 0);
    b = write_run(&w, 5000, 300);
    for (int values = 0; values < 2; values++)
        for (uint64_t nth = 1; nth < 40; nth += 19) {
            assert_ok(read_run(&w, &a, values, nth, 0, &err));
            assert_ok(read_run(&w, &b, values, nth, 5000, &err));
            assert_ok(read_run(&w, &empty, values, nth, 0, &err));
        }
    assert_int_equal(lg_spill_bytes(w.spill), b.end);
    world_done(&w);
}

static void the_file_has_no_name_while_it_is_used(void **state)
{
    struct world w = world_new();
    LG_SCOPED(lg_disk_names) names = {0};
    struct lg_error err = {0};
    struct lg_spill_run run = write_run(&w, 0, 500);

    (void)state;
    assert_ok(lg_disk_list(w.disk, "", &names, &err));
    assert_int_equal(names.names.size, 0);
    assert_ok(read_run(&w, &run, true, 1, 0, &err));
    world_done(&w);
}

static enum lg_rc keep_name(struct lg_disk *d, const char *path, struct lg_error *err)
{
    (void)d, (void)path, (void)err;
    return LG_OK;
}

/* Whatever bit changes: no wrong row, and it is told. */
static void a_changed_bit_is_found_wherever_it_is(void **state)
{
    struct world w = world_new();
    struct lg_error err = {0};
    struct lg_spill_run run;

    (void)state;
    w.ops.remove = keep_name;
    w.disk->ops = &w.ops;
    run = write_run(&w, 0, 40);
    for (uint64_t bit = 0; bit < run.end * 8; bit += 1009) {
        assert_true(lg_disk_sim_flip(w.disk, NAME, bit));
        assert_rc(LG_ERR_CORRUPT, read_run(&w, &run, true, 1, 0, &err));
        assert_non_null(strstr(err.text, "/big/tmp"));
        assert_true(lg_disk_sim_flip(w.disk, NAME, bit));
    }
    assert_true(lg_disk_sim_resize(w.disk, NAME, run.end - 1));
    assert_rc(LG_ERR_CORRUPT, read_run(&w, &run, true, 1, 0, &err));
    world_done(&w);
}

static void a_disk_without_room_is_named_with_the_remedy(void **state)
{
    struct world w = world_new();
    LG_SCOPED(lg_buf) value = {0};
    struct lg_error err = {0};
    enum lg_rc rc = LG_OK;
    uint8_t key[8];

    (void)state;
    lg_disk_sim_set_capacity(w.disk, LG_SPILL_SPARE_BYTES + 1000000);
    assert_ok(lg_spill_reserve(w.spill, 900000, &err));
    assert_rc(LG_ERR_NO_SPACE, lg_spill_reserve(w.spill, 1100000, &err));
    assert_non_null(strstr(err.text, "/big/tmp has 64 MiB left"));
    assert_non_null(strstr(err.text, "--temp-dir"));
    lg_disk_sim_set_capacity(w.disk, 100000); /* Somebody else was faster. */
    lg_spill_begin(w.spill);
    for (uint64_t i = 0; rc == LG_OK && i < 100000; i++) {
        struct lg_row row = row_of(i, key, &value);

        rc = lg_spill_add(w.spill, &row, &err);
    }
    assert_rc(LG_ERR_NO_SPACE, rc);
    assert_non_null(strstr(err.text, "/big/tmp is full"));
    assert_non_null(strstr(err.text, "--sort-memory"));
    world_done(&w);
}

static void a_disk_that_cannot_be_read_is_named(void **state)
{
    struct world w = world_new();
    struct lg_error err = {0};
    struct lg_spill_run run = write_run(&w, 0, 100);

    (void)state;
    lg_disk_sim_fail_reads(w.disk, 1, 1);
    assert_rc(LG_ERR_IO, read_run(&w, &run, true, 1, 0, &err));
    assert_non_null(strstr(err.text, "/big/tmp"));
    world_done(&w);
    lg_spill_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_come_back_with_and_without_their_values),
        cmocka_unit_test(the_file_has_no_name_while_it_is_used),
        cmocka_unit_test(a_changed_bit_is_found_wherever_it_is),
        cmocka_unit_test(a_disk_without_room_is_named_with_the_remedy),
        cmocka_unit_test(a_disk_that_cannot_be_read_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
