/* Avro's binary form, reading: primitives over a cursor, and walking a datum by its schema.
 *
 * Every read is bounds-checked. A failed read leaves the cursor where the fault is, outputs are
 * untouched, and `err` names the byte. Slices handed out point into the input. Pure.
 */
#ifndef LG_AVRO_DECODE_H
#define LG_AVRO_DECODE_H

#include "avro/schema.h"

/* A datum nests at most so deep (recursive schemas allow any depth). */
#define LG_DATUM_DEPTH_MAX 100
/* Sentences about faults name the fields around them so deep; 100 names would leave no room for
 * the fault itself. */
#define LG_DATUM_NAMED_DEPTH_MAX 8
/* Array items and map values of 0 bytes that one decoder accepts: a few bytes of input may claim
 * any number of them. */
#define LG_DATUM_EMPTY_ITEMS_MAX ((uint64_t)1 << 20)

struct lg_decoder { /* {.in = bytes} starts at the first byte. */
    struct lg_slice in;
    size_t at;            /* next byte to read; in.size at the end */
    uint64_t empty_items; /* items of 0 bytes seen so far */
    size_t block_end;     /* where the last block says that it ends; 0: it does not say */
};

static inline struct lg_decoder lg_decoder_of(struct lg_slice in)
{
    return (struct lg_decoder){.in = in};
}
static inline size_t lg_decoder_left(const struct lg_decoder *d)
{
    return d->in.size - d->at;
}
/* What was not read yet. */
static inline struct lg_slice lg_decoder_rest(const struct lg_decoder *d)
{
    return lg_slice_skip(d->in, d->at);
}

/* LG_ERR_BAD_DATA for truncated or malformed input. Varints may carry needless leading zero groups,
 * as Java's decoder allows, within 5 bytes for an int and 10 for a long. `err` may be NULL. */
LG_MUST_CHECK enum lg_rc lg_decode_bool(struct lg_decoder *d, bool *out, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_decode_int(struct lg_decoder *d, int32_t *out, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_decode_long(struct lg_decoder *d, int64_t *out, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_decode_float(struct lg_decoder *d, float *out, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_decode_double(struct lg_decoder *d, double *out, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_decode_bytes(struct lg_decoder *d, struct lg_slice *out,
                                         struct lg_error *err);
/* As bytes, and valid UTF-8. */
LG_MUST_CHECK enum lg_rc lg_decode_string(struct lg_decoder *d, struct lg_slice *out,
                                          struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_decode_fixed(struct lg_decoder *d, size_t size_bytes,
                                         struct lg_slice *out, struct lg_error *err);
/* An index of an enum or union of `count` choices. */
LG_MUST_CHECK enum lg_rc lg_decode_index(struct lg_decoder *d, size_t count, size_t *out,
                                         struct lg_error *err);
/* The head of the next block of an array or map whose items take `item_bytes_min` bytes at least (a
 * map's: the key's length byte included). `*out_count` is 0 after the last block. A count that the
 * rest of the input cannot hold is refused. Negative counts, which carry the block's size, are
 * understood; the size is checked against the input. */
LG_MUST_CHECK enum lg_rc lg_decode_block(struct lg_decoder *d, size_t item_bytes_min,
                                         uint64_t *out_count, struct lg_error *err);
/* All items of that block were read, and none holds blocks itself: does it end where it says? For
 * who keeps the bytes of an array or map as they stand. LG_ERR_BAD_DATA. */
LG_MUST_CHECK enum lg_rc lg_decode_block_end(const struct lg_decoder *d, struct lg_error *err);

/* Steps over one datum of `schema`, checking all of it: UTF-8, indexes, counts, depth. */
LG_MUST_CHECK enum lg_rc lg_avro_skip(const struct lg_schema *schema, struct lg_decoder *d,
                                      struct lg_error *err);
/* Exactly one valid datum and nothing after it. */
LG_MUST_CHECK enum lg_rc lg_avro_check(const struct lg_schema *schema, struct lg_slice datum,
                                       struct lg_error *err);
/* The encoded bytes of one field of a record datum, borrowed from `datum`. The fields before it and
 * it are checked, what follows is not. */
LG_MUST_CHECK enum lg_rc lg_avro_field(const struct lg_schema *record, struct lg_slice datum,
                                       size_t field_index, struct lg_slice *out,
                                       struct lg_error *err);

#endif
