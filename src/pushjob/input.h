/* A file as a stream of keys and values: Avro container or NDJSON, told apart by their first byte.
 *
 * Pure but for the source it reads from. Owned by one push.
 */
#ifndef LG_PUSHJOB_INPUT_H
#define LG_PUSHJOB_INPUT_H

#include "avro/container.h"

#define LG_INPUT_LINE_BYTES_MAX ((size_t)16 << 20)

struct lg_input; /* Opaque. */

struct lg_input_options {
    const char *name;        /* Of the file, for messages; copied. */
    struct lg_source source; /* Its ctx must live as long as the input. */
    const char *key_field;   /* Copied. */
    const char *value_field; /* NULL: the value is the whole record. */
};

/* Reads the beginning. Errors name the file: LG_ERR_BAD_DATA for an empty, foreign or truncated
 * one, LG_ERR_INVALID for a field that the file's schema does not have (names the nearest). */
LG_MUST_CHECK enum lg_rc lg_input_open(const struct lg_input_options *options,
                                       struct lg_input **out, struct lg_error *err);
void lg_input_close(struct lg_input *input); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_input, lg_input_close)

/* The texts of the key's and the value's schema, as the file defines them: for --create. The caller
 * owns them. LG_ERR_UNSUPPORTED for NDJSON, which has none. */
LG_MUST_CHECK enum lg_rc lg_input_schemas(const struct lg_input *input, char **out_key,
                                          char **out_value, struct lg_error *err);
/* Binds the input to the store's schemas (references are kept): the file's own, if it has any, must
 * be the same up to documentation. LG_ERR_SCHEMA shows both. Before the first lg_input_next. */
LG_MUST_CHECK enum lg_rc lg_input_bind(struct lg_input *input, const struct lg_schema *key,
                                       const struct lg_schema *value, struct lg_error *err);
/* The next record as Avro bytes of the store's schemas; borrowed until the next call. `*out_end` is
 * true after the last. Errors name file, line or record, and field. */
LG_MUST_CHECK enum lg_rc lg_input_next(struct lg_input *input, struct lg_slice *out_key,
                                       struct lg_slice *out_value, bool *out_end,
                                       struct lg_error *err);
/* Bytes of the file consumed so far. */
uint64_t lg_input_offset(const struct lg_input *input);

#endif
