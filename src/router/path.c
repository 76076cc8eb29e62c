#include "router/path.h"

#include "base/str.h"
#include "model/names.h"

enum about { NOTHING, STORE, TOPIC, CLUSTER, ADMIN, V1 };

static const struct {
    const char *word;
    bool needs_resource;
    enum about about;
} types[] = {
#define X(word, name, needs, about) {word, needs, about},
    LG_ROUTER_TYPES(X)
#undef X
};

/* Cuts the next non-empty segment off `*path`. */
static struct lg_slice next_segment(struct lg_slice *path)
{
    struct lg_slice segment;
    size_t n = 0;

    while (path->size > 0 && path->data[0] == '/')
        *path = lg_slice_skip(*path, 1);
    while (n < path->size && path->data[n] != '/')
        n++;
    segment = lg_slice(path->data, n);
    *path = lg_slice_skip(*path, n);
    return segment;
}

static enum lg_rc decode(struct lg_slice text, struct lg_arena *arena, struct lg_slice *out,
                         struct lg_error *err)
{
    LG_SCOPED(lg_buf) plain = {0};
    const uint8_t *copy;

    if (!lg_percent_decode(&plain, text, /* plus_is_space= */ false))
        return lg_error_set(err, LG_ERR_INVALID,
                            "the path holds a bad escape: '%%' must be followed by two hex digits");
    copy = lg_arena_copy(arena, lg_buf_slice(&plain));
    if (copy == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "the path is too long");
    *out = lg_slice(copy, plain.size);
    return LG_OK;
}

static enum lg_rc find_type(struct lg_slice word, enum lg_router_type *out, struct lg_error *err)
{
    const char *words[LG_ARRAY_SIZE(types)];
    char given[64];
    const char *near;

    for (size_t i = 0; i < LG_ARRAY_SIZE(types); i++) {
        words[i] = types[i].word;
        if (lg_slice_eq_str(word, types[i].word)) {
            *out = (enum lg_router_type)i;
            return LG_OK;
        }
    }
    memset(given, 0, sizeof given);
    if (word.size > 0)
        memcpy(given, word.data, LG_MIN(word.size, sizeof given - 1));
    near = lg_nearest(given, words, LG_ARRAY_SIZE(words));
    return lg_error_set(err, LG_ERR_INVALID,
                        "no such path: '/%s'%s%s; a read is GET /v1/stores/<store>/<key>", given,
                        near == NULL ? "" : ", did you mean /", near == NULL ? "" : near);
}

enum lg_rc lg_router_path_parse(struct lg_slice path, struct lg_arena *arena,
                                struct lg_router_path *out, struct lg_error *err)
{
    struct lg_router_path parsed = {0};
    struct lg_slice rest = path;
    enum lg_rc rc = find_type(next_segment(&rest), &parsed.type, err);

    if (rc != LG_OK)
        return rc;
    rc = decode(next_segment(&rest), arena, &parsed.resource, err);
    if (rc != LG_OK)
        return rc;
    if (types[parsed.type].needs_resource && parsed.resource.size == 0)
        return lg_error_set(err, LG_ERR_INVALID,
                            "Resource name required, valid path should be : /%s/<name>",
                            types[parsed.type].word);
    if (rest.size > 0) {
        parsed.has_rest = true;
        rc = decode(lg_slice_skip(rest, 1), arena, &parsed.rest, err);
        if (rc != LG_OK)
            return rc;
    }
    *out = parsed;
    return LG_OK;
}

/* --- Who may take it ---------------------------------------------------------------------------
 */

struct lg_router_v1_path lg_router_v1_path(const struct lg_router_path *path)
{
    struct lg_router_v1_path out = {.store = path->rest};
    const uint8_t *slash =
        path->rest.size == 0 ? NULL : memchr(path->rest.data, '/', path->rest.size);

    if (slash != NULL) {
        out.has_key = true;
        out.store = lg_slice(path->rest.data, (size_t)(slash - path->rest.data));
        out.key = lg_slice_skip(path->rest, out.store.size + 1);
    }
    return out;
}

static struct lg_slice store_of(struct lg_slice topic)
{
    struct lg_slice store;
    struct lg_error err;
    int32_t version;

    return lg_names_parse_version_topic(topic, &store, &version, &err) == LG_OK ? store : topic;
}

struct lg_router_scope lg_router_scope_of(const struct lg_router_path *path,
                                          enum lg_http_method method)
{
    struct lg_router_scope scope = {.store = path->resource, .may = LG_ACL_READ};

    switch (types[path->type].about) {
    case NOTHING:
        scope.is_free = true;
        break;
    case STORE: /* Schemas of system stores are in Venice's source; there are no values. */
        scope.is_free = path->type != LG_ROUTER_STORAGE && path->type != LG_ROUTER_COMPUTE &&
                        lg_names_is_system_store(path->resource);
        break;
    case TOPIC:
        scope.store = store_of(path->resource);
        break;
    case CLUSTER:
        scope.store = LG_SLICE_NULL;
        break;
    case ADMIN: /* /admin alone is a health check of Venice's. */
        scope.is_free = path->resource.size == 0;
        scope.store = LG_SLICE_NULL;
        scope.may = method == LG_HTTP_GET ? LG_ACL_READ : LG_ACL_ADMIN;
        break;
    case V1:
        scope.is_free = lg_slice_eq_str(path->resource, "health");
        scope.store = lg_router_v1_path(path).store;
        break;
    }
    return scope;
}
