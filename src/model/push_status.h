/* What the replicas' reports say about a partition, and the partitions about a push
 * (platform-behaviour.md 1.5). Pure decisions.
 */
#ifndef LG_MODEL_PUSH_STATUS_H
#define LG_MODEL_PUSH_STATUS_H

#include "model/enums.h"

struct lg_push_replica {
    enum lg_push_status status; /* its latest report */
    bool is_leader;
    bool disabled; /* taken out after an error: counts as one */
};

/* Nothing can follow but archiving. */
bool lg_push_status_is_terminal(enum lg_push_status s);
/* ERROR or one of the four Da Vinci errors. */
bool lg_push_status_is_error(enum lg_push_status s);
/* The end of push has been seen, or anything that comes after it. */
bool lg_push_status_has_end_of_push(enum lg_push_status s);
/* May a push go from one to the other? */
bool lg_push_status_may_become(enum lg_push_status from, enum lg_push_status to);

/* The verdict on one partition with `n` assigned replicas: NOT_CREATED (n is 0), STARTED,
 * END_OF_PUSH_RECEIVED, COMPLETED or ERROR.
 *
 * COMPLETED needs `replication_factor` replicas less the tolerated ones, and the leader if there
 * is one. ERROR needs more errors than can be tolerated. WAIT_N_MINUS_ONE tolerates one replica,
 * but never the only one: in Venice a partition with one replica that failed stays open until the
 * push times out, here it fails. */
enum lg_push_status lg_push_status_of_partition(const struct lg_push_replica *replicas, size_t n,
                                                int32_t replication_factor,
                                                enum lg_push_strategy strategy);
/* The verdict on a push: ERROR if a partition is; NOT_CREATED if one is, or there is none;
 * COMPLETED if all are; END_OF_PUSH_RECEIVED if all have it; else STARTED. */
enum lg_push_status lg_push_status_of_job(const enum lg_push_status *partitions, size_t n);

#endif
