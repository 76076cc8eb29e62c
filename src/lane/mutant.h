/* Planted bugs: places in the product that can be told to be wrong, so that it is known that the
 * checkers of the simulator notice (lane/mutants.def). Set by lagoon-sim before its world starts
 * and never changed meanwhile; everywhere else none is set, and a place costs one read of a plain
 * global. Not thread-safe: the simulator has one thread.
 */
#ifndef LG_LANE_MUTANT_H
#define LG_LANE_MUTANT_H

#include "base/base.h"

enum lg_mutant {
    LG_MUTANT_NONE,
#define X(name, text) LG_MUTANT_##name,
#include "lane/mutants.def"
#undef X
    LG_MUTANT_COUNT
};

extern enum lg_mutant lg_mutant_now; /* mutant.c only writes it. */

static inline bool lg_mutant(enum lg_mutant mutant)
{
    return LG_UNLIKELY(lg_mutant_now == mutant);
}

void lg_mutant_set(enum lg_mutant mutant);
/* "log_acks_before_sync", and the sentence of the table. "none" is LG_MUTANT_NONE. */
const char *lg_mutant_name(enum lg_mutant mutant);
const char *lg_mutant_text(enum lg_mutant mutant);
/* False, `*out` untouched, when there is none of that name ('-' and '_' are the same). */
LG_MUST_CHECK bool lg_mutant_from_name(const char *name, enum lg_mutant *out);

#endif
