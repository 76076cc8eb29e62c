/* Watches of metafile. A watcher is one struct whose tasks travel between two lanes:
 *
 *   home: told ──notice──▶ watch's lane: changed() ──notice──▶ home: told again meanwhile? repeat
 *
 * `noticing` and `names` belong to the home lane, `stopped` to the watch's lane, `told` to where
 * the notice is. However many changes happen while a notice travels, one more notice follows.
 */
#include "drivers/metafile/meta_watch.h"

#include "metastore/meta_names.h"

struct watcher {
    struct lg_meta_watchers *all;
    struct lg_meta_watch *watch;
    struct lg_lane *lane;       /* The watch's. */
    struct lg_meta_names names; /* to be told by the next notice */
    struct lg_meta_names told;  /* by the one that is on its way */
    struct lg_list link;
    struct lg_task notice; /* start, then the notices */
    struct lg_task stop;
    bool noticing; /* The notice is on its way, there or back. */
    bool leaving;  /* Unwatch has reached the home lane. */
    bool stopped;
    void (*closed)(struct lg_meta_watch *watch);
};

void lg_meta_paths_add(struct lg_meta_paths *paths, const char *path, bool gone)
{
    LG_VEC_PUSH(&paths->list, (struct lg_meta_path){lg_strdup(path), gone});
}

void lg_meta_paths_cut(struct lg_meta_paths *paths, size_t size)
{
    while (paths->list.size > size)
        lg_free(paths->list.data[--paths->list.size].text);
}

void lg_meta_paths_done(struct lg_meta_paths *paths)
{
    lg_meta_paths_cut(paths, 0);
    LG_VEC_DONE(&paths->list);
}

/* --- Home lane ------------------------------------------------------------------------------ */

static void notice_arrived(struct lg_task *task);

static void notify(struct watcher *w)
{
    if (w->noticing)
        return;
    w->noticing = true;
    lg_meta_names_move(&w->told, &w->names);
    w->notice.run = notice_arrived;
    lg_lane_post(w->lane, &w->notice);
}

static void watcher_gone(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, stop);
    struct lg_meta_watch *watch = w->watch;
    void (*closed)(struct lg_meta_watch *) = w->closed;

    lg_meta_names_done(&w->names);
    lg_meta_names_done(&w->told);
    lg_free(w);
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
    else if (!lg_meta_names_is_empty(&w->names))
        notify(w);
}

static void watcher_arrived(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, notice);

    lg_list_push_back(&w->all->list, &w->link);
    w->noticing = false;
    lg_meta_names_add_all(&w->names);
    notify(w);
}

static void watcher_leaves(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, stop);

    w->leaving = true;
    if (!w->noticing)
        leave(w);
}

void lg_meta_watchers_init(struct lg_meta_watchers *watchers, struct lg_lane *home)
{
    watchers->lane = home;
    lg_list_init(&watchers->list);
}

void lg_meta_watchers_tell(struct lg_meta_watchers *watchers, const struct lg_meta_paths *paths)
{
    LG_LIST_EACH(it, &watchers->list)
    {
        struct watcher *w = LG_CONTAINER_OF(it, struct watcher, link);

        for (size_t i = 0; i < paths->list.size; i++)
            (void)lg_meta_names_add(&w->names, paths->list.data[i].text, paths->list.data[i].gone);
        if (!lg_meta_names_is_empty(&w->names))
            notify(w);
    }
}

/* --- The watch's lane ----------------------------------------------------------------------- */

static void notice_arrived(struct lg_task *task)
{
    struct watcher *w = LG_CONTAINER_OF(task, struct watcher, notice);

    if (!w->stopped) {
        w->watch->names = &w->told;
        w->watch->changed(w->watch); /* May stop the watch: `leave` then waits for this notice. */
        w->watch->names = NULL;
    }
    lg_meta_names_clear(&w->told);
    w->notice.run = notice_returned;
    lg_lane_post(w->all->lane, &w->notice);
}

void lg_meta_watcher_start(struct lg_meta_watchers *watchers, struct lg_meta_watch *watch)
{
    struct watcher *w = lg_new(struct watcher);

    w->all = watchers;
    w->watch = watch;
    w->lane = watch->lane;
    lg_meta_names_init(&w->names, watch->path);
    lg_meta_names_init(&w->told, watch->path);
    w->noticing = true; /* Until it has arrived. */
    lg_list_init(&w->link);
    watch->driver_state = w;
    w->notice.run = watcher_arrived;
    lg_lane_post(watchers->lane, &w->notice);
}

void lg_meta_watcher_stop(struct lg_meta_watch *watch, void (*closed)(struct lg_meta_watch *watch))
{
    struct watcher *w = watch->driver_state;

    assert(w != NULL && !w->stopped);
    w->stopped = true;
    w->closed = closed;
    w->stop.run = watcher_leaves;
    lg_lane_post(w->all->lane, &w->stop);
}
