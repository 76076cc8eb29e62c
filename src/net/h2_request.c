#include "net/h2_request.h"

enum { METHOD, SCHEME, AUTHORITY, PATH, PSEUDO };

/* RFC 9110, 5.6.2, without the upper case that HTTP/2 forbids. */
static bool name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool name_ok(struct lg_slice name)
{
    for (size_t i = 0; i < name.size; i++)
        if (!name_byte(name.data[i]))
            return false;
    return name.size > 0;
}

bool lg_h2_value_ok(struct lg_slice v)
{
    for (size_t i = 0; i < v.size; i++)
        if ((v.data[i] < 0x20 && v.data[i] != '\t') || v.data[i] == 0x7f)
            return false;
    return v.size == 0 || (v.data[0] != ' ' && v.data[0] != '\t' && v.data[v.size - 1] != ' ' &&
                           v.data[v.size - 1] != '\t');
}

static bool method_ok(struct lg_slice v)
{
    for (size_t i = 0; i < v.size; i++)
        if (!name_byte(v.data[i]) && !(v.data[i] >= 'A' && v.data[i] <= 'Z'))
            return false;
    return v.size > 0;
}

static bool scheme_ok(struct lg_slice v)
{
    for (size_t i = 0; i < v.size; i++) {
        uint8_t c = v.data[i] | 0x20;
        bool alpha = c >= 'a' && c <= 'z';
        bool rest = (v.data[i] >= '0' && v.data[i] <= '9') || v.data[i] == '+' ||
                    v.data[i] == '-' || v.data[i] == '.';

        if (!alpha && !(i > 0 && rest))
            return false;
    }
    return v.size > 0;
}

/* RFC 3986, 3.2 without user information (RFC 9113, 8.3.1). */
static bool authority_ok(struct lg_slice v)
{
    for (size_t i = 0; i < v.size; i++) {
        uint8_t c = v.data[i], low = c | 0x20;

        if (!((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') ||
              (c != 0 && strchr("!$%&'()*+,-.:;=[]_~", c) != NULL)))
            return false;
    }
    return v.size > 0;
}

static bool path_ok(struct lg_slice v)
{
    for (size_t i = 0; i < v.size; i++)
        if (v.data[i] <= 0x20 || v.data[i] == 0x7f || v.data[i] == '#')
            return false;
    return v.size > 0;
}

void lg_h2_fields_init(struct lg_h2_fields *f, size_t bytes_max, size_t count_max)
{
    *f = (struct lg_h2_fields){.bytes_max = bytes_max, .count_max = count_max};
}

void lg_h2_fields_done(struct lg_h2_fields *f)
{
    lg_buf_done(&f->text);
    lg_free(f->fields);
    lg_free(f->headers);
    *f = (struct lg_h2_fields){0};
}

void lg_h2_fields_begin(struct lg_h2_fields *f, bool trailers)
{
    lg_buf_clear(&f->text);
    f->count = f->list_bytes = f->list_count = f->timeout_at = 0;
    memset(f->seen, 0, sizeof(f->seen));
    memset(f->pseudo, 0, sizeof(f->pseudo));
    f->timeout_seen = f->host_seen = f->regular_seen = false;
    f->trailers = trailers;
    f->content_length = -1;
    f->verdict = LG_H2_FIELDS_GOOD;
}

static struct lg_h2_field keep(struct lg_h2_fields *f, struct lg_slice name, struct lg_slice value)
{
    struct lg_h2_field out = {(uint32_t)f->text.size, (uint32_t)name.size,
                              (uint32_t)(f->text.size + name.size), (uint32_t)value.size};

    lg_buf_append_slice(&f->text, name);
    lg_buf_append_slice(&f->text, value);
    return out;
}

static bool add_pseudo(struct lg_h2_fields *f, struct lg_slice name, struct lg_slice value)
{
    static const char *const names[PSEUDO] = {":method", ":scheme", ":authority", ":path"};
    bool (*const checks[PSEUDO])(struct lg_slice) = {method_ok, scheme_ok, authority_ok, path_ok};

    for (size_t i = 0; i < PSEUDO; i++) {
        if (!lg_slice_eq_str(name, names[i]))
            continue;
        if (f->trailers || f->regular_seen || f->seen[i] || !checks[i](value))
            return false;
        f->seen[i] = true;
        f->pseudo[i] = keep(f, name, value);
        return true;
    }
    return false;
}

/* 8.2.2: what belongs to a connection of HTTP/1.1. */
static bool is_of_connection(struct lg_slice name)
{
    static const char *const names[] = {"connection", "keep-alive", "proxy-connection",
                                        "transfer-encoding", "upgrade"};

    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++)
        if (lg_slice_eq_str(name, names[i]))
            return true;
    return false;
}

static bool add_length(struct lg_h2_fields *f, struct lg_slice value)
{
    int64_t n = 0;

    if (f->content_length >= 0 || f->trailers || value.size == 0 || value.size > 18)
        return false;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return false;
        n = n * 10 + (value.data[i] - '0');
    }
    f->content_length = n;
    return true;
}

static bool is_trailers(struct lg_slice v)
{
    static const char word[] = "trailers";

    for (size_t i = 0; i < v.size && i < sizeof(word) - 1; i++)
        if ((v.data[i] | 0x20) != word[i])
            return false;
    return v.size == sizeof(word) - 1;
}

/* Judges a field that is not a pseudo header. False: malformed. *kept: it is not for `headers`. */
static bool judge(struct lg_h2_fields *f, struct lg_slice name, struct lg_slice value, bool *kept)
{
    f->regular_seen = true;
    if (!name_ok(name) || !lg_h2_value_ok(value) || is_of_connection(name))
        return false;
    if (name.size == 2 && memcmp(name.data, "te", 2) == 0)
        return !f->trailers && is_trailers(value);
    if (name.size == 4 && memcmp(name.data, "host", 4) == 0) {
        if (f->trailers || f->host_seen || !authority_ok(value))
            return false;
        f->host_seen = *kept = true;
        f->host = keep(f, name, value);
        return true;
    }
    if (name.size == 14 && memcmp(name.data, "content-length", 14) == 0)
        return add_length(f, value);
    if (!f->trailers && !f->timeout_seen && name.size == 12 &&
        memcmp(name.data, "grpc-timeout", 12) == 0) {
        f->timeout_seen = *kept = true;
        f->timeout_at = f->list_count;
        f->timeout = keep(f, name, value);
    }
    return true;
}

void lg_h2_fields_add(struct lg_h2_fields *f, struct lg_slice name, struct lg_slice value)
{
    bool kept = false;

    /* The list is summed on, so that its end tells how much was sent. */
    f->list_bytes += name.size + value.size + 32;
    f->list_count++;
    if (f->verdict != LG_H2_FIELDS_GOOD)
        return;
    if (f->list_bytes > f->bytes_max || f->list_count > f->count_max) {
        f->verdict =
            f->list_bytes > f->bytes_max ? LG_H2_FIELDS_OVER_BYTES : LG_H2_FIELDS_OVER_COUNT;
        return;
    }
    if (name.size > 0 && name.data[0] == ':') {
        if (!add_pseudo(f, name, value))
            f->verdict = LG_H2_FIELDS_MALFORMED;
        return;
    }
    if (!judge(f, name, value, &kept)) {
        f->verdict = LG_H2_FIELDS_MALFORMED;
        return;
    }
    if (kept && !(f->host_seen && name.size == 4))
        return;
    if (f->count == f->capacity) {
        f->capacity = f->capacity == 0 ? 16 : f->capacity * 2;
        f->fields = (struct lg_h2_field *)lg_realloc(f->fields, f->capacity * sizeof(*f->fields));
        f->headers =
            (struct lg_http_header *)lg_realloc(f->headers, f->capacity * sizeof(*f->headers));
    }
    f->fields[f->count++] = kept ? f->host : keep(f, name, value);
}

static struct lg_slice text_at(const struct lg_h2_fields *f, uint32_t at, uint32_t size)
{
    return size == 0 ? lg_slice("", 0) : lg_slice(f->text.data + at, size);
}

static struct lg_slice value_of(const struct lg_h2_fields *f, const struct lg_h2_field *field)
{
    return text_at(f, field->value, field->value_size);
}

/* 8.3.1 and 8.5. */
static bool is_whole(const struct lg_h2_fields *f)
{
    struct lg_slice method = value_of(f, &f->pseudo[METHOD]), path = value_of(f, &f->pseudo[PATH]);
    struct lg_slice authority = value_of(f, &f->pseudo[AUTHORITY]);

    if (!f->seen[METHOD])
        return false;
    if (lg_slice_eq_str(method, "CONNECT"))
        return f->seen[AUTHORITY] && authority.size > 0 && !f->seen[SCHEME] && !f->seen[PATH];
    if (!f->seen[SCHEME] || !f->seen[PATH] || (!f->seen[AUTHORITY] && !f->host_seen))
        return false;
    /* Two names of one host are how a request is smuggled past whoever reads only the other. */
    if (f->seen[AUTHORITY] && f->host_seen && !lg_slice_eq(authority, value_of(f, &f->host)))
        return false;
    return path.data[0] == '/' ||
           (lg_slice_eq_str(path, "*") && lg_slice_eq_str(method, "OPTIONS"));
}

struct lg_slice lg_h2_fields_timeout(const struct lg_h2_fields *f)
{
    return f->timeout_seen ? value_of(f, &f->timeout) : LG_SLICE_NULL;
}

enum lg_h2_verdict lg_h2_fields_end(struct lg_h2_fields *f, struct lg_h2_request *out)
{
    if (f->verdict == LG_H2_FIELDS_GOOD && !f->trailers && !is_whole(f))
        f->verdict = LG_H2_FIELDS_MALFORMED;
    if (f->verdict != LG_H2_FIELDS_GOOD)
        return f->verdict;
    for (size_t i = 0; i < f->count; i++) {
        const struct lg_h2_field *x = &f->fields[i];

        f->headers[i] = (struct lg_http_header){text_at(f, x->name, x->name_size), value_of(f, x)};
    }
    if (out != NULL)
        *out = (struct lg_h2_request){
            .method = value_of(f, &f->pseudo[METHOD]),
            .scheme = value_of(f, &f->pseudo[SCHEME]),
            .authority = value_of(f, f->seen[AUTHORITY] ? &f->pseudo[AUTHORITY] : &f->host),
            .path = value_of(f, &f->pseudo[PATH]),
            .headers = {f->headers, f->count},
            .grpc_timeout = lg_h2_fields_timeout(f),
            .content_length = f->content_length};
    return f->verdict;
}
