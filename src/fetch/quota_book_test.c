/* Names that come, change and go with snapshots of a catalog. */
#include "fetch/quota_book.h"

#include "test/test.h"

static const struct lg_bucket_limit ten = {.refill = 10, .interval_us = 1000000, .capacity = 100};

static void count_dropped(void *ctx, struct lg_slice name)
{
    (void)name;
    ++*(unsigned *)ctx;
}

static void what_is_not_set_again_goes(void **state)
{
    LG_AUTO(lg_quota) *quota = NULL;
    LG_AUTO(lg_quota_book) *b = NULL;
    struct lg_error err = {0};
    unsigned dropped = 0;
    uint32_t a, of_b;

    (void)state;
    assert_ok(
        lg_quota_new(&(struct lg_quota_options){.resources_max = 2, .lanes_max = 1}, &quota, &err));
    b = lg_quota_book_new(quota);
    assert_int_equal(lg_quota_book_find(b, LG_LIT("a")), LG_QUOTA_NONE);
    lg_quota_book_begin(b);
    a = lg_quota_book_set(b, LG_LIT("a"), &ten, 1);
    of_b = lg_quota_book_set(b, LG_LIT("b"), &ten, 1);
    lg_quota_book_end(b, count_dropped, &dropped);
    assert_true(a != LG_QUOTA_NONE && of_b != LG_QUOTA_NONE && a != of_b);
    assert_int_equal(lg_quota_book_find(b, LG_LIT("a")), a);
    assert_int_equal(lg_quota_left(quota, a, 1), 100);
    lg_quota_book_begin(b);
    assert_int_equal(lg_quota_book_set(b, LG_LIT("a"), &ten, 2), a); /* As it was. */
    lg_quota_book_end(b, count_dropped, &dropped);
    assert_int_equal(dropped, 1);
    assert_int_equal(lg_quota_book_find(b, LG_LIT("b")), LG_QUOTA_NONE);
    assert_int_equal(lg_quota_left(quota, of_b, 2), UINT64_MAX);
    assert_int_equal(lg_quota_book_find(b, LG_LIT("a")), a);
}

static void one_too_many_has_no_limit_until_there_is_room(void **state)
{
    LG_AUTO(lg_quota) *quota = NULL;
    LG_AUTO(lg_quota_book) *b = NULL;
    struct lg_error err = {0};

    (void)state;
    assert_ok(
        lg_quota_new(&(struct lg_quota_options){.resources_max = 1, .lanes_max = 1}, &quota, &err));
    b = lg_quota_book_new(quota);
    lg_quota_book_begin(b);
    assert_int_not_equal(lg_quota_book_set(b, LG_LIT("a"), &ten, 1), LG_QUOTA_NONE);
    assert_int_equal(lg_quota_book_set(b, LG_LIT("b"), &ten, 1), LG_QUOTA_NONE);
    lg_quota_book_end(b, NULL, NULL);
    lg_quota_book_begin(b);
    lg_quota_book_end(b, NULL, NULL); /* `a` is gone. */
    lg_quota_book_begin(b);
    assert_int_not_equal(lg_quota_book_set(b, LG_LIT("b"), &ten, 1), LG_QUOTA_NONE);
    lg_quota_book_end(b, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_set_again_goes),
        cmocka_unit_test(one_too_many_has_no_limit_until_there_is_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
