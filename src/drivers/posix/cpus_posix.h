/* Which processors threads run on. */
#ifndef LG_DRIVERS_POSIX_CPUS_POSIX_H
#define LG_DRIVERS_POSIX_CPUS_POSIX_H

#include <sched.h>

#include "base/base.h"

/* "0-3,8": what the kernel calls a cpulist, as in /sys/devices/system/cpu/online. LG_ERR_INVALID
 * for anything else, and for an empty one. */
LG_MUST_CHECK enum lg_rc lg_cpus_parse(struct lg_slice text, cpu_set_t *out, struct lg_error *err);
/* The same list, cut to `size` bytes. */
void lg_cpus_name(const cpu_set_t *set, char *out, size_t size);
/* Those that the calling thread may run on. */
void lg_cpus_allowed(cpu_set_t *out);
/* The i-th of a set that is not empty, in a set of its own; after the last one comes the first. */
void lg_cpus_pick(const cpu_set_t *set, unsigned i, cpu_set_t *out);
/* LG_ERR_INVALID when there is one in the set that the calling thread may not run on: names it, and
 * those that it may. */
LG_MUST_CHECK enum lg_rc lg_cpus_check(const cpu_set_t *set, struct lg_error *err);
/* The calling thread, and threads that it makes from now on, run on these; the process must have
 * been allowed to when it began. LG_ERR_INVALID when none of them is there. */
LG_MUST_CHECK enum lg_rc lg_cpus_bind(const cpu_set_t *set, struct lg_error *err);

#endif
