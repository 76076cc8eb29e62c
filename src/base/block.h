/* A block of memory at an aligned address: cache lines for what threads share, huge pages for what
 * is looked up at random (Linux: madvise(2), MADV_HUGEPAGE).
 *
 * A block of LG_BLOCK_HUGE_BYTES and more comes straight from the operating system: pages that were
 * never touched cost nothing, they are small unless lg_block_want_huge says otherwise (whatever
 * transparent_hugepage of the machine is), and all of it goes back when it is freed. Smaller ones,
 * and those of a simulated process, come from base/alloc.h.
 */
#ifndef LG_BASE_BLOCK_H
#define LG_BASE_BLOCK_H

#include "base/base.h"

#define LG_BLOCK_LINE_BYTES ((size_t)64)
#define LG_BLOCK_HUGE_BYTES ((size_t)2 << 20)

struct lg_block {
    void *data; /* Zeroed at first; NULL: none. */
    size_t size;
    /* Ours. */
    void *raw;
    size_t raw_size;
    bool is_mapped;
};

/* `align` is a power of two. LG_ERR_BUSY when memory is exhausted; `*out` is untouched then. */
LG_MUST_CHECK enum lg_rc lg_block_init(struct lg_block *out, size_t size, size_t align,
                                       struct lg_error *err);
/* {0} is allowed. */
void lg_block_done(struct lg_block *block);
LG_DEFINE_SCOPED(lg_block, lg_block_done)
/* Asks for huge pages where the machine has them; a wish, so it never fails. */
void lg_block_want_huge(struct lg_block *block);

#endif
