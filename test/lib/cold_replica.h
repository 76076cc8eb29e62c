/* A complete replica on RocksDB whose rows are on disk and in no cache: the first read of a block
 * must leave the lane. In a temporary folder, removed at the end. */
#ifndef LG_TEST_LIB_COLD_REPLICA_H
#define LG_TEST_LIB_COLD_REPLICA_H

#include "lane/lane.h"
#include "storage/replica.h"

#define LG_COLD_REPLICA_ROWS 2000

struct lg_cold_replica {
    char root[64];
    struct lg_disk *disk;
    struct lg_engine_driver *driver;
    struct lg_engine *engine;
    struct lg_replica replica;
};

/* Row n is "key%05u" -> schema id 3, "value of row %u". Fails the test on any error. */
struct lg_cold_replica *lg_cold_replica_new(struct lg_lane *lane);
/* The replica is drained or was never retired; nobody reads it. */
void lg_cold_replica_free(struct lg_cold_replica *c);

#endif
