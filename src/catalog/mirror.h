/* Follows trees of the metastore on one lane: reads them once, then what changed only.
 *
 *     IDLE ──something changed──▶ READING ──read──▶ IDLE (`current`)
 *                                    │ changed meanwhile: READING again
 *                                    └─ failed ──▶ PAUSED ──▶ READING
 *     any ──session lost──▶ HOLDING (when it was current before) ──▶ READING, all of it
 *
 * A mirror tells of leaves: the nodes `depth` levels below a root; values of the nodes above are
 * not read, nor is anything deeper. Their values are the owner's to keep: a mirror remembers the
 * paths only, so that it can tell which are gone.
 *
 * A round reads root by root in the order given: what a later root says is never older than what
 * an earlier one says and both were read for. What changed meanwhile is the next round's.
 *
 * Costs of a round with n leaves named: n reads. Of one for everything: a read per leaf and one per
 * node above it. LG_MIRROR_READS_MAX are under way together. Memory: a path per leaf.
 */
#ifndef LG_CATALOG_MIRROR_H
#define LG_CATALOG_MIRROR_H

#include "metastore/metastore.h"

#define LG_MIRROR_ROOTS_MAX 8u
#define LG_MIRROR_READS_MAX 64u
#define LG_MIRROR_LEAVES_MAX 1000000u

struct lg_mirror_root {
    const char *path; /* "/replicas" */
    unsigned depth;   /* of its leaves below it; 0: the root is the only one */
};

struct lg_mirror_options {
    struct lg_metastore *metastore;
    struct lg_lane *lane;
    const struct lg_mirror_root *roots; /* Borrowed while the mirror lives. */
    size_t root_count;
    uint64_t hold_us; /* after a lost session; 0: not at all */
    /* A leaf was read; NULL: it is gone. Borrowed. The same value may come again. */
    void (*leaf)(void *ctx, size_t root, const char *path, const struct lg_blob *value);
    /* A leaf is there, and nobody can read it. NULL: it is logged, and counts as gone. */
    void (*unreadable)(void *ctx, size_t root, const char *path, const struct lg_error *err);
    /* A round ended well. Not called for one that failed, nor while holding. */
    void (*current)(void *ctx);
    void (*session_lost)(void *ctx); /* May be NULL. */
    /* A round failed, and is tried again. NULL: it is logged. */
    void (*failed)(void *ctx, const struct lg_error *err);
    void *ctx;
};

struct lg_mirror; /* Opaque. */

struct lg_mirror *lg_mirror_start(const struct lg_mirror_options *options);
/* From `leaf`: this leaf of a later root is to be read in this round, too. */
void lg_mirror_read_also(struct lg_mirror *m, size_t root, const char *path);
/* Not from `leaf`: what stands at this path is to be read in the next round. */
void lg_mirror_read_again(struct lg_mirror *m, size_t root, const char *path);
/* From `leaf`, too: all of this later root will be read in this round. */
bool lg_mirror_reads_all(const struct lg_mirror *m, size_t root);
/* Nothing is told any more; `stopped` runs once on the lane, later; the mirror is gone then. */
void lg_mirror_stop(struct lg_mirror *m, void (*stopped)(void *ctx), void *ctx);

#endif
