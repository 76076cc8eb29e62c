/* What a path of the metastore may be, the same for every driver. Pure. */
#ifndef LG_METASTORE_META_PATH_H
#define LG_METASTORE_META_PATH_H

#include "metastore/metastore.h"

#define LG_META_DEPTH_MAX 64 /* segments of a path */

/* LG_ERR_INVALID names what is wrong with the path. */
LG_MUST_CHECK enum lg_rc lg_meta_path_check(const char *path, struct lg_error *err);
/* Is `path` the top or below it? "/ab" is not below "/a". */
bool lg_meta_path_is_below(const char *path, const char *top);

#endif
