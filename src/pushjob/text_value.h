/* A field of text (of CSV) as a datum of the schema that it is meant for: docs/formats/input.md
 * says which text is accepted for which type. Pure. */
#ifndef LG_PUSHJOB_TEXT_VALUE_H
#define LG_PUSHJOB_TEXT_VALUE_H

#include "avro/schema.h"

#define LG_TEXT_NUMBER_BYTES_MAX ((size_t)1024)

/* Appends the datum. `quoted`: the field stood between quotes, so that an empty one is text and not
 * null. LG_ERR_BAD_DATA says what was wanted and what was given; then `out` is as it was. */
LG_MUST_CHECK enum lg_rc lg_text_value_encode(const struct lg_schema *schema, struct lg_slice text,
                                              bool quoted, struct lg_buf *out,
                                              struct lg_error *err);

#endif
