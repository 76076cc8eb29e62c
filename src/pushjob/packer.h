/* Compresses the values of a push on their way from the input to the sort, and trains the
 * dictionary of ZSTD_WITH_DICT from the first of them.
 *
 *   first call ─▶ rows are held until the sample is full ─▶ dictionary ─▶ held rows, then the rest
 *
 * Owned by one push; called from one thread at a time.
 */
#ifndef LG_PUSHJOB_PACKER_H
#define LG_PUSHJOB_PACKER_H

#include "base/json.h"
#include "pushjob/row_batch.h"
#include "record/value_codec.h"

/* What a dictionary is trained from: the first values of the input, in order. */
#define LG_PACKER_SAMPLE_BYTES ((size_t)8 << 20)
#define LG_PACKER_SAMPLE_VALUE_BYTES ((size_t)64 << 10) /* of one value, its beginning */
#define LG_PACKER_SAMPLE_ROWS_MAX 200000u
#define LG_PACKER_HELD_BYTES ((size_t)64 << 20) /* about, of the rows held meanwhile */
#define LG_PACKER_DICTIONARY_BYTES ((size_t)64 << 10)

struct lg_packer; /* Opaque. */

/* How the values of a version are stored. */
struct lg_packer_shape {
    enum lg_compression compression;
    bool chunked; /* Are values allowed that do not fit into one message? */
};
static inline bool lg_packer_shape_equal(const struct lg_packer_shape *a,
                                         const struct lg_packer_shape *b)
{
    return a->compression == b->compression && a->chunked == b->chunked;
}
/* What the controller's answer to /store says its next version will be. LG_ERR_UNSUPPORTED for a
 * strategy that this program does not know. */
LG_MUST_CHECK enum lg_rc lg_packer_shape_of_store(const struct lg_json *store,
                                                  struct lg_packer_shape *out,
                                                  struct lg_error *err);
/* Does the answer to /request_topic say the same? */
bool lg_packer_shape_fits_version(const struct lg_packer_shape *shape,
                                  const struct lg_json *version);

struct lg_packer_options {
    struct lg_packer_shape shape;
    /* The next row as the input gives it, borrowed until the next call. */
    enum lg_rc (*next)(void *ctx, struct lg_row *out, bool *out_end, struct lg_error *err);
    void *ctx;
};

struct lg_packer *lg_packer_new(const struct lg_packer_options *options);
void lg_packer_free(struct lg_packer *packer); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_packer, lg_packer_free)
/* The next row with its value compressed, borrowed until the next call; `*out_end` after the last.
 * LG_ERR_TOO_LARGE for a row that the version cannot hold: `out->origin` says which. Other errors
 * are those of `next`. */
LG_MUST_CHECK enum lg_rc lg_packer_next(struct lg_packer *packer, struct lg_row *out, bool *out_end,
                                        struct lg_error *err);
/* Appends the value that was compressed to `packed`. */
LG_MUST_CHECK enum lg_rc lg_packer_unpack(struct lg_packer *packer, struct lg_slice packed,
                                          struct lg_buf *out, struct lg_error *err);
/* After the end. Empty unless the strategy is ZSTD_WITH_DICT, and then never. */
struct lg_slice lg_packer_dictionary(const struct lg_packer *packer);
/* Bytes of all values so far, before and after. */
uint64_t lg_packer_raw_bytes(const struct lg_packer *packer);
uint64_t lg_packer_packed_bytes(const struct lg_packer *packer);

#endif
