/* What `lagoon push --dry-run` prints. Pure. */
#ifndef LG_MAIN_PUSH_DRY_RUN_H
#define LG_MAIN_PUSH_DRY_RUN_H

#include "pushjob/pushjob.h"

/* Appends a text for people or, with `json`, one line of JSON. */
void lg_push_dry_run_write(struct lg_buf *out, const char *store,
                           const struct lg_push_outcome *outcome, bool json);

#endif
