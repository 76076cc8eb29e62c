/* The rows of a push; see the header for their way. The memory is cut into batches: one takes rows
 * while another is sorted; the first ones that were sorted stay where they are, those that follow
 * are written to disk; a part is left for merging. */
#include "pushjob/rows.h"

#include "base/str.h"
#include "base/vec.h"
#include "model/partitioner.h"
#include "pushjob/row_merge.h"

#define BATCHES_OF_MEMORY 8u    /* a batch is this part of it */
#define BATCHES_KEPT 5u         /* sorted, in memory; beside them one is filled and one sorted */
#define BLOCKS_OF_MEMORY 16384u /* a block is this part of it */
#define RUN_OVERHEAD_SHARE 16u  /* Heads of blocks and keys: at most this part more. */

struct part {
    struct lg_buf common; /* what all keys that were sorted begin with */
    bool has_keys;
    uint64_t count, dropped;
};

struct run {
    struct lg_spill_run *parts; /* by partition */
};

struct lg_rows {
    struct lg_rows_options o;
    struct lg_row_batch *batch, *sealed, *spare;
    struct lg_row_batch *kept[BATCHES_KEPT];
    size_t kept_count;
    bool finished;
    uint64_t added, bytes;
    struct part *parts;
    struct lg_spill *spill;
    LG_VEC(struct run) runs;
    struct lg_spill_run *by_part; /* The runs again, by partition; once finished. */
};

struct lg_rows_stream {
    struct lg_row_merge *merge;
};

void lg_rows_conflict_done(struct lg_rows_conflict *c)
{
    lg_buf_done(&c->key);
    lg_buf_done(&c->values[0]);
    lg_buf_done(&c->values[1]);
}

static struct lg_row_batch *batch_new(const struct lg_rows *r)
{
    return lg_row_batch_new(r->o.partitions, (size_t)(r->o.memory_bytes / BATCHES_OF_MEMORY));
}

struct lg_rows *lg_rows_new(const struct lg_rows_options *options)
{
    struct lg_rows *r = lg_new(struct lg_rows);

    assert(options->partitions > 0);
    r->o = *options;
    if (r->o.memory_bytes == 0)
        r->o.memory_bytes = LG_ROWS_MEMORY_BYTES_DEFAULT;
    r->parts = lg_new_array(struct part, options->partitions);
    if (options->disk != NULL) {
        uint64_t block = r->o.memory_bytes / BLOCKS_OF_MEMORY;

        block = LG_MAX(block, (uint64_t)LG_SPILL_BLOCK_BYTES_MIN);
        r->spill = lg_spill_new(&(struct lg_spill_options){
            .disk = options->disk,
            .name = options->temp_name,
            .folder = options->temp_folder,
            .block_bytes = (size_t)LG_MIN(block, (uint64_t)LG_SPILL_BLOCK_BYTES_MAX)});
    }
    r->batch = batch_new(r);
    return r;
}

void lg_rows_free(struct lg_rows *r)
{
    if (r == NULL)
        return;
    lg_row_batch_free(r->batch);
    lg_row_batch_free(r->sealed);
    lg_row_batch_free(r->spare);
    for (size_t i = 0; i < r->kept_count; i++)
        lg_row_batch_free(r->kept[i]);
    for (uint32_t i = 0; i < r->o.partitions; i++)
        lg_buf_done(&r->parts[i].common);
    lg_free(r->parts);
    for (size_t i = 0; i < r->runs.size; i++)
        lg_free(r->runs.data[i].parts);
    LG_VEC_DONE(&r->runs);
    lg_free(r->by_part);
    lg_spill_free(r->spill);
    lg_free(r);
}

/* --- Adding. -----------------------------------------------------------------------------------
 */

enum lg_rc lg_rows_add(struct lg_rows *r, const struct lg_row *row, struct lg_error *err)
{
    uint32_t partition = lg_partitioner_partition(row->key, r->o.partitions);
    size_t size = row->key.size + row->value.size;
    enum lg_rc rc;

    assert(!r->finished);
    if (row->key.size > LG_PUSH_KEY_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "a key of %zu bytes; at most %zu are allowed (limit key_bytes)",
                            row->key.size, LG_PUSH_KEY_BYTES_MAX);
    if (row->value.size > LG_PUSH_VALUE_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "a value of %zu bytes; at most %zu are allowed",
                            row->value.size, LG_PUSH_VALUE_BYTES_MAX);
    if (r->spill == NULL && r->bytes + size > LG_PUSH_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the input holds more than %llu MiB; push it in smaller data sets",
                            (unsigned long long)(r->bytes >> 20));
    rc = lg_row_batch_add(r->batch, partition, row, err);
    if (rc != LG_OK)
        return rc;
    r->added++;
    r->bytes += size;
    return LG_OK;
}

bool lg_rows_is_full(const struct lg_rows *r)
{
    return r->spill != NULL && lg_row_batch_is_full(r->batch);
}

void lg_rows_seal(struct lg_rows *r)
{
    assert(!r->finished && (r->sealed == NULL || lg_row_batch_rows(r->sealed) == 0));
    if (r->sealed != NULL)
        r->spare = LG_TAKE(r->sealed);
    r->sealed = LG_TAKE(r->batch);
    r->batch = r->spare != NULL ? LG_TAKE(r->spare) : batch_new(r);
}

uint32_t lg_rows_partitions(const struct lg_rows *r)
{
    return r->o.partitions;
}

uint64_t lg_rows_added(const struct lg_rows *r)
{
    return r->added;
}

uint64_t lg_rows_bytes(const struct lg_rows *r)
{
    return r->bytes;
}

uint64_t lg_rows_spilled_bytes(const struct lg_rows *r)
{
    return r->spill == NULL ? 0 : lg_spill_bytes(r->spill);
}

/* --- Sorting. ----------------------------------------------------------------------------------
 */

/* Keeps the two rows, whose memory is somebody else's. */
static void keep_conflict(struct lg_rows_conflict *conflict, const struct lg_row rows[2])
{
    lg_rows_conflict_done(conflict);
    lg_buf_append_slice(&conflict->key, rows[0].key);
    for (size_t i = 0; i < 2; i++) {
        lg_buf_append_slice(&conflict->values[i], rows[i].value);
        conflict->origins[i] = rows[i].origin;
    }
}

/* What all keys of the partition begin with, after `common` of some more. */
static void note_common(struct part *p, struct lg_slice common)
{
    size_t n = LG_MIN(p->common.size, common.size), i = 0;

    if (!p->has_keys) {
        p->has_keys = true;
        lg_buf_append_slice(&p->common, common);
        return;
    }
    while (i < n && p->common.data[i] == common.data[i])
        i++;
    p->common.size = i;
}

/* Sorts a partition of a batch that is indexed. */
static enum lg_rc sort_part(struct lg_rows *r, struct lg_row_batch *batch, uint32_t partition,
                            struct lg_rows_conflict *conflict, struct lg_error *err)
{
    struct part *p = &r->parts[partition];
    struct lg_row rows[2];
    uint64_t dropped = 0;
    enum lg_rc rc;

    if (lg_row_batch_count(batch, partition) == 0)
        return LG_OK;
    rc = lg_row_batch_sort(batch, partition, r->o.duplicates, &dropped, rows, err);
    if (rc == LG_ERR_BAD_DATA)
        keep_conflict(conflict, rows);
    if (rc != LG_OK)
        return rc;
    note_common(p, lg_row_batch_common(batch, partition));
    p->dropped += dropped;
    return LG_OK;
}

#define PREFETCH_ROWS 16u

static enum lg_rc write_part(struct lg_rows *r, uint32_t partition, struct lg_spill_run *out,
                             struct lg_error *err)
{
    size_t count = lg_row_batch_count(r->sealed, partition);

    lg_spill_begin(r->spill);
    for (size_t i = 0; i < count; i++) {
        struct lg_row row = lg_row_batch_at(r->sealed, partition, i);
        enum lg_rc rc = lg_spill_add(r->spill, &row, err);

        if (rc != LG_OK)
            return rc;
        lg_row_batch_prefetch(r->sealed, partition, i + PREFETCH_ROWS);
    }
    return lg_spill_end(r->spill, out, err);
}

/* An upper bound of what the sealed batch takes on disk. */
static uint64_t run_bytes(const struct lg_rows *r)
{
    uint64_t bytes = lg_row_batch_bytes(r->sealed) + 16 * lg_row_batch_rows(r->sealed);

    return bytes + bytes / RUN_OVERHEAD_SHARE;
}

static enum lg_rc write_run(struct lg_rows *r, struct lg_error *err)
{
    struct run run;
    enum lg_rc rc;

    if (r->runs.size == LG_ROWS_RUNS_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the rows are more than a hundred times as many as fit into the memory "
                            "for sorting; give more with --sort-memory (it is %llu MiB)",
                            (unsigned long long)(r->o.memory_bytes >> 20));
    rc = lg_spill_reserve(r->spill, run_bytes(r), err);
    if (rc != LG_OK)
        return rc;
    run.parts = lg_new_array(struct lg_spill_run, r->o.partitions);
    LG_VEC_PUSH(&r->runs, run);
    for (uint32_t i = 0; rc == LG_OK && i < r->o.partitions; i++)
        rc = write_part(r, i, &run.parts[i], err);
    lg_row_batch_clear(r->sealed);
    return rc;
}

enum lg_rc lg_rows_spill(struct lg_rows *r, struct lg_rows_conflict *conflict, struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    assert(r->sealed != NULL && r->spill != NULL);
    lg_row_batch_index(r->sealed);
    for (uint32_t i = 0; rc == LG_OK && i < r->o.partitions; i++)
        rc = sort_part(r, r->sealed, i, conflict, err);
    if (rc != LG_OK)
        return rc;
    if (r->kept_count == BATCHES_KEPT)
        return write_run(r, err);
    r->kept[r->kept_count++] = LG_TAKE(r->sealed);
    return LG_OK;
}

void lg_rows_finish(struct lg_rows *r)
{
    size_t n = r->runs.size;

    assert(!r->finished && (r->sealed == NULL || lg_row_batch_rows(r->sealed) == 0));
    r->finished = true;
    lg_row_batch_free(LG_TAKE(r->sealed));
    lg_row_batch_free(LG_TAKE(r->spare));
    lg_row_batch_index(r->batch);
    r->by_part = lg_new_array(struct lg_spill_run, LG_MAX(n * r->o.partitions, (size_t)1));
    for (uint32_t i = 0; i < r->o.partitions; i++)
        for (size_t run = 0; run < n; run++)
            r->by_part[i * n + run] = r->runs.data[run].parts[i];
}

static struct lg_row_merge *merge_of(const struct lg_rows *r, uint32_t partition, bool values)
{
    return lg_row_merge_new(&(struct lg_row_merge_options){
        .spill = r->spill,
        .runs = &r->by_part[partition * r->runs.size],
        .run_count = r->runs.size,
        .first = (const struct lg_row_batch *const *)r->kept,
        .first_count = r->kept_count,
        .last = r->batch,
        .partition = partition,
        .common = r->parts[partition].common.size,
        .duplicates = r->o.duplicates,
        .values = values,
    });
}

/* Compares the batches in memory and the runs on disk with one another, by their keys. */
static enum lg_rc settle_runs(struct lg_rows *r, uint32_t partition,
                              struct lg_rows_conflict *conflict, struct lg_error *err)
{
    LG_AUTO(lg_row_merge) *merge = merge_of(r, partition, /* values= */ false);
    struct part *p = &r->parts[partition];
    bool end = false;

    for (;;) {
        struct lg_row row, rows[2];
        enum lg_rc rc = lg_row_merge_next(merge, &row, &end, rows, err);

        if (rc == LG_ERR_BAD_DATA)
            keep_conflict(conflict, rows);
        if (rc != LG_OK)
            return rc;
        if (end)
            break;
        p->count++;
    }
    p->dropped += lg_row_merge_dropped(merge);
    return LG_OK;
}

enum lg_rc lg_rows_settle(struct lg_rows *r, uint32_t partition, struct lg_rows_conflict *conflict,
                          struct lg_error *err)
{
    enum lg_rc rc = sort_part(r, r->batch, partition, conflict, err);

    assert(r->finished);
    if (rc == LG_OK && r->kept_count > 0)
        rc = settle_runs(r, partition, conflict, err);
    else if (rc == LG_OK)
        r->parts[partition].count = lg_row_batch_count(r->batch, partition);
    return rc;
}

/* --- Reading. ----------------------------------------------------------------------------------
 */

uint64_t lg_rows_count(const struct lg_rows *r, uint32_t partition)
{
    assert(partition < r->o.partitions);
    return r->parts[partition].count;
}

uint64_t lg_rows_total(const struct lg_rows *r)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < r->o.partitions; i++)
        total += r->parts[i].count;
    return total;
}

uint64_t lg_rows_duplicates(const struct lg_rows *r)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < r->o.partitions; i++)
        total += r->parts[i].dropped;
    return total;
}

struct lg_rows_stream *lg_rows_stream_new(const struct lg_rows *r, uint32_t partition)
{
    struct lg_rows_stream *stream = lg_new(struct lg_rows_stream);

    assert(partition < r->o.partitions && r->finished);
    stream->merge = merge_of(r, partition, /* values= */ true);
    return stream;
}

void lg_rows_stream_free(struct lg_rows_stream *stream)
{
    if (stream == NULL)
        return;
    lg_row_merge_free(stream->merge);
    lg_free(stream);
}

enum lg_rc lg_rows_stream_next(struct lg_rows_stream *stream, struct lg_row *out, bool *out_end,
                               struct lg_error *err)
{
    struct lg_row rows[2];

    return lg_row_merge_next(stream->merge, out, out_end, rows, err);
}
