/* Log lines: one event name and key=value pairs, never keys or values of users at info level.
 *
 *   lg_log(LG_LOG_INFO, "push_completed", "store=%s version=%d", name, number);
 *   2026-11-21T03:40:02.123Z info push_completed store=cities version=1
 *
 * Thread-safe: a line is one write. Control characters in the text become blanks, so that a line
 * stays one line; a line longer than LG_LOG_LINE_MAX ends in "...". The sink is stderr unless set;
 * the simulator sets its own. Levels below the set one (info at start) cost one atomic load.
 */
#ifndef LG_BASE_LOG_H
#define LG_BASE_LOG_H

#include "base/base.h"

#define LG_LOG_LINE_MAX 4096

enum lg_log_level { LG_LOG_DEBUG, LG_LOG_INFO, LG_LOG_WARN, LG_LOG_ERROR, LG_LOG_OFF };

void lg_log(enum lg_log_level level, const char *event, const char *fmt, ...) LG_PRINTF(3, 4);
void lg_log_set_level(enum lg_log_level level);
bool lg_log_level_from_name(const char *name, enum lg_log_level *out);
/* `sink` gets the line without its newline and without the time, which is the sink's affair: "info
 * push_completed store=cities"; so a simulated run never reads the machine's clock. It may be
 * called from any thread. NULL restores stderr. */
void lg_log_set_sink(void (*sink)(void *ctx, enum lg_log_level level, const char *line), void *ctx);

/* "2026-11-21T03:40:02.123Z": UTC, for times before the year 10000. Any lane. */
#define LG_LOG_TIME_MAX 25
void lg_log_time(char out[LG_LOG_TIME_MAX], uint64_t wall_ms);

#endif
