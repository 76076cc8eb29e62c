/* Who leads which partition by preference: it stays where it is if it can; balanced within one of
 * each topic as far as the lists allow, and over all topics as far as that allows. */
#include "coord/assignment_impl.h"

#define LEVEL_ROUNDS 8u /* over all topics; each brings nodes closer */

static bool leads_less(const struct node *a, const struct node *b)
{
    if (a->leads_now != b->leads_now)
        return a->leads_now < b->leads_now;
    return a->leads < b->leads;
}

static void to_front(uint32_t *list, uint32_t slot)
{
    uint32_t node = list[slot];

    memmove(&list[1], &list[0], slot * sizeof list[0]);
    list[0] = node;
}

static void lead_more(struct work *w, uint32_t node, int by)
{
    w->nodes[node].leads += (uint32_t)by;
    w->nodes[node].leads_now += (uint32_t)by;
}

/* The leader stays if the list still has it; else it is the one who leads least. */
static void first_leaders(struct work *w, uint32_t t)
{
    const struct lg_assignment_topic *topic = topic_of(w, t);
    bool *open = lg_new_array(bool, topic->partitions);

    for (uint32_t p = 0; p < topic->partitions; p++) {
        uint32_t *list = &w->lists[t][(size_t)p * topic->factor];
        uint32_t before = topic->current == NULL ? NONE : topic->current[(size_t)p * topic->factor];

        open[p] = before == NONE || list[0] != w->sorted_at[before];
        if (!open[p])
            lead_more(w, list[0], 1);
    }
    for (uint32_t p = 0; p < topic->partitions; p++) {
        uint32_t *list = &w->lists[t][(size_t)p * topic->factor];
        uint32_t n = list_size(list, topic->factor), best = 0;

        if (!open[p] || n == 0)
            continue;
        for (uint32_t i = 1; i < n; i++)
            if (w->nodes[list[i]].takes && (!w->nodes[list[best]].takes ||
                                            leads_less(&w->nodes[list[i]], &w->nodes[list[best]])))
                best = i;
        to_front(list, best);
        lead_more(w, list[0], 1);
    }
    lg_free(open);
}

/* Passes leadership along the shortest chain of partitions from `from` to a node that leads at
 * least two fewer. `via` and `queue` have room for all nodes. */
static bool pass_lead(struct work *w, uint32_t t, uint32_t from, uint32_t *via, uint32_t *queue,
                      const struct shelf *led)
{
    const struct lg_assignment_topic *topic = topic_of(w, t);
    uint32_t head = 0, tail = 0, end = NONE;

    for (uint32_t i = 0; i < w->node_count; i++)
        via[i] = NONE;
    queue[tail++] = from;
    via[from] = topic->partitions; /* Seen. */
    while (head < tail && end == NONE) {
        uint32_t at = queue[head++];

        for (size_t k = 0; k < led[at].spots.size && end == NONE; k++) {
            uint32_t p = led[at].spots.data[k].partition;
            const uint32_t *list = &w->lists[t][(size_t)p * topic->factor];

            if (list[0] != at) /* Passed on before. */
                continue;
            for (uint32_t i = 1; i < topic->factor && list[i] != NONE; i++) {
                if (!w->nodes[list[i]].takes || via[list[i]] != NONE)
                    continue;
                via[list[i]] = p;
                queue[tail++] = list[i];
                if (w->nodes[list[i]].leads_now + 2 <= w->nodes[from].leads_now)
                    end = list[i];
                if (end != NONE)
                    break;
            }
        }
    }
    if (end == NONE)
        return false;
    for (uint32_t at = end; at != from;) {
        uint32_t *list = &w->lists[t][(size_t)via[at] * topic->factor], slot = 0, before = list[0];

        while (list[slot] != at)
            slot++;
        to_front(list, slot);
        lead_more(w, at, 1);
        lead_more(w, before, -1);
        at = before;
    }
    return true;
}

static void level_leads(struct work *w, uint32_t t)
{
    const struct lg_assignment_topic *topic = topic_of(w, t);
    struct shelf *led = lg_new_array(struct shelf, w->node_count);
    uint32_t *via = lg_new_array(uint32_t, w->node_count);
    uint32_t *queue = lg_new_array(uint32_t, w->node_count);
    bool *stuck = lg_new_array(bool, w->node_count);

    for (;;) {
        uint32_t most = NONE, low = UINT32_MAX;

        for (uint32_t i = 0; i < w->node_count; i++) {
            const struct node *node = &w->nodes[i];

            if (!node->takes)
                continue;
            low = LG_MIN(low, node->leads_now);
            if (!stuck[i] && (most == NONE || leads_less(&w->nodes[most], node)))
                most = i;
        }
        if (most == NONE || w->nodes[most].leads_now < low + 2)
            break;
        /* What everybody leads now: lists changed since. */
        for (uint32_t i = 0; i < w->node_count; i++)
            led[i].spots.size = 0;
        for (uint32_t p = 0; p < topic->partitions; p++) {
            uint32_t first = w->lists[t][(size_t)p * topic->factor];

            if (first != NONE && w->nodes[first].takes)
                LG_VEC_PUSH(&led[first].spots, (struct spot){t, p});
        }
        stuck[most] = !pass_lead(w, t, most, via, queue, led);
    }
    for (uint32_t i = 0; i < w->node_count; i++)
        LG_VEC_DONE(&led[i].spots);
    lg_free(led);
    lg_free(via);
    lg_free(queue);
    lg_free(stuck);
}

/* Over all topics: who leads more of a topic than another replica of the partition, and two more of
 * all, hands it over. */
static bool level_all_leads(struct work *w, uint32_t t)
{
    const struct lg_assignment_topic *topic = topic_of(w, t);
    bool moved = false;

    for (uint32_t i = 0; i < w->node_count; i++)
        w->nodes[i].leads_now = 0;
    for (uint32_t p = 0; p < topic->partitions; p++)
        if (w->lists[t][(size_t)p * topic->factor] != NONE)
            w->nodes[w->lists[t][(size_t)p * topic->factor]].leads_now++;
    for (uint32_t p = 0; p < topic->partitions; p++) {
        uint32_t *list = &w->lists[t][(size_t)p * topic->factor];
        uint32_t n = list_size(list, topic->factor), best = 0, from = list[0];

        for (uint32_t i = 1; i < n && w->nodes[from].takes; i++) {
            const struct node *to = &w->nodes[list[i]];

            if (to->takes && to->leads + 2 <= w->nodes[from].leads &&
                to->leads_now < w->nodes[from].leads_now &&
                (best == 0 || leads_less(to, &w->nodes[list[best]])))
                best = i;
        }
        if (best == 0)
            continue;
        to_front(list, best);
        lead_more(w, list[0], 1);
        lead_more(w, from, -1);
        moved = true;
    }
    return moved;
}

void lg_assignment_lead(struct work *w)
{
    bool moved = true;

    for (uint32_t t = 0; t < w->in->topic_count; t++) {
        for (uint32_t i = 0; i < w->node_count; i++)
            w->nodes[i].leads_now = 0;
        first_leaders(w, t);
        level_leads(w, t);
    }
    for (uint32_t round = 0; moved && round < LEVEL_ROUNDS; round++) {
        moved = false;
        for (uint32_t t = 0; t < w->in->topic_count; t++)
            moved = level_all_leads(w, t) || moved;
    }
}
