/* The one parser of the router's paths: `/<type>/<resource>[/<key>]` (wire-formats 4.1). Pure. */
#ifndef LG_ROUTER_PATH_H
#define LG_ROUTER_PATH_H

#include "base/arena.h"
#include "net/http.h"

/* word, enum name, needs a store or topic as its resource */
#define LG_ROUTER_TYPES(X)                                                                         \
    X("storage", STORAGE, true)                                                                    \
    X("compute", COMPUTE, true)                                                                    \
    X("key_schema", KEY_SCHEMA, true)                                                              \
    X("value_schema", VALUE_SCHEMA, true)                                                          \
    X("latest_value_schema", LATEST_VALUE_SCHEMA, true)                                            \
    X("all_value_schema_ids", ALL_VALUE_SCHEMA_IDS, true)                                          \
    X("update_schema", UPDATE_SCHEMA, true)                                                        \
    X("discover_cluster", DISCOVER_CLUSTER, false)                                                 \
    X("leader_controller", LEADER_CONTROLLER, false)                                               \
    X("master_controller", MASTER_CONTROLLER, false)                                               \
    X("current_version", CURRENT_VERSION, true)                                                    \
    X("resource_state", RESOURCE_STATE, true)                                                      \
    X("store_state", STORE_STATE, true)                                                            \
    X("stores", STORES, false)                                                                     \
    X("push_status", PUSH_STATUS, true)                                                            \
    X("request_topic", REQUEST_TOPIC, true)                                                        \
    X("stream_hybrid_store_quota", STREAM_HYBRID_STORE_QUOTA, true)                                \
    X("stream_reprocessing_hybrid_store_quota", STREAM_REPROCESSING_HYBRID_STORE_QUOTA, true)      \
    X("blob_discovery", BLOB_DISCOVERY, false)                                                     \
    X("admin", ADMIN, false)                                                                       \
    X("v1", V1, false)

enum lg_router_type {
#define X(word, name, needs) LG_ROUTER_##name,
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

/* LG_ERR_INVALID names what is wrong and what a valid path looks like. Empty segments before the
 * key are skipped, as clients send them. */
LG_MUST_CHECK enum lg_rc lg_router_path_parse(struct lg_slice path, struct lg_arena *arena,
                                              struct lg_router_path *out, struct lg_error *err);

#endif
