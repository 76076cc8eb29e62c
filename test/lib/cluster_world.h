/* A small cluster under one seed: a ground node with the real metadata store and log (and a
 * controller, if wanted), servers, a router, and a client on the world's own lane that asks over
 * HTTP and writes into the log. Every step fails the test when it does not work.
 */
#ifndef LG_TEST_LIB_CLUSTER_WORLD_H
#define LG_TEST_LIB_CLUSTER_WORLD_H

#include "base/buf.h"
#include "base/json.h"
#include "drivers/sim/disk_sim.h"
#include "drivers/sim/metastore_sim.h"
#include "drivers/sim/transport_sim.h"
#include "metastore/metastore.h"
#include "model/enums.h"
#include "net/http_client.h"

#define LG_CLW_SERVERS_MAX 4
#define LG_CLW_CONTROLLERS_MAX 2 /* on nodes of their own */
#define LG_CLW_SERVER_PORT 8888
#define LG_CLW_ROUTER_PORT 7777
#define LG_CLW_CONTROLLER_PORT 5555

struct lg_authz_config;
struct lg_server;
struct lg_router;
struct lg_controller;
struct lg_clw;

struct lg_clw_node {
    struct lg_clw *world;
    char name[16]; /* "s0", "router", "ground": also its host */
    struct lg_sim_node *node;
    struct lg_disk *disk;
    /* Inside the node. */
    struct lg_server *server;
    struct lg_router *router;
    struct lg_controller *controller;
    struct lg_engine_driver *engines;
    struct lg_loghttp *log;
    struct lg_pubsub_wide *wide; /* over it */
    size_t bytes_before;         /* held by the node's code before the role began */
    bool stopped;
};

struct lg_clw_row {
    struct lg_slice key, value;
    int32_t schema_id;
};

/* How versions are written by hand. */
struct lg_clw_shape {
    bool chunked;
    enum lg_compression compression;
    struct lg_slice dictionary;
};

struct lg_clw {
    struct lg_clw_shape shape; /* of what lg_clw_rows writes from now on */
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_meta_sim *meta;
    struct lg_clw_node ground, hand, router, servers[LG_CLW_SERVERS_MAX];
    struct lg_clw_node controllers[LG_CLW_CONTROLLERS_MAX];
    /* What the router, and controllers on nodes of their own, tell when they can take no part; ""
     * else. */
    char router_failed[LG_ERROR_TEXT_MAX], controller_failed[LG_ERROR_TEXT_MAX];
    const char *server_cluster, *server_cluster_id; /* of servers from now on; NULL: none */
    uint64_t read_index_bytes;                      /* of servers from now on; 0: 16 MiB */
    uint64_t read_timeout_ms;                       /* of routers from now on; 0: 2000 */
    bool grpc_off;                                  /* of servers from now on */
    bool one_lane;                                  /* of these: it reads on its own */
    uint16_t grpc_port;                             /* of servers from now on; 0: none */
    uint64_t node_rcu;                              /* of servers from now on; 0: any */
    uint32_t read_capacity;                         /* of routers from now on; 0: any */
    uint64_t shed_target_us;                        /* of servers from now on; 0: none */
    uint64_t conflict_ms;                           /* of these; 0: the default */
    uint64_t push_timeout_ms;                       /* of controllers from now on; 0: the default */
    const struct lg_authz_config *authz;            /* of roles from now on; NULL: none */
    bool with_controller;
    struct lg_metastore *session; /* the hand's */
    struct lg_lane *lane, *hand_lane;
    struct lg_http_client *http;
    struct lg_loghttp *log;

    /* The last answer of lg_clw_ask. */
    struct lg_http_call call;
    struct lg_json *json; /* of its body, or NULL */
    bool answered;
};

/* Ground is up; servers and router are not. */
struct lg_clw *lg_clw_new(uint64_t seed, bool with_controller);
/* The same, where the ground's controller asks who may do what, too. */
struct lg_clw *lg_clw_new_guarded(uint64_t seed, const struct lg_authz_config *authz);
void lg_clw_free(struct lg_clw *w);

void lg_clw_server_start(struct lg_clw *w, unsigned i);
/* Gracefully: it must give back all of its memory. */
void lg_clw_server_stop(struct lg_clw *w, unsigned i);
/* kill -9; its disk stays. */
void lg_clw_server_kill(struct lg_clw *w, unsigned i);
void lg_clw_router_start(struct lg_clw *w);
void lg_clw_router_stop(struct lg_clw *w);
/* A controller on node "c<i>", beside the one of the ground if there is one. A node that was killed
 * is started again. */
void lg_clw_controller_start(struct lg_clw *w, unsigned i);
/* Gracefully: it must give back all of its memory. */
void lg_clw_controller_stop(struct lg_clw *w, unsigned i);
void lg_clw_controller_kill(struct lg_clw *w, unsigned i);
/* The reading lanes of servers that have a `shed_target_us` have no moment of rest from now on; or
 * nothing but rest again, as at first. */
void lg_clw_busy(struct lg_clw *w, bool is_busy);
/* Lets the world run. */
void lg_clw_run_ms(struct lg_clw *w, uint64_t ms);

/* One request to a node: its status, 0 when there was no answer. `headers`: "Name: value" lines, or
 * NULL. The answer is in w->call and w->json until the next one. */
int lg_clw_ask(struct lg_clw *w, const struct lg_clw_node *node, enum lg_http_method method,
               const char *target, const char *headers, struct lg_slice body);
int lg_clw_get(struct lg_clw *w, const struct lg_clw_node *node, const char *target);
/* A form, to the controller. */
int lg_clw_post(struct lg_clw *w, const char *target, const char *form);
/* A header of the answer as text, "" when it is absent: valid until the next call. */
const char *lg_clw_header(struct lg_clw *w, const char *name);
struct lg_slice lg_clw_body(const struct lg_clw *w);
/* The body in hex, respectively as it is, must be this. */
void lg_clw_expect_hex(const struct lg_clw *w, const char *hex);
void lg_clw_expect_text(const struct lg_clw *w, const char *text);

/* The metadata, by hand. */
void lg_clw_meta(struct lg_clw *w, enum lg_meta_change_kind kind, const char *path,
                 const char *value);
/* The value of a node, NULL when it is absent; the caller frees it. */
char *lg_clw_meta_get(struct lg_clw *w, const char *path);
/* A store with `versions` ONLINE versions, of which `current` is current, straight into the
 * metadata. Keys are strings, values are longs. */
void lg_clw_store(struct lg_clw *w, const char *name, int32_t versions, int32_t current,
                  int32_t partitions);

/* The log, by hand. */
void lg_clw_topic(struct lg_clw *w, const char *topic, uint32_t partitions);
void lg_clw_topic_delete(struct lg_clw *w, const char *topic);
/* The rows' values are given plain; they are written in the world's shape. One segment of rows into
 * each partition that the partitioner gives any. With `whole` the start and the end of the push
 * too, into every partition. */
void lg_clw_rows(struct lg_clw *w, const char *topic, uint32_t partitions,
                 const struct lg_clw_row *rows, size_t n, bool whole);

/* With a controller: a store whose values are longs, and a push of rows until the router serves it;
 * its version. The key schema is JSON: "\"string\"". */
void lg_clw_new_store(struct lg_clw *w, const char *name, const char *key_schema,
                      uint32_t partitions, unsigned replication);
int lg_clw_push(struct lg_clw *w, const char *store, uint32_t partitions,
                const struct lg_clw_row *rows, size_t n);
/* Waits until the router serves this version of the store. */
void lg_clw_until_served(struct lg_clw *w, const char *store, int version);

#endif
