/* When an open-loop load generator sends: at times that are fixed beforehand, whatever the server
 * does. Fixed gaps, or gaps as independent users make them (Poisson).
 *
 * The latency of a request counts from the time it was meant to be sent at, not from when it was:
 * a generator that waits for an answer before it sends the next request does not send while the
 * server stalls, so a stall of a second is seen by one request instead of by all that would have
 * come in that second. That is coordinated omission (Tene, "How NOT to Measure Latency", 2013;
 * Schroeder, Wierman, Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI 2006). How late
 * requests were sent is told apart, so that a generator that is too slow itself is seen.
 *
 * Pure; of one thread. Two with half the rate each, and other seeds, are one with the whole.
 */
#ifndef LG_BASE_SCHEDULE_H
#define LG_BASE_SCHEDULE_H

#include "base/histogram.h"
#include "base/rand.h"

#define LG_SCHEDULE_RATE_MAX 1000000000.0 /* requests per second */

enum lg_schedule_kind { LG_SCHEDULE_FIXED, LG_SCHEDULE_POISSON };

struct lg_schedule {
    enum lg_schedule_kind kind;
    double gap_ns; /* on average */
    uint64_t start_ns;
    uint64_t next_ns; /* when the next request is meant to be sent */
    uint64_t taken;   /* requests before that */
    double offset_ns; /* of `next_ns` from the start, in parts of a nanosecond too */
    struct lg_rand rand;
};

/* `per_second` > 0, at most LG_SCHEDULE_RATE_MAX. Fixed: the first request is at `start_ns`. */
void lg_schedule_init(struct lg_schedule *s, enum lg_schedule_kind kind, double per_second,
                      uint64_t seed, uint64_t start_ns);
/* Takes the next request if it is due, and says when it was meant to be. False: send nothing before
 * s->next_ns. Requests that were missed come one by one, each with its own time. */
LG_MUST_CHECK bool lg_schedule_take(struct lg_schedule *s, uint64_t now_ns,
                                    uint64_t *out_intended_ns);

/* What an open-loop run has seen; one writer. Zeroes are an empty one. */
struct lg_schedule_seen {
    struct lg_histogram latency_ns; /* from when it was meant to be sent to its answer */
    struct lg_histogram late_ns;    /* from when it was meant to be sent to when it was */
};

static inline void lg_schedule_sent(struct lg_schedule_seen *seen, uint64_t intended_ns,
                                    uint64_t now_ns)
{
    lg_histogram_add(&seen->late_ns, now_ns > intended_ns ? now_ns - intended_ns : 0);
}

static inline void lg_schedule_answered(struct lg_schedule_seen *seen, uint64_t intended_ns,
                                        uint64_t now_ns)
{
    lg_histogram_add(&seen->latency_ns, now_ns > intended_ns ? now_ns - intended_ns : 0);
}

#endif
