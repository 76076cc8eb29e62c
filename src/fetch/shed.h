/* Load shedding by measured queueing delay: a lane that is asked for more than it can do refuses,
 * cheaply, what it would answer too late anyway (LG_ERR_OVERLOADED, 529), and so goes on doing as
 * much as it can.
 *
 * The rule is CoDel's as servers use it (Nichols, Jacobson, "Controlling Queue Delay", ACM Queue
 * 2012; Maurer, "Fail at Scale", ACM Queue 2015): a queue that was empty a moment ago is a burst
 * and may wait; one that has been standing for an interval is overload, and then only what has
 * waited less than a target is served. When the load goes, so do the refusals, with the first
 * moment of rest.
 *
 * A lane works in ticks: it wakes, takes all that has come, answers all of it, and looks again.
 * What came while it worked has waited inside the kernel, unstamped: for half of that time on
 * average. What stands further behind in the tick waits for those before it too: by what such
 * requests took lately it is foretold who may be late, and only for these the clock is read.
 *
 * Refusing costs something too: a lane whose refusals cost r of an answer each keeps (1 - L r) / (1
 * - r) of its peak at L times the load, hence more than 80 % at 5 times as long as r is below
 * 0.048.
 *
 * Of one lane; pure, time is passed in, or asked of `clock_us`.
 */
#ifndef LG_FETCH_SHED_H
#define LG_FETCH_SHED_H

#include "base/base.h"

#define LG_SHED_TARGET_US 5000u
#define LG_SHED_BURST_US 100000u
#define LG_SHED_INTERVAL_US 100000u
/* Who was away for so long between two ticks had nothing to do; after a long tick it takes more,
 * for asking the kernel what has come from many clients takes time, too. */
#define LG_SHED_SLEPT_US 50u
#define LG_SHED_SLEPT_PART 16u /* of the tick before */
/* What takes long itself may wait so many times as long, whatever the target: two who ask for much
 * at once are no overload. */
#define LG_SHED_PATIENCE 4u
/* The arrival of what this tick has brought. */
#define LG_SHED_THIS_TICK UINT64_MAX

struct lg_shed_options {
    uint64_t target_us;   /* a standing queue's longest wait; 0: nothing is ever refused */
    uint64_t burst_us;    /* any queue's; not less than the target */
    uint64_t interval_us; /* so long without rest, but for stalls of the machine, and it stands */
    /* A standing queue's longest wait for requests that say they are retries; Venice makes no
     * difference, a smaller one refuses them first. 0: the same. */
    uint64_t retry_target_us;
    /* The time now, while a tick goes on: who would be refused by what others took lately is
     * refused only if they took it. NULL: what is foretold counts. */
    uint64_t (*clock_us)(void *ctx);
    void *clock_ctx;
};

struct lg_shed { /* Read only, but for shed.c. */
    struct lg_shed_options o;
    uint64_t now_us;        /* of this tick */
    uint64_t rested_us;     /* the end of the last one */
    uint64_t idle_us;       /* the last moment with nothing to do */
    bool was_held_up;       /* the last tick took so much longer */
    uint64_t grace_us;      /* what the last tick took over what it should by far */
    uint64_t stalled_us;    /* the same, of all since then */
    uint64_t arrived_us;    /* of what this tick brought, on average */
    uint64_t units;         /* admitted in this tick */
    uint64_t tick_ns;       /* what a tick of few units took lately; 0: not known */
    uint64_t unit_ns;       /* what a unit of many took lately; 0: not known */
    uint64_t busy_ns;       /* of the last ticks, fading */
    uint64_t busy_units;    /* likewise, by shed.c's scale */
    uint64_t admitted;      /* requests, ever */
    uint64_t refused;       /* likewise */
    uint64_t delay_us_last; /* of the last request that was asked about: for a histogram */
};

/* `o` NULL: the defaults above. */
void lg_shed_init(struct lg_shed *s, const struct lg_shed_options *o, uint64_t now_us);
/* A tick begins: the wait for work is over. */
void lg_shed_wake(struct lg_shed *s, uint64_t now_us);
/* Is the queue a standing one? */
static inline bool lg_shed_is_standing(const struct lg_shed *s)
{
    return s->now_us - s->idle_us > s->o.interval_us + s->stalled_us;
}
/* How long a request may wait now. What came while the machine stood still has waited for that. */
static inline uint64_t lg_shed_limit_us(const struct lg_shed *s, bool is_retry)
{
    uint64_t target_us =
        is_retry && s->o.retry_target_us != 0 ? s->o.retry_target_us : s->o.target_us;

    if (LG_LIKELY(!lg_shed_is_standing(s)))
        return s->o.burst_us;
    return LG_MIN(target_us + s->grace_us, s->o.burst_us);
}
/* Of lg_shed_admit: is a request too late that is by what is foretold? */
LG_MUST_CHECK bool lg_shed_is_late(struct lg_shed *s, uint64_t arrived_us, uint32_t units,
                                   uint64_t limit_us);
/* Is there time for a request of so many units (keys)? `arrived_us`: LG_SHED_THIS_TICK, or the
 * stamp of one that waited in a queue of its own. False: answer LG_ERR_OVERLOADED. */
static inline LG_MUST_CHECK bool lg_shed_admit(struct lg_shed *s, uint64_t arrived_us,
                                               uint32_t units, bool is_retry)
{
    uint64_t arrived = arrived_us == LG_SHED_THIS_TICK ? s->arrived_us : arrived_us;
    uint64_t waited_us = s->now_us > arrived ? s->now_us - arrived : 0, limit_us;

    s->delay_us_last = waited_us + s->units * s->unit_ns / 1000;
    limit_us = lg_shed_limit_us(s, is_retry);
    if (s->o.target_us != 0 && LG_UNLIKELY(s->delay_us_last > limit_us) &&
        lg_shed_is_late(s, arrived, units, limit_us)) {
        s->refused++;
        return false;
    }
    s->units += units;
    s->admitted++;
    return true;
}
/* One that was admitted in this tick is not served after all. */
static inline void lg_shed_refused(struct lg_shed *s, uint32_t units)
{
    s->units -= LG_MIN(s->units, (uint64_t)units);
}

/* The tick ends: all that was admitted is answered; the wait for work begins. */
void lg_shed_rest(struct lg_shed *s, uint64_t now_us);

#endif
