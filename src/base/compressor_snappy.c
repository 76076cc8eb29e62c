/* Snappy over libsnappy, which only this file includes: it brings C++'s runtime with it, and
 * whoever does not call it (the client library) is not to load that. Stateless; any lane.
 */
#include "base/compressor.h"

#include <snappy-c.h>

#define SNAPPY_RATIO_MAX 22 /* Three bytes stand for 64 at most. */

static enum lg_rc snappy_too_large(const struct lg_buf *out, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_TOO_LARGE,
                        "the output of snappy is over the limit of %zu bytes that its reader set",
                        out->ceiling == 0 ? LG_BUF_CEILING_DEFAULT : out->ceiling);
}

/* Room for n bytes; a buffer that cannot give it is not marked as overflowed. */
static uint8_t *snappy_room(struct lg_buf *out, size_t n)
{
    size_t ceiling = out->ceiling == 0 ? LG_BUF_CEILING_DEFAULT : out->ceiling;

    if (out->overflowed || out->size > ceiling || n > ceiling - out->size)
        return NULL;
    return lg_buf_reserve(out, n);
}

enum lg_rc lg_snappy_compress(struct lg_buf *out, struct lg_slice in, struct lg_error *err)
{
    size_t n = snappy_max_compressed_length(in.size);
    LG_SCOPED(lg_buf) packed = lg_buf_with_ceiling(n);
    uint8_t *room = lg_buf_reserve(&packed, n), *into;

    if (room == NULL)
        return snappy_too_large(out, err);
    if (snappy_compress((const char *)in.data, in.size, (char *)room, &n) != SNAPPY_OK)
        return lg_error_set(err, LG_ERR_FAILED, "snappy cannot compress");
    into = snappy_room(out, n);
    if (into == NULL)
        return snappy_too_large(out, err);
    memcpy(into, room, n);
    lg_buf_commit(out, n);
    return LG_OK;
}

enum lg_rc lg_snappy_decompress(struct lg_buf *out, struct lg_slice in, struct lg_error *err)
{
    size_t n = 0;
    uint8_t *room;

    if (in.size == 0 ||
        snappy_uncompressed_length((const char *)in.data, in.size, &n) != SNAPPY_OK ||
        n / SNAPPY_RATIO_MAX > in.size)
        return lg_error_set(err, LG_ERR_BAD_DATA, "the snappy data does not begin with its length");
    room = snappy_room(out, n);
    if (room == NULL)
        return snappy_too_large(out, err);
    if (snappy_uncompress((const char *)in.data, in.size, (char *)room, &n) != SNAPPY_OK)
        return lg_error_set(err, LG_ERR_BAD_DATA, "the snappy data is damaged or cut off");
    lg_buf_commit(out, n);
    return LG_OK;
}
