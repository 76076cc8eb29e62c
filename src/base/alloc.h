/* Memory. A small allocation that fails aborts (ADR 0003); a size that came from outside is checked
 * against a named limit by its caller first, or asked for with lg_try_alloc.
 *
 * Domains: the simulator kills a process by freeing everything that process ever allocated. It
 * enters a domain before it runs a node's code; every allocation made meanwhile is linked into that
 * domain. Production never enters one, and pays one predictable branch.
 */
#ifndef LG_BASE_ALLOC_H
#define LG_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

/* `size` bytes, contents undefined. Never NULL: aborts when memory is exhausted. size 0 is allowed.
 */
void *lg_alloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
/* The same, zeroed. */
void *lg_zalloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
/* Grows or shrinks; `p` may be NULL. Never NULL. */
void *lg_realloc(void *p, size_t size) __attribute__((returns_nonnull, warn_unused_result));
/* NULL when memory is exhausted: for sizes that came from outside. */
void *lg_try_alloc(size_t size) __attribute__((malloc, alloc_size(1), warn_unused_result));
/* NULL is allowed. */
void lg_free(void *p);

#define lg_new(type) ((type *)lg_zalloc(sizeof(type)))
#define lg_new_array(type, n) ((type *)lg_zalloc_array((n), sizeof(type)))
/* n * size bytes, zeroed; aborts on overflow of the product. */
void *lg_zalloc_array(size_t n, size_t size) __attribute__((malloc, returns_nonnull));

/* Heap copy of a NUL-terminated string, or of `n` bytes with a NUL appended. */
char *lg_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *lg_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));

static inline void lg_str_autop(char **s)
{
    lg_free(*s);
}

/* For processes that move many large buffers: about so many freed bytes stay with the process
 * instead of going to the operating system and coming back as pages to be cleared. At its start,
 * once. */
void lg_alloc_keep_freed(size_t bytes);
/* Gives all of them back after all: of use when nothing has moved for a while. Any thread; takes
 * some milliseconds. */
void lg_alloc_return_freed(void);

/* --- Domains: simulator only. ---------------------------------------------------------------- */
struct lg_alloc_domain;
struct lg_alloc_domain *lg_alloc_domain_new(void);
/* Makes `domain` (NULL: none) current on this thread; returns the one before. */
struct lg_alloc_domain *lg_alloc_domain_enter(struct lg_alloc_domain *domain);
/* Is one current on this thread? */
bool lg_alloc_in_domain(void);
/* Frees every allocation that is still alive in the domain, as the end of a process would. */
void lg_alloc_domain_wipe(struct lg_alloc_domain *domain);
/* Wipes and frees the domain itself. NULL is allowed. */
void lg_alloc_domain_free(struct lg_alloc_domain *domain);
/* Bytes alive in the domain. */
size_t lg_alloc_domain_bytes(const struct lg_alloc_domain *domain);

#endif
