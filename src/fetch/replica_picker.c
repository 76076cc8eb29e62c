#include "fetch/replica_picker.h"

static bool was_tried(const struct lg_host *host, const struct lg_host *const *tried, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (tried[i] == host)
            return true;
    return false;
}

/* Is `a` a better choice than `b`? */
static bool better(const struct lg_host *a, const struct lg_host *b, uint64_t now_us)
{
    bool a_avoided = lg_host_avoided(a, now_us), b_avoided = lg_host_avoided(b, now_us);

    if (a_avoided != b_avoided)
        return b_avoided;
    if (a->pending != b->pending)
        return a->pending < b->pending;
    return a->last_sent < b->last_sent;
}

struct lg_host *lg_replica_pick(struct lg_host *const *hosts, size_t count,
                                const struct lg_host *const *tried, size_t tried_count,
                                uint64_t now_us)
{
    struct lg_host *best = NULL;

    for (size_t i = 0; i < count; i++)
        if (!was_tried(hosts[i], tried, tried_count) &&
            (best == NULL || better(hosts[i], best, now_us)))
            best = hosts[i];
    return best;
}
