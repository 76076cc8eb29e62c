/* Watches of a ZooKeeper session. Owner: the home lane.
 *
 * What changed is named by the connection for events (zk_events.c), which may be ahead of the
 * server that the session reads from. So a watch of the port is told after a sync only, which makes
 * that server catch up; what is named meanwhile waits for the next sync:
 *
 *   named ──sync is sent──▶ syncing ──answered──▶ ready ──a notice is free──▶ told (travels)
 *
 * A notice to the port's watch travels between two lanes, as in every driver: however many changes
 * happen while it travels, one more follows. Costs: a sync for all that is named within its time,
 * at most one per GATHER_US; no reads.
 */
#include "base/log.h"
#include "base/str.h"
#include "drivers/zookeeper/metrics.h"
#include "drivers/zookeeper/zk_session.h"

#define GATHER_US (10 * LG_MS)

struct watcher {
    struct lg_zk_session *session;
    struct lg_meta_watch *watch;
    struct lg_lane *lane; /* The watch's. */
    struct lg_meta_names named, syncing, ready;
    struct lg_meta_names told; /* Belongs to where the notice is. */
    struct lg_list link;
    struct lg_task notice; /* start, then the notices */
    struct lg_task stop;
    bool noticing;  /* The notice is on its way, there or back. */
    bool lost;      /* A session was lost, to be told first. */
    bool tell_lost; /* the notice that is on its way */
    bool leaving;   /* Unwatch has reached the home lane. */
    bool stopped;   /* The watch's lane's. */
    void (*closed)(struct lg_meta_watch *watch);
};

/* --- Telling -------------------------------------------------------------------------------- */

static void notice_arrived(struct lg_task *task);

static void notify(struct watcher *w)
{
    if (w->noticing || w->leaving || lg_meta_names_is_empty(&w->ready))
        return;
    w->noticing = true;
    w->tell_lost = w->lost;
    w->lost = false;
    lg_meta_names_move(&w->told, &w->ready);
    w->notice.run = notice_arrived;
    lg_lane_post(w->lane, &w->notice);
}

static void watcher_free(struct watcher *w)
{
    lg_meta_names_done(&w->named);
    lg_meta_names_done(&w->syncing);
    lg_meta_names_done(&w->ready);
    lg_meta_names_done(&w->told);
    lg_free(w);
}

static void watcher_gone(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, stop);
    struct lg_meta_watch *watch = w->watch;
    void (*closed)(struct lg_meta_watch *) = w->closed;

    watcher_free(w);
    watch->driver_state = NULL;
    closed(watch);
}

static void leave(struct watcher *w)
{
    lg_list_remove(&w->link);
    w->stop.run = watcher_gone;
    lg_lane_post(w->lane, &w->stop);
}

static void notice_returned(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, notice);

    w->noticing = false;
    if (w->leaving)
        leave(w);
    else
        notify(w);
}

/* On the watch's lane. */
static void notice_arrived(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, notice);

    if (!w->stopped && w->tell_lost && w->watch->session_lost != NULL)
        w->watch->session_lost(w->watch);
    if (!w->stopped) {
        w->watch->names = &w->told;
        w->watch->changed(w->watch); /* May stop the watch: `leave` then waits for this notice. */
        w->watch->names = NULL;
    }
    lg_meta_names_clear(&w->told);
    w->notice.run = notice_returned;
    lg_lane_post(w->session->lane, &w->notice);
}

/* --- Syncing -------------------------------------------------------------------------------- */

static void pump(struct lg_zk_session *s);

static void gathered(struct lg_timer *timer)
{
    pump(LG_CONTAINER_OF(timer, struct lg_zk_session, watches.gather));
}

static void synced(struct lg_zk_call *c)
{
    struct lg_zk_session *s = c->ctx;
    bool lost = lg_zk_is_loss(c->rc);

    s->watches.syncing = false;
    if (!lost)
        lg_zk_session_heard(s, c->sent_us);
    LG_LIST_EACH(it, &s->watches.watchers)
    {
        struct watcher *w = LG_CONTAINER_OF(it, struct watcher, link);

        lg_meta_names_move(lost ? &w->named : &w->ready, &w->syncing);
        notify(w);
    }
    lg_timer_start(s->lane, &s->watches.gather, GATHER_US, gathered);
}

/* Begins a sync when there is something to tell and none is under way. */
static void pump(struct lg_zk_session *s)
{
    bool any = false;

    if (s->handle == NULL || !s->connected || s->watches.syncing ||
        lg_timer_armed(&s->watches.gather))
        return;
    LG_LIST_EACH(it, &s->watches.watchers)
    {
        struct watcher *w = LG_CONTAINER_OF(it, struct watcher, link);

        any = any || !lg_meta_names_is_empty(&w->named);
        lg_meta_names_move(&w->syncing, &w->named);
    }
    if (!any)
        return;
    s->watches.syncing = true;
    lg_zk_call_sync(lg_zk_call_new(s->handle, s->root, s, synced));
}

static void name_all(struct lg_zk_session *s)
{
    LG_LIST_EACH(it, &s->watches.watchers)
    {
        lg_meta_names_add_all(&LG_CONTAINER_OF(it, struct watcher, link)->named);
    }
    pump(s);
}

/* --- What is told to us --------------------------------------------------------------------- */

static void events_told(void *ctx, const struct lg_meta_names *names)
{
    struct lg_zk_session *s = ctx;
    struct lg_slice name;
    size_t at = 0;
    bool below;

    while (lg_meta_names_next(names, &at, &name, &below)) {
        LG_AUTO_STR char *path = lg_strf("%.*s", LG_FMT(name));

        LG_LIST_EACH(it, &s->watches.watchers)
        {
            struct watcher *w = LG_CONTAINER_OF(it, struct watcher, link);

            (void)lg_meta_names_add(&w->named, path, below);
        }
    }
    pump(s);
}

void lg_zk_watches_handle_gone(struct lg_zk_session *s)
{
    s->watches.syncing = false;
    LG_LIST_EACH(it, &s->watches.watchers)
    {
        struct watcher *w = LG_CONTAINER_OF(it, struct watcher, link);

        lg_meta_names_move(&w->named, &w->syncing);
    }
}

void lg_zk_watches_connected(struct lg_zk_session *s, bool is_new)
{
    LG_LIST_EACH(it, &s->watches.watchers)
    {
        struct watcher *w = LG_CONTAINER_OF(it, struct watcher, link);

        if (!is_new)
            continue;
        w->lost = true;
        lg_meta_names_add_all(&w->named);
        lg_meta_names_add_all(&w->ready);
        notify(w); /* At once: who made ephemeral nodes makes them again. And after the sync. */
    }
    pump(s);
}

/* Without events, everything counts as changed from time to time. */
void lg_zk_watches_tick(struct lg_zk_session *s)
{
    const uint64_t poll_us = LG_METASTORE_ZK_POLL_MS * LG_MS;
    uint64_t now_us = lg_lane_now_us(s->lane);
    bool listening = s->watches.events != NULL && lg_zk_events_listening(s->watches.events);

    lg_metric_set(&lg_metric_zookeeper_events_listening, 0, listening);
    if (listening || !s->connected) {
        s->watches.away_since_us = now_us;
        s->watches.away_told = s->watches.away_told && !listening;
        return;
    }
    if (now_us - s->watches.away_since_us < poll_us || now_us - s->watches.polled_us < poll_us)
        return;
    if (!s->watches.away_told)
        lg_log(LG_LOG_WARN, "zookeeper_events_away",
               "address=%s remedy=\"ZooKeeper must be 3.6 or newer and take one more connection "
               "(maxClientCnxns); until then all is read again every %u ms\"",
               s->address, LG_METASTORE_ZK_POLL_MS);
    s->watches.away_told = true;
    s->watches.polled_us = now_us;
    name_all(s);
}

void lg_zk_watches_init(struct lg_zk_session *s)
{
    lg_list_init(&s->watches.watchers);
    s->watches.away_since_us = lg_lane_now_us(s->lane);
    s->watches.events = lg_zk_events_start(&(struct lg_zk_events_options){
        .address = s->address,
        .root = s->root,
        .digest = s->digest,
        .session_ms = s->handle_options.session_ms,
        .lane = s->lane,
        .told = events_told,
        .ctx = s,
    });
}

void lg_zk_watches_done(struct lg_zk_session *s)
{
    assert(lg_list_empty(&s->watches.watchers) && s->watches.events == NULL);
    lg_timer_stop(s->lane, &s->watches.gather);
}

/* --- The port ------------------------------------------------------------------------------- */

static void watcher_arrived(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, notice);
    struct lg_zk_session *s = w->session;

    w->noticing = false;
    lg_list_push_back(&s->watches.watchers, &w->link);
    /* Else the events name everything as soon as they are listened to. */
    if (lg_zk_events_listening(s->watches.events))
        lg_meta_names_add_all(&w->named);
    pump(s);
}

static void watcher_leaves(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, stop);

    w->leaving = true;
    if (!w->noticing)
        leave(w);
}

void lg_zk_watch_start(struct lg_zk_session *s, struct lg_meta_watch *watch)
{
    struct watcher *w = lg_new(struct watcher);
    const char *top = watch->path;

    w->session = s;
    w->watch = watch;
    w->lane = watch->lane;
    lg_meta_names_init(&w->named, top);
    lg_meta_names_init(&w->syncing, top);
    lg_meta_names_init(&w->ready, top);
    lg_meta_names_init(&w->told, top);
    w->noticing = true; /* Until it has arrived. */
    lg_list_init(&w->link);
    watch->driver_state = w;
    w->notice.run = watcher_arrived;
    lg_lane_post(s->lane, &w->notice);
}

void lg_zk_watch_stop(struct lg_zk_session *s, struct lg_meta_watch *watch,
                      void (*closed)(struct lg_meta_watch *watch))
{
    struct watcher *w = watch->driver_state;

    assert(w != NULL && !w->stopped);
    w->stopped = true;
    w->closed = closed;
    w->stop.run = watcher_leaves;
    lg_lane_post(s->lane, &w->stop);
}
