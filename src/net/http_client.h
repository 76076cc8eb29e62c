/* An HTTP/1.1 client on one lane: keeps connections per host:port alive and reuses them.
 *
 * One operation is one struct lg_http_call, allocated by the caller, alive until `done`, which
 * comes exactly once on the lane, never from inside submit.
 */
#ifndef LG_NET_HTTP_CLIENT_H
#define LG_NET_HTTP_CLIENT_H

#include "base/buf.h"
#include "net/http.h"
#include "net/transport.h"

struct lg_http_client;

struct lg_http_call {
    /* What the caller fills. Borrowed until `done`. */
    const char *host;
    uint16_t port;
    enum lg_http_method method;
    struct lg_slice target; /* "/current_version/cities" */
    const struct lg_http_header *headers;
    size_t header_count; /* Host, Content-Length and Connection are added. */
    struct lg_slice body;
    uint64_t deadline_us;      /* Absolute lane time; 0: 30 s from submit. */
    size_t response_bytes_max; /* 0: LG_HTTP_BODY_BYTES_DEFAULT */
    void (*done)(struct lg_http_call *call);
    /* May be NULL. Takes the body of an answer with status 200 as it comes, instead of
     * response_body: `status` and `response_headers` are there already, all borrowed for the call.
     * It touches neither client nor call. False: it wants no more, and the call ends with
     * LG_ERR_CANCELLED. */
    bool (*received)(struct lg_http_call *call, struct lg_slice bytes);

    /* The answer, valid inside and after `done` until lg_http_call_done. rc is LG_OK whenever a
     * whole response came, whatever its status; LG_ERR_UNAVAILABLE, LG_ERR_TIMEOUT,
     * LG_ERR_CANCELLED, LG_ERR_TOO_LARGE, LG_ERR_BAD_DATA otherwise, with a sentence in err. */
    enum lg_rc rc;
    struct lg_error err;
    bool untrusted; /* LG_ERR_UNAVAILABLE for a certificate: it is so the next time as well */
    int status;
    struct lg_http_headers response_headers;
    struct lg_buf response_body;

    struct lg_http_exchange *exchange; /* The client's. */
};

struct lg_http_client *lg_http_client_new(struct lg_transport *transport, struct lg_lane *lane);
/* Ends what is in flight with LG_ERR_CANCELLED, and from now on what is submitted: `done` comes
 * soon, never from inside this call. */
void lg_http_client_cancel(struct lg_http_client *client);
/* Fails what is in flight with LG_ERR_CANCELLED (their `done` runs before this returns). NULL ok.
 */
void lg_http_client_free(struct lg_http_client *client);
void lg_http_call_submit(struct lg_http_client *client, struct lg_http_call *call);
/* A wish: `done` still comes. */
void lg_http_call_cancel(struct lg_http_call *call);
/* Frees what the answer owns; the struct may be submitted again. */
void lg_http_call_done(struct lg_http_call *call);

/* "http://host:port[/path]" -> parts; `out_host` is owned by the caller, and begins with
 * LG_TLS_HOST (net/tls.h) for https://. LG_ERR_INVALID. */
LG_MUST_CHECK enum lg_rc lg_http_parse_url(struct lg_slice url, char **out_host, uint16_t *out_port,
                                           struct lg_error *err);

#endif
