#include "fetch/shed.h"

/* What a unit takes is the mean of about so many ticks, each with the weight of its units. */
#define SMOOTH 32u
#define SCALE 1024u
/* A tick of fewer units tells what a tick takes, unless it took long; one of more what a unit
 * takes. */
#define MANY 64u
/* What a tick took over so many times what it should tells of the machine, not of the load. */
#define OUTLIER 8u
/* No unit takes longer on a lane, as far as is known before the first are measured. */
#define UNIT_NS_AT_FIRST 50000u

void lg_shed_init(struct lg_shed *s, const struct lg_shed_options *o, uint64_t now_us)
{
    static const struct lg_shed_options defaults = {.target_us = LG_SHED_TARGET_US,
                                                    .burst_us = LG_SHED_BURST_US,
                                                    .interval_us = LG_SHED_INTERVAL_US};

    *s = (struct lg_shed){.o = o != NULL ? *o : defaults,
                          .now_us = now_us,
                          .rested_us = now_us,
                          .idle_us = now_us,
                          .arrived_us = now_us};
    assert(s->o.burst_us >= s->o.target_us);
}

void lg_shed_wake(struct lg_shed *s, uint64_t now_us)
{
    uint64_t woke_us = s->now_us;
    uint64_t slept_us =
        LG_MAX((uint64_t)LG_SHED_SLEPT_US, (s->rested_us - woke_us) / LG_SHED_SLEPT_PART);

    now_us = LG_MAX(now_us, s->rested_us); /* Never back. */
    s->now_us = now_us;
    s->units = 0;
    if (now_us - s->rested_us >= slept_us) {
        s->idle_us = now_us;
        s->stalled_us = 0;
        s->arrived_us = now_us; /* It is what woke us. */
    } else {
        s->arrived_us = now_us - (now_us - woke_us) / 2;
    }
}

bool lg_shed_is_late(struct lg_shed *s, uint64_t arrived_us, uint32_t units, uint64_t limit_us)
{
    uint64_t patience_us = LG_MIN(LG_SHED_PATIENCE * units * s->unit_ns / 1000, s->o.burst_us);
    uint64_t most_us = LG_MAX(limit_us, patience_us), now_us;

    if (s->delay_us_last > most_us && s->o.clock_us != NULL) {
        now_us = s->o.clock_us(s->o.clock_ctx);
        s->delay_us_last = now_us > arrived_us ? now_us - arrived_us : 0;
    }
    return s->delay_us_last > most_us;
}

/* A tick that took much longer than such ticks do was held up, which says nothing of the load; two
 * in a row were not: it is the reads that have become dearer. */
static uint64_t without_stall_ns(struct lg_shed *s, uint64_t took_ns)
{
    uint64_t units_ns = s->units * (s->unit_ns > 0 ? s->unit_ns : UNIT_NS_AT_FIRST);
    uint64_t most_ns = OUTLIER * (s->tick_ns + units_ns);
    bool is_held_up = took_ns > most_ns, is_second = is_held_up && s->was_held_up && s->units > 0;

    s->was_held_up = is_held_up && !is_second;
    s->grace_us = 0;
    if (is_second) {
        s->busy_ns = s->busy_units = 0; /* What was learned is over. */
    } else if (is_held_up) {
        s->grace_us = (took_ns - most_ns) / 1000;
        s->stalled_us += s->grace_us;
        return most_ns;
    }
    return took_ns;
}

/* The time of the refusals is part of what the units took: it delays those behind as well. */
void lg_shed_rest(struct lg_shed *s, uint64_t now_us)
{
    uint64_t took_ns;

    now_us = LG_MAX(now_us, s->now_us);
    s->rested_us = now_us;
    took_ns = without_stall_ns(s, (now_us - s->now_us) * 1000);
    if (s->units < MANY && (s->units == 0 || took_ns < s->o.target_us * 1000 / 4)) {
        s->tick_ns =
            s->tick_ns == 0 ? took_ns : s->tick_ns + took_ns / SMOOTH - s->tick_ns / SMOOTH;
        return;
    }
    s->busy_ns += took_ns - s->busy_ns / SMOOTH;
    s->busy_units += s->units * SCALE - s->busy_units / SMOOTH;
    s->unit_ns = (uint64_t)((unsigned __int128)s->busy_ns * SCALE / s->busy_units);
}
