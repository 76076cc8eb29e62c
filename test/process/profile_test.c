/* Where the verbs find Lagoon (flags, variables, profiles), and the command lines of Venice's admin
 * tool, as processes. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define VENICE "3164603" /* a key of the cities */
#define NOWHERE "http://127.0.0.1:1"

static struct lg_rig rig; /* With one store, "cities". */
static char *config;      /* The user's folder of configuration. */
static char *controller, *router;

static int set_up(void **state)
{
    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    assert_run(&rig, 0, "push", "cities", "examples/cities/cities.avro", "--key-field", "id",
               "--create");
    config = lg_rig_path(&rig, "config");
    assert_int_equal(setenv("XDG_CONFIG_HOME", config, 1), 0);
    controller = lg_strf("http://127.0.0.1:%u", rig.controller);
    router = lg_strf("http://127.0.0.1:%u", rig.router);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_free(config);
    lg_free(controller);
    lg_free(router);
    lg_rig_done(&rig);
    return 0;
}

/* "NAME=value" for the verbs. */
static const char *variable = "LAGOON_DATA=", *variable_too = "LAGOON_DATA=";

/* Each test begins without profiles, and without a variable. */
static int forget(void **state)
{
    LG_AUTO_STR char *path = lg_strf("%s/lagoon/profiles", config);

    (void)state;
    (void)unlink(path);
    variable = variable_too = "LAGOON_DATA=";
    return 0;
}

/* Runs a verb with no other variables that say where Lagoon is. */
static int run_alone(const char *const *words)
{
    struct lg_process p = {0};
    int status;

    lg_process_start(&p, words, (const char *const[]){variable, variable_too, NULL});
    status = lg_process_wait(&p, LG_RIG_VERB_MS);
    lg_buf_clear(&rig.out);
    lg_buf_clear(&rig.err);
    lg_process_stdout(&p, &rig.out);
    lg_process_stderr(&p, &rig.err);
    lg_buf_append_byte(&rig.out, 0);
    lg_buf_append_byte(&rig.err, 0);
    lg_process_done(&p);
    return status;
}
#define assert_alone(want, ...)                                                                    \
    lg_rig_assert(&rig, want, run_alone((const char *const[]){__VA_ARGS__, NULL}))

/* --- Profiles. -------------------------------------------------------------------------------- */

static void a_profile_is_kept_used_shown_and_forgotten(void **state)
{
    LG_AUTO_STR char *path = lg_strf("%s/lagoon/profiles", config);
    LG_AUTO(lg_json) *json = NULL;
    struct stat st;

    (void)state;
    assert_alone(0, "profile", "list");
    lg_rig_assert_out(&rig, "no profiles yet");
    assert_alone(3, "profile", "show");
    assert_alone(0, "profile", "add", "here", "--controller", controller);
    lg_rig_assert_out(&rig, "profile 'here' is in use");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_alone(0, "profile", "add", "away", "--controller", NOWHERE, "--cluster", "main");
    lg_rig_assert_out(&rig, "lagoon profile use away");
    assert_alone(0, "profile", "list", "--output", "json");
    json = lg_rig_json(lg_slice_str((const char *)rig.out.data));
    assert_int_equal(lg_json_size(lg_json_get(json, "profiles")), 2);
    assert_true(lg_json_get_bool(lg_json_at(lg_json_get(json, "profiles"), 0), "current", false));
    assert_alone(0, "profile", "use", "away");
    assert_alone(0, "profile", "show");
    lg_rig_assert_out(&rig, "profile     away (current)");
    assert_alone(3, "profile", "use", "awy");
    lg_rig_assert_err(&rig, "did you mean 'away'?");
    assert_alone(0, "profile", "remove", "away");
    assert_alone(3, "profile", "show", "away");
    assert_alone(2, "profile", "add", "more");
    lg_rig_assert_err(&rig, "--controller URL");
    assert_alone(2, "profile", "add", "more", "--controller", "here");
}

static void every_verb_talks_to_the_profile(void **state)
{
    (void)state;
    assert_alone(0, "profile", "add", "here", "--controller", controller);
    assert_alone(0, "store", "list");
    lg_rig_assert_out(&rig, "cities");
    assert_alone(0, "get", "cities", VENICE); /* The controller knows the router. */
    lg_rig_assert_out(&rig, "Venice");
    assert_alone(0, "status");
    assert_alone(0, "profile", "add", "away", "--controller", NOWHERE);
    assert_alone(5, "store", "list", "--profile", "away", "--timeout", "300ms");
    lg_rig_assert_err(&rig, "127.0.0.1:1");
    assert_alone(5, "get", "cities", VENICE, "--profile", "away", "--timeout", "300ms");
    assert_alone(0, "profile", "add", "away", "--controller", NOWHERE, "--router", router);
    assert_alone(0, "get", "cities", VENICE, "--profile", "away");
}

static void of_several_controllers_one_that_is_there_will_do(void **state)
{
    LG_AUTO_STR char *both = lg_strf(NOWHERE ",%s", controller);

    (void)state;
    assert_alone(0, "profile", "add", "both", "--controller", both);
    assert_alone(0, "store", "list");
    assert_alone(0, "get", "cities", VENICE);
    assert_alone(0, "push", "cities", "examples/cities/cities.avro", "--key-field", "id");
    assert_alone(5, "store", "list", "--controller", NOWHERE ",http://127.0.0.1:2", "--timeout",
                 "1s");
    lg_rig_assert_err(&rig, "none of the controllers answers: cannot reach 127.0.0.1:1: "
                            "connection refused; cannot reach 127.0.0.1:2: connection refused");
}

static void a_flag_wins_over_a_variable_and_that_over_the_profile_in_use(void **state)
{
    (void)state;
    assert_alone(0, "profile", "add", "away", "--controller", NOWHERE);
    assert_alone(0, "profile", "add", "here", "--controller", controller);
    assert_alone(5, "store", "list", "--timeout", "300ms"); /* "away" is in use */
    assert_run(&rig, 0, "store", "list");                   /* LAGOON_DATA */
    assert_alone(0, "store", "list", "--profile", "here");
    assert_alone(0, "store", "list", "--controller", controller);
    assert_run(&rig, 5, "store", "list", "--profile", "away", "--timeout", "300ms");
    variable = "LAGOON_PROFILE=here";
    assert_alone(0, "store", "list");
    assert_alone(5, "store", "list", "--profile", "away", "--timeout", "300ms");
    variable_too = "LAGOON_CONTROLLER=" NOWHERE;
    assert_alone(5, "store", "list", "--timeout", "300ms");
    assert_alone(0, "store", "list", "--data", rig.data);
    assert_alone(0, "store", "list", "--profile", "here");
    assert_alone(2, "store", "list", "--profile", "here", "--data", rig.data);
    lg_rig_assert_err(&rig, "give one of them");
    variable = "LAGOON_PROFILE=nowhere-to-be-found";
    variable_too = "LAGOON_DATA=";
    assert_alone(3, "store", "list");
}

static void a_cluster_of_another_name_is_refused(void **state)
{
    (void)state;
    assert_alone(0, "profile", "add", "here", "--controller", controller, "--cluster", "other");
    assert_alone(6, "store", "list");
    lg_rig_assert_err(&rig, "not to 'other'");
    assert_alone(6, "push", "cities", "examples/cities/cities.avro", "--key-field", "id");
    assert_alone(6, "get", "cities", VENICE);
    assert_alone(0, "profile", "add", "here", "--controller", controller, "--cluster", "lagoon-0");
    assert_alone(0, "store", "list");
    assert_alone(6, "store", "list", "--cluster", "third");
}

static void junk_among_the_profiles_is_told_by_its_line(void **state)
{
    LG_AUTO_STR char *path = NULL;

    (void)state;
    assert_alone(0, "profile", "add", "here", "--controller", controller);
    path = lg_rig_file(&rig, "config/lagoon/profiles", LG_LIT("current = a\n[a]\nnonsense\n"));
    assert_alone(7, "profile", "list");
    lg_rig_assert_err(&rig, "lagoon/profiles: line 3: 'nonsense'");
    assert_alone(7, "profile", "add", "b", "--controller",
                 controller); /* Nothing is overwritten. */
    assert_alone(7, "store", "list");
    assert_alone(0, "store", "list", "--controller", controller); /* Nobody needs it. */
}

static void profiles_complete_in_a_shell(void **state)
{
    (void)state;
    assert_alone(0, "profile", "add", "here", "--controller", controller);
    assert_alone(0, "complete", "--", "store", "list", "--profile", "h");
    lg_rig_assert_out(&rig, "here\t");
    assert_alone(0, "complete", "--", "versions", "--profile", "here", "ci");
    lg_rig_assert_out(&rig, "cities\tstore\n");
}

/* --- Venice's admin tool. --------------------------------------------------------------------- */

static void venice_s_command_lines_work_as_they_are(void **state)
{
    LG_AUTO_STR char *key = lg_rig_file(&rig, "key.avsc", LG_LIT("\"string\""));
    LG_AUTO_STR char *value = lg_rig_file(&rig, "value.avsc", LG_LIT("\"string\""));
    LG_AUTO(lg_json) *json = NULL;

    (void)state;
    assert_alone(0, "admin", "--new-store", "--url", controller, "--cluster", "lagoon-0", "--store",
                 "fresh", "--key-schema-file", key, "--value-schema-file", value, "--owner", "me");
    assert_alone(0, "admin", "--list-stores", "--url", controller, "--cluster", "lagoon-0");
    lg_rig_assert_out(&rig, "\"fresh\"");
    assert_alone(0, "admin", "--empty-push", "--url", controller, "--store", "fresh", "--push-id",
                 "p1", "--store-size", "1000");
    assert_alone(0, "admin", "--job-status", "-u", controller, "-s", "fresh");
    assert_alone(0, "admin", "--update-store", "--url", controller, "--store", "fresh",
                 "--storage-quota", "1000000", "--readability", "true",
                 "--backup-version-retention-day", "2");
    assert_alone(0, "admin", "--describe-store", "--url", controller, "--store", "fresh");
    json = lg_rig_json(lg_slice_str((const char *)rig.out.data));
    assert_non_null(strstr((const char *)rig.out.data, "1000000"));
    assert_alone(0, "admin", "--schemas", "--url", controller, "--store", "fresh");
    assert_alone(0, "admin", "--disable-store-write", "--url", controller, "--store", "fresh");
    assert_alone(0, "admin", "--query", "--url", controller, "--store", "cities", "--key", VENICE,
                 "--output", "table");
    lg_rig_assert_out(&rig, "Venice");
    assert_alone(0, "admin", "--delete-store", "--url", controller, "--store", "fresh");
    assert_alone(3, "admin", "--describe-store", "--url", controller, "--store", "fresh");
}

static void what_lagoon_has_not_is_said(void **state)
{
    (void)state;
    assert_alone(4, "admin", "--migrate-store", "--url", controller, "--store", "cities");
    lg_rig_assert_err(&rig, "not in Lagoon: --migrate-store");
    assert_alone(2, "admin", "--make-coffee");
    assert_alone(2, "admin", "--describe-store", "--url", controller);
    lg_rig_assert_err(&rig, "--describe-store needs --store");
    assert_alone(0, "admin", "--help");
    lg_rig_assert_out(&rig, "lagoon store describe STORE");
    assert_alone(0, "help", "admin");
    lg_rig_assert_out(&rig, "not in Lagoon:");
    assert_alone(0, "admin", "--kill-job", "--help");
    lg_rig_assert_out(&rig, "--kill-job is: lagoon push kill STORE VERSION");
}

static void the_program_answers_to_the_name_of_venice_s_tool(void **state)
{
    LG_AUTO_STR char *program = lg_process_binary(), *link = lg_rig_path(&rig, "venice-admin-tool");
    LG_AUTO_STR char *line = lg_strf("'%s' --describe-store --url %s --store cities | grep -q "
                                     "'\"name\": \"cities\"'",
                                     link, controller);

    (void)state;
    assert_int_equal(symlink(program, link), 0);
    assert_int_equal(system(line), 0); /* NOLINT: a shell finds it by its name, as users do. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_profile_is_kept_used_shown_and_forgotten, forget),
        cmocka_unit_test_teardown(every_verb_talks_to_the_profile, forget),
        cmocka_unit_test_teardown(a_flag_wins_over_a_variable_and_that_over_the_profile_in_use,
                                  forget),
        cmocka_unit_test_teardown(of_several_controllers_one_that_is_there_will_do, forget),
        cmocka_unit_test_teardown(a_cluster_of_another_name_is_refused, forget),
        cmocka_unit_test_teardown(junk_among_the_profiles_is_told_by_its_line, forget),
        cmocka_unit_test_teardown(profiles_complete_in_a_shell, forget),
        cmocka_unit_test_teardown(venice_s_command_lines_work_as_they_are, forget),
        cmocka_unit_test_teardown(what_lagoon_has_not_is_said, forget),
        cmocka_unit_test_teardown(the_program_answers_to_the_name_of_venice_s_tool, forget),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
