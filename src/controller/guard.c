/* Who may ask a controller for what: one row per route, asked in front of all handlers, about the
 * parameters that the handlers take. */
#include "authz/gate.h"
#include "controller/core.h"
#include "pubsub/log_front.h"

enum about {
    FORGOTTEN, /* of a route without a row: it is the admins' */
    NOTHING,   /* everybody may */
    CLUSTER,
    STORE,          /* store_name */
    STORE_OR_ALL,   /* store_name, or without it the cluster */
    STORE_OF_TOPIC, /* topic */
};

struct scope {
    enum about about;
    enum lg_acl_method may;
};

static const struct scope scopes[LG_API_COUNT] = {
    [LG_API_health] = {.about = NOTHING},
    [LG_API_leader_controller] = {.about = NOTHING},
    [LG_API_master_controller] = {.about = NOTHING},
    [LG_API_discover_cluster] = {.about = NOTHING},

    [LG_API_store] = {STORE, LG_ACL_READ},
    [LG_API_get_key_schema] = {STORE, LG_ACL_READ},
    [LG_API_get_value_schema] = {STORE, LG_ACL_READ},
    [LG_API_get_value_schema_id] = {STORE, LG_ACL_READ},
    [LG_API_get_all_value_schema] = {STORE, LG_ACL_READ},
    [LG_API_get_value_or_derived_schema_id] = {STORE, LG_ACL_READ},
    [LG_API_get_all_value_and_derived_schema] = {STORE, LG_ACL_READ},
    [LG_API_get_all_replication_metadata_schemas] = {STORE, LG_ACL_READ},
    [LG_API_job] = {STORE, LG_ACL_READ},
    [LG_API_push_status] = {STORE, LG_ACL_READ},
    [LG_API_list_pushes] = {STORE_OR_ALL, LG_ACL_READ},
    [LG_API_list_replicas] = {STORE, LG_ACL_READ},
    [LG_API_replicas] = {STORE, LG_ACL_READ},

    [LG_API_request_topic] = {STORE, LG_ACL_WRITE},
    [LG_API_empty_push] = {STORE, LG_ACL_WRITE},
    [LG_API_end_of_push] = {STORE, LG_ACL_WRITE},
    [LG_API_push_heartbeat] = {STORE, LG_ACL_WRITE},
    [LG_API_kill_offline_push_job] = {STORE_OF_TOPIC, LG_ACL_WRITE},
    [LG_API_send_push_job_details] = {STORE, LG_ACL_WRITE},

    [LG_API_update_store] = {STORE, LG_ACL_ADMIN},
    [LG_API_set_owner] = {STORE, LG_ACL_ADMIN},
    [LG_API_set_partition_count] = {STORE, LG_ACL_ADMIN},
    [LG_API_enable_store] = {STORE, LG_ACL_ADMIN},
    [LG_API_delete_store] = {STORE, LG_ACL_ADMIN},
    [LG_API_update_acl] = {STORE, LG_ACL_ADMIN},
    [LG_API_get_acl] = {STORE, LG_ACL_ADMIN},
    [LG_API_delete_acl] = {STORE, LG_ACL_ADMIN},
    [LG_API_change_acl] = {STORE, LG_ACL_ADMIN},
    [LG_API_add_value_schema] = {STORE, LG_ACL_ADMIN},
    [LG_API_add_derived_schema] = {STORE, LG_ACL_ADMIN},
    [LG_API_remove_derived_schema] = {STORE, LG_ACL_ADMIN},
    [LG_API_rollback_to_backup_version] = {STORE, LG_ACL_ADMIN},
    [LG_API_roll_forward_to_future_version] = {STORE, LG_ACL_ADMIN},
    [LG_API_reset_error_partition] = {STORE, LG_ACL_ADMIN},

    [LG_API_list_stores] = {CLUSTER, LG_ACL_READ},
    [LG_API_validate_store_deleted] = {CLUSTER, LG_ACL_READ},
    [LG_API_check_resource_cleanup_for_store_creation] = {CLUSTER, LG_ACL_READ},
    [LG_API_list_instances] = {CLUSTER, LG_ACL_READ},
    [LG_API_cluster_health_instances] = {CLUSTER, LG_ACL_READ},
    [LG_API_cluster_health_stores] = {CLUSTER, LG_ACL_READ},
    [LG_API_storage_node_replicas] = {CLUSTER, LG_ACL_READ},
    [LG_API_node_replicas_readiness] = {CLUSTER, LG_ACL_READ},
    [LG_API_node_removable] = {CLUSTER, LG_ACL_READ},
    [LG_API_aggregated_health_status] = {CLUSTER, LG_ACL_READ},
    [LG_API_nodes] = {CLUSTER, LG_ACL_READ},
    [LG_API_cluster_status] = {CLUSTER, LG_ACL_READ},
    [LG_API_list_routers] = {CLUSTER, LG_ACL_READ},
    [LG_API_metadata] = {CLUSTER, LG_ACL_READ},

    [LG_API_new_store] = {CLUSTER, LG_ACL_ADMIN},
    [LG_API_update_cluster] = {CLUSTER, LG_ACL_ADMIN},
    [LG_API_undelete_store] = {CLUSTER, LG_ACL_ADMIN},
    [LG_API_purge_store] = {CLUSTER, LG_ACL_ADMIN},
    [LG_API_remove_store_from_graveyard] = {CLUSTER, LG_ACL_ADMIN},
    [LG_API_remove_node] = {CLUSTER, LG_ACL_ADMIN},
    [LG_API_node_remove] = {CLUSTER, LG_ACL_ADMIN},
    [LG_API_node_drain] = {CLUSTER, LG_ACL_ADMIN},
    [LG_API_node_activate] = {CLUSTER, LG_ACL_ADMIN},
};

static struct scope scope_of(enum lg_api_route route)
{
    struct scope scope = scopes[route];

    return scope.about == FORGOTTEN ? (struct scope){CLUSTER, LG_ACL_ADMIN} : scope;
}

struct asker {
    struct lg_controller *c;
    enum lg_api_route route;
    struct lg_slice store;
    enum lg_acl_method may;
};

static struct lg_slice store_of(struct lg_slice topic)
{
    struct lg_slice store;
    struct lg_error err;
    int32_t version;

    return lg_names_parse_version_topic(topic, &store, &version, &err) == LG_OK ? store : topic;
}

static struct lg_slice param(struct lg_http_request *rq, const char *name)
{
    const char *text = lg_front_param(rq, name);

    return text == NULL ? LG_SLICE_NULL : lg_slice_str(text);
}

/* A parameter that is missing leaves the cluster, which is the most that can be asked for: the
 * request is refused anyway. */
static void take_route(struct asker *a, struct lg_http_request *rq)
{
    struct scope scope = scope_of(a->route);

    a->may = scope.may;
    if (scope.about == STORE || scope.about == STORE_OR_ALL)
        a->store = param(rq, "store_name");
    else if (scope.about == STORE_OF_TOPIC)
        a->store = store_of(param(rq, "topic"));
}

static void take_log(struct asker *a, struct lg_http_request *rq)
{
    struct lg_log_front_subject subject = lg_log_front_subject(rq);

    a->store = store_of(subject.topic);
    a->may = subject.does == LG_LOG_FRONT_READS      ? LG_ACL_READ
             : subject.does == LG_LOG_FRONT_PRODUCES ? LG_ACL_WRITE
                                                     : LG_ACL_ADMIN;
}

static void go(const void *ctx, struct lg_http_request *rq)
{
    const struct asker *a = ctx;

    lg_front_allowed(a->c, rq, a->route);
}

static void refuse(const void *ctx, struct lg_http_request *rq, enum lg_authz_verdict verdict,
                   const struct lg_error *why)
{
    const struct asker *a = ctx;
    struct lg_error err;

    (void)!lg_authz_refuse(verdict, why, rq->identity, a->store, a->may, &err);
    lg_answer_error(a->c, rq, 0, &err);
}

void lg_guard(struct lg_controller *c, struct lg_http_request *rq, enum lg_api_route route)
{
    static const struct lg_authz_gate_ops gate = {.go = go, .refuse = refuse};
    struct asker a = {.c = c, .route = route};

    if (c->authz == NULL || (route != LG_API_COUNT && scope_of(route).about == NOTHING)) {
        lg_front_allowed(c, rq, route);
        return;
    }
    if (route == LG_API_COUNT)
        take_log(&a, rq);
    else
        take_route(&a, rq);
    lg_authz_gate(&(struct lg_authz_gate){.authz = c->authz,
                                          .rq = rq,
                                          .store = a.store,
                                          .may = a.may,
                                          .ops = &gate,
                                          .ctx = &a,
                                          .ctx_size = sizeof a});
}
