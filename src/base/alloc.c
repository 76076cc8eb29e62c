/* Memory: malloc with a header in front of every block. Any lane; a domain belongs to one thread.
 *
 * Every block has a 16-byte tag (its domain and its size), so that a block made before any domain
 * existed can be freed inside one, and the other way round. Only a block of a domain has the links
 * of the domain's list in front of that tag; the blocks of production share nothing, need no lock
 * and cost 16 bytes, which malloc's alignment would take anyway half of the time.
 *
 *   no domain:              [tag][payload]
 *   domain:        [links][tag][payload]
 */
#include "base/alloc.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc_fail.h"
#include "base/asan.h"
#include "base/list.h"

/* No single block is larger: sizes stay addable without overflow. */
#define LG_ALLOC_SIZE_MAX ((size_t)PTRDIFF_MAX - 64)

struct tag {
    struct lg_alloc_domain *domain; /* NULL: none */
    size_t size;                    /* of the payload */
};

struct lg_alloc_domain {
    struct lg_list blocks; /* Of `links`, oldest first. */
    size_t bytes;
};

_Static_assert(sizeof(struct tag) == 16, "the payload must stay aligned to 16");
_Static_assert(sizeof(struct lg_list) == 16, "the payload must stay aligned to 16");

static _Thread_local struct lg_alloc_domain *current;

static uint64_t fails_in; /* Atomic: so many allocations on, one fails; 0: not armed. */
static bool has_failed;   /* Atomic. */

void lg_alloc_fail_at(uint64_t nth)
{
    __atomic_store_n(&has_failed, false, __ATOMIC_RELAXED);
    __atomic_store_n(&fails_in, nth, __ATOMIC_RELAXED);
}

bool lg_alloc_has_failed(void)
{
    return __atomic_load_n(&has_failed, __ATOMIC_RELAXED);
}

static bool must_fail(void)
{
    if (LG_LIKELY(__atomic_load_n(&fails_in, __ATOMIC_RELAXED) == 0) ||
        __atomic_sub_fetch(&fails_in, 1, __ATOMIC_RELAXED) != 0)
        return false;
    __atomic_store_n(&has_failed, true, __ATOMIC_RELAXED);
    return true;
}

static LG_NORETURN void exhausted(size_t size)
{
    fprintf(stderr, "lagoon: memory is exhausted (%zu bytes asked for); give the process more\n",
            size);
    abort();
}

static struct tag *tag_of(void *payload)
{
    struct tag *tag = (struct tag *)payload - 1;

    lg_asan_unpoison(tag, sizeof(*tag));
    return tag;
}

/* The tag is out of bounds for everybody else: an underflow of the payload is found by ASan. */
static void *payload_of(struct tag *tag)
{
    void *payload = tag + 1;

    lg_asan_poison(tag, sizeof(*tag));
    return payload;
}

static struct lg_list *links_of(struct tag *tag)
{
    return (struct lg_list *)(void *)tag - 1;
}

static size_t prefix_size(const struct lg_alloc_domain *domain)
{
    return sizeof(struct tag) + (domain == NULL ? 0 : sizeof(struct lg_list));
}

/* What malloc returned for this block. */
static void *base_of(struct tag *tag)
{
    return tag->domain == NULL ? (void *)tag : (void *)links_of(tag);
}

/* NULL when memory is exhausted. */
static void *try_alloc(size_t size, bool zeroed)
{
    struct lg_alloc_domain *domain = current;
    struct tag *tag;
    void *base;

    if (size > LG_ALLOC_SIZE_MAX || must_fail())
        return NULL;
    base = zeroed ? calloc(1, prefix_size(domain) + size) : malloc(prefix_size(domain) + size);
    if (base == NULL)
        return NULL;
    if (LG_LIKELY(domain == NULL)) {
        tag = base;
    } else {
        tag = (struct tag *)((struct lg_list *)base + 1);
        lg_list_push_back(&domain->blocks, base);
        domain->bytes += size;
    }
    tag->domain = domain;
    tag->size = size;
    return payload_of(tag);
}

void *lg_alloc(size_t size)
{
    void *p = try_alloc(size, false);

    if (LG_UNLIKELY(p == NULL))
        exhausted(size);
    return p;
}

void *lg_zalloc(size_t size)
{
    void *p = try_alloc(size, true);

    if (LG_UNLIKELY(p == NULL))
        exhausted(size);
    return p;
}

void *lg_try_alloc(size_t size)
{
    return try_alloc(size, false);
}

void *lg_zalloc_array(size_t n, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(n, size, &total))
        exhausted(SIZE_MAX);
    return lg_zalloc(total);
}

/* The block stays in the domain it was made in, whichever is current. */
void *lg_realloc(void *p, size_t size)
{
    struct lg_alloc_domain *domain;
    struct lg_list *before = NULL;
    struct tag *tag;
    void *base;

    if (p == NULL)
        return lg_alloc(size);
    if (size > LG_ALLOC_SIZE_MAX || must_fail())
        exhausted(size);
    tag = tag_of(p);
    domain = tag->domain;
    if (domain != NULL) {
        before = links_of(tag)->prev;
        lg_list_remove(links_of(tag));
        domain->bytes -= tag->size;
    }
    base = realloc(base_of(tag), prefix_size(domain) + size);
    if (base == NULL)
        exhausted(size);
    if (domain == NULL) {
        tag = base;
    } else {
        tag = (struct tag *)((struct lg_list *)base + 1);
        lg_list_push_front(before, base);
        domain->bytes += size;
    }
    tag->size = size;
    return payload_of(tag);
}

void lg_free(void *p)
{
    struct tag *tag;

    if (p == NULL)
        return;
    tag = tag_of(p);
    if (LG_UNLIKELY(tag->domain != NULL)) {
        lg_list_remove(links_of(tag));
        tag->domain->bytes -= tag->size;
    }
    free(base_of(tag));
}

char *lg_strdup(const char *s)
{
    return lg_strndup(s, strlen(s));
}

char *lg_strndup(const char *s, size_t n)
{
    char *copy = lg_alloc(n + 1);

    if (n > 0)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

/* The domain itself comes from malloc: it must survive its own wipe and belong to no other. */
struct lg_alloc_domain *lg_alloc_domain_new(void)
{
    struct lg_alloc_domain *domain = calloc(1, sizeof(*domain));

    if (domain == NULL)
        exhausted(sizeof(*domain));
    lg_list_init(&domain->blocks);
    return domain;
}

bool lg_alloc_in_domain(void)
{
    return current != NULL;
}

struct lg_alloc_domain *lg_alloc_domain_enter(struct lg_alloc_domain *domain)
{
    struct lg_alloc_domain *before = current;

    current = domain;
    return before;
}

void lg_alloc_domain_wipe(struct lg_alloc_domain *domain)
{
    struct lg_list *links;

    while ((links = lg_list_pop_front(&domain->blocks)) != NULL)
        free(links);
    domain->bytes = 0;
}

void lg_alloc_domain_free(struct lg_alloc_domain *domain)
{
    if (domain == NULL)
        return;
    assert(current != domain);
    lg_alloc_domain_wipe(domain);
    free(domain);
}

size_t lg_alloc_domain_bytes(const struct lg_alloc_domain *domain)
{
    return domain->bytes;
}

void lg_alloc_keep_freed(size_t bytes)
{
    int limit = (int)LG_MIN(bytes, (size_t)1 << 30);

    (void)mallopt(M_TRIM_THRESHOLD, limit);
    (void)mallopt(M_MMAP_THRESHOLD, LG_MIN(limit / 8, 32 << 20)); /* glibc takes no more. */
}

void lg_alloc_return_freed(void)
{
    (void)malloc_trim(0);
}
