/* The router's stack on the simulated network, against servers that answer by script: the bytes
 * it sends (wire-formats 5), and what it makes of every kind of answer. */
#include "base/str.h"
#include "drivers/sim/transport_sim.h"
#include "fetch/layers.h"
#include "fetch/quota.h"
#include "net/http1.h"
#include "net/http_server.h"
#include "read/wire.h"
#include "test/test.h"

#define KEYS 4u
#define NODES 4u
#define PORT_A 8001 /* of the first; the others follow */

/* --- Storage nodes by script. ------------------------------------------------------------------
 */

struct script {
    int status;
    const char *schema_id; /* NULL: no such header */
    const char *body_hex;
    bool silent; /* never answers */
};

struct node {
    struct rig *rig;
    struct lg_http_server *http;
    struct script script;
    const char *retry_after; /* NULL: no such header */
    bool packs;              /* with a dictionary, for which it is asked in vain */
    unsigned asked, retries; /* of these, as the header says */
    enum lg_http_method method;
    char target[LG_HTTP1_TARGET_BYTES_MAX + 1], version[20];
    struct lg_buf body;
    struct lg_http_request *held; /* of a silent one */
};

struct rig {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_host_table *hosts;
    struct lg_host *host[NODES];
    bool holds[NODES];
    bool lacks[NODES][10]; /* partitions that it does not hold all the same */
    struct node node[NODES];
    struct lg_fetch_stack *stack;

    struct lg_read read;
    struct lg_read_key keys[KEYS], *pointers[KEYS];
    unsigned settled;
    bool spread; /* each key in a partition of its own, in falling order; else all in 8 */
};

static void keep(char *out, size_t size, struct lg_slice s)
{
    assert_true(s.size < size);
    memcpy(out, s.data == NULL ? (const uint8_t *)"" : s.data, s.size);
    out[s.size] = 0;
}

/* As many new servers as make a table forget who is not used. */
static void meet_many(struct rig *r)
{
    for (uint32_t i = 0; i < 2 * LG_HOSTS_MAX; i++)
        (void)lg_host_table_get(r->hosts, "pod", (uint16_t)i);
}

static void handle(void *ctx, struct lg_http_request *rq)
{
    struct node *n = ctx;
    struct lg_http_header headers[3];
    size_t header_count = 0;
    bool is_dictionary = lg_slice_starts(rq->target, LG_LIT("/dictionary/"));
    LG_SCOPED(lg_buf) body = {0};

    n->asked++;
    n->retries += lg_slice_eq_str(lg_http_header(&rq->headers, "X-VENICE-RETRY"), "1");
    n->method = rq->method;
    keep(n->target, sizeof n->target, rq->target);
    keep(n->version, sizeof n->version, lg_http_header(&rq->headers, "X-VENICE-API-VERSION"));
    lg_buf_clear(&n->body);
    lg_buf_append_slice(&n->body, rq->body);
    if (is_dictionary)
        meet_many(n->rig);
    if (n->script.silent || is_dictionary) {
        n->held = rq;
        return;
    }
    if (n->packs || n->script.schema_id != NULL)
        headers[header_count++] = (struct lg_http_header){LG_LIT("X-VENICE-SCHEMA-ID"),
                                                          lg_slice_str(n->script.schema_id)};
    if (n->packs)
        headers[header_count++] =
            (struct lg_http_header){LG_LIT("X-VENICE-COMPRESSION-STRATEGY"), LG_LIT("3")};
    if (n->retry_after != NULL)
        headers[header_count++] =
            (struct lg_http_header){LG_LIT("Retry-After"), lg_slice_str(n->retry_after)};
    assert_true(lg_hex_decode(&body, lg_slice_str(n->script.body_hex)));
    lg_http_respond(rq, &(struct lg_http_response){.status = n->script.status,
                                                   .headers = headers,
                                                   .header_count = header_count,
                                                   .body = lg_buf_slice(&body)});
}

static size_t ready(void *ctx, const char *topic, uint32_t partition,
                    struct lg_host *out[LG_REPLICAS_MAX])
{
    const struct rig *r = ctx;
    size_t n = 0;

    assert_string_equal(topic, "cities_v3");
    for (size_t i = 0; i < NODES; i++)
        if (r->holds[i] && !r->lacks[i][partition])
            out[n++] = r->host[i];
    return n;
}

static void node_up(struct rig *r, size_t i)
{
    struct lg_http_server_options o = {.transport = lg_net_sim_transport(r->net),
                                       .lane = r->lane,
                                       .host = "world",
                                       .port = (uint16_t)(PORT_A + i),
                                       .handler = handle,
                                       .ctx = &r->node[i]};
    struct lg_error err = {0};

    assert_ok(lg_http_server_start(&o, &r->node[i].http, &err));
}

static int rig_up(void **state)
{
    struct rig *r = lg_new(struct rig);

    r->sim = lg_sim_new(5);
    r->net = lg_net_sim_new(r->sim);
    r->lane = lg_sim_lane_new(r->sim, NULL, "lane");
    r->hosts = lg_host_table_new();
    r->holds[0] = true;
    for (size_t i = 0; i < NODES; i++) {
        r->host[i] = lg_host_table_get(r->hosts, "world", (uint16_t)(PORT_A + i));
        node_up(r, i);
        r->node[i].rig = r;
    }
    r->stack =
        lg_fetch_stack_new(&(struct lg_fetch_options){.lane = r->lane,
                                                      .transport = lg_net_sim_transport(r->net),
                                                      .hosts = r->hosts,
                                                      .source = {.ready = ready, .ctx = r}});
    *state = r;
    return 0;
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static int rig_down(void **state)
{
    struct rig *r = *state;

    lg_fetch_stack_free(r->stack);
    for (size_t i = 0; i < NODES; i++) {
        if (r->node[i].held != NULL)
            lg_http_respond_text(r->node[i].held, 200, "late");
        lg_http_server_stop(r->node[i].http, 0, nothing, NULL);
        lg_buf_done(&r->node[i].body);
    }
    lg_sim_run_us(r->sim, LG_SEC);
    lg_arena_free(r->read.arena);
    lg_host_table_free(r->hosts);
    lg_sim_free(r->sim);
    lg_net_sim_free(r->net);
    lg_free(r);
    return 0;
}

/* --- One read. ---------------------------------------------------------------------------------
 */

static void settled(struct lg_read *read)
{
    LG_CONTAINER_OF(read, struct rig, read)->settled++;
}

static bool is_settled(void *ctx)
{
    return ((struct rig *)ctx)->settled > 0;
}

static void begin_keys(struct rig *r, const struct lg_slice *keys, size_t count)
{
    lg_arena_free(r->read.arena);
    memset(&r->read, 0, sizeof r->read);
    memset(r->keys, 0, sizeof r->keys);
    for (size_t i = 0; i < count; i++) {
        r->keys[i].key = keys[i];
        r->keys[i].partition = r->spread ? 8 - (uint32_t)i : 8;
        r->keys[i].index = (uint32_t)i;
        r->pointers[i] = &r->keys[i];
    }
    r->read.topic = "cities_v3";
    r->read.keys = r->pointers;
    r->read.key_count = count;
    r->read.single = count == 1;
    r->read.arena = lg_arena_new(0);
    r->read.deadline_us = lg_lane_now_us(r->lane) + LG_SEC;
    r->read.done = settled;
    r->settled = 0;
    lg_layer_submit(lg_fetch_stack_top(r->stack), &r->read);
    assert_int_equal(r->settled, 0);
}

static void read_keys(struct rig *r, const struct lg_slice *keys, size_t count)
{
    begin_keys(r, keys, count);
    assert_true(lg_sim_run_until(r->sim, is_settled, r, 10 * LG_SEC));
    lg_sim_run_us(r->sim, LG_SEC / 10);
    assert_int_equal(r->settled, 1);
}

static const struct lg_slice two_keys[] = {{(const uint8_t *)"\x02"
                                                             "a",
                                            2},
                                           {(const uint8_t *)"\x08"
                                                             "key1",
                                            5}};

static void read_one(struct rig *r)
{
    read_keys(r, two_keys + 1, 1);
}

static void read_two(struct rig *r)
{
    read_keys(r, two_keys, 2);
}

static void has_value(const struct rig *r, size_t i, const char *hex, int32_t schema_id)
{
    LG_SCOPED(lg_buf) want = {0};

    assert_true(lg_hex_decode(&want, lg_slice_str(hex)));
    assert_rc(LG_OK, r->keys[i].rc);
    assert_int_equal(r->keys[i].schema_id, schema_id);
    assert_slice_equal(r->keys[i].value, lg_buf_slice(&want));
}

/* --- One key. ----------------------------------------------------------------------------------
 */

static void one_key_is_a_get_with_the_key_in_base64(void **state)
{
    struct rig *r = *state;

    r->node[0].script = (struct script){200, "7", "0c76616c756531", false};
    read_one(r);
    assert_rc(LG_OK, r->read.rc);
    has_value(r, 0, "0c76616c756531", 7);
    assert_int_equal(r->node[0].method, LG_HTTP_GET);
    assert_string_equal(r->node[0].target, "/storage/cities_v3/8/CGtleTE=?f=b64");
    assert_string_equal(r->node[0].version, "1");
    assert_int_equal(r->node[0].retries, 0);
    assert_int_equal(r->node[0].body.size, 0);
}

static void the_base64_of_a_key_is_safe_in_a_path(void **state)
{
    struct rig *r = *state;
    struct lg_slice key = LG_LIT("\xfb\xff\xfe?");

    r->node[0].script = (struct script){200, "1", "00", false};
    read_keys(r, &key, 1);
    assert_string_equal(r->node[0].target, "/storage/cities_v3/8/-__-Pw==?f=b64");
}

static void an_empty_value_is_a_value(void **state)
{
    struct rig *r = *state;

    r->node[0].script = (struct script){200, "1", "", false};
    read_one(r);
    assert_rc(LG_OK, r->read.rc);
    has_value(r, 0, "", 1);
}

static void not_found_is_an_answer_and_not_asked_elsewhere(void **state)
{
    struct rig *r = *state;

    r->holds[1] = true;
    for (size_t i = 0; i < 2; i++)
        r->node[i].script = (struct script){404, "-1", "", false};
    read_one(r);
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
    struct rig *r = *state;
    LG_SCOPED(lg_buf) want = {0};

    /* Answered in the other order: records are found by their index. */
    r->node[0].script = (struct script){200, "1",
                                        "02"
                                        "0262"
                                        "04"
                                        "00"
                                        "0e0c76616c756531"
                                        "02",
                                        false};
    read_two(r);
    assert_rc(LG_OK, r->read.rc);
    has_value(r, 0, "0c76616c756531", 1);
    has_value(r, 1, "62", 2);
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
    struct rig *r = *state;
    LG_SCOPED(lg_buf) want = {0};

    r->spread = true;
    r->node[0].script = (struct script){200, "1", "00026202", false};
    read_two(r);
    assert_rc(LG_OK, r->read.rc);
    assert_rc(LG_ERR_NOT_FOUND, r->keys[0].rc);
    has_value(r, 1, "62", 1); /* Partition 7 goes first: index 0 on the wire. */
    assert_true(lg_hex_decode(&want, LG_LIT("000a086b6579310e0204026110")));
    assert_slice_equal(lg_buf_slice(&r->node[0].body), lg_buf_slice(&want));
    assert_int_equal(r->node[0].asked, 1);
}

static void several_partitions_that_nobody_has_together_are_asked_one_by_one(void **state)
{
    struct rig *r = *state;

    r->spread = true;
    r->node[0].script = (struct script){400, NULL, "", false};
    read_two(r);
    assert_rc(LG_ERR_UNREADY, r->read.rc);
    assert_int_equal(r->node[0].asked, 3); /* Both, then each. */
    assert_int_equal(r->node[0].retries, 2);
    assert_int_equal(r->node[0].method, LG_HTTP_GET);
}

static void keys_that_are_omitted_are_not_found(void **state)
{
    struct rig *r = *state;

    r->node[0].script = (struct script){200, "1", "02026202", false};
    read_two(r);
    assert_rc(LG_OK, r->read.rc);
    assert_rc(LG_ERR_NOT_FOUND, r->keys[0].rc);
    has_value(r, 1, "62", 1);
    r->node[0].script = (struct script){200, "1", "", false};
    read_two(r);
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
    struct rig *r = *state;
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) want = {0};
    struct lg_slice keys[2] = {two_keys[0], key_of(&key, LONG_KEY_BYTES)};

    lg_wire_key_add(&want, &(struct lg_wire_key){0, keys[1], 7});
    r->spread = r->holds[1] = true;
    r->lacks[0][7] = r->lacks[1][8] = true; /* Each server has one key of the batch. */
    r->node[0].script = (struct script){200, "1", "62", false};
    r->node[1].script = (struct script){200, "1", "00026304", false};
    for (unsigned i = 0; i < LG_HOST_FAILURES; i++) {
        read_keys(r, keys, 2);
        assert_rc(LG_OK, r->read.rc);
        has_value(r, 0, "62", 1);
        has_value(r, 1, "63", 2);
    }
    assert_int_equal(r->node[0].method, LG_HTTP_GET);
    assert_int_equal(r->node[1].method, LG_HTTP_POST);
    assert_string_equal(r->node[1].target, "/storage/cities_v3");
    assert_slice_equal(lg_buf_slice(&r->node[1].body), lg_buf_slice(&want));
    r->node[1].script.body_hex = ""; /* Omitted: there is none. */
    read_keys(r, keys, 2);
    assert_rc(LG_OK, r->read.rc);
    assert_rc(LG_ERR_NOT_FOUND, r->keys[1].rc);
}

static void the_longest_key_of_a_get_is_one_that_fits_its_target(void **state)
{
    struct rig *r = *state;
    LG_SCOPED(lg_buf) key = {0};
    struct lg_slice one = key_of(&key, GET_KEY_BYTES);

    r->node[0].script = (struct script){200, "1", "62", false};
    read_keys(r, &one, 1);
    has_value(r, 0, "62", 1);
    assert_int_equal(r->node[0].method, LG_HTTP_GET);
    assert_true(strlen(r->node[0].target) + 4 > LG_HTTP1_TARGET_BYTES_MAX);
    r->node[0].script.body_hex = "00026302";
    one = key_of(&key, GET_KEY_BYTES + 1);
    read_keys(r, &one, 1);
    has_value(r, 0, "63", 1);
    assert_int_equal(r->node[0].method, LG_HTTP_POST);
}

/* A call that is refused before it is sent says nothing about a server. */
static void a_call_that_cannot_be_sent_is_not_its_servers_fault(void **state)
{
    struct rig *r = *state;
    char *address = r->host[0]->address, nowhere[] = "";

    r->host[0]->address = nowhere;
    for (unsigned i = 0; i < LG_HOST_FAILURES; i++) {
        read_one(r);
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
    struct script script;
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
    struct rig *r = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(refusals); i++) {
        r->node[0].script = refusals[i].script;
        if (refusals[i].several)
            read_two(r);
        else
            read_one(r);
        if (r->read.rc != refusals[i].want)
            fail_msg("row %zu: %s: %s", i, lg_rc_name(r->read.rc), r->read.err.text);
        assert_non_null(strstr(r->read.err.text, refusals[i].says));
        for (size_t k = 0; k < r->read.key_count; k++)
            assert_rc(refusals[i].want, r->keys[k].rc); /* No half answers. */
    }
}

static void what_one_server_cannot_another_can(void **state)
{
    struct rig *r = *state;
    uint64_t repeatable = 0;

    r->holds[1] = true;
    for (size_t i = 0; i < LG_ARRAY_SIZE(refusals); i++) {
        enum lg_rc want = refusals[i].want;

        lg_sim_run_us(r->sim, 2 * LG_HOST_AVOID_US); /* Bygones. */
        repeatable += lg_rc_retry(want) == LG_RETRY_ELSEWHERE;
        r->node[0].script = refusals[i].script;
        r->node[1].script =
            (struct script){200, "1", refusals[i].several ? "02026202" : "62", false};
        for (int round = 0; round < 2; round++) { /* One of them begins with the first. */
            if (refusals[i].several)
                read_two(r);
            else
                read_one(r);
            if (lg_rc_retry(want) != LG_RETRY_ELSEWHERE && r->read.rc != LG_OK) {
                assert_rc(want, r->read.rc);
                continue;
            }
            assert_rc(LG_OK, r->read.rc);
            has_value(r, refusals[i].several ? 1 : 0, "62", 1);
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
    struct rig *r = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        lg_sim_run_us(r->sim, 2 * LG_HOST_AVOID_US);
        r->node[0].script = (struct script){rows[i].status, NULL, "", false};
        r->node[0].retry_after = rows[i].retry_after;
        read_one(r);
        assert_int_not_equal(r->read.rc, LG_OK);
        assert_int_equal(r->read.retry_after_ms, rows[i].want_ms);
        read_two(r);
        assert_int_equal(r->read.retry_after_ms, rows[i].want_ms);
    }
}

/* Earlier than the last of them says, the whole cannot be answered. */
static void of_several_servers_the_longest_time_counts(void **state)
{
    struct rig *r = *state;

    r->spread = r->holds[1] = true;
    r->lacks[0][7] = r->lacks[1][8] = true; /* Each server has one key of the batch. */
    r->node[0].script = r->node[1].script = (struct script){429, NULL, "", false};
    r->node[0].retry_after = "9";
    r->node[1].retry_after = "3";
    read_two(r);
    assert_rc(LG_ERR_QUOTA, r->read.rc);
    assert_int_equal(r->read.retry_after_ms, 9000);
    r->node[1].retry_after = NULL;
    read_two(r);
    assert_int_equal(r->read.retry_after_ms, LG_QUOTA_NEVER_MS);
}

/* --- What servers are told of retries. ---------------------------------------------------------
 */

static void a_retry_says_that_it_is_one(void **state)
{
    struct rig *r = *state;

    r->holds[1] = true;
    r->node[0].script = (struct script){503, NULL, "", false};
    r->node[0].retry_after = "5"; /* Said of no answer that another one gave. */
    r->node[1].script = (struct script){200, "1", "", false};
    for (unsigned i = 0; i < 4; i++) { /* Until the first is avoided. */
        read_one(r);
        assert_rc(LG_OK, r->read.rc);
        read_two(r);
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
    struct rig *r = *state;

    r->holds[1] = true;
    r->node[0].script.silent = true;
    r->node[1].script = (struct script){200, "1", "", false};
    read_two(r);
    assert_rc(LG_OK, r->read.rc);
    assert_int_equal(lg_fetch_stack_counters(r->stack)->hedges_won, 1);
    assert_int_equal(r->node[0].retries, 0);
    assert_int_equal(r->node[1].retries, 1);
    read_one(r); /* The first is avoided: nothing of it is a retry. */
    assert_int_equal(r->node[1].asked, 2);
    assert_int_equal(r->node[1].retries, 1);
}

/* --- An overloaded server, of which no one other has all partitions. ---------------------------
 */

#define OVERLOADED ((struct script){529, NULL, "", false})
#define NOT_THERE ((struct script){503, NULL, "", false})

/* The first has partitions 5 to 8, the second 7 and 8, the third 5 to 7; the fourth is not there.
 * The first is asked first, for all. */
static void make_overlap(struct rig *r)
{
    r->spread = r->holds[1] = r->holds[2] = true;
    r->lacks[1][5] = r->lacks[1][6] = r->lacks[2][8] = true;
    r->node[0].script = OVERLOADED;
}

static void read_four(struct rig *r)
{
    static const struct lg_slice four[KEYS] = {
        {(const uint8_t *)"8", 1},
        {(const uint8_t *)"7", 1},
        {(const uint8_t *)"6", 1},
        {(const uint8_t *)"5", 1},
    };

    read_keys(r, four, KEYS);
}

static void were_asked(const struct rig *r, unsigned a, unsigned b, unsigned c)
{
    assert_int_equal(r->node[0].asked, a);
    assert_int_equal(r->node[1].asked, b);
    assert_int_equal(r->node[2].asked, c);
}

static void the_part_of_an_overloaded_server_is_asked_of_several(void **state)
{
    struct rig *r = *state;

    make_overlap(r);
    r->node[1].script = (struct script){200, "1", "0002370202023802", false};
    r->node[2].script = (struct script){200, "1", "0002350202023602", false};
    read_four(r);
    assert_rc(LG_OK, r->read.rc);
    has_value(r, 0, "38", 1);
    has_value(r, 1, "37", 1);
    has_value(r, 2, "36", 1);
    has_value(r, 3, "35", 1);
    were_asked(r, 1, 1, 1);
    assert_int_equal(r->node[0].retries, 0);
    assert_int_equal(r->node[1].retries, 1);
    assert_int_equal(r->node[2].retries, 1);
}

static void when_all_are_overloaded_nothing_is_asked_a_third_time(void **state)
{
    struct rig *r = *state;

    make_overlap(r);
    r->node[1].script = r->node[2].script = OVERLOADED;
    read_four(r);
    assert_rc(LG_ERR_OVERLOADED, r->read.rc);
    for (size_t i = 0; i < KEYS; i++)
        assert_rc(LG_ERR_OVERLOADED, r->keys[i].rc);
    were_asked(r, 1, 1, 1);
}

static void the_neighbour_that_has_all_was_the_one_more_try(void **state)
{
    struct rig *r = *state;

    make_overlap(r);
    memset(r->lacks[1], 0, sizeof r->lacks[1]);
    r->node[1].script = r->node[2].script = OVERLOADED;
    read_four(r);
    assert_rc(LG_ERR_OVERLOADED, r->read.rc);
    were_asked(r, 1, 1, 0);
}

static void what_only_the_overloaded_server_has_is_not_asked_again(void **state)
{
    struct rig *r = *state;

    make_overlap(r);
    r->lacks[2][5] = r->lacks[2][6] = true; /* It keeps 7, where the second goes before. */
    r->node[1].script = (struct script){200, "1", "0002370202023802", false};
    r->node[2].script = OVERLOADED;
    read_four(r);
    assert_rc(LG_ERR_OVERLOADED, r->read.rc);
    assert_string_equal(r->read.err.text, "world:8001 answered 529: Site is overloaded");
    has_value(r, 0, "38", 1);
    has_value(r, 1, "37", 1);
    assert_rc(LG_ERR_OVERLOADED, r->keys[2].rc);
    assert_rc(LG_ERR_OVERLOADED, r->keys[3].rc);
    were_asked(r, 1, 1, 0);
}

/* By partition now, and still without the overloaded one. */
static void a_part_that_was_moved_is_split_when_its_server_cannot(void **state)
{
    struct rig *r = *state;

    make_overlap(r);
    r->holds[3] = true;
    r->lacks[3][5] = r->lacks[3][6] = r->lacks[3][7] = true;
    r->node[1].script = NOT_THERE;
    r->node[2].script = r->node[3].script = (struct script){200, "1", "", false};
    read_four(r);
    assert_rc(LG_OK, r->read.rc);
    has_value(r, 0, "", 1); /* One key of a partition is a GET. */
    has_value(r, 1, "", 1);
    assert_rc(LG_ERR_NOT_FOUND, r->keys[2].rc);
    assert_rc(LG_ERR_NOT_FOUND, r->keys[3].rc);
    assert_int_equal(r->node[0].asked, 1);
}

static void an_overloaded_server_stays_unasked_when_its_neighbour_cannot(void **state)
{
    struct rig *r = *state;

    make_overlap(r);
    memset(r->lacks[1], 0, sizeof r->lacks[1]);
    r->node[1].script = NOT_THERE;
    r->node[2].script = (struct script){200, "1", "", false};
    read_four(r);
    assert_rc(LG_ERR_UNREADY, r->read.rc); /* 8 */
    for (size_t i = 1; i < KEYS; i++)
        has_value(r, i, "", 1);
    assert_int_equal(r->node[0].asked, 1);
}

/* --- Servers that are gone, silent or none. ----------------------------------------------------
 */

static void a_server_that_is_gone_is_replaced_and_then_avoided(void **state)
{
    struct rig *r = *state;
    unsigned before;

    r->holds[1] = true;
    r->host[0]->port = 9; /* Nobody listens there. */
    r->node[1].script = (struct script){200, "1", "62", false};
    for (int i = 0; i < 12; i++) {
        read_one(r);
        assert_rc(LG_OK, r->read.rc);
    }
    before = (unsigned)lg_fetch_stack_counters(r->stack)->retries;
    assert_true(before >= LG_HOST_FAILURES && before < 12);
    r->host[0]->port = PORT_A;
}

static void silence_ends_at_the_deadline(void **state)
{
    struct rig *r = *state;
    uint64_t begun = lg_lane_now_us(r->lane);

    r->node[0].script.silent = true;
    read_one(r);
    assert_rc(LG_ERR_TIMEOUT, r->read.rc);
    assert_true(lg_lane_now_us(r->lane) - begun < 2 * LG_SEC);
}

/* It took the request over its connection, and says nothing: SIGSTOP looks so from outside. */
static void a_stopped_server_costs_no_read(void **state)
{
    struct rig *r = *state;

    r->holds[1] = true;
    r->node[0].script.silent = true;
    r->node[1].script = (struct script){200, "1", "62", false};
    for (int i = 0; i < 4; i++) {
        read_one(r);
        assert_rc(LG_OK, r->read.rc);
        has_value(r, 0, "62", 1);
    }
    assert_int_equal(r->node[0].asked, 1);
    assert_int_equal(lg_fetch_stack_counters(r->stack)->hedges_won, 1);
    assert_int_equal(r->host[0]->pending, 0);
    lg_sim_run_us(r->sim, LG_HOST_AVOID_US);
    lg_http_respond_text(LG_TAKE(r->node[0].held), 200, "late");
    r->node[0].script = (struct script){200, "1", "63", false};
    read_one(r); /* It goes on. */
    has_value(r, 0, "63", 1);
    assert_false(lg_host_avoided(r->host[0], lg_lane_now_us(r->lane)));
}

static void a_partition_without_a_replica_says_so(void **state)
{
    struct rig *r = *state;

    r->holds[0] = false;
    read_one(r);
    assert_rc(LG_ERR_UNREADY, r->read.rc);
    assert_string_equal(r->read.err.text, "no server is ready for cities_v3 partition 8");
    read_two(r);
    assert_rc(LG_ERR_UNREADY, r->read.rc);
}

static void a_server_that_is_asked_for_a_dictionary_is_not_forgotten(void **state)
{
    struct rig *r = *state;

    r->node[0].script = (struct script){200, "1", "00", false};
    r->node[0].packs = true;
    read_one(r);
    assert_rc(LG_ERR_TIMEOUT, r->read.rc);
    assert_non_null(strstr(r->read.err.text, "world:8001"));
    assert_string_equal(r->host[0]->name, "world:8001");
    assert_int_equal(r->host[0]->holds, 0);
    meet_many(r);
    assert_string_not_equal(r->host[0]->name, "world:8001");
    assert_true(lg_host_table_size(r->hosts) <= LG_HOSTS_MAX + 1);
}

/* One copy of it failed and the other is under way, which is cancelled: nobody else is asked. */
static void a_read_in_flight_ends_when_the_stack_goes(void **state)
{
    struct rig *r = *state;

    r->node[0].script.silent = true;
    r->node[1].script = (struct script){503, "1", "", false};
    r->holds[1] = true;
    lg_host_went_silent(r->host[1], 0); /* So that it is the second to be asked. */
    begin_keys(r, two_keys, 1);
    lg_sim_run_us(r->sim, LG_SEC * 4 / 10);
    assert_int_equal(r->node[0].asked, 1);
    assert_int_equal(r->node[1].asked, 1);
    assert_int_equal(r->settled, 0);
    r->holds[2] = true;
    lg_fetch_stack_free(LG_TAKE(r->stack));
    assert_int_not_equal(r->read.rc, LG_OK);
    lg_sim_run_us(r->sim, 2 * LG_SEC); /* And nothing of it comes afterwards. */
    assert_int_equal(r->settled, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_up, rig_down)

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
        TEST(a_read_in_flight_ends_when_the_stack_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
