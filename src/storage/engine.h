/* A key-value engine as a port: one instance holds one partition replica (or a server's metadata).
 *
 * Drivers: rocksdb (production), memkv (simulation; files over the disk port). Every driver passes
 * lg_engine_contract. All calls block, except lg_engine_get with `from_memory_only`: callers run
 * them from lg_offload. Gets, puts and removes may run on any number of threads beside each other;
 * SST files, flush, ingest and close have one caller at a time.
 *
 * Durability: with `wal` a put is durable when it returns. Without, it is durable after
 * lg_engine_flush. lg_engine_ingest is durable when it returns and replaces the whole content
 * atomically: after a crash the engine holds either all of the old or all of the new.
 */
#ifndef LG_STORAGE_ENGINE_H
#define LG_STORAGE_ENGINE_H

#include "base/buf.h"
#include "lane/disk.h"

struct lg_engine;
struct lg_sst_writer;
struct lg_engine_driver;

struct lg_engine_options {
    const char *path; /* Below the driver's root; made if absent. Borrowed for the call. */
    bool wal;
    bool complete; /* It was filled before: LG_ERR_CORRUPT when its content is gone. */
};

struct lg_engine_driver_ops {
    const char *name;
    enum lg_rc (*open)(struct lg_engine_driver *d, const struct lg_engine_options *o,
                       struct lg_engine **out, struct lg_error *err);
    void (*close)(struct lg_engine *e);
    enum lg_rc (*destroy)(struct lg_engine_driver *d, const char *path, struct lg_error *err);
    enum lg_rc (*get)(struct lg_engine *e, struct lg_slice key, bool from_memory_only,
                      struct lg_buf *out, struct lg_error *err);
    enum lg_rc (*put)(struct lg_engine *e, struct lg_slice key, struct lg_slice value,
                      struct lg_error *err);
    enum lg_rc (*remove)(struct lg_engine *e, struct lg_slice key, struct lg_error *err);
    enum lg_rc (*flush)(struct lg_engine *e, struct lg_error *err);
    enum lg_rc (*sst_open)(struct lg_engine *e, const char *name, struct lg_sst_writer **out,
                           struct lg_error *err);
    enum lg_rc (*sst_add)(struct lg_sst_writer *w, struct lg_slice key, struct lg_slice value,
                          struct lg_error *err);
    enum lg_rc (*sst_finish)(struct lg_sst_writer *w, struct lg_error *err);
    void (*sst_abandon)(struct lg_sst_writer *w);
    enum lg_rc (*sst_list)(struct lg_engine *e, struct lg_disk_names *out, struct lg_error *err);
    enum lg_rc (*sst_remove)(struct lg_engine *e, const char *name, struct lg_error *err);
    enum lg_rc (*ingest)(struct lg_engine *e, const char *const *names, size_t n,
                         struct lg_error *err);
    enum lg_rc (*each)(struct lg_engine *e,
                       enum lg_rc (*visit)(void *ctx, struct lg_slice key, struct lg_slice value,
                                           struct lg_error *err),
                       void *ctx, struct lg_error *err);
};

struct lg_engine_driver { /* The head that every driver embeds first. */
    const struct lg_engine_driver_ops *ops;
};
struct lg_engine {
    struct lg_engine_driver *driver;
};
struct lg_sst_writer {
    struct lg_engine *engine;
};

/* LG_ERR_IO, LG_ERR_CORRUPT (named), LG_ERR_IN_USE. `*out` is untouched on failure. */
LG_MUST_CHECK enum lg_rc lg_engine_open(struct lg_engine_driver *driver,
                                        const struct lg_engine_options *options,
                                        struct lg_engine **out, struct lg_error *err);
void lg_engine_close(struct lg_engine *e); /* NULL is allowed. No get may be running. */
LG_DEFINE_AUTO(lg_engine, lg_engine_close)
/* Removes all files of a closed engine; absent is LG_OK. */
LG_MUST_CHECK enum lg_rc lg_engine_destroy(struct lg_engine_driver *driver, const char *path,
                                           struct lg_error *err);
/* Appends the value to `out`. LG_ERR_NOT_FOUND (err is not set: the hot path), LG_ERR_WOULD_BLOCK
 * when `from_memory_only` and the answer needs the disk, LG_ERR_CORRUPT. */
LG_MUST_CHECK enum lg_rc lg_engine_get(struct lg_engine *e, struct lg_slice key,
                                       bool from_memory_only, struct lg_buf *out,
                                       struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_engine_put(struct lg_engine *e, struct lg_slice key,
                                       struct lg_slice value, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_engine_remove(struct lg_engine *e, struct lg_slice key,
                                          struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_engine_flush(struct lg_engine *e, struct lg_error *err);
/* A file of sorted rows beside the engine, not visible to gets. `name` is a bare file name; a file
 * of that name is replaced. Keys must be added in strictly ascending order (LG_ERR_BAD_DATA). */
LG_MUST_CHECK enum lg_rc lg_sst_open(struct lg_engine *e, const char *name,
                                     struct lg_sst_writer **out, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_sst_add(struct lg_sst_writer *w, struct lg_slice key,
                                    struct lg_slice value, struct lg_error *err);
/* Durable when it returns. Frees the writer in any case. Without a row there is nothing to make a
 * file of: LG_ERR_INVALID. */
LG_MUST_CHECK enum lg_rc lg_sst_finish(struct lg_sst_writer *take_w, struct lg_error *err);
/* Frees the writer and removes the file. NULL is allowed. */
void lg_sst_abandon(struct lg_sst_writer *take_w);
/* Names of the finished files that are not taken in, sorted. */
LG_MUST_CHECK enum lg_rc lg_sst_list(struct lg_engine *e, struct lg_disk_names *out,
                                     struct lg_error *err);
/* Absent is LG_OK. */
LG_MUST_CHECK enum lg_rc lg_sst_remove(struct lg_engine *e, const char *name, struct lg_error *err);
/* Takes finished files in as the whole new content; the files are gone afterwards. Of two rows with
 * one key that of the later file counts. n may be 0: the engine is empty then. LG_ERR_NOT_FOUND
 * names a missing file and changes nothing. After a crash in the middle, and an open, either all
 * files are still there, and it can be done again; or none is, and it had succeeded: then doing it
 * again with the same names is LG_OK and changes nothing. */
LG_MUST_CHECK enum lg_rc lg_engine_ingest(struct lg_engine *e, const char *const *names, size_t n,
                                          struct lg_error *err);
/* Every row in key order. */
LG_MUST_CHECK enum lg_rc lg_engine_each(struct lg_engine *e,
                                        enum lg_rc (*visit)(void *ctx, struct lg_slice key,
                                                            struct lg_slice value,
                                                            struct lg_error *err),
                                        void *ctx, struct lg_error *err);

#endif
