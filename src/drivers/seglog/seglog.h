/* The embedded log: topics as folders, partitions as journals (docs/formats/seglog.md). A driver of
 * the pubsub port.
 *
 * It lives on its home lane; operations may come from any lane of the process. Batches that arrive
 * for a partition while it is being synced share the next sync, and all partitions that are due
 * share one piece of offloaded work. Readers see only what is durable. While the disk is low,
 * topics and records are refused with LG_ERR_NO_SPACE; so is a record that found the disk full, and
 * both may be tried again. A partition whose append or sync failed otherwise refuses further
 * appends with LG_ERR_IO until the log is opened again; a damaged one answers LG_ERR_CORRUPT; the
 * others go on.
 */
#ifndef LG_DRIVERS_SEGLOG_SEGLOG_H
#define LG_DRIVERS_SEGLOG_SEGLOG_H

#include "lane/disk_space.h"
#include "pubsub/pubsub.h"

struct lg_seglog;

#define LG_SEGLOG_UNACKED_BYTES_MAX ((size_t)64 << 20) /* per partition; beyond: LG_ERR_BUSY */
#define LG_SEGLOG_FETCH_BYTES_MAX ((size_t)16 << 20)   /* of one answer; more is clamped */
#define LG_SEGLOG_FETCH_BYTES_DEFAULT ((size_t)1 << 20)
#define LG_SEGLOG_OPEN_FILES_DEFAULT 512

struct lg_seglog_options {
    struct lg_disk *disk;
    const char *dir;             /* Copied. */
    struct lg_lane *lane;        /* The home lane: open, close run on it, or before it runs. */
    size_t open_files;           /* Journals kept open; 0: LG_SEGLOG_OPEN_FILES_DEFAULT. */
    struct lg_disk_space *space; /* Borrowed; NULL: never low. */
};

/* Blocks; partitions are opened later, when they are first used. LG_ERR_IN_USE when another process
 * has the folder, LG_ERR_CONFLICT for another format version, LG_ERR_CORRUPT for a damaged
 * topic.meta, LG_ERR_IO. */
LG_MUST_CHECK enum lg_rc lg_seglog_open(const struct lg_seglog_options *options,
                                        struct lg_seglog **out, struct lg_error *err);
/* On the home lane, when no operation is on its way to the log any more. Fetches that wait end with
 * LG_ERR_CANCELLED, queued produces with LG_ERR_UNAVAILABLE. `closed` (may be NULL) runs once on
 * the home lane, never from inside this call, when all memory is free. */
void lg_seglog_close(struct lg_seglog *log, void (*closed)(void *ctx), void *ctx);

struct lg_pubsub *lg_seglog_pubsub(struct lg_seglog *log);
/* How other processes reach it (lg_pubsub.url); copied. Before the first operation. */
void lg_seglog_set_url(struct lg_seglog *log, const char *url);

#endif
