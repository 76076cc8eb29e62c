/* Runs of sorted rows in a temporary file; see the header for the format.
 *
 * A value that is larger than a block stands in a block of its own, and is read only when it is
 * wanted: so the memory of a merge is bounded by the number of runs, not by the size of values. */
#include "pushjob/spill.h"

#include "base/hash.h"
#include "base/str.h"
#include "lane/fault.h"

#define HEAD_BYTES 24u
#define HEAD_CHECKED 20u
#define WRITE_BYTES ((size_t)1 << 20) /* blocks gathered for one write */
#define VARINT_BYTES_MAX 10u

struct lg_spill {
    struct lg_disk *disk;
    struct lg_file *file; /* NULL before the first write. */
    char *name, *folder;
    size_t block_bytes;
    uint64_t end; /* of what is written */

    struct lg_buf blocks; /* closed, not yet written */
    struct lg_buf keys, values;
    uint32_t rows; /* in the block that is open */
    struct lg_spill_run run;
};

struct lg_spill *lg_spill_new(const struct lg_spill_options *options)
{
    struct lg_spill *s = lg_new(struct lg_spill);

    s->disk = options->disk;
    s->name = lg_strdup(options->name);
    s->folder = lg_strdup(options->folder);
    s->block_bytes = options->block_bytes;
    return s;
}

void lg_spill_free(struct lg_spill *s)
{
    if (s == NULL)
        return;
    lg_file_close(s->file);
    lg_buf_done(&s->blocks);
    lg_buf_done(&s->keys);
    lg_buf_done(&s->values);
    lg_free(s->name);
    lg_free(s->folder);
    lg_free(s);
}

uint64_t lg_spill_bytes(const struct lg_spill *s)
{
    return s->end;
}

/* --- Writing. ----------------------------------------------------------------------------------
 */

static enum lg_rc say_where(const struct lg_spill *s, struct lg_error *err)
{
    if (err->rc != LG_ERR_NO_SPACE)
        return lg_error_wrap(err, "sorting in %s", s->folder);
    return lg_error_set(
        err, LG_ERR_NO_SPACE,
        "%s is full, and the rows are sorted there: free some space, choose another "
        "folder with --temp-dir, or give more memory with --sort-memory",
        s->folder);
}

enum lg_rc lg_spill_reserve(struct lg_spill *s, uint64_t bytes, struct lg_error *err)
{
    uint64_t there = 0;
    enum lg_rc rc = lg_disk_free_bytes(s->disk, &there, err);

    if (rc != LG_OK)
        return say_where(s, err);
    if (there >= bytes + LG_SPILL_SPARE_BYTES)
        return LG_OK;
    return lg_error_set(err, LG_ERR_NO_SPACE,
                        "%s has %llu MiB left, and the rows need %llu MiB more to be sorted there "
                        "(%llu MiB stay free): free some space, choose another folder with "
                        "--temp-dir, or give more memory with --sort-memory",
                        s->folder, (unsigned long long)(there >> 20),
                        (unsigned long long)(bytes >> 20) + 1,
                        (unsigned long long)(LG_SPILL_SPARE_BYTES >> 20));
}

/* The file loses its name at once: it goes with the process, however that ends. */
static enum lg_rc make_file(struct lg_spill *s, struct lg_error *err)
{
    enum lg_rc rc = lg_file_open(s->disk, s->name,
                                 LG_DISK_WRITE | LG_DISK_CREATE | LG_DISK_EXCLUSIVE, &s->file, err);

    return rc == LG_OK ? lg_disk_remove(s->disk, s->name, err) : rc;
}

static enum lg_rc write_blocks(struct lg_spill *s, struct lg_error *err)
{
    enum lg_rc rc = s->file == NULL ? make_file(s, err) : LG_OK;

    if (rc == LG_OK && s->blocks.size > 0)
        rc = lg_file_write(s->file, s->end, s->blocks.data, s->blocks.size, err);
    if (rc != LG_OK)
        return say_where(s, err);
    s->end += s->blocks.size;
    lg_buf_clear(&s->blocks);
    return LG_OK;
}

static enum lg_rc close_block(struct lg_spill *s, struct lg_error *err)
{
    size_t head = s->blocks.size;

    if (s->rows == 0)
        return LG_OK;
    lg_buf_append_u32le(&s->blocks, s->rows);
    lg_buf_append_u32le(&s->blocks, (uint32_t)s->keys.size);
    lg_buf_append_u32le(&s->blocks, (uint32_t)s->values.size);
    lg_buf_append_u32le(&s->blocks, lg_crc32c(0, s->keys.data, s->keys.size));
    lg_buf_append_u32le(&s->blocks, lg_crc32c(0, s->values.data, s->values.size));
    lg_buf_append_u32le(&s->blocks, lg_crc32c(0, s->blocks.data + head, HEAD_CHECKED));
    lg_buf_append_slice(&s->blocks, lg_buf_slice(&s->keys));
    lg_buf_append_slice(&s->blocks, lg_buf_slice(&s->values));
    assert(lg_buf_ok(&s->blocks) && "a row is far below the ceiling of a buffer");
    lg_buf_clear(&s->keys);
    lg_buf_clear(&s->values);
    s->rows = 0;
    return s->blocks.size >= WRITE_BYTES ? write_blocks(s, err) : LG_OK;
}

void lg_spill_begin(struct lg_spill *s)
{
    assert(s->rows == 0 && s->blocks.size == 0);
    s->run = (struct lg_spill_run){.begin = s->end};
}

static uint8_t *put_varint(uint8_t *at, uint64_t v)
{
    for (; v > 0x7f; v >>= 7)
        *at++ = (uint8_t)(v | 0x80);
    *at++ = (uint8_t)v;
    return at;
}

enum lg_rc lg_spill_add(struct lg_spill *s, const struct lg_row *row, struct lg_error *err)
{
    enum lg_rc rc = row->value.size > s->block_bytes ? close_block(s, err) : LG_OK;
    uint8_t *at;

    if (rc != LG_OK)
        return rc;
    at = lg_buf_reserve(&s->keys, 3 * VARINT_BYTES_MAX + row->key.size);
    at = put_varint(at, row->key.size);
    at = put_varint(at, row->value.size);
    at = put_varint(at, row->origin);
    if (row->key.size > 0)
        memcpy(at, row->key.data, row->key.size);
    s->keys.size = (size_t)(at - s->keys.data) + row->key.size;
    lg_buf_append_slice(&s->values, row->value);
    s->rows++;
    s->run.rows++;
    return s->keys.size + s->values.size >= s->block_bytes ? close_block(s, err) : LG_OK;
}

enum lg_rc lg_spill_end(struct lg_spill *s, struct lg_spill_run *out, struct lg_error *err)
{
    enum lg_rc rc = close_block(s, err);

    if (rc == LG_OK)
        rc = write_blocks(s, err);
    if (rc == LG_OK)
        rc = lg_fault_check(LG_FAULT_SPILL_WRITTEN, err);
    if (rc != LG_OK)
        return rc;
    s->run.end = s->end;
    *out = s->run;
    return LG_OK;
}

/* --- Reading. ----------------------------------------------------------------------------------
 */

void lg_spill_cursor_open(struct lg_spill_cursor *c, struct lg_spill *spill,
                          const struct lg_spill_run *run, bool values)
{
    *c = (struct lg_spill_cursor){
        .spill = spill, .at = run->begin, .end = run->end, .wants_values = values};
}

void lg_spill_cursor_done(struct lg_spill_cursor *c)
{
    lg_buf_done(&c->block);
    lg_buf_done(&c->late);
}

static enum lg_rc damaged(const struct lg_spill *s, uint64_t at, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_CORRUPT,
                        "the rows that were sorted in %s came back changed, at offset %llu of the "
                        "temporary file; check that disk, and choose another folder with "
                        "--temp-dir",
                        s->folder, (unsigned long long)at);
}

static enum lg_rc read_exactly(struct lg_spill *s, uint64_t at, void *out, size_t size,
                               struct lg_error *err)
{
    size_t got = 0;
    enum lg_rc rc = size == 0 ? LG_OK : lg_file_read(s->file, at, out, size, &got, err);

    if (rc != LG_OK)
        return say_where(s, err);
    return got == size ? LG_OK : damaged(s, at, err);
}

static enum lg_rc next_block(struct lg_spill_cursor *c, struct lg_error *err)
{
    struct lg_spill *s = c->spill;
    uint8_t head[HEAD_BYTES], *room;
    uint64_t keys_at = c->at + HEAD_BYTES;
    size_t size;
    enum lg_rc rc = read_exactly(s, c->at, head, sizeof head, err);

    if (rc != LG_OK)
        return rc;
    c->keys_size = lg_load_u32le(head + 4);
    c->values_size = lg_load_u32le(head + 8);
    if (lg_load_u32le(head + HEAD_CHECKED) != lg_crc32c(0, head, HEAD_CHECKED) ||
        c->keys_size + c->values_size > c->end - c->at - HEAD_BYTES)
        return damaged(s, c->at, err);
    c->values_crc = lg_load_u32le(head + 16);
    c->has_values = c->wants_values && c->values_size <= 2 * s->block_bytes;
    if (c->late.capacity > 2 * s->block_bytes)
        lg_buf_done(&c->late);
    lg_buf_clear(&c->late);
    size = c->keys_size + (c->has_values ? c->values_size : 0);
    lg_buf_clear(&c->block);
    room = lg_buf_reserve(&c->block, size);
    rc = read_exactly(s, keys_at, room, size, err);
    if (rc != LG_OK)
        return rc;
    if (lg_crc32c(0, room, c->keys_size) != lg_load_u32le(head + 12) ||
        (c->has_values && lg_crc32c(0, room + c->keys_size, c->values_size) != c->values_crc))
        return damaged(s, keys_at, err);
    lg_buf_commit(&c->block, size);
    c->values = keys_at + c->keys_size;
    c->at = c->values + c->values_size;
    c->left = lg_load_u32le(head);
    c->keys_at = c->value_at = c->value_size = 0;
    return LG_OK;
}

/* The section was written by us and its checksum is right: only our own mistake could leave it. */
static uint64_t take_varint(struct lg_spill_cursor *c)
{
    uint64_t v = 0;
    unsigned shift = 0;
    uint8_t byte;

    do {
        assert(c->keys_at < c->keys_size && shift < 64);
        byte = c->block.data[c->keys_at++];
        v |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte > 0x7f);
    return v;
}

enum lg_rc lg_spill_cursor_next(struct lg_spill_cursor *c, bool *out_end, struct lg_error *err)
{
    size_t key_size;

    if (c->left == 0) {
        enum lg_rc rc;

        if (c->at == c->end) {
            *out_end = true;
            return LG_OK;
        }
        rc = next_block(c, err);
        if (rc != LG_OK)
            return rc;
    }
    assert(c->left > 0);
    c->left--;
    c->value_at += c->value_size;
    key_size = (size_t)take_varint(c);
    c->value_size = (size_t)take_varint(c);
    c->origin = take_varint(c);
    assert(key_size <= c->keys_size - c->keys_at && c->value_size <= c->values_size - c->value_at);
    c->key = lg_slice(c->block.data + c->keys_at, key_size);
    c->keys_at += key_size;
    *out_end = false;
    return LG_OK;
}

enum lg_rc lg_spill_cursor_value(struct lg_spill_cursor *c, struct lg_slice *out,
                                 struct lg_error *err)
{
    const uint8_t *values = c->has_values ? c->block.data + c->keys_size : c->late.data;
    uint8_t *room;
    enum lg_rc rc;

    if (!c->has_values && c->late.size == 0 && c->values_size > 0) {
        values = room = lg_buf_reserve(&c->late, c->values_size);
        rc = read_exactly(c->spill, c->values, room, c->values_size, err);
        if (rc != LG_OK)
            return rc;
        if (lg_crc32c(0, room, c->values_size) != c->values_crc)
            return damaged(c->spill, c->values, err);
        lg_buf_commit(&c->late, c->values_size);
    }
    *out = c->value_size == 0 ? LG_SLICE_NULL : lg_slice(values + c->value_at, c->value_size);
    return LG_OK;
}
