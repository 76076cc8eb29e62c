/* When has a cluster all its replicas? What the leading controller says is compared with what each
 * server and each router says, so that the death of any one process may follow at once. */
#include "base/clock.h"
#include "base/str.h"
#include "test/lib/cluster.h"
#include "test/test.h"

#define SERVERS c->nodes[LG_CLUSTER_SERVER]
#define ROUTERS c->nodes[LG_CLUSTER_ROUTER]

struct view {
    struct lg_cluster *c;
    uint16_t leader; /* its port */
    struct lg_json
        *servers[LG_CLUSTER_NODES_MAX]; /* what each says of itself; NULL: it is not there */
    char why_not[400];
};

static bool is_there(const struct lg_cluster_node *n)
{
    return n->runs && !n->paused;
}

/* NULL: no answer, or not 200. */
static struct lg_json *try_json(uint16_t port, const char *target)
{
    LG_SCOPED(lg_reply) reply = {0};

    if (!lg_ask_try(&(struct lg_question){.port = port, .target = target}, &reply) ||
        reply.status != 200)
        return NULL;
    return lg_rig_json(lg_buf_slice(&reply.body));
}

static bool no(struct view *v, const char *fmt, ...) LG_PRINTF(2, 3);
static bool no(struct view *v, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(v->why_not, sizeof v->why_not, fmt, ap);
    va_end(ap);
    return false;
}

/* --- Who lives. ------------------------------------------------------------------------------- */
static const struct lg_json *find(const struct lg_json *list, const char *member, const char *text)
{
    for (size_t i = 0; i < lg_json_size(list); i++)
        if (strcmp(lg_json_get_str(lg_json_at(list, i), member, ""), text) == 0)
            return lg_json_at(list, i);
    return NULL;
}

static bool nodes_agree(struct view *v)
{
    const struct lg_cluster *c = v->c;
    LG_AUTO(lg_json) *json = try_json(v->leader, "/v1/nodes");
    const struct lg_json *nodes = lg_json_get(json, "nodes");

    if (json == NULL)
        return no(v, "the leader does not tell of nodes");
    for (unsigned i = 0; i < c->count[LG_CLUSTER_SERVER]; i++) {
        const struct lg_json *node = find(nodes, "id", SERVERS[i].name);
        const char *state = lg_json_get_str(node, "state", "absent");
        bool lives = strcmp(state, "LIVE") == 0 || strcmp(state, "DRAINING") == 0;

        if (lives != is_there(&SERVERS[i]))
            return no(v, "%s is %s", SERVERS[i].name, state);
        lg_json_unref(v->servers[i]);
        v->servers[i] = is_there(&SERVERS[i]) ? try_json(SERVERS[i].port, "/v1/replicas") : NULL;
    }
    return true;
}

/* --- Replicas. -------------------------------------------------------------------------------- */
/* Does the server say of itself that it has all of it? */
static bool server_has(const struct view *v, const char *instance, const char *topic, int64_t p)
{
    const struct lg_cluster *c = v->c;

    for (unsigned i = 0; i < c->count[LG_CLUSTER_SERVER]; i++) {
        const struct lg_json *list = lg_json_get(v->servers[i], "replicas");

        if (strcmp(SERVERS[i].name, instance) != 0)
            continue;
        for (size_t n = 0; n < lg_json_size(list); n++) {
            const struct lg_json *r = lg_json_at(list, n);

            if (strcmp(lg_json_get_str(r, "topic", ""), topic) == 0 &&
                lg_json_get_int(r, "partition", -1) == p)
                return strcmp(lg_json_get_str(r, "status", ""), "COMPLETED") == 0;
        }
    }
    return false;
}

static bool router_has(const struct lg_json *state, const char *instance, int64_t p)
{
    const struct lg_json *list = lg_json_get(state, "replicaStates");

    for (size_t i = 0; i < lg_json_size(list); i++) {
        const struct lg_json *r = lg_json_at(list, i);

        if (lg_json_get_int(r, "partition", -1) == p &&
            strcmp(lg_json_get_str(r, "participantId", ""), instance) == 0)
            return strcmp(lg_json_get_str(r, "venicePushStatus", ""), "COMPLETED") == 0;
    }
    return false;
}

/* Of each partition as many as the factor asks for, by all accounts. `state`: a router's. */
static bool partitions_agree(struct view *v, const struct lg_json *version,
                             const struct lg_json *state)
{
    const char *topic = lg_json_get_str(version, "topic", "");
    const struct lg_json *partitions = lg_json_get(version, "partitions");

    for (size_t p = 0; p < lg_json_size(partitions); p++) {
        const struct lg_json *partition = lg_json_at(partitions, p);
        const struct lg_json *replicas = lg_json_get(partition, "replicas");
        const char *leader = lg_json_get_str(partition, "leader", "");
        int64_t number = lg_json_get_int(partition, "partition", -1), whole = 0;
        bool leads = false;

        for (size_t i = 0; i < lg_json_size(replicas); i++) {
            const struct lg_json *r = lg_json_at(replicas, i);
            const char *instance = lg_json_get_str(r, "instance", "");

            if (strcmp(lg_json_get_str(r, "status", ""), "COMPLETED") != 0 ||
                !lg_json_get_bool(r, "live", false) || !server_has(v, instance, topic, number) ||
                !router_has(state, instance, number))
                continue;
            whole++;
            leads = leads || (strcmp(instance, leader) == 0 &&
                              strcmp(lg_json_get_str(r, "state", ""), "LEADER") == 0);
        }
        if (whole < lg_json_get_int(version, "factor", 1) || !leads)
            return no(v, "%s, partition %lld: %lld of %lld replicas, %s", topic, (long long)number,
                      (long long)whole, (long long)lg_json_get_int(version, "factor", 1),
                      leads ? "with a leader" : "without a leader");
    }
    return true;
}

static bool version_agrees(struct view *v, const struct lg_json *version)
{
    const struct lg_cluster *c = v->c;
    LG_AUTO_STR char *target = lg_strf("/resource_state/%s", lg_json_get_str(version, "topic", ""));

    for (unsigned i = 0; i < c->count[LG_CLUSTER_ROUTER]; i++) {
        LG_AUTO(lg_json) *state = NULL;

        if (!is_there(&ROUTERS[i]))
            continue;
        state = try_json(ROUTERS[i].port, target);
        if (state == NULL)
            return no(v, "%s does not answer %s", ROUTERS[i].name, target);
        if (!partitions_agree(v, version, state))
            return false;
    }
    return true;
}

static bool stores_agree(struct view *v)
{
    LG_AUTO(lg_json) *list = try_json(v->leader, "/list_stores");
    const struct lg_json *stores = lg_json_get(list, "stores");

    if (list == NULL)
        return no(v, "the leader does not list stores");
    for (size_t i = 0; i < lg_json_size(stores); i++) {
        struct lg_slice name = lg_json_string(lg_json_at(stores, i));
        LG_AUTO_STR char *target = lg_strf("/v1/replicas?store_name=%.*s", LG_FMT(name));
        LG_AUTO(lg_json) *json = try_json(v->leader, target);
        const struct lg_json *versions = lg_json_get(json, "versions");

        if (json == NULL)
            return no(v, "the leader does not answer %s", target);
        for (size_t n = 0; n < lg_json_size(versions); n++)
            if (lg_json_get_bool(lg_json_at(versions, n), "current", false) &&
                !version_agrees(v, lg_json_at(versions, n)))
                return false;
    }
    return true;
}

static bool is_ready(struct view *v)
{
    LG_SCOPED(lg_reply) reply = {0};
    struct lg_question q = {.port = v->leader, .target = "/readyz?verbose"};

    if (!lg_ask_try(&q, &reply))
        return no(v, "the leader does not answer");
    return strstr(lg_reply_text(&reply), "[+]replication") != NULL ||
           no(v, "the leader says: %.300s", lg_reply_text(&reply));
}

static bool is_replicated(struct lg_cluster *c, void *ctx)
{
    struct view *v = ctx;

    if (lg_clock_mono_us() < c->settled_us)
        return false;
    v->leader = c->nodes[LG_CLUSTER_CONTROLLER][lg_cluster_leader(c)].port;
    return is_ready(v) && nodes_agree(v) && stores_agree(v);
}

void lg_cluster_wait_replicated(struct lg_cluster *c)
{
    struct view v = {.c = c};

    lg_cluster_until(c, is_replicated, &v, v.why_not);
    for (unsigned i = 0; i < LG_CLUSTER_NODES_MAX; i++)
        lg_json_unref(v.servers[i]);
}
