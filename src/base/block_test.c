/* Blocks of memory for what is looked up at random: alignment, sizes, failure. */
#include "base/block.h"

#include <inttypes.h>
#include <stdio.h>

#include "test/test.h"

static void a_block_is_aligned_and_zeroed(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 64, 100000, LG_BLOCK_HUGE_BYTES, 3 * LG_BLOCK_HUGE_BYTES + 1};

    for (size_t i = 0; i < LG_ARRAY_SIZE(sizes); i++)
        for (size_t align = 8; align <= LG_BLOCK_HUGE_BYTES; align *= 8) {
            struct lg_error err = {0};
            LG_SCOPED(lg_block) b = {0};

            assert_ok(lg_block_init(&b, sizes[i], align, &err));
            assert_int_equal((uintptr_t)b.data % align, 0);
            assert_int_equal(b.size, sizes[i]);
            for (size_t at = 0; at < sizes[i]; at += LG_MAX(sizes[i] / 64, (size_t)1))
                assert_int_equal(((uint8_t *)b.data)[at], 0);
            lg_block_want_huge(&b);
            memset(b.data, 1, sizes[i]);
        }
}

/* Whether proc(5) says of the mapping around `p` that it has this flag. */
static bool has_flag(const void *p, const char *flag)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    bool is_it = false, has = false;

    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t from, to;

        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
            is_it = from <= (uintptr_t)p && (uintptr_t)p < to;
        else if (is_it && strncmp(line, "VmFlags:", 8) == 0)
            has = has || strstr(line, flag) != NULL;
    }
    (void)fclose(maps);
    return has;
}

/* Also where transparent_hugepage is `always`. An emulator may not know of them at all. */
static void huge_pages_are_for_who_wants_them(void **state)
{
    LG_SCOPED(lg_block) wants = {0}, is_small = {0};
    struct lg_error err;

    (void)state;
    assert_ok(lg_block_init(&wants, LG_BLOCK_HUGE_BYTES, LG_BLOCK_HUGE_BYTES, &err));
    assert_ok(lg_block_init(&is_small, LG_BLOCK_HUGE_BYTES, LG_BLOCK_HUGE_BYTES, &err));
    lg_block_want_huge(&wants);
    assert_false(has_flag(is_small.data, " hg"));
    assert_false(has_flag(wants.data, " nh"));
    assert_int_equal(has_flag(is_small.data, " nh"), has_flag(wants.data, " hg"));
}

static void what_cannot_be_had_is_an_error(void **state)
{
    (void)state;
    struct lg_error err = {0};
    LG_SCOPED(lg_block) b = {0};

    assert_rc(LG_ERR_BUSY, lg_block_init(&b, (size_t)1 << 60, 64, &err));
    assert_non_null(strstr(err.text, "1152921504606846976"));
    assert_rc(LG_ERR_BUSY, lg_block_init(&b, PTRDIFF_MAX, 64, &err));
    assert_null(b.data);
}

static void a_simulated_process_takes_its_blocks_with_it(void **state)
{
    (void)state;
    struct lg_alloc_domain *domain = lg_alloc_domain_new();
    struct lg_error err = {0};
    struct lg_block b;

    assert_null(lg_alloc_domain_enter(domain));
    assert_true(lg_alloc_in_domain());
    assert_ok(lg_block_init(&b, LG_BLOCK_HUGE_BYTES, LG_BLOCK_HUGE_BYTES, &err));
    assert_ptr_equal(lg_alloc_domain_enter(NULL), domain);
    assert_false(lg_alloc_in_domain());
    assert_true(lg_alloc_domain_bytes(domain) >= LG_BLOCK_HUGE_BYTES);
    lg_alloc_domain_free(domain); /* Leaks are found by the sanitizer. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_aligned_and_zeroed),
        cmocka_unit_test(huge_pages_are_for_who_wants_them),
        cmocka_unit_test(what_cannot_be_had_is_an_error),
        cmocka_unit_test(a_simulated_process_takes_its_blocks_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
