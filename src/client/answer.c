#include "client/answer.h"

#include "base/str.h"

#define SAID_BYTES_MAX ((size_t)200)

enum lg_rc lg_answer_rc_of_status(int64_t status)
{
    switch (status) {
    case 400:
        return LG_ERR_INVALID;
    case 401:
    case 403:
        return LG_ERR_REFUSED;
    case 404:
        return LG_ERR_NOT_FOUND;
    case 405:
    case 501:
        return LG_ERR_UNSUPPORTED;
    case 413:
        return LG_ERR_TOO_LARGE;
    case 429: /* A quota. Another router would not make it larger. */
    case 529:
        return LG_ERR_BUSY;
    case 502: /* The router understood no server. */
        return LG_ERR_UNAVAILABLE;
    case 503:
        return LG_ERR_UNREADY;
    case 504:
        return LG_ERR_TIMEOUT;
    default:
        return LG_ERR_FAILED;
    }
}

/* What a router said, fit for a sentence: one line without control characters. */
static void quote(struct lg_slice said, char out[SAID_BYTES_MAX + 1])
{
    size_t n = 0;

    while (said.size > 0 && said.data[said.size - 1] <= ' ')
        said.size--;
    for (; n < said.size && n < SAID_BYTES_MAX; n++)
        out[n] = said.data[n] < ' ' || said.data[n] == 0x7f ? ' ' : (char)said.data[n];
    out[n] = '\0';
}

enum lg_rc lg_answer_status(const struct lg_http_call *call, const char *router,
                            struct lg_error *err)
{
    char said[SAID_BYTES_MAX + 1];

    if (call->rc != LG_OK) {
        *err = call->err;
        err->rc = call->rc;
        return call->rc;
    }
    if (call->status == 200)
        return LG_OK;
    quote(lg_buf_slice(&call->response_body), said);
    return lg_error_set(err, lg_answer_rc_of_status(call->status), "the router %s answers %d%s%s",
                        router, call->status, said[0] == '\0' ? "" : ": ", said);
}

/* --- Headers. ----------------------------------------------------------------------------------
 */

static enum lg_rc schema_id_of(const struct lg_http_call *call, const char *router, int32_t *out,
                               struct lg_error *err)
{
    struct lg_slice text = lg_http_header(&call->response_headers, "X-VENICE-SCHEMA-ID");
    int64_t id;

    if (text.data == NULL)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the router %s answered without the header X-VENICE-SCHEMA-ID; is it "
                            "a router of Lagoon or Venice?",
                            router);
    if (!lg_parse_i64(text, 1, INT32_MAX, &id))
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the router %s answered with the schema id '%.*s'", router,
                            (int)LG_MIN(text.size, (size_t)40), (const char *)text.data);
    *out = (int32_t)id;
    return LG_OK;
}

static enum lg_rc compression_of(const struct lg_http_call *call, const char *router,
                                 enum lg_compression *out, struct lg_error *err)
{
    struct lg_slice text = lg_http_header(&call->response_headers, "X-VENICE-COMPRESSION-STRATEGY");
    int64_t id = 0;

    if (text.data != NULL && (!lg_parse_i64(text, 0, INT32_MAX, &id)))
        id = -1;
    if (!lg_compression_from_id(id, out))
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the router %s answered with the unknown compression '%.*s'", router,
                            (int)LG_MIN(text.size, (size_t)40), (const char *)text.data);
    return LG_OK;
}

static int32_t version_of(const struct lg_http_call *call)
{
    struct lg_slice text = lg_http_header(&call->response_headers, "X-LAGOON-VERSION");
    int64_t version;

    return text.data != NULL && lg_parse_i64(text, 1, INT32_MAX, &version) ? (int32_t)version : 0;
}

/* --- Bodies. -----------------------------------------------------------------------------------
 */

enum lg_rc lg_answer_single(const struct lg_http_call *call, const char *router,
                            struct lg_slice body, struct lg_read *read, struct lg_error *err)
{
    struct lg_read_key *key = read->keys[0];
    enum lg_compression compression;
    const uint8_t *copy;
    int32_t id;
    enum lg_rc rc;

    if (call->rc == LG_OK && call->status == 404) {
        key->rc = LG_ERR_NOT_FOUND;
        return LG_OK;
    }
    rc = lg_answer_status(call, router, err);
    if (rc == LG_OK)
        rc = schema_id_of(call, router, &id, err);
    if (rc == LG_OK)
        rc = compression_of(call, router, &compression, err);
    if (rc != LG_OK)
        return rc;
    copy = lg_arena_copy(read->arena, body);
    if (copy == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the answer needs more memory than answer_bytes_max allows");
    key->rc = LG_OK;
    key->schema_id = id;
    key->value = lg_slice(copy, body.size);
    key->compression = compression;
    key->version = version_of(call);
    return LG_OK;
}

enum lg_rc lg_answer_multi_begin(const struct lg_http_call *call, const char *router,
                                 struct lg_multi_answer *m, struct lg_error *err)
{
    int32_t protocol;
    enum lg_rc rc = schema_id_of(call, router, &protocol, err);

    if (rc == LG_OK && protocol != 1)
        rc = lg_error_set(err, LG_ERR_BAD_DATA,
                          "the router %s answered several keys in version %d of the protocol; "
                          "this library reads 1",
                          router, protocol);
    if (rc == LG_OK)
        rc = compression_of(call, router, &m->compression, err);
    if (rc != LG_OK)
        return rc;
    m->version = version_of(call);
    lg_multi_answer_begin(m);
    return LG_OK;
}
