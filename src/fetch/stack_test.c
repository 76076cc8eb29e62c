/* The router's stack against servers that answer by script: the bytes it sends (wire-formats 5),
 * and what it makes of every kind of answer. */
#include "base/str.h"
#include "fetch/quota.h"
#include "read/wire.h"
#include "test/lib/stack_rig.h"

/* --- One key. ----------------------------------------------------------------------------------
 */

static void one_key_is_a_get_with_the_key_in_base64(void **state)
{
    struct stack_rig *r = *state;

    r->node[0].script = (struct stack_script){200, "7", "0c76616c756531", false};
    stack_read_one(r);
    assert_rc(LG_OK, r->read.rc);
    stack_has_value(r, 0, "0c76616c756531", 7);
    assert_int_equal(r->node[0].method, LG_HTTP_GET);
    assert_string_equal(r->node[0].target, "/storage/cities_v3/8/CGtleTE=?f=b64");
    assert_string_equal(r->node[0].version, "1");
    assert_int_equal(r->node[0].retries, 0);
    assert_int_equal(r->node[0].body.size, 0);
}

static void the_base64_of_a_key_is_safe_in_a_path(void **state)
{
    struct stack_rig *r = *state;
    struct lg_slice key = LG_LIT("\xfb\xff\xfe?");

    r->node[0].script = (struct stack_script){200, "1", "00", false};
    stack_read_keys(r, &key, 1);
    assert_string_equal(r->node[0].target, "/storage/cities_v3/8/-__-Pw==?f=b64");
}

static void an_empty_value_is_a_value(void **state)
{
    struct stack_rig *r = *state;

    r->node[0].script = (struct stack_script){200, "1", "", false};
    stack_read_one(r);
    assert_rc(LG_OK, r->read.rc);
    stack_has_value(r, 0, "", 1);
}

static void not_found_is_an_answer_and_not_asked_elsewhere(void **state)
{
    struct stack_rig *r = *state;

    r->holds[1] = true;
    for (size_t i = 0; i < 2; i++)
        r->node[i].script = (struct stack_script){404, "-1", "", false};
    stack_read_one(r);
    assert_rc(LG_OK, r->read.rc);
    assert_rc(LG_ERR_NOT_FOUND, r->keys[0].rc);
    assert_int_equal(r->node[0].asked + r->node[1].asked, 1);
    assert_int_equal(lg_fetch_stack_counters(r->stack)->not_found, 1);
    assert_int_equal(lg_fetch_stack_counters(r->stack)->retries, 0);
}

/* --- Several keys. -----------------------------------------------------------------------------
 */

static void several_keys_are_a_post_of_router_request_keys(void **state)
{
    struct stack_rig *r = *state;
    LG_SCOPED(lg_buf) want = {0};

    /* Answered in the other order: records are found by their index. */
    r->node[0].script = (struct stack_script){200, "1",
                                              "02"
                                              "0262"
                                              "04"
                                              "00"
                                              "0e0c76616c756531"
                                              "02",
                                              false};
    stack_read_two(r);
    assert_rc(LG_OK, r->read.rc);
    stack_has_value(r, 0, "0c76616c756531", 1);
    stack_has_value(r, 1, "62", 2);
    assert_int_equal(r->node[0].asked, 1);
    assert_int_equal(r->node[0].method, LG_HTTP_POST);
    assert_string_equal(r->node[0].target, "/storage/cities_v3");
    assert_string_equal(r->node[0].version, "1");
    assert_int_equal(r->node[0].retries, 0);
    assert_true(lg_hex_decode(&want, LG_LIT("0004026110"
                                            "020a086b657931"
                                            "10")));
    assert_slice_equal(lg_buf_slice(&r->node[0].body), lg_buf_slice(&want));
}

static void keys_travel_in_the_order_of_their_partitions(void **state)
{
    struct stack_rig *r = *state;
    LG_SCOPED(lg_buf) want = {0};

    r->spread = true;
    r->node[0].script = (struct stack_script){200, "1", "00026202", false};
    stack_read_two(r);
    assert_rc(LG_OK, r->read.rc);
    assert_rc(LG_ERR_NOT_FOUND, r->keys[0].rc);
    stack_has_value(r, 1, "62", 1); /* Partition 7 goes first: index 0 on the wire. */
    assert_true(lg_hex_decode(&want, LG_LIT("000a086b6579310e0204026110")));
    assert_slice_equal(lg_buf_slice(&r->node[0].body), lg_buf_slice(&want));
    assert_int_equal(r->node[0].asked, 1);
}

static void several_partitions_that_nobody_has_together_are_asked_one_by_one(void **state)
{
    struct stack_rig *r = *state;

    r->spread = true;
    r->node[0].script = (struct stack_script){400, NULL, "", false};
    stack_read_two(r);
    assert_rc(LG_ERR_UNREADY, r->read.rc);
    assert_int_equal(r->node[0].asked, 3); /* Both, then each. */
    assert_int_equal(r->node[0].retries, 2);
    assert_int_equal(r->node[0].method, LG_HTTP_GET);
}

static void keys_that_are_omitted_are_not_found(void **state)
{
    struct stack_rig *r = *state;

    r->node[0].script = (struct stack_script){200, "1", "02026202", false};
    stack_read_two(r);
    assert_rc(LG_OK, r->read.rc);
    assert_rc(LG_ERR_NOT_FOUND, r->keys[0].rc);
    stack_has_value(r, 1, "62", 1);
    r->node[0].script = (struct stack_script){200, "1", "", false};
    stack_read_two(r);
    assert_rc(LG_OK, r->read.rc);
    assert_rc(LG_ERR_NOT_FOUND, r->keys[0].rc);
    assert_rc(LG_ERR_NOT_FOUND, r->keys[1].rc);
}

/* --- Long keys. --------------------------------------------------------------------------------
 */

#define LONG_KEY_BYTES ((size_t)30000)
/* With the words around it, the longest that fits into a target. */
#define GET_KEY_BYTES ((size_t)24555)

static struct lg_slice key_of(struct lg_buf *out, size_t bytes)
{
    while (out->size < bytes)
        lg_buf_append_byte(out, 'k');
    return lg_buf_slice(out);
}

static void a_long_key_alone_on_its_server_is_a_post_of_one(void **state)
{
    struct stack_rig *r = *state;
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) want = {0};
    struct lg_slice keys[2] = {stack_two_keys[0], key_of(&key, LONG_KEY_BYTES)};

    lg_wire_key_add(&want, &(struct lg_wire_key){0, keys[1], 7});
    r->spread = r->holds[1] = true;
    r->lacks[0][7] = r->lacks[1][8] = true; /* Each server has one key of the batch. */
    r->node[0].script = (struct stack_script){200, "1", "62", false};
    r->node[1].script = (struct stack_script){200, "1", "00026304", false};
    for (unsigned i = 0; i < LG_HOST_FAILURES; i++) {
        stack_read_keys(r, keys, 2);
        assert_rc(LG_OK, r->read.rc);
        stack_has_value(r, 0, "62", 1);
        stack_has_value(r, 1, "63", 2);
    }
    assert_int_equal(r->node[0].method, LG_HTTP_GET);
    assert_int_equal(r->node[1].method, LG_HTTP_POST);
    assert_string_equal(r->node[1].target, "/storage/cities_v3");
    assert_slice_equal(lg_buf_slice(&r->node[1].body), lg_buf_slice(&want));
    r->node[1].script.body_hex = ""; /* Omitted: there is none. */
    stack_read_keys(r, keys, 2);
    assert_rc(LG_OK, r->read.rc);
    assert_rc(LG_ERR_NOT_FOUND, r->keys[1].rc);
}

static void the_longest_key_of_a_get_is_one_that_fits_its_target(void **state)
{
    struct stack_rig *r = *state;
    LG_SCOPED(lg_buf) key = {0};
    struct lg_slice one = key_of(&key, GET_KEY_BYTES);

    r->node[0].script = (struct stack_script){200, "1", "62", false};
    stack_read_keys(r, &one, 1);
    stack_has_value(r, 0, "62", 1);
    assert_int_equal(r->node[0].method, LG_HTTP_GET);
    assert_true(strlen(r->node[0].target) + 4 > LG_HTTP1_TARGET_BYTES_MAX);
    r->node[0].script.body_hex = "00026302";
    one = key_of(&key, GET_KEY_BYTES + 1);
    stack_read_keys(r, &one, 1);
    stack_has_value(r, 0, "63", 1);
    assert_int_equal(r->node[0].method, LG_HTTP_POST);
}

/* A call that is refused before it is sent says nothing about a server. */
static void a_call_that_cannot_be_sent_is_not_its_servers_fault(void **state)
{
    struct stack_rig *r = *state;
    char *address = r->host[0]->address, nowhere[] = "";

    r->host[0]->address = nowhere;
    for (unsigned i = 0; i < LG_HOST_FAILURES; i++) {
        stack_read_one(r);
        assert_rc(LG_ERR_INVALID, r->read.rc);
    }
    r->host[0]->address = address;
    assert_int_equal(r->host[0]->failures, 0);
    assert_int_equal(r->host[0]->pending, 0);
    assert_false(lg_host_avoided(r->host[0], lg_lane_now_us(r->lane)));
}

/* --- Answers that are none. --------------------------------------------------------------------
 */

/* What a server says, what a read of one or two keys comes to without another server. */
static const struct {
    struct stack_script script;
    bool several;
    enum lg_rc want;
    const char *says;
} refusals[] = {
    {{200, NULL, "00", false}, false, LG_ERR_BAD_ANSWER, "answered without a schema id"},
    {{200, "x", "00", false}, false, LG_ERR_BAD_ANSWER, "answered without a schema id"},
    {{200, "-1", "00", false}, false, LG_ERR_BAD_ANSWER, "answered without a schema id"},
    {{200, "0", "00", false}, false, LG_ERR_BAD_ANSWER, "answered without a schema id"},
    {{503, NULL, "627573792e", false}, false, LG_ERR_UNREADY, "world:8001 answered 503: busy."},
    {{400, NULL, "", false}, false, LG_ERR_UNREADY, "answered 400"},
    {{500, NULL, "", false}, true, LG_ERR_UNREADY, "answered 500"},
    {{429, NULL, "", false}, true, LG_ERR_QUOTA, "answered 429: Too Many Requests"},
    {{529, NULL, "", false}, true, LG_ERR_OVERLOADED, "answered 529"},
    {{413, NULL, "", false}, true, LG_ERR_TOO_LARGE, "answered 413"},
    {{302, NULL, "", false}, true, LG_ERR_BAD_ANSWER, "answered 302"},
    {{404, NULL, "", false}, true, LG_ERR_BAD_ANSWER, "answered 404"}, /* never for a POST */
    {{200, "1", "00", false}, true, LG_ERR_BAD_ANSWER, "sent a malformed answer"},
    {{200, "1", "0002620202", false}, true, LG_ERR_BAD_ANSWER, "sent a malformed answer"},
    {{200, "1", "04026202", false}, true, LG_ERR_BAD_ANSWER, "answered key 2 of 2"},
    {{200, "1", "01026202", false}, true, LG_ERR_BAD_ANSWER, "answered key -1 of 2"},
};

static void an_answer_that_is_none_fails_the_read_and_says_why(void **state)
{
    struct stack_rig *r = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(refusals); i++) {
        r->node[0].script = refusals[i].script;
        if (refusals[i].several)
            stack_read_two(r);
        else
            stack_read_one(r);
        if (r->read.rc != refusals[i].want)
            fail_msg("row %zu: %s: %s", i, lg_rc_name(r->read.rc), r->read.err.text);
        assert_non_null(strstr(r->read.err.text, refusals[i].says));
        for (size_t k = 0; k < r->read.key_count; k++)
            assert_rc(refusals[i].want, r->keys[k].rc); /* No half answers. */
    }
}

static void what_one_server_cannot_another_can(void **state)
{
    struct stack_rig *r = *state;
    uint64_t repeatable = 0;

    r->holds[1] = true;
    for (size_t i = 0; i < LG_ARRAY_SIZE(refusals); i++) {
        enum lg_rc want = refusals[i].want;

        lg_sim_run_us(r->sim, 2 * LG_HOST_AVOID_US); /* Bygones. */
        repeatable += lg_rc_retry(want) == LG_RETRY_ELSEWHERE;
        r->node[0].script = refusals[i].script;
        r->node[1].script =
            (struct stack_script){200, "1", refusals[i].several ? "02026202" : "62", false};
        for (int round = 0; round < 2; round++) { /* One of them begins with the first. */
            if (refusals[i].several)
                stack_read_two(r);
            else
                stack_read_one(r);
            if (lg_rc_retry(want) != LG_RETRY_ELSEWHERE && r->read.rc != LG_OK) {
                assert_rc(want, r->read.rc);
                continue;
            }
            assert_rc(LG_OK, r->read.rc);
            stack_has_value(r, refusals[i].several ? 1 : 0, "62", 1);
            if (refusals[i].several)
                assert_rc(LG_ERR_NOT_FOUND, r->keys[0].rc);
        }
    }
    assert_true(lg_fetch_stack_counters(r->stack)->retries >= repeatable);
}

/* --- When to come back. ------------------------------------------------------------------------
 */

static void a_refusal_says_when_to_come_back_as_its_server_did(void **state)
{
    static const struct {
        int status;
        const char *retry_after;
        uint32_t want_ms;
    } rows[] = {
        {429, "7", 7000},
        {529, "2", 2000},
        {503, "5", 5000},
        {429, "99999999999", 3600000},
        {429, "soon", 0},
        {529, "Wed, 21 Oct 2026 07:28:00 GMT", 0},
        {529, NULL, 0},
        {503, NULL, 0},
        {429, NULL, LG_QUOTA_NEVER_MS}, /* It can never hold the request. */
    };
    struct stack_rig *r = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        lg_sim_run_us(r->sim, 2 * LG_HOST_AVOID_US);
        r->node[0].script = (struct stack_script){rows[i].status, NULL, "", false};
        r->node[0].retry_after = rows[i].retry_after;
        stack_read_one(r);
        assert_int_not_equal(r->read.rc, LG_OK);
        assert_int_equal(r->read.retry_after_ms, rows[i].want_ms);
        stack_read_two(r);
        assert_int_equal(r->read.retry_after_ms, rows[i].want_ms);
    }
}

/* Earlier than the last of them says, the whole cannot be answered. */
static void of_several_servers_the_longest_time_counts(void **state)
{
    struct stack_rig *r = *state;

    r->spread = r->holds[1] = true;
    r->lacks[0][7] = r->lacks[1][8] = true; /* Each server has one key of the batch. */
    r->node[0].script = r->node[1].script = (struct stack_script){429, NULL, "", false};
    r->node[0].retry_after = "9";
    r->node[1].retry_after = "3";
    stack_read_two(r);
    assert_rc(LG_ERR_QUOTA, r->read.rc);
    assert_int_equal(r->read.retry_after_ms, 9000);
    r->node[1].retry_after = NULL;
    stack_read_two(r);
    assert_int_equal(r->read.retry_after_ms, LG_QUOTA_NEVER_MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stack_rig_up, stack_rig_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_key_is_a_get_with_the_key_in_base64),
        TEST(the_base64_of_a_key_is_safe_in_a_path),
        TEST(an_empty_value_is_a_value),
        TEST(not_found_is_an_answer_and_not_asked_elsewhere),
        TEST(several_keys_are_a_post_of_router_request_keys),
        TEST(keys_travel_in_the_order_of_their_partitions),
        TEST(several_partitions_that_nobody_has_together_are_asked_one_by_one),
        TEST(keys_that_are_omitted_are_not_found),
        TEST(a_long_key_alone_on_its_server_is_a_post_of_one),
        TEST(the_longest_key_of_a_get_is_one_that_fits_its_target),
        TEST(a_call_that_cannot_be_sent_is_not_its_servers_fault),
        TEST(an_answer_that_is_none_fails_the_read_and_says_why),
        TEST(what_one_server_cannot_another_can),
        TEST(a_refusal_says_when_to_come_back_as_its_server_did),
        TEST(of_several_servers_the_longest_time_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
