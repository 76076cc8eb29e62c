/* How the kernel chooses between threads of this process and others.
 */
#ifndef LG_DRIVERS_POSIX_THREAD_POSIX_H
#define LG_DRIVERS_POSIX_THREAD_POSIX_H

#include "base/base.h"

/* Asks for a slice of LG_THREAD_SLICE_NS for the calling thread: when it wakes, it does not wait
 * for the end of another one's slice, which is several milliseconds long; it gets no more of the
 * processor than before. Linux 6.12 and later (EEVDF; sched_setattr(2), sched_runtime of
 * SCHED_OTHER); older kernels take the call and go on as before. LG_ERR_UNSUPPORTED where a kernel
 * or what confines the process refuses it. */
#define LG_THREAD_SLICE_NS UINT64_C(100000)
LG_MUST_CHECK enum lg_rc lg_thread_shorten_slice(struct lg_error *err);

#endif
