/* The engine port on RocksDB; see the header. `db` is NULL until there is content; it changes when
 * a push is taken in, so readers hold `db_lock` shared while they use it.
 *
 * Debian's library is built with assertions: a database must not be closed with a live iterator,
 * and an SST writer must not be finished empty, nor used again after a failure. */
#include "drivers/rocksdb/engine_rocksdb.h"

#include <errno.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <unistd.h>

#include "base/map.h"
#include "base/str.h"
#include "drivers/rocksdb/shim.h"
#include "storage/engine_dir.h"

#define BLOCK_CACHE_BYTES ((size_t)256 << 20)
#define WRITE_BUFFERS_BYTES ((size_t)64 << 20)
#define WRITE_BUFFER_BYTES ((size_t)8 << 20) /* of one database */
#define BLOCK_BYTES 4096
#define FILTER_BITS_PER_KEY 10
#define OPEN_FILES_MAX 64 /* of one database */
#define LOG_FILE_BYTES_MAX ((size_t)1 << 20)
#define READ_TIER_MEMORY 1 /* kBlockCacheTier */
#define CHECKSUM_XXH3 4
#define INFO_LOG_WARN 2
#define KEY_BYTES_MAX ((size_t)8 << 20)
#define VALUE_BYTES_MAX ((size_t)1 << 30)

struct rocks {
    struct lg_engine_driver driver; /* First: cast back. */
    struct lg_disk *disk;
    char *root;
    rocksdb_cache_t *cache;
    rocksdb_options_t *open_options, *create_options;
    rocksdb_readoptions_t *read, *read_memory, *scan;
    rocksdb_writeoptions_t *write_synced, *write_unlogged;
    rocksdb_flushoptions_t *flush;
    rocksdb_envoptions_t *env;
    rocksdb_ingestexternalfileoptions_t *ingest, *ingest_verified;
};

struct rocks_engine {
    struct lg_engine engine; /* First: cast back. */
    struct lg_engine_dir dir;
    bool wal;
    rocksdb_t *db;
    struct lg_map *finished; /* SST files that this engine wrote since it was opened, by name. */
    pthread_mutex_t writing; /* Making the database when the first put comes. */
    pthread_rwlock_t db_lock;
};

struct rocks_writer {
    struct lg_sst_writer writer; /* First: cast back. */
    rocksdb_sstfilewriter_t *sst;
    char *name, *tmp_path;
    uint64_t rows;
};

static struct rocks *rocks_of(struct lg_engine_driver *d)
{
    return (struct rocks *)(void *)d;
}

static struct rocks_engine *engine_of(struct lg_engine *e)
{
    return (struct rocks_engine *)(void *)e;
}

static struct rocks_writer *writer_of(struct lg_sst_writer *w)
{
    return (struct rocks_writer *)(void *)w;
}

static char *full_path(const struct rocks *r, const char *path)
{
    return lg_strf("%s/%s", r->root, path);
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* The C interface has only the text of a status; it begins with the status' name. */
static enum lg_rc code_of(const char *text)
{
    if (strncmp(text, "Corruption", 10) == 0)
        return LG_ERR_CORRUPT;
    if (strncmp(text, "Result incomplete", 17) == 0)
        return LG_ERR_WOULD_BLOCK;
    if (has(text, "No space left"))
        return LG_ERR_NO_SPACE;
    if (has(text, "lock hold by current process") || has(text, "While lock file"))
        return LG_ERR_IN_USE;
    /* A file of the content that is not there is damage, not a missing key. */
    if (has(text, "No such file") || has(text, "does not exist"))
        return LG_ERR_CORRUPT;
    return LG_ERR_IO;
}

/* Frees RocksDB's text. LG_OK for none. */
static enum lg_rc settle(const struct rocks_engine *e, const char *what, char *take_text,
                         struct lg_error *err)
{
    enum lg_rc rc;

    if (take_text == NULL)
        return LG_OK;
    rc = code_of(take_text);
    lg_error_set(err, rc, "%s: %s: %s", e->dir.path, what, take_text);
    rocksdb_free(take_text);
    return rc;
}

static enum lg_rc open_db(struct rocks_engine *e, const char *folder, bool create, rocksdb_t **out,
                          struct lg_error *err)
{
    struct rocks *r = rocks_of(e->engine.driver);
    LG_AUTO_STR char *path = full_path(r, folder);
    char *text = NULL;
    rocksdb_t *db = rocksdb_open(create ? r->create_options : r->open_options, path, &text);
    enum lg_rc rc = settle(e, "cannot open the database", text, err);

    if (rc == LG_OK)
        *out = db;
    return rc;
}

static void close_db(rocksdb_t *db)
{
    if (db != NULL)
        rocksdb_close(db);
}

/* `db`, made in a prepared generation, is the content from now on. */
static enum lg_rc adopt(struct rocks_engine *e, rocksdb_t *db, const char *const *names, size_t n,
                        struct lg_error *err)
{
    enum lg_rc rc = lg_engine_dir_commit(&e->dir, names, n, err);
    rocksdb_t *old;

    if (rc != LG_OK) {
        close_db(db);
        return rc;
    }
    pthread_rwlock_wrlock(&e->db_lock);
    old = e->db;
    e->db = db;
    pthread_rwlock_unlock(&e->db_lock);
    close_db(old);
    return lg_engine_dir_sweep(&e->dir, err);
}

static enum lg_rc make_empty(struct rocks_engine *e, struct lg_error *err)
{
    LG_AUTO_STR char *folder = NULL;
    rocksdb_t *db = NULL;
    enum lg_rc rc = lg_engine_dir_prepare(&e->dir, &folder, err);

    if (rc == LG_OK)
        rc = open_db(e, folder, /* create= */ true, &db, err);
    return rc != LG_OK ? rc : adopt(e, db, NULL, 0, err);
}

static enum lg_rc count_tables(struct rocks_engine *e, const char *folder, int *out,
                               struct lg_error *err)
{
    LG_SCOPED(lg_disk_names) names = {0};
    enum lg_rc rc = lg_disk_list(rocks_of(e->engine.driver)->disk, folder, &names, err);

    for (size_t i = 0; rc == LG_OK && i < names.names.size; i++) {
        const char *dot = strrchr(names.names.data[i], '.');

        *out += dot != NULL && strcmp(dot, ".sst") == 0;
    }
    return rc;
}

/* RocksDB takes a MANIFEST whose end is missing for one that was being written, opens what was
 * there before, and removes the tables it does not know: rows would be gone without a word. What is
 * complete has no table that is not in its MANIFEST; where one is left, all is read again. */
static enum lg_rc open_complete(struct rocks_engine *e, const char *folder, struct lg_error *err)
{
    int there = 0, known;
    enum lg_rc rc = count_tables(e, folder, &there, err);

    if (rc == LG_OK)
        rc = open_db(e, folder, /* create= */ false, &e->db, err);
    if (rc == LG_OK) {
        const rocksdb_livefiles_t *live = rocksdb_livefiles(e->db);

        known = rocksdb_livefiles_count(live);
        rocksdb_livefiles_destroy(live);
        if (known != there)
            rc = lg_error_set(err, LG_ERR_CORRUPT,
                              "%s: its MANIFEST knows %d of %d tables, so the end of it was lost",
                              folder, known, there);
    }
    return rc;
}

static enum lg_rc load(struct rocks_engine *e, bool complete, struct lg_error *err)
{
    LG_AUTO_STR char *folder = lg_engine_dir_generation_path(&e->dir, e->dir.generation);

    if (e->dir.generation > 0)
        return complete ? open_complete(e, folder, err)
                        : open_db(e, folder, /* create= */ false, &e->db, err);
    if (complete)
        return lg_error_set(err, LG_ERR_CORRUPT, "%s: its content is gone", e->dir.path);
    return e->wal ? make_empty(e, err) : LG_OK;
}

static void rocks_close(struct lg_engine *engine)
{
    struct rocks_engine *e = engine_of(engine);

    close_db(e->db);
    lg_map_free(e->finished);
    lg_engine_dir_close(&e->dir);
    pthread_mutex_destroy(&e->writing);
    pthread_rwlock_destroy(&e->db_lock);
    lg_free(e);
}

static enum lg_rc rocks_open(struct lg_engine_driver *d, const struct lg_engine_options *o,
                             struct lg_engine **out, struct lg_error *err)
{
    struct rocks_engine *e = lg_new(struct rocks_engine);
    LG_AUTO(lg_engine) *engine = &e->engine;
    enum lg_rc rc;

    e->engine.driver = d;
    e->wal = o->wal;
    e->finished = lg_map_new();
    pthread_mutex_init(&e->writing, NULL);
    pthread_rwlock_init(&e->db_lock, NULL);
    rc = lg_engine_dir_open(rocks_of(d)->disk, o->path, &e->dir, err);
    if (rc == LG_OK)
        rc = load(e, o->complete, err);
    if (rc == LG_OK)
        *out = LG_TAKE(engine);
    return rc;
}

static enum lg_rc rocks_destroy(struct lg_engine_driver *d, const char *path, struct lg_error *err)
{
    return lg_engine_dir_destroy(rocks_of(d)->disk, path, err);
}

static enum lg_rc get_pinned(struct rocks_engine *e, const rocksdb_readoptions_t *options,
                             struct lg_slice key, struct lg_buf *out, struct lg_error *err)
{
    char *text = NULL;
    size_t size = 0;
    const char *value;
    rocksdb_pinnableslice_t *pinned =
        rocksdb_get_pinned(e->db, options, (const char *)key.data, key.size, &text);

    if (text != NULL)
        return settle(e, "cannot read", text, err);
    if (pinned == NULL)
        return LG_ERR_NOT_FOUND;
    value = rocksdb_pinnableslice_value(pinned, &size);
    lg_buf_append(out, value, size);
    rocksdb_pinnableslice_destroy(pinned);
    if (!lg_buf_ok(out))
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "%s: a value of %zu bytes is over the caller's limit", e->dir.path,
                            size);
    return LG_OK;
}

static enum lg_rc rocks_get(struct lg_engine *engine, struct lg_slice key, bool from_memory_only,
                            struct lg_buf *out, struct lg_error *err)
{
    struct rocks_engine *e = engine_of(engine);
    struct rocks *r = rocks_of(engine->driver);
    enum lg_rc rc = LG_ERR_NOT_FOUND;

    pthread_rwlock_rdlock(&e->db_lock);
    if (e->db != NULL)
        rc = get_pinned(e, from_memory_only ? r->read_memory : r->read, key, out, err);
    pthread_rwlock_unlock(&e->db_lock);
    return rc;
}

static enum lg_rc ensure_db(struct rocks_engine *e, struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    pthread_mutex_lock(&e->writing);
    if (e->dir.in_doubt) /* What is open may not be the content any more. */
        rc = lg_error_set(err, LG_ERR_IO, "%s: an earlier write failed; open the engine again",
                          e->dir.path);
    else if (e->db == NULL)
        rc = make_empty(e, err);
    pthread_mutex_unlock(&e->writing);
    return rc;
}

static enum lg_rc check_sizes(const struct rocks_engine *e, struct lg_slice key,
                              struct lg_slice value, struct lg_error *err)
{
    if (key.size > KEY_BYTES_MAX || value.size > VALUE_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "%s: a row of %zu + %zu bytes is too large",
                            e->dir.path, key.size, value.size);
    return LG_OK;
}

static const rocksdb_writeoptions_t *write_options(const struct rocks_engine *e)
{
    const struct rocks *r = rocks_of(e->engine.driver);

    return e->wal ? r->write_synced : r->write_unlogged;
}

static enum lg_rc rocks_put(struct lg_engine *engine, struct lg_slice key, struct lg_slice value,
                            struct lg_error *err)
{
    struct rocks_engine *e = engine_of(engine);
    char *text = NULL;
    enum lg_rc rc = check_sizes(e, key, value, err);

    if (rc == LG_OK)
        rc = ensure_db(e, err);
    if (rc != LG_OK)
        return rc;
    rocksdb_put(e->db, write_options(e), (const char *)key.data, key.size, (const char *)value.data,
                value.size, &text);
    return settle(e, "cannot write", text, err);
}

static enum lg_rc rocks_remove(struct lg_engine *engine, struct lg_slice key, struct lg_error *err)
{
    struct rocks_engine *e = engine_of(engine);
    char *text = NULL;
    enum lg_rc rc = ensure_db(e, err);

    if (rc != LG_OK)
        return rc;
    rocksdb_delete(e->db, write_options(e), (const char *)key.data, key.size, &text);
    return settle(e, "cannot write", text, err);
}

static enum lg_rc rocks_flush(struct lg_engine *engine, struct lg_error *err)
{
    struct rocks_engine *e = engine_of(engine);
    char *text = NULL;

    if (e->db == NULL)
        return LG_OK;
    rocksdb_flush(e->db, rocks_of(engine->driver)->flush, &text);
    return settle(e, "cannot flush", text, err);
}

static void writer_free(struct rocks_writer *w)
{
    if (w->sst != NULL)
        rocksdb_sstfilewriter_destroy(w->sst);
    lg_free(w->name);
    lg_free(w->tmp_path);
    lg_free(w);
}

static void rocks_sst_abandon(struct lg_sst_writer *writer)
{
    struct rocks_writer *w = writer_of(writer);

    if (w->sst != NULL)
        rocksdb_sstfilewriter_destroy(LG_TAKE(w->sst));
    lg_engine_dir_sst_abandon(&engine_of(writer->engine)->dir, w->tmp_path);
    writer_free(w);
}

static enum lg_rc rocks_sst_open(struct lg_engine *engine, const char *name,
                                 struct lg_sst_writer **out, struct lg_error *err)
{
    struct rocks_engine *e = engine_of(engine);
    struct rocks *r = rocks_of(engine->driver);
    struct rocks_writer *w = lg_new(struct rocks_writer);
    char *text = NULL;
    enum lg_rc rc = lg_engine_dir_sst_begin(&e->dir, name, &w->tmp_path, err);

    w->writer.engine = engine;
    w->name = lg_strdup(name);
    if (rc == LG_OK) {
        LG_AUTO_STR char *path = full_path(r, w->tmp_path);

        w->sst = rocksdb_sstfilewriter_create(r->env, r->create_options);
        rocksdb_sstfilewriter_open(w->sst, path, &text);
        rc = settle(e, "cannot make an SST file", text, err);
    }
    if (rc == LG_OK)
        *out = &w->writer;
    else
        writer_free(w);
    return rc;
}

static enum lg_rc rocks_sst_add(struct lg_sst_writer *writer, struct lg_slice key,
                                struct lg_slice value, struct lg_error *err)
{
    struct rocks_writer *w = writer_of(writer);
    struct rocks_engine *e = engine_of(writer->engine);
    char *text = NULL;
    enum lg_rc rc = check_sizes(e, key, value, err);

    if (rc != LG_OK)
        return rc;
    rocksdb_sstfilewriter_put(w->sst, (const char *)key.data, key.size, (const char *)value.data,
                              value.size, &text);
    if (text != NULL && has(text, "strict ascending order")) {
        rocksdb_free(text);
        return lg_error_set(err, LG_ERR_BAD_DATA, "%s: keys must ascend strictly", w->tmp_path);
    }
    w->rows++;
    return settle(e, "cannot write an SST file", text, err);
}

/* RocksDB syncs the file's content in Finish; the name is synced by the folder's code. */
static enum lg_rc rocks_sst_finish(struct lg_sst_writer *take_w, struct lg_error *err)
{
    struct rocks_writer *w = writer_of(take_w);
    struct rocks_engine *e = engine_of(take_w->engine);
    char *text = NULL;
    enum lg_rc rc = w->rows > 0
                        ? LG_OK
                        : lg_error_set(err, LG_ERR_INVALID, "%s: a file without rows", w->tmp_path);

    if (rc == LG_OK) {
        rocksdb_sstfilewriter_finish(w->sst, &text);
        rc = settle(e, "cannot finish an SST file", text, err);
    }
    if (rc == LG_OK)
        rc = lg_engine_dir_sst_finish(&e->dir, w->name, err);
    if (rc == LG_OK)
        (void)lg_map_put(e->finished, lg_slice_str(w->name), e);
    if (rc != LG_OK) {
        rocks_sst_abandon(take_w);
        return rc;
    }
    writer_free(w);
    return LG_OK;
}

static enum lg_rc rocks_sst_list(struct lg_engine *e, struct lg_disk_names *out,
                                 struct lg_error *err)
{
    return lg_engine_dir_sst_list(&engine_of(e)->dir, out, err);
}

static enum lg_rc rocks_sst_remove(struct lg_engine *e, const char *name, struct lg_error *err)
{
    (void)lg_map_remove(engine_of(e)->finished, lg_slice_str(name));
    return lg_engine_dir_sst_remove(&engine_of(e)->dir, name, err);
}

/* RocksDB consumes the names it moves files from before its database is our content; so it gets
 * second names (hard links) for them, in a folder that goes with the generation's leftovers. */
static enum lg_rc link_files(struct rocks_engine *e, const char *folder, const char *const *names,
                             size_t n, char **paths, struct lg_error *err)
{
    struct rocks *r = rocks_of(e->engine.driver);
    enum lg_rc rc = lg_disk_remove_tree(r->disk, folder, err);

    if (rc == LG_OK)
        rc = lg_disk_make_dirs(r->disk, folder, err);
    for (size_t i = 0; rc == LG_OK && i < n; i++) {
        LG_AUTO_STR char *from = lg_strf("%s/%s/%s", r->root, e->dir.sst_path, names[i]);

        paths[i] = lg_strf("%s/%s/%s", r->root, folder, names[i]);
        if (link(from, paths[i]) != 0)
            rc = lg_error_errno(err, errno, "cannot link %s/%s", e->dir.sst_path, names[i]);
    }
    return rc;
}

/* A file that was there before the engine was opened has been through a crash or a restart: all of
 * it is read and verified. What we have just written ourselves is not read again here; each block
 * is verified when it is read for an answer. */
static const rocksdb_ingestexternalfileoptions_t *ingest_options(const struct rocks_engine *e,
                                                                 const char *const *names, size_t n)
{
    const struct rocks *r = rocks_of(e->engine.driver);

    for (size_t i = 0; i < n; i++)
        if (lg_map_get(e->finished, lg_slice_str(names[i])) == NULL)
            return r->ingest_verified;
    return r->ingest;
}

static enum lg_rc fill(struct rocks_engine *e, rocksdb_t *db, const char *folder,
                       const char *const *names, size_t n, struct lg_error *err)
{
    LG_AUTO_STR char *in = lg_strf("%s.in", folder);
    char **paths = lg_new_array(char *, n);
    char *text = NULL;
    enum lg_rc rc = link_files(e, in, names, n, paths, err);

    if (rc == LG_OK) {
        rocksdb_ingest_external_file(db, (const char *const *)paths, n, ingest_options(e, names, n),
                                     &text);
        rc = settle(e, "cannot take SST files in", text, err);
    }
    for (size_t i = 0; i < n; i++)
        lg_free(paths[i]);
    lg_free(paths);
    return rc;
}

static enum lg_rc rocks_ingest(struct lg_engine *engine, const char *const *names, size_t n,
                               struct lg_error *err)
{
    struct rocks_engine *e = engine_of(engine);
    LG_AUTO_STR char *folder = NULL;
    rocksdb_t *db = NULL;
    bool done = false;
    enum lg_rc rc = lg_engine_dir_sst_check(&e->dir, names, n, &done, err);

    if (rc != LG_OK || done)
        return rc;
    rc = lg_engine_dir_prepare(&e->dir, &folder, err);
    if (rc == LG_OK)
        rc = open_db(e, folder, /* create= */ true, &db, err);
    if (rc == LG_OK && n > 0)
        rc = fill(e, db, folder, names, n, err);
    if (rc != LG_OK) {
        close_db(db);
        return rc;
    }
    return adopt(e, db, names, n, err);
}

static enum lg_rc visit_all(struct rocks_engine *e, rocksdb_iterator_t *it,
                            enum lg_rc (*visit)(void *ctx, struct lg_slice key,
                                                struct lg_slice value, struct lg_error *err),
                            void *ctx, struct lg_error *err)
{
    char *text = NULL;
    enum lg_rc rc = LG_OK;

    for (rocksdb_iter_seek_to_first(it); rc == LG_OK && rocksdb_iter_valid(it);
         rocksdb_iter_next(it)) {
        size_t key_size, value_size;
        const char *key = rocksdb_iter_key(it, &key_size);
        const char *value = rocksdb_iter_value(it, &value_size);

        rc = visit(ctx, lg_slice(key, key_size), lg_slice(value, value_size), err);
    }
    if (rc != LG_OK)
        return rc;
    rocksdb_iter_get_error(it, &text);
    return settle(e, "cannot read", text, err);
}

static enum lg_rc rocks_each(struct lg_engine *engine,
                             enum lg_rc (*visit)(void *ctx, struct lg_slice key,
                                                 struct lg_slice value, struct lg_error *err),
                             void *ctx, struct lg_error *err)
{
    struct rocks_engine *e = engine_of(engine);
    rocksdb_iterator_t *it;
    enum lg_rc rc = LG_OK;

    pthread_rwlock_rdlock(&e->db_lock);
    if (e->db != NULL) {
        it = rocksdb_create_iterator(e->db, rocks_of(engine->driver)->scan);
        rc = visit_all(e, it, visit, ctx, err);
        rocksdb_iter_destroy(it);
    }
    pthread_rwlock_unlock(&e->db_lock);
    return rc;
}

static const struct lg_engine_driver_ops rocks_ops = {
    .name = "rocksdb",
    .open = rocks_open,
    .close = rocks_close,
    .destroy = rocks_destroy,
    .get = rocks_get,
    .put = rocks_put,
    .remove = rocks_remove,
    .flush = rocks_flush,
    .sst_open = rocks_sst_open,
    .sst_add = rocks_sst_add,
    .sst_finish = rocks_sst_finish,
    .sst_abandon = rocks_sst_abandon,
    .sst_list = rocks_sst_list,
    .sst_remove = rocks_sst_remove,
    .ingest = rocks_ingest,
    .each = rocks_each,
};

static void set_tables(rocksdb_options_t *o, rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();

    rocksdb_block_based_options_set_block_cache(t, cache);
    rocksdb_block_based_options_set_block_size(t, BLOCK_BYTES);
    rocksdb_block_based_options_set_checksum(t, CHECKSUM_XXH3);
    rocksdb_block_based_options_set_format_version(t, 5);
    /* Index and filter blocks count as cache, so that memory is bounded by one number. */
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(t, 1);
    rocksdb_block_based_options_set_filter_policy(/* Owned by the table options. */
                                                  t, rocksdb_filterpolicy_create_bloom_full(
                                                         FILTER_BITS_PER_KEY));
    rocksdb_options_set_block_based_table_factory(o, t);
    rocksdb_block_based_options_destroy(t);
}

static rocksdb_options_t *make_options(const struct lg_rocksdb_options *from,
                                       rocksdb_cache_t *cache)
{
    rocksdb_options_t *o = rocksdb_options_create();

    set_tables(o, cache);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    rocksdb_options_set_write_buffer_size(o, WRITE_BUFFER_BYTES);
    lg_rocksdb_shim_set_write_buffers(
        o, from->write_buffers_bytes == 0 ? WRITE_BUFFERS_BYTES : from->write_buffers_bytes, cache);
    if (from->rate_bytes_per_second > 0) {
        rocksdb_ratelimiter_t *limit = rocksdb_ratelimiter_create(
            (int64_t)from->rate_bytes_per_second, /* refill_us= */ 100000, /* fairness= */ 10);

        rocksdb_options_set_ratelimiter(o, limit);
        rocksdb_ratelimiter_destroy(limit);
    }
    rocksdb_options_set_max_open_files(o, OPEN_FILES_MAX);
    rocksdb_options_set_paranoid_checks(o, 1);
    rocksdb_options_set_info_log_level(o, INFO_LOG_WARN);
    rocksdb_options_set_keep_log_file_num(o, 1);
    rocksdb_options_set_max_log_file_size(o, LOG_FILE_BYTES_MAX);
    /* There may be thousands of databases: none gets threads or timers of its own. */
    rocksdb_options_set_max_file_opening_threads(o, 1);
    rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    return o;
}

static rocksdb_readoptions_t *read_options(bool from_memory_only, bool fill_cache)
{
    rocksdb_readoptions_t *o = rocksdb_readoptions_create();

    rocksdb_readoptions_set_verify_checksums(o, 1);
    rocksdb_readoptions_set_fill_cache(o, fill_cache);
    if (from_memory_only)
        rocksdb_readoptions_set_read_tier(o, READ_TIER_MEMORY);
    return o;
}

static void make_call_options(struct rocks *r)
{
    r->read = read_options(/* from_memory_only= */ false, /* fill_cache= */ true);
    r->read_memory = read_options(/* from_memory_only= */ true, /* fill_cache= */ true);
    r->scan = read_options(/* from_memory_only= */ false, /* fill_cache= */ false);
    r->write_synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(r->write_synced, 1);
    r->write_unlogged = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(r->write_unlogged, 1);
    r->flush = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(r->flush, 1);
    r->env = rocksdb_envoptions_create();
    r->ingest = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(r->ingest, 1);
    lg_rocksdb_shim_set_ingest(r->ingest, /* verify= */ false);
    r->ingest_verified = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(r->ingest_verified, 1);
    lg_rocksdb_shim_set_ingest(r->ingest_verified, /* verify= */ true);
}

struct lg_engine_driver *lg_rocksdb_new(const struct lg_rocksdb_options *options)
{
    struct rocks *r = lg_new(struct rocks);

    r->driver.ops = &rocks_ops;
    r->disk = options->disk;
    r->root = lg_strdup(options->root);
    r->cache = rocksdb_cache_create_lru(
        options->block_cache_bytes == 0 ? BLOCK_CACHE_BYTES : options->block_cache_bytes);
    r->open_options = make_options(options, r->cache);
    r->create_options = rocksdb_options_create_copy(r->open_options);
    rocksdb_options_set_create_if_missing(r->create_options, 1);
    rocksdb_options_set_error_if_exists(r->create_options, 1);
    make_call_options(r);
    return &r->driver;
}

void lg_rocksdb_free(struct lg_engine_driver *driver)
{
    struct rocks *r;

    if (driver == NULL)
        return;
    r = rocks_of(driver);
    rocksdb_ingestexternalfileoptions_destroy(r->ingest);
    rocksdb_ingestexternalfileoptions_destroy(r->ingest_verified);
    rocksdb_envoptions_destroy(r->env);
    rocksdb_flushoptions_destroy(r->flush);
    rocksdb_writeoptions_destroy(r->write_unlogged);
    rocksdb_writeoptions_destroy(r->write_synced);
    rocksdb_readoptions_destroy(r->scan);
    rocksdb_readoptions_destroy(r->read_memory);
    rocksdb_readoptions_destroy(r->read);
    rocksdb_options_destroy(r->create_options);
    rocksdb_options_destroy(r->open_options);
    rocksdb_cache_destroy(r->cache);
    lg_free(r->root);
    lg_free(r);
}
