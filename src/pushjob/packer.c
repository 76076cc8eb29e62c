/* Compression of a push's values; see the header. */
#include "pushjob/packer.h"

#include "base/vec.h"
#include "writer/chunk_writer.h"

/* The dictionary of a version without values, whose readers ask for one all the same. */
#define NO_SAMPLE LG_LIT("a version without values to learn from")

struct held { /* A row in `bytes`. */
    size_t at, key_size, value_size;
    uint64_t origin;
};

struct lg_packer {
    struct lg_packer_options o;
    struct lg_value_codec *codec; /* NULL until it is known. */
    struct lg_buf dictionary;
    struct lg_buf bytes; /* of held rows */
    LG_VEC(struct held) held;
    size_t next_held;
    bool input_ended;
    struct lg_buf packed; /* the value given out last */
    uint64_t raw_bytes, packed_bytes;
};

struct lg_packer *lg_packer_new(const struct lg_packer_options *options)
{
    struct lg_packer *p = lg_new(struct lg_packer);

    p->o = *options;
    return p;
}

static void release_held(struct lg_packer *p)
{
    lg_buf_done(&p->bytes);
    LG_VEC_DONE(&p->held);
    p->next_held = 0;
}

void lg_packer_free(struct lg_packer *p)
{
    if (p == NULL)
        return;
    release_held(p);
    lg_value_codec_free(p->codec);
    lg_buf_done(&p->dictionary);
    lg_buf_done(&p->packed);
    lg_free(p);
}

/* --- The dictionary. ---------------------------------------------------------------------------
 */

/* Holds rows until the sample is full. `*sample` and `sizes` grow by what is learnt from. */
static enum lg_rc hold_rows(struct lg_packer *p, struct lg_buf *sample, size_t *sizes,
                            struct lg_error *err)
{
    while (sample->size < LG_PACKER_SAMPLE_BYTES && p->held.size < LG_PACKER_SAMPLE_ROWS_MAX &&
           p->bytes.size < LG_PACKER_HELD_BYTES) {
        struct lg_row row;
        enum lg_rc rc = p->o.next(p->o.ctx, &row, &p->input_ended, err);
        size_t learnt;

        if (rc != LG_OK || p->input_ended)
            return rc;
        learnt = LG_MIN(row.value.size, LG_PACKER_SAMPLE_VALUE_BYTES);
        lg_buf_append(sample, row.value.data, learnt);
        sizes[p->held.size] = learnt;
        LG_VEC_PUSH(&p->held, (struct held){.at = p->bytes.size,
                                            .key_size = row.key.size,
                                            .value_size = row.value.size,
                                            .origin = row.origin});
        lg_buf_append_slice(&p->bytes, row.key);
        lg_buf_append_slice(&p->bytes, row.value);
        if (!lg_buf_ok(&p->bytes))
            return lg_error_set(err, LG_ERR_TOO_LARGE, "a row of %zu bytes",
                                row.key.size + row.value.size);
    }
    return LG_OK;
}

static enum lg_rc learn(struct lg_packer *p, struct lg_error *err)
{
    LG_SCOPED(lg_buf) sample = {0};
    size_t *sizes = lg_new_array(size_t, LG_PACKER_SAMPLE_ROWS_MAX);
    enum lg_rc rc = hold_rows(p, &sample, sizes, err);

    /* The least that zstd takes for a dictionary at all. */
    if (rc == LG_OK && sample.size < NO_SAMPLE.size)
        lg_buf_append_slice(&p->dictionary, NO_SAMPLE);
    else if (rc == LG_OK)
        rc = lg_zstd_train(&p->dictionary, lg_buf_slice(&sample), sizes, p->held.size,
                           LG_PACKER_DICTIONARY_BYTES, err);
    lg_free(sizes);
    return rc;
}

static enum lg_rc make_codec(struct lg_packer *p, struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    if (p->o.shape.compression == LG_COMPRESSION_ZSTD_WITH_DICT)
        rc = learn(p, err);
    return rc != LG_OK ? rc
                       : lg_value_codec_new(p->o.shape.compression, lg_buf_slice(&p->dictionary),
                                            &p->codec, err);
}

/* --- Rows. -------------------------------------------------------------------------------------
 */

/* The next row as it came. */
static enum lg_rc next_raw(struct lg_packer *p, struct lg_row *out, bool *out_end,
                           struct lg_error *err)
{
    if (p->next_held < p->held.size) {
        const struct held *h = &p->held.data[p->next_held++];
        const uint8_t *bytes = p->bytes.data + h->at;

        *out = (struct lg_row){.key = lg_slice(bytes, h->key_size),
                               .value = lg_slice(bytes + h->key_size, h->value_size),
                               .origin = h->origin};
        return LG_OK;
    }
    if (p->held.size > 0)
        release_held(p);
    if (p->input_ended) {
        *out_end = true;
        return LG_OK;
    }
    return p->o.next(p->o.ctx, out, out_end, err);
}

enum lg_rc lg_packer_next(struct lg_packer *p, struct lg_row *out, bool *out_end,
                          struct lg_error *err)
{
    enum lg_rc rc = p->codec == NULL ? make_codec(p, err) : LG_OK;

    if (rc == LG_OK)
        rc = next_raw(p, out, out_end, err);
    if (rc != LG_OK || *out_end)
        return rc;
    p->raw_bytes += out->value.size;
    if (p->o.shape.compression == LG_COMPRESSION_NO_OP) {
        if (out->value.size > LG_VALUE_BYTES_MAX)
            return lg_error_set(err, LG_ERR_TOO_LARGE,
                                "a value of %zu bytes; at most %zu are allowed (limit value_bytes)",
                                out->value.size, LG_VALUE_BYTES_MAX);
    } else {
        lg_buf_clear(&p->packed);
        rc = lg_value_codec_pack(p->codec, out->value, &p->packed, err);
        if (rc != LG_OK)
            return rc;
        out->value = lg_buf_slice(&p->packed);
    }
    p->packed_bytes += out->value.size;
    return lg_chunk_writer_check(p->o.shape.chunked, out->key.size, out->value.size, err);
}

enum lg_rc lg_packer_unpack(struct lg_packer *p, struct lg_slice packed, struct lg_buf *out,
                            struct lg_error *err)
{
    assert(p->codec != NULL);
    return lg_value_codec_unpack(p->codec, packed, out, err);
}

struct lg_slice lg_packer_dictionary(const struct lg_packer *p)
{
    return lg_buf_slice(&p->dictionary);
}

uint64_t lg_packer_raw_bytes(const struct lg_packer *p)
{
    return p->raw_bytes;
}

uint64_t lg_packer_packed_bytes(const struct lg_packer *p)
{
    return p->packed_bytes;
}

enum lg_rc lg_packer_shape_of_store(const struct lg_json *store, struct lg_packer_shape *out,
                                    struct lg_error *err)
{
    const char *name = lg_json_get_str(store, "compressionStrategy", "NO_OP");
    struct lg_packer_shape shape = {.chunked = lg_json_get_bool(store, "chunkingEnabled", false)};

    if (!lg_compression_from_name(lg_slice_str(name), &shape.compression))
        return lg_error_set(err, LG_ERR_UNSUPPORTED,
                            "its values are compressed with %.40s, which this program does not "
                            "know; use a newer one",
                            name);
    *out = shape;
    return LG_OK;
}

bool lg_packer_shape_fits_version(const struct lg_packer_shape *shape,
                                  const struct lg_json *version)
{
    const struct lg_json *ours = lg_json_get(version, "lagoon");

    return strcmp(lg_json_get_str(version, "compressionStrategy", "NO_OP"),
                  lg_compression_name(shape->compression)) == 0 &&
           lg_json_get_bool(ours, "chunkingEnabled", shape->chunked) == shape->chunked;
}
