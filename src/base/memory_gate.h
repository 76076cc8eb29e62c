/* Whether this process has more memory than it may: one flag that a timer sets and that those look
 * at who take in what needs much. Any thread.
 *
 * What is refused while it is full: requests with a body over LG_MEMORY_GATE_BODY_BYTES (batches of
 * a push, large batch gets). Single gets and what operators do go on.
 */
#ifndef LG_BASE_MEMORY_GATE_H
#define LG_BASE_MEMORY_GATE_H

#include "base/base.h"

#define LG_MEMORY_GATE_BODY_BYTES ((size_t)16 << 10)
#define LG_MEMORY_GATE_TEXT                                                                        \
    "the process has passed its memory_limit; try again later, raise memory_limit or lower "       \
    "block_cache"

/* Full once `used_bytes` is over the limit, and no more when it is a tenth below. 0: no limit. */
void lg_memory_gate_set(uint64_t used_bytes, uint64_t limit_bytes);
bool lg_memory_gate_is_full(void);

#endif
