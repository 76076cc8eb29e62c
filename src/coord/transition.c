/* One partition's next step: who leaves, who comes, who leads; in this order. */
#include "coord/transition.h"

#include "lane/mutant.h"

struct member {
    const char *id;
    struct lg_transition_view view;
    bool wanted;
};

struct step {
    struct lg_placement_partition *part;
    const char *const *wanted;
    uint32_t wanted_count;
    lg_transition_look look;
    void *ctx;
    struct member members[LG_PLACEMENT_LIST_MAX];
    uint32_t count;
    bool changed;
};

bool lg_transition_is_ready(struct lg_transition_view view)
{
    return view.live && view.reported && view.status == LG_PUSH_COMPLETED &&
           view.state != LG_REPLICA_ERROR;
}

static bool failed(const struct member *m)
{
    return m->view.reported && m->view.state == LG_REPLICA_ERROR;
}

static bool leads_still(const struct member *m)
{
    return m->view.live && m->view.reported && m->view.state == LG_REPLICA_LEADER;
}

static bool is_wanted(const struct step *s, const char *id)
{
    for (uint32_t i = 0; i < s->wanted_count; i++)
        if (strcmp(s->wanted[i], id) == 0)
            return true;
    return false;
}

static struct member *find(struct step *s, const char *id)
{
    for (uint32_t i = 0; id != NULL && i < s->count; i++)
        if (strcmp(s->members[i].id, id) == 0)
            return &s->members[i];
    return NULL;
}

static void add(struct step *s, const char *id)
{
    s->members[s->count++] = (struct member){id, s->look(s->ctx, id), is_wanted(s, id)};
}

static uint32_t ready_without(const struct step *s, uint32_t except)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->count; i++)
        n += i != except && lg_transition_is_ready(s->members[i].view);
    return n;
}

static bool all_wanted_listed(struct step *s)
{
    for (uint32_t i = 0; i < s->wanted_count; i++)
        if (find(s, s->wanted[i]) == NULL)
            return false;
    return true;
}

/* A server that is gone and not wanted serves nobody. A live one may leave when it would not be
 * missed; one that failed when those that follow it are listed, since it serves nobody either. */
static bool may_leave(struct step *s, uint32_t i)
{
    const struct member *m = &s->members[i];
    bool leads = lg_placement_leads(s->part, m->id) || leads_still(m);

    if (m->wanted)
        return false;
    if (!m->view.live)
        return true;
    if (leads)
        return false;
    if (lg_mutant(LG_MUTANT_break_before_make) && all_wanted_listed(s))
        return true;
    if (failed(m) && all_wanted_listed(s))
        return true;
    return ready_without(s, i) >= s->wanted_count;
}

static void let_go(struct step *s)
{
    for (uint32_t i = s->count; i > 0; i--) {
        if (!may_leave(s, i - 1))
            continue;
        memmove(&s->members[i - 1], &s->members[i], (s->count - i) * sizeof s->members[0]);
        s->count--;
        s->changed = true;
    }
}

/* One more than are wanted, so that a list of any length is exchanged one by one. */
static void take_in(struct step *s)
{
    for (uint32_t i = 0; i < s->wanted_count && s->count < s->wanted_count + 1; i++) {
        if (find(s, s->wanted[i]) != NULL)
            continue;
        add(s, s->wanted[i]);
        s->changed = true;
    }
}

/* In the order in which they are wanted, then the others as they stood. */
static void write_list(struct step *s)
{
    const char *ids[LG_PLACEMENT_LIST_MAX];
    uint32_t n = 0;
    bool same = s->count == s->part->count;

    for (uint32_t i = 0; i < s->wanted_count; i++)
        if (find(s, s->wanted[i]) != NULL)
            ids[n++] = find(s, s->wanted[i])->id;
    for (uint32_t i = 0; i < s->count; i++)
        if (!s->members[i].wanted)
            ids[n++] = s->members[i].id;
    for (uint32_t i = 0; same && i < n; i++)
        same = strcmp(ids[i], s->part->ids[i]) == 0;
    if (same)
        return;
    s->changed = true;
    lg_placement_set_ids(s->part, ids, n);
    /* The old names are gone. */
    for (uint32_t i = 0; i < s->count; i++)
        s->members[i] = (struct member){s->part->ids[i], s->look(s->ctx, s->part->ids[i]),
                                        is_wanted(s, s->part->ids[i])};
}

/* Who should lead: the first that is complete, wanted ones before others; else who leads; else the
 * first that is live. */
static struct member *choose(struct step *s)
{
    struct member *now = find(s, s->part->leader), *live = NULL;

    for (uint32_t i = 0; i < s->count; i++)
        if (s->members[i].wanted && lg_transition_is_ready(s->members[i].view))
            return &s->members[i];
    if (now != NULL && lg_transition_is_ready(now->view))
        return now;
    for (uint32_t i = 0; i < s->count; i++)
        if (lg_transition_is_ready(s->members[i].view))
            return &s->members[i];
    if (now != NULL && now->view.live && !failed(now))
        return now;
    for (uint32_t i = 0; i < s->count; i++) {
        struct member *m = &s->members[i];

        if (m->view.live && (live == NULL || (failed(live) && !failed(m))))
            live = m;
    }
    return live;
}

/* Has everybody else given up? Those that are gone cannot say so: their term is past. */
static bool nobody_leads_but(const struct step *s, const struct member *but)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (&s->members[i] != but && leads_still(&s->members[i]))
            return false;
    return true;
}

static void lead(struct step *s)
{
    struct lg_placement_partition *part = s->part;
    struct member *now = find(s, part->leader), *next = choose(s);
    /* A live one is not asked to give up what it has not taken up yet: it would be heard of later.
     */
    bool settled = now != NULL && leads_still(now) && now->view.term == part->term;

    if (next == now || next == NULL)
        return;
    if (now != NULL && now->view.live && !failed(now)) {
        if (lg_mutant(LG_MUTANT_leader_before_handoff)) {
            lg_placement_set_leader(part, next->id, part->term + 1);
            s->changed = true;
        } else if (settled) {
            lg_placement_set_leader(part, NULL, part->term);
            s->changed = true;
        }
        return;
    }
    if (!nobody_leads_but(s, next))
        return;
    lg_placement_set_leader(part, next->id, part->term + 1);
    s->changed = true;
}

bool lg_transition_step(struct lg_placement_partition *part, const char *const *wanted,
                        uint32_t wanted_count, lg_transition_look look, void *ctx)
{
    struct step s = {
        .part = part, .wanted = wanted, .wanted_count = wanted_count, .look = look, .ctx = ctx};

    assert(wanted_count <= LG_PLACEMENT_FACTOR_MAX);
    if (wanted_count == 0)
        return false;
    for (uint32_t i = 0; i < part->count; i++)
        add(&s, part->ids[i]);
    let_go(&s);
    take_in(&s);
    write_list(&s);
    lead(&s);
    return s.changed;
}

bool lg_transition_is_done(const struct lg_placement_partition *part, const char *const *wanted,
                           uint32_t wanted_count)
{
    if (part->count != wanted_count)
        return false;
    for (uint32_t i = 0; i < wanted_count; i++)
        if (!lg_placement_lists(part, wanted[i]))
            return false;
    return true;
}
