/* Schemas: what is accepted, what is refused and where, canonical forms, parts, defaults. */
#include "avro/canonical.h"
#include "avro/decode.h"
#include "avro/schema.h"
#include "base/str.h"
#include "test/test.h"

static struct lg_schema *parsed(const char *text)
{
    struct lg_schema *s = NULL;
    struct lg_error err = {0};

    assert_ok(lg_schema_parse(lg_slice_str(text), &s, &err));
    return s;
}

static void assert_refused(const char *text, enum lg_rc rc, const char *part_of_sentence)
{
    struct lg_schema *s = NULL;
    struct lg_error err = {0};

    assert_rc(rc, lg_schema_parse(lg_slice_str(text), &s, &err));
    assert_null(s);
    if (strstr(err.text, part_of_sentence) == NULL)
        fail_msg("%s: wanted \"%s\" in: %s", text, part_of_sentence, err.text);
    assert_rc(rc, lg_schema_parse(lg_slice_str(text), &s, NULL));
}

#define assert_text(slice, want)                                                                   \
    do {                                                                                           \
        struct lg_slice text_ = (slice);                                                           \
        assert_slice_equal(text_, lg_slice_str(want));                                             \
    } while (0)

static const char city[] =
    "{ \"type\": \"record\", \"name\": \"City\", \"namespace\": \"a.b\", \"doc\": \"A place.\",\n"
    "  \"aliases\": [\"Town\", \"x.Place\"],\n"
    "  \"fields\": [\n"
    "    {\"name\": \"id\", \"type\": \"long\", \"order\": \"descending\"},\n"
    "    {\"name\": \"name\", \"type\": [\"null\", \"string\"], \"default\": null,\n"
    "     \"aliases\": [\"title\"], \"doc\": \"As spoken there.\"},\n"
    "    {\"name\": \"kind\", \"type\": {\"type\": \"enum\", \"name\": \"Kind\",\n"
    "     \"symbols\": [\"BIG\", \"SMALL\"], \"default\": \"SMALL\"}, \"default\": \"BIG\"},\n"
    "    {\"name\": \"hash\", \"type\": {\"type\": \"fixed\", \"name\": \"c.Md5\", \"size\": 2},\n"
    "     \"default\": \"\\u00ff\\u0001\"},\n"
    "    {\"name\": \"near\", \"type\": {\"type\": \"array\", \"items\": \"City\"}, \"default\": "
    "[]},\n"
    "    {\"name\": \"tags\", \"type\": {\"type\": \"map\", \"values\": \"Kind\"},\n"
    "     \"default\": {\"t\": \"SMALL\"}},\n"
    "    {\"name\": \"seen\", \"type\": {\"type\": \"long\", \"logicalType\": "
    "\"timestamp-millis\"},\n"
    "     \"order\": \"ignore\"}\n"
    "  ] }";

static void the_model_keeps_all_that_was_said(void **state)
{
    LG_AUTO(lg_schema) *s = parsed(city);
    const struct lg_schema *kind, *seen;
    (void)state;

    assert_text(lg_schema_text(s), city);
    assert_int_equal(lg_schema_kind(s), LG_AVRO_RECORD);
    assert_text(lg_schema_full_name(s), "a.b.City");
    assert_text(lg_schema_name(s), "City");
    assert_text(lg_schema_namespace(s), "a.b");
    assert_text(lg_schema_doc(s), "A place.");
    assert_int_equal(lg_schema_alias_count(s), 2);
    assert_text(lg_schema_alias(s, 0), "a.b.Town");
    assert_text(lg_schema_alias(s, 1), "x.Place");
    assert_int_equal(lg_schema_field_count(s), 7);
    assert_int_equal(lg_schema_field_order(s, 0), LG_FIELD_DESCENDING);
    assert_int_equal(lg_schema_field_order(s, 1), LG_FIELD_ASCENDING);
    assert_int_equal(lg_schema_field_order(s, 6), LG_FIELD_IGNORE);
    assert_text(lg_schema_field_doc(s, 1), "As spoken there.");
    assert_int_equal(lg_schema_field_alias_count(s, 1), 1);
    assert_text(lg_schema_field_alias(s, 1, 0), "title");
    assert_int_equal(lg_schema_field_index(s, LG_LIT("tags")), 5);
    assert_true(lg_schema_field_index(s, LG_LIT("tag")) == LG_SCHEMA_NO_INDEX);
    assert_string_equal(lg_schema_field_nearest(s, "nmae"), "name");
    assert_int_equal(lg_schema_branch_count(lg_schema_field_schema(s, 1)), 2);
    assert_int_equal(lg_schema_kind(lg_schema_branch(lg_schema_field_schema(s, 1), 1)),
                     LG_AVRO_STRING);
    kind = lg_schema_field_schema(s, 2);
    assert_text(lg_schema_full_name(kind), "a.b.Kind");
    assert_int_equal(lg_schema_symbol_count(kind), 2);
    assert_text(lg_schema_symbol(kind, 1), "SMALL");
    assert_int_equal(lg_schema_symbol_index(kind, LG_LIT("SMALL")), 1);
    assert_true(lg_schema_symbol_index(kind, LG_LIT("small")) == LG_SCHEMA_NO_INDEX);
    assert_int_equal(lg_schema_symbol_default(kind), 1);
    assert_text(lg_schema_full_name(lg_schema_field_schema(s, 3)), "c.Md5");
    assert_int_equal(lg_schema_fixed_bytes(lg_schema_field_schema(s, 3)), 2);
    assert_ptr_equal(lg_schema_items(lg_schema_field_schema(s, 4)), s);
    assert_ptr_equal(lg_schema_values(lg_schema_field_schema(s, 5)), kind);
    seen = lg_schema_field_schema(s, 6);
    assert_text(lg_schema_logical_type(seen), "timestamp-millis");
    assert_non_null(lg_schema_attribute(seen, "logicalType"));
    assert_null(lg_schema_attribute(seen, "precision"));
    assert_int_equal(lg_schema_bytes_min(s), 1 + 1 + 1 + 2 + 1 + 1 + 1);
}

static void defaults_are_encoded(void **state)
{
    LG_AUTO(lg_schema) *s = parsed(city);
    (void)state;

    assert_false(lg_schema_field_has_default(s, 0));
    assert_int_equal(lg_schema_field_default(s, 0).size, 0);
    assert_slice_equal(lg_schema_field_default(s, 1), LG_LIT("\0"));
    assert_slice_equal(lg_schema_field_default(s, 2), LG_LIT("\0"));
    assert_slice_equal(lg_schema_field_default(s, 3), LG_LIT("\xff\x01"));
    assert_slice_equal(lg_schema_field_default(s, 4), LG_LIT("\0"));
    assert_slice_equal(lg_schema_field_default(s, 5), LG_LIT("\x02\x02t\x02\0"));
}

static void a_default_may_be_no_number(void **state)
{
    LG_AUTO(lg_schema) *s =
        parsed("{\"type\":\"record\",\"name\":\"A\",\"fields\":["
               "{\"name\":\"f\",\"type\":\"float\",\"default\":\"-Infinity\"},"
               "{\"name\":\"d\",\"type\":\"double\",\"default\":\"NaN\"},"
               "{\"name\":\"u\",\"type\":[\"double\",\"string\"],\"default\":\"NaN\"}]}");
    (void)state;

    assert_slice_equal(lg_schema_field_default(s, 0), LG_LIT("\0\0\x80\xff"));
    assert_slice_equal(lg_schema_field_default(s, 1), LG_LIT("\0\0\0\0\0\0\xf8\x7f"));
    assert_slice_equal(lg_schema_field_default(s, 2), LG_LIT("\x02\x06NaN"));
}

static void a_default_may_leave_out_what_has_a_default(void **state)
{
    LG_AUTO(lg_schema) *s =
        parsed("{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"b\",\"type\":{\"type\":"
               "\"record\","
               "\"name\":\"B\",\"fields\":[{\"name\":\"n\",\"type\":\"int\",\"default\":-1},"
               "{\"name\":\"d\",\"type\":\"double\",\"default\":0}]},\"default\":{\"extra\":1}}]}");
    (void)state;

    assert_slice_equal(lg_schema_field_default(s, 0), LG_LIT("\x01\0\0\0\0\0\0\0\0"));
}

static void a_part_keeps_the_whole_alive(void **state)
{
    struct lg_schema *s = parsed(city);
    LG_AUTO(lg_schema) *part = lg_schema_ref(lg_schema_field_schema(s, 2));
    (void)state;

    lg_schema_unref(s);
    assert_text(lg_schema_full_name(part), "a.b.Kind");
    assert_text(lg_schema_text(part), city);
    lg_schema_unref(NULL);
}

static void a_part_has_a_text_of_its_own(void **state)
{
    LG_AUTO(lg_schema) *s = parsed(city);
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};
    LG_AUTO(lg_schema) *again = NULL;
    (void)state;

    assert_ok(lg_schema_part_text(lg_schema_field_schema(s, 0), &text, &err));
    assert_slice_equal(lg_buf_slice(&text), LG_LIT("\"long\""));
    lg_buf_clear(&text);
    /* tags: a map of Kind, which is defined elsewhere. */
    assert_ok(lg_schema_part_text(lg_schema_field_schema(s, 5), &text, &err));
    assert_text(lg_buf_slice(&text),
                "{\"type\":\"map\",\"values\":{\"type\":\"enum\",\"name\":\"Kind\","
                "\"namespace\":\"a.b\",\"symbols\":[\"BIG\",\"SMALL\"],\"default\":\"SMALL\"}}");
    lg_buf_clear(&text);
    assert_ok(lg_schema_part_text(s, &text, &err));
    assert_ok(lg_schema_parse(lg_buf_slice(&text), &again, &err));
    assert_true(lg_schema_equal_canonical(s, again));
    assert_text(lg_schema_alias(again, 1), "x.Place");
    assert_text(lg_schema_field_doc(again, 1), "As spoken there.");
    assert_slice_equal(lg_schema_field_default(again, 5), lg_schema_field_default(s, 5));
    text.ceiling = text.size;
    assert_rc(LG_ERR_TOO_LARGE, lg_schema_part_text(s, &text, &err));
    assert_int_equal(text.size, text.ceiling);
}

/* Everything that a schema can say, in the order in which a schema is written. */
static const char everything[] =
    "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a.b\",\"doc\":\"D \\\"1\\\"\","
    "\"aliases\":[\"a.b.S\",\"c.T\"],\"x-owner\":{\"team\":[1,2.5,null,true]},\"fields\":["
    "{\"name\":\"d\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,"
    "\"scale\":2},\"order\":\"ignore\",\"doc\":\"a\",\"default\":\"\\u0001\",\"x-n\":-7},"
    "{\"name\":\"u\",\"aliases\":[\"v\"],\"type\":{\"type\":\"string\",\"logicalType\":\"uuid\","
    "\"avro.java.string\":\"String\"}},"
    "{\"name\":\"t\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}],"
    "\"default\":null},"
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"namespace\":\"a.b\",\"doc\":"
    "\"e\","
    "\"symbols\":[\"A\",\"B\"],\"default\":\"B\",\"x-e\":1}},"
    "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"\",\"size\":12,"
    "\"logicalType\":\"duration\"}},"
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"a.b.E\",\"x-m\":[]},\"default\":{}},"
    "{\"name\":\"r\",\"type\":{\"type\":\"array\",\"items\":\"a.b.R\",\"x-a\":{}}}]}";

static void a_schema_printed_again_is_what_was_parsed(void **state)
{
    LG_AUTO(lg_schema) *s = parsed(everything);
    LG_AUTO(lg_schema) *again = NULL;
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};
    (void)state;

    assert_text(lg_schema_text(s), everything);
    assert_ok(lg_schema_part_text(s, &text, &err));
    assert_text(lg_buf_slice(&text), everything);
    assert_ok(lg_schema_parse(lg_buf_slice(&text), &again, &err));
    assert_int_equal(lg_json_int(lg_schema_attribute(lg_schema_field_schema(again, 0), "scale")),
                     2);
    assert_int_equal(lg_schema_field_order(again, 0), LG_FIELD_IGNORE);
    assert_text(lg_schema_field_alias(again, 1, 0), "v");
    assert_text(lg_schema_alias(again, 1), "c.T");
}

static void names_are_sought_as_java_does(void **state)
{
    /* Inside namespace n: first n.F, then F. */
    LG_AUTO(lg_schema) *s = parsed(
        "[{\"type\":\"fixed\",\"name\":\"F\",\"size\":1},{\"type\":\"record\",\"name\":\"n.R\","
        "\"fields\":[{\"name\":\"a\",\"type\":\"F\"},{\"name\":\"b\",\"type\":{\"type\":\"fixed\","
        "\"name\":\"F\",\"size\":2}},{\"name\":\"c\",\"type\":\"F\"},{\"name\":\"d\",\"type\":"
        "{\"type\":\"n.F\"}},{\"name\":\"e\",\"type\":{\"type\":\"fixed\",\"name\":\"G\","
        "\"namespace\":\"\",\"size\":3}}]}]");
    const struct lg_schema *r = lg_schema_branch(s, 1);
    (void)state;

    assert_int_equal(lg_schema_fixed_bytes(lg_schema_field_schema(r, 0)), 1);
    assert_int_equal(lg_schema_fixed_bytes(lg_schema_field_schema(r, 2)), 2);
    assert_int_equal(lg_schema_fixed_bytes(lg_schema_field_schema(r, 3)), 2);
    assert_text(lg_schema_full_name(lg_schema_field_schema(r, 4)), "G");
}

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"

static void faults_are_named_with_their_place(void **state)
{
    static const struct {
        const char *text, *says;
    } faults[] = {
        {"7", "at $: a schema is"},
        {"\"lnog\"", "at $: no type \"lnog\""},
        {"{}", "at $: the definition has no \"type\""},
        {"{\"type\":{\"type\":\"int\"}}", "at $.type: the type is a word"},
        {"{\"type\":\"union\"}", "at $.type: no type \"union\""},
        {"[]", "1 to 256 branches"},
        {"[\"int\",\"int\"]", "at $[1]: the union has \"int\" twice"},
        {"[\"int\",[\"null\"]]", "at $[1]: a union may not"},
        {"{\"type\":\"array\"}", "an array needs \"items\""},
        {"{\"type\":\"map\"}", "a map needs \"values\""},
        {"{\"type\":\"map\",\"values\":[\"int\",\"x\"]}", "at $.values[1]: no type"},
        {"{\"type\":\"fixed\",\"name\":\"F\"}", "at $.size:"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "at $.size:"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":16777217}", "at $.size:"},
        {"{\"type\":\"fixed\",\"size\":1}", "at $.name: a fixed needs a name"},
        {"{\"type\":\"fixed\",\"name\":\"1F\",\"size\":1}", "at $.name:"},
        {"{\"type\":\"fixed\",\"name\":\"a..F\",\"size\":1}", "at $.name:"},
        {"{\"type\":\"fixed\",\"name\":\"int\",\"size\":1}", "is a primitive type"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"a-b\",\"size\":1}", "at $.namespace:"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"aliases\":\"G\",\"size\":1}", "at $.aliases:"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"aliases\":[\"G\",\"-\"],\"size\":1}",
         "at $.aliases:"},
        {"{\"type\":\"enum\",\"name\":\"E\"}", "an enum needs an array \"symbols\""},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[]}", "a symbol at least"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"b-c\"]}", "at $.symbols[1]:"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}", "has \"A\" twice"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}",
         "at $.default:"},
        {"{\"type\":\"record\",\"name\":\"R\"}", "a record needs an array \"fields\""},
        {RECORD("1"), "at $.fields[0]: a field is an object"},
        {RECORD("{\"name\":\"a.b\",\"type\":\"int\"}"), "at $.fields[0].name:"},
        {RECORD("{\"name\":\"a\"}"), "field \"a\" has no type"},
        {RECORD("{\"name\":\"a\",\"type\":\"x.Y\"}"), "at $.fields[0].type: no type \"x.Y\""},
        {RECORD("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"int\"}"),
         "at $.fields[1].name: the record has two fields \"a\""},
        {RECORD("{\"name\":\"a\",\"type\":\"int\",\"order\":\"up\"}"), "at $.fields[0].order:"},
        {RECORD("{\"name\":\"a\",\"type\":\"int\",\"default\":\"x\"}"),
         "the default of field a: $.R.a: wanted int, given \"x\""},
        {RECORD("{\"name\":\"a\",\"type\":\"int\",\"default\":2147483648}"), "wanted int"},
        {RECORD("{\"name\":\"a\",\"type\":\"int\",\"default\":null}"), "wanted int, given null"},
        {RECORD("{\"name\":\"a\",\"type\":\"double\",\"default\":\"nan\"}"), "wanted double"},
        {RECORD("{\"name\":\"a\",\"type\":[\"null\",\"int\"],\"default\":\"x\"}"),
         "wanted null or int"},
        {RECORD("{\"name\":\"a\",\"type\":\"bytes\",\"default\":\"\\u0100\"}"), "wanted bytes"},
        {RECORD("{\"name\":\"a\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":2},"
                "\"default\":\"a\"}"),
         "wanted fixed F"},
        {RECORD("{\"name\":\"a\",\"type\":{\"type\":\"record\",\"name\":\"S\",\"fields\":["
                "{\"name\":\"n\",\"type\":\"int\"}]},\"default\":{}}"),
         "n is missing"},
        {RECORD("{\"name\":\"a\",\"type\":[\"null\",\"R\"],\"default\":{}}"), "needs itself"},
        {RECORD("{\"name\":\"r\",\"type\":\"R\"}"), "record R contains itself"},
        {"[{\"type\":\"fixed\",\"name\":\"F\",\"size\":1},"
         "{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}]",
         "at $[1].name: \"F\" is defined twice"},
    };
    (void)state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(faults); i++)
        assert_refused(faults[i].text, LG_ERR_SCHEMA, faults[i].says);
    assert_refused("long", LG_ERR_BAD_DATA, "schema:");
    assert_refused("", LG_ERR_BAD_DATA, "schema:");
}

static void limits_hold(void **state)
{
    LG_SCOPED(lg_buf) text = {0};
    struct lg_schema *s = NULL;
    struct lg_error err = {0};
    (void)state;

    for (int i = 0; i < 64; i++)
        lg_buf_append_str(&text, "{\"type\":\"array\",\"items\":");
    lg_buf_append_str(&text, "\"int\"");
    for (int i = 0; i < 64; i++)
        lg_buf_append_byte(&text, '}');
    assert_rc(LG_ERR_SCHEMA, lg_schema_parse(lg_buf_slice(&text), &s, &err));
    assert_non_null(strstr(err.text, "nest deeper than 64"));

    lg_buf_clear(&text);
    lg_buf_append_byte(&text, '"');
    while (text.size <= LG_SCHEMA_TEXT_BYTES_MAX)
        lg_buf_append_str(&text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_rc(LG_ERR_TOO_LARGE, lg_schema_parse(lg_buf_slice(&text), &s, &err));

    lg_buf_clear(&text);
    lg_buf_append_str(&text, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
    for (int i = 0; i <= LG_SCHEMA_FIELDS_MAX; i++)
        lg_buf_appendf(&text, "%s{\"name\":\"f%d\",\"type\":\"int\"}", i == 0 ? "" : ",", i);
    lg_buf_append_str(&text, "]}");
    assert_rc(LG_ERR_SCHEMA, lg_schema_parse(lg_buf_slice(&text), &s, &err));
    assert_non_null(strstr(err.text, "4097 fields"));
}

/* r0 in r1 in r2 ...: each defined beside the other, so that the text does not nest. */
static void nested_records(struct lg_buf *text, int n, const char *defaults)
{
    lg_buf_append_str(text, "[{\"type\":\"record\",\"name\":\"r0\",\"fields\":[]}");
    for (int i = 1; i < n; i++)
        lg_buf_appendf(text,
                       ",{\"type\":\"record\",\"name\":\"r%d\",\"fields\":["
                       "{\"name\":\"a\",\"type\":\"r%d\"%s},{\"name\":\"b\",\"type\":\"r%d\"%s}]}",
                       i, i - 1, defaults, i - 1, defaults);
    lg_buf_append_byte(text, ']');
}

static void doubling_records_take_no_time(void **state)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_schema) *s = NULL;
    struct lg_schema *none = NULL;
    struct lg_error err = {0};
    (void)state;

    /* 2^98 empty records, by schema and by default. */
    nested_records(&text, 99, ",\"default\":{}");
    assert_ok(lg_schema_parse(lg_buf_slice(&text), &s, &err));
    assert_true(lg_schema_is_empty(lg_schema_branch(s, 98)));
    assert_ok(lg_avro_check(s, LG_LIT("\xc4\x01"), &err));
    lg_buf_clear(&text);
    nested_records(&text, 200, "");
    assert_rc(LG_ERR_SCHEMA, lg_schema_parse(lg_buf_slice(&text), &none, &err));
    assert_non_null(strstr(err.text, "inside each other"));
}

static void growing_defaults_are_bounded(void **state)
{
    LG_SCOPED(lg_buf) text = {0};
    struct lg_schema *s = NULL;
    struct lg_error err = {0};
    (void)state;

    /* r0 takes a byte: the default of r59 would take 2^59. */
    lg_buf_append_str(&text, "[{\"type\":\"record\",\"name\":\"r0\",\"fields\":[{\"name\":\"n\","
                             "\"type\":\"int\",\"default\":1}]}");
    for (int i = 1; i < 60; i++)
        lg_buf_appendf(&text,
                       ",{\"type\":\"record\",\"name\":\"r%d\",\"fields\":["
                       "{\"name\":\"a\",\"type\":\"r%d\",\"default\":{}},"
                       "{\"name\":\"b\",\"type\":\"r%d\",\"default\":{}}]}",
                       i, i - 1, i - 1);
    lg_buf_append_byte(&text, ']');
    assert_rc(LG_ERR_TOO_LARGE, lg_schema_parse(lg_buf_slice(&text), &s, &err));
    assert_non_null(strstr(err.text, "defaults take over"));
}

/* --- Canonical form: vectors of the Avro project's schema-tests.txt. ---------------------------
 */

static void fingerprints_are_those_of_java(void **state)
{
    static const struct {
        const char *schema, *canonical;
        int64_t fingerprint;
    } vectors[] = {
        {"\"null\"", "\"null\"", 7195948357588979594},
        {"{\"type\":\"boolean\"}", "\"boolean\"", -6970731678124411036},
        {"\"int\"", "\"int\"", 8247732601305521295},
        {"\"long\"", "\"long\"", -3434872931120570953},
        {"\"float\"", "\"float\"", 5583340709985441680},
        {"\"double\"", "\"double\"", -8181574048448539266},
        {"\"bytes\"", "\"bytes\"", 5746618253357095269},
        {"\"string\"", "\"string\"", -8142146995180207161},
        {"[ \"int\" ]", "[\"int\"]", -5232228896498058493},
        {"[ \"int\" , {\"type\":\"boolean\"} ]", "[\"int\",\"boolean\"]", 5392556393470105090},
        {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\"}",
         "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[]}", -4824392279771201922},
    };
    (void)state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(vectors); i++) {
        LG_AUTO(lg_schema) *s = parsed(vectors[i].schema);
        LG_SCOPED(lg_buf) text = {0};

        lg_schema_canonical(s, &text);
        assert_text(lg_buf_slice(&text), vectors[i].canonical);
        assert_true((int64_t)lg_schema_fingerprint(s) == vectors[i].fingerprint);
    }
}

static void digests_of_the_canonical_form_are_told(void **state)
{
    LG_AUTO(lg_schema) *s = parsed("{\"type\":\"int\",\"doc\":\"x\"}");
    LG_SCOPED(lg_buf) md5 = {0};
    LG_SCOPED(lg_buf) sha256 = {0};
    uint8_t bytes[32];
    (void)state;

    lg_schema_fingerprint_md5(s, bytes);
    lg_hex_encode(&md5, lg_slice(bytes, 16));
    assert_text(lg_buf_slice(&md5), "ef524ea1b91e73173d938ade36c1db32");
    lg_schema_fingerprint_sha256(s, bytes);
    lg_hex_encode(&sha256, lg_slice(bytes, 32));
    assert_text(lg_buf_slice(&sha256),
                "3f2b87a9fe7cc9b13835598c3981cd45e3e355309e5090aa0933d7becb6fba45");
}

static void the_canonical_form_drops_all_but_the_shape(void **state)
{
    LG_AUTO(lg_schema) *s = parsed(city);
    LG_AUTO(lg_schema) *other = parsed("\"long\"");
    LG_SCOPED(lg_buf) text = {0};
    (void)state;

    lg_schema_canonical(s, &text);
    assert_text(
        lg_buf_slice(&text),
        "{\"name\":\"a.b.City\",\"type\":\"record\",\"fields\":[{\"name\":\"id\",\"type\":"
        "\"long\"},{\"name\":\"name\",\"type\":[\"null\",\"string\"]},{\"name\":\"kind\","
        "\"type\":{\"name\":\"a.b.Kind\",\"type\":\"enum\",\"symbols\":[\"BIG\",\"SMALL\"]}},"
        "{\"name\":\"hash\",\"type\":{\"name\":\"c.Md5\",\"type\":\"fixed\",\"size\":2}},"
        "{\"name\":\"near\",\"type\":{\"type\":\"array\",\"items\":\"a.b.City\"}},"
        "{\"name\":\"tags\",\"type\":{\"type\":\"map\",\"values\":\"a.b.Kind\"}},"
        "{\"name\":\"seen\",\"type\":\"long\"}]}");
    assert_true(lg_schema_equal_canonical(other, lg_schema_field_schema(s, 6)));
    assert_false(lg_schema_equal_canonical(other, s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_keeps_all_that_was_said),
        cmocka_unit_test(defaults_are_encoded),
        cmocka_unit_test(a_default_may_be_no_number),
        cmocka_unit_test(a_default_may_leave_out_what_has_a_default),
        cmocka_unit_test(a_part_keeps_the_whole_alive),
        cmocka_unit_test(a_part_has_a_text_of_its_own),
        cmocka_unit_test(a_schema_printed_again_is_what_was_parsed),
        cmocka_unit_test(names_are_sought_as_java_does),
        cmocka_unit_test(faults_are_named_with_their_place),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(doubling_records_take_no_time),
        cmocka_unit_test(growing_defaults_are_bounded),
        cmocka_unit_test(fingerprints_are_those_of_java),
        cmocka_unit_test(digests_of_the_canonical_form_are_told),
        cmocka_unit_test(the_canonical_form_drops_all_but_the_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
