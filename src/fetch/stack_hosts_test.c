/* The router's stack and servers that refuse, are overloaded, silent or gone: whom it asks then,
 * what it tells them, and how it ends. */
#include "base/rand.h"
#include "test/lib/stack_rig.h"

/* --- What servers are told of retries. ---------------------------------------------------------
 */

static void a_retry_says_that_it_is_one(void **state)
{
    struct stack_rig *r = *state;

    r->holds[1] = true;
    r->node[0].script = (struct stack_script){503, NULL, "", false};
    r->node[0].retry_after = "5"; /* Said of no answer that another one gave. */
    r->node[1].script = (struct stack_script){200, "1", "", false};
    for (unsigned i = 0; i < 4; i++) { /* Until the first is avoided. */
        stack_read_one(r);
        assert_rc(LG_OK, r->read.rc);
        stack_read_two(r);
        assert_rc(LG_OK, r->read.rc);
        assert_int_equal(r->read.retry_after_ms, 0);
    }
    assert_true(r->node[0].asked > 0);
    assert_int_equal(r->node[0].retries, 0);
    assert_int_equal(r->node[1].retries, r->node[0].asked);
    assert_true(r->node[1].asked > r->node[1].retries);
}

static void a_hedge_says_that_it_is_a_retry(void **state)
{
    struct stack_rig *r = *state;

    r->holds[1] = true;
    r->node[0].script.silent = true;
    r->node[1].script = (struct stack_script){200, "1", "", false};
    stack_read_two(r);
    assert_rc(LG_OK, r->read.rc);
    assert_int_equal(lg_fetch_stack_counters(r->stack)->hedges_won, 1);
    assert_int_equal(r->node[0].retries, 0);
    assert_int_equal(r->node[1].retries, 1);
    stack_read_one(r); /* The first is avoided: nothing of it is a retry. */
    assert_int_equal(r->node[1].asked, 2);
    assert_int_equal(r->node[1].retries, 1);
}

/* --- An overloaded server, of which no one other has all partitions. ---------------------------
 */

#define OVERLOADED ((struct stack_script){529, NULL, "", false})
#define NOT_THERE ((struct stack_script){503, NULL, "", false})

/* The first has partitions 5 to 8, the second 7 and 8, the third 5 to 7; the fourth is not there.
 * The first is asked first, for all. */
static void make_overlap(struct stack_rig *r)
{
    r->spread = r->holds[1] = r->holds[2] = true;
    r->lacks[1][5] = r->lacks[1][6] = r->lacks[2][8] = true;
    r->node[0].script = OVERLOADED;
}

static void read_four(struct stack_rig *r)
{
    static const struct lg_slice four[STACK_KEYS] = {
        {(const uint8_t *)"8", 1},
        {(const uint8_t *)"7", 1},
        {(const uint8_t *)"6", 1},
        {(const uint8_t *)"5", 1},
    };

    stack_read_keys(r, four, STACK_KEYS);
}

static void were_asked(const struct stack_rig *r, unsigned a, unsigned b, unsigned c)
{
    assert_int_equal(r->node[0].asked, a);
    assert_int_equal(r->node[1].asked, b);
    assert_int_equal(r->node[2].asked, c);
}

static void the_part_of_an_overloaded_server_is_asked_of_several(void **state)
{
    struct stack_rig *r = *state;

    make_overlap(r);
    r->node[1].script = (struct stack_script){200, "1", "0002370202023802", false};
    r->node[2].script = (struct stack_script){200, "1", "0002350202023602", false};
    read_four(r);
    assert_rc(LG_OK, r->read.rc);
    stack_has_value(r, 0, "38", 1);
    stack_has_value(r, 1, "37", 1);
    stack_has_value(r, 2, "36", 1);
    stack_has_value(r, 3, "35", 1);
    were_asked(r, 1, 1, 1);
    assert_int_equal(r->node[0].retries, 0);
    assert_int_equal(r->node[1].retries, 1);
    assert_int_equal(r->node[2].retries, 1);
}

static void when_all_are_overloaded_nothing_is_asked_a_third_time(void **state)
{
    struct stack_rig *r = *state;

    make_overlap(r);
    r->node[1].script = r->node[2].script = OVERLOADED;
    read_four(r);
    assert_rc(LG_ERR_OVERLOADED, r->read.rc);
    for (size_t i = 0; i < STACK_KEYS; i++)
        assert_rc(LG_ERR_OVERLOADED, r->keys[i].rc);
    were_asked(r, 1, 1, 1);
}

static void the_neighbour_that_has_all_was_the_one_more_try(void **state)
{
    struct stack_rig *r = *state;

    make_overlap(r);
    memset(r->lacks[1], 0, sizeof r->lacks[1]);
    r->node[1].script = r->node[2].script = OVERLOADED;
    read_four(r);
    assert_rc(LG_ERR_OVERLOADED, r->read.rc);
    were_asked(r, 1, 1, 0);
}

static void what_only_the_overloaded_server_has_is_not_asked_again(void **state)
{
    struct stack_rig *r = *state;

    make_overlap(r);
    r->lacks[2][5] = r->lacks[2][6] = true; /* It keeps 7, where the second goes before. */
    r->node[1].script = (struct stack_script){200, "1", "0002370202023802", false};
    r->node[2].script = OVERLOADED;
    read_four(r);
    assert_rc(LG_ERR_OVERLOADED, r->read.rc);
    assert_string_equal(r->read.err.text, "world:8001 answered 529: Site is overloaded");
    stack_has_value(r, 0, "38", 1);
    stack_has_value(r, 1, "37", 1);
    assert_rc(LG_ERR_OVERLOADED, r->keys[2].rc);
    assert_rc(LG_ERR_OVERLOADED, r->keys[3].rc);
    were_asked(r, 1, 1, 0);
}

/* By partition now, and still without the overloaded one. */
static void a_part_that_was_moved_is_split_when_its_server_cannot(void **state)
{
    struct stack_rig *r = *state;

    make_overlap(r);
    r->holds[3] = true;
    r->lacks[3][5] = r->lacks[3][6] = r->lacks[3][7] = true;
    r->node[1].script = NOT_THERE;
    r->node[2].script = r->node[3].script = (struct stack_script){200, "1", "", false};
    read_four(r);
    assert_rc(LG_OK, r->read.rc);
    stack_has_value(r, 0, "", 1); /* One key of a partition is a GET. */
    stack_has_value(r, 1, "", 1);
    assert_rc(LG_ERR_NOT_FOUND, r->keys[2].rc);
    assert_rc(LG_ERR_NOT_FOUND, r->keys[3].rc);
    assert_int_equal(r->node[0].asked, 1);
}

static void an_overloaded_server_stays_unasked_when_its_neighbour_cannot(void **state)
{
    struct stack_rig *r = *state;

    make_overlap(r);
    memset(r->lacks[1], 0, sizeof r->lacks[1]);
    r->node[1].script = NOT_THERE;
    r->node[2].script = (struct stack_script){200, "1", "", false};
    read_four(r);
    assert_rc(LG_ERR_UNREADY, r->read.rc); /* 8 */
    for (size_t i = 1; i < STACK_KEYS; i++)
        stack_has_value(r, i, "", 1);
    assert_int_equal(r->node[0].asked, 1);
}

/* --- Servers that are gone, silent or none. ----------------------------------------------------
 */

static void a_server_that_is_gone_is_replaced_and_then_avoided(void **state)
{
    struct stack_rig *r = *state;
    unsigned before;

    r->holds[1] = true;
    r->host[0]->port = 9; /* Nobody listens there. */
    r->node[1].script = (struct stack_script){200, "1", "62", false};
    for (int i = 0; i < 12; i++) {
        stack_read_one(r);
        assert_rc(LG_OK, r->read.rc);
    }
    before = (unsigned)lg_fetch_stack_counters(r->stack)->retries;
    assert_true(before >= LG_HOST_FAILURES && before < 12);
    r->host[0]->port = STACK_PORT;
}

static void silence_ends_at_the_deadline(void **state)
{
    struct stack_rig *r = *state;
    uint64_t begun = lg_lane_now_us(r->lane);

    r->node[0].script.silent = true;
    stack_read_one(r);
    assert_rc(LG_ERR_TIMEOUT, r->read.rc);
    assert_true(lg_lane_now_us(r->lane) - begun < 2 * LG_SEC);
}

/* It took the request over its connection, and says nothing: SIGSTOP looks so from outside. */
static void a_stopped_server_costs_no_read(void **state)
{
    struct stack_rig *r = *state;

    r->holds[1] = true;
    r->node[0].script.silent = true;
    r->node[1].script = (struct stack_script){200, "1", "62", false};
    for (int i = 0; i < 4; i++) {
        stack_read_one(r);
        assert_rc(LG_OK, r->read.rc);
        stack_has_value(r, 0, "62", 1);
    }
    assert_int_equal(r->node[0].asked, 1);
    assert_int_equal(lg_fetch_stack_counters(r->stack)->hedges_won, 1);
    assert_int_equal(r->host[0]->pending, 0);
    lg_sim_run_us(r->sim, LG_HOST_AVOID_US);
    lg_http_respond_text(LG_TAKE(r->node[0].held), 200, "late");
    r->node[0].script = (struct stack_script){200, "1", "63", false};
    stack_read_one(r); /* It goes on. */
    stack_has_value(r, 0, "63", 1);
    assert_false(lg_host_avoided(r->host[0], lg_lane_now_us(r->lane)));
}

static void a_partition_without_a_replica_says_so(void **state)
{
    struct stack_rig *r = *state;

    r->holds[0] = false;
    stack_read_one(r);
    assert_rc(LG_ERR_UNREADY, r->read.rc);
    assert_string_equal(r->read.err.text, "no server is ready for cities_v3 partition 8");
    stack_read_two(r);
    assert_rc(LG_ERR_UNREADY, r->read.rc);
}

static void a_server_that_is_asked_for_a_dictionary_is_not_forgotten(void **state)
{
    struct stack_rig *r = *state;

    r->node[0].script = (struct stack_script){200, "1", "00", false};
    r->node[0].packs = true;
    stack_read_one(r);
    assert_rc(LG_ERR_TIMEOUT, r->read.rc);
    assert_non_null(strstr(r->read.err.text, "world:8001"));
    assert_string_equal(r->host[0]->name, "world:8001");
    assert_int_equal(r->host[0]->holds, 0);
    stack_meet_many(r);
    assert_string_not_equal(r->host[0]->name, "world:8001");
    assert_true(lg_host_table_size(r->hosts) <= LG_HOSTS_MAX + 1);
}

/* --- The end. ----------------------------------------------------------------------------------
 */

/* One copy of it failed and the other is under way, which is cancelled. */
static void a_read_in_flight_ends_when_the_stack_stops(void **state)
{
    struct stack_rig *r = *state;

    r->node[0].script.silent = true;
    r->node[1].script = (struct stack_script){503, "1", "", false};
    r->holds[1] = true;
    lg_host_went_silent(r->host[1], 0); /* So that it is the second to be asked. */
    stack_begin_keys(r, stack_two_keys, 1);
    lg_sim_run_us(r->sim, LG_SEC * 4 / 10);
    assert_int_equal(r->node[0].asked, 1);
    assert_int_equal(r->node[1].asked, 1);
    assert_int_equal(r->settled, 0);
    r->holds[2] = true; /* It is asked no more. */
    stack_stop(r);
    assert_int_not_equal(r->read.rc, LG_OK);
    assert_int_equal(r->settled, 1);
    assert_int_equal(r->node[2].asked, 0);
}

/* It has failed already, and is to be told of that. */
static void a_read_that_nobody_can_answer_ends_when_the_stack_stops(void **state)
{
    struct stack_rig *r = *state;

    r->holds[0] = false;
    stack_begin_keys(r, stack_two_keys, 1);
    stack_stop(r);
    assert_rc(LG_ERR_UNREADY, r->read.rc);
    assert_int_equal(r->settled, 1);
}

static void a_read_that_waits_for_a_dictionary_ends_when_the_stack_stops(void **state)
{
    struct stack_rig *r = *state;

    r->holds[1] = true;
    r->node[0].script = r->node[1].script = (struct stack_script){200, "1", "00", false};
    r->node[0].packs = r->node[1].packs = true;
    stack_begin_keys(r, stack_two_keys, 1);
    lg_sim_run_us(r->sim, LG_SEC / 10);
    assert_int_equal(r->settled, 0);
    assert_int_equal(r->node[0].asked + r->node[1].asked, 2); /* the value, the dictionary */
    stack_stop(r);
    assert_rc(LG_ERR_CANCELLED, r->read.rc);
    assert_int_equal(r->settled, 1);
    assert_int_equal(r->node[0].asked + r->node[1].asked, 2);
}

static bool is_decoding(void *ctx)
{
    return ((struct stack_rig *)ctx)->node[0].asked == 1 &&
           ((struct stack_rig *)ctx)->host[0]->pending == 0;
}

/* On the pool, which is not cancelled. */
static void a_read_whose_value_is_decompressed_is_answered_when_the_stack_stops(void **state)
{
    struct stack_rig *r = *state;
    LG_SCOPED(lg_buf) plain = {0}, packed = {0};
    size_t bytes = 2 * LG_DECODE_INLINE_BYTES_MAX;
    struct lg_value_codec *codec;
    struct lg_rand rand;
    struct lg_error err;

    lg_rand_seed(&rand, 3);
    lg_rand_bytes(&rand, lg_buf_reserve(&plain, bytes), bytes);
    lg_buf_commit(&plain, bytes);
    assert_ok(lg_value_codec_new(LG_COMPRESSION_GZIP, LG_SLICE_NULL, &codec, &err));
    assert_ok(lg_value_codec_pack(codec, lg_buf_slice(&plain), &packed, &err));
    lg_value_codec_free(codec);
    r->node[0].script = (struct stack_script){200, "1", "", false};
    r->node[0].gzip = lg_buf_slice(&packed);
    stack_begin_keys(r, stack_two_keys, 1);
    assert_true(lg_sim_run_until(r->sim, is_decoding, r, LG_SEC));
    assert_int_equal(r->settled, 0);
    stack_stop(r);
    assert_rc(LG_OK, r->read.rc);
    assert_int_equal(r->settled, 1);
    assert_slice_equal(r->keys[0].value, lg_buf_slice(&plain));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stack_rig_up, stack_rig_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_retry_says_that_it_is_one),
        TEST(a_hedge_says_that_it_is_a_retry),
        TEST(the_part_of_an_overloaded_server_is_asked_of_several),
        TEST(when_all_are_overloaded_nothing_is_asked_a_third_time),
        TEST(the_neighbour_that_has_all_was_the_one_more_try),
        TEST(what_only_the_overloaded_server_has_is_not_asked_again),
        TEST(a_part_that_was_moved_is_split_when_its_server_cannot),
        TEST(an_overloaded_server_stays_unasked_when_its_neighbour_cannot),
        TEST(a_server_that_is_gone_is_replaced_and_then_avoided),
        TEST(silence_ends_at_the_deadline),
        TEST(a_stopped_server_costs_no_read),
        TEST(a_partition_without_a_replica_says_so),
        TEST(a_server_that_is_asked_for_a_dictionary_is_not_forgotten),
        TEST(a_read_in_flight_ends_when_the_stack_stops),
        TEST(a_read_that_nobody_can_answer_ends_when_the_stack_stops),
        TEST(a_read_that_waits_for_a_dictionary_ends_when_the_stack_stops),
        TEST(a_read_whose_value_is_decompressed_is_answered_when_the_stack_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
