/* Metrics of this module: see metrics.def. */
#ifndef LG_DRIVERS_URING_METRICS_H
#define LG_DRIVERS_URING_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "drivers/uring/metrics.def"
#undef X
extern const struct lg_metric_table lg_uring_metrics;

#endif
