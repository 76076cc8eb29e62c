#include "metastore/meta_path.h"

/* The next segment of "/a/b", and the rest after it. False at the end. */
static bool next_segment(const char **path, struct lg_slice *out)
{
    const char *p = *path;
    size_t n;

    while (*p == '/')
        p++;
    if (*p == '\0')
        return false;
    n = strcspn(p, "/");
    *out = lg_slice(p, n);
    *path = p + n;
    return true;
}

enum lg_rc lg_meta_path_check(const char *path, struct lg_error *err)
{
    const char *rest = path;
    struct lg_slice s;
    size_t depth = 0, size;

    if (path == NULL || path[0] != '/')
        return lg_error_set(err, LG_ERR_INVALID, "path \"%s\" does not begin with '/'",
                            path == NULL ? "" : path);
    size = strlen(path);
    if (size > LG_META_PATH_MAX)
        return lg_error_set(err, LG_ERR_INVALID, "path \"%.40s...\" has %zu bytes, at most %d",
                            path, size, LG_META_PATH_MAX);
    if (size > 1 && (path[size - 1] == '/' || strstr(path, "//") != NULL))
        return lg_error_set(err, LG_ERR_INVALID, "path \"%s\" has an empty segment", path);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f)
            return lg_error_set(err, LG_ERR_INVALID, "path \"%s\" holds a control character", path);
    while (next_segment(&rest, &s)) {
        if (lg_slice_eq_str(s, ".") || lg_slice_eq_str(s, ".."))
            return lg_error_set(err, LG_ERR_INVALID, "path \"%s\" has a segment \".\" or \"..\"",
                                path);
        if (++depth > LG_META_DEPTH_MAX)
            return lg_error_set(err, LG_ERR_INVALID, "path \"%.40s...\" is deeper than %d", path,
                                LG_META_DEPTH_MAX);
    }
    return LG_OK;
}

bool lg_meta_path_is_below(const char *path, const char *top)
{
    size_t n = strlen(top);

    if (strcmp(top, "/") == 0)
        return true;
    return strncmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/');
}
