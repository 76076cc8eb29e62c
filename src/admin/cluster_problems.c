#include "admin/cluster_problems.h"

#include <stdarg.h>
#include <stdio.h>

#include "admin/words.h"
#include "base/buf.h"
#include "base/str.h"

#define ROWS_MAX ((size_t)10000) /* of one answer */

static const char *const severities[] = {"error", "warning", "note"};
enum { ERROR, WARNING, NOTE, SEVERITIES };

struct findings {
    const struct lg_json *status, *nodes, *pushes;
    size_t full; /* servers whose disk is low */
    struct lg_json *by_severity[SEVERITIES];
};

static long long number_of(const struct lg_json *object, const char *key)
{
    return (long long)lg_json_get_int(object, key, 0);
}

static const char *text_of(const struct lg_json *object, const char *key)
{
    return lg_json_get_str(object, key, "");
}

static void found(struct findings *f, int severity, const char *kind, const char *what,
                  const char *next)
{
    struct lg_json *row = lg_json_new_object();

    lg_json_set_str(row, "severity", severities[severity]);
    lg_json_set_str(row, "kind", kind);
    lg_json_set_str(row, "what", what);
    lg_json_set_str(row, "next", next);
    lg_json_push(f->by_severity[severity], row);
}

LG_PRINTF(5, 6)
static void foundf(struct findings *f, int severity, const char *kind, const char *next,
                   const char *fmt, ...)
{
    char what[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    found(f, severity, kind, what, next);
}

/* "and 12 more" of what was too much to tell. */
static void more(struct findings *f, int severity, const char *kind, size_t n, const char *of_what,
                 const char *next)
{
    if (n > LG_CLUSTER_PROBLEMS_EACH)
        foundf(f, severity, kind, next, "and %zu more %s", n - LG_CLUSTER_PROBLEMS_EACH, of_what);
}

/* --- Who is missing. -------------------------------------------------------------------------- */

static void look_at_roles(struct findings *f)
{
    const struct lg_json *servers = lg_json_get(f->status, "servers");
    const char *metastore = text_of(f->status, "metastore");
    long long live = number_of(servers, "live");

    if (*text_of(f->status, "leader") == '\0')
        found(f, ERROR, "no_leader", "no controller leads: nothing can be changed or pushed",
              "wait for one session timeout; then look at the log of each controller");
    if (strncmp(metastore, "silent", 6) == 0)
        foundf(f, ERROR, "metastore",
               "bring ZooKeeper back; nothing has to be done to Lagoon: docs/operations/cluster.md",
               "ZooKeeper is %s: reads go on, changes are refused", metastore);
    if (number_of(f->status, "routers") == 0)
        found(f, ERROR, "no_router", "no router is there: nothing can be read through one",
              "start one: systemctl start lagoon-router");
    if (live == 0)
        found(f, ERROR, "no_server", "no server lives: nothing can be read",
              "start them: systemctl start lagoon-server");
    if (live > 1 && number_of(f->status, "controllers") == 1)
        found(f, NOTE, "one_controller", "one controller runs: nobody takes over when it dies",
              "start another one: systemctl start lagoon-controller");
}

/* What the leading controller warns of: Kafka that does not answer, a disk that runs low. */
static void look_at_warnings(struct findings *f)
{
    const struct lg_json *rows = lg_json_get(f->status, "warnings");

    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), ROWS_MAX); i++) {
        const struct lg_json *row = lg_json_at(rows, i);
        const char *name = text_of(row, "name");
        const char *next = "/readyz?verbose of the controller says more";

        if (strcmp(name, "kafka") == 0)
            next = "bring Kafka back, or correct kafka.bootstrap.servers; pushes go on by "
                   "themselves then";
        else if (strcmp(name, "nodes") == 0)
            next = "write back what the nodes of ZooKeeper held, or remove them: who has read them "
                   "before goes on with that, who starts now cannot";
        foundf(f, WARNING, name, next, "the leading controller says of %s: %s", name,
               text_of(row, "reason"));
    }
}

/* --- Servers. --------------------------------------------------------------------------------- */

static void tell_gone(struct findings *f, const struct lg_json *row)
{
    const char *id = text_of(row, "id"), *rebalance = text_of(f->status, "rebalance");
    long long replicas = number_of(row, "replicas");
    char ago[LG_WORDS_MAX];
    LG_AUTO_STR char *next = NULL;

    (void)lg_words_time(ago, lg_json_get_int(row, "goneForMs", 0));
    if (replicas == 0)
        next = lg_strf("if it does not come back: lagoon nodes remove %s", id);
    else if (strncmp(rebalance, "waiting ", 8) == 0)
        next = lg_strf("start it again, and it goes on from what it has; else others take its "
                       "replicas over in %s, or at once by: lagoon nodes remove %s",
                       rebalance + 8, id);
    else
        next = lg_strf("start it again, and it goes on from what it has; if it is gone for good: "
                       "lagoon nodes remove %s",
                       id);
    if (replicas == 0)
        foundf(f, NOTE, "server_gone", next, "server '%s' is gone for %s and holds no replica", id,
               ago);
    else
        foundf(f, WARNING, "server_gone", next, "server '%s' is gone for %s; it holds %lld %s", id,
               ago, replicas, replicas == 1 ? "replica" : "replicas");
}

static void tell_draining(struct findings *f, const struct lg_json *row)
{
    const char *id = text_of(row, "id");
    long long replicas = number_of(row, "replicas");
    long long no_room = number_of(row, "waitingForRoom");
    bool stuck = number_of(lg_json_get(f->status, "replicas"), "moving") == 0;
    LG_AUTO_STR char *next = NULL;

    if (replicas == 0)
        next = lg_strf("stop it and run `lagoon nodes remove %s`, or fill it again: lagoon nodes "
                       "activate %s",
                       id, id);
    else if (no_room > 0)
        next = lg_strf("start another server, or undo it: lagoon nodes activate %s", id);
    else if (stuck)
        next = lg_strf("if this does not change within a minute, too few other servers are there: "
                       "start one, or undo it: lagoon nodes activate %s",
                       id);
    else
        next = lg_strf("wait: lagoon nodes --watch");
    if (replicas == 0)
        foundf(f, NOTE, "server_drained", next, "server '%s' is drained: it holds no replica", id);
    else if (no_room > 0)
        foundf(f, NOTE, "drain_waits", next,
               "server '%s' is being drained and waits for room: no other server can take %lld of "
               "its %lld %s",
               id, no_room, replicas, replicas == 1 ? "replica" : "replicas");
    else
        foundf(f, NOTE, "server_draining", next, "server '%s' is being drained: %lld %s to go", id,
               replicas, replicas == 1 ? "replica" : "replicas");
}

/* It keeps what it holds; the controller gives the rest to others as far as there are any. */
static void tell_full(struct findings *f, const struct lg_json *row)
{
    const char *id = text_of(row, "id");
    long long waiting = number_of(row, "replicas") - number_of(row, "ready");
    LG_AUTO_STR char *next = lg_strf(
        "make room there (other files; stores: lagoon store delete, lagoon store purge), or "
        "start another server and: lagoon nodes drain %s. It goes on by itself, and is "
        "given replicas again when it has had room for a minute",
        id);

    if (waiting > 0)
        foundf(f, WARNING, "disk", next,
               "the disk of server '%s' is low (disk_low_watermark): it takes in nothing, and %lld "
               "of its replicas %s for room; what is complete is read",
               id, waiting, waiting == 1 ? "waits" : "wait");
    else
        foundf(f, WARNING, "disk", next,
               "the disk of server '%s' is low (disk_low_watermark): it takes in nothing; what it "
               "holds is read",
               id);
}

/* A standalone says more of its disk itself: it is the controller's, too. */
static bool leader_warns_of(const struct findings *f, const char *name)
{
    const struct lg_json *rows = lg_json_get(f->status, "warnings");

    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), ROWS_MAX); i++)
        if (strcmp(text_of(lg_json_at(rows, i), "name"), name) == 0)
            return true;
    return false;
}

static void look_at_disks(struct findings *f)
{
    const struct lg_json *rows = lg_json_get(f->nodes, "nodes");
    bool told = leader_warns_of(f, "disk");

    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), ROWS_MAX); i++)
        if (lg_json_get_bool(lg_json_at(rows, i), "diskLow", false) &&
            f->full++ < LG_CLUSTER_PROBLEMS_EACH && !told)
            tell_full(f, lg_json_at(rows, i));
    more(f, WARNING, "disk", told ? 0 : f->full, "servers whose disk is low", "lagoon nodes");
}

static void look_at_servers(struct findings *f)
{
    const struct lg_json *rows = lg_json_get(f->nodes, "nodes");
    const char *release = "";
    size_t gone = 0, draining = 0;
    bool mixed = false;

    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), ROWS_MAX); i++) {
        const struct lg_json *row = lg_json_at(rows, i);
        const char *state = text_of(row, "state"), *its = text_of(row, "release");

        mixed = mixed || (*its != '\0' && *release != '\0' && strcmp(its, release) != 0);
        release = *its != '\0' ? its : release;
        if (strcmp(state, "GONE") == 0 && gone++ < LG_CLUSTER_PROBLEMS_EACH)
            tell_gone(f, row);
        else if (strcmp(state, "DRAINING") == 0 && draining++ < LG_CLUSTER_PROBLEMS_EACH)
            tell_draining(f, row);
    }
    more(f, WARNING, "server_gone", gone, "servers are gone", "lagoon nodes");
    more(f, NOTE, "server_draining", draining, "servers are being drained", "lagoon nodes");
    if (mixed)
        found(f, NOTE, "releases", "servers of different releases run side by side",
              "go on with the upgrade: `lagoon nodes` shows who has which");
}

/* --- Replicas. -------------------------------------------------------------------------------- */

static void look_at_failed(struct findings *f)
{
    const struct lg_json *rows = lg_json_get(f->status, "failed");
    size_t n = LG_MIN(lg_json_size(rows), ROWS_MAX);

    for (size_t i = 0; i < LG_MIN(n, (size_t)LG_CLUSTER_PROBLEMS_EACH); i++) {
        const struct lg_json *row = lg_json_at(rows, i);
        const char *store = text_of(row, "store");
        LG_AUTO_STR char *next =
            lg_strf("remove the cause, then: lagoon replicas reset %s --version %lld --partition "
                    "%lld (with --wipe it is loaded anew)",
                    store, number_of(row, "version"), number_of(row, "partition"));

        foundf(f, WARNING, "replica_failed", next,
               "partition %lld of version %lld of store '%s' failed on server '%s': %s",
               number_of(row, "partition"), number_of(row, "version"), store,
               text_of(row, "instance"), text_of(row, "error"));
    }
    more(f, WARNING, "replica_failed", n, "replicas failed",
         "lagoon nodes (column ERRORS), lagoon replicas STORE");
}

/* Why replicas are missing decides what helps. */
static const char *next_for_missing(const struct findings *f)
{
    const struct lg_json *servers = lg_json_get(f->status, "servers");
    const struct lg_json *rows = lg_json_get(f->status, "underReplicated");
    const struct lg_json *replicas = lg_json_get(f->status, "replicas");
    long long factor = 0;

    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), ROWS_MAX); i++)
        factor = LG_MAX(factor, number_of(lg_json_at(rows, i), "factor"));
    if (number_of(servers, "live") < factor && number_of(servers, "gone") == 0)
        return "there are fewer servers than replicas are wanted: start more, or `lagoon store "
               "update STORE --replication N` from the next push";
    if (number_of(servers, "gone") > 0)
        return "see the servers that are gone";
    if (number_of(replicas, "error") > 0)
        return "see the replicas that failed";
    if (f->full > 0)
        return "see the servers whose disk is low";
    return "they are being loaded: lagoon replicas STORE --watch";
}

static void look_at_missing(struct findings *f)
{
    const struct lg_json *rows = lg_json_get(f->status, "underReplicated");
    long long count = number_of(f->status, "underReplicatedCount"), unread = 0;

    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), ROWS_MAX); i++)
        unread += number_of(lg_json_at(rows, i), "ready") == 0;
    if (unread > 0)
        foundf(f, ERROR, "unreadable", next_for_missing(f),
               "%lld %s of a current version %s no ready replica: reads of their keys fail", unread,
               unread == 1 ? "partition" : "partitions", unread == 1 ? "has" : "have");
    if (count > unread)
        foundf(f, WARNING, "under_replicated", next_for_missing(f),
               "%lld %s under-replicated: all is read, but not every replica is ready",
               count - unread, count - unread == 1 ? "partition is" : "partitions are");
}

/* --- Pushes. ---------------------------------------------------------------------------------- */

/* Is there a newer one of the same store? */
static bool is_newest(const struct lg_json *rows, const struct lg_json *push)
{
    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), ROWS_MAX); i++) {
        const struct lg_json *other = lg_json_at(rows, i);

        if (strcmp(text_of(other, "store"), text_of(push, "store")) == 0 &&
            number_of(other, "version") > number_of(push, "version"))
            return false;
    }
    return true;
}

/* It may have no number yet. */
static void tell_waiting(struct findings *f, const struct lg_json *push, const char *next)
{
    const char *store = text_of(push, "store"), *what = text_of(push, "waitingFor");

    if (strcmp(text_of(push, "state"), "asked") == 0)
        foundf(f, NOTE, "push_waits", next, "a push to store '%s' is asked for and waits for %s",
               store, what);
    else
        foundf(f, NOTE, "push_waits", next, "the push of version %lld of store '%s' waits for %s",
               number_of(push, "version"), store, what);
}

static void look_at_pushes(struct findings *f)
{
    const struct lg_json *rows = lg_json_get(f->pushes, "pushes");
    size_t waiting = 0, failed = 0;

    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), ROWS_MAX); i++) {
        const struct lg_json *push = lg_json_at(rows, i);
        const char *store = text_of(push, "store");
        long long version = number_of(push, "version");
        bool runs = lg_json_get_bool(push, "running", false);
        bool asked = runs && strcmp(text_of(push, "state"), "asked") == 0;
        LG_AUTO_STR char *next =
            asked ? lg_strf("lagoon push status %s %s", store, text_of(push, "pushJobId"))
                  : lg_strf("lagoon push status %s %lld --partitions --servers", store, version);

        if (runs && *text_of(push, "waitingFor") != '\0' && waiting++ < LG_CLUSTER_PROBLEMS_EACH)
            tell_waiting(f, push, next);
        else if (strcmp(text_of(push, "state"), "failed") == 0 && is_newest(rows, push) &&
                 failed++ < LG_CLUSTER_PROBLEMS_EACH)
            foundf(f, NOTE, "push_failed", next,
                   "the newest push of store '%s' (version %lld) failed: %s", store, version,
                   text_of(push, "error"));
    }
    more(f, NOTE, "push_waits", waiting, "pushes wait", "lagoon push list");
    more(f, NOTE, "push_failed", failed, "pushes failed", "lagoon push list");
}

/* --- All of it. ------------------------------------------------------------------------------- */

struct lg_json *lg_cluster_problems(const struct lg_json *status, const struct lg_json *nodes,
                                    const struct lg_json *pushes)
{
    struct findings f = {.status = status, .nodes = nodes, .pushes = pushes};
    struct lg_json *all = lg_json_new_array();

    for (int s = 0; s < SEVERITIES; s++)
        f.by_severity[s] = lg_json_new_array();
    look_at_roles(&f);
    look_at_disks(&f);
    look_at_missing(&f);
    look_at_servers(&f);
    look_at_failed(&f);
    look_at_warnings(&f);
    look_at_pushes(&f);
    for (int s = 0; s < SEVERITIES; s++) {
        for (size_t i = 0; i < lg_json_size(f.by_severity[s]); i++)
            lg_json_push(all, lg_json_ref(lg_json_at(f.by_severity[s], i)));
        lg_json_unref(f.by_severity[s]);
    }
    return all;
}

size_t lg_cluster_problems_count(const struct lg_json *problems, const char *severity)
{
    size_t n = 0;

    for (size_t i = 0; i < lg_json_size(problems); i++)
        n += strcmp(text_of(lg_json_at(problems, i), "severity"), severity) == 0;
    return n;
}
