/* The sentences of a compatibility report. They speak of what changed from the old schema to the
 * new one, whichever of them reads. Pure. */
#include "avro/compat_impl.h"
#include "base/str.h"

#define TYPE_TEXT_BYTES_MAX 120

const char *lg_compat_side_text(enum lg_compat_side side)
{
    switch (side) {
    case LG_COMPAT_NEW_READERS:
        return "new readers of old data";
    case LG_COMPAT_OLD_READERS:
        return "old readers of new data";
    case LG_COMPAT_NOBODY:
        return "nobody";
    }
    return "";
}

/* --- Types and paths. --------------------------------------------------------------------------
 */

static void type_text(const struct lg_schema *s, struct lg_buf *out)
{
    if (out->size > TYPE_TEXT_BYTES_MAX) {
        lg_buf_append_str(out, "...");
        return;
    }
    if (s->kind == LG_AVRO_UNION) {
        lg_buf_append_byte(out, '[');
        for (size_t i = 0; i < s->count && out->size <= TYPE_TEXT_BYTES_MAX; i++) {
            lg_buf_append_str(out, i == 0 ? "" : ", ");
            type_text(s->branches[i], out);
        }
        lg_buf_append_byte(out, ']');
        return;
    }
    lg_buf_append_str(out, lg_avro_kind_name(s->kind));
    if (s->kind == LG_AVRO_ARRAY || s->kind == LG_AVRO_MAP) {
        lg_buf_append_str(out, " of ");
        type_text(s->items, out);
    } else if (lg_schema_is_named(s)) {
        lg_buf_appendf(out, " %.*s", LG_FMT(s->full_name));
    }
}

static char *type_str(const struct lg_schema *s)
{
    LG_SCOPED(lg_buf) text = {0};

    type_text(s, &text);
    return lg_strf("%.*s", LG_FMT(lg_buf_slice(&text)));
}

static void path_text(const struct lg_compat_path *path, struct lg_buf *out)
{
    if (path == NULL)
        return;
    path_text(path->up, out);
    if (path->field.data == NULL)
        lg_buf_append_str(out, path->is_map ? "{}" : "[]");
    else
        lg_buf_appendf(out, "%s%.*s", out->size == 0 ? "" : ".", LG_FMT(path->field));
}

static void tell(const struct lg_compat_place *at, const char *rule, struct lg_slice field,
                 char *take_change, char *take_remedy)
{
    struct lg_compat_path own = {.up = at->path, .field = field};
    LG_SCOPED(lg_buf) path = {0};

    if (at->report->findings.size >= LG_COMPAT_FINDINGS_MAX) {
        at->report->is_cut = true;
        at->report->broken += at->side != LG_COMPAT_NOBODY;
        lg_free(take_change);
        lg_free(take_remedy);
        return;
    }
    path_text(field.data == NULL ? at->path : &own, &path);
    at->report->broken += at->side != LG_COMPAT_NOBODY;
    LG_VEC_PUSH(&at->report->findings, (struct lg_compat_finding){
                                           .breaks = at->side,
                                           .rule = rule,
                                           .schema_id = at->schema_id,
                                           .path = lg_strf("%.*s", LG_FMT(lg_buf_slice(&path))),
                                           .change = take_change,
                                           .remedy = take_remedy,
                                       });
}

/* --- What is found. -----------------------------------------------------------------------------
 */

void lg_compat_tell_missing(const struct lg_compat_place *at, const struct lg_schema *reader,
                            size_t field)
{
    const struct lg_schema_field *f = &reader->fields[field];
    LG_AUTO_STR char *type = type_str(f->schema);

    if (at->side == LG_COMPAT_NEW_READERS)
        tell(
            at, "FIELD_ADDED_WITHOUT_DEFAULT", f->name,
            lg_strf("field %.*s (%s) was added without a default, which old records lack",
                    LG_FMT(f->name), type),
            lg_strf("give it a default, for example \"type\": [\"null\", ...], \"default\": null"));
    else
        tell(at, "FIELD_REMOVED_WITHOUT_DEFAULT", f->name,
             lg_strf("field %.*s (%s) was removed, which has no default for old readers",
                     LG_FMT(f->name), type),
             lg_strf("keep the field; only a field with a default can be removed"));
}

void lg_compat_tell_types(const struct lg_compat_place *at, const struct lg_schema *writer,
                          const struct lg_schema *reader)
{
    bool reads_new = at->side == LG_COMPAT_OLD_READERS;
    LG_AUTO_STR char *was = type_str(reads_new ? reader : writer);
    LG_AUTO_STR char *is = type_str(reads_new ? writer : reader);

    tell(at, "TYPE_CHANGED", LG_SLICE_NULL, lg_strf("the type changed from %s to %s", was, is),
         lg_strf("keep %s, and add a field of the new type, with a default", was));
}

static void tell_branch(const struct lg_compat_place *at, const struct lg_step *step)
{
    LG_AUTO_STR char *written = type_str(step->writer);
    LG_AUTO_STR char *read = type_str(step->reader);

    if (at->side == LG_COMPAT_NEW_READERS)
        tell(at, "UNION_BRANCH_REMOVED", LG_SLICE_NULL,
             lg_strf("%s is no longer among %s", written, read),
             lg_strf("keep %s in the union", written));
    else
        tell(at, "UNION_BRANCH_ADDED", LG_SLICE_NULL,
             lg_strf("%s was added, which old readers do not find among %s", written, read),
             lg_strf("add a field of type %s, with a default, instead", written));
}

static void tell_size(const struct lg_compat_place *at, const struct lg_schema *older,
                      const struct lg_schema *newer)
{
    tell(at, "FIXED_SIZE_CHANGED", LG_SLICE_NULL,
         lg_strf("fixed %.*s changed from %zu to %zu bytes", LG_FMT(older->full_name),
                 older->fixed_bytes, newer->fixed_bytes),
         lg_strf("keep the size, and add a field with a fixed of another name"));
}

void lg_compat_tell_misfit(const struct lg_compat_place *at, const struct lg_step *step)
{
    bool reads_new = at->side == LG_COMPAT_OLD_READERS;
    const struct lg_schema *older = reads_new ? step->reader : step->writer;
    const struct lg_schema *newer = reads_new ? step->writer : step->reader;

    switch (step->misfit) {
    case LG_MISFIT_TYPES:
        lg_compat_tell_types(at, step->writer, step->reader);
        return;
    case LG_MISFIT_NAMES:
        lg_compat_tell_name(at, step->writer, step->reader);
        return;
    case LG_MISFIT_SIZES:
        tell_size(at, older, newer);
        return;
    case LG_MISFIT_BRANCH:
        tell_branch(at, step);
        return;
    case LG_MISFIT_MISSING:
        break;
    }
    assert(false && "missing fields are told one by one");
}

void lg_compat_tell_symbol(const struct lg_compat_place *at, const struct lg_schema *writer,
                           size_t symbol)
{
    struct lg_slice name = writer->symbols[symbol];

    if (at->side == LG_COMPAT_NEW_READERS)
        tell(at, "ENUM_SYMBOL_REMOVED", LG_SLICE_NULL,
             lg_strf("symbol %.*s was removed from enum %.*s, which has no default", LG_FMT(name),
                     LG_FMT(writer->full_name)),
             lg_strf("keep the symbol, or give the enum a default"));
    else
        tell(at, "ENUM_SYMBOL_ADDED", LG_SLICE_NULL,
             lg_strf("symbol %.*s was added to enum %.*s, which has no default for old readers",
                     LG_FMT(name), LG_FMT(writer->full_name)),
             lg_strf("use a new field for the new symbols; only an enum with a default can grow"));
}

void lg_compat_tell_name(const struct lg_compat_place *at, const struct lg_schema *writer,
                         const struct lg_schema *reader)
{
    bool reads_new = at->side == LG_COMPAT_OLD_READERS;
    struct lg_slice was = reads_new ? reader->full_name : writer->full_name;
    struct lg_slice is = reads_new ? writer->full_name : reader->full_name;

    tell(at, "NAME_CHANGED", LG_SLICE_NULL,
         lg_strf("%s %.*s is now called %.*s", lg_avro_kind_name(writer->kind), LG_FMT(was),
                 LG_FMT(is)),
         reads_new ? lg_strf("keep the name %.*s", LG_FMT(was))
                   : lg_strf("keep the name, or give it the alias %.*s", LG_FMT(was)));
}

static char *json_text(const struct lg_json *json)
{
    LG_SCOPED(lg_buf) text = {0};

    if (json == NULL)
        return lg_strdup("none");
    lg_json_write(&text, json, /* pretty= */ false);
    return lg_strf("%.*s%s", (int)LG_MIN(text.size, (size_t)TYPE_TEXT_BYTES_MAX),
                   (const char *)text.data, text.size > TYPE_TEXT_BYTES_MAX ? "..." : "");
}

void lg_compat_tell_default(const struct lg_compat_place *at, const struct lg_schema_field *older,
                            const struct lg_schema_field *newer)
{
    LG_AUTO_STR char *was = json_text(older->default_json);
    LG_AUTO_STR char *is = json_text(newer->default_json);

    tell(at, "DEFAULT_CHANGED", newer->name,
         lg_strf("the default of field %.*s changed from %s to %s", LG_FMT(newer->name), was, is),
         newer->default_json == NULL
             ? lg_strf("keep the default, else a later schema cannot drop the field")
             : lg_strdup(""));
}

void lg_compat_tell_logical(const struct lg_compat_place *at, const struct lg_schema *older,
                            const struct lg_schema *newer)
{
    struct lg_slice none = LG_LIT("none");
    struct lg_slice was = older->logical_type.size > 0 ? older->logical_type : none;
    struct lg_slice is = newer->logical_type.size > 0 ? newer->logical_type : none;

    tell(at, "LOGICAL_TYPE_CHANGED", LG_SLICE_NULL,
         lg_strf("the logical type changed from %.*s to %.*s", LG_FMT(was), LG_FMT(is)),
         lg_strf("make sure that all readers take the same bytes for the same value"));
}

void lg_compat_tell_refused(const struct lg_compat_place *at, const char *sentence)
{
    tell(at, "NOT_COMPARABLE", LG_SLICE_NULL, lg_strdup(sentence), lg_strdup(""));
}
