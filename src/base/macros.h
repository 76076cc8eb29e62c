/* Compiler attributes and the two devices of ownership: LG_AUTO and LG_TAKE.
 *
 * gcc and clang only (ADR 0002). Nothing here has state.
 */
#ifndef LG_BASE_MACROS_H
#define LG_BASE_MACROS_H

#include <assert.h>
#include <stddef.h>

#define LG_MUST_CHECK __attribute__((warn_unused_result))
#define LG_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define LG_NORETURN __attribute__((noreturn))
#define LG_UNUSED __attribute__((unused))
/* Of what is no part of a hot path, and not to stand in one. */
#define LG_COLD __attribute__((cold, noinline))
#define LG_LIKELY(x) __builtin_expect(!!(x), 1)
#define LG_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* From a pointer to a member back to the struct that embeds it. */
#define LG_CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))
#define LG_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define LG_MIN(a, b)                                                                               \
    ({                                                                                             \
        __typeof__(a) min_a_ = (a);                                                                \
        __typeof__(b) min_b_ = (b);                                                                \
        min_a_ < min_b_ ? min_a_ : min_b_;                                                         \
    })
#define LG_MAX(a, b)                                                                               \
    ({                                                                                             \
        __typeof__(a) max_a_ = (a);                                                                \
        __typeof__(b) max_b_ = (b);                                                                \
        max_a_ > max_b_ ? max_a_ : max_b_;                                                         \
    })

/* LG_AUTO(lg_foo) *p = NULL;  destroys p at the end of its scope, however that is left.
 * The header of lg_foo names the destroyer: LG_DEFINE_AUTO(lg_foo, lg_foo_close). */
#define LG_DEFINE_AUTO(type, destroy)                                                              \
    LG_UNUSED static inline void type##_autop(struct type **p)                                     \
    {                                                                                              \
        destroy(*p);                                                                               \
    }
#define LG_AUTO(type) __attribute__((cleanup(type##_autop))) struct type

/* LG_SCOPED(lg_buf) b = {0};  calls the `done` of a value (not a pointer) at scope end.
 * The header names it: LG_DEFINE_SCOPED(lg_buf, lg_buf_done). */
#define LG_DEFINE_SCOPED(type, done)                                                               \
    LG_UNUSED static inline void type##_scopedp(struct type *v)                                    \
    {                                                                                              \
        done(v);                                                                                   \
    }
#define LG_SCOPED(type) __attribute__((cleanup(type##_scopedp))) struct type

/* Moves a pointer out of its LG_AUTO variable: the caller owns it now. */
#define LG_TAKE(p)                                                                                 \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

/* LG_AUTO_STR char *s = lg_strf(...);  freed at scope end. */
#define LG_AUTO_STR __attribute__((cleanup(lg_str_autop)))

#endif
