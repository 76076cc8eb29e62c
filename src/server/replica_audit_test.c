/* A server's reports under other hands: what it told is there again soon, and nothing else is
 * written for it. */
#include "base/str.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define REPORT "/replicas/cities_v1/s0_8888"
#define OTHER "/replicas/cities_v2/s0_8888"

/* A server with a complete replica of each of two versions. */
static int up(void **state)
{
    static const char *const topics[] = {"cities_v1", "cities_v2"};
    const struct lg_clw_row row = {LG_LIT("\x02k"), LG_LIT("\x54"), 1};
    struct lg_clw *w = lg_clw_new(24, /* with_controller= */ false);

    lg_clw_server_start(w, 0);
    lg_clw_store(w, "cities", 2, 1, 1);
    for (size_t i = 0; i < LG_ARRAY_SIZE(topics); i++) {
        LG_AUTO_STR char *path = lg_strf("/assignment/%s", topics[i]);

        lg_clw_topic(w, topics[i], 1);
        lg_clw_rows(w, topics[i], 1, &row, 1, /* whole= */ true);
        lg_clw_meta(w, LG_META_PUT, path, "{\"partitions\":[[\"s0_8888\"]]}");
    }
    lg_clw_run_ms(w, 3000);
    *state = w;
    return 0;
}

static int down(void **state)
{
    lg_clw_free(*state);
    return 0;
}

static void expect_told(struct lg_clw *w, const char *path)
{
    LG_AUTO_STR char *text = lg_clw_meta_get(w, path);

    if (text == NULL || strstr(text, "\"status\":\"COMPLETED\"") == NULL)
        fail_msg("%s says %s", path, text == NULL ? "nothing" : text);
}

static void a_report_that_is_lost_or_written_over_is_told_anew(void **state)
{
    static const char *const others[] = {NULL, "junk", "", "{}"}; /* NULL: it is removed */
    struct lg_clw *w = *state;
    LG_AUTO_STR char *text = NULL;

    expect_told(w, REPORT);
    for (size_t i = 0; i < LG_ARRAY_SIZE(others); i++) {
        lg_clw_meta(w, others[i] == NULL ? LG_META_REMOVE : LG_META_PUT, REPORT,
                    others[i] == NULL ? "" : others[i]);
        lg_clw_run_ms(w, 2500);
        expect_told(w, REPORT);
    }
    lg_clw_meta(w, LG_META_REMOVE_TREE, "/replicas", "");
    lg_clw_run_ms(w, 2500);
    expect_told(w, REPORT);
    expect_told(w, OTHER);
    /* What was taken back is not told again. */
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", "{\"partitions\":[[\"s1_8888\"]]}");
    lg_clw_run_ms(w, 8000);
    text = lg_clw_meta_get(w, REPORT);
    assert_null(text);
    expect_told(w, OTHER);
}

struct tellings {
    const struct lg_sim_node *node;
    unsigned count; /* changes of REPORT from there */
};

static void count_tellings(void *ctx, struct lg_sim_node *node,
                           const struct lg_meta_change *changes, size_t count)
{
    struct tellings *t = ctx;

    for (size_t i = 0; node == t->node && i < count; i++)
        t->count += strcmp(changes[i].path, REPORT) == 0;
}

static void a_report_that_still_says_what_was_told_is_left_alone(void **state)
{
    struct lg_clw *w = *state;
    struct tellings tellings = {.node = w->servers[0].node};
    LG_AUTO_STR char *said = lg_clw_meta_get(w, REPORT);

    lg_meta_sim_on_write(w->meta, count_tellings, &tellings);
    lg_clw_meta(w, LG_META_PUT, REPORT, said);
    lg_clw_run_ms(w, 10000);
    assert_int_equal(tellings.count, 0);
    lg_clw_meta(w, LG_META_REMOVE, REPORT, "");
    lg_clw_run_ms(w, 10000);
    assert_int_equal(tellings.count, 2); /* Removed and made, in one write. */
    lg_meta_sim_on_write(w->meta, NULL, NULL);
}

static void of_several_reports_under_other_hands_each_is_looked_at(void **state)
{
    static const char *const paths[] = {REPORT, OTHER};
    struct lg_clw *w = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(paths); i++) {
        LG_AUTO_STR char *said = lg_clw_meta_get(w, paths[i]);

        lg_clw_meta(w, LG_META_PUT, paths[i], said); /* There is nothing to tell of this one. */
        lg_clw_meta(w, LG_META_REMOVE, paths[1 - i], "");
        lg_clw_run_ms(w, 2500);
        expect_told(w, REPORT);
        expect_told(w, OTHER);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_report_that_is_lost_or_written_over_is_told_anew),
        TEST(a_report_that_still_says_what_was_told_is_left_alone),
        TEST(of_several_reports_under_other_hands_each_is_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
