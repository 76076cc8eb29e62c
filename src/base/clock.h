/* The machine's clocks. Only drivers, the log and composition roots may call these: everything else
 * asks its lane, so that the simulator owns time (tidy.py checks). */
#ifndef LG_BASE_CLOCK_H
#define LG_BASE_CLOCK_H

#include "base/base.h"

uint64_t lg_clock_mono_us(void); /* since an arbitrary start, never goes back */
uint64_t lg_clock_wall_ms(void); /* since 1970-01-01T00:00:00Z */

#endif
