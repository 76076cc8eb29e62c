/* Fuzzes the parser of requests and responses: whatever the bytes and however they are cut, it ends
 * in the same outcome, within its bounds, and what it understood can be written again. */
#include "net/http1.h"

#define BODY_MAX 4096
#define MESSAGES_MAX 64

struct outcome {
    enum lg_http1_event event;
    size_t messages, body_bytes, header_count;
};

/* Pieces of `step` bytes; 0: all at once. */
static struct outcome run(enum lg_http1_kind kind, struct lg_slice bytes, size_t step)
{
    struct lg_http1 *p = lg_http1_new(kind, BODY_MAX);
    struct lg_http1_message m = {0};
    struct outcome o = {LG_HTTP1_MORE, 0, 0, 0};

    while (bytes.size > 0 && o.event != LG_HTTP1_BAD && o.messages < MESSAGES_MAX) {
        size_t size = step == 0 ? bytes.size : LG_MIN(step, bytes.size), used;

        o.event = lg_http1_feed(p, lg_slice(bytes.data, size), &used);
        assert(used <= size);
        assert(used == size || o.event == LG_HTTP1_COMPLETE || o.event == LG_HTTP1_BAD);
        bytes = lg_slice_skip(bytes, used);
        if (o.event != LG_HTTP1_COMPLETE)
            continue;
        lg_http1_take(p, &m);
        assert(m.body.size <= BODY_MAX && m.head.size <= LG_HTTP_HEAD_BYTES_MAX);
        assert(m.headers.size <= LG_HTTP_HEADERS_MAX);
        o.messages++;
        o.body_bytes += m.body.size;
        o.header_count += m.headers.size;
        if (!m.keep_alive)
            break;
        lg_http1_message_clear(&m, SIZE_MAX);
    }
    if (o.event == LG_HTTP1_EXPECTS)
        o.event = LG_HTTP1_MORE; /* Depends on whether bytes of the body came along. */
    if (o.event == LG_HTTP1_MORE)
        (void)lg_http1_finish(p); /* Any outcome is right; it must only be safe. */
    lg_http1_message_done(&m);
    lg_http1_free(p);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum lg_http1_kind kind;
    struct outcome whole, bytewise, cut;

    if (size < 2)
        return 0;
    kind = (data[0] & 1) == 0 ? LG_HTTP1_REQUEST : LG_HTTP1_RESPONSE;
    whole = run(kind, lg_slice(data + 2, size - 2), 0);
    bytewise = run(kind, lg_slice(data + 2, size - 2), 1);
    cut = run(kind, lg_slice(data + 2, size - 2), (size_t)data[1] + 1);
    assert(whole.messages == bytewise.messages && whole.messages == cut.messages);
    assert(whole.body_bytes == bytewise.body_bytes && whole.body_bytes == cut.body_bytes);
    assert(whole.header_count == bytewise.header_count && whole.header_count == cut.header_count);
    assert((whole.event == LG_HTTP1_BAD) == (bytewise.event == LG_HTTP1_BAD));
    return 0;
}
