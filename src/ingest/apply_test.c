/* Batches into a partition: where it stands, when it saves, how often a record counts. What a bad
 * stream does is told in task_test.c. */
#include "test/test.h"

#include <stdio.h>

#include "drivers/memkv/engine_memkv.h"
#include "drivers/sim/disk_sim.h"
#include "ingest/apply.h"
#include "writer/chunk_writer.h"

struct fixture {
    struct lg_disk *disk;
    struct lg_engine_driver *driver;
    struct lg_checkpoint_store *checkpoints;
    struct lg_partition *partition;
    struct lg_ingest_apply apply;
    struct lg_segment segment;
    int64_t offset; /* Of the next record. */
};

static const struct lg_segment_stamp stamp = {1700000000000, {(const uint8_t *)"w", 1}};

static void open_all(struct fixture *f)
{
    struct lg_partition_options o = {
        .driver = f->driver, .checkpoints = f->checkpoints, .topic = "t_v1", .sync_bytes = 200};
    struct lg_error err = {0};

    assert_ok(lg_partition_open(&o, &f->partition, &err));
    assert_ok(lg_ingest_apply_open(f->partition, &f->apply, &err));
}

static void close_all(struct fixture *f)
{
    lg_ingest_apply_done(&f->apply);
    lg_partition_close(LG_TAKE(f->partition));
}

static int up(void **state)
{
    struct fixture *f = lg_new(struct fixture);
    struct lg_guid guid = lg_segment_guid_of(LG_LIT("job"));
    struct lg_error err = {0};

    f->disk = lg_disk_sim_new(NULL, 1);
    f->driver = lg_memkv_new(f->disk, "");
    assert_ok(lg_checkpoint_store_open(f->driver, "checkpoints", &f->checkpoints, &err));
    open_all(f);
    lg_segment_init(&f->segment, &guid, 0, LG_CHECKSUM_ADHASH);
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    close_all(f);
    lg_checkpoint_store_close(f->checkpoints);
    lg_memkv_free(f->driver);
    lg_disk_sim_free(f->disk);
    lg_free(f);
    return 0;
}

static void add(struct fixture *f, struct lg_buf *batch, struct lg_buf *key, struct lg_buf *value)
{
    struct lg_pubsub_record r = {.key = lg_buf_slice(key),
                                 .value = lg_buf_slice(value),
                                 .position = lg_position_from_offset(f->offset++)};

    lg_batch_add(batch, &r);
    lg_buf_clear(key);
    lg_buf_clear(value);
}

/* Start of segment and START_OF_PUSH, then rows first to last - 1. */
static void write_batch(struct fixture *f, struct lg_buf *batch, bool sorted, unsigned first,
                        unsigned last)
{
    struct lg_control sop = lg_control_start_of_push(sorted, false);
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) value = {0};

    if (first == 0) {
        lg_segment_start(&f->segment, &stamp, &key, &value);
        add(f, batch, &key, &value);
        lg_segment_control(&f->segment, &stamp, &sop, &key, &value);
        add(f, batch, &key, &value);
    }
    for (unsigned n = first; n < last; n++) {
        char row[16];

        snprintf(row, sizeof(row), "row%04u", n);
        lg_segment_put(&f->segment, &stamp, lg_slice_str(row), 1, LG_LIT("0123456789"), &key,
                       &value);
        add(f, batch, &key, &value);
    }
}

static void apply(struct fixture *f, const struct lg_buf *batch)
{
    struct lg_error err = {0};

    assert_ok(lg_ingest_apply_batch(&f->apply, lg_buf_slice(batch), &err));
}

static int64_t saved_offset(struct fixture *f)
{
    const struct lg_position *p = &lg_partition_checkpoint(f->partition)->position;
    int64_t offset;

    if (lg_position_is_earliest(p))
        return -1;
    assert_true(lg_position_offset(p, &offset));
    return offset;
}

static void a_start_of_push_is_saved_and_rows_when_enough_came(void **state)
{
    struct fixture *f = *state;
    LG_SCOPED(lg_buf) batch = {0};

    write_batch(f, &batch, true, 0, 2);
    apply(f, &batch);
    assert_int_equal(3, saved_offset(f));
    lg_buf_clear(&batch);
    write_batch(f, &batch, true, 2, 4); /* 42 bytes: not enough. */
    apply(f, &batch);
    assert_int_equal(3, saved_offset(f));
    lg_buf_clear(&batch);
    write_batch(f, &batch, true, 4, 14);
    apply(f, &batch);
    assert_int_equal(15, saved_offset(f));
    assert_int_equal(14, lg_partition_records(f->partition));
}

static void a_restart_remembers_producers_and_drops_what_it_has(void **state)
{
    struct fixture *f = *state;
    LG_SCOPED(lg_buf) first = {0};
    LG_SCOPED(lg_buf) second = {0};
    struct lg_error err = {0};

    write_batch(f, &first, true, 0, 5);
    write_batch(f, &second, true, 5, 8);
    apply(f, &first);
    assert_ok(lg_ingest_apply_sync(&f->apply, &err));
    close_all(f);
    open_all(f);
    apply(f, &first); /* The log gives it again. */
    assert_int_equal(7, f->apply.duplicates);
    apply(f, &second);
    assert_int_equal(8, lg_partition_records(f->partition));
}

static void an_unsorted_push_takes_any_order(void **state)
{
    struct fixture *f = *state;
    LG_SCOPED(lg_buf) batch = {0};
    LG_SCOPED(lg_buf) out = {0};
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) value = {0};
    struct lg_error err = {0};

    write_batch(f, &batch, false, 0, 3);
    lg_segment_put(&f->segment, &stamp, LG_LIT("a"), 1, LG_LIT("below"), &key, &value);
    add(f, &batch, &key, &value);
    lg_segment_delete(&f->segment, &stamp, LG_LIT("row0001"), &key, &value);
    add(f, &batch, &key, &value);
    apply(f, &batch);
    assert_ok(lg_engine_get(lg_partition_engine(f->partition), LG_LIT("a"), true, &out, &err));
    assert_rc(LG_ERR_NOT_FOUND, lg_engine_get(lg_partition_engine(f->partition), LG_LIT("row0001"),
                                              true, &out, &err));
}

static void keys_of_a_sorted_push_ascend(void **state)
{
    struct fixture *f = *state;
    LG_SCOPED(lg_buf) batch = {0};
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) value = {0};
    struct lg_error err = {0};

    write_batch(f, &batch, true, 0, 3);
    lg_segment_put(&f->segment, &stamp, LG_LIT("a"), 1, LG_LIT("below"), &key, &value);
    add(f, &batch, &key, &value);
    assert_rc(LG_ERR_BAD_DATA, lg_ingest_apply_batch(&f->apply, lg_buf_slice(&batch), &err));
    assert_non_null(strstr(err.text, "ascend"));
    assert_non_null(strstr(err.text, "record at 0:"));
}

static void a_chunk_or_a_manifest_in_an_unchunked_version_is_refused(void **state)
{
    struct fixture *f = *state;
    LG_SCOPED(lg_buf) batch = {0};
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) value = {0};
    struct lg_error err = {0};

    write_batch(f, &batch, true, 0, 1);
    lg_segment_put(&f->segment, &stamp, LG_LIT("z"), -10, LG_LIT("chunk"), &key, &value);
    add(f, &batch, &key, &value);
    assert_rc(LG_ERR_UNSUPPORTED, lg_ingest_apply_batch(&f->apply, lg_buf_slice(&batch), &err));
}

/* Start of segment and a START_OF_PUSH that says chunked and ZSTD_WITH_DICT. */
static void begin_chunked(struct fixture *f, struct lg_buf *batch)
{
    struct lg_control sop = lg_control_start_of_push(/* sorted= */ true, /* chunked= */ true);
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) value = {0};

    sop.start_of_push.compression = LG_COMPRESSION_ZSTD_WITH_DICT;
    sop.start_of_push.has_dictionary = true;
    sop.start_of_push.dictionary = LG_LIT("a dictionary");
    lg_segment_start(&f->segment, &stamp, &key, &value);
    add(f, batch, &key, &value);
    lg_segment_control(&f->segment, &stamp, &sop, &key, &value);
    add(f, batch, &key, &value);
}

static void a_chunked_and_compressed_version_is_taken_in_and_known_after_a_restart(void **state)
{
    struct fixture *f = *state;
    uint8_t *large = lg_zalloc(2000000);
    LG_SCOPED(lg_buf) batch = {0};
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) value = {0};
    LG_SCOPED(lg_chunk_writer) w = {0};
    struct lg_partition_shape shape;

    begin_chunked(f, &batch);
    for (int row = 0; row < 2; row++) {
        bool whole = false;

        lg_chunk_writer_begin(&w, true, row == 0 ? LG_LIT("a") : LG_LIT("b"), 1,
                              lg_slice(large, row == 0 ? 2000000 : 10));
        while (!whole) {
            whole = lg_chunk_writer_next(&w, &f->segment, &stamp, &key, &value);
            add(f, &batch, &key, &value);
        }
    }
    apply(f, &batch);
    assert_int_equal(2, lg_partition_records(f->partition)); /* of the user's, not chunks */
    assert_int_equal(2, lg_integrity_puts(f->apply.integrity));
    close_all(f);
    open_all(f);
    shape = lg_partition_shape(f->partition);
    assert_true(shape.sorted);
    assert_true(shape.chunked);
    assert_int_equal(LG_COMPRESSION_ZSTD_WITH_DICT, shape.compression);
    assert_slice_equal(shape.dictionary, LG_LIT("a dictionary"));
    assert_int_equal(2, lg_partition_records(f->partition));
    assert_int_equal(2, lg_integrity_puts(f->apply.integrity));
    lg_free(large);
}

static void a_manifest_that_is_none_is_bad_data(void **state)
{
    struct fixture *f = *state;
    LG_SCOPED(lg_buf) batch = {0};
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) value = {0};
    struct lg_error err = {0};

    begin_chunked(f, &batch);
    lg_segment_put(&f->segment, &stamp, LG_LIT("z"), LG_SCHEMA_ID_MANIFEST, LG_LIT("chunk"), &key,
                   &value);
    add(f, &batch, &key, &value);
    assert_rc(LG_ERR_BAD_DATA, lg_ingest_apply_batch(&f->apply, lg_buf_slice(&batch), &err));
}

static void a_batch_that_is_cut_is_bad_data(void **state)
{
    struct fixture *f = *state;
    LG_SCOPED(lg_buf) batch = {0};
    struct lg_error err = {0};

    write_batch(f, &batch, true, 0, 2);
    assert_rc(LG_ERR_BAD_DATA,
              lg_ingest_apply_batch(&f->apply, lg_slice(batch.data, batch.size - 3), &err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_start_of_push_is_saved_and_rows_when_enough_came),
        TEST(a_restart_remembers_producers_and_drops_what_it_has),
        TEST(an_unsorted_push_takes_any_order),
        TEST(keys_of_a_sorted_push_ascend),
        TEST(a_chunk_or_a_manifest_in_an_unchunked_version_is_refused),
        TEST(a_chunked_and_compressed_version_is_taken_in_and_known_after_a_restart),
        TEST(a_manifest_that_is_none_is_bad_data),
        TEST(a_batch_that_is_cut_is_bad_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
