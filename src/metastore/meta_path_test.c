/* Tests of the rules for paths of the metastore. */
#include "metastore/meta_path.h"

#include "test/test.h"

#include "base/str.h"

static void plain_paths_are_fine(void **state)
{
    (void)state;
    const char *good[] = {"/", "/a", "/a/b", "/a.b/..c", "/stores/cities-2", "/\xc3\xa9"};
    struct lg_error err = {0};

    for (size_t i = 0; i < LG_ARRAY_SIZE(good); i++)
        assert_ok(lg_meta_path_check(good[i], &err));
}

static void bad_paths_are_refused_with_their_reason(void **state)
{
    (void)state;
    const struct {
        const char *path, *says;
    } bad[] = {
        {"", "does not begin"}, {"a", "does not begin"},    {"/a/", "empty segment"},
        {"//a", "empty"},       {"/a\n", "control"},        {"/a\x7f", "control"},
        {"/./a", "segment"},    {"/a/..", "segment \".\""}, {NULL, "does not begin"},
    };
    struct lg_error err = {0};

    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        assert_rc(LG_ERR_INVALID, lg_meta_path_check(bad[i].path, &err));
        assert_non_null(strstr(err.text, bad[i].says));
    }
}

static void length_and_depth_have_limits(void **state)
{
    (void)state;
    LG_AUTO_STR char *longest = lg_strf("/%0*d", LG_META_PATH_MAX - 1, 0);
    LG_AUTO_STR char *too_long = lg_strf("/%0*d", LG_META_PATH_MAX, 0);
    LG_SCOPED(lg_buf) deep = {0};
    struct lg_error err = {0};

    assert_ok(lg_meta_path_check(longest, &err));
    assert_rc(LG_ERR_INVALID, lg_meta_path_check(too_long, &err));
    for (int i = 0; i < LG_META_DEPTH_MAX; i++)
        lg_buf_append_str(&deep, "/d");
    lg_buf_append_byte(&deep, 0);
    assert_ok(lg_meta_path_check((const char *)deep.data, &err));
    deep.size--;
    lg_buf_append(&deep, "/d", 3);
    assert_rc(LG_ERR_INVALID, lg_meta_path_check((const char *)deep.data, &err));
}

static void below_goes_by_segments(void **state)
{
    (void)state;
    assert_true(lg_meta_path_is_below("/a", "/a"));
    assert_true(lg_meta_path_is_below("/a/b", "/a"));
    assert_true(lg_meta_path_is_below("/a", "/"));
    assert_false(lg_meta_path_is_below("/ab", "/a"));
    assert_false(lg_meta_path_is_below("/", "/a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_paths_are_fine),
        cmocka_unit_test(bad_paths_are_refused_with_their_reason),
        cmocka_unit_test(length_and_depth_have_limits),
        cmocka_unit_test(below_goes_by_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
