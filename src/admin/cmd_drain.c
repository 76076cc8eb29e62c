/* lagoon nodes drain NODE --wait: until the server holds no replica any more. */
#include "admin/admin.h"
#include "admin/cmd_nodes.h"
#include "admin/words.h"
#include "base/str.h"

#define LOOK_MS 500u
#define TOLD_MS 10000u /* how often progress is told while nothing else is to be said */
#define LOOK_TIMEOUT_MS 10000u
#define TIMEOUT_MS_DEFAULT 3600000u

struct drain {
    struct lg_admin *a;
    const char *id;
    uint64_t timeout_ms, deadline_us, told_us;
    int64_t left, no_room; /* replicas, as far as is known; -1: nothing is */
    bool told_room;        /* that it waits for room was the last to be told */
    struct lg_json *row;   /* of the server; owned */
};

static void tell(const struct drain *d, const char *text)
{
    if (d->a->note != NULL && d->a->output == LG_OUTPUT_TABLE)
        d->a->note(d->a->ctx, text);
}

/* Now and then, and when it is something else than before. */
static bool is_to_tell(struct drain *d, bool room)
{
    uint64_t now_us = lg_lane_now_us(d->a->lane);

    if (d->told_us != 0 && room == d->told_room && now_us < d->told_us + TOLD_MS * LG_MS)
        return false;
    d->told_us = now_us;
    d->told_room = room;
    return true;
}

static void tell_progress(struct drain *d)
{
    bool waits = d->no_room > 0 && d->no_room == d->left;
    LG_AUTO_STR char *text = NULL;

    if (!is_to_tell(d, waits))
        return;
    text = waits ? lg_strf("server '%s' waits for room: no other server can take the %lld %s that "
                           "it still holds; start another one",
                           d->id, (long long)d->left, d->left == 1 ? "replica" : "replicas")
                 : lg_strf("server '%s': %lld %s to go", d->id, (long long)d->left,
                           d->left == 1 ? "replica" : "replicas");
    tell(d, text);
}

/* LG_ERR_CONFLICT: somebody fills it again. */
static enum lg_rc look(struct drain *d, struct lg_error *err)
{
    void (*note)(void *ctx, const char *text) = d->a->note;
    uint64_t timeout_ms = d->a->timeout_ms, now_us = lg_lane_now_us(d->a->lane);
    struct lg_api_call call = {0};
    const struct lg_json *row;
    enum lg_rc rc;

    d->a->note = NULL; /* Of the age of each look. */
    d->a->timeout_ms = d->deadline_us > now_us ? (d->deadline_us - now_us) / LG_MS : 0;
    d->a->timeout_ms = LG_MIN(d->a->timeout_ms, (uint64_t)LOOK_TIMEOUT_MS);
    rc = lg_admin_call(d->a, LG_API_nodes, &call, err);
    d->a->note = note;
    d->a->timeout_ms = timeout_ms;
    if (rc == LG_OK)
        rc = lg_admin_find_server(lg_json_get(call.answer, "nodes"), d->id, &row, err);
    if (rc == LG_OK && strcmp(lg_json_get_str(row, "state", ""), "LIVE") == 0)
        rc =
            lg_error_set(err, LG_ERR_CONFLICT,
                         "server '%s' is not being drained any more: somebody activated it", d->id);
    if (rc == LG_OK) {
        lg_json_unref(d->row);
        d->row = lg_json_ref((struct lg_json *)row);
        d->left = lg_json_get_int(row, "replicas", 0);
        d->no_room = lg_json_get_int(row, "waitingForRoom", 0);
    }
    lg_api_call_done(&call);
    return rc;
}

static enum lg_rc too_late(const struct drain *d, const struct lg_error *why, struct lg_error *err)
{
    char time[LG_WORDS_MAX];
    struct lg_error because = *why; /* `err` may be the same. */

    (void)lg_words_time(time, (int64_t)d->timeout_ms);
    if (because.rc != LG_OK)
        return lg_error_set(err, LG_ERR_TIMEOUT,
                            "server '%s' is being drained, but how far it is cannot be asked for "
                            "%s: %s",
                            d->id, time, because.text);
    return lg_error_set(err, LG_ERR_TIMEOUT,
                        "server '%s' still holds %lld %s after %s%s; it goes on being drained: "
                        "`lagoon nodes %s` shows how far it is, `lagoon nodes activate %s` undoes "
                        "it",
                        d->id, (long long)d->left, d->left == 1 ? "replica" : "replicas", time,
                        d->no_room > 0 ? ", and waits for room: no other server can take them, "
                                         "start another one"
                                       : "",
                        d->id, d->id);
}

/* Controllers that are away for a while do not end it. */
static enum lg_rc until_empty(struct drain *d, struct lg_error *err)
{
    for (;;) {
        struct lg_error why = {0};
        enum lg_rc rc = look(d, &why);

        if (rc != LG_OK && rc != LG_ERR_UNAVAILABLE && rc != LG_ERR_TIMEOUT) {
            *err = why;
            return rc;
        }
        if (rc == LG_OK && d->left == 0)
            return LG_OK;
        if (lg_lane_now_us(d->a->lane) + LOOK_MS * LG_MS >= d->deadline_us)
            return too_late(d, &why, err);
        if (rc == LG_OK)
            tell_progress(d);
        else if (is_to_tell(d, false))
            tell(d, why.text);
        lg_admin_pause(d->a, LOOK_MS);
    }
}

enum lg_rc lg_admin_drain_wait(struct lg_admin *a, const struct lg_command *c,
                               struct lg_json *answer, struct lg_error *err)
{
    struct drain d = {.a = a, .id = c->arguments[0], .left = -1};
    enum lg_rc rc;

    d.timeout_ms = c->flags[LG_FLAG_TIMEOUT] == NULL ? TIMEOUT_MS_DEFAULT : a->timeout_ms;
    d.deadline_us = lg_lane_now_us(a->lane) + d.timeout_ms * LG_MS;
    rc = until_empty(&d, err);
    if (rc == LG_OK)
        lg_json_set(answer, "node", lg_json_ref(d.row));
    lg_json_unref(d.row);
    return rc;
}
