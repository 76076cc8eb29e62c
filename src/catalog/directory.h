/* Things by their names, in the order of the names when that is asked for. The things are their
 * owner's. Owner: the lane of the catalog that has it.
 *
 * Costs: a lookup is one of a map; sorting is paid once after names came or went.
 */
#ifndef LG_CATALOG_DIRECTORY_H
#define LG_CATALOG_DIRECTORY_H

#include "base/map.h"
#include "base/vec.h"

struct lg_directory_entry {
    char *name;
    void *thing;
};

struct lg_directory {
    struct lg_map *by_name;                     /* -> entry */
    LG_VEC(struct lg_directory_entry *) sorted; /* valid after lg_directory_sort */
    bool moved;                                 /* A name came or went since it was sorted. */
};

void lg_directory_init(struct lg_directory *d);
/* Frees each thing with this. */
void lg_directory_done(struct lg_directory *d, void (*thing_free)(void *thing));
/* NULL: nothing has this name. */
void *lg_directory_get(const struct lg_directory *d, const char *name);
/* Returns what stood there, NULL for nothing. A thing that is NULL removes. */
void *lg_directory_put(struct lg_directory *d, const char *name, void *thing);
/* Brings `sorted` up to date. */
void lg_directory_sort(struct lg_directory *d);

#endif
