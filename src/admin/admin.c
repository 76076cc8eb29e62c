#include "admin/admin.h"

#include "api/serving_wait.h"

enum lg_rc lg_admin_parse_output(const char *text, enum lg_output *out, struct lg_error *err)
{
    static const char *const names[] = {"table", "json", "ndjson"};

    if (text == NULL) {
        *out = LG_OUTPUT_TABLE;
        return LG_OK;
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum lg_output)i;
            return LG_OK;
        }
    return lg_error_set(err, LG_ERR_INVALID,
                        "no output format '%s'; there are table, json and ndjson", text);
}

static void settled(struct lg_api_call *call)
{
    struct lg_admin *a = call->user;

    a->wake(a->ctx);
}

/* What is shown is not of now. Once for each time it is asked for: with --watch again and again. */
static void tell_age(struct lg_admin *a, const struct lg_api_call *call)
{
    char text[LG_ERROR_TEXT_MAX];

    if (a->note == NULL)
        return;
    (void)snprintf(text, sizeof(text), "what follows was so %lld s ago: %s",
                   (long long)(call->age_ms / 1000),
                   call->age_reason == NULL ? "the metadata cannot be reached" : call->age_reason);
    a->note(a->ctx, text);
}

/* The last attempt may have been refused though the first one was made. */
static enum lg_rc tell_uncertain(const struct lg_api_call *call, struct lg_error *err)
{
    static const char said[] = "it is not known whether the change was made";

    *err = call->err;
    if (!call->may_be_made)
        return err->rc;
    if (strncmp(err->text, said, sizeof(said) - 1) == 0)
        return err->rc;
    return lg_error_wrap(err, "%s, look before you ask again", said);
}

enum lg_rc lg_admin_call(struct lg_admin *a, enum lg_api_route route, struct lg_api_call *call,
                         struct lg_error *err)
{
    call->route = route;
    call->deadline_us = lg_lane_now_us(a->lane) + a->timeout_ms * LG_MS;
    call->done = settled;
    call->user = a;
    call->impatient = true;
    lg_api_call_submit(a->api, call);
    a->wait(a->ctx);
    if (call->rc != LG_OK)
        return tell_uncertain(call, err);
    if (call->age_ms >= 0)
        tell_age(a, call);
    return call->rc;
}

struct pause {
    struct lg_timer timer;
    struct lg_admin *admin;
};

static void pause_ended(struct lg_timer *timer)
{
    struct lg_admin *a = LG_CONTAINER_OF(timer, struct pause, timer)->admin;

    a->wake(a->ctx);
}

void lg_admin_pause(struct lg_admin *a, uint64_t ms)
{
    struct pause pause = {.admin = a};

    lg_timer_start(a->lane, &pause.timer, ms * LG_MS, pause_ended);
    a->wait(a->ctx);
}

static void serving(struct lg_serving_wait *wait)
{
    struct lg_admin *a = wait->user;

    a->wake(a->ctx);
}

enum lg_rc lg_admin_until_served(struct lg_admin *a, const struct lg_command *c, const char *store,
                                 int32_t version, struct lg_error *err)
{
    struct lg_serving_wait wait = {
        .lane = a->lane,
        .http = a->http,
        .api = a->api,
        .store = store,
        .version = version,
        .deadline_us = lg_lane_now_us(a->lane) + a->timeout_ms * LG_MS,
        .done = serving,
        .user = a,
    };
    enum lg_rc rc;

    if (version == 0 || c->flags[LG_FLAG_NO_WAIT] != NULL)
        return LG_OK;
    lg_serving_wait_start(&wait);
    a->wait(a->ctx);
    rc = wait.rc;
    if (rc != LG_OK)
        *err = wait.err;
    lg_serving_wait_done(&wait);
    return rc;
}

enum lg_rc lg_admin_may_change(struct lg_admin *a, const struct lg_command *c, const char *question,
                               const char *answer, struct lg_error *err)
{
    enum lg_admin_confirm said = LG_ADMIN_NO_TERMINAL;

    if (c->flags[LG_FLAG_YES] != NULL)
        return LG_OK;
    if (a->confirm != NULL)
        said = a->confirm(a->ctx, question, answer);
    if (said == LG_ADMIN_CONFIRMED)
        return LG_OK;
    if (said == LG_ADMIN_DENIED)
        return lg_error_set(err, LG_ERR_CANCELLED, "nothing was changed");
    return lg_error_set(err, LG_ERR_INVALID, "%s, and there is no terminal to ask at; add --yes",
                        question);
}

#define WATCH_INTERVAL_MS 2000u
#define PAINT_ANEW "\033[H\033[2J" /* Cursor home, screen empty. */

enum lg_rc lg_admin_watch(struct lg_admin *a, const struct lg_command *c,
                          enum lg_rc (*show)(struct lg_admin *a, const struct lg_command *c,
                                             struct lg_error *err),
                          struct lg_error *err)
{
    const char *interval = c->flags[LG_FLAG_INTERVAL];
    uint64_t interval_ms = WATCH_INTERVAL_MS;
    enum lg_rc rc = LG_OK;

    if (interval != NULL)
        rc = lg_command_parse_time(interval, &interval_ms, err);
    if (rc != LG_OK || c->flags[LG_FLAG_WATCH] == NULL || a->flush == NULL)
        return rc == LG_OK ? show(a, c, err) : rc;
    for (;;) {
        LG_SCOPED(lg_buf) screen = {0};
        bool read_on;

        rc = show(a, c, err);
        if (rc != LG_OK)
            return rc;
        if (a->output == LG_OUTPUT_TABLE)
            lg_buf_append_str(&screen, a->terminal ? PAINT_ANEW : "");
        lg_buf_append_slice(&screen, lg_buf_slice(a->out));
        if (a->output == LG_OUTPUT_TABLE && !a->terminal)
            lg_buf_append_byte(&screen, '\n');
        lg_buf_clear(a->out);
        read_on = a->flush(a->ctx, &screen);
        if (!read_on)
            return LG_OK;
        lg_admin_pause(a, interval_ms);
    }
}

void lg_admin_print_json(struct lg_admin *a, const struct lg_json *json)
{
    lg_json_write(a->out, json, /* pretty= */ a->output == LG_OUTPUT_JSON && !a->compact);
    lg_buf_append_byte(a->out, '\n');
}

enum lg_rc lg_admin_run(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    static enum lg_rc (*const functions[])(struct lg_admin *, const struct lg_command *,
                                           struct lg_error *) = {
#define X(name, words, arguments, least, most, kinds, runner, function, help, example) function,
#include "admin/commands.def"
#undef X
    };

    a->compact = c->flags[LG_FLAG_COMPACT] != NULL;
    assert(functions[c->kind] != NULL); /* Else it is a verb of another file. */
    return functions[c->kind](a, c, err);
}
