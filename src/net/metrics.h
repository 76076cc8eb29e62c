/* Metrics of this module: see metrics.def. */
#ifndef LG_NET_METRICS_H
#define LG_NET_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "net/metrics.def"
#undef X
extern const struct lg_metric_table lg_net_metrics;

/* The second label of http_refused_total. */
enum lg_http_refusal {
    LG_HTTP_REFUSED_CONNECTIONS,
    LG_HTTP_REFUSED_HEAD,
    LG_HTTP_REFUSED_BODY,
    LG_HTTP_REFUSED_TIME,
    LG_HTTP_REFUSED_SYNTAX,
    LG_HTTP_REFUSED_MEMORY,
    LG_HTTP_REFUSALS
};

#endif
