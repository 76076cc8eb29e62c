/* Sorted rows in memory, and the checksummed file that holds such rows. No lock of its own. */
#ifndef LG_DRIVERS_MEMKV_ROWS_H
#define LG_DRIVERS_MEMKV_ROWS_H

#include "lane/disk.h"

#define LG_MEMKV_KEY_BYTES_MAX ((size_t)1 << 20)
#define LG_MEMKV_VALUE_BYTES_MAX ((size_t)64 << 20)
#define LG_MEMKV_FILE_BYTES_MAX ((size_t)1 << 30)

struct lg_memkv_row {
    uint8_t *bytes; /* Key, then value. */
    uint32_t key_size, value_size;
};

struct lg_memkv_rows {
    LG_VEC(struct lg_memkv_row) rows; /* Ascending by key. */
    size_t bytes;
};

static inline struct lg_slice lg_memkv_row_key(const struct lg_memkv_row *r)
{
    return lg_slice(r->bytes, r->key_size);
}
static inline struct lg_slice lg_memkv_row_value(const struct lg_memkv_row *r)
{
    return lg_slice(r->bytes + r->key_size, r->value_size);
}

void lg_memkv_rows_done(struct lg_memkv_rows *r);
LG_DEFINE_SCOPED(lg_memkv_rows, lg_memkv_rows_done)
const struct lg_memkv_row *lg_memkv_rows_get(const struct lg_memkv_rows *r, struct lg_slice key);
void lg_memkv_rows_put(struct lg_memkv_rows *r, struct lg_slice key, struct lg_slice value);
void lg_memkv_rows_remove(struct lg_memkv_rows *r, struct lg_slice key);

/* A file under way: rows in ascending order, written in pieces. */
struct lg_memkv_file {
    struct lg_file *file;
    struct lg_buf piece;
    uint64_t offset, count;
    uint32_t crc;
};
LG_MUST_CHECK enum lg_rc lg_memkv_file_create(struct lg_disk *disk, const char *path,
                                              struct lg_memkv_file *out, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_memkv_file_add(struct lg_memkv_file *f, struct lg_slice key,
                                           struct lg_slice value, struct lg_error *err);
/* Writes the end and syncs the content (not the name). */
LG_MUST_CHECK enum lg_rc lg_memkv_file_finish(struct lg_memkv_file *f, struct lg_error *err);
void lg_memkv_file_done(struct lg_memkv_file *f); /* Also of {0}. */
/* Adds all rows of a file to `into`. LG_ERR_CORRUPT names it, and then nothing is added. */
LG_MUST_CHECK enum lg_rc lg_memkv_file_load(struct lg_disk *disk, const char *path,
                                            struct lg_memkv_rows *into, struct lg_error *err);

#endif
