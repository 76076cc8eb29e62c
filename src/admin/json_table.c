#include "admin/json_table.h"

#include "admin/table.h"

static bool is_list(const struct lg_json *j)
{
    return lg_json_type(j) == LG_JSON_ARRAY;
}

static bool is_object(const struct lg_json *j)
{
    return lg_json_type(j) == LG_JSON_OBJECT;
}

/* What has a table of its own. An empty one is shown as a value. */
static bool is_section(const struct lg_json *j)
{
    return (is_list(j) || is_object(j)) && lg_json_size(j) > 0;
}

/* "goneForMs", "gone_for_ms": "GONE FOR MS". */
static void heading_cell(struct lg_table *table, const char *name)
{
    LG_SCOPED(lg_buf) text = {0};
    bool lower = false;

    for (const char *c = name; *c != '\0'; c++) {
        bool upper = *c >= 'A' && *c <= 'Z';

        if (upper && lower)
            lg_buf_append_byte(&text, ' ');
        lower = *c >= 'a' && *c <= 'z';
        lg_buf_append_byte(&text, *c == '_' ? ' '
                                  : lower   ? (uint8_t)(*c - 'a' + 'A')
                                            : (uint8_t)*c);
    }
    lg_table_cell(table, lg_buf_slice(&text));
}

static void append_value(struct lg_buf *out, const struct lg_json *j)
{
    if (j == NULL || lg_json_type(j) == LG_JSON_NULL)
        return;
    if (lg_json_type(j) == LG_JSON_STRING)
        lg_buf_append_slice(out, lg_json_string(j));
    else
        lg_json_write(out, j, /* pretty= */ false);
}

/* A list of values is read more easily without brackets. */
static void value_cell(struct lg_table *table, const struct lg_json *j)
{
    LG_SCOPED(lg_buf) text = {0};
    bool flat = is_list(j);

    for (size_t i = 0; flat && i < lg_json_size(j); i++)
        flat = !is_section(lg_json_at(j, i));
    for (size_t i = 0; flat && i < lg_json_size(j) && text.size <= LG_TABLE_CELL_MAX * 4; i++) {
        lg_buf_append_str(&text, i == 0 ? "" : ", ");
        append_value(&text, lg_json_at(j, i));
    }
    if (!flat)
        append_value(&text, j);
    lg_table_cell(table, lg_buf_slice(&text));
}

/* The members of all rows, in the order in which they first come. */
static size_t columns_of(const struct lg_json *rows, const char *names[LG_TABLE_COLUMNS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), LG_JSON_TABLE_ROWS_MAX); i++) {
        const char *name;
        struct lg_json *value;

        for (size_t at = 0; lg_json_next(lg_json_at(rows, i), &at, &name, &value);) {
            size_t k = 0;

            while (k < n && strcmp(names[k], name) != 0)
                k++;
            if (k == n && n < LG_TABLE_COLUMNS_MAX)
                names[n++] = name;
        }
    }
    return n;
}

static void write_list(struct lg_buf *out, const struct lg_json *rows)
{
    const char *names[LG_TABLE_COLUMNS_MAX];
    size_t shown = LG_MIN(lg_json_size(rows), LG_JSON_TABLE_ROWS_MAX);
    size_t n = columns_of(rows, names);
    LG_AUTO(lg_table) *table = lg_table_new(n == 0 ? 1 : n);

    if (n == 0)
        lg_table_cell(table, LG_LIT("VALUE"));
    for (size_t k = 0; k < n; k++)
        heading_cell(table, names[k]);
    for (size_t i = 0; i < shown; i++) {
        const struct lg_json *row = lg_json_at(rows, i);

        if (n == 0)
            value_cell(table, row);
        for (size_t k = 0; k < n; k++) /* A value among objects has no column. */
            value_cell(table, is_object(row) ? lg_json_get(row, names[k]) : k == 0 ? row : NULL);
    }
    lg_table_write(out, table);
    if (shown < lg_json_size(rows))
        lg_buf_appendf(out, "and %zu more\n", lg_json_size(rows) - shown);
}

/* Members without tables of their own (`all`: every one). */
static bool write_members(struct lg_buf *out, const struct lg_json *object, bool all)
{
    LG_AUTO(lg_table) *table = lg_table_new(2);
    const char *name;
    struct lg_json *value;
    bool any = false;

    lg_table_cell(table, LG_LIT("NAME"));
    lg_table_cell(table, LG_LIT("VALUE"));
    for (size_t at = 0; lg_json_next(object, &at, &name, &value);) {
        if (lg_json_type(value) == LG_JSON_NULL || (!all && is_section(value)))
            continue;
        any = true;
        lg_table_cell(table, lg_slice_str(name));
        value_cell(table, value);
    }
    if (any)
        lg_table_write(out, table);
    return any;
}

static void title(struct lg_buf *out, bool apart, const char *name)
{
    LG_AUTO(lg_table) *table = lg_table_new(1);

    lg_buf_append_str(out, apart ? "\n" : "");
    lg_table_cell(table, lg_slice_str(name));
    lg_table_write(out, table);
}

void lg_json_table_write(struct lg_buf *out, const struct lg_json *json)
{
    const char *name;
    struct lg_json *value;
    bool any;

    if (!is_object(json)) {
        LG_AUTO(lg_json) *alone = lg_json_new_array();

        if (!is_list(json))
            lg_json_push(alone, lg_json_ref((struct lg_json *)(uintptr_t)json));
        write_list(out, is_list(json) ? json : alone);
        return;
    }
    any = write_members(out, json, /* all= */ false);
    for (size_t at = 0; lg_json_next(json, &at, &name, &value);) {
        if (!is_section(value))
            continue;
        title(out, any, name);
        any = true;
        if (is_list(value))
            write_list(out, value);
        else
            (void)write_members(out, value, /* all= */ true);
    }
    if (!any)
        lg_buf_append_str(out, "nothing was answered\n");
}
