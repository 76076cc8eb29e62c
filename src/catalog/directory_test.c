/* Things by their names. */
#include "catalog/directory.h"

#include "test/test.h"

static unsigned freed;

static void count_freed(void *thing)
{
    assert_non_null(thing);
    freed++;
}

static void things_are_found_replaced_and_removed_by_name(void **state)
{
    struct lg_directory d;
    int a, b;

    (void)state;
    lg_directory_init(&d);
    assert_null(lg_directory_get(&d, "x"));
    assert_null(lg_directory_put(&d, "x", NULL));
    assert_null(lg_directory_put(&d, "x", &a));
    assert_ptr_equal(lg_directory_get(&d, "x"), &a);
    assert_ptr_equal(lg_directory_put(&d, "x", &b), &a);
    assert_ptr_equal(lg_directory_get(&d, "x"), &b);
    assert_ptr_equal(lg_directory_put(&d, "x", NULL), &b);
    assert_null(lg_directory_get(&d, "x"));
    lg_directory_done(&d, count_freed);
}

static void they_are_in_the_order_of_their_names(void **state)
{
    static const char *const names[] = {"m", "a", "z", "b"};
    struct lg_directory d;
    int things[LG_ARRAY_SIZE(names)];

    (void)state;
    lg_directory_init(&d);
    lg_directory_sort(&d);
    assert_int_equal(d.sorted.size, 0);
    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++)
        (void)lg_directory_put(&d, names[i], &things[i]);
    lg_directory_sort(&d);
    assert_int_equal(d.sorted.size, 4);
    assert_string_equal(d.sorted.data[0]->name, "a");
    assert_string_equal(d.sorted.data[1]->name, "b");
    assert_ptr_equal(d.sorted.data[3]->thing, &things[2]);
    (void)lg_directory_put(&d, "b", NULL);
    lg_directory_sort(&d);
    assert_int_equal(d.sorted.size, 3);
    assert_string_equal(d.sorted.data[1]->name, "m");
    freed = 0;
    lg_directory_done(&d, count_freed);
    assert_int_equal(freed, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(things_are_found_replaced_and_removed_by_name),
        cmocka_unit_test(they_are_in_the_order_of_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
