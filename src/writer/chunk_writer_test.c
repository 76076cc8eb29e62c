/* Tests of the messages of one row: what a reader needs to put a large value together again. */
#include "test/test.h"

#include "writer/chunk_writer.h"

static const struct lg_guid guid = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};
static const struct lg_segment_stamp stamp = {.timestamp_ms = 1700000000000,
                                              .writer = {(const uint8_t *)"w", 1}};

static void open_segment(struct lg_segment *s)
{
    LG_SCOPED(lg_buf) key = {0}, value = {0};

    lg_segment_init(s, &guid, 0, LG_CHECKSUM_ADHASH);
    lg_segment_start(s, &stamp, &key, &value);
}

/* One message; its user key into `out_key`. Returns whether the row is whole. */
static bool next(struct lg_chunk_writer *w, struct lg_segment *s, struct lg_buf *out_key,
                 struct lg_buf *bytes, struct lg_envelope *e)
{
    LG_SCOPED(lg_buf) key = {0};
    enum lg_key_header header;
    struct lg_slice user;
    struct lg_error err = {0};
    bool whole;

    lg_buf_clear(bytes);
    lg_buf_clear(out_key);
    whole = lg_chunk_writer_next(w, s, &stamp, &key, bytes);
    assert_ok(lg_envelope_decode_key(lg_buf_slice(&key), &header, &user, &err));
    assert_int_equal(header, LG_KEY_DATA);
    lg_buf_append_slice(out_key, user);
    assert_ok(lg_envelope_decode(lg_buf_slice(bytes), e, &err));
    assert_int_equal(e->type, LG_MESSAGE_PUT);
    return whole;
}

static void a_row_of_an_unchunked_version_is_one_put_under_its_key(void **state)
{
    (void)state;
    LG_SCOPED(lg_chunk_writer) w = {0};
    LG_SCOPED(lg_buf) key = {0}, bytes = {0};
    struct lg_segment s;
    struct lg_envelope e;

    open_segment(&s);
    lg_chunk_writer_begin(&w, /* chunked= */ false, LG_LIT("\x08key1"), 3, LG_LIT("value"));
    assert_true(next(&w, &s, &key, &bytes, &e));
    assert_slice_equal(lg_buf_slice(&key), LG_LIT("\x08key1"));
    assert_slice_equal(e.put.value, LG_LIT("value"));
    assert_int_equal(e.put.schema_id, 3);
}

static void a_small_row_of_a_chunked_version_carries_the_plain_suffix(void **state)
{
    (void)state;
    LG_SCOPED(lg_chunk_writer) w = {0};
    LG_SCOPED(lg_buf) key = {0}, bytes = {0};
    struct lg_segment s;
    struct lg_envelope e;

    open_segment(&s);
    for (int i = 0; i < 2; i++) { /* A writer is used again and again. */
        lg_chunk_writer_begin(&w, /* chunked= */ true, LG_LIT("\x08key1"), 3, LG_LIT("value"));
        assert_true(next(&w, &s, &key, &bytes, &e));
        assert_slice_equal(lg_buf_slice(&key), LG_LIT("\x08key1\x02\x00"));
        assert_slice_equal(e.put.value, LG_LIT("value"));
        assert_int_equal(e.put.schema_id, 3);
    }
}

/* Chunks first, in ascending keys, then the manifest that names them. */
static void check_large(size_t value_bytes)
{
    uint8_t *value = lg_alloc(value_bytes);
    LG_SCOPED(lg_chunk_writer) w = {0};
    LG_SCOPED(lg_buf) key = {0}, bytes = {0}, before = {0}, joined = {0}, keys = {0};
    struct lg_segment s;
    struct lg_envelope e;
    struct lg_manifest m;
    struct lg_sequence_cursor cursor = {0};
    struct lg_slice named, rest;
    struct lg_error err = {0};
    size_t chunks = 0;

    for (size_t i = 0; i < value_bytes; i++)
        value[i] = (uint8_t)(i * 31 >> 7);
    open_segment(&s);
    lg_chunk_writer_begin(&w, /* chunked= */ true, LG_LIT("\x08key1"), 3,
                          lg_slice(value, value_bytes));
    while (!next(&w, &s, &key, &bytes, &e)) {
        assert_int_equal(e.put.schema_id, LG_SCHEMA_ID_CHUNK);
        assert_int_equal(e.put.rmd_version, -1);
        assert_int_equal(e.producer.logical_timestamp, LG_LOGICAL_TIMESTAMP_NONE);
        assert_in_range(key.size + e.put.value.size, 1,
                        LG_RECORD_PAYLOAD_BYTES_MAX + LG_CHUNK_SUFFIX_BYTES_MAX);
        assert_true(lg_slice_cmp(lg_buf_slice(&before), lg_buf_slice(&key)) < 0);
        lg_buf_clear(&before);
        lg_buf_append_slice(&before, lg_buf_slice(&key));
        lg_buf_append_slice(&keys, lg_buf_slice(&key));
        lg_buf_append_slice(&joined, e.put.value);
        chunks++;
    }
    assert_slice_equal(lg_buf_slice(&joined), lg_slice(value, value_bytes));
    assert_slice_equal(lg_buf_slice(&key), LG_LIT("\x08key1\x02\x00"));
    assert_true(lg_slice_cmp(lg_buf_slice(&before), lg_buf_slice(&key)) < 0);
    assert_int_equal(e.put.schema_id, LG_SCHEMA_ID_MANIFEST);
    assert_ok(lg_manifest_decode(e.put.value, &m, &err));
    assert_int_equal(m.size, value_bytes);
    assert_int_equal(m.schema_id, 3);
    assert_int_equal(m.keys.count, chunks);
    cursor.encoded = m.keys.encoded;
    rest = lg_buf_slice(&keys);
    while (lg_sequence_next_bytes(&cursor, &named)) {
        assert_true(lg_slice_starts(rest, named));
        rest = lg_slice_skip(rest, named.size);
    }
    assert_int_equal(rest.size, 0);
    lg_free(value);
}

static void a_large_row_is_its_chunks_and_then_their_manifest(void **state)
{
    (void)state;
    check_large(LG_RECORD_PAYLOAD_BYTES_MAX); /* with its key one message too large */
    check_large(2 * (LG_RECORD_PAYLOAD_BYTES_MAX - 5));
    check_large(2 * (LG_RECORD_PAYLOAD_BYTES_MAX - 5) + 1);
    check_large(LG_VALUE_BYTES_MAX);
}

/* The first chunk's own segment and sequence number name all of them (wire-formats.md 2.4). */
static void chunks_are_named_after_the_first_message(void **state)
{
    (void)state;
    uint8_t *value = lg_zalloc(LG_VALUE_BYTES_MAX);
    LG_SCOPED(lg_chunk_writer) w = {0};
    LG_SCOPED(lg_buf) key = {0}, bytes = {0};
    struct lg_segment s;
    struct lg_envelope e;
    struct lg_chunk_id id;
    struct lg_error err = {0};
    int32_t index = 0;
    bool is_chunk;

    open_segment(&s);
    lg_chunk_writer_begin(&w, true, LG_LIT("k"), 3, LG_LIT("small"));
    assert_true(next(&w, &s, &key, &bytes, &e));
    lg_chunk_writer_begin(&w, true, LG_LIT("l"), 3, lg_slice(value, LG_VALUE_BYTES_MAX));
    while (!next(&w, &s, &key, &bytes, &e)) {
        assert_ok(lg_chunk_read_suffix(lg_slice_skip(lg_buf_slice(&key), 1), &is_chunk, &id, &err));
        assert_true(is_chunk);
        assert_true(lg_guid_equal(&id.guid, &guid));
        assert_int_equal(id.segment, 0);
        assert_int_equal(id.sequence, 2); /* behind START_OF_SEGMENT and the small row */
        assert_int_equal(id.index, index++);
    }
    assert_int_equal(index, 22);
    lg_free(value);
}

static void rows_that_no_message_can_carry_are_refused_by_name(void **state)
{
    (void)state;
    struct lg_error err = {0};

    assert_ok(lg_chunk_writer_check(false, 5, LG_RECORD_PAYLOAD_BYTES_MAX - 5, &err));
    assert_rc(LG_ERR_TOO_LARGE,
              lg_chunk_writer_check(false, 5, LG_RECORD_PAYLOAD_BYTES_MAX - 4, &err));
    assert_non_null(strstr(err.text, "a record of 972801 bytes"));
    assert_non_null(strstr(err.text, "--chunking"));
    assert_ok(lg_chunk_writer_check(true, 5, LG_VALUE_BYTES_MAX, &err));
    assert_rc(LG_ERR_TOO_LARGE, lg_chunk_writer_check(true, 5, LG_VALUE_BYTES_MAX + 1, &err));
    assert_non_null(strstr(err.text, "a value of 20971521 bytes; at most 20971520 are allowed"));
    assert_ok(lg_chunk_writer_check(true, LG_KEY_BYTES_MAX, LG_VALUE_BYTES_MAX, &err));
    assert_rc(LG_ERR_TOO_LARGE, lg_chunk_writer_check(true, LG_KEY_BYTES_MAX + 1, 0, &err));
    assert_non_null(strstr(err.text, "limit key_bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_an_unchunked_version_is_one_put_under_its_key),
        cmocka_unit_test(a_small_row_of_a_chunked_version_carries_the_plain_suffix),
        cmocka_unit_test(a_large_row_is_its_chunks_and_then_their_manifest),
        cmocka_unit_test(chunks_are_named_after_the_first_message),
        cmocka_unit_test(rows_that_no_message_can_carry_are_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
