/* The inside of a router, shared by the files of this folder only. */
#ifndef LG_ROUTER_ROUTER_IMPL_H
#define LG_ROUTER_ROUTER_IMPL_H

#include "authz/authz.h"
#include "base/list.h"
#include "catalog/catalog.h"
#include "coord/announce.h"
#include "coord/leader_watch.h"
#include "fetch/layers.h"
#include "fetch/quota_book.h"
#include "model/names.h"
#include "net/http_server.h"
#include "router/metrics.h"
#include "router/path.h"
#include "router/reply.h"
#include "router/router.h"

struct lg_router {
    struct lg_router_options o;
    char *cluster, *controller_url, *url;
    struct lg_catalog *catalog;
    struct lg_authz *authz; /* NULL: everybody may everything */
    struct lg_map *served;  /* store -> the version served last, as struct served */
    struct lg_host_table *hosts;
    struct lg_fetch_stack *stack;
    struct lg_http_server *http;

    char id[LG_NAMES_INSTANCE_MAX + 1];
    char identity[LG_ANNOUNCE_IDENTITY_MAX];
    struct lg_announce *announce;
    struct lg_leader_watch *leader;
    uint64_t told_serial; /* of the snapshot whose replication is on the board */
    unsigned parts;       /* that a stop still waits for */
    bool stopping;
    struct lg_list early; /* struct early_read: they wait for the metadata */
    size_t early_count;
    uint64_t patient_until_us; /* so long they do */
    struct lg_timer patience, drain;
    struct lg_quota *quota; /* of this router's part, by store */
    struct lg_quota_book *quota_book;
    struct lg_quota_lane *quota_lane;
    uint32_t routers_known;   /* the last count that was not 0 */
    bool read_throttling_off; /* by /admin/readQuotaThrottle */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* The snapshot, or NULL after the request was answered 503. */
const struct lg_catalog_snapshot *
lg_router_snapshot(struct lg_router *r, struct lg_http_request *rq, struct lg_error *err);
/* The version to serve of a store now; remembers it, so that a version that is not ready yet does
 * not replace one that is. */
LG_MUST_CHECK enum lg_rc lg_router_version(struct lg_router *r,
                                           const struct lg_catalog_snapshot *snapshot,
                                           const struct lg_catalog_store *store, int32_t *out,
                                           struct lg_error *err);

/* The same for who asks whether all is well: LG_ERR_UNREADY also when it is read only as a last
 * resort (lg_catalog_last_resort). */
LG_MUST_CHECK enum lg_rc lg_router_ready_version(struct lg_router *r,
                                                 const struct lg_catalog_snapshot *snapshot,
                                                 const struct lg_catalog_store *store, int32_t *out,
                                                 struct lg_error *err);

/* The store's index on metrics, once lg_router_version has found it. */
uint32_t lg_router_store_metric(const struct lg_router *r, const char *store);

/* One more request of `store`, whatever is named so, that was refused. */
void lg_router_count_refused(const struct lg_router *r, struct lg_slice store,
                             enum lg_router_refusal why);

/* Reads, in read_paths.c: /storage and /v1/stores. */
void lg_router_storage(struct lg_router *r, struct lg_http_request *rq,
                       const struct lg_router_path *path);
void lg_router_v1(struct lg_router *r, struct lg_http_request *rq,
                  const struct lg_router_path *path);
/* /admin, and what is said of topics and pushes, in topic_paths.c. */
void lg_router_admin(struct lg_router *r, struct lg_http_request *rq,
                     const struct lg_router_path *path);
void lg_router_topic(struct lg_router *r, struct lg_http_request *rq,
                     const struct lg_catalog_snapshot *s, const struct lg_router_path *path);
/* GET /v1/health, in meta_paths.c: 200 when every store that has a current version is served by
 * servers that are ready; else 503, naming one that is not to who may see the cluster. */
void lg_router_health_path(struct lg_router *r, struct lg_http_request *rq);
/* Everything else, in meta_paths.c. */
void lg_router_meta(struct lg_router *r, struct lg_http_request *rq,
                    const struct lg_router_path *path);

#endif
