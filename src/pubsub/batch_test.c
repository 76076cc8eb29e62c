/* Tests of the batch format: the page's example, round trips, every refusal. */
#include "pubsub/batch.h"

#include "test/lib/doc_hex.h"
#include "test/test.h"

#define PAGE "docs/formats/batch.md"

static const struct lg_pubsub_header one_header[] = {
    {.name = {(const uint8_t *)"pmm", 3}, .value = {(const uint8_t *)"\x01", 1}}};

static const struct lg_pubsub_record first = {
    .key = {(const uint8_t *)"k1", 2},
    .value = {(const uint8_t *)"v1", 2},
    .timestamp_ms = 1000,
    .headers = one_header,
    .header_count = 1,
};

static void the_writer_writes_the_example_of_the_page(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) want = {0};
    LG_SCOPED(lg_buf) got = {0};
    struct lg_pubsub_record second = {.timestamp_ms = -1, .position = lg_position_from_offset(42)};

    lg_doc_hex(PAGE, 0, &want);
    lg_batch_add(&got, &first);
    lg_batch_add(&got, &second);
    assert_slice_equal(lg_buf_slice(&got), lg_buf_slice(&want));
}

static void the_reader_reads_the_example_of_the_page(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_error err = {0};
    struct lg_pubsub_record r;
    struct lg_batch_reader reader;
    size_t count = 0;
    int64_t offset = -1;
    bool end = true;

    lg_doc_hex(PAGE, 0, &bytes);
    assert_ok(lg_batch_check(lg_buf_slice(&bytes), &count, &err));
    assert_int_equal(count, 2);
    reader = lg_batch_read(lg_buf_slice(&bytes));
    assert_ok(lg_batch_next(&reader, &r, &end, &err));
    assert_false(end);
    assert_slice_equal(r.key, LG_LIT("k1"));
    assert_slice_equal(r.value, LG_LIT("v1"));
    assert_int_equal(r.timestamp_ms, 1000);
    assert_int_equal(r.header_count, 1);
    assert_slice_equal(r.headers[0].name, LG_LIT("pmm"));
    assert_slice_equal(r.headers[0].value, LG_LIT("\x01"));
    assert_int_equal(r.position.size, 0);
    assert_ok(lg_batch_next(&reader, &r, &end, &err));
    assert_false(end);
    assert_int_equal(r.key.size, 0);
    assert_int_equal(r.value.size, 0);
    assert_int_equal(r.timestamp_ms, -1);
    assert_true(lg_position_offset(&r.position, &offset));
    assert_int_equal(offset, 42);
    assert_ok(lg_batch_next(&reader, &r, &end, &err));
    assert_true(end);
}

static void every_prefix_that_cuts_a_record_is_refused(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_error err = {0};
    size_t first_bytes;

    lg_batch_add(&bytes, &first);
    first_bytes = bytes.size;
    lg_batch_add(&bytes, &first);
    for (size_t n = 0; n <= bytes.size; n++) {
        size_t count = 99;
        enum lg_rc rc = lg_batch_check(lg_slice(bytes.data, n), &count, &err);

        if (n % first_bytes == 0) {
            assert_rc(LG_OK, rc);
            assert_int_equal(count, n / first_bytes);
        } else {
            assert_rc(LG_ERR_BAD_DATA, rc);
            assert_int_equal(count, 99);
        }
    }
}

static enum lg_rc check_changed(size_t at, uint8_t value)
{
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_error err = {0};
    size_t count;

    lg_doc_hex(PAGE, 0, &bytes);
    bytes.data[at] = value;
    return lg_batch_check(lg_buf_slice(&bytes), &count, &err);
}

static void what_the_page_does_not_allow_is_refused(void **state)
{
    (void)state;
    assert_rc(LG_ERR_BAD_DATA, check_changed(0, 0x20));     /* another version */
    assert_rc(LG_ERR_BAD_DATA, check_changed(0, 0x12));     /* an unknown flag */
    assert_rc(LG_ERR_TOO_LARGE, check_changed(4, 0x01));    /* a size over the limit */
    assert_rc(LG_ERR_BAD_DATA, check_changed(3, 0x01));     /* a size that leaves the batch */
    assert_rc(LG_ERR_BAD_DATA, check_changed(13, 17));      /* too many headers */
    assert_rc(LG_ERR_BAD_DATA, check_changed(15, 0xff));    /* a name that leaves the record */
    assert_rc(LG_ERR_BAD_DATA, check_changed(24, 5));       /* a key that leaves the record */
    assert_rc(LG_ERR_BAD_DATA, check_changed(32 + 9, 0));   /* a position of no bytes */
    assert_rc(LG_ERR_BAD_DATA, check_changed(32 + 9, 200)); /* a position of too many */
}

static void a_batch_over_the_limit_is_refused(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_pubsub_record big = {0};
    struct lg_error err = {0};
    size_t count;
    uint8_t *value = lg_zalloc(LG_BATCH_RECORD_BYTES_MAX);

    big.value = lg_slice(value, LG_BATCH_RECORD_BYTES_MAX - 13);
    lg_batch_add(&bytes, &big);
    assert_ok(lg_batch_check(lg_buf_slice(&bytes), &count, &err)); /* Exactly the limit. */
    for (int i = 0; i < 3; i++)
        lg_batch_add(&bytes, &big);
    assert_rc(LG_ERR_TOO_LARGE, lg_batch_check(lg_buf_slice(&bytes), &count, &err));
    lg_buf_clear(&bytes);
    big.value.size++;
    lg_batch_add(&bytes, &big);
    assert_rc(LG_ERR_TOO_LARGE, lg_batch_check(lg_buf_slice(&bytes), &count, &err));
    lg_free(value);
}

static void an_empty_batch_has_no_records(void **state)
{
    (void)state;
    struct lg_error err = {0};
    size_t count = 7;

    assert_ok(lg_batch_check(LG_SLICE_NULL, &count, &err));
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_writer_writes_the_example_of_the_page),
        cmocka_unit_test(the_reader_reads_the_example_of_the_page),
        cmocka_unit_test(every_prefix_that_cuts_a_record_is_refused),
        cmocka_unit_test(what_the_page_does_not_allow_is_refused),
        cmocka_unit_test(a_batch_over_the_limit_is_refused),
        cmocka_unit_test(an_empty_batch_has_no_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
