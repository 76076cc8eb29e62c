/* What a controller tells of where replicas are: metrics, and the board of /readyz. Owned by the
 * controller's lane. */
#include "catalog/replication.h"
#include "controller/core.h"
#include "controller/metrics.h"
#include "controller/placement.h"

static void add_under_replicated(void *ctx, const struct lg_ctl_topic *t, uint32_t partition,
                                 uint32_t ready)
{
    lg_replication_add(ctx, t->store, t->version, partition, ready, t->placement.factor);
}

void lg_ctl_place_tell(const struct lg_controller *c)
{
    struct lg_replication r = {0};
    struct lg_ctl_census n = lg_ctl_place_census(c, add_under_replicated, &r);

    lg_metric_set(&lg_metric_controller_nodes, 0, n.live);
    lg_metric_set(&lg_metric_controller_nodes, 1, n.gone);
    lg_metric_set(&lg_metric_controller_nodes, 2, n.draining);
    lg_metric_set(&lg_metric_controller_underreplicated_partitions, 0, n.underreplicated);
    lg_metric_set(&lg_metric_controller_moving_partitions, 0, n.moving);
    lg_replication_tell(&r);
}

/* One that leads tells what it counts itself, whenever it looks. */
void lg_controller_health(const struct lg_controller *c)
{
    struct lg_replication r = {0};

    if (c->stopping || lg_ctl_leads(c) || lg_ctl_snapshot(c) == NULL)
        return;
    lg_replication_count(&r, lg_ctl_snapshot(c));
    lg_replication_tell(&r);
}

void lg_ctl_place_end(void)
{
    for (uint32_t i = 0; i < 3; i++)
        lg_metric_set(&lg_metric_controller_nodes, i, 0);
    lg_metric_set(&lg_metric_controller_underreplicated_partitions, 0, 0);
    lg_metric_set(&lg_metric_controller_moving_partitions, 0, 0);
    lg_replication_forget();
}
