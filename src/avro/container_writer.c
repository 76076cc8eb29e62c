/* Object container files, writing. */
#include "avro/container.h"
#include "avro/decode.h"
#include "avro/encode.h"

#define BLOCK_BYTES_DEFAULT ((size_t)64 << 10)

struct lg_container_writer {
    struct lg_sink sink;
    struct lg_schema *schema;
    enum lg_container_codec codec;
    struct lg_zstd *zstd; /* NULL for the other codecs */
    size_t block_bytes;
    uint8_t sync[LG_CONTAINER_SYNC_BYTES];
    struct lg_buf block; /* records not written yet */
    int64_t count;       /* of them */
};

static enum lg_rc buf_write(void *ctx, struct lg_slice bytes, struct lg_error *err)
{
    struct lg_buf *out = ctx;

    lg_buf_append_slice(out, bytes);
    if (!lg_buf_ok(out))
        return lg_error_set(err, LG_ERR_TOO_LARGE, "the file is over %zu bytes", out->ceiling);
    return LG_OK;
}

struct lg_sink lg_sink_of_buf(struct lg_buf *buf)
{
    return (struct lg_sink){.write = buf_write, .ctx = buf};
}

static enum lg_rc write_header(struct lg_container_writer *w, struct lg_error *err)
{
    LG_SCOPED(lg_buf) header = {0};

    lg_buf_append_slice(&header, LG_LIT("Obj\1"));
    lg_encode_long(&header, 2); /* one block of two entries */
    lg_encode_string(&header, LG_LIT("avro.codec"));
    lg_encode_bytes(&header, lg_slice_str(lg_codec_name(w->codec)));
    lg_encode_string(&header, LG_LIT("avro.schema"));
    lg_encode_bytes(&header, lg_schema_text(w->schema));
    lg_encode_long(&header, 0);
    lg_buf_append(&header, w->sync, sizeof(w->sync));
    return w->sink.write(w->sink.ctx, lg_buf_slice(&header), err);
}

enum lg_rc lg_container_writer_open(struct lg_sink sink,
                                    const struct lg_container_writer_options *options,
                                    struct lg_container_writer **out, struct lg_error *err)
{
    LG_AUTO(lg_container_writer) *w = lg_new(struct lg_container_writer);
    enum lg_rc rc;

    assert(options->block_bytes <= LG_CONTAINER_BLOCK_BYTES_MAX / 2);
    w->sink = sink;
    w->schema = lg_schema_ref(options->schema);
    w->codec = options->codec;
    w->zstd = w->codec == LG_CODEC_ZSTANDARD ? lg_zstd_new() : NULL;
    w->block_bytes = options->block_bytes == 0 ? BLOCK_BYTES_DEFAULT : options->block_bytes;
    w->block = lg_buf_with_ceiling(LG_CONTAINER_BLOCK_BYTES_MAX);
    memcpy(w->sync, options->sync, sizeof(w->sync));
    rc = write_header(w, err);
    if (rc != LG_OK)
        return rc;
    *out = LG_TAKE(w);
    return LG_OK;
}

enum lg_rc lg_container_writer_flush(struct lg_container_writer *w, struct lg_error *err)
{
    LG_SCOPED(lg_buf) packed = lg_buf_with_ceiling(LG_CONTAINER_BLOCK_BYTES_MAX);
    LG_SCOPED(lg_buf) out = {0};
    struct lg_slice stored = lg_buf_slice(&w->block);
    enum lg_rc rc = LG_OK;

    if (w->count == 0)
        return LG_OK;
    if (w->codec != LG_CODEC_NULL) {
        rc = lg_codec_pack(w->codec, w->zstd, &packed, stored, err);
        stored = lg_buf_slice(&packed);
    }
    if (rc != LG_OK)
        return rc;
    lg_encode_long(&out, w->count);
    lg_encode_bytes(&out, stored);
    lg_buf_append(&out, w->sync, sizeof(w->sync));
    rc = w->sink.write(w->sink.ctx, lg_buf_slice(&out), err);
    if (rc != LG_OK)
        return rc;
    lg_buf_clear(&w->block);
    w->count = 0;
    return LG_OK;
}

enum lg_rc lg_container_writer_add(struct lg_container_writer *w, struct lg_slice datum,
                                   struct lg_error *err)
{
    enum lg_rc rc = lg_avro_check(w->schema, datum, err);

    if (rc != LG_OK)
        return rc;
    /* Half the limit, so that the block stays below it even if a codec makes it longer. */
    if (datum.size > LG_CONTAINER_BLOCK_BYTES_MAX / 2)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "a record of %zu bytes, over the limit of %zu",
                            datum.size, LG_CONTAINER_BLOCK_BYTES_MAX / 2);
    if (w->count > 0 && (w->block.size + datum.size > w->block_bytes ||
                         (uint64_t)w->count == LG_DATUM_EMPTY_ITEMS_MAX)) {
        rc = lg_container_writer_flush(w, err);
        if (rc != LG_OK)
            return rc;
    }
    lg_buf_append_slice(&w->block, datum);
    assert(lg_buf_ok(&w->block)); /* block_bytes, or one datum, is below the ceiling. */
    w->count++;
    return LG_OK;
}

void lg_container_writer_close(struct lg_container_writer *w)
{
    if (w == NULL)
        return;
    lg_buf_done(&w->block);
    lg_zstd_free(w->zstd);
    lg_schema_unref(w->schema);
    lg_free(w);
}
