/* The driver that asks a module: what it is asked, that it is asked one thing at a time and off the
 * lane, and what is told when it takes too long. The module is the test's. */
#include "authz/authz.h"
#include "base/log.h"
#include "drivers/sim/lane_sim.h"
#include "include/lagoon/authz.h"
#include "test/test.h"

#include <stdio.h>

#define TIMEOUT_MS 100u

static struct {
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_authz *a;
    unsigned asks, words, stops;
    uint64_t takes_us;
    char asked[200];
} w;

static int module_open(const char *config, void **out_state, char *text, size_t size)
{
    (void)config, (void)out_state, (void)text, (void)size;
    return 0;
}

static void module_close(void *state)
{
    (void)state;
}

static int decide(void *state, const struct lagoon_authz_question *q, char *text, size_t size)
{
    assert_ptr_equal(state, &w);
    w.asks++;
    lg_sim_spend_us(w.sim, w.takes_us);
    (void)snprintf(w.asked, sizeof w.asked, "%s|%s|%s", q->principal == NULL ? "-" : q->principal,
                   q->store, q->method);
    if (q->principal == NULL)
        return LAGOON_AUTHZ_DENIED;
    if (strcmp(q->principal, "dumb") == 0)
        return LAGOON_AUTHZ_UNKNOWN;
    if (strcmp(q->principal, "lost") == 0) {
        memset(text, 'x', size); /* Without an end. */
        return LAGOON_AUTHZ_UNKNOWN;
    }
    return strcmp(q->principal, "odd") == 0 ? 17 : LAGOON_AUTHZ_ALLOWED;
}

static const struct lagoon_authz_module module = {LAGOON_AUTHZ_ABI, "test", module_open, decide,
                                                  module_close};

static int up(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    lg_log_set_level(LG_LOG_OFF);
    w.sim = lg_sim_new(9);
    w.lane = lg_sim_lane_new(w.sim, NULL, "owner");
    w.a = lg_authz_new(&(struct lg_authz_options){
        .lane = w.lane,
        .take_driver = lg_authz_module_new(&(struct lg_authz_module_options){
            .lane = w.lane, .module = &module, .state = &w, .timeout_ms = TIMEOUT_MS})});
    return 0;
}

static void stopped(void *ctx)
{
    (void)ctx;
    w.stops++;
}

static int down(void **state)
{
    (void)state;
    lg_authz_stop(w.a, w.lane, stopped, NULL);
    lg_sim_run_us(w.sim, 10 * LG_SEC);
    assert_int_equal(w.stops, 1);
    lg_sim_free(w.sim);
    return 0;
}

struct waiter {
    struct lg_authz_wait in;
    unsigned done;
};

static void waiter_done(struct lg_authz_wait *in)
{
    LG_CONTAINER_OF(in, struct waiter, in)->done++;
}

static void begin(struct waiter *x, const char *who, enum lg_acl_method m)
{
    memset(x, 0, sizeof *x);
    x->in.done = waiter_done;
    lg_authz_wait(w.a, &x->in, who, LG_LIT(LG_AUTHZ_CLUSTER), m);
}

static void expect(const char *who, enum lg_acl_method m, enum lg_authz_verdict verdict,
                   const char *said)
{
    struct waiter x;

    begin(&x, who, m);
    lg_sim_run_us(w.sim, 50 * LG_MS);
    assert_int_equal(x.done, 1);
    assert_int_equal(x.in.verdict, verdict);
    if (said != NULL && strstr(x.in.err.text, said) == NULL)
        fail_msg("'%s', not '%s'", x.in.err.text, said);
}

static void it_is_asked_once_and_its_word_is_kept(void **state)
{
    (void)state;
    expect("CN=a,O=b", LG_ACL_WRITE, LG_AUTHZ_ALLOWED, NULL);
    assert_string_equal(w.asked, "CN=a,O=b||Write");
    expect("CN=a,O=b", LG_ACL_WRITE, LG_AUTHZ_ALLOWED, NULL);
    assert_int_equal(w.asks, 1);
    expect(NULL, LG_ACL_READ, LG_AUTHZ_DENIED, NULL);
    assert_string_equal(w.asked, "-||Read");
    assert_int_equal(w.asks, 2);
}

static void what_is_no_word_lets_nobody_in(void **state)
{
    (void)state;
    expect("dumb", LG_ACL_READ, LG_AUTHZ_UNKNOWN, "module test: it cannot tell");
    expect("lost", LG_ACL_READ, LG_AUTHZ_UNKNOWN, "module test: xxx");
    expect("odd", LG_ACL_READ, LG_AUTHZ_UNKNOWN, "module test: it cannot tell");
}

static void who_waits_too_long_is_told_and_what_comes_late_is_dropped(void **state)
{
    struct waiter x, y, z;

    (void)state;
    w.takes_us = 3 * TIMEOUT_MS * LG_MS;
    begin(&x, "a", LG_ACL_READ);
    begin(&y, "b", LG_ACL_READ); /* Behind it, and never handed over. */
    lg_sim_run_us(w.sim, 2 * TIMEOUT_MS * LG_MS);
    assert_int_equal(x.done, 1);
    assert_int_equal(y.done, 1);
    assert_int_equal(w.asks, 1);
    assert_int_equal(x.in.verdict, LG_AUTHZ_UNKNOWN);
    assert_non_null(strstr(y.in.err.text, "takes too long"));
    lg_sim_run_us(w.sim, 10 * TIMEOUT_MS * LG_MS);
    assert_int_equal(w.asks, 1);
    w.takes_us = 0;
    begin(&z, "b", LG_ACL_READ); /* It goes on. */
    lg_sim_run_us(w.sim, 50 * LG_MS);
    assert_int_equal(z.in.verdict, LG_AUTHZ_ALLOWED);
}

static void note_word(struct lg_authz_ask *ask)
{
    (void)ask;
    w.words++;
}

/* It may have said something by then: that is the pool's until the module is done. */
static void who_waits_too_long_is_not_told_what_it_will_say(void **state)
{
    struct lg_authz_driver *d = lg_authz_module_new(&(struct lg_authz_module_options){
        .lane = w.lane, .module = &module, .state = &w, .timeout_ms = TIMEOUT_MS});
    struct lg_authz_ask ask = {
        .principal = "a", .store = "", .method = LG_ACL_READ, .done = note_word};

    (void)state;
    w.takes_us = 3 * TIMEOUT_MS * LG_MS;
    d->ops->ask(d, &ask);
    lg_sim_run_us(w.sim, 2 * TIMEOUT_MS * LG_MS);
    assert_int_equal(w.asks, 1);
    assert_int_equal(w.words, 1);
    assert_rc(LG_ERR_UNAVAILABLE, ask.rc);
    assert_false(ask.allowed);
    lg_sim_run_us(w.sim, 2 * TIMEOUT_MS * LG_MS);
    d->ops->free(d);
    assert_int_equal(w.words, 1);
}

/* What runs is waited for as long as an answer may take, and what comes later finds nobody. */
static void it_may_end_while_the_module_is_asked(void **state)
{
    struct waiter x, y;

    (void)state;
    w.takes_us = 5 * TIMEOUT_MS * LG_MS;
    begin(&x, "a", LG_ACL_READ);
    begin(&y, "b", LG_ACL_READ);
    lg_sim_run_us(w.sim, 10 * LG_MS);
    lg_authz_stop(LG_TAKE(w.a), w.lane, stopped, NULL);
    lg_sim_run_us(w.sim, LG_MS);
    assert_int_equal(x.done, 0);
    assert_int_equal(y.done, 1);
    assert_non_null(strstr(y.in.err.text, "the process ends"));
    lg_sim_run_us(w.sim, 2 * TIMEOUT_MS * LG_MS);
    assert_int_equal(x.done, 1);
    assert_int_equal(w.stops, 1);
    assert_int_equal(w.asks, 1);
    w.stops = 0; /* That of the end of the test follows. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_asked_once_and_its_word_is_kept, up, down),
        cmocka_unit_test_setup_teardown(what_is_no_word_lets_nobody_in, up, down),
        cmocka_unit_test_setup_teardown(who_waits_too_long_is_told_and_what_comes_late_is_dropped,
                                        up, down),
        cmocka_unit_test_setup_teardown(who_waits_too_long_is_not_told_what_it_will_say, up, down),
        cmocka_unit_test_setup_teardown(it_may_end_while_the_module_is_asked, up, down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
