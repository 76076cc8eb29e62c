/* How often values stand in fields: the counting behind VeniceReadService/countByValue. Pure but
 * for memory; one user at a time, on any thread.
 *
 * A value counts as its text: strings and enums as they are, everything else as JSON
 * (avro/json_text.h), null as "null". Texts over LG_VALUE_COUNTS_TEXT_MAX are cut there.
 */
#ifndef LG_SERVER_VALUE_COUNTS_H
#define LG_SERVER_VALUE_COUNTS_H

#include "avro/schema.h"
#include "net/protos.h"

#define LG_VALUE_COUNTS_FIELDS_MAX 64u
#define LG_VALUE_COUNTS_TEXT_MAX ((size_t)1024)
#define LG_VALUE_COUNTS_BYTES_MAX ((size_t)64 << 20) /* of all texts together */

struct lg_value_counts;

/* Names are copied. LG_ERR_INVALID: none, too many, an empty one, or one twice. */
LG_MUST_CHECK enum lg_rc lg_value_counts_new(const struct lg_slice *fields, size_t n,
                                             struct lg_value_counts **out, struct lg_error *err);
void lg_value_counts_free(struct lg_value_counts *c); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_value_counts, lg_value_counts_free)

/* One record, plain. LG_ERR_INVALID: the schema is no record, or lacks one of the fields;
 * LG_ERR_BAD_DATA: the bytes are none of it; LG_ERR_TOO_LARGE. Then nothing more is worth asking.
 */
LG_MUST_CHECK enum lg_rc lg_value_counts_add(struct lg_value_counts *c,
                                             const struct lg_schema *schema, struct lg_slice value,
                                             struct lg_error *err);
/* The `top` most frequent of each field, the most frequent first, of equal ones the smaller text;
 * as the answer has them. Borrowed from `c`, whose last call this is. */
void lg_value_counts_take(struct lg_value_counts *c, size_t top,
                          struct lg_venice_count_by_value_response *out);

#endif
