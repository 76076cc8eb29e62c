#include "router/path.h"

#include "base/str.h"

static const struct {
    const char *word;
    bool needs_resource;
} types[] = {
#define X(word, name, needs) {word, needs},
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
