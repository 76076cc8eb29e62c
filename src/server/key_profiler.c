/* Sessions of the key profiler. */
#include "server/key_profiler.h"

#include "base/log.h"
#include "base/str.h"
#include "lane/shared.h"

struct counter {
    uint8_t key[LG_PROFILER_KEY_BYTES];
    size_t key_size;
    uint32_t partition;
    uint64_t count, error; /* `error` of them may be another key's */
};

struct session {
    struct lg_key_profiler *profiler;
    char *topic; /* NULL: free */
    bool over;   /* Its time has passed; it waits for who asks for the result. */
    /* Reads that no lane had room to tell of: before it began, and until it was over. */
    uint64_t missed_before, missed;
    uint64_t started_us, ended_us;
    int64_t duration_ms;
    size_t top_k, used;
    struct counter *counters;
    uint64_t total;
    uint64_t *by_partition;
    struct lg_timer timer;
};

struct lg_key_profiler {
    struct lg_lane *lane;
    uint64_t running;      /* Atomic: other lanes look whether there is any. */
    size_t held;           /* sessions that run or wait for who asks */
    struct lg_bound notes; /* on their way from other lanes */
    uint64_t missed;       /* Atomic: reads for which there was no note. */
    struct session sessions[LG_PROFILER_SESSIONS_MAX];
};

struct lg_key_profiler *lg_key_profiler_new(struct lg_lane *lane)
{
    struct lg_key_profiler *p = lg_new(struct lg_key_profiler);

    p->lane = lane;
    p->notes.max = LG_PROFILER_NOTES_MAX;
    return p;
}

/* The reading lanes pay for it no longer. */
static void stop_counting(struct session *s)
{
    struct lg_key_profiler *p = s->profiler;

    if (s->over)
        return;
    s->over = true;
    s->ended_us = lg_lane_now_us(p->lane);
    s->missed = lg_word_load(&p->missed) - s->missed_before;
    lg_word_store(&p->running, p->running - 1);
}

static void clear(struct session *s)
{
    lg_timer_stop(s->profiler->lane, &s->timer);
    stop_counting(s);
    s->profiler->held--;
    lg_free(s->topic);
    lg_free(s->counters);
    lg_free(s->by_partition);
    *s = (struct session){0};
}

void lg_key_profiler_free(struct lg_key_profiler *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < LG_PROFILER_SESSIONS_MAX; i++)
        if (p->sessions[i].topic != NULL)
            clear(&p->sessions[i]);
    lg_free(p);
}

static struct session *find(struct lg_key_profiler *p, struct lg_slice topic)
{
    for (size_t i = 0; i < LG_PROFILER_SESSIONS_MAX; i++)
        if (p->sessions[i].topic != NULL && lg_slice_eq_str(topic, p->sessions[i].topic))
            return &p->sessions[i];
    return NULL;
}

/* --- Results. ----------------------------------------------------------------------------------
 */

static struct lg_json *partitions_json(const struct session *s)
{
    struct lg_json *list = lg_json_new_array();

    for (uint32_t i = 0; i < LG_PROFILER_PARTITIONS_MAX; i++) {
        struct lg_json *row;

        if (s->by_partition[i] == 0)
            continue;
        row = lg_json_new_object();
        lg_json_set_int(row, "partitionId", i);
        lg_json_set_int(row, "count", (int64_t)s->by_partition[i]);
        lg_json_push(list, row);
    }
    return list;
}

/* The keys by count, the most frequent first; a selection, for there are few. */
static struct lg_json *keys_json(struct session *s)
{
    struct lg_json *list = lg_json_new_array();

    for (size_t n = 0; n < s->used; n++) {
        struct counter *most = &s->counters[n], taken;
        LG_SCOPED(lg_buf) key = {0};
        struct lg_json *row;

        for (size_t i = n + 1; i < s->used; i++)
            if (s->counters[i].count > most->count)
                most = &s->counters[i];
        taken = *most;
        *most = s->counters[n];
        s->counters[n] = taken;
        lg_base64_encode(&key, lg_slice(taken.key, taken.key_size), /* url_safe= */ false);
        row = lg_json_new_object();
        lg_json_set(row, "key", lg_json_new_string(lg_buf_slice(&key)));
        lg_json_set_int(row, "partitionId", taken.partition);
        lg_json_set_int(row, "count", (int64_t)taken.count);
        lg_json_set_int(row, "error", (int64_t)taken.error);
        lg_json_push(list, row);
    }
    return list;
}

static struct lg_json *result_json(struct session *s)
{
    struct lg_json *json = lg_json_new_object();

    stop_counting(s);
    lg_json_set_str(json, "storeVersion", s->topic);
    lg_json_set_int(json, "durationMs", s->duration_ms);
    lg_json_set_int(json, "actualDurationMs", (int64_t)((s->ended_us - s->started_us) / LG_MS));
    lg_json_set_int(json, "totalRequests", (int64_t)s->total);
    lg_json_set_int(json, "missedRequests", (int64_t)s->missed);
    lg_json_set(json, "partitionDistribution", partitions_json(s));
    lg_json_set(json, "topKeys", keys_json(s));
    return json;
}

/* The log gets no keys: they may be private. */
static void expired(struct lg_timer *timer)
{
    struct session *s = LG_CONTAINER_OF(timer, struct session, timer);

    stop_counting(s);
    lg_log(LG_LOG_INFO, "key_profile_over", "topic=%s keys=%llu missed=%llu", s->topic,
           (unsigned long long)s->total, (unsigned long long)s->missed);
}

/* Makes room: a result that nobody fetched gives way. */
static void forget_one(struct lg_key_profiler *p)
{
    struct session *oldest = NULL;

    for (size_t i = 0; i < LG_PROFILER_SESSIONS_MAX; i++)
        if (p->sessions[i].over && (oldest == NULL || p->sessions[i].ended_us < oldest->ended_us))
            oldest = &p->sessions[i];
    if (oldest != NULL)
        clear(oldest);
}

/* --- Sessions. ---------------------------------------------------------------------------------
 */

enum lg_rc lg_key_profiler_start(struct lg_key_profiler *p, struct lg_slice topic,
                                 int64_t duration_ms, int64_t top_k, struct lg_error *err)
{
    struct session *s = find(p, topic);

    if (duration_ms < 1 || duration_ms > LG_PROFILER_DURATION_MS_MAX)
        return lg_error_set(err, LG_ERR_INVALID, "duration must be 1 to %d seconds",
                            LG_PROFILER_DURATION_MS_MAX / 1000);
    if (top_k < 1 || top_k > LG_PROFILER_TOP_K_MAX)
        return lg_error_set(err, LG_ERR_INVALID, "topK must be 1 to %d", LG_PROFILER_TOP_K_MAX);
    if (s != NULL && !s->over)
        return lg_error_set(err, LG_ERR_CONFLICT, "%.*s is being profiled already; stop that first",
                            LG_FMT(topic));
    if (s != NULL)
        clear(s);
    if (p->held == LG_PROFILER_SESSIONS_MAX)
        forget_one(p);
    if (p->held == LG_PROFILER_SESSIONS_MAX)
        return lg_error_set(err, LG_ERR_BUSY, "%zu profiles run already; stop one first", p->held);
    for (s = p->sessions; s->topic != NULL;)
        s++;
    *s = (struct session){.profiler = p,
                          .topic = lg_strndup((const char *)topic.data, topic.size),
                          .started_us = lg_lane_now_us(p->lane),
                          .missed_before = lg_word_load(&p->missed),
                          .duration_ms = duration_ms,
                          .top_k = (size_t)top_k,
                          .counters = lg_new_array(struct counter, (size_t)top_k),
                          .by_partition = lg_new_array(uint64_t, LG_PROFILER_PARTITIONS_MAX)};
    p->held++;
    lg_word_store(&p->running, p->running + 1);
    lg_timer_start(p->lane, &s->timer, (uint64_t)duration_ms * LG_MS, expired);
    return LG_OK;
}

struct lg_json *lg_key_profiler_stop(struct lg_key_profiler *p, struct lg_slice topic)
{
    struct session *s = find(p, topic);

    struct lg_json *json = s == NULL ? NULL : result_json(s);

    if (s != NULL)
        clear(s);
    return json;
}

/* The counter of this key: its own, a free one, or that of the least frequent. */
static struct counter *counter_of(struct session *s, struct lg_slice key, uint32_t partition)
{
    struct counter *least = NULL;

    for (size_t i = 0; i < s->used; i++) {
        struct counter *c = &s->counters[i];

        if (c->partition == partition && lg_slice_eq(lg_slice(c->key, c->key_size), key))
            return c;
        if (least == NULL || c->count < least->count)
            least = c;
    }
    if (s->used < s->top_k) {
        least = &s->counters[s->used++];
        least->count = 0;
    }
    least->error = least->count;
    least->partition = partition;
    least->key_size = key.size;
    if (key.size > 0)
        memcpy(least->key, key.data, key.size);
    return least;
}

bool lg_key_profiler_runs(const struct lg_key_profiler *p)
{
    return lg_word_load(&p->running) > 0;
}

static void record(struct lg_key_profiler *p, struct lg_slice topic, uint32_t partition,
                   struct lg_slice key)
{
    struct session *s = find(p, topic);

    if (s == NULL || s->over)
        return;
    s->total++;
    if (partition < LG_PROFILER_PARTITIONS_MAX)
        s->by_partition[partition]++;
    counter_of(s, key, partition)->count++;
}

struct note { /* From another lane. */
    struct lg_task task;
    struct lg_key_profiler *profiler;
    uint32_t partition;
    struct lg_slice topic, key; /* Behind. */
    uint8_t room[];
};

static void take_note(struct lg_task *task)
{
    struct note *n = LG_CONTAINER_OF(task, struct note, task);

    record(n->profiler, n->topic, n->partition, n->key);
    lg_bound_give(&n->profiler->notes, 1);
    lg_free(n);
}

void lg_key_profiler_record(struct lg_key_profiler *p, struct lg_slice topic, uint32_t partition,
                            struct lg_slice key)
{
    struct note *n;

    if (LG_LIKELY(!lg_key_profiler_runs(p)))
        return;
    key.size = LG_MIN(key.size, (size_t)LG_PROFILER_KEY_BYTES);
    if (lg_lane_is_current(p->lane)) {
        record(p, topic, partition, key);
        return;
    }
    if (!lg_bound_take(&p->notes, 1)) {
        lg_word_add(&p->missed, 1);
        return;
    }
    n = lg_zalloc(sizeof *n + topic.size + key.size);
    memcpy(n->room, topic.data, topic.size);
    memcpy(n->room + topic.size, key.data, key.size);
    n->profiler = p;
    n->partition = partition;
    n->topic = lg_slice(n->room, topic.size);
    n->key = lg_slice(n->room + topic.size, key.size);
    n->task.run = take_note;
    lg_lane_post(p->lane, &n->task);
}
