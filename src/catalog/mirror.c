/* A mirror: per root a watch, the names to be read next, and the paths of the leaves that are
 * there. One round is under way at a time; its names stand in `now`, what is named meanwhile in
 * `next`. When a round fails, what is left of `now` goes back to `next`. */
#include "catalog/mirror.h"

#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"
#include "lane/mutant.h"
#include "metastore/meta_names.h"

#define PAUSE_US (100 * LG_MS)

struct root {
    struct lg_mirror *mirror;
    struct lg_meta_watch watch;
    const char *path;
    unsigned depth;
    bool heard; /* Its watch has been told for the first time. */
    struct lg_meta_names next, now;
    struct lg_map *leaves; /* path -> the round that saw it last, as a pointer */
};

struct wanted { /* waits for its read */
    char *path;
    enum lg_meta_kind kind;
};

struct lg_mirror {
    struct lg_mirror_options o;
    struct root roots[LG_MIRROR_ROOTS_MAX];
    size_t open_watches;
    uintptr_t round; /* from 1 */
    size_t root;     /* that is read */
    LG_VEC(struct wanted) wanted;
    size_t open; /* reads under way */
    bool reading, failed, told, was_current, stopping;
    struct lg_error err;
    struct lg_task start; /* So that what is told together is read together. */
    bool starting;
    struct lg_timer pause;
    struct lg_timer hold; /* Armed: HOLDING. */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

struct visit { /* A read. */
    struct lg_mirror *mirror;
    char *path;
    struct lg_meta_op op;
};

static void proceed(struct lg_mirror *m);
static void begin(struct lg_mirror *m);

static void end_if_idle(struct lg_mirror *m)
{
    void (*stopped)(void *ctx) = m->stopped;
    void *ctx = m->stopped_ctx;

    if (!m->stopping || m->reading || m->starting || m->open_watches > 0)
        return;
    for (size_t i = 0; i < m->o.root_count; i++) {
        lg_meta_names_done(&m->roots[i].next);
        lg_meta_names_done(&m->roots[i].now);
        lg_map_free(m->roots[i].leaves);
    }
    LG_VEC_DONE(&m->wanted);
    lg_free(m);
    stopped(ctx);
}

/* --- What is to be read. -----------------------------------------------------------------------
 */

static unsigned segments(struct lg_slice path)
{
    unsigned n = 0;

    for (size_t i = 0; i < path.size; i++)
        n += path.data[i] == '/';
    return n;
}

/* The node's value when it is a leaf; its children, and so on, when all below it is meant. */
static void want(struct lg_mirror *m, const struct root *r, struct lg_slice path, bool below)
{
    unsigned depth = segments(path) - segments(lg_slice_str(r->path));

    if (depth == r->depth || (below && depth < r->depth)) {
        struct wanted w = {lg_strf("%.*s", LG_FMT(path)),
                           depth == r->depth ? LG_META_GET : LG_META_CHILDREN};

        LG_VEC_PUSH(&m->wanted, w);
    }
}

static void want_children(struct lg_mirror *m, const char *path, struct lg_slice names)
{
    LG_SCOPED(lg_buf) child = {0};

    for (size_t begin = 0, end = 0; end < names.size; end++) {
        if (names.data[end] != '\n')
            continue;
        lg_buf_clear(&child);
        lg_buf_appendf(&child, "%s/%.*s", path, (int)(end - begin),
                       (const char *)names.data + begin);
        if (end > begin)
            want(m, &m->roots[m->root], lg_buf_slice(&child), /* below= */ true);
        begin = end + 1;
    }
}

static void forget_wanted(struct lg_mirror *m)
{
    for (size_t i = 0; i < m->wanted.size; i++)
        lg_free(m->wanted.data[i].path);
    m->wanted.size = 0;
}

/* --- Reads. ------------------------------------------------------------------------------------
 */

static void fail(struct lg_mirror *m, const struct lg_error *err)
{
    if (!m->failed)
        m->err = *err;
    m->failed = true;
}

static void tell_leaf(struct lg_mirror *m, const char *path, const struct lg_blob *value)
{
    if (!m->stopping)
        m->o.leaf(m->o.ctx, m->root, path, value);
}

static void got_value(struct lg_mirror *m, const struct lg_meta_op *op)
{
    struct root *r = &m->roots[m->root];
    struct lg_slice key = lg_slice_str(op->path);

    /* One that somebody else made, which nobody can read, never stops the others. */
    if (op->rc != LG_OK && op->rc != LG_ERR_NOT_FOUND && m->o.unreadable != NULL) {
        (void)lg_map_put(r->leaves, key, (void *)m->round);
        if (!m->stopping)
            m->o.unreadable(m->o.ctx, m->root, op->path, &op->err);
        return;
    }
    if (op->rc == LG_ERR_TOO_LARGE || op->rc == LG_ERR_INVALID)
        lg_log(LG_LOG_ERROR, "catalog_node_unreadable", "path=%s reason=\"%s\"", op->path,
               op->err.text);
    if (op->rc != LG_OK) {
        if (lg_map_remove(r->leaves, key) != NULL)
            tell_leaf(m, op->path, NULL);
        return;
    }
    if (lg_map_put(r->leaves, key, (void *)m->round) == NULL &&
        lg_map_size(r->leaves) > LG_MIRROR_LEAVES_MAX) {
        struct lg_error err;

        (void)!lg_error_set(&err, LG_ERR_TOO_LARGE, "more than %u nodes below %s",
                            LG_MIRROR_LEAVES_MAX, r->path);
        (void)lg_map_remove(r->leaves, key);
        fail(m, &err);
        return;
    }
    tell_leaf(m, op->path, op->value);
}

static bool is_answer(const struct lg_meta_op *op)
{
    return op->rc == LG_OK || op->rc == LG_ERR_NOT_FOUND ||
           (op->kind == LG_META_GET && (op->rc == LG_ERR_TOO_LARGE || op->rc == LG_ERR_INVALID));
}

static void read_done(struct lg_meta_op *op)
{
    struct visit *v = LG_CONTAINER_OF(op, struct visit, op);
    struct lg_mirror *m = v->mirror;

    m->open--;
    if (!is_answer(op))
        fail(m, &op->err);
    else if (!m->failed && op->kind == LG_META_GET)
        got_value(m, op);
    else if (!m->failed && op->rc == LG_OK && op->value != NULL)
        want_children(m, v->path, op->value->bytes);
    lg_blob_unref(op->value);
    lg_free(v->path);
    lg_free(v);
    proceed(m);
}

static void submit(struct lg_mirror *m, struct wanted w)
{
    struct visit *v = lg_new(struct visit);

    v->mirror = m;
    v->path = w.path;
    v->op =
        (struct lg_meta_op){.kind = w.kind, .lane = m->o.lane, .path = v->path, .done = read_done};
    m->open++;
    lg_metastore_submit(m->o.metastore, &v->op);
}

/* --- Rounds. -----------------------------------------------------------------------------------
 */

static void pause_ended(struct lg_timer *timer)
{
    begin(LG_CONTAINER_OF(timer, struct lg_mirror, pause));
}

/* Was anything above the leaves named with all below it? */
static bool was_listed(const struct root *r)
{
    unsigned depth = segments(lg_slice_str(r->path)) + r->depth;
    struct lg_slice name;
    size_t at = 0;
    bool below;

    while (lg_meta_names_next(&r->now, &at, &name, &below))
        if (below && segments(name) < depth)
            return true;
    return false;
}

/* Leaves below what was listed anew, and that this round did not see, are gone. */
static void sweep(struct lg_mirror *m)
{
    struct root *r = &m->roots[m->root];
    struct lg_slice path;
    void *seen;
    size_t at = 0;

    if (!was_listed(r))
        return;
    while (lg_map_next(r->leaves, &at, &path, &seen)) {
        LG_AUTO_STR char *copy = NULL;

        if (seen == (void *)m->round || !lg_meta_names_cover(&r->now, path))
            continue;
        copy = lg_strf("%.*s", LG_FMT(path));
        (void)lg_map_remove(r->leaves, lg_slice_str(copy));
        tell_leaf(m, copy, NULL);
    }
}

static void end_round(struct lg_mirror *m)
{
    m->reading = false;
    if (m->stopping) {
        end_if_idle(m);
        return;
    }
    if (m->failed) {
        for (size_t i = m->root; i < m->o.root_count; i++)
            lg_meta_names_move(&m->roots[i].next, &m->roots[i].now);
        if (m->o.failed != NULL)
            m->o.failed(m->o.ctx, &m->err);
        else if (!m->told) /* Once per series of failures. */
            lg_log(LG_LOG_WARN, "catalog_read_failed", "reason=\"%s\"", m->err.text);
        m->told = true;
        lg_timer_start(m->o.lane, &m->pause, PAUSE_US, pause_ended);
        return;
    }
    m->told = false;
    if (!lg_timer_armed(&m->hold)) { /* Else it is from before and after the loss. */
        m->was_current = true;
        m->o.current(m->o.ctx);
    }
    begin(m);
}

static void begin_root(struct lg_mirror *m)
{
    const struct root *r = &m->roots[m->root];
    struct lg_slice name;
    size_t at = 0;
    bool below;

    while (lg_meta_names_next(&r->now, &at, &name, &below))
        want(m, r, name, below);
}

/* Begins what may begin; ends the root, or the round, when nothing is left of it. */
static void proceed(struct lg_mirror *m)
{
    for (;;) {
        if (m->failed || m->stopping)
            forget_wanted(m);
        while (m->wanted.size > 0 && m->open < LG_MIRROR_READS_MAX)
            submit(m, m->wanted.data[--m->wanted.size]);
        if (m->open > 0)
            return;
        if (m->failed || m->stopping)
            break;
        sweep(m);
        lg_meta_names_clear(&m->roots[m->root].now);
        if (++m->root == m->o.root_count)
            break;
        begin_root(m);
    }
    end_round(m);
}

/* A round of what was named since the last one began, unless there is none or must not be. */
static void begin(struct lg_mirror *m)
{
    bool any = false, heard = true;

    if (m->reading || m->stopping || lg_timer_armed(&m->hold))
        return;
    for (size_t i = 0; i < m->o.root_count; i++) {
        any = any || !lg_meta_names_is_empty(&m->roots[i].next);
        heard = heard && m->roots[i].heard;
    }
    if (!any || !heard)
        return;
    lg_timer_stop(m->o.lane, &m->pause);
    for (size_t i = 0; i < m->o.root_count; i++) {
        lg_meta_names_clear(&m->roots[i].now);
        lg_meta_names_move(&m->roots[i].now, &m->roots[i].next);
    }
    m->reading = true;
    m->failed = false;
    m->round++;
    m->root = 0;
    begin_root(m);
    proceed(m);
}

void lg_mirror_read_also(struct lg_mirror *m, size_t root, const char *path)
{
    assert(m->reading && root > m->root);
    (void)lg_meta_names_add(&m->roots[root].now, path, /* below= */ false);
}

void lg_mirror_read_again(struct lg_mirror *m, size_t root, const char *path)
{
    (void)lg_meta_names_add(&m->roots[root].next, path, /* below= */ false);
    if (!lg_timer_armed(&m->pause))
        begin(m);
}

bool lg_mirror_reads_all(const struct lg_mirror *m, size_t root)
{
    return lg_meta_names_are_all(&m->roots[root].now);
}

/* --- Watches. ----------------------------------------------------------------------------------
 */

static void start_arrived(struct lg_task *task)
{
    struct lg_mirror *m = LG_CONTAINER_OF(task, struct lg_mirror, start);

    m->starting = false;
    begin(m);
    end_if_idle(m);
}

static void changed(struct lg_meta_watch *watch)
{
    struct root *r = LG_CONTAINER_OF(watch, struct root, watch);
    struct lg_mirror *m = r->mirror;
    struct lg_slice name;
    size_t at = 0;
    bool below;

    if (m->stopping || (m->reading && lg_mutant(LG_MUTANT_lost_watch)))
        return;
    while (lg_meta_names_next(watch->names, &at, &name, &below)) {
        LG_AUTO_STR char *path = lg_strf("%.*s", LG_FMT(name));

        (void)lg_meta_names_add(&r->next, path, below);
    }
    r->heard = true;
    if (m->starting || lg_timer_armed(&m->pause))
        return;
    m->starting = true;
    m->start.run = start_arrived;
    lg_lane_post(m->o.lane, &m->start);
}

static void hold_ended(struct lg_timer *timer)
{
    begin(LG_CONTAINER_OF(timer, struct lg_mirror, hold));
}

static void session_lost(struct lg_meta_watch *watch)
{
    struct lg_mirror *m = LG_CONTAINER_OF(watch, struct root, watch)->mirror;

    if (m->stopping)
        return;
    for (size_t i = 0; i < m->o.root_count; i++)
        lg_meta_names_add_all(&m->roots[i].next);
    /* Others lost theirs as well, perhaps: what the tree says now of who is there is too little. */
    if (m->was_current && m->o.hold_us > 0)
        lg_timer_start(m->o.lane, &m->hold, m->o.hold_us, hold_ended);
    if (m->o.session_lost != NULL)
        m->o.session_lost(m->o.ctx);
}

static void watch_closed(struct lg_meta_watch *watch)
{
    struct lg_mirror *m = LG_CONTAINER_OF(watch, struct root, watch)->mirror;

    m->open_watches--;
    end_if_idle(m);
}

struct lg_mirror *lg_mirror_start(const struct lg_mirror_options *options)
{
    struct lg_mirror *m = lg_new(struct lg_mirror);

    assert(options->root_count > 0 && options->root_count <= LG_MIRROR_ROOTS_MAX);
    m->o = *options;
    for (size_t i = 0; i < options->root_count; i++) {
        struct root *r = &m->roots[i];

        r->mirror = m;
        r->path = options->roots[i].path;
        r->depth = options->roots[i].depth;
        r->leaves = lg_map_new();
        lg_meta_names_init(&r->next, r->path);
        lg_meta_names_init(&r->now, r->path);
        r->watch =
            (struct lg_meta_watch){.lane = options->lane, .path = r->path, .changed = changed};
        if (i == 0) /* One of them is enough to tell it. */
            r->watch.session_lost = session_lost;
        m->open_watches++;
        lg_metastore_watch(options->metastore, &r->watch);
    }
    return m;
}

void lg_mirror_stop(struct lg_mirror *m, void (*stopped)(void *ctx), void *ctx)
{
    m->stopping = true;
    m->stopped = stopped;
    m->stopped_ctx = ctx;
    lg_timer_stop(m->o.lane, &m->pause);
    lg_timer_stop(m->o.lane, &m->hold);
    for (size_t i = 0; i < m->o.root_count; i++)
        lg_metastore_unwatch(m->o.metastore, &m->roots[i].watch, watch_closed);
}
