/* One pass of a small machine over the bytes; it keeps its state when bytes run out, so that a
 * record costs the same however it arrives.
 *
 *   START ──▶ PLAIN        a field without quotes
 *     └─────▶ QUOTED ◀──▶ CLOSED    between quotes; behind one that ends the field or is doubled
 *   RETURN                 behind a carriage return that should end the line
 */
#include "pushjob/csv.h"

#include "base/vec.h"

#define READ_BYTES ((size_t)64 << 10)

enum state { START, PLAIN, QUOTED, CLOSED, RETURN };

struct span { /* A field, by offsets from the record's first byte. */
    size_t begin, end;
    bool quoted, doubled; /* doubled: quotes in it are to be halved */
};

struct lg_csv {
    struct lg_source source;
    int delimiter, quote;
    struct lg_buf bytes; /* Read; those before `begin` were records already. */
    size_t begin;        /* of the record at hand */
    bool source_ended;
    uint64_t line;       /* of the next byte to look at */
    uint64_t given_line; /* of the record given last */
    LG_VEC(struct span) spans;
    LG_VEC(struct lg_csv_field) fields;
    /* The machine. */
    enum state state;
    size_t at;         /* next byte, from `begin` */
    size_t line_begin; /* of the line at hand, from `begin` */
    struct span open;  /* the field at hand */
};

struct lg_csv *lg_csv_new(const struct lg_csv_options *options)
{
    struct lg_csv *csv = lg_new(struct lg_csv);

    csv->source = options->source;
    csv->delimiter = options->delimiter == 0 ? ',' : options->delimiter;
    csv->quote = options->quote == 0 ? '"' : options->quote;
    csv->line = 1;
    return csv;
}

void lg_csv_free(struct lg_csv *csv)
{
    if (csv == NULL)
        return;
    lg_buf_done(&csv->bytes);
    LG_VEC_DONE(&csv->spans);
    LG_VEC_DONE(&csv->fields);
    lg_free(csv);
}

uint64_t lg_csv_line(const struct lg_csv *csv)
{
    return csv->given_line;
}

/* --- Faults. ----------------------------------------------------------------------------------
 */

static enum lg_rc fault(const struct lg_csv *csv, struct lg_error *err, const char *what)
{
    return lg_error_set(err, LG_ERR_BAD_DATA, "line %llu, column %zu, byte %zu of the line: %s",
                        (unsigned long long)csv->line, csv->spans.size + 1,
                        csv->at - csv->line_begin + 1, what);
}

static void begin_record(struct lg_csv *csv, size_t begin)
{
    csv->begin = begin;
    csv->at = csv->line_begin = 0;
    csv->state = START;
    csv->spans.size = 0;
    csv->open = (struct span){0};
}

static enum lg_rc read_more(struct lg_csv *csv, struct lg_error *err)
{
    size_t got = 0;
    uint8_t *room;
    enum lg_rc rc;

    lg_buf_consume(&csv->bytes, csv->begin);
    csv->begin = 0;
    if (csv->bytes.size > LG_CSV_RECORD_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the record that begins on line %llu is longer than %zu bytes%s",
                            (unsigned long long)csv->given_line, LG_CSV_RECORD_BYTES_MAX,
                            csv->state == QUOTED ? "; is a closing quote missing?" : "");
    room = lg_buf_reserve(&csv->bytes, READ_BYTES);
    rc = csv->source.read(csv->source.ctx, room, READ_BYTES, &got, err);
    if (rc != LG_OK)
        return rc;
    lg_buf_commit(&csv->bytes, got);
    csv->source_ended = got == 0;
    return LG_OK;
}

/* Passes over the rest of the line with the fault, so that the next record begins behind it. */
static enum lg_rc resume_behind_line(struct lg_csv *csv, struct lg_error *err)
{
    size_t from = csv->begin + csv->at;

    for (;;) {
        const uint8_t *end = from == csv->bytes.size
                                 ? NULL
                                 : memchr(csv->bytes.data + from, '\n', csv->bytes.size - from);
        enum lg_rc rc;

        if (end != NULL || csv->source_ended) {
            csv->line += end != NULL;
            begin_record(csv, end == NULL ? csv->bytes.size : (size_t)(end - csv->bytes.data) + 1);
            return LG_OK;
        }
        csv->begin = csv->bytes.size; /* Nothing of it is needed any more. */
        csv->at = 0;
        rc = read_more(csv, err);
        if (rc != LG_OK)
            return rc;
        from = 0;
    }
}

/* --- The machine. ----------------------------------------------------------------------------- */

static enum lg_rc close_field(struct lg_csv *csv, size_t end, struct lg_error *err)
{
    if (csv->spans.size == LG_CSV_COLUMNS_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA, "line %llu has more than %zu columns",
                            (unsigned long long)csv->line, LG_CSV_COLUMNS_MAX);
    csv->open.end = end;
    LG_VEC_PUSH(&csv->spans, csv->open);
    csv->open = (struct span){.begin = csv->at + 1};
    csv->state = START;
    return LG_OK;
}

/* The field without its closing quote, when it has one. */
static size_t field_end(const struct lg_csv *csv, size_t at)
{
    return csv->state == CLOSED ? at - 1 : at;
}

/* One byte. `*out_done`: it ended the record. */
static enum lg_rc step(struct lg_csv *csv, uint8_t c, bool *out_done, struct lg_error *err)
{
    if (c == 0)
        return fault(csv, err,
                     "a NUL byte; text is expected (if it is UTF-16, convert it to "
                     "UTF-8 first)");
    if (csv->state == QUOTED) {
        if (c == csv->quote) {
            csv->state = CLOSED;
        } else if (c == '\n') {
            csv->line++;
            csv->line_begin = csv->at + 1;
        }
        return LG_OK;
    }
    if (c == '\n') {
        size_t end = csv->state == RETURN ? csv->open.end : field_end(csv, csv->at);

        *out_done = true;
        return close_field(csv, end, err);
    }
    if (csv->state == RETURN)
        return fault(csv, err, "a carriage return inside the line; put the field between quotes");
    if (c == '\r') {
        csv->open.end = field_end(csv, csv->at);
        csv->state = RETURN;
        return LG_OK;
    }
    if (c == csv->delimiter)
        return close_field(csv, field_end(csv, csv->at), err);
    if (csv->state == CLOSED && c == csv->quote) {
        csv->open.doubled = true;
        csv->state = QUOTED;
    } else if (csv->state == CLOSED) {
        return fault(csv, err,
                     "text behind a closing quote; a quote inside a field is written "
                     "twice");
    } else if (c == csv->quote && csv->state == START) {
        csv->open.quoted = true;
        csv->open.begin = csv->at + 1;
        csv->state = QUOTED;
    } else if (c == csv->quote) {
        return fault(csv, err,
                     "a stray quote; put the field between quotes and write each quote "
                     "in it twice (--quote none reads quotes as text)");
    } else {
        csv->state = PLAIN;
    }
    return LG_OK;
}

/* Bytes that no state cares about, jumped over at once. */
static void run_along(struct lg_csv *csv)
{
    struct lg_slice rest = lg_slice_skip(lg_buf_slice(&csv->bytes), csv->begin);
    const uint8_t *data = rest.data;
    size_t size = rest.size, at = csv->at;

    if (csv->state == PLAIN)
        while (at < size && data[at] > '\r' && data[at] != csv->delimiter && data[at] != csv->quote)
            at++;
    else if (csv->state == QUOTED)
        while (at < size && data[at] > '\n' && data[at] != csv->quote)
            at++;
    csv->at = at;
}

/* The end of the source is the end of the last line, if that has a byte. */
static enum lg_rc end_of_source(struct lg_csv *csv, bool *out_done, bool *out_end,
                                struct lg_error *err)
{
    if (csv->at == 0) {
        *out_end = true;
        return LG_OK;
    }
    if (csv->state == QUOTED)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the quote that opens column %zu of the record on line %llu is never "
                            "closed",
                            csv->spans.size + 1, (unsigned long long)csv->given_line);
    *out_done = true;
    return close_field(csv, csv->state == RETURN ? csv->open.end : field_end(csv, csv->at), err);
}

static enum lg_rc run(struct lg_csv *csv, bool *out_done, bool *out_end, struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    while (rc == LG_OK && !*out_done && !*out_end) {
        run_along(csv);
        if (csv->begin + csv->at < csv->bytes.size) {
            rc = step(csv, csv->bytes.data[csv->begin + csv->at], out_done, err);
            csv->at += rc == LG_OK;
        } else if (csv->source_ended) {
            return end_of_source(csv, out_done, out_end, err);
        } else {
            rc = read_more(csv, err);
        }
    }
    return rc;
}

/* --- Records. ---------------------------------------------------------------------------------
 */

/* Halves doubled quotes where they stand. */
static struct lg_slice text_of(const struct lg_csv *csv, const struct span *span)
{
    uint8_t *data = csv->bytes.data + csv->begin;
    size_t to = span->begin;

    if (!span->doubled)
        return lg_slice(data + span->begin, span->end - span->begin);
    for (size_t from = span->begin; from < span->end; from++) {
        data[to++] = data[from];
        from += data[from] == csv->quote; /* Its twin follows. */
    }
    return lg_slice(data + span->begin, to - span->begin);
}

static bool is_blank(const struct lg_csv *csv)
{
    return csv->spans.size == 1 && !csv->spans.data[0].quoted &&
           csv->spans.data[0].begin == csv->spans.data[0].end;
}

static enum lg_rc find_record(struct lg_csv *csv, bool *out_end, struct lg_error *err)
{
    do {
        bool done = false;
        size_t begin = csv->begin + csv->at;
        enum lg_rc rc;

        csv->given_line = csv->line;
        begin_record(csv, begin);
        rc = run(csv, &done, out_end, err);
        if (rc == LG_ERR_BAD_DATA && resume_behind_line(csv, err) != LG_OK)
            return err->rc;
        if (rc != LG_OK || *out_end)
            return rc;
        csv->line++; /* A last line without an end is counted as well: nothing follows it. */
    } while (is_blank(csv));
    return LG_OK;
}

enum lg_rc lg_csv_next(struct lg_csv *csv, const struct lg_csv_field **out_fields,
                       size_t *out_count, bool *out_end, struct lg_error *err)
{
    bool end = false;
    enum lg_rc rc = find_record(csv, &end, err);

    if (rc != LG_OK)
        return rc;
    *out_end = end;
    if (end)
        return LG_OK;
    csv->fields.size = 0;
    for (size_t i = 0; i < csv->spans.size; i++)
        LG_VEC_PUSH(&csv->fields, (struct lg_csv_field){text_of(csv, &csv->spans.data[i]),
                                                        csv->spans.data[i].quoted});
    *out_fields = csv->fields.data;
    *out_count = csv->fields.size;
    return LG_OK;
}
