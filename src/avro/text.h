/* A datum as people type it: on a command line, in a path, in a line of a file. Pure. */
#ifndef LG_AVRO_TEXT_H
#define LG_AVRO_TEXT_H

#include "avro/schema.h"
#include "base/buf.h"

/* Appends the encoding of `text`: of the text itself when the schema is a string, else of the JSON
 * it holds (avro/json_text.h). LG_ERR_BAD_DATA when it is not UTF-8, is no JSON, or does not fit;
 * LG_ERR_TOO_LARGE past the ceiling of `out`, which keeps its former content on failure. */
LG_MUST_CHECK enum lg_rc lg_avro_from_text(const struct lg_schema *schema, struct lg_slice text,
                                           struct lg_buf *out, struct lg_error *err);

#endif
