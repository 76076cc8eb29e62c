/* Our own engine of net/http2.h: framing and flow control for the hit path, where a request whose
 * head came before is neither decoded nor validated again, an answer's head is a copy of a few
 * bytes, and the body is copied once, into the output. No allocation per request once warm. */
#ifndef LG_NET_H2_CONN_H
#define LG_NET_H2_CONN_H

#include "net/hpack.h"
#include "net/http2.h"

/* `hpack` decodes what was not seen before. Never NULL. */
struct lg_h2 *lg_h2_own_new(const struct lg_h2_options *options, const struct lg_hpack_ops *hpack);

#endif
