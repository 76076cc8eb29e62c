/* HPACK decoding (RFC 7541) as a port: one decoder per connection, fed whole header blocks.
 * Implemented by drivers/nghttp2/hpack_nghttp2.h. */
#ifndef LG_NET_HPACK_H
#define LG_NET_HPACK_H

#include "base/base.h"

struct lg_hpack;
enum lg_hpack_step { LG_HPACK_FIELD, LG_HPACK_END, LG_HPACK_BAD };

struct lg_hpack_ops {
    /* With a dynamic table of 4096 bytes, what SETTINGS_HEADER_TABLE_SIZE begins with. */
    struct lg_hpack *(*open)(void);
    void (*free)(struct lg_hpack *d);
    /* The next field of the rest of a whole block; moves *block behind it. The strings are borrowed
     * until the next call. END: the block is done, the next call begins another. BAD: a connection
     * error COMPRESSION_ERROR; the decoder is of no use any more. */
    enum lg_hpack_step (*next)(struct lg_hpack *d, struct lg_slice *block, struct lg_slice *name,
                               struct lg_slice *value);
};

struct lg_hpack { /* The head that every decoder embeds first. */
    const struct lg_hpack_ops *ops;
};

#endif
