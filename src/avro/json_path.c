/* Where in a JSON value we are. Pure. */
#include "avro/json_path.h"

#include <stdio.h>

/* Root first, so this recurses to the root and writes on the way back. The chain is as long as the
 * walk that made it is deep, which that walk bounds. Returns the length, at most the size - 1. */
static size_t path_write(const struct lg_json_path *path, char *out, size_t size)
{
    size_t n;
    int added;

    if (path == NULL) {
        out[0] = '$', out[1] = '\0';
        return 1;
    }
    n = path_write(path->up, out, size);
    if (path->key != NULL)
        added = snprintf(out + n, size - n, ".%s", path->key);
    else
        added = snprintf(out + n, size - n, "[%zu]", path->index);
    assert(added >= 0);
    return LG_MIN(n + (size_t)added, size - 1);
}

void lg_json_path_text(const struct lg_json_path *path, char out[LG_JSON_PATH_TEXT_MAX])
{
    path_write(path, out, LG_JSON_PATH_TEXT_MAX);
}
