/* Tests of the hash map, also against a plain array, and of the intrusive list. */
#include "test/test.h"

#include "base/map.h"

#include "base/list.h"
#include "base/rand.h"
#include "base/str.h"

static struct lg_slice key_of(const uint32_t *number)
{
    return lg_slice(number, sizeof(*number));
}

static void what_was_put_is_found_under_its_own_copy_of_the_key(void **state)
{
    (void)state;
    LG_AUTO(lg_map) *map = lg_map_new();
    char key[] = "cities";
    int one, two;

    assert_null(lg_map_get(map, LG_LIT("cities")));
    assert_null(lg_map_remove(map, LG_LIT("cities")));
    assert_null(lg_map_put(map, lg_slice_str(key), &one));
    key[0] = 'x';
    assert_ptr_equal(lg_map_get(map, LG_LIT("cities")), &one);
    assert_ptr_equal(lg_map_put(map, LG_LIT("cities"), &two), &one);
    assert_int_equal(lg_map_size(map), 1);
    assert_ptr_equal(lg_map_remove(map, LG_LIT("cities")), &two);
    assert_null(lg_map_get(map, LG_LIT("cities")));
    assert_int_equal(lg_map_size(map), 0);
}

static void keys_may_be_empty_or_hold_zero_bytes(void **state)
{
    (void)state;
    LG_AUTO(lg_map) *map = lg_map_new();
    int a, b, c;

    lg_map_put(map, LG_SLICE_NULL, &a);
    lg_map_put(map, lg_slice("\0", 1), &b);
    lg_map_put(map, lg_slice("\0\0", 2), &c);
    assert_ptr_equal(lg_map_get(map, LG_SLICE_NULL), &a);
    assert_ptr_equal(lg_map_get(map, lg_slice("\0", 1)), &b);
    assert_ptr_equal(lg_map_get(map, lg_slice("\0\0", 2)), &c);
}

static void iteration_follows_insertion_also_after_growth_and_replacement(void **state)
{
    (void)state;
    LG_AUTO(lg_map) *map = lg_map_new();
    uint32_t numbers[1000], seen = 0;
    struct lg_slice key;
    size_t at = 0;
    void *value;

    for (uint32_t i = 0; i < 1000; i++) {
        numbers[i] = i * 7919 % 1000;
        lg_map_put(map, key_of(&numbers[i]), map);
    }
    for (uint32_t i = 0; i < 1000; i += 2)
        lg_map_put(map, key_of(&numbers[i]), &numbers[i]);
    while (lg_map_next(map, &at, &key, &value)) {
        assert_slice_equal(key, key_of(&numbers[seen]));
        assert_ptr_equal(value, seen % 2 == 0 ? (void *)&numbers[seen] : (void *)map);
        seen++;
    }
    assert_int_equal(seen, 1000);
    assert_false(lg_map_next(map, &at, &key, &value));
}

static void entries_may_be_removed_while_one_iterates(void **state)
{
    (void)state;
    LG_AUTO(lg_map) *map = lg_map_new();
    uint32_t seen = 0, later;
    struct lg_slice key;
    size_t at = 0;
    void *value;

    for (uint32_t i = 0; i < 100; i++)
        lg_map_put(map, key_of(&i), map);
    while (lg_map_next(map, &at, &key, &value)) {
        memcpy(&later, key.data, sizeof(later));
        assert_int_equal(later % 2, 0); /* Odd ones were removed before their turn. */
        later++;
        assert_ptr_equal(lg_map_remove(map, key_of(&later)), map);
        assert_ptr_equal(lg_map_remove(map, key), map); /* The current one. */
        seen++;
    }
    assert_int_equal(seen, 50);
    assert_int_equal(lg_map_size(map), 0);
}

/* A queue: the oldest goes, a new one comes; 100000 entries would need megabytes. */
static void a_map_used_as_a_queue_does_not_grow(void **state)
{
    (void)state;
    struct lg_alloc_domain *domain = lg_alloc_domain_new();
    struct lg_map *map;

    lg_alloc_domain_enter(domain);
    map = lg_map_new();
    for (uint32_t i = 0; i < 100000; i++) {
        struct lg_slice key;
        size_t at = 0;
        void *value;

        lg_map_put(map, key_of(&i), map);
        if (i < 10)
            continue;
        assert_true(lg_map_next(map, &at, &key, &value));
        lg_map_remove(map, key);
    }
    assert_int_equal(lg_map_size(map), 10);
    assert_true(lg_alloc_domain_bytes(domain) < 8192);
    lg_map_free(map);
    lg_alloc_domain_enter(NULL);
    assert_int_equal(lg_alloc_domain_bytes(domain), 0);
    lg_alloc_domain_free(domain);
}

static void a_long_random_history_agrees_with_a_plain_array(void **state)
{
    (void)state;
    LG_AUTO(lg_map) *map = lg_map_new();
    void *model[300] = {0};
    size_t live = 0;
    struct lg_rand r;

    lg_rand_seed(&r, 5);
    for (int i = 0; i < 20000; i++) {
        uint32_t number = (uint32_t)lg_rand_below(&r, 300);
        void *value = &model[lg_rand_below(&r, 300)];

        if (lg_rand_chance(&r, 1, 2)) {
            assert_ptr_equal(lg_map_put(map, key_of(&number), value), model[number]);
            live += model[number] == NULL;
            model[number] = value;
        } else {
            assert_ptr_equal(lg_map_remove(map, key_of(&number)), model[number]);
            live -= model[number] != NULL;
            model[number] = NULL;
        }
        number = (uint32_t)lg_rand_below(&r, 300);
        assert_ptr_equal(lg_map_get(map, key_of(&number)), model[number]);
        assert_int_equal(lg_map_size(map), live);
    }
}

struct item {
    int number;
    struct lg_list link;
};

static void a_list_keeps_order_and_lets_go_of_any_node(void **state)
{
    (void)state;
    struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    struct lg_list head;
    int sum = 0;

    lg_list_init(&head);
    assert_true(lg_list_empty(&head));
    assert_null(lg_list_pop_front(&head));
    for (int i = 1; i < 4; i++)
        lg_list_push_back(&head, &items[i].link);
    lg_list_push_front(&head, &items[0].link);
    LG_LIST_EACH(it, &head)
    {
        struct item *item = LG_CONTAINER_OF(it, struct item, link);

        sum = sum * 10 + item->number;
        if (item->number == 2)
            lg_list_remove(it);
    }
    assert_int_equal(sum, 123);     /* 0, 1, 2, 3 in order. */
    lg_list_remove(&items[2].link); /* In no list: nothing happens. */
    assert_ptr_equal(lg_list_pop_front(&head), &items[0].link);
    assert_ptr_equal(lg_list_pop_front(&head), &items[1].link);
    assert_ptr_equal(lg_list_pop_front(&head), &items[3].link);
    assert_true(lg_list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_under_its_own_copy_of_the_key),
        cmocka_unit_test(keys_may_be_empty_or_hold_zero_bytes),
        cmocka_unit_test(iteration_follows_insertion_also_after_growth_and_replacement),
        cmocka_unit_test(entries_may_be_removed_while_one_iterates),
        cmocka_unit_test(a_map_used_as_a_queue_does_not_grow),
        cmocka_unit_test(a_long_random_history_agrees_with_a_plain_array),
        cmocka_unit_test(a_list_keeps_order_and_lets_go_of_any_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
