/* What a lane on a thread was posted: a lock-free stack that any thread pushes on, which the lane
 * empties at once and turns round; and tasks in order, of which the lane runs one after the other.
 */
#ifndef LG_LANE_INBOX_H
#define LG_LANE_INBOX_H

#include "lane/lane.h"

/* --- Tasks in the order in which they run; the lane's own. ------------------------------------ */
struct lg_task_queue {
    struct lg_task *first, **last;
};

static inline void lg_task_queue_init(struct lg_task_queue *q)
{
    q->first = NULL;
    q->last = &q->first;
}

static inline void lg_task_queue_push(struct lg_task_queue *q, struct lg_task *task)
{
    task->next = NULL;
    *q->last = task;
    q->last = &task->next;
}

/* Takes the first; NULL when there is none. It may be queued again, or freed, by what runs it. */
static inline struct lg_task *lg_task_queue_pop(struct lg_task_queue *q)
{
    struct lg_task *task = q->first;

    if (task == NULL)
        return NULL;
    q->first = task->next;
    if (q->first == NULL)
        q->last = &q->first;
    return task;
}

/* --- The inbox. ------------------------------------------------------------------------------- */
struct lg_inbox { /* {0} is empty. */
    struct lg_task *newest;
};

/* From any thread. True when it was empty: then the lane has to be woken, if it sleeps. */
static inline bool lg_inbox_push(struct lg_inbox *inbox, struct lg_task *task)
{
    struct lg_task *newest = __atomic_load_n(&inbox->newest, __ATOMIC_RELAXED);

    assert(task->run != NULL);
    do {
        task->next = newest;
    } while (!__atomic_compare_exchange_n(&inbox->newest, &newest, task, /* weak= */ true,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return newest == NULL;
}

/* Whether nothing waits in it; on the lane. Ordered behind what the lane has said of its sleep. */
static inline bool lg_inbox_empty(const struct lg_inbox *inbox)
{
    return __atomic_load_n(&inbox->newest, __ATOMIC_SEQ_CST) == NULL;
}

/* Appends what it holds to `ready`, in the order of the posts; on the lane. How many there were. */
static inline uint64_t lg_inbox_take(struct lg_inbox *inbox, struct lg_task_queue *ready)
{
    struct lg_task *task = __atomic_exchange_n(&inbox->newest, NULL, __ATOMIC_ACQUIRE);
    struct lg_task *oldest = NULL, *last = task;
    uint64_t taken = 0;

    if (task == NULL)
        return 0;
    while (task != NULL) {
        struct lg_task *next = task->next;

        task->next = oldest;
        oldest = task;
        task = next;
        taken++;
    }
    *ready->last = oldest;
    ready->last = &last->next;
    return taken;
}

#endif
