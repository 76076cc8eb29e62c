/* The plan of `lagoon bench`, from flags and from what the controller says. */
#include <stdio.h>
#include <stdlib.h>

#include "admin/bench.h"
#include "avro/text.h"
#include "base/host_list.h"
#include "base/str.h"
#include "model/partitioner.h"

#define NONE UINT32_MAX
#define PARTITIONS_MAX 1000u

enum lg_rc lg_bench_plan_add_lines(struct lg_bench_plan *p, const struct lg_schema *schema,
                                   struct lg_slice lines, struct lg_error *err)
{
    for (uint64_t number = 1; lines.size > 0; number++) {
        const uint8_t *end = memchr(lines.data, '\n', lines.size);
        size_t size = end == NULL ? lines.size : (size_t)(end - lines.data);
        struct lg_slice line = lg_slice(lines.data, size);
        size_t at = p->key_bytes.size;
        enum lg_rc rc;

        lines = lg_slice_skip(lines, size + 1);
        if (line.size > 0 && line.data[line.size - 1] == '\r')
            line.size--;
        if (line.size == 0)
            continue;
        if (p->keys.size == LG_BENCH_KEYS_MAX)
            return lg_error_set(err, LG_ERR_TOO_LARGE, "more than %zu keys", LG_BENCH_KEYS_MAX);
        rc = lg_avro_from_text(schema, line, &p->key_bytes, err);
        if (rc != LG_OK)
            return lg_error_set(err, rc == LG_ERR_TOO_LARGE ? rc : LG_ERR_INVALID,
                                "line %llu of the keys: '%.*s' is no key of the store",
                                (unsigned long long)number, (int)LG_MIN(line.size, (size_t)80),
                                (const char *)line.data);
        LG_VEC_PUSH(&p->keys,
                    ((struct lg_bench_key){(uint32_t)at, (uint32_t)(p->key_bytes.size - at), 0}));
    }
    return LG_OK;
}

enum lg_rc lg_bench_plan_add_numbers(struct lg_bench_plan *p, const struct lg_schema *schema,
                                     const char *prefix, uint64_t from, uint64_t to,
                                     struct lg_error *err)
{
    LG_SCOPED(lg_buf) line = {0};
    enum lg_rc rc = LG_OK;

    for (uint64_t i = from; rc == LG_OK; i++) {
        lg_buf_clear(&line);
        lg_buf_appendf(&line, "%s%llu", prefix, (unsigned long long)i);
        rc = lg_bench_plan_add_lines(p, schema, lg_buf_slice(&line), err);
        if (i == to)
            break;
    }
    return rc;
}

enum lg_rc lg_bench_plan_spread(struct lg_bench_plan *p, struct lg_error *err)
{
    for (size_t i = 0; i < p->keys.size; i++) {
        struct lg_bench_key *key = &p->keys.data[i];
        const uint32_t *places;

        for (size_t t = 0; p->places_each == 0 && t < p->targets.size; t++)
            LG_VEC_PUSH(&p->targets.data[t].keys, (uint32_t)i);
        if (p->partitions > 0)
            key->partition =
                lg_partitioner_partition(lg_bench_key_bytes(p, (uint32_t)i), p->partitions);
        if (p->places_each == 0)
            continue;
        places = &p->places.data[key->partition * p->places_each];
        if (places[0] == NONE)
            return lg_error_set(err, LG_ERR_UNREADY,
                                "no live server has partition %u of version %u of store '%s' ready",
                                key->partition, p->version, p->store);
        for (uint32_t at = 0; at < p->places_each && places[at] != NONE; at++)
            LG_VEC_PUSH(&p->targets.data[places[at]].keys, (uint32_t)i);
    }
    return LG_OK;
}

void lg_bench_plan_done(struct lg_bench_plan *p)
{
    for (size_t i = 0; i < p->targets.size; i++) {
        lg_free(p->targets.data[i].host);
        LG_VEC_DONE(&p->targets.data[i].keys);
    }
    LG_VEC_DONE(&p->targets);
    LG_VEC_DONE(&p->places);
    LG_VEC_DONE(&p->keys);
    lg_buf_done(&p->key_bytes);
    lg_free(p->store);
}

/* --- Flags. ------------------------------------------------------------------------------------
 */

static enum lg_rc number(const struct lg_command *c, enum lg_command_flag flag, uint32_t least,
                         uint32_t most, uint32_t otherwise, uint32_t *out, struct lg_error *err)
{
    const char *text = c->flags[flag];
    int64_t v = otherwise;

    if (text != NULL && !lg_parse_i64(lg_slice_str(text), least, most, &v))
        return lg_error_set(err, LG_ERR_INVALID, "--%s takes a number from %u to %u, not '%.80s'",
                            lg_flag_row(flag)->name, least, most, text);
    *out = (uint32_t)v;
    return LG_OK;
}

/* One of two words. */
static enum lg_rc choice(const struct lg_command *c, enum lg_command_flag flag, const char *first,
                         const char *second, bool *out_is_second, struct lg_error *err)
{
    const char *text = c->flags[flag];

    *out_is_second = text != NULL && strcmp(text, second) == 0;
    if (text != NULL && !*out_is_second && strcmp(text, first) != 0)
        return lg_error_set(err, LG_ERR_INVALID, "--%s takes %s or %s, not '%.80s'",
                            lg_flag_row(flag)->name, first, second, text);
    return LG_OK;
}

static enum lg_rc time_of(const struct lg_command *c, enum lg_command_flag flag, uint64_t otherwise,
                          uint64_t *out_ms, struct lg_error *err)
{
    *out_ms = otherwise;
    if (c->flags[flag] == NULL)
        return LG_OK;
    if (lg_command_parse_time(c->flags[flag], out_ms, err) != LG_OK)
        return lg_error_wrap(err, "--%s", lg_flag_row(flag)->name);
    return LG_OK;
}

/* "0s": no time at all, which only the warm-up may take. */
static bool is_no_time(const char *text)
{
    static const char *const words[] = {"0", "0ms", "0s", "0m", "0h"};

    for (size_t i = 0; i < LG_ARRAY_SIZE(words); i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static enum lg_rc warm_up_of(const struct lg_command *c, uint64_t *out_ms, struct lg_error *err)
{
    const char *text = c->flags[LG_FLAG_WARM_UP];

    if (text == NULL || !is_no_time(text))
        return time_of(c, LG_FLAG_WARM_UP, 1000, out_ms, err);
    *out_ms = 0;
    return LG_OK;
}

static enum lg_rc read_rate(const struct lg_command *c, struct lg_bench_plan *p,
                            struct lg_error *err)
{
    const char *text = c->flags[LG_FLAG_RATE];
    char *end = NULL;

    p->rate = 1000;
    if (text == NULL)
        return LG_OK;
    p->rate = strtod(text, &end);
    if (end == text || *end != 0 || !(p->rate >= 0.01 && p->rate <= 10e6))
        return lg_error_set(err, LG_ERR_INVALID,
                            "--rate takes requests per second, 0.01 to 10000000, not '%.80s'",
                            text);
    return LG_OK;
}

static enum lg_rc read_bar(const struct lg_command *c, struct lg_bench_plan *p,
                           struct lg_error *err)
{
    const char *share = c->flags[LG_FLAG_PERCENTILE];
    uint64_t bar_ms = 0;
    char *end = NULL;
    double percent;
    int64_t micros;
    const char *bar = c->flags[LG_FLAG_BAR];
    size_t size = bar == NULL ? 0 : strlen(bar);

    if (size > 2 && strcmp(bar + size - 2, "us") == 0 &&
        lg_parse_i64(lg_slice(bar, size - 2), 1, 1000000000, &micros)) {
        p->bar_ns = (uint64_t)micros * 1000;
    } else {
        if (time_of(c, LG_FLAG_BAR, 0, &bar_ms, err) != LG_OK)
            return err->rc;
        p->bar_ns = bar_ms * 1000000;
    }
    if (share == NULL) {
        p->share = bar == NULL ? 0 : 0.99;
        return LG_OK;
    }
    percent = strtod(share, &end);
    if (end == share || *end != 0 || !(percent >= 1 && percent <= 99.9999))
        return lg_error_set(err, LG_ERR_INVALID,
                            "--percentile takes 1 to 99.9999, as 99.9 is, not '%.80s'", share);
    p->share = percent / 100;
    return LG_OK;
}

static enum lg_rc check_protocol(const struct lg_command *c, struct lg_bench_plan *p,
                                 struct lg_error *err)
{
    bool rest, fixed;
    enum lg_rc rc = choice(c, LG_FLAG_VIA, "server", "router", &p->through_router, err);

    if (rc == LG_OK)
        rc = choice(c, LG_FLAG_PROTOCOL, "grpc", "rest", &rest, err);
    if (rc == LG_OK)
        rc = choice(c, LG_FLAG_ARRIVALS, "poisson", "fixed", &fixed, err);
    if (rc != LG_OK)
        return rc;
    p->arrivals = fixed ? LG_SCHEDULE_FIXED : LG_SCHEDULE_POISSON;
    p->protocol = rest ? LG_BENCH_REST : LG_BENCH_GRPC;
    if (p->through_router && c->flags[LG_FLAG_PROTOCOL] == NULL)
        p->protocol = LG_BENCH_REST;
    if (p->through_router && p->protocol == LG_BENCH_GRPC)
        return lg_error_set(err, LG_ERR_INVALID,
                            "routers speak REST only: --via router goes with --protocol rest");
    if (p->kind == LG_BENCH_STREAM && p->protocol == LG_BENCH_REST)
        return lg_error_set(err, LG_ERR_INVALID,
                            "bench stream is the streaming service of gRPC; it goes with neither "
                            "--protocol rest nor --via router");
    if (c->flags[LG_FLAG_KEYS] != NULL && c->flags[LG_FLAG_NUMBERS] != NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "--keys and --numbers are two ways to say the keys; give one of them");
    if (c->flags[LG_FLAG_KEYS] == NULL && c->flags[LG_FLAG_NUMBERS] == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "which keys? --keys FILE has one a line (- is standard input), "
                            "--numbers 1-1000 makes them");
    if (c->flags[LG_FLAG_KEY_PREFIX] != NULL && c->flags[LG_FLAG_NUMBERS] == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "--key-prefix stands before --numbers; the keys of --keys are whole");
    return LG_OK;
}

static enum lg_rc read_flags(const struct lg_command *c, struct lg_bench_plan *p,
                             struct lg_error *err)
{
    uint32_t seed;
    enum lg_rc rc = check_protocol(c, p, err);

    if (rc == LG_OK)
        rc = read_rate(c, p, err);
    if (rc == LG_OK)
        rc = read_bar(c, p, err);
    if (rc == LG_OK)
        rc = time_of(c, LG_FLAG_DURATION, 10000, &p->duration_ms, err);
    if (rc == LG_OK)
        rc = warm_up_of(c, &p->warm_up_ms, err);
    if (rc == LG_OK)
        rc = time_of(c, LG_FLAG_TIMEOUT, 10000, &p->timeout_ms, err);
    if (rc == LG_OK)
        rc = number(c, LG_FLAG_THREADS, 1, LG_BENCH_THREADS_MAX, 1, &p->threads, err);
    if (rc == LG_OK)
        rc = number(c, LG_FLAG_CONNECTIONS, 1, LG_BENCH_CONNECTIONS_MAX, LG_MAX(8u, p->threads),
                    &p->connections, err);
    if (rc == LG_OK)
        rc = number(c, LG_FLAG_IN_FLIGHT, 1, LG_BENCH_IN_FLIGHT_MAX,
                    p->kind == LG_BENCH_GET ? 64 : 16, &p->in_flight, err);
    if (rc == LG_OK && lg_command_has_flag(c->kind, LG_FLAG_BATCH))
        rc = number(c, LG_FLAG_BATCH, 1, LG_BENCH_BATCH_MAX, 100, &p->batch, err);
    if (rc == LG_OK)
        rc = number(c, LG_FLAG_SEED, 0, INT32_MAX, 1, &seed, err);
    if (rc != LG_OK)
        return rc;
    p->seed = seed;
    if (p->connections < p->threads)
        return lg_error_set(err, LG_ERR_INVALID,
                            "%u threads need a connection each: --connections %u is too few",
                            p->threads, p->connections);
    return LG_OK;
}

/* --- Where. ------------------------------------------------------------------------------------
 */

static void add_target(struct lg_bench_plan *p, struct lg_slice host, uint16_t port)
{
    LG_VEC_PUSH(&p->targets,
                ((struct lg_bench_target){.host = lg_strndup((const char *)host.data, host.size),
                                          .port = port}));
}

/* "host:port,[::1]:port" */
static enum lg_rc add_servers(struct lg_bench_plan *p, const char *list, struct lg_error *err)
{
    enum lg_rc rc = lg_host_list_check(lg_slice_str(list), "127.0.0.1:8888", err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "--server");
    while (*list != 0) {
        size_t size = strcspn(list, ",");
        const char *colon = memrchr(list, ':', size);
        struct lg_slice host = lg_slice(list, (size_t)(colon - list));

        if (host.size > 2 && host.data[0] == '[')
            host = lg_slice(host.data + 1, host.size - 2);
        if (p->targets.size == LG_BENCH_TARGETS_MAX)
            return lg_error_set(err, LG_ERR_TOO_LARGE, "more than %u servers",
                                LG_BENCH_TARGETS_MAX);
        add_target(p, host, (uint16_t)strtoul(colon + 1, NULL, 10));
        list += size + (list[size] == ',');
    }
    return LG_OK;
}

/* Where everything is, is for observers; reading a store is not. */
static enum lg_rc name_way_round(enum lg_rc rc, const struct lg_bench_plan *p, struct lg_error *err)
{
    if (rc != LG_ERR_REFUSED)
        return rc;
    return lg_error_set(err, rc,
                        "%.300s, which is asked for the %s of store '%s'; name them yourself: "
                        "--server HOST:PORT[,HOST:PORT...]",
                        err->text, p->through_router ? "routers" : "servers", p->store);
}

static enum lg_rc ask_routers(struct lg_admin *a, struct lg_bench_plan *p, struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc = name_way_round(lg_admin_call(a, LG_API_list_routers, &call, err), p, err);
    const struct lg_json *urls = rc == LG_OK ? lg_json_get(call.answer, "routers") : NULL;

    for (size_t i = 0; rc == LG_OK && i < LG_MIN(lg_json_size(urls), LG_BENCH_TARGETS_MAX); i++) {
        LG_AUTO_STR char *host = NULL;
        uint16_t port;

        rc = lg_http_parse_url(lg_json_string(lg_json_at(urls, i)), &host, &port, err);
        if (rc == LG_OK)
            add_target(p, lg_slice_str(host), port);
    }
    if (rc == LG_OK && p->targets.size == 0)
        rc = lg_error_set(err, LG_ERR_UNAVAILABLE, "the controller knows no router that lives");
    lg_api_call_done(&call);
    return rc;
}

/* The target of a node; NONE when it is not alive. */
static uint32_t target_of(struct lg_bench_plan *p, const struct lg_json *nodes, const char *id)
{
    for (size_t i = 0; i < lg_json_size(nodes); i++) {
        const struct lg_json *node = lg_json_at(nodes, i);
        const char *host = lg_json_get_str(node, "host", "");
        int64_t grpc_port = lg_json_get_int(node, "grpcPort", 0);
        int64_t port = p->protocol == LG_BENCH_GRPC && grpc_port > 0
                           ? grpc_port
                           : lg_json_get_int(node, "port", 0);

        if (strcmp(lg_json_get_str(node, "id", ""), id) != 0 || port <= 0 || port > UINT16_MAX)
            continue;
        for (size_t t = 0; t < p->targets.size; t++)
            if (strcmp(p->targets.data[t].host, host) == 0 && p->targets.data[t].port == port)
                return (uint32_t)t;
        if (p->targets.size == LG_BENCH_TARGETS_MAX)
            return NONE;
        add_target(p, lg_slice_str(host), (uint16_t)port);
        return (uint32_t)p->targets.size - 1;
    }
    return NONE;
}

static void add_places(struct lg_bench_plan *p, const struct lg_json *partitions,
                       const struct lg_json *nodes)
{
    for (uint32_t i = 0; i < p->partitions; i++) {
        const struct lg_json *replicas = lg_json_get(lg_json_at(partitions, i), "replicas");
        uint32_t n = 0;

        for (size_t r = 0; r < lg_json_size(replicas) && n < p->places_each; r++) {
            const struct lg_json *replica = lg_json_at(replicas, r);
            bool ready = lg_json_get_bool(replica, "live", true) &&
                         strcmp(lg_json_get_str(replica, "status", ""), "COMPLETED") == 0;
            uint32_t target =
                ready ? target_of(p, nodes, lg_json_get_str(replica, "instance", "")) : NONE;

            if (target == NONE)
                continue;
            LG_VEC_PUSH(&p->places, target);
            n++;
        }
        for (; n < p->places_each; n++)
            LG_VEC_PUSH(&p->places, NONE);
    }
}

static enum lg_rc ask_places(struct lg_admin *a, struct lg_bench_plan *p,
                             const struct lg_json *partitions, struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc = name_way_round(lg_admin_call(a, LG_API_nodes, &call, err), p, err);

    p->places_each = 1;
    for (uint32_t i = 0; i < p->partitions; i++)
        p->places_each =
            LG_MAX(p->places_each,
                   (uint32_t)lg_json_size(lg_json_get(lg_json_at(partitions, i), "replicas")));
    if (rc == LG_OK)
        add_places(p, partitions, lg_json_get(call.answer, "nodes"));
    lg_api_call_done(&call);
    return rc;
}

/* What clients of the store are told to speak, where nobody has said it. */
static enum lg_rc ask_protocol(struct lg_admin *a, struct lg_bench_plan *p, struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc;

    lg_api_call_param(&call, "store_name", p->store);
    rc = lg_admin_call(a, LG_API_discover_cluster, &call, err);
    if (rc == LG_OK &&
        strcmp(lg_json_get_str(call.answer, "lagoonClientProtocols", ""), "http") == 0)
        p->protocol = LG_BENCH_REST;
    lg_api_call_done(&call);
    return rc;
}

/* Version, partitions and servers of the store, as far as flags do not say them. */
static enum lg_rc ask_version(struct lg_admin *a, const struct lg_command *c,
                              struct lg_bench_plan *p, struct lg_error *err)
{
    struct lg_api_call call = {0};
    const struct lg_json *versions, *found = NULL;
    enum lg_rc rc;

    lg_api_call_param(&call, "store_name", p->store);
    rc = lg_admin_call(a, LG_API_replicas, &call, err);
    versions = rc == LG_OK ? lg_json_get(call.answer, "versions") : NULL;
    for (size_t i = 0; i < lg_json_size(versions); i++) {
        const struct lg_json *v = lg_json_at(versions, i);

        if (p->version == 0 ? lg_json_get_bool(v, "current", false)
                            : lg_json_get_int(v, "version", 0) == p->version)
            found = v;
    }
    if (rc == LG_OK && found == NULL)
        rc = p->version == 0
                 ? lg_error_set(err, LG_ERR_NOT_FOUND,
                                "store '%s' serves no version yet; push one first", p->store)
                 : lg_error_set(err, LG_ERR_NOT_FOUND, "store '%s' has no version %u", p->store,
                                p->version);
    if (rc == LG_OK) {
        const struct lg_json *partitions = lg_json_get(found, "partitions");

        p->version = (uint32_t)lg_json_get_int(found, "version", 0);
        if (p->partitions != 0 && p->partitions != lg_json_size(partitions))
            rc = lg_error_set(err, LG_ERR_INVALID,
                              "store '%s' has %zu partitions in version %u, not --partitions %u; "
                              "leave it out",
                              p->store, lg_json_size(partitions), p->version, p->partitions);
        p->partitions = (uint32_t)lg_json_size(partitions);
        if (rc == LG_OK && c->flags[LG_FLAG_SERVER] == NULL)
            rc = ask_places(a, p, partitions, err);
    }
    lg_api_call_done(&call);
    return rc;
}

static enum lg_rc key_schema(struct lg_admin *a, const struct lg_command *c,
                             const struct lg_bench_plan *p, struct lg_schema **out,
                             struct lg_error *err)
{
    const char *file = c->flags[LG_FLAG_KEY_SCHEMA];
    struct lg_api_call call = {0};
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc;

    if (file != NULL) {
        rc = a->read_file(a->ctx, file, &text, err);
    } else {
        lg_api_call_param(&call, "store_name", p->store);
        rc = lg_admin_call(a, LG_API_get_key_schema, &call, err);
        if (rc == LG_OK)
            lg_buf_append_str(&text, lg_json_get_str(call.answer, "schemaStr", ""));
        lg_api_call_done(&call);
    }
    return rc == LG_OK ? lg_schema_parse(lg_buf_slice(&text), out, err) : rc;
}

/* --- Keys. -------------------------------------------------------------------------------------
 */

static enum lg_rc add_numbers(const struct lg_command *c, struct lg_bench_plan *p,
                              const struct lg_schema *schema, struct lg_error *err)
{
    const char *text = c->flags[LG_FLAG_NUMBERS], *dash = strchr(text, '-');
    const char *prefix = c->flags[LG_FLAG_KEY_PREFIX];
    uint64_t from, to;

    if (dash == NULL || !lg_parse_u64(lg_slice(text, (size_t)(dash - text)), INT64_MAX, &from) ||
        !lg_parse_u64(lg_slice_str(dash + 1), INT64_MAX, &to) || to < from ||
        to - from >= LG_BENCH_KEYS_MAX)
        return lg_error_set(err, LG_ERR_INVALID,
                            "--numbers takes the first and the last, as 1-1000 is, at most %zu, "
                            "not '%.80s'",
                            LG_BENCH_KEYS_MAX, text);
    return lg_bench_plan_add_numbers(p, schema, prefix == NULL ? "" : prefix, from, to, err);
}

static enum lg_rc add_keys(struct lg_admin *a, const struct lg_command *c, struct lg_bench_plan *p,
                           struct lg_error *err)
{
    LG_AUTO(lg_schema) *schema = NULL;
    LG_SCOPED(lg_buf) lines = {0};
    const char *file = c->flags[LG_FLAG_KEYS];
    enum lg_rc rc = key_schema(a, c, p, &schema, err);

    p->key_bytes.ceiling = LG_BENCH_KEY_BYTES_MAX;
    if (rc == LG_OK && file != NULL)
        rc = a->read_file(a->ctx, strcmp(file, "-") == 0 ? "/dev/stdin" : file, &lines, err);
    if (rc == LG_OK)
        rc = file != NULL ? lg_bench_plan_add_lines(p, schema, lg_buf_slice(&lines), err)
                          : add_numbers(c, p, schema, err);
    if (rc == LG_OK && p->keys.size == 0)
        rc = lg_error_set(err, LG_ERR_INVALID, "there is no key in %s", file);
    return rc;
}

bool lg_bench_plan_knows_all(const struct lg_command *c)
{
    return c->flags[LG_FLAG_SERVER] != NULL && c->flags[LG_FLAG_BENCH_VERSION] != NULL &&
           c->flags[LG_FLAG_BENCH_PARTITIONS] != NULL && c->flags[LG_FLAG_KEY_SCHEMA] != NULL;
}

enum lg_rc lg_bench_plan_make(struct lg_admin *a, const struct lg_command *c,
                              struct lg_bench_plan *p, struct lg_error *err)
{
    enum lg_rc rc;

    p->kind = c->kind == LG_COMMAND_BENCH_GET     ? LG_BENCH_GET
              : c->kind == LG_COMMAND_BENCH_BATCH ? LG_BENCH_BATCH
                                                  : LG_BENCH_STREAM;
    p->store = lg_strdup(c->arguments[0]);
    rc = read_flags(c, p, err);
    if (rc == LG_OK)
        rc = number(c, LG_FLAG_BENCH_VERSION, 1, INT32_MAX, 0, &p->version, err);
    if (rc == LG_OK)
        rc = number(c, LG_FLAG_BENCH_PARTITIONS, 1, PARTITIONS_MAX, 0, &p->partitions, err);
    if (rc == LG_OK && c->flags[LG_FLAG_SERVER] != NULL)
        rc = add_servers(p, c->flags[LG_FLAG_SERVER], err);
    if (rc != LG_OK || a == NULL)
        return rc;
    if (p->through_router && p->targets.size == 0)
        rc = ask_routers(a, p, err);
    else if (!p->through_router && !lg_bench_plan_knows_all(c)) {
        if (c->flags[LG_FLAG_PROTOCOL] == NULL && p->kind != LG_BENCH_STREAM)
            rc = ask_protocol(a, p, err);
        if (rc == LG_OK)
            rc = ask_version(a, c, p, err);
    }
    if (rc == LG_OK)
        rc = add_keys(a, c, p, err);
    return rc == LG_OK ? lg_bench_plan_spread(p, err) : rc;
}
