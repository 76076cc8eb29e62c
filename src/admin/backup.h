/* Backups: all metadata of one moment and the topics of its versions (docs/formats/backup.md).
 *
 * What stands in storage engines is not part of one: servers read it from the topics again. The
 * metadata is taken first; a topic holds at least what the metadata says of it, and a topic that
 * went meanwhile makes the backup begin again. Straight-line code on the caller's lane: it submits
 * an operation and waits for it; the disk blocks.
 */
#ifndef LG_ADMIN_BACKUP_H
#define LG_ADMIN_BACKUP_H

#include "admin/wait.h"
#include "base/json.h"
#include "lane/disk.h"

#define LG_BACKUP_METADATA_BYTES_MAX ((size_t)512 << 20)
#define LG_BACKUP_MANIFEST_BYTES_MAX ((size_t)256 << 20)
#define LG_BACKUP_SPARE_BYTES ((uint64_t)64 << 20) /* of the backup's disk, left free */

struct lg_backup_world { /* All borrowed for the call. */
    struct lg_waiter waiter;
    struct lg_disk *disk;       /* the backup's folder */
    const char *name;           /* of that folder, for messages */
    struct lg_pubsub *log;      /* from where, or to where; check needs none */
    struct lg_metastore *store; /* restore: to where */
    /* Often, with the waiter's ctx. May be NULL. */
    void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
};

struct lg_backup_summary {
    int64_t taken_ms;
    uint64_t nodes, topics, partitions, records, bytes; /* bytes: of the files */
};

/* Writes a backup of `metadata` (the answer of the controller's /v1/metadata) and of its topics.
 * The manifest is written last: without it the folder is no backup. LG_ERR_BUSY when a topic went
 * meanwhile: begin again, with new metadata; what was written is replaced. LG_ERR_NO_SPACE before
 * the disk is full, which may be the one that Lagoon itself works on: what was written is removed.
 * Else what the log and the disk may return. */
LG_MUST_CHECK enum lg_rc lg_backup_write(const struct lg_backup_world *w,
                                         const struct lg_json *metadata,
                                         struct lg_backup_summary *out, struct lg_error *err);
/* Reads all of it and compares sizes, counts and checksums. LG_ERR_NOT_FOUND when there is no
 * manifest, LG_ERR_CORRUPT names the file and what is wrong with it, LG_ERR_UNSUPPORTED for another
 * format. */
LG_MUST_CHECK enum lg_rc lg_backup_check(const struct lg_backup_world *w,
                                         struct lg_backup_summary *out, struct lg_error *err);
/* Fills an empty log and an empty metastore, metadata last, and compares every checksum on the way:
 * who checks the backup before it leaves nothing half filled behind. Errors as of a check, and of
 * the log and the metastore. */
LG_MUST_CHECK enum lg_rc lg_backup_restore(const struct lg_backup_world *w,
                                           struct lg_backup_summary *out, struct lg_error *err);

#endif
