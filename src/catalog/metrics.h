/* Metrics of this module: see metrics.def. */
#ifndef LG_CATALOG_METRICS_H
#define LG_CATALOG_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "catalog/metrics.def"
#undef X
extern const struct lg_metric_table lg_catalog_metrics;

#endif
