/* lagoon get over a store that this file plays: what is printed in each format, how keys come from
 * standard input, how batches shrink, what is missing or wrong. */
#include <stdio.h>

#include "admin/admin.h"
#include "base/str.h"
#include "drivers/sim/transport_sim.h"
#include "net/http_server.h"
#include "test/test.h"

/* The store: keys are longs, 7 to 7000 are there; the value of k is {"id":k,"name":"n<k>"}. Key 13
 * has the value "odd", a string. */
struct world {
    size_t limit;      /* keys of one request */
    const char *lines; /* standard input; '~' means: not there yet */
    size_t lines_at;
    struct lg_buf out, shown, asked; /* asked: "n " for each request; shown: at each flush */
    size_t flushes, reader_leaves;   /* after so many flushes */
    char store[64], schema[64];
    struct lg_error err;
    enum lg_rc open_rc;
};

static enum lg_rc open_store(void *ctx, const char *store, const char *reader_schema,
                             struct lg_error *err)
{
    struct world *w = ctx;

    (void)snprintf(w->store, sizeof w->store, "%s", store);
    (void)snprintf(w->schema, sizeof w->schema, "%s", reader_schema == NULL ? "" : reader_schema);
    return w->open_rc == LG_OK ? LG_OK : lg_error_set(err, w->open_rc, "no store '%s'", store);
}

static enum lg_rc read_keys(void *ctx, const struct lg_slice *keys, size_t n,
                            struct lg_admin_read_key *out, struct lg_error *err)
{
    struct world *w = ctx;

    lg_buf_appendf(&w->asked, "%zu ", n);
    if (n > w->limit)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "%zu keys; at most %zu", n, w->limit);
    for (size_t i = 0; i < n; i++) {
        int64_t key;

        if (!lg_parse_i64(keys[i], 0, INT32_MAX, &key))
            return lg_error_set(err, LG_ERR_INVALID, "'%.*s' is no long", LG_FMT(keys[i]));
        lg_buf_append_slice(&out[i].key, keys[i]);
        out[i].found = key >= 7 && key <= 7000;
        out[i].version = out[i].found ? 3 : 0;
        if (key == 13)
            lg_buf_append_str(&out[i].value, "\"odd\"");
        else if (out[i].found)
            lg_buf_appendf(&out[i].value, "{\"id\":%lld,\"name\":\"n%lld\"}", (long long)key,
                           (long long)key);
    }
    return LG_OK;
}

static enum lg_rc read_line(void *ctx, size_t bytes_max, bool wait, struct lg_buf *out,
                            enum lg_admin_line *out_got, struct lg_error *err)
{
    struct world *w = ctx;
    const char *line = w->lines + w->lines_at, *end = strchr(line, '\n');

    assert_int_equal(bytes_max, 1 << 20);
    if (*line == '!')
        return lg_error_set(err, LG_ERR_IO, "the disk is gone");
    *out_got = LG_ADMIN_LINE_NONE;
    if (*line == '\0')
        return LG_OK;
    if (*line == '~' && !wait) {
        *out_got = LG_ADMIN_LINE_NOT_YET;
        return LG_OK;
    }
    if (*line == '~') { /* It was waited for. */
        w->lines_at++;
        return read_line(ctx, bytes_max, wait, out, out_got, err);
    }
    *out_got = LG_ADMIN_LINE_READ;
    lg_buf_append(out, line, (size_t)(end - line));
    w->lines_at += (size_t)(end - line) + 1;
    return LG_OK;
}

static bool flush(void *ctx, struct lg_buf *out)
{
    struct world *w = ctx;

    lg_buf_append_slice(&w->shown, lg_buf_slice(out));
    lg_buf_append_byte(&w->shown, '|');
    lg_buf_clear(out);
    return ++w->flushes != w->reader_leaves;
}

static enum lg_rc run_words(struct world *w, size_t count, const char *const *words)
{
    struct lg_admin admin = {.out = &w->out,
                             .flush = flush,
                             .open_store = open_store,
                             .read_keys = read_keys,
                             .read_line = read_line,
                             .ctx = w};
    LG_SCOPED(lg_command) command = {0};
    struct lg_error err = {0};
    enum lg_rc rc;

    w->limit = w->limit == 0 ? 1000 : w->limit;
    lg_buf_clear(&w->out);
    lg_buf_clear(&w->shown);
    lg_buf_clear(&w->asked);
    w->lines_at = w->flushes = 0;
    w->err = (struct lg_error){0};
    assert_ok(lg_command_parse(count, words, &command, &err));
    assert_ok(lg_admin_parse_output(command.flags[LG_FLAG_OUTPUT], &admin.output, &err));
    rc = lg_admin_run(&admin, &command, &w->err);
    lg_buf_append_byte(&w->out, 0);
    lg_buf_append_byte(&w->shown, 0);
    lg_buf_append_byte(&w->asked, 0);
    return rc;
}
#define RUN(w, ...)                                                                                \
    run_words(w, sizeof((const char *[]){"get", __VA_ARGS__}) / sizeof(char *),                    \
              (const char *const[]){"get", __VA_ARGS__})

static void done(struct world *w)
{
    lg_buf_done(&w->out);
    lg_buf_done(&w->shown);
    lg_buf_done(&w->asked);
}

#define assert_text(want, buf) assert_string_equal((const char *)(buf).data, want)

static void what_is_found_is_printed_and_what_is_not_is_named(void **state)
{
    struct world w = {0};

    (void)state;
    assert_rc(LG_ERR_NOT_FOUND, RUN(&w, "cities", "8", "1"));
    assert_string_equal(w.store, "cities");
    assert_string_equal(w.schema, "");
    assert_text("KEY  id  name\n  8   8  n8\n", w.out);
    assert_string_equal(w.err.text, "not in store 'cities': 1");
    assert_rc(LG_ERR_NOT_FOUND, RUN(&w, "cities", "1", "8", "2", "--output", "ndjson"));
    assert_text("{\"key\":1,\"found\":false,\"value\":null}\n"
                "{\"key\":8,\"found\":true,\"value\":{\"id\":8,\"name\":\"n8\"}}\n"
                "{\"key\":2,\"found\":false,\"value\":null}\n",
                w.out);
    assert_string_equal(w.err.text, "not in store 'cities': 1, 2");
    assert_rc(LG_OK, RUN(&w, "cities", "13", "--output", "json", "--client"));
    assert_text("\"odd\"\n", w.out);
    assert_rc(LG_OK, RUN(&w, "cities", "13"));
    assert_text("KEY  VALUE\n 13  odd\n", w.out);
    assert_rc(LG_ERR_NOT_FOUND, RUN(&w, "cities", "1", "--output", "json"));
    assert_text("", w.out);
    assert_rc(LG_ERR_NOT_FOUND, RUN(&w, "cities", "1"));
    assert_text("", w.out);
    assert_rc(LG_OK, RUN(&w, "cities", "8", "9", "--output", "json"));
    assert_non_null(strstr((const char *)w.out.data, "\"version\": 3"));
    assert_non_null(strstr((const char *)w.out.data, "\"results\": [\n"));
    done(&w);
}

static void keys_of_standard_input_are_printed_in_their_order(void **state)
{
    struct world w = {.lines = "8\n1\n\n13\n"};

    (void)state;
    assert_rc(LG_ERR_NOT_FOUND, RUN(&w, "cities", "-"));
    assert_text("{\"key\":8,\"found\":true,\"value\":{\"id\":8,\"name\":\"n8\"}}\n"
                "{\"key\":1,\"found\":false,\"value\":null}\n"
                "{\"key\":13,\"found\":true,\"value\":\"odd\"}\n|",
                w.shown);
    assert_string_equal(w.err.text, "not in store 'cities': 1");
    w.lines = "8\n13\n";
    assert_rc(LG_OK, RUN(&w, "cities", "-", "--output", "json"));
    assert_text("{\"store\":\"cities\",\"results\":[\n"
                "{\"key\":8,\"found\":true,\"value\":{\"id\":8,\"name\":\"n8\"}},\n"
                "{\"key\":13,\"found\":true,\"value\":\"odd\"}|",
                w.shown);
    assert_text("\n]}\n", w.out);
    w.lines = "";
    assert_rc(LG_OK, RUN(&w, "cities", "-", "--output", "json"));
    assert_text("{\"store\":\"cities\",\"results\":[|", w.shown);
    assert_text("]}\n", w.out);
    assert_rc(LG_OK, RUN(&w, "cities", "-"));
    assert_text("", w.out);
    assert_rc(LG_ERR_INVALID, RUN(&w, "cities", "-", "--output", "table"));
    assert_non_null(strstr(w.err.text, "--output ndjson or json"));
    done(&w);
}

static void a_key_is_answered_when_no_other_waits(void **state)
{
    struct world w = {.lines = "8\n~9\n10\n~~11\n"};

    (void)state;
    assert_rc(LG_OK, RUN(&w, "cities", "-"));
    assert_text("1 2 1 ", w.asked);
    assert_int_equal(w.flushes, 3);
    done(&w);
}

static void many_lines(struct lg_buf *out, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        lg_buf_appendf(out, "%u\n", i);
    lg_buf_append_byte(out, '\0');
}

static void no_more_than_a_batch_is_held(void **state)
{
    LG_SCOPED(lg_buf) lines = {0};
    struct world w = {0};

    (void)state;
    many_lines(&lines, 100, 1350);
    w.lines = (const char *)lines.data;
    assert_rc(LG_OK, RUN(&w, "cities", "-"));
    assert_text("500 500 250 ", w.asked);
    assert_int_equal(w.flushes, 3);
    done(&w);
}

static void a_store_that_answers_fewer_keys_at_once_gets_fewer(void **state)
{
    LG_SCOPED(lg_buf) lines = {0};
    struct world w = {.limit = 100};
    const char *at;

    (void)state;
    many_lines(&lines, 100, 800);
    w.lines = (const char *)lines.data;
    assert_rc(LG_OK, RUN(&w, "cities", "-"));
    /* 500 and 250 and 125 are refused once, and never tried again. */
    assert_int_equal(strncmp((const char *)w.asked.data, "500 250 125 62 63 ", 18), 0);
    at = (const char *)w.shown.data;
    for (unsigned i = 100; i < 800; i++) { /* In order, none left out. */
        char want[32];

        (void)snprintf(want, sizeof want, "{\"key\":%u,", i);
        at = strstr(at, want);
        assert_non_null(at);
    }
    w.limit = 1;
    w.lines = "8\n9\n10\n";
    assert_rc(LG_OK, RUN(&w, "cities", "-"));
    assert_rc(LG_OK, RUN(&w, "cities", "8", "9", "10"));
    done(&w);
}

static void a_line_that_is_no_key_is_named_and_what_stood_before_it_is_printed(void **state)
{
    struct world w = {.lines = "8\n\n9\nten\n11\n"};

    (void)state;
    assert_rc(LG_ERR_INVALID, RUN(&w, "cities", "-"));
    assert_string_equal(w.err.text, "line 4: 'ten' is no long");
    assert_text("{\"key\":8,\"found\":true,\"value\":{\"id\":8,\"name\":\"n8\"}}\n"
                "{\"key\":9,\"found\":true,\"value\":{\"id\":9,\"name\":\"n9\"}}\n|",
                w.shown);
    assert_rc(LG_ERR_INVALID, RUN(&w, "cities", "8", "ten"));
    assert_string_equal(w.err.text, "'ten' is no long");
    assert_text("", w.out);
    w.lines = "8\n!";
    assert_rc(LG_ERR_IO, RUN(&w, "cities", "-"));
    assert_string_equal(w.err.text, "line 2 of standard input: the disk is gone");
    done(&w);
}

static void it_ends_when_its_reader_has_gone(void **state)
{
    struct world w = {.lines = "8\n~1\n~9\n~10\n", .reader_leaves = 2};

    (void)state;
    assert_rc(LG_OK, RUN(&w, "cities", "-")); /* `lagoon get … | head -2` is no failure. */
    assert_text("1 1 ", w.asked);
    done(&w);
}

static void many_missing_keys_are_not_all_named(void **state)
{
    LG_SCOPED(lg_buf) lines = {0};
    struct world w = {0};

    (void)state;
    many_lines(&lines, 8000, 9000);
    w.lines = (const char *)lines.data;
    assert_rc(LG_ERR_NOT_FOUND, RUN(&w, "cities", "-"));
    assert_non_null(strstr(w.err.text, "8000, 8001, "));
    assert_non_null(strstr(w.err.text, ", and more"));
    done(&w);
}

static void a_store_that_cannot_be_opened_is_told(void **state)
{
    struct world w = {.open_rc = LG_ERR_NO_STORE};

    (void)state;
    assert_rc(LG_ERR_NO_STORE, RUN(&w, "cities", "1"));
    assert_string_equal(w.err.text, "no store 'cities'");
    done(&w);
}

/* --- --schema. ---------------------------------------------------------------------------------
 */

struct router {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_http_server *server;
    bool awake;
    int status;
};

static void handle(void *ctx, struct lg_http_request *rq)
{
    struct router *r = ctx;

    assert_slice_equal(rq->target, LG_LIT("/value_schema/cities"));
    lg_http_respond(rq, &(struct lg_http_response){
                            .status = r->status,
                            .body = r->status == 200
                                        ? LG_LIT("{\"superSetSchemaId\":2,\"schemas\":[{\"id\":1,"
                                                 "\"schemaStr\":\"one\"},{\"id\":3,\"schemaStr\":"
                                                 "\"three\"},{\"id\":2,\"schemaStr\":\"two\"}]}")
                                        : LG_LIT("no store 'cities'")});
}

static bool is_awake(void *ctx)
{
    return ((struct router *)ctx)->awake;
}

static void wait_for_it(void *ctx)
{
    struct router *r = ctx;

    assert_true(lg_sim_run_until(r->sim, is_awake, r, 60 * LG_SEC));
    r->awake = false;
}

static void wake(void *ctx)
{
    ((struct router *)ctx)->awake = true;
}

static void check_schema(struct router *r, const char *which, enum lg_rc want, const char *text)
{
    struct lg_admin admin = {.lane = r->lane,
                             .http = lg_http_client_new(lg_net_sim_transport(r->net), r->lane),
                             .router_url = "http://world:7777",
                             .timeout_ms = 1000,
                             .wait = wait_for_it,
                             .wake = wake,
                             .ctx = r};
    LG_SCOPED(lg_buf) schema = {0};
    struct lg_error err = {0};

    assert_rc(want, lg_admin_reader_schema(&admin, "cities", which, &schema, &err));
    if (want == LG_OK)
        assert_string_equal((const char *)schema.data, text);
    else
        assert_non_null(strstr(err.text, text));
    lg_http_client_free(admin.http);
}

static void stopped(void *ctx)
{
    (void)ctx;
}

static void a_reader_schema_is_one_of_the_store_s(void **state)
{
    struct router r = {.status = 200};
    struct lg_http_server_options o;
    struct lg_error err;

    (void)state;
    r.sim = lg_sim_new(3);
    r.net = lg_net_sim_new(r.sim);
    r.lane = lg_sim_lane_new(r.sim, NULL, "test");
    o = (struct lg_http_server_options){.transport = lg_net_sim_transport(r.net),
                                        .lane = r.lane,
                                        .host = "world",
                                        .port = 7777,
                                        .handler = handle,
                                        .ctx = &r};
    assert_ok(lg_http_server_start(&o, &r.server, &err));
    check_schema(&r, "1", LG_OK, "one");
    check_schema(&r, "latest", LG_OK, "three");
    check_schema(&r, "superset", LG_OK, "two");
    check_schema(&r, "4", LG_ERR_NO_SCHEMA, "no value schema '4'; `lagoon schema list cities`");
    check_schema(&r, "first", LG_ERR_NO_SCHEMA, "no value schema 'first'");
    r.status = 404;
    check_schema(&r, "1", LG_ERR_NO_STORE, "no store 'cities'");
    lg_http_server_stop(r.server, 0, stopped, NULL);
    lg_sim_run_us(r.sim, 10 * LG_SEC);
    check_schema(&r, "1", LG_ERR_UNAVAILABLE, "the router: cannot reach");
    lg_sim_free(r.sim);
    lg_net_sim_free(r.net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_found_is_printed_and_what_is_not_is_named),
        cmocka_unit_test(keys_of_standard_input_are_printed_in_their_order),
        cmocka_unit_test(a_key_is_answered_when_no_other_waits),
        cmocka_unit_test(no_more_than_a_batch_is_held),
        cmocka_unit_test(a_store_that_answers_fewer_keys_at_once_gets_fewer),
        cmocka_unit_test(a_line_that_is_no_key_is_named_and_what_stood_before_it_is_printed),
        cmocka_unit_test(it_ends_when_its_reader_has_gone),
        cmocka_unit_test(many_missing_keys_are_not_all_named),
        cmocka_unit_test(a_store_that_cannot_be_opened_is_told),
        cmocka_unit_test(a_reader_schema_is_one_of_the_store_s),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
