/* The words inside a request: segments of its path and its parameters, decoded on demand into the
 * arena of the request; and answers that are a sentence. */
#include <stdio.h>
#include <strings.h>

#include "base/str.h"
#include "net/http_server.h"

#define TEXT_BYTES_MAX 1024

/* Without an escape nothing is copied. NULL data on a bad escape or when the arena is full. */
static struct lg_slice decode(struct lg_http_request *rq, struct lg_slice text, bool plus_is_space)
{
    LG_SCOPED(lg_buf) b = {0};
    const uint8_t *copy;

    if (memchr(text.data, '%', text.size) == NULL &&
        (!plus_is_space || memchr(text.data, '+', text.size) == NULL))
        return text;
    if (!lg_percent_decode(&b, text, plus_is_space))
        return LG_SLICE_NULL;
    copy = lg_arena_copy(rq->arena, lg_buf_slice(&b));
    return copy == NULL ? LG_SLICE_NULL : lg_slice(copy, b.size);
}

/* The next segment that is not empty, from *at on; false at the end. */
static bool next_segment(struct lg_slice path, size_t *at, struct lg_slice *out)
{
    size_t start;

    while (*at < path.size && path.data[*at] == '/')
        ++*at;
    start = *at;
    while (*at < path.size && path.data[*at] != '/')
        ++*at;
    *out = lg_slice(path.data + start, *at - start);
    return *at > start;
}

bool lg_http_path_segment(struct lg_http_request *rq, size_t i, struct lg_slice *out)
{
    struct lg_slice segment;
    size_t at = 0, n = 0;

    while (next_segment(rq->path, &at, &segment)) {
        if (n++ == i) {
            *out = decode(rq, segment, /* plus_is_space= */ false);
            return true;
        }
    }
    return false;
}

size_t lg_http_path_segments(const struct lg_http_request *rq)
{
    struct lg_slice segment;
    size_t at = 0, n = 0;

    while (next_segment(rq->path, &at, &segment))
        n++;
    return n;
}

/* The pair at `*at` of name=value&name=value, undecoded; `*at` moves behind it. False at the end.
 */
static bool next_pair(struct lg_slice form, size_t *at, struct lg_slice *out_name,
                      struct lg_slice *out_value)
{
    while (*at < form.size) {
        struct lg_slice rest = lg_slice_skip(form, *at), pair;
        const uint8_t *amp = (const uint8_t *)memchr(rest.data, '&', rest.size), *eq;

        pair = amp == NULL ? rest : lg_slice(rest.data, (size_t)(amp - rest.data));
        *at += pair.size + 1;
        eq = pair.size == 0 ? NULL : (const uint8_t *)memchr(pair.data, '=', pair.size);
        *out_name = eq == NULL ? pair : lg_slice(pair.data, (size_t)(eq - pair.data));
        *out_value = lg_slice_skip(pair, out_name->size + 1);
        if (out_name->size > 0)
            return true;
    }
    return false;
}

static struct lg_slice decode_value(struct lg_http_request *rq, struct lg_slice value)
{
    return value.size == 0 ? LG_LIT("") : decode(rq, value, /* plus_is_space= */ true);
}

/* The first of the name. */
static bool find_param(struct lg_http_request *rq, struct lg_slice form, const char *name,
                       struct lg_slice *out)
{
    struct lg_slice key, value;

    for (size_t at = 0; next_pair(form, &at, &key, &value);) {
        if (lg_slice_eq_str(decode(rq, key, /* plus_is_space= */ true), name)) {
            *out = decode_value(rq, value);
            return true;
        }
    }
    return false;
}

static bool is_form(const struct lg_http_request *rq)
{
    static const char type[] = "application/x-www-form-urlencoded";
    struct lg_slice is = lg_http_header(&rq->headers, "content-type");

    return is.size >= sizeof(type) - 1 &&
           strncasecmp((const char *)is.data, type, sizeof(type) - 1) == 0 &&
           (is.size == sizeof(type) - 1 || is.data[sizeof(type) - 1] == ';' ||
            is.data[sizeof(type) - 1] == ' ');
}

bool lg_http_param(struct lg_http_request *rq, const char *name, struct lg_slice *out)
{
    return find_param(rq, rq->query, name, out) ||
           (is_form(rq) && find_param(rq, rq->body, name, out));
}

bool lg_http_param_next(struct lg_http_request *rq, size_t *at, struct lg_slice *out_name,
                        struct lg_slice *out_value)
{
    struct lg_slice name, value;
    size_t in_body = *at > rq->query.size ? *at - rq->query.size - 1 : 0;

    if (*at <= rq->query.size && next_pair(rq->query, at, &name, &value)) {
        *at = LG_MIN(*at, rq->query.size);
    } else {
        if (!is_form(rq) || !next_pair(rq->body, &in_body, &name, &value))
            return false;
        *at = rq->query.size + 1 + in_body;
    }
    *out_name = decode(rq, name, /* plus_is_space= */ true);
    *out_value = decode_value(rq, value);
    return true;
}

void lg_http_respond_text(struct lg_http_request *rq, int status, const char *fmt, ...)
{
    char text[TEXT_BYTES_MAX];
    struct lg_http_response response = {.status = status, .content_type = "text/plain"};
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* A longer text is cut. */
    va_end(args);
    response.body = lg_slice_str(text);
    lg_http_respond(rq, &response);
}

void lg_http_respond_error(struct lg_http_request *rq, const struct lg_error *err)
{
    lg_http_respond_text(rq, lg_rc_http(err->rc, rq->method == LG_HTTP_POST), "%s\n",
                         err->text[0] != '\0' ? err->text : lg_rc_text(err->rc));
}
