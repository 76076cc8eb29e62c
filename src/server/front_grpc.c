/* gRPC of a storage node; see the header. A get that indexes answer costs no allocation: its parts
 * are in the call, in the tick's group and on the stack. */
#include "server/front_grpc.h"

#include <stdio.h>

#include "base/str.h"
#include "net/grpc_reflection.h"
#include "net/venice_rpc.h"
#include "read/wire.h"
#include "server/front_answer.h"
#include "server/front_ask.h"
#include "server/front_count.h"
#include "server/front_guard.h"
#include "server/front_stream.h"
#include "server/key_profiler.h"
#include "server/read_many.h"
#include "server/server.h"

#define LOOK_MS 500 /* at the server's state, while somebody watches */

struct lg_front_grpc {
    struct lg_front_grpc_options o;
    struct lg_grpc_health_board *board;
    struct lg_timer look;
    size_t watches;
    struct lg_front_stream_lane streams;
    size_t asks; /* under way to the server's lane: it stays until they are back */
    bool over;
};

#define NAME(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
static const struct lg_slice services[] = {
    NAME("com.linkedin.venice.protocols.VeniceReadService"),
    NAME("lagoon.read.v1.ReadService"),
    NAME("grpc.health.v1.Health"),
    NAME("grpc.reflection.v1.ServerReflection"),
    NAME("grpc.reflection.v1alpha.ServerReflection"),
};

static void ask_home(struct lg_front_grpc *f, struct lg_front_ask *ask)
{
    f->asks++;
    lg_front_ask(ask, f->o.lane, f->o.rest->home == NULL ? f->o.lane : f->o.rest->home_lane);
}

static void front_free(struct lg_front_grpc *f)
{
    lg_grpc_health_board_free(f->board);
    lg_free(f);
}

static void free_if_over(struct lg_front_grpc *f)
{
    if (f->over && f->asks == 0 && f->streams.streams == 0)
        front_free(f);
}

/* The last thing that a `back` does. */
static void ask_is_over(struct lg_front_grpc *f)
{
    f->asks--;
    free_if_over(f);
}

static void stream_left(struct lg_front_stream_lane *lane)
{
    free_if_over(LG_CONTAINER_OF(lane, struct lg_front_grpc, streams));
}

/* --- Answers of Venice's service ------------------------------------------------------------- */

#define OK 200u
#define KEY_NOT_FOUND ((uint32_t)-420)

/* What went wrong is a message under the status OK (wire-formats 6.2). */
LG_COLD static void answer_error(struct lg_rpc_call *call, int status, const char *text)
{
    LG_SCOPED(lg_buf) frame = {0};
    struct lg_venice_server_response rs = {.error_code = (uint32_t)status,
                                           .error_message = lg_slice_str(text)};
    struct lg_error err = {0};
    struct lg_slice piece;

    if (status == 400)
        lg_rpc_count_refused(LG_GRPC_BAD_REQUEST);
    if (lg_grpc_append(&frame, &lg_venice_server_response_pb, &rs, &err) != LG_OK) {
        lg_rpc_fail(call, LG_GRPC_INTERNAL, lg_slice_str(err.text)); /* A text that is not UTF-8. */
        return;
    }
    piece = lg_buf_slice(&frame);
    lg_rpc_answer(call, &piece, 1);
}

static void answer_value(struct lg_rpc_call *call, const struct lg_venice_server_response *rs)
{
    struct lg_venice_answer a;
    struct lg_slice pieces[3];

    lg_venice_answer(&a, rs);
    pieces[0] = lg_slice(a.head, a.head_size);
    pieces[1] = rs->data;
    pieces[2] = lg_slice(a.tail, a.tail_size);
    lg_rpc_answer(call, pieces, LG_ARRAY_SIZE(pieces));
}

/* --- What the table does not say ------------------------------------------------------------- */

struct why {
    struct lg_front_ask ask;
    struct lg_front_grpc *front;
    struct lg_rpc_call *call;
    enum lg_replica_found found;
    struct lg_slice topic; /* Behind. */
    int status;
    char text[LG_FRONT_TEXT_MAX];
    uint8_t room[];
};

static void why_there(struct lg_front_ask *ask)
{
    struct why *w = LG_CONTAINER_OF(ask, struct why, ask);
    const struct lg_front_rest *rest = w->front->o.rest;

    w->status = lg_front_why_missing((rest->home == NULL ? rest : rest->home)->catalog, w->topic,
                                     w->found, w->text);
}

static void why_back(struct lg_front_ask *ask)
{
    struct why *w = LG_CONTAINER_OF(ask, struct why, ask);

    answer_error(w->call, w->status, w->text);
    ask_is_over(w->front);
    lg_free(w);
}

static void answer_missing(struct lg_front_grpc *f, struct lg_rpc_call *call,
                           enum lg_replica_found found, struct lg_slice topic)
{
    size_t size = LG_MIN(topic.size, (size_t)LG_FRONT_TEXT_MAX);
    struct why *w = lg_zalloc(sizeof *w + size);

    if (size > 0)
        memcpy(w->room, topic.data, size);
    w->topic = lg_slice(w->room, size);
    w->front = f;
    w->call = call;
    w->found = found;
    w->ask.there = why_there;
    w->ask.back = why_back;
    lg_rpc_wait(call);
    ask_home(f, &w->ask);
}

/* --- Stores whose operator has turned gRPC off ------------------------------------------------ */

LG_COLD static void answer_off(struct lg_rpc_call *call)
{
    answer_error(call, 400, LG_FRONT_GRPC_OFF);
}

/* --- Who may read ---------------------------------------------------------------------------- */

static void refuse_read(struct lg_rpc_call *call, enum lg_authz_verdict verdict,
                        const struct lg_error *why, const char *principal, struct lg_slice store)
{
    struct lg_error err;
    enum lg_grpc_status status = lg_front_refuse_read(verdict, why, principal, store, &err);

    if (status == LG_GRPC_UNAVAILABLE)
        answer_error(call, 503, err.text);
    else /* Venice's clients know these two as statuses of gRPC. */
        lg_rpc_fail(call, status, lg_slice_str(err.text));
}

struct doubt { /* A call of somebody who is not known yet. */
    struct lg_front_doubt in;
    struct lg_front_grpc *front;
    struct lg_rpc_call *call;
    void (*allowed)(struct lg_front_grpc *f, struct lg_rpc_call *call,
                    const struct lg_venice_client_request *rq);
    struct lg_buf message;
};

static void doubt_over(struct lg_front_doubt *in)
{
    struct doubt *d = LG_CONTAINER_OF(in, struct doubt, in);
    struct lg_venice_client_request rq;
    struct lg_error err = {0};
    enum lg_rc rc = lg_venice_request_read(lg_buf_slice(&d->message), &rq, &err);

    assert(rc == LG_OK && "it was read once already");
    (void)rc;
    if (d->call->peer_gone) /* Nobody hears it, and what it reads with may be gone as well. */
        lg_rpc_fail(d->call, LG_GRPC_CANCELLED, LG_SLICE_NULL);
    else if (in->wait.verdict == LG_AUTHZ_ALLOWED)
        d->allowed(d->front, d->call, &rq);
    else
        refuse_read(d->call, in->wait.verdict, &in->wait.err, in->principal,
                    lg_slice_str(in->store));
    ask_is_over(d->front);
    lg_buf_done(&d->message);
    lg_free(d);
}

/* In front of every read, where that is asked: `allowed` now, later, or never. */
static void guard(struct lg_front_grpc *f, struct lg_rpc_call *call, struct lg_slice message,
                  const struct lg_venice_client_request *rq,
                  void (*allowed)(struct lg_front_grpc *f, struct lg_rpc_call *call,
                                  const struct lg_venice_client_request *rq))
{
    const struct lg_front_rest *rest = f->o.rest;
    enum lg_authz_verdict verdict;
    struct doubt *d;

    lg_read_group_enter(rest->group);
    verdict = lg_front_may_read(rest, call->identity, rq->resource_name);
    if (LG_LIKELY(verdict == LG_AUTHZ_ALLOWED)) {
        allowed(f, call, rq);
        return;
    }
    if (verdict == LG_AUTHZ_DENIED) {
        refuse_read(call, verdict, NULL, call->identity, lg_front_store_of(rq->resource_name));
        return;
    }
    d = lg_new(struct doubt);
    d->front = f;
    d->call = call;
    d->allowed = allowed;
    d->in.back = doubt_over;
    lg_buf_append_slice(&d->message, message);
    lg_rpc_wait(call);
    f->asks++;
    lg_front_doubt(&d->in, rest, f->o.lane, call->identity, lg_front_store_of(rq->resource_name));
}

/* --- What is over a limit -------------------------------------------------------------------- */

static void answer_limit(struct lg_rpc_call *call, enum lg_rc limit)
{
    answer_error(call, lg_rc_http(limit, /* is_post= */ false), lg_front_limit_text(limit));
}

/* --- get ------------------------------------------------------------------------------------- */

static void get_done(struct lg_read_get *get)
{
    struct lg_rpc_call *call = get->user;

    if (LG_LIKELY(get->rc == LG_OK))
        answer_value(call, &(struct lg_venice_server_response){.schema_id = get->schema_id,
                                                               .data = get->payload,
                                                               .compression_strategy =
                                                                   (uint32_t)get->compression,
                                                               .response_rcu = 1,
                                                               .error_code = OK});
    else if (get->rc == LG_ERR_NOT_FOUND)
        answer_value(call, &(struct lg_venice_server_response){.error_code = KEY_NOT_FOUND});
    else if (get->rc == LG_ERR_OVERLOADED)
        answer_limit(call, get->rc);
    else
        answer_error(call, get->rc == LG_ERR_UNREADY ? 503 : 500, get->err->text);
}

static void get_waits(struct lg_read_get *get)
{
    lg_rpc_wait(get->user);
}

/* "<key>?f=b64", as in a path of REST, or the key itself. */
static bool take_key(struct lg_slice text, struct lg_buf *key)
{
    static const char suffix[] = "?f=b64";
    size_t n = sizeof suffix - 1;

    if (text.size >= n && memcmp(text.data + text.size - n, suffix, n) == 0)
        return lg_base64_decode(key, lg_slice(text.data, text.size - n));
    lg_buf_append_slice(key, text);
    return true;
}

static void get_one(struct lg_front_grpc *f, struct lg_rpc_call *call,
                    const struct lg_venice_client_request *rq)
{
    const struct lg_front_rest *rest = f->o.rest;
    const struct lg_serving_topic *served;
    enum lg_replica_found found;
    struct lg_read_get *get;
    uint32_t retry_after_ms; /* Venice's message has no place for it. */
    enum lg_rc limit;

    if (rq->key_string.size > LG_SERVER_KEY_BYTES_MAX) {
        answer_error(call, 400, "the key is too long");
        return;
    }
    lg_read_group_enter(rest->group);
    get = lg_read_group_get(rest->group);
    if (!take_key(rq->key_string, &get->key)) {
        lg_read_group_drop(get);
        answer_error(call, 400, "the key is not base64");
        return;
    }
    if (get->key.size == 0) {
        lg_read_group_drop(get);
        answer_error(call, 400, "the key is empty");
        return;
    }
    served = lg_read_group_topic(rest->group, rest->serving, rq->resource_name);
    if (LG_UNLIKELY(lg_serving_grpc_is_off(served))) {
        lg_read_group_drop(get);
        answer_off(call);
        return;
    }
    found = lg_serving_partition(served, rq->partition, &get->replica);
    if (found != LG_REPLICA_SERVING) {
        lg_read_group_drop(get);
        answer_missing(f, call, found, rq->resource_name);
        return;
    }
    limit = lg_read_group_admit(rest->group, served, 1, rq->is_retry_request, &retry_after_ms);
    if (LG_UNLIKELY(limit != LG_OK)) {
        lg_read_group_drop(get);
        answer_limit(call, limit);
        return;
    }
    lg_key_profiler_record(rest->profiler, rq->resource_name, rq->partition,
                           lg_buf_slice(&get->key));
    get->user = call;
    get->done = get_done;
    get->waits = get_waits;
    lg_read_group_add(get);
}

static void unary_get(void *ctx, struct lg_rpc_call *call, struct lg_slice message)
{
    struct lg_front_grpc *f = ctx;
    struct lg_venice_client_request rq;
    struct lg_error err; /* Half a KiB: not cleared for nothing. */

    if (lg_venice_request_read(message, &rq, &err) != LG_OK) {
        lg_rpc_refuse(call, &err);
        return;
    }
    if (LG_LIKELY(f->o.rest->authz == NULL))
        get_one(f, call, &rq);
    else
        guard(f, call, message, &rq, get_one);
}

/* --- batchGet -------------------------------------------------------------------------------- */

static void batch_answered(void *user, const struct lg_many_answer *a)
{
    struct lg_rpc_call *call = user;

    if (a->limit != LG_OK)
        answer_limit(call, a->limit);
    else if (a->status != 200)
        answer_error(call, a->status == 413 ? 400 : a->status, a->text);
    else
        answer_value(call, &(struct lg_venice_server_response){
                               .schema_id = LG_MULTI_GET_API_VERSION,
                               .data = a->body,
                               .compression_strategy = (uint32_t)a->compression,
                               .response_rcu = a->keys,
                               .is_streaming_response = a->streaming,
                               .error_code = OK});
}

static void batch_lost(struct lg_rpc_call *call)
{
    lg_read_many_cancel(call->user);
}

static void batch_waits(void *user, struct lg_many *many)
{
    struct lg_rpc_call *call = user;

    call->user = many;
    call->lost = batch_lost;
}

static void get_many(struct lg_front_grpc *f, struct lg_rpc_call *call,
                     const struct lg_venice_client_request *rq)
{
    const struct lg_front_rest *rest = f->o.rest;
    enum lg_replica_found found;

    lg_read_group_enter(rest->group);
    if (LG_UNLIKELY(lg_serving_grpc_is_off(lg_serving_topic(rest->serving, rq->resource_name)))) {
        answer_off(call);
        return;
    }
    lg_rpc_wait(call);
    found = lg_read_many(&(struct lg_many_question){.group = rest->group,
                                                    .serving = rest->serving,
                                                    .topic = rq->resource_name,
                                                    .keys = rq->key_bytes,
                                                    .streaming = rq->is_streaming_request,
                                                    .is_retry = rq->is_retry_request,
                                                    .profiler = rest->profiler,
                                                    .user = call,
                                                    .answered = batch_answered,
                                                    .waits = batch_waits});
    if (found != LG_REPLICA_SERVING)
        answer_missing(f, call, found, rq->resource_name);
}

static void unary_batch_get(void *ctx, struct lg_rpc_call *call, struct lg_slice message)
{
    struct lg_front_grpc *f = ctx;
    struct lg_venice_client_request rq;
    struct lg_error err;

    if (lg_venice_request_read(message, &rq, &err) != LG_OK) {
        lg_rpc_refuse(call, &err);
        return;
    }
    if (LG_LIKELY(f->o.rest->authz == NULL))
        get_many(f, call, &rq);
    else
        guard(f, call, message, &rq, get_many);
}

/* --- countByValue ---------------------------------------------------------------------------- */

static void count_is_over(void *ctx)
{
    ask_is_over(ctx);
}

static void unary_count(void *ctx, struct lg_rpc_call *call, struct lg_slice message)
{
    struct lg_front_grpc *f = ctx;

    f->asks++;
    lg_front_count(f->o.rest, call, message, count_is_over, f);
}

/* --- grpc.health.v1 -------------------------------------------------------------------------- */

struct health_ask {
    struct lg_front_ask ask;
    struct lg_front_grpc *front;
    struct lg_rpc_call *call; /* NULL: for the watches. */
    struct lg_buf message;    /* The call's. */
    bool ready;
};

struct watch {
    struct lg_grpc_health_watch in;
    struct lg_front_grpc *front;
    struct lg_rpc_call *call;
};

static void set_board(struct lg_front_grpc *f, bool ready)
{
    enum lg_grpc_health state = ready ? LG_GRPC_HEALTH_SERVING : LG_GRPC_HEALTH_NOT_SERVING;
    struct lg_error err = {0};
    enum lg_rc rc = lg_grpc_health_set(f->board, LG_SLICE_NULL, state, &err);

    for (size_t i = 0; i < LG_ARRAY_SIZE(services) && rc == LG_OK; i++)
        rc = lg_grpc_health_set(f->board, services[i], state, &err);
    assert(rc == LG_OK && "the names are known and few");
}

static void health_there(struct lg_front_ask *ask)
{
    struct health_ask *h = LG_CONTAINER_OF(ask, struct health_ask, ask);
    const struct lg_front_grpc *home = h->front->o.home == NULL ? h->front : h->front->o.home;

    h->ready = home->o.ready(home->o.ready_ctx);
}

static void ask_health(struct lg_front_grpc *f, struct health_ask *h,
                       void (*back)(struct lg_front_ask *ask))
{
    h->front = f;
    h->ask.there = health_there;
    h->ask.back = back;
    ask_home(f, &h->ask);
}

static void send_message(struct lg_rpc_call *call, const struct lg_pb_message *m, const void *msg)
{
    LG_SCOPED(lg_buf) frame = {0};
    struct lg_error err = {0};
    enum lg_rc rc = lg_grpc_append(&frame, m, msg, &err);

    assert(rc == LG_OK && "what we say ourselves can be written");
    (void)rc;
    lg_rpc_send(call, lg_buf_slice(&frame));
}

static void check_back(struct lg_front_ask *ask)
{
    struct health_ask *h = LG_CONTAINER_OF(ask, struct health_ask, ask);
    struct lg_grpc_health_check_request rq = {0};
    struct lg_grpc_health_check_response rs = {0};
    LG_SCOPED(lg_buf) frame = {0};
    struct lg_error err = {0};
    struct lg_slice piece;
    enum lg_grpc_status status;

    if (!h->front->over)
        set_board(h->front, h->ready);
    if (lg_pb_decode(&lg_grpc_health_check_request_pb, lg_buf_slice(&h->message), NULL, &rq,
                     &err) != LG_OK) {
        lg_rpc_refuse(h->call, &err);
    } else {
        status = lg_grpc_health_check(h->front->board, &rq, &rs);
        if (status != LG_GRPC_OK) {
            lg_rpc_fail(h->call, status, LG_LIT("this server has no such service"));
        } else if (lg_grpc_append(&frame, &lg_grpc_health_check_response_pb, &rs, &err) == LG_OK) {
            piece = lg_buf_slice(&frame);
            lg_rpc_answer(h->call, &piece, 1);
        } else {
            lg_rpc_fail(h->call, LG_GRPC_INTERNAL, lg_slice_str(err.text));
        }
    }
    ask_is_over(h->front);
    lg_buf_done(&h->message);
    lg_free(h);
}

static void unary_check(void *ctx, struct lg_rpc_call *call, struct lg_slice message)
{
    struct health_ask *h = lg_new(struct health_ask);

    h->call = call;
    lg_buf_append_slice(&h->message, message);
    lg_rpc_wait(call);
    ask_health(ctx, h, check_back);
}

static void look(struct lg_timer *timer);

static void look_back(struct lg_front_ask *ask)
{
    struct health_ask *h = LG_CONTAINER_OF(ask, struct health_ask, ask);
    struct lg_front_grpc *f = h->front;

    if (!f->over) {
        set_board(f, h->ready);
        if (f->watches > 0 && !lg_timer_armed(&f->look))
            lg_timer_start(f->o.lane, &f->look, LOOK_MS * LG_MS, look);
    }
    ask_is_over(f);
    lg_free(h);
}

static void look(struct lg_timer *timer)
{
    struct lg_front_grpc *f = LG_CONTAINER_OF(timer, struct lg_front_grpc, look);

    if (f->watches > 0)
        ask_health(f, lg_new(struct health_ask), look_back);
}

static void watch_gone(void *ctx, struct lg_rpc_call *call);

static void tell_watch(struct watch *w)
{
    struct lg_grpc_health_check_response rs = {0};

    while (lg_grpc_health_watch_next(&w->in, &rs))
        send_message(w->call, &lg_grpc_health_check_response_pb, &rs);
}

static void watch_news(struct lg_grpc_health_watch *in)
{
    tell_watch(LG_CONTAINER_OF(in, struct watch, in));
}

static void watch_begin(void *ctx, struct lg_rpc_call *call)
{
    (void)ctx, (void)call; /* Its message says what is watched. */
}

static void refuse_watch(struct lg_rpc_call *call)
{
    struct lg_error err;

    (void)lg_error_set(&err, LG_ERR_BAD_DATA, "a watch has one request");
    lg_rpc_refuse(call, &err);
}

static void watch_message(void *ctx, struct lg_rpc_call *call, struct lg_slice message)
{
    struct lg_front_grpc *f = ctx;
    struct lg_grpc_health_check_request rq = {0};
    struct lg_error err = {0};
    struct watch *w;

    if (call->user != NULL) {
        watch_gone(ctx, call);
        refuse_watch(call);
        return;
    }
    if (lg_pb_decode(&lg_grpc_health_check_request_pb, message, NULL, &rq, &err) != LG_OK) {
        lg_rpc_refuse(call, &err);
        return;
    }
    call->user = w = lg_new(struct watch);
    w->front = f;
    w->call = call;
    lg_grpc_health_watch_start(&w->in, f->board, &rq, watch_news);
    f->watches++;
    lg_timer_stop(f->o.lane, &f->look);
    lg_timer_start(f->o.lane, &f->look, 0, look); /* What is true now comes first. */
}

static void watch_half_closed(void *ctx, struct lg_rpc_call *call)
{
    (void)ctx;
    if (call->user == NULL)
        refuse_watch(call);
}

static void watch_gone(void *ctx, struct lg_rpc_call *call)
{
    struct lg_front_grpc *f = ctx;
    struct watch *w = call->user;

    if (w == NULL)
        return;
    lg_grpc_health_watch_stop(&w->in);
    f->watches--;
    lg_free(w);
    call->user = NULL;
}

static void drain(void *ctx, struct lg_rpc_call *call)
{
    if (call->rpc == LG_RPC_HEALTH_WATCH)
        watch_gone(ctx, call);
    lg_rpc_finish(call, LG_GRPC_UNAVAILABLE, LG_LIT("this server ends"));
}

static const struct lg_rpc_stream_handler watch_handler = {.begin = watch_begin,
                                                           .message = watch_message,
                                                           .half_closed = watch_half_closed,
                                                           .drain = drain,
                                                           .gone = watch_gone};

/* --- Reflection ------------------------------------------------------------------------------ */

static const struct lg_grpc_reflection reflection = {services, LG_ARRAY_SIZE(services)};

static void reflection_begin(void *ctx, struct lg_rpc_call *call)
{
    (void)ctx, (void)call;
}

static void reflection_message(void *ctx, struct lg_rpc_call *call, struct lg_slice message)
{
    bool is_alpha = call->rpc == LG_RPC_SERVER_REFLECTION_ALPHA_SERVER_REFLECTION_INFO;
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_grpc_reflection_answer answer;
    struct lg_reflection_request rq = {0};
    struct lg_error err = {0};

    (void)ctx;
    if (lg_pb_decode(is_alpha ? &lg_reflection_alpha_request_pb : &lg_reflection_request_pb,
                     message, arena, &rq, &err) != LG_OK) {
        lg_rpc_refuse(call, &err);
        return;
    }
    lg_grpc_reflection_answer(&reflection, &rq, &answer);
    send_message(call, is_alpha ? &lg_reflection_alpha_response_pb : &lg_reflection_response_pb,
                 &answer.response);
}

static void reflection_half_closed(void *ctx, struct lg_rpc_call *call)
{
    (void)ctx;
    lg_rpc_finish(call, LG_GRPC_OK, LG_SLICE_NULL);
}

static void reflection_gone(void *ctx, struct lg_rpc_call *call)
{
    (void)ctx, (void)call;
}

static const struct lg_rpc_stream_handler reflection_handler = {.begin = reflection_begin,
                                                                .message = reflection_message,
                                                                .half_closed =
                                                                    reflection_half_closed,
                                                                .drain = drain,
                                                                .gone = reflection_gone};

/* --- Streams of batch gets ------------------------------------------------------------------- */

static void stream_begin(void *ctx, struct lg_rpc_call *call)
{
    struct lg_front_grpc *f = ctx;

    lg_front_stream_begin(&f->streams, call);
}

static const struct lg_rpc_stream_handler stream_handler = {.begin = stream_begin,
                                                            .bytes = lg_front_stream_bytes,
                                                            .half_closed =
                                                                lg_front_stream_half_closed,
                                                            .drain = lg_front_stream_drain,
                                                            .room = lg_front_stream_room,
                                                            .gone = lg_front_stream_gone};

/* --- Together -------------------------------------------------------------------------------- */

const struct lg_rpc_offer lg_front_grpc_offer = {
    .methods = {
        [LG_RPC_VENICE_READ_GET] = {.unary = unary_get},
        [LG_RPC_VENICE_READ_BATCH_GET] = {.unary = unary_batch_get},
        [LG_RPC_VENICE_READ_COUNT_BY_VALUE] = {.unary = unary_count},
        [LG_RPC_READ_BATCH_GET] = {.stream = &stream_handler},
        [LG_RPC_HEALTH_CHECK] = {.unary = unary_check},
        [LG_RPC_HEALTH_WATCH] = {.stream = &watch_handler},
        [LG_RPC_SERVER_REFLECTION_SERVER_REFLECTION_INFO] = {.stream = &reflection_handler},
        [LG_RPC_SERVER_REFLECTION_ALPHA_SERVER_REFLECTION_INFO] = {.stream = &reflection_handler},
    }};

/* --- Switched off ---------------------------------------------------------------------------- */

#define OFF_TEXT "gRPC is off on this server (grpc = false); read by HTTP"

static void unary_off(void *ctx, struct lg_rpc_call *call, struct lg_slice message)
{
    (void)ctx, (void)message;
    lg_rpc_count_refused(LG_GRPC_BAD_PATH);
    lg_rpc_fail(call, LG_GRPC_UNIMPLEMENTED, LG_LIT(OFF_TEXT));
}

static void stream_off(void *ctx, struct lg_rpc_call *call)
{
    (void)ctx;
    lg_rpc_count_refused(LG_GRPC_BAD_PATH);
    lg_rpc_turn_away(call, LG_GRPC_UNIMPLEMENTED, OFF_TEXT);
}

static void stream_off_message(void *ctx, struct lg_rpc_call *call, struct lg_slice message)
{
    (void)ctx, (void)call, (void)message; /* It was turned away when it began. */
}

static void stream_off_nothing(void *ctx, struct lg_rpc_call *call)
{
    (void)ctx, (void)call;
}

static const struct lg_rpc_stream_handler off_handler = {.begin = stream_off,
                                                         .message = stream_off_message,
                                                         .half_closed = stream_off_nothing,
                                                         .drain = stream_off_nothing,
                                                         .gone = stream_off_nothing};

const struct lg_rpc_offer lg_front_grpc_off = {
    .methods = {
        [LG_RPC_VENICE_READ_GET] = {.unary = unary_off},
        [LG_RPC_VENICE_READ_BATCH_GET] = {.unary = unary_off},
        [LG_RPC_VENICE_READ_COUNT_BY_VALUE] = {.unary = unary_off},
        [LG_RPC_READ_BATCH_GET] = {.stream = &off_handler},
        [LG_RPC_HEALTH_CHECK] = {.unary = unary_off},
        [LG_RPC_HEALTH_WATCH] = {.stream = &off_handler},
        [LG_RPC_SERVER_REFLECTION_SERVER_REFLECTION_INFO] = {.stream = &off_handler},
        [LG_RPC_SERVER_REFLECTION_ALPHA_SERVER_REFLECTION_INFO] = {.stream = &off_handler},
    }};

struct lg_front_grpc *lg_front_grpc_new(const struct lg_front_grpc_options *o)
{
    struct lg_front_grpc *f = lg_new(struct lg_front_grpc);

    f->o = *o;
    f->board = lg_grpc_health_board_new();
    f->streams.rest = o->rest;
    f->streams.left = stream_left;
    set_board(f, /* ready= */ false);
    return f;
}

void lg_front_grpc_free(struct lg_front_grpc *f)
{
    if (f == NULL)
        return;
    assert(f->watches == 0);
    lg_timer_stop(f->o.lane, &f->look);
    f->over = true;
    free_if_over(f);
}
