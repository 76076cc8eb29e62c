#include "pushjob/input.h"

#include "avro/canonical.h"
#include "avro/json_text.h"
#include "base/str.h"

#define READ_BYTES ((size_t)64 << 10)

struct lg_input {
    char *name, *key_field, *value_field;
    struct lg_source source;
    struct lg_buf head; /* The first bytes, read to tell the format; given to the reader first. */
    size_t head_used;
    uint64_t consumed;
    struct lg_schema *key_schema, *value_schema; /* The store's, once bound. */

    struct lg_container *container; /* Avro; else NULL and the line reader below is in use. */
    size_t key_index, value_index;
    uint64_t records;

    struct lg_buf lines; /* Bytes read; those before lines_used were lines already. */
    size_t lines_used;
    bool source_ended;
    uint64_t line;
    struct lg_buf key, value; /* The current record, encoded. */
};

/* --- Bytes. ------------------------------------------------------------------------------------
 */

static enum lg_rc read_bytes(void *ctx, void *out, size_t size, size_t *out_read,
                             struct lg_error *err)
{
    struct lg_input *in = ctx;
    size_t left = in->head.size - in->head_used;
    enum lg_rc rc;

    if (left > 0) {
        *out_read = LG_MIN(left, size);
        memcpy(out, in->head.data + in->head_used, *out_read);
        in->head_used += *out_read;
        in->consumed += *out_read;
        return LG_OK;
    }
    rc = in->source.read(in->source.ctx, out, size, out_read, err);
    if (rc == LG_OK)
        in->consumed += *out_read;
    return rc;
}

static enum lg_rc read_head(struct lg_input *in, struct lg_error *err)
{
    size_t got = 1;

    while (in->head.size < 4 && got > 0) {
        uint8_t *room = lg_buf_reserve(&in->head, 4);
        enum lg_rc rc = in->source.read(in->source.ctx, room, 4 - in->head.size, &got, err);

        if (rc != LG_OK)
            return rc;
        lg_buf_commit(&in->head, got);
    }
    if (in->head.size == 0)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the file is empty; an Avro container or NDJSON is expected");
    if (lg_slice_starts(lg_buf_slice(&in->head), LG_LIT("\xef\xbb\xbf"))) {
        in->head_used = 3; /* The byte order mark that some editors put before text. */
        in->consumed = 3;
    }
    return LG_OK;
}

/* The first byte of what is to be read; a lone byte order mark is like a blank line. */
static uint8_t first_byte(const struct lg_input *in)
{
    return in->head_used < in->head.size ? in->head.data[in->head_used] : '\n';
}

/* --- Avro. -------------------------------------------------------------------------------------
 */

static enum lg_rc find_field(const struct lg_schema *record, const char *field, size_t *out,
                             struct lg_error *err)
{
    const char *near;

    *out = lg_schema_field_index(record, lg_slice_str(field));
    if (*out != LG_SCHEMA_NO_INDEX)
        return LG_OK;
    near = lg_schema_field_nearest(record, field);
    return lg_error_set(err, LG_ERR_INVALID, "its records have no field '%s'%s%s%s", field,
                        near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                        near == NULL ? "" : "'?");
}

static enum lg_rc open_avro(struct lg_input *in, struct lg_error *err)
{
    const struct lg_schema *schema;
    enum lg_rc rc = lg_container_open((struct lg_source){read_bytes, in}, &in->container, err);

    if (rc != LG_OK)
        return rc;
    schema = lg_container_schema(in->container);
    if (lg_schema_kind(schema) != LG_AVRO_RECORD)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "it holds values of type %s; records are expected",
                            lg_avro_kind_name(lg_schema_kind(schema)));
    rc = find_field(schema, in->key_field, &in->key_index, err);
    if (rc == LG_OK && in->value_field != NULL)
        rc = find_field(schema, in->value_field, &in->value_index, err);
    return rc;
}

/* The parts of the file's schema that are the key and the value. */
static const struct lg_schema *file_key(const struct lg_input *in)
{
    return lg_schema_field_schema(lg_container_schema(in->container), in->key_index);
}

static const struct lg_schema *file_value(const struct lg_input *in)
{
    const struct lg_schema *record = lg_container_schema(in->container);

    return in->value_field == NULL ? record : lg_schema_field_schema(record, in->value_index);
}

static enum lg_rc next_avro(struct lg_input *in, struct lg_slice *out_key,
                            struct lg_slice *out_value, bool *out_end, struct lg_error *err)
{
    const struct lg_schema *record = lg_container_schema(in->container);
    struct lg_slice datum;
    enum lg_rc rc = lg_container_next_record(in->container, &datum, out_end, err);

    if (rc != LG_OK || *out_end)
        return rc;
    in->records++;
    rc = lg_avro_field(record, datum, in->key_index, out_key, err);
    if (rc == LG_OK && in->value_field != NULL)
        rc = lg_avro_field(record, datum, in->value_index, out_value, err);
    else
        *out_value = datum;
    return rc;
}

/* --- NDJSON. -----------------------------------------------------------------------------------
 */

/* More bytes behind the unused ones. The used ones go only here, so that a file costs one move per
 * read and not one per line. */
static enum lg_rc read_lines(struct lg_input *in, struct lg_error *err)
{
    size_t got = 0;
    uint8_t *room;
    enum lg_rc rc;

    lg_buf_consume(&in->lines, in->lines_used);
    in->lines_used = 0;
    if (in->lines.size > LG_INPUT_LINE_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "line %llu is longer than %zu bytes",
                            (unsigned long long)in->line + 1, LG_INPUT_LINE_BYTES_MAX);
    room = lg_buf_reserve(&in->lines, READ_BYTES);
    rc = read_bytes(in, room, READ_BYTES, &got, err);
    if (rc != LG_OK)
        return rc;
    lg_buf_commit(&in->lines, got);
    in->source_ended = got == 0;
    return LG_OK;
}

/* The next line, without its end; borrowed until the next call. */
static enum lg_rc next_line(struct lg_input *in, struct lg_slice *out, bool *out_end,
                            struct lg_error *err)
{
    size_t scanned = 0; /* Bytes of the line that are known to hold no end. */

    for (;;) {
        struct lg_slice rest = lg_slice_skip(lg_buf_slice(&in->lines), in->lines_used);
        const uint8_t *end =
            rest.size == scanned ? NULL : memchr(rest.data + scanned, '\n', rest.size - scanned);
        enum lg_rc rc;

        if (end != NULL || in->source_ended) {
            *out = end == NULL ? rest : lg_slice(rest.data, (size_t)(end - rest.data));
            *out_end = end == NULL && rest.size == 0;
            in->lines_used += out->size + (end != NULL);
            in->line += !*out_end;
            return LG_OK;
        }
        scanned = rest.size;
        rc = read_lines(in, err);
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

static enum lg_rc missing_field(const char *field, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_BAD_DATA, "the record has no field '%s'", field);
}

/* Does the value's schema have a field of the key's name? Else the key stands beside it. */
static bool value_has_key(const struct lg_input *in)
{
    return lg_schema_field_index(in->value_schema, lg_slice_str(in->key_field)) !=
           LG_SCHEMA_NO_INDEX;
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

static enum lg_rc encode_line(struct lg_input *in, struct lg_slice line, struct lg_error *err)
{
    LG_AUTO(lg_json) *record = NULL;
    LG_AUTO(lg_json) *rest = NULL;
    struct lg_json *key, *value;
    enum lg_rc rc = lg_json_parse(line, &record, err);

    if (rc != LG_OK)
        return rc;
    if (lg_json_type(record) != LG_JSON_OBJECT)
        return lg_error_set(err, LG_ERR_BAD_DATA, "a JSON object is expected on each line");
    key = lg_json_get(record, in->key_field);
    if (key == NULL)
        return missing_field(in->key_field, err);
    rc = lg_avro_from_json(in->key_schema, key, &in->key, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "key field '%s'", in->key_field);
    if (in->value_field != NULL) {
        value = lg_json_get(record, in->value_field);
        if (value == NULL)
            return missing_field(in->value_field, err);
    } else if (lg_schema_kind(in->value_schema) == LG_AVRO_RECORD && !value_has_key(in)) {
        value = rest = without(record, in->key_field);
    } else {
        value = record;
    }
    return lg_avro_from_json(in->value_schema, value, &in->value, err);
}

static enum lg_rc next_ndjson(struct lg_input *in, struct lg_slice *out_key,
                              struct lg_slice *out_value, bool *out_end, struct lg_error *err)
{
    struct lg_slice line;
    enum lg_rc rc;

    do {
        rc = next_line(in, &line, out_end, err);
        if (rc != LG_OK || *out_end)
            return rc;
    } while (is_blank(line));
    lg_buf_clear(&in->key);
    lg_buf_clear(&in->value);
    rc = encode_line(in, line, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "line %llu", (unsigned long long)in->line);
    in->records++;
    *out_key = lg_buf_slice(&in->key);
    *out_value = lg_buf_slice(&in->value);
    return LG_OK;
}

/* --- Both. -------------------------------------------------------------------------------------
 */

enum lg_rc lg_input_open(const struct lg_input_options *options, struct lg_input **out,
                         struct lg_error *err)
{
    LG_AUTO(lg_input) *in = lg_new(struct lg_input);
    enum lg_rc rc;

    in->name = lg_strdup(options->name);
    in->key_field = lg_strdup(options->key_field);
    if (options->value_field != NULL)
        in->value_field = lg_strdup(options->value_field);
    in->source = options->source;
    rc = read_head(in, err);
    if (rc == LG_OK && first_byte(in) == '[')
        rc = lg_error_set(err, LG_ERR_BAD_DATA,
                          "it is a JSON array; NDJSON, one object on each line, is expected "
                          "(`jq -c '.[]'` converts it)");
    else if (rc == LG_OK && memchr("{ \t\r\n", first_byte(in), 5) == NULL)
        rc = open_avro(in, err); /* Whatever is neither is told what it looks like there. */
    if (rc != LG_OK)
        return lg_error_wrap(err, "%s", in->name);
    *out = LG_TAKE(in);
    return LG_OK;
}

void lg_input_close(struct lg_input *in)
{
    if (in == NULL)
        return;
    lg_container_close(in->container);
    lg_schema_unref(in->key_schema);
    lg_schema_unref(in->value_schema);
    lg_buf_done(&in->head);
    lg_buf_done(&in->lines);
    lg_buf_done(&in->key);
    lg_buf_done(&in->value);
    lg_free(in->name);
    lg_free(in->key_field);
    lg_free(in->value_field);
    lg_free(in);
}

enum lg_rc lg_input_schemas(const struct lg_input *in, char **out_key, char **out_value,
                            struct lg_error *err)
{
    LG_SCOPED(lg_buf) key = {0}, value = {0};
    enum lg_rc rc;

    if (in->container == NULL)
        return lg_error_set(
            err, LG_ERR_UNSUPPORTED,
            "%s is NDJSON and defines no schema; make the store first: lagoon store "
            "create NAME --key-schema FILE --value-schema FILE",
            in->name);
    rc = lg_schema_part_text(file_key(in), &key, err);
    if (rc == LG_OK)
        rc = lg_schema_part_text(file_value(in), &value, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "%s", in->name);
    *out_key = lg_buf_take_str(&key);
    *out_value = lg_buf_take_str(&value);
    return LG_OK;
}

static enum lg_rc require_same(const struct lg_input *in, const char *what,
                               const struct lg_schema *of_file, const struct lg_schema *of_store,
                               struct lg_error *err)
{
    LG_SCOPED(lg_buf) a = {0}, b = {0};

    if (lg_schema_equal_canonical(of_file, of_store))
        return LG_OK;
    lg_schema_canonical(of_file, &a);
    lg_schema_canonical(of_store, &b);
    return lg_error_set(
        err, LG_ERR_SCHEMA,
        "%s: the %s's schema is %.*s but the store has %.*s; name another field, or "
        "push to a store with this schema",
        in->name, what, (int)LG_MIN(a.size, (size_t)120), (const char *)a.data,
        (int)LG_MIN(b.size, (size_t)120), (const char *)b.data);
}

enum lg_rc lg_input_bind(struct lg_input *in, const struct lg_schema *key,
                         const struct lg_schema *value, struct lg_error *err)
{
    assert(in->key_schema == NULL && in->records == 0);
    if (in->container != NULL) {
        enum lg_rc rc = require_same(in, "key", file_key(in), key, err);

        if (rc == LG_OK)
            rc = require_same(in, "value", file_value(in), value, err);
        if (rc != LG_OK)
            return rc;
    }
    in->key_schema = lg_schema_ref(key);
    in->value_schema = lg_schema_ref(value);
    return LG_OK;
}

enum lg_rc lg_input_next(struct lg_input *in, struct lg_slice *out_key, struct lg_slice *out_value,
                         bool *out_end, struct lg_error *err)
{
    enum lg_rc rc;

    assert(in->key_schema != NULL && "bind first");
    rc = in->container != NULL ? next_avro(in, out_key, out_value, out_end, err)
                               : next_ndjson(in, out_key, out_value, out_end, err);
    return rc == LG_OK ? LG_OK : lg_error_wrap(err, "%s", in->name);
}

uint64_t lg_input_offset(const struct lg_input *in)
{
    return in->consumed;
}
