#include "drivers/nghttp2/h2_pool.h"

#include "base/asan.h"

#define NO_SIZE LG_NGHTTP2_POOL_SIZES /* A block that is larger than any that waits. */

struct lg_nghttp2_block {
    struct lg_nghttp2_block *next; /* While it waits. */
    size_t bytes;                  /* of the payload */
    uint8_t payload[];
};
_Static_assert(offsetof(struct lg_nghttp2_block, payload) == 16, "payloads are aligned to 16");

static size_t bytes_of(size_t size)
{
    return LG_NGHTTP2_POOL_LEAST << size;
}

/* The least that is enough. */
static size_t size_for(size_t bytes)
{
    static const uint8_t sizes[] = {0, 1, 2, 2, 3, 3, 3, 3}; /* by the number of the least */
    _Static_assert(LG_ARRAY_SIZE(sizes) == 1u << (LG_NGHTTP2_POOL_SIZES - 1), "all sizes");
    size_t least = (bytes - 1) / LG_NGHTTP2_POOL_LEAST; /* Of no bytes: more than any. */

    return LG_LIKELY(least < LG_ARRAY_SIZE(sizes)) ? sizes[least] : NO_SIZE;
}

static struct lg_nghttp2_block *block_of(void *payload)
{
    return LG_CONTAINER_OF(payload, struct lg_nghttp2_block, payload);
}

/* Not inlined: `take` would save registers for it each time. */
static __attribute__((noinline)) void *take_new(size_t bytes, size_t size)
{
    struct lg_nghttp2_block *b;

    bytes = size == NO_SIZE ? bytes : bytes_of(size);
    b = lg_alloc(sizeof *b + bytes);
    b->bytes = bytes;
    return b->payload;
}

static void *take(size_t bytes, void *user)
{
    struct lg_nghttp2_pool *p = user;
    size_t size = size_for(bytes);
    struct lg_nghttp2_block *b;

    if (LG_LIKELY(size != NO_SIZE && p->free[size] != NULL)) {
        b = p->free[size];
        p->free[size] = b->next;
        p->kept[size]--;
        lg_asan_unpoison(b->payload, b->bytes);
        return b->payload;
    }
    return take_new(bytes, size);
}

static void give(void *payload, void *user)
{
    struct lg_nghttp2_pool *p = user;
    struct lg_nghttp2_block *b;
    size_t size;

    if (payload == NULL)
        return;
    b = block_of(payload);
    size = size_for(b->bytes);
    if (LG_UNLIKELY(size == NO_SIZE || p->kept[size] == LG_NGHTTP2_POOL_KEPT_MAX)) {
        lg_free(b);
        return;
    }
    lg_asan_poison(b->payload, b->bytes);
    b->next = p->free[size];
    p->free[size] = b;
    p->kept[size]++;
}

static void *take_zeroed(size_t n, size_t bytes, void *user)
{
    size_t all;
    void *payload;

    if (__builtin_mul_overflow(n, bytes, &all))
        return NULL;
    payload = take(all, user);
    memset(payload, 0, all);
    return payload;
}

static void *resize(void *payload, size_t bytes, void *user)
{
    void *larger;

    if (payload != NULL && bytes <= block_of(payload)->bytes)
        return payload;
    larger = take(bytes, user);
    if (payload != NULL)
        memcpy(larger, payload, block_of(payload)->bytes);
    give(payload, user);
    return larger;
}

void lg_nghttp2_pool_init(struct lg_nghttp2_pool *p)
{
    *p = (struct lg_nghttp2_pool){.mem = {p, take, give, take_zeroed, resize}};
}

void lg_nghttp2_pool_done(struct lg_nghttp2_pool *p)
{
    for (size_t size = 0; size < LG_NGHTTP2_POOL_SIZES; size++) {
        struct lg_nghttp2_block *b;

        while ((b = p->free[size]) != NULL) {
            p->free[size] = b->next;
            lg_asan_unpoison(b->payload, b->bytes);
            lg_free(b);
        }
        p->kept[size] = 0;
    }
}
