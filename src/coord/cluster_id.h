/* Which cluster this metadata belongs to, and in which format: the node /cluster.
 *
 * The first controller makes it. Every process checks it when it starts, before it reads or writes
 * anything else: one that was pointed at another cluster, or that is too old to understand this
 * one, says so and stops. Its id is drawn once and stays: by it a server knows that the metadata
 * are those that its replicas came from, and not new ones of the same name. Owned by one lane; one
 * check is one struct, alive until `done`.
 */
#ifndef LG_COORD_CLUSTER_ID_H
#define LG_COORD_CLUSTER_ID_H

#include "metastore/metastore.h"

#define LG_CLUSTER_PATH "/cluster"
/* Raised when older releases must not touch the metadata any more. */
#define LG_CLUSTER_FORMAT 1
#define LG_CLUSTER_ID_CHARS 32u /* 128 bit in hex */

struct lg_cluster_check {
    /* What the caller fills; borrowed until done. */
    struct lg_metastore *metastore;
    struct lg_lane *lane;
    const char *name; /* of the cluster, as it is configured */
    bool creates;     /* a controller: makes the node, or its id, when there is none */
    /* Exactly once, never from inside submit. It is repeated while the metastore cannot be reached,
     * so `rc` is never LG_ERR_UNAVAILABLE, except after lg_cluster_check_cancel. */
    void (*done)(struct lg_cluster_check *check);
    void *ctx;

    /* LG_OK; LG_ERR_NOT_FOUND: no such cluster; LG_ERR_CONFLICT: another name; LG_ERR_UNSUPPORTED:
     * a newer format; LG_ERR_BAD_DATA: the node is junk. The sentence names the remedy. */
    enum lg_rc rc;
    struct lg_error err;
    /* With LG_OK. "": it was made by an earlier release and no controller has added one yet. */
    char id[LG_CLUSTER_ID_CHARS + 1];

    /* The check's. */
    struct lg_meta_op op;
    struct lg_meta_change change;
    char *value;
    struct lg_timer pause;
    bool cancelled, told;
};

void lg_cluster_check_submit(struct lg_cluster_check *check);
/* `done` comes soon, with LG_ERR_UNAVAILABLE if nothing is known. */
void lg_cluster_check_cancel(struct lg_cluster_check *check);
/* What the node's value means for a process that is configured with `name`: the errors above. Pure.
 * `out_id` (of LG_CLUSTER_ID_CHARS + 1) gets the id, or "" where there is none. */
LG_MUST_CHECK enum lg_rc lg_cluster_id_check(struct lg_slice value, const char *name, char *out_id,
                                             struct lg_error *err);
/* A new node's value; the caller frees it. */
char *lg_cluster_id_value(const char *name, const char *id);

#endif
