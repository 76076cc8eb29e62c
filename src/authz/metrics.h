/* Metrics of this module: see metrics.def. */
#ifndef LG_AUTHZ_METRICS_H
#define LG_AUTHZ_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "authz/metrics.def"
#undef X
extern const struct lg_metric_table lg_authz_metrics;

#endif
