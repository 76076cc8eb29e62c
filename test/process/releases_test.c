/* Two releases side by side: v0.1 (tools/old_release.sh builds it from the history) and this one
 * read each other's data directories, topics and metadata, and each other's requests. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define OLD_RELEASE "v0.1"
#define ROWS 3000

static struct lg_rig rig;
static char *old_program, *new_program;

/* What is run from now on. */
static void use(const char *program)
{
    assert_int_equal(setenv("LAGOON_BINARY", program, /* overwrite= */ 1), 0);
}

static int set_up_group(void **state)
{
    char line[4096];
    FILE *pipe = popen("tools/old_release.sh " OLD_RELEASE, "r");

    (void)state;
    assert_non_null(pipe);
    assert_non_null(fgets(line, sizeof line, pipe));
    assert_int_equal(pclose(pipe), 0);
    line[strcspn(line, "\n")] = '\0';
    old_program = lg_strdup(line);
    new_program = lg_process_binary();
    return 0;
}

static int tear_down_group(void **state)
{
    (void)state;
    use(new_program);
    lg_free(old_program);
    lg_free(new_program);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    lg_rig_init(&rig);
    rig.sheds = true; /* By its default: the older release knows no option for it. */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

/* A file whose values say which push they are from. The caller owns the path. */
static char *rows_of(const char *tag, int n)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO_STR char *name = lg_strf("%s.ndjson", tag);

    for (int i = 0; i < n; i++)
        lg_buf_appendf(&text, "{\"key\":\"key%d\",\"value\":\"%s, row %d\"}\n", i, tag, i);
    return lg_rig_file(&rig, name, lg_buf_slice(&text));
}

static void push(const char *store, const char *tag)
{
    LG_AUTO_STR char *file = rows_of(tag, ROWS);

    assert_run(&rig, 0, "push", store, file, "--key-field", "key", "--value-field", "value");
}

static void expect_tag(const char *store, const char *tag)
{
    LG_SCOPED(lg_reply) reply = {0};

    for (int i = 0; i < ROWS; i += 97) {
        LG_AUTO_STR char *path = lg_strf("/v1/stores/%s/key%d", store, i);
        LG_AUTO_STR char *want = lg_strf("\"%s, row %d\"", tag, i);

        assert_int_equal(lg_ask_get(rig.router, path, &reply), 200);
        assert_string_equal(lg_reply_text(&reply), want);
    }
}

static void create(const char *store, const char *const *more)
{
    LG_AUTO_STR char *schema = lg_rig_file(&rig, "string.avsc", LG_LIT("\"string\""));
    const char *words[16] = {"store", "create",         store, "--key-schema",
                             schema,  "--value-schema", schema};
    size_t n = 7;

    for (size_t i = 0; more != NULL && more[i] != NULL; i++)
        words[n++] = more[i];
    lg_rig_assert(&rig, 0, lg_rig_run(&rig, words));
}

static void start(const char *program)
{
    use(program);
    lg_rig_start(&rig, NULL, NULL);
}

/* Each release in turn is the process: it serves what the other one pushed, in every form of
 * value, and goes on from there. */
static void a_data_directory_goes_to_and_fro(void **state)
{
    static const struct {
        const char *store;
        const char *more[5];
    } stores[] = {
        {"plain", {NULL}},
        {"packed", {"--compression", "ZSTD_WITH_DICT", NULL}},
        {"gzipped", {"--compression", "GZIP", "--partitions", "2", NULL}},
        {"chunked", {"--chunking", "true", NULL}},
    };
    const char *tag = NULL;

    (void)state;
    start(old_program);
    for (size_t i = 0; i < LG_ARRAY_SIZE(stores); i++)
        create(stores[i].store, stores[i].more);
    for (int round = 0; round < 4; round++) {
        static const char *const tags[] = {"first", "second", "third", "fourth"};

        if (round > 0) {
            lg_rig_stop(&rig);
            start(round % 2 == 0 ? old_program : new_program);
        }
        for (size_t i = 0; i < LG_ARRAY_SIZE(stores); i++) {
            if (tag != NULL)
                expect_tag(stores[i].store, tag);
            push(stores[i].store, tags[round]);
            expect_tag(stores[i].store, tags[round]);
        }
        tag = tags[round];
    }
    assert_run(&rig, 0, "rollback", "plain");
    expect_tag("plain", "third");
    lg_rig_stop(&rig);
    start(old_program);
    expect_tag("plain", "third");
    expect_tag("packed", "fourth");
    lg_rig_stop(&rig);
    use(new_program);
    assert_run(&rig, 0, "doctor", rig.data);
}

/* The verbs of one release ask the processes of the other. */
static void each_asks_the_other(const char *served_by, const char *asked_by)
{
    start(served_by);
    use(asked_by);
    create("cities", NULL);
    push("cities", "asked");
    use(served_by);
    expect_tag("cities", "asked");
    use(asked_by);
    assert_run(&rig, 0, "get", "cities", "key7", "--output", "ndjson");
    lg_rig_assert_out(&rig, "asked, row 7");
    assert_run(&rig, 0, "get", "cities", "key7", "key8", "--client", "--output", "ndjson");
    lg_rig_assert_out(&rig, "asked, row 8");
    assert_run(&rig, 0, "store", "list");
    lg_rig_assert_out(&rig, "cities");
    assert_run(&rig, 0, "push", "list", "cities");
    assert_run(&rig, 0, "store", "update", "cities", "--storage-quota", "1GiB");
    assert_run(&rig, 0, "schema", "list", "cities");
    push("cities", "again");
    assert_run(&rig, 0, "rollback", "cities");
    expect_tag("cities", "asked");
    use(served_by);
}

static void an_old_client_uses_a_new_process(void **state)
{
    (void)state;
    each_asks_the_other(new_program, old_program);
}

static void a_new_client_uses_an_old_process(void **state)
{
    (void)state;
    each_asks_the_other(old_program, new_program);
}

/* The process is killed in the middle of a push and comes back as the other release; the same push
 * goes on under its id, and until its end the version before is served. */
static void a_push_goes_on_over_the_upgrade(const char *before, const char *after)
{
    LG_AUTO_STR char *file = rows_of("long", 300000);
    struct lg_process pusher = {0};

    start(before);
    create("rows", NULL);
    push("rows", "short");
    lg_rig_spawn(&rig, &pusher,
                 (const char *const[]){"push", "rows", file, "--key-field", "key", "--value-field",
                                       "value", "--push-id", "goes-on", NULL});
    for (int i = 0; i < 20000; i++) { /* Until the version exists. */
        LG_AUTO(lg_json) *store = NULL;

        if (lg_rig_try_store(&rig, "rows", &store) && store != NULL &&
            lg_json_get_int(store, "largestUsedVersionNumber", 0) == 2)
            break;
        lg_process_pause(1);
    }
    lg_process_kill(&pusher);
    lg_rig_kill(&rig);
    lg_process_done(&pusher);
    start(after);
    assert_run(&rig, 0, "push", "rows", file, "--key-field", "key", "--value-field", "value",
               "--push-id", "goes-on");
    lg_rig_assert_out(&rig, "300000 records");
    expect_tag("rows", "long");
}

static void a_push_goes_on_over_an_upgrade(void **state)
{
    (void)state;
    a_push_goes_on_over_the_upgrade(old_program, new_program);
}

static void a_push_goes_on_over_a_downgrade(void **state)
{
    (void)state;
    a_push_goes_on_over_the_upgrade(new_program, old_program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_data_directory_goes_to_and_fro, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_old_client_uses_a_new_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_client_uses_an_old_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_push_goes_on_over_an_upgrade, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_push_goes_on_over_a_downgrade, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
