/* The driver that asks a loaded module (include/lagoon/authz.h) on the pool, one question after
 * another, so that a module that hangs holds one thread of it and no more. Who waits longer than
 * the timeout is answered, and the module's word is dropped when it comes.
 *
 *     ask ──▶ waiting ──▶ on the pool ──▶ told, or dropped
 *                └──────────────┴─ timeout: told that it takes too long
 */
#include "authz/authz.h"
#include "base/str.h"
#include "include/lagoon/authz.h"

#define TEXT_MAX 256

struct module_driver {
    struct lg_authz_driver driver; /* First. */
    struct lg_lane *lane;
    const struct lagoon_authz_module *module;
    void *state;
    uint64_t timeout_us;
    struct lg_list waiting; /* struct job */
    bool busy, freed;
};

struct job {
    struct lg_list link;
    struct module_driver *owner;
    struct lg_authz_ask *ask; /* NULL: it was told */
    struct lg_timer timer;
    struct lg_offload offload;
    char *principal, *store; /* The pool's copies. */
    const char *method;
    int answer;
    char text[TEXT_MAX];
};

static void next(struct module_driver *m);

static void job_free(struct job *j)
{
    lg_free(j->principal);
    lg_free(j->store);
    lg_free(j);
}

static void tell(struct job *j, enum lg_rc rc, const char *text)
{
    struct lg_authz_ask *ask = LG_TAKE(j->ask);

    lg_timer_stop(j->owner->lane, &j->timer);
    ask->rc = LG_OK;
    /* The answer is the pool's until it has come. */
    ask->allowed = rc == LG_OK && j->answer == LAGOON_AUTHZ_ALLOWED;
    if (rc != LG_OK)
        ask->rc = lg_error_set(&ask->err, rc, "module %s: %s", j->owner->module->name, text);
    ask->done(ask);
}

static void decide(struct lg_offload *offload)
{
    struct job *j = LG_CONTAINER_OF(offload, struct job, offload);
    struct lagoon_authz_question q = {j->principal, j->store, j->method};

    j->answer = j->owner->module->decide(j->owner->state, &q, j->text, sizeof j->text);
    j->text[sizeof j->text - 1] = '\0';
}

static void decided(struct lg_offload *offload)
{
    struct job *j = LG_CONTAINER_OF(offload, struct job, offload);
    struct module_driver *m = j->owner;
    bool is_word = j->answer == LAGOON_AUTHZ_ALLOWED || j->answer == LAGOON_AUTHZ_DENIED;

    m->busy = false;
    if (m->freed) {
        job_free(j);
        lg_free(m);
        return;
    }
    next(m);
    if (j->ask != NULL)
        tell(j, is_word ? LG_OK : LG_ERR_UNAVAILABLE,
             j->text[0] == '\0' ? "it cannot tell" : j->text);
    job_free(j);
}

static void next(struct module_driver *m)
{
    struct job *j;

    if (m->busy || lg_list_empty(&m->waiting))
        return;
    j = LG_CONTAINER_OF(lg_list_pop_front(&m->waiting), struct job, link);
    m->busy = true;
    j->offload.work = decide;
    j->offload.done = decided;
    lg_offload(m->lane, &j->offload);
}

static void too_late(struct lg_timer *timer)
{
    struct job *j = LG_CONTAINER_OF(timer, struct job, timer);
    bool waits = !lg_list_empty(&j->link);

    if (waits)
        lg_list_remove(&j->link);
    tell(j, LG_ERR_UNAVAILABLE, "it takes too long");
    if (waits)
        job_free(j);
}

static void module_ask(struct lg_authz_driver *d, struct lg_authz_ask *ask)
{
    struct module_driver *m = LG_CONTAINER_OF(d, struct module_driver, driver);
    struct job *j = lg_new(struct job);

    lg_list_init(&j->link);
    j->owner = m;
    j->ask = ask;
    j->principal = ask->principal == NULL ? NULL : lg_strdup(ask->principal);
    j->store = lg_strdup(ask->store);
    j->method = lg_acl_method_name(ask->method);
    lg_timer_start(m->lane, &j->timer, m->timeout_us, too_late);
    lg_list_push_back(&m->waiting, &j->link);
    next(m);
}

/* What waits is told; what runs is told when it is back, or too late. */
static void module_cancel(struct lg_authz_driver *d)
{
    struct module_driver *m = LG_CONTAINER_OF(d, struct module_driver, driver);

    while (!lg_list_empty(&m->waiting)) {
        struct job *j = LG_CONTAINER_OF(lg_list_pop_front(&m->waiting), struct job, link);

        tell(j, LG_ERR_UNAVAILABLE, "the process ends");
        job_free(j);
    }
}

static void module_free(struct lg_authz_driver *d)
{
    struct module_driver *m = LG_CONTAINER_OF(d, struct module_driver, driver);

    m->freed = true;
    if (!m->busy)
        lg_free(m);
}

static const struct lg_authz_driver_ops ops = {
    .name = "module", .ask = module_ask, .cancel = module_cancel, .free = module_free};

struct lg_authz_driver *lg_authz_module_new(const struct lg_authz_module_options *o)
{
    struct module_driver *m = lg_new(struct module_driver);

    m->driver.ops = &ops;
    m->lane = o->lane;
    m->module = o->module;
    m->state = o->state;
    m->timeout_us = (o->timeout_ms == 0 ? LG_AUTHZ_TIMEOUT_MS : o->timeout_ms) * LG_MS;
    lg_list_init(&m->waiting);
    return &m->driver;
}
