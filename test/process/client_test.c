/* liblagoon and `lagoon get` against a real standalone: schemas old and new, a router that is
 * killed and comes back, batches over the store's limit, keys from standard input. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "lagoon/client.h"
#include "lane/shared.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define WHY why, sizeof why

static struct lg_rig rig;

static int set_up(void **state)
{
    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    assert_run(&rig, 0, "push", "cities", "examples/cities/cities.avro", "--key-field", "id",
               "--create");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

#define assert_lrc(want, got) assert_string_equal(lagoon_rc_name(want), lagoon_rc_name(got))

/* A client of the store, with one more option unless it is NULL. */
static struct lagoon_client *open_client(const char *store, const char *option, const char *text)
{
    struct lagoon_client_options *o = lagoon_client_options_new();
    LG_AUTO_STR char *router = lg_strf("http://127.0.0.1:%u", rig.router);
    struct lagoon_client *client = NULL;
    char why[LAGOON_WHY_MAX];

    assert_lrc(LAGOON_OK, lagoon_client_options_set(o, "router", router, WHY));
    assert_lrc(LAGOON_OK, lagoon_client_options_set(o, "store", store, WHY));
    assert_lrc(LAGOON_OK, lagoon_client_options_set(o, "timeout_ms", "30000", WHY));
    if (option != NULL)
        assert_lrc(LAGOON_OK, lagoon_client_options_set(o, option, text, WHY));
    if (lagoon_client_open(o, &client, WHY) != LAGOON_OK)
        fail_msg("%s", why);
    lagoon_client_options_free(o);
    return client;
}

static void assert_value(struct lagoon_client *client, const char *key, const char *want)
{
    struct lagoon_value *value = NULL;
    struct lagoon_slice json;
    char why[LAGOON_WHY_MAX];

    if (lagoon_client_get(client, LAGOON_KEY_TEXT, lagoon_slice_of(key, strlen(key)), 0, &value,
                          WHY) != LAGOON_OK ||
        lagoon_value_json(value, &json, WHY) != LAGOON_OK)
        fail_msg("%s: %s", key, why);
    assert_slice_equal(lg_slice(json.data, json.size), lg_slice_str(want));
    lagoon_value_free(value);
}

/* --- Values. -----------------------------------------------------------------------------------
 */

static void a_get_and_a_batch_read_the_cities(void **state)
{
    struct lagoon_client *client = open_client("cities", NULL, NULL);
    struct lagoon_slice keys[3] = {lagoon_slice_of("2988507", 7), lagoon_slice_of("5", 1),
                                   lagoon_slice_of("3164603", 7)};
    struct lagoon_value *values[3];
    struct lagoon_slice json;
    char why[LAGOON_WHY_MAX];
    size_t missing = 0;

    (void)state;
    assert_value(client, "3164603",
                 "{\"id\":3164603,\"name\":\"Venice\",\"country\":\"IT\",\"admin\":\"20\","
                 "\"feature\":\"PPLA\",\"population\":51298,\"latitude\":45.43713,\"longitude\":"
                 "12.33265}");
    assert_lrc(LAGOON_OK,
               lagoon_client_batch_get(client, LAGOON_KEY_JSON, keys, 3, 0, values, &missing, WHY));
    assert_int_equal(missing, 1);
    assert_null(values[1]);
    assert_lrc(LAGOON_OK, lagoon_value_json(values[0], &json, WHY));
    assert_non_null(strstr((const char *)json.data, "\"name\":\"Paris\""));
    assert_int_equal(lagoon_value_version(values[0]), 1);
    assert_int_equal(lagoon_value_schema_id(values[2]), 1);
    lagoon_value_free(values[0]);
    lagoon_value_free(values[2]);
    assert_lrc(LAGOON_OK, lagoon_client_close(client));
}

static void a_batch_over_the_store_s_limit_is_told(void **state)
{
    struct lagoon_client *client = open_client("cities", NULL, NULL);
    static struct lagoon_slice keys[10000];
    static struct lagoon_value *values[10000];
    char why[LAGOON_WHY_MAX];

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(keys); i++)
        keys[i] = lagoon_slice_of("3164603", 7);
    assert_lrc(LAGOON_ERR_TOO_LARGE,
               lagoon_client_batch_get(client, LAGOON_KEY_TEXT, keys, LG_ARRAY_SIZE(keys), 0,
                                       values, NULL, WHY));
    assert_non_null(strstr(why, "store 'cities' answers at most 500 at once"));
    assert_lrc(LAGOON_OK, lagoon_client_close(client));
}

static void what_does_not_exist_is_told_with_what_comes_nearest(void **state)
{
    struct lagoon_client_options *o = lagoon_client_options_new();
    LG_AUTO_STR char *router = lg_strf("http://127.0.0.1:%u", rig.router);
    struct lagoon_client *client = NULL;
    char why[LAGOON_WHY_MAX];

    (void)state;
    assert_lrc(LAGOON_OK, lagoon_client_options_set(o, "router", router, WHY));
    assert_lrc(LAGOON_OK, lagoon_client_options_set(o, "store", "citys", WHY));
    assert_lrc(LAGOON_ERR_NO_STORE, lagoon_client_open(o, &client, WHY));
    assert_non_null(strstr(why, "cities"));
    lagoon_client_options_free(o);
}

/* --- Every compression and size. ---------------------------------------------------------------
 */

static void values_of_every_compression_and_large_ones_are_read(void **state)
{
    static const char *const names[] = {"NO_OP", "GZIP", "ZSTD", "ZSTD_WITH_DICT"};
    LG_SCOPED(lg_buf) lines = {0};
    LG_SCOPED(lg_buf) large = {0};
    LG_AUTO_STR char *key = lg_rig_file(&rig, "k.avsc", LG_LIT("\"string\""));
    LG_AUTO_STR char *value = lg_rig_file(&rig, "v.avsc", LG_LIT("\"string\""));
    LG_AUTO_STR char *data = NULL;

    (void)state;
    lg_buf_append_byte(&large, '"');
    for (size_t i = 0; i < 3000000; i++)
        lg_buf_append_byte(&large, (uint8_t)('a' + i % 23));
    lg_buf_append_str(&large, "\"");
    for (size_t i = 0; i < 300; i++)
        lg_buf_appendf(&lines, "{\"key\":\"k%zu\",\"value\":\"the value of key number %zu\"}\n", i,
                       i);
    lg_buf_appendf(&lines, "{\"key\":\"large\",\"value\":");
    lg_buf_append_slice(&lines, lg_buf_slice(&large));
    lg_buf_append_str(&lines, "}\n");
    lg_buf_append_byte(&large, '\0');
    data = lg_rig_file(&rig, "packed.ndjson", lg_buf_slice(&lines));
    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++) {
        LG_AUTO_STR char *store = lg_strf("packed%zu", i);
        struct lagoon_client *client;

        assert_run(&rig, 0, "store", "create", store, "--key-schema", key, "--value-schema", value,
                   "--compression", names[i], "--chunking", "true");
        if (i % 2 == 0) /* Both ways: the router undoes it, or the client. */
            assert_run(&rig, 0, "store", "update", store, "--client-decompression", "false");
        assert_run(&rig, 0, "push", store, data, "--key-field", "key", "--value-field", "value");
        client = open_client(store, NULL, NULL);
        assert_value(client, "k7", "\"the value of key number 7\"");
        assert_value(client, "large", (const char *)large.data);
        assert_lrc(LAGOON_OK, lagoon_client_close(client));
    }
}

/* --- Evolution. --------------------------------------------------------------------------------
 */

#define PERSON(more)                                                                               \
    "{\"type\":\"record\",\"name\":\"Person\",\"fields\":[{\"name\":\"name\",\"type\":"            \
    "\"string\"}" more "]}"
#define PERSON_1 PERSON("")
#define PERSON_2 PERSON(",{\"name\":\"age\",\"type\":\"int\",\"default\":-1}")

static void old_and_new_clients_read_old_and_new_values(void **state)
{
    LG_AUTO_STR char *key = lg_rig_file(&rig, "pk.avsc", LG_LIT("\"long\""));
    LG_AUTO_STR char *v1 = lg_rig_file(&rig, "p1.avsc", LG_LIT(PERSON_1));
    LG_AUTO_STR char *v2 = lg_rig_file(&rig, "p2.avsc", LG_LIT(PERSON_2));
    LG_AUTO_STR char *d1 =
        lg_rig_file(&rig, "p1.ndjson", LG_LIT("{\"key\":1,\"value\":{\"name\":\"Ada\"}}\n"));
    LG_AUTO_STR char *d2 = lg_rig_file(
        &rig, "p2.ndjson", LG_LIT("{\"key\":1,\"value\":{\"name\":\"Ada\",\"age\":36}}\n"));
    struct lagoon_client *as_written, *old, *young;

    (void)state;
    assert_run(&rig, 0, "store", "create", "persons", "--key-schema", key, "--value-schema", v1);
    assert_run(&rig, 0, "push", "persons", d1, "--key-field", "key", "--value-field", "value");
    as_written = open_client("persons", NULL, NULL);
    old = open_client("persons", "reader_schema", PERSON_1);
    young = open_client("persons", "reader_schema", PERSON_2);
    assert_value(as_written, "1", "{\"name\":\"Ada\"}");
    assert_value(old, "1", "{\"name\":\"Ada\"}");
    assert_value(young, "1", "{\"name\":\"Ada\",\"age\":-1}"); /* Before the schema is there. */
    assert_run(&rig, 0, "schema", "add", "persons", v2);
    assert_run(&rig, 0, "push", "persons", d2, "--key-field", "key", "--value-field", "value");
    /* The same clients: the new schema is fetched when its first value comes. */
    assert_value(as_written, "1", "{\"name\":\"Ada\",\"age\":36}");
    assert_value(old, "1", "{\"name\":\"Ada\"}");
    assert_value(young, "1", "{\"name\":\"Ada\",\"age\":36}");
    assert_lrc(LAGOON_OK, lagoon_client_close(as_written));
    assert_lrc(LAGOON_OK, lagoon_client_close(old));
    assert_lrc(LAGOON_OK, lagoon_client_close(young));
    assert_run(&rig, 0, "get", "persons", "1", "--schema", "1", "--output", "json");
    lg_rig_assert_out(&rig, "{\"name\":\"Ada\"}");
}

/* --- A router that dies under load. ------------------------------------------------------------
 */

struct load {
    struct lagoon_client *client;
    pthread_t thread;
    struct lg_flag stop;
    uint64_t right, wrong, failed, after; /* Atomic. */
    char why[LAGOON_WHY_MAX];
};

static void *read_on(void *arg)
{
    struct load *l = arg;

    while (!lg_flag_is_raised(&l->stop)) {
        struct lagoon_value *value = NULL;
        char why[LAGOON_WHY_MAX];
        struct lagoon_slice json;
        enum lagoon_rc rc = lagoon_client_get(l->client, LAGOON_KEY_TEXT,
                                              lagoon_slice_of("3164603", 7), 2000, &value, WHY);

        if (rc != LAGOON_OK) {
            __atomic_add_fetch(&l->failed, 1, __ATOMIC_SEQ_CST);
            if (!lagoon_rc_may_retry(rc)) { /* Such a failure is none of those that pass. */
                memcpy(l->why, why, sizeof why);
                __atomic_add_fetch(&l->wrong, 1, __ATOMIC_SEQ_CST);
            }
            continue;
        }
        if (lagoon_value_json(value, &json, WHY) == LAGOON_OK &&
            strstr((const char *)json.data, "\"name\":\"Venice\"") != NULL)
            __atomic_add_fetch(&l->right, 1, __ATOMIC_SEQ_CST);
        else
            __atomic_add_fetch(&l->wrong, 1, __ATOMIC_SEQ_CST);
        lagoon_value_free(value);
    }
    return NULL;
}

static void await_right(const struct load *l, uint64_t more)
{
    uint64_t want = __atomic_load_n(&l->right, __ATOMIC_SEQ_CST) + more;

    for (size_t i = 0; __atomic_load_n(&l->right, __ATOMIC_SEQ_CST) < want; i++) {
        if (i > 12000)
            fail_msg("no answers: %s", l->why);
        lg_process_pause(5);
    }
}

static void a_client_outlives_its_router(void **state)
{
    struct load loads[3];
    struct lagoon_client *client = open_client("cities", NULL, NULL);

    (void)state;
    memset(loads, 0, sizeof loads);
    for (size_t i = 0; i < LG_ARRAY_SIZE(loads); i++) {
        loads[i].client = client;
        assert_int_equal(pthread_create(&loads[i].thread, NULL, read_on, &loads[i]), 0);
    }
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < LG_ARRAY_SIZE(loads); i++)
            await_right(&loads[i], 50);
        lg_rig_kill(&rig);
        lg_rig_start(&rig, NULL, NULL); /* On the same ports. */
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(loads); i++)
        await_right(&loads[i], 50);
    for (size_t i = 0; i < LG_ARRAY_SIZE(loads); i++) {
        (void)lg_flag_raise(&loads[i].stop);
        assert_int_equal(pthread_join(loads[i].thread, NULL), 0);
        if (loads[i].wrong > 0)
            fail_msg("%s", loads[i].why);
    }
    assert_lrc(LAGOON_OK, lagoon_client_close(client));
}

/* --- lagoon get. -------------------------------------------------------------------------------
 */

/* Runs `lagoon get cities ...` with this standard input. */
static int get_with_input(struct lg_slice input, const char *const *words)
{
    LG_AUTO_STR char *path = lg_rig_file(&rig, "keys.txt", input);
    int fd = open(path, O_RDONLY | O_CLOEXEC), status;

    assert_true(fd >= 0);
    lg_process_stdin(fd);
    status = lg_rig_run(&rig, words);
    lg_process_stdin(-1);
    assert_int_equal(close(fd), 0);
    return status;
}
#define GET(input, ...)                                                                            \
    get_with_input(input, (const char *const[]){"get", "cities", __VA_ARGS__, NULL})

static void keys_come_from_standard_input_a_line_each(void **state)
{
    (void)state;
    lg_rig_assert(&rig, 3, GET(LG_LIT("3164603\r\n\n5\n2988507"), "-", "--client"));
    lg_rig_assert_out(&rig, "{\"key\":3164603,\"found\":true,\"value\":{\"id\":3164603,");
    lg_rig_assert_out(&rig, "}\n{\"key\":5,\"found\":false,\"value\":null}\n{\"key\":2988507,");
    lg_rig_assert_err(&rig, "not in store 'cities': 5");
    lg_rig_assert(&rig, 2, GET(LG_LIT("3164603\n\nVenice\n"), "-"));
    lg_rig_assert_out(&rig, "\"name\":\"Venice\"");
    lg_rig_assert_err(&rig, "line 3: the key of store 'cities' is a long; 'Venice' is not");
    lg_rig_assert(&rig, 0, GET(LG_LIT(""), "-"));
    lg_rig_assert(&rig, 0, GET(LG_LIT("3164603\n2988507\n"), "-", "--output", "json"));
    LG_AUTO(lg_json) *json = lg_rig_json(lg_buf_slice(&rig.out));
    assert_int_equal(lg_json_size(lg_json_get(json, "results")), 2);
}

static void twenty_thousand_keys_are_answered_in_their_order(void **state)
{
    LG_SCOPED(lg_buf) keys = {0};
    const char *at;

    (void)state;
    for (size_t i = 0; i < 20000; i++)
        lg_buf_appendf(&keys, "%s\n", i % 2 == 0 ? "3164603" : "2988507");
    lg_rig_assert(&rig, 0, GET(lg_buf_slice(&keys), "-"));
    at = (const char *)rig.out.data;
    for (size_t i = 0; i < 20000; i++) {
        assert_int_equal(strncmp(at, i % 2 == 0 ? "{\"key\":3164603," : "{\"key\":2988507,", 15),
                         0);
        at = strchr(at, '\n') + 1;
    }
    assert_int_equal(*at, '\0');
}

static void a_store_with_a_small_limit_is_asked_in_small_batches(void **state)
{
    LG_SCOPED(lg_buf) keys = {0};

    (void)state;
    assert_run(&rig, 0, "store", "update", "cities", "--batch-get-limit", "7");
    for (size_t i = 0; i < 100; i++)
        lg_buf_appendf(&keys, "3164603\n");
    lg_rig_assert(&rig, 0, GET(lg_buf_slice(&keys), "-"));
    assert_run(&rig, 0, "get", "cities", "3164603", "2988507", "3164603", "2988507", "3164603",
               "2988507", "3164603", "2988507", "3164603", "2988507", "--output", "ndjson");
    assert_run(&rig, 0, "store", "update", "cities", "--batch-get-limit", "default");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_and_a_batch_read_the_cities),
        cmocka_unit_test(a_batch_over_the_store_s_limit_is_told),
        cmocka_unit_test(what_does_not_exist_is_told_with_what_comes_nearest),
        cmocka_unit_test(values_of_every_compression_and_large_ones_are_read),
        cmocka_unit_test(old_and_new_clients_read_old_and_new_values),
        cmocka_unit_test(keys_come_from_standard_input_a_line_each),
        cmocka_unit_test(twenty_thousand_keys_are_answered_in_their_order),
        cmocka_unit_test(a_store_with_a_small_limit_is_asked_in_small_batches),
        cmocka_unit_test(a_client_outlives_its_router),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
