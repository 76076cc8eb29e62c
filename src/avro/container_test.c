/* Object container files: there and back, every way in which a file can be wrong, and the data set
 * of examples/cities, which another program wrote. */
#include "avro/canonical.h"
#include "avro/container.h"
#include "avro/decode.h"
#include "avro/encode.h"
#include "base/compressor.h"
#include "test/lib/doc_hex.h"
#include "test/test.h"

#include <stdio.h>

static const uint8_t sync_marker[LG_CONTAINER_SYNC_BYTES] = "sixteen bytes ..";

/* The file in pieces of `piece` bytes, then, if `fails`, an error of the disk. */
struct pieces {
    struct lg_slice rest;
    size_t piece;
    bool fails;
};

static enum lg_rc pieces_read(void *ctx, void *out, size_t size, size_t *out_read,
                              struct lg_error *err)
{
    struct pieces *p = ctx;
    size_t most = LG_MIN(size, p->piece);
    size_t n = LG_MIN(most, p->rest.size);

    if (n == 0 && p->fails)
        return lg_error_set(err, LG_ERR_IO, "the disk is gone");
    if (n > 0)
        memcpy(out, p->rest.data, n);
    p->rest = lg_slice_skip(p->rest, n);
    *out_read = n;
    return LG_OK;
}

/* `count` longs 0, 1, 2 ... as a file. */
static void write_longs(struct lg_buf *file, enum lg_container_codec codec, size_t block_bytes,
                        int count)
{
    LG_AUTO(lg_schema) *schema = NULL;
    LG_AUTO(lg_container_writer) *writer = NULL;
    struct lg_error err = {0};
    struct lg_container_writer_options options = {
        .codec = codec, .block_bytes = block_bytes, .sync = sync_marker};

    assert_ok(lg_schema_parse(LG_LIT(" \"long\" "), &schema, &err));
    options.schema = schema;
    assert_ok(lg_container_writer_open(lg_sink_of_buf(file), &options, &writer, &err));
    for (int i = 0; i < count; i++) {
        LG_SCOPED(lg_buf) datum = {0};

        lg_encode_long(&datum, i);
        assert_ok(lg_container_writer_add(writer, lg_buf_slice(&datum), &err));
    }
    assert_ok(lg_container_writer_flush(writer, &err));
    assert_ok(lg_container_writer_flush(writer, &err)); /* Nothing pending: writes nothing. */
}

static enum lg_rc read_all(struct lg_slice bytes, size_t piece, int *out_count,
                           struct lg_error *err)
{
    struct pieces p = {.rest = bytes, .piece = piece};
    LG_AUTO(lg_container) *c = NULL;
    bool at_end = false;
    enum lg_rc rc = lg_container_open((struct lg_source){pieces_read, &p}, &c, err);

    *out_count = 0;
    while (rc == LG_OK && !at_end) {
        struct lg_slice record = {0};

        rc = lg_container_next_record(c, &record, &at_end, err);
        if (rc == LG_OK && !at_end) {
            struct lg_decoder d = lg_decoder_of(record);
            int64_t v = -1;

            rc = lg_decode_long(&d, &v, err);
            if (rc == LG_OK)
                assert_true(v == *out_count);
            (*out_count)++;
        }
    }
    if (rc == LG_OK)
        assert_int_equal(lg_container_offset(c), bytes.size);
    return rc;
}

static void what_is_written_is_read(void **state)
{
    static const size_t pieces[] = {1, 3, 17, 100000};
    struct lg_error err = {0};
    (void)state;

    for (int codec = LG_CODEC_NULL; codec < LG_CODEC_COUNT; codec++) {
        LG_SCOPED(lg_buf) file = {0};

        write_longs(&file, (enum lg_container_codec)codec, /* block_bytes= */ 100, 1000);
        for (size_t i = 0; i < LG_ARRAY_SIZE(pieces); i++) {
            int count = 0;

            assert_ok(read_all(lg_buf_slice(&file), pieces[i], &count, &err));
            assert_int_equal(count, 1000);
        }
    }
}

static void the_example_of_the_page_is_written_and_read(void **state)
{
    LG_SCOPED(lg_buf) page = {0};
    LG_SCOPED(lg_buf) file = {0};
    LG_AUTO(lg_schema) *schema = NULL;
    LG_AUTO(lg_container_writer) *writer = NULL;
    LG_AUTO(lg_container) *c = NULL;
    struct lg_slice rest, block = {0};
    struct lg_container_writer_options options = {.codec = LG_CODEC_SNAPPY,
                                                  .sync = (const uint8_t *)"lagoon's marker."};
    struct lg_error err = {0};
    bool at_end = false;
    int64_t count = 0;
    (void)state;

    lg_doc_hex("docs/formats/avro.md", 0, &page);
    assert_ok(lg_schema_parse(LG_LIT("\"long\""), &schema, &err));
    options.schema = schema;
    assert_ok(lg_container_writer_open(lg_sink_of_buf(&file), &options, &writer, &err));
    assert_ok(lg_container_writer_add(writer, LG_LIT("\x02"), &err));
    assert_ok(lg_container_writer_add(writer, LG_LIT("\x54"), &err));
    assert_ok(lg_container_writer_flush(writer, &err));
    assert_slice_equal(lg_buf_slice(&file), lg_buf_slice(&page));
    rest = lg_buf_slice(&page);
    assert_ok(lg_container_open(lg_source_of_slice(&rest), &c, &err));
    assert_ok(lg_container_next_block(c, &block, &count, &at_end, &err));
    assert_int_equal(count, 2);
    assert_slice_equal(block, LG_LIT("\x02\x54"));
}

static void a_file_without_records_is_good(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    struct lg_error err = {0};
    int count = 7;
    (void)state;

    write_longs(&file, LG_CODEC_NULL, 0, 0);
    assert_ok(read_all(lg_buf_slice(&file), 5, &count, &err));
    assert_int_equal(count, 0);
}

static void the_header_is_kept(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    LG_AUTO(lg_container) *c = NULL;
    struct lg_slice rest, value = {0};
    struct lg_error err = {0};
    (void)state;

    write_longs(&file, LG_CODEC_DEFLATE, 0, 3);
    rest = lg_buf_slice(&file);
    assert_ok(lg_container_open(lg_source_of_slice(&rest), &c, &err));
    assert_int_equal(lg_container_codec(c), LG_CODEC_DEFLATE);
    assert_int_equal(lg_schema_kind(lg_container_schema(c)), LG_AVRO_LONG);
    assert_slice_equal(lg_schema_text(lg_container_schema(c)), LG_LIT(" \"long\" "));
    assert_true(lg_container_metadata(c, "avro.codec", &value));
    assert_slice_equal(value, LG_LIT("deflate"));
    assert_false(lg_container_metadata(c, "avro.codecs", &value));
}

static void blocks_are_closed_before_they_grow_too_large(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    LG_AUTO(lg_container) *c = NULL;
    struct lg_slice rest, block = {0};
    struct lg_error err = {0};
    bool at_end = false;
    int64_t count = 0, total = 0;
    int blocks = 0;
    (void)state;

    write_longs(&file, LG_CODEC_DEFLATE, /* block_bytes= */ 10, 50);
    rest = lg_buf_slice(&file);
    assert_ok(lg_container_open(lg_source_of_slice(&rest), &c, &err));
    for (;;) {
        assert_ok(lg_container_next_block(c, &block, &count, &at_end, &err));
        if (at_end)
            break;
        assert_int_equal(block.size, count); /* Each of 0 to 49 takes one byte. */
        assert_true(block.size <= 10);
        blocks++;
        total += count;
    }
    assert_int_equal(total, 50);
    assert_int_equal(blocks, 5);
}

/* --- What is wrong with it? ------------------------------------------------------------------- */

static void assert_bad(struct lg_slice file, enum lg_rc rc, const char *says)
{
    struct lg_error err = {0};
    int count;

    assert_rc(rc, read_all(file, 11, &count, &err));
    if (strstr(err.text, says) == NULL)
        fail_msg("wanted \"%s\" in: %s", says, err.text);
    assert_rc(rc, read_all(file, 11, &count, NULL));
}

static void foreign_files_are_told_what_they_seem(void **state)
{
    (void)state;
    assert_bad(LG_SLICE_NULL, LG_ERR_BAD_DATA, "the file is empty");
    assert_bad(LG_LIT("{\"id\":1}\n"), LG_ERR_BAD_DATA, "looks like JSON");
    assert_bad(LG_LIT("[1]"), LG_ERR_BAD_DATA, "looks like JSON");
    assert_bad(LG_LIT("\x1f\x8b\x08"), LG_ERR_BAD_DATA, "gzip; unpack it first");
    assert_bad(LG_LIT("PAR1...."), LG_ERR_BAD_DATA, "Parquet");
    assert_bad(LG_LIT("PK\x03\x04"), LG_ERR_BAD_DATA, "zip");
    assert_bad(LG_LIT("Obj\2"), LG_ERR_BAD_DATA, "another version");
    assert_bad(LG_LIT("id,name\n1,x\n"), LG_ERR_BAD_DATA, "text, such as CSV");
    assert_bad(LG_LIT("\x00\x01\x02\x03"), LG_ERR_BAD_DATA, "binary data");
}

static void a_truncated_file_says_where_it_ends(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    size_t header_end;
    struct lg_error err = {0};
    int count;
    (void)state;

    write_longs(&file, LG_CODEC_NULL, 0, 0);
    header_end = file.size;
    lg_buf_clear(&file);
    write_longs(&file, LG_CODEC_NULL, 0, 3);
    for (size_t n = 1; n < file.size; n++) {
        char says[64];

        if (n == header_end)
            continue; /* A file of no blocks. */
        snprintf(says, sizeof(says), "the file is truncated: it ends at byte %zu, ", n);
        assert_rc(LG_ERR_BAD_DATA, read_all(lg_slice(file.data, n), 11, &count, &err));
        if (strstr(err.text, says) == NULL)
            fail_msg("wanted \"%s\" in: %s", says, err.text);
    }
}

/* A header with any codec and schema, and then any bytes. */
static void write_file(struct lg_buf *file, const char *codec, const char *schema,
                       struct lg_slice after)
{
    lg_buf_append_str(file, "Obj\1");
    if (codec != NULL || schema != NULL) {
        lg_encode_long(file, -((codec != NULL ? 1 : 0) + (schema != NULL ? 1 : 0)));
        lg_encode_long(file, 99); /* The block's size, which is not needed. */
    }
    if (codec != NULL) {
        lg_encode_string(file, LG_LIT("avro.codec"));
        lg_encode_string(file, lg_slice_str(codec));
    }
    if (schema != NULL) {
        lg_encode_string(file, LG_LIT("avro.schema"));
        lg_encode_string(file, lg_slice_str(schema));
    }
    lg_encode_long(file, 0);
    lg_buf_append(file, sync_marker, sizeof(sync_marker));
    lg_buf_append_slice(file, after);
}

static void assert_bad_file(const char *codec, const char *schema, struct lg_slice after,
                            enum lg_rc rc, const char *says)
{
    LG_SCOPED(lg_buf) file = {0};

    write_file(&file, codec, schema, after);
    assert_bad(lg_buf_slice(&file), rc, says);
}

static void bad_headers_are_named(void **state)
{
    (void)state;
    assert_bad_file("bzip2", "\"long\"", LG_SLICE_NULL, LG_ERR_UNSUPPORTED,
                    "compressed with \"bzip2\"; write it again with the codec zstandard, snappy, "
                    "deflate or null");
    assert_bad_file(NULL, "\"lang\"", LG_SLICE_NULL, LG_ERR_SCHEMA,
                    "the file's header: schema at $: no type \"lang\"");
    assert_bad_file("null", NULL, LG_SLICE_NULL, LG_ERR_BAD_DATA, "no avro.schema");
    assert_bad(LG_LIT("Obj\1\x02\x01"), LG_ERR_BAD_DATA, "an entry of -1 bytes");
    assert_bad(LG_LIT("Obj\1\x02\xfe\xff\xff\xff\x0f"), LG_ERR_BAD_DATA, "over the limit");
    assert_bad(LG_LIT("Obj\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), LG_ERR_BAD_DATA,
               "at byte 4 of the file: the header is damaged");
}

static void too_many_header_entries_are_refused(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    (void)state;

    lg_buf_append_str(&file, "Obj\1");
    lg_encode_long(&file, 1025);
    for (int i = 0; i < 1025; i++)
        lg_buf_append(&file, "\0\0", 2);
    assert_bad(lg_buf_slice(&file), LG_ERR_TOO_LARGE, "over 1024 entries");
}

static void bad_blocks_are_named_with_their_offset(void **state)
{
    static const char long_schema[] = "\"long\"";
    LG_SCOPED(lg_buf) block = {0};
    (void)state;

#define MARK "sixteen bytes .."
    assert_bad_file(NULL, long_schema, LG_LIT("\x02\x02\x0axxxxxxxxxxxxxxxx"), LG_ERR_BAD_DATA,
                    "in the block at byte 43 of the file: the marker after it is not the file's");
    assert_bad_file(NULL, long_schema, LG_LIT("\x01\x02\x0a" MARK), LG_ERR_BAD_DATA,
                    "its count or size is negative");
    assert_bad_file(NULL, long_schema, LG_LIT("\x02\x01" MARK), LG_ERR_BAD_DATA,
                    "its count or size is negative");
    assert_bad_file(NULL, long_schema, LG_LIT("\x02\x82\x80\x80\x40" MARK), LG_ERR_TOO_LARGE,
                    "over 64 MiB");
    assert_bad_file(NULL, long_schema, LG_LIT("\x04\x02\x00" MARK), LG_ERR_BAD_DATA,
                    "cannot hold as many records");
    assert_bad_file(NULL, "\"null\"", LG_LIT("\xfe\xff\xff\xff\x0f\x00" MARK), LG_ERR_BAD_DATA,
                    "cannot hold as many records");
    assert_bad_file(
        NULL, long_schema, LG_LIT("\x02\x04\x00\x00" MARK), LG_ERR_BAD_DATA,
        "in the block at byte 43 of the file: it holds more than the records it counts");
    assert_bad_file(NULL, long_schema, LG_LIT("\x04\x04\x00\x80" MARK), LG_ERR_BAD_DATA,
                    "record 2, in the block at byte 43 of the file: the data ends at byte 2");
    assert_bad_file("deflate", long_schema, LG_LIT("\x02\x04\xff\xff" MARK), LG_ERR_BAD_DATA,
                    "in the block at byte 62 of the file: ");
    assert_bad_file("snappy", long_schema, LG_LIT("\x02\x0a\x01\x00\x05zz" MARK), LG_ERR_BAD_DATA,
                    "in the block at byte 61 of the file: the snappy ");
    assert_bad_file("zstandard", long_schema, LG_LIT("\x02\x04zz" MARK), LG_ERR_BAD_DATA,
                    "in the block at byte 64 of the file: ");
    assert_bad_file(NULL, long_schema, LG_LIT("\x02\x02\x00" MARK "\x02\x02\x00sixteen"),
                    LG_ERR_BAD_DATA,
                    "the file is truncated: it ends at byte 72, inside the block at byte 62");
    /* An empty block is allowed. */
    write_file(&block, NULL, long_schema, LG_LIT("\x00\x00" MARK "\x02\x02\x00" MARK));
    {
        struct lg_error err = {0};
        int count;

        assert_ok(read_all(lg_buf_slice(&block), 11, &count, &err));
        assert_int_equal(count, 1);
    }
}

static void joined_files_are_told_apart(void **state)
{
    LG_SCOPED(lg_buf) files = {0};
    char says[80];
    (void)state;

    write_longs(&files, LG_CODEC_SNAPPY, 0, 1);
    snprintf(says, sizeof(says), "in the block at byte %zu of the file: another Avro file begins",
             files.size);
    write_longs(&files, LG_CODEC_SNAPPY, 0, 1);
    assert_bad(lg_buf_slice(&files), LG_ERR_BAD_DATA, says);
}

/* 40 MB of zeros in 1.3 kB: within the limit of a block, but beyond any ratio of real data. */
static void a_block_that_inflates_too_much_for_its_size_is_refused(void **state)
{
    LG_AUTO(lg_zstd) *zstd = lg_zstd_new();
    LG_SCOPED(lg_buf) zeros = {0};
    LG_SCOPED(lg_buf) packed = {0};
    LG_SCOPED(lg_buf) block = {0};
    LG_SCOPED(lg_buf) file = {0};
    struct lg_error err = {0};
    size_t n = (size_t)40 << 20;
    (void)state;

    memset(lg_buf_reserve(&zeros, n), 0, n);
    lg_buf_commit(&zeros, n);
    assert_ok(lg_codec_pack(LG_CODEC_ZSTANDARD, zstd, &packed, lg_buf_slice(&zeros), &err));
    assert_true(packed.size * LG_CONTAINER_RATIO_MAX < n - LG_CONTAINER_RATIO_FREE_BYTES);
    lg_encode_long(&block, (int64_t)n);
    lg_encode_bytes(&block, lg_buf_slice(&packed));
    lg_buf_append(&block, sync_marker, sizeof(sync_marker));
    write_file(&file, "zstandard", "\"long\"", lg_buf_slice(&block));
    assert_bad(lg_buf_slice(&file), LG_ERR_TOO_LARGE, "in the block at byte 64 of the file: ");
}

static void a_block_that_inflates_without_end_is_refused(void **state)
{
    LG_SCOPED(lg_buf) zeros = {0};
    LG_SCOPED(lg_buf) packed = {0};
    LG_SCOPED(lg_buf) block = {0};
    LG_SCOPED(lg_buf) file = {0};
    struct lg_error err = {0};
    uint8_t *room;
    (void)state;

    room = lg_buf_reserve(&zeros, LG_CONTAINER_BLOCK_BYTES_MAX + 1);
    memset(room, 0, LG_CONTAINER_BLOCK_BYTES_MAX + 1);
    lg_buf_commit(&zeros, LG_CONTAINER_BLOCK_BYTES_MAX + 1);
    assert_ok(lg_deflate_raw(&packed, lg_buf_slice(&zeros), &err));
    lg_encode_long(&block, 1);
    lg_encode_bytes(&block, lg_buf_slice(&packed));
    lg_buf_append(&block, sync_marker, sizeof(sync_marker));
    write_file(&file, "deflate", "\"long\"", lg_buf_slice(&block));
    assert_bad(lg_buf_slice(&file), LG_ERR_TOO_LARGE, "in the block at byte ");
}

static void an_error_of_the_disk_is_passed_on(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    LG_AUTO(lg_container) *c = NULL;
    struct lg_slice record = {0};
    struct lg_error err = {0};
    struct pieces p = {.piece = 1, .fails = true};
    bool at_end = false;
    (void)state;

    assert_rc(LG_ERR_IO, lg_container_open((struct lg_source){pieces_read, &p}, &c, &err));
    assert_null(c);
    write_longs(&file, LG_CODEC_NULL, 0, 3);
    p.rest = lg_slice(file.data, file.size - 1);
    assert_ok(lg_container_open((struct lg_source){pieces_read, &p}, &c, &err));
    assert_rc(LG_ERR_IO, lg_container_next_record(c, &record, &at_end, &err));
    assert_string_equal(err.text, "the disk is gone");
}

static void the_writer_refuses_what_is_not_a_datum(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    LG_SCOPED(lg_buf) small = lg_buf_with_ceiling(10);
    LG_AUTO(lg_schema) *schema = NULL;
    LG_AUTO(lg_container_writer) *writer = NULL;
    LG_AUTO(lg_container_writer) *none = NULL;
    struct lg_error err = {0};
    struct lg_container_writer_options options = {.sync = sync_marker};
    (void)state;

    assert_ok(lg_schema_parse(LG_LIT("\"long\""), &schema, &err));
    options.schema = schema;
    assert_rc(LG_ERR_TOO_LARGE,
              lg_container_writer_open(lg_sink_of_buf(&small), &options, &none, &err));
    assert_null(none);
    assert_ok(lg_container_writer_open(lg_sink_of_buf(&file), &options, &writer, &err));
    assert_rc(LG_ERR_BAD_DATA, lg_container_writer_add(writer, LG_LIT("\x80"), &err));
    assert_rc(LG_ERR_BAD_DATA, lg_container_writer_add(writer, LG_LIT("\x02\x02"), &err));
    assert_ok(lg_container_writer_add(writer, LG_LIT("\x00"), &err));
}

/* --- The data set. ---------------------------------------------------------------------------- */

static enum lg_rc file_read(void *ctx, void *out, size_t size, size_t *out_read,
                            struct lg_error *err)
{
    *out_read = fread(out, 1, size, ctx);
    return ferror((FILE *)ctx) ? lg_error_set(err, LG_ERR_IO, "read failed") : LG_OK;
}

/* Counts the records and finds Venice's population. */
static void count_cities(const char *path, int *out_count, int64_t *out_population)
{
    FILE *file = fopen(path, "rb");
    LG_AUTO(lg_container) *c = NULL;
    struct lg_error err = {0};
    bool at_end = false;

    assert_non_null(file);
    assert_ok(lg_container_open((struct lg_source){file_read, file}, &c, &err));
    *out_count = 0;
    for (;;) {
        struct lg_slice record = {0}, field = {0};
        struct lg_decoder d;
        int64_t id = 0;

        assert_ok(lg_container_next_record(c, &record, &at_end, &err));
        if (at_end)
            break;
        (*out_count)++;
        assert_ok(lg_avro_field(lg_container_schema(c), record, 0, &field, &err));
        d = lg_decoder_of(field);
        assert_ok(lg_decode_long(&d, &id, &err));
        if (id != 3164603)
            continue;
        assert_ok(lg_avro_field(lg_container_schema(c), record, 5, &field, &err));
        d = lg_decoder_of(field);
        assert_ok(lg_decode_long(&d, out_population, &err));
    }
    fclose(file);
}

static void the_cities_of_the_world_are_read(void **state)
{
    int64_t population = 0;
    int count = 0;
    (void)state;

    count_cities("examples/cities/cities.avro", &count, &population);
    assert_int_equal(count, 135233);
    assert_int_equal(population, 51298);
    population = 0;
    count_cities("examples/cities/cities-v2.avro", &count, &population);
    assert_int_equal(count, 135133);
    assert_int_equal(population, 51298);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(the_example_of_the_page_is_written_and_read),
        cmocka_unit_test(a_file_without_records_is_good),
        cmocka_unit_test(the_header_is_kept),
        cmocka_unit_test(blocks_are_closed_before_they_grow_too_large),
        cmocka_unit_test(foreign_files_are_told_what_they_seem),
        cmocka_unit_test(a_truncated_file_says_where_it_ends),
        cmocka_unit_test(bad_headers_are_named),
        cmocka_unit_test(too_many_header_entries_are_refused),
        cmocka_unit_test(bad_blocks_are_named_with_their_offset),
        cmocka_unit_test(joined_files_are_told_apart),
        cmocka_unit_test(a_block_that_inflates_too_much_for_its_size_is_refused),
        cmocka_unit_test(a_block_that_inflates_without_end_is_refused),
        cmocka_unit_test(an_error_of_the_disk_is_passed_on),
        cmocka_unit_test(the_writer_refuses_what_is_not_a_datum),
        cmocka_unit_test(the_cities_of_the_world_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
