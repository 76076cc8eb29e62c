/* Manual poisoning of memory, for allocators that hand out parts of a larger block. Nothing at all
 * in a build without AddressSanitizer. Stateless. */
#ifndef LG_BASE_ASAN_H
#define LG_BASE_ASAN_H

#include <stddef.h>

#include "base/macros.h"

#if defined(__SANITIZE_ADDRESS__)
#define LG_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LG_ASAN 1
#endif
#endif
#ifndef LG_ASAN
#define LG_ASAN 0
#endif

#if LG_ASAN
void __asan_poison_memory_region(void const volatile *p, size_t size);
void __asan_unpoison_memory_region(void const volatile *p, size_t size);
#endif

/* Any access to these bytes is reported from now on. */
static inline void lg_asan_poison(const void *p, size_t size)
{
#if LG_ASAN
    __asan_poison_memory_region(p, size);
#else
    (void)p, (void)size;
#endif
}

static inline void lg_asan_unpoison(const void *p, size_t size)
{
#if LG_ASAN
    __asan_unpoison_memory_region(p, size);
#else
    (void)p, (void)size;
#endif
}

#endif
