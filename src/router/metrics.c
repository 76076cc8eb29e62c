#include "router/metrics.h"

#define X LG_METRIC_DEFINE
#include "router/metrics.def"
#undef X

static struct lg_metric *const rows[] = {
#define X LG_METRIC_POINTER
#include "router/metrics.def"
#undef X
};
const struct lg_metric_table lg_router_metrics = {rows, LG_ARRAY_SIZE(rows)};

void lg_router_count_bad(enum lg_router_bad why)
{
    lg_metric_add(&lg_metric_router_bad_requests_total, (uint32_t)why, 1);
}
