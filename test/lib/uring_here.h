/* Tests of io_uring where the kernel, or what confines the process, refuses it. */
#ifndef LG_TEST_LIB_URING_HERE_H
#define LG_TEST_LIB_URING_HERE_H

#include <stdbool.h>

/* False: it is refused, which is said aloud; the tests that need it are not run. */
bool lg_uring_is_here(void);
/* A test for that case: the refusal is LG_ERR_UNAVAILABLE and has a reason. */
void lg_uring_is_refused_with_a_reason(void **state);

#endif
