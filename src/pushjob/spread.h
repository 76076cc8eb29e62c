/* Spreads sorted rows over the partitions of a topic: several partitions at a time, for each one
 * batch in flight while a pool thread fills the next; batches that may have been lost are sent
 * again as they were. With a rate, each batch reserves its time behind those before it (GCRA
 * without a tolerance): what the log took late is not made up for by a burst. Runs on one lane. */
#ifndef LG_PUSHJOB_SPREAD_H
#define LG_PUSHJOB_SPREAD_H

#include "pubsub/pubsub.h"
#include "pushjob/rows.h"
#include "record/envelope.h"

#define LG_SPREAD_AT_ONCE 8u                    /* partitions written at a time */
#define LG_SPREAD_BATCH_BYTES ((size_t)1 << 20) /* about, per produce */
#define LG_SPREAD_PAUSE_MS 200u                 /* before a repetition */

struct lg_spread; /* Opaque. */

struct lg_spread_options { /* Borrowed until `finished`. */
    struct lg_lane *lane;
    struct lg_pubsub *log;
    const char *topic;
    const struct lg_rows *rows; /* settled */
    struct lg_guid guid;        /* the same for all partitions (platform-behaviour 2.1) */
    int32_t schema_id;
    bool chunked; /* keys carry suffixes, large values come in pieces */
    const char *host_name;
    uint32_t records_per_second;                   /* at most, all partitions together; 0: any */
    uint64_t deadline_us;                          /* absolute lane time: repetitions end there */
    void (*progress)(void *ctx, uint64_t records); /* acknowledged so far */
    /* A batch was refused and will be sent again; NULL is allowed. */
    void (*waits)(void *ctx, const struct lg_error *why);
    void (*finished)(void *ctx, enum lg_rc rc, const struct lg_error *err); /* once */
    void *ctx;
};

struct lg_spread *lg_spread_start(const struct lg_spread_options *options);
/* A wish: `finished` comes with LG_ERR_CANCELLED when what is in flight has ended. */
void lg_spread_cancel(struct lg_spread *spread);
/* After `finished`. NULL is allowed. */
void lg_spread_free(struct lg_spread *spread);

#endif
