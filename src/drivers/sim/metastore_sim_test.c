/* The metastore contract over the simulated network, and what only a network can do to it: a server
 * that restarts, a client that dies, a way that is cut. */
#include "drivers/sim/metastore_sim.h"

#include <stdio.h>

#include "drivers/metafile/metafile.h"
#include "drivers/sim/disk_sim.h"
#include "metastore/metastore_contract.h"
#include "test/test.h"

#define TOO_LONG_US (600 * LG_SEC)

struct world {
    struct lg_sim *sim;
    struct lg_meta_sim *net;
    struct lg_disk *disk;
    struct lg_sim_node *ground, *client, *other;
    struct lg_lane *ground_lane, *lane, *other_lane;
    struct lg_metafile *metafile;
    struct lg_metastore *session, *other_session; /* of client and other */

    struct lg_meta_op op;
    struct lg_meta_change change;
    bool done;
    enum lg_rc rc; /* Kept when the node is gone. */
    struct lg_meta_watch watch;
    unsigned changes, losses;
};

/* --- The serving node. -------------------------------------------------------------------------
 */

static struct lg_metastore *open_real(void *ctx)
{
    return lg_metafile_session_new(((struct world *)ctx)->metafile);
}

static void close_real(void *ctx, struct lg_metastore *session)
{
    lg_metafile_session_close(session, ((struct world *)ctx)->ground_lane, NULL, NULL);
}

static void ground_main(void *ctx)
{
    struct world *w = ctx;
    struct lg_metafile_options o = {.disk = w->disk, .dir = "meta"};
    struct lg_error err;

    o.lane = w->ground_lane = lg_sim_lane_new(w->sim, w->ground, "ground");
    assert_ok(lg_metafile_open(&o, &w->metafile, &err));
    lg_meta_sim_serve(w->net, w->ground_lane,
                      &(struct lg_meta_sim_source){open_real, close_real, w});
}

static void restart_ground(struct world *w)
{
    lg_sim_node_start(w->ground);
    lg_sim_node_run(w->ground, ground_main, w);
}

/* --- Clients. ----------------------------------------------------------------------------------
 */

static void client_main(void *ctx)
{
    struct world *w = ctx;

    w->lane = lg_sim_lane_new(w->sim, w->client, "client");
    w->session = lg_meta_sim_session(w->net, w->lane);
}

static void other_main(void *ctx)
{
    struct world *w = ctx;

    w->other_lane = lg_sim_lane_new(w->sim, w->other, "other");
    w->other_session = lg_meta_sim_session(w->net, w->other_lane);
}

static void world_up(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->sim = lg_sim_new(seed);
    w->net = lg_meta_sim_new(w->sim);
    w->disk = lg_disk_sim_new(w->sim, seed);
    w->ground = lg_sim_node_new(w->sim, "ground");
    w->client = lg_sim_node_new(w->sim, "client");
    w->other = lg_sim_node_new(w->sim, "other");
    lg_disk_sim_follow(w->disk, w->ground);
    lg_sim_node_run(w->ground, ground_main, w);
    lg_sim_node_run(w->client, client_main, w);
    lg_sim_node_run(w->other, other_main, w);
}

static void world_down(struct world *w)
{
    lg_sim_free(w->sim);
    lg_meta_sim_free(w->net);
    lg_disk_sim_free(w->disk);
}

static void op_done(struct lg_meta_op *op)
{
    struct world *w = LG_CONTAINER_OF(op, struct world, op);

    w->rc = op->rc;
    w->done = true;
    lg_blob_unref(op->value);
}

static void submit_client(void *ctx)
{
    struct world *w = ctx;

    w->op.lane = w->lane;
    lg_metastore_submit(w->session, &w->op);
}

static void submit_other(void *ctx)
{
    struct world *w = ctx;

    w->op.lane = w->other_lane;
    lg_metastore_submit(w->other_session, &w->op);
}

static bool is_done(void *ctx)
{
    return ((struct world *)ctx)->done;
}

static void begin_create(struct world *w, enum lg_meta_change_kind kind, const char *path)
{
    w->done = false;
    w->change = (struct lg_meta_change){kind, path, LG_LIT("v"), LG_META_ANY_VERSION};
    w->op = (struct lg_meta_op){
        .kind = LG_META_WRITE, .changes = &w->change, .change_count = 1, .done = op_done};
    lg_sim_node_run(w->client, submit_client, w);
}

static enum lg_rc create(struct world *w, enum lg_meta_change_kind kind, const char *path)
{
    begin_create(w, kind, path);
    assert_true(lg_sim_run_until(w->sim, is_done, w, TOO_LONG_US));
    return w->rc;
}

/* As the other client sees it. */
static enum lg_rc seen(struct world *w, const char *path)
{
    w->done = false;
    w->op = (struct lg_meta_op){.kind = LG_META_GET, .path = path, .done = op_done};
    lg_sim_node_run(w->other, submit_other, w);
    assert_true(lg_sim_run_until(w->sim, is_done, w, TOO_LONG_US));
    return w->rc;
}

static void changed(struct lg_meta_watch *watch)
{
    LG_CONTAINER_OF(watch, struct world, watch)->changes++;
}

static void session_lost(struct lg_meta_watch *watch)
{
    LG_CONTAINER_OF(watch, struct world, watch)->losses++;
}

static void watch(void *ctx)
{
    struct world *w = ctx;

    w->watch = (struct lg_meta_watch){
        .lane = w->lane, .path = "/a", .changed = changed, .session_lost = session_lost};
    lg_metastore_watch(w->session, &w->watch);
}

/* --- The contract. -----------------------------------------------------------------------------
 */

struct call { /* Into the code of the client's node. */
    struct world *w;
    struct lg_metastore *session;
};

static void open_in_node(void *ctx)
{
    struct call *c = ctx;

    c->session = lg_meta_sim_session(c->w->net, c->w->lane);
}

static struct lg_metastore *contract_open(void *ctx)
{
    struct call c = {ctx, NULL};

    lg_sim_node_run(c.w->client, open_in_node, &c);
    return c.session;
}

static void close_in_node(void *ctx)
{
    lg_meta_sim_session_close(((struct call *)ctx)->session);
}

static void contract_close(void *ctx, struct lg_metastore *session)
{
    struct call c = {ctx, session};

    lg_sim_node_run(c.w->client, close_in_node, &c);
    lg_sim_run_us(c.w->sim, LG_SEC); /* Until the server has heard of it. */
}

static void contract_run(void *ctx, bool (*cond)(void *cond_ctx), void *cond_ctx)
{
    (void)lg_sim_run_until(((struct world *)ctx)->sim, cond, cond_ctx, TOO_LONG_US);
}

static void the_proxy_keeps_the_contract(void **state)
{
    struct lg_error err = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct world w;

        world_up(&w, seed);
        struct lg_metastore_contract contract = {.open_session = contract_open,
                                                 .close_session = contract_close,
                                                 .lane = w.lane,
                                                 .run_until = contract_run,
                                                 .ctx = &w};
        assert_ok(lg_metastore_contract(&contract, &err));
        assert_int_equal(lg_meta_sim_losses(w.net), 0);
        world_down(&w);
    }
}

/* --- What networks do. -------------------------------------------------------------------------
 */

static void the_ephemeral_nodes_of_a_killed_client_vanish_after_a_while(void **state)
{
    struct world w;

    (void)state;
    world_up(&w, 1);
    assert_rc(LG_OK, create(&w, LG_META_CREATE_EPHEMERAL, "/a/x"));
    assert_rc(LG_OK, create(&w, LG_META_CREATE, "/a/y"));
    lg_sim_node_kill(w.client);
    lg_sim_run_us(w.sim, LG_META_SIM_SESSION_MS / 2 * LG_MS);
    assert_rc(LG_OK, seen(&w, "/a/x")); /* Nobody can know yet. */
    lg_sim_run_us(w.sim, (LG_META_SIM_SESSION_MS + LG_META_SIM_PING_MS) * LG_MS);
    assert_rc(LG_ERR_NOT_FOUND, seen(&w, "/a/x"));
    assert_rc(LG_OK, seen(&w, "/a/y"));
    world_down(&w);
}

static void a_restart_of_the_server_is_a_lost_session_that_is_told(void **state)
{
    struct world w;

    (void)state;
    world_up(&w, 2);
    lg_sim_node_run(w.client, watch, &w);
    assert_rc(LG_OK, create(&w, LG_META_CREATE_EPHEMERAL, "/a/x"));
    lg_sim_run_us(w.sim, LG_SEC);
    lg_sim_node_kill(w.ground);
    restart_ground(&w);
    w.changes = 0;
    lg_sim_run_us(w.sim, 3 * LG_SEC);
    assert_int_equal(w.losses, 1);
    assert_true(w.changes > 0); /* So that nothing is missed. */
    assert_rc(LG_ERR_NOT_FOUND, seen(&w, "/a/x"));
    w.changes = 0;
    assert_rc(LG_OK, create(&w, LG_META_CREATE_EPHEMERAL, "/a/x"));
    lg_sim_run_us(w.sim, LG_SEC);
    assert_true(w.changes > 0); /* The watch lives on in the new session. */
    world_down(&w);
}

static void without_a_server_an_operation_fails_in_time_and_says_so(void **state)
{
    struct world w;
    uint64_t began_us;

    (void)state;
    world_up(&w, 3);
    lg_sim_run_us(w.sim, LG_SEC);
    lg_sim_node_kill(w.ground);
    began_us = lg_sim_now_us(w.sim);
    assert_rc(LG_ERR_UNAVAILABLE, create(&w, LG_META_CREATE, "/a/x"));
    assert_non_null(strstr(w.op.err.text, "the metadata cannot be reached"));
    assert_true(lg_sim_now_us(w.sim) - began_us <=
                (LG_META_SIM_OP_MS + LG_META_SIM_PING_MS) * LG_MS);
    world_down(&w);
}

static void what_is_asked_before_there_is_a_session_waits_for_it(void **state)
{
    struct world w;

    (void)state;
    world_up(&w, 4);
    lg_sim_node_kill(w.ground); /* Before any session was made. */
    lg_sim_run_us(w.sim, LG_SEC);
    begin_create(&w, LG_META_CREATE, "/a/x");
    restart_ground(&w);
    assert_true(lg_sim_run_until(w.sim, is_done, &w, 3 * LG_SEC));
    assert_rc(LG_OK, w.rc);
    world_down(&w);
}

static void a_short_cut_is_only_a_delay_and_a_long_one_costs_the_session(void **state)
{
    struct world w;

    (void)state;
    world_up(&w, 5);
    lg_sim_node_run(w.client, watch, &w);
    assert_rc(LG_OK, create(&w, LG_META_CREATE_EPHEMERAL, "/a/x"));
    lg_meta_sim_cut(w.net, "client", true);
    begin_create(&w, LG_META_CREATE, "/a/y");
    lg_sim_run_us(w.sim, 2 * LG_SEC);
    assert_false(w.done);
    lg_meta_sim_heal(w.net);
    assert_true(lg_sim_run_until(w.sim, is_done, &w, LG_SEC));
    assert_rc(LG_OK, w.rc);
    assert_int_equal(lg_meta_sim_losses(w.net), 0);
    lg_meta_sim_cut(w.net, "client", true);
    lg_sim_run_us(w.sim, 2 * LG_META_SIM_SESSION_MS * LG_MS);
    assert_rc(LG_ERR_NOT_FOUND, seen(&w, "/a/x"));
    assert_int_equal(w.losses, 0); /* Told when there is a new one. */
    lg_meta_sim_heal(w.net);
    lg_sim_run_us(w.sim, 2 * LG_SEC);
    assert_int_equal(w.losses, 1);
    assert_rc(LG_OK, create(&w, LG_META_CREATE_EPHEMERAL, "/a/x"));
    world_down(&w);
}

static void a_way_that_is_cut_on_one_side_costs_the_session_all_the_same(void **state)
{
    (void)state;
    for (int to_server = 0; to_server < 2; to_server++) {
        struct world w;

        world_up(&w, 6);
        lg_sim_node_run(w.client, watch, &w);
        assert_rc(LG_OK, create(&w, LG_META_CREATE_EPHEMERAL, "/a/x"));
        lg_meta_sim_cut_way(w.net, "client", to_server != 0, true);
        begin_create(&w, LG_META_CREATE, "/a/y");
        lg_sim_run_us(w.sim, 2 * LG_META_SIM_SESSION_MS * LG_MS);
        assert_rc(LG_ERR_UNAVAILABLE, w.rc); /* But it has happened if only the answer was lost. */
        assert_rc(to_server ? LG_ERR_NOT_FOUND : LG_OK, seen(&w, "/a/y"));
        lg_meta_sim_cut_way(w.net, "client", to_server != 0, false);
        lg_sim_run_us(w.sim, 2 * LG_META_SIM_SESSION_MS * LG_MS);
        assert_int_equal(w.losses, 1);
        assert_rc(LG_ERR_NOT_FOUND, seen(&w, "/a/x"));
        world_down(&w);
    }
}

static void a_session_that_expires_takes_its_nodes_and_is_told(void **state)
{
    struct world w;

    (void)state;
    world_up(&w, 7);
    lg_sim_node_run(w.client, watch, &w);
    assert_rc(LG_OK, create(&w, LG_META_CREATE_EPHEMERAL, "/a/x"));
    lg_meta_sim_expire(w.net, "nobody");
    lg_meta_sim_expire(w.net, "client");
    lg_sim_run_us(w.sim, 100 * LG_MS);
    assert_rc(LG_ERR_NOT_FOUND, seen(&w, "/a/x"));
    lg_sim_run_us(w.sim, 2 * LG_META_SIM_PING_MS * LG_MS);
    assert_int_equal(w.losses, 1);
    assert_rc(LG_OK, create(&w, LG_META_CREATE_EPHEMERAL, "/a/x"));
    world_down(&w);
}

struct heard {
    unsigned writes;
    char last[100];
};

static void heard_write(void *ctx, struct lg_sim_node *node, const struct lg_meta_change *changes,
                        size_t count)
{
    struct heard *h = ctx;

    assert_int_equal(count, 1);
    (void)snprintf(h->last, sizeof h->last, "%s %s %.*s", lg_sim_node_name(node), changes[0].path,
                   (int)changes[0].value.size, (const char *)changes[0].value.data);
    h->writes++;
}

static void each_write_that_succeeded_is_told_to_the_world(void **state)
{
    struct world w;
    struct heard h = {0};

    (void)state;
    world_up(&w, 8);
    lg_meta_sim_on_write(w.net, heard_write, &h);
    assert_rc(LG_OK, create(&w, LG_META_CREATE, "/a/x"));
    assert_int_equal(h.writes, 1);
    assert_string_equal(h.last, "client /a/x v");
    assert_rc(LG_ERR_CONFLICT, create(&w, LG_META_CREATE, "/a/x"));
    assert_int_equal(h.writes, 1);
    world_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_proxy_keeps_the_contract),
        cmocka_unit_test(the_ephemeral_nodes_of_a_killed_client_vanish_after_a_while),
        cmocka_unit_test(a_restart_of_the_server_is_a_lost_session_that_is_told),
        cmocka_unit_test(without_a_server_an_operation_fails_in_time_and_says_so),
        cmocka_unit_test(what_is_asked_before_there_is_a_session_waits_for_it),
        cmocka_unit_test(a_short_cut_is_only_a_delay_and_a_long_one_costs_the_session),
        cmocka_unit_test(a_way_that_is_cut_on_one_side_costs_the_session_all_the_same),
        cmocka_unit_test(a_session_that_expires_takes_its_nodes_and_is_told),
        cmocka_unit_test(each_write_that_succeeded_is_told_to_the_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
