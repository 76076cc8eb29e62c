/* How far each partition replica of a server has come: one small engine with its log on, keyed by
 * "<topic>/<partition>" (docs/formats/checkpoint.md).
 *
 * A checkpoint is written after what it speaks of is durable, never before: losing one only makes
 * the replica read records again. Shared by all replicas of a server; loads and saves of different
 * replicas may come from different threads. Every call blocks.
 */
#ifndef LG_STORAGE_CHECKPOINT_H
#define LG_STORAGE_CHECKPOINT_H

#include "model/enums.h"
#include "model/position.h"
#include "storage/engine.h"

#define LG_CHECKPOINT_VERSION 2 /* Of a replica that has no need of it, 1 is written. */
#define LG_CHECKPOINT_BYTES_MAX ((size_t)16 << 20)

struct lg_checkpoint {
    struct lg_position position; /* Of the last record that is in storage. */
    bool started;                /* START_OF_PUSH was seen; the next four are its words. */
    bool sorted, chunked;
    enum lg_compression compression;
    struct lg_buf dictionary; /* of the compression */
    bool end_of_push;         /* All is ingested: the log is not needed any more. */
    bool removing;            /* The replica's files are being removed: nothing else counts. */
    uint64_t records;         /* Puts taken in so far. */
    uint64_t bytes;           /* Of their keys and values. */
    uint32_t files;           /* SST files finished and not ingested yet: 0 to files - 1. */
    struct lg_buf integrity;  /* State of ingest/integrity; opaque here. */
};

/* {.position = EARLIEST} and nothing else. */
void lg_checkpoint_init(struct lg_checkpoint *c);
void lg_checkpoint_done(struct lg_checkpoint *c);
LG_DEFINE_SCOPED(lg_checkpoint, lg_checkpoint_done)

void lg_checkpoint_encode(struct lg_buf *out, const struct lg_checkpoint *c);
/* LG_ERR_CORRUPT for damaged bytes, LG_ERR_UNSUPPORTED for another version. `*out` is initialised
 * by the callee and owned by the caller. */
LG_MUST_CHECK enum lg_rc lg_checkpoint_decode(struct lg_slice bytes, struct lg_checkpoint *out,
                                              struct lg_error *err);

struct lg_checkpoint_store;
/* Opens the engine at `path` with its log on. LG_ERR_IN_USE, LG_ERR_CORRUPT, LG_ERR_IO. */
LG_MUST_CHECK enum lg_rc lg_checkpoint_store_open(struct lg_engine_driver *driver, const char *path,
                                                  struct lg_checkpoint_store **out,
                                                  struct lg_error *err);
void lg_checkpoint_store_close(struct lg_checkpoint_store *s); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_checkpoint_store, lg_checkpoint_store_close)
/* LG_ERR_NOT_FOUND (err is not set) for a replica that never saved one. */
LG_MUST_CHECK enum lg_rc lg_checkpoint_load(struct lg_checkpoint_store *s, const char *topic,
                                            uint32_t partition, struct lg_checkpoint *out,
                                            struct lg_error *err);
/* Durable when it returns. Fault point CHECKPOINT_WRITE. */
LG_MUST_CHECK enum lg_rc lg_checkpoint_save(struct lg_checkpoint_store *s, const char *topic,
                                            uint32_t partition, const struct lg_checkpoint *c,
                                            struct lg_error *err);
/* Durable when it returns; absent is LG_OK. */
LG_MUST_CHECK enum lg_rc lg_checkpoint_remove(struct lg_checkpoint_store *s, const char *topic,
                                              uint32_t partition, struct lg_error *err);
/* Every saved checkpoint, ordered by key: for the server's start. `topic` is borrowed for the call.
 * A damaged row stops with LG_ERR_CORRUPT. */
LG_MUST_CHECK enum lg_rc
lg_checkpoint_each(struct lg_checkpoint_store *s,
                   enum lg_rc (*visit)(void *ctx, const char *topic, uint32_t partition,
                                       const struct lg_checkpoint *c, struct lg_error *err),
                   void *ctx, struct lg_error *err);

#endif
