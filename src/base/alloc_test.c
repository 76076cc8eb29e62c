/* Tests of the allocator and its domains. */
#include "test/test.h"

#include "base/alloc.h"
#include "base/alloc_fail.h"

#include "base/asan.h"

#if LG_ASAN
int __asan_address_is_poisoned(void const volatile *p);
#endif

static void blocks_keep_their_bytes_when_they_grow(void **state)
{
    (void)state;
    char *p = lg_alloc(4);

    memcpy(p, "abcd", 4);
    p = lg_realloc(p, 100000);
    assert_memory_equal(p, "abcd", 4);
    p = lg_realloc(p, 2);
    assert_memory_equal(p, "ab", 2);
    lg_free(p);
    p = lg_realloc(NULL, 3);
    assert_non_null(p);
    lg_free(p);
    lg_free(NULL);
}

static void blocks_are_aligned_to_16_bytes_inside_and_outside_of_domains(void **state)
{
    (void)state;
    struct lg_alloc_domain *domain = lg_alloc_domain_new();
    void *outside = lg_alloc(1), *inside;

    lg_alloc_domain_enter(domain);
    inside = lg_alloc(1);
    lg_alloc_domain_enter(NULL);
    assert_int_equal((uintptr_t)outside % 16, 0);
    assert_int_equal((uintptr_t)inside % 16, 0);
    lg_free(outside);
    lg_free(inside);
    lg_alloc_domain_free(domain);
}

static void zeroed_blocks_are_zero(void **state)
{
    (void)state;
    static const char zeros[64];
    char *p = lg_zalloc(64);
    uint32_t *array = lg_new_array(uint32_t, 16);
    void *none = lg_zalloc(0);

    assert_memory_equal(p, zeros, 64);
    assert_memory_equal(array, zeros, 64);
    assert_non_null(none);
    lg_free(p);
    lg_free(array);
    lg_free(none);
}

static void a_size_that_no_machine_has_gives_null_when_one_only_tries(void **state)
{
    (void)state;
    volatile size_t size = SIZE_MAX - 8;

    assert_null(lg_try_alloc(size));
}

static void strings_are_copied_with_their_nul(void **state)
{
    (void)state;
    LG_AUTO_STR char *whole = lg_strdup("lagoon"), *part = lg_strndup("lagoon", 3);

    assert_string_equal(whole, "lagoon");
    assert_string_equal(part, "lag");
}

static void wiping_a_domain_frees_everything_made_in_it_and_nothing_else(void **state)
{
    (void)state;
    struct lg_alloc_domain *domain = lg_alloc_domain_new();
    char *outside = lg_strdup("outside");

    assert_null(lg_alloc_domain_enter(domain));
    for (size_t i = 1; i <= 100; i++)
        assert_non_null(lg_alloc(i));
    assert_ptr_equal(lg_alloc_domain_enter(NULL), domain);
    assert_int_equal(lg_alloc_domain_bytes(domain), 5050);
    lg_alloc_domain_wipe(domain); /* LeakSanitizer fails the run if a block stays. */
    assert_int_equal(lg_alloc_domain_bytes(domain), 0);
    assert_string_equal(outside, "outside");
    lg_free(outside);
    lg_alloc_domain_free(domain);
}

static void a_block_may_be_freed_while_another_domain_is_current(void **state)
{
    (void)state;
    struct lg_alloc_domain *a = lg_alloc_domain_new(), *b = lg_alloc_domain_new();
    char *of_a, *of_none = lg_alloc(5);

    lg_alloc_domain_enter(a);
    of_a = lg_alloc(7);
    lg_alloc_domain_enter(b);
    lg_free(of_none);
    lg_free(of_a);
    lg_alloc_domain_enter(NULL);
    assert_int_equal(lg_alloc_domain_bytes(a), 0);
    assert_int_equal(lg_alloc_domain_bytes(b), 0);
    lg_alloc_domain_free(a);
    lg_alloc_domain_free(b);
}

static void a_block_that_grows_stays_in_its_own_domain(void **state)
{
    (void)state;
    struct lg_alloc_domain *a = lg_alloc_domain_new(), *b = lg_alloc_domain_new();
    char *neighbour, *of_a, *of_none = lg_alloc(5);

    lg_alloc_domain_enter(a);
    neighbour = lg_alloc(1);
    of_a = lg_alloc(7);
    assert_non_null(lg_alloc(2)); /* Stays for the wipe. */
    lg_alloc_domain_enter(b);
    of_a = lg_realloc(of_a, 100000);
    of_none = lg_realloc(of_none, 100000);
    lg_alloc_domain_enter(NULL);
    assert_int_equal(lg_alloc_domain_bytes(a), 100003);
    assert_int_equal(lg_alloc_domain_bytes(b), 0);
    lg_free(neighbour);
    assert_int_equal(lg_alloc_domain_bytes(a), 100002);
    lg_alloc_domain_free(a);
    lg_alloc_domain_free(b);
    lg_free(of_none); /* Was not wiped with either. */
}

#if LG_ASAN /* Elsewhere there is nothing to ask, and no such test. */
static void under_address_sanitizer_the_byte_before_a_block_is_out_of_bounds(void **state)
{
    (void)state;
    char *p = lg_alloc(8);

    assert_true(__asan_address_is_poisoned(p - 1));
    assert_false(__asan_address_is_poisoned(p + 7));
    assert_true(__asan_address_is_poisoned(p + 8));
    lg_free(p);
}
#endif

static void the_nth_allocation_finds_no_memory_and_no_other(void **state)
{
    (void)state;
    void *p[4];

    assert_false(lg_alloc_has_failed());
    lg_alloc_fail_at(3);
    for (size_t i = 0; i < LG_ARRAY_SIZE(p); i++) {
        p[i] = lg_try_alloc(10);
        assert_int_equal(p[i] == NULL, i == 2);
        assert_int_equal(lg_alloc_has_failed(), i >= 2);
        lg_free(p[i]);
    }
    lg_alloc_fail_at(1);
    lg_alloc_fail_at(0);
    lg_free(lg_alloc(1));
    assert_false(lg_alloc_has_failed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_keep_their_bytes_when_they_grow),
        cmocka_unit_test(the_nth_allocation_finds_no_memory_and_no_other),
        cmocka_unit_test(blocks_are_aligned_to_16_bytes_inside_and_outside_of_domains),
        cmocka_unit_test(zeroed_blocks_are_zero),
        cmocka_unit_test(a_size_that_no_machine_has_gives_null_when_one_only_tries),
        cmocka_unit_test(strings_are_copied_with_their_nul),
        cmocka_unit_test(wiping_a_domain_frees_everything_made_in_it_and_nothing_else),
        cmocka_unit_test(a_block_may_be_freed_while_another_domain_is_current),
        cmocka_unit_test(a_block_that_grows_stays_in_its_own_domain),
#if LG_ASAN
        cmocka_unit_test(under_address_sanitizer_the_byte_before_a_block_is_out_of_bounds),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
