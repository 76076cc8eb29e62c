/* The binary heap of timers that both lane drivers use: ordered by (due, order). */
#ifndef LG_LANE_TIMER_HEAP_H
#define LG_LANE_TIMER_HEAP_H

#include "lane/lane.h"

struct lg_timer_heap {
    struct lg_timer **slots; /* slots[0] unused */
    size_t size, capacity;
    uint64_t next_order;
};

void lg_timer_heap_done(struct lg_timer_heap *heap);
void lg_timer_heap_add(struct lg_timer_heap *heap, struct lg_timer *timer);
void lg_timer_heap_remove(struct lg_timer_heap *heap, struct lg_timer *timer);
/* Earliest timer, or NULL. */
struct lg_timer *lg_timer_heap_first(const struct lg_timer_heap *heap);

#endif
