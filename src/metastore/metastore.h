/* A tree of small values as a port: what a cluster agrees on. Shaped after ZooKeeper so that a
 * driver for it is thin; the embedded driver is metafile.
 *
 * Paths look like "/stores/cities". A node has a value (at most LG_META_VALUE_MAX bytes), a version
 * that grows by one with each change of its value (starting at 0), and children. An operation is
 * one struct, submitted from any lane that the driver serves; `done` comes exactly once on
 * `op->lane`, never from inside submit. A change is acknowledged after it is durable.
 */
#ifndef LG_METASTORE_METASTORE_H
#define LG_METASTORE_METASTORE_H

#include "base/blob.h"
#include "lane/lane.h"

struct lg_metastore;
struct lg_meta_names;

#define LG_META_VALUE_MAX ((size_t)1 << 20)
#define LG_META_PATH_MAX 512
#define LG_META_ANY_VERSION (-1)

enum lg_meta_kind {
    LG_META_GET,      /* path -> value, version; LG_ERR_NOT_FOUND */
    LG_META_CHILDREN, /* path -> value: names, sorted, each ended by '\n'; LG_ERR_NOT_FOUND */
    LG_META_WRITE,    /* changes[], applied all or none, in order */
};

enum lg_meta_change_kind {
    LG_META_CREATE,           /* LG_ERR_CONFLICT if present; parents are made */
    LG_META_CREATE_EPHEMERAL, /* gone when the session that made it ends */
    LG_META_SET,              /* LG_ERR_NOT_FOUND, or LG_ERR_CONFLICT if `version` differs */
    LG_META_PUT,              /* create or set, whatever is there */
    LG_META_REMOVE,           /* LG_ERR_NOT_FOUND; LG_ERR_CONFLICT by version or with children */
    LG_META_REMOVE_TREE,      /* with everything below; absent is fine */
    LG_META_CHECK,            /* changes nothing; LG_ERR_CONFLICT if the version differs */
};

struct lg_meta_change {
    enum lg_meta_change_kind kind;
    const char *path;      /* Borrowed until done. */
    struct lg_slice value; /* Borrowed until done. */
    int64_t version;       /* LG_META_ANY_VERSION: do not compare. */
};

struct lg_meta_op {
    enum lg_meta_kind kind;
    struct lg_lane *lane;                 /* Where `done` runs. */
    const char *path;                     /* GET, CHILDREN; borrowed until done. */
    const struct lg_meta_change *changes; /* WRITE; borrowed until done. */
    size_t change_count;
    struct lg_blob *value; /* Out, owned by the caller. */
    int64_t version;       /* GET: out. */
    void (*done)(struct lg_meta_op *op);

    enum lg_rc rc;       /* LG_ERR_UNAVAILABLE: unknown whether it happened. */
    struct lg_error err; /* A failed WRITE names the change that did not apply. */
    size_t failed_at;    /* ... its index; change_count: it failed for another reason, or not */

    struct lg_task task; /* The driver's. */
    void *driver_state;  /* The driver's. */
    struct lg_list link; /* The driver's. */
};

/* Told whenever something at or below `path` changed. The reader reads again, all of it or what is
 * named:
 *
 *   named    A node that was made, removed, or given another value since `changed` ran last is in
 *            `names` when it runs next, by its own path or below one that stands for everything
 *            below it. What is named may not have changed. However often a node changed meanwhile,
 *            it is named once.
 *   all      The first call, the first after a lost connection or session, and one for which there
 *            would be more than LG_META_NAMES_MAX names: the watch's path with all below.
 *   order    A read that is submitted from `changed` or later sees what is named, or something
 *            newer. Changes that it sees besides are named by a later call.
 *
 * How often it is called is not promised. */
struct lg_meta_watch {
    struct lg_lane *lane; /* Where `changed` runs. */
    const char *path;     /* Borrowed while the watch is set. */
    void (*changed)(struct lg_meta_watch *watch);
    const struct lg_meta_names *names; /* While `changed` runs; metastore/meta_names.h. */
    /* The session was lost and there is a new one: ephemeral nodes that were made before are gone,
     * and who made them makes them again. NULL is allowed. `changed` follows. */
    void (*session_lost)(struct lg_meta_watch *watch);

    struct lg_list link; /* The driver's. */
    struct lg_task task; /* The driver's. */
    void *driver_state;  /* The driver's. */
};

struct lg_metastore_ops {
    const char *name;
    void (*submit)(struct lg_metastore *ms, struct lg_meta_op *op);
    /* From watch->lane. `changed` runs once soon after watch(), so that no first change is missed.
     */
    void (*watch)(struct lg_metastore *ms, struct lg_meta_watch *watch);
    /* From watch->lane: `changed` does not run any more; the struct may be freed once `closed` has
     * run on that lane. */
    void (*unwatch)(struct lg_metastore *ms, struct lg_meta_watch *watch,
                    void (*closed)(struct lg_meta_watch *watch));
    /* On the session's home lane, see lg_metastore_silence. NULL: nothing lies between. */
    bool (*silence)(struct lg_metastore *ms, uint64_t *out_us, struct lg_error *err);
};

struct lg_metastore { /* The head that every driver embeds first: one per session. */
    const struct lg_metastore_ops *ops;
};

static inline void lg_metastore_submit(struct lg_metastore *ms, struct lg_meta_op *op)
{
    ms->ops->submit(ms, op);
}
static inline void lg_metastore_watch(struct lg_metastore *ms, struct lg_meta_watch *watch)
{
    ms->ops->watch(ms, watch);
}
static inline void lg_metastore_unwatch(struct lg_metastore *ms, struct lg_meta_watch *watch,
                                        void (*closed)(struct lg_meta_watch *watch))
{
    ms->ops->unwatch(ms, watch, closed);
}
/* Is the other side away, so that a caller had better not wait for an operation? Then err says so,
 * with the remedy (LG_ERR_UNAVAILABLE or LG_ERR_REFUSED). `*out_us` is in any case how long ago it
 * was heard: what was read before is at most so old. On the session's home lane. */
static inline bool lg_metastore_silence(struct lg_metastore *ms, uint64_t *out_us,
                                        struct lg_error *err)
{
    *out_us = 0;
    return ms->ops->silence != NULL && ms->ops->silence(ms, out_us, err);
}

#endif
