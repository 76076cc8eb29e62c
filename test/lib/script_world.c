#include "test/lib/script_world.h"

#include "drivers/sim/transport_sim.h"
#include "net/http_server.h"
#include "test/test.h"

static void handle(void *ctx, struct lg_http_request *rq)
{
    struct lg_script_world *w = ctx;
    const struct lg_script_line *line = w->script;

    lg_buf_appendf(&w->asked, "%.*s %.*s\n", LG_FMT(rq->target), LG_FMT(rq->body));
    while (line->path != NULL && !lg_slice_starts(rq->target, lg_slice_str(line->path)))
        line++;
    if (line->path == NULL) {
        lg_http_respond_text(rq, 404, "not in the script");
        return;
    }
    lg_http_respond(rq, &(struct lg_http_response){.status = line->status,
                                                   .content_type = "application/json",
                                                   .body = lg_slice_str(line->body)});
}

static bool is_awake(void *ctx)
{
    return ((struct lg_script_world *)ctx)->awake;
}

static void wait_for_it(void *ctx)
{
    struct lg_script_world *w = ctx;

    assert_true(lg_sim_run_until(w->sim, is_awake, w, 60 * LG_SEC));
    w->awake = false;
}

static void wake(void *ctx)
{
    ((struct lg_script_world *)ctx)->awake = true;
}

static void stopped(void *ctx)
{
    ((struct lg_script_world *)ctx)->stopped = true;
}

static bool is_stopped(void *ctx)
{
    return ((struct lg_script_world *)ctx)->stopped;
}

/* What was shown stays in w->out, so that tests see all of it. */
static bool flush(void *ctx, struct lg_buf *out)
{
    struct lg_script_world *w = ctx;

    lg_buf_append_slice(&w->shown, lg_buf_slice(out));
    lg_buf_clear(out);
    return ++w->flushes < w->flushes_max;
}

static enum lg_rc read_file(void *ctx, const char *path, struct lg_buf *out, struct lg_error *err)
{
    (void)ctx;
    if (strcmp(path, "k.avsc") != 0)
        return lg_error_set(err, LG_ERR_NOT_FOUND, "%s: no such file", path);
    lg_buf_append_str(out, "\"long\"");
    return LG_OK;
}

enum lg_rc lg_script_run(struct lg_script_world *w, enum lg_output output, size_t count,
                         const char *const *words)
{
    struct lg_admin admin = {
        .lane = w->lane,
        .http = w->http,
        .router_url = "http://world:5555",
        .output = output,
        .timeout_ms = 2000,
        .out = &w->out,
        .wait = wait_for_it,
        .wake = wake,
        .flush = w->flushes_max == 0 ? NULL : flush,
        .terminal = w->terminal,
        .read_file = read_file,
        .confirm = w->confirm,
        .ctx = w,
    };
    LG_SCOPED(lg_command) command = {0};
    struct lg_error err = {0};
    enum lg_rc rc;

    lg_buf_clear(&w->out);
    lg_buf_clear(&w->shown);
    lg_buf_clear(&w->asked);
    w->flushes = 0;
    w->err = (struct lg_error){0};
    assert_ok(lg_command_parse(count, words, &command, &err));
    assert_ok(lg_api_client_new(w->http, w->lane, "http://world:5555", &admin.api, &err));
    rc = lg_admin_run(&admin, &command, &w->err);
    lg_api_client_free(admin.api);
    lg_buf_append_slice(&w->shown, lg_buf_slice(&w->out));
    lg_buf_append_byte(&w->shown, 0);
    lg_buf_append_byte(&w->asked, 0);
    return rc;
}
const char *lg_script_out(const struct lg_script_world *w)
{
    return (const char *)w->shown.data;
}

struct lg_script_world *lg_script_world_new(const struct lg_script_line *script)
{
    struct lg_script_world *w = lg_new(struct lg_script_world);
    struct lg_error err = {0};
    struct lg_http_server_options o = {.host = "world", .port = 5555, .handler = handle, .ctx = w};

    w->sim = lg_sim_new(3);
    w->net = lg_net_sim_new(w->sim);
    w->lane = lg_sim_lane_new(w->sim, NULL, "admin");
    w->script = script;
    o.transport = lg_net_sim_transport(w->net);
    o.lane = w->lane;
    assert_ok(lg_http_server_start(&o, &w->server, &err));
    w->http = lg_http_client_new(o.transport, w->lane);
    return w;
}

void lg_script_world_free(struct lg_script_world *w)
{
    lg_http_client_free(w->http);
    lg_http_server_stop(w->server, 0, stopped, w);
    assert_true(lg_sim_run_until(w->sim, is_stopped, w, 60 * LG_SEC));
    lg_sim_run_us(w->sim, LG_SEC);
    lg_sim_free(w->sim);
    lg_net_sim_free(w->net);
    lg_buf_done(&w->out);
    lg_buf_done(&w->shown);
    lg_buf_done(&w->asked);
    lg_free(w);
}

void lg_script_assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("expected '%s' in: %s", part, text);
}
