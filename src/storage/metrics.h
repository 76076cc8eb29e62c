/* Metrics of this module: see metrics.def. */
#ifndef LG_STORAGE_METRICS_H
#define LG_STORAGE_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "storage/metrics.def"
#undef X
extern const struct lg_metric_table lg_storage_metrics;

#endif
