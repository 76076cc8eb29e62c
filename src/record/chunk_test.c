/* Tests of chunk suffixes and manifests, against the bytes of Venice (wire-formats.md 2.4). */
#include "test/test.h"

#include "record/chunk.h"
#include "test/lib/doc_hex.h"

static const struct lg_chunk_id first = {
    .guid = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, .sequence = 2};

static const uint8_t first_bytes[] = {0x00, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05,
                                      0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c,
                                      0x0d, 0x0e, 0x0f, 0x00, 0x04, 0x00, 0x01};

/* Of key `key1`, 2 chunks, schema 1, size 1000000. */
static const uint8_t manifest_bytes[] = {
    0x04, 0x34, 0x08, 0x6b, 0x65, 0x79, 0x31, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
    0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x00, 0x04, 0x00, 0x01, 0x34, 0x08,
    0x6b, 0x65, 0x79, 0x31, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
    0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x00, 0x04, 0x02, 0x01, 0x00, 0x02, 0x80, 0x89, 0x7a};

static void suffixes_have_the_bytes_of_venice(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) plain = {0}, chunk = {0};
    struct lg_chunk_id id;
    struct lg_error err = {0};
    bool is_chunk;

    lg_chunk_write_plain_suffix(&plain);
    assert_slice_equal(lg_buf_slice(&plain), LG_LIT("\x02\x00"));
    assert_int_equal(plain.size, LG_CHUNK_PLAIN_SUFFIX_BYTES);
    lg_chunk_write_suffix(&chunk, &first);
    assert_slice_equal(lg_buf_slice(&chunk), lg_slice(first_bytes, sizeof(first_bytes)));
    assert_ok(lg_chunk_read_suffix(lg_buf_slice(&plain), &is_chunk, &id, &err));
    assert_false(is_chunk);
    assert_ok(lg_chunk_read_suffix(lg_buf_slice(&chunk), &is_chunk, &id, &err));
    assert_true(is_chunk);
    assert_true(lg_guid_equal(&id.guid, &first.guid));
    assert_int_equal(id.segment, 0);
    assert_int_equal(id.sequence, 2);
    assert_int_equal(id.index, 0);
}

/* A sorted push depends on it: chunks of one key ascend, and the plain suffix follows them. */
static void chunks_sort_by_index_and_before_the_plain_suffix(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) before = {0}, plain = {0};

    for (int32_t i = 0; i < LG_CHUNKS_MAX; i++) {
        LG_SCOPED(lg_buf) now = {0};
        struct lg_chunk_id id = first;

        id.index = i;
        id.segment = INT32_MAX;
        id.sequence = INT32_MAX;
        lg_chunk_write_suffix(&now, &id);
        assert_in_range(now.size, 1, LG_CHUNK_SUFFIX_BYTES_MAX);
        if (i > 0)
            assert_true(lg_slice_cmp(lg_buf_slice(&before), lg_buf_slice(&now)) < 0);
        lg_buf_clear(&before);
        lg_buf_append_slice(&before, lg_buf_slice(&now));
    }
    lg_chunk_write_plain_suffix(&plain);
    assert_true(lg_slice_cmp(lg_buf_slice(&before), lg_buf_slice(&plain)) < 0);
}

static void what_is_no_suffix_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "\x02", "\x02\x01", "\x02\x02", "\x04\x01", "\x01"};
    LG_SCOPED(lg_buf) chunk = {0};
    struct lg_chunk_id id;
    struct lg_error err = {0};
    bool is_chunk;

    for (size_t i = 0; i < LG_ARRAY_SIZE(wrong); i++)
        assert_rc(LG_ERR_BAD_DATA,
                  lg_chunk_read_suffix(lg_slice_str(wrong[i]), &is_chunk, &id, &err));
    for (size_t n = 0; n < sizeof(first_bytes); n++)
        assert_rc(LG_ERR_BAD_DATA,
                  lg_chunk_read_suffix(lg_slice(first_bytes, n), &is_chunk, &id, &err));
    lg_buf_append(&chunk, first_bytes, sizeof(first_bytes));
    lg_buf_append_byte(&chunk, 0);
    assert_rc(LG_ERR_BAD_DATA, lg_chunk_read_suffix(lg_buf_slice(&chunk), &is_chunk, &id, &err));
    assert_string_equal(err.text, "1 bytes follow the suffix of the key");
    chunk.size--;
    chunk.data[chunk.size - 1] = 0; /* a chunk's id, and not a chunk */
    assert_rc(LG_ERR_BAD_DATA, lg_chunk_read_suffix(lg_buf_slice(&chunk), &is_chunk, &id, &err));
    assert_string_equal(err.text, "the suffix of the key contradicts itself");
}

static void a_manifest_has_the_bytes_of_venice(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) keys = {0}, list = {0}, out = {0}, page = {0};
    struct lg_slice slices[2], key;
    struct lg_manifest m;
    struct lg_sequence_cursor cursor = {0};
    struct lg_error err = {0};
    size_t half;

    for (int32_t i = 0; i < 2; i++) {
        struct lg_chunk_id id = first;

        id.index = i;
        lg_buf_append_str(&keys, "\x08key1");
        lg_chunk_write_suffix(&keys, &id);
    }
    half = keys.size / 2;
    slices[0] = lg_slice(keys.data, half);
    slices[1] = lg_slice(keys.data + half, half);
    lg_sequence_write_bytes(&list, slices, 2);
    lg_manifest_encode(&out,
                       &(struct lg_manifest){lg_sequence_of(lg_buf_slice(&list), 2), 1, 1000000});
    assert_slice_equal(lg_buf_slice(&out), lg_slice(manifest_bytes, sizeof(manifest_bytes)));
    lg_doc_hex("docs/formats/values.md", 0, &page);
    assert_slice_equal(lg_buf_slice(&out), lg_buf_slice(&page));
    assert_ok(lg_manifest_decode(lg_buf_slice(&out), &m, &err));
    assert_int_equal(m.schema_id, 1);
    assert_int_equal(m.size, 1000000);
    assert_int_equal(m.keys.count, 2);
    cursor.encoded = m.keys.encoded;
    assert_true(lg_sequence_next_bytes(&cursor, &key));
    assert_slice_equal(key, slices[0]);
    assert_true(lg_sequence_next_bytes(&cursor, &key));
    assert_slice_equal(key, slices[1]);
    assert_false(lg_sequence_next_bytes(&cursor, &key));
}

static void refused(const char *bytes, size_t size, const char *sentence)
{
    struct lg_manifest m = {.size = 77};
    struct lg_error err = {0};

    assert_rc(LG_ERR_BAD_DATA, lg_manifest_decode(lg_slice(bytes, size), &m, &err));
    assert_non_null(strstr(err.text, sentence));
    assert_int_equal(m.size, 77);
}

static void a_manifest_that_cannot_be_is_refused(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) many = {0};
    struct lg_manifest m;
    struct lg_error err = {0};

    for (size_t n = 0; n < sizeof(manifest_bytes); n++)
        assert_rc(LG_ERR_BAD_DATA, lg_manifest_decode(lg_slice(manifest_bytes, n), &m, &err));
    refused("\x00\x02\x02", 3, "names no chunk");
    refused("\x02\x02z\x00\x02\x02!", 7, "1 bytes follow the manifest");
    refused("\x02\x02z\x00\x00\x02", 6, "names schema id 0");
    refused("\x02\x02z\x00\x02\x01", 6, "announces -1 bytes");
    refused("\x02\x02z\x00\x02\x82\x80\x80\x14", 9, "announces 20971521 bytes");
    /* A block that gives its size: right, and larger than it is. */
    assert_ok(lg_manifest_decode(LG_LIT("\x01\x04\x02z\x00\x02\x02"), &m, &err));
    refused("\x01\x06\x02z\x00\x02\x02", 7, "a block ends that says it ends at byte 5");
    lg_buf_append(&many, "\x82\x01", 2); /* 65 keys */
    for (int i = 0; i < 65; i++)
        lg_buf_append(&many, "\x02z", 2);
    lg_buf_append(&many, "\x00\x02\x02", 3);
    refused((const char *)many.data, many.size, "more than 64 chunks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suffixes_have_the_bytes_of_venice),
        cmocka_unit_test(chunks_sort_by_index_and_before_the_plain_suffix),
        cmocka_unit_test(what_is_no_suffix_is_refused),
        cmocka_unit_test(a_manifest_has_the_bytes_of_venice),
        cmocka_unit_test(a_manifest_that_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
