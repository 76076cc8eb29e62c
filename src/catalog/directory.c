/* A directory: entries in a map, and sorted when somebody asks after a change. */
#include "catalog/directory.h"

#include <stdlib.h>

#include "base/str.h"

void lg_directory_init(struct lg_directory *d)
{
    *d = (struct lg_directory){.by_name = lg_map_new()};
}

void *lg_directory_get(const struct lg_directory *d, const char *name)
{
    const struct lg_directory_entry *e = lg_map_get(d->by_name, lg_slice_str(name));

    return e == NULL ? NULL : e->thing;
}

void *lg_directory_put(struct lg_directory *d, const char *name, void *thing)
{
    struct lg_directory_entry *e = lg_map_get(d->by_name, lg_slice_str(name));
    void *before = e == NULL ? NULL : e->thing;

    if (e != NULL && thing != NULL) {
        e->thing = thing;
    } else if (e != NULL) {
        (void)lg_map_remove(d->by_name, lg_slice_str(name));
        lg_free(e->name);
        lg_free(e);
        d->moved = true;
    } else if (thing != NULL) {
        e = lg_new(struct lg_directory_entry);
        e->name = lg_strdup(name);
        e->thing = thing;
        (void)lg_map_put(d->by_name, lg_slice_str(name), e);
        d->moved = true;
    }
    return before;
}

static int by_entry_name(const void *a, const void *b)
{
    return strcmp((*(const struct lg_directory_entry *const *)a)->name,
                  (*(const struct lg_directory_entry *const *)b)->name);
}

void lg_directory_sort(struct lg_directory *d)
{
    struct lg_slice name;
    void *entry;
    size_t at = 0;

    if (!d->moved)
        return;
    d->moved = false;
    d->sorted.size = 0;
    while (lg_map_next(d->by_name, &at, &name, &entry))
        LG_VEC_PUSH(&d->sorted, entry);
    if (d->sorted.size > 0)
        qsort(d->sorted.data, d->sorted.size, sizeof(struct lg_directory_entry *), by_entry_name);
}

void lg_directory_done(struct lg_directory *d, void (*thing_free)(void *thing))
{
    struct lg_slice name;
    void *value;
    size_t at = 0;

    while (lg_map_next(d->by_name, &at, &name, &value)) {
        struct lg_directory_entry *e = value;

        thing_free(e->thing);
        lg_free(e->name);
        lg_free(e);
    }
    lg_map_free(d->by_name);
    LG_VEC_DONE(&d->sorted);
}
