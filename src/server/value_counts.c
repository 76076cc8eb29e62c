/* Counting values; see the header. Texts are gathered as they come and counted at the end, by
 * sorting: so memory is one buffer and a list of places. */
#include "server/value_counts.h"

#include <stdlib.h>

#include "avro/json_text.h"
#include "base/str.h"
#include "base/vec.h"

struct text {
    uint32_t field;
    size_t at, size;
};

struct counted {
    struct lg_slice text;
    int32_t n;
};

struct lg_value_counts {
    char *names[LG_VALUE_COUNTS_FIELDS_MAX];
    size_t n;
    struct lg_buf bytes, scratch;
    LG_VEC(struct text) texts;
    /* The answer. */
    LG_VEC(struct counted) counted;
    struct lg_venice_count_by_value_response_field_to_value_counts_entry *fields;
    struct lg_venice_value_count *counts;
};

void lg_value_counts_free(struct lg_value_counts *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n; i++) {
        lg_free(c->names[i]);
        if (c->counts != NULL)
            lg_free(c->counts[i].value_to_counts.data);
    }
    lg_free(c->fields);
    lg_free(c->counts);
    lg_buf_done(&c->bytes);
    lg_buf_done(&c->scratch);
    LG_VEC_DONE(&c->texts);
    LG_VEC_DONE(&c->counted);
    lg_free(c);
}

enum lg_rc lg_value_counts_new(const struct lg_slice *fields, size_t n,
                               struct lg_value_counts **out, struct lg_error *err)
{
    LG_AUTO(lg_value_counts) *c = lg_new(struct lg_value_counts);

    if (n == 0 || n > LG_VALUE_COUNTS_FIELDS_MAX)
        return lg_error_set(err, LG_ERR_INVALID, "%zu fields; 1 to %u can be counted", n,
                            LG_VALUE_COUNTS_FIELDS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (fields[i].size == 0)
            return lg_error_set(err, LG_ERR_INVALID, "the name of a field is empty");
        for (size_t k = 0; k < i; k++)
            if (lg_slice_eq(fields[i], fields[k]))
                return lg_error_set(err, LG_ERR_INVALID, "field '%.*s' is named twice",
                                    LG_FMT(fields[i]));
        c->names[c->n++] = lg_strndup((const char *)fields[i].data, fields[i].size);
    }
    c->scratch = lg_buf_with_ceiling(LG_VALUE_COUNTS_BYTES_MAX);
    *out = LG_TAKE(c);
    return LG_OK;
}

/* --- Gathering ------------------------------------------------------------------------------- */

/* JSON's text of a string, without its quotes and escapes, comes from the value itself. */
static enum lg_rc take_text(struct lg_value_counts *c, const struct lg_schema *schema,
                            struct lg_decoder *d, struct lg_slice *out, struct lg_error *err)
{
    const struct lg_schema *branch = schema;
    struct lg_decoder inside = *d;
    int64_t index;
    enum lg_rc rc;

    if (lg_schema_kind(schema) == LG_AVRO_UNION) {
        rc = lg_decode_long(&inside, &index, err);
        if (rc != LG_OK)
            return rc;
        if (index >= 0 && (uint64_t)index < lg_schema_branch_count(schema))
            branch = lg_schema_branch(schema, (size_t)index);
    }
    if (lg_schema_kind(branch) == LG_AVRO_STRING) {
        rc = lg_avro_skip(schema, d, err);
        return rc == LG_OK ? lg_decode_bytes(&inside, out, err) : rc;
    }
    lg_buf_clear(&c->scratch);
    rc = lg_avro_to_json(schema, d, &c->scratch, err);
    *out = lg_buf_slice(&c->scratch);
    if (rc == LG_OK && lg_schema_kind(branch) == LG_AVRO_ENUM) /* Symbols need no escapes. */
        *out = lg_slice(out->data + 1, out->size - 2);
    return rc;
}

/* Not in the middle of a character. */
static size_t cut_to(struct lg_slice text)
{
    size_t n = LG_MIN(text.size, LG_VALUE_COUNTS_TEXT_MAX);

    while (n < text.size && n > 0 && (text.data[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static enum lg_rc add_field(struct lg_value_counts *c, size_t name, const struct lg_schema *schema,
                            struct lg_decoder *d, struct lg_error *err)
{
    struct lg_slice text = LG_SLICE_NULL;
    enum lg_rc rc = take_text(c, schema, d, &text, err);
    struct text place = {.field = (uint32_t)name, .at = c->bytes.size};

    if (rc != LG_OK)
        return rc;
    place.size = cut_to(text);
    if (c->bytes.size + place.size > LG_VALUE_COUNTS_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the texts of the values are over %zu bytes; ask for fewer keys",
                            LG_VALUE_COUNTS_BYTES_MAX);
    lg_buf_append(&c->bytes, text.data, place.size);
    LG_VEC_PUSH(&c->texts, place);
    return LG_OK;
}

static size_t name_of(const struct lg_value_counts *c, struct lg_slice field)
{
    for (size_t i = 0; i < c->n; i++)
        if (lg_slice_eq_str(field, c->names[i]))
            return i;
    return c->n;
}

enum lg_rc lg_value_counts_add(struct lg_value_counts *c, const struct lg_schema *schema,
                               struct lg_slice value, struct lg_error *err)
{
    struct lg_decoder d = lg_decoder_of(value);
    enum lg_rc rc = LG_OK;

    if (lg_schema_kind(schema) != LG_AVRO_RECORD)
        return lg_error_set(err, LG_ERR_INVALID,
                            "the store's values are no records: they have no fields to count");
    for (size_t i = 0; i < c->n; i++)
        if (lg_schema_field_index(schema, lg_slice_str(c->names[i])) == LG_SCHEMA_NO_INDEX)
            return lg_error_set(err, LG_ERR_INVALID, "the values have no field '%s'", c->names[i]);
    for (size_t i = 0; i < lg_schema_field_count(schema) && rc == LG_OK; i++) {
        size_t name = name_of(c, lg_schema_field_name(schema, i));
        const struct lg_schema *field = lg_schema_field_schema(schema, i);

        rc = name == c->n ? lg_avro_skip(field, &d, err) : add_field(c, name, field, &d, err);
    }
    return rc;
}

/* --- Counting -------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b, void *ctx)
{
    const struct text *x = a, *y = b;
    const struct lg_value_counts *c = ctx;
    int order;

    if (x->field != y->field)
        return x->field < y->field ? -1 : 1;
    order = memcmp(c->bytes.data + x->at, c->bytes.data + y->at, LG_MIN(x->size, y->size));
    if (order != 0 || x->size == y->size)
        return order;
    return x->size < y->size ? -1 : 1;
}

static int by_count(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;

    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return x->text.data < y->text.data ? -1 : 1; /* They were sorted by text before. */
}

static struct lg_slice text_of(const struct lg_value_counts *c, const struct text *t)
{
    return lg_slice(c->bytes.data + t->at, t->size);
}

/* The texts of one field, which are sorted, from `at` on; returns where the next field's begin. */
static size_t count_field(struct lg_value_counts *c, size_t at, uint32_t field)
{
    c->counted.size = 0;
    for (; at < c->texts.size && c->texts.data[at].field == field; at++) {
        struct lg_slice text = text_of(c, &c->texts.data[at]);
        struct counted *last = c->counted.size == 0 ? NULL : &c->counted.data[c->counted.size - 1];

        if (last != NULL && lg_slice_eq(last->text, text))
            last->n++;
        else
            LG_VEC_PUSH(&c->counted, ((struct counted){text, 1}));
    }
    return at;
}

/* So that by_count may go by addresses. */
static void put_in_order(struct lg_value_counts *c)
{
    struct lg_buf sorted = {0};

    (void)lg_buf_reserve(&sorted, c->bytes.size + 1);
    for (size_t i = 0; i < c->texts.size; i++) {
        struct text *t = &c->texts.data[i];
        size_t at = sorted.size;

        lg_buf_append_slice(&sorted, text_of(c, t));
        t->at = at;
    }
    lg_buf_done(&c->bytes);
    c->bytes = sorted;
}

void lg_value_counts_take(struct lg_value_counts *c, size_t top,
                          struct lg_venice_count_by_value_response *out)
{
    size_t at = 0;

    if (c->texts.size > 0) {
        qsort_r(c->texts.data, c->texts.size, sizeof c->texts.data[0], by_text, c);
        put_in_order(c);
    }
    c->fields =
        lg_new_array(struct lg_venice_count_by_value_response_field_to_value_counts_entry, c->n);
    c->counts = lg_new_array(struct lg_venice_value_count, c->n);
    for (uint32_t f = 0; f < c->n; f++) {
        struct lg_venice_value_count *count = &c->counts[f];
        size_t n;

        at = count_field(c, at, f);
        if (c->counted.size > 0)
            qsort(c->counted.data, c->counted.size, sizeof c->counted.data[0], by_count);
        n = LG_MIN(c->counted.size, top);
        count->value_to_counts.data =
            lg_new_array(struct lg_venice_value_count_value_to_counts_entry, n + 1);
        count->value_to_counts.size = (uint32_t)n;
        for (size_t i = 0; i < n; i++)
            count->value_to_counts.data[i] = (struct lg_venice_value_count_value_to_counts_entry){
                c->counted.data[i].text, c->counted.data[i].n};
        c->fields[f].key = lg_slice_str(c->names[f]);
        c->fields[f].value = count;
    }
    out->field_to_value_counts.data = c->fields;
    out->field_to_value_counts.size = (uint32_t)c->n;
}
