/* Signs of life; see the header. Of a sign all but the two words belongs to whoever has the task:
 * the home lane, and between the post and the answer the lane that is asked. */
#include "lane/pulse.h"

#include "lane/shared.h"

struct sign {
    struct lg_pulse *pulse;
    struct lg_lane *lane;
    struct lg_task task;
    uint64_t asked_us;
    uint64_t given_us; /* Atomic. */
    uint64_t is_owed;  /* Atomic: 0 or 1. */
};

struct lg_pulse {
    struct lg_pulse_options o;
    struct sign *signs;
};

static void give(struct lg_task *task)
{
    struct sign *s = LG_CONTAINER_OF(task, struct sign, task);
    const struct lg_pulse_options *o = &s->pulse->o;
    uint64_t now_us = lg_lane_now_us(s->lane);

    if (o->late != NULL)
        o->late(o->ctx, now_us > s->asked_us ? now_us - s->asked_us : 0);
    lg_word_store(&s->given_us, now_us);
    lg_word_store(&s->is_owed, 0);
}

struct lg_pulse *lg_pulse_new(const struct lg_pulse_options *o)
{
    struct lg_pulse *p = lg_new(struct lg_pulse);
    uint64_t now_us = lg_lane_now_us(o->home);

    p->o = *o;
    p->o.lanes = NULL;
    p->signs = lg_new_array(struct sign, o->count);
    for (size_t i = 0; i < o->count; i++)
        p->signs[i] = (struct sign){
            .pulse = p, .lane = o->lanes[i], .task = {.run = give}, .given_us = now_us};
    return p;
}

void lg_pulse_free(struct lg_pulse *p)
{
    if (p == NULL)
        return;
    lg_free(p->signs);
    lg_free(p);
}

uint64_t lg_pulse_take(struct lg_pulse *p)
{
    uint64_t now_us = lg_lane_now_us(p->o.home), oldest_us = now_us;

    for (size_t i = 0; i < p->o.count; i++) {
        struct sign *s = &p->signs[i];

        oldest_us = LG_MIN(oldest_us, lg_word_load(&s->given_us));
        if (lg_word_load(&s->is_owed) != 0)
            continue;
        lg_word_store(&s->is_owed, 1);
        s->asked_us = now_us;
        lg_lane_post(s->lane, &s->task);
    }
    return oldest_us;
}
