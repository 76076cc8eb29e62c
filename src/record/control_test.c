/* Makers of control messages, and arrays and maps of any block structure. */
#include "record/control.h"

#include "test/test.h"

static void makers_fill_in_venices_values(void **state)
{
    struct lg_control c = lg_control_start_of_segment(LG_CHECKSUM_ADHASH);

    (void)state;
    assert_int_equal(c.type, LG_CONTROL_START_OF_SEGMENT);
    assert_int_equal(c.start_of_segment.checksum_type, 4);
    c = lg_control_end_of_segment(LG_LIT("sum"), /* is_final= */ true);
    assert_int_equal(c.type, LG_CONTROL_END_OF_SEGMENT);
    assert_slice_equal(c.end_of_segment.checksum, LG_LIT("sum"));
    assert_true(c.end_of_segment.is_final);
    c = lg_control_start_of_push(/* sorted= */ false, /* chunked= */ true);
    assert_int_equal(c.type, LG_CONTROL_START_OF_PUSH);
    assert_false(c.start_of_push.sorted);
    assert_true(c.start_of_push.chunked);
    assert_int_equal(lg_control_end_of_push().type, LG_CONTROL_END_OF_PUSH);
    c = lg_control_version_swap(LG_LIT("a_v1"), LG_LIT("a_v2"));
    assert_int_equal(c.type, LG_CONTROL_VERSION_SWAP);
    assert_int_equal(c.version_swap.generation_id, -1);
}

static void longs_are_read_back(void **state)
{
    static const int64_t items[] = {0, -1, INT64_MAX, INT64_MIN};
    LG_SCOPED(lg_buf) out = {0};
    struct lg_sequence_cursor at;
    int64_t got;

    (void)state;
    lg_sequence_write_longs(&out, items, LG_ARRAY_SIZE(items));
    at = (struct lg_sequence_cursor){.encoded = lg_buf_slice(&out)};
    for (size_t i = 0; i < LG_ARRAY_SIZE(items); i++) {
        assert_true(lg_sequence_next_long(&at, &got));
        assert_true(got == items[i]);
    }
    assert_false(lg_sequence_next_long(&at, &got));
    assert_false(lg_sequence_next_long(&at, &got));
}

static void pairs_are_read_back(void **state)
{
    struct lg_slice items[] = {LG_LIT("host"), LG_LIT("h"), LG_LIT("pid"), LG_LIT("")};
    LG_SCOPED(lg_buf) out = {0};
    struct lg_sequence_cursor at;
    struct lg_slice key, value;

    (void)state;
    lg_sequence_write_pairs(&out, items, 2);
    at = (struct lg_sequence_cursor){.encoded = lg_buf_slice(&out)};
    assert_true(lg_sequence_next_pair(&at, &key, &value));
    assert_slice_equal(key, LG_LIT("host"));
    assert_slice_equal(value, LG_LIT("h"));
    assert_true(lg_sequence_next_pair(&at, &key, &value));
    assert_slice_equal(key, LG_LIT("pid"));
    assert_int_equal(value.size, 0);
    assert_false(lg_sequence_next_pair(&at, &key, &value));
}

/* Two blocks, the first with its size in bytes: count -1, 2 bytes, "a"; count 1, "b"; end. */
static void several_blocks_are_one_sequence(void **state)
{
    struct lg_sequence_cursor at = {.encoded = LG_LIT("\x01\x04\x02"
                                                      "a\x02\x02"
                                                      "b\x00")};
    struct lg_slice item;

    (void)state;
    assert_true(lg_sequence_next_bytes(&at, &item));
    assert_slice_equal(item, LG_LIT("a"));
    assert_true(lg_sequence_next_bytes(&at, &item));
    assert_slice_equal(item, LG_LIT("b"));
    assert_false(lg_sequence_next_bytes(&at, &item));
}

/* Count -1 with a size of 40 bytes, though the item takes 2: decoders refuse that before. */
static void a_wrong_block_size_does_no_harm(void **state)
{
    struct lg_sequence_cursor at = {.encoded = LG_LIT("\x01\x50\x02"
                                                      "a\x00")};
    struct lg_slice item;

    (void)state;
    assert_true(lg_sequence_next_bytes(&at, &item));
    assert_slice_equal(item, LG_LIT("a"));
    assert_false(lg_sequence_next_bytes(&at, &item));
}

static void nothing_and_broken_bytes_end_the_sequence(void **state)
{
    struct lg_sequence_cursor at = {.encoded = LG_SLICE_NULL};
    LG_SCOPED(lg_buf) out = {0};
    struct lg_slice item;
    int64_t number;

    (void)state;
    assert_false(lg_sequence_next_bytes(&at, &item));
    at.encoded = LG_LIT("\x04\x7f");
    assert_false(lg_sequence_next_bytes(&at, &item));
    at = (struct lg_sequence_cursor){.encoded = LG_LIT("\x80")};
    assert_false(lg_sequence_next_long(&at, &number));
    lg_sequence_write_bytes(&out, NULL, 0);
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("\x00"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makers_fill_in_venices_values),
        cmocka_unit_test(longs_are_read_back),
        cmocka_unit_test(pairs_are_read_back),
        cmocka_unit_test(several_blocks_are_one_sequence),
        cmocka_unit_test(a_wrong_block_size_does_no_harm),
        cmocka_unit_test(nothing_and_broken_bytes_end_the_sequence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
