/* One queue of messages per direction and link; one event at a time takes the first message of a
 * queue out. A link is a node with one proxy at a time: what was sent to a former one is dropped.
 */
#include "drivers/sim/metastore_sim.h"

#include "base/str.h"
#include "base/vec.h"

#define DELAY_MIN_US 50
#define DELAY_MAX_US 3000
#define HELD_US (20 * LG_MS) /* How often a cut is looked at. */

enum kind { HELLO, PING, OP, WATCH, UNWATCH, BYE, WELCOME, PONG, GONE, ANSWER, CHANGED };

struct change { /* A copy that travels. */
    enum lg_meta_change_kind kind;
    char *path;
    struct lg_buf value;
    int64_t version;
};

struct message {
    struct lg_list link;
    enum kind kind;
    uint64_t due_us;
    uint64_t epoch;       /* which session of the link */
    uint64_t number;      /* which operation or watch */
    unsigned incarnation; /* of the node that it is for, 0: whoever is there */
    enum lg_meta_kind op;
    char *path;
    struct change *changes;
    struct lg_meta_change *view; /* the changes as the port wants them */
    size_t change_count, failed_at;
    enum lg_rc rc;
    struct lg_error err;
    struct lg_buf value;
    bool has_value;
    int64_t version;
};

struct way { /* One direction of a link. */
    struct link *link;
    bool up; /* to the server */
    bool pumping;
    uint64_t last_due_us;
    struct lg_list messages;
};

struct proxy;
struct server;

struct link {
    struct lg_meta_sim *net;
    struct lg_sim_node *node;
    uint64_t index;
    bool cut;
    struct proxy *proxy; /* of the node's code; valid in this incarnation only: */
    unsigned proxy_incarnation;
    struct way up, down;
};

struct lg_meta_sim {
    struct lg_sim *sim;
    uint64_t delay_min_us, delay_max_us;
    LG_VEC(struct link *) links;
    struct lg_list borrowed; /* messages that a node's code holds */
    struct lg_sim_node *server_node;
    unsigned server_incarnation;
    struct server *server; /* of the server's code */
    uint64_t epochs, losses;
};

/* --- Messages. ---------------------------------------------------------------------------------
 */

static void message_free(struct message *m)
{
    if (m == NULL)
        return;
    lg_list_remove(&m->link);
    for (size_t i = 0; i < m->change_count; i++) {
        lg_free(m->changes[i].path);
        lg_buf_done(&m->changes[i].value);
    }
    lg_free(m->changes);
    lg_free(m->view);
    lg_free(m->path);
    lg_buf_done(&m->value);
    lg_free(m);
}
LG_DEFINE_AUTO(message, message_free)

static bool server_alive(const struct lg_meta_sim *net)
{
    return net->server != NULL && lg_sim_node_alive(net->server_node) &&
           lg_sim_node_incarnation(net->server_node) == net->server_incarnation;
}

static bool proxy_alive(const struct link *l)
{
    return l->proxy != NULL && lg_sim_node_alive(l->node) &&
           lg_sim_node_incarnation(l->node) == l->proxy_incarnation;
}

static void pump(struct way *w);

static void server_takes(struct server *s, struct link *l, struct message *m);
static void proxy_takes(struct proxy *p, struct message *m);

struct delivery {
    struct link *link;
    struct message *message;
    bool up;
};

/* The code of the receiving node: what arrives becomes a task of its lane. */
static void deliver(void *ctx)
{
    struct delivery *d = ctx;

    if (d->up)
        server_takes(d->link->net->server, d->link, d->message);
    else
        proxy_takes(d->link->proxy, d->message);
}

static void arrive(void *ctx)
{
    struct way *w = ctx;
    struct lg_meta_sim *net = w->link->net;
    struct message *m;
    struct delivery d;
    bool wanted;

    w->pumping = false;
    if (w->link->cut) {
        w->pumping = true;
        lg_sim_at(net->sim, lg_sim_now_us(net->sim) + HELD_US, NULL, arrive, w);
        return;
    }
    m = LG_CONTAINER_OF(lg_list_pop_front(&w->messages), struct message, link);
    lg_list_push_back(&net->borrowed, &m->link);
    wanted = w->up ? server_alive(net)
                   : proxy_alive(w->link) && m->incarnation == w->link->proxy_incarnation;
    lg_sim_trace(net->sim, "meta_arrived", w->link->index, m->kind, m->epoch, m->number, wanted);
    if (wanted) {
        d = (struct delivery){w->link, m, w->up};
        lg_sim_node_run(w->up ? net->server_node : w->link->node, deliver, &d);
    } else {
        message_free(m);
    }
    pump(w);
}

static void pump(struct way *w)
{
    struct message *first;

    if (w->pumping || lg_list_empty(&w->messages))
        return;
    first = LG_CONTAINER_OF(w->messages.next, struct message, link);
    w->pumping = true;
    lg_sim_at(w->link->net->sim, LG_MAX(first->due_us, lg_sim_now_us(w->link->net->sim)), NULL,
              arrive, w);
}

/* In world memory. */
static struct message *message_new(enum kind kind, uint64_t epoch, uint64_t number)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    struct message *m = lg_new(struct message);

    lg_list_init(&m->link);
    m->kind = kind;
    m->epoch = epoch;
    m->number = number;
    lg_alloc_domain_enter(outer);
    return m;
}

static void send(struct way *w, struct message *take_m)
{
    struct lg_meta_sim *net = w->link->net;
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    uint64_t span = net->delay_max_us - net->delay_min_us;
    uint64_t due_us = lg_sim_now_us(net->sim) + net->delay_min_us;

    due_us += span == 0 ? 0 : lg_sim_rand_below(net->sim, span);
    take_m->due_us = w->last_due_us = LG_MAX(due_us, w->last_due_us);
    take_m->incarnation = w->up ? 0 : w->link->proxy_incarnation;
    lg_list_push_back(&w->messages, &take_m->link);
    pump(w);
    lg_alloc_domain_enter(outer);
}

static char *world_copy(const char *text)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    char *copy = lg_strdup(text);

    lg_alloc_domain_enter(outer);
    return copy;
}

static void message_set_value(struct message *m, struct lg_slice value)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);

    lg_buf_append_slice(&m->value, value);
    m->has_value = true;
    lg_alloc_domain_enter(outer);
}

static void message_set_op(struct message *m, const struct lg_meta_op *op)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);

    m->op = op->kind;
    if (op->kind != LG_META_WRITE) {
        m->path = lg_strdup(op->path);
    } else {
        m->change_count = op->change_count;
        m->changes = lg_new_array(struct change, op->change_count);
        m->view = lg_new_array(struct lg_meta_change, op->change_count);
        for (size_t i = 0; i < op->change_count; i++) {
            struct change *c = &m->changes[i];

            *c = (struct change){op->changes[i].kind, lg_strdup(op->changes[i].path),
                                 (struct lg_buf){0}, op->changes[i].version};
            lg_buf_append_slice(&c->value, op->changes[i].value);
            m->view[i] =
                (struct lg_meta_change){c->kind, c->path, lg_buf_slice(&c->value), c->version};
        }
    }
    lg_alloc_domain_enter(outer);
}

/* --- The server: sessions of links. ------------------------------------------------------------
 */

struct peer { /* One session of a link. */
    struct lg_list link;
    struct server *server;
    struct link *of;
    uint64_t epoch, heard_us;
    struct lg_metastore *session;
    size_t ops, watches;
    struct lg_list watch_list;
    bool ending;
};

struct peer_op {
    struct lg_meta_op op;
    struct peer *peer;
    struct message *message; /* holds what the operation borrows */
};

struct peer_watch {
    struct lg_meta_watch watch;
    struct lg_list link;
    struct peer *peer;
    uint64_t number;
    char *path;
};

struct server {
    struct lg_meta_sim *net;
    struct lg_lane *lane;
    struct lg_meta_sim_source source;
    struct lg_list peers;
    struct lg_timer sweep;
};

struct taken { /* A message as a task. */
    struct lg_task task;
    struct server *server;
    struct link *link;
    struct message *message;
};

static void peer_end_if_idle(struct peer *p)
{
    if (!p->ending || p->ops > 0 || p->watches > 0)
        return;
    p->server->source.close(p->server->source.ctx, p->session);
    lg_list_remove(&p->link);
    lg_free(p);
}

static void peer_watch_closed(struct lg_meta_watch *watch)
{
    struct peer_watch *w = LG_CONTAINER_OF(watch, struct peer_watch, watch);
    struct peer *p = w->peer;

    lg_free(w->path);
    lg_free(w);
    p->watches--;
    peer_end_if_idle(p);
}

static void peer_unwatch(struct peer_watch *w)
{
    lg_list_remove(&w->link);
    lg_metastore_unwatch(w->peer->session, &w->watch, peer_watch_closed);
}

static void peer_end(struct peer *p)
{
    if (p->ending)
        return;
    p->ending = true;
    LG_LIST_EACH(it, &p->watch_list)
    peer_unwatch(LG_CONTAINER_OF(it, struct peer_watch, link));
    peer_end_if_idle(p);
}

static void peer_watch_changed(struct lg_meta_watch *watch)
{
    struct peer_watch *w = LG_CONTAINER_OF(watch, struct peer_watch, watch);

    send(&w->peer->of->down, message_new(CHANGED, w->peer->epoch, w->number));
}

static void peer_watch(struct peer *p, const struct message *m)
{
    struct peer_watch *w = lg_new(struct peer_watch);

    w->peer = p;
    w->number = m->number;
    w->path = lg_strdup(m->path);
    w->watch = (struct lg_meta_watch){
        .lane = p->server->lane, .path = w->path, .changed = peer_watch_changed};
    p->watches++;
    lg_list_push_back(&p->watch_list, &w->link);
    lg_metastore_watch(p->session, &w->watch);
}

static void peer_op_done(struct lg_meta_op *op)
{
    struct peer_op *o = LG_CONTAINER_OF(op, struct peer_op, op);
    struct peer *p = o->peer;
    struct message *answer = message_new(ANSWER, p->epoch, o->message->number);

    answer->rc = op->rc;
    answer->err = op->err;
    answer->version = op->version;
    answer->failed_at = op->failed_at;
    if (op->value != NULL)
        message_set_value(answer, op->value->bytes);
    send(&p->of->down, answer);
    lg_blob_unref(op->value);
    message_free(o->message);
    lg_free(o);
    p->ops--;
    peer_end_if_idle(p);
}

static void peer_submit(struct peer *p, struct message *take_m)
{
    struct peer_op *o = lg_new(struct peer_op);

    o->peer = p;
    o->message = take_m;
    o->op = (struct lg_meta_op){.kind = take_m->op,
                                .lane = p->server->lane,
                                .path = take_m->path,
                                .changes = take_m->view,
                                .change_count = take_m->change_count,
                                .done = peer_op_done};
    p->ops++;
    lg_metastore_submit(p->session, &o->op);
}

static struct peer *peer_find(struct server *s, const struct link *l, uint64_t epoch)
{
    LG_LIST_EACH(it, &s->peers)
    {
        struct peer *p = LG_CONTAINER_OF(it, struct peer, link);

        if (p->of == l && p->epoch == epoch && !p->ending)
            return p;
    }
    return NULL;
}

static void peer_new(struct server *s, struct link *l, uint64_t epoch)
{
    struct peer *p = lg_new(struct peer);

    p->server = s;
    p->of = l;
    p->epoch = epoch;
    p->heard_us = lg_lane_now_us(s->lane);
    p->session = s->source.open(s->source.ctx);
    lg_list_init(&p->watch_list);
    lg_list_push_back(&s->peers, &p->link);
    send(&l->down, message_new(WELCOME, epoch, 0));
}

static void server_handles(struct lg_task *task)
{
    struct taken *t = LG_CONTAINER_OF(task, struct taken, task);
    struct server *s = t->server;
    struct link *l = t->link;
    LG_AUTO(message) *m = t->message;
    struct peer *p = peer_find(s, l, m->epoch);

    lg_free(t);
    if (m->kind == HELLO) {
        peer_new(s, l, m->epoch);
        return;
    }
    if (p == NULL) {
        send(&l->down, message_new(GONE, m->epoch, 0));
        return;
    }
    p->heard_us = lg_lane_now_us(s->lane);
    switch (m->kind) {
    case PING:
        send(&l->down, message_new(PONG, m->epoch, 0));
        break;
    case OP:
        peer_submit(p, LG_TAKE(m));
        break;
    case WATCH:
        peer_watch(p, m);
        break;
    case UNWATCH:
        LG_LIST_EACH(it, &p->watch_list)
        {
            struct peer_watch *w = LG_CONTAINER_OF(it, struct peer_watch, link);

            if (w->number == m->number)
                peer_unwatch(w);
        }
        break;
    case BYE:
        peer_end(p);
        break;
    case HELLO:
    case WELCOME:
    case PONG:
    case GONE:
    case ANSWER:
    case CHANGED:
        assert(false && "not for a server");
    }
}

static void server_takes(struct server *s, struct link *l, struct message *m)
{
    struct taken *t = lg_new(struct taken);

    *t = (struct taken){{NULL, server_handles}, s, l, m};
    lg_lane_post(s->lane, &t->task);
}

static void sweep_due(struct lg_timer *timer)
{
    struct server *s = LG_CONTAINER_OF(timer, struct server, sweep);
    uint64_t now_us = lg_lane_now_us(s->lane);

    LG_LIST_EACH(it, &s->peers)
    {
        struct peer *p = LG_CONTAINER_OF(it, struct peer, link);

        if (now_us - p->heard_us > LG_META_SIM_SESSION_MS * LG_MS)
            peer_end(p);
    }
    lg_timer_start(s->lane, &s->sweep, LG_META_SIM_PING_MS * LG_MS, sweep_due);
}

void lg_meta_sim_serve(struct lg_meta_sim *net, struct lg_lane *lane,
                       const struct lg_meta_sim_source *source)
{
    struct server *s = lg_new(struct server);

    s->net = net;
    s->lane = lane;
    s->source = *source;
    lg_list_init(&s->peers);
    net->server = s;
    net->server_node = lg_sim_lane_node(lane);
    net->server_incarnation = lg_sim_node_incarnation(net->server_node);
    lg_timer_start(lane, &s->sweep, LG_META_SIM_PING_MS * LG_MS, sweep_due);
}

/* --- The proxy: a session of the port. ---------------------------------------------------------
 */

struct pending { /* An operation that waits for its answer, or for a session to be sent in. */
    struct lg_list link;
    struct lg_meta_op *op;
    uint64_t number, deadline_us;
};

struct proxy {
    struct lg_metastore head;
    struct link *link;
    struct lg_lane *lane;
    uint64_t epoch, heard_us, numbers;
    bool established, was_established;
    struct lg_list pending, watches; /* watches by lg_meta_watch.link */
    struct lg_timer ping;
};

struct proxy_watch { /* watch->driver_state */
    uint64_t number;
    void (*closed)(struct lg_meta_watch *watch);
};

static void say_hello(struct proxy *p)
{
    p->epoch = ++p->link->net->epochs;
    p->established = false;
    send(&p->link->up, message_new(HELLO, p->epoch, 0));
}

static void op_done_task(struct lg_task *task)
{
    struct lg_meta_op *op = LG_CONTAINER_OF(task, struct lg_meta_op, task);

    op->done(op);
}

static void pending_end(struct pending *w, enum lg_rc rc)
{
    struct lg_meta_op *op = w->op;

    op->rc = rc;
    op->task.run = op_done_task;
    lg_list_remove(&w->link);
    lg_free(w);
    lg_lane_post(op->lane, &op->task);
}

static void pending_fail(struct pending *w, const char *why)
{
    pending_end(w, lg_error_set(&w->op->err, LG_ERR_UNAVAILABLE,
                                "the metadata cannot be reached (%s); try again", why));
}

static void lose_session(struct proxy *p)
{
    LG_LIST_EACH(it, &p->pending)
    pending_fail(LG_CONTAINER_OF(it, struct pending, link), "the session was lost");
    p->link->net->losses++;
    say_hello(p);
}

static void ping_due(struct lg_timer *timer)
{
    struct proxy *p = LG_CONTAINER_OF(timer, struct proxy, ping);
    uint64_t now_us = lg_lane_now_us(p->lane);

    lg_timer_start(p->lane, &p->ping, LG_META_SIM_PING_MS * LG_MS, ping_due);
    LG_LIST_EACH(it, &p->pending)
    {
        struct pending *w = LG_CONTAINER_OF(it, struct pending, link);

        if (w->deadline_us <= now_us)
            pending_fail(w, "no answer came");
    }
    if (!p->established)
        say_hello(p); /* Nobody answered the last one. */
    else if (now_us - p->heard_us > LG_META_SIM_SESSION_MS * LG_MS)
        lose_session(p);
    else
        send(&p->link->up, message_new(PING, p->epoch, 0));
}

static void send_watch(struct proxy *p, const struct lg_meta_watch *watch)
{
    const struct proxy_watch *state = watch->driver_state;
    struct message *m = message_new(WATCH, p->epoch, state->number);

    m->path = world_copy(watch->path);
    send(&p->link->up, m);
}

static void send_op(struct proxy *p, const struct pending *w)
{
    struct message *m = message_new(OP, p->epoch, w->number);

    message_set_op(m, w->op);
    send(&p->link->up, m);
}

static void welcomed(struct proxy *p)
{
    bool again = p->was_established;

    p->established = p->was_established = true;
    LG_LIST_EACH(it, &p->watches)
    send_watch(p, LG_CONTAINER_OF(it, struct lg_meta_watch, link));
    LG_LIST_EACH(it, &p->pending) /* What was asked before there was a session. */
    send_op(p, LG_CONTAINER_OF(it, struct pending, link));
    if (!again)
        return;
    LG_LIST_EACH(it, &p->watches)
    {
        struct lg_meta_watch *watch = LG_CONTAINER_OF(it, struct lg_meta_watch, link);

        if (watch->session_lost != NULL)
            watch->session_lost(watch);
    }
}

static void watch_changed(struct proxy *p, uint64_t number)
{
    LG_LIST_EACH(it, &p->watches)
    {
        struct lg_meta_watch *watch = LG_CONTAINER_OF(it, struct lg_meta_watch, link);
        const struct proxy_watch *state = watch->driver_state;

        if (state->number == number) {
            watch->changed(watch);
            return;
        }
    }
}

static void answered(struct proxy *p, const struct message *m)
{
    LG_LIST_EACH(it, &p->pending)
    {
        struct pending *w = LG_CONTAINER_OF(it, struct pending, link);

        if (w->number != m->number)
            continue;
        w->op->err = m->err;
        w->op->version = m->version;
        w->op->failed_at = m->failed_at;
        if (m->has_value)
            w->op->value = lg_blob_new(lg_buf_slice(&m->value));
        pending_end(w, m->rc);
        return;
    }
}

static void proxy_handles(struct lg_task *task)
{
    struct taken *t = LG_CONTAINER_OF(task, struct taken, task);
    struct proxy *p = t->link->proxy;
    LG_AUTO(message) *m = t->message;

    lg_free(t);
    if (p == NULL || m->epoch != p->epoch)
        return; /* Of a session that is over. */
    p->heard_us = lg_lane_now_us(p->lane);
    switch (m->kind) {
    case WELCOME:
        welcomed(p);
        break;
    case GONE:
        if (p->established)
            lose_session(p);
        break;
    case ANSWER:
        answered(p, m);
        break;
    case CHANGED:
        watch_changed(p, m->number);
        break;
    case PONG:
        break;
    case HELLO:
    case PING:
    case OP:
    case WATCH:
    case UNWATCH:
    case BYE:
        assert(false && "not for a proxy");
    }
}

static void proxy_takes(struct proxy *p, struct message *m)
{
    struct taken *t = lg_new(struct taken);

    *t = (struct taken){{NULL, proxy_handles}, NULL, p->link, m};
    lg_lane_post(p->lane, &t->task);
}

/* Without a session an operation waits until there is one, or its time is over. */
static void proxy_submit(struct lg_metastore *ms, struct lg_meta_op *op)
{
    struct proxy *p = LG_CONTAINER_OF(ms, struct proxy, head);
    struct pending *w = lg_new(struct pending);

    assert(op->lane == p->lane && "a proxy serves one lane");
    op->rc = LG_OK;
    op->err = (struct lg_error){0};
    op->value = NULL;
    op->failed_at = op->change_count;
    w->op = op;
    w->number = ++p->numbers;
    w->deadline_us = lg_lane_now_us(p->lane) + LG_META_SIM_OP_MS * LG_MS;
    lg_list_push_back(&p->pending, &w->link);
    if (p->established)
        send_op(p, w);
}

static void proxy_watch(struct lg_metastore *ms, struct lg_meta_watch *watch)
{
    struct proxy *p = LG_CONTAINER_OF(ms, struct proxy, head);
    struct proxy_watch *state = lg_new(struct proxy_watch);

    state->number = ++p->numbers;
    watch->driver_state = state;
    lg_list_push_back(&p->watches, &watch->link);
    if (p->established)
        send_watch(p, watch);
}

static void watch_closed_task(struct lg_task *task)
{
    struct lg_meta_watch *watch = LG_CONTAINER_OF(task, struct lg_meta_watch, task);
    struct proxy_watch *state = watch->driver_state;
    void (*closed)(struct lg_meta_watch *) = state->closed;

    lg_free(state);
    closed(watch);
}

static void proxy_unwatch(struct lg_metastore *ms, struct lg_meta_watch *watch,
                          void (*closed)(struct lg_meta_watch *watch))
{
    struct proxy *p = LG_CONTAINER_OF(ms, struct proxy, head);
    struct proxy_watch *state = watch->driver_state;

    state->closed = closed;
    lg_list_remove(&watch->link);
    if (p->established)
        send(&p->link->up, message_new(UNWATCH, p->epoch, state->number));
    watch->task.run = watch_closed_task;
    lg_lane_post(watch->lane, &watch->task);
}

static const struct lg_metastore_ops ops = {
    .name = "metastore_sim",
    .submit = proxy_submit,
    .watch = proxy_watch,
    .unwatch = proxy_unwatch,
};

/* --- Life. -------------------------------------------------------------------------------------
 */

static void way_init(struct way *w, struct link *l, bool up)
{
    w->link = l;
    w->up = up;
    lg_list_init(&w->messages);
}

/* A link whose proxy is gone is used again by the next one of that node. */
static struct link *link_for(struct lg_meta_sim *net, struct lg_sim_node *node)
{
    struct lg_alloc_domain *outer;
    struct link *l;

    for (size_t i = 0; i < net->links.size; i++)
        if (net->links.data[i]->node == node && !proxy_alive(net->links.data[i]))
            return net->links.data[i];
    outer = lg_alloc_domain_enter(NULL);
    l = lg_new(struct link);
    l->net = net;
    l->node = node;
    l->index = net->links.size;
    way_init(&l->up, l, true);
    way_init(&l->down, l, false);
    LG_VEC_PUSH(&net->links, l);
    lg_alloc_domain_enter(outer);
    return l;
}

struct lg_metastore *lg_meta_sim_session(struct lg_meta_sim *net, struct lg_lane *lane)
{
    struct proxy *p = lg_new(struct proxy);

    p->head.ops = &ops;
    p->link = link_for(net, lg_sim_lane_node(lane));
    p->lane = lane;
    p->heard_us = lg_lane_now_us(lane);
    lg_list_init(&p->pending);
    lg_list_init(&p->watches);
    p->link->proxy = p;
    p->link->proxy_incarnation = lg_sim_node_incarnation(p->link->node);
    say_hello(p);
    lg_timer_start(lane, &p->ping, LG_META_SIM_PING_MS * LG_MS, ping_due);
    return &p->head;
}

void lg_meta_sim_session_close(struct lg_metastore *session)
{
    struct proxy *p = LG_CONTAINER_OF(session, struct proxy, head);

    assert(lg_list_empty(&p->pending) && lg_list_empty(&p->watches));
    lg_timer_stop(p->lane, &p->ping);
    send(&p->link->up, message_new(BYE, p->epoch, 0));
    p->link->proxy = NULL;
    lg_free(p);
}

struct lg_meta_sim *lg_meta_sim_new(struct lg_sim *sim)
{
    struct lg_meta_sim *net = lg_new(struct lg_meta_sim);

    net->sim = sim;
    net->delay_min_us = DELAY_MIN_US;
    net->delay_max_us = DELAY_MAX_US;
    lg_list_init(&net->borrowed);
    return net;
}

static void way_done(struct way *w)
{
    LG_LIST_EACH(it, &w->messages)
    message_free(LG_CONTAINER_OF(it, struct message, link));
}

void lg_meta_sim_free(struct lg_meta_sim *net)
{
    if (net == NULL)
        return;
    for (size_t i = 0; i < net->links.size; i++) {
        way_done(&net->links.data[i]->up);
        way_done(&net->links.data[i]->down);
        lg_free(net->links.data[i]);
    }
    LG_LIST_EACH(it, &net->borrowed)
    message_free(LG_CONTAINER_OF(it, struct message, link));
    LG_VEC_DONE(&net->links);
    lg_free(net);
}

void lg_meta_sim_set_delay_us(struct lg_meta_sim *net, uint64_t min_us, uint64_t max_us)
{
    assert(min_us <= max_us);
    net->delay_min_us = min_us;
    net->delay_max_us = max_us;
}

void lg_meta_sim_cut(struct lg_meta_sim *net, const char *node, bool is_cut)
{
    for (size_t i = 0; i < net->links.size; i++)
        if (strcmp(lg_sim_node_name(net->links.data[i]->node), node) == 0)
            net->links.data[i]->cut = is_cut;
}

void lg_meta_sim_heal(struct lg_meta_sim *net)
{
    for (size_t i = 0; i < net->links.size; i++)
        net->links.data[i]->cut = false;
}

uint64_t lg_meta_sim_losses(const struct lg_meta_sim *net)
{
    return net->losses;
}
