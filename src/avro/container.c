/* Object container files, reading.
 *
 * Bytes come in pieces of unknown size, so they are gathered in a buffer of which `at` bytes are
 * used up; `base` is the file offset of the buffer's first byte. need() makes sure of n bytes.
 */
#include "avro/container.h"

#include "avro/decode.h"
#include "avro/encode.h"
#include "base/map.h"

#define READ_BYTES 65536 /* asked from the source at once, at least */
#define METADATA_ENTRIES_MAX 1024
#define MAGIC "Obj\1"
#define MAGIC_BYTES 4

struct lg_container {
    struct lg_source source;
    struct lg_buf pending;
    size_t at;     /* of pending, used up */
    uint64_t base; /* file offset of pending's first byte */
    bool at_end;   /* the source has no more */
    struct lg_schema *schema;
    enum lg_container_codec codec;
    struct lg_map *metadata; /* key to slice in values */
    struct lg_buf header;    /* the metadata's bytes, which the slices point into */
    struct lg_slice *values;
    uint8_t sync[LG_CONTAINER_SYNC_BYTES];
    struct lg_buf inflated;
    struct lg_zstd *zstd;      /* NULL for the other codecs */
    bool is_in_blocks;         /* the header was read */
    uint64_t block_offset;     /* of the block handed out last */
    struct lg_decoder records; /* for lg_container_next_record */
    int64_t records_left;
    uint64_t record_number; /* of the next record, from 1 */
};

static enum lg_rc slice_read(void *ctx, void *out, size_t size, size_t *out_read,
                             struct lg_error *err)
{
    struct lg_slice *s = ctx;
    size_t n = LG_MIN(size, s->size);

    (void)err;
    if (n > 0)
        memcpy(out, s->data, n);
    *s = lg_slice_skip(*s, n);
    *out_read = n;
    return LG_OK;
}

struct lg_source lg_source_of_slice(struct lg_slice *slice)
{
    return (struct lg_source){.read = slice_read, .ctx = slice};
}

/* --- Gathering bytes. ------------------------------------------------------------------------- */

static struct lg_slice unread(const struct lg_container *c)
{
    return lg_slice_skip(lg_buf_slice(&c->pending), c->at);
}

uint64_t lg_container_offset(const struct lg_container *c)
{
    return c->base + c->at;
}

/* Tries to have n unread bytes; fewer at the end of the file, which the caller sees. */
static enum lg_rc need(struct lg_container *c, size_t n, struct lg_error *err)
{
    if (c->pending.size - c->at >= n)
        return LG_OK;
    c->base += c->at;
    lg_buf_consume(&c->pending, c->at);
    c->at = 0;
    while (c->pending.size < n && !c->at_end) {
        size_t room = LG_MAX(n - c->pending.size, (size_t)READ_BYTES), got = 0;
        uint8_t *into = lg_buf_reserve(&c->pending, room);
        enum lg_rc rc;

        assert(into != NULL); /* Callers ask within the limits below the default ceiling. */
        rc = c->source.read(c->source.ctx, into, room, &got, err);
        if (rc != LG_OK)
            return rc;
        assert(got <= room);
        lg_buf_commit(&c->pending, got);
        c->at_end = got == 0;
    }
    return LG_OK;
}

static enum lg_rc truncated(const struct lg_container *c, const char *what, struct lg_error *err)
{
    unsigned long long end = c->base + c->pending.size;

    if (c->is_in_blocks)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the file is truncated: it ends at byte %llu, inside the block at byte "
                            "%llu",
                            end, (unsigned long long)c->block_offset);
    return lg_error_set(err, LG_ERR_BAD_DATA,
                        "the file is truncated: it ends at byte %llu, inside %s", end, what);
}

/* n bytes exactly, borrowed until the next call of need(). */
static enum lg_rc take_bytes(struct lg_container *c, size_t n, const char *what,
                             struct lg_slice *out, struct lg_error *err)
{
    enum lg_rc rc = need(c, n, err);

    if (rc != LG_OK)
        return rc;
    if (c->pending.size - c->at < n)
        return truncated(c, what, err);
    *out = lg_slice(c->pending.data + c->at, n);
    c->at += n;
    return LG_OK;
}

static enum lg_rc take_long(struct lg_container *c, const char *what, int64_t *out,
                            struct lg_error *err)
{
    struct lg_decoder d;
    enum lg_rc rc = need(c, LG_VARINT_BYTES_MAX, err);

    if (rc != LG_OK)
        return rc;
    d = lg_decoder_of(unread(c));
    if (lg_decode_long(&d, out, NULL) != LG_OK) {
        if (d.in.size < LG_VARINT_BYTES_MAX)
            return truncated(c, what, err);
        return lg_error_set(err, LG_ERR_BAD_DATA, "at byte %llu of the file: %s is damaged",
                            (unsigned long long)lg_container_offset(c), what);
    }
    c->at += d.at;
    return LG_OK;
}

/* --- The header. ------------------------------------------------------------------------------ */

struct look {
    const char *begins, *like;
};

/* What else a user may take for a container, by its first bytes. */
static const char *seems(struct lg_slice head)
{
    static const struct look looks[] = {
        {"{", "JSON"},
        {"[", "JSON"},
        {"\x1f\x8b", "gzip; unpack it first"},
        {"PK", "a zip archive"},
        {"PAR1", "Parquet"},
        {"\x28\xb5\x2f\xfd", "zstd; unpack it first"},
        {"ORC", "ORC"},
        {"SQLite", "SQLite"},
        {"BZh", "bzip2; unpack it first"},
        {"Obj", "an Avro container of another version"},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(looks); i++) {
        if (lg_slice_starts(head, lg_slice_str(looks[i].begins)))
            return looks[i].like;
    }
    for (size_t i = 0; i < head.size; i++) {
        uint8_t c = head.data[i];

        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
            return "binary data of an unknown kind";
    }
    return "text, such as CSV";
}

static enum lg_rc read_magic(struct lg_container *c, struct lg_error *err)
{
    enum lg_rc rc = need(c, 64, err);
    struct lg_slice head = unread(c);

    if (rc != LG_OK)
        return rc;
    if (head.size == 0)
        return lg_error_set(err, LG_ERR_BAD_DATA, "the file is empty, not an Avro container");
    if (lg_slice_starts(LG_LIT(MAGIC), head) && head.size < MAGIC_BYTES)
        return truncated(c, "the header", err);
    if (!lg_slice_starts(head, LG_LIT(MAGIC)))
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "not an Avro container file (no \"Obj\" 1 at byte 0): it looks like %s",
                            seems(lg_slice(head.data, LG_MIN(head.size, (size_t)64))));
    c->at += MAGIC_BYTES;
    return LG_OK;
}

/* One key and value, appended to c->header. */
static enum lg_rc read_entry_part(struct lg_container *c, struct lg_slice *out,
                                  struct lg_error *err)
{
    int64_t n = 0;
    struct lg_slice bytes = {0};
    enum lg_rc rc = take_long(c, "the header", &n, err);

    if (rc != LG_OK)
        return rc;
    if (n < 0 || (uint64_t)n > LG_CONTAINER_HEADER_BYTES_MAX - c->header.size)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "at byte %llu of the file: the header has an entry of %lld bytes, over "
                            "the limit of %zu",
                            (unsigned long long)lg_container_offset(c), (long long)n,
                            LG_CONTAINER_HEADER_BYTES_MAX);
    rc = take_bytes(c, (size_t)n, "the header", &bytes, err);
    if (rc != LG_OK)
        return rc;
    *out = lg_slice(c->header.data + c->header.size, bytes.size);
    lg_buf_append_slice(&c->header, bytes);
    return LG_OK;
}

static enum lg_rc read_entries(struct lg_container *c, uint64_t count, size_t *known,
                               struct lg_error *err)
{
    for (uint64_t i = 0; i < count; i++) {
        struct lg_slice key = {0};
        enum lg_rc rc = LG_OK;

        if (*known == METADATA_ENTRIES_MAX)
            return lg_error_set(err, LG_ERR_TOO_LARGE, "the header has over %d entries",
                                METADATA_ENTRIES_MAX);
        rc = read_entry_part(c, &key, err);
        if (rc == LG_OK)
            rc = read_entry_part(c, &c->values[*known], err);
        if (rc != LG_OK)
            return rc;
        lg_map_put(c->metadata, key, &c->values[*known]);
        (*known)++;
    }
    return LG_OK;
}

/* A map of bytes, in blocks; a negative count is followed by the block's size. */
static enum lg_rc read_metadata(struct lg_container *c, struct lg_error *err)
{
    size_t known = 0;
    int64_t count = 0;

    c->header = lg_buf_with_ceiling(LG_CONTAINER_HEADER_BYTES_MAX);
    /* Reserved at once, so that slices into it stay where they are. */
    if (lg_buf_reserve(&c->header, LG_CONTAINER_HEADER_BYTES_MAX) == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "no room for the header");
    c->metadata = lg_map_new();
    c->values = lg_new_array(struct lg_slice, METADATA_ENTRIES_MAX);
    do {
        int64_t size = 0;
        enum lg_rc rc = take_long(c, "the header", &count, err);

        if (rc == LG_OK && count < 0)
            rc = take_long(c, "the header", &size, err);
        if (rc == LG_OK)
            rc = read_entries(c, count < 0 ? 0 - (uint64_t)count : (uint64_t)count, &known, err);
        if (rc != LG_OK)
            return rc;
    } while (count != 0);
    return LG_OK;
}

static enum lg_rc read_codec(struct lg_container *c, struct lg_error *err)
{
    struct lg_slice codec = LG_LIT("null");

    lg_container_metadata(c, "avro.codec", &codec);
    if (codec.size == 0) {
        c->codec = LG_CODEC_NULL;
    } else if (!lg_codec_of_name(codec, &c->codec)) {
        return lg_error_set(err, LG_ERR_UNSUPPORTED,
                            "the file is compressed with \"%.*s\"; write it again with the codec "
                            "zstandard, snappy, deflate or null",
                            LG_FMT(lg_slice(codec.data, LG_MIN(codec.size, (size_t)40))));
    }
    if (c->codec == LG_CODEC_ZSTANDARD)
        c->zstd = lg_zstd_new();
    return LG_OK;
}

static enum lg_rc read_header(struct lg_container *c, struct lg_error *err)
{
    struct lg_slice text = {0}, sync = {0};
    enum lg_rc rc = read_magic(c, err);

    if (rc == LG_OK)
        rc = read_metadata(c, err);
    if (rc == LG_OK)
        rc = take_bytes(c, sizeof(c->sync), "the header", &sync, err);
    if (rc == LG_OK)
        rc = read_codec(c, err);
    if (rc != LG_OK)
        return rc;
    memcpy(c->sync, sync.data, sizeof(c->sync));
    if (!lg_container_metadata(c, "avro.schema", &text))
        return lg_error_set(err, LG_ERR_BAD_DATA, "the file's header has no avro.schema");
    rc = lg_schema_parse(text, &c->schema, err);
    return rc == LG_OK || err == NULL ? rc : lg_error_wrap(err, "the file's header");
}

enum lg_rc lg_container_open(struct lg_source source, struct lg_container **out,
                             struct lg_error *err)
{
    LG_AUTO(lg_container) *c = lg_new(struct lg_container);
    enum lg_rc rc;

    c->source = source;
    c->inflated = lg_buf_with_ceiling(LG_CONTAINER_BLOCK_BYTES_MAX);
    c->record_number = 1;
    rc = read_header(c, err);
    if (rc != LG_OK)
        return rc;
    c->is_in_blocks = true;
    *out = LG_TAKE(c);
    return LG_OK;
}

void lg_container_close(struct lg_container *c)
{
    if (c == NULL)
        return;
    lg_buf_done(&c->pending);
    lg_buf_done(&c->header);
    lg_buf_done(&c->inflated);
    lg_zstd_free(c->zstd);
    lg_map_free(c->metadata);
    lg_free(c->values);
    lg_schema_unref(c->schema);
    lg_free(c);
}

const struct lg_schema *lg_container_schema(const struct lg_container *c)
{
    return c->schema;
}

enum lg_container_codec lg_container_codec(const struct lg_container *c)
{
    return c->codec;
}

bool lg_container_metadata(const struct lg_container *c, const char *key, struct lg_slice *out)
{
    const struct lg_slice *value = lg_map_get(c->metadata, lg_slice_str(key));

    if (value == NULL)
        return false;
    *out = *value;
    return true;
}

/* --- Blocks. ---------------------------------------------------------------------------------- */

static enum lg_rc damaged(const struct lg_container *c, struct lg_error *err, enum lg_rc rc,
                          const char *what)
{
    return lg_error_set(err, rc, "in the block at byte %llu of the file: %s",
                        (unsigned long long)c->block_offset, what);
}

/* Count and size of the block at hand. */
static enum lg_rc read_block_head(struct lg_container *c, int64_t *out_count, size_t *out_size,
                                  struct lg_error *err)
{
    int64_t count = 0, size = 0;
    enum lg_rc rc = take_long(c, "a block", &count, err);

    if (rc == LG_OK)
        rc = take_long(c, "a block", &size, err);
    if (rc != LG_OK)
        return rc;
    if (count < 0 || size < 0)
        return damaged(c, err, LG_ERR_BAD_DATA, "its count or size is negative");
    if ((uint64_t)size > LG_CONTAINER_BLOCK_BYTES_MAX)
        return damaged(c, err, LG_ERR_TOO_LARGE,
                       "it is over 64 MiB; write the file again with smaller blocks");
    *out_count = count;
    *out_size = (size_t)size;
    return LG_OK;
}

/* What a block of so many stored bytes may inflate to. */
static size_t ceiling_of(size_t stored)
{
    return LG_MIN(LG_CONTAINER_RATIO_FREE_BYTES + stored * LG_CONTAINER_RATIO_MAX,
                  LG_CONTAINER_BLOCK_BYTES_MAX);
}

static enum lg_rc unpack(struct lg_container *c, struct lg_slice stored, struct lg_slice *out,
                         struct lg_error *err)
{
    enum lg_rc rc;

    if (c->codec == LG_CODEC_NULL) {
        *out = stored;
        return LG_OK;
    }
    lg_buf_clear(&c->inflated);
    c->inflated.ceiling = ceiling_of(stored.size);
    rc = lg_codec_unpack(c->codec, c->zstd, &c->inflated, stored, err);
    if (rc != LG_OK)
        return err == NULL ? rc
                           : lg_error_wrap(err, "in the block at byte %llu of the file",
                                           (unsigned long long)c->block_offset);
    *out = lg_buf_slice(&c->inflated);
    return LG_OK;
}

/* Every record takes bytes_min at least, so a count beyond that is a lie; records of 0 bytes are
 * bounded by number. */
static bool count_is_possible(const struct lg_container *c, int64_t count, size_t size)
{
    size_t bytes_min = lg_schema_bytes_min(c->schema);

    return bytes_min == 0 ? (uint64_t)count <= LG_DATUM_EMPTY_ITEMS_MAX
                          : (uint64_t)count <= size / bytes_min;
}

enum lg_rc lg_container_next_block(struct lg_container *c, struct lg_slice *out_block,
                                   int64_t *out_count, bool *out_end, struct lg_error *err)
{
    struct lg_slice stored = {0}, block = {0};
    int64_t count = 0;
    size_t size = 0;
    enum lg_rc rc = need(c, MAGIC_BYTES, err);

    if (rc != LG_OK)
        return rc;
    if (unread(c).size == 0) {
        *out_end = true;
        return LG_OK;
    }
    c->block_offset = lg_container_offset(c);
    if (lg_slice_starts(unread(c), LG_LIT(MAGIC))) /* As a block, it would count -40 records. */
        return damaged(c, err, LG_ERR_BAD_DATA,
                       "another Avro file begins there; give joined files one by one");
    rc = read_block_head(c, &count, &size, err);
    if (rc == LG_OK)
        rc = take_bytes(c, size + sizeof(c->sync), "a block", &stored, err);
    if (rc != LG_OK)
        return rc;
    if (memcmp(stored.data + size, c->sync, sizeof(c->sync)) != 0)
        return damaged(c, err, LG_ERR_BAD_DATA,
                       "the marker after it is not the file's; the file is damaged");
    rc = unpack(c, lg_slice(stored.data, size), &block, err);
    if (rc != LG_OK)
        return rc;
    if (!count_is_possible(c, count, block.size))
        return damaged(c, err, LG_ERR_BAD_DATA, "it cannot hold as many records as it says");
    *out_block = block;
    *out_count = count;
    *out_end = false;
    return LG_OK;
}

/* --- Records. --------------------------------------------------------------------------------- */

/* The next block with records in it, if there is one. */
static enum lg_rc enter_block(struct lg_container *c, bool *out_end, struct lg_error *err)
{
    while (c->records_left == 0) { /* Every round reads bytes of the file or ends. */
        struct lg_slice block = {0};
        enum lg_rc rc;

        if (lg_decoder_left(&c->records) != 0)
            return damaged(c, err, LG_ERR_BAD_DATA, "it holds more than the records it counts");
        rc = lg_container_next_block(c, &block, &c->records_left, out_end, err);
        if (rc != LG_OK || *out_end)
            return rc;
        c->records = lg_decoder_of(block);
    }
    *out_end = false;
    return LG_OK;
}

enum lg_rc lg_container_next_record(struct lg_container *c, struct lg_slice *out_record,
                                    bool *out_end, struct lg_error *err)
{
    bool at_end = false;
    size_t start;
    enum lg_rc rc = enter_block(c, &at_end, err);

    if (rc != LG_OK)
        return rc;
    *out_end = at_end;
    if (at_end)
        return LG_OK;
    start = c->records.at;
    rc = lg_avro_skip(c->schema, &c->records, err);
    if (rc != LG_OK)
        return err == NULL
                   ? rc
                   : lg_error_wrap(err, "record %llu, in the block at byte %llu of the file",
                                   (unsigned long long)c->record_number,
                                   (unsigned long long)c->block_offset);
    c->records_left--;
    c->record_number++;
    *out_record = lg_slice(c->records.in.data + start, c->records.at - start);
    return LG_OK;
}
