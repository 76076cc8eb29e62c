/* The layers of a read and the stack that a router lists. Owned by one lane.
 *
 *   meter    counts reads, answers and failures
 *   limit    bounds the reads in flight
 *   decode   undoes the compression of values, with the version's dictionary if it has one
 *   scatter  splits the keys of a read by server, gathers the answers
 *   retry    asks another replica when one cannot answer
 *   hedge    asks a second replica when the first stays silent; the first good answer wins
 *   route    picks the replica; one of a server that is not there any more only as a last resort
 *   send     asks it over HTTP, in Venice's words
 */
#ifndef LG_FETCH_LAYERS_H
#define LG_FETCH_LAYERS_H

#include "fetch/host_health.h"
#include "fetch/layer.h"
#include "fetch/replica_picker.h"
#include "net/http_client.h"
#include "record/value_codec.h"

/* Where the replicas of a partition are: what the layers know of the catalog. */
struct lg_replica_source {
    /* The hosts that serve `partition` of `topic` now, at most LG_REPLICAS_MAX, into `out`. */
    size_t (*ready)(void *ctx, const char *topic, uint32_t partition,
                    struct lg_host *out[LG_REPLICAS_MAX]);
    /* The hosts that may still serve it, though nobody says so now: asked when no other is left.
     * NULL: there are none. */
    size_t (*last_resort)(void *ctx, const char *topic, uint32_t partition,
                          struct lg_host *out[LG_REPLICAS_MAX]);
    void *ctx;
};

struct lg_fetch_counters {
    uint64_t reads, keys;      /* submitted */
    uint64_t answered, failed; /* reads */
    uint64_t found, not_found; /* keys */
    uint64_t retries;          /* second and later tries, after an error */
    uint64_t hedges;           /* second tries while the first was under way */
    uint64_t hedges_won;       /* whose answer was the first */
    uint64_t refused;          /* over the limit */
    uint64_t last_resorts;     /* tries of hosts that were not ready any more */
};

#define LG_FETCH_READS_MAX 10000u
#define LG_HEDGE_AFTER_US_DEFAULT (250 * LG_MS)
#define LG_HEDGE_SILENCE_US_DEFAULT LG_SEC
#define LG_HEDGE_PERCENT_DEFAULT 10u
#define LG_HEDGES_PER_SEC 10u   /* beyond the percentage */
#define LG_HEDGES_BURST_MAX 50u /* what is saved up while all is well */

struct lg_hedge_options {
    uint64_t after_us;   /* A second replica is asked then. 0: LG_HEDGE_AFTER_US_DEFAULT */
    uint64_t silence_us; /* A host without any answer for so long is silent. 0: the default */
    uint32_t percent;    /* of reads may be hedged so; 0: the default */
};

struct lg_fetch_options {
    struct lg_lane *lane;
    struct lg_transport *transport;
    struct lg_host_table *hosts; /* Borrowed; outlives the stack. */
    struct lg_replica_source source;
    unsigned tries_max; /* 0: LG_READ_TRIES_MAX */
    uint32_t reads_max; /* 0: LG_FETCH_READS_MAX */
    struct lg_hedge_options hedge;
};

/* The hosts that are ready; when there is none, those of the last resort. */
size_t lg_replica_source_any(const struct lg_replica_source *source, const char *topic,
                             uint32_t partition, struct lg_host *out[LG_REPLICAS_MAX]);

/* The router's stack. Submit reads to its top. */
struct lg_fetch_stack;
struct lg_fetch_stack *lg_fetch_stack_new(const struct lg_fetch_options *options);
struct lg_layer *lg_fetch_stack_top(struct lg_fetch_stack *stack);
const struct lg_fetch_counters *lg_fetch_stack_counters(const struct lg_fetch_stack *stack);
/* Reads in flight end soon, those that wait for a server with LG_ERR_CANCELLED; then the stack is
 * freed and `stopped` called, on the lane, never from inside this call. Until then what they report
 * to, the hosts and the source are needed. No read may be submitted after this. */
void lg_fetch_stack_stop(struct lg_fetch_stack *stack, void (*stopped)(void *ctx), void *ctx);
/* Of a stack without reads in flight. NULL ok. */
void lg_fetch_stack_free(struct lg_fetch_stack *stack);

/* Each layer by itself, for stacks and tests. All take memory of the caller's. */
struct lg_meter_layer {
    struct lg_layer base;
    struct lg_fetch_counters *counters;
};
void lg_meter_layer_init(struct lg_meter_layer *l, struct lg_lane *lane, struct lg_layer *below,
                         struct lg_fetch_counters *counters);

struct lg_limit_layer {
    struct lg_layer base;
    uint32_t reads_max, in_flight;
    struct lg_task *idle; /* NULL, or posted when none is in flight any more; none comes then. */
    struct lg_fetch_counters *counters;
};
void lg_limit_layer_init(struct lg_limit_layer *l, struct lg_lane *lane, struct lg_layer *below,
                         uint32_t reads_max, struct lg_fetch_counters *counters);

#define LG_DECODE_DICTIONARIES_MAX 64u                 /* versions; the longest unused one goes */
#define LG_DECODE_INLINE_BYTES_MAX ((size_t)256 << 10) /* compressed; more leaves the lane */

struct lg_decode_layer {
    struct lg_layer base;
    struct lg_replica_source source; /* whom to ask for a dictionary */
    struct lg_http_client *client;
    struct lg_value_codec *codecs[LG_COMPRESSION_ZSTD_WITH_DICT]; /* those without a dictionary */
    struct lg_map *versions; /* topic -> struct version, those with one */
    uint64_t clock;          /* of uses */
    struct lg_buf scratch;
};
void lg_decode_layer_init(struct lg_decode_layer *l, struct lg_lane *lane, struct lg_layer *below,
                          const struct lg_replica_source *source, struct lg_http_client *client);
/* No read may be in flight. */
void lg_decode_layer_done(struct lg_decode_layer *l);

struct lg_scatter_layer {
    struct lg_layer base;
    struct lg_replica_source source;
};
void lg_scatter_layer_init(struct lg_scatter_layer *l, struct lg_lane *lane, struct lg_layer *below,
                           const struct lg_replica_source *source);

struct lg_retry_layer {
    struct lg_layer base;
    unsigned tries_max;
    struct lg_fetch_counters *counters;
};
void lg_retry_layer_init(struct lg_retry_layer *l, struct lg_lane *lane, struct lg_layer *below,
                         unsigned tries_max, struct lg_fetch_counters *counters);

struct lg_route_layer {
    struct lg_layer base;
    struct lg_replica_source source;
    struct lg_fetch_counters *counters;
};
/* Whom route would choose now; NULL: nobody that was not tried. */
struct lg_host *lg_route_pick(struct lg_route_layer *l, const struct lg_read *read);
void lg_route_layer_init(struct lg_route_layer *l, struct lg_lane *lane, struct lg_layer *below,
                         const struct lg_replica_source *source,
                         struct lg_fetch_counters *counters);

struct lg_hedge_layer {
    struct lg_layer base;
    struct lg_route_layer *route; /* The layer below. */
    struct lg_hedge_options o;
    unsigned tries_max;
    uint64_t budget_hundredths; /* of a hedge */
    uint64_t budget_us;         /* When it was last filled by time. */
    struct lg_fetch_counters *counters;
};
void lg_hedge_layer_init(struct lg_hedge_layer *l, struct lg_lane *lane,
                         struct lg_route_layer *below, unsigned tries_max,
                         const struct lg_hedge_options *options,
                         struct lg_fetch_counters *counters);

struct lg_send_layer {
    struct lg_layer base;
    struct lg_host_table *hosts;
    struct lg_http_client *client;
};
void lg_send_layer_init(struct lg_send_layer *l, struct lg_lane *lane, struct lg_host_table *hosts,
                        struct lg_http_client *client);

#endif
