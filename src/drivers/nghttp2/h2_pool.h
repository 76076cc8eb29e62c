/* Memory for one session of nghttp2. A session takes and frees about ten small blocks per request,
 * and many requests are under way at once, more than malloc keeps at hand: so what is freed waits
 * here, by size, for the next block of that size. Belongs to one connection, on its lane.
 */
#ifndef LG_DRIVERS_NGHTTP2_H2_POOL_H
#define LG_DRIVERS_NGHTTP2_H2_POOL_H

#include <nghttp2/nghttp2.h>

#include "base/base.h"

#define LG_NGHTTP2_POOL_SIZES 4u
#define LG_NGHTTP2_POOL_LEAST                                                                      \
    ((size_t)64)                      /* bytes of the smallest; each next is twice as large        \
                                       */
#define LG_NGHTTP2_POOL_KEPT_MAX 256u /* blocks of one size that wait; all: 240 KiB */

struct lg_nghttp2_block;
struct lg_nghttp2_pool {
    nghttp2_mem mem; /* For the session. It points into the pool, which must not move. */
    struct lg_nghttp2_block *free[LG_NGHTTP2_POOL_SIZES];
    unsigned kept[LG_NGHTTP2_POOL_SIZES];
};

void lg_nghttp2_pool_init(struct lg_nghttp2_pool *p);
/* The session must have freed all of its blocks. */
void lg_nghttp2_pool_done(struct lg_nghttp2_pool *p);

#endif
