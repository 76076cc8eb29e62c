/* The client's side of the simulated metastore, and its life. A link is a node with one proxy at a
 * time: what was sent to a former one is dropped.
 */
#include "base/str.h"
#include "drivers/sim/metastore_sim_impl.h"

#define DELAY_MIN_US 50
#define DELAY_MAX_US 3000

/* --- The proxy: a session of the port. ---------------------------------------------------------
 */

struct pending { /* An operation that waits for its answer, or for a session to be sent in. */
    struct lg_list link;
    struct lg_meta_op *op;
    uint64_t number, deadline_us;
};

struct taken { /* A message as a task. */
    struct lg_task task;
    struct lg_meta_link *link; /* Its proxy may be gone by then. */
    struct lg_meta_message *message;
};

struct lg_meta_proxy {
    struct lg_metastore head;
    struct lg_meta_link *link;
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

static void say_hello(struct lg_meta_proxy *p)
{
    p->epoch = ++p->link->net->epochs;
    p->established = false;
    lg_meta_send(&p->link->up, lg_meta_message_new(LG_MM_HELLO, p->epoch, 0));
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

static void lose_session(struct lg_meta_proxy *p)
{
    LG_LIST_EACH(it, &p->pending)
    pending_fail(LG_CONTAINER_OF(it, struct pending, link), "the session was lost");
    p->link->net->losses++;
    say_hello(p);
}

static void ping_due(struct lg_timer *timer)
{
    struct lg_meta_proxy *p = LG_CONTAINER_OF(timer, struct lg_meta_proxy, ping);
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
        lg_meta_send(&p->link->up, lg_meta_message_new(LG_MM_PING, p->epoch, 0));
}

static void send_watch(struct lg_meta_proxy *p, const struct lg_meta_watch *watch)
{
    const struct proxy_watch *state = watch->driver_state;
    struct lg_meta_message *m = lg_meta_message_new(LG_MM_WATCH, p->epoch, state->number);

    m->path = lg_meta_world_copy(watch->path);
    lg_meta_send(&p->link->up, m);
}

static void send_op(struct lg_meta_proxy *p, const struct pending *w)
{
    struct lg_meta_message *m = lg_meta_message_new(LG_MM_OP, p->epoch, w->number);

    lg_meta_message_set_op(m, w->op);
    lg_meta_send(&p->link->up, m);
}

static void welcomed(struct lg_meta_proxy *p)
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

static void tell(struct lg_meta_watch *watch, const struct lg_meta_message *m)
{
    struct lg_meta_names names;

    lg_meta_names_init(&names, watch->path);
    lg_meta_message_get_names(m, &names);
    watch->names = &names;
    watch->changed(watch);
    watch->names = NULL; /* It may have been stopped; it is closed later. */
    lg_meta_names_done(&names);
}

static void watch_changed(struct lg_meta_proxy *p, const struct lg_meta_message *m)
{
    LG_LIST_EACH(it, &p->watches)
    {
        struct lg_meta_watch *watch = LG_CONTAINER_OF(it, struct lg_meta_watch, link);
        const struct proxy_watch *state = watch->driver_state;

        if (state->number == m->number) {
            tell(watch, m);
            return;
        }
    }
}

static void answered(struct lg_meta_proxy *p, const struct lg_meta_message *m)
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
    struct lg_meta_proxy *p = t->link->proxy;
    LG_AUTO(lg_meta_message) *m = t->message;

    lg_free(t);
    if (p == NULL || m->epoch != p->epoch)
        return; /* Of a session that is over. */
    p->heard_us = lg_lane_now_us(p->lane);
    switch (m->kind) {
    case LG_MM_WELCOME:
        welcomed(p);
        break;
    case LG_MM_GONE:
        if (p->established)
            lose_session(p);
        break;
    case LG_MM_ANSWER:
        answered(p, m);
        break;
    case LG_MM_CHANGED:
        watch_changed(p, m);
        break;
    case LG_MM_PONG:
        break;
    case LG_MM_HELLO:
    case LG_MM_PING:
    case LG_MM_OP:
    case LG_MM_WATCH:
    case LG_MM_UNWATCH:
    case LG_MM_BYE:
        assert(false && "not for a proxy");
    }
}

void lg_meta_proxy_takes(struct lg_meta_proxy *p, struct lg_meta_message *m)
{
    struct taken *t = lg_new(struct taken);

    *t = (struct taken){{NULL, proxy_handles}, p->link, m};
    lg_lane_post(p->lane, &t->task);
}

/* Without a session an operation waits until there is one, or its time is over. */
static void proxy_submit(struct lg_metastore *ms, struct lg_meta_op *op)
{
    struct lg_meta_proxy *p = LG_CONTAINER_OF(ms, struct lg_meta_proxy, head);
    struct pending *w = lg_new(struct pending);

    assert(op->lane == p->lane && "a proxy serves one lane");
    p->link->net->reads += op->kind != LG_META_WRITE;
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
    struct lg_meta_proxy *p = LG_CONTAINER_OF(ms, struct lg_meta_proxy, head);
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
    struct lg_meta_proxy *p = LG_CONTAINER_OF(ms, struct lg_meta_proxy, head);
    struct proxy_watch *state = watch->driver_state;

    state->closed = closed;
    lg_list_remove(&watch->link);
    if (p->established)
        lg_meta_send(&p->link->up, lg_meta_message_new(LG_MM_UNWATCH, p->epoch, state->number));
    watch->task.run = watch_closed_task;
    lg_lane_post(watch->lane, &watch->task);
}

static bool proxy_silence(struct lg_metastore *ms, uint64_t *out_us, struct lg_error *err)
{
    const struct lg_meta_proxy *p = LG_CONTAINER_OF(ms, struct lg_meta_proxy, head);

    *out_us = lg_lane_now_us(p->lane) - p->heard_us;
    if (*out_us < LG_META_SIM_GRACE_MS * LG_MS)
        return false;
    (void)lg_error_set(err, LG_ERR_UNAVAILABLE,
                       "the metadata cannot be reached: no answer for %llu s; changes are refused "
                       "until there is one, ask again",
                       (unsigned long long)(*out_us / LG_SEC));
    return true;
}

static const struct lg_metastore_ops ops = {
    .name = "metastore_sim",
    .submit = proxy_submit,
    .watch = proxy_watch,
    .unwatch = proxy_unwatch,
    .silence = proxy_silence,
};

/* --- Life. -------------------------------------------------------------------------------------
 */

static void way_init(struct lg_meta_way *w, struct lg_meta_link *l, bool up)
{
    w->link = l;
    w->up = up;
    lg_list_init(&w->messages);
}

/* A link whose proxy is gone is used again by the next one of that node. */
static struct lg_meta_link *link_for(struct lg_meta_sim *net, struct lg_sim_node *node)
{
    struct lg_alloc_domain *outer;
    struct lg_meta_link *l;

    for (size_t i = 0; i < net->links.size; i++)
        if (net->links.data[i]->node == node && !lg_meta_proxy_alive(net->links.data[i]))
            return net->links.data[i];
    outer = lg_alloc_domain_enter(NULL);
    l = lg_new(struct lg_meta_link);
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
    struct lg_meta_proxy *p = lg_new(struct lg_meta_proxy);

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
    struct lg_meta_proxy *p = LG_CONTAINER_OF(session, struct lg_meta_proxy, head);

    assert(lg_list_empty(&p->pending) && lg_list_empty(&p->watches));
    lg_timer_stop(p->lane, &p->ping);
    lg_meta_send(&p->link->up, lg_meta_message_new(LG_MM_BYE, p->epoch, 0));
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

static void way_done(struct lg_meta_way *w)
{
    LG_LIST_EACH(it, &w->messages)
    lg_meta_message_free(LG_CONTAINER_OF(it, struct lg_meta_message, link));
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
    lg_meta_message_free(LG_CONTAINER_OF(it, struct lg_meta_message, link));
    LG_VEC_DONE(&net->links);
    lg_free(net);
}

void lg_meta_sim_set_delay_us(struct lg_meta_sim *net, uint64_t min_us, uint64_t max_us)
{
    assert(min_us <= max_us);
    net->delay_min_us = min_us;
    net->delay_max_us = max_us;
}

void lg_meta_sim_cut_way(struct lg_meta_sim *net, const char *node, bool to_server, bool is_cut)
{
    struct lg_meta_link *l = lg_meta_link_of(net, node);

    if (l != NULL)
        *(to_server ? &l->up.cut : &l->down.cut) = is_cut;
}

void lg_meta_sim_cut(struct lg_meta_sim *net, const char *node, bool is_cut)
{
    lg_meta_sim_cut_way(net, node, /* to_server= */ true, is_cut);
    lg_meta_sim_cut_way(net, node, /* to_server= */ false, is_cut);
}

void lg_meta_sim_heal(struct lg_meta_sim *net)
{
    for (size_t i = 0; i < net->links.size; i++)
        net->links.data[i]->up.cut = net->links.data[i]->down.cut = false;
}

void lg_meta_sim_on_write(struct lg_meta_sim *net,
                          void (*written)(void *ctx, struct lg_sim_node *node,
                                          const struct lg_meta_change *changes, size_t count),
                          void *ctx)
{
    net->written = written;
    net->written_ctx = ctx;
}

uint64_t lg_meta_sim_reads(const struct lg_meta_sim *net)
{
    return net->reads;
}

uint64_t lg_meta_sim_losses(const struct lg_meta_sim *net)
{
    return net->losses;
}
