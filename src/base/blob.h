/* Shared, immutable bytes with an atomic reference count; may cross lanes. */
#ifndef LG_BASE_BLOB_H
#define LG_BASE_BLOB_H

#include "base/buf.h"

struct lg_blob {
    struct lg_slice bytes;
    unsigned refs; /* Atomic; blob.c only. */
    uint8_t *owned;
};

/* One reference, owned by the caller. */
struct lg_blob *lg_blob_new(struct lg_slice copy_of);
/* Moves the buffer's memory in; the buffer is empty afterwards. */
struct lg_blob *lg_blob_take(struct lg_buf *take_buf);
struct lg_blob *lg_blob_ref(struct lg_blob *blob);
void lg_blob_unref(struct lg_blob *blob); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_blob, lg_blob_unref)

#endif
