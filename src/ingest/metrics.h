/* Metrics of this module: see metrics.def. */
#ifndef LG_INGEST_METRICS_H
#define LG_INGEST_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "ingest/metrics.def"
#undef X
extern const struct lg_metric_table lg_ingest_metrics;

#endif
