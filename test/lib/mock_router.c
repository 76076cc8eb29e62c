#include "test/lib/mock_router.h"

#include <stdio.h>

#include "base/json.h"
#include "base/list.h"
#include "base/str.h"
#include "read/wire.h"
#include "test/test.h"

struct mock_conn {
    struct lg_mock_router *mock; /* NULL: it stopped */
    struct lg_list link;
    struct lg_conn *conn;
    struct lg_http1 *parser;
    struct lg_http1_message message;
};

/* --- Answers. ----------------------------------------------------------------------------------
 */

static void write_reply(const struct lg_mock_reply *r, struct lg_buf *out)
{
    size_t size = r->cut || r->stall ? r->body.size / 2 : r->body.size;

    lg_buf_appendf(out, "HTTP/1.1 %d Mock\r\n%s", r->status, r->headers == NULL ? "" : r->headers);
    if (!r->chunked) {
        lg_buf_appendf(out, "Content-Length: %zu\r\n\r\n", r->body.size);
        lg_buf_append(out, r->body.data, size);
        return;
    }
    lg_buf_append_str(out, "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0; at < size; at += 3) {
        size_t n = LG_MIN((size_t)3, size - at);

        lg_buf_appendf(out, "%zx\r\n", n);
        lg_buf_append(out, r->body.data + at, n);
        lg_buf_append_str(out, "\r\n");
    }
    if (!r->cut && !r->stall)
        lg_buf_append_str(out, "0\r\n\r\n");
}

static struct lg_json *schema_json(int id, const char *text)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_int(json, "id", id);
    lg_json_set_int(json, "derivedSchemaId", -1);
    lg_json_set_str(json, "schemaStr", text);
    return json;
}

static size_t schema_count(const struct lg_mock_router *m)
{
    size_t n = 0;

    while (n < LG_MOCK_SCHEMAS_MAX && m->value_schema[n] != NULL)
        n++;
    return n;
}

static struct lg_json *metadata(const struct lg_mock_router *m, struct lg_slice target)
{
    LG_AUTO_STR char *path = lg_strndup((const char *)target.data, target.size);
    LG_AUTO_STR char *ids = lg_strf("/all_value_schema_ids/%s", m->store);
    LG_AUTO_STR char *all = lg_strf("/value_schema/%s", m->store);
    LG_AUTO_STR char *key = lg_strf("/key_schema/%s", m->store);
    struct lg_json *json = lg_json_new_object(), *list = lg_json_new_array();
    size_t n = schema_count(m);
    int64_t id;

    lg_json_set_str(json, "error", NULL);
    if (strcmp(path, ids) == 0 && !m->no_ids) {
        for (size_t i = 0; i < n - m->hidden; i++)
            lg_json_push(list, lg_json_new_int((int64_t)i + 1));
        lg_json_set_int(json, "superSetSchemaId", -1);
        lg_json_set(json, "schemaIdSet", list);
        return json;
    }
    if (strcmp(path, all) == 0) {
        for (size_t i = 0; i < n; i++)
            lg_json_push(list, schema_json((int)i + 1, m->value_schema[i]));
        lg_json_set(json, "schemas", list);
        return json;
    }
    lg_json_unref(list);
    lg_json_unref(json);
    if (strcmp(path, key) == 0)
        return schema_json(1, m->key_schema);
    if (strncmp(path, all, strlen(all)) == 0 && path[strlen(all)] == '/' &&
        lg_parse_i64(lg_slice_str(path + strlen(all) + 1), 1, (int64_t)n, &id))
        return schema_json((int)id, m->value_schema[id - 1]);
    return NULL;
}

static void answer(struct mock_conn *c)
{
    struct lg_mock_router *m = c->mock;
    LG_SCOPED(lg_buf) body = {0};
    LG_SCOPED(lg_buf) out = {0};
    struct lg_mock_reply reply = {.status = 200};

    m->requests++;
    lg_buf_appendf(&m->asked, "%s %.*s\n", lg_http_method_name(c->message.method),
                   LG_FMT(c->message.target));
    if (lg_slice_starts(c->message.target, LG_LIT("/storage/"))) {
        m->reads++;
        m->handle(m, &c->message, &reply);
    } else if (m->metadata_status != 0) {
        reply.status = m->metadata_status;
        reply.body = LG_LIT("not now");
    } else {
        LG_AUTO(lg_json) *json = m->key_schema == NULL ? NULL : metadata(m, c->message.target);

        if (json != NULL)
            lg_json_write(&body, json, /* pretty= */ false);
        else
            lg_buf_append_str(&body, "no such thing");
        reply.status = json == NULL ? 404 : 200;
        reply.body = lg_buf_slice(&body);
    }
    if (reply.silent)
        return;
    if (!reply.hang_up) {
        write_reply(&reply, &out);
        lg_conn_send(c->conn, &out);
    }
    if (reply.hang_up || reply.cut)
        lg_conn_close(c->conn, /* after_flush= */ true);
}

/* --- Connections. ------------------------------------------------------------------------------
 */

static void received(void *ctx, struct lg_conn *conn, struct lg_slice bytes)
{
    struct mock_conn *c = ctx;

    (void)conn;
    while (bytes.size > 0 && c->mock != NULL) {
        size_t used;
        enum lg_http1_event event = lg_http1_feed(c->parser, bytes, &used);

        assert_int_not_equal(event, LG_HTTP1_BAD);
        bytes = lg_slice_skip(bytes, used);
        if (event != LG_HTTP1_COMPLETE)
            continue;
        lg_http1_take(c->parser, &c->message);
        answer(c);
    }
}

static void closed(void *ctx, struct lg_conn *conn, enum lg_rc why)
{
    struct mock_conn *c = ctx;

    (void)conn, (void)why;
    lg_list_remove(&c->link);
    lg_http1_free(c->parser);
    lg_http1_message_done(&c->message);
    lg_free(c);
}

static const struct lg_conn_handler handler = {.received = received, .closed = closed};

static void accepted(void *ctx, struct lg_conn *conn)
{
    struct lg_mock_router *m = ctx;
    struct mock_conn *c = lg_new(struct mock_conn);

    c->mock = m;
    c->conn = conn;
    c->parser = lg_http1_new(LG_HTTP1_REQUEST, (size_t)64 << 20);
    lg_list_push_back(&m->conns, &c->link);
    conn->handler = &handler;
    conn->ctx = c;
}

void lg_mock_router_start(struct lg_mock_router *m, struct lg_transport *transport,
                          struct lg_lane *lane, const char *host)
{
    struct lg_error err;

    if (m->conns.next == NULL)
        lg_list_init(&m->conns);
    m->transport = transport;
    assert_ok(lg_transport_listen(transport, lane, host, m->port, accepted, m, &m->listener, &err));
    m->port = lg_listener_port(m->listener);
}

void lg_mock_router_stop(struct lg_mock_router *m)
{
    lg_listener_close(m->listener);
    m->listener = NULL;
    LG_LIST_EACH(it, &m->conns)
    {
        struct mock_conn *c = LG_CONTAINER_OF(it, struct mock_conn, link);

        c->mock = NULL;
        lg_list_remove(&c->link);
        lg_conn_close(c->conn, /* after_flush= */ false);
    }
}

void lg_mock_router_done(struct lg_mock_router *m)
{
    lg_buf_done(&m->asked);
}

size_t lg_mock_keys(const struct lg_http1_message *rq, struct lg_slice *out, size_t max)
{
    struct lg_decoder d = lg_decoder_of(lg_buf_slice(&rq->body));
    struct lg_error err;
    bool end = false;
    size_t n = 0;

    while (n < max) {
        assert_ok(lg_wire_client_key_next(&d, &out[n], &end, &err));
        if (end)
            break;
        n++;
    }
    return n;
}
