/* What every test includes: cmocka, whose header needs these before it, and our assertions. */
#ifndef LG_TEST_TEST_H
#define LG_TEST_TEST_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/base.h"

#define assert_rc(want, got) assert_string_equal(lg_rc_name(want), lg_rc_name(got))
/* The call succeeds; on failure its sentence is shown. Needs `struct lg_error err` in scope. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) != LG_OK)                                                                       \
            fail_msg("%s: %s", #call, err.text);                                                   \
    } while (0)
#define assert_slice_equal(got, want)                                                              \
    do {                                                                                           \
        struct lg_slice got_ = (got), want_ = (want);                                              \
        assert_int_equal(got_.size, want_.size);                                                   \
        assert_memory_equal(got_.data, want_.data, want_.size);                                    \
    } while (0)

#endif
