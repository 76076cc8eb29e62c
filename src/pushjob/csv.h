/* Comma-separated values (RFC 4180), reading: records of fields out of a source of bytes.
 *
 * A record ends with a line feed, with or without a carriage return before it; a field between
 * quotes may hold both, delimiters, and quotes written twice. Blank lines are passed over. Memory
 * is bounded by LG_CSV_RECORD_BYTES_MAX. Pure but for the source. Owned by one user at a time.
 */
#ifndef LG_PUSHJOB_CSV_H
#define LG_PUSHJOB_CSV_H

#include "avro/container.h"

#define LG_CSV_RECORD_BYTES_MAX ((size_t)64 << 20)
#define LG_CSV_COLUMNS_MAX ((size_t)4096)
#define LG_CSV_NO_QUOTE (-1)

struct lg_csv_options {
    struct lg_source source; /* Its ctx must live as long as the reader. */
    int delimiter;           /* a byte; 0: ',' */
    int quote;               /* a byte; 0: '"'; LG_CSV_NO_QUOTE: no byte is special */
};

struct lg_csv_field {
    struct lg_slice text; /* without quotes, doubled quotes halved */
    bool quoted;          /* An empty field without quotes may stand for null. */
};

struct lg_csv; /* Opaque. */

struct lg_csv *lg_csv_new(const struct lg_csv_options *options);
void lg_csv_free(struct lg_csv *csv); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_csv, lg_csv_free)

/* The next record; its fields are borrowed until the next call. `*out_end` is true after the last.
 * LG_ERR_BAD_DATA names line and column of a stray quote, an unclosed one, a NUL byte or a carriage
 * return inside a line; LG_ERR_TOO_LARGE a record over a limit above; or the source's own error.
 * After LG_ERR_BAD_DATA the next call goes on behind the line with the fault. */
LG_MUST_CHECK enum lg_rc lg_csv_next(struct lg_csv *csv, const struct lg_csv_field **out_fields,
                                     size_t *out_count, bool *out_end, struct lg_error *err);
/* The line on which the record given last begins, from 1. */
uint64_t lg_csv_line(const struct lg_csv *csv);

#endif
