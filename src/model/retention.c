/* Which versions stay. One pass over the versions decides about all of them; there are few. */
#include "model/retention.h"

#include "lane/mutant.h"

const char *lg_retention_word(enum lg_retention_reason reason)
{
    static const char *const words[] = {
#define X(name, word, text) [name] = word,
        LG_RETENTION_TABLE(X)
#undef X
    };

    return words[reason];
}

const char *lg_retention_text(enum lg_retention_reason reason)
{
    static const char *const texts[] = {
#define X(name, word, text) [name] = text,
        LG_RETENTION_TABLE(X)
#undef X
    };

    return texts[reason];
}

/* What is the same for all versions of a store. */
struct plan {
    const struct lg_store *store;
    int32_t undo;        /* what undoes the last rollback; 0: none */
    int32_t oldest_kept; /* of the backups that are counted */
    int32_t waiting;     /* the newest that waits for its swap; 0: none */
    int64_t delayed_until_ms;
    int64_t now_ms;
};

/* Counts as one of the backups that are kept: something one could still switch to. */
static bool is_backup(const struct lg_store *s, const struct lg_version *v)
{
    if (v->number == s->current_version)
        return false;
    return v->status == LG_VERSION_ONLINE || v->status == LG_VERSION_PARTIALLY_ONLINE ||
           (v->status == LG_VERSION_ROLLED_BACK && v->number > s->current_version);
}

/* When the delay after the last switch ends. A clock that was set back lengthens nothing beyond the
 * delay itself. */
static int64_t delay_end(const struct lg_store *s, const struct lg_retention_rule *rule)
{
    int64_t delay = s->backup_retention_ms >= 0 ? s->backup_retention_ms : rule->delay_ms;
    int64_t since = LG_MIN(s->latest_version_promote_to_current_ms, rule->now_ms);

    if (lg_mutant(LG_MUTANT_retention_forgotten))
        delay = 0;
    return delay > INT64_MAX - since ? INT64_MAX : since + delay;
}

static struct plan plan_of(const struct lg_store *s, const struct lg_retention_rule *rule)
{
    struct plan plan = {
        .store = s,
        .oldest_kept = INT32_MAX,
        .undo = lg_store_rollforward_target(s),
        .delayed_until_ms = delay_end(s, rule),
        .now_ms = rule->now_ms,
    };
    int32_t keep =
        s->num_versions_to_preserve > 0 ? s->num_versions_to_preserve - 1 : rule->keep_backups;

    if (lg_mutant(LG_MUTANT_retire_keeps_one))
        keep = LG_MIN(keep, 1);
    if (plan.undo != 0 && lg_store_version(s, plan.undo)->status == LG_VERSION_PUSHED)
        plan.undo = 0; /* No rollback left it: it waits for its swap. */
    if (plan.undo != 0)
        keep--;
    for (size_t i = s->versions.size; i > 0; i--) { /* The newest first. */
        const struct lg_version *v = &s->versions.data[i - 1];

        if (v->status == LG_VERSION_PUSHED && v->number > s->current_version && plan.waiting == 0)
            plan.waiting = v->number;
        if (keep > 0 && is_backup(s, v) && v->number != plan.undo) {
            plan.oldest_kept = v->number;
            keep--;
        }
    }
    if (lg_mutant(LG_MUTANT_waiting_version_retired))
        plan.waiting = 0;
    return plan;
}

static struct lg_retention decide(const struct plan *plan, const struct lg_version *v)
{
    struct lg_retention r = {.reason = LG_RETENTION_NONE};
    bool counts = is_backup(plan->store, v);

    if (v->number == plan->store->current_version)
        r.reason = LG_RETENTION_CURRENT;
    else if (v->status == LG_VERSION_STARTED)
        r.reason = LG_RETENTION_PUSHING;
    else if (v->number == plan->waiting)
        r.reason = LG_RETENTION_WAITING;
    else if (v->number == plan->undo)
        r.reason = LG_RETENTION_UNDO;
    else if (counts && v->number >= plan->oldest_kept)
        r.reason = LG_RETENTION_BACKUP;
    else if ((counts || v->status == LG_VERSION_PUSHED) && plan->now_ms < plan->delayed_until_ms) {
        r.reason = LG_RETENTION_DELAY;
        r.until_ms = plan->delayed_until_ms;
    }
    return r;
}

struct lg_retention lg_retention_of(const struct lg_store *s, int32_t number,
                                    const struct lg_retention_rule *rule)
{
    struct plan plan = plan_of(s, rule);
    const struct lg_version *v = lg_store_version(s, number);

    return v == NULL ? (struct lg_retention){0} : decide(&plan, v);
}

size_t lg_retention_expired(const struct lg_store *s, const struct lg_retention_rule *rule,
                            int32_t *out, size_t max)
{
    struct plan plan = plan_of(s, rule);
    size_t n = 0;

    for (size_t i = 0; i < s->versions.size && n < max; i++)
        if (decide(&plan, &s->versions.data[i]).reason == LG_RETENTION_NONE)
            out[n++] = s->versions.data[i].number;
    return n;
}
