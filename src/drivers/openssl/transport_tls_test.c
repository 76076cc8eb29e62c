/* TLS over the simulated network, where time is ours: the transport contract, who is let in, what
 * is cut and that neighbours do not notice; and the contract once more over sockets. */
#include "drivers/openssl/transport_tls.h"

#include <stdio.h>

#include "base/buf.h"
#include "drivers/openssl/metrics.h"
#include "drivers/openssl/tls_context.h"
#include "drivers/sim/transport_sim.h"
#include "drivers/uv/lane_uv.h"
#include "drivers/uv/transport_uv.h"
#include "net/transport_contract.h"
#include "test/lib/certs.h"
#include "test/test.h"

#define TOO_LONG_US (600 * LG_SEC)
#define SOCKETS_TOO_LONG_US (60 * LG_SEC)
#define ENDS 8

static struct certs certs;

/* file = a.crt, then b.crt */
static void join(const char *file, const char *a, const char *b)
{
    const char *const parts[] = {certs_path(&certs, a), certs_path(&certs, b)};
    char text[8192];
    size_t size = 0;

    for (unsigned i = 0; i < LG_ARRAY_SIZE(parts); i++) {
        FILE *f = fopen(parts[i], "r");

        assert_non_null(f);
        size += fread(text + size, 1, sizeof text - 1 - size, f);
        assert_int_equal(fclose(f), 0);
    }
    text[size] = '\0';
    certs_write(&certs, file, text, 0644);
}

static int set_up(void **state)
{
    static const struct lg_metric_table *const table = &lg_openssl_metrics;
    static const char here[] = "DNS:world,DNS:localhost,IP:127.0.0.1";

    (void)state;
    lg_metrics_register(&table, 1, /* stores_max= */ 0);
    certs_init(&certs);
    certs_authority(&certs, "ca");
    certs_authority(&certs, "ca2");
    certs_issue(&certs, "ca", "node", &(struct cert_wish){.cn = "node", .names = here});
    certs_issue(&certs, "ca2", "node2", &(struct cert_wish){.cn = "node2", .names = here});
    certs_issue(&certs, "ca", "away", &(struct cert_wish){.cn = "away", .names = "DNS:elsewhere"});
    certs_issue(&certs, "ca", "plain", &(struct cert_wish){.cn = "reader, one"});
    certs_issue(&certs, "ca", "uri",
                &(struct cert_wish){.cn = "x", .names = "URI:spiffe://prod/reader,DNS:r"});
    certs_issue(&certs, "ca", "two", &(struct cert_wish){.cn = "two", .names = "URI:a:1,URI:a:2"});
    certs_issue(&certs, "ca", "sham", &(struct cert_wish){.cn = "reader", .names = "URI:CN=node"});
    certs_issue(&certs, "ca2", "stranger", &(struct cert_wish){.cn = "stranger"});
    /* Of one that may vouch for nobody, though it is known. */
    certs_issue(&certs, "plain", "below", &(struct cert_wish){.cn = "below"});
    join("ca_plain.crt", "ca.crt", "plain.crt");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certs_done(&certs);
    return 0;
}

/* "node" is node.crt and node.key; NULL is none. */
static struct lg_tls_options options(const char *own, const char *client_ca, const char *ca)
{
    struct lg_tls_options o = {.client_auth = LG_TLS_CLIENT_REQUIRE};
    char file[80];

    if (own != NULL) {
        (void)snprintf(file, sizeof file, "%s.crt", own);
        o.cert = certs_path(&certs, file);
        (void)snprintf(file, sizeof file, "%s.key", own);
        o.key = certs_path(&certs, file);
    }
    if (client_ca != NULL)
        o.client_ca = certs_path(&certs, client_ca);
    if (ca != NULL)
        o.ca = certs_path(&certs, ca);
    return o;
}

/* --- The contract ---------------------------------------------------------------------------- */

static bool sim_run_until(void *ctx, bool (*cond)(void *arg), void *arg)
{
    return lg_sim_run_until((struct lg_sim *)ctx, cond, arg, TOO_LONG_US);
}

static void tls_keeps_the_contract_whatever_the_pieces(void **state)
{
    static const size_t pieces[] = {700, LG_NET_SIM_PIECE_BYTES_MAX, 50000};
    struct lg_tls_options o = options("node", NULL, "ca.crt");
    struct lg_error err;

    (void)state;
    o.always = true;
    for (size_t i = 0; i < LG_ARRAY_SIZE(pieces); i++) {
        struct lg_sim *sim = lg_sim_new(i + 1);
        struct lg_net_sim *net = lg_net_sim_new(sim);
        struct lg_transport *tls;

        assert_ok(lg_transport_tls_new(lg_net_sim_transport(net), &o, &tls, &err));
        struct lg_transport_contract contract = {.transport = tls,
                                                 .lane = lg_sim_lane_new(sim, NULL, "test"),
                                                 .host = "world",
                                                 .no_address = "no address",
                                                 .run_until = sim_run_until,
                                                 .ctx = sim};
        lg_net_sim_set_piece_bytes_max(net, pieces[i]);
        assert_ok(lg_transport_contract(&contract, &err));
        lg_sim_run_us(sim, 20 * LG_SEC);
        assert_int_equal(lg_net_sim_connections(net), 0);
        lg_sim_free(sim);
        lg_net_sim_free(net);
        lg_transport_tls_free(tls);
    }
}

struct sockets {
    struct lg_lane *lane;
    struct lg_timer look;
    bool (*cond)(void *arg);
    void *arg;
    uint64_t give_up_us;
    bool held;
};

static void looked(struct lg_timer *t)
{
    struct sockets *s = LG_CONTAINER_OF(t, struct sockets, look);

    s->held = s->cond(s->arg);
    if (s->held || lg_lane_now_us(s->lane) > s->give_up_us)
        lg_lane_uv_stop(s->lane);
    else
        lg_timer_start(s->lane, t, LG_MS, looked);
}

static bool uv_run_until(void *ctx, bool (*cond)(void *arg), void *arg)
{
    struct sockets *s = ctx;

    s->cond = cond;
    s->arg = arg;
    s->give_up_us = lg_lane_now_us(s->lane) + SOCKETS_TOO_LONG_US;
    lg_timer_start(s->lane, &s->look, 0, looked);
    lg_lane_uv_run(s->lane);
    return s->held;
}

static void tls_over_sockets_keeps_the_contract(void **state)
{
    struct lg_tls_options o = options("node", "ca.crt", "ca.crt"); /* Both sides show it. */
    struct lg_transport *sockets = lg_transport_uv_new(), *tls;
    struct lg_pool_uv *pool;
    struct sockets s = {0};
    struct lg_error err;

    (void)state;
    o.always = true;
    assert_ok(lg_pool_uv_new(1, &pool, &err));
    assert_ok(lg_lane_uv_new("test", pool, &s.lane, &err));
    assert_ok(lg_transport_tls_new(sockets, &o, &tls, &err));
    struct lg_transport_contract contract = {.transport = tls,
                                             .lane = s.lane,
                                             .host = "127.0.0.1",
                                             .no_address = "no address",
                                             .run_until = uv_run_until,
                                             .ctx = &s};
    assert_ok(lg_transport_contract(&contract, &err));
    lg_transport_uv_free(sockets);
    lg_lane_uv_free(s.lane);
    lg_pool_uv_free(pool);
    lg_transport_tls_free(tls);
}

/* --- Scenes: a server that echoes, and clients ------------------------------------------------ */

struct end {
    struct lg_conn *conn; /* NULL: none, or it is over */
    unsigned opened, closed;
    bool was_secure, named, untrusted;
    enum lg_rc why;
    char fault[128], identity[LG_TLS_IDENTITY_BYTES_MAX];
    struct lg_buf came;
    unsigned parts; /* `came` is answered in so many sends */
};

struct scene {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_transport_ops hooked; /* What the network does, counted. */
    struct lg_transport_ops const *usual;
    unsigned sends;
    struct lg_conn *last_below; /* that was opened */
    struct lg_transport *server_tls, *client_tls;
    struct lg_listener *listener;
    struct end accepted[ENDS], clients[ENDS];
    unsigned accepted_count;
    struct lg_task task;
    void (*act)(struct scene *s);
    const char *host;
    unsigned client; /* the one that acts */
    struct lg_transport *by;
    struct lg_slice say;
};

static struct scene *the_scene;

static void on_opened(void *ctx, struct lg_conn *c)
{
    struct end *e = ctx;

    e->opened++;
    e->was_secure = c->is_secure;
}

static void on_received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    struct end *e = ctx;
    struct lg_buf answer = {0};

    lg_buf_append_slice(&e->came, bytes);
    for (unsigned i = 0; i < e->parts; i++) {
        lg_buf_append_slice(&answer, bytes);
        lg_conn_send(c, &answer);
    }
    lg_buf_done(&answer);
}

static void on_closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    struct end *e = ctx;

    e->closed++;
    e->why = why;
    e->untrusted = c->untrusted;
    e->conn = NULL;
    memcpy(e->fault, c->fault, sizeof e->fault);
}

static const struct lg_conn_handler handler = {
    .opened = on_opened, .received = on_received, .closed = on_closed};

static void on_accepted(void *ctx, struct lg_conn *c)
{
    struct scene *s = ctx;
    struct end *e = &s->accepted[s->accepted_count++];

    assert_true(s->accepted_count <= ENDS);
    e->conn = c;
    e->parts = 1;
    e->was_secure = c->is_secure;
    e->named = c->identity != NULL;
    if (e->named)
        (void)snprintf(e->identity, sizeof e->identity, "%s", c->identity);
    c->handler = &handler;
    c->ctx = e;
}

static void counted_send(struct lg_conn *c, struct lg_buf *take_bytes)
{
    the_scene->sends++;
    the_scene->usual->send(c, take_bytes);
}

static struct lg_conn *noted_open(struct lg_transport *t, struct lg_lane *lane, const char *host,
                                  uint16_t port, const struct lg_conn_handler *h, void *ctx)
{
    the_scene->last_below = the_scene->usual->open(t, lane, host, port, h, ctx);
    return the_scene->last_below;
}

static void run_act(struct lg_task *task)
{
    struct scene *s = LG_CONTAINER_OF(task, struct scene, task);

    s->act(s);
    s->act = NULL;
}

static bool has_acted(void *arg)
{
    return ((struct scene *)arg)->act == NULL;
}

static void on_lane(struct scene *s, void (*act)(struct scene *s))
{
    s->act = act;
    s->task.run = run_act;
    lg_lane_post(s->lane, &s->task);
    assert_true(lg_sim_run_until(s->sim, has_acted, s, TOO_LONG_US));
}

static void listen_act(struct scene *s)
{
    struct lg_error err;

    assert_ok(lg_transport_listen(s->server_tls, s->lane, "world", 0, on_accepted, s, &s->listener,
                                  &err));
}

static void scene_init(struct scene *s, const struct lg_tls_options *server)
{
    struct lg_transport *net;
    struct lg_error err;

    *s = (struct scene){.sim = lg_sim_new(1), .host = "tls:world"};
    the_scene = s;
    s->net = lg_net_sim_new(s->sim);
    s->lane = lg_sim_lane_new(s->sim, NULL, "test");
    net = lg_net_sim_transport(s->net);
    s->usual = net->ops;
    s->hooked = *net->ops;
    s->hooked.send = counted_send;
    s->hooked.open = noted_open;
    net->ops = &s->hooked;
    assert_ok(lg_transport_tls_new(net, server, &s->server_tls, &err));
    on_lane(s, listen_act);
}

static void close_all_act(struct scene *s)
{
    for (unsigned i = 0; i < ENDS; i++)
        if (s->clients[i].conn != NULL)
            lg_conn_close(s->clients[i].conn, /* after_flush= */ false);
    lg_listener_close(s->listener);
}

static void scene_done(struct scene *s)
{
    on_lane(s, close_all_act);
    lg_sim_run_us(s->sim, 2 * LG_SEC);
    assert_int_equal(lg_net_sim_connections(s->net), 0);
    lg_sim_free(s->sim);
    lg_net_sim_free(s->net);
    lg_transport_tls_free(s->server_tls);
    lg_transport_tls_free(s->client_tls);
    for (unsigned i = 0; i < ENDS; i++) {
        lg_buf_done(&s->accepted[i].came);
        lg_buf_done(&s->clients[i].came);
    }
    assert_int_equal(lg_metric_value(&lg_metric_tls_handshakes, 0), 0);
}

static void open_act(struct scene *s)
{
    struct end *e = &s->clients[s->client];

    e->conn = lg_conn_open(s->by, s->lane, s->host, lg_listener_port(s->listener), &handler, e);
}

static void say_act(struct scene *s)
{
    struct lg_buf bytes = {0};

    if (s->clients[s->client].conn == NULL)
        return;
    lg_buf_append_slice(&bytes, s->say);
    lg_conn_send(s->clients[s->client].conn, &bytes);
    lg_buf_done(&bytes);
}

static void close_act(struct scene *s)
{
    if (s->clients[s->client].conn != NULL)
        lg_conn_close(s->clients[s->client].conn, /* after_flush= */ true);
}

/* Client number `client` connects over `by`, and has two seconds for it. */
static struct end *connect(struct scene *s, unsigned client, struct lg_transport *by)
{
    s->client = client;
    s->by = by;
    on_lane(s, open_act);
    lg_sim_run_us(s->sim, 2 * LG_SEC);
    return &s->clients[client];
}

static void say(struct scene *s, unsigned client, struct lg_slice words)
{
    s->client = client;
    s->say = words;
    on_lane(s, say_act);
    lg_sim_run_us(s->sim, 2 * LG_SEC);
}

static void use_client(struct scene *s, const struct lg_tls_options *client)
{
    struct lg_error err;

    assert_ok(lg_transport_tls_new(lg_net_sim_transport(s->net), client, &s->client_tls, &err));
}

/* Over the network as it is, for bytes that are none of TLS. */
static struct end *connect_raw(struct scene *s, unsigned client)
{
    s->host = "world";
    return connect(s, client, lg_net_sim_transport(s->net));
}

static void expect_echo(struct scene *s, unsigned client, const char *words)
{
    lg_buf_clear(&s->clients[client].came);
    say(s, client, lg_slice_str(words));
    assert_slice_equal(lg_buf_slice(&s->clients[client].came), lg_slice_str(words));
}

/* --- Who is let in ---------------------------------------------------------------------------- */

struct row {
    const char *what;
    const char *server, *client_ca;
    enum lg_tls_client_auth auth;
    const char *client, *ca, *host;
    const char *fault;       /* of the client; NULL: it is let in, */
    const char *identity;    /* as; NULL: nobody */
    enum lg_tls_refusal why; /* of a fault, as it is counted at who refuses: */
    bool client_refuses;     /* else the server does */
};

#define LET_IN LG_TLS_REFUSALS, false
#define SERVER_REFUSES(why) why, false
#define CLIENT_REFUSES(why) why, true

static const struct row rows[] = {
    {"no certificate is asked for", "node", NULL, 0, NULL, "ca.crt", "tls:world", NULL, NULL,
     LET_IN},
    {"nor looked at", "node", NULL, 0, "stranger", "ca.crt", "tls:world", NULL, NULL, LET_IN},
    {"another name", "away", NULL, 0, NULL, "ca.crt", "tls:world",
     "its certificate is refused: hostname mismatch", NULL, CLIENT_REFUSES(LG_TLS_REFUSED_NAME)},
    {"another authority", "node", NULL, 0, NULL, "ca2.crt", "tls:world",
     "its certificate is refused: unable to get local issuer certificate: tls_ca (--tls-ca) names "
     "its "
     "authority",
     NULL, CLIENT_REFUSES(LG_TLS_REFUSED_UNKNOWN_CA)},
    {"our own certificate needs no name", "away", NULL, 0, "away", "ca2.crt", "tls:world", NULL,
     NULL, LET_IN},
    {"required, and none", "node", "ca.crt", LG_TLS_CLIENT_REQUIRE, NULL, "ca.crt", "tls:world",
     "it wants a certificate: tls_cert (--tls-cert) names ours", NULL,
     SERVER_REFUSES(LG_TLS_REFUSED_MISSING)},
    {"required, of a stranger", "node", "ca.crt", LG_TLS_CLIENT_REQUIRE, "stranger", "ca.crt",
     "tls:world",
     "it refuses our certificate CN=stranger: tlsv1 alert unknown ca: see its tls_client_ca", NULL,
     SERVER_REFUSES(LG_TLS_REFUSED_UNKNOWN_CA)},
    {"required, of one whose authority is none", "node", "ca_plain.crt", LG_TLS_CLIENT_REQUIRE,
     "below", "ca.crt", "tls:world", "it refuses our certificate CN=below", NULL,
     SERVER_REFUSES(LG_TLS_REFUSED_CERTIFICATE)},
    {"required, by subject", "node", "ca.crt", LG_TLS_CLIENT_REQUIRE, "plain", "ca.crt",
     "tls:world", NULL, "CN=reader\\, one", LET_IN},
    {"required, by URI", "node", "ca.crt", LG_TLS_CLIENT_REQUIRE, "uri", "ca.crt", "tls:world",
     NULL, "spiffe://prod/reader", LET_IN},
    {"two URIs are none", "node", "ca.crt", LG_TLS_CLIENT_REQUIRE, "two", "ca.crt", "tls:world",
     NULL, "CN=two", LET_IN},
    {"a URI that reads like a subject is nobody", "node", "ca.crt", LG_TLS_CLIENT_REQUIRE, "sham",
     "ca.crt", "tls:world", NULL, NULL, LET_IN},
    {"asked, and none", "node", "ca.crt", LG_TLS_CLIENT_REQUEST, NULL, "ca.crt", "tls:world", NULL,
     NULL, LET_IN},
    {"asked, and shown", "node", "ca.crt", LG_TLS_CLIENT_REQUEST, "uri", "ca.crt", "tls:world",
     NULL, "spiffe://prod/reader", LET_IN},
    {"asked, of a stranger", "node", "ca.crt", LG_TLS_CLIENT_REQUEST, "stranger", "ca.crt",
     "tls:world",
     "it refuses our certificate CN=stranger: tlsv1 alert unknown ca: see its tls_client_ca", NULL,
     SERVER_REFUSES(LG_TLS_REFUSED_UNKNOWN_CA)},
    {"off", "node", "ca.crt", LG_TLS_CLIENT_OFF, NULL, "ca.crt", "tls:world", NULL, NULL, LET_IN},
};

static uint64_t refused[2 * LG_TLS_REFUSALS]; /* of servers, then of clients */

static void note_refusals(void)
{
    for (uint32_t i = 0; i < LG_ARRAY_SIZE(refused); i++)
        refused[i] = lg_metric_value(&lg_metric_tls_refused_total, i);
}

/* Since they were noted; LG_TLS_REFUSALS: none. Each is a handshake that was refused. */
static void expect_refusals(const char *what, enum lg_tls_refusal server,
                            enum lg_tls_refusal client)
{
    for (uint32_t i = 0; i < LG_ARRAY_SIZE(refused); i++) {
        uint64_t n = lg_metric_value(&lg_metric_tls_refused_total, i) - refused[i];
        uint32_t want = i < LG_TLS_REFUSALS ? server : LG_TLS_REFUSALS + client;
        bool is_none = want == (i < LG_TLS_REFUSALS ? LG_TLS_REFUSALS : 2 * LG_TLS_REFUSALS);

        if (n != (i == want && !is_none))
            fail_msg("%s: %llu refusals of a %s for reason %u", what, (unsigned long long)n,
                     i < LG_TLS_REFUSALS ? "server" : "client", i % LG_TLS_REFUSALS);
    }
    note_refusals();
}

static void let_in(const struct row *row, enum lg_tls_version version, size_t piece_bytes)
{
    struct lg_tls_options server = options(row->server, row->client_ca, NULL);
    struct lg_tls_options client = options(row->client, NULL, row->ca);
    struct scene s;
    struct end *c;

    server.client_auth = row->auth;
    server.min_version = version;
    scene_init(&s, &server);
    use_client(&s, &client);
    lg_net_sim_set_piece_bytes_max(s.net, piece_bytes);
    lg_net_sim_set_delay_us(s.net, 1, 2);
    s.host = row->host;
    note_refusals();
    c = connect(&s, 0, s.client_tls);
    say(&s, 0, LG_LIT("hello")); /* TLS 1.3 tells the client of a refusal only after its turn. */
    if (row->fault != NULL) {
        if (c->closed != 1 || c->why != LG_ERR_UNAVAILABLE || strstr(c->fault, row->fault) == NULL)
            fail_msg("%s: %u \"%s\"", row->what, c->closed, c->fault);
        assert_true(c->untrusted);
        assert_int_equal(s.accepted_count, 0);
        /* TLS 1.3: a client's own handshake is over when it hears of a refusal. */
        expect_refusals(row->what, row->client_refuses ? LG_TLS_REFUSED_PEER : row->why,
                        row->client_refuses ? row->why : LG_TLS_REFUSALS);
    } else {
        expect_refusals(row->what, LG_TLS_REFUSALS, LG_TLS_REFUSALS);
        if (c->opened != 1 || s.accepted_count != 1)
            fail_msg("%s: %s", row->what, c->fault);
        assert_slice_equal(lg_buf_slice(&c->came), LG_LIT("hello"));
        assert_true(c->was_secure && s.accepted[0].was_secure);
        assert_string_equal(s.accepted[0].identity, row->identity == NULL ? "" : row->identity);
        assert_int_equal(s.accepted[0].named, row->identity != NULL);
    }
    scene_done(&s);
}

static void certificates_decide_who_is_let_in_and_as_whom(void **state)
{
    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        let_in(&rows[i], LG_TLS_1_2, 50000);
        let_in(&rows[i], LG_TLS_1_3, i % 4 == 0 ? 1 : 50000);
    }
}

static void who_shares_no_protocol_is_refused(void **state)
{
    struct lg_tls_options server = options("node", NULL, NULL),
                          client = options(NULL, NULL, "ca.crt");
    struct scene s;

    (void)state;
    client.http2 = true; /* The listener does not speak it. */
    scene_init(&s, &server);
    use_client(&s, &client);
    note_refusals();
    assert_int_equal(connect(&s, 0, s.client_tls)->closed, 1);
    expect_refusals("h2", LG_TLS_REFUSED_PROTOCOL, LG_TLS_REFUSED_PEER);
    scene_done(&s);
}

static void plain_hosts_are_spoken_to_plainly_unless_always(void **state)
{
    struct lg_tls_options plain = options(NULL, NULL, "ca.crt");
    struct scene s;
    struct end *c;

    (void)state;
    scene_init(&s, &plain); /* It has no certificate: it listens plainly. */
    use_client(&s, &plain);
    s.host = "world";
    c = connect(&s, 0, s.client_tls);
    expect_echo(&s, 0, "in the clear");
    assert_false(c->was_secure || s.accepted[0].was_secure);
    s.client = 0;
    on_lane(&s, close_act);
    lg_sim_run_us(s.sim, 2 * LG_SEC);
    lg_transport_tls_free(s.client_tls);
    plain.always = true;
    use_client(&s, &plain);
    s.accepted[1].parts = 0;
    c = connect(&s, 1, s.client_tls);
    lg_sim_run_us(s.sim, 20 * LG_SEC);
    assert_int_equal(c->opened, 0);
    assert_int_equal(c->closed, 1);
    scene_done(&s);
}

/* --- Reload ----------------------------------------------------------------------------------- */

static void a_reload_changes_new_handshakes_and_drops_nobody(void **state)
{
    struct lg_tls_options old = options("node", NULL, NULL), next = options("node2", NULL, NULL);
    struct lg_tls_options trusts_old = options(NULL, NULL, "ca.crt"),
                          trusts_new = options(NULL, NULL, "ca2.crt");
    struct scene s;
    struct lg_error err;

    (void)state;
    scene_init(&s, &old);
    use_client(&s, &trusts_old);
    (void)connect(&s, 0, s.client_tls);
    expect_echo(&s, 0, "before");
    assert_ok(lg_transport_tls_reload(s.server_tls, &next, &err));
    expect_echo(&s, 0, "after");
    assert_int_equal(connect(&s, 1, s.client_tls)->opened, 0);
    assert_ok(lg_transport_tls_reload(s.client_tls, &trusts_new, &err));
    assert_int_equal(connect(&s, 2, s.client_tls)->opened, 1);
    expect_echo(&s, 2, "new");
    expect_echo(&s, 0, "still here");
    scene_done(&s);
}

static void a_reload_that_fails_changes_nothing(void **state)
{
    struct lg_tls_options good = options("node", NULL, NULL), bad = good,
                          none = options(NULL, NULL, NULL);
    struct lg_tls_options client = options(NULL, NULL, "ca.crt");
    uint64_t failed = lg_metric_value(&lg_metric_tls_reloads_total, 1);
    struct scene s;
    struct lg_error err;

    (void)state;
    bad.key = certs_path(&certs, "away.key");
    scene_init(&s, &good);
    use_client(&s, &client);
    assert_rc(LG_ERR_INVALID, lg_transport_tls_reload(s.server_tls, &bad, &err));
    assert_non_null(strstr(err.text, "tls_key"));
    assert_rc(LG_ERR_INVALID, lg_transport_tls_reload(s.server_tls, &none, &err));
    assert_int_equal(lg_metric_value(&lg_metric_tls_reloads_total, 1), failed + 2);
    assert_int_equal(connect(&s, 0, s.client_tls)->opened, 1);
    expect_echo(&s, 0, "as before");
    scene_done(&s);
}

/* --- Peers that misbehave, and their neighbours ------------------------------------------------
 */

static void a_slow_handshake_is_cut_and_neighbours_go_on(void **state)
{
    struct lg_tls_options server = options("node", NULL, NULL),
                          client = options(NULL, NULL, "ca.crt");
    uint64_t cut = lg_metric_value(&lg_metric_tls_handshakes_total, 2);
    struct scene s;
    struct end *slow;

    (void)state;
    server.handshake_ms = 10000;
    scene_init(&s, &server);
    use_client(&s, &client);
    (void)connect(&s, 0, s.client_tls);
    slow = connect_raw(&s, 1);
    for (unsigned i = 0; i < 2; i++) { /* Bytes buy no time: each turn takes four seconds. */
        say(&s, 1, LG_LIT("\x16"));
        expect_echo(&s, 0, "fine");
        assert_int_equal(slow->closed, 0);
    }
    lg_sim_run_us(s.sim, 2 * LG_SEC);
    assert_int_equal(slow->closed, 1);
    assert_int_equal(lg_metric_value(&lg_metric_tls_handshakes_total, 2), cut + 1);
    assert_int_equal(s.accepted_count, 1);
    expect_echo(&s, 0, "still fine");
    scene_done(&s);
}

static void too_many_handshakes_are_turned_away_until_some_end(void **state)
{
    struct lg_tls_options server = options("node", NULL, NULL),
                          client = options(NULL, NULL, "ca.crt");
    struct scene s;

    (void)state;
    server.handshakes_max = 2;
    server.handshake_ms = 60000;
    scene_init(&s, &server);
    use_client(&s, &client);
    assert_int_equal(connect_raw(&s, 0)->closed, 0);
    assert_int_equal(connect_raw(&s, 1)->closed, 0);
    assert_int_equal(connect_raw(&s, 2)->closed, 1);
    s.client = 0;
    on_lane(&s, close_act);
    lg_sim_run_us(s.sim, 2 * LG_SEC);
    s.host = "tls:world";
    assert_int_equal(connect(&s, 3, s.client_tls)->opened, 1);
    expect_echo(&s, 3, "there is room");
    lg_sim_run_us(s.sim, 60 * LG_SEC);
    scene_done(&s);
}

static void bytes_that_are_none_of_tls_are_refused(void **state)
{
    static const struct {
        const char *bytes, *answer;
        enum lg_tls_refusal why;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 Bad Request", LG_TLS_REFUSED_NOT_TLS},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NULL, LG_TLS_REFUSED_NOT_TLS},
        {"\x16\x03\x01\x00\x05\xff\xff\xff\xff\xff", NULL, LG_TLS_REFUSED_OTHER},
        {"\x15\x03\x01\x00\x02\x02\x28", NULL, LG_TLS_REFUSED_OTHER},
        {"\x17\x03\x03\x00\x05hello", NULL, LG_TLS_REFUSED_OTHER},
        {"\x80\x2e\x01\x03\x01 an old hello of SSL 2 ....................", NULL,
         LG_TLS_REFUSED_OTHER},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", NULL,
         LG_TLS_REFUSED_NOT_TLS},
    };
    struct lg_tls_options server = options("node", NULL, NULL),
                          client = options(NULL, NULL, "ca.crt");
    struct scene s;

    (void)state;
    scene_init(&s, &server);
    use_client(&s, &client);
    (void)connect(&s, 0, s.client_tls);
    for (unsigned i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct end *raw = connect_raw(&s, 1);
        size_t size = strlen(cases[i].bytes);

        raw->closed = 0;
        lg_buf_clear(&raw->came);
        note_refusals();
        if (cases[i].bytes[0] == '\x16') /* It holds NUL bytes. */
            size = 10;
        else if (cases[i].bytes[0] == '\x15')
            size = 7;
        else if (cases[i].bytes[0] == '\x17')
            size = 10;
        say(&s, 1, lg_slice(cases[i].bytes, size));
        if (raw->closed != 1)
            fail_msg("case %u is not cut", i);
        expect_refusals(cases[i].bytes, cases[i].why, LG_TLS_REFUSALS);
        lg_buf_append_byte(&raw->came, 0);
        if (cases[i].answer != NULL) {
            assert_non_null(strstr((const char *)raw->came.data, cases[i].answer));
            assert_non_null(strstr((const char *)raw->came.data, "\r\n\r\nthis port speaks TLS"));
        }
        expect_echo(&s, 0, "fine");
    }
    assert_int_equal(s.accepted_count, 1);
    scene_done(&s);
}

static void an_end_without_goodbye_is_a_fault(void **state)
{
    struct lg_tls_options server = options("node", NULL, NULL),
                          client = options(NULL, NULL, "ca.crt");
    struct scene s;

    (void)state;
    scene_init(&s, &server);
    use_client(&s, &client);
    (void)connect(&s, 0, s.client_tls);
    on_lane(&s, close_act);
    lg_sim_run_us(s.sim, 2 * LG_SEC);
    assert_rc(LG_OK, s.accepted[0].why);
    assert_rc(LG_ERR_CANCELLED, s.clients[0].why);
    (void)connect(&s, 1, s.client_tls);
    s.clients[2].conn = s.last_below; /* Somebody between the two ends it. */
    s.client = 2;
    on_lane(&s, close_act);
    lg_sim_run_us(s.sim, 2 * LG_SEC);
    assert_int_equal(s.accepted[1].closed, 1);
    assert_rc(LG_ERR_UNAVAILABLE, s.accepted[1].why);
    assert_string_equal(s.accepted[1].fault, "cut off without the goodbye of TLS");
    assert_false(s.accepted[1].untrusted);
    s.clients[2].conn = NULL;
    scene_done(&s);
}

static void close_listener_act(struct scene *s)
{
    lg_listener_close(s->listener);
    s->listener = NULL;
}

static void a_listener_that_closes_ends_its_handshakes(void **state)
{
    struct lg_tls_options server = options("node", NULL, NULL);
    struct scene s;

    (void)state;
    scene_init(&s, &server);
    assert_int_equal(connect_raw(&s, 0)->closed, 0);
    on_lane(&s, close_listener_act);
    lg_sim_run_us(s.sim, 2 * LG_SEC);
    assert_int_equal(s.clients[0].closed, 1);
    assert_int_equal(s.accepted_count, 0);
    scene_done(&s);
}

/* --- What it costs ---------------------------------------------------------------------------- */

static void answers_of_one_tick_are_one_record_and_one_write(void **state)
{
    struct lg_tls_options server = options("node", NULL, NULL),
                          client = options(NULL, NULL, "ca.crt");
    struct scene s;
    struct lg_buf want = {0};

    (void)state;
    scene_init(&s, &server);
    use_client(&s, &client);
    (void)connect(&s, 0, s.client_tls);
    expect_echo(&s, 0, "warm");
    lg_buf_clear(&s.clients[0].came);
    s.accepted[0].parts = 20;
    s.sends = 0;
    say(&s, 0, LG_LIT("request"));
    for (unsigned i = 0; i < 20; i++)
        lg_buf_append_str(&want, "request");
    assert_slice_equal(lg_buf_slice(&s.clients[0].came), lg_buf_slice(&want));
    assert_int_equal(s.sends, 2); /* One there, one back. */
    lg_buf_done(&want);
    scene_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_keeps_the_contract_whatever_the_pieces),
        cmocka_unit_test(tls_over_sockets_keeps_the_contract),
        cmocka_unit_test(certificates_decide_who_is_let_in_and_as_whom),
        cmocka_unit_test(who_shares_no_protocol_is_refused),
        cmocka_unit_test(plain_hosts_are_spoken_to_plainly_unless_always),
        cmocka_unit_test(a_reload_changes_new_handshakes_and_drops_nobody),
        cmocka_unit_test(a_reload_that_fails_changes_nothing),
        cmocka_unit_test(a_slow_handshake_is_cut_and_neighbours_go_on),
        cmocka_unit_test(too_many_handshakes_are_turned_away_until_some_end),
        cmocka_unit_test(bytes_that_are_none_of_tls_are_refused),
        cmocka_unit_test(an_end_without_goodbye_is_a_fault),
        cmocka_unit_test(a_listener_that_closes_ends_its_handshakes),
        cmocka_unit_test(answers_of_one_tick_are_one_record_and_one_write),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
