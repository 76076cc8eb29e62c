/* What a user does, as processes: one `lagoon standalone`, the verbs, and HTTP as curl speaks it.
 */
#include "base/str.h"
#include "read/wire.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define CITIES "examples/cities/cities.avro"
#define CITIES_V2 "examples/cities/cities-v2.avro"
#define VENICE                                                                                     \
    "{\"id\":3164603,\"name\":\"Venice\",\"country\":\"IT\",\"admin\":\"20\",\"feature\":"         \
    "\"PPLA\",\"population\":51298,\"latitude\":45.43713,\"longitude\":12.33265}"
/* A city that the second version lacks, and one that it changed (changes-v2.json). */
#define REMOVED "281965"
#define CHANGED "128447"

static struct lg_rig rig; /* With the cities: two versions, the second is served. */

static int set_up(void **state)
{
    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    assert_run(&rig, 0, "push", "cities", CITIES, "--key-field", "id", "--create");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

/* A store with these schemas and the lines of NDJSON as its first version. */
static void make_store(const char *name, const char *key_schema, const char *value_schema,
                       const char *lines, const char *value_field)
{
    LG_AUTO_STR char *key = lg_rig_file(&rig, "key.avsc", lg_slice_str(key_schema));
    LG_AUTO_STR char *value = lg_rig_file(&rig, "value.avsc", lg_slice_str(value_schema));
    LG_AUTO_STR char *data = lg_rig_file(&rig, "data.ndjson", lg_slice_str(lines));

    assert_run(&rig, 0, "store", "create", name, "--key-schema", key, "--value-schema", value);
    if (value_field == NULL)
        assert_run(&rig, 0, "push", name, data, "--key-field", "key");
    else
        assert_run(&rig, 0, "push", name, data, "--key-field", "key", "--value-field", value_field);
}

static void assert_json(const char *target, int status, const char *want)
{
    LG_SCOPED(lg_reply) reply = {0};

    assert_int_equal(lg_ask_get(rig.router, target, &reply), status);
    assert_string_equal(lg_reply_text(&reply), want);
}

/* --- Verbs. ----------------------------------------------------------------------------------- */

static void create_shows_the_schemas_and_push_prints_the_version(void **state)
{
    (void)state;
    /* The push of set_up was another process; its output is this shape. */
    assert_run(&rig, 0, "push", "cities_of_the_world", CITIES, "--key-field", "id", "--create",
               "--partitions", "3");
    lg_rig_assert_err(&rig, "creating store 'cities_of_the_world'");
    lg_rig_assert_err(&rig, "key   \"long\"");
    lg_rig_assert_err(&rig, "\"name\":\"City\"");
    assert_string_equal((const char *)rig.out.data,
                        "store 'cities_of_the_world' serves version 1: 135233 records in 3 "
                        "partitions\n");
    assert_null(strchr((const char *)rig.err.data, '\r')); /* Plain lines: it is no terminal. */
}

static void get_prints_a_table_json_or_lines(void **state)
{
    (void)state;
    assert_run(&rig, 0, "get", "cities", "3164603", "2988507");
    lg_rig_assert_out(&rig, "KEY");
    lg_rig_assert_out(&rig, "population");
    lg_rig_assert_out(&rig, "Venice");
    lg_rig_assert_out(&rig, "51298");
    lg_rig_assert_out(&rig, "Paris");
    assert_run(&rig, 0, "get", "cities", "3164603", "--output", "json");
    assert_string_equal((const char *)rig.out.data, VENICE "\n");
    assert_run(&rig, 0, "get", "cities", "3164603", "2988507", "--output", "ndjson");
    lg_rig_assert_out(&rig, "{\"key\":3164603,\"found\":true,\"value\":" VENICE "}\n");
    lg_rig_assert_out(&rig, "\n{\"key\":2988507,\"found\":true,");
}

static void a_missing_key_is_exit_3_and_the_found_ones_are_printed(void **state)
{
    (void)state;
    assert_run(&rig, 3, "get", "cities", "3164603", "5");
    lg_rig_assert_out(&rig, "Venice");
    lg_rig_assert_err(&rig, "not in store 'cities': 5");
    lg_rig_assert_err(&rig, "5");
}

static void stores_are_created_listed_and_described(void **state)
{
    LG_AUTO(lg_json) *store = NULL;

    (void)state;
    assert_run(&rig, 0, "store", "create", "towns", "--key-schema", "examples/cities/key.avsc",
               "--value-schema", "examples/cities/value.avsc", "--partitions", "7", "--owner",
               "doge");
    lg_rig_assert_out(&rig, "towns");
    assert_run(&rig, 0, "store", "list");
    lg_rig_assert_out(&rig, "cities");
    lg_rig_assert_out(&rig, "towns");
    assert_run(&rig, 0, "store", "list", "--output", "ndjson");
    assert_run(&rig, 0, "store", "describe", "towns");
    lg_rig_assert_out(&rig, "doge");
    lg_rig_assert_out(&rig, "\"long\"");
    lg_rig_assert_out(&rig, "lagoon.examples");
    assert_run(&rig, 0, "store", "describe", "towns", "--output", "json");
    assert_non_null(store = lg_rig_json(lg_buf_slice(&rig.out)));
    /* Twice is a conflict. */
    assert_run(&rig, 6, "store", "create", "towns", "--key-schema", "examples/cities/key.avsc",
               "--value-schema", "examples/cities/value.avsc");
}

static int64_t router_version(void)
{
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO(lg_json) *json = NULL;

    assert_int_equal(lg_ask_get(rig.router, "/current_version/cities", &reply), 200);
    json = lg_rig_json(lg_buf_slice(&reply.body));
    return lg_json_get_int(json, "currentVersion", 0);
}

/* The controller says so at once; a router hears of it a moment later. */
static void assert_current(int32_t version)
{
    LG_AUTO(lg_json) *store = lg_rig_store(&rig, "cities");

    assert_int_equal(lg_json_get_int(store, "currentVersion", 0), version);
    for (unsigned i = 0; i < 10000 && router_version() != version; i++)
        lg_process_pause(1);
    assert_int_equal(router_version(), version);
}

static void a_second_version_is_served_rolled_back_and_forward(void **state)
{
    (void)state;
    assert_run(&rig, 0, "get", "cities", REMOVED, CHANGED, "--output", "ndjson");
    lg_rig_assert_out(&rig, "\"population\":96151");
    assert_run(&rig, 0, "push", "cities", CITIES_V2, "--key-field", "id");
    lg_rig_assert_out(&rig, "serves version 2: 135133 records");
    assert_int_equal(router_version(), 2); /* A push waits for the routers. */
    assert_current(2);
    assert_run(&rig, 3, "get", "cities", REMOVED);
    assert_run(&rig, 0, "get", "cities", CHANGED, "--output", "json");
    lg_rig_assert_out(&rig, "\"population\":108170");
    assert_run(&rig, 0, "versions", "cities");
    lg_rig_assert_out(&rig, "ONLINE");

    assert_run(&rig, 0, "rollback", "cities");
    assert_current(1);
    assert_run(&rig, 0, "get", "cities", REMOVED, CHANGED, "--output", "ndjson");
    lg_rig_assert_out(&rig, "\"population\":96151");
    assert_run(&rig, 0, "versions", "cities");
    lg_rig_assert_out(&rig, "ROLLED_BACK");
    assert_run(&rig, 6, "rollback", "cities"); /* Nothing is below version 1. */

    assert_run(&rig, 0, "rollforward", "cities");
    assert_current(2);
    assert_run(&rig, 6, "rollforward", "cities");
}

static void the_same_push_id_gives_the_same_version(void **state)
{
    const char *lines = "{\"key\":\"a\",\"n\":1}\n{\"key\":\"b\",\"n\":2}\n";
    LG_AUTO_STR char *data = lg_rig_file(&rig, "again.ndjson", lg_slice_str(lines));
    LG_AUTO(lg_json) *first = NULL, *again = NULL;

    (void)state;
    make_store(
        "again", "\"string\"",
        "{\"type\":\"record\",\"name\":\"N\",\"fields\":[{\"name\":\"n\",\"type\":\"int\"}]}",
        lines, NULL);
    assert_run(&rig, 0, "push", "again", data, "--key-field", "key", "--push-id", "tuesday",
               "--output", "json");
    first = lg_rig_json(lg_buf_slice(&rig.out));
    assert_int_equal(lg_json_get_int(first, "version", 0), 2);
    assert_run(&rig, 0, "push", "again", data, "--key-field", "key", "--push-id", "tuesday",
               "--output", "json");
    again = lg_rig_json(lg_buf_slice(&rig.out));
    assert_int_equal(lg_json_get_int(again, "version", 0), 2);
}

/* --- JSON over HTTP. -------------------------------------------------------------------------- */

static void curl_reads_a_city_as_json(void **state)
{
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO_STR char *type = NULL, *version = NULL;

    (void)state;
    assert_int_equal(lg_ask_get(rig.router, "/v1/stores/cities/3164603", &reply), 200);
    assert_string_equal(lg_reply_text(&reply), VENICE);
    type = lg_reply_header(&reply, "Content-Type");
    version = lg_reply_header(&reply, "X-LAGOON-VERSION");
    assert_string_equal(type, "application/json");
    assert_non_null(version);
    assert_int_equal(lg_ask_get(rig.router, "/v1/stores/cities/5", &reply), 404);
    lg_json_unref(lg_rig_json(lg_buf_slice(&reply.body)));
    assert_int_equal(lg_ask_get(rig.router, "/v1/stores/cities/Venice", &reply), 400);
    lg_json_unref(lg_rig_json(lg_buf_slice(&reply.body)));
    assert_int_equal(lg_ask_get(rig.router, "/v1/stores/citis/5", &reply), 404);
    assert_non_null(strstr(lg_reply_text(&reply), "cities")); /* did you mean */
}

static void many_keys_are_asked_by_post(void **state)
{
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO(lg_json) *json = NULL;
    struct lg_json *results;

    (void)state;
    assert_int_equal(lg_ask_post(rig.router, "/v1/stores/cities", "{\"keys\":[3164603,5]}", &reply),
                     200);
    json = lg_rig_json(lg_buf_slice(&reply.body));
    assert_string_equal(lg_json_get_str(json, "store", ""), "cities");
    assert_true(lg_json_get_int(json, "version", 0) > 0);
    results = lg_json_get(json, "results");
    assert_int_equal(lg_json_size(results), 2);
    assert_true(lg_json_get_bool(lg_json_at(results, 0), "found", false));
    assert_string_equal(lg_json_get_str(lg_json_get(lg_json_at(results, 0), "value"), "name", ""),
                        "Venice");
    assert_false(lg_json_get_bool(lg_json_at(results, 1), "found", true));
    assert_int_equal(
        lg_ask_post(rig.router, "/v1/stores/cities", "{\"textKeys\":[\"3164603\"]}", &reply), 200);
    assert_non_null(strstr(lg_reply_text(&reply), "Venice"));
    assert_int_equal(lg_ask_post(rig.router, "/v1/stores/cities", "{\"keys\":[]}", &reply), 400);
    assert_int_equal(lg_ask_post(rig.router, "/v1/stores/cities", "{\"keys\":", &reply), 400);
}

static void text_keys_may_hold_blanks_slashes_and_any_letter(void **state)
{
    (void)state;
    make_store("texts", "\"string\"", "\"string\"",
               "{\"key\":\"two words\",\"v\":\"blank\"}\n"
               "{\"key\":\"a/b\",\"v\":\"slash\"}\n"
               "{\"key\":\"\xc3\xa7\xe2\x82\xac\xf0\x9f\x9a\xa3\",\"v\":\"unicode\"}\n"
               "{\"key\":\"50%\",\"v\":\"percent\"}\n"
               "{\"key\":\"a+b\",\"v\":\"plus\"}\n"
               "{\"key\":\"\",\"v\":\"empty\"}\n"
               "{\"key\":\"7\",\"v\":\"digit\"}\n",
               "v");
    assert_json("/v1/stores/texts/two%20words", 200, "\"blank\"");
    assert_json("/v1/stores/texts/a%2Fb", 200, "\"slash\"");
    assert_json("/v1/stores/texts/%C3%A7%E2%82%AC%F0%9F%9A%A3", 200, "\"unicode\"");
    assert_json("/v1/stores/texts/50%25", 200, "\"percent\"");
    assert_json("/v1/stores/texts/a+b", 200, "\"plus\"");
    assert_json("/v1/stores/texts/7", 200, "\"digit\"");
    assert_run(&rig, 0, "get", "texts", "two words", "--output", "json");
    assert_string_equal((const char *)rig.out.data, "\"blank\"\n");
    assert_run(&rig, 0, "get", "texts", "a/b", "--output", "json");
    assert_string_equal((const char *)rig.out.data, "\"slash\"\n");
    assert_run(&rig, 0, "get", "texts", "\xc3\xa7\xe2\x82\xac\xf0\x9f\x9a\xa3", "--output", "json");
    assert_string_equal((const char *)rig.out.data, "\"unicode\"\n");
    assert_run(&rig, 0, "get", "texts", "", "--output", "json");
    assert_string_equal((const char *)rig.out.data, "\"empty\"\n");
}

#define SHAPES                                                                                     \
    "{\"type\":\"record\",\"name\":\"Shapes\",\"fields\":["                                        \
    "{\"name\":\"u\",\"type\":[\"null\",\"long\",\"string\"]},"                                    \
    "{\"name\":\"l\",\"type\":\"long\"},{\"name\":\"b\",\"type\":\"bytes\"},"                      \
    "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}},"                    \
    "{\"name\":\"d\",\"type\":\"double\"},"                                                        \
    "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":\"float\"}},"                          \
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"boolean\"}},"                         \
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"X\",\"Y\"]}}]}"

static void json_is_the_same_everywhere(void **state)
{
    static const char one[] =
        "{\"u\":null,\"l\":9007199254740993,\"b\":\"AP8=\",\"f\":\"AAECAw==\",\"d\":\"NaN\","
        "\"a\":[1.5,\"-Infinity\"],\"m\":{\"yes\":true},\"e\":\"Y\"}";
    static const char two[] =
        "{\"u\":-3,\"l\":-9223372036854775808,\"b\":\"\",\"f\":\"/////w==\",\"d\":\"Infinity\","
        "\"a\":[],\"m\":{},\"e\":\"X\"}";
    LG_AUTO_STR char *lines = lg_strf("{\"key\":1,\"v\":%s}\n{\"key\":2,\"v\":%s}\n", one, two);

    (void)state;
    make_store("shapes", "\"int\"", SHAPES, lines, "v");
    assert_json("/v1/stores/shapes/1", 200, one);
    assert_json("/v1/stores/shapes/2", 200, two);
    assert_run(&rig, 0, "get", "shapes", "2", "--output", "json");
    assert_int_equal(strncmp((const char *)rig.out.data, two, strlen(two)), 0);
}

static void a_record_may_be_a_key(void **state)
{
    (void)state;
    make_store("pairs",
               "{\"type\":\"record\",\"name\":\"K\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
               "{\"name\":\"b\",\"type\":\"string\"}]}",
               "\"double\"", "{\"key\":{\"a\":1,\"b\":\"x\"},\"v\":2.5}\n", "v");
    assert_json("/v1/stores/pairs/%7B%22a%22%3A1%2C%22b%22%3A%22x%22%7D", 200, "2.5");
    assert_run(&rig, 0, "get", "pairs", "{\"b\":\"x\",\"a\":1}", "--output", "json");
    assert_string_equal((const char *)rig.out.data, "2.5\n");
}

/* --- Venice's paths. -------------------------------------------------------------------------- */

#define VENICE_KEY "9qaCAw==" /* long 3164603: zigzag 6329206 */

static void assert_header(const struct lg_reply *reply, const char *name, const char *want)
{
    LG_AUTO_STR char *got = lg_reply_header(reply, name);

    assert_non_null(got);
    assert_string_equal(got, want);
}

static void venices_single_get_answers_avro(void **state)
{
    LG_SCOPED(lg_reply) reply = {0};

    (void)state;
    assert_int_equal(lg_ask_get(rig.router, "/storage/cities/" VENICE_KEY "?f=b64", &reply), 200);
    assert_header(&reply, "X-VENICE-SCHEMA-ID", "1");
    assert_header(&reply, "X-VENICE-COMPRESSION-STRATEGY", "0");
    assert_header(&reply, "Content-Type", "avro/binary");
    /* id, then the name: length 6, zigzag 12. */
    assert_true(reply.body.size > 20);
    assert_memory_equal(reply.body.data, "\xf6\xa6\x82\x03\x0cVenice\x04IT", 14);
    assert_int_equal(lg_ask_get(rig.router, "/storage/cities/Cg==?f=b64", &reply), 404);
    assert_int_equal(reply.body.size, 0);
    assert_int_equal(lg_ask_get(rig.router, "/storage/nowhere/Cg==?f=b64", &reply), 400);
    assert_int_equal(lg_ask_get(rig.router, "/storage/cities/***?f=b64", &reply), 400);
}

static void venices_multi_get_answers_records(void **state)
{
    static const uint8_t keys[] = {8, 0xf6, 0xa6, 0x82, 3, 2, 10}; /* 3164603 and 5, as bytes */
    struct lg_question q = {.port = rig.router,
                            .target = "/storage/cities",
                            .headers = "X-VENICE-API-VERSION: 1\r\nX-VENICE-KEY-COUNT: 2\r\n"
                                       "X-VENICE-STREAMING: 1\r\n",
                            .body = lg_slice(keys, sizeof keys)};
    LG_SCOPED(lg_reply) reply = {0};
    struct lg_wire_value value;
    struct lg_error err = {0};
    struct lg_decoder d;
    bool end, found = false, missed = false;

    (void)state;
    assert_int_equal(lg_ask(&q, &reply), 200);
    assert_header(&reply, "X-VENICE-SCHEMA-ID", "1");
    assert_header(&reply, "X-VENICE-STREAMING-RESPONSE", "1");
    d = lg_decoder_of(lg_buf_slice(&reply.body));
    for (unsigned i = 0; i < 3; i++) {
        assert_ok(lg_wire_value_next(&d, &value, &end, &err));
        if (end)
            break;
        if (value.index == 0) {
            assert_memory_equal(value.value.data, "\xf6\xa6\x82\x03\x0cVenice", 11);
            found = true;
        } else {
            assert_int_equal(value.index, -1);
            assert_int_equal(value.schema_id, LG_SCHEMA_ID_NOT_FOUND);
            missed = true;
        }
    }
    assert_true(end && found && missed);
    q.headers = "X-VENICE-API-VERSION: 2\r\n";
    assert_int_equal(lg_ask(&q, &reply), 400);
    q.target = "/storage/nowhere";
    assert_int_equal(lg_ask(&q, &reply), 400); /* Never 404: it hangs Venice's client. */
}

static struct lg_json *ask_json(uint16_t port, const char *target)
{
    LG_SCOPED(lg_reply) reply = {0};

    assert_int_equal(lg_ask_get(port, target, &reply), 200);
    return lg_rig_json(lg_buf_slice(&reply.body));
}

static void venices_metadata_is_answered(void **state)
{
    LG_AUTO(lg_json) *key = ask_json(rig.router, "/key_schema/cities");
    LG_AUTO(lg_json) *value = ask_json(rig.router, "/value_schema/cities/1");
    LG_AUTO(lg_json) *ids = ask_json(rig.router, "/all_value_schema_ids/cities");
    LG_AUTO(lg_json) *cluster = ask_json(rig.router, "/discover_cluster/cities");
    LG_AUTO(lg_json) *current = ask_json(rig.router, "/current_version/cities");
    LG_SCOPED(lg_reply) reply = {0};

    (void)state;
    assert_string_equal(lg_json_get_str(key, "schemaStr", ""), "\"long\"");
    assert_int_equal(lg_json_get_int(key, "id", 0), 1);
    assert_non_null(strstr(lg_json_get_str(value, "schemaStr", ""), "lagoon.examples"));
    assert_int_equal(lg_json_int(lg_json_at(lg_json_get(ids, "schemaIdSet"), 0)), 1);
    assert_string_equal(lg_json_get_str(cluster, "name", ""), "cities");
    assert_non_null(lg_json_get_str(cluster, "cluster", NULL));
    assert_true(lg_json_get_int(current, "currentVersion", 0) > 0);
    assert_int_equal(lg_ask_get(rig.router, "/current_version/nowhere", &reply), 404);
    assert_int_equal(lg_ask_get(rig.router, "/discover_cluster/nowhere", &reply), 404);
    assert_non_null(strstr(lg_reply_text(&reply), "STORE_NOT_FOUND"));
}

static void every_role_says_that_it_is_well(void **state)
{
    LG_SCOPED(lg_reply) reply = {0};

    (void)state;
    assert_int_equal(lg_ask_get(rig.server, "/health", &reply), 200);
    assert_string_equal(lg_reply_text(&reply), "OK");
    assert_int_equal(lg_ask_get(rig.router, "/admin", &reply), 200);
    assert_int_equal(
        lg_ask(&(struct lg_question){.port = rig.router, .method = "OPTIONS", .target = "/"},
               &reply),
        200);
    assert_int_equal(lg_ask_get(rig.controller, "/v1/health", &reply), 200);
}

static void the_server_answers_for_a_partition(void **state)
{
    LG_SCOPED(lg_reply) reply = {0};
    unsigned found = 0;

    (void)state;
    for (unsigned p = 0; p < 4; p++) {
        LG_AUTO_STR char *target = lg_strf("/storage/cities_v1/%u/" VENICE_KEY "?f=b64", p);

        found += lg_ask_get(rig.server, target, &reply) == 200;
    }
    assert_int_equal(found, 1);
    assert_int_equal(lg_ask_get(rig.server, "/storage/cities_v99/0/Cg==?f=b64", &reply), 400);
}

/* --- The program itself. ---------------------------------------------------------------------- */

static void help_and_version_need_no_lagoon(void **state)
{
    (void)state;
    assert_run(&rig, 0, "version");
    lg_rig_assert_out(&rig, "lagoon " LAGOON_VERSION);
    assert_run(&rig, 0, "help");
    lg_rig_assert_out(&rig, "rollforward");
    assert_run(&rig, 0, "help", "push");
    lg_rig_assert_out(&rig, "--key-field");
    assert_run(&rig, 0, "standalone", "--help");
    lg_rig_assert_out(&rig, "block-cache");
}

static void it_comes_back_on_other_ports_with_a_hundred_partitions(void **state)
{
    (void)state;
    assert_run(&rig, 0, "push", "wide", CITIES, "--key-field", "id", "--create", "--partitions",
               "100");
    lg_rig_stop(&rig);
    rig.controller = rig.router = rig.server = 0; /* Free ones, as on another day. */
    lg_rig_start(&rig, NULL, NULL);
    assert_json("/v1/stores/wide/3164603", 200, VENICE);
    assert_json("/v1/stores/cities/3164603", 200, VENICE);
    assert_run(&rig, 0, "push", "wide", CITIES_V2, "--key-field", "id");
    lg_rig_assert_out(&rig, "serves version 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_shows_the_schemas_and_push_prints_the_version),
        cmocka_unit_test(get_prints_a_table_json_or_lines),
        cmocka_unit_test(a_missing_key_is_exit_3_and_the_found_ones_are_printed),
        cmocka_unit_test(stores_are_created_listed_and_described),
        cmocka_unit_test(curl_reads_a_city_as_json),
        cmocka_unit_test(many_keys_are_asked_by_post),
        cmocka_unit_test(text_keys_may_hold_blanks_slashes_and_any_letter),
        cmocka_unit_test(json_is_the_same_everywhere),
        cmocka_unit_test(a_record_may_be_a_key),
        cmocka_unit_test(venices_single_get_answers_avro),
        cmocka_unit_test(venices_multi_get_answers_records),
        cmocka_unit_test(venices_metadata_is_answered),
        cmocka_unit_test(every_role_says_that_it_is_well),
        cmocka_unit_test(the_server_answers_for_a_partition),
        cmocka_unit_test(a_second_version_is_served_rolled_back_and_forward),
        cmocka_unit_test(the_same_push_id_gives_the_same_version),
        cmocka_unit_test(help_and_version_need_no_lagoon),
        cmocka_unit_test(it_comes_back_on_other_ports_with_a_hundred_partitions),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
