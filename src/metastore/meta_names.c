/* Names of changed nodes: a map from the path to whether what lies below it changed, too. */
#include "metastore/meta_names.h"

#include "base/str.h"
#include "metastore/meta_path.h"

/* The values of the map. */
static char itself, with_below;

void lg_meta_names_init(struct lg_meta_names *names, const char *top)
{
    names->top = lg_strdup(top);
    names->by_path = lg_map_new();
}

void lg_meta_names_done(struct lg_meta_names *names)
{
    lg_free(names->top);
    lg_map_free(names->by_path);
    *names = (struct lg_meta_names){0};
}

bool lg_meta_names_is_empty(const struct lg_meta_names *names)
{
    return lg_map_size(names->by_path) == 0;
}

bool lg_meta_names_are_all(const struct lg_meta_names *names)
{
    return lg_map_get(names->by_path, lg_slice_str(names->top)) == &with_below;
}

void lg_meta_names_clear(struct lg_meta_names *names)
{
    lg_map_free(names->by_path);
    names->by_path = lg_map_new();
}

void lg_meta_names_add_all(struct lg_meta_names *names)
{
    lg_meta_names_clear(names);
    (void)lg_map_put(names->by_path, lg_slice_str(names->top), &with_below);
}

bool lg_meta_names_add(struct lg_meta_names *names, const char *path, bool below)
{
    struct lg_slice key = lg_slice_str(path);
    bool is_top_or_above = below && lg_meta_path_is_below(names->top, path);

    if (!is_top_or_above && !lg_meta_path_is_below(path, names->top))
        return false;
    if (lg_meta_names_are_all(names))
        return true;
    if (is_top_or_above || lg_map_size(names->by_path) == LG_META_NAMES_MAX)
        lg_meta_names_add_all(names);
    else if (below || lg_map_get(names->by_path, key) == NULL)
        (void)lg_map_put(names->by_path, key, below ? &with_below : &itself);
    return true;
}

bool lg_meta_names_next(const struct lg_meta_names *names, size_t *at, struct lg_slice *out_path,
                        bool *out_below)
{
    void *value;

    if (!lg_map_next(names->by_path, at, out_path, &value))
        return false;
    *out_below = value == &with_below;
    return true;
}

bool lg_meta_names_cover(const struct lg_meta_names *names, struct lg_slice path)
{
    if (lg_meta_names_are_all(names) || lg_map_get(names->by_path, path) != NULL)
        return true;
    while (path.size > 1) {
        while (path.data[--path.size] != '/')
            continue;
        if (lg_map_get(names->by_path, path.size == 0 ? LG_LIT("/") : path) == &with_below)
            return true;
    }
    return false;
}

void lg_meta_names_move(struct lg_meta_names *names, struct lg_meta_names *from)
{
    struct lg_slice path;
    size_t at = 0;
    bool below;

    while (lg_meta_names_next(from, &at, &path, &below)) {
        LG_AUTO_STR char *copy = lg_strf("%.*s", LG_FMT(path));

        (void)lg_meta_names_add(names, copy, below);
    }
    lg_meta_names_clear(from);
}
