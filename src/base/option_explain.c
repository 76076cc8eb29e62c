/* What people read about options: the page of one key, and a whole configuration file. Stateless.
 */
#include "base/option.h"

#define WIDTH ((size_t)78)

/* Appends words, a line break where one would pass WIDTH, each line behind `lead`. */
static void append_wrapped(struct lg_buf *out, const char *lead, const char *text)
{
    size_t column = strlen(lead);
    bool begins = true;

    lg_buf_append_str(out, lead);
    for (const char *at = text; *at != '\0';) {
        size_t word = strcspn(at, " ");

        if (!begins && column + 1 + word > WIDTH) {
            lg_buf_appendf(out, "\n%s", lead);
            column = strlen(lead);
            begins = true;
        }
        if (!begins)
            lg_buf_append_byte(out, ' ');
        column += word + (begins ? 0 : 1);
        begins = false;
        lg_buf_append(out, at, word);
        at += word;
        at += strspn(at, " ");
    }
    lg_buf_append_byte(out, '\n');
}

static void append_fact(struct lg_buf *out, const char *name, struct lg_slice text)
{
    if (text.size > 0)
        lg_buf_appendf(out, "  %-9s %.*s\n", name, LG_FMT(text));
}

void lg_option_explain(struct lg_buf *out, const struct lg_option *o)
{
    LG_SCOPED(lg_buf) otherwise = {0}, range = {0};

    lg_option_format_default(&otherwise, o);
    lg_option_format_range(&range, o);
    if (o->type == LG_OPTION_str && o->text == NULL)
        lg_buf_append_str(&otherwise, "not set");
    lg_buf_appendf(out, "%s\n", o->name);
    append_wrapped(out, "  ", o->help);
    if (o->more != NULL)
        append_wrapped(out, "  ", o->more);
    lg_buf_append_byte(out, '\n');
    append_fact(out, "value", lg_slice_str(lg_option_type_text(o)));
    append_fact(out, "default", lg_buf_slice(&otherwise));
    append_fact(out, "range", lg_buf_slice(&range));
    append_fact(out, "changes",
                o->when == LG_OPTION_LIVE ? LG_LIT("live: at SIGHUP (lagoon rereads its file)")
                                          : LG_LIT("at the next start"));
    lg_buf_appendf(out, "  %-9s --", "flag");
    lg_option_append_flag(out, o);
    lg_buf_appendf(out, "\n  %-9s LAGOON_", "variable");
    for (const char *c = o->name; *c != '\0'; c++)
        lg_buf_append_byte(out, (uint8_t)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A'
                                          : *c == '.'            ? '_'
                                                                 : *c));
    lg_buf_append_byte(out, '\n');
    if (o->example != NULL)
        lg_buf_appendf(out, "  %-9s %s = %s\n", "example", o->name, o->example);
}

static bool is_in(const char *name, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

void lg_options_sample(struct lg_buf *out, const struct lg_option_table *table,
                       const char *const *but)
{
    for (size_t i = 0; i < table->n; i++) {
        const struct lg_option *o = &table->rows[i];
        LG_SCOPED(lg_buf) range = {0};
        bool set = o->type != LG_OPTION_str || o->text != NULL;

        if (is_in(o->name, but))
            continue;
        lg_option_format_range(&range, o);
        lg_buf_append_byte(out, '\n');
        append_wrapped(out, "# ", o->help);
        if (o->more != NULL)
            append_wrapped(out, "# ", o->more);
        lg_buf_appendf(out, "# %s", lg_option_type_text(o));
        if (range.size > 0)
            lg_buf_appendf(out, "; %.*s", LG_FMT(lg_buf_slice(&range)));
        lg_buf_append_str(out, o->when == LG_OPTION_LIVE ? "; live\n" : "; at start\n");
        lg_buf_appendf(out, "#%s = ", o->name);
        if (set)
            lg_option_format_default(out, o);
        else if (o->example != NULL)
            lg_buf_append_str(out, o->example);
        lg_buf_append_byte(out, '\n');
    }
}
