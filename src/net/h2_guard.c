#include "net/h2_guard.h"

#include "net/metrics.h"

static const size_t presets[LG_H2_REASONS] = {
#define X(name, preset, per_second, text) preset,
#include "net/h2_limits.def"
#undef X
};
static const size_t rates[LG_H2_REASONS] = {
#define X(name, preset, per_second, text) per_second,
#include "net/h2_limits.def"
#undef X
};
_Static_assert(sizeof(struct lg_h2_limits) == sizeof(presets), "limits are an array of size_t");

void lg_h2_guard_init(struct lg_h2_guard *g, const struct lg_h2_limits *limits, uint64_t now_ms)
{
    size_t values[LG_H2_REASONS];

    *g = (struct lg_h2_guard){.now_ms = now_ms, .refilled_ms = now_ms};
    memcpy(values, limits, sizeof(values));
    for (size_t i = 0; i < LG_H2_REASONS; i++)
        values[i] = values[i] == 0 ? presets[i] : values[i];
    memcpy(&g->limits, values, sizeof(values));
}

static void give_back(struct lg_h2_guard *g, enum lg_h2_reason what, size_t n)
{
    g->used[what] -= LG_MIN(g->used[what], n);
}

void lg_h2_guard_give_back(struct lg_h2_guard *g)
{
    give_back(g, LG_H2_OVER_pings, 1);
    give_back(g, LG_H2_OVER_empty_data, 1);
    give_back(g, LG_H2_OVER_small_windows, 1);
    if ((g->finished & 3) == 0)
        give_back(g, LG_H2_OVER_resets, 1);
}

bool lg_h2_guard_tick(struct lg_h2_guard *g, uint64_t now_ms, bool waiting, bool partial,
                      enum lg_h2_reason *out)
{
    uint64_t seconds;

    g->now_ms = LG_MAX(g->now_ms, now_ms);
    seconds = (g->now_ms - g->refilled_ms) / 1000;
    g->refilled_ms += seconds * 1000;
    for (size_t i = 0; seconds > 0 && i < LG_H2_REASONS; i++)
        if (rates[i] > 0)
            give_back(g, (enum lg_h2_reason)i, (size_t)LG_MIN(seconds, (uint64_t)86400) * rates[i]);

    /* A clock starts at the first tick that sees the wait, so that 0 can mean that it stands. */
    if (!waiting)
        g->waiting_since_ms = 0;
    else if (g->waiting_since_ms == 0)
        g->waiting_since_ms = g->now_ms + 1;
    if (!partial)
        g->partial_since_ms = 0;
    else if (g->partial_since_ms == 0)
        g->partial_since_ms = g->now_ms + 1;
    if (waiting && g->now_ms >= g->waiting_since_ms + g->limits.stall_ms) {
        *out = LG_H2_OVER_stall_ms;
        return false;
    }
    if (partial && g->now_ms >= g->partial_since_ms + g->limits.head_ms) {
        *out = LG_H2_OVER_head_ms;
        return false;
    }
    return true;
}

void lg_h2_count(struct lg_h2 *h, enum lg_h2_reason why)
{
    h->over[why]++;
    lg_metric_add(&lg_metric_http2_limits_total, (uint32_t)why, 1);
}

uint32_t lg_h2_fault_label(enum lg_h2_scope scope, uint32_t code)
{
    /* In the order of the labels. */
    static const uint32_t codes[] = {LG_H2_PROTOCOL_ERROR,     LG_H2_INTERNAL_ERROR,
                                     LG_H2_FLOW_CONTROL_ERROR, LG_H2_STREAM_CLOSED,
                                     LG_H2_FRAME_SIZE_ERROR,   LG_H2_COMPRESSION_ERROR,
                                     LG_H2_ENHANCE_YOUR_CALM};
    uint32_t i = 0;

    while (i < LG_ARRAY_SIZE(codes) && codes[i] != code)
        i++;
    if (i == LG_ARRAY_SIZE(codes))
        i = 1; /* No engine says another one. */
    return (uint32_t)scope * (uint32_t)LG_ARRAY_SIZE(codes) + i;
}

void lg_h2_count_fault(enum lg_h2_scope scope, uint32_t code)
{
    lg_metric_add(&lg_metric_http2_faults_total, lg_h2_fault_label(scope, code), 1);
}
