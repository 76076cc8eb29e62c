/* A data directory that the first release of format 1 wrote (tools/make_golden.sh): every later
 * build opens it, serves what it served, and goes on from there. */
#include <stdlib.h>

#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

static struct lg_rig rig;

static int set_up(void **state)
{
    LG_AUTO_STR char *line = NULL;

    (void)state;
    lg_rig_init(&rig); /* Its data directory is <folder>/data, as in the archive. */
    line = lg_strf("tar -C '%s' -xzf test/golden/data-1.tar.gz", rig.folder);
    assert_int_equal(system(line), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

static void the_doctor_finds_nothing_wrong(void **state)
{
    (void)state;
    assert_run(&rig, 0, "doctor", rig.data);
    lg_rig_assert_out(&rig, "ok    log         4 topics");
    lg_rig_assert_out(&rig, "7 complete with ");
}

static void it_serves_what_it_served(void **state)
{
    LG_SCOPED(lg_reply) reply = {0};

    (void)state;
    lg_rig_start(&rig, NULL, NULL);
    for (int i = 1; i <= 200; i++) {
        LG_AUTO_STR char *plain = lg_strf("/v1/stores/plain/key%d", i);
        LG_AUTO_STR char *packed = lg_strf("/v1/stores/packed/key%d", i);
        LG_AUTO_STR char *value = lg_strf("\"value %d of version 1\"", i);
        LG_AUTO_STR char *longer =
            lg_strf("\"a longer value that compresses well, number %d, number %d\"", i, i);

        assert_int_equal(lg_ask_get(rig.router, plain, &reply), 200);
        assert_string_equal(lg_reply_text(&reply), value);
        assert_int_equal(lg_ask_get(rig.router, packed, &reply), 200);
        assert_string_equal(lg_reply_text(&reply), longer);
    }
    assert_int_equal(lg_ask_get(rig.router, "/v1/stores/plain/key201", &reply), 404);
    assert_int_equal(lg_ask_get(rig.router, "/v1/stores/large/large", &reply), 200);
    assert_int_equal(reply.body.size, 2000002);
}

static void it_goes_on_from_there(void **state)
{
    LG_AUTO_STR char *file =
        lg_rig_file(&rig, "next.ndjson", LG_LIT("{\"key\":\"key1\",\"value\":\"new\"}\n"));

    (void)state;
    assert_run(&rig, 0, "rollforward", "plain");
    assert_run(&rig, 0, "get", "plain", "key7", "--output", "ndjson");
    lg_rig_assert_out(&rig, "value 7 of version 2");
    assert_run(&rig, 0, "push", "plain", file, "--key-field", "key", "--value-field", "value");
    lg_rig_assert_out(&rig, "serves version 3: 1 records");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_doctor_finds_nothing_wrong),
        cmocka_unit_test(it_serves_what_it_served),
        cmocka_unit_test(it_goes_on_from_there),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
