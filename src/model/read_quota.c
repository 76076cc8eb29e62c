/* Venice computes a server's part in floating point and rounds up, so that a third of 18,000 may
 * become 6,001; here it is exact. */
#include "model/read_quota.h"

#include "lane/mutant.h"

#define ONE ((uint64_t)232792560) /* The least number that 1 to 20 divide. */

static unsigned __int128 ceil_div(unsigned __int128 n, unsigned __int128 by)
{
    return (n + by - 1) / by;
}

void lg_read_share_add(struct lg_read_share *s, uint32_t ready, bool mine)
{
    assert(!mine || ready > 0);
    s->partitions++;
    if (mine)
        s->parts += ceil_div(ONE, ready);
}

bool lg_read_quota_of_server(int64_t quota, const struct lg_read_share *share,
                             struct lg_bucket_limit *out)
{
    const uint64_t seconds = LG_READ_QUOTA_INTERVAL_MS / 1000;
    const unsigned __int128 most = LG_BUCKET_RATE_MAX * seconds;
    unsigned __int128 all = (unsigned __int128)ONE * share->partitions, ours, saved;

    if (quota < 0 || share->parts == 0)
        return false;
    if (lg_mutant(LG_MUTANT_read_quota_server_takes_all))
        all = share->parts;
    ours = (unsigned __int128)quota * seconds * share->parts;
    saved = ceil_div(LG_READ_QUOTA_CAPACITY_MULTIPLE * ours, all);
    *out = (struct lg_bucket_limit){
        .refill = (uint64_t)LG_MIN(ceil_div(ours, all), most),
        .interval_us = (uint64_t)LG_READ_QUOTA_INTERVAL_MS * 1000,
        .capacity = (uint64_t)LG_MIN(saved, LG_READ_QUOTA_CAPACITY_MULTIPLE * most)};
    return true;
}

bool lg_read_quota_of_node(uint64_t rcu_per_second, struct lg_bucket_limit *out)
{
    static const struct lg_read_share whole = {.parts = ONE, .partitions = 1};

    return rcu_per_second > 0 &&
           lg_read_quota_of_server((int64_t)LG_MIN(rcu_per_second, LG_BUCKET_RATE_MAX), &whole,
                                   out);
}

bool lg_read_quota_of_router(int64_t quota, const struct lg_read_routers *routers,
                             struct lg_bucket_limit *out)
{
    uint64_t part, ideal;

    if (quota < 0 || routers->live == 0)
        return false;
    part = (uint64_t)quota / (lg_mutant(LG_MUTANT_read_quota_not_shared) ? 1 : routers->live);
    part = LG_MAX(part, (uint64_t)LG_READ_QUOTA_ROUTER_MIN);
    ideal = (uint64_t)LG_MAX(routers->quota_total, (int64_t)0) / routers->live;
    if (routers->capacity > 0 && ideal > (uint64_t)routers->capacity)
        part = (uint64_t)((unsigned __int128)part * (uint64_t)routers->capacity / ideal);
    part = LG_MIN(LG_MAX(part, (uint64_t)1), LG_BUCKET_RATE_MAX);
    part *= 1 + routers->buffer_percent / 100;
    part = LG_MIN(part, LG_BUCKET_RATE_MAX);
    *out = (struct lg_bucket_limit){.refill = part,
                                    .interval_us = 1000000,
                                    .capacity = part * (LG_READ_QUOTA_ROUTER_WINDOW_MS / 1000)};
    return true;
}
