/* What librdkafka answers only blocking: metadata, watermarks, times, topics. Runs on the threads
 * of the pool; touches only the request's own fields. What may be repeated is, until the request's
 * deadline.
 */
#include "drivers/kafka/kafka_impl.h"

#include <stdio.h>
#include <time.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/str.h"

#define STEP_MS_MAX 1000
#define KNOWN_US (3 * LG_SEC)
#define NEW_TOPIC_US (1 * LG_SEC)
#define KNOWN_TOPICS_MAX 1024u
#define PAUSE_NS 50000000L
#define FEW_BROKERS_US (3 * LG_SEC) /* that is told, well before who asked gives up */

static int left_ms(const struct k_request *r)
{
    uint64_t now_us = lg_clock_mono_us();

    return now_us >= r->deadline_us || __atomic_load_n(&r->k->hurry, __ATOMIC_RELAXED)
               ? 0
               : (int)LG_MIN((r->deadline_us - now_us) / LG_MS, (uint64_t)STEP_MS_MAX);
}

static void rest(void)
{
    struct timespec t = {.tv_nsec = PAUSE_NS};

    (void)nanosleep(&t, NULL);
}

static void fail(struct k_request *r, rd_kafka_resp_err_t code)
{
    r->job_rc = k_error(r->k, &r->job_err, code, r->topic);
}

/* A broker has answered. */
static void heard(struct k_request *r)
{
    r->silent_since_us = 0;
    k_met(r->k);
}

/* Has nobody answered for so long that an administrative request is given up? Whoever asked for it
 * holds others up meanwhile, and asks again. */
static bool is_silent(struct k_request *r, rd_kafka_resp_err_t code)
{
    uint64_t now_us = lg_clock_mono_us();

    if ((code != RD_KAFKA_RESP_ERR__TIMED_OUT && code != RD_KAFKA_RESP_ERR__TRANSPORT &&
         code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && code != RD_KAFKA_RESP_ERR__RESOLVE) ||
        (r->kind != LG_PUBSUB_CREATE && r->kind != LG_PUBSUB_DELETE &&
         r->kind != LG_PUBSUB_DESCRIBE && r->kind != LG_PUBSUB_CONFIGURE))
        return false;
    if (r->silent_since_us == 0)
        r->silent_since_us = now_us;
    return now_us - r->silent_since_us > LG_KAFKA_SILENT_US_MAX;
}

/* May the step be tried again? */
static bool again(struct k_request *r, rd_kafka_resp_err_t code)
{
    bool late = left_ms(r) < (int)(2 * PAUSE_NS / 1000000) || is_silent(r, code) ||
                (code == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR &&
                 lg_clock_mono_us() - r->begun_us > FEW_BROKERS_US);

    (void)rd_kafka_poll(r->k->admin, 0); /* Brings what its threads have to tell. */
    if (!k_may_retry(code) || late) {
        fail(r, code);
        return false;
    }
    if (k_turned_away(r->k, &r->job_err)) {
        r->job_rc = r->job_err.rc;
        return false;
    }
    rest();
    return true;
}

/* --- Metadata ------------------------------------------------------------------------------- */

struct topic_facts {
    uint32_t partitions, replicas, brokers;
    uint32_t leaderless, first_leaderless;  /* partitions without a leader */
    uint32_t in_sync, in_sync_of, thinnest; /* of the partition with the fewest replicas in sync */
};

static void look_at_partition(const struct rd_kafka_metadata_partition *p, struct topic_facts *out)
{
    if (p->leader < 0 && out->leaderless++ == 0)
        out->first_leaderless = (uint32_t)p->id;
    if (out->in_sync_of != 0 && (uint32_t)p->isr_cnt >= out->in_sync)
        return;
    out->in_sync = (uint32_t)p->isr_cnt;
    out->in_sync_of = (uint32_t)p->replica_cnt;
    out->thinnest = (uint32_t)p->id;
}

static rd_kafka_resp_err_t ask_topic(struct k_request *r, struct topic_facts *out)
{
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(r->k->admin, r->topic, NULL);
    const struct rd_kafka_metadata *m = NULL;
    rd_kafka_resp_err_t code;

    if (rkt == NULL)
        return RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
    code = rd_kafka_metadata(r->k->admin, 0, rkt, &m, LG_MAX(left_ms(r), 1));
    rd_kafka_topic_destroy(rkt);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code;
    heard(r);
    *out = (struct topic_facts){.brokers = (uint32_t)m->broker_cnt};
    if (m->topic_cnt != 1) {
        code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    } else {
        const struct rd_kafka_metadata_topic *t = &m->topics[0];

        code = t->err;
        out->partitions = (uint32_t)t->partition_cnt;
        out->replicas = t->partition_cnt > 0 ? (uint32_t)t->partitions[0].replica_cnt : 0;
        for (int i = 0; i < t->partition_cnt; i++)
            look_at_partition(&t->partitions[i], out);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && t->partition_cnt == 0)
            code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    }
    rd_kafka_metadata_destroy(m);
    return code;
}

/* Each broker comes to know a new topic in its own time, and any of them may have answered: where
 * there are several, no topic is missing at once. */
static bool may_be_new(struct k_request *r, const struct topic_facts *facts, uint64_t *since_us)
{
    uint64_t now_us = lg_clock_mono_us();

    if (*since_us == 0)
        *since_us = now_us;
    if (facts->brokers < 2 || now_us - *since_us > NEW_TOPIC_US ||
        left_ms(r) < (int)(2 * PAUSE_NS / 1000000))
        return false;
    rest();
    return true;
}

/* False: the request has failed. */
static bool have_topic(struct k_request *r, struct topic_facts *out)
{
    uint64_t since_us = 0;

    *out = (struct topic_facts){0};
    for (;;) {
        rd_kafka_resp_err_t code = ask_topic(r, out);

        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
        if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && may_be_new(r, out, &since_us))
            continue;
        if (!again(r, code))
            return false;
    }
}

void k_job_topic(struct k_request *r)
{
    struct topic_facts facts;

    if (have_topic(r, &facts))
        r->partitions = facts.partitions;
}

/* --- How many partitions it has -------------------------------------------------------------
 * Who opens a topic asks for each of its partitions at once, and the brokers answer with all of
 * them each time: so what was asked a moment ago is kept. The partition's leader has the last word.
 */

struct known_topic {
    uint32_t partitions;
    uint64_t asked_us;
};

static void forget_topics(struct lg_kafka *k) /* With the lock. */
{
    struct lg_slice name;
    void *value;
    size_t at = 0;

    while (lg_map_next(k->known, &at, &name, &value))
        lg_free(value);
    lg_map_free(k->known);
    k->known = NULL;
}

void k_jobs_close(struct lg_kafka *k)
{
    pthread_mutex_lock(&k->lock);
    if (k->known != NULL)
        forget_topics(k);
    pthread_mutex_unlock(&k->lock);
}

static void know_topic(struct k_request *r, uint32_t partitions)
{
    struct lg_kafka *k = r->k;
    struct known_topic *t;

    pthread_mutex_lock(&k->lock);
    if (k->known != NULL && lg_map_size(k->known) >= KNOWN_TOPICS_MAX)
        forget_topics(k);
    if (k->known == NULL)
        k->known = lg_map_new();
    t = lg_map_get(k->known, lg_slice_str(r->topic));
    if (t == NULL) {
        t = lg_new(struct known_topic);
        lg_map_put(k->known, lg_slice_str(r->topic), t);
    }
    *t = (struct known_topic){partitions, partitions == 0 ? 0 : lg_clock_mono_us()};
    pthread_mutex_unlock(&k->lock);
}

static bool is_known(struct k_request *r)
{
    struct lg_kafka *k = r->k;
    const struct known_topic *t = NULL;
    uint64_t now_us = lg_clock_mono_us();

    pthread_mutex_lock(&k->lock);
    if (k->known != NULL)
        t = lg_map_get(k->known, lg_slice_str(r->topic));
    r->partitions = t != NULL && now_us - t->asked_us < KNOWN_US ? t->partitions : 0;
    pthread_mutex_unlock(&k->lock);
    return r->partition < r->partitions;
}

/* Is there such a partition? False: the request has failed. */
static bool have_partition(struct k_request *r)
{
    struct topic_facts facts;

    if (is_known(r))
        return true;
    if (!have_topic(r, &facts))
        return false;
    r->partitions = facts.partitions;
    know_topic(r, facts.partitions);
    if (r->partition < facts.partitions)
        return true;
    r->job_rc = lg_error_set(&r->job_err, LG_ERR_NOT_FOUND,
                             "topic %s has %u partitions; there is no partition %u", r->topic,
                             facts.partitions, r->partition);
    return false;
}

void k_job_resolve(struct k_request *r)
{
    rd_kafka_resp_err_t code;

    do {
        if (!have_partition(r) || r->skim)
            return;
        code = rd_kafka_query_watermark_offsets(r->k->admin, r->topic, (int32_t)r->partition,
                                                &r->low, &r->high, LG_MAX(left_ms(r), 1));
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
        /* A partition without a leader is one that librdkafka does not know, too; the brokers are
         * asked anew whether it exists. */
        if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
            code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
            code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) {
            know_topic(r, 0);
            code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
        }
    } while (again(r, code));
}

/* Any answer on the connection to the partition's leader wakes librdkafka's thread for it. */
void k_job_nudge(struct k_request *r)
{
    (void)rd_kafka_query_watermark_offsets(r->consumer->rk, r->topic, (int32_t)r->partition,
                                           &r->low, &r->high, LG_MAX(left_ms(r), 1));
}

/* --- Places --------------------------------------------------------------------------------- */

static struct lg_position before(int64_t offset)
{
    return offset <= 0 ? lg_position_earliest() : lg_position_from_offset(offset - 1);
}

static bool read_config(struct k_request *r, struct lg_pubsub_config *out);

/* Kafka 3.9 looks into one segment only. When compaction has left that one empty, it finds no
 * record though later segments have some: then the reader begins at the start, never too late. */
static void time_not_found(struct k_request *r)
{
    struct lg_pubsub_config config;

    if (read_config(r, &config))
        r->found_position = before(config.compacted ? r->low : r->high);
}

static void find_time(struct k_request *r)
{
    rd_kafka_resp_err_t code;
    int64_t found = -1;

    do {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_t *p =
            rd_kafka_topic_partition_list_add(list, r->topic, (int32_t)r->partition);

        p->offset = r->timestamp_ms;
        code = rd_kafka_offsets_for_times(r->k->admin, list, LG_MAX(left_ms(r), 1));
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            code = p->err;
        found = p->offset;
        rd_kafka_topic_partition_list_destroy(list);
    } while (code != RD_KAFKA_RESP_ERR_NO_ERROR && again(r, code));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && found < 0)
        time_not_found(r);
    else if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        r->found_position = before(found);
}

static void find_place(struct k_request *r)
{
    k_job_resolve(r);
    if (r->job_rc != LG_OK)
        return;
    /* What retention has removed to the last record leaves its end behind. */
    r->found_position = before(r->kind == LG_PUBSUB_END ? r->high : r->low);
    if (r->kind == LG_PUBSUB_TIME && r->timestamp_ms >= 0 && r->high > r->low)
        find_time(r);
}

/* --- Administration ------------------------------------------------------------------------- */

/* While an administrative request waits for a connection to a broker that is gone, librdkafka 2.0
 * asks for the next attempt as soon as one was refused, thousands of times a second, whatever
 * reconnect.backoff.ms says. So nothing is asked of brokers that did not answer just before. */
static bool somebody_answers(struct k_request *r)
{
    const struct rd_kafka_metadata *m = NULL;

    if (rd_kafka_metadata(r->k->admin, 0, NULL, &m, LG_MAX(left_ms(r), 1)) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    rd_kafka_metadata_destroy(m);
    heard(r);
    return true;
}

/* One request to the brokers; its answer is the caller's to destroy, NULL when none came. */
static rd_kafka_event_t *ask(struct k_request *r, rd_kafka_admin_op_t kind,
                             void (*send)(rd_kafka_t *rk, const void *what,
                                          const rd_kafka_AdminOptions_t *options,
                                          rd_kafka_queue_t *queue),
                             const void *what)
{
    rd_kafka_AdminOptions_t *options;
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *event;
    char reason[128];
    int timeout_ms;

    if (!somebody_answers(r))
        return NULL;
    queue = rd_kafka_queue_new(r->k->admin);
    options = rd_kafka_AdminOptions_new(r->k->admin, kind);
    timeout_ms = LG_MAX(left_ms(r), 1);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, reason, sizeof reason);
    if (kind == RD_KAFKA_ADMIN_OP_CREATETOPICS || kind == RD_KAFKA_ADMIN_OP_DELETETOPICS)
        (void)rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, reason,
                                                          sizeof reason);
    send(r->k->admin, what, options, queue);
    event = rd_kafka_queue_poll(queue, timeout_ms + 1000);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return event;
}

/* Of the answer to a request about one topic. */
static rd_kafka_resp_err_t topic_result(rd_kafka_event_t *event)
{
    const rd_kafka_topic_result_t **results = NULL;
    rd_kafka_resp_err_t code;
    size_t n = 0;

    if (event == NULL)
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    code = rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT)
        results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    else if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        results =
            rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = n == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__FAIL;
    rd_kafka_event_destroy(event);
    return code;
}

static void send_create(rd_kafka_t *rk, const void *what, const rd_kafka_AdminOptions_t *options,
                        rd_kafka_queue_t *queue)
{
    rd_kafka_NewTopic_t *topics[] = {(rd_kafka_NewTopic_t *)(uintptr_t)what};

    rd_kafka_CreateTopics(rk, topics, 1, options, queue);
}

static void send_delete(rd_kafka_t *rk, const void *what, const rd_kafka_AdminOptions_t *options,
                        rd_kafka_queue_t *queue)
{
    rd_kafka_DeleteTopic_t *topics[] = {(rd_kafka_DeleteTopic_t *)(uintptr_t)what};

    rd_kafka_DeleteTopics(rk, topics, 1, options, queue);
}

/* The entries of a configuration that are ours to set; `*out` begins empty. */
struct entries {
    char text[5][24];
    const char *names[5];
    size_t count;
};

static void write_entries(const struct lg_pubsub_config *c, struct entries *out)
{
    out->count = 0;
    out->names[out->count] = "retention.ms";
    (void)snprintf(out->text[out->count], sizeof out->text[0], "%lld",
                   c->retention_ms < 0 ? (long long)INT64_MAX : (long long)c->retention_ms);
    out->names[++out->count] = "cleanup.policy";
    (void)snprintf(out->text[out->count], sizeof out->text[0], "%s",
                   c->compacted ? "compact" : "delete");
    out->count++;
    if (c->compacted || c->min_compaction_lag_ms > 0) {
        out->names[out->count] = "min.compaction.lag.ms";
        (void)snprintf(out->text[out->count++], sizeof out->text[0], "%lld",
                       (long long)c->min_compaction_lag_ms);
    }
    if (c->min_insync_replicas > 0) {
        out->names[out->count] = "min.insync.replicas";
        (void)snprintf(out->text[out->count++], sizeof out->text[0], "%u",
                       (unsigned)c->min_insync_replicas);
    }
}

/* Every broker's metadata comes to know a topic in its own time: until ours does, and it can be
 * written. */
static void wait_for_topic(struct k_request *r)
{
    struct topic_facts facts;

    for (;;) {
        rd_kafka_resp_err_t code = ask_topic(r, &facts);

        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && facts.leaderless == 0)
            return;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
        if (!again(r, code))
            return;
    }
}

static void check_existing(struct k_request *r, uint32_t partitions)
{
    struct topic_facts facts;

    if (!have_topic(r, &facts) || facts.partitions == partitions)
        return;
    r->job_rc =
        lg_error_set(&r->job_err, LG_ERR_CONFLICT, "topic %s exists with %u partitions, not %u",
                     r->topic, facts.partitions, partitions);
}

static rd_kafka_NewTopic_t *new_topic(const struct k_request *r)
{
    int replication = r->config.replication == 0 ? -1 : (int)r->config.replication;
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(r->topic, (int)r->partitions, replication, NULL, 0);
    struct entries entries;
    char bytes[24];

    if (topic == NULL)
        return NULL;
    write_entries(&r->config, &entries);
    for (size_t i = 0; i < entries.count; i++)
        (void)rd_kafka_NewTopic_set_config(topic, entries.names[i], entries.text[i]);
    (void)snprintf(bytes, sizeof bytes, "%zu", LG_KAFKA_RECORD_BYTES_MAX);
    (void)rd_kafka_NewTopic_set_config(topic, "max.message.bytes", bytes);
    (void)rd_kafka_NewTopic_set_config(topic, "message.timestamp.type", "CreateTime");
    return topic;
}

static void create(struct k_request *r)
{
    rd_kafka_NewTopic_t *topic;
    rd_kafka_resp_err_t code;

    r->job_rc = lg_pubsub_config_check(r->topic, &r->config, &r->job_err);
    if (r->job_rc == LG_OK && (r->partitions == 0 || r->partitions > LG_TOPIC_PARTITIONS_MAX))
        r->job_rc = lg_error_set(&r->job_err, LG_ERR_INVALID,
                                 "topic %s: %u partitions, allowed are 1 to %u", r->topic,
                                 r->partitions, LG_TOPIC_PARTITIONS_MAX);
    if (r->job_rc != LG_OK)
        return;
    topic = new_topic(r);
    if (topic == NULL) {
        fail(r, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION);
        return;
    }
    do {
        code = topic_result(ask(r, RD_KAFKA_ADMIN_OP_CREATETOPICS, send_create, topic));
    } while (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS &&
             again(r, code));
    rd_kafka_NewTopic_destroy(topic);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        check_existing(r, r->partitions);
    else if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        wait_for_topic(r);
}

static void remove_topic(struct k_request *r)
{
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(r->topic);
    struct topic_facts facts;
    rd_kafka_resp_err_t code;

    do {
        code = topic_result(ask(r, RD_KAFKA_ADMIN_OP_DELETETOPICS, send_delete, topic));
    } while (code != RD_KAFKA_RESP_ERR_NO_ERROR &&
             code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
             code != RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION && again(r, code));
    rd_kafka_DeleteTopic_destroy(topic);
    while (code == RD_KAFKA_RESP_ERR_NO_ERROR) { /* Until the brokers say so, too. */
        rd_kafka_resp_err_t seen = ask_topic(r, &facts);

        if (seen == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            return;
        if (!again(r, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT))
            return;
    }
}

/* --- Configurations ------------------------------------------------------------------------- */

static void send_describe(rd_kafka_t *rk, const void *what, const rd_kafka_AdminOptions_t *options,
                          rd_kafka_queue_t *queue)
{
    rd_kafka_ConfigResource_t *resources[] = {(rd_kafka_ConfigResource_t *)(uintptr_t)what};

    rd_kafka_DescribeConfigs(rk, resources, 1, options, queue);
}

static void send_alter(rd_kafka_t *rk, const void *what, const rd_kafka_AdminOptions_t *options,
                       rd_kafka_queue_t *queue)
{
    rd_kafka_ConfigResource_t *resources[] = {(rd_kafka_ConfigResource_t *)(uintptr_t)what};

    rd_kafka_AlterConfigs(rk, resources, 1, options, queue);
}

static rd_kafka_resp_err_t config_result(rd_kafka_event_t *event,
                                         const rd_kafka_ConfigResource_t **out)
{
    const rd_kafka_ConfigResource_t **resources = NULL;
    rd_kafka_resp_err_t code;
    size_t n = 0;

    if (event == NULL)
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    code = rd_kafka_event_error(event);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT)
        resources = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &n);
    else
        resources =
            rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &n);
    if (n != 1)
        return RD_KAFKA_RESP_ERR__FAIL;
    *out = resources[0];
    return rd_kafka_ConfigResource_error(resources[0]);
}

/* The topic's configuration as the brokers tell it; `*out_event` holds it, and is the caller's. */
static bool have_config(struct k_request *r, const rd_kafka_ConfigResource_t **out,
                        rd_kafka_event_t **out_event)
{
    rd_kafka_ConfigResource_t *asked =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, r->topic);
    rd_kafka_resp_err_t code;

    for (;;) {
        *out_event = ask(r, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, send_describe, asked);
        code = config_result(*out_event, out);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        if (*out_event != NULL)
            rd_kafka_event_destroy(*out_event);
        if (!again(r, code))
            break;
    }
    rd_kafka_ConfigResource_destroy(asked);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int64_t number_of(const char *text)
{
    int64_t n;

    return text != NULL && lg_parse_i64(lg_slice_str(text), INT64_MIN, INT64_MAX, &n) ? n : 0;
}

static void read_entry(struct lg_pubsub_config *c, const char *name, const char *value)
{
    if (strcmp(name, "retention.ms") == 0) {
        c->retention_ms = number_of(value);
        if (c->retention_ms <= 0 || c->retention_ms == INT64_MAX)
            c->retention_ms = -1;
    } else if (strcmp(name, "cleanup.policy") == 0) {
        c->compacted = value != NULL && strstr(value, "compact") != NULL;
    } else if (strcmp(name, "min.compaction.lag.ms") == 0) {
        c->min_compaction_lag_ms = number_of(value);
    } else if (strcmp(name, "min.insync.replicas") == 0) {
        c->min_insync_replicas = (uint16_t)LG_MIN(number_of(value), (int64_t)UINT16_MAX);
    }
}

static bool read_config(struct k_request *r, struct lg_pubsub_config *out)
{
    const rd_kafka_ConfigResource_t *resource;
    const rd_kafka_ConfigEntry_t **entries;
    rd_kafka_event_t *event;
    size_t n = 0;

    if (!have_config(r, &resource, &event))
        return false;
    *out = (struct lg_pubsub_config){.retention_ms = -1};
    entries = rd_kafka_ConfigResource_configs(resource, &n);
    for (size_t i = 0; i < n; i++)
        read_entry(out, rd_kafka_ConfigEntry_name(entries[i]),
                   rd_kafka_ConfigEntry_value(entries[i]));
    rd_kafka_event_destroy(event);
    return true;
}

void k_job_config(struct k_request *r)
{
    (void)read_config(r, &r->config);
}

static void describe(struct k_request *r)
{
    struct topic_facts facts;

    if (!have_topic(r, &facts) || !read_config(r, &r->config))
        return;
    r->partitions = facts.partitions;
    r->config.replication = (uint16_t)facts.replicas;
}

/* Why may operations on the topic get no answer? */
void k_job_diagnose(struct k_request *r)
{
    struct lg_pubsub_config config;
    struct topic_facts facts;

    if (ask_topic(r, &facts) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    if (facts.leaderless > 0) {
        r->job_rc =
            lg_error_set(&r->job_err, LG_ERR_UNAVAILABLE,
                         "topic %s: %u of its %u partitions have no leader, the first is "
                         "%u: start the brokers that are down",
                         r->topic, facts.leaderless, facts.partitions, facts.first_leaderless);
        return;
    }
    if (facts.in_sync == facts.in_sync_of || !read_config(r, &config))
        return;
    if (facts.in_sync < config.min_insync_replicas)
        r->job_rc = lg_error_set(&r->job_err, LG_ERR_UNAVAILABLE,
                                 "topic %s/%u: %u of %u replicas are in sync, and "
                                 "min.insync.replicas asks for %u: start the brokers that are down",
                                 r->topic, facts.thinnest, facts.in_sync, facts.in_sync_of,
                                 (unsigned)config.min_insync_replicas);
}

/* The broker that is asked next may hear of a change a moment later. */
static void wait_for_config(struct k_request *r)
{
    struct lg_pubsub_config now;

    while (read_config(r, &now)) {
        const struct lg_pubsub_config *want = &r->config;

        if (now.retention_ms == want->retention_ms && now.compacted == want->compacted &&
            (!want->compacted || now.min_compaction_lag_ms == want->min_compaction_lag_ms) &&
            (want->min_insync_replicas == 0 ||
             now.min_insync_replicas == want->min_insync_replicas))
            return;
        if (!again(r, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT))
            return;
    }
}

static bool is_ours(const char *name)
{
    return strcmp(name, "retention.ms") == 0 || strcmp(name, "cleanup.policy") == 0 ||
           strcmp(name, "min.compaction.lag.ms") == 0 || strcmp(name, "min.insync.replicas") == 0;
}

/* A change replaces all that is set for the topic, so that what others have set is sent again. */
static void configure(struct k_request *r)
{
    const rd_kafka_ConfigResource_t *now, *unused;
    const rd_kafka_ConfigEntry_t **old;
    rd_kafka_ConfigResource_t *wanted;
    rd_kafka_event_t *event, *answer;
    rd_kafka_resp_err_t code;
    struct entries entries;
    size_t n = 0;

    r->job_rc = lg_pubsub_config_check(r->topic, &r->config, &r->job_err);
    if (r->job_rc != LG_OK || !have_config(r, &now, &event))
        return;
    wanted = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, r->topic);
    old = rd_kafka_ConfigResource_configs(now, &n);
    for (size_t i = 0; i < n; i++) {
        const char *name = rd_kafka_ConfigEntry_name(old[i]);
        const char *value = rd_kafka_ConfigEntry_value(old[i]);

        if (rd_kafka_ConfigEntry_source(old[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG &&
            value != NULL && !is_ours(name))
            (void)rd_kafka_ConfigResource_set_config(wanted, name, value);
    }
    write_entries(&r->config, &entries);
    for (size_t i = 0; i < entries.count; i++)
        (void)rd_kafka_ConfigResource_set_config(wanted, entries.names[i], entries.text[i]);
    rd_kafka_event_destroy(event);
    do {
        answer = ask(r, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, send_alter, wanted);
        code = config_result(answer, &unused);
        if (answer != NULL)
            rd_kafka_event_destroy(answer);
    } while (code != RD_KAFKA_RESP_ERR_NO_ERROR && again(r, code));
    rd_kafka_ConfigResource_destroy(wanted);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        wait_for_config(r);
}

/* NULL: the request has failed. Else the caller's to destroy. */
static const struct rd_kafka_metadata *ask_cluster(struct k_request *r, bool all_topics)
{
    const struct rd_kafka_metadata *m = NULL;
    rd_kafka_resp_err_t code;

    do {
        code = rd_kafka_metadata(r->k->admin, all_topics, NULL, &m, LG_MAX(left_ms(r), 1));
    } while (code != RD_KAFKA_RESP_ERR_NO_ERROR && again(r, code));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return NULL;
    heard(r);
    return m;
}

/* The answer holds the brokers, and no topics but those that this client was asked about lately:
 * its size does not grow with the topics that there are. */
static void ping(struct k_request *r)
{
    const struct rd_kafka_metadata *m = ask_cluster(r, /* all_topics= */ false);

    if (m != NULL)
        rd_kafka_metadata_destroy(m);
}

static void list(struct k_request *r)
{
    const struct rd_kafka_metadata *m = ask_cluster(r, /* all_topics= */ true);
    LG_SCOPED(lg_buf) names = {0};

    if (m == NULL)
        return;
    for (int i = 0; i < m->topic_cnt; i++) {
        if (m->topics[i].err != RD_KAFKA_RESP_ERR_NO_ERROR ||
            strncmp(m->topics[i].topic, "__", 2) == 0)
            continue; /* Kafka's own: __consumer_offsets and the like. */
        lg_buf_append_str(&names, m->topics[i].topic);
        lg_buf_append_byte(&names, '\n');
    }
    rd_kafka_metadata_destroy(m);
    r->names = lg_blob_take(&names);
}

void k_job_operation(struct k_request *r)
{
    switch (r->kind) {
    case LG_PUBSUB_CREATE:
        create(r);
        return;
    case LG_PUBSUB_DELETE:
        remove_topic(r);
        return;
    case LG_PUBSUB_DESCRIBE:
        describe(r);
        return;
    case LG_PUBSUB_LIST:
        list(r);
        return;
    case LG_PUBSUB_PING:
        ping(r);
        return;
    case LG_PUBSUB_CONFIGURE:
        configure(r);
        return;
    case LG_PUBSUB_END:
    case LG_PUBSUB_START:
    case LG_PUBSUB_TIME:
        find_place(r);
        return;
    case LG_PUBSUB_PRODUCE:
    case LG_PUBSUB_FETCH:
        break;
    }
    assert(r->kind != LG_PUBSUB_PRODUCE && r->kind != LG_PUBSUB_FETCH); /* They are no jobs. */
}
