/* One operation of the metastore at a time. It creates first, and reads only when something is
 * there already: what is there then decides. */
#include "coord/announce.h"

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "lane/mutant.h"

#define PAUSE_US (200 * LG_MS)

struct lg_announce {
    struct lg_announce_options o;
    char *path, *value, *identity, *life; /* identity, life: "" for none */
    char *next;           /* the value after the operation under way; NULL: the same */
    struct lg_json *json; /* of the value */
    struct lg_meta_watch watch;
    struct lg_meta_op op;
    struct lg_meta_change changes[2];
    struct lg_timer pause;

    bool wanted;     /* it shall be there */
    bool there;      /* it is, as far as we know */
    bool written;    /* it may be: to be withdrawn at the end */
    bool told;       /* what is there is our value, as far as we know */
    bool op_open;    /* one is under way */
    bool dirty;      /* the node, or the session, changed meanwhile */
    bool watch_open; /* until it was closed */
    bool failed, failing, stopping;
    uint64_t losses, op_losses; /* of sessions so far; when the operation began */
    uint64_t waiting_us;        /* since when another has the path; 0: no other has */

    void (*done)(void *ctx);
    void *done_ctx;
};

static void step(struct lg_announce *a);

/* --- What it does. -----------------------------------------------------------------------------
 */

static void set_there(struct lg_announce *a, bool there)
{
    if (a->there == there)
        return;
    a->there = there;
    if (there)
        lg_log(LG_LOG_INFO, "announced", "path=%s", a->path);
    if (a->o.changed != NULL && !a->stopping)
        a->o.changed(a->o.ctx);
}

static void pause_ended(struct lg_timer *timer)
{
    step(LG_CONTAINER_OF(timer, struct lg_announce, pause));
}

static void again_later(struct lg_announce *a)
{
    if (!a->stopping)
        lg_timer_start(a->o.lane, &a->pause, PAUSE_US, pause_ended);
}

static void waits(struct lg_announce *a, const struct lg_error *err)
{
    if (!a->failing)
        lg_log(LG_LOG_WARN, "not_announced", "path=%s reason=\"%s\"", a->path, err->text);
    a->failing = true;
    again_later(a);
}

static void submit(struct lg_announce *a, size_t changes, void (*done)(struct lg_meta_op *op))
{
    a->op_open = true;
    a->dirty = false;
    a->op_losses = a->losses;
    a->op = (struct lg_meta_op){.kind = changes == 0 ? LG_META_GET : LG_META_WRITE,
                                .lane = a->o.lane,
                                .path = a->path,
                                .changes = a->changes,
                                .change_count = changes,
                                .done = done};
    lg_metastore_submit(a->o.metastore, &a->op);
}

static void end_if_idle(struct lg_announce *a)
{
    void (*done)(void *ctx) = a->done;
    void *ctx = a->done_ctx;

    if (!a->stopping || a->op_open || a->watch_open)
        return;
    lg_free(a->path);
    lg_free(a->value);
    lg_free(a->next);
    lg_free(a->identity);
    lg_free(a->life);
    lg_json_unref(a->json);
    lg_free(a);
    done(ctx);
}

/* --- Reading what is there. --------------------------------------------------------------------
 */

enum holder {
    HOLDER_SELF,   /* this process, or one of its identity that says no more */
    HOLDER_FORMER, /* an earlier process at our address: it cannot be alive */
    HOLDER_COPY,   /* a process of our identity at another address */
    HOLDER_OTHER,  /* another identity */
    HOLDER_NOBODY, /* what is there names no process */
};

static bool same_member(const struct lg_json *a, const struct lg_json *b, const char *name)
{
    const struct lg_json *in_a = lg_json_get(a, name), *in_b = lg_json_get(b, name);

    return in_a == NULL || in_b == NULL ? in_a == in_b : lg_json_equal(in_a, in_b);
}

static enum holder who_holds(const struct lg_announce *a, const struct lg_blob *value)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error ignored;
    const char *life;

    if (value == NULL || lg_json_parse(value->bytes, &json, &ignored) != LG_OK ||
        lg_json_type(json) != LG_JSON_OBJECT)
        return HOLDER_NOBODY;
    if (strcmp(lg_json_get_str(json, "identity", ""), a->identity) != 0)
        return HOLDER_OTHER;
    life = lg_json_get_str(json, "life", "");
    if (life[0] == '\0' || strcmp(life, a->life) == 0)
        return HOLDER_SELF;
    return same_member(json, a->json, "host") && same_member(json, a->json, "port") ? HOLDER_FORMER
                                                                                    : HOLDER_COPY;
}

/* What is at the path, for a sentence. */
static char *quote(const struct lg_blob *value)
{
    return value == NULL ? lg_strdup("(empty)")
                         : lg_strndup((const char *)value->bytes.data,
                                      LG_MIN(value->bytes.size, (size_t)160));
}

static void set_conflict(const struct lg_announce *a, enum holder holder, const char *by,
                         struct lg_error *err)
{
    if (holder == HOLDER_NOBODY)
        (void)lg_error_set(err, LG_ERR_CONFLICT,
                           "the node %s holds what is of no process: %s; it is written anew if "
                           "nobody else does so",
                           a->path, by);
    else if (holder == HOLDER_OTHER)
        (void)lg_error_set(err, LG_ERR_CONFLICT,
                           "another process is announced as %s: it says %s, this one is %s; give "
                           "one of the two another address, or stop it",
                           a->path, by, a->value);
    else
        (void)lg_error_set(err, LG_ERR_CONFLICT,
                           "another process with the identity of this one is announced as %s: it "
                           "says %s, this one is %s; the two have copies of one data directory: "
                           "stop one, and empty its directory before it starts again",
                           a->path, by, a->value);
}

static void give_up(struct lg_announce *a, const struct lg_error *err)
{
    lg_log(LG_LOG_ERROR, "announce_conflict", "path=%s reason=\"%s\"", a->path, err->text);
    a->failed = true;
    if (a->o.failed != NULL)
        a->o.failed(a->o.ctx, err);
}

/* While our session lived: whoever it is, it is there now. */
static void replaced(struct lg_announce *a, enum holder holder, const char *by)
{
    struct lg_error err;

    set_conflict(a, holder, by, &err);
    a->written = false;
    set_there(a, false);
    give_up(a, &err);
}

static void written(struct lg_meta_op *op);

static void take_over(struct lg_announce *a)
{
    a->changes[0] = (struct lg_meta_change){
        .kind = LG_META_REMOVE, .path = a->path, .version = LG_META_ANY_VERSION};
    a->told = true;
    a->changes[1] = (struct lg_meta_change){.kind = LG_META_CREATE_EPHEMERAL,
                                            .path = a->path,
                                            .value = lg_slice_str(a->value),
                                            .version = LG_META_ANY_VERSION};
    a->written = true;
    submit(a, 2, written);
}

/* The path is not ours: wait for whoever has it, for a while. */
static void conflict(struct lg_announce *a, enum holder holder, const char *by)
{
    uint64_t now_us = lg_lane_now_us(a->o.lane);
    struct lg_error err;

    a->written = false;
    set_there(a, false);
    if (a->waiting_us == 0)
        a->waiting_us = now_us;
    set_conflict(a, holder, by, &err);
    if (now_us - a->waiting_us < a->o.conflict_ms * LG_MS)
        waits(a, &err);
    else if (holder == HOLDER_NOBODY)
        take_over(a);
    else
        give_up(a, &err);
}

/* Ours, and we say another thing by now. Whoever takes the path meanwhile keeps it. */
static void say_again(struct lg_announce *a, int64_t version)
{
    a->changes[0] = (struct lg_meta_change){
        .kind = LG_META_SET, .path = a->path, .value = lg_slice_str(a->value), .version = version};
    a->told = true;
    submit(a, 1, written);
}

static void create(struct lg_announce *a)
{
    a->told = true;
    a->changes[0] = (struct lg_meta_change){.kind = LG_META_CREATE_EPHEMERAL,
                                            .path = a->path,
                                            .value = lg_slice_str(a->value),
                                            .version = LG_META_ANY_VERSION};
    a->written = true;
    submit(a, 1, written);
}

/* What an operation writes stays as it is until that has ended. */
static void take_next(struct lg_announce *a)
{
    if (a->next == NULL)
        return;
    lg_free(a->value);
    a->value = LG_TAKE(a->next);
    a->told = false;
}

/* False when a step was taken instead. */
static bool goes_on(struct lg_announce *a)
{
    a->op_open = false;
    take_next(a);
    if (!a->stopping && a->wanted)
        return true;
    step(a);
    return false;
}

static void holder_read(struct lg_meta_op *op)
{
    struct lg_announce *a = LG_CONTAINER_OF(op, struct lg_announce, op);
    LG_AUTO(lg_blob) *value = LG_TAKE(op->value);
    LG_AUTO_STR char *text = quote(value);
    enum holder holder;

    if (!goes_on(a))
        return;
    if (op->rc == LG_ERR_NOT_FOUND) {
        set_there(a, false);
        create(a);
        return;
    }
    if (op->rc != LG_OK) {
        waits(a, &op->err);
        return;
    }
    holder = who_holds(a, value);
    if (a->there && (holder == HOLDER_FORMER || holder == HOLDER_COPY)) {
        replaced(a, holder, text);
    } else if (holder == HOLDER_COPY || holder == HOLDER_OTHER ||
               (holder == HOLDER_NOBODY && !a->there)) {
        conflict(a, holder, text);
    } else {
        a->waiting_us = 0;
        if (holder == HOLDER_NOBODY)
            lg_log(LG_LOG_WARN, "announcement_damaged", "path=%s", a->path);
        /* Of an earlier session, or process, or of a write whose end we do not know. */
        if (holder != HOLDER_SELF || !a->there)
            take_over(a);
        else if (!a->told && value != NULL && !lg_slice_eq(value->bytes, lg_slice_str(a->value)))
            say_again(a, op->version);
        else if (a->dirty)
            step(a);
    }
}

static void written(struct lg_meta_op *op)
{
    struct lg_announce *a = LG_CONTAINER_OF(op, struct lg_announce, op);

    if (!goes_on(a))
        return;
    if (op->rc == LG_OK && a->losses == a->op_losses) {
        a->failing = false;
        a->waiting_us = 0;
        set_there(a, true);
        if ((a->dirty || !a->told) && !a->op_open)
            step(a);
    } else if (op->rc == LG_OK || op->rc == LG_ERR_CONFLICT || op->rc == LG_ERR_NOT_FOUND) {
        a->told = false;
        submit(a, 0, holder_read); /* Whose is it? */
    } else {
        a->told = false;
        waits(a, &op->err);
    }
}

static void withdrawn(struct lg_meta_op *op)
{
    struct lg_announce *a = LG_CONTAINER_OF(op, struct lg_announce, op);

    a->op_open = false;
    if (op->rc != LG_OK && op->rc != LG_ERR_NOT_FOUND)
        lg_log(LG_LOG_WARN, "not_withdrawn", "path=%s reason=\"%s\"", a->path, op->err.text);
    step(a);
}

/* What to do now: nothing, when an operation is under way; it comes back here. */
static void step(struct lg_announce *a)
{
    if (a->op_open || (a->losses > 0 && lg_mutant(LG_MUTANT_announced_once)))
        return;
    take_next(a);
    lg_timer_stop(a->o.lane, &a->pause);
    if ((a->stopping || !a->wanted) && a->written) {
        a->written = false;
        a->changes[0] = (struct lg_meta_change){
            .kind = LG_META_REMOVE, .path = a->path, .version = LG_META_ANY_VERSION};
        submit(a, 1, withdrawn);
        return;
    }
    if (a->stopping) {
        end_if_idle(a);
        return;
    }
    if (!a->wanted || a->failed)
        return;
    if (a->there || a->waiting_us != 0)
        submit(a, 0, holder_read);
    else
        create(a);
}

/* --- What happens to it. -----------------------------------------------------------------------
 */

static void changed(struct lg_meta_watch *watch)
{
    struct lg_announce *a = LG_CONTAINER_OF(watch, struct lg_announce, watch);

    a->dirty = true;
    if (!a->stopping && (a->there || a->waiting_us != 0))
        step(a);
}

static void session_lost(struct lg_meta_watch *watch)
{
    struct lg_announce *a = LG_CONTAINER_OF(watch, struct lg_announce, watch);

    a->losses++;
    if (a->stopping)
        return;
    if (a->there)
        lg_log(LG_LOG_WARN, "session_lost", "path=%s", a->path);
    if (a->o.by_hand)
        a->wanted = false;
    set_there(a, false);
    if (a->wanted)
        step(a);
}

struct lg_announce *lg_announce_start(const struct lg_announce_options *options)
{
    struct lg_announce *a = lg_new(struct lg_announce);
    struct lg_error err = {0};
    enum lg_rc must_parse;

    a->o = *options;
    if (a->o.conflict_ms == 0)
        a->o.conflict_ms = LG_ANNOUNCE_CONFLICT_MS;
    a->path = lg_strdup(options->path);
    a->value = lg_strdup(options->value);
    a->identity = lg_strdup(options->identity == NULL ? "" : options->identity);
    a->life = lg_strdup(options->life == NULL ? "" : options->life);
    must_parse = lg_json_parse(lg_slice_str(a->value), &a->json, &err);
    assert(must_parse == LG_OK && "the value is a JSON object");
    (void)must_parse;
    a->wanted = !options->by_hand;
    a->watch = (struct lg_meta_watch){
        .lane = options->lane, .path = a->path, .changed = changed, .session_lost = session_lost};
    a->watch_open = true;
    lg_metastore_watch(options->metastore, &a->watch);
    step(a);
    return a;
}

void lg_announce_now(struct lg_announce *a)
{
    if (a->wanted || a->stopping)
        return;
    a->wanted = true;
    step(a);
}

bool lg_announce_is_there(const struct lg_announce *a)
{
    return a->there;
}

void lg_announce_say(struct lg_announce *a, const char *value)
{
    lg_free(a->next);
    a->next = lg_strdup(value);
    if (a->there && !a->stopping)
        step(a);
}

void lg_announce_withdraw(struct lg_announce *a)
{
    a->wanted = a->there = false;
    step(a);
}

static void unwatched(struct lg_meta_watch *watch)
{
    struct lg_announce *a = LG_CONTAINER_OF(watch, struct lg_announce, watch);

    a->watch_open = false;
    end_if_idle(a);
}

void lg_announce_stop(struct lg_announce *a, void (*done)(void *ctx), void *ctx)
{
    a->stopping = true;
    a->there = false;
    a->done = done;
    a->done_ctx = ctx;
    lg_metastore_unwatch(a->o.metastore, &a->watch, unwatched);
    step(a);
}

void lg_announce_make_identity(struct lg_lane *lane, char out[LG_ANNOUNCE_IDENTITY_MAX])
{
    uint64_t high = lg_rand_next(&lane->rand);
    uint64_t low = lg_rand_next(&lane->rand);

    (void)snprintf(out, LG_ANNOUNCE_IDENTITY_MAX, "%016llx%016llx", (unsigned long long)high,
                   (unsigned long long)low);
}
