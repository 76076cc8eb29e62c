/* Streamed multi-gets: chunks, the order in which servers answer, the footer, and who hangs up. */
#include "router/stream_answer.h"

#include <stdio.h>

#include "base/str.h"
#include "read/wire.h"
#include "router/router_impl.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define PARTITIONS 4u
#define KEYS 12
#define HEADERS                                                                                    \
    "X-VENICE-API-VERSION: 1\nX-VENICE-KEY-COUNT: 12\nX-VENICE-STREAMING: 1\n"                     \
    "X-VENICE-SUPPORTED-COMPRESSION-STRATEGY: 1\nContent-Type: application/octet-stream"

static char names[KEYS][8]; /* "\x06k01" */

static int up(void **state)
{
    struct lg_clw *w = lg_clw_new(63, /* with_controller= */ true);
    struct lg_clw_row rows[KEYS];

    for (size_t i = 0; i < KEYS; i++) {
        (void)snprintf(names[i], sizeof names[i], "\x06k%02zu", i);
        rows[i] = (struct lg_clw_row){lg_slice_str(names[i]), LG_LIT("\x54"), 1};
    }
    lg_clw_server_start(w, 0);
    lg_clw_server_start(w, 1);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    lg_clw_new_store(w, "cities", "\"string\"", PARTITIONS, 1);
    assert_int_equal(lg_clw_push(w, "cities", PARTITIONS, rows, KEYS), 1);
    *state = w;
    return 0;
}

static int down(void **state)
{
    lg_clw_free(*state);
    return 0;
}

/* All keys and one that is not there. */
static void all_keys(struct lg_buf *body)
{
    for (size_t i = 0; i < KEYS; i++) {
        lg_buf_append_byte(body, 8); /* 4 bytes of key */
        lg_buf_append_str(body, names[i]);
    }
    lg_buf_append(body, "\x08\x06gon", 5);
}

static int ask_all(struct lg_clw *w, const char *headers)
{
    LG_SCOPED(lg_buf) body = {0};

    all_keys(&body);
    return lg_clw_ask(w, &w->router, LG_HTTP_POST, "/storage/cities", headers, lg_buf_slice(&body));
}

struct counted {
    size_t found, missing, footers;
    bool footer_last;
    int32_t status;
    char detail[400];
};

static void read_footer(struct lg_slice value, struct counted *out)
{
    struct lg_decoder d = lg_decoder_of(value);
    struct lg_slice detail;
    int64_t headers;
    struct lg_error err = {0};

    assert_ok(lg_decode_int(&d, &out->status, &err));
    assert_ok(lg_decode_bytes(&d, &detail, &err));
    assert_ok(lg_decode_long(&d, &headers, &err));
    assert_int_equal(headers, 0);
    assert_int_equal(lg_decoder_left(&d), 0);
    (void)snprintf(out->detail, sizeof out->detail, "%.*s", LG_FMT(detail));
}

static struct counted count(const struct lg_clw *w)
{
    struct lg_decoder d = lg_decoder_of(lg_clw_body(w));
    bool seen[KEYS] = {false}, end = false;
    struct counted c = {0};
    struct lg_wire_value v;
    struct lg_error err = {0};

    while (lg_wire_value_next(&d, &v, &end, &err) == LG_OK && !end) {
        c.footer_last = v.schema_id == LG_SCHEMA_ID_FOOTER;
        if (c.footer_last) {
            assert_int_equal(v.index, -1000000);
            read_footer(v.value, &c);
            c.footers++;
        } else if (v.schema_id == LG_SCHEMA_ID_NOT_FOUND) {
            assert_int_equal(v.index, -KEYS);
            c.missing++;
        } else {
            assert_in_range(v.index, 0, KEYS - 1);
            assert_false(seen[v.index]); /* Each once. */
            seen[v.index] = true;
            assert_slice_equal(v.value, LG_LIT("\x54"));
            c.found++;
        }
    }
    assert_int_equal(err.rc, LG_OK);
    return c;
}

static void records_of_all_servers_come_in_chunks(void **state)
{
    struct lg_clw *w = *state;
    struct counted c;

    assert_int_equal(ask_all(w, HEADERS), 200);
    assert_string_equal(lg_clw_header(w, "Transfer-Encoding"), "chunked");
    assert_string_equal(lg_clw_header(w, "Content-Length"), "");
    assert_string_equal(lg_clw_header(w, "Content-Type"), "avro/binary");
    assert_string_equal(lg_clw_header(w, "X-VENICE-SCHEMA-ID"), "1");
    assert_string_equal(lg_clw_header(w, "X-VENICE-COMPRESSION-STRATEGY"), "0");
    assert_string_equal(lg_clw_header(w, "X-VENICE-STREAMING-RESPONSE"), "1");
    assert_string_equal(lg_clw_header(w, "X-VENICE-CLIENT-COMPUTE"), "0");
    c = count(w);
    assert_int_equal(c.found, KEYS);
    assert_int_equal(c.missing, 1);
    assert_int_equal(c.footers, 0);
}

static void without_streaming_the_answer_has_a_length(void **state)
{
    struct lg_clw *w = *state;
    struct counted c;

    assert_int_equal(ask_all(w, "X-VENICE-API-VERSION: 1"), 200);
    assert_string_equal(lg_clw_header(w, "Transfer-Encoding"), "");
    assert_string_not_equal(lg_clw_header(w, "Content-Length"), "");
    assert_string_equal(lg_clw_header(w, "X-VENICE-RCU"), "13");
    c = count(w);
    assert_int_equal(c.found, KEYS);
    assert_int_equal(c.missing, 0); /* Omitted. */
}

static bool gave_up;

static void given_up(struct lg_http_call *call)
{
    gave_up = true;
    assert_int_equal(call->rc, LG_ERR_TIMEOUT);
}

/* One server's half has been sent, the other's never comes, and the client goes away meanwhile. */
static void a_client_that_hangs_up_in_the_middle_leaves_nothing_behind(void **state)
{
    static const struct lg_http_header headers[] = {
        {{(const uint8_t *)"X-VENICE-API-VERSION", 20}, {(const uint8_t *)"1", 1}},
        {{(const uint8_t *)"X-VENICE-STREAMING", 18}, {(const uint8_t *)"1", 1}},
    };
    struct lg_clw *w = *state;
    LG_SCOPED(lg_buf) body = {0};
    struct lg_http_call call = {.host = "router",
                                .port = LG_CLW_ROUTER_PORT,
                                .method = LG_HTTP_POST,
                                .target = LG_LIT("/storage/cities"),
                                .headers = headers,
                                .header_count = LG_ARRAY_SIZE(headers),
                                .deadline_us = lg_lane_now_us(w->lane) + LG_SEC / 2,
                                .done = given_up};
    uint64_t retries = lg_fetch_stack_counters(w->router.router->stack)->retries;

    all_keys(&body);
    call.body = lg_buf_slice(&body);
    lg_net_sim_partition(w->net, "router", "s1", true);
    lg_http_call_submit(w->http, &call);
    lg_clw_run_ms(w, 1000);
    assert_true(gave_up);
    lg_clw_run_ms(w, 15000); /* Longer than a read may take. */
    assert_int_equal(lg_fetch_stack_counters(w->router.router->stack)->retries, retries);
    lg_http_call_done(&call);
    lg_net_sim_heal(w->net);
    lg_clw_run_ms(w, 5000);
    assert_int_equal(ask_all(w, HEADERS), 200);
    assert_int_equal(count(w).found, KEYS);
}

/* A server dies, and the router does not know it yet. */
static void a_failure_on_the_way_is_told_by_a_footer(void **state)
{
    struct lg_clw *w = *state;
    struct counted c;

    lg_clw_server_kill(w, 1);
    assert_int_equal(ask_all(w, HEADERS), 200);
    c = count(w);
    assert_in_range(c.found, 1, KEYS - 1);
    assert_int_equal(c.footers, 1);
    assert_true(c.footer_last);
    assert_int_equal(c.status, 503);
    assert_string_not_equal(c.detail, "");
    /* Nothing was sent yet: a plain refusal. */
    lg_clw_server_kill(w, 0);
    assert_int_equal(ask_all(w, HEADERS), 503);
    assert_string_equal(lg_clw_header(w, "Transfer-Encoding"), "");
    assert_true(lg_clw_body(w).size > 0);
    lg_clw_server_start(w, 0);
    lg_clw_server_start(w, 1);
    lg_clw_until_served(w, "cities", 1);
    assert_int_equal(ask_all(w, HEADERS), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_all_servers_come_in_chunks),
        cmocka_unit_test(without_streaming_the_answer_has_a_length),
        cmocka_unit_test(a_client_that_hangs_up_in_the_middle_leaves_nothing_behind),
        cmocka_unit_test(a_failure_on_the_way_is_told_by_a_footer),
    };

    return cmocka_run_group_tests(tests, up, down); /* One world for all. */
}
