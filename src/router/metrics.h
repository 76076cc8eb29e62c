/* Metrics of this module: see metrics.def. */
#ifndef LG_ROUTER_METRICS_H
#define LG_ROUTER_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "router/metrics.def"
#undef X
extern const struct lg_metric_table lg_router_metrics;

/* The first label of router_refused_total. */
enum lg_router_refusal {
    LG_ROUTER_REFUSED_QUOTA,
    LG_ROUTER_REFUSED_PERMISSION,
    LG_ROUTER_REFUSED_DISABLED,
    LG_ROUTER_REFUSED_UNREADY,
    LG_ROUTER_REFUSED_UNKNOWN,
};

#endif
