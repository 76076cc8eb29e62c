/* lagoon get: asks a router's /v1 for all keys at once. */
#include "admin/admin.h"
#include "admin/table.h"
#include "base/str.h"

struct ask {
    struct lg_http_call call;
    struct lg_admin *admin;
};

static void settled(struct lg_http_call *call)
{
    struct lg_admin *a = LG_CONTAINER_OF(call, struct ask, call)->admin;

    a->wake(a->ctx);
}

static void write_request(struct lg_buf *body, const struct lg_command *c)
{
    lg_buf_append_str(body, "{\"textKeys\":[");
    for (size_t i = 1; i < c->argument_count; i++) {
        lg_buf_append_str(body, i == 1 ? "" : ",");
        lg_json_write_string(body, lg_slice_str(c->arguments[i]));
    }
    lg_buf_append_str(body, "]}");
}

/* The router's answer, or the error in it. */
static enum lg_rc read_answer(const struct lg_http_call *call, struct lg_json **out,
                              struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_slice body = lg_buf_slice(&call->response_body);
    struct lg_error ignored;
    const char *sentence;

    if (call->rc != LG_OK) {
        *err = call->err;
        err->rc = call->rc;
        return lg_error_wrap(err, "the router");
    }
    if (lg_json_parse(body, &json, &ignored) != LG_OK)
        return lg_error_set(err, LG_ERR_FAILED, "the router answered %d without JSON: %.*s",
                            call->status, (int)LG_MIN(body.size, (size_t)200),
                            (const char *)body.data);
    sentence = lg_json_get_str(json, "error", NULL);
    if (sentence != NULL)
        return lg_error_set(err, lg_rc_from_name(lg_json_get_str(json, "code", "")), "%s",
                            sentence);
    *out = LG_TAKE(json);
    return LG_OK;
}

static enum lg_rc ask_router(struct lg_admin *a, const struct lg_command *c, struct lg_json **out,
                             struct lg_error *err)
{
    LG_SCOPED(lg_buf) body = {0};
    LG_SCOPED(lg_buf) target = {0};
    LG_AUTO_STR char *host = NULL;
    static const struct lg_http_header json_header[] = {
        {{(const uint8_t *)"Content-Type", 12}, {(const uint8_t *)"application/json", 16}},
    };
    struct ask ask = {.admin = a};
    uint16_t port;
    enum lg_rc rc = lg_http_parse_url(lg_slice_str(a->router_url), &host, &port, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "the router's address");
    write_request(&body, c);
    lg_buf_append_str(&target, "/v1/stores/");
    lg_percent_encode(&target, lg_slice_str(c->arguments[0]));
    if (c->flags[LG_FLAG_SCHEMA] != NULL) {
        lg_buf_append_str(&target, "?schema=");
        lg_percent_encode(&target, lg_slice_str(c->flags[LG_FLAG_SCHEMA]));
    }
    ask.call = (struct lg_http_call){
        .host = host,
        .port = port,
        .method = LG_HTTP_POST,
        .target = lg_buf_slice(&target),
        .headers = json_header,
        .header_count = LG_ARRAY_SIZE(json_header),
        .body = lg_buf_slice(&body),
        .deadline_us = lg_lane_now_us(a->lane) + a->timeout_ms * LG_MS,
        .done = settled,
    };
    lg_http_call_submit(a->http, &ask.call);
    a->wait(a->ctx);
    rc = read_answer(&ask.call, out, err);
    lg_http_call_done(&ask.call);
    return rc;
}

static void add_json_cell(struct lg_table *table, const struct lg_json *value)
{
    LG_SCOPED(lg_buf) text = {0};

    if (value != NULL && lg_json_type(value) == LG_JSON_STRING) {
        lg_table_cell(table, lg_json_string(value));
        return;
    }
    if (value != NULL)
        lg_json_write(&text, value, /* pretty= */ false);
    lg_table_cell(table, lg_buf_slice(&text));
}

/* Columns are the members of the first value that is a record; else one column. */
static void print_table(struct lg_admin *a, const struct lg_json *results)
{
    LG_AUTO(lg_table) *table = NULL;
    const struct lg_json *shape = NULL;
    size_t columns = 1, i;
    const char *name;
    struct lg_json *value;

    for (i = 0; i < lg_json_size(results) && shape == NULL; i++) {
        shape = lg_json_get(lg_json_at(results, i), "value");
        if (shape != NULL && lg_json_type(shape) != LG_JSON_OBJECT)
            shape = NULL;
    }
    if (shape != NULL)
        columns = LG_MIN(lg_json_size(shape), (size_t)LG_TABLE_COLUMNS_MAX - 1);
    table = lg_table_new(columns + 1);
    lg_table_cellf(table, "KEY");
    i = 0;
    for (size_t column = 0;
         shape != NULL && column < columns && lg_json_next(shape, &i, &name, &value); column++)
        lg_table_cellf(table, "%s", name);
    if (shape == NULL)
        lg_table_cellf(table, "VALUE");
    for (size_t row = 0; row < lg_json_size(results); row++) {
        const struct lg_json *result = lg_json_at(results, row);
        const struct lg_json *of = lg_json_get(result, "value");
        size_t column = 0;

        if (!lg_json_get_bool(result, "found", false))
            continue;
        add_json_cell(table, lg_json_get(result, "key"));
        i = 0;
        for (; shape != NULL && column < columns && lg_json_next(shape, &i, &name, &value);
             column++)
            add_json_cell(table, lg_json_get(of, name));
        if (shape == NULL)
            add_json_cell(table, of);
    }
    lg_table_write(a->out, table);
}

static void print_found(struct lg_admin *a, const struct lg_json *answer)
{
    const struct lg_json *results = lg_json_get(answer, "results");

    if (a->output == LG_OUTPUT_TABLE) {
        print_table(a, results);
    } else if (a->output == LG_OUTPUT_NDJSON) {
        for (size_t i = 0; i < lg_json_size(results); i++) {
            lg_json_write(a->out, lg_json_at(results, i), /* pretty= */ false);
            lg_buf_append_byte(a->out, '\n');
        }
    } else if (lg_json_size(results) == 1) { /* One key: its value, nothing around it. */
        lg_json_write(a->out, lg_json_get(lg_json_at(results, 0), "value"), /* pretty= */ false);
        lg_buf_append_byte(a->out, '\n');
    } else {
        lg_admin_print_json(a, answer);
    }
}

enum lg_rc lg_admin_get(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    LG_AUTO(lg_json) *answer = NULL;
    LG_SCOPED(lg_buf) missing = {0};
    const struct lg_json *results;
    size_t found = 0, count;
    enum lg_rc rc = ask_router(a, c, &answer, err);

    if (rc != LG_OK)
        return rc;
    results = lg_json_get(answer, "results");
    count = lg_json_size(results);
    for (size_t i = 0; i < count; i++) {
        if (lg_json_get_bool(lg_json_at(results, i), "found", false)) {
            found++;
            continue;
        }
        lg_buf_append_str(&missing, missing.size == 0 ? "" : ", ");
        lg_json_write(&missing, lg_json_get(lg_json_at(results, i), "key"), /* pretty= */ false);
    }
    if (found > 0 || a->output == LG_OUTPUT_NDJSON || count > 1)
        print_found(a, answer);
    if (found == count)
        return LG_OK;
    return lg_error_set(err, LG_ERR_NOT_FOUND, "not in version %lld of store '%s': %.*s",
                        (long long)lg_json_get_int(answer, "version", 0), c->arguments[0],
                        (int)LG_MIN(missing.size, (size_t)300), (const char *)missing.data);
}
