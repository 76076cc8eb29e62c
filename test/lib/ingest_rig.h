/* One ingestion task in the simulator, on a log of lists: what its tests share. Everything here
 * fails the running test when it cannot be done. */
#ifndef LG_TEST_LIB_INGEST_RIG_H
#define LG_TEST_LIB_INGEST_RIG_H

#include "drivers/sim/lane_sim.h"
#include "ingest/task.h"
#include "record/control.h"

#define LG_INGEST_RIG_TOPIC "cities_v1"
#define LG_INGEST_RIG_RECORDS_MAX 400

struct lg_ingest_rig_record {
    struct lg_buf key, value;
    int64_t count; /* For header `prc`; -2: without it. */
};

struct lg_ingest_rig_log {
    struct lg_pubsub ps;
    struct lg_ingest_rig_record records[LG_INGEST_RIG_RECORDS_MAX];
    size_t n;
    struct lg_lane *lane;
    struct lg_pubsub_op *waiting;
    struct lg_timer wait;
    enum lg_rc fail_with; /* The next `failures` fetches answer this. */
    unsigned failures;
    unsigned fetches;
    size_t per_fetch; /* Records of one answer. */
    bool wide;        /* Its positions are 24 bytes, and no numbers. */
    bool cut;         /* Its beginning was removed. */
    enum lg_rc start_rc;
};

struct lg_ingest_rig {
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_disk *disk;
    struct lg_engine_driver *driver;
    struct lg_checkpoint_store *checkpoints;
    struct lg_ingest_rig_log log;
    struct lg_ingest_task *task;
    unsigned seen[LG_INGEST_ERROR + 1]; /* Events of the task. */
    struct lg_error error;
    bool stopped, stop_at_event;
    enum lg_ingest_event stop_event;
    struct lg_disk_space *space;
    struct lg_ingest_group group;
    bool wipe;
    struct lg_warmer *warmer; /* NULL: none; else an index of what is READABLE is wanted. */
};

void lg_ingest_rig_begin_push(struct lg_ingest_rig_log *l, const struct lg_control *start_of_push);
void lg_ingest_rig_begin_sorted_push(struct lg_ingest_rig_log *l);
void lg_ingest_rig_write_rows(struct lg_ingest_rig_log *l, unsigned rows);
void lg_ingest_rig_end_push(struct lg_ingest_rig_log *l, int64_t count);
void lg_ingest_rig_task_stopped(void *ctx, const struct lg_error *err);
void lg_ingest_rig_status(void *ctx, struct lg_ingest_task *task, const struct lg_ingest_status *s);
void lg_ingest_rig_start_task(void *ctx);
void lg_ingest_rig_open_storage(struct lg_ingest_rig *w);
int lg_ingest_rig_up(void **state);
bool lg_ingest_rig_is_stopped(void *ctx);
void lg_ingest_rig_stop_task(struct lg_ingest_rig *w, bool destroy);
void lg_ingest_rig_cut_log(struct lg_ingest_rig_log *l, size_t n);
int lg_ingest_rig_down(void **state);
void lg_ingest_rig_run_until_settled(struct lg_ingest_rig *w);
void lg_ingest_rig_expect_complete(struct lg_ingest_rig *w);
void lg_ingest_rig_expect_error(struct lg_ingest_rig *w, enum lg_rc rc, const char *part);
void lg_ingest_rig_expect_rows(struct lg_ingest_rig *w, unsigned rows);

#endif
