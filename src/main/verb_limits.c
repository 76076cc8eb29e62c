/* lagoon limits: the table of limits.def with the values that this program was built with. */
#include "admin/table.h"
#include "base/json.h"
#include "base/str.h"
#include "controller/controller.h"
#include "coord/assignment.h"
#include "main/cli.h"
#include "metastore/metastore.h"
#include "model/names.h"
#include "model/store.h"
#include "net/read_stream.h"
#include "pushjob/input.h"
#include "pushjob/rows.h"
#include "read/cold_queue.h"
#include "record/chunk.h"
#include "server/server.h"

static const struct {
    const char *name;
    uint64_t value;
    const char *unit, *setting, *what;
} rows[] = {
#define X(name, value, unit, setting, what) {#name, (uint64_t)(value), unit, setting, what},
#include "main/limits.def"
#undef X
};

static void as_table(struct lg_buf *out)
{
    static const char *const heading[] = {"LIMIT", "VALUE", "UNIT", "SETTING", "WHAT"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(heading));

    for (size_t i = 0; i < LG_ARRAY_SIZE(heading); i++)
        lg_table_cell(table, lg_slice_str(heading[i]));
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        lg_table_cell(table, lg_slice_str(rows[i].name));
        lg_table_cellf(table, "%llu", (unsigned long long)rows[i].value);
        lg_table_cell(table, lg_slice_str(rows[i].unit));
        lg_table_cell(table, lg_slice_str(rows[i].setting));
        lg_table_cell(table, lg_slice_str(rows[i].what));
    }
    lg_table_write(out, table);
}

static void as_json(struct lg_buf *out, bool pretty)
{
    LG_AUTO(lg_json) *limits = lg_json_new_array();

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct lg_json *row = lg_json_new_object();

        lg_json_set_str(row, "limit", rows[i].name);
        lg_json_set_int(row, "value", (int64_t)rows[i].value);
        lg_json_set_str(row, "unit", rows[i].unit);
        lg_json_set_str(row, "setting", rows[i].setting[0] == '\0' ? NULL : rows[i].setting);
        lg_json_set_str(row, "what", rows[i].what);
        lg_json_push(limits, row);
    }
    lg_json_write(out, limits, pretty);
    lg_buf_append_byte(out, '\n');
}

/* docs/reference/limits.md */
static void as_page(struct lg_buf *out)
{
    lg_buf_append_str(out,
                      "# Limits\n\nMade by `lagoon limits --markdown`; do not edit. Who passes "
                      "a limit gets an error that names it.\n\n"
                      "| limit | value | unit | setting | what it bounds |\n"
                      "|---|---|---|---|---|\n");
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++)
        lg_buf_appendf(out, "| `%s` | %llu | %s | %s | %s |\n", rows[i].name,
                       (unsigned long long)rows[i].value, rows[i].unit, rows[i].setting,
                       rows[i].what);
}

int lg_verb_limits(const struct lg_command *command)
{
    const char *output = command->flags[LG_FLAG_OUTPUT];
    LG_SCOPED(lg_buf) out = {0};

    if (command->flags[LG_FLAG_MARKDOWN] != NULL)
        as_page(&out);
    else if (output == NULL || strcmp(output, "table") == 0)
        as_table(&out);
    else
        as_json(&out, strcmp(output, "json") == 0);
    return lg_cli_print(lg_buf_slice(&out));
}
