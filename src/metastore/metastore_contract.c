/* The promises of the metastore port, checked one by one. Called from outside the lane, by tests.
 */
#include "metastore/metastore_contract.h"

#include "base/str.h"
#include "metastore/meta_names.h"

#define TOP "/contract"
#define FOREIGN_WRITES 20

struct call { /* One operation, submitted from the lane. */
    struct lg_meta_op op;
    struct lg_meta_change change; /* Of a WRITE with a single one. */
    struct lg_task task;
    struct lg_metastore *ms;
    bool done;
};

struct watch { /* One watch, set and ended from the lane. */
    struct lg_meta_watch watch;
    struct lg_task task;
    struct lg_metastore *ms;
    unsigned told, told_want;
    bool ending, closed;
};

struct run { /* The contract under way. */
    const struct lg_metastore_contract *k;
    struct lg_metastore *ms, *other; /* Two sessions. */
};

#define EXPECT(cond, ...)                                                                          \
    do {                                                                                           \
        if (!(cond))                                                                               \
            return lg_error_set(err, LG_ERR_FAILED, __VA_ARGS__);                                  \
    } while (0)
#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum lg_rc try_rc_ = (call);                                                               \
        if (try_rc_ != LG_OK)                                                                      \
            return try_rc_;                                                                        \
    } while (0)

/* --- Calls ---------------------------------------------------------------------------------- */

static void call_done(struct lg_meta_op *op)
{
    LG_CONTAINER_OF(op, struct call, op)->done = true;
}

static void call_submit(struct lg_task *task)
{
    struct call *c = LG_CONTAINER_OF(task, struct call, task);

    lg_metastore_submit(c->ms, &c->op);
}

static bool is_done(void *ctx)
{
    return ((struct call *)ctx)->done;
}

static void start(const struct run *r, struct lg_metastore *ms, struct call *c)
{
    c->ms = ms;
    c->op.lane = r->k->lane;
    c->op.done = call_done;
    c->done = false;
    c->task.run = call_submit;
    lg_lane_post(r->k->lane, &c->task);
}

static enum lg_rc finish(const struct run *r, struct call *c, struct lg_error *err)
{
    r->k->run_until(r->k->ctx, is_done, c);
    EXPECT(c->done, "an operation of kind %d never ended", (int)c->op.kind);
    return LG_OK;
}

static enum lg_rc expect_rc(const struct call *c, const char *what, enum lg_rc rc,
                            struct lg_error *err)
{
    EXPECT(c->op.rc == rc, "%s: %s (%s), expected %s", what, lg_rc_name(c->op.rc), c->op.err.text,
           lg_rc_name(rc));
    EXPECT(rc == LG_OK || c->op.err.text[0] != '\0', "%s failed without a sentence", what);
    return LG_OK;
}

static enum lg_rc write_all(const struct run *r, struct lg_metastore *ms,
                            const struct lg_meta_change *changes, size_t n, enum lg_rc rc,
                            struct lg_error *err)
{
    struct call c = {.op = {.kind = LG_META_WRITE, .changes = changes, .change_count = n}};

    start(r, ms, &c);
    TRY(finish(r, &c, err));
    /* In the lists of this file it is always the last one that fails. */
    EXPECT(c.op.failed_at == (rc == LG_OK || n == 0 ? n : n - 1),
           "the write ended with %s at change %zu of %zu", lg_rc_name(c.op.rc), c.op.failed_at, n);
    return expect_rc(&c, n == 0 ? "no change" : changes[n - 1].path, rc, err);
}

static enum lg_rc change(const struct run *r, enum lg_meta_change_kind kind, const char *path,
                         const char *value, int64_t version, enum lg_rc rc, struct lg_error *err)
{
    struct lg_meta_change one = {kind, path, lg_slice_str(value), version};

    return write_all(r, r->ms, &one, 1, rc, err);
}

static enum lg_rc put(const struct run *r, const char *path, const char *value,
                      struct lg_error *err)
{
    return change(r, LG_META_PUT, path, value, LG_META_ANY_VERSION, LG_OK, err);
}

/* The node has this value and version; NULL: it does not exist. */
static enum lg_rc expect_node(const struct run *r, const char *path, const char *value,
                              int64_t version, struct lg_error *err)
{
    struct call c = {.op = {.kind = LG_META_GET, .path = path}};
    LG_AUTO(lg_blob) *got = NULL;

    start(r, r->other, &c);
    TRY(finish(r, &c, err));
    got = c.op.value;
    TRY(expect_rc(&c, path, value == NULL ? LG_ERR_NOT_FOUND : LG_OK, err));
    if (value == NULL)
        return LG_OK;
    EXPECT(got != NULL && lg_slice_eq_str(got->bytes, value), "%s has value \"%.*s\", expected %s",
           path, got == NULL ? 0 : (int)got->bytes.size,
           got == NULL ? "" : (const char *)got->bytes.data, value);
    EXPECT(c.op.version == version, "%s has version %lld, expected %lld", path,
           (long long)c.op.version, (long long)version);
    return LG_OK;
}

static enum lg_rc expect_children(const struct run *r, const char *path, const char *names,
                                  struct lg_error *err)
{
    struct call c = {.op = {.kind = LG_META_CHILDREN, .path = path}};
    LG_AUTO(lg_blob) *got = NULL;

    start(r, r->other, &c);
    TRY(finish(r, &c, err));
    got = c.op.value;
    TRY(expect_rc(&c, path, names == NULL ? LG_ERR_NOT_FOUND : LG_OK, err));
    EXPECT(names == NULL || (got != NULL && lg_slice_eq_str(got->bytes, names)),
           "%s does not have the children it should", path);
    return LG_OK;
}

/* --- Promises about values ------------------------------------------------------------------ */

static enum lg_rc nodes_come_and_go(const struct run *r, struct lg_error *err)
{
    TRY(expect_node(r, TOP "/a", NULL, 0, err));
    TRY(expect_children(r, TOP "/a", NULL, err));
    TRY(change(r, LG_META_CREATE, TOP "/a/b/c", "one", 0, LG_OK, err)); /* Parents are made. */
    TRY(expect_node(r, TOP "/a/b/c", "one", 0, err));
    TRY(expect_node(r, TOP "/a/b", "", 0, err));
    TRY(change(r, LG_META_CREATE, TOP "/a/b/c", "two", 0, LG_ERR_CONFLICT, err));
    TRY(expect_node(r, TOP "/a/b/c", "one", 0, err));
    TRY(change(r, LG_META_REMOVE, TOP "/a/b", "", LG_META_ANY_VERSION, LG_ERR_CONFLICT, err));
    TRY(change(r, LG_META_REMOVE, TOP "/a/b/c", "", LG_META_ANY_VERSION, LG_OK, err));
    TRY(change(r, LG_META_REMOVE, TOP "/a/b/c", "", LG_META_ANY_VERSION, LG_ERR_NOT_FOUND, err));
    TRY(expect_node(r, TOP "/a/b/c", NULL, 0, err));
    TRY(change(r, LG_META_REMOVE, TOP "/a/b", "", LG_META_ANY_VERSION, LG_OK, err));
    return expect_node(r, TOP "/a", "", 0, err);
}

static enum lg_rc versions_grow_and_are_compared(const struct run *r, struct lg_error *err)
{
    const char *path = TOP "/v";

    TRY(change(r, LG_META_SET, path, "x", LG_META_ANY_VERSION, LG_ERR_NOT_FOUND, err));
    TRY(put(r, path, "0", err));
    TRY(expect_node(r, path, "0", 0, err));
    TRY(put(r, path, "1", err));
    TRY(expect_node(r, path, "1", 1, err));
    TRY(change(r, LG_META_SET, path, "2", 0, LG_ERR_CONFLICT, err));
    TRY(change(r, LG_META_SET, path, "2", 1, LG_OK, err));
    TRY(expect_node(r, path, "2", 2, err));
    TRY(change(r, LG_META_SET, path, "3", LG_META_ANY_VERSION, LG_OK, err));
    TRY(change(r, LG_META_CHECK, path, "", 2, LG_ERR_CONFLICT, err));
    TRY(change(r, LG_META_CHECK, path, "", 3, LG_OK, err));
    TRY(expect_node(r, path, "3", 3, err));
    TRY(change(r, LG_META_REMOVE, path, "", 2, LG_ERR_CONFLICT, err));
    TRY(change(r, LG_META_REMOVE, path, "", 3, LG_OK, err));
    TRY(put(r, path, "new", err));
    return expect_node(r, path, "new", 0, err); /* A node made anew begins anew. */
}

static enum lg_rc children_are_sorted(const struct run *r, struct lg_error *err)
{
    const char *names[] = {"m", "b", "z", "a", "b-2", "ba"};

    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++) {
        LG_AUTO_STR char *path = lg_strf(TOP "/list/%s", names[i]);

        TRY(put(r, path, "x", err));
    }
    TRY(expect_children(r, TOP "/list", "a\nb\nb-2\nba\nm\nz\n", err));
    TRY(expect_children(r, TOP "/list/a", "", err));
    TRY(change(r, LG_META_REMOVE_TREE, TOP "/list", "", LG_META_ANY_VERSION, LG_OK, err));
    TRY(change(r, LG_META_REMOVE_TREE, TOP "/list", "", LG_META_ANY_VERSION, LG_OK, err));
    TRY(expect_node(r, TOP "/list/ba", NULL, 0, err));
    return expect_children(r, TOP "/list", NULL, err);
}

static enum lg_rc a_write_is_all_or_nothing(const struct run *r, struct lg_error *err)
{
    const struct lg_meta_change bad[] = {
        {LG_META_PUT, TOP "/w/a", LG_LIT("1"), LG_META_ANY_VERSION},
        {LG_META_PUT, TOP "/w/b", LG_LIT("1"), LG_META_ANY_VERSION},
        {LG_META_REMOVE_TREE, TOP "/v", LG_SLICE_NULL, LG_META_ANY_VERSION},
        {LG_META_SET, TOP "/w/none", LG_LIT("1"), LG_META_ANY_VERSION},
    };
    const struct lg_meta_change good[] = {
        {LG_META_CREATE, TOP "/w/a", LG_LIT("1"), 0},
        {LG_META_SET, TOP "/w/a", LG_LIT("2"), 0}, /* Sees the change before it. */
        {LG_META_CREATE, TOP "/w/b", LG_LIT("1"), 0},
        {LG_META_REMOVE, TOP "/w/b", LG_SLICE_NULL, 0},
    };

    TRY(put(r, TOP "/v", "stays", err));
    TRY(write_all(r, r->ms, bad, LG_ARRAY_SIZE(bad), LG_ERR_NOT_FOUND, err));
    TRY(expect_node(r, TOP "/w/a", NULL, 0, err));
    TRY(expect_node(r, TOP "/w", NULL, 0, err));
    TRY(expect_node(r, TOP "/v", "stays", 1, err));
    TRY(write_all(r, r->ms, good, LG_ARRAY_SIZE(good), LG_OK, err));
    TRY(expect_node(r, TOP "/w/a", "2", 1, err));
    TRY(expect_node(r, TOP "/w/b", NULL, 0, err));
    return write_all(r, r->ms, good, 0, LG_OK, err); /* Nothing to do is fine. */
}

/* A check in front is a fence: behind one that fails nothing happens. */
static enum lg_rc checks_are_fences(const struct run *r, struct lg_error *err)
{
    const char *fence = TOP "/fence";
    const struct lg_meta_change stale[] = {
        {LG_META_CHECK, fence, LG_SLICE_NULL, 0},
        {LG_META_PUT, TOP "/fenced", LG_LIT("late"), LG_META_ANY_VERSION},
    };
    const struct lg_meta_change fresh[] = {
        {LG_META_CHECK, fence, LG_SLICE_NULL, 1},
        {LG_META_PUT, TOP "/fenced", LG_LIT("in time"), LG_META_ANY_VERSION},
        {LG_META_SET, fence, LG_LIT("3"), 1},
        {LG_META_CHECK, fence, LG_SLICE_NULL, 2}, /* Sees the change before it. */
    };
    struct call c = {.op = {.kind = LG_META_WRITE, .changes = stale, .change_count = 2}};

    TRY(change(r, LG_META_CHECK, fence, "", LG_META_ANY_VERSION, LG_ERR_NOT_FOUND, err));
    TRY(put(r, fence, "1", err));
    TRY(put(r, fence, "2", err));
    start(r, r->ms, &c);
    TRY(finish(r, &c, err));
    TRY(expect_rc(&c, "a write behind a stale fence", LG_ERR_CONFLICT, err));
    EXPECT(c.op.failed_at == 0, "the fence failed, but change %zu is named", c.op.failed_at);
    TRY(expect_node(r, TOP "/fenced", NULL, 0, err));
    TRY(write_all(r, r->ms, fresh, LG_ARRAY_SIZE(fresh), LG_OK, err));
    return expect_node(r, TOP "/fenced", "in time", 0, err);
}

/* What is there goes, whoever made it, and what follows stands on clean ground. */
static enum lg_rc a_tree_can_be_replaced(const struct run *r, struct lg_error *err)
{
    const struct lg_meta_change guest = {LG_META_CREATE_EPHEMERAL, TOP "/t/a/live", LG_LIT("1"), 0};
    const struct lg_meta_change replace[] = {
        {LG_META_REMOVE_TREE, TOP "/t", LG_SLICE_NULL, LG_META_ANY_VERSION},
        {LG_META_REMOVE_TREE, TOP "/none", LG_SLICE_NULL, LG_META_ANY_VERSION},
        {LG_META_CREATE, TOP "/t/a/new", LG_LIT("new"), 0},
        {LG_META_PUT, TOP "/t/a", LG_LIT("new"), LG_META_ANY_VERSION},
    };

    TRY(put(r, TOP "/t/a/b/c", "old", err));
    TRY(put(r, TOP "/t/a", "old", err));
    TRY(write_all(r, r->other, &guest, 1, LG_OK, err));
    TRY(write_all(r, r->ms, replace, LG_ARRAY_SIZE(replace), LG_OK, err));
    TRY(expect_children(r, TOP "/t/a", "new\n", err));
    TRY(expect_node(r, TOP "/t/a", "new", 1, err));
    TRY(expect_node(r, TOP "/none", NULL, 0, err));
    return expect_node(r, TOP "/t", "", 0, err);
}

static enum lg_rc writes_in_flight_keep_their_order(const struct run *r, struct lg_error *err)
{
    enum { CALLS = 30 };
    struct call calls[CALLS] = {0};
    char values[CALLS][8] = {0};
    enum lg_rc rc = LG_OK;

    for (int i = 0; i < CALLS; i++) {
        LG_AUTO_STR char *value = lg_strf("%d", i);

        memcpy(values[i], value, strlen(value) + 1);
        calls[i].change = (struct lg_meta_change){i == 0 ? LG_META_CREATE : LG_META_SET, TOP "/o",
                                                  lg_slice_str(values[i]), i == 0 ? 0 : i - 1};
        calls[i].op.kind = LG_META_WRITE;
        calls[i].op.changes = &calls[i].change;
        calls[i].op.change_count = 1;
        start(r, r->ms, &calls[i]);
    }
    for (int i = 0; i < CALLS; i++) {
        enum lg_rc one = finish(r, &calls[i], err);

        rc = rc == LG_OK ? one : rc;
    }
    TRY(rc);
    for (int i = 0; i < CALLS; i++)
        TRY(expect_rc(&calls[i], "a write in flight", LG_OK, err));
    return expect_node(r, TOP "/o", values[CALLS - 1], CALLS - 1, err);
}

static enum lg_rc bad_paths_and_values_are_refused(const struct run *r, struct lg_error *err)
{
    const char *bad[] = {"", "contract", TOP "/", TOP "//x", TOP "/./x", TOP "/..", TOP "/\n"};
    LG_AUTO_STR char *long_path = lg_strf("%s/%0*d", TOP, LG_META_PATH_MAX, 0);
    struct call too_big = {.op = {.kind = LG_META_WRITE, .change_count = 1}};
    struct lg_meta_change big = {LG_META_PUT, TOP "/big", LG_SLICE_NULL, LG_META_ANY_VERSION};
    uint8_t *value = lg_zalloc(LG_META_VALUE_MAX + 1);
    enum lg_rc rc;

    for (size_t i = 0; i < LG_ARRAY_SIZE(bad) && value != NULL; i++) {
        rc = change(r, LG_META_PUT, bad[i], "x", LG_META_ANY_VERSION, LG_ERR_INVALID, err);
        if (rc != LG_OK) {
            lg_free(value);
            return rc;
        }
    }
    rc = change(r, LG_META_PUT, long_path, "x", LG_META_ANY_VERSION, LG_ERR_INVALID, err);
    big.value = lg_slice(value, LG_META_VALUE_MAX + 1);
    too_big.op.changes = &big;
    if (rc == LG_OK) {
        start(r, r->ms, &too_big);
        rc = finish(r, &too_big, err);
    }
    if (rc == LG_OK)
        rc = expect_rc(&too_big, "a large value", LG_ERR_TOO_LARGE, err);
    if (rc == LG_OK && strstr(too_big.op.err.text, "limit metadata_value_bytes") == NULL)
        rc = lg_error_set(err, LG_ERR_FAILED, "a large value is refused without its limit's name");
    big.value.size--;
    if (rc == LG_OK)
        rc = write_all(r, r->ms, &big, 1, LG_OK, err);
    lg_free(value);
    return rc;
}

/* --- Promises about sessions and watches ---------------------------------------------------- */

static enum lg_rc ephemeral_nodes_end_with_their_session(const struct run *r, struct lg_error *err)
{
    const struct lg_meta_change make[] = {
        {LG_META_CREATE_EPHEMERAL, TOP "/e/mine", LG_LIT("1"), 0},
        {LG_META_CREATE_EPHEMERAL, TOP "/e/deep/mine", LG_LIT("1"), 0},
        {LG_META_CREATE, TOP "/e/stays", LG_LIT("1"), 0},
    };
    const struct lg_meta_change below = {LG_META_CREATE, TOP "/e/mine/child", LG_LIT("1"), 0};
    struct lg_metastore *session = r->k->open_session(r->k->ctx);
    enum lg_rc rc;

    rc = write_all(r, session, make, LG_ARRAY_SIZE(make), LG_OK, err);
    if (rc == LG_OK)
        rc = write_all(r, session, make, 1, LG_ERR_CONFLICT, err);
    if (rc == LG_OK)
        rc = write_all(r, r->ms, &below, 1, LG_ERR_CONFLICT, err);
    /* Another session may change it; it stays the first one's. */
    if (rc == LG_OK)
        rc = put(r, TOP "/e/mine", "2", err);
    if (rc == LG_OK)
        rc = expect_node(r, TOP "/e/mine", "2", 1, err);
    r->k->close_session(r->k->ctx, session);
    TRY(rc);
    TRY(expect_node(r, TOP "/e/mine", NULL, 0, err));
    TRY(expect_children(r, TOP "/e/deep", "", err));
    return expect_node(r, TOP "/e/stays", "1", 0, err);
}

static void watch_changed(struct lg_meta_watch *watch)
{
    LG_CONTAINER_OF(watch, struct watch, watch)->told++;
}

static void watch_closed(struct lg_meta_watch *watch)
{
    LG_CONTAINER_OF(watch, struct watch, watch)->closed = true;
}

static void watch_task(struct lg_task *task)
{
    struct watch *w = LG_CONTAINER_OF(task, struct watch, task);

    if (w->ending)
        lg_metastore_unwatch(w->ms, &w->watch, watch_closed);
    else
        lg_metastore_watch(w->ms, &w->watch);
}

static bool is_told(void *ctx)
{
    const struct watch *w = ctx;

    return w->ending ? w->closed : w->told >= w->told_want;
}

/* Waits for at least one more call of `changed`. */
static enum lg_rc expect_told(const struct run *r, struct watch *w, unsigned before,
                              const char *why, struct lg_error *err)
{
    w->told_want = before + 1;
    r->k->run_until(r->k->ctx, is_told, w);
    EXPECT(w->told > before, "the watch on %s was not told %s", w->watch.path, why);
    return LG_OK;
}

static enum lg_rc watch_steps(const struct run *r, struct watch *w, struct lg_error *err)
{
    unsigned before = 0;

    TRY(expect_told(r, w, 0, "at the beginning", err));
    before = w->told;
    TRY(put(r, TOP "/watched", "1", err));
    TRY(expect_told(r, w, before, "of its own node", err));
    before = w->told;
    TRY(put(r, TOP "/watched/deep/below", "1", err));
    TRY(expect_told(r, w, before, "of a node below", err));
    before = w->told;
    TRY(put(r, TOP "/watched/deep/below", "2", err));
    TRY(expect_told(r, w, before, "of a new value", err));
    before = w->told;
    TRY(change(r, LG_META_REMOVE_TREE, TOP "/watched", "", LG_META_ANY_VERSION, LG_OK, err));
    TRY(expect_told(r, w, before, "of a removal", err));
    before = w->told;
    TRY(put(r, TOP "/watched/deep/below", "3", err));
    TRY(expect_told(r, w, before, "of a node that was made anew", err));
    before = w->told;
    TRY(change(r, LG_META_REMOVE, TOP "/watched/deep/below", "", 0, LG_OK, err));
    TRY(expect_told(r, w, before, "of the removal of a node below", err));
    before = w->told;
    TRY(change(r, LG_META_REMOVE_TREE, TOP "/watched", "", LG_META_ANY_VERSION, LG_OK, err));
    return expect_told(r, w, before, "of the last removal", err);
}

/* A name that only begins alike is another node. A late word of what was changed before, or one
 * that everything may have changed, can come at any time, but not with each write. */
static enum lg_rc foreign_nodes_are_not_told(const struct run *r, const struct watch *w,
                                             struct lg_error *err)
{
    for (unsigned i = 0; i < FOREIGN_WRITES; i++) {
        unsigned before = w->told;

        TRY(put(r, TOP "/watched-not", "1", err));
        if (w->told == before)
            return LG_OK;
    }
    return lg_error_set(err, LG_ERR_FAILED, "a watch was told of a foreign node");
}

static enum lg_rc watches_are_told(const struct run *r, struct lg_error *err)
{
    struct watch w = {
        .watch = {.lane = r->k->lane, .path = TOP "/watched", .changed = watch_changed},
        .ms = r->other};
    enum lg_rc rc;
    unsigned before;

    w.task.run = watch_task;
    lg_lane_post(r->k->lane, &w.task);
    rc = watch_steps(r, &w, err);
    if (rc == LG_OK)
        rc = foreign_nodes_are_not_told(r, &w, err);
    w.ending = true;
    lg_lane_post(r->k->lane, &w.task);
    r->k->run_until(r->k->ctx, is_told, &w);
    EXPECT(w.closed, "a watch never closed"); /* Its memory is still in use: the worst to report. */
    TRY(rc);
    before = w.told;
    TRY(put(r, TOP "/watched", "3", err));
    TRY(expect_node(r, TOP "/watched", "3", 0, err));
    EXPECT(w.told == before, "a watch was told after its end");
    return LG_OK;
}

/* Reads its node whenever it is told, as every user of a watch does. */
struct reader {
    struct watch watch;
    struct lg_meta_op get;
    const char *want;
    bool reading, again, seen;
    bool held; /* Begins no read. */
};

static void reader_read(struct reader *f)
{
    f->again = f->reading;
    if (f->reading || f->held)
        return;
    f->reading = true;
    lg_metastore_submit(f->watch.ms, &f->get);
}

static void reader_has_read(struct lg_meta_op *op)
{
    struct reader *f = LG_CONTAINER_OF(op, struct reader, get);

    f->reading = false;
    f->seen = op->rc == LG_OK && lg_slice_eq_str(op->value->bytes, f->want);
    lg_blob_unref(op->value);
    if (f->again)
        reader_read(f);
}

static void reader_told(struct lg_meta_watch *watch)
{
    reader_read(LG_CONTAINER_OF(watch, struct reader, watch.watch));
}

static bool has_seen(void *ctx)
{
    const struct reader *f = ctx;

    return f->seen && !f->reading;
}

static bool does_not_read(void *ctx)
{
    return !((const struct reader *)ctx)->reading;
}

/* Watches `root` for the one who reads `path`. */
static void reader_begin(const struct run *r, struct reader *f, const char *root, const char *path,
                         void (*told)(struct lg_meta_watch *watch))
{
    f->watch.watch = (struct lg_meta_watch){.lane = r->k->lane, .path = root, .changed = told};
    f->watch.ms = r->other;
    f->watch.task.run = watch_task;
    f->get = (struct lg_meta_op){
        .kind = LG_META_GET, .path = path, .lane = r->k->lane, .done = reader_has_read};
    lg_lane_post(r->k->lane, &f->watch.task);
}

/* The operation is the session's while it reads, and a late word of an earlier change may begin a
 * read at any time, even between the moment that this waits for and its return: hence `held`. */
static enum lg_rc reader_hold(const struct run *r, struct reader *f, struct lg_error *err)
{
    f->held = true;
    r->k->run_until(r->k->ctx, does_not_read, f);
    EXPECT(!f->reading, "a read of %s never ended", f->get.path);
    return LG_OK;
}

/* `rc` is how it went until now. What fails here is worse: then its memory is still in use. */
static enum lg_rc reader_end(const struct run *r, struct reader *f, enum lg_rc rc,
                             struct lg_error *err)
{
    TRY(reader_hold(r, f, err));
    f->watch.ending = true;
    lg_lane_post(r->k->lane, &f->watch.task);
    r->k->run_until(r->k->ctx, is_told, &f->watch);
    EXPECT(f->watch.closed, "a watch never closed");
    return rc;
}

static enum lg_rc follow(const struct run *r, struct reader *f, struct lg_error *err)
{
    enum { CALLS = 25 };
    struct call calls[CALLS] = {0};
    enum lg_rc rc = LG_OK;

    for (int i = 0; i < CALLS; i++) {
        calls[i].change = (struct lg_meta_change){
            LG_META_PUT, f->get.path, i == CALLS - 1 ? lg_slice_str(f->want) : LG_LIT("early"),
            LG_META_ANY_VERSION};
        calls[i].op.kind = LG_META_WRITE;
        calls[i].op.changes = &calls[i].change;
        calls[i].op.change_count = 1;
        start(r, r->ms, &calls[i]);
        if (i % 5 == 0) /* So that some fall into one commit, some into others. */
            rc = rc == LG_OK ? expect_node(r, TOP, "", 0, err) : rc;
    }
    for (int i = 0; i < CALLS; i++) {
        enum lg_rc one = finish(r, &calls[i], err);

        rc = rc == LG_OK ? one : rc;
    }
    TRY(rc);
    r->k->run_until(r->k->ctx, has_seen, f);
    EXPECT(has_seen(f), "whoever reads when told never saw the last value");
    return LG_OK;
}

static enum lg_rc a_watch_leads_to_the_last_value(const struct run *r, struct lg_error *err)
{
    struct reader f = {.want = "last"};

    reader_begin(r, &f, TOP "/f", TOP "/f", reader_told);
    return reader_end(r, &f, follow(r, &f, err), err);
}

/* Notes what it is told, and reads a node whenever that is named, and only then. */
struct noter {
    struct reader reader;
    struct lg_meta_names noted;
    /* A question that is answered on the lane, where `noted` belongs. */
    struct lg_task question;
    const char *ask; /* NULL: forget what was noted */
    bool asked, answer;
};

static bool is_named(const struct lg_meta_names *names, const char *path)
{
    return lg_meta_names_cover(names, lg_slice_str(path));
}

static void noter_told(struct lg_meta_watch *watch)
{
    struct noter *n = LG_CONTAINER_OF(watch, struct noter, reader.watch.watch);
    struct lg_slice name;
    size_t at = 0;
    bool below;

    n->reader.watch.told++;
    while (lg_meta_names_next(watch->names, &at, &name, &below)) {
        LG_AUTO_STR char *one = lg_strf("%.*s", LG_FMT(name));

        (void)lg_meta_names_add(&n->noted, one, below);
    }
    /* Read only when it is named: the last such read must see the last value. */
    if (is_named(watch->names, n->reader.get.path))
        reader_read(&n->reader);
}

static bool has_noted(void *ctx)
{
    struct noter *n = ctx;

    return is_named(&n->noted, n->reader.get.path) && has_seen(&n->reader);
}

static void question_arrived(struct lg_task *task)
{
    struct noter *n = LG_CONTAINER_OF(task, struct noter, question);

    if (n->ask == NULL)
        lg_meta_names_clear(&n->noted);
    else
        n->answer = is_named(&n->noted, n->ask);
    n->asked = true;
}

static bool has_answered(void *ctx)
{
    return ((struct noter *)ctx)->asked;
}

/* Was it named? NULL: forgets what was. */
static bool noted(const struct run *r, struct noter *n, const char *path)
{
    n->asked = n->answer = false;
    n->ask = path;
    n->question.run = question_arrived;
    lg_lane_post(r->k->lane, &n->question);
    r->k->run_until(r->k->ctx, has_answered, n);
    return n->answer;
}

static enum lg_rc expect_noted(const struct run *r, struct noter *n, const char *path,
                               const char *value, struct lg_error *err)
{
    TRY(reader_hold(r, &n->reader, err));
    n->reader.get.path = path;
    n->reader.want = value;
    n->reader.seen = n->reader.held = false;
    TRY(put(r, path, value, err));
    r->k->run_until(r->k->ctx, has_noted, n);
    EXPECT(noted(r, n, path), "the watch was not told the name of %s", path);
    EXPECT(n->reader.seen, "who read %s when it was named did not see its value", path);
    return LG_OK;
}

static void noter_begin(const struct run *r, struct noter *n, const char *root)
{
    lg_meta_names_init(&n->noted, root);
    reader_begin(r, &n->reader, root, TOP "/none", noter_told);
}

static enum lg_rc noter_end(const struct run *r, struct noter *n, enum lg_rc rc,
                            struct lg_error *err)
{
    rc = reader_end(r, &n->reader, rc, err);
    lg_meta_names_done(&n->noted);
    return rc;
}

static enum lg_rc note_steps(const struct run *r, struct noter *n, struct lg_error *err)
{
    TRY(expect_told(r, &n->reader.watch, 0, "at the beginning", err));
    EXPECT(noted(r, n, TOP "/n/any"), "the first call of a watch did not name all");
    /* What the first calls stand for may still come as well. */
    TRY(expect_noted(r, n, TOP "/n/first", "1", err));
    (void)noted(r, n, NULL);
    TRY(expect_noted(r, n, TOP "/n/a/x", "1", err)); /* With its parents. */
    TRY(expect_noted(r, n, TOP "/n/a/x", "2", err));
    TRY(expect_noted(r, n, TOP "/n/a/y", "1", err));
    EXPECT(!noted(r, n, TOP "/n/any"), "single changes were told as if all had changed");
    TRY(put(r, TOP "/n-other", "1", err));
    TRY(expect_noted(r, n, TOP "/n/b", "1", err));
    EXPECT(!noted(r, n, TOP "/n-other"), "a node elsewhere was named");
    (void)noted(r, n, NULL);
    TRY(change(r, LG_META_REMOVE_TREE, TOP "/n/a", "", LG_META_ANY_VERSION, LG_OK, err));
    TRY(expect_noted(r, n, TOP "/n/last", "1", err));
    EXPECT(noted(r, n, TOP "/n/a") && noted(r, n, TOP "/n/a/x") && noted(r, n, TOP "/n/a/y"),
           "nodes of a tree that was removed were not named");
    EXPECT(!noted(r, n, TOP "/n/b"), "a neighbour of what was removed was named");
    return LG_OK;
}

static enum lg_rc changes_are_named(const struct run *r, struct lg_error *err)
{
    struct noter n = {.reader = {.want = ""}};
    enum lg_rc rc;

    TRY(put(r, TOP "/n/before", "1", err));
    noter_begin(r, &n, TOP "/n");
    rc = note_steps(r, &n, err);
    return noter_end(r, &n, rc, err);
}

/* Ephemeral nodes that end with their session are changes as well. */
static enum lg_rc ends_of_sessions_are_named(const struct run *r, struct lg_error *err)
{
    const struct lg_meta_change make = {LG_META_CREATE_EPHEMERAL, TOP "/s/live", LG_LIT("1"), 0};
    struct lg_metastore *session = r->k->open_session(r->k->ctx);
    struct noter n = {.reader = {.want = ""}};
    enum lg_rc rc;

    noter_begin(r, &n, TOP "/s");
    rc = write_all(r, session, &make, 1, LG_OK, err);
    if (rc == LG_OK)
        rc = expect_noted(r, &n, TOP "/s/first", "1", err);
    (void)noted(r, &n, NULL);
    r->k->close_session(r->k->ctx, session);
    if (rc == LG_OK)
        rc = expect_noted(r, &n, TOP "/s/last", "1", err);
    if (rc == LG_OK && !noted(r, &n, TOP "/s/live"))
        rc = lg_error_set(err, LG_ERR_FAILED, "a node that ended with its session was not named");
    return noter_end(r, &n, rc, err);
}

static enum lg_rc the_tree_can_be_emptied(const struct run *r, struct lg_error *err)
{
    TRY(change(r, LG_META_REMOVE_TREE, TOP, "", LG_META_ANY_VERSION, LG_OK, err));
    TRY(change(r, LG_META_REMOVE_TREE, "/", "", LG_META_ANY_VERSION, LG_ERR_INVALID, err));
    return expect_node(r, TOP, NULL, 0, err);
}

static const struct {
    const char *name;
    enum lg_rc (*check)(const struct run *r, struct lg_error *err);
} promises[] = {
    {"nodes come and go", nodes_come_and_go},
    {"versions grow and are compared", versions_grow_and_are_compared},
    {"children are sorted", children_are_sorted},
    {"a write is all or nothing", a_write_is_all_or_nothing},
    {"checks are fences", checks_are_fences},
    {"a tree can be replaced", a_tree_can_be_replaced},
    {"writes in flight keep their order", writes_in_flight_keep_their_order},
    {"bad paths and values are refused", bad_paths_and_values_are_refused},
    {"ephemeral nodes end with their session", ephemeral_nodes_end_with_their_session},
    {"watches are told", watches_are_told},
    {"a watch leads to the last value", a_watch_leads_to_the_last_value},
    {"changes are named", changes_are_named},
    {"ends of sessions are named", ends_of_sessions_are_named},
    {"the tree can be emptied", the_tree_can_be_emptied},
};

enum lg_rc lg_metastore_contract(const struct lg_metastore_contract *contract, struct lg_error *err)
{
    struct run r = {.k = contract};
    enum lg_rc rc = LG_OK;

    r.ms = contract->open_session(contract->ctx);
    r.other = contract->open_session(contract->ctx);
    for (size_t i = 0; rc == LG_OK && i < LG_ARRAY_SIZE(promises); i++) {
        rc = promises[i].check(&r, err);
        if (rc != LG_OK)
            rc = lg_error_wrap(err, "%s: %s", r.ms->ops->name, promises[i].name);
    }
    contract->close_session(contract->ctx, r.other);
    contract->close_session(contract->ctx, r.ms);
    return rc;
}
