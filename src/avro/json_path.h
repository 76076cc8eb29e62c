/* Where in a JSON value we are: a chain of steps on the C stack, for error sentences. Internal to
 * this module. Pure. */
#ifndef LG_AVRO_JSON_PATH_H
#define LG_AVRO_JSON_PATH_H

#include "base/base.h"

#define LG_JSON_PATH_TEXT_MAX 192

struct lg_json_path {
    const struct lg_json_path *up; /* NULL: the value itself, "$" */
    const char *key;               /* member of an object; NULL: an element of an array */
    size_t index;
};

static inline struct lg_json_path lg_json_path_member(const struct lg_json_path *up,
                                                      const char *key)
{
    return (struct lg_json_path){.up = up, .key = key};
}
static inline struct lg_json_path lg_json_path_element(const struct lg_json_path *up, size_t index)
{
    return (struct lg_json_path){.up = up, .index = index};
}

/* "$.fields[2].type"; a path too long is cut at its end. `path` NULL gives "$". */
void lg_json_path_text(const struct lg_json_path *path, char out[LG_JSON_PATH_TEXT_MAX]);

#endif
