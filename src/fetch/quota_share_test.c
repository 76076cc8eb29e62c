/* The parts of read quotas that a catalog's snapshot tells, for servers and for routers. */
#include "fetch/quota_share.h"

#include "base/str.h"
#include "catalog/state.h"
#include "test/test.h"

#define DONE "{\"0\":{\"status\":\"COMPLETED\"},\"1\":{\"status\":\"COMPLETED\"}}"

static void put(struct lg_catalog_state *state, enum lg_catalog_root root, const char *path,
                const char *value)
{
    LG_AUTO(lg_blob) *blob = value == NULL ? NULL : lg_blob_new(lg_slice_str(value));

    lg_catalog_state_put(state, root, path, blob);
}

static void put_store(struct lg_catalog_state *state, const char *name, int64_t quota, bool enabled)
{
    LG_AUTO(lg_store) *store = lg_store_new(name, "me", "\"string\"", 1);
    LG_AUTO(lg_json) *json = NULL;
    LG_AUTO_STR char *path = lg_strf("/stores/%s", name);
    LG_AUTO_STR char *text = NULL;
    LG_SCOPED(lg_buf) out = {0};

    store->read_quota = quota;
    store->storage_node_read_quota_enabled = enabled;
    json = lg_store_to_json(store, LG_STORE_JSON_PERSISTENT);
    lg_json_write(&out, json, false);
    text = lg_buf_take_str(&out);
    put(state, LG_CATALOG_STORES, path, text);
}

/* Servers a_1 and b_2, two partitions of cities_v3: a has both of them ready, b the second. */
static struct lg_catalog_state *make_cluster(void)
{
    struct lg_catalog_state *state = lg_catalog_state_new(NULL);

    put_store(state, "cities", 1800, true);
    put_store(state, "free", -1, true);
    put_store(state, "off", 1000, false);
    put(state, LG_CATALOG_INSTANCES, "/instances/a_1", "{\"host\":\"a\",\"port\":1}");
    put(state, LG_CATALOG_INSTANCES, "/instances/b_2", "{\"host\":\"b\",\"port\":2}");
    put(state, LG_CATALOG_INSTANCES, "/instances/c_3", "{\"host\":\"c\",\"port\":3}");
    put(state, LG_CATALOG_ASSIGNMENT, "/assignment/cities_v3",
        "{\"partitions\":[[\"a_1\"],[\"a_1\",\"b_2\"]]}");
    put(state, LG_CATALOG_ASSIGNMENT, "/assignment/off_v1", "{\"partitions\":[[\"a_1\"]]}");
    put(state, LG_CATALOG_REPLICAS, "/replicas/cities_v3/a_1", DONE);
    put(state, LG_CATALOG_REPLICAS, "/replicas/cities_v3/b_2",
        "{\"1\":{\"status\":\"COMPLETED\"}}");
    put(state, LG_CATALOG_REPLICAS, "/replicas/off_v1/a_1", "{\"0\":{\"status\":\"COMPLETED\"}}");
    put(state, LG_CATALOG_REPLICAS, "/replicas/cities_v3/c_3",
        "{\"0\":{\"status\":\"STARTED\"},\"1\":{\"status\":\"STARTED\"}}");
    return state;
}

static uint64_t server_part(const struct lg_catalog_snapshot *s, const char *topic,
                            const char *instance)
{
    struct lg_bucket_limit limit;

    if (!lg_quota_share_of_server(s, lg_slice_str(topic), instance, &limit))
        return UINT64_MAX;
    assert_int_equal(limit.interval_us, 10000000);
    assert_int_equal(limit.capacity, 5 * limit.refill);
    return limit.refill;
}

static void a_server_enforces_what_it_serves(void **state)
{
    (void)state;
    struct lg_catalog_state *cluster = make_cluster();
    struct lg_catalog_snapshot *s = lg_catalog_state_snapshot(cluster);

    assert_int_equal(server_part(s, "cities_v3", "a_1"), 18000 * 3 / 4);
    assert_int_equal(server_part(s, "cities_v3", "b_2"), 18000 / 4);
    assert_true(server_part(s, "cities_v3", "c_3") == UINT64_MAX); /* Not ready. */
    assert_true(server_part(s, "cities_v3", "d_4") == UINT64_MAX);
    assert_true(server_part(s, "cities_v4", "a_1") == UINT64_MAX);
    assert_true(server_part(s, "cities", "a_1") == UINT64_MAX);
    assert_true(server_part(s, "off_v1", "a_1") == UINT64_MAX);
    put_store(cluster, "off", 1000, true);
    put(cluster, LG_CATALOG_REPLICAS, "/replicas/cities_v3/a_1", NULL);
    lg_catalog_snapshot_unref(s);
    s = lg_catalog_state_snapshot(cluster);
    assert_int_equal(server_part(s, "off_v1", "a_1"), 10000);
    assert_int_equal(server_part(s, "cities_v3", "b_2"), 18000 / 2); /* Alone, of its partition. */
    lg_catalog_snapshot_unref(s);
    lg_catalog_state_free(cluster);
}

static void a_router_enforces_its_part_also_while_no_router_is_named(void **state)
{
    (void)state;
    struct lg_catalog_state *cluster = make_cluster();
    struct lg_catalog_snapshot *s = lg_catalog_state_snapshot(cluster);
    struct lg_read_routers r = lg_quota_share_routers(s, 0, 0);
    struct lg_bucket_limit limit;

    assert_false(lg_quota_share_of_router(s, LG_LIT("cities"), &r, &limit));
    r = lg_quota_share_routers(s, /* routers_before= */ 4, 0);
    assert_true(lg_quota_share_of_router(s, LG_LIT("cities"), &r, &limit));
    assert_int_equal(limit.refill, 2 * 1800 / 4);
    put(cluster, LG_CATALOG_ROUTERS, "/routers/r_1", "{\"url\":\"http://r:1\"}");
    put(cluster, LG_CATALOG_ROUTERS, "/routers/r_2", "{\"url\":\"http://r:2\"}");
    lg_catalog_snapshot_unref(s);
    s = lg_catalog_state_snapshot(cluster);
    r = lg_quota_share_routers(s, 4, /* capacity= */ 700);
    assert_int_equal(r.live, 2);
    assert_int_equal(r.quota_total, 2800);
    assert_true(lg_quota_share_of_router(s, LG_LIT("off"), &r, &limit));
    assert_int_equal(limit.refill, 2 * 250); /* Half of its 500: 700 of 1400 can be done. */
    assert_false(lg_quota_share_of_router(s, LG_LIT("free"), &r, &limit));
    assert_false(lg_quota_share_of_router(s, LG_LIT("nowhere"), &r, &limit));
    put_store(cluster, "off", INT64_MAX, true);
    lg_catalog_snapshot_unref(s);
    s = lg_catalog_state_snapshot(cluster);
    assert_true(lg_quota_share_routers(s, 0, 0).quota_total == INT64_MAX);
    lg_catalog_snapshot_unref(s);
    lg_catalog_state_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_enforces_what_it_serves),
        cmocka_unit_test(a_router_enforces_its_part_also_while_no_router_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
