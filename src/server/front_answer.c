/* The answers of a storage node. */
#include "server/front_answer.h"

#include <stdio.h>

/* The headers that every answer of a storage node has; texts are made in the request's arena. */
void lg_front_answer(struct lg_http_request *rq, int status, const struct lg_front_head *head,
                     const char *content_type, struct lg_slice body)
{
    char schema_id[16], rcu[16], compression[16];
    struct lg_http_header headers[4] = {
        {LG_LIT("X-VENICE-SCHEMA-ID"), LG_SLICE_NULL},
        {LG_LIT("X-VENICE-COMPRESSION-STRATEGY"), LG_SLICE_NULL},
        {LG_LIT("X-VENICE-RCU"), LG_SLICE_NULL},
        {LG_LIT("X-VENICE-STREAMING-RESPONSE"), LG_LIT("1")},
    };

    (void)snprintf(schema_id, sizeof schema_id, "%d", head->schema_id);
    (void)snprintf(rcu, sizeof rcu, "%u", head->rcu);
    (void)snprintf(compression, sizeof compression, "%d", (int)head->compression);
    headers[0].value = lg_slice_str(schema_id);
    headers[1].value = lg_slice_str(compression);
    headers[2].value = lg_slice_str(rcu);
    lg_http_respond(rq, &(struct lg_http_response){.status = status,
                                                   .content_type = content_type,
                                                   .headers = headers,
                                                   .header_count = head->streaming ? 4 : 3,
                                                   .body = body});
}

void lg_front_refuse(struct lg_http_request *rq, int status, const char *fmt, ...)
{
    static const struct lg_front_head none = {.schema_id = -1, .rcu = 1};
    char text[LG_ERROR_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    lg_front_answer(rq, status, &none, "text/plain", lg_slice_str(text));
}
