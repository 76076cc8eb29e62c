/* A hiccup meter: a probe that does nothing but wake up at fixed times, and notes how late it woke
 * (as jHiccup by Tene). What it sees no server is to blame for: the machine itself stood still.
 * From that, a run's verdict.
 *
 * A stall counts for every moment at which the probe should have woken meanwhile, as requests that
 * came then would have seen it; so its quantiles stand beside those of an open-loop run
 * (base/schedule.h).
 *
 * Pure; of one thread. drivers/posix/hiccup_posix.h is the thread that sleeps.
 */
#ifndef LG_BASE_HICCUP_H
#define LG_BASE_HICCUP_H

#include "base/histogram.h"

#define LG_HICCUP_PERIOD_NS ((uint64_t)500000)
/* A longer stall counts for so many periods with their own lengths, and the rest with its whole. */
#define LG_HICCUP_MISSED_MAX 100000u
/* A share is only judged when so many values are expected beyond it. */
#define LG_HICCUP_BEYOND_MIN 10u

/* The probe was to wake at `due_ns` and did at `woke_ns`, later by anything; for who wants to know
 * when the machine stood still. On the probe's thread, which is late itself for what this takes. */
typedef void (*lg_hiccup_late_fn)(void *ctx, uint64_t due_ns, uint64_t woke_ns);

struct lg_hiccup {
    struct lg_histogram stalls_ns; /* read by anybody */
    uint64_t period_ns;
    uint64_t next_ns;    /* when the probe is to wake */
    uint64_t longest_ns; /* the longest stall */
    lg_hiccup_late_fn on_late;
    void *ctx; /* of on_late */
};

/* `on_late` may be NULL. */
void lg_hiccup_init(struct lg_hiccup *h, uint64_t period_ns, uint64_t now_ns,
                    lg_hiccup_late_fn on_late, void *ctx);
/* The probe woke; it sleeps until h->next_ns. Earlier than that nothing is noted. */
void lg_hiccup_woke(struct lg_hiccup *h, uint64_t now_ns);

enum lg_verdict {
    LG_VERDICT_PASS, /* the run is within the bar */
    LG_VERDICT_VOID, /* it is not, or not known to be, and says nothing about the server */
    LG_VERDICT_FAIL, /* it is not, and the machine is not to blame */
};

const char *lg_verdict_name(enum lg_verdict v); /* "PASS" */

/* Judges what an open-loop run saw (ns) against a bar at one share, 0.9999 say. VOID: too few
 * values on one side, or the bar is passed and the probe alone saw stalls of half of it at that
 * share. Without a bar (0) a run is VOID for stalls of half of what it saw, and else a PASS.
 * `out_why`: a sentence, if not NULL. */
enum lg_verdict lg_hiccup_judge(const struct lg_hiccup *h, const struct lg_histogram *latency_ns,
                                double share, uint64_t bar_ns, struct lg_error *out_why);

#endif
