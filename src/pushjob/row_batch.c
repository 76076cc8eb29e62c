/* Rows in bounded memory; see the header. Each row stands behind its head in a chunk; the index is
 * an array of 16 bytes per row, ordered by partition, in which each partition is sorted by eight
 * bytes of the key without touching the rows: the eight behind what all keys of the partition begin
 * with, since keys often share their beginning (a length, a prefix such as "user:"). Only rows that
 * agree in these are compared in full. */
#include "pushjob/row_batch.h"

#include <stdlib.h>

#include "base/vec.h"

#define CHUNK_BYTES_MAX ((size_t)1 << 20)
#define CHUNK_BYTES_MIN ((size_t)4 << 10)
#define ALIGN sizeof(uint64_t)
#define RADIX_BITS 11u
#define RADIX_SIZE ((size_t)1 << RADIX_BITS)
#define RADIX_PASSES 6u      /* of 11 bits, over 64 */
#define RADIX_ROWS_MIN 1000u /* fewer are sorted by comparing */

struct head { /* Before each row's key and value. */
    uint64_t origin;
    uint32_t key_size, value_size;
    uint32_t partition;
    uint32_t number; /* Of the row in the batch: among equals the order of adding decides. */
};

struct entry {
    uint64_t prefix;
    const struct head *row;
};

struct chunk { /* Rows stay where they are until the batch is cleared. */
    size_t used, size;
    _Alignas(uint64_t) uint8_t bytes[];
};

struct part {
    const struct head *first; /* the row added first */
    size_t common;            /* bytes with which all keys begin */
    size_t begin, count;      /* in the index */
    size_t rows;              /* added */
};

struct lg_row_batch {
    uint32_t partitions;
    size_t memory_bytes, chunk_bytes;
    LG_VEC(struct chunk *) chunks;
    size_t current;       /* The chunk that takes rows; those after it are empty. */
    size_t taken;         /* bytes of chunks in use */
    uint64_t rows, bytes; /* of keys and values */
    struct part *parts;
    struct entry *index;
    bool indexed;
};

struct lg_row_batch *lg_row_batch_new(uint32_t partitions, size_t memory_bytes)
{
    struct lg_row_batch *b = lg_new(struct lg_row_batch);

    b->partitions = partitions;
    b->memory_bytes = memory_bytes;
    b->chunk_bytes = LG_MAX(LG_MIN(memory_bytes / 16, CHUNK_BYTES_MAX), CHUNK_BYTES_MIN);
    b->parts = lg_new_array(struct part, partitions);
    return b;
}

void lg_row_batch_free(struct lg_row_batch *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->chunks.size; i++)
        lg_free(b->chunks.data[i]);
    LG_VEC_DONE(&b->chunks);
    lg_free(b->index);
    lg_free(b->parts);
    lg_free(b);
}

/* --- Adding. -----------------------------------------------------------------------------------
 */

/* Makes the chunk that takes rows one with room for `size` bytes; NULL when memory is exhausted. */
static struct chunk *next_chunk(struct lg_row_batch *b, size_t size)
{
    struct chunk *c;

    if (b->rows > 0)
        b->current++;
    if (b->current < b->chunks.size && b->chunks.data[b->current]->size >= size) {
        c = b->chunks.data[b->current];
    } else {
        size_t capacity = LG_MAX(size, b->chunk_bytes);

        c = lg_try_alloc(sizeof *c + capacity);
        if (c == NULL)
            return NULL;
        c->used = 0;
        c->size = capacity;
        LG_VEC_PUSH(&b->chunks, c);
        if (b->current < b->chunks.size - 1) { /* The one that is too small comes later. */
            b->chunks.data[b->chunks.size - 1] = b->chunks.data[b->current];
            b->chunks.data[b->current] = c;
        }
    }
    b->taken += c->size;
    return c;
}

static struct lg_slice key_of(const struct head *row)
{
    return lg_slice((const uint8_t *)(row + 1), row->key_size);
}

static struct lg_slice value_of(const struct head *row)
{
    return lg_slice((const uint8_t *)(row + 1) + row->key_size, row->value_size);
}

static void note(struct part *p, const struct head *row)
{
    struct lg_slice key = key_of(row), first;
    size_t n, i = 0;

    if (p->rows++ == 0) {
        p->first = row;
        p->common = key.size;
        return;
    }
    first = key_of(p->first);
    n = LG_MIN(p->common, key.size);
    while (i < n && key.data[i] == first.data[i])
        i++;
    p->common = i;
}

enum lg_rc lg_row_batch_add(struct lg_row_batch *b, uint32_t partition, const struct lg_row *row,
                            struct lg_error *err)
{
    size_t size = sizeof(struct head) + row->key.size + row->value.size;
    struct chunk *c =
        b->current < b->chunks.size && b->rows > 0 ? b->chunks.data[b->current] : NULL;
    struct head *head;

    assert(partition < b->partitions && !b->indexed);
    assert(row->key.size <= UINT32_MAX && row->value.size <= UINT32_MAX);
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (c == NULL || c->size - c->used < size)
        c = b->rows == UINT32_MAX ? NULL : next_chunk(b, size);
    if (c == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "there is no memory for more than %llu MiB of rows; give a smaller "
                            "--sort-memory, so that they are sorted on disk",
                            (unsigned long long)(b->bytes >> 20));
    head = (struct head *)(void *)(c->bytes + c->used);
    c->used += size;
    *head = (struct head){row->origin, (uint32_t)row->key.size, (uint32_t)row->value.size,
                          partition, (uint32_t)b->rows};
    if (row->key.size > 0)
        memcpy(head + 1, row->key.data, row->key.size);
    if (row->value.size > 0)
        memcpy((uint8_t *)(head + 1) + row->key.size, row->value.data, row->value.size);
    b->rows++;
    b->bytes += row->key.size + row->value.size;
    note(&b->parts[partition], head);
    return LG_OK;
}

/* A row needs room in the index, and once more while its partition is sorted. */
bool lg_row_batch_is_full(const struct lg_row_batch *b)
{
    return b->taken + b->rows * 2 * sizeof(struct entry) >= b->memory_bytes ||
           b->rows == UINT32_MAX;
}

uint64_t lg_row_batch_rows(const struct lg_row_batch *b)
{
    return b->rows;
}

uint64_t lg_row_batch_bytes(const struct lg_row_batch *b)
{
    return b->bytes;
}

void lg_row_batch_clear(struct lg_row_batch *b)
{
    for (size_t i = 0; i < b->chunks.size; i++)
        b->chunks.data[i]->used = 0;
    memset(b->parts, 0, b->partitions * sizeof b->parts[0]);
    lg_free(LG_TAKE(b->index));
    b->current = b->taken = 0;
    b->rows = b->bytes = 0;
    b->indexed = false;
}

/* --- The index. --------------------------------------------------------------------------------
 */

/* Eight bytes of the key, as a number that sorts like them; a key that ends is as if zeros came. */
static uint64_t prefix_of(struct lg_slice key, size_t skip)
{
    struct lg_slice rest = lg_slice_skip(key, skip);
    uint64_t prefix = 0;

    memcpy(&prefix, rest.data == NULL ? (const uint8_t *)"" : rest.data,
           LG_MIN(rest.size, sizeof prefix));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    prefix = __builtin_bswap64(prefix);
#endif
    return prefix;
}

void lg_row_batch_index(struct lg_row_batch *b)
{
    size_t at = 0;

    assert(!b->indexed);
    b->indexed = true;
    b->index = lg_alloc(b->rows * sizeof b->index[0]);
    for (uint32_t i = 0; i < b->partitions; i++) {
        b->parts[i].begin = at;
        at += b->parts[i].rows;
    }
    for (size_t i = 0; b->rows > 0 && i <= b->current; i++) {
        const struct chunk *c = b->chunks.data[i];

        for (size_t offset = 0; offset < c->used;) {
            const struct head *row = (const struct head *)(const void *)(c->bytes + offset);
            struct part *p = &b->parts[row->partition];
            size_t size = sizeof *row + row->key_size + row->value_size;

            b->index[p->begin + p->count++] =
                (struct entry){prefix_of(key_of(row), p->common), row};
            offset += (size + ALIGN - 1) / ALIGN * ALIGN;
        }
    }
}

/* --- Sorting. ----------------------------------------------------------------------------------
 */

static int by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order;

    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    order = lg_slice_cmp(key_of(x->row), key_of(y->row));
    return order != 0 ? order
                      : (x->row->number > y->row->number) - (x->row->number < y->row->number);
}

static size_t digit(uint64_t prefix, unsigned pass)
{
    return (size_t)(prefix >> (pass * RADIX_BITS)) & (RADIX_SIZE - 1);
}

/* One stable pass from `in` to `out`; false when all rows have the same digit, and nothing moved.
 */
static bool radix_pass(const struct entry *in, struct entry *out, size_t n, unsigned pass,
                       size_t counts[RADIX_SIZE])
{
    size_t at = 0;

    if (counts[digit(in[0].prefix, pass)] == n)
        return false;
    for (size_t d = 0; d < RADIX_SIZE; d++) {
        size_t count = counts[d];

        counts[d] = at;
        at += count;
    }
    for (size_t i = 0; i < n; i++)
        out[counts[digit(in[i].prefix, pass)]++] = in[i];
    return true;
}

/* By prefix; rows with equal prefixes keep their order. */
static void radix_sort(struct entry *entries, size_t n)
{
    struct entry *scratch = lg_alloc(n * sizeof *scratch), *in = entries, *out = scratch;
    size_t(*counts)[RADIX_SIZE] = lg_zalloc_array(RADIX_PASSES, sizeof *counts);

    for (size_t i = 0; i < n; i++)
        for (unsigned pass = 0; pass < RADIX_PASSES; pass++)
            counts[pass][digit(entries[i].prefix, pass)]++;
    for (unsigned pass = 0; pass < RADIX_PASSES; pass++)
        if (radix_pass(in, out, n, pass, counts[pass])) {
            struct entry *sorted = out;

            out = in;
            in = sorted;
        }
    if (in != entries)
        memcpy(entries, in, n * sizeof *in);
    lg_free(counts);
    lg_free(scratch);
}

static void sort(struct entry *entries, size_t n)
{
    if (n < RADIX_ROWS_MIN) {
        if (n > 1)
            qsort(entries, n, sizeof entries[0], by_key);
        return;
    }
    radix_sort(entries, n);
    for (size_t i = 0, next; i < n; i = next) {
        for (next = i + 1; next < n && entries[next].prefix == entries[i].prefix;)
            next++;
        if (next - i > 1)
            qsort(entries + i, next - i, sizeof entries[0], by_key);
    }
}

static struct lg_row row_of(const struct head *row)
{
    return (struct lg_row){key_of(row), value_of(row), row->origin};
}

/* Leaves one row of each key. */
static enum lg_rc judge(struct lg_row_batch *b, struct part *p, enum lg_duplicates policy,
                        struct lg_row out_rows[2], struct lg_error *err)
{
    struct entry *e = b->index + p->begin;
    size_t kept = 0;

    for (size_t i = 1; i < p->count; i++) {
        struct entry *last = &e[kept];

        if (last->prefix != e[i].prefix || !lg_slice_eq(key_of(last->row), key_of(e[i].row))) {
            e[++kept] = e[i];
        } else if (policy == LG_DUPLICATES_LAST) {
            *last = e[i];
        } else if (policy == LG_DUPLICATES_FAIL &&
                   !lg_slice_eq(value_of(last->row), value_of(e[i].row))) {
            out_rows[0] = row_of(last->row);
            out_rows[1] = row_of(e[i].row);
            return lg_error_set(err, LG_ERR_BAD_DATA, "one key has two different values");
        }
    }
    p->count = p->count == 0 ? 0 : kept + 1;
    return LG_OK;
}

enum lg_rc lg_row_batch_sort(struct lg_row_batch *b, uint32_t partition, enum lg_duplicates policy,
                             uint64_t *out_dropped, struct lg_row out_rows[2], struct lg_error *err)
{
    struct part *p = &b->parts[partition];
    size_t before = p->count;
    enum lg_rc rc;

    assert(partition < b->partitions && b->indexed);
    sort(b->index + p->begin, p->count);
    rc = judge(b, p, policy, out_rows, err);
    if (rc == LG_OK)
        *out_dropped = before - p->count;
    return rc;
}

/* --- Reading. ----------------------------------------------------------------------------------
 */

size_t lg_row_batch_count(const struct lg_row_batch *b, uint32_t partition)
{
    assert(partition < b->partitions && b->indexed);
    return b->parts[partition].count;
}

struct lg_row lg_row_batch_at(const struct lg_row_batch *b, uint32_t partition, size_t i)
{
    const struct part *p = &b->parts[partition];

    assert(i < p->count);
    return row_of(b->index[p->begin + i].row);
}

struct lg_slice lg_row_batch_common(const struct lg_row_batch *b, uint32_t partition)
{
    const struct part *p = &b->parts[partition];

    return p->first == NULL ? LG_SLICE_NULL : lg_slice(key_of(p->first).data, p->common);
}

void lg_row_batch_prefetch(const struct lg_row_batch *b, uint32_t partition, size_t i)
{
    const struct part *p = &b->parts[partition];
    const char *row;

    if (i >= p->count)
        return;
    row = (const char *)b->index[p->begin + i].row;
    __builtin_prefetch(row);
    __builtin_prefetch(row + 64);
    __builtin_prefetch(row + 128);
}
