/* The command line: which verb, with which arguments and flags; and all help. From commands.def and
 * flags.def. Pure. */
#ifndef LG_ADMIN_COMMAND_H
#define LG_ADMIN_COMMAND_H

#include "base/option.h"

enum lg_command_kind {
#define X(name, ...) LG_COMMAND_##name,
#include "admin/commands.def"
#undef X
    LG_COMMAND_COUNT
};

enum lg_command_flag {
#define X(name, ...) LG_FLAG_##name,
#include "admin/flags.def"
#undef X
    LG_FLAG_COUNT
};

#define LG_COMMAND_ARGUMENTS_MAX 1000

struct lg_command {
    enum lg_command_kind kind;
    const char *const *arguments; /* Borrowed from argv. */
    size_t argument_count;
    const char *flags[LG_FLAG_COUNT]; /* Value of each flag, "" for one without; NULL: not given. */
    bool wants_help;
    const char *group;       /* HELP: of the commands that begin with this word; NULL: not asked. */
    const char *const *rest; /* Roles, CONFIG_SHOW, ADMIN: their own flags, unparsed. */
    size_t rest_count;
    const char **owned;
};

struct lg_command_row {    /* of commands.def */
    const char *words;     /* one or two: "store create" */
    const char *arguments; /* as the usage line shows them */
    const char *help, *example;
    size_t least, most; /* arguments without flags */
    unsigned kinds;
};
struct lg_flag_row {   /* of flags.def */
    const char *name;  /* without dashes */
    const char *value; /* "FILE", or the choices "a|b|c"; NULL: it takes none */
    const char *help;
    unsigned kinds;
    unsigned __int128 commands; /* a set: bit `kind` of each */
};
const struct lg_command_row *lg_command_row(enum lg_command_kind kind);
const struct lg_flag_row *lg_flag_row(enum lg_command_flag flag);
bool lg_command_has_flag(enum lg_command_kind kind, enum lg_command_flag flag);
/* One that runs until a signal ends it, with the flags of its table of options. */
bool lg_command_runs_role(enum lg_command_kind kind);
/* The verb whose words begin the line; `*out_used` is how many words it took. */
bool lg_command_match(size_t count, const char *const *words, enum lg_command_kind *out,
                      size_t *out_used);

/* Parses what follows the program's name. LG_ERR_INVALID names the word and the nearest right one.
 */
LG_MUST_CHECK enum lg_rc lg_command_parse(size_t count, const char *const *words,
                                          struct lg_command *out, struct lg_error *err);
void lg_command_done(struct lg_command *command);
LG_DEFINE_SCOPED(lg_command, lg_command_done)

/* The same, where others than verbs have flags, too: `others` is asked about one that the verb has
 * not. */
LG_MUST_CHECK enum lg_rc lg_command_parse_among(size_t count, const char *const *words,
                                                lg_option_owners others, struct lg_command *out,
                                                struct lg_error *err);
/* Appends the verbs that have a flag of this name, the first ones by name: "lagoon push and lagoon
 * file check". False: none has. */
bool lg_command_flag_owners(struct lg_buf *out, struct lg_slice name);
/* Joins names for a sentence: call it for each of `count`, from 0, with what is to stand there. */
void lg_command_list(struct lg_buf *out, size_t i, size_t count, const char *words);

/* The page of one verb, or (LG_COMMAND_COUNT) the list of all. */
void lg_command_help(struct lg_buf *out, enum lg_command_kind kind);
/* Commands that begin with `word` and go on: "store create" of "store". False: there are none, and
 * nothing is appended. */
bool lg_command_help_group(struct lg_buf *out, const char *word);
const char *lg_command_words(enum lg_command_kind kind); /* "store create" */

/* "500ms", "30s", "10m", "1h" to milliseconds; at least 1 ms, at most 30 days. A bare number is
 * refused: LG_ERR_INVALID says which units there are. */
LG_MUST_CHECK enum lg_rc lg_command_parse_time(const char *text, uint64_t *out_ms,
                                               struct lg_error *err);
/* "64MiB", "1GiB" to bytes, `min` to `max`. A bare number is refused: LG_ERR_INVALID says which
 * units there are, or names the bounds. */
LG_MUST_CHECK enum lg_rc lg_command_parse_size(const char *text, uint64_t min, uint64_t max,
                                               uint64_t *out_bytes, struct lg_error *err);

#endif
