/* How replicas move, as the metadata tell it: a partition never has fewer complete replicas for a
 * move, its leader changes only when the old one has let go, nothing moves because a server blinks,
 * and no push is complete without the leaders' replicas.
 *
 * The leading controller decides on what it read a moment ago. So it is judged only where nothing
 * has changed for a while: what it may take for live is `calm`. */
#include "base/str.h"
#include "lane/lane.h"
#include "model/names.h"
#include "model/placement.h"
#include "sim/checkers/checkers.h"

#define ME "make_before_break"

static struct lg_sim_topic *topic_of(struct lg_history *h, struct lg_slice topic)
{
    struct lg_slice store;
    struct lg_error err;
    int32_t version;

    if (lg_names_parse_version_topic(topic, &store, &version, &err) != LG_OK ||
        version >= LG_HISTORY_VERSIONS_MAX)
        return NULL;
    for (unsigned i = 0; i < LG_HISTORY_STORES; i++)
        if (lg_slice_eq_str(store, lg_history_store_name(i)))
            return &h->topics[i][version];
    return NULL;
}

/* "server2_8888" is bit 2; 0: none of the servers. */
static unsigned bit_of(const char *instance)
{
    if (instance == NULL || strncmp(instance, "server", 6) != 0)
        return 0;
    return instance[6] >= '0' && instance[6] < '0' + LG_HISTORY_SERVERS_MAX
               ? 1u << (instance[6] - '0')
               : 0;
}

static unsigned set_of(char *const *ids, uint32_t n)
{
    unsigned set = 0;

    for (uint32_t i = 0; i < n; i++)
        set |= bit_of(ids[i]);
    return set;
}

static unsigned count(unsigned set)
{
    return (unsigned)__builtin_popcount(set);
}

/* --- Reports of servers: /replicas/<topic>/<instance>. -----------------------------------------
 */

static unsigned number_of(unsigned bit)
{
    return (unsigned)__builtin_ctz(bit);
}

/* It does not tell any more that its replica is complete. */
static void untell(struct lg_sim_topic *t, uint32_t partition, unsigned bit, uint64_t now_us)
{
    if ((t->told[partition] & bit) != 0)
        t->untold_us[partition][number_of(bit)] = now_us;
    t->told[partition] &= ~bit;
}

void lg_check_reported(struct lg_history *h, const char *path, struct lg_slice value, bool removed,
                       uint64_t now_us)
{
    const char *name = path + strlen("/replicas/"), *slash = strchr(name, '/');
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err;
    struct lg_sim_topic *t;
    unsigned bit;

    if (slash == NULL || (!removed && lg_json_parse(value, &json, &err) != LG_OK))
        return;
    t = topic_of(h, lg_slice(name, (size_t)(slash - name)));
    bit = bit_of(slash + 1);
    for (uint32_t p = 0; t != NULL && bit != 0 && p < LG_HISTORY_PARTITIONS; p++) {
        char key[2] = {(char)('0' + p), '\0'};
        struct lg_replica_report report = {0};
        const struct lg_json *one = lg_json_get(json, key);
        bool known = one != NULL && lg_replica_report_from_json(one, &report, &err) == LG_OK;
        bool told = known && report.status == LG_PUSH_COMPLETED;

        if (told != ((t->told[p] & bit) != 0))
            t->told_us = now_us;

        if (known && report.error != NULL && (t->gone[p] & bit) != 0) {
            if (strstr(report.error, "retention has removed") == NULL)
                lg_history_violate(h, ME,
                                   "%s passed over what retention has removed, and says of "
                                   "partition %u: %s",
                                   path, p, report.error);
            t->gone[p] &= ~bit;
        }
        t->leads[p] &= ~bit;
        if (known && report.state == LG_REPLICA_LEADER)
            t->leads[p] |= bit;
        if (told) {
            t->complete[p] |= bit;
            t->told[p] |= bit;
            if (t->both_us[p] == 0 && count(t->told[p]) > 1)
                t->both_us[p] = LG_MAX(now_us, UINT64_C(1));
        } else {
            untell(t, p, bit, now_us);
        }
    }
}

bool lg_check_is_thin(const struct lg_history *h, unsigned store, unsigned router,
                      uint64_t begun_us)
{
    const struct lg_sim_store *s = &h->stores[store];

    for (int32_t v = LG_MAX(s->served[router], 1); v <= s->version_max; v++) {
        const struct lg_sim_topic *t = &h->topics[store][v];

        for (unsigned p = 0; t->done && p < LG_HISTORY_PARTITIONS; p++)
            if (t->both_us[p] == 0 || begun_us < t->both_us[p] + LG_CHECK_HEARD_US)
                return true;
    }
    return false;
}

void lg_check_removed(struct lg_history *h, unsigned server, const char *topic, uint32_t partition)
{
    struct lg_sim_topic *t = topic_of(h, lg_slice_str(topic));

    if (t != NULL && partition < LG_HISTORY_PARTITIONS)
        t->gone[partition] |= 1u << server;
}

void lg_check_metadata_over(struct lg_history *h)
{
    for (unsigned s = 0; s < LG_HISTORY_STORES; s++)
        for (unsigned v = 0; v < LG_HISTORY_VERSIONS_MAX; v++) {
            struct lg_sim_topic *t = &h->topics[s][v];

            t->unsure = true;
            memset(t->led_by, 0, sizeof t->led_by);
        }
}

void lg_check_server_over(struct lg_history *h, unsigned server)
{
    for (unsigned s = 0; s < LG_HISTORY_STORES; s++)
        for (unsigned v = 0; v < LG_HISTORY_VERSIONS_MAX; v++)
            for (unsigned p = 0; p < LG_HISTORY_PARTITIONS; p++) {
                h->topics[s][v].told[p] &= ~(1u << server);
                h->topics[s][v].gone[p] &= ~(1u << server);
                h->topics[s][v].untold_us[p][server] = 0;
            }
}

/* Routers learn first that it is not there any more, and have time to do so: only then is
 * "<topic>/<partition>/CURRENT" removed. */
void lg_check_destroyed(struct lg_history *h, unsigned server, const char *path, uint64_t now_us)
{
    const char *dot = strrchr(path, '.');
    struct lg_sim_topic *t;
    uint64_t untold_us;
    unsigned p;

    if (dot == NULL || dot[1] < '0' || dot[1] >= '0' + LG_HISTORY_PARTITIONS ||
        strcmp(dot + 2, "/CURRENT") != 0)
        return;
    t = topic_of(h, lg_slice(path, (size_t)(dot - path)));
    p = (unsigned)(dot[1] - '0');
    if (t == NULL)
        return;
    untold_us = t->untold_us[p][server];
    if ((t->told[p] & 1u << server) != 0)
        lg_history_violate(h, ME,
                           "server%u removes its replica of partition %u of topic %.*s, and still "
                           "tells routers that it is complete",
                           server, p, (int)(dot - path), path);
    else if (untold_us != 0 && now_us < untold_us + LG_HISTORY_GRACE_MS * LG_MS)
        lg_history_violate(h, ME,
                           "server%u removes its replica of partition %u of topic %.*s %llu ms "
                           "after routers were told so",
                           server, p, (int)(dot - path), path,
                           (unsigned long long)((now_us - untold_us) / LG_MS));
}

bool lg_check_topic_done(struct lg_history *h, const char *topic)
{
    const struct lg_sim_topic *t = topic_of(h, lg_slice_str(topic));

    return t != NULL && t->known && t->done;
}

void lg_check_drained(struct lg_history *h, unsigned server)
{
    for (unsigned s = 0; s < LG_HISTORY_STORES; s++)
        for (unsigned v = 0; v < LG_HISTORY_VERSIONS_MAX; v++)
            for (unsigned p = 0; p < LG_HISTORY_PARTITIONS; p++)
                if (h->topics[s][v].known && !h->topics[s][v].unsure &&
                    (h->topics[s][v].listed[p] & 1u << server) != 0)
                    lg_history_violate(h, ME,
                                       "server%u is drained and said to hold nothing, and has "
                                       "partition %u of version %u of store '%s'",
                                       server, p, v, lg_history_store_name(s));
}

unsigned lg_check_zones_of(const struct lg_history *h, unsigned servers)
{
    unsigned zones = 0;

    for (unsigned i = 0; i < LG_HISTORY_SERVERS_MAX && h->zones > 0; i++)
        if ((servers & 1u << i) != 0)
            zones |= 1u << i % h->zones;
    return count(zones);
}

/* --- What the leading controller knows of servers: /nodes/<instance>. --------------------------
 */

/* It writes this before it decides on it, one after the other. */
void lg_check_gone(struct lg_history *h, const char *path, struct lg_slice value, uint64_t now_us)
{
    unsigned bit = bit_of(path + strlen("/nodes/"));
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err;
    bool gone;

    if (bit == 0 || lg_json_parse(value, &json, &err) != LG_OK)
        return;
    gone = lg_json_get_int(json, "goneSinceMs", 0) != 0;
    for (unsigned i = 0; i < LG_HISTORY_SERVERS_MAX; i++)
        if (bit == 1u << i)
            h->gone_seen_us[i] = gone ? now_us : 0;
}

/* --- What the leading controller assigns. ------------------------------------------------------
 */

struct view { /* One partition, before and after a write. */
    const char *topic;
    uint32_t partition;
    unsigned before, after, goal_before, goal_after, complete, leads, was_led_by, led_by;
    uint32_t factor;
};

static void check_move(struct lg_history *h, const struct view *v)
{
    unsigned ready_before = v->before & v->complete & h->calm;
    unsigned ready_after = v->after & v->complete;

    if ((ready_before & ~v->after) != 0 &&
        count(ready_after) < LG_MIN(count(ready_before), (unsigned)v->factor))
        lg_history_violate(h, ME,
                           "partition %u of topic %s had %u complete replicas and is left with %u",
                           v->partition, v->topic, count(ready_before), count(ready_after));
    if (v->was_led_by != v->led_by && v->led_by != 0 && (v->was_led_by & h->calm & v->leads) != 0)
        lg_history_violate(h, ME,
                           "partition %u of topic %s has a new leader while the old one leads",
                           v->partition, v->topic);
    if ((v->before & h->blinks) != 0 && (v->goal_after & ~(v->before | v->goal_before)) != 0)
        lg_history_violate(h, ME,
                           "a replica of partition %u of topic %s moves at once when a server is "
                           "away for a moment",
                           v->partition, v->topic);
}

/* A new topic, when all servers are well: its replicas are in as many zones as can be. */
static void check_zones(struct lg_history *h, const struct view *v)
{
    if (h->zones > 0 && h->all != 0 && count(v->goal_after) >= v->factor &&
        lg_check_zones_of(h, v->goal_after) < LG_MIN(h->zones, (unsigned)v->factor))
        lg_history_violate(h, ME,
                           "partition %u of topic %s is placed in %u zones, and there are %u",
                           v->partition, v->topic, lg_check_zones_of(h, v->goal_after), h->zones);
}

/* Its number is not used again; what servers told of it ends with it. */
static void forget_topic(struct lg_sim_topic *t, uint64_t now_us)
{
    struct lg_sim_topic after = {0};

    for (uint32_t p = 0; p < LG_HISTORY_PARTITIONS; p++)
        for (unsigned i = 0; i < LG_HISTORY_SERVERS_MAX; i++)
            untell(t, p, 1u << i, now_us);
    memcpy(after.untold_us, t->untold_us, sizeof after.untold_us);
    *t = after;
}

void lg_check_assigned(struct lg_history *h, const char *path, struct lg_slice value, bool removed,
                       uint64_t now_us)
{
    const char *name = path + strlen("/assignment/");
    struct lg_sim_topic *t = topic_of(h, lg_slice_str(name));
    LG_SCOPED(lg_placement) placement = {0};
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err;

    if (t == NULL)
        return;
    if (removed) {
        forget_topic(t, now_us);
        return;
    }
    if (lg_json_parse(value, &json, &err) != LG_OK ||
        lg_placement_from_json(json, &placement, &err) != LG_OK) {
        lg_history_violate(h, ME, "%s cannot be read: %s", path, err.text);
        return;
    }
    for (uint32_t p = 0; p < placement.partitions && p < LG_HISTORY_PARTITIONS; p++) {
        const struct lg_placement_partition *part = &placement.parts[p];
        struct view v = {.topic = name,
                         .partition = p,
                         .before = t->listed[p],
                         .after = set_of(part->ids, part->count),
                         .goal_before = t->goal[p],
                         .complete = t->complete[p],
                         .leads = t->leads[p],
                         .was_led_by = t->led_by[p],
                         .led_by = bit_of(part->leader),
                         .factor = placement.factor};

        v.goal_after = part->wanted_count > 0 ? set_of(part->wanted, part->wanted_count) : v.after;
        if (t->known && !t->unsure)
            check_move(h, &v);
        else
            check_zones(h, &v);
        t->listed[p] = v.after;
        t->goal[p] = v.goal_after;
        t->led_by[p] = v.led_by;
    }
    t->known = true;
    t->unsure = false;
}

static void check_leaders(struct lg_history *h, const char *store, int64_t version,
                          struct lg_sim_topic *t)
{
    for (uint32_t p = 0; p < LG_HISTORY_PARTITIONS && !t->done; p++)
        if ((t->led_by[p] & h->calm & ~t->complete[p]) != 0)
            lg_history_violate(h, ME,
                               "version %lld of store '%s' is complete, and the leader of "
                               "partition %u is not",
                               (long long)version, store, p);
    t->done = true;
}

void lg_check_completed(struct lg_history *h, const char *path, struct lg_slice value)
{
    const char *name = path + strlen("/stores/");
    LG_AUTO(lg_json) *json = NULL;
    const struct lg_json *versions;
    struct lg_error err;

    if (lg_json_parse(value, &json, &err) != LG_OK)
        return;
    versions = lg_json_get(json, "versions");
    for (size_t i = 0; i < lg_json_size(versions); i++) {
        const struct lg_json *v = lg_json_at(versions, i);
        const char *status = lg_json_get_str(v, "status", "");
        int64_t number = lg_json_get_int(v, "number", 0);
        LG_AUTO_STR char *topic = lg_strf("%s_v%lld", name, (long long)number);
        struct lg_sim_topic *t = topic_of(h, lg_slice_str(topic));

        if (t != NULL && t->known &&
            (strcmp(status, "ONLINE") == 0 || strcmp(status, "PUSHED") == 0))
            check_leaders(h, name, number, t);
    }
}
