/* Every push ends, by success or by failure that leaves nothing behind; version numbers are never
 * used twice; no push is refused for what its data look like, for they are good. */
#include "sim/checkers/checkers.h"

#define ME "pushes_complete"

void lg_check_push_version(struct lg_history *h, unsigned push, int32_t version)
{
    struct lg_sim_push *p = &h->pushes[push];
    struct lg_sim_store *s = &h->stores[p->store];

    if (version <= 0 || version == p->version)
        return;
    if (version >= LG_HISTORY_VERSIONS_MAX) {
        lg_history_violate(h, ME, "push %u of store '%s' was given the version %d", push,
                           lg_history_store_name(p->store), version);
        return;
    }
    /* A version that was dropped and forgotten before the pusher came back is made anew. */
    if (p->version != 0 && !p->resumed)
        lg_history_violate(h, ME, "push %u of store '%s' had version %d and then %d", push,
                           lg_history_store_name(p->store), p->version, version);
    if (version <= s->version_max && s->push_of[version] != push)
        lg_history_violate(
            h, ME,
            "push %u of store '%s' was given version %d, though version %d was given "
            "out before: a number is used twice",
            push, lg_history_store_name(p->store), version, s->version_max);
    p->version = version;
    s->push_of[version] = push;
    s->version_max = LG_MAX(s->version_max, version);
}

void lg_check_push_ended(struct lg_history *h, unsigned push, const struct lg_error *err,
                         uint64_t now_us)
{
    struct lg_sim_push *p = &h->pushes[push];
    struct lg_sim_store *s = &h->stores[p->store];

    p->state = err->rc == LG_OK ? LG_SIM_PUSH_ACKED : LG_SIM_PUSH_FAILED;
    h->refused += err->rc == LG_ERR_TOO_LARGE;
    if (err->rc == LG_OK && lg_history_is_large(push) && s->configured &&
        p->store != LG_HISTORY_COMPRESSED)
        lg_history_violate(h, ME, "push %u of store '%s' is over the quota and was taken in", push,
                           lg_history_store_name(p->store));
    if (err->rc == LG_ERR_TOO_LARGE &&
        (!lg_history_is_large(push) || p->store == LG_HISTORY_COMPRESSED))
        lg_history_violate(h, ME, "push %u of store '%s' is within the quota and was refused: %s",
                           push, lg_history_store_name(p->store), err->text);
    if (err->rc == LG_OK && p->deferred) {
        h->acked++;
        return; /* Nobody is to see it. */
    }
    if (err->rc == LG_OK) {
        h->acked++;
        s->acked = p->version;
        s->acked_us = now_us;
        if (s->served_since_us == 0)
            s->served_since_us = now_us;
        return;
    }
    if (h->clocks_differ && strstr(err->text, "push.timeout.ms") != NULL)
        return; /* For the next leader's clock it has gone on for a day. */
    /* Faults make a push late or cut it off; they never make its records wrong. */
    if (err->rc == LG_ERR_FAILED || err->rc == LG_ERR_BAD_DATA || err->rc == LG_ERR_CORRUPT)
        lg_history_violate(h, ME, "push %u of store '%s' failed for its data: %s", push,
                           lg_history_store_name(p->store), err->text);
}

void lg_check_pushes_settled(struct lg_history *h, unsigned store, const struct lg_json *info)
{
    const struct lg_json *versions = lg_json_get(info, "versions");

    for (size_t i = 0; i < lg_json_size(versions); i++) {
        const struct lg_json *v = lg_json_at(versions, i);
        const char *status = lg_json_get_str(v, "status", "");

        if (strcmp(status, "STARTED") == 0 || strcmp(status, "ERROR") == 0 ||
            strcmp(status, "KILLED") == 0)
            lg_history_violate(h, ME, "version %lld of store '%s' is still %s at the end",
                               (long long)lg_json_get_int(v, "number", 0),
                               lg_history_store_name(store), status);
    }
    for (unsigned i = 1; i <= h->push_count; i++)
        if (h->pushes[i].store == store && h->pushes[i].state == LG_SIM_PUSH_RUNNING &&
            !h->pushes[i].abandoned)
            lg_history_violate(h, ME, "push %u of store '%s' has not ended", i,
                               lg_history_store_name(store));
}
