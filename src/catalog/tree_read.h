/* Reads everything at and below some paths of the metastore: one operation, many small reads, of
 * which LG_TREE_READS_MAX are under way together.
 *
 * Not one moment: nodes that vanish meanwhile are left out, and a watch tells of what came later.
 * The paths are read one after the other, in the order given. Runs on one lane; the struct is the
 * caller's.
 */
#ifndef LG_CATALOG_TREE_READ_H
#define LG_CATALOG_TREE_READ_H

#include "base/vec.h"
#include "metastore/metastore.h"

#define LG_TREE_NODES_MAX 1000000u
#define LG_TREE_DEPTH_MAX 3u /* below a root */
#define LG_TREE_READS_MAX 64u

struct lg_tree_node {
    char *path;            /* "/stores/cities" */
    struct lg_blob *value; /* NULL when empty */
};

struct lg_tree_read {
    /* What the caller fills; borrowed until done. */
    struct lg_metastore *metastore;
    struct lg_lane *lane;
    const char *const *roots;
    size_t root_count;
    void (*done)(struct lg_tree_read *read);

    /* The answer: nodes below the roots, not the roots themselves; root by root, each parent before
     * its children, siblings by name. An absent root has none, and is counted. */
    enum lg_rc rc;
    struct lg_error err;
    LG_VEC(struct lg_tree_node) nodes;
    size_t roots_absent;

    /* tree_read.c only. */
    LG_VEC(char *) pending; /* paths that wait for a read */
    size_t root;            /* the next one */
    size_t root_nodes;      /* the first node of the one that is read */
    size_t open;            /* reads under way */
    bool failed;
};

void lg_tree_read_submit(struct lg_tree_read *read);
/* Frees the answer; the struct may be submitted again. */
void lg_tree_read_done(struct lg_tree_read *read);
/* The last part of a node's path, and the part before it: "cities", "stores". Borrowed. */
const char *lg_tree_node_name(const struct lg_tree_node *node);

#endif
