/* Counters, gauges and histograms from tables (metrics.def of each module), as Prometheus reads
 * them.
 *
 *   X(name, kind, unit, labels, help)                                           net/metrics.def
 *   X(http_requests_total, COUNTER, NONE, "listener=other|router", "Requests that were
 * dispatched.")
 *
 * One row is one variable, lg_metric_<name>; the name outside is "lagoon_<name>" ("process_<...>"
 * stays as it is, as every Prometheus client spells it). `labels` lists labels with all their
 * values, at most two, and last, if at all, "store": a label whose values are found at run time, of
 * which only so many get series of their own; all further ones share `other`, and those that are
 * gone make room. Labels never hold keys or values of users.
 *
 * Each thread counts in memory of its own with plain additions; a scrape sums over all threads.
 * What a thread has counted outlives it. Nothing is counted, at the price of one branch, until the
 * composition root registers the tables: so neither the simulator nor a client verb has metrics.
 * Any thread may call everything here.
 */
#ifndef LG_BASE_METRIC_H
#define LG_BASE_METRIC_H

#include "base/buf.h"
#include "base/histogram.h"

#define LG_METRIC_STORES_DEFAULT 100u
#define LG_METRIC_STORES_MAX 10000u
#define LG_METRIC_STORE_OTHER 0u
#define LG_METRICS_MAX ((size_t)256)

/* A SUMMARY is a histogram that shows quantiles instead of buckets: those that have to be right
 * within 1/32, of all that was observed since the start. */
enum lg_metric_kind {
    LG_METRIC_COUNTER,
    LG_METRIC_GAUGE,
    LG_METRIC_HISTOGRAM,
    LG_METRIC_SUMMARY,
};
/* What the numbers in code count: a metric in SECONDS is fed microseconds, one in NANOSECONDS
 * nanoseconds; both are told in seconds. */
enum lg_metric_unit { LG_METRIC_NONE, LG_METRIC_SECONDS, LG_METRIC_BYTES, LG_METRIC_NANOSECONDS };

struct lg_metric {
    const char *name, *labels, *help;
    enum lg_metric_kind kind;
    enum lg_metric_unit unit;
    /* Set when it is registered. */
    uint32_t first;  /* its first series; 0: not registered */
    uint32_t values; /* combinations of its fixed labels */
    bool by_store;
};

/* For metrics.h and metrics.c of a module. */
#define LG_METRIC_DECLARE(name_, kind_, unit_, labels_, help_)                                     \
    extern struct lg_metric lg_metric_##name_;
#define LG_METRIC_DEFINE(name_, kind_, unit_, labels_, help_)                                      \
    struct lg_metric lg_metric_##name_ = {.name = #name_,                                          \
                                          .labels = (labels_),                                     \
                                          .help = (help_),                                         \
                                          .kind = LG_METRIC_##kind_,                               \
                                          .unit = LG_METRIC_##unit_};
#define LG_METRIC_POINTER(name_, ...) &lg_metric_##name_,

/* "code=OK|ERR_FAILED|...": a label of every code; its index is the enum lg_rc. */
extern const char lg_metric_codes[];

struct lg_metric_table {
    struct lg_metric *const *rows;
    size_t n;
};

/* Called once, before anything counts. `stores_max` bounds the label "store". */
void lg_metrics_register(const struct lg_metric_table *const *tables, size_t n,
                         unsigned stores_max);
bool lg_metrics_registered(void);
/* Forgets and frees all, for tests; no other thread may count meanwhile. */
void lg_metrics_reset(void);

/* `label` is the index of the value in the row's list; 0 when it has none. Of two labels it is
 * first * (values of the second) + second. */
void lg_metric_add(const struct lg_metric *m, uint32_t label, uint64_t n);
/* Gauges only: the other way. */
void lg_metric_sub(const struct lg_metric *m, uint32_t label, uint64_t n);
/* Replaces what was set before. A metric is either added to or set. */
void lg_metric_set(const struct lg_metric *m, uint32_t label, uint64_t value);
/* Histograms and summaries only. */
void lg_metric_observe(const struct lg_metric *m, uint32_t label, uint64_t value);
/* Where this thread counts them: for a lane that observes on a hot path and remembers it, so that
 * an observation is lg_histogram_add and nothing else. Of this thread until it ends or
 * lg_metrics_reset; it may allocate 8 KiB. NULL: nothing is counted. */
struct lg_histogram *lg_metric_histogram(const struct lg_metric *m, uint32_t label);

/* A store's index for the label "store": the same name gives the same one. It costs a lock and a
 * look into a table; callers remember it. */
uint32_t lg_metric_store(const char *name);
/* Stores come and go: those of which `exists` says no are told no more, and at a later call, when
 * nobody counts under their numbers any more, these are free for other names, which begin at 0. To
 * be called now and then by one thread, by no means twice within what a request may take. It does
 * nothing while a scrape is under way. `exists` calls nothing here. */
void lg_metric_stores_keep(bool (*exists)(void *ctx, const char *name), void *ctx);
/* Grows when stores were forgotten: who remembers numbers for long asks for them anew. */
uint64_t lg_metric_stores_forgotten(void);
/* The `label` of a row with "store". */
static inline uint32_t lg_metric_of_store(const struct lg_metric *m, uint32_t store, uint32_t label)
{
    return store * m->values + label;
}
/* Sets every series of the row to 0: before a collector sets those that still exist. */
void lg_metric_clear(const struct lg_metric *m);

static inline bool lg_metric_is_histogram(const struct lg_metric *m)
{
    return m->kind == LG_METRIC_HISTOGRAM || m->kind == LG_METRIC_SUMMARY;
}

/* The sum over all threads; of a histogram the number of observations. */
uint64_t lg_metric_value(const struct lg_metric *m, uint32_t label);
/* The value below which that share (0 to 1) of a histogram's observations lie, within 1/32. */
uint64_t lg_metric_quantile(const struct lg_metric *m, uint32_t label, double share);

/* Who is asked for fresh values before each scrape, on the scraping thread. The struct must live
 * until it is removed. */
struct lg_metric_collector {
    void (*collect)(void *ctx);
    void *ctx;
    struct lg_metric_collector *next; /* The registry's. */
};
void lg_metrics_collector_add(struct lg_metric_collector *collector);
void lg_metrics_collector_remove(struct lg_metric_collector *collector);

/* Everything in Prometheus' text format (0.0.4), in the order of the tables. */
#define LG_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
void lg_metrics_write(struct lg_buf *out);

/* --- For metric_text.c. ------------------------------------------------------------------------
 */
/* A struct lg_histogram as words: the sum comes last. */
#define LG_METRIC_HISTOGRAM_WORDS (sizeof(struct lg_histogram) / sizeof(uint64_t))
/* Adds up all threads into `out` (1 word, or LG_METRIC_HISTOGRAM_WORDS). False: never touched. */
bool lg_metric_sum(const struct lg_metric *m, uint32_t label, uint64_t *out);
/* Registered rows in order; NULL behind the last. */
const struct lg_metric *lg_metric_at(size_t i);
/* Between these no store is forgotten; one scrape at a time. */
void lg_metrics_scrape_begin(void);
void lg_metrics_scrape_end(void);
/* Numbers given so far, that of `other` included; and the name of each, NULL: it was forgotten. */
uint32_t lg_metric_store_count(void);
const char *lg_metric_store_name(uint32_t store);
void lg_metrics_collect(void);
/* The i-th fixed label's name and its values' list. False when there is none, or it is "store". */
bool lg_metric_label_at(const struct lg_metric *m, size_t i, struct lg_slice *out_name,
                        struct lg_slice *out_values);
/* How many values a list has, and its j-th. */
uint32_t lg_metric_values_count(struct lg_slice values);
struct lg_slice lg_metric_values_at(struct lg_slice values, uint32_t j);

#endif
