#include "base/hiccup.h"

#include <stdio.h>

void lg_hiccup_init(struct lg_hiccup *h, uint64_t period_ns, uint64_t now_ns,
                    lg_hiccup_late_fn on_late, void *ctx)
{
    assert(period_ns > 0);
    *h = (struct lg_hiccup){
        .period_ns = period_ns, .next_ns = now_ns + period_ns, .on_late = on_late, .ctx = ctx};
}

void lg_hiccup_woke(struct lg_hiccup *h, uint64_t now_ns)
{
    uint64_t stall_ns, missed;

    if (now_ns < h->next_ns)
        return;
    stall_ns = now_ns - h->next_ns;
    missed = stall_ns / h->period_ns;
    h->longest_ns = LG_MAX(h->longest_ns, stall_ns);
    if (h->on_late != NULL && stall_ns > 0)
        h->on_late(h->ctx, h->next_ns, now_ns);
    for (uint64_t i = 0; i <= LG_MIN(missed, (uint64_t)LG_HICCUP_MISSED_MAX); i++)
        lg_histogram_add(&h->stalls_ns, stall_ns - i * h->period_ns);
    if (missed > LG_HICCUP_MISSED_MAX)
        lg_histogram_add_n(&h->stalls_ns, stall_ns, missed - LG_HICCUP_MISSED_MAX);
    h->next_ns += (missed + 1) * h->period_ns;
}

const char *lg_verdict_name(enum lg_verdict v)
{
    static const char *const names[] = {"PASS", "VOID", "FAIL"};

    return names[v];
}

static bool are_enough(const struct lg_histogram *h, double share)
{
    return (double)lg_histogram_count(h) * (1 - share) >= LG_HICCUP_BEYOND_MIN - 1e-6;
}

enum lg_verdict lg_hiccup_judge(const struct lg_hiccup *h, const struct lg_histogram *latency_ns,
                                double share, uint64_t bar_ns, struct lg_error *out_why)
{
    uint64_t saw_ns = lg_histogram_quantile(latency_ns, share);
    uint64_t stalled_ns = lg_histogram_quantile(&h->stalls_ns, share);
    enum lg_verdict v = LG_VERDICT_VOID;
    char bar[48] = "";
    const char *why;

    if (!are_enough(latency_ns, share)) {
        why = "too few answers for that share";
    } else if (bar_ns > 0 && saw_ns <= bar_ns) {
        v = LG_VERDICT_PASS;
        why = "within the bar";
    } else if (!are_enough(&h->stalls_ns, share)) {
        why = "the run was too short to know the machine";
    } else if (stalled_ns > (bar_ns > 0 ? bar_ns : saw_ns) / 2) {
        why = "the machine itself stalled";
    } else {
        v = bar_ns > 0 ? LG_VERDICT_FAIL : LG_VERDICT_PASS;
        why = bar_ns > 0 ? "over the bar, and the machine ran" : "the machine ran";
    }
    if (bar_ns > 0)
        (void)snprintf(bar, sizeof(bar), ", bar %.1f us", (double)bar_ns / 1000);
    if (out_why != NULL)
        (void)lg_error_set(
            out_why, LG_OK, "%s: %s (answers %.1f us, stalls of the machine %.1f us%s)",
            lg_verdict_name(v), why, (double)saw_ns / 1000, (double)stalled_ns / 1000, bar);
    return v;
}
