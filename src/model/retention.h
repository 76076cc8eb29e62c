/* Which versions of a store stay, why, and until when. Pure decisions on a store; the clock and the
 * cluster's rule come in as parameters.
 */
#ifndef LG_MODEL_RETENTION_H
#define LG_MODEL_RETENTION_H

#include "model/store.h"

/* Each with the word and the sentence that people are told. */
#define LG_RETENTION_TABLE(X)                                                                      \
    X(LG_RETENTION_NONE, "expired", "may go")                                                      \
    X(LG_RETENTION_CURRENT, "current", "served")                                                   \
    X(LG_RETENTION_PUSHING, "pushing", "being pushed")                                             \
    X(LG_RETENTION_WAITING, "waiting", "waits for its swap")                                       \
    X(LG_RETENTION_UNDO, "undo", "undoes the last rollback")                                       \
    X(LG_RETENTION_BACKUP, "backup", "backup")                                                     \
    X(LG_RETENTION_DELAY, "delay", "old backup within its delay")

enum lg_retention_reason {
#define LG_RETENTION_VALUE(name, word, text) name,
    LG_RETENTION_TABLE(LG_RETENTION_VALUE)
#undef LG_RETENTION_VALUE
};

struct lg_retention_rule {
    int32_t keep_backups; /* beside the current one; the store's num_versions_to_preserve wins */
    int64_t delay_ms;     /* after a switch; the store's backup_retention_ms wins */
    int64_t now_ms;
};

struct lg_retention {
    enum lg_retention_reason reason;
    int64_t until_ms; /* when it stays for a while only; 0: until something else happens */
};

const char *lg_retention_word(enum lg_retention_reason reason); /* "backup" */
const char *lg_retention_text(enum lg_retention_reason reason);

/* Why a version stays. Stay: the current one; STARTED ones; the newest PUSHED one above the current
 * one; of those one could still switch to (ONLINE on either side, ROLLED_BACK above the current
 * one) as many as the rule says, what undoes the last rollback first, then the newest; and the rest
 * of them, as an older PUSHED one, for `delay_ms` after the last switch. ERROR, KILLED and
 * ROLLED_BACK below the current one go at once. A number the store does not hold:
 * LG_RETENTION_NONE. */
struct lg_retention lg_retention_of(const struct lg_store *s, int32_t number,
                                    const struct lg_retention_rule *rule);
/* Numbers of the versions that may go, ascending; returns how many (at most `max` are written). */
size_t lg_retention_expired(const struct lg_store *s, const struct lg_retention_rule *rule,
                            int32_t *out, size_t max);

#endif
