/* Tests of frames and the sparse index of a partition. */
#include "drivers/seglog/seg_index.h"

#include "test/lib/doc_hex.h"
#include "test/test.h"

#include "pubsub/batch.h"

static void a_frame_is_that_of_the_page(void **state)
{
    (void)state;
    struct lg_pubsub_record r = {.key = LG_LIT("k"), .value = LG_LIT("v"), .timestamp_ms = 1000};
    LG_SCOPED(lg_buf) want = {0};
    LG_SCOPED(lg_buf) got = {0};
    struct lg_seg_frame frame;
    struct lg_error err = {0};
    size_t count = 0;

    lg_doc_hex("docs/formats/seglog.md", 0, &want);
    lg_seg_frame_begin(&got, 7, 1);
    lg_batch_add(&got, &r);
    assert_slice_equal(lg_buf_slice(&got), lg_buf_slice(&want));
    assert_ok(lg_seg_frame_read(lg_buf_slice(&want), &frame, &err));
    assert_int_equal(frame.base, 7);
    assert_int_equal(frame.count, 1);
    assert_ok(lg_batch_check(frame.records, &count, &err));
    assert_int_equal(count, 1);
}

static void a_bad_frame_is_corrupt(void **state)
{
    (void)state;
    const uint8_t negative[12] = {0, 0, 0, 0, 0, 0, 0, 0x80, 1};
    const uint8_t empty[12] = {1};
    const uint8_t beyond[12] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1};
    struct lg_seg_frame frame;
    struct lg_error err = {0};

    assert_rc(LG_ERR_CORRUPT, lg_seg_frame_read(lg_slice(empty, 11), &frame, &err));
    assert_rc(LG_ERR_CORRUPT, lg_seg_frame_read(lg_slice(empty, 12), &frame, &err));
    assert_rc(LG_ERR_CORRUPT, lg_seg_frame_read(lg_slice(negative, 12), &frame, &err));
    assert_rc(LG_ERR_CORRUPT, lg_seg_frame_read(lg_slice(beyond, 12), &frame, &err));
}

/* Frames of 100 bytes and ten records each: the frame found must not lie beyond the record. */
static void assert_finds(const struct lg_seg_index *index, int64_t offset)
{
    uint64_t at = 0;

    assert_true(lg_seg_index_find(index, offset, &at));
    assert_true((int64_t)(at / 100) * 10 <= offset);
    assert_true(offset - (int64_t)(at / 100) * 10 <
                (int64_t)(index->spacing / 100 + 2) * 10); /* And not far before it. */
}

static void the_index_finds_a_frame_near_before_each_record(void **state)
{
    (void)state;
    struct lg_seg_index index = {0};
    uint64_t at;

    assert_false(lg_seg_index_find(&index, 0, &at));
    for (int64_t i = 0; i < 5000; i++)
        lg_seg_index_add(&index, i * 10, (uint64_t)i * 100);
    assert_true(index.entries.size < 10); /* Sparse. */
    for (int64_t offset = 0; offset < 50000; offset += 7)
        assert_finds(&index, offset);
    lg_seg_index_done(&index);
}

static void the_index_has_a_bound(void **state)
{
    (void)state;
    struct lg_seg_index index = {0};
    int64_t frames = 3 * (int64_t)LG_SEG_INDEX_ENTRIES_MAX;

    index.spacing = 100; /* Each frame would get an entry. */
    for (int64_t i = 0; i < frames; i++)
        lg_seg_index_add(&index, i * 10, (uint64_t)i * 100);
    assert_true(index.entries.size <= LG_SEG_INDEX_ENTRIES_MAX);
    assert_true(index.entries.size > LG_SEG_INDEX_ENTRIES_MAX / 4);
    for (int64_t offset = 0; offset < frames * 10; offset += 9973)
        assert_finds(&index, offset);
    lg_seg_index_done(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_that_of_the_page),
        cmocka_unit_test(a_bad_frame_is_corrupt),
        cmocka_unit_test(the_index_finds_a_frame_near_before_each_record),
        cmocka_unit_test(the_index_has_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
