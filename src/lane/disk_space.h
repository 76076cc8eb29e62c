/* How much room the disk has left, and who may still write: below the low watermark nobody takes in
 * data any more, so that the disk never fills up (RocksDB aborts on a full one). Metadata, which is
 * small, goes on into a reserve: a file whose removal makes room for it.
 *
 *   free < low_bytes ──▶ low: the log and ingestion refuse or wait ──▶ free >= resume ──▶ not low
 *   (resume is a quarter above, at most 256 MiB)
 *
 * Nothing here waits: whoever is refused comes again. Any thread may ask; the state is told once
 * each way in the log.
 */
#ifndef LG_LANE_DISK_SPACE_H
#define LG_LANE_DISK_SPACE_H

#include "lane/disk.h"

struct lg_disk_space; /* Opaque. */

struct lg_disk_space_options {
    struct lg_disk *disk; /* Borrowed, outlives this. */
    const char *folder;   /* the disk's root in the user's words; copied */
    uint64_t low_bytes;   /* 0: no watermark */
    /* On the disk; copied. NULL: no reserve. */
    const char *reserve_path;
    uint64_t reserve_bytes;
};

/* Looks for a reserve that is there. One that is needed now, with less free than its size, is given
 * back at once: a start writes a little. Blocks. */
struct lg_disk_space *lg_disk_space_new(const struct lg_disk_space_options *options);
void lg_disk_space_free(struct lg_disk_space *s); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_disk_space, lg_disk_space_free)

/* Asks the disk. False for NULL, and when the disk cannot tell. */
bool lg_disk_space_is_low(struct lg_disk_space *s);
/* LG_OK, or LG_ERR_NO_SPACE with a sentence that names folder, room and watermark. */
LG_MUST_CHECK enum lg_rc lg_disk_space_check(struct lg_disk_space *s, struct lg_error *err);
/* As the disk said last; UINT64_MAX when it never did. */
uint64_t lg_disk_space_free_bytes(const struct lg_disk_space *s);
uint64_t lg_disk_space_low_bytes(const struct lg_disk_space *s);

/* A small write found no space: gives the reserve back. True when that made room. */
bool lg_disk_space_release(struct lg_disk_space *s);
/* Makes the reserve again once there is room. Blocks; one caller at a time. */
void lg_disk_space_tend(struct lg_disk_space *s);

#endif
