/* Reports that are held: their nodes went with the session of their server, which may well go on to
 * serve. What ends it: the same server tells something else, its next process announces itself, the
 * topic goes, the time is over. Whether the assignment still gives a replica to it is looked up
 * with each snapshot: a topic whose reports are all there pays nothing.
 *
 * That a server withdraws is told by a report without replicas (server/replica_report): nothing in
 * it is worth holding when its node goes. */
#include "catalog/state_impl.h"
#include "lane/mutant.h"
#include "model/placement.h"

static bool was_ready(const struct lg_report_part *part)
{
    return part->replica.status == LG_PUSH_COMPLETED && part->replica.state != LG_REPLICA_ERROR;
}

bool lg_report_hold(struct lg_catalog_state *s, struct lg_report *r)
{
    struct lg_instance_state *i = r->instance;
    bool ready = false;

    if (lg_mutant(LG_MUTANT_sessions_end_reads))
        return false;
    for (size_t k = 0; !ready && k < r->parts.size; k++)
        ready = was_ready(&r->parts.data[k]);
    if (s->lane == NULL || r->topic->assignment == NULL || i->says.id == NULL || !ready)
        return false;
    /* Of a former life; or of one that does not name its lives, and is there. */
    if (r->life != i->lives || (i->live && i->life[0] == '\0'))
        return false;
    r->held = true;
    r->held_since_us = lg_lane_now_us(s->lane);
    lg_list_push_back(&s->held, &r->of_held);
    i->held++;
    s->instances_changed = true;
    return true;
}

void lg_report_release(struct lg_catalog_state *s, struct lg_report *r)
{
    if (!r->held)
        return;
    r->held = false;
    lg_list_remove(&r->of_held);
    r->instance->held--;
    s->instances_changed = true;
    lg_topic_state_changed(r->topic);
}

static void forget_one(struct lg_catalog_state *s, struct lg_report *r)
{
    lg_report_release(s, r);
    lg_report_free(r);
}

void lg_instance_state_forget_held(struct lg_catalog_state *s, struct lg_instance_state *i)
{
    LG_LIST_EACH(it, &i->reports)
    {
        struct lg_report *r = LG_CONTAINER_OF(it, struct lg_report, of_instance);
        struct lg_topic_state *t = r->topic;

        if (!r->held)
            continue;
        forget_one(s, r);
        lg_topic_state_end_if_unused(s, t);
    }
}

void lg_topic_state_forget_held(struct lg_catalog_state *s, struct lg_topic_state *t)
{
    LG_LIST_EACH(it, &t->reports)
    {
        struct lg_report *r = LG_CONTAINER_OF(it, struct lg_report, of_topic);
        struct lg_instance_state *i = r->instance;

        if (!r->held)
            continue;
        forget_one(s, r);
        lg_instance_state_end_if_unused(s, i);
    }
}

static uint64_t end_us(const struct lg_report *r)
{
    return r->held_since_us + LG_CATALOG_LAST_RESORT_MS * LG_MS;
}

void lg_catalog_state_forget(struct lg_catalog_state *s)
{
    LG_LIST_EACH(it, &s->held)
    {
        struct lg_report *r = LG_CONTAINER_OF(it, struct lg_report, of_held);
        struct lg_topic_state *t = r->topic;
        struct lg_instance_state *i = r->instance;

        if (end_us(r) > lg_lane_now_us(s->lane))
            return;
        s->changed = true;
        forget_one(s, r);
        lg_topic_state_end_if_unused(s, t);
        lg_instance_state_end_if_unused(s, i);
    }
}

uint64_t lg_catalog_state_forget_at_us(const struct lg_catalog_state *s, const char **out_instance)
{
    const struct lg_report *first;

    if (lg_list_empty(&s->held))
        return 0;
    first = LG_CONTAINER_OF(s->held.next, struct lg_report, of_held);
    *out_instance = first->instance->id;
    return end_us(first);
}

/* --- Building. ---------------------------------------------------------------------------------
 */

static bool read_assignment(const struct lg_topic_state *t, struct lg_placement *out)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error ignored;

    return t->assignment != NULL && lg_json_parse(t->assignment->bytes, &json, &ignored) == LG_OK &&
           lg_placement_from_json(json, out, &ignored) == LG_OK;
}

bool lg_report_is_last_resort(const struct lg_report *r)
{
    const struct lg_instance_state *i = r->instance;

    return r->held || (r->topic->assignment != NULL && !i->live && i->says.id != NULL &&
                       r->life == i->lives && !lg_mutant(LG_MUTANT_sessions_end_reads));
}

static bool may_be_asked(const struct lg_placement *placement, const struct lg_report *r,
                         const struct lg_report_part *part)
{
    return part->partition < placement->partitions && was_ready(part) &&
           lg_placement_lists(&placement->parts[part->partition], r->instance->id);
}

/* Counts when there is no array yet. */
static void each_held(const struct lg_topic_state *t, const struct lg_placement *placement,
                      struct lg_catalog_topic *built)
{
    for (const struct lg_list *it = t->reports.next; it != &t->reports; it = it->next) {
        const struct lg_report *r = LG_CONTAINER_OF(it, struct lg_report, of_topic);

        for (size_t k = 0; k < r->parts.size && lg_report_is_last_resort(r); k++) {
            uint32_t number = r->parts.data[k].partition;
            struct lg_catalog_partition *p = &built->partitions[number];

            if (number >= built->partition_count ||
                !may_be_asked(placement, r, &r->parts.data[k]) ||
                p->held_count == LG_CATALOG_REPLICAS_MAX)
                continue;
            if (built->held != NULL)
                p->held[p->held_count] = r->instance->held_place;
            p->held_count++;
        }
    }
}

void lg_topic_state_build_held(const struct lg_topic_state *t, struct lg_catalog_topic *built)
{
    LG_SCOPED(lg_placement) placement = {0};
    bool any = false;
    size_t sum = 0;

    for (const struct lg_list *it = t->reports.next; !any && it != &t->reports; it = it->next)
        any = lg_report_is_last_resort(LG_CONTAINER_OF(it, struct lg_report, of_topic));
    if (!any || !read_assignment(t, &placement))
        return;
    each_held(t, &placement, built);
    for (uint32_t p = 0; p < built->partition_count; p++)
        sum += built->partitions[p].held_count;
    if (sum == 0)
        return;
    built->held = lg_new_array(uint32_t, sum);
    sum = 0;
    for (uint32_t p = 0; p < built->partition_count; p++) {
        built->partitions[p].held = built->held + sum;
        sum += built->partitions[p].held_count;
        built->partitions[p].held_count = 0;
    }
    each_held(t, &placement, built);
}
