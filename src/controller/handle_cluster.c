/* Routes of the cluster: who leads, who lives, where the replicas are. */
#include "controller/core.h"

/* Venice's LeaderControllerResponse. */
static void answer_leader(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *url = lg_controller_leader_url(c);
    struct lg_json *json;
    struct lg_error err;

    if (url == NULL) {
        (void)lg_ctl_not_leader(c, &err);
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    json = lg_answer_base(c, NULL);
    lg_json_set_str(json, "url", url);
    lg_json_set_str(json, "secureUrl", NULL);
    lg_json_set_str(json, "grpcUrl", NULL);
    lg_json_set_str(json, "secureGrpcUrl", NULL);
    lg_answer_json(rq, json);
}

void lg_handle_leader_controller(struct lg_controller *c, struct lg_http_request *rq)
{
    answer_leader(c, rq);
}

void lg_handle_master_controller(struct lg_controller *c, struct lg_http_request *rq)
{
    answer_leader(c, rq);
}

void lg_handle_list_instances(struct lg_controller *c, struct lg_http_request *rq)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    struct lg_json *json = lg_answer_base(c, NULL), *nodes = lg_json_new_array();

    for (size_t i = 0; s != NULL && i < s->instances.size; i++)
        lg_json_push(nodes, lg_json_new_string(lg_slice_str(s->instances.data[i].id)));
    lg_json_set(json, "nodes", nodes); /* Venice's MultiNodeResponse. */
    lg_answer_json(rq, json);
}

/* Ours: the routers that are alive, for pushes that wait until all of them have swapped. */
void lg_handle_list_routers(struct lg_controller *c, struct lg_http_request *rq)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(c);
    struct lg_json *json = lg_answer_base(c, NULL), *routers = lg_json_new_array();

    for (size_t i = 0; s != NULL && lg_ctl_settled(c) && i < s->routers.size; i++)
        lg_json_push(routers, lg_json_new_string(lg_slice_str(s->routers.data[i])));
    lg_json_set(json, "routers", routers);
    lg_answer_json(rq, json);
}

/* Ours: 200 when requests are taken. */
void lg_handle_health(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_error err;
    struct lg_json *json;

    if (!lg_controller_ready(c)) {
        (void)lg_ctl_not_leader(c, &err);
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    json = lg_answer_base(c, NULL);
    lg_json_set_str(json, "status", "ok");
    lg_json_set_bool(json, "leads", lg_ctl_leads(c));
    lg_json_set_int(json, "term", (int64_t)lg_controller_term(c));
    lg_answer_json(rq, json);
}

/* The name of a Helix state, which Venice shows. */
static enum lg_replica_state state_of(enum lg_push_status status)
{
    if (status == LG_PUSH_COMPLETED)
        return LG_REPLICA_STANDBY;
    return lg_push_status_is_error(status) ? LG_REPLICA_ERROR : LG_REPLICA_OFFLINE;
}

static struct lg_json *instance_json(const char *id)
{
    struct lg_json *json = lg_json_new_object();
    struct lg_slice host;
    struct lg_error ignored;
    uint16_t port;

    lg_json_set_str(json, "nodeId", id);
    if (lg_names_parse_instance(lg_slice_str(id), &host, &port, &ignored) == LG_OK) {
        lg_json_set(json, "host", lg_json_new_string(host));
        lg_json_set_int(json, "port", port);
        lg_json_set_int(json, "sslPort", port);
    }
    lg_json_set_int(json, "grpcPort", -1);
    lg_json_set_int(json, "grpcSslPort", -1);
    lg_json_set_str(json, "grpcUrl", NULL);
    lg_json_set_str(json, "grpcSslUrl", NULL);
    return json;
}

static struct lg_json *replicas_json(const struct lg_ctl_topic *t,
                                     const struct lg_catalog_snapshot *s)
{
    const struct lg_catalog_topic *topic =
        s == NULL ? NULL : lg_catalog_topic(s, lg_slice_str(t->name));
    struct lg_json *replicas = lg_json_new_array();

    for (uint32_t p = 0; p < t->placement.partitions; p++) {
        for (uint32_t r = 0; r < t->placement.parts[p].count; r++) {
            const char *id = t->placement.parts[p].ids[r];
            struct lg_json *json;
            enum lg_push_status status;

            status = lg_push_monitor_replica(s, topic, p, id, NULL);
            json = lg_json_new_object();
            lg_json_set(json, "instance", instance_json(id));
            lg_json_set_int(json, "partitionId", p);
            lg_json_set_str(json, "resource", t->name);
            lg_json_set_str(json, "status", lg_replica_state_name(state_of(status)));
            lg_json_set_str(json, "executionStatus", lg_push_status_name(status)); /* Ours. */
            lg_json_push(replicas, json);
        }
    }
    return replicas;
}

void lg_handle_list_replicas(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *store = lg_front_param(rq, "store_name");
    const struct lg_ctl_topic *t;
    struct lg_ctl_store *entry;
    int64_t version = 0;
    struct lg_json *json;
    struct lg_error err;
    enum lg_rc rc = lg_ctl_state_find(c->state, store, &entry, &err);

    if (rc == LG_OK)
        rc = lg_front_number(rq, "version", 1, INT32_MAX, 0, &version, &err);
    t = rc == LG_OK ? lg_ctl_state_version(c->state, store, (int32_t)version) : NULL;
    if (rc == LG_OK && t == NULL)
        rc = lg_error_set(&err, LG_ERR_NOT_FOUND, "store '%s' has no version %lld", store,
                          (long long)version);
    if (rc != LG_OK) {
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    json = lg_answer_base(c, store); /* Venice's MultiReplicaResponse. */
    lg_json_set_int(json, "version", version);
    lg_json_set(json, "replicas", replicas_json(t, lg_ctl_snapshot(c)));
    lg_answer_json(rq, json);
}
