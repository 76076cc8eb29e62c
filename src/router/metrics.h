/* Metrics of this module: see metrics.def. */
#ifndef LG_ROUTER_METRICS_H
#define LG_ROUTER_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "router/metrics.def"
#undef X
extern const struct lg_metric_table lg_router_metrics;

#endif
