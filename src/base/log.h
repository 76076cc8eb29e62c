/* Log lines: one event name and key=value pairs, never keys or values of users at info level.
 *
 *   lg_log(LG_LOG_INFO, "push_completed", "store=%s version=%d", name, number);
 *   2026-11-21T03:40:02.123Z info push_completed store=cities version=1
 *
 * Thread-safe: a line is one write. A text behind `key=` is put in quotes when it needs them, and
 * quotes inside of quotes are escaped, so that every line is logfmt whatever the texts hold.
 * Control characters become blanks; a line longer than LG_LOG_LINE_MAX ends in "...". Levels below
 * the set one (info at start) cost one atomic load.
 *
 * Lines go to standard error, a file with rotation, or the journal (lg_log_open), or to a sink that
 * replaces all of these: the simulator's. On their way to the former, lines at info and above that
 * repeat themselves are held back: LG_LOG_SAME_MAX of equal text, or LG_LOG_EVENT_MAX of one event,
 * within LG_LOG_WINDOW_MS; the next one after that says how many were (`suppressed=12`).
 */
#ifndef LG_BASE_LOG_H
#define LG_BASE_LOG_H

#include "base/base.h"

#define LG_LOG_LINE_MAX 4096
#define LG_LOG_MODULES_MAX 16u
#define LG_LOG_SAME_MAX 5u
#define LG_LOG_EVENT_MAX 1000u
#define LG_LOG_WINDOW_MS 10000u

enum lg_log_level { LG_LOG_DEBUG, LG_LOG_INFO, LG_LOG_WARN, LG_LOG_ERROR, LG_LOG_OFF };

/* The module of a line is the folder of the file that writes it: "router", "seglog". */
#define lg_log(level, event, ...) lg_log_at(__FILE__, (level), (event), __VA_ARGS__)
void lg_log_at(const char *file, enum lg_log_level level, const char *event, const char *fmt, ...)
    LG_PRINTF(4, 5);
/* Would such a line of this file be written? For lines that are dear to make. */
#define lg_log_wanted(level) lg_log_wanted_at(__FILE__, (level))
bool lg_log_wanted_at(const char *file, enum lg_log_level level);

/* Of all modules, those of lg_log_set_modules excepted. */
void lg_log_set_level(enum lg_log_level level);
struct lg_log_module_level {
    char module[24];
    enum lg_log_level level;
};
struct lg_log_levels {
    struct lg_log_module_level modules[LG_LOG_MODULES_MAX];
    unsigned count;
};
void lg_log_set_modules(const struct lg_log_levels *levels);
bool lg_log_level_from_name(const char *name, enum lg_log_level *out);

/* `sink` gets the line without its newline and without the time, which is the sink's affair: "info
 * push_completed store=cities"; so a simulated run never reads the machine's clock. It may be
 * called from any thread. NULL restores what lg_log_open says. */
void lg_log_set_sink(void (*sink)(void *ctx, enum lg_log_level level, const char *line), void *ctx);

/* --- Where lines go. ---------------------------------------------------------------------------
 */
enum lg_log_to {
    LG_LOG_TO_STDERR,
    LG_LOG_TO_FILE,
    /* With its priority: "<6>..." on standard error where the journal reads that (JOURNAL_STREAM),
     * else over the journal's socket. */
    LG_LOG_TO_JOURNAL
};
#define LG_LOG_PATH_MAX 4096
struct lg_log_target {
    enum lg_log_to to;
    const char *path;      /* of the file, shorter than LG_LOG_PATH_MAX; copied */
    uint64_t rotate_bytes; /* 0: never */
    unsigned rotate_keep;  /* path.1 ... path.<keep>, at least 1 */
    const char *socket;    /* of the journal; NULL: where systemd puts it */
    const char *stream;    /* the value of JOURNAL_STREAM, or NULL */
};
/* LG_ERR_IO and the like when the file cannot be opened or there is no journal; lines then go where
 * they went before. A file that can no longer be written later on is left for standard error. */
LG_MUST_CHECK enum lg_rc lg_log_open(const struct lg_log_target *target, struct lg_error *err);
/* Would it be opened? Says what lg_log_open would refuse; makes no file. */
LG_MUST_CHECK enum lg_rc lg_log_check(const struct lg_log_target *target, struct lg_error *err);
/* Opens the file anew, after somebody moved it away. No file: nothing to do. */
LG_MUST_CHECK enum lg_rc lg_log_reopen(struct lg_error *err);
void lg_log_set_rotation(uint64_t rotate_bytes, unsigned rotate_keep);
/* Back to standard error. */
void lg_log_close(void);

/* "2026-11-21T03:40:02.123Z": UTC, for times before the year 10000. Any lane. */
#define LG_LOG_TIME_MAX 25
void lg_log_time(char out[LG_LOG_TIME_MAX], uint64_t wall_ms);

/* --- Between the files of the log. -------------------------------------------------------------
 */
/* printf into logfmt; returns the length it would have had. Beyond `size` nothing is written, and
 * what is ends in NUL. */
size_t lg_logfmt(char *out, size_t size, const char *fmt, va_list args);
/* Writes a line to the target: `time` is its time with a blank behind, `text` the rest with its
 * newline. */
void lg_log_write(enum lg_log_level level, const char *event, struct lg_slice time,
                  struct lg_slice text);

#endif
