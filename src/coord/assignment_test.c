/* Balanced, apart, in zones, with few moves, deterministic: over many random clusters and at the
 * size that is promised. */
#include "coord/assignment.h"

#include "base/rand.h"
#include "base/str.h"
#include "test/test.h"

#define NONE LG_ASSIGNMENT_NONE

struct cluster {
    struct lg_assignment_node *nodes;
    struct lg_assignment_topic *topics;
    uint32_t node_count, topic_count;
    int64_t now_ms;
};

static void cluster_make(struct cluster *c, uint32_t nodes, uint32_t zones, uint32_t topics)
{
    *c = (struct cluster){.node_count = nodes, .topic_count = topics, .now_ms = 1000000};
    c->nodes = lg_new_array(struct lg_assignment_node, nodes);
    c->topics = lg_new_array(struct lg_assignment_topic, topics);
    for (uint32_t i = 0; i < nodes; i++)
        c->nodes[i] = (struct lg_assignment_node){
            .id = lg_strf("n%05u_1", i),
            .zone = zones == 0 ? NULL : lg_strf("z%u", i % zones),
            .live = true,
        };
}

static void topic_make(struct cluster *c, uint32_t t, uint32_t partitions, uint32_t factor)
{
    uint32_t *current = lg_new_array(uint32_t, (size_t)partitions * factor);

    for (uint32_t i = 0; i < partitions * factor; i++)
        current[i] = NONE;
    c->topics[t] = (struct lg_assignment_topic){
        .name = lg_strf("t%05u_v1", t),
        .partitions = partitions,
        .factor = factor,
        .current = current,
        .wanted = lg_new_array(uint32_t, (size_t)partitions * factor),
    };
}

static void cluster_free(struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        lg_free((char *)(uintptr_t)c->nodes[i].id);
        lg_free((char *)(uintptr_t)c->nodes[i].zone);
    }
    for (uint32_t t = 0; t < c->topic_count; t++) {
        lg_free((char *)(uintptr_t)c->topics[t].name);
        lg_free((uint32_t *)(uintptr_t)c->topics[t].current);
        lg_free(c->topics[t].wanted);
    }
    lg_free(c->nodes);
    lg_free(c->topics);
}

static struct lg_assignment_result compute(struct cluster *c)
{
    struct lg_assignment_input in = {
        .nodes = c->nodes,
        .node_count = c->node_count,
        .topics = c->topics,
        .topic_count = c->topic_count,
        .now_ms = c->now_ms,
        .delay_ms = 1800000,
        .blink_ms = 10000,
    };

    return lg_assignment_compute(&in);
}

static void accept_answer(struct cluster *c)
{
    for (uint32_t t = 0; t < c->topic_count; t++)
        memcpy((uint32_t *)(uintptr_t)c->topics[t].current, c->topics[t].wanted,
               (size_t)c->topics[t].partitions * c->topics[t].factor * sizeof(uint32_t));
}

static bool takes(const struct lg_assignment_node *n)
{
    return n->live && !n->leaves;
}

static void replicas_are_apart(const struct cluster *c)
{
    for (uint32_t t = 0; t < c->topic_count; t++)
        for (uint32_t p = 0; p < c->topics[t].partitions; p++) {
            const uint32_t *list = &c->topics[t].wanted[p * c->topics[t].factor];

            for (uint32_t r = 0; r < c->topics[t].factor; r++) {
                if (list[r] == NONE)
                    continue;
                assert_true(list[r] < c->node_count);
                assert_true(r == 0 || list[r - 1] != NONE);
                for (uint32_t q = 0; q < r; q++)
                    assert_int_not_equal(list[r], list[q]);
            }
        }
}

/* How far nodes are from each other: in replicas, or in leaders, of one topic or of all. */
static uint32_t spread_of(const struct cluster *c, uint32_t first, uint32_t end, bool leaders)
{
    uint32_t *held = lg_new_array(uint32_t, c->node_count), low = UINT32_MAX, high = 0;

    for (uint32_t t = first; t < end; t++)
        for (uint32_t i = 0; i < c->topics[t].partitions * c->topics[t].factor; i++)
            if (c->topics[t].wanted[i] != NONE && (!leaders || i % c->topics[t].factor == 0))
                held[c->topics[t].wanted[i]]++;
    for (uint32_t i = 0; i < c->node_count; i++)
        if (takes(&c->nodes[i])) {
            low = LG_MIN(low, held[i]);
            high = LG_MAX(high, held[i]);
        }
    lg_free(held);
    return low == UINT32_MAX ? 0 : high - low;
}

static void is_balanced(const struct cluster *c)
{
    for (uint32_t t = 0; t < c->topic_count; t++)
        assert_true(spread_of(c, t, t + 1, false) <= 1);
    assert_true(spread_of(c, 0, c->topic_count, false) <= 1);
}

static void replicas_and_leaders_of_new_topics_are_balanced(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 60; seed++) {
        struct lg_rand r;
        struct cluster c;

        lg_rand_seed(&r, seed);
        cluster_make(&c, 1 + (uint32_t)lg_rand_below(&r, 12), 0,
                     1 + (uint32_t)lg_rand_below(&r, 8));
        for (uint32_t t = 0; t < c.topic_count; t++)
            topic_make(&c, t, 1 + (uint32_t)lg_rand_below(&r, 40),
                       1 + (uint32_t)lg_rand_below(&r, LG_MIN(c.node_count, 4u)));
        assert_int_equal(compute(&c).missing, 0);
        replicas_are_apart(&c);
        is_balanced(&c);
        for (uint32_t t = 0; t < c.topic_count; t++)
            assert_true(spread_of(&c, t, t + 1, true) <= 1);
        assert_true(spread_of(&c, 0, c.topic_count, true) <= 2);
        cluster_free(&c);
    }
}

static void what_is_settled_does_not_move_again(void **state)
{
    struct cluster c;

    (void)state;
    cluster_make(&c, 7, 3, 5);
    for (uint32_t t = 0; t < 5; t++)
        topic_make(&c, t, 4 + 3 * t, 1 + t % 3);
    (void)compute(&c);
    accept_answer(&c);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(compute(&c).moves, 0);
        for (uint32_t t = 0; t < 5; t++)
            assert_memory_equal(c.topics[t].wanted, c.topics[t].current,
                                c.topics[t].partitions * c.topics[t].factor * sizeof(uint32_t));
    }
    cluster_free(&c);
}

static void a_random_history_stays_balanced_and_moves_little(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 60; seed++) {
        struct lg_rand r;
        struct cluster c;

        lg_rand_seed(&r, 1000 + seed);
        cluster_make(&c, 4 + (uint32_t)lg_rand_below(&r, 10), 0,
                     1 + (uint32_t)lg_rand_below(&r, 6));
        for (uint32_t t = 0; t < c.topic_count; t++)
            topic_make(&c, t, 1 + (uint32_t)lg_rand_below(&r, 60),
                       1 + (uint32_t)lg_rand_below(&r, 3));
        (void)compute(&c);
        accept_answer(&c);
        for (int step = 0; step < 10; step++) {
            struct lg_assignment_node *n = &c.nodes[lg_rand_below(&r, c.node_count)];
            uint64_t replicas = 0;
            uint32_t left = 0;

            n->leaves = !n->leaves; /* One goes, or comes. */
            for (uint32_t i = 0; i < c.node_count; i++)
                left += takes(&c.nodes[i]);
            if (left < 3) {
                n->leaves = false;
                left++;
            }
            for (uint32_t t = 0; t < c.topic_count; t++)
                replicas += (uint64_t)c.topics[t].partitions * c.topics[t].factor;
            /* At most what one node holds, and as much again for what cannot go there. */
            assert_true(compute(&c).moves <= 2 * (replicas / left + 1) + c.topic_count);
            replicas_are_apart(&c);
            is_balanced(&c);
            accept_answer(&c);
        }
        cluster_free(&c);
    }
}

static void the_order_of_the_input_does_not_matter(void **state)
{
    struct cluster c;
    struct lg_assignment_node swap;
    struct lg_assignment_topic topic;
    uint32_t before[20 * 2];

    (void)state;
    cluster_make(&c, 6, 2, 2);
    topic_make(&c, 0, 20, 2);
    topic_make(&c, 1, 7, 3);
    (void)compute(&c);
    memcpy(before, c.topics[0].wanted, sizeof before);
    swap = c.nodes[0];
    c.nodes[0] = c.nodes[5];
    c.nodes[5] = swap;
    topic = c.topics[0];
    c.topics[0] = c.topics[1];
    c.topics[1] = topic;
    (void)compute(&c);
    for (uint32_t i = 0; i < LG_ARRAY_SIZE(before); i++) {
        uint32_t now = c.topics[1].wanted[i];

        now = now == 0 ? 5 : now == 5 ? 0 : now;
        assert_int_equal(now, before[i]);
    }
    cluster_free(&c);
}

static uint32_t zones_of(const struct cluster *c, const uint32_t *list, uint32_t factor)
{
    uint32_t n = 0;

    for (uint32_t r = 0; r < factor; r++) {
        bool seen = list[r] == NONE;

        for (uint32_t q = 0; q < r && !seen; q++)
            seen = list[q] != NONE && strcmp(c->nodes[list[q]].zone, c->nodes[list[r]].zone) == 0;
        n += !seen;
    }
    return n;
}

static void zones_come_before_balance(void **state)
{
    (void)state;
    for (uint32_t zones = 1; zones <= 4; zones++)
        for (uint32_t nodes = zones; nodes <= 9; nodes++)
            for (uint32_t factor = 1; factor <= 3 && factor <= nodes; factor++) {
                struct cluster c;

                cluster_make(&c, nodes, zones, 2);
                topic_make(&c, 0, 11, factor);
                topic_make(&c, 1, 6, factor);
                (void)compute(&c);
                accept_answer(&c);
                for (int round = 0; round < 2; round++) {
                    for (uint32_t p = 0; p < 11; p++)
                        assert_int_equal(zones_of(&c, &c.topics[0].wanted[p * factor], factor),
                                         LG_MIN(factor, zones));
                    assert_true(round == 0 || compute(&c).moves == 0);
                }
                if (nodes % zones == 0)
                    is_balanced(&c);
                cluster_free(&c);
            }
}

static void two_replicas_in_one_zone_part_when_another_zone_comes(void **state)
{
    struct cluster c;

    (void)state;
    cluster_make(&c, 3, 0, 1);
    c.nodes[0].zone = lg_strdup("east");
    c.nodes[1].zone = lg_strdup("east");
    c.nodes[2].zone = lg_strdup("west");
    c.nodes[2].live = false; /* Gone for long. */
    topic_make(&c, 0, 4, 2);
    (void)compute(&c);
    accept_answer(&c);
    c.nodes[2].live = true;
    assert_int_equal(compute(&c).moves, 4);
    for (uint32_t p = 0; p < 4; p++)
        assert_int_equal(zones_of(&c, &c.topics[0].wanted[2 * p], 2), 2);
    assert_int_equal(spread_of(&c, 0, 1, false), 2); /* 2, 2 and 4: zones come first. */
    cluster_free(&c);
}

static void a_node_that_blinks_keeps_what_it_has(void **state)
{
    struct lg_assignment_result result;
    struct cluster c;

    (void)state;
    cluster_make(&c, 4, 0, 1);
    topic_make(&c, 0, 8, 2);
    (void)compute(&c);
    accept_answer(&c);
    c.nodes[1].live = false;
    c.nodes[1].gone_since_ms = c.now_ms;
    c.now_ms += 1799999;
    result = compute(&c);
    assert_int_equal(result.moves, 0);
    assert_int_equal(result.next_ms, c.now_ms + 1);
    assert_memory_equal(c.topics[0].wanted, c.topics[0].current, 16 * sizeof(uint32_t));
    c.now_ms++; /* The delay is over: its own four replicas move, and nothing else. */
    result = compute(&c);
    assert_int_equal(result.moves, 4);
    assert_int_equal(result.next_ms, INT64_MAX);
    for (uint32_t p = 0; p < 8; p++)
        for (uint32_t r = 0; r < 2; r++) {
            uint32_t was = c.topics[0].current[2 * p + r];

            assert_int_not_equal(c.topics[0].wanted[2 * p + r], 1);
            assert_true(was == 1 || c.topics[0].wanted[2 * p] == was ||
                        c.topics[0].wanted[2 * p + 1] == was);
        }
    cluster_free(&c);
}

static void below_the_minimum_a_gone_node_is_followed_before_its_delay_ends(void **state)
{
    struct cluster c;

    (void)state;
    cluster_make(&c, 4, 0, 1);
    topic_make(&c, 0, 1, 2);
    (void)compute(&c);
    accept_answer(&c);
    for (uint32_t r = 0; r < 2; r++) { /* Both are gone. */
        c.nodes[c.topics[0].current[r]].live = false;
        c.nodes[c.topics[0].current[r]].gone_since_ms = c.now_ms;
    }
    c.now_ms += 9999; /* A restart of many: not yet. */
    assert_int_equal(compute(&c).moves, 0);
    assert_int_equal(compute(&c).next_ms, c.now_ms + 1);
    c.now_ms++;
    assert_int_equal(compute(&c).moves, 1); /* One must be active; the other one may come back. */
    cluster_free(&c);
}

static void the_only_replica_stays_where_nobody_else_is(void **state)
{
    struct cluster c;

    (void)state;
    cluster_make(&c, 1, 0, 1);
    topic_make(&c, 0, 3, 1);
    (void)compute(&c);
    accept_answer(&c);
    c.nodes[0].live = false;
    c.nodes[0].gone_since_ms = c.now_ms;
    c.now_ms += 60000;
    assert_int_equal(compute(&c).missing, 0);
    assert_int_equal(c.topics[0].wanted[0], 0);
    cluster_free(&c);
}

static void a_node_that_leaves_is_emptied_and_one_that_comes_takes_its_share(void **state)
{
    struct cluster c;

    (void)state;
    cluster_make(&c, 5, 0, 2);
    topic_make(&c, 0, 30, 2);
    topic_make(&c, 1, 20, 2);
    c.nodes[4].live = false; /* Was never there. */
    (void)compute(&c);
    accept_answer(&c);
    c.nodes[4].live = true;
    assert_int_equal(compute(&c).moves, 20); /* A fifth of a hundred, all of it to the new one. */
    is_balanced(&c);
    accept_answer(&c);
    c.nodes[2].leaves = true;
    assert_true(compute(&c).moves <= 20 + 2);
    is_balanced(&c);
    for (uint32_t i = 0; i < 60; i++)
        assert_int_not_equal(c.topics[0].wanted[i], 2);
    cluster_free(&c);
}

static uint32_t held_by(const struct cluster *c, uint32_t t, uint32_t node)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < c->topics[t].partitions * c->topics[t].factor; i++)
        n += c->topics[t].wanted[i] == node;
    return n;
}

static void a_full_node_keeps_what_it_holds_and_takes_what_nobody_else_can(void **state)
{
    struct cluster c;

    (void)state;
    cluster_make(&c, 4, 0, 2);
    topic_make(&c, 0, 12, 2);
    c.topic_count = 1;
    (void)compute(&c);
    accept_answer(&c);
    assert_int_equal(held_by(&c, 0, 1), 6);
    c.nodes[1].full = true;
    topic_make(&c, 1, 12, 2);
    c.topic_count = 2;
    assert_int_equal(compute(&c).moves, 24); /* The new ones; none of the others. */
    assert_int_equal(held_by(&c, 0, 1), 6);
    assert_int_equal(held_by(&c, 1, 1), 0);
    replicas_are_apart(&c);
    accept_answer(&c);
    assert_int_equal(compute(&c).moves, 0);
    for (uint32_t i = 0; i < 4; i++)
        c.nodes[i].full = i < 3; /* One is left, and two replicas are wanted. */
    for (uint32_t i = 0; i < 24; i++)
        ((uint32_t *)(uintptr_t)c.topics[1].current)[i] = NONE;
    assert_int_equal(compute(&c).missing, 0);
    assert_int_equal(held_by(&c, 1, 3), 12);
    replicas_are_apart(&c);
    cluster_free(&c);
}

static void missing_replicas_are_told_and_lists_stay_short(void **state)
{
    struct cluster c;

    (void)state;
    cluster_make(&c, 2, 0, 1);
    topic_make(&c, 0, 3, 3);
    assert_int_equal(compute(&c).missing, 3);
    for (uint32_t p = 0; p < 3; p++)
        assert_int_equal(c.topics[0].wanted[3 * p + 2], NONE);
    replicas_are_apart(&c);
    cluster_free(&c);
}

static void no_node_is_given_more_than_it_may_hold(void **state)
{
    struct cluster c;

    (void)state;
    cluster_make(&c, 1, 0, 3);
    for (uint32_t t = 0; t < 3; t++)
        topic_make(&c, t, 1000, 1);
    assert_int_equal(compute(&c).missing, 1000);
    cluster_free(&c);
}

static void too_few_servers_and_too_many_replicas_are_refused_by_name(void **state)
{
    struct lg_error err;

    (void)state;
    assert_ok(lg_assignment_check(2, 0, 4, 3, &err));
    assert_int_equal(lg_assignment_check(1, 0, 4, 3, &err), LG_ERR_UNAVAILABLE);
    assert_non_null(
        strstr(err.text, "1 servers are live and 2 are needed for replication factor 3"));
    assert_int_equal(lg_assignment_check(0, 0, 4, 1, &err), LG_ERR_UNAVAILABLE);
    assert_ok(lg_assignment_check(1, 1996, 4, 1, &err));
    assert_int_equal(lg_assignment_check(1, 1997, 4, 1, &err), LG_ERR_TOO_LARGE);
    assert_non_null(strstr(err.text, "limit replicas (2000 for each of 1 servers)"));
}

static void a_thousand_servers_take_a_hundred_thousand_replicas(void **state)
{
    struct cluster c;

    (void)state;
    cluster_make(&c, 1001, 10, 100);
    c.nodes[1000].live = false;
    for (uint32_t t = 0; t < 100; t++)
        topic_make(&c, t, 500, 2);
    assert_int_equal(compute(&c).missing, 0);
    is_balanced(&c);
    accept_answer(&c);
    c.nodes[7].live = false; /* One is lost: what it held moves, 100 replicas. */
    c.nodes[7].gone_since_ms = -10000000;
    assert_int_equal(compute(&c).moves, 100);
    replicas_are_apart(&c);
    accept_answer(&c);
    c.nodes[1000].live = true; /* One comes: it takes its share, and nothing else moves. */
    assert_int_equal(compute(&c).moves, 100);
    cluster_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replicas_and_leaders_of_new_topics_are_balanced),
        cmocka_unit_test(what_is_settled_does_not_move_again),
        cmocka_unit_test(a_random_history_stays_balanced_and_moves_little),
        cmocka_unit_test(the_order_of_the_input_does_not_matter),
        cmocka_unit_test(zones_come_before_balance),
        cmocka_unit_test(two_replicas_in_one_zone_part_when_another_zone_comes),
        cmocka_unit_test(a_node_that_blinks_keeps_what_it_has),
        cmocka_unit_test(below_the_minimum_a_gone_node_is_followed_before_its_delay_ends),
        cmocka_unit_test(the_only_replica_stays_where_nobody_else_is),
        cmocka_unit_test(a_node_that_leaves_is_emptied_and_one_that_comes_takes_its_share),
        cmocka_unit_test(a_full_node_keeps_what_it_holds_and_takes_what_nobody_else_can),
        cmocka_unit_test(missing_replicas_are_told_and_lists_stay_short),
        cmocka_unit_test(no_node_is_given_more_than_it_may_hold),
        cmocka_unit_test(too_few_servers_and_too_many_replicas_are_refused_by_name),
        cmocka_unit_test(a_thousand_servers_take_a_hundred_thousand_replicas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
