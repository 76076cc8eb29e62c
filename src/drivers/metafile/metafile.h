/* The embedded metadata store: a tree in memory, a journal and snapshots on disk
 * (docs/formats/metafile.md). A driver of the metastore port.
 *
 * It lives on its home lane; operations and watches may come from any lane of the process. Changes
 * of one tick share one sync. Readers see only what is durable. After a failed append or sync it
 * answers reads and refuses writes with LG_ERR_IO until it is opened again.
 */
#ifndef LG_DRIVERS_METAFILE_METAFILE_H
#define LG_DRIVERS_METAFILE_METAFILE_H

#include "lane/disk_space.h"
#include "metastore/metastore.h"

struct lg_metafile;

#define LG_METAFILE_BYTES_DEFAULT ((size_t)64 << 20)   /* of the tree in memory */
#define LG_METAFILE_BYTES_MAX ((size_t)512 << 20)      /* what a configuration may ask for */
#define LG_METAFILE_WRITE_BYTES_MAX ((size_t)16 << 20) /* values and paths of one WRITE */
#define LG_METAFILE_CHANGES_MAX 10000                  /* changes of one WRITE */
#define LG_METAFILE_QUEUE_MAX 10000                    /* WRITEs that wait; beyond: LG_ERR_BUSY */
#define LG_METAFILE_JOURNAL_BYTES_MIN ((uint64_t)4 << 20) /* no new generation below */

struct lg_metafile_options {
    struct lg_disk *disk;
    const char *dir;            /* Copied. */
    struct lg_lane *lane;       /* The home lane: open, close run on it, or before it runs. */
    size_t bytes_max;           /* 0: LG_METAFILE_BYTES_DEFAULT; over it: LG_ERR_TOO_LARGE. */
    uint64_t journal_bytes_min; /* 0: LG_METAFILE_JOURNAL_BYTES_MIN; tests take less. */
    /* Gives its reserve to a commit that finds the disk full; without one, or when it is used up,
     * the commit is refused with LG_ERR_NO_SPACE and changes nothing. NULL is allowed. */
    struct lg_disk_space *space;
};

/* Blocks. Ephemeral nodes of former processes are gone. LG_ERR_IN_USE when another process has the
 * folder, LG_ERR_CORRUPT, LG_ERR_CONFLICT for another format version, LG_ERR_IO. */
LG_MUST_CHECK enum lg_rc lg_metafile_open(const struct lg_metafile_options *options,
                                          struct lg_metafile **out, struct lg_error *err);
/* On the home lane. Every session must be closed and every operation done. `closed` (may be NULL)
 * runs once on the home lane, never from inside this call, when all memory is free. */
void lg_metafile_close(struct lg_metafile *mf, void (*closed)(void *ctx), void *ctx);

/* A session, from any thread while the store is open. Ephemeral nodes belong to the session whose
 * operation made them. */
struct lg_metastore *lg_metafile_session_new(struct lg_metafile *mf);
/* Its ephemeral nodes vanish, then `closed` (may be NULL) runs once on `lane` and the session is
 * gone. Its operations must be done and its watches closed. */
void lg_metafile_session_close(struct lg_metastore *session, struct lg_lane *lane,
                               void (*closed)(void *ctx), void *ctx);

/* For tests and status pages, on the home lane. */
uint64_t lg_metafile_generation(const struct lg_metafile *mf);
size_t lg_metafile_bytes(const struct lg_metafile *mf);

#endif
