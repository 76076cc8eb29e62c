#include "avro/text.h"

#include "avro/json_text.h"

enum lg_rc lg_avro_from_text(const struct lg_schema *schema, struct lg_slice text,
                             struct lg_buf *out, struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    enum lg_rc rc = LG_OK;

    if (lg_schema_kind(schema) == LG_AVRO_STRING) {
        json = lg_json_new_string(text);
        if (json == NULL)
            rc = lg_error_set(err, LG_ERR_BAD_DATA, "the text is not UTF-8");
    } else {
        rc = lg_json_parse(text, &json, err);
    }
    return rc == LG_OK ? lg_avro_from_json(schema, json, out, err) : rc;
}
