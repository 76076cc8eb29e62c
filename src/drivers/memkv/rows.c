/* Sorted rows and their file; see the header. A sorted array: pushes append, and what is inserted
 * out of order is small here. */
#include "drivers/memkv/rows.h"

#include "base/hash.h"

#define HEAD "LGKV\1\0\0\0"
#define HEAD_BYTES 8
#define END_MARK UINT32_MAX
#define END_BYTES 16 /* mark, count, CRC */
#define PIECE_BYTES ((size_t)64 << 10)

void lg_memkv_rows_done(struct lg_memkv_rows *r)
{
    for (size_t i = 0; i < r->rows.size; i++)
        lg_free(r->rows.data[i].bytes);
    LG_VEC_DONE(&r->rows);
    r->bytes = 0;
}

/* Place of the first row that is not below `key`. */
static size_t place_of(const struct lg_memkv_rows *r, struct lg_slice key, bool *out_found)
{
    size_t low = 0, high = r->rows.size;

    if (high > 0 && lg_slice_cmp(lg_memkv_row_key(&r->rows.data[high - 1]), key) < 0)
        low = high; /* Appending is the usual case. */
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (lg_slice_cmp(lg_memkv_row_key(&r->rows.data[mid]), key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *out_found = low < r->rows.size && lg_slice_eq(lg_memkv_row_key(&r->rows.data[low]), key);
    return low;
}

const struct lg_memkv_row *lg_memkv_rows_get(const struct lg_memkv_rows *r, struct lg_slice key)
{
    bool found;
    size_t at = place_of(r, key, &found);

    return found ? &r->rows.data[at] : NULL;
}

static struct lg_memkv_row row_of(struct lg_slice key, struct lg_slice value)
{
    struct lg_memkv_row row = {.bytes = lg_alloc(key.size + value.size),
                               .key_size = (uint32_t)key.size,
                               .value_size = (uint32_t)value.size};

    if (key.size > 0)
        memcpy(row.bytes, key.data, key.size);
    if (value.size > 0)
        memcpy(row.bytes + key.size, value.data, value.size);
    return row;
}

void lg_memkv_rows_put(struct lg_memkv_rows *r, struct lg_slice key, struct lg_slice value)
{
    bool found;
    size_t at = place_of(r, key, &found);
    struct lg_memkv_row row = row_of(key, value);

    if (found) {
        r->bytes -= (size_t)r->rows.data[at].key_size + r->rows.data[at].value_size;
        lg_free(r->rows.data[at].bytes);
    } else {
        LG_VEC_GROW(&r->rows);
        memmove(r->rows.data + at + 1, r->rows.data + at,
                (r->rows.size - at) * sizeof(r->rows.data[0]));
        r->rows.size++;
    }
    r->rows.data[at] = row;
    r->bytes += key.size + value.size;
}

void lg_memkv_rows_remove(struct lg_memkv_rows *r, struct lg_slice key)
{
    bool found;
    size_t at = place_of(r, key, &found);

    if (!found)
        return;
    r->bytes -= (size_t)r->rows.data[at].key_size + r->rows.data[at].value_size;
    lg_free(r->rows.data[at].bytes);
    r->rows.size--;
    memmove(r->rows.data + at, r->rows.data + at + 1,
            (r->rows.size - at) * sizeof(r->rows.data[0]));
}

static enum lg_rc write_piece(struct lg_memkv_file *f, struct lg_error *err)
{
    enum lg_rc rc = lg_file_write(f->file, f->offset, f->piece.data, f->piece.size, err);

    f->crc = lg_crc32c(f->crc, f->piece.data, f->piece.size);
    f->offset += f->piece.size;
    lg_buf_clear(&f->piece);
    return rc;
}

enum lg_rc lg_memkv_file_create(struct lg_disk *disk, const char *path, struct lg_memkv_file *out,
                                struct lg_error *err)
{
    struct lg_memkv_file f = {0};
    enum lg_rc rc =
        lg_file_open(disk, path, LG_DISK_WRITE | LG_DISK_CREATE | LG_DISK_TRUNCATE, &f.file, err);

    if (rc != LG_OK)
        return rc;
    lg_buf_append(&f.piece, HEAD, HEAD_BYTES);
    *out = f;
    return LG_OK;
}

enum lg_rc lg_memkv_file_add(struct lg_memkv_file *f, struct lg_slice key, struct lg_slice value,
                             struct lg_error *err)
{
    lg_buf_append_u32le(&f->piece, (uint32_t)key.size);
    lg_buf_append_u32le(&f->piece, (uint32_t)value.size);
    lg_buf_append_slice(&f->piece, key);
    lg_buf_append_slice(&f->piece, value);
    f->count++;
    return f->piece.size < PIECE_BYTES ? LG_OK : write_piece(f, err);
}

enum lg_rc lg_memkv_file_finish(struct lg_memkv_file *f, struct lg_error *err)
{
    uint32_t crc;
    enum lg_rc rc;

    lg_buf_append_u32le(&f->piece, END_MARK);
    lg_buf_append_u64le(&f->piece, f->count);
    crc = lg_crc32c(f->crc, f->piece.data, f->piece.size);
    lg_buf_append_u32le(&f->piece, crc);
    rc = write_piece(f, err);
    return rc != LG_OK ? rc : lg_file_sync(f->file, err);
}

void lg_memkv_file_done(struct lg_memkv_file *f)
{
    lg_file_close(f->file);
    lg_buf_done(&f->piece);
    *f = (struct lg_memkv_file){0};
}

/* `body` is what stands between head and end, whose checksum is right. */
static bool parse_rows(struct lg_slice body, uint64_t count, struct lg_memkv_rows *into)
{
    uint64_t n = 0;

    for (; body.size >= 8; n++) {
        uint32_t key_size = lg_load_u32le(body.data);
        uint32_t value_size = lg_load_u32le(body.data + 4);

        body = lg_slice_skip(body, 8);
        if ((uint64_t)key_size + value_size > body.size)
            return false;
        lg_memkv_rows_put(into, lg_slice(body.data, key_size),
                          lg_slice(body.data + key_size, value_size));
        body = lg_slice_skip(body, (size_t)key_size + value_size);
    }
    return body.size == 0 && n == count;
}

enum lg_rc lg_memkv_file_load(struct lg_disk *disk, const char *path, struct lg_memkv_rows *into,
                              struct lg_error *err)
{
    LG_SCOPED(lg_buf) b = {0};
    const uint8_t *end;
    enum lg_rc rc = lg_disk_read_file(disk, path, LG_MEMKV_FILE_BYTES_MAX, &b, err);

    if (rc != LG_OK)
        return rc;
    if (b.size >= HEAD_BYTES + END_BYTES && memcmp(b.data, HEAD, HEAD_BYTES) == 0) {
        end = b.data + b.size - END_BYTES;
        if (lg_load_u32le(end) == END_MARK &&
            lg_load_u32le(end + 12) == lg_crc32c(0, b.data, b.size - 4) &&
            parse_rows(lg_slice(b.data + HEAD_BYTES, b.size - HEAD_BYTES - END_BYTES),
                       lg_load_u64le(end + 4), into))
            return LG_OK;
    }
    return lg_error_set(err, LG_ERR_CORRUPT,
                        "%s is damaged; remove the replica so that it is read again", path);
}
