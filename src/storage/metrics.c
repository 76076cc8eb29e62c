#include "storage/metrics.h"

#define X LG_METRIC_DEFINE
#include "storage/metrics.def"
#undef X

static struct lg_metric *const rows[] = {
#define X LG_METRIC_POINTER
#include "storage/metrics.def"
#undef X
};
const struct lg_metric_table lg_storage_metrics = {rows, LG_ARRAY_SIZE(rows)};
