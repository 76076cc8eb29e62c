/* Metrics of this module: see metrics.def. */
#ifndef LG_MAIN_METRICS_H
#define LG_MAIN_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "main/metrics.def"
#undef X
extern const struct lg_metric_table lg_main_metrics;

#endif
