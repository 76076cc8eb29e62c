/* The schemas of one store as a client knows them: the key's, and each value schema by its number.
 *
 * Owned by the client's lane. They are read as Venice's thin client reads them at its start
 * (wire-formats 4.8): /all_value_schema_ids/<store>, /value_schema/<store>/<id> for each,
 * /key_schema/<store>; when the ids cannot be had, /value_schema/<store> for all at once. An id
 * that turns up later is fetched then. Nothing is ever forgotten: a schema never changes.
 *
 *   EMPTY ──load──▶ LOADING ──all there──▶ READY
 *     ▲                │
 *     └────failure─────┘  whoever waits is told why; the next load begins anew
 */
#ifndef LG_CLIENT_SCHEMA_CACHE_H
#define LG_CLIENT_SCHEMA_CACHE_H

#include "avro/resolve.h"
#include "avro/schema.h"
#include "client/router_ask.h"

#define LG_CLIENT_SCHEMAS_MAX 4096u

struct lg_schema_cache; /* Opaque. */

struct lg_schema_cache_options {
    struct lg_http_client *http; /* Borrowed, as all here; they outlive the cache's last ask. */
    struct lg_lane *lane;
    struct lg_routers *routers;
    const char *store;
    struct lg_schema *reader; /* values are wanted in it; NULL: as written */
    uint64_t refresh_us;      /* looks for new schemas this often; 0: never */
};

/* Whoever waits for a load or for one schema. Embed it; zeroed memory is one that does not wait. */
struct lg_schema_wait {
    struct lg_list link;
    bool is_waiting;
    int32_t id; /* 0: the load */
    /* Comes once, on the lane, never from inside load or fetch. `err->rc` is LG_OK on success. */
    void (*done)(struct lg_schema_wait *wait, const struct lg_error *err);
};

struct lg_schema_cache *lg_schema_cache_new(const struct lg_schema_cache_options *options);
/* Cancels what is asked; those who wait get LG_ERR_CANCELLED; `stopped` comes once on the lane,
 * never from inside, and after it the cache may be freed. Later waits get LG_ERR_CANCELLED. */
void lg_schema_cache_stop(struct lg_schema_cache *c, void (*stopped)(void *ctx), void *ctx);
/* Stopped, or never asked anything. NULL is allowed. */
void lg_schema_cache_free(struct lg_schema_cache *c);

bool lg_schema_cache_is_ready(const struct lg_schema_cache *c);
/* Joins the load that is under way, or begins one. Not when it is ready.
 * LG_ERR_NO_STORE: the routers know no such store. LG_ERR_SCHEMA: `reader` fits no value
 * schema of the store. LG_ERR_BAD_DATA: an answer is no schema. LG_ERR_UNAVAILABLE ... */
void lg_schema_cache_load(struct lg_schema_cache *c, struct lg_schema_wait *wait);
/* Borrowed; ready only. */
struct lg_schema *lg_schema_cache_key(const struct lg_schema_cache *c);

/* One value schema and, when a reader schema is set, how to read its data with that. */
struct lg_client_schema {
    int32_t id;
    struct lg_schema *schema;
    struct lg_resolver *resolver; /* NULL: none is needed */
};
/* Borrowed, for as long as the cache. LG_ERR_NO_SCHEMA when it is not known (yet): fetch it.
 * LG_ERR_SCHEMA when the reader schema cannot read it. */
LG_MUST_CHECK enum lg_rc lg_schema_cache_value(const struct lg_schema_cache *c, int32_t id,
                                               const struct lg_client_schema **out,
                                               struct lg_error *err);
/* Asks for one that is not known. LG_ERR_NO_SCHEMA when no router knows it either. */
void lg_schema_cache_fetch(struct lg_schema_cache *c, int32_t id, struct lg_schema_wait *wait);
/* Its `done` will not come. */
void lg_schema_cache_forget(struct lg_schema_cache *c, struct lg_schema_wait *wait);

#endif
