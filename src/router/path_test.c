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

/* Who may take a path is asked about what it is answered by. */
static void a_path_has_a_scope(void **state)
{
    static const struct {
        const char *path;
        enum lg_http_method method;
        const char *store; /* NULL: nothing is asked; "": the cluster */
        enum lg_acl_method may;
    } rows[] = {
        {"/storage/s/k", LG_HTTP_GET, "s", LG_ACL_READ},
        {"/storage/%73/k", LG_HTTP_GET, "s", LG_ACL_READ},
        {"//storage//s//k", LG_HTTP_POST, "s", LG_ACL_READ},
        {"/storage/s%2f..%2ft/k", LG_HTTP_GET, "s/../t", LG_ACL_READ},
        {"/compute/s", LG_HTTP_POST, "s", LG_ACL_READ},
        {"/key_schema/s", LG_HTTP_GET, "s", LG_ACL_READ},
        {"/key_schema/venice_system_store_meta_store_s", LG_HTTP_GET, NULL, LG_ACL_READ},
        {"/storage/venice_system_store_meta_store_s/k", LG_HTTP_GET,
         "venice_system_store_meta_store_s", LG_ACL_READ},
        {"/push_status/s_v3", LG_HTTP_GET, "s", LG_ACL_READ},
        {"/push_status/s", LG_HTTP_GET, "s", LG_ACL_READ},
        {"/resource_state/s_v3", LG_HTTP_GET, "s", LG_ACL_READ},
        {"/storage/s_v3/k", LG_HTTP_GET, "s_v3", LG_ACL_READ},
        {"/stores", LG_HTTP_GET, "", LG_ACL_READ},
        {"/blob_discovery", LG_HTTP_GET, "", LG_ACL_READ},
        {"/discover_cluster/s", LG_HTTP_GET, NULL, LG_ACL_READ},
        {"/leader_controller", LG_HTTP_GET, NULL, LG_ACL_READ},
        {"/admin", LG_HTTP_GET, NULL, LG_ACL_READ},
        {"/admin/x", LG_HTTP_GET, "", LG_ACL_READ},
        {"/admin/x", LG_HTTP_POST, "", LG_ACL_ADMIN},
        {"/v1/health", LG_HTTP_GET, NULL, LG_ACL_READ},
        {"/v1/health/", LG_HTTP_GET, NULL, LG_ACL_READ},
        {"/v1/stores", LG_HTTP_GET, "", LG_ACL_READ},
        {"/v1/stores/s", LG_HTTP_POST, "s", LG_ACL_READ},
        {"/v1/stores/s/k", LG_HTTP_GET, "s", LG_ACL_READ},
        {"/v1/stores/s%2fk", LG_HTTP_GET, "s", LG_ACL_READ},
        {"/v1/nonsense/s", LG_HTTP_GET, "s", LG_ACL_READ},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_AUTO(lg_arena) *arena = lg_arena_new(0);
        struct lg_router_path path;
        struct lg_router_scope scope;
        struct lg_error err = {0};

        assert_ok(parse(rows[i].path, arena, &path, &err));
        scope = lg_router_scope_of(&path, rows[i].method);
        if (scope.is_free != (rows[i].store == NULL) ||
            (!scope.is_free &&
             (!lg_slice_eq_str(scope.store, rows[i].store) || scope.may != rows[i].may)))
            fail_msg("%s: free %d, store '%.*s', method %d", rows[i].path, scope.is_free,
                     LG_FMT(scope.store), (int)scope.may);
    }
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
        cmocka_unit_test(a_path_has_a_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
