/* Routes that change versions: begin a push, end it, kill it, roll back, roll forward. */
#include "base/log.h"
#include "base/str.h"
#include "controller/core.h"
#include "controller/metrics.h"
#include "controller/push_request.h"
#include "model/partitioner.h"

static struct lg_version *version_of(const struct lg_change *ch)
{
    return lg_store_version(ch->store, ch->version);
}

/* --- Beginning a push. -------------------------------------------------------------------------
 */

/* Venice's VersionCreationResponse, and ours: what became of the version so far, for a pusher that
 * comes back. */
static struct lg_json *creation_answer(struct lg_controller *c, const char *store,
                                       const struct lg_version *v)
{
    struct lg_json *json = lg_answer_base(c, store), *ours = lg_json_new_object();
    const struct lg_ctl_topic *t = lg_ctl_state_version(c->state, store, v->number);
    char topic[LG_NAMES_TOPIC_MAX + 1];

    lg_names_version_topic(topic, store, v->number);
    lg_json_set_int(json, "version", v->number);
    lg_json_set_int(json, "partitions", v->partition_count);
    lg_json_set_int(json, "replicas", v->replication_factor);
    lg_json_set_str(json, "kafkaTopic", topic);
    lg_json_set_str(json, "kafkaBootstrapServers", lg_answer_bootstrap_servers(c));
    lg_json_set_str(json, "kafkaSourceRegion", NULL);
    lg_json_set_bool(json, "enableSSL", false);
    lg_json_set_str(json, "compressionStrategy", lg_compression_name(v->compression));
    lg_json_set_str(json, "partitionerClass", LG_PARTITIONER_CLASS);
    lg_json_set(json, "partitionerParams", lg_json_new_object());
    lg_json_set_int(json, "amplificationFactor", 1);
    lg_json_set_bool(json, "daVinciPushStatusStoreEnabled", false);
    lg_json_set(json, "degradedDatacenters", lg_json_new_array());
    lg_json_set_str(ours, "status", lg_version_status_name(v->status));
    lg_json_set_bool(ours, "endOfPush", t != NULL && t->end_of_push);
    lg_json_set_str(ours, "details", t == NULL ? NULL : t->details);
    lg_json_set_bool(ours, "chunkingEnabled", v->chunking_enabled);
    lg_json_set_bool(ours, "swapDeferred", v->swap_deferred);
    lg_json_set_int(ours, "recordCount", v->record_count);
    lg_json_set(json, "lagoon", ours);
    return json;
}

static void push_begun(struct lg_change *ch)
{
    const struct lg_ctl_store *entry = lg_ctl_state_store(ch->c->state, ch->store_name);
    const struct lg_version *v = lg_store_version(entry->store, ch->version);

    lg_metric_add(&lg_metric_controller_pushes_total, LG_CTL_PUSHES_BEGUN, 1);
    lg_log(LG_LOG_INFO, "push_begun", "store=%s version=%d partitions=%d replaced=%d",
           ch->store_name, ch->version, v->partition_count, ch->replaced);
    ch->answer = creation_answer(ch->c, ch->store_name, v);
}

/* The push that was silent too long ends with the write that begins the new one. */
static void write_replaced(struct lg_change *ch)
{
    const struct lg_ctl_topic *before =
        lg_ctl_state_version(ch->c->state, ch->store_name, ch->replaced);
    struct lg_ctl_topic *after;

    if (before == NULL)
        return;
    after = lg_ctl_topic_copy(before);
    lg_ctl_topic_settle(after, LG_PUSH_ERROR,
                        "killed: its pusher was silent for longer than its lease, or it ran for "
                        "longer than a day, and another push began");
    lg_change_write_topic(ch, after, /* created= */ false);
}

/* Does another request of this push wait? Then that one's pusher goes on. */
static bool is_asked_again(const struct lg_change *ch)
{
    LG_LIST_EACH(link, &ch->c->changes)
    {
        const struct lg_change *other = LG_CONTAINER_OF(link, struct lg_change, link);

        if (other != ch && other->begin == ch->begin && other->rq != NULL &&
            !other->rq->peer_gone && strcmp(other->store_name, ch->store_name) == 0 &&
            strcmp(other->text, ch->text) == 0)
            return true;
    }
    return false;
}

/* Whoever asked went away while the log kept it waiting: a version that nobody knows of would only
 * stand in the way of the next push. The topic is made anew by whichever push gets the number. */
static bool is_left_alone(const struct lg_change *ch)
{
    return ch->rq != NULL && ch->rq->peer_gone && !ch->empty;
}

static bool is_for_nobody(const struct lg_change *ch)
{
    return is_left_alone(ch) && !is_asked_again(ch);
}

static void topic_ready(struct lg_topic_writer *writer)
{
    struct lg_change *ch = LG_CONTAINER_OF(writer, struct lg_change, writer);
    struct lg_error err;
    enum lg_rc rc = writer->rc;

    if (rc != LG_OK) {
        lg_change_end(ch, rc, &writer->err);
        return;
    }
    if (ch->empty && writer->kind == LG_TOPIC_WRITE_START) { /* It ends as soon as it begins. */
        writer->kind = LG_TOPIC_WRITE_END;
        writer->counts = ch->counts;
        lg_topic_writer_start(writer);
        return;
    }
    if (is_for_nobody(ch)) {
        lg_log(LG_LOG_WARN, "push_not_begun", "store=%s version=%d push=%s reason=\"%s\"",
               ch->store_name, ch->version, ch->text,
               "who asked for it went away before its topic was made");
        lg_change_end(ch, lg_error_set(&err, LG_ERR_CANCELLED, "who asked for the push went away"),
                      &err);
        return;
    }
    if (ch->replaced != 0)
        write_replaced(ch);
    rc = lg_change_write_store(ch, &err);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    ch->applied = push_begun;
    lg_change_commit(ch);
}

static void make_topic(struct lg_change *ch)
{
    lg_topic_writer_start(&ch->writer);
}

/* The new version stands in ch->store: places it and makes its topic. */
static enum lg_rc begin_version(struct lg_change *ch, struct lg_error *err)
{
    struct lg_controller *c = ch->c;
    const struct lg_version *v = version_of(ch);
    LG_AUTO(lg_ctl_topic) *t = lg_new(struct lg_ctl_topic);
    char name[LG_NAMES_TOPIC_MAX + 1];
    enum lg_rc rc;

    /* Better no push begins that servers could not take in. */
    lg_names_version_topic(name, ch->store_name, ch->version);
    rc = lg_ctl_place_version(c, name, v, &t->placement, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "store '%s' cannot take a push", ch->store_name);
    t->name = lg_strdup(name);
    t->store = lg_strdup(ch->store_name);
    t->push_job_id = lg_strdup(v->push_job_id);
    t->pusher = LG_TAKE(ch->pusher);
    t->report = (struct lg_ctl_report){.records = -1, .records_total = -1};
    t->version = ch->version;
    t->status = LG_PUSH_STARTED;
    t->end_of_push = ch->empty;
    ch->topic_name = lg_strdup(name);
    if (ch->empty)
        ch->counts = lg_new_array(int64_t, (size_t)v->partition_count); /* 0 everywhere */
    ch->writer = (struct lg_topic_writer){
        .kind = LG_TOPIC_WRITE_START,
        .pubsub = c->o.pubsub,
        .lane = c->o.lane,
        .topic = ch->topic_name,
        .partitions = (uint32_t)v->partition_count,
        .config = {.replication = c->o.topic_replication,
                   .min_insync_replicas = c->o.topic_min_insync},
        .start_of_push = ch->start_of_push,
        .sorted = ch->sorted,
        .chunked = v->chunking_enabled,
        .compression = v->compression,
        .dictionary = lg_buf_slice(&ch->dictionary),
        .done = topic_ready,
    };
    lg_change_write_topic(ch, LG_TAKE(t), /* created= */ true);
    lg_change_confirm(ch, make_topic);
    return LG_OK;
}

/* Who holds the store, until when, and what to do about it. */
static enum lg_rc tell_holder(const struct lg_change *ch, struct lg_error *err)
{
    const struct lg_ctl_store *entry = lg_ctl_state_store(ch->c->state, ch->store_name);
    const struct lg_version *v = lg_store_running_push(entry->store);
    const struct lg_ctl_topic *t =
        v == NULL ? NULL : lg_ctl_state_version(ch->c->state, ch->store_name, v->number);
    int64_t now_ms = lg_ctl_clock_ms(ch->c), silent_ms, left_ms;
    LG_AUTO_STR char *until = NULL;

    if (v == NULL)
        return err->rc;
    silent_ms = now_ms - v->heard_clock_ms;
    if (t != NULL && t->end_of_push)
        until = lg_strf("it is written and waits for the servers");
    else if (v->push_lease_ms > 0)
        until = lg_strf("it was heard of %lld s ago; if it stays silent, another push may replace "
                        "it in %lld s",
                        (long long)(silent_ms / 1000),
                        (long long)(LG_MAX(v->push_lease_ms - silent_ms, (int64_t)0) / 1000 + 1));
    else {
        left_ms = v->started_clock_ms + LG_VERSION_LINGER_MS - now_ms;
        until = lg_strf("it gave no lease, so another push may replace it in %lld s",
                        (long long)(LG_MAX(left_ms, (int64_t)0) / 1000 + 1));
    }
    return lg_error_set(err, LG_ERR_CONCURRENT,
                        "push %.100s of store %s (version %d) is still running, by %.60s: %s; wait "
                        "for it, continue it with --push-id, or end it with `lagoon push kill %s "
                        "%d`, then push again",
                        v->push_job_id, ch->store_name, v->number,
                        t == NULL || t->pusher == NULL ? "a pusher that gave no name" : t->pusher,
                        until, ch->store_name, v->number);
}

/* A push that is continued says again whether its swap waits: what it said first holds, and who
 * says another thing is told before a version is served, or is not, against his word. One that is
 * complete is told of as it is. */
static enum lg_rc check_deferral(const struct lg_change *ch, const struct lg_version *v,
                                 struct lg_error *err)
{
    if (v->swap_deferred == ch->swap_deferred || v->status != LG_VERSION_STARTED)
        return LG_OK;
    if (v->swap_deferred)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "push %.100s of store %s (version %d) was begun with --defer-swap; "
                            "continue it with --defer-swap, and when it is complete swap it in "
                            "with `lagoon swap %s %d`",
                            v->push_job_id, ch->store_name, v->number, ch->store_name, v->number);
    return lg_error_set(
        err, LG_ERR_CONFLICT,
        "push %.100s of store %s (version %d) was begun without --defer-swap, and "
        "is served as soon as it is complete; continue it without --defer-swap, or "
        "end it with `lagoon push kill %s %d` and push anew under another --push-id",
        v->push_job_id, ch->store_name, v->number, ch->store_name, v->number);
}

static void begin_push(struct lg_change *ch)
{
    int64_t now_ms = (int64_t)lg_lane_wall_ms(ch->c->o.lane);
    struct lg_store_push push = {
        .push_job_id = ch->text,
        .push_type = ch->push_type,
        .graveyard_largest = 0, /* No store is ever deleted yet. */
        .lease_ms = ch->lease_ms,
        .size_bytes = ch->size_bytes,
        .swap_deferred = ch->swap_deferred,
        .min_active_replicas = (int32_t)ch->c->o.min_active_replicas,
        .now_ms = now_ms,
        .clock_ms = lg_ctl_clock_ms(ch->c),
    };
    bool is_new = false;
    struct lg_error err;
    enum lg_rc rc;

    if (is_left_alone(ch)) { /* If it asks again, that request waits, too. */
        lg_change_end(ch, lg_error_set(&err, LG_ERR_CANCELLED, "who asked for the push went away"),
                      &err);
        return;
    }
    rc = lg_change_take_store(ch, ch->store_name, &err);
    if (rc == LG_OK)
        rc = lg_version_lifecycle_admit(ch->store, &push, &ch->version, &is_new, &ch->replaced,
                                        &err);
    if (rc == LG_ERR_CONCURRENT)
        rc = tell_holder(ch, &err);
    if (rc == LG_OK && is_new) {
        if (ch->empty) {
            version_of(ch)->record_count = 0;
            version_of(ch)->compression = LG_COMPRESSION_NO_OP; /* No values, no dictionary. */
        }
        rc = lg_push_request_check(ch, version_of(ch), &err);
        if (rc == LG_OK)
            rc = begin_version(ch, &err);
        if (rc == LG_OK)
            return;
    }
    if (rc == LG_OK && !is_new)
        rc = check_deferral(ch, version_of(ch), &err);
    if (rc == LG_OK) { /* The same push again. */
        lg_ctl_hear(ch->c, lg_store_version(lg_ctl_state_store(ch->c->state, ch->store_name)->store,
                                            ch->version));
        ch->answer = creation_answer(ch->c, ch->store_name, version_of(ch));
    }
    lg_change_end(ch, rc, &err);
}

const struct lg_change *lg_change_asked_push(const struct lg_controller *c,
                                             const struct lg_store *store, const char *push_job_id)
{
    const struct lg_change *found = NULL;

    LG_LIST_EACH(link, &c->changes)
    {
        const struct lg_change *ch = LG_CONTAINER_OF(link, struct lg_change, link);

        if (ch->begin == begin_push && ch->rq != NULL &&
            (ch->empty || !ch->rq->peer_gone || push_job_id != NULL) &&
            strcmp(ch->store_name, store->name) == 0 &&
            (push_job_id == NULL || strcmp(ch->text, push_job_id) == 0) &&
            lg_store_version_of_push(store, ch->text) == NULL)
            found = ch;
    }
    return found;
}

void lg_handle_request_topic(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_push);
    struct lg_error err;
    enum lg_rc rc = lg_push_request_read(ch, rq, &err);

    ch->store_name = lg_strdup(lg_front_param(rq, "store_name"));
    ch->text = lg_strdup(lg_front_param(rq, "push_job_id"));
    ch->asked_ms = (int64_t)lg_lane_wall_ms(c->o.lane);
    if (rc == LG_OK)
        (void)lg_change_submit(ch);
    else
        lg_change_abandon(ch, &err);
}

/* A version without a record: it begins and ends at once. */
void lg_handle_empty_push(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_push);
    const char *pusher = lg_front_param(rq, "lagoon_pusher");
    struct lg_error err;

    ch->store_name = lg_strdup(lg_front_param(rq, "store_name"));
    ch->text = lg_strdup(lg_front_param(rq, "push_job_id"));
    ch->asked_ms = (int64_t)lg_lane_wall_ms(c->o.lane);
    ch->push_type = LG_PUSH_TYPE_BATCH;
    ch->start_of_push = ch->sorted = ch->empty = true;
    if (pusher != NULL)
        ch->pusher = lg_strf("%.200s", pusher);
    if (lg_front_bool(rq, "defer_version_swap", false, &ch->swap_deferred, &err) == LG_OK)
        (void)lg_change_submit(ch);
    else
        lg_change_abandon(ch, &err);
}

/* --- Ending a push. ----------------------------------------------------------------------------
 */

/* {"<partition>":count,...}; a partition that is not named is not known. `out` has room for
 * `partitions`. */
static enum lg_rc parse_counts(const char *text, uint32_t partitions, int64_t *out, int64_t *total,
                               struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_json *value;
    const char *key;
    enum lg_rc rc = lg_json_parse(lg_slice_str(text), &json, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "partition_record_counts");
    if (lg_json_type(json) != LG_JSON_OBJECT)
        return lg_error_set(err, LG_ERR_INVALID, "partition_record_counts is no JSON object");
    for (uint32_t p = 0; p < partitions; p++)
        out[p] = -1;
    *total = lg_json_size(json) == partitions ? 0 : -1;
    for (size_t at = 0; lg_json_next(json, &at, &key, &value);) {
        int64_t count = lg_json_int(value);
        uint64_t p;

        if (!lg_parse_u64(lg_slice_str(key), UINT32_MAX, &p) || p >= partitions)
            return lg_error_set(err, LG_ERR_INVALID,
                                "partition_record_counts names partition '%.40s'; there are %u",
                                key, partitions);
        if (lg_json_type(value) != LG_JSON_INT || count < -1)
            return lg_error_set(err, LG_ERR_INVALID,
                                "partition_record_counts: the count of partition %s is no number",
                                key);
        out[p] = count;
        *total = *total < 0 || count < 0 || count > INT64_MAX - *total ? -1 : *total + count;
    }
    return LG_OK;
}

static void end_written(struct lg_topic_writer *writer)
{
    struct lg_change *ch = LG_CONTAINER_OF(writer, struct lg_change, writer);
    struct lg_error err;
    enum lg_rc rc = writer->rc;

    if (rc != LG_OK) {
        lg_change_end(ch, rc, &writer->err);
        return;
    }
    rc = lg_change_write_store(ch, &err);
    if (rc != LG_OK)
        lg_change_end(ch, rc, &err);
    else
        lg_change_commit(ch);
}

/* What the pusher says, checked against the version; `*out_again` when it is ended already. */
static enum lg_rc check_end(struct lg_change *ch, const struct lg_ctl_topic *t, bool *out_again,
                            struct lg_error *err)
{
    struct lg_version *v = version_of(ch);
    bool is_explained = t != NULL && t->details != NULL;
    uint32_t partitions;

    if (v == NULL)
        return lg_error_set(err, LG_ERR_NOT_FOUND, "store '%s' has no version %d", ch->store_name,
                            ch->version);
    *out_again = lg_version_lifecycle_job_status(v) == LG_PUSH_COMPLETED ||
                 (t != NULL && t->end_of_push && v->status == LG_VERSION_STARTED);
    if (*out_again)
        return LG_OK;
    if (v->status != LG_VERSION_STARTED || t == NULL)
        return lg_error_set(
            err, LG_ERR_CONFLICT, "version %d of store '%s' is %s%s%s%s; push again", ch->version,
            ch->store_name, lg_version_status_name(v->status), is_explained ? " (" : "",
            is_explained ? t->details : "", is_explained ? ")" : "");
    partitions = (uint32_t)v->partition_count;
    if (ch->text == NULL)
        return LG_OK;
    ch->counts = lg_new_array(int64_t, partitions);
    return parse_counts(ch->text, partitions, ch->counts, &v->record_count, err);
}

static void begin_end_of_push(struct lg_change *ch)
{
    struct lg_controller *c = ch->c;
    const struct lg_ctl_topic *t = lg_ctl_state_version(c->state, ch->store_name, ch->version);
    struct lg_ctl_topic *after;
    bool again = false;
    struct lg_error err;
    enum lg_rc rc = lg_change_take_store(ch, ch->store_name, &err);

    if (rc == LG_OK)
        rc = check_end(ch, t, &again, &err);
    if (rc != LG_OK || again) {
        lg_change_end(ch, rc, &err);
        return;
    }
    lg_ctl_hear(c, version_of(ch));
    version_of(ch)->push_lease_ms = 0; /* Nobody is needed any more. */
    after = lg_ctl_topic_copy(t);
    after->end_of_push = true;
    ch->topic_name = lg_strdup(t->name);
    lg_change_write_topic(ch, after, /* created= */ false);
    ch->writer = (struct lg_topic_writer){
        .kind = LG_TOPIC_WRITE_END,
        .pubsub = c->o.pubsub,
        .lane = c->o.lane,
        .topic = ch->topic_name,
        .partitions = (uint32_t)version_of(ch)->partition_count,
        .counts = ch->counts,
        .done = end_written,
    };
    lg_topic_writer_start(&ch->writer);
}

void lg_handle_end_of_push(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_end_of_push);
    const char *counts = lg_front_param(rq, "partition_record_counts");
    int64_t version;
    struct lg_error err;

    ch->store_name = lg_strdup(lg_front_param(rq, "store_name"));
    ch->text = counts == NULL ? NULL : lg_strdup(counts);
    if (lg_front_number(rq, "version", 1, INT32_MAX, 0, &version, &err) != LG_OK) {
        lg_change_abandon(ch, &err);
        return;
    }
    ch->version = (int32_t)version;
    (void)lg_change_submit(ch);
}

/* --- Killing a push. ---------------------------------------------------------------------------
 */

static void begin_kill(struct lg_change *ch)
{
    const struct lg_ctl_topic *t = lg_ctl_state_topic(ch->c->state, ch->topic_name);
    struct lg_ctl_topic *after;
    struct lg_error err;
    enum lg_rc rc = lg_change_take_store(ch, ch->store_name, &err);

    if (rc == LG_OK && version_of(ch) == NULL && ch->version <= ch->store->largest_used_version &&
        ch->version > 0) {
        lg_change_end(ch, LG_OK, NULL); /* It is gone, which is what was wanted. */
        return;
    }
    if (rc == LG_OK && version_of(ch) == NULL)
        rc = lg_error_set(&err, LG_ERR_NOT_FOUND, "there is no version topic %s", ch->topic_name);
    if (rc == LG_OK)
        rc = lg_store_fail_version(ch->store, ch->version, LG_VERSION_KILLED, &err);
    if (rc == LG_OK)
        rc = lg_change_write_store(ch, &err);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    if (t != NULL && !lg_push_status_is_terminal(t->status)) {
        after = lg_ctl_topic_copy(t);
        lg_ctl_topic_settle(after, LG_PUSH_ERROR, "killed on request");
        lg_change_write_topic(ch, after, /* created= */ false);
    }
    lg_metric_add(&lg_metric_controller_pushes_total, LG_CTL_PUSHES_KILLED, 1);
    lg_log(LG_LOG_INFO, "push_killed", "store=%s version=%d", ch->store_name, ch->version);
    lg_change_commit(ch);
}

void lg_handle_kill_offline_push_job(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_kill);
    const char *topic = lg_front_param(rq, "topic");
    struct lg_slice store;
    struct lg_error err;

    if (lg_names_parse_version_topic(lg_slice_str(topic), &store, &ch->version, &err) != LG_OK) {
        lg_change_abandon(ch, &err);
        return;
    }
    ch->topic_name = lg_strdup(topic);
    ch->store_name = lg_strndup((const char *)store.data, store.size);
    (void)lg_change_submit(ch);
}

/* --- Switching between versions: back, forward, and to one that waits for it.
 * ---------------------------------------------------------------
 */

static void tell_current(struct lg_change *ch)
{
    ch->answer = lg_answer_base(ch->c, ch->store_name);
    lg_json_set_int(ch->answer, "version", ch->version); /* Ours: the current one. */
}

static void switched(struct lg_change *ch)
{
    tell_current(ch);
    lg_log(LG_LOG_INFO, "version_switched", "store=%s version=%d", ch->store_name, ch->version);
}

/* A version that waited for its swap must be whole still, as Venice wants it. A way back to what
 * was served before is never barred. */
static enum lg_rc check_ready(const struct lg_change *ch, struct lg_error *err)
{
    const struct lg_version *before =
        lg_store_version(lg_ctl_state_store(ch->c->state, ch->store_name)->store, ch->version);
    const struct lg_ctl_topic *t = lg_ctl_state_version(ch->c->state, ch->store_name, ch->version);
    struct lg_push_view view = {0};

    if (t != NULL)
        view = lg_push_monitor_view(t, lg_ctl_snapshot(ch->c));
    if (before->status != LG_VERSION_PUSHED ||
        (t != NULL && view.partitions_completed == view.partitions))
        return LG_OK;
    return lg_error_set(err, LG_ERR_CONFLICT,
                        "version %d of store '%s' cannot be served now: %u of its %u partitions "
                        "have a complete replica on a live server; start the servers that are "
                        "missing, or push again",
                        ch->version, ch->store_name, view.partitions_completed, view.partitions);
}

static void begin_switch(struct lg_change *ch, enum lg_rc (*decide)(struct lg_store *, int64_t,
                                                                    int32_t *, struct lg_error *))
{
    int64_t now_ms = (int64_t)lg_lane_wall_ms(ch->c->o.lane);
    struct lg_error err;
    enum lg_rc rc = lg_change_take_store(ch, ch->store_name, &err);

    if (rc == LG_OK && ch->from_version != 0 && ch->store->current_version != ch->from_version) {
        /* Done already: the caller repeats a request whose answer was lost. */
        ch->version = ch->store->current_version;
        tell_current(ch);
        lg_change_end(ch, LG_OK, NULL);
        return;
    }
    if (rc == LG_OK)
        rc = ch->swaps ? lg_store_swap(ch->store, ch->swap_version, now_ms, &ch->version, &err)
                       : decide(ch->store, now_ms, &ch->version, &err);
    if (rc == LG_OK)
        rc = check_ready(ch, &err);
    if (rc == LG_OK)
        rc = lg_change_write_store(ch, &err);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    ch->applied = switched;
    lg_change_commit(ch);
}

static void begin_roll_back(struct lg_change *ch)
{
    begin_switch(ch, lg_store_roll_back);
}

static void begin_roll_forward(struct lg_change *ch)
{
    begin_switch(ch, lg_store_roll_forward);
}

static void handle_switch(struct lg_controller *c, struct lg_http_request *rq,
                          void (*begin)(struct lg_change *))
{
    struct lg_change *ch = lg_change_new(c, rq, begin);
    struct lg_error err = {0};
    int64_t from_version = 0, swap_version = 0;
    enum lg_rc rc =
        lg_front_number(rq, "lagoon_from_version", 1, INT32_MAX, 0, &from_version, &err);

    if (rc == LG_OK)
        rc = lg_front_number(rq, "lagoon_swap_version", 0, INT32_MAX, 0, &swap_version, &err);
    ch->store_name = lg_strdup(lg_front_param(rq, "store_name"));
    ch->from_version = (int32_t)from_version;
    ch->swap_version = (int32_t)swap_version;
    ch->swaps = begin == begin_roll_forward && lg_front_param(rq, "lagoon_swap_version") != NULL;
    if (rc == LG_OK && lg_front_param(rq, "regions_filter") != NULL)
        rc = lg_error_set(&err, LG_ERR_UNSUPPORTED,
                          "regions_filter is not supported: there is one region");
    if (rc != LG_OK)
        lg_change_abandon(ch, &err);
    else
        (void)lg_change_submit(ch);
}

void lg_handle_rollback_to_backup_version(struct lg_controller *c, struct lg_http_request *rq)
{
    handle_switch(c, rq, begin_roll_back);
}

void lg_handle_roll_forward_to_future_version(struct lg_controller *c, struct lg_http_request *rq)
{
    handle_switch(c, rq, begin_roll_forward);
}
