#include "server/read_gate.h"

#include "server/metrics.h"

enum { REASON_QUOTA, REASON_NODE, REASON_OVERLOAD };

struct lg_read_gate {
    struct lg_lane *lane;
    struct lg_quota_lane *quota;
    uint64_t target_us;
    bool begun, sheds;
    struct lg_shed shed;
    uint64_t waited_us; /* of the lane, up to the last tick */
    /* What was let in and is not counted yet: of one store, as requests of a tick mostly are. */
    uint32_t store, requests;
    uint64_t rcu;
    void (*let_in)(void *ctx, uint32_t store, uint32_t requests); /* NULL: nobody asks. */
    void *ctx;
};

enum lg_rc lg_read_gate_open(struct lg_lane *lane, struct lg_quota *quota, uint64_t target_us,
                             struct lg_read_gate **out, struct lg_error *err)
{
    struct lg_quota_lane *leases;
    struct lg_read_gate *g;
    enum lg_rc rc = lg_quota_lane_open(quota, &leases, err);

    if (rc != LG_OK)
        return rc;
    g = lg_new(struct lg_read_gate);
    g->lane = lane;
    g->quota = leases;
    g->target_us = target_us;
    *out = g;
    return LG_OK;
}

static void count(struct lg_read_gate *g)
{
    if (g->rcu == 0)
        return;
    lg_metric_add(&lg_metric_server_rcu_total,
                  lg_metric_of_store(&lg_metric_server_rcu_total, g->store, 0), g->rcu);
    if (g->let_in != NULL)
        g->let_in(g->ctx, g->store, g->requests);
    g->rcu = g->requests = 0;
}

void lg_read_gate_watch(struct lg_read_gate *g,
                        void (*let_in)(void *ctx, uint32_t store, uint32_t requests), void *ctx)
{
    g->let_in = let_in;
    g->ctx = ctx;
}

void lg_read_gate_close(struct lg_read_gate *g)
{
    if (g == NULL)
        return;
    lg_quota_lane_close(g->quota);
    lg_free(g);
}

static uint64_t clock_us(void *lane)
{
    return lg_lane_clock_us(lane);
}

static void begin(struct lg_read_gate *g, uint64_t now_us)
{
    g->begun = true;
    g->waited_us = lg_lane_waited_us(g->lane);
    g->sheds = g->target_us > 0 && g->waited_us != LG_LANE_WAITED_UNKNOWN;
    lg_shed_init(&g->shed,
                 &(struct lg_shed_options){.target_us = g->target_us,
                                           .burst_us = lg_read_gate_burst_us(g->target_us),
                                           .interval_us = LG_SHED_INTERVAL_US,
                                           .clock_us = clock_us,
                                           .clock_ctx = g->lane},
                 now_us);
}

/* The tick before ended when the lane began to wait, if it did: its answers were sent by then. What
 * is entered twice is one tick of the lane, of the same moment: what waited has waited as long. */
void lg_read_gate_tick(struct lg_read_gate *g)
{
    uint64_t now_us = lg_lane_now_us(g->lane), waited_us, idle_us;
    bool is_same = g->begun && now_us == g->shed.now_us;

    if (!g->begun)
        begin(g, now_us);
    lg_quota_tick(g->quota, now_us);
    if (!g->sheds || is_same)
        return;
    waited_us = lg_lane_waited_us(g->lane);
    idle_us = LG_MIN(waited_us - g->waited_us, now_us - g->shed.now_us);
    g->waited_us = waited_us;
    lg_shed_rest(&g->shed, now_us - idle_us);
    lg_shed_wake(&g->shed, now_us);
    lg_metric_observe(&lg_metric_server_queue_seconds, 0, now_us - g->shed.arrived_us);
}

uint64_t lg_read_gate_arrived_us(const struct lg_read_gate *g)
{
    return g->sheds ? g->shed.arrived_us : lg_lane_now_us(g->lane);
}

uint32_t lg_read_gate_store(const struct lg_read_gate *g)
{
    return g->store;
}

void lg_read_gate_rest(struct lg_read_gate *g)
{
    count(g);
}

static void count_refusal(uint32_t store, uint32_t reason)
{
    lg_metric_add(&lg_metric_server_refused_total,
                  lg_metric_of_store(&lg_metric_server_refused_total, store, reason), 1);
}

bool lg_read_gate_was_read(const struct lg_cold_wait *wait, uint32_t store, bool is_heard)
{
    if (wait->queue != NULL)
        lg_metric_observe(&lg_metric_server_disk_queue_seconds, 0, wait->waited_us);
    if (wait->is_late && is_heard)
        count_refusal(store, REASON_OVERLOAD);
    return !wait->is_late;
}

static void count_store(struct lg_read_gate *g, uint32_t store, uint32_t keys)
{
    if (LG_UNLIKELY(g->store != store)) {
        count(g);
        g->store = store;
    }
    g->rcu += keys;
    g->requests++;
}

enum lg_rc lg_read_gate_admit(struct lg_read_gate *g, const struct lg_serving_topic *topic,
                              uint32_t keys, bool is_retry, uint32_t *out_retry_after_ms)
{
    struct lg_serving_limit limit = lg_serving_limit_of(topic);
    enum lg_rc rc;

    /* First, because who is refused for being late has spent nothing. */
    if (g->sheds && LG_UNLIKELY(!lg_shed_admit(&g->shed, LG_SHED_THIS_TICK, keys, is_retry))) {
        count_refusal(limit.metric, REASON_OVERLOAD);
        *out_retry_after_ms = LG_READ_GATE_OVERLOAD_MS;
        return LG_ERR_OVERLOADED;
    }
    rc = lg_quota_take(g->quota, limit.resource, keys, is_retry, out_retry_after_ms);
    if (LG_LIKELY(rc == LG_OK)) {
        count_store(g, limit.metric, keys);
        return LG_OK;
    }
    lg_shed_refused(&g->shed, keys);
    count_refusal(limit.metric, rc == LG_ERR_QUOTA ? REASON_QUOTA : REASON_NODE);
    return rc;
}
