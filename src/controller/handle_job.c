/* Routes around a running push: its status, its heartbeat, what Venice's push job reports. */
#include <stdio.h>

#include "avro/decode.h"
#include "base/log.h"
#include "controller/core.h"

/* PushJobDetails on the wire: these two bytes, then Avro. */
#define DETAILS_MAGIC 0x1a
#define DETAILS_VERSION 6
#define UNCOMPLETED_MAX 20u /* partitions named in an answer */

/* Who asks about a running push is its pusher: the lease begins anew. */
static void heard(struct lg_controller *c, const char *store, int32_t version)
{
    struct lg_ctl_store *entry = lg_ctl_state_store(c->state, store);
    struct lg_version *v = entry == NULL ? NULL : lg_store_version(entry->store, version);

    if (v != NULL)
        lg_ctl_hear(c, v);
}

/* Store and version of a request; answers the error itself and returns false. `*out_version` is
 * NULL for a version that is gone. */
static bool find(struct lg_controller *c, struct lg_http_request *rq, struct lg_ctl_store **out,
                 struct lg_version **out_version, int32_t *out_number)
{
    int64_t number = 0;
    struct lg_error err;
    enum lg_rc rc = lg_ctl_state_find(c->state, lg_front_param(rq, "store_name"), out, &err);

    if (rc == LG_OK)
        rc = lg_front_number(rq, "version", 1, INT32_MAX, 0, &number, &err);
    if (rc == LG_OK && number > (*out)->store->largest_used_version)
        rc = lg_error_set(&err, LG_ERR_NOT_FOUND,
                          "store '%s' has no version %lld; its newest is %d", (*out)->store->name,
                          (long long)number, (*out)->store->largest_used_version);
    if (rc != LG_OK) {
        lg_answer_error(c, rq, 0, &err);
        return false;
    }
    *out_number = (int32_t)number;
    *out_version = lg_store_version((*out)->store, *out_number);
    return true;
}

static enum lg_push_status status_now(const struct lg_version *v, const struct lg_ctl_topic *t,
                                      const struct lg_push_view *view)
{
    enum lg_push_status status = lg_version_lifecycle_job_status(v);

    if (status != LG_PUSH_STARTED || t == NULL)
        return status;
    /* An end is told only once it is durable. */
    if (lg_push_status_is_terminal(view->verdict) || view->verdict == LG_PUSH_END_OF_PUSH_RECEIVED)
        return LG_PUSH_END_OF_PUSH_RECEIVED;
    return LG_PUSH_STARTED;
}

static void set_progress(struct lg_json *json, const struct lg_version *v,
                         const struct lg_push_view *view)
{
    struct lg_json *progress = lg_json_new_object();

    lg_json_set_int(progress, "recordsTotal", v == NULL ? -1 : v->record_count);
    lg_json_set_int(progress, "recordsIngested", view->records);
    lg_json_set_int(progress, "partitionsCompleted", view->partitions_completed);
    lg_json_set_int(progress, "partitions", view->partitions);
    lg_json_set(json, "progress", progress);
}

/* Venice's UncompletedReplica: those of a partition that are not complete. */
static struct lg_json *replicas_json(const struct lg_ctl_topic *t,
                                     const struct lg_catalog_snapshot *s, uint32_t partition)
{
    const struct lg_catalog_topic *topic =
        s == NULL ? NULL : lg_catalog_topic(s, lg_slice_str(t->name));
    struct lg_json *replicas = lg_json_new_array();

    for (uint32_t r = 0; r < t->placement.parts[partition].count; r++) {
        const char *id = t->placement.parts[partition].ids[r];
        struct lg_catalog_replica said;
        struct lg_json *json;
        enum lg_push_status status;

        status = lg_push_monitor_replica(s, topic, partition, id, &said);
        if (status == LG_PUSH_COMPLETED)
            continue;
        json = lg_json_new_object();
        lg_json_set_str(json, "instanceId", id);
        lg_json_set_str(json, "status", lg_push_status_name(status));
        lg_json_set_int(json, "currentOffset", (int64_t)said.records);
        lg_json_set_str(json, "statusDetails", "");
        lg_json_push(replicas, json);
    }
    return replicas;
}

/* Venice's UncompletedPartition: the first ones whose replicas are not all complete. */
static struct lg_json *uncompleted_json(const struct lg_ctl_topic *t,
                                        const struct lg_catalog_snapshot *s)
{
    struct lg_json *list = lg_json_new_array();

    for (uint32_t p = 0; p < t->placement.partitions && lg_json_size(list) < UNCOMPLETED_MAX; p++) {
        struct lg_json *replicas = replicas_json(t, s, p), *json;

        if (lg_json_size(replicas) == 0) {
            lg_json_unref(replicas);
            continue;
        }
        json = lg_json_new_object();
        lg_json_set_int(json, "partitionId", p);
        lg_json_set(json, "uncompletedReplicas", replicas);
        lg_json_push(list, json);
    }
    return list;
}

void lg_handle_job(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_push_view view = {0};
    const struct lg_past_push *past;
    struct lg_ctl_store *entry;
    struct lg_ctl_topic *t;
    struct lg_version *v;
    struct lg_json *json;
    const char *details;
    int32_t number;

    if (!find(c, rq, &entry, &v, &number))
        return;
    heard(c, entry->store->name, number);
    t = lg_ctl_state_version(c->state, entry->store->name, number);
    if (t != NULL)
        view = lg_push_monitor_view(t, lg_ctl_snapshot(c));
    details = t != NULL && t->details != NULL ? t->details : "";
    past = v == NULL ? lg_store_past_push(entry->store, number) : NULL;
    if (past != NULL)
        details = past->details;
    if (v == NULL && details[0] == 0)
        details = "this version is gone: it failed, was killed, or was retired";
    json = lg_answer_base(c, entry->store->name);
    /* Venice's JobStatusQueryResponse. One region without a name: extraInfo is empty, never null.
     */
    lg_json_set_int(json, "version", number);
    lg_json_set_str(json, "status", lg_push_status_name(status_now(v, t, &view)));
    lg_json_set_str(json, "statusDetails", details);
    lg_json_set(json, "statusUpdateTimestamp",
                v == NULL || v->completed_ms == 0 ? lg_json_new_null()
                                                  : lg_json_new_int(v->completed_ms));
    lg_json_set(json, "extraInfo", lg_json_new_object());
    lg_json_set(json, "extraDetails", lg_json_new_object());
    lg_json_set(json, "extraInfoUpdateTimestamp", lg_json_new_object());
    lg_json_set(json, "uncompletedPartitions",
                t == NULL || view.partitions_completed == view.partitions
                    ? lg_json_new_null()
                    : uncompleted_json(t, lg_ctl_snapshot(c)));
    set_progress(json, v, &view); /* Ours. */
    lg_answer_json(rq, json);
}

/* What the pusher says of itself, for `lagoon push status`. */
static enum lg_rc take_report(struct lg_controller *c, struct lg_http_request *rq,
                              const char *store, int32_t version, struct lg_error *err)
{
    struct lg_ctl_topic *t = lg_ctl_state_version(c->state, store, version);
    const char *phase = lg_front_param(rq, "lagoon_phase");
    struct lg_ctl_report report = {0};
    enum lg_rc rc = lg_front_number(rq, "lagoon_records", -1, INT64_MAX, -1, &report.records, err);

    if (rc == LG_OK)
        rc = lg_front_number(rq, "lagoon_records_total", -1, INT64_MAX, -1, &report.records_total,
                             err);
    if (rc == LG_OK && t != NULL) {
        (void)snprintf(report.phase, sizeof report.phase, "%.15s", phase == NULL ? "" : phase);
        t->report = report;
    }
    return rc;
}

void lg_handle_push_heartbeat(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_ctl_store *entry;
    struct lg_version *v;
    struct lg_error err;
    int32_t number;

    if (!find(c, rq, &entry, &v, &number))
        return;
    if (v == NULL || lg_version_lifecycle_job_status(v) == LG_PUSH_ERROR) {
        (void)lg_error_set(
            &err, LG_ERR_CONFLICT, "version %d of store '%s' is no longer pushed: %s", number,
            entry->store->name, v == NULL ? "it is gone" : lg_version_status_name(v->status));
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    if (take_report(c, rq, entry->store->name, number, &err) != LG_OK) {
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    heard(c, entry->store->name, number);
    lg_answer_json(rq, lg_answer_base(c, entry->store->name));
}

/* The last status of PushJobDetails: {clusterName, reportTimestamp, overallStatus: [{status,
 * timestamp}], ...}. */
static enum lg_rc last_status(struct lg_slice body, int32_t *out, struct lg_error *err)
{
    struct lg_decoder d = lg_decoder_of(lg_slice_skip(body, 2));
    struct lg_slice cluster;
    uint64_t count = 0;
    int64_t time;
    enum lg_rc rc;

    if (body.size < 2 || body.data[0] != DETAILS_MAGIC || body.data[1] != DETAILS_VERSION)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the body is no PushJobDetails: it must begin with the bytes 1a 06");
    *out = -1;
    rc = lg_decode_string(&d, &cluster, err);
    if (rc == LG_OK)
        rc = lg_decode_long(&d, &time, err);
    do {
        if (rc == LG_OK)
            rc = lg_decode_block(&d, 2, &count, err);
        for (uint64_t i = 0; rc == LG_OK && i < count; i++) {
            rc = lg_decode_int(&d, out, err);
            if (rc == LG_OK)
                rc = lg_decode_long(&d, &time, err);
        }
    } while (rc == LG_OK && count > 0);
    return rc == LG_OK ? LG_OK : lg_error_wrap(err, "PushJobDetails");
}

/* Venice keeps these in a system store; here they are checked and logged. */
void lg_handle_send_push_job_details(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *store = lg_front_param(rq, "store_name");
    struct lg_error err;
    int32_t status;

    if (last_status(rq->body, &status, &err) != LG_OK) {
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    lg_log(LG_LOG_INFO, "push_job_details", "store=%.128s version=%.12s status=%d", store,
           lg_front_param(rq, "version"), status);
    lg_answer_json(rq, lg_answer_base(c, store));
}
