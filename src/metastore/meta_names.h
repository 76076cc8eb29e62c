/* What a watch is told: the paths that changed since it was told last, each once. Owner: whoever
 * holds the struct; a driver moves a whole set to the watch's lane with one notice. */
#ifndef LG_METASTORE_META_NAMES_H
#define LG_METASTORE_META_NAMES_H

#include "base/map.h"

/* More than so many are not told one by one: then everything below the watch counts as changed. */
#define LG_META_NAMES_MAX ((size_t)10000)

struct lg_meta_names { /* Zeroed memory is not valid: init first. */
    char *top;         /* the watch's path */
    struct lg_map *by_path;
};

/* `top` is copied. */
void lg_meta_names_init(struct lg_meta_names *names, const char *top);
void lg_meta_names_done(struct lg_meta_names *names); /* May be called twice. */
void lg_meta_names_clear(struct lg_meta_names *names);
bool lg_meta_names_is_empty(const struct lg_meta_names *names);
/* `below`: whatever lies below the path may have changed as well. Paths that are not at or below
 * the top are passed over; one that is above it with `below` is the whole top. Tells whether it
 * concerned the top at all. */
bool lg_meta_names_add(struct lg_meta_names *names, const char *path, bool below);
/* The top and everything below. */
void lg_meta_names_add_all(struct lg_meta_names *names);
bool lg_meta_names_are_all(const struct lg_meta_names *names);
/* Was this path named, or one above it with what is below? */
bool lg_meta_names_cover(const struct lg_meta_names *names, struct lg_slice path);
/* Adds all of `from`, which is empty afterwards. */
void lg_meta_names_move(struct lg_meta_names *names, struct lg_meta_names *from);
/* size_t at = 0; while (lg_meta_names_next(names, &at, &path, &below)) … In the order in which they
 * were added; `out_path` is borrowed. */
bool lg_meta_names_next(const struct lg_meta_names *names, size_t *at, struct lg_slice *out_path,
                        bool *out_below);

#endif
