#include "net/h2_memo.h"

#include "base/hash.h"

void lg_h2_memo_done(struct lg_h2_memo *m)
{
    for (size_t i = 0; i < LG_H2_MEMO_ENTRIES; i++) {
        lg_buf_done(&m->entries[i].block);
        lg_buf_done(&m->entries[i].text);
        lg_free(m->entries[i].headers);
    }
    *m = (struct lg_h2_memo){0};
}

void lg_h2_memo_forget(struct lg_h2_memo *m)
{
    for (size_t i = 0; i < LG_H2_MEMO_ENTRIES; i++)
        m->entries[i].valid = false;
}

/* A value's length must be one byte (under 127) for the hole to be found by its place. */
static bool matches(const struct lg_h2_memo_entry *e, struct lg_slice block,
                    struct lg_h2_hole *hole)
{
    size_t size, suffix;

    if (!e->hole)
        return lg_slice_eq_short(lg_buf_slice(&e->block), block);
    suffix = e->block.size - e->prefix;
    if (block.size < e->prefix + 1 + suffix || memcmp(e->block.data, block.data, e->prefix) != 0)
        return false;
    size = block.data[e->prefix] & 127;
    if (size == 127 || block.size != e->prefix + 1 + size + suffix ||
        memcmp(e->block.data + e->prefix, block.data + block.size - suffix, suffix) != 0)
        return false;
    hole->huffman = (block.data[e->prefix] & 128) != 0;
    hole->value = lg_slice(block.data + e->prefix + 1, size);
    hole->literal = lg_slice(block.data + e->literal, e->prefix + 1 + size - e->literal);
    return true;
}

struct lg_h2_memo_entry *lg_h2_memo_find(struct lg_h2_memo *m, struct lg_slice block,
                                         struct lg_h2_hole *hole)
{
    for (size_t i = 0; i < LG_H2_MEMO_ENTRIES; i++) {
        struct lg_h2_memo_entry *e = &m->entries[i];

        if (!e->valid || !matches(e, block, hole))
            continue;
        e->used = ++m->clock;
        m->hits++;
        return e;
    }
    return NULL;
}

/* --- Blocks ---------------------------------------------------------------------------------- */

/* An integer of RFC 7541, 5.1, as long as the decoder takes one: five bytes behind the first. */
static size_t skip_int(struct lg_slice block, size_t *at, unsigned prefix_bits)
{
    size_t most = ((size_t)1 << prefix_bits) - 1, value = block.data[(*at)++] & most;

    for (unsigned shift = 0; value >= most && *at < block.size && shift <= 28; shift += 7) {
        uint8_t byte = block.data[(*at)++];

        value += (size_t)(byte & 127) << shift;
        if ((byte & 128) == 0)
            break;
    }
    return value;
}

static void skip_string(struct lg_slice block, size_t *at)
{
    size_t length = *at < block.size ? skip_int(block, at, 7) : 0;

    *at += LG_MIN(length, block.size - *at);
}

enum kind { KIND_INDEX, KIND_INSERTED, KIND_LITERAL, KIND_SIZE };
struct piece { /* A field, or a new size of the table. */
    enum kind kind;
    size_t at, value; /* where it begins; of a literal, where its value's length stands */
};

/* The piece from *at on; moves *at behind it. */
static struct piece next_piece(struct lg_slice block, size_t *at)
{
    uint8_t first = block.data[*at];
    struct piece p = {.kind = KIND_INDEX, .at = *at};

    if ((first & 0x80) != 0) {
        (void)skip_int(block, at, 7);
        return p;
    }
    if ((first & 0xe0) == 0x20) {
        p.kind = KIND_SIZE;
        (void)skip_int(block, at, 5);
        return p;
    }
    p.kind = (first & 0x40) != 0 ? KIND_INSERTED : KIND_LITERAL;
    if (skip_int(block, at, p.kind == KIND_INSERTED ? 6 : 4) == 0)
        skip_string(block, at);
    p.value = *at;
    skip_string(block, at);
    return p;
}

bool lg_h2_memo_decoded(struct lg_h2_memo *m, struct lg_slice block)
{
    size_t at = 0;

    while (at < block.size) {
        enum kind kind = next_piece(block, &at).kind;

        if (kind != KIND_INSERTED && kind != KIND_SIZE)
            continue;
        lg_h2_memo_forget(m);
        return true;
    }
    return false;
}

/* Where the n-th field of a block that has no other pieces begins, and where its value's length
 * stands: both 0 when it is an index. False: it is a literal, but not of the form of a hole. */
static bool find_hole(struct lg_slice block, size_t n, size_t *literal, size_t *prefix)
{
    struct piece p = {.kind = KIND_INDEX};
    size_t at = 0;

    *literal = *prefix = 0;
    while (n-- > 0 && at < block.size)
        p = next_piece(block, &at);
    if (p.kind != KIND_LITERAL)
        return true;
    *literal = p.at;
    *prefix = p.value;
    return p.value < block.size && (block.data[p.value] & 127) < LG_H2_MEMO_HOLE_MAX;
}

/* --- The memory ------------------------------------------------------------------------------ */

/* Once all places are taken, a block must have come before to displace another: paths that differ
 * each time must not push out those that repeat. */
static bool seen_before(struct lg_h2_memo *m, struct lg_slice block, size_t literal, size_t prefix)
{
    size_t skip = prefix == 0 ? 0 : (size_t)(block.data[prefix] & 127) + 1;
    uint64_t hash = lg_hash64(block.data, prefix == 0 ? block.size : prefix, literal);

    if (prefix != 0)
        hash = lg_hash64(block.data + prefix + skip, block.size - prefix - skip, hash);
    for (size_t i = 0; i < LG_H2_MEMO_SEEN; i++)
        if (m->seen[i] == hash)
            return true;
    m->seen[m->seen_at++ % LG_H2_MEMO_SEEN] = hash;
    return false;
}

static struct lg_slice copy(struct lg_h2_memo_entry *e, struct lg_slice s)
{
    size_t at = e->text.size;

    lg_buf_append_slice(&e->text, s);
    return lg_slice(e->text.data + at, s.size); /* Reserved before: it does not move. */
}

static void fill(struct lg_h2_memo_entry *e, const struct lg_h2_request *rq)
{
    size_t bytes = rq->method.size + rq->scheme.size + rq->authority.size + rq->path.size +
                   rq->grpc_timeout.size + 1;

    for (size_t i = 0; i < rq->headers.size; i++)
        bytes += rq->headers.data[i].name.size + rq->headers.data[i].value.size;
    lg_buf_clear(&e->text);
    (void)lg_buf_reserve(&e->text, bytes);
    if (rq->headers.size > e->capacity) {
        e->capacity = rq->headers.size;
        e->headers =
            (struct lg_http_header *)lg_realloc(e->headers, e->capacity * sizeof(*e->headers));
    }
    e->request = *rq;
    e->request.method = copy(e, rq->method);
    e->request.scheme = copy(e, rq->scheme);
    e->request.authority = copy(e, rq->authority);
    e->request.path = copy(e, rq->path);
    e->request.headers.data = e->headers;
    for (size_t i = 0; i < rq->headers.size; i++) {
        e->headers[i].name = copy(e, rq->headers.data[i].name);
        e->headers[i].value = copy(e, rq->headers.data[i].value);
    }
    e->request.grpc_timeout = LG_SLICE_NULL;
    e->request.memo = &e->memo;
    e->memo = 0;
}

uintptr_t *lg_h2_memo_offer(struct lg_h2_memo *m, struct lg_slice block, size_t timeout,
                            const struct lg_h2_request *rq)
{
    struct lg_h2_memo_entry *e = &m->entries[0];
    size_t literal, prefix;

    if (block.size > LG_H2_MEMO_BLOCK_MAX || block.size == 0 ||
        !find_hole(block, timeout, &literal, &prefix))
        return NULL;
    for (size_t i = 0; i < LG_H2_MEMO_ENTRIES && e->valid; i++)
        if (!m->entries[i].valid || m->entries[i].used < e->used)
            e = &m->entries[i];
    if (e->valid && !seen_before(m, block, literal, prefix))
        return NULL;
    e->hole = prefix > 0;
    e->prefix = (uint32_t)prefix;
    e->literal = (uint32_t)literal;
    lg_buf_clear(&e->block);
    if (e->hole) {
        size_t end = prefix + 1 + (block.data[prefix] & 127);

        lg_buf_append(&e->block, block.data, prefix);
        lg_buf_append(&e->block, block.data + end, block.size - end);
    } else {
        lg_buf_append_slice(&e->block, block);
    }
    fill(e, rq);
    if (!e->hole)
        e->request.grpc_timeout =
            rq->grpc_timeout.data == NULL ? LG_SLICE_NULL : copy(e, rq->grpc_timeout);
    e->used = ++m->clock;
    e->valid = true;
    return &e->memo;
}
