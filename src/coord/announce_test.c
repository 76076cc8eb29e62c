/* Announcing on a simulated network: lost sessions, nodes that vanish, others at the same path. */
#include "coord/announce.h"

#include "base/str.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define PATH "/things/t1"

struct part { /* One announcement, on the router's node. */
    struct lg_clw *w;
    struct lg_lane *lane;
    struct lg_metastore *session;
    struct lg_announce *announce;
    struct lg_announce_options o;
    size_t bytes_before;
    unsigned changed, failures;
    bool stopped;
    char failed[LG_ERROR_TEXT_MAX];
    enum lg_rc failed_rc;
};

static void changed(void *ctx)
{
    ((struct part *)ctx)->changed++;
}

static void failed(void *ctx, const struct lg_error *err)
{
    struct part *p = ctx;

    (void)snprintf(p->failed, sizeof p->failed, "%s", err->text);
    p->failed_rc = err->rc;
    p->failures++;
}

static void begin(void *ctx)
{
    struct part *p = ctx;

    p->lane = lg_sim_lane_new(p->w->sim, p->w->router.node, "part");
    p->session = lg_meta_sim_session(p->w->meta, p->lane);
    p->bytes_before = lg_sim_node_bytes(p->w->router.node);
    p->o.lane = p->lane;
    p->o.metastore = p->session;
    p->o.path = PATH;
    p->o.changed = changed;
    p->o.failed = failed;
    p->o.ctx = p;
    p->announce = lg_announce_start(&p->o);
}

static void up(struct part *p, uint64_t seed, const char *value, const char *identity, bool by_hand)
{
    memset(p, 0, sizeof *p);
    p->w = lg_clw_new(seed, /* with_controller= */ false);
    p->o.value = value;
    p->o.identity = identity;
    p->o.by_hand = by_hand;
    p->o.conflict_ms = 3000;
}

static void run(struct part *p, void (*fn)(void *ctx))
{
    lg_sim_node_run(p->w->router.node, fn, p);
    lg_clw_run_ms(p->w, 1000);
}

static void stopped(void *ctx)
{
    ((struct part *)ctx)->stopped = true;
}

static void stop(void *ctx)
{
    struct part *p = ctx;

    lg_announce_stop(p->announce, stopped, p);
}

static bool is_stopped(void *ctx)
{
    return ((struct part *)ctx)->stopped;
}

static void down(struct part *p)
{
    lg_sim_node_run(p->w->router.node, stop, p);
    assert_true(lg_sim_run_until(p->w->sim, is_stopped, p, 60 * LG_SEC));
    assert_int_equal(lg_sim_node_bytes(p->w->router.node), p->bytes_before);
    lg_clw_free(p->w);
}

static void expect(struct part *p, const char *value)
{
    LG_AUTO_STR char *there = lg_clw_meta_get(p->w, PATH);

    if (value == NULL)
        assert_null(there);
    else
        assert_string_equal(there == NULL ? "(nothing)" : there, value);
}

/* Nothing more is tried, whatever happens. */
static void stays_failed(struct part *p)
{
    lg_clw_meta(p->w, LG_META_REMOVE, PATH, "");
    lg_clw_run_ms(p->w, 1000);
    expect(p, NULL);
    lg_meta_sim_expire(p->w->meta, "router");
    lg_clw_run_ms(p->w, 10000);
    expect(p, NULL);
    assert_false(lg_announce_is_there(p->announce));
    assert_int_equal(p->failures, 1);
}

#define MINE "{\"identity\":\"me\"}"
#define OTHER "{\"identity\":\"another\"}"

static void it_is_there_until_it_stops(void **state)
{
    struct part p;

    (void)state;
    up(&p, 1, MINE, "me", false);
    run(&p, begin);
    assert_true(lg_announce_is_there(p.announce));
    assert_int_equal(p.changed, 1);
    expect(&p, MINE);
    lg_sim_node_run(p.w->router.node, stop, &p);
    assert_true(lg_sim_run_until(p.w->sim, is_stopped, &p, 60 * LG_SEC));
    expect(&p, NULL); /* At once, not when its session ends. */
    assert_int_equal(lg_sim_node_bytes(p.w->router.node), p.bytes_before);
    lg_clw_free(p.w);
}

static void it_comes_back_after_a_lost_session(void **state)
{
    struct part p;

    (void)state;
    up(&p, 2, MINE, "me", false);
    run(&p, begin);
    lg_meta_sim_cut(p.w->meta, "router", true);
    lg_clw_run_ms(p.w, 10000);
    expect(&p, NULL);
    lg_meta_sim_heal(p.w->meta);
    lg_clw_run_ms(p.w, 10000);
    expect(&p, MINE);
    assert_true(lg_announce_is_there(p.announce));
    assert_int_equal(p.changed, 3); /* There, gone, there. */
    down(&p);
}

static void it_comes_back_when_its_node_was_removed(void **state)
{
    struct part p;

    (void)state;
    up(&p, 3, MINE, "me", false);
    run(&p, begin);
    lg_clw_meta(p.w, LG_META_REMOVE, PATH, "");
    lg_clw_run_ms(p.w, 1000);
    expect(&p, MINE);
    down(&p);
}

static void say(struct part *p, const char *value)
{
    p->o.value = value;
    lg_announce_say(p->announce, value);
}

static void say_two_things(void *ctx)
{
    say(ctx, "{\"identity\":\"me\",\"n\":1}");
    say(ctx, "{\"identity\":\"me\",\"n\":2}");
}

static void say_mine(void *ctx)
{
    say(ctx, MINE);
}

static void begin_and_say(void *ctx)
{
    begin(ctx);
    say_two_things(ctx);
}

/* In its place: nobody takes it for gone. */
static void it_says_another_thing_in_the_same_place(void **state)
{
    struct part p;

    (void)state;
    up(&p, 3, MINE, "me", false);
    run(&p, begin);
    run(&p, say_two_things);
    expect(&p, "{\"identity\":\"me\",\"n\":2}");
    assert_int_equal(p.changed, 1);
    run(&p, say_mine);
    expect(&p, MINE);
    assert_int_equal(p.changed, 1);
    lg_clw_meta(p.w, LG_META_REMOVE, PATH, NULL);
    run(&p, say_two_things); /* Whatever is there, or not. */
    expect(&p, "{\"identity\":\"me\",\"n\":2}");
    down(&p);
}

static void what_it_says_meanwhile_is_not_lost(void **state)
{
    struct part p;

    (void)state;
    up(&p, 4, MINE, "me", false);
    run(&p, begin_and_say); /* While its first word is under way. */
    expect(&p, "{\"identity\":\"me\",\"n\":2}");
    lg_meta_sim_cut(p.w->meta, "router", true);
    lg_clw_run_ms(p.w, 500);
    run(&p, say_mine); /* While its session is lost. */
    lg_clw_run_ms(p.w, 10000);
    expect(&p, NULL); /* It is still of that session. */
    lg_meta_sim_heal(p.w->meta);
    lg_clw_run_ms(p.w, 10000);
    expect(&p, MINE);
    assert_true(lg_announce_is_there(p.announce));
    down(&p);
}

static void what_the_same_identity_left_is_taken_over_at_once(void **state)
{
    struct part p;

    (void)state;
    up(&p, 4, "{\"identity\":\"me\",\"port\":2}", "me", false);
    lg_clw_meta(p.w, LG_META_PUT, PATH, "{\"identity\":\"me\",\"port\":1}");
    run(&p, begin);
    expect(&p, "{\"identity\":\"me\",\"port\":2}");
    assert_true(lg_announce_is_there(p.announce));
    down(&p);
}

static void what_has_no_identity_is_taken_over_by_one_without(void **state)
{
    struct part p;

    (void)state;
    up(&p, 5, "{\"port\":2}", NULL, false);
    lg_clw_meta(p.w, LG_META_PUT, PATH, "{\"port\":1}");
    run(&p, begin);
    expect(&p, "{\"port\":2}");
    down(&p);
}

static void another_identity_is_waited_for_and_then_told(void **state)
{
    struct part p;

    (void)state;
    up(&p, 6, MINE, "me", false);
    lg_clw_meta(p.w, LG_META_PUT, PATH, OTHER);
    run(&p, begin);
    assert_string_equal(p.failed, "");
    lg_clw_run_ms(p.w, 3000);
    assert_rc(LG_ERR_CONFLICT, p.failed_rc);
    assert_string_equal(p.failed, "another process is announced as " PATH ": it says " OTHER
                                  ", this one is " MINE "; give one of the two another address, or "
                                  "stop it");
    expect(&p, OTHER);
    assert_false(lg_announce_is_there(p.announce));
    lg_clw_run_ms(p.w, 5000);
    stays_failed(&p);
    down(&p);
}

static void another_identity_that_goes_makes_room(void **state)
{
    struct part p;

    (void)state;
    up(&p, 7, MINE, "me", false);
    lg_clw_meta(p.w, LG_META_PUT, PATH, OTHER);
    run(&p, begin);
    lg_clw_meta(p.w, LG_META_REMOVE, PATH, "");
    lg_clw_run_ms(p.w, 1000);
    expect(&p, MINE);
    assert_string_equal(p.failed, "");
    down(&p);
}

static void a_path_that_another_took_meanwhile_is_not_taken_back(void **state)
{
    struct part p;

    (void)state;
    up(&p, 8, MINE, "me", false);
    run(&p, begin);
    lg_clw_meta(p.w, LG_META_PUT, PATH, OTHER);
    lg_clw_run_ms(p.w, 1000);
    assert_false(lg_announce_is_there(p.announce));
    lg_clw_run_ms(p.w, 4000);
    assert_rc(LG_ERR_CONFLICT, p.failed_rc);
    expect(&p, OTHER);
    lg_sim_node_run(p.w->router.node, stop, &p);
    assert_true(lg_sim_run_until(p.w->sim, is_stopped, &p, 60 * LG_SEC));
    expect(&p, OTHER); /* Nor withdrawn. */
    lg_clw_free(p.w);
}

static void junk_that_nobody_puts_right_is_written_over(void **state)
{
    static const char *const junk[] = {"[junk", "[]", "7", ""};
    struct part p;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(junk); i++) {
        up(&p, 9 + i, MINE, "me", false);
        lg_clw_meta(p.w, LG_META_PUT, PATH, junk[i]);
        run(&p, begin); /* Another process may be about to. */
        assert_false(lg_announce_is_there(p.announce));
        expect(&p, junk[i]);
        lg_clw_run_ms(p.w, 4000);
        assert_true(lg_announce_is_there(p.announce));
        assert_string_equal(p.failed, "");
        expect(&p, MINE);
        down(&p);
    }
}

static void junk_in_its_own_node_is_put_right_at_once(void **state)
{
    struct part p;

    (void)state;
    up(&p, 14, MINE, "me", false);
    run(&p, begin);
    lg_clw_meta(p.w, LG_META_PUT, PATH, "junk");
    lg_clw_run_ms(p.w, 1000);
    expect(&p, MINE);
    assert_true(lg_announce_is_there(p.announce));
    assert_int_equal(p.changed, 1);
    down(&p);
    up(&p, 15, MINE, "me", false); /* And it still goes with its session. */
    run(&p, begin);
    lg_clw_meta(p.w, LG_META_PUT, PATH, "junk");
    lg_clw_run_ms(p.w, 1000);
    lg_meta_sim_cut(p.w->meta, "router", true);
    lg_clw_run_ms(p.w, 10000);
    expect(&p, NULL);
    lg_meta_sim_heal(p.w->meta);
    lg_clw_run_ms(p.w, 10000);
    expect(&p, MINE);
    down(&p);
}

#define HERE "{\"host\":\"h\",\"port\":1,\"identity\":\"me\",\"life\":\"now\"}"
#define FORMER "{\"host\":\"h\",\"port\":1,\"identity\":\"me\",\"life\":\"before\"}"
#define COPY "{\"host\":\"h\",\"port\":2,\"identity\":\"me\",\"life\":\"copy\"}"

static void up_as(struct part *p, uint64_t seed, const char *there)
{
    up(p, seed, HERE, "me", false);
    p->o.life = "now";
    if (there != NULL)
        lg_clw_meta(p->w, LG_META_PUT, PATH, there);
    run(p, begin);
}

static void a_former_process_at_its_address_is_taken_over_at_once(void **state)
{
    struct part p;

    (void)state;
    up_as(&p, 16, FORMER);
    expect(&p, HERE);
    down(&p);
    up_as(&p, 17, MINE); /* Of a release that does not name its processes. */
    expect(&p, HERE);
    down(&p);
}

static void a_copy_elsewhere_is_waited_for_and_then_told(void **state)
{
    struct part p;

    (void)state;
    up_as(&p, 18, COPY);
    assert_false(lg_announce_is_there(p.announce));
    lg_clw_meta(p.w, LG_META_REMOVE, PATH, ""); /* It was an earlier process after all. */
    lg_clw_run_ms(p.w, 1000);
    expect(&p, HERE);
    down(&p);
    up_as(&p, 19, COPY);
    lg_clw_run_ms(p.w, 4000);
    assert_rc(LG_ERR_CONFLICT, p.failed_rc);
    assert_non_null(strstr(p.failed, PATH));
    assert_non_null(strstr(p.failed, "it says " COPY ", this one is " HERE));
    assert_non_null(strstr(p.failed, "copies of one data directory"));
    expect(&p, COPY);
    down(&p);
}

static void who_is_replaced_ends_and_leaves_the_path(void **state)
{
    static const char *const by[] = {COPY, FORMER};
    struct part p;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(by); i++) {
        up_as(&p, 20 + i, NULL);
        expect(&p, HERE);
        lg_clw_meta(p.w, LG_META_PUT, PATH, by[i]);
        lg_clw_run_ms(p.w, 1000);
        assert_rc(LG_ERR_CONFLICT, p.failed_rc);
        assert_non_null(strstr(p.failed, "copies of one data directory"));
        assert_false(lg_announce_is_there(p.announce));
        stays_failed(&p);
        lg_clw_meta(p.w, LG_META_PUT, PATH, by[i]);
        lg_sim_node_run(p.w->router.node, stop, &p);
        assert_true(lg_sim_run_until(p.w->sim, is_stopped, &p, 60 * LG_SEC));
        expect(&p, by[i]);
        lg_clw_free(p.w);
    }
}

static void now(void *ctx)
{
    lg_announce_now(((struct part *)ctx)->announce);
}

static void withdraw(void *ctx)
{
    lg_announce_withdraw(((struct part *)ctx)->announce);
}

static void by_hand_it_waits_for_the_word_at_first_and_after_a_lost_session(void **state)
{
    struct part p;

    (void)state;
    up(&p, 10, MINE, "me", true);
    run(&p, begin);
    expect(&p, NULL);
    run(&p, now);
    expect(&p, MINE);
    lg_meta_sim_cut(p.w->meta, "router", true);
    lg_clw_run_ms(p.w, 10000);
    lg_meta_sim_heal(p.w->meta);
    lg_clw_run_ms(p.w, 10000);
    expect(&p, NULL);
    assert_false(lg_announce_is_there(p.announce));
    run(&p, now);
    expect(&p, MINE);
    run(&p, withdraw);
    expect(&p, NULL);
    assert_false(lg_announce_is_there(p.announce));
    run(&p, now);
    expect(&p, MINE);
    down(&p);
}

static void it_may_be_stopped_at_any_moment(void **state)
{
    (void)state;
    for (uint64_t after_us = 0; after_us < 20000; after_us += 371) {
        struct part p;

        up(&p, 100 + after_us, MINE, "me", false);
        if (after_us % 2 == 0)
            lg_clw_meta(p.w, LG_META_PUT, PATH, MINE);
        lg_sim_node_run(p.w->router.node, begin, &p);
        lg_sim_run_us(p.w->sim, after_us);
        lg_sim_node_run(p.w->router.node, stop, &p);
        assert_true(lg_sim_run_until(p.w->sim, is_stopped, &p, 60 * LG_SEC));
        lg_clw_run_ms(p.w, 1000);
        expect(&p, NULL);
        lg_clw_free(p.w);
    }
}

static void identities_differ(void **state)
{
    struct part p;
    char one[LG_ANNOUNCE_IDENTITY_MAX], two[LG_ANNOUNCE_IDENTITY_MAX];

    (void)state;
    up(&p, 11, MINE, "me", false);
    run(&p, begin);
    lg_announce_make_identity(p.lane, one);
    lg_announce_make_identity(p.lane, two);
    assert_int_equal(strlen(one), 32);
    assert_string_not_equal(one, two);
    down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_there_until_it_stops),
        cmocka_unit_test(it_comes_back_after_a_lost_session),
        cmocka_unit_test(it_comes_back_when_its_node_was_removed),
        cmocka_unit_test(it_says_another_thing_in_the_same_place),
        cmocka_unit_test(what_it_says_meanwhile_is_not_lost),
        cmocka_unit_test(what_the_same_identity_left_is_taken_over_at_once),
        cmocka_unit_test(what_has_no_identity_is_taken_over_by_one_without),
        cmocka_unit_test(another_identity_is_waited_for_and_then_told),
        cmocka_unit_test(another_identity_that_goes_makes_room),
        cmocka_unit_test(a_path_that_another_took_meanwhile_is_not_taken_back),
        cmocka_unit_test(junk_that_nobody_puts_right_is_written_over),
        cmocka_unit_test(junk_in_its_own_node_is_put_right_at_once),
        cmocka_unit_test(a_former_process_at_its_address_is_taken_over_at_once),
        cmocka_unit_test(a_copy_elsewhere_is_waited_for_and_then_told),
        cmocka_unit_test(who_is_replaced_ends_and_leaves_the_path),
        cmocka_unit_test(by_hand_it_waits_for_the_word_at_first_and_after_a_lost_session),
        cmocka_unit_test(it_may_be_stopped_at_any_moment),
        cmocka_unit_test(identities_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
