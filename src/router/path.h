/* The one parser of the router's paths: `/<type>/<resource>[/<key>]` (wire-formats 4.1). Pure. */
#ifndef LG_ROUTER_PATH_H
#define LG_ROUTER_PATH_H

#include "base/arena.h"
#include "model/acl.h"
#include "net/http.h"

/* word, enum name, needs a store or topic as its resource, what it is about */
#define LG_ROUTER_TYPES(X)                                                                         \
    X("storage", STORAGE, true, STORE)                                                             \
    X("compute", COMPUTE, true, STORE)                                                             \
    X("key_schema", KEY_SCHEMA, true, STORE)                                                       \
    X("value_schema", VALUE_SCHEMA, true, STORE)                                                   \
    X("latest_value_schema", LATEST_VALUE_SCHEMA, true, STORE)                                     \
    X("all_value_schema_ids", ALL_VALUE_SCHEMA_IDS, true, STORE)                                   \
    X("update_schema", UPDATE_SCHEMA, true, STORE)                                                 \
    X("discover_cluster", DISCOVER_CLUSTER, false, NOTHING)                                        \
    X("leader_controller", LEADER_CONTROLLER, false, NOTHING)                                      \
    X("master_controller", MASTER_CONTROLLER, false, NOTHING)                                      \
    X("current_version", CURRENT_VERSION, true, STORE)                                             \
    X("resource_state", RESOURCE_STATE, true, TOPIC)                                               \
    X("store_state", STORE_STATE, true, STORE)                                                     \
    X("stores", STORES, false, CLUSTER)                                                            \
    X("push_status", PUSH_STATUS, true, TOPIC)                                                     \
    X("request_topic", REQUEST_TOPIC, true, STORE)                                                 \
    X("stream_hybrid_store_quota", STREAM_HYBRID_STORE_QUOTA, true, STORE)                         \
    X("stream_reprocessing_hybrid_store_quota", STREAM_REPROCESSING_HYBRID_STORE_QUOTA, true,      \
      TOPIC)                                                                                       \
    X("blob_discovery", BLOB_DISCOVERY, false, CLUSTER)                                            \
    X("admin", ADMIN, false, ADMIN)                                                                \
    X("v1", V1, false, V1)

enum lg_router_type {
#define X(word, name, needs, about) LG_ROUTER_##name,
    LG_ROUTER_TYPES(X)
#undef X
};

struct lg_router_path {
    enum lg_router_type type;
    struct lg_slice resource; /* Percent-decoded, in the arena; empty when there is none. */
    /* What follows the resource, percent-decoded as one piece: an encoded '/' is part of it, and so
     * is a plain one. `has_rest` tells "/x/y/" (an empty key) from "/x/y". */
    struct lg_slice rest;
    bool has_rest;
};

/* The same path as who may take it is asked about. */
struct lg_router_scope {
    bool is_free; /* Nothing is asked: health, where the leader is, what is refused anyway. */
    struct lg_slice store; /* Empty: the cluster. Borrowed from the path. */
    enum lg_acl_method may;
};
struct lg_router_scope lg_router_scope_of(const struct lg_router_path *path,
                                          enum lg_http_method method);
/* /v1/stores/<store>/<key>: what follows `stores`, taken apart. A key may be empty. */
struct lg_router_v1_path {
    struct lg_slice store, key;
    bool has_key;
};
struct lg_router_v1_path lg_router_v1_path(const struct lg_router_path *path);

/* LG_ERR_INVALID names what is wrong and what a valid path looks like. Empty segments before the
 * key are skipped, as clients send them. */
LG_MUST_CHECK enum lg_rc lg_router_path_parse(struct lg_slice path, struct lg_arena *arena,
                                              struct lg_router_path *out, struct lg_error *err);

#endif
