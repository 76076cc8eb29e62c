/* A disk in memory that behaves as badly as a real one may.
 *
 * Every file has a durable content and a volatile one. A write changes the volatile content; a sync
 * makes it durable. Names work the same way: what was created, renamed or removed in a folder is
 * durable after a sync of that folder. A power cut keeps what is durable and, of the rest, an
 * arbitrary part: each written 512-byte sector survives, is lost, or is torn in half; each change
 * of a name survives or not, so a file may come back under its old name, under both or under none.
 *
 * The disk outlives the process that uses it: open files and locks end with the process
 * (lg_disk_sim_process_ended), the content stays. Its memory never belongs to a node's domain.
 * Owner: the simulated world, or a test; one thread.
 */
#ifndef LG_DRIVERS_SIM_DISK_SIM_H
#define LG_DRIVERS_SIM_DISK_SIM_H

#include "drivers/sim/lane_sim.h"
#include "lane/disk.h"

#define LG_DISK_SIM_SECTOR 512
#define LG_DISK_SIM_FILE_MAX ((uint64_t)1 << 32) /* bytes; a write beyond it finds no space */

/* An empty disk with its own source of chance. With `sim` each operation goes into its trace; NULL
 * is allowed. */
struct lg_disk *lg_disk_sim_new(struct lg_sim *sim, uint64_t seed);
/* Also ends open files. Free it after the sim, whose nodes it may follow. NULL is allowed. */
void lg_disk_sim_free(struct lg_disk *disk);

/* Calls lg_disk_sim_process_ended at each kill of the node. */
void lg_disk_sim_follow(struct lg_disk *disk, struct lg_sim_node *node);
/* The process died: its open files and locks are gone, everything it wrote is still there. */
void lg_disk_sim_process_ended(struct lg_disk *disk);
/* The power went: the same, and what was not synced is lost in the ways described above. A disk
 * that had failed (lg_disk_sim_cut_after) works again. The process must be dead, or be killed next.
 */
void lg_disk_sim_crash(struct lg_disk *disk);

/* Lets `n_ops` more operations pass; the one after it takes effect in part or not at all, fails
 * with LG_ERR_IO as do all later ones, and `cut(ctx)` is called once (usually to kill the node; may
 * be NULL). lg_disk_sim_crash ends this state. */
void lg_disk_sim_cut_after(struct lg_disk *disk, uint64_t n_ops, void (*cut)(void *ctx), void *ctx);
/* Operations so far: opens, reads, writes, syncs, name changes, listings. */
uint64_t lg_disk_sim_ops(const struct lg_disk *disk);

/* Capacity in bytes of all contents; over it writes take effect as far as they fit and fail with
 * LG_ERR_NO_SPACE. Default: no limit. */
void lg_disk_sim_set_capacity(struct lg_disk *disk, uint64_t bytes);
/* Writes so far that found no space. */
uint64_t lg_disk_sim_refused(const struct lg_disk *disk);
/* Bytes of all contents. */
uint64_t lg_disk_sim_used(const struct lg_disk *disk);
/* Each read fails with LG_ERR_IO with probability num/den; 0 of 1 ends it. Likewise syncs: a failed
 * sync is final for the file. */
void lg_disk_sim_fail_reads(struct lg_disk *disk, uint64_t num, uint64_t den);
void lg_disk_sim_fail_syncs(struct lg_disk *disk, uint64_t num, uint64_t den);
/* From now on each operation takes up to `us` (0: no time at all), and one in a hundred ten times
 * as long. Of a disk without a simulator: nothing. */
void lg_disk_sim_set_delay_us(struct lg_disk *disk, uint64_t us);
/* Calls `removed` before each removal of a file or folder, as the world. */
void lg_disk_sim_on_remove(struct lg_disk *disk, void (*removed)(void *ctx, const char *path),
                           void *ctx);
/* Bit rot: flips one bit (counted from the lowest of byte 0) of the file's content, durable and
 * volatile. False when there is no such file or bit. */
bool lg_disk_sim_flip(struct lg_disk *disk, const char *path, uint64_t bit);
/* Cuts or extends the durable and volatile content, as a test's preparation. False: no such file.
 */
bool lg_disk_sim_resize(struct lg_disk *disk, const char *path, uint64_t size);
/* A digest of all durable names and contents: equal disks have equal digests. */
uint64_t lg_disk_sim_digest(const struct lg_disk *disk);

#endif
