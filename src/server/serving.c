/* The table of what is served: open addressing over topics, each with a row of its partitions.
 * Readers see each pointer either before or after a change; what they may still look at goes with
 * the epoch. Owner: the server's lane. */
#include "server/serving.h"

#include "base/hash.h"
#include "lane/mutant.h"
#include "lane/shared.h"

#define SLOTS_MIN 16u

struct lg_serving_topic {
    struct lg_epoch_item item;
    uint64_t hash;
    struct lg_slice name; /* Behind the row. */
    uint32_t partition_count;
    uint64_t closed;                 /* Atomic: 0 or 1. */
    uint64_t grpc_off;               /* Atomic: 0 or 1. */
    uint64_t limit;                  /* Atomic: the store's metric above, the resource below. */
    struct lg_replica *partitions[]; /* Atomic; NULL: not ours; &not_ready. */
};

struct table {
    struct lg_epoch_item item;
    size_t mask;
    size_t used; /* slots that are not NULL, those of removed topics among them */
    struct lg_serving_topic *slots[]; /* Atomic; NULL: nothing was ever here; &removed. */
};

struct lg_serving {
    struct lg_epoch *epoch;
    uint64_t seed;
    struct table *table; /* Atomic. */
};

/* Addresses that stand for something; never looked into. */
static struct lg_replica not_ready;
static struct lg_serving_topic removed;

static void release_topic(struct lg_epoch_item *item)
{
    lg_free(LG_CONTAINER_OF(item, struct lg_serving_topic, item));
}

static void release_table(struct lg_epoch_item *item)
{
    lg_free(LG_CONTAINER_OF(item, struct table, item));
}

static struct table *table_new(size_t slots)
{
    struct table *t = lg_zalloc(sizeof *t + slots * sizeof t->slots[0]);

    t->mask = slots - 1;
    t->item.release = release_table;
    return t;
}

static struct lg_serving_topic *topic_new(uint64_t hash, struct lg_slice name,
                                          uint32_t partition_count)
{
    size_t row = (size_t)partition_count * sizeof(struct lg_replica *);
    struct lg_serving_topic *t = lg_zalloc(sizeof *t + row + name.size);
    uint8_t *behind = (uint8_t *)&t->partitions[partition_count];

    memcpy(behind, name.data, name.size);
    t->hash = hash;
    t->name = lg_slice(behind, name.size);
    t->partition_count = partition_count;
    t->item.release = release_topic;
    return t;
}

/* The topic, or NULL; `*out_slot` is its place, or the one that was never used where the lookup
 * ended. Each slot is looked at once: the owner may fill it meanwhile. */
static struct lg_serving_topic *look_up(const struct table *t, uint64_t hash, struct lg_slice name,
                                        size_t *out_slot)
{
    for (size_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        struct lg_serving_topic *there = lg_pointer_load(&t->slots[i]);

        *out_slot = i;
        if (there == NULL)
            return NULL;
        if (there != &removed && there->hash == hash && lg_slice_eq(there->name, name))
            return there;
    }
}

static void put(struct table *t, struct lg_serving_topic *topic)
{
    size_t slot;
    struct lg_serving_topic *there = look_up(t, topic->hash, topic->name, &slot);

    assert(there == NULL);
    (void)there;
    t->used++;
    lg_pointer_store(&t->slots[slot], topic);
}

/* A table in which one more finds a place, and lookups an end: at most three quarters are used. */
static struct table *make_room(struct lg_serving *s)
{
    struct table *old = s->table, *new;
    size_t live = 0;

    if ((old->used + 1) * 4 <= (old->mask + 1) * 3)
        return old;
    for (size_t i = 0; i <= old->mask; i++)
        live += old->slots[i] != NULL && old->slots[i] != &removed;
    new = table_new((live + 1) * 2 > old->mask + 1 ? (old->mask + 1) * 2 : old->mask + 1);
    for (size_t i = 0; i <= old->mask; i++) {
        struct lg_serving_topic *t = old->slots[i];

        if (t != NULL && t != &removed)
            put(new, t);
    }
    lg_pointer_store(&s->table, new);
    lg_epoch_retire(s->epoch, &old->item);
    return new;
}

void lg_serving_set(struct lg_serving *s, struct lg_slice topic, uint32_t partition_count,
                    uint32_t partition, enum lg_replica_found found, struct lg_replica *replica)
{
    uint64_t hash = lg_hash64(topic.data, topic.size, s->seed);
    size_t slot;
    struct lg_serving_topic *t = look_up(s->table, hash, topic, &slot);

    assert((found == LG_REPLICA_SERVING) == (replica != NULL));
    assert(partition_count > 0 && partition_count <= LG_SERVING_PARTITIONS_MAX);
    if (t == NULL) {
        t = topic_new(hash, topic, partition_count);
        put(make_room(s), t);
    }
    assert(partition < t->partition_count && t->partition_count == partition_count);
    if (t->partitions[partition] == &not_ready && lg_mutant(LG_MUTANT_serving_stays_unready) &&
        found == LG_REPLICA_SERVING)
        return;
    lg_pointer_store(&t->partitions[partition],
                     found == LG_REPLICA_NOT_READY ? &not_ready : replica);
}

void lg_serving_close(struct lg_serving *s, struct lg_slice topic, bool closed)
{
    size_t slot;
    struct lg_serving_topic *t =
        look_up(s->table, lg_hash64(topic.data, topic.size, s->seed), topic, &slot);

    if (t != NULL)
        lg_word_store(&t->closed, closed);
}

void lg_serving_limit(struct lg_serving *s, struct lg_slice topic, uint32_t resource,
                      uint32_t metric)
{
    size_t slot;
    struct lg_serving_topic *t =
        look_up(s->table, lg_hash64(topic.data, topic.size, s->seed), topic, &slot);

    if (t != NULL)
        lg_word_store(&t->limit, (uint64_t)metric << 32 | resource);
}

void lg_serving_grpc(struct lg_serving *s, struct lg_slice topic, bool off)
{
    size_t slot;
    struct lg_serving_topic *t =
        look_up(s->table, lg_hash64(topic.data, topic.size, s->seed), topic, &slot);

    if (t != NULL)
        lg_word_store(&t->grpc_off, off);
}

bool lg_serving_grpc_is_off(const struct lg_serving_topic *t)
{
    return t != NULL && lg_word_load(&t->grpc_off) != 0;
}

struct lg_serving_limit lg_serving_limit_of(const struct lg_serving_topic *t)
{
    uint64_t limit = lg_word_load(&t->limit);

    return (struct lg_serving_limit){(uint32_t)limit, (uint32_t)(limit >> 32)};
}

void lg_serving_remove(struct lg_serving *s, struct lg_slice topic)
{
    size_t slot;
    struct lg_serving_topic *t =
        look_up(s->table, lg_hash64(topic.data, topic.size, s->seed), topic, &slot);

    if (t == NULL)
        return;
    lg_pointer_store(&s->table->slots[slot], &removed); /* Others may stand behind it. */
    lg_epoch_retire(s->epoch, &t->item);
}

const struct lg_serving_topic *lg_serving_topic(const struct lg_serving *s, struct lg_slice topic)
{
    size_t slot;

    return look_up(lg_pointer_load(&s->table), lg_hash64(topic.data, topic.size, s->seed), topic,
                   &slot);
}

const struct lg_serving_topic *lg_serving_topic_again(const struct lg_serving *s,
                                                      const struct lg_serving_topic *last,
                                                      struct lg_slice topic)
{
    if (LG_LIKELY(last != NULL && lg_slice_eq_short(last->name, topic)))
        return last;
    return lg_serving_topic(s, topic);
}

uint32_t lg_serving_partitions(const struct lg_serving_topic *t)
{
    return t->partition_count;
}

enum lg_replica_found lg_serving_partition(const struct lg_serving_topic *t, uint32_t partition,
                                           struct lg_replica **out)
{
    struct lg_replica *r;

    if (t == NULL)
        return LG_REPLICA_NOT_OURS;
    if (LG_UNLIKELY(partition >= t->partition_count))
        return LG_REPLICA_NOWHERE;
    r = lg_pointer_load(&t->partitions[partition]);
    if (r == NULL)
        return LG_REPLICA_NOT_OURS;
    if (r == &not_ready)
        return LG_REPLICA_NOT_READY;
    if (lg_word_load(&t->closed) != 0)
        return LG_REPLICA_CLOSED;
    *out = r;
    return LG_REPLICA_SERVING;
}

enum lg_replica_found lg_serving_find(const struct lg_serving *s, struct lg_slice topic,
                                      uint32_t partition, struct lg_replica **out)
{
    return lg_serving_partition(lg_serving_topic(s, topic), partition, out);
}

enum lg_replica_found lg_serving_find_any(const struct lg_serving *s, struct lg_slice topic,
                                          struct lg_replica **out)
{
    const struct lg_serving_topic *t = lg_serving_topic(s, topic);
    enum lg_replica_found found = LG_REPLICA_NOT_OURS;

    for (uint32_t p = 0; t != NULL && p < t->partition_count && found != LG_REPLICA_SERVING; p++) {
        struct lg_replica *r = lg_pointer_load(&t->partitions[p]);

        if (r != NULL && r != &not_ready) {
            *out = r;
            found = LG_REPLICA_SERVING;
        } else if (r != NULL) {
            found = LG_REPLICA_NOT_READY;
        }
    }
    return found == LG_REPLICA_SERVING && lg_word_load(&t->closed) != 0 ? LG_REPLICA_CLOSED : found;
}

struct lg_serving *lg_serving_new(struct lg_epoch *epoch, uint64_t seed)
{
    struct lg_serving *s = lg_new(struct lg_serving);

    s->epoch = epoch;
    s->seed = seed;
    s->table = table_new(SLOTS_MIN);
    return s;
}

void lg_serving_free(struct lg_serving *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i <= s->table->mask; i++)
        if (s->table->slots[i] != NULL && s->table->slots[i] != &removed)
            lg_free(s->table->slots[i]);
    lg_free(s->table);
    lg_free(s);
}
