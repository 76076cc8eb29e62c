/* Memory of one request: many small allocations, freed all at once by whoever made the arena. */
#ifndef LG_BASE_ARENA_H
#define LG_BASE_ARENA_H

#include "base/base.h"

struct lg_arena;

/* `limit` bytes at most over its life (0: 64 MiB). */
struct lg_arena *lg_arena_new(size_t limit);
void lg_arena_free(struct lg_arena *arena); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_arena, lg_arena_free)
/* Forgets all allocations, keeps one chunk for the next request. */
void lg_arena_reset(struct lg_arena *arena);
/* 16-byte aligned, undefined contents; NULL past the limit. */
void *lg_arena_alloc(struct lg_arena *arena, size_t size) LG_MUST_CHECK;
void *lg_arena_zalloc(struct lg_arena *arena, size_t size) LG_MUST_CHECK;
/* Copies; NULL past the limit. The string has a NUL. */
uint8_t *lg_arena_copy(struct lg_arena *arena, struct lg_slice s) LG_MUST_CHECK;
char *lg_arena_str(struct lg_arena *arena, struct lg_slice s) LG_MUST_CHECK;
char *lg_arena_strf(struct lg_arena *arena, const char *fmt, ...) LG_PRINTF(2, 3) LG_MUST_CHECK;
size_t lg_arena_bytes(const struct lg_arena *arena);

#endif
