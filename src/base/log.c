/* Log lines. Any thread: the level is atomic, the sink is read under a mutex, a line is one write.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

static int threshold = LG_LOG_INFO; /* Atomic. */

static pthread_mutex_t sink_mutex = PTHREAD_MUTEX_INITIALIZER;
static void (*sink)(void *ctx, enum lg_log_level level, const char *line);
static void *sink_ctx;

void lg_log_set_level(enum lg_log_level level)
{
    __atomic_store_n(&threshold, (int)level, __ATOMIC_RELAXED);
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

static void write_to_stderr(const char *line, size_t size)
{
    while (size > 0) {
        ssize_t n = write(STDERR_FILENO, line, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* There is nowhere left to report that to. */
        line += n;
        size -= (size_t)n;
    }
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

void lg_log(enum lg_log_level level, const char *event, const char *fmt, ...)
{
    void (*to)(void *ctx, enum lg_log_level level, const char *line);
    char line[LG_LOG_LINE_MAX + 2]; /* Its newline and NUL come on top. */
    int saved_errno = errno;
    size_t n = 0, room;
    va_list args;
    void *ctx;

    if ((int)level < __atomic_load_n(&threshold, __ATOMIC_RELAXED) || level >= LG_LOG_OFF)
        return;
    pthread_mutex_lock(&sink_mutex);
    to = sink;
    ctx = sink_ctx;
    pthread_mutex_unlock(&sink_mutex);
    if (to == NULL) {
        lg_log_time(line, lg_clock_wall_ms());
        n = LG_LOG_TIME_MAX;
        line[n - 1] = ' ';
    }
    n += (size_t)snprintf(line + n, 256, "%s %.200s ", level_names[level], event);
    room = LG_LOG_LINE_MAX + 1 - n;
    va_start(args, fmt);
    n += tidy_line(line + n, room, (size_t)LG_MAX(vsnprintf(line + n, room, fmt, args), 0));
    va_end(args);
    while (n > 0 && line[n - 1] == ' ')
        n--;
    line[n] = '\0';
    if (to != NULL) {
        to(ctx, level, line);
    } else {
        line[n++] = '\n';
        write_to_stderr(line, n);
    }
    errno = saved_errno;
}
