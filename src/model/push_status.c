/* Verdicts on partitions and pushes. Pure. */
#include "model/push_status.h"

#include "lane/mutant.h"

bool lg_push_status_is_error(enum lg_push_status s)
{
    return s == LG_PUSH_ERROR || s == LG_PUSH_DVC_DISK_FULL ||
           s == LG_PUSH_DVC_MEMORY_LIMIT_REACHED || s == LG_PUSH_DVC_TOO_MANY_DEAD_INSTANCES ||
           s == LG_PUSH_DVC_OTHER;
}

bool lg_push_status_is_terminal(enum lg_push_status s)
{
    return lg_push_status_is_error(s) || s == LG_PUSH_END_OF_INCREMENTAL_PUSH_RECEIVED ||
           s == LG_PUSH_COMPLETED || s == LG_PUSH_WARNING || s == LG_PUSH_ARCHIVED;
}

/* Venice shows a replica's latest "determined" status and looks through its history for the end of
 * push; a replica of ours reports one status, so the later ones must imply it. */
bool lg_push_status_has_end_of_push(enum lg_push_status s)
{
    switch (s) {
    case LG_PUSH_END_OF_PUSH_RECEIVED:
    case LG_PUSH_START_OF_BUFFER_REPLAY_RECEIVED:
    case LG_PUSH_TOPIC_SWITCH_RECEIVED:
    case LG_PUSH_START_OF_INCREMENTAL_PUSH_RECEIVED:
    case LG_PUSH_END_OF_INCREMENTAL_PUSH_RECEIVED:
    case LG_PUSH_COMPLETED:
    case LG_PUSH_CATCH_UP_BASE_TOPIC_OFFSET_LAG:
    case LG_PUSH_DATA_RECOVERY_COMPLETED:
        return true;
    default:
        return false;
    }
}

bool lg_push_status_may_become(enum lg_push_status from, enum lg_push_status to)
{
    switch (from) {
    case LG_PUSH_NOT_CREATED:
        return to == LG_PUSH_STARTED || to == LG_PUSH_ERROR;
    case LG_PUSH_STARTED:
        return to == LG_PUSH_STARTED || to == LG_PUSH_END_OF_PUSH_RECEIVED ||
               to == LG_PUSH_COMPLETED || to == LG_PUSH_ERROR;
    case LG_PUSH_END_OF_PUSH_RECEIVED:
        return to == LG_PUSH_COMPLETED || to == LG_PUSH_ERROR;
    case LG_PUSH_COMPLETED:
    case LG_PUSH_ERROR:
        return to == LG_PUSH_ARCHIVED;
    default:
        return false;
    }
}

enum lg_push_status lg_push_status_of_partition(const struct lg_push_replica *replicas, size_t n,
                                                int32_t replication_factor,
                                                enum lg_push_strategy strategy)
{
    int64_t tolerated = strategy == LG_PUSH_STRATEGY_WAIT_N_MINUS_ONE && replication_factor > 1;
    int64_t required = replication_factor - tolerated;
    int64_t completed = 0, errors = 0;
    bool leader_is_behind = false, has_end_of_push = false;

    assert(replication_factor >= 1);
    if (n == 0)
        return LG_PUSH_NOT_CREATED;
    for (size_t i = 0; i < n; i++) {
        const struct lg_push_replica *r = &replicas[i];
        bool is_completed =
            !r->disabled &&
            (r->status == LG_PUSH_COMPLETED ||
             (r->status == LG_PUSH_STARTED && lg_mutant(LG_MUTANT_swap_before_complete)));

        completed += is_completed;
        errors += r->disabled || lg_push_status_is_error(r->status);
        leader_is_behind |= r->is_leader && !is_completed;
        has_end_of_push |= !r->disabled && lg_push_status_has_end_of_push(r->status);
    }
    if (completed >= required && !leader_is_behind)
        return LG_PUSH_COMPLETED;
    /* Fewer replicas than wanted are waited for; only a fault ends a push. */
    if (errors > 0 && errors > (int64_t)n - required)
        return LG_PUSH_ERROR;
    return has_end_of_push ? LG_PUSH_END_OF_PUSH_RECEIVED : LG_PUSH_STARTED;
}

enum lg_push_status lg_push_status_of_job(const enum lg_push_status *partitions, size_t n)
{
    size_t completed = 0, ended = 0, missing = 0;

    for (size_t i = 0; i < n; i++) {
        if (lg_push_status_is_error(partitions[i]))
            return LG_PUSH_ERROR;
        missing += partitions[i] == LG_PUSH_NOT_CREATED;
        completed += partitions[i] == LG_PUSH_COMPLETED;
        ended += lg_push_status_has_end_of_push(partitions[i]);
    }
    if (n == 0 || missing > 0)
        return LG_PUSH_NOT_CREATED;
    if (completed == n)
        return LG_PUSH_COMPLETED;
    return ended == n ? LG_PUSH_END_OF_PUSH_RECEIVED : LG_PUSH_STARTED;
}
