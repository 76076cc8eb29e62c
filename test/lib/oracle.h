/* What must be true of a store that is pushed, rolled back and killed: a witness beside the process
 * tests, who knows what was acknowledged and what was only attempted.
 *
 * Each version holds one generation of the same small data set. A row tells its generation, and
 * each generation lacks other keys, so that a mixture of two cannot look like one of them.
 */
#ifndef LG_TEST_LIB_ORACLE_H
#define LG_TEST_LIB_ORACLE_H

#include "base/rand.h"
#include "test/lib/rig.h"

#define LG_ORACLE_STORE "ledger"
#define LG_ORACLE_KEYS 700 /* asked for; a seventh of them is missing in each version */
#define LG_ORACLE_VERSIONS_MAX 2000
#define LG_ORACLE_PARTITIONS "3"

struct lg_oracle {
    struct lg_rig *rig;
    int32_t generations[LG_ORACLE_VERSIONS_MAX]; /* by version; 0: not known */
    int32_t current;    /* the version that was served when last looked at */
    int32_t generation; /* the newest that was made */
    int32_t pending;    /* a generation whose push was attempted and not acknowledged; 0: none */
};

/* Makes the store; the standalone must run. */
void lg_oracle_init(struct lg_oracle *o, struct lg_rig *rig);
/* Is the key (0 to LG_ORACLE_KEYS - 1) in versions of this generation? */
bool lg_oracle_has_key(int32_t generation, int key);
/* Writes the file of the next generation, which is pending from now on. The caller owns the path.
 */
char *lg_oracle_next_file(struct lg_oracle *o);
/* Starts `lagoon push` of a file with this push id. */
void lg_oracle_push(const struct lg_oracle *o, const char *file, const char *push_id,
                    struct lg_process *out);
/* A push has ended. If with 0, what it printed is acknowledged: true. */
bool lg_oracle_push_ended(struct lg_oracle *o, struct lg_process *push);

/* Where a rollback or a roll-forward would lead; 0: nowhere. */
int32_t lg_oracle_target(const struct lg_oracle *o, bool forward);
/* The same where the standalone may die any moment: false when it does not answer. */
bool lg_oracle_try_target(const struct lg_oracle *o, bool forward, int32_t *out);

/* Looks at everything: the served version is `before` or `after` (or, when a push is pending, that
 * push's), the router agrees, and every version that could be switched to is complete and right. */
void lg_oracle_check(struct lg_oracle *o, int32_t before, int32_t after);
/* Reads all keys of one partition of a version from a storage node, and judges each value: what an
 * acknowledged push wrote is there, and nothing else. False: it does not serve it. */
bool lg_oracle_check_replica(const struct lg_oracle *o, uint16_t server, int32_t version,
                             int partition);
/* No version is under way, and every topic of the log belongs to a version; waits for the
 * controller to clean up. */
void lg_oracle_check_clean(const struct lg_oracle *o);

#endif
