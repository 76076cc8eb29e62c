/* Read quotas hold: over no window does a router or a server answer more keys than its part of a
 * store's quota allows, and no router refuses any of those that its part allows. Judged while all
 * has stayed as it is for so long that everybody knows: the quota, the store, which routers live;
 * and for servers which replicas are complete, and that their servers live.
 *
 * Venice's rules (model/read_quota.h), worked out anew, since what it says may be wrong, too. A
 * router: as large a part as every other one, no less than ROUTER_MIN, doubled by the buffer; what
 * is not used is saved up for ROUTER_S. A server: each partition's part, divided by its replicas,
 * counted for SERVER_S at a time and saved up for five times that.
 *
 * A read was counted at some moment between its begin and its answer. So `owed` is what was
 * answered beyond what came meanwhile, the most over all windows that end with the last answer; and
 * `left` is what is there at least, of a bucket that was empty when it began to be judged and from
 * which each read took as late as it could. Reads of one chain come one after the other; servers
 * are read by routers, too, so that of them nothing is known to be left. */
#include "lane/lane.h"
#include "sim/checkers/checkers.h"

#define ME "quota_holds"
#define ROUTER_MIN 5
#define ROUTER_BUFFER 2
#define ROUTER_S 30
#define SERVER_S 10
#define SERVER_TIMES 5
#define WHOLE 12                         /* What 1 to 4 replicas divide. */
#define KEY (SERVER_S * (int64_t)LG_SEC) /* So that a key per 10 s is one per microsecond. */

struct part {     /* of a read quota */
    int64_t rate; /* keys per SERVER_S */
    int64_t keys; /* that are saved up at most */
};

static struct part part_of_router(const struct lg_sim_store *s)
{
    int64_t part = LG_MAX(s->read_quota / LG_HISTORY_ROUTERS, (int64_t)ROUTER_MIN) * ROUTER_BUFFER;

    return (struct part){.rate = part * SERVER_S, .keys = part * ROUTER_S};
}

static int64_t part_up(int64_t whole, int64_t shares)
{
    int64_t all = (int64_t)WHOLE * LG_HISTORY_PARTITIONS;

    return (whole * shares + all - 1) / all;
}

static struct part part_of_server(const struct lg_sim_store *s, int64_t shares)
{
    return (struct part){.rate = part_up(s->read_quota * SERVER_S, shares),
                         .keys = part_up(s->read_quota * SERVER_S * SERVER_TIMES, shares)};
}

void lg_check_router_announced(struct lg_history *h, const char *path, uint64_t now_us)
{
    for (unsigned r = 0; r < LG_HISTORY_ROUTERS; r++) {
        char name[] = {(char)('0' + r), '_', '\0'};

        if (strncmp(path, "/routers/router", 15) == 0 && strncmp(path + 15, name, 2) == 0)
            h->routers |= 1u << r;
    }
    h->routers_us = now_us;
}

void lg_check_quota_asked(struct lg_history *h, unsigned store)
{
    h->stores[store].read_quota_known = false;
}

void lg_check_quota_set(struct lg_history *h, unsigned store, int64_t quota, uint64_t now_us)
{
    struct lg_sim_store *s = &h->stores[store];

    s->read_quota = quota;
    s->read_quota_known = true;
    s->read_quota_us = now_us;
    h->quotas++;
}

void lg_check_quota_seen(struct lg_history *h, unsigned store, const struct lg_json *info,
                         uint64_t begun_us, uint64_t now_us)
{
    struct lg_sim_store *s = &h->stores[store];
    int64_t quota = lg_json_get_int(info, "readQuotaInCU", INT64_MIN);

    if (!s->read_quota_known && s->configured && begun_us > s->read_quota_late_us)
        lg_check_quota_set(h, store, quota, now_us);
    else if (s->read_quota_known && quota != s->read_quota)
        lg_history_violate(h, ME, "the read quota of store '%s' is %lld; acknowledged was %lld",
                           lg_history_store_name(store), (long long)quota,
                           (long long)s->read_quota);
}

static void check_answered(struct lg_history *h, const struct lg_check_read *r, const char *who,
                           struct lg_sim_bucket *b, const struct part *part)
{
    int64_t alone = -part->rate * (int64_t)(r->answered_us - r->begun_us);

    b->owed = LG_MAX(b->owed, alone) + (int64_t)r->key_count * KEY;
    if (b->owed <= (part->keys + 1) * KEY) /* One may be in the making. */
        return;
    lg_history_violate(h, ME,
                       "%s %u answered %lld keys of store '%s' more than came in the same time; of "
                       "a read quota of %lld it has %lld in %d s and saves up %lld",
                       who, r->router, (long long)(b->owed / KEY), lg_history_store_name(r->store),
                       (long long)h->stores[r->store].read_quota, (long long)part->rate, SERVER_S,
                       (long long)part->keys);
}

static void check_refused(struct lg_history *h, const struct lg_check_read *r, int64_t left)
{
    if (r->store == LG_HISTORY_FAST) /* Or a server did, whose part is less. */
        return;
    if ((int64_t)r->key_count * KEY > left - KEY)
        return;
    lg_history_violate(h, ME,
                       "router %u refused %zu keys of store '%s', though at least %lld were left "
                       "of its part of a read quota of %lld",
                       r->router, r->key_count, lg_history_store_name(r->store),
                       (long long)(left / KEY), (long long)h->stores[r->store].read_quota);
}

/* Since when the quota and the store have been as they are, and everybody knows. */
static uint64_t steady_since(const struct lg_history *h, const struct lg_check_read *r)
{
    const struct lg_sim_store *s = &h->stores[r->store];
    uint64_t since_us = LG_MAX(s->read_quota_us, s->back_us);

    return !s->read_quota_known || s->away ? UINT64_MAX
                                           : LG_MAX(since_us, r->calm_us) + LG_CHECK_HEARD_US;
}

/* False: it is not judged. */
static bool is_steady(struct lg_history *h, const struct lg_check_read *r, const char *who,
                      struct lg_sim_bucket *b, uint64_t since_us)
{
    bool steady = r->begun_us >= since_us;

    h->reads_refused += r->status == 429;
    if (steady && h->stores[r->store].read_quota >= 0) {
        if (b->since_us != since_us) /* It holds nothing, or more. */
            *b = (struct lg_sim_bucket){.since_us = since_us, .at_us = LG_MAX(b->at_us, since_us)};
        h->reads_metered++;
        return true;
    }
    if (r->status == 429 && (steady || !h->read_quotas))
        lg_history_violate(h, ME, "%s %u refused a read of store '%s', which has no quota", who,
                           r->router, lg_history_store_name(r->store));
    *b = (struct lg_sim_bucket){.at_us = r->answered_us};
    return false;
}

static bool is_answered(const struct lg_check_read *r)
{
    return r->status == 200 || (r->status == 404 && r->single);
}

void lg_check_quota_read(struct lg_history *h, const struct lg_check_read *r)
{
    struct lg_sim_bucket *b = &h->stores[r->store].buckets[r->router];
    bool all_live = h->routers == (1u << LG_HISTORY_ROUTERS) - 1;
    uint64_t since_us = LG_MAX(steady_since(h, r), h->routers_us + LG_CHECK_HEARD_US), elapsed_us;
    struct part part = part_of_router(&h->stores[r->store]);
    int64_t left;

    if (!is_steady(h, r, "router", b, all_live ? since_us : UINT64_MAX))
        return;
    elapsed_us = r->begun_us - b->at_us;
    if (r->status == 429)
        check_refused(h, r, LG_MIN(b->left + part.rate * (int64_t)elapsed_us, part.keys * KEY));
    elapsed_us = r->answered_us - b->at_us;
    left = LG_MIN(b->left + part.rate * (int64_t)elapsed_us, part.keys * KEY);
    if (r->status != 429) /* One that failed may have been counted. */
        left = LG_MAX(left - (int64_t)r->key_count * KEY, (int64_t)0);
    b->owed -= part.rate * (int64_t)elapsed_us;
    if (is_answered(r))
        check_answered(h, r, "router", b, &part);
    b->left = left;
    b->at_us = r->answered_us;
}

/* How much of all partitions the server has, in parts of WHOLE; 0: nothing, or it is not known. */
static int64_t shares_of(const struct lg_sim_topic *t, unsigned server, unsigned live)
{
    int64_t shares = 0;

    for (unsigned p = 0; p < LG_HISTORY_PARTITIONS; p++) {
        int replicas = __builtin_popcount(t->told[p]);

        if ((t->told[p] & ~live) != 0 || replicas == 0 || replicas > 4)
            return 0;
        if ((t->told[p] & 1u << server) != 0)
            shares += WHOLE / replicas;
    }
    return shares;
}

void lg_check_server_read(struct lg_history *h, const struct lg_check_read *r, unsigned live)
{
    const struct lg_sim_topic *t = &h->topics[r->store][r->version];
    struct lg_sim_bucket *b = &h->server_buckets[r->router];
    int64_t shares = shares_of(t, r->router, live);
    uint64_t since_us = LG_MAX(t->told_us, h->servers_us) + LG_CHECK_HEARD_US;
    struct part part = part_of_server(&h->stores[r->store], shares);

    since_us = LG_MAX(steady_since(h, r), since_us);
    if (h->bucket_versions[r->router] != r->version) /* Each has its own. */
        *b = (struct lg_sim_bucket){.at_us = r->begun_us};
    h->bucket_versions[r->router] = r->version;
    if (!is_steady(h, r, "server", b, shares > 0 ? since_us : UINT64_MAX))
        return;
    b->owed -= part.rate * (int64_t)(r->answered_us - b->at_us);
    if (is_answered(r))
        check_answered(h, r, "server", b, &part);
    b->at_us = r->answered_us;
}
