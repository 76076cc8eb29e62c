/* Aligned blocks: more than asked for is taken, and the aligned part of it used. What is mapped but
 * never touched is address space only. */
#include "base/block.h"

#include <sys/mman.h>

static uint8_t *round_up(void *p, size_t align)
{
    return (uint8_t *)p + (-(uintptr_t)p & (align - 1));
}

enum lg_rc lg_block_init(struct lg_block *out, size_t size, size_t align, struct lg_error *err)
{
    struct lg_block b = {.size = size};

    assert(size > 0 && align > 0 && (align & (align - 1)) == 0);
    if (size > PTRDIFF_MAX - align)
        return lg_error_set(err, LG_ERR_BUSY, "no block of %zu bytes can be had", size);
    b.raw_size = size + align;
    b.is_mapped = size >= LG_BLOCK_HUGE_BYTES && !lg_alloc_in_domain();
    if (b.is_mapped) {
        b.raw = mmap(NULL, b.raw_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (b.raw == MAP_FAILED)
            b.raw = NULL;
    } else {
        b.raw = lg_try_alloc(b.raw_size);
    }
    if (b.raw == NULL)
        return lg_error_set(err, LG_ERR_BUSY, "memory is exhausted: %zu bytes were asked for",
                            size);
    b.data = round_up(b.raw, align);
    if (b.is_mapped) /* Where they come by themselves, the first byte would take a whole one. */
        (void)madvise(b.raw, b.raw_size, MADV_NOHUGEPAGE);
    else
        memset(b.data, 0, size);
    *out = b;
    return LG_OK;
}

void lg_block_done(struct lg_block *block)
{
    if (block->is_mapped)
        (void)munmap(block->raw, block->raw_size);
    else
        lg_free(block->raw);
    *block = (struct lg_block){0};
}

void lg_block_want_huge(struct lg_block *block)
{
    if (block->is_mapped)
        (void)madvise(block->data, block->size, MADV_HUGEPAGE);
}
