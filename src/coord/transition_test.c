/* Steps from one assignment to another under random servers: who is ready never falls because of a
 * move, no term has two leaders, and in the end all is as wanted. */
#include "coord/transition.h"

#include "base/rand.h"
#include "test/test.h"

#define SERVERS 6u
#define TERMS 4096u

static const char *const names[SERVERS] = {"a_1", "b_1", "c_1", "d_1", "e_1", "f_1"};

struct server { /* What one really does; `view` is what it reports. */
    struct lg_transition_view view;
    bool holds;
};

struct world {
    struct server servers[SERVERS];
    struct lg_placement placement;
    const char *wanted[SERVERS];
    uint32_t wanted_count;
    const char *named[TERMS]; /* by term: who was named leader */
};

static uint32_t number_of(const char *id)
{
    return (uint32_t)(id[0] - 'a');
}

static struct lg_transition_view look(void *ctx, const char *id)
{
    return ((struct world *)ctx)->servers[number_of(id)].view;
}

static struct lg_placement_partition *part_of(struct world *w)
{
    return &w->placement.parts[0];
}

static void begin(struct world *w)
{
    *w = (struct world){0};
    lg_placement_init(&w->placement, 1, 3);
    for (uint32_t i = 0; i < SERVERS; i++)
        w->servers[i].view.live = true;
}

static uint32_t ready(const struct world *w)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < SERVERS; i++)
        n += w->servers[i].holds && lg_transition_is_ready(w->servers[i].view);
    return n;
}

/* What a server does when it reads the assignment: one thing at a time. */
static void server_follows(struct world *w, uint32_t i)
{
    struct server *s = &w->servers[i];
    const struct lg_placement_partition *part = part_of(w);

    if (!s->view.live)
        return;
    if (!lg_placement_lists(part, names[i])) {
        s->holds = false;
        s->view = (struct lg_transition_view){.live = true};
        return;
    }
    if (!s->holds) {
        s->holds = true;
        s->view = (struct lg_transition_view){
            .live = true, .reported = true, .state = LG_REPLICA_STANDBY, .status = LG_PUSH_STARTED};
    }
    if (s->view.state == LG_REPLICA_ERROR)
        return;
    s->view.state = lg_placement_leads(part, names[i]) ? LG_REPLICA_LEADER : LG_REPLICA_STANDBY;
    s->view.term = part->term;
}

static void server_completes(struct world *w, uint32_t i)
{
    struct server *s = &w->servers[i];

    if (s->view.live && s->view.reported && s->view.state != LG_REPLICA_ERROR)
        s->view.status = LG_PUSH_COMPLETED;
}

static void check_leaders(struct world *w)
{
    const struct lg_placement_partition *part = part_of(w);
    uint32_t leading = 0;

    assert_true(part->term < TERMS);
    if (part->leader != NULL) {
        assert_true(w->named[part->term] == NULL ||
                    strcmp(w->named[part->term], part->leader) == 0);
        w->named[part->term] = names[number_of(part->leader)];
    }
    for (uint32_t i = 0; i < SERVERS; i++)
        leading += w->servers[i].view.live && w->servers[i].view.reported &&
                   w->servers[i].view.state == LG_REPLICA_LEADER;
    assert_true(leading <= 1);
}

static uint32_t ready_and_listed(struct world *w)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < SERVERS; i++)
        n += w->servers[i].holds && lg_transition_is_ready(w->servers[i].view) &&
             lg_placement_lists(part_of(w), names[i]);
    return n;
}

/* The controller's step, after which everybody who was let go of is really gone at once: the worst
 * that can follow. */
static bool step(struct world *w)
{
    uint32_t before = ready_and_listed(w);
    bool changed = lg_transition_step(part_of(w), w->wanted, w->wanted_count, look, w);

    assert_true(ready_and_listed(w) >= LG_MIN(before, w->wanted_count));
    assert_true(part_of(w)->count <= SERVERS);
    check_leaders(w);
    return changed;
}

static void want(struct world *w, const char *letters)
{
    w->wanted_count = (uint32_t)strlen(letters);
    for (uint32_t i = 0; i < w->wanted_count; i++)
        w->wanted[i] = names[letters[i] - 'a'];
}

static void all_follow(struct world *w)
{
    for (uint32_t i = 0; i < SERVERS; i++)
        server_follows(w, i);
}

static void all_complete(struct world *w)
{
    for (uint32_t i = 0; i < SERVERS; i++)
        server_completes(w, i);
}

static void settle(struct world *w)
{
    for (int i = 0; i < 64; i++) {
        bool changed = step(w);

        all_follow(w);
        all_complete(w);
        if (!changed && !step(w))
            break;
        all_follow(w);
        all_complete(w);
    }
    all_follow(w);
}

static void is_as_wanted(struct world *w)
{
    assert_true(lg_transition_is_done(part_of(w), w->wanted, w->wanted_count));
    assert_true(lg_placement_leads(part_of(w), w->wanted[0]));
    for (uint32_t i = 0; i < w->wanted_count; i++)
        assert_string_equal(part_of(w)->ids[i], w->wanted[i]);
}

static void the_first_lists_are_given_at_once_with_a_leader(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    want(&w, "bca");
    assert_true(step(&w));
    is_as_wanted(&w);
    assert_int_equal(part_of(&w)->term, 1);
    assert_false(step(&w));
    lg_placement_done(&w.placement);
}

static void an_old_replica_leaves_only_when_the_new_one_is_complete(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    want(&w, "ab");
    settle(&w);
    want(&w, "ac");
    assert_true(step(&w)); /* Beside the others. */
    assert_int_equal(part_of(&w)->count, 3);
    all_follow(&w);
    assert_false(step(&w)); /* It has only begun. */
    server_completes(&w, 2);
    assert_true(step(&w));
    is_as_wanted(&w);
    lg_placement_done(&w.placement);
}

static void a_live_leader_gives_up_before_another_is_named(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    want(&w, "ab");
    settle(&w);
    assert_true(lg_placement_leads(part_of(&w), "a_1"));
    want(&w, "ba");
    assert_true(step(&w));
    assert_null(part_of(&w)->leader);
    assert_false(step(&w)); /* It has not heard of it. */
    server_follows(&w, 0);
    assert_true(step(&w));
    assert_true(lg_placement_leads(part_of(&w), "b_1"));
    assert_int_equal(part_of(&w)->term, 2);
    lg_placement_done(&w.placement);
}

static void a_leader_that_is_gone_or_failed_is_followed_at_once(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    want(&w, "abc");
    settle(&w);
    w.servers[0].view.live = false;
    assert_true(step(&w));
    assert_true(lg_placement_leads(part_of(&w), "b_1"));
    assert_int_equal(part_of(&w)->count, 3); /* It may come back. */
    all_follow(&w);
    w.servers[1].view.state = LG_REPLICA_ERROR;
    w.servers[1].view.status = LG_PUSH_ERROR;
    assert_true(step(&w));
    assert_true(lg_placement_leads(part_of(&w), "c_1"));
    assert_int_equal(part_of(&w)->term, 3);
    lg_placement_done(&w.placement);
}

static void a_leader_that_leaves_hands_over_first(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    want(&w, "a");
    settle(&w);
    want(&w, "b");
    (void)step(&w);
    all_follow(&w);
    server_completes(&w, 1);
    assert_true(step(&w)); /* Asked to give up, and still listed. */
    assert_null(part_of(&w)->leader);
    assert_true(lg_placement_lists(part_of(&w), "a_1"));
    assert_false(step(&w));
    settle(&w);
    is_as_wanted(&w);
    lg_placement_done(&w.placement);
}

static void nobody_wanted_changes_nothing(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    want(&w, "ab");
    settle(&w);
    w.wanted_count = 0;
    assert_false(lg_transition_step(part_of(&w), w.wanted, 0, look, &w));
    assert_int_equal(part_of(&w)->count, 2);
    lg_placement_done(&w.placement);
}

static void random_want(struct world *w, struct lg_rand *r)
{
    uint32_t order[SERVERS];

    for (uint32_t i = 0; i < SERVERS; i++)
        order[i] = i;
    for (uint32_t i = SERVERS - 1; i > 0; i--) {
        uint32_t k = (uint32_t)lg_rand_below(r, i + 1), swap = order[i];

        order[i] = order[k];
        order[k] = swap;
    }
    w->wanted_count = 1 + (uint32_t)lg_rand_below(r, 3);
    for (uint32_t i = 0; i < w->wanted_count; i++)
        w->wanted[i] = names[order[i]];
}

static void crash_or_return(struct world *w, uint32_t i)
{
    struct server *s = &w->servers[i];

    if (s->view.live) {
        s->view = (struct lg_transition_view){.live = false};
        return;
    }
    s->view = (struct lg_transition_view){.live = true};
    s->holds = false; /* Found again when it follows. */
}

static void whatever_happens_the_rules_hold_and_it_ends_as_wanted(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 3000; seed++) {
        struct lg_rand r;
        struct world w;

        lg_rand_seed(&r, seed);
        begin(&w);
        random_want(&w, &r);
        for (int i = 0; i < 120; i++) {
            uint32_t what = (uint32_t)lg_rand_below(&r, 20);
            uint32_t whom = (uint32_t)lg_rand_below(&r, SERVERS);

            if (what < 7)
                (void)step(&w);
            else if (what < 13)
                server_follows(&w, whom);
            else if (what < 17)
                server_completes(&w, whom);
            else if (what == 17)
                random_want(&w, &r);
            else if (what == 18)
                crash_or_return(&w, whom);
            else if (w.servers[whom].view.reported && lg_rand_chance(&r, 1, 3)) {
                w.servers[whom].view.state = LG_REPLICA_ERROR;
                w.servers[whom].view.status = LG_PUSH_ERROR;
            }
            check_leaders(&w);
        }
        for (uint32_t i = 0; i < SERVERS; i++) { /* All come back, and are well. */
            if (!w.servers[i].view.live)
                crash_or_return(&w, i);
            if (w.servers[i].view.state == LG_REPLICA_ERROR)
                w.servers[i].view.state = LG_REPLICA_STANDBY;
        }
        settle(&w);
        is_as_wanted(&w);
        assert_int_equal(ready(&w), w.wanted_count);
        lg_placement_done(&w.placement);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_lists_are_given_at_once_with_a_leader),
        cmocka_unit_test(an_old_replica_leaves_only_when_the_new_one_is_complete),
        cmocka_unit_test(a_live_leader_gives_up_before_another_is_named),
        cmocka_unit_test(a_leader_that_is_gone_or_failed_is_followed_at_once),
        cmocka_unit_test(a_leader_that_leaves_hands_over_first),
        cmocka_unit_test(nobody_wanted_changes_nothing),
        cmocka_unit_test(whatever_happens_the_rules_hold_and_it_ends_as_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
