/* The contract of the transport port. Each clause is a scene: it sets two sides up, acts on the
 * lane, waits for what must happen and names what did not. */
#include "net/transport_contract.h"

#include "base/hash.h"

#define BIG_BYTES ((size_t)10 << 20)
#define BIG_PIECE_BYTES ((size_t)100 << 10)

struct scene;

/* One end of the scene's connection, with all it was told. */
struct side {
    struct scene *scene;
    struct lg_conn *conn;
    bool opened, closed, drained, was_told_inside;
    enum lg_rc why;
    char fault[128];
    uint64_t received;
    uint32_t crc; /* Of the bytes received. */
    bool echoes, closes_on_data, answers_and_closes;
};

struct scene {
    const struct lg_transport_contract *contract;
    struct lg_listener *listener, *sharer, *second;
    unsigned shared; /* Connections that came by the sharer. */
    uint16_t port;
    struct side client, server;
    struct lg_task task;
    void (*act)(struct scene *s);
    bool acted, inside; /* A call into the transport is on the stack. */
    bool still_queued;
    uint64_t to_send;
    uint32_t sent_crc;
};

static enum lg_rc broken(struct lg_error *err, const char *clause)
{
    return lg_error_set(err, LG_ERR_FAILED, "transport contract: %s", clause);
}

#define REQUIRE(condition, clause)                                                                 \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return broken(err, clause);                                                            \
    } while (0)

/* --- Sides ---------------------------------------------------------------------------------- */

static void note_inside(struct side *side)
{
    if (side->scene->inside)
        side->was_told_inside = true;
}

static void send_bytes(struct side *side, const void *bytes, size_t size)
{
    struct lg_buf b = {0};

    lg_buf_append(&b, bytes, size);
    side->scene->inside = true;
    lg_conn_send(side->conn, &b);
    side->scene->inside = false;
    assert(b.size == 0);
    lg_buf_done(&b);
}

static void close_side(struct side *side, bool after_flush)
{
    side->scene->inside = true;
    lg_conn_close(side->conn, after_flush);
    side->scene->inside = false;
}

/* Sends BIG_BYTES that differ from place to place, and notes what they were. */
static void send_big(struct side *side)
{
    struct scene *s = side->scene;
    struct lg_buf b = {0};

    for (size_t sent = 0; sent < BIG_BYTES; sent += BIG_PIECE_BYTES) {
        size_t size = LG_MIN(BIG_PIECE_BYTES, BIG_BYTES - sent);
        uint8_t *room = lg_buf_reserve(&b, size);

        s->to_send += size;
        for (size_t i = 0; i < size; i++)
            room[i] = (uint8_t)((sent + i) * 2654435761u >> 13);
        lg_buf_commit(&b, size);
        s->sent_crc = lg_crc32c(s->sent_crc, b.data, b.size);
        s->inside = true;
        lg_conn_send(side->conn, &b);
        s->inside = false;
        assert(b.size == 0);
    }
    lg_buf_done(&b);
}

static void opened(void *ctx, struct lg_conn *c)
{
    struct side *side = (struct side *)ctx;

    (void)c;
    note_inside(side);
    side->opened = true;
}

static void received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    struct side *side = (struct side *)ctx;

    (void)c;
    note_inside(side);
    side->received += bytes.size;
    side->crc = lg_crc32c(side->crc, bytes.data, bytes.size);
    if (side->echoes)
        send_bytes(side, bytes.data, bytes.size);
    if (side->answers_and_closes)
        send_big(side);
    if (side->closes_on_data || side->answers_and_closes)
        close_side(side, /* after_flush= */ true);
}

static void drained(void *ctx, struct lg_conn *c)
{
    (void)c;
    note_inside((struct side *)ctx);
    ((struct side *)ctx)->drained = true;
}

static void closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    struct side *side = (struct side *)ctx;

    note_inside(side);
    assert(!side->closed && "closed comes once");
    side->closed = true;
    side->why = why;
    memcpy(side->fault, c->fault, sizeof(side->fault));
    side->conn = NULL;
}

static const struct lg_conn_handler handler = {
    .opened = opened, .received = received, .drained = drained, .closed = closed};

static void accepted(void *ctx, struct lg_conn *c)
{
    struct scene *s = (struct scene *)ctx;

    c->handler = &handler;
    c->ctx = &s->server;
    s->server.conn = c;
    s->server.opened = true;
}

/* --- Scenes --------------------------------------------------------------------------------- */

static void acts(struct lg_task *task)
{
    struct scene *s = LG_CONTAINER_OF(task, struct scene, task);

    s->act(s);
    s->acted = true;
}

static bool has_acted(void *arg)
{
    return ((struct scene *)arg)->acted;
}

static bool wait_for(struct scene *s, bool (*cond)(void *arg))
{
    return s->contract->run_until(s->contract->ctx, cond, s);
}

/* Runs `act` on the lane. */
static bool do_on_lane(struct scene *s, void (*act)(struct scene *s))
{
    s->act = act;
    s->acted = false;
    s->task.run = acts;
    lg_lane_post(s->contract->lane, &s->task);
    return wait_for(s, has_acted);
}

static void listen_act(struct scene *s)
{
    struct lg_error err;

    if (lg_transport_listen(s->contract->transport, s->contract->lane, s->contract->host, 0,
                            accepted, s, &s->listener, &err) == LG_OK)
        s->port = lg_listener_port(s->listener);
}

static void open_act(struct scene *s)
{
    s->inside = true;
    s->client.conn = lg_conn_open(s->contract->transport, s->contract->lane, s->contract->host,
                                  s->port, &handler, &s->client);
    s->inside = false;
}

static bool both_open(void *arg)
{
    const struct scene *s = (const struct scene *)arg;

    return s->client.opened && s->server.opened;
}

static bool client_closed(void *arg)
{
    return ((struct scene *)arg)->client.closed;
}

static bool both_closed(void *arg)
{
    const struct scene *s = (const struct scene *)arg;

    return s->client.closed && s->server.closed;
}

static void scene_init(struct scene *s, const struct lg_transport_contract *contract)
{
    *s = (struct scene){.contract = contract};
    s->client.scene = s->server.scene = s;
}

static enum lg_rc begin(struct scene *s, struct lg_error *err)
{
    REQUIRE(do_on_lane(s, listen_act), "the lane runs what is posted");
    REQUIRE(s->port != 0, "listening on port 0 picks a port");
    REQUIRE(do_on_lane(s, open_act), "the lane runs what is posted");
    REQUIRE(wait_for(s, both_open), "a connection opens on both sides");
    REQUIRE(s->client.conn->peer[0] != '\0' && s->server.conn->peer[0] != '\0',
            "both sides name their peer");
    return LG_OK;
}

static void close_listener_act(struct scene *s)
{
    lg_listener_close(s->listener);
    s->listener = NULL;
}

static void close_conns_act(struct scene *s)
{
    if (s->client.conn != NULL)
        close_side(&s->client, /* after_flush= */ false);
    if (s->server.conn != NULL)
        close_side(&s->server, /* after_flush= */ false);
}

static void drop_act(struct scene *s)
{
    close_listener_act(s);
    close_conns_act(s);
}

static enum lg_rc finish(struct scene *s, struct lg_error *err)
{
    REQUIRE(do_on_lane(s, drop_act), "the lane runs what is posted");
    REQUIRE(wait_for(s, both_closed), "both sides are told that they are closed");
    REQUIRE(!s->client.was_told_inside && !s->server.was_told_inside,
            "no handler is called from inside a call into the transport");
    return LG_OK;
}

static enum lg_rc play(const struct lg_transport_contract *contract,
                       enum lg_rc (*clauses)(struct scene *s, struct lg_error *err),
                       struct lg_error *err)
{
    struct scene s;
    enum lg_rc rc;

    scene_init(&s, contract);
    rc = begin(&s, err);
    if (rc == LG_OK)
        rc = clauses(&s, err);
    return rc == LG_OK ? finish(&s, err) : rc;
}

/* --- Clauses -------------------------------------------------------------------------------- */

static void say_hello_act(struct scene *s)
{
    s->server.echoes = true;
    send_bytes(&s->client, "hello, ", 7);
    send_bytes(&s->client, "world", 5);
}

static bool hello_came_back(void *arg)
{
    return ((struct scene *)arg)->client.received == 12;
}

static enum lg_rc echo(struct scene *s, struct lg_error *err)
{
    REQUIRE(do_on_lane(s, say_hello_act), "the lane runs what is posted");
    REQUIRE(wait_for(s, hello_came_back), "what is sent comes back from an echo");
    REQUIRE(s->client.crc == lg_crc32c(0, "hello, world", 12), "bytes arrive in order");
    REQUIRE(lg_conn_queued(s->client.conn) == 0, "what arrived is no longer queued");
    return LG_OK;
}

static void send_big_act(struct scene *s)
{
    lg_conn_pause(s->server.conn, true);
    send_big(&s->client);
}

static void send_more_act(struct scene *s)
{
    send_bytes(&s->server, "still here", 10);
}

static bool still_here_came(void *arg)
{
    return ((struct scene *)arg)->client.received == 10;
}

static void unpause_act(struct scene *s)
{
    lg_conn_pause(s->server.conn, false);
}

static bool all_came(void *arg)
{
    const struct scene *s = (const struct scene *)arg;

    return s->server.received == s->to_send && s->client.drained;
}

static enum lg_rc big_transfer(struct scene *s, struct lg_error *err)
{
    REQUIRE(do_on_lane(s, send_big_act), "the lane runs what is posted");
    REQUIRE(do_on_lane(s, send_more_act), "the lane runs what is posted");
    REQUIRE(wait_for(s, still_here_came), "a paused connection can still send");
    REQUIRE(s->server.received == 0, "a paused connection delivers nothing");
    REQUIRE(!s->client.drained && lg_conn_queued(s->client.conn) > LG_CONN_HIGH_BYTES,
            "a peer that does not read leaves the bytes in the queue");
    REQUIRE(do_on_lane(s, unpause_act), "the lane runs what is posted");
    REQUIRE(wait_for(s, all_came), "a resumed connection delivers everything and drains");
    REQUIRE(s->server.crc == s->sent_crc, "a big transfer arrives unchanged");
    return LG_OK;
}

static void send_and_close_act(struct scene *s)
{
    send_big_act(s);
    lg_conn_pause(s->server.conn, false);
    close_side(&s->client, /* after_flush= */ true);
    send_bytes(&s->client, "too late", 8);
}

static enum lg_rc close_after_flush(struct scene *s, struct lg_error *err)
{
    REQUIRE(do_on_lane(s, send_and_close_act), "the lane runs what is posted");
    REQUIRE(wait_for(s, both_closed), "closing after a flush closes both sides");
    REQUIRE(s->server.received == s->to_send && s->server.crc == s->sent_crc,
            "closing after a flush delivers exactly what was sent before");
    REQUIRE(s->client.why == LG_ERR_CANCELLED, "who closes is told LG_ERR_CANCELLED");
    REQUIRE(s->server.why == LG_OK, "the peer of who closes is told LG_OK");
    return LG_OK;
}

static void send_and_close_to_nobody_act(struct scene *s)
{
    send_big_act(s);
    close_side(&s->client, /* after_flush= */ true);
}

static void note_queued_act(struct scene *s)
{
    s->still_queued = s->client.conn != NULL && lg_conn_queued(s->client.conn) > 0;
}

static void cut_client_act(struct scene *s)
{
    close_side(&s->client, /* after_flush= */ true);
    close_side(&s->client, /* after_flush= */ false);
    close_side(&s->client, /* after_flush= */ false);
}

static enum lg_rc cut_while_flushing(struct scene *s, struct lg_error *err)
{
    REQUIRE(do_on_lane(s, send_and_close_to_nobody_act), "the lane runs what is posted");
    REQUIRE(do_on_lane(s, note_queued_act), "the lane runs what is posted");
    REQUIRE(s->still_queued, "closing after a flush waits for a peer that does not read");
    REQUIRE(do_on_lane(s, cut_client_act), "the lane runs what is posted");
    REQUIRE(wait_for(s, client_closed), "closing at once ends a close that waits for its flush");
    REQUIRE(s->client.why == LG_ERR_CANCELLED, "who closes is told LG_ERR_CANCELLED");
    return LG_OK;
}

static void close_both_act(struct scene *s)
{
    close_side(&s->client, /* after_flush= */ false);
    close_side(&s->server, /* after_flush= */ false);
    close_side(&s->client, /* after_flush= */ false);
}

static enum lg_rc close_from_both_sides(struct scene *s, struct lg_error *err)
{
    REQUIRE(do_on_lane(s, close_both_act), "the lane runs what is posted");
    REQUIRE(wait_for(s, both_closed), "closing from both sides closes both sides");
    REQUIRE(s->client.why == LG_ERR_CANCELLED && s->server.why == LG_ERR_CANCELLED,
            "who closes is told LG_ERR_CANCELLED");
    return LG_OK;
}

static void poke_act(struct scene *s)
{
    s->server.closes_on_data = true;
    send_bytes(&s->client, "go", 2);
}

static enum lg_rc close_inside_received(struct scene *s, struct lg_error *err)
{
    REQUIRE(do_on_lane(s, poke_act), "the lane runs what is posted");
    REQUIRE(wait_for(s, both_closed), "a handler may close its connection");
    REQUIRE(s->client.why == LG_OK, "the peer of who closes is told LG_OK");
    return LG_OK;
}

/* The server answers and closes at the first bytes, with most of the client's still unread. */
static void ask_too_much_act(struct scene *s)
{
    s->server.answers_and_closes = true;
    lg_conn_pause(s->client.conn, true);
    for (int i = 0; i < 1000; i++) {
        uint8_t piece[1000] = {0};

        send_bytes(&s->client, piece, sizeof(piece));
    }
}

static void unpause_client_act(struct scene *s)
{
    lg_conn_pause(s->client.conn, false);
}

static bool server_has_data(void *arg)
{
    return ((struct scene *)arg)->server.received > 0;
}

static enum lg_rc close_with_unread_bytes(struct scene *s, struct lg_error *err)
{
    REQUIRE(do_on_lane(s, ask_too_much_act), "the lane runs what is posted");
    REQUIRE(wait_for(s, server_has_data), "what is sent arrives");
    REQUIRE(do_on_lane(s, unpause_client_act), "the lane runs what is posted");
    REQUIRE(wait_for(s, both_closed), "closing after a flush closes both sides");
    REQUIRE(s->client.received == s->to_send && s->client.crc == s->sent_crc &&
                s->client.why == LG_OK,
            "an answer arrives whole although what was asked is not read to its end");
    return LG_OK;
}

static void send_early_act(struct scene *s)
{
    open_act(s);
    send_bytes(&s->client, "early", 5);
}

static bool early_came(void *arg)
{
    return ((struct scene *)arg)->server.received == 5;
}

static enum lg_rc send_before_opened(const struct lg_transport_contract *contract,
                                     struct lg_error *err)
{
    struct scene s;

    scene_init(&s, contract);
    REQUIRE(do_on_lane(&s, listen_act) && s.port != 0, "listening on port 0 picks a port");
    REQUIRE(do_on_lane(&s, send_early_act), "the lane runs what is posted");
    REQUIRE(wait_for(&s, early_came), "what is sent before the connection opens arrives");
    return finish(&s, err);
}

static enum lg_rc connect_refused(const struct lg_transport_contract *contract,
                                  struct lg_error *err)
{
    struct scene s;

    scene_init(&s, contract);
    REQUIRE(do_on_lane(&s, listen_act) && s.port != 0, "listening on port 0 picks a port");
    REQUIRE(do_on_lane(&s, close_listener_act), "a listener closes");
    REQUIRE(do_on_lane(&s, open_act), "the lane runs what is posted");
    REQUIRE(wait_for(&s, client_closed), "a refused connection is told");
    REQUIRE(!s.client.opened && !s.client.was_told_inside,
            "a refused connection is not opened, and told later");
    REQUIRE(s.client.why == LG_ERR_UNAVAILABLE, "a refused connection is LG_ERR_UNAVAILABLE");
    REQUIRE(strcmp(s.client.fault, "connection refused") == 0,
            "a refused connection says \"connection refused\"");
    return LG_OK;
}

static void open_and_close_act(struct scene *s)
{
    open_act(s);
    close_side(&s->client, /* after_flush= */ false);
}

static enum lg_rc close_before_opened(const struct lg_transport_contract *contract,
                                      struct lg_error *err)
{
    struct scene s;

    scene_init(&s, contract);
    REQUIRE(do_on_lane(&s, listen_act) && s.port != 0, "listening on port 0 picks a port");
    REQUIRE(do_on_lane(&s, open_and_close_act), "the lane runs what is posted");
    REQUIRE(wait_for(&s, client_closed), "closing before it opens is told");
    REQUIRE(!s.client.opened && s.client.why == LG_ERR_CANCELLED && !s.client.was_told_inside,
            "closing before it opens is LG_ERR_CANCELLED");
    if (!s.server.opened)
        s.server.closed = true; /* Whether the server saw it is not promised. */
    return finish(&s, err);
}

static void listen_twice_act(struct scene *s)
{
    struct lg_listener *l = NULL;
    struct lg_error err;

    s->client.why = lg_transport_listen(s->contract->transport, s->contract->lane,
                                        s->contract->host, s->port, accepted, s, &l, &err);
    s->server.why = lg_transport_listen(s->contract->transport, s->contract->lane,
                                        s->contract->no_address, 0, accepted, s, &l, &err);
    assert(l == NULL);
}

static enum lg_rc listen_faults(const struct lg_transport_contract *contract, struct lg_error *err)
{
    struct scene s;

    scene_init(&s, contract);
    REQUIRE(do_on_lane(&s, listen_act) && s.port != 0, "listening on port 0 picks a port");
    REQUIRE(do_on_lane(&s, listen_twice_act), "the lane runs what is posted");
    REQUIRE(s.client.why == LG_ERR_IN_USE, "a port that is taken is LG_ERR_IN_USE");
    REQUIRE(s.server.why == LG_ERR_INVALID, "a host that is no address is LG_ERR_INVALID");
    REQUIRE(do_on_lane(&s, close_listener_act), "a listener closes");
    return LG_OK;
}

static void accepted_by_sharer(void *ctx, struct lg_conn *c)
{
    ((struct scene *)ctx)->shared++;
    accepted(ctx, c);
}

static void share_act(struct scene *s)
{
    struct lg_error err;

    s->client.why =
        lg_transport_share(s->listener, s->contract->lane, accepted_by_sharer, s, &s->sharer, &err);
}

static void close_sharer_act(struct scene *s)
{
    lg_listener_close(s->sharer);
    s->sharer = NULL;
}

/* One connection that opens and closes; whether the sharer got it. */
static enum lg_rc connect_once(struct scene *s, bool *out_shared, struct lg_error *err)
{
    unsigned before = s->shared;

    s->client = s->server = (struct side){.scene = s};
    REQUIRE(do_on_lane(s, open_act), "the lane runs what is posted");
    REQUIRE(wait_for(s, both_open), "a connection to an address that is shared opens");
    *out_shared = s->shared != before;
    REQUIRE(do_on_lane(s, close_conns_act), "the lane runs what is posted");
    REQUIRE(wait_for(s, both_closed), "a connection to an address that is shared closes");
    return LG_OK;
}

static enum lg_rc connect_until_both_got_some(struct scene *s, struct lg_error *err)
{
    unsigned by_one = 0, by_other = 0;

    for (unsigned i = 0; i < 500 && (by_one == 0 || by_other == 0); i++) {
        bool shared;
        enum lg_rc rc = connect_once(s, &shared, err);

        if (rc != LG_OK)
            return rc;
        by_one += !shared;
        by_other += shared;
    }
    REQUIRE(by_one > 0 && by_other > 0, "each of those that share gets connections");
    REQUIRE(do_on_lane(s, listen_twice_act), "the lane runs what is posted");
    REQUIRE(s->client.why == LG_ERR_IN_USE, "nobody else gets a port that is shared");
    return LG_OK;
}

static enum lg_rc shared_address(const struct lg_transport_contract *contract, struct lg_error *err)
{
    struct scene s;
    enum lg_rc rc;
    bool shared;

    scene_init(&s, contract);
    REQUIRE(do_on_lane(&s, listen_act) && s.port != 0, "listening on port 0 picks a port");
    REQUIRE(do_on_lane(&s, share_act), "the lane runs what is posted");
    REQUIRE(s.client.why == LG_OK && lg_listener_port(s.sharer) == s.port,
            "a listener's address can be shared");
    rc = connect_until_both_got_some(&s, err);
    if (rc != LG_OK)
        return rc;
    REQUIRE(do_on_lane(&s, close_listener_act), "a listener closes");
    REQUIRE(connect_once(&s, &shared, err) == LG_OK && shared,
            "the one that is left gets all connections");
    REQUIRE(do_on_lane(&s, close_sharer_act), "a listener closes");
    return LG_OK;
}

static void hold_act(struct scene *s)
{
    struct lg_error err;

    if (lg_transport_listen(s->contract->transport, s->contract->lane, s->contract->host, 0, NULL,
                            NULL, &s->listener, &err) == LG_OK)
        s->port = lg_listener_port(s->listener);
}

static void share_by_second_act(struct scene *s)
{
    struct lg_error err;

    s->client.why =
        lg_transport_share(s->listener, s->contract->lane, accepted, s, &s->second, &err);
}

static void close_all_act(struct scene *s)
{
    lg_listener_close(s->second);
    close_sharer_act(s);
    close_listener_act(s);
}

static enum lg_rc held_address(const struct lg_transport_contract *contract, struct lg_error *err)
{
    struct scene s;
    enum lg_rc rc;

    scene_init(&s, contract);
    REQUIRE(do_on_lane(&s, hold_act) && s.port != 0, "holding port 0 picks a port");
    REQUIRE(do_on_lane(&s, listen_twice_act), "the lane runs what is posted");
    REQUIRE(s.client.why == LG_ERR_IN_USE, "nobody else gets a port that is held");
    s.client.why = LG_OK;
    REQUIRE(do_on_lane(&s, open_act), "the lane runs what is posted");
    REQUIRE(do_on_lane(&s, share_act) && s.sharer != NULL, "an address that is held is shared");
    REQUIRE(wait_for(&s, both_open) && s.shared == 1,
            "a connection waits for the first of those that share");
    REQUIRE(do_on_lane(&s, close_conns_act), "the lane runs what is posted");
    REQUIRE(wait_for(&s, both_closed), "a connection that waited closes");
    REQUIRE(do_on_lane(&s, share_by_second_act) && s.second != NULL, "by more than one");
    rc = connect_until_both_got_some(&s, err);
    if (rc != LG_OK)
        return rc;
    REQUIRE(do_on_lane(&s, close_all_act), "listeners close");
    s.client = s.server = (struct side){.scene = &s};
    REQUIRE(do_on_lane(&s, open_act), "the lane runs what is posted");
    REQUIRE(wait_for(&s, client_closed), "nobody answers at an address that is held no more");
    return LG_OK;
}

enum lg_rc lg_transport_contract(const struct lg_transport_contract *contract, struct lg_error *err)
{
    static enum lg_rc (*const scenes[])(struct scene *,
                                        struct lg_error *) = {echo,
                                                              big_transfer,
                                                              close_after_flush,
                                                              cut_while_flushing,
                                                              close_from_both_sides,
                                                              close_inside_received,
                                                              close_with_unread_bytes};
    static enum lg_rc (*const others[])(const struct lg_transport_contract *, struct lg_error *) = {
        send_before_opened, connect_refused, close_before_opened,
        listen_faults,      shared_address,  held_address};

    for (size_t i = 0; i < LG_ARRAY_SIZE(scenes); i++) {
        enum lg_rc rc = play(contract, scenes[i], err);

        if (rc != LG_OK)
            return rc;
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(others); i++) {
        enum lg_rc rc = others[i](contract, err);

        if (rc != LG_OK)
            return rc;
    }
    return LG_OK;
}
