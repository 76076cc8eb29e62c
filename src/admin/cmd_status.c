/* lagoon status: what a router's process says of itself, from its /readyz and /metrics. */
#include "admin/admin.h"
#include "base/str.h"

struct ask {
    struct lg_http_call call;
    struct lg_admin *admin;
};

struct facts {
    struct lg_slice version;
    uint64_t uptime_s, stores, pushes, reads, errors;
    uint64_t memory, disk_used, disk_free, disk_total;
};

static void settled(struct lg_http_call *call)
{
    struct lg_admin *a = LG_CONTAINER_OF(call, struct ask, call)->admin;

    a->wake(a->ctx);
}

/* GET of a page; the caller frees the call with lg_http_call_done, also after a failure. */
static enum lg_rc get(struct lg_admin *a, const char *target, struct ask *out, struct lg_error *err)
{
    LG_AUTO_STR char *host = NULL;
    uint16_t port;
    enum lg_rc rc = lg_http_parse_url(lg_slice_str(a->router_url), &host, &port, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "the router's address");
    *out = (struct ask){.admin = a};
    out->call =
        (struct lg_http_call){.host = host,
                              .port = port,
                              .method = LG_HTTP_GET,
                              .target = lg_slice_str(target),
                              .deadline_us = lg_lane_now_us(a->lane) + a->timeout_ms * LG_MS,
                              .done = settled};
    lg_http_call_submit(a->http, &out->call);
    a->wait(a->ctx);
    out->call.host = NULL; /* Ours, and gone. */
    if (out->call.rc == LG_OK)
        return LG_OK;
    *err = out->call.err;
    err->rc = out->call.rc;
    return lg_error_wrap(err, "the router");
}

/* --- Reading Prometheus' text: only what our own pages hold. -----------------------------------
 */
static struct lg_slice next_line(struct lg_slice *text)
{
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t n = end == NULL ? text->size : (size_t)(end - text->data);
    struct lg_slice line = lg_slice(text->data, n);

    *text = lg_slice_skip(*text, LG_MIN(n + 1, text->size));
    return line;
}

/* Of "name 12.5" or "name{...} 12.5" the labels and the whole part; false for other lines. */
static bool sample(struct lg_slice line, const char *name, struct lg_slice *out_labels,
                   uint64_t *out_value)
{
    struct lg_slice rest;
    const uint8_t *blank;
    size_t digits = 0;

    if (!lg_slice_starts(line, lg_slice_str(name)))
        return false;
    rest = lg_slice_skip(line, strlen(name));
    blank = memrchr(rest.data, ' ', rest.size);
    if (blank == NULL || (rest.data[0] != ' ' && rest.data[0] != '{'))
        return false;
    *out_labels = lg_slice(rest.data, (size_t)(blank - rest.data));
    rest = lg_slice_skip(rest, out_labels->size + 1);
    while (digits < rest.size && rest.data[digits] >= '0' && rest.data[digits] <= '9')
        digits++;
    return lg_parse_u64(lg_slice(rest.data, digits), UINT64_MAX, out_value);
}

/* The sum of all series of that name whose labels hold `with`. */
static uint64_t sum(struct lg_slice text, const char *name, const char *with)
{
    uint64_t all = 0, value;
    struct lg_slice labels;

    while (text.size > 0)
        if (sample(next_line(&text), name, &labels, &value) &&
            (with == NULL || memmem(labels.data, labels.size, with, strlen(with)) != NULL))
            all += value;
    return all;
}

static struct lg_slice version_in(struct lg_slice text)
{
    struct lg_slice labels, prefix = LG_LIT("{version=\"");
    uint64_t value;

    while (text.size > 0)
        if (sample(next_line(&text), "lagoon_build_info", &labels, &value) &&
            lg_slice_starts(labels, prefix) && labels.size > prefix.size + 2)
            return lg_slice(labels.data + prefix.size, labels.size - prefix.size - 2);
    return LG_LIT("unknown");
}

static struct facts read_facts(struct lg_admin *a, struct lg_slice text)
{
    uint64_t started_s = sum(text, "process_start_time_seconds", NULL);
    uint64_t now_s = lg_lane_wall_ms(a->lane) / 1000;

    return (struct facts){
        .version = version_in(text),
        .uptime_s = now_s > started_s ? now_s - started_s : 0,
        .stores = sum(text, "lagoon_controller_stores", NULL),
        .pushes = sum(text, "lagoon_controller_pushes_running", NULL),
        .reads = sum(text, "lagoon_router_reads_total", NULL),
        .errors = sum(text, "lagoon_router_read_errors_total", NULL),
        .memory = sum(text, "process_resident_memory_bytes", NULL),
        .disk_used = sum(text, "lagoon_disk_used_bytes", NULL),
        .disk_free = sum(text, "lagoon_disk_free_bytes", NULL),
        .disk_total = sum(text, "lagoon_disk_total_bytes", NULL),
    };
}

/* --- Printing. -------------------------------------------------------------------------------- */
static void add_size(struct lg_buf *out, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    uint64_t tenths = bytes * 10;
    size_t unit = 0;

    for (; tenths >= 10240 && unit + 1 < LG_ARRAY_SIZE(units); unit++)
        tenths /= 1024;
    if (unit == 0 || tenths >= 100)
        lg_buf_appendf(out, "%llu %s", (unsigned long long)(tenths / 10), units[unit]);
    else
        lg_buf_appendf(out, "%llu.%llu %s", (unsigned long long)(tenths / 10),
                       (unsigned long long)(tenths % 10), units[unit]);
}

static void print_table(struct lg_admin *a, const struct facts *f, const struct lg_json *checks)
{
    struct lg_buf *out = a->out;

    lg_buf_appendf(
        out, "version  %.*s\nup       %llud %02llu:%02llu:%02llu\n", LG_FMT(f->version),
        (unsigned long long)(f->uptime_s / 86400), (unsigned long long)(f->uptime_s / 3600 % 24),
        (unsigned long long)(f->uptime_s / 60 % 60), (unsigned long long)(f->uptime_s % 60));
    lg_buf_appendf(out, "stores   %llu, %llu pushes running\nreads    %llu, %llu failed\n",
                   (unsigned long long)f->stores, (unsigned long long)f->pushes,
                   (unsigned long long)f->reads, (unsigned long long)f->errors);
    lg_buf_append_str(out, "memory   ");
    add_size(out, f->memory);
    lg_buf_append_str(out, "\ndisk     ");
    add_size(out, f->disk_used);
    lg_buf_append_str(out, " used, ");
    add_size(out, f->disk_free);
    lg_buf_append_str(out, " of ");
    add_size(out, f->disk_total);
    lg_buf_append_str(out, " free\n");
    for (size_t i = 0; i < lg_json_size(checks); i++) {
        const struct lg_json *check = lg_json_at(checks, i);
        const char *reason = lg_json_get_str(check, "reason", "");
        bool ok = lg_json_get_bool(check, "ok", false);

        lg_buf_appendf(out, "[%c] %s%s%s\n", ok ? '+' : '-', lg_json_get_str(check, "name", "?"),
                       reason[0] == '\0' ? "" : ": ", reason);
    }
}

static void print_json(struct lg_admin *a, const struct facts *f, const struct lg_json *health)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();
    LG_AUTO_STR char *version = lg_strndup((const char *)f->version.data, f->version.size);
    struct lg_json *checks = lg_json_get(health, "checks");

    lg_json_set_bool(json, "ready", lg_json_get_bool(health, "ok", false));
    lg_json_set_str(json, "version", version);
    lg_json_set_int(json, "uptimeSeconds", (int64_t)f->uptime_s);
    lg_json_set_int(json, "stores", (int64_t)f->stores);
    lg_json_set_int(json, "pushesRunning", (int64_t)f->pushes);
    lg_json_set_int(json, "reads", (int64_t)f->reads);
    lg_json_set_int(json, "readErrors", (int64_t)f->errors);
    lg_json_set_int(json, "memoryBytes", (int64_t)f->memory);
    lg_json_set_int(json, "diskUsedBytes", (int64_t)f->disk_used);
    lg_json_set_int(json, "diskFreeBytes", (int64_t)f->disk_free);
    lg_json_set_int(json, "diskTotalBytes", (int64_t)f->disk_total);
    if (checks != NULL)
        lg_json_set(json, "checks", lg_json_ref(checks));
    lg_admin_print_json(a, json);
}

static enum lg_rc not_ready(const struct lg_json *checks, struct lg_error *err)
{
    for (size_t i = 0; i < lg_json_size(checks); i++) {
        const struct lg_json *check = lg_json_at(checks, i);

        if (!lg_json_get_bool(check, "ok", false))
            return lg_error_set(err, LG_ERR_UNAVAILABLE, "not ready: %s %s",
                                lg_json_get_str(check, "name", "?"),
                                lg_json_get_str(check, "reason", "failed"));
    }
    return lg_error_set(err, LG_ERR_UNAVAILABLE, "not ready");
}

static enum lg_rc report(struct lg_admin *a, const struct lg_http_call *ready,
                         const struct lg_http_call *metrics, struct lg_error *err)
{
    LG_AUTO(lg_json) *health = NULL;
    struct facts f;

    if (metrics->status == 401 || metrics->status == 403 || metrics->status == 503) {
        struct lg_slice why = lg_buf_slice(&metrics->response_body);

        while (why.size > 0 && why.data[why.size - 1] == '\n')
            why.size--;
        return lg_error_set(err, metrics->status == 503 ? LG_ERR_UNAVAILABLE : LG_ERR_REFUSED,
                            "%s tells its state only to whom authz_observers, authz_trusted or "
                            "authz_admins names: %.*s",
                            a->router_url, LG_FMT(why));
    }
    if (lg_json_parse(lg_buf_slice(&ready->response_body), &health, err) != LG_OK ||
        metrics->status != 200)
        return lg_error_set(err, LG_ERR_FAILED,
                            "what answers at %s is no Lagoon that tells its status", a->router_url);
    f = read_facts(a, lg_buf_slice(&metrics->response_body));
    if (a->output == LG_OUTPUT_TABLE)
        print_table(a, &f, lg_json_get(health, "checks"));
    else
        print_json(a, &f, health);
    return lg_json_get_bool(health, "ok", false) ? LG_OK
                                                 : not_ready(lg_json_get(health, "checks"), err);
}

enum lg_rc lg_admin_status(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    struct ask ready = {0}, metrics = {0};
    enum lg_rc rc = get(a, "/readyz?output=json", &ready, err);

    (void)c;
    if (rc == LG_OK)
        rc = get(a, "/metrics", &metrics, err);
    if (rc == LG_OK)
        rc = report(a, &ready.call, &metrics.call, err);
    lg_http_call_done(&ready.call);
    lg_http_call_done(&metrics.call);
    return rc;
}
