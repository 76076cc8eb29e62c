/* Two different values of one key, in words: which key, which values, where they stand. Pure but
 * for the input it asks for places. */
#ifndef LG_PUSHJOB_CONFLICT_H
#define LG_PUSHJOB_CONFLICT_H

#include "pushjob/input.h"
#include "pushjob/packer.h"
#include "pushjob/rows.h"

struct lg_conflict_view { /* What is needed to show rows; borrowed. */
    const struct lg_schema *key_schema, *value_schema;
    struct lg_input *input;
    struct lg_packer *packer;
};

/* Replaces the sentence in `err` by one that shows the two rows; leaves it when they cannot be
 * shown. */
void lg_conflict_name(const struct lg_conflict_view *view, const struct lg_rows_conflict *conflict,
                      struct lg_error *err);

#endif
