/* Tests of the embedded log: the contract on both kinds of lanes and disks, and what is its own. */
#include "drivers/seglog/seglog.h"

#include "test/lib/log_env.h"
#include "test/test.h"

#include "base/str.h"
#include "drivers/posix/disk_posix.h"
#include "lane/fault.h"
#include "pubsub/batch.h"
#include "pubsub/pubsub_contract.h"

static struct lg_seglog *open_log(struct lg_log_env *env)
{
    struct lg_seglog_options options = {.disk = env->disk, .dir = "log", .lane = env->home};
    struct lg_seglog *log = NULL;
    struct lg_error err = {0};

    assert_ok(lg_seglog_open(&options, &log, &err));
    return log;
}

struct closing {
    struct lg_seglog *log;
    bool done; /* Written on the home lane, read on the test's: atomic. */
};

static void log_closed(void *ctx)
{
    __atomic_store_n(&((struct closing *)ctx)->done, true, __ATOMIC_RELEASE);
}

static void begin_close(void *ctx)
{
    lg_seglog_close(((struct closing *)ctx)->log, log_closed, ctx);
}

static bool is_closed(void *ctx)
{
    return __atomic_load_n(&((struct closing *)ctx)->done, __ATOMIC_ACQUIRE);
}

static void close_log(struct lg_log_env *env, struct lg_seglog *log)
{
    struct closing c = {.log = log};

    lg_log_env_on_home(env, begin_close, &c);
    lg_log_env_run_until(env, is_closed, &c);
    assert_true(is_closed(&c));
}

static void it_keeps_the_contract_in_the_simulator(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct lg_disk *disk = lg_disk_sim_new(NULL, seed);
        struct lg_error err = {0};
        struct lg_log_env env;
        struct lg_seglog *log;

        lg_log_env_init_sim(&env, seed, disk);
        log = open_log(&env);
        assert_ok(lg_pubsub_contract(&(struct lg_pubsub_contract){.ps = lg_seglog_pubsub(log),
                                                                  .lane = env.lane,
                                                                  .run_until = lg_log_env_run_until,
                                                                  .ctx = &env},
                                     &err));
        close_log(&env, log);
        lg_log_env_done(&env);
        lg_disk_sim_free(disk);
    }
}

static void it_keeps_the_contract_on_real_lanes_and_files(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_log_env env;
    struct lg_seglog *log;

    lg_log_env_init_uv(&env);
    log = open_log(&env);
    lg_log_env_start_uv(&env);
    assert_ok(lg_pubsub_contract(&(struct lg_pubsub_contract){.ps = lg_seglog_pubsub(log),
                                                              .lane = env.lane,
                                                              .run_until = lg_log_env_run_until,
                                                              .ctx = &env},
                                 &err));
    close_log(&env, log);
    lg_log_env_done(&env);
}

/* --- Operations ----------------------------------------------------------------------------- */

struct call {
    struct lg_pubsub_op op;
    bool done;
};

static void call_done(struct lg_pubsub_op *op)
{
    LG_CONTAINER_OF(op, struct call, op)->done = true;
}

static bool call_is_done(void *ctx)
{
    return ((struct call *)ctx)->done;
}

static void start_call(struct lg_log_env *env, struct lg_seglog *log, struct call *c)
{
    c->op.lane = env->lane;
    c->op.done = call_done;
    c->done = false;
    lg_pubsub_submit(lg_seglog_pubsub(log), &c->op);
}

static enum lg_rc run_call(struct lg_log_env *env, struct lg_seglog *log, struct call *c)
{
    start_call(env, log, c);
    lg_log_env_run_until(env, call_is_done, c);
    assert_true(c->done);
    return c->op.rc;
}

static enum lg_rc create(struct lg_log_env *env, struct lg_seglog *log, const char *topic,
                         uint32_t partitions)
{
    struct call c = {.op = {.kind = LG_PUBSUB_CREATE, .topic = topic, .partitions = partitions}};

    return run_call(env, log, &c);
}

static struct lg_blob *one_record(struct lg_slice value)
{
    struct lg_pubsub_record r = {.key = LG_LIT("k"), .value = value};
    LG_SCOPED(lg_buf) batch = {0};

    lg_batch_add(&batch, &r);
    return lg_blob_take(&batch);
}

static enum lg_rc produce(struct lg_log_env *env, struct lg_seglog *log, const char *topic,
                          uint32_t partition, const char *value)
{
    LG_AUTO(lg_blob) *blob = one_record(lg_slice_str(value));
    struct call c = {
        .op = {.kind = LG_PUBSUB_PRODUCE, .topic = topic, .partition = partition, .blob = blob}};

    return run_call(env, log, &c);
}

/* The values of a partition in order, each ended by ';'. */
static enum lg_rc read_values(struct lg_log_env *env, struct lg_seglog *log, const char *topic,
                              uint32_t partition, struct lg_buf *out, struct lg_error *err)
{
    struct call c = {.op = {.kind = LG_PUBSUB_FETCH,
                            .topic = topic,
                            .partition = partition,
                            .position = lg_position_earliest()}};

    lg_buf_clear(out);
    for (;;) {
        enum lg_rc rc = run_call(env, log, &c);
        struct lg_batch_reader reader;

        if (rc != LG_OK) {
            *err = c.op.err;
            return rc;
        }
        if (c.op.blob == NULL)
            return LG_OK;
        reader = lg_batch_read(c.op.blob->bytes);
        for (;;) {
            struct lg_pubsub_record r;
            bool end = false;

            assert_rc(LG_OK, lg_batch_next(&reader, &r, &end, err));
            if (end)
                break;
            lg_buf_append_slice(out, r.value);
            lg_buf_append_byte(out, ';');
        }
        lg_blob_unref(c.op.blob);
    }
}

static void assert_values(struct lg_log_env *env, struct lg_seglog *log, const char *topic,
                          uint32_t partition, const char *want)
{
    LG_SCOPED(lg_buf) got = {0};
    struct lg_error err = {0};

    assert_ok(read_values(env, log, topic, partition, &got, &err));
    assert_slice_equal(lg_buf_slice(&got), lg_slice_str(want));
}

/* --- What is the log's own ------------------------------------------------------------------ */

static void a_restart_finds_topics_and_records(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_log_env env;
    struct lg_seglog *log;

    lg_log_env_init_sim(&env, 1, disk);
    log = open_log(&env);
    assert_rc(LG_OK, create(&env, log, "t", 3));
    assert_rc(LG_OK, produce(&env, log, "t", 1, "one"));
    assert_rc(LG_OK, produce(&env, log, "t", 1, "two"));
    close_log(&env, log);
    log = open_log(&env);
    assert_rc(LG_OK, produce(&env, log, "t", 1, "three"));
    assert_values(&env, log, "t", 1, "one;two;three;");
    assert_values(&env, log, "t", 2, "");
    assert_rc(LG_ERR_CONFLICT, create(&env, log, "t", 2));
    close_log(&env, log);
    lg_log_env_done(&env);
    lg_disk_sim_free(disk);
}

static void a_damaged_partition_is_named_and_the_others_go_on(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    LG_SCOPED(lg_buf) values = {0};
    struct lg_error err = {0};
    struct lg_log_env env;
    struct lg_seglog *log;

    lg_log_env_init_sim(&env, 1, disk);
    log = open_log(&env);
    assert_rc(LG_OK, create(&env, log, "t", 2));
    for (int i = 0; i < 3; i++) {
        assert_rc(LG_OK, produce(&env, log, "t", 0, "value"));
        assert_rc(LG_OK, produce(&env, log, "t", 1, "value"));
    }
    close_log(&env, log);
    assert_true(lg_disk_sim_flip(disk, "log/t~1/00000.log", 8 * 50)); /* In the first frame. */
    log = open_log(&env);
    assert_rc(LG_ERR_CORRUPT, read_values(&env, log, "t", 0, &values, &err));
    assert_non_null(strstr(err.text, "log/t~1/00000.log"));
    assert_rc(LG_ERR_CORRUPT, produce(&env, log, "t", 0, "more"));
    assert_values(&env, log, "t", 1, "value;value;value;");
    close_log(&env, log);
    lg_log_env_done(&env);
    lg_disk_sim_free(disk);
}

static void a_failed_sync_closes_the_partition_for_writing(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_log_env env;
    struct lg_seglog *log;

    lg_log_env_init_sim(&env, 1, disk);
    log = open_log(&env);
    assert_rc(LG_OK, create(&env, log, "t", 2));
    assert_rc(LG_OK, produce(&env, log, "t", 0, "one"));
    assert_rc(LG_OK, produce(&env, log, "t", 1, "one"));
    lg_disk_sim_fail_syncs(disk, 1, 1);
    assert_rc(LG_ERR_IO, produce(&env, log, "t", 0, "two"));
    lg_disk_sim_fail_syncs(disk, 0, 1);
    assert_rc(LG_ERR_IO, produce(&env, log, "t", 0, "three"));
    assert_values(&env, log, "t", 0, "one;"); /* What is not durable is not shown. */
    assert_rc(LG_OK, produce(&env, log, "t", 1, "two"));
    close_log(&env, log);
    log = open_log(&env);
    assert_rc(LG_OK, produce(&env, log, "t", 0, "four"));
    close_log(&env, log);
    lg_log_env_done(&env);
    lg_disk_sim_free(disk);
}

static void faults_around_the_sync_are_not_acknowledged(void **state)
{
    (void)state;
    const enum lg_fault faults[] = {LG_FAULT_LOG_APPENDED, LG_FAULT_LOG_SYNCED};

    for (size_t i = 0; i < LG_ARRAY_SIZE(faults); i++) {
        struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
        struct lg_log_env env;
        struct lg_seglog *log;

        lg_log_env_init_sim(&env, 1, disk);
        log = open_log(&env);
        assert_rc(LG_OK, create(&env, log, "t", 1));
        lg_fault_arm(faults[i], 0, 1);
        assert_rc(LG_ERR_IO, produce(&env, log, "t", 0, "one"));
        lg_fault_disarm_all();
        assert_rc(LG_ERR_IO, produce(&env, log, "t", 0, "two"));
        assert_values(&env, log, "t", 0, "");
        close_log(&env, log);
        lg_log_env_done(&env);
        lg_disk_sim_free(disk);
    }
}

static void unacknowledged_bytes_have_a_bound(void **state)
{
    (void)state;
    enum { CALLS = 12 };
    uint8_t *value = lg_zalloc(LG_BATCH_RECORD_BYTES_MAX - 100);
    LG_AUTO(lg_blob) *blob = one_record(lg_slice(value, LG_BATCH_RECORD_BYTES_MAX - 100));
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct call calls[CALLS] = {0};
    struct lg_log_env env;
    struct lg_seglog *log;
    unsigned busy = 0;

    lg_log_env_init_sim(&env, 1, disk);
    log = open_log(&env);
    assert_rc(LG_OK, create(&env, log, "t", 1));
    for (unsigned i = 0; i < CALLS; i++) {
        calls[i].op = (struct lg_pubsub_op){.kind = LG_PUBSUB_PRODUCE, .topic = "t", .blob = blob};
        start_call(&env, log, &calls[i]);
    }
    for (unsigned i = 0; i < CALLS; i++) {
        lg_log_env_run_until(&env, call_is_done, &calls[i]);
        assert_true(calls[i].op.rc == LG_OK || calls[i].op.rc == LG_ERR_BUSY);
        busy += calls[i].op.rc == LG_ERR_BUSY;
    }
    assert_int_equal(busy, 4); /* Eight times 8 MiB fit. */
    assert_rc(LG_OK, run_call(&env, log, &calls[0]));
    close_log(&env, log);
    lg_log_env_done(&env);
    lg_disk_sim_free(disk);
    lg_free(value);
}

static void few_files_serve_many_partitions(void **state)
{
    (void)state;
    enum { PARTITIONS = 9 };
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_error err = {0};
    struct lg_log_env env;
    struct lg_seglog *log = NULL;

    lg_log_env_init_sim(&env, 1, disk);
    assert_ok(lg_seglog_open(
        &(struct lg_seglog_options){.disk = disk, .dir = "log", .lane = env.home, .open_files = 2},
        &log, &err));
    assert_rc(LG_OK, create(&env, log, "t", PARTITIONS));
    for (uint32_t round = 0; round < 3; round++)
        for (uint32_t p = 0; p < PARTITIONS; p++)
            assert_rc(LG_OK, produce(&env, log, "t", p, "x"));
    for (uint32_t p = 0; p < PARTITIONS; p++)
        assert_values(&env, log, "t", p, "x;x;x;");
    close_log(&env, log);
    lg_log_env_done(&env);
    lg_disk_sim_free(disk);
}

/* Seven partitions share one open file while reads and writes of all are under way. */
static void share_one_file(struct lg_log_env *env, struct lg_seglog *log)
{
    enum { PARTITIONS = 7, CALLS = 70 };
    LG_AUTO(lg_blob) *blob = one_record(LG_LIT("x"));
    struct call calls[CALLS] = {0};

    assert_rc(LG_OK, create(env, log, "t", PARTITIONS));
    for (uint32_t p = 0; p < PARTITIONS; p++)
        assert_rc(LG_OK, produce(env, log, "t", p, "x"));
    for (unsigned i = 0; i < CALLS; i++) {
        calls[i].op.kind = i % 2 == 0 ? LG_PUBSUB_FETCH : LG_PUBSUB_PRODUCE;
        calls[i].op.topic = "t";
        calls[i].op.partition = i % PARTITIONS;
        calls[i].op.position = lg_position_earliest();
        calls[i].op.blob = i % 2 == 0 ? NULL : blob;
        start_call(env, log, &calls[i]);
        if (env->sim != NULL)
            (void)lg_sim_step(env->sim);
    }
    for (unsigned i = 0; i < CALLS; i++) {
        lg_log_env_run_until(env, call_is_done, &calls[i]);
        assert_rc(LG_OK, calls[i].op.rc);
        if (i % 2 == 0)
            lg_blob_unref(calls[i].op.blob);
    }
    for (uint32_t p = 0; p < PARTITIONS; p++)
        assert_values(env, log, "t", p, "x;x;x;x;x;x;");
}

static struct lg_seglog *open_with_one_file(struct lg_log_env *env)
{
    struct lg_seglog_options options = {
        .disk = env->disk, .dir = "log", .lane = env->home, .open_files = 1};
    struct lg_seglog *log = NULL;
    struct lg_error err = {0};

    assert_ok(lg_seglog_open(&options, &log, &err));
    return log;
}

static void few_files_serve_many_at_once(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_log_env env;
    struct lg_seglog *log;

    lg_log_env_init_sim(&env, 1, disk);
    log = open_with_one_file(&env);
    share_one_file(&env, log);
    close_log(&env, log);
    lg_log_env_done(&env);
    lg_disk_sim_free(disk);
}

static void few_files_serve_many_at_once_on_real_lanes(void **state)
{
    (void)state;
    struct lg_log_env env;
    struct lg_seglog *log;

    lg_log_env_init_uv(&env);
    log = open_with_one_file(&env);
    lg_log_env_start_uv(&env);
    share_one_file(&env, log);
    close_log(&env, log);
    lg_log_env_done(&env);
}

static void a_deleted_topic_leaves_no_files(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    LG_SCOPED(lg_disk_names) names = {0};
    struct call c = {.op = {.kind = LG_PUBSUB_DELETE, .topic = "t"}};
    struct lg_error err = {0};
    struct lg_log_env env;
    struct lg_seglog *log;

    lg_log_env_init_sim(&env, 1, disk);
    log = open_log(&env);
    assert_rc(LG_OK, create(&env, log, "t", 2));
    assert_rc(LG_OK, produce(&env, log, "t", 0, "x"));
    assert_rc(LG_OK, run_call(&env, log, &c));
    close_log(&env, log); /* Waits for the removal. */
    assert_ok(lg_disk_list(disk, "log", &names, &err));
    for (size_t i = 0; i < names.names.size; i++)
        assert_int_equal(names.names.data[i][0], '~');
    lg_log_env_done(&env);
    lg_disk_sim_free(disk);
}

static void a_configuration_survives_the_log(void **state)
{
    (void)state;
    struct lg_pubsub_config config = {
        .retention_ms = 5000, .compacted = true, .replication = 2, .min_insync_replicas = 1};
    struct lg_disk *disk = lg_disk_sim_new(NULL, 7);
    struct lg_log_env env;
    struct lg_seglog *log;

    lg_log_env_init_sim(&env, 7, disk);
    for (unsigned round = 0; round < 3; round++) { /* Created, configured, back to the default. */
        struct call change = {.op = {.kind = round == 0 ? LG_PUBSUB_CREATE : LG_PUBSUB_CONFIGURE,
                                     .topic = "t_v1",
                                     .partitions = 1,
                                     .config = config}};
        struct call describe = {.op = {.kind = LG_PUBSUB_DESCRIBE, .topic = "t_v1"}};

        log = open_log(&env);
        assert_rc(LG_OK, run_call(&env, log, &change));
        close_log(&env, log);
        log = open_log(&env);
        assert_rc(LG_OK, run_call(&env, log, &describe));
        config.replication = 2; /* That of the creation, always. */
        assert_true(lg_pubsub_config_equal(&describe.op.config, &config));
        close_log(&env, log);
        config = (struct lg_pubsub_config){.retention_ms = round == 0 ? 777 : -1};
    }
    lg_log_env_done(&env);
    lg_disk_sim_free(disk);
}

static void a_damaged_configuration_is_named(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 8);
    struct lg_seglog_options options = {.disk = disk, .dir = "log"};
    struct lg_error err = {0};
    struct lg_log_env env;
    struct lg_seglog *log;

    lg_log_env_init_sim(&env, 8, disk);
    log = open_log(&env);
    assert_rc(LG_OK, create(&env, log, "t_v1", 1));
    close_log(&env, log);
    assert_ok(lg_disk_write_file(disk, "log/t_v1~1/topic.config", LG_LIT("nonsense\n"), &err));
    options.lane = env.home;
    assert_rc(LG_ERR_CORRUPT, lg_seglog_open(&options, &log, &err));
    assert_non_null(strstr(err.text, "log/t_v1~1/topic.config: this is no topic.config; restore"));
    lg_log_env_done(&env);
    lg_disk_sim_free(disk);
}

static void a_topic_whose_creation_failed_can_be_created_again(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_log_env env;
    struct lg_seglog *log;

    lg_log_env_init_sim(&env, 1, disk);
    log = open_log(&env);
    lg_disk_sim_fail_syncs(disk, 1, 1);
    assert_rc(LG_ERR_IO, create(&env, log, "t", 2));
    assert_rc(LG_ERR_NOT_FOUND, produce(&env, log, "t", 0, "x"));
    lg_disk_sim_fail_syncs(disk, 0, 1);
    assert_rc(LG_OK, create(&env, log, "t", 3));
    assert_rc(LG_OK, produce(&env, log, "t", 2, "x"));
    close_log(&env, log);
    log = open_log(&env);
    assert_values(&env, log, "t", 2, "x;");
    close_log(&env, log);
    lg_log_env_done(&env);
    lg_disk_sim_free(disk);
}

static void closing_ends_what_waits(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct call c = {.op = {.kind = LG_PUBSUB_FETCH,
                            .topic = "t",
                            .position = lg_position_latest(),
                            .wait_ms = 1000000}};
    struct lg_log_env env;
    struct lg_seglog *log;

    lg_log_env_init_sim(&env, 1, disk);
    log = open_log(&env);
    assert_rc(LG_OK, create(&env, log, "t", 1));
    assert_rc(LG_OK, produce(&env, log, "t", 0, "x"));
    start_call(&env, log, &c);
    lg_sim_run_us(env.sim, LG_SEC);
    assert_false(c.done);
    close_log(&env, log);
    lg_log_env_run_until(&env, call_is_done, &c);
    assert_rc(LG_ERR_CANCELLED, c.op.rc);
    lg_log_env_done(&env);
    lg_disk_sim_free(disk);
}

static void a_folder_in_use_or_of_another_version_is_refused(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_seglog_options options = {.disk = disk, .dir = "log"};
    struct lg_seglog *log, *second = NULL;
    struct lg_error err = {0};
    struct lg_log_env env;

    lg_log_env_init_sim(&env, 1, disk);
    options.lane = env.home;
    log = open_log(&env);
    assert_rc(LG_ERR_IN_USE, lg_seglog_open(&options, &second, &err));
    close_log(&env, log);
    assert_ok(lg_disk_write_file(disk, "log/~format", LG_LIT("lagoon-log 2\n"), &err));
    assert_rc(LG_ERR_CONFLICT, lg_seglog_open(&options, &second, &err));
    assert_non_null(strstr(err.text, "lagoon-log 2"));
    assert_null(second);
    lg_log_env_done(&env);
    lg_disk_sim_free(disk);
}

/* --- Golden data ---------------------------------------------------------------------------- */

#define GOLDEN "test/golden/log-1"

/* Copies a folder of the sources onto the simulated disk: opening a log writes to it. */
static void copy_golden(struct lg_disk *from, struct lg_disk *to, const char *path)
{
    LG_SCOPED(lg_disk_names) names = {0};
    struct lg_error err = {0};

    assert_ok(lg_disk_make_dirs(to, path, &err));
    assert_ok(lg_disk_list(from, path, &names, &err));
    for (size_t i = 0; i < names.names.size; i++) {
        LG_AUTO_STR char *child = lg_strf("%s/%s", path, names.names.data[i]);
        LG_SCOPED(lg_buf) bytes = {0};

        if (lg_disk_read_file(from, child, 1 << 20, &bytes, &err) == LG_OK)
            assert_ok(lg_disk_write_file(to, child, lg_buf_slice(&bytes), &err));
        else
            copy_golden(from, to, child);
    }
}

/* What this data holds: topic golden_v1 with 2 partitions, "first", "second" in partition 0. */
static void the_golden_log_of_version_1_opens(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1), *sources = NULL;
    struct lg_error err = {0};
    struct lg_log_env env;
    struct lg_seglog *log;

    assert_ok(lg_disk_posix_new(GOLDEN, &sources, &err));
    copy_golden(sources, disk, "log");
    lg_disk_posix_free(sources);
    lg_log_env_init_sim(&env, 1, disk);
    log = open_log(&env);
    assert_values(&env, log, "golden_v1", 0, "first;second;");
    assert_values(&env, log, "golden_v1", 1, "");
    assert_rc(LG_OK, produce(&env, log, "golden_v1", 0, "third"));
    assert_values(&env, log, "golden_v1", 0, "first;second;third;");
    close_log(&env, log);
    lg_log_env_done(&env);
    lg_disk_sim_free(disk);
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

/* At every amount of room: what does not fit is refused and may come again, what is there is read,
 * and a restart on the full disk works. */
static void a_full_disk_refuses_records_until_there_is_room(void **state)
{
    (void)state;
    for (uint64_t room = 0; room < 300; room += 7) {
        struct lg_disk *disk = lg_disk_sim_new(NULL, 3);
        LG_SCOPED(lg_buf) values = {0};
        struct lg_error err = {0};
        struct lg_log_env env;
        struct lg_seglog *log;
        enum lg_rc rc;

        lg_log_env_init_sim(&env, 3, disk);
        log = open_log(&env);
        assert_ok(create(&env, log, "t_v1", 2));
        assert_ok(produce(&env, log, "t_v1", 0, "one"));
        leave(disk, room);
        rc = produce(&env, log, "t_v1", 0, "two, which is a little longer than the others");
        assert_true(rc == LG_OK || rc == LG_ERR_NO_SPACE);
        if (rc == LG_ERR_NO_SPACE) /* Also into a partition that has no file yet. */
            (void)!produce(&env, log, "t_v1", 1, "two, which is a little longer than the others");
        assert_ok(read_values(&env, log, "t_v1", 0, &values, &err));
        assert_slice_equal(lg_buf_slice(&values),
                           rc == LG_OK ? LG_LIT("one;two, which is a little longer than the "
                                                "others;")
                                       : LG_LIT("one;"));
        if (room % 2 == 0) {
            close_log(&env, log);
            log = open_log(&env);
        }
        lg_disk_sim_set_capacity(disk, 0);
        assert_ok(produce(&env, log, "t_v1", 0, "three"));
        assert_ok(produce(&env, log, "t_v1", 1, "three"));
        lg_buf_clear(&values);
        assert_ok(read_values(&env, log, "t_v1", 0, &values, &err));
        assert_slice_equal(lg_buf_slice(&values),
                           rc == LG_OK ? LG_LIT("one;two, which is a little longer than the "
                                                "others;three;")
                                       : LG_LIT("one;three;"));
        close_log(&env, log);
        lg_log_env_done(&env);
        lg_disk_sim_free(disk);
    }
}

static void a_low_disk_refuses_topics_and_records_and_allows_the_rest(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 3);
    struct lg_disk_space *space = lg_disk_space_new(
        &(struct lg_disk_space_options){.disk = disk, .folder = "/data", .low_bytes = 1 << 20});
    LG_SCOPED(lg_buf) values = {0};
    struct lg_error err = {0};
    struct lg_seglog *log = NULL;
    struct lg_log_env env;
    struct lg_seglog_options options = {.disk = disk, .dir = "log", .space = space};
    struct call c = {.op = {.kind = LG_PUBSUB_DELETE, .topic = "t_v1"}};

    lg_log_env_init_sim(&env, 3, disk);
    options.lane = env.home;
    assert_ok(lg_seglog_open(&options, &log, &err));
    assert_ok(create(&env, log, "t_v1", 1));
    assert_ok(produce(&env, log, "t_v1", 0, "one"));
    leave(disk, (1 << 20) - 1);
    assert_rc(LG_ERR_NO_SPACE, produce(&env, log, "t_v1", 0, "two"));
    assert_rc(LG_ERR_NO_SPACE, create(&env, log, "t_v2", 1));
    assert_ok(read_values(&env, log, "t_v1", 0, &values, &err));
    assert_slice_equal(lg_buf_slice(&values), LG_LIT("one;"));
    lg_disk_sim_set_capacity(disk, 0);
    assert_ok(produce(&env, log, "t_v1", 0, "two"));
    assert_ok(create(&env, log, "t_v2", 1));
    leave(disk, 0);
    assert_ok(run_call(&env, log, &c)); /* What makes room is always allowed. */
    close_log(&env, log);
    lg_log_env_done(&env);
    lg_disk_space_free(space);
    lg_disk_sim_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_the_contract_in_the_simulator),
        cmocka_unit_test(a_full_disk_refuses_records_until_there_is_room),
        cmocka_unit_test(a_low_disk_refuses_topics_and_records_and_allows_the_rest),
        cmocka_unit_test(it_keeps_the_contract_on_real_lanes_and_files),
        cmocka_unit_test(a_restart_finds_topics_and_records),
        cmocka_unit_test(a_damaged_partition_is_named_and_the_others_go_on),
        cmocka_unit_test(a_failed_sync_closes_the_partition_for_writing),
        cmocka_unit_test(faults_around_the_sync_are_not_acknowledged),
        cmocka_unit_test(unacknowledged_bytes_have_a_bound),
        cmocka_unit_test(few_files_serve_many_partitions),
        cmocka_unit_test(few_files_serve_many_at_once),
        cmocka_unit_test(few_files_serve_many_at_once_on_real_lanes),
        cmocka_unit_test(a_deleted_topic_leaves_no_files),
        cmocka_unit_test(a_configuration_survives_the_log),
        cmocka_unit_test(a_damaged_configuration_is_named),
        cmocka_unit_test(a_topic_whose_creation_failed_can_be_created_again),
        cmocka_unit_test(closing_ends_what_waits),
        cmocka_unit_test(a_folder_in_use_or_of_another_version_is_refused),
        cmocka_unit_test(the_golden_log_of_version_1_opens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
