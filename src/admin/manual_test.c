/* Manual pages: what stands on them. */
#include "admin/manual.h"

#include "test/test.h"

struct options {
    uint64_t drain_ms;
};
static const struct lg_option rows[] = {
    LG_OPTION_ROW(struct options, drain_ms, duration, 1000, 0, 60000, LIVE, "How long - at most.")};
static const struct lg_option_table options = {.rows = rows, .n = LG_ARRAY_SIZE(rows)};

static void assert_has(const struct lg_buf *page, const char *text)
{
    if (memmem(page->data, page->size, text, strlen(text)) == NULL)
        fail_msg("no '%s' in %.*s", text, (int)page->size, (const char *)page->data);
}

static void the_main_page_names_every_command(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) page = {0};

    lg_manual_command(&page, LG_COMMAND_COUNT, &options);
    assert_has(&page, ".TH LAGOON 1 ");
    for (size_t i = 0; i < LG_COMMAND_COUNT; i++)
        assert_has(&page, lg_command_words((enum lg_command_kind)i));
    assert_has(&page, "\\fBlagoon\\-store\\-create\\fR(1)");
}

static void a_page_has_usage_flags_and_example(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) page = {0};

    lg_manual_command(&page, LG_COMMAND_STORE_CREATE, &options);
    assert_has(&page, ".TH LAGOON-STORE-CREATE 1 ");
    assert_has(&page, "\\fB\\-\\-key\\-schema\\fR \\fIFILE\\fR\n");
    assert_has(&page, "\n.nf\nlagoon store create ");
    assert_has(&page, ".SH EXIT STATUS\n");
}

static void options_stand_on_the_page_of_standalone_and_of_the_file(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) page = {0}, config = {0};

    lg_manual_command(&page, LG_COMMAND_STANDALONE, &options);
    assert_has(&page, "\\fB\\-\\-drain\\-ms\\fR \\fIVALUE\\fR\nHow long \\- at most.");
    lg_manual_config(&config, &options);
    assert_has(&config, ".TH LAGOON.CONF 5 ");
    assert_has(&config, "\\fBdrain_ms\\fR \\fIVALUE\\fR\nHow long \\- at most. A reload takes it.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_main_page_names_every_command),
        cmocka_unit_test(a_page_has_usage_flags_and_example),
        cmocka_unit_test(options_stand_on_the_page_of_standalone_and_of_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
