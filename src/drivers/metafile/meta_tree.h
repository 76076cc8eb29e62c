/* The tree of metafile: immutable nodes, shared between versions of the tree.
 *
 * A change makes new nodes along its path and shares the rest, so the durable tree and the one that
 * waits for its sync live side by side, a failed operation leaves no trace, and a snapshot can be
 * written from a tree that nobody changes. Reference counts are plain: they belong to the home
 * lane; another thread may read a tree that the home lane keeps alive.
 */
#ifndef LG_DRIVERS_METAFILE_META_TREE_H
#define LG_DRIVERS_METAFILE_META_TREE_H

#include "base/vec.h"
#include "metastore/meta_path.h"

#define LG_META_NODE_OVERHEAD_BYTES 128u /* What a node costs besides its name and value. */

struct lg_meta_node {
    unsigned refs;
    char *name; /* Last segment; "" for the root. */
    struct lg_blob *value;
    int64_t version;
    uint64_t session;                       /* 0: persistent. */
    LG_VEC(struct lg_meta_node *) children; /* Sorted by name. */
};

struct lg_meta_tree {
    struct lg_meta_node *root; /* One reference; NULL only in a tree that is done. */
    size_t bytes;              /* Of all nodes, overhead included. */
    size_t count;              /* Nodes, the root included. */
};

/* What a change did, in words that need no decision when repeated. */
enum lg_meta_effect_kind { LG_META_NODE_IS = 1, LG_META_NODE_GONE = 2 };

/* Told of each effect in order; `value` is borrowed. */
typedef void (*lg_meta_effect_fn)(void *ctx, enum lg_meta_effect_kind kind, const char *path,
                                  const struct lg_meta_node *node);

void lg_meta_tree_init(struct lg_meta_tree *tree); /* Only the root, empty. */
void lg_meta_tree_done(struct lg_meta_tree *tree);
LG_DEFINE_SCOPED(lg_meta_tree, lg_meta_tree_done)
/* Another holder of the same tree. */
struct lg_meta_tree lg_meta_tree_share(const struct lg_meta_tree *tree);

/* NULL when absent. */
const struct lg_meta_node *lg_meta_tree_find(const struct lg_meta_tree *tree, const char *path);
/* Applies one change for a session, and tells its effects. On failure the tree is as before.
 * LG_ERR_INVALID, LG_ERR_NOT_FOUND, LG_ERR_CONFLICT, LG_ERR_TOO_LARGE. */
LG_MUST_CHECK enum lg_rc lg_meta_tree_change(struct lg_meta_tree *tree,
                                             const struct lg_meta_change *change, uint64_t session,
                                             lg_meta_effect_fn told, void *ctx,
                                             struct lg_error *err);
/* The node is so from now on; its parents are made. For replay: `path` has been checked. */
void lg_meta_tree_put(struct lg_meta_tree *tree, const char *path, struct lg_slice value,
                      int64_t version, uint64_t session);
/* The node and all below are gone; absent is fine. */
void lg_meta_tree_cut(struct lg_meta_tree *tree, const char *path);
/* Removes the ephemeral nodes of one session. */
void lg_meta_tree_end_session(struct lg_meta_tree *tree, uint64_t session, lg_meta_effect_fn told,
                              void *ctx);
/* Calls `visit` for every persistent node, parents first, names in order. */
void lg_meta_tree_walk(const struct lg_meta_tree *tree,
                       void (*visit)(void *ctx, const char *path, const struct lg_meta_node *node),
                       void *ctx);

#endif
