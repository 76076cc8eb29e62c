/* Metrics of this module: see metrics.def. */
#ifndef LG_LANE_METRICS_H
#define LG_LANE_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "lane/metrics.def"
#undef X
/* The label of a lane of that name. */
uint32_t lg_lane_metric_label(const char *name);
extern const struct lg_metric_table lg_lane_metrics;

#endif
