/* The registry of metrics and the memory that threads count in.
 *
 * Each thread has a shard: one pointer per series, to one word (or a histogram's cells) that is
 * allocated when the series is first touched. Only the owner writes its words, so an increment is a
 * plain load and store; the scraper reads them at any time, hence the relaxed atomics, which cost
 * nothing on the machines we know. When a thread ends its shard waits for the next new thread,
 * which goes on counting in it: sums never go backwards. Values that are set, not counted, stand in
 * one shared shard.
 *
 * What was counted under the number of a store that is gone is taken away again in a shard of its
 * own, `gone`, since only owners write their words: so the next store of that number begins at 0.
 */
#include "base/metric.h"

#include <pthread.h>

#include "base/map.h"

#define LABELS_MAX ((size_t)2)

struct shard {
    struct shard *next; /* In `shards`, for ever. */
    bool taken;
    uint64_t *series[]; /* NULL: never touched by this thread. */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* All below but `mine`. */
static const struct lg_metric *rows[LG_METRICS_MAX];
static size_t row_count;
static uint32_t series_count; /* 0: nothing is registered. Series 0 belongs to nobody. */
static struct shard *shards, *shared, *gone;
static struct lg_map *store_indexes; /* name -> index, as a pointer */
static char **store_names;           /* NULL: forgotten */
static bool *store_free;             /* Forgotten, and nobody counts under it any more. */
static uint32_t store_count, store_limit, free_count;
static uint64_t forgotten;                                 /* Atomic. */
static pthread_mutex_t scrape = PTHREAD_MUTEX_INITIALIZER; /* Before `mutex`. */
static struct lg_metric_collector *collectors;

static _Thread_local struct shard *mine;
static _Thread_local uint64_t my_generation;
static uint64_t generation; /* Grows at reset, so that threads forget a freed shard. Atomic. */
static pthread_key_t thread_end;
static pthread_once_t thread_end_once = PTHREAD_ONCE_INIT;

const char lg_metric_codes[] = "code="
#define X(name, ...) #name "|"
#include "base/errors.def"
#undef X
                               "unknown";

/* --- Labels ----------------------------------------------------------------------------------- */
bool lg_metric_label_at(const struct lg_metric *m, size_t i, struct lg_slice *out_name,
                        struct lg_slice *out_values)
{
    const char *at = m->labels;

    for (size_t n = 0; *at != '\0'; n++) {
        size_t size = strcspn(at, ","), name = strcspn(at, "=,");

        if (name == size) /* "store" */
            return false;
        if (n == i) {
            *out_name = lg_slice(at, name);
            *out_values = lg_slice(at + name + 1, size - name - 1);
            return true;
        }
        at += size + (at[size] == ',' ? 1 : 0);
    }
    return false;
}

uint32_t lg_metric_values_count(struct lg_slice values)
{
    uint32_t n = 1;

    for (size_t i = 0; i < values.size; i++)
        n += values.data[i] == '|';
    return n;
}

struct lg_slice lg_metric_values_at(struct lg_slice values, uint32_t j)
{
    size_t end = 0;

    for (;;) {
        for (end = 0; end < values.size && values.data[end] != '|'; end++)
            ;
        if (j-- == 0 || end == values.size)
            return lg_slice(values.data, end);
        values = lg_slice_skip(values, end + 1);
    }
}

static bool is_by_store(const char *labels)
{
    size_t n = strlen(labels);

    return n >= 5 && strcmp(labels + n - 5, "store") == 0 && (n == 5 || labels[n - 6] == ',');
}

/* --- Registry --------------------------------------------------------------------------------- */

/* Counts are the process's, also those that a node of a simulation counts: memory of none. */
static struct lg_alloc_domain *leave_domain(void)
{
    return lg_alloc_domain_enter(NULL);
}

static struct shard *shard_new(void)
{
    struct lg_alloc_domain *before = leave_domain();
    struct shard *s = lg_zalloc(sizeof *s + series_count * sizeof s->series[0]);

    (void)lg_alloc_domain_enter(before);
    s->taken = true;
    s->next = shards;
    shards = s;
    return s;
}

static void add_row(struct lg_metric *m, unsigned stores_max)
{
    struct lg_slice name, values;

    assert(row_count < LG_METRICS_MAX && m->first == 0);
    m->values = 1;
    m->by_store = is_by_store(m->labels);
    for (size_t i = 0; i < LABELS_MAX && lg_metric_label_at(m, i, &name, &values); i++)
        m->values *= lg_metric_values_count(values);
    m->first = series_count;
    series_count += m->values * (m->by_store ? stores_max + 1 : 1);
    rows[row_count++] = m;
}

void lg_metrics_register(const struct lg_metric_table *const *tables, size_t n, unsigned stores_max)
{
    pthread_mutex_lock(&mutex);
    assert(series_count == 0 && stores_max <= LG_METRIC_STORES_MAX);
    series_count = 1;
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < tables[t]->n; i++)
            add_row(tables[t]->rows[i], stores_max);
    }
    store_limit = stores_max + 1;
    store_names = lg_new_array(char *, store_limit);
    store_free = lg_new_array(bool, store_limit);
    store_indexes = lg_map_new();
    store_names[LG_METRIC_STORE_OTHER] = lg_strdup("other");
    store_count = 1;
    shared = shard_new();
    gone = shard_new();
    pthread_mutex_unlock(&mutex);
}

bool lg_metrics_registered(void)
{
    bool any;

    pthread_mutex_lock(&mutex);
    any = series_count > 0;
    pthread_mutex_unlock(&mutex);
    return any;
}

void lg_metrics_reset(void)
{
    pthread_mutex_lock(&mutex);
    while (shards != NULL) {
        struct shard *s = shards;

        shards = s->next;
        for (uint32_t i = 0; i < series_count; i++)
            lg_free(s->series[i]);
        lg_free(s);
    }
    shared = gone = NULL;
    for (size_t i = 0; i < row_count; i++)
        ((struct lg_metric *)(uintptr_t)rows[i])->first = 0;
    for (uint32_t i = 0; i < store_count; i++)
        lg_free(store_names[i]);
    lg_free(store_names);
    lg_free(store_free);
    lg_map_free(store_indexes);
    store_names = NULL;
    store_free = NULL;
    store_indexes = NULL;
    store_count = series_count = free_count = 0;
    row_count = 0;
    collectors = NULL;
    __atomic_add_fetch(&generation, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&mutex);
}

/* --- Threads ---------------------------------------------------------------------------------- */
static void thread_ended(void *shard)
{
    pthread_mutex_lock(&mutex);
    for (struct shard *s = shards; s != NULL; s = s->next) /* A reset may have freed it. */
        if (s == shard)
            s->taken = false;
    pthread_mutex_unlock(&mutex);
}

static void make_key(void)
{
    int failed = pthread_key_create(&thread_end, thread_ended);

    assert(failed == 0 && "one key per process");
    (void)failed;
}

static struct shard *take_shard(void)
{
    struct shard *s;

    (void)pthread_once(&thread_end_once, make_key);
    pthread_mutex_lock(&mutex);
    for (s = shards; s != NULL && s->taken; s = s->next)
        ;
    if (s == NULL)
        s = shard_new();
    s->taken = true;
    my_generation = generation;
    pthread_mutex_unlock(&mutex);
    (void)pthread_setspecific(thread_end, s);
    mine = s;
    return s;
}

/* The words of a series; only `s`'s owner (or, of the shared one, the holder of the mutex) asks. */
static uint64_t *words_of(struct shard *s, const struct lg_metric *m, uint32_t label)
{
    uint64_t **at = &s->series[m->first + label], *words = *at;

    if (words == NULL) {
        struct lg_alloc_domain *before = leave_domain();

        words = lg_new_array(uint64_t,
                             lg_metric_is_histogram(m) ? LG_METRIC_HISTOGRAM_WORDS : (size_t)1);
        (void)lg_alloc_domain_enter(before);
        __atomic_store_n(at, words, __ATOMIC_RELEASE); /* The scraper sees zeroes behind it. */
    }
    return words;
}

__attribute__((noinline, cold)) static uint64_t *my_first_words(const struct lg_metric *m,
                                                                uint32_t label)
{
    struct shard *s = mine;

    if (s == NULL || my_generation != __atomic_load_n(&generation, __ATOMIC_RELAXED))
        s = take_shard();
    return words_of(s, m, label);
}

/* On hot paths: all but the first time no more than these loads. */
static inline uint64_t *my_words(const struct lg_metric *m, uint32_t label)
{
    const struct shard *s = mine;

    if (LG_LIKELY(s != NULL && my_generation == __atomic_load_n(&generation, __ATOMIC_RELAXED))) {
        uint64_t *words = s->series[m->first + label];

        if (LG_LIKELY(words != NULL))
            return words;
    }
    return my_first_words(m, label);
}

static void bump(uint64_t *word, uint64_t n)
{
    __atomic_store_n(word, *word + n, __ATOMIC_RELAXED);
}

/* --- Counting --------------------------------------------------------------------------------- */
void lg_metric_add(const struct lg_metric *m, uint32_t label, uint64_t n)
{
    if (m->first != 0)
        bump(my_words(m, label), n);
}

void lg_metric_sub(const struct lg_metric *m, uint32_t label, uint64_t n)
{
    if (m->first != 0) /* Another thread may hold what this one takes: only the sum counts. */
        bump(my_words(m, label), UINT64_MAX - n + 1);
}

void lg_metric_set(const struct lg_metric *m, uint32_t label, uint64_t value)
{
    if (m->first == 0)
        return;
    pthread_mutex_lock(&mutex);
    __atomic_store_n(words_of(shared, m, label), value, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&mutex);
}

void lg_metric_clear(const struct lg_metric *m)
{
    uint32_t n = m->values * (m->by_store ? store_limit : 1);

    if (m->first == 0)
        return;
    pthread_mutex_lock(&mutex);
    for (uint32_t i = 0; i < n; i++) {
        lg_free(shared->series[m->first + i]); /* Only read under this mutex too: see sum. */
        shared->series[m->first + i] = NULL;
    }
    pthread_mutex_unlock(&mutex);
}

struct lg_histogram *lg_metric_histogram(const struct lg_metric *m, uint32_t label)
{
    assert(lg_metric_is_histogram(m));
    return m->first == 0 ? NULL : (struct lg_histogram *)(void *)my_words(m, label);
}

void lg_metric_observe(const struct lg_metric *m, uint32_t label, uint64_t value)
{
    struct lg_histogram *h = lg_metric_histogram(m, label);

    if (h != NULL)
        lg_histogram_add(h, value);
}

/* --- Stores ----------------------------------------------------------------------------------- */

/* The mutex is held. `other`: there is none any more. */
static uint32_t take_number(void)
{
    uint32_t i = 1;

    if (store_count < store_limit)
        return store_count++;
    if (free_count == 0)
        return LG_METRIC_STORE_OTHER;
    while (!store_free[i])
        i++;
    store_free[i] = false;
    free_count--;
    return i;
}

uint32_t lg_metric_store(const char *name)
{
    struct lg_slice key = lg_slice_str(name);
    uint32_t index = LG_METRIC_STORE_OTHER;
    uintptr_t found;

    pthread_mutex_lock(&mutex);
    if (store_indexes != NULL) {
        found = (uintptr_t)lg_map_get(store_indexes, key);
        index = found != 0 ? (uint32_t)found : take_number();
        if (found == 0 && index != LG_METRIC_STORE_OTHER) {
            struct lg_alloc_domain *before = leave_domain();

            store_names[index] = lg_strdup(name);
            (void)lg_map_put(store_indexes, key, (void *)(uintptr_t)index);
            (void)lg_alloc_domain_enter(before);
        }
    }
    pthread_mutex_unlock(&mutex);
    return index;
}

/* The mutex is held. False: never touched. */
static bool sum_up(const struct lg_metric *m, uint32_t label, uint64_t *out)
{
    size_t n = lg_metric_is_histogram(m) ? LG_METRIC_HISTOGRAM_WORDS : 1;
    bool any = false;

    memset(out, 0, n * sizeof *out);
    for (struct shard *s = shards; s != NULL; s = s->next) {
        uint64_t *words = __atomic_load_n(&s->series[m->first + label], __ATOMIC_ACQUIRE);

        any |= words != NULL;
        for (size_t i = 0; words != NULL && i < n; i++)
            out[i] += __atomic_load_n(&words[i], __ATOMIC_RELAXED);
    }
    if (any && gone->series[m->first + label] != NULL) { /* Perhaps by a store that is gone. */
        any = false;
        for (size_t i = 0; i < n && !any; i++)
            any = out[i] != 0;
    }
    return any;
}

/* The mutex is held. */
static void take_away(const struct lg_metric *m, uint32_t label)
{
    uint64_t sums[LG_METRIC_HISTOGRAM_WORDS], *words;
    size_t n = lg_metric_is_histogram(m) ? LG_METRIC_HISTOGRAM_WORDS : 1;

    lg_free(shared->series[m->first + label]);
    shared->series[m->first + label] = NULL;
    if (!sum_up(m, label, sums))
        return;
    words = words_of(gone, m, label);
    for (size_t i = 0; i < n; i++)
        words[i] -= sums[i];
}

/* The mutex is held. */
static void set_free(uint32_t store)
{
    struct lg_alloc_domain *before = leave_domain();

    for (size_t i = 0; i < row_count; i++)
        for (uint32_t j = 0; rows[i]->by_store && j < rows[i]->values; j++)
            take_away(rows[i], lg_metric_of_store(rows[i], store, j));
    (void)lg_alloc_domain_enter(before);
    store_free[store] = true;
    free_count++;
}

/* The mutex is held. */
static void forget(uint32_t store)
{
    struct lg_alloc_domain *before = leave_domain();

    (void)lg_map_remove(store_indexes, lg_slice_str(store_names[store]));
    lg_free(LG_TAKE(store_names[store]));
    (void)lg_alloc_domain_enter(before);
    __atomic_add_fetch(&forgotten, 1, __ATOMIC_RELEASE);
}

void lg_metric_stores_keep(bool (*exists)(void *ctx, const char *name), void *ctx)
{
    if (pthread_mutex_trylock(&scrape) != 0)
        return;
    pthread_mutex_lock(&mutex);
    for (uint32_t i = 1; i < store_count; i++) {
        if (store_names[i] == NULL && !store_free[i])
            set_free(i);
        else if (store_names[i] != NULL && !exists(ctx, store_names[i]))
            forget(i);
    }
    pthread_mutex_unlock(&mutex);
    pthread_mutex_unlock(&scrape);
}

uint64_t lg_metric_stores_forgotten(void)
{
    return __atomic_load_n(&forgotten, __ATOMIC_ACQUIRE);
}

void lg_metrics_scrape_begin(void)
{
    pthread_mutex_lock(&scrape);
}

void lg_metrics_scrape_end(void)
{
    pthread_mutex_unlock(&scrape);
}

/* --- Reading ---------------------------------------------------------------------------------- */
bool lg_metric_sum(const struct lg_metric *m, uint32_t label, uint64_t *out)
{
    bool any;

    if (m->first == 0) {
        memset(out, 0, (lg_metric_is_histogram(m) ? LG_METRIC_HISTOGRAM_WORDS : 1) * sizeof *out);
        return false;
    }
    pthread_mutex_lock(&mutex);
    any = sum_up(m, label, out);
    pthread_mutex_unlock(&mutex);
    return any;
}

uint64_t lg_metric_value(const struct lg_metric *m, uint32_t label)
{
    uint64_t words[LG_METRIC_HISTOGRAM_WORDS], count = 0;

    (void)lg_metric_sum(m, label, words);
    if (!lg_metric_is_histogram(m))
        return words[0];
    for (size_t i = 0; i < LG_HISTOGRAM_CELLS; i++)
        count += words[i];
    return count;
}

uint64_t lg_metric_quantile(const struct lg_metric *m, uint32_t label, double share)
{
    struct lg_histogram h;

    assert(lg_metric_is_histogram(m));
    (void)lg_metric_sum(m, label, (uint64_t *)(void *)&h);
    return lg_histogram_quantile(&h, share);
}

const struct lg_metric *lg_metric_at(size_t i)
{
    return i < row_count ? rows[i] : NULL;
}

uint32_t lg_metric_store_count(void)
{
    uint32_t n;

    pthread_mutex_lock(&mutex);
    n = store_count;
    pthread_mutex_unlock(&mutex);
    return n;
}

const char *lg_metric_store_name(uint32_t store)
{
    const char *name;

    pthread_mutex_lock(&mutex);
    name = store_names[store];
    pthread_mutex_unlock(&mutex);
    return name;
}

/* --- Collectors ------------------------------------------------------------------------------- */
void lg_metrics_collector_add(struct lg_metric_collector *collector)
{
    pthread_mutex_lock(&mutex);
    collector->next = collectors;
    collectors = collector;
    pthread_mutex_unlock(&mutex);
}

void lg_metrics_collector_remove(struct lg_metric_collector *collector)
{
    pthread_mutex_lock(&mutex);
    for (struct lg_metric_collector **at = &collectors; *at != NULL; at = &(*at)->next) {
        if (*at == collector) {
            *at = collector->next;
            break;
        }
    }
    pthread_mutex_unlock(&mutex);
}

void lg_metrics_collect(void)
{
    struct lg_metric_collector *first;

    pthread_mutex_lock(&mutex);
    first = collectors;
    pthread_mutex_unlock(&mutex);
    for (struct lg_metric_collector *c = first; c != NULL; c = c->next)
        c->collect(c->ctx);
}
