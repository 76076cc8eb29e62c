/* Command lines of Venice's admin tool, as those of ours: `--new-store --url URL --store NAME ...`
 * becomes `store create NAME --controller URL ...`. From aliases.def and alias_options.def. Pure.
 *
 * A command may be written with or without its dashes, and its options in any order; the first word
 * that is a command is the one that is meant.
 */
#ifndef LG_ADMIN_ALIAS_H
#define LG_ADMIN_ALIAS_H

#include "base/buf.h"

struct lg_alias {         /* of aliases.def */
    const char *name;     /* without dashes */
    const char *line;     /* of ours; NULL: Lagoon has no such thing */
    const char *settings; /* what is changed by --set; NULL: nothing */
    const char *help;     /* what it does, or what to do instead */
};
extern const struct lg_alias lg_aliases[];
extern const size_t lg_aliases_count;

struct lg_alias_option { /* of alias_options.def */
    const char *name;    /* without dashes */
    const char *letters; /* Venice's short form, "u" of -u; "" for none */
    bool takes_value;
};
extern const struct lg_alias_option lg_alias_options[];
extern const size_t lg_alias_options_count;

struct lg_alias_words { /* {0} is empty. */
    char **words;       /* owned, for lg_command_parse */
    size_t count;
    const struct lg_alias *help_of; /* Its page is asked for instead. */
    bool help_of_all;
};

/* LG_ERR_INVALID names the word and the nearest right one; LG_ERR_UNSUPPORTED: Venice has it and
 * Lagoon does not, with what to do instead. */
LG_MUST_CHECK enum lg_rc lg_alias_expand(size_t count, const char *const *words,
                                         struct lg_alias_words *out, struct lg_error *err);
void lg_alias_words_done(struct lg_alias_words *words);
LG_DEFINE_SCOPED(lg_alias_words, lg_alias_words_done)

/* Our line for people: "lagoon store create STORE --key-schema KEY-SCHEMA-FILE"; it must have one.
 */
void lg_alias_line(struct lg_buf *out, const struct lg_alias *alias);
/* The page of one, or (NULL) the list of all. */
void lg_alias_help(struct lg_buf *out, const struct lg_alias *alias);

#endif
