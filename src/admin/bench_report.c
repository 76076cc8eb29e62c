/* What `lagoon bench` says: progress, verdict, report. Pure. */
#include <stdio.h>

#include "admin/bench.h"

static const struct {
    const char *name, *text;
} errors[] = {
#define X(id, name, text) {name, text},
#include "admin/bench_errors.def"
#undef X
};

/* The ones that people ask for. */
static const struct {
    const char *name, *key;
    double share;
} shares[] = {
    {"p50", "p50", 0.5},       {"p90", "p90", 0.9},          {"p99", "p99", 0.99},
    {"p99.9", "p99_9", 0.999}, {"p99.99", "p99_99", 0.9999}, {"max", "max", 1},
};

/* A generator that is late by this much of the latency at a share shows itself, not the server. */
#define LATE_SHARE 0.5
#define LATE_NS_LEAST 1000000.0 /* below a millisecond nobody minds, if it is not most of it */

const char *lg_bench_error_name(enum lg_bench_error e)
{
    return errors[e].name;
}

const char *lg_bench_error_text(enum lg_bench_error e)
{
    return errors[e].text;
}

uint64_t lg_bench_errors(const struct lg_bench_seen *seen)
{
    uint64_t n = 0;

    for (size_t i = 0; i < LG_BENCH_ERRORS; i++)
        n += lg_word_load(&seen->errors[i]);
    return n;
}

static void add(uint64_t *into, const uint64_t *from)
{
    *into += lg_word_load(from);
}

void lg_bench_seen_merge(struct lg_bench_seen *into, const struct lg_bench_seen *from,
                         bool has_ended)
{
    lg_histogram_merge(&into->times.latency_ns, &from->times.latency_ns);
    lg_histogram_merge(&into->times.late_ns, &from->times.late_ns);
    add(&into->intended, &from->intended);
    add(&into->answered, &from->answered);
    add(&into->keys_found, &from->keys_found);
    add(&into->keys_missing, &from->keys_missing);
    add(&into->value_bytes, &from->value_bytes);
    for (size_t i = 0; i < LG_BENCH_ERRORS; i++) {
        add(&into->errors[i], &from->errors[i]);
        if (has_ended && into->example[i][0] == 0)
            memcpy(into->example[i], from->example[i], LG_BENCH_EXAMPLE_BYTES);
    }
}

/* --- Progress. ---------------------------------------------------------------------------------
 */

static double per_second(uint64_t n, uint64_t ns)
{
    return ns == 0 ? 0 : (double)n * 1e9 / (double)ns;
}

static double micros(uint64_t ns)
{
    return (double)ns / 1e3;
}

void lg_bench_progress(struct lg_buf *out, const struct lg_bench_seen *now,
                       const struct lg_bench_seen *before, uint64_t elapsed_ns,
                       uint64_t interval_ns)
{
    struct lg_histogram *part = lg_new(struct lg_histogram);
    uint64_t failed = lg_bench_errors(now), settled = now->answered + failed;

    for (size_t i = 0; i < LG_HISTOGRAM_CELLS; i++)
        part->cells[i] = now->times.latency_ns.cells[i] - before->times.latency_ns.cells[i];
    lg_buf_appendf(out, "%4.0f s  %.0f/s", (double)elapsed_ns / 1e9,
                   per_second(now->answered - before->answered, interval_ns));
    lg_buf_appendf(
        out, "  p50 %.0f us  p99 %.0f us  max %.0f us", micros(lg_histogram_quantile(part, 0.5)),
        micros(lg_histogram_quantile(part, 0.99)), micros(lg_histogram_quantile(part, 1)));
    lg_buf_appendf(out, "  %llu under way  %llu errors\n",
                   (unsigned long long)(now->intended > settled ? now->intended - settled : 0),
                   (unsigned long long)failed);
    lg_free(part);
}

/* --- Verdict. ----------------------------------------------------------------------------------
 */

/* The highest share that so many values tell something about. */
static double highest_share(uint64_t n)
{
    for (size_t i = LG_ARRAY_SIZE(shares) - 1; i-- > 0;)
        if ((double)n * (1 - shares[i].share) >= LG_HICCUP_BEYOND_MIN - 1e-6)
            return shares[i].share;
    return 0.5;
}

void lg_bench_judge(const struct lg_bench_run *run, struct lg_bench_verdict *out)
{
    const struct lg_histogram *latency = &run->seen->times.latency_ns;
    const struct lg_bench_plan *p = run->plan;
    double share = p->share > 0 ? p->share : highest_share(lg_histogram_count(latency));
    uint64_t at = lg_histogram_quantile(latency, share);
    uint64_t late = lg_histogram_quantile(&run->seen->times.late_ns, share);

    *out = (struct lg_bench_verdict){.share = share};
    out->verdict = lg_hiccup_judge(run->hiccup, latency, share, p->bar_ns, &out->why);
    out->client_behind =
        (double)late > LATE_SHARE * (double)at && (double)late > LATE_NS_LEAST / 10;
    out->client_behind = out->client_behind || (double)late > LATE_NS_LEAST * 10;
    if (out->client_behind && !(p->bar_ns > 0 && out->verdict == LG_VERDICT_PASS)) {
        if (out->verdict != LG_VERDICT_VOID)
            (void)lg_error_set(
                &out->why, LG_ERR_BUSY,
                "VOID: the client itself was %.0f us late at p%g, of %.0f us; give it "
                "more --threads or a core of its own, or lower --rate",
                micros(late), share * 100, micros(at));
        out->verdict = LG_VERDICT_VOID;
    }
}

/* --- Report. -----------------------------------------------------------------------------------
 */

static const char *const kinds[] = {"get", "batch", "stream"};

static struct lg_json *times_json(const struct lg_histogram *h)
{
    struct lg_json *json = lg_json_new_object();
    uint64_t n = lg_histogram_count(h);

    lg_json_set_int(json, "count", (int64_t)n);
    lg_json_set(json, "mean", lg_json_new_real(n == 0 ? 0 : micros(h->sum) / (double)n));
    for (size_t i = 0; i < LG_ARRAY_SIZE(shares); i++)
        lg_json_set(json, shares[i].key,
                    lg_json_new_real(micros(lg_histogram_quantile(h, shares[i].share))));
    return json;
}

static struct lg_json *errors_json(const struct lg_bench_seen *seen)
{
    struct lg_json *json = lg_json_new_object();

    for (size_t i = 0; i < LG_BENCH_ERRORS; i++) {
        struct lg_json *one;

        if (seen->errors[i] == 0)
            continue;
        one = lg_json_new_object();
        lg_json_set_int(one, "count", (int64_t)seen->errors[i]);
        lg_json_set_str(one, "example", seen->example[i]);
        lg_json_set(json, errors[i].name, one);
    }
    return json;
}

static struct lg_json *plan_json(const struct lg_bench_plan *p)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "kind", kinds[p->kind]);
    lg_json_set_str(json, "protocol", p->protocol == LG_BENCH_GRPC ? "grpc" : "rest");
    lg_json_set_str(json, "via", p->through_router ? "router" : "server");
    lg_json_set_str(json, "store", p->store);
    lg_json_set_int(json, "version", p->version);
    lg_json_set_int(json, "targets", (int64_t)p->targets.size);
    lg_json_set_int(json, "keys", (int64_t)p->keys.size);
    lg_json_set_int(json, "keys_per_request", p->kind == LG_BENCH_GET ? 1 : p->batch);
    lg_json_set(json, "rate", lg_json_new_real(p->rate));
    lg_json_set_str(json, "arrivals", p->arrivals == LG_SCHEDULE_FIXED ? "fixed" : "poisson");
    lg_json_set_int(json, "connections", p->connections);
    lg_json_set_int(json, "in_flight", p->protocol == LG_BENCH_REST ? 1 : p->in_flight);
    lg_json_set_int(json, "threads", p->threads);
    lg_json_set_int(json, "seed", (int64_t)p->seed);
    return json;
}

static struct lg_json *verdict_json(const struct lg_bench_run *run,
                                    const struct lg_bench_verdict *v)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "verdict", lg_verdict_name(v->verdict));
    lg_json_set_str(json, "why", v->why.text);
    lg_json_set(json, "percentile", lg_json_new_real(v->share * 100));
    lg_json_set(json, "bar_us",
                run->plan->bar_ns == 0 ? lg_json_new_null()
                                       : lg_json_new_real(micros(run->plan->bar_ns)));
    lg_json_set_bool(json, "client_behind", v->client_behind);
    return json;
}

static void write_json(const struct lg_bench_run *run, const struct lg_bench_verdict *v,
                       bool compact, struct lg_buf *out)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();
    const struct lg_bench_seen *s = run->seen;

    lg_json_set(json, "plan", plan_json(run->plan));
    lg_json_set(json, "seconds", lg_json_new_real((double)run->elapsed_ns / 1e9));
    lg_json_set_bool(json, "interrupted", run->interrupted);
    lg_json_set_int(json, "requests", (int64_t)s->intended);
    lg_json_set_int(json, "answered", (int64_t)s->answered);
    lg_json_set(json, "per_second", lg_json_new_real(per_second(s->answered, run->elapsed_ns)));
    lg_json_set_int(json, "keys_found", (int64_t)s->keys_found);
    lg_json_set_int(json, "keys_missing", (int64_t)s->keys_missing);
    lg_json_set_int(json, "value_bytes", (int64_t)s->value_bytes);
    lg_json_set(json, "latency_us", times_json(&s->times.latency_ns));
    lg_json_set(json, "client_late_us", times_json(&s->times.late_ns));
    lg_json_set(json, "machine_stalls_us", times_json(&run->hiccup->stalls_ns));
    lg_json_set(json, "client_cpu_us_per_request",
                lg_json_new_real(s->intended == 0 ? 0 : micros(run->cpu_ns) / (double)s->intended));
    lg_json_set_int(json, "errors", (int64_t)lg_bench_errors(s));
    lg_json_set(json, "errors_by_kind", errors_json(s));
    lg_json_set(json, "verdict", verdict_json(run, v));
    lg_json_write(out, json, !compact);
    lg_buf_append_byte(out, '\n');
}

static void write_text(const struct lg_bench_run *run, const struct lg_bench_verdict *v,
                       struct lg_buf *out)
{
    const struct lg_bench_seen *s = run->seen;
    const struct lg_histogram *h[] = {&s->times.latency_ns, &s->times.late_ns,
                                      &run->hiccup->stalls_ns};

    lg_buf_appendf(out, "%s of store '%s', %s%s: %.1f s%s\n", kinds[run->plan->kind],
                   run->plan->store, run->plan->protocol == LG_BENCH_GRPC ? "gRPC" : "REST",
                   run->plan->through_router ? " through routers" : "",
                   (double)run->elapsed_ns / 1e9, run->interrupted ? ", interrupted" : "");
    lg_buf_appendf(out, "requests  %llu sent, %llu answered, %.1f/s of %.1f/s\n",
                   (unsigned long long)s->intended, (unsigned long long)s->answered,
                   per_second(s->answered, run->elapsed_ns), run->plan->rate);
    lg_buf_appendf(out, "keys      %llu found, %llu missing, %llu bytes\n\n",
                   (unsigned long long)s->keys_found, (unsigned long long)s->keys_missing,
                   (unsigned long long)s->value_bytes);
    lg_buf_appendf(out, "%-8s %12s %12s %14s\n", "us", "latency", "client late", "machine stalls");
    for (size_t i = 0; i < LG_ARRAY_SIZE(shares); i++)
        lg_buf_appendf(out, "%-8s %12.1f %12.1f %14.1f%s\n", shares[i].name,
                       micros(lg_histogram_quantile(h[0], shares[i].share)),
                       micros(lg_histogram_quantile(h[1], shares[i].share)),
                       micros(lg_histogram_quantile(h[2], shares[i].share)),
                       shares[i].share < 1 &&
                               shares[i].share > highest_share(lg_histogram_count(h[0]))
                           ? "  too few requests to tell"
                           : "");
    lg_buf_appendf(out, "\nerrors    %llu\n", (unsigned long long)lg_bench_errors(s));
    for (size_t i = 0; i < LG_BENCH_ERRORS; i++)
        if (s->errors[i] > 0)
            lg_buf_appendf(out, "  %-10s %llu: %s%s%s\n", errors[i].name,
                           (unsigned long long)s->errors[i], errors[i].text,
                           s->example[i][0] == 0 ? "" : "; ", s->example[i]);
    lg_buf_appendf(out, "verdict   %s\n", v->why.text);
}

static enum lg_rc failed_error(const struct lg_bench_seen *s, struct lg_error *err)
{
    LG_SCOPED(lg_buf) text = {0};

    for (size_t i = 0; i < LG_BENCH_ERRORS; i++)
        if (s->errors[i] > 0)
            lg_buf_appendf(&text, "%s%llu %s", text.size == 0 ? "" : ", ",
                           (unsigned long long)s->errors[i], errors[i].name);
    return lg_error_set(err, LG_ERR_FAILED, "%llu of %llu requests failed: %.*s",
                        (unsigned long long)lg_bench_errors(s), (unsigned long long)s->intended,
                        LG_FMT(lg_buf_slice(&text)));
}

enum lg_rc lg_bench_report(const struct lg_bench_run *run, enum lg_output output, bool compact,
                           struct lg_buf *out, struct lg_error *err)
{
    struct lg_bench_verdict v;

    lg_bench_judge(run, &v);
    if (output == LG_OUTPUT_TABLE)
        write_text(run, &v, out);
    else
        write_json(run, &v, compact || output == LG_OUTPUT_NDJSON, out);
    if (lg_bench_errors(run->seen) > 0)
        return failed_error(run->seen, err);
    if (run->plan->bar_ns == 0 || v.verdict == LG_VERDICT_PASS)
        return LG_OK;
    return lg_error_set(err, v.verdict == LG_VERDICT_FAIL ? LG_ERR_FAILED : LG_ERR_BUSY, "%s",
                        v.why.text);
}
