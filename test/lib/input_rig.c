#include "test/lib/input_rig.h"

#include "avro/encode.h"
#include "avro/json_text.h"
#include "test/test.h"

struct piece_source {
    struct lg_slice rest;
    size_t piece;
};

static enum lg_rc read_piece(void *ctx, void *out, size_t size, size_t *out_read,
                             struct lg_error *err)
{
    struct piece_source *p = ctx;
    size_t most = LG_MIN(size, p->piece);
    size_t n = LG_MIN(most, p->rest.size);

    (void)err;
    if (n > 0)
        memcpy(out, p->rest.data, n);
    p->rest = lg_slice_skip(p->rest, n);
    *out_read = n;
    return LG_OK;
}

static struct lg_schema *schema_of(const char *text)
{
    struct lg_schema *schema;
    struct lg_error err = {0};

    assert_ok(lg_schema_parse(lg_slice_str(text), &schema, &err));
    return schema;
}

static void tell_bad(void *ctx, const struct lg_error *bad)
{
    lg_buf_appendf(ctx, "!%s;", bad->text);
}

struct opened {
    struct piece_source sources[LG_INPUT_RIG_FILES_MAX];
    struct lg_input_file files[LG_INPUT_RIG_FILES_MAX];
};

static enum lg_rc open_case(const struct lg_input_case *c, struct opened *o, struct lg_buf *bad,
                            struct lg_input **out, struct lg_error *err)
{
    static const char *const names[LG_INPUT_RIG_FILES_MAX] = {"one", "two", "three", "four"};
    struct lg_input_options options = c->options;

    options.files = o->files;
    options.file_count = c->file_count == 0 ? 1 : c->file_count;
    for (size_t i = 0; i < options.file_count; i++) {
        o->sources[i] = (struct piece_source){c->files[i], c->piece == 0 ? SIZE_MAX : c->piece};
        o->files[i] = (struct lg_input_file){names[i], {read_piece, &o->sources[i]}};
    }
    options.bad_record = tell_bad;
    options.ctx = bad;
    return lg_input_open(&options, out, err);
}

static void show(struct lg_buf *out, const struct lg_schema *schema, struct lg_slice datum)
{
    struct lg_decoder d = lg_decoder_of(datum);
    struct lg_error err = {0};

    assert_ok(lg_avro_check(schema, datum, &err));
    assert_ok(lg_avro_to_json(schema, &d, out, &err));
}

static enum lg_rc read_bound(struct lg_input *in, const struct lg_schema *key,
                             const struct lg_schema *value, struct lg_buf *out,
                             struct lg_error *err)
{
    for (;;) {
        struct lg_slice k = LG_SLICE_NULL, v = LG_SLICE_NULL;
        bool end = false;
        enum lg_rc rc = lg_input_next(in, &k, &v, &end, err);

        if (rc != LG_OK || end)
            return rc;
        show(out, key, k);
        lg_buf_append_byte(out, '=');
        show(out, value, v);
        lg_buf_append_byte(out, ';');
    }
}

enum lg_rc lg_input_case_read(const struct lg_input_case *c, struct lg_buf *out, size_t *out_chosen,
                              struct lg_error *err)
{
    LG_AUTO(lg_schema) *key = schema_of(c->key_schema == NULL ? "\"long\"" : c->key_schema);
    const struct lg_schema *values[LG_ARRAY_SIZE(c->value_schemas)];
    struct lg_input_case with_key = *c;
    LG_AUTO(lg_input) *in = NULL;
    struct opened o;
    size_t count = 0, chosen = 0;
    enum lg_rc rc;

    if (with_key.options.key_field == NULL)
        with_key.options.key_field = "id";
    while (count < LG_ARRAY_SIZE(values) && c->value_schemas[count] != NULL) {
        values[count] = schema_of(c->value_schemas[count]);
        count++;
    }
    rc = open_case(&with_key, &o, out, &in, err);
    if (rc == LG_OK)
        rc = lg_input_bind(in, key, values, count, &chosen, err);
    if (rc == LG_OK)
        rc = read_bound(in, key, values[chosen], out, err);
    if (out_chosen != NULL)
        *out_chosen = chosen;
    lg_buf_append_byte(out, 0);
    for (size_t i = 0; i < count; i++)
        lg_schema_unref((struct lg_schema *)(uintptr_t)values[i]);
    return rc;
}

enum lg_rc lg_input_case_json(const struct lg_input_case *c, struct lg_buf *out,
                              struct lg_error *err)
{
    LG_AUTO(lg_input) *in = NULL;
    struct opened o;
    enum lg_rc rc = open_case(c, &o, out, &in, err);
    bool end = false, more = true;

    while (rc == LG_OK && !end && more) {
        LG_SCOPED(lg_buf) one = {0};
        enum lg_rc bad = lg_input_next_json(in, &one, &end, &more, err);

        if (bad != LG_OK)
            lg_buf_appendf(out, "!%s;", err->text);
        else if (!end)
            lg_buf_appendf(out, "%.*s;", LG_FMT(lg_buf_slice(&one)));
        more = bad == LG_OK || more;
    }
    lg_buf_append_byte(out, 0);
    return rc;
}

void lg_input_case_expect(const struct lg_input_case *c, const char *want)
{
    size_t most = 1;

    for (size_t i = 0; i < LG_INPUT_RIG_FILES_MAX; i++)
        most = LG_MAX(most, c->files[i].size);
    for (size_t piece = 1; piece <= most; piece = piece < 8 ? piece + 1 : piece * 2) {
        struct lg_input_case one = *c;
        LG_SCOPED(lg_buf) got = {0};
        struct lg_error err = {0};

        one.piece = piece;
        assert_ok(lg_input_case_read(&one, &got, NULL, &err));
        assert_string_equal((char *)got.data, want);
    }
}

void lg_input_case_fails(const struct lg_input_case *c, enum lg_rc want, const char *word,
                         const char *word2)
{
    LG_SCOPED(lg_buf) got = {0};
    struct lg_error err = {0};
    enum lg_rc rc = lg_input_case_read(c, &got, NULL, &err);

    if (rc != want || strstr(err.text, word) == NULL || strstr(err.text, word2) == NULL)
        fail_msg("expected %s with '%s' and '%s', got %s: %s", lg_rc_name(want), word, word2,
                 lg_rc_name(rc), err.text);
}

void lg_input_container(struct lg_buf *out, const char *schema_text, const char *records)
{
    static const uint8_t sync[LG_CONTAINER_SYNC_BYTES] = "sixteen bytes ..";
    LG_AUTO(lg_schema) *schema = schema_of(schema_text);
    LG_AUTO(lg_container_writer) *writer = NULL;
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = {0};
    struct lg_container_writer_options options = {
        .schema = schema, .codec = LG_CODEC_DEFLATE, .block_bytes = 100, .sync = sync};

    assert_ok(lg_json_parse(lg_slice_str(records), &json, &err));
    assert_ok(lg_container_writer_open(lg_sink_of_buf(out), &options, &writer, &err));
    for (size_t i = 0; i < lg_json_size(json); i++) {
        LG_SCOPED(lg_buf) datum = {0};

        assert_ok(lg_avro_from_json(schema, lg_json_at(json, i), &datum, &err));
        assert_ok(lg_container_writer_add(writer, lg_buf_slice(&datum), &err));
    }
    assert_ok(lg_container_writer_flush(writer, &err));
}
