/* What was acknowledged stays: stores, versions, the current version, through every power cut. The
 * current version never goes back but by a rollback that was asked. */
#include "sim/checkers/checkers.h"

#define ME "nothing_lost"

struct seen { /* One answer of the controller. */
    int32_t current;
    struct lg_sim_version versions[LG_HISTORY_VERSIONS_MAX];
};

static void read_info(struct seen *seen, const struct lg_json *info)
{
    const struct lg_json *versions = lg_json_get(info, "versions");

    seen->current = (int32_t)lg_json_get_int(info, "currentVersion", 0);
    for (size_t i = 0; i < lg_json_size(versions); i++) {
        const struct lg_json *v = lg_json_at(versions, i);
        int64_t number = lg_json_get_int(v, "number", 0);
        const char *status = lg_json_get_str(v, "status", "");
        struct lg_sim_version *to;

        if (number < 1 || number >= LG_HISTORY_VERSIONS_MAX)
            continue;
        to = &seen->versions[number];
        to->known = true;
        if (strcmp(status, "ONLINE") == 0)
            to->status = LG_SIM_VERSION_ONLINE;
        else if (strcmp(status, "ROLLED_BACK") == 0)
            to->status = LG_SIM_VERSION_ROLLED_BACK;
        else if (strcmp(status, "PUSHED") == 0)
            to->status = LG_SIM_VERSION_PUSHED;
    }
}

/* The newest version below the current one that a rollback may go to. */
static int32_t rollback_target(const struct lg_sim_store *s)
{
    for (int32_t v = s->current - 1; v > 0; v--)
        if (s->versions[v].known && s->versions[v].status == LG_SIM_VERSION_ONLINE)
            return v;
    return 0;
}

/* What the last rollback left; else the newest version above. */
static int32_t rollforward_target(const struct lg_sim_store *s)
{
    int32_t newest = 0;

    for (int32_t v = s->current + 1; v < LG_HISTORY_VERSIONS_MAX; v++) {
        if (!s->versions[v].known || s->versions[v].status == LG_SIM_VERSION_OTHER)
            continue; /* One that waits for its swap counts, as in Venice. */
        if (s->versions[v].status == LG_SIM_VERSION_ROLLED_BACK)
            return v;
        newest = v;
    }
    return newest;
}

/* Pushes that their pusher left may still complete. */
static bool may_be_of_abandoned(const struct lg_history *h, unsigned store, int32_t version)
{
    for (unsigned i = 1; i <= h->push_count; i++) {
        const struct lg_sim_push *p = &h->pushes[i];

        if (p->store == store && p->abandoned && (p->version == version || p->version == 0))
            return true;
    }
    return false;
}

static void check_current(struct lg_history *h, unsigned store, const struct seen *seen,
                          enum lg_check_asked asked, int32_t version)
{
    const struct lg_sim_store *s = &h->stores[store];
    int32_t expected = s->current;

    if (asked == LG_CHECK_UNKNOWN) {
        if (seen->current < s->current && s->current > s->rolled_back_max)
            lg_history_violate(h, ME,
                               "the current version of store '%s' went from %d back to %d, though "
                               "nobody rolled back",
                               lg_history_store_name(store), s->current, seen->current);
        return;
    }
    if (asked == LG_CHECK_PUSH || asked == LG_CHECK_SWAP)
        expected = version;
    else if (asked == LG_CHECK_ROLLBACK)
        expected = rollback_target(s);
    else if (asked == LG_CHECK_ROLLFORWARD)
        expected = rollforward_target(s);
    if (seen->current == expected ||
        (seen->current > expected && may_be_of_abandoned(h, store, seen->current)))
        return;
    lg_history_violate(
        h, ME,
        "the current version of store '%s' is %d; it was %d, and after %s it must be "
        "%d",
        lg_history_store_name(store), seen->current, s->current,
        asked == LG_CHECK_PUSH          ? "an acknowledged push"
        : asked == LG_CHECK_ROLLBACK    ? "a rollback"
        : asked == LG_CHECK_ROLLFORWARD ? "a roll-forward"
        : asked == LG_CHECK_SWAP        ? "a swap"
                                        : "nothing at all",
        expected);
}

/* Beside the current version the two newest that one could switch to stay. */
static void check_kept(struct lg_history *h, unsigned store, const struct seen *seen)
{
    const struct lg_sim_store *s = &h->stores[store];

    for (int32_t v = 1; v < LG_HISTORY_VERSIONS_MAX; v++) {
        int newer = 0;

        if (!s->versions[v].known || s->versions[v].status != LG_SIM_VERSION_ONLINE ||
            seen->versions[v].known)
            continue;
        for (int32_t w = v + 1; w < LG_HISTORY_VERSIONS_MAX; w++)
            newer += seen->versions[w].known && w != seen->current &&
                     (seen->versions[w].status == LG_SIM_VERSION_ONLINE ||
                      seen->versions[w].status == LG_SIM_VERSION_ROLLED_BACK);
        if (newer < 2 && v > s->rolled_back_max)
            lg_history_violate(
                h, ME,
                "version %d of store '%s' is gone, though beside the current version "
                "%d only %d newer ones are kept",
                v, lg_history_store_name(store), seen->current, newer);
    }
}

/* What waits for its swap goes only when a newer version took its place. */
static void check_waiting(struct lg_history *h, unsigned store, const struct seen *seen)
{
    const struct lg_sim_store *s = &h->stores[store];

    for (int32_t v = seen->current + 1; v < LG_HISTORY_VERSIONS_MAX; v++) {
        bool newer = false;

        if (!s->versions[v].known || s->versions[v].status != LG_SIM_VERSION_PUSHED ||
            seen->versions[v].known || s->current > v)
            continue;
        /* The newer one may be gone itself by now: swapped in and rolled back. */
        for (int32_t w = v + 1; w < LG_HISTORY_VERSIONS_MAX; w++)
            newer = newer ||
                    (seen->versions[w].known && seen->versions[w].status != LG_SIM_VERSION_OTHER);
        if (!newer && seen->current >= s->current && v > s->rolled_back_max)
            lg_history_violate(
                h, ME,
                "version %d of store '%s', which waits for its swap, is gone, though "
                "version %d is current and none took its place",
                v, lg_history_store_name(store), seen->current);
    }
}

/* Backups stay for their delay after a switch, however many there are. */
static void check_delay(struct lg_history *h, unsigned store, const struct seen *seen,
                        uint64_t now_us)
{
    const struct lg_sim_store *s = &h->stores[store];
    int64_t delay_ms = LG_HISTORY_RETENTION_MS(store);

    if (!s->configured || delay_ms < 0 || h->clocks_differ || seen->current != s->current ||
        now_us >= s->switched_us + (uint64_t)delay_ms * 1000)
        return;
    for (int32_t v = 1; v < LG_HISTORY_VERSIONS_MAX; v++)
        if (s->versions[v].known && s->versions[v].status == LG_SIM_VERSION_ONLINE &&
            !seen->versions[v].known)
            lg_history_violate(h, ME,
                               "version %d of store '%s' is gone less than %lld ms after version "
                               "%d became current",
                               v, lg_history_store_name(store), (long long)delay_ms, seen->current);
}

void lg_check_store_seen(struct lg_history *h, unsigned store, const struct lg_json *info,
                         enum lg_check_asked asked, int32_t version, uint64_t begun_us,
                         uint64_t now_us)
{
    struct lg_sim_store *s = &h->stores[store];
    struct seen *seen = lg_new(struct seen);

    read_info(seen, info);
    check_current(h, store, seen, asked, version);
    check_kept(h, store, seen);
    check_waiting(h, store, seen);
    check_delay(h, store, seen, now_us);
    if (seen->current != 0 && (!seen->versions[seen->current].known ||
                               seen->versions[seen->current].status != LG_SIM_VERSION_ONLINE))
        lg_history_violate(h, ME, "version %d of store '%s' is current and not ONLINE",
                           seen->current, lg_history_store_name(store));
    if (seen->current != 0 && s->push_of[seen->current] != 0 &&
        !h->pushes[s->push_of[seen->current]].written)
        lg_history_violate(h, ME, "version %d of store '%s' is current, and push %u never wrote it",
                           seen->current, lg_history_store_name(store), s->push_of[seen->current]);
    if (seen->current != s->current)
        s->switched_us = s->seen_us; /* Then the other one was current still. */
    s->seen_us = begun_us;
    s->current = seen->current;
    memcpy(s->versions, seen->versions, sizeof s->versions);
    lg_free(seen);
}

void lg_check_store_missing(struct lg_history *h, unsigned store, const char *reason)
{
    if (h->stores[store].created)
        lg_history_violate(h, ME, "store '%s' was acknowledged and is gone: %s",
                           lg_history_store_name(store), reason);
}

void lg_check_opened(struct lg_history *h, const char *node, const struct lg_error *err)
{
    if (err->rc != LG_OK)
        lg_history_violate(h, ME, "%s does not start again: %s", node, err->text);
}
