/* Hash map from bytes to a pointer. Iterates in insertion order (ADR 0024), keys are copied. */
#ifndef LG_BASE_MAP_H
#define LG_BASE_MAP_H

#include "base/base.h"

struct lg_map; /* Values are borrowed pointers: the map never frees them. */

struct lg_map *lg_map_new(void);
void lg_map_free(struct lg_map *map); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_map, lg_map_free)
size_t lg_map_size(const struct lg_map *map);
/* NULL when absent. */
void *lg_map_get(const struct lg_map *map, struct lg_slice key);
/* Returns the value that stood there before, or NULL. `value` must not be NULL. */
void *lg_map_put(struct lg_map *map, struct lg_slice key, void *value);
/* Returns the removed value, or NULL. */
void *lg_map_remove(struct lg_map *map, struct lg_slice key);

/* size_t at = 0; while (lg_map_next(map, &at, &key, &value)) ... Any entry may be removed
 * meanwhile, and the value of a present key replaced (its place stays); a new key must not be put.
 * `out_key` is borrowed until that entry is removed. */
bool lg_map_next(const struct lg_map *map, size_t *at, struct lg_slice *out_key, void **out_value);

#endif
