/* Two schemas and a datum of the first, divided by zero bytes. What resolves must be a datum of the
 * second schema, whichever way it is asked; equal schemas must give the datum back. */
#include "avro/canonical.h"
#include "avro/resolve.h"

#define OUT_BYTES_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cuts off what stands before the next zero byte. */
static struct lg_slice cut(struct lg_slice *rest)
{
    const uint8_t *zero = rest->size == 0 ? NULL : memchr(rest->data, 0, rest->size);
    size_t n = zero == NULL ? rest->size : (size_t)(zero - rest->data);
    struct lg_slice part = lg_slice(rest->data, n);

    *rest = lg_slice_skip(*rest, zero == NULL ? n : n + 1);
    return part;
}

static void resolve(const struct lg_resolver *resolver, struct lg_slice datum)
{
    LG_SCOPED(lg_buf) out = lg_buf_with_ceiling(OUT_BYTES_MAX);
    struct lg_decoder d = lg_decoder_of(datum);
    struct lg_error err = {0};
    enum lg_rc rc = lg_resolve(resolver, datum, &out, &err);

    if (rc != LG_OK) {
        assert(rc == LG_ERR_BAD_DATA || rc == LG_ERR_SCHEMA || rc == LG_ERR_TOO_LARGE);
        assert(out.size == 0 && err.text[0] != '\0');
        return;
    }
    assert(lg_avro_check(lg_resolver_writer(resolver), datum, NULL) == LG_OK);
    /* Items of 0 bytes in defaults may be more, together, than a datum may have. */
    if (lg_avro_check(lg_resolver_reader(resolver), lg_buf_slice(&out), &err) != LG_OK)
        assert(strstr(err.text, "more than the data can hold") != NULL);
    if (lg_schema_equal_canonical(lg_resolver_writer(resolver), lg_resolver_reader(resolver)))
        assert(lg_slice_eq(lg_buf_slice(&out), datum));
    out.size = 0;
    assert(lg_resolve_next(resolver, &d, &out, &err) == LG_OK && lg_decoder_left(&d) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lg_slice rest = lg_slice(data, size);
    struct lg_slice writer_text = cut(&rest), reader_text = cut(&rest);
    LG_AUTO(lg_schema) *writer = NULL;
    LG_AUTO(lg_schema) *reader = NULL;
    LG_AUTO(lg_resolver) *resolver = NULL;
    LG_AUTO(lg_resolver) *identity = NULL;
    struct lg_error err = {0};

    if (lg_schema_parse(writer_text, &writer, &err) != LG_OK ||
        lg_schema_parse(reader_text, &reader, &err) != LG_OK)
        return 0;
    assert(lg_resolver_new(writer, writer, &identity, &err) == LG_OK);
    resolve(identity, rest);
    if (lg_resolver_new(writer, reader, &resolver, &err) == LG_OK)
        resolve(resolver, rest);
    return 0;
}
