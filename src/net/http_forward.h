/* A request that came on one lane and is answered on another: for what only that lane knows. The
 * request, its arena and its body go there and come back with the answer; meanwhile the lane on
 * which it came does not touch them. */
#ifndef LG_NET_HTTP_FORWARD_H
#define LG_NET_HTTP_FORWARD_H

#include "net/http_server.h"

/* `handler` is called on `lane` with a request that is like `rq`, soon, never from inside; it
 * answers as ever, with lg_http_respond (lg_http_can_stream is false), and the answer goes out on
 * the lane of `rq`. Both lanes run until then. `rq` is not the caller's any more. */
void lg_http_forward(struct lg_http_request *rq, struct lg_lane *lane, lg_http_handler handler,
                     void *ctx);

#endif
