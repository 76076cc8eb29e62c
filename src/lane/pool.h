/* Threads for blocking work as a port: what a lane hands its offloads to. drivers/uv/pool_uv is the
 * one of production, for lanes of every driver; the simulator's lanes need none.
 */
#ifndef LG_LANE_POOL_H
#define LG_LANE_POOL_H

#include "lane/lane.h"

struct lg_pool { /* The head that a driver embeds first. */
    /* Queues `offload`, whose lane is set. After its `work` the pool calls `returned(offload)` on
     * the pool's thread and does not touch the offload again. From any thread. */
    void (*submit)(struct lg_pool *pool, struct lg_offload *offload,
                   void (*returned)(struct lg_offload *offload));
};

#endif
