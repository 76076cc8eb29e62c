#include "client/multi_answer.h"

#include "client/answer.h"
#include "read/wire.h"

/* Bytes of the longest int and long as varints. */
#define INT_BYTES_MAX 5u
#define LONG_BYTES_MAX 10u
#define TRAILER_HEADERS_MAX 100u

void lg_multi_answer_begin(struct lg_multi_answer *m)
{
    for (size_t i = 0; i < m->key_count; i++)
        m->keys[i]->rc = LG_ERR_UNREADY;
}

void lg_multi_answer_done(struct lg_multi_answer *m)
{
    lg_buf_done(&m->partial);
}

/* --- Where a record ends. ----------------------------------------------------------------------
 */

/* Reads a varint at `at`. Its length, 0 when more bytes are needed, -1 when it is too long. */
static int varint_at(struct lg_slice s, size_t at, size_t bytes_max, uint64_t *out)
{
    uint64_t v = 0;

    for (size_t i = 0; i < bytes_max; i++) {
        if (at + i >= s.size)
            return 0;
        v |= (uint64_t)(s.data[at + i] & 0x7fU) << (7 * i);
        if ((s.data[at + i] & 0x80U) == 0) {
            *out = v;
            return (int)i + 1;
        }
    }
    return -1;
}

static enum lg_rc malformed(struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_BAD_DATA, "a record of the answer is malformed");
}

/* How many bytes the first record of `s` takes: exactly, when `s` holds it whole; else at least,
 * and more than `s` holds. */
static enum lg_rc measure(const struct lg_multi_answer *m, struct lg_slice s, size_t *out,
                          struct lg_error *err)
{
    uint64_t zigzag, ignored;
    size_t at;
    int n = varint_at(s, 0, INT_BYTES_MAX, &ignored);

    *out = s.size + 1;
    if (n <= 0)
        return n == 0 ? LG_OK : malformed(err);
    at = (size_t)n;
    n = varint_at(s, at, LONG_BYTES_MAX, &zigzag);
    if (n <= 0)
        return n == 0 ? LG_OK : malformed(err);
    if ((zigzag & 1) != 0)
        return malformed(err); /* A negative length. */
    if (zigzag / 2 > m->value_bytes_max)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "a value of %llu bytes; value_bytes_max allows %zu",
                            (unsigned long long)(zigzag / 2), m->value_bytes_max);
    at += (size_t)n + (size_t)(zigzag / 2);
    if (at >= s.size) {
        *out = at + 1;
        return LG_OK;
    }
    n = varint_at(s, at, INT_BYTES_MAX, &ignored);
    if (n < 0)
        return malformed(err);
    *out = n == 0 ? s.size + 1 : at + (size_t)n;
    return LG_OK;
}

/* --- What a record says. -----------------------------------------------------------------------
 */

/* StreamingFooterRecordV1 {status: int; detail: bytes; trailerHeaders: map<string>}. */
static enum lg_rc take_footer(struct lg_multi_answer *m, struct lg_slice footer,
                              struct lg_error *err)
{
    struct lg_decoder d = lg_decoder_of(footer);
    struct lg_slice detail, word;
    int32_t status;
    uint64_t block = 1, headers = 0;
    enum lg_rc rc = lg_decode_int(&d, &status, err);

    if (rc == LG_OK)
        rc = lg_decode_bytes(&d, &detail, err);
    while (rc == LG_OK && block > 0) {
        rc = lg_decode_block(&d, /* item_bytes_min= */ 2, &block, err);
        headers += rc == LG_OK ? block : 0;
        if (headers > TRAILER_HEADERS_MAX)
            return lg_error_set(err, LG_ERR_BAD_DATA, "the answer's footer has over %u headers",
                                TRAILER_HEADERS_MAX);
        for (uint64_t i = 0; rc == LG_OK && i < 2 * block; i++)
            rc = lg_decode_string(&d, &word, err);
    }
    if (rc != LG_OK)
        return lg_error_wrap(err, "the answer's footer");
    m->footer_seen = true;
    m->status = status;
    detail.size = LG_MIN(detail.size, (size_t)LG_MULTI_DETAIL_BYTES_MAX);
    if (detail.size > 0)
        memcpy(m->detail, detail.data, detail.size);
    return LG_OK;
}

static enum lg_rc take_value(struct lg_multi_answer *m, struct lg_read_key *key,
                             const struct lg_wire_value *value, struct lg_error *err)
{
    const uint8_t *copy;

    if (value->schema_id == LG_SCHEMA_ID_NOT_FOUND) {
        key->rc = LG_ERR_NOT_FOUND;
        return LG_OK;
    }
    if (value->schema_id < 1)
        return lg_error_set(err, LG_ERR_BAD_DATA, "key %u was answered with the schema id %d",
                            key->index, value->schema_id);
    copy = lg_arena_copy(m->arena, value->value);
    if (copy == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the answer needs more memory than answer_bytes_max allows");
    key->rc = LG_OK;
    key->schema_id = value->schema_id;
    key->value = lg_slice(copy, value->value.size);
    key->compression = m->compression;
    key->version = m->version;
    return LG_OK;
}

static enum lg_rc take_record(struct lg_multi_answer *m, struct lg_slice record,
                              struct lg_error *err)
{
    struct lg_decoder d = lg_decoder_of(record);
    struct lg_wire_value value;
    bool end;
    int64_t index;
    enum lg_rc rc;

    if (m->footer_seen)
        return lg_error_set(err, LG_ERR_BAD_DATA, "a record follows the answer's footer");
    if (lg_wire_value_next(&d, &value, &end, err) != LG_OK)
        return malformed(err); /* Digits beyond 32 bits: measure() only looks for the ends. */
    assert(!end && lg_decoder_left(&d) == 0);
    if (value.index == LG_MULTI_FOOTER_INDEX && value.schema_id == LG_MULTI_FOOTER_SCHEMA_ID)
        return take_footer(m, value.value, err);
    index = value.schema_id == LG_SCHEMA_ID_NOT_FOUND ? -(int64_t)value.index : value.index;
    if (index < 0 || (uint64_t)index >= m->key_count)
        return lg_error_set(err, LG_ERR_BAD_DATA, "the answer names key %lld of %zu",
                            (long long)index, m->key_count);
    if (m->keys[index]->rc != LG_ERR_UNREADY)
        return lg_error_set(err, LG_ERR_BAD_DATA, "the answer names key %lld twice",
                            (long long)index);
    rc = take_value(m, m->keys[index], &value, err);
    if (rc == LG_OK && m->answered != NULL)
        m->answered(m->ctx, m->keys[index]);
    return rc;
}

/* --- Pieces. -----------------------------------------------------------------------------------
 */

/* Completes the record whose beginning is kept; `*io_bytes` moves on by what it took. */
static enum lg_rc go_on(struct lg_multi_answer *m, struct lg_slice *io_bytes, struct lg_error *err)
{
    while (io_bytes->size > 0) {
        size_t need, n;
        enum lg_rc rc = measure(m, lg_buf_slice(&m->partial), &need, err);

        if (rc != LG_OK)
            return rc;
        n = LG_MIN(need - m->partial.size, io_bytes->size);
        lg_buf_append(&m->partial, io_bytes->data, n);
        *io_bytes = lg_slice_skip(*io_bytes, n);
        rc = measure(m, lg_buf_slice(&m->partial), &need, err);
        if (rc != LG_OK)
            return rc;
        if (need == m->partial.size) {
            rc = take_record(m, lg_buf_slice(&m->partial), err);
            lg_buf_clear(&m->partial);
            return rc;
        }
    }
    return LG_OK;
}

enum lg_rc lg_multi_answer_feed(struct lg_multi_answer *m, struct lg_slice bytes,
                                struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    while (rc == LG_OK && bytes.size > 0) {
        size_t need;

        if (m->partial.size > 0) {
            rc = go_on(m, &bytes, err);
            continue;
        }
        rc = measure(m, bytes, &need, err);
        if (rc != LG_OK)
            break;
        if (need > bytes.size) {
            lg_buf_append_slice(&m->partial, bytes);
            break;
        }
        rc = take_record(m, lg_slice(bytes.data, need), err);
        bytes = lg_slice_skip(bytes, need);
    }
    return rc;
}

enum lg_rc lg_multi_answer_end(struct lg_multi_answer *m, struct lg_error *err)
{
    if (m->partial.size > 0)
        return lg_error_set(err, LG_ERR_BAD_DATA, "the answer ends inside a record");
    if (m->footer_seen && m->status != 200)
        return lg_error_set(err, lg_answer_rc_of_status(m->status), "the router says %lld%s%s",
                            (long long)m->status, m->detail[0] == '\0' ? "" : ": ", m->detail);
    for (size_t i = 0; i < m->key_count; i++)
        if (m->keys[i]->rc == LG_ERR_UNREADY)
            m->keys[i]->rc = LG_ERR_NOT_FOUND;
    return LG_OK;
}
