/* Reads that wait for the pool; see the header. Owner: whoever holds a reference. */
#include "read/cold_queue.h"

#include "base/ref.h"

/* What a key takes is the mean of the keys of about so many reads, ... */
#define SMOOTH 32u
#define SCALE 1024u
/* ... each of which counts for so many times of what is known at most: a disk that stood still once
 * is no slow disk, and one that is slow is known as such after some dozens. */
#define OUTLIER 8u

struct lg_cold_queue {
    struct lg_cold_queue_options o;
    unsigned refs;
    struct lg_bound keys; /* that wait or are read; */
    uint64_t reads;       /* a word: the same of reads */
    uint64_t short_us;    /* A word: when the queue was last seen short, ... */
    uint64_t late_us;     /* ... and when somebody was last refused who had waited. */
    /* Words: of the last reads, fading. When two threads add at one moment a part may be lost, or
     * of one word only: then what a key takes is too much or too little until it has faded. */
    uint64_t read_ns, read_keys; /* ... by SCALE */
};

struct lg_cold_queue *lg_cold_queue_new(const struct lg_cold_queue_options *o)
{
    struct lg_cold_queue *q = lg_new(struct lg_cold_queue);

    assert(o->burst_us >= o->target_us);
    q->o = *o;
    q->o.threads = LG_MAX(o->threads, 1U);
    q->refs = 1;
    q->keys.max = o->keys_max == 0 ? LG_COLD_KEYS_MAX : o->keys_max;
    return q;
}

struct lg_cold_queue *lg_cold_queue_ref(struct lg_cold_queue *q)
{
    if (q != NULL)
        lg_ref_get(&q->refs);
    return q;
}

void lg_cold_queue_unref(struct lg_cold_queue *q)
{
    if (q == NULL || !lg_ref_put(&q->refs))
        return;
    assert(q->keys.used == 0 && q->reads == 0);
    lg_free(q);
}

uint64_t lg_cold_queue_keys(const struct lg_cold_queue *q)
{
    return lg_word_load(&q->keys.used);
}

/* --- What reads take -------------------------------------------------------------------------- */

static uint64_t takes_us(const struct lg_cold_queue *q, uint64_t keys)
{
    uint64_t known = lg_word_load(&q->read_keys);

    return known == 0 ? 0 : keys * (lg_word_load(&q->read_ns) * SCALE / known) / 1000;
}

static void learn(struct lg_cold_queue *q, uint64_t took_us, uint64_t keys)
{
    uint64_t known = lg_word_load(&q->read_keys), ns = lg_word_load(&q->read_ns);

    if (known > 0) /* A microsecond more, or what took nothing could never grow. */
        took_us = LG_MIN(took_us, OUTLIER * (takes_us(q, keys) + 1));
    /* In between keys take too little: who looks then is let in. */
    lg_word_store(&q->read_keys, known - known / SMOOTH + keys * SCALE);
    lg_word_store(&q->read_ns, ns - ns / SMOOTH + took_us * 1000);
}

/* --- Who is late ------------------------------------------------------------------------------ */

static uint64_t patience_us(const struct lg_cold_queue *q, const struct lg_cold_wait *w)
{
    uint64_t mean = w->reads_before == 0 ? 0 : w->keys_before / w->reads_before;

    return LG_MIN(takes_us(q, LG_COLD_PATIENCE * LG_MAX(w->keys, mean)),
                  LG_MAX(takes_us(q, w->keys), LG_COLD_PATIENCE_US_MAX));
}

/* How long it may wait. */
static uint64_t most_us(const struct lg_cold_queue *q, const struct lg_cold_wait *w,
                        uint64_t now_us)
{
    uint64_t short_us = lg_word_load(&q->short_us);

    if (now_us > short_us && now_us - short_us > q->o.interval_us)
        return LG_MAX(q->o.target_us, patience_us(q, w));
    return q->o.burst_us;
}

/* Those before it keep the threads for longer than that. */
static bool are_too_many(const struct lg_cold_queue *q, const struct lg_cold_wait *w, uint64_t us)
{
    return takes_us(q, w->keys_before) / q->o.threads > us;
}

/* Somebody was refused who had waited, lately and since the queue was last short. Not for ever:
 * few large reads keep a queue from being short, and count as if nothing of them were read yet. */
static bool is_shut(const struct lg_cold_queue *q, uint64_t now_us)
{
    uint64_t late_us = lg_word_load(&q->late_us);

    return late_us > lg_word_load(&q->short_us) &&
           now_us < late_us + LG_COLD_SHUT_TARGETS * q->o.target_us;
}

/* What comes now, as far as one can tell. */
static bool will_be_late(const struct lg_cold_queue *q, const struct lg_cold_wait *w,
                         uint64_t now_us)
{
    return is_shut(q, now_us) && are_too_many(q, w, most_us(q, w, now_us));
}

static bool is_late(const struct lg_cold_queue *q, const struct lg_cold_wait *w, uint64_t now_us)
{
    uint64_t us;

    if (q->o.target_us == 0 || w->goes_on)
        return false;
    us = most_us(q, w, now_us);
    return w->waited_us > us && are_too_many(q, w, us);
}

/* --- A wait ----------------------------------------------------------------------------------- */

/* What it finds. */
static void look(struct lg_cold_wait *w, const struct lg_cold_queue *q)
{
    w->keys_before = lg_cold_queue_keys(q);
    w->reads_before = lg_word_load(&q->reads);
    w->begun_us = lg_lane_clock_us(w->lane);
}

bool lg_cold_queue_has_room(const struct lg_cold_queue *q, struct lg_lane *lane, size_t keys)
{
    struct lg_cold_wait w = {.lane = lane, .keys = (uint32_t)keys};

    if (q == NULL)
        return true;
    look(&w, q);
    return w.keys_before < q->keys.max && !will_be_late(q, &w, w.begun_us);
}

bool lg_cold_wait_begin(struct lg_cold_wait *w, struct lg_cold_queue *queue, struct lg_lane *lane,
                        size_t keys, bool goes_on)
{
    *w = (struct lg_cold_wait){.lane = lane, .keys = (uint32_t)keys, .goes_on = goes_on};
    if (queue == NULL)
        return true;
    look(w, queue);
    w->is_late = !goes_on && will_be_late(queue, w, w->begun_us);
    if (w->is_late)
        return false;
    w->has_place = lg_bound_take(&queue->keys, keys);
    w->is_late = !w->has_place && !goes_on;
    if (w->is_late)
        return false;
    lg_word_add(&queue->reads, 1);
    w->queue = queue;
    if (w->reads_before == 0)
        lg_word_store(&queue->short_us, w->begun_us);
    return true;
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
    w->is_late = is_late(q, w, now_us);
    if (w->is_late)
        lg_word_store(&q->late_us, now_us);
    return !w->is_late;
}

void lg_cold_read_end(struct lg_cold_wait *w, size_t keys)
{
    struct lg_cold_queue *q = w->queue;
    uint64_t now_us;

    if (q == NULL)
        return;
    if (keys > 0) {
        now_us = lg_lane_clock_us(w->lane);
        learn(q, now_us > w->begun_us ? now_us - w->begun_us : 0, keys);
    }
    if (w->has_place)
        lg_bound_give(&q->keys, w->keys);
    lg_word_add(&q->reads, UINT64_MAX); /* One less. */
}

enum lg_rc lg_cold_refused(struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_OVERLOADED,
                        "more reads wait for the disk than are read in time; ask another server, "
                        "or come back later");
}
