#include "test/lib/catalog_nodes.h"

#include "base/str.h"
#include "test/test.h"

static enum lg_catalog_root root_of(const char *path)
{
    static const char *const roots[LG_CATALOG_ROOTS] = {
        [LG_CATALOG_STORES] = "/stores/",         [LG_CATALOG_INSTANCES] = "/instances/",
        [LG_CATALOG_ASSIGNMENT] = "/assignment/", [LG_CATALOG_REPLICAS] = "/replicas/",
        [LG_CATALOG_ROUTERS] = "/routers/",       [LG_CATALOG_CONTROLLERS] = "/controllers/",
        [LG_CATALOG_SETTINGS] = "/settings/",
    };
    size_t root = 0;

    while (root < LG_CATALOG_ROOTS && strncmp(path, roots[root], strlen(roots[root])) != 0)
        root++;
    assert_int_not_equal(root, LG_CATALOG_ROOTS);
    return (enum lg_catalog_root)root;
}

void lg_cn_put(struct lg_catalog_state *state, const char *path, const char *value)
{
    LG_AUTO(lg_blob) *blob = value == NULL ? NULL : lg_blob_new(lg_slice_str(value));

    lg_catalog_state_put(state, root_of(path), path, blob);
}

char *lg_cn_store_text(const struct lg_cn_store *store)
{
    LG_AUTO(lg_store) *s = lg_store_new(store->name, "me", "\"string\"", 1);
    LG_AUTO(lg_json) *json = NULL;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    int32_t id;

    if (store->partitions != 0)
        s->partition_count = store->partitions;
    if (store->factor != 0)
        s->replication_factor = store->factor;
    assert_ok(lg_store_add_value_schema(s, "\"long\"", &id, &err));
    for (int32_t v = 1; v <= store->versions; v++) {
        LG_AUTO_STR char *push = lg_strf("push%d", v);
        struct lg_store_push p = {.push_job_id = push, .now_ms = 1};
        struct lg_version *made;
        bool is_new, swapped;

        assert_ok(lg_store_add_version(s, &p, &made, &is_new, &err));
        assert_ok(lg_store_complete_version(s, v, 2, &swapped, &err));
    }
    s->current_version = store->current;
    json = lg_store_to_json(s, LG_STORE_JSON_PERSISTENT);
    lg_json_write(&out, json, false);
    return lg_buf_take_str(&out);
}

struct lg_catalog_state *lg_cn_two_topics(void)
{
    struct lg_catalog_state *s = lg_catalog_state_new(NULL);

    lg_cn_put(s, "/instances/b_1", "{\"host\":\"h\",\"port\":1}");
    lg_cn_put(s, "/instances/c_1", "{\"host\":\"h\",\"port\":1}");
    lg_cn_put(s, "/assignment/x_v1", "{\"partitions\":[[\"b_1\"]]}");
    lg_cn_put(s, "/assignment/y_v1", "{\"partitions\":[[\"c_1\"]]}");
    lg_cn_put(s, "/replicas/x_v1/b_1", LG_CN_ONE_DONE);
    lg_cn_put(s, "/replicas/y_v1/c_1", LG_CN_ONE_DONE);
    return s;
}
