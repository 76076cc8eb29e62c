#include "drivers/nghttp2/hpack_nghttp2.h"

#include <nghttp2/nghttp2.h>

struct decoder {
    struct lg_hpack head;
    nghttp2_hd_inflater *inflater;
};

static struct lg_hpack *open_decoder(void)
{
    struct decoder *d = lg_new(struct decoder);
    int rc = nghttp2_hd_inflate_new(&d->inflater);

    assert(rc == 0); /* It fails for want of a few KiB only (ADR 0003). */
    (void)rc;
    d->head.ops = &lg_hpack_nghttp2;
    return &d->head;
}

static void free_decoder(struct lg_hpack *head)
{
    struct decoder *d = LG_CONTAINER_OF(head, struct decoder, head);

    nghttp2_hd_inflate_del(d->inflater);
    lg_free(d);
}

static enum lg_hpack_step next_field(struct lg_hpack *head, struct lg_slice *block,
                                     struct lg_slice *name, struct lg_slice *value)
{
    struct decoder *d = LG_CONTAINER_OF(head, struct decoder, head);

    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(d->inflater, &nv, &flags, block->data, block->size,
                                              /* in_final= */ 1);

        if (used < 0)
            return LG_HPACK_BAD;
        *block = lg_slice_skip(*block, (size_t)used);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            *name = lg_slice(nv.name, nv.namelen);
            *value = lg_slice(nv.value, nv.valuelen);
            return LG_HPACK_FIELD;
        }
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
            (void)nghttp2_hd_inflate_end_headers(d->inflater);
            return LG_HPACK_END;
        }
        if (used == 0)
            return LG_HPACK_BAD; /* It neither moves nor ends: never loop on it. */
    }
}

const struct lg_hpack_ops lg_hpack_nghttp2 = {open_decoder, free_decoder, next_field};
