/* The table of what is served: beside a model, and with readers beside its owner. */
#include "server/serving.h"

#include <pthread.h>
#include <stdio.h>

#include "base/rand.h"
#include "lane/shared.h"
#include "test/test.h"

#define TOPICS 60u
#define PARTITIONS 3u

struct world {
    struct lg_epoch *epoch;
    struct lg_epoch_reader *reader;
    struct lg_serving *s;
    struct lg_replica replicas[TOPICS][PARTITIONS];
    char names[TOPICS][16];
};

static struct world *world_new(uint64_t seed)
{
    struct world *w = lg_new(struct world);
    struct lg_error err = {0};

    assert_ok(lg_epoch_new(&w->epoch, &err));
    assert_ok(lg_epoch_join(w->epoch, &w->reader, &err));
    w->s = lg_serving_new(w->epoch, seed);
    for (unsigned t = 0; t < TOPICS; t++) {
        (void)snprintf(w->names[t], sizeof w->names[t], "store%u_v1", t);
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            w->replicas[t][p].topic = w->names[t];
            w->replicas[t][p].partition = p;
        }
    }
    return w;
}

static void world_free(struct world *w)
{
    lg_serving_free(w->s);
    lg_epoch_quit(w->reader);
    lg_epoch_free(w->epoch);
    lg_free(w);
}

static struct lg_slice name_of(const struct world *w, unsigned t)
{
    return lg_slice_str(w->names[t]);
}

static void set(struct world *w, unsigned t, uint32_t p, enum lg_replica_found found)
{
    lg_serving_set(w->s, name_of(w, t), PARTITIONS, p, found,
                   found == LG_REPLICA_SERVING ? &w->replicas[t][p] : NULL);
}

static void expect(struct world *w, unsigned t, uint32_t p, enum lg_replica_found want)
{
    struct lg_replica *r = NULL;

    lg_epoch_enter(w->reader);
    assert_int_equal(want, lg_serving_find(w->s, name_of(w, t), p, &r));
    assert_ptr_equal(r, want == LG_REPLICA_SERVING ? &w->replicas[t][p] : NULL);
    lg_epoch_leave(w->reader);
}

static void what_was_set_is_found(void **state)
{
    struct world *w = world_new(1);
    struct lg_replica *r = NULL;

    (void)state;
    expect(w, 0, 0, LG_REPLICA_NOT_OURS);
    set(w, 0, 1, LG_REPLICA_NOT_READY);
    expect(w, 0, 0, LG_REPLICA_NOT_OURS);
    expect(w, 0, 1, LG_REPLICA_NOT_READY);
    expect(w, 0, PARTITIONS, LG_REPLICA_NOWHERE);
    expect(w, 0, UINT32_MAX, LG_REPLICA_NOWHERE);
    assert_int_equal(LG_REPLICA_NOT_READY, lg_serving_find_any(w->s, name_of(w, 0), &r));
    set(w, 0, 2, LG_REPLICA_SERVING);
    assert_int_equal(LG_REPLICA_SERVING, lg_serving_find_any(w->s, name_of(w, 0), &r));
    assert_ptr_equal(r, &w->replicas[0][2]);
    set(w, 0, 1, LG_REPLICA_SERVING);
    expect(w, 0, 1, LG_REPLICA_SERVING);
    set(w, 0, 1, LG_REPLICA_NOT_OURS);
    expect(w, 0, 1, LG_REPLICA_NOT_OURS);
    set(w, 0, 1, LG_REPLICA_NOT_READY);
    lg_serving_close(w->s, name_of(w, 0), true);
    lg_serving_close(w->s, name_of(w, 1), true); /* Not here: nothing. */
    expect(w, 0, 2, LG_REPLICA_CLOSED);
    expect(w, 0, 1, LG_REPLICA_NOT_READY);
    lg_serving_close(w->s, name_of(w, 0), false);
    expect(w, 0, 2, LG_REPLICA_SERVING);
    lg_serving_remove(w->s, name_of(w, 0));
    lg_serving_remove(w->s, name_of(w, 0));
    lg_serving_remove(w->s, name_of(w, 1));
    expect(w, 0, 2, LG_REPLICA_NOT_OURS);
    assert_int_equal(LG_REPLICA_NOT_OURS, lg_serving_find_any(w->s, name_of(w, 0), &r));
    world_free(w);
}

static void what_was_found_last_is_found_again_by_its_name_only(void **state)
{
    struct world *w = world_new(1);
    const struct lg_serving_topic *one, *other;

    (void)state;
    set(w, 0, 1, LG_REPLICA_SERVING);
    set(w, 1, 1, LG_REPLICA_SERVING);
    one = lg_serving_topic_again(w->s, NULL, name_of(w, 0));
    other = lg_serving_topic_again(w->s, one, name_of(w, 1));
    assert_ptr_equal(one, lg_serving_topic(w->s, name_of(w, 0)));
    assert_ptr_equal(other, lg_serving_topic(w->s, name_of(w, 1)));
    assert_ptr_equal(one, lg_serving_topic_again(w->s, one, name_of(w, 0)));
    assert_null(lg_serving_topic_again(w->s, one, LG_LIT("absent_v1")));
    world_free(w);
}

/* The table grows, and is made anew when most of it was removed. */
static void a_random_history_agrees_with_a_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = world_new(seed);
        enum lg_replica_found model[TOPICS][PARTITIONS];
        struct lg_rand rand;

        lg_rand_seed(&rand, seed);
        for (unsigned i = 0; i < TOPICS * PARTITIONS; i++)
            model[i / PARTITIONS][i % PARTITIONS] = LG_REPLICA_NOT_OURS;
        for (unsigned i = 0; i < 3000; i++) {
            unsigned t = (unsigned)lg_rand_below(&rand, TOPICS);
            uint32_t p = (uint32_t)lg_rand_below(&rand, PARTITIONS);

            if (lg_rand_below(&rand, 4) == 0) {
                lg_serving_remove(w->s, name_of(w, t));
                for (p = 0; p < PARTITIONS; p++)
                    model[t][p] = LG_REPLICA_NOT_OURS;
            } else {
                static const enum lg_replica_found kinds[] = {
                    LG_REPLICA_SERVING, LG_REPLICA_NOT_READY, LG_REPLICA_NOT_OURS};

                model[t][p] = kinds[lg_rand_below(&rand, 3)];
                set(w, t, p, model[t][p]);
            }
            t = (unsigned)lg_rand_below(&rand, TOPICS);
            for (p = 0; p < PARTITIONS; p++)
                expect(w, t, p, model[t][p]);
            if (i % 100 == 0)
                assert_int_equal(0, lg_epoch_reclaim(w->epoch));
        }
        world_free(w);
    }
}

struct race {
    struct world *w;
    struct lg_flag stop;
    uint64_t seen; /* Atomic. */
};

static void *read_on(void *arg)
{
    struct race *race = arg;
    struct world *w = race->w;
    struct lg_epoch_reader *reader;
    struct lg_error err = {0};
    uint64_t seen = 0;

    assert_ok(lg_epoch_join(w->epoch, &reader, &err));
    for (unsigned i = 0; !lg_flag_is_raised(&race->stop); i++) {
        unsigned t = i % TOPICS;
        struct lg_replica *r = NULL;

        lg_epoch_enter(reader);
        if (lg_serving_find(w->s, name_of(w, t), i % PARTITIONS, &r) == LG_REPLICA_SERVING) {
            assert_string_equal(r->topic, w->names[t]);
            assert_int_equal(r->partition, i % PARTITIONS);
            seen++;
        }
        lg_epoch_leave(reader);
    }
    lg_epoch_quit(reader);
    (void)__atomic_fetch_add(&race->seen, seen, __ATOMIC_RELAXED);
    return NULL;
}

static void readers_find_the_right_one_or_none_while_all_changes(void **state)
{
    struct race race = {.w = world_new(7)};
    pthread_t threads[2];
    struct lg_rand rand;

    (void)state;
    lg_rand_seed(&rand, 7);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(0, pthread_create(&threads[i], NULL, read_on, &race));
    for (unsigned i = 0; i < 100000; i++) {
        unsigned t = (unsigned)lg_rand_below(&rand, TOPICS);

        if (lg_rand_below(&rand, 3) == 0)
            lg_serving_remove(race.w->s, name_of(race.w, t));
        else
            set(race.w, t, (uint32_t)lg_rand_below(&rand, PARTITIONS), LG_REPLICA_SERVING);
        if (i % 64 == 0)
            (void)lg_epoch_reclaim(race.w->epoch);
    }
    (void)lg_flag_raise(&race.stop);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(0, pthread_join(threads[i], NULL));
    assert_true(race.seen > 0);
    world_free(race.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_set_is_found),
        cmocka_unit_test(what_was_found_last_is_found_again_by_its_name_only),
        cmocka_unit_test(a_random_history_agrees_with_a_model),
        cmocka_unit_test(readers_find_the_right_one_or_none_while_all_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
