/* Dates and times as people write them (ISO 8601), for Avro's logical types. Pure. */
#ifndef LG_PUSHJOB_TEXT_TIME_H
#define LG_PUSHJOB_TEXT_TIME_H

#include "avro/schema.h"

enum lg_text_time {
    LG_TEXT_NO_TIME,
    LG_TEXT_DATE,
    LG_TEXT_TIME_MILLIS,
    LG_TEXT_TIME_MICROS,
    LG_TEXT_TIMESTAMP_MILLIS,
    LG_TEXT_TIMESTAMP_MICROS,
    LG_TEXT_LOCAL_TIMESTAMP_MILLIS,
    LG_TEXT_LOCAL_TIMESTAMP_MICROS,
};

/* By the schema's logical type, where it stands on the type that it belongs to. */
enum lg_text_time lg_text_time_of(const struct lg_schema *schema);
/* "a date such as 2024-02-29, or days since 1970" */
const char *lg_text_time_wanted(enum lg_text_time kind);
/* The number that Avro stores. False for any other text, for a day that the calendar lacks, and for
 * a fraction finer than the type. */
LG_MUST_CHECK bool lg_text_time_parse(enum lg_text_time kind, struct lg_slice text, int64_t *out);

#endif
