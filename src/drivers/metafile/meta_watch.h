/* Watches of metafile: who wants to know what changed below a path. */
#ifndef LG_DRIVERS_METAFILE_META_WATCH_H
#define LG_DRIVERS_METAFILE_META_WATCH_H

#include "base/vec.h"
#include "metastore/metastore.h"

/* Paths that a commit changed. */
struct lg_meta_path {
    char *text;
    bool gone; /* Everything below is gone too. */
};
struct lg_meta_paths {
    LG_VEC(struct lg_meta_path) list;
};
void lg_meta_paths_add(struct lg_meta_paths *paths, const char *path, bool gone);
void lg_meta_paths_cut(struct lg_meta_paths *paths, size_t size); /* Keeps the first ones. */
void lg_meta_paths_done(struct lg_meta_paths *paths);

struct lg_meta_watchers { /* Owned by the home lane. */
    struct lg_lane *lane;
    struct lg_list list;
};
void lg_meta_watchers_init(struct lg_meta_watchers *watchers, struct lg_lane *home);
/* On the home lane: tells whom one of the paths concerns. */
void lg_meta_watchers_tell(struct lg_meta_watchers *watchers, const struct lg_meta_paths *paths);

/* From watch->lane; as the port says. */
void lg_meta_watcher_start(struct lg_meta_watchers *watchers, struct lg_meta_watch *watch);
void lg_meta_watcher_stop(struct lg_meta_watch *watch, void (*closed)(struct lg_meta_watch *watch));

#endif
