/* The index: a table of lines of slots, and segments of entries that they point to.
 *
 *   table      line 0: [slot × 8]   line 1: [slot × 8]   ...      slot: tag (16 bits) | address
 * (48) segments   [head | entry entry entry ... room]   [head | entry ...] entry      crc | hash |
 * sizes | key | value
 *
 * A key's first line is its hash scaled to the number of lines; it stands there or, when that line
 * is full, in one of the next. An empty slot ends a search, one that was emptied does not.
 *
 * Everything a reader may see is written before the one word that leads to it, and is never changed
 * while a reader may be inside: what is replaced becomes dead bytes of its segment; a segment with
 * few living entries is evacuated, and goes with the epoch. So do tables that have grown too small.
 */
#include "storage/read_index.h"

#include "base/block.h"
#include "base/hash.h"

#define LINE_SLOTS (LG_BLOCK_LINE_BYTES / sizeof(uint64_t))
#define EMPTY ((uint64_t)0)
#define REMOVED ((uint64_t)1) /* No entry has this address. */
#define TAG_SHIFT 48
#define ELSEWHERE UINT16_MAX /* In place of the size of a value. */
#define GROUP 16u            /* Searches that run beside each other: the misses a core can bear. */
#define LINES_MIN 8u
#define LINES_MAX ((uint64_t)UINT32_MAX)
/* Rows to a line: as wanted when a table is made, and when the next one is due. */
#define ROWS_WANTED 5u
#define ROWS_MAX 6u
/* A segment with at most this part alive is worth moving. */
#define ALIVE_NUM 5u
#define ALIVE_DEN 8u
#define SEGMENTS_BEFORE_HUGE 4u /* A small partition does not take whole huge pages. */
#define CHARGE_BYTES ((size_t)64 << 10)

_Static_assert(LG_READ_INDEX_VALUE_MAX < ELSEWHERE && LG_READ_INDEX_KEY_MAX <= UINT16_MAX,
               "sizes fit their fields");
_Static_assert(sizeof(void *) == sizeof(uint64_t), "addresses have at most 48 bits that matter");

struct table {
    struct lg_epoch_item item;
    struct lg_block block;
    struct lg_bound *budget;
    uint64_t *slots; /* Words that readers see: atomic. */
    uint32_t lines;
};

struct segment { /* At the beginning of its own block. */
    struct lg_epoch_item item;
    struct lg_block block;
    struct lg_bound *budget;
    struct segment *next; /* Older. */
    size_t at;            /* Entries end here. */
    size_t alive;         /* Bytes of entries that a slot leads to. */
    size_t charged;       /* Bytes that the budget knows of. */
};

struct entry {
    uint32_t crc; /* CRC-32C of all that follows. */
    uint32_t hash;
    uint16_t key_size, value_size;
    uint8_t bytes[];
};

struct lg_read_index {
    struct lg_epoch_item item;
    struct lg_epoch *epoch;
    struct lg_bound *budget;
    uint64_t seed;
    struct table *table; /* Atomic: readers begin here. */
    /* The writer's. */
    size_t segment_bytes;
    struct segment *segments; /* Newest first: that one is written to. */
    size_t segment_count;
    uint64_t used; /* Slots that are not EMPTY. */
    struct lg_read_index_stats stats;
};

/* --- Words ----------------------------------------------------------------------------------- */

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> TAG_SHIFT);
}

static uint64_t slot_of(uint64_t hash, const struct entry *e)
{
    assert((uintptr_t)e >> TAG_SHIFT == 0);
    return (uint64_t)tag_of(hash) << TAG_SHIFT | (uintptr_t)e;
}

static const struct entry *entry_of(uint64_t slot)
{
    /* The address without the tag above it. */
    return (const struct entry *)(uintptr_t)(slot & (((uint64_t)1 << TAG_SHIFT) - 1));
}

static bool is_entry(uint64_t slot)
{
    return slot != EMPTY && slot != REMOVED;
}

static size_t first_line(const struct table *t, uint32_t hash)
{
    return (size_t)((uint64_t)hash * t->lines >> 32);
}

static const uint64_t *line_at(const struct table *t, size_t line)
{
    return t->slots + line * LINE_SLOTS;
}

/* --- Entries --------------------------------------------------------------------------------- */

static size_t value_size(const struct entry *e)
{
    return e->value_size == ELSEWHERE ? 0 : e->value_size;
}

static size_t entry_bytes(size_t key, size_t value)
{
    size_t bytes = sizeof(struct entry) + key + value;

    return (bytes + _Alignof(struct entry) - 1) & ~(_Alignof(struct entry) - 1);
}

/* Of one that is whole. */
static size_t size_of(const struct entry *e)
{
    return entry_bytes(e->key_size, value_size(e));
}

static uint32_t crc_of(const struct entry *e)
{
    return lg_crc32c(0, &e->hash,
                     sizeof(*e) - offsetof(struct entry, hash) + e->key_size + value_size(e));
}

/* Its first and its last byte stand in one segment: what its sizes say may be read. */
static bool is_inside(const struct lg_read_index *x, const struct entry *e)
{
    uintptr_t last = (uintptr_t)e + sizeof(*e) - 1 + e->key_size + value_size(e);

    return ((uintptr_t)e ^ last) < x->segment_bytes;
}

/* It is what was written: before that is known, no word of it is to be trusted. Every get asks, and
 * a call would cost it a dozen instructions. */
static inline __attribute__((always_inline)) bool is_whole(const struct lg_read_index *x,
                                                           const struct entry *e)
{
    return LG_LIKELY(is_inside(x, e)) && LG_LIKELY(e->crc == crc_of(e));
}

static enum lg_rc damaged(struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_CORRUPT,
                        "the read index is damaged: its memory is not what was written");
}

static bool has_key(const struct entry *e, struct lg_slice key)
{
    return e->key_size == key.size && memcmp(e->bytes, key.data, key.size) == 0;
}

/* --- Blocks out of the budget ---------------------------------------------------------------- */

static enum lg_rc charge(struct lg_bound *budget, size_t bytes, struct lg_error *err)
{
    if (!lg_bound_take(budget, bytes))
        return lg_error_set(err, LG_ERR_BUSY,
                            "the read index needs %zu bytes more than its %llu, read_index", bytes,
                            (unsigned long long)budget->max);
    return LG_OK;
}

static void release_table(struct lg_epoch_item *item)
{
    struct table *t = LG_CONTAINER_OF(item, struct table, item);

    lg_bound_give(t->budget, t->block.size);
    lg_block_done(&t->block);
    lg_free(t);
}

static enum lg_rc table_new(struct lg_bound *budget, uint64_t rows, struct table **out,
                            struct lg_error *err)
{
    uint64_t lines = LG_MAX(rows / ROWS_WANTED + 1, (uint64_t)LINES_MIN);
    size_t bytes = (size_t)lines * LG_BLOCK_LINE_BYTES;
    struct lg_block block;
    struct table *t;
    enum lg_rc rc;

    if (lines > LINES_MAX)
        return lg_error_set(err, LG_ERR_BUSY, "a read index of %llu rows has too many",
                            (unsigned long long)rows);
    rc = charge(budget, bytes, err);
    if (rc != LG_OK)
        return rc;
    rc = lg_block_init(&block, bytes, LG_BLOCK_LINE_BYTES, err);
    if (rc != LG_OK) {
        lg_bound_give(budget, bytes);
        return rc;
    }
    lg_block_want_huge(&block);
    t = lg_new(struct table);
    *t = (struct table){.item = {.release = release_table},
                        .block = block,
                        .budget = budget,
                        .slots = block.data,
                        .lines = (uint32_t)lines};
    *out = t;
    return LG_OK;
}

static void release_segment(struct lg_epoch_item *item)
{
    struct segment *s = LG_CONTAINER_OF(item, struct segment, item);
    struct lg_block block = s->block;

    lg_bound_give(s->budget, s->charged);
    lg_block_done(&block);
}

static enum lg_rc segment_new(struct lg_read_index *x, struct segment **out, struct lg_error *err)
{
    bool is_huge = x->segment_count >= SEGMENTS_BEFORE_HUGE;
    size_t charged = is_huge ? x->segment_bytes : LG_MIN(CHARGE_BYTES, x->segment_bytes);
    enum lg_rc rc = charge(x->budget, charged, err);
    struct lg_block block;
    struct segment *s;

    if (rc != LG_OK)
        return rc;
    rc = lg_block_init(&block, x->segment_bytes, x->segment_bytes, err);
    if (rc != LG_OK) {
        lg_bound_give(x->budget, charged);
        return rc;
    }
    if (is_huge)
        lg_block_want_huge(&block);
    s = block.data;
    *s = (struct segment){.item = {.release = release_segment},
                          .block = block,
                          .budget = x->budget,
                          .at = sizeof(*s),
                          .charged = charged};
    x->stats.bytes += charged;
    *out = s;
    return LG_OK;
}

static struct segment *segment_of(const struct lg_read_index *x, const struct entry *e)
{
    return (struct segment *)((uintptr_t)e & ~(uintptr_t)(x->segment_bytes - 1));
}

/* --- Searching ------------------------------------------------------------------------------- */

/* The line after this one; the last is followed by the first. */
static size_t next_line(const struct table *t, size_t line)
{
    return line + 1 == t->lines ? 0 : line + 1;
}

/* The slot of a key, or NULL; then `*out_room` is where it may be put. Only the writer asks. An
 * entry that is damaged is found for every key of its tag: it may be that one's. */
static uint64_t *find(const struct lg_read_index *x, uint64_t hash, struct lg_slice key,
                      uint64_t **out_room)
{
    const struct table *t = x->table;
    size_t line = first_line(t, (uint32_t)hash);

    *out_room = NULL;
    for (;; line = next_line(t, line)) {
        uint64_t *slots = t->slots + line * LINE_SLOTS;

        for (size_t i = 0; i < LINE_SLOTS; i++) {
            if (!is_entry(slots[i]) && *out_room == NULL)
                *out_room = &slots[i];
            if (slots[i] == EMPTY)
                return NULL;
            if (is_entry(slots[i]) && slots[i] >> TAG_SHIFT == tag_of(hash) &&
                (!is_whole(x, entry_of(slots[i])) || has_key(entry_of(slots[i]), key)))
                return &slots[i];
        }
    }
}

/* The slot that leads to this entry, or NULL: it is dead. */
static uint64_t *slot_to(const struct table *t, const struct entry *e)
{
    size_t line = first_line(t, e->hash);

    for (;; line = next_line(t, line)) {
        uint64_t *slots = t->slots + line * LINE_SLOTS;

        for (size_t i = 0; i < LINE_SLOTS; i++) {
            if (slots[i] == EMPTY)
                return NULL;
            if (is_entry(slots[i]) && entry_of(slots[i]) == e)
                return &slots[i];
        }
    }
}

static void publish(uint64_t *slot, uint64_t word)
{
    lg_word_store(slot, word);
}

/* --- Growing --------------------------------------------------------------------------------- */

static void copy_slot(struct table *to, uint64_t slot)
{
    size_t line = first_line(to, entry_of(slot)->hash);

    for (;; line = next_line(to, line)) {
        uint64_t *slots = to->slots + line * LINE_SLOTS;

        for (size_t i = 0; i < LINE_SLOTS; i++)
            if (slots[i] == EMPTY) {
                slots[i] = slot; /* Nobody sees this table yet. */
                return;
            }
    }
}

/* Another table for the rows there are and half as many more, without the slots that were emptied.
 * Under a hash that is damaged a row would not be found any more. */
static enum lg_rc rebuild(struct lg_read_index *x, struct lg_error *err)
{
    struct table *old = x->table, *t;
    enum lg_rc rc = table_new(x->budget, x->stats.rows + x->stats.rows / 2 + 1, &t, err);

    if (rc != LG_OK)
        return rc;
    for (size_t i = 0; i < (size_t)old->lines * LINE_SLOTS; i++) {
        if (!is_entry(old->slots[i]))
            continue;
        if (!is_whole(x, entry_of(old->slots[i]))) {
            release_table(&t->item);
            return damaged(err);
        }
        copy_slot(t, old->slots[i]);
    }
    x->used = x->stats.rows;
    x->stats.bytes += t->block.size;
    x->stats.bytes -= old->block.size;
    lg_pointer_store(&x->table, t);
    lg_epoch_retire(x->epoch, &old->item);
    return LG_OK;
}

/* --- Segments -------------------------------------------------------------------------------- */

static enum lg_rc add_segment(struct lg_read_index *x, struct lg_error *err)
{
    struct segment *s;
    enum lg_rc rc = segment_new(x, &s, err);

    if (rc != LG_OK)
        return rc;
    s->next = x->segments;
    x->segments = s;
    x->segment_count++;
    return LG_OK;
}

static bool has_room(const struct lg_read_index *x, size_t bytes)
{
    return x->segments != NULL && bytes <= x->segment_bytes - x->segments->at;
}

/* Memory for an entry, at the end of the newest segment. */
static enum lg_rc append(struct lg_read_index *x, size_t bytes, struct entry **out,
                         struct lg_error *err)
{
    enum lg_rc rc = has_room(x, bytes) ? LG_OK : add_segment(x, err);
    struct segment *s = x->segments;

    while (rc == LG_OK && s->at + bytes > s->charged) {
        size_t more = LG_MIN(CHARGE_BYTES, x->segment_bytes - s->charged);

        rc = charge(x->budget, more, err);
        if (rc == LG_OK) {
            s->charged += more;
            x->stats.bytes += more;
        }
    }
    if (rc != LG_OK)
        return rc;
    *out = (struct entry *)(void *)((uint8_t *)s + s->at);
    s->at += bytes;
    s->alive += bytes;
    return LG_OK;
}

/* Moves what is alive to the newest segment. What fails half-way leaves both halves findable. */
static enum lg_rc evacuate(struct lg_read_index *x, struct segment *s, struct lg_error *err)
{
    size_t bytes;

    for (size_t at = sizeof(*s); at < s->at; at += bytes) {
        const struct entry *e = (const struct entry *)(const void *)((const uint8_t *)s + at);
        struct entry *copy;
        uint64_t *slot;

        if (!is_whole(x, e)) /* A dead one, too: where does the next one begin? */
            return damaged(err);
        bytes = size_of(e);
        slot = slot_to(x->table, e);
        if (slot == NULL)
            continue;
        if (append(x, bytes, &copy, err) != LG_OK)
            return err->rc;
        memcpy(copy, e, bytes);
        publish(slot, (*slot >> TAG_SHIFT) << TAG_SHIFT | (uintptr_t)copy);
        s->alive -= bytes;
        x->stats.moved++;
    }
    return s->alive == 0 ? LG_OK : damaged(err);
}

static void drop_segment(struct lg_read_index *x, struct segment *s)
{
    struct segment **at = &x->segments;

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    x->segment_count--;
    x->stats.bytes -= s->charged;
    lg_epoch_retire(x->epoch, &s->item);
}

/* Frees the segment with the least alive, if it is worth it. */
static enum lg_rc clean(struct lg_read_index *x, struct lg_error *err)
{
    struct segment *least = NULL;
    enum lg_rc rc;

    if (x->segments == NULL)
        return LG_OK;
    for (struct segment *s = x->segments->next; s != NULL; s = s->next)
        if (s->alive <= s->at / ALIVE_DEN * ALIVE_NUM && (least == NULL || s->alive < least->alive))
            least = s;
    if (least == NULL)
        return LG_OK;
    rc = evacuate(x, least, err);
    if (rc == LG_OK)
        drop_segment(x, least);
    return rc;
}

/* --- The writer ------------------------------------------------------------------------------ */

enum lg_rc lg_read_index_new(const struct lg_read_index_options *o, struct lg_read_index **out,
                             struct lg_error *err)
{
    size_t segment_bytes = o->segment_bytes == 0 ? LG_READ_INDEX_SEGMENT_BYTES : o->segment_bytes;
    struct lg_read_index *x;
    struct table *t;
    enum lg_rc rc;

    assert((segment_bytes & (segment_bytes - 1)) == 0 &&
           segment_bytes >= LG_READ_INDEX_SEGMENT_MIN_BYTES);
    rc = table_new(o->budget, o->rows, &t, err);
    if (rc != LG_OK)
        return rc;
    x = lg_new(struct lg_read_index);
    *x = (struct lg_read_index){.epoch = o->epoch,
                                .budget = o->budget,
                                .seed = o->seed,
                                .table = t,
                                .segment_bytes = segment_bytes,
                                .stats = {.bytes = t->block.size}};
    *out = x;
    return LG_OK;
}

static void release_index(struct lg_epoch_item *item)
{
    lg_free(LG_CONTAINER_OF(item, struct lg_read_index, item));
}

void lg_read_index_retire(struct lg_read_index *take_x)
{
    struct lg_read_index *x = take_x;

    if (x == NULL)
        return;
    while (x->segments != NULL)
        drop_segment(x, x->segments);
    lg_epoch_retire(x->epoch, &x->table->item);
    x->item.release = release_index;
    lg_epoch_retire(x->epoch, &x->item);
}

/* It is whole. */
static void forget(struct lg_read_index *x, const struct entry *e)
{
    segment_of(x, e)->alive -= size_of(e);
    x->stats.elsewhere -= e->value_size == ELSEWHERE;
}

static enum lg_rc make_room(struct lg_read_index *x, size_t bytes, struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    if (x->stats.rows >= LG_READ_INDEX_ROWS_MAX)
        return lg_error_set(err, LG_ERR_BUSY, "a read index holds at most %llu rows",
                            (unsigned long long)LG_READ_INDEX_ROWS_MAX);
    if (x->used >= (uint64_t)x->table->lines * ROWS_MAX)
        rc = rebuild(x, err);
    if (rc == LG_OK && !has_room(x, bytes)) {
        rc = add_segment(x, err);
        if (rc == LG_OK)
            rc = clean(x, err);
    }
    return rc;
}

static enum lg_rc put(struct lg_read_index *x, struct lg_slice key, struct lg_slice value,
                      bool is_elsewhere, struct lg_error *err)
{
    size_t bytes = entry_bytes(key.size, value.size);
    uint64_t hash, *slot, *room;
    struct entry *e;
    enum lg_rc rc;

    if (key.size > LG_READ_INDEX_KEY_MAX)
        return LG_OK;
    rc = make_room(x, bytes, err);
    if (rc == LG_OK)
        rc = append(x, bytes, &e, err);
    if (rc != LG_OK)
        return rc;
    hash = lg_hash64(key.data, key.size, x->seed);
    *e = (struct entry){.hash = (uint32_t)hash,
                        .key_size = (uint16_t)key.size,
                        .value_size = is_elsewhere ? ELSEWHERE : (uint16_t)value.size};
    if (key.size != 0)
        memcpy(e->bytes, key.data, key.size);
    if (value.size != 0)
        memcpy(e->bytes + key.size, value.data, value.size);
    e->crc = crc_of(e);
    slot = find(x, hash, key, &room);
    if (slot != NULL) {
        if (!is_whole(x, entry_of(*slot)))
            return damaged(err);
        forget(x, entry_of(*slot));
    } else {
        slot = room;
        x->used += *slot == EMPTY;
        x->stats.rows++;
    }
    publish(slot, slot_of(hash, e));
    x->stats.elsewhere += is_elsewhere;
    return LG_OK;
}

enum lg_rc lg_read_index_put(struct lg_read_index *x, struct lg_slice key, struct lg_slice value,
                             struct lg_error *err)
{
    bool is_elsewhere = value.size > LG_READ_INDEX_VALUE_MAX;

    return put(x, key, is_elsewhere ? LG_SLICE_NULL : value, is_elsewhere, err);
}

enum lg_rc lg_read_index_put_elsewhere(struct lg_read_index *x, struct lg_slice key,
                                       struct lg_error *err)
{
    return put(x, key, LG_SLICE_NULL, true, err);
}

void lg_read_index_remove(struct lg_read_index *x, struct lg_slice key)
{
    uint64_t *slot, *room;

    if (key.size > LG_READ_INDEX_KEY_MAX)
        return;
    slot = find(x, lg_hash64(key.data, key.size, x->seed), key, &room);
    if (slot == NULL || !is_whole(x, entry_of(*slot)))
        return;
    forget(x, entry_of(*slot));
    x->stats.rows--;
    publish(slot, REMOVED);
}

struct lg_read_index_stats lg_read_index_stats(const struct lg_read_index *x)
{
    return x->stats;
}

/* --- Readers --------------------------------------------------------------------------------- */

/* Where the key's search begins comes into the cache. */
static void begin(struct lg_read_index_get *g)
{
    const struct table *t;

    g->value = LG_SLICE_NULL;
    g->entry = NULL;
    g->rc = LG_ERR_WOULD_BLOCK;
    if (g->key.size > LG_READ_INDEX_KEY_MAX)
        return;
    t = lg_pointer_load(&g->index->table);
    g->rc = LG_OK;
    g->table = t;
    g->hash = lg_hash64(g->key.data, g->key.size, g->index->seed);
    __builtin_prefetch(line_at(t, first_line(t, (uint32_t)g->hash)));
}

/* The first entry that may be the key's comes into the cache: it is, but for one in 65,536. */
static void look(struct lg_read_index_get *g)
{
    const struct table *t = g->table;
    size_t line;

    if (g->rc != LG_OK)
        return;
    for (line = first_line(t, (uint32_t)g->hash);; line = next_line(t, line))
        for (size_t i = 0; i < LINE_SLOTS; i++) {
            uint64_t slot = lg_word_load(line_at(t, line) + i);

            if (slot == EMPTY) {
                g->rc = LG_ERR_NOT_FOUND;
                return;
            }
            if (slot >> TAG_SHIFT != tag_of(g->hash) || !is_entry(slot))
                continue;
            g->entry = entry_of(slot);
            __builtin_prefetch(g->entry);
            __builtin_prefetch((const uint8_t *)g->entry + LG_BLOCK_LINE_BYTES);
            return;
        }
}

/* Another key has the same tag: all entries of the search are compared. One that is damaged may be
 * the one that is searched for. */
static enum lg_rc search(const struct lg_read_index_get *g, const struct entry **out)
{
    const struct table *t = g->table;
    size_t line;

    for (line = first_line(t, (uint32_t)g->hash);; line = next_line(t, line))
        for (size_t i = 0; i < LINE_SLOTS; i++) {
            uint64_t slot = lg_word_load(line_at(t, line) + i);

            if (slot == EMPTY)
                return LG_ERR_NOT_FOUND;
            if (!is_entry(slot) || slot >> TAG_SHIFT != tag_of(g->hash))
                continue;
            *out = entry_of(slot);
            if (!is_whole(g->index, *out))
                return LG_ERR_CORRUPT;
            if (has_key(*out, g->key))
                return LG_OK;
        }
}

static void finish(struct lg_read_index_get *g)
{
    const struct entry *e = g->entry;

    if (g->rc != LG_OK)
        return;
    if (LG_UNLIKELY(!is_whole(g->index, e)))
        g->rc = LG_ERR_CORRUPT;
    else if (LG_UNLIKELY(!has_key(e, g->key)))
        g->rc = search(g, &e);
    if (g->rc != LG_OK)
        return;
    if (e->value_size == ELSEWHERE)
        g->rc = LG_ERR_WOULD_BLOCK;
    else
        g->value = lg_slice(e->bytes + e->key_size, e->value_size);
}

void lg_read_index_get(struct lg_read_index_get *gets, size_t n)
{
    for (size_t at = 0; at < n; at += GROUP) {
        size_t end = LG_MIN(n, at + GROUP);

        for (size_t i = at; i < end; i++)
            begin(&gets[i]);
        for (size_t i = at; i < end; i++)
            look(&gets[i]);
        for (size_t i = at; i < end; i++)
            finish(&gets[i]);
    }
}
