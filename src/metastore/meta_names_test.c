/* Sets of names: what concerns a watch, each once, and not more than may be told one by one. */
#include "metastore/meta_names.h"

#include "base/str.h"
#include "test/test.h"

static void expect(const struct lg_meta_names *names, const char *want)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO_STR char *got = NULL;
    struct lg_slice path;
    size_t at = 0;
    bool below;

    while (lg_meta_names_next(names, &at, &path, &below))
        lg_buf_appendf(&text, "%.*s%s ", LG_FMT(path), below ? "+" : "");
    got = lg_buf_take_str(&text);
    assert_string_equal(got == NULL ? "" : got, want);
}

static void what_lies_below_the_top_is_named_once(void **state)
{
    struct lg_meta_names names;

    (void)state;
    lg_meta_names_init(&names, "/a");
    assert_true(lg_meta_names_is_empty(&names));
    assert_true(lg_meta_names_add(&names, "/a/x", false));
    assert_true(lg_meta_names_add(&names, "/a/x", false));
    assert_true(lg_meta_names_add(&names, "/a", false));
    assert_false(lg_meta_names_add(&names, "/ab", false));
    assert_false(lg_meta_names_add(&names, "/", false));
    assert_false(lg_meta_names_add(&names, "/b", true));
    expect(&names, "/a/x /a ");
    assert_true(lg_meta_names_add(&names, "/a/x", true)); /* Now with what is below; for good. */
    assert_true(lg_meta_names_add(&names, "/a/x", false));
    expect(&names, "/a/x+ /a ");
    lg_meta_names_clear(&names);
    assert_true(lg_meta_names_is_empty(&names));
    lg_meta_names_done(&names);
    lg_meta_names_done(&names);
}

static void what_stands_for_the_top_stands_for_all(void **state)
{
    struct lg_meta_names names;

    (void)state;
    lg_meta_names_init(&names, "/a/b");
    assert_true(lg_meta_names_add(&names, "/a/b/c", false));
    assert_false(lg_meta_names_are_all(&names));
    assert_true(lg_meta_names_add(&names, "/a", true)); /* From above. */
    assert_true(lg_meta_names_are_all(&names));
    expect(&names, "/a/b+ ");
    assert_true(lg_meta_names_add(&names, "/a/b/d", false));
    expect(&names, "/a/b+ ");
    assert_false(lg_meta_names_add(&names, "/c", false));
    lg_meta_names_done(&names);
}

static void what_is_covered_is_known(void **state)
{
    struct lg_meta_names names;

    (void)state;
    lg_meta_names_init(&names, "/");
    (void)lg_meta_names_add(&names, "/a/b", true);
    (void)lg_meta_names_add(&names, "/c", false);
    assert_true(lg_meta_names_cover(&names, LG_LIT("/a/b")));
    assert_true(lg_meta_names_cover(&names, LG_LIT("/a/b/c/d")));
    assert_true(lg_meta_names_cover(&names, LG_LIT("/c")));
    assert_false(lg_meta_names_cover(&names, LG_LIT("/c/d")));
    assert_false(lg_meta_names_cover(&names, LG_LIT("/a")));
    assert_false(lg_meta_names_cover(&names, LG_LIT("/a/bc")));
    assert_false(lg_meta_names_cover(&names, LG_LIT("/")));
    lg_meta_names_add_all(&names);
    assert_true(lg_meta_names_cover(&names, LG_LIT("/x/y")));
    lg_meta_names_done(&names);
}

static void more_than_can_be_told_are_all(void **state)
{
    struct lg_meta_names names, more;

    (void)state;
    lg_meta_names_init(&names, "/");
    lg_meta_names_init(&more, "/");
    for (size_t i = 0; i < LG_META_NAMES_MAX; i++) {
        LG_AUTO_STR char *path = lg_strf("/n%zu", i);

        (void)lg_meta_names_add(i % 2 == 0 ? &names : &more, path, false);
    }
    lg_meta_names_move(&names, &more);
    assert_true(lg_meta_names_is_empty(&more));
    assert_false(lg_meta_names_are_all(&names));
    assert_true(lg_meta_names_add(&names, "/one-more", false));
    expect(&names, "/+ ");
    lg_meta_names_move(&more, &names);
    expect(&more, "/+ ");
    lg_meta_names_done(&names);
    lg_meta_names_done(&more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lies_below_the_top_is_named_once),
        cmocka_unit_test(what_stands_for_the_top_stands_for_all),
        cmocka_unit_test(what_is_covered_is_known),
        cmocka_unit_test(more_than_can_be_told_are_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
