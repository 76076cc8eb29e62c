/* Log lines: levels, repetitions, the shape of a line. Any thread: the level is atomic, the rest is
 * under a mutex. logfmt.c writes the text, log_target.c the line.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/metrics.h"

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

#define REPETITIONS 256u
#define SUPPRESSED_MAX 32 /* " suppressed=4294967295" */

struct repetition {
    uint64_t hash, begin_ms;
    unsigned count, suppressed;
};

static int threshold = LG_LOG_INFO; /* Atomic: the least level that any module wants. */
static bool has_modules;            /* Atomic. */

static pthread_mutex_t sink_mutex = PTHREAD_MUTEX_INITIALIZER; /* All below. */
static enum lg_log_level base_level = LG_LOG_INFO;
static struct lg_log_levels modules;
static struct repetition same_texts[REPETITIONS], same_events[REPETITIONS];
static void (*sink)(void *ctx, enum lg_log_level level, const char *line);
static void *sink_ctx;

static void set_threshold(void)
{
    enum lg_log_level least = base_level;

    for (unsigned i = 0; i < modules.count; i++)
        least = LG_MIN(least, modules.modules[i].level);
    __atomic_store_n(&threshold, (int)least, __ATOMIC_RELAXED);
    __atomic_store_n(&has_modules, modules.count > 0, __ATOMIC_RELAXED);
}

bool lg_log_level_from_name(const char *name, enum lg_log_level *out)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum lg_log_level)i;
            return true;
        }
    }
    return false;
}

void lg_log_set_sink(void (*new_sink)(void *ctx, enum lg_log_level level, const char *line),
                     void *ctx)
{
    pthread_mutex_lock(&sink_mutex);
    sink = new_sink;
    sink_ctx = ctx;
    pthread_mutex_unlock(&sink_mutex);
}

/* Writes v with that many digits, the last ones. */
static void put_digits(char *out, size_t digits, uint64_t v)
{
    while (digits > 0) {
        out[--digits] = (char)('0' + v % 10);
        v /= 10;
    }
}

/* The date comes from the count of days by Hinnant's civil_from_days; the C library's version of it
 * may take locks and read files. */
void lg_log_time(char out[LG_LOG_TIME_MAX], uint64_t wall_ms)
{
    uint64_t seconds = wall_ms / 1000, days = seconds / 86400 + 719468; /* since 0000-03-01 */
    uint64_t era = days / 146097, day_of_era = days % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t shifted_month = (5 * day_of_year + 2) / 153; /* March is 0. */
    uint64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;

    memcpy(out, "0000-00-00T00:00:00.000Z", LG_LOG_TIME_MAX);
    put_digits(out, 4, year_of_era + era * 400 + (month <= 2 ? 1 : 0));
    put_digits(out + 5, 2, month);
    put_digits(out + 8, 2, day_of_year - (153 * shifted_month + 2) / 5 + 1);
    put_digits(out + 11, 2, seconds / 3600 % 24);
    put_digits(out + 14, 2, seconds / 60 % 60);
    put_digits(out + 17, 2, seconds % 60);
    put_digits(out + 20, 3, wall_ms % 1000);
}

/* Cuts a text that did not fit, and keeps it on one line. Returns its length. */
static size_t tidy_line(char *line, size_t size, size_t wanted)
{
    size_t n = wanted;

    if (wanted >= size) {
        n = size - 1;
        memcpy(line + n - 3, "...", 3);
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = ' ';
    }
    return n;
}

/* --- Levels. ---------------------------------------------------------------------------------- */
/* The folder of the file: "src/drivers/seglog/seglog.c" is of "seglog". */
static struct lg_slice module_of(const char *file)
{
    const char *slash = strrchr(file, '/'), *begin = slash;

    if (slash == NULL)
        return LG_SLICE_NULL;
    while (begin > file && begin[-1] != '/')
        begin--;
    return lg_slice(begin, (size_t)(slash - begin));
}

void lg_log_set_level(enum lg_log_level level)
{
    pthread_mutex_lock(&sink_mutex);
    base_level = level;
    set_threshold();
    pthread_mutex_unlock(&sink_mutex);
}

void lg_log_set_modules(const struct lg_log_levels *levels)
{
    pthread_mutex_lock(&sink_mutex);
    modules = *levels;
    set_threshold();
    pthread_mutex_unlock(&sink_mutex);
}

bool lg_log_wanted_at(const char *file, enum lg_log_level level)
{
    enum lg_log_level least;

    if ((int)level < __atomic_load_n(&threshold, __ATOMIC_RELAXED) || level >= LG_LOG_OFF)
        return false;
    if (!__atomic_load_n(&has_modules, __ATOMIC_RELAXED))
        return true;
    pthread_mutex_lock(&sink_mutex);
    least = base_level;
    for (unsigned i = 0; i < modules.count; i++)
        if (lg_slice_eq_str(module_of(file), modules.modules[i].module))
            least = modules.modules[i].level;
    pthread_mutex_unlock(&sink_mutex);
    return level >= least;
}

/* --- Repetitions. ----------------------------------------------------------------------------- */
/* One count per text and one per event, in a table that forgets: two that share a place take turns,
 * which lets more through, never less than all of the first ones. */
static bool take_turn(struct repetition *table, uint64_t hash, unsigned most, uint64_t now_ms,
                      unsigned *out_suppressed)
{
    struct repetition *r = &table[hash % REPETITIONS];

    if (r->hash != hash || now_ms - r->begin_ms >= LG_LOG_WINDOW_MS) {
        *out_suppressed += r->hash == hash ? r->suppressed : 0;
        *r = (struct repetition){.hash = hash, .begin_ms = now_ms};
    }
    if (r->count < most) {
        r->count++;
        return true;
    }
    r->suppressed++;
    return false;
}

/* May this line pass? If so, `*out_suppressed` did not before it. */
static bool may_pass(const char *event, const char *text, uint64_t now_ms, unsigned *out_suppressed)
{
    bool pass;

    *out_suppressed = 0;
    pthread_mutex_lock(&sink_mutex);
    pass = take_turn(same_texts, lg_hash64(text, strlen(text), 0), LG_LOG_SAME_MAX, now_ms,
                     out_suppressed) &&
           take_turn(same_events, lg_hash64(event, strlen(event), 1), LG_LOG_EVENT_MAX, now_ms,
                     out_suppressed);
    pthread_mutex_unlock(&sink_mutex);
    return pass;
}

/* --- Lines. ----------------------------------------------------------------------------------- */
static void to_target(enum lg_log_level level, const char *event, char *line, size_t n)
{
    char time[LG_LOG_TIME_MAX];
    uint64_t now_ms = lg_clock_wall_ms();
    unsigned suppressed = 0;

    if (level >= LG_LOG_INFO && !may_pass(event, line, now_ms, &suppressed)) {
        lg_metric_add(&lg_metric_log_lines_suppressed_total, (uint32_t)level, 1);
        return;
    }
    lg_metric_add(&lg_metric_log_lines_total, (uint32_t)level, 1);
    if (suppressed > 0)
        n = LG_MIN(n + (size_t)snprintf(line + n, LG_LOG_LINE_MAX + SUPPRESSED_MAX - n,
                                        " suppressed=%u", suppressed),
                   (size_t)LG_LOG_LINE_MAX + SUPPRESSED_MAX - 1);
    line[n++] = '\n';
    lg_log_time(time, now_ms);
    time[LG_LOG_TIME_MAX - 1] = ' ';
    lg_log_write(level, event, lg_slice(time, LG_LOG_TIME_MAX), lg_slice(line, n));
}

void lg_log_at(const char *file, enum lg_log_level level, const char *event, const char *fmt, ...)
{
    void (*to)(void *ctx, enum lg_log_level level, const char *line);
    char line[LG_LOG_LINE_MAX + SUPPRESSED_MAX + 1];
    int saved_errno = errno;
    size_t n, room;
    va_list args;
    void *ctx;

    if (!lg_log_wanted_at(file, level))
        return;
    pthread_mutex_lock(&sink_mutex);
    to = sink;
    ctx = sink_ctx;
    pthread_mutex_unlock(&sink_mutex);
    n = (size_t)snprintf(line, 256, "%s %.200s ", level_names[level], event);
    room = (size_t)LG_LOG_LINE_MAX + 1 - (to == NULL ? (size_t)LG_LOG_TIME_MAX : 0) - n;
    va_start(args, fmt);
    n += tidy_line(line + n, room, lg_logfmt(line + n, room, fmt, args));
    va_end(args);
    while (n > 0 && line[n - 1] == ' ')
        n--;
    line[n] = '\0';
    if (to != NULL)
        to(ctx, level, line);
    else
        to_target(level, event, line, n);
    errno = saved_errno;
}
