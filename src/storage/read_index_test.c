/* The read index beside a model, at its bounds, damaged, and with readers beside its writer. */
#include "storage/read_index.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/rand.h"
#include "base/str.h"
#include "test/test.h"

#define SEED 7u
#define MIB ((uint64_t)1 << 20)

struct world {
    struct lg_epoch *epoch;
    struct lg_epoch_reader *reader;
    struct lg_bound budget;
    struct lg_read_index *x;
};

static void world_init(struct world *w, uint64_t budget_bytes, uint64_t rows)
{
    struct lg_error err = {0};
    struct lg_read_index_options o;

    *w = (struct world){.budget = {.max = budget_bytes}};
    assert_ok(lg_epoch_new(&w->epoch, &err));
    assert_ok(lg_epoch_join(w->epoch, &w->reader, &err));
    o = (struct lg_read_index_options){.epoch = w->epoch,
                                       .budget = &w->budget,
                                       .rows = rows,
                                       .seed = SEED,
                                       .segment_bytes = LG_READ_INDEX_SEGMENT_MIN_BYTES};
    assert_ok(lg_read_index_new(&o, &w->x, &err));
}

/* All that was taken out of the budget is there again. */
static void world_done(struct world *w)
{
    lg_read_index_retire(w->x);
    assert_int_equal(lg_epoch_reclaim(w->epoch), 0);
    assert_int_equal(w->budget.used, 0);
    lg_epoch_quit(w->reader);
    lg_epoch_free(w->epoch);
}

static void put(struct world *w, const char *key, const char *value)
{
    struct lg_error err = {0};
    assert_ok(lg_read_index_put(w->x, lg_slice_str(key), lg_slice_str(value), &err));
}

/* What is found under a key, NUL-terminated; NULL: nothing. The caller is inside. */
static enum lg_rc get(struct world *w, struct lg_slice key, struct lg_slice *out)
{
    struct lg_read_index_get g = {.index = w->x, .key = key};

    lg_read_index_get(&g, 1);
    *out = g.value;
    return g.rc;
}

static void expect(struct world *w, const char *key, const char *value)
{
    struct lg_slice found;

    lg_epoch_enter(w->reader);
    if (value == NULL) {
        assert_rc(LG_ERR_NOT_FOUND, get(w, lg_slice_str(key), &found));
    } else {
        assert_rc(LG_OK, get(w, lg_slice_str(key), &found));
        assert_true(lg_slice_eq_str(found, value));
    }
    lg_epoch_leave(w->reader);
}

static void rows_are_found_replaced_and_removed(void **state)
{
    (void)state;
    struct world w;

    world_init(&w, MIB, 0);
    expect(&w, "a", NULL);
    put(&w, "a", "1");
    put(&w, "b", "");
    put(&w, "", "of the empty key");
    expect(&w, "a", "1");
    expect(&w, "b", "");
    expect(&w, "", "of the empty key");
    expect(&w, "c", NULL);
    put(&w, "a", "another");
    expect(&w, "a", "another");
    assert_int_equal(lg_read_index_stats(w.x).rows, 3);
    lg_read_index_remove(w.x, LG_LIT("a"));
    lg_read_index_remove(w.x, LG_LIT("a"));
    lg_read_index_remove(w.x, LG_LIT("never there"));
    expect(&w, "a", NULL);
    expect(&w, "b", "");
    assert_int_equal(lg_read_index_stats(w.x).rows, 2);
    put(&w, "a", "again");
    expect(&w, "a", "again");
    world_done(&w);
}

static void large_values_and_long_keys_are_left_to_the_engine(void **state)
{
    (void)state;
    struct lg_error err = {0};
    uint8_t bytes[LG_READ_INDEX_VALUE_MAX + 1];
    struct lg_slice found;
    struct world w;

    memset(bytes, 'v', sizeof(bytes));
    world_init(&w, MIB, 0);
    assert_ok(
        lg_read_index_put(w.x, LG_LIT("fits"), lg_slice(bytes, LG_READ_INDEX_VALUE_MAX), &err));
    assert_ok(lg_read_index_put(w.x, LG_LIT("large"), lg_slice(bytes, sizeof(bytes)), &err));
    assert_ok(lg_read_index_put_elsewhere(w.x, LG_LIT("manifest"), &err));
    assert_ok(lg_read_index_put(w.x, lg_slice(bytes, LG_READ_INDEX_KEY_MAX), LG_LIT("1"), &err));
    assert_ok(
        lg_read_index_put(w.x, lg_slice(bytes, LG_READ_INDEX_KEY_MAX + 1), LG_LIT("2"), &err));
    assert_int_equal(lg_read_index_stats(w.x).rows, 4);
    assert_int_equal(lg_read_index_stats(w.x).elsewhere, 2);
    lg_epoch_enter(w.reader);
    assert_rc(LG_OK, get(&w, LG_LIT("fits"), &found));
    assert_true(lg_slice_eq(found, lg_slice(bytes, LG_READ_INDEX_VALUE_MAX)));
    assert_rc(LG_ERR_WOULD_BLOCK, get(&w, LG_LIT("large"), &found));
    assert_rc(LG_ERR_WOULD_BLOCK, get(&w, LG_LIT("manifest"), &found));
    assert_rc(LG_OK, get(&w, lg_slice(bytes, LG_READ_INDEX_KEY_MAX), &found));
    /* Never a wrong "there is none". */
    assert_rc(LG_ERR_WOULD_BLOCK, get(&w, lg_slice(bytes, LG_READ_INDEX_KEY_MAX + 1), &found));
    lg_epoch_leave(w.reader);
    lg_read_index_remove(w.x, lg_slice(bytes, LG_READ_INDEX_KEY_MAX + 1));
    put(&w, "large", "small now");
    expect(&w, "large", "small now");
    assert_int_equal(lg_read_index_stats(w.x).elsewhere, 1);
    lg_read_index_remove(w.x, LG_LIT("manifest"));
    assert_int_equal(lg_read_index_stats(w.x).elsewhere, 0);
    world_done(&w);
}

static uint64_t tag(const char *key)
{
    return lg_hash64(key, strlen(key), SEED) >> 48;
}

static bool same_line(const char *a, const char *b, uint64_t lines)
{
    return ((lg_hash64(a, strlen(a), SEED) & UINT32_MAX) * lines >> 32) ==
           ((lg_hash64(b, strlen(b), SEED) & UINT32_MAX) * lines >> 32);
}

static void keys_of_one_tag_are_told_apart(void **state)
{
    (void)state;
    char other[32] = "";
    struct world w;

    world_init(&w, MIB, 0); /* 8 lines */
    for (unsigned i = 0; tag(other) != tag("key") || !same_line(other, "key", 8); i++)
        (void)snprintf(other, sizeof(other), "other-%u", i);
    put(&w, "key", "1");
    expect(&w, other, NULL);
    put(&w, other, "2");
    expect(&w, "key", "1");
    expect(&w, other, "2");
    lg_read_index_remove(w.x, LG_LIT("key"));
    expect(&w, "key", NULL);
    expect(&w, other, "2");
    world_done(&w);
}

static void damage_is_found(void **state)
{
    (void)state;
    struct lg_slice found;
    struct world w;

    world_init(&w, MIB, 0);
    put(&w, "key", "value");
    lg_epoch_enter(w.reader);
    assert_rc(LG_OK, get(&w, LG_LIT("key"), &found));
    ((uint8_t *)(uintptr_t)found.data)[2] ^= 4;
    assert_rc(LG_ERR_CORRUPT, get(&w, LG_LIT("key"), &found));
    assert_null(found.data);
    lg_epoch_leave(w.reader);
    world_done(&w);
}

/* Where the entry of a row begins: its head (checksum, hash, sizes), key and value are in a row. */
#define HEAD_BYTES 12u
#define HASH_AT 4u
#define SIZES_AT 8u

static uint8_t *entry(struct world *w, const char *key)
{
    struct lg_slice found;

    assert_rc(LG_OK, get(w, lg_slice_str(key), &found));
    return (uint8_t *)(uintptr_t)found.data - strlen(key) - HEAD_BYTES;
}

static void expect_damage(struct world *w, const char *key)
{
    struct lg_slice found;

    lg_epoch_enter(w->reader);
    assert_rc(LG_ERR_CORRUPT, get(w, lg_slice_str(key), &found));
    assert_null(found.data);
    lg_epoch_leave(w->reader);
}

static void flip(uint8_t *bytes, unsigned bit)
{
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void no_bit_of_an_entry_flips_unseen(void **state)
{
    (void)state;
    uint8_t *e;
    struct world w;

    world_init(&w, MIB, 0);
    put(&w, "key", "value");
    e = entry(&w, "key");
    for (unsigned bit = 0; bit < (HEAD_BYTES + strlen("keyvalue")) * 8; bit++) {
        flip(e, bit);
        expect_damage(&w, "key");
        flip(e, bit);
        expect(&w, "key", "value");
    }
    world_done(&w);
}

/* Until the second segment is begun, so that there is a last one of the first. */
static void sizes_that_reach_out_of_a_segment_are_not_read_by(void **state)
{
    (void)state;
    LG_AUTO_STR char *value = lg_strf("%01000u", 1);
    struct world w;

    world_init(&w, MIB, 0);
    for (unsigned i = 0; i < LG_READ_INDEX_SEGMENT_MIN_BYTES / 1000 + 1; i++) {
        LG_AUTO_STR char *key = lg_strf("key-%u", i);

        put(&w, key, value);
    }
    for (unsigned i = 0; i < LG_READ_INDEX_SEGMENT_MIN_BYTES / 1000 + 1; i++) {
        LG_AUTO_STR char *key = lg_strf("key-%u", i);
        uint8_t *e = entry(&w, key);

        for (unsigned bit = SIZES_AT * 8; bit < HEAD_BYTES * 8; bit++) {
            flip(e, bit);
            expect_damage(&w, key);
            flip(e, bit);
        }
    }
    world_done(&w);
}

/* It may be the one that is searched for. */
static void damage_is_found_beside_a_key_of_the_same_tag(void **state)
{
    (void)state;
    char other[32] = "";
    uint8_t *e;
    struct world w;

    world_init(&w, MIB, 0);
    for (unsigned i = 0; tag(other) != tag("key") || !same_line(other, "key", 8); i++)
        (void)snprintf(other, sizeof(other), "other-%u", i);
    put(&w, other, "1");
    put(&w, "key", "2");
    e = entry(&w, "key");
    for (unsigned bit = 0; bit < (HEAD_BYTES + strlen("key2")) * 8; bit++) {
        flip(e, bit);
        expect_damage(&w, "key");
        expect(&w, other, "1");
        flip(e, bit);
    }
    expect(&w, "key", "2");
    world_done(&w);
}

/* Puts until it is told; what it holds of the budget is given back all the same. */
static void expect_writer_finds_damage(struct world *w, const char *keys, unsigned n)
{
    LG_AUTO_STR char *value = lg_strf("%0500u", 1);
    struct lg_error err = {0};
    enum lg_rc rc = LG_OK;

    for (unsigned i = 0; rc == LG_OK && i < 1000; i++) {
        LG_AUTO_STR char *key = lg_strf("%s-%u", keys, i % n);

        rc = lg_read_index_put(w->x, lg_slice_str(key), lg_slice_str(value), &err);
    }
    assert_rc(LG_ERR_CORRUPT, rc);
    assert_non_null(strstr(err.text, "is damaged"));
    world_done(w);
}

static void damage_is_found_when_a_segment_is_moved(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < (HEAD_BYTES + strlen("keyvalue")) * 8; bit++)
        for (unsigned is_dead = 0; is_dead < 2; is_dead++) {
            struct world w;
            uint8_t *e;

            world_init(&w, MIB, 0);
            put(&w, "key", "value");
            e = entry(&w, "key");
            if (is_dead)
                put(&w, "key", "value");
            flip(e, bit);
            expect_writer_finds_damage(&w, "other", 20);
        }
}

/* As if the slot, which has no checksum, were damaged: where the entry's hash says, there is none.
 */
static void an_entry_that_is_lost_is_told_of(void **state)
{
    (void)state;
    const size_t size = HEAD_BYTES + strlen("keyvalue");
    struct world w;
    uint32_t crc;
    uint8_t *e;

    world_init(&w, MIB, 0);
    put(&w, "key", "value");
    e = entry(&w, "key");
    flip(e, SIZES_AT * 8 - 1);
    crc = lg_crc32c(0, e + HASH_AT, size - HASH_AT);
    memcpy(e, &crc, sizeof(crc));
    expect_writer_finds_damage(&w, "other", 20);
}

static void damage_is_found_when_the_table_grows(void **state)
{
    (void)state;
    for (unsigned bit = HASH_AT * 8; bit < SIZES_AT * 8; bit++) {
        struct world w;

        world_init(&w, MIB, 0);
        put(&w, "key", "value");
        flip(entry(&w, "key"), bit);
        expect_writer_finds_damage(&w, "other", 1000);
    }
}

static void damage_is_found_when_a_row_is_replaced(void **state)
{
    (void)state;
    struct lg_error err = {0};

    for (unsigned bit = 0; bit < (HEAD_BYTES + strlen("keyvalue")) * 8; bit++) {
        struct world w;

        world_init(&w, MIB, 0);
        put(&w, "key", "value");
        flip(entry(&w, "key"), bit);
        lg_read_index_remove(w.x, LG_LIT("key"));
        expect_damage(&w, "key");
        assert_rc(LG_ERR_CORRUPT, lg_read_index_put(w.x, LG_LIT("key"), LG_LIT("value"), &err));
        expect_damage(&w, "key");
        world_done(&w);
    }
}

static void a_budget_is_kept(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_read_index_options o;
    struct lg_read_index *other;
    enum lg_rc rc = LG_OK;
    struct world w;
    uint64_t i;

    world_init(&w, MIB, 0);
    for (i = 0; rc == LG_OK; i++) {
        LG_AUTO_STR char *key = lg_strf("key-%llu", (unsigned long long)i);

        assert_true(w.budget.used <= w.budget.max);
        assert_int_equal(w.budget.used - lg_read_index_stats(w.x).bytes, 0);
        rc = lg_read_index_put(w.x, lg_slice_str(key), LG_LIT("0123456789012345"), &err);
        (void)lg_epoch_reclaim(w.epoch);
    }
    assert_rc(LG_ERR_BUSY, rc);
    assert_non_null(strstr(err.text, ", read_index"));
    assert_true(i > 10000); /* Under 100 bytes a row. */
    o = (struct lg_read_index_options){.epoch = w.epoch, .budget = &w.budget, .rows = 100000};
    assert_rc(LG_ERR_BUSY, lg_read_index_new(&o, &other, &err));
    world_done(&w);
}

static void what_is_replaced_gives_its_memory_back(void **state)
{
    (void)state;
    struct lg_read_index_stats stats;
    struct lg_rand rand;
    struct world w;

    lg_rand_seed(&rand, 1);
    world_init(&w, 64 * MIB, 0);
    for (unsigned i = 0; i < 200000; i++) {
        LG_AUTO_STR char *key = lg_strf("%llu", (unsigned long long)lg_rand_below(&rand, 5000));
        LG_AUTO_STR char *value = lg_strf("%0100u", i);

        put(&w, key, value);
        (void)lg_epoch_reclaim(w.epoch);
    }
    stats = lg_read_index_stats(w.x);
    assert_int_equal(stats.rows, 5000);
    assert_true(stats.moved > 0);
    /* 5,000 rows of about 120 bytes, 0.6 MB, were written forty times. */
    assert_true(stats.bytes < 2 * MIB);
    assert_int_equal(w.budget.used, stats.bytes);
    world_done(&w);
}

/* A reader that is inside keeps the tables and segments it may have found. */
static void nothing_goes_while_a_reader_is_inside(void **state)
{
    (void)state;
    struct world w;

    world_init(&w, 64 * MIB, 0);
    put(&w, "key", "value");
    lg_epoch_enter(w.reader);
    for (unsigned i = 0; i < 1000; i++) { /* The table grows. */
        LG_AUTO_STR char *key = lg_strf("key%u", i);

        put(&w, key, "value");
    }
    assert_true(lg_epoch_reclaim(w.epoch) > 0);
    assert_true(w.budget.used > lg_read_index_stats(w.x).bytes);
    lg_epoch_leave(w.reader);
    assert_int_equal(lg_epoch_reclaim(w.epoch), 0);
    assert_int_equal(w.budget.used, lg_read_index_stats(w.x).bytes);
    world_done(&w);
}

/* --- Against a model ------------------------------------------------------------------------- */

#define KEYS 3000u

struct model {
    uint32_t value[KEYS]; /* 0: none; else the seed of its value, whose size is that % 300 */
};

static struct lg_slice model_key(unsigned key, char text[32])
{
    (void)snprintf(text, 32, "%u", key * 2654435761u);
    return lg_slice_str(text);
}

static struct lg_slice model_value(uint32_t seed, uint8_t bytes[300])
{
    memset(bytes, (int)(seed % 251), 300);
    memcpy(bytes, &seed, sizeof(seed));
    return lg_slice(bytes, sizeof(seed) + seed % 290);
}

static void assert_model(struct world *w, const struct model *m)
{
    struct lg_read_index_get gets[100];
    char keys[LG_ARRAY_SIZE(gets)][32];

    for (unsigned at = 0; at < KEYS; at += LG_ARRAY_SIZE(gets)) {
        lg_epoch_enter(w->reader);
        for (unsigned i = 0; i < LG_ARRAY_SIZE(gets); i++)
            gets[i] = (struct lg_read_index_get){.index = w->x, .key = model_key(at + i, keys[i])};
        lg_read_index_get(gets, LG_ARRAY_SIZE(gets));
        for (unsigned i = 0; i < LG_ARRAY_SIZE(gets); i++) {
            uint8_t bytes[300];

            if (m->value[at + i] == 0) {
                assert_rc(LG_ERR_NOT_FOUND, gets[i].rc);
                continue;
            }
            assert_rc(LG_OK, gets[i].rc);
            assert_true(lg_slice_eq(gets[i].value, model_value(m->value[at + i], bytes)));
        }
        lg_epoch_leave(w->reader);
    }
}

static void random_operations_do_what_a_model_does(void **state)
{
    (void)state;
    struct lg_error err = {0};
    const char *wanted = getenv("LAGOON_READ_INDEX_OPERATIONS");
    uint64_t operations = wanted == NULL ? 300000 : strtoull(wanted, NULL, 10);
    static struct model m;
    struct lg_rand rand;
    struct world w;
    uint64_t rows = 0;

    lg_rand_seed(&rand, 2);
    world_init(&w, 64 * MIB, 0);
    for (uint64_t i = 0; i < operations; i++) {
        unsigned key = (unsigned)lg_rand_below(&rand, KEYS);
        uint32_t seed = (uint32_t)lg_rand_below(&rand, UINT32_MAX) | 1;
        uint8_t bytes[300];
        char text[32];

        /* Now mostly puts, then mostly removals: it fills and empties. */
        if (lg_rand_below(&rand, 100) < (i / 20000 % 2 == 0 ? 80u : 20u)) {
            assert_ok(lg_read_index_put(w.x, model_key(key, text), model_value(seed, bytes), &err));
            rows += m.value[key] == 0;
            m.value[key] = seed;
        } else {
            lg_read_index_remove(w.x, model_key(key, text));
            rows -= m.value[key] != 0;
            m.value[key] = 0;
        }
        assert_int_equal(lg_read_index_stats(w.x).rows, rows);
        if (i % 5000 == 0) {
            assert_model(&w, &m);
            (void)lg_epoch_reclaim(w.epoch);
        }
    }
    assert_model(&w, &m);
    world_done(&w);
}

/* --- Readers beside the writer --------------------------------------------------------------- */

#define READERS 2
#define RACE_KEYS 500u
#define RACE_WRITES 60000u

struct race {
    struct world w;
    bool end;       /* Atomic. */
    uint64_t reads; /* Atomic. */
    uint64_t wrong; /* Atomic: damaged, of another key, or missing though always there. */
};

/* Odd keys are always there, even ones come and go; each value begins with its key. */
static void *read_all_the_time(void *ctx)
{
    struct race *r = ctx;
    struct lg_epoch_reader *reader;
    struct lg_error err = {0};
    uint64_t wrong = 0;

    assert_ok(lg_epoch_join(r->w.epoch, &reader, &err));
    for (unsigned at = 0; !__atomic_load_n(&r->end, __ATOMIC_ACQUIRE); at++) {
        struct lg_read_index_get gets[20];
        char keys[LG_ARRAY_SIZE(gets)][32];

        for (unsigned i = 0; i < LG_ARRAY_SIZE(gets); i++)
            gets[i] = (struct lg_read_index_get){
                .index = r->w.x, .key = model_key((at * 7 + i) % RACE_KEYS, keys[i])};
        lg_epoch_enter(reader);
        lg_read_index_get(gets, LG_ARRAY_SIZE(gets));
        for (unsigned i = 0; i < LG_ARRAY_SIZE(gets); i++) {
            bool is_steady = (at * 7 + i) % RACE_KEYS % 2 != 0;

            if (gets[i].rc == LG_OK)
                wrong += !lg_slice_starts(gets[i].value, gets[i].key);
            else
                wrong += is_steady || gets[i].rc != LG_ERR_NOT_FOUND;
        }
        lg_epoch_leave(reader);
        (void)__atomic_fetch_add(&r->reads, 1, __ATOMIC_RELAXED);
    }
    lg_epoch_quit(reader);
    (void)__atomic_fetch_add(&r->wrong, wrong, __ATOMIC_RELAXED);
    return NULL;
}

static void race_write(struct race *r, unsigned key, unsigned size)
{
    struct lg_error err = {0};
    uint8_t bytes[400];
    char text[32];
    struct lg_slice k = model_key(key, text);

    memset(bytes, (int)(key % 251), sizeof(bytes));
    memcpy(bytes, k.data, k.size);
    assert_ok(lg_read_index_put(r->w.x, k, lg_slice(bytes, k.size + size), &err));
}

static void readers_never_see_half_of_a_change(void **state)
{
    (void)state;
    static struct race r;
    pthread_t threads[READERS];
    struct lg_rand rand;

    lg_rand_seed(&rand, 3);
    world_init(&r.w, 64 * MIB, 0);
    for (unsigned key = 1; key < RACE_KEYS; key += 2)
        race_write(&r, key, 1);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, &r), 0);
    for (unsigned i = 0; i < RACE_WRITES || __atomic_load_n(&r.reads, __ATOMIC_RELAXED) < 100;
         i++) {
        unsigned key = (unsigned)lg_rand_below(&rand, RACE_KEYS);
        char text[32];

        if (key % 2 == 0 && lg_rand_chance(&rand, 1, 2))
            lg_read_index_remove(r.w.x, model_key(key, text));
        else
            race_write(&r, key, (unsigned)lg_rand_below(&rand, 300));
        if (i % 64 == 0)
            (void)lg_epoch_reclaim(r.w.epoch);
    }
    __atomic_store_n(&r.end, true, __ATOMIC_RELEASE);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(r.wrong, 0);
    assert_true(lg_read_index_stats(r.w.x).moved > 0);
    world_done(&r.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_replaced_and_removed),
        cmocka_unit_test(large_values_and_long_keys_are_left_to_the_engine),
        cmocka_unit_test(keys_of_one_tag_are_told_apart),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(no_bit_of_an_entry_flips_unseen),
        cmocka_unit_test(sizes_that_reach_out_of_a_segment_are_not_read_by),
        cmocka_unit_test(damage_is_found_beside_a_key_of_the_same_tag),
        cmocka_unit_test(damage_is_found_when_a_segment_is_moved),
        cmocka_unit_test(an_entry_that_is_lost_is_told_of),
        cmocka_unit_test(damage_is_found_when_the_table_grows),
        cmocka_unit_test(damage_is_found_when_a_row_is_replaced),
        cmocka_unit_test(a_budget_is_kept),
        cmocka_unit_test(what_is_replaced_gives_its_memory_back),
        cmocka_unit_test(nothing_goes_while_a_reader_is_inside),
        cmocka_unit_test(random_operations_do_what_a_model_does),
        cmocka_unit_test(readers_never_see_half_of_a_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
