/* Fuzzes HPACK both ways. What our encoder makes of any heads, prepared and not, while the peer's
 * table changes its size, nghttp2's decoder reads as those heads, and the short way of the hit path
 * is what the long way would have made. And any bytes as header blocks come to an end. */
#include "drivers/nghttp2/hpack_nghttp2.h"
#include "net/h2_encode.h"

#define FIELDS_MAX 6u
#define PREPARED 12u /* more than a connection remembers */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    struct lg_slice rest;
};

static uint8_t take(struct input *in)
{
    uint8_t b = in->rest.size == 0 ? 0 : in->rest.data[0];

    in->rest = lg_slice_skip(in->rest, 1);
    return b;
}

static struct lg_slice take_text(struct input *in, size_t most)
{
    size_t n = LG_MIN((size_t)take(in) % (most + 1), in->rest.size);
    struct lg_slice s = lg_slice(in->rest.data, n);

    in->rest = lg_slice_skip(in->rest, n);
    return s;
}

static struct lg_http_header take_field(struct input *in)
{
    static const char *const names[] = {":status",      "content-type", "grpc-status", "x-a",
                                        "grpc-message", "date",         "x-b"};
    static const char *const values[] = {"200", "404", "application/grpc", "0"};
    uint8_t which = take(in);
    struct lg_http_header f = {.name = lg_slice_str(names[which % LG_ARRAY_SIZE(names)])};

    f.value =
        which < 128 ? lg_slice_str(values[which / 7 % LG_ARRAY_SIZE(values)]) : take_text(in, 255);
    if (f.value.data == NULL)
        f.value = LG_LIT("");
    return f;
}

static size_t take_fields(struct input *in, struct lg_http_header out[FIELDS_MAX])
{
    size_t n = take(in) % (FIELDS_MAX + 1);

    for (size_t i = 0; i < n; i++)
        out[i] = take_field(in);
    return n;
}

static void expect_field(struct lg_hpack *d, struct lg_slice *block, const struct lg_http_header *f)
{
    struct lg_slice name, value;
    enum lg_hpack_step step = d->ops->next(d, block, &name, &value);

    assert(step == LG_HPACK_FIELD);
    assert(lg_slice_eq(name, f->name) && lg_slice_eq(value, f->value));
    (void)step;
}

static void expect_head(struct lg_hpack *d, struct lg_slice block, const struct lg_h2_head *head)
{
    size_t n = 0;
    const struct lg_http_header *prepared =
        head->prepared == NULL ? NULL : lg_h2_prepared_fields(head->prepared, &n);
    struct lg_slice name, value;
    enum lg_hpack_step step;

    for (size_t i = 0; i < n; i++)
        expect_field(d, &block, &prepared[i]);
    for (size_t i = 0; i < head->count; i++)
        expect_field(d, &block, &head->fields[i]);
    step = d->ops->next(d, &block, &name, &value);
    assert(step == LG_HPACK_END);
    (void)step;
}

static void send_head(struct lg_h2_encoder *e, struct lg_hpack *d, const struct lg_h2_head *head,
                      bool plain)
{
    LG_SCOPED(lg_buf) block = {0};
    struct lg_slice ready = plain ? LG_SLICE_NULL : lg_h2_encode_ready(e, head);

    if (plain) {
        lg_h2_encode_prefix(e, &block);
        lg_h2_encode_plain(head, &block);
    } else {
        LG_SCOPED(lg_buf) was = {0};

        lg_buf_append_slice(&was, ready);
        lg_h2_encode(e, head, &block);
        assert(ready.data == NULL || lg_slice_eq(lg_buf_slice(&was), lg_buf_slice(&block)));
    }
    expect_head(d, lg_buf_slice(&block), head);
}

static void encode(struct input *in)
{
    struct lg_h2_prepared *prepared[PREPARED] = {NULL};
    struct lg_hpack *d = lg_hpack_nghttp2.open();
    struct lg_h2_encoder e;

    lg_h2_encoder_init(&e);
    while (in->rest.size > 0) {
        struct lg_http_header fields[FIELDS_MAX];
        struct lg_h2_head head = {.fields = fields};
        uint8_t what = take(in);

        if (what % 8 == 0) { /* Both sides agree on 4096 bytes at most. */
            lg_h2_encoder_resize(&e, (uint32_t)take(in) * 17);
            continue;
        }
        if (what % 8 < 6) {
            size_t which = take(in) % PREPARED;

            if (prepared[which] == NULL)
                prepared[which] = lg_h2_prepared_new(fields, take_fields(in, fields));
            head.prepared = prepared[which];
        }
        head.count = what % 8 < 4 ? 0 : take_fields(in, fields);
        send_head(&e, d, &head, /* plain= */ what % 8 == 7);
    }
    for (size_t i = 0; i < PREPARED; i++)
        lg_h2_prepared_free(prepared[i]);
    d->ops->free(d);
}

static void decode(struct input *in)
{
    struct lg_hpack *d = lg_hpack_nghttp2.open();
    enum lg_hpack_step step = LG_HPACK_END;

    while (in->rest.size > 0 && step != LG_HPACK_BAD) {
        struct lg_slice block = take_text(in, 255), name, value;
        size_t fields = 0, most = block.size;

        do {
            step = d->ops->next(d, &block, &name, &value);
            assert(step != LG_HPACK_FIELD || ++fields <= most);
        } while (step == LG_HPACK_FIELD);
    }
    d->ops->free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {lg_slice(data, size)};

    if (take(&in) % 4 == 0)
        decode(&in);
    else
        encode(&in);
    return 0;
}
