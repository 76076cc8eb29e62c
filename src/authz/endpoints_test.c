/* Every role at every endpoint over every channel: a cluster in the simulator that asks who may do
 * what by the stores' access permissions, and one table of what should come of it. */
#include <stdio.h>

#include "api/routes.h"
#include "authz/config.h"
#include "authz/metrics.h"
#include "base/health.h"
#include "base/str.h"
#include "model/partitioner.h"
#include "net/grpc.h"
#include "net/http_server.h"
#include "net/metrics.h"
#include "net/protos.h"
#include "read/wire.h"
#include "test/lib/cluster_world.h"
#include "test/lib/h2_client.h"
#include "test/test.h"

#define KEY LG_LIT("\x08key1")

/* --- Who, and over what ------------------------------------------------------------------------
 */

static const struct lg_authz_config config = {.admins = "CN=admin; CN=other admin",
                                              .trusted = "CN=server;CN=router",
                                              .observers = "CN=observer"};

enum what { /* A class of endpoints. */
            FREE,
            READS,  /* of the store cities */
            WRITES, /* ... */
            ADMINS, /* ... */
            SEES,   /* the cluster */
            RULES,  /* the cluster */
            OPEN,   /* reads plaza, which everybody may */
            HALL,   /* reads hall, which everybody with a certificate may */
            ALL,    /* reads every store, whether it exists or not */
            WHATS
};

static const struct role {
    const char *identity; /* NULL: none is shown */
    bool is_secure;
    bool may[WHATS]; /* in the order above */
} roles[] = {
    /* plain; TLS without a certificate */
    {NULL, false, {true, false, false, false, false, false, true, false}},
    {NULL, true, {true, false, false, false, false, false, true, false}},
    /* mTLS */
    {"CN=stranger", true, {true, false, false, false, false, false, false, true}},
    {"CN=reader", true, {true, true, false, false, false, false, false, true}},
    {"CN=pusher", true, {true, false, true, false, false, false, false, true}},
    {"CN=owner", true, {true, true, true, true, false, false, false, true}},
    {"CN=router", true, {true, true, false, false, true, false, true, true, true}},
    {"CN=observer", true, {true, false, false, false, true, false, false, true}},
    {"CN=admin", true, {true, true, true, true, true, true, true, true, true}},
    /* names that are like others */
    {"anonymous", true, {true, false, false, false, false, false, false, true}},
    {"*", true, {true, false, false, false, false, false, false, true}},
    {"CN=admi", true, {true, false, false, false, false, false, false, true}},
    {"CN=admin; CN=other admin", true, {true, false, false, false, false, false, false, true}},
};

enum where { SERVER, ROUTER, CONTROLLER };

static const struct endpoint {
    enum where where;
    enum lg_http_method method;
    const char *target;
    enum what what;
} endpoints[] = {
    {SERVER, LG_HTTP_GET, "/storage/cities_v1/%u/CGtleTE=?f=b64", READS},
    {SERVER, LG_HTTP_GET, "//storage//cities_v1/%u/CGtleTE=?f=b64", READS},
    {SERVER, LG_HTTP_GET, "/storage/%%63ities_v1/%u/CGtleTE=?f=b64", READS},
    {SERVER, LG_HTTP_GET, "/%%73torage/cities_v1/%u/CGtleTE=?f=b64", READS},
    {SERVER, LG_HTTP_POST, "/storage/cities_v1", READS},
    {SERVER, LG_HTTP_GET, "/storage/plaza_v1/0/CGtleTE=?f=b64", OPEN},
    {SERVER, LG_HTTP_GET, "/storage/hall_v1/0/CGtleTE=?f=b64", HALL},
    {SERVER, LG_HTTP_GET, "/storage/nowhere_v1/0/CGtleTE=?f=b64", ALL},
    {SERVER, LG_HTTP_GET, "/storage", SEES},
    {SERVER, LG_HTTP_GET, "/storage/%%zz/0/a", SEES},
    {SERVER, LG_HTTP_GET, "/compute/cities_v1", FREE},
    {SERVER, LG_HTTP_GET, "/health", FREE},
    {SERVER, LG_HTTP_OPTIONS, "/storage/cities_v1", FREE},
    {SERVER, LG_HTTP_GET, "/metrics", SEES},
    {SERVER, LG_HTTP_GET, "/livez", FREE},
    {SERVER, LG_HTTP_GET, "/readyz?verbose", FREE},
    {SERVER, LG_HTTP_GET, "/nonsense", FREE},
    {SERVER, LG_HTTP_PUT, "/storage/cities_v1", FREE},
    {SERVER, LG_HTTP_GET, "/current_version/cities", READS},
    {SERVER, LG_HTTP_GET, "/dictionary/cities/1", READS},
    {SERVER, LG_HTTP_GET, "/metadata/cities", READS},
    {SERVER, LG_HTTP_GET, "/metadata/plaza", OPEN},
    {SERVER, LG_HTTP_GET, "/store_properties/cities", READS},
    {SERVER, LG_HTTP_POST, "/key_partition_profiler/cities_v1/stop", ADMINS},
    {SERVER, LG_HTTP_GET, "/v1/replicas", SEES},
    {SERVER, LG_HTTP_GET, "/admin/dump_server_configs/x", RULES},
    {SERVER, LG_HTTP_GET, "/topic_partition_ingestion_context/cities_v1/cities_v1/0", SEES},
    {SERVER, LG_HTTP_GET, "/host_heartbeat_lag/cities_v1/0/false", SEES},

    {ROUTER, LG_HTTP_GET, "/storage/cities/CGtleTE=?f=b64", READS},
    {ROUTER, LG_HTTP_GET, "/storage/%%63ities/CGtleTE=?f=b64", READS},
    {ROUTER, LG_HTTP_GET, "/storage/plaza/..%%2fcities/CGtleTE=?f=b64", OPEN},
    {ROUTER, LG_HTTP_POST, "/storage/cities", READS},
    {ROUTER, LG_HTTP_GET, "/compute/cities", READS},
    {ROUTER, LG_HTTP_GET, "/v1/stores/cities/%%08key1", READS},
    {ROUTER, LG_HTTP_GET, "/v1/stores/%%63ities/%%08key1", READS},
    {ROUTER, LG_HTTP_GET, "/v1/stores/cities%%2fkey1", READS},
    {ROUTER, LG_HTTP_POST, "/v1/stores/cities", READS},
    {ROUTER, LG_HTTP_GET, "/v1/stores/plaza/x", OPEN},
    {ROUTER, LG_HTTP_GET, "/v1/stores", SEES},
    {ROUTER, LG_HTTP_GET, "/v1/health", FREE},
    {ROUTER, LG_HTTP_GET, "/key_schema/cities", READS},
    {ROUTER, LG_HTTP_GET, "/value_schema/cities/1", READS},
    {ROUTER, LG_HTTP_GET, "/latest_value_schema/cities", READS},
    {ROUTER, LG_HTTP_GET, "/all_value_schema_ids/cities", READS},
    {ROUTER, LG_HTTP_GET, "/update_schema/cities/1", READS},
    {ROUTER, LG_HTTP_GET, "/key_schema/venice_system_store_metadata_response_schema_store", FREE},
    {ROUTER, LG_HTTP_GET, "/storage/venice_system_store_meta_store_cities/a", ALL},
    {ROUTER, LG_HTTP_GET, "/discover_cluster/cities", FREE},
    {ROUTER, LG_HTTP_GET, "/leader_controller", FREE},
    {ROUTER, LG_HTTP_GET, "/master_controller", FREE},
    {ROUTER, LG_HTTP_GET, "/current_version/cities", READS},
    {ROUTER, LG_HTTP_GET, "/resource_state/cities_v1", READS},
    {ROUTER, LG_HTTP_GET, "/store_state/cities", READS},
    {ROUTER, LG_HTTP_GET, "/stores", SEES},
    {ROUTER, LG_HTTP_GET, "/push_status/cities_v1", READS},
    {ROUTER, LG_HTTP_GET, "/request_topic/cities", READS},
    {ROUTER, LG_HTTP_GET, "/stream_hybrid_store_quota/cities", READS},
    {ROUTER, LG_HTTP_GET, "/stream_reprocessing_hybrid_store_quota/cities_v1", READS},
    {ROUTER, LG_HTTP_GET, "/blob_discovery?store_name=cities", SEES},
    {ROUTER, LG_HTTP_GET, "/metrics", SEES},
    {ROUTER, LG_HTTP_GET, "/livez", FREE},
    {ROUTER, LG_HTTP_GET, "/readyz?verbose", FREE},
    {ROUTER, LG_HTTP_GET, "/admin", FREE},
    {ROUTER, LG_HTTP_GET, "/admin/readQuotaThrottle", SEES},
    {ROUTER, LG_HTTP_POST, "/admin/readQuotaThrottle/enable", RULES},

    {CONTROLLER, LG_HTTP_GET, "/metrics", SEES},
    {CONTROLLER, LG_HTTP_GET, "/livez", FREE},
    {CONTROLLER, LG_HTTP_GET, "/readyz?verbose", FREE},
    {CONTROLLER, LG_HTTP_GET, "/log/topics", SEES},
    {CONTROLLER, LG_HTTP_GET, "/log/topics/cities_v1", READS},
    {CONTROLLER, LG_HTTP_GET, "/log/topics/cities_v1/0/end", READS},
    {CONTROLLER, LG_HTTP_GET, "/log/topics/cities_v1/0?max_bytes=1", READS},
    {CONTROLLER, LG_HTTP_POST, "/log/topics/cities_v1/x", WRITES},
    {CONTROLLER, LG_HTTP_POST, "/log//topics//%%63ities_v1//x", WRITES},
    {CONTROLLER, LG_HTTP_POST, "/log/topics/cities_v1", ADMINS},
    {CONTROLLER, LG_HTTP_PUT, "/log/topics/cities_v1?partitions=x", ADMINS},
    {CONTROLLER, LG_HTTP_DELETE, "/log/topics/nowhere", RULES},
    {CONTROLLER, LG_HTTP_DELETE, "/log/topics", RULES},
};

/* The same for every route of the controller, asked about cities. */
static const enum what routes[LG_API_COUNT] = {
    [LG_API_new_store] = RULES,
    [LG_API_update_cluster] = RULES,
    [LG_API_store] = READS,
    [LG_API_list_stores] = SEES,
    [LG_API_update_store] = ADMINS,
    [LG_API_set_owner] = ADMINS,
    [LG_API_set_partition_count] = ADMINS,
    [LG_API_enable_store] = ADMINS,
    [LG_API_delete_store] = ADMINS,
    [LG_API_undelete_store] = RULES,
    [LG_API_purge_store] = RULES,
    [LG_API_remove_store_from_graveyard] = RULES,
    [LG_API_validate_store_deleted] = SEES,
    [LG_API_check_resource_cleanup_for_store_creation] = SEES,
    [LG_API_update_acl] = ADMINS,
    [LG_API_get_acl] = ADMINS,
    [LG_API_delete_acl] = ADMINS,
    [LG_API_change_acl] = ADMINS,
    [LG_API_get_key_schema] = READS,
    [LG_API_get_value_schema] = READS,
    [LG_API_get_value_schema_id] = READS,
    [LG_API_get_all_value_schema] = READS,
    [LG_API_add_value_schema] = ADMINS,
    [LG_API_add_derived_schema] = ADMINS,
    [LG_API_remove_derived_schema] = ADMINS,
    [LG_API_get_value_or_derived_schema_id] = READS,
    [LG_API_get_all_value_and_derived_schema] = READS,
    [LG_API_get_all_replication_metadata_schemas] = READS,
    [LG_API_discover_cluster] = FREE,
    [LG_API_leader_controller] = FREE,
    [LG_API_master_controller] = FREE,
    [LG_API_request_topic] = WRITES,
    [LG_API_empty_push] = WRITES,
    [LG_API_end_of_push] = WRITES,
    [LG_API_job] = READS,
    [LG_API_push_heartbeat] = WRITES,
    [LG_API_push_status] = READS,
    [LG_API_list_pushes] = READS,
    [LG_API_kill_offline_push_job] = WRITES,
    [LG_API_rollback_to_backup_version] = ADMINS,
    [LG_API_roll_forward_to_future_version] = ADMINS,
    [LG_API_list_replicas] = READS,
    [LG_API_list_instances] = SEES,
    [LG_API_cluster_health_instances] = SEES,
    [LG_API_cluster_health_stores] = SEES,
    [LG_API_storage_node_replicas] = SEES,
    [LG_API_node_replicas_readiness] = SEES,
    [LG_API_node_removable] = SEES,
    [LG_API_aggregated_health_status] = SEES,
    [LG_API_remove_node] = RULES,
    [LG_API_nodes] = SEES,
    [LG_API_replicas] = READS,
    [LG_API_cluster_status] = SEES,
    [LG_API_node_remove] = RULES,
    [LG_API_node_drain] = RULES,
    [LG_API_node_activate] = RULES,
    [LG_API_reset_error_partition] = ADMINS,
    [LG_API_list_routers] = SEES,
    [LG_API_send_push_job_details] = WRITES,
    [LG_API_health] = FREE,
    [LG_API_metadata] = SEES,
};

static struct lg_clw *w;

static void be(const char *identity, bool is_secure)
{
    lg_net_sim_show(w->net, "world", is_secure, identity);
}

static void permit(const char *store, const char *permissions)
{
    LG_SCOPED(lg_buf) form = {0};

    be("CN=admin", true);
    lg_buf_appendf(&form, "store_name=%s&access_permission=", store);
    lg_percent_encode(&form, lg_slice_str(permissions));
    lg_buf_append_byte(&form, 0);
    assert_int_equal(lg_clw_post(w, "/update_acl", (const char *)form.data), 200);
    lg_clw_run_ms(w, 500);
}

static void permit_cities(void)
{
    permit("cities", "{\"AccessPermissions\":{\"Read\":[\"CN=reader\"],\"Write\":[\"CN=pusher\"],"
                     "\"Admin\":[\"CN=owner\"]}}");
}

static int up(void **state)
{
    static const struct lg_clw_row rows[] = {
        {{(const uint8_t *)"\x08key1", 5}, {(const uint8_t *)"\x54", 1}, 1}};
    static const char *const stores[] = {"cities", "plaza", "hall"};

    (void)state;
    w = lg_clw_new_guarded(77, &config);
    be("CN=admin", true);
    lg_net_sim_show(w->net, "s0", true, "CN=server");
    lg_net_sim_show(w->net, "router", true, "CN=router");
    lg_clw_server_start(w, 0);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 3000);
    for (size_t i = 0; i < LG_ARRAY_SIZE(stores); i++) {
        lg_clw_new_store(w, stores[i], "\"string\"", 2, 1);
        (void)lg_clw_push(w, stores[i], 2, rows, LG_ARRAY_SIZE(rows));
    }
    permit_cities();
    permit("plaza", "{\"Read\":[\"anonymous\"]}");
    permit("hall", "{\"Read\":[\"*\"]}");
    return 0;
}

static int down(void **state)
{
    (void)state;
    lg_clw_free(w);
    return 0;
}

/* --- REST ---------------------------------------------------------------------------------------
 */

static const struct lg_clw_node *node_of(enum where where)
{
    return where == SERVER ? &w->servers[0] : where == ROUTER ? &w->router : &w->ground;
}

static void expect_status(const struct role *role, enum what what, const char *name, int status,
                          struct lg_slice body)
{
    if ((status != 403) != role->may[what] || status == 0 || status == 401)
        fail_msg("%s (%s) at %s: %d %.*s", role->identity == NULL ? "nobody" : role->identity,
                 role->is_secure ? "TLS" : "plain", name, status, LG_FMT(body));
}

static void expect(const struct role *role, enum what what, const char *name)
{
    expect_status(role, what, name, w->call.status, lg_clw_body(w));
}

static void every_role_is_let_in_where_it_should_be(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2; round++) /* Not known yet, and known. */
        for (size_t r = 0; r < LG_ARRAY_SIZE(roles); r++) {
            be(roles[r].identity, roles[r].is_secure);
            for (size_t e = 0; e < LG_ARRAY_SIZE(endpoints); e++) {
                char target[200];

                (void)snprintf(target, sizeof target, endpoints[e].target,
                               lg_partitioner_partition(KEY, 2));
                (void)lg_clw_ask(w, node_of(endpoints[e].where), endpoints[e].method, target,
                                 "X-VENICE-API-VERSION: 1", LG_SLICE_NULL);
                expect(&roles[r], endpoints[e].what, target);
            }
        }
}

static void every_role_may_take_the_routes_of_the_controller_that_it_should(void **state)
{
    const char *form = "store_name=cities&version=1&topic=cities_v1";
    LG_AUTO_STR char *target = NULL;

    (void)state;
    for (size_t r = 0; r < LG_ARRAY_SIZE(roles); r++)
        for (int i = 0; i < LG_API_COUNT; i++) {
            enum lg_api_route route = (enum lg_api_route)i;

            be(roles[r].identity, roles[r].is_secure);
            lg_free(target);
            target = lg_strf("%s?%s", lg_api_path(route), form);
            (void)lg_clw_ask(w, &w->ground, lg_api_method(route), target, NULL, LG_SLICE_NULL);
            expect(&roles[r], routes[i], target);
            if (route == LG_API_delete_acl && roles[r].may[ADMINS])
                permit_cities();
        }
}

/* --- Tokens: there are none --------------------------------------------------------------------
 */

#define TOKEN "Authorization: Bearer "

static void a_token_changes_no_decision(void **state)
{
    static const char *const tokens[] = {
        TOKEN "CN=admin", TOKEN "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
        "Authorization: Basic YWRtaW46YWRtaW4=", "Authorization: "};

    (void)state;
    for (size_t r = 0; r < LG_ARRAY_SIZE(roles); r++) {
        be(roles[r].identity, roles[r].is_secure);
        for (size_t e = 0; e < LG_ARRAY_SIZE(endpoints); e++) {
            const char *token = tokens[(r + e) % LG_ARRAY_SIZE(tokens)];
            LG_AUTO_STR char *headers = lg_strf("X-VENICE-API-VERSION: 1\n%s", token);
            char target[200];
            int without;

            (void)snprintf(target, sizeof target, endpoints[e].target,
                           lg_partitioner_partition(KEY, 2));
            without = lg_clw_ask(w, node_of(endpoints[e].where), endpoints[e].method, target,
                                 "X-VENICE-API-VERSION: 1", LG_SLICE_NULL);
            (void)lg_clw_ask(w, node_of(endpoints[e].where), endpoints[e].method, target, headers,
                             LG_SLICE_NULL);
            expect(&roles[r], endpoints[e].what, target);
            if (w->call.status != without)
                fail_msg("%s with %s: %d, not %d", target, token, w->call.status, without);
        }
    }
}

static struct { /* Bytes as they are, and what came back. */
    struct lg_conn *conn;
    struct lg_buf came;
} raw;

static void raw_received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    (void)ctx, (void)c;
    lg_buf_append_slice(&raw.came, bytes);
}

static void raw_closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    (void)ctx, (void)c, (void)why;
    raw.conn = NULL;
}

static const struct lg_conn_handler raw_handler = {.received = raw_received, .closed = raw_closed};

/* The answer begins with `status`, and the connection ends. */
static void expect_raw(enum where where, const struct lg_buf *authorization, const char *status)
{
    uint16_t port = where == SERVER   ? LG_CLW_SERVER_PORT
                    : where == ROUTER ? LG_CLW_ROUTER_PORT
                                      : LG_CLW_CONTROLLER_PORT;
    struct lg_buf request = {0};

    lg_buf_append_str(&request, "GET /livez HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ");
    lg_buf_append_slice(&request, lg_buf_slice(authorization));
    lg_buf_append_str(&request, "\r\n\r\n");
    raw.conn = lg_conn_open(lg_net_sim_transport(w->net), w->lane, node_of(where)->name, port,
                            &raw_handler, NULL);
    lg_conn_send(raw.conn, &request);
    lg_clw_run_ms(w, 1000);
    assert_null(raw.conn);
    assert_true(raw.came.size > strlen(status));
    assert_memory_equal(raw.came.data, status, strlen(status));
    lg_buf_done(&raw.came);
    lg_buf_done(&request);
}

/* Whoever sends it, and before anybody is asked. */
static void a_token_that_is_no_header_is_refused_as_any(void **state)
{
    const struct lg_metric *m = &lg_metric_http_refused_total;
    LG_SCOPED(lg_buf) too_long = {0}, malformed = {0};

    (void)state;
    for (size_t i = 0; i < LG_HTTP_HEAD_BYTES_MAX; i++)
        lg_buf_append_byte(&too_long, 'a');
    lg_buf_append_str(&malformed, "a\x01z");
    be("CN=reader", true);
    for (int where = SERVER; where <= CONTROLLER; where++) {
        uint32_t listener = where == SERVER   ? LG_HTTP_LISTENER_SERVER
                            : where == ROUTER ? LG_HTTP_LISTENER_ROUTER
                                              : LG_HTTP_LISTENER_CONTROLLER;
        uint64_t head = lg_metric_value(m, listener * LG_HTTP_REFUSALS + LG_HTTP_REFUSED_HEAD);
        uint64_t syntax = lg_metric_value(m, listener * LG_HTTP_REFUSALS + LG_HTTP_REFUSED_SYNTAX);

        expect_raw((enum where)where, &too_long, "HTTP/1.1 431 ");
        expect_raw((enum where)where, &malformed, "HTTP/1.1 400 ");
        assert_int_equal(lg_metric_value(m, listener * LG_HTTP_REFUSALS + LG_HTTP_REFUSED_HEAD),
                         head + 1);
        assert_int_equal(lg_metric_value(m, listener * LG_HTTP_REFUSALS + LG_HTTP_REFUSED_SYNTAX),
                         syntax + 1);
    }
}

static void a_parameter_that_is_missing_opens_nothing(void **state)
{
    (void)state;
    be("CN=owner", true);
    for (int i = 0; i < LG_API_COUNT; i++) {
        enum lg_api_route route = (enum lg_api_route)i;

        (void)lg_clw_ask(w, &w->ground, lg_api_method(route), lg_api_path(route), NULL,
                         LG_SLICE_NULL);
        if ((w->call.status != 403) != (routes[i] == FREE))
            fail_msg("%s: %d", lg_api_path(route), w->call.status);
    }
}

/* It is free, so it must not tell who may not see the cluster which stores there are. */
static void discovery_names_only_the_store_that_it_was_asked_for(void **state)
{
    (void)state;
    be(NULL, false);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(lg_clw_get(w, node_of(i == 0 ? ROUTER : CONTROLLER),
                                    "/discover_cluster?store_name=citeis"),
                         404);
        assert_non_null(strstr(lg_json_get_str(w->json, "error", ""), "no store named 'citeis'"));
        assert_null(memmem(lg_clw_body(w).data, lg_clw_body(w).size, "cities", 6));
    }
}

/* --- What health tells --------------------------------------------------------------------------
 */

static void expect_told(const struct role *role, const char *target, bool may_be_told, int status)
{
    bool told = memmem(lg_clw_body(w).data, lg_clw_body(w).size, "cities", 6) != NULL;

    if (told != (may_be_told && role->may[SEES]) || w->call.status != status)
        fail_msg("%s at %s: %d %.*s", role->identity == NULL ? "nobody" : role->identity, target,
                 w->call.status, LG_FMT(lg_clw_body(w)));
}

/* Probes are free, so what they say must not tell who may not see the cluster which stores and
 * servers there are. */
static void health_names_stores_and_servers_to_who_may_see_the_cluster(void **state)
{
    static const char *const targets[] = {"/readyz", "/readyz?verbose", "/readyz?output=json"};

    (void)state;
    for (unsigned ok = 0; ok < 2; ok++) {
        lg_health_set("metadata", ok != 0, "of cities at s0");
        for (size_t r = 0; r < LG_ARRAY_SIZE(roles); r++)
            for (int where = SERVER; where <= CONTROLLER; where++)
                for (size_t t = ok; t < LG_ARRAY_SIZE(targets); t++) {
                    be(roles[r].identity, roles[r].is_secure);
                    (void)lg_clw_get(w, node_of((enum where)where), targets[t]);
                    /* A plain probe waits for nobody, and so tells nobody. */
                    expect_told(&roles[r], targets[t], /* may_be_told= */ t > 0,
                                ok != 0 ? 200 : 503);
                }
    }
    lg_health_reset();
}

/* The only server of them is not there. */
static void health_of_a_router_names_a_store_to_who_may_see_the_cluster(void **state)
{
    (void)state;
    lg_meta_sim_cut(w->meta, "s0", true);
    lg_clw_run_ms(w, 10000);
    for (unsigned round = 0; round < 2; round++)
        for (size_t r = 0; r < LG_ARRAY_SIZE(roles); r++) {
            be(roles[r].identity, roles[r].is_secure);
            (void)lg_clw_get(w, &w->router, "/v1/health");
            assert_string_equal(lg_json_get_str(w->json, "code", ""), "ERR_UNREADY");
            expect_told(&roles[r], "/v1/health", /* may_be_told= */ true, 503);
        }
    lg_meta_sim_heal(w->meta);
    lg_clw_run_ms(w, 12000);
    be(NULL, false);
    assert_int_equal(lg_clw_get(w, &w->router, "/v1/health"), 200);
}

/* --- gRPC ---------------------------------------------------------------------------------------
 */

static struct h2_client client;

static void connect_as(const struct role *role)
{
    be(role->identity, role->is_secure);
    h2_client_open_at(&client, lg_net_sim_transport(w->net), w->lane, "s0", LG_CLW_SERVER_PORT,
                      65535, /* by_hand= */ false);
    client.also[0] = "content-type";
    client.also[1] = "application/grpc";
}

static void disconnect(void)
{
    lg_conn_close(client.conn, /* after_flush= */ false);
    lg_clw_run_ms(w, 100);
    h2_client_done(&client);
}

/* REST as a server has it over HTTP/2, too. */
static void every_role_is_let_in_over_http2_where_it_should_be(void **state)
{
    static const char *const methods[] = {[LG_HTTP_GET] = "GET",
                                          [LG_HTTP_POST] = "POST",
                                          [LG_HTTP_PUT] = "PUT",
                                          [LG_HTTP_OPTIONS] = "OPTIONS"};

    (void)state;
    for (unsigned round = 0; round < 2; round++) /* Not known yet, and known. */
        for (size_t r = 0; r < LG_ARRAY_SIZE(roles); r++) {
            connect_as(&roles[r]);
            client.also[0] = "x-venice-api-version";
            client.also[1] = "1";
            for (size_t e = 0; e < LG_ARRAY_SIZE(endpoints); e++) {
                const struct endpoint *at = &endpoints[e];
                char target[200];
                size_t i;

                if (at->where != SERVER)
                    continue;
                (void)snprintf(target, sizeof target, at->target, lg_partitioner_partition(KEY, 2));
                i = h2_client_ask(&client, methods[at->method], target, LG_SLICE_NULL, NULL, NULL);
                lg_clw_run_ms(w, 500);
                assert_true(client.asked[i].closed);
                expect_status(&roles[r], at->what, target, client.asked[i].status,
                              lg_buf_slice(&client.asked[i].body));
            }
            disconnect();
        }
}

/* The status of gRPC, and the body's message in `rs`. */
static int call(const char *path, const struct lg_pb_message *m, const void *msg)
{
    LG_SCOPED(lg_buf) frame = {0};
    struct lg_error err;
    const struct h2_asked *a;
    const char *line, *end;
    uint64_t status;
    size_t i;

    assert_ok(lg_grpc_append(&frame, m, msg, &err));
    i = h2_client_ask(&client, "POST", path, lg_buf_slice(&frame), NULL, NULL);
    lg_clw_run_ms(w, 500);
    a = &client.asked[i];
    assert_true(a->closed);
    line = memmem(a->head.data, a->head.size, "grpc-status: ", 13);
    assert_non_null(line);
    end = memchr(line, '\n', (size_t)((const char *)a->head.data + a->head.size - line));
    assert_non_null(end);
    assert_true(lg_parse_u64(lg_slice(line + 13, (size_t)(end - line) - 13), 16, &status));
    return (int)status;
}

static int read_by_grpc(const char *method, const char *topic)
{
    LG_AUTO_STR char *path = lg_strf("/com.linkedin.venice.protocols.VeniceReadService/%s", method);
    LG_SCOPED(lg_buf) keys = {0};
    unsigned partition = lg_partitioner_partition(KEY, 2);
    struct lg_venice_client_request rq = {.partition = partition,
                                          .key_string = LG_LIT("CGtleTE=?f=b64"),
                                          .resource_name = lg_slice_str(topic)};

    lg_wire_key_add(&keys, &(struct lg_wire_key){0, KEY, (int32_t)partition});
    if (strcmp(method, "batchGet") == 0)
        rq = (struct lg_venice_client_request){.key_bytes = lg_buf_slice(&keys),
                                               .resource_name = lg_slice_str(topic)};
    return call(path, &lg_venice_client_request_pb, &rq);
}

static int count_by_grpc(const char *topic)
{
    struct lg_slice key = KEY, field = LG_LIT("x");
    struct lg_venice_count_by_value_request rq = {.resource_name = lg_slice_str(topic),
                                                  .keys = {.data = &key, .size = 1},
                                                  .field_names = {.data = &field, .size = 1},
                                                  .top_k = 1};

    return call("/com.linkedin.venice.protocols.VeniceReadService/countByValue",
                &lg_venice_count_by_value_request_pb, &rq);
}

/* The status of the batch: the stream's own is always OK. */
static int stream_by_grpc(const char *store)
{
    struct lg_stream_key key = {.id = 1, .key = KEY};
    struct lg_stream_batch batch = {.store = lg_slice_str(store),
                                    .keys = {.data = &key, .size = 1}};
    struct lg_stream_batch_get_request rq = {
        .batch_id = 1, .action_case = LG_STREAM_BATCH_GET_REQUEST_GET, .action = {.get = &batch}};
    struct lg_stream_batch_get_response rs = {0};
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    LG_SCOPED(lg_grpc_reader) reader = {0};
    struct lg_slice body, message;
    struct lg_error err = {0};
    int status = -1;
    bool has = true;

    assert_int_equal(
        call("/lagoon.read.v1.ReadService/BatchGet", &lg_stream_batch_get_request_pb, &rq), 0);
    body = lg_buf_slice(&client.asked[client.count - 1].body);
    while (lg_grpc_next(&reader, &body, &message, &has, &err) == LG_OK && has) {
        assert_ok(lg_pb_decode(&lg_stream_batch_get_response_pb, message, arena, &rs, &err));
        if (rs.end != NULL)
            status = (int)rs.end->status;
    }
    return status;
}

static const char *const grpc_methods[] = {"get", "batchGet", "countByValue", "stream"};

static int ask_by_grpc(size_t method, const char *store)
{
    LG_AUTO_STR char *topic = lg_strf("%s_v1", store);

    return method == 3   ? stream_by_grpc(store)
           : method == 2 ? count_by_grpc(topic)
                         : read_by_grpc(grpc_methods[method], topic);
}

static void every_role_is_let_in_over_grpc_where_it_should_be(void **state)
{
    static const struct {
        const char *store;
        enum what what;
    } stores[] = {{"cities", READS}, {"plaza", OPEN}, {"hall", HALL}, {"nowhere", ALL}};

    (void)state;
    /* Not known yet, and known; and with a token, which nobody looks at. */
    for (unsigned round = 0; round < 3; round++)
        for (size_t r = 0; r < LG_ARRAY_SIZE(roles); r++) {
            connect_as(&roles[r]);
            client.also[2] = round < 2 ? NULL : "authorization";
            client.also[3] = round < 2 ? NULL : "Bearer CN=admin";
            for (size_t s = 0; s < LG_ARRAY_SIZE(stores); s++)
                for (size_t m = 0; m < LG_ARRAY_SIZE(grpc_methods); m++) {
                    bool may = roles[r].may[stores[s].what];
                    int want = may ? 0 : roles[r].identity == NULL ? 16 : 7;
                    int got = ask_by_grpc(m, stores[s].store);

                    if (m == 3 && may && strcmp(stores[s].store, "nowhere") == 0)
                        want = LG_GRPC_NOT_FOUND;
                    if (got != want)
                        fail_msg("%s %s of %s: %d, not %d",
                                 roles[r].identity == NULL ? "nobody" : roles[r].identity,
                                 grpc_methods[m], stores[s].store, got, want);
                }
            disconnect();
        }
}

/* Names that were never heard of, so that each of these calls waits for its decision. */
static void who_is_not_known_yet_is_decided_about_over_grpc(void **state)
{
    (void)state;
    for (size_t m = 0; m < LG_ARRAY_SIZE(grpc_methods); m++)
        for (unsigned allowed = 0; allowed < 2; allowed++) {
            LG_AUTO_STR char *name = lg_strf("CN=new for %s %u", grpc_methods[m], allowed);

            connect_as(&(struct role){.identity = name, .is_secure = true});
            assert_int_equal(ask_by_grpc(m, allowed != 0 ? "hall" : "cities"),
                             allowed != 0 ? 0 : LG_GRPC_PERMISSION_DENIED);
            disconnect();
        }
}

/* What is denied and who shows no certificate, once for each request, whatever the channel. */
static void refusals_are_counted_by_reason(void **state)
{
    enum { DENIED, ANONYMOUS, UNKNOWN, REASONS };
    static const struct {
        const char *identity;
        const char *target; /* of a server; NULL: over gRPC */
        enum where where;
        unsigned reason; /* REASONS: none */
    } rows[] = {
        {"CN=stranger", "/metadata/cities", SERVER, DENIED},
        {"CN=stranger", "/v1/stores/cities/a", ROUTER, DENIED},
        {"CN=stranger", "/store?store_name=cities", CONTROLLER, DENIED},
        {"CN=stranger", "/metrics", SERVER, DENIED},
        {"CN=stranger", NULL, SERVER, DENIED},
        {NULL, "/metadata/cities", SERVER, ANONYMOUS},
        {NULL, "/v1/stores/cities/a", ROUTER, ANONYMOUS},
        {NULL, "/store?store_name=cities", CONTROLLER, ANONYMOUS},
        {NULL, NULL, SERVER, ANONYMOUS},
        {"CN=reader", "/metadata/cities", SERVER, REASONS},
        {"CN=reader", "/v1/stores/cities/%08key1", ROUTER, REASONS},
        {"CN=reader", NULL, SERVER, REASONS},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        uint64_t before[REASONS];

        for (uint32_t k = 0; k < REASONS; k++)
            before[k] = lg_metric_value(&lg_metric_authz_refused_total, k);
        if (rows[i].target == NULL) {
            connect_as(&(struct role){.identity = rows[i].identity, .is_secure = true});
            (void)ask_by_grpc(0, "cities");
            disconnect();
        } else {
            be(rows[i].identity, /* is_secure= */ true);
            (void)lg_clw_get(w, node_of(rows[i].where), rows[i].target);
        }
        for (uint32_t k = 0; k < REASONS; k++)
            if (lg_metric_value(&lg_metric_authz_refused_total, k) - before[k] !=
                (k == rows[i].reason))
                fail_msg("row %zu: reason %u", i, k);
    }
}

static void health_over_grpc_is_free(void **state)
{
    (void)state;
    connect_as(&roles[0]);
    assert_int_equal(call("/grpc.health.v1.Health/Check", &lg_grpc_health_check_request_pb,
                          &(struct lg_grpc_health_check_request){0}),
                     0);
    disconnect();
}

/* --- Changes ------------------------------------------------------------------------------------
 */

static int read_cities(enum where where)
{
    LG_AUTO_STR char *target = where == ROUTER ? lg_strdup("/storage/cities/CGtleTE=?f=b64")
                                               : lg_strf("/storage/cities_v1/%u/CGtleTE=?f=b64",
                                                         lg_partitioner_partition(KEY, 2));

    return lg_clw_ask(w, node_of(where), LG_HTTP_GET, target, "X-VENICE-API-VERSION: 1",
                      LG_SLICE_NULL);
}

static void what_is_granted_and_revoked_counts_within_moments(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        enum where where = i == 0 ? SERVER : ROUTER;

        be("CN=late", true);
        assert_int_equal(read_cities(where), 403);
        be("CN=owner", true);
        assert_int_equal(lg_clw_post(w, "/v1/change_acl",
                                     "store_name=cities&operation=grant&access_permission="
                                     "%7B%22Read%22%3A%5B%22CN%3Dlate%22%5D%7D"),
                         200);
        lg_clw_run_ms(w, 500);
        be("CN=late", true);
        assert_int_equal(read_cities(where), 200);
        be("CN=reader", true);
        assert_int_equal(read_cities(where), 200); /* Nothing else was taken away. */
        be("CN=owner", true);
        assert_int_equal(lg_clw_post(w, "/v1/change_acl",
                                     "store_name=cities&operation=revoke&access_permission="
                                     "%7B%22Read%22%3A%5B%22CN%3Dlate%22%5D%7D"),
                         200);
        lg_clw_run_ms(w, 500);
        be("CN=late", true);
        assert_int_equal(read_cities(where), 403);
    }
}

static void permissions_are_told_as_venice_tells_them(void **state)
{
    (void)state;
    permit("cities", "{\"AccessPermissions\":{\"Write\":[\"b\"],\"Read\":[\"a\"]}}");
    assert_int_equal(lg_clw_get(w, &w->ground, "/get_acl?store_name=cities"), 200);
    assert_string_equal(lg_json_get_str(w->json, "accessPermissions", ""),
                        "{\"AccessPermissions\":{\"Read\":[\"a\"],\"Write\":[\"b\"]}}");
    assert_int_equal(lg_clw_get(w, &w->ground, "/store?store_name=cities"), 200);
    assert_true(lg_json_get_bool(lg_json_get(w->json, "store"), "accessControlled", false));
    assert_int_equal(lg_clw_get(w, &w->ground, "/delete_acl?store_name=cities"), 200);
    lg_clw_run_ms(w, 500);
    assert_int_equal(lg_clw_get(w, &w->ground, "/store?store_name=cities"), 200);
    assert_false(lg_json_get_bool(lg_json_get(w->json, "store"), "accessControlled", true));
    be("CN=reader", true);
    assert_int_equal(read_cities(SERVER), 403);
    be("CN=admin", true);
    assert_int_equal(lg_clw_post(w, "/update_acl", "store_name=cities&access_permission=nonsense"),
                     400);
    assert_int_equal(
        lg_clw_post(w, "/v1/change_acl", "store_name=cities&operation=x&access_permission=%7B%7D"),
        400);
    assert_int_equal(lg_clw_post(w, "/update_acl", "store_name=nowhere&access_permission=%7B%7D"),
                     404);
    permit_cities();
}

#define TWO_IN_ONE "%7B%22Read%22%3A%5B%22CN%3Dx%3BCN%3Dy%22%5D%7D" /* {"Read":["CN=x;CN=y"]} */

static void a_name_that_no_certificate_has_is_not_permitted_anything(void **state)
{
    static const char *const targets[][2] = {
        {"/update_acl", "store_name=cities&access_permission=" TWO_IN_ONE},
        {"/v1/change_acl", "store_name=cities&operation=grant&access_permission=" TWO_IN_ONE},
        {"/new_store", "store_name=towns&owner=me&key_schema=%22string%22&value_schema=%22string%22"
                       "&access_permission=" TWO_IN_ONE},
    };

    (void)state;
    be("CN=admin", true);
    for (size_t i = 0; i < LG_ARRAY_SIZE(targets); i++) {
        assert_int_equal(lg_clw_post(w, targets[i][0], targets[i][1]), 400);
        assert_non_null(strstr(lg_json_get_str(w->json, "error", ""), "name them one by one"));
    }
    assert_int_equal(
        lg_clw_post(w, "/v1/change_acl", /* It may stand there from before. */
                    "store_name=cities&operation=revoke&access_permission=" TWO_IN_ONE),
        200);
}

static void permissions_are_deleted_by_no_web_page(void **state)
{
    (void)state;
    be("CN=admin", true);
    assert_int_equal(lg_clw_ask(w, &w->ground, LG_HTTP_GET, "/delete_acl?store_name=cities",
                                "Origin: http://evil.example", LG_SLICE_NULL),
                     403);
    be("CN=reader", true);
    lg_clw_run_ms(w, 500);
    assert_int_equal(read_cities(SERVER), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_role_is_let_in_where_it_should_be),
        cmocka_unit_test(every_role_is_let_in_over_http2_where_it_should_be),
        cmocka_unit_test(every_role_may_take_the_routes_of_the_controller_that_it_should),
        cmocka_unit_test(a_token_changes_no_decision),
        cmocka_unit_test(a_token_that_is_no_header_is_refused_as_any),
        cmocka_unit_test(a_parameter_that_is_missing_opens_nothing),
        cmocka_unit_test(discovery_names_only_the_store_that_it_was_asked_for),
        cmocka_unit_test(health_names_stores_and_servers_to_who_may_see_the_cluster),
        cmocka_unit_test(health_of_a_router_names_a_store_to_who_may_see_the_cluster),
        cmocka_unit_test(every_role_is_let_in_over_grpc_where_it_should_be),
        cmocka_unit_test(who_is_not_known_yet_is_decided_about_over_grpc),
        cmocka_unit_test(refusals_are_counted_by_reason),
        cmocka_unit_test(health_over_grpc_is_free),
        cmocka_unit_test(what_is_granted_and_revoked_counts_within_moments),
        cmocka_unit_test(permissions_are_told_as_venice_tells_them),
        cmocka_unit_test(a_name_that_no_certificate_has_is_not_permitted_anything),
        cmocka_unit_test(permissions_are_deleted_by_no_web_page),
    };
    static const struct lg_metric_table *const tables[] = {&lg_authz_metrics, &lg_net_metrics};
    int failed;

    lg_metrics_register(tables, LG_ARRAY_SIZE(tables), /* stores_max= */ 0);
    failed = cmocka_run_group_tests(tests, up, down);
    lg_metrics_reset();
    return failed;
}
