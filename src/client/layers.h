/* The layers of a thin client's stack that are its own; meter and retry are fetch's.
 *
 *   meter ▶ reader ▶ retry ▶ thin
 *
 *   reader  undoes the compression that routers leave, sees to it that the schema of each value is
 *           known, and puts the value into the reader's schema
 *   thin    asks a router in the words of Venice's thin client (wire-formats 4.3)
 *
 * Owned by the client's lane.
 */
#ifndef LG_CLIENT_LAYERS_H
#define LG_CLIENT_LAYERS_H

#include "client/schema_cache.h"
#include "fetch/layers.h"
#include "record/value_codec.h"

struct lg_reader_layer {
    struct lg_layer base;
    struct lg_schema_cache *schemas;
    struct lg_value_codec *gzip, *zstd;
    size_t value_bytes_max;
};
void lg_reader_layer_init(struct lg_reader_layer *l, struct lg_lane *lane, struct lg_layer *below,
                          struct lg_schema_cache *schemas, size_t value_bytes_max);
void lg_reader_layer_done(struct lg_reader_layer *l); /* {0} is allowed. */

struct lg_thin_options {
    struct lg_lane *lane;
    struct lg_http_client *http;
    struct lg_routers *routers;
    const char *store;
    size_t answer_bytes_max, value_bytes_max;
    uint64_t memory_max; /* bytes of all answers that are on their way */
    uint64_t retry_pause_us;
    unsigned tries_max; /* the retry layer's above */
};
/* Every retry comes through here (read->tries > 0), and takes from the budget; when that is empty,
 * or there is no time left for the pause, the read fails with what the last router said. While
 * there is another router to ask, one may take half of the time that is left. */
struct lg_thin_layer {
    struct lg_layer base;
    struct lg_thin_options o;
    struct lg_list exchanges;
    uint64_t held; /* bytes that came and whose reads have not ended */
    bool stopping;
};
void lg_thin_layer_init(struct lg_thin_layer *l, const struct lg_thin_options *options);
/* Cancels what is asked for the read whose arena this is: its `done` comes with LG_ERR_CANCELLED.
 * Nothing when it is not in this layer now. */
void lg_thin_layer_cancel(struct lg_thin_layer *l, const struct lg_arena *arena);
/* Cancels everything; later reads are refused. */
void lg_thin_layer_stop(struct lg_thin_layer *l);

#endif
