/* The simulator's scheduler. All of its state is in creation order or in (time, order) order, so
 * nothing depends on addresses. Owner and thread: see lane_sim.h.
 *
 * Whatever may be called from a node's code enters the null domain around its own allocations;
 * frees need no such care, a block knows its domain.
 */
#include "drivers/sim/lane_sim.h"

#include "base/hash.h"
#include "base/vec.h"
#include "drivers/sim/ring.h"
#include "lane/timer_heap.h"

#define START_US 1000000ULL
#define STEP_US 1          /* What a step takes of virtual time. */
#define WORK_WAIT_US 50    /* An offload waits at most so long for a thread ... */
#define WORK_QUICK_US 1000 /* ... and mostly takes at most this, ... */
#define WORK_SLOW_US 50000 /* ... but once in WORK_SLOW_ONE_IN up to this. */
#define WORK_SLOW_ONE_IN 64

struct event {
    uint64_t due_us, order; /* order is also its number for lg_sim_cancel, from 1 */
    struct lg_sim_node *node;
    void (*fn)(void *ctx);
    void *ctx;
};

struct lane_sim {
    struct lg_lane lane; /* First: lg_lane pointers are cast back. */
    struct lg_sim *sim;
    struct lg_sim_node *node; /* NULL: the world's. */
    bool dead;
    uint64_t number;        /* Order of creation. */
    uint64_t busy_until_us; /* What ran last blocks it until then. */
    struct lg_task *first, **last;
    struct lg_task *at_rest; /* NULL: nobody wants to know. */
    struct lg_timer_heap timers;
};

struct kill_hook {
    void (*fn)(void *ctx);
    void *ctx;
};

struct lg_sim_node {
    struct lg_sim *sim;
    char *name;
    struct lg_alloc_domain *domain; /* NULL: dead */
    unsigned incarnation;
    unsigned depth; /* Calls of the node's code on the stack. */
    bool dying;     /* Killed by its own code: dead when depth is 0 again. */
    bool stopped;
    int64_t skew_ms;
    LG_VEC(struct kill_hook) hooks;
    LG_VEC(struct event) held; /* Came due while it was stopped, in that order. */
};

/* An offload on its way; lives in the simulator's memory because the event points to it. */
struct flight {
    struct lane_sim *lane;
    struct lg_offload *offload;
};

struct lg_sim {
    uint64_t seed, now_us, steps, next_event;
    struct lg_rand rand;
    struct lg_sim_ring trace;
    LG_VEC(struct lane_sim *) lanes;
    LG_VEC(struct lg_sim_node *) nodes;
    LG_VEC(struct event) events; /* A binary heap by (due, order) from index 0. */
    struct lane_sim *lane;       /* Whose task or timer runs. */
    struct lg_sim_node *node;    /* Whose code runs. */
    bool working;                /* An offload's work runs: on a thread, on no lane, ... */
    uint64_t spent_us;           /* ... and takes so much longer. */
    uint64_t pool_wait_us;
};

static struct lane_sim *of(const struct lg_lane *lane)
{
    return (struct lane_sim *)(uintptr_t)lane;
}

/* --- Trace ---------------------------------------------------------------------------------- */

void lg_sim_trace_values(struct lg_sim *sim, const char *what, const uint64_t *values, size_t n)
{
    const char *lane = sim->lane != NULL   ? sim->lane->lane.name
                       : sim->node != NULL ? sim->node->name
                                           : "world";

    lg_sim_ring_add(&sim->trace, sim->now_us, lane, what, values, n);
}

void lg_sim_trace_text(struct lg_sim *sim, struct lg_slice text)
{
    lg_sim_ring_text(&sim->trace, text);
}

uint64_t lg_sim_trace_hash(const struct lg_sim *sim)
{
    return sim->trace.hash;
}

void lg_sim_trace_dump(const struct lg_sim *sim, struct lg_buf *out)
{
    lg_sim_ring_dump(&sim->trace, out);
}

/* --- Chance and clock ----------------------------------------------------------------------- */

uint64_t lg_sim_seed(const struct lg_sim *sim)
{
    return sim->seed;
}

uint64_t lg_sim_rand(struct lg_sim *sim)
{
    return lg_rand_next(&sim->rand);
}

uint64_t lg_sim_rand_below(struct lg_sim *sim, uint64_t n)
{
    return lg_rand_below(&sim->rand, n);
}

bool lg_sim_rand_chance(struct lg_sim *sim, uint64_t num, uint64_t den)
{
    return lg_rand_chance(&sim->rand, num, den);
}

uint64_t lg_sim_now_us(const struct lg_sim *sim)
{
    return sim->now_us;
}

uint64_t lg_sim_steps(const struct lg_sim *sim)
{
    return sim->steps;
}

/* --- Events --------------------------------------------------------------------------------- */

static bool earlier(const struct event *a, const struct event *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void sift_up(struct lg_sim *sim, size_t at)
{
    struct event *heap = sim->events.data, moving = heap[at];

    for (; at > 0 && earlier(&moving, &heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = moving;
}

static void sift_down(struct lg_sim *sim, size_t at)
{
    struct event *heap = sim->events.data, moving = heap[at];

    for (size_t child = at * 2 + 1; child < sim->events.size; child = at * 2 + 1) {
        if (child + 1 < sim->events.size && earlier(&heap[child + 1], &heap[child]))
            child++;
        if (!earlier(&heap[child], &moving))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

static struct event take_event(struct lg_sim *sim, size_t at)
{
    struct event taken = sim->events.data[at];
    size_t last = --sim->events.size;

    if (at != last) {
        sim->events.data[at] = sim->events.data[last];
        sift_down(sim, at);
        sift_up(sim, at);
    }
    return taken;
}

uint64_t lg_sim_at(struct lg_sim *sim, uint64_t due_us, struct lg_sim_node *node,
                   void (*fn)(void *ctx), void *ctx)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    struct event e = {due_us, ++sim->next_event, node, fn, ctx};

    if (node == NULL || node->domain != NULL) { /* The dead have no future. */
        LG_VEC_PUSH(&sim->events, e);
        sift_up(sim, sim->events.size - 1);
    }
    lg_alloc_domain_enter(outer);
    return e.order;
}

static bool cancel_held(struct lg_sim_node *node, uint64_t event)
{
    size_t kept = 0, was = node->held.size;

    for (size_t i = 0; i < was; i++)
        if (node->held.data[i].order != event)
            node->held.data[kept++] = node->held.data[i];
    node->held.size = kept;
    return kept < was;
}

bool lg_sim_cancel(struct lg_sim *sim, uint64_t event)
{
    for (size_t i = 0; i < sim->events.size; i++) {
        if (sim->events.data[i].order == event) {
            (void)take_event(sim, i);
            return true;
        }
    }
    for (size_t i = 0; i < sim->nodes.size; i++)
        if (cancel_held(sim->nodes.data[i], event))
            return true;
    return false;
}

/* --- Running a node's code ------------------------------------------------------------------ */

struct frame { /* What was running before. */
    struct lane_sim *lane;
    struct lg_sim_node *node;
    struct lg_alloc_domain *domain;
};

static struct frame enter(struct lg_sim *sim, struct lg_sim_node *node, struct lane_sim *lane)
{
    struct frame before = {sim->lane, sim->node, NULL};

    sim->lane = lane;
    sim->node = node;
    if (node != NULL)
        node->depth++;
    before.domain = lg_alloc_domain_enter(node == NULL ? NULL : node->domain);
    return before;
}

static void bury(struct lg_sim_node *node);

static void leave(struct lg_sim *sim, struct frame before)
{
    struct lg_sim_node *node = sim->node;

    lg_alloc_domain_enter(before.domain);
    sim->lane = before.lane;
    sim->node = before.node;
    if (node != NULL && --node->depth == 0 && node->dying)
        bury(node);
}

/* --- Offloads ------------------------------------------------------------------------------- */

static void offload_done(struct lg_task *task)
{
    struct lg_offload *offload = LG_CONTAINER_OF(task, struct lg_offload, task);

    offload->done(offload);
}

static void lane_post(struct lg_lane *lane, struct lg_task *task);

static void work_returned(void *ctx)
{
    struct flight *f = ctx;

    if (!f->lane->dead) { /* Else the offload may be gone, too. */
        f->offload->task.run = offload_done;
        lane_post(&f->lane->lane, &f->offload->task);
    }
    lg_free(f);
}

static void work_begins(void *ctx)
{
    struct flight *f = ctx;
    struct lg_sim *sim = f->lane->sim;
    bool slow = lg_rand_chance(&sim->rand, 1, WORK_SLOW_ONE_IN);
    uint64_t takes_us = lg_rand_below(&sim->rand, slow ? WORK_SLOW_US : WORK_QUICK_US);

    sim->spent_us = 0;
    if (!f->lane->dead) { /* Else it was freed in an orderly way; nobody waits for the work. */
        sim->working = true;
        f->offload->work(f->offload);
        sim->working = false;
    }
    /* Events carry the node, so a kill in the work drops the return and the flight (bury). */
    lg_sim_at(sim, sim->now_us + takes_us + sim->spent_us, f->lane->node, work_returned, f);
}

void lg_sim_spend_us(struct lg_sim *sim, uint64_t us)
{
    if (sim->working)
        sim->spent_us += us;
    else if (sim->lane != NULL)
        sim->lane->busy_until_us = LG_MAX(sim->lane->busy_until_us, sim->now_us) + us;
}

void lg_sim_pool_wait_us(struct lg_sim *sim, uint64_t us)
{
    sim->pool_wait_us = us;
}

static void lane_offload(struct lg_lane *lane, struct lg_offload *offload)
{
    struct lane_sim *l = of(lane);
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    struct flight *f = lg_new(struct flight);

    *f = (struct flight){l, offload};
    lg_alloc_domain_enter(outer);
    offload->lane = lane;
    lg_sim_at(l->sim,
              l->sim->now_us + l->sim->pool_wait_us + lg_rand_below(&l->sim->rand, WORK_WAIT_US),
              l->node, work_begins, f);
}

/* --- Lanes ---------------------------------------------------------------------------------- */

static bool lane_is_current(const struct lg_lane *lane)
{
    const struct lane_sim *l = of(lane);
    const struct lg_sim *sim = l->sim;

    if (sim->lane != NULL)
        return sim->lane == l;
    return sim->node == l->node && !sim->working;
}

static void lane_post(struct lg_lane *lane, struct lg_task *task)
{
    struct lane_sim *l = of(lane);

    assert(task->run != NULL);
    if (l->dead)
        return;
    task->next = NULL;
    *l->last = task;
    l->last = &task->next;
}

/* Ticks have no end here: each event is one. */
static void lane_defer(struct lg_lane *lane, struct lg_task *task)
{
    assert(lane_is_current(lane) && "what is deferred belongs to this lane");
    lane_post(lane, task);
}

static void lane_at_rest(struct lg_lane *lane, struct lg_task *task)
{
    struct lane_sim *l = of(lane);

    assert(lane_is_current(lane) && "who asks for a rest is on the lane");
    if (!l->dead)
        l->at_rest = task;
}

static void lane_timer_start(struct lg_lane *lane, struct lg_timer *timer)
{
    struct lane_sim *l = of(lane);
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);

    assert(lane_is_current(lane) && "timers belong to their lane");
    if (!l->dead)
        lg_timer_heap_add(&l->timers, timer);
    lg_alloc_domain_enter(outer);
}

static void lane_timer_stop(struct lg_lane *lane, struct lg_timer *timer)
{
    assert(lane_is_current(lane) && "timers belong to their lane");
    lg_timer_heap_remove(&of(lane)->timers, timer);
}

static uint64_t lane_now_us(struct lg_lane *lane)
{
    return of(lane)->sim->now_us;
}

/* What an offload's work has spent is part of it. */
static uint64_t lane_clock_us(struct lg_lane *lane)
{
    const struct lg_sim *sim = of(lane)->sim;

    return sim->now_us + (sim->working ? sim->spent_us : 0);
}

static uint64_t lane_wall_ms(struct lg_lane *lane)
{
    struct lane_sim *l = of(lane);
    int64_t skew_ms = l->node == NULL ? 0 : l->node->skew_ms;

    return LG_SIM_WALL_BASE_MS + l->sim->now_us / 1000 + (uint64_t)skew_ms;
}

static const struct lg_lane_ops ops = {
    .post = lane_post,
    .defer = lane_defer,
    .timer_start = lane_timer_start,
    .timer_stop = lane_timer_stop,
    .offload = lane_offload,
    .now_us = lane_now_us,
    .wall_ms = lane_wall_ms,
    .is_current = lane_is_current,
    .at_rest = lane_at_rest,
    .clock_us = lane_clock_us,
    .rested_us = lane_now_us,
};

struct lg_lane *lg_sim_lane_new(struct lg_sim *sim, struct lg_sim_node *node, const char *name)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    struct lane_sim *l = lg_new(struct lane_sim);

    assert(node == NULL || node->domain != NULL);
    l->lane.ops = &ops;
    l->lane.name = lg_strdup(name);
    l->sim = sim;
    l->node = node;
    l->number = sim->lanes.size;
    l->last = &l->first;
    lg_rand_seed(&l->lane.rand, lg_hash64(&l->number, sizeof(l->number), sim->seed));
    LG_VEC_PUSH(&sim->lanes, l);
    lg_alloc_domain_enter(outer);
    lg_sim_trace(sim, "lane_new", l->number);
    lg_sim_trace_text(sim, lg_slice_str(name));
    return &l->lane;
}

/* Without touching a task or timer: they may be gone with their node's memory. */
static void lane_die(struct lane_sim *l)
{
    l->dead = true;
    l->first = NULL;
    l->last = &l->first;
    l->at_rest = NULL;
    lg_timer_heap_done(&l->timers);
}

void lg_sim_lane_free(struct lg_lane *lane)
{
    struct lane_sim *l;
    struct lg_timer *timer;

    if (lane == NULL || of(lane)->dead)
        return;
    l = of(lane);
    while ((timer = lg_timer_heap_first(&l->timers)) != NULL)
        lg_timer_heap_remove(&l->timers, timer);
    lane_die(l);
}

struct lg_sim_node *lg_sim_lane_node(const struct lg_lane *lane)
{
    return of(lane)->node;
}

struct lg_sim *lg_sim_lane_sim(const struct lg_lane *lane)
{
    return of(lane)->sim;
}

/* --- Nodes ---------------------------------------------------------------------------------- */

struct lg_sim_node *lg_sim_node_new(struct lg_sim *sim, const char *name)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    struct lg_sim_node *node = lg_new(struct lg_sim_node);

    node->sim = sim;
    node->name = lg_strdup(name);
    LG_VEC_PUSH(&sim->nodes, node);
    lg_alloc_domain_enter(outer);
    lg_sim_node_start(node);
    return node;
}

void lg_sim_node_start(struct lg_sim_node *node)
{
    assert(node->domain == NULL && "the node is alive");
    node->domain = lg_alloc_domain_new();
    node->stopped = false;
    node->incarnation++;
    lg_sim_trace(node->sim, "node_start", node->incarnation);
    lg_sim_trace_text(node->sim, lg_slice_str(node->name));
}

/* The flights of offloads are the simulator's, not the node's. */
static void drop_event(const struct event *e)
{
    if (e->fn == work_begins || e->fn == work_returned)
        lg_free(e->ctx);
}

static void drop_events(struct lg_sim_node *node)
{
    struct lg_sim *sim = node->sim;
    size_t kept = 0;

    for (size_t i = 0; i < node->held.size; i++)
        drop_event(&node->held.data[i]);
    node->held.size = 0;
    for (size_t i = 0; i < sim->events.size; i++) {
        struct event *e = &sim->events.data[i];

        if (e->node != node)
            sim->events.data[kept++] = *e;
        else
            drop_event(e);
    }
    sim->events.size = kept;
    for (size_t i = 1; i < kept; i++)
        sift_up(sim, i);
}

/* The kill itself, when no code of the node is on the stack. */
static void bury(struct lg_sim_node *node)
{
    struct lg_sim *sim = node->sim;
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);

    lg_sim_trace(sim, "node_killed", node->incarnation);
    lg_sim_trace_text(sim, lg_slice_str(node->name));
    node->dying = false;
    for (size_t i = 0; i < sim->lanes.size; i++) {
        if (sim->lanes.data[i]->node == node)
            lane_die(sim->lanes.data[i]);
    }
    drop_events(node);
    lg_alloc_domain_free(node->domain);
    node->domain = NULL;
    for (size_t i = 0; i < node->hooks.size; i++)
        node->hooks.data[i].fn(node->hooks.data[i].ctx);
    lg_alloc_domain_enter(outer);
}

void lg_sim_node_kill(struct lg_sim_node *node)
{
    if (node->domain == NULL)
        return;
    node->dying = true;
    if (node->depth == 0)
        bury(node);
}

bool lg_sim_node_alive(const struct lg_sim_node *node)
{
    return node->domain != NULL && !node->dying;
}

unsigned lg_sim_node_incarnation(const struct lg_sim_node *node)
{
    return node->incarnation;
}

const char *lg_sim_node_name(const struct lg_sim_node *node)
{
    return node->name;
}

struct lg_sim *lg_sim_node_sim(const struct lg_sim_node *node)
{
    return node->sim;
}

void lg_sim_node_run(struct lg_sim_node *node, void (*fn)(void *ctx), void *ctx)
{
    struct frame before;

    assert(lg_sim_node_alive(node));
    before = enter(node->sim, node, NULL);
    fn(ctx);
    leave(node->sim, before);
}

void lg_sim_node_on_kill(struct lg_sim_node *node, void (*fn)(void *ctx), void *ctx)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    struct kill_hook hook = {fn, ctx};

    LG_VEC_PUSH(&node->hooks, hook);
    lg_alloc_domain_enter(outer);
}

void lg_sim_node_stop(struct lg_sim_node *node)
{
    if (!lg_sim_node_alive(node))
        return;
    lg_sim_trace(node->sim, "node_stopped", node->incarnation);
    lg_sim_trace_text(node->sim, lg_slice_str(node->name));
    node->stopped = true;
}

void lg_sim_node_go_on(struct lg_sim_node *node)
{
    struct lg_alloc_domain *outer;

    if (!node->stopped)
        return;
    lg_sim_trace(node->sim, "node_goes_on", node->held.size);
    lg_sim_trace_text(node->sim, lg_slice_str(node->name));
    node->stopped = false;
    outer = lg_alloc_domain_enter(NULL);
    for (size_t i = 0; i < node->held.size; i++) { /* Their old times keep their order. */
        LG_VEC_PUSH(&node->sim->events, node->held.data[i]);
        sift_up(node->sim, node->sim->events.size - 1);
    }
    node->held.size = 0;
    lg_alloc_domain_enter(outer);
}

bool lg_sim_node_stopped(const struct lg_sim_node *node)
{
    return node->stopped;
}

void lg_sim_node_set_skew_ms(struct lg_sim_node *node, int64_t skew_ms)
{
    node->skew_ms = skew_ms;
}

struct lg_sim_node *lg_sim_current_node(const struct lg_sim *sim)
{
    return sim->node;
}

size_t lg_sim_node_bytes(const struct lg_sim_node *node)
{
    return node->domain == NULL ? 0 : lg_alloc_domain_bytes(node->domain);
}

/* --- Steps ---------------------------------------------------------------------------------- */

/* May anything of this lane run? */
static bool ready(const struct lane_sim *l)
{
    return l->busy_until_us <= l->sim->now_us && (l->node == NULL || !l->node->stopped);
}

static bool timer_due(const struct lane_sim *l)
{
    const struct lg_timer *timer = lg_timer_heap_first(&l->timers);

    return timer != NULL && timer->due_us <= l->sim->now_us;
}

/* What came due for a stopped node waits with it. */
static void hold_events(struct lg_sim *sim)
{
    while (sim->events.size > 0 && sim->events.data[0].due_us <= sim->now_us &&
           sim->events.data[0].node != NULL && sim->events.data[0].node->stopped) {
        struct event e = take_event(sim, 0);

        LG_VEC_PUSH(&e.node->held, e);
    }
}

static bool event_due(const struct lg_sim *sim)
{
    return sim->events.size > 0 && sim->events.data[0].due_us <= sim->now_us;
}

static size_t count_due(struct lg_sim *sim)
{
    size_t n;

    hold_events(sim);
    n = event_due(sim);
    for (size_t i = 0; i < sim->lanes.size; i++)
        if (ready(sim->lanes.data[i]))
            n += (size_t)(sim->lanes.data[i]->first != NULL) + timer_due(sim->lanes.data[i]);
    return n;
}

/* When the next timer, event or task is due, now being over; UINT64_MAX: never. */
static uint64_t next_due_us(const struct lg_sim *sim)
{
    uint64_t due_us = sim->events.size > 0 ? sim->events.data[0].due_us : UINT64_MAX;

    for (size_t i = 0; i < sim->lanes.size; i++) {
        const struct lane_sim *l = sim->lanes.data[i];
        const struct lg_timer *timer = lg_timer_heap_first(&l->timers);

        if (l->node != NULL && l->node->stopped)
            continue;
        if (timer != NULL)
            due_us = LG_MIN(due_us, LG_MAX(timer->due_us, l->busy_until_us));
        if (l->first != NULL)
            due_us = LG_MIN(due_us, l->busy_until_us);
    }
    return due_us;
}

static void run_task(struct lane_sim *l)
{
    struct lg_task *task = l->first;
    struct frame before;

    l->first = task->next;
    if (l->first == NULL)
        l->last = &l->first;
    before = enter(l->sim, l->node, l);
    lg_sim_trace(l->sim, "task", l->number);
    task->run(task);
    leave(l->sim, before);
}

static void run_timer(struct lane_sim *l)
{
    struct lg_timer *timer = lg_timer_heap_first(&l->timers);
    struct frame before = enter(l->sim, l->node, l);

    lg_timer_heap_remove(&l->timers, timer);
    lg_sim_trace(l->sim, "timer", l->number, timer->due_us);
    timer->expired(timer);
    leave(l->sim, before);
}

static void run_event(struct lg_sim *sim)
{
    struct event e = take_event(sim, 0);
    struct frame before = enter(sim, e.node, NULL);

    lg_sim_trace(sim, "event", e.order);
    e.fn(e.ctx);
    leave(sim, before);
}

/* Runs the `chosen`th due thing; the order of counting is that of count_due. */
static void run_due(struct lg_sim *sim, uint64_t chosen)
{
    if (event_due(sim) && chosen-- == 0) {
        run_event(sim);
        return;
    }
    for (size_t i = 0; i < sim->lanes.size; i++) {
        struct lane_sim *l = sim->lanes.data[i];

        if (!ready(l))
            continue;
        if (l->first != NULL && chosen-- == 0) {
            run_task(l);
            return;
        }
        if (timer_due(l) && chosen-- == 0) {
            run_timer(l);
            return;
        }
    }
}

/* No step of its own: it changes no order of others, and no seed. */
static void tell_rests(struct lg_sim *sim)
{
    for (size_t i = 0; i < sim->lanes.size; i++) {
        struct lane_sim *l = sim->lanes.data[i];

        if (l->at_rest != NULL && l->first == NULL && (l->node == NULL || !l->node->stopped)) {
            struct lg_task *task = LG_TAKE(l->at_rest);
            struct frame before = enter(sim, l->node, l);

            task->run(task);
            leave(sim, before);
        }
    }
}

/* A step, unless nothing is due up to `limit_us`. */
static bool step_until(struct lg_sim *sim, uint64_t limit_us)
{
    size_t due = count_due(sim);

    assert(sim->lane == NULL && sim->node == NULL && "steps are for the world");
    if (due == 0) {
        uint64_t due_us = next_due_us(sim);

        if (due_us == UINT64_MAX || due_us > limit_us)
            return false;
        sim->now_us = LG_MAX(sim->now_us, due_us);
        due = count_due(sim);
        if (due == 0)
            return true; /* All of it belongs to a stopped node. */
    }
    run_due(sim, due == 1 ? 0 : lg_rand_below(&sim->rand, due));
    sim->now_us += STEP_US;
    sim->steps++;
    tell_rests(sim);
    return true;
}

bool lg_sim_step(struct lg_sim *sim)
{
    return step_until(sim, UINT64_MAX);
}

void lg_sim_run_us(struct lg_sim *sim, uint64_t us)
{
    uint64_t end_us = sim->now_us + us;

    while (sim->now_us < end_us && step_until(sim, end_us))
        ;
    sim->now_us = LG_MAX(sim->now_us, end_us);
}

bool lg_sim_run_until(struct lg_sim *sim, bool (*cond)(void *ctx), void *ctx, uint64_t max_us)
{
    uint64_t end_us = sim->now_us + max_us;

    while (!cond(ctx)) {
        if (sim->now_us >= end_us || !step_until(sim, end_us))
            return false;
    }
    return true;
}

/* --- Life ----------------------------------------------------------------------------------- */

struct lg_sim *lg_sim_new(uint64_t seed)
{
    struct lg_sim *sim = lg_new(struct lg_sim);

    sim->seed = seed;
    sim->now_us = START_US;
    lg_rand_seed(&sim->rand, seed);
    lg_sim_ring_mix(&sim->trace, seed);
    return sim;
}

void lg_sim_free(struct lg_sim *sim)
{
    if (sim == NULL)
        return;
    for (size_t i = 0; i < sim->nodes.size; i++)
        lg_sim_node_kill(sim->nodes.data[i]);
    for (size_t i = 0; i < sim->lanes.size; i++) {
        struct lane_sim *l = sim->lanes.data[i];

        lane_die(l);
        lg_free((char *)(uintptr_t)l->lane.name);
        lg_free(l);
    }
    for (size_t i = 0; i < sim->nodes.size; i++) {
        LG_VEC_DONE(&sim->nodes.data[i]->hooks);
        LG_VEC_DONE(&sim->nodes.data[i]->held);
        lg_free(sim->nodes.data[i]->name);
        lg_free(sim->nodes.data[i]);
    }
    for (size_t i = 0; i < sim->events.size; i++) {
        if (sim->events.data[i].fn == work_begins || sim->events.data[i].fn == work_returned)
            lg_free(sim->events.data[i].ctx);
    }
    LG_VEC_DONE(&sim->events);
    LG_VEC_DONE(&sim->lanes);
    LG_VEC_DONE(&sim->nodes);
    lg_free(sim);
}
