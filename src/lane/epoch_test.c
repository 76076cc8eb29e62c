/* What is retired is freed when nobody can see it any more, and not before. */
#include "lane/epoch.h"

#include <pthread.h>

#include "test/test.h"

struct thing {
    struct lg_epoch_item item;
    unsigned released;
};

static void released(struct lg_epoch_item *item)
{
    LG_CONTAINER_OF(item, struct thing, item)->released++;
}

static struct lg_epoch *open_epoch(void)
{
    struct lg_error err = {0};
    struct lg_epoch *e;

    assert_ok(lg_epoch_new(&e, &err));
    return e;
}

static struct lg_epoch_reader *join(struct lg_epoch *e)
{
    struct lg_epoch_reader *r;
    struct lg_error err = {0};

    assert_ok(lg_epoch_join(e, &r, &err));
    return r;
}

static void what_is_retired_waits_for_those_who_are_inside(void **state)
{
    (void)state;
    LG_AUTO(lg_epoch) *e = open_epoch();
    struct lg_epoch_reader *before = join(e), *after = join(e);
    struct thing t = {.item = {.release = released}}, later = t;

    lg_epoch_enter(before);
    lg_epoch_retire(e, &t.item);
    lg_epoch_enter(after); /* Cannot have found it. */
    lg_epoch_retire(e, &later.item);
    assert_int_equal(lg_epoch_reclaim(e), 2);
    assert_int_equal(t.released, 0);
    lg_epoch_leave(before);
    assert_int_equal(lg_epoch_reclaim(e), 1);
    assert_int_equal(t.released, 1);
    assert_int_equal(later.released, 0);
    lg_epoch_leave(after);
    lg_epoch_enter(before);
    assert_int_equal(lg_epoch_reclaim(e), 0);
    assert_int_equal(later.released, 1);
    assert_int_equal(lg_epoch_reclaim(e), 0);
    assert_int_equal(t.released, 1);
    assert_true(lg_epoch_is_inside(before));
    lg_epoch_leave(before);
    assert_false(lg_epoch_is_inside(before));
    lg_epoch_quit(before);
    lg_epoch_quit(after);
}

static void the_end_releases_the_rest(void **state)
{
    (void)state;
    struct lg_epoch *e = open_epoch();
    struct thing t = {.item = {.release = released}};

    lg_epoch_retire(e, &t.item);
    assert_int_equal(t.released, 0);
    lg_epoch_free(e);
    assert_int_equal(t.released, 1);
    lg_epoch_free(NULL);
}

static void places_for_readers_are_bounded_and_used_again(void **state)
{
    (void)state;
    LG_AUTO(lg_epoch) *e = open_epoch();
    struct lg_epoch_reader *r[LG_EPOCH_READERS_MAX], *more;
    struct lg_error err = {0};

    for (size_t i = 0; i < LG_EPOCH_READERS_MAX; i++)
        r[i] = join(e);
    assert_rc(LG_ERR_BUSY, lg_epoch_join(e, &more, &err));
    assert_non_null(strstr(err.text, "256"));
    lg_epoch_quit(r[17]);
    assert_ptr_equal(join(e), r[17]);
    for (size_t i = 0; i < LG_EPOCH_READERS_MAX; i++)
        lg_epoch_quit(r[i]);
    lg_epoch_quit(NULL);
}

/* --- Threads -------------------------------------------------------------------------------- */

#define READERS 3
#define ROUNDS 20000u

struct box { /* Holds two equal numbers as long as it may be looked at. */
    struct lg_epoch_item item;
    uint64_t a, b;
};

struct race {
    struct lg_epoch *epoch;
    struct box *box; /* Atomic. */
    bool end;        /* Atomic. */
    uint64_t wrong;  /* Atomic. */
    uint64_t looked; /* Atomic. */
};

static void box_released(struct lg_epoch_item *item)
{
    struct box *b = LG_CONTAINER_OF(item, struct box, item);

    b->a = 1;
    b->b = 2;
    lg_free(b);
}

static void *look(void *ctx)
{
    struct race *x = ctx;
    struct lg_epoch_reader *r = join(x->epoch);

    while (!__atomic_load_n(&x->end, __ATOMIC_ACQUIRE)) {
        const struct box *b;

        lg_epoch_enter(r);
        b = __atomic_load_n(&x->box, __ATOMIC_ACQUIRE);
        if (b->a != b->b)
            (void)__atomic_fetch_add(&x->wrong, 1, __ATOMIC_RELAXED);
        (void)__atomic_fetch_add(&x->looked, 1, __ATOMIC_RELAXED);
        lg_epoch_leave(r);
    }
    lg_epoch_quit(r);
    return NULL;
}

static struct box *box_new(uint64_t n)
{
    struct box *b = lg_new(struct box);

    *b = (struct box){.item = {.release = box_released}, .a = n, .b = n};
    return b;
}

static void nobody_looks_at_what_was_released(void **state)
{
    (void)state;
    LG_AUTO(lg_epoch) *e = open_epoch();
    struct race x = {.epoch = e, .box = box_new(0)};
    pthread_t threads[READERS];

    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look, &x), 0);
    for (uint64_t n = 1; n < ROUNDS || __atomic_load_n(&x.looked, __ATOMIC_RELAXED) == 0; n++) {
        struct box *old = __atomic_exchange_n(&x.box, box_new(n), __ATOMIC_ACQ_REL);

        lg_epoch_retire(e, &old->item);
        (void)lg_epoch_reclaim(e);
    }
    __atomic_store_n(&x.end, true, __ATOMIC_RELEASE);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(x.wrong, 0);
    assert_int_equal(lg_epoch_reclaim(e), 0);
    lg_free(x.box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_retired_waits_for_those_who_are_inside),
        cmocka_unit_test(the_end_releases_the_rest),
        cmocka_unit_test(places_for_readers_are_bounded_and_used_again),
        cmocka_unit_test(nobody_looks_at_what_was_released),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
