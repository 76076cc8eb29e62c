/* What may follow on a command line, for the shells: from commands.def and flags.def. Pure.
 *
 * The scripts for bash, zsh and fish are a few lines each that ask `lagoon complete -- WORD...`;
 * what they ask is answered here, once for all three.
 */
#ifndef LG_ADMIN_COMPLETE_H
#define LG_ADMIN_COMPLETE_H

#include "admin/command.h"
#include "base/option.h"

/* What the table cannot name, the caller adds. */
enum lg_complete_more {
    LG_COMPLETE_NOTHING,
    LG_COMPLETE_FILES,
    LG_COMPLETE_STORES,
    LG_COMPLETE_NODES,    /* servers of the cluster */
    LG_COMPLETE_VERSIONS, /* of the store that the first argument names */
    LG_COMPLETE_PROFILES  /* of the user */
};

/* `words` follow the program's name; the last one is being typed and may be empty. Appends a line
 * "candidate<TAB>what it does" for each word that may stand in its place. `options` are those of
 * the role that the verb runs, of `lagoon standalone` for other verbs. */
void lg_complete(struct lg_buf *out, size_t count, const char *const *words,
                 const struct lg_option_table *options, enum lg_complete_more *out_more);
/* Appends the candidate if it begins with `typed`. */
void lg_complete_candidate(struct lg_buf *out, const char *typed, const char *candidate,
                           const char *help);

/* The script of "bash", "zsh" or "fish". LG_ERR_INVALID names them. */
LG_MUST_CHECK enum lg_rc lg_complete_script(struct lg_buf *out, const char *shell,
                                            struct lg_error *err);

#endif
