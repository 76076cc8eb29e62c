/* lagoon admin: the command lines of Venice's admin tool, run as ours. */
#include "admin/alias.h"
#include "main/cli.h"

int lg_verb_alias(const struct lg_command *command)
{
    LG_SCOPED(lg_alias_words) line = {0};
    LG_SCOPED(lg_command) ours = {0};
    LG_SCOPED(lg_buf) page = {0};
    struct lg_error err = {0};

    if (lg_alias_expand(command->rest_count, command->rest, &line, &err) != LG_OK)
        return lg_cli_fail(&err);
    if (line.help_of_all || line.help_of != NULL) {
        lg_alias_help(&page, line.help_of);
        return lg_cli_print(lg_buf_slice(&page));
    }
    if (lg_command_parse(line.count, (const char *const *)line.words, &ours, &err) != LG_OK)
        return lg_cli_fail(&err);
    return lg_cli_dispatch(&ours);
}
