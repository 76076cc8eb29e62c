/* The contract of the lane port. A chain of clauses, each of which ends by posting `advance`:
 *
 *   posts in order ─▶ many posts ─▶ rest ─▶ deferred tasks ─▶ timers in order ─▶ stopped and
 * restarted timers ─▶ offloads ─▶ done
 *
 * Owned by the lane under test; frees itself. */
#include "lane/lane_contract.h"

enum { POSTS = 1000, DEFERS = 10, TIMERS = 5, OFFLOADS = 20 };

struct numbered {
    struct lg_task task;
    struct lg_lane_contract *contract;
    unsigned number;
};

struct timed {
    struct lg_timer timer;
    struct lg_lane_contract *contract;
    unsigned number;
};

struct worked {
    struct lg_offload offload;
    struct lg_lane_contract *contract;
    bool was_current, worked, finished;
};

struct lg_lane_contract {
    struct lg_lane *lane;
    void (*done)(void *ctx, enum lg_rc rc, const struct lg_error *err);
    void *ctx;
    struct lg_error err; /* rc LG_OK while all is well. */
    unsigned clause, seen;
    uint64_t began_us;
    struct lg_task advance;
    struct numbered posts[POSTS];
    struct timed timers[TIMERS];
    struct worked works[OFFLOADS];
};

static void require(struct lg_lane_contract *c, bool claim, const char *sentence)
{
    if (!claim && c->err.rc == LG_OK)
        (void)lg_error_set(&c->err, LG_ERR_FAILED, "lane contract: %s", sentence);
}

static void next_clause(struct lg_lane_contract *c)
{
    c->seen = 0;
    lg_lane_post(c->lane, &c->advance);
}

/* --- Posts ---------------------------------------------------------------------------------- */

static void numbered_ran(struct lg_task *task)
{
    struct numbered *n = LG_CONTAINER_OF(task, struct numbered, task);
    struct lg_lane_contract *c = n->contract;

    require(c, lg_lane_is_current(c->lane), "a task runs on its lane");
    require(c, n->number == c->seen, "tasks run in the order of their posts");
    if (++c->seen == POSTS)
        next_clause(c);
}

static void tasks_run_in_the_order_of_their_posts(struct lg_lane_contract *c)
{
    for (unsigned i = 0; i < POSTS; i++) {
        c->posts[i] = (struct numbered){.contract = c, .number = i, .task.run = numbered_ran};
        lg_lane_post(c->lane, &c->posts[i].task);
    }
    require(c, c->seen == 0, "a post does not run the task");
}

static void reposted_ran(struct lg_task *task)
{
    struct numbered *n = LG_CONTAINER_OF(task, struct numbered, task);
    struct lg_lane_contract *c = n->contract;

    if (++c->seen < POSTS)
        lg_lane_post(c->lane, task);
    require(c, c->seen <= POSTS, "a task runs once per post");
}

static void post_watch_expired(struct lg_timer *timer)
{
    struct lg_lane_contract *c = LG_CONTAINER_OF(timer, struct timed, timer)->contract;

    /* How far the other task came depends on the lane; that it is not needed is the claim. */
    if (c->seen < POSTS) {
        lg_timer_start(c->lane, timer, 1, post_watch_expired);
        return;
    }
    next_clause(c);
}

static void a_task_may_post_itself_without_starving_timers(struct lg_lane_contract *c)
{
    c->timers[0] = (struct timed){.contract = c};
    lg_timer_start(c->lane, &c->timers[0].timer, 1, post_watch_expired);
    c->posts[0] = (struct numbered){.contract = c, .task.run = reposted_ran};
    lg_lane_post(c->lane, &c->posts[0].task);
}

/* --- Rest ------------------------------------------------------------------------------------ */

static void rest_came(struct lg_task *task)
{
    struct lg_lane_contract *c = LG_CONTAINER_OF(task, struct numbered, task)->contract;

    require(c, lg_lane_rested_us(c->lane) >= c->began_us, "a lane rests after its tick began");
    c->seen++;
}

static void rest_is_over(struct lg_timer *timer)
{
    struct lg_lane_contract *c = LG_CONTAINER_OF(timer, struct timed, timer)->contract;

    require(c, c->seen == 1, "a lane that rests says so, once");
    next_clause(c);
}

static void a_lane_says_once_that_it_rests(struct lg_lane_contract *c)
{
    c->began_us = lg_lane_now_us(c->lane);
    c->posts[0] = (struct numbered){.contract = c, .task.run = rest_came};
    lg_lane_at_rest(c->lane, &c->posts[0].task);
    require(c, c->seen == 0, "who asks for a rest is not told at once");
    c->timers[0] = (struct timed){.contract = c};
    lg_timer_start(c->lane, &c->timers[0].timer, 2 * LG_MS, rest_is_over);
}

/* --- What is deferred ------------------------------------------------------------------------ */

static void deferred_ran(struct lg_task *task)
{
    struct numbered *n = LG_CONTAINER_OF(task, struct numbered, task);
    struct lg_lane_contract *c = n->contract;

    require(c, lg_lane_is_current(c->lane), "what is deferred runs on its lane");
    require(c, n->number == c->seen, "what is deferred runs in its order, before later posts");
    c->seen++;
    if (n->number == 0) { /* Behind the others of the tick, before the post of the next. */
        c->posts[DEFERS] =
            (struct numbered){.contract = c, .number = DEFERS, .task.run = deferred_ran};
        lg_lane_defer(c->lane, &c->posts[DEFERS].task);
    }
    if (n->number == DEFERS + 1)
        next_clause(c);
}

static void deferred_post(struct lg_task *task)
{
    struct lg_lane_contract *c = LG_CONTAINER_OF(task, struct numbered, task)->contract;

    c->posts[DEFERS + 1] =
        (struct numbered){.contract = c, .number = DEFERS + 1, .task.run = deferred_ran};
    lg_lane_post(c->lane, &c->posts[DEFERS + 1].task);
}

static void deferred_tasks_run_at_the_end_of_the_tick(struct lg_lane_contract *c)
{
    for (unsigned i = 0; i < DEFERS; i++) {
        c->posts[i] = (struct numbered){.contract = c, .number = i, .task.run = deferred_ran};
        lg_lane_defer(c->lane, &c->posts[i].task);
    }
    require(c, c->seen == 0, "what is deferred does not run at once");
    c->posts[DEFERS + 2] = (struct numbered){.contract = c, .task.run = deferred_post};
    lg_lane_defer(c->lane, &c->posts[DEFERS + 2].task);
}

/* --- Timers --------------------------------------------------------------------------------- */

static void ordered_expired(struct lg_timer *timer)
{
    static const unsigned order[TIMERS] = {3, 1, 2, 4, 0}; /* See after_us below. */
    struct timed *t = LG_CONTAINER_OF(timer, struct timed, timer);
    struct lg_lane_contract *c = t->contract;

    require(c, lg_lane_is_current(c->lane), "a timer expires on its lane");
    require(c, !lg_timer_armed(timer), "a timer that expires is stopped");
    require(c, lg_lane_now_us(c->lane) >= timer->due_us, "no timer expires early");
    require(c, t->number == order[c->seen], "timers expire by time, ties by their start");
    if (++c->seen == TIMERS)
        next_clause(c);
}

static void timers_expire_by_time_then_by_start(struct lg_lane_contract *c)
{
    static const uint64_t after_us[TIMERS] = {9000, 3000, 3000, 0, 6000};

    for (unsigned i = 0; i < TIMERS; i++) {
        c->timers[i] = (struct timed){.contract = c, .number = i};
        lg_timer_start(c->lane, &c->timers[i].timer, after_us[i], ordered_expired);
        require(c, lg_timer_armed(&c->timers[i].timer), "a started timer is armed");
    }
    require(c, c->seen == 0, "starting a timer does not run it");
}

static void stopped_expired(struct lg_timer *timer)
{
    require(LG_CONTAINER_OF(timer, struct timed, timer)->contract, false,
            "a stopped timer does not expire");
}

static void restarted_expired(struct lg_timer *timer)
{
    struct lg_lane_contract *c = LG_CONTAINER_OF(timer, struct timed, timer)->contract;

    require(c, lg_lane_now_us(c->lane) >= c->began_us + 4000, "a restart replaces the old time");
    require(c, c->seen++ == 0, "a timer expires once per start");
    next_clause(c);
}

static void stopper_expired(struct lg_timer *timer)
{
    struct lg_lane_contract *c = LG_CONTAINER_OF(timer, struct timed, timer)->contract;

    lg_timer_stop(c->lane, &c->timers[1].timer);
    lg_timer_stop(c->lane, &c->timers[1].timer);
    require(c, !lg_timer_armed(&c->timers[1].timer), "a stopped timer is not armed");
}

static void timers_stop_and_restart(struct lg_lane_contract *c)
{
    for (unsigned i = 0; i < TIMERS; i++)
        c->timers[i] = (struct timed){.contract = c};
    c->began_us = lg_lane_now_us(c->lane);
    lg_timer_start(c->lane, &c->timers[0].timer, 1000, stopper_expired);
    lg_timer_start(c->lane, &c->timers[1].timer, 1000, stopped_expired);
    lg_timer_start(c->lane, &c->timers[2].timer, 500, stopped_expired);
    lg_timer_start(c->lane, &c->timers[2].timer, 4000, restarted_expired);
}

/* --- Offloads ------------------------------------------------------------------------------- */

static void work(struct lg_offload *offload)
{
    struct worked *w = LG_CONTAINER_OF(offload, struct worked, offload);

    w->was_current = lg_lane_is_current(w->contract->lane);
    w->worked = true;
}

static void work_done(struct lg_offload *offload)
{
    struct worked *w = LG_CONTAINER_OF(offload, struct worked, offload);
    struct lg_lane_contract *c = w->contract;

    require(c, w->worked && !w->was_current, "the work has run, and not as code of the lane");
    require(c, !w->finished, "an offload is done once");
    require(c, lg_lane_is_current(c->lane), "an offload is done on its lane");
    w->finished = true;
    if (++c->seen == OFFLOADS)
        next_clause(c);
}

static void work_is_done_elsewhere_and_returns(struct lg_lane_contract *c)
{
    for (unsigned i = 0; i < OFFLOADS; i++) {
        c->works[i] = (struct worked){.contract = c};
        c->works[i].offload.work = work;
        c->works[i].offload.done = work_done;
        lg_offload(c->lane, &c->works[i].offload);
    }
    require(c, c->seen == 0, "an offload is not done inside its submit");
}

/* --- The chain ------------------------------------------------------------------------------ */

static void advance(struct lg_task *task)
{
    static void (*const clauses[])(struct lg_lane_contract *) = {
        tasks_run_in_the_order_of_their_posts, a_task_may_post_itself_without_starving_timers,
        a_lane_says_once_that_it_rests,        deferred_tasks_run_at_the_end_of_the_tick,
        timers_expire_by_time_then_by_start,   timers_stop_and_restart,
        work_is_done_elsewhere_and_returns,
    };
    struct lg_lane_contract *c = LG_CONTAINER_OF(task, struct lg_lane_contract, advance);
    uint64_t now_us = lg_lane_now_us(c->lane);

    require(c, lg_lane_now_us(c->lane) == now_us, "time stands still within a task");
    if (c->err.rc == LG_OK && c->clause < LG_ARRAY_SIZE(clauses)) {
        clauses[c->clause++](c);
        return;
    }
    c->done(c->ctx, c->err.rc, &c->err);
    lg_free(c);
}

void lg_lane_contract_start(struct lg_lane *lane,
                            void (*done)(void *ctx, enum lg_rc rc, const struct lg_error *err),
                            void *ctx)
{
    struct lg_lane_contract *c = lg_new(struct lg_lane_contract);

    c->lane = lane;
    c->done = done;
    c->ctx = ctx;
    c->advance.run = advance;
    lg_lane_post(lane, &c->advance);
}
