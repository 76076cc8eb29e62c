#include "pushjob/rows.h"

#include <stdlib.h>

#include "base/vec.h"
#include "model/partitioner.h"

#define CHUNK_BYTES ((size_t)1 << 20)

struct part {
    LG_VEC(struct lg_row) rows;
    uint64_t duplicates;
};

struct chunk { /* Row bytes live in chunks, so that slices stay where they are. */
    struct chunk *next;
    size_t used, size;
    uint8_t bytes[];
};

struct lg_rows {
    uint32_t partitions;
    struct part *parts;
    struct chunk *chunks;
    uint64_t bytes;
};

struct lg_rows *lg_rows_new(uint32_t partitions)
{
    struct lg_rows *rows = lg_new(struct lg_rows);

    assert(partitions > 0);
    rows->partitions = partitions;
    rows->parts = lg_new_array(struct part, partitions);
    return rows;
}

void lg_rows_spread(struct lg_rows *rows, uint32_t partitions)
{
    struct part *parts;

    assert(partitions > 0);
    if (partitions == rows->partitions)
        return;
    parts = lg_new_array(struct part, partitions);
    for (uint32_t i = 0; i < rows->partitions; i++) {
        struct part *from = &rows->parts[i];

        for (size_t r = 0; r < from->rows.size; r++) {
            const struct lg_row *row = &from->rows.data[r];

            LG_VEC_PUSH(&parts[lg_partitioner_partition(row->key, partitions)].rows, *row);
        }
        parts[0].duplicates += from->duplicates; /* Only their sum is ever asked for. */
        LG_VEC_DONE(&from->rows);
    }
    lg_free(rows->parts);
    rows->parts = parts;
    rows->partitions = partitions;
}

void lg_rows_free(struct lg_rows *rows)
{
    if (rows == NULL)
        return;
    for (uint32_t i = 0; i < rows->partitions; i++)
        LG_VEC_DONE(&rows->parts[i].rows);
    while (rows->chunks != NULL) {
        struct chunk *next = rows->chunks->next;

        lg_free(rows->chunks);
        rows->chunks = next;
    }
    lg_free(rows->parts);
    lg_free(rows);
}

/* Room for `size` bytes, or NULL when memory is exhausted. */
static uint8_t *room(struct lg_rows *rows, size_t size)
{
    struct chunk *c = rows->chunks;

    if (c == NULL || c->size - c->used < size) {
        size_t capacity = LG_MAX(size, CHUNK_BYTES);

        c = lg_try_alloc(sizeof *c + capacity);
        if (c == NULL)
            return NULL;
        c->next = rows->chunks;
        c->used = 0;
        c->size = capacity;
        rows->chunks = c;
    }
    c->used += size;
    return c->bytes + c->used - size;
}

enum lg_rc lg_rows_add(struct lg_rows *rows, struct lg_slice key, struct lg_slice value,
                       struct lg_error *err)
{
    struct part *part = &rows->parts[lg_partitioner_partition(key, rows->partitions)];
    size_t size = key.size + value.size;
    uint8_t *at;

    if (key.size > LG_PUSH_KEY_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "a key of %zu bytes; at most %zu are allowed",
                            key.size, LG_PUSH_KEY_BYTES_MAX);
    if (size > LG_PUSH_VALUE_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "a record of %zu bytes; at most %zu are allowed for key and value",
                            size, LG_PUSH_VALUE_BYTES_MAX);
    if (rows->bytes + size > LG_PUSH_BYTES_MAX || (at = room(rows, size)) == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the input holds more than %llu MiB; push it in smaller data sets",
                            (unsigned long long)(rows->bytes >> 20));
    if (key.size > 0)
        memcpy(at, key.data, key.size);
    if (value.size > 0)
        memcpy(at + key.size, value.data, value.size);
    rows->bytes += size;
    LG_VEC_PUSH(&part->rows,
                (struct lg_row){lg_slice(at, key.size), lg_slice(at + key.size, value.size)});
    return LG_OK;
}

static int by_key(const void *a, const void *b)
{
    const struct lg_row *x = a, *y = b;
    int order = lg_slice_cmp(x->key, y->key);

    /* Values decide among equal keys, so that the outcome does not depend on the sort. */
    return order != 0 ? order : lg_slice_cmp(x->value, y->value);
}

enum lg_rc lg_rows_sort(struct lg_rows *rows, uint32_t partition, const struct lg_row **out_first,
                        const struct lg_row **out_second, struct lg_error *err)
{
    struct part *part = &rows->parts[partition];
    size_t kept = 0;

    if (part->rows.size == 0)
        return LG_OK;
    qsort(part->rows.data, part->rows.size, sizeof part->rows.data[0], by_key);
    for (size_t i = 1; i < part->rows.size; i++) {
        const struct lg_row *last = &part->rows.data[kept], *row = &part->rows.data[i];

        if (!lg_slice_eq(last->key, row->key)) {
            part->rows.data[++kept] = *row;
        } else if (lg_slice_eq(last->value, row->value)) {
            part->duplicates++;
        } else {
            *out_first = last;
            *out_second = row;
            return lg_error_set(err, LG_ERR_BAD_DATA, "one key has two different values");
        }
    }
    part->rows.size = kept + 1;
    return LG_OK;
}

uint32_t lg_rows_partitions(const struct lg_rows *rows)
{
    return rows->partitions;
}

const struct lg_row *lg_rows_of(const struct lg_rows *rows, uint32_t partition, size_t *out_count)
{
    assert(partition < rows->partitions);
    *out_count = rows->parts[partition].rows.size;
    return rows->parts[partition].rows.data;
}

uint64_t lg_rows_total(const struct lg_rows *rows)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < rows->partitions; i++)
        total += rows->parts[i].rows.size;
    return total;
}

uint64_t lg_rows_bytes(const struct lg_rows *rows)
{
    return rows->bytes;
}

uint64_t lg_rows_duplicates(const struct lg_rows *rows)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < rows->partitions; i++)
        total += rows->parts[i].duplicates;
    return total;
}
