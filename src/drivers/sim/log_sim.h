/* A log that is as unreliable as its port allows: between a role of a simulated node and the driver
 * that it uses. Answers come late or not at all, with and without the thing having happened;
 * records are written twice, as a client does that repeats what was never confirmed to it; a fetch
 * finds nothing though there is something; what a fetch would have answered has been removed by
 * retention, and all before it.
 *
 * Made by the code of a node, for one lane of it, and dies with it. What goes wrong is drawn from
 * that lane's source of chance.
 */
#ifndef LG_DRIVERS_SIM_LOG_SIM_H
#define LG_DRIVERS_SIM_LOG_SIM_H

#include "pubsub/pubsub.h"

struct lg_log_sim;

/* Each happens to one in so many operations; 0: never. Looked at with each operation. */
struct lg_log_sim_faults {
    uint32_t lost;        /* it does not happen: LG_ERR_UNAVAILABLE */
    uint32_t answer_lost; /* it happens: LG_ERR_UNAVAILABLE */
    uint32_t twice;       /* of PRODUCE: the records are there twice */
    uint32_t empty;       /* of FETCH: nothing, though there may be something */
    uint32_t late;        /* the answer waits for up to late_max_us */
    uint64_t late_max_us;

    /* Of FETCH after the first one, when it would have answered something: LG_ERR_POSITION_GONE;
     * START tells the end of that, a few records further. It stays so until this is 0 again: the
     * log is whole again. Only of topics of which `removes` says so, whose fetches are short. */
    uint32_t gone;
    bool (*removes)(void *ctx, const char *topic);
    void (*removed)(void *ctx, struct lg_lane *lane, const char *topic, uint32_t partition);
    void *removes_ctx;
};

/* `inner` and `faults` outlive it. */
struct lg_log_sim *lg_log_sim_new(struct lg_pubsub *inner, struct lg_lane *lane,
                                  const struct lg_log_sim_faults *faults);
/* From its lane; operations under way end first, so `inner` and `faults` are needed until then.
 * NULL is allowed. */
void lg_log_sim_free(struct lg_log_sim *log);
struct lg_pubsub *lg_log_sim_pubsub(struct lg_log_sim *log);

#endif
