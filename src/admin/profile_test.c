/* The file of profiles: what is written is read again, and whatever else stands in it is refused by
 * its line. */
#include "admin/profile.h"

#include "base/str.h"
#include "test/test.h"

static void assert_refused(const char *text, const char *part)
{
    LG_SCOPED(lg_profiles) p = {0};
    struct lg_error err = {0};

    assert_rc(LG_ERR_BAD_DATA, lg_profiles_parse(lg_slice_str(text), &p, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("expected '%s' in: %s", part, err.text);
    assert_int_equal(p.count, 0);
}

static void what_is_written_is_read_again(void **state)
{
    LG_SCOPED(lg_profiles) p = {0}, again = {0};
    LG_SCOPED(lg_buf) text = {0}, twice = {0};
    struct lg_error err = {0};
    const struct lg_profile *row;

    (void)state;
    assert_ok(lg_profiles_put(&p, "prod", "http://a:1,http://b:2", "main", NULL, &err));
    assert_ok(lg_profiles_put(&p, "test", "http://t:1", NULL, "http://r:7777", &err));
    assert_string_equal(p.current, "prod"); /* the first one */
    assert_ok(lg_profiles_use(&p, "test", &err));
    lg_profiles_write(&text, &p);
    assert_ok(lg_profiles_parse(lg_buf_slice(&text), &again, &err));
    assert_int_equal(again.count, 2);
    assert_string_equal(again.current, "test");
    assert_ok(lg_profiles_find(&again, "prod", &row, &err));
    assert_string_equal(row->controller, "http://a:1,http://b:2");
    assert_string_equal(row->cluster, "main");
    assert_null(row->router);
    lg_profiles_write(&twice, &again);
    assert_slice_equal(lg_buf_slice(&twice), lg_buf_slice(&text));
}

static void blanks_comments_and_windows_line_ends_mean_nothing(void **state)
{
    LG_SCOPED(lg_profiles) p = {0}, none = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_profiles_parse(
        LG_LIT("# mine\r\n\r\n  current=a\r\n[a]\r\n  controller =  http://a:1  \r\n"), &p, &err));
    assert_string_equal(p.rows[0].controller, "http://a:1");
    assert_ok(lg_profiles_parse(LG_LIT(""), &none, &err));
    assert_int_equal(none.count, 0);
}

static void junk_is_refused_by_its_line(void **state)
{
    (void)state;
    assert_refused("[a]\ncontroller = http://a:1\nwhat is this\n", "line 3: 'what is this'");
    assert_refused("[a\n", "line 1: a profile begins with [NAME]");
    assert_refused("[a b]\n", "line 1: 'a b' is no name of a profile");
    assert_refused("[]\n", "line 1: '' is no name");
    assert_refused("[a]\ncontroller = http://a:1\n[a]\n", "line 3: profile 'a' stands here twice");
    assert_refused("[a]\ncontroller = ftp://a\n", "line 2: controller");
    assert_refused("[a]\ncontroller = http://a:1,\n", "line 2: controller");
    assert_refused("[a]\ncontroller = http://a:1\ncontroller = http://a:1\n",
                   "line 3: 'controller'");
    assert_refused("[a]\npassword = x\n", "line 2: 'password' is no key here; a profile has");
    assert_refused("controller = http://a:1\n", "line 1: 'controller' is no key here; before");
    assert_refused("[a]\ncurrent = a\n", "line 2: 'current' is no key here");
    assert_refused("[a]\ncluster = a b\n", "line 2: 'a b' is no name of a cluster");
    assert_refused("[a]\n", "profile 'a' names no controller");
    assert_refused("current = b\n[a]\ncontroller = http://a:1\n", "the current profile, 'b'");
    assert_refused("\n\xff\xfe\n", "line 2: this is no text");
}

static void nothing_of_a_file_that_is_too_large_is_read(void **state)
{
    LG_SCOPED(lg_profiles) p = {0};
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};

    (void)state;
    while (text.size <= LG_PROFILE_FILE_BYTES_MAX)
        lg_buf_append_str(&text, "# a comment that is longer than it should be\n");
    assert_rc(LG_ERR_TOO_LARGE, lg_profiles_parse(lg_buf_slice(&text), &p, &err));
}

static void there_are_not_more_than_so_many(void **state)
{
    LG_SCOPED(lg_profiles) p = {0}, again = {0};
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};

    (void)state;
    for (unsigned i = 0; i < LG_PROFILES_MAX; i++) {
        LG_AUTO_STR char *name = lg_strf("p%u", i);

        assert_ok(lg_profiles_put(&p, name, "http://a:1", NULL, NULL, &err));
    }
    assert_rc(LG_ERR_TOO_LARGE, lg_profiles_put(&p, "more", "http://a:1", NULL, NULL, &err));
    assert_ok(lg_profiles_put(&p, "p7", "http://b:1", NULL, NULL, &err)); /* a change */
    assert_string_equal(p.rows[7].controller, "http://b:1");
    lg_profiles_write(&text, &p);
    lg_buf_append_str(&text, "[more]\ncontroller = http://a:1\n");
    assert_rc(LG_ERR_BAD_DATA, lg_profiles_parse(lg_buf_slice(&text), &again, &err));
    assert_non_null(strstr(err.text, "more than 100 profiles"));
}

static void what_cannot_be_kept_is_not_added(void **state)
{
    LG_SCOPED(lg_profiles) p = {0};
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_ERR_INVALID, lg_profiles_put(&p, "a/b", "http://a:1", NULL, NULL, &err));
    assert_rc(LG_ERR_INVALID, lg_profiles_put(&p, "a", "a:1", NULL, NULL, &err));
    assert_rc(LG_ERR_INVALID, lg_profiles_put(&p, "a", "http://a:1", "x y", NULL, &err));
    assert_rc(LG_ERR_INVALID, lg_profiles_put(&p, "a", "http://a:1", NULL, "nowhere", &err));
    assert_int_equal(p.count, 0);
    assert_null(p.current);
}

static void a_name_that_is_not_there_gets_the_nearest(void **state)
{
    LG_SCOPED(lg_profiles) p = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_profiles_put(&p, "prod", "http://a:1", NULL, NULL, &err));
    assert_rc(LG_ERR_NOT_FOUND, lg_profiles_use(&p, "prd", &err));
    assert_non_null(strstr(err.text, "did you mean 'prod'?"));
    assert_rc(LG_ERR_NOT_FOUND, lg_profiles_remove(&p, "other", &err));
    assert_ok(lg_profiles_remove(&p, "prod", &err));
    assert_null(p.current);
    assert_int_equal(p.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(blanks_comments_and_windows_line_ends_mean_nothing),
        cmocka_unit_test(junk_is_refused_by_its_line),
        cmocka_unit_test(nothing_of_a_file_that_is_too_large_is_read),
        cmocka_unit_test(there_are_not_more_than_so_many),
        cmocka_unit_test(what_cannot_be_kept_is_not_added),
        cmocka_unit_test(a_name_that_is_not_there_gets_the_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
