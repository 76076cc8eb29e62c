/* Words of HTTP that client and server share. */
#ifndef LG_NET_HTTP_H
#define LG_NET_HTTP_H

#include "base/base.h"

enum lg_http_method {
    LG_HTTP_GET,
    LG_HTTP_HEAD,
    LG_HTTP_POST,
    LG_HTTP_PUT,
    LG_HTTP_DELETE,
    LG_HTTP_OPTIONS,
    LG_HTTP_OTHER
};

struct lg_http_header {
    struct lg_slice name; /* Compared without case. */
    struct lg_slice value;
};

struct lg_http_headers { /* Borrowed or arena-owned, as the holder says. */
    struct lg_http_header *data;
    size_t size;
};

#define LG_HTTP_HEADERS_MAX 100
#define LG_HTTP_HEAD_BYTES_MAX ((size_t)64 << 10) /* request line and headers */
#define LG_HTTP_BODY_BYTES_DEFAULT ((size_t)64 << 20)

/* The value of the first header of that name, or an empty slice with data NULL. */
struct lg_slice lg_http_header(const struct lg_http_headers *headers, const char *name);
const char *lg_http_method_name(enum lg_http_method m); /* "GET" */
const char *lg_http_reason(int status);                 /* "Not Found" */

#endif
