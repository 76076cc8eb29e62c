/* Tests of the embedded metadata store: the contract on both kinds of lanes and disks, generations,
 * limits, restarts. */
#include "drivers/metafile/metafile.h"

#include "test/lib/log_env.h"
#include "test/test.h"

#include "base/str.h"
#include "drivers/posix/disk_posix.h"
#include "lane/fault.h"
#include "metastore/metastore_contract.h"

struct world {
    struct lg_log_env env;
    struct lg_disk *disk; /* Simulated; NULL on real lanes. */
    struct lg_metafile *mf;
    bool done; /* Written on another lane: atomic. */
};

static void set_done(void *ctx)
{
    __atomic_store_n((bool *)ctx, true, __ATOMIC_RELEASE);
}

static bool is_set(void *ctx)
{
    return __atomic_load_n((bool *)ctx, __ATOMIC_ACQUIRE);
}

static struct lg_metastore *open_session(void *ctx)
{
    return lg_metafile_session_new(((struct world *)ctx)->mf);
}

static void close_session(void *ctx, struct lg_metastore *session)
{
    struct world *w = ctx;
    bool done = false;

    lg_metafile_session_close(session, w->env.lane, set_done, &done);
    lg_log_env_run_until(&w->env, is_set, &done);
    assert_true(done);
}

static void run_until(void *ctx, bool (*cond)(void *cond_ctx), void *cond_ctx)
{
    lg_log_env_run_until(&((struct world *)ctx)->env, cond, cond_ctx);
}

static enum lg_rc try_open(struct world *w, uint64_t journal_bytes_min, size_t bytes_max,
                           struct lg_error *err)
{
    struct lg_metafile_options options = {.disk = w->env.disk,
                                          .dir = "meta",
                                          .lane = w->env.home,
                                          .bytes_max = bytes_max,
                                          .journal_bytes_min = journal_bytes_min};

    return lg_metafile_open(&options, &w->mf, err);
}

static void open_store(struct world *w, uint64_t journal_bytes_min)
{
    struct lg_error err = {0};

    assert_ok(try_open(w, journal_bytes_min, 0, &err));
}

static void begin_close(void *ctx)
{
    struct world *w = ctx;

    lg_metafile_close(w->mf, set_done, &w->done);
}

static void close_store(struct world *w)
{
    w->done = false;
    lg_log_env_on_home(&w->env, begin_close, w);
    lg_log_env_run_until(&w->env, is_set, &w->done);
    assert_true(is_set(&w->done));
    w->mf = NULL;
}

static void init_sim(struct world *w, uint64_t seed)
{
    *w = (struct world){0};
    w->disk = lg_disk_sim_new(NULL, seed);
    lg_log_env_init_sim(&w->env, seed, w->disk);
}

static void done_sim(struct world *w)
{
    lg_log_env_done(&w->env);
    lg_disk_sim_free(w->disk);
}

static struct lg_metastore_contract contract_of(struct world *w)
{
    return (struct lg_metastore_contract){.open_session = open_session,
                                          .close_session = close_session,
                                          .lane = w->env.lane,
                                          .run_until = run_until,
                                          .ctx = w};
}

/* --- Operations ----------------------------------------------------------------------------- */

struct call {
    struct lg_meta_op op;
    bool done;
};

static void call_done(struct lg_meta_op *op)
{
    LG_CONTAINER_OF(op, struct call, op)->done = true;
}

static bool call_is_done(void *ctx)
{
    return ((struct call *)ctx)->done;
}

static enum lg_rc run_call(struct world *w, struct lg_metastore *session, struct call *c)
{
    c->op.lane = w->env.lane;
    c->op.done = call_done;
    c->done = false;
    lg_metastore_submit(session, &c->op);
    lg_log_env_run_until(&w->env, call_is_done, c);
    assert_true(c->done);
    return c->op.rc;
}

static enum lg_rc put(struct world *w, struct lg_metastore *session, const char *path,
                      struct lg_slice value)
{
    struct lg_meta_change change = {LG_META_PUT, path, value, LG_META_ANY_VERSION};
    struct call c = {.op = {.kind = LG_META_WRITE, .changes = &change, .change_count = 1}};

    return run_call(w, session, &c);
}

static void assert_value(struct world *w, struct lg_metastore *session, const char *path,
                         const char *value, int64_t version)
{
    struct call c = {.op = {.kind = LG_META_GET, .path = path}};

    if (value == NULL) {
        assert_rc(LG_ERR_NOT_FOUND, run_call(w, session, &c));
        return;
    }
    assert_rc(LG_OK, run_call(w, session, &c));
    assert_slice_equal(c.op.value->bytes, lg_slice_str(value));
    assert_int_equal(c.op.version, version);
    lg_blob_unref(c.op.value);
}

/* --- Tests ---------------------------------------------------------------------------------- */

static void it_keeps_the_contract_in_the_simulator(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct lg_metastore_contract contract;
        struct lg_error err = {0};
        struct world w;

        init_sim(&w, seed);
        open_store(&w, seed % 2 == 0 ? 1 : 0); /* Even seeds: a new generation now and then. */
        contract = contract_of(&w);
        assert_ok(lg_metastore_contract(&contract, &err));
        close_store(&w);
        done_sim(&w);
    }
}

static void it_keeps_the_contract_on_real_lanes_and_files(void **state)
{
    (void)state;
    struct lg_metastore_contract contract;
    struct lg_error err = {0};
    struct world w = {0};

    lg_log_env_init_uv(&w.env);
    open_store(&w, 2000);
    lg_log_env_start_uv(&w.env);
    contract = contract_of(&w);
    assert_ok(lg_metastore_contract(&contract, &err));
    close_store(&w);
    lg_log_env_done(&w.env);
}

static void what_was_written_is_there_after_a_restart(void **state)
{
    (void)state;
    struct lg_meta_change eph = {LG_META_CREATE_EPHEMERAL, "/live/x", LG_LIT("1"), 0};
    struct call c = {.op = {.kind = LG_META_WRITE, .changes = &eph, .change_count = 1}};
    struct lg_metastore *s;
    struct world w;

    init_sim(&w, 1);
    open_store(&w, 0);
    s = open_session(&w);
    assert_rc(LG_OK, put(&w, s, "/stores/cities", LG_LIT("one")));
    assert_rc(LG_OK, put(&w, s, "/stores/cities", LG_LIT("two")));
    assert_rc(LG_OK, put(&w, s, "/", LG_LIT("root")));
    assert_rc(LG_OK, run_call(&w, s, &c));
    close_session(&w, s);
    close_store(&w);
    for (int i = 0; i < 2; i++) {
        open_store(&w, 0);
        s = open_session(&w);
        assert_value(&w, s, "/stores/cities", "two", 1);
        assert_value(&w, s, "/", "root", 1);
        assert_value(&w, s, "/live", "", 0);
        assert_value(&w, s, "/live/x", NULL, 0);
        close_session(&w, s);
        close_store(&w);
    }
    done_sim(&w);
}

static void a_long_journal_becomes_a_new_generation(void **state)
{
    (void)state;
    LG_SCOPED(lg_disk_names) names = {0};
    struct lg_error err = {0};
    struct lg_metastore *s;
    struct world w;

    init_sim(&w, 1);
    open_store(&w, 4000);
    s = open_session(&w);
    for (int i = 0; i < 300; i++) {
        LG_AUTO_STR char *value = lg_strf("value number %d", i);

        assert_rc(LG_OK, put(&w, s, "/a/node", lg_slice_str(value)));
    }
    assert_true(lg_metafile_generation(w.mf) > 2);
    close_session(&w, s);
    close_store(&w);
    assert_ok(lg_disk_list(w.disk, "meta", &names, &err));
    assert_int_equal(names.names.size, 4); /* The lock, one snapshot, one journal, the note. */
    open_store(&w, 4000);
    s = open_session(&w);
    assert_value(&w, s, "/a/node", "value number 299", 299);
    close_session(&w, s);
    close_store(&w);
    done_sim(&w);
}

static void the_tree_has_a_limit(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_metastore *s;
    struct world w;
    uint8_t big[2000] = {0};

    init_sim(&w, 1);
    assert_ok(try_open(&w, 0, 10000, &err));
    s = open_session(&w);
    for (int i = 0; i < 4; i++) {
        LG_AUTO_STR char *path = lg_strf("/n%d", i);

        assert_rc(LG_OK, put(&w, s, path, lg_slice(big, sizeof(big))));
    }
    assert_rc(LG_ERR_TOO_LARGE, put(&w, s, "/n4", lg_slice(big, sizeof(big))));
    assert_rc(LG_OK, put(&w, s, "/n0", LG_SLICE_NULL)); /* Less is always allowed. */
    assert_rc(LG_OK, put(&w, s, "/n4", lg_slice(big, sizeof(big))));
    assert_true(lg_metafile_bytes(w.mf) <= 10000);
    close_session(&w, s);
    close_store(&w);
    done_sim(&w);
}

static void a_failed_sync_stops_writes_but_not_reads(void **state)
{
    (void)state;
    struct lg_metastore *s;
    struct world w;

    init_sim(&w, 1);
    open_store(&w, 0);
    s = open_session(&w);
    assert_rc(LG_OK, put(&w, s, "/a", LG_LIT("1")));
    lg_disk_sim_fail_syncs(w.disk, 1, 1);
    assert_rc(LG_ERR_UNAVAILABLE, put(&w, s, "/a", LG_LIT("2")));
    lg_disk_sim_fail_syncs(w.disk, 0, 1);
    assert_rc(LG_ERR_IO, put(&w, s, "/a", LG_LIT("3")));
    assert_value(&w, s, "/a", "1", 0);
    close_session(&w, s);
    close_store(&w);
    open_store(&w, 0);
    s = open_session(&w);
    assert_rc(LG_OK, put(&w, s, "/a", LG_LIT("4")));
    close_session(&w, s);
    close_store(&w);
    done_sim(&w);
}

static void a_second_process_is_refused(void **state)
{
    (void)state;
    struct lg_metafile *first;
    struct lg_error err = {0};
    struct world w;

    init_sim(&w, 1);
    open_store(&w, 0);
    first = w.mf;
    assert_rc(LG_ERR_IN_USE, try_open(&w, 0, 0, &err));
    assert_ptr_equal(w.mf, first);
    close_store(&w);
    done_sim(&w);
}

static void damage_is_named(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct world w;

    init_sim(&w, 1);
    open_store(&w, 0);
    close_store(&w);
    assert_true(lg_disk_sim_flip(w.disk, "meta/snapshot-0000000001", 8 * 20));
    assert_rc(LG_ERR_CORRUPT, try_open(&w, 0, 0, &err));
    assert_non_null(strstr(err.text, "snapshot-0000000001"));
    assert_true(lg_disk_sim_flip(w.disk, "meta/snapshot-0000000001", 8 * 20));
    open_store(&w, 0);
    close_store(&w);
    assert_ok(lg_disk_remove(w.disk, "meta/journal-0000000001", &err));
    assert_rc(LG_ERR_CORRUPT, try_open(&w, 0, 0, &err));
    done_sim(&w);
}

#define GOLDEN "test/golden/meta-1/meta"

/* What this data holds: generation 3; /stores/cities = "11", written 12 times; /trash, empty. */
static void the_golden_store_of_version_1_opens(void **state)
{
    (void)state;
    const char *names[] = {"snapshot-0000000003", "journal-0000000003"};
    struct lg_disk *sources = NULL;
    struct lg_error err = {0};
    struct lg_metastore *s;
    struct world w;

    init_sim(&w, 1);
    assert_ok(lg_disk_posix_new(GOLDEN, &sources, &err));
    assert_ok(lg_disk_make_dirs(w.disk, "meta", &err));
    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++) {
        LG_AUTO_STR char *path = lg_strf("meta/%s", names[i]);
        LG_SCOPED(lg_buf) bytes = {0};

        assert_ok(lg_disk_read_file(sources, names[i], 1 << 20, &bytes, &err));
        assert_ok(lg_disk_write_file(w.disk, path, lg_buf_slice(&bytes), &err));
    }
    lg_disk_posix_free(sources);
    open_store(&w, 0);
    assert_int_equal(lg_metafile_generation(w.mf), 3);
    s = open_session(&w);
    assert_value(&w, s, "/stores/cities", "11", 11);
    assert_value(&w, s, "/trash", "", 0);
    assert_value(&w, s, "/trash/x", NULL, 0);
    assert_rc(LG_OK, put(&w, s, "/stores/cities", LG_LIT("12")));
    close_session(&w, s);
    close_store(&w);
    done_sim(&w);
}

static void a_fault_after_the_sync_is_not_acknowledged(void **state)
{
    (void)state;
    struct lg_metastore *s;
    struct world w;

    init_sim(&w, 1);
    open_store(&w, 0);
    s = open_session(&w);
    lg_fault_arm(LG_FAULT_META_SYNCED, 0, 1);
    assert_rc(LG_ERR_UNAVAILABLE, put(&w, s, "/a", LG_LIT("1")));
    lg_fault_disarm_all();
    assert_value(&w, s, "/a", NULL, 0);
    close_session(&w, s);
    close_store(&w);
    open_store(&w, 0); /* It had happened all the same: unknown was the truth. */
    s = open_session(&w);
    assert_value(&w, s, "/a", "1", 0);
    close_session(&w, s);
    close_store(&w);
    done_sim(&w);
}

static void a_refused_write_leaves_nothing_on_disk(void **state)
{
    (void)state;
    const struct lg_meta_change bad[] = {{LG_META_PUT, "/bad", LG_LIT("1"), LG_META_ANY_VERSION},
                                         {LG_META_SET, "/none", LG_LIT("1"), LG_META_ANY_VERSION}};
    const struct lg_meta_change good = {LG_META_PUT, "/good", LG_LIT("1"), LG_META_ANY_VERSION};
    struct call calls[3] = {{.op = {.kind = LG_META_WRITE, .changes = &good, .change_count = 1}},
                            {.op = {.kind = LG_META_WRITE, .changes = bad, .change_count = 2}},
                            {.op = {.kind = LG_META_WRITE, .changes = &good, .change_count = 1}}};
    struct lg_metastore *s;
    struct world w;

    init_sim(&w, 1);
    open_store(&w, 0);
    s = open_session(&w);
    for (size_t i = 0; i < 3; i++) { /* One commit. */
        calls[i].op.lane = w.env.lane;
        calls[i].op.done = call_done;
        lg_metastore_submit(s, &calls[i].op);
    }
    for (size_t i = 0; i < 3; i++)
        lg_log_env_run_until(&w.env, call_is_done, &calls[i]);
    assert_rc(LG_OK, calls[0].op.rc);
    assert_rc(LG_ERR_NOT_FOUND, calls[1].op.rc);
    assert_rc(LG_OK, calls[2].op.rc);
    close_session(&w, s);
    close_store(&w);
    open_store(&w, 0);
    s = open_session(&w);
    assert_value(&w, s, "/good", "1", 1);
    assert_value(&w, s, "/bad", NULL, 0);
    close_session(&w, s);
    close_store(&w);
    done_sim(&w);
}

static void writes_have_bounds(void **state)
{
    (void)state;
    struct lg_meta_change *changes =
        lg_new_array(struct lg_meta_change, LG_METAFILE_CHANGES_MAX + 1);
    uint8_t *value = lg_zalloc(LG_META_VALUE_MAX);
    struct call c = {.op = {.kind = LG_META_WRITE, .changes = changes}};
    struct lg_metastore *s;
    struct world w;

    for (size_t i = 0; i <= LG_METAFILE_CHANGES_MAX; i++)
        changes[i] = (struct lg_meta_change){LG_META_PUT, "/a", LG_SLICE_NULL, LG_META_ANY_VERSION};
    init_sim(&w, 1);
    open_store(&w, 0);
    s = open_session(&w);
    c.op.change_count = LG_METAFILE_CHANGES_MAX + 1;
    assert_rc(LG_ERR_TOO_LARGE, run_call(&w, s, &c));
    c.op.change_count = LG_METAFILE_CHANGES_MAX;
    assert_rc(LG_OK, run_call(&w, s, &c));
    for (size_t i = 0; i < 16; i++)
        changes[i].value = lg_slice(value, LG_META_VALUE_MAX);
    c.op.change_count = 16;
    assert_rc(LG_ERR_TOO_LARGE, run_call(&w, s, &c));
    c.op.change_count = 15;
    assert_rc(LG_OK, run_call(&w, s, &c));
    close_session(&w, s);
    close_store(&w);
    done_sim(&w);
    lg_free(value);
    lg_free(changes);
}

/* --- A disk without room. ----------------------------------------------------------------------
 */

/* Leaves room for so many bytes. */
static void leave(struct lg_disk *disk, uint64_t room)
{
    uint64_t huge = (uint64_t)1 << 40, now;
    struct lg_error err = {0};

    lg_disk_sim_set_capacity(disk, huge);
    assert_ok(lg_disk_free_bytes(disk, &now, &err));
    lg_disk_sim_set_capacity(disk, huge - now + room);
}

/* A refused change did not happen, nothing is broken, sessions end all the same. */
static void a_full_disk_refuses_changes_until_there_is_room(void **state)
{
    (void)state;
    for (uint64_t room = 0; room < 200; room += 9) {
        struct lg_metastore *session, *guest;
        struct lg_meta_change seat = {LG_META_CREATE_EPHEMERAL, "/guest", LG_LIT("here"),
                                      LG_META_ANY_VERSION};
        struct call sit = {.op = {.kind = LG_META_WRITE, .changes = &seat, .change_count = 1}};
        struct call get = {.op = {.kind = LG_META_GET, .path = "/large"}};
        static uint8_t value[1000];
        struct world w;
        struct lg_error err = {0};
        enum lg_rc rc;

        init_sim(&w, 2);
        open_store(&w, 0);
        session = open_session(&w);
        guest = open_session(&w);
        assert_ok(put(&w, session, "/one", LG_LIT("1")));
        leave(w.disk, room);
        rc = put(&w, session, "/large", lg_slice(value, sizeof(value)));
        assert_rc(LG_ERR_NO_SPACE, rc);
        assert_rc(LG_ERR_NOT_FOUND, run_call(&w, session, &get));
        assert_ok(run_call(&w, guest, &sit)); /* In memory only. */
        close_session(&w, guest);
        get.op.path = "/guest";
        assert_rc(LG_ERR_NOT_FOUND, run_call(&w, session, &get));
        lg_disk_sim_set_capacity(w.disk, 0);
        assert_ok(put(&w, session, "/large", lg_slice(value, sizeof(value))));
        close_session(&w, session);
        close_store(&w);
        open_store(&w, 0);
        session = open_session(&w);
        get.op.path = "/large";
        assert_ok(run_call(&w, session, &get));
        lg_blob_unref(get.op.value);
        close_session(&w, session);
        close_store(&w);
        done_sim(&w);
    }
}

static void the_reserve_makes_room_for_changes_on_a_full_disk(void **state)
{
    (void)state;
    struct lg_metastore *session;
    struct lg_error err = {0};
    struct world w;

    init_sim(&w, 2);
    struct lg_disk_space *space =
        lg_disk_space_new(&(struct lg_disk_space_options){.disk = w.disk,
                                                          .folder = "/data",
                                                          .low_bytes = 1000,
                                                          .reserve_path = "reserve",
                                                          .reserve_bytes = 10000});
    struct lg_metafile_options options = {
        .disk = w.env.disk, .dir = "meta", .lane = w.env.home, .space = space};

    lg_disk_space_tend(space);
    assert_ok(lg_metafile_open(&options, &w.mf, &err));
    session = open_session(&w);
    leave(w.disk, 0);
    for (int i = 0; i < 50; i++)
        assert_rc(LG_OK, put(&w, session, "/one", LG_LIT("a small change, such as a rollback")));
    close_session(&w, session);
    close_store(&w);
    lg_disk_space_free(space);
    done_sim(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_the_contract_in_the_simulator),
        cmocka_unit_test(it_keeps_the_contract_on_real_lanes_and_files),
        cmocka_unit_test(what_was_written_is_there_after_a_restart),
        cmocka_unit_test(a_full_disk_refuses_changes_until_there_is_room),
        cmocka_unit_test(the_reserve_makes_room_for_changes_on_a_full_disk),
        cmocka_unit_test(a_long_journal_becomes_a_new_generation),
        cmocka_unit_test(the_tree_has_a_limit),
        cmocka_unit_test(a_failed_sync_stops_writes_but_not_reads),
        cmocka_unit_test(a_second_process_is_refused),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(the_golden_store_of_version_1_opens),
        cmocka_unit_test(a_fault_after_the_sync_is_not_acknowledged),
        cmocka_unit_test(a_refused_write_leaves_nothing_on_disk),
        cmocka_unit_test(writes_have_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
