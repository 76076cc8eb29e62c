/* Metrics of this module: see metrics.def. */
#ifndef LG_BASE_METRICS_H
#define LG_BASE_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "base/metrics.def"
#undef X
extern const struct lg_metric_table lg_base_metrics;

#endif
