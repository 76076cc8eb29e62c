/* The disk port on a folder of the real file system.
 *
 * Calls on different files may come from any thread. Paths that leave the root ("..", a leading
 * '/') are refused with LG_ERR_INVALID.
 */
#ifndef LG_DRIVERS_POSIX_DISK_POSIX_H
#define LG_DRIVERS_POSIX_DISK_POSIX_H

#include "lane/disk.h"

/* Opens the folder `root`, made with its parents if absent. LG_ERR_IO when it cannot be made or is
 * not a folder. Files stay valid only as long as the disk. */
LG_MUST_CHECK enum lg_rc lg_disk_posix_new(const char *root, struct lg_disk **out,
                                           struct lg_error *err);
void lg_disk_posix_free(struct lg_disk *disk); /* NULL is allowed. */
/* The folder as it was given, for drivers that open files on their own (RocksDB). */
const char *lg_disk_posix_root(const struct lg_disk *disk);

#endif
