/* What the nodes say, parsed: from it snapshots are made. Node by node it is kept up to date, and a
 * snapshot shares with the one before what did not change. Owner: the catalog's lane.
 *
 * Costs: a node is parsed when it is put, and its topic is built anew with the next snapshot. A
 * snapshot copies one pointer per store and per topic; the maps by name are built anew when a name
 * comes or goes. When an instance comes or goes, all topics are built anew: their replicas name
 * instances by place.
 */
#ifndef LG_CATALOG_STATE_H
#define LG_CATALOG_STATE_H

#include "catalog/catalog.h"

/* Roots, in the order in which they are to be read: routing is then never older than the stores and
 * instances that refer to it. */
enum lg_catalog_root {
    LG_CATALOG_STORES,
    LG_CATALOG_INSTANCES,
    LG_CATALOG_ASSIGNMENT,
    LG_CATALOG_REPLICAS,
    LG_CATALOG_ROUTERS,
    LG_CATALOG_CONTROLLERS,
    LG_CATALOG_SETTINGS,
    LG_CATALOG_ROOTS
};

struct lg_catalog_state; /* Opaque. */

/* `lane`: by its clock, reports whose server's session ended are held for a while; NULL: none. */
struct lg_catalog_state *lg_catalog_state_new(struct lg_lane *lane);
/* Snapshots live on. */
void lg_catalog_state_free(struct lg_catalog_state *state);
/* What stands at a path below this root ("/replicas/cities_v1/a_1"); NULL: nothing. A node that
 * makes no sense is counted, and logged once; of a store, an assignment, an instance or a report
 * the last value that did make sense counts on, all else is left out. */
void lg_catalog_state_put(struct lg_catalog_state *state, enum lg_catalog_root root,
                          const char *path, const struct lg_blob *value);
/* The paths of nodes that make no sense, the first few of them, for a sentence. */
void lg_catalog_state_tell_junk(const struct lg_catalog_state *state, struct lg_buf *out);
/* The paths of what this instance says of its replicas. */
void lg_catalog_state_reports(const struct lg_catalog_state *state, const char *instance,
                              void (*each)(void *ctx, const char *path), void *ctx);
/* Drops what was held for LG_CATALOG_LAST_RESORT_MS. */
void lg_catalog_state_forget(struct lg_catalog_state *state);
/* When there will be something to drop, by the lane's clock, and the instance of which; 0: nothing
 * is held. Borrowed until the next call of any kind. */
uint64_t lg_catalog_state_forget_at_us(const struct lg_catalog_state *state,
                                       const char **out_instance);
/* Was anything put or dropped since the last snapshot? */
bool lg_catalog_state_changed(const struct lg_catalog_state *state);
/* Owned by the caller. */
struct lg_catalog_snapshot *lg_catalog_state_snapshot(struct lg_catalog_state *state);

/* --- state*.c and snapshot.c only: what snapshots share. ------------------------------------- */

struct lg_catalog_index { /* name -> place + 1, as a pointer */
    unsigned refs;
    struct lg_map *places;
};
struct lg_catalog_instances {
    unsigned refs;
    LG_VEC(struct lg_catalog_instance) list;
};

void lg_catalog_store_unref(struct lg_catalog_store *s); /* NULL is allowed, here and below. */
void lg_catalog_topic_unref(struct lg_catalog_topic *t);
void lg_catalog_index_unref(struct lg_catalog_index *x);
void lg_catalog_instances_unref(struct lg_catalog_instances *x);

#endif
