/* What nodes say, and nodes that make no sense. */
#include "catalog/state.h"

#include "base/log.h"
#include "base/str.h"
#include "test/lib/catalog_nodes.h"
#include "test/lib/quiet.h"
#include "test/test.h"

static void nodes_make_sense_again(void **state)
{
    static const struct {
        const char *path, *bad, *good;
    } nodes[] = {
        {"/routers/r", "[]", "{\"url\":\"u\"}"},
        {"/controllers/c", "{}", "{\"url\":\"u\"}"},
        {"/settings/clients", "{\"protocols\":\"cluster\"}", "{\"protocols\":\"grpc\"}"},
        {"/instances/b_1", "{}", "{\"host\":\"h\",\"port\":1}"},
        {"/assignment/x_v1", "{}", "{\"partitions\":[[]]}"},
        {"/replicas/y_v1/c_1", "{\"7\":{\"status\":\"COMPLETED\"}}", LG_CN_ONE_DONE},
        {"/replicas/y_v1/c_1", "{\"0\":{}}", "{}"},
        {"/replicas/y_v1/c_1", "[", NULL},
        {"/stores/s", "{}", NULL},
    };
    struct lg_catalog_state *s = lg_cn_two_topics();

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(nodes); i++) {
        struct lg_catalog_snapshot *snapshot;

        lg_cn_put(s, nodes[i].path, nodes[i].bad);
        snapshot = lg_catalog_state_snapshot(s);
        assert_int_equal(snapshot->junk, 1);
        lg_catalog_snapshot_unref(snapshot);
        lg_cn_put(s, nodes[i].path, nodes[i].good);
        snapshot = lg_catalog_state_snapshot(s);
        assert_int_equal(snapshot->junk, 0);
        lg_catalog_snapshot_unref(snapshot);
    }
    lg_catalog_state_free(s);
}

static void expect_told(struct lg_catalog_state *s, enum lg_client_protocols want)
{
    struct lg_catalog_snapshot *snapshot = lg_catalog_state_snapshot(s);

    assert_int_equal(snapshot->client_protocols, want);
    lg_catalog_snapshot_unref(snapshot);
}

static void what_clients_are_told_is_the_last_word_that_made_sense(void **state)
{
    struct lg_catalog_state *s = lg_cn_two_topics();

    (void)state;
    expect_told(s, LG_CLIENTS_BOTH);
    lg_cn_put(s, "/settings/later", "{\"protocols\":\"http\"}"); /* Not ours to read. */
    expect_told(s, LG_CLIENTS_BOTH);
    lg_cn_put(s, "/settings/clients", "{\"protocols\":\"grpc\"}");
    expect_told(s, LG_CLIENTS_GRPC);
    lg_cn_put(s, "/settings/clients", "{\"protocols\":\"quic\"}");
    expect_told(s, LG_CLIENTS_GRPC);
    lg_cn_put(s, "/settings/clients", "noise");
    expect_told(s, LG_CLIENTS_GRPC);
    lg_cn_put(s, "/settings/clients", NULL);
    expect_told(s, LG_CLIENTS_BOTH);
    lg_catalog_state_free(s);
}

#define STORE "{\"name\":\"s\",\"owner\":\"me\",\"lagoon\":{\"keySchema\":\"\\\"string\\\"\"}}"

/* One mistake at a node takes away nothing that is read; that it is gone does. */
static void what_made_sense_once_counts_until_another_value_does(void **state)
{
    static const char *const junk[] = {"", "noise", "[]", "{}"};
    struct lg_catalog_state *s = lg_cn_two_topics();
    struct lg_catalog_snapshot *snapshot;
    uint32_t ready[LG_CATALOG_REPLICAS_MAX];

    (void)state;
    lg_cn_put(s, "/stores/s", STORE);
    for (size_t i = 0; i < LG_ARRAY_SIZE(junk); i++) {
        lg_cn_put(s, "/stores/s", junk[i]);
        lg_cn_put(s, "/assignment/x_v1", junk[i]);
        lg_cn_put(s, "/instances/b_1", junk[i]);
        if (strcmp(junk[i], "{}") != 0) /* It says that there is nothing. */
            lg_cn_put(s, "/replicas/x_v1/b_1", junk[i]);
        else
            lg_cn_put(s, "/replicas/x_v1/b_1", LG_CN_ONE_DONE);
        snapshot = lg_catalog_state_snapshot(s);
        assert_int_equal(snapshot->junk, strcmp(junk[i], "{}") != 0 ? 4 : 3);
        assert_int_equal(lg_catalog_ready(lg_catalog_topic(snapshot, LG_LIT("x_v1")), 0, ready), 1);
        assert_int_equal(snapshot->unreadable.size, 0);
        assert_non_null(lg_catalog_store(snapshot, LG_LIT("s")));
        assert_non_null(lg_catalog_topic(snapshot, LG_LIT("x_v1")));
        assert_non_null(lg_catalog_instance(snapshot, "b_1", NULL));
        lg_catalog_snapshot_unref(snapshot);
    }
    lg_cn_put(s, "/stores/s", NULL);
    lg_cn_put(s, "/assignment/x_v1", NULL);
    lg_cn_put(s, "/instances/b_1", NULL);
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
    static const char *const paths[LG_CATALOG_ROOTS] = {
        "/stores/s",          "/instances/x_1", "/assignment/z_v1", /* one below each root */
        "/replicas/x_v1/b_1", "/routers/r",     "/controllers/c",   "/settings/clients",
    };
    struct lg_catalog_state *s = lg_cn_two_topics();

    (void)state;
    lg_log_set_level(LG_LOG_ERROR);
    lg_log_set_sink(count_line, NULL);
    lines = 0;
    for (size_t i = 0; i < LG_ARRAY_SIZE(junk); i++) {
        struct lg_catalog_snapshot *snapshot;

        for (size_t root = 0; root < LG_CATALOG_ROOTS; root++)
            lg_cn_put(s, paths[root], junk[i]);
        snapshot = lg_catalog_state_snapshot(s);
        assert_int_equal(snapshot->junk, LG_CATALOG_ROOTS);
        lg_catalog_snapshot_unref(snapshot);
    }
    assert_int_equal(lines, LG_CATALOG_ROOTS);
    lg_cn_put(s, "/routers/r", "{\"url\":\"u\"}");
    lg_cn_put(s, "/routers/r", "noise");
    assert_int_equal(lines, LG_CATALOG_ROOTS + 1);
    for (size_t root = 0; root < LG_CATALOG_ROOTS; root++)
        lg_cn_put(s, paths[root], NULL);
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
    struct lg_catalog_state *s = lg_cn_two_topics();
    LG_SCOPED(lg_buf) paths = {0};

    (void)state;
    lg_cn_put(s, "/replicas/y_v1/b_1", LG_CN_ONE_DONE);
    lg_catalog_state_reports(s, "b_1", count_path, &paths);
    assert_true(lg_slice_eq_str(lg_buf_slice(&paths), "/replicas/x_v1/b_1 /replicas/y_v1/b_1 "));
    lg_buf_clear(&paths);
    lg_catalog_state_reports(s, "nobody", count_path, &paths);
    assert_int_equal(paths.size, 0);
    lg_catalog_state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_make_sense_again),
        cmocka_unit_test(what_clients_are_told_is_the_last_word_that_made_sense),
        cmocka_unit_test(what_made_sense_once_counts_until_another_value_does),
        cmocka_unit_test(junk_is_told_once_until_it_makes_sense),
        cmocka_unit_test(reports_of_an_instance_are_known),
    };

    return cmocka_run_group_tests(tests, lg_test_quiet, NULL);
}
