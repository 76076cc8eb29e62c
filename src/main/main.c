/* One program, `lagoon VERB`. */
#include <signal.h>

#include "base/str.h"
#include "main/cli.h"

static int help(const struct lg_command *c)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_SCOPED(lg_command) of = {0};
    struct lg_error err;
    enum lg_command_kind kind = LG_COMMAND_COUNT;

    if (c->kind != LG_COMMAND_HELP) {
        kind = c->kind;
    } else if (c->argument_count > 0) {
        const char *words[3] = {c->arguments[0], "--help", "--help"};

        if (c->argument_count > 1)
            words[1] = c->arguments[1];
        if (lg_command_parse(c->argument_count + 1, words, &of, &err) != LG_OK)
            return lg_cli_fail(&err);
        if (of.kind == LG_COMMAND_STANDALONE)
            return lg_verb_standalone(&of);
        kind = of.kind;
    }
    lg_command_help(&text, kind);
    return lg_cli_print(lg_buf_slice(&text));
}

int main(int argc, char **argv)
{
    LG_SCOPED(lg_command) command = {0};
    struct lg_error err = {0};

    lg_cli_keep_standard_files();
    (void)signal(SIGPIPE, SIG_IGN);
    if (lg_command_parse((size_t)(argc > 0 ? argc - 1 : 0), (const char *const *)argv + 1, &command,
                         &err) != LG_OK)
        return lg_cli_fail(&err);
    if (command.wants_help || command.kind == LG_COMMAND_HELP)
        return help(&command);
    switch (command.kind) {
    case LG_COMMAND_VERSION:
        return lg_cli_print(LG_LIT("lagoon " LAGOON_VERSION "\n"));
    case LG_COMMAND_STANDALONE:
        return lg_verb_standalone(&command);
    case LG_COMMAND_PUSH:
        return lg_verb_push(&command);
    default:
        return lg_verb_admin(&command);
    }
}
