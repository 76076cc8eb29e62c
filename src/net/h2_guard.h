/* What a peer may cost: the limits of one HTTP/2 connection and what is left of its budgets. Both
 * engines embed one and ask it; it decides, they cut. Pure: time comes in by lg_h2_guard_tick.
 *
 * A budget starts full, is used up by what it is named after, and is given back by finished
 * requests (one each; resets: one for four), by what they are answered with (see
 * lg_h2_guard_sent) and by time. So the ratio of a peer's noise to its work is bounded and no
 * honest client that works, however fast, runs dry.
 */
#ifndef LG_NET_H2_GUARD_H
#define LG_NET_H2_GUARD_H

#include "net/http2.h"

#define LG_H2_WINDOWS_PER_DATA 4u

struct lg_h2_guard {
    struct lg_h2_limits limits; /* without zeros */
    size_t used[LG_H2_REASONS]; /* of budgets and counts */
    size_t body_bytes;          /* kept by the readers of all open requests */
    uint64_t now_ms, refilled_ms;
    uint64_t waiting_since_ms; /* Answers wait since then and none was taken; 0: none waits. */
    uint64_t partial_since_ms; /* A head or a frame is incomplete since then; 0: none is. */
    unsigned finished;
};

void lg_h2_guard_init(struct lg_h2_guard *g, const struct lg_h2_limits *limits, uint64_t now_ms);
/* One more of `what`, a budget or idle_frames. False: that is too many. */
static inline bool lg_h2_guard_spend(struct lg_h2_guard *g, enum lg_h2_reason what)
{
    const size_t *limits = &g->limits.header_bytes;

    return ++g->used[what] <= limits[what];
}
/* A request came, or bytes of a body went either way. */
static inline void lg_h2_guard_progress(struct lg_h2_guard *g)
{
    g->used[LG_H2_OVER_idle_frames] = 0;
}
/* A DATA frame goes out. Who reads it may say so for the stream and for the connection, however few
 * bytes it had, make room for a message of which it has seen the beginning, and measure by a PING
 * how long all that takes: gRPC's clients do, for each message of a stream. */
static inline void lg_h2_guard_sent(struct lg_h2_guard *g)
{
    size_t windows = g->used[LG_H2_OVER_small_windows];

    lg_h2_guard_progress(g);
    g->used[LG_H2_OVER_small_windows] = windows - LG_MIN(windows, (size_t)LG_H2_WINDOWS_PER_DATA);
    g->used[LG_H2_OVER_pings] -= g->used[LG_H2_OVER_pings] > 0;
}
/* What lg_h2_guard_finished does when something was used. */
void lg_h2_guard_give_back(struct lg_h2_guard *g);
/* An answer was finished: budgets are given back. */
static inline void lg_h2_guard_finished(struct lg_h2_guard *g)
{
    const size_t *used = g->used;

    g->finished++;
    if (LG_UNLIKELY((used[LG_H2_OVER_pings] | used[LG_H2_OVER_empty_data] |
                     used[LG_H2_OVER_small_windows] | used[LG_H2_OVER_resets]) != 0))
        lg_h2_guard_give_back(g);
}
/* Time passed. `waiting`: answers wait for the peer; `partial`: a head or a frame is incomplete.
 * False: too long for what *out names. */
LG_MUST_CHECK bool lg_h2_guard_tick(struct lg_h2_guard *g, uint64_t now_ms, bool waiting,
                                    bool partial, enum lg_h2_reason *out);
/* Waiting answers moved, a head or frame was completed: the clocks of tick start anew. */
static inline void lg_h2_guard_moved(struct lg_h2_guard *g)
{
    g->waiting_since_ms = 0;
}
static inline void lg_h2_guard_whole(struct lg_h2_guard *g)
{
    g->partial_since_ms = 0;
}
/* Notes that a limit was passed, on the connection and in the metrics. */
void lg_h2_count(struct lg_h2 *h, enum lg_h2_reason why);

/* What a fault of the peer's ends. */
enum lg_h2_scope { LG_H2_OF_CONNECTION, LG_H2_OF_STREAM };
/* The label of http2_faults_total. */
uint32_t lg_h2_fault_label(enum lg_h2_scope scope, uint32_t code);
/* Counts a fault that is the peer's and no limit's. */
void lg_h2_count_fault(enum lg_h2_scope scope, uint32_t code);

#endif
