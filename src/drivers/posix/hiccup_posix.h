/* The thread of a hiccup meter (base/hiccup.h): sleeps, wakes, notes how late. */
#ifndef LG_DRIVERS_POSIX_HICCUP_POSIX_H
#define LG_DRIVERS_POSIX_HICCUP_POSIX_H

#include "base/hiccup.h"

struct lg_hiccup_posix; /* Opaque. */

/* Begins to measure. `on_late`, if not NULL, is called on the meter's thread until it has stopped.
 * LG_ERR_BUSY when there can be no more threads. */
LG_MUST_CHECK enum lg_rc lg_hiccup_posix_start(uint64_t period_ns, lg_hiccup_late_fn on_late,
                                               void *ctx, struct lg_hiccup_posix **out,
                                               struct lg_error *err);
/* Ends within a period, and frees it. `out`: what it saw, if not NULL. NULL is allowed. */
void lg_hiccup_posix_stop(struct lg_hiccup_posix *take_x, struct lg_hiccup *out);

#endif
