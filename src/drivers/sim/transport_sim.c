/* The simulated network. A link is one connection: two ends, each with the pipe of packets it
 * sends. Packets of a pipe arrive in order; one event of the simulator is armed for the first of
 * them. Arrivals are the world's; what they mean for a node runs as a task on the lane of that end.
 *
 * Everything here is called either by the world or by a node's code; allocations are bracketed so
 * that they never belong to the node (base/alloc.h). After a kill nothing that was the node's is
 * touched: the end is only marked.
 */
#include "drivers/sim/transport_sim.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/vec.h"
#include "drivers/sim/net_map.h"

#define PORT_FIRST 40000 /* of those that are picked */
#define COMPACT_BYTES ((size_t)64 << 10)

enum packet_kind { SYN, ACK, DATA, FIN, RST };

struct packet {
    struct lg_list link;
    enum packet_kind kind;
    uint64_t arrival_us;
    struct lg_buf bytes; /* DATA */
    const char *fault;   /* RST: a literal. */
};

struct host {
    struct lg_net_sim *net;
    struct lg_sim_node *node; /* NULL: the world's. */
    const char *name;
    uint16_t next_port;
};

struct listener_sim {
    struct lg_listener listener; /* First. */
    struct lg_list link;
    struct host *host;
    struct lg_lane *lane;
    char *alias; /* The host it was given. */
    uint16_t port;
    void (*accepted)(void *ctx, struct lg_conn *c);
    void *ctx;
};

enum end_state { ABSENT, CONNECTING, OPEN, CLOSING, ENDED };

struct end {
    struct lg_conn conn; /* First. */
    struct link *link;
    struct host *host; /* NULL: nobody was there. */
    enum end_state state;
    enum lg_rc why;                /* ENDED: what `closed` will say. */
    bool finished;                 /* `closed` is told, or the node is dead. */
    struct listener_sim *listener; /* `accepted` is to be told. */
    bool to_open, to_drain, paused, above_high, close_asked, peer_done;
    struct lg_task task;
    bool task_posted;
    struct lg_buf out; /* Not yet on its way; its first out_offset bytes are. */
    size_t out_offset;
    struct lg_buf in; /* Arrived; its first in_offset bytes are handed over. */
    size_t in_offset;
    struct lg_list packets; /* On their way to the other end. */
    size_t flying;          /* Bytes in them. */
    uint64_t last_arrival_us;
    uint64_t event; /* Of the first packet; 0: none. */
    bool stalled;   /* The first packet waits for a partition to heal. */
};

struct link {
    struct lg_list link;
    struct lg_net_sim *net;
    uint64_t id;
    char to[64]; /* Where the SYN goes. */
    uint16_t port;
    struct end end[2]; /* Client, server. */
};

struct lg_net_sim {
    struct lg_transport transport; /* First. */
    struct lg_sim *sim;
    LG_VEC(struct host *) hosts;
    struct lg_net_map map;
    struct lg_list listeners, links;
    uint64_t last_id;
    size_t link_count;
    uint64_t delay_min_us, delay_max_us, reset_num, reset_den;
    size_t piece_max;
};

static const struct lg_transport_ops ops;
static void pump(struct end *e);
static void end_runs(struct lg_task *task);

static struct end *peer_of(struct end *e)
{
    return &e->link->end[e == &e->link->end[0]];
}

/* --- Hosts and partitions -------------------------------------------------------------------- */

static bool is_loopback(const char *name)
{
    return strcmp(name, "127.0.0.1") == 0 || strcmp(name, "localhost") == 0;
}

static void node_killed(void *ctx);

static struct host *host_of(struct lg_net_sim *net, const struct lg_lane *lane)
{
    struct lg_sim_node *node = lg_sim_lane_node(lane);
    struct lg_alloc_domain *outer;
    struct host *h;

    for (size_t i = 0; i < net->hosts.size; i++)
        if (net->hosts.data[i]->node == node)
            return net->hosts.data[i];
    outer = lg_alloc_domain_enter(NULL);
    h = lg_new(struct host);
    *h = (struct host){.net = net,
                       .node = node,
                       .name = node == NULL ? "world" : lg_sim_node_name(node),
                       .next_port = PORT_FIRST};
    LG_VEC_PUSH(&net->hosts, h);
    lg_alloc_domain_enter(outer);
    if (node != NULL)
        lg_sim_node_on_kill(node, node_killed, h);
    return h;
}

/* Where a packet of this end goes to; a SYN may go to a name that is nobody's. */
static const char *destination(struct end *e)
{
    struct end *peer = peer_of(e);

    if (peer->host != NULL)
        return peer->host->name;
    return is_loopback(e->link->to) ? e->host->name : e->link->to;
}

/* --- Packets -------------------------------------------------------------------------------- */

static void arrives(void *ctx);

static uint64_t draw_arrival_us(struct lg_net_sim *net)
{
    uint64_t spread = lg_sim_rand_below(net->sim, net->delay_max_us - net->delay_min_us + 1);

    return lg_sim_now_us(net->sim) + net->delay_min_us + spread;
}

static void arm(struct end *e)
{
    struct packet *first;

    if (e->event != 0 || e->stalled || lg_list_empty(&e->packets))
        return;
    first = LG_CONTAINER_OF(e->packets.next, struct packet, link);
    e->event = lg_sim_at(e->link->net->sim, first->arrival_us, /* node= */ NULL, arrives, e);
}

static struct packet *put_packet(struct end *e, enum packet_kind kind)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    struct packet *p = lg_new(struct packet);
    uint64_t arrival_us = draw_arrival_us(e->link->net);

    p->kind = kind;
    p->arrival_us = LG_MAX(arrival_us, e->last_arrival_us);
    e->last_arrival_us = p->arrival_us;
    lg_list_push_back(&e->packets, &p->link);
    arm(e);
    lg_alloc_domain_enter(outer);
    return p;
}

static void packet_free(struct packet *p)
{
    lg_buf_done(&p->bytes);
    lg_free(p);
}

/* --- Ends ----------------------------------------------------------------------------------- */

static void wake(struct end *e)
{
    if (e->finished || e->task_posted)
        return;
    e->task_posted = true;
    e->task.run = end_runs;
    lg_lane_post(e->conn.lane, &e->task);
}

/* The buffers stay until the link is freed: a handler may just be looking at one. */
static void end_over(struct end *e, enum lg_rc why, const char *fault)
{
    if (e->state == ENDED || e->state == ABSENT)
        return;
    e->state = ENDED;
    e->why = why;
    (void)snprintf(e->conn.fault, sizeof(e->conn.fault), "%s", fault);
    e->out.size = e->out_offset = 0;
    e->in.size = e->in_offset = 0;
    wake(e);
}

static size_t out_bytes(const struct end *e)
{
    return e->out.size - e->out_offset;
}

static void take_out(struct end *e, size_t n)
{
    e->out_offset += n;
    if (e->out_offset == e->out.size) {
        lg_buf_clear(&e->out);
        e->out_offset = 0;
    } else if (e->out_offset >= COMPACT_BYTES && e->out_offset >= e->out.size / 2) {
        lg_buf_consume(&e->out, e->out_offset);
        e->out_offset = 0;
    }
}

/* Both sides learn of it, each in its own time. */
static void break_link(struct end *e)
{
    put_packet(e, RST)->fault = "connection reset by peer";
    put_packet(peer_of(e), RST)->fault = "connection reset by peer";
    e->peer_done = peer_of(e)->peer_done = true;
    e->out.size = e->out_offset = 0;
}

/* Bytes that are sent and that the other side has not taken. */
static size_t ahead(struct end *e)
{
    const struct end *peer = peer_of(e);

    return e->flying + (peer->in.size - peer->in_offset);
}

/* The most that the next piece may have; 0 while the window has no room for that much. To send less
 * then would end in a dribble of single bytes, as it once did in TCP. */
static size_t next_piece_max(struct end *e)
{
    size_t window = LG_MIN(out_bytes(e), LG_NET_SIM_WINDOW_BYTES);
    size_t most = LG_MIN(window, e->link->net->piece_max);

    return most <= LG_NET_SIM_WINDOW_BYTES - ahead(e) ? most : 0;
}

static void send_piece(struct end *e, size_t most)
{
    struct lg_net_sim *net = e->link->net;
    size_t n = 1 + (size_t)lg_sim_rand_below(net->sim, most);
    struct packet *p;

    if (net->reset_num > 0 && lg_sim_rand_chance(net->sim, net->reset_num, net->reset_den)) {
        break_link(e);
        return;
    }
    p = put_packet(e, DATA);
    lg_buf_append(&p->bytes, e->out.data + e->out_offset, n);
    e->flying += n;
    take_out(e, n);
}

/* Sends what the window allows, then the FIN when one is due. */
static void pump(struct end *e)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);

    while ((e->state == OPEN || e->state == CLOSING) && !e->peer_done) {
        size_t most = next_piece_max(e);

        if (most == 0)
            break;
        send_piece(e, most);
    }
    if (e->state == CLOSING && (out_bytes(e) == 0 || e->peer_done)) {
        (void)put_packet(e, FIN);
        end_over(e, LG_ERR_CANCELLED, "");
    }
    if (e->above_high && out_bytes(e) <= LG_CONN_LOW_BYTES && e->state == OPEN) {
        e->above_high = false;
        e->to_drain = true;
        wake(e);
    }
    lg_alloc_domain_enter(outer);
}

/* --- Arrivals (the world's code) ------------------------------------------------------------- */

static bool reaches(const struct listener_sim *l, const struct end *client, const char *to)
{
    bool same_host = l->host == client->host;

    if (is_loopback(to))
        return same_host;
    if (is_loopback(l->alias))
        return same_host && strcmp(to, l->host->name) == 0;
    return strcmp(to, l->host->name) == 0 || strcmp(to, l->alias) == 0;
}

/* Of those that share an address any one; one that only holds it, if there is no other. */
static struct listener_sim *find_listener(struct link *link)
{
    struct listener_sim *found = NULL, *holder = NULL;
    uint64_t several = 0;

    LG_LIST_EACH(it, &link->net->listeners)
    {
        struct listener_sim *l = LG_CONTAINER_OF(it, struct listener_sim, link);

        if (l->port != link->port || !reaches(l, &link->end[0], link->to))
            continue;
        if (l->accepted == NULL)
            holder = l;
        else if (++several == 1 || lg_sim_rand_below(link->net->sim, several) == 0)
            found = l;
    }
    return found != NULL ? found : holder;
}

static void syn_arrives(struct link *link)
{
    struct end *server = &link->end[1];
    struct listener_sim *l = find_listener(link);

    if (l == NULL) {
        put_packet(server, RST)->fault = "connection refused";
        return;
    }
    if (l->accepted == NULL) { /* It waits for those that share the address. */
        if (link->end[0].state == CONNECTING)
            (void)put_packet(&link->end[0], SYN);
        return;
    }
    server->host = l->host;
    server->conn.lane = l->lane;
    server->state = OPEN;
    server->listener = l;
    (void)put_packet(server, ACK);
    wake(server);
}

static void ack_arrives(struct end *client)
{
    if (client->state != CONNECTING)
        return;
    client->state = client->close_asked ? CLOSING : OPEN;
    client->to_open = !client->close_asked;
    wake(client);
    pump(client);
}

static void packet_arrives(struct end *from, struct packet *p)
{
    struct end *e = peer_of(from);

    switch (p->kind) {
    case SYN:
        syn_arrives(e->link);
        break;
    case ACK:
        ack_arrives(e);
        break;
    case DATA:
        from->flying -= p->bytes.size;
        if (e->state == OPEN) {
            if (e->in_offset >= COMPACT_BYTES) {
                lg_buf_consume(&e->in, e->in_offset);
                e->in_offset = 0;
            }
            lg_buf_append_slice(&e->in, lg_buf_slice(&p->bytes));
            wake(e);
        }
        pump(from);
        break;
    case FIN:
        e->peer_done = true;
        if (e->state == CLOSING)
            end_over(e, LG_ERR_CANCELLED, "");
        else if (e->state != ENDED)
            wake(e);
        break;
    case RST:
        end_over(e, LG_ERR_UNAVAILABLE, p->fault);
        break;
    }
}

static void arrives(void *ctx)
{
    struct end *e = (struct end *)ctx;
    struct lg_net_sim *net = e->link->net;
    struct packet *p = LG_CONTAINER_OF(e->packets.next, struct packet, link);
    const char *from = e->host != NULL ? e->host->name : e->link->to;

    e->event = 0;
    if (lg_net_map_is_cut(&net->map, from, destination(e))) {
        e->stalled = true;
        return;
    }
    lg_sim_trace(net->sim, "net_arrives", e->link->id, e == &e->link->end[1], p->kind,
                 p->bytes.size, lg_hash64(p->bytes.data, p->bytes.size, 0));
    lg_list_remove(&p->link);
    arm(e);
    packet_arrives(e, p);
    packet_free(p);
}

/* --- Tasks of an end (its node's code) ------------------------------------------------------- */

static void end_init(struct link *link, struct end *e)
{
    e->link = link;
    e->conn.transport = &link->net->transport;
    lg_list_init(&e->packets);
}

static void link_free(struct link *link)
{
    for (unsigned i = 0; i < 2; i++) {
        struct end *e = &link->end[i];

        while (!lg_list_empty(&e->packets))
            packet_free(LG_CONTAINER_OF(lg_list_pop_front(&e->packets), struct packet, link));
        lg_buf_done(&e->out);
        lg_buf_done(&e->in);
    }
    lg_list_remove(&link->link);
    link->net->link_count--;
    lg_free(link);
}

/* A server's end that never came to be has nothing to finish. */
static void link_free_if_over(struct link *link)
{
    if (!link->end[0].finished || (!link->end[1].finished && link->end[1].state != ABSENT))
        return;
    for (unsigned i = 0; i < 2; i++)
        if (link->end[i].event != 0)
            (void)lg_sim_cancel(link->net->sim, link->end[i].event);
    link_free(link);
}

static void show(struct end *e)
{
    const struct lg_net_shown *shown = lg_net_map_shown(&e->link->net->map, peer_of(e)->host->name);

    if (shown == NULL)
        return;
    e->conn.is_secure = shown->is_secure;
    e->conn.identity = shown->identity;
}

void lg_net_sim_show(struct lg_net_sim *net, const char *from, bool is_secure, const char *identity)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);

    lg_net_map_show(&net->map, from, is_secure, identity);
    lg_alloc_domain_enter(outer);
    LG_LIST_EACH(it, &net->links)
    {
        struct link *link = LG_CONTAINER_OF(it, struct link, link);

        if (link->end[0].host != NULL)
            show(&link->end[1]);
    }
}

static void tell_accepted(struct end *e)
{
    struct listener_sim *l = e->listener;
    struct end *client = peer_of(e);

    e->listener = NULL;
    (void)snprintf(e->conn.peer, sizeof(e->conn.peer), "%.48s:%u", client->host->name,
                   (unsigned)(PORT_FIRST + e->link->id % 20000));
    show(e);
    l->accepted(l->ctx, &e->conn);
    assert(e->conn.handler != NULL && "`accepted` sets the handler");
}

static void tell_received(struct end *e)
{
    size_t size = e->in.size - e->in_offset;
    size_t most = LG_MIN(size, e->link->net->piece_max);
    size_t n = 1 + (size_t)lg_sim_rand_below(e->link->net->sim, most);
    struct lg_slice piece = lg_slice(e->in.data + e->in_offset, n);

    e->in_offset += n;
    if (n == size)
        e->in.size = e->in_offset = 0; /* The memory stays, so the piece is still good. */
    e->conn.handler->received(e->conn.ctx, &e->conn, piece);
    pump(peer_of(e));
}

static void tell_closed(struct end *e)
{
    struct link *link = e->link;

    if (e->conn.handler != NULL) /* Else it was never accepted. */
        e->conn.handler->closed(e->conn.ctx, &e->conn, e->why);
    e->finished = true;
    link_free_if_over(link);
}

static bool has_input(const struct end *e)
{
    return e->state == OPEN && !e->paused && e->in.size > e->in_offset;
}

static void end_runs(struct lg_task *task)
{
    struct end *e = LG_CONTAINER_OF(task, struct end, task);

    e->task_posted = false;
    if (e->state == ENDED) {
        tell_closed(e);
        return;
    }
    if (e->listener != NULL)
        tell_accepted(e);
    if (e->to_open && e->state == OPEN) {
        e->to_open = false;
        if (e->conn.handler->opened != NULL)
            e->conn.handler->opened(e->conn.ctx, &e->conn);
    }
    if (e->to_drain && e->state == OPEN) {
        e->to_drain = false;
        if (e->conn.handler->drained != NULL)
            e->conn.handler->drained(e->conn.ctx, &e->conn);
    }
    if (has_input(e))
        tell_received(e);
    if (e->state == OPEN && e->in.size == e->in_offset && !e->paused && e->peer_done &&
        lg_list_empty(&peer_of(e)->packets))
        end_over(e, LG_OK, "");
    if (has_input(e) || e->state == ENDED)
        wake(e);
}

/* --- The port ------------------------------------------------------------------------------- */

static struct lg_conn *net_open(struct lg_transport *t, struct lg_lane *lane, const char *host,
                                uint16_t port, const struct lg_conn_handler *handler, void *ctx)
{
    struct lg_net_sim *net = (struct lg_net_sim *)t;
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    struct link *link = lg_new(struct link);
    struct end *client = &link->end[0];

    link->net = net;
    link->id = ++net->last_id;
    link->port = port;
    (void)snprintf(link->to, sizeof(link->to), "%s", host);
    end_init(link, &link->end[0]);
    end_init(link, &link->end[1]);
    lg_list_push_back(&net->links, &link->link);
    net->link_count++;
    client->host = host_of(net, lane);
    client->state = CONNECTING;
    client->conn.lane = lane;
    client->conn.handler = handler;
    client->conn.ctx = ctx;
    (void)snprintf(client->conn.peer, sizeof(client->conn.peer), "%.50s:%u", host, port);
    lg_sim_trace(net->sim, "net_open", link->id, port);
    lg_sim_trace_text(net->sim, lg_slice_str(link->to));
    (void)put_packet(client, SYN);
    lg_alloc_domain_enter(outer);
    return &client->conn;
}

static void net_send(struct lg_conn *c, struct lg_buf *take_bytes)
{
    struct end *e = (struct end *)c;
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);

    assert(lg_buf_ok(take_bytes));
    if (e->state == CONNECTING || e->state == OPEN) {
        if (!e->close_asked)
            lg_buf_append_slice(&e->out, lg_buf_slice(take_bytes));
        if (out_bytes(e) > LG_CONN_HIGH_BYTES)
            e->above_high = true;
    }
    lg_buf_clear(take_bytes);
    pump(e);
    lg_alloc_domain_enter(outer);
}

static size_t net_queued(const struct lg_conn *c)
{
    return out_bytes((const struct end *)c);
}

static void net_pause(struct lg_conn *c, bool paused)
{
    struct end *e = (struct end *)c;

    e->paused = paused;
    if (!paused)
        wake(e);
}

static void net_close(struct lg_conn *c, bool after_flush)
{
    struct end *e = (struct end *)c;

    if (e->state == ENDED)
        return;
    if (!after_flush) {
        (void)put_packet(e, FIN);
        end_over(e, LG_ERR_CANCELLED, "");
    } else if (e->state == OPEN) {
        e->state = CLOSING;
        e->in.size = e->in_offset = 0;
        pump(e);
        pump(peer_of(e)); /* Nothing fills our window any more. */
    } else {
        e->close_asked = true;
    }
}

static bool port_is_taken(const struct lg_net_sim *net, const struct host *h, uint16_t port)
{
    LG_LIST_EACH(it, &net->listeners)
    {
        const struct listener_sim *l = LG_CONTAINER_OF(it, struct listener_sim, link);

        if (l->host == h && l->port == port)
            return true;
    }
    return false;
}

static bool is_host_name(const char *host)
{
    for (const char *c = host; *c != '\0'; c++)
        if (*c <= ' ' || strchr("/:?#@!\"\\", *c) != NULL)
            return false;
    return host[0] != '\0' && strlen(host) < 64;
}

static void listen_as(struct lg_net_sim *net, struct host *h, struct lg_lane *lane,
                      const char *alias, uint16_t port,
                      void (*accepted)(void *ctx, struct lg_conn *c), void *ctx,
                      struct lg_listener **out)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    struct listener_sim *l = lg_new(struct listener_sim);

    l->listener.transport = &net->transport;
    l->host = h;
    l->lane = lane;
    l->alias = lg_strdup(alias);
    l->port = port;
    l->accepted = accepted;
    l->ctx = ctx;
    lg_list_push_back(&net->listeners, &l->link);
    lg_alloc_domain_enter(outer);
    lg_sim_trace(net->sim, "net_listen", port);
    lg_sim_trace_text(net->sim, lg_slice_str(h->name));
    *out = &l->listener;
}

static enum lg_rc net_listen(struct lg_transport *t, struct lg_lane *lane, const char *host,
                             uint16_t port, void (*accepted)(void *ctx, struct lg_conn *c),
                             void *ctx, struct lg_listener **out, struct lg_error *err)
{
    struct lg_net_sim *net = (struct lg_net_sim *)t;
    struct host *h = host_of(net, lane);

    if (!is_host_name(host))
        return lg_error_set(err, LG_ERR_INVALID, "cannot listen on \"%s\": give a name of a node",
                            host);
    if (port != 0 && port_is_taken(net, h, port))
        return lg_error_set(err, LG_ERR_IN_USE,
                            "port %u on %s is in use by another process; choose another port or "
                            "stop that process",
                            port, host);
    while (port == 0 || port_is_taken(net, h, port))
        port = h->next_port++;
    listen_as(net, h, lane, host, port, accepted, ctx, out);
    return LG_OK;
}

static enum lg_rc net_share(struct lg_listener *with, struct lg_lane *lane,
                            void (*accepted)(void *ctx, struct lg_conn *c), void *ctx,
                            struct lg_listener **out, struct lg_error *err)
{
    const struct listener_sim *first = (const struct listener_sim *)with;

    (void)err;
    listen_as((struct lg_net_sim *)with->transport, first->host, lane, first->alias, first->port,
              accepted, ctx, out);
    return LG_OK;
}

static uint16_t net_listener_port(const struct lg_listener *l)
{
    return ((const struct listener_sim *)l)->port;
}

/* Connections that wait for `accepted` have nobody any more. */
static void net_listener_close(struct lg_listener *listener)
{
    struct listener_sim *l = (struct listener_sim *)listener;

    LG_LIST_EACH(it, &l->host->net->links)
    {
        struct end *server = &LG_CONTAINER_OF(it, struct link, link)->end[1];

        if (server->listener != l)
            continue;
        server->listener = NULL;
        if (server->state == OPEN) {
            put_packet(server, RST)->fault = "connection reset by peer";
            end_over(server, LG_ERR_CANCELLED, "");
        }
    }
    lg_list_remove(&l->link);
    lg_free(l->alias);
    lg_free(l);
}

static const struct lg_transport_ops ops = {
    .name = "sim",
    .listen = net_listen,
    .share = net_share,
    .listener_port = net_listener_port,
    .listener_close = net_listener_close,
    .open = net_open,
    .send = net_send,
    .queued = net_queued,
    .pause = net_pause,
    .close = net_close,
};

/* --- The world's side ------------------------------------------------------------------------ */

/* kill -9: the node's memory, lanes and tasks are gone already. */
static void node_killed(void *ctx)
{
    struct host *h = (struct host *)ctx;

    LG_LIST_EACH(it, &h->net->listeners)
    {
        struct listener_sim *l = LG_CONTAINER_OF(it, struct listener_sim, link);

        if (l->host == h)
            net_listener_close(&l->listener);
    }
    LG_LIST_EACH(it, &h->net->links)
    {
        struct link *link = LG_CONTAINER_OF(it, struct link, link);

        for (unsigned i = 0; i < 2; i++) {
            struct end *e = &link->end[i];

            if (e->host != h || e->finished)
                continue;
            e->finished = true;
            if (e->state != ENDED)
                put_packet(e, RST)->fault = "connection reset by peer";
            e->state = ENDED;
            e->out.size = e->out_offset = 0;
            e->in.size = e->in_offset = 0;
        }
        link_free_if_over(link);
    }
}

struct lg_net_sim *lg_net_sim_new(struct lg_sim *sim)
{
    struct lg_net_sim *net = lg_new(struct lg_net_sim);

    net->transport.ops = &ops;
    net->sim = sim;
    lg_list_init(&net->listeners);
    lg_list_init(&net->links);
    net->delay_min_us = LG_NET_SIM_DELAY_MIN_US;
    net->delay_max_us = LG_NET_SIM_DELAY_MAX_US;
    net->piece_max = LG_NET_SIM_PIECE_BYTES_MAX;
    net->reset_den = 1;
    return net;
}

/* The simulator is gone: its events and lanes no longer point here. */
void lg_net_sim_free(struct lg_net_sim *net)
{
    if (net == NULL)
        return;
    while (!lg_list_empty(&net->links))
        link_free(LG_CONTAINER_OF(net->links.next, struct link, link));
    while (!lg_list_empty(&net->listeners)) {
        struct listener_sim *l =
            LG_CONTAINER_OF(lg_list_pop_front(&net->listeners), struct listener_sim, link);

        lg_free(l->alias);
        lg_free(l);
    }
    for (size_t i = 0; i < net->hosts.size; i++)
        lg_free(net->hosts.data[i]);
    LG_VEC_DONE(&net->hosts);
    lg_net_map_done(&net->map);
    lg_free(net);
}

struct lg_transport *lg_net_sim_transport(struct lg_net_sim *net)
{
    return &net->transport;
}

void lg_net_sim_set_delay_us(struct lg_net_sim *net, uint64_t min_us, uint64_t max_us)
{
    assert(min_us <= max_us);
    net->delay_min_us = min_us;
    net->delay_max_us = max_us;
}

void lg_net_sim_set_piece_bytes_max(struct lg_net_sim *net, size_t bytes_max)
{
    assert(bytes_max > 0);
    net->piece_max = bytes_max;
}

void lg_net_sim_set_reset_chance(struct lg_net_sim *net, uint64_t num, uint64_t den)
{
    assert(den > 0);
    net->reset_num = num;
    net->reset_den = den;
}

/* What was held back starts again, with new delays, in the order of the connections. */
static void resume_stalled(struct lg_net_sim *net)
{
    LG_LIST_EACH(it, &net->links)
    {
        struct link *link = LG_CONTAINER_OF(it, struct link, link);

        for (unsigned i = 0; i < 2; i++) {
            struct end *e = &link->end[i];
            uint64_t arrival_us;

            if (!e->stalled)
                continue;
            arrival_us = draw_arrival_us(net);
            LG_LIST_EACH(at, &e->packets)
            {
                struct packet *p = LG_CONTAINER_OF(at, struct packet, link);

                p->arrival_us = LG_MAX(p->arrival_us, arrival_us);
            }
            e->last_arrival_us = LG_MAX(e->last_arrival_us, arrival_us);
            e->stalled = false;
            arm(e);
        }
    }
}

void lg_net_sim_cut_way(struct lg_net_sim *net, const char *from, const char *to, bool cut)
{
    struct lg_alloc_domain *outer;
    bool changed;

    lg_sim_trace(net->sim, "net_cut_way", cut);
    lg_sim_trace_text(net->sim, lg_slice_str(from));
    lg_sim_trace_text(net->sim, lg_slice_str(to));
    outer = lg_alloc_domain_enter(NULL);
    changed = lg_net_map_cut(&net->map, from, to, cut);
    lg_alloc_domain_enter(outer);
    if (changed && !cut)
        resume_stalled(net);
}

void lg_net_sim_partition(struct lg_net_sim *net, const char *a, const char *b, bool cut)
{
    lg_net_sim_cut_way(net, a, b, cut);
    lg_net_sim_cut_way(net, b, a, cut);
}

void lg_net_sim_heal(struct lg_net_sim *net)
{
    lg_sim_trace(net->sim, "net_heal", net->map.cuts.size);
    net->map.cuts.size = 0;
    resume_stalled(net);
}

size_t lg_net_sim_connections(const struct lg_net_sim *net)
{
    return net->link_count;
}
