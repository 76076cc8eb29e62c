/* The simulated disk: the contract, then what may and may not be lost. */
#include "drivers/sim/disk_sim.h"

#include "lane/disk_contract.h"
#include "test/test.h"

enum { SEEDS = 200 };

static void the_contract_is_kept(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_disk *d = lg_disk_sim_new(NULL, 1);

    assert_ok(lg_disk_contract(d, &err));
    assert_true(lg_disk_sim_ops(d) > 50);
    lg_disk_sim_free(d);
}

/* A synced file "f" of `size` bytes 'a' whose name is durable, still open for writing. */
static struct lg_disk *disk_with_file(uint64_t seed, size_t size, struct lg_file **out)
{
    struct lg_disk *d = lg_disk_sim_new(NULL, seed);
    struct lg_error err = {0};
    uint8_t *content = lg_alloc(size);

    memset(content, 'a', size);
    assert_ok(lg_file_open(d, "f", LG_DISK_WRITE | LG_DISK_CREATE, out, &err));
    assert_ok(lg_file_write(*out, 0, content, size, &err));
    assert_ok(lg_file_sync(*out, &err));
    assert_ok(lg_disk_sync_dir(d, "", &err));
    lg_free(content);
    return d;
}

static void what_was_synced_survives_a_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct lg_error err = {0};
        struct lg_file *f = NULL;
        struct lg_disk *d = disk_with_file(seed, 3000, &f);
        LG_SCOPED(lg_buf) content = {0};

        assert_ok(lg_file_write(f, 3000, "unsynced", 8, &err));
        lg_disk_sim_crash(d);
        assert_ok(lg_disk_read_file(d, "f", 10000, &content, &err));
        assert_true(content.size >= 3000 && content.size <= 3008);
        for (size_t i = 0; i < 3000; i++)
            assert_int_equal(content.data[i], 'a');
        lg_disk_sim_free(d);
    }
}

/* Each fate of an unsynced sector must be seen, and nothing else. */
static void unsynced_sectors_survive_are_lost_or_are_torn(void **state)
{
    (void)state;
    unsigned kept = 0, lost = 0, torn = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct lg_error err = {0};
        struct lg_file *f = NULL;
        struct lg_disk *d = disk_with_file(seed, 512, &f);
        LG_SCOPED(lg_buf) content = {0};
        uint8_t fresh[512];
        size_t changed = 0;

        memset(fresh, 'b', sizeof(fresh));
        assert_ok(lg_file_write(f, 0, fresh, sizeof(fresh), &err));
        lg_disk_sim_crash(d);
        assert_ok(lg_disk_read_file(d, "f", 512, &content, &err));
        assert_int_equal(content.size, 512);
        for (size_t i = 0; i < 512; i++)
            changed += content.data[i] == 'b';
        kept += changed == 512;
        lost += changed == 0;
        torn += changed == 256;
        lg_disk_sim_free(d);
    }
    assert_true(kept > 20 && lost > 20 && torn > 20);
    assert_int_equal(kept + lost + torn, SEEDS);
}

static bool is_there(struct lg_disk *d, const char *path)
{
    struct lg_error err = {0};
    LG_SCOPED(lg_buf) content = {0};

    return lg_disk_read_file(d, path, 10000, &content, &err) == LG_OK;
}

static void names_are_durable_only_after_their_folder_is_synced(void **state)
{
    (void)state;
    unsigned old_name = 0, new_name = 0, fresh = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct lg_error err = {0};
        struct lg_file *f = NULL, *g = NULL;
        struct lg_disk *d = disk_with_file(seed, 10, &f);

        assert_ok(lg_file_open(d, "g", LG_DISK_WRITE | LG_DISK_CREATE, &g, &err));
        assert_ok(lg_file_sync(g, &err));
        assert_ok(lg_disk_rename(d, "f", "h", &err));
        lg_disk_sim_crash(d);
        old_name += is_there(d, "f");
        new_name += is_there(d, "h");
        fresh += is_there(d, "g");
        lg_disk_sim_free(d);
    }
    assert_true(old_name > 20 && old_name < SEEDS - 20);
    assert_true(new_name > 20 && new_name < SEEDS - 20);
    assert_true(fresh > 20 && fresh < SEEDS - 20);
}

static void a_file_written_whole_is_old_or_new_after_any_cut(void **state)
{
    (void)state;
    unsigned olds = 0, news = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct lg_error err = {0};
        struct lg_disk *d = lg_disk_sim_new(NULL, seed);
        LG_SCOPED(lg_buf) content = {0};
        enum lg_rc rc;
        bool is_new;

        assert_ok(lg_disk_write_file(d, "f", LG_LIT("old"), &err));
        lg_disk_sim_cut_after(d, seed % 6, NULL, NULL);
        rc = lg_disk_write_file(d, "f", LG_LIT("newer"), &err);
        lg_disk_sim_crash(d);
        assert_ok(lg_disk_read_file(d, "f", 10, &content, &err));
        is_new = lg_slice_eq_str(lg_buf_slice(&content), "newer");
        assert_true(is_new || lg_slice_eq_str(lg_buf_slice(&content), "old"));
        if (rc == LG_OK)
            assert_true(is_new); /* What was acknowledged stays. */
        olds += !is_new;
        news += is_new;
        lg_disk_sim_free(d);
    }
    assert_true(olds > 20 && news > 20);
}

static void count_call(void *ctx)
{
    (*(unsigned *)ctx)++;
}

static void a_cut_comes_once_and_lasts_until_the_crash(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_file *f = NULL;
    struct lg_disk *d = disk_with_file(1, 10, &f);
    struct lg_file *g = NULL;
    unsigned cuts = 0;

    lg_disk_sim_cut_after(d, 1, count_call, &cuts);
    assert_ok(lg_file_sync(f, &err));
    assert_int_equal(cuts, 0);
    assert_rc(LG_ERR_IO, lg_file_sync(f, &err));
    assert_string_equal(err.text, "f: the disk has lost its power");
    assert_rc(LG_ERR_IO, lg_file_write(f, 0, "x", 1, &err));
    assert_rc(LG_ERR_IO, lg_file_open(d, "absent", LG_DISK_READ, &g, &err));
    assert_rc(LG_ERR_IO, err.rc);
    assert_int_equal(cuts, 1);
    lg_disk_sim_crash(d);
    assert_true(is_there(d, "f"));
    lg_disk_sim_free(d);
}

static void a_process_that_ends_loses_its_locks_and_no_bytes(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_file *f = NULL, *lock = NULL, *second = NULL;
    struct lg_disk *d = disk_with_file(1, 10, &f);
    LG_SCOPED(lg_buf) content = {0};

    assert_ok(lg_file_write(f, 10, "bc", 2, &err));
    assert_ok(lg_disk_lock(d, "lock", &lock, &err));
    assert_rc(LG_ERR_IN_USE, lg_disk_lock(d, "lock", &second, &err));
    lg_disk_sim_process_ended(d);
    assert_ok(lg_disk_lock(d, "lock", &second, &err));
    assert_ok(lg_disk_read_file(d, "f", 100, &content, &err));
    assert_slice_equal(lg_buf_slice(&content), LG_LIT("aaaaaaaaaabc"));
    lg_disk_sim_free(d);
}

static void faults_are_injected(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_file *f = NULL;
    struct lg_disk *d = disk_with_file(1, 1000, &f);
    uint64_t room = 0;
    uint8_t byte = 0;
    size_t n = 0;

    lg_disk_sim_set_capacity(d, 1100);
    assert_ok(lg_disk_free_bytes(d, &room, &err));
    assert_int_equal(room, 100);
    assert_rc(LG_ERR_NO_SPACE, lg_file_write(f, 1000, (uint8_t[101]){0}, 101, &err));
    assert_ok(lg_disk_free_bytes(d, &room, &err));
    assert_int_equal(room, 0); /* What fitted is there. */
    assert_int_equal(lg_disk_sim_refused(d), 1);
    assert_int_equal(lg_disk_sim_used(d), 1100);
    assert_ok(lg_file_write(f, 1000, (uint8_t[100]){0}, 100, &err));
    assert_ok(lg_file_truncate(f, 1000, &err));

    lg_disk_sim_fail_reads(d, 1, 1);
    assert_rc(LG_ERR_IO, lg_file_read(f, 0, &byte, 1, &n, &err));
    lg_disk_sim_fail_reads(d, 0, 1);
    assert_true(lg_disk_sim_flip(d, "f", 8 * 999 + 1));
    assert_false(lg_disk_sim_flip(d, "f", 8 * 1000));
    assert_false(lg_disk_sim_flip(d, "absent", 0));
    assert_ok(lg_file_read(f, 999, &byte, 1, &n, &err));
    assert_int_equal(byte, 'a' ^ 2);

    lg_disk_sim_fail_syncs(d, 1, 1);
    assert_rc(LG_ERR_IO, lg_disk_sync_dir(d, "", &err));
    assert_rc(LG_ERR_IO, lg_file_sync(f, &err));
    lg_disk_sim_fail_syncs(d, 0, 1);
    assert_rc(LG_ERR_IO, lg_file_sync(f, &err)); /* Final for this file. */
    assert_rc(LG_ERR_IO, lg_file_write(f, 0, "x", 1, &err));
    lg_disk_sim_free(d);
}

static void shuffle(struct lg_disk *d, struct lg_rand *rand)
{
    static const char *const folders[] = {"a", "b", "a/c", "b/d", "a/c/e"};
    struct lg_error err = {0};
    struct lg_file *f = NULL;
    const char *from = folders[lg_rand_below(rand, 5)];
    const char *to = folders[lg_rand_below(rand, 5)];
    enum lg_rc rc;

    /* Most of these may fail; that the disk stays sane is the claim. */
    switch (lg_rand_below(rand, 7)) {
    case 0:
        rc = lg_disk_make_dirs(d, from, &err);
        break;
    case 1:
        rc = lg_disk_rename(d, from, to, &err);
        break;
    case 2:
        rc = lg_disk_remove(d, from, &err);
        break;
    case 3:
        rc = lg_disk_remove_tree(d, from, &err);
        break;
    case 4:
        rc = lg_file_open(d, from, LG_DISK_WRITE | LG_DISK_CREATE, &f, &err);
        if (rc == LG_OK)
            rc = lg_file_write(f, lg_rand_below(rand, 2000), "data", 4, &err);
        lg_file_close(f);
        break;
    case 5:
        rc = lg_disk_sync_dir(d, lg_rand_chance(rand, 1, 2) ? "" : from, &err);
        break;
    default:
        if (lg_rand_chance(rand, 1, 4))
            lg_disk_sim_crash(d);
        rc = LG_OK;
        break;
    }
    (void)rc;
}

static void any_history_of_names_keeps_the_disk_sane_and_is_repeatable(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        uint64_t digests[2];

        for (unsigned run = 0; run < 2; run++) {
            struct lg_disk *d = lg_disk_sim_new(NULL, seed);
            struct lg_error err = {0};
            struct lg_rand rand;

            lg_rand_seed(&rand, seed + 1000);
            for (unsigned i = 0; i < 100; i++)
                shuffle(d, &rand);
            digests[run] = lg_disk_sim_digest(d);
            assert_ok(lg_disk_remove_tree(d, "a", &err));
            assert_ok(lg_disk_remove_tree(d, "b", &err));
            assert_ok(lg_disk_contract(d, &err));
            lg_disk_sim_free(d);
        }
        assert_int_equal(digests[0], digests[1]);
    }
}

struct writer {
    struct lg_disk *disk;
    struct lg_sim_node *node;
};

static void write_in_node(void *ctx)
{
    struct writer *w = ctx;
    struct lg_error err = {0};
    struct lg_file *f = NULL, *lock = NULL;
    LG_SCOPED(lg_disk_names) names = {0};
    size_t before = lg_sim_node_bytes(w->node);

    assert_ok(lg_disk_make_dirs(w->disk, "data", &err));
    assert_ok(lg_disk_lock(w->disk, "lock", &lock, &err));
    assert_ok(lg_file_open(w->disk, "data/f", LG_DISK_WRITE | LG_DISK_CREATE, &f, &err));
    assert_ok(lg_file_write(f, 0, "abc", 3, &err));
    assert_int_equal(lg_sim_node_bytes(w->node), before); /* All of it is the disk's. */
    assert_ok(lg_disk_list(w->disk, "data", &names, &err));
    assert_true(lg_sim_node_bytes(w->node) > before); /* The names are the caller's. */
}

static void a_disk_outlives_its_node(void **state)
{
    (void)state;
    LG_AUTO(lg_sim) *sim = lg_sim_new(3);
    struct lg_error err = {0};
    struct lg_sim_node *node = lg_sim_node_new(sim, "n");
    struct writer w = {lg_disk_sim_new(sim, 4), node};
    struct lg_file *lock = NULL;
    uint64_t hash = lg_sim_trace_hash(sim);

    lg_disk_sim_follow(w.disk, node);
    lg_sim_node_run(node, write_in_node, &w);
    assert_int_not_equal(lg_sim_trace_hash(sim), hash);
    assert_rc(LG_ERR_IN_USE, lg_disk_lock(w.disk, "lock", &lock, &err));
    assert_string_equal(err.text, "lock is held by process n; stop it first");
    lg_sim_node_kill(node);
    assert_ok(lg_disk_lock(w.disk, "lock", &lock, &err));
    assert_true(is_there(w.disk, "data/f"));
    lg_sim_free(LG_TAKE(sim));
    lg_disk_sim_free(w.disk);
}

struct slow_sync {
    struct lg_offload offload;
    struct lg_disk *disk;
    struct lg_lane *lane;
    uint64_t done_us;
};

static void sync_often(struct lg_offload *offload)
{
    struct slow_sync *s = LG_CONTAINER_OF(offload, struct slow_sync, offload);
    struct lg_error err;

    for (int i = 0; i < 100; i++)
        assert_ok(lg_disk_sync_dir(s->disk, "", &err));
}

static void synced(struct lg_offload *offload)
{
    struct slow_sync *s = LG_CONTAINER_OF(offload, struct slow_sync, offload);

    s->done_us = lg_lane_now_us(s->lane);
}

static uint64_t time_of_100_syncs(uint64_t delay_us)
{
    LG_AUTO(lg_sim) *sim = lg_sim_new(3);
    struct slow_sync s = {.disk = lg_disk_sim_new(sim, 4), .lane = lg_sim_lane_new(sim, NULL, "l")};
    uint64_t begun_us = lg_sim_now_us(sim);

    lg_disk_sim_set_delay_us(s.disk, delay_us);
    s.offload = (struct lg_offload){.work = sync_often, .done = synced};
    lg_offload(s.lane, &s.offload);
    lg_sim_run_us(sim, 60 * LG_SEC);
    lg_sim_free(LG_TAKE(sim));
    lg_disk_sim_free(s.disk);
    return s.done_us - begun_us;
}

static void a_slow_disk_takes_its_time(void **state)
{
    (void)state;
    assert_true(time_of_100_syncs(0) < 100 * LG_MS);
    assert_in_range(time_of_100_syncs(10 * LG_MS), 250 * LG_MS, 2 * LG_SEC);
}

static void heard_removal(void *ctx, const char *path)
{
    assert_string_equal(path, "f");
    ++*(unsigned *)ctx;
}

static void each_removal_is_told_to_the_world(void **state)
{
    struct lg_file *f = NULL;
    struct lg_disk *d = disk_with_file(1, 10, &f);
    struct lg_error err = {0};
    unsigned heard = 0;

    (void)state;
    lg_file_close(f);
    lg_disk_sim_on_remove(d, heard_removal, &heard);
    assert_ok(lg_disk_remove(d, "g", &err)); /* There is none. */
    assert_int_equal(heard, 0);
    assert_ok(lg_disk_remove(d, "f", &err));
    assert_int_equal(heard, 1);
    lg_disk_sim_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_contract_is_kept),
        cmocka_unit_test(what_was_synced_survives_a_crash),
        cmocka_unit_test(unsynced_sectors_survive_are_lost_or_are_torn),
        cmocka_unit_test(names_are_durable_only_after_their_folder_is_synced),
        cmocka_unit_test(a_file_written_whole_is_old_or_new_after_any_cut),
        cmocka_unit_test(a_cut_comes_once_and_lasts_until_the_crash),
        cmocka_unit_test(a_process_that_ends_loses_its_locks_and_no_bytes),
        cmocka_unit_test(faults_are_injected),
        cmocka_unit_test(any_history_of_names_keeps_the_disk_sane_and_is_repeatable),
        cmocka_unit_test(a_disk_outlives_its_node),
        cmocka_unit_test(a_slow_disk_takes_its_time),
        cmocka_unit_test(each_removal_is_told_to_the_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
