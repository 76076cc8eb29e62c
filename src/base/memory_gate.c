#include "base/memory_gate.h"

static bool full; /* Atomic. */

void lg_memory_gate_set(uint64_t used_bytes, uint64_t limit_bytes)
{
    bool was_full = __atomic_load_n(&full, __ATOMIC_RELAXED);
    uint64_t bound = was_full ? limit_bytes - limit_bytes / 10 : limit_bytes;

    __atomic_store_n(&full, limit_bytes != 0 && used_bytes > bound, __ATOMIC_RELAXED);
}

bool lg_memory_gate_is_full(void)
{
    return __atomic_load_n(&full, __ATOMIC_RELAXED);
}
