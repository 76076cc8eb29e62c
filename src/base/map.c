/* Hash map: entries in an array in the order of insertion, and an index of slots that hold entry
 * numbers (open addressing, linear probing). Owned by whoever made it; not for two threads.
 *
 * A removed entry stays behind as dead, in the array and in the index, until a put finds the array
 * full: then the live entries move together and the index is rebuilt. Removal therefore never moves
 * anything, which is what makes it safe during iteration.
 */
#include "base/map.h"

#include "base/hash.h"

#define LG_MAP_ENTRIES_MIN ((size_t)8)
#define LG_MAP_ENTRIES_MAX ((size_t)1 << 30)

struct entry {
    void *value; /* NULL: dead */
    uint8_t *key;
    size_t key_size;
    uint64_t hash;
};

struct lg_map {
    struct entry *entries;
    uint32_t *slots; /* 2 * capacity of them; 0: free, else the number of an entry, plus 1 */
    size_t capacity; /* of `entries`; a power of two, or 0 */
    size_t used;     /* entries, dead ones included */
    size_t live;
    size_t first; /* No entry before this one is live. */
};

struct lg_map *lg_map_new(void)
{
    return lg_new(struct lg_map);
}

void lg_map_free(struct lg_map *map)
{
    if (map == NULL)
        return;
    for (size_t i = 0; i < map->used; i++)
        lg_free(map->entries[i].key);
    lg_free(map->entries);
    lg_free(map->slots);
    lg_free(map);
}

size_t lg_map_size(const struct lg_map *map)
{
    return map->live;
}

static uint64_t hash_of(struct lg_slice key)
{
    return lg_hash64(key.data, key.size, 0);
}

/* At least half of the slots are free, so every probe ends. */
static struct entry *find(const struct lg_map *map, struct lg_slice key, uint64_t hash)
{
    size_t mask = map->capacity * 2 - 1;

    if (map->capacity == 0)
        return NULL;
    for (size_t i = hash & mask; map->slots[i] != 0; i = (i + 1) & mask) {
        struct entry *e = &map->entries[map->slots[i] - 1];

        if (e->value != NULL && e->hash == hash && lg_slice_eq(lg_slice(e->key, e->key_size), key))
            return e;
    }
    return NULL;
}

static void index_entry(struct lg_map *map, size_t number)
{
    size_t mask = map->capacity * 2 - 1, i = map->entries[number].hash & mask;

    while (map->slots[i] != 0)
        i = (i + 1) & mask;
    map->slots[i] = (uint32_t)(number + 1);
}

/* Room for one more entry. Doubles only when at least half of the entries live, so a map that is
 * used as a queue does not grow. */
static void make_room(struct lg_map *map)
{
    size_t kept = 0;

    for (size_t i = 0; i < map->used; i++) {
        if (map->entries[i].value != NULL)
            map->entries[kept++] = map->entries[i];
    }
    map->used = kept;
    map->first = 0;
    if (map->capacity == 0 || kept >= map->capacity / 2) {
        assert(map->capacity < LG_MAP_ENTRIES_MAX);
        map->capacity = LG_MAX(map->capacity * 2, LG_MAP_ENTRIES_MIN);
        map->entries = lg_realloc(map->entries, map->capacity * sizeof(map->entries[0]));
    }
    lg_free(map->slots);
    map->slots = lg_new_array(uint32_t, map->capacity * 2);
    for (size_t i = 0; i < map->used; i++)
        index_entry(map, i);
}

void *lg_map_get(const struct lg_map *map, struct lg_slice key)
{
    struct entry *e = map->live == 0 ? NULL : find(map, key, hash_of(key));

    return e == NULL ? NULL : e->value;
}

void *lg_map_put(struct lg_map *map, struct lg_slice key, void *value)
{
    uint64_t hash = hash_of(key);
    struct entry *e = find(map, key, hash);
    void *before = NULL;

    assert(value != NULL);
    if (e != NULL) {
        before = e->value;
        e->value = value;
        return before;
    }
    if (map->used == map->capacity)
        make_room(map);
    e = &map->entries[map->used];
    *e = (struct entry){.value = value, .key_size = key.size, .hash = hash};
    if (key.size > 0) {
        e->key = lg_alloc(key.size);
        memcpy(e->key, key.data, key.size);
    }
    index_entry(map, map->used);
    map->used++;
    map->live++;
    return NULL;
}

void *lg_map_remove(struct lg_map *map, struct lg_slice key)
{
    struct entry *e = find(map, key, hash_of(key));
    void *value;

    if (e == NULL)
        return NULL;
    value = e->value;
    lg_free(e->key);
    e->key = NULL;
    e->value = NULL;
    map->live--;
    while (map->first < map->used && map->entries[map->first].value == NULL)
        map->first++;
    return value;
}

bool lg_map_next(const struct lg_map *map, size_t *at, struct lg_slice *out_key, void **out_value)
{
    for (size_t i = LG_MAX(*at, map->first); i < map->used; i++) {
        const struct entry *e = &map->entries[i];

        if (e->value == NULL)
            continue;
        *at = i + 1;
        *out_key = lg_slice(e->key, e->key_size);
        *out_value = e->value;
        return true;
    }
    *at = map->used;
    return false;
}
