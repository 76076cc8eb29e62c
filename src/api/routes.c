#include "api/routes.h"

#include "base/buf.h"
#include "base/str.h"

static const struct {
    const char *path;
    enum lg_http_method method;
    const char *required, *optional;
} routes[] = {
#define X(id, method, path, required, optional) {path, LG_HTTP_##method, required, optional},
#include "api/routes.def"
#undef X
};

const char *lg_api_path(enum lg_api_route route)
{
    return routes[route].path;
}

enum lg_http_method lg_api_method(enum lg_api_route route)
{
    return routes[route].method;
}

const char *lg_api_required(enum lg_api_route route)
{
    return routes[route].required;
}

const char *lg_api_optional(enum lg_api_route route)
{
    return routes[route].optional;
}

struct lg_slice lg_api_next_name(const char **list)
{
    size_t length = strcspn(*list, " ");
    struct lg_slice name = lg_slice(*list, length);

    *list += length + ((*list)[length] == ' ');
    return name;
}

enum lg_rc lg_api_find(struct lg_slice path, enum lg_api_route *out, struct lg_error *err)
{
    LG_SCOPED(lg_buf) plain = {0};
    const char *paths[LG_API_COUNT], *near;

    for (size_t i = 0; i < path.size; i++)
        if (path.data[i] != '/' || i == 0 || path.data[i - 1] != '/')
            lg_buf_append_byte(&plain, path.data[i]);
    while (plain.size > 1 && plain.data[plain.size - 1] == '/')
        plain.size--;
    for (size_t i = 0; i < LG_API_COUNT; i++) {
        paths[i] = routes[i].path;
        if (lg_slice_eq_str(lg_buf_slice(&plain), routes[i].path)) {
            *out = (enum lg_api_route)i;
            return LG_OK;
        }
    }
    lg_buf_append_byte(&plain, 0);
    near = lg_nearest((const char *)plain.data, paths, LG_API_COUNT);
    return lg_error_set(err, LG_ERR_NOT_FOUND, "no route '%s'%s%s%s", (const char *)plain.data,
                        near == NULL ? "" : ", did you mean '", near == NULL ? "" : near,
                        near == NULL ? "" : "'?");
}
