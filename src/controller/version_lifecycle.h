/* Who may push, and what a push leaves behind: decisions on a copy of the store. Pure. */
#ifndef LG_CONTROLLER_VERSION_LIFECYCLE_H
#define LG_CONTROLLER_VERSION_LIFECYCLE_H

#include "model/store.h"

/* A push without a lease, or whose end was written, that runs for so long is lingering: the next
 * one replaces it, as in Venice (bootstrapToOnlineTimeoutInHours). */
#define LG_VERSION_LINGER_MS INT64_C(86400000)

/* Admits a push: as lg_store_add_version, but a running push whose pusher has been silent for
 * longer than its lease, or that lingers, is killed first; `*out_replaced` is its version, else 0.
 * On failure the store is untouched. `*out_version` is a number, since the store's versions may
 * move. */
LG_MUST_CHECK enum lg_rc lg_version_lifecycle_admit(struct lg_store *store,
                                                    const struct lg_store_push *push,
                                                    int32_t *out_version, bool *out_is_new,
                                                    int32_t *out_replaced, struct lg_error *err);

/* What /job says of a version whose push is not running: COMPLETED, ERROR; ARCHIVED for one that
 * is gone (NULL, number at most the largest used). STARTED is not asked about. */
enum lg_push_status lg_version_lifecycle_job_status(const struct lg_version *version);

#endif
