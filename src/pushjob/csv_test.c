/* RFC 4180 and what lies around it: fields come out right however the bytes arrive, and what is
 * wrong is named with its place and does not swallow the rest of the file. */
#include "pushjob/csv.h"

#include "test/test.h"

struct pieces {
    struct lg_slice rest;
    size_t piece;
    bool fails;
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

/* All records as "line:[a][<quoted b>]"; of faults "!sentence". */
static void read_all(struct pieces *p, int delimiter, int quote, struct lg_buf *out)
{
    LG_AUTO(lg_csv) *csv = lg_csv_new(&(struct lg_csv_options){
        .source = {read_pieces, p}, .delimiter = delimiter, .quote = quote});
    bool end = false;

    while (!end) {
        const struct lg_csv_field *fields;
        size_t count = 0;
        struct lg_error err = {0};
        enum lg_rc rc = lg_csv_next(csv, &fields, &count, &end, &err);

        if (rc != LG_OK)
            lg_buf_appendf(out, "!%s;", err.text);
        if (rc != LG_OK && rc != LG_ERR_BAD_DATA)
            break;
        if (rc != LG_OK || end)
            continue;
        lg_buf_appendf(out, "%llu:", (unsigned long long)lg_csv_line(csv));
        for (size_t i = 0; i < count; i++)
            lg_buf_appendf(out, fields[i].quoted ? "<%.*s>" : "[%.*s]", LG_FMT(fields[i].text));
        lg_buf_append_byte(out, ';');
    }
    lg_buf_append_byte(out, 0);
}

static void expect_with(const char *text, int delimiter, int quote, const char *want)
{
    struct lg_slice bytes = lg_slice_str(text);

    for (size_t piece = 1; piece <= bytes.size + 1; piece++) {
        struct pieces p = {bytes, piece, false};
        LG_SCOPED(lg_buf) got = {0};

        read_all(&p, delimiter, quote, &got);
        assert_string_equal((const char *)got.data, want);
    }
}

static void expect(const char *text, const char *want)
{
    expect_with(text, 0, 0, want);
}

static void fields_lie_between_delimiters_and_records_between_line_ends(void **state)
{
    (void)state;
    expect("a,b\nc,d\n", "1:[a][b];2:[c][d];");
    expect("a,b\r\nc,d\r\n", "1:[a][b];2:[c][d];");
    expect("a,b\nc,d", "1:[a][b];2:[c][d];");
    expect("a,b\nc,d\r", "1:[a][b];2:[c][d];");
    expect(",\n,,\n", "1:[][];2:[][][];");
    expect(" a , b \n", "1:[ a ][ b ];");
    expect("", "");
}

static void quotes_hold_delimiters_line_ends_and_doubled_quotes(void **state)
{
    (void)state;
    expect("\"a,b\",\"c\"\n", "1:<a,b><c>;");
    expect("\"a\nb\",c\nd,e\n", "1:<a\nb>[c];3:[d][e];");
    expect("\"a\r\nb\",c\r\nd,e\r\n", "1:<a\r\nb>[c];3:[d][e];");
    expect("\"say \"\"hi\"\"\",\"\"\"\"\n", "1:<say \"hi\"><\">;");
    expect("\"\",\n", "1:<>[];");
    expect("\"\"", "1:<>;");
    expect("a,\"\"\"b\"\"\"", "1:[a]<\"b\">;");
}

static void blank_lines_are_passed_over_and_counted(void **state)
{
    (void)state;
    expect("\n\na\n\r\n\nb\n\n", "3:[a];6:[b];");
    expect("\n", "");
    expect("\r\n\r\n", "");
}

static void delimiter_and_quote_can_be_chosen(void **state)
{
    (void)state;
    expect_with("a;b,c\n", ';', 0, "1:[a][b,c];");
    expect_with("a\t\tb\n", '\t', 0, "1:[a][][b];");
    expect_with("'a,b',\"c\n", 0, '\'', "1:<a,b>[\"c];");
    expect_with("\"a,b\n", 0, LG_CSV_NO_QUOTE, "1:[\"a][b];");
}

static void a_fault_is_named_and_the_next_line_is_read(void **state)
{
    (void)state;
    expect("a,b\nc,d\"e\nf,g\n",
           "1:[a][b];!line 2, column 2, byte 4 of the line: a stray quote; put the field between "
           "quotes and write each quote in it twice (--quote none reads quotes as text);3:[f][g];");
    expect("a\n\"b\"c,d\ne\n",
           "1:[a];!line 2, column 1, byte 4 of the line: text behind a closing quote; a quote "
           "inside a field is written twice;3:[e];");
    expect("a\nb\rc\nd\n", "1:[a];!line 2, column 1, byte 3 of the line: a carriage return inside "
                           "the line; put the field between quotes;3:[d];");
    expect("a\nb,\"c\n\nd", "1:[a];!the quote that opens column 2 of the record on line 2 is never "
                            "closed;");
    expect("\"a\nb\"c\nd\n", "!line 2, column 1, byte 3 of the line: text behind a closing quote; "
                             "a quote inside a field is written twice;3:[d];");
}

static void a_nul_byte_is_refused(void **state)
{
    struct pieces p = {LG_LIT("a,b\nc\0d,e\n\"f\0\"\ng\n"), 100, false};
    LG_SCOPED(lg_buf) got = {0};

    (void)state;
    read_all(&p, 0, 0, &got);
    assert_string_equal((const char *)got.data,
                        "1:[a][b];!line 2, column 1, byte 2 of the line: a NUL byte; text is "
                        "expected (if it is UTF-16, convert it to UTF-8 first);!line 3, column 1, "
                        "byte 3 of the line: a NUL byte; text is expected (if it is UTF-16, "
                        "convert it to UTF-8 first);4:[g];");
}

static void a_record_past_a_limit_is_refused(void **state)
{
    LG_SCOPED(lg_buf) file = {0}, got = {0}, wide = {0}, got_wide = {0};
    size_t size = LG_CSV_RECORD_BYTES_MAX + ((size_t)1 << 20);

    (void)state;
    lg_buf_append_str(&file, "a\n\"");
    memset(lg_buf_reserve(&file, size), ',', size);
    lg_buf_commit(&file, size);
    struct pieces p = {lg_buf_slice(&file), SIZE_MAX, false};

    read_all(&p, 0, 0, &got);
    assert_string_equal((const char *)got.data,
                        "1:[a];!the record that begins on line 2 is longer than 67108864 bytes; is "
                        "a closing quote missing?;");
    for (size_t i = 0; i < LG_CSV_COLUMNS_MAX; i++)
        lg_buf_append_byte(&wide, ',');
    lg_buf_append_str(&wide, "\nb\n");
    p = (struct pieces){lg_buf_slice(&wide), SIZE_MAX, false};
    read_all(&p, 0, 0, &got_wide);
    assert_string_equal((const char *)got_wide.data, "!line 1 has more than 4096 columns;2:[b];");
}

static void an_error_of_the_source_is_passed_on(void **state)
{
    (void)state;
    for (size_t size = 0; size < 8; size++) {
        struct pieces p = {lg_slice("a,b\"c\n\"d", size), 2, true};
        LG_SCOPED(lg_buf) got = {0};

        read_all(&p, 0, 0, &got);
        assert_non_null(strstr((const char *)got.data, "the disk is gone;"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_lie_between_delimiters_and_records_between_line_ends),
        cmocka_unit_test(quotes_hold_delimiters_line_ends_and_doubled_quotes),
        cmocka_unit_test(blank_lines_are_passed_over_and_counted),
        cmocka_unit_test(delimiter_and_quote_can_be_chosen),
        cmocka_unit_test(a_fault_is_named_and_the_next_line_is_read),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(a_record_past_a_limit_is_refused),
        cmocka_unit_test(an_error_of_the_source_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
