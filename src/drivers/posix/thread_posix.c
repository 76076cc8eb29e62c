#include "drivers/posix/thread_posix.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The first version of the kernel's structure; libc has none. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

enum lg_rc lg_thread_shorten_slice(struct lg_error *err)
{
    struct attributes a = {0};

    if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) == 0) {
        a.runtime_ns = LG_THREAD_SLICE_NS;
        if (syscall(SYS_sched_setattr, 0, &a, 0) == 0)
            return LG_OK;
    }
    return lg_error_set(err, LG_ERR_UNSUPPORTED, "the kernel keeps the slices of threads: %s",
                        strerror(errno));
}
