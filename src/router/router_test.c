/* A router as a whole: versions swap back and forth and servers die while it is read, and no read
 * fails or mixes versions; it announces itself, withdraws, and says why it cannot start. */
#include "router/router.h"

#include <stdio.h>

#include "base/str.h"
#include "model/partitioner.h"
#include "read/wire.h"
#include "router/metrics.h"
#include "router/router_impl.h"
#include "test/lib/cluster_world.h"
#include "test/lib/held_authz.h"
#include "test/test.h"

#define PARTITIONS 4u
#define ROWS 60
#define ROW_KEY_BYTES 7

static char keys[ROWS][ROW_KEY_BYTES + 1];

/* Every value is the number of its version. */
static int push(struct lg_clw *w, int version)
{
    struct lg_clw_row rows[ROWS];
    uint8_t value = (uint8_t)(2 * version); /* Avro's long, while it is below 64. */

    for (int i = 0; i < ROWS; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "\x0cnum%03d", i);
        rows[i] = (struct lg_clw_row){lg_slice_str(keys[i]), lg_slice(&value, 1), 1};
    }
    return lg_clw_push(w, "cities", PARTITIONS, rows, ROWS);
}

/* So many servers, each with a replica of every partition, a router, and version 1. */
static struct lg_clw *cluster_of(uint64_t seed, unsigned servers)
{
    struct lg_clw *w = lg_clw_new(seed, /* with_controller= */ true);

    for (unsigned i = 0; i < servers; i++)
        lg_clw_server_start(w, i);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    lg_clw_new_store(w, "cities", "\"string\"", PARTITIONS, servers);
    assert_int_equal(push(w, 1), 1);
    return w;
}

/* --- Readers that never pause for long. --------------------------------------------------------
 */

enum manner { VENICE_ONE, VENICE_MANY, PEOPLE_ONE, PEOPLE_MANY, MANNERS };

struct readers;

struct reader {
    struct readers *all;
    enum manner manner;
    unsigned turn;
    struct lg_http_call call;
    struct lg_timer pause;
    struct lg_buf target, body;
    unsigned want_since; /* all->settled_since when it began */
};

struct readers {
    struct lg_clw *w;
    struct reader reader[MANNERS];
    struct lg_buf many_bytes, many_json; /* bodies that name every key */
    bool stop;
    unsigned busy;
    uint64_t reads[MANNERS];
    unsigned seen[8];       /* reads by version */
    int settled;            /* The router serves this version and nothing changes; 0: unknown. */
    unsigned settled_since; /* how often that has changed */
};

static void read_next(struct lg_timer *timer);

static void fail_read(const struct reader *r, const char *why)
{
    fail_msg("reader %d: %s: status %d, %s: %.*s", (int)r->manner, why, r->call.status,
             r->call.err.text, LG_FMT(lg_buf_slice(&r->call.response_body)));
}

/* The version that all records of a multi-get have. */
static int version_of_records(const struct reader *r)
{
    struct lg_decoder d = lg_decoder_of(lg_buf_slice(&r->call.response_body));
    struct lg_wire_value value;
    struct lg_error err = {0};
    bool end = false;
    int version = 0;
    size_t n = 0;

    for (;; n++) {
        if (lg_wire_value_next(&d, &value, &end, &err) != LG_OK)
            fail_read(r, err.text);
        if (end)
            break;
        if (value.index < 0 || value.value.size != 1)
            fail_read(r, "a key is missing");
        if (n > 0 && value.value.data[0] != 2 * version)
            fail_read(r, "versions are mixed");
        version = value.value.data[0] / 2;
    }
    if (n != ROWS)
        fail_read(r, "not every key is answered");
    return version;
}

static int version_of_results(const struct reader *r)
{
    LG_AUTO(lg_json) *json = NULL;
    const struct lg_json *results;
    struct lg_error err = {0};
    int64_t version;

    assert_ok(lg_json_parse(lg_buf_slice(&r->call.response_body), &json, &err));
    version = lg_json_get_int(json, "version", -1);
    results = lg_json_get(json, "results");
    if (lg_json_size(results) != ROWS)
        fail_read(r, "not every key is answered");
    for (size_t i = 0; i < ROWS; i++)
        if (lg_json_get_int(lg_json_at(results, i), "value", -2) != version)
            fail_read(r, "versions are mixed");
    return (int)version;
}

static int version_of(const struct reader *r)
{
    struct lg_slice body = lg_buf_slice(&r->call.response_body), header;
    int64_t version = 0;

    switch (r->manner) {
    case VENICE_ONE:
        if (body.size != 1)
            fail_read(r, "no value");
        return body.data[0] / 2;
    case VENICE_MANY:
        return version_of_records(r);
    case PEOPLE_ONE:
        header = lg_http_header(&r->call.response_headers, "X-LAGOON-VERSION");
        if (!lg_slice_eq(header, body) || !lg_parse_i64(body, 1, 7, &version))
            fail_read(r, "the value is of another version");
        return (int)version;
    default:
        return version_of_results(r);
    }
}

static void read_done(struct lg_http_call *call)
{
    struct reader *r = LG_CONTAINER_OF(call, struct reader, call);
    struct readers *all = r->all;
    int version;

    if (call->rc != LG_OK || call->status != 200)
        fail_read(r, "a read failed");
    version = version_of(r);
    assert_true(version >= 1 && version < (int)LG_ARRAY_SIZE(all->seen));
    all->seen[version]++;
    all->reads[r->manner]++;
    if (all->settled != 0 && all->settled_since == r->want_since && version != all->settled)
        fail_read(r, "an old version after the swap");
    lg_http_call_done(call);
    all->busy--;
    if (!all->stop)
        lg_timer_start(all->w->lane, &r->pause, 5 * LG_MS, read_next);
}

static void read_next(struct lg_timer *timer)
{
    struct reader *r = LG_CONTAINER_OF(timer, struct reader, pause);
    struct readers *all = r->all;
    static const struct lg_http_header api[] = {
        {{(const uint8_t *)"X-VENICE-API-VERSION", 20}, {(const uint8_t *)"1", 1}},
        {{(const uint8_t *)"X-VENICE-STREAMING", 18}, {(const uint8_t *)"1", 1}}};
    bool many = r->manner == VENICE_MANY || r->manner == PEOPLE_MANY;
    bool venice = r->manner == VENICE_ONE || r->manner == VENICE_MANY;
    const char *key = keys[r->turn++ % ROWS];

    lg_buf_clear(&r->target);
    lg_buf_append_str(&r->target, venice ? "/storage/cities" : "/v1/stores/cities");
    if (!many)
        lg_buf_append_str(&r->target, "/");
    if (r->manner == VENICE_ONE) {
        lg_base64_encode(&r->target, lg_slice_str(key), /* url_safe= */ true);
        lg_buf_append_str(&r->target, "?f=b64");
    } else if (r->manner == PEOPLE_ONE) {
        lg_buf_append_str(&r->target, key + 1);
    }
    r->want_since = all->settled_since;
    r->call = (struct lg_http_call){
        .host = "router",
        .port = LG_CLW_ROUTER_PORT,
        .method = many ? LG_HTTP_POST : LG_HTTP_GET,
        .target = lg_buf_slice(&r->target),
        .headers = api,
        .header_count = venice ? 2 : 0,
        .body = !many    ? LG_SLICE_NULL
                : venice ? lg_buf_slice(&all->many_bytes)
                         : lg_buf_slice(&all->many_json),
        .deadline_us = lg_lane_now_us(all->w->lane) + 10 * LG_SEC,
        .done = read_done,
    };
    all->busy++;
    lg_http_call_submit(all->w->http, &r->call);
}

static void readers_start(struct readers *all, struct lg_clw *w)
{
    memset(all, 0, sizeof *all);
    all->w = w;
    lg_buf_append_str(&all->many_json, "{\"keys\":[");
    for (int i = 0; i < ROWS; i++) {
        lg_buf_append_byte(&all->many_bytes, 2 * ROW_KEY_BYTES);
        lg_buf_append_str(&all->many_bytes, keys[i]);
        lg_buf_appendf(&all->many_json, "%s\"%s\"", i == 0 ? "" : ",", keys[i] + 1);
    }
    lg_buf_append_str(&all->many_json, "]}");
    for (unsigned i = 0; i < MANNERS; i++) {
        all->reader[i].all = all;
        all->reader[i].manner = (enum manner)i;
        lg_timer_start(w->lane, &all->reader[i].pause, LG_MS * (i + 1), read_next);
    }
}

static bool are_idle(void *ctx)
{
    return ((struct readers *)ctx)->busy == 0;
}

static void readers_stop(struct readers *all)
{
    all->stop = true;
    for (int i = 0; i < MANNERS; i++)
        lg_timer_stop(all->w->lane, &all->reader[i].pause);
    assert_true(lg_sim_run_until(all->w->sim, are_idle, all, 30 * LG_SEC));
    for (int i = 0; i < MANNERS; i++) {
        lg_buf_done(&all->reader[i].target);
        lg_buf_done(&all->reader[i].body);
    }
    lg_buf_done(&all->many_bytes);
    lg_buf_done(&all->many_json);
}

static void settle(struct readers *all, int version)
{
    lg_clw_until_served(all->w, "cities", version);
    all->settled = version;
    all->settled_since++;
    lg_clw_run_ms(all->w, 150);
}

static void swap(struct readers *all, const char *path, int version)
{
    all->settled = 0;
    all->settled_since++;
    if (lg_clw_post(all->w, path, "store_name=cities") != 200)
        fail_msg("%s: %.*s", path, LG_FMT(lg_clw_body(all->w)));
    settle(all, version);
}

static void no_read_fails_while_versions_swap_and_servers_die(void **state)
{
    struct lg_clw *w = cluster_of(61, 2);
    struct readers all;

    (void)state;
    readers_start(&all, w);
    assert_int_equal(push(w, 2), 2); /* The first swap is a push's. */
    settle(&all, 2);
    for (unsigned round = 0; round < 12; round++) {
        swap(&all, "/rollback_to_backup_version", 1);
        if (round % 4 == 0)
            lg_clw_server_kill(w, round / 4 % 2);
        swap(&all, "/roll_forward_to_future_version", 2);
        if (round % 4 == 2) {
            lg_clw_server_start(w, round / 4 % 2);
            lg_clw_run_ms(w, 7000); /* It is complete before the other one dies. */
        }
    }
    readers_stop(&all);
    for (int i = 0; i < MANNERS; i++)
        assert_true(all.reads[i] > 200);
    assert_true(all.seen[1] > 200 && all.seen[2] > 200);
    assert_int_equal(all.seen[1] + all.seen[2], /* And nothing else. */
                     all.reads[0] + all.reads[1] + all.reads[2] + all.reads[3]);
    lg_clw_router_stop(w);
    lg_clw_server_stop(w, 0);
    lg_clw_free(w);
}

static uint64_t last_resorts(const struct lg_clw *w)
{
    return lg_fetch_stack_counters(w->router.router->stack)->last_resorts;
}

static bool is_announced(struct lg_clw *w, const char *server)
{
    LG_AUTO_STR char *path = lg_strf("/instances/%s_8888", server);
    LG_AUTO_STR char *value = lg_clw_meta_get(w, path);

    return value != NULL;
}

static void expect_reads(const struct readers *all, bool last_resort)
{
    uint64_t before = last_resorts(all->w);
    unsigned seen = all->seen[1];

    lg_clw_run_ms(all->w, 1000);
    assert_true(all->seen[1] > seen + 100);
    assert_int_equal(last_resorts(all->w) > before, last_resort);
}

/* The servers go on to serve, the router goes on to hear: ZooKeeper was away from the servers for
 * longer than their sessions last. */
static void reads_go_on_when_every_server_loses_its_session(void **state)
{
    struct lg_clw *w = cluster_of(66, 2);
    struct readers all;

    (void)state;
    readers_start(&all, w);
    settle(&all, 1);
    for (int i = 0; i < 2; i++) { /* They are back at once, one after the other. */
        lg_meta_sim_expire(w->meta, "s0");
        lg_meta_sim_expire(w->meta, "s1");
        lg_clw_run_ms(w, 3000);
    }
    lg_meta_sim_cut(w->meta, "s0", true); /* Who is there is asked, not who is not. */
    lg_clw_run_ms(w, 7000);
    assert_false(is_announced(w, "s0"));
    expect_reads(&all, /* last_resort= */ false);
    lg_meta_sim_cut(w->meta, "s1", true); /* Nobody is. */
    lg_clw_run_ms(w, 7000);
    assert_false(is_announced(w, "s1"));
    expect_reads(&all, /* last_resort= */ true);
    assert_int_equal(lg_clw_get(w, &w->router, "/v1/health"), 503); /* It is not well for that. */
    assert_non_null(
        strstr(lg_json_get_str(w->json, "error", ""), "its servers lost their session"));
    assert_int_equal(lg_clw_get(w, &w->router, "/current_version/cities"), 503);
    lg_meta_sim_heal(w->meta);
    lg_clw_run_ms(w, 12000);
    assert_true(is_announced(w, "s0") && is_announced(w, "s1"));
    expect_reads(&all, /* last_resort= */ false);
    readers_stop(&all);
    lg_clw_free(w);
}

/* Another process under its name has yet to say what it holds. */
static void a_server_that_began_anew_is_no_last_resort(void **state)
{
    struct lg_clw *w = cluster_of(67, 1);
    uint64_t before;

    (void)state;
    lg_clw_server_kill(w, 0);
    lg_clw_run_ms(w, 10000);
    before = last_resorts(w);
    assert_int_equal(lg_clw_get(w, &w->router, "/v1/stores/cities/num001"), 503);
    assert_true(last_resorts(w) > before); /* It was asked, and is dead. */
    before = last_resorts(w);
    lg_clw_meta(w, LG_META_PUT, "/instances/s0_8888",
                "{\"host\":\"s0\",\"port\":8888,\"life\":\"another\"}");
    lg_clw_run_ms(w, 100);
    assert_int_equal(lg_clw_get(w, &w->router, "/v1/stores/cities/num001"), 503);
    assert_non_null(strstr(lg_json_get_str(w->json, "error", ""), "no ready server"));
    assert_int_equal(last_resorts(w), before);
    lg_clw_free(w);
}

/* --- Announcement. -----------------------------------------------------------------------------
 */

static void expect_announced(struct lg_clw *w, bool want)
{
    LG_AUTO_STR char *value = lg_clw_meta_get(w, "/routers/router_7777");

    static const char what[] =
        "{\"url\":\"http://router:7777\",\"release\":\"" LAGOON_VERSION "\",\"identity\":\"";

    if (want)
        assert_memory_equal(value, what, sizeof what - 1);
    else
        assert_null(value);
}

static void it_announces_itself_once_it_has_read_what_exists(void **state)
{
    struct lg_clw *w = lg_clw_new(62, /* with_controller= */ true);
    uint64_t asked_us, took_ms;

    (void)state;
    lg_clw_router_start(w);
    lg_meta_sim_cut(w->meta, "router", true);
    assert_int_equal(lg_router_port(w->router.router), LG_CLW_ROUTER_PORT);
    assert_false(lg_router_ready(w->router.router));
    /* It listens, and says that it is not ready, in the words of the asker. */
    asked_us = lg_sim_now_us(w->sim);
    assert_int_equal(lg_clw_get(w, &w->router, "/storage/cities/AmE=?f=b64"), 503);
    took_ms = (lg_sim_now_us(w->sim) - asked_us) / LG_MS;
    assert_true(took_ms >= 1000 && took_ms <= LG_ROUTER_PATIENCE_MS + 100);
    assert_int_equal(lg_clw_get(w, &w->router, "/v1/health"), 503);
    lg_clw_expect_text(w, "{\"error\":\"the router has not read the metadata yet; try again\","
                          "\"code\":\"ERR_UNREADY\"}");
    assert_int_equal(lg_clw_get(w, &w->router, "/v1/stores"), 503);
    assert_int_equal(lg_clw_get(w, &w->router, "/key_schema/cities"), 503);
    expect_announced(w, false);
    lg_meta_sim_heal(w->meta);
    lg_clw_run_ms(w, 12000);
    assert_true(lg_router_ready(w->router.router));
    expect_announced(w, true);
    assert_int_equal(lg_clw_get(w, &w->ground, "/list_routers"), 200);
    lg_clw_expect_text(
        w, "{\"cluster\":\"lagoon-0\",\"name\":null,\"error\":null,\"errorType\":null,"
           "\"exceptionType\":null,\"lagoonTerm\":1,\"routers\":[\"http://router:7777\"]}");
    assert_int_equal(lg_clw_get(w, &w->router, "/v1/health"), 200);
    lg_clw_free(w);
}

/* A router that was restarted has clients before it knows anything. */
static void reads_before_the_metadata_is_read_wait_for_it(void **state)
{
    struct lg_clw *w = lg_clw_new(66, /* with_controller= */ false);

    (void)state;
    lg_clw_store(w, "cities", 1, 1, 1);
    lg_clw_router_start(w);
    assert_false(lg_router_ready(w->router.router));
    assert_int_equal(lg_clw_get(w, &w->router, "/v1/stores"), 200);
    assert_non_null(strstr(
        lg_json_get_str(lg_json_at(lg_json_get(w->json, "stores"), 0), "name", ""), "cities"));
    lg_clw_router_stop(w);
    lg_clw_router_start(w); /* And one that stops meanwhile owes no answer. */
    lg_clw_router_stop(w);
    lg_clw_free(w);
}

static void it_announces_itself_again_after_a_lost_session(void **state)
{
    struct lg_clw *w = lg_clw_new(63, /* with_controller= */ false);

    (void)state;
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    expect_announced(w, true);
    lg_meta_sim_cut(w->meta, "router", true);
    lg_clw_run_ms(w, 10000);
    expect_announced(w, false);
    lg_meta_sim_heal(w->meta);
    lg_clw_run_ms(w, 12000);
    expect_announced(w, true);
    lg_clw_free(w);
}

/* Its process does, once it is told so. */
static void it_takes_no_part_when_another_process_stays_in_its_place(void **state)
{
    static const char other[] = "{\"url\":\"http://other:1\",\"identity\":\"another\"}";
    struct lg_clw *w = lg_clw_new(68, /* with_controller= */ false);
    LG_AUTO_STR char *there = NULL;

    (void)state;
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    lg_clw_meta(w, LG_META_PUT, "/routers/router_7777", other);
    lg_clw_run_ms(w, 15000);
    assert_string_equal(w->router_failed, ""); /* It might go. */
    lg_clw_run_ms(w, 10000);
    assert_non_null(
        strstr(w->router_failed, "another process is announced as /routers/router_7777"));
    lg_clw_router_stop(w);
    there = lg_clw_meta_get(w, "/routers/router_7777");
    assert_string_equal(there == NULL ? "(nothing)" : there, other);
    lg_clw_free(w);
}

static bool is_over;

static void over(struct lg_http_call *call)
{
    assert_true(call->rc != LG_OK || call->status == 503);
    is_over = true;
}

/* The server that was asked says nothing, and reads have more time than a router that ends. */
static void it_ends_with_reads_under_way(void **state)
{
    struct lg_clw *w = cluster_of(70, 1);
    struct lg_http_call call = {.host = "router",
                                .port = LG_CLW_ROUTER_PORT,
                                .target = LG_LIT("/storage/cities/CGtleTE=?f=b64"),
                                .done = over};

    (void)state;
    is_over = false;
    lg_clw_router_stop(w);
    w->read_timeout_ms = 10000;
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    assert_int_equal(lg_clw_get(w, &w->router, "/storage/cities/CGtleTE=?f=b64"), 404);
    lg_net_sim_cut_way(w->net, "s0", "router", true);
    lg_http_call_submit(w->http, &call);
    lg_clw_run_ms(w, 100);
    assert_false(is_over);
    lg_clw_router_stop(w);
    lg_clw_run_ms(w, 15000);
    assert_true(is_over);
    lg_http_call_done(&call);
    lg_net_sim_heal(w->net);
    lg_clw_server_stop(w, 0);
    lg_clw_free(w);
}

static void it_withdraws_at_any_moment_of_its_start(void **state)
{
    struct lg_clw *w = lg_clw_new(64, /* with_controller= */ false);

    (void)state;
    lg_clw_store(w, "cities", 1, 1, 1);
    for (unsigned ms = 0; ms < 40; ms += 3) {
        lg_clw_router_start(w);
        lg_clw_run_ms(w, ms);
        lg_clw_router_stop(w);
        expect_announced(w, false);
        assert_int_equal(lg_clw_get(w, &w->router, "/v1/health"), 0);
    }
    lg_clw_free(w);
}

struct attempt {
    struct lg_clw *w;
    enum lg_rc rc;
    struct lg_error err;
};

/* As code of the router's node, beside the router that runs there. */
static void try_to_start(void *ctx)
{
    struct attempt *a = ctx;
    struct lg_lane *lane = lg_sim_lane_new(a->w->sim, a->w->router.node, "second");
    struct lg_router_options o = {.lane = lane,
                                  .metastore = lg_meta_sim_session(a->w->meta, lane),
                                  .transport = lg_net_sim_transport(a->w->net),
                                  .host = "router",
                                  .port = LG_CLW_ROUTER_PORT,
                                  .controller_url = "http://ground:5555"};
    struct lg_router *router = NULL;

    a->rc = lg_router_start(&o, &router, &a->err);
    assert_null(router);
}

static void it_says_why_it_cannot_start(void **state)
{
    struct lg_clw *w = lg_clw_new(65, /* with_controller= */ false);
    struct attempt attempt = {.w = w};

    (void)state;
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    lg_sim_node_run(w->router.node, try_to_start, &attempt);
    assert_rc(LG_ERR_IN_USE, attempt.rc);
    assert_non_null(strstr(attempt.err.text, "7777"));
    assert_int_equal(lg_clw_get(w, &w->router, "/v1/health"), 200);
    lg_clw_free(w);
}

static const char *leader_url(struct lg_clw *w)
{
    lg_clw_run_ms(w, 500);
    assert_int_equal(lg_clw_get(w, &w->router, "/leader_controller"), 200);
    return lg_json_get_str(w->json, "url", "(none)");
}

static void it_names_the_controller_that_the_metadata_says_leads(void **state)
{
    struct lg_clw *w = lg_clw_new(65, /* with_controller= */ false);

    (void)state;
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 1000);
    assert_string_equal(leader_url(w), "http://ground:5555"); /* What it was configured with. */
    lg_clw_meta(w, LG_META_PUT, "/leader", "{\"id\":\"a\",\"url\":\"http://a:1\",\"term\":1}");
    assert_string_equal(leader_url(w), "http://a:1");
    lg_clw_meta(w, LG_META_PUT, "/leader", "{\"id\":\"b\",\"url\":\"http://b:1\",\"term\":2}");
    assert_string_equal(leader_url(w), "http://b:1");
    lg_clw_meta(w, LG_META_PUT, "/leader", "[junk");
    assert_string_equal(leader_url(w), "http://ground:5555");
    lg_clw_router_stop(w);
    lg_clw_free(w);
}

/* --- Limits. -----------------------------------------------------------------------------------
 */

/* So many keys at once, found or not. */
static int ask_many(struct lg_clw *w, unsigned count)
{
    LG_SCOPED(lg_buf) body = {0};

    lg_buf_append_str(&body, "{\"keys\":[");
    for (unsigned i = 0; i < count; i++)
        lg_buf_appendf(&body, "%s\"%u\"", i == 0 ? "" : ",", i);
    lg_buf_append_str(&body, "]}");
    return lg_clw_ask(w, &w->router, LG_HTTP_POST, "/v1/stores/cities", NULL, lg_buf_slice(&body));
}

/* A server saves up 50 keys of its own capacity; one more comes every second. */
static void a_503_of_a_server_over_its_capacity_says_when_to_come_back(void **state)
{
    const struct lg_clw_row row = {LG_LIT("\x02"
                                          "a"),
                                   LG_LIT("\x54"), 1};
    struct lg_clw *w = lg_clw_new(23, /* with_controller= */ true);
    int64_t seconds;

    (void)state;
    w->node_rcu = 1;
    lg_clw_server_start(w, 0);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    lg_clw_new_store(w, "cities", "\"string\"", 1, 1);
    assert_int_equal(lg_clw_push(w, "cities", 1, &row, 1), 1);
    assert_int_equal(ask_many(w, 40), 200);
    assert_int_equal(ask_many(w, 40), 503);
    assert_true(lg_parse_i64(lg_slice_str(lg_clw_header(w, "Retry-After")), 20, 40, &seconds));
    assert_string_equal(lg_json_get_str(w->json, "code", ""), "ERR_UNREADY");
    assert_int_equal(ask_many(w, 60), 503);
    assert_string_equal(lg_clw_header(w, "Retry-After"), "");
    lg_clw_free(w);
}

/* A store of 100 keys per second saves up 6000; of two of them, where 20 can be done in all, it has
 * a tenth. */
static void quotas_beyond_what_a_router_can_do_shrink_in_proportion(void **state)
{
    static const uint32_t capacities[] = {0, 20};
    const struct lg_clw_row row = {LG_LIT("\x02"
                                          "a"),
                                   LG_LIT("\x54"), 1};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(capacities); i++) {
        struct lg_clw *w = lg_clw_new(24, /* with_controller= */ true);
        int status;

        w->read_capacity = capacities[i];
        lg_clw_server_start(w, 0);
        lg_clw_router_start(w);
        lg_clw_run_ms(w, 2000);
        lg_clw_new_store(w, "cities", "\"string\"", 1, 1);
        lg_clw_new_store(w, "towns", "\"string\"", 1, 1);
        assert_int_equal(lg_clw_push(w, "cities", 1, &row, 1), 1);
        assert_int_equal(lg_clw_post(w, "/update_store", "store_name=cities&read_quota_in_cu=100"),
                         200);
        assert_int_equal(lg_clw_post(w, "/update_store", "store_name=towns&read_quota_in_cu=100"),
                         200);
        lg_clw_run_ms(w, 1000);
        assert_int_equal(ask_many(w, 500), 200);
        status = ask_many(w, 500);
        assert_int_equal(status, capacities[i] == 0 ? 200 : 429);
        lg_clw_free(w);
    }
}

/* --- When to come back. ------------------------------------------------------------------------
 */

struct fake { /* A server that refuses everything. */
    struct lg_http_server *http;
    int status;
};

static void fake_asked(void *ctx, struct lg_http_request *rq)
{
    lg_http_respond_text(rq, ((struct fake *)ctx)->status, "no");
}

static void fake_start(struct fake *f, struct lg_clw *w, uint16_t port)
{
    struct lg_http_server_options o = {.transport = lg_net_sim_transport(w->net),
                                       .lane = w->lane,
                                       .host = "world",
                                       .port = port,
                                       .handler = fake_asked,
                                       .ctx = f};
    LG_AUTO_STR char *instance = lg_strf("/instances/world_%u", port);
    LG_AUTO_STR char *replicas = lg_strf("/replicas/cities_v1/world_%u", port);
    LG_AUTO_STR char *where = lg_strf("{\"host\":\"world\",\"port\":%u}", port);
    struct lg_error err;

    assert_ok(lg_http_server_start(&o, &f->http, &err));
    lg_clw_meta(w, LG_META_PUT, instance, where);
    lg_clw_meta(w, LG_META_PUT, replicas,
                port == 1 ? "{\"0\":{\"status\":\"COMPLETED\"}}"
                          : "{\"1\":{\"status\":\"COMPLETED\"}}");
}

static void fake_stopped(void *ctx)
{
    ((struct fake *)ctx)->http = NULL;
}

/* A batch is told what became of its first key; of its others, a server says that so many can never
 * be asked for at once. */
static void never_is_said_of_a_quota_and_of_nothing_else(void **state)
{
    static const struct {
        int status;
        const char *retry_after;
    } rows[] = {{429, ""}, {529, "1"}, {503, ""}};
    struct lg_clw *w = lg_clw_new(25, /* with_controller= */ false);
    struct fake fakes[2] = {{.http = NULL}, {.status = 429}};

    (void)state;
    assert_int_equal(lg_partitioner_partition(LG_LIT("\x02"
                                                     "0"),
                                              LG_ARRAY_SIZE(fakes)),
                     0);
    lg_clw_store(w, "cities", 1, 1, LG_ARRAY_SIZE(fakes));
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1",
                "{\"partitions\":[[\"world_1\"],[\"world_2\"]]}");
    fake_start(&fakes[0], w, 1);
    fake_start(&fakes[1], w, 2);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        fakes[0].status = rows[i].status;
        assert_int_equal(ask_many(w, 20), rows[i].status);
        assert_string_equal(lg_clw_header(w, "Retry-After"), rows[i].retry_after);
        lg_clw_run_ms(w, 20000); /* Nobody is avoided any more. */
    }
    lg_clw_router_stop(w);
    for (size_t i = 0; i < LG_ARRAY_SIZE(fakes); i++)
        lg_http_server_stop(fakes[i].http, 0, fake_stopped, &fakes[i]);
    lg_clw_run_ms(w, 1000);
    assert_true(fakes[0].http == NULL && fakes[1].http == NULL);
    lg_clw_free(w);
}

/* --- Who may read. -----------------------------------------------------------------------------
 */

static uint64_t reads_of_cities(void)
{
    const struct lg_metric *m = &lg_metric_router_reads_total;
    uint64_t reads = 0;

    for (uint32_t label = 0; label < 4; label++)
        reads += lg_metric_value(m, lg_metric_of_store(m, lg_metric_store("cities"), label));
    return reads;
}

static void it_is_over(struct lg_http_call *call)
{
    (void)call;
    is_over = true;
}

static void what_nobody_waits_for_any_more_is_not_read(void **state)
{
    static const struct lg_metric_table *const tables[] = {&lg_router_metrics};

    (void)state;
    lg_metrics_register(tables, LG_ARRAY_SIZE(tables), 10);
    for (unsigned leaves = 0; leaves < 2; leaves++) {
        struct lg_clw *w = lg_clw_new(26, /* with_controller= */ false);
        struct lg_http_call call = {.host = "router",
                                    .port = LG_CLW_ROUTER_PORT,
                                    .target = LG_LIT("/storage/cities/CGtleTE=?f=b64"),
                                    .done = it_is_over};
        uint64_t before = reads_of_cities();

        is_over = false;
        w->authz = &held_authz;
        lg_clw_store(w, "cities", 1, 1, 1);
        lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", "{\"partitions\":[[\"s0_8888\"]]}");
        lg_clw_meta(w, LG_META_PUT, "/instances/s0_8888", "{\"host\":\"s0\",\"port\":8888}");
        lg_clw_meta(w, LG_META_PUT, "/replicas/cities_v1/s0_8888",
                    "{\"0\":{\"status\":\"COMPLETED\"}}");
        lg_clw_router_start(w);
        lg_clw_run_ms(w, 2000);
        lg_http_call_submit(w->http, &call);
        lg_clw_run_ms(w, 100);
        assert_true(held_authz_is_asked() && !is_over);
        if (leaves)
            lg_http_call_cancel(&call);
        lg_clw_run_ms(w, 100);
        held_authz_say(true);
        lg_clw_run_ms(w, 5000); /* The server is not there. */
        assert_true(is_over);
        assert_int_equal(call.status, leaves ? 0 : 503);
        assert_int_equal(reads_of_cities() - before, leaves ? 0 : 1);
        lg_http_call_done(&call);
        lg_clw_free(w);
    }
    lg_metrics_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_read_fails_while_versions_swap_and_servers_die),
        cmocka_unit_test(reads_go_on_when_every_server_loses_its_session),
        cmocka_unit_test(a_server_that_began_anew_is_no_last_resort),
        cmocka_unit_test(it_announces_itself_once_it_has_read_what_exists),
        cmocka_unit_test(reads_before_the_metadata_is_read_wait_for_it),
        cmocka_unit_test(it_announces_itself_again_after_a_lost_session),
        cmocka_unit_test(it_takes_no_part_when_another_process_stays_in_its_place),
        cmocka_unit_test(it_ends_with_reads_under_way),
        cmocka_unit_test(it_withdraws_at_any_moment_of_its_start),
        cmocka_unit_test(it_says_why_it_cannot_start),
        cmocka_unit_test(it_names_the_controller_that_the_metadata_says_leads),
        cmocka_unit_test(a_503_of_a_server_over_its_capacity_says_when_to_come_back),
        cmocka_unit_test(never_is_said_of_a_quota_and_of_nothing_else),
        cmocka_unit_test(what_nobody_waits_for_any_more_is_not_read),
        cmocka_unit_test(quotas_beyond_what_a_router_can_do_shrink_in_proportion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
