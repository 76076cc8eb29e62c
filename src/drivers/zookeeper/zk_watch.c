/* Watches of a ZooKeeper session. Owner: the home lane.
 *
 * Every node at or below a watched path has an entry. ZooKeeper's watches fire once, so an entry is
 * asked for again whenever one has fired, by the read that arms the next; only when that read has
 * come back are the watches of the port told. Whatever changed before the read is seen by whoever
 * reads after being told, whatever changes after it fires the new watch: nothing lies between.
 *
 *   entry    data: exists for the path of a watch (it may be absent), get for what is below
 *            children: the list of names; new names become entries
 *
 * A notice to the port's watch travels between two lanes, as in every driver: however many changes
 * happen while it travels, one more follows.
 */
#include "drivers/zookeeper/zk_session.h"

#include <zookeeper/zookeeper.h>

#include "base/log.h"
#include "base/str.h"
#include "drivers/zookeeper/metrics.h"
#include "metastore/meta_path.h"

#define ASKING_MAX ((size_t)256)    /* reads under way */
#define TELL_US (100 * LG_MS)       /* No change waits longer for the reads of others. */
#define PACKET_SLACK ((size_t)1024) /* of the packet that sets all watches again */

struct watcher {
    struct lg_zk_session *session;
    struct lg_meta_watch *watch;
    struct lg_lane *lane; /* The watch's. */
    char *path;           /* full */
    struct lg_list link;
    struct lg_task notice; /* start, then the notices */
    struct lg_task stop;
    bool noticing;  /* The notice is on its way, there or back. */
    bool dirty;     /* There is something to tell. */
    bool lost;      /* A session was lost, to be told first. */
    bool tell_lost; /* the notice that is on its way */
    bool leaving;   /* Unwatch has reached the home lane. */
    bool stopped;   /* The watch's lane's. */
    void (*closed)(struct lg_meta_watch *watch);
};

enum aspect { DATA, CHILDREN };
enum armed {
    UNARMED, /* to be asked for */
    ASKED,
    ARMED,
    NOT_THERE, /* children of a node that is absent */
};

struct node {
    char *path; /* full */
    uint64_t id;
    struct lg_list todo;
    enum armed armed[2];
};

/* --- Telling -------------------------------------------------------------------------------- */

static void notice_arrived(struct lg_task *task);

static void notify(struct watcher *w)
{
    if (w->noticing || w->leaving)
        return;
    w->noticing = true;
    w->dirty = false;
    w->tell_lost = w->lost;
    w->lost = false;
    w->notice.run = notice_arrived;
    lg_lane_post(w->lane, &w->notice);
}

static void tell_all(struct lg_zk_session *s)
{
    LG_LIST_EACH(it, &s->watches.watchers)
    {
        struct watcher *w = LG_CONTAINER_OF(it, struct watcher, link);

        if (w->dirty)
            notify(w);
    }
}

static void tell_due(struct lg_timer *timer)
{
    tell_all(LG_CONTAINER_OF(timer, struct lg_zk_session, watches.tell_timer));
}

static void tell_later(struct lg_zk_session *s)
{
    if (!lg_timer_armed(&s->watches.tell_timer))
        lg_timer_start(s->lane, &s->watches.tell_timer, TELL_US, tell_due);
}

static void mark(struct watcher *w)
{
    w->dirty = true;
    tell_later(w->session);
}

static void mark_path(struct lg_zk_session *s, const char *path)
{
    LG_LIST_EACH(it, &s->watches.watchers)
    {
        struct watcher *w = LG_CONTAINER_OF(it, struct watcher, link);

        if (lg_meta_path_is_below(path, w->path))
            mark(w);
    }
}

static void mark_all(struct lg_zk_session *s, bool lost)
{
    LG_LIST_EACH(it, &s->watches.watchers)
    {
        struct watcher *w = LG_CONTAINER_OF(it, struct watcher, link);

        w->lost = w->lost || lost;
        mark(w);
    }
}

static void watcher_gone(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, stop);
    struct lg_meta_watch *watch = w->watch;
    void (*closed)(struct lg_meta_watch *) = w->closed;

    lg_free(w->path);
    lg_free(w);
    watch->driver_state = NULL;
    closed(watch);
}

static void drop_uncovered(struct lg_zk_session *s);

static void leave(struct watcher *w)
{
    lg_list_remove(&w->link);
    drop_uncovered(w->session);
    w->stop.run = watcher_gone;
    lg_lane_post(w->lane, &w->stop);
}

static void notice_returned(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, notice);

    w->noticing = false;
    if (w->leaving)
        leave(w);
    else if (w->dirty)
        tell_later(w->session);
}

/* On the watch's lane. */
static void notice_arrived(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, notice);

    if (!w->stopped && w->tell_lost && w->watch->session_lost != NULL)
        w->watch->session_lost(w->watch);
    if (!w->stopped)
        w->watch->changed(w->watch); /* May stop the watch: `leave` then waits for this notice. */
    w->notice.run = notice_returned;
    lg_lane_post(w->session->lane, &w->notice);
}

/* --- Nodes ---------------------------------------------------------------------------------- */

static size_t cost(const char *path)
{
    return 2 * (strlen(path) + 4);
}

static bool is_top(const struct lg_zk_session *s, const char *path)
{
    LG_LIST_EACH(it, &s->watches.watchers)
    {
        if (strcmp(LG_CONTAINER_OF(it, struct watcher, link)->path, path) == 0)
            return true;
    }
    return false;
}

static bool is_covered(const struct lg_zk_session *s, const char *path)
{
    LG_LIST_EACH(it, &s->watches.watchers)
    {
        if (lg_meta_path_is_below(path, LG_CONTAINER_OF(it, struct watcher, link)->path))
            return true;
    }
    return false;
}

static struct node *find(const struct lg_zk_session *s, const char *path)
{
    return lg_map_get(s->watches.nodes, lg_slice_str(path));
}

static void want(struct lg_zk_session *s, struct node *n)
{
    if (lg_list_empty(&n->todo))
        lg_list_push_back(&s->watches.todo, &n->todo);
}

/* The nodes beyond the bound are not watched: all watches are told from time to time instead. */
static void overflow(struct lg_zk_session *s)
{
    if (!s->watches.overflown)
        lg_log(LG_LOG_WARN, "zookeeper_watches_overflow",
               "nodes=%zu packet_bytes_max=%zu remedy=\"raise jute.maxbuffer and "
               "zookeeper.packet.max.bytes\"",
               lg_map_size(s->watches.nodes), s->packet_bytes_max);
    s->watches.overflown = true;
}

static void add(struct lg_zk_session *s, const char *path)
{
    struct node *n = find(s, path);

    if (n != NULL)
        return;
    if (s->watches.bytes + cost(path) + PACKET_SLACK > s->packet_bytes_max) {
        overflow(s);
        return;
    }
    if (strlen(path) > strlen(s->root) + LG_META_PATH_MAX)
        return; /* Nobody can name it through the port. */
    n = lg_new(struct node);
    n->path = lg_strdup(path);
    n->id = ++s->watches.next_id;
    lg_list_init(&n->todo);
    (void)lg_map_put(s->watches.nodes, lg_slice_str(path), n);
    s->watches.bytes += cost(path);
    lg_metric_add(&lg_metric_zookeeper_watched_nodes, 0, 1);
    want(s, n);
}

static void drop(struct lg_zk_session *s, struct node *n)
{
    s->watches.bytes -= cost(n->path);
    lg_metric_sub(&lg_metric_zookeeper_watched_nodes, 0, 1);
    lg_list_remove(&n->todo);
    (void)lg_map_remove(s->watches.nodes, lg_slice_str(n->path));
    lg_free(n->path);
    lg_free(n);
}

static void drop_uncovered(struct lg_zk_session *s)
{
    struct lg_slice key;
    void *value;
    size_t at = 0;

    while (lg_map_next(s->watches.nodes, &at, &key, &value))
        if (!is_covered(s, ((struct node *)value)->path))
            drop(s, value);
}

/* --- Asking --------------------------------------------------------------------------------- */

static void pump(struct lg_zk_session *s);

static void disarm(struct lg_zk_session *s, struct node *n, enum aspect aspect)
{
    if (n->armed[aspect] != ASKED) /* An answer on its way is younger than the event. */
        n->armed[aspect] = UNARMED;
    want(s, n);
}

static void data_came(struct lg_zk_session *s, struct node *n, int rc)
{
    if (rc == ZNONODE && !is_top(s, n->path)) {
        drop(s, n); /* The list of its parent has changed, which is watched. */
        return;
    }
    n->armed[DATA] = ARMED; /* Or nobody may read it: then nobody wants to be told. */
    if (rc == ZOK && n->armed[CHILDREN] == NOT_THERE)
        n->armed[CHILDREN] = UNARMED;
    else if (rc != ZOK && n->armed[CHILDREN] == UNARMED)
        n->armed[CHILDREN] = NOT_THERE;
    if (n->armed[CHILDREN] == UNARMED)
        want(s, n);
}

static void children_came(struct lg_zk_session *s, struct node *n, const struct lg_zk_call *c)
{
    if (c->rc == ZNONODE && !is_top(s, n->path)) {
        drop(s, n);
        return;
    }
    n->armed[CHILDREN] = c->rc == ZNONODE ? NOT_THERE : ARMED;
    for (size_t i = 0; i < c->names.size; i++) {
        LG_AUTO_STR char *child = lg_strf("%s/%s", c->path, c->names.data[i]);

        add(s, child);
    }
}

static void answered(struct lg_zk_call *c)
{
    struct lg_zk_session *s = c->ctx;
    struct node *n = find(s, c->path);

    s->watches.asking--;
    if (!lg_zk_is_loss(c->rc)) {
        lg_zk_session_heard(s, c->sent_us);
        mark_path(s, c->path);
    }
    if (n != NULL && n->id == c->number) {
        if (lg_zk_is_loss(c->rc)) {
            n->armed[c->aspect] = UNARMED;
            want(s, n); /* Until there is a connection. */
        } else if (c->aspect == DATA) {
            data_came(s, n, c->rc);
        } else {
            children_came(s, n, c);
        }
    }
    pump(s);
}

static struct lg_zk_call *ask(struct lg_zk_session *s, struct node *n, enum aspect aspect)
{
    struct lg_zk_call *c = lg_zk_call_new(s->handle, n->path, s, answered);

    c->number = n->id;
    c->aspect = (int)aspect;
    n->armed[aspect] = ASKED;
    s->watches.asking++;
    return c;
}

static void ask_node(struct lg_zk_session *s, struct node *n)
{
    bool top = is_top(s, n->path);

    if (n->armed[DATA] == UNARMED && top)
        lg_zk_call_exists(ask(s, n, DATA), /* watch= */ true);
    else if (n->armed[DATA] == UNARMED)
        lg_zk_call_get(ask(s, n, DATA), /* watch= */ true);
    /* What may be absent is asked for its children when it is known to be there. */
    if (n->armed[CHILDREN] == UNARMED && (!top || n->armed[DATA] == ARMED))
        lg_zk_call_children(ask(s, n, CHILDREN), /* watch= */ true);
}

/* Asks as many as may be under way; when all is known, tells. */
static void pump(struct lg_zk_session *s)
{
    struct lg_list *link;

    if (s->handle == NULL || !s->connected)
        return;
    while (s->watches.asking < ASKING_MAX && (link = lg_list_pop_front(&s->watches.todo)) != NULL)
        ask_node(s, LG_CONTAINER_OF(link, struct node, todo));
    if (s->watches.asking == 0)
        tell_all(s);
}

/* --- What the session tells ----------------------------------------------------------------- */

void lg_zk_watches_event(struct lg_zk_session *s, enum lg_zk_event event, const char *path)
{
    struct node *n = find(s, path);

    lg_metric_add(&lg_metric_zookeeper_watch_events_total, 0, 1);
    if (n == NULL)
        return; /* Of a watch that nobody needs any more. */
    if (event == LG_ZK_DELETED && !is_top(s, path)) {
        drop(s, n); /* Its parent's list fires too; when that is read again, watches are told. */
    } else if (event == LG_ZK_CHILDREN) {
        disarm(s, n, CHILDREN);
    } else {
        disarm(s, n, DATA);
        if (event == LG_ZK_DELETED && n->armed[CHILDREN] == ARMED)
            n->armed[CHILDREN] = NOT_THERE;
    }
    pump(s);
}

void lg_zk_watches_handle_gone(struct lg_zk_session *s)
{
    struct lg_slice key;
    void *value;
    size_t at = 0;

    while (lg_map_next(s->watches.nodes, &at, &key, &value))
        drop(s, value);
    s->watches.asking = 0;
    s->watches.overflown = false;
}

void lg_zk_watches_connected(struct lg_zk_session *s, bool is_new)
{
    LG_LIST_EACH(it, &s->watches.watchers)
    {
        add(s, LG_CONTAINER_OF(it, struct watcher, link)->path);
    }
    mark_all(s, is_new);
    if (is_new) /* At once: who made ephemeral nodes makes them again. */
        tell_all(s);
    pump(s);
}

void lg_zk_watches_tick(struct lg_zk_session *s)
{
    uint64_t now_us = lg_lane_now_us(s->lane);

    if (s->watches.overflown && now_us - s->watches.polled_us >= LG_METASTORE_ZK_POLL_MS * LG_MS) {
        s->watches.polled_us = now_us;
        mark_all(s, /* lost= */ false);
    }
}

void lg_zk_watches_init(struct lg_zk_session *s)
{
    s->watches.nodes = lg_map_new();
    lg_list_init(&s->watches.watchers);
    lg_list_init(&s->watches.todo);
}

void lg_zk_watches_done(struct lg_zk_session *s)
{
    assert(lg_list_empty(&s->watches.watchers));
    lg_zk_watches_handle_gone(s);
    lg_timer_stop(s->lane, &s->watches.tell_timer);
    lg_map_free(s->watches.nodes);
    s->watches.nodes = NULL;
}

/* --- The port ------------------------------------------------------------------------------- */

static void watcher_arrived(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, notice);
    struct lg_zk_session *s = w->session;
    struct node *n;

    w->noticing = false;
    lg_list_push_back(&s->watches.watchers, &w->link);
    mark(w);
    n = find(s, w->path);
    if (n != NULL) { /* Asked for again, now as one that may be absent. */
        disarm(s, n, DATA);
    } else {
        add(s, w->path);
    }
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

    w->session = s;
    w->watch = watch;
    w->lane = watch->lane;
    w->path = lg_zk_full_path(s->root, watch->path);
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
