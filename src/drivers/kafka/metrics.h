/* Metrics of this module: see metrics.def. */
#ifndef LG_DRIVERS_KAFKA_METRICS_H
#define LG_DRIVERS_KAFKA_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "drivers/kafka/metrics.def"
#undef X
extern const struct lg_metric_table lg_kafka_metrics;

#endif
