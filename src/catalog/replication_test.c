/* Which partitions count as under-replicated, and how that is said. */
#include "catalog/replication.h"

#include "base/health.h"
#include "base/str.h"
#include "test/lib/catalog_nodes.h"
#include "test/test.h"

/* A store of two partitions and two replicas, with so many versions. */
static void put_store(struct lg_catalog_state *state, const char *name, int32_t versions,
                      int32_t current)
{
    struct lg_cn_store store = {
        .name = name, .partitions = 2, .factor = 2, .versions = versions, .current = current};
    LG_AUTO_STR char *path = lg_strf("/stores/%s", name);
    LG_AUTO_STR char *text = lg_cn_store_text(&store);

    for (int32_t v = 1; v <= versions; v++) {
        LG_AUTO_STR char *topic = lg_strf("/assignment/%s_v%d", name, v);

        lg_cn_put(state, topic, "{\"partitions\":[[\"a_1\",\"b_2\"],[\"b_2\",\"a_1\"]]}");
    }
    lg_cn_put(state, path, text);
}

#define ZERO "{\"0\":{\"status\":\"COMPLETED\"},\"1\":{\"status\":\"STARTED\"}}"
#define BOTH "{\"0\":{\"status\":\"COMPLETED\"},\"1\":{\"status\":\"COMPLETED\"}}"

static struct lg_catalog_state *two_servers(void)
{
    struct lg_catalog_state *state = lg_catalog_state_new(NULL);

    lg_cn_put(state, "/instances/a_1", "{\"host\":\"a\",\"port\":1}");
    lg_cn_put(state, "/instances/b_2", "{\"host\":\"b\",\"port\":2}");
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
    lg_cn_put(tree, "/replicas/cities_v1/a_1", BOTH);
    lg_cn_put(tree, "/replicas/cities_v1/b_2", ZERO);
    r = counted(tree);
    assert_int_equal(r.partitions, 1);
    assert_says(&r, "[-]replication under-replicated: 1 partition of current versions: cities "
                    "version 1 partition 1 (1 of 2 ready); `lagoon cluster status` lists them\n");
    lg_cn_put(tree, "/replicas/cities_v1/b_2", BOTH);
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
    lg_cn_put(tree, "/replicas/cities_v1/a_1", BOTH);
    lg_cn_put(tree, "/replicas/cities_v1/b_2", BOTH);
    assert_int_equal(counted(tree).partitions, 0);
    lg_cn_put(tree, "/instances/b_2", NULL);
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
    lg_cn_put(tree, "/replicas/cities_v1/a_1", BOTH);
    lg_cn_put(tree, "/replicas/cities_v1/b_2", BOTH);
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
