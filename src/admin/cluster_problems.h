/* What is wrong with a cluster and what to do next, from what its controller says. Pure.
 *
 * Three answers of the controller go in: of /v1/cluster_status, /v1/nodes and /v1/list_pushes; out
 * comes a list, the worst first, for people and (as it is) for programs.
 */
#ifndef LG_ADMIN_CLUSTER_PROBLEMS_H
#define LG_ADMIN_CLUSTER_PROBLEMS_H

#include "base/json.h"

#define LG_CLUSTER_PROBLEMS_EACH 5u /* of one kind are told; the last one says how many more */

/* [{"severity","kind","what","next"}]: "error": somebody must act now; "warning": all is read, but
 * less is left than should be; "note": nothing is hurt. The caller frees it. Members that are
 * missing are taken for healthy: an older controller says less. */
struct lg_json *lg_cluster_problems(const struct lg_json *status, const struct lg_json *nodes,
                                    const struct lg_json *pushes);
/* How many have that severity. */
size_t lg_cluster_problems_count(const struct lg_json *problems, const char *severity);

#endif
