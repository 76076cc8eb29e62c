/* Shared, immutable bytes. The count is atomic because a blob crosses lanes; the bytes need no lock
 * because nobody writes them after the maker returned. */
#include "base/blob.h"

#include "base/ref.h"

struct lg_blob *lg_blob_new(struct lg_slice copy_of)
{
    struct lg_blob *blob = lg_new(struct lg_blob);

    blob->refs = 1;
    if (copy_of.size > 0) {
        blob->owned = lg_alloc(copy_of.size);
        memcpy(blob->owned, copy_of.data, copy_of.size);
    }
    blob->bytes = lg_slice(blob->owned, copy_of.size);
    return blob;
}

struct lg_blob *lg_blob_take(struct lg_buf *take_buf)
{
    struct lg_blob *blob = lg_new(struct lg_blob);

    blob->refs = 1;
    blob->owned = take_buf->data;
    blob->bytes = lg_buf_slice(take_buf);
    *take_buf = (struct lg_buf){.ceiling = take_buf->ceiling};
    return blob;
}

struct lg_blob *lg_blob_ref(struct lg_blob *blob)
{
    lg_ref_get(&blob->refs);
    return blob;
}

void lg_blob_unref(struct lg_blob *blob)
{
    if (blob == NULL || !lg_ref_put(&blob->refs))
        return;
    lg_free(blob->owned);
    lg_free(blob);
}
