#include "test/lib/grpc_rig.h"

#include <stdio.h>

#include "server/metrics.h"
#include "test/test.h"

void grpc_rig_init(struct grpc_rig *r, uint64_t seed)
{
    *r = (struct grpc_rig){.clw = lg_clw_new(seed, /* with_controller= */ false),
                           .arena = lg_arena_new(0)};
}

void grpc_rig_serve(struct grpc_rig *r, const struct lg_clw_row *rows, size_t n)
{
    lg_clw_server_start(r->clw, 0);
    lg_clw_store(r->clw, "cities", 1, 1, 1);
    lg_clw_topic(r->clw, GRPC_RIG_TOPIC, 1);
    lg_clw_rows(r->clw, GRPC_RIG_TOPIC, 1, rows, n, /* whole= */ true);
    lg_clw_meta(r->clw, LG_META_PUT, "/assignment/" GRPC_RIG_TOPIC,
                "{\"partitions\":[[\"s0_8888\"]]}");
    lg_clw_run_ms(r->clw, 5000);
}

static void hang_up(struct grpc_rig *r)
{
    if (r->client.conn != NULL)
        lg_conn_close(r->client.conn, /* after_flush= */ false);
    lg_clw_run_ms(r->clw, 100);
}

void grpc_rig_open(struct grpc_rig *r, uint16_t port, bool by_hand)
{
    if (r->client.session != NULL) {
        hang_up(r);
        h2_client_done(&r->client);
    }
    h2_client_open_at(&r->client, lg_net_sim_transport(r->clw->net), r->clw->lane, "s0", port,
                      65535, by_hand);
    r->client.also[0] = "content-type";
    r->client.also[1] = "application/grpc";
    lg_clw_run_ms(r->clw, 100);
}

void grpc_rig_done(struct grpc_rig *r)
{
    hang_up(r);
    lg_clw_free(r->clw);
    h2_client_done(&r->client);
    lg_buf_done(&r->body);
    lg_arena_free(r->arena);
    *r = (struct grpc_rig){.clw = NULL};
}

void grpc_rig_append(struct grpc_rig *r, const struct lg_pb_message *m, const void *message)
{
    struct lg_error err;

    assert_ok(lg_grpc_append(&r->body, m, message, &err));
}

void grpc_rig_append_batch(struct grpc_rig *r, uint64_t id, struct lg_stream_key *keys, uint32_t n,
                           uint32_t timeout_ms)
{
    struct lg_stream_batch batch = {
        .store = LG_LIT("cities"), .version = 1, .timeout_ms = timeout_ms};

    batch.keys.data = keys;
    batch.keys.size = n;
    grpc_rig_append(
        r, &lg_stream_batch_get_request_pb,
        &(struct lg_stream_batch_get_request){
            .batch_id = id, .action_case = LG_STREAM_BATCH_GET_REQUEST_GET, .action.get = &batch});
}

size_t grpc_rig_send(struct grpc_rig *r, const char *path)
{
    return h2_client_ask(&r->client, "POST", path, lg_buf_slice(&r->body), NULL, NULL);
}

const struct h2_asked *grpc_rig_call(struct grpc_rig *r, const char *path,
                                     const struct lg_pb_message *m, const void *message,
                                     uint64_t ms)
{
    size_t i;

    lg_buf_clear(&r->body);
    grpc_rig_append(r, m, message);
    i = grpc_rig_send(r, path);
    lg_clw_run_ms(r->clw, ms);
    return &r->client.asked[i];
}

void grpc_rig_expect_status(const struct h2_asked *a, enum lg_grpc_status status)
{
    char line[32];

    (void)snprintf(line, sizeof line, "grpc-status: %d\n", (int)status);
    assert_int_equal(a->status, 200);
    if (memmem(a->head.data, a->head.size, line, strlen(line)) == NULL)
        fail_msg("wanted %s in %.*s", line, (int)a->head.size, (const char *)a->head.data);
    assert_true(a->closed);
}

void grpc_rig_decode(struct grpc_rig *r, const struct h2_asked *a, unsigned n,
                     const struct lg_pb_message *m, void *out)
{
    struct lg_slice body = lg_buf_slice(&a->body), message = LG_SLICE_NULL;
    LG_SCOPED(lg_grpc_reader) reader = {0};
    struct lg_error err = {0};
    bool has = false;

    for (unsigned i = 0; i <= n; i++) {
        assert_ok(lg_grpc_next(&reader, &body, &message, &has, &err));
        assert_true(has);
    }
    assert_ok(lg_pb_decode(m, message, r->arena, out, &err));
}

uint64_t grpc_rig_rcu(void)
{
    const struct lg_metric *m = &lg_metric_server_rcu_total;

    return lg_metric_value(m, lg_metric_of_store(m, lg_metric_store("cities"), 0));
}
