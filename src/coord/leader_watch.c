#include "coord/leader_watch.h"

#include "base/json.h"
#include "coord/election.h"

#define PAUSE_US (200 * LG_MS)

struct lg_leader_watch {
    struct lg_metastore *metastore;
    struct lg_lane *lane;
    struct lg_meta_watch watch;
    struct lg_meta_op op;
    struct lg_timer pause;
    char *url;
    bool reading, dirty, watch_open, stopping;
    void (*done)(void *ctx);
    void *done_ctx;
};

static void begin(struct lg_leader_watch *w);

static void end_if_idle(struct lg_leader_watch *w)
{
    void (*done)(void *ctx) = w->done;
    void *ctx = w->done_ctx;

    if (!w->stopping || w->reading || w->watch_open)
        return;
    lg_free(w->url);
    lg_free(w);
    done(ctx);
}

static void pause_ended(struct lg_timer *timer)
{
    begin(LG_CONTAINER_OF(timer, struct lg_leader_watch, pause));
}

static void take(struct lg_leader_watch *w, const struct lg_blob *value)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error ignored;
    const char *url = NULL;

    /* A node that makes no sense names nobody. */
    if (value != NULL && lg_json_parse(value->bytes, &json, &ignored) == LG_OK)
        url = lg_json_get_str(json, "url", NULL);
    lg_free(w->url);
    w->url = url == NULL ? NULL : lg_strdup(url);
}

static void was_read(struct lg_meta_op *op)
{
    struct lg_leader_watch *w = LG_CONTAINER_OF(op, struct lg_leader_watch, op);
    LG_AUTO(lg_blob) *value = LG_TAKE(op->value);

    w->reading = false;
    if (op->rc == LG_OK || op->rc == LG_ERR_NOT_FOUND)
        take(w, value);
    if (w->stopping)
        end_if_idle(w);
    else if (w->dirty)
        begin(w);
    else if (op->rc != LG_OK && op->rc != LG_ERR_NOT_FOUND)
        lg_timer_start(w->lane, &w->pause, PAUSE_US, pause_ended);
}

static void begin(struct lg_leader_watch *w)
{
    w->dirty = w->reading;
    if (w->reading)
        return;
    lg_timer_stop(w->lane, &w->pause);
    w->reading = true;
    w->op = (struct lg_meta_op){
        .kind = LG_META_GET, .lane = w->lane, .path = LG_ELECTION_LEADER_PATH, .done = was_read};
    lg_metastore_submit(w->metastore, &w->op);
}

static void changed(struct lg_meta_watch *watch)
{
    struct lg_leader_watch *w = LG_CONTAINER_OF(watch, struct lg_leader_watch, watch);

    if (!w->stopping)
        begin(w);
}

struct lg_leader_watch *lg_leader_watch_start(struct lg_metastore *metastore, struct lg_lane *lane)
{
    struct lg_leader_watch *w = lg_new(struct lg_leader_watch);

    w->metastore = metastore;
    w->lane = lane;
    w->watch =
        (struct lg_meta_watch){.lane = lane, .path = LG_ELECTION_LEADER_PATH, .changed = changed};
    w->watch_open = true;
    lg_metastore_watch(metastore, &w->watch);
    return w;
}

const char *lg_leader_watch_url(const struct lg_leader_watch *w)
{
    return w->url;
}

static void unwatched(struct lg_meta_watch *watch)
{
    struct lg_leader_watch *w = LG_CONTAINER_OF(watch, struct lg_leader_watch, watch);

    w->watch_open = false;
    end_if_idle(w);
}

void lg_leader_watch_stop(struct lg_leader_watch *w, void (*done)(void *ctx), void *ctx)
{
    w->stopping = true;
    w->done = done;
    w->done_ctx = ctx;
    lg_timer_stop(w->lane, &w->pause);
    lg_metastore_unwatch(w->metastore, &w->watch, unwatched);
}
