/* The life of a store: what was deleted is not served, what was brought back is as it was, what was
 * acknowledged of its settings and schemas stays. */
#include "sim/checkers/checkers.h"

#include <stdio.h>

#define ME "store_life"

void lg_check_served(struct lg_history *h, unsigned store, unsigned router, uint64_t begun_us)
{
    const struct lg_sim_store *s = &h->stores[store];

    if (s->deleted && begun_us > s->deleted_us + LG_CHECK_HEARD_US)
        lg_history_violate(h, ME, "router %u serves store '%s', which was deleted", router,
                           lg_history_store_name(store));
}

bool lg_check_is_away(const struct lg_history *h, unsigned store, uint64_t begun_us)
{
    const struct lg_sim_store *s = &h->stores[store];

    return s->away || (s->back_us != 0 && begun_us < s->back_us + LG_CHECK_HEARD_US);
}

void lg_check_life_seen(struct lg_history *h, unsigned store, const struct lg_json *info)
{
    const struct lg_sim_store *s = &h->stores[store];
    char owner[32];

    if (info == NULL)
        return;
    if (s->deleted)
        lg_history_violate(h, ME, "store '%s' was deleted and is there again, though nobody asked",
                           lg_history_store_name(store));
    (void)snprintf(owner, sizeof owner, "owner-%u", s->owner);
    if (!s->owner_unknown && s->owner != 0 &&
        strcmp(lg_json_get_str(info, "owner", ""), owner) != 0)
        lg_history_violate(h, ME, "the owner of store '%s' is %s; acknowledged was %s",
                           lg_history_store_name(store), lg_json_get_str(info, "owner", ""), owner);
}

void lg_check_life_failed(struct lg_history *h, unsigned store, const char *what,
                          const struct lg_error *err)
{
    lg_history_violate(h, ME, "store '%s' could not be %s: %s", lg_history_store_name(store), what,
                       err->text);
}

void lg_check_schema_added(struct lg_history *h, unsigned store, unsigned more, int64_t id,
                           bool is_new)
{
    struct lg_sim_store *s = &h->stores[store];

    if (id != (int64_t)more + 1)
        lg_history_violate(h, ME, "value schema %u of store '%s' has the id %lld", more + 1,
                           lg_history_store_name(store), (long long)id);
    if (is_new && more <= s->schemas)
        lg_history_violate(h, ME, "value schema %u of store '%s' was acknowledged and is forgotten",
                           more + 1, lg_history_store_name(store));
    s->schemas = LG_MAX(s->schemas, more);
}
