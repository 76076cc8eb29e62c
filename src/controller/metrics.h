/* Metrics of this module: see metrics.def. */
#ifndef LG_CONTROLLER_METRICS_H
#define LG_CONTROLLER_METRICS_H

#include "base/metric.h"

#define X LG_METRIC_DECLARE
#include "controller/metrics.def"
#undef X
extern const struct lg_metric_table lg_controller_metrics;

/* The label of controller_pushes_total. */
enum lg_ctl_pushes {
    LG_CTL_PUSHES_BEGUN,
    LG_CTL_PUSHES_COMPLETED,
    LG_CTL_PUSHES_FAILED,
    LG_CTL_PUSHES_STOPPED,
    LG_CTL_PUSHES_KILLED
};

/* The label of controller_resets_total. */
enum lg_ctl_resets { LG_CTL_RESETS_BY_ITSELF, LG_CTL_RESETS_ON_REQUEST };

#endif
