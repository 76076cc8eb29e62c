/* Raw DEFLATE and gzip over zlib and zstd over libzstd. Stateless between calls, but for the
 * contexts of zstd in struct lg_zstd; any lane.
 *
 * zlib: the output grows by steps up to the room below its ceiling. When no room is left, the
 * stream may still have its end marker to come: it goes on into one spare byte, which must stay
 * unwritten.
 */
#include "base/compressor.h"

#include "base/ref.h"

#define ZLIB_CONST
#define ZSTD_STATIC_LINKING_ONLY /* For its hooks of allocation, nothing else. */
#include <zdict.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define LG_COMPRESSOR_STEP ((size_t)64 << 10)
#define LG_ADLER_BYTES 4
#define RAW_WINDOW_BITS (-15)      /* Negative: no header and no trailer of zlib. */
#define GZIP_WINDOW_BITS (15 + 16) /* 16 more: gzip's header and trailer. */
#define LG_ZSTD_DICT_BYTES_MIN 8   /* zstd takes anything shorter for no dictionary. */

struct stream {
    z_stream z;
    struct lg_slice rest; /* Input that zlib has not been shown yet. */
    struct lg_buf *out;
    size_t start; /* Size of `out` before. */
    uint8_t spare;
    bool is_spare;
};

static voidpf zlib_alloc(voidpf unused, uInt n, uInt size)
{
    (void)unused;
    return lg_zalloc_array(n, size);
}

static void zlib_free(voidpf unused, voidpf p)
{
    (void)unused;
    lg_free(p);
}

static void stream_init(struct stream *s, struct lg_buf *out, struct lg_slice in)
{
    *s = (struct stream){.rest = in, .out = out, .start = out->size};
    s->z.zalloc = zlib_alloc;
    s->z.zfree = zlib_free;
}

/* zlib counts in 32 bits: long input is shown in pieces. */
static void show_input(struct stream *s)
{
    size_t n = LG_MIN(s->rest.size, (size_t)1 << 30);

    if (s->z.avail_in > 0 || n == 0)
        return;
    s->z.next_in = s->rest.data;
    s->z.avail_in = (uInt)n;
    s->rest = lg_slice_skip(s->rest, n);
}

static size_t ceiling_of(const struct lg_buf *out)
{
    return out->ceiling == 0 ? LG_BUF_CEILING_DEFAULT : out->ceiling;
}

static size_t room_of(const struct lg_buf *out)
{
    return out->size < ceiling_of(out) ? ceiling_of(out) - out->size : 0;
}

static void give_room(struct stream *s)
{
    struct lg_buf *out = s->out;
    size_t n = LG_MIN(room_of(out), LG_COMPRESSOR_STEP);

    s->is_spare = n == 0 || out->overflowed;
    s->z.next_out = s->is_spare ? &s->spare : lg_buf_reserve(out, n);
    s->z.avail_out = s->is_spare ? 1 : (uInt)n;
}

/* One call of inflate or deflate; zlib's code. *out_is_full is set when the spare byte was needed.
 */
static int step(struct stream *s, int (*run)(z_streamp, int), int flush, bool *out_is_full)
{
    uInt given;
    int rc;

    show_input(s);
    give_room(s);
    given = s->z.avail_out;
    rc = run(&s->z, flush);
    *out_is_full = s->is_spare && s->z.avail_out == 0;
    if (!s->is_spare)
        lg_buf_commit(s->out, given - s->z.avail_out);
    return rc;
}

static enum lg_rc too_large(const struct stream *s, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_TOO_LARGE,
                        "the output of DEFLATE is over the limit of %zu bytes that its reader set",
                        ceiling_of(s->out));
}

/* What may follow the stream: nothing, or the beginning of its checksum. Python's two Avro
 * libraries cut zlib's header off but only the last of the four bytes of its trailer, the Adler-32.
 */
static enum lg_rc require_end(const struct stream *s, struct lg_error *err)
{
    size_t out_size = s->out->size - s->start;
    uint8_t trailer[LG_ADLER_BYTES];
    uLong sum;

    if (s->z.avail_in == 0 && s->rest.size == 0)
        return LG_OK;
    if (s->rest.size == 0 && s->z.avail_in <= sizeof trailer) {
        sum = adler32_z(0, NULL, 0);
        if (out_size > 0)
            sum = adler32_z(sum, s->out->data + s->start, out_size);
        for (size_t i = 0; i < sizeof trailer; i++)
            trailer[i] = (uint8_t)(sum >> (24 - 8 * i));
        if (memcmp(s->z.next_in, trailer, s->z.avail_in) == 0)
            return LG_OK;
    }
    return lg_error_set(err, LG_ERR_BAD_DATA, "%zu bytes follow the end of the DEFLATE stream",
                        s->rest.size + s->z.avail_in);
}

/* To the end of one stream; what follows it is still in avail_in and rest. */
static enum lg_rc inflate_stream(struct stream *s, struct lg_error *err)
{
    for (;;) {
        bool is_full;
        int rc = step(s, inflate, Z_NO_FLUSH, &is_full);

        if (is_full)
            return too_large(s, err);
        if (rc == Z_STREAM_END)
            return LG_OK;
        if (rc == Z_BUF_ERROR && s->z.avail_in == 0 && s->rest.size == 0)
            return lg_error_set(err, LG_ERR_BAD_DATA,
                                "the DEFLATE stream ends too early; the file was probably cut off");
        if (rc != Z_OK && rc != Z_BUF_ERROR)
            return lg_error_set(err, LG_ERR_BAD_DATA, "the DEFLATE stream is damaged: %s",
                                s->z.msg == NULL ? "zlib gives no reason" : s->z.msg);
    }
}

enum lg_rc lg_inflate_raw(struct lg_buf *out, struct lg_slice in, struct lg_error *err)
{
    struct stream s;
    enum lg_rc rc;

    stream_init(&s, out, in);
    if (inflateInit2(&s.z, RAW_WINDOW_BITS) != Z_OK)
        return lg_error_set(err, LG_ERR_FAILED, "zlib cannot start to inflate");
    rc = inflate_stream(&s, err);
    if (rc == LG_OK)
        rc = require_end(&s, err);
    inflateEnd(&s.z);
    if (rc != LG_OK)
        out->size = s.start;
    return rc;
}

enum lg_rc lg_gunzip(struct lg_buf *out, struct lg_slice in, struct lg_error *err)
{
    struct stream s;
    enum lg_rc rc;

    stream_init(&s, out, in);
    if (inflateInit2(&s.z, GZIP_WINDOW_BITS) != Z_OK)
        return lg_error_set(err, LG_ERR_FAILED, "zlib cannot start to inflate");
    rc = inflate_stream(&s, err);
    while (rc == LG_OK && s.z.avail_in + s.rest.size > 0) { /* Each member has some input. */
        int reset = inflateReset(&s.z);

        assert(reset == Z_OK);
        (void)reset;
        rc = inflate_stream(&s, err);
    }
    inflateEnd(&s.z);
    if (rc != LG_OK)
        out->size = s.start;
    return rc;
}

static enum lg_rc deflate_all(struct stream *s, struct lg_error *err)
{
    int rc;

    do {
        bool is_full;

        rc = step(s, deflate, s->rest.size == 0 ? Z_FINISH : Z_NO_FLUSH, &is_full);
        if (is_full)
            return too_large(s, err);
    } while (rc == Z_OK || rc == Z_BUF_ERROR);
    assert(rc == Z_STREAM_END);
    return LG_OK;
}

static enum lg_rc deflate_whole(struct lg_buf *out, struct lg_slice in, int window_bits,
                                struct lg_error *err)
{
    struct stream s;
    enum lg_rc rc;

    stream_init(&s, out, in);
    if (deflateInit2(&s.z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return lg_error_set(err, LG_ERR_FAILED, "zlib cannot start to deflate");
    rc = deflate_all(&s, err);
    deflateEnd(&s.z);
    if (rc != LG_OK)
        out->size = s.start;
    return rc;
}

enum lg_rc lg_deflate_raw(struct lg_buf *out, struct lg_slice in, struct lg_error *err)
{
    return deflate_whole(out, in, RAW_WINDOW_BITS, err);
}

enum lg_rc lg_gzip(struct lg_buf *out, struct lg_slice in, struct lg_error *err)
{
    return deflate_whole(out, in, GZIP_WINDOW_BITS, err);
}

/* --- zstd ------------------------------------------------------------------------------------ */

struct lg_zstd_dict {
    unsigned refs; /* Atomic. */
    ZSTD_CDict *compress;
    ZSTD_DDict *decompress;
    struct lg_buf bytes;
};

/* Made when first needed: most users go one way only. */
struct lg_zstd {
    ZSTD_CCtx *compress;
    ZSTD_DCtx *decompress;
};

/* NULL is an answer that zstd knows. */
static void *zstd_alloc(void *unused, size_t size)
{
    (void)unused;
    return lg_try_alloc(size);
}

static void zstd_free(void *unused, void *p)
{
    (void)unused;
    lg_free(p);
}

static const ZSTD_customMem zstd_memory = {.customAlloc = zstd_alloc, .customFree = zstd_free};

/* A dictionary's size is bounded, so what it takes counts as small (ADR 0003). And zstd 1.5.4 reads
 * through NULL when a dictionary for compression finds no memory. */
static void *zstd_alloc_or_abort(void *unused, size_t size)
{
    (void)unused;
    return lg_alloc(size);
}

static const ZSTD_customMem zstd_dict_memory = {.customAlloc = zstd_alloc_or_abort,
                                                .customFree = zstd_free};

static void zstd_dict_free(struct lg_zstd_dict *dict)
{
    if (dict == NULL)
        return;
    ZSTD_freeCDict(dict->compress);
    ZSTD_freeDDict(dict->decompress);
    lg_buf_done(&dict->bytes);
    lg_free(dict);
}

enum lg_rc lg_zstd_dict_new(struct lg_slice bytes, int level, struct lg_zstd_dict **out,
                            struct lg_error *err)
{
    struct lg_zstd_dict *dict;

    if (level < 1 || level > LG_ZSTD_LEVEL_MAX)
        return lg_error_set(err, LG_ERR_INVALID, "zstd level %d is not between 1 and %d", level,
                            LG_ZSTD_LEVEL_MAX);
    if (bytes.size > LG_ZSTD_DICT_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the dictionary has %zu bytes, more than the limit of %zu", bytes.size,
                            LG_ZSTD_DICT_BYTES_MAX);
    dict = lg_new(struct lg_zstd_dict);
    dict->refs = 1;
    lg_buf_append_slice(&dict->bytes, bytes);
    dict->compress =
        ZSTD_createCDict_advanced(dict->bytes.data, dict->bytes.size, ZSTD_dlm_byRef, ZSTD_dct_auto,
                                  ZSTD_getCParams(level, 0, dict->bytes.size), zstd_dict_memory);
    dict->decompress = ZSTD_createDDict_advanced(dict->bytes.data, dict->bytes.size, ZSTD_dlm_byRef,
                                                 ZSTD_dct_auto, zstd_dict_memory);
    if (dict->compress == NULL || dict->decompress == NULL) {
        zstd_dict_free(dict);
        return lg_error_set(err, LG_ERR_BAD_DATA, "the dictionary of %zu bytes is damaged",
                            bytes.size);
    }
    *out = dict;
    return LG_OK;
}

struct lg_zstd_dict *lg_zstd_dict_ref(struct lg_zstd_dict *dict)
{
    lg_ref_get(&dict->refs);
    return dict;
}

void lg_zstd_dict_unref(struct lg_zstd_dict *dict)
{
    if (dict != NULL && lg_ref_put(&dict->refs))
        zstd_dict_free(dict);
}

struct lg_slice lg_zstd_dict_bytes(const struct lg_zstd_dict *dict)
{
    return lg_buf_slice(&dict->bytes);
}

struct lg_zstd *lg_zstd_new(void)
{
    return lg_new(struct lg_zstd);
}

void lg_zstd_free(struct lg_zstd *z)
{
    if (z == NULL)
        return;
    ZSTD_freeCCtx(z->compress);
    ZSTD_freeDCtx(z->decompress);
    lg_free(z);
}

static enum lg_rc zstd_no_memory(struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_FAILED, "zstd cannot start: out of memory");
}

static enum lg_rc zstd_too_large(const struct lg_buf *out, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_TOO_LARGE,
                        "the output of zstd is over the limit of %zu bytes that its reader set",
                        ceiling_of(out));
}

enum lg_rc lg_zstd_compress(struct lg_zstd *z, const struct lg_zstd_dict *dict, struct lg_buf *out,
                            struct lg_slice in, struct lg_error *err)
{
    size_t n = LG_MIN(ZSTD_compressBound(in.size), room_of(out));
    uint8_t *room;

    if (z->compress == NULL && (z->compress = ZSTD_createCCtx_advanced(zstd_memory)) == NULL)
        return zstd_no_memory(err);
    if (out->overflowed || n == 0)
        return zstd_too_large(out, err);
    room = lg_buf_reserve(out, n);
    n = dict == NULL
            ? ZSTD_compressCCtx(z->compress, room, n, in.data, in.size, LG_ZSTD_LEVEL_DEFAULT)
            : ZSTD_compress_usingCDict(z->compress, room, n, in.data, in.size, dict->compress);
    if (ZSTD_isError(n)) {
        if (ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall)
            return zstd_too_large(out, err);
        return lg_error_set(err, LG_ERR_FAILED, "zstd cannot compress %zu bytes: %s", in.size,
                            ZSTD_getErrorName(n));
    }
    lg_buf_commit(out, n);
    return LG_OK;
}

static enum lg_rc zstd_begin(struct lg_zstd *z, const struct lg_zstd_dict *dict,
                             struct lg_error *err)
{
    size_t rc;

    if (z->decompress == NULL && (z->decompress = ZSTD_createDCtx_advanced(zstd_memory)) == NULL)
        return zstd_no_memory(err);
    rc = ZSTD_DCtx_reset(z->decompress, ZSTD_reset_session_only);
    if (!ZSTD_isError(rc))
        rc = ZSTD_DCtx_setParameter(z->decompress, ZSTD_d_windowLogMax, LG_ZSTD_WINDOW_LOG_MAX);
    if (!ZSTD_isError(rc))
        rc = ZSTD_DCtx_refDDict(z->decompress, dict == NULL ? NULL : dict->decompress);
    if (ZSTD_isError(rc))
        return lg_error_set(err, LG_ERR_FAILED, "zstd cannot start: %s", ZSTD_getErrorName(rc));
    return LG_OK;
}

/* How much room to give: what the frame says it holds, for then zstd writes straight into it; a
 * step if it says nothing, or more than its size makes plausible. */
static size_t zstd_promise(struct lg_slice frame)
{
    unsigned long long said = ZSTD_getFrameContentSize(frame.data, frame.size);
    size_t plausible = LG_MAX(LG_COMPRESSOR_STEP, LG_MIN(frame.size, (size_t)1 << 30) * 64);

    return said <= plausible ? LG_MAX((size_t)said, (size_t)1) : LG_COMPRESSOR_STEP;
}

/* When the ceiling is reached the stream may still have its end to come: it goes on into one spare
 * byte, which must stay unwritten. */
static ZSTD_outBuffer zstd_room(struct lg_buf *out, size_t wanted, uint8_t *spare)
{
    size_t n = LG_MIN(room_of(out), wanted);

    if (n == 0 || out->overflowed)
        return (ZSTD_outBuffer){.dst = spare, .size = 1};
    return (ZSTD_outBuffer){.dst = lg_buf_reserve(out, n), .size = n};
}

static enum lg_rc zstd_decompress_all(struct lg_zstd *z, struct lg_buf *out, struct lg_slice in,
                                      struct lg_error *err)
{
    ZSTD_inBuffer input = {.src = in.data, .size = in.size};
    size_t left = 0; /* 0: between two frames */

    do {
        uint8_t spare;
        size_t before = input.pos;
        size_t wanted = left == 0 ? zstd_promise(lg_slice_skip(in, input.pos)) : LG_COMPRESSOR_STEP;
        ZSTD_outBuffer room = zstd_room(out, wanted, &spare);

        left = ZSTD_decompressStream(z->decompress, &room, &input);
        if (ZSTD_isError(left))
            return lg_error_set(err, LG_ERR_BAD_DATA, "the zstd frame is damaged: %s",
                                ZSTD_getErrorName(left));
        if (room.dst == &spare && room.pos > 0)
            return zstd_too_large(out, err);
        if (room.dst != &spare)
            lg_buf_commit(out, room.pos);
        if (left != 0 && room.pos == 0 && input.pos == before && input.pos == input.size)
            return lg_error_set(err, LG_ERR_BAD_DATA,
                                "the zstd frame ends too early; the data was probably cut off");
    } while (left != 0 || input.pos < input.size);
    return LG_OK;
}

enum lg_rc lg_zstd_decompress(struct lg_zstd *z, const struct lg_zstd_dict *dict,
                              struct lg_buf *out, struct lg_slice in, struct lg_error *err)
{
    size_t start = out->size;
    enum lg_rc rc = zstd_begin(z, dict, err);

    if (rc == LG_OK)
        rc = zstd_decompress_all(z, out, in, err);
    if (rc != LG_OK)
        out->size = start;
    return rc;
}

enum lg_rc lg_zstd_train(struct lg_buf *out, struct lg_slice samples, const size_t *sizes, size_t n,
                         size_t size_max, struct lg_error *err)
{
    size_t size = LG_MIN(size_max, LG_ZSTD_DICT_BYTES_MAX), made;
    uint8_t *room;

    if (samples.size < LG_ZSTD_DICT_BYTES_MIN || size < LG_ZSTD_DICT_BYTES_MIN)
        return lg_error_set(err, LG_ERR_INVALID,
                            "a dictionary needs at least %d bytes, of samples and of room",
                            LG_ZSTD_DICT_BYTES_MIN);
    room = lg_buf_reserve(out, size);
    if (room == NULL)
        return zstd_too_large(out, err);
    made = ZDICT_trainFromBuffer(room, size, samples.data, sizes, (unsigned)n);
    if (ZDICT_isError(made)) { /* Nothing to learn: but what was seen last may come again. */
        made = LG_MIN(size, samples.size);
        memcpy(room, samples.data + samples.size - made, made);
    }
    lg_buf_commit(out, made);
    return LG_OK;
}
