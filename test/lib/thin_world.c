#include "test/lib/thin_world.h"

#include <stdio.h>

#include "avro/json_text.h"
#include "base/str.h"
#include "read/wire.h"
#include "test/test.h"

void lg_tw_as_told(struct lg_mock_router *m, const struct lg_http1_message *rq,
                   struct lg_mock_reply *reply)
{
    struct lg_tw *w = m->ctx;

    (void)rq;
    *reply = w->reply;
}

/* Serves "v:" and the key, for each key but those that begin with 'x'. */
void lg_tw_echo(struct lg_mock_router *m, const struct lg_http1_message *rq,
                struct lg_mock_reply *reply)
{
    static uint8_t room[1 << 16];
    static struct lg_slice keys[2000];
    struct lg_buf body = {.data = room, .capacity = sizeof room, .ceiling = sizeof room};
    size_t n = lg_mock_keys(rq, keys, LG_ARRAY_SIZE(keys));

    (void)m;
    for (size_t i = 0; i < n; i++) {
        LG_SCOPED(lg_buf) value = {0};

        lg_buf_append_byte(&value, (uint8_t)((keys[i].size + 1) * 2)); /* "v" and the key's text */
        lg_buf_append_byte(&value, 'v');
        lg_buf_append_slice(&value, keys[i]);
        if (keys[i].size > 1 && keys[i].data[1] == 'x')
            lg_wire_missing_add(&body, (int32_t)i);
        else
            lg_wire_value_add(&body, &(struct lg_wire_value){(int32_t)i, lg_buf_slice(&value), 1});
    }
    reply->headers = "X-VENICE-SCHEMA-ID: 1\r\n";
    reply->body = lg_buf_slice(&body);
}

int lg_tw_set_up(void **state)
{
    struct lg_tw *w = lg_new(struct lg_tw);

    w->sim = lg_sim_new(7);
    w->net = lg_net_sim_new(w->sim);
    w->lane = lg_sim_lane_new(w->sim, NULL, "client");
    for (size_t i = 0; i < LG_TW_ROUTERS; i++) {
        struct lg_mock_router *m = &w->mock[i];
        char name[8];

        (void)snprintf(name, sizeof name, "r%zu", i);
        w->node[i] = lg_sim_node_new(w->sim, name);
        w->router_lane[i] = lg_sim_lane_new(w->sim, NULL, name);
        m->store = "test_store";
        m->key_schema = "\"string\"";
        m->value_schema[0] = "\"string\"";
        m->handle = lg_tw_as_told;
        m->ctx = w;
        m->port = (uint16_t)(7777 + i);
        lg_mock_router_start(m, lg_net_sim_transport(w->net), w->router_lane[i], "world");
    }
    lg_options_init(&lg_client_option_table, &w->options);
    w->options.store = lg_strdup("test_store");
    w->options.router = lg_strdup("http://world:7777");
    *state = w;
    return 0;
}

static void lg_tw_asked_done(struct lg_tw_asked *a)
{
    for (size_t i = 0; i < LG_TW_KEYS_MAX; i++) {
        lg_buf_done(&a->value[i]);
        lg_buf_done(&a->json[i]);
    }
    memset(a, 0, sizeof *a);
}

static bool is_closed(void *ctx)
{
    return ((struct lg_tw *)ctx)->closed > 0;
}

static void client_closed(void *ctx)
{
    ((struct lg_tw *)ctx)->closed++;
}

void lg_tw_close(struct lg_tw *w)
{
    if (w->client == NULL)
        return;
    w->closed = 0;
    lg_client_close(w->client, client_closed, w);
    assert_int_equal(w->closed, 0);
    assert_true(lg_sim_run_until(w->sim, is_closed, w, LG_TW_WAIT_US));
    w->client = NULL;
}

int lg_tw_tear_down(void **state)
{
    struct lg_tw *w = *state;

    lg_tw_close(w);
    for (size_t i = 0; i < LG_TW_ROUTERS; i++) {
        lg_mock_router_stop(&w->mock[i]);
        lg_mock_router_done(&w->mock[i]);
    }
    for (size_t i = 0; i < LG_TW_READS_MAX; i++)
        lg_tw_asked_done(&w->asked[i]);
    lg_sim_run_us(w->sim, LG_SEC);
    lg_options_done(&lg_client_option_table, &w->options);
    lg_sim_free(w->sim);
    lg_net_sim_free(w->net);
    lg_free(w);
    return 0;
}

void lg_tw_set(struct lg_tw *w, const char *name, const char *text)
{
    struct lg_error err;

    assert_ok(lg_option_set(&lg_client_option_table, &w->options, name, lg_slice_str(text), &err));
}

void lg_tw_two_routers(struct lg_tw *w)
{
    lg_tw_set(w, "router", " http://world:7777, http://world:7778");
}

/* --- Reads. ------------------------------------------------------------------------------------
 */

static void key_answered(struct lg_client_read *read, size_t i, enum lg_rc rc,
                         const struct lg_client_found *found, const char *why)
{
    struct lg_tw_asked *a = LG_CONTAINER_OF(read, struct lg_tw_asked, read);
    struct lg_error err;

    assert_int_equal(a->dones, 0);
    a->answered++;
    a->key_rc[i] = rc;
    (void)snprintf(a->key_why[i], sizeof a->key_why[i], "%s", why);
    if (rc != LG_OK) {
        assert_null(found);
        return;
    }
    struct lg_decoder d = lg_decoder_of(found->value);

    lg_buf_append_slice(&a->value[i], found->value);
    assert_ok(lg_avro_to_json(found->schema, &d, &a->json[i], &err));
    lg_buf_append_byte(&a->json[i], '\0');
    a->schema_id[i] = found->schema_id;
    a->version[i] = found->version;
}

static void read_done(struct lg_client_read *read, const struct lg_error *err)
{
    struct lg_tw_asked *a = LG_CONTAINER_OF(read, struct lg_tw_asked, read);

    a->dones++;
    a->rc = err->rc;
    (void)snprintf(a->why, sizeof a->why, "%s", err->text);
}

void lg_tw_open(struct lg_tw *w)
{
    struct lg_error err;

    if (w->client == NULL)
        assert_ok(
            lg_client_new(&w->options, w->lane, lg_net_sim_transport(w->net), &w->client, &err));
}

struct lg_tw_asked *lg_tw_submit(struct lg_tw *w, size_t slot, bool single, const char *const *keys)
{
    struct lg_tw_asked *a = &w->asked[slot];

    lg_tw_open(w);
    lg_tw_asked_done(a);
    for (; keys[a->read.key_count] != NULL; a->read.key_count++)
        a->keys[a->read.key_count] = lg_slice_str(keys[a->read.key_count]);
    a->read.keys = a->keys;
    a->read.form = LG_KEY_TEXT;
    a->read.single = single;
    a->read.answered = key_answered;
    a->read.done = read_done;
    lg_client_submit(w->client, &a->read);
    assert_int_equal(a->dones, 0);
    return a;
}

static bool is_done(void *ctx)
{
    return ((struct lg_tw_asked *)ctx)->dones > 0;
}

struct lg_tw_asked *lg_tw_wait(struct lg_tw *w, struct lg_tw_asked *a)
{
    assert_true(lg_sim_run_until(w->sim, is_done, a, LG_TW_WAIT_US));
    assert_int_equal(a->dones, 1);
    return a;
}

struct lg_tw_asked *lg_tw_get(struct lg_tw *w, const char *key)
{
    return lg_tw_wait(w, lg_tw_submit(w, 0, true, (const char *const[]){key, NULL}));
}

void lg_tw_assert_json(const struct lg_tw_asked *a, size_t i, const char *want)
{
    if (a->key_rc[i] != LG_OK || a->answered == 0)
        fail_msg("%s: %s", lg_rc_name(a->key_rc[i]), a->why);
    assert_string_equal((const char *)a->json[i].data, want);
}

void lg_tw_assert_why(const struct lg_tw_asked *a, enum lg_rc rc, const char *part)
{
    assert_rc(rc, a->rc);
    if (strstr(a->why, part) == NULL)
        fail_msg("'%s' does not say '%s'", a->why, part);
}

void lg_tw_tell(struct lg_tw *w, int status, const char *headers, struct lg_slice body)
{
    w->reply = (struct lg_mock_reply){.status = status, .headers = headers, .body = body};
}

static void started(void *ctx, const struct lg_error *err)
{
    struct lg_tw *w = ctx;

    w->started++;
    w->start_err = *err;
}

static bool has_started(void *ctx)
{
    return ((struct lg_tw *)ctx)->started > 0;
}

enum lg_rc lg_tw_start(struct lg_tw *w)
{
    lg_tw_open(w);
    w->started = 0;
    lg_client_start(w->client, started, w);
    assert_int_equal(w->started, 0);
    assert_true(lg_sim_run_until(w->sim, has_started, w, LG_TW_WAIT_US));
    assert_int_equal(w->started, 1);
    return w->start_err.rc;
}
