/* Snapshots of what nodes say, and the questions that readers ask of them. */
#include "base/str.h"
#include "base/vec.h"
#include "catalog/state.h"
#include "test/lib/catalog_nodes.h"
#include "test/lib/quiet.h"
#include "test/test.h"

/* --- Nodes by hand. ----------------------------------------------------------------------------
 */

struct nodes { /* The whole tree. */
    struct lg_catalog_state *state;
    LG_VEC(char *) now, before; /* paths */
};

static void node(struct nodes *read, const char *path, const char *value)
{
    if (read->state == NULL)
        read->state = lg_catalog_state_new(NULL);
    lg_cn_put(read->state, path, value == NULL ? "" : value);
    LG_VEC_PUSH(&read->now, lg_strdup(path));
}

static void store_node(struct nodes *read, const char *name, int32_t versions, int32_t current)
{
    struct lg_cn_store store = {
        .name = name, .partitions = 2, .versions = versions, .current = current};
    LG_AUTO_STR char *path = lg_strf("/stores/%s", name);
    LG_AUTO_STR char *text = lg_cn_store_text(&store);

    node(read, path, text);
}

static void both_servers(struct nodes *read)
{
    node(read, "/instances/a_1", "{\"host\":\"a\",\"port\":1}");
    node(read, "/instances/b_2", "{\"host\":\"b\",\"port\":2}");
}

#define DONE "{\"0\":{\"status\":\"COMPLETED\",\"records\":7},\"1\":{\"status\":\"COMPLETED\"}}"

static bool is_among(char *const *paths, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(paths[i], path) == 0)
            return true;
    return false;
}

/* What was there and was not put again is gone. */
static struct lg_catalog_snapshot *built(struct nodes *read)
{
    for (size_t i = 0; i < read->before.size; i++) {
        if (!is_among(read->now.data, read->now.size, read->before.data[i]))
            lg_cn_put(read->state, read->before.data[i], NULL);
        lg_free(read->before.data[i]);
    }
    read->before.size = 0;
    for (size_t i = 0; i < read->now.size; i++)
        LG_VEC_PUSH(&read->before, read->now.data[i]);
    read->now.size = 0;
    return lg_catalog_state_snapshot(read->state);
}

static void nodes_done(struct nodes *read)
{
    for (size_t i = 0; i < read->before.size; i++)
        lg_free(read->before.data[i]);
    LG_VEC_DONE(&read->before);
    LG_VEC_DONE(&read->now);
    lg_catalog_state_free(read->state);
}

LG_DEFINE_SCOPED(nodes, nodes_done)

static const struct lg_catalog_store *store_of(const struct lg_catalog_snapshot *s,
                                               const char *name)
{
    const struct lg_catalog_store *store = lg_catalog_store(s, lg_slice_str(name));

    assert_non_null(store);
    return store;
}

/* As the controller writes it. */
static void deleted_node(struct nodes *read, const char *name)
{
    LG_AUTO(lg_store) *store = lg_store_new(name, "me", "\"string\"", 1);
    LG_AUTO(lg_json) *json = NULL;
    LG_AUTO_STR char *path = lg_strf("/stores/%s", name);
    LG_AUTO_STR char *text = NULL;
    LG_SCOPED(lg_buf) out = {0};

    store->deleted_ms = 5;
    json = lg_store_to_json(store, LG_STORE_JSON_PERSISTENT);
    lg_json_write(&out, json, false);
    text = lg_buf_take_str(&out);
    node(read, path, text);
}

static void a_deleted_store_is_not_there_and_says_so(void **state)
{
    LG_SCOPED(nodes) read = {0};
    struct lg_catalog_snapshot *s, *next;
    const struct lg_catalog_store *store;
    struct lg_error err = {0};

    (void)state;
    store_node(&read, "cities", 1, 1);
    deleted_node(&read, "towns");
    s = built(&read);
    assert_int_equal(s->stores.size, 1);
    assert_null(lg_catalog_store(s, LG_LIT("towns")));
    assert_true(lg_catalog_is_deleted(s, LG_LIT("towns")));
    assert_false(lg_catalog_is_deleted(s, LG_LIT("cities")));
    assert_rc(LG_ERR_NO_STORE, lg_catalog_find_store(s, LG_LIT("towns"), &store, &err));
    assert_non_null(strstr(err.text, "lagoon store undelete towns"));
    assert_rc(LG_ERR_NO_STORE, lg_catalog_find_store(s, LG_LIT("town"), &store, &err));
    assert_null(strstr(err.text, "did you mean"));
    deleted_node(&read, "towns"); /* Unchanged: shared. */
    store_node(&read, "cities", 1, 1);
    next = built(&read);
    assert_ptr_equal(next->deleted.data[0], s->deleted.data[0]);
    lg_catalog_snapshot_unref(s);
    store_node(&read, "towns", 1, 1); /* It is back. */
    s = built(&read);
    assert_ok(lg_catalog_find_store(s, LG_LIT("towns"), &store, &err));
    assert_false(lg_catalog_is_deleted(s, LG_LIT("towns")));
    lg_catalog_snapshot_unref(next);
    lg_catalog_snapshot_unref(s);
}

/* --- What a snapshot holds. --------------------------------------------------------------------
 */

static void a_snapshot_holds_stores_instances_topics_and_routers(void **state)
{
    LG_SCOPED(nodes) read = {0};
    struct lg_catalog_snapshot *s;
    const struct lg_catalog_store *cities;
    const struct lg_catalog_topic *topic;

    (void)state;
    store_node(&read, "cities", 1, 1);
    store_node(&read, "users", 0, 0);
    both_servers(&read);
    node(&read, "/routers/r_7", "{\"url\":\"http://r:7\"}");
    node(&read, "/assignment/cities_v1", "{\"partitions\":[[\"a_1\"],[\"b_2\"]]}");
    node(&read, "/replicas/cities_v1", NULL);
    node(&read, "/replicas/cities_v1/b_2", DONE);
    s = built(&read);

    assert_int_equal(s->stores.size, 2);
    cities = store_of(s, "cities");
    assert_int_equal(cities->store->current_version, 1);
    assert_int_equal(lg_schema_kind(cities->key_schema), LG_AVRO_STRING);
    assert_int_equal(lg_schema_kind(lg_catalog_value_schema(cities, 1)), LG_AVRO_LONG);
    assert_null(lg_catalog_value_schema(cities, 2));
    assert_int_equal(s->instances.size, 2);
    assert_string_equal(s->instances.data[1].id, "b_2");
    assert_string_equal(s->instances.data[1].host, "b");
    assert_int_equal(s->instances.data[1].port, 2);
    assert_int_equal(s->routers.size, 1);
    assert_string_equal(s->routers.data[0], "http://r:7");
    topic = lg_catalog_topic(s, LG_LIT("cities_v1"));
    assert_non_null(topic);
    assert_int_equal(topic->partition_count, 2);
    assert_int_equal(topic->partitions[0].count, 1);
    assert_int_equal(topic->partitions[0].replicas[0].instance, 1);
    assert_int_equal(topic->partitions[0].replicas[0].records, 7);
    assert_null(lg_catalog_topic(s, LG_LIT("cities_v2")));
    assert_null(lg_catalog_store(s, LG_LIT("citie")));
    lg_catalog_snapshot_unref(s);
}

static void nodes_that_make_no_sense_are_left_out(void **state)
{
    LG_SCOPED(nodes) read = {0};
    struct lg_catalog_snapshot *s;
    const struct lg_catalog_store *store;
    struct lg_error err = {0};

    (void)state;
    store_node(&read, "cities", 1, 1);
    node(&read, "/stores/broken", "{\"name\":");
    node(&read, "/stores/empty", NULL);
    node(&read, "/stores/nothing", "{}");
    node(&read, "/stores/schemaless",
         "{\"name\":\"schemaless\",\"owner\":\"me\",\"lagoon\":{\"keySchema\":\"no schema\"}}");
    node(&read, "/instances/x_1", "not json");
    node(&read, "/instances/x_2", NULL);
    node(&read, "/instances/x_3", "{\"host\":\"x\",\"port\":0}");
    node(&read, "/instances/x_4", "{\"host\":\"x\",\"port\":65536}");
    node(&read, "/instances/x_5", "{\"port\":5}");
    node(&read, "/instances/a_1", "{\"host\":\"a\",\"port\":65535}");
    node(&read, "/routers/r_1", "{}");
    node(&read, "/routers/r_2", "[");
    node(&read, "/assignment/bad_v1", "{\"partitions\":[]}");
    node(&read, "/assignment/bad_v2", "{");
    node(&read, "/assignment/cities_v1", "{\"partitions\":[[\"a_1\"],[\"a_1\"]]}");
    node(&read, "/replicas/cities_v1/a_1",
         "{\"0\":{\"status\":\"COMPLETED\"},\"1\":{\"status\":\"NO_SUCH_STATUS\"},"
         "\"2\":{\"status\":\"COMPLETED\"},\"x\":{\"status\":\"COMPLETED\"},\"01x\":5}");
    node(&read, "/replicas/other_v1/a_1", DONE);
    s = built(&read);

    assert_int_equal(s->stores.size, 1);
    assert_int_equal(s->instances.size, 1);
    assert_int_equal(s->instances.data[0].port, 65535);
    assert_int_equal(s->routers.size, 0);
    assert_int_equal(s->topics.size, 1);
    assert_int_equal(s->topics.data[0]->partitions[0].count, 1);
    assert_int_equal(s->topics.data[0]->partitions[1].count, 0);
    assert_int_equal(s->junk, 14);
    /* What is there is not said to be absent. */
    assert_int_equal(s->unreadable.size, 4);
    assert_rc(LG_ERR_UNREADY, lg_catalog_find_store(s, LG_LIT("nothing"), &store, &err));
    assert_non_null(strstr(err.text, "/stores/nothing"));
    assert_rc(LG_ERR_NO_STORE, lg_catalog_find_store(s, LG_LIT("nothin"), &store, &err));
    lg_catalog_snapshot_unref(s);
}

static void who_is_there_says_zone_release_and_state(void **state)
{
    LG_SCOPED(nodes) read = {0};
    struct lg_catalog_snapshot *s;
    const struct lg_catalog_replica *r;
    uint32_t index;

    (void)state;
    node(&read, "/instances/a_1",
         "{\"host\":\"a\",\"port\":1,\"zone\":\"east\",\"identity\":\"i\",\"release\":\"0.2\","
         "\"diskLow\":true}");
    node(&read, "/instances/b_2", "{\"host\":\"b\",\"port\":2}");
    node(&read, "/controllers/c_5", "{\"url\":\"http://c:5\",\"release\":\"0.2\"}");
    node(&read, "/controllers/c_6", "{\"url\":7}");
    node(&read, "/assignment/cities_v1", "{\"partitions\":[[\"a_1\",\"b_2\"]]}");
    node(&read, "/replicas/cities_v1/a_1",
         "{\"0\":{\"status\":\"COMPLETED\",\"state\":\"LEADER\",\"term\":4,\"reset\":2}}");
    node(&read, "/replicas/cities_v1/b_2", "{\"0\":{\"status\":\"ERROR\",\"error\":\"disk\"}}");
    s = built(&read);
    assert_string_equal(lg_catalog_instance(s, "a_1", &index)->zone, "east");
    assert_int_equal(index, 0);
    assert_string_equal(lg_catalog_instance(s, "a_1", NULL)->release, "0.2");
    assert_true(lg_catalog_instance(s, "a_1", NULL)->disk_low);
    assert_string_equal(lg_catalog_instance(s, "b_2", NULL)->zone, "");
    assert_false(lg_catalog_instance(s, "b_2", NULL)->disk_low);
    assert_null(lg_catalog_instance(s, "c_3", NULL));
    assert_int_equal(s->controllers.size, 1);
    assert_string_equal(s->controllers.data[0].url, "http://c:5");
    assert_int_equal(s->junk, 1);
    r = lg_catalog_topic(s, LG_LIT("cities_v1"))->partitions[0].replicas;
    assert_int_equal(r[0].state, LG_REPLICA_LEADER);
    assert_int_equal(r[0].term, 4);
    assert_int_equal(r[0].reset, 2);
    assert_null(r[0].error);
    assert_int_equal(r[1].state, LG_REPLICA_ERROR); /* Release 0.1 says no state. */
    assert_string_equal(r[1].error, "disk");
    lg_catalog_snapshot_unref(s);
}

static void a_store_that_did_not_change_is_shared(void **state)
{
    LG_SCOPED(nodes) read = {0};
    struct lg_catalog_snapshot *first, *second;
    const struct lg_catalog_store *same, *other;

    (void)state;
    store_node(&read, "cities", 1, 1);
    store_node(&read, "users", 1, 0);
    first = built(&read);
    same = store_of(first, "cities");
    other = store_of(first, "users");
    store_node(&read, "cities", 1, 1);
    store_node(&read, "users", 1, 1);
    second = built(&read);

    assert_ptr_equal(store_of(second, "cities"), same);
    assert_ptr_not_equal(store_of(second, "users"), other);
    assert_int_equal(other->store->current_version, 0);
    assert_int_equal(store_of(second, "users")->store->current_version, 1);
    lg_catalog_snapshot_unref(first);
    assert_int_equal(same->store->current_version, 1); /* The second holds it. */
    assert_int_equal(lg_schema_kind(same->key_schema), LG_AVRO_STRING);
    lg_catalog_snapshot_unref(second);
}

static void a_snapshot_lives_as_long_as_somebody_holds_it(void **state)
{
    LG_SCOPED(nodes) read = {0};
    struct lg_catalog_snapshot *s, *held;

    (void)state;
    store_node(&read, "cities", 1, 1);
    s = built(&read);
    held = lg_catalog_snapshot_ref(s);
    assert_ptr_equal(held, s);
    lg_catalog_snapshot_unref(s);
    assert_string_equal(store_of(held, "cities")->store->name, "cities");
    lg_catalog_snapshot_unref(held);
    lg_catalog_snapshot_unref(NULL);
}

/* --- Who may be asked. -------------------------------------------------------------------------
 */

static void only_completed_replicas_of_live_instances_are_ready(void **state)
{
    LG_SCOPED(nodes) read = {0};
    struct lg_catalog_snapshot *s;
    const struct lg_catalog_topic *topic;
    uint32_t ready[LG_CATALOG_REPLICAS_MAX], missing = 99;

    (void)state;
    both_servers(&read);
    node(&read, "/assignment/cities_v1", "{\"partitions\":[[\"a_1\"],[\"b_2\"]]}");
    node(&read, "/replicas/cities_v1/a_1",
         "{\"0\":{\"status\":\"COMPLETED\"},\"1\":{\"status\":\"END_OF_PUSH_RECEIVED\"}}");
    node(&read, "/replicas/cities_v1/b_2",
         "{\"0\":{\"status\":\"COMPLETED\"},\"1\":{\"status\":\"ERROR\"}}");
    node(&read, "/replicas/cities_v1/gone_3", DONE);
    s = built(&read);
    topic = lg_catalog_topic(s, LG_LIT("cities_v1"));

    assert_int_equal(lg_catalog_ready(topic, 0, ready), 2);
    assert_int_equal(ready[0], 0);
    assert_int_equal(ready[1], 1);
    assert_int_equal(topic->partitions[1].count,
                     2); /* Known, not ready; the gone one is unknown. */
    assert_int_equal(lg_catalog_ready(topic, 1, ready), 0);
    assert_false(lg_catalog_version_ready(s, "cities", 1, &missing));
    assert_int_equal(missing, 1);
    assert_false(lg_catalog_version_ready(s, "cities", 2, &missing));
    lg_catalog_snapshot_unref(s);
}

static void replicas_of_a_partition_are_bounded(void **state)
{
    LG_SCOPED(nodes) read = {0};
    struct lg_catalog_snapshot *s;
    uint32_t ready[LG_CATALOG_REPLICAS_MAX];

    (void)state;
    node(&read, "/assignment/cities_v1", "{\"partitions\":[[\"a_1\"]]}");
    for (unsigned i = 0; i < LG_CATALOG_REPLICAS_MAX + 3; i++) {
        LG_AUTO_STR char *instance = lg_strf("/instances/s%u_1", i);
        LG_AUTO_STR char *value = lg_strf("{\"host\":\"s%u\",\"port\":1}", i);
        LG_AUTO_STR char *replica = lg_strf("/replicas/cities_v1/s%u_1", i);

        node(&read, instance, value);
        node(&read, replica, DONE);
    }
    s = built(&read);
    assert_int_equal(lg_catalog_ready(lg_catalog_topic(s, LG_LIT("cities_v1")), 0, ready),
                     LG_CATALOG_REPLICAS_MAX);
    lg_catalog_snapshot_unref(s);
}

/* --- Which version a reader gets. --------------------------------------------------------------
 */

/* A store with versions 1 to 3, of which `current` is current and those in `ready` have replicas.
 */
static struct lg_catalog_snapshot *versions(int32_t current, const char *ready)
{
    LG_SCOPED(nodes) read = {0};

    store_node(&read, "cities", 3, current);
    both_servers(&read);
    for (const char *v = ready; *v != 0; v++) {
        LG_AUTO_STR char *assignment = lg_strf("/assignment/cities_v%c", *v);
        LG_AUTO_STR char *replica = lg_strf("/replicas/cities_v%c/a_1", *v);

        node(&read, assignment, "{\"partitions\":[[\"a_1\"],[\"a_1\"]]}");
        node(&read, replica, DONE);
    }
    return built(&read);
}

static int32_t served(int32_t current, const char *ready, int32_t before, struct lg_error *err)
{
    struct lg_catalog_snapshot *s = versions(current, ready);
    int32_t version = -1;
    enum lg_rc rc = lg_catalog_served_version(s, store_of(s, "cities"), before, &version, err);

    lg_catalog_snapshot_unref(s);
    assert_int_equal(rc == LG_OK, version != -1); /* Outputs are untouched on failure. */
    return rc == LG_OK ? version : 0;
}

static void the_current_version_is_served_once_every_partition_has_a_replica(void **state)
{
    struct lg_error err = {0};

    (void)state;
    assert_int_equal(served(1, "1", 0, &err), 1);
    assert_int_equal(served(2, "12", 1, &err), 2);
    assert_int_equal(served(2, "12", 0, &err), 2);
    assert_int_equal(served(1, "123", 3, &err), 1); /* After a rollback. */
}

static void the_version_before_is_kept_until_the_new_one_is_ready(void **state)
{
    struct lg_error err = {0};

    (void)state;
    assert_int_equal(served(2, "1", 1, &err), 1);
    assert_int_equal(served(1, "3", 3, &err), 3);
    /* A router that served nothing before does not guess. */
    assert_int_equal(served(2, "1", 0, &err), 0);
    assert_rc(LG_ERR_UNREADY, err.rc);
    assert_string_equal(err.text,
                        "version 2 of store 'cities' has no ready server for partition 0; "
                        "try again");
    /* The one before is not ready either, or not a version of the store any more. */
    assert_int_equal(served(2, "", 1, &err), 0);
    assert_int_equal(served(2, "4", 4, &err), 0);
    assert_rc(LG_ERR_UNREADY, err.rc);
}

static void a_store_that_was_never_pushed_says_so(void **state)
{
    struct lg_error err = {0};

    (void)state;
    assert_int_equal(served(0, "1", 1, &err), 0);
    assert_rc(LG_ERR_UNREADY, err.rc);
    assert_string_equal(err.text, "store 'cities' has no version to serve yet; push one");
}

static void an_unknown_store_names_the_nearest(void **state)
{
    LG_SCOPED(nodes) read = {0};
    struct lg_catalog_snapshot *s;
    const struct lg_catalog_store *store = NULL;
    struct lg_error err = {0};
    char longest[300];

    (void)state;
    store_node(&read, "cities", 1, 1);
    s = built(&read);
    assert_ok(lg_catalog_find_store(s, LG_LIT("cities"), &store, &err));
    assert_ptr_equal(store, store_of(s, "cities"));
    store = NULL;
    assert_rc(LG_ERR_NO_STORE, lg_catalog_find_store(s, LG_LIT("citeis"), &store, &err));
    assert_string_equal(err.text, "no store named 'citeis'; did you mean 'cities'?");
    assert_rc(LG_ERR_NO_STORE, lg_catalog_find_store(s, LG_LIT("planets"), &store, &err));
    assert_string_equal(err.text, "no store named 'planets'; `lagoon store list` lists them");
    memset(longest, 'x', sizeof longest);
    assert_rc(LG_ERR_NO_STORE,
              lg_catalog_find_store(s, lg_slice(longest, sizeof longest), &store, &err));
    assert_rc(LG_ERR_NO_STORE, lg_catalog_find_store(s, LG_SLICE_NULL, &store, &err));
    assert_null(store);
    lg_catalog_snapshot_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deleted_store_is_not_there_and_says_so),
        cmocka_unit_test(a_snapshot_holds_stores_instances_topics_and_routers),
        cmocka_unit_test(nodes_that_make_no_sense_are_left_out),
        cmocka_unit_test(who_is_there_says_zone_release_and_state),
        cmocka_unit_test(a_store_that_did_not_change_is_shared),
        cmocka_unit_test(a_snapshot_lives_as_long_as_somebody_holds_it),
        cmocka_unit_test(only_completed_replicas_of_live_instances_are_ready),
        cmocka_unit_test(replicas_of_a_partition_are_bounded),
        cmocka_unit_test(the_current_version_is_served_once_every_partition_has_a_replica),
        cmocka_unit_test(the_version_before_is_kept_until_the_new_one_is_ready),
        cmocka_unit_test(a_store_that_was_never_pushed_says_so),
        cmocka_unit_test(an_unknown_store_names_the_nearest),
    };
    return cmocka_run_group_tests(tests, lg_test_quiet, NULL);
}
