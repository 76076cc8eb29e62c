/* Text: formatting, strict number parsing, base64, percent-decoding, the nearest name. */
#ifndef LG_BASE_STR_H
#define LG_BASE_STR_H

#include "base/buf.h"

/* Heap string, owned by the caller. */
char *lg_strf(const char *fmt, ...) LG_PRINTF(1, 2) __attribute__((malloc, returns_nonnull));

/* The whole slice must be one decimal number within [min, max]; no sign for u64, no blanks. */
LG_MUST_CHECK bool lg_parse_i64(struct lg_slice text, int64_t min, int64_t max, int64_t *out);
LG_MUST_CHECK bool lg_parse_u64(struct lg_slice text, uint64_t max, uint64_t *out);

/* Standard or URL-safe alphabet, with '=' padding (RFC 4648). */
void lg_base64_encode(struct lg_buf *out, struct lg_slice bytes, bool url_safe);
/* Accepts both alphabets, padding optional; false on any other byte or bad length. */
LG_MUST_CHECK bool lg_base64_decode(struct lg_buf *out, struct lg_slice text);

/* %XX decoding; '+' becomes a blank when `plus_is_space` (forms). False on a bad escape. */
LG_MUST_CHECK bool lg_percent_decode(struct lg_buf *out, struct lg_slice text, bool plus_is_space);
/* Encodes everything but unreserved characters (RFC 3986). */
void lg_percent_encode(struct lg_buf *out, struct lg_slice bytes);

void lg_hex_encode(struct lg_buf *out, struct lg_slice bytes);
LG_MUST_CHECK bool lg_hex_decode(struct lg_buf *out, struct lg_slice text);

/* Strict UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
bool lg_utf8_valid(struct lg_slice text);

/* Bytes of the valid UTF-8 character at the start of `text` (1 to 4); 0 when there is none. */
size_t lg_utf8_length(struct lg_slice text);

/* The candidate nearest to `word` by Damerau-Levenshtein distance, if within a third of its length
 * (at least 2), else NULL. Of equals the first; words over 64 bytes have no nearest. Borrowed from
 * `candidates`. For "did you mean". */
const char *lg_nearest(const char *word, const char *const *candidates, size_t n);

#endif
