/* NDJSON: one JSON object on each line. */
#include "avro/json_text.h"
#include "base/str.h"
#include "pushjob/input_impl.h"

#define READ_BYTES ((size_t)64 << 10)

struct lines {
    struct lg_buf bytes; /* Read; those before `used` were lines already. */
    size_t used;
    bool source_ended;
    uint64_t line, objects;
};

static enum lg_rc open_ndjson(struct lg_input *in, struct lg_error *err)
{
    (void)err;
    in->reader = lg_new(struct lines);
    return LG_OK;
}

static void close_ndjson(struct lg_input *in)
{
    struct lines *l = in->reader;

    lg_buf_done(&l->bytes);
    lg_free(l);
}

/* Any schema will do: what does not fit is found line by line. */
static enum lg_rc bind_ndjson(struct lg_input *in, struct lg_error *err)
{
    (void)in, (void)err;
    return LG_OK;
}

/* --- Lines. ------------------------------------------------------------------------------------
 */

/* More bytes behind the unused ones. The used ones go only here, so that a file costs one move per
 * read and not one per line. */
static enum lg_rc read_lines(struct lg_input *in, struct lines *l, struct lg_error *err)
{
    size_t got = 0;
    uint8_t *room;
    enum lg_rc rc;

    lg_buf_consume(&l->bytes, l->used);
    l->used = 0;
    if (l->bytes.size > LG_INPUT_LINE_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "line %llu is longer than %zu bytes (limit line_bytes)",
                            (unsigned long long)l->line + 1, LG_INPUT_LINE_BYTES_MAX);
    room = lg_buf_reserve(&l->bytes, READ_BYTES);
    rc = lg_input_read(in, room, READ_BYTES, &got, err);
    if (rc != LG_OK)
        return rc;
    lg_buf_commit(&l->bytes, got);
    l->source_ended = got == 0;
    return LG_OK;
}

/* The next line, without its end; borrowed until the next call. */
static enum lg_rc next_line(struct lg_input *in, struct lines *l, struct lg_slice *out,
                            bool *out_end, struct lg_error *err)
{
    size_t scanned = 0; /* Bytes of the line that are known to hold no end. */

    for (;;) {
        struct lg_slice rest = lg_slice_skip(lg_buf_slice(&l->bytes), l->used);
        const uint8_t *end =
            rest.size == scanned ? NULL : memchr(rest.data + scanned, '\n', rest.size - scanned);
        enum lg_rc rc;

        if (end != NULL || l->source_ended) {
            *out = end == NULL ? rest : lg_slice(rest.data, (size_t)(end - rest.data));
            *out_end = end == NULL && rest.size == 0;
            l->used += out->size + (end != NULL);
            l->line += !*out_end;
            return LG_OK;
        }
        scanned = rest.size;
        rc = read_lines(in, l, err);
        if (rc != LG_OK)
            return rc;
    }
}

static bool is_blank(struct lg_slice line)
{
    for (size_t i = 0; i < line.size; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    return true;
}

/* The next line that holds something, as an object. */
static enum lg_rc next_object(struct lg_input *in, struct lg_json **out, bool *out_end,
                              struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lines *l = in->reader;
    struct lg_slice line;
    enum lg_rc rc;

    do {
        rc = next_line(in, l, &line, out_end, err);
        if (rc != LG_OK)
            return rc;
        if (*out_end)
            return l->objects > 0
                       ? LG_OK
                       : lg_error_set(err, LG_ERR_BAD_DATA, "it holds nothing but blank lines");
    } while (is_blank(line));
    in->go_on = true;
    in->line = l->line;
    l->objects++;
    if (!lg_utf8_valid(line))
        return lg_error_set(err, LG_ERR_BAD_DATA, "the text is not UTF-8");
    rc = lg_json_parse(line, &json, err);
    if (rc != LG_OK)
        return rc;
    if (lg_json_type(json) != LG_JSON_OBJECT)
        return lg_error_set(err, LG_ERR_BAD_DATA, "a JSON object is expected on each line");
    *out = LG_TAKE(json);
    return LG_OK;
}

/* --- Records. ----------------------------------------------------------------------------------
 */

static enum lg_rc member(const struct lg_json *record, const char *field, struct lg_json **out,
                         struct lg_error *err)
{
    *out = lg_json_get(record, field);
    return *out != NULL ? LG_OK
                        : lg_error_set(err, LG_ERR_BAD_DATA, "the record has no field '%s'", field);
}

static struct lg_json *without(const struct lg_json *object, const char *field)
{
    struct lg_json *copy = lg_json_new_object(), *value;
    const char *name;
    size_t i = 0;

    while (lg_json_next(object, &i, &name, &value))
        if (strcmp(name, field) != 0)
            lg_json_set(copy, name, lg_json_ref(value));
    return copy;
}

static enum lg_rc encode(struct lg_input *in, struct lg_json *record, struct lg_error *err)
{
    LG_AUTO(lg_json) *rest = NULL;
    struct lg_json *key, *value = record;
    enum lg_rc rc = member(record, in->o.key_field, &key, err);

    if (rc != LG_OK)
        return rc;
    rc = lg_avro_from_json(in->key_schema, key, &in->key, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "key field '%s'", in->o.key_field);
    if (in->o.value_field != NULL)
        rc = member(record, in->o.value_field, &value, err);
    else if (lg_input_key_is_beside(in))
        value = rest = without(record, in->o.key_field);
    return rc == LG_OK ? lg_avro_from_json(in->value_schema, value, &in->value, err) : rc;
}

static enum lg_rc wrap(const struct lg_input *in, struct lg_error *err)
{
    return in->go_on ? lg_error_wrap(err, "line %llu", (unsigned long long)in->line) : err->rc;
}

static enum lg_rc next_ndjson(struct lg_input *in, struct lg_slice *out_key,
                              struct lg_slice *out_value, bool *out_end, struct lg_error *err)
{
    LG_AUTO(lg_json) *record = NULL;
    enum lg_rc rc = next_object(in, &record, out_end, err);

    if (rc == LG_OK && *out_end)
        return LG_OK;
    lg_buf_clear(&in->key);
    lg_buf_clear(&in->value);
    if (rc == LG_OK)
        rc = encode(in, record, err);
    if (rc != LG_OK)
        return wrap(in, err);
    *out_key = lg_buf_slice(&in->key);
    *out_value = lg_buf_slice(&in->value);
    return LG_OK;
}

static enum lg_rc next_ndjson_json(struct lg_input *in, struct lg_buf *out, bool *out_end,
                                   struct lg_error *err)
{
    LG_AUTO(lg_json) *record = NULL;
    enum lg_rc rc = next_object(in, &record, out_end, err);

    if (rc != LG_OK)
        return wrap(in, err);
    if (!*out_end && out != NULL)
        lg_json_write(out, record, /* pretty= */ false);
    return LG_OK;
}

const struct lg_input_ops lg_input_ndjson_ops = {
    .open = open_ndjson,
    .close = close_ndjson,
    .bind = bind_ndjson,
    .next = next_ndjson,
    .next_json = next_ndjson_json,
};
