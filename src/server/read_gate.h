/* Who is let in: the door of a lane that answers reads. It refuses what is over the quota of its
 * store or of the node (fetch/quota.h), and, when the lane is asked for more than it can do, what
 * it would answer too late anyway (fetch/shed.h).
 *
 * One per lane, owned by it; opened and closed one at a time.
 */
#ifndef LG_SERVER_READ_GATE_H
#define LG_SERVER_READ_GATE_H

#include "fetch/quota.h"
#include "fetch/shed.h"
#include "lane/lane.h"
#include "read/cold_queue.h"
#include "server/serving.h"

/* A burst may wait for so many targets; more costs the first seconds of an overload (ADR 0045). */
#define LG_READ_GATE_BURST_TARGETS 2u
#define LG_READ_GATE_OVERLOAD_MS 1000u /* So much later somebody who was refused may come back. */

struct lg_read_gate; /* Opaque. */

/* `quota` is borrowed and outlives it. `target_us` as of lg_shed_options, 0: nothing is refused for
 * being late; nor is it on a lane that does not know how long it waits. LG_ERR_BUSY: too many lanes
 * share the quota. From any thread, before the lane uses it. */
LG_MUST_CHECK enum lg_rc lg_read_gate_open(struct lg_lane *lane, struct lg_quota *quota,
                                           uint64_t target_us, struct lg_read_gate **out,
                                           struct lg_error *err);
/* How long a burst may wait, by that. */
static inline uint64_t lg_read_gate_burst_us(uint64_t target_us)
{
    return LG_MAX(target_us * LG_READ_GATE_BURST_TARGETS, (uint64_t)LG_SHED_BURST_US);
}
/* NULL is allowed. */
void lg_read_gate_close(struct lg_read_gate *g);

/* A tick begins, and it ends. */
void lg_read_gate_tick(struct lg_read_gate *g);
void lg_read_gate_rest(struct lg_read_gate *g);

/* `let_in` is told at the end of a tick, or earlier, of each store of which requests were let in.
 */
void lg_read_gate_watch(struct lg_read_gate *g,
                        void (*let_in)(void *ctx, uint32_t store, uint32_t requests), void *ctx);
/* When what this tick brought was there, on average (fetch/shed.h); on a lane that does not shed,
 * when the tick began. Lane time. */
uint64_t lg_read_gate_arrived_us(const struct lg_read_gate *g);
/* On metrics, the store of the keys that were let in last. */
uint32_t lg_read_gate_store(const struct lg_read_gate *g);

/* May so many keys (> 0) of the topic be read? LG_ERR_QUOTA: over the store's quota; LG_ERR_BUSY:
 * over the node's; LG_ERR_OVERLOADED: it would be late. `*out_retry_after_ms` (else untouched) as
 * of lg_quota_take. */
LG_MUST_CHECK enum lg_rc lg_read_gate_admit(struct lg_read_gate *g,
                                            const struct lg_serving_topic *topic, uint32_t keys,
                                            bool is_retry, uint32_t *out_retry_after_ms);
/* What was let in, of that store (on metrics), has waited for the disk. False: for too long; it was
 * not read, and is refused after all, if somebody still hears it: LG_ERR_OVERLOADED, for
 * LG_READ_GATE_OVERLOAD_MS. What it has paid of its quota stays paid. */
LG_MUST_CHECK bool lg_read_gate_was_read(const struct lg_cold_wait *wait, uint32_t store,
                                         bool is_heard);

#endif
