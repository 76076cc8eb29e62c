/* The sentence about two values of one key. */
#include "pushjob/conflict.h"

#include "avro/json_text.h"

static bool show_value(const struct lg_conflict_view *view, struct lg_slice packed,
                       struct lg_buf *out)
{
    LG_SCOPED(lg_buf) value = {0};
    struct lg_error ignored;
    struct lg_decoder d;

    if (lg_packer_unpack(view->packer, packed, &value, &ignored) != LG_OK)
        return false;
    d = lg_decoder_of(lg_buf_slice(&value));
    return lg_avro_to_json(view->value_schema, &d, out, &ignored) == LG_OK;
}

void lg_conflict_name(const struct lg_conflict_view *view, const struct lg_rows_conflict *conflict,
                      struct lg_error *err)
{
    struct lg_decoder kd = lg_decoder_of(lg_buf_slice(&conflict->key));
    LG_SCOPED(lg_buf) key = {0}, a = {0}, b = {0};
    char places[2][LG_INPUT_PLACE_BYTES_MAX];
    struct lg_error ignored;

    if (!show_value(view, lg_buf_slice(&conflict->values[0]), &a) ||
        !show_value(view, lg_buf_slice(&conflict->values[1]), &b) ||
        lg_avro_to_json(view->key_schema, &kd, &key, &ignored) != LG_OK)
        return; /* The sentence that is there will do. */
    for (size_t i = 0; i < 2; i++)
        lg_input_place(view->input, conflict->origins[i], places[i]);
    (void)lg_error_set(
        err, LG_ERR_BAD_DATA,
        "two different records have the key %.*s: %s has %.*s, %s has %.*s; keep one, "
        "or choose with --duplicates first or last",
        (int)LG_MIN(key.size, (size_t)80), (const char *)key.data, places[0],
        (int)LG_MIN(a.size, (size_t)120), (const char *)a.data, places[1],
        (int)LG_MIN(b.size, (size_t)120), (const char *)b.data);
}
