/* Our side of the Avro judges (tools/judge.py): a filter of JSON lines.
 *
 *     avro_judge resolve < pairs > answers   per pair: canonical forms, fingerprints, the verdict
 * of the resolver, and per datum what it became avro_judge write CODEC FILE < line     {"schema",
 * "data"} as a container file avro_judge read FILE                   the same line from a container
 * file
 */
#include "avro/canonical.h"
#include "avro/container.h"
#include "avro/json_text.h"
#include "avro/logical.h"
#include "avro/resolve.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCK_BYTES 2000 /* of files: small, so that they have several */

static _Noreturn void die(const char *what, const struct lg_error *err)
{
    fprintf(stderr, "avro_judge: %s%s%s\n", what, err == NULL ? "" : ": ",
            err == NULL ? "" : err->text);
    exit(2);
}

static void set_hex(struct lg_json *object, const char *key, struct lg_slice bytes)
{
    LG_SCOPED(lg_buf) hex = {0};

    lg_hex_encode(&hex, bytes);
    lg_json_set(object, key, lg_json_new_string(lg_buf_slice(&hex)));
}

static void set_text(struct lg_json *object, const char *key, struct lg_slice text)
{
    lg_json_set(object, key, lg_json_new_string(text));
}

static void set_error(struct lg_json *object, const struct lg_error *err)
{
    lg_json_set_str(object, "rc", lg_rc_name(err->rc));
    lg_json_set_str(object, "error", err->text);
}

static void unhex(const struct lg_json *text, struct lg_buf *out)
{
    lg_buf_clear(out);
    if (!lg_hex_decode(out, lg_json_string(text)))
        die("a datum is not in hex", NULL);
}

static void print(const struct lg_json *json)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_json_write(&text, json, /* pretty= */ false);
    lg_buf_append_byte(&text, '\n');
    fwrite(text.data, 1, text.size, stdout);
}

/* --- Resolution. ------------------------------------------------------------------------------ */

/* "decimal(9,2)", "date", "none". */
static void push_logical(struct lg_json *list, const struct lg_schema *schema)
{
    struct lg_logical logical = lg_schema_logical(schema);
    LG_SCOPED(lg_buf) text = {0};

    lg_buf_append_str(&text, lg_logical_name(logical.kind));
    if (logical.kind == LG_LOGICAL_DECIMAL)
        lg_buf_appendf(&text, "(%d,%d)", (int)logical.precision, (int)logical.scale);
    lg_json_push(list, lg_json_new_string(lg_buf_slice(&text)));
}

static struct lg_json *schema_facts(const struct lg_schema *schema)
{
    struct lg_json *facts = lg_json_new_object(), *logical = lg_json_new_array();
    LG_SCOPED(lg_buf) text = {0};
    uint8_t digest[32], crc[8];
    uint64_t rabin = lg_schema_fingerprint(schema);

    lg_schema_canonical(schema, &text);
    set_text(facts, "canonical", lg_buf_slice(&text));
    for (size_t i = 0; i < sizeof(crc); i++) /* The specification has it little-endian. */
        crc[i] = (uint8_t)(rabin >> (8 * i));
    set_hex(facts, "CRC-64-AVRO", lg_slice(crc, sizeof(crc)));
    lg_schema_fingerprint_md5(schema, digest);
    set_hex(facts, "MD5", lg_slice(digest, 16));
    lg_schema_fingerprint_sha256(schema, digest);
    set_hex(facts, "SHA-256", lg_slice(digest, sizeof(digest)));
    push_logical(logical, schema); /* Of the schema itself, then of its fields. */
    for (size_t i = 0; i < lg_schema_field_count(schema); i++)
        push_logical(logical, lg_schema_field_schema(schema, i));
    lg_json_set(facts, "logical", logical);
    return facts;
}

/* {"json": its text, "again": the bytes that the text gives, "again_json": their text} */
static void encode_again(const struct lg_schema *schema, struct lg_slice datum, struct lg_json *out)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_SCOPED(lg_buf) again = {0};
    LG_SCOPED(lg_buf) again_text = {0};
    LG_AUTO(lg_json) *json = NULL;
    struct lg_decoder d = lg_decoder_of(datum);
    struct lg_error err = {0};

    if (lg_avro_to_json(schema, &d, &text, &err) != LG_OK ||
        lg_json_parse(lg_buf_slice(&text), &json, &err) != LG_OK ||
        lg_avro_from_json(schema, json, &again, &err) != LG_OK) {
        set_error(out, &err);
        return;
    }
    d = lg_decoder_of(lg_buf_slice(&again));
    if (lg_avro_to_json(schema, &d, &again_text, &err) != LG_OK)
        die("what was encoded cannot be decoded", &err);
    set_text(out, "json", lg_buf_slice(&text));
    set_hex(out, "again", lg_buf_slice(&again));
    set_text(out, "again_json", lg_buf_slice(&again_text));
}

static struct lg_json *resolve_datum(const struct lg_resolver *resolver, struct lg_slice datum)
{
    struct lg_json *result = lg_json_new_object();
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};

    if (lg_resolve(resolver, datum, &out, &err) == LG_OK)
        set_hex(result, "out", lg_buf_slice(&out));
    else
        set_error(result, &err);
    return result;
}

static void answer(const struct lg_json *pair)
{
    LG_AUTO(lg_json) *result = lg_json_new_object();
    LG_AUTO(lg_schema) *writer = NULL;
    LG_AUTO(lg_schema) *reader = NULL;
    LG_AUTO(lg_resolver) *resolver = NULL;
    LG_SCOPED(lg_buf) datum = {0};
    struct lg_json *encoded = lg_json_new_array(), *resolved = lg_json_new_array();
    const struct lg_json *data = lg_json_get(pair, "data");
    struct lg_error err = {0};

    lg_json_set_int(result, "id", lg_json_get_int(pair, "id", -1));
    if (lg_schema_parse(lg_json_string(lg_json_get(pair, "writer")), &writer, &err) != LG_OK ||
        lg_schema_parse(lg_json_string(lg_json_get(pair, "reader")), &reader, &err) != LG_OK)
        die("a schema of the generator is refused", &err);
    lg_json_set(result, "writer", schema_facts(writer));
    lg_json_set(result, "reader", schema_facts(reader));
    lg_json_set(result, "encoded", encoded);
    lg_json_set(result, "resolved", resolved);
    if (lg_resolver_new(writer, reader, &resolver, &err) != LG_OK)
        set_error(result, &err);
    for (size_t i = 0; i < lg_json_size(data); i++) {
        struct lg_json *one = lg_json_new_object();

        unhex(lg_json_at(data, i), &datum);
        encode_again(writer, lg_buf_slice(&datum), one);
        lg_json_push(encoded, one);
        if (resolver != NULL)
            lg_json_push(resolved, resolve_datum(resolver, lg_buf_slice(&datum)));
    }
    print(result);
}

static bool next_line(struct lg_json **out)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n = getline(&line, &room, stdin);
    struct lg_error err = {0};

    if (n > 0 && lg_json_parse(lg_slice(line, (size_t)n), out, &err) != LG_OK)
        die("standard input", &err);
    free(line);
    return n > 0;
}

static void run_resolve(void)
{
    struct lg_json *pair = NULL;

    while (next_line(&pair)) {
        answer(pair);
        lg_json_unref(pair);
    }
}

/* --- Container files. ------------------------------------------------------------------------- */

static enum lg_rc file_write(void *ctx, struct lg_slice bytes, struct lg_error *err)
{
    return fwrite(bytes.data, 1, bytes.size, ctx) == bytes.size
               ? LG_OK
               : lg_error_set(err, LG_ERR_IO, "cannot write");
}

static enum lg_rc file_read(void *ctx, void *out, size_t size, size_t *out_read,
                            struct lg_error *err)
{
    *out_read = fread(out, 1, size, ctx);
    return ferror((FILE *)ctx) ? lg_error_set(err, LG_ERR_IO, "cannot read") : LG_OK;
}

static void run_write(const char *codec, FILE *file)
{
    static const uint8_t sync[LG_CONTAINER_SYNC_BYTES] = "judge's marker.";
    LG_AUTO(lg_json) *line = NULL;
    LG_AUTO(lg_schema) *schema = NULL;
    LG_AUTO(lg_container_writer) *writer = NULL;
    LG_SCOPED(lg_buf) datum = {0};
    struct lg_container_writer_options options = {.block_bytes = BLOCK_BYTES, .sync = sync};
    const struct lg_json *data;
    struct lg_error err = {0};

    if (!next_line(&line) || !lg_codec_of_name(lg_slice_str(codec), &options.codec))
        die("wanted a line and a codec", NULL);
    if (lg_schema_parse(lg_json_string(lg_json_get(line, "schema")), &schema, &err) != LG_OK)
        die("schema", &err);
    options.schema = schema;
    if (lg_container_writer_open((struct lg_sink){file_write, file}, &options, &writer, &err) !=
        LG_OK)
        die("open", &err);
    data = lg_json_get(line, "data");
    for (size_t i = 0; i < lg_json_size(data); i++) {
        unhex(lg_json_at(data, i), &datum);
        if (lg_container_writer_add(writer, lg_buf_slice(&datum), &err) != LG_OK)
            die("record", &err);
    }
    if (lg_container_writer_flush(writer, &err) != LG_OK)
        die("flush", &err);
}

static void run_read(FILE *file)
{
    LG_AUTO(lg_json) *result = lg_json_new_object();
    LG_AUTO(lg_container) *container = NULL;
    struct lg_json *data = lg_json_new_array();
    struct lg_error err = {0};
    bool at_end = false;

    if (lg_container_open((struct lg_source){file_read, file}, &container, &err) != LG_OK)
        die("open", &err);
    set_text(result, "schema", lg_schema_text(lg_container_schema(container)));
    lg_json_set_str(result, "codec", lg_codec_name(lg_container_codec(container)));
    lg_json_set(result, "data", data);
    for (;;) {
        LG_SCOPED(lg_buf) hex = {0};
        struct lg_slice record = {0};

        if (lg_container_next_record(container, &record, &at_end, &err) != LG_OK)
            die("record", &err);
        if (at_end)
            break;
        lg_hex_encode(&hex, record);
        lg_json_push(data, lg_json_new_string(lg_buf_slice(&hex)));
    }
    print(result);
}

static FILE *opened(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);

    if (file == NULL)
        die(path, NULL);
    return file;
}

int main(int argc, char **argv)
{
    FILE *file = NULL;

    if (argc == 2 && strcmp(argv[1], "resolve") == 0) {
        run_resolve();
    } else if (argc == 4 && strcmp(argv[1], "write") == 0) {
        file = opened(argv[3], "wb");
        run_write(argv[2], file);
    } else if (argc == 3 && strcmp(argv[1], "read") == 0) {
        file = opened(argv[2], "rb");
        run_read(file);
    } else {
        die("usage: avro_judge resolve | write CODEC FILE | read FILE", NULL);
    }
    if (file != NULL && fclose(file) != 0)
        die("cannot close the file", NULL);
    return fflush(stdout) == 0 ? 0 : 2;
}
