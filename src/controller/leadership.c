/* Whether this controller leads, and what follows from it.
 *
 *     start ─▶ is this the cluster? ─▶ announce, campaign ─▶ follow ⇄ lead
 *
 * Leading begins with reading all metadata (load.c), and nothing is decided before. Losing refuses
 * what waits and forgets what was known, but not while the metastore is away: then nobody can
 * change anything, and reads are answered from what was known, which the answers say. A change that
 * is under way then ends by itself: it carries the fence of the term in which it began, so that its
 * write is applied only if nobody else was elected since.
 */
#include "base/log.h"
#include "base/str.h"
#include "controller/core.h"
#include "controller/metrics.h"
#include "net/tls.h"

bool lg_ctl_leads(const struct lg_controller *c)
{
    return c->term != 0 && c->election != NULL && lg_election_leads(c->election) &&
           lg_election_term(c->election) == c->term;
}

bool lg_ctl_is_cut_off(const struct lg_controller *c, struct lg_error *err)
{
    uint64_t ignored_us;

    return lg_metastore_silence(c->o.metastore, &ignored_us, err);
}

bool lg_ctl_ready(const struct lg_controller *c)
{
    struct lg_error ignored;

    return lg_ctl_leads(c) && c->loaded && lg_ctl_snapshot(c) != NULL &&
           !lg_ctl_is_cut_off(c, &ignored);
}

bool lg_ctl_holds(const struct lg_controller *c)
{
    return c->refused.rc == LG_OK && !c->forgotten && c->as_of_us != 0 &&
           lg_ctl_snapshot(c) != NULL;
}

uint64_t lg_ctl_held_ms(const struct lg_controller *c)
{
    return (lg_lane_now_us(c->o.lane) - c->as_of_us) / LG_MS;
}

enum lg_rc lg_ctl_not_leader(const struct lg_controller *c, struct lg_error *err)
{
    const char *url = lg_controller_leader_url(c);

    if (c->refused.rc != LG_OK) {
        *err = c->refused;
        return err->rc;
    }
    /* Neither what it believes of itself nor whom it last saw lead is known to be true. */
    if (lg_ctl_is_cut_off(c, err))
        return err->rc;
    if (lg_ctl_leads(c))
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "the controller is still reading its metadata; ask again");
    if (url == NULL)
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "no controller leads cluster '%s' at this moment, so nothing can be "
                            "changed; ask again, and if it stays so see whether ZooKeeper answers",
                            c->cluster);
    return lg_error_set(err, LG_ERR_MISDIRECTED,
                        "this controller does not lead cluster '%s'; the one that does is at %s",
                        c->cluster, url);
}

bool lg_controller_leads(const struct lg_controller *c)
{
    return lg_ctl_leads(c);
}

uint64_t lg_controller_term(const struct lg_controller *c)
{
    return c->election == NULL ? 0 : lg_election_term(c->election);
}

const char *lg_controller_leader_url(const struct lg_controller *c)
{
    return c->election == NULL ? NULL : lg_election_leader_url(c->election);
}

const char *lg_controller_refused(const struct lg_controller *c)
{
    return c->refused.rc == LG_OK ? NULL : c->refused.text;
}

bool lg_controller_ready(const struct lg_controller *c)
{
    const char *url = lg_controller_leader_url(c);
    struct lg_error ignored;

    if (c->refused.rc != LG_OK)
        return false;
    if (lg_ctl_leads(c))
        return lg_ctl_ready(c);
    return url != NULL && strcmp(url, c->url) != 0 && lg_ctl_snapshot(c) != NULL &&
           !lg_ctl_is_cut_off(c, &ignored);
}

void lg_controller_resign(struct lg_controller *c)
{
    if (c->election != NULL)
        lg_election_resign(c->election);
}

/* --- Winning and losing. -----------------------------------------------------------------------
 */

static void lead(struct lg_controller *c)
{
    c->term = lg_election_term(c->election);
    c->loaded = false;
    lg_metric_add(&lg_metric_controller_elections_total, 0, 1);
    lg_log(LG_LOG_INFO, "controller_leads", "cluster=%s term=%llu", c->cluster,
           (unsigned long long)c->term);
}

static void follow(struct lg_controller *c)
{
    struct lg_error err;
    uint64_t term = c->term;

    c->term = 0;
    c->loaded = false;
    if (!lg_ctl_is_cut_off(c, &err))
        (void)lg_error_set(&err, LG_ERR_UNAVAILABLE,
                           "this controller does not lead cluster '%s' any more; ask again",
                           c->cluster);
    lg_changes_refuse(c, &err);
    lg_ctl_place_end();
    lg_log(LG_LOG_WARN, "controller_follows", "cluster=%s term_lost=%llu", c->cluster,
           (unsigned long long)term);
}

void lg_ctl_forget(struct lg_controller *c)
{
    if (c->forgotten)
        return;
    c->forgotten = true;
    lg_ctl_state_free(c->state);
    c->state = lg_ctl_state_new();
}

static void elected(void *ctx)
{
    struct lg_controller *c = ctx;
    const char *url = lg_election_leader_url(c->election);

    if (c->term != 0 && !lg_ctl_leads(c))
        follow(c);
    if (c->term == 0 && lg_election_leads(c->election))
        lead(c);
    else if (c->term == 0)
        lg_log(LG_LOG_INFO, "leader_seen", "cluster=%s term=%llu url=%s", c->cluster,
               (unsigned long long)lg_election_term(c->election), url == NULL ? "(none)" : url);
    lg_metric_set(&lg_metric_controller_leads, 0, c->term != 0);
    lg_metric_set(&lg_metric_controller_term, 0, lg_election_term(c->election));
    lg_ctl_wake(c);
}

/* --- Start. ------------------------------------------------------------------------------------
 */

static void election_stopped(void *ctx)
{
    struct lg_controller *c = ctx;

    c->election = NULL;
    lg_ctl_wake(c);
}

static void stop_election(struct lg_controller *c)
{
    if (c->election == NULL || c->election_stopping)
        return;
    c->election_stopping = true;
    lg_election_stop(c->election, election_stopped, c);
}

static void fail(struct lg_controller *c, const struct lg_error *err)
{
    c->refused = *err;
    lg_log(LG_LOG_ERROR, "controller_refused", "cluster=%s reason=\"%s\"", c->cluster, err->text);
    stop_election(c);
    if (c->term != 0)
        follow(c);
    if (c->o.failed != NULL && !c->stopping)
        c->o.failed(c->o.failed_ctx, err);
}

static void announce_failed(void *ctx, const struct lg_error *err)
{
    fail(ctx, err);
}

static void announce(struct lg_controller *c)
{
    struct lg_json *json = lg_json_new_object();
    LG_SCOPED(lg_buf) value = {0};
    LG_AUTO_STR char *path = lg_strf("/controllers/%s", c->id);

    lg_json_set_str(json, "url", c->url);
    lg_json_set_str(json, "release", LAGOON_VERSION);
    lg_json_set_str(json, "identity", c->identity);
    lg_json_write(&value, json, /* pretty= */ false);
    lg_json_unref(json);
    lg_buf_append_byte(&value, 0);
    c->announce = lg_announce_start(&(struct lg_announce_options){
        .lane = c->o.lane,
        .metastore = c->o.metastore,
        .path = path,
        .value = (const char *)value.data,
        .identity = c->identity,
        .conflict_ms = c->o.conflict_ms,
        .failed = announce_failed,
        .ctx = c,
    });
}

static void cluster_checked(struct lg_cluster_check *check)
{
    struct lg_controller *c = LG_CONTAINER_OF(check, struct lg_controller, cluster_check);

    c->checking = false;
    if (c->stopping) {
        lg_ctl_wake(c);
        return;
    }
    if (check->rc != LG_OK) {
        fail(c, &check->err);
        return;
    }
    announce(c);
    c->election = lg_election_start(&(struct lg_election_options){
        .lane = c->o.lane,
        .metastore = c->o.metastore,
        .id = c->id,
        .url = c->url,
        .identity = c->identity,
        .changed = elected,
        .ctx = c,
    });
}

void lg_ctl_campaign(struct lg_controller *c)
{
    char id[LG_NAMES_INSTANCE_MAX + 1];
    struct lg_error ignored;

    if (lg_names_instance(id, lg_tls_plain_host(c->url_host), c->url_port, &ignored) != LG_OK)
        (void)snprintf(id, sizeof id, "controller_%u", c->url_port);
    c->id = lg_strdup(id);
    lg_announce_make_identity(c->o.lane, c->identity);
    c->forgotten = true;
    c->checking = true;
    c->cluster_check = (struct lg_cluster_check){.metastore = c->o.metastore,
                                                 .lane = c->o.lane,
                                                 .name = c->cluster,
                                                 .creates = true,
                                                 .done = cluster_checked};
    lg_cluster_check_submit(&c->cluster_check);
}

/* --- Stop. -------------------------------------------------------------------------------------
 */

static void announce_stopped(void *ctx)
{
    struct lg_controller *c = ctx;

    c->announce = NULL;
    lg_ctl_wake(c);
}

bool lg_ctl_campaign_over(const struct lg_controller *c)
{
    return !c->checking && c->announce == NULL && c->election == NULL;
}

void lg_ctl_campaign_stop(struct lg_controller *c)
{
    if (c->checking)
        lg_cluster_check_cancel(&c->cluster_check);
    if (c->announce != NULL)
        lg_announce_stop(c->announce, announce_stopped, c);
    stop_election(c);
}
