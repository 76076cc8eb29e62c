/* Epochs: a number that grows with everything that is retired, and per reader the number it saw
 * when it went in. What was retired at n may be released when every reader is outside or has seen
 * more than n.
 *
 * The one subtle order is at entering: the reader's number must be visible before it follows any
 * pointer, else a writer could look for readers, find none, and free what is just being looked at.
 * That is a store before loads, which only a full barrier keeps; the writer has one between
 * unlinking and looking.
 */
#include "lane/epoch.h"

#include "base/block.h"

#define OUTSIDE 0u

struct lg_epoch_reader {
    uint64_t seen; /* Atomic: OUTSIDE, or the epoch's number on entering. */
    struct lg_epoch *epoch;
    bool taken;                                                    /* Atomic. */
    uint8_t alone[LG_BLOCK_LINE_BYTES - 2 * sizeof(uint64_t) - 1]; /* No neighbour in its line. */
};

_Static_assert(sizeof(struct lg_epoch_reader) % LG_BLOCK_LINE_BYTES == 0, "a line for each reader");

struct lg_epoch {
    struct lg_epoch_reader readers[LG_EPOCH_READERS_MAX];
    uint64_t now; /* Atomic; never OUTSIDE. */
    struct lg_block block;
    struct lg_epoch_item *retired; /* Atomic: a stack that any thread pushes on. */
    bool reclaiming;               /* Atomic: one thread at a time owns what follows. */
    struct lg_epoch_item *waiting;
    size_t count; /* Atomic: retired and not released. */
};

static void full_barrier(struct lg_epoch *e)
{
#ifdef __SANITIZE_THREAD__
    /* The sanitizer knows no fences; a locked operation on one line serves as well. */
    (void)__atomic_fetch_add(&e->now, 0, __ATOMIC_SEQ_CST);
#else
    (void)e;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

enum lg_rc lg_epoch_new(struct lg_epoch **out, struct lg_error *err)
{
    struct lg_block block;
    enum lg_rc rc = lg_block_init(&block, sizeof(struct lg_epoch), LG_BLOCK_LINE_BYTES, err);
    struct lg_epoch *e;

    if (rc != LG_OK)
        return rc;
    e = block.data;
    e->block = block;
    e->now = OUTSIDE + 1;
    for (size_t i = 0; i < LG_EPOCH_READERS_MAX; i++)
        e->readers[i].epoch = e;
    *out = e;
    return LG_OK;
}

void lg_epoch_free(struct lg_epoch *e)
{
    struct lg_block block;

    if (e == NULL)
        return;
    for (size_t i = 0; i < LG_EPOCH_READERS_MAX; i++)
        assert(!e->readers[i].taken && "a reader is left");
    (void)lg_epoch_reclaim(e);
    assert(e->count == 0);
    block = e->block;
    lg_block_done(&block);
}

/* --- Readers -------------------------------------------------------------------------------- */

enum lg_rc lg_epoch_join(struct lg_epoch *e, struct lg_epoch_reader **out, struct lg_error *err)
{
    for (size_t i = 0; i < LG_EPOCH_READERS_MAX; i++) {
        struct lg_epoch_reader *r = &e->readers[i];

        if (!__atomic_exchange_n(&r->taken, true, __ATOMIC_ACQ_REL)) {
            *out = r;
            return LG_OK;
        }
    }
    return lg_error_set(err, LG_ERR_BUSY, "all %u places for threads that read are taken",
                        LG_EPOCH_READERS_MAX);
}

void lg_epoch_quit(struct lg_epoch_reader *reader)
{
    if (reader == NULL)
        return;
    assert(!lg_epoch_is_inside(reader) && reader->taken);
    __atomic_store_n(&reader->taken, false, __ATOMIC_RELEASE);
}

void lg_epoch_enter(struct lg_epoch_reader *reader)
{
    struct lg_epoch *e = reader->epoch;

    assert(!lg_epoch_is_inside(reader));
    __atomic_store_n(&reader->seen, __atomic_load_n(&e->now, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
    full_barrier(e);
}

void lg_epoch_leave(struct lg_epoch_reader *reader)
{
    assert(lg_epoch_is_inside(reader));
    __atomic_store_n(&reader->seen, OUTSIDE, __ATOMIC_RELEASE);
}

bool lg_epoch_is_inside(const struct lg_epoch_reader *reader)
{
    return __atomic_load_n(&reader->seen, __ATOMIC_RELAXED) != OUTSIDE;
}

/* --- What is retired ------------------------------------------------------------------------ */

void lg_epoch_retire(struct lg_epoch *e, struct lg_epoch_item *item)
{
    assert(item->release != NULL);
    (void)__atomic_fetch_add(&e->count, 1, __ATOMIC_RELAXED);
    /* Who enters from here on sees a greater number, and that it is unlinked. */
    item->retired_at = __atomic_fetch_add(&e->now, 1, __ATOMIC_SEQ_CST);
    item->next = __atomic_load_n(&e->retired, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&e->retired, &item->next, item, /* weak= */ true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
}

/* What was retired before this is out of everybody's sight. */
static uint64_t oldest_seen(struct lg_epoch *e)
{
    uint64_t oldest;

    full_barrier(e);
    oldest = __atomic_load_n(&e->now, __ATOMIC_ACQUIRE);
    for (size_t i = 0; i < LG_EPOCH_READERS_MAX; i++) {
        uint64_t seen = __atomic_load_n(&e->readers[i].seen, __ATOMIC_ACQUIRE);

        if (seen != OUTSIDE)
            oldest = LG_MIN(oldest, seen);
    }
    return oldest;
}

static void take_retired(struct lg_epoch *e)
{
    struct lg_epoch_item *item = __atomic_exchange_n(&e->retired, NULL, __ATOMIC_ACQUIRE);

    while (item != NULL) {
        struct lg_epoch_item *next = item->next;

        item->next = e->waiting;
        e->waiting = item;
        item = next;
    }
}

size_t lg_epoch_reclaim(struct lg_epoch *e)
{
    struct lg_epoch_item **at = &e->waiting;
    uint64_t oldest;

    if (__atomic_load_n(&e->count, __ATOMIC_RELAXED) == 0)
        return 0;
    if (!__atomic_exchange_n(&e->reclaiming, true, __ATOMIC_ACQUIRE)) {
        take_retired(e); /* Before the readers are looked at. */
        oldest = oldest_seen(e);
        while (*at != NULL) {
            struct lg_epoch_item *item = *at;

            if (item->retired_at >= oldest) {
                at = &item->next;
                continue;
            }
            *at = item->next;
            item->release(item);
            (void)__atomic_fetch_sub(&e->count, 1, __ATOMIC_RELAXED);
        }
        __atomic_store_n(&e->reclaiming, false, __ATOMIC_RELEASE);
    }
    return __atomic_load_n(&e->count, __ATOMIC_RELAXED);
}
