/* Servers and replicas: one look is
 *
 *     servers   who came, who is gone since when              /nodes/<id>
 *     wanted    where replicas should be, if servers changed   "wanted" in /assignment/<topic>
 *     steps     each partition that is not there yet           "partitions", "leaders", "terms"
 *     resets    a replica that failed begins again, once       "resets"
 *
 * and what comes of it is one change, written like any other. It is decided when it is submitted
 * and thrown away if the metadata moved before its turn came.
 */
#include "controller/placement.h"

#include "base/log.h"
#include "base/str.h"
#include "controller/core.h"
#include "controller/metrics.h"
#include "coord/assignment.h"
#include "lane/mutant.h"

#define MISSING_US LG_SEC /* An assignment that was written is known by then. */
#define TOPICS_PER_CHANGE 64u
#define BYTES_PER_CHANGE ((size_t)256 << 10) /* A write of the metastore is at most about 1 MB. */

struct plan {
    struct lg_controller *c;
    const struct lg_catalog_snapshot *snapshot;
    struct lg_change *change; /* NULL until something is to be written */
    size_t bytes;
    uint32_t moving;
    bool full;        /* the rest follows with the next change */
    bool looks_again; /* soon, whatever happens meanwhile */
};

static void begin_change(struct lg_change *ch);

static struct lg_change *change_of(struct plan *plan)
{
    if (plan->change == NULL) {
        plan->change = lg_change_new(plan->c, /* rq= */ NULL, begin_change);
        plan->change->fence = lg_election_fence(plan->c->election); /* It is decided now. */
    }
    return plan->change;
}

/* --- What is known of replicas. --------------------------------------------------------------- */

struct lg_transition_view lg_ctl_place_view(const struct lg_catalog_snapshot *s,
                                            const struct lg_catalog_topic *topic,
                                            uint32_t partition, const char *id)
{
    struct lg_transition_view view = {0};
    uint32_t instance;

    if (s == NULL || lg_catalog_instance(s, id, &instance) == NULL)
        return view;
    view.live = true;
    if (topic == NULL || partition >= topic->partition_count)
        return view;
    for (uint32_t i = 0; i < topic->partitions[partition].count; i++) {
        const struct lg_catalog_replica *r = &topic->partitions[partition].replicas[i];

        if (r->instance == instance)
            return (struct lg_transition_view){.live = true,
                                               .reported = true,
                                               .state = r->state,
                                               .status = r->status,
                                               .term = r->term};
    }
    return view;
}

uint32_t lg_ctl_place_ready(const struct lg_catalog_snapshot *s,
                            const struct lg_catalog_topic *topic, const struct lg_ctl_topic *t,
                            uint32_t partition)
{
    const struct lg_placement_partition *part = &t->placement.parts[partition];
    uint32_t n = 0;

    for (uint32_t i = 0; i < part->count; i++)
        n += lg_transition_is_ready(lg_ctl_place_view(s, topic, partition, part->ids[i]));
    return n;
}

struct look_ctx {
    const struct lg_controller *c;
    const struct lg_catalog_snapshot *snapshot;
    const struct lg_catalog_topic *topic;
    uint32_t partition;
};

static struct lg_transition_view look_at(void *ctx, const char *id)
{
    const struct look_ctx *look = ctx;
    const struct lg_ctl_node *node = lg_ctl_state_node(look->c->state, id);
    struct lg_transition_view view =
        lg_ctl_place_view(look->snapshot, look->topic, look->partition, id);

    if (node != NULL && node->record.state == LG_NODE_DRAINING)
        view.live = view.live && !lg_mutant(LG_MUTANT_drain_drops_first);
    return view;
}

uint32_t lg_ctl_place_min_active(const struct lg_controller *c, uint32_t factor)
{
    return c->o.min_active_replicas == 0 ? lg_assignment_min_active(factor)
                                         : LG_MIN(c->o.min_active_replicas, factor);
}

bool lg_ctl_place_lacks_servers(const struct lg_ctl_topic *t, uint32_t *out_partition)
{
    for (uint32_t p = 0; p < t->placement.partitions; p++) {
        *out_partition = p;
        if (t->placement.parts[p].count < lg_assignment_min_active(t->placement.factor))
            return true;
    }
    return false;
}

bool lg_ctl_place_is_current(const struct lg_controller *c, const struct lg_ctl_topic *t)
{
    const struct lg_ctl_store *entry = lg_ctl_state_store(c->state, t->store);

    return entry != NULL && entry->store->deleted_ms == 0 &&
           entry->store->current_version == t->version;
}

/* --- Servers. --------------------------------------------------------------------------------- */

static void write_node(struct plan *plan, const char *id, const struct lg_node_record *record,
                       bool gone)
{
    struct lg_node_record copy = *record;

    copy.zone = lg_strdup(record->zone);
    lg_change_write_node(change_of(plan), id, &copy, gone);
}

static void see_live(struct plan *plan, const struct lg_catalog_instance *i, int64_t now_ms)
{
    const struct lg_ctl_node *known = lg_ctl_state_node(plan->c->state, i->id);
    struct lg_node_record record = {.zone = i->zone, .first_seen_ms = now_ms};

    if (known == NULL) {
        lg_log(LG_LOG_INFO, "server_joined", "server=%s zone=%s", i->id, i->zone);
        write_node(plan, i->id, &record, /* gone= */ false);
        return;
    }
    if (known->record.gone_since_ms == 0 && strcmp(known->record.zone, i->zone) == 0)
        return;
    record.first_seen_ms = known->record.first_seen_ms;
    /* One that was removed while it was gone joins anew. */
    record.state = known->record.state == LG_NODE_REMOVED ? LG_NODE_ACTIVE : known->record.state;
    lg_log(LG_LOG_INFO, "server_back", "server=%s gone_ms=%lld", i->id,
           (long long)lg_ctl_place_gone_ms(plan->c, &known->record));
    write_node(plan, i->id, &record, /* gone= */ false);
}

/* Since when by the leaders' clock: that is not known of what an older release wrote. */
static int64_t gone_clock_ms(const struct lg_controller *c, const struct lg_node_record *r)
{
    int64_t now_ms = lg_ctl_clock_ms(c);

    return r->gone_since_ms == 0 || r->gone_clock_ms < 0 || r->gone_clock_ms > now_ms
               ? now_ms
               : r->gone_clock_ms;
}

int64_t lg_ctl_place_gone_ms(const struct lg_controller *c, const struct lg_node_record *record)
{
    return record->gone_since_ms == 0 ? 0 : lg_ctl_clock_ms(c) - gone_clock_ms(c, record);
}

static bool holds_anything(const struct lg_controller *c, const char *id)
{
    struct lg_slice key;
    void *value;

    for (size_t at = 0; lg_map_next(c->state->topics, &at, &key, &value);) {
        const struct lg_ctl_topic *t = value;

        for (uint32_t p = 0; p < t->placement.partitions; p++)
            if (lg_placement_lists(&t->placement.parts[p], id))
                return true;
    }
    return false;
}

static void see_absent(struct plan *plan, const struct lg_ctl_node *node, int64_t now_ms)
{
    struct lg_node_record record = node->record;

    if (record.state == LG_NODE_REMOVED && !holds_anything(plan->c, node->id)) {
        lg_log(LG_LOG_INFO, "server_removed", "server=%s", node->id);
        write_node(plan, node->id, &record, /* gone= */ true);
        return;
    }
    if (record.gone_since_ms != 0 && record.gone_clock_ms == gone_clock_ms(plan->c, &record))
        return;
    if (record.gone_since_ms == 0)
        lg_log(LG_LOG_WARN, "server_gone", "server=%s", node->id);
    record.gone_since_ms = now_ms;
    record.gone_clock_ms = lg_ctl_clock_ms(plan->c);
    write_node(plan, node->id, &record, /* gone= */ false);
}

static void see_servers(struct plan *plan)
{
    int64_t now_ms = (int64_t)lg_lane_wall_ms(plan->c->o.lane);
    struct lg_slice key;
    void *value;

    for (size_t i = 0; i < plan->snapshot->instances.size; i++)
        see_live(plan, &plan->snapshot->instances.data[i], now_ms);
    for (size_t at = 0; lg_map_next(plan->c->state->nodes, &at, &key, &value);) {
        const struct lg_ctl_node *node = value;

        if (lg_catalog_instance(plan->snapshot, node->id, NULL) == NULL)
            see_absent(plan, node, now_ms);
    }
}

/* --- Where replicas are wanted. --------------------------------------------------------------- */

struct where { /* The input of the assignment, and what it was made of. */
    LG_VEC(struct lg_assignment_node) nodes;
    struct lg_map *node_at; /* id -> its place + 1, as a pointer into `places` */
    uint32_t *places;
    LG_VEC(struct lg_assignment_topic) topics;
    LG_VEC(struct lg_ctl_topic *) of;
};

static bool disk_is_low(const struct lg_catalog_snapshot *s, const char *id)
{
    const struct lg_catalog_instance *i = s == NULL ? NULL : lg_catalog_instance(s, id, NULL);

    return i != NULL && i->disk_low;
}

/* Would it be complete long since, had its server room? What that says nothing of yet may be. */
static bool waits_for_room(const struct lg_catalog_snapshot *s,
                           const struct lg_catalog_topic *topic, uint32_t partition, const char *id)
{
    struct lg_transition_view view;

    if (!disk_is_low(s, id))
        return false;
    view = lg_ctl_place_view(s, topic, partition, id);
    return view.reported && !lg_transition_is_ready(view);
}

static void where_nodes(struct where *w, const struct lg_controller *c,
                        const struct lg_catalog_snapshot *s)
{
    struct lg_slice key;
    void *value;

    for (size_t at = 0; lg_map_next(c->state->nodes, &at, &key, &value);) {
        const struct lg_ctl_node *node = value;
        bool live = s != NULL && lg_catalog_instance(s, node->id, NULL) != NULL;

        LG_VEC_PUSH(&w->nodes, (struct lg_assignment_node){
                                   .id = node->id,
                                   .zone = node->record.zone,
                                   .live = live,
                                   .leaves = node->record.state != LG_NODE_ACTIVE,
                                   .full = disk_is_low(s, node->id),
                                   .gone_since_ms = gone_clock_ms(c, &node->record),
                               });
    }
    for (size_t i = 0; s != NULL && i < s->instances.size; i++) {
        const struct lg_catalog_instance *instance = &s->instances.data[i];

        if (lg_ctl_state_node(c->state, instance->id) == NULL)
            LG_VEC_PUSH(&w->nodes, (struct lg_assignment_node){.id = instance->id,
                                                               .zone = instance->zone,
                                                               .live = true,
                                                               .full = instance->disk_low});
    }
    w->places = lg_new_array(uint32_t, w->nodes.size);
    w->node_at = lg_map_new();
    for (uint32_t i = 0; i < w->nodes.size; i++) {
        w->places[i] = i;
        (void)lg_map_put(w->node_at, lg_slice_str(w->nodes.data[i].id), &w->places[i]);
    }
}

/* Where a partition is going to be, or is. */
static char *const *goal_of(const struct lg_placement_partition *part, uint32_t *out_count)
{
    *out_count = part->wanted_count > 0 ? part->wanted_count : part->count;
    return part->wanted_count > 0 ? part->wanted : part->ids;
}

/* What waits for room where there is none is wanted elsewhere, if anybody can take it. */
static void where_topic(struct where *w, const struct lg_catalog_snapshot *s, const char *name,
                        const struct lg_placement *placement, struct lg_ctl_topic *of)
{
    const struct lg_catalog_topic *topic =
        s == NULL ? NULL : lg_catalog_topic(s, lg_slice_str(name));
    size_t n = (size_t)placement->partitions * placement->factor;
    uint32_t *current = lg_new_array(uint32_t, n);

    for (uint32_t p = 0; p < placement->partitions; p++) {
        uint32_t count;
        char *const *ids = goal_of(&placement->parts[p], &count);

        for (uint32_t r = 0; r < placement->factor; r++) {
            const uint32_t *at = r < count && !waits_for_room(s, topic, p, ids[r])
                                     ? lg_map_get(w->node_at, lg_slice_str(ids[r]))
                                     : NULL;

            current[p * placement->factor + r] = at == NULL ? LG_ASSIGNMENT_NONE : *at;
        }
    }
    LG_VEC_PUSH(&w->topics, (struct lg_assignment_topic){.name = name,
                                                         .partitions = placement->partitions,
                                                         .factor = placement->factor,
                                                         .current = current,
                                                         .wanted = lg_new_array(uint32_t, n)});
    LG_VEC_PUSH(&w->of, of);
}

static void where_free(struct where *w)
{
    for (size_t i = 0; i < w->topics.size; i++) {
        lg_free((uint32_t *)(uintptr_t)w->topics.data[i].current);
        lg_free(w->topics.data[i].wanted);
    }
    LG_VEC_DONE(&w->nodes);
    LG_VEC_DONE(&w->topics);
    LG_VEC_DONE(&w->of);
    lg_map_free(w->node_at);
    lg_free(w->places);
}

static void where_all(struct where *w, const struct lg_controller *c,
                      const struct lg_catalog_snapshot *s)
{
    struct lg_slice key;
    void *value;

    where_nodes(w, c, s);
    for (size_t at = 0; lg_map_next(c->state->topics, &at, &key, &value);) {
        struct lg_ctl_topic *t = value;

        if (t->placement.partitions > 0) /* Else its assignment is missing or makes no sense. */
            where_topic(w, s, t->name, &t->placement, t);
    }
}

static struct lg_assignment_result where_compute(struct where *w, const struct lg_controller *c)
{
    struct lg_assignment_input in = {
        .nodes = w->nodes.data,
        .node_count = w->nodes.size,
        .topics = w->topics.data,
        .topic_count = w->topics.size,
        .now_ms = lg_ctl_clock_ms(c),
        .delay_ms = (int64_t)c->o.delay_to_rebalance_ms,
        .blink_ms = (int64_t)c->o.blink_ms,
    };

    for (size_t i = 0; i < w->topics.size; i++)
        w->topics.data[i].min_active = lg_ctl_place_min_active(c, w->topics.data[i].factor);
    return lg_assignment_compute(&in);
}

/* The answer of one partition as ids. */
static uint32_t answer_of(const struct where *w, size_t topic, uint32_t p,
                          const char *out[LG_ASSIGNMENT_FACTOR_MAX])
{
    const struct lg_assignment_topic *t = &w->topics.data[topic];
    uint32_t n = 0;

    for (uint32_t r = 0; r < t->factor; r++)
        if (t->wanted[p * t->factor + r] != LG_ASSIGNMENT_NONE)
            out[n++] = w->nodes.data[t->wanted[p * t->factor + r]].id;
    return n;
}

enum lg_rc lg_ctl_place_version(struct lg_controller *c, const char *topic,
                                const struct lg_version *v, struct lg_placement *out,
                                struct lg_error *err)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    LG_SCOPED(lg_placement) placement = {0};
    struct look_ctx look = {c, s, NULL, 0};
    struct where w = {0};
    uint64_t held = 0;
    uint32_t live = 0, factor = (uint32_t)v->replication_factor;
    enum lg_rc rc = LG_OK;

    lg_placement_init(&placement, (uint32_t)v->partition_count, factor);
    where_all(&w, c, s);
    for (size_t i = 0; i < w.topics.size; i++)
        held += (uint64_t)w.topics.data[i].partitions * w.topics.data[i].factor;
    for (size_t i = 0; i < w.nodes.size; i++)
        live += w.nodes.data[i].live && !w.nodes.data[i].leaves;
    if (live >= lg_assignment_min_active(factor)) /* Else it waits for servers. */
        rc = lg_assignment_check(live, held, placement.partitions, factor, err);
    if (rc == LG_OK && live >= lg_assignment_min_active(factor)) {
        where_topic(&w, s, topic, &placement, NULL);
        (void)where_compute(&w, c);
        for (uint32_t p = 0; p < placement.partitions; p++) {
            const char *ids[LG_ASSIGNMENT_FACTOR_MAX];
            uint32_t n = answer_of(&w, w.topics.size - 1, p, ids);

            look.partition = p;
            if (!lg_transition_step(&placement.parts[p], ids, n, look_at, &look))
                assert(n == 0);
        }
    }
    where_free(&w);
    if (rc != LG_OK)
        return rc;
    *out = placement;
    placement = (struct lg_placement){0};
    return LG_OK;
}

/* --- From where they are to where they are wanted. -------------------------------------------- */

static bool same_set(char *const *a, uint32_t a_count, const char *const *b, uint32_t b_count)
{
    uint32_t found = 0;

    for (uint32_t i = 0; a_count == b_count && i < a_count; i++)
        for (uint32_t k = 0; k < b_count; k++)
            found += strcmp(a[i], b[k]) == 0;
    return a_count == b_count && found == a_count;
}

static bool has(const char *const *list, uint32_t n, const char *id)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(list[i], id) == 0)
            return true;
    return false;
}

/* One of the partition's servers is away and keeps its replica, and none of the others must leave:
 * moving it now would only even out a load that is about to change again. */
static bool can_wait(const struct plan *plan, char *const *goal, uint32_t goal_count,
                     const char *const *wanted, uint32_t n)
{
    bool is_away = false;

    for (uint32_t i = 0; i < goal_count; i++) {
        const struct lg_ctl_node *node = lg_ctl_state_node(plan->c->state, goal[i]);
        bool live = lg_catalog_instance(plan->snapshot, goal[i], NULL) != NULL;

        if (has(wanted, n, goal[i]))
            is_away = is_away || !live;
        else if (!live || (node != NULL && node->record.state != LG_NODE_ACTIVE) ||
                 disk_is_low(plan->snapshot, goal[i]))
            return false;
    }
    return is_away && n == goal_count;
}

/* Where too few servers are left to hold all replicas, drained ones go on holding theirs until
 * others come. One that has not said COMPLETED may be so by now: only one that failed, or whose
 * server is gone, is let go. */
static uint32_t keep_irreplaceable(const struct plan *plan, const struct lg_ctl_topic *t,
                                   uint32_t p, const char **wanted, uint32_t n)
{
    const struct lg_placement_partition *part = &t->placement.parts[p];
    const struct lg_catalog_topic *topic = lg_catalog_topic(plan->snapshot, lg_slice_str(t->name));

    for (uint32_t i = 0; n > 0 && topic != NULL && i < part->count; i++) {
        const char *id = part->ids[i];
        struct lg_transition_view view;

        if (n >= t->placement.factor || has(wanted, n, id))
            continue;
        view = lg_ctl_place_view(plan->snapshot, topic, p, id);
        if (view.live && (!view.reported || view.state != LG_REPLICA_ERROR))
            wanted[n++] = id;
    }
    return n;
}

/* A live server that is not drained and holds nothing of the partition could take it. */
bool lg_ctl_place_lacks_room(const struct lg_controller *c, const struct lg_ctl_topic *t,
                             uint32_t partition, const char *id)
{
    const struct lg_placement_partition *part = &t->placement.parts[partition];
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    uint32_t goal_count;
    char *const *goal = goal_of(part, &goal_count);
    bool stays = false;

    for (uint32_t i = 0; i < goal_count; i++)
        stays = stays || strcmp(goal[i], id) == 0;
    for (size_t i = 0; stays && s != NULL && i < s->instances.size; i++) {
        const char *other = s->instances.data[i].id;
        const struct lg_ctl_node *node = lg_ctl_state_node(c->state, other);

        stays = lg_placement_lists(part, other) ||
                (node != NULL && node->record.state != LG_NODE_ACTIVE);
    }
    return stays;
}

/* A partition that has to go elsewhere, or to another leader. Only so many go at once; one that has
 * nobody yet, or is on its way already, does not wait. */
static bool set_goal(struct plan *plan, struct lg_placement_partition *part,
                     const char *const *wanted, uint32_t n)
{
    struct lg_ctl_placer *placer = &plan->c->placer;
    uint32_t goal_count;
    char *const *goal = goal_of(part, &goal_count);
    bool moves = !same_set(goal, goal_count, wanted, n);

    if (n == 0 || (!moves && strcmp(goal[0], wanted[0]) == 0))
        return false;
    if (moves && part->wanted_count == 0 && can_wait(plan, goal, goal_count, wanted, n))
        return false; /* Its server's return, or its loss, is looked at anew. */
    if (moves && part->count > 0 && part->wanted_count == 0) {
        if (plan->moving >= plan->c->o.moves_max) {
            placer->pending = true;
            return false;
        }
        plan->moving++;
        lg_metric_add(&lg_metric_controller_moves_total, 0, 1);
    }
    lg_placement_set_wanted(part, wanted, n);
    return true;
}

static bool take_step(struct plan *plan, const struct lg_ctl_topic *t,
                      struct lg_placement_partition *part, uint32_t p)
{
    struct look_ctx look = {plan->c, plan->snapshot,
                            lg_catalog_topic(plan->snapshot, lg_slice_str(t->name)), p};
    uint32_t count;
    char *const *goal = goal_of(part, &count);
    const char *ids[LG_PLACEMENT_LIST_MAX];
    bool changed;

    count = LG_MIN(count, LG_PLACEMENT_FACTOR_MAX);
    for (uint32_t i = 0; i < count; i++)
        ids[i] = goal[i];
    changed = part->wanted_count > 0 || part->count > 0;
    changed = changed && lg_transition_step(part, ids, count, look_at, &look);
    if (part->wanted_count > 0 &&
        lg_transition_is_done(part, (const char *const *)part->wanted, part->wanted_count)) {
        lg_placement_set_wanted(part, NULL, 0); /* It has arrived. */
        changed = true;
    }
    return changed;
}

/* A replica that failed begins again by itself, if others are fine and it was not tried before. */
static bool reset_failed(struct plan *plan, struct lg_ctl_topic *t, uint32_t p)
{
    const struct lg_catalog_topic *topic = lg_catalog_topic(plan->snapshot, lg_slice_str(t->name));
    const struct lg_placement_partition *part = &t->placement.parts[p];
    bool changed = false;
    uint32_t fine = 0;

    if (topic == NULL || lg_push_status_is_error(t->status) || topic->partition_count <= p)
        return false;
    for (uint32_t i = 0; i < part->count; i++) {
        struct lg_transition_view view = lg_ctl_place_view(plan->snapshot, topic, p, part->ids[i]);

        fine += view.live && view.reported && view.state != LG_REPLICA_ERROR;
    }
    for (uint32_t i = 0; fine > 0 && i < topic->partitions[p].count; i++) {
        const struct lg_catalog_replica *r = &topic->partitions[p].replicas[i];
        const char *id = plan->snapshot->instances.data[r->instance].id;
        int64_t asked = lg_placement_reset_of(&t->placement, p, id).number;
        struct lg_error err;

        if (r->state != LG_REPLICA_ERROR || !lg_placement_lists(part, id) || r->reset < asked ||
            asked >= (int64_t)plan->c->o.error_partition_auto_reset_limit)
            continue;
        if (lg_placement_reset(&t->placement, p, id, /* wipe= */ false, &err) != LG_OK) {
            lg_log(LG_LOG_WARN, "reset_refused", "topic=%s reason=\"%s\"", t->name, err.text);
            return changed;
        }
        lg_log(LG_LOG_WARN, "replica_reset", "topic=%s partition=%u server=%s", t->name, p, id);
        lg_metric_add(&lg_metric_controller_resets_total, LG_CTL_RESETS_BY_ITSELF, 1);
        changed = true;
    }
    return changed;
}

/* Somebody has removed the assignment, which only the leader does: it is written again. */
static bool is_missing(struct plan *plan, struct lg_ctl_topic *t)
{
    uint64_t now_us = lg_lane_now_us(plan->c->o.lane);

    if (t->placement.partitions == 0 || lg_catalog_topic(plan->snapshot, lg_slice_str(t->name)))
        t->missing_us = 0;
    else if (t->missing_us == 0)
        t->missing_us = now_us; /* Else it has just been made. */
    plan->looks_again = plan->looks_again || t->missing_us != 0;
    return t->missing_us != 0 && now_us - t->missing_us >= MISSING_US;
}

/* `where` is NULL when no new places are wanted. */
static void plan_topic(struct plan *plan, struct lg_ctl_topic *t, const struct where *where,
                       size_t at)
{
    struct lg_ctl_topic *after = lg_ctl_topic_copy(t);
    size_t bytes = (size_t)t->placement.partitions * (t->placement.factor + 2) * 64;
    bool changed = is_missing(plan, t);

    if (changed)
        lg_log(LG_LOG_WARN, "assignment_restored", "topic=%s", t->name);
    after->deciding = t->deciding;
    for (uint32_t p = 0; p < after->placement.partitions; p++) {
        struct lg_placement_partition *part = &after->placement.parts[p];
        const char *wanted[LG_ASSIGNMENT_FACTOR_MAX];

        if (where != NULL) {
            uint32_t n = answer_of(where, at, p, wanted);

            n = keep_irreplaceable(plan, t, p, wanted, n);
            changed = set_goal(plan, part, wanted, n) || changed;
        }
        changed = take_step(plan, t, part, p) || changed;
        changed = reset_failed(plan, after, p) || changed;
    }
    if (!changed) {
        lg_ctl_topic_free(after);
        return;
    }
    plan->bytes += bytes;
    lg_change_write_assignment(change_of(plan), after);
    plan->full = plan->bytes >= BYTES_PER_CHANGE || plan->change->topics.size >= TOPICS_PER_CHANGE;
}

static uint64_t mix(uint64_t digest, const char *text, uint64_t number)
{
    digest = (digest ^ number) * UINT64_C(1099511628211);
    for (; *text != 0; text++)
        digest = (digest ^ (uint8_t)*text) * UINT64_C(1099511628211);
    return digest;
}

/* How many replicas of a topic wait for room. */
static uint64_t count_waiting(const struct lg_catalog_snapshot *s, const struct lg_ctl_topic *t)
{
    const struct lg_catalog_topic *topic = lg_catalog_topic(s, lg_slice_str(t->name));
    uint64_t n = 0;

    for (uint32_t p = 0; p < t->placement.partitions; p++) {
        uint32_t count;
        char *const *ids = goal_of(&t->placement.parts[p], &count);

        for (uint32_t i = 0; i < count; i++)
            n += waits_for_room(s, topic, p, ids[i]);
    }
    return n;
}

/* Of all that decides where replicas are wanted, but time. */
static uint64_t digest_of(const struct lg_controller *c, const struct lg_catalog_snapshot *s)
{
    uint64_t digest = UINT64_C(14695981039346656037);
    bool any_low = false;
    struct lg_slice key;
    void *value;

    for (size_t at = 0; lg_map_next(c->state->nodes, &at, &key, &value);) {
        const struct lg_ctl_node *node = value;

        digest = mix(digest, node->id, (uint64_t)node->record.state);
        digest = mix(digest, node->record.zone, (uint64_t)node->record.gone_clock_ms);
    }
    for (size_t i = 0; i < s->instances.size; i++) {
        bool low = disk_is_low(s, s->instances.data[i].id);

        any_low = any_low || low;
        digest = mix(digest, s->instances.data[i].id, low ? 3 : 1);
    }
    for (size_t at = 0; lg_map_next(c->state->topics, &at, &key, &value);) {
        const struct lg_ctl_topic *t = value;

        digest = mix(digest, t->name, any_low ? 4 + count_waiting(s, t) : 2);
    }
    return digest;
}

static uint32_t count_moving(const struct lg_controller *c)
{
    struct lg_slice key;
    void *value;
    uint32_t n = 0;

    for (size_t at = 0; lg_map_next(c->state->topics, &at, &key, &value);) {
        const struct lg_ctl_topic *t = value;

        for (uint32_t p = 0; p < t->placement.partitions; p++)
            n += t->placement.parts[p].wanted_count > 0;
    }
    return n;
}

/* A new leader lets everybody announce himself before it moves anything. */
static bool may_move(const struct lg_controller *c)
{
    return lg_lane_now_us(c->o.lane) >= c->placer.led_us + c->o.blink_ms * LG_MS;
}

static bool lacks_servers(const struct lg_controller *c)
{
    struct lg_slice key;
    void *value;
    uint32_t ignored;

    for (size_t at = 0; lg_map_next(c->state->topics, &at, &key, &value);)
        if (lg_ctl_place_lacks_servers(value, &ignored))
            return true;
    return false;
}

static void plan_topics(struct plan *plan)
{
    struct lg_controller *c = plan->c;
    struct lg_ctl_placer *placer = &c->placer;
    uint64_t digest = digest_of(c, plan->snapshot);
    bool due = digest != placer->nodes_seen || lg_ctl_clock_ms(c) >= placer->next_ms ||
               (placer->pending && plan->moving < c->o.moves_max);
    struct where w = {0};
    struct lg_slice key;
    void *value;

    if (!due || (!may_move(c) && !lacks_servers(c))) {
        for (size_t at = 0; !plan->full && lg_map_next(c->state->topics, &at, &key, &value);)
            plan_topic(plan, value, NULL, 0);
        return;
    }
    placer->pending = false;
    where_all(&w, c, plan->snapshot);
    placer->next_ms = where_compute(&w, c).next_ms;
    for (size_t i = 0; i < w.of.size && !plan->full; i++)
        plan_topic(plan, w.of.data[i], &w, i);
    placer->nodes_seen = plan->full ? 0 : digest; /* 0: the rest is computed again. */
    where_free(&w);
}

/* --- Looking. --------------------------------------------------------------------------------- */

static void applied(struct lg_change *ch)
{
    lg_log(LG_LOG_DEBUG, "placement_changed", "term=%llu", (unsigned long long)ch->c->term);
}

static void begin_change(struct lg_change *ch)
{
    struct lg_controller *c = ch->c;

    c->placer.open = false;
    c->placer.seen_serial = 0;                    /* Looked at again in any case. */
    if (c->state->generation != ch->generation) { /* Decided on what is no longer so. */
        c->placer.nodes_seen = 0;
        lg_change_end(ch, LG_OK, NULL);
        return;
    }
    /* Nothing else may be planned before this is in memory. */
    ch->applied = applied;
    lg_change_commit(ch);
}

void lg_ctl_place_forget(struct lg_controller *c)
{
    uint64_t loads = c->placer.loads + 1;

    /* A change that waits was decided on other memory: it must not take this for the same. One that
     * was refused when another controller led does not come back. */
    c->state->generation += loads << 32;
    c->placer = (struct lg_ctl_placer){.loads = loads, .led_us = lg_lane_now_us(c->o.lane)};
}

void lg_ctl_place_look(struct lg_controller *c)
{
    struct lg_ctl_placer *placer = &c->placer;
    struct plan plan = {.c = c, .snapshot = lg_ctl_snapshot(c)};
    int64_t now_ms = lg_ctl_clock_ms(c);

    if (c->stopping || placer->open || c->change_open || !lg_ctl_ready(c) ||
        lg_lane_now_us(c->o.lane) < c->own_not_before_us)
        return;
    if (placer->seen_serial == plan.snapshot->serial &&
        placer->seen_generation == c->state->generation && now_ms < placer->next_ms &&
        placer->settled)
        return;
    placer->seen_serial = plan.snapshot->serial;
    placer->seen_generation = c->state->generation;
    placer->settled = may_move(c);
    plan.moving = count_moving(c);
    see_servers(&plan);
    if (plan.change == NULL) /* Places are wanted of servers that are known. */
        plan_topics(&plan);
    lg_ctl_place_tell(c);
    if (plan.looks_again)
        placer->seen_serial = 0;
    if (plan.change == NULL)
        return;
    plan.change->generation = c->state->generation;
    placer->open = lg_change_submit(plan.change);
}

/* --- Counting. -------------------------------------------------------------------------------- */

static void count_servers(const struct lg_controller *c, const struct lg_catalog_snapshot *s,
                          struct lg_ctl_census *n)
{
    struct lg_slice key;
    void *value;

    n->waits_ms = -1;
    n->live = s == NULL ? 0 : (uint32_t)s->instances.size;
    for (size_t at = 0; lg_map_next(c->state->nodes, &at, &key, &value);) {
        const struct lg_ctl_node *node = value;
        bool live = s != NULL && lg_catalog_instance(s, node->id, NULL) != NULL;
        int64_t left_ms =
            (int64_t)c->o.delay_to_rebalance_ms - lg_ctl_place_gone_ms(c, &node->record);

        n->gone += !live;
        n->draining += live && node->record.state == LG_NODE_DRAINING;
        n->live -= live && node->record.state == LG_NODE_DRAINING;
        if (!live && node->record.gone_since_ms != 0 && left_ms > 0 &&
            node->record.state == LG_NODE_ACTIVE)
            n->waits_ms = n->waits_ms < 0 ? left_ms : LG_MIN(n->waits_ms, left_ms);
    }
}

struct lg_ctl_census lg_ctl_place_census(const struct lg_controller *c,
                                         void (*each)(void *ctx, const struct lg_ctl_topic *t,
                                                      uint32_t partition, uint32_t ready),
                                         void *ctx)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    struct lg_ctl_census n = {0};
    struct lg_slice key;
    void *value;

    count_servers(c, s, &n);
    for (size_t at = 0; lg_map_next(c->state->topics, &at, &key, &value);) {
        const struct lg_ctl_topic *t = value;
        const struct lg_catalog_topic *topic =
            s == NULL ? NULL : lg_catalog_topic(s, lg_slice_str(t->name));
        bool current = lg_ctl_place_is_current(c, t);

        for (uint32_t p = 0; p < t->placement.partitions; p++) {
            uint32_t ready = lg_ctl_place_ready(s, topic, t, p);

            n.wanted += t->placement.factor;
            n.ready += ready;
            n.moving += t->placement.parts[p].wanted_count > 0;
            for (uint32_t i = 0;
                 topic != NULL && p < topic->partition_count && i < topic->partitions[p].count; i++)
                n.errors += topic->partitions[p].replicas[i].state == LG_REPLICA_ERROR;
            if (!current || ready >= t->placement.factor)
                continue;
            n.underreplicated++;
            if (each != NULL)
                each(ctx, t, p, ready);
        }
    }
    return n;
}
