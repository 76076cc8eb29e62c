/* CSV as the input of a push: columns find their fields, text becomes values, and what is wrong is
 * named with line and column. */
#include "pushjob/input.h"

#include "test/lib/input_rig.h"
#include "test/test.h"

#define CITY                                                                                       \
    "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"      \
    "{\"name\":\"name\",\"type\":\"string\"},"                                                     \
    "{\"name\":\"area\",\"type\":[\"null\",\"double\"],\"default\":null}]}"
/* The same without the key. */
#define REST                                                                                       \
    "{\"type\":\"record\",\"name\":\"Rest\",\"fields\":[{\"name\":\"name\",\"type\":\"string\"},"  \
    "{\"name\":\"area\",\"type\":[\"null\",\"double\"],\"default\":null}]}"

static struct lg_input_case of(const char *text, const char *value_schema)
{
    return (struct lg_input_case){.files = {lg_slice_str(text)}, .value_schemas = {value_schema}};
}

static void columns_find_their_fields_in_any_order(void **state)
{
    struct lg_input_case c = of("area,id,name\n414.6,1,Venice\n,2,\"Rome, Italy\"\n", CITY);

    (void)state;
    lg_input_case_expect(&c, "1={\"id\":1,\"name\":\"Venice\",\"area\":414.6};"
                             "2={\"id\":2,\"name\":\"Rome, Italy\",\"area\":null};");
    c = of("\xef\xbb\xbfid,name,area\r\n1,Venice,414.6\r\n", REST);
    lg_input_case_expect(&c, "1={\"name\":\"Venice\",\"area\":414.6};");
}

static void a_missing_column_takes_the_fields_default(void **state)
{
    struct lg_input_case c = of("id,name\n1,Venice\n", CITY);

    (void)state;
    lg_input_case_expect(&c, "1={\"id\":1,\"name\":\"Venice\",\"area\":null};");
}

static void one_column_may_be_the_whole_value(void **state)
{
    struct lg_input_case c = of("name,id,other\nVenice,1,x\n", "\"string\"");

    (void)state;
    c.options.value_field = "name";
    lg_input_case_expect(&c, "1=\"Venice\";");
    c = of("1,Venice\n2,Rome\n", "\"string\"");
    c.options.value_field = "name";
    c.options.csv_no_header = true;
    lg_input_case_expect(&c, "1=\"Venice\";2=\"Rome\";");
}

static void without_a_header_columns_are_the_fields_in_order(void **state)
{
    struct lg_input_case c = of("1,Venice,414.6\n", CITY);

    (void)state;
    c.options.csv_no_header = true;
    lg_input_case_expect(&c, "1={\"id\":1,\"name\":\"Venice\",\"area\":414.6};");
    c.value_schemas[0] = REST; /* The key comes first. */
    lg_input_case_expect(&c, "1={\"name\":\"Venice\",\"area\":414.6};");
    c.files[0] = LG_LIT("1,Venice\n");
    lg_input_case_fails(&c, LG_ERR_BAD_DATA, "line 1", "2 columns, but the schema asks for 3");
}

static void delimiter_and_quote_are_the_users(void **state)
{
    struct lg_input_case c = of("id;name;area\n1;'Venice; IT';1\n", CITY);

    (void)state;
    c.options.csv_delimiter = ';';
    c.options.csv_quote = '\'';
    lg_input_case_expect(&c, "1={\"id\":1,\"name\":\"Venice; IT\",\"area\":1.0};");
}

static void several_files_are_one_stream_each_with_its_header(void **state)
{
    struct lg_input_case c = of("id,name\n1,a\n", REST);

    (void)state;
    c.files[1] = LG_LIT("name,id\nb,2\n");
    c.files[2] = LG_LIT("id,name,area\n");
    c.file_count = 3;
    lg_input_case_expect(&c, "1={\"name\":\"a\",\"area\":null};2={\"name\":\"b\",\"area\":null};");
    c.files[2] = LG_LIT("{\"id\":1}\n");
    lg_input_case_fails(&c, LG_ERR_BAD_DATA, "three: it is ndjson", "the file before is csv");
    c.files[2] = LG_LIT("id,nam\n");
    lg_input_case_fails(&c, LG_ERR_INVALID, "three: column 'nam'", "did you mean 'name'?");
}

static void a_column_that_is_wrong_or_missing_is_named_with_the_nearest(void **state)
{
    static const struct {
        const char *text;
        enum lg_rc rc;
        const char *word, *word2;
    } cases[] = {
        {"id,nmae\n", LG_ERR_INVALID, "column 'nmae' is no field of record City",
         "did you mean 'name'?"},
        {"id,name,population\n", LG_ERR_INVALID, "column 'population' is no field", ""},
        {"id,area\n", LG_ERR_INVALID, "no column 'name'", "the schema has no default for it"},
        {"idd,name\n", LG_ERR_INVALID, "no column 'id'", "did you mean 'idd'?"},
        {"id;name\n1;x\n", LG_ERR_INVALID, "no column 'id'", "--delimiter ';' splits it"},
        {"id\tname\n", LG_ERR_INVALID, "no column 'id'", "--delimiter tab splits it"},
        {"id,name,name\n", LG_ERR_BAD_DATA, "two columns have the name 'name'", ""},
        {"id,name,,\n", LG_ERR_BAD_DATA, "two columns have the name ''", "--no-header"},
        {"id,na\xffme\n", LG_ERR_BAD_DATA, "the name of column 2 is not UTF-8", ""},
        {"id,\"name\n", LG_ERR_BAD_DATA, "the header", "never closed"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct lg_input_case c = of(cases[i].text, CITY);

        lg_input_case_fails(&c, cases[i].rc, cases[i].word, cases[i].word2);
    }
    struct lg_input_case c = of("id,v\n", "\"string\"");

    lg_input_case_fails(&c, LG_ERR_INVALID, "values are of type string", "--value-field");
    c.options.value_field = "w";
    lg_input_case_fails(&c, LG_ERR_INVALID, "no column 'w'", "");
}

static void a_wrong_record_is_named_with_line_and_column(void **state)
{
    static const struct {
        const char *text, *word, *word2;
    } cases[] = {
        {"id,name,area\n1,a,2\nx,b,2\n", "one: line 3, column 'id'", "given \"x\""},
        {"id,name,area\n\n1,\"a\nb\",wide\n", "line 3, column 'area'", "given \"wide\""},
        {"id,name,area\n1,a\n", "line 2: 2 columns, but the header has 3", ""},
        {"id,name,area\n1,a,2,3\n", "line 2: 4 columns, but the header has 3", ""},
        {"id,name,area\n1,a\"b,2\n", "line 2", "a stray quote"},
        {"id,name,area\n1,\xff,2\n", "line 2, column 'name'", "UTF-8"},
        {"id,name,area\n,b,2\n", "column 'id'", "the field is empty"},
        {"\n\r\n \n", "nothing but blank lines", ""},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct lg_input_case c = of(cases[i].text, CITY);

        lg_input_case_fails(&c, LG_ERR_BAD_DATA, cases[i].word, cases[i].word2);
    }
}

static void several_bad_records_are_told_before_reading_fails(void **state)
{
    static const char text[] = "id,name\n1,a\nx,b\n3\n4,d\"\n5,e\n";
    struct lg_input_case c = of(text, REST);
    LG_SCOPED(lg_buf) all = {0}, some = {0};
    struct lg_error err = {0};

    (void)state;
    c.options.errors_max = 10;
    assert_rc(LG_ERR_BAD_DATA, lg_input_case_read(&c, &all, NULL, &err));
    assert_string_equal(err.text, "3 bad records; correct the data and try again");
    assert_non_null(strstr((char *)all.data, "1={\"name\":\"a\",\"area\":null};!one: line 3, "));
    assert_non_null(strstr((char *)all.data, ";!one: line 4: 1 column, but the header has 2;!one: "
                                             "line 5, column 2"));
    assert_non_null(strstr((char *)all.data, ";5={"));
    c.options.errors_max = 2;
    assert_rc(LG_ERR_BAD_DATA, lg_input_case_read(&c, &some, NULL, &err));
    assert_string_equal(err.text, "gave up after 2 bad records");
    assert_null(strstr((char *)some.data, "line 5"));
}

static void cells_become_json_by_their_look(void **state)
{
    struct lg_input_case c = of("a,b,c\n1,true,x\n\"1\",,\"\"\n007,-2.5,1e400\n+1,NaN,TRUE\n1\n"
                                "9223372036854775808,\xff,1\n",
                                NULL);
    LG_SCOPED(lg_buf) got = {0}, bare = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_input_case_json(&c, &got, &err));
    assert_string_equal((char *)got.data,
                        "{\"a\":1,\"b\":true,\"c\":\"x\"};{\"a\":\"1\",\"b\":null,\"c\":\"\"};"
                        "{\"a\":\"007\",\"b\":-2.5,\"c\":\"1e400\"};"
                        "{\"a\":\"+1\",\"b\":\"NaN\",\"c\":\"TRUE\"};"
                        "!one: line 6: 1 column, but the header has 3;"
                        "!one: line 7, column 'b': the text is not UTF-8;");
    c = of("1,x\n2,y\n", NULL);
    c.options.csv_no_header = true;
    assert_ok(lg_input_case_json(&c, &bare, &err));
    assert_string_equal((char *)bare.data,
                        "{\"column1\":1,\"column2\":\"x\"};{\"column1\":2,\"column2\":\"y\"};");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_find_their_fields_in_any_order),
        cmocka_unit_test(a_missing_column_takes_the_fields_default),
        cmocka_unit_test(one_column_may_be_the_whole_value),
        cmocka_unit_test(without_a_header_columns_are_the_fields_in_order),
        cmocka_unit_test(delimiter_and_quote_are_the_users),
        cmocka_unit_test(several_files_are_one_stream_each_with_its_header),
        cmocka_unit_test(a_column_that_is_wrong_or_missing_is_named_with_the_nearest),
        cmocka_unit_test(a_wrong_record_is_named_with_line_and_column),
        cmocka_unit_test(several_bad_records_are_told_before_reading_fails),
        cmocka_unit_test(cells_become_json_by_their_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
