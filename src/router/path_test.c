/* Paths as Venice's clients and people send them. */
#include "router/path.h"

#include "test/test.h"

static enum lg_rc parse(const char *text, struct lg_arena *arena, struct lg_router_path *out,
                        struct lg_error *err)
{
    return lg_router_path_parse(lg_slice_str(text), arena, out, err);
}

static void a_storage_path_has_a_store_and_a_key(void **state)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_router_path path;
    struct lg_error err = {0};

    (void)state;
    assert_ok(parse("/storage/test_store/CGtleTE=", arena, &path, &err));
    assert_int_equal(path.type, LG_ROUTER_STORAGE);
    assert_slice_equal(path.resource, LG_LIT("test_store"));
    assert_true(path.has_rest);
    assert_slice_equal(path.rest, LG_LIT("CGtleTE="));
}

static void a_key_keeps_its_slashes_encoded_or_not(void **state)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_router_path path;
    struct lg_error err = {0};

    (void)state;
    assert_ok(parse("/v1/stores/cities/a%2Fb%20c", arena, &path, &err));
    assert_slice_equal(path.rest, LG_LIT("cities/a/b c"));
    assert_ok(parse("/storage/s/a/b//", arena, &path, &err));
    assert_slice_equal(path.rest, LG_LIT("a/b//"));
}

static void an_empty_key_differs_from_none(void **state)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_router_path path;
    struct lg_error err = {0};

    (void)state;
    assert_ok(parse("/storage/s", arena, &path, &err));
    assert_false(path.has_rest);
    assert_ok(parse("/storage/s/", arena, &path, &err));
    assert_true(path.has_rest);
    assert_int_equal(path.rest.size, 0);
}

static void double_slashes_are_collapsed_before_the_key(void **state)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_router_path path;
    struct lg_error err = {0};

    (void)state;
    assert_ok(parse("//value_schema//s/1", arena, &path, &err));
    assert_int_equal(path.type, LG_ROUTER_VALUE_SCHEMA);
    assert_slice_equal(path.resource, LG_LIT("s"));
    assert_slice_equal(path.rest, LG_LIT("1"));
}

static void a_missing_resource_is_named_as_venice_names_it(void **state)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_router_path path;
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_ERR_INVALID, parse("/current_version/", arena, &path, &err));
    assert_non_null(strstr(err.text, "Resource name required"));
}

static void an_unknown_type_is_refused_with_the_nearest(void **state)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_router_path path;
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_ERR_INVALID, parse("/storag/s/k", arena, &path, &err));
    assert_non_null(strstr(err.text, "did you mean /storage"));
    assert_rc(LG_ERR_INVALID, parse("/", arena, &path, &err));
    assert_rc(LG_ERR_INVALID, parse("", arena, &path, &err));
    assert_rc(LG_ERR_INVALID, parse("/metadata/s", arena, &path, &err)); /* Only servers. */
}

static void a_bad_escape_is_refused(void **state)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_router_path path;
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_ERR_INVALID, parse("/storage/s/%zz", arena, &path, &err));
    assert_rc(LG_ERR_INVALID, parse("/storage/s%2", arena, &path, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_storage_path_has_a_store_and_a_key),
        cmocka_unit_test(a_key_keeps_its_slashes_encoded_or_not),
        cmocka_unit_test(an_empty_key_differs_from_none),
        cmocka_unit_test(double_slashes_are_collapsed_before_the_key),
        cmocka_unit_test(a_missing_resource_is_named_as_venice_names_it),
        cmocka_unit_test(an_unknown_type_is_refused_with_the_nearest),
        cmocka_unit_test(a_bad_escape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
