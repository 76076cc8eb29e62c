/* Which partitions count as under-replicated, and how that is said. */
#include "catalog/replication.h"

#include "base/health.h"
#include "base/str.h"
#include "catalog/state.h"
#include "test/test.h"

static void put(struct lg_catalog_state *state, enum lg_catalog_root root, const char *path,
                const char *value)
{
    LG_AUTO(lg_blob) *blob = lg_blob_new(lg_slice_str(value));

    lg_catalog_state_put(state, root, path, blob);
}

static void place(struct lg_catalog_state *state, const char *store, int32_t version)
{
    LG_AUTO_STR char *path = lg_strf("/assignment/%s_v%d", store, version);

    put(state, LG_CATALOG_ASSIGNMENT, path,
        "{\"partitions\":[[\"a_1\",\"b_2\"],[\"b_2\",\"a_1\"]]}");
}

/* A store of two partitions and two replicas, with so many versions. */
static void put_store(struct lg_catalog_state *state, const char *name, int32_t versions,
                      int32_t current)
{
    LG_AUTO(lg_store) *store = lg_store_new(name, "me", "\"string\"", 1);
    LG_AUTO(lg_json) *json = NULL;
    LG_AUTO_STR char *path = lg_strf("/stores/%s", name);
    LG_AUTO_STR char *text = NULL;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    int32_t id;

    store->partition_count = 2;
    store->replication_factor = 2;
    assert_ok(lg_store_add_value_schema(store, "\"long\"", &id, &err));
    for (int32_t v = 1; v <= versions; v++) {
        struct lg_store_push p = {.push_job_id = "push", .now_ms = v};
        LG_AUTO_STR char *push = lg_strf("push%d", v);
        struct lg_version *made;
        bool is_new, swapped;

        p.push_job_id = push;
        assert_ok(lg_store_add_version(store, &p, &made, &is_new, &err));
        assert_ok(lg_store_complete_version(store, v, 2, &swapped, &err));
        place(state, name, v);
    }
    store->current_version = current;
    json = lg_store_to_json(store, LG_STORE_JSON_PERSISTENT);
    lg_json_write(&out, json, false);
    text = lg_buf_take_str(&out);
    put(state, LG_CATALOG_STORES, path, text);
}

#define ZERO "{\"0\":{\"status\":\"COMPLETED\"},\"1\":{\"status\":\"STARTED\"}}"
#define BOTH "{\"0\":{\"status\":\"COMPLETED\"},\"1\":{\"status\":\"COMPLETED\"}}"

static struct lg_catalog_state *two_servers(void)
{
    struct lg_catalog_state *state = lg_catalog_state_new(NULL);

    put(state, LG_CATALOG_INSTANCES, "/instances/a_1", "{\"host\":\"a\",\"port\":1}");
    put(state, LG_CATALOG_INSTANCES, "/instances/b_2", "{\"host\":\"b\",\"port\":2}");
    return state;
}

static struct lg_replication counted(struct lg_catalog_state *state)
{
    struct lg_catalog_snapshot *s = lg_catalog_state_snapshot(state);
    struct lg_replication r = {0};

    lg_replication_count(&r, s);
    lg_catalog_snapshot_unref(s);
    return r;
}

static void assert_says(const struct lg_replication *r, const char *line)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO_STR char *all = NULL;

    lg_health_reset();
    lg_replication_tell(r);
    assert_true(lg_health_write(&text, LG_HEALTH_READY, 0, /* verbose= */ true)); /* No 503. */
    all = lg_buf_take_str(&text);
    assert_ptr_equal(strstr(all, line), all);
    lg_health_reset();
}

static void a_replica_that_still_loads_is_missing(void **state)
{
    struct lg_catalog_state *tree = two_servers();
    struct lg_replication r;

    (void)state;
    put_store(tree, "cities", 1, 1);
    put(tree, LG_CATALOG_REPLICAS, "/replicas/cities_v1/a_1", BOTH);
    put(tree, LG_CATALOG_REPLICAS, "/replicas/cities_v1/b_2", ZERO);
    r = counted(tree);
    assert_int_equal(r.partitions, 1);
    assert_says(&r, "[-]replication under-replicated: 1 partition of current versions: cities "
                    "version 1 partition 1 (1 of 2 ready); `lagoon cluster status` lists them\n");
    put(tree, LG_CATALOG_REPLICAS, "/replicas/cities_v1/b_2", BOTH);
    r = counted(tree);
    assert_int_equal(r.partitions, 0);
    assert_says(&r, "[+]replication ok: every partition that is read has all its replicas\n");
    lg_catalog_state_free(tree);
}

static void a_server_that_is_gone_takes_its_replicas_along(void **state)
{
    struct lg_catalog_state *tree = two_servers();
    struct lg_replication r;

    (void)state;
    put_store(tree, "cities", 1, 1);
    put(tree, LG_CATALOG_REPLICAS, "/replicas/cities_v1/a_1", BOTH);
    put(tree, LG_CATALOG_REPLICAS, "/replicas/cities_v1/b_2", BOTH);
    assert_int_equal(counted(tree).partitions, 0);
    lg_catalog_state_put(tree, LG_CATALOG_INSTANCES, "/instances/b_2", NULL);
    r = counted(tree);
    assert_int_equal(r.partitions, 2);
    assert_says(&r, "[-]replication under-replicated: 2 partitions of current versions: cities "
                    "version 1 partition 0 (1 of 2 ready), cities version 1 partition 1 (1 of 2 "
                    "ready); `lagoon cluster status` lists them\n");
    lg_catalog_state_free(tree);
}

static void only_current_versions_count(void **state)
{
    struct lg_catalog_state *tree = two_servers();

    (void)state;
    put_store(tree, "new", 0, 0);
    put_store(tree, "cities", 2, 1); /* 2 is not served yet, and nobody has any of it. */
    put(tree, LG_CATALOG_REPLICAS, "/replicas/cities_v1/a_1", BOTH);
    put(tree, LG_CATALOG_REPLICAS, "/replicas/cities_v1/b_2", BOTH);
    assert_int_equal(counted(tree).partitions, 0);
    lg_catalog_state_free(tree);
}

static void three_are_named_and_the_others_counted(void **state)
{
    struct lg_catalog_state *tree = two_servers();
    struct lg_replication r;

    (void)state;
    put_store(tree, "cities", 1, 1); /* Of none of these does anybody say anything. */
    put_store(tree, "people", 3, 3);
    put_store(tree, "towns", 1, 1);
    r = counted(tree);
    assert_int_equal(r.partitions, 6);
    assert_says(&r, "[-]replication under-replicated: 6 partitions of current versions: cities "
                    "version 1 partition 0 (0 of 2 ready), cities version 1 partition 1 (0 of 2 "
                    "ready), people version 3 partition 0 (0 of 2 ready) and 3 more; `lagoon "
                    "cluster status` lists them\n");
    lg_catalog_state_free(tree);
}

static void the_longest_names_fit_with_the_remedy(void **state)
{
    char name[LG_STORE_NAME_MAX + 1];
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO_STR char *all = NULL;
    struct lg_replication r = {0};

    (void)state;
    memset(name, 'x', LG_STORE_NAME_MAX);
    name[LG_STORE_NAME_MAX] = 0;
    for (int i = 0; i < 5; i++)
        lg_replication_add(&r, name, INT32_MAX, UINT16_MAX, 15, 16);
    lg_health_reset();
    lg_replication_tell(&r);
    (void)lg_health_write(&text, LG_HEALTH_READY, 0, /* verbose= */ true);
    all = lg_buf_take_str(&text);
    assert_non_null(strstr(all, " and 2 more; `lagoon cluster status` lists them\n"));
    lg_health_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replica_that_still_loads_is_missing),
        cmocka_unit_test(a_server_that_is_gone_takes_its_replicas_along),
        cmocka_unit_test(only_current_versions_count),
        cmocka_unit_test(three_are_named_and_the_others_counted),
        cmocka_unit_test(the_longest_names_fit_with_the_remedy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
