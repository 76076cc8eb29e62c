/* Memory of one request: chunks that are filled from the front. Owned by whoever made the arena;
 * not for two threads.
 *
 * Chunks double, so that a large request costs few mallocs; an allocation that does not fit into
 * the newest chunk starts another, and the rest of the old one is lost until the reset.
 */
#include "base/arena.h"

#include <stdio.h>

#include "base/asan.h"

#define LG_ARENA_LIMIT_DEFAULT ((size_t)64 << 20)
#define LG_ARENA_CHUNK_FIRST ((size_t)4 << 10)
#define LG_ARENA_CHUNK_MAX ((size_t)256 << 10)
#define LG_ARENA_ALIGN ((size_t)16)
/* Under AddressSanitizer a poisoned gap follows each allocation. */
#define LG_ARENA_GAP (LG_ASAN ? LG_ARENA_ALIGN : 0)

struct chunk {
    struct chunk *older;
    size_t size, used; /* of `bytes` */
    _Alignas(16) uint8_t bytes[];
};

struct lg_arena {
    struct chunk *newest; /* NULL: none yet */
    size_t limit;
    size_t bytes; /* handed out, rounded up to the alignment */
};

struct lg_arena *lg_arena_new(size_t limit)
{
    struct lg_arena *arena = lg_new(struct lg_arena);

    arena->limit = limit == 0 ? LG_ARENA_LIMIT_DEFAULT : limit;
    return arena;
}

static void free_chunks(struct chunk *chunk)
{
    while (chunk != NULL) {
        struct chunk *older = chunk->older;

        lg_asan_unpoison(chunk->bytes, chunk->size);
        lg_free(chunk);
        chunk = older;
    }
}

void lg_arena_free(struct lg_arena *arena)
{
    if (arena == NULL)
        return;
    free_chunks(arena->newest);
    lg_free(arena);
}

/* Keeps the newest chunk, which is the largest but for single huge allocations; those go, so that
 * one large request does not hold its memory for ever. */
void lg_arena_reset(struct lg_arena *arena)
{
    struct chunk *kept = arena->newest;

    arena->bytes = 0;
    if (kept == NULL)
        return;
    free_chunks(kept->older);
    kept->older = NULL;
    kept->used = 0;
    lg_asan_poison(kept->bytes, kept->size);
    if (kept->size > LG_ARENA_CHUNK_MAX) {
        free_chunks(kept);
        arena->newest = NULL;
    }
}

static void add_chunk(struct lg_arena *arena, size_t need)
{
    size_t size = arena->newest == NULL ? LG_ARENA_CHUNK_FIRST
                                        : LG_MIN(arena->newest->size * 2, LG_ARENA_CHUNK_MAX);
    struct chunk *chunk;

    size = LG_MAX(size, need);
    chunk = lg_alloc(sizeof(*chunk) + size);
    chunk->older = arena->newest;
    chunk->size = size;
    chunk->used = 0;
    lg_asan_poison(chunk->bytes, size);
    arena->newest = chunk;
}

void *lg_arena_alloc(struct lg_arena *arena, size_t size)
{
    struct chunk *chunk = arena->newest;
    size_t rounded, need;
    void *p;

    if (size > arena->limit)
        return NULL;
    rounded = (LG_MAX(size, (size_t)1) + LG_ARENA_ALIGN - 1) & ~(LG_ARENA_ALIGN - 1);
    if (arena->bytes + rounded > arena->limit)
        return NULL;
    need = rounded + LG_ARENA_GAP;
    if (chunk == NULL || need > chunk->size - chunk->used) {
        add_chunk(arena, need);
        chunk = arena->newest;
    }
    p = chunk->bytes + chunk->used;
    chunk->used += need;
    arena->bytes += rounded;
    lg_asan_unpoison(p, size);
    return p;
}

void *lg_arena_zalloc(struct lg_arena *arena, size_t size)
{
    void *p = lg_arena_alloc(arena, size);

    if (p != NULL && size > 0)
        memset(p, 0, size);
    return p;
}

uint8_t *lg_arena_copy(struct lg_arena *arena, struct lg_slice s)
{
    uint8_t *copy = lg_arena_alloc(arena, s.size);

    if (copy != NULL && s.size > 0)
        memcpy(copy, s.data, s.size);
    return copy;
}

char *lg_arena_str(struct lg_arena *arena, struct lg_slice s)
{
    char *copy;

    if (s.size >= arena->limit)
        return NULL;
    copy = lg_arena_alloc(arena, s.size + 1);
    if (copy == NULL)
        return NULL;
    if (s.size > 0)
        memcpy(copy, s.data, s.size);
    copy[s.size] = '\0';
    return copy;
}

char *lg_arena_strf(struct lg_arena *arena, const char *fmt, ...)
{
    va_list args;
    char *text;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(n >= 0);
    text = lg_arena_alloc(arena, (size_t)n + 1);
    if (text == NULL)
        return NULL;
    va_start(args, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return text;
}

size_t lg_arena_bytes(const struct lg_arena *arena)
{
    return arena->bytes;
}
