/* Read indexes come in the background, within a budget, and never say anything but what the engine
 * holds: seen through the gets that readers make. */
#include "storage/warmer.h"

#include "test/test.h"

#include "base/str.h"
#include "drivers/memkv/engine_memkv.h"
#include "drivers/sim/disk_sim.h"
#include "drivers/sim/lane_sim.h"
#include "read/hot_get.h"
#include "record/chunk.h"
#include "test/lib/slow_scan.h"

#define MIB ((uint64_t)1 << 20)

struct world {
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_disk *disk;
    struct lg_engine_driver *driver;
    struct lg_warmer *w;
    struct lg_epoch_reader *reader;
    unsigned removed, drained, settled;
};

struct part {                  /* One replica. */
    struct lg_replica replica; /* first */
    struct world *w;
    struct lg_engine *engine;
};

static int up_with(void **state, uint64_t budget_bytes)
{
    struct world *w = lg_new(struct world);
    struct lg_warmer_options o = {.budget_bytes = budget_bytes, .seed = 7};
    struct lg_error err = {0};

    w->sim = lg_sim_new(1);
    w->lane = o.lane = lg_sim_lane_new(w->sim, NULL, "data");
    w->disk = lg_disk_sim_new(NULL, 1);
    w->driver = lg_memkv_new(w->disk, "");
    assert_ok(lg_warmer_new(&o, &w->w, &err));
    assert_ok(lg_warmer_join(w->w, &w->reader, &err));
    *state = w;
    return 0;
}

static int up(void **state)
{
    return up_with(state, 64 * MIB);
}

static int up_small(void **state)
{
    return up_with(state, 100 << 10); /* Room for one index of 100 rows, not for two. */
}

static int up_without(void **state)
{
    return up_with(state, 0);
}

static int down(void **state)
{
    struct world *w = *state;

    lg_epoch_quit(w->reader);
    lg_warmer_free(w->w);
    lg_memkv_free(w->driver);
    lg_disk_sim_free(w->disk);
    lg_sim_free(w->sim);
    lg_free(w);
    return 0;
}

static void put(struct part *p, struct lg_slice key, int32_t schema_id, const char *payload)
{
    LG_SCOPED(lg_buf) value = {0};
    struct lg_error err = {0};

    lg_buf_append_u32be(&value, (uint32_t)schema_id);
    lg_buf_append_slice(&value, lg_slice_str(payload));
    assert_ok(lg_engine_put(p->engine, key, lg_buf_slice(&value), &err));
}

/* "key<i>" under "<name> <i>", schema id 3. */
static struct part *part_new(struct world *w, const char *name, unsigned rows)
{
    struct part *p = lg_new(struct part);
    struct lg_engine_options o = {.path = name};
    struct lg_error err = {0};

    p->w = w;
    assert_ok(lg_engine_open(w->driver, &o, &p->engine, &err));
    for (unsigned i = 0; i < rows; i++) {
        LG_AUTO_STR char *key = lg_strf("key%u", i), *value = lg_strf("%s %u", name, i);

        put(p, lg_slice_str(key), 3, value);
    }
    lg_replica_init(&p->replica, w->lane, p->engine, name, 0);
    lg_warmer_add(w->w, &p->replica, rows, (uint64_t)rows * 20);
    return p;
}

static void drained(struct lg_replica *r)
{
    struct part *p = LG_CONTAINER_OF(r, struct part, replica);

    p->w->drained++;
    lg_engine_close(p->engine);
    lg_free(p);
}

static void removed(struct lg_replica *r)
{
    LG_CONTAINER_OF(r, struct part, replica)->w->removed++;
    lg_replica_retire(r, drained);
}

static void part_free(struct part *p)
{
    struct world *w = p->w;
    unsigned before = w->drained;

    lg_warmer_remove(w->w, &p->replica, removed);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(before + 1, w->drained);
}

static void expect_state(struct part *p, const char *state)
{
    assert_string_equal(state, lg_warmer_state(&p->replica));
}

static bool is_warm(void *ctx)
{
    return strcmp(lg_warmer_state(&((struct part *)ctx)->replica), "complete") == 0;
}

static void want(struct part *p, enum lg_warm_rank rank)
{
    lg_warmer_want(p->w->w, &p->replica, rank);
}

static void is_settled(struct lg_replica *r)
{
    LG_CONTAINER_OF(r, struct part, replica)->w->settled++;
}

static void settle(struct part *p)
{
    p->w->settled = 0;
    lg_warmer_settle(p->w->w, &p->replica, is_settled);
    assert_int_equal(p->w->settled, 0); /* Never from inside. */
}

static void run(struct world *w)
{
    lg_sim_run_us(w->sim, LG_SEC);
}

/* `payload` NULL: what `rc` says. */
static void expect(struct part *p, const char *key, enum lg_rc rc, const char *payload)
{
    struct lg_hot_get g = {.replica = &p->replica, .key = lg_slice_str(key)};

    lg_epoch_enter(p->w->reader);
    lg_hot_get(&g, 1);
    assert_rc(rc, g.rc);
    if (payload != NULL) {
        assert_int_equal(3, g.schema_id);
        assert_true(lg_slice_eq_str(g.payload, payload));
    }
    lg_epoch_leave(p->w->reader);
}

static void a_replica_is_answered_from_memory_once_it_is_complete(void **state)
{
    struct world *w = *state;
    struct part *p = part_new(w, "a_v1", 100);

    run(w);
    expect_state(p, "off"); /* Nobody wants it. */
    expect(p, "key7", LG_ERR_WOULD_BLOCK, NULL);
    want(p, LG_WARM_COMING);
    expect(p, "key7", LG_ERR_WOULD_BLOCK, NULL);
    run(w);
    expect_state(p, "complete");
    expect(p, "key7", LG_OK, "a_v1 7");
    expect(p, "key99", LG_OK, "a_v1 99");
    expect(p, "key100", LG_ERR_NOT_FOUND, NULL);
    want(p, LG_WARM_OFF);
    expect_state(p, "off");
    expect(p, "key7", LG_ERR_WOULD_BLOCK, NULL);
    want(p, LG_WARM_COMING);
    run(w);
    expect(p, "key7", LG_OK, "a_v1 7");
    part_free(p);
    assert_int_equal(1, w->removed);
}

static void many_keys_of_several_replicas_are_one_group(void **state)
{
    enum { N = 300 };
    struct world *w = *state;
    struct part *parts[3] = {part_new(w, "a_v1", N), part_new(w, "b_v1", N),
                             part_new(w, "c_v1", N)};
    struct lg_hot_get *gets = lg_new_array(struct lg_hot_get, N);
    char keys[N][16];

    want(parts[0], LG_WARM_COMING);
    want(parts[1], LG_WARM_COMING);
    run(w);
    for (unsigned i = 0; i < N; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "key%u", i % 5 == 0 ? i + N : i);
        gets[i] = (struct lg_hot_get){.replica = i % 7 == 0 ? NULL : &parts[i % 3]->replica,
                                      .key = lg_slice_str(keys[i])};
    }
    lg_epoch_enter(w->reader);
    lg_hot_get(gets, N);
    for (unsigned i = 0; i < N; i++) {
        LG_AUTO_STR char *value = lg_strf("%c_v1 %u", 'a' + (int)(i % 3), i);

        assert_rc(i % 7 == 0   ? LG_ERR_UNREADY
                  : i % 3 == 2 ? LG_ERR_WOULD_BLOCK /* It is not warm. */
                  : i % 5 == 0 ? LG_ERR_NOT_FOUND
                               : LG_OK,
                  gets[i].rc);
        assert_true(gets[i].rc != LG_OK || lg_slice_eq_str(gets[i].payload, value));
    }
    lg_epoch_leave(w->reader);
    lg_free(gets);
    for (unsigned i = 0; i < 3; i++)
        part_free(parts[i]);
}

static void what_is_in_pieces_or_too_large_is_left_to_the_engine(void **state)
{
    struct world *w = *state;
    struct part *p = part_new(w, "a_v1", 0);
    LG_SCOPED(lg_buf) large = {0};

    p->replica.chunked = true;
    for (size_t i = 0; i <= LG_READ_INDEX_VALUE_MAX; i++)
        lg_buf_append_byte(&large, 'x');
    lg_buf_append_byte(&large, 0);
    put(p, LG_LIT("whole\x02\x00"), 3, "here");
    put(p, LG_LIT("large\x02\x00"), 3, (const char *)large.data);
    put(p, LG_LIT("pieces\x02\x00"), LG_SCHEMA_ID_MANIFEST, "names of pieces");
    put(p, LG_LIT("pieces, the first"), LG_SCHEMA_ID_CHUNK, "a piece");
    want(p, LG_WARM_COMING);
    run(w);
    expect(p, "whole", LG_OK, "here");
    expect(p, "large", LG_ERR_WOULD_BLOCK, NULL);
    expect(p, "pieces", LG_ERR_WOULD_BLOCK, NULL);
    expect(p, "pieces, the first", LG_ERR_NOT_FOUND, NULL);
    expect(p, "pieces, the fir", LG_ERR_NOT_FOUND,
           NULL); /* Nor without what looks like a suffix. */
    expect(p, "whole\x02", LG_ERR_NOT_FOUND, NULL);
    part_free(p);
}

static void a_row_that_makes_no_sense_is_the_engines_to_tell(void **state)
{
    struct world *w = *state;
    struct part *p = part_new(w, "a_v1", 2);
    struct lg_error err = {0};

    assert_ok(lg_engine_put(p->engine, LG_LIT("short"), LG_LIT("abc"), &err));
    want(p, LG_WARM_COMING);
    run(w);
    expect(p, "short", LG_ERR_WOULD_BLOCK, NULL);
    expect(p, "key1", LG_OK, "a_v1 1");
    part_free(p);
}

static void the_most_wanted_one_comes_first(void **state)
{
    struct world *w = *state;
    struct part *first = part_new(w, "first_v1", 10), *coming = part_new(w, "s_v2", 10),
                *current = part_new(w, "s_v1", 10);

    want(first, LG_WARM_COMING);
    expect_state(first, "filling"); /* One at a time. */
    want(coming, LG_WARM_COMING);
    want(current, LG_WARM_SERVED);
    expect_state(coming, "waiting");
    while (strcmp(lg_warmer_state(&current->replica), "complete") != 0) {
        expect_state(coming, "waiting");
        lg_sim_run_us(w->sim, 1);
    }
    run(w);
    expect_state(coming, "complete");
    part_free(first);
    part_free(coming);
    part_free(current);
}

static void who_finds_no_room_is_filled_when_another_goes(void **state)
{
    struct world *w = *state;
    struct part *old = part_new(w, "s_v1", 100), *coming = part_new(w, "s_v2", 100),
                *huge = part_new(w, "t_v1", 0);

    huge->replica.warm.bytes = 6 * MIB; /* Seen before any work is done for it. */
    want(old, LG_WARM_SERVED);
    run(w);
    want(coming, LG_WARM_COMING);
    want(huge, LG_WARM_COMING);
    run(w);
    expect_state(coming, "no room");
    expect_state(huge, "no room");
    expect(coming, "key1", LG_ERR_WOULD_BLOCK, NULL);
    expect(old, "key1", LG_OK, "s_v1 1"); /* Unharmed. */

    lg_epoch_enter(w->reader); /* Somebody still looks at the old one. */
    want(old, LG_WARM_OFF);
    run(w);
    expect_state(coming, "no room");
    lg_epoch_leave(w->reader);
    run(w);
    expect_state(coming, "complete");
    expect_state(huge, "no room");
    expect(coming, "key1", LG_OK, "s_v2 1");
    part_free(old);
    part_free(coming);
    part_free(huge);
}

static void damage_costs_the_index_not_the_answer(void **state)
{
    struct world *w = *state;
    struct part *p = part_new(w, "a_v1", 10);
    struct lg_hot_get g = {.replica = &p->replica, .key = LG_LIT("key3")};

    want(p, LG_WARM_COMING);
    run(w);
    lg_epoch_enter(w->reader);
    lg_hot_get(&g, 1);
    assert_rc(LG_OK, g.rc);
    ((uint8_t *)(uintptr_t)g.payload.data)[0] ^= 1; /* A bit of memory flips. */
    lg_epoch_leave(w->reader);
    expect(p, "key3", LG_ERR_WOULD_BLOCK, NULL);
    expect(p, "key3", LG_ERR_WOULD_BLOCK, NULL); /* Told twice, filled once. */
    expect(p, "key4", LG_OK, "a_v1 4");
    run(w);
    expect_state(p, "complete");
    expect(p, "key3", LG_OK, "a_v1 3");
    part_free(p);
}

/* The engine is read at one moment of the simulated time, and without rows nobody looks whether it
 * should go on. */
static void what_is_not_wanted_any_more_is_not_published(void **state)
{
    struct world *w = *state;

    for (unsigned rows = 0; rows < 20; rows += 19) {
        struct part *p = part_new(w, "a_v1", rows);

        want(p, LG_WARM_COMING);
        expect_state(p, "filling");
        want(p, LG_WARM_OFF);
        run(w);
        expect_state(p, "off");
        expect(p, "key1", LG_ERR_WOULD_BLOCK, NULL);
        want(p, LG_WARM_COMING);
        want(p, LG_WARM_OFF);
        want(p, LG_WARM_COMING); /* Before it has heard of anything. */
        run(w);
        expect_state(p, "complete");
        part_free(p);
    }
}

static void damage(struct part *p, const char *key)
{
    struct lg_hot_get g = {.replica = &p->replica, .key = lg_slice_str(key)};

    lg_epoch_enter(p->w->reader);
    lg_hot_get(&g, 1);
    assert_rc(LG_OK, g.rc);
    ((uint8_t *)(uintptr_t)g.payload.data)[0] ^= 1;
    lg_epoch_leave(p->w->reader);
}

static void damage_is_noticed_each_time(void **state)
{
    struct world *w = *state;
    struct part *p = part_new(w, "a_v1", 10);

    want(p, LG_WARM_COMING);
    run(w);
    for (unsigned i = 0; i < 3; i++) {
        damage(p, "key3");
        expect(p, "key3", LG_ERR_WOULD_BLOCK, NULL);
        run(w);
        expect(p, "key3", LG_OK, "a_v1 3");
    }
    part_free(p);
}

static void what_is_told_of_damage_may_come_late(void **state)
{
    struct world *w = *state;
    struct part *p = part_new(w, "a_v1", 10);

    want(p, LG_WARM_COMING);
    run(w);
    damage(p, "key3");
    expect(p, "key3", LG_ERR_WOULD_BLOCK, NULL);
    want(p, LG_WARM_OFF); /* The index has gone when it is heard. */
    run(w);
    expect_state(p, "off");
    want(p, LG_WARM_COMING);
    run(w);
    damage(p, "key3");
    expect(p, "key3", LG_ERR_WOULD_BLOCK, NULL);
    part_free(p); /* And here the replica leaves. */
}

static void nobody_leaves_while_a_reader_may_look_at_it(void **state)
{
    struct world *w = *state;
    struct part *p = part_new(w, "a_v1", 10);

    want(p, LG_WARM_COMING);
    run(w);
    lg_epoch_enter(w->reader);
    lg_warmer_remove(w->w, &p->replica, removed);
    run(w);
    assert_int_equal(w->removed, 0);
    lg_epoch_leave(w->reader);
    run(w);
    assert_int_equal(w->removed, 1);
    assert_int_equal(w->drained, 1);
}

/* One that waits leaves in the very moment in which the fill before it ends. */
static void who_leaves_is_not_filled(void **state)
{
    struct world *w = *state;

    for (uint64_t us = 0; us < 400; us++) {
        struct part *a = part_new(w, "a_v1", 5), *b = part_new(w, "b_v1", 5);
        unsigned before = w->removed;

        want(a, LG_WARM_COMING);
        want(b, LG_WARM_COMING);
        lg_sim_run_us(w->sim, us);
        lg_warmer_remove(w->w, &b->replica, removed);
        assert_string_not_equal(lg_warmer_state(&b->replica), "waiting");
        run(w);
        assert_int_equal(w->removed, before + 1);
        expect(a, "key1", LG_OK, "a_v1 1");
        part_free(a);
    }
}

static void it_may_leave_at_any_moment(void **state)
{
    struct world *w = *state;

    for (uint64_t us = 0; us < 3000; us += 10) {
        struct part *a = part_new(w, "a_v1", 20), *b = part_new(w, "b_v1", 20);

        want(a, LG_WARM_COMING);
        want(b, LG_WARM_COMING);
        if (us % 20 == 0)
            want(a, LG_WARM_OFF); /* And is wanted again before the fill has heard of it. */
        if (us % 40 == 0)
            want(a, LG_WARM_COMING);
        lg_sim_run_us(w->sim, us);
        if (us % 3 == 0) { /* The other one leaves, which may just wait for its turn. */
            part_free(b);
            part_free(a);
            continue;
        }
        part_free(a);
        run(w);
        expect_state(b, "complete");
        expect(b, "key1", LG_OK, "b_v1 1");
        part_free(b);
    }
}

/* --- Who was wanted. ---------------------------------------------------------------------------
 */

static void what_was_wanted_is_kept_for_a_while(void **state)
{
    struct world *w = *state;
    struct part *p = part_new(w, "a_v1", 10);
    const uint64_t whole_us = LG_WARMER_KEEP_MS * LG_MS;

    want(p, LG_WARM_SERVED);
    run(w);
    want(p, LG_WARM_KEPT);
    expect_state(p, "kept");
    lg_sim_run_us(w->sim, whole_us / 2);
    want(p, LG_WARM_KEPT); /* Said again, which changes nothing. */
    lg_sim_run_us(w->sim, whole_us / 2 - 1);
    expect(p, "key7", LG_OK, "a_v1 7");
    lg_sim_run_us(w->sim, 1);
    expect(p, "key7", LG_ERR_WOULD_BLOCK, NULL);
    want(p, LG_WARM_KEPT);
    run(w);
    expect_state(p, "off");

    want(p, LG_WARM_SERVED);
    run(w);
    want(p, LG_WARM_KEPT);
    want(p, LG_WARM_SERVED); /* The way back is short. */
    expect_state(p, "complete");
    lg_sim_run_us(w->sim, 2 * whole_us);
    expect(p, "key7", LG_OK, "a_v1 7");

    want(p, LG_WARM_KEPT);
    want(p, LG_WARM_OFF); /* The switch of the store. */
    expect_state(p, "off");
    expect(p, "key7", LG_ERR_WOULD_BLOCK, NULL);
    lg_sim_run_us(w->sim, 2 * whole_us);
    part_free(p);
}

static void what_is_kept_may_leave_or_be_damaged(void **state)
{
    struct world *w = *state;
    struct part *leaves = part_new(w, "a_v1", 10), *damaged = part_new(w, "b_v1", 10);

    want(leaves, LG_WARM_SERVED);
    want(damaged, LG_WARM_SERVED);
    run(w);
    want(leaves, LG_WARM_KEPT);
    want(damaged, LG_WARM_KEPT);
    part_free(leaves);
    damage(damaged, "key3");
    expect(damaged, "key3", LG_ERR_WOULD_BLOCK, NULL);
    run(w);
    expect_state(damaged, "off");
    lg_sim_run_us(w->sim, 2 * LG_WARMER_KEEP_MS * LG_MS);
    part_free(damaged);
}

static void what_has_no_index_is_not_filled_to_be_kept(void **state)
{
    struct world *w = *state;
    struct part *off = part_new(w, "a_v1", 10), *huge = part_new(w, "b_v1", 0),
                *filling = part_new(w, "c_v1", 10), *waiting = part_new(w, "d_v1", 10);

    huge->replica.warm.bytes = 65 * MIB;
    want(off, LG_WARM_KEPT);
    want(huge, LG_WARM_SERVED);
    want(filling, LG_WARM_SERVED);
    want(waiting, LG_WARM_SERVED);
    expect_state(huge, "no room");
    expect_state(filling, "filling");
    expect_state(waiting, "waiting");
    want(huge, LG_WARM_KEPT);
    want(filling, LG_WARM_KEPT);
    want(waiting, LG_WARM_KEPT);
    run(w);
    expect_state(off, "off");
    expect_state(huge, "off");
    expect_state(filling, "off");
    expect_state(waiting, "off");
    part_free(off);
    part_free(huge);
    part_free(filling);
    part_free(waiting);
}

/* Whether it is seen before the fill that there is no room, or by it. */
static void what_is_kept_makes_room_for_what_is_wanted(void **state)
{
    struct world *w = *state;

    for (uint64_t bytes = 2000; bytes <= 64000; bytes += 62000) {
        struct part *old = part_new(w, "s_v1", 100), *coming = part_new(w, "s_v2", 100);

        coming->replica.warm.bytes = bytes;
        want(old, LG_WARM_SERVED);
        run(w);
        want(old, LG_WARM_KEPT);
        lg_epoch_enter(w->reader); /* Somebody still looks at it. */
        want(coming, LG_WARM_COMING);
        settle(coming);
        run(w);
        expect_state(old, "off");
        expect_state(coming, "no room");
        assert_int_equal(w->settled, 0); /* There will be. */
        lg_epoch_leave(w->reader);
        run(w);
        expect_state(coming, "complete");
        assert_int_equal(w->settled, 1);
        want(old, LG_WARM_SERVED); /* What is wanted does not. */
        settle(old);
        run(w);
        expect_state(old, "no room");
        assert_int_equal(w->settled, 1);
        expect(coming, "key1", LG_OK, "s_v2 1");
        part_free(old);
        part_free(coming);
    }
}

/* --- Who waits for an index. -------------------------------------------------------------------
 */

static void who_waits_for_an_index_is_told_when_it_is_there(void **state)
{
    struct world *w = *state;
    struct part *p = part_new(w, "a_v1", 10);

    lg_slow_scan(w->sim, w->driver, 5 * LG_SEC);
    want(p, LG_WARM_COMING);
    settle(p);
    lg_sim_run_us(w->sim, 4 * LG_SEC);
    expect_state(p, "filling");
    assert_int_equal(w->settled, 0);
    lg_sim_run_us(w->sim, 2 * LG_SEC);
    expect_state(p, "complete");
    assert_int_equal(w->settled, 1);
    settle(p); /* It has one. */
    lg_sim_run_us(w->sim, LG_MS);
    assert_int_equal(w->settled, 1);
    lg_sim_run_us(w->sim, 100 * LG_SEC);
    assert_int_equal(w->settled, 1);
    part_free(p);
}

static void who_waits_for_what_will_not_come_is_told_so(void **state)
{
    struct world *w = *state;
    struct part *off = part_new(w, "a_v1", 10), *huge = part_new(w, "b_v1", 0),
                *bad = part_new(w, "c_v1", 0), *switched = part_new(w, "d_v1", 10);

    settle(off);
    lg_sim_run_us(w->sim, LG_MS);
    assert_int_equal(w->settled, 1);
    huge->replica.warm.bytes = 65 * MIB;
    want(huge, LG_WARM_COMING);
    settle(huge);
    lg_sim_run_us(w->sim, LG_MS);
    expect_state(huge, "no room");
    assert_int_equal(w->settled, 1);
    bad->replica.chunked = true;
    put(bad, LG_LIT("k"), 3, "its key has no suffix");
    want(bad, LG_WARM_COMING);
    settle(bad);
    run(w);
    expect_state(bad, "failed");
    assert_int_equal(w->settled, 1);
    want(switched, LG_WARM_COMING);
    settle(switched);
    want(switched, LG_WARM_OFF);
    run(w);
    expect_state(switched, "off");
    assert_int_equal(w->settled, 1);
    part_free(off);
    part_free(huge);
    part_free(bad);
    part_free(switched);
}

static void who_waits_too_long_is_told_all_the_same(void **state)
{
    struct world *w = *state;
    struct part *p = part_new(w, "a_v1", 10);

    lg_slow_scan(w->sim, w->driver, 100 * LG_SEC);
    want(p, LG_WARM_COMING);
    settle(p);
    lg_sim_run_us(w->sim, LG_WARMER_PATIENCE_MS * LG_MS - 1);
    assert_int_equal(w->settled, 0);
    lg_sim_run_us(w->sim, 1);
    assert_int_equal(w->settled, 1);
    expect_state(p, "filling");
    lg_sim_run_us(w->sim, 50 * LG_SEC);
    expect_state(p, "complete"); /* It goes on. */
    assert_int_equal(w->settled, 1);
    part_free(p);
}

static void the_one_that_is_waited_for_comes_first(void **state)
{
    struct world *w = *state;
    struct part *first = part_new(w, "a_v1", 10), *current = part_new(w, "s_v1", 10),
                *coming = part_new(w, "s_v2", 10);

    want(first, LG_WARM_SERVED);
    want(current, LG_WARM_SERVED);
    want(coming, LG_WARM_COMING);
    settle(coming);
    assert_true(lg_sim_run_until(w->sim, is_warm, current, LG_SEC));
    assert_int_equal(w->settled, 1);
    expect_state(coming, "complete");
    part_free(first);
    part_free(current);
    part_free(coming);
}

static void who_waits_and_leaves_is_told_nothing(void **state)
{
    struct world *w = *state;

    for (uint64_t us = 0; us < 400; us += 5) {
        struct part *p = part_new(w, "a_v1", 10);

        want(p, LG_WARM_COMING);
        settle(p);
        lg_sim_run_us(w->sim, us);
        if (w->settled > 0)
            us = 400;
        w->settled = 0;
        part_free(p);
        lg_sim_run_us(w->sim, 100 * LG_SEC);
        assert_int_equal(w->settled, 0);
    }
}

static void a_budget_of_nothing_is_the_switch(void **state)
{
    struct world *w = *state;
    struct part *p = part_new(w, "a_v1", 10);

    want(p, LG_WARM_COMING);
    settle(p);
    run(w);
    assert_int_equal(w->settled, 1);
    expect_state(p, "off");
    expect(p, "key1", LG_ERR_WOULD_BLOCK, NULL);
    part_free(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_replica_is_answered_from_memory_once_it_is_complete),
        TEST(many_keys_of_several_replicas_are_one_group),
        TEST(what_is_in_pieces_or_too_large_is_left_to_the_engine),
        TEST(a_row_that_makes_no_sense_is_the_engines_to_tell),
        TEST(the_most_wanted_one_comes_first),
        cmocka_unit_test_setup_teardown(who_finds_no_room_is_filled_when_another_goes, up_small,
                                        down),
        TEST(damage_costs_the_index_not_the_answer),
        TEST(what_is_not_wanted_any_more_is_not_published),
        TEST(damage_is_noticed_each_time),
        TEST(what_is_told_of_damage_may_come_late),
        TEST(nobody_leaves_while_a_reader_may_look_at_it),
        TEST(who_leaves_is_not_filled),
        TEST(it_may_leave_at_any_moment),
        TEST(what_was_wanted_is_kept_for_a_while),
        TEST(what_is_kept_may_leave_or_be_damaged),
        TEST(what_has_no_index_is_not_filled_to_be_kept),
        cmocka_unit_test_setup_teardown(what_is_kept_makes_room_for_what_is_wanted, up_small, down),
        TEST(who_waits_for_an_index_is_told_when_it_is_there),
        TEST(who_waits_for_what_will_not_come_is_told_so),
        TEST(who_waits_too_long_is_told_all_the_same),
        TEST(the_one_that_is_waited_for_comes_first),
        TEST(who_waits_and_leaves_is_told_nothing),
        cmocka_unit_test_setup_teardown(a_budget_of_nothing_is_the_switch, up_without, down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
