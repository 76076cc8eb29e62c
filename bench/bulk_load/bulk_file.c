/* Writes the input of the bulk load bench: an uncompressed Avro container of COUNT records
 * {key: string of 16 bytes, value: bytes}. `bulk_file COUNT VALUE_BYTES FILE`. */
#include <stdio.h>
#include <stdlib.h>

#include "avro/container.h"
#include "avro/encode.h"
#include "bulk_rows.h"

#define VALUE_BYTES_MAX 100000u

static enum lg_rc write_file(void *ctx, struct lg_slice bytes, struct lg_error *err)
{
    if (fwrite(bytes.data, 1, bytes.size, ctx) != bytes.size)
        return lg_error_set(err, LG_ERR_IO, "the file cannot be written");
    return LG_OK;
}

static enum lg_rc write_rows(FILE *file, uint64_t count, size_t value_bytes, struct lg_error *err)
{
    static const char text[] = "{\"type\":\"record\",\"name\":\"Row\",\"fields\":["
                               "{\"name\":\"key\",\"type\":\"string\"},"
                               "{\"name\":\"value\",\"type\":\"bytes\"}]}";
    static const uint8_t sync[LG_CONTAINER_SYNC_BYTES] = "lagoon bulk rows";
    static uint8_t value[VALUE_BYTES_MAX];
    LG_AUTO(lg_schema) *schema = NULL;
    LG_AUTO(lg_container_writer) *writer = NULL;
    LG_SCOPED(lg_buf) datum = {0};
    enum lg_rc rc = lg_schema_parse(lg_slice_str(text), &schema, err);
    struct lg_container_writer_options o = {.schema = schema, .codec = LG_CODEC_NULL, .sync = sync};

    if (rc == LG_OK)
        rc = lg_container_writer_open((struct lg_sink){write_file, file}, &o, &writer, err);
    for (uint64_t i = 0; rc == LG_OK && i < count; i++) {
        uint8_t key[BULK_KEY_BYTES];

        bulk_key(i, key);
        bulk_value(i, value, value_bytes);
        lg_buf_clear(&datum);
        lg_encode_string(&datum, lg_slice(key, sizeof key));
        lg_encode_bytes(&datum, lg_slice(value, value_bytes));
        rc = lg_container_writer_add(writer, lg_buf_slice(&datum), err);
    }
    return rc == LG_OK ? lg_container_writer_flush(writer, err) : rc;
}

int main(int argc, char **argv)
{
    struct lg_error err = {0};
    unsigned long long count, value_bytes;
    FILE *file;

    if (argc != 4) {
        (void)fprintf(stderr, "usage: bulk_file COUNT VALUE_BYTES FILE\n");
        return 2;
    }
    count = strtoull(argv[1], NULL, 10);
    value_bytes = strtoull(argv[2], NULL, 10);
    file = value_bytes <= VALUE_BYTES_MAX ? fopen(argv[3], "wb") : NULL;
    if (file == NULL) {
        (void)fprintf(stderr, "bulk_file: %s cannot be made\n", argv[3]);
        return 1;
    }
    if (write_rows(file, count, value_bytes, &err) != LG_OK || fclose(file) != 0) {
        (void)fprintf(stderr, "bulk_file: %s\n", err.text);
        return 1;
    }
    return 0;
}
