/* Raw DEFLATE over zlib. Stateless between calls; any lane.
 *
 * The output grows by steps up to the room below its ceiling. When no room is left, the stream may
 * still have its end marker to come: it goes on into one spare byte, which must stay unwritten.
 */
#include "base/compressor.h"

#define ZLIB_CONST
#include <zlib.h>

#define LG_COMPRESSOR_STEP ((size_t)64 << 10)
#define LG_ADLER_BYTES 4
#define RAW_WINDOW_BITS (-15) /* Negative: no header and no trailer of zlib. */

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

static void give_room(struct stream *s)
{
    struct lg_buf *out = s->out;
    size_t ceiling = out->ceiling == 0 ? LG_BUF_CEILING_DEFAULT : out->ceiling;
    size_t room = out->size < ceiling ? ceiling - out->size : 0;
    size_t n = LG_MIN(room, LG_COMPRESSOR_STEP);

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
                        s->out->ceiling == 0 ? LG_BUF_CEILING_DEFAULT : s->out->ceiling);
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

static enum lg_rc inflate_all(struct stream *s, struct lg_error *err)
{
    for (;;) {
        bool is_full;
        int rc = step(s, inflate, Z_NO_FLUSH, &is_full);

        if (is_full)
            return too_large(s, err);
        if (rc == Z_STREAM_END)
            break;
        if (rc == Z_BUF_ERROR && s->z.avail_in == 0 && s->rest.size == 0)
            return lg_error_set(err, LG_ERR_BAD_DATA,
                                "the DEFLATE stream ends too early; the file was probably cut off");
        if (rc != Z_OK && rc != Z_BUF_ERROR)
            return lg_error_set(err, LG_ERR_BAD_DATA, "the DEFLATE stream is damaged: %s",
                                s->z.msg == NULL ? "zlib gives no reason" : s->z.msg);
    }
    return require_end(s, err);
}

enum lg_rc lg_inflate_raw(struct lg_buf *out, struct lg_slice in, struct lg_error *err)
{
    struct stream s;
    enum lg_rc rc;

    stream_init(&s, out, in);
    if (inflateInit2(&s.z, RAW_WINDOW_BITS) != Z_OK)
        return lg_error_set(err, LG_ERR_FAILED, "zlib cannot start to inflate");
    rc = inflate_all(&s, err);
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

enum lg_rc lg_deflate_raw(struct lg_buf *out, struct lg_slice in, struct lg_error *err)
{
    struct stream s;
    enum lg_rc rc;

    stream_init(&s, out, in);
    if (deflateInit2(&s.z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW_WINDOW_BITS, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return lg_error_set(err, LG_ERR_FAILED, "zlib cannot start to deflate");
    rc = deflate_all(&s, err);
    deflateEnd(&s.z);
    if (rc != LG_OK)
        out->size = s.start;
    return rc;
}
