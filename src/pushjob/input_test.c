/* Records come out of Avro containers and NDJSON as the store's bytes, and whatever is wrong with a
 * file is said with the place where it is wrong. */
#include "pushjob/input.h"

#include "avro/encode.h"
#include "avro/json_text.h"
#include "test/test.h"

#define KEY "\"long\""
#define CITY                                                                                       \
    "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"      \
    "{\"name\":\"name\",\"type\":\"string\"}]}"
/* The same without the key. */
#define REST                                                                                       \
    "{\"type\":\"record\",\"name\":\"Rest\",\"fields\":[{\"name\":\"name\",\"type\":\"string\"}]}"

static const uint8_t sync_marker[LG_CONTAINER_SYNC_BYTES] = "sixteen bytes ..";

/* Bytes in pieces; with `fails`, an error of the disk after them. */
struct pieces {
    struct lg_slice rest;
    size_t piece;
    bool fails;
    struct lg_input_file file;
};

static enum lg_rc read_pieces(void *ctx, void *out, size_t size, size_t *out_read,
                              struct lg_error *err)
{
    struct pieces *p = ctx;
    size_t most = LG_MIN(size, p->piece);
    size_t n = LG_MIN(most, p->rest.size);

    if (n == 0 && p->fails)
        return lg_error_set(err, LG_ERR_IO, "the disk is gone");
    if (n > 0)
        memcpy(out, p->rest.data, n);
    p->rest = lg_slice_skip(p->rest, n);
    *out_read = n;
    return LG_OK;
}

static struct lg_schema *schema_of(const char *text)
{
    struct lg_schema *schema;
    struct lg_error err = {0};

    assert_ok(lg_schema_parse(lg_slice_str(text), &schema, &err));
    return schema;
}

static enum lg_rc open_pieces(struct pieces *p, const char *key_field, const char *value_field,
                              struct lg_input **out, struct lg_error *err)
{
    p->file = (struct lg_input_file){"cities", {read_pieces, p}};
    return lg_input_open(
        &(struct lg_input_options){
            .files = &p->file, .file_count = 1, .key_field = key_field, .value_field = value_field},
        out, err);
}

static enum lg_rc bind_to(struct lg_input *in, const struct lg_schema *key,
                          const struct lg_schema *value, struct lg_error *err)
{
    size_t chosen;

    return lg_input_bind(in, key, &value, 1, &chosen, err);
}

static enum lg_rc bind(struct lg_input *in, const char *key, const char *value,
                       struct lg_error *err)
{
    LG_AUTO(lg_schema) *k = schema_of(key);
    LG_AUTO(lg_schema) *v = schema_of(value);

    return bind_to(in, k, v, err);
}

static void show(struct lg_buf *out, const char *schema_text, struct lg_slice datum)
{
    LG_AUTO(lg_schema) *schema = schema_of(schema_text);
    struct lg_decoder d = lg_decoder_of(datum);
    struct lg_error err = {0};

    assert_ok(lg_avro_to_json(schema, &d, out, &err));
    assert_int_equal(lg_decoder_left(&d), 0);
}

/* All records as "key=value;" in JSON. `out` holds what came before an error. */
static enum lg_rc read_text(struct pieces *p, const char *value_field, const char *key,
                            const char *value, struct lg_buf *out, struct lg_error *err)
{
    LG_AUTO(lg_input) *in = NULL;
    enum lg_rc rc = open_pieces(p, "id", value_field, &in, err);

    if (rc == LG_OK)
        rc = bind(in, key, value, err);
    while (rc == LG_OK) {
        struct lg_slice k = LG_SLICE_NULL, v = LG_SLICE_NULL;
        bool end = false;

        rc = lg_input_next(in, &k, &v, &end, err);
        if (rc == LG_OK && end)
            break;
        if (rc == LG_OK) {
            show(out, key, k);
            lg_buf_append_byte(out, '=');
            show(out, value, v);
            lg_buf_append_byte(out, ';');
        }
    }
    lg_buf_append_byte(out, 0);
    return rc;
}

static void expect(struct lg_slice file, const char *value_field, const char *value_schema,
                   const char *want)
{
    for (size_t piece = 1; piece <= file.size; piece = piece < 8 ? piece + 1 : piece * 2) {
        struct pieces p = {.rest = file, .piece = piece};
        LG_SCOPED(lg_buf) got = {0};
        struct lg_error err = {0};

        assert_ok(read_text(&p, value_field, KEY, value_schema, &got, &err));
        assert_string_equal((char *)got.data, want);
    }
}

/* Fails with a sentence that has both words in it. */
static void expect_error(struct lg_slice file, const char *value_field, const char *value_schema,
                         enum lg_rc want, const char *word, const char *word2)
{
    struct pieces p = {.rest = file, .piece = SIZE_MAX};
    LG_SCOPED(lg_buf) got = {0};
    struct lg_error err = {0};

    assert_rc(want, read_text(&p, value_field, KEY, value_schema, &got, &err));
    if (strstr(err.text, word) == NULL || strstr(err.text, word2) == NULL ||
        strstr(err.text, "cities") == NULL)
        fail_msg("expected '%s' and '%s' in: %s", word, word2, err.text);
}

/* `count` cities as a container: 1 "city 1", 2 "city 2" ... */
static void write_cities(struct lg_buf *file, int count)
{
    LG_AUTO(lg_schema) *schema = schema_of(CITY);
    LG_AUTO(lg_container_writer) *writer = NULL;
    struct lg_error err = {0};
    struct lg_container_writer_options options = {
        .schema = schema, .codec = LG_CODEC_DEFLATE, .block_bytes = 100, .sync = sync_marker};

    assert_ok(lg_container_writer_open(lg_sink_of_buf(file), &options, &writer, &err));
    for (int i = 1; i <= count; i++) {
        LG_SCOPED(lg_buf) datum = {0};
        LG_SCOPED(lg_buf) name = {0};

        lg_buf_appendf(&name, "city %d", i);
        lg_encode_long(&datum, i);
        lg_encode_string(&datum, lg_buf_slice(&name));
        assert_ok(lg_container_writer_add(writer, lg_buf_slice(&datum), &err));
    }
    assert_ok(lg_container_writer_flush(writer, &err));
}

static void a_container_gives_key_and_whole_record_or_one_field(void **state)
{
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    write_cities(&file, 3);
    expect(lg_buf_slice(&file), NULL, CITY,
           "1={\"id\":1,\"name\":\"city 1\"};2={\"id\":2,\"name\":\"city 2\"};"
           "3={\"id\":3,\"name\":\"city 3\"};");
    expect(lg_buf_slice(&file), "name", "\"string\"", "1=\"city 1\";2=\"city 2\";3=\"city 3\";");
}

static void a_container_without_records_is_read_to_its_end(void **state)
{
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    write_cities(&file, 0);
    expect(lg_buf_slice(&file), NULL, CITY, "");
}

static void a_line_gives_the_same_bytes_as_a_container(void **state)
{
    (void)state;
    expect(LG_LIT("{\"id\":1,\"name\":\"city 1\"}\n{\"id\":2,\"name\":\"\\u00e9\"}\n"), NULL, CITY,
           "1={\"id\":1,\"name\":\"city 1\"};2={\"id\":2,\"name\":\"\xc3\xa9\"};");
    expect(LG_LIT("{\"id\":1,\"name\":\"city 1\"}\n"), "name", "\"string\"", "1=\"city 1\";");
}

static void a_key_beside_the_values_schema_is_left_out_of_the_value(void **state)
{
    (void)state;
    expect(LG_LIT("{\"id\":7,\"name\":\"x\"}\n"), NULL, REST, "7={\"name\":\"x\"};");
}

static void blank_lines_carriage_returns_and_a_missing_last_newline_do_no_harm(void **state)
{
    static const char want[] = "1={\"name\":\"a\"};2={\"name\":\"b\"};";

    (void)state;
    expect(LG_LIT("\n \t\n{\"id\":1,\"name\":\"a\"}\n\n{\"id\":2,\"name\":\"b\"}\n\n"), NULL, REST,
           want);
    expect(LG_LIT("{\"id\":1,\"name\":\"a\"}\r\n\r\n{\"id\":2,\"name\":\"b\"}\r\n"), NULL, REST,
           want);
    expect(LG_LIT("\r\n{\"id\":1,\"name\":\"a\"}\r\n{\"id\":2,\"name\":\"b\"}"), NULL, REST, want);
    expect(LG_LIT("\t{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"name\":\"b\"}"), NULL, REST, want);
}

static void a_byte_order_mark_before_the_first_line_is_passed_over(void **state)
{
    (void)state;
    expect(LG_LIT("\xef\xbb\xbf{\"id\":1,\"name\":\"a\"}\n"), NULL, REST, "1={\"name\":\"a\"};");
}

static void lines_longer_than_a_read_and_many_short_ones_come_out_whole(void **state)
{
    LG_SCOPED(lg_buf) file = {0}, want = {0}, got = {0};
    struct pieces p = {.piece = 5000};
    struct lg_error err = {0};

    (void)state;
    for (int i = 0; i < 300; i++) {
        int width = i % 50 == 0 ? 70000 : i % 7;

        lg_buf_appendf(&file, "{\"id\":%d,\"name\":\"%0*d\"}\n", i, width, i);
        lg_buf_appendf(&want, "%d={\"name\":\"%0*d\"};", i, width, i);
    }
    lg_buf_append_byte(&want, 0);
    p.rest = lg_buf_slice(&file);
    assert_ok(read_text(&p, NULL, KEY, REST, &got, &err));
    assert_slice_equal(lg_buf_slice(&got), lg_buf_slice(&want));
}

static void a_line_past_the_limit_is_refused(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    size_t size = LG_INPUT_LINE_BYTES_MAX + ((size_t)1 << 20);

    (void)state;
    lg_buf_append_str(&file, "{\"id\":1,\"name\":\"a\"}\n{");
    memset(lg_buf_reserve(&file, size), ' ', size);
    lg_buf_commit(&file, size);
    expect_error(lg_buf_slice(&file), NULL, REST, LG_ERR_TOO_LARGE, "line 2 is longer", "67108864");
}

static void a_wrong_line_is_named_with_its_number_and_field(void **state)
{
    static const struct {
        const char *file, *word, *word2;
    } cases[] = {
        {"{\"id\":1,\"name\":\"a\"}\n\n{\"id\":2,\"nmae\":\"b\"}\n", "line 3", "nmae"},
        {"{\"id\":1,\"nmae\":\"a\"}\n", "line 1", "did you mean \"name\"?"},
        {"{\"id\":1}\n", "line 1", "name"},
        {"{\"name\":\"a\"}\n", "line 1: the record has no field 'id'", ""},
        {"\n{\"id\":1,\"name\":5}\n", "line 2", "$.name"},
        {"{\"id\":\"x\",\"name\":\"a\"}\n", "line 1: key field 'id'", "long"},
        {"{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\n\"name\":\"b\"}\n", "line 2", ""},
        {"{\"id\":1,\"name\":\"a\"}\n[1]\n", "line 2: a JSON object is expected", ""},
        {"{\"id\":1,\"name\":\"a\"} {}\n", "line 1", ""},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++)
        expect_error(lg_slice_str(cases[i].file), NULL, REST, LG_ERR_BAD_DATA, cases[i].word,
                     cases[i].word2);
    expect_error(LG_LIT("{\"id\":1,\"nam\":\"a\"}\n"), "name", "\"string\"", LG_ERR_BAD_DATA,
                 "line 1: the record has no field 'name'", "");
}

static void a_field_that_the_container_lacks_is_refused_with_the_nearest(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    struct lg_error err = {0};
    struct lg_input *in = NULL;

    (void)state;
    write_cities(&file, 1);
    struct pieces p = {.rest = lg_buf_slice(&file), .piece = SIZE_MAX};

    assert_rc(LG_ERR_INVALID, open_pieces(&p, "idd", NULL, &in, &err));
    assert_string_equal(err.text, "cities: its records have no field 'idd'; did you mean 'id'?");
    p.rest = lg_buf_slice(&file);
    assert_rc(LG_ERR_INVALID, open_pieces(&p, "id", "nme", &in, &err));
    assert_non_null(strstr(err.text, "did you mean 'name'?"));
    p.rest = lg_buf_slice(&file);
    assert_rc(LG_ERR_INVALID, open_pieces(&p, "population", NULL, &in, &err));
    assert_string_equal(err.text, "cities: its records have no field 'population'");
    assert_null(in);
}

static void a_field_of_another_type_than_the_stores_is_refused_with_both(void **state)
{
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    write_cities(&file, 1);
    expect_error(lg_buf_slice(&file), "name", "\"int\"", LG_ERR_SCHEMA, "string", "int");

    struct pieces p = {.rest = lg_buf_slice(&file), .piece = SIZE_MAX};
    LG_AUTO(lg_input) *in = NULL;
    struct lg_error err = {0};

    assert_ok(open_pieces(&p, "id", NULL, &in, &err));
    assert_rc(LG_ERR_SCHEMA, bind(in, "\"string\"", CITY, &err));
    assert_non_null(strstr(err.text, "the key's schema"));
}

static void documentation_does_not_make_another_schema(void **state)
{
    LG_SCOPED(lg_buf) file = {0};

    (void)state;
    write_cities(&file, 1);
    expect(lg_buf_slice(&file), NULL,
           "{\"type\":\"record\",\"name\":\"City\",\"doc\":\"a city\",\"fields\":["
           "{\"name\":\"id\",\"type\":\"long\",\"doc\":\"its number\"},"
           "{\"name\":\"name\",\"type\":{\"type\":\"string\"}}]}",
           "1={\"id\":1,\"name\":\"city 1\"};");
}

static void a_container_cut_anywhere_is_an_error_not_an_end(void **state)
{
    LG_SCOPED(lg_buf) file = {0}, empty = {0};

    (void)state;
    write_cities(&empty, 0);
    write_cities(&file, 2); /* One block. */
    for (size_t size = 1; size < file.size; size++) {
        struct pieces p = {.rest = lg_slice(file.data, size), .piece = SIZE_MAX};
        LG_SCOPED(lg_buf) got = {0};
        struct lg_error err = {0};

        if (size == empty.size) /* A whole file without records. */
            continue;
        assert_rc(LG_ERR_BAD_DATA, read_text(&p, NULL, KEY, CITY, &got, &err));
        assert_int_equal(strncmp(err.text, "cities: ", 8), 0);
    }
}

static void what_is_neither_is_told_what_it_looks_like(void **state)
{
    (void)state;
    expect_error(LG_LIT("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), NULL, CITY, LG_ERR_BAD_DATA,
                 "not an Avro container", "binary data");
    expect_error(LG_LIT("\x1f\x8b\x08\0\0\0\0\0"), NULL, CITY, LG_ERR_BAD_DATA, "gzip", "unpack");
    expect_error(LG_LIT("[{\"id\":1,\"name\":\"a\"}]"), NULL, CITY, LG_ERR_BAD_DATA, "JSON array",
                 "one object on each line");
    expect_error(LG_LIT("\xff\xfei\0d\0"), NULL, CITY, LG_ERR_BAD_DATA, "UTF-16", "iconv");
    expect_error(LG_LIT("\n \n\t\r\n"), NULL, CITY, LG_ERR_BAD_DATA, "nothing but blank lines", "");
    expect_error(LG_LIT("\xef\xbb\xbf"), NULL, CITY, LG_ERR_BAD_DATA, "nothing but blank lines",
                 "");
    expect_error(LG_LIT("\0"), NULL, CITY, LG_ERR_BAD_DATA, "not an Avro container", "");
    expect_error(LG_SLICE_NULL, NULL, CITY, LG_ERR_BAD_DATA, "the file is empty", "NDJSON");
}

static void a_container_of_values_that_are_no_records_is_refused(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    LG_AUTO(lg_schema) *schema = schema_of("\"long\"");
    LG_AUTO(lg_container_writer) *writer = NULL;
    struct lg_error err = {0};
    struct lg_container_writer_options options = {.schema = schema, .sync = sync_marker};

    (void)state;
    assert_ok(lg_container_writer_open(lg_sink_of_buf(&file), &options, &writer, &err));
    assert_ok(lg_container_writer_flush(writer, &err));
    expect_error(lg_buf_slice(&file), NULL, CITY, LG_ERR_BAD_DATA, "type long",
                 "records are expected");
}

static void an_error_of_the_disk_is_passed_on(void **state)
{
    static const char line[] = "{\"id\":1,\"name\":\"a\"}\n";

    (void)state;
    for (size_t size = 0; size < sizeof line; size++) {
        struct pieces p = {.rest = lg_slice(line, size), .piece = 3, .fails = true};
        LG_SCOPED(lg_buf) got = {0};
        struct lg_error err = {0};

        assert_rc(LG_ERR_IO, read_text(&p, NULL, KEY, REST, &got, &err));
        assert_non_null(strstr(err.text, "the disk is gone"));
    }
}

static void the_schemas_for_a_new_store_come_from_the_container(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    LG_AUTO(lg_input) *whole = NULL;
    LG_AUTO(lg_input) *field = NULL;
    LG_AUTO(lg_input) *lines = NULL;
    struct lg_error err = {0};
    char *key = NULL, *value = NULL;

    (void)state;
    write_cities(&file, 1);
    struct pieces p = {.rest = lg_buf_slice(&file), .piece = SIZE_MAX};

    assert_ok(open_pieces(&p, "id", NULL, &whole, &err));
    assert_ok(lg_input_schemas(whole, &key, &value, &err));
    assert_ok(bind(whole, key, value, &err));
    assert_string_equal(key, "\"long\"");
    lg_free(key);
    lg_free(value);
    p.rest = lg_buf_slice(&file);
    assert_ok(open_pieces(&p, "id", "name", &field, &err));
    assert_ok(lg_input_schemas(field, &key, &value, &err));
    assert_string_equal(value, "\"string\"");
    lg_free(key);
    lg_free(value);

    p.rest = LG_LIT("{}\n");
    assert_ok(open_pieces(&p, "id", NULL, &lines, &err));
    assert_rc(LG_ERR_UNSUPPORTED, lg_input_schemas(lines, &key, &value, &err));
    assert_non_null(strstr(err.text, "lagoon store create"));
    assert_non_null(strstr(err.text, "--field id > key.avsc"));
}

static void the_offset_reaches_the_size_of_the_file(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    LG_AUTO(lg_schema) *k = schema_of(KEY);
    LG_AUTO(lg_schema) *v = schema_of(CITY);
    struct lg_error err = {0};

    (void)state;
    write_cities(&file, 20);
    for (int i = 0; i < 2; i++) {
        struct lg_slice bytes =
            i == 0 ? lg_buf_slice(&file) : LG_LIT("{\"id\":1,\"name\":\"a\"}\n\n");
        struct pieces p = {.rest = bytes, .piece = 10};
        LG_AUTO(lg_input) *in = NULL;
        struct lg_slice key, value;
        bool end = false;

        assert_ok(open_pieces(&p, "id", NULL, &in, &err));
        assert_ok(bind_to(in, k, v, &err));
        while (!end)
            assert_ok(lg_input_next(in, &key, &value, &end, &err));
        assert_int_equal(lg_input_offset(in), bytes.size);
        assert_ok(lg_input_next(in, &key, &value, &end, &err)); /* Still at its end. */
        assert_true(end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_container_gives_key_and_whole_record_or_one_field),
        cmocka_unit_test(a_container_without_records_is_read_to_its_end),
        cmocka_unit_test(a_line_gives_the_same_bytes_as_a_container),
        cmocka_unit_test(a_key_beside_the_values_schema_is_left_out_of_the_value),
        cmocka_unit_test(blank_lines_carriage_returns_and_a_missing_last_newline_do_no_harm),
        cmocka_unit_test(a_byte_order_mark_before_the_first_line_is_passed_over),
        cmocka_unit_test(lines_longer_than_a_read_and_many_short_ones_come_out_whole),
        cmocka_unit_test(a_line_past_the_limit_is_refused),
        cmocka_unit_test(a_wrong_line_is_named_with_its_number_and_field),
        cmocka_unit_test(a_field_that_the_container_lacks_is_refused_with_the_nearest),
        cmocka_unit_test(a_field_of_another_type_than_the_stores_is_refused_with_both),
        cmocka_unit_test(documentation_does_not_make_another_schema),
        cmocka_unit_test(a_container_cut_anywhere_is_an_error_not_an_end),
        cmocka_unit_test(what_is_neither_is_told_what_it_looks_like),
        cmocka_unit_test(a_container_of_values_that_are_no_records_is_refused),
        cmocka_unit_test(an_error_of_the_disk_is_passed_on),
        cmocka_unit_test(the_schemas_for_a_new_store_come_from_the_container),
        cmocka_unit_test(the_offset_reaches_the_size_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
