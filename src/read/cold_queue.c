/* Reads that wait for the pool; see the header. Owner: whoever holds a reference. */
#include "read/cold_queue.h"

/* What a key takes is the mean of about so many reads. */
#define SMOOTH 32u

struct lg_cold_queue {
    struct lg_cold_queue_options o;
    uint64_t refs; /* Atomic. */
    struct lg_bound keys;
    uint64_t short_us; /* A word: when the queue was last seen short. */
    uint64_t key_ns;   /* A word: what a key takes; 0: not known. */
};

struct lg_cold_queue *lg_cold_queue_new(const struct lg_cold_queue_options *o)
{
    struct lg_cold_queue *q = lg_new(struct lg_cold_queue);

    assert(o->burst_us >= o->target_us);
    q->o = *o;
    q->refs = 1;
    q->keys.max = o->keys_max == 0 ? LG_COLD_KEYS_MAX : o->keys_max;
    return q;
}

struct lg_cold_queue *lg_cold_queue_ref(struct lg_cold_queue *q)
{
    if (q != NULL)
        (void)__atomic_fetch_add(&q->refs, 1, __ATOMIC_RELAXED);
    return q;
}

void lg_cold_queue_unref(struct lg_cold_queue *q)
{
    if (q == NULL || __atomic_sub_fetch(&q->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    assert(q->keys.used == 0);
    lg_free(q);
}

uint64_t lg_cold_queue_keys(const struct lg_cold_queue *q)
{
    return lg_word_load(&q->keys.used);
}

bool lg_cold_wait_begin(struct lg_cold_wait *w, struct lg_cold_queue *queue, struct lg_lane *lane,
                        size_t keys)
{
    *w = (struct lg_cold_wait){.queue = queue, .lane = lane, .keys = (uint32_t)keys};
    if (queue == NULL)
        return true;
    w->begun_us = lg_lane_clock_us(lane);
    w->before = lg_cold_queue_keys(queue);
    if (w->before == 0)
        lg_word_store(&queue->short_us, w->begun_us);
    w->is_late = !lg_bound_take(&queue->keys, keys);
    return !w->is_late;
}

static bool is_late(const struct lg_cold_queue *q, const struct lg_cold_wait *w, uint64_t now_us)
{
    uint64_t short_us = lg_word_load(&q->short_us), key_ns = lg_word_load(&q->key_ns),
             most_us = q->o.burst_us, patience_us;

    if (now_us > short_us && now_us - short_us > q->o.interval_us) {
        patience_us = LG_MIN(LG_COLD_PATIENCE * w->keys * key_ns / 1000, LG_COLD_PATIENCE_US_MAX);
        most_us = LG_MAX(q->o.target_us, patience_us);
    }
    return w->waited_us > most_us && w->before * key_ns / 1000 > most_us;
}

bool lg_cold_wait_end(struct lg_cold_wait *w)
{
    struct lg_cold_queue *q = w->queue;
    uint64_t now_us;

    if (q == NULL)
        return true;
    now_us = lg_lane_clock_us(w->lane);
    w->waited_us = now_us > w->begun_us ? now_us - w->begun_us : 0;
    w->begun_us = now_us;
    if (w->waited_us <= q->o.target_us / LG_COLD_SHORT_PART)
        lg_word_store(&q->short_us, now_us);
    w->is_late = q->o.target_us != 0 && is_late(q, w, now_us);
    return !w->is_late;
}

static void learn(struct lg_cold_queue *q, uint64_t took_ns)
{
    uint64_t known_ns = lg_word_load(&q->key_ns);

    if (known_ns == 0)
        known_ns = took_ns;
    else
        known_ns += took_ns / SMOOTH - known_ns / SMOOTH;
    lg_word_store(&q->key_ns, LG_MAX(known_ns, SMOOTH)); /* It can always grow again. */
}

void lg_cold_read_end(struct lg_cold_wait *w, size_t keys)
{
    struct lg_cold_queue *q = w->queue;
    uint64_t now_us;

    if (q == NULL)
        return;
    if (keys > 0 && q->o.target_us != 0) {
        now_us = lg_lane_clock_us(w->lane);
        learn(q, now_us > w->begun_us ? (now_us - w->begun_us) * 1000 / keys : 0);
    }
    lg_bound_give(&q->keys, w->keys);
}

enum lg_rc lg_cold_refused(struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_OVERLOADED,
                        "more reads wait for the disk than are read in time; ask another server, "
                        "or come back later");
}
