/* The controller: start, stop, and what wakes it. */
#include "controller/controller.h"

#include "authz/ops_guard.h"
#include "base/log.h"
#include "base/str.h"
#include "controller/core.h"
#include "controller/metrics.h"
#include "coord/assignment.h"
#include "net/http_client.h"

#define CLEANUP_INTERVAL_MS 1000u
#define FAILED_KEEP_MS 60000u
#define ABANDONED_KEEP_MS 3600000u
#define TRASH_GRACE_MS 10000u
#define STOP_GRACE_MS 5000u
#define DELAY_TO_REBALANCE_MS (UINT64_C(30) * 60 * 1000)
#define BLINK_MS 10000u
#define START_TIMEOUT_MS (UINT64_C(16) * 60 * 1000)
#define PUSH_TIMEOUT_MS (UINT64_C(24) * 3600 * 1000)
#define MOVES_MAX 100u
#define DELETED_KEEP_MS (UINT64_C(7) * 24 * 3600 * 1000)

const struct lg_catalog_snapshot *lg_ctl_snapshot(const struct lg_controller *c)
{
    return lg_catalog_current(c->catalog);
}

bool lg_ctl_settled(const struct lg_controller *c)
{
    return c->settled_us != 0 && lg_lane_now_us(c->o.lane) >= c->settled_us;
}

uint16_t lg_controller_port(const struct lg_controller *c)
{
    return lg_http_server_port(c->server);
}

const char *lg_controller_url(const struct lg_controller *c)
{
    return c->url;
}

/* --- What moves it. ----------------------------------------------------------------------------
 */

static void end_if_stopped(struct lg_controller *c)
{
    void (*done)(void *ctx) = c->done;
    void *ctx = c->done_ctx;

    if (!c->stopping || !c->server_stopped || !c->catalog_stopped || c->change_open ||
        c->load_open || c->next_posted || !lg_cleanup_idle(c->cleanup) || !lg_ctl_campaign_over(c))
        return;
    assert(c->change_count == 0);
    lg_timer_stop(c->o.lane, &c->load_pause);
    lg_timer_stop(c->o.lane, &c->reload);
    lg_cleanup_free(c->cleanup);
    lg_ctl_state_free(c->state);
    lg_free(c->host);
    lg_free(c->id);
    lg_free(c->cluster);
    lg_free(c->url);
    lg_free(c->url_host);
    lg_free(c->log_url);
    lg_free(c);
    done(ctx);
}

void lg_ctl_hear(const struct lg_controller *c, struct lg_version *v)
{
    v->push_heard_ms = (int64_t)lg_lane_wall_ms(c->o.lane);
    v->heard_clock_ms = lg_ctl_clock_ms(c);
}

/* Nobody was heard of this push for its lease and a while longer. */
static bool is_abandoned(const struct lg_controller *c, const struct lg_version *v)
{
    return v != NULL &&
           lg_version_lease_expired(v, lg_ctl_clock_ms(c) - (int64_t)c->o.abandoned_keep_ms);
}

/* It found no servers, or was never complete. */
static bool ran_out_of_time(const struct lg_controller *c, const struct lg_ctl_topic *t,
                            const struct lg_version *v, struct lg_error *err)
{
    int64_t now_ms = lg_ctl_clock_ms(c), age_ms = now_ms - v->started_clock_ms;
    uint32_t partition;

    if (age_ms >= (int64_t)c->o.offline_job_start_timeout_ms &&
        lg_ctl_place_lacks_servers(t, &partition)) {
        (void)lg_error_set(err, LG_ERR_UNAVAILABLE,
                           "partition %u found %u of the %u servers that replication factor %u "
                           "needs within %lld s; start servers or lower the factor, and push again",
                           partition, t->placement.parts[partition].count,
                           lg_assignment_min_active(t->placement.factor), t->placement.factor,
                           (long long)(c->o.offline_job_start_timeout_ms / 1000));
        return true;
    }
    if (v->push_lease_ms > 0) /* A pusher that is heard of may take its time. */
        age_ms = LG_MIN(age_ms, now_ms - v->heard_clock_ms);
    if (age_ms < (int64_t)c->o.push_timeout_ms)
        return false;
    (void)lg_error_set(err, LG_ERR_TIMEOUT,
                       "it was not complete within %lld s (push.timeout.ms); look at the servers "
                       "and push again",
                       (long long)(c->o.push_timeout_ms / 1000));
    return true;
}

static void look_at_push(struct lg_controller *c, struct lg_ctl_topic *t)
{
    struct lg_push_view view = lg_push_monitor_view(t, lg_ctl_snapshot(c));
    const struct lg_ctl_store *entry = lg_ctl_state_store(c->state, t->store);
    const struct lg_version *v = entry == NULL ? NULL : lg_store_version(entry->store, t->version);
    struct lg_error err;

    lg_push_monitor_measure(t, lg_ctl_snapshot(c), &view, lg_lane_now_us(c->o.lane));
    if (view.verdict == LG_PUSH_ERROR)
        lg_change_fail_push(c, t);
    else if (entry != NULL && lg_store_check_quota(entry->store, view.bytes, &err) != LG_OK)
        lg_change_stop_push(c, t, LG_VERSION_ERROR, err.text);
    else if (view.verdict == LG_PUSH_COMPLETED)
        lg_change_complete_push(c, t);
    else if (is_abandoned(c, v))
        lg_change_stop_push(c, t, LG_VERSION_KILLED,
                            "its pusher was not heard of any more; push again");
    else if (v != NULL && ran_out_of_time(c, t, v, &err))
        lg_change_stop_push(c, t, LG_VERSION_ERROR, err.text);
}

void lg_ctl_look_at_pushes(struct lg_controller *c)
{
    struct lg_slice key;
    void *value;
    uint64_t running = 0;

    if (c->stopping || !lg_ctl_ready(c) || lg_lane_now_us(c->o.lane) < c->own_not_before_us)
        return;
    for (size_t at = 0; lg_map_next(c->state->topics, &at, &key, &value);) {
        struct lg_ctl_topic *t = value;

        if (!t->deciding && !lg_push_status_is_terminal(t->status))
            look_at_push(c, t);
        running += !lg_push_status_is_terminal(t->status);
    }
    lg_metric_set(&lg_metric_controller_pushes_running, 0, running);
    lg_metric_set(&lg_metric_controller_stores, 0, lg_map_size(c->state->stores));
    lg_metric_set(&lg_metric_controller_changes_waiting, 0, c->change_count);
}

/* Runs by itself, so that neither submit nor end ever calls into another change. */
static void next(struct lg_task *task)
{
    struct lg_controller *c = LG_CONTAINER_OF(task, struct lg_controller, next_change);
    struct lg_change *ch;
    struct lg_error ignored;

    c->next_posted = false;
    if (c->stopping) {
        end_if_stopped(c);
        return;
    }
    if (c->change_open)
        return;
    if (!lg_ctl_leads(c)) {
        if (!lg_ctl_is_cut_off(c, &ignored))
            lg_ctl_forget(c);
        return;
    }
    if (!c->loaded && !lg_timer_armed(&c->load_pause))
        lg_ctl_load(c);
    if (!lg_ctl_ready(c))
        return;
    lg_ctl_look_at_pushes(c);
    lg_ctl_place_look(c);
    lg_ctl_clock_look(c);
    if (lg_list_empty(&c->changes))
        return;
    ch = LG_CONTAINER_OF(c->changes.next, struct lg_change, link);
    c->change_open = true;
    ch->fence = lg_election_fence(c->election);
    ch->begin(ch);
}

void lg_ctl_wake(struct lg_controller *c)
{
    if (c->next_posted)
        return;
    c->next_posted = true;
    c->next_change.run = next;
    lg_lane_post(c->o.lane, &c->next_change);
}

static void catalog_changed(void *ctx, struct lg_catalog_snapshot *snapshot)
{
    struct lg_controller *c = ctx;

    lg_authz_learn(c->authz, snapshot);
    if (c->seen_us == 0)
        c->seen_us = lg_lane_now_us(c->o.lane);
    lg_ctl_wake(c);
}

/* Who asked for a change must not wait for a metastore that is away. */
static void look_at_metastore(struct lg_controller *c)
{
    uint64_t silent_us;
    struct lg_error err;

    if (lg_metastore_silence(c->o.metastore, &silent_us, &err))
        lg_changes_cut_off(c, &err);
    else if (lg_ctl_ready(c))
        c->as_of_us = lg_lane_now_us(c->o.lane) - silent_us;
}

static void look(struct lg_timer *timer)
{
    struct lg_controller *c = LG_CONTAINER_OF(timer, struct lg_controller, look);

    look_at_metastore(c);
    lg_ctl_wake(c);
    lg_timer_start(c->o.lane, &c->look, LG_CTL_LOOK_INTERVAL_US, look);
}

/* --- Start. ------------------------------------------------------------------------------------
 */

static void set_names(struct lg_controller *c)
{
    const struct lg_controller_options *o = &c->o;
    struct lg_error ignored;

    c->url = o->advertised_url != NULL ? lg_strdup(o->advertised_url)
                                       : lg_strf("%s://%s:%u", lg_transport_scheme(o->transport),
                                                 o->host, lg_controller_port(c));
    if (lg_http_parse_url(lg_slice_str(c->url), &c->url_host, &c->url_port, &ignored) != LG_OK)
        c->url_host = lg_strdup(o->host); /* A URL that nobody can use names no host. */
    if (o->log_url != NULL)
        c->log_url = lg_strdup(o->log_url);
    else if (o->pubsub->url != NULL)
        c->log_url = lg_strdup(o->pubsub->url);
    else
        c->log_url = lg_strf("lagoon+%s", c->url);
}

static void set_cluster(struct lg_controller_options *o)
{
    if (o->default_replication_factor == 0)
        o->default_replication_factor = 1;
    if (o->delay_to_rebalance_ms == 0)
        o->delay_to_rebalance_ms = DELAY_TO_REBALANCE_MS;
    if (o->blink_ms == 0)
        o->blink_ms = BLINK_MS;
    if (o->offline_job_start_timeout_ms == 0)
        o->offline_job_start_timeout_ms = START_TIMEOUT_MS;
    if (o->push_timeout_ms == 0)
        o->push_timeout_ms = PUSH_TIMEOUT_MS;
    if (o->error_partition_auto_reset_limit == 0)
        o->error_partition_auto_reset_limit = 1;
    else if (o->error_partition_auto_reset_limit == UINT32_MAX)
        o->error_partition_auto_reset_limit = 0;
    if (o->moves_max == 0)
        o->moves_max = MOVES_MAX;
}

static void ops(void *ctx, struct lg_http_request *rq)
{
    lg_authz_guard_ops(((struct lg_controller *)ctx)->authz, rq);
}

enum lg_rc lg_controller_start(const struct lg_controller_options *options,
                               struct lg_controller **out, struct lg_error *err)
{
    struct lg_controller *c = lg_new(struct lg_controller);
    struct lg_http_server_options http = {
        .transport = options->transport,
        .lane = options->lane,
        .host = options->host,
        .port = options->port,
        .connections_max = options->connections_max,
        .idle_ms = options->idle_ms,
        .listener = LG_HTTP_LISTENER_CONTROLLER,
        .handler = lg_front_handle,
        .ops = ops,
        .ctx = c,
    };
    enum lg_rc rc = lg_http_server_start(&http, &c->server, err);

    if (rc != LG_OK) {
        lg_free(c);
        return lg_error_wrap(err, "controller");
    }
    c->o = *options;
    c->o.cleanup_interval_ms =
        options->cleanup_interval_ms == 0 ? CLEANUP_INTERVAL_MS : options->cleanup_interval_ms;
    c->o.trash_grace_ms = options->trash_grace_ms == 0 ? TRASH_GRACE_MS : options->trash_grace_ms;
    c->o.failed_keep_ms = options->failed_keep_ms == 0 ? FAILED_KEEP_MS : options->failed_keep_ms;
    c->o.deleted_keep_ms =
        options->deleted_keep_ms == 0 ? DELETED_KEEP_MS : options->deleted_keep_ms;
    c->o.abandoned_keep_ms =
        options->abandoned_keep_ms == 0 ? ABANDONED_KEEP_MS : options->abandoned_keep_ms;
    c->o.keep_backups =
        options->keep_backups == 0 ? LG_STORE_KEEP_BACKUPS_DEFAULT : options->keep_backups;
    set_cluster(&c->o);
    c->host = lg_strdup(options->host);
    c->cluster = lg_strdup(options->cluster == NULL ? "lagoon-0" : options->cluster);
    set_names(c);
    lg_list_init(&c->changes);
    c->state = lg_ctl_state_new();
    c->authz = lg_authz_open(options->authz, options->lane, options->transport, /* epoch= */ NULL);
    c->catalog = lg_catalog_start(&(struct lg_catalog_options){
        .metastore = options->metastore,
        .lane = options->lane,
        .changed = catalog_changed,
        .ctx = c,
    });
    c->cleanup = lg_cleanup_start(c);
    lg_ctl_campaign(c);
    lg_timer_start(c->o.lane, &c->look, LG_CTL_LOOK_INTERVAL_US, look);
    *out = c;
    return LG_OK;
}

/* --- Stop. -------------------------------------------------------------------------------------
 */

static void authz_stopped(void *ctx)
{
    struct lg_controller *c = ctx;

    c->server_stopped = true;
    lg_ctl_wake(c);
}

static void server_stopped(void *ctx)
{
    struct lg_controller *c = ctx;

    lg_authz_stop(LG_TAKE(c->authz), c->o.lane, authz_stopped, c);
}

static void catalog_stopped(void *ctx)
{
    struct lg_controller *c = ctx;

    c->catalog_stopped = true;
    lg_ctl_wake(c);
}

void lg_controller_stop(struct lg_controller *c, void (*done)(void *ctx), void *ctx)
{
    struct lg_error err;

    c->stopping = true;
    c->done = done;
    c->done_ctx = ctx;
    lg_timer_stop(c->o.lane, &c->look);
    lg_timer_stop(c->o.lane, &c->load_pause);
    lg_timer_stop(c->o.lane, &c->reload);
    (void)lg_error_set(&err, LG_ERR_UNAVAILABLE, "the controller is stopping; ask again later");
    lg_changes_refuse(c, &err);
    lg_cleanup_stop(c->cleanup);
    lg_ctl_campaign_stop(c);
    lg_http_server_stop(c->server, STOP_GRACE_MS, server_stopped, c);
    lg_catalog_stop(c->catalog, catalog_stopped, c);
}
