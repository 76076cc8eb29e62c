/* The HPACK decoder of net/hpack.h over nghttp2's public inflater. */
#ifndef LG_DRIVERS_NGHTTP2_HPACK_NGHTTP2_H
#define LG_DRIVERS_NGHTTP2_HPACK_NGHTTP2_H

#include "net/hpack.h"

extern const struct lg_hpack_ops lg_hpack_nghttp2;

#endif
