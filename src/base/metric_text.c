/* Prometheus' text format (0.0.4) from the registry. Any thread; one scrape at a time. */
#include "base/metric.h"

static void append_name(struct lg_buf *out, const struct lg_metric *m)
{
    if (strncmp(m->name, "process_", 8) != 0)
        lg_buf_append_str(out, "lagoon_");
    lg_buf_append_str(out, m->name);
}

static void append_escaped(struct lg_buf *out, struct lg_slice text, bool in_label)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (c == '\n')
            lg_buf_append_str(out, "\\n");
        else if (c == '\\' || (c == '"' && in_label))
            lg_buf_appendf(out, "\\%c", c);
        else
            lg_buf_append_byte(out, c);
    }
}

/* In seconds with no more digits than they need. */
static void append_seconds(struct lg_buf *out, uint64_t v, unsigned long long unit, int digits)
{
    unsigned long long whole = v / unit, rest = v % unit;

    for (; digits > 0 && rest % 10 == 0; digits--)
        rest /= 10;
    if (digits == 0)
        lg_buf_appendf(out, "%llu", whole);
    else
        lg_buf_appendf(out, "%llu.%0*llu", whole, digits, rest);
}

static void append_number(struct lg_buf *out, const struct lg_metric *m, uint64_t v)
{
    if (m->unit == LG_METRIC_SECONDS)
        append_seconds(out, v, 1000000, 6);
    else if (m->unit == LG_METRIC_NANOSECONDS)
        append_seconds(out, v, 1000000000, 9);
    else if (m->kind == LG_METRIC_GAUGE) /* Sums of additions and subtractions. */
        lg_buf_appendf(out, "%lld", (long long)v);
    else
        lg_buf_appendf(out, "%llu", (unsigned long long)v);
}

static void append_label(struct lg_buf *out, bool *any, struct lg_slice name, struct lg_slice value)
{
    lg_buf_append_byte(out, *any ? ',' : '{');
    *any = true;
    lg_buf_append_slice(out, name);
    lg_buf_append_str(out, "=\"");
    append_escaped(out, value, /* in_label= */ true);
    lg_buf_append_byte(out, '"');
}

/* The labels without their closing brace. */
static bool append_labels(struct lg_buf *out, const struct lg_metric *m, uint32_t series)
{
    uint32_t fixed = series % m->values, after = m->values;
    struct lg_slice name, values;
    bool any = false;

    for (size_t i = 0; lg_metric_label_at(m, i, &name, &values); i++) {
        after /= lg_metric_values_count(values);
        append_label(out, &any, name, lg_metric_values_at(values, fixed / after));
        fixed %= after;
    }
    if (m->by_store)
        append_label(out, &any, LG_LIT("store"),
                     lg_slice_str(lg_metric_store_name(series / m->values)));
    return any;
}

static void append_sample(struct lg_buf *out, const struct lg_metric *m, uint32_t series,
                          const char *suffix, uint64_t v, bool is_count)
{
    struct lg_metric plain = {.kind = LG_METRIC_COUNTER};

    append_name(out, m);
    lg_buf_append_str(out, suffix);
    if (append_labels(out, m, series))
        lg_buf_append_byte(out, '}');
    lg_buf_append_byte(out, ' ');
    append_number(out, is_count ? &plain : m, v);
    lg_buf_append_byte(out, '\n');
}

/* The edges are powers of two, where cells end too, so that the counts are exact. */
static void edges_of(const struct lg_metric *m, unsigned *first, unsigned *last, unsigned *step)
{
    static const struct {
        unsigned first, last, step;
    } edges[] = {
        [LG_METRIC_NONE] = {3, 14, 1},
        [LG_METRIC_SECONDS] = {4, 25, 1},     /* 16 us to 33 s */
        [LG_METRIC_BYTES] = {6, 30, 2},       /* 64 B to 1 G */
        [LG_METRIC_NANOSECONDS] = {8, 35, 1}, /* 256 ns to 34 s */
    };

    *first = edges[m->unit].first;
    *last = edges[m->unit].last;
    *step = edges[m->unit].step;
}

static void append_summary(struct lg_buf *out, const struct lg_metric *m, uint32_t series,
                           const struct lg_histogram *h)
{
    static const char *const shares[] = {"0.5", "0.9", "0.99", "0.999", "0.9999"};
    static const double values[] = {0.5, 0.9, 0.99, 0.999, 0.9999};

    for (size_t i = 0; i < LG_ARRAY_SIZE(shares); i++) {
        bool any;

        append_name(out, m);
        any = append_labels(out, m, series);
        lg_buf_appendf(out, "%squantile=\"%s\"} ", any ? "," : "{", shares[i]);
        append_number(out, m, lg_histogram_quantile(h, values[i]));
        lg_buf_append_byte(out, '\n');
    }
    append_sample(out, m, series, "_sum", h->sum, /* is_count= */ false);
    append_sample(out, m, series, "_count", lg_histogram_count(h), /* is_count= */ true);
}

static void append_bucket(struct lg_buf *out, const struct lg_metric *m, uint32_t series,
                          uint64_t edge, uint64_t count)
{
    bool any;

    append_name(out, m);
    lg_buf_append_str(out, "_bucket");
    any = append_labels(out, m, series);
    lg_buf_append_str(out, any ? ",le=\"" : "{le=\"");
    if (edge == 0)
        lg_buf_append_str(out, "+Inf");
    else
        append_number(out, m, edge);
    lg_buf_appendf(out, "\"} %llu\n", (unsigned long long)count);
}

static void append_histogram(struct lg_buf *out, const struct lg_metric *m, uint32_t series,
                             const uint64_t *words)
{
    unsigned first, last, step;
    uint64_t count = 0;
    size_t cell = 0;

    edges_of(m, &first, &last, &step);
    for (unsigned power = first; power <= last; power += step) {
        for (; cell < LG_HISTOGRAM_CELLS && lg_histogram_high(cell) <= (uint64_t)1 << power; cell++)
            count += words[cell];
        append_bucket(out, m, series, (uint64_t)1 << power, count);
    }
    for (; cell < LG_HISTOGRAM_CELLS; cell++)
        count += words[cell];
    append_bucket(out, m, series, 0, count);
    append_sample(out, m, series, "_sum", words[LG_HISTOGRAM_CELLS], /* is_count= */ false);
    append_sample(out, m, series, "_count", count, /* is_count= */ true);
}

static void append_metric(struct lg_buf *out, const struct lg_metric *m, uint32_t stores)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram", "summary"};
    uint64_t words[LG_METRIC_HISTOGRAM_WORDS];
    uint32_t n = m->values * (m->by_store ? stores : 1);

    lg_buf_append_str(out, "# HELP ");
    append_name(out, m);
    lg_buf_append_byte(out, ' ');
    append_escaped(out, lg_slice_str(m->help), /* in_label= */ false);
    lg_buf_append_str(out, "\n# TYPE ");
    append_name(out, m);
    lg_buf_appendf(out, " %s\n", kinds[m->kind]);
    for (uint32_t i = 0; i < n; i++) {
        if (m->by_store &&
            (lg_metric_store_name(i / m->values) == NULL || !lg_metric_sum(m, i, words)))
            continue; /* A store that is gone, or has none of this. */
        if (!m->by_store)
            (void)lg_metric_sum(m, i, words);
        if (m->kind == LG_METRIC_HISTOGRAM)
            append_histogram(out, m, i, words);
        else if (m->kind == LG_METRIC_SUMMARY)
            append_summary(out, m, i, (const struct lg_histogram *)(const void *)words);
        else
            append_sample(out, m, i, "", words[0], /* is_count= */ false);
    }
}

void lg_metrics_write(struct lg_buf *out)
{
    const struct lg_metric *m;
    uint32_t stores;

    lg_metrics_scrape_begin();
    lg_metrics_collect();
    stores = lg_metric_store_count();
    for (size_t i = 0; (m = lg_metric_at(i)) != NULL; i++)
        append_metric(out, m, stores);
    lg_metrics_scrape_end();
}
