/* The replicas of one server: what of the assignment changes is read, each replica is told what is
 * wanted of it. */
#include "server/replica_manager.h"

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "coord/assignment.h"
#include "coord/cluster_id.h"
#include "lane/mutant.h"
#include "model/names.h"
#include "model/placement.h"
#include "server/metrics.h"
#include "server/replica_set.h"

#define JUNK_MAX 1000u
#define ASSIGNMENT "/assignment"

/* --- Topics. -----------------------------------------------------------------------------------
 */

static struct lg_held_topic *topic_new(struct lg_replica_manager *m, const char *name,
                                       uint32_t partitions)
{
    struct lg_held_topic *t = lg_new(struct lg_held_topic);

    t->manager = m;
    t->name = lg_strdup(name);
    t->partition_count = partitions;
    t->held = lg_new_array(struct lg_held *, partitions);
    lg_list_push_back(&m->topics, &t->link);
    (void)lg_map_put(m->by_name, lg_slice_str(t->name), t);
    return t;
}

static void topic_free(struct lg_held_topic *t)
{
    if (t->awaited)
        lg_replica_manager_read(t->manager, t->name);
    (void)lg_map_remove(t->manager->by_name, lg_slice_str(t->name));
    if (t->manager->o.serving != NULL)
        lg_serving_remove(t->manager->o.serving, lg_slice_str(t->name));
    lg_list_remove(&t->link);
    lg_free(t->held);
    lg_free(t->name);
    lg_free(t);
}

void lg_held_topic_free_if_gone(struct lg_held_topic *t)
{
    if (t->count == 0 && !t->dirty && !t->in_publish && !t->looked_at)
        topic_free(t);
}

bool lg_held_has(const struct lg_replica_manager *m, const char *topic, uint32_t partition)
{
    const struct lg_held_topic *t = lg_map_get(m->by_name, lg_slice_str(topic));

    return t != NULL && partition < t->partition_count && t->held[partition] != NULL;
}

/* --- What the assignment says. -----------------------------------------------------------------
 */

/* Of "/assignment/cities_v1". */
static const char *topic_of(const char *path)
{
    return path + strlen(ASSIGNMENT "/");
}

/* Said once of each node, however often it is read. */
static void tell_junk(struct lg_replica_manager *m, const char *path, const char *why)
{
    if (lg_map_get(m->junk, lg_slice_str(path)) != NULL || lg_map_size(m->junk) >= JUNK_MAX)
        return;
    (void)lg_map_put(m->junk, lg_slice_str(path), m);
    lg_log(LG_LOG_ERROR, "assignment_unreadable", "path=%s reason=\"%s\"", path, why);
}

/* False when it cannot be read: then what we have of it stays as it is. */
static bool read_node(struct lg_replica_manager *m, const char *path, const struct lg_blob *value,
                      struct lg_placement *out)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = {0};
    struct lg_slice store;
    int32_t version;
    enum lg_rc rc =
        lg_names_parse_version_topic(lg_slice_str(topic_of(path)), &store, &version, &err);

    if (rc == LG_OK && value->bytes.size == 0)
        rc = lg_error_set(&err, LG_ERR_BAD_DATA, "it is empty");
    if (rc == LG_OK)
        rc = lg_json_parse(value->bytes, &json, &err);
    if (rc == LG_OK)
        rc = lg_placement_from_json(json, out, &err);
    if (rc == LG_OK && out->partitions == 0) {
        lg_placement_done(out);
        rc = lg_error_set(&err, LG_ERR_BAD_DATA, "it has no partitions");
    }
    if (rc != LG_OK)
        tell_junk(m, path, err.text);
    else
        (void)lg_map_remove(m->junk, lg_slice_str(path));
    return rc == LG_OK;
}

static struct lg_replica_wish wish_of(const struct lg_replica_manager *m,
                                      const struct lg_placement *p, uint32_t partition)
{
    const struct lg_placement_partition *part = &p->parts[partition];
    struct lg_placement_reset reset = lg_placement_reset_of(p, partition, m->instance);

    return (struct lg_replica_wish){.ours = lg_placement_lists(part, m->instance),
                                    .leads = lg_placement_leads(part, m->instance),
                                    .term = part->term,
                                    .reset = lg_mutant(LG_MUTANT_reset_forgets) ? 0 : reset.number,
                                    .wipe = reset.wipe};
}

static void wish(struct lg_held *h, const struct lg_replica_wish *what)
{
    bool was_wanted = h->life.wanted;
    int64_t term = h->life.term;

    lg_replica_life_wish(&h->life, what);
    /* Named anew before it heard that it was named no more: it leads by the new term. */
    if (h->life.sm.now == LG_LIFE_IS_LEADER && h->life.leads && h->life.term != term)
        lg_replica_report_touch(h->topic, /* now= */ true);
    if (was_wanted && !h->life.wanted)
        lg_log(LG_LOG_INFO, "replica_not_ours", "topic=%s partition=%u", h->topic->name,
               h->partition);
    lg_held_drive(h);
}

static bool may_hold(struct lg_replica_manager *m, const char *name, uint32_t partition)
{
    if (lg_replica_sweep_is_at(m, name, partition)) {
        m->sweep.awaited = true; /* Read again when it is gone. */
        return false;
    }
    if (m->replicas < LG_ASSIGNMENT_REPLICAS_MAX)
        return true;
    lg_log(LG_LOG_ERROR, "replica_refused", "topic=%s partition=%u limit=%u", name, partition,
           LG_ASSIGNMENT_REPLICAS_MAX);
    return false;
}

/* All replicas of a topic that is not assigned any more, or made anew with other partitions. */
static void leave(struct lg_held_topic *t)
{
    t->looked_at = true;
    for (uint32_t p = 0; p < t->partition_count; p++)
        if (t->held[p] != NULL)
            wish(t->held[p], &(struct lg_replica_wish){.term = t->held[p]->life.term});
    t->looked_at = false;
    lg_held_topic_free_if_gone(t);
}

static void follow(struct lg_replica_manager *m, const char *path, const struct lg_blob *value)
{
    const char *name = topic_of(path);
    struct lg_held_topic *t = lg_map_get(m->by_name, lg_slice_str(name));
    LG_SCOPED(lg_placement) placement = {0};

    if (!read_node(m, path, value, &placement))
        return;
    if (t != NULL && t->partition_count != placement.partitions) {
        t->awaited = true; /* Its end comes back here. */
        leave(t);
        return;
    }
    for (uint32_t p = 0; p < placement.partitions; p++) {
        struct lg_replica_wish want = wish_of(m, &placement, p);
        struct lg_held *h = t == NULL ? NULL : t->held[p];

        if (h == NULL && (!want.ours || !may_hold(m, name, p)))
            continue;
        if (t == NULL)
            t = topic_new(m, name, placement.partitions);
        t->looked_at = true;
        wish(h == NULL ? lg_held_new(t, p) : h, &want);
    }
    if (t == NULL)
        return;
    t->looked_at = false;
    lg_held_topic_free_if_gone(t);
}

bool lg_replica_manager_may_be_ours(struct lg_replica_manager *m, const struct lg_map *news,
                                    const struct lg_leftover *l)
{
    LG_AUTO_STR char *path = lg_strf(ASSIGNMENT "/%s", l->topic);
    const struct lg_news *said = lg_map_get(news, lg_slice_str(path));
    LG_SCOPED(lg_placement) placement = {0};

    if (said == NULL || said->value == NULL)
        return said != NULL && said->unreadable;
    if (!read_node(m, path, said->value, &placement))
        return true;
    return l->partition < placement.partitions &&
           lg_placement_lists(&placement.parts[l->partition], m->instance);
}

/* --- Reading it. -------------------------------------------------------------------------------
 */

/* What the mirror follows, in this order: when a topic's assignment is gone, is there still one at
 * all; and whose is it? Had it been emptied before, that is gone, too, or another one. */
enum root { TOPICS, ALL_OF_THEM, ORIGIN, ROOTS };

static const struct lg_mirror_root roots[ROOTS] = {
    [TOPICS] = {ASSIGNMENT, 1}, [ALL_OF_THEM] = {ASSIGNMENT, 0}, [ORIGIN] = {LG_CLUSTER_PATH, 0}};

static void news_free(struct lg_map *news)
{
    struct lg_slice path;
    void *said;
    size_t at = 0;

    while (lg_map_next(news, &at, &path, &said)) {
        lg_blob_unref(((struct lg_news *)said)->value);
        lg_free(said);
    }
    lg_map_free(news);
}

/* It waits for the end of the round, and until the metadata are ours. */
static void hear(struct lg_replica_manager *m, const char *path, const struct lg_blob *value,
                 bool unreadable)
{
    struct lg_news *said = lg_map_get(m->news, lg_slice_str(path));

    if (said == NULL) {
        said = lg_new(struct lg_news);
        (void)lg_map_put(m->news, lg_slice_str(path), said);
    }
    lg_blob_unref(said->value);
    said->value = value == NULL ? NULL : lg_blob_new(value->bytes);
    said->unreadable = unreadable;
}

static void leaf(void *ctx, size_t root, const char *path, const struct lg_blob *value)
{
    struct lg_replica_manager *m = ctx;

    switch ((enum root)root) {
    case TOPICS:
        hear(m, path, value, /* unreadable= */ false);
        m->there |= value != NULL;
        if (value == NULL)
            lg_mirror_read_also(m->mirror, ALL_OF_THEM, ASSIGNMENT);
        if (m->cluster_id != NULL)
            lg_mirror_read_also(m->mirror, ORIGIN, LG_CLUSTER_PATH);
        break;
    case ALL_OF_THEM:
        m->there = value != NULL;
        break;
    default:
        lg_blob_unref(m->origin);
        m->origin = value == NULL ? NULL : lg_blob_new(value->bytes);
        break;
    }
}

/* Whatever it says, nothing is removed for it. */
static void unreadable(void *ctx, size_t root, const char *path, const struct lg_error *err)
{
    struct lg_replica_manager *m = ctx;

    if (root == TOPICS) {
        tell_junk(m, path, err->text);
        hear(m, path, NULL, /* unreadable= */ true);
    } else if (root == ORIGIN) {
        lg_blob_unref(m->origin);
        m->origin = lg_blob_new(LG_SLICE_NULL);
    }
    m->there |= root != ORIGIN;
}

static enum lg_rc judge_origin(const struct lg_replica_manager *m, struct lg_error *err)
{
    char id[LG_CLUSTER_ID_CHARS + 1] = "";

    if (m->cluster_id == NULL)
        return LG_OK;
    if (m->origin == NULL)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "the metadata of the cluster are gone from ZooKeeper, "
                            "even " LG_CLUSTER_PATH "; restore it");
    if (lg_cluster_id_check(m->origin->bytes, m->cluster, id, err) != LG_OK)
        return err->rc = LG_ERR_CONFLICT;
    if (strcmp(id, m->cluster_id) != 0)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "the replicas here are of the cluster %s with the id %s, but the "
                            "one in ZooKeeper has the id %s; restore ZooKeeper",
                            m->cluster, m->cluster_id, id[0] == '\0' ? "(none)" : id);
    return LG_OK;
}

/* What makes a reading one that must not be followed, although it came through. */
static void judge_reading(struct lg_replica_manager *m)
{
    bool holds = m->replicas > 0 || (!m->sweep.judged && m->sweep.waiting.size > 0);

    m->not_ours = (struct lg_error){0};
    if (judge_origin(m, &m->not_ours) == LG_OK && !m->there && holds)
        (void)lg_error_set(&m->not_ours, LG_ERR_CONFLICT,
                           "the metadata hold no assignment at all, not even " ASSIGNMENT
                           ", which no controller removes: restore ZooKeeper, or make that "
                           "node if nothing is to be assigned");
}

static void follow_news(struct lg_replica_manager *m)
{
    struct lg_map *news = m->news;
    struct lg_slice path;
    void *value;
    size_t at = 0;

    m->news = lg_map_new();
    while (lg_map_next(news, &at, &path, &value)) {
        LG_AUTO_STR char *text = lg_strf("%.*s", LG_FMT(path));
        const struct lg_news *said = value;
        struct lg_held_topic *t = lg_map_get(m->by_name, lg_slice_str(topic_of(text)));

        if (said->unreadable)
            continue;
        if (said->value != NULL)
            follow(m, text, said->value);
        else
            (void)lg_map_remove(m->junk, path);
        if (said->value == NULL && t != NULL)
            leave(t);
    }
    lg_replica_sweep_judge(m, news);
    news_free(news);
    m->settled |= lg_list_empty(&m->queue) && m->opening == 0;
}

static void not_read(struct lg_replica_manager *m, const struct lg_error *why)
{
    if (!m->read_failed)
        lg_log(LG_LOG_WARN, "assignment_not_read", "reason=\"%s\"", why->text);
    m->read_failed = true;
}

static void reading_failed(void *ctx, const struct lg_error *err)
{
    not_read(ctx, err);
}

static void current(void *ctx)
{
    struct lg_replica_manager *m = ctx;

    judge_reading(m);
    if (m->not_ours.rc != LG_OK) { /* Until any of it changes. */
        not_read(m, &m->not_ours);
        /* A standalone gets its assignment with the next push; one server of a cluster would be
         * taken for complete, and the next one restarted. */
        m->settled |= m->cluster_id == NULL;
        return;
    }
    if (m->read_failed)
        lg_log(LG_LOG_INFO, "assignment_read_again", "instance=%s", m->instance);
    m->read_failed = false;
    m->read_once = true;
    follow_news(m);
}

/* What we published is gone with the session. What is being published may belong to it. */
static void session_lost(void *ctx)
{
    lg_replica_report_touch_all(ctx);
}

void lg_replica_manager_begin(struct lg_replica_manager *m)
{
    m->mirror = lg_mirror_start(
        &(struct lg_mirror_options){.metastore = m->o.metastore,
                                    .lane = m->o.lane,
                                    .roots = roots,
                                    .root_count = m->cluster_id == NULL ? ORIGIN : ROOTS,
                                    .leaf = leaf,
                                    .unreadable = unreadable,
                                    .current = current,
                                    .session_lost = session_lost,
                                    .failed = reading_failed,
                                    .ctx = m});
}

void lg_replica_manager_read(struct lg_replica_manager *m, const char *topic)
{
    LG_AUTO_STR char *path = lg_strf(ASSIGNMENT "/%s", topic);

    if (!m->stopping)
        lg_mirror_read_again(m->mirror, TOPICS, path);
}

/* --- Life. -------------------------------------------------------------------------------------
 */

struct lg_replica_manager *lg_replica_manager_start(const struct lg_replica_manager_options *o)
{
    struct lg_replica_manager *m = lg_new(struct lg_replica_manager);

    m->o = *o;
    m->instance = lg_strdup(o->instance);
    m->o.instance = m->instance;
    if (o->cluster != NULL && o->cluster_id != NULL && o->cluster_id[0] != '\0') {
        m->cluster = lg_strdup(o->cluster);
        m->cluster_id = lg_strdup(o->cluster_id);
    }
    m->o.opens_max = o->opens_max == 0 ? LG_REPLICA_OPENS_MAX : o->opens_max;
    m->o.drop_grace_ms = o->drop_grace_ms == 0 ? LG_REPLICA_DROP_GRACE_MS : o->drop_grace_ms;
    m->by_name = lg_map_new();
    m->junk = lg_map_new();
    lg_list_init(&m->topics);
    lg_list_init(&m->queue);
    m->news = lg_map_new();
    lg_replica_audit_start(m);
    lg_replica_sweep_list(m);
    return m;
}

static void mirror_stopped(void *ctx)
{
    struct lg_replica_manager *m = ctx;

    m->mirror = NULL;
    lg_replica_manager_end_if_idle(m);
}

void lg_replica_manager_end_if_idle(struct lg_replica_manager *m)
{
    void (*stopped)(void *ctx) = m->stopped;
    void *ctx = m->stopped_ctx;

    if (!m->stopping || m->mirror != NULL || m->publishing || m->sweep.busy || m->replicas > 0 ||
        !lg_replica_audit_is_idle(m))
        return;
    LG_LIST_EACH(it, &m->topics)
    topic_free(LG_CONTAINER_OF(it, struct lg_held_topic, link));
    lg_replica_sweep_done(m);
    lg_timer_stop(m->o.lane, &m->progress);
    lg_map_free(m->by_name);
    lg_map_free(m->junk);
    news_free(m->news);
    lg_blob_unref(m->origin);
    lg_free(m->instance);
    lg_free(m->cluster);
    lg_free(m->cluster_id);
    lg_free(m);
    stopped(ctx);
}

void lg_replica_manager_speak(struct lg_replica_manager *m, bool speaks)
{
    if (m->withdrawing || m->stopping)
        return;
    m->speaks = speaks;
    if (speaks)
        lg_replica_report_touch_all(m);
}

void lg_replica_manager_withdraw(struct lg_replica_manager *m, void (*done)(void *ctx), void *ctx)
{
    assert(!m->withdrawing);
    m->withdrawing = true;
    m->withdrawn = done;
    m->withdrawn_ctx = ctx;
    lg_timer_start(m->o.lane, &m->progress, 0, lg_replica_report_due);
}

/* Every replica closes in its own time; the last one ends the manager. */
static void close_all(struct lg_replica_manager *m)
{
    LG_LIST_EACH(it, &m->topics)
    {
        struct lg_held_topic *t = LG_CONTAINER_OF(it, struct lg_held_topic, link);

        t->looked_at = true; /* The list goes on behind it. */
        for (uint32_t p = 0; p < t->partition_count; p++)
            if (t->held[p] != NULL) {
                t->held[p]->life.ending = true;
                lg_held_drive(t->held[p]);
            }
        t->looked_at = false;
    }
}

void lg_replica_manager_stop(struct lg_replica_manager *m, void (*stopped)(void *ctx), void *ctx)
{
    bool was_withdrawn = m->withdrawing;

    m->stopping = true;
    m->stopped = stopped;
    m->stopped_ctx = ctx;
    m->withdrawn = NULL;
    lg_timer_stop(m->o.lane, &m->progress);
    lg_replica_sweep_stop(m);
    if (!was_withdrawn)
        lg_replica_report_touch_all(m);
    close_all(m);
    lg_replica_audit_stop(m);
    if (m->mirror != NULL)
        lg_mirror_stop(m->mirror, mirror_stopped, m);
}

/* --- Finding. ----------------------------------------------------------------------------------
 */

enum lg_replica_found lg_replica_manager_find(struct lg_replica_manager *m, struct lg_slice topic,
                                              uint32_t partition, struct lg_replica **out)
{
    const struct lg_held_topic *t = lg_map_get(m->by_name, topic);
    const struct lg_held *h;

    if (t == NULL || partition >= t->partition_count || t->held[partition] == NULL)
        return LG_REPLICA_NOT_OURS;
    h = t->held[partition];
    if (h->task == NULL)
        return LG_REPLICA_NOT_READY;
    *out = lg_ingest_task_replica(h->task);
    return *out == NULL ? LG_REPLICA_NOT_READY : LG_REPLICA_SERVING;
}

enum lg_replica_found lg_replica_manager_find_any(struct lg_replica_manager *m,
                                                  struct lg_slice topic, struct lg_replica **out)
{
    const struct lg_held_topic *t = lg_map_get(m->by_name, topic);
    enum lg_replica_found found = LG_REPLICA_NOT_OURS;

    for (uint32_t p = 0; t != NULL && p < t->partition_count && found != LG_REPLICA_SERVING; p++)
        found = LG_MIN(found, lg_replica_manager_find(m, topic, p, out));
    return found;
}

/* --- Telling. ----------------------------------------------------------------------------------
 */

static size_t note_topic(const struct lg_held_topic *t,
                         void (*note)(void *ctx, const struct lg_replica_note *n), void *ctx)
{
    size_t count = 0;

    for (uint32_t p = 0; p < t->partition_count; p++) {
        const struct lg_held *h = t->held[p];

        if (h == NULL || !h->life.wanted)
            continue;
        count++;
        note(ctx, &(struct lg_replica_note){
                      .topic = t->name,
                      .partition = p,
                      .status = h->status,
                      .role = lg_replica_life_told(&h->life),
                      .term = h->life.term,
                      .reset = h->life.reset_done,
                      .state = h->task == NULL ? "waiting to open" : lg_ingest_task_state(h->task),
                      .records = h->task == NULL ? h->records : lg_ingest_task_records(h->task),
                      .bytes = h->task == NULL ? h->bytes : lg_ingest_task_bytes(h->task),
                      .tries = h->life.tries,
                      .fault = h->err.text});
    }
    return count;
}

size_t lg_replica_manager_each(struct lg_replica_manager *m, struct lg_slice topic,
                               void (*note)(void *ctx, const struct lg_replica_note *n), void *ctx)
{
    const struct lg_held_topic *t = lg_map_get(m->by_name, topic);

    return t == NULL ? 0 : note_topic(t, note, ctx);
}

void lg_replica_manager_each_of_all(struct lg_replica_manager *m,
                                    void (*note)(void *ctx, const struct lg_replica_note *n),
                                    void *ctx)
{
    LG_LIST_EACH(it, &m->topics)
    (void)note_topic(LG_CONTAINER_OF(it, struct lg_held_topic, link), note, ctx);
}

void lg_replica_manager_judge_again(struct lg_replica_manager *m)
{
    LG_LIST_EACH(it, &m->topics)
    {
        struct lg_held_topic *t = LG_CONTAINER_OF(it, struct lg_held_topic, link);

        for (uint32_t p = 0; p < t->partition_count; p++)
            if (t->held[p] != NULL)
                lg_held_judge(t->held[p]);
    }
}

struct lg_replica_sum lg_replica_manager_sum(const struct lg_replica_manager *m)
{
    struct lg_replica_sum sum = {.assignment_read = m->read_once,
                                 .settled = m->settled,
                                 .metastore = m->read_once &&
                                              (!m->read_failed || m->not_ours.rc != LG_OK) &&
                                              !m->publish_failing,
                                 .refusal = m->not_ours.rc == LG_OK ? NULL : m->not_ours.text,
                                 .offline = m->states[0],
                                 .standby = m->states[1],
                                 .leader = m->states[2],
                                 .error = m->states[3],
                                 .opening = m->opening,
                                 .log_away = m->ingest.away};

    LG_LIST_EACH(it, &m->queue)
    sum.waiting_to_open++;
    return sum;
}

char *lg_replica_manager_disk_fault(const struct lg_replica_manager *m)
{
    LG_LIST_EACH(it, &m->topics)
    {
        const struct lg_held_topic *t = LG_CONTAINER_OF(it, struct lg_held_topic, link);

        for (uint32_t p = 0; p < t->partition_count; p++)
            if (t->held[p] != NULL && t->held[p]->err.rc == LG_ERR_IO)
                return lg_strf("%s, partition %u: %s", t->name, p, t->held[p]->err.text);
    }
    return NULL;
}
