/* The table of decisions: open addressing over (principal, store, method). A row's key never
 * changes; its verdict is one word. Readers see each pointer and word either before or after a
 * change; what they may still look at goes with the epoch. Owner: the role's lane.
 *
 *     row: ASKED for the first time ──▶ known ⇄ refreshed ──▶ idle, stale or unlisted ──▶ gone
 *
 * A round of refresh takes as long as the driver lets it, so the clock says what is stale. A stale
 * row that is being asked about is unknown until the answer; every unknown one is asked about.
 */
#include "authz/authz.h"

#include "authz/metrics.h"
#include "base/log.h"
#include "lane/shared.h"

#define SLOTS_MIN 64u

struct row {
    struct lg_epoch_item item;
    uint64_t hash;
    uint64_t verdict; /* Atomic: enum lg_authz_verdict. */
    uint64_t used;    /* Atomic: 1 since the last round of refresh. */
    /* The owner's from here. */
    struct lg_authz *authz;
    struct lg_authz_ask ask; /* Its principal, store and method are the key; behind the row. */
    struct lg_slice store;
    struct lg_list waits; /* struct lg_authz_wait */
    uint32_t idle_rounds;
    uint64_t round;    /* in which it was asked last */
    uint64_t heard_us; /* when the driver last said something; of one that is known */
    bool asking, fixed;
    bool refreshing; /* It was known when it was asked. */
    bool loose;      /* It is not in the table, which is full; it goes when it is answered. */
};

struct table {
    struct lg_epoch_item item;
    size_t mask;
    size_t used;         /* slots that are not NULL, those of removed rows among them */
    struct row *slots[]; /* Atomic; NULL: nothing was ever here; &removed. */
};

struct lg_authz {
    struct lg_lane *lane;
    struct lg_authz_driver *driver;
    struct lg_epoch *epoch, *own_epoch; /* own_epoch: nobody else reads */
    struct lg_catalog_snapshot *snapshot;
    char *admins, *trusted, *observers;
    uint64_t refresh_us, seed;
    struct table *table; /* Atomic. */
    size_t rows;
    size_t first_asks, refreshes; /* under way */
    uint64_t round;
    size_t refresh_at; /* the slot where this round goes on */
    struct lg_timer refresh;
    bool over, ending;
    struct lg_task end;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* An address that stands for something; never looked into. */
static struct row removed;

/* --- The key -----------------------------------------------------------------------------------
 */

static uint64_t hash_of(const struct lg_authz *a, const char *principal, struct lg_slice store,
                        enum lg_acl_method m)
{
    uint64_t h = principal == NULL ? a->seed : lg_hash64(principal, strlen(principal), ~a->seed);

    return lg_hash64(store.data, store.size, h + (uint64_t)m);
}

static bool same_principal(const char *x, const char *y)
{
    return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

static bool is_key(const struct row *r, uint64_t hash, const char *principal, struct lg_slice store,
                   enum lg_acl_method m)
{
    return r->hash == hash && r->ask.method == m && lg_slice_eq(r->store, store) &&
           same_principal(r->ask.principal, principal);
}

/* The row, or NULL. Each slot is looked at once: the owner may fill it meanwhile. */
static struct row *look_up(const struct lg_authz *a, const char *principal, struct lg_slice store,
                           enum lg_acl_method m)
{
    const struct table *t = lg_pointer_load(&a->table);
    uint64_t hash = hash_of(a, principal, store, m);

    for (size_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        struct row *there = lg_pointer_load(&t->slots[i]);

        if (there == NULL)
            return NULL;
        if (there != &removed && is_key(there, hash, principal, store, m))
            return there;
    }
}

enum lg_authz_verdict lg_authz_look(const struct lg_authz *a, const char *principal,
                                    struct lg_slice store, enum lg_acl_method method)
{
    struct row *r = look_up(a, principal, store, method);

    if (LG_UNLIKELY(r == NULL))
        return LG_AUTHZ_UNKNOWN;
    if (LG_UNLIKELY(lg_word_load(&r->used) == 0))
        lg_word_store(&r->used, 1); /* Once a round: the line stays shared otherwise. */
    return (enum lg_authz_verdict)lg_word_load(&r->verdict);
}

/* --- The owner's side of the table --------------------------------------------------------------
 */

static void release_row(struct lg_epoch_item *item)
{
    lg_free(LG_CONTAINER_OF(item, struct row, item));
}

static void release_table(struct lg_epoch_item *item)
{
    lg_free(LG_CONTAINER_OF(item, struct table, item));
}

static struct table *table_new(size_t slots)
{
    struct table *t = lg_zalloc(sizeof *t + slots * sizeof t->slots[0]);

    t->mask = slots - 1;
    t->item.release = release_table;
    return t;
}

static void put(struct table *t, struct row *r)
{
    size_t i = r->hash & t->mask;

    while (t->slots[i] != NULL)
        i = (i + 1) & t->mask;
    t->used++;
    lg_pointer_store(&t->slots[i], r);
}

/* At most three quarters are used, so that lookups end. */
static void make_room(struct lg_authz *a)
{
    struct table *old = a->table, *new;

    if ((old->used + 1) * 4 <= (old->mask + 1) * 3)
        return;
    new = table_new((a->rows + 1) * 2 > old->mask + 1 ? (old->mask + 1) * 2 : old->mask + 1);
    for (size_t i = 0; i <= old->mask; i++)
        if (old->slots[i] != NULL && old->slots[i] != &removed)
            put(new, old->slots[i]);
    lg_pointer_store(&a->table, new);
    a->refresh_at = 0; /* Rows that had their turn know it. */
    lg_epoch_retire(a->epoch, &old->item);
}

static struct row *row_new(struct lg_authz *a, const char *principal, struct lg_slice store,
                           enum lg_acl_method m)
{
    size_t name = principal == NULL ? 0 : strlen(principal) + 1;
    struct row *r = lg_zalloc(sizeof *r + name + store.size + 1);
    char *behind = (char *)(r + 1);

    if (name > 0) {
        memcpy(behind, principal, name);
        r->ask.principal = behind;
    }
    if (store.size > 0)
        memcpy(behind + name, store.data, store.size);
    r->ask.store = behind + name;
    r->store = lg_slice(behind + name, store.size);
    r->ask.method = m;
    r->authz = a;
    r->hash = hash_of(a, principal, store, m);
    r->used = 1;
    r->item.release = release_row;
    lg_list_init(&r->waits);
    return r;
}

static void row_remove(struct lg_authz *a, size_t slot)
{
    struct row *r = a->table->slots[slot];

    assert(!r->asking && lg_list_empty(&r->waits));
    lg_pointer_store(&a->table->slots[slot], &removed); /* Others may stand behind it. */
    a->rows--;
    lg_metric_set(&lg_metric_authz_decisions, 0, a->rows);
    lg_epoch_retire(a->epoch, &r->item);
}

static size_t slot_of(const struct lg_authz *a, const struct row *r)
{
    size_t i = r->hash & a->table->mask;

    while (a->table->slots[i] != r)
        i = (i + 1) & a->table->mask;
    return i;
}

/* Up to the next ';', which is of a subject when a backslash stands before it (RFC 2253). */
static size_t name_size(struct lg_slice rest)
{
    bool is_escaped = false;
    size_t n = 0;

    while (n < rest.size && (rest.data[n] != ';' || is_escaped)) {
        is_escaped = rest.data[n] == '\\' && !is_escaped;
        n++;
    }
    return n;
}

/* The next name of a list; false: that was all. */
static bool next_name(struct lg_slice *rest, struct lg_slice *out)
{
    while (rest->size > 0) {
        size_t n = name_size(*rest), from = 0, to = n;

        while (from < to && rest->data[from] == ' ')
            from++;
        while (to > from && rest->data[to - 1] == ' ')
            to--;
        *out = lg_slice(rest->data + from, to - from);
        *rest = lg_slice_skip(*rest, LG_MIN(n + 1, rest->size));
        if (to > from)
            return true;
    }
    return false;
}

enum lg_rc lg_authz_check_list(struct lg_slice list, struct lg_error *err)
{
    struct lg_slice name;

    while (next_name(&list, &name)) {
        LG_AUTO_STR char *text = lg_strndup((const char *)name.data, name.size);

        if (lg_acl_check_name(text, err) != LG_OK)
            return err->rc;
    }
    return LG_OK;
}

static bool is_listed(const char *list, const char *name)
{
    struct lg_slice rest = lg_slice_str(list == NULL ? "" : list), listed;

    while (name != NULL && next_name(&rest, &listed))
        if (lg_slice_eq_str(listed, name))
            return true;
    return false;
}

/* What no driver is asked. */
static bool is_given(const struct lg_authz *a, const char *principal, struct lg_slice store,
                     enum lg_acl_method m)
{
    return is_listed(a->admins, principal) ||
           (m == LG_ACL_READ && (is_listed(a->trusted, principal) ||
                                 (store.size == 0 && is_listed(a->observers, principal))));
}

static bool exists(const struct lg_authz *a, struct lg_slice store)
{
    return store.size == 0 || (a->snapshot != NULL && lg_catalog_store(a->snapshot, store) != NULL);
}

/* --- Answers ------------------------------------------------------------------------------------
 */

static void wait_over(struct lg_task *task)
{
    struct lg_authz_wait *w = LG_CONTAINER_OF(task, struct lg_authz_wait, task);

    w->done(w);
}

static void answer(struct lg_authz *a, struct lg_authz_wait *w, enum lg_authz_verdict verdict,
                   const struct lg_error *why)
{
    w->verdict = verdict;
    w->err = (struct lg_error){0};
    if (why != NULL)
        w->err = *why;
    w->task.run = wait_over;
    lg_lane_post(a->lane, &w->task);
}

static void answer_all(struct row *r)
{
    while (!lg_list_empty(&r->waits))
        answer(r->authz, LG_CONTAINER_OF(lg_list_pop_front(&r->waits), struct lg_authz_wait, link),
               (enum lg_authz_verdict)r->verdict, r->ask.rc == LG_OK ? NULL : &r->ask.err);
}

static const char *name_of(const char *principal)
{
    return principal == NULL ? LG_ACL_NOBODY : principal;
}

/* Once per decision, not per request: so the log's rate is that of decisions that change. */
static void tell_denied(const char *principal, struct lg_slice store, enum lg_acl_method m,
                        const char *driver)
{
    lg_log(LG_LOG_WARN, "authz_denied", "principal=\"%s\" store=\"%.*s\" method=%s driver=%s",
           name_of(principal), LG_FMT(store), lg_acl_method_name(m), driver);
}

/* The driver's word, or that it had none. */
static void settle(struct row *r)
{
    struct lg_authz *a = r->authz;
    enum lg_authz_verdict verdict = r->ask.allowed ? LG_AUTHZ_ALLOWED : LG_AUTHZ_DENIED;

    if (r->ask.rc != LG_OK) {
        lg_metric_add(&lg_metric_authz_decisions_total, 2, 1);
        lg_log(LG_LOG_WARN, "authz_failed", "driver=%s reason=\"%s\" what=\"%s\"",
               a->driver->ops->name, r->ask.err.text,
               r->verdict == LG_AUTHZ_UNKNOWN ? "who asked is refused" : "the last word holds");
        return;
    }
    lg_metric_add(&lg_metric_authz_decisions_total, r->ask.allowed ? 0 : 1, 1);
    r->heard_us = lg_lane_now_us(a->lane);
    if (verdict == LG_AUTHZ_DENIED && r->verdict != verdict)
        tell_denied(r->ask.principal, r->store, r->ask.method, a->driver->ops->name);
    lg_word_store(&r->verdict, verdict);
}

static void judge(struct row *r)
{
    struct lg_authz *a = r->authz;

    r->ask.err = (struct lg_error){0};
    r->fixed = is_given(a, r->ask.principal, r->store, r->ask.method);
    if (r->fixed) {
        r->ask.rc = LG_OK;
        r->ask.allowed = true;
    } else {
        a->driver->ops->judge(a->driver, &r->ask);
    }
    settle(r);
}

static void refresh_some(struct lg_authz *a);

static void end_if_over(struct lg_authz *a)
{
    if (!a->over || a->ending || a->first_asks > 0 || a->refreshes > 0)
        return;
    a->ending = true;
    lg_lane_post(a->lane, &a->end);
}

/* Rows of which nothing is known are not kept. */
static void drop_if_empty(struct row *r)
{
    if (r->loose)
        lg_free(r);
    else if (r->verdict == LG_AUTHZ_UNKNOWN)
        row_remove(r->authz, slot_of(r->authz, r));
}

static void asked(struct lg_authz_ask *ask)
{
    struct row *r = LG_CONTAINER_OF(ask, struct row, ask);
    struct lg_authz *a = r->authz;

    r->asking = false;
    if (r->refreshing)
        a->refreshes--;
    else
        a->first_asks--;
    settle(r);
    answer_all(r);
    drop_if_empty(r);
    if (a->over)
        end_if_over(a);
    else
        refresh_some(a);
}

static void ask(struct row *r)
{
    struct lg_authz *a = r->authz;

    r->asking = true;
    r->refreshing = r->verdict != LG_AUTHZ_UNKNOWN;
    r->ask.rc = LG_OK;
    r->ask.err = (struct lg_error){0};
    r->ask.allowed = false;
    r->ask.done = asked;
    if (r->refreshing)
        a->refreshes++;
    else
        a->first_asks++;
    a->driver->ops->ask(a->driver, &r->ask);
}

/* --- Those who are not known -------------------------------------------------------------------
 */

static void begin_row(struct lg_authz *a, struct lg_authz_wait *w, const char *principal,
                      struct lg_slice store, enum lg_acl_method m)
{
    struct row *r = row_new(a, principal, store, m);

    r->round = a->round;
    r->loose = a->rows >= LG_AUTHZ_DECISIONS_MAX;
    if (!r->loose) {
        make_room(a);
        put(a->table, r);
        a->rows++;
        lg_metric_set(&lg_metric_authz_decisions, 0, a->rows);
    }
    lg_list_push_back(&r->waits, &w->link);
    r->fixed = is_given(a, principal, store, m);
    if (r->fixed || a->driver->ops->judge != NULL) {
        judge(r);
        answer_all(r);
        drop_if_empty(r);
    } else {
        ask(r);
    }
}

void lg_authz_wait(struct lg_authz *a, struct lg_authz_wait *w, const char *principal,
                   struct lg_slice store, enum lg_acl_method m)
{
    struct row *r = look_up(a, principal, store, m);
    struct lg_error err = {0};

    w->authz = a;
    if (r != NULL && r->verdict != LG_AUTHZ_UNKNOWN) {
        answer(a, w, (enum lg_authz_verdict)r->verdict, NULL);
    } else if (r != NULL) {
        lg_list_push_back(&r->waits, &w->link); /* It is asked already. */
    } else if (a->snapshot == NULL && store.size > 0) {
        (void)lg_error_set(&err, LG_ERR_UNREADY, "the metadata is not read yet; try again");
        answer(a, w, LG_AUTHZ_UNKNOWN, &err);
    } else if (!exists(a, store)) { /* Nothing that a stranger may fill the table with. */
        if (is_given(a, principal, store, m)) {
            answer(a, w, LG_AUTHZ_ALLOWED, NULL);
            return;
        }
        tell_denied(principal, store, m, "none");
        answer(a, w, LG_AUTHZ_DENIED, NULL);
    } else if (a->first_asks >= LG_AUTHZ_ASKS_MAX && !is_given(a, principal, store, m)) {
        (void)lg_error_set(&err, LG_ERR_BUSY, "too many are not known yet; try again");
        answer(a, w, LG_AUTHZ_UNKNOWN, &err);
    } else {
        begin_row(a, w, principal, store, m);
    }
}

/* --- Refresh ------------------------------------------------------------------------------------
 */

/* True: the row has gone. */
static bool forget(struct lg_authz *a, size_t slot)
{
    struct row *r = a->table->slots[slot];
    bool used = lg_word_load(&r->used) != 0;

    r->idle_rounds = used ? 0 : r->idle_rounds + 1;
    lg_word_store(&r->used, 0);
    if (r->asking || (r->idle_rounds < LG_AUTHZ_IDLE_ROUNDS && exists(a, r->store)))
        return false;
    row_remove(a, slot);
    return true;
}

/* Goes on with a round as far as the driver may be asked at a time. */
static void refresh_some(struct lg_authz *a)
{
    bool judges = a->driver->ops->judge != NULL;

    while (a->refresh_at <= a->table->mask && a->refreshes < LG_AUTHZ_REFRESHES_MAX) {
        size_t slot = a->refresh_at++;
        struct row *r = a->table->slots[slot];

        if (r == NULL || r == &removed || r->round == a->round)
            continue;
        r->round = a->round;
        if (forget(a, slot) || r->asking)
            continue;
        if (judges || r->fixed)
            judge(r);
        else
            ask(r);
    }
    lg_epoch_reclaim(a->epoch);
}

/* What was said too long ago counts no more, whether its turn to be asked has come or not. Who is
 * given needs nobody's word. */
static void forget_stale(struct lg_authz *a)
{
    uint64_t now_us = lg_lane_now_us(a->lane);

    for (size_t i = 0; i <= a->table->mask; i++) {
        struct row *r = a->table->slots[i];

        if (r == NULL || r == &removed || r->verdict == LG_AUTHZ_UNKNOWN || r->fixed ||
            now_us - r->heard_us <= LG_AUTHZ_STALE_ROUNDS * a->refresh_us)
            continue;
        if (r->asking)
            lg_word_store(&r->verdict, LG_AUTHZ_UNKNOWN);
        else
            row_remove(a, i);
    }
}

static void refresh_due(struct lg_timer *timer)
{
    struct lg_authz *a = LG_CONTAINER_OF(timer, struct lg_authz, refresh);

    lg_timer_start(a->lane, &a->refresh, a->refresh_us, refresh_due);
    forget_stale(a);
    if (a->refresh_at <= a->table->mask && a->refreshes > 0) {
        lg_epoch_reclaim(a->epoch);
        return; /* The driver is slower than that: the round goes on. */
    }
    a->round++;
    a->refresh_at = 0;
    refresh_some(a);
}

void lg_authz_learn(struct lg_authz *a, struct lg_catalog_snapshot *snapshot)
{
    struct lg_catalog_snapshot *before;

    if (a == NULL)
        return;
    before = a->snapshot;
    a->snapshot = lg_catalog_snapshot_ref(snapshot);
    lg_catalog_snapshot_unref(before);
    if (a->driver->ops->learn != NULL)
        a->driver->ops->learn(a->driver, snapshot);
    for (size_t i = 0; i <= a->table->mask; i++) {
        struct row *r = a->table->slots[i];

        if (r == NULL || r == &removed || r->asking)
            continue;
        if (!exists(a, r->store))
            row_remove(a, i);
        else if (a->driver->ops->judge != NULL)
            judge(r);
    }
    lg_epoch_reclaim(a->epoch);
}

/* --- Life --------------------------------------------------------------------------------------
 */

struct lg_authz *lg_authz_new(const struct lg_authz_options *o)
{
    struct lg_authz *a = lg_new(struct lg_authz);
    struct lg_error err;
    enum lg_rc rc = LG_OK;

    a->lane = o->lane;
    a->driver = o->take_driver;
    a->epoch = o->epoch;
    if (a->epoch == NULL) {
        rc = lg_epoch_new(&a->own_epoch, &err);
        assert(rc == LG_OK && "a process that starts has memory for an epoch");
        a->epoch = a->own_epoch;
    }
    a->admins = lg_strdup(o->admins == NULL ? "" : o->admins);
    a->trusted = lg_strdup(o->trusted == NULL ? "" : o->trusted);
    a->observers = lg_strdup(o->observers == NULL ? "" : o->observers);
    a->refresh_us = (o->refresh_ms == 0 ? LG_AUTHZ_REFRESH_MS : o->refresh_ms) * LG_MS;
    a->seed = lg_rand_next(&o->lane->rand);
    a->table = table_new(SLOTS_MIN);
    a->refresh_at = a->table->mask + 1;
    lg_timer_start(a->lane, &a->refresh, a->refresh_us, refresh_due);
    return a;
}

static void end(struct lg_task *task)
{
    struct lg_authz *a = LG_CONTAINER_OF(task, struct lg_authz, end);
    void (*stopped)(void *ctx) = a->stopped;
    void *ctx = a->stopped_ctx;

    for (size_t i = 0; i <= a->table->mask; i++)
        if (a->table->slots[i] != NULL && a->table->slots[i] != &removed)
            lg_free(a->table->slots[i]);
    lg_free(a->table);
    a->driver->ops->free(a->driver);
    lg_catalog_snapshot_unref(a->snapshot);
    lg_epoch_free(a->own_epoch);
    lg_free(a->admins);
    lg_free(a->trusted);
    lg_free(a->observers);
    lg_free(a);
    stopped(ctx);
}

struct nothing { /* There is no table to wait for. */
    struct lg_task task;
    void (*stopped)(void *ctx);
    void *ctx;
};

static void end_nothing(struct lg_task *task)
{
    struct nothing n = *LG_CONTAINER_OF(task, struct nothing, task);

    lg_free(LG_CONTAINER_OF(task, struct nothing, task));
    n.stopped(n.ctx);
}

void lg_authz_stop(struct lg_authz *a, struct lg_lane *lane, void (*stopped)(void *ctx), void *ctx)
{
    struct nothing *n;

    if (a == NULL) {
        n = lg_new(struct nothing);
        *n = (struct nothing){{.run = end_nothing}, stopped, ctx};
        lg_lane_post(lane, &n->task);
        return;
    }
    a->over = true;
    a->stopped = stopped;
    a->stopped_ctx = ctx;
    a->end.run = end;
    lg_timer_stop(a->lane, &a->refresh);
    if (a->driver->ops->cancel != NULL)
        a->driver->ops->cancel(a->driver);
    end_if_over(a);
}

/* --- Refusals ----------------------------------------------------------------------------------
 */

static enum lg_rc refuse_denied(const char *principal, struct lg_slice store, enum lg_acl_method m,
                                struct lg_error *err)
{
    static const char *const may[LG_ACL_METHODS] = {
        [LG_ACL_READ] = "read", [LG_ACL_WRITE] = "write to", [LG_ACL_ADMIN] = "administer"};
    int size = (int)LG_MIN(store.size, (size_t)128);

    lg_metric_add(&lg_metric_authz_refused_total, principal == NULL ? 1 : 0, 1);
    return lg_error_set(err, LG_ERR_REFUSED, "%.200s may not %s %s%.*s%s%s", name_of(principal),
                        may[m], store.size == 0 ? "the cluster" : "store '", size,
                        (const char *)store.data, store.size == 0 ? "" : "'",
                        principal == NULL ? "; show a certificate of somebody who may" : "");
}

enum lg_rc lg_authz_refuse(enum lg_authz_verdict verdict, const struct lg_error *why,
                           const char *principal, struct lg_slice store, enum lg_acl_method method,
                           struct lg_error *err)
{
    if (verdict == LG_AUTHZ_DENIED)
        return refuse_denied(principal, store, method, err);
    lg_metric_add(&lg_metric_authz_refused_total, 2, 1);
    return lg_error_set(err, why == NULL || why->rc == LG_OK ? LG_ERR_UNAVAILABLE : why->rc,
                        "it is not known who may do that: %s",
                        why == NULL ? "try again" : why->text);
}
