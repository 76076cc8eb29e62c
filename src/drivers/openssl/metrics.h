/* Metrics of this module: see metrics.def. */
#ifndef LG_DRIVERS_OPENSSL_METRICS_H
#define LG_DRIVERS_OPENSSL_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "drivers/openssl/metrics.def"
#undef X
extern const struct lg_metric_table lg_openssl_metrics;

#endif
