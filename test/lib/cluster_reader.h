/* A reader of the oracle's store beside a cluster test: a process of its own that reads all keys
 * through all routers, again and again, and judges every answer. What one answer tells must be of
 * one version, complete and right, and a router never goes back to an older version.
 *
 * A router that was killed, stopped or made to stand still may give no answer, or say that it has
 * read nothing yet, until it is ready again (lg_cluster_troubled): the next one is asked, as any
 * client does. Every other answer than the right one is a failure, and so is silence of any other
 * router.
 */
#ifndef LG_TEST_LIB_CLUSTER_READER_H
#define LG_TEST_LIB_CLUSTER_READER_H

#include "test/lib/cluster.h"
#include "test/lib/oracle.h"

enum lg_cluster_read {
    LG_CLUSTER_READ_RIGHT,
    LG_CLUSTER_READ_SILENT,  /* no answer, or half of one */
    LG_CLUSTER_READ_UNREADY, /* the router has not read the metadata yet, and says so */
    LG_CLUSTER_READ_WRONG,
};

struct lg_cluster_reading {
    int32_t version, generation;
    char problem[400]; /* of one that is not right */
};

/* Reads half of the keys (0 or 1) through one router, and waits for more of its answer so long (0:
 * as lg_question). */
enum lg_cluster_read lg_cluster_read(uint16_t router, int half, unsigned wait_ms,
                                     struct lg_cluster_reading *out);

struct lg_cluster_reader {
    pid_t pid;
    int stop_fd, result_fd;
};

/* Reads through all routers of the cluster but `without` (its number; UINT_MAX: none). */
void lg_cluster_reader_start(struct lg_cluster_reader *r, const struct lg_cluster *c,
                             unsigned without);
/* Ends it; it must have read, and without one failure. Returns how many reads were right. */
unsigned lg_cluster_reader_end(struct lg_cluster_reader *r);

#endif
