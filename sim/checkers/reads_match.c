/* Each answer holds the data of exactly one version, the one it names; a router goes back to an
 * older version only when somebody asked for a rollback; a read fails only when something is
 * broken. */
#include "sim/checkers/checkers.h"

#define ME "reads_match"

/* The push that made a version, learned from what is read when nobody saw the number before. */
static unsigned push_of(struct lg_history *h, unsigned store, int32_t version, unsigned seen)
{
    struct lg_sim_store *s = &h->stores[store];

    if (s->push_of[version] == 0 && seen != 0 && h->pushes[seen].version == 0 &&
        h->pushes[seen].store == store) {
        s->push_of[version] = seen;
        h->pushes[seen].version = version;
    }
    return s->push_of[version];
}

/* What is found under one key must be what the version's push wrote. */
static void check_value(struct lg_history *h, const struct lg_check_read *r, unsigned key,
                        const struct lg_json *value)
{
    struct lg_error err = {0};
    unsigned seen = lg_history_push_of_value(value, key, &err), expected;

    if (seen == 0) {
        lg_history_violate(h, ME, "store '%s' at router %u: %s", lg_history_store_name(r->store),
                           r->router, err.text);
        return;
    }
    expected = push_of(h, r->store, r->version, seen);
    if (seen != expected)
        lg_history_violate(
            h, ME,
            "store '%s' at router %u: key %u of version %d has the value of push %u; "
            "the version is of push %u",
            lg_history_store_name(r->store), r->router, key, r->version, seen, expected);
}

static void check_missing(struct lg_history *h, const struct lg_check_read *r, unsigned key)
{
    unsigned expected = h->stores[r->store].push_of[r->version];

    if (expected != 0 && lg_history_has_row(expected, key))
        lg_history_violate(h, ME,
                           "store '%s' at router %u: key %u of version %d (push %u) is not found",
                           lg_history_store_name(r->store), r->router, key, r->version, expected);
}

/* A 404 does not say the version: some version must lack the key. */
static void check_missing_one(struct lg_history *h, const struct lg_check_read *r)
{
    for (unsigned i = 1; i <= h->push_count; i++)
        if (h->pushes[i].store == r->store && !lg_history_has_row(i, r->keys[0]))
            return;
    lg_history_violate(h, ME, "store '%s' at router %u: key %u, which every version has, is absent",
                       lg_history_store_name(r->store), r->router, r->keys[0]);
}

static void check_order(struct lg_history *h, const struct lg_check_read *r)
{
    struct lg_sim_store *s = &h->stores[r->store];
    int32_t before = s->served[r->router];

    if (r->version < before && before > s->rolled_back_max)
        lg_history_violate(
            h, ME,
            "router %u answered version %d of store '%s' and then version %d, though "
            "nobody rolled back",
            r->router, before, lg_history_store_name(r->store), r->version);
    if (r->version < s->acked && s->acked > s->rolled_back_max && r->begun_us > s->acked_us &&
        !r->excused)
        lg_history_violate(
            h, ME,
            "router %u answered version %d of store '%s' after the push of version %d "
            "was acknowledged",
            r->router, r->version, lg_history_store_name(r->store), s->acked);
    s->served[r->router] = r->version;
}

static void check_many(struct lg_history *h, const struct lg_check_read *r)
{
    const struct lg_json *results = lg_json_get(r->body, "results");

    if (lg_json_size(results) != r->key_count) {
        lg_history_violate(h, ME, "store '%s' at router %u: %zu keys were asked, %zu answered",
                           lg_history_store_name(r->store), r->router, r->key_count,
                           lg_json_size(results));
        return;
    }
    for (size_t i = 0; i < r->key_count; i++) {
        const struct lg_json *one = lg_json_at(results, i);

        if (lg_json_get_int(one, "key", -1) != r->keys[i])
            lg_history_violate(h, ME, "store '%s' at router %u: key %u was asked, %lld answered",
                               lg_history_store_name(r->store), r->router, r->keys[i],
                               (long long)lg_json_get_int(one, "key", -1));
        else if (lg_json_get_bool(one, "found", false))
            check_value(h, r, r->keys[i], lg_json_get(one, "value"));
        else
            check_missing(h, r, r->keys[i]);
    }
}

static void check_failed(struct lg_history *h, const struct lg_check_read *r)
{
    const struct lg_sim_store *s = &h->stores[r->store];

    h->reads_failed++;
    if (r->excused || lg_check_is_away(h, r->store, r->begun_us) || s->served_since_us == 0 ||
        r->begun_us <= s->served_since_us || lg_check_is_thin(h, r->store, r->router, r->begun_us))
        return;
    lg_history_violate(h, ME,
                       "a read of store '%s' at router %u failed though nothing is broken: status "
                       "%d, %s",
                       lg_history_store_name(r->store), r->router, r->status, r->reason);
}

void lg_check_read(struct lg_history *h, const struct lg_check_read *r)
{
    h->reads++;
    lg_check_quota_read(h, r);
    if (r->status == 429)
        return; /* Judged there. */
    if ((r->status == 200 || (r->status == 404 && r->single)) && !r->excused)
        lg_check_served(h, r->store, r->router, r->begun_us);
    if (r->status == 404 && r->single) {
        check_missing_one(h, r);
        return;
    }
    if (r->status != 200) {
        check_failed(h, r);
        return;
    }
    if (r->version < 1 || r->version >= LG_HISTORY_VERSIONS_MAX) {
        lg_history_violate(h, ME, "store '%s' at router %u answered version %d",
                           lg_history_store_name(r->store), r->router, r->version);
        return;
    }
    check_order(h, r);
    if (r->single)
        check_value(h, r, r->keys[0], r->body);
    else
        check_many(h, r);
}
