/* JSON that nobody knows more about, as people read it. */
#include "admin/json_table.h"

#include <stdio.h>

#include "base/buf.h"
#include "test/test.h"

static void expect(const char *json, const char *want)
{
    LG_AUTO(lg_json) *parsed = NULL;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};

    assert_ok(lg_json_parse(lg_slice_str(json), &parsed, &err));
    lg_json_table_write(&out, parsed);
    lg_buf_append_byte(&out, 0);
    assert_string_equal((const char *)out.data, want);
}

static void values_stand_first_and_each_list_has_a_table(void **state)
{
    (void)state;
    expect("{\"error\":null,\"nodes\":[{\"id\":\"a_1\",\"goneForMs\":0,\"zone\":null},"
           "{\"id\":\"b_2\",\"goneForMs\":1500,\"at_port\":8888}],\"cluster\":\"prod\",\"ok\":true,"
           "\"routers\":[]}",
           "NAME     VALUE\n"
           "cluster  prod\n"
           "ok       true\n"
           "routers  \n"
           "\n"
           "nodes\n"
           "ID   GONE FOR MS  ZONE  AT PORT\n"
           "a_1            0               \n"
           "b_2         1500           8888\n");
}

static void what_lies_deeper_stands_in_a_cell(void **state)
{
    (void)state;
    expect("{\"status\":{\"cities\":\"FULL\",\"of\":{\"a\":[1,2]}},"
           "\"rows\":[{\"ids\":[\"a\",\"b\"],\"sub\":{\"x\":1},\"pairs\":[[1],[2]]}]}",
           "status\n"
           "NAME    VALUE\n"
           "cities  FULL\n"
           "of      {\"a\":[1,2]}\n"
           "\n"
           "rows\n"
           "IDS   SUB      PAIRS\n"
           "a, b  {\"x\":1}  [[1],[2]]\n");
}

static void lists_of_values_and_mixed_ones_lose_nothing(void **state)
{
    (void)state;
    expect("{\"stores\":[\"a\",\"b\"]}", "stores\nVALUE\na\nb\n");
    expect("[{\"x\":\"p\"},\"alone\"]", "X\np\nalone\n");
    expect("[1,2]", "VALUE\n    1\n    2\n");
    expect("\"text\"", "VALUE\ntext\n");
}

static void nothing_is_told_as_such(void **state)
{
    (void)state;
    expect("{}", "nothing was answered\n");
    expect("{\"error\":null}", "nothing was answered\n");
}

static void no_value_and_no_name_plays_with_the_terminal(void **state)
{
    (void)state;
    expect("{\"a\":\"\\u001b[2J\",\"\\u001b]\":[\"x\"]}",
           "NAME  VALUE\na     ?[2J\n\n?]\nVALUE\nx\n");
}

static void long_and_wide_lists_are_bounded(void **state)
{
    LG_AUTO(lg_json) *rows = lg_json_new_array(), *wide = lg_json_new_object();
    LG_SCOPED(lg_buf) out = {0};
    char name[8];

    (void)state;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "m%d", i);
        lg_json_set_int(wide, name, i);
    }
    lg_json_push(rows, lg_json_ref(wide));
    for (size_t i = 0; i < LG_JSON_TABLE_ROWS_MAX + 2; i++)
        lg_json_push(rows, lg_json_new_object());
    lg_json_table_write(&out, rows);
    lg_buf_append_byte(&out, 0);
    assert_non_null(strstr((const char *)out.data, "M31"));
    assert_null(strstr((const char *)out.data, "M32"));
    assert_non_null(strstr((const char *)out.data, "\nand 3 more\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stand_first_and_each_list_has_a_table),
        cmocka_unit_test(what_lies_deeper_stands_in_a_cell),
        cmocka_unit_test(lists_of_values_and_mixed_ones_lose_nothing),
        cmocka_unit_test(nothing_is_told_as_such),
        cmocka_unit_test(no_value_and_no_name_plays_with_the_terminal),
        cmocka_unit_test(long_and_wide_lists_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
