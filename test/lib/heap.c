#include "test/lib/heap.h"

#include <malloc.h>

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

bool heap_is_exact(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL;
}

size_t heap_bytes(void)
{
    return heap_is_exact() ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}
