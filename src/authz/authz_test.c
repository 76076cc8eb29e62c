/* The table of decisions: who is asked when, what holds when a driver fails, what is forgotten; and
 * readers beside the owner. The driver is the test's. */
#include "authz/authz.h"

#include <pthread.h>
#include <stdio.h>

#include "base/log.h"
#include "drivers/sim/lane_sim.h"
#include "lane/shared.h"
#include "test/test.h"

#define HELD_MAX 1024u
#define ROUND_US (LG_AUTHZ_REFRESH_MS * LG_MS)

static struct { /* The world. */
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_epoch *epoch;
    struct lg_authz *a;
    bool stopped;
    /* The driver: names that begin with 'y' may. */
    struct lg_authz_driver driver;
    unsigned asks;
    bool fails, holds, turned, freed;
    struct lg_authz_ask *held[HELD_MAX];
    size_t held_count;
} w;

struct answer { /* An answer on its way through the lane. */
    struct lg_task task;
    struct lg_authz_ask *ask;
};

static void tell(struct lg_task *task)
{
    struct answer *t = LG_CONTAINER_OF(task, struct answer, task);
    struct lg_authz_ask *ask = t->ask;

    lg_free(t);
    ask->rc = LG_OK;
    if (w.fails)
        ask->rc = lg_error_set(&ask->err, LG_ERR_TIMEOUT, "the judge sleeps");
    else
        ask->allowed = (ask->principal != NULL && ask->principal[0] == 'y') != w.turned;
    ask->done(ask);
}

static void answer_soon(struct lg_authz_ask *ask)
{
    struct answer *t = lg_new(struct answer);

    t->ask = ask;
    t->task.run = tell;
    lg_lane_post(w.lane, &t->task);
}

static void driver_ask(struct lg_authz_driver *d, struct lg_authz_ask *ask)
{
    (void)d;
    w.asks++;
    if (!w.holds) {
        answer_soon(ask);
        return;
    }
    assert_true(w.held_count < HELD_MAX);
    w.held[w.held_count++] = ask;
}

static void let_go(void)
{
    while (w.held_count > 0)
        answer_soon(w.held[--w.held_count]);
    lg_sim_run_us(w.sim, 1000);
}

static void driver_free(struct lg_authz_driver *d)
{
    (void)d;
    w.freed = true;
}

static const struct lg_authz_driver_ops driver_ops = {
    .name = "test", .ask = driver_ask, .free = driver_free};

static int up(void **state)
{
    struct lg_error err;

    (void)state;
    memset(&w, 0, sizeof w);
    lg_log_set_level(LG_LOG_OFF);
    w.sim = lg_sim_new(5);
    w.lane = lg_sim_lane_new(w.sim, NULL, "owner");
    assert_ok(lg_epoch_new(&w.epoch, &err));
    w.driver.ops = &driver_ops;
    w.a = lg_authz_new(&(struct lg_authz_options){.lane = w.lane,
                                                  .take_driver = &w.driver,
                                                  .epoch = w.epoch,
                                                  .admins = " root ;;CN=a,O=b;CN=c\\;d",
                                                  .trusted = "router"});
    return 0;
}

static void stopped(void *ctx)
{
    (void)ctx;
    w.stopped = true;
}

static int down(void **state)
{
    (void)state;
    lg_authz_stop(w.a, w.lane, stopped, NULL);
    assert_false(w.stopped); /* never from inside */
    let_go();
    assert_true(w.stopped && w.freed);
    lg_epoch_free(w.epoch);
    lg_sim_free(w.sim);
    return 0;
}

static void lists_hold_names_that_certificates_can_have(void **state)
{
    struct lg_error err;

    (void)state;
    assert_ok(lg_authz_check_list(LG_LIT(""), &err));
    assert_ok(lg_authz_check_list(LG_LIT(" CN=a,O=the b ;; spiffe://prod/a "), &err));
    assert_rc(LG_ERR_INVALID, lg_authz_check_list(LG_LIT("CN=a;CN=b, O=c"), &err));
    assert_string_equal(err.text, "no certificate has the name 'CN=b, O=c': leave out the blanks "
                                  "around ',', '+' and '=', as in CN=reader,O=example");
}

static enum lg_authz_verdict look(const char *who)
{
    return lg_authz_check(w.a, who, LG_LIT(LG_AUTHZ_CLUSTER), LG_ACL_READ);
}

struct waiter {
    struct lg_authz_wait in;
    unsigned done;
};

static void waiter_done(struct lg_authz_wait *in)
{
    LG_CONTAINER_OF(in, struct waiter, in)->done++;
}

static void wait_for(struct waiter *x, const char *who, enum lg_acl_method m)
{
    memset(x, 0, sizeof *x);
    x->in.done = waiter_done;
    lg_authz_wait(w.a, &x->in, who, LG_LIT(LG_AUTHZ_CLUSTER), m);
    assert_int_equal(x->done, 0); /* never from inside */
}

static enum lg_authz_verdict ask(const char *who)
{
    struct waiter x;

    wait_for(&x, who, LG_ACL_READ);
    lg_sim_run_us(w.sim, 1000);
    assert_int_equal(x.done, 1);
    return x.in.verdict;
}

static void rounds(unsigned n)
{
    lg_sim_run_us(w.sim, n * ROUND_US + 1000);
}

static void who_is_not_known_is_asked_about_once(void **state)
{
    struct waiter x[3];

    (void)state;
    assert_int_equal(look("yes"), LG_AUTHZ_UNKNOWN);
    for (size_t i = 0; i < 3; i++)
        wait_for(&x[i], "yes", LG_ACL_READ);
    lg_sim_run_us(w.sim, 1000);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(x[i].done, 1);
        assert_int_equal(x[i].in.verdict, LG_AUTHZ_ALLOWED);
    }
    assert_int_equal(w.asks, 1);
    assert_int_equal(look("yes"), LG_AUTHZ_ALLOWED);
    assert_int_equal(ask("yes"), LG_AUTHZ_ALLOWED);
    assert_int_equal(ask("no"), LG_AUTHZ_DENIED);
    assert_int_equal(look("no"), LG_AUTHZ_DENIED);
    assert_int_equal(ask(NULL), LG_AUTHZ_DENIED);
    assert_int_equal(look(NULL), LG_AUTHZ_DENIED);
    assert_int_equal(look(""), LG_AUTHZ_UNKNOWN);
    assert_int_equal(lg_authz_check(w.a, "yes", LG_LIT(LG_AUTHZ_CLUSTER), LG_ACL_WRITE),
                     LG_AUTHZ_UNKNOWN);
    assert_int_equal(w.asks, 3);
}

static void no_table_allows_everything(void **state)
{
    (void)state;
    assert_int_equal(lg_authz_check(NULL, NULL, LG_LIT("x"), LG_ACL_ADMIN), LG_AUTHZ_ALLOWED);
}

static void those_that_are_listed_are_not_asked_about(void **state)
{
    static const struct {
        const char *who;
        enum lg_acl_method m;
        bool is_given;
    } rows[] = {
        {"root", LG_ACL_ADMIN, true},    {"CN=a,O=b", LG_ACL_WRITE, true},
        {"router", LG_ACL_READ, true},   {"router", LG_ACL_WRITE, false},
        {"router", LG_ACL_ADMIN, false}, {"roo", LG_ACL_READ, false},
        {" root ", LG_ACL_READ, false},  {"", LG_ACL_READ, false},
        {"CN=a", LG_ACL_READ, false},    {"CN=c\\;d", LG_ACL_READ, true},
        {"d", LG_ACL_READ, false},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        unsigned before = w.asks;
        struct waiter x;

        wait_for(&x, rows[i].who, rows[i].m);
        lg_sim_run_us(w.sim, 1000);
        assert_int_equal(x.in.verdict, rows[i].is_given ? LG_AUTHZ_ALLOWED : LG_AUTHZ_DENIED);
        assert_int_equal(w.asks - before, !rows[i].is_given);
    }
}

static void a_decision_is_looked_at_again_in_the_background(void **state)
{
    (void)state;
    assert_int_equal(ask("yes"), LG_AUTHZ_ALLOWED);
    w.turned = true;
    assert_int_equal(look("yes"), LG_AUTHZ_ALLOWED);
    rounds(1);
    assert_int_equal(look("yes"), LG_AUTHZ_DENIED);
    w.turned = false;
    rounds(1);
    assert_int_equal(look("yes"), LG_AUTHZ_ALLOWED);
    assert_int_equal(w.asks, 3);
}

static void a_decision_holds_while_it_is_looked_at_and_no_longer_than_it_should(void **state)
{
    (void)state;
    assert_int_equal(ask("yes"), LG_AUTHZ_ALLOWED);
    w.holds = true;
    rounds(3); /* The question is under way: no other comes. */
    assert_int_equal(look("yes"), LG_AUTHZ_ALLOWED);
    assert_int_equal(w.asks, 2);
    w.holds = false;
    w.fails = true;
    let_go();
    for (unsigned i = 3; i < LG_AUTHZ_STALE_ROUNDS; i++) { /* Those that hung count, too. */
        assert_int_equal(look("yes"), LG_AUTHZ_ALLOWED);
        rounds(1);
    }
    assert_int_equal(look("yes"), LG_AUTHZ_ALLOWED);
    rounds(1);
    assert_int_equal(look("yes"), LG_AUTHZ_UNKNOWN);
}

/* --- A driver that hangs ------------------------------------------------------------------------
 */

#define KNOWN 100u /* more than are refreshed at a time */

static const char *known(unsigned i, char who[16])
{
    (void)snprintf(who, 16, "y%u", i);
    return who;
}

static void know_all(void)
{
    char who[16];

    for (unsigned i = 0; i < KNOWN; i++)
        assert_int_equal(ask(known(i, who)), LG_AUTHZ_ALLOWED);
}

static void look_at_all(enum lg_authz_verdict expected)
{
    char who[16];

    for (unsigned i = 0; i < KNOWN; i++)
        assert_int_equal(look(known(i, who)), expected);
}

/* A round, too, takes for ever then. */
static void hang_until_all_is_stale(void)
{
    w.holds = true;
    rounds(LG_AUTHZ_STALE_ROUNDS);
    look_at_all(LG_AUTHZ_ALLOWED);
    rounds(1);
    look_at_all(LG_AUTHZ_UNKNOWN);
    assert_int_equal(w.asks, KNOWN + LG_AUTHZ_REFRESHES_MAX);
    assert_int_equal(w.held_count, LG_AUTHZ_REFRESHES_MAX);
}

static void a_driver_that_hangs_prolongs_no_decision(void **state)
{
    char asked[16], unasked[16];
    struct waiter x, y;

    (void)state;
    know_all();
    assert_int_equal(ask("root"), LG_AUTHZ_ALLOWED);
    hang_until_all_is_stale();
    assert_int_equal(look("root"), LG_AUTHZ_ALLOWED); /* No driver's word. */

    (void)snprintf(asked, sizeof asked, "%s", w.held[0]->principal);
    wait_for(&x, asked, LG_ACL_READ);
    assert_int_equal(w.asks, KNOWN + LG_AUTHZ_REFRESHES_MAX); /* It is under way. */
    for (unsigned i = 0, j = 0; j < w.held_count; i++)        /* Ends at one that is not held. */
        for (j = 0; j < w.held_count && strcmp(known(i, unasked), w.held[j]->principal) != 0; j++)
            continue;
    wait_for(&y, unasked, LG_ACL_READ);
    assert_int_equal(w.asks, KNOWN + LG_AUTHZ_REFRESHES_MAX + 1);
    rounds(2);
    assert_int_equal(x.done + y.done, 0);

    w.holds = false;
    let_go(); /* Late, but it is the driver's word. */
    assert_int_equal(x.in.verdict, LG_AUTHZ_ALLOWED);
    assert_int_equal(y.in.verdict, LG_AUTHZ_ALLOWED);
    assert_int_equal(look(asked), LG_AUTHZ_ALLOWED);
    assert_int_equal(look(unasked), LG_AUTHZ_ALLOWED);
    w.turned = true;
    rounds(1);
    assert_int_equal(look(asked), LG_AUTHZ_DENIED);
    assert_int_equal(look(unasked), LG_AUTHZ_DENIED);
    assert_int_equal(w.asks, KNOWN + 2 * (LG_AUTHZ_REFRESHES_MAX + 1));
}

static void a_stale_decision_goes_when_the_driver_fails_at_last(void **state)
{
    unsigned asks;
    char asked[16];
    struct waiter x;

    (void)state;
    know_all();
    hang_until_all_is_stale();
    (void)snprintf(asked, sizeof asked, "%s", w.held[0]->principal);
    wait_for(&x, asked, LG_ACL_READ);
    w.holds = false;
    w.fails = true;
    let_go();
    assert_int_equal(x.done, 1);
    assert_int_equal(x.in.verdict, LG_AUTHZ_UNKNOWN);
    assert_int_equal(x.in.err.rc, LG_ERR_TIMEOUT);
    look_at_all(LG_AUTHZ_UNKNOWN);
    asks = w.asks;
    rounds(2);
    assert_int_equal(w.asks, asks); /* Nothing is left to be asked about. */
    w.fails = false;
    assert_int_equal(ask(asked), LG_AUTHZ_ALLOWED);
    assert_int_equal(w.asks, asks + 1);
}

static void a_slow_driver_is_no_reason_to_forget(void **state)
{
    (void)state;
    know_all();
    w.holds = true;
    for (unsigned i = 0; i < 3 * LG_AUTHZ_STALE_ROUNDS; i++) { /* A round takes four. */
        rounds(1);
        let_go();
        look_at_all(LG_AUTHZ_ALLOWED);
    }
}

static void a_stop_waits_for_what_went_stale(void **state)
{
    (void)state;
    know_all();
    hang_until_all_is_stale(); /* `down` lets it go, after the stop. */
}

static void who_cannot_be_asked_about_is_told_why_and_not_remembered(void **state)
{
    struct waiter x;

    (void)state;
    w.fails = true;
    wait_for(&x, "yes", LG_ACL_READ);
    lg_sim_run_us(w.sim, 1000);
    assert_int_equal(x.in.verdict, LG_AUTHZ_UNKNOWN);
    assert_int_equal(x.in.err.rc, LG_ERR_TIMEOUT);
    assert_string_equal(x.in.err.text, "the judge sleeps");
    w.fails = false;
    assert_int_equal(ask("yes"), LG_AUTHZ_ALLOWED);
    assert_int_equal(w.asks, 2);
}

static void who_does_not_come_is_forgotten(void **state)
{
    (void)state;
    assert_int_equal(ask("yes"), LG_AUTHZ_ALLOWED);
    assert_int_equal(ask("yes too"), LG_AUTHZ_ALLOWED);
    for (unsigned i = 0; i <= LG_AUTHZ_IDLE_ROUNDS; i++) {
        assert_int_equal(look("yes too"), LG_AUTHZ_ALLOWED);
        rounds(1);
    }
    assert_int_equal(look("yes"), LG_AUTHZ_UNKNOWN);
    assert_int_equal(look("yes too"), LG_AUTHZ_ALLOWED);
}

static void more_than_the_driver_may_be_asked_are_sent_away(void **state)
{
    static struct waiter x[LG_AUTHZ_ASKS_MAX + 1];

    (void)state;
    w.holds = true;
    for (unsigned i = 0; i <= LG_AUTHZ_ASKS_MAX; i++) {
        char who[16];

        (void)snprintf(who, sizeof who, "y%u", i);
        wait_for(&x[i], who, LG_ACL_READ);
    }
    lg_sim_run_us(w.sim, 1000);
    assert_int_equal(w.asks, LG_AUTHZ_ASKS_MAX);
    assert_int_equal(x[LG_AUTHZ_ASKS_MAX].done, 1);
    assert_int_equal(x[LG_AUTHZ_ASKS_MAX].in.err.rc, LG_ERR_BUSY);
    assert_int_equal(ask("root"), LG_AUTHZ_ALLOWED); /* It is not asked about. */
    w.holds = false;
    let_go();
    for (unsigned i = 0; i < LG_AUTHZ_ASKS_MAX; i++)
        assert_int_equal(x[i].in.verdict, LG_AUTHZ_ALLOWED);
}

static void refreshes_are_few_at_a_time_and_reach_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        char who[16];

        (void)snprintf(who, sizeof who, "y%u", i);
        assert_int_equal(ask(who), LG_AUTHZ_ALLOWED);
    }
    w.holds = w.turned = true;
    rounds(1);
    assert_int_equal(w.held_count, LG_AUTHZ_REFRESHES_MAX);
    w.holds = false;
    let_go();
    assert_int_equal(w.asks, 400);
    for (unsigned i = 0; i < 200; i++) {
        char who[16];

        (void)snprintf(who, sizeof who, "y%u", i);
        assert_int_equal(look(who), LG_AUTHZ_DENIED);
    }
}

static void nothing_is_known_of_stores_before_the_metadata_are_read(void **state)
{
    struct waiter x = {.in = {.done = waiter_done}};

    (void)state;
    lg_authz_wait(w.a, &x.in, "yes", LG_LIT("cities"), LG_ACL_READ);
    lg_sim_run_us(w.sim, 1000);
    assert_int_equal(x.in.verdict, LG_AUTHZ_UNKNOWN);
    assert_int_equal(x.in.err.rc, LG_ERR_UNREADY);
    assert_int_equal(w.asks, 0);
}

static void a_stop_waits_for_the_driver(void **state)
{
    struct waiter x;

    (void)state;
    assert_int_equal(ask("yes"), LG_AUTHZ_ALLOWED);
    w.holds = true;
    rounds(1);
    assert_int_equal(w.held_count, 1); /* `down` lets it go, after the stop. */
    wait_for(&x, "no", LG_ACL_READ);
    let_go();
    assert_int_equal(x.in.verdict, LG_AUTHZ_DENIED);
    rounds(1);
    assert_int_equal(w.held_count, 2);
}

static void a_refusal_says_what_is_not_allowed(void **state)
{
    struct lg_error err, why = {0};

    (void)state;
    assert_rc(LG_ERR_REFUSED,
              lg_authz_refuse(LG_AUTHZ_DENIED, NULL, "CN=x", LG_LIT("cities"), LG_ACL_WRITE, &err));
    assert_string_equal(err.text, "CN=x may not write to store 'cities'");
    assert_rc(LG_ERR_REFUSED, lg_authz_refuse(LG_AUTHZ_DENIED, NULL, NULL, LG_LIT(LG_AUTHZ_CLUSTER),
                                              LG_ACL_ADMIN, &err));
    assert_string_equal(err.text, "anonymous may not administer the cluster; show a certificate of "
                                  "somebody who may");
    (void)lg_error_set(&why, LG_ERR_TIMEOUT, "the judge sleeps");
    assert_rc(LG_ERR_TIMEOUT,
              lg_authz_refuse(LG_AUTHZ_UNKNOWN, &why, "CN=x", LG_LIT("cities"), LG_ACL_READ, &err));
    assert_string_equal(err.text, "it is not known who may do that: the judge sleeps");
}

/* --- Threads ------------------------------------------------------------------------------------
 */

#define NAMES 300u

static struct lg_flag over;

static void *reader_main(void *arg)
{
    struct lg_epoch_reader *reader = arg;
    unsigned seen = 0;

    while (!lg_flag_is_raised(&over)) {
        lg_epoch_enter(reader);
        for (unsigned i = 0; i < NAMES; i++) {
            char who[16];
            enum lg_authz_verdict v;

            (void)snprintf(who, sizeof who, "%s%u", i % 2 == 0 ? "y" : "n", i);
            v = look(who);
            /* Never another's. */
            assert(v == LG_AUTHZ_UNKNOWN || (v == LG_AUTHZ_ALLOWED) == (i % 2 == 0));
            seen += v != LG_AUTHZ_UNKNOWN;
        }
        lg_epoch_leave(reader);
    }
    return seen > 0 ? arg : NULL;
}

static void readers_see_whole_decisions_beside_the_owner(void **state)
{
    struct lg_epoch_reader *readers[3];
    pthread_t threads[3];
    struct lg_error err;

    (void)state;
    over = (struct lg_flag){0};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(lg_epoch_join(w.epoch, &readers[i], &err));
        assert_int_equal(pthread_create(&threads[i], NULL, reader_main, readers[i]), 0);
    }
    for (unsigned turn = 0; turn < 20; turn++) {
        for (unsigned i = 0; i < NAMES; i++) {
            char who[16];

            (void)snprintf(who, sizeof who, "%s%u", i % 2 == 0 ? "y" : "n", i);
            (void)ask(who);
        }
        w.fails = true; /* All are forgotten. */
        rounds(LG_AUTHZ_STALE_ROUNDS + 2);
        w.fails = false;
    }
    (void)lg_flag_raise(&over);
    for (size_t i = 0; i < 3; i++) {
        void *saw;

        assert_int_equal(pthread_join(threads[i], &saw), 0);
        assert_non_null(saw);
        lg_epoch_quit(readers[i]);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(who_is_not_known_is_asked_about_once),
        CASE(no_table_allows_everything),
        CASE(lists_hold_names_that_certificates_can_have),
        CASE(those_that_are_listed_are_not_asked_about),
        CASE(a_decision_is_looked_at_again_in_the_background),
        CASE(a_decision_holds_while_it_is_looked_at_and_no_longer_than_it_should),
        CASE(a_driver_that_hangs_prolongs_no_decision),
        CASE(a_stale_decision_goes_when_the_driver_fails_at_last),
        CASE(a_slow_driver_is_no_reason_to_forget),
        CASE(a_stop_waits_for_what_went_stale),
        CASE(who_cannot_be_asked_about_is_told_why_and_not_remembered),
        CASE(who_does_not_come_is_forgotten),
        CASE(more_than_the_driver_may_be_asked_are_sent_away),
        CASE(refreshes_are_few_at_a_time_and_reach_all),
        CASE(nothing_is_known_of_stores_before_the_metadata_are_read),
        CASE(a_stop_waits_for_the_driver),
        CASE(a_refusal_says_what_is_not_allowed),
        CASE(readers_see_whole_decisions_beside_the_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
