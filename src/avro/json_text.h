/* A datum as JSON text and back, in the one convention Lagoon speaks everywhere:
 *
 *     null, boolean          themselves
 *     int, long              numbers
 *     float, double          numbers with a point or exponent; "NaN", "Infinity", "-Infinity"
 *     bytes, fixed           base64 (RFC 4648, padded) in a string
 *     string, enum           strings
 *     array, map, record     arrays, objects, objects in field order
 *     union                  the bare value of its branch
 *
 * The way back finds a union's branch by the JSON value. If one branch alone is of its JSON type,
 * that is it. Else an integer takes the first int or long that holds it; what none holds, or a
 * real, takes the double, else the float. A string takes the first string branch or enum with that
 * symbol, else the first bytes or fixed for which it is base64 of the right size, else, for the
 * three names above, the first float or double. An array or object takes the first array, map or
 * record that it fits with all that stands inside (a record: no member too many, none missing
 * without a default). Pure.
 */
#ifndef LG_AVRO_JSON_TEXT_H
#define LG_AVRO_JSON_TEXT_H

#include "avro/decode.h"
#include "base/json.h"

/* Appends the text of one datum and leaves the decoder after it. LG_ERR_BAD_DATA as lg_avro_skip,
 * and for a map with a key twice; LG_ERR_TOO_LARGE past the ceiling of `out`. What was appended
 * before a failure stays in `out`: the caller drops it. */
LG_MUST_CHECK enum lg_rc lg_avro_to_json(const struct lg_schema *schema, struct lg_decoder *d,
                                         struct lg_buf *out, struct lg_error *err);
/* Appends the encoding of a JSON value. A record's missing field takes its default.
 * LG_ERR_BAD_DATA names the path ("$.address.zip"), what was wanted and what was given, or the
 * unknown member and the nearest field; LG_ERR_TOO_LARGE past the ceiling of `out`. `out` keeps its
 * former content on failure. */
LG_MUST_CHECK enum lg_rc lg_avro_from_json(const struct lg_schema *schema,
                                           const struct lg_json *json, struct lg_buf *out,
                                           struct lg_error *err);

#endif
