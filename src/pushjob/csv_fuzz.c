/* Any bytes as CSV, however they arrive: the same records and the same faults, whether bytes come
 * one by one or all at once. The first byte chooses delimiter and quote. Then the fields as values
 * of many types: what comes out is valid Avro. */
#include "pushjob/csv.h"

#include "avro/decode.h"
#include "pushjob/text_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX ((size_t)64 << 10)

struct pieces {
    struct lg_slice rest;
    size_t piece;
};

static enum lg_rc read_pieces(void *ctx, void *out, size_t size, size_t *out_read,
                              struct lg_error *err)
{
    struct pieces *p = ctx;
    size_t most = LG_MIN(size, p->piece);
    size_t n = LG_MIN(most, p->rest.size);

    (void)err;
    if (n > 0)
        memcpy(out, p->rest.data, n);
    p->rest = lg_slice_skip(p->rest, n);
    *out_read = n;
    return LG_OK;
}

static const char *const types[] = {
    "\"null\"",
    "\"boolean\"",
    "\"int\"",
    "\"long\"",
    "\"float\"",
    "\"double\"",
    "\"string\"",
    "\"bytes\"",
    "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}",
    "{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}",
    "{\"type\":\"int\",\"logicalType\":\"date\"}",
    "{\"type\":\"int\",\"logicalType\":\"time-millis\"}",
    "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}",
    "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":20,\"scale\":3}",
    "{\"type\":\"fixed\",\"name\":\"D\",\"size\":4,\"logicalType\":\"decimal\",\"precision\":9}",
    "[\"null\",\"long\",\"double\",\"string\"]",
    "{\"type\":\"array\",\"items\":\"int\"}",
};

static struct lg_schema *schemas[LG_ARRAY_SIZE(types)]; /* Made once, for all inputs. */

static void encode_all(const struct lg_csv_field *field)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(types); i++) {
        LG_SCOPED(lg_buf) datum = {0};
        struct lg_error err = {0};

        if (schemas[i] == NULL &&
            lg_schema_parse(lg_slice_str(types[i]), &schemas[i], &err) != LG_OK)
            assert(false && "the types above are valid");
        if (lg_text_value_encode(schemas[i], field->text, field->quoted, &datum, &err) == LG_OK)
            assert(lg_avro_check(schemas[i], lg_buf_slice(&datum), &err) == LG_OK);
        else
            assert(datum.size == 0 && err.text[0] != '\0');
    }
}

/* Everything that comes out, as text. */
static void read_all(struct lg_slice bytes, size_t piece, int delimiter, int quote, bool encodes,
                     struct lg_buf *out)
{
    struct pieces p = {bytes, piece};
    LG_AUTO(lg_csv) *csv = lg_csv_new(&(struct lg_csv_options){
        .source = {read_pieces, &p}, .delimiter = delimiter, .quote = quote});
    bool end = false;

    while (!end) {
        const struct lg_csv_field *fields;
        size_t count = 0;
        struct lg_error err = {0};
        enum lg_rc rc = lg_csv_next(csv, &fields, &count, &end, &err);

        assert(rc == LG_OK || rc == LG_ERR_BAD_DATA); /* The input is too short for the limits. */
        if (rc != LG_OK) {
            lg_buf_appendf(out, "!%s;", err.text);
            continue;
        }
        assert(end || count > 0);
        lg_buf_appendf(out, "%llu:", (unsigned long long)lg_csv_line(csv));
        for (size_t i = 0; i < count && !end; i++) {
            lg_buf_append_byte(out, fields[i].quoted ? '<' : '[');
            lg_buf_append_slice(out, fields[i].text);
            if (encodes)
                encode_all(&fields[i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        int delimiter, quote;
    } dialects[] = {{0, 0}, {';', '\''}, {'\t', LG_CSV_NO_QUOTE}, {' ', '"'}};
    LG_SCOPED(lg_buf) whole = {0}, bytewise = {0};
    struct lg_slice bytes;
    size_t dialect;

    if (size == 0 || size > INPUT_BYTES_MAX)
        return 0;
    dialect = data[0] % LG_ARRAY_SIZE(dialects);
    bytes = lg_slice(data + 1, size - 1);
    read_all(bytes, SIZE_MAX, dialects[dialect].delimiter, dialects[dialect].quote,
             /* encodes= */ true, &whole);
    read_all(bytes, 1, dialects[dialect].delimiter, dialects[dialect].quote, /* encodes= */ false,
             &bytewise);
    assert(lg_slice_eq(lg_buf_slice(&whole), lg_buf_slice(&bytewise)));
    return 0;
}
