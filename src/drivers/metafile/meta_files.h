/* The bytes of metafile on disk: snapshots and the payload of journal frames
 * (docs/formats/metafile.md). Everything here blocks or is pure; no lanes. */
#ifndef LG_DRIVERS_METAFILE_META_FILES_H
#define LG_DRIVERS_METAFILE_META_FILES_H

#include "base/buf.h"
#include "drivers/metafile/meta_tree.h"
#include "lane/disk.h"
#include "lane/journal.h"

#define LG_META_JOURNAL_KIND 0x54454d4cu
#define LG_META_JOURNAL_VERSION 1u
#define LG_META_SNAPSHOT_BYTES_MAX ((size_t)1 << 30)
#define LG_META_FRAME_HEAD_BYTES 12u

struct lg_meta_snapshot_head {
    uint64_t generation, commit;
};

/* Only persistent nodes are written. */
void lg_meta_snapshot_write(struct lg_buf *out, const struct lg_meta_snapshot_head *head,
                            const struct lg_meta_tree *tree);
/* Into an initialised tree that holds only the root. LG_ERR_CORRUPT. */
LG_MUST_CHECK enum lg_rc lg_meta_snapshot_read(struct lg_slice bytes,
                                               struct lg_meta_snapshot_head *out,
                                               struct lg_meta_tree *tree, struct lg_error *err);

/* A frame: begin, add effects, then end writes number and count into its head. */
void lg_meta_frame_begin(struct lg_buf *frame);
void lg_meta_frame_add(struct lg_buf *frame, enum lg_meta_effect_kind kind, const char *path,
                       const struct lg_meta_node *node);
void lg_meta_frame_end(struct lg_buf *frame, uint64_t commit, uint32_t effects);
/* Replays a frame, whose number must be `commit`. LG_ERR_CORRUPT. */
LG_MUST_CHECK enum lg_rc lg_meta_frame_replay(struct lg_slice frame, uint64_t commit,
                                              struct lg_meta_tree *tree, struct lg_error *err);

/* What was found in a folder, or has just been made there. */
struct lg_meta_files {
    struct lg_journal *journal; /* Owned. */
    struct lg_file *durable;    /* Owned: the note of how much is durable; may be NULL. */
    uint64_t generation, commit;
    size_t snapshot_bytes;
};

/* Loads the newest generation into `tree` (initialised, only the root), or makes the first one, and
 * removes left-overs. LG_ERR_CORRUPT also when more was durable once than is there. */
LG_MUST_CHECK enum lg_rc lg_meta_files_open(struct lg_disk *disk, const char *dir,
                                            struct lg_meta_tree *tree, struct lg_meta_files *out,
                                            struct lg_error *err);
/* Notes beside the journal that everything up to `commit` is durable, so that the next open knows
 * when the journal's end was lost. Advice: an error is logged, and the old note stays true. */
void lg_meta_files_note(const char *dir, const struct lg_meta_files *files, uint64_t commit);
void lg_meta_files_done(struct lg_meta_files *files);
/* Begins the next generation with `tree`, replacing `files`. On failure `files` is as before and
 * may be used on, unless `*out_broken`: then nothing may be written until the next open. */
LG_MUST_CHECK enum lg_rc lg_meta_files_renew(struct lg_disk *disk, const char *dir,
                                             const struct lg_meta_tree *tree,
                                             struct lg_meta_files *files, bool *out_broken,
                                             struct lg_error *err);

#endif
