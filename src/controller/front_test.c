/* What every request passes: parameters, methods, paths, and who asks. */
#include "api/routes.h"
#include "base/str.h"
#include "test/lib/controller_world.h"
#include "test/test.h"

static void every_route_names_its_first_missing_parameter(void **state)
{
    struct lg_cw *w = lg_cw_start(1);

    (void)state;
    lg_cw_until_ready(w);
    for (int i = 0; i < LG_API_COUNT; i++) {
        enum lg_api_route route = (enum lg_api_route)i;
        const char *names = lg_api_required(route);
        struct lg_slice first = lg_api_next_name(&names);
        bool posts = lg_api_method(route) == LG_HTTP_POST;
        LG_AUTO_STR char *want = lg_strf("%.*s is a required parameter", LG_FMT(first));

        if (first.size > 0) {
            (void)(posts ? lg_cw_post(w, lg_api_path(route), "")
                         : lg_cw_get(w, lg_api_path(route)));
            assert_int_equal(w->status, 400);
            assert_string_equal(lg_cw_text(w, "error"), want);
            assert_string_equal(lg_cw_text(w, "errorType"), "BAD_REQUEST");
            assert_string_equal(lg_cw_text(w, "lagoonCode"), "ERR_INVALID");
        }
        (void)(posts ? lg_cw_get(w, lg_api_path(route)) : lg_cw_post(w, lg_api_path(route), ""));
        assert_int_equal(w->status, 405);
    }
    lg_cw_free(w);
}

static void an_unknown_route_is_named_with_the_nearest(void **state)
{
    struct lg_cw *w = lg_cw_start(2);

    (void)state;
    lg_cw_until_ready(w);
    assert_int_equal(lg_cw_get(w, "/list_store"), 404);
    assert_non_null(strstr(lg_cw_text(w, "error"), "/list_stores"));
    assert_int_equal(lg_cw_get(w, "//list_stores"), 200); /* Venice's client doubles slashes. */
    lg_cw_free(w);
}

static void pages_of_strangers_may_not_post(void **state)
{
    struct lg_cw *w = lg_cw_start(3);

    (void)state;
    lg_cw_until_ready(w);
    assert_int_equal(lg_cw_ask(w, LG_HTTP_POST, "/new_store", LG_LIT(LG_CW_NEW_STORE),
                               "application/x-www-form-urlencoded", "http://evil.example"),
                     403);
    assert_string_equal(lg_cw_text(w, "errorType"), "ACL_ERROR");
    assert_int_equal(lg_cw_get(w, "/store?store_name=cities"), 404);
    lg_cw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_names_its_first_missing_parameter),
        cmocka_unit_test(an_unknown_route_is_named_with_the_nearest),
        cmocka_unit_test(pages_of_strangers_may_not_post),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
