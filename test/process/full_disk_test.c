/* A disk that fills up, through the command line: below the watermark pushes wait and everything
 * else goes on; on a disk without a byte left reads, rollback and a restart still work.
 *
 * The disk is a small file system in memory, mounted in a mount namespace of this process alone.
 * Where that is not allowed, the watermark is set so high that the real disk is just below it, and
 * what needs a disk that is really full is left out with a message.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define MIB ((uint64_t)1 << 20)
#define DISK_BYTES "192m"
#define LOW_MIB 48u
#define ROWS 4000
#define WAIT_MS 60000u

static bool can_mount;

static int set_up_namespace(void **state)
{
    (void)state;
    can_mount =
        unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    if (!can_mount)
        print_message("no mounts here (%s): the watermark is moved instead of the disk\n",
                      strerror(errno));
    return 0;
}

/* --- The disk. ---------------------------------------------------------------------------------
 */

struct disk {
    struct lg_rig rig;
    char *filler;           /* a file that takes up room */
    char low[32];           /* of --disk-low-watermark */
    uint64_t elsewhere_low; /* the same, where the disk cannot be made small */
};

static uint64_t free_bytes(const struct disk *d)
{
    struct statvfs fs;

    assert_int_equal(statvfs(d->rig.folder, &fs), 0);
    if (can_mount)
        assert_int_equal(statvfs(d->rig.data, &fs), 0);
    return (uint64_t)fs.f_bavail * fs.f_frsize;
}

static void disk_start(struct disk *d)
{
    LG_AUTO_STR char *reserve = lg_strdup("4MiB");

    lg_rig_start(&d->rig,
                 (const char *const[]){"--disk-low-watermark", d->low, "--disk-reserve", reserve,
                                       "--cleanup-interval", "100ms", NULL},
                 NULL);
}

static void disk_init(struct disk *d)
{
    *d = (struct disk){0};
    lg_rig_init(&d->rig);
    if (can_mount) {
        assert_int_equal(mkdir(d->rig.data, 0700), 0);
        assert_int_equal(mount("lagoon", d->rig.data, "tmpfs", 0, "size=" DISK_BYTES ",mode=700"),
                         0);
        d->filler = lg_strf("%s/store/filler", d->rig.data);
        (void)snprintf(d->low, sizeof d->low, "%uMiB", LOW_MIB);
    } else {
        d->elsewhere_low = free_bytes(d) - 3072 * MIB;
        assert_true(d->elsewhere_low > 4096 * MIB);
        d->filler = lg_rig_path(&d->rig, "filler");
        (void)snprintf(d->low, sizeof d->low, "%lluMiB",
                       (unsigned long long)(d->elsewhere_low / MIB));
    }
}

static void disk_done(struct disk *d)
{
    if (can_mount) {
        lg_rig_stop(&d->rig);
        assert_int_equal(umount2(d->rig.data, MNT_DETACH), 0);
    }
    lg_free(d->filler);
    lg_rig_done(&d->rig);
}

/* Takes up room until only so much is left. */
static void leave(struct disk *d, uint64_t bytes)
{
    int fd = open(d->filler, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    static uint8_t piece[1 << 20];

    assert_true(fd >= 0);
    if (!can_mount && free_bytes(d) > bytes)
        assert_int_equal(posix_fallocate(fd, 0, (off_t)(free_bytes(d) - bytes)), 0);
    memset(piece, 7, sizeof piece);
    for (; can_mount;) {
        uint64_t now = free_bytes(d);
        size_t size = (size_t)LG_MIN((uint64_t)sizeof piece, now > bytes ? now - bytes : 0);

        if (size == 0 || write(fd, piece, size) <= 0)
            break;
    }
    (void)close(fd);
}

static void give_room(struct disk *d)
{
    assert_int_equal(unlink(d->filler), 0);
}

/* --- Data. -------------------------------------------------------------------------------------
 */

static char *write_rows(const struct lg_rig *rig, const char *name, unsigned generation,
                        size_t row_bytes)
{
    LG_SCOPED(lg_buf) text = {0};

    for (unsigned i = 0; i < ROWS; i++) {
        lg_buf_appendf(&text, "{\"id\":%u,\"text\":\"row %u of generation %u ", i, i, generation);
        for (size_t n = 0; n < row_bytes; n += 8)
            lg_buf_appendf(&text, "%08x", (unsigned)(i * 2654435761u + n * 40503u));
        lg_buf_append_str(&text, "\"}\n");
    }
    return lg_rig_file(rig, name, lg_buf_slice(&text));
}

static void make_store(struct lg_rig *rig)
{
    LG_AUTO_STR char *key = lg_rig_file(rig, "key.avsc", LG_LIT("\"long\""));
    LG_AUTO_STR char *value =
        lg_rig_file(rig, "value.avsc",
                    LG_LIT("{\"type\":\"record\",\"name\":\"Row\",\"fields\":[{\"name\":\"id\","
                           "\"type\":\"long\"},{\"name\":\"text\",\"type\":\"string\"}]}"));

    assert_run(rig, 0, "store", "create", "rows", "--key-schema", key, "--value-schema", value,
               "--partitions", "2");
}

/* Every 50th row through the router. */
static void expect_rows(const struct lg_rig *rig, unsigned generation)
{
    for (unsigned i = 0; i < ROWS; i += 50) {
        LG_AUTO_STR char *target = lg_strf("/v1/stores/rows/%u", i);
        LG_AUTO_STR char *begin = lg_strf("row %u of generation %u ", i, generation);
        LG_SCOPED(lg_reply) reply = {0};

        assert_int_equal(lg_ask_get(rig->router, target, &reply), 200);
        assert_non_null(strstr(lg_reply_text(&reply), begin));
    }
}

static void push_generation(struct disk *d, unsigned generation, size_t row_bytes)
{
    LG_AUTO_STR char *file = write_rows(&d->rig, "rows.ndjson", generation, row_bytes);

    assert_run(&d->rig, 0, "push", "rows", file, "--key-field", "id");
}

static bool status_says(struct disk *d, const char *what)
{
    lg_rig_assert(&d->rig, 0, LG_RUN(&d->rig, "push", "status", "rows"));
    return strstr((const char *)d->rig.out.data, what) != NULL;
}

static void expect_probe(const struct lg_rig *rig, const char *want)
{
    LG_SCOPED(lg_reply) reply = {0};

    for (unsigned ms = 0; ms < WAIT_MS; ms += 50) {
        assert_int_equal(lg_ask_get(rig->router, "/readyz?verbose", &reply), 200);
        if (strstr(lg_reply_text(&reply), want) != NULL)
            return;
        lg_process_pause(50);
    }
    fail_msg("'%s' is not in: %s", want, lg_reply_text(&reply));
}

/* Where the disk cannot be made small, the push does not even begin, and has no status. */
static void until_low(struct disk *d, struct lg_process *push)
{
    expect_probe(&d->rig, "disk low: the disk of");
    if (!can_mount)
        return;
    for (unsigned ms = 0; !status_says(d, "disk_low_watermark"); ms += 50) {
        assert_false(lg_process_ended(push, 0));
        assert_true(ms < WAIT_MS);
        lg_process_pause(50);
    }
}

/* --- Tests. ------------------------------------------------------------------------------------
 */

static void a_push_waits_for_room_while_everything_else_goes_on(void **state)
{
    struct lg_process push = {0};
    LG_SCOPED(lg_buf) told = {0};
    struct disk d;

    (void)state;
    disk_init(&d);
    disk_start(&d);
    make_store(&d.rig);
    push_generation(&d, 1, 64);
    push_generation(&d, 2, 64);
    {
        LG_AUTO_STR char *file = write_rows(&d.rig, "large.ndjson", 3, 4000); /* 16 MB */

        /* Some of it still fits: the push begins, and waits on its way. */
        leave(&d, can_mount ? (LOW_MIB + 6) * MIB : d.elsewhere_low - 1024 * MIB);
        lg_rig_spawn(&d.rig, &push,
                     (const char *const[]){"push", "rows", file, "--key-field", "id", NULL});
        until_low(&d, &push);
    }
    expect_probe(&d.rig, "disk low: the disk of");
    expect_rows(&d.rig, 2);
    assert_run(&d.rig, 0, "rollback", "rows");
    expect_rows(&d.rig, 1);
    assert_run(&d.rig, 0, "rollforward", "rows");
    expect_rows(&d.rig, 2);
    assert_false(lg_process_ended(&push, 1500)); /* It does not give up. */
    give_room(&d);
    assert_int_equal(lg_process_wait(&push, WAIT_MS), 0);
    lg_process_stderr(&push, &told);
    lg_buf_append_byte(&told, 0);
    assert_non_null(strstr((const char *)told.data, "waiting: "));
    assert_non_null(strstr((const char *)told.data, "remove old versions or other files"));
    expect_rows(&d.rig, 3);
    expect_probe(&d.rig, "[+]disk ok");
    lg_process_done(&push);
    disk_done(&d);
}

static void a_waiting_push_can_be_killed_and_a_new_one_waits_before_it_begins(void **state)
{
    struct lg_process push = {0};
    struct disk d;

    (void)state;
    disk_init(&d);
    disk_start(&d);
    make_store(&d.rig);
    push_generation(&d, 1, 64);
    leave(&d, can_mount ? 20 * MIB : d.elsewhere_low - 1024 * MIB);
    {
        LG_AUTO_STR char *file = write_rows(&d.rig, "rows.ndjson", 2, 64);

        lg_rig_spawn(&d.rig, &push,
                     (const char *const[]){"push", "rows", file, "--key-field", "id", NULL});
        assert_false(lg_process_ended(&push, 3000));
        lg_process_signal(&push, SIGINT);
        assert_int_equal(lg_process_wait(&push, WAIT_MS), 1);
        lg_process_done(&push);
        assert_run(&d.rig, 0, "versions", "rows");
        expect_rows(&d.rig, 1);
        /* One that has no more time says what it waited for, not that something took long. */
        assert_run(&d.rig, 1, "push", "rows", file, "--key-field", "id", "--timeout", "4s");
        assert_null(strstr((const char *)d.rig.err.data, "in time"));
        lg_rig_assert_err(&d.rig, "lagoon: topic rows_v");
        give_room(&d);
        assert_run(&d.rig, 0, "push", "rows", file, "--key-field", "id");
    }
    expect_rows(&d.rig, 2);
    disk_done(&d);
}

static void on_a_disk_without_a_byte_left_reads_rollback_and_a_restart_work(void **state)
{
    struct disk d;

    (void)state;
    if (!can_mount) {
        print_message("left out: no disk can be filled here\n");
        return;
    }
    disk_init(&d);
    disk_start(&d);
    make_store(&d.rig);
    push_generation(&d, 1, 64);
    push_generation(&d, 2, 64);
    for (unsigned ms = 0; ms < WAIT_MS; ms += 50) { /* The reserve is there. */
        LG_AUTO_STR char *reserve = lg_strf("%s/reserve", d.rig.data);
        struct stat st;

        if (stat(reserve, &st) == 0 && (uint64_t)st.st_size == 4 * MIB)
            break;
        lg_process_pause(50);
    }
    leave(&d, 0);
    assert_int_equal(free_bytes(&d), 0);
    expect_rows(&d.rig, 2);
    assert_run(&d.rig, 0, "rollback", "rows"); /* The reserve makes room for it. */
    expect_rows(&d.rig, 1);
    lg_rig_kill(&d.rig);
    disk_start(&d);
    expect_rows(&d.rig, 1);
    assert_run(&d.rig, 0, "rollforward", "rows");
    expect_rows(&d.rig, 2);
    lg_rig_stop(&d.rig);
    leave(&d, 0);
    assert_int_equal(free_bytes(&d), 0);
    give_room(&d);
    disk_start(&d);
    push_generation(&d, 3, 64);
    expect_rows(&d.rig, 3);
    disk_done(&d);
}

/* RocksDB would end the process on a full disk, so no backup of it may fill that disk. */
static void a_backup_leaves_room_on_the_disk_and_nothing_behind(void **state)
{
    struct disk d;

    (void)state;
    if (!can_mount) {
        print_message("left out: no disk can be made small here\n");
        return;
    }
    disk_init(&d);
    disk_start(&d);
    make_store(&d.rig);
    push_generation(&d, 1, 8192);
    leave(&d, 66 * MIB);
    {
        LG_AUTO_STR char *folder = lg_strf("%s/store/backup", d.rig.data);
        LG_AUTO_STR char *log = lg_strf("%s/log", folder);
        uint64_t before = free_bytes(&d);

        assert_run(&d.rig, 1, "backup", folder);
        lg_rig_assert_err(&d.rig, "a backup leaves 64 MiB free");
        assert_true(free_bytes(&d) + MIB > before);
        assert_int_not_equal(access(log, F_OK), 0);
        give_room(&d);
        assert_run(&d.rig, 0, "backup", folder); /* The same folder again. */
    }
    disk_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_waits_for_room_while_everything_else_goes_on),
        cmocka_unit_test(a_waiting_push_can_be_killed_and_a_new_one_waits_before_it_begins),
        cmocka_unit_test(on_a_disk_without_a_byte_left_reads_rollback_and_a_restart_work),
        cmocka_unit_test(a_backup_leaves_room_on_the_disk_and_nothing_behind),
    };

    return cmocka_run_group_tests(tests, set_up_namespace, NULL);
}
