#include "client/schema_cache.h"

#include "base/json.h"
#include "base/str.h"
#include "base/vec.h"
#include "lane/sm.h"

enum { EMPTY, LOADING, READY };

static const struct lg_sm_state states[] = {
    [EMPTY] = {"empty", LG_TO(LOADING)},
    [LOADING] = {"loading", LG_TO(EMPTY) | LG_TO(READY)},
    [READY] = {"ready", 0},
};

/* What the loading ask is about; a refresh goes the same way without the key. */
enum topic { IDS, ONE, ALL, KEY };

struct entry {
    struct lg_client_schema known;
    struct lg_error *misfit; /* why the reader schema cannot read it; NULL: it can */
};

struct lg_schema_cache {
    struct lg_schema_cache_options o;
    struct lg_sm sm;
    struct lg_schema *key;
    LG_VEC(struct entry *) entries;
    struct lg_list loads, fetches; /* struct lg_schema_wait */

    enum topic topic;
    bool is_walking; /* a load or a refresh is under way */
    bool is_fetching;
    LG_VEC(int32_t) wanted; /* ids to ask for, from the back */
    int32_t fetching_id;
    struct lg_buf load_target, fetch_target;
    struct lg_router_ask load, fetch;
    struct lg_timer refresh;

    bool stopping;
    bool task_posted;
    struct lg_task task; /* refuses late waits; tells the end */
    void (*stopped)(void *ctx);
    void *ctx;
};

static void ask_load(struct lg_schema_cache *c, enum topic topic, int32_t id);
static void end_walk(struct lg_schema_cache *c, const struct lg_error *err);
static void next_fetch(struct lg_schema_cache *c);

/* --- Life. -------------------------------------------------------------------------------------
 */

struct lg_schema_cache *lg_schema_cache_new(const struct lg_schema_cache_options *options)
{
    struct lg_schema_cache *c = lg_new(struct lg_schema_cache);

    c->o = *options;
    lg_sm_start(&c->sm, states);
    lg_list_init(&c->loads);
    lg_list_init(&c->fetches);
    return c;
}

void lg_schema_cache_free(struct lg_schema_cache *c)
{
    if (c == NULL)
        return;
    assert(!c->is_walking && !c->is_fetching && !c->task_posted);
    lg_timer_stop(c->o.lane, &c->refresh);
    for (size_t i = 0; i < c->entries.size; i++) {
        lg_schema_unref(c->entries.data[i]->known.schema);
        lg_resolver_unref(c->entries.data[i]->known.resolver);
        lg_free(c->entries.data[i]->misfit);
        lg_free(c->entries.data[i]);
    }
    LG_VEC_DONE(&c->entries);
    LG_VEC_DONE(&c->wanted);
    lg_schema_unref(c->key);
    lg_buf_done(&c->load_target);
    lg_buf_done(&c->fetch_target);
    lg_free(c);
}

/* --- Waiting. ----------------------------------------------------------------------------------
 */

static void tell(struct lg_list *list, int32_t id, const struct lg_error *err)
{
    struct lg_list now;

    lg_list_init(&now); /* Those who come while we tell wait for what comes next. */
    LG_LIST_EACH(it, list)
    if (LG_CONTAINER_OF(it, struct lg_schema_wait, link)->id == id) {
        lg_list_remove(it);
        lg_list_push_back(&now, it);
    }
    while (!lg_list_empty(&now)) {
        struct lg_schema_wait *wait =
            LG_CONTAINER_OF(lg_list_pop_front(&now), struct lg_schema_wait, link);

        wait->is_waiting = false;
        wait->done(wait, err);
    }
}

static void refuse_all(struct lg_schema_cache *c)
{
    struct lg_error err;

    (void)lg_error_set(&err, LG_ERR_CANCELLED, "the client was closed");
    tell(&c->loads, 0, &err);
    while (!lg_list_empty(&c->fetches))
        tell(&c->fetches, LG_CONTAINER_OF(c->fetches.next, struct lg_schema_wait, link)->id, &err);
}

static void task_runs(struct lg_task *task)
{
    struct lg_schema_cache *c = LG_CONTAINER_OF(task, struct lg_schema_cache, task);

    c->task_posted = false;
    refuse_all(c);
    if (c->stopped != NULL && !c->is_walking && !c->is_fetching && !c->task_posted) {
        void (*stopped)(void *ctx) = c->stopped;

        c->stopped = NULL;
        stopped(c->ctx); /* It may free the cache. */
    }
}

static void post_task(struct lg_schema_cache *c)
{
    if (c->task_posted)
        return;
    c->task_posted = true;
    c->task.run = task_runs;
    lg_lane_post(c->o.lane, &c->task);
}

void lg_schema_cache_stop(struct lg_schema_cache *c, void (*stopped)(void *ctx), void *ctx)
{
    c->stopping = true;
    c->stopped = stopped;
    c->ctx = ctx;
    lg_timer_stop(c->o.lane, &c->refresh);
    if (c->is_walking)
        lg_router_ask_cancel(&c->load);
    if (c->is_fetching)
        lg_router_ask_cancel(&c->fetch);
    post_task(c);
}

static void wait_in(struct lg_list *list, struct lg_schema_wait *wait, int32_t id)
{
    assert(!wait->is_waiting);
    wait->is_waiting = true;
    wait->id = id;
    lg_list_push_back(list, &wait->link);
}

void lg_schema_cache_forget(struct lg_schema_cache *c, struct lg_schema_wait *wait)
{
    (void)c;
    if (wait->is_waiting)
        lg_list_remove(&wait->link);
    wait->is_waiting = false;
}

/* --- What is known. ----------------------------------------------------------------------------
 */

bool lg_schema_cache_is_ready(const struct lg_schema_cache *c)
{
    return c->sm.now == READY;
}

struct lg_schema *lg_schema_cache_key(const struct lg_schema_cache *c)
{
    assert(c->key != NULL);
    return c->key;
}

static struct entry *find(const struct lg_schema_cache *c, int32_t id)
{
    /* A store has few schemas, and the newest are those in use. */
    for (size_t i = c->entries.size; i > 0; i--)
        if (c->entries.data[i - 1]->known.id == id)
            return c->entries.data[i - 1];
    return NULL;
}

enum lg_rc lg_schema_cache_value(const struct lg_schema_cache *c, int32_t id,
                                 const struct lg_client_schema **out, struct lg_error *err)
{
    const struct entry *e = find(c, id);

    if (e == NULL)
        return lg_error_set(err, LG_ERR_NO_SCHEMA, "value schema %d of store '%s' is not known", id,
                            c->o.store);
    if (e->misfit != NULL) {
        *err = *e->misfit;
        return err->rc;
    }
    *out = &e->known;
    return LG_OK;
}

/* Does the reader schema read it? That is no reason to fail before such a value comes. */
static void plan(struct lg_schema_cache *c, struct entry *e)
{
    struct lg_error err;

    if (c->o.reader == NULL)
        return;
    if (lg_resolver_new(e->known.schema, c->o.reader, &e->known.resolver, &err) == LG_OK)
        return;
    (void)lg_error_wrap(&err, "value schema %d of store '%s' cannot be read with reader_schema",
                        e->known.id, c->o.store);
    e->misfit = lg_new(struct lg_error);
    *e->misfit = err;
}

static enum lg_rc parse_schema(const struct lg_schema_cache *c, const struct lg_json *json,
                               const char *what, struct lg_schema **out, struct lg_error *err)
{
    struct lg_slice text = lg_json_string(lg_json_get(json, "schemaStr"));

    if (text.size == 0)
        return lg_error_set(err, LG_ERR_BAD_DATA, "a router answers no schema for the %s of '%s'",
                            what, c->o.store);
    if (lg_schema_parse(text, out, err) != LG_OK) {
        err->rc = LG_ERR_BAD_DATA;
        return lg_error_wrap(err, "the %s schema of store '%s'", what, c->o.store);
    }
    return LG_OK;
}

static enum lg_rc learn(struct lg_schema_cache *c, int32_t id, const struct lg_json *json,
                        struct lg_error *err)
{
    struct entry *e;
    struct lg_schema *schema;
    enum lg_rc rc;

    if (find(c, id) != NULL)
        return LG_OK;
    if (c->entries.size == LG_CLIENT_SCHEMAS_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "store '%s' has more than %u value schemas",
                            c->o.store, LG_CLIENT_SCHEMAS_MAX);
    rc = parse_schema(c, json, "value", &schema, err);
    if (rc != LG_OK)
        return rc;
    e = lg_new(struct entry);
    e->known = (struct lg_client_schema){.id = id, .schema = schema};
    plan(c, e);
    LG_VEC_PUSH(&c->entries, e);
    return LG_OK;
}

/* The JSON of an answer, or the error in it. */
static enum lg_rc read_json(const struct lg_router_ask *ask, struct lg_json **out,
                            struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    const char *error;

    if (lg_json_parse(lg_buf_slice(&ask->call.response_body), &json, err) != LG_OK)
        return lg_error_wrap(err, "the router %s", ask->host->name);
    error = lg_json_get_str(json, "error", NULL);
    if (error != NULL)
        return lg_error_set(err, LG_ERR_FAILED, "the router %s says: %s", ask->host->name, error);
    *out = LG_TAKE(json);
    return LG_OK;
}

/* --- Walks: the load and the refresh. ----------------------------------------------------------
 */

static enum lg_rc take_ids(struct lg_schema_cache *c, const struct lg_json *json,
                           struct lg_error *err)
{
    const struct lg_json *ids = lg_json_get(json, "schemaIdSet");

    if (lg_json_size(ids) > LG_CLIENT_SCHEMAS_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "store '%s' has more than %u value schemas",
                            c->o.store, LG_CLIENT_SCHEMAS_MAX);
    c->wanted.size = 0;
    for (size_t i = lg_json_size(ids); i > 0; i--) {
        int64_t id = lg_json_int(lg_json_at(ids, i - 1));

        if (id < 1 || id > INT32_MAX)
            return lg_error_set(err, LG_ERR_BAD_DATA, "a router names the value schema %lld",
                                (long long)id);
        if (find(c, (int32_t)id) == NULL)
            LG_VEC_PUSH(&c->wanted, (int32_t)id);
    }
    return LG_OK;
}

static enum lg_rc take_all(struct lg_schema_cache *c, const struct lg_json *json,
                           struct lg_error *err)
{
    const struct lg_json *schemas = lg_json_get(json, "schemas");
    enum lg_rc rc = LG_OK;

    for (size_t i = 0; rc == LG_OK && i < lg_json_size(schemas); i++) {
        const struct lg_json *one = lg_json_at(schemas, i);
        int64_t id = lg_json_get_int(one, "id", 0);

        if (id < 1 || id > INT32_MAX)
            return lg_error_set(err, LG_ERR_BAD_DATA, "a router names the value schema %lld",
                                (long long)id);
        rc = learn(c, (int32_t)id, one, err);
    }
    return rc;
}

static enum lg_rc take_answer(struct lg_schema_cache *c, struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    enum lg_rc rc = read_json(&c->load, &json, err);

    if (rc != LG_OK)
        return rc;
    switch (c->topic) {
    case IDS:
        return take_ids(c, json, err);
    case ONE:
        rc = learn(c, c->wanted.data[c->wanted.size - 1], json, err);
        c->wanted.size -= rc == LG_OK;
        return rc;
    case ALL:
        return take_all(c, json, err);
    case KEY:
        break;
    }
    return parse_schema(c, json, "key", &c->key, err);
}

/* The router's own sentence names what comes nearest. */
static enum lg_rc no_store(const struct lg_schema_cache *c, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_NO_STORE, "there is no store '%s': %s", c->o.store,
                        c->load.err.text);
}

static void load_answered(struct lg_router_ask *ask)
{
    struct lg_schema_cache *c = LG_CONTAINER_OF(ask, struct lg_schema_cache, load);
    struct lg_error err = ask->err;
    enum lg_rc rc = ask->rc;
    bool go_around = rc == LG_ERR_NOT_FOUND && (c->topic == IDS || c->topic == ONE);

    if (rc == LG_OK)
        rc = take_answer(c, &err);
    else if (rc == LG_ERR_NOT_FOUND && !go_around)
        rc = no_store(c, &err);
    lg_router_ask_done(ask);
    if (c->stopping && rc == LG_OK)
        rc = lg_error_set(&err, LG_ERR_CANCELLED, "the client was closed");
    if (go_around)
        ask_load(c, ALL, 0);
    else if (rc != LG_OK)
        end_walk(c, &err);
    else if ((c->topic == IDS || c->topic == ONE) && c->wanted.size > 0)
        ask_load(c, ONE, c->wanted.data[c->wanted.size - 1]);
    else if (c->topic != KEY && c->key == NULL)
        ask_load(c, KEY, 0);
    else
        end_walk(c, &(struct lg_error){.rc = LG_OK});
}

static void ask_load(struct lg_schema_cache *c, enum topic topic, int32_t id)
{
    static const char *const words[] = {"all_value_schema_ids", "value_schema", "value_schema",
                                        "key_schema"};

    c->topic = topic;
    lg_buf_clear(&c->load_target);
    lg_buf_appendf(&c->load_target, "/%s/%s", words[topic], c->o.store);
    if (topic == ONE)
        lg_buf_appendf(&c->load_target, "/%d", id);
    c->load = (struct lg_router_ask){.http = c->o.http,
                                     .lane = c->o.lane,
                                     .routers = c->o.routers,
                                     .target = lg_buf_slice(&c->load_target),
                                     .done = load_answered};
    lg_router_ask_submit(&c->load);
}

static void refresh_due(struct lg_timer *timer)
{
    struct lg_schema_cache *c = LG_CONTAINER_OF(timer, struct lg_schema_cache, refresh);

    c->is_walking = true;
    ask_load(c, IDS, 0);
}

/* The first schema's reason when the reader schema reads none of them. */
static const struct lg_error *misfit_of_all(const struct lg_schema_cache *c)
{
    for (size_t i = 0; i < c->entries.size; i++)
        if (c->entries.data[i]->misfit == NULL)
            return NULL;
    return c->entries.size == 0 ? NULL : c->entries.data[0]->misfit;
}

static void end_walk(struct lg_schema_cache *c, const struct lg_error *err)
{
    const struct lg_error *misfit = err->rc == LG_OK ? misfit_of_all(c) : NULL;

    c->is_walking = false;
    if (misfit != NULL)
        err = misfit;
    if (c->sm.now == LOADING)
        lg_sm_move(&c->sm, err->rc == LG_OK ? READY : EMPTY);
    if (c->sm.now == EMPTY && c->key != NULL) { /* The next load begins anew. */
        lg_schema_unref(c->key);
        c->key = NULL;
    }
    if (c->sm.now == READY && c->o.refresh_us > 0 && !c->stopping)
        lg_timer_start(c->o.lane, &c->refresh, c->o.refresh_us, refresh_due);
    if (c->stopping)
        post_task(c); /* It tells those who wait, and the end. */
    else
        tell(&c->loads, 0, err);
}

void lg_schema_cache_load(struct lg_schema_cache *c, struct lg_schema_wait *wait)
{
    assert(c->sm.now != READY);
    wait_in(&c->loads, wait, 0);
    if (c->stopping) {
        post_task(c);
    } else if (c->sm.now == EMPTY) {
        lg_sm_move(&c->sm, LOADING);
        c->is_walking = true;
        ask_load(c, IDS, 0);
    }
}

/* --- One schema that turned up. ----------------------------------------------------------------
 */

static void fetch_answered(struct lg_router_ask *ask)
{
    struct lg_schema_cache *c = LG_CONTAINER_OF(ask, struct lg_schema_cache, fetch);
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = ask->err;
    enum lg_rc rc = ask->rc;

    if (rc == LG_OK)
        rc = read_json(ask, &json, &err);
    if (rc == LG_OK)
        rc = learn(c, c->fetching_id, json, &err);
    else if (rc == LG_ERR_NOT_FOUND)
        rc = lg_error_set(&err, LG_ERR_NO_SCHEMA,
                          "the router %s does not know value schema %d of store '%s', in which a "
                          "value was written",
                          ask->host->name, c->fetching_id, c->o.store);
    lg_router_ask_done(ask);
    c->is_fetching = false;
    err.rc = rc;
    if (c->stopping) {
        post_task(c);
        return;
    }
    tell(&c->fetches, c->fetching_id, &err);
    next_fetch(c);
}

static void next_fetch(struct lg_schema_cache *c)
{
    if (c->is_fetching || c->stopping || lg_list_empty(&c->fetches))
        return;
    c->is_fetching = true;
    c->fetching_id = LG_CONTAINER_OF(c->fetches.next, struct lg_schema_wait, link)->id;
    lg_buf_clear(&c->fetch_target);
    lg_buf_appendf(&c->fetch_target, "/value_schema/%s/%d", c->o.store, c->fetching_id);
    c->fetch = (struct lg_router_ask){.http = c->o.http,
                                      .lane = c->o.lane,
                                      .routers = c->o.routers,
                                      .target = lg_buf_slice(&c->fetch_target),
                                      .done = fetch_answered};
    lg_router_ask_submit(&c->fetch);
}

void lg_schema_cache_fetch(struct lg_schema_cache *c, int32_t id, struct lg_schema_wait *wait)
{
    wait_in(&c->fetches, wait, id);
    if (c->stopping)
        post_task(c);
    else
        next_fetch(c);
}
