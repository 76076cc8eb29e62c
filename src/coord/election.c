/* The candidate: one operation of the metastore at a time, and after each the pure decision.
 *
 *     look: GET /term ─▶ GET /leader ─▶ decide ─▶ follow, keep, lose, or claim ─▶ (done) ─▶ look
 *
 * A look begins whenever the watch on /leader tells something, a claim ended, or a pause did. A
 * leader that cannot look does not lead any more, as far as it knows.
 */
#include "coord/election.h"

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "lane/mutant.h"

#define PAUSE_US (200 * LG_MS) /* after a failure; and as much again at random */
/* A leader looks by itself: a session that ended is told of only when the metastore can be reached
 * again, and until then it would answer from what it knew. */
#define LOOK_US (3 * LG_SEC)

struct lg_election {
    struct lg_election_options o;
    char *id, *url, *identity;
    struct lg_meta_watch watch;
    struct lg_meta_op op;
    struct lg_meta_change changes[3];
    char *term_text, *leader_text; /* what a claim writes */
    struct lg_timer pause, yield;
    struct lg_task tell;

    bool op_open;        /* a look or a claim is under way */
    bool dirty;          /* something moved since it began */
    bool watch_open;     /* until it was closed */
    bool tell_posted;    /* `changed` is on its way */
    bool term_junk_told; /* until it wins */
    bool failing;        /* the last operation failed, and it was told */
    bool resigns;        /* as soon as no operation is under way */
    bool stopping;
    uint64_t losses;    /* of sessions so far */
    uint64_t op_losses; /* when the claim under way began */

    bool leads;
    uint64_t term;        /* in which it leads, or the highest it has heard of */
    int64_t term_version; /* of /term when it won; of the last look else */
    uint64_t claim_term;
    char *leader_id, *leader_url; /* NULL: not known */
    struct lg_election_seen seen;
    char *seen_id, *seen_url, *seen_identity;

    void (*done)(void *ctx);
    void *done_ctx;
};

static void look(struct lg_election *e);
static void op_ended(struct lg_election *e);

/* --- The decision. -----------------------------------------------------------------------------
 */

enum lg_election_step lg_election_decide(const struct lg_election_self *self,
                                         const struct lg_election_seen *seen)
{
    bool ours = seen->has_leader && strcmp(seen->leader_identity, self->identity) == 0;

    if (self->leads && lg_mutant(LG_MUTANT_election_keeps_leading))
        return LG_ELECTION_KEEP;
    if (self->leads && seen->has_term && seen->term_version == self->term_version && ours)
        return LG_ELECTION_KEEP;
    if (self->leads)
        return LG_ELECTION_LOST;
    if (ours) /* Of a session that is over, or of a claim of which we do not know the end. */
        return LG_ELECTION_RECLAIM;
    if (seen->is_junk && !self->yields) /* Whoever it was is fenced off by the new term. */
        return LG_ELECTION_RECLAIM;
    return seen->has_leader || self->yields ? LG_ELECTION_FOLLOW : LG_ELECTION_CLAIM;
}

/* --- Telling. ----------------------------------------------------------------------------------
 */

static void end_if_idle(struct lg_election *e)
{
    void (*done)(void *ctx) = e->done;
    void *ctx = e->done_ctx;

    if (!e->stopping || e->op_open || e->watch_open || e->tell_posted)
        return;
    lg_free(e->term_text);
    lg_free(e->leader_text);
    lg_free(e->leader_id);
    lg_free(e->leader_url);
    lg_free(e->seen_id);
    lg_free(e->seen_url);
    lg_free(e->seen_identity);
    lg_free(e->id);
    lg_free(e->url);
    lg_free(e->identity);
    lg_free(e);
    done(ctx);
}

static void tell_now(struct lg_task *task)
{
    struct lg_election *e = LG_CONTAINER_OF(task, struct lg_election, tell);

    e->tell_posted = false;
    if (e->stopping)
        end_if_idle(e);
    else
        e->o.changed(e->o.ctx);
}

static void tell(struct lg_election *e)
{
    if (e->tell_posted)
        return;
    e->tell_posted = true;
    e->tell.run = tell_now;
    lg_lane_post(e->o.lane, &e->tell);
}

static bool same(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static void replace(char **text, const char *by)
{
    char *copy = by == NULL ? NULL : lg_strdup(by);

    lg_free(*text);
    *text = copy;
}

static void set_leader(struct lg_election *e, const char *id, const char *url)
{
    if (same(e->leader_id, id) && same(e->leader_url, url))
        return;
    replace(&e->leader_id, id);
    replace(&e->leader_url, url);
    tell(e);
}

static void lose(struct lg_election *e, const char *why)
{
    enum lg_log_level level;

    if (!e->leads)
        return;
    level = e->stopping || e->resigns ? LG_LOG_INFO : LG_LOG_WARN; /* On purpose, or not. */
    e->leads = e->resigns = false;
    lg_log(level, "leadership_lost", "id=%s term=%llu reason=\"%s\"", e->id,
           (unsigned long long)e->term, why);
    set_leader(e, NULL, NULL);
    tell(e);
}

static void pause_ended(struct lg_timer *timer)
{
    look(LG_CONTAINER_OF(timer, struct lg_election, pause));
}

static void look_later(struct lg_election *e)
{
    if (!e->stopping)
        lg_timer_start(e->o.lane, &e->pause, LOOK_US, pause_ended);
}

static void win(struct lg_election *e)
{
    e->leads = true;
    e->term_junk_told = false;
    e->term = e->claim_term;
    /* CREATE gives 0, SET one more than what it compared with. */
    e->term_version = e->seen.has_term ? e->seen.term_version + 1 : 0;
    lg_log(LG_LOG_INFO, "leadership_won", "id=%s term=%llu url=%s", e->id,
           (unsigned long long)e->term, e->url);
    set_leader(e, e->id, e->url);
    tell(e);
    look_later(e);
}

/* --- Claiming. ---------------------------------------------------------------------------------
 */

static void again_later(struct lg_election *e)
{
    uint64_t more_us = lg_rand_below(&e->o.lane->rand, PAUSE_US);

    if (!e->stopping)
        lg_timer_start(e->o.lane, &e->pause, PAUSE_US + more_us, pause_ended);
}

static void failed(struct lg_election *e, const struct lg_meta_op *op)
{
    lose(e, "the metadata cannot be reached");
    if (!e->failing)
        lg_log(LG_LOG_WARN, "election_waits", "id=%s reason=\"%s\"", e->id, op->err.text);
    e->failing = true;
    again_later(e);
}

static void claimed(struct lg_meta_op *op)
{
    struct lg_election *e = LG_CONTAINER_OF(op, struct lg_election, op);

    /* After a lost session it is not known to which one the node belongs: look, and claim anew. */
    if (op->rc == LG_OK && e->losses == e->op_losses) {
        e->failing = false;
        win(e);
    } else if (op->rc == LG_OK || op->rc == LG_ERR_CONFLICT || op->rc == LG_ERR_NOT_FOUND) {
        e->dirty = true;
    } else {
        failed(e, op);
    }
    op_ended(e);
}

static char *text_of(struct lg_json *take_json)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_json_write(&text, take_json, /* pretty= */ false);
    lg_json_unref(take_json);
    return lg_strndup((const char *)text.data, text.size);
}

static void set_texts(struct lg_election *e)
{
    struct lg_json *leader = lg_json_new_object(), *term = lg_json_new_object();

    lg_json_set_str(leader, "id", e->id);
    lg_json_set_str(leader, "url", e->url);
    lg_json_set_int(leader, "term", (int64_t)e->claim_term);
    lg_json_set_str(leader, "identity", e->identity);
    lg_json_set_int(term, "term", (int64_t)e->claim_term);
    lg_json_set_str(term, "leader", e->id);
    lg_free(e->leader_text);
    lg_free(e->term_text);
    e->leader_text = text_of(leader);
    e->term_text = text_of(term);
}

static void write_changes(struct lg_election *e, size_t n, void (*done)(struct lg_meta_op *op))
{
    e->op_open = true;
    e->op_losses = e->losses;
    e->op = (struct lg_meta_op){.kind = LG_META_WRITE,
                                .lane = e->o.lane,
                                .changes = e->changes,
                                .change_count = n,
                                .done = done};
    lg_metastore_submit(e->o.metastore, &e->op);
}

/* /term is read before /leader, and each new leader changes it: if it is what it was, then nobody
 * else became leader since, and a node of ours is still the one that we saw. */
static void claim(struct lg_election *e, bool again)
{
    uint64_t seen = LG_MAX(e->seen.term, e->seen.leader_term);
    uint64_t highest = LG_MAX(e->term, seen);
    size_t n = 0;

    e->claim_term = highest + !lg_mutant(LG_MUTANT_term_repeated);
    set_texts(e);
    e->changes[n++] =
        (struct lg_meta_change){.kind = e->seen.has_term ? LG_META_SET : LG_META_CREATE,
                                .path = LG_ELECTION_TERM_PATH,
                                .value = lg_slice_str(e->term_text),
                                .version = e->seen.term_version};
    if (again)
        e->changes[n++] = (struct lg_meta_change){.kind = LG_META_REMOVE,
                                                  .path = LG_ELECTION_LEADER_PATH,
                                                  .version = LG_META_ANY_VERSION};
    e->changes[n++] = (struct lg_meta_change){.kind = LG_META_CREATE_EPHEMERAL,
                                              .path = LG_ELECTION_LEADER_PATH,
                                              .value = lg_slice_str(e->leader_text),
                                              .version = LG_META_ANY_VERSION};
    write_changes(e, n, claimed);
}

/* --- Looking. ----------------------------------------------------------------------------------
 */

static void follow(struct lg_election *e)
{
    if (e->seen.has_leader && !e->seen.is_junk)
        set_leader(e, e->seen_id, e->seen_url);
    else
        set_leader(e, NULL, NULL);
}

static void act(struct lg_election *e)
{
    struct lg_election_self self = {.identity = e->identity,
                                    .leads = e->leads,
                                    .term_version = e->term_version,
                                    .yields = lg_timer_armed(&e->yield)};
    enum lg_election_step step = lg_election_decide(&self, &e->seen);

    if (!e->leads && e->seen.term > e->term) {
        e->term = e->seen.term;
        tell(e);
    }
    if (step == LG_ELECTION_LOST) {
        lose(e, "another controller leads, or the node /leader was removed");
        self.leads = false;
        step = lg_election_decide(&self, &e->seen);
    }
    switch (step) {
    case LG_ELECTION_FOLLOW:
        follow(e);
        break;
    case LG_ELECTION_CLAIM:
        claim(e, /* again= */ false);
        return;
    case LG_ELECTION_RECLAIM:
        if (e->seen.is_junk)
            lg_log(LG_LOG_ERROR, "leader_unreadable",
                   "path=" LG_ELECTION_LEADER_PATH
                   " reason=\"it names nobody: a controller that may lead writes it anew\"");
        claim(e, /* again= */ true);
        return;
    case LG_ELECTION_KEEP:
        look_later(e);
        break;
    case LG_ELECTION_LOST: /* It does not lead: not decided. */
        break;
    }
    op_ended(e);
}

/* A look that failed, or that came too late. */
static bool is_over(struct lg_election *e, const struct lg_meta_op *op)
{
    if (!e->stopping && (op->rc == LG_OK || op->rc == LG_ERR_NOT_FOUND))
        return false;
    if (!e->stopping)
        failed(e, op);
    op_ended(e);
    return true;
}

static struct lg_json *object_of(const struct lg_blob *value)
{
    struct lg_json *json = NULL;
    struct lg_error ignored;

    if (value == NULL || lg_json_parse(value->bytes, &json, &ignored) != LG_OK)
        return NULL;
    return json;
}

/* 0: none that a controller writes. The next one is counted from what is remembered then, and a
 * claim writes the node anew: what fences a leader is the version of the node, not the number. */
static uint64_t term_of(struct lg_election *e, const struct lg_json *json, const char *path)
{
    struct lg_error err = {0};
    int64_t term = -1;
    bool good = json != NULL && lg_json_get_number(json, "term", -1, &term, &err) == LG_OK;

    if (good && term > 0)
        return (uint64_t)term;
    if (!e->term_junk_told)
        lg_log(LG_LOG_ERROR, "term_unreadable",
               "id=%s path=%s reason=\"%s; the next leader writes it anew\"", e->id, path,
               err.rc != LG_OK ? err.text : "it holds no term");
    e->term_junk_told = true;
    return 0;
}

static void leader_read(struct lg_meta_op *op)
{
    struct lg_election *e = LG_CONTAINER_OF(op, struct lg_election, op);
    LG_AUTO(lg_blob) *value = LG_TAKE(op->value);
    LG_AUTO(lg_json) *json = object_of(value);

    if (is_over(e, op))
        return;
    e->failing = false;
    e->seen.has_leader = op->rc == LG_OK;
    e->seen.leader_term = op->rc == LG_OK ? term_of(e, json, LG_ELECTION_LEADER_PATH) : 0;
    replace(&e->seen_id, json == NULL ? NULL : lg_json_get_str(json, "id", NULL));
    replace(&e->seen_url, json == NULL ? NULL : lg_json_get_str(json, "url", NULL));
    replace(&e->seen_identity, json == NULL ? "" : lg_json_get_str(json, "identity", ""));
    e->seen.leader_identity = e->seen_identity;
    e->seen.is_junk = e->seen.has_leader && e->seen_id == NULL;
    act(e);
}

static void term_read(struct lg_meta_op *op)
{
    struct lg_election *e = LG_CONTAINER_OF(op, struct lg_election, op);
    LG_AUTO(lg_blob) *value = LG_TAKE(op->value);
    LG_AUTO(lg_json) *json = object_of(value);

    if (is_over(e, op))
        return;
    e->seen.has_term = op->rc == LG_OK;
    e->seen.term_version = op->rc == LG_OK ? op->version : 0;
    e->seen.term = op->rc == LG_OK ? term_of(e, json, LG_ELECTION_TERM_PATH) : 0;
    e->op = (struct lg_meta_op){.kind = LG_META_GET,
                                .lane = e->o.lane,
                                .path = LG_ELECTION_LEADER_PATH,
                                .done = leader_read};
    lg_metastore_submit(e->o.metastore, &e->op);
}

static void look(struct lg_election *e)
{
    if (e->op_open || e->stopping) {
        e->dirty = true;
        return;
    }
    lg_timer_stop(e->o.lane, &e->pause);
    e->dirty = false;
    e->op_open = true;
    e->op = (struct lg_meta_op){
        .kind = LG_META_GET, .lane = e->o.lane, .path = LG_ELECTION_TERM_PATH, .done = term_read};
    lg_metastore_submit(e->o.metastore, &e->op);
}

/* --- What happens to it. -----------------------------------------------------------------------
 */

static void changed(struct lg_meta_watch *watch)
{
    struct lg_election *e = LG_CONTAINER_OF(watch, struct lg_election, watch);

    if (!e->stopping)
        look(e);
}

static void session_lost(struct lg_meta_watch *watch)
{
    struct lg_election *e = LG_CONTAINER_OF(watch, struct lg_election, watch);

    if (lg_mutant(LG_MUTANT_election_keeps_leading))
        return;
    e->losses++;
    lose(e, "the session with the metastore was lost");
    if (!e->stopping)
        look(e);
}

struct lg_election *lg_election_start(const struct lg_election_options *options)
{
    struct lg_election *e = lg_new(struct lg_election);

    e->o = *options;
    e->id = lg_strdup(options->id);
    e->url = lg_strdup(options->url);
    e->identity = lg_strdup(options->identity);
    e->watch = (struct lg_meta_watch){.lane = options->lane,
                                      .path = LG_ELECTION_LEADER_PATH,
                                      .changed = changed,
                                      .session_lost = session_lost};
    e->watch_open = true;
    lg_metastore_watch(options->metastore, &e->watch);
    look(e);
    return e;
}

bool lg_election_leads(const struct lg_election *e)
{
    return e->leads;
}

uint64_t lg_election_term(const struct lg_election *e)
{
    return e->term;
}

const char *lg_election_leader_id(const struct lg_election *e)
{
    return e->leader_id;
}

const char *lg_election_leader_url(const struct lg_election *e)
{
    return e->leader_url;
}

struct lg_meta_change lg_election_fence(const struct lg_election *e)
{
    bool forgotten = lg_mutant(LG_MUTANT_stale_leader);

    assert(e->leads);
    return (struct lg_meta_change){.kind = LG_META_CHECK,
                                   .path = LG_ELECTION_TERM_PATH,
                                   .version = forgotten ? LG_META_ANY_VERSION : e->term_version};
}

bool lg_election_check_fenced(struct lg_election *e, const struct lg_meta_op *op)
{
    const struct lg_meta_change *fence = &op->changes[0];

    assert(op->kind == LG_META_WRITE && op->change_count > 0 && fence->kind == LG_META_CHECK);
    if ((op->rc != LG_ERR_CONFLICT && op->rc != LG_ERR_NOT_FOUND) || op->failed_at != 0)
        return false;
    /* A write of an earlier term of ours may end only now. */
    if (e->leads && fence->version == e->term_version &&
        !lg_mutant(LG_MUTANT_election_keeps_leading)) {
        lose(e, "a write was fenced off: another controller was elected");
        look(e);
    }
    return true;
}

/* --- Giving it up. -----------------------------------------------------------------------------
 */

static void withdrawn(struct lg_meta_op *op)
{
    struct lg_election *e = LG_CONTAINER_OF(op, struct lg_election, op);

    if (op->rc != LG_OK && op->failed_at != 0)
        lg_log(LG_LOG_WARN, "leadership_not_withdrawn", "id=%s reason=\"%s\"", e->id, op->err.text);
    e->dirty = true;
    op_ended(e);
}

/* The node must go with the term that it belongs to, never one of a later leader. */
static void withdraw(struct lg_election *e)
{
    e->changes[0] = lg_election_fence(e);
    e->changes[1] = (struct lg_meta_change){
        .kind = LG_META_REMOVE, .path = LG_ELECTION_LEADER_PATH, .version = LG_META_ANY_VERSION};
    lose(e, "it was given up");
    write_changes(e, 2, withdrawn);
}

static void yield_ended(struct lg_timer *timer)
{
    look(LG_CONTAINER_OF(timer, struct lg_election, yield));
}

void lg_election_resign(struct lg_election *e)
{
    if (!e->leads || e->stopping)
        return;
    lg_timer_start(e->o.lane, &e->yield, LG_ELECTION_RESIGN_MS * LG_MS, yield_ended);
    e->resigns = true;
    if (!e->op_open)
        withdraw(e);
}

/* What comes after an operation: the end, giving up, another look. */
static void op_ended(struct lg_election *e)
{
    e->op_open = false;
    if (e->leads && (e->stopping || e->resigns)) {
        withdraw(e);
        return;
    }
    if (e->stopping)
        end_if_idle(e);
    else if (e->dirty)
        look(e);
}

static void unwatched(struct lg_meta_watch *watch)
{
    struct lg_election *e = LG_CONTAINER_OF(watch, struct lg_election, watch);

    e->watch_open = false;
    end_if_idle(e);
}

void lg_election_stop(struct lg_election *e, void (*done)(void *ctx), void *ctx)
{
    e->stopping = true;
    e->done = done;
    e->done_ctx = ctx;
    lg_timer_stop(e->o.lane, &e->pause);
    lg_timer_stop(e->o.lane, &e->yield);
    lg_metastore_unwatch(e->o.metastore, &e->watch, unwatched);
    if (!e->op_open && e->leads)
        withdraw(e);
}
