/* lagoon bench: the plan is made on the client's lane; then generators run on lanes of their own,
 * while the client's lane shows progress and takes Ctrl-C. */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "admin/bench_load.h"
#include "drivers/nghttp2/h2_client_nghttp2.h"
#include "drivers/openssl/transport_tls.h"
#include "drivers/posix/hiccup_posix.h"
#include "drivers/uv/alarm_uv.h"
#include "drivers/uv/lane_uv.h"
#include "drivers/uv/transport_uv.h"
#include "main/cli.h"

#define POOL_THREADS 1u /* for the names of servers */
#define KEY_FILE_BYTES_MAX LG_BENCH_KEY_BYTES_MAX

struct generator {
    struct lg_bench_clock clock;
    struct bench *bench;
    struct lg_lane *lane;
    struct lg_alarm_uv *alarm;
    struct lg_bench_load *load;
    struct lg_task start;
    struct lg_task end[2]; /* of the first and of the second Ctrl-C */
    struct lg_task told;   /* on the client's lane: it is over */
    bool is_over;
};

struct bench {
    struct lg_cli cli;
    struct lg_admin admin;
    struct lg_bench_plan plan;
    struct lg_transport *sockets, *transport; /* of the generators: the same, or TLS over them */
    struct lg_hiccup_posix *meter;
    struct lg_hiccup hiccup;
    struct generator *all;
    uint32_t made, over;
    unsigned interrupts;
    struct lg_timer second;
    struct lg_bench_seen *seen, *before;
    uint64_t began_ns, ended_ns, shown_ns, cpu_ns;
};

static void wait(void *ctx)
{
    lg_cli_run(ctx);
}

static void wake(void *ctx)
{
    lg_lane_uv_stop(((struct lg_cli *)ctx)->lane);
}

static enum lg_rc read_file(void *ctx, const char *path, struct lg_buf *out, struct lg_error *err)
{
    (void)ctx;
    return lg_cli_read_file(path, KEY_FILE_BYTES_MAX, out, err);
}

static uint64_t cpu_ns(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return ((uint64_t)u.ru_utime.tv_sec + (uint64_t)u.ru_stime.tv_sec) * 1000000000 +
           ((uint64_t)u.ru_utime.tv_usec + (uint64_t)u.ru_stime.tv_usec) * 1000;
}

/* --- Generators. -------------------------------------------------------------------------------
 */

static uint64_t clock_now(struct lg_bench_clock *clock)
{
    (void)clock;
    return lg_alarm_uv_now_ns();
}

static void clock_ring(struct lg_bench_clock *clock, uint64_t at_ns)
{
    lg_alarm_uv_set(LG_CONTAINER_OF(clock, struct generator, clock)->alarm, at_ns);
}

static void rang(void *ctx)
{
    lg_bench_load_rang(((struct generator *)ctx)->load);
}

static void start(struct lg_task *task)
{
    lg_bench_load_start(LG_CONTAINER_OF(task, struct generator, start)->load);
}

static void end(struct lg_task *task)
{
    lg_bench_load_end(LG_CONTAINER_OF(task, struct generator, end[0])->load);
}

static void end_at_once(struct lg_task *task)
{
    lg_bench_load_end(LG_CONTAINER_OF(task, struct generator, end[1])->load);
}

static void told(struct lg_task *task)
{
    struct generator *g = LG_CONTAINER_OF(task, struct generator, told);

    g->is_over = true;
    if (++g->bench->over == g->bench->made)
        lg_lane_uv_stop(g->bench->cli.lane);
}

static void is_over(void *ctx)
{
    struct generator *g = (struct generator *)ctx;

    g->told.run = told;
    lg_lane_post(g->bench->cli.lane, &g->told);
}

static enum lg_rc make(struct bench *b, uint32_t index, struct lg_error *err)
{
    struct generator *g = &b->all[index];
    char name[32];
    enum lg_rc rc;

    g->bench = b;
    g->clock = (struct lg_bench_clock){clock_now, clock_ring};
    (void)snprintf(name, sizeof(name), "bench-%u", index);
    rc = lg_lane_uv_new(name, b->cli.pool, &g->lane, err);
    if (rc == LG_OK)
        rc = lg_alarm_uv_new(g->lane, rang, g, &g->alarm, err);
    if (rc != LG_OK)
        return rc;
    g->load = lg_bench_load_new(&(struct lg_bench_load_options){.plan = &b->plan,
                                                                .lane = g->lane,
                                                                .transport = b->transport,
                                                                .clock = &g->clock,
                                                                .h2_new = lg_h2_client_nghttp2_new,
                                                                .index = index,
                                                                .over = is_over,
                                                                .ctx = g});
    g->start.run = start;
    lg_lane_post(g->lane, &g->start);
    rc = lg_lane_uv_start(g->lane, err);
    b->made += rc == LG_OK;
    return rc;
}

static void interrupted(void *ctx, int signo)
{
    struct bench *b = (struct bench *)ctx;

    (void)signo;
    if (++b->interrupts > 2)
        return;
    for (uint32_t i = 0; i < b->made; i++) {
        struct lg_task *task = &b->all[i].end[b->interrupts - 1];

        task->run = b->interrupts == 1 ? end : end_at_once;
        if (!b->all[i].is_over)
            lg_lane_post(b->all[i].lane, task);
    }
}

/* --- What they have seen. ----------------------------------------------------------------------
 */

static void merge(struct bench *b, bool has_ended)
{
    memset(b->seen, 0, sizeof(*b->seen));
    b->began_ns = b->ended_ns = 0;
    for (uint32_t i = 0; i < b->plan.threads; i++) {
        uint64_t began, ended;

        if (b->all[i].load == NULL)
            continue;
        lg_bench_seen_merge(b->seen, lg_bench_load_seen(b->all[i].load), has_ended);
        lg_bench_load_times(b->all[i].load, &began, &ended);
        b->began_ns = b->began_ns == 0 ? began : LG_MIN(b->began_ns, began);
        b->ended_ns = LG_MAX(b->ended_ns, ended);
    }
}

static void second(struct lg_timer *timer)
{
    struct bench *b = LG_CONTAINER_OF(timer, struct bench, second);
    uint64_t now = lg_alarm_uv_now_ns();
    struct lg_bench_seen *swap;
    LG_SCOPED(lg_buf) line = {0};

    lg_timer_start(b->cli.lane, &b->second, LG_SEC, second);
    merge(b, /* has_ended= */ false);
    if (b->began_ns == 0)
        (void)fprintf(stderr, "warming up\n");
    else
        lg_bench_progress(&line, b->seen, b->before, now - b->began_ns,
                          now - LG_MAX(b->shown_ns, b->began_ns));
    (void)fprintf(stderr, "%.*s", LG_FMT(lg_buf_slice(&line)));
    b->shown_ns = now;
    swap = b->before;
    b->before = b->seen;
    b->seen = swap;
}

/* --- The verb. ---------------------------------------------------------------------------------
 */

/* Without a controller there is only the lane, and what it needs. */
static enum lg_rc open_cli(struct bench *b, const struct lg_command *c, struct lg_error *err)
{
    struct lg_cli *cli = &b->cli;
    enum lg_rc rc;

    if (lg_bench_plan_knows_all(c)) {
        cli->tls = lg_cli_tls(c);
        rc = lg_pool_uv_new(POOL_THREADS, &cli->pool, err);
        return rc == LG_OK ? lg_lane_uv_new("cli", cli->pool, &cli->lane, err) : rc;
    }
    rc = lg_cli_open(cli, c, err);
    if (rc != LG_OK)
        return rc;
    b->admin.lane = cli->lane;
    b->admin.http = cli->http;
    return lg_api_client_new(cli->http, cli->lane, cli->controller_url, &b->admin.api, err);
}

/* A cluster speaks TLS as a whole, so what the controller's address says goes for all of it. Where
 * no controller is asked, whoever says by which certificates wants TLS. */
static bool speaks_tls(const struct lg_cli *cli)
{
    return cli->controller_url != NULL ? strncmp(cli->controller_url, "https://", 8) == 0
                                       : lg_cli_says_tls(&cli->tls);
}

static enum lg_rc make_transport(struct bench *b, struct lg_error *err)
{
    struct lg_tls_options tls = b->cli.tls;

    b->transport = b->sockets = lg_transport_uv_new();
    if (!speaks_tls(&b->cli))
        return LG_OK;
    tls.always = true;
    tls.http2 = b->plan.protocol == LG_BENCH_GRPC;
    return lg_transport_tls_new(b->sockets, &tls, &b->transport, err);
}

static enum lg_rc run(struct bench *b, struct lg_error *err)
{
    enum lg_rc rc = lg_lane_uv_on_signal(b->cli.lane, SIGINT, interrupted, b, err);

    if (rc == LG_OK)
        rc = lg_lane_uv_on_signal(b->cli.lane, SIGTERM, interrupted, b, err);
    if (rc == LG_OK)
        rc = lg_hiccup_posix_start(LG_HICCUP_PERIOD_NS, NULL, NULL, &b->meter, err);
    if (rc == LG_OK)
        rc = make_transport(b, err);
    b->all = lg_new_array(struct generator, b->plan.threads);
    b->cpu_ns = cpu_ns();
    for (uint32_t i = 0; rc == LG_OK && i < b->plan.threads; i++)
        rc = make(b, i, err);
    if (rc == LG_OK) {
        lg_timer_start(b->cli.lane, &b->second, LG_SEC, second);
        lg_cli_run(&b->cli);
        lg_timer_stop(b->cli.lane, &b->second);
    }
    b->cpu_ns = cpu_ns() - b->cpu_ns;
    lg_hiccup_posix_stop(b->meter, &b->hiccup);
    for (uint32_t i = 0; i < b->plan.threads; i++)
        if (b->all[i].lane != NULL && i < b->made) {
            lg_lane_uv_stop(b->all[i].lane);
            lg_lane_uv_join(b->all[i].lane);
        }
    return rc;
}

static void bench_done(struct bench *b)
{
    for (uint32_t i = 0; b->all != NULL && i < b->plan.threads; i++) {
        lg_bench_load_free(b->all[i].load);
        lg_alarm_uv_free(b->all[i].alarm);
    }
    lg_transport_uv_free(b->sockets);
    if (b->transport != b->sockets)
        lg_transport_tls_free(b->transport);
    for (uint32_t i = 0; b->all != NULL && i < b->plan.threads; i++)
        lg_lane_uv_free(b->all[i].lane);
    lg_free(b->all);
    lg_api_client_free(b->admin.api);
    lg_cli_close(&b->cli);
    lg_bench_plan_done(&b->plan);
    lg_free(b->seen);
    lg_free(b->before);
    lg_free(b);
}
LG_DEFINE_AUTO(bench, bench_done)

static enum lg_rc report(struct bench *b, const struct lg_command *c, struct lg_buf *out,
                         struct lg_error *err)
{
    struct lg_bench_run r = {.plan = &b->plan,
                             .seen = b->seen,
                             .hiccup = &b->hiccup,
                             .cpu_ns = b->cpu_ns,
                             .interrupted = b->interrupts > 0};

    merge(b, /* has_ended= */ true);
    r.elapsed_ns = b->began_ns == 0 || b->ended_ns < b->began_ns ? 0 : b->ended_ns - b->began_ns;
    return lg_bench_report(&r, b->admin.output, c->flags[LG_FLAG_COMPACT] != NULL, out, err);
}

static enum lg_rc bench(const struct lg_command *c, struct lg_buf *out, struct lg_error *err)
{
    LG_AUTO(bench) *b = lg_new(struct bench);
    LG_SCOPED(lg_bench_plan) checked = {0};
    enum lg_rc rc;

    b->seen = lg_new(struct lg_bench_seen);
    b->before = lg_new(struct lg_bench_seen);
    b->admin = (struct lg_admin){.timeout_ms = LG_CLI_TIMEOUT_MS,
                                 .out = out,
                                 .wait = wait,
                                 .wake = wake,
                                 .read_file = read_file,
                                 .ctx = &b->cli};
    rc = lg_admin_parse_output(c->flags[LG_FLAG_OUTPUT], &b->admin.output, err);
    if (rc == LG_OK)
        rc = lg_bench_plan_make(/* a= */ NULL, c, &checked, err);
    if (rc == LG_OK)
        rc = open_cli(b, c, err);
    if (rc == LG_OK)
        rc = lg_bench_plan_make(&b->admin, c, &b->plan, err);
    if (rc == LG_OK)
        rc = run(b, err);
    return rc == LG_OK ? report(b, c, out, err) : rc;
}

int lg_verb_bench(const struct lg_command *command)
{
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    enum lg_rc rc = bench(command, &out, &err);
    int printed = lg_cli_print(lg_buf_slice(&out));

    return rc == LG_OK ? printed : lg_cli_fail(&err);
}
