#include "drivers/nghttp2/h2_heads.h"

#define TIMEOUT "grpc-timeout"

static struct lg_slice text(nghttp2_rcbuf *string)
{
    nghttp2_vec v = nghttp2_rcbuf_get_buf(string);

    return lg_slice(v.base, v.len);
}

static bool is_timeout(nghttp2_rcbuf *name)
{
    return lg_slice_eq(text(name), LG_LIT(TIMEOUT));
}

/* --- Pairs ----------------------------------------------------------------------------------- */

static void let_go(struct lg_nghttp2_pair *pairs, size_t *count)
{
    for (size_t i = 0; i < LG_MIN(*count, (size_t)LG_NGHTTP2_HEAD_FIELDS); i++) {
        nghttp2_rcbuf_decref(pairs[i].name);
        nghttp2_rcbuf_decref(pairs[i].value);
    }
    *count = 0;
}

/* Holds on to the strings of a block that is not known; NULL in place of a timeout. */
static void hold(struct lg_nghttp2_heads *h, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
    if (h->count++ >= LG_NGHTTP2_HEAD_FIELDS)
        return;
    if (name != NULL) {
        nghttp2_rcbuf_incref(name);
        nghttp2_rcbuf_incref(value);
    }
    h->pairs[h->count - 1] = (struct lg_nghttp2_pair){name, value};
}

static bool are_same(const struct lg_nghttp2_pair *a, const struct lg_nghttp2_pair *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].name != b[i].name || a[i].value != b[i].value)
            return false;
    return true;
}

/* Those of the block that comes belong to `to` now, which lets go of its own. */
static void move_pairs(struct lg_nghttp2_heads *h, struct lg_nghttp2_pair *to, size_t *to_count)
{
    let_go(to, to_count);
    memcpy(to, h->pairs, LG_MIN(h->count, (size_t)LG_NGHTTP2_HEAD_FIELDS) * sizeof *to);
    *to_count = h->count;
    h->count = 0;
}

void lg_nghttp2_heads_init(struct lg_nghttp2_heads *h, size_t bytes_max, size_t count_max)
{
    *h = (struct lg_nghttp2_heads){.same = NULL};
    lg_h2_fields_init(&h->fields, bytes_max, count_max);
    for (size_t i = 0; i < LG_NGHTTP2_HEADS; i++)
        lg_h2_fields_init(&h->known[i].fields, bytes_max, count_max);
}

void lg_nghttp2_heads_done(struct lg_nghttp2_heads *h)
{
    for (size_t i = 0; i < LG_NGHTTP2_HEADS; i++) {
        let_go(h->known[i].pairs, &h->known[i].count);
        lg_h2_fields_done(&h->known[i].fields);
    }
    let_go(h->pairs, &h->count);
    let_go(h->last, &h->last_count);
    lg_h2_fields_done(&h->fields);
}

/* --- A block --------------------------------------------------------------------------------- */

void lg_nghttp2_heads_begin(struct lg_nghttp2_heads *h, bool trailers)
{
    let_go(h->pairs, &h->count); /* Of a block that had no end. */
    h->same = trailers ? NULL : h->recent;
    h->at = 0;
    if (h->same == NULL)
        lg_h2_fields_begin(&h->fields, trailers);
}

static void add_unknown(struct lg_nghttp2_heads *h, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
    if (!h->fields.timeout_seen && is_timeout(name))
        hold(h, NULL, NULL);
    else
        hold(h, name, value);
    lg_h2_fields_add(&h->fields, text(name), text(value));
}

/* The block is not what it was taken for: what came of it is judged after all. */
static void be_unknown(struct lg_nghttp2_heads *h)
{
    const struct lg_nghttp2_known *k = h->same;

    h->same = NULL;
    lg_h2_fields_begin(&h->fields, /* trailers= */ false);
    for (size_t i = 0; i < h->at; i++)
        if (k->pairs[i].name != NULL) {
            add_unknown(h, k->pairs[i].name, k->pairs[i].value);
        } else {
            hold(h, NULL, NULL);
            lg_h2_fields_add(&h->fields, LG_LIT(TIMEOUT), lg_slice(h->timeout, h->timeout_size));
        }
}

static bool take_timeout(struct lg_nghttp2_heads *h, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
    struct lg_slice v = text(value);

    if (!is_timeout(name) || v.size > sizeof h->timeout)
        return false;
    memcpy(h->timeout, v.data, v.size);
    h->timeout_size = v.size;
    return true;
}

static bool goes_on(struct lg_nghttp2_heads *h, const struct lg_nghttp2_known *k,
                    nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
    const struct lg_nghttp2_pair *pair = &k->pairs[h->at];

    if (h->at >= k->count)
        return false;
    if (LG_LIKELY(pair->name != NULL))
        return pair->name == name && pair->value == value;
    return take_timeout(h, name, value);
}

/* Another head that began as this one, and goes on as the block does. */
static struct lg_nghttp2_known *another(struct lg_nghttp2_heads *h, nghttp2_rcbuf *name,
                                        nghttp2_rcbuf *value)
{
    for (size_t i = 0; i < LG_NGHTTP2_HEADS; i++) {
        struct lg_nghttp2_known *k = &h->known[i];

        if (h->at < k->count && are_same(k->pairs, h->same->pairs, h->at) &&
            goes_on(h, k, name, value))
            return k;
    }
    return NULL;
}

void lg_nghttp2_heads_add_other(struct lg_nghttp2_heads *h, nghttp2_rcbuf *name,
                                nghttp2_rcbuf *value)
{
    struct lg_nghttp2_known *k = h->same;

    if (k != NULL && !goes_on(h, k, name, value)) {
        k = another(h, name, value);
        if (k == NULL)
            be_unknown(h);
        h->same = k;
    }
    if (LG_LIKELY(k != NULL))
        h->at++;
    else
        add_unknown(h, name, value);
}

void lg_nghttp2_heads_spoil(struct lg_nghttp2_heads *h)
{
    if (h->same != NULL)
        be_unknown(h);
    if (h->fields.verdict == LG_H2_FIELDS_GOOD)
        h->fields.verdict = LG_H2_FIELDS_MALFORMED;
}

/* --- Its end --------------------------------------------------------------------------------- */

static enum lg_h2_verdict end_known(struct lg_nghttp2_heads *h, struct lg_nghttp2_known *k,
                                    struct lg_h2_request *out)
{
    struct lg_slice timeout = lg_slice(h->timeout, h->timeout_size);

    k->used = ++h->clock;
    h->recent = k;
    *out = k->request;
    if (k->has_timeout) {
        if (!lg_h2_value_ok(timeout))
            return LG_H2_FIELDS_MALFORMED;
        out->grpc_timeout = timeout;
    }
    return LG_H2_FIELDS_GOOD;
}

/* The head that the block is, if it is known. */
static struct lg_nghttp2_known *is_all_of(struct lg_nghttp2_heads *h)
{
    if (LG_LIKELY(h->same->count == h->at))
        return h->same;
    for (size_t i = 0; i < LG_NGHTTP2_HEADS; i++)
        if (h->known[i].count == h->at && are_same(h->known[i].pairs, h->same->pairs, h->at))
            return &h->known[i];
    return NULL;
}

/* Where a head may be remembered; NULL: nowhere. One that came once displaces none. */
static struct lg_nghttp2_known *place(struct lg_nghttp2_heads *h)
{
    struct lg_nghttp2_known *oldest = &h->known[0];

    for (size_t i = 0; i < LG_NGHTTP2_HEADS; i++) {
        if (h->known[i].count == 0)
            return &h->known[i];
        if (h->known[i].used < oldest->used)
            oldest = &h->known[i];
    }
    return h->count == h->last_count && are_same(h->pairs, h->last, h->count) ? oldest : NULL;
}

static void remember(struct lg_nghttp2_heads *h, struct lg_h2_request *rq)
{
    struct lg_h2_fields fields = h->fields;
    struct lg_nghttp2_known *k;

    /* Another timeout must not bring the head over its limit. */
    if (h->count > LG_NGHTTP2_HEAD_FIELDS || fields.text.size > LG_NGHTTP2_HEAD_BYTES_MAX ||
        fields.list_bytes + LG_NGHTTP2_TIMEOUT_BYTES_MAX > fields.bytes_max)
        return;
    k = place(h);
    if (k == NULL) {
        move_pairs(h, h->last, &h->last_count);
        return;
    }
    move_pairs(h, k->pairs, &k->count);
    h->fields = k->fields; /* The request goes on borrowing from what is remembered. */
    k->fields = fields;
    k->memo = 0;
    rq->memo = &k->memo;
    k->request = *rq;
    k->request.grpc_timeout = LG_SLICE_NULL;
    k->has_timeout = rq->grpc_timeout.data != NULL;
    k->used = ++h->clock;
    h->recent = k;
}

enum lg_h2_verdict lg_nghttp2_heads_end(struct lg_nghttp2_heads *h, struct lg_h2_request *out)
{
    enum lg_h2_verdict verdict;

    if (LG_LIKELY(h->same != NULL)) {
        struct lg_nghttp2_known *k = is_all_of(h);

        if (k != NULL)
            return end_known(h, k, out);
        be_unknown(h);
    }
    verdict = lg_h2_fields_end(&h->fields, out);
    if (verdict == LG_H2_FIELDS_GOOD && out != NULL)
        remember(h, out);
    return verdict;
}
