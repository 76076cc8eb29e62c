/* What is counted of stores, by lanes on threads of their own while others scrape: exactly. */
#include "server/read_group.h"

#include "drivers/uv/lane_uv.h"
#include "server/metrics.h"
#include "test/test.h"

#define LANES 3u
#define TICKS 400u
#define REQUESTS 20u /* of a tick, of both stores in turn */
#define KEYS 3u      /* of a request; one of them is absent */
#define BYTES 10u    /* of a value */
#define AWAY 5u      /* Each so many'th request of a tick asks the disk. */

static const char *const topics[] = {"cities_v1", "people_v1"};

struct world {
    struct lg_epoch *epoch;
    struct lg_serving *serving;
    struct lg_quota *quota;
    uint32_t stores[2];
    unsigned over; /* Atomic: lanes that are done. */
};

struct reading {
    struct world *w;
    struct lg_lane *lane;
    struct lg_epoch_reader *reader;
    struct lg_read_group *group;
    struct lg_task tick, end, back;
    unsigned ticks, away;
    uint32_t away_store;
    uint64_t away_us;
};

static void came_back(struct lg_task *task)
{
    struct reading *r = LG_CONTAINER_OF(task, struct reading, back);

    for (; r->away > 0; r->away--) {
        lg_read_group_count_store(r->group, r->away_store, LG_READ_DISK, KEYS, 2 * BYTES);
        lg_read_group_back(r->group, r->away_store, r->away_us);
    }
    if (r->ticks < TICKS)
        lg_lane_post(r->lane, &r->tick);
    else
        lg_lane_post(r->lane, &r->end);
}

static void request(struct reading *r, unsigned i)
{
    uint32_t retry_after_ms;
    const struct lg_serving_topic *topic = lg_read_group_topic(
        r->group, r->w->serving, lg_slice_str(topics[i % AWAY == 0 ? 0 : i % 2]));

    assert_rc(LG_OK, lg_read_group_admit(r->group, topic, KEYS, false, &retry_after_ms));
    if (i % AWAY == 0) {
        r->away_store = lg_read_group_store(r->group);
        r->away_us = lg_read_group_away(r->group, r->away_store);
        r->away++;
    } else {
        lg_read_group_count_store(r->group, lg_read_group_store(r->group), LG_READ_INDEX, KEYS,
                                  2 * BYTES);
    }
}

static void tick(struct lg_task *task)
{
    struct reading *r = LG_CONTAINER_OF(task, struct reading, tick);

    r->ticks++;
    lg_read_group_enter(r->group);
    for (unsigned i = 0; i < REQUESTS; i++)
        request(r, i);
    lg_lane_post(r->lane, &r->back);
}

static void end(struct lg_task *task)
{
    struct reading *r = LG_CONTAINER_OF(task, struct reading, end);

    lg_read_group_free(r->group);
    __atomic_add_fetch(&r->w->over, 1, __ATOMIC_RELEASE);
    lg_lane_uv_stop(r->lane);
}

/* A topic that was found is looked up anew in the next tick: it may have gone with the epoch. */
static void look(struct lg_task *task)
{
    struct reading *r = LG_CONTAINER_OF(task, struct reading, tick);
    struct lg_slice name = lg_slice_str(topics[0]);

    lg_read_group_enter(r->group);
    if (r->ticks++ == 0) {
        assert_non_null(lg_read_group_topic(r->group, r->w->serving, name));
        lg_serving_remove(r->w->serving, name);
        lg_lane_post(r->lane, &r->tick);
        return;
    }
    assert_null(lg_read_group_topic(r->group, r->w->serving, name));
    lg_lane_post(r->lane, &r->end);
}

static void start(struct reading *r, struct world *w, void (*run)(struct lg_task *task))
{
    struct lg_read_gate *gate;
    struct lg_error err = {0};

    r->w = w;
    r->tick.run = run;
    r->end.run = end;
    r->back.run = came_back;
    assert_ok(lg_lane_uv_new("read", NULL, &r->lane, &err));
    assert_ok(lg_epoch_join(w->epoch, &r->reader, &err));
    assert_ok(lg_read_gate_open(r->lane, w->quota, /* target_us= */ 0, &gate, &err));
    r->group = lg_read_group_new(r->lane, r->reader, gate, /* cold= */ NULL);
    lg_lane_post(r->lane, &r->tick);
    assert_ok(lg_lane_uv_start(r->lane, &err));
}

static void join(struct reading *r)
{
    lg_lane_uv_join(r->lane);
    lg_epoch_quit(r->reader);
    lg_lane_uv_free(r->lane);
}

static uint64_t of(const struct world *w, const struct lg_metric *m, unsigned store, uint32_t label)
{
    return lg_metric_value(m, lg_metric_of_store(m, w->stores[store], label));
}

static struct world *world_new(void)
{
    struct world *w = lg_new(struct world);
    struct lg_error err = {0};

    assert_ok(lg_epoch_new(&w->epoch, &err));
    w->serving = lg_serving_new(w->epoch, 1);
    assert_ok(lg_quota_new(&(struct lg_quota_options){.resources_max = 1, .lanes_max = LANES},
                           &w->quota, &err));
    for (unsigned i = 0; i < LG_ARRAY_SIZE(topics); i++) {
        lg_serving_set(w->serving, lg_slice_str(topics[i]), 1, 0, LG_REPLICA_NOT_READY, NULL);
        w->stores[i] = lg_metric_store(topics[i]);
        lg_serving_limit(w->serving, lg_slice_str(topics[i]), LG_QUOTA_NONE, w->stores[i]);
    }
    return w;
}

static void world_free(struct world *w)
{
    lg_quota_free(w->quota);
    lg_serving_free(w->serving);
    lg_epoch_free(w->epoch);
    lg_free(w);
}

/* Of the requests of a tick: the first store has those at even places and all that ask the disk. */
#define AT_DISK (REQUESTS / AWAY)
#define SECOND (REQUESTS / 2 - AT_DISK / 2)
#define FIRST (REQUESTS - SECOND)

static void expect(const struct world *w, unsigned store, uint64_t requests, uint64_t at_disk)
{
    const uint64_t all = requests * LANES * TICKS, disk = at_disk * LANES * TICKS;

    assert_int_equal(of(w, &lg_metric_server_service_seconds, store, 0), all);
    assert_int_equal(of(w, &lg_metric_server_rcu_total, store, 0), all * KEYS);
    assert_int_equal(of(w, &lg_metric_server_store_reads_total, store, LG_READ_DISK), disk * KEYS);
    assert_int_equal(of(w, &lg_metric_server_store_reads_total, store, LG_READ_INDEX),
                     (all - disk) * KEYS);
    assert_int_equal(of(w, &lg_metric_server_store_reads_total, store, LG_READ_MEMORY), 0);
    assert_int_equal(of(w, &lg_metric_server_value_bytes_total, store, 0), all * 2 * BYTES);
}

static void lanes_count_exactly_while_others_look(void **state)
{
    const struct lg_metric_table *const tables[] = {&lg_server_metrics};
    struct reading readings[LANES] = {0};
    uint64_t before = 0;
    struct world *w;

    (void)state;
    lg_metrics_register(tables, 1, 10);
    w = world_new();
    for (unsigned i = 0; i < LANES; i++)
        start(&readings[i], w, tick);
    while (__atomic_load_n(&w->over, __ATOMIC_ACQUIRE) < LANES) {
        LG_SCOPED(lg_buf) text = {0};
        uint64_t now = of(w, &lg_metric_server_service_seconds, 0, 0);

        lg_metrics_write(&text);
        assert_true(now >= before && now <= (uint64_t)FIRST * LANES * TICKS);
        before = now;
    }
    for (unsigned i = 0; i < LANES; i++)
        join(&readings[i]);
    expect(w, 0, FIRST, AT_DISK);
    expect(w, 1, SECOND, 0);
    world_free(w);
    lg_metrics_reset();
}

static void what_was_found_is_looked_up_anew_in_the_next_tick(void **state)
{
    struct reading r = {0};
    struct world *w = world_new();

    (void)state;
    start(&r, w, look);
    join(&r);
    assert_int_equal(r.ticks, 2);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_count_exactly_while_others_look),
        cmocka_unit_test(what_was_found_is_looked_up_anew_in_the_next_tick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
