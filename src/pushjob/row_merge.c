/* A heap of sources, the one with the smallest row on top; of equal keys the one that was added
 * first. The row that was given out last is still on top: the next call moves its source on. */
#include "pushjob/row_merge.h"

#include "base/buf.h"

#define PREFETCH_ROWS 16u

struct source {
    uint64_t prefix; /* eight bytes of the key behind those that all have in common */
    struct lg_row row;
    uint32_t rank;                    /* among equals the lower one was added first */
    const struct lg_row_batch *batch; /* in memory; NULL: on disk */
    size_t next;                      /* of the batch */
    struct lg_spill_cursor cursor;
};

struct lg_row_merge {
    struct lg_row_merge_options o;
    struct source *sources;
    size_t source_count;
    struct source **heap;
    size_t size; /* of the heap */
    bool begun;  /* The heap is built. */
    bool given;  /* The top was given out. */
    uint64_t dropped;
};

static struct source *add_source(struct lg_row_merge *m, const struct lg_row_batch *batch)
{
    struct source *s = &m->sources[m->source_count];

    s->rank = (uint32_t)m->source_count++;
    s->batch = batch;
    return s;
}

struct lg_row_merge *lg_row_merge_new(const struct lg_row_merge_options *options)
{
    struct lg_row_merge *m = lg_new(struct lg_row_merge);
    size_t n = options->first_count + options->run_count + 1;

    m->o = *options;
    m->sources = lg_new_array(struct source, n);
    m->heap = lg_new_array(struct source *, n);
    for (size_t i = 0; i < options->first_count; i++)
        (void)add_source(m, options->first[i]);
    for (size_t i = 0; i < options->run_count; i++)
        lg_spill_cursor_open(&add_source(m, NULL)->cursor, options->spill, &options->runs[i],
                             options->values);
    if (options->last != NULL)
        (void)add_source(m, options->last);
    return m;
}

void lg_row_merge_free(struct lg_row_merge *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->source_count; i++)
        lg_spill_cursor_done(&m->sources[i].cursor);
    lg_free(m->heap);
    lg_free(m->sources);
    lg_free(m);
}

uint64_t lg_row_merge_dropped(const struct lg_row_merge *m)
{
    return m->dropped;
}

/* --- Sources. ----------------------------------------------------------------------------------
 */

static uint64_t prefix_of(struct lg_slice key, size_t skip)
{
    struct lg_slice rest = lg_slice_skip(key, skip);
    uint8_t bytes[8] = {0};

    if (rest.size > 0)
        memcpy(bytes, rest.data, LG_MIN(rest.size, sizeof bytes));
    return lg_load_u64be(bytes);
}

/* To the next row of a source; `*out_end` when there is none. */
static enum lg_rc advance(struct lg_row_merge *m, struct source *s, bool *out_end,
                          struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    *out_end = false;
    if (s->batch != NULL) {
        if (s->next == lg_row_batch_count(s->batch, m->o.partition)) {
            *out_end = true;
            return LG_OK;
        }
        lg_row_batch_prefetch(s->batch, m->o.partition, s->next + PREFETCH_ROWS);
        s->row = lg_row_batch_at(s->batch, m->o.partition, s->next++);
    } else {
        rc = lg_spill_cursor_next(&s->cursor, out_end, err);
        if (rc != LG_OK || *out_end)
            return rc;
        s->row = (struct lg_row){s->cursor.key, LG_SLICE_NULL, s->cursor.origin};
    }
    s->prefix = prefix_of(s->row.key, m->o.common);
    return LG_OK;
}

static enum lg_rc find_value(struct source *s, struct lg_error *err)
{
    return s->batch != NULL ? LG_OK : lg_spill_cursor_value(&s->cursor, &s->row.value, err);
}

/* --- The heap. ---------------------------------------------------------------------------------
 */

static bool same_key(const struct source *a, const struct source *b)
{
    return a->prefix == b->prefix && lg_slice_eq(a->row.key, b->row.key);
}

static bool before(const struct source *a, const struct source *b)
{
    int order;

    if (a->prefix != b->prefix)
        return a->prefix < b->prefix;
    order = lg_slice_cmp(a->row.key, b->row.key);
    return order != 0 ? order < 0 : a->rank < b->rank;
}

static void sift_down(struct lg_row_merge *m, size_t at)
{
    struct source *s = m->heap[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= m->size)
            break;
        if (child + 1 < m->size && before(m->heap[child + 1], m->heap[child]))
            child++;
        if (!before(m->heap[child], s))
            break;
        m->heap[at] = m->heap[child];
        at = child;
    }
    m->heap[at] = s;
}

/* Moves the source at a place of the heap on, and restores the order. */
static enum lg_rc step(struct lg_row_merge *m, size_t at, struct lg_error *err)
{
    bool end;
    enum lg_rc rc = advance(m, m->heap[at], &end, err);

    if (rc != LG_OK)
        return rc;
    if (end)
        m->heap[at] = m->heap[--m->size];
    if (at < m->size)
        sift_down(m, at);
    return LG_OK;
}

static enum lg_rc begin(struct lg_row_merge *m, struct lg_error *err)
{
    m->begun = true;
    for (size_t i = 0; i < m->source_count; i++) {
        bool end;
        enum lg_rc rc = advance(m, &m->sources[i], &end, err);

        if (rc != LG_OK)
            return rc;
        if (!end)
            m->heap[m->size++] = &m->sources[i];
    }
    for (size_t i = m->size / 2; i-- > 0;)
        sift_down(m, i);
    return LG_OK;
}

/* --- Merging. ----------------------------------------------------------------------------------
 */

/* The place of another row of the top's key; 0 when there is none. It stands right below. */
static size_t find_same(const struct lg_row_merge *m)
{
    if (m->size > 1 && same_key(m->heap[0], m->heap[1]))
        return 1;
    return m->size > 2 && same_key(m->heap[0], m->heap[2]) ? 2 : 0;
}

static enum lg_rc compare_values(struct source *first, struct source *second,
                                 struct lg_row out_rows[2], struct lg_error *err)
{
    enum lg_rc rc = find_value(first, err);

    if (rc == LG_OK)
        rc = find_value(second, err);
    if (rc != LG_OK || lg_slice_eq(first->row.value, second->row.value))
        return rc;
    out_rows[0] = first->row;
    out_rows[1] = second->row;
    return lg_error_set(err, LG_ERR_BAD_DATA, "one key has two different values");
}

/* Leaves one row of the top's key in the heap. */
static enum lg_rc settle_top(struct lg_row_merge *m, struct lg_row out_rows[2],
                             struct lg_error *err)
{
    size_t other;

    while ((other = find_same(m)) != 0) {
        enum lg_rc rc = LG_OK;

        if (m->o.duplicates == LG_DUPLICATES_FAIL && !m->o.values)
            rc = compare_values(m->heap[0], m->heap[other], out_rows, err);
        if (rc == LG_OK) /* The top was added before all others. */
            rc = step(m, m->o.duplicates == LG_DUPLICATES_LAST ? 0 : other, err);
        if (rc != LG_OK)
            return rc;
        m->dropped++;
    }
    return LG_OK;
}

enum lg_rc lg_row_merge_next(struct lg_row_merge *m, struct lg_row *out, bool *out_end,
                             struct lg_row out_rows[2], struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    if (!m->begun)
        rc = begin(m, err);
    else if (m->given)
        rc = step(m, 0, err);
    m->given = false;
    if (rc != LG_OK)
        return rc;
    if (m->size == 0) {
        *out_end = true;
        return LG_OK;
    }
    rc = settle_top(m, out_rows, err);
    if (rc == LG_OK && m->o.values)
        rc = find_value(m->heap[0], err);
    if (rc != LG_OK)
        return rc;
    m->given = true;
    *out = m->heap[0]->row;
    *out_end = false;
    return LG_OK;
}
