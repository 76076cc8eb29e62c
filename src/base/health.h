/* What /livez and /readyz of every listener of this process say: a board of named checks. Those who
 * know something set it, any lane reads it; nothing here asks anybody. Any thread.
 *
 *   lg_health_set("disk", false, "low: %u %% free", percent);   [-]disk low: 3 % free
 *   lg_health_beat("lane control", now_us);                     [+]lane control ok
 *
 * A check is of readiness (set) or of life (beat: not in time means dead); one name is one of both.
 */
#ifndef LG_BASE_HEALTH_H
#define LG_BASE_HEALTH_H

#include "base/buf.h"

#define LG_HEALTH_CHECKS_MAX 32u
#define LG_HEALTH_NAME_MAX 32
#define LG_HEALTH_REASON_MAX 800
/* Who has not said that it lives for so long does not. */
#define LG_HEALTH_STALE_US 20000000u

enum lg_health_kind { LG_HEALTH_LIVE, LG_HEALTH_READY };

/* `name` is copied. When `ok`, the text is only shown by verbose answers; it may be "". */
void lg_health_set(const char *name, bool ok, const char *fmt, ...) LG_PRINTF(3, 4);
/* The same for what operators should see and no probe should fail of: `[-]` without a 503. */
void lg_health_warn(const char *name, bool ok, const char *fmt, ...) LG_PRINTF(3, 4);
/* `now_us` is lane time. */
void lg_health_beat(const char *name, uint64_t now_us);
/* Takes the check off the board. */
void lg_health_forget(const char *name);
/* Empties the board. */
void lg_health_reset(void);

/* True when every check of that kind is fine, warnings excepted; readiness asks for life too. */
bool lg_health_ok(enum lg_health_kind kind, uint64_t now_us);
/* Calls `check` for each, in the order in which they first came. The reason is borrowed. */
void lg_health_each(enum lg_health_kind kind, uint64_t now_us,
                    void (*check)(void *ctx, const char *name, bool ok, const char *reason),
                    void *ctx);
/* The lines as above, and "readyz check passed" or "... failed" behind them; without `verbose` only
 * what failed, or "ok". Returns lg_health_ok. */
bool lg_health_write(struct lg_buf *out, enum lg_health_kind kind, uint64_t now_us, bool verbose);
/* The same without any reason, for those who may not hear what stores and servers there are: of
 * who is on the board only names of checks are left, which are ours. */
bool lg_health_write_unnamed(struct lg_buf *out, enum lg_health_kind kind, uint64_t now_us,
                             bool verbose);

#endif
