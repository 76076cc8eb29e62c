/* Segments and parameters of requests. */
#include "net/http_server.h"

#include "test/test.h"

static struct lg_http_request request(struct lg_arena *arena, const char *path, const char *query)
{
    return (struct lg_http_request){
        .path = lg_slice_str(path), .query = lg_slice_str(query), .arena = arena};
}

static void a_path_is_cut_into_decoded_segments(void **state)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_http_request rq = request(arena, "//v1/stores//a%2Fb%20c/%zz/+/", "");
    struct lg_slice s;

    (void)state;
    assert_int_equal(lg_http_path_segments(&rq), 5);
    assert_true(lg_http_path_segment(&rq, 0, &s));
    assert_slice_equal(s, LG_LIT("v1"));
    assert_true(lg_http_path_segment(&rq, 1, &s));
    assert_slice_equal(s, LG_LIT("stores"));
    assert_true(lg_http_path_segment(&rq, 2, &s));
    assert_slice_equal(s, LG_LIT("a/b c"));
    assert_true(lg_http_path_segment(&rq, 3, &s)); /* A bad escape. */
    assert_null(s.data);
    assert_true(lg_http_path_segment(&rq, 4, &s)); /* A plus is a plus in a path. */
    assert_slice_equal(s, LG_LIT("+"));
    assert_false(lg_http_path_segment(&rq, 5, &s));

    rq = request(arena, "/", "");
    assert_int_equal(lg_http_path_segments(&rq), 0);
    assert_false(lg_http_path_segment(&rq, 0, &s));
}

static void parameters_come_from_the_query_first(void **state)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_http_request rq = request(arena, "/", "a=1&b=x%26y+z&&a=2&c&d=&%65=esc&=none&f=%z");
    struct lg_http_header type[] = {
        {LG_LIT("content-type"), LG_LIT("Application/x-www-form-urlencoded; charset=utf-8")}};
    struct lg_slice s;

    (void)state;
    assert_true(lg_http_param(&rq, "a", &s));
    assert_slice_equal(s, LG_LIT("1"));
    assert_true(lg_http_param(&rq, "b", &s));
    assert_slice_equal(s, LG_LIT("x&y z"));
    assert_true(lg_http_param(&rq, "c", &s));
    assert_non_null(s.data);
    assert_int_equal(s.size, 0);
    assert_true(lg_http_param(&rq, "d", &s));
    assert_int_equal(s.size, 0);
    assert_true(lg_http_param(&rq, "e", &s));
    assert_slice_equal(s, LG_LIT("esc"));
    assert_true(lg_http_param(&rq, "f", &s));
    assert_null(s.data); /* A bad escape. */
    assert_false(lg_http_param(&rq, "", &s));
    assert_false(lg_http_param(&rq, "g", &s));

    rq.body = LG_LIT("a=3&g=4");
    assert_false(lg_http_param(&rq, "g", &s)); /* Not a form. */
    rq.headers = (struct lg_http_headers){type, 1};
    assert_true(lg_http_param(&rq, "g", &s));
    assert_slice_equal(s, LG_LIT("4"));
    assert_true(lg_http_param(&rq, "a", &s));
    assert_slice_equal(s, LG_LIT("1"));
    type[0].value = LG_LIT("application/x-www-form-urlencodedX");
    assert_false(lg_http_param(&rq, "g", &s));
}

static void all_parameters_are_found_in_order(void **state)
{
    static const char *const want[] = {"a=1", "b=x&y", "c=", "=bad", "a=3", "g=4"};
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_http_request rq = request(arena, "/", "a=1&&b=x%26y&c&=none&%zz=bad&");
    struct lg_http_header type[] = {
        {LG_LIT("content-type"), LG_LIT("application/x-www-form-urlencoded")}};
    struct lg_slice name, value;
    size_t at = 0, n = 0;

    (void)state;
    rq.body = LG_LIT("&a=3&g=4");
    rq.headers = (struct lg_http_headers){type, 1};
    for (; lg_http_param_next(&rq, &at, &name, &value); n++) {
        LG_SCOPED(lg_buf) pair = {0};

        assert_true(n < LG_ARRAY_SIZE(want));
        lg_buf_appendf(&pair, "%.*s=%.*s", LG_FMT(name), LG_FMT(value));
        assert_slice_equal(lg_buf_slice(&pair), lg_slice_str(want[n]));
    }
    assert_int_equal(n, LG_ARRAY_SIZE(want));
    rq.query = LG_SLICE_NULL;
    at = 0;
    assert_true(lg_http_param_next(&rq, &at, &name, &value));
    assert_slice_equal(value, LG_LIT("3"));
    rq.headers.size = 0; /* Not a form. */
    at = 0;
    assert_false(lg_http_param_next(&rq, &at, &name, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_cut_into_decoded_segments),
        cmocka_unit_test(parameters_come_from_the_query_first),
        cmocka_unit_test(all_parameters_are_found_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
