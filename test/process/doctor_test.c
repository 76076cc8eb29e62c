/* lagoon doctor: a healthy directory, one in use, and one with damage. */
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "base/rand.h"
#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

static struct lg_rig rig; /* With the cities; each test stops and starts it as it needs. */

static int set_up(void **state)
{
    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    assert_run(&rig, 0, "push", "cities", "examples/cities/cities.avro", "--key-field", "id",
               "--create");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

static void a_running_process_is_asked(void **state)
{
    (void)state;
    assert_run(&rig, 0, "doctor", rig.data);
    lg_rig_assert_out(&rig, "is in use");
    lg_rig_assert_out(&rig, "controller  ready");
    lg_rig_assert_out(&rig, "router      ready");
    lg_rig_assert_out(&rig, "server      ready");
    assert_run(&rig, 0, "doctor", rig.data, "--output", "json");
    lg_rig_assert_out(&rig, "\"failed\": 0");
}

static void a_directory_that_nobody_uses_is_read_to_the_last_checksum(void **state)
{
    (void)state;
    lg_rig_stop(&rig);
    assert_run(&rig, 0, "doctor", rig.data);
    lg_rig_assert_out(&rig, "1 topics, ");
    lg_rig_assert_out(&rig, "4 complete with 135233 rows");
    lg_rig_start(&rig, NULL, NULL); /* It is as it was. */
    assert_run(&rig, 0, "get", "cities", "3164603");
}

static void a_directory_that_is_not_there_is_told_and_not_made(void **state)
{
    LG_AUTO_STR char *nowhere = lg_rig_path(&rig, "nowhere");

    (void)state;
    assert_run(&rig, 1, "doctor", nowhere);
    lg_rig_assert_out(&rig, "does not exist");
    assert_int_not_equal(access(nowhere, F_OK), 0);
    assert_run(&rig, 1, "doctor", "examples");
    lg_rig_assert_out(&rig, "not a data directory of Lagoon");
}

/* --- Damage. ---------------------------------------------------------------------------------- */

static char found[512];
static const char *wanted;
static off_t found_size;

/* Keeps the largest file whose path holds `wanted`. */
static int look(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type == FTW_F && strstr(path, wanted) != NULL && st->st_size > found_size) {
        (void)snprintf(found, sizeof found, "%s", path);
        found_size = st->st_size;
    }
    return 0;
}

static void flip_in(const char *part, const char *check)
{
    LG_SCOPED(lg_buf) good = {0}, bad = {0};
    LG_AUTO_STR char *name = NULL, *path = NULL;

    found_size = 0;
    wanted = part;
    assert_int_equal(nftw(rig.data, look, 16, FTW_PHYS), 0);
    assert_true(found_size > 1000);
    lg_rig_read_file(found, &good);
    good.size = (size_t)found_size;
    lg_buf_append_slice(&bad, lg_buf_slice(&good));
    bad.data[bad.size / 2] ^= 0x10;
    name = lg_strdup(found + strlen(rig.folder) + 1);
    path = lg_rig_file(&rig, name, lg_buf_slice(&bad));
    assert_run(&rig, 1, "doctor", rig.data);
    lg_rig_assert_out(&rig, check);
    lg_free(path);
    path = lg_rig_file(&rig, name, lg_buf_slice(&good));
}

static void damage_is_named_with_what_to_do(void **state)
{
    (void)state;
    lg_rig_stop(&rig);
    flip_in("/log/", "fail  log         topic cities_v1, partition ");
    flip_in(".sst", "fail  replicas    ");
    lg_rig_assert_out(&rig, "it is read from the log again");
    lg_rig_start(&rig, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_running_process_is_asked),
        cmocka_unit_test(a_directory_that_nobody_uses_is_read_to_the_last_checksum),
        cmocka_unit_test(a_directory_that_is_not_there_is_told_and_not_made),
        cmocka_unit_test(damage_is_named_with_what_to_do),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
