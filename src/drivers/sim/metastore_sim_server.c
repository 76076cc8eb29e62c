/* The serving side of the simulated metastore: each session of a link is one of the metafile. All
 * of it is code and memory of the serving node, and dies with it. */
#include "base/str.h"
#include "drivers/sim/metastore_sim_impl.h"

struct peer { /* One session of a link. */
    struct lg_list link;
    struct lg_meta_server *server;
    struct lg_meta_link *of;
    uint64_t epoch, heard_us;
    struct lg_metastore *session;
    size_t ops, watches;
    struct lg_list watch_list;
    bool ending;
};

struct peer_op {
    struct lg_meta_op op;
    struct peer *peer;
    struct lg_meta_message *message; /* holds what the operation borrows */
};

struct peer_watch {
    struct lg_meta_watch watch;
    struct lg_list link;
    struct peer *peer;
    uint64_t number;
    char *path;
};

struct lg_meta_server {
    struct lg_meta_sim *net;
    struct lg_lane *lane;
    struct lg_meta_sim_source source;
    struct lg_list peers;
    struct lg_timer sweep;
};

struct taken { /* A message as a task. */
    struct lg_task task;
    struct lg_meta_server *server;
    struct lg_meta_link *link;
    struct lg_meta_message *message;
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

    struct lg_meta_message *m = lg_meta_message_new(LG_MM_CHANGED, w->peer->epoch, w->number);

    lg_meta_message_set_names(m, watch->names);
    lg_meta_send(&w->peer->of->down, m);
}

static void peer_watch(struct peer *p, const struct lg_meta_message *m)
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

static void tell_written(const struct peer *p, const struct lg_meta_op *op)
{
    struct lg_meta_sim *net = p->server->net;
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);

    if (net->written != NULL)
        net->written(net->written_ctx, p->of->node, op->changes, op->change_count);
    lg_alloc_domain_enter(outer);
}

static void peer_op_done(struct lg_meta_op *op)
{
    struct peer_op *o = LG_CONTAINER_OF(op, struct peer_op, op);
    struct peer *p = o->peer;
    struct lg_meta_message *answer =
        lg_meta_message_new(LG_MM_ANSWER, p->epoch, o->message->number);

    if (op->rc == LG_OK && op->kind == LG_META_WRITE)
        tell_written(p, op);
    answer->rc = op->rc;
    answer->err = op->err;
    answer->version = op->version;
    answer->failed_at = op->failed_at;
    if (op->value != NULL)
        lg_meta_message_set_value(answer, op->value->bytes);
    lg_meta_send(&p->of->down, answer);
    lg_blob_unref(op->value);
    lg_meta_message_free(o->message);
    lg_free(o);
    p->ops--;
    peer_end_if_idle(p);
}

static void peer_submit(struct peer *p, struct lg_meta_message *take_m)
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

static struct peer *peer_find(struct lg_meta_server *s, const struct lg_meta_link *l,
                              uint64_t epoch)
{
    LG_LIST_EACH(it, &s->peers)
    {
        struct peer *p = LG_CONTAINER_OF(it, struct peer, link);

        if (p->of == l && p->epoch == epoch && !p->ending)
            return p;
    }
    return NULL;
}

static void peer_new(struct lg_meta_server *s, struct lg_meta_link *l, uint64_t epoch)
{
    struct peer *p = lg_new(struct peer);

    p->server = s;
    p->of = l;
    p->epoch = epoch;
    p->heard_us = lg_lane_now_us(s->lane);
    p->session = s->source.open(s->source.ctx);
    lg_list_init(&p->watch_list);
    lg_list_push_back(&s->peers, &p->link);
    lg_meta_send(&l->down, lg_meta_message_new(LG_MM_WELCOME, epoch, 0));
}

static void server_handles(struct lg_task *task)
{
    struct taken *t = LG_CONTAINER_OF(task, struct taken, task);
    struct lg_meta_server *s = t->server;
    struct lg_meta_link *l = t->link;
    LG_AUTO(lg_meta_message) *m = t->message;
    struct peer *p = peer_find(s, l, m->epoch);

    lg_free(t);
    if (m->kind == LG_MM_HELLO) {
        peer_new(s, l, m->epoch);
        return;
    }
    if (p == NULL) {
        lg_meta_send(&l->down, lg_meta_message_new(LG_MM_GONE, m->epoch, 0));
        return;
    }
    p->heard_us = lg_lane_now_us(s->lane);
    switch (m->kind) {
    case LG_MM_PING:
        lg_meta_send(&l->down, lg_meta_message_new(LG_MM_PONG, m->epoch, 0));
        break;
    case LG_MM_OP:
        peer_submit(p, LG_TAKE(m));
        break;
    case LG_MM_WATCH:
        peer_watch(p, m);
        break;
    case LG_MM_UNWATCH:
        LG_LIST_EACH(it, &p->watch_list)
        {
            struct peer_watch *w = LG_CONTAINER_OF(it, struct peer_watch, link);

            if (w->number == m->number)
                peer_unwatch(w);
        }
        break;
    case LG_MM_BYE:
        peer_end(p);
        break;
    case LG_MM_HELLO:
    case LG_MM_WELCOME:
    case LG_MM_PONG:
    case LG_MM_GONE:
    case LG_MM_ANSWER:
    case LG_MM_CHANGED:
        assert(false && "not for a server");
    }
}

void lg_meta_server_takes(struct lg_meta_server *s, struct lg_meta_link *l,
                          struct lg_meta_message *m)
{
    struct taken *t = lg_new(struct taken);

    *t = (struct taken){{NULL, server_handles}, s, l, m};
    lg_lane_post(s->lane, &t->task);
}

static void sweep_due(struct lg_timer *timer)
{
    struct lg_meta_server *s = LG_CONTAINER_OF(timer, struct lg_meta_server, sweep);
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
    struct lg_meta_server *s = lg_new(struct lg_meta_server);

    s->net = net;
    s->lane = lane;
    s->source = *source;
    lg_list_init(&s->peers);
    net->server = s;
    net->server_node = lg_sim_lane_node(lane);
    net->server_incarnation = lg_sim_node_incarnation(net->server_node);
    lg_timer_start(lane, &s->sweep, LG_META_SIM_PING_MS * LG_MS, sweep_due);
}

struct expiry {
    struct lg_task task;
    struct lg_meta_server *server;
    const struct lg_meta_link *link;
};

static void expire(struct lg_task *task)
{
    struct expiry *e = LG_CONTAINER_OF(task, struct expiry, task);

    LG_LIST_EACH(it, &e->server->peers)
    {
        struct peer *p = LG_CONTAINER_OF(it, struct peer, link);

        if (p->of == e->link)
            peer_end(p);
    }
    lg_free(e);
}

static void post_expiry(void *ctx)
{
    const struct lg_meta_link *l = ctx;
    struct expiry *e = lg_new(struct expiry);

    *e = (struct expiry){{NULL, expire}, l->net->server, l};
    lg_lane_post(e->server->lane, &e->task);
}

void lg_meta_sim_expire(struct lg_meta_sim *net, const char *node)
{
    struct lg_meta_link *l = lg_meta_link_of(net, node);

    lg_sim_trace(net->sim, "meta_expire", l == NULL ? UINT64_MAX : l->index);
    if (l != NULL && lg_meta_server_alive(net))
        lg_sim_node_run(net->server_node, post_expiry, l);
}
