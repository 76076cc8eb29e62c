/* Metrics of this module: see metrics.def. */
#ifndef LG_ROUTER_METRICS_H
#define LG_ROUTER_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "router/metrics.def"
#undef X
extern const struct lg_metric_table lg_router_metrics;

/* The first label of router_refused_total. */
enum lg_router_refusal {
    LG_ROUTER_REFUSED_QUOTA,
    LG_ROUTER_REFUSED_PERMISSION,
    LG_ROUTER_REFUSED_DISABLED,
    LG_ROUTER_REFUSED_UNREADY,
    LG_ROUTER_REFUSED_UNKNOWN,
};

/* What is wrong with a request as it stands; by the labels of router_bad_requests_total. */
enum lg_router_bad {
    LG_ROUTER_BAD_PATH,
    LG_ROUTER_BAD_METHOD,
    LG_ROUTER_BAD_PARAMETER, /* of a query */
    LG_ROUTER_BAD_KEY,
    LG_ROUTER_BAD_SCHEMA,  /* an id that the store has not */
    LG_ROUTER_BAD_VERSION, /* X-VENICE-API-VERSION */
    LG_ROUTER_TOO_LARGE,   /* too many keys, or too much of them */
    LG_ROUTER_BAD_BODY,
    LG_ROUTER_NO_RESOURCE, /* a store or version that does not exist */
};
/* One more: to be called where it is answered. */
void lg_router_count_bad(enum lg_router_bad why);

#endif
