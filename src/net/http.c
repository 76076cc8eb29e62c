/* Words of HTTP that client and server share. Pure. */
#include "net/http.h"

#include <strings.h>

struct lg_slice lg_http_header(const struct lg_http_headers *headers, const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < headers->size; i++) {
        const struct lg_http_header *h = &headers->data[i];

        if (h->name.size == size && strncasecmp((const char *)h->name.data, name, size) == 0)
            return h->value;
    }
    return LG_SLICE_NULL;
}

const char *lg_http_method_name(enum lg_http_method m)
{
    static const char *const names[] = {
        [LG_HTTP_GET] = "GET",       [LG_HTTP_HEAD] = "HEAD",     [LG_HTTP_POST] = "POST",
        [LG_HTTP_PUT] = "PUT",       [LG_HTTP_DELETE] = "DELETE", [LG_HTTP_OPTIONS] = "OPTIONS",
        [LG_HTTP_OTHER] = "(other)",
    };

    assert((size_t)m < LG_ARRAY_SIZE(names));
    return names[m];
}

const char *lg_http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
        {529, "Site is overloaded"},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}
