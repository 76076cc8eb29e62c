/* Who may do what: decisions over (principal, store, method), made once by a driver and found
 * afterwards by every lane in a table, without a lock, an allocation or a question.
 *
 *     lg_authz_check ──▶ ALLOWED, DENIED: known      any lane, inside the epoch
 *          └─▶ UNKNOWN ──▶ lg_authz_wait ──▶ driver ──▶ table       once, on the owner's lane
 *
 * Decisions are refreshed in the background. While a driver fails or hangs, known ones hold for a
 * while (LG_AUTHZ_STALE_ROUNDS), and who is not known is refused. Of a store that does not exist
 * nobody may do anything, and nothing is remembered.
 *
 * One owner (a role's lane) makes it and calls everything but lg_authz_check.
 */
#ifndef LG_AUTHZ_AUTHZ_H
#define LG_AUTHZ_AUTHZ_H

#include "base/hash.h"
#include "base/list.h"
#include "catalog/catalog.h"
#include "lane/epoch.h"
#include "lane/lane.h"
#include "model/acl.h"

struct lg_transport;
struct lg_authz; /* Opaque. */

#define LG_AUTHZ_REFRESH_MS 60000u
#define LG_AUTHZ_DECISIONS_MAX 65536u /* remembered; further ones are asked for each time */
#define LG_AUTHZ_ASKS_MAX 256u        /* of a driver under way for those who are not known */
#define LG_AUTHZ_REFRESHES_MAX 32u    /* the same for those who are */
#define LG_AUTHZ_IDLE_ROUNDS 10u      /* of refresh without use: a decision is forgotten */
/* Times `refresh_ms` since the driver last said it, asked again or not: in the round after, a
 * decision is forgotten. */
#define LG_AUTHZ_STALE_ROUNDS 10u
#define LG_AUTHZ_CLUSTER "" /* the store of what belongs to none */

/* --- The port: who decides ---------------------------------------------------------------------
 */

struct lg_authz_driver;

/* A question under way; the table's memory until `done`. */
struct lg_authz_ask {
    const char *principal; /* NULL: nobody */
    const char *store;     /* LG_AUTHZ_CLUSTER: the cluster */
    enum lg_acl_method method;
    /* The driver answers `allowed` with LG_OK, or says in `err` why it cannot tell. */
    enum lg_rc rc;
    bool allowed;
    struct lg_error err;
    /* On the owner's lane, once, never from inside `ask`. */
    void (*done)(struct lg_authz_ask *ask);
};

struct lg_authz_driver_ops {
    const char *name;
    /* A driver that knows by itself: answers at once, as `ask` does. NULL: it has `ask`. */
    void (*judge)(struct lg_authz_driver *d, struct lg_authz_ask *ask);
    void (*ask)(struct lg_authz_driver *d, struct lg_authz_ask *ask);
    /* What exists has changed; for `judge`. May be NULL. */
    void (*learn)(struct lg_authz_driver *d, struct lg_catalog_snapshot *snapshot);
    /* Nothing is asked any more; ends soon what is under way. May be NULL. */
    void (*cancel)(struct lg_authz_driver *d);
    /* Nothing is under way. */
    void (*free)(struct lg_authz_driver *d);
};
struct lg_authz_driver { /* The head that every driver embeds first. */
    const struct lg_authz_driver_ops *ops;
};

/* By the access permissions of the stores (model/acl.h), as the catalog tells them. */
struct lg_authz_driver *lg_authz_acl_new(void);

#define LG_AUTHZ_TIMEOUT_MS 2000u /* of drivers that ask somebody else */

/* By a service over HTTP (http_driver.c says what is asked and answered). */
struct lg_authz_http_options {
    struct lg_lane *lane;           /* the owner's */
    struct lg_transport *transport; /* of `lane` */
    const char *url;                /* "http://127.0.0.1:9000/may"; https:// over TLS; copied */
    uint64_t timeout_ms;            /* of an answer; 0: LG_AUTHZ_TIMEOUT_MS */
};
/* LG_ERR_INVALID: the URL is none. */
LG_MUST_CHECK enum lg_rc lg_authz_http_new(const struct lg_authz_http_options *o,
                                           struct lg_authz_driver **out, struct lg_error *err);
/* What the service answered. Only 200 with a JSON object whose member "allowed" is true or false is
 * an answer, whatever else stands in it; LG_ERR_UNAVAILABLE says what came instead. Pure. */
LG_MUST_CHECK enum lg_rc lg_authz_http_answer(int status, struct lg_slice body, bool *out_allowed,
                                              struct lg_error *err);

/* By a module of include/lagoon/authz.h that is open; both are borrowed and outlive the driver and
 * the pool. */
struct lagoon_authz_module;
struct lg_authz_module_options {
    struct lg_lane *lane; /* the owner's */
    const struct lagoon_authz_module *module;
    void *state;
    uint64_t timeout_ms; /* of an answer; 0: LG_AUTHZ_TIMEOUT_MS */
};
struct lg_authz_driver *lg_authz_module_new(const struct lg_authz_module_options *o);

/* --- The table ---------------------------------------------------------------------------------
 */

struct lg_authz_options {
    struct lg_lane *lane;                /* the owner's */
    struct lg_authz_driver *take_driver; /* freed at the end */
    /* Of lanes that read beside the owner's; NULL: there are none. It outlives this. */
    struct lg_epoch *epoch;
    /* Who may do everything; who may read everything: servers and routers for others; and who may
     * see what is about the cluster, but read no store. Lists of names with ';' between ("\;" is of
     * one), blanks around them ignored; NULL: nobody. Copied. No driver is asked for them. */
    const char *admins, *trusted, *observers;
    uint64_t refresh_ms; /* 0: LG_AUTHZ_REFRESH_MS */
};

/* Could certificates have the names of such a list? LG_ERR_INVALID as of lg_acl_check_name. */
LG_MUST_CHECK enum lg_rc lg_authz_check_list(struct lg_slice list, struct lg_error *err);
struct lg_authz *lg_authz_new(const struct lg_authz_options *o);
/* No lane looks any more and nobody waits. `stopped` comes once, on the lane, never from inside;
 * `a` is gone then. NULL is allowed. */
void lg_authz_stop(struct lg_authz *a, struct lg_lane *lane, void (*stopped)(void *ctx), void *ctx);
/* What exists has changed: a driver that judges looks again at all that it said. */
void lg_authz_learn(struct lg_authz *a, struct lg_catalog_snapshot *snapshot);

enum lg_authz_verdict { LG_AUTHZ_UNKNOWN, LG_AUTHZ_ALLOWED, LG_AUTHZ_DENIED };

/* Any lane that is inside the epoch, or the owner's. Never blocks, allocates nothing. `principal`
 * NULL is nobody. NULL `a`: nothing is asked, all is allowed. */
enum lg_authz_verdict lg_authz_look(const struct lg_authz *a, const char *principal,
                                    struct lg_slice store, enum lg_acl_method method);
static inline enum lg_authz_verdict lg_authz_check(const struct lg_authz *a, const char *principal,
                                                   struct lg_slice store, enum lg_acl_method method)
{
    return LG_LIKELY(a == NULL) ? LG_AUTHZ_ALLOWED : lg_authz_look(a, principal, store, method);
}

/* Embed it; it is allocated by who asks. */
struct lg_authz_wait {
    struct lg_task task;
    struct lg_list link;
    /* On the owner's lane, once, never from inside lg_authz_wait. */
    void (*done)(struct lg_authz_wait *w);
    enum lg_authz_verdict verdict; /* UNKNOWN: it could not be found out; `err` says why. */
    struct lg_error err;           /* LG_ERR_UNAVAILABLE, LG_ERR_BUSY, LG_ERR_UNREADY */
    struct lg_authz *authz;        /* Ours. */
};
/* Asks for a decision. Nothing is borrowed. */
void lg_authz_wait(struct lg_authz *a, struct lg_authz_wait *w, const char *principal,
                   struct lg_slice store, enum lg_acl_method method);

/* --- Refusals ----------------------------------------------------------------------------------
 */

#define LG_AUTHZ_TEXT_MAX LG_ERROR_TEXT_MAX
/* What a refused one is told, which is counted here: LG_ERR_REFUSED, or for UNKNOWN the code of
 * `why`. Any lane. The text names the store and what may not be done, never who may. */
enum lg_rc lg_authz_refuse(enum lg_authz_verdict verdict, const struct lg_error *why,
                           const char *principal, struct lg_slice store, enum lg_acl_method method,
                           struct lg_error *err);

#endif
