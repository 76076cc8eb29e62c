/* What nodes say, and nodes that make no sense. */
#include "catalog/state.h"

#include "base/log.h"
#include "base/str.h"
#include "test/test.h"

static void put(struct lg_catalog_state *s, enum lg_catalog_root root, const char *path,
                const char *value)
{
    LG_AUTO(lg_blob) *blob = value == NULL ? NULL : lg_blob_new(lg_slice_str(value));

    lg_catalog_state_put(s, root, path, blob);
}

#define ONE_DONE "{\"0\":{\"status\":\"COMPLETED\"}}"

static void put_instance(struct lg_catalog_state *s, const char *path)
{
    put(s, LG_CATALOG_INSTANCES, path, "{\"host\":\"h\",\"port\":1}");
}

static struct lg_catalog_state *two_topics(void)
{
    struct lg_catalog_state *s = lg_catalog_state_new(NULL);

    put_instance(s, "/instances/b_1");
    put_instance(s, "/instances/c_1");
    put(s, LG_CATALOG_ASSIGNMENT, "/assignment/x_v1", "{\"partitions\":[[\"b_1\"]]}");
    put(s, LG_CATALOG_ASSIGNMENT, "/assignment/y_v1", "{\"partitions\":[[\"c_1\"]]}");
    put(s, LG_CATALOG_REPLICAS, "/replicas/x_v1/b_1", ONE_DONE);
    put(s, LG_CATALOG_REPLICAS, "/replicas/y_v1/c_1", ONE_DONE);
    return s;
}

static void nodes_make_sense_again(void **state)
{
    static const struct {
        enum lg_catalog_root root;
        const char *path, *bad, *good;
    } nodes[] = {
        {LG_CATALOG_ROUTERS, "/routers/r", "[]", "{\"url\":\"u\"}"},
        {LG_CATALOG_CONTROLLERS, "/controllers/c", "{}", "{\"url\":\"u\"}"},
        {LG_CATALOG_INSTANCES, "/instances/b_1", "{}", "{\"host\":\"h\",\"port\":1}"},
        {LG_CATALOG_ASSIGNMENT, "/assignment/x_v1", "{}", "{\"partitions\":[[]]}"},
        {LG_CATALOG_REPLICAS, "/replicas/y_v1/c_1", "{\"7\":{\"status\":\"COMPLETED\"}}", ONE_DONE},
        {LG_CATALOG_REPLICAS, "/replicas/y_v1/c_1", "{\"0\":{}}", "{}"},
        {LG_CATALOG_REPLICAS, "/replicas/y_v1/c_1", "[", NULL},
        {LG_CATALOG_STORES, "/stores/s", "{}", NULL},
    };
    struct lg_catalog_state *s = two_topics();

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(nodes); i++) {
        struct lg_catalog_snapshot *snapshot;

        put(s, nodes[i].root, nodes[i].path, nodes[i].bad);
        snapshot = lg_catalog_state_snapshot(s);
        assert_int_equal(snapshot->junk, 1);
        lg_catalog_snapshot_unref(snapshot);
        put(s, nodes[i].root, nodes[i].path, nodes[i].good);
        snapshot = lg_catalog_state_snapshot(s);
        assert_int_equal(snapshot->junk, 0);
        lg_catalog_snapshot_unref(snapshot);
    }
    lg_catalog_state_free(s);
}

#define STORE "{\"name\":\"s\",\"owner\":\"me\",\"lagoon\":{\"keySchema\":\"\\\"string\\\"\"}}"

/* One mistake at a node takes away nothing that is read; that it is gone does. */
static void what_made_sense_once_counts_until_another_value_does(void **state)
{
    static const char *const junk[] = {"", "noise", "[]", "{}"};
    struct lg_catalog_state *s = two_topics();
    struct lg_catalog_snapshot *snapshot;
    uint32_t ready[LG_CATALOG_REPLICAS_MAX];

    (void)state;
    put(s, LG_CATALOG_STORES, "/stores/s", STORE);
    for (size_t i = 0; i < LG_ARRAY_SIZE(junk); i++) {
        put(s, LG_CATALOG_STORES, "/stores/s", junk[i]);
        put(s, LG_CATALOG_ASSIGNMENT, "/assignment/x_v1", junk[i]);
        put(s, LG_CATALOG_INSTANCES, "/instances/b_1", junk[i]);
        if (strcmp(junk[i], "{}") != 0) /* It says that there is nothing. */
            put(s, LG_CATALOG_REPLICAS, "/replicas/x_v1/b_1", junk[i]);
        else
            put(s, LG_CATALOG_REPLICAS, "/replicas/x_v1/b_1", ONE_DONE);
        snapshot = lg_catalog_state_snapshot(s);
        assert_int_equal(snapshot->junk, strcmp(junk[i], "{}") != 0 ? 4 : 3);
        assert_int_equal(lg_catalog_ready(lg_catalog_topic(snapshot, LG_LIT("x_v1")), 0, ready), 1);
        assert_int_equal(snapshot->unreadable.size, 0);
        assert_non_null(lg_catalog_store(snapshot, LG_LIT("s")));
        assert_non_null(lg_catalog_topic(snapshot, LG_LIT("x_v1")));
        assert_non_null(lg_catalog_instance(snapshot, "b_1", NULL));
        lg_catalog_snapshot_unref(snapshot);
    }
    put(s, LG_CATALOG_STORES, "/stores/s", NULL);
    put(s, LG_CATALOG_ASSIGNMENT, "/assignment/x_v1", NULL);
    put(s, LG_CATALOG_INSTANCES, "/instances/b_1", NULL);
    snapshot = lg_catalog_state_snapshot(s);
    assert_int_equal(snapshot->junk, 0);
    assert_null(lg_catalog_store(snapshot, LG_LIT("s")));
    assert_null(lg_catalog_topic(snapshot, LG_LIT("x_v1")));
    assert_null(lg_catalog_instance(snapshot, "b_1", NULL));
    lg_catalog_snapshot_unref(snapshot);
    lg_catalog_state_free(s);
}

static unsigned lines; /* of the log */

static void count_line(void *ctx, enum lg_log_level level, const char *line)
{
    (void)ctx;
    (void)level;
    lines += strstr(line, "catalog_node_unreadable") != NULL;
}

/* However often it is read, and whatever junk follows. */
static void junk_is_told_once_until_it_makes_sense(void **state)
{
    static const char *const junk[] = {"noise", "{", "[1,2]", "{\"url\":7,\"port\":-1}"};
    static const char *const paths[] = {
        [LG_CATALOG_STORES] = "/stores/s",
        [LG_CATALOG_INSTANCES] = "/instances/x_1",
        [LG_CATALOG_ASSIGNMENT] = "/assignment/z_v1",
        [LG_CATALOG_REPLICAS] = "/replicas/x_v1/b_1",
        [LG_CATALOG_ROUTERS] = "/routers/r",
        [LG_CATALOG_CONTROLLERS] = "/controllers/c",
    };
    struct lg_catalog_state *s = two_topics();

    (void)state;
    lg_log_set_level(LG_LOG_ERROR);
    lg_log_set_sink(count_line, NULL);
    lines = 0;
    for (size_t i = 0; i < LG_ARRAY_SIZE(junk); i++) {
        struct lg_catalog_snapshot *snapshot;

        for (size_t root = 0; root < LG_CATALOG_ROOTS; root++)
            put(s, (enum lg_catalog_root)root, paths[root], junk[i]);
        snapshot = lg_catalog_state_snapshot(s);
        assert_int_equal(snapshot->junk, LG_CATALOG_ROOTS);
        lg_catalog_snapshot_unref(snapshot);
    }
    assert_int_equal(lines, LG_CATALOG_ROOTS);
    put(s, LG_CATALOG_ROUTERS, "/routers/r", "{\"url\":\"u\"}");
    put(s, LG_CATALOG_ROUTERS, "/routers/r", "noise");
    assert_int_equal(lines, LG_CATALOG_ROOTS + 1);
    for (size_t root = 0; root < LG_CATALOG_ROOTS; root++)
        put(s, (enum lg_catalog_root)root, paths[root], NULL);
    lg_catalog_snapshot_unref(lg_catalog_state_snapshot(s));
    lg_log_set_sink(NULL, NULL);
    lg_log_set_level(LG_LOG_OFF);
    lg_catalog_state_free(s);
}

static void count_path(void *ctx, const char *path)
{
    lg_buf_appendf(ctx, "%s ", path);
}

static void reports_of_an_instance_are_known(void **state)
{
    struct lg_catalog_state *s = two_topics();
    LG_SCOPED(lg_buf) paths = {0};

    (void)state;
    put(s, LG_CATALOG_REPLICAS, "/replicas/y_v1/b_1", ONE_DONE);
    lg_catalog_state_reports(s, "b_1", count_path, &paths);
    assert_true(lg_slice_eq_str(lg_buf_slice(&paths), "/replicas/x_v1/b_1 /replicas/y_v1/b_1 "));
    lg_buf_clear(&paths);
    lg_catalog_state_reports(s, "nobody", count_path, &paths);
    assert_int_equal(paths.size, 0);
    lg_catalog_state_free(s);
}

static int quiet(void **state)
{
    (void)state;
    lg_log_set_level(LG_LOG_OFF);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_make_sense_again),
        cmocka_unit_test(what_made_sense_once_counts_until_another_value_does),
        cmocka_unit_test(junk_is_told_once_until_it_makes_sense),
        cmocka_unit_test(reports_of_an_instance_are_known),
    };

    return cmocka_run_group_tests(tests, quiet, NULL);
}
