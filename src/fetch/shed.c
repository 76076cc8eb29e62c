#include "fetch/shed.h"

/* What a unit takes is the mean of about so many ticks, each with the weight of its units. */
#define SMOOTH 32u
#define SCALE 1024u
/* A tick that took so many times what it should tells of the machine, not of what a unit takes. */
#define OUTLIER 8u

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

    now_us = LG_MAX(now_us, s->rested_us); /* Never back. */
    s->now_us = now_us;
    s->units = 0;
    s->ticks++;
    if (now_us - s->rested_us >= LG_SHED_SLEPT_US) {
        s->idle_us = now_us;
        s->ticks = 0;
        s->arrived_us = now_us; /* It is what woke us. */
    } else {
        s->arrived_us = now_us - (now_us - woke_us) / 2;
    }
}

/* The time of the refusals is part of what the units took: it delays those behind as well. */
void lg_shed_rest(struct lg_shed *s, uint64_t now_us)
{
    uint64_t took_ns;

    now_us = LG_MAX(now_us, s->now_us);
    s->rested_us = now_us;
    if (s->units > 0) {
        took_ns = (now_us - s->now_us) * 1000;
        if (s->unit_ns > 0)
            took_ns = LG_MIN(took_ns, OUTLIER * s->units * s->unit_ns);
        s->busy_ns += took_ns - s->busy_ns / SMOOTH;
        s->busy_units += s->units * SCALE - s->busy_units / SMOOTH;
        s->unit_ns = (uint64_t)((unsigned __int128)s->busy_ns * SCALE / s->busy_units);
    }
}
