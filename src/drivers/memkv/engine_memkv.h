/* The engine port in memory, with its durable part in checksummed files over the disk port: for the
 * simulator, whose disk loses unsynced writes, and for tests.
 *
 * The rows stand sorted in memory, so a get never blocks. A generation (storage/engine_dir.h) holds
 * `snapshot`, written by flush and ingest, and with a log `journal`, the puts since then
 * (docs/formats/memkv.md). Content is bounded by memory.
 */
#ifndef LG_DRIVERS_MEMKV_ENGINE_MEMKV_H
#define LG_DRIVERS_MEMKV_ENGINE_MEMKV_H

#include "lane/disk.h"
#include "storage/engine.h"

/* `root` is a path on the disk, may be "" and is copied; the disk outlives the driver. */
struct lg_engine_driver *lg_memkv_new(struct lg_disk *disk, const char *root);
void lg_memkv_free(struct lg_engine_driver *driver); /* Its engines are closed. NULL is allowed. */

#endif
