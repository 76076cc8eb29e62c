/* The oracle's store in a cluster: pushes of it, and the proof that what was acknowledged is there.
 * What cluster tests that are about harm have in common.
 */
#ifndef LG_TEST_LIB_LEDGER_H
#define LG_TEST_LIB_LEDGER_H

#include <limits.h>

#include "test/lib/cluster_reader.h"
#include "test/lib/oracle.h"

#define LG_LEDGER_ALL_ROUTERS UINT_MAX

struct lg_ledger {
    struct lg_cluster cluster;
    struct lg_oracle oracle;
    struct lg_cluster_reader reader;
    unsigned push_ids;
    uint64_t push_ms; /* how long the last push took */
};

/* Starts a cluster with the store, replication 2, and its first version; waits until that is
 * replicated. */
void lg_ledger_begin(struct lg_ledger *l, const struct lg_cluster_options *options);
void lg_ledger_done(struct lg_ledger *l);

/* The caller owns it. */
char *lg_ledger_push_id(struct lg_ledger *l);
void lg_ledger_push_start(struct lg_ledger *l, const char *file, const char *push_id,
                          struct lg_process *out);
/* It must be acknowledged; `push` is done with. */
void lg_ledger_push_must_end(struct lg_ledger *l, struct lg_process *push);
/* Pushes the next generation, and waits until it is read everywhere. */
void lg_ledger_push(struct lg_ledger *l);

/* Every router that runs serves the acknowledged version, complete and right; waits for it. */
void lg_ledger_check_routers(struct lg_ledger *l);
/* Every replica of every acknowledged version that can be switched to has each of its records, by
 * the servers' own answers. Returns how many replicas were read. */
unsigned lg_ledger_check_replicas(struct lg_ledger *l);

/* A reader beside the test: lg_cluster_reader_start, lg_cluster_reader_end. */
void lg_ledger_read_on(struct lg_ledger *l, unsigned without_router);
void lg_ledger_reads_were_right(struct lg_ledger *l);

/* The leading controller's answer; NULL: it has none at the moment. The caller releases it. */
struct lg_json *lg_ledger_ask_leader(struct lg_ledger *l, const char *target);
/* A number from the environment, for runs by hand; fails the test when it is none. */
uint64_t lg_ledger_number(const char *variable, uint64_t max, uint64_t otherwise);

#endif
