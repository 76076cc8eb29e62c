/* The second half of a push: a version, its records, and waiting until it is served; or dropping
 * it. */
#include "base/str.h"
#include "lane/mutant.h"
#include "model/names.h"
#include "pushjob/pushjob_impl.h"
#include "writer/segment.h"

#define POLL_MS 100u
#define ASK_AGAIN_US LG_SEC /* a log whose disk is low */

static void step_wait(struct lg_pushjob *job);
static void step_write(struct lg_pushjob *job);
static void request(struct lg_pushjob *job);

/* --- The version. ------------------------------------------------------------------------------
 */

static void heartbeat_due(struct lg_timer *timer);

static void heartbeat_answered(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, heartbeat);

    job->heartbeat_open = false; /* A lost heartbeat is repeated by the next. */
    if (job->sm.now == LG_PUSH_FINISHED)
        lg_pushjob_finish(&job->finish);
    else
        lg_timer_start(job->o.lane, &job->heartbeat_timer, job->o.lease_ms / 3 * LG_MS,
                       heartbeat_due);
}

static void heartbeat_due(struct lg_timer *timer)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(timer, struct lg_pushjob, heartbeat_timer);
    LG_AUTO_STR char *version = lg_strf("%d", job->outcome.version);
    LG_AUTO_STR char *written = lg_strf("%llu", (unsigned long long)job->written);
    LG_AUTO_STR char *total = lg_strf("%llu", (unsigned long long)job->outcome.records);

    lg_api_call_done(&job->heartbeat);
    lg_api_call_param(&job->heartbeat, "store_name", job->o.store);
    lg_api_call_param(&job->heartbeat, "version", version);
    lg_api_call_param(&job->heartbeat, "lagoon_phase",
                      lg_push_phase_name((enum lg_push_phase)job->sm.now));
    lg_api_call_param(&job->heartbeat, "lagoon_records", written);
    lg_api_call_param(&job->heartbeat, "lagoon_records_total", total);
    job->heartbeat.route = LG_API_push_heartbeat;
    job->heartbeat.deadline_us = lg_lane_now_us(job->o.lane) + job->o.lease_ms / 3 * LG_MS;
    job->heartbeat.done = heartbeat_answered;
    job->heartbeat_open = true;
    lg_api_call_submit(job->api, &job->heartbeat);
}

static void wrote_some(void *ctx, uint64_t records)
{
    struct lg_pushjob *job = ctx;

    job->written = records;
    lg_pushjob_tell(job, records, job->outcome.records);
}

/* All is written: the servers do the rest. */
static void loading(struct lg_pushjob *job)
{
    if (job->o.no_wait) {
        job->outcome.loads = true;
        lg_pushjob_end(job);
        return;
    }
    lg_pushjob_enter(job, LG_PUSH_WAITING);
    step_wait(job);
}

static void end_requested(struct lg_api_call *call);

static void wait_for_log(void *ctx, const struct lg_error *why)
{
    struct lg_pushjob *job = ctx;

    if (job->o.waiting != NULL)
        job->o.waiting(job->o.ctx, why);
}

/* The disk behind the log is low: it is asked again, until the push has no time left to do so. It
 * then ends with the reason why it waited, not with a request that was cut off. */
static bool wait_and(struct lg_pushjob *job, const struct lg_error *why,
                     void (*due)(struct lg_timer *))
{
    if (job->cancelled || lg_lane_now_us(job->o.lane) + ASK_AGAIN_US >= job->deadline_us)
        return false;
    if (why->rc != LG_ERR_TIMEOUT)
        job->held_up = *why;
    wait_for_log(job, why);
    lg_timer_start(job->o.lane, &job->poll_timer, ASK_AGAIN_US, due);
    return true;
}

/* Was it perhaps done, though no answer came? Or not, because the log or the metadata are away? */
static bool is_uncertain(enum lg_rc rc)
{
    return rc == LG_ERR_TIMEOUT || rc == LG_ERR_UNAVAILABLE || rc == LG_ERR_BUSY ||
           rc == LG_ERR_CANCELLED;
}

/* What is to be asked for again while there is time: an answer that was lost, a controller whose
 * log or metadata are away. Both questions may be asked twice: the push id gives the same version,
 * and an end that was written is not written again. At the end of the time the reason that was told
 * last says more than that the last question was cut off. */
static bool waits(struct lg_pushjob *job, struct lg_api_call *call, void (*due)(struct lg_timer *))
{
    if (call->rc == LG_ERR_NO_SPACE || is_uncertain(call->rc)) {
        if (wait_and(job, &call->err, due))
            return true;
        if (call->rc == LG_ERR_TIMEOUT && job->held_up.rc != LG_OK && !job->cancelled) {
            call->err = job->held_up;
            call->rc = call->err.rc;
        }
    } else {
        job->held_up = (struct lg_error){0};
    }
    return false;
}

/* The number of rows per partition, which each server compares with what it took in. */
static void write_counts(struct lg_pushjob *job)
{
    lg_buf_clear(&job->parameter);
    for (uint32_t i = 0; i < job->outcome.partitions; i++)
        lg_buf_appendf(&job->parameter, "%s\"%u\":%llu", i == 0 ? "{" : ",", i,
                       (unsigned long long)lg_rows_count(job->rows, i));
    lg_buf_append_str(&job->parameter, "}");
    lg_buf_append_byte(&job->parameter, 0);
}

static void request_end(struct lg_pushjob *job)
{
    write_counts(job);
    lg_pushjob_prepare(job);
    lg_pushjob_with_number(job, "version", job->outcome.version);
    lg_pushjob_with(job, "partition_record_counts", (const char *)job->parameter.data);
    lg_pushjob_ask(job, LG_API_end_of_push, end_requested);
}

static void end_due(struct lg_timer *timer)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(timer, struct lg_pushjob, poll_timer);

    if (!lg_pushjob_went_wrong(job, NULL))
        request_end(job);
}

static void end_requested(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);

    if (waits(job, call, end_due) || lg_pushjob_went_wrong(job, call))
        return;
    loading(job);
}

static void spread_finished(void *ctx, enum lg_rc rc, const struct lg_error *err)
{
    struct lg_pushjob *job = ctx;

    job->spread_open = false;
    if (job->outcome.rc != LG_OK) { /* lg_pushjob_fail() cancelled it. */
        lg_pushjob_fail(job, &job->outcome.err);
        return;
    }
    if (rc != LG_OK) {
        lg_pushjob_fail(job, err);
        return;
    }
    if (lg_pushjob_went_wrong(job, NULL))
        return;
    lg_pushjob_enter(job, LG_PUSH_ENDING);
    request_end(job);
}

static void step_write(struct lg_pushjob *job)
{
    lg_pushjob_enter(job, LG_PUSH_WRITING);
    job->spread_open = true;
    job->spread = lg_spread_start(&(struct lg_spread_options){
        .lane = job->o.lane,
        .log = job->log,
        .topic = job->topic,
        .rows = job->rows,
        .guid = lg_segment_guid_of(lg_slice_str(job->o.push_id)),
        .schema_id = job->schema_id,
        .chunked = job->outcome.shape.chunked,
        .host_name = job->o.host_name,
        .records_per_second = job->o.records_per_second,
        .deadline_us = job->deadline_us,
        .progress = wrote_some,
        .waits = wait_for_log,
        .finished = spread_finished,
        .ctx = job,
    });
}

/* What became of the push under this id so far, when it began earlier: its version may have ended
 * well or badly meanwhile. True when there is nothing to write any more. */
static bool is_settled(struct lg_pushjob *job, const struct lg_json *ours)
{
    const char *status = lg_json_get_str(ours, "status", "STARTED");
    const char *details = lg_json_get_str(ours, "details", "no reason is known");
    int64_t records = lg_json_get_int(ours, "recordCount", -1);
    struct lg_error err;

    job->outcome.waits_for_swap =
        lg_json_get_bool(ours, "swapDeferred", false) || strcmp(status, "PUSHED") == 0;
    if (strcmp(status, "ERROR") == 0 || strcmp(status, "KILLED") == 0) {
        (void)lg_error_set(&err, LG_ERR_CONFLICT,
                           "the push '%.128s' ended already: version %d is %s (%s); push again "
                           "under another id",
                           job->o.push_id, job->outcome.version, status, details);
        job->outcome.version = 0; /* Nothing of ours is to be dropped. */
        lg_pushjob_fail(job, &err);
        return true;
    }
    if (strcmp(status, "STARTED") == 0 && !lg_json_get_bool(ours, "endOfPush", false))
        return false;
    if (records >= 0 && (uint64_t)records != job->outcome.records) {
        (void)lg_error_set(&err, LG_ERR_CONFLICT,
                           "the push '%.128s' ended already: version %d has %lld records, these "
                           "files have %llu; push them under another id",
                           job->o.push_id, job->outcome.version, (long long)records,
                           (unsigned long long)job->outcome.records);
        job->outcome.version = 0;
        lg_pushjob_fail(job, &err);
    } else {
        loading(job);
    }
    return true;
}

static void request_due(struct lg_timer *timer)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(timer, struct lg_pushjob, poll_timer);

    if (!lg_pushjob_went_wrong(job, NULL))
        request(job);
}

static void version_given(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);
    const char *topic, *url;
    struct lg_error err = {0};

    if (waits(job, call, request_due) || (call->rc != LG_OK && lg_pushjob_went_wrong(job, call)))
        return;
    job->outcome.version = (int32_t)lg_json_get_int(call->answer, "version", 0);
    topic = lg_json_get_str(call->answer, "kafkaTopic", "");
    url = lg_json_get_str(call->answer, "kafkaBootstrapServers", "");
    job->topic = lg_strdup(topic);
    if (lg_pushjob_went_wrong(job, NULL)) /* Cancelled: now it is known what is to be dropped. */
        return;
    if (is_settled(job, lg_json_get(call->answer, "lagoon")))
        return;
    if (lg_json_get_int(call->answer, "partitions", 0) != job->outcome.partitions)
        (void)lg_error_set(&err, LG_ERR_CONFLICT,
                           "store '%s' changed its partition count meanwhile; push again",
                           job->o.store);
    else if (!lg_packer_shape_fits_version(&job->outcome.shape, call->answer))
        (void)!lg_pushjob_shape_changed(job, &err);
    else
        (void)!job->o.open_log(job->o.ctx, url, &job->log, &err);
    if (err.rc != LG_OK) {
        lg_pushjob_fail(job, &err);
        return;
    }
    lg_timer_start(job->o.lane, &job->heartbeat_timer, job->o.lease_ms / 3 * LG_MS, heartbeat_due);
    step_write(job);
}

/* Servers get it with the start of the push, readers from the servers. */
static void with_dictionary(struct lg_pushjob *job)
{
    struct lg_slice dictionary = lg_packer_dictionary(job->packer);

    if (dictionary.size == 0)
        return;
    lg_buf_clear(&job->parameter);
    lg_base64_encode(&job->parameter, dictionary, /* url_safe= */ false);
    lg_buf_append_byte(&job->parameter, 0);
    lg_pushjob_with(job, "compression_dictionary", (const char *)job->parameter.data);
}

static void request(struct lg_pushjob *job)
{
    lg_pushjob_prepare(job);
    lg_pushjob_with(job, "push_job_id", job->o.push_id);
    lg_pushjob_with(job, "defer_version_swap", job->o.defer_swap ? "true" : "false");
    if (job->o.pusher != NULL)
        lg_pushjob_with(job, "lagoon_pusher", job->o.pusher);
    if (job->o.empty) {
        lg_pushjob_ask(job, LG_API_empty_push, version_given);
        return;
    }
    lg_pushjob_with(job, "push_type", "BATCH");
    lg_pushjob_with(job, "start_of_push", "true");
    lg_pushjob_with(job, "push_in_sorted_order", "true");
    lg_pushjob_with_number(job, "store_size", (int64_t)job->outcome.bytes);
    lg_pushjob_with_number(job, "lagoon_lease_ms", (int64_t)job->o.lease_ms);
    with_dictionary(job);
    lg_pushjob_ask(job, LG_API_request_topic, version_given);
}

void lg_pushjob_request(struct lg_pushjob *job)
{
    lg_pushjob_enter(job, LG_PUSH_REQUESTING);
    request(job);
}

/* --- Failing. ----------------------------------------------------------------------------------
 */

static void killed(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);

    if (call->rc != LG_OK) /* The lease sees to it; the first error is the one to tell. */
        (void)lg_error_wrap(&job->outcome.err, "version %d could not be dropped (%s)",
                            job->outcome.version, call->err.text);
    lg_pushjob_end(job);
}

static void kill_version(struct lg_pushjob *job)
{
    char topic[LG_NAMES_TOPIC_MAX + 1];

    lg_names_version_topic(topic, job->o.store, job->outcome.version);
    lg_pushjob_prepare(job);
    lg_pushjob_with(job, "topic", topic);
    lg_pushjob_with_number(job, "version", job->outcome.version);
    lg_pushjob_ask(job, LG_API_kill_offline_push_job, killed);
}

/* Its version is still being made: for nobody any more, so that none will be left. */
static bool is_asked(const struct lg_json *answer)
{
    return strcmp(lg_json_get_str(lg_json_get(answer, "push"), "state", ""), "asked") == 0;
}

/* No answer came in the time of the push; the controller that is asked what became of it may know
 * why. */
static void explain_timeout(struct lg_pushjob *job, const struct lg_api_call *call)
{
    const struct lg_json *push = lg_json_get(call->answer, "push");
    struct lg_error before = job->outcome.err;
    const char *why = NULL;

    if (before.rc != LG_ERR_TIMEOUT)
        return;
    if (call->rc == LG_ERR_UNAVAILABLE)
        why = call->err.text;
    else if (call->rc == LG_OK && call->age_ms >= 0)
        why = call->age_reason;
    if (why != NULL)
        (void)lg_error_set(&job->outcome.err, before.rc, "%s: %s", before.text, why);
    else if (call->rc == LG_OK && is_asked(call->answer))
        (void)lg_error_set(&job->outcome.err, before.rc,
                           "%s: it waits for %s; see whether the log%s%s answers", before.text,
                           lg_json_get_str(push, "waitingFor", "its turn"),
                           lg_json_get_str(push, "log", NULL) == NULL ? "" : " at ",
                           lg_json_get_str(push, "log", ""));
}

static void version_found(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);

    explain_timeout(job, call);
    if (call->rc == LG_OK && (job->o.empty || !is_asked(call->answer)))
        job->outcome.version =
            (int32_t)lg_json_get_int(lg_json_get(call->answer, "push"), "version", 0);
    if (job->outcome.version == 0)
        lg_pushjob_end(
            job); /* There is none, as far as anybody knows: else the lease sees to it. */
    else
        kill_version(job);
}

void lg_pushjob_fail(struct lg_pushjob *job, const struct lg_error *err)
{
    bool unknown =
        job->sm.now == LG_PUSH_REQUESTING && job->outcome.version == 0 && is_uncertain(err->rc);

    if (job->outcome.rc == LG_OK) {
        job->outcome.rc = err->rc;
        job->outcome.err = *err;
    }
    if (job->spread_open) { /* Comes back through spread_finished. */
        lg_spread_cancel(job->spread);
        return;
    }
    if ((job->outcome.version == 0 && !unknown) || job->sm.now == LG_PUSH_CONFIRMING) {
        lg_pushjob_end(job);
        return;
    }
    lg_pushjob_enter(job, LG_PUSH_KILLING);
    job->deadline_us = lg_lane_now_us(job->o.lane) + LG_PUSHJOB_CALL_TIMEOUT_MS * LG_MS;
    if (!unknown) {
        kill_version(job);
        return;
    }
    lg_pushjob_prepare(job);
    lg_pushjob_with(job, "push_job_id", job->o.push_id);
    lg_pushjob_ask(job, LG_API_push_status, version_found);
}

/* --- Until it is served. -----------------------------------------------------------------------
 */

static void routers_told(struct lg_serving_wait *wait)
{
    lg_pushjob_tell(wait->user, wait->confirmed, wait->router_count);
}

static void confirmed(struct lg_serving_wait *wait)
{
    struct lg_pushjob *job = wait->user;
    struct lg_error err = wait->err;

    job->serving_open = false;
    if (lg_pushjob_went_wrong(job, NULL))
        return;
    if (wait->rc == LG_ERR_TIMEOUT)
        (void)lg_error_set(&err, LG_ERR_TIMEOUT,
                           "version %d is not served after %llu s by every router, though it is "
                           "the current one: %s",
                           job->outcome.version, (unsigned long long)(job->o.timeout_ms / 1000),
                           wait->lagging == NULL ? "no router is live" : wait->lagging);
    if (wait->rc != LG_OK)
        lg_pushjob_fail(job, &err);
    else
        lg_pushjob_end(job);
}

static void confirm(struct lg_pushjob *job)
{
    if (lg_mutant(LG_MUTANT_push_ends_unserved)) {
        lg_pushjob_end(job);
        return;
    }
    lg_pushjob_enter(job, LG_PUSH_CONFIRMING);
    job->serving_open = true;
    job->serving = (struct lg_serving_wait){
        .lane = job->o.lane,
        .http = job->http,
        .api = job->api,
        .store = job->o.store,
        .version = job->outcome.version,
        .or_newer = true,
        .needs_router = true,
        .deadline_us = job->deadline_us,
        .progress = routers_told,
        .done = confirmed,
        .user = job,
    };
    lg_serving_wait_start(&job->serving);
}

static void poll_again(struct lg_pushjob *job, void (*due)(struct lg_timer *))
{
    struct lg_error err;

    if (lg_lane_now_us(job->o.lane) < job->deadline_us) {
        lg_timer_start(job->o.lane, &job->poll_timer, POLL_MS * LG_MS, due);
        return;
    }
    (void)lg_error_set(&err, LG_ERR_TIMEOUT,
                       "version %d is not served after %llu s; it was dropped",
                       job->outcome.version, (unsigned long long)(job->o.timeout_ms / 1000));
    lg_pushjob_fail(job, &err);
}

/* The push's own deadline ended the call: what to tell is what was waited for, not the call. */
static bool ran_out(struct lg_pushjob *job, const struct lg_api_call *call)
{
    return call->rc == LG_ERR_TIMEOUT && !job->cancelled &&
           lg_lane_now_us(job->o.lane) >= job->deadline_us;
}

static void wait_due(struct lg_timer *timer)
{
    step_wait(LG_CONTAINER_OF(timer, struct lg_pushjob, poll_timer));
}

static void job_answered(struct lg_api_call *call)
{
    struct lg_pushjob *job = LG_CONTAINER_OF(call, struct lg_pushjob, call);
    const struct lg_json *progress;
    const char *status;
    struct lg_error err = {0};

    if (ran_out(job, call)) {
        poll_again(job, wait_due);
        return;
    }
    if (lg_pushjob_went_wrong(job, call))
        return;
    status = lg_json_get_str(call->answer, "status", "");
    progress = lg_json_get(call->answer, "progress");
    lg_pushjob_tell(job, (uint64_t)lg_json_get_int(progress, "recordsIngested", 0),
                    job->outcome.records);
    if (strcmp(status, "COMPLETED") == 0) {
        if (job->outcome.waits_for_swap)
            lg_pushjob_end(job);
        else
            confirm(job);
    } else if (strcmp(status, "ERROR") == 0 || strcmp(status, "ARCHIVED") == 0) {
        (void)lg_error_set(&err, LG_ERR_FAILED, "version %d failed: %s", job->outcome.version,
                           lg_json_get_str(call->answer, "statusDetails", "no reason is known"));
        lg_pushjob_fail(job, &err);
    } else {
        poll_again(job, wait_due);
    }
}

static void step_wait(struct lg_pushjob *job)
{
    lg_pushjob_prepare(job);
    lg_pushjob_with_number(job, "version", job->outcome.version);
    lg_pushjob_ask(job, LG_API_job, job_answered);
}
