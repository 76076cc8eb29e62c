/* Lists of servers as a configuration names them. Stateless; any thread. */
#include "base/host_list.h"

#include <string.h>

#include "base/str.h"

#define SHOWN(s) (int)LG_MIN((s).size, (size_t)80), (const char *)(s).data

static bool is_name(struct lg_slice host)
{
    for (size_t i = 0; i < host.size; i++) {
        uint8_t c = host.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return host.size > 0 && host.size <= LG_HOST_NAME_BYTES_MAX;
}

/* What stands between the brackets: digits and colons, an IPv4 end, a zone. */
static bool is_v6(struct lg_slice host)
{
    size_t colons = 0, n = 0;

    for (; n < host.size && host.data[n] != '%'; n++) {
        uint8_t c = host.data[n];

        colons += c == ':';
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
              c == ':' || c == '.'))
            return false;
    }
    return colons >= 2 && n <= LG_HOST_NAME_BYTES_MAX &&
           (n == host.size || is_name(lg_slice_skip(host, n + 1)));
}

static enum lg_rc wrong(struct lg_slice part, const char *why, const char *example,
                        struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_INVALID, "'%.*s' %s; each server is host:port, as in %s",
                        SHOWN(part), why, example);
}

static enum lg_rc check_port(struct lg_slice part, struct lg_slice port, const char *example,
                             struct lg_error *err)
{
    uint64_t number = 0;

    if (port.size == 0)
        return wrong(part, "has no port", example, err);
    if (!lg_parse_u64(port, UINT16_MAX, &number) || number == 0)
        return wrong(part, "has a port that is none: it is a number from 1 to 65535", example, err);
    return LG_OK;
}

static enum lg_rc check_v6(struct lg_slice part, const char *example, struct lg_error *err)
{
    const uint8_t *end = memchr(part.data, ']', part.size);
    struct lg_slice host, rest;

    if (end == NULL)
        return wrong(part, "has a bracket that is not closed", example, err);
    host = lg_slice(part.data + 1, (size_t)(end - part.data) - 1);
    rest = lg_slice_skip(part, host.size + 2);
    if (!is_v6(host))
        return wrong(part, "has no IPv6 address in its brackets", example, err);
    if (rest.size > 0 && rest.data[0] != ':')
        return wrong(part, "has no port behind its bracket", example, err);
    return check_port(part, lg_slice_skip(rest, LG_MIN(rest.size, (size_t)1)), example, err);
}

static enum lg_rc check_part(struct lg_slice part, const char *example, struct lg_error *err)
{
    const uint8_t *colon = part.size == 0 ? NULL : memchr(part.data, ':', part.size);
    struct lg_slice host = part, port = LG_SLICE_NULL;

    if (part.size == 0)
        return wrong(part, "between two commas, or at an end, names no server", example, err);
    if (memchr(part.data, ' ', part.size) != NULL)
        return wrong(part, "has a blank in it", example, err);
    if (part.data[0] == '[')
        return check_v6(part, example, err);
    if (colon != NULL) {
        host = lg_slice(part.data, (size_t)(colon - part.data));
        port = lg_slice_skip(part, host.size + 1);
    }
    if (port.size >= 2 && port.data[0] == '/' && port.data[1] == '/')
        return wrong(part, "has a scheme, which is to be left out", example, err);
    if (port.size > 0 && memchr(port.data, ':', port.size) != NULL)
        return wrong(part, "has several colons: put an IPv6 address in brackets, [::1]:port",
                     example, err);
    if (host.size > 0 && memchr(host.data, '/', host.size) != NULL)
        return wrong(part, "has a path, which no server has", example, err);
    if (!is_name(host))
        return wrong(part, "names no host", example, err);
    return check_port(part, port, example, err);
}

enum lg_rc lg_host_list_check(struct lg_slice text, const char *example, struct lg_error *err)
{
    for (;;) {
        const uint8_t *comma = text.size == 0 ? NULL : memchr(text.data, ',', text.size);
        size_t size = comma == NULL ? text.size : (size_t)(comma - text.data);

        if (check_part(lg_slice(text.data, size), example, err) != LG_OK)
            return err->rc;
        if (comma == NULL)
            return LG_OK;
        text = lg_slice_skip(text, size + 1);
    }
}

void lg_host_list_split(struct lg_slice text, struct lg_slice *out_servers,
                        struct lg_slice *out_path)
{
    const uint8_t *slash = text.size == 0 ? NULL : memchr(text.data, '/', text.size);
    size_t size = slash == NULL ? text.size : (size_t)(slash - text.data);

    *out_servers = lg_slice(text.data, size);
    *out_path = lg_slice_skip(text, size);
}
