/* The assignment, in passes over all topics:
 *
 *     keep     what stands on nodes that stay, and in zones that differ
 *     fill     each missing replica goes to the lightest node: fewest of the topic, fewest of all
 *     level    of each topic, then of all: from the heaviest node to the lightest one
 *     lead     the preferred leader of each partition (assignment_lead.c)
 *
 * Loads are counted over live nodes that stay; what a gone node keeps neither gives nor takes.
 */
#include "coord/assignment.h"

#include "coord/assignment_impl.h"
#include "lane/mutant.h"

#define PAIRS_NODES_MAX 128u /* Among more nodes chance does what counting does among few. */

struct named {
    const char *name;
    uint32_t at;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

uint32_t lg_assignment_min_active(uint32_t factor)
{
    return factor > 1 ? factor - 1 : 1;
}

enum lg_rc lg_assignment_check(size_t live_nodes, uint64_t held, uint32_t partitions,
                               uint32_t factor, struct lg_error *err)
{
    uint32_t needed = lg_assignment_min_active(factor);
    uint64_t limit = (uint64_t)live_nodes * LG_ASSIGNMENT_REPLICAS_MAX;
    uint64_t wanted = (uint64_t)partitions * LG_MIN((size_t)factor, live_nodes);

    if (live_nodes < needed)
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "%zu servers are live and %u are needed for replication factor %u; "
                            "start servers or lower the factor",
                            live_nodes, needed, factor);
    if (held + wanted > limit)
        return lg_error_set(
            err, LG_ERR_TOO_LARGE,
            "%llu more replicas beside %llu are over the limit replicas (%u for each of %zu "
            "servers); use fewer partitions, delete stores, or add servers",
            (unsigned long long)wanted, (unsigned long long)held, LG_ASSIGNMENT_REPLICAS_MAX,
            live_nodes);
    return LG_OK;
}

/* --- Nodes and topics in their order. --------------------------------------------------------- */

#define KEY_BITS 12 /* LG_ASSIGNMENT_REPLICAS_MAX fits, twice into a number */
#define NO_KEY INT32_MAX

static bool has_zone(const struct lg_assignment_node *n)
{
    return n->zone != NULL && n->zone[0] != 0 && !lg_mutant(LG_MUTANT_zones_ignored);
}

/* Numbers zones so that equal names have equal numbers; without a name each node is one. */
static void number_zones(struct work *w)
{
    struct named *zones = lg_new_array(struct named, w->node_count);
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->node_count; i++)
        if (has_zone(w->nodes[i].in))
            zones[n++] = (struct named){w->nodes[i].in->zone, i};
    qsort(zones, n, sizeof zones[0], by_name);
    for (uint32_t i = 0; i < n; i++) {
        w->zone_count += i == 0 || strcmp(zones[i].name, zones[i - 1].name) != 0;
        w->nodes[zones[i].at].zone = w->zone_count - 1;
    }
    for (uint32_t i = 0; i < w->node_count; i++)
        if (!has_zone(w->nodes[i].in))
            w->nodes[i].zone = w->zone_count++;
    lg_free(zones);
}

static void take_nodes(struct work *w)
{
    const struct lg_assignment_input *in = w->in;
    struct named *names = lg_new_array(struct named, in->node_count);

    for (uint32_t i = 0; i < in->node_count; i++)
        names[i] = (struct named){in->nodes[i].id, i};
    qsort(names, in->node_count, sizeof names[0], by_name);
    for (uint32_t i = 0; i < in->node_count; i++) {
        const struct lg_assignment_node *n = &in->nodes[names[i].at];
        int64_t gone_ms = n->live ? 0 : LG_MAX(in->now_ms - n->gone_since_ms, (int64_t)0);
        bool waits = gone_ms < in->delay_ms && !lg_mutant(LG_MUTANT_delay_ignored);

        assert(i == 0 || strcmp(names[i - 1].name, names[i].name) != 0);
        w->caller_at[i] = names[i].at;
        w->sorted_at[names[i].at] = i;
        w->nodes[i] = (struct node){.in = n,
                                    .takes = n->live && !n->leaves && !n->full,
                                    .keeps = !n->leaves && (n->live || waits),
                                    .blinks = !n->live && gone_ms < in->blink_ms};
    }
    lg_free(names);
    number_zones(w);
}

static void take_topics(struct work *w)
{
    const struct lg_assignment_input *in = w->in;
    struct named *names = lg_new_array(struct named, in->topic_count);

    for (uint32_t i = 0; i < in->topic_count; i++)
        names[i] = (struct named){in->topics[i].name, i};
    qsort(names, in->topic_count, sizeof names[0], by_name);
    for (uint32_t i = 0; i < in->topic_count; i++) {
        const struct lg_assignment_topic *t = &in->topics[names[i].at];
        size_t n = (size_t)t->partitions * t->factor;

        assert(t->factor >= 1 && t->factor <= LG_ASSIGNMENT_FACTOR_MAX);
        w->topic_at[i] = names[i].at;
        w->lists[i] = lg_new_array(uint32_t, n);
        for (size_t k = 0; k < n; k++) {
            uint32_t at = t->current == NULL ? NONE : t->current[k];

            w->lists[i][k] = at == NONE ? NONE : w->sorted_at[at];
        }
    }
    lg_free(names);
}

/* --- One partition: a list of `factor` slots, the taken ones first. ----------------------------
 */

static bool holds(const uint32_t *list, uint32_t n, uint32_t node)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == node)
            return true;
    return false;
}

/* Is the zone taken by a slot other than `except`? */
static bool zone_taken(const struct work *w, const uint32_t *list, uint32_t n, uint32_t zone,
                       uint32_t except)
{
    for (uint32_t i = 0; i < n; i++)
        if (i != except && w->nodes[list[i]].zone == zone)
            return true;
    return false;
}

static void set_key(struct work *w, uint32_t node)
{
    const struct node *n = &w->nodes[node];
    bool full = n->total >= LG_ASSIGNMENT_REPLICAS_MAX;

    w->keys[node] = !n->takes || full ? NO_KEY : (int32_t)(n->of_topic << KEY_BITS | n->total);
}

static void put_slot(struct work *w, uint32_t *list, uint32_t slot, uint32_t node)
{
    list[slot] = node;
    w->nodes[node].total++;
    w->nodes[node].of_topic++;
    set_key(w, node);
}

static void move(struct work *w, uint32_t *slot, uint32_t to)
{
    w->nodes[*slot].total--;
    w->nodes[*slot].of_topic--;
    set_key(w, *slot);
    put_slot(w, slot, 0, to);
}

/* --- Keep. ------------------------------------------------------------------------------------ */

/* How many gone nodes of a list must be replaced now, so that enough are live. */
static uint32_t lost_of(const struct work *w, const struct lg_assignment_topic *t,
                        const uint32_t *list, uint32_t n)
{
    uint32_t needed = t->min_active == 0 ? lg_assignment_min_active(t->factor) : t->min_active;
    uint32_t live = 0;

    for (uint32_t i = 0; i < n; i++)
        live += w->nodes[list[i]].in->live && w->nodes[list[i]].keeps;
    return live >= needed ? 0 : needed - live;
}

static uint32_t keep_list(struct work *w, const struct lg_assignment_topic *t, uint32_t *list)
{
    uint32_t n = 0, lost, spare = 0;

    for (uint32_t i = 0; i < t->factor; i++) /* Closes the gaps. */
        if (list[i] != NONE && !holds(list, n, list[i]))
            list[n++] = list[i];
    lost = lost_of(w, t, list, n);
    for (uint32_t i = 0; lost > 0 && i < w->node_count && spare < lost; i++)
        spare += w->nodes[i].takes && !holds(list, n, i);
    lost = LG_MIN(lost, spare); /* Without another node it may as well stay where it was. */
    for (uint32_t i = n; i > 0; i--) {
        const struct node *node = &w->nodes[list[i - 1]];
        bool replaced = node->keeps && !node->in->live && !node->blinks && lost > 0;

        if (node->keeps && !replaced)
            continue;
        lost -= replaced;
        memmove(&list[i - 1], &list[i], (n - i) * sizeof list[0]);
        n--;
    }
    for (uint32_t i = n; i < t->factor; i++)
        list[i] = NONE;
    return n;
}

static void count_list(struct work *w, const uint32_t *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        w->nodes[list[i]].total++;
}

/* --- Fill. ------------------------------------------------------------------------------------ */

static bool lighter(const struct node *a, const struct node *b)
{
    if (a->of_topic != b->of_topic)
        return a->of_topic < b->of_topic;
    return a->total < b->total;
}

/* Among equally light nodes the one that is seldom together with those of the list: when one of
 * them is lost, what it held can go to many. */
static uint32_t company(const struct work *w, const uint32_t *list, uint32_t n, uint32_t node,
                        uint32_t partition)
{
    uint32_t sum = 0;

    if (w->node_count > PAIRS_NODES_MAX) /* Knuth's multiplier: scattered, and always the same. */
        return n == 0 ? 0 : ((partition * 31 + node) * UINT32_C(2654435761)) >> 8;
    for (uint32_t i = 0; i < n; i++)
        sum += w->pairs[list[i] * w->node_count + node];
    return sum;
}

static void count_pairs(struct work *w, const uint32_t *list, uint32_t n)
{
    if (w->node_count > PAIRS_NODES_MAX)
        return;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < n; k++)
            w->pairs[list[i] * w->node_count + list[k]]++;
}

/* The least key above another one: of the next heavier nodes. */
static int32_t next_key(const struct work *w, int32_t above)
{
    int32_t least = NO_KEY;

    for (uint32_t i = 0; i < w->node_count; i++)
        if (w->keys[i] > above && w->keys[i] < least)
            least = w->keys[i];
    return least;
}

/* The lightest node that may take a replica, of a zone that is not taken if there is one: from the
 * lightest to the heaviest, all equally heavy ones at a time. */
static uint32_t lightest(const struct work *w, const uint32_t *list, uint32_t n, uint32_t except,
                         bool only_new_zone, uint32_t partition)
{
    uint32_t of_taken_zone = NONE;

    for (int32_t key = next_key(w, -1); key != NO_KEY; key = next_key(w, key)) {
        uint32_t best[2] = {NONE, NONE}, least[2] = {0}; /* of a new zone, of a taken one */

        for (uint32_t i = 0; i < w->node_count; i++) {
            uint32_t with, taken;

            if (w->keys[i] != key || holds(list, n, i))
                continue;
            taken = zone_taken(w, list, n, w->nodes[i].zone, except);
            with = company(w, list, n, i, partition);
            if (best[taken] != NONE && with >= least[taken])
                continue;
            best[taken] = i;
            least[taken] = with;
        }
        if (best[0] != NONE)
            return best[0];
        if (of_taken_zone == NONE)
            of_taken_zone = best[1];
    }
    return only_new_zone ? NONE : of_taken_zone;
}

/* Two replicas in one zone while another zone could have one: the later of them moves. */
static void spread_zones(struct work *w, uint32_t *list, uint32_t n, uint32_t p)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t at = list[i - 1], to;

        if (!w->nodes[at].in->live || !zone_taken(w, list, n, w->nodes[at].zone, i - 1))
            continue;
        to = lightest(w, list, n, i - 1, /* only_new_zone= */ true, p);
        if (to == NONE)
            continue;
        move(w, &list[i - 1], to);
    }
}

/* Who holds what nobody else can: of the full nodes the one that holds least. */
static uint32_t last_resort(const struct work *w, const uint32_t *list, uint32_t n)
{
    uint32_t best = NONE;

    for (uint32_t i = 0; i < w->node_count; i++) {
        const struct node *node = &w->nodes[i];

        if (node->in->full && node->in->live && !node->in->leaves && !holds(list, n, i) &&
            node->total < LG_ASSIGNMENT_REPLICAS_MAX &&
            (best == NONE || node->total < w->nodes[best].total))
            best = i;
    }
    return best;
}

static void begin_topic(struct work *w, uint32_t t)
{
    const struct lg_assignment_topic *topic = topic_of(w, t);
    size_t n = (size_t)topic->partitions * topic->factor;

    for (uint32_t i = 0; i < w->node_count; i++)
        w->nodes[i].of_topic = w->nodes[i].leads_now = 0;
    for (size_t i = 0; i < n; i++)
        if (w->lists[t][i] != NONE)
            w->nodes[w->lists[t][i]].of_topic++;
    for (uint32_t i = 0; i < w->node_count; i++)
        set_key(w, i);
}

static void fill_topic(struct work *w, uint32_t t)
{
    const struct lg_assignment_topic *topic = topic_of(w, t);

    begin_topic(w, t);
    if (w->node_count <= PAIRS_NODES_MAX)
        memset(w->pairs, 0, (size_t)w->node_count * w->node_count * sizeof w->pairs[0]);
    for (uint32_t p = 0; p < topic->partitions; p++) {
        uint32_t *list = &w->lists[t][(size_t)p * topic->factor];
        uint32_t n = list_size(list, topic->factor);

        spread_zones(w, list, n, p);
        for (; n < topic->factor; n++) {
            uint32_t to = lightest(w, list, n, NONE, /* only_new_zone= */ false, p);

            if (to == NONE)
                to = last_resort(w, list, n);
            if (to == NONE)
                break;
            put_slot(w, list, n, to);
        }
        count_pairs(w, list, n);
        w->missing += topic->factor - n;
    }
}

/* --- Level. ----------------------------------------------------------------------------------- */

/* May the replica in a slot go to another node without fewer zones than now? */
static bool may_move(const struct work *w, const uint32_t *list, uint32_t n, uint32_t slot,
                     uint32_t to)
{
    uint32_t from = list[slot];

    return !holds(list, n, to) && (w->nodes[from].zone == w->nodes[to].zone ||
                                   !zone_taken(w, list, n, w->nodes[to].zone, slot) ||
                                   zone_taken(w, list, n, w->nodes[from].zone, slot));
}

/* Was it there before? Moving what has only just been placed costs nothing. */
static bool is_new(const struct work *w, uint32_t t, uint32_t p, uint32_t node)
{
    const struct lg_assignment_topic *topic = topic_of(w, t);
    const uint32_t *current = topic->current;

    for (uint32_t r = 0; current != NULL && r < topic->factor; r++)
        if (current[(size_t)p * topic->factor + r] == w->caller_at[node])
            return false;
    return true;
}

/* Finds a replica of the topic that may go from one node to the other: only one that is new, or
 * any. */
static uint32_t *find_move(struct work *w, uint32_t t, uint32_t from, uint32_t to, bool only_new)
{
    const struct lg_assignment_topic *topic = topic_of(w, t);

    for (uint32_t p = 0; p < topic->partitions; p++) {
        uint32_t *list = &w->lists[t][(size_t)p * topic->factor];
        uint32_t n = list_size(list, topic->factor);

        for (uint32_t i = 0; i < n; i++)
            if (list[i] == from && may_move(w, list, n, i, to) &&
                (!only_new || is_new(w, t, p, from)))
                return &list[i];
    }
    return NULL;
}

/* How a levelling goes on: nodes by weight, and what was found not to work. */
struct level {
    uint32_t *order; /* nodes that take, the lightest first */
    uint32_t count;
    uint32_t *fresh; /* by node: what is new there, of the topic at hand */
    bool *stuck;     /* by node: nothing of it may go anywhere */
    uint8_t *fails;  /* by zone: how many of its nodes could not take from the giver at hand */
};

#define ZONE_TRIES 2 /* What one node of a zone may not take, another seldom may. */

static void level_begin(const struct work *w, struct level *l)
{
    l->order = lg_new_array(uint32_t, w->node_count);
    l->fresh = lg_new_array(uint32_t, w->node_count);
    l->stuck = lg_new_array(bool, w->node_count);
    l->fails = lg_new_array(uint8_t, w->zone_count);
    l->count = 0;
    for (uint32_t i = 0; i < w->node_count; i++)
        if (w->nodes[i].takes)
            l->order[l->count++] = i;
}

static void level_end(struct level *l)
{
    lg_free(l->order);
    lg_free(l->fresh);
    lg_free(l->stuck);
    lg_free(l->fails);
}

/* By insertion: from one step to the next hardly anything changes. */
static void sort_order(const struct work *w, struct level *l,
                       bool (*before)(const struct node *, const struct node *))
{
    for (uint32_t i = 1; i < l->count; i++) {
        uint32_t at = l->order[i], k = i;

        for (; k > 0 && before(&w->nodes[at], &w->nodes[l->order[k - 1]]); k--)
            l->order[k] = l->order[k - 1];
        l->order[k] = at;
    }
}

/* What is new is placed better: directly, or by way of a third node that passes on a new one of its
 * own. */
static bool move_new(struct work *w, uint32_t t, struct level *l, uint32_t from, uint32_t to)
{
    uint32_t *slot = find_move(w, t, from, to, /* only_new= */ true);

    for (uint32_t i = 0; slot == NULL && i < l->count; i++) {
        uint32_t via = l->order[i], *second;

        if (l->fresh[via] == 0 || via == from || via == to)
            continue;
        second = find_move(w, t, via, to, /* only_new= */ true);
        slot = second == NULL ? NULL : find_move(w, t, from, via, /* only_new= */ true);
        if (slot == NULL)
            continue;
        move(w, second, to);
        to = via; /* The third one gives one and gets one. */
    }
    if (slot == NULL)
        return false;
    move(w, slot, to);
    return true;
}

static bool move_any(struct work *w, uint32_t t, uint32_t from, uint32_t to)
{
    uint32_t *slot = find_move(w, t, from, to, /* only_new= */ false);

    if (slot != NULL)
        move(w, slot, to);
    return slot != NULL;
}

static void count_fresh(const struct work *w, uint32_t t, struct level *l)
{
    const struct lg_assignment_topic *topic = topic_of(w, t);

    memset(l->fresh, 0, w->node_count * sizeof l->fresh[0]);
    for (size_t i = 0; i < (size_t)topic->partitions * topic->factor; i++) {
        uint32_t at = w->lists[t][i];

        if (at != NONE && is_new(w, t, (uint32_t)(i / topic->factor), at))
            l->fresh[at]++;
    }
}

/* One replica of the topic from a heavy node to a light one; false when it is level, or no move is
 * allowed. */
static bool level_topic_once(struct work *w, uint32_t t, struct level *l, bool only_new)
{
    sort_order(w, l, lighter);
    if (only_new)
        count_fresh(w, t, l);
    for (uint32_t hi = l->count; hi > 0; hi--) {
        uint32_t from = l->order[hi - 1];

        if (w->nodes[from].of_topic < w->nodes[l->order[0]].of_topic + 2)
            return false;
        if (l->stuck[from] || (only_new && l->fresh[from] == 0))
            continue;
        memset(l->fails, 0, w->zone_count);
        for (uint32_t lo = 0; lo + 1 < hi; lo++) {
            uint32_t to = l->order[lo];

            if (w->nodes[from].of_topic < w->nodes[to].of_topic + 2)
                break;
            if (w->nodes[to].total >= LG_ASSIGNMENT_REPLICAS_MAX ||
                l->fails[w->nodes[to].zone] >= ZONE_TRIES)
                continue;
            if (only_new ? move_new(w, t, l, from, to) : move_any(w, t, from, to))
                return true;
            l->fails[w->nodes[to].zone]++;
        }
        l->stuck[from] = true;
    }
    return false;
}

static bool topic_is_level(const struct work *w)
{
    uint32_t low = UINT32_MAX, high = 0;

    for (uint32_t i = 0; i < w->node_count; i++)
        if (w->nodes[i].takes) {
            low = LG_MIN(low, w->nodes[i].of_topic);
            high = LG_MAX(high, w->nodes[i].of_topic);
        }
    return low == UINT32_MAX || high <= low + 1;
}

static void level_topic(struct work *w, uint32_t t, struct level *l)
{
    begin_topic(w, t);
    for (int round = 0; round < 2; round++) { /* First what costs nothing. */
        memset(l->stuck, 0, w->node_count * sizeof l->stuck[0]);
        while (!topic_is_level(w) && level_topic_once(w, t, l, /* only_new= */ round == 0))
            ;
    }
}

static struct shelf *fill_shelves(const struct work *w)
{
    struct shelf *shelves = lg_new_array(struct shelf, w->node_count);

    for (uint32_t t = 0; t < w->in->topic_count; t++) {
        const struct lg_assignment_topic *topic = topic_of(w, t);

        for (size_t i = 0; i < (size_t)topic->partitions * topic->factor; i++)
            if (w->lists[t][i] != NONE)
                LG_VEC_PUSH(&shelves[w->lists[t][i]].spots,
                            (struct spot){t, (uint32_t)(i / topic->factor)});
    }
    return shelves;
}

static void count_topics(const struct shelf *shelf, uint32_t *counts, int by)
{
    for (size_t i = 0; i < shelf->spots.size; i++)
        counts[shelf->spots.data[i].topic] += (uint32_t)by;
}

/* Moves one replica between two nodes that keeps its topic level: of a topic of which the giver has
 * more. */
static bool give_one(struct work *w, struct shelf *shelves, uint32_t *counts, uint32_t from,
                     uint32_t to, bool only_new)
{
    struct shelf *giver = &shelves[from];
    size_t found = SIZE_MAX;
    uint32_t *found_slot = NULL;

    /* Of each topic, by how many the giver has more. */
    count_topics(giver, counts, 1);
    count_topics(&shelves[to], counts, -1);
    for (size_t i = 0; i < giver->spots.size; i++) {
        struct spot s = giver->spots.data[i];
        const struct lg_assignment_topic *topic = topic_of(w, s.topic);
        uint32_t *list = &w->lists[s.topic][(size_t)s.partition * topic->factor];
        uint32_t n = list_size(list, topic->factor), slot = 0;

        if ((int32_t)counts[s.topic] <= 0)
            continue;
        while (list[slot] != from)
            slot++;
        if (!may_move(w, list, n, slot, to) || (only_new && !is_new(w, s.topic, s.partition, from)))
            continue;
        found = i;
        found_slot = &list[slot];
        break;
    }
    count_topics(giver, counts, -1);
    count_topics(&shelves[to], counts, 1);
    if (found_slot == NULL)
        return false;
    LG_VEC_PUSH(&shelves[to].spots, giver->spots.data[found]);
    giver->spots.data[found] = giver->spots.data[--giver->spots.size];
    move(w, found_slot, to);
    return true;
}

static bool lighter_of_all(const struct node *a, const struct node *b)
{
    return a->total < b->total;
}

static bool level_all_once(struct work *w, struct shelf *shelves, uint32_t *counts, struct level *l,
                           bool only_new)
{
    sort_order(w, l, lighter_of_all);
    for (uint32_t hi = l->count; hi > 0; hi--) {
        uint32_t from = l->order[hi - 1];

        if (w->nodes[from].total < w->nodes[l->order[0]].total + 2)
            return false;
        if (l->stuck[from])
            continue;
        memset(l->fails, 0, w->zone_count);
        for (uint32_t lo = 0; lo + 1 < hi; lo++) {
            uint32_t to = l->order[lo];

            if (w->nodes[from].total < w->nodes[to].total + 2)
                break;
            if (l->fails[w->nodes[to].zone] >= ZONE_TRIES)
                continue;
            if (give_one(w, shelves, counts, from, to, only_new))
                return true;
            l->fails[w->nodes[to].zone]++;
        }
        l->stuck[from] = true;
    }
    return false;
}

static void level_all(struct work *w, struct level *l)
{
    struct shelf *shelves = fill_shelves(w);
    uint32_t *counts = lg_new_array(uint32_t, w->in->topic_count);

    for (int round = 0; round < 2; round++) {
        memset(l->stuck, 0, w->node_count * sizeof l->stuck[0]);
        while (level_all_once(w, shelves, counts, l, /* only_new= */ round == 0))
            ;
    }
    for (uint32_t i = 0; i < w->node_count; i++)
        LG_VEC_DONE(&shelves[i].spots);
    lg_free(shelves);
    lg_free(counts);
}

/* --- The whole. ------------------------------------------------------------------------------- */

static void give_answer(struct work *w, struct lg_assignment_result *out)
{
    for (uint32_t t = 0; t < w->in->topic_count; t++) {
        const struct lg_assignment_topic *topic = topic_of(w, t);

        for (size_t i = 0; i < (size_t)topic->partitions * topic->factor; i++) {
            uint32_t at = w->lists[t][i];

            topic->wanted[i] = at == NONE ? NONE : w->caller_at[at];
            out->moves += at != NONE && is_new(w, t, (uint32_t)(i / topic->factor), at);
        }
        lg_free(w->lists[t]);
    }
    for (size_t i = 0; i < w->in->node_count; i++) {
        const struct lg_assignment_node *n = &w->in->nodes[i];
        int64_t ends[] = {n->gone_since_ms + w->in->blink_ms, n->gone_since_ms + w->in->delay_ms};

        for (size_t k = 0; !n->live && !n->leaves && k < LG_ARRAY_SIZE(ends); k++)
            if (ends[k] > w->in->now_ms)
                out->next_ms = LG_MIN(out->next_ms, ends[k]);
    }
    out->missing = w->missing;
}

static void place_all(struct work *w)
{
    uint32_t topics = (uint32_t)w->in->topic_count;
    struct level level;

    level_begin(w, &level);
    for (uint32_t t = 0; t < topics; t++) {
        const struct lg_assignment_topic *topic = topic_of(w, t);

        for (uint32_t p = 0; p < topic->partitions; p++) {
            uint32_t *list = &w->lists[t][(size_t)p * topic->factor];

            count_list(w, list, keep_list(w, topic, list));
        }
    }
    for (uint32_t t = 0; t < topics; t++) {
        fill_topic(w, t);
        level_topic(w, t, &level);
    }
    level_all(w, &level);
    lg_assignment_lead(w);
    level_end(&level);
}

struct lg_assignment_result lg_assignment_compute(const struct lg_assignment_input *in)
{
    struct lg_assignment_result out = {.next_ms = INT64_MAX};
    struct work w = {.in = in, .node_count = (uint32_t)in->node_count};

    assert(in->node_count <= LG_ASSIGNMENT_NODES_MAX);
    w.nodes = lg_new_array(struct node, in->node_count);
    w.sorted_at = lg_new_array(uint32_t, in->node_count);
    w.caller_at = lg_new_array(uint32_t, in->node_count);
    w.topic_at = lg_new_array(uint32_t, in->topic_count);
    w.lists = lg_new_array(uint32_t *, in->topic_count);
    w.keys = lg_new_array(int32_t, in->node_count);
    if (in->node_count <= PAIRS_NODES_MAX)
        w.pairs = lg_new_array(uint16_t, in->node_count * in->node_count);
    take_nodes(&w);
    take_topics(&w);
    place_all(&w);
    give_answer(&w, &out);
    lg_free(w.keys);
    lg_free(w.pairs);
    lg_free(w.nodes);
    lg_free(w.sorted_at);
    lg_free(w.caller_at);
    lg_free(w.topic_at);
    lg_free(w.lists);
    return out;
}
