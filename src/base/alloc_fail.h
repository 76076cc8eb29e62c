/* Allocations that fail on purpose, for tests: the n-th from now on, in the whole process. */
#ifndef LG_BASE_ALLOC_FAIL_H
#define LG_BASE_ALLOC_FAIL_H

#include "base/base.h"

/* The `nth` allocation from now, from 1, finds no memory; 0: none does. Any thread. */
void lg_alloc_fail_at(uint64_t nth);
/* Has it come? False when nothing was armed. */
bool lg_alloc_has_failed(void);

#endif
