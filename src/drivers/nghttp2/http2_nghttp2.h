/* The engine of net/http2.h that reads by nghttp2: the one that others have hardened. It is the
 * oracle of our own engine's tests and what operators fall back to (`--http2-engine=nghttp2`). It
 * keeps the same limits by the same guard; nghttp2's own counters that look at a clock are off, and
 * so is its judgement of requests, which would cost a second one. Answers and the memory of heads
 * are those of our own engine (net/h2_send.h, net/h2_memo.h): ADR 0050. */
#ifndef LG_DRIVERS_NGHTTP2_HTTP2_NGHTTP2_H
#define LG_DRIVERS_NGHTTP2_HTTP2_NGHTTP2_H

#include "net/http2.h"

struct lg_h2 *lg_h2_nghttp2_new(const struct lg_h2_options *options);
/* The same, but nghttp2 judges heads and lengths of requests, too: for tests that hold our
 * judgement against its. */
struct lg_h2 *lg_h2_nghttp2_new_judging(const struct lg_h2_options *options);

#endif
