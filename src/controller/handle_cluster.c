/* Routes of the cluster: who leads, who lives, where the replicas are. */
#include "base/log.h"
#include "controller/core.h"

/* Venice's LeaderControllerResponse. */
static void answer_leader(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *url = lg_controller_leader_url(c);
    struct lg_json *json;
    struct lg_error err;

    if (url == NULL || lg_ctl_is_cut_off(c, &err)) {
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

static void cluster_updated(struct lg_change *ch)
{
    lg_log(LG_LOG_INFO, "cluster_updated", "setting=client-protocols to=%s", ch->text);
}

static void begin_cluster_update(struct lg_change *ch)
{
    const struct lg_catalog_snapshot *s = lg_ctl_snapshot(ch->c);
    enum lg_client_protocols protocols;
    struct lg_error err;

    if (!lg_client_protocols_from_name(lg_slice_str(ch->text), &protocols) ||
        protocols == LG_CLIENTS_CLUSTER) {
        lg_change_end(ch,
                      lg_error_set(&err, LG_ERR_INVALID,
                                   "client_protocols is both, grpc or http, not '%.80s'", ch->text),
                      &err);
        return;
    }
    ch->answer = lg_answer_base(ch->c, NULL);
    lg_json_set_str(ch->answer, "from",
                    s == NULL ? "" : lg_client_protocols_name(s->client_protocols));
    lg_json_set_str(ch->answer, "to", ch->text);
    lg_change_write_clients(ch, protocols);
    ch->applied = cluster_updated;
    lg_change_commit(ch);
}

/* Ours: what clients that read from servers are told. Stores may say otherwise. */
void lg_handle_update_cluster(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_cluster_update);

    ch->text = lg_strdup(lg_front_param(rq, "client_protocols"));
    (void)lg_change_submit(ch);
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
