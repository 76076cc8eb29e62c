#include "admin/manual.h"

#include <stdio.h>

#include "admin/alias.h"
#include "base/str.h"

/* Text as troff takes it: no escape, no request at the beginning of a line. */
static void put(struct lg_buf *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        lg_buf_append_str(out, "\\&");
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\\')
            lg_buf_append_str(out, "\\e");
        else if (*p == '-')
            lg_buf_append_str(out, "\\-");
        else
            lg_buf_append_byte(out, (uint8_t)*p);
    }
}

static void line(struct lg_buf *out, const char *text)
{
    put(out, text);
    lg_buf_append_byte(out, '\n');
}

static void heading(struct lg_buf *out, const char *title, const char *section)
{
    lg_buf_appendf(out, ".TH %s %s \"\" \"lagoon " LAGOON_VERSION "\" \"Lagoon manual\"\n", title,
                   section);
}

char *lg_manual_name(enum lg_command_kind kind)
{
    char *name = kind == LG_COMMAND_COUNT ? lg_strdup("lagoon")
                                          : lg_strf("lagoon-%s", lg_command_row(kind)->words);

    for (char *c = name; *c != '\0'; c++)
        if (*c == ' ')
            *c = '-';
    return name;
}

/* A tagged paragraph: what stands left in bold, what it means indented. */
static void item(struct lg_buf *out, const char *left, const char *value, const char *text)
{
    lg_buf_append_str(out, ".TP\n\\fB");
    put(out, left);
    lg_buf_append_str(out, "\\fR");
    if (value != NULL) {
        lg_buf_append_str(out, " \\fI");
        put(out, value);
        lg_buf_append_str(out, "\\fR");
    }
    lg_buf_append_byte(out, '\n');
    line(out, text);
}

static void exit_status(struct lg_buf *out)
{
    static const char *const meaning[] = {"Done.",
                                          "Failed.",
                                          "The command line or the configuration is wrong.",
                                          "Something named does not exist.",
                                          "Refused.",
                                          "Unavailable or timed out; try again.",
                                          "In conflict with what is.",
                                          "Bad data: a file, a record or a schema."};

    lg_buf_append_str(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < LG_ARRAY_SIZE(meaning); i++) {
        char number[4];

        (void)snprintf(number, sizeof number, "%zu", i);
        item(out, number, NULL, meaning[i]);
    }
}

static void options_of(struct lg_buf *out, const struct lg_option_table *options,
                       const char *dashes)
{
    struct lg_buf text = {0};

    for (size_t i = 0; i < options->n; i++) {
        const struct lg_option *row = &options->rows[i];
        LG_AUTO_STR char *name = lg_strf("%s%s", dashes, row->name);

        for (char *c = name; *dashes != '\0' && *c != '\0'; c++)
            if (*c == '_')
                *c = '-';
        text.size = 0;
        lg_buf_append_str(&text, row->help);
        lg_buf_append_str(&text, row->when == LG_OPTION_LIVE ? " A reload takes it." : "");
        lg_buf_append_byte(&text, '\0');
        item(out, name, row->type == LG_OPTION_boolean ? NULL : "VALUE", (const char *)text.data);
    }
    lg_buf_done(&text);
}

static void main_page(struct lg_buf *out)
{
    heading(out, "LAGOON", "1");
    lg_buf_append_str(out,
                      ".SH NAME\nlagoon \\- serve data sets that are pushed as whole versions\n"
                      ".SH SYNOPSIS\n\\fBlagoon\\fR \\fICOMMAND\\fR [\\fIarguments\\fR]\n"
                      ".SH DESCRIPTION\n");
    line(out, "Lagoon takes a whole new version of a data set by push, loads it beside the one "
              "being served, swaps atomically, keeps older ones for rollback, and serves reads by "
              "key.");
    lg_buf_append_str(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < LG_COMMAND_COUNT; i++) {
        const struct lg_command_row *row = lg_command_row((enum lg_command_kind)i);

        item(out, row->words, NULL, row->help);
    }
    lg_buf_append_str(out, ".SH ENVIRONMENT\n");
    item(out, "LAGOON_CONTROLLER", NULL, "URLs of the controllers, as for --controller.");
    item(out, "LAGOON_ROUTER", NULL, "URLs of the routers, as for --router.");
    item(out, "LAGOON_PROFILE", NULL, "A profile's name, as for --profile.");
    item(out, "LAGOON_DATA", NULL, "The data directory of a standalone, as for --data.");
    line(out, "A flag wins over a variable; LAGOON_CONTROLLER and LAGOON_ROUTER win over "
              "LAGOON_PROFILE, that over LAGOON_DATA, that over the profile in use.");
    lg_buf_append_str(out, ".SH FILES\n");
    item(out, "$XDG_CONFIG_HOME/lagoon/profiles", NULL,
         "The user's profiles, written by `lagoon profile`; ~/.config stands for a variable that "
         "is not set.");
    exit_status(out);
    lg_buf_append_str(out, ".SH SEE ALSO\n\\fBlagoon.conf\\fR(5)");
    for (size_t i = 0; i < LG_COMMAND_COUNT; i++) {
        LG_AUTO_STR char *name = lg_manual_name((enum lg_command_kind)i);

        lg_buf_append_str(out, ",\n\\fB");
        put(out, name);
        lg_buf_append_str(out, "\\fR(1)");
    }
    lg_buf_append_byte(out, '\n');
}

/* What each command of Venice's tool is here. */
static void aliases(struct lg_buf *out)
{
    lg_buf_append_str(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < lg_aliases_count; i++) {
        LG_AUTO_STR char *name = lg_strf("--%s", lg_aliases[i].name);
        LG_SCOPED(lg_buf) text = {0};

        if (lg_aliases[i].line == NULL)
            continue;
        lg_alias_line(&text, &lg_aliases[i]);
        lg_buf_appendf(&text, ": %s", lg_aliases[i].help);
        lg_buf_append_byte(&text, '\0');
        item(out, name, NULL, (const char *)text.data);
    }
}

void lg_manual_command(struct lg_buf *out, enum lg_command_kind kind,
                       const struct lg_option_table *options)
{
    LG_AUTO_STR char *name = lg_manual_name(kind), *title = lg_strdup(name);
    const struct lg_command_row *row;
    bool any = false;

    if (kind == LG_COMMAND_COUNT) {
        main_page(out);
        return;
    }
    row = lg_command_row(kind);
    for (char *c = title; *c != '\0'; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    heading(out, title, "1");
    lg_buf_append_str(out, ".SH NAME\n");
    put(out, name);
    lg_buf_append_str(out, " \\- ");
    line(out, row->help);
    lg_buf_appendf(out, ".SH SYNOPSIS\n\\fBlagoon %s\\fR", row->words);
    lg_buf_append_str(out, *row->arguments == '\0' ? "" : " ");
    line(out, row->arguments);
    for (size_t f = 0; f < LG_FLAG_COUNT; f++) {
        LG_AUTO_STR char *flag = lg_strf("--%s", lg_flag_row((enum lg_command_flag)f)->name);

        if (!lg_command_has_flag(kind, (enum lg_command_flag)f))
            continue;
        lg_buf_append_str(out, any ? "" : ".SH OPTIONS\n");
        any = true;
        item(out, flag, lg_flag_row((enum lg_command_flag)f)->value,
             lg_flag_row((enum lg_command_flag)f)->help);
    }
    if (lg_command_runs_role(kind)) {
        lg_buf_append_str(out, ".SH OPTIONS\n");
        options_of(out, options, "--");
    }
    if (kind == LG_COMMAND_ADMIN)
        aliases(out);
    lg_buf_append_str(out, ".SH EXAMPLES\n.nf\n");
    line(out, row->example);
    lg_buf_append_str(out, ".fi\n");
    exit_status(out);
    lg_buf_append_str(out, ".SH SEE ALSO\n\\fBlagoon\\fR(1)\n");
}

void lg_manual_config(struct lg_buf *out, const struct lg_option_table *options)
{
    heading(out, "LAGOON.CONF", "5");
    lg_buf_append_str(out, ".SH NAME\nlagoon.conf \\- configuration of lagoon\n.SH DESCRIPTION\n");
    line(out, "Lines of the form `key = value`; empty lines and lines that begin with # mean "
              "nothing. A size or a time needs its unit (16MiB, 30s), unless the name of the key "
              "ends in one. Flags of the command line win over the file.");
    lg_buf_append_str(out, ".SH KEYS\n");
    options_of(out, options, "");
    lg_buf_append_str(out, ".SH SEE ALSO\n\\fBlagoon\\fR(1)\n");
}
