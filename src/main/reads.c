#include "main/reads.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "avro/schema.h"
#include "base/str.h"
#include "lagoon/client.h"

#define INPUT_PIECE_BYTES ((size_t)64 << 10)
#define TIMEOUT_MS_MAX ((uint64_t)3600000) /* the option's */

struct lg_reads {
    char *router_url;
    uint64_t timeout_ms;
    struct lg_tls_options tls;    /* its paths are borrowed */
    struct lagoon_client *client; /* NULL until it is opened */
    bool keys_are_strings;
    struct lg_buf input; /* from input_at on: read and not yet handed out */
    size_t input_at;
    bool input_ended;
};

/* The library's codes are ours, under another prefix. */
static enum lg_rc failed(enum lagoon_rc rc, const char *why, struct lg_error *err)
{
    return lg_error_set(err, lg_rc_from_name(lagoon_rc_name(rc) + strlen("LAGOON_")), "%s", why);
}

struct lg_reads *lg_reads_new(const char *router_url, uint64_t timeout_ms,
                              const struct lg_tls_options *tls)
{
    struct lg_reads *r = lg_new(struct lg_reads);

    r->router_url = lg_strdup(router_url);
    r->tls = *tls;
    r->timeout_ms = LG_MIN(timeout_ms, TIMEOUT_MS_MAX);
    return r;
}

void lg_reads_free(struct lg_reads *r)
{
    if (r == NULL)
        return;
    (void)lagoon_client_close(r->client);
    lg_free(r->router_url);
    lg_buf_done(&r->input);
    lg_free(r);
}

static enum lagoon_rc open_client(struct lg_reads *r, const char *store, const char *reader_schema,
                                  char *why, size_t why_size)
{
    LG_AUTO_STR char *timeout = lg_strf("%llu", (unsigned long long)r->timeout_ms);
    const char *const settings[][2] = {{"router", r->router_url},       {"store", store},
                                       {"timeout_ms", timeout},         {"tls_ca", r->tls.ca},
                                       {"tls_cert", r->tls.cert},       {"tls_key", r->tls.key},
                                       {"reader_schema", reader_schema}};
    struct lagoon_client_options *options = lagoon_client_options_new();
    enum lagoon_rc rc = LAGOON_OK;

    for (size_t i = 0; rc == LAGOON_OK && i < LG_ARRAY_SIZE(settings); i++)
        if (settings[i][1] != NULL)
            rc = lagoon_client_options_set(options, settings[i][0], settings[i][1], why, why_size);
    if (rc == LAGOON_OK)
        rc = lagoon_client_open(options, &r->client, why, why_size);
    lagoon_client_options_free(options);
    return rc;
}

enum lg_rc lg_reads_open(struct lg_reads *r, const char *store, const char *reader_schema,
                         struct lg_error *err)
{
    LG_AUTO(lg_schema) *key = NULL;
    char why[LAGOON_WHY_MAX];
    struct lagoon_slice text;
    enum lagoon_rc rc = open_client(r, store, reader_schema, why, sizeof why);

    if (rc != LAGOON_OK)
        return failed(rc, why, err);
    text = lagoon_client_key_schema(r->client);
    if (lg_schema_parse(lg_slice(text.data, text.size), &key, err) != LG_OK)
        return lg_error_wrap(err, "the key schema");
    r->keys_are_strings = lg_schema_kind(key) == LG_AVRO_STRING;
    return LG_OK;
}

/* --- Reading. ----------------------------------------------------------------------------------
 */

static enum lg_rc take(const struct lg_reads *r, struct lg_slice key, struct lagoon_value *value,
                       struct lg_admin_read_key *out, struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lagoon_slice text;
    char why[LAGOON_WHY_MAX];
    enum lg_rc rc = LG_OK;

    if (r->keys_are_strings)
        lg_json_write_string(&out->key, key);
    else
        rc = lg_json_parse(key, &json, err); /* The library has understood it. */
    if (rc == LG_OK && json != NULL)
        lg_json_write(&out->key, json, /* pretty= */ false);
    out->found = value != NULL;
    if (rc != LG_OK || value == NULL)
        return rc;
    if (lagoon_value_json(value, &text, why, sizeof why) != LAGOON_OK)
        return lg_error_set(err, LG_ERR_BAD_DATA, "%s", why);
    lg_buf_append(&out->value, text.data, text.size);
    out->version = lagoon_value_version(value);
    return LG_OK;
}

enum lg_rc lg_reads_keys(struct lg_reads *r, const struct lg_slice *keys, size_t n,
                         struct lg_admin_read_key *out, struct lg_error *err)
{
    struct lagoon_slice *slices = lg_new_array(struct lagoon_slice, n);
    struct lagoon_value **values = lg_new_array(struct lagoon_value *, n);
    char why[LAGOON_WHY_MAX];
    enum lagoon_rc asked;
    enum lg_rc rc = LG_OK;

    for (size_t i = 0; i < n; i++)
        slices[i] = lagoon_slice_of(keys[i].data, keys[i].size);
    asked = lagoon_client_batch_get(r->client, LAGOON_KEY_TEXT, slices, n, /* timeout_ms= */ 0,
                                    values, NULL, why, sizeof why);
    if (asked != LAGOON_OK)
        rc = failed(asked, why, err);
    for (size_t i = 0; rc == LG_OK && i < n; i++)
        rc = take(r, keys[i], values[i], &out[i], err);
    for (size_t i = 0; i < n; i++)
        lagoon_value_free(values[i]);
    lg_free(values);
    lg_free(slices);
    return rc;
}

/* --- Lines. ------------------------------------------------------------------------------------
 */

static struct lg_slice rest_of_input(const struct lg_reads *r)
{
    return lg_slice_skip(lg_buf_slice(&r->input), r->input_at);
}

/* A line without its end: "\n" or "\r\n". False when none is whole. */
static bool take_line(struct lg_reads *r, struct lg_buf *out)
{
    struct lg_slice input = rest_of_input(r);
    const uint8_t *end = input.size == 0 ? NULL : memchr(input.data, '\n', input.size);
    size_t size = end == NULL ? input.size : (size_t)(end - input.data);

    if (end == NULL && (!r->input_ended || input.size == 0))
        return false;
    r->input_at += end == NULL ? size : size + 1;
    if (size > 0 && input.data[size - 1] == '\r')
        size--;
    lg_buf_append(out, input.data, size);
    return true;
}

static enum lg_rc read_more(struct lg_reads *r, struct lg_error *err)
{
    uint8_t *room;
    ssize_t got;

    lg_buf_consume(&r->input, r->input_at);
    r->input_at = 0;
    room = lg_buf_reserve(&r->input, INPUT_PIECE_BYTES);
    do
        got = read(STDIN_FILENO, room, INPUT_PIECE_BYTES);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return lg_error_errno(err, errno, "standard input");
    r->input_ended = got == 0;
    lg_buf_commit(&r->input, (size_t)got);
    return LG_OK;
}

static bool has_input(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

    return poll(&input, 1, 0) != 0; /* Also an end or a fault, which read tells. */
}

enum lg_rc lg_reads_line(struct lg_reads *r, size_t bytes_max, bool wait, struct lg_buf *out,
                         enum lg_admin_line *out_got, struct lg_error *err)
{
    for (;;) {
        enum lg_rc rc;

        if (take_line(r, out)) {
            *out_got = LG_ADMIN_LINE_READ;
            return LG_OK;
        }
        if (r->input_ended || (!wait && !has_input())) {
            *out_got = r->input_ended ? LG_ADMIN_LINE_NONE : LG_ADMIN_LINE_NOT_YET;
            return LG_OK;
        }
        if (rest_of_input(r).size > bytes_max)
            return lg_error_set(err, LG_ERR_TOO_LARGE, "the line is longer than %zu bytes",
                                bytes_max);
        rc = read_more(r, err);
        if (rc != LG_OK)
            return rc;
    }
}
