/* Metrics of this module: see metrics.def. */
#ifndef LG_SERVER_METRICS_H
#define LG_SERVER_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "server/metrics.def"
#undef X
extern const struct lg_metric_table lg_server_metrics;

#endif
