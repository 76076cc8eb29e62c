/* The folder of one engine, laid out alike by all drivers (docs/formats/replica.md):
 *
 *   LOCK      held while the engine is open
 *   CURRENT   which generation is the content, and which SST files went into it
 *   gen-<n>/  a generation; what is in it is the driver's
 *   sst/      finished files, and unfinished ones named *.tmp
 *
 * A new content is built in a new generation; replacing CURRENT, which is atomic and durable, makes
 * it the content. Whatever a crash leaves behind is known by not being named there, and is removed
 * at the next open. Owned by the engine that holds it; one caller at a time; every call blocks.
 */
#ifndef LG_STORAGE_ENGINE_DIR_H
#define LG_STORAGE_ENGINE_DIR_H

#include "lane/disk.h"

struct lg_engine_dir {
    struct lg_disk *disk;
    char *path;
    char *sst_path;
    struct lg_file *lock;
    uint64_t generation;        /* 0: there is no content yet. */
    bool in_doubt;              /* CURRENT could not be replaced, or was: only a reopen knows. */
    struct lg_disk_names taken; /* SST files that went into it. */
};

/* Makes, locks, reads and sweeps the folder. LG_ERR_IN_USE, LG_ERR_CORRUPT for a damaged CURRENT,
 * LG_ERR_CONFLICT for a file of another format. `*out` is {0} after a failure. */
LG_MUST_CHECK enum lg_rc lg_engine_dir_open(struct lg_disk *disk, const char *path,
                                            struct lg_engine_dir *out, struct lg_error *err);
void lg_engine_dir_close(struct lg_engine_dir *d); /* Also of {0}. */
/* Removes a folder that is not open; LG_ERR_IN_USE. Absent is LG_OK. */
LG_MUST_CHECK enum lg_rc lg_engine_dir_destroy(struct lg_disk *disk, const char *path,
                                               struct lg_error *err);

/* Path of a generation's folder, relative to the disk; the caller frees it. */
char *lg_engine_dir_generation_path(const struct lg_engine_dir *d, uint64_t generation);
/* An empty folder for the generation after this one, its path to free. */
LG_MUST_CHECK enum lg_rc lg_engine_dir_prepare(struct lg_engine_dir *d, char **out_path,
                                               struct lg_error *err);
/* The prepared generation, whose files are durable, is the content from now on; the named SST files
 * went into it. After a failure only a reopen knows which content counts (in_doubt). */
LG_MUST_CHECK enum lg_rc lg_engine_dir_commit(struct lg_engine_dir *d, const char *const *names,
                                              size_t n, struct lg_error *err);
/* After a commit, when nobody uses the old generation any more: removes it and the files that were
 * taken in. Failing changes nothing of the content: it is done again at the next open. */
LG_MUST_CHECK enum lg_rc lg_engine_dir_sweep(struct lg_engine_dir *d, struct lg_error *err);

/* Path under which an SST file is written, and later finished: made durable by the driver, then
 * lg_engine_dir_sst_finish gives it its name. Bare names only: LG_ERR_INVALID. */
LG_MUST_CHECK enum lg_rc lg_engine_dir_sst_begin(struct lg_engine_dir *d, const char *name,
                                                 char **out_tmp_path, struct lg_error *err);
/* The file will not be finished. When it cannot be removed, the next open does it. */
void lg_engine_dir_sst_abandon(struct lg_engine_dir *d, const char *tmp_path);
LG_MUST_CHECK enum lg_rc lg_engine_dir_sst_finish(struct lg_engine_dir *d, const char *name,
                                                  struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_engine_dir_sst_list(struct lg_engine_dir *d, struct lg_disk_names *out,
                                                struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_engine_dir_sst_remove(struct lg_engine_dir *d, const char *name,
                                                  struct lg_error *err);
/* Before an ingest: are all files there? LG_ERR_NOT_FOUND names one that is not. `*out_done` is
 * true when none is because exactly these were taken in already. */
LG_MUST_CHECK enum lg_rc lg_engine_dir_sst_check(struct lg_engine_dir *d, const char *const *names,
                                                 size_t n, bool *out_done, struct lg_error *err);

#endif
