/* The layers between a read and the servers, over a bottom layer that answers by script, on the
 * simulator: every case names its millisecond. */
#include <stdio.h>

#include "drivers/sim/lane_sim.h"
#include "fetch/layers.h"
#include "test/test.h"

#define PARTITIONS 4u
#define KEYS 8u

/* --- A fleet of two servers, each holding some partitions, each well or not. -------------------
 */

struct fleet {
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_host_table *hosts;
    struct lg_host *host[2];
    bool holds[2][PARTITIONS];
    bool held[2][PARTITIONS]; /* It did, as far as anybody knows. */
    bool down[2];
    uint64_t delay_us[2];
    bool watched;      /* Reads want to be told of their keys. */
    bool nobody_waits; /* for any answer */
    unsigned asked[2]; /* reads that reached the server */
    size_t keys_asked[2];

    struct lg_layer bottom;
    struct lg_fetch_counters counters;
    struct lg_meter_layer meter;
    struct lg_limit_layer limit;
    struct lg_scatter_layer scatter;
    struct lg_retry_layer retry;
    struct lg_route_layer route;
};

struct pending {
    struct fleet *fleet;
    struct lg_read *read;
    struct lg_timer timer;
};

static size_t ready(void *ctx, const char *topic, uint32_t partition,
                    struct lg_host *out[LG_REPLICAS_MAX])
{
    const struct fleet *f = ctx;
    size_t n = 0;

    (void)topic;
    for (size_t i = 0; i < 2; i++)
        if (f->holds[i][partition])
            out[n++] = f->host[i];
    return n;
}

static size_t last_resort(void *ctx, const char *topic, uint32_t partition,
                          struct lg_host *out[LG_REPLICAS_MAX])
{
    const struct fleet *f = ctx;
    size_t n = 0;

    (void)topic;
    for (size_t i = 0; i < 2; i++)
        if (f->held[i][partition])
            out[n++] = f->host[i];
    return n;
}

static void answer(struct lg_timer *timer)
{
    struct pending *p = LG_CONTAINER_OF(timer, struct pending, timer);
    struct lg_read *read = p->read;
    size_t server = read->host == p->fleet->host[0] ? 0 : 1;

    for (size_t i = 0; i < read->key_count; i++) {
        struct lg_read_key *key = read->keys[i];

        assert_true(p->fleet->holds[server][key->partition] ||
                    p->fleet->held[server][key->partition]);
        key->rc = p->fleet->down[server] ? LG_ERR_UNAVAILABLE
                  : key->index % 2 == 0  ? LG_OK
                                         : LG_ERR_NOT_FOUND;
        key->value = key->key;
    }
    lg_free(p);
    lg_read_settle(read);
}

static void submit_bottom(struct lg_layer *layer, struct lg_read *read)
{
    struct fleet *f = LG_CONTAINER_OF(layer, struct fleet, bottom);
    struct pending *p = lg_new(struct pending);
    size_t server = read->host == f->host[0] ? 0 : 1;

    p->fleet = f;
    p->read = read;
    f->asked[server]++;
    f->keys_asked[server] += read->key_count;
    lg_timer_start(f->lane, &p->timer, f->delay_us[server], answer);
}

static const struct lg_layer_ops bottom_ops = {"bottom", submit_bottom};

static int make_fleet(void **state)
{
    struct fleet *f = lg_new(struct fleet);
    struct lg_replica_source source = {.ready = ready, .last_resort = last_resort, .ctx = f};

    f->sim = lg_sim_new(1);
    f->lane = lg_sim_lane_new(f->sim, NULL, "test");
    f->hosts = lg_host_table_new();
    f->host[0] = lg_host_table_get(f->hosts, "a", 1);
    f->host[1] = lg_host_table_get(f->hosts, "b", 1);
    for (size_t i = 0; i < 2; i++) {
        f->delay_us[i] = 5 * LG_MS;
        for (size_t p = 0; p < PARTITIONS; p++)
            f->holds[i][p] = true;
    }
    f->bottom = (struct lg_layer){&bottom_ops, NULL, f->lane};
    lg_meter_layer_init(&f->meter, f->lane, &f->limit.base, &f->counters);
    lg_limit_layer_init(&f->limit, f->lane, &f->scatter.base, 2, &f->counters);
    lg_scatter_layer_init(&f->scatter, f->lane, &f->retry.base, &source);
    lg_retry_layer_init(&f->retry, f->lane, &f->route.base, LG_READ_TRIES_MAX, &f->counters);
    lg_route_layer_init(&f->route, f->lane, &f->bottom, &source, &f->counters);
    *state = f;
    return 0;
}

static int free_fleet(void **state)
{
    struct fleet *f = *state;

    lg_host_table_free(f->hosts);
    lg_sim_free(f->sim);
    lg_free(f);
    return 0;
}

/* --- One read. ---------------------------------------------------------------------------------
 */

struct asked {
    struct lg_read read;
    struct lg_read_key keys[KEYS];
    struct lg_read_key *pointers[KEYS];
    char names[KEYS][32];
    struct fleet *fleet;
    bool settled;
    uint64_t settled_us;
};

static void settled(struct lg_read *read)
{
    struct asked *a = LG_CONTAINER_OF(read, struct asked, read);

    assert_false(a->settled); /* Once. */
    a->settled = true;
    a->settled_us = lg_lane_now_us(a->fleet->lane);
}

static size_t told;

static void key_told(void *ctx, struct lg_read_key *key)
{
    const struct asked *a = ctx;

    assert_false(a->settled); /* Before the end. */
    assert_int_equal(key->rc, key->index % 2 == 0 ? LG_OK : LG_ERR_NOT_FOUND);
    told++;
}

static void ask(struct fleet *f, struct asked *a, size_t keys)
{
    memset(a, 0, sizeof *a);
    a->fleet = f;
    for (size_t i = 0; i < keys; i++) {
        (void)snprintf(a->names[i], sizeof a->names[i], "k%zu", i);
        a->keys[i].key = lg_slice_str(a->names[i]);
        a->keys[i].index = (uint32_t)i;
        a->keys[i].partition = (uint32_t)i % PARTITIONS;
        a->pointers[i] = &a->keys[i];
    }
    a->read.topic = "s_v1";
    a->read.keys = a->pointers;
    a->read.key_count = keys;
    a->read.arena = lg_arena_new(0);
    a->read.deadline_us = lg_lane_now_us(f->lane) + LG_SEC;
    a->read.done = settled;
    a->read.key_answered = f->watched ? key_told : NULL;
    a->read.key_ctx = a;
    a->read.gone = &f->nobody_waits;
    lg_layer_submit(&f->meter.base, &a->read);
    assert_false(a->settled); /* Never from inside. */
}

static bool is_settled(void *ctx)
{
    return ((struct asked *)ctx)->settled;
}

static void finish(struct asked *a)
{
    assert_true(lg_sim_run_until(a->fleet->sim, is_settled, a, LG_SEC));
}

static void expect_all_answered(const struct asked *a)
{
    assert_rc(LG_OK, a->read.rc);
    for (size_t i = 0; i < a->read.key_count; i++) {
        assert_rc(i % 2 == 0 ? LG_OK : LG_ERR_NOT_FOUND, a->keys[i].rc);
        if (i % 2 == 0)
            assert_slice_equal(a->keys[i].value, lg_slice_str(a->names[i]));
    }
}

/* --- Tests. ------------------------------------------------------------------------------------
 */

static void a_read_of_one_key_asks_one_server_once(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    ask(f, &a, 1);
    finish(&a);
    expect_all_answered(&a);
    assert_int_equal(f->asked[0] + f->asked[1], 1);
    assert_int_equal(f->counters.found, 1);
    lg_arena_free(a.read.arena);
}

static void a_batch_costs_one_request_per_server(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->holds[0][2] = f->holds[0][3] = false;
    f->holds[1][0] = f->holds[1][1] = false;
    ask(f, &a, KEYS);
    finish(&a);
    expect_all_answered(&a);
    assert_int_equal(f->asked[0], 1);
    assert_int_equal(f->asked[1], 1);
    assert_int_equal(f->keys_asked[0], KEYS / 2);
    assert_int_equal(f->counters.found, KEYS / 2);
    assert_int_equal(f->counters.not_found, KEYS / 2);
    lg_arena_free(a.read.arena);
}

static void a_server_that_is_down_is_replaced_at_once(void **state)
{
    struct fleet *f = *state;
    struct asked a;
    uint64_t start_us = lg_sim_now_us(f->sim);

    f->down[0] = true;
    f->delay_us[0] = 3 * LG_MS;
    ask(f, &a, 1);
    finish(&a);
    expect_all_answered(&a);
    assert_int_equal(f->asked[0], 1);
    assert_int_equal(f->asked[1], 1);
    assert_int_equal(f->counters.retries, 1);
    assert_true(a.settled_us - start_us >= 8 * LG_MS && a.settled_us - start_us < 9 * LG_MS);
    lg_arena_free(a.read.arena);
}

static void keys_are_told_of_as_their_servers_answer(void **state)
{
    struct fleet *f = *state;
    struct asked a;
    size_t early;

    f->holds[0][2] = f->holds[0][3] = false;
    f->holds[1][0] = f->holds[1][1] = false;
    f->delay_us[0] = 3 * LG_MS;
    f->delay_us[1] = 300 * LG_MS;
    told = 0;
    f->watched = true;
    ask(f, &a, KEYS);
    lg_sim_run_us(f->sim, 100 * LG_MS);
    early = told;
    finish(&a);
    assert_int_equal(early, KEYS / 2);
    assert_int_equal(told, KEYS);
    lg_arena_free(a.read.arena);
}

static void when_nobody_wants_the_answer_nobody_else_is_asked(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->down[0] = f->down[1] = true;
    f->nobody_waits = true;
    ask(f, &a, KEYS);
    finish(&a);
    assert_true(a.read.rc != LG_OK);
    assert_int_equal(f->counters.retries, 0);
    lg_arena_free(a.read.arena);
}

static void when_every_replica_failed_the_error_of_the_last_is_told(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->down[0] = f->down[1] = true;
    ask(f, &a, 1);
    finish(&a);
    assert_rc(LG_ERR_UNAVAILABLE, a.read.rc);
    assert_rc(LG_ERR_UNAVAILABLE, a.keys[0].rc);
    assert_int_equal(f->asked[0] + f->asked[1], 2); /* Each once. */
    assert_int_equal(f->counters.failed, 1);
    lg_arena_free(a.read.arena);
}

/* Server 0 holds everything; server 1 only partitions 0 and 1. With 0 down, what 1 has is answered.
 */
static void a_failed_part_is_split_by_partition(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->holds[1][2] = f->holds[1][3] = false;
    lg_host_sent(f->hosts, f->host[1]); /* So that all keys go to server 0 first. */
    f->down[0] = true;
    ask(f, &a, KEYS);
    finish(&a);
    assert_rc(LG_ERR_UNAVAILABLE, a.read.rc);
    for (size_t i = 0; i < KEYS; i++) {
        if (i % PARTITIONS < 2)
            assert_rc(i % 2 == 0 ? LG_OK : LG_ERR_NOT_FOUND, a.keys[i].rc);
        else
            assert_rc(LG_ERR_UNAVAILABLE, a.keys[i].rc);
    }
    lg_arena_free(a.read.arena);
}

static void a_partition_without_a_server_is_named(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->holds[0][0] = f->holds[1][0] = false;
    ask(f, &a, 1);
    finish(&a);
    assert_rc(LG_ERR_UNREADY, a.read.rc);
    assert_non_null(strstr(a.read.err.text, "s_v1 partition 0"));
    lg_arena_free(a.read.arena);
}

static void who_is_not_ready_any_more_is_asked_when_nobody_is(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    for (size_t p = 0; p < PARTITIONS; p++) {
        f->holds[0][p] = f->holds[1][p] = false;
        f->held[0][p] = f->held[1][p] = true;
    }
    f->down[0] = true; /* There is another one of those, too. */
    ask(f, &a, KEYS);
    finish(&a);
    expect_all_answered(&a);
    assert_true(f->asked[1] > 0);
    assert_true(f->counters.last_resorts >= 2);
    lg_arena_free(a.read.arena);
}

static void who_is_ready_is_asked_before_who_is_not_any_more(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    for (size_t p = 0; p < PARTITIONS; p++) {
        f->holds[0][p] = false;
        f->held[0][p] = true;
    }
    for (int i = 0; i < 5; i++) {
        ask(f, &a, KEYS);
        finish(&a);
        expect_all_answered(&a);
        lg_arena_free(a.read.arena);
    }
    assert_int_equal(f->asked[0], 0);
    assert_int_equal(f->counters.last_resorts, 0);
    f->down[1] = true; /* Then all that are ready have been asked. */
    ask(f, &a, 1);
    finish(&a);
    expect_all_answered(&a);
    assert_int_equal(f->asked[0], 1);
    assert_int_equal(f->counters.last_resorts, 1);
    lg_arena_free(a.read.arena);
}

/* One partition has a ready replica there, of the other one it is the last resort. */
static void ready_and_not_ready_any_more_go_together(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    for (size_t p = 0; p < PARTITIONS; p++) {
        f->holds[1][p] = false;
        f->holds[0][p] = p % 2 == 0;
        f->held[0][p] = p % 2 != 0;
    }
    ask(f, &a, KEYS);
    finish(&a);
    expect_all_answered(&a);
    assert_int_equal(f->asked[0], 1);
    lg_arena_free(a.read.arena);
}

static void reads_over_the_limit_are_refused_at_once(void **state)
{
    struct fleet *f = *state;
    struct asked a[3];

    for (size_t i = 0; i < 3; i++)
        ask(f, &a[i], 1);
    for (size_t i = 0; i < 3; i++)
        finish(&a[i]);
    expect_all_answered(&a[0]);
    expect_all_answered(&a[1]);
    assert_rc(LG_ERR_BUSY, a[2].read.rc);
    assert_true(a[2].settled_us < a[0].settled_us);
    assert_int_equal(f->counters.refused, 1);
    assert_int_equal(f->limit.in_flight, 0);
    for (size_t i = 0; i < 3; i++)
        lg_arena_free(a[i].read.arena);
}

static void after_the_deadline_nobody_is_asked_again(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->down[0] = f->down[1] = true;
    f->delay_us[0] = f->delay_us[1] = 1200 * LG_MS;
    ask(f, &a, 1); /* With one second of time. */
    assert_true(lg_sim_run_until(f->sim, is_settled, &a, 3 * LG_SEC));
    assert_rc(LG_ERR_UNAVAILABLE, a.read.rc);
    assert_int_equal(f->asked[0] + f->asked[1], 1);
    lg_arena_free(a.read.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_read_of_one_key_asks_one_server_once, make_fleet,
                                        free_fleet),
        cmocka_unit_test_setup_teardown(a_batch_costs_one_request_per_server, make_fleet,
                                        free_fleet),
        cmocka_unit_test_setup_teardown(a_server_that_is_down_is_replaced_at_once, make_fleet,
                                        free_fleet),
        cmocka_unit_test_setup_teardown(when_every_replica_failed_the_error_of_the_last_is_told,
                                        make_fleet, free_fleet),
        cmocka_unit_test_setup_teardown(keys_are_told_of_as_their_servers_answer, make_fleet,
                                        free_fleet),
        cmocka_unit_test_setup_teardown(when_nobody_wants_the_answer_nobody_else_is_asked,
                                        make_fleet, free_fleet),
        cmocka_unit_test_setup_teardown(a_failed_part_is_split_by_partition, make_fleet,
                                        free_fleet),
        cmocka_unit_test_setup_teardown(a_partition_without_a_server_is_named, make_fleet,
                                        free_fleet),
        cmocka_unit_test_setup_teardown(who_is_not_ready_any_more_is_asked_when_nobody_is,
                                        make_fleet, free_fleet),
        cmocka_unit_test_setup_teardown(who_is_ready_is_asked_before_who_is_not_any_more,
                                        make_fleet, free_fleet),
        cmocka_unit_test_setup_teardown(ready_and_not_ready_any_more_go_together, make_fleet,
                                        free_fleet),
        cmocka_unit_test_setup_teardown(reads_over_the_limit_are_refused_at_once, make_fleet,
                                        free_fleet),
        cmocka_unit_test_setup_teardown(after_the_deadline_nobody_is_asked_again, make_fleet,
                                        free_fleet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
