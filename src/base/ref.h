/* Atomic reference counts, for objects that are immutable once shared and may cross lanes. */
#ifndef LG_BASE_REF_H
#define LG_BASE_REF_H

#include "base/base.h"

/* One more holder. The caller already holds a reference, so no order is needed. */
static inline void lg_ref_get(unsigned *refs)
{
    unsigned before = __atomic_fetch_add(refs, 1U, __ATOMIC_RELAXED);

    assert(before != 0 && before != ~0U);
    (void)before;
}

/* One holder less; true for the last one, who must destroy the object. */
LG_MUST_CHECK static inline bool lg_ref_put(unsigned *refs)
{
    unsigned before = __atomic_fetch_sub(refs, 1U, __ATOMIC_ACQ_REL);

    assert(before != 0);
    return before == 1;
}

#endif
