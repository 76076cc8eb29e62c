/* How much memory this process may have: the machine's, or less where a control group says so.
 *
 * Any thread; reads files of /proc and /sys.
 */
#ifndef LG_DRIVERS_POSIX_MEMORY_POSIX_H
#define LG_DRIVERS_POSIX_MEMORY_POSIX_H

#include "base/base.h"

/* The least of the machine's memory and the limits of this process's control group and those above
 * it (version 2, or version 1). 0: not known. */
uint64_t lg_memory_limit_bytes(void);
/* The same, of files below `root` instead of "/": for tests. */
uint64_t lg_memory_limit_bytes_below(const char *root);

#endif
