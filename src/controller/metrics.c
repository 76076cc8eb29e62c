#include "controller/metrics.h"

#define X LG_METRIC_DEFINE
#include "controller/metrics.def"
#undef X

static struct lg_metric *const rows[] = {
#define X LG_METRIC_POINTER
#include "controller/metrics.def"
#undef X
};
const struct lg_metric_table lg_controller_metrics = {rows, LG_ARRAY_SIZE(rows)};
