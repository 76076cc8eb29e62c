/* Peers that go on with messages of the handshake after it: OpenSSL by itself, over the simulated
 * network, does what our own side of TLS never would. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "drivers/openssl/metrics.h"
#include "drivers/openssl/transport_tls.h"
#include "drivers/sim/transport_sim.h"
#include "test/lib/certs.h"
#include "test/test.h"

#define ALLOWED 32 /* such messages at once */
#define REGAIN_BYTES ((size_t)64 << 10)

static struct certs certs;

static int set_up(void **state)
{
    static const struct lg_metric_table *const table = &lg_openssl_metrics;

    (void)state;
    lg_metrics_register(&table, 1, /* stores_max= */ 0);
    certs_init(&certs);
    certs_authority(&certs, "ca");
    certs_issue(&certs, "ca", "node", &(struct cert_wish){.cn = "node", .names = "DNS:world"});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certs_done(&certs);
    return 0;
}

/* --- Scenes: our end, and the peer's -----------------------------------------------------------
 */

struct scene {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_transport *tls;
    struct lg_listener *listener;
    struct lg_task task;
    void (*act)(struct scene *s);
    bool we_listen;
    unsigned times; /* something is done */
    size_t bytes;   /* that are said */
    /* Our end. */
    struct lg_conn *conn;
    bool echoes;
    size_t came;
    unsigned opened, closed;
    enum lg_rc why;
    char fault[128];
    /* The peer's. */
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
    struct lg_conn *below;
    size_t came_back;
};

static void on_opened(void *ctx, struct lg_conn *c)
{
    (void)c;
    ((struct scene *)ctx)->opened++;
}

static void on_received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    struct scene *s = ctx;
    struct lg_buf answer = {0};

    s->came += bytes.size;
    if (!s->echoes)
        return;
    lg_buf_append_slice(&answer, bytes);
    lg_conn_send(c, &answer);
    lg_buf_done(&answer);
}

static void on_closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    struct scene *s = ctx;

    s->closed++;
    s->why = why;
    s->conn = NULL;
    memcpy(s->fault, c->fault, sizeof s->fault);
}

static const struct lg_conn_handler handler = {
    .opened = on_opened, .received = on_received, .closed = on_closed};

static void on_accepted(void *ctx, struct lg_conn *c)
{
    struct scene *s = ctx;

    s->conn = c;
    s->opened++;
    c->handler = &handler;
    c->ctx = s;
}

static void peer_sends(struct scene *s)
{
    struct lg_buf bytes = {0};
    char *data;
    long size = BIO_get_mem_data(s->out, &data);

    if (size == 0 || s->below == NULL)
        return;
    lg_buf_append(&bytes, data, (size_t)size);
    (void)BIO_reset(s->out);
    lg_conn_send(s->below, &bytes);
    lg_buf_done(&bytes);
}

static void peer_opened(void *ctx, struct lg_conn *c)
{
    struct scene *s = ctx;

    (void)c;
    (void)SSL_do_handshake(s->ssl);
    peer_sends(s);
}

static void peer_received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    struct scene *s = ctx;
    char plain[4096];
    size_t got;

    (void)c;
    assert_int_equal(BIO_write(s->in, bytes.data, (int)bytes.size), bytes.size);
    while (SSL_read_ex(s->ssl, plain, sizeof plain, &got) == 1)
        s->came_back += got;
    ERR_clear_error();
    peer_sends(s);
}

static void peer_closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    (void)c, (void)why;
    ((struct scene *)ctx)->below = NULL;
}

static const struct lg_conn_handler peer_handler = {
    .opened = peer_opened, .received = peer_received, .closed = peer_closed};

static void peer_accepted(void *ctx, struct lg_conn *c)
{
    struct scene *s = ctx;

    s->below = c;
    c->handler = &peer_handler;
    c->ctx = s;
}

static void run_act(struct lg_task *task)
{
    struct scene *s = LG_CONTAINER_OF(task, struct scene, task);

    s->act(s);
    s->act = NULL;
}

/* On the lane, and what comes of it within a second. */
static void act(struct scene *s, void (*what)(struct scene *s))
{
    s->act = what;
    s->task.run = run_act;
    lg_lane_post(s->lane, &s->task);
    lg_sim_run_us(s->sim, LG_SEC);
    assert_null(s->act);
}

static void connect_act(struct scene *s)
{
    struct lg_transport *net = lg_net_sim_transport(s->net);
    struct lg_error err;

    assert_ok(lg_transport_listen(s->we_listen ? s->tls : net, s->lane, "world", 0,
                                  s->we_listen ? on_accepted : peer_accepted, s, &s->listener,
                                  &err));
    if (s->we_listen)
        s->below =
            lg_conn_open(net, s->lane, "world", lg_listener_port(s->listener), &peer_handler, s);
    else
        s->conn =
            lg_conn_open(s->tls, s->lane, "tls:world", lg_listener_port(s->listener), &handler, s);
}

static void peer_init(struct scene *s, int version)
{
    s->context = SSL_CTX_new(TLS_method());
    (void)SSL_CTX_set_max_proto_version(s->context, version);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(s->context, certs_path(&certs, "node.crt")),
                     1);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(s->context, certs_path(&certs, "node.key"), SSL_FILETYPE_PEM),
        1);
    s->ssl = SSL_new(s->context);
    s->in = BIO_new(BIO_s_mem());
    s->out = BIO_new(BIO_s_mem());
    SSL_set_bio(s->ssl, s->in, s->out);
    if (s->we_listen)
        SSL_set_connect_state(s->ssl);
    else
        SSL_set_accept_state(s->ssl);
}

/* Both are connected. */
static void scene_init(struct scene *s, bool we_listen, int version)
{
    struct lg_tls_options o = {.cert = certs_path(&certs, "node.crt"),
                               .key = certs_path(&certs, "node.key"),
                               .ca = certs_path(&certs, "ca.crt")};
    struct lg_error err;

    *s = (struct scene){.sim = lg_sim_new(1), .we_listen = we_listen, .echoes = true};
    s->net = lg_net_sim_new(s->sim);
    s->lane = lg_sim_lane_new(s->sim, NULL, "test");
    assert_ok(lg_transport_tls_new(lg_net_sim_transport(s->net), &o, &s->tls, &err));
    peer_init(s, version);
    act(s, connect_act);
    assert_int_equal(s->opened, 1);
    assert_int_equal(SSL_version(s->ssl), version);
}

static void drop_act(struct scene *s)
{
    if (s->conn != NULL)
        lg_conn_close(s->conn, /* after_flush= */ false);
    if (s->below != NULL)
        lg_conn_close(s->below, /* after_flush= */ false);
    lg_listener_close(s->listener);
}

static void scene_done(struct scene *s)
{
    act(s, drop_act);
    assert_int_equal(s->closed, 1);
    assert_int_equal(lg_net_sim_connections(s->net), 0);
    lg_sim_free(s->sim);
    lg_net_sim_free(s->net);
    lg_transport_tls_free(s->tls);
    SSL_free(s->ssl);
    SSL_CTX_free(s->context);
}

/* --- What the peer does ------------------------------------------------------------------------
 */

static void deafen_act(struct scene *s)
{
    lg_conn_pause(s->below, true);
}

static void renew_act(struct scene *s)
{
    for (unsigned i = 0; i < s->times; i++) {
        assert_int_equal(SSL_key_update(s->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(s->ssl), 1);
    }
    peer_sends(s);
}

static void hello_act(struct scene *s)
{
    for (unsigned i = 0; i < s->times; i++) {
        assert_int_equal(SSL_renegotiate(s->ssl), 1);
        assert_int_equal(SSL_do_handshake(s->ssl), 1);
    }
    peer_sends(s);
}

static void say_act(struct scene *s)
{
    static const uint8_t words[REGAIN_BYTES];

    assert_int_equal(SSL_write(s->ssl, words, (int)s->bytes), s->bytes);
    peer_sends(s);
}

static void expect_cut(const struct scene *s, uint64_t floods)
{
    assert_int_equal(s->closed, 1);
    assert_rc(LG_ERR_UNAVAILABLE, s->why);
    assert_string_equal(s->fault,
                        "more than 32 messages of TLS's handshake after it, and hardly any data");
    assert_int_equal(lg_metric_value(&lg_metric_tls_floods_total, !s->we_listen), floods + 1);
}

static void a_peer_that_renews_its_keys_without_end_is_cut(void **state)
{
    struct scene s;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool we_listen = i % 2 == 0, at_once = i / 2 == 0;
        uint64_t floods = lg_metric_value(&lg_metric_tls_floods_total, !we_listen);

        scene_init(&s, we_listen, TLS1_3_VERSION);
        act(&s, deafen_act);
        s.times = ALLOWED - (we_listen ? 0 : 2); /* A server has sent two tickets. */
        act(&s, renew_act);
        assert_int_equal(s.closed, 0);
        s.times = at_once ? 20000 : 1;
        act(&s, renew_act);
        expect_cut(&s, floods);
        scene_done(&s);
    }
}

static void a_server_that_asks_to_negotiate_again_without_end_is_cut(void **state)
{
    uint64_t floods = lg_metric_value(&lg_metric_tls_floods_total, 1);
    struct scene s;

    (void)state;
    scene_init(&s, /* we_listen= */ false, TLS1_2_VERSION);
    act(&s, deafen_act);
    s.times = ALLOWED;
    act(&s, hello_act);
    assert_int_equal(s.closed, 0);
    s.times = 1;
    act(&s, hello_act);
    expect_cut(&s, floods);
    scene_done(&s);
}

static void a_peer_that_renews_its_keys_now_and_then_is_served(void **state)
{
    enum { ROUNDS = 3 * ALLOWED };
    struct scene s;

    (void)state;
    for (unsigned echoes = 0; echoes < 2; echoes++) { /* What it takes counts too. */
        scene_init(&s, /* we_listen= */ true, TLS1_3_VERSION);
        s.echoes = echoes == 1;
        s.times = 1;
        s.bytes = REGAIN_BYTES / (echoes + 1);
        for (unsigned i = 0; i < ROUNDS; i++) {
            act(&s, renew_act);
            act(&s, say_act);
        }
        assert_int_equal(s.closed, 0);
        assert_int_equal(s.came, ROUNDS * s.bytes);
        assert_int_equal(s.came_back, echoes * ROUNDS * s.bytes);
        scene_done(&s);
    }
}

/* However much was exchanged, no more than so many come at once. */
static void what_was_exchanged_saves_up_no_flood(void **state)
{
    uint64_t floods = lg_metric_value(&lg_metric_tls_floods_total, 0);
    struct scene s;

    (void)state;
    scene_init(&s, /* we_listen= */ true, TLS1_3_VERSION);
    s.bytes = REGAIN_BYTES;
    for (unsigned i = 0; i < 2 * ALLOWED; i++)
        act(&s, say_act);
    s.times = ALLOWED + 1;
    act(&s, renew_act);
    expect_cut(&s, floods);
    scene_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_renews_its_keys_without_end_is_cut),
        cmocka_unit_test(a_server_that_asks_to_negotiate_again_without_end_is_cut),
        cmocka_unit_test(a_peer_that_renews_its_keys_now_and_then_is_served),
        cmocka_unit_test(what_was_exchanged_saves_up_no_flood),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
