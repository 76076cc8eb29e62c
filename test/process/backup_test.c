/* lagoon backup and restore, as an operator uses them: while pushes and reads go on, and with
 * damage. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/rand.h"
#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define CITIES "examples/cities/cities.avro"
#define CITIES_V2 "examples/cities/cities-v2.avro"

static struct lg_rig rig; /* With the cities: two versions, rolled back to the first. */

static int set_up(void **state)
{
    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    assert_run(&rig, 0, "push", "cities", CITIES, "--key-field", "id", "--create");
    assert_run(&rig, 0, "push", "cities", CITIES_V2, "--key-field", "id");
    assert_run(&rig, 0, "rollback", "cities");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

/* Starts a standalone on another data directory, runs `use` against it, and stops it. */
static void with_data(const char *data, void (*use)(void))
{
    struct lg_rig other = rig, keep;

    other.data = lg_strdup(data);
    other.standalone = (struct lg_process){0};
    other.controller = other.router = other.server = 0;
    keep = rig;
    rig = other;
    lg_rig_start(&rig, NULL, NULL);
    use();
    lg_rig_stop(&rig);
    lg_free(rig.data);
    keep.out = rig.out;
    keep.err = rig.err;
    rig = keep;
}

static void expect_cities(void)
{
    assert_run(&rig, 0, "get", "cities", "3164603");
    lg_rig_assert_out(&rig, "Venice");
    assert_run(&rig, 0, "versions", "cities", "--output", "json");
    lg_rig_assert_out(&rig, "\"currentVersion\": 1");
    assert_run(&rig, 0, "rollforward", "cities");   /* The other version is there, too. */
    assert_run(&rig, 3, "get", "cities", "281965"); /* The second version lacks it. */
    assert_run(&rig, 0, "push", "cities", CITIES, "--key-field", "id"); /* And pushes go on. */
    lg_rig_assert_out(&rig, "serves version 3: 135233 records");
}

static void a_restored_backup_serves_what_was_served(void **state)
{
    LG_AUTO_STR char *backup = lg_rig_path(&rig, "backup"), *data = lg_rig_path(&rig, "restored");

    (void)state;
    assert_run(&rig, 0, "backup", backup);
    lg_rig_assert_out(&rig, "2 versions, 8 partitions");
    assert_run(&rig, 0, "backup", "check", backup, "--output", "json");
    lg_rig_assert_out(&rig, "\"versions\": 2");
    assert_run(&rig, 0, "restore", backup, "--into", data);
    with_data(data, expect_cities);
    assert_run(&rig, 0, "get", "cities", "281965"); /* The first one is as it was. */
}

static void what_exists_is_not_overwritten(void **state)
{
    LG_AUTO_STR char *backup = lg_rig_path(&rig, "twice"), *data = lg_rig_path(&rig, "twice.data");

    (void)state;
    assert_run(&rig, 0, "backup", backup);
    assert_run(&rig, 6, "backup", backup);
    lg_rig_assert_err(&rig, "is not empty (it holds 'backup.json')");
    assert_run(&rig, 6, "restore", backup, "--into", rig.data);
    lg_rig_assert_err(&rig, "in use");
    assert_run(&rig, 6, "restore", backup, "--into", "examples");
    lg_rig_assert_err(&rig, "examples is not empty");
    assert_run(&rig, 0, "restore", backup, "--into", data);
    assert_run(&rig, 6, "restore", backup, "--into", data);
    lg_rig_assert_err(&rig, "is a data directory already");
}

/* A backup that died is begun again, which removes its log; that of anybody else is not touched. */
static void somebody_elses_folder_of_logs_is_left_alone(void **state)
{
    LG_AUTO_STR char *mine = lg_rig_path(&rig, "mine"), *log = lg_rig_path(&rig, "mine/log");
    LG_AUTO_STR char *file = NULL;

    (void)state;
    assert_int_equal(mkdir(mine, 0700), 0);
    assert_int_equal(mkdir(log, 0700), 0);
    file = lg_rig_file(&rig, "mine/log/app.log", LG_LIT("precious\n"));
    assert_run(&rig, 6, "backup", mine);
    lg_rig_assert_err(&rig, "is not empty (it holds 'log'); choose an empty or absent folder");
    assert_int_equal(access(file, F_OK), 0);
    assert_int_equal(unlink(file), 0);
    assert_run(&rig, 0, "backup", mine); /* What is empty may be the beginning of a backup. */
}

static void a_folder_that_is_no_backup_is_told(void **state)
{
    LG_AUTO_STR char *nowhere = lg_rig_path(&rig, "nowhere"), *into = lg_rig_path(&rig, "into");

    (void)state;
    assert_run(&rig, 3, "backup", "check", nowhere);
    lg_rig_assert_err(&rig, "does not exist");
    assert_int_not_equal(access(nowhere, F_OK), 0);
    assert_run(&rig, 3, "restore", "examples", "--into", into);
    lg_rig_assert_err(&rig, "has no backup.json");
    assert_int_not_equal(access(into, F_OK), 0);
    assert_run(&rig, 2, "restore", "examples");
    lg_rig_assert_err(&rig, "--into DIR is missing");
}

static void write_back(const char *name, const struct lg_buf *content)
{
    LG_AUTO_STR char *path = lg_rig_file(&rig, name, lg_buf_slice(content));

    assert_non_null(path);
}

/* Changes one bit of a file, or cuts its last byte off. */
static void damage(const char *name, const struct lg_buf *good, bool cut, uint64_t seed)
{
    LG_SCOPED(lg_buf) content = {0};
    struct lg_rand rand;

    lg_buf_append_slice(&content, lg_buf_slice(good));
    lg_rand_seed(&rand, seed);
    if (cut) {
        content.size--;
    } else {
        size_t at = (size_t)lg_rand_below(&rand, content.size);

        content.data[at] ^= (uint8_t)(1u << lg_rand_below(&rand, 8));
    }
    write_back(name, &content);
}

static void every_damage_is_named_and_nothing_is_restored(void **state)
{
    static const char *const files[] = {"metadata.json", "log/cities_v1.0", "log/cities_v2.3"};
    LG_AUTO_STR char *backup = lg_rig_path(&rig, "damaged"), *into = lg_rig_path(&rig, "undone");

    (void)state;
    assert_run(&rig, 0, "backup", backup);
    for (size_t f = 0; f < LG_ARRAY_SIZE(files); f++) {
        LG_AUTO_STR char *name = lg_strf("damaged/%s", files[f]);
        LG_AUTO_STR char *path = lg_rig_path(&rig, name);
        LG_SCOPED(lg_buf) good = {0};

        lg_rig_read_file(path, &good);
        good.size -= good.size > 0 && good.data[good.size - 1] == 0; /* It ends in a NUL. */
        for (uint64_t i = 0; i < 6; i++) {
            damage(name, &good, /* cut= */ i == 0, f * 100 + i);
            assert_run(&rig, 7, "backup", "check", backup);
            lg_rig_assert_err(&rig, files[f]);
            assert_run(&rig, 7, "restore", backup, "--into", into);
            assert_int_not_equal(access(into, F_OK), 0);
        }
        assert_int_equal(unlink(path), 0);
        assert_run(&rig, 7, "backup", "check", backup);
        lg_rig_assert_err(&rig, "is missing");
        write_back(name, &good);
        assert_run(&rig, 0, "backup", "check", backup);
    }
}

static void a_damaged_manifest_is_never_taken_for_a_good_one(void **state)
{
    LG_AUTO_STR char *backup = lg_rig_path(&rig, "manifest");
    LG_AUTO_STR char *path = lg_rig_path(&rig, "manifest/backup.json");
    LG_SCOPED(lg_buf) good = {0}, other = {0};
    char *digest;

    (void)state;
    assert_run(&rig, 0, "backup", backup);
    lg_rig_read_file(path, &good);
    good.size -= good.data[good.size - 1] == 0;
    lg_buf_append_slice(&other, lg_buf_slice(&good));
    lg_buf_append_byte(&other, 0);
    digest = strstr((char *)other.data, "\"md5\": \"");
    assert_non_null(digest);
    digest[8] = digest[8] == '0' ? '1' : '0';
    other.size--;
    write_back("manifest/backup.json", &other);
    assert_run(&rig, 7, "backup", "check", backup);
    other.size /= 2;
    write_back("manifest/backup.json", &other);
    assert_run(&rig, 7, "backup", "check", backup);
    lg_rig_assert_err(&rig, "backup.json is damaged");
    assert_int_equal(unlink(path), 0);
    assert_run(&rig, 3, "backup", "check", backup);
}

static void a_backup_is_taken_while_versions_come_and_go(void **state)
{
    LG_AUTO_STR char *backup = lg_rig_path(&rig, "busy"), *data = lg_rig_path(&rig, "busy.data");
    struct lg_process push = {0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        const char *const words[] = {"push",        "cities", i % 2 == 0 ? CITIES_V2 : CITIES,
                                     "--key-field", "id",     NULL};
        LG_AUTO_STR char *name = lg_strf("%s%d", backup, i), *into = lg_strf("%s%d", data, i);

        lg_rig_spawn(&rig, &push, words);
        assert_run(&rig, 0, "backup", name);
        assert_int_equal(lg_process_wait(&push, LG_RIG_VERB_MS), 0);
        lg_process_done(&push);
        assert_run(&rig, 0, "restore", name, "--into", into);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_backup_serves_what_was_served),
        cmocka_unit_test(what_exists_is_not_overwritten),
        cmocka_unit_test(somebody_elses_folder_of_logs_is_left_alone),
        cmocka_unit_test(a_folder_that_is_no_backup_is_told),
        cmocka_unit_test(every_damage_is_named_and_nothing_is_restored),
        cmocka_unit_test(a_damaged_manifest_is_never_taken_for_a_good_one),
        cmocka_unit_test(a_backup_is_taken_while_versions_come_and_go),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
