/* What the servers' reports say about a push. Pure. */
#include "controller/push_monitor.h"

#include "base/str.h"
#include "coord/assignment.h"
#include "lane/mutant.h"

enum lg_push_status lg_push_monitor_replica(const struct lg_catalog_snapshot *snapshot,
                                            const struct lg_catalog_topic *topic,
                                            uint32_t partition, const char *instance,
                                            struct lg_catalog_replica *out)
{
    const struct lg_catalog_partition *part;

    if (out != NULL)
        *out = (struct lg_catalog_replica){0};
    if (topic == NULL || partition >= topic->partition_count)
        return LG_PUSH_NOT_CREATED;
    part = &topic->partitions[partition];
    for (uint32_t i = 0; i < part->count; i++) {
        const struct lg_catalog_replica *replica = &part->replicas[i];

        if (strcmp(snapshot->instances.data[replica->instance].id, instance) != 0)
            continue;
        if (out != NULL)
            *out = *replica;
        return replica->status;
    }
    return LG_PUSH_NOT_CREATED;
}

/* With fewer replicas than a version of this factor needs it waits for servers. One that only joins
 * is not waited for. While no leader is named nothing is complete. */
static enum lg_push_status verdict_of(const struct lg_placement_partition *part,
                                      const struct lg_push_replica *replicas, size_t n,
                                      uint32_t factor)
{
    enum lg_push_status verdict =
        n < lg_assignment_min_active(factor)
            ? LG_PUSH_NOT_CREATED
            : lg_push_status_of_partition(replicas, n, (int32_t)factor,
                                          LG_PUSH_STRATEGY_WAIT_N_MINUS_ONE);

    if (verdict == LG_PUSH_COMPLETED && part->leader == NULL &&
        !lg_mutant(LG_MUTANT_complete_without_leader))
        return LG_PUSH_END_OF_PUSH_RECEIVED;
    return verdict;
}

struct lg_push_view lg_push_monitor_view(const struct lg_ctl_topic *t,
                                         const struct lg_catalog_snapshot *snapshot)
{
    const struct lg_catalog_topic *topic =
        snapshot == NULL ? NULL : lg_catalog_topic(snapshot, lg_slice_str(t->name));
    struct lg_push_view view = {.partitions = t->placement.partitions};
    enum lg_push_status *verdicts = lg_new_array(enum lg_push_status, t->placement.partitions);
    bool failed = false;

    for (uint32_t p = 0; p < t->placement.partitions; p++) {
        const struct lg_placement_partition *part = &t->placement.parts[p];
        struct lg_push_replica replicas[LG_PLACEMENT_LIST_MAX] = {0};
        uint64_t furthest = 0, bytes = 0;
        bool complete = false;
        size_t n = 0;

        for (uint32_t r = 0; r < part->count; r++) {
            const char *id = part->ids[r];
            struct lg_catalog_replica said;

            replicas[n].status = lg_push_monitor_replica(snapshot, topic, p, id, &said);
            replicas[n].is_leader =
                lg_placement_leads(part, id) && !lg_mutant(LG_MUTANT_complete_without_leader);
            complete = complete || replicas[n].status == LG_PUSH_COMPLETED;
            furthest = LG_MAX(furthest, said.records);
            bytes = LG_MAX(bytes, said.bytes);
            n++;
        }
        verdicts[p] = verdict_of(part, replicas, n, t->placement.factor);
        if (verdicts[p] == LG_PUSH_ERROR && !failed) {
            failed = true;
            view.first_error = p;
        }
        view.partitions_completed += complete;
        view.records += (int64_t)furthest;
        view.bytes += (int64_t)bytes;
    }
    view.verdict = lg_push_status_of_job(verdicts, t->placement.partitions);
    lg_free(verdicts);
    return view;
}

static void measure(struct lg_ctl_rate *rate, uint64_t now_us, int64_t records, int64_t bytes)
{
    uint64_t passed_us = now_us - rate->since_us;

    if (rate->since_us != 0) {
        /* A replica that begins anew goes backwards: that is no speed. */
        int64_t more = LG_MAX(records - rate->records, (int64_t)0);
        int64_t more_bytes = LG_MAX(bytes - rate->bytes, (int64_t)0);

        rate->records_per_s = (int64_t)((double)more * LG_SEC / (double)passed_us);
        rate->bytes_per_s = (int64_t)((double)more_bytes * LG_SEC / (double)passed_us);
    }
    rate->since_us = now_us;
    rate->records = records;
    rate->bytes = bytes;
}

/* The furthest replica of a partition. */
static struct lg_catalog_replica furthest(const struct lg_ctl_topic *t,
                                          const struct lg_catalog_snapshot *snapshot,
                                          const struct lg_catalog_topic *topic, uint32_t p)
{
    struct lg_catalog_replica best = {0};

    for (uint32_t r = 0; r < t->placement.parts[p].count; r++) {
        const char *id = t->placement.parts[p].ids[r];
        struct lg_catalog_replica said;

        (void)lg_push_monitor_replica(snapshot, topic, p, id, &said);
        if (said.records >= best.records)
            best = said;
    }
    return best;
}

void lg_push_monitor_measure(struct lg_ctl_topic *t, const struct lg_catalog_snapshot *snapshot,
                             const struct lg_push_view *view, uint64_t now_us)
{
    const struct lg_catalog_topic *topic =
        snapshot == NULL ? NULL : lg_catalog_topic(snapshot, lg_slice_str(t->name));

    if (t->rate.since_us != 0 && now_us - t->rate.since_us < LG_SEC)
        return;
    measure(&t->rate, now_us, view->records, view->bytes);
    if (t->rates == NULL)
        t->rates = lg_new_array(struct lg_ctl_rate, t->placement.partitions);
    for (uint32_t p = 0; p < t->placement.partitions; p++) {
        struct lg_catalog_replica best = furthest(t, snapshot, topic, p);

        measure(&t->rates[p], now_us, (int64_t)best.records, (int64_t)best.bytes);
    }
}

char *lg_push_monitor_reason(const char *const *node_names, const struct lg_slice *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        LG_AUTO(lg_json) *json = NULL;
        struct lg_error ignored;
        struct lg_json *replica;
        const char *partition;

        if (lg_json_parse(values[i], &json, &ignored) != LG_OK)
            continue;
        for (size_t at = 0; lg_json_next(json, &at, &partition, &replica);) {
            const char *error = lg_json_get_str(replica, "error", NULL);

            if (error != NULL)
                return lg_strf("partition %s on %s: %s", partition, node_names[i], error);
        }
    }
    return NULL;
}
