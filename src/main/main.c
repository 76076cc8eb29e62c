/* One program, `lagoon VERB`. */
#include <signal.h>
#include <stdlib.h>

#include "base/str.h"
#include "lane/fault.h"
#include "main/cli.h"
#include "main/role.h"

static int (*const verbs[])(const struct lg_command *) = {
#define X(name, words, arguments, least, most, kinds, runner, ...) lg_verb_##runner,
#include "admin/commands.def"
#undef X
};

int lg_verb_help(const struct lg_command *c)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_SCOPED(lg_command) of = {0};
    struct lg_error err;
    enum lg_command_kind kind = LG_COMMAND_COUNT;

    if (c->kind != LG_COMMAND_HELP || c->wants_help) {
        kind = c->kind;
    } else if (c->argument_count > 0) {
        const char *words[3] = {c->arguments[0], "--help", "--help"};

        if (c->argument_count > 1)
            words[1] = c->arguments[1];
        if (lg_command_parse(c->argument_count + 1, words, &of, &err) != LG_OK)
            return lg_cli_fail(&err);
        if (lg_command_runs_role(of.kind))
            return verbs[of.kind](&of);
        if (of.kind == LG_COMMAND_ADMIN)
            return lg_verb_alias(&of);
        kind = of.kind;
    }
    if (c->group != NULL || of.group != NULL)
        (void)lg_command_help_group(&text, c->group != NULL ? c->group : of.group);
    else
        lg_command_help(&text, kind);
    return lg_cli_print(lg_buf_slice(&text));
}

int lg_verb_version(const struct lg_command *c)
{
    const char *output = c->flags[LG_FLAG_OUTPUT];

    if (output == NULL || strcmp(output, "table") == 0)
        return lg_cli_print(LG_LIT("lagoon " LAGOON_VERSION "\n"));
    return lg_cli_print(LG_LIT("{\"version\":\"" LAGOON_VERSION "\"}\n"));
}

int lg_cli_dispatch(const struct lg_command *c)
{
    return c->wants_help ? lg_verb_help(c) : verbs[c->kind](c);
}

/* Under the name of Venice's tool, it takes that tool's command lines. */
static enum lg_rc parse(int argc, char **argv, const char **words, struct lg_command *out,
                        struct lg_error *err)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash == NULL ? (argc > 0 ? argv[0] : "") : slash + 1;
    size_t count = 0;

    if (strcmp(name, "venice-admin-tool") == 0)
        words[count++] = "admin";
    for (int i = 1; i < argc; i++)
        words[count++] = argv[i];
    return lg_command_parse_among(count, words, lg_role_option_owners, out, err);
}

int main(int argc, char **argv)
{
    const char **words = lg_new_array(const char *, (size_t)argc + 1);
    LG_SCOPED(lg_command) command = {0};
    struct lg_error err = {0};
    int status;

    lg_cli_keep_standard_files();
    (void)signal(SIGPIPE, SIG_IGN);
    if (parse(argc, argv, words, &command, &err) != LG_OK)
        status = lg_cli_fail(&err);
    else if (lg_fault_arm_from_env(getenv("LAGOON_FAULTS"), &err) != LG_OK)
        status = lg_cli_fail(&err);
    else
        status = lg_cli_dispatch(&command);
    lg_free(words);
    return status;
}
