/* CSV: the first line names the columns; each further record's text is parsed by the schema of the
 * field that its column is for. */
#include "base/str.h"
#include "pushjob/input_impl.h"
#include "pushjob/text_value.h"

#include <math.h>
#include <stdlib.h>

#define NO_COLUMN ((size_t)-1)

struct columns {
    struct lg_csv *csv;
    LG_VEC(char *) names;
    size_t key_column, value_column; /* value_column NO_COLUMN: the whole record */
    size_t *of_field;                /* of the value's record, by field; NO_COLUMN: its default */
};

/* --- Columns. ----------------------------------------------------------------------------------
 */

static size_t find(const struct columns *c, const char *name)
{
    for (size_t i = 0; i < c->names.size; i++)
        if (strcmp(c->names.data[i], name) == 0)
            return i;
    return NO_COLUMN;
}

/* Bytes that others use between fields: the header as one column gives them away. */
static const char *other_delimiter(const struct columns *c)
{
    const char *name = c->names.size == 1 ? c->names.data[0] : "";

    if (strchr(name, ';') != NULL)
        return "; --delimiter ';' splits it";
    if (strchr(name, '\t') != NULL)
        return "; --delimiter tab splits it";
    if (strchr(name, '|') != NULL)
        return "; --delimiter '|' splits it";
    if (strchr(name, ',') != NULL)
        return "; --delimiter ',' splits it";
    if (c->names.size == 1)
        return "; is it CSV at all?";
    return "";
}

static enum lg_rc no_column(const struct columns *c, const char *name, const char *why,
                            struct lg_error *err)
{
    const char *near = lg_nearest(name, (const char *const *)(void *)c->names.data, c->names.size);

    return lg_error_set(err, LG_ERR_INVALID, "the header has no column '%.120s'%s%s%.120s%s%s",
                        name, why, near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                        near == NULL ? "" : "'?", other_delimiter(c));
}

static enum lg_rc add_column(struct columns *c, struct lg_slice name, struct lg_error *err)
{
    char *copy;

    if (!lg_utf8_valid(name))
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the name of column %zu is not UTF-8; convert the file first",
                            c->names.size + 1);
    copy = lg_strndup((const char *)name.data, name.size);
    if (find(c, copy) != NO_COLUMN) {
        enum lg_rc rc = lg_error_set(err, LG_ERR_BAD_DATA,
                                     "two columns have the name '%.120s'; rename one%s", copy,
                                     name.size == 0 ? " (is there a header at all? else "
                                                      "--no-header)"
                                                    : "");

        lg_free(copy);
        return rc;
    }
    LG_VEC_PUSH(&c->names, copy);
    return LG_OK;
}

static enum lg_rc read_header(struct columns *c, struct lg_error *err)
{
    const struct lg_csv_field *fields;
    size_t count = 0;
    bool end = false;
    enum lg_rc rc = lg_csv_next(c->csv, &fields, &count, &end, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "the header");
    if (end)
        return lg_error_set(err, LG_ERR_BAD_DATA, "it holds nothing but blank lines");
    for (size_t i = 0; i < count && rc == LG_OK; i++)
        rc = add_column(c, fields[i].text, err);
    return rc;
}

static enum lg_rc open_csv(struct lg_input *in, struct lg_error *err)
{
    struct columns *c = lg_new(struct columns);
    enum lg_rc rc;

    in->reader = c;
    c->csv = lg_csv_new(&(struct lg_csv_options){
        .source = {lg_input_read, in}, .delimiter = in->o.csv_delimiter, .quote = in->o.csv_quote});
    if (in->o.csv_no_header)
        return LG_OK; /* The names come from the store's schema. */
    rc = read_header(c, err);
    if (rc == LG_OK && in->o.key_field != NULL && find(c, in->o.key_field) == NO_COLUMN)
        rc = no_column(c, in->o.key_field, "", err);
    if (rc == LG_OK && in->o.value_field != NULL && find(c, in->o.value_field) == NO_COLUMN)
        rc = no_column(c, in->o.value_field, "", err);
    return rc;
}

static void close_csv(struct lg_input *in)
{
    struct columns *c = in->reader;

    lg_csv_free(c->csv);
    for (size_t i = 0; i < c->names.size; i++)
        lg_free(c->names.data[i]);
    LG_VEC_DONE(&c->names);
    lg_free(c->of_field);
    lg_free(c);
}

/* --- Which column is for which field? ----------------------------------------------------------
 */

/* Without a header: the key, unless it is a field of the value; then the value, or its fields. */
static enum lg_rc name_columns(struct lg_input *in, struct columns *c, struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    if (in->o.value_field != NULL || lg_input_key_is_beside(in))
        rc = add_column(c, lg_slice_str(in->o.key_field), err);
    if (in->o.value_field != NULL)
        return rc == LG_OK ? add_column(c, lg_slice_str(in->o.value_field), err) : rc;
    for (size_t i = 0; i < lg_schema_field_count(in->value_schema) && rc == LG_OK; i++)
        rc = add_column(c, lg_schema_field_name(in->value_schema, i), err);
    return rc;
}

static enum lg_rc refuse_unknown(const struct lg_input *in, const struct columns *c,
                                 struct lg_error *err)
{
    const struct lg_schema *record = in->value_schema;

    for (size_t i = 0; i < c->names.size; i++) {
        const char *name = c->names.data[i], *near;

        if (i == c->key_column ||
            lg_schema_field_index(record, lg_slice_str(name)) != LG_SCHEMA_NO_INDEX)
            continue;
        near = lg_schema_field_nearest(record, name);
        return lg_error_set(
            err, LG_ERR_INVALID, "column '%.120s' is no field of record %.*s%s%.120s%s%s", name,
            (int)LG_MIN(lg_schema_name(record).size, (size_t)120),
            (const char *)lg_schema_name(record).data, near == NULL ? "" : "; did you mean '",
            near == NULL ? "" : near, near == NULL ? "" : "'?", other_delimiter(c));
    }
    return LG_OK;
}

static enum lg_rc map_fields(const struct lg_input *in, struct columns *c, struct lg_error *err)
{
    const struct lg_schema *record = in->value_schema;
    size_t n = lg_schema_field_count(record);
    const char *missing = NULL;
    enum lg_rc rc;

    if (lg_schema_kind(record) != LG_AVRO_RECORD)
        return lg_error_set(err, LG_ERR_INVALID,
                            "the store's values are of type %s; name the column that holds them "
                            "with --value-field",
                            lg_avro_kind_name(lg_schema_kind(record)));
    c->of_field = lg_new_array(size_t, n);
    for (size_t i = 0; i < n; i++) {
        const char *name = (const char *)lg_schema_field_name(record, i).data;

        c->of_field[i] = find(c, name);
        if (c->of_field[i] == NO_COLUMN && !lg_schema_field_has_default(record, i))
            missing = missing == NULL ? name : missing;
    }
    rc = refuse_unknown(in, c, err); /* A misspelt name is the better story. */
    if (rc == LG_OK && missing != NULL)
        rc = no_column(c, missing, ", and the schema has no default for it", err);
    return rc;
}

static enum lg_rc bind_csv(struct lg_input *in, struct lg_error *err)
{
    struct columns *c = in->reader;
    enum lg_rc rc = in->o.csv_no_header ? name_columns(in, c, err) : LG_OK;

    if (rc != LG_OK)
        return rc;
    c->key_column = find(c, in->o.key_field);
    c->value_column = in->o.value_field == NULL ? NO_COLUMN : find(c, in->o.value_field);
    if (c->key_column == NO_COLUMN)
        return no_column(c, in->o.key_field, "", err);
    return in->o.value_field == NULL ? map_fields(in, c, err) : LG_OK;
}

/* --- Records. ----------------------------------------------------------------------------------
 */

static enum lg_rc next_fields(struct lg_input *in, const struct lg_csv_field **out, bool *out_end,
                              struct lg_error *err)
{
    struct columns *c = in->reader;
    size_t count = 0;
    enum lg_rc rc = lg_csv_next(c->csv, out, &count, out_end, err);

    in->line = lg_csv_line(c->csv);
    in->go_on = rc == LG_OK || rc == LG_ERR_BAD_DATA;
    if (rc != LG_OK || *out_end || count == c->names.size)
        return rc;
    return lg_error_set(err, LG_ERR_BAD_DATA, "line %llu: %zu column%s, but the %s %zu",
                        (unsigned long long)in->line, count, count == 1 ? "" : "s",
                        in->o.csv_no_header ? "schema asks for" : "header has", c->names.size);
}

static enum lg_rc encode_column(struct lg_input *in, const struct lg_csv_field *fields,
                                size_t column, const struct lg_schema *schema, struct lg_buf *out,
                                struct lg_error *err)
{
    const struct columns *c = in->reader;
    enum lg_rc rc =
        lg_text_value_encode(schema, fields[column].text, fields[column].quoted, out, err);

    return rc == LG_OK ? LG_OK
                       : lg_error_wrap(err, "line %llu, column '%.120s'",
                                       (unsigned long long)in->line, c->names.data[column]);
}

static enum lg_rc encode_value(struct lg_input *in, const struct lg_csv_field *fields,
                               struct lg_error *err)
{
    const struct columns *c = in->reader;
    const struct lg_schema *record = in->value_schema;
    enum lg_rc rc = LG_OK;

    if (c->value_column != NO_COLUMN)
        return encode_column(in, fields, c->value_column, record, &in->value, err);
    for (size_t i = 0; i < lg_schema_field_count(record) && rc == LG_OK; i++) {
        if (c->of_field[i] == NO_COLUMN)
            lg_buf_append_slice(&in->value, lg_schema_field_default(record, i));
        else
            rc = encode_column(in, fields, c->of_field[i], lg_schema_field_schema(record, i),
                               &in->value, err);
    }
    return rc;
}

static enum lg_rc next_csv(struct lg_input *in, struct lg_slice *out_key,
                           struct lg_slice *out_value, bool *out_end, struct lg_error *err)
{
    const struct columns *c = in->reader;
    const struct lg_csv_field *fields;
    enum lg_rc rc = next_fields(in, &fields, out_end, err);

    if (rc != LG_OK || *out_end)
        return rc;
    lg_buf_clear(&in->key);
    lg_buf_clear(&in->value);
    rc = encode_column(in, fields, c->key_column, in->key_schema, &in->key, err);
    if (rc == LG_OK)
        rc = encode_value(in, fields, err);
    if (rc != LG_OK)
        return rc;
    *out_key = lg_buf_slice(&in->key);
    *out_value = lg_buf_slice(&in->value);
    return LG_OK;
}

/* --- As JSON. ----------------------------------------------------------------------------------
 */

/* Is the text a JSON number that a double or a long holds? */
static bool is_json_number(struct lg_slice text)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error ignored;

    if (text.size == 0 || text.size > LG_TEXT_NUMBER_BYTES_MAX ||
        (text.data[0] != '-' && (text.data[0] < '0' || text.data[0] > '9')))
        return false;
    return lg_json_parse(text, &json, &ignored) == LG_OK &&
           (lg_json_type(json) == LG_JSON_INT || lg_json_type(json) == LG_JSON_REAL);
}

static void write_cell(struct lg_buf *out, const struct lg_csv_field *field)
{
    if (!field->quoted && field->text.size == 0)
        lg_buf_append_str(out, "null");
    else if (!field->quoted &&
             (is_json_number(field->text) || lg_slice_eq_str(field->text, "true") ||
              lg_slice_eq_str(field->text, "false")))
        lg_buf_append_slice(out, field->text);
    else
        lg_json_write_string(out, field->text);
}

/* Without a header, and without a schema that could name them: column1, column2 ... */
static enum lg_rc next_unnamed(struct lg_input *in, const struct lg_csv_field **out, bool *out_end,
                               struct lg_error *err)
{
    struct columns *c = in->reader;
    size_t count = 0;
    enum lg_rc rc = lg_csv_next(c->csv, out, &count, out_end, err);

    in->line = lg_csv_line(c->csv);
    if (rc != LG_OK || *out_end)
        return rc;
    for (size_t i = 0; i < count && rc == LG_OK; i++) {
        LG_AUTO_STR char *name = lg_strf("column%zu", i + 1);

        rc = add_column(c, lg_slice_str(name), err);
    }
    return rc;
}

static enum lg_rc next_csv_json(struct lg_input *in, struct lg_buf *out, bool *out_end,
                                struct lg_error *err)
{
    const struct columns *c = in->reader;
    const struct lg_csv_field *fields;
    enum lg_rc rc = c->names.size == 0 ? next_unnamed(in, &fields, out_end, err)
                                       : next_fields(in, &fields, out_end, err);

    if (rc != LG_OK || *out_end)
        return rc;
    for (size_t i = 0; i < c->names.size; i++)
        if (!lg_utf8_valid(fields[i].text))
            return lg_error_set(err, LG_ERR_BAD_DATA,
                                "line %llu, column '%.120s': the text is not UTF-8",
                                (unsigned long long)in->line, c->names.data[i]);
    for (size_t i = 0; i < c->names.size && out != NULL; i++) {
        lg_buf_append_byte(out, i == 0 ? '{' : ',');
        lg_json_write_string(out, lg_slice_str(c->names.data[i]));
        lg_buf_append_byte(out, ':');
        write_cell(out, &fields[i]);
    }
    if (out != NULL)
        lg_buf_append_byte(out, '}');
    return LG_OK;
}

const struct lg_input_ops lg_input_csv_ops = {
    .open = open_csv,
    .close = close_csv,
    .bind = bind_csv,
    .next = next_csv,
    .next_json = next_csv_json,
};
