#include "base/schedule.h"

#include <math.h>

void lg_schedule_init(struct lg_schedule *s, enum lg_schedule_kind kind, double per_second,
                      uint64_t seed, uint64_t start_ns)
{
    assert(per_second > 0 && per_second <= LG_SCHEDULE_RATE_MAX);
    *s = (struct lg_schedule){
        .kind = kind, .gap_ns = 1e9 / per_second, .start_ns = start_ns, .next_ns = start_ns};
    lg_rand_seed(&s->rand, seed);
}

/* Fixed gaps are multiplied, not added up: they do not drift. */
static void move_on(struct lg_schedule *s)
{
    s->taken++;
    if (s->kind == LG_SCHEDULE_POISSON) {
        double u = (double)(lg_rand_next(&s->rand) >> 11) / 9007199254740992.0; /* [0, 1) */

        s->offset_ns += -log1p(-u) * s->gap_ns;
    } else {
        s->offset_ns = (double)s->taken * s->gap_ns;
    }
    s->next_ns = s->start_ns + (uint64_t)s->offset_ns;
}

bool lg_schedule_take(struct lg_schedule *s, uint64_t now_ns, uint64_t *out_intended_ns)
{
    if (s->kind == LG_SCHEDULE_POISSON && s->taken == 0)
        move_on(s); /* The start is no arrival. */
    if (now_ns < s->next_ns)
        return false;
    *out_intended_ns = s->next_ns;
    move_on(s);
    return true;
}
