/* Any bytes as the file of a push: the key is "id", the value the whole record. What comes out is
 * valid Avro. */
#include "pushjob/input.h"

#include "avro/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char city[] =
    "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"
    "{\"name\":\"name\",\"type\":\"string\"}]}";

/* The store's schemas: the container's own, or those above. */
static enum lg_rc schemas_of(const struct lg_input *in, struct lg_schema **out_key,
                             struct lg_schema **out_value)
{
    struct lg_error err = {0};
    LG_AUTO_STR char *key = NULL;
    LG_AUTO_STR char *value = NULL;
    LG_AUTO(lg_schema) *key_schema = NULL;
    enum lg_rc rc = lg_input_schemas(in, &key, &value, &err);

    if (rc != LG_OK && rc != LG_ERR_UNSUPPORTED)
        return rc;
    rc = lg_schema_parse(key != NULL ? lg_slice_str(key) : LG_LIT("\"long\""), &key_schema, &err);
    if (rc == LG_OK)
        rc = lg_schema_parse(lg_slice_str(value != NULL ? value : city), out_value, &err);
    if (rc == LG_OK)
        *out_key = LG_TAKE(key_schema);
    return rc;
}

/* The same bytes as JSON, without a store. What comes out is JSON. */
static void read_as_json(const uint8_t *data, size_t size)
{
    struct lg_slice rest = lg_slice(data, size);
    struct lg_input_file file = {"file", lg_source_of_slice(&rest)};
    struct lg_input_options options = {.files = &file, .file_count = 1};
    LG_AUTO(lg_input) *in = NULL;
    struct lg_error err = {0};
    bool end = false, more = true;

    if (lg_input_open(&options, &in, &err) != LG_OK)
        return;
    while (!end && more) {
        LG_SCOPED(lg_buf) text = {0};
        LG_AUTO(lg_json) *json = NULL;
        enum lg_rc rc = lg_input_next_json(in, &text, &end, &more, &err);

        if (rc == LG_OK && !end)
            assert(lg_json_parse(lg_buf_slice(&text), &json, &err) == LG_OK);
        more = more || rc == LG_OK;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lg_slice rest = lg_slice(data, size);
    struct lg_input_file file = {"file", lg_source_of_slice(&rest)};
    struct lg_input_options options = {.files = &file, .file_count = 1, .key_field = "id"};
    LG_AUTO(lg_input) *in = NULL;
    LG_AUTO(lg_schema) *key_schema = NULL;
    LG_AUTO(lg_schema) *value_schema = NULL;
    struct lg_error err = {0};
    const struct lg_schema *values;
    size_t chosen;
    bool end = false;

    read_as_json(data, size);
    if (lg_input_open(&options, &in, &err) != LG_OK)
        return 0;
    if (schemas_of(in, &key_schema, &value_schema) != LG_OK)
        return 0;
    values = value_schema;
    if (lg_input_bind(in, key_schema, &values, 1, &chosen, &err) != LG_OK)
        return 0;
    while (!end) {
        struct lg_slice key, value;

        if (lg_input_next(in, &key, &value, &end, &err) != LG_OK)
            return 0;
        if (!end) {
            assert(lg_avro_check(key_schema, key, &err) == LG_OK);
            assert(lg_avro_check(value_schema, value, &err) == LG_OK);
        }
    }
    assert(lg_input_offset(in) == size);
    return 0;
}
