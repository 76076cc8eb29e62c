/* Nodes of the metadata by hand, put straight into a catalog's state, for its tests. */
#ifndef LG_TEST_LIB_CATALOG_NODES_H
#define LG_TEST_LIB_CATALOG_NODES_H

#include "catalog/state.h"

#define LG_CN_ONE_DONE "{\"0\":{\"status\":\"COMPLETED\"}}"

/* The root is that of the path. NULL: nothing is there (any more); "": an empty node. */
void lg_cn_put(struct lg_catalog_state *state, const char *path, const char *value);

struct lg_cn_store { /* Keys are strings, values are longs. */
    const char *name;
    int32_t partitions; /* 0 here and below: as in a new store */
    int32_t factor;
    int32_t versions; /* so many, all complete */
    int32_t current;  /* whatever led to it */
};
/* What stands at /stores/<name>; the caller frees it. */
char *lg_cn_store_text(const struct lg_cn_store *store);

/* Instances b_1 and c_1: the only partition of x_v1 is on the first, that of y_v1 on the second,
 * and both are complete. */
struct lg_catalog_state *lg_cn_two_topics(void);

#endif
