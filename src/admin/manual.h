/* Manual pages (troff, man macros) from commands.def and flags.def. Pure. */
#ifndef LG_ADMIN_MANUAL_H
#define LG_ADMIN_MANUAL_H

#include "admin/command.h"
#include "base/option.h"

/* "lagoon-store-create"; "lagoon" for LG_COMMAND_COUNT. The caller owns it. */
char *lg_manual_name(enum lg_command_kind kind);
/* lagoon-push(1) for a verb, lagoon(1) for LG_COMMAND_COUNT. `options` are those of the role
 * that the verb runs, which its page lists. */
void lg_manual_command(struct lg_buf *out, enum lg_command_kind kind,
                       const struct lg_option_table *options);
/* lagoon.conf(5): the keys of the configuration file. */
void lg_manual_config(struct lg_buf *out, const struct lg_option_table *options);

#endif
