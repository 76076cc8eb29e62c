/* Logical types: what the bytes of a schema stand for. They do not change how data is encoded or
 * resolved (docs/formats/avro.md); they are kept, and told here. Pure. */
#ifndef LG_AVRO_LOGICAL_H
#define LG_AVRO_LOGICAL_H

#include "avro/schema.h"

enum lg_logical_kind {
    LG_LOGICAL_NONE, /* without one, with an unknown one, or with one that does not fit its type */
    LG_LOGICAL_DECIMAL,
    LG_LOGICAL_UUID,
    LG_LOGICAL_DATE,
    LG_LOGICAL_TIME_MILLIS,
    LG_LOGICAL_TIME_MICROS,
    LG_LOGICAL_TIMESTAMP_MILLIS,
    LG_LOGICAL_TIMESTAMP_MICROS,
    LG_LOGICAL_TIMESTAMP_NANOS,
    LG_LOGICAL_LOCAL_TIMESTAMP_MILLIS,
    LG_LOGICAL_LOCAL_TIMESTAMP_MICROS,
    LG_LOGICAL_LOCAL_TIMESTAMP_NANOS,
    LG_LOGICAL_DURATION,
};
#define LG_LOGICAL_COUNT 13

/* "decimal", "timestamp-millis" ...; "none". */
const char *lg_logical_name(enum lg_logical_kind kind);

struct lg_logical {
    enum lg_logical_kind kind;
    int32_t precision, scale; /* of a decimal, else 0 */
};

/* As the specification asks, an attribute that is not valid is as if it were not there: a decimal
 * whose precision is not positive, smaller than its scale, or more digits than its fixed holds; a
 * date on a string ... Its text stays in lg_schema_logical_type. */
struct lg_logical lg_schema_logical(const struct lg_schema *schema);

#endif
