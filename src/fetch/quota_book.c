#include "fetch/quota_book.h"

#include "base/log.h"
#include "base/map.h"
#include "lane/mutant.h"

struct entry {
    uint32_t resource;
    uint64_t round;
};

struct lg_quota_book {
    struct lg_quota *quota;
    struct lg_map *entries;
    uint64_t round;
    bool told; /* that there are too many */
};

struct lg_quota_book *lg_quota_book_new(struct lg_quota *quota)
{
    struct lg_quota_book *b = lg_new(struct lg_quota_book);

    b->quota = quota;
    b->entries = lg_map_new();
    return b;
}

void lg_quota_book_free(struct lg_quota_book *b)
{
    struct lg_slice name;
    size_t at = 0;
    void *value;

    if (b == NULL)
        return;
    while (lg_map_next(b->entries, &at, &name, &value))
        lg_free(lg_map_remove(b->entries, name));
    lg_map_free(b->entries);
    lg_free(b);
}

void lg_quota_book_begin(struct lg_quota_book *b)
{
    b->round++;
}

static struct entry *add(struct lg_quota_book *b, struct lg_slice name)
{
    struct lg_error err;
    struct entry *e;
    uint32_t resource;

    if (lg_quota_add(b->quota, &resource, &err) != LG_OK) {
        if (!b->told)
            lg_log(LG_LOG_WARN, "read_quota_ignored", "of=%.*s reason=\"%s\"", LG_FMT(name),
                   err.text);
        b->told = true;
        return NULL;
    }
    e = lg_new(struct entry);
    e->resource = resource;
    (void)lg_map_put(b->entries, name, e);
    return e;
}

uint32_t lg_quota_book_set(struct lg_quota_book *b, struct lg_slice name,
                           const struct lg_bucket_limit *limit, uint64_t now_us)
{
    struct entry *e = lg_map_get(b->entries, name);
    bool is_new = e == NULL;

    if (is_new)
        e = add(b, name);
    if (e == NULL)
        return LG_QUOTA_NONE;
    e->round = b->round;
    if (is_new || !lg_mutant(LG_MUTANT_read_quota_never_changes))
        lg_quota_limit(b->quota, e->resource, limit, now_us);
    return e->resource;
}

void lg_quota_book_end(struct lg_quota_book *b, void (*dropped)(void *ctx, struct lg_slice name),
                       void *ctx)
{
    struct lg_slice name;
    size_t at = 0;
    void *value;

    while (lg_map_next(b->entries, &at, &name, &value)) {
        struct entry *e = value;

        if (e->round == b->round)
            continue;
        if (dropped != NULL)
            dropped(ctx, name);
        lg_quota_drop(b->quota, e->resource);
        lg_free(lg_map_remove(b->entries, name));
        b->told = false;
    }
}

uint32_t lg_quota_book_find(const struct lg_quota_book *b, struct lg_slice name)
{
    const struct entry *e = lg_map_get(b->entries, name);

    return e == NULL ? LG_QUOTA_NONE : e->resource;
}
