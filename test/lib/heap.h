/* How much memory the program has in use. */
#ifndef LG_TEST_LIB_HEAP_H
#define LG_TEST_LIB_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* Not VmRSS: that has what was freed, too, of which a sanitizer keeps up to 256 MiB. */
size_t heap_bytes(void);
/* Without a sanitizer glibc counts, which takes what a thread has freed and keeps to use again,
 * some ten KiB, for memory in use. */
bool heap_is_exact(void);

#endif
