#include "lane/metrics.h"

#define X LG_METRIC_DEFINE
#include "lane/metrics.def"
#undef X

static struct lg_metric *const rows[] = {
#define X LG_METRIC_POINTER
#include "lane/metrics.def"
#undef X
};
const struct lg_metric_table lg_lane_metrics = {rows, LG_ARRAY_SIZE(rows)};

uint32_t lg_lane_metric_label(const char *name)
{
    return strcmp(name, "control") == 0 ? 1 : strcmp(name, "data") == 0 ? 2 : 0;
}
