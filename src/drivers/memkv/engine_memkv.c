/* The engine port in memory; see the header. Two locks per engine: `writing` orders puts and their
 * journal, and may be held during a sync; `rows_lock` guards the rows and never is, so that a get
 * never waits for the disk. */
#include "drivers/memkv/engine_memkv.h"

#include <pthread.h>

#include "base/str.h"
#include "drivers/memkv/rows.h"
#include "lane/journal.h"
#include "storage/engine_dir.h"

#define JOURNAL_KIND 0x564b474cU /* "LGKV" */
#define JOURNAL_VERSION 1
#define JOURNAL_SLACK_BYTES ((uint64_t)4 << 20) /* A flush when it outgrows content by more. */

enum { OP_PUT = 0, OP_REMOVE = 1 };

struct memkv {
    struct lg_engine_driver driver; /* First: cast back. */
    struct lg_disk *disk;
    char *root;
};

struct memkv_engine {
    struct lg_engine engine; /* First: cast back. */
    struct lg_engine_dir dir;
    struct lg_memkv_rows rows;
    struct lg_journal *journal; /* NULL without a log. */
    bool wal;
    bool dirty; /* Rows that no snapshot and no journal holds. */
    pthread_mutex_t writing;
    pthread_rwlock_t rows_lock;
};

struct memkv_writer {
    struct lg_sst_writer writer; /* First: cast back. */
    struct lg_memkv_file file;
    struct lg_buf last_key;
    char *name, *tmp_path;
};

static struct memkv *memkv_of(struct lg_engine_driver *d)
{
    return (struct memkv *)(void *)d;
}

static struct memkv_engine *engine_of(struct lg_engine *e)
{
    return (struct memkv_engine *)(void *)e;
}

static struct memkv_writer *writer_of(struct lg_sst_writer *w)
{
    return (struct memkv_writer *)(void *)w;
}

static char *path_of(const struct memkv *m, const char *path)
{
    return m->root[0] == '\0' ? lg_strdup(path) : lg_strf("%s/%s", m->root, path);
}

static void apply(struct memkv_engine *e, uint8_t op, struct lg_slice key, struct lg_slice value)
{
    pthread_rwlock_wrlock(&e->rows_lock);
    if (op == OP_PUT)
        lg_memkv_rows_put(&e->rows, key, value);
    else
        lg_memkv_rows_remove(&e->rows, key);
    pthread_rwlock_unlock(&e->rows_lock);
}

static enum lg_rc replay(void *ctx, uint64_t offset, struct lg_slice frame, struct lg_error *err)
{
    struct memkv_engine *e = ctx;
    uint32_t key_size = frame.size < 5 ? 0 : lg_load_u32le(frame.data + 1);

    if (frame.size < 5 || frame.data[0] > OP_REMOVE || key_size > frame.size - 5)
        return lg_error_set(err, LG_ERR_CORRUPT, "%s: the frame at %llu is no row", e->dir.path,
                            (unsigned long long)offset);
    apply(e, frame.data[0], lg_slice(frame.data + 5, key_size),
          lg_slice_skip(frame, 5 + (size_t)key_size));
    return LG_OK;
}

static enum lg_rc open_journal(struct memkv_engine *e, const char *folder, struct lg_journal **out,
                               struct lg_error *err)
{
    LG_AUTO_STR char *path = lg_strf("%s/journal", folder);
    struct lg_journal_options o = {.disk = e->dir.disk,
                                   .path = path,
                                   .kind = JOURNAL_KIND,
                                   .version = JOURNAL_VERSION,
                                   .create = true,
                                   .replay = replay,
                                   .ctx = e};

    return lg_journal_open(&o, out, err);
}

static enum lg_rc write_snapshot(struct memkv_engine *e, const char *folder,
                                 const struct lg_memkv_rows *rows, struct lg_error *err)
{
    LG_AUTO_STR char *path = lg_strf("%s/snapshot", folder);
    struct lg_memkv_file f = {0};
    enum lg_rc rc = lg_memkv_file_create(e->dir.disk, path, &f, err);

    for (size_t i = 0; rc == LG_OK && i < rows->rows.size; i++)
        rc = lg_memkv_file_add(&f, lg_memkv_row_key(&rows->rows.data[i]),
                               lg_memkv_row_value(&rows->rows.data[i]), err);
    if (rc == LG_OK)
        rc = lg_memkv_file_finish(&f, err);
    lg_memkv_file_done(&f);
    return rc != LG_OK ? rc : lg_disk_sync_dir(e->dir.disk, folder, err);
}

static void swap_rows(struct memkv_engine *e, struct lg_memkv_rows *rows)
{
    struct lg_memkv_rows old;

    pthread_rwlock_wrlock(&e->rows_lock);
    old = e->rows;
    e->rows = *rows;
    pthread_rwlock_unlock(&e->rows_lock);
    *rows = old;
}

/* Makes `rows` the content, as a new generation with an empty journal; NULL stands for the rows as
 * they are, which do not change as `writing` is held. */
static enum lg_rc next_generation(struct memkv_engine *e, struct lg_memkv_rows *rows,
                                  const char *const *names, size_t n, struct lg_error *err)
{
    LG_AUTO_STR char *folder = NULL;
    LG_AUTO(lg_journal) *journal = NULL;
    enum lg_rc rc = lg_engine_dir_prepare(&e->dir, &folder, err);

    if (rc == LG_OK)
        rc = write_snapshot(e, folder, rows == NULL ? &e->rows : rows, err);
    if (rc == LG_OK && e->wal)
        rc = open_journal(e, folder, &journal, err);
    if (rc == LG_OK)
        rc = lg_engine_dir_commit(&e->dir, names, n, err);
    if (rc != LG_OK)
        return rc;
    lg_journal_close(e->journal);
    e->journal = LG_TAKE(journal);
    e->dirty = false;
    if (rows != NULL)
        swap_rows(e, rows);
    return lg_engine_dir_sweep(&e->dir, err);
}

static enum lg_rc load(struct memkv_engine *e, bool complete, struct lg_error *err)
{
    LG_AUTO_STR char *folder = lg_engine_dir_generation_path(&e->dir, e->dir.generation);
    LG_AUTO_STR char *snapshot = lg_strf("%s/snapshot", folder);
    enum lg_rc rc;

    if (e->dir.generation == 0)
        return complete ? lg_error_set(err, LG_ERR_CORRUPT, "%s: its content is gone", e->dir.path)
               : e->wal ? next_generation(e, /* rows= */ NULL, NULL, 0, err)
                        : LG_OK;
    rc = lg_memkv_file_load(e->dir.disk, snapshot, &e->rows, err);
    if (rc == LG_ERR_NOT_FOUND)
        return lg_error_set(err, LG_ERR_CORRUPT, "%s is gone", snapshot);
    return rc != LG_OK || !e->wal ? rc : open_journal(e, folder, &e->journal, err);
}

static void memkv_close(struct lg_engine *engine)
{
    struct memkv_engine *e = engine_of(engine);

    lg_journal_close(e->journal);
    lg_memkv_rows_done(&e->rows);
    lg_engine_dir_close(&e->dir);
    pthread_mutex_destroy(&e->writing);
    pthread_rwlock_destroy(&e->rows_lock);
    lg_free(e);
}

static enum lg_rc memkv_open(struct lg_engine_driver *d, const struct lg_engine_options *o,
                             struct lg_engine **out, struct lg_error *err)
{
    struct memkv *m = memkv_of(d);
    LG_AUTO_STR char *path = path_of(m, o->path);
    LG_AUTO(lg_engine) *engine = NULL;
    struct memkv_engine *e = lg_new(struct memkv_engine);
    enum lg_rc rc;

    engine = &e->engine;
    e->engine.driver = d;
    e->wal = o->wal;
    pthread_mutex_init(&e->writing, NULL);
    pthread_rwlock_init(&e->rows_lock, NULL);
    rc = lg_engine_dir_open(m->disk, path, &e->dir, err);
    if (rc == LG_OK)
        rc = load(e, o->complete, err);
    if (rc == LG_OK)
        *out = LG_TAKE(engine);
    return rc;
}

static enum lg_rc memkv_destroy(struct lg_engine_driver *d, const char *path, struct lg_error *err)
{
    LG_AUTO_STR char *full = path_of(memkv_of(d), path);

    return lg_engine_dir_destroy(memkv_of(d)->disk, full, err);
}

static enum lg_rc memkv_get(struct lg_engine *engine, struct lg_slice key, bool from_memory_only,
                            struct lg_buf *out, struct lg_error *err)
{
    struct memkv_engine *e = engine_of(engine);
    const struct lg_memkv_row *row;
    enum lg_rc rc = LG_ERR_NOT_FOUND;

    (void)from_memory_only; /* Everything is. */
    pthread_rwlock_rdlock(&e->rows_lock);
    row = lg_memkv_rows_get(&e->rows, key);
    if (row != NULL) {
        lg_buf_append_slice(out, lg_memkv_row_value(row));
        rc = lg_buf_ok(out) ? LG_OK
                            : lg_error_set(err, LG_ERR_TOO_LARGE,
                                           "%s: a value of %u bytes is over the caller's limit",
                                           e->dir.path, row->value_size);
    }
    pthread_rwlock_unlock(&e->rows_lock);
    return rc;
}

static enum lg_rc check_sizes(const struct lg_engine_dir *dir, struct lg_slice key,
                              struct lg_slice value, struct lg_error *err)
{
    if (key.size > LG_MEMKV_KEY_BYTES_MAX || value.size > LG_MEMKV_VALUE_BYTES_MAX - (1 << 21))
        return lg_error_set(err, LG_ERR_TOO_LARGE, "%s: a row of %zu + %zu bytes is too large",
                            dir->path, key.size, value.size);
    return LG_OK;
}

static enum lg_rc log_row(struct memkv_engine *e, uint8_t op, struct lg_slice key,
                          struct lg_slice value, struct lg_error *err)
{
    LG_SCOPED(lg_buf) frame = {0};
    enum lg_rc rc;

    lg_buf_append_byte(&frame, op);
    lg_buf_append_u32le(&frame, (uint32_t)key.size);
    lg_buf_append_slice(&frame, key);
    lg_buf_append_slice(&frame, value);
    rc = lg_journal_append(e->journal, lg_buf_slice(&frame), /* out_offset= */ NULL, err);
    return rc != LG_OK ? rc : lg_journal_sync(e->journal, err);
}

static enum lg_rc change(struct memkv_engine *e, uint8_t op, struct lg_slice key,
                         struct lg_slice value, struct lg_error *err)
{
    enum lg_rc rc = check_sizes(&e->dir, key, value, err);

    if (rc != LG_OK)
        return rc;
    pthread_mutex_lock(&e->writing);
    if (e->wal && e->dir.in_doubt) /* The journal may not be the content's any more. */
        rc = lg_error_set(err, LG_ERR_IO, "%s: an earlier write failed; open the engine again",
                          e->dir.path);
    if (rc == LG_OK && e->wal)
        rc = log_row(e, op, key, value, err);
    if (rc == LG_OK) {
        apply(e, op, key, value);
        e->dirty = true;
    }
    if (rc == LG_OK && e->wal &&
        lg_journal_size(e->journal) > JOURNAL_SLACK_BYTES + 2 * (uint64_t)e->rows.bytes)
        rc = next_generation(e, /* rows= */ NULL, NULL, 0, err);
    pthread_mutex_unlock(&e->writing);
    return rc;
}

static enum lg_rc memkv_put(struct lg_engine *engine, struct lg_slice key, struct lg_slice value,
                            struct lg_error *err)
{
    return change(engine_of(engine), OP_PUT, key, value, err);
}

static enum lg_rc memkv_remove(struct lg_engine *engine, struct lg_slice key, struct lg_error *err)
{
    return change(engine_of(engine), OP_REMOVE, key, LG_SLICE_NULL, err);
}

static enum lg_rc memkv_flush(struct lg_engine *engine, struct lg_error *err)
{
    struct memkv_engine *e = engine_of(engine);
    enum lg_rc rc = LG_OK;

    pthread_mutex_lock(&e->writing);
    if (e->dirty)
        rc = next_generation(e, /* rows= */ NULL, NULL, 0, err);
    pthread_mutex_unlock(&e->writing);
    return rc;
}

static void writer_free(struct memkv_writer *w)
{
    lg_memkv_file_done(&w->file);
    lg_buf_done(&w->last_key);
    lg_free(w->name);
    lg_free(w->tmp_path);
    lg_free(w);
}

static enum lg_rc memkv_sst_open(struct lg_engine *engine, const char *name,
                                 struct lg_sst_writer **out, struct lg_error *err)
{
    struct memkv_engine *e = engine_of(engine);
    struct memkv_writer *w = lg_new(struct memkv_writer);
    enum lg_rc rc = lg_engine_dir_sst_begin(&e->dir, name, &w->tmp_path, err);

    w->writer.engine = engine;
    w->name = lg_strdup(name);
    if (rc == LG_OK)
        rc = lg_memkv_file_create(e->dir.disk, w->tmp_path, &w->file, err);
    if (rc == LG_OK)
        *out = &w->writer;
    else
        writer_free(w);
    return rc;
}

static enum lg_rc memkv_sst_add(struct lg_sst_writer *writer, struct lg_slice key,
                                struct lg_slice value, struct lg_error *err)
{
    struct memkv_writer *w = writer_of(writer);
    struct memkv_engine *e = engine_of(writer->engine);
    enum lg_rc rc = check_sizes(&e->dir, key, value, err);

    if (rc != LG_OK)
        return rc;
    if (w->file.count > 0 && lg_slice_cmp(lg_buf_slice(&w->last_key), key) >= 0)
        return lg_error_set(err, LG_ERR_BAD_DATA, "%s: keys must ascend strictly", w->tmp_path);
    rc = lg_memkv_file_add(&w->file, key, value, err);
    lg_buf_clear(&w->last_key);
    lg_buf_append_slice(&w->last_key, key);
    return rc;
}

static void memkv_sst_abandon(struct lg_sst_writer *writer)
{
    struct memkv_writer *w = writer_of(writer);

    lg_engine_dir_sst_abandon(&engine_of(writer->engine)->dir, w->tmp_path);
    writer_free(w);
}

static enum lg_rc memkv_sst_finish(struct lg_sst_writer *take_w, struct lg_error *err)
{
    struct memkv_writer *w = writer_of(take_w);
    struct memkv_engine *e = engine_of(take_w->engine);
    enum lg_rc rc = w->file.count > 0
                        ? LG_OK
                        : lg_error_set(err, LG_ERR_INVALID, "%s: a file without rows", w->tmp_path);

    if (rc == LG_OK)
        rc = lg_memkv_file_finish(&w->file, err);
    lg_memkv_file_done(&w->file);
    if (rc == LG_OK)
        rc = lg_engine_dir_sst_finish(&e->dir, w->name, err);
    if (rc != LG_OK) {
        memkv_sst_abandon(take_w);
        return rc;
    }
    writer_free(w);
    return LG_OK;
}

static enum lg_rc memkv_sst_list(struct lg_engine *e, struct lg_disk_names *out,
                                 struct lg_error *err)
{
    return lg_engine_dir_sst_list(&engine_of(e)->dir, out, err);
}

static enum lg_rc memkv_sst_remove(struct lg_engine *e, const char *name, struct lg_error *err)
{
    return lg_engine_dir_sst_remove(&engine_of(e)->dir, name, err);
}

static enum lg_rc take_in(struct memkv_engine *e, const char *const *names, size_t n,
                          struct lg_error *err)
{
    LG_SCOPED(lg_memkv_rows) rows = {0};
    bool done = false;
    enum lg_rc rc = lg_engine_dir_sst_check(&e->dir, names, n, &done, err);

    if (rc != LG_OK || done)
        return rc;
    for (size_t i = 0; rc == LG_OK && i < n; i++) {
        LG_AUTO_STR char *path = lg_strf("%s/%s", e->dir.sst_path, names[i]);

        rc = lg_memkv_file_load(e->dir.disk, path, &rows, err);
    }
    return rc != LG_OK ? rc : next_generation(e, &rows, names, n, err);
}

static enum lg_rc memkv_ingest(struct lg_engine *engine, const char *const *names, size_t n,
                               struct lg_error *err)
{
    struct memkv_engine *e = engine_of(engine);
    enum lg_rc rc;

    pthread_mutex_lock(&e->writing);
    rc = take_in(e, names, n, err);
    pthread_mutex_unlock(&e->writing);
    return rc;
}

static enum lg_rc memkv_each(struct lg_engine *engine,
                             enum lg_rc (*visit)(void *ctx, struct lg_slice key,
                                                 struct lg_slice value, struct lg_error *err),
                             void *ctx, struct lg_error *err)
{
    struct memkv_engine *e = engine_of(engine);
    enum lg_rc rc = LG_OK;

    pthread_rwlock_rdlock(&e->rows_lock);
    for (size_t i = 0; rc == LG_OK && i < e->rows.rows.size; i++)
        rc = visit(ctx, lg_memkv_row_key(&e->rows.rows.data[i]),
                   lg_memkv_row_value(&e->rows.rows.data[i]), err);
    pthread_rwlock_unlock(&e->rows_lock);
    return rc;
}

static const struct lg_engine_driver_ops memkv_ops = {
    .name = "memkv",
    .open = memkv_open,
    .close = memkv_close,
    .destroy = memkv_destroy,
    .get = memkv_get,
    .put = memkv_put,
    .remove = memkv_remove,
    .flush = memkv_flush,
    .sst_open = memkv_sst_open,
    .sst_add = memkv_sst_add,
    .sst_finish = memkv_sst_finish,
    .sst_abandon = memkv_sst_abandon,
    .sst_list = memkv_sst_list,
    .sst_remove = memkv_sst_remove,
    .ingest = memkv_ingest,
    .each = memkv_each,
};

struct lg_engine_driver *lg_memkv_new(struct lg_disk *disk, const char *root)
{
    struct memkv *m = lg_new(struct memkv);

    m->driver.ops = &memkv_ops;
    m->disk = disk;
    m->root = lg_strdup(root);
    return &m->driver;
}

void lg_memkv_free(struct lg_engine_driver *driver)
{
    if (driver == NULL)
        return;
    lg_free(memkv_of(driver)->root);
    lg_free(driver);
}
