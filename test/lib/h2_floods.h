/* What a peer of HTTP/2 may try so that a server does much for little: each in the notation of
 * h2_peer.h, with the limit that ends it.
 */
#ifndef LG_TEST_LIB_H2_FLOODS_H
#define LG_TEST_LIB_H2_FLOODS_H

#include "net/http2.h"

struct h2_flood {
    const char *name, *script;
    enum lg_h2_reason why;
    size_t requests_max; /* handed over at most before the cut */
    size_t whole_max;    /* of them such as came whole, for an answer */
    uint32_t nghttp2;    /* That engine's own code, and no limit of ours; 0: as we do. */
};

#define H2_FLOODS 21
extern const struct h2_flood h2_floods[H2_FLOODS];

#endif
