/* Schemas by id and by canonical form; new ones and what they may change; the superset. */
#include "base/str.h"
#include "test/lib/controller_world.h"
#include "test/test.h"

static void schemas_are_found_by_their_canonical_form(void **state)
{
    struct lg_cw *w = lg_cw_start(6);
    const struct lg_json *schemas;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_get(w, "/get_key_schema?store_name=cities"), 200);
    assert_string_equal(lg_cw_text(w, "schemaStr"), "\"long\"");
    assert_int_equal(lg_cw_get(w, "/get_value_schema?store_name=cities&schema_id=1"), 200);
    assert_int_equal(lg_cw_get(w, "/get_value_schema?store_name=cities&schema_id=2"), 404);
    assert_string_equal(lg_cw_text(w, "errorType"), "SCHEMA_NOT_FOUND");
    assert_int_equal(lg_cw_post(w, "/get_value_schema_id",
                                "store_name=cities&value_schema=%7B%22type%22:%22string%22%7D"),
                     200);
    assert_int_equal(lg_json_get_int(w->answer, "id", 0), 1);
    assert_int_equal(
        lg_cw_post(w, "/get_value_schema_id", "store_name=cities&value_schema=%22int%22"), 404);
    assert_int_equal(
        lg_cw_post(w, "/add_value_schema", "store_name=cities&value_schema=%22string%22"), 200);
    assert_int_equal(lg_json_get_int(w->answer, "id", 0), 1);
    assert_int_equal(lg_cw_post(w, "/get_value_or_derived_schema_id",
                                "store_name=cities&derived_schema=%22string%22"),
                     200);
    assert_int_equal(lg_json_get_int(w->answer, "id", 0), 1);
    assert_int_equal(lg_cw_post(w, "/add_value_schema", "store_name=cities&value_schema=%22int%22"),
                     400);
    assert_string_equal(lg_cw_text(w, "errorType"), "INVALID_SCHEMA");
    assert_int_equal(lg_cw_post(w, "/add_derived_schema",
                                "store_name=cities&schema_id=1&derived_schema=%22int%22"),
                     501);
    assert_int_equal(lg_cw_get(w, "/get_all_replication_metadata_schemas?store_name=cities"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "schemas")), 0);
    assert_int_equal(
        lg_cw_get(w, "/get_all_value_schema?store_name=venice_system_store_KAFKA_MESSAGE_ENVELOPE"),
        200);
    schemas = lg_json_get(w->answer, "schemas");
    assert_int_equal(lg_json_size(schemas), 1);
    assert_int_equal(lg_json_get_int(lg_json_at(schemas, 0), "id", 0), 14);
    assert_int_equal(lg_cw_get(w, "/discover_cluster?store_name=cities&cluster_name=*"), 200);
    assert_string_equal(lg_cw_text(w, "cluster"), "lagoon-0");
    assert_int_equal(lg_cw_get(w, "/leader_controller?cluster_name=lagoon-0"), 200);
    assert_string_equal(lg_cw_text(w, "url"), "http://ctl:5555");
    lg_cw_free(w);
}

/* --- Evolution. ---------------------------------------------------------------------------------
 */

#define REC(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define A "{\"name\":\"a\",\"type\":\"int\"}"
#define B "{\"name\":\"b\",\"type\":\"string\",\"default\":\"x\"}"
#define C "{\"name\":\"c\",\"type\":\"long\",\"default\":0}"

/* A controller with the store "rec" whose values are REC(A). */
static struct lg_cw *start(uint64_t seed)
{
    struct lg_cw *w = lg_cw_start(seed);
    LG_SCOPED(lg_buf) form = {0};

    lg_cw_until_ready(w);
    lg_buf_append_str(&form, "store_name=rec&key_schema=%22long%22&value_schema=");
    lg_percent_encode(&form, LG_LIT(REC(A)));
    lg_buf_append_byte(&form, 0);
    assert_int_equal(lg_cw_post(w, "/new_store", (const char *)form.data), 200);
    return w;
}

static int add(struct lg_cw *w, const char *schema, const char *more)
{
    LG_SCOPED(lg_buf) form = {0};

    lg_buf_append_str(&form, "store_name=rec&value_schema=");
    lg_percent_encode(&form, lg_slice_str(schema));
    lg_buf_append_str(&form, more);
    lg_buf_append_byte(&form, 0);
    return lg_cw_post(w, "/add_value_schema", (const char *)form.data);
}

static int id_of(const struct lg_cw *w)
{
    return (int)lg_json_get_int(w->answer, "id", 0);
}

static size_t schemas(struct lg_cw *w, int *out_superset)
{
    assert_int_equal(lg_cw_get(w, "/get_all_value_schema?store_name=rec"), 200);
    *out_superset = (int)lg_json_get_int(w->answer, "superSetSchemaId", 0);
    return lg_json_size(lg_json_get(w->answer, "schemas"));
}

static void a_schema_that_breaks_nobody_is_added_and_durable(void **state)
{
    struct lg_cw *w = start(60);
    int superset;

    (void)state;
    assert_int_equal(add(w, REC(A "," B), ""), 200);
    assert_int_equal(id_of(w), 2);
    assert_true(lg_json_get_bool(w->answer, "lagoonIsNew", false));
    assert_int_equal(add(w, REC(A "," B), ""), 200); /* Repeated. */
    assert_int_equal(id_of(w), 2);
    assert_false(lg_json_get_bool(w->answer, "lagoonIsNew", true));
    assert_int_equal(add(w, REC(B "," A), "&schema_id=3"), 200);
    assert_int_equal(id_of(w), 3);
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    assert_int_equal(schemas(w, &superset), 3);
    assert_int_equal(superset, -1);
    assert_int_equal(lg_cw_get(w, "/get_value_schema?store_name=rec&schema_id=2"), 200);
    assert_string_equal(lg_cw_text(w, "schemaStr"), REC(A "," B));
    lg_cw_free(w);
}

static void what_breaks_is_refused_with_the_reason(void **state)
{
    struct lg_cw *w = start(61);
    const struct lg_json *row;
    int superset;

    (void)state;
    assert_int_equal(add(w, REC(A "," B), ""), 200);
    /* Against each schema there is, not only the latest: B goes, and comes back otherwise. */
    assert_int_equal(add(w, REC(A), ""), 200);
    assert_int_equal(id_of(w), 1);
    assert_int_equal(add(w, REC(A ",{\"name\":\"b\",\"type\":\"int\",\"default\":0}"), ""), 400);
    assert_non_null(strstr(lg_cw_text(w, "error"), "value schema 2 of store 'rec'"));
    assert_non_null(strstr(lg_cw_text(w, "error"), "string to int"));
    assert_int_equal(add(w, REC("{\"name\":\"d\",\"type\":\"int\"}"), "&lagoon_dry_run=true"), 200);
    assert_false(lg_json_get_bool(w->answer, "lagoonCompatible", true));
    assert_int_equal(id_of(w), -1);
    row = lg_json_at(lg_json_get(w->answer, "lagoonFindings"), 0);
    assert_string_equal(lg_json_get_str(row, "rule", ""), "FIELD_ADDED_WITHOUT_DEFAULT");
    assert_string_equal(lg_json_get_str(row, "path", ""), "d");
    assert_int_equal(lg_json_get_int(row, "schemaId", 0), 1);
    assert_int_equal(add(w, "{", ""), 400);
    assert_int_equal(add(w, REC(A "," B "," C), "&schema_id=7"), 409);
    assert_int_equal(add(w, REC(A "," B), "&schema_id=1"), 409);
    assert_int_equal(add(w, REC(A "," B "," C), "&schema_id=x"), 400);
    assert_int_equal(add(w, REC(A "," B "," C), "&schema_compat_type=HALF"), 400);
    assert_int_equal(add(w, REC(A "," B "," C), "&lagoon_dry_run=1"), 400);
    assert_int_equal(schemas(w, &superset), 2);
    lg_cw_free(w);
}

static void a_dry_run_adds_nothing(void **state)
{
    struct lg_cw *w = start(62);
    int superset;

    (void)state;
    assert_int_equal(add(w, REC(A "," B), "&lagoon_dry_run=true"), 200);
    assert_true(lg_json_get_bool(w->answer, "lagoonCompatible", false));
    assert_true(lg_json_get_bool(w->answer, "lagoonIsNew", false));
    assert_int_equal(id_of(w), 2);
    assert_int_equal(schemas(w, &superset), 1);
    lg_cw_free(w);
}

static void a_mode_relaxes_what_counts(void **state)
{
    struct lg_cw *w = start(63);
    int superset;

    (void)state;
    /* int to long: new readers read old data, not the other way round. */
    assert_int_equal(add(w, REC("{\"name\":\"a\",\"type\":\"long\"}"), ""), 400);
    assert_int_equal(
        add(w, REC("{\"name\":\"a\",\"type\":\"long\"}"), "&schema_compat_type=FORWARD"), 400);
    assert_int_equal(
        add(w, REC("{\"name\":\"a\",\"type\":\"long\"}"), "&schema_compat_type=BACKWARD"), 200);
    assert_int_equal(add(w, "\"bytes\"", "&schema_compat_type=NONE"), 200);
    assert_int_equal(schemas(w, &superset), 3);
    lg_cw_free(w);
}

static void defaults_and_docs(void **state)
{
    struct lg_cw *w = start(64);

    (void)state;
    /* Only the doc differs: nobody could tell. */
    assert_int_equal(add(w, REC("{\"name\":\"a\",\"doc\":\"d\",\"type\":\"int\"}"), ""), 200);
    assert_int_equal(id_of(w), 1);
    /* A default is something new: the field may be dropped later. */
    assert_int_equal(add(w, REC("{\"name\":\"a\",\"type\":\"int\",\"default\":5}"), ""), 200);
    assert_int_equal(id_of(w), 2);
    lg_cw_free(w);
}

static void the_superset_follows_with_read_compute(void **state)
{
    struct lg_cw *w = start(65);
    int superset;

    (void)state;
    assert_int_equal(add(w, REC(A "," B), ""), 200);
    assert_int_equal(add(w, REC(A "," C), ""), 200);
    assert_int_equal(schemas(w, &superset), 3);
    assert_int_equal(superset, -1);
    /* Of all there are: neither of them. */
    assert_int_equal(lg_cw_post(w, "/update_store", "store_name=rec&read_computation_enabled=true"),
                     200);
    assert_int_equal(schemas(w, &superset), 4);
    assert_int_equal(superset, 4);
    assert_int_equal(lg_cw_get(w, "/get_value_schema?store_name=rec&schema_id=4"), 200);
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(lg_cw_text(w, "schemaStr"),
                               (const char *const[]){"\"a\"", "\"b\"", "\"c\""}[i]));
    /* One that has less leaves it; one that has more becomes it. */
    assert_int_equal(add(w, REC(C "," A), ""), 200);
    assert_int_equal(schemas(w, &superset), 5);
    assert_int_equal(superset, 4);
    assert_int_equal(
        add(w, REC(C "," B "," A ",{\"name\":\"d\",\"type\":\"int\",\"default\":0}"), ""), 200);
    assert_int_equal(schemas(w, &superset), 6);
    assert_int_equal(superset, 6);
    /* One with another field only: a schema of its own joins both. */
    assert_int_equal(add(w, REC(A ",{\"name\":\"e\",\"type\":\"int\",\"default\":0}"), ""), 200);
    assert_int_equal(id_of(w), 7);
    assert_int_equal(lg_json_get_int(w->answer, "superSetSchemaId", 0), 8);
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    assert_int_equal(schemas(w, &superset), 8);
    assert_int_equal(superset, 8);
    assert_int_equal(
        lg_cw_post(w, "/update_store", "store_name=rec&read_computation_enabled=false"), 200);
    assert_int_equal(schemas(w, &superset), 8);
    assert_int_equal(superset, -1);
    lg_cw_free(w);
}

static void without_a_superset_there_is_no_read_compute(void **state)
{
    struct lg_cw *w = start(66);
    int superset;

    (void)state;
    assert_int_equal(add(w, "\"bytes\"", "&schema_compat_type=NONE"), 200);
    assert_int_equal(lg_cw_post(w, "/update_store", "store_name=rec&read_computation_enabled=true"),
                     400);
    assert_non_null(strstr(lg_cw_text(w, "error"), "cannot have read compute"));
    assert_int_equal(lg_cw_get(w, "/store?store_name=rec"), 200);
    assert_false(lg_json_get_bool(lg_json_get(w->answer, "store"), "readComputationEnabled", true));
    lg_cw_free(w);

    w = start(67);
    assert_int_equal(lg_cw_post(w, "/update_store", "store_name=rec&read_computation_enabled=true"),
                     200);
    assert_int_equal(schemas(w, &superset), 1);
    assert_int_equal(superset, 1);
    assert_int_equal(add(w, "\"bytes\"", "&schema_compat_type=NONE"), 400);
    assert_non_null(strstr(lg_cw_text(w, "error"), "has read compute"));
    assert_int_equal(schemas(w, &superset), 1);
    lg_cw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_are_found_by_their_canonical_form),
        cmocka_unit_test(a_schema_that_breaks_nobody_is_added_and_durable),
        cmocka_unit_test(what_breaks_is_refused_with_the_reason),
        cmocka_unit_test(a_dry_run_adds_nothing),
        cmocka_unit_test(a_mode_relaxes_what_counts),
        cmocka_unit_test(defaults_and_docs),
        cmocka_unit_test(the_superset_follows_with_read_compute),
        cmocka_unit_test(without_a_superset_there_is_no_read_compute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
