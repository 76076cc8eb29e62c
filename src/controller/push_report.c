/* Push status for people and programs. */
#include "controller/push_report.h"

#include "base/str.h"
#include "controller/placement.h"

/* One word for where a push stands. */
static const char *state_of(const struct lg_push_report_input *in)
{
    const struct lg_version *v = in->version;

    switch (v->status) {
    case LG_VERSION_NOT_CREATED:
    case LG_VERSION_CREATED:
    case LG_VERSION_STARTED:
        if (lg_version_lease_expired(v, in->clock_ms))
            return "silent";
        return in->topic != NULL && in->topic->end_of_push ? "loading" : "writing";
    case LG_VERSION_PUSHED:
        return "waiting";
    case LG_VERSION_ONLINE:
    case LG_VERSION_PARTIALLY_ONLINE:
        return v->number == in->store->current_version ? "served" : "complete";
    case LG_VERSION_ROLLED_BACK:
        return "rolled back";
    case LG_VERSION_ERROR:
        return "failed";
    case LG_VERSION_KILLED:
        return "killed";
    }
    return "unknown";
}

static const struct lg_catalog_topic *catalog_topic(const struct lg_push_report_input *in)
{
    return in->topic == NULL || in->snapshot == NULL
               ? NULL
               : lg_catalog_topic(in->snapshot, lg_slice_str(in->topic->name));
}

static bool is_live(const struct lg_catalog_snapshot *s, const char *instance)
{
    for (size_t i = 0; s != NULL && i < s->instances.size; i++)
        if (strcmp(s->instances.data[i].id, instance) == 0)
            return true;
    return false;
}

/* The first replica of a partition that is not complete; NULL when one of them is. */
static const char *lagging(const struct lg_push_report_input *in, uint32_t partition)
{
    const struct lg_placement_partition *part = &in->topic->placement.parts[partition];
    const char *found = NULL;

    for (uint32_t r = 0; r < part->count; r++) {
        const char *id = part->ids[r];

        if (lg_push_monitor_replica(in->snapshot, catalog_topic(in), partition, id, NULL) ==
            LG_PUSH_COMPLETED)
            return NULL;
        found = found == NULL ? id : found;
    }
    return found;
}

static char *waits_for_servers(const struct lg_push_report_input *in)
{
    uint32_t lacking;

    if (lg_ctl_place_lacks_servers(in->topic, &lacking))
        return lg_strf("servers for partition %u: %u of replication factor %u; start some", lacking,
                       in->topic->placement.parts[lacking].count, in->topic->placement.factor);
    for (uint32_t p = 0; p < in->topic->placement.partitions; p++) {
        const char *id = lagging(in, p);

        if (id == NULL)
            continue;
        if (!is_live(in->snapshot, id))
            return lg_strf("server %s, which holds partition %u and is not there; start it", id, p);
        return lg_strf("partition %u on server %s", p, id);
    }
    return lg_strdup("the swap");
}

/* What it waits for, or NULL. The caller frees it. */
static char *waits_for(const struct lg_push_report_input *in)
{
    const struct lg_version *v = in->version;
    int64_t silent_ms = in->clock_ms - v->heard_clock_ms;
    struct lg_error full;

    if (v->status == LG_VERSION_PUSHED)
        return lg_strf("`lagoon swap %s %d`", in->store->name, v->number);
    if (v->status != LG_VERSION_STARTED || in->topic == NULL)
        return NULL;
    if (lg_disk_space_check(in->space, &full) != LG_OK)
        return lg_strf("room: %s", full.text);
    if (in->topic->end_of_push)
        return waits_for_servers(in);
    if (lg_version_lease_expired(v, in->clock_ms))
        return lg_strf(
            "its pusher, silent for %lld s; `lagoon push %s ... --push-id %s` continues "
            "it, any other push replaces it, else it is dropped in %lld s",
            (long long)(silent_ms / 1000), in->store->name, v->push_job_id,
            (long long)(LG_MAX(v->push_lease_ms + in->abandoned_keep_ms - silent_ms, (int64_t)0) /
                        1000));
    return lg_strdup("its pusher to write the rest");
}

static void set_text(struct lg_json *json, const char *key, const char *text)
{
    struct lg_json *value = text == NULL ? NULL : lg_json_new_string(lg_slice_str(text));

    lg_json_set(json, key, value == NULL ? lg_json_new_null() : value);
}

static void set_progress(struct lg_json *json, const struct lg_push_report_input *in)
{
    const struct lg_version *v = in->version;
    const struct lg_ctl_topic *t = in->topic;
    struct lg_push_view view = {0};
    int64_t total = v->record_count, written = -1, speed = 0;
    bool runs = v->status == LG_VERSION_STARTED;

    if (t != NULL) {
        view = lg_push_monitor_view(t, in->snapshot);
        total = total >= 0 ? total : t->report.records_total;
        written = t->end_of_push ? total : t->report.records;
        speed = runs ? t->rate.records_per_s : 0;
    }
    lg_json_set_int(json, "recordsTotal", total);
    lg_json_set_int(json, "recordsWritten", written);
    lg_json_set_int(json, "records", view.records);
    lg_json_set_int(json, "bytes", view.bytes);
    lg_json_set_int(json, "recordsPerSecond", speed);
    lg_json_set_int(json, "bytesPerSecond", runs && t != NULL ? t->rate.bytes_per_s : 0);
    lg_json_set_int(json, "etaMs",
                    runs && speed > 0 && total >= view.records
                        ? (int64_t)((double)(total - view.records) * 1000 / (double)speed)
                        : -1);
    lg_json_set_int(json, "partitionsCompleted", view.partitions_completed);
    lg_json_set_int(json, "partitionCount", v->partition_count);
}

static struct lg_json *partition_json(const struct lg_push_report_input *in, uint32_t p)
{
    const struct lg_placement_partition *place = &in->topic->placement.parts[p];
    struct lg_json *json = lg_json_new_object(), *replicas = lg_json_new_array();
    uint64_t records = 0, bytes = 0;
    enum lg_push_status best = LG_PUSH_NOT_CREATED;
    bool runs = in->version->status == LG_VERSION_STARTED;

    for (uint32_t r = 0; r < place->count; r++) {
        const char *id = place->ids[r];
        struct lg_catalog_replica said;
        struct lg_json *replica;
        enum lg_push_status status;

        status = lg_push_monitor_replica(in->snapshot, catalog_topic(in), p, id, &said);
        replica = lg_json_new_object();
        lg_json_set_str(replica, "instance", id);
        lg_json_set_bool(replica, "live", is_live(in->snapshot, id));
        lg_json_set_str(replica, "status", lg_push_status_name(status));
        lg_json_set_int(replica, "records", (int64_t)said.records);
        lg_json_set_int(replica, "bytes", (int64_t)said.bytes);
        lg_json_push(replicas, replica);
        if (said.records >= records && (status != LG_PUSH_NOT_CREATED)) {
            records = said.records;
            bytes = said.bytes;
            best = best == LG_PUSH_COMPLETED ? best : status;
        }
    }
    lg_json_set_int(json, "partition", p);
    lg_json_set_str(json, "status", lg_push_status_name(best));
    set_text(json, "leader", place->leader);
    lg_json_set_int(json, "records", (int64_t)records);
    lg_json_set_int(json, "bytes", (int64_t)bytes);
    lg_json_set_int(json, "recordsPerSecond",
                    runs && in->topic->rates != NULL ? in->topic->rates[p].records_per_s : 0);
    lg_json_set_int(json, "bytesPerSecond",
                    runs && in->topic->rates != NULL ? in->topic->rates[p].bytes_per_s : 0);
    lg_json_set(json, "replicas", replicas);
    return json;
}

/* One row per server: how many replicas of this version it has, by what became of them. */
static struct lg_json *servers_json(const struct lg_push_report_input *in)
{
    struct lg_json *rows = lg_json_new_array(), *row;
    LG_AUTO(lg_map) *by_id = lg_map_new();

    for (uint32_t p = 0; in->topic != NULL && p < in->topic->placement.partitions; p++) {
        const struct lg_placement_partition *part = &in->topic->placement.parts[p];

        for (uint32_t r = 0; r < part->count; r++) {
            enum lg_push_status status =
                lg_push_monitor_replica(in->snapshot, catalog_topic(in), p, part->ids[r], NULL);
            const char *count = status == LG_PUSH_COMPLETED       ? "completed"
                                : lg_push_status_is_error(status) ? "errors"
                                : status == LG_PUSH_NOT_CREATED   ? NULL
                                                                  : "started";

            row = lg_map_get(by_id, lg_slice_str(part->ids[r]));
            if (row == NULL) {
                row = lg_json_new_object();
                lg_json_set_str(row, "instance", part->ids[r]);
                lg_json_set_bool(row, "live", is_live(in->snapshot, part->ids[r]));
                lg_json_set_int(row, "completed", 0);
                lg_json_set_int(row, "started", 0);
                lg_json_set_int(row, "errors", 0);
                lg_json_push(rows, row);
                (void)lg_map_put(by_id, lg_slice_str(part->ids[r]), row);
            }
            if (count != NULL)
                lg_json_set_int(row, count, lg_json_get_int(row, count, 0) + 1);
        }
    }
    return rows;
}

struct lg_json *lg_push_report(const struct lg_push_report_input *in, bool partitions)
{
    const struct lg_version *v = in->version;
    const struct lg_ctl_topic *t = in->topic;
    LG_AUTO_STR char *waiting = waits_for(in);
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "store", in->store->name);
    lg_json_set_int(json, "version", v->number);
    lg_json_set_str(json, "pushJobId", v->push_job_id);
    lg_json_set_str(json, "state", state_of(in));
    lg_json_set_str(json, "status", lg_version_status_name(v->status));
    lg_json_set_bool(json, "running", v->status == LG_VERSION_STARTED);
    set_text(json, "error", t == NULL ? NULL : t->details);
    set_text(json, "waitingFor", waiting);
    set_text(json, "pusher", t == NULL ? NULL : t->pusher);
    set_text(json, "phase", t == NULL || t->report.phase[0] == 0 ? NULL : t->report.phase);
    lg_json_set_int(json, "startedTime", v->created_ms);
    lg_json_set_int(json, "heardTime", v->push_heard_ms);
    lg_json_set_int(json, "heardAgoMs", LG_MAX(in->clock_ms - v->heard_clock_ms, (int64_t)0));
    lg_json_set_int(json, "leaseMs", v->push_lease_ms);
    lg_json_set_int(json, "completedTime", v->completed_ms);
    lg_json_set_bool(json, "endOfPush", t == NULL || t->end_of_push);
    lg_json_set_bool(json, "swapDeferred", v->swap_deferred);
    lg_json_set_int(json, "sizeBytes", v->size_bytes);
    set_progress(json, in);
    if (partitions) {
        struct lg_json *rows = lg_json_new_array();

        for (uint32_t p = 0; t != NULL && p < t->placement.partitions; p++)
            lg_json_push(rows, partition_json(in, p));
        lg_json_set(json, "partitions", rows);
        lg_json_set(json, "servers", servers_json(in));
    }
    return json;
}

struct lg_json *lg_push_report_asked(const struct lg_push_asked *asked)
{
    struct lg_json *json = lg_json_new_object();
    LG_AUTO_STR char *waiting = asked->topic != NULL
                                    ? lg_strf("the log to make its topic %s", asked->topic)
                                    : lg_strdup("its turn: other changes are made first");

    lg_json_set_str(json, "store", asked->store->name);
    lg_json_set_int(json, "version", asked->version);
    lg_json_set_str(json, "pushJobId", asked->push_job_id);
    lg_json_set_str(json, "state", "asked");
    lg_json_set_str(json, "status", lg_version_status_name(LG_VERSION_NOT_CREATED));
    lg_json_set_bool(json, "running", true);
    set_text(json, "error", NULL);
    set_text(json, "waitingFor", waiting);
    set_text(json, "log", asked->log);
    set_text(json, "pusher", asked->pusher);
    lg_json_set_int(json, "startedTime", asked->asked_ms);
    lg_json_set_int(json, "completedTime", 0);
    lg_json_set_bool(json, "endOfPush", false);
    lg_json_set_bool(json, "swapDeferred", asked->swap_deferred);
    lg_json_set_int(json, "recordsTotal", -1);
    lg_json_set_int(json, "recordsWritten", -1);
    lg_json_set_int(json, "records", 0);
    lg_json_set_int(json, "bytes", 0);
    lg_json_set_int(json, "etaMs", -1);
    lg_json_set_int(json, "partitionsCompleted", 0);
    lg_json_set_int(json, "partitionCount", asked->partitions);
    return json;
}

struct lg_json *lg_push_report_past(const struct lg_store *store, const struct lg_past_push *p)
{
    struct lg_json *json = lg_json_new_object();
    bool failed = p->status == LG_VERSION_ERROR || p->status == LG_VERSION_KILLED;

    lg_json_set_str(json, "store", store->name);
    lg_json_set_int(json, "version", p->version);
    lg_json_set_str(json, "pushJobId", p->push_job_id);
    lg_json_set_str(json, "state",
                    p->status == LG_VERSION_ERROR    ? "failed"
                    : p->status == LG_VERSION_KILLED ? "killed"
                                                     : "retired");
    lg_json_set_str(json, "status", lg_version_status_name(p->status));
    lg_json_set_bool(json, "running", false);
    set_text(json, "error", failed && p->details[0] != 0 ? p->details : NULL);
    set_text(json, "waitingFor", NULL);
    lg_json_set_int(json, "startedTime", p->created_ms);
    lg_json_set_int(json, "completedTime", p->ended_ms);
    lg_json_set_int(json, "recordsTotal", p->record_count);
    return json;
}
