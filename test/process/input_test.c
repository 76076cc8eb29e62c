/* What a user pushes, as files and through pipes: Avro, NDJSON and CSV give the same values; what
 * is wrong with a file is said with its place; a dry run changes nothing; `lagoon file` looks into
 * files without a Lagoon. */
#include "base/str.h"
#include "test/lib/input_rig.h"
#include "test/lib/rig.h"
#include "test/test.h"

#include <fcntl.h>
#include <unistd.h>

#define CITIES "examples/cities/cities.avro"
#define PLACE                                                                                      \
    "{\"type\":\"record\",\"name\":\"Place\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"     \
    "{\"name\":\"name\",\"type\":\"string\"},"                                                     \
    "{\"name\":\"area\",\"type\":[\"null\",\"double\"],\"default\":null},"                         \
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"Kind\",\"symbols\":[\"TOWN\","      \
    "\"CITY\"]}},{\"name\":\"capital\",\"type\":\"boolean\"},"                                     \
    "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}}]}"
#define VENICE                                                                                     \
    "{\"id\":1,\"name\":\"Venice, \\\"la Serenissima\\\"\",\"area\":414.57,\"kind\":\"CITY\","     \
    "\"capital\":false,\"tags\":[\"water\",\"old\"]}"
#define ROME                                                                                       \
    "{\"id\":2,\"name\":\"R\xc3\xb3ma\\nEterna\",\"area\":null,\"kind\":\"CITY\",\"capital\":"     \
    "true,"                                                                                        \
    "\"tags\":[]}"
#define PLACES_CSV                                                                                 \
    "id,name,area,kind,capital,tags\r\n"                                                           \
    "1,\"Venice, \"\"la Serenissima\"\"\",414.57,CITY,false,\"[\"\"water\"\",\"\"old\"\"]\"\r\n"   \
    "2,\"R\xc3\xb3ma\nEterna\",,CITY,true,[]\r\n"

static struct lg_rig rig; /* With the empty store "places" of PLACE, keys are longs. */

static int set_up(void **state)
{
    LG_AUTO_STR char *key = NULL, *value = NULL;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    key = lg_rig_file(&rig, "key.avsc", LG_LIT("\"long\""));
    value = lg_rig_file(&rig, "value.avsc", LG_LIT(PLACE));
    assert_run(&rig, 0, "store", "create", "places", "--key-schema", key, "--value-schema", value);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

/* Runs a verb with this on its standard input: through a pipe, as `cat file | lagoon` does. */
static int run_with_input(struct lg_slice bytes, const char *const *words)
{
    int ends[2], status;

    assert_true(bytes.size < 60000); /* It fits into the pipe. */
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], bytes.data, bytes.size), bytes.size);
    (void)close(ends[1]);
    lg_process_stdin(ends[0]);
    status = lg_rig_run(&rig, words);
    lg_process_stdin(-1);
    (void)close(ends[0]);
    return status;
}
#define RUN_WITH_INPUT(bytes, ...) run_with_input(bytes, (const char *const[]){__VA_ARGS__, NULL})

static void assert_places(void)
{
    assert_run(&rig, 0, "get", "places", "1", "2", "--output", "ndjson");
    lg_rig_assert_out(&rig, "{\"key\":1,\"found\":true,\"value\":" VENICE "}\n");
    lg_rig_assert_out(&rig, "{\"key\":2,\"found\":true,\"value\":" ROME "}\n");
}

/* One line on stderr begins with "lagoon: " and has both parts. */
static void assert_sentence(const char *thing, const char *remedy)
{
    const char *line = strstr((const char *)rig.err.data, "lagoon: ");

    if (line == NULL || strstr(line, thing) == NULL || strstr(line, remedy) == NULL)
        fail_msg("'%s' and '%s' are not both in: %s", thing, remedy, rig.err.data);
}

/* --- Formats. ----------------------------------------------------------------------------------
 */

static void all_formats_give_the_same_values(void **state)
{
    LG_SCOPED(lg_buf) container = {0};
    LG_AUTO_STR char *avro = NULL, *lines = NULL, *csv = NULL;

    (void)state;
    lg_input_container(&container, PLACE, "[" VENICE "," ROME "]");
    avro = lg_rig_file(&rig, "places.avro", lg_buf_slice(&container));
    lines = lg_rig_file(&rig, "places.ndjson", LG_LIT(VENICE "\n" ROME "\n"));
    csv = lg_rig_file(&rig, "places.csv", LG_LIT(PLACES_CSV));
    assert_run(&rig, 0, "push", "places", avro, "--key-field", "id");
    assert_places();
    assert_run(&rig, 0, "push", "places", lines, "--key-field", "id");
    assert_places();
    assert_run(&rig, 0, "push", "places", csv, "--key-field", "id");
    assert_places();
}

static void a_pipe_is_read_as_a_file_is(void **state)
{
    LG_SCOPED(lg_buf) container = {0};

    (void)state;
    lg_input_container(&container, PLACE, "[" VENICE "," ROME "]");
    assert_int_equal(
        RUN_WITH_INPUT(lg_buf_slice(&container), "push", "places", "-", "--key-field", "id"), 0);
    assert_places();
    assert_int_equal(RUN_WITH_INPUT(LG_LIT(PLACES_CSV), "push", "places", "-", "--key-field", "id",
                                    "--format", "csv"),
                     0);
    assert_places();
    assert_int_equal(
        RUN_WITH_INPUT(LG_LIT(VENICE "\n"), "push", "places", "-", "-", "--key-field", "id"), 2);
    assert_sentence("standard input", "once only");
    assert_int_equal(RUN_WITH_INPUT(LG_SLICE_NULL, "push", "places", "-", "--key-field", "id"), 7);
    assert_sentence("standard input", "empty");
}

static void several_files_are_one_version(void **state)
{
    LG_AUTO_STR char *one = lg_rig_file(&rig, "one.csv",
                                        LG_LIT("id;name;kind;capital;tags\n"
                                               "1;'a;b';TOWN;0;[]\n"));
    LG_AUTO_STR char *two =
        lg_rig_file(&rig, "two.csv", LG_LIT("name;id;capital;tags;kind\nb;2;1;[];CITY\n"));

    (void)state;
    assert_run(&rig, 0, "push", "places", one, two, "--key-field", "id", "--delimiter", ";",
               "--quote", "'");
    lg_rig_assert_out(&rig, "2 records");
    assert_run(&rig, 0, "get", "places", "1", "2", "--output", "ndjson");
    lg_rig_assert_out(&rig, "\"name\":\"a;b\",\"area\":null,\"kind\":\"TOWN\",\"capital\":false");
    lg_rig_assert_out(&rig, "\"name\":\"b\",\"area\":null,\"kind\":\"CITY\",\"capital\":true");
}

static void without_a_header_the_schema_names_the_columns(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH_INPUT(LG_LIT("1\tx\t0.5\tTOWN\ttrue\t[]\n"), "push", "places", "-",
                                    "--key-field", "id", "--no-header", "--delimiter", "tab"),
                     0);
    assert_run(&rig, 0, "get", "places", "1", "--output", "json");
    lg_rig_assert_out(&rig, "\"name\":\"x\",\"area\":0.5,\"kind\":\"TOWN\",\"capital\":true");
}

/* --- Duplicates. -------------------------------------------------------------------------------
 */

#define TWICE                                                                                      \
    "id,name,kind,capital,tags\n1,first,TOWN,0,[]\n2,same,TOWN,0,[]\n1,second,TOWN,0,[]\n"         \
    "2,same,TOWN,0,[]\n"

static void two_values_of_one_key_are_named_or_one_is_kept(void **state)
{
    LG_AUTO_STR char *file = lg_rig_file(&rig, "twice.csv", LG_LIT(TWICE));

    (void)state;
    assert_run(&rig, 7, "push", "places", file, "--key-field", "id");
    assert_sentence("twice.csv: line 2", "twice.csv: line 4");
    assert_sentence("the key 1", "--duplicates");
    assert_run(&rig, 0, "push", "places", file, "--key-field", "id", "--duplicates", "first");
    assert_run(&rig, 0, "get", "places", "1", "--output", "json");
    lg_rig_assert_out(&rig, "\"name\":\"first\"");
    assert_run(&rig, 0, "push", "places", file, "--key-field", "id", "--duplicates", "last");
    lg_rig_assert_out(&rig, "2 duplicates dropped");
    assert_run(&rig, 0, "get", "places", "1", "--output", "json");
    lg_rig_assert_out(&rig, "\"name\":\"second\"");
    assert_run(&rig, 2, "push", "places", file, "--key-field", "id", "--duplicates", "any");
    assert_sentence("--duplicates", "fail, first or last");
}

/* --- Dry runs. ---------------------------------------------------------------------------------
 */

/* The largest version number that was ever given out; -1 for a store that is not there. */
static int64_t versions_of(const char *store)
{
    LG_AUTO(lg_json) *json = lg_rig_store(&rig, store);

    return json == NULL ? -1 : lg_json_get_int(json, "largestUsedVersionNumber", 0);
}

static void a_dry_run_tells_all_and_changes_nothing(void **state)
{
    int64_t before = versions_of("places");
    LG_AUTO_STR char *csv = lg_rig_file(&rig, "dry.csv", LG_LIT(PLACES_CSV));
    LG_AUTO_STR char *bad = lg_rig_file(&rig, "bad.csv", LG_LIT("id,name\nx,y\n"));
    LG_AUTO_STR char *twice = lg_rig_file(&rig, "twice.csv", LG_LIT(TWICE));
    LG_AUTO(lg_json) *json = NULL;

    (void)state;
    assert_run(&rig, 0, "push", "places", csv, "--key-field", "id", "--dry-run");
    lg_rig_assert_out(&rig, "nothing was changed");
    lg_rig_assert_out(&rig, "records        2\n");
    lg_rig_assert_out(&rig, "fits value schema 1 of store 'places'");
    assert_run(&rig, 0, "push", "towns", CITIES, "--key-field", "id", "--create", "--dry-run",
               "--partitions", "3", "--output", "json");
    json = lg_rig_json(lg_buf_slice(&rig.out));
    assert_int_equal(lg_json_get_int(json, "records", 0), 135233);
    assert_int_equal(lg_json_size(lg_json_get(json, "partitionRecords")), 3);
    assert_string_equal(lg_json_get_str(json, "schema", ""), "new");
    assert_true(lg_json_get_int(json, "largestValueBytes", 0) > 50);
    assert_int_equal(versions_of("towns"), -1);
    /* What would fail fails. */
    assert_run(&rig, 3, "push", "towns", CITIES, "--key-field", "id", "--dry-run");
    assert_run(&rig, 2, "push", "places", bad, "--key-field", "id", "--dry-run");
    assert_run(&rig, 7, "push", "places", twice, "--key-field", "id", "--dry-run");
    assert_int_equal(versions_of("places"), before);
    /* An Avro file says much even to nobody. */
    assert_run(&rig, 0, "push", "places", CITIES, "--key-field", "id", "--dry-run", "--timeout",
               "1s", "--controller", "http://127.0.0.1:1");
    lg_rig_assert_out(&rig, "the controller cannot be reached");
    assert_run(&rig, 5, "push", "places", csv, "--key-field", "id", "--dry-run", "--timeout", "1s",
               "--controller", "http://127.0.0.1:1");
}

static void a_file_of_another_schema_is_resolved_or_refused(void **state)
{
    LG_SCOPED(lg_buf) older = {0}, newer = {0};
    LG_AUTO_STR char *old_file = NULL, *new_file = NULL;

    (void)state;
    lg_input_container(
        &older,
        "{\"type\":\"record\",\"name\":\"Place\",\"fields\":[{\"name\":\"id\","
        "\"type\":\"int\"},{\"name\":\"name\",\"type\":\"string\"},{\"name\":"
        "\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"Kind\",\"symbols\":["
        "\"TOWN\"]}},{\"name\":\"capital\",\"type\":\"boolean\"},{\"name\":\"tags\","
        "\"type\":{\"type\":\"array\",\"items\":\"string\"}}]}",
        "[{\"id\":5,\"name\":\"x\",\"kind\":\"TOWN\",\"capital\":true,\"tags\":[]}]");
    lg_input_container(&newer,
                       "{\"type\":\"record\",\"name\":\"Place\",\"fields\":[{\"name\":\"id\","
                       "\"type\":\"long\"},{\"name\":\"mayor\",\"type\":\"string\"}]}",
                       "[{\"id\":5,\"mayor\":\"y\"}]");
    old_file = lg_rig_file(&rig, "older.avro", lg_buf_slice(&older));
    new_file = lg_rig_file(&rig, "newer.avro", lg_buf_slice(&newer));
    assert_run(&rig, 0, "push", "places", old_file, "--key-field", "id", "--dry-run");
    lg_rig_assert_out(&rig, "turns into value schema 1 of store 'places'");
    assert_run(&rig, 0, "push", "places", old_file, "--key-field", "id");
    assert_run(&rig, 0, "get", "places", "5", "--output", "json");
    assert_string_equal((const char *)rig.out.data,
                        "{\"id\":5,\"name\":\"x\",\"area\":null,\"kind\":\"TOWN\",\"capital\":true,"
                        "\"tags\":[]}\n");
    assert_run(&rig, 7, "push", "places", new_file, "--key-field", "id");
    assert_sentence("newer.avro: the value's field 'mayor'", "lagoon schema add");
    /* It has no default for what the store's readers want. */
    assert_run(&rig, 7, "push", "places", new_file, "--key-field", "id", "--register-schema");
    assert_run(&rig, 7, "push", "places", new_file, "--key-field", "id", "--register-schema",
               "--dry-run");
    assert_sentence("would break readers", "lagoon schema check");
}

#define RIVER(more)                                                                                \
    "{\"type\":\"record\",\"name\":\"River\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}" more \
    "]}"

static void a_new_schema_is_registered_by_its_first_push(void **state)
{
    LG_SCOPED(lg_buf) one = {0}, two = {0};
    LG_AUTO_STR char *first = NULL, *second = NULL;

    (void)state;
    lg_input_container(&one, RIVER(""), "[{\"id\":1}]");
    lg_input_container(&two, RIVER(",{\"name\":\"km\",\"type\":\"int\",\"default\":0}"),
                       "[{\"id\":1,\"km\":405}]");
    first = lg_rig_file(&rig, "rivers.avro", lg_buf_slice(&one));
    second = lg_rig_file(&rig, "rivers2.avro", lg_buf_slice(&two));
    assert_run(&rig, 0, "push", "rivers", first, "--key-field", "id", "--create");
    assert_run(&rig, 7, "push", "rivers", second, "--key-field", "id");
    assert_run(&rig, 0, "push", "rivers", second, "--key-field", "id", "--register-schema",
               "--dry-run");
    lg_rig_assert_out(&rig, "it would be added to store 'rivers'");
    assert_run(&rig, 7, "push", "rivers", second, "--key-field", "id");
    assert_run(&rig, 0, "push", "rivers", second, "--key-field", "id", "--register-schema");
    assert_run(&rig, 0, "get", "rivers", "1", "--output", "json");
    assert_string_equal((const char *)rig.out.data, "{\"id\":1,\"km\":405}\n");
    /* Now it is known, and the older one is still one of the store's: written as it is. */
    assert_run(&rig, 0, "push", "rivers", second, "--key-field", "id", "--register-schema");
    assert_run(&rig, 0, "push", "rivers", first, "--key-field", "id", "--dry-run");
    lg_rig_assert_out(&rig, "fits value schema 1 of store 'rivers'");
    assert_run(&rig, 0, "push", "rivers", second, "--key-field", "id", "--dry-run");
    lg_rig_assert_out(&rig, "fits value schema 2 of store 'rivers'");
}

/* --- Bad input. --------------------------------------------------------------------------------
 */

struct bad {
    const char *name, *content;
    size_t size; /* 0: that of the text */
    int status;
    const char *thing, *remedy;
};

#define HEAD "id,name,kind,capital,tags\n"
#define GOOD "1,a,TOWN,0,[]\n"

static const struct bad bads[] = {
    {"empty.csv", "", 0, 7, "empty.csv: the file is empty", "CSV is expected"},
    {"blank.txt", "\n \n\t\n", 0, 7, "blank.txt", "nothing but blank lines"},
    {"cut.avro", "Obj\1\2", 0, 7, "cut.avro: the file is truncated", "inside the header"},
    {"photo.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16, 7, "photo.png", "not an Avro container"},
    {"zipped.gz", "\x1f\x8b\x08\0\0\0\0\0", 8, 7, "gzip", "unpack it first"},
    {"wide.csv", "\xff\xfei\0d\0\n\0", 8, 7, "UTF-16", "iconv -f UTF-16"},
    {"array.json", "[{\"id\":1}]", 0, 7, "JSON array", "jq -c"},
    {"type.csv", HEAD GOOD "x,a,TOWN,0,[]\n", 0, 7, "line 3, column 'id'",
     "wanted a long (whole number of 64 bits), given \"x\""},
    {"enum.csv", HEAD "1,a,VILLAGE,0,[]\n", 0, 7, "line 2, column 'kind'", "a symbol of the enum"},
    {"nested.csv", HEAD "1,a,TOWN,0,[1]\n", 0, 7, "line 2, column 'tags'", "$[0]: wanted string"},
    {"empty_field.csv", HEAD "1,a,TOWN,,[]\n", 0, 7, "column 'capital'", "the field is empty"},
    {"missing.csv", "id,name,kind,tags\n", 0, 2, "no column 'capital'", "no default for it"},
    {"unknown.csv", "id,name,kind,capitl,tags\n", 0, 2, "column 'capitl' is no field",
     "did you mean 'capital'?"},
    {"quote.csv", HEAD "1,a\"b,TOWN,0,[]\n", 0, 7, "line 2, column 2", "a stray quote"},
    {"open.csv", HEAD "1,\"a,TOWN,0,[]\n", 0, 7, "the record on line 2", "never closed"},
    {"short.csv", HEAD "1,a,TOWN\n", 0, 7, "line 2: 3 columns", "the header has 5"},
    {"latin1.csv", HEAD "1,caf\xe9,TOWN,0,[]\n", 0, 7, "column 'name'", "a string in UTF-8"},
    {"nul.csv", HEAD "1,a\0b,TOWN,0,[]\n", sizeof HEAD - 1 + 17, 7, "nul.csv: not an Avro",
     "binary data"},
    {"semicolon.csv", "id;name\n1;a\n", 0, 2, "no column 'id'", "--delimiter ';'"},
    {"type.ndjson", "\n{\"id\":1,\"name\":5}\n", 0, 7, "line 2: $.name", "wanted string, given 5"},
    {"missing.ndjson", "{\"id\":1,\"name\":\"a\"}\n", 0, 7, "line 1: $.kind is missing", "default"},
    {"nokey.ndjson", "{\"name\":\"a\"}\n", 0, 7, "line 1", "no field 'id'"},
    {"latin1.ndjson", "{\"id\":1,\"name\":\"caf\xe9\"}\n", 0, 7, "line 1", "UTF-8"},
    {"cut.ndjson", "{\"id\":1,\"na", 0, 7, "cut.ndjson: line 1", ""},
    {"none.csv", HEAD, 0, 7, "the input holds no record", "lagoon push places --empty"},
};

static void bad_files_are_named_with_place_and_remedy(void **state)
{
    int64_t before = versions_of("places");

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(bads); i++) {
        const struct bad *b = &bads[i];
        size_t size = b->size == 0 ? strlen(b->content) : b->size;
        LG_AUTO_STR char *path = lg_rig_file(&rig, b->name, lg_slice(b->content, size));
        int status = LG_RUN(&rig, "push", "places", path, "--key-field", "id");

        if (status != b->status)
            fail_msg("%s: status %d, %s", b->name, status, rig.err.data);
        assert_sentence(b->thing, b->remedy);
    }
    assert_int_equal(RUN_WITH_INPUT(LG_LIT(HEAD "1,a\0b,TOWN,0,[]\n"), "push", "places", "-",
                                    "--key-field", "id", "--format", "csv"),
                     7);
    assert_sentence("standard input: line 2, column 2, byte 4 of the line", "a NUL byte");
    assert_int_equal(versions_of("places"), before);
}

static void what_is_no_file_is_refused_before_anything_is_read(void **state)
{
    LG_AUTO_STR char *good = lg_rig_file(&rig, "good.csv", LG_LIT(HEAD GOOD));

    (void)state;
    assert_run(&rig, 3, "push", "places", good, "absent.csv", "--key-field", "id");
    assert_sentence("absent.csv", "");
    assert_run(&rig, 7, "push", "places", "docs", "--key-field", "id");
    assert_sentence("docs is a folder", "name a file");
    assert_run(&rig, 1, "push", "places", "/proc/self/mem", "--key-field", "id");
    assert_sentence("/proc/self/mem", "reading");
    assert_run(&rig, 2, "push", "places", good, "--key-field", "id", "--format", "xml");
    assert_sentence("xml", "avro, ndjson and csv");
    assert_run(&rig, 2, "push", "places", good, "--key-field", "id", "--delimiter", "ab");
    assert_sentence("--delimiter", "one character");
    assert_run(&rig, 2, "push", "places", good, "--key-field", "id", "--delimiter", "'", "--quote",
               "'");
    assert_run(&rig, 2, "push", "places", CITIES, "--key-field", "id", "--format", "avro",
               "--no-header");
    assert_run(&rig, 7, "push", "places", CITIES, "--key-field", "id", "--format", "csv");
    assert_sentence("it is an Avro container and not csv", "drop --format");
}

static void a_line_past_the_limit_is_refused(void **state)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO_STR char *csv = NULL, *lines = NULL;
    size_t size = LG_CSV_RECORD_BYTES_MAX + ((size_t)1 << 20);

    (void)state;
    lg_buf_append_str(&text, HEAD "1,\"");
    memset(lg_buf_reserve(&text, size), 'a', size);
    lg_buf_commit(&text, size);
    csv = lg_rig_file(&rig, "long.csv", lg_buf_slice(&text));
    assert_run(&rig, 4, "push", "places", csv, "--key-field", "id");
    assert_sentence("long.csv: the record that begins on line 2 is longer than 67108864 bytes",
                    "is a closing quote missing?");
    memcpy(text.data, "{ \"a\":\"", 7);
    memset(text.data + 7, 'a', sizeof HEAD);
    lines = lg_rig_file(&rig, "long.ndjson", lg_buf_slice(&text));
    assert_run(&rig, 4, "push", "places", lines, "--key-field", "id");
    assert_sentence("long.ndjson: line 1 is longer", "67108864");
}

static void several_bad_records_are_shown_at_once(void **state)
{
    LG_AUTO_STR char *bad =
        lg_rig_file(&rig, "many.csv", LG_LIT(HEAD "x,a,TOWN,0,[]\n" GOOD "2,b,NO,0,[]\n3\n"));

    (void)state;
    assert_run(&rig, 7, "push", "places", bad, "--key-field", "id", "--max-errors", "10");
    lg_rig_assert_err(&rig, "many.csv: line 2, column 'id'");
    lg_rig_assert_err(&rig, "many.csv: line 4, column 'kind'");
    lg_rig_assert_err(&rig, "many.csv: line 5: 1 column");
    assert_sentence("3 bad records", "correct the data");
    assert_run(&rig, 7, "push", "places", bad, "--key-field", "id", "--max-errors", "2");
    assert_sentence("gave up after 2 bad records", "");
    assert_run(&rig, 2, "push", "places", bad, "--key-field", "id", "--max-errors", "0");
}

/* --- lagoon file. ------------------------------------------------------------------------------
 */

static void head_shows_the_first_records(void **state)
{
    LG_AUTO_STR char *csv = lg_rig_file(&rig, "head.csv", LG_LIT(PLACES_CSV));
    LG_AUTO(lg_json) *json = NULL;

    (void)state;
    assert_run(&rig, 0, "file", "head", CITIES, "-n", "2");
    lg_rig_assert_out(&rig, "population");
    lg_rig_assert_out(&rig, "El Tarter");
    assert_int_equal(rig.out.data[rig.out.size], 0);
    assert_run(&rig, 0, "file", "head", csv, "--output", "ndjson");
    lg_rig_assert_out(&rig,
                      "{\"id\":1,\"name\":\"Venice, \\\"la Serenissima\\\"\",\"area\":414.57");
    assert_run(&rig, 0, "file", "head", CITIES, "-n", "2", "--output", "json");
    json = lg_rig_json(lg_buf_slice(&rig.out));
    assert_int_equal(lg_json_size(json), 2);
    assert_int_equal(RUN_WITH_INPUT(LG_LIT(VENICE "\n"), "file", "head", "-"), 0);
    lg_rig_assert_out(&rig, "Serenissima");
    assert_run(&rig, 2, "file", "head", CITIES, "-n", "many");
    assert_run(&rig, 3, "file", "head", "absent.csv");
}

static void an_inferred_schema_makes_a_store_that_takes_the_file(void **state)
{
    LG_AUTO_STR char *lines = lg_rig_file(
        &rig, "shapes.ndjson",
        LG_LIT("{\"k\":\"a\",\"n\":1,\"in\":{\"x\":[1,2.5]}}\n{\"k\":\"b\",\"in\":{\"x\":[]},"
               "\"s\":\"t\"}\n"));
    LG_AUTO_STR char *key = NULL, *value = NULL;

    (void)state;
    assert_run(&rig, 0, "file", "schema", lines);
    value = lg_rig_file(&rig, "shapes.avsc", lg_slice_str((const char *)rig.out.data));
    assert_run(&rig, 0, "file", "schema", lines, "--field", "k");
    key = lg_rig_file(&rig, "shapes_key.avsc", lg_slice_str((const char *)rig.out.data));
    assert_run(&rig, 0, "store", "create", "shapes", "--key-schema", key, "--value-schema", value);
    assert_run(&rig, 0, "push", "shapes", lines, "--key-field", "k");
    assert_run(&rig, 0, "get", "shapes", "b", "--output", "json");
    assert_string_equal((const char *)rig.out.data,
                        "{\"k\":\"b\",\"n\":null,\"in\":{\"x\":[]},\"s\":\"t\"}\n");
    assert_run(&rig, 0, "file", "schema", CITIES, "--field", "id");
    assert_string_equal((const char *)rig.out.data, "\"long\"\n");
    assert_run(&rig, 2, "file", "schema", CITIES, "--field", "idd");
    assert_sentence("no field 'idd'", "did you mean 'id'?");
}

static void count_counts(void **state)
{
    LG_AUTO_STR char *csv = lg_rig_file(&rig, "count.csv", LG_LIT(PLACES_CSV));

    (void)state;
    assert_run(&rig, 0, "file", "count", CITIES);
    assert_string_equal((const char *)rig.out.data, "135233\n");
    assert_run(&rig, 0, "file", "count", csv);
    assert_string_equal((const char *)rig.out.data, "2\n");
    assert_run(&rig, 0, "file", "count", csv, "--output", "ndjson");
    lg_rig_assert_out(&rig, "\"format\":\"csv\",\"records\":2");
}

static void check_shows_every_problem_with_its_place(void **state)
{
    LG_AUTO_STR char *bad =
        lg_rig_file(&rig, "check.csv", LG_LIT(HEAD GOOD "2,b\n3,c\"d,TOWN,0,[]\n4,e,TOWN,0,[]\n"));
    LG_AUTO_STR char *typed = lg_rig_file(&rig, "typed.csv", LG_LIT(HEAD GOOD "x,b,TOWN,0,[]\n"));
    LG_AUTO_STR char *key = lg_rig_file(&rig, "check_key.avsc", LG_LIT("\"long\""));
    LG_AUTO_STR char *value = lg_rig_file(&rig, "check_value.avsc", LG_LIT(PLACE));
    LG_SCOPED(lg_buf) cities = {0};
    LG_AUTO_STR char *cut = NULL;
    LG_AUTO(lg_json) *json = NULL;

    (void)state;
    assert_run(&rig, 0, "file", "check", CITIES);
    lg_rig_assert_out(&rig, "135233 records, all good");
    assert_run(&rig, 7, "file", "check", bad);
    lg_rig_assert_out(&rig, "check.csv: line 3: 2 columns, but the header has 5\n");
    lg_rig_assert_out(&rig, "check.csv: line 4, column 2");
    assert_sentence("2 problems", "2 good records");
    assert_run(&rig, 7, "file", "check", bad, "--output", "json");
    json = lg_rig_json(lg_buf_slice(&rig.out));
    assert_int_equal(lg_json_size(lg_json_get(json, "problems")), 2);
    lg_rig_read_file(CITIES, &cities);
    cut = lg_rig_file(&rig, "cut.avro", lg_slice(cities.data, cities.size / 2));
    assert_run(&rig, 7, "file", "check", cut);
    lg_rig_assert_out(&rig, "truncated");
    /* By a schema, as a push would see it. */
    assert_run(&rig, 0, "file", "check", typed);
    assert_run(&rig, 7, "file", "check", typed, "--key-schema", key, "--value-schema", value,
               "--key-field", "id");
    lg_rig_assert_out(&rig, "typed.csv: line 3, column 'id'");
    assert_run(&rig, 2, "file", "check", typed, "--value-schema", value);
    assert_sentence("--key-field", "belong together");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_formats_give_the_same_values),
        cmocka_unit_test(a_pipe_is_read_as_a_file_is),
        cmocka_unit_test(several_files_are_one_version),
        cmocka_unit_test(without_a_header_the_schema_names_the_columns),
        cmocka_unit_test(two_values_of_one_key_are_named_or_one_is_kept),
        cmocka_unit_test(a_dry_run_tells_all_and_changes_nothing),
        cmocka_unit_test(a_file_of_another_schema_is_resolved_or_refused),
        cmocka_unit_test(a_new_schema_is_registered_by_its_first_push),
        cmocka_unit_test(bad_files_are_named_with_place_and_remedy),
        cmocka_unit_test(what_is_no_file_is_refused_before_anything_is_read),
        cmocka_unit_test(a_line_past_the_limit_is_refused),
        cmocka_unit_test(several_bad_records_are_shown_at_once),
        cmocka_unit_test(head_shows_the_first_records),
        cmocka_unit_test(an_inferred_schema_makes_a_store_that_takes_the_file),
        cmocka_unit_test(count_counts),
        cmocka_unit_test(check_shows_every_problem_with_its_place),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
