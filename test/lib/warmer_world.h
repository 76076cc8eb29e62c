/* Replicas whose read indexes one warmer fills, in the simulator: what its tests share. Everything
 * here fails the running test when it cannot be done. */
#ifndef LG_TEST_LIB_WARMER_WORLD_H
#define LG_TEST_LIB_WARMER_WORLD_H

#include "drivers/sim/lane_sim.h"
#include "storage/warmer.h"

#define LG_WW_MIB ((uint64_t)1 << 20)

struct lg_ww {
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_disk *disk;
    struct lg_engine_driver *driver;
    struct lg_warmer *w;
    struct lg_epoch_reader *reader;
    unsigned removed, drained, settled;
};

struct lg_ww_part {            /* One replica. */
    struct lg_replica replica; /* first */
    struct lg_ww *w;
    struct lg_engine *engine;
};

/* Set-ups: with 64 MiB, with room for one index of 100 rows and not for two, with none. */
int lg_ww_up(void **state);
int lg_ww_up_small(void **state);
int lg_ww_up_without(void **state);
int lg_ww_down(void **state);

/* "key<i>" under "<name> <i>", schema id 3. */
struct lg_ww_part *lg_ww_part_new(struct lg_ww *w, const char *name, unsigned rows);
void lg_ww_part_free(struct lg_ww_part *p);
void lg_ww_put(struct lg_ww_part *p, struct lg_slice key, int32_t schema_id, const char *payload);
/* For lg_warmer_remove: counts, and frees the part. */
void lg_ww_removed(struct lg_replica *r);

void lg_ww_want(struct lg_ww_part *p, enum lg_warm_rank rank);
/* The end of its fill is counted from 0 in `settled`. */
void lg_ww_settle(struct lg_ww_part *p);
/* One second. */
void lg_ww_run(struct lg_ww *w);

void lg_ww_expect_state(struct lg_ww_part *p, const char *state);
bool lg_ww_is_filling(const struct lg_ww_part *p);
bool lg_ww_waits(const struct lg_ww_part *p);
/* What the index says of a key. `payload` NULL: what `rc` says. */
void lg_ww_expect(struct lg_ww_part *p, const char *key, enum lg_rc rc, const char *payload);
/* A bit of the key's value flips in memory. */
void lg_ww_damage(struct lg_ww_part *p, const char *key);

#endif
