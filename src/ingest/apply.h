/* Takes fetched batches into a partition: decodes each record, judges it (ingest/integrity), obeys
 * control messages, stores data.
 *
 * Owned by one ingestion task, which calls it from one offload at a time: every call blocks. After
 * an error the replica has failed: nothing of it may be checkpointed any more.
 */
#ifndef LG_INGEST_APPLY_H
#define LG_INGEST_APPLY_H

#include "ingest/integrity.h"
#include "pubsub/batch.h"
#include "storage/partition.h"

struct lg_ingest_apply {
    struct lg_partition *partition; /* Borrowed. */
    struct lg_integrity *integrity;
    struct lg_position position; /* Of the last record that was judged. */
    bool end_of_push;            /* END_OF_PUSH was read and holds: lg_ingest_apply_end is due. */
    bool wants_sync;             /* A control message asks for a checkpoint. */
    uint64_t duplicates;         /* Records skipped since the open. */
    int64_t newest_ms;           /* When the last record was produced, by its producer's clock. */
};

/* Goes on where the partition's checkpoint stands. LG_ERR_CORRUPT, LG_ERR_UNSUPPORTED when its
 * integrity state cannot be read. */
LG_MUST_CHECK enum lg_rc lg_ingest_apply_open(struct lg_partition *partition,
                                              struct lg_ingest_apply *out, struct lg_error *err);
void lg_ingest_apply_done(struct lg_ingest_apply *a); /* Also of {0}. */

/* All records up to END_OF_PUSH; what stands behind that is not read. Syncs when enough has come.
 * LG_ERR_CORRUPT for lost or damaged messages and a wrong record count, LG_ERR_BAD_DATA for what is
 * no message or contradicts another, LG_ERR_UNSUPPORTED for what a batch version cannot hold, and
 * what storage answers. Sentences name position and producer. */
LG_MUST_CHECK enum lg_rc lg_ingest_apply_batch(struct lg_ingest_apply *a, struct lg_slice batch,
                                               struct lg_error *err);
/* Saves a checkpoint where it stands. */
LG_MUST_CHECK enum lg_rc lg_ingest_apply_sync(struct lg_ingest_apply *a, struct lg_error *err);
/* After `end_of_push`: makes the replica complete. */
LG_MUST_CHECK enum lg_rc lg_ingest_apply_end(struct lg_ingest_apply *a, struct lg_error *err);

#endif
