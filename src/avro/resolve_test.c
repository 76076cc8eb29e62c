/* Resolution: each rule of the specification by an example, each refusal by its sentence. */
#include "avro/json_text.h"
#include "avro/resolve.h"
#include "test/test.h"

static struct lg_schema *parsed(const char *text)
{
    struct lg_schema *s = NULL;
    struct lg_error err = {0};

    if (lg_schema_parse(lg_slice_str(text), &s, &err) != LG_OK)
        fail_msg("%s: %s", text, err.text);
    return s;
}

static struct lg_resolver *planned(const char *writer, const char *reader)
{
    LG_AUTO(lg_schema) *w = parsed(writer);
    LG_AUTO(lg_schema) *r = parsed(reader);
    struct lg_resolver *resolver = NULL;
    struct lg_error err = {0};

    if (lg_resolver_new(w, r, &resolver, &err) != LG_OK)
        fail_msg("%s as %s: %s", writer, reader, err.text);
    return resolver;
}

/* A datum from and to JSON text, through the bytes of both schemas. */
static void assert_read(const char *writer, const char *reader, const char *given, const char *want)
{
    LG_AUTO(lg_resolver) *resolver = planned(writer, reader);
    LG_AUTO(lg_json) *json = NULL;
    LG_SCOPED(lg_buf) in = {0};
    LG_SCOPED(lg_buf) out = {0};
    LG_SCOPED(lg_buf) text = {0};
    struct lg_decoder d;
    struct lg_error err = {0};

    assert_ok(lg_json_parse(lg_slice_str(given), &json, &err));
    assert_ok(lg_avro_from_json(lg_resolver_writer(resolver), json, &in, &err));
    lg_buf_append_str(&out, "kept");
    assert_ok(lg_resolve(resolver, lg_buf_slice(&in), &out, &err));
    lg_buf_consume(&out, 4);
    assert_ok(lg_avro_check(lg_resolver_reader(resolver), lg_buf_slice(&out), &err));
    d = lg_decoder_of(lg_buf_slice(&out));
    assert_ok(lg_avro_to_json(lg_resolver_reader(resolver), &d, &text, &err));
    if (!lg_slice_eq_str(lg_buf_slice(&text), want))
        fail_msg("%s as %s: wanted %s, got %.*s", writer, reader, want, (int)text.size,
                 (const char *)text.data);
}

static void assert_bytes(const char *writer, const char *reader, struct lg_slice in,
                         struct lg_slice want)
{
    LG_AUTO(lg_resolver) *resolver = planned(writer, reader);
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};

    assert_ok(lg_resolve(resolver, in, &out, &err));
    assert_slice_equal(lg_buf_slice(&out), want);
}

/* The pair as a whole is refused. */
static void assert_misfit(const char *writer, const char *reader, const char *says)
{
    LG_AUTO(lg_schema) *w = parsed(writer);
    LG_AUTO(lg_schema) *r = parsed(reader);
    struct lg_resolver *resolver = NULL;
    struct lg_error err = {0};

    assert_rc(LG_ERR_SCHEMA, lg_resolver_new(w, r, &resolver, &err));
    assert_null(resolver);
    if (strstr(err.text, says) == NULL)
        fail_msg("%s as %s: wanted \"%s\" in: %s", writer, reader, says, err.text);
    assert_rc(LG_ERR_SCHEMA, lg_resolver_new(w, r, &resolver, NULL));
}

/* One datum is refused. */
static void assert_refused(const char *writer, const char *reader, struct lg_slice in,
                           enum lg_rc rc, const char *says)
{
    LG_AUTO(lg_resolver) *resolver = planned(writer, reader);
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};

    lg_buf_append_str(&out, "kept");
    assert_rc(rc, lg_resolve(resolver, in, &out, &err));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("kept"));
    if (strstr(err.text, says) == NULL)
        fail_msg("%s as %s: wanted \"%s\" in: %s", writer, reader, says, err.text);
    assert_rc(rc, lg_resolve(resolver, in, &out, NULL));
}

#define RECORD(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define FIELD_DEFAULT(name, type, value)                                                           \
    "{\"name\":\"" name "\",\"type\":" type ",\"default\":" value "}"
#define FIELD_ALIAS(name, type, alias)                                                             \
    "{\"name\":\"" name "\",\"type\":" type ",\"aliases\":[\"" alias "\"]}"
#define ENUM(name, symbols) "{\"type\":\"enum\",\"name\":\"" name "\",\"symbols\":[" symbols "]}"
#define FIXED(name, size) "{\"type\":\"fixed\",\"name\":\"" name "\",\"size\":" size "}"
#define ARRAY(items) "{\"type\":\"array\",\"items\":" items "}"
#define MAP(values) "{\"type\":\"map\",\"values\":" values "}"
#define INT "\"int\""
#define LONG "\"long\""
#define FLOAT "\"float\""
#define DOUBLE "\"double\""
#define STRING "\"string\""
#define BYTES "\"bytes\""

static void numbers_are_promoted(void **state)
{
    (void)state;
    assert_read(INT, LONG, "-7", "-7");
    assert_read(INT, FLOAT, "7", "7.0");
    assert_read(INT, DOUBLE, "-7", "-7.0");
    assert_read(LONG, FLOAT, "16777217", "16777216.0");
    assert_read(LONG, DOUBLE, "9007199254740993", "9007199254740992.0");
    assert_read(FLOAT, DOUBLE, "0.5", "0.5");
    assert_read(FLOAT, DOUBLE, "\"NaN\"", "\"NaN\"");
    assert_bytes(INT, LONG, LG_LIT("\x80\x01"), LG_LIT("\x80\x01"));
    assert_bytes(INT, FLOAT, LG_LIT("\x02"), LG_LIT("\0\0\x80\x3f"));
    assert_bytes(FLOAT, DOUBLE, LG_LIT("\0\0\x80\x3f"), LG_LIT("\0\0\0\0\0\0\xf0\x3f"));
}

static void text_and_bytes_are_promoted(void **state)
{
    (void)state;
    assert_read(STRING, BYTES, "\"foo\"", "\"Zm9v\"");
    assert_read(BYTES, STRING, "\"Zm9v\"", "\"foo\"");
    assert_refused(BYTES, STRING, LG_LIT("\x02\xff"), LG_ERR_BAD_DATA, "not UTF-8");
}

static void nothing_else_is_promoted(void **state)
{
    static const char *const types[] = {
        "\"null\"",     "\"boolean\"", INT,        LONG,     FLOAT,           DOUBLE,
        STRING,         BYTES,         ARRAY(INT), MAP(INT), RECORD("R", ""), ENUM("E", "\"A\""),
        FIXED("F", "4")};
    static const char *const promotions[][2] = {{INT, LONG},     {INT, FLOAT},   {INT, DOUBLE},
                                                {LONG, FLOAT},   {LONG, DOUBLE}, {FLOAT, DOUBLE},
                                                {STRING, BYTES}, {BYTES, STRING}};
    (void)state;

    for (size_t w = 0; w < LG_ARRAY_SIZE(types); w++) {
        for (size_t r = 0; r < LG_ARRAY_SIZE(types); r++) {
            bool is_promotion = w == r;

            for (size_t i = 0; i < LG_ARRAY_SIZE(promotions); i++)
                is_promotion = is_promotion || (strcmp(types[w], promotions[i][0]) == 0 &&
                                                strcmp(types[r], promotions[i][1]) == 0);
            if (is_promotion)
                lg_resolver_unref(planned(types[w], types[r]));
            else
                assert_misfit(types[w], types[r], "the one cannot be promoted to the other");
        }
    }
    assert_misfit(STRING, INT, "at $: written as string, read as int: the one cannot");
}

static void fields_are_found_by_name(void **state)
{
    static const char writer[] =
        RECORD("R", FIELD("a", INT) "," FIELD("b", STRING) "," FIELD("c", "\"boolean\""));
    (void)state;

    /* Reordered, promoted, left out, added. */
    assert_read(writer, RECORD("R", FIELD("b", STRING) "," FIELD("a", DOUBLE)),
                "{\"a\":1,\"b\":\"x\",\"c\":true}", "{\"b\":\"x\",\"a\":1.0}");
    assert_read(writer, RECORD("R", FIELD("a", LONG) "," FIELD("c", "\"boolean\"")),
                "{\"a\":1,\"b\":\"x\",\"c\":true}", "{\"a\":1,\"c\":true}");
    assert_read(writer, RECORD("R", FIELD("c", "\"boolean\"")), "{\"a\":1,\"b\":\"x\",\"c\":true}",
                "{\"c\":true}");
    assert_read(writer, RECORD("R", ""), "{\"a\":1,\"b\":\"x\",\"c\":true}", "{}");
    assert_read(writer,
                RECORD("R", FIELD_DEFAULT("n", ARRAY(INT), "[1,2]") "," FIELD("c", "\"boolean\"")),
                "{\"a\":1,\"b\":\"x\",\"c\":true}", "{\"n\":[1,2],\"c\":true}");
    /* Records are not compared by name, as in Java. */
    assert_read(writer, RECORD("other.S", FIELD("a", INT)), "{\"a\":1,\"b\":\"x\",\"c\":true}",
                "{\"a\":1}");
}

static void a_field_without_a_default_is_required(void **state)
{
    (void)state;
    assert_misfit(RECORD("R", FIELD("a", INT)), RECORD("R", FIELD("a", INT) "," FIELD("b", INT)),
                  "at $: the reader's record R has field b, which the writer's record R does not "
                  "have; give it a default");
    assert_misfit(RECORD("R", FIELD("a", ARRAY(RECORD("S", "")))),
                  RECORD("R", FIELD("a", ARRAY(RECORD("S", FIELD("x", INT))))),
                  "at $.a[0]: the reader's record S has field x");
}

static void defaults_of_every_type_are_filled_in(void **state)
{
    (void)state;
    assert_read(
        RECORD("R", ""),
        RECORD("R", FIELD_DEFAULT("n", "\"null\"", "null") "," FIELD_DEFAULT(
                        "b", "\"boolean\"", "true") "," FIELD_DEFAULT("i", INT, "-1") ","     //
               FIELD_DEFAULT("l", LONG, "5000000000") "," FIELD_DEFAULT("f", FLOAT, "1") ","  //
               FIELD_DEFAULT("d", DOUBLE, "-0.5") "," FIELD_DEFAULT("s", STRING, "\"x\"") "," //
               FIELD_DEFAULT("y", BYTES, "\"\\u00ff\"") ","                                   //
               FIELD_DEFAULT("e", ENUM("E", "\"A\",\"B\""), "\"B\"") ","                      //
               FIELD_DEFAULT("x", FIXED("F", "2"), "\"ab\"") ","                              //
               FIELD_DEFAULT("m", MAP(INT), "{\"k\":1}") ","                                  //
               FIELD_DEFAULT("u", "[\"null\",\"int\"]", "null") ","                           //
               FIELD_DEFAULT("r", RECORD("S", FIELD_DEFAULT("z", INT, "9")), "{}")),
        "{}",
        "{\"n\":null,\"b\":true,\"i\":-1,\"l\":5000000000,\"f\":1.0,\"d\":-0.5,\"s\":\"x\","
        "\"y\":\"/w==\",\"e\":\"B\",\"x\":\"YWI=\",\"m\":{\"k\":1},\"u\":null,\"r\":{\"z\":9}}");
}

static void enums_go_by_symbol(void **state)
{
    static const char writer[] = ENUM("n.E", "\"A\",\"B\",\"C\"");
    static const char with_default[] =
        "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"X\",\"C\"],\"default\":\"X\"}";
    (void)state;

    assert_read(writer, ENUM("E", "\"C\",\"B\",\"A\""), "\"A\"", "\"A\"");
    assert_bytes(writer, ENUM("E", "\"C\",\"B\",\"A\""), LG_LIT("\0"), LG_LIT("\x04"));
    assert_read(writer, with_default, "\"C\"", "\"C\"");
    assert_read(writer, with_default, "\"B\"", "\"X\"");
    assert_refused(writer, ENUM("E", "\"A\""), LG_LIT("\x02"), LG_ERR_SCHEMA,
                   "the reader's enum E has no symbol B; add it, or give the enum a default");
    assert_misfit(writer, ENUM("D", "\"A\",\"B\",\"C\""),
                  "written as enum n.E, read as enum D: their names differ");
}

static void fixeds_go_by_name_and_size(void **state)
{
    (void)state;
    assert_bytes(FIXED("a.F", "3"), FIXED("b.F", "3"), LG_LIT("xyz"), LG_LIT("xyz"));
    assert_misfit(FIXED("F", "3"), FIXED("G", "3"), "their names differ");
    assert_misfit(FIXED("F", "3"), FIXED("F", "4"),
                  "written as fixed F of 3 bytes, read as fixed F of 4 bytes: their sizes differ");
}

static void arrays_and_maps_go_by_item(void **state)
{
    (void)state;
    assert_read(ARRAY(INT), ARRAY(DOUBLE), "[1,2,3]", "[1.0,2.0,3.0]");
    assert_read(MAP(BYTES), MAP(STRING), "{\"k\":\"Zm9v\",\"l\":\"\"}",
                "{\"k\":\"foo\",\"l\":\"\"}");
    assert_read(ARRAY(ARRAY(INT)), ARRAY(ARRAY(FLOAT)), "[[1],[],[2,3]]", "[[1.0],[],[2.0,3.0]]");
    /* Blocks with their size, and several of them. */
    assert_bytes(ARRAY(INT), ARRAY(FLOAT), LG_LIT("\x01\x02\x02\x02\x04\x00"),
                 LG_LIT("\x02\0\0\x80\x3f\x02\0\0\0\x40\0"));
    assert_misfit(ARRAY(INT), ARRAY(STRING), "at $[0]: written as int, read as string");
    assert_misfit(MAP(INT), MAP("\"boolean\""), "written as int, read as boolean");
}

static void a_type_becomes_a_branch_of_a_union(void **state)
{
    (void)state;
    assert_bytes(INT, "[\"null\",\"int\"]", LG_LIT("\x0e"), LG_LIT("\x02\x0e"));
    /* The same type before a promotion, whatever the order; else the first promotion. */
    assert_bytes(INT, "[\"double\",\"long\",\"int\"]", LG_LIT("\x0e"), LG_LIT("\x04\x0e"));
    assert_bytes(INT, "[\"string\",\"long\",\"double\"]", LG_LIT("\x0e"), LG_LIT("\x02\x0e"));
    assert_bytes(STRING, "[\"int\",\"bytes\"]", LG_LIT("\x02x"), LG_LIT("\x02\x02x"));
    assert_misfit("\"boolean\"", "[\"null\",\"int\"]",
                  "written as boolean, read as union of null and int: no branch of the union "
                  "takes it; add one");
}

static void a_record_takes_the_branch_of_its_name_or_shape(void **state)
{
    static const char writer[] = RECORD("n.R", FIELD("a", INT));
    (void)state;

    assert_bytes(writer, "[" RECORD("S", FIELD("a", INT)) "," RECORD("n.R", FIELD("a", INT)) "]",
                 LG_LIT("\x0e"), LG_LIT("\x02\x0e"));
    /* Of records that fit, one of the same short name goes before others. */
    assert_bytes(writer, "[" RECORD("S", FIELD("a", INT)) "," RECORD("m.R", FIELD("a", LONG)) "]",
                 LG_LIT("\x0e"), LG_LIT("\x02\x0e"));
    assert_bytes(writer, "[" RECORD("S", FIELD("b", INT)) "," RECORD("T", FIELD("a", INT)) "]",
                 LG_LIT("\x0e"), LG_LIT("\x02\x0e"));
    assert_misfit(writer, "[" RECORD("S", FIELD("b", INT)) ",\"null\"]", "no branch of the union");
    /* Enums and fixeds need the full name. */
    assert_misfit(ENUM("n.E", "\"A\""), "[\"null\"," ENUM("E", "\"A\"") "]", "no branch");
    assert_misfit(FIXED("n.F", "1"), "[\"null\"," FIXED("F", "1") "]", "no branch");
    assert_bytes(FIXED("n.F", "1"), "[\"null\"," FIXED("n.F", "1") "]", LG_LIT("x"),
                 LG_LIT("\x02x"));
}

static void the_branches_of_a_written_union_are_read_each(void **state)
{
    static const char writer[] = "[\"null\",\"int\",\"string\"]";
    (void)state;

    assert_bytes(writer, "[\"string\",\"null\",\"long\"]", LG_LIT("\x02\x0e"), LG_LIT("\x04\x0e"));
    assert_bytes(writer, "[\"string\",\"null\",\"long\"]", LG_LIT("\x00"), LG_LIT("\x02"));
    assert_bytes(writer, INT, LG_LIT("\x02\x0e"), LG_LIT("\x0e"));
    assert_refused(writer, INT, LG_LIT("\x00"), LG_ERR_SCHEMA, "written as null, read as int");
    assert_refused(writer, INT, LG_LIT("\x06"), LG_ERR_BAD_DATA, "index 3 of 3 choices");
    assert_refused(RECORD("R", FIELD("a", "[\"null\",\"int\"]")),
                   RECORD("R", FIELD("a", "[\"int\",\"long\"]")), LG_LIT("\x00"), LG_ERR_SCHEMA,
                   "field a: written as null, read as union of int and long: no branch");
    assert_misfit(writer, "\"boolean\"", "at $: written as string, read as boolean");
    assert_misfit("[\"null\",\"int\"]", "[\"string\",\"bytes\"]", "no branch of the union");
}

static void unions_of_one_structure_keep_their_indexes(void **state)
{
    /* By full name, each branch would be the other one. */
    assert_bytes("[" RECORD("a.R", FIELD("x", INT)) "," RECORD("b.R", FIELD("x", INT)) "]",
                 "[" RECORD("b.R", FIELD("x", INT)) "," RECORD("a.R", FIELD("x", INT)) "]",
                 LG_LIT("\x02\x0e"), LG_LIT("\x02\x0e"));
    (void)state;
}

static void aliases_rename_what_was_written(void **state)
{
    (void)state;
    assert_read(RECORD("R", FIELD("old", INT)), RECORD("R", FIELD_ALIAS("new", LONG, "old")),
                "{\"old\":7}", "{\"new\":7}");
    assert_read(ENUM("n.E", "\"A\",\"B\""),
                "{\"type\":\"enum\",\"name\":\"m.D\",\"aliases\":[\"n.E\"],"
                "\"symbols\":[\"B\",\"A\"]}",
                "\"B\"", "\"B\"");
    assert_read(FIXED("F", "1"),
                "{\"type\":\"fixed\",\"name\":\"G\",\"aliases\":[\"F\"],\"size\":1}", "\"YQ==\"",
                "\"YQ==\"");
    /* Into a union by the alias's full name; the fields of a renamed record are renamed too. */
    assert_read(RECORD("n.Old", FIELD("x", INT)),
                "[\"null\",{\"type\":\"record\",\"name\":\"n.New\",\"aliases\":[\"Old\"],"
                "\"fields\":[" FIELD_ALIAS("y", INT, "x") "]}]",
                "{\"x\":7}", "{\"y\":7}");
    /* An alias counts in its own record only. */
    assert_misfit(
        RECORD("R", FIELD("s", RECORD("S", FIELD("old", INT)))),
        RECORD("R",
               FIELD("s", RECORD("S", FIELD("new", INT))) "," //
                                                          "{\"name\":\"n\",\"type\":\"int\","
                                                          "\"aliases\":[\"old\"],\"default\":1}"),
        "has field new");
}

static void an_alias_may_not_give_a_name_twice(void **state)
{
    (void)state;
    assert_misfit(RECORD("R", FIELD("a", INT) "," FIELD("b", INT)),
                  RECORD("R", FIELD_ALIAS("b", LONG, "a")),
                  "fields a and b of the writer's record R are both called b by the reader; take "
                  "away the alias");
    assert_misfit("[" FIXED("F", "1") "," FIXED("G", "1") "]",
                  "{\"type\":\"fixed\",\"name\":\"G\",\"aliases\":[\"F\"],\"size\":1}",
                  "two branches of one union of the writer are both called G");
    /* A schema reads its own data whatever its aliases say. */
    assert_read(RECORD("R", FIELD("a", INT) "," FIELD_ALIAS("b", INT, "a")),
                RECORD("R", FIELD("a", INT) "," FIELD_ALIAS("b", INT, "a")), "{\"a\":1,\"b\":2}",
                "{\"a\":1,\"b\":2}");
}

static void recursive_types_are_resolved(void **state)
{
    static const char writer[] = RECORD("L", FIELD("v", INT) "," FIELD("next", "[\"null\",\"L\"]"));
    (void)state;

    assert_read(writer,
                RECORD("L", FIELD("next", "[\"L\",\"null\"]") "," FIELD("v", DOUBLE) "," //
                       FIELD_DEFAULT("w", INT, "5")),
                "{\"v\":1,\"next\":{\"v\":2,\"next\":{\"v\":3,\"next\":null}}}",
                "{\"next\":{\"next\":{\"next\":null,\"v\":3.0,\"w\":5},\"v\":2.0,\"w\":5},"
                "\"v\":1.0,\"w\":5}");
    assert_read(RECORD("T", FIELD("v", INT) "," FIELD("down", ARRAY("\"T\""))),
                RECORD("T", FIELD("v", LONG) "," FIELD("down", ARRAY("\"T\"")) "," //
                       FIELD_DEFAULT("w", STRING, "\"\"")),
                "{\"v\":1,\"down\":[{\"v\":2,\"down\":[]}]}",
                "{\"v\":1,\"down\":[{\"v\":2,\"down\":[],\"w\":\"\"}],\"w\":\"\"}");
    assert_misfit(writer, RECORD("L", FIELD("next", "[\"null\",\"L\"]") "," FIELD("w", INT)),
                  "has field w");
}

static void equal_schemas_need_no_work(void **state)
{
    static const char plain[] = RECORD("R", FIELD("a", INT) "," FIELD("b", ARRAY(STRING)));
    LG_AUTO(lg_resolver) *same = planned(
        plain, RECORD("R", "{\"name\":\"a\",\"type\":\"int\",\"doc\":\"d\",\"default\":1}," //
                      FIELD("b", ARRAY(STRING))));
    LG_AUTO(lg_resolver) *longer =
        planned(plain, RECORD("R", FIELD("a", LONG) "," FIELD("b", ARRAY(BYTES))));
    LG_AUTO(lg_resolver) *other = planned(plain, RECORD("R", FIELD("a", INT)));
    LG_AUTO(lg_resolver) *again = lg_resolver_ref(same);
    (void)state;

    assert_ptr_equal(again, same);
    assert_true(lg_resolver_is_identity(same));
    assert_true(lg_resolver_is_identity(longer)); /* The bytes are the same. */
    assert_false(lg_resolver_is_identity(other));
    assert_refused(plain, plain, LG_LIT("\x02\x04\x02"), LG_ERR_BAD_DATA, "field b: at byte 1");
    lg_resolver_unref(NULL);
}

static void damaged_data_is_named_with_its_field(void **state)
{
    static const char writer[] =
        RECORD("R", FIELD("a", INT) "," FIELD("m", MAP(RECORD("S", FIELD("s", STRING) "," //
                                                              FIELD("i", INT)))));
    static const char reader[] =
        RECORD("R", FIELD("m", MAP(RECORD("S", FIELD("i", DOUBLE) "," FIELD("s", STRING)))));
    (void)state;

    assert_bytes(writer, reader, LG_LIT("\x02\x02\x02k\x02x\x04\0"),
                 LG_LIT("\x02\x02k\0\0\0\0\0\0\0\x40\x02x\0"));
    assert_refused(writer, reader, LG_LIT("\x80"), LG_ERR_BAD_DATA, "field a: the data ends");
    assert_refused(writer, reader, LG_LIT("\x02\x02\x02k\x02\xff\x04\0"), LG_ERR_BAD_DATA,
                   "field m: field s: at byte 4: the string is not UTF-8");
    assert_refused(writer, reader, LG_LIT("\x02\x02\x02\xff\x02x\x04\0"), LG_ERR_BAD_DATA,
                   "not UTF-8");
    assert_refused(writer, reader, LG_LIT("\x02\xff\xff\x01\0"), LG_ERR_BAD_DATA,
                   "more than the data can hold");
    assert_refused(writer, reader, LG_LIT("\x02\0\0"), LG_ERR_BAD_DATA,
                   "the datum ends at byte 2, but 1 bytes follow it");
    assert_refused(INT, FLOAT, LG_SLICE_NULL, LG_ERR_BAD_DATA, "the data ends");
    assert_refused(LONG, FLOAT, LG_SLICE_NULL, LG_ERR_BAD_DATA, "the data ends");
    assert_refused(FLOAT, DOUBLE, LG_LIT("abc"), LG_ERR_BAD_DATA, "the data ends");
}

static void the_next_datum_follows(void **state)
{
    LG_AUTO(lg_resolver) *resolver = planned(INT, FLOAT);
    struct lg_decoder d = lg_decoder_of(LG_LIT("\x02\x04\x80"));
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    (void)state;

    assert_ok(lg_resolve_next(resolver, &d, &out, &err));
    assert_ok(lg_resolve_next(resolver, &d, &out, &err));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("\0\0\x80\x3f\0\0\0\x40"));
    assert_rc(LG_ERR_BAD_DATA, lg_resolve_next(resolver, &d, &out, &err));
    assert_int_equal(out.size, 8);
}

/* --- Bounds. ---------------------------------------------------------------------------------- */

static void the_output_is_bounded(void **state)
{
    /* A million empty records would become a million times the default. */
    LG_AUTO(lg_resolver) *resolver =
        planned(ARRAY(RECORD("R", "")),
                ARRAY(RECORD("R", FIELD_DEFAULT("s", STRING, "\"0123456789012345\""))));
    LG_SCOPED(lg_buf) out = lg_buf_with_ceiling(100000);
    struct lg_error err = {0};
    (void)state;

    lg_buf_append_str(&out, "kept");
    assert_rc(LG_ERR_TOO_LARGE, lg_resolve(resolver, LG_LIT("\x80\x80\x80\x01\0"), &out, &err));
    assert_non_null(strstr(err.text, "over 100000 bytes in the reader's form"));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("kept"));
    assert_rc(LG_ERR_TOO_LARGE, lg_resolve(resolver, LG_LIT("\x80\x80\x80\x01\0"), &out, NULL));
    assert_ok(lg_resolve(resolver, LG_LIT("\x02\0"), &out, &err));
    assert_rc(LG_ERR_BAD_DATA, lg_resolve(resolver, LG_LIT("\x82\x80\x80\x01\0"), &out, &err));
}

static void the_depth_of_data_is_bounded(void **state)
{
    LG_AUTO(lg_resolver) *resolver =
        planned(RECORD("L", FIELD("next", "[\"null\",\"L\"]")),
                RECORD("L", FIELD("next", "[\"null\",\"L\"]") "," FIELD_DEFAULT("n", INT, "0")));
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    uint8_t datum[LG_DATUM_DEPTH_MAX + 1];
    (void)state;

    memset(datum, 2, sizeof(datum));
    datum[LG_DATUM_DEPTH_MAX - 1] = 0;
    assert_ok(lg_resolve(resolver, lg_slice(datum, LG_DATUM_DEPTH_MAX), &out, &err));
    datum[LG_DATUM_DEPTH_MAX - 1] = 2;
    datum[LG_DATUM_DEPTH_MAX] = 0;
    assert_rc(LG_ERR_BAD_DATA, lg_resolve(resolver, lg_slice(datum, sizeof(datum)), &out, &err));
    assert_non_null(strstr(err.text, "nests deeper than 100"));
}

/* Lists as defaults of lists: each is a datum by itself, but not all below each other. */
static void a_default_may_not_hang_too_deep(void **state)
{
    LG_SCOPED(lg_buf) reader = {0};
    LG_SCOPED(lg_buf) out = {0};
    LG_AUTO(lg_schema) *w = parsed(RECORD("L", FIELD("next", "[\"null\",\"L\"]")));
    LG_AUTO(lg_schema) *r = NULL;
    LG_AUTO(lg_resolver) *resolver = NULL;
    struct lg_error err = {0};
    uint8_t datum[61];
    (void)state;

    lg_buf_append_str(&reader,
                      "{\"type\":\"record\",\"name\":\"L\",\"fields\":["
                      "{\"name\":\"next\",\"type\":[\"null\",\"L\"]},{\"name\":\"d\","
                      "\"type\":{\"type\":\"record\",\"name\":\"D\",\"fields\":[{\"name\":"
                      "\"a\",\"type\":{\"type\":\"array\",\"items\":\"D\"}}]},\"default\":");
    for (int i = 0; i < 25; i++)
        lg_buf_append_str(&reader, "{\"a\":[");
    lg_buf_append_str(&reader, "{\"a\":[]}");
    for (int i = 0; i < 25; i++)
        lg_buf_append_str(&reader, "]}");
    lg_buf_append_str(&reader, "}]}");
    assert_ok(lg_schema_parse(lg_buf_slice(&reader), &r, &err));
    assert_ok(lg_resolver_new(w, r, &resolver, &err));
    memset(datum, 2, sizeof(datum));
    datum[60] = 0; /* 61 lists, and 52 levels below the last. */
    assert_ok(lg_resolve(resolver, lg_slice(datum + 13, 48), &out, &err));
    assert_ok(lg_avro_check(r, lg_buf_slice(&out), &err));
    assert_rc(LG_ERR_BAD_DATA, lg_resolve(resolver, lg_slice(datum, 61), &out, &err));
    assert_non_null(strstr(err.text, "nests deeper than 100"));
}

/* t0 in t1 in t2 ..., each twice and through unions; defined side by side. */
static void chain(struct lg_buf *text, int n, const char *leaf)
{
    lg_buf_appendf(text,
                   "{\"type\":\"record\",\"name\":\"All\",\"fields\":[{\"name\":\"f0\",\"type\":"
                   "{\"type\":\"record\",\"name\":\"t0\",\"fields\":[%s]}}",
                   leaf);
    for (int i = 1; i < n; i++)
        lg_buf_appendf(text,
                       ",{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":\"t%d\","
                       "\"fields\":[{\"name\":\"a\",\"type\":[\"t%d\",\"null\"]},"
                       "{\"name\":\"b\",\"type\":[\"int\",\"t%d\"]}]}}",
                       i, i, i - 1, i - 1);
    lg_buf_append_str(text, "]}");
}

static void long_chains_of_types_are_refused(void **state)
{
    LG_SCOPED(lg_buf) w_text = {0};
    LG_SCOPED(lg_buf) r_text = {0};
    LG_AUTO(lg_schema) *w = NULL;
    LG_AUTO(lg_schema) *r = NULL;
    LG_AUTO(lg_resolver) *resolver = NULL;
    LG_AUTO(lg_resolver) *none = NULL;
    struct lg_error err = {0};
    (void)state;

    chain(&w_text, 2000, FIELD("x", INT));
    chain(&r_text, 2000, FIELD("x", FLOAT));
    assert_ok(lg_schema_parse(lg_buf_slice(&w_text), &w, &err));
    assert_ok(lg_schema_parse(lg_buf_slice(&r_text), &r, &err));
    assert_ok(lg_resolver_new(lg_schema_field_schema(w, 60), lg_schema_field_schema(r, 60),
                              &resolver, &err));
    assert_false(lg_resolver_is_identity(resolver));
    assert_rc(LG_ERR_TOO_LARGE, lg_resolver_new(lg_schema_field_schema(w, 1999),
                                                lg_schema_field_schema(r, 1999), &none, &err));
    assert_non_null(strstr(err.text, "nest deeper than 512"));
    assert_rc(LG_ERR_TOO_LARGE, lg_resolver_new(lg_schema_field_schema(w, 1999),
                                                lg_schema_field_schema(r, 1999), &none, NULL));
}

static void doubling_records_take_no_time(void **state)
{
    LG_SCOPED(lg_buf) w_text = {0};
    LG_SCOPED(lg_buf) r_text = {0};
    LG_AUTO(lg_schema) *w = NULL;
    LG_AUTO(lg_schema) *r = NULL;
    LG_AUTO(lg_resolver) *resolver = NULL;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    (void)state;

    /* 2^89 empty records in a datum of no bytes; the last record has one field in front. */
    for (int side = 0; side < 2; side++) {
        struct lg_buf *text = side == 0 ? &w_text : &r_text;

        lg_buf_append_str(text, "[\"null\",{\"type\":\"record\",\"name\":\"r0\",\"fields\":[]}");
        for (int i = 1; i < 90; i++)
            lg_buf_appendf(text,
                           ",{\"type\":\"record\",\"name\":\"r%d\",\"fields\":["
                           "{\"name\":\"a\",\"type\":\"r%d\",\"default\":{}},{\"name\":\"%s\","
                           "\"type\":\"r%d\","
                           "\"default\":{}}]}",
                           i, i - 1, side == 0 ? "b" : "c", i - 1);
        lg_buf_append_byte(text, ']');
    }
    assert_ok(lg_schema_parse(lg_buf_slice(&w_text), &w, &err));
    assert_ok(lg_schema_parse(lg_buf_slice(&r_text), &r, &err));
    assert_ok(lg_resolver_new(w, r, &resolver, &err));
    assert_ok(lg_resolve(resolver, LG_LIT("\xb4\x01"), &out, &err));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("\xb4\x01"));
}

static void too_many_pairs_are_refused(void **state)
{
    LG_SCOPED(lg_buf) w_text = {0};
    LG_SCOPED(lg_buf) r_text = {0};
    LG_AUTO(lg_schema) *w = NULL;
    LG_AUTO(lg_schema) *r = NULL;
    struct lg_resolver *resolver = NULL;
    struct lg_error err = {0};
    (void)state;

    /* Each of 256 records is compared with each of 256 others that have no name of theirs. */
    lg_buf_append_byte(&w_text, '[');
    lg_buf_append_byte(&r_text, '[');
    for (int i = 0; i < 256; i++) {
        lg_buf_appendf(&w_text,
                       "%s{\"type\":\"record\",\"name\":\"w%d\",\"fields\":[{\"name\":\"x\","
                       "\"type\":\"int\"}]}",
                       i == 0 ? "" : ",", i);
        lg_buf_appendf(&r_text,
                       "%s{\"type\":\"record\",\"name\":\"r%d\",\"fields\":[{\"name\":\"x\","
                       "\"type\":\"int\"}]}",
                       i == 0 ? "" : ",", i);
    }
    lg_buf_append_byte(&w_text, ']');
    lg_buf_append_byte(&r_text, ']');
    assert_ok(lg_schema_parse(lg_buf_slice(&w_text), &w, &err));
    assert_ok(lg_schema_parse(lg_buf_slice(&r_text), &r, &err));
    assert_rc(LG_ERR_TOO_LARGE, lg_resolver_new(w, r, &resolver, &err));
    assert_non_null(strstr(err.text, "more than 65536 pairs of types"));
    assert_null(resolver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_promoted),
        cmocka_unit_test(text_and_bytes_are_promoted),
        cmocka_unit_test(nothing_else_is_promoted),
        cmocka_unit_test(fields_are_found_by_name),
        cmocka_unit_test(a_field_without_a_default_is_required),
        cmocka_unit_test(defaults_of_every_type_are_filled_in),
        cmocka_unit_test(enums_go_by_symbol),
        cmocka_unit_test(fixeds_go_by_name_and_size),
        cmocka_unit_test(arrays_and_maps_go_by_item),
        cmocka_unit_test(a_type_becomes_a_branch_of_a_union),
        cmocka_unit_test(a_record_takes_the_branch_of_its_name_or_shape),
        cmocka_unit_test(the_branches_of_a_written_union_are_read_each),
        cmocka_unit_test(unions_of_one_structure_keep_their_indexes),
        cmocka_unit_test(aliases_rename_what_was_written),
        cmocka_unit_test(an_alias_may_not_give_a_name_twice),
        cmocka_unit_test(recursive_types_are_resolved),
        cmocka_unit_test(equal_schemas_need_no_work),
        cmocka_unit_test(damaged_data_is_named_with_its_field),
        cmocka_unit_test(the_next_datum_follows),
        cmocka_unit_test(the_output_is_bounded),
        cmocka_unit_test(the_depth_of_data_is_bounded),
        cmocka_unit_test(a_default_may_not_hang_too_deep),
        cmocka_unit_test(long_chains_of_types_are_refused),
        cmocka_unit_test(doubling_records_take_no_time),
        cmocka_unit_test(too_many_pairs_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
