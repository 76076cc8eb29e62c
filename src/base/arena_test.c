/* Tests of the arena. */
#include "test/test.h"

#include "base/arena.h"

#include "base/asan.h"

#if LG_ASAN
int __asan_address_is_poisoned(void const volatile *p);
#endif

static void allocations_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    uint8_t *p[200];

    for (size_t i = 0; i < LG_ARRAY_SIZE(p); i++) {
        p[i] = lg_arena_alloc(arena, i * 7);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], (int)i, i * 7);
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(p); i++) {
        for (size_t j = 0; j < i * 7; j++)
            assert_int_equal(p[i][j], i);
    }
}

static void copies_equal_their_source_and_strings_end_with_nul(void **state)
{
    (void)state;
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    uint8_t *copy = lg_arena_copy(arena, LG_LIT("abc"));
    char *zeroed = lg_arena_zalloc(arena, 10);

    assert_memory_equal(copy, "abc", 3);
    assert_non_null(lg_arena_copy(arena, LG_SLICE_NULL));
    assert_string_equal(lg_arena_str(arena, LG_LIT("abc")), "abc");
    assert_string_equal(lg_arena_str(arena, LG_SLICE_NULL), "");
    assert_string_equal(lg_arena_strf(arena, "%s_v%d", "cities", 3), "cities_v3");
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(zeroed[i], 0);
}

static void past_the_limit_every_kind_of_allocation_gives_null(void **state)
{
    (void)state;
    LG_AUTO(lg_arena) *arena = lg_arena_new(64);
    static const char wide[100] = "x";

    assert_null(lg_arena_alloc(arena, 65));
    assert_null(lg_arena_alloc(arena, SIZE_MAX));
    assert_null(lg_arena_zalloc(arena, 65));
    assert_null(lg_arena_copy(arena, lg_slice(wide, sizeof(wide))));
    assert_null(lg_arena_str(arena, lg_slice(wide, 64)));
    assert_null(lg_arena_str(arena, lg_slice(wide, SIZE_MAX)));
    assert_null(lg_arena_strf(arena, "%100d", 1));
    assert_int_equal(lg_arena_bytes(arena), 0);
    assert_non_null(lg_arena_alloc(arena, 48));
    assert_non_null(lg_arena_alloc(arena, 16));
    assert_null(lg_arena_alloc(arena, 0));
    assert_int_equal(lg_arena_bytes(arena), 64);
}

static void a_reset_gives_the_whole_limit_back(void **state)
{
    (void)state;
    LG_AUTO(lg_arena) *arena = lg_arena_new(1 << 20);

    lg_arena_reset(arena); /* Of an unused arena. */
    for (int round = 0; round < 3; round++) {
        assert_non_null(lg_arena_alloc(arena, 1 << 19));
        assert_non_null(lg_arena_alloc(arena, 1 << 19));
        assert_null(lg_arena_alloc(arena, 1));
        lg_arena_reset(arena);
        assert_int_equal(lg_arena_bytes(arena), 0);
    }
    for (int i = 0; i < 3; i++)
        assert_non_null(lg_arena_alloc(arena, 5000)); /* Several chunks; one is kept. */
    lg_arena_reset(arena);
    assert_non_null(lg_arena_alloc(arena, 10));
}

#if LG_ASAN /* Elsewhere there is nothing to ask, and no such test. */
static void under_address_sanitizer_the_byte_after_an_allocation_is_out_of_bounds(void **state)
{
    (void)state;
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    char *first = lg_arena_alloc(arena, 16), *second = lg_arena_alloc(arena, 3);

    assert_true(__asan_address_is_poisoned(first + 16));
    assert_true(__asan_address_is_poisoned(second + 3));
    assert_false(__asan_address_is_poisoned(second + 2));
    lg_arena_reset(arena);
    assert_true(__asan_address_is_poisoned(first));
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_aligned_and_do_not_overlap),
        cmocka_unit_test(copies_equal_their_source_and_strings_end_with_nul),
        cmocka_unit_test(past_the_limit_every_kind_of_allocation_gives_null),
        cmocka_unit_test(a_reset_gives_the_whole_limit_back),
#if LG_ASAN
        cmocka_unit_test(under_address_sanitizer_the_byte_after_an_allocation_is_out_of_bounds),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
