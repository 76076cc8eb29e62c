#include "base/metrics.h"

#define X LG_METRIC_DEFINE
#include "base/metrics.def"
#undef X

static struct lg_metric *const rows[] = {
#define X LG_METRIC_POINTER
#include "base/metrics.def"
#undef X
};
const struct lg_metric_table lg_base_metrics = {rows, LG_ARRAY_SIZE(rows)};
