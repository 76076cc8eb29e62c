/* Who may come in: addresses, names, and pages of strangers. */
#include "controller/origin.h"

#include "test/test.h"

static enum lg_rc check(enum lg_http_method method, const char *host, const char *origin,
                        struct lg_error *err)
{
    static const char *const names[] = {"control.example", "::"};
    struct lg_http_header headers[] = {
        {LG_LIT("host"), lg_slice_str(host)},
        {LG_LIT("origin"), lg_slice_str(origin)},
    };
    struct lg_http_headers all = {headers, origin == NULL ? 1 : 2};

    if (host == NULL)
        all.size = 0;
    return lg_origin_check(method, &all, names, LG_ARRAY_SIZE(names), err);
}

static void addresses_and_own_names_may_come_in(void **state)
{
    static const char *const good[] = {
        "127.0.0.1",         "127.0.0.1:5555", "10.1.2.3:80",          "[::1]",
        "[::1]:5555",        "localhost",      "LocalHost:5555",       "control.example",
        "Control.Example:1", "[fe80::1:2]",    "[::ffff:127.0.0.1]:9",
    };
    struct lg_error err = {0};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(good); i++)
        assert_ok(check(LG_HTTP_GET, good[i], NULL, &err));
}

static void foreign_names_may_not(void **state)
{
    static const char *const bad[] = {
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.",
        "[]",
        "[evil]",
        "evil.example:5555",
        "control.example.evil",
        "0x7f.0.0.1",
    };
    struct lg_error err = {0};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        assert_rc(LG_ERR_REFUSED, check(LG_HTTP_GET, bad[i], NULL, &err));
        assert_non_null(strstr(err.text, "Host"));
    }
    assert_rc(LG_ERR_REFUSED, check(LG_HTTP_GET, NULL, NULL, &err));
}

static void a_post_from_a_foreign_page_is_refused(void **state)
{
    struct lg_error err = {0};

    (void)state;
    assert_ok(check(LG_HTTP_POST, "127.0.0.1:5555", NULL, &err));
    assert_ok(check(LG_HTTP_POST, "127.0.0.1:5555", "http://127.0.0.1:5555", &err));
    assert_ok(check(LG_HTTP_POST, "localhost:5555", "https://LOCALHOST:5555", &err));
    assert_rc(LG_ERR_REFUSED, check(LG_HTTP_POST, "127.0.0.1:5555", "http://evil.example", &err));
    assert_non_null(strstr(err.text, "evil.example"));
    assert_rc(LG_ERR_REFUSED, check(LG_HTTP_POST, "127.0.0.1:5555", "null", &err));
    assert_rc(LG_ERR_REFUSED, check(LG_HTTP_POST, "127.0.0.1:5555", "", &err));
    /* Another port is another origin. */
    assert_rc(LG_ERR_REFUSED, check(LG_HTTP_POST, "127.0.0.1:5555", "http://127.0.0.1:8000", &err));
    assert_rc(LG_ERR_REFUSED, check(LG_HTTP_POST, "127.0.0.1:5555", "ftp://127.0.0.1:5555", &err));
}

static void a_get_may_name_any_origin(void **state)
{
    struct lg_error err = {0};

    (void)state;
    assert_ok(check(LG_HTTP_GET, "127.0.0.1:5555", "http://evil.example", &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_own_names_may_come_in),
        cmocka_unit_test(foreign_names_may_not),
        cmocka_unit_test(a_post_from_a_foreign_page_is_refused),
        cmocka_unit_test(a_get_may_name_any_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
