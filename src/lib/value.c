#include "lib/value.h"

#include <stdio.h>

#include "avro/json_text.h"

struct lagoon_value {
    struct lg_schema *schema;
    int32_t schema_id, version;
    struct lg_buf json; /* Made when it is asked for. */
    bool has_json;
    size_t size;
    uint8_t bytes[];
};

/* --- Codes. ------------------------------------------------------------------------------------
 */

static const struct {
    enum lagoon_rc rc;
    const char *name, *text;
    int may_retry;
} codes[] = {
#define CODE(name, text, may_retry)                                                                \
    {                                                                                              \
        LAGOON_##name, "LAGOON_" #name, text, may_retry                                            \
    }
    CODE(OK, "success", 0),
    CODE(ERR_FAILED, "the operation failed", 0),
    CODE(ERR_INVALID, "the caller's input is wrong", 0),
    CODE(ERR_NOT_FOUND, "the store has no such key", 0),
    CODE(ERR_NO_STORE, "no store of that name", 0),
    CODE(ERR_NO_SCHEMA, "no schema of that number", 0),
    CODE(ERR_REFUSED, "not allowed", 0),
    CODE(ERR_UNREADY, "no replica or version is serving yet", 1),
    CODE(ERR_UNAVAILABLE, "no router can be reached", 1),
    CODE(ERR_BUSY, "a quota or a bounded queue is full", 1),
    CODE(ERR_TIMEOUT, "the deadline passed", 1),
    CODE(ERR_CANCELLED, "cancelled", 0),
    CODE(ERR_TOO_LARGE, "over a named limit", 0),
    CODE(ERR_SCHEMA, "the schema is not valid or does not fit", 0),
    CODE(ERR_BAD_DATA, "the data is malformed", 0),
    CODE(ERR_IO, "the system refused a resource", 0),
    CODE(ERR_UNSUPPORTED, "not supported here", 0),
#undef CODE
};

const char *lagoon_rc_name(enum lagoon_rc rc)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(codes); i++)
        if (codes[i].rc == rc)
            return codes[i].name;
    return "LAGOON_ERR_UNKNOWN";
}

const char *lagoon_rc_text(enum lagoon_rc rc)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(codes); i++)
        if (codes[i].rc == rc)
            return codes[i].text;
    return "a code that this version of the library does not know";
}

int lagoon_rc_may_retry(enum lagoon_rc rc)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(codes); i++)
        if (codes[i].rc == rc)
            return codes[i].may_retry;
    return 0;
}

const char *lagoon_version(void)
{
    return LAGOON_VERSION;
}

enum lagoon_rc lg_lib_rc(enum lg_rc rc)
{
    static const struct {
        enum lg_rc ours;
        enum lagoon_rc promised;
    } pairs[] = {
        {LG_OK, LAGOON_OK},
        {LG_ERR_INVALID, LAGOON_ERR_INVALID},
        {LG_ERR_NOT_FOUND, LAGOON_ERR_NOT_FOUND},
        {LG_ERR_NO_STORE, LAGOON_ERR_NO_STORE},
        {LG_ERR_NO_SCHEMA, LAGOON_ERR_NO_SCHEMA},
        {LG_ERR_REFUSED, LAGOON_ERR_REFUSED},
        {LG_ERR_UNREADY, LAGOON_ERR_UNREADY},
        {LG_ERR_UNAVAILABLE, LAGOON_ERR_UNAVAILABLE},
        {LG_ERR_BUSY, LAGOON_ERR_BUSY},
        {LG_ERR_QUOTA, LAGOON_ERR_BUSY},
        {LG_ERR_OVERLOADED, LAGOON_ERR_BUSY},
        {LG_ERR_TIMEOUT, LAGOON_ERR_TIMEOUT},
        {LG_ERR_CANCELLED, LAGOON_ERR_CANCELLED},
        {LG_ERR_TOO_LARGE, LAGOON_ERR_TOO_LARGE},
        {LG_ERR_SCHEMA, LAGOON_ERR_SCHEMA},
        {LG_ERR_BAD_DATA, LAGOON_ERR_BAD_DATA},
        {LG_ERR_CORRUPT, LAGOON_ERR_BAD_DATA},
        {LG_ERR_IO, LAGOON_ERR_IO},
        {LG_ERR_NO_SPACE, LAGOON_ERR_IO},
        {LG_ERR_UNSUPPORTED, LAGOON_ERR_UNSUPPORTED},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(pairs); i++)
        if (pairs[i].ours == rc)
            return pairs[i].promised;
    return LAGOON_ERR_FAILED;
}

enum lagoon_rc lg_lib_fail(const struct lg_error *err, char *why, size_t why_size)
{
    if (why_size > 0)
        (void)snprintf(why, why_size, "%s", err->text);
    return lg_lib_rc(err->rc);
}

/* --- Values. -----------------------------------------------------------------------------------
 */

enum lg_rc lg_lib_value_new(const struct lg_client_found *found, struct lagoon_value **out,
                            struct lg_error *err)
{
    struct lagoon_value *v = lg_try_alloc(sizeof *v + found->value.size);

    if (v == NULL)
        return lg_error_set(err, LG_ERR_FAILED, "no memory for a value of %zu bytes",
                            found->value.size);
    memset(v, 0, sizeof *v);
    v->schema = lg_schema_ref(found->schema);
    v->schema_id = found->schema_id;
    v->version = found->version;
    v->size = found->value.size;
    if (v->size > 0)
        memcpy(v->bytes, found->value.data, v->size);
    *out = v;
    return LG_OK;
}

void lagoon_value_free(struct lagoon_value *value)
{
    if (value == NULL)
        return;
    lg_schema_unref(value->schema);
    lg_buf_done(&value->json);
    lg_free(value);
}

struct lagoon_slice lagoon_value_bytes(const struct lagoon_value *value)
{
    return lagoon_slice_of(value->bytes, value->size);
}

struct lagoon_slice lagoon_value_schema(const struct lagoon_value *value)
{
    struct lg_slice text = lg_schema_text(value->schema);

    return lagoon_slice_of(text.data, text.size);
}

int32_t lagoon_value_schema_id(const struct lagoon_value *value)
{
    return value->schema_id;
}

int32_t lagoon_value_version(const struct lagoon_value *value)
{
    return value->version;
}

static enum lg_rc make_json(struct lagoon_value *v, struct lg_error *err)
{
    LG_SCOPED(lg_buf) json = {0};
    struct lg_decoder d = lg_decoder_of(lg_slice(v->bytes, v->size));
    enum lg_rc rc = lg_avro_to_json(v->schema, &d, &json, err);

    if (rc == LG_OK && lg_decoder_left(&d) > 0)
        rc = lg_error_set(err, LG_ERR_BAD_DATA, "%zu bytes follow the value", lg_decoder_left(&d));
    if (rc != LG_OK)
        return lg_error_wrap(err, "a value written with schema %d", v->schema_id);
    v->json = json;
    json = (struct lg_buf){0};
    v->has_json = true;
    return LG_OK;
}

enum lagoon_rc lagoon_value_json(struct lagoon_value *value, struct lagoon_slice *out_json,
                                 char *why, size_t why_size)
{
    struct lg_error err;

    if (!value->has_json && make_json(value, &err) != LG_OK)
        return lg_lib_fail(&err, why, why_size);
    *out_json = lagoon_slice_of(value->json.data, value->json.size);
    return LAGOON_OK;
}
