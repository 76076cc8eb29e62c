/* A binary heap in an array that begins at slot 1, so that slot 0 can mean "not armed" in zeroed
 * timers and the children of slot i are 2i and 2i + 1. Owned by its lane's driver. */
#include "lane/timer_heap.h"

#define FIRST_CAPACITY 16

static bool fires_before(const struct lg_timer *a, const struct lg_timer *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void place(struct lg_timer_heap *heap, struct lg_timer *timer, size_t slot)
{
    heap->slots[slot] = timer;
    timer->slot = slot;
}

static void move_up(struct lg_timer_heap *heap, struct lg_timer *timer, size_t slot)
{
    while (slot > 1 && fires_before(timer, heap->slots[slot / 2])) {
        place(heap, heap->slots[slot / 2], slot);
        slot /= 2;
    }
    place(heap, timer, slot);
}

static void move_down(struct lg_timer_heap *heap, struct lg_timer *timer, size_t slot)
{
    for (size_t child = slot * 2; child <= heap->size; child = slot * 2) {
        if (child < heap->size && fires_before(heap->slots[child + 1], heap->slots[child]))
            child++;
        if (!fires_before(heap->slots[child], timer))
            break;
        place(heap, heap->slots[child], slot);
        slot = child;
    }
    place(heap, timer, slot);
}

void lg_timer_heap_done(struct lg_timer_heap *heap)
{
    lg_free(heap->slots);
    *heap = (struct lg_timer_heap){0};
}

void lg_timer_heap_add(struct lg_timer_heap *heap, struct lg_timer *timer)
{
    assert(timer->slot == 0 && "the timer is armed already");
    if (heap->size + 1 >= heap->capacity) {
        heap->capacity = heap->capacity == 0 ? FIRST_CAPACITY : heap->capacity * 2;
        heap->slots = lg_realloc(heap->slots, heap->capacity * sizeof(heap->slots[0]));
        heap->slots[0] = NULL;
    }
    timer->order = heap->next_order++;
    heap->size++;
    move_up(heap, timer, heap->size);
}

void lg_timer_heap_remove(struct lg_timer_heap *heap, struct lg_timer *timer)
{
    size_t slot = timer->slot;
    struct lg_timer *last;

    assert(slot != 0 && slot <= heap->size && heap->slots[slot] == timer);
    timer->slot = 0;
    last = heap->slots[heap->size--];
    if (last == timer)
        return;
    if (slot > 1 && fires_before(last, heap->slots[slot / 2]))
        move_up(heap, last, slot);
    else
        move_down(heap, last, slot);
}

struct lg_timer *lg_timer_heap_first(const struct lg_timer_heap *heap)
{
    return heap->size == 0 ? NULL : heap->slots[1];
}
