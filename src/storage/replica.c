/* The reference that keeps a replica open; see the header. */
#include "storage/replica.h"

void lg_replica_init(struct lg_replica *r, struct lg_lane *lane, struct lg_engine *engine,
                     const char *topic, uint32_t partition)
{
    *r = (struct lg_replica){
        .engine = engine, .topic = topic, .partition = partition, .refs = 1, .lane = lane};
}

static void last_reference_gone(struct lg_task *task)
{
    struct lg_replica *r = LG_CONTAINER_OF(task, struct lg_replica, task);

    r->drained(r);
}

void lg_replica_unref(struct lg_replica *r)
{
    if (r == NULL || !lg_ref_put(&r->refs))
        return;
    assert(r->drained != NULL && "the owner's reference is given up by lg_replica_retire");
    r->task.run = last_reference_gone;
    lg_lane_post(r->lane, &r->task);
}

void lg_replica_retire(struct lg_replica *r, void (*drained)(struct lg_replica *r))
{
    r->drained = drained;
    lg_replica_unref(r);
}
