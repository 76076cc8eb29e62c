/* A connection of `lagoon bench` that speaks gRPC over HTTP/2 (docs/formats/grpc.md): unary calls
 * of Venice's read service, or one stream of our own with many batches on it.
 *
 *   CLOSED ─▶ CONNECTING ─▶ OPEN ─▶ CLOSED (the load opens it anew)
 */
#include "admin/bench_load.h"

#include <stdio.h>

#include "base/str.h"
#include "net/grpc.h"
#include "read/wire.h"

#define ABSENT ((uint32_t)-420)
#define MESSAGE_BYTES_MAX ((size_t)64 << 20)
#define TEXT_BYTES_MAX 256u

struct grpc_call { /* A unary call, or the stream. */
    struct grpc *link;
    struct grpc_call *next; /* of those that are free */
    uint32_t slot;          /* NO_SLOT: given up, or the stream */
    uint32_t stream;
    int http, status; /* -1: not said */
    struct lg_buf body, text;
};
#define NO_SLOT UINT32_MAX

struct grpc_slot {
    struct grpc_call *call; /* unary */
    uint32_t turn;          /* of a stream's slot: which use of it a batch id means */
    uint32_t found, missing;
    uint64_t value_bytes;
};

struct grpc {
    struct lg_bench_link head;
    const struct lg_bench_load_options *o;
    struct lg_conn *conn;
    struct lg_h2_client *h2;
    struct grpc_slot *slots;
    struct grpc_call *spare;
    struct grpc_call *stream; /* of LG_BENCH_STREAM */
    struct lg_grpc_reader reader;
    struct lg_arena *arena;
    struct lg_buf authority, message, field;
    bool is_open, stream_ended, is_closing;
    char stream_said[LG_BENCH_EXAMPLE_BYTES / 2]; /* as it ended */
};

static struct grpc *of(struct lg_bench_link *k)
{
    return LG_CONTAINER_OF(k, struct grpc, head);
}

static void settle(struct grpc *g, uint32_t slot, enum lg_bench_error error, struct lg_slice text)
{
    lg_bench_settled(&g->head, slot,
                     &(struct lg_bench_outcome){.error = error,
                                                .found = g->slots[slot].found,
                                                .missing = g->slots[slot].missing,
                                                .value_bytes = g->slots[slot].value_bytes,
                                                .text = text});
}

/* --- Calls. ------------------------------------------------------------------------------------
 */

static struct grpc_call *take_call(struct grpc *g, uint32_t slot)
{
    struct grpc_call *c = g->spare;

    if (c != NULL)
        g->spare = c->next;
    else
        c = lg_new(struct grpc_call);
    c->link = g;
    c->slot = slot;
    c->stream = 0;
    c->http = c->status = -1;
    lg_buf_clear(&c->body);
    lg_buf_clear(&c->text);
    return c;
}

static void put_back(struct grpc *g, struct grpc_call *c)
{
    c->next = g->spare;
    g->spare = c;
}

static uint32_t begin_call(struct grpc *g, enum lg_rpc rpc, struct lg_slice body, bool is_last,
                           struct grpc_call *c)
{
    const struct lg_http_header fields[] = {{LG_LIT(":method"), LG_LIT("POST")},
                                            {LG_LIT(":scheme"), LG_LIT("http")},
                                            {LG_LIT(":path"), lg_rpc_methods[rpc].path},
                                            {LG_LIT(":authority"), lg_buf_slice(&g->authority)},
                                            {LG_LIT("te"), LG_LIT("trailers")},
                                            {LG_LIT("content-type"), LG_LIT("application/grpc")},
                                            {LG_LIT("user-agent"), LG_LIT("lagoon-bench")}};

    return lg_h2_client_call(g->h2, fields, LG_ARRAY_SIZE(fields), body, is_last, c);
}

/* --- Unary answers. ----------------------------------------------------------------------------
 */

static bool read_values(struct grpc_slot *s, uint32_t count, struct lg_slice records)
{
    struct lg_decoder d = {.in = records};
    struct lg_wire_value v;
    bool end = false;

    for (;;) {
        if (lg_wire_value_next(&d, &v, &end, NULL) != LG_OK)
            return false;
        if (end)
            break;
        if (v.schema_id == LG_SCHEMA_ID_FOOTER || s->found == count)
            return false;
        if (v.schema_id == LG_SCHEMA_ID_NOT_FOUND)
            continue;
        s->found++;
        s->value_bytes += v.value.size;
    }
    s->missing = count - s->found;
    return true;
}

static enum lg_bench_error read_answer(struct grpc *g, struct grpc_call *c, struct lg_slice *text)
{
    struct grpc_slot *s = &g->slots[c->slot];
    const struct lg_bench_request *rq = &g->head.slots[c->slot];
    struct lg_venice_server_response a;
    struct lg_slice message;
    enum lg_bench_error error;

    if (!lg_grpc_single(lg_buf_slice(&c->body), MESSAGE_BYTES_MAX, &message) ||
        lg_pb_decode(&lg_venice_server_response_pb, message, NULL, &a, NULL) != LG_OK)
        return LG_BENCH_BAD_ANSWER;
    if (a.error_code == ABSENT && rq->count == 1) {
        s->missing = 1;
        return LG_BENCH_ERRORS;
    }
    *text = a.error_message;
    error = lg_bench_error_of_http(a.error_code > 999 ? 0 : (int)a.error_code);
    if (error != LG_BENCH_ERRORS)
        return error;
    if (g->head.plan->kind == LG_BENCH_BATCH)
        return read_values(s, rq->count, a.data) ? LG_BENCH_ERRORS : LG_BENCH_BAD_ANSWER;
    s->found = 1;
    s->value_bytes = a.data.size;
    return LG_BENCH_ERRORS;
}

static enum lg_bench_error error_of_reset(uint32_t code)
{
    switch (code) {
    case LG_H2_REFUSED_STREAM:
        return LG_BENCH_UNREADY;
    case LG_H2_ENHANCE_YOUR_CALM:
        return LG_BENCH_OVERLOADED;
    default:
        return LG_BENCH_LOST;
    }
}

static enum lg_bench_error error_of_end(const struct grpc_call *c, uint32_t code)
{
    if (code != LG_H2_NO_ERROR)
        return error_of_reset(code);
    if (c->http != 200)
        return c->http < 0 ? LG_BENCH_BAD_ANSWER : lg_bench_error_of_http(c->http);
    if (c->status < 0)
        return LG_BENCH_BAD_ANSWER;
    return lg_bench_error_of_grpc((enum lg_grpc_status)c->status);
}

/* --- The stream. -------------------------------------------------------------------------------
 */

static void settle_all(struct grpc *g, enum lg_bench_error error, struct lg_slice text)
{
    for (uint32_t slot = 0; slot < g->head.slot_count; slot++)
        if (g->head.slots[slot].is_used)
            settle(g, slot, error, text);
}

/* The connection is of no use without its stream. */
static void stream_closed(struct grpc *g, const struct grpc_call *c, uint32_t code)
{
    enum lg_bench_error error = error_of_end(c, code);

    g->stream_ended = true;
    g->stream = NULL;
    (void)snprintf(g->stream_said, sizeof(g->stream_said), "%.*s", LG_FMT(lg_buf_slice(&c->text)));
    settle_all(g, error == LG_BENCH_ERRORS ? LG_BENCH_LOST : error, lg_buf_slice(&c->text));
}

static void take_part(struct grpc *g, const struct lg_stream_batch_get_response *a)
{
    uint32_t slot = (uint32_t)a->batch_id, turn = (uint32_t)(a->batch_id >> 32);
    struct grpc_slot *s = &g->slots[slot];
    const struct lg_bench_request *rq;
    enum lg_bench_error error;

    /* A batch that was given up may still have had answers on their way. */
    if (slot >= g->head.slot_count || s->turn != turn || !g->head.slots[slot].is_used)
        return;
    rq = &g->head.slots[slot];
    s->found += a->values.size;
    s->missing += a->missing.size;
    for (uint32_t i = 0; i < a->values.size; i++)
        s->value_bytes += a->values.data[i].data.size;
    if (a->end == NULL)
        return;
    error = lg_bench_error_of_grpc((enum lg_grpc_status)a->end->status);
    if (error == LG_BENCH_ERRORS && s->found + s->missing != rq->count)
        error = LG_BENCH_BAD_ANSWER;
    settle(g, slot, error, a->end->message);
}

static void take_parts(struct grpc *g, struct lg_slice bytes)
{
    struct lg_stream_batch_get_response a;
    struct lg_slice message;
    bool has = true;

    while (!g->stream_ended) {
        if (lg_grpc_next(&g->reader, &bytes, &message, &has, NULL) != LG_OK || !has)
            break;
        lg_arena_reset(g->arena);
        if (lg_pb_decode(&lg_stream_batch_get_response_pb, message, g->arena, &a, NULL) != LG_OK) {
            settle_all(g, LG_BENCH_BAD_ANSWER, LG_SLICE_NULL);
            return;
        }
        take_part(g, &a);
    }
}

static void send_batch(struct grpc *g, uint32_t slot)
{
    const struct lg_bench_plan *p = g->head.plan;
    const struct lg_bench_request *rq = &g->head.slots[slot];
    struct lg_stream_key *keys = lg_arena_zalloc(g->arena, rq->count * sizeof(*keys));
    struct lg_stream_batch batch = {.store = lg_slice_str(p->store), .version = p->version};
    struct lg_stream_batch_get_request request = {.batch_id =
                                                      (uint64_t)++g->slots[slot].turn << 32 | slot,
                                                  .action_case = LG_STREAM_BATCH_GET_REQUEST_GET,
                                                  .action.get = &batch};
    enum lg_rc rc;

    assert(keys != NULL); /* The arena's limit is made for a batch. */
    for (uint32_t i = 0; i < rq->count; i++)
        keys[i] = (struct lg_stream_key){.id = i,
                                         .key = lg_bench_key_bytes(p, rq->keys[i]),
                                         .partition = p->keys.data[rq->keys[i]].partition,
                                         .has_partition = true};
    batch.keys.data = keys;
    batch.keys.size = rq->count;
    rc = lg_grpc_append(&g->message, &lg_stream_batch_get_request_pb, &request, NULL);
    assert(rc == LG_OK);
    (void)rc;
    lg_h2_client_write(g->h2, g->stream->stream, lg_buf_slice(&g->message), /* is_last= */ false);
    lg_arena_reset(g->arena);
}

/* --- Unary requests. ---------------------------------------------------------------------------
 */

static enum lg_rpc write_request(struct grpc *g, const struct lg_bench_request *rq)
{
    const struct lg_bench_plan *p = g->head.plan;
    char resource[300];
    int size = snprintf(resource, sizeof(resource), "%s_v%u", p->store, p->version);
    struct lg_venice_client_request m = {
        .resource_name = lg_slice(resource, LG_MIN((size_t)size, sizeof(resource) - 1)),
        .method = p->kind == LG_BENCH_GET ? LG_LIT("GET") : LG_LIT("POST")};
    enum lg_rc rc;

    lg_buf_clear(&g->field);
    if (p->kind == LG_BENCH_GET) {
        lg_base64_encode(&g->field, lg_bench_key_bytes(p, rq->keys[0]), /* url_safe= */ true);
        lg_buf_append_str(&g->field, "?f=b64");
        m.key_string = lg_buf_slice(&g->field);
        m.partition = p->keys.data[rq->keys[0]].partition;
    } else {
        for (uint32_t i = 0; i < rq->count; i++)
            lg_wire_key_add(&g->field,
                            &(struct lg_wire_key){(int32_t)i, lg_bench_key_bytes(p, rq->keys[i]),
                                                  (int32_t)p->keys.data[rq->keys[i]].partition});
        m.key_bytes = lg_buf_slice(&g->field);
        m.is_batch_request = true;
    }
    rc = lg_grpc_append(&g->message, &lg_venice_client_request_pb, &m, NULL);
    assert(rc == LG_OK);
    (void)rc;
    return p->kind == LG_BENCH_GET ? LG_RPC_VENICE_READ_GET : LG_RPC_VENICE_READ_BATCH_GET;
}

static void send(struct lg_bench_link *k, uint32_t slot)
{
    struct grpc *g = of(k);
    struct grpc_slot *s = &g->slots[slot];
    enum lg_rpc rpc;

    s->found = s->missing = 0;
    s->value_bytes = 0;
    lg_buf_clear(&g->message);
    if (k->plan->kind == LG_BENCH_STREAM) {
        send_batch(g, slot);
        return;
    }
    rpc = write_request(g, &k->slots[slot]);
    s->call = take_call(g, slot);
    s->call->stream = begin_call(g, rpc, lg_buf_slice(&g->message), /* is_last= */ true, s->call);
    if (s->call->stream == 0) {
        put_back(g, s->call);
        settle(g, slot, LG_BENCH_UNREADY, LG_LIT("the server is going away"));
    }
}

static uint32_t room(const struct lg_bench_link *k)
{
    const struct grpc *g = LG_CONTAINER_OF(k, const struct grpc, head);

    if (!g->is_open || g->stream_ended)
        return 0;
    return k->plan->kind == LG_BENCH_STREAM ? k->slot_count - k->used : lg_h2_client_room(g->h2);
}

static void flush(struct lg_bench_link *k)
{
    struct grpc *g = of(k);
    struct lg_slice out;

    while (g->h2 != NULL && (out = lg_h2_client_output(g->h2)).size > 0) {
        LG_SCOPED(lg_buf) bytes = {0};

        lg_buf_append_slice(&bytes, out);
        lg_h2_client_sent(g->h2, out.size);
        lg_conn_send(g->conn, &bytes);
    }
}

static void drop(struct lg_bench_link *k, uint32_t slot)
{
    struct grpc *g = of(k);
    struct grpc_slot *s = &g->slots[slot];

    if (!g->is_open)
        return;
    if (k->plan->kind == LG_BENCH_STREAM) {
        s->turn++;
        return;
    }
    s->call->slot = NO_SLOT;
    lg_h2_client_reset(g->h2, s->call->stream, LG_H2_CANCEL);
    flush(k);
}

/* --- What the connection tells. ----------------------------------------------------------------
 */

static void on_field(void *ctx, void *call, struct lg_slice name, struct lg_slice value)
{
    struct grpc_call *c = (struct grpc_call *)call;
    uint64_t number;

    (void)ctx;
    if (lg_slice_eq(name, LG_LIT(":status")))
        c->http = lg_parse_u64(value, 999, &number) ? (int)number : 0;
    else if (lg_slice_eq(name, LG_LIT("grpc-status")))
        c->status = (int)lg_grpc_parse_status(value);
    else if (lg_slice_eq(name, LG_LIT("grpc-message")))
        lg_grpc_decode_text(&c->text, lg_slice(value.data, LG_MIN(value.size, TEXT_BYTES_MAX)));
}

static void on_body(void *ctx, void *call, struct lg_slice bytes)
{
    struct grpc *g = (struct grpc *)ctx;
    struct grpc_call *c = (struct grpc_call *)call;

    if (c == g->stream)
        take_parts(g, bytes);
    else if (c->slot != NO_SLOT)
        lg_buf_append_slice(&c->body, bytes);
}

static void on_closed(void *ctx, void *call, uint32_t code)
{
    struct grpc *g = (struct grpc *)ctx;
    struct grpc_call *c = (struct grpc_call *)call;
    struct lg_slice text = lg_buf_slice(&c->text);
    enum lg_bench_error error;

    if (g->is_closing) {
        put_back(g, c);
        return;
    }
    if (c == g->stream) {
        stream_closed(g, c, code);
    } else if (c->slot != NO_SLOT) {
        error = error_of_end(c, code);
        if (error == LG_BENCH_ERRORS)
            error = read_answer(g, c, &text);
        settle(g, c->slot, error, text);
    }
    put_back(g, c);
}

static const struct lg_h2_client_handler h2_handler = {on_field, on_body, on_closed};

static void conn_opened(void *ctx, struct lg_conn *conn)
{
    struct grpc *g = (struct grpc *)ctx;

    (void)conn;
    g->h2 = g->o->h2_new(&h2_handler, g);
    g->is_open = true;
    g->stream_ended = false;
    g->stream_said[0] = 0;
    if (g->head.plan->kind == LG_BENCH_STREAM) {
        g->stream = take_call(g, NO_SLOT);
        g->stream->stream = begin_call(g, LG_RPC_READ_BATCH_GET, LG_SLICE_NULL,
                                       /* is_last= */ false, g->stream);
        g->reader.message_bytes_max = MESSAGE_BYTES_MAX;
    }
    flush(&g->head);
    lg_bench_link_is_open(&g->head);
}

static void conn_received(void *ctx, struct lg_conn *conn, struct lg_slice bytes)
{
    struct grpc *g = (struct grpc *)ctx;
    bool goes_on;

    if (g->h2 == NULL)
        return;
    goes_on = lg_h2_client_input(g->h2, bytes);
    flush(&g->head);
    if (!goes_on || g->stream_ended)
        lg_conn_close(conn, /* after_flush= */ true);
    else
        lg_bench_link_has_room(&g->head);
}

static void conn_drained(void *ctx, struct lg_conn *conn)
{
    (void)ctx, (void)conn;
}

static void conn_closed(void *ctx, struct lg_conn *conn, enum lg_rc why)
{
    struct grpc *g = (struct grpc *)ctx;
    char text[LG_BENCH_EXAMPLE_BYTES];

    (void)snprintf(text, sizeof(text), "%s:%u: %s", g->head.target->host, g->head.target->port,
                   conn->fault[0] != 0 ? conn->fault
                   : g->stream_said[0] ? g->stream_said
                   : why == LG_OK      ? "it hung up (where TLS is spoken, name --tls-ca)"
                                       : lg_rc_text(why));
    g->is_open = false;
    g->conn = NULL;
    lg_h2_client_free(g->h2); /* What is under way is told `closed`. */
    g->h2 = NULL;
    lg_grpc_reader_done(&g->reader);
    g->reader = (struct lg_grpc_reader){0};
    if (!g->is_closing)
        lg_bench_link_is_lost(&g->head, lg_slice_str(text));
}

static const struct lg_conn_handler conn_handler = {conn_opened, conn_received, conn_drained,
                                                    conn_closed};

/* --- Life. -------------------------------------------------------------------------------------
 */

static void open_link(struct lg_bench_link *k)
{
    struct grpc *g = of(k);

    assert(g->conn == NULL);
    if (g->slots == NULL) {
        g->slots = lg_new_array(struct grpc_slot, k->slot_count);
        g->arena = lg_arena_new(MESSAGE_BYTES_MAX);
        lg_buf_appendf(&g->authority, "%s:%u", k->target->host, k->target->port);
    }
    g->conn = lg_conn_open(g->o->transport, g->o->lane, k->target->host, k->target->port,
                           &conn_handler, g);
}

static void left_received(void *ctx, struct lg_conn *conn, struct lg_slice bytes)
{
    (void)ctx, (void)conn, (void)bytes;
}
static void left_told(void *ctx, struct lg_conn *conn)
{
    (void)ctx, (void)conn;
}
static void left_closed(void *ctx, struct lg_conn *conn, enum lg_rc why)
{
    (void)ctx, (void)conn, (void)why;
}
static const struct lg_conn_handler left_handler = {left_told, left_received, left_told,
                                                    left_closed};

/* The connection outlives the link until its transport has closed it. */
static void free_link(struct lg_bench_link *k)
{
    struct grpc *g = of(k);

    g->is_closing = true;
    if (g->conn != NULL) {
        g->conn->handler = &left_handler;
        g->conn->ctx = NULL;
        lg_conn_close(g->conn, /* after_flush= */ false);
    }
    lg_h2_client_free(g->h2);
    while (g->spare != NULL) {
        struct grpc_call *c = g->spare;

        g->spare = c->next;
        lg_buf_done(&c->body);
        lg_buf_done(&c->text);
        lg_free(c);
    }
    lg_grpc_reader_done(&g->reader);
    lg_arena_free(g->arena);
    lg_buf_done(&g->authority);
    lg_buf_done(&g->message);
    lg_buf_done(&g->field);
    lg_free(g->slots);
    lg_free(g);
}

static const struct lg_bench_link_ops ops = {open_link, room, send, flush, drop, free_link};

struct lg_bench_link *lg_bench_link_grpc_new(const struct lg_bench_load_options *o)
{
    struct grpc *g = lg_new(struct grpc);

    g->head.ops = &ops;
    g->o = o;
    return &g->head;
}
