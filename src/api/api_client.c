#include "api/api_client.h"

#include "base/str.h"
#include "net/tls.h"

#define ATTEMPT_LEAST_MS 3000u
#define TIMEOUTS_MAX 12u /* After so many, patience does not double any more. */
#define HOPS_MAX 3u      /* from leader to leader without a pause */

struct address {
    char *host;
    uint16_t port;
};

struct lg_api_client {
    struct lg_http_client *http;
    struct lg_lane *lane;
    /* Those that are named, then those that were heard of. It only grows: calls point into it. */
    struct address controllers[LG_API_CONTROLLERS_MAX];
    size_t count, named;
    size_t at;    /* who is asked next */
    int64_t term; /* the newest in which a leader answered */
};

static void send(struct lg_api_call *call);

/* The index of a controller, which is new or not; LG_API_CONTROLLERS_MAX when there are too many.
 */
static size_t find_or_add(struct lg_api_client *client, char *take_host, uint16_t port)
{
    LG_AUTO_STR char *host = take_host;

    for (size_t i = 0; i < client->count; i++) {
        if (client->controllers[i].port == port && strcmp(client->controllers[i].host, host) == 0)
            return i;
    }
    if (client->count == LG_API_CONTROLLERS_MAX)
        return LG_API_CONTROLLERS_MAX;
    client->controllers[client->count] = (struct address){LG_TAKE(host), port};
    return client->count++;
}

static enum lg_rc add_named(struct lg_api_client *client, struct lg_slice url, struct lg_error *err)
{
    char *host;
    uint16_t port;
    enum lg_rc rc = lg_http_parse_url(url, &host, &port, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "the controller's address");
    if (find_or_add(client, host, port) == LG_API_CONTROLLERS_MAX)
        return lg_error_set(err, LG_ERR_INVALID, "more than %u controllers are named",
                            LG_API_CONTROLLERS_MAX);
    return LG_OK;
}

enum lg_rc lg_api_client_new(struct lg_http_client *http, struct lg_lane *lane,
                             const char *controller_urls, struct lg_api_client **out,
                             struct lg_error *err)
{
    struct lg_api_client *client = lg_new(struct lg_api_client);
    enum lg_rc rc = LG_OK;

    for (const char *at = controller_urls; rc == LG_OK && at != NULL;) {
        const char *comma = strchr(at, ',');
        size_t size;

        at += strspn(at, " ");
        size = comma == NULL ? strlen(at) : (size_t)(comma - at);
        rc = add_named(client, lg_slice(at, size), err);
        at = comma == NULL ? NULL : comma + 1;
    }
    if (rc != LG_OK) {
        lg_api_client_free(client);
        return rc;
    }
    client->http = http;
    client->lane = lane;
    client->named = client->count;
    *out = client;
    return LG_OK;
}

void lg_api_client_free(struct lg_api_client *client)
{
    if (client == NULL)
        return;
    for (size_t i = 0; i < client->count; i++)
        lg_free(client->controllers[i].host);
    lg_free(client);
}

void lg_api_call_param(struct lg_api_call *call, const char *name, const char *value)
{
    if (call->form.size > 0)
        lg_buf_append_byte(&call->form, '&');
    lg_percent_encode(&call->form, lg_slice_str(name));
    lg_buf_append_byte(&call->form, '=');
    lg_percent_encode(&call->form, lg_slice_str(value));
}

static void forget_said(struct lg_api_call *call)
{
    for (size_t i = 0; i < LG_API_CONTROLLERS_MAX; i++) {
        lg_free(call->said[i]);
        call->said[i] = NULL;
    }
}

void lg_api_call_done(struct lg_api_call *call)
{
    forget_said(call);
    lg_json_unref(call->answer);
    lg_json_unref(call->held);
    call->answer = call->held = NULL;
    call->age_reason = NULL;
    call->age_ms = 0;
    call->may_be_made = false;
    call->term = 0;
    call->rc = LG_OK;
    call->err = (struct lg_error){0};
    lg_buf_done(&call->form);
    lg_buf_done(&call->target);
    lg_http_call_done(&call->http);
}

/* Our own controller names its code; Venice's gives an ErrorType. */
static enum lg_rc code_of(const struct lg_json *answer, int status)
{
    const char *code = lg_json_get_str(answer, "lagoonCode", NULL);
    const char *type = lg_json_get_str(answer, "errorType", "");

    if (code != NULL)
        return lg_rc_from_name(code);
    if (strcmp(type, "STORE_NOT_FOUND") == 0)
        return LG_ERR_NO_STORE;
    if (strcmp(type, "SCHEMA_NOT_FOUND") == 0)
        return LG_ERR_NO_SCHEMA;
    if (strcmp(type, "CONCURRENT_BATCH_PUSH") == 0)
        return LG_ERR_CONCURRENT;
    if (strcmp(type, "INVALID_SCHEMA") == 0)
        return LG_ERR_SCHEMA;
    if (strcmp(type, "ACL_ERROR") == 0)
        return LG_ERR_REFUSED;
    if (strcmp(type, "INCORRECT_CONTROLLER") == 0 || status == 421)
        return LG_ERR_MISDIRECTED;
    return status >= 400 && status < 500 ? LG_ERR_INVALID : LG_ERR_FAILED;
}

struct told { /* What an answer says besides. */
    int64_t term;
    int64_t silent_ms; /* how long the metadata cannot be reached; -1: they can */
    bool is_uncertain; /* the change may have been made */
};

static enum lg_rc read_answer(int status, struct lg_slice body, struct lg_json **out,
                              struct told *told, struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    const struct lg_json *metadata;
    struct lg_error ignored;
    const char *sentence;

    if (lg_json_parse(body, &json, &ignored) != LG_OK || lg_json_type(json) != LG_JSON_OBJECT)
        return lg_error_set(err, status == 503 ? LG_ERR_UNAVAILABLE : LG_ERR_FAILED,
                            "the controller answered %d without JSON: %.*s", status,
                            (int)LG_MIN(body.size, (size_t)200), (const char *)body.data);
    told->term = lg_json_get_int(json, "lagoonTerm", 0);
    told->is_uncertain = lg_json_get_bool(json, "lagoonUncertain", false);
    metadata = lg_json_get(json, "lagoonMetadata");
    if (lg_json_type(metadata) == LG_JSON_OBJECT && !lg_json_get_bool(metadata, "reachable", true))
        told->silent_ms = LG_MAX(lg_json_get_int(metadata, "silentMs", 0), (int64_t)0);
    sentence = lg_json_get_str(json, "error", NULL);
    if (sentence != NULL)
        return lg_error_set(err, code_of(json, status), "%s", sentence);
    if (status != 200)
        return lg_error_set(err, code_of(json, status), "the controller answered %d", status);
    *out = LG_TAKE(json);
    return LG_OK;
}

enum lg_rc lg_api_read_answer(int status, struct lg_slice body, struct lg_json **out,
                              struct lg_error *err)
{
    struct told ignored;

    return read_answer(status, body, out, &ignored, err);
}

static void pause_ended(struct lg_timer *timer)
{
    struct lg_api_call *call = LG_CONTAINER_OF(timer, struct lg_api_call, pause);

    call->hops = 0;
    call->tried = 0;
    send(call);
}

static bool has_time(const struct lg_api_call *call)
{
    return lg_lane_now_us(call->client->lane) + LG_API_PAUSE_MS * LG_MS < call->deadline_us;
}

/* Nothing came of the one that was asked: the next one that is named, after a pause. */
static void ask_another_later(struct lg_api_call *call)
{
    struct lg_api_client *client = call->client;

    if (client->at == call->asked) /* Else another call has moved on already. */
        client->at = call->asked >= client->named ? 0 : (call->asked + 1) % client->named;
    lg_timer_start(client->lane, &call->pause, LG_API_PAUSE_MS * LG_MS, pause_ended);
}

/* --- Why nobody did it. ------------------------------------------------------------------------
 */

static void remember(struct lg_api_call *call, const char *reason)
{
    uint32_t bit = UINT32_C(1) << call->asked;

    call->sent_away =
        call->rc == LG_ERR_MISDIRECTED ? call->sent_away | bit : call->sent_away & ~bit;
    lg_free(call->said[call->asked]);
    call->said[call->asked] = lg_strdup(reason);
}

/* "http://c1:5555: connection refused; ..." of all but one (LG_API_CONTROLLERS_MAX: of all);
 * `reason` is its, and not told twice. Who only says that another one leads explains nothing, but
 * why there is no answer when all say so. */
static void append_said(const struct lg_api_call *call, size_t but, const char *reason,
                        struct lg_buf *out)
{
    const struct lg_api_client *client = call->client;

    for (size_t i = 0; i < client->count; i++) {
        LG_AUTO_STR char *at = lg_strf("%s:%u", lg_tls_plain_host(client->controllers[i].host),
                                       client->controllers[i].port);
        const char *said = call->said[i];

        if (i == but || said == NULL ||
            (call->rc != LG_ERR_MISDIRECTED && (call->sent_away & (UINT32_C(1) << i)) != 0))
            continue;
        said = strcmp(said, reason) == 0 ? "the same" : said;
        lg_buf_append_str(out, out->size == 0 ? "" : "; ");
        if (strstr(said, at) == NULL)
            lg_buf_appendf(out, "%s://%s: ", lg_tls_host_scheme(client->controllers[i].host), at);
        lg_buf_append_str(out, said);
    }
}

/* What the others answered stands behind what controller `by` said, which weighs most. */
static void tell_others(struct lg_api_call *call, size_t by)
{
    LG_SCOPED(lg_buf) others = {0};
    LG_AUTO_STR char *first = lg_strdup(call->err.text);

    if (call->rc != LG_ERR_UNAVAILABLE && call->rc != LG_ERR_TIMEOUT &&
        call->rc != LG_ERR_MISDIRECTED)
        return;
    append_said(call, by, first, &others);
    if (others.size > 0)
        call->rc = lg_error_set(&call->err, call->rc, "%s (also asked: %.*s)", first,
                                LG_FMT(lg_buf_slice(&others)));
}

/* --- Controllers that cannot reach the metadata. ------------------------------------------------
 */

static bool has_untried(const struct lg_api_call *call, size_t *out)
{
    for (size_t i = 0; i < call->client->named; i++) {
        *out = i;
        if ((call->tried & (UINT32_C(1) << i)) == 0)
            return true;
    }
    return false;
}

/* Nobody else knows better: the answer from memory, or why there is none. */
static void finish_cut_off(struct lg_api_call *call)
{
    const struct lg_json *metadata;

    if (call->held == NULL) {
        call->err = call->cut_off;
        call->rc = call->err.rc;
        tell_others(call, call->cut_off_by);
    } else {
        lg_json_unref(call->answer);
        call->answer = LG_TAKE(call->held);
        call->rc = LG_OK;
        call->err = (struct lg_error){0};
        metadata = lg_json_get(call->answer, "lagoonMetadata");
        call->age_ms = LG_MAX(lg_json_get_int(metadata, "snapshotAgeMs", 0), (int64_t)0);
        call->age_reason = lg_json_get_str(metadata, "reason", NULL);
    }
    call->done(call);
}

/* True: the call goes on, or is over. */
static bool goes_round(struct lg_api_call *call, int64_t silent_ms)
{
    size_t next;

    if (has_time(call) && has_untried(call, &next)) {
        call->client->at = next;
        send(call);
        return true;
    }
    if (call->held != NULL || (call->impatient && silent_ms >= LG_API_BLINK_MS)) {
        finish_cut_off(call);
        return true;
    }
    call->cut_off = (struct lg_error){0};
    return false;
}

/* It cannot reach the metadata; what it remembers is kept in case nobody knows better. */
static bool is_cut_off(struct lg_api_call *call, int64_t silent_ms)
{
    bool remembers = call->rc == LG_OK && call->held == NULL;

    if (silent_ms < 0 || (call->rc != LG_OK && call->rc != LG_ERR_UNAVAILABLE) ||
        (call->rc == LG_OK && lg_api_method(call->route) != LG_HTTP_GET))
        return false;
    if (remembers)
        call->held = LG_TAKE(call->answer);
    else if (call->rc == LG_OK) {
        lg_json_unref(call->answer);
        call->answer = NULL;
    }
    if (call->rc != LG_OK) {
        call->cut_off = call->err;
        call->cut_off_by = call->asked;
    }
    return goes_round(call, silent_ms);
}

/* None of several could be reached. */
static void tell_nobody(struct lg_api_call *call)
{
    LG_SCOPED(lg_buf) all = {0};

    append_said(call, LG_API_CONTROLLERS_MAX, "", &all);
    call->rc = lg_error_set(&call->err, call->rc, "none of the controllers answers: %.*s",
                            LG_FMT(lg_buf_slice(&all)));
}

/* The end. "Ask that one" helps nobody once that one has said why it cannot; nor does it that the
 * last of several questions was cut off, or that another one is not there; and who is named may be
 * the one that did not answer in time. */
static void finish(struct lg_api_call *call)
{
    bool unreachable = call->http.rc == LG_ERR_UNAVAILABLE || call->http.rc == LG_ERR_TIMEOUT;
    const char *leader_now =
        call->leader_said.rc == LG_OK ? NULL : call->said[call->leader_said_by];

    if (leader_now != NULL && (call->rc == LG_ERR_MISDIRECTED || call->http.rc == LG_ERR_TIMEOUT ||
                               (unreachable && strcmp(leader_now, call->leader_said.text) == 0))) {
        call->err = call->leader_said;
        call->rc = call->err.rc;
        tell_others(call, call->leader_said_by);
    } else if (call->rc == LG_ERR_MISDIRECTED && call->timed_out.rc != LG_OK) {
        call->err = call->timed_out;
        call->rc = call->err.rc;
        tell_others(call, call->timed_out_by);
    } else if (unreachable && call->client->named > 1) {
        tell_nobody(call);
    } else {
        tell_others(call, call->asked);
    }
    call->done(call);
}

/* It does not lead, and was asked who does. */
static void leader_told(struct lg_api_call *call)
{
    struct lg_api_client *client = call->client;
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error ignored;
    char *host;
    uint16_t port;
    size_t leader = LG_API_CONTROLLERS_MAX;

    call->asks_who_leads = false;
    if (call->http.rc == LG_OK &&
        lg_api_read_answer(call->http.status, lg_buf_slice(&call->http.response_body), &json,
                           &ignored) == LG_OK &&
        lg_http_parse_url(lg_slice_str(lg_json_get_str(json, "url", "")), &host, &port, &ignored) ==
            LG_OK)
        leader = find_or_add(client, host, port);
    if (leader == LG_API_CONTROLLERS_MAX || leader == call->asked || call->hops >= HOPS_MAX) {
        if (has_time(call))
            ask_another_later(call);
        else
            finish(call);
        return;
    }
    client->at = leader;
    send(call);
}

/* A leader that was deposed and does not know it may tell what is no more: it is asked again later,
 * when it will name the new one. */
static bool is_outdated(struct lg_api_call *call)
{
    struct lg_api_client *client = call->client;

    if (call->term >= client->term || call->term == 0 || !has_time(call)) {
        client->term = LG_MAX(client->term, call->term);
        return false;
    }
    lg_json_unref(call->answer);
    call->answer = NULL;
    call->err = (struct lg_error){0};
    ask_another_later(call);
    return true;
}

/* Neither who leads, as was told, nor any of those that are named takes our certificate, or has one
 * that we take. */
static bool is_untrusted(const struct lg_api_call *call)
{
    size_t named = call->client->named;
    uint32_t all = (uint32_t)((UINT64_C(1) << named) - 1);

    return call->http.untrusted && (call->asked >= named || (call->untrusted & all) == all);
}

/* Waiting does not mend a certificate. */
static void finish_untrusted(struct lg_api_call *call)
{
    call->rc = lg_error_set(&call->err, LG_ERR_REFUSED, "%s", call->err.text);
    finish(call);
}

static bool attempt_timed_out(const struct lg_api_call *call)
{
    return call->http.rc == LG_ERR_TIMEOUT && call->client->count > 1;
}

static void answered(struct lg_http_call *http)
{
    struct lg_api_call *call = LG_CONTAINER_OF(http, struct lg_api_call, http);
    const struct address *asked = &call->client->controllers[call->asked];
    struct told told = {.silent_ms = -1};

    if (call->asks_who_leads) {
        leader_told(call);
        return;
    }
    call->tried |= UINT32_C(1) << call->asked;
    if (http->untrusted)
        call->untrusted |= UINT32_C(1) << call->asked;
    if (http->rc == LG_OK) {
        call->rc = read_answer(http->status, lg_buf_slice(&http->response_body), &call->answer,
                               &told, &call->err);
        if (call->rc != LG_OK)
            remember(call, call->err.text);
    } else {
        call->rc = http->rc;
        call->err = http->err;
        remember(call, http->err.text);
        (void)lg_error_wrap(&call->err, "the controller at %s:%u", lg_tls_plain_host(asked->host),
                            asked->port);
    }
    if (call->rc == LG_ERR_UNAVAILABLE && http->rc == LG_OK) {
        call->leader_said = call->err;
        call->leader_said_by = call->asked;
    }
    if (http->rc == LG_ERR_TIMEOUT) {
        call->timed_out = call->err;
        call->timed_out_by = call->asked;
    }
    if (lg_api_method(call->route) == LG_HTTP_POST &&
        (http->rc == LG_ERR_TIMEOUT || told.is_uncertain))
        call->may_be_made = true;
    call->term = told.term;
    if (is_untrusted(call)) {
        finish_untrusted(call);
        return;
    }
    if (is_cut_off(call, told.silent_ms) || is_outdated(call))
        return;
    if (http->rc != LG_OK && (call->held != NULL || call->cut_off.rc != LG_OK) &&
        goes_round(call, LG_API_BLINK_MS))
        return;
    if (call->rc == LG_ERR_MISDIRECTED && has_time(call)) {
        call->hops++;
        call->asks_who_leads = true;
        send(call);
    } else if ((call->rc == LG_ERR_UNAVAILABLE || attempt_timed_out(call)) && has_time(call)) {
        call->timeouts += attempt_timed_out(call) && call->timeouts < TIMEOUTS_MAX;
        ask_another_later(call);
    } else {
        finish(call);
    }
}

/* Where another can be asked, nobody is waited for to the end: a controller that was stopped takes
 * connections and never answers. A question is answered soon; a change may take its time. */
static uint64_t attempt_deadline_us(const struct lg_api_call *call)
{
    uint64_t now = lg_lane_now_us(call->client->lane);
    uint64_t left = call->deadline_us > now ? call->deadline_us - now : 0;
    uint64_t patience = LG_MAX(left / 2, ATTEMPT_LEAST_MS * LG_MS);

    if (call->client->count == 1)
        return call->deadline_us;
    if (lg_api_method(call->route) == LG_HTTP_GET)
        patience = LG_MIN(patience, (ATTEMPT_LEAST_MS * LG_MS) << call->timeouts);
    return LG_MIN(call->deadline_us, now + patience);
}

static void send(struct lg_api_call *call)
{
    static const struct lg_http_header form_header[] = {
        {{(const uint8_t *)"Content-Type", 12},
         {(const uint8_t *)"application/x-www-form-urlencoded", 33}},
    };
    struct lg_api_client *client = call->client;
    enum lg_api_route route = call->asks_who_leads ? LG_API_leader_controller : call->route;
    bool post = lg_api_method(route) == LG_HTTP_POST;

    if (!call->asks_who_leads) /* Else the one that answered. */
        call->asked = client->at;
    lg_http_call_done(&call->http);
    lg_buf_clear(&call->target);
    lg_buf_append_str(&call->target, lg_api_path(route));
    if (!post && !call->asks_who_leads && call->form.size > 0) {
        lg_buf_append_byte(&call->target, '?');
        lg_buf_append_slice(&call->target, lg_buf_slice(&call->form));
    }
    call->http = (struct lg_http_call){
        .host = client->controllers[call->asked].host,
        .port = client->controllers[call->asked].port,
        .method = lg_api_method(route),
        .target = lg_buf_slice(&call->target),
        .headers = post ? form_header : NULL,
        .header_count = post ? 1 : 0,
        .body = post ? lg_buf_slice(&call->form) : LG_SLICE_NULL,
        .deadline_us = attempt_deadline_us(call),
        .response_bytes_max = LG_API_ANSWER_BYTES_MAX,
        .done = answered,
    };
    lg_http_call_submit(client->http, &call->http);
}

void lg_api_call_submit(struct lg_api_client *client, struct lg_api_call *call)
{
    assert(call->answer == NULL && "lg_api_call_done first");
    call->client = client;
    call->hops = 0;
    call->timeouts = 0;
    call->leader_said = call->cut_off = call->timed_out = (struct lg_error){0};
    call->tried = call->sent_away = call->untrusted = 0;
    call->may_be_made = false;
    call->age_ms = -1;
    call->asks_who_leads = false;
    forget_said(call);
    send(call);
}
