/* Tables line up, whatever is in them. */
#include "admin/table.h"

#include "test/test.h"

static void expect(const struct lg_table *t, const char *want)
{
    LG_SCOPED(lg_buf) out = {0};

    lg_table_write(&out, t);
    lg_buf_append_byte(&out, 0);
    assert_string_equal((char *)out.data, want);
}

static void words_stand_left_and_numbers_right(void **state)
{
    LG_AUTO(lg_table) *t = lg_table_new(3);
    static const char *const cells[] = {"STORE", "VERSION", "NOTE", "a", "1",
                                        "x",     "cities",  "12",   ""};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cells); i++)
        lg_table_cell(t, lg_slice_str(cells[i]));
    expect(t, "STORE   VERSION  NOTE\n"
              "a             1  x\n"
              "cities       12  \n");
}

static void characters_are_counted_not_bytes(void **state)
{
    LG_AUTO(lg_table) *t = lg_table_new(2);

    (void)state;
    lg_table_cellf(t, "K");
    lg_table_cellf(t, "V");
    lg_table_cellf(t, "Zürich");
    lg_table_cellf(t, "x");
    lg_table_cellf(t, "Berlin");
    lg_table_cellf(t, "y");
    expect(t, "K       V\nZürich  x\nBerlin  y\n");
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
    LG_AUTO(lg_table) *t = lg_table_new(1);

    (void)state;
    lg_table_cell(t, LG_LIT("a\x1b[2J\nb"));
    expect(t, "a?[2J?b\n");
}

static void a_long_cell_ends_in_an_ellipsis(void **state)
{
    LG_AUTO(lg_table) *t = lg_table_new(1);
    char text[200];

    (void)state;
    memset(text, 'x', sizeof text);
    lg_table_cell(t, lg_slice(text, sizeof text));
    LG_SCOPED(lg_buf) out = {0};
    lg_table_write(&out, t);
    assert_int_equal(out.size, LG_TABLE_CELL_MAX - 1 + strlen("…") + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_stand_left_and_numbers_right),
        cmocka_unit_test(characters_are_counted_not_bytes),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(a_long_cell_ends_in_an_ellipsis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
