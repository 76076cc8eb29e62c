/* The command line in the hands of shells: completion in bash, zsh and fish, manual pages under
 * mandoc's eyes, and the examples of the help. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/command.h"
#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

static struct lg_rig rig; /* With one store: cities. */

static int set_up(void **state)
{
    LG_AUTO_STR char *folder = NULL, *program = lg_process_binary(), *link = NULL, *path = NULL;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    assert_run(&rig, 0, "push", "cities", "examples/cities/cities.avro", "--key-field", "id",
               "--create");
    /* Shells find the program by its name. */
    folder = lg_strdup(rig.folder);
    link = lg_strf("%s/lagoon", folder);
    assert_int_equal(symlink(program, link), 0);
    path = lg_strf("%s:%s", folder, getenv("PATH"));
    assert_int_equal(setenv("PATH", path, 1), 0);
    assert_int_equal(setenv("LAGOON_DATA", rig.data, 1), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

/* Runs a script in a shell and returns what it printed; it must end well. */
static void run_script(const char *shell, const char *script, struct lg_buf *out)
{
    LG_AUTO_STR char *path = lg_rig_file(&rig, "script", lg_slice_str(script));
    LG_AUTO_STR char *line = lg_strf("%s '%s' 2>&1", shell, path);
    FILE *pipe = popen(line, "r");
    size_t got;

    assert_non_null(pipe);
    do {
        uint8_t *room = lg_buf_reserve(out, 4096);

        got = fread(room, 1, 4096, pipe);
        lg_buf_commit(out, got);
    } while (got > 0);
    lg_buf_append_byte(out, 0);
    if (pclose(pipe) != 0)
        fail_msg("%s failed: %s", shell, (const char *)out->data);
}

static void assert_prints(const char *shell, const char *script, const char *want)
{
    LG_SCOPED(lg_buf) out = {0};

    run_script(shell, script, &out);
    assert_string_equal((const char *)out.data, want);
}

/* --- Completion. ------------------------------------------------------------------------------ */

#define BASH(...)                                                                                  \
    "source <(lagoon completion bash)\nCOMP_WORDS=(" __VA_ARGS__ ")\n"                             \
    "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_lagoon\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"

static void bash_completes_verbs_flags_stores_and_files(void **state)
{
    (void)state;
    assert_prints("bash", BASH("lagoon standal"), "standalone\n");
    assert_prints("bash", BASH("lagoon store cr"), "create\n");
    assert_prints("bash", BASH("lagoon versions ci"), "cities\n");
    assert_prints("bash", BASH("lagoon push cities --key-fi"), "--key-field\n");
    assert_prints("bash", BASH("lagoon push cities examples/cities/cities-"),
                  "examples/cities/cities-v2.avro\n");
    assert_prints("bash", BASH("lagoon store list --output = nd"), "ndjson\n");
    assert_prints("bash", BASH("lagoon nodes dr"), "drain\n");
    assert_prints("bash", BASH("lagoon replicas reset ci"), "cities\n");
    assert_prints("bash", BASH("lagoon push status cities ''"), "1\n");
    assert_prints("bash", BASH("lagoon replicas cities --version ''"), "1\n");
    assert_prints("bash", BASH("venice-admin-tool --kill"), "--kill-job\n");
    assert_prints("bash", BASH("/x/venice-admin-tool --kill"), "\n"); /* There is no /x/lagoon. */
    assert_prints("bash", BASH("venice-admin-tool --kill-job --store ci"), "cities\n");
}

#define ZSH(...)                                                                                   \
    "compdef() { : }\n_files() { print -r -- files }\n"                                            \
    "_describe() { local name=$2; print -rl -- ${(P)name} }\n"                                     \
    "source <(lagoon completion zsh)\nwords=(" __VA_ARGS__ ")\nCURRENT=$#words\n_lagoon || true\n"

static void zsh_completes_verbs_flags_stores_and_files(void **state)
{
    (void)state;
    assert_prints("zsh -f", ZSH("lagoon store cr"),
                  "create:Create a store from two Avro schema files.\n");
    assert_prints("zsh -f", ZSH("lagoon versions ci"), "cities:store\n");
    assert_prints("zsh -f", ZSH("lagoon push cities exam"), "files\n");
    assert_prints("zsh -f", ZSH("lagoon push status cities ''"), "1:ONLINE\n");
    assert_prints("zsh -f", ZSH("venice-admin-tool --kill"),
                  "--kill-job:Stop a running push and drop its version.\n");
    /* Its own completion system takes the script. */
    assert_prints("zsh -f",
                  "autoload -Uz compinit && compinit -D\nsource <(lagoon completion zsh)\n"
                  "print -r -- $_comps[lagoon] $_comps[venice-admin-tool]\n",
                  "_lagoon _lagoon\n");
}

#define FISH(line) "lagoon completion fish | source\ncomplete -C '" line "'\n"

static void fish_completes_verbs_flags_stores_and_files(void **state)
{
    (void)state;
    assert_prints("fish --no-config", FISH("lagoon store cr"),
                  "create\tCreate a store from two Avro schema files.\n");
    assert_prints("fish --no-config", FISH("lagoon versions ci"), "cities\tstore\n");
    assert_prints("fish --no-config", FISH("lagoon push cities --key-fi"),
                  "--key-field\tThe field of each record that is the key.\n");
    assert_prints("fish --no-config", FISH("lagoon push cities examples/cities/cities-"),
                  "examples/cities/cities-v2.avro\n");
    assert_prints("fish --no-config", FISH("lagoon push status cities 1"), "1\tONLINE\n");
    assert_prints("fish --no-config", FISH("venice-admin-tool --kill"),
                  "--kill-job\tStop a running push and drop its version.\n");
}

/* The only server, as the controller names it. */
static void servers_are_completed_by_their_names(void **state)
{
    LG_AUTO(lg_json) *nodes = NULL;
    LG_AUTO_STR char *line = NULL;
    struct lg_error err = {0};
    const struct lg_json *only;

    (void)state;
    assert_run(&rig, 0, "nodes", "--output", "json");
    assert_ok(lg_json_parse(lg_buf_slice(&rig.out), &nodes, &err));
    only = lg_json_at(lg_json_get(nodes, "nodes"), 0);
    line = lg_strf("%s\n", lg_json_get_str(only, "id", ""));
    assert_prints("bash", BASH("lagoon nodes drain ''"), line);
    assert_prints("bash", BASH("lagoon replicas reset cities --instance ''"), line);
    assert_prints("bash", BASH("lagoon admin --node-removable --storage-node ''"), line);
    assert_prints("bash", BASH("venice-admin-tool --cluster-health-status --instances ''"), line);
}

static void without_a_controller_completion_offers_no_stores_and_no_noise(void **state)
{
    (void)state;
    assert_run(&rig, 0, "complete", "--", "versions", "--controller", "http://127.0.0.1:1", "ci");
    assert_string_equal((const char *)rig.out.data, "");
    assert_string_equal((const char *)rig.err.data, "");
}

/* --- Pages. ----------------------------------------------------------------------------------- */

static void every_manual_page_is_good_troff(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) script = {0};

    lg_buf_append_str(
        &script, "set -e\nfile=$(mktemp)\ntrap 'rm \"$file\"' EXIT\nfor page in '' lagoon.conf");
    for (size_t i = 0; i < LG_COMMAND_COUNT; i++)
        lg_buf_appendf(&script, " '%s'", lg_command_words((enum lg_command_kind)i));
    lg_buf_append_str(&script, "; do\n  lagoon man $page >\"$file\"\n"
                               "  mandoc -T lint -W error \"$file\"\n"
                               "  mandoc -T ascii \"$file\" | grep -q 'Lagoon manual'\n"
                               "done\n");
    lg_buf_append_byte(&script, 0);
    assert_prints("bash", (const char *)script.data, "");
}

static void an_unknown_page_is_told(void **state)
{
    (void)state;
    assert_run(&rig, 3, "man", "psuh");
    lg_rig_assert_err(&rig, "no manual page for 'psuh'");
    assert_run(&rig, 3, "man", "profile");
    lg_rig_assert_err(&rig, "`lagoon profile --help` lists them");
}

static void every_command_has_help_with_an_example(void **state)
{
    (void)state;
    for (size_t i = 0; i < LG_COMMAND_COUNT; i++) {
        const struct lg_command_row *row = lg_command_row((enum lg_command_kind)i);
        char first[32] = {0};
        const char *blank = strchr(row->words, ' ');

        memcpy(first, row->words, strcspn(row->words, " "));
        if (blank == NULL)
            assert_run(&rig, 0, first, "--help");
        else
            assert_run(&rig, 0, first, blank + 1, "--help");
        lg_rig_assert_out(&rig, row->help);
        lg_rig_assert_out(&rig, row->example);
    }
}

static void a_group_of_commands_has_a_page_and_alone_is_a_mistake(void **state)
{
    static const char *const groups[] = {"store", "schema", "cluster", "profile", "config", "file"};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(groups); i++) {
        assert_run(&rig, 0, groups[i], "--help");
        lg_rig_assert_out(&rig, "COMMAND [arguments]");
        assert_run(&rig, 0, "help", groups[i]);
        lg_rig_assert_out(&rig, "COMMAND [arguments]");
        assert_run(&rig, 2, groups[i]);
        lg_rig_assert_err(&rig, "which command of ");
        assert_string_equal((const char *)rig.out.data, "");
    }
}

/* One document on one line, however long the list is. */
static void flat_json_of_a_list_is_all_of_it(void **state)
{
    static const char *const lists[] = {"--list-stores",           "--describe-stores",
                                        "--list-storage-nodes",    "--list-store-push-info",
                                        "--cluster-health-stores", "--schemas"};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(lists); i++) {
        LG_AUTO(lg_json) *json = NULL;
        struct lg_error err = {0};
        const char *out;

        if (i == 3 || i == 5)
            assert_run(&rig, 0, "admin", lists[i], "--store", "cities", "--flat-json");
        else
            assert_run(&rig, 0, "admin", lists[i], "--flat-json");
        out = (const char *)rig.out.data;
        assert_non_null(strchr(out, '\n'));
        assert_string_equal(strchr(out, '\n'), "\n");
        assert_ok(lg_json_parse(lg_slice_str(out), &json, &err));
        if (i == 5) /* The key's and the value's. */
            assert_int_equal(lg_json_size(json), 2);
    }
}

/* Is the line one of ours, but for arguments that it leaves out? */
static bool is_command(const char *line, struct lg_error *err)
{
    LG_AUTO_STR char *copy = lg_strdup(line);
    LG_SCOPED(lg_command) command = {0};
    const char *words[32];
    size_t n = 0;

    for (char *rest = copy, *word; n < 32 && (word = strsep(&rest, " ")) != NULL;)
        words[n++] = word;
    assert_string_equal(words[0], "lagoon");
    return lg_command_parse(n - 1, words + 1, &command, err) == LG_OK ||
           strncmp(err->text, "too few arguments", 17) == 0;
}

/* What is written to operators between backticks can be typed: in pages, and in what the tables of
 * commands say. */
static void every_command_that_a_page_names_exists(void **state)
{
    LG_SCOPED(lg_buf) lines = {0};
    unsigned n = 0;

    (void)state;
    run_script("bash",
               "grep -ohE '`lagoon [a-z-]+( [^`|]*)?`' README.md docs/operations/*.md "
               "src/admin/*.def src/main/*.def | tr -d '`' | sort -u",
               &lines);
    for (char *rest = (char *)lines.data, *line; (line = strsep(&rest, "\n")) != NULL;) {
        struct lg_error err = {0};

        if (*line == '\0')
            continue;
        n++;
        if (!is_command(line, &err))
            fail_msg("`%s`: %s", line, err.text);
    }
    assert_in_range(n, 50, 1000);
}

/* Keys between backticks are ours, or those of Kafka and ZooKeeper that are named here. */
static void every_key_that_a_page_names_exists(void **state)
{
    static const char foreign[] =
        "auto.create.topics.enable cleanup.policy client.id compression.type jute.maxbuffer "
        "max.message.bytes message.timestamp.type min.compaction.lag.ms min.insync.replicas "
        "retention.ms sasl.password ssl.client.auth ssl.key.password";
    LG_AUTO_STR char *script = lg_strf(
        "named() { grep -ohE '`[a-z]+([.][a-z_0-9-]+)+( ?= ?[^`]*)?`' docs/operations/*.md "
        "| tr -d '`' | sed 's/ *=.*//' | grep -vE '[.](md|json|[a-z_]*_test)$' | sort -u; }\n"
        "ours() { cat docs/reference/*-options.md | "
        "grep -oE '^[|] [a-z][a-z.0-9_-]* [|]' | tr -d '| '; }\n"
        "[ $(named | wc -l) -ge 20 ] && [ $(ours | wc -l) -ge 50 ] || echo too few\n"
        "comm -23 <(named) <({ ours; tr ' ' '\\n' <<<'%s'; } | sort -u)",
        foreign);
    LG_SCOPED(lg_buf) unknown = {0};

    (void)state;
    run_script("bash", script, &unknown);
    if (strlen((const char *)unknown.data) > 0)
        fail_msg("docs/operations names keys that there are not: %s", (const char *)unknown.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bash_completes_verbs_flags_stores_and_files),
        cmocka_unit_test(zsh_completes_verbs_flags_stores_and_files),
        cmocka_unit_test(fish_completes_verbs_flags_stores_and_files),
        cmocka_unit_test(servers_are_completed_by_their_names),
        cmocka_unit_test(without_a_controller_completion_offers_no_stores_and_no_noise),
        cmocka_unit_test(every_manual_page_is_good_troff),
        cmocka_unit_test(an_unknown_page_is_told),
        cmocka_unit_test(every_command_has_help_with_an_example),
        cmocka_unit_test(a_group_of_commands_has_a_page_and_alone_is_a_mistake),
        cmocka_unit_test(every_command_that_a_page_names_exists),
        cmocka_unit_test(every_key_that_a_page_names_exists),
        cmocka_unit_test(flat_json_of_a_list_is_all_of_it),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
