/* The checks of Host and Origin. Pure. */
#include "controller/origin.h"

#include <strings.h>

/* Cuts off ":<port>" and, for "[::1]", keeps the brackets. */
static struct lg_slice without_port(struct lg_slice host)
{
    size_t end = host.size;

    while (end > 0 && host.data[end - 1] >= '0' && host.data[end - 1] <= '9')
        end--;
    if (end > 0 && end < host.size && host.data[end - 1] == ':')
        return lg_slice(host.data, end - 1);
    return host;
}

static bool is_v4(struct lg_slice s)
{
    unsigned parts = 1, value = 0, digits = 0;

    for (size_t i = 0; i < s.size; i++) {
        if (s.data[i] == '.') {
            if (digits == 0)
                return false;
            parts++, value = 0, digits = 0;
        } else if (s.data[i] >= '0' && s.data[i] <= '9') {
            value = value * 10 + (unsigned)(s.data[i] - '0');
            if (++digits > 3 || value > 255)
                return false;
        } else {
            return false;
        }
    }
    return parts == 4 && digits > 0;
}

static bool is_v6(struct lg_slice s)
{
    unsigned colons = 0;

    if (s.size < 4 || s.data[0] != '[' || s.data[s.size - 1] != ']')
        return false;
    for (size_t i = 1; i + 1 < s.size; i++) {
        uint8_t byte = s.data[i];

        if (byte == ':')
            colons++;
        else if (!((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
                   (byte >= 'A' && byte <= 'F') || byte == '.'))
            return false;
    }
    return colons >= 2;
}

bool lg_origin_is_address(struct lg_slice host)
{
    struct lg_slice name = without_port(host);

    return is_v4(name) || is_v6(name);
}

static bool equal_words(struct lg_slice a, struct lg_slice b)
{
    return a.size == b.size && a.size > 0 &&
           strncasecmp((const char *)a.data, (const char *)b.data, a.size) == 0;
}

static bool is_ours(struct lg_slice host, const char *const *names, size_t name_count)
{
    struct lg_slice name = without_port(host);

    if (lg_origin_is_address(host) || equal_words(name, LG_LIT("localhost")))
        return true;
    for (size_t i = 0; i < name_count; i++) {
        if (equal_words(name, lg_slice_str(names[i])))
            return true;
    }
    return false;
}

enum lg_rc lg_origin_check(enum lg_http_method method, const struct lg_http_headers *headers,
                           const char *const *names, size_t name_count, struct lg_error *err)
{
    struct lg_slice host = lg_http_header(headers, "Host");
    struct lg_slice origin = lg_http_header(headers, "Origin");
    struct lg_slice origin_host;

    if (!is_ours(host, names, name_count))
        return lg_error_set(err, LG_ERR_REFUSED,
                            "the Host header '%.*s' is not this controller's; use its address, "
                            "\"localhost\" or the host name it was started with",
                            (int)LG_MIN(host.size, (size_t)100), (const char *)host.data);
    if (method != LG_HTTP_POST || origin.data == NULL)
        return LG_OK;
    /* "http://host:port"; "null" and anything else is foreign. */
    if (lg_slice_starts(origin, LG_LIT("http://")))
        origin_host = lg_slice_skip(origin, 7);
    else if (lg_slice_starts(origin, LG_LIT("https://")))
        origin_host = lg_slice_skip(origin, 8);
    else
        origin_host = LG_SLICE_NULL;
    if (equal_words(origin_host, host))
        return LG_OK;
    return lg_error_set(err, LG_ERR_REFUSED,
                        "a page from '%.*s' may not post to this controller; only requests from "
                        "its own address or from outside a browser may",
                        (int)LG_MIN(origin.size, (size_t)100), (const char *)origin.data);
}
