/* What all formats share: which file is at hand, which format it has, and what becomes of a bad
 * record. */
#include "pushjob/input_impl.h"

#include <stdio.h>

#include "avro/canonical.h"
#include "base/str.h"

#define HEAD_BYTES ((size_t)512) /* looked at to tell the format */

static const struct {
    const char *name;
    const struct lg_input_ops *ops;
} formats[] = {
    [LG_INPUT_BY_CONTENT] = {"by content", NULL},
    [LG_INPUT_AVRO] = {"avro", &lg_input_avro_ops},
    [LG_INPUT_NDJSON] = {"ndjson", &lg_input_ndjson_ops},
    [LG_INPUT_CSV] = {"csv", &lg_input_csv_ops},
};

const char *lg_input_format_name(enum lg_input_format format)
{
    return formats[format].name;
}

enum lg_rc lg_input_format_parse(const char *name, enum lg_input_format *out, struct lg_error *err)
{
    for (size_t i = LG_INPUT_AVRO; i < LG_ARRAY_SIZE(formats); i++)
        if (strcmp(name, formats[i].name) == 0) {
            *out = (enum lg_input_format)i;
            return LG_OK;
        }
    return lg_error_set(err, LG_ERR_INVALID, "no format '%s'; there are avro, ndjson and csv",
                        name);
}

/* --- Bytes. ------------------------------------------------------------------------------------
 */

static enum lg_rc read_source(struct lg_input *in, void *out, size_t size, size_t *out_read,
                              struct lg_error *err)
{
    const struct lg_source *source = &in->o.files[in->file].source;
    enum lg_rc rc = source->read(source->ctx, out, size, out_read, err);

    if (rc == LG_OK)
        in->source_ended = *out_read == 0; /* A pipe is not asked again after its end. */
    return rc;
}

enum lg_rc lg_input_read(void *ctx, void *out, size_t size, size_t *out_read, struct lg_error *err)
{
    struct lg_input *in = ctx;
    size_t left = in->head.size - in->head_used;
    enum lg_rc rc = LG_OK;

    *out_read = 0;
    if (left > 0) {
        *out_read = LG_MIN(left, size);
        memcpy(out, in->head.data + in->head_used, *out_read);
        in->head_used += *out_read;
    } else if (!in->source_ended) {
        rc = read_source(in, out, size, out_read, err);
    }
    if (rc == LG_OK)
        in->consumed += *out_read;
    return rc;
}

static enum lg_rc read_head(struct lg_input *in, struct lg_error *err)
{
    lg_buf_clear(&in->head);
    in->head_used = 0;
    in->source_ended = false;
    while (in->head.size < HEAD_BYTES && !in->source_ended) {
        uint8_t *room = lg_buf_reserve(&in->head, HEAD_BYTES);
        size_t got = 0;
        enum lg_rc rc = read_source(in, room, HEAD_BYTES - in->head.size, &got, err);

        if (rc != LG_OK)
            return rc;
        lg_buf_commit(&in->head, got);
    }
    if (in->head.size == 0)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the file is empty; an Avro container, NDJSON or CSV is expected");
    if (lg_slice_starts(lg_buf_slice(&in->head), LG_LIT("\xef\xbb\xbf"))) {
        in->head_used = 3; /* The byte order mark that some editors put before text. */
        in->consumed += 3;
    }
    return LG_OK;
}

/* --- Which format? -----------------------------------------------------------------------------
 */

static bool has_control_bytes(struct lg_slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < ' ' && memchr("\t\n\r\f", text.data[i], 4) == NULL)
            return true;
    return false;
}

static enum lg_input_format format_of(struct lg_slice head)
{
    size_t at = 0;

    while (at < head.size && memchr(" \t\r\n", head.data[at], 4) != NULL)
        at++;
    if (at == head.size || head.data[at] == '{')
        return LG_INPUT_NDJSON;
    /* What is no text at all is told there what it looks like. */
    return has_control_bytes(head) ? LG_INPUT_AVRO : LG_INPUT_CSV;
}

static enum lg_rc tell_format(struct lg_input *in, struct lg_error *err)
{
    struct lg_slice head = lg_slice_skip(lg_buf_slice(&in->head), in->head_used);
    bool is_avro = lg_slice_starts(head, LG_LIT("Obj\1"));
    bool is_cut_avro = lg_slice_starts(LG_LIT("Obj\1"), head) && head.size > 0;

    in->format = in->o.format;
    if (is_avro && in->format != LG_INPUT_BY_CONTENT && in->format != LG_INPUT_AVRO)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "it is an Avro container and not %s; drop "
                            "--format",
                            lg_input_format_name(in->format));
    if (in->format == LG_INPUT_AVRO)
        return LG_OK;
    if (lg_slice_starts(head, LG_LIT("\xff\xfe")) || lg_slice_starts(head, LG_LIT("\xfe\xff")))
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "it is text in UTF-16; convert it first: iconv -f UTF-16 -t UTF-8");
    if (head.size > 0 && head.data[0] == '[' && in->format != LG_INPUT_CSV)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "it is a JSON array; NDJSON, one object on each line, is expected "
                            "(`jq -c '.[]'` converts it)");
    if (in->format == LG_INPUT_BY_CONTENT)
        in->format = is_cut_avro ? LG_INPUT_AVRO : format_of(head);
    return LG_OK;
}

/* --- Files, one after another. -----------------------------------------------------------------
 */

static const char *file_name(const struct lg_input *in)
{
    return in->o.files[in->file].name;
}

static enum lg_rc open_file(struct lg_input *in, struct lg_error *err)
{
    enum lg_input_format before = in->format;
    enum lg_rc rc = read_head(in, err);

    if (rc == LG_OK)
        rc = tell_format(in, err);
    if (rc == LG_OK && in->file > 0 && in->format != before)
        rc = lg_error_set(err, LG_ERR_BAD_DATA,
                          "it is %s, but the file before is %s; push files of one format",
                          lg_input_format_name(in->format), lg_input_format_name(before));
    if (rc == LG_OK) {
        LG_VEC_PUSH(&in->ranges, (struct lg_input_range){.first = in->records});
        in->line = 0;
        in->ops = formats[in->format].ops;
        rc = in->ops->open(in, err);
    }
    return rc == LG_OK ? LG_OK : lg_error_wrap(err, "%s", file_name(in));
}

static void close_file(struct lg_input *in)
{
    if (in->reader != NULL)
        in->ops->close(in);
    in->reader = NULL;
}

enum lg_rc lg_input_open(const struct lg_input_options *options, struct lg_input **out,
                         struct lg_error *err)
{
    LG_AUTO(lg_input) *in = lg_new(struct lg_input);
    enum lg_rc rc;

    assert(options->file_count > 0);
    in->o = *options;
    rc = open_file(in, err);
    if (rc != LG_OK)
        return rc;
    *out = LG_TAKE(in);
    return LG_OK;
}

void lg_input_close(struct lg_input *in)
{
    if (in == NULL)
        return;
    close_file(in);
    lg_schema_unref(in->key_schema);
    lg_schema_unref(in->value_schema);
    lg_buf_done(&in->head);
    lg_buf_done(&in->key);
    lg_buf_done(&in->value);
    LG_VEC_DONE(&in->ranges);
    lg_free(in);
}

/* The file at hand is read: on to the next, or to the end. */
static enum lg_rc next_file(struct lg_input *in, struct lg_error *err)
{
    enum lg_rc rc;

    close_file(in);
    if (in->file + 1 == in->o.file_count) {
        in->at_end = true;
        return LG_OK;
    }
    in->file++;
    rc = open_file(in, err);
    if (rc == LG_OK && in->key_schema != NULL) {
        rc = in->ops->bind(in, err);
        if (rc != LG_OK)
            return lg_error_wrap(err, "%s", file_name(in));
    }
    return rc;
}

/* --- Schemas. ----------------------------------------------------------------------------------
 */

enum lg_input_format lg_input_format(const struct lg_input *in)
{
    return in->format;
}

const struct lg_schema *lg_input_file_schema(const struct lg_input *in)
{
    return in->format == LG_INPUT_AVRO && in->reader != NULL ? lg_input_avro_schema(in) : NULL;
}

enum lg_rc lg_input_find_field(const struct lg_schema *record, const char *field, size_t *out,
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

bool lg_input_key_is_beside(const struct lg_input *in)
{
    return lg_schema_kind(in->value_schema) == LG_AVRO_RECORD &&
           lg_schema_field_index(in->value_schema, lg_slice_str(in->o.key_field)) ==
               LG_SCHEMA_NO_INDEX;
}

enum lg_rc lg_input_schemas(const struct lg_input *in, char **out_key, char **out_value,
                            struct lg_error *err)
{
    LG_SCOPED(lg_buf) key = {0}, value = {0};
    enum lg_rc rc;

    if (in->format != LG_INPUT_AVRO)
        return lg_error_set(
            err, LG_ERR_UNSUPPORTED,
            "%s is %s and defines no schema; make the store first: `lagoon file schema %s > "
            "value.avsc`, `lagoon file schema %s --field %s > key.avsc`, then `lagoon store create "
            "NAME --key-schema key.avsc --value-schema value.avsc`",
            file_name(in), in->format == LG_INPUT_CSV ? "CSV" : "NDJSON", file_name(in),
            file_name(in), in->o.key_field == NULL ? "FIELD" : in->o.key_field);
    rc = lg_schema_part_text(lg_input_avro_key(in), &key, err);
    if (rc == LG_OK)
        rc = lg_schema_part_text(lg_input_avro_value(in), &value, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "%s", file_name(in));
    *out_key = lg_buf_take_str(&key);
    *out_value = lg_buf_take_str(&value);
    return LG_OK;
}

/* Text has no schema of its own and is written with the preferred one. Of several files the next
 * may have another schema than the first: they meet in the preferred one. */
static size_t choose(const struct lg_input *in, const struct lg_schema *const *values, size_t count)
{
    if (in->format != LG_INPUT_AVRO || in->o.file_count > 1)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (lg_schema_equal_canonical(lg_input_avro_value(in), values[i]))
            return i;
    return 0;
}

enum lg_rc lg_input_bind(struct lg_input *in, const struct lg_schema *key,
                         const struct lg_schema *const *values, size_t count, size_t *out_chosen,
                         struct lg_error *err)
{
    size_t chosen = choose(in, values, count);
    enum lg_rc rc;

    assert(in->key_schema == NULL && in->records == 0 && count > 0 && in->o.key_field != NULL);
    in->key_schema = lg_schema_ref(key);
    in->value_schema = lg_schema_ref(values[chosen]);
    rc = in->ops->bind(in, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "%s", file_name(in));
    *out_chosen = chosen;
    return LG_OK;
}

/* --- Records. ----------------------------------------------------------------------------------
 */

static void note_place(struct lg_input *in)
{
    struct lg_input_range *range = &in->ranges.data[in->ranges.size - 1];
    uint64_t i = in->records - range->first;

    if (in->line == 0)
        return;
    if (i == 0)
        range->line_shift = in->line;
    if (range->line_until == i && in->line == i + range->line_shift)
        range->line_until = i + 1;
}

void lg_input_place(const struct lg_input *in, uint64_t number, char out[LG_INPUT_PLACE_BYTES_MAX])
{
    size_t file = 0;
    const struct lg_input_range *range;

    while (file + 1 < in->ranges.size && in->ranges.data[file + 1].first <= number)
        file++;
    range = &in->ranges.data[file];
    number -= range->first;
    if (number < range->line_until)
        (void)snprintf(out, LG_INPUT_PLACE_BYTES_MAX, "%.256s: line %llu", in->o.files[file].name,
                       (unsigned long long)(number + range->line_shift));
    else
        (void)snprintf(out, LG_INPUT_PLACE_BYTES_MAX, "%.256s: record %llu", in->o.files[file].name,
                       (unsigned long long)number + 1);
}

/* A bad record is told, and the next is asked for; or reading ends here. */
static enum lg_rc pass_over(struct lg_input *in, struct lg_error *err)
{
    if (in->o.errors_max <= 1 || (!in->go_on && in->errors == 0))
        return err->rc;
    in->o.bad_record(in->o.ctx, err);
    in->errors++;
    if (in->go_on && in->errors < in->o.errors_max)
        return LG_OK;
    return lg_error_set(err, LG_ERR_BAD_DATA, "gave up after %llu bad record%s",
                        (unsigned long long)in->errors, in->errors == 1 ? "" : "s");
}

static enum lg_rc end(const struct lg_input *in, bool *out_end, struct lg_error *err)
{
    if (in->errors > 0)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "%llu bad record%s; correct the data and try "
                            "again",
                            (unsigned long long)in->errors, in->errors == 1 ? "" : "s");
    *out_end = true;
    return LG_OK;
}

enum lg_rc lg_input_next(struct lg_input *in, struct lg_slice *out_key, struct lg_slice *out_value,
                         bool *out_end, struct lg_error *err)
{
    assert(in->key_schema != NULL && "bind first");
    while (!in->at_end) {
        bool file_end = false;
        enum lg_rc rc;

        in->go_on = false;
        rc = in->ops->next(in, out_key, out_value, &file_end, err);
        if (rc == LG_OK && !file_end) {
            note_place(in);
            in->records++;
            *out_end = false;
            return LG_OK;
        }
        if (rc == LG_OK) {
            rc = next_file(in, err);
        } else {
            (void)lg_error_wrap(err, "%s", file_name(in));
            rc = pass_over(in, err);
        }
        if (rc != LG_OK)
            return rc;
    }
    return end(in, out_end, err);
}

enum lg_rc lg_input_next_json(struct lg_input *in, struct lg_buf *out, bool *out_end,
                              bool *out_more, struct lg_error *err)
{
    *out_more = false;
    while (!in->at_end) {
        bool file_end = false;
        enum lg_rc rc;

        in->go_on = false;
        rc = in->ops->next_json(in, out, &file_end, err);
        if (rc == LG_OK && !file_end) {
            note_place(in);
            in->records++;
            *out_end = false;
            return LG_OK;
        }
        if (rc != LG_OK) {
            *out_more = in->go_on;
            return lg_error_wrap(err, "%s", file_name(in));
        }
        rc = next_file(in, err);
        if (rc != LG_OK)
            return rc;
    }
    *out_end = true;
    return LG_OK;
}

bool lg_input_resolves(const struct lg_input *in)
{
    return in->resolves;
}

uint64_t lg_input_offset(const struct lg_input *in)
{
    return in->consumed;
}

uint64_t lg_input_records(const struct lg_input *in)
{
    return in->records;
}
