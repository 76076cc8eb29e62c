/* From changes of the port to steps of one ZooKeeper multi. Pure: it decides from what has been
 * read, and says which failure of which step means that this no longer holds.
 *
 *   need()  what must be read first ─▶ learn() it ─▶ build() ─▶ the multi ─▶ judge() a failure
 *
 * A step that fails decides an outcome of the port (WANTED), or shows that the tree has changed
 * since it was read (ASSUMED): then everything is read again. All steps before it were carried out
 * in the same moment, so what was assumed for them is true.
 */
#ifndef LG_DRIVERS_ZOOKEEPER_ZK_PLAN_H
#define LG_DRIVERS_ZOOKEEPER_ZK_PLAN_H

#include "base/map.h"
#include "base/vec.h"
#include "metastore/meta_path.h"

enum lg_zk_step_kind {
    LG_ZK_STEP_CREATE,
    LG_ZK_STEP_CREATE_EPHEMERAL,
    LG_ZK_STEP_SET,
    LG_ZK_STEP_DELETE,
    LG_ZK_STEP_CHECK,
};

struct lg_zk_step {
    enum lg_zk_step_kind kind;
    char *path; /* of the port */
    struct lg_slice value;
    int32_t version;
    size_t change; /* which one it belongs to */
    bool assumed;  /* ASSUMED */
    bool is_probe; /* It changes nothing, it only shows that something is absent. */
};

struct lg_zk_plan { /* {0} is empty. */
    LG_VEC(struct lg_zk_step) steps;
    struct lg_map *known; /* path -> what was read, then what the steps leave */
};

void lg_zk_plan_done(struct lg_zk_plan *plan);
LG_DEFINE_SCOPED(lg_zk_plan, lg_zk_plan_done)

/* Calls `need` for each path that must be read, each path once: whether it exists, and with `tree`
 * everything below it. Forgets what was known before. */
void lg_zk_plan_need(struct lg_zk_plan *plan, const struct lg_meta_change *changes, size_t n,
                     void (*need)(void *ctx, const char *path, bool tree), void *ctx);
void lg_zk_plan_learn(struct lg_zk_plan *plan, const char *path, bool present, bool is_ephemeral);
/* The changes' values are borrowed by the steps. LG_ERR_INVALID for a removal of the root,
 * LG_ERR_CONFLICT for a version that no node of ZooKeeper can have; *out_failed_at tells of which
 * change. */
LG_MUST_CHECK enum lg_rc lg_zk_plan_build(struct lg_zk_plan *plan,
                                          const struct lg_meta_change *changes, size_t n,
                                          size_t *out_failed_at, struct lg_error *err);
/* What the request takes on the wire, at most. */
size_t lg_zk_plan_bytes(const struct lg_zk_plan *plan, size_t root_size);

enum lg_zk_outcome {
    LG_ZK_ABSENT,       /* no node */
    LG_ZK_PRESENT,      /* exists already */
    LG_ZK_BAD_VERSION,  /* another version */
    LG_ZK_HAS_CHILDREN, /* not empty */
    LG_ZK_EPHEMERAL,    /* no children below an ephemeral node */
    LG_ZK_OTHER,
};
/* True: the tree has changed since it was read, read it again. False: it is the answer, in *rc and
 * err (LG_ZK_OTHER is left to the caller). */
bool lg_zk_plan_judge(const struct lg_zk_plan *plan, size_t step, enum lg_zk_outcome outcome,
                      const struct lg_meta_change *changes, enum lg_rc *out_rc,
                      struct lg_error *err);

#endif
