/* One generator of load of `lagoon bench`, on one lane: takes requests from a schedule at their
 * times, sends each on a connection that has room, notes latency from the intended time.
 *
 *   WARMING ─▶ MEASURING ─▶ ENDING (nothing more is sent; what is under way is waited for) ─▶ OVER
 *
 * Requests wait in a queue per target while its connections have no room: that is the server's
 * time. What the generator itself is late by, before the queue, is told apart (seen.times.late_ns).
 */
#ifndef LG_ADMIN_BENCH_LOAD_H
#define LG_ADMIN_BENCH_LOAD_H

#include "admin/bench.h"
#include "net/h2_client.h"
#include "net/transport.h"

#define LG_BENCH_QUEUE_MAX 65536u /* requests per target that wait for room */

/* Time in nanoseconds, and an alarm on the generator's lane: whoever rings calls
 * lg_bench_load_rang. */
struct lg_bench_clock {
    uint64_t (*now_ns)(struct lg_bench_clock *clock);
    void (*ring_at)(struct lg_bench_clock *clock, uint64_t at_ns);
};

struct lg_bench_load; /* Opaque. */

struct lg_bench_load_options {
    const struct lg_bench_plan *plan; /* Must outlive it, as all of these. */
    struct lg_lane *lane;
    struct lg_transport *transport;
    struct lg_bench_clock *clock;
    struct lg_h2_client *(*h2_new)(const struct lg_h2_client_handler *handler, void *ctx);
    uint32_t index; /* which of plan->threads generators it is */
    /* All that was sent is settled; once, on the lane. */
    void (*over)(void *ctx);
    void *ctx;
};

/* Nothing happens yet. */
struct lg_bench_load *lg_bench_load_new(const struct lg_bench_load_options *o);
/* Connects, warms up and measures for the plan's times. On the lane. */
void lg_bench_load_start(struct lg_bench_load *l);
/* Sends nothing more; `over` follows. On the lane. A second one waits for no answers. */
void lg_bench_load_end(struct lg_bench_load *l);
void lg_bench_load_rang(struct lg_bench_load *l);
/* After `over`, or when the lane does not run any more. NULL is allowed. */
void lg_bench_load_free(struct lg_bench_load *l);

const struct lg_bench_seen *lg_bench_load_seen(const struct lg_bench_load *l);
/* When it began and ended to measure; 0: not yet. From any thread. */
void lg_bench_load_times(const struct lg_bench_load *l, uint64_t *out_began_ns,
                         uint64_t *out_ended_ns);

/* --- For the files of this folder: connections. ----------------------------------------------- */

struct lg_bench_request { /* One under way, in a slot of its link. */
    uint64_t intended_ns, sent_ns;
    uint32_t *keys; /* numbers; `count` of them */
    uint32_t count;
    bool is_used;
};
/* What came of one. `error` is LG_BENCH_ERRORS when it was answered. */
struct lg_bench_outcome {
    enum lg_bench_error error;
    uint32_t found, missing;
    uint64_t value_bytes;
    struct lg_slice text; /* of an error */
};

struct lg_bench_link; /* A connection. */
struct lg_bench_link_ops {
    void (*open)(struct lg_bench_link *k);
    /* Requests that it can take now. */
    uint32_t (*room)(const struct lg_bench_link *k);
    /* Sends what is in the slot. */
    void (*send)(struct lg_bench_link *k, uint32_t slot);
    /* Writes what send left behind. */
    void (*flush)(struct lg_bench_link *k);
    /* Gives up what is in the slot: nothing is settled for it any more. */
    void (*drop)(struct lg_bench_link *k, uint32_t slot);
    void (*free)(struct lg_bench_link *k);
};
struct lg_bench_link { /* The head that every kind embeds first. */
    const struct lg_bench_link_ops *ops;
    struct lg_bench_load *load;
    const struct lg_bench_plan *plan;
    const struct lg_bench_target *target;
    struct lg_bench_request *slots;
    uint32_t slot_count, used;
    uint32_t index; /* among the links of its target */
};
struct lg_bench_link *lg_bench_link_grpc_new(const struct lg_bench_load_options *o);
struct lg_bench_link *lg_bench_link_rest_new(const struct lg_bench_load_options *o);

/* The request of the slot has come to its end; the slot is free. */
void lg_bench_settled(struct lg_bench_link *k, uint32_t slot, const struct lg_bench_outcome *what);
/* The connection is there: requests may be sent. */
void lg_bench_link_is_open(struct lg_bench_link *k);
/* The connection is gone or did not come to be, and what it had under way is settled. It is opened
 * anew after a pause. */
void lg_bench_link_is_lost(struct lg_bench_link *k, struct lg_slice why);
/* Answers came: what waits may be sent. Not from inside send, flush or drop. */
void lg_bench_link_has_room(struct lg_bench_link *k);
/* The error that a status of HTTP or of Venice's errorCode means; LG_BENCH_ERRORS for 200. */
enum lg_bench_error lg_bench_error_of_http(int status);
enum lg_bench_error lg_bench_error_of_grpc(enum lg_grpc_status status);

#endif
