/* A typed growing array: LG_VEC(struct foo) v = {0}; LG_VEC_PUSH(&v, x); v.data[i], v.size. */
#ifndef LG_BASE_VEC_H
#define LG_BASE_VEC_H

#include "base/base.h"

#define LG_VEC(type)                                                                               \
    struct {                                                                                       \
        type *data;                                                                                \
        size_t size, capacity;                                                                     \
    }
/* Room for one more element. */
#define LG_VEC_GROW(v)                                                                             \
    do {                                                                                           \
        if ((v)->size == (v)->capacity) {                                                          \
            (v)->capacity = (v)->capacity == 0 ? 8 : (v)->capacity * 2;                            \
            (v)->data = lg_realloc((v)->data, (v)->capacity * sizeof((v)->data[0]));               \
        }                                                                                          \
    } while (0)
#define LG_VEC_PUSH(v, ...)                                                                        \
    do {                                                                                           \
        LG_VEC_GROW(v);                                                                            \
        (v)->data[(v)->size++] = (__VA_ARGS__);                                                    \
    } while (0)
/* Frees the array, not what its elements own. */
#define LG_VEC_DONE(v)                                                                             \
    do {                                                                                           \
        lg_free((v)->data);                                                                        \
        (v)->data = NULL;                                                                          \
        (v)->size = (v)->capacity = 0;                                                             \
    } while (0)

#endif
