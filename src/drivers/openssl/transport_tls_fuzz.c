/* Fuzzes what comes before a handshake ends: whatever the bytes and however they are cut, nobody is
 * let in, the connection is over within the time of a handshake, and nothing of it stays. */
#include "drivers/openssl/transport_tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/sim/transport_sim.h"

#define HANDSHAKE_MS 1000

static struct lg_sim *sim;
static struct lg_net_sim *net;
static struct lg_lane *lane;
static struct lg_transport *tls;
static struct lg_listener *listener;
static struct lg_conn *client;
static struct lg_slice input;
static size_t step;

static void received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    (void)ctx, (void)c, (void)bytes;
}

static void closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    (void)ctx, (void)c, (void)why;
    client = NULL;
}

static void accepted(void *ctx, struct lg_conn *c)
{
    (void)ctx, (void)c;
    abort(); /* It shook hands with nobody. */
}

static const struct lg_conn_handler handler = {.received = received, .closed = closed};

/* A certificate of its own, which a file must hold. */
static void write_pair(const char *cert_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    FILE *f = fopen(cert_path, "w");

    assert(f != NULL);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, key);
    X509_sign(cert, key, EVP_sha256());
    PEM_write_X509(f, cert);
    (void)fclose(f);
    f = fopen(key_path, "w");
    assert(f != NULL);
    PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    (void)fclose(f);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void listen_runs(struct lg_task *task)
{
    struct lg_error err;
    enum lg_rc rc = lg_transport_listen(tls, lane, "world", 0, accepted, NULL, &listener, &err);

    (void)task;
    assert(rc == LG_OK);
}

static void set_up(void)
{
    static struct lg_task task = {.run = listen_runs};
    char folder[] = "/tmp/lagoon-fuzz-XXXXXX", cert[64], key[64];
    struct lg_tls_options o = {.cert = cert, .key = key, .handshake_ms = HANDSHAKE_MS};
    struct lg_error err;
    enum lg_rc rc;

    if (mkdtemp(folder) == NULL)
        abort();
    (void)umask(077);
    (void)snprintf(cert, sizeof cert, "%s/c", folder);
    (void)snprintf(key, sizeof key, "%s/k", folder);
    write_pair(cert, key);
    sim = lg_sim_new(1);
    net = lg_net_sim_new(sim);
    lane = lg_sim_lane_new(sim, NULL, "fuzz");
    rc = lg_transport_tls_new(lg_net_sim_transport(net), &o, &tls, &err);
    assert(rc == LG_OK);
    (void)rc;
    (void)unlink(cert);
    (void)unlink(key);
    (void)rmdir(folder);
    lg_lane_post(lane, &task);
    lg_sim_run_us(sim, LG_SEC);
}

static void connect_runs(struct lg_task *task)
{
    struct lg_buf bytes = {0};

    (void)task;
    client = lg_conn_open(lg_net_sim_transport(net), lane, "world", lg_listener_port(listener),
                          &handler, NULL);
    while (input.size > 0) {
        struct lg_slice piece = lg_slice(input.data, LG_MIN(step, input.size));

        input = lg_slice_skip(input, piece.size);
        lg_buf_append_slice(&bytes, piece);
        lg_conn_send(client, &bytes);
    }
    lg_buf_done(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lg_task task = {.run = connect_runs};

    if (size < 2)
        return 0;
    if (sim == NULL)
        set_up();
    step = (size_t)data[0] + 1;
    lg_net_sim_set_piece_bytes_max(net, (size_t)data[1] * 8 + 1);
    input = lg_slice(data + 2, size - 2);
    lg_lane_post(lane, &task);
    lg_sim_run_us(sim, (HANDSHAKE_MS + 5000) * LG_MS);
    assert(client == NULL && lg_net_sim_connections(net) == 0);
    return 0;
}
