/* Where in the frames of a connection its input is, which nghttp2 does not tell. */
#ifndef LG_DRIVERS_NGHTTP2_H2_SCAN_H
#define LG_DRIVERS_NGHTTP2_H2_SCAN_H

#include "net/h2_frame.h"

struct lg_nghttp2_scan {
    uint8_t head[LG_H2_FRAME_HEAD_BYTES]; /* of the frame that comes, */
    size_t at;                            /* so many bytes of it, */
    size_t left;                          /* and so many of what follows it are to come. */
    bool begun;                           /* The preface is over. */
};

static inline void lg_nghttp2_scan_init(struct lg_nghttp2_scan *s)
{
    *s = (struct lg_nghttp2_scan){.left = LG_H2_PREFACE_BYTES};
}
/* Takes bytes up to the end of the next frame's head, or all. True: a head is whole. */
static inline bool lg_nghttp2_scan_next(struct lg_nghttp2_scan *s, struct lg_slice *in)
{
    size_t n = LG_MIN(in->size, s->left);

    s->left -= n;
    *in = lg_slice_skip(*in, n);
    if (LG_LIKELY(s->at == 0 && in->size >= LG_H2_FRAME_HEAD_BYTES)) {
        memcpy(s->head, in->data, LG_H2_FRAME_HEAD_BYTES);
        *in = lg_slice_skip(*in, LG_H2_FRAME_HEAD_BYTES);
    } else {
        n = LG_MIN(in->size, LG_H2_FRAME_HEAD_BYTES - s->at);
        if (n > 0)
            memcpy(s->head + s->at, in->data, n);
        s->at += n;
        *in = lg_slice_skip(*in, n);
        if (s->at < LG_H2_FRAME_HEAD_BYTES)
            return false;
    }
    s->left = lg_h2_frame_read(s->head).size;
    s->at = 0;
    s->begun = true;
    return true;
}
/* Is something incomplete that must not take its time? A body may. */
static inline bool lg_nghttp2_scan_is_partial(const struct lg_nghttp2_scan *s)
{
    return !s->begun || s->at > 0 || (s->left > 0 && s->head[3] != LG_H2_DATA);
}

#endif
