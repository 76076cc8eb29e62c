/* The rows of a push, by partition: gathered, sorted by key, duplicates judged.
 *
 * Owned by one push. Adding happens on one thread; partitions may then be sorted on several at
 * once.
 */
#ifndef LG_PUSHJOB_ROWS_H
#define LG_PUSHJOB_ROWS_H

#include "base/base.h"

#define LG_PUSH_BYTES_MAX ((uint64_t)16 << 30) /* keys and values held at a time */
#define LG_PUSH_KEY_BYTES_MAX ((size_t)1 << 20)
/* What fits into one record of a topic by Venice's limit; larger values need chunking. */
#define LG_PUSH_VALUE_BYTES_MAX ((size_t)972800)

struct lg_row {
    struct lg_slice key, value; /* In the rows' own memory. */
};

/* What becomes of two different values of one key (`push --duplicates`). Identical rows are always
 * dropped and counted. First and last are by the order of adding, which is that of the files. */
enum lg_duplicates { LG_DUPLICATES_FAIL, LG_DUPLICATES_FIRST, LG_DUPLICATES_LAST };

struct lg_rows; /* Opaque. */

struct lg_rows *lg_rows_new(uint32_t partitions);
void lg_rows_free(struct lg_rows *rows); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_rows, lg_rows_free)
/* Copies. LG_ERR_TOO_LARGE names the limit that was passed. */
LG_MUST_CHECK enum lg_rc lg_rows_add(struct lg_rows *rows, struct lg_slice key,
                                     struct lg_slice value, struct lg_error *err);
/* Spreads all rows over another number of partitions; they must be sorted again. The rows'
 * memory stays where it is. */
void lg_rows_spread(struct lg_rows *rows, uint32_t partitions);
/* Sorts a partition by key (unsigned, lexicographic) and drops identical rows. Two different values
 * of one key: LG_ERR_BAD_DATA, and `*out_first`, `*out_second` are the two rows. */
LG_MUST_CHECK enum lg_rc lg_rows_sort(struct lg_rows *rows, uint32_t partition,
                                      const struct lg_row **out_first,
                                      const struct lg_row **out_second, struct lg_error *err);
uint32_t lg_rows_partitions(const struct lg_rows *rows);
/* The rows of a partition; sorted after lg_rows_sort. */
const struct lg_row *lg_rows_of(const struct lg_rows *rows, uint32_t partition, size_t *out_count);
uint64_t lg_rows_total(const struct lg_rows *rows);      /* rows held */
uint64_t lg_rows_bytes(const struct lg_rows *rows);      /* of keys and values */
uint64_t lg_rows_duplicates(const struct lg_rows *rows); /* identical rows dropped so far */

#endif
