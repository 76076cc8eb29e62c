/* The table of routes as data. Pure. */
#ifndef LG_API_ROUTES_H
#define LG_API_ROUTES_H

#include "net/http.h"

enum lg_api_route {
#define X(id, method, path, required, optional) LG_API_##id,
#include "api/routes.def"
#undef X
    LG_API_COUNT
};

const char *lg_api_path(enum lg_api_route route);
enum lg_http_method lg_api_method(enum lg_api_route route);
/* Names of parameters, separated by one blank. */
const char *lg_api_required(enum lg_api_route route);
const char *lg_api_optional(enum lg_api_route route);
/* The next name of such a list: `*list` moves behind it. Empty at the end. */
struct lg_slice lg_api_next_name(const char **list);

/* The route of a path (double slashes collapsed, no query). LG_ERR_NOT_FOUND names the nearest. */
LG_MUST_CHECK enum lg_rc lg_api_find(struct lg_slice path, enum lg_api_route *out,
                                     struct lg_error *err);

#endif
