/* Reading. A cursor reads one partition from one offset on, ahead of the fetches that ask for it,
 * as far as its queue allows; a fetch that goes on where the one before it ended finds its cursor
 * and its records there. Back-pressure is that queue: what is not taken from it is not asked for.
 * Owner: the worker.
 *
 *   fetch ─▶ cursor at its position? ─▶ records in the queue? ─▶ answered
 *              └─ no: the position is looked up (gone? beyond the end?), a cursor is opened
 *
 * Cursors use librdkafka's simple consumer: no groups, and no batch calls, which skip records when
 * partitions pause (librdkafka 2.0). A client has one cursor per partition at most; further ones
 * take further clients. Cursors that nobody asked for LG_KAFKA_CURSOR_IDLE_US are closed.
 */
#include "drivers/kafka/kafka_impl.h"

#include "base/blob.h"
#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/str.h"
#include "drivers/kafka/metrics.h"
#include "pubsub/batch.h"

#define QUIET_US (1 * LG_SEC)
#define RECHECK_US (5 * LG_SEC) /* Does the topic of a quiet cursor still exist? */
#define POSITION_ROOM 64u       /* of a record in an answer: its head and its position */

/* --- Cursors -------------------------------------------------------------------------------- */

static void drop_held(struct k_cursor *c)
{
    if (c->held != NULL)
        rd_kafka_message_destroy(LG_TAKE(c->held));
}

/* On a thread of librdkafka, which holds the lock of the queue: it was empty, and is no more. */
static void not_empty(rd_kafka_t *rk, void *cursor)
{
    struct k_cursor *c = cursor;
    bool first;

    (void)rk;
    pthread_mutex_lock(&c->k->lock);
    first = lg_list_empty(&c->k->ready);
    if (lg_list_empty(&c->ready_link))
        lg_list_push_back(&c->k->ready, &c->ready_link);
    pthread_mutex_unlock(&c->k->lock);
    if (first) /* Else the worker is awake, or about to be. */
        k_wake(c->k);
}

static void unwatch(struct k_cursor *c)
{
    rd_kafka_queue_cb_event_enable(c->queue, NULL, NULL); /* None is under way after this. */
    pthread_mutex_lock(&c->k->lock);
    lg_list_remove(&c->ready_link);
    pthread_mutex_unlock(&c->k->lock);
}

/* Stops reading before anything else goes: a client that is destroyed while it reads a topic that
 * was deleted would hang. */
static void cursor_close(struct lg_kafka *k, struct k_cursor *c)
{
    if (c->request != NULL)
        c->request->cursor = NULL;
    drop_held(c);
    unwatch(c);
    (void)rd_kafka_consume_stop(c->rkt, (int32_t)c->partition);
    rd_kafka_queue_destroy(c->queue);
    rd_kafka_topic_destroy(c->rkt);
    (void)lg_map_remove(c->consumer->cursors, lg_slice_str(c->key));
    lg_list_remove(&c->link);
    k->cursor_count--;
    lg_metric_set(&lg_metric_kafka_cursors, 0, k->cursor_count);
    lg_free(c->key);
    lg_free(c->topic);
    lg_free(c);
}

static enum lg_rc consumer_new(struct lg_kafka *k, struct k_consumer **out, struct lg_error *err)
{
    struct k_consumer *consumer = lg_new(struct k_consumer);
    enum lg_rc rc =
        k_client_new(k, RD_KAFKA_CONSUMER, /* idempotent= */ false, k, NULL, &consumer->rk, err);

    if (rc != LG_OK) {
        lg_free(consumer);
        return rc;
    }
    consumer->cursors = lg_map_new();
    *out = consumer;
    return LG_OK;
}

/* A client that does not read the partition yet; the least recently used idle cursor goes when each
 * has one. */
static enum lg_rc have_consumer(struct k_request *r, const char *key, struct k_consumer **out,
                                struct lg_error *err)
{
    struct lg_kafka *k = r->k;
    struct k_cursor *oldest = NULL;

    for (size_t i = 0; i < LG_KAFKA_CONSUMERS_MAX; i++) {
        struct k_cursor *c;

        if (k->consumers[i] == NULL) {
            enum lg_rc rc = consumer_new(k, &k->consumers[i], err);

            if (rc != LG_OK)
                return rc;
        }
        c = lg_map_get(k->consumers[i]->cursors, lg_slice_str(key));
        if (c == NULL) {
            *out = k->consumers[i];
            return LG_OK;
        }
        if (c->request == NULL && (oldest == NULL || c->used_us < oldest->used_us))
            oldest = c;
    }
    if (oldest == NULL)
        return lg_error_set(err, LG_ERR_BUSY,
                            "topic %s/%u: it is being read from %u places already: try later",
                            r->topic, r->partition, LG_KAFKA_CONSUMERS_MAX);
    *out = oldest->consumer;
    cursor_close(k, oldest);
    return LG_OK;
}

static enum lg_rc make_room(struct lg_kafka *k, struct lg_error *err)
{
    if (k->cursor_count < LG_KAFKA_CURSORS_MAX)
        return LG_OK;
    LG_LIST_EACH(it, &k->cursors)
    {
        struct k_cursor *c = LG_CONTAINER_OF(it, struct k_cursor, link);

        if (c->request != NULL)
            continue;
        cursor_close(k, c);
        return LG_OK;
    }
    return lg_error_set(err, LG_ERR_BUSY, "%u partitions are being read already: try later",
                        LG_KAFKA_CURSORS_MAX);
}

static enum lg_rc cursor_open(struct k_request *r, struct k_cursor **out, struct lg_error *err)
{
    LG_AUTO_STR char *key = lg_strf("%s/%u", r->topic, r->partition);
    struct lg_kafka *k = r->k;
    struct k_consumer *consumer = NULL;
    struct k_cursor *c;
    enum lg_rc rc = make_room(k, err);

    if (rc == LG_OK)
        rc = have_consumer(r, key, &consumer, err);
    if (rc != LG_OK)
        return rc;
    c = lg_new(struct k_cursor);
    c->consumer = consumer;
    c->partition = r->partition;
    c->next = c->opened_at = r->next;
    c->end_at = -1;
    c->rkt = rd_kafka_topic_new(consumer->rk, r->topic, NULL);
    c->queue = rd_kafka_queue_new(consumer->rk);
    c->k = k;
    lg_list_init(&c->ready_link);
    rd_kafka_queue_cb_event_enable(c->queue, not_empty, c);
    if (rd_kafka_consume_start_queue(c->rkt, (int32_t)c->partition, c->next, c->queue) != 0) {
        rc = k_error(k, err, rd_kafka_last_error(), r->topic);
        unwatch(c);
        rd_kafka_queue_destroy(c->queue);
        rd_kafka_topic_destroy(c->rkt);
        lg_free(c);
        return rc;
    }
    c->key = LG_TAKE(key);
    c->topic = lg_strdup(r->topic);
    c->checked_us = lg_clock_mono_us();
    lg_map_put(consumer->cursors, lg_slice_str(c->key), c);
    lg_list_push_back(&k->cursors, &c->link);
    k->cursor_count++;
    lg_metric_set(&lg_metric_kafka_cursors, 0, k->cursor_count);
    *out = c;
    return LG_OK;
}

static struct k_cursor *cursor_find(const struct k_request *r)
{
    LG_AUTO_STR char *key = lg_strf("%s/%u", r->topic, r->partition);

    for (size_t i = 0; i < LG_KAFKA_CONSUMERS_MAX && r->k->consumers[i] != NULL; i++) {
        struct k_cursor *c = lg_map_get(r->k->consumers[i]->cursors, lg_slice_str(key));

        if (c != NULL && c->request == NULL && c->next == r->next)
            return c;
    }
    return NULL;
}

static void leave(struct k_request *r)
{
    struct k_cursor *c = LG_TAKE(r->cursor);

    if (c == NULL)
        return;
    c->request = NULL;
    c->used_us = lg_clock_mono_us();
    lg_list_remove(&c->link);
    lg_list_push_back(&r->k->cursors, &c->link);
}

static void end_fetch(struct k_request *r, enum lg_rc rc, const struct lg_error *err)
{
    leave(r);
    k_answer(r, rc, err);
}

/* --- What the queue gives ------------------------------------------------------------------- */

static enum lg_rc too_many_headers(const struct k_request *r, const rd_kafka_message_t *m,
                                   struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_BAD_DATA,
                        "topic %s/%u: record %lld has more than %u headers, or larger ones than "
                        "Lagoon takes",
                        r->topic, r->partition, (long long)m->offset, LG_BATCH_HEADERS_MAX);
}

/* Adds a record to the answer. */
static enum lg_rc add_record(struct k_request *r, const rd_kafka_message_t *m, struct lg_error *err)
{
    struct lg_pubsub_header headers[LG_BATCH_HEADERS_MAX];
    struct lg_pubsub_record record = {.key = lg_slice(m->key, m->key_len),
                                      .value = lg_slice(m->payload, m->len),
                                      .headers = headers,
                                      .position = lg_position_from_offset(m->offset)};
    rd_kafka_timestamp_type_t kind;
    rd_kafka_headers_t *list = NULL;

    if (m->len + m->key_len + POSITION_ROOM > LG_BATCH_RECORD_BYTES_MAX)
        return lg_error_set(
            err, LG_ERR_TOO_LARGE, "topic %s/%u: record %lld has %zu bytes, at most %zu are taken",
            r->topic, r->partition, (long long)m->offset, m->len, LG_BATCH_RECORD_BYTES_MAX);
    record.timestamp_ms = rd_kafka_message_timestamp(m, &kind);
    if (rd_kafka_message_headers(m, &list) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t count = rd_kafka_header_cnt(list);

        if (count > LG_BATCH_HEADERS_MAX)
            return too_many_headers(r, m, err);
        for (size_t i = 0; i < count; i++) {
            const char *name;
            const void *value;
            size_t size;

            if (rd_kafka_header_get_all(list, i, &name, &value, &size) !=
                RD_KAFKA_RESP_ERR_NO_ERROR)
                return too_many_headers(r, m, err);
            headers[i] = (struct lg_pubsub_header){lg_slice_str(name), lg_slice(value, size)};
            if (headers[i].name.size > UINT16_MAX)
                return too_many_headers(r, m, err);
        }
        record.header_count = count;
    }
    lg_batch_add(&r->found, &record);
    r->found_last = m->offset;
    r->found_count++;
    return LG_OK;
}

static void begin_again(struct k_request *r);

/* Who waited so long at the end has seen it. */
static bool is_patient(const struct k_request *r)
{
    return r->wait_until_us - r->begun_us >= QUIET_US;
}

/* The queue told of something other than a record. Returns false when the request has left. */
static bool take_event(struct k_cursor *c, const rd_kafka_message_t *m)
{
    struct k_request *r = c->request;

    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        c->end_at = m->offset;
        r->at_end = is_patient(r); /* It may be old news: who does not wait must look itself. */
        return true;
    }
    lg_log(LG_LOG_DEBUG, "kafka_cursor_event", "topic=%s partition=%u code=%s", c->topic,
           c->partition, rd_kafka_err2name(m->err));
    switch ((int)m->err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET: /* Gone, or never there: looked up. */
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        break;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION: {
        struct lg_error err = {0};
        enum lg_rc rc = k_error(r->k, &err, m->err, r->topic);

        cursor_close(r->k, c);
        k_answer(r, rc, &err);
        return false;
    }
    default:
        return true; /* It passes, or the deadline does. */
    }
    cursor_close(r->k, c);
    r->at_end = false;
    begin_again(r);
    return false;
}

static size_t answer_bytes(const struct k_request *r)
{
    size_t max = r->max_bytes == 0 ? LG_KAFKA_FETCH_BYTES_DEFAULT : r->max_bytes;

    return LG_MIN(max, LG_KAFKA_FETCH_BYTES_MAX);
}

static void answer_found(struct k_request *r)
{
    r->op->blob = lg_blob_take(&r->found);
    r->op->position = lg_position_from_offset(r->found_last);
    lg_health_warn("kafka", true, "%s", "");
    end_fetch(r, LG_OK, NULL);
}

/* A record that cannot be passed on ends an answer before it, and is the next one's error. */
static void stop_at(struct k_cursor *c, rd_kafka_message_t *take_m, enum lg_rc rc,
                    const struct lg_error *err)
{
    struct k_request *r = c->request;

    c->held = take_m;
    if (r->found_count > 0)
        answer_found(r);
    else
        end_fetch(r, rc, err);
}

static void nudged(struct k_request *r)
{
    r->consumer->nudging = false;
    k_request_unref(r);
}

/* When librdkafka 2.0 has found a queue full, it looks again only a second later, however soon the
 * queue is empty: unless something arrives for its thread. So something is asked for. */
static void nudge(struct k_cursor *c)
{
    struct lg_kafka *k = c->request->k;
    int64_t low = -1, high = -1;
    struct k_request *r;

    if (c->consumer->nudging ||
        rd_kafka_get_watermark_offsets(c->consumer->rk, c->topic, (int32_t)c->partition, &low,
                                       &high) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        high <= LG_MAX(c->next, c->end_at))
        return;
    r = k_request_own(k, c->topic, c->partition, LG_SEC);
    r->consumer = c->consumer;
    c->consumer->nudging = true;
    k_job(r, k_job_nudge, nudged);
}

/* --- Gaps ------------------------------------------------------------------------------------
 * Kafka numbers the records of a partition without a gap; only compaction takes some away later.
 * (Transactions, which neither Lagoon nor Venice uses, leave gaps for their markers; librdkafka
 * does not show these.) So a gap in a topic that is not compacted was either made on the way here,
 * then a fresh cursor does not find it, or it is the log's.
 */

static void serve(struct k_cursor *c);

static void gap_judged(struct k_request *r)
{
    struct k_cursor *c = r->cursor;
    struct lg_error err = r->job_err;
    enum lg_rc rc = r->job_rc;

    r->asking = false;
    if (r->op == NULL)
        return;
    if (c == NULL) { /* The topic was left meanwhile. */
        begin_again(r);
        return;
    }
    assert(c->held != NULL);
    if (rc == LG_OK && r->config.compacted) {
        c->gaps_are_legal = true;
        serve(c);
        return;
    }
    if (rc == LG_OK && c->next != c->opened_at) {
        lg_log(LG_LOG_WARN, "kafka_gap_read_again", "topic=%s partition=%u from=%lld to=%lld",
               c->topic, c->partition, (long long)c->next, (long long)c->held->offset - 1);
        cursor_close(r->k, c);
        begin_again(r);
        return;
    }
    if (rc == LG_OK) {
        lg_metric_add(&lg_metric_kafka_gaps_total, 0, 1);
        rc = lg_error_set(&err, LG_ERR_CORRUPT,
                          "topic %s/%u: there are no records at the offsets %lld to %lld, though "
                          "the topic is not compacted: the log is damaged there, or a "
                          "transactional producer, which Lagoon does not take, has written to it",
                          r->topic, r->partition, (long long)c->next,
                          (long long)c->held->offset - 1);
    }
    cursor_close(r->k, c);
    k_answer(r, rc, &err);
}

/* Does the record come after a gap that nobody has judged yet? Then it is held until one has. */
static bool begins_after_gap(struct k_cursor *c, rd_kafka_message_t *m)
{
    struct k_request *r = c->request;

    if (m->offset == c->next || c->gaps_are_legal)
        return false;
    c->held = m;
    if (r->found_count == 0 && !r->asking) {
        r->asking = true;
        k_job(r, k_job_config, gap_judged);
    }
    return true;
}

/* Takes what the request may have; answers it when that is something. */
static void serve(struct k_cursor *c)
{
    struct k_request *r = c->request;
    size_t max_bytes = answer_bytes(r);

    while (r->found.size < max_bytes) {
        rd_kafka_message_t *m =
            c->held != NULL ? LG_TAKE(c->held) : rd_kafka_consume_queue(c->queue, 0);
        struct lg_error err = {0};
        enum lg_rc rc;
        bool stays;

        if (m == NULL)
            break;
        if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (r->found_count > 0) { /* First what was there before it. */
                c->held = m;
                break;
            }
            stays = take_event(c, m);
            rd_kafka_message_destroy(m);
            if (!stays)
                return;
            continue;
        }
        if (m->offset < c->next) { /* Of a batch that began before. */
            rd_kafka_message_destroy(m);
            continue;
        }
        if (r->found_count > 0 && r->found.size + m->len + m->key_len + POSITION_ROOM > max_bytes) {
            c->held = m;
            break;
        }
        if (begins_after_gap(c, m))
            break;
        rc = add_record(r, m, &err);
        if (rc != LG_OK) {
            stop_at(c, m, rc, &err);
            return;
        }
        c->next = m->offset + 1;
        rd_kafka_message_destroy(m);
    }
    if (r->found_count > 0)
        answer_found(r);
    else if (c->request == r && c->held == NULL)
        nudge(c);
}

/* --- Where to begin ------------------------------------------------------------------------- */

static void attach(struct k_request *r, struct k_cursor *c)
{
    r->cursor = c;
    c->request = r;
    serve(c);
}

static enum lg_rc judge_position(struct k_request *r, struct lg_error *err)
{
    int64_t after;

    if (lg_position_is_earliest(&r->position)) {
        r->next = r->low;
    } else if (lg_position_is_latest(&r->position)) {
        r->next = r->next < 0 ? r->high : r->next;
    } else if (!lg_position_offset(&r->position, &after)) {
        return lg_error_set(err, LG_ERR_INVALID,
                            "topic %s/%u: a position of type %d is not one of Kafka's", r->topic,
                            r->partition, r->position.type);
    } else {
        r->next = after + 1;
    }
    if (r->next < r->low)
        return lg_error_set(err, LG_ERR_POSITION_GONE,
                            "topic %s/%u: the records after position %lld were removed by "
                            "retention, the first that is there is %lld: begin anew",
                            r->topic, r->partition, (long long)r->next - 1, (long long)r->low);
    if (r->next > r->high)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "topic %s/%u: position %lld lies beyond the end, which is %lld: the "
                            "topic was made anew since; read from the beginning",
                            r->topic, r->partition, (long long)r->next - 1, (long long)r->high - 1);
    return LG_OK;
}

/* The position was looked up: for a fetch without a cursor, or one that waits at its end. */
static void looked_up(struct k_request *r)
{
    uint64_t now_us = lg_clock_mono_us();
    struct lg_error err = r->job_err;
    enum lg_rc rc = r->job_rc;
    struct k_cursor *c = r->cursor;

    r->asking = false;
    if (r->op == NULL)
        return;
    if (r->skim && c != NULL)
        r->low = r->high = c->next;
    else if (r->skim && rc == LG_OK) { /* The cursor was closed meanwhile. */
        begin_again(r);
        return;
    }
    if (rc == LG_OK && c == NULL)
        rc = judge_position(r, &err);
    else if (rc == LG_OK && c->next < r->low)
        rc = lg_error_set(&err, LG_ERR_POSITION_GONE,
                          "topic %s/%u: the records after position %lld were removed by "
                          "retention, the first that is there is %lld: begin anew",
                          r->topic, r->partition, (long long)c->next - 1, (long long)r->low);
    else if (rc == LG_OK && c->next > r->high)
        rc = lg_error_set(&err, LG_ERR_CONFLICT,
                          "topic %s/%u: position %lld lies beyond the end, which is %lld: the "
                          "topic was made anew since; read from the beginning",
                          r->topic, r->partition, (long long)c->next - 1, (long long)r->high - 1);
    if (rc != LG_OK) {
        if (c != NULL)
            cursor_close(r->k, c);
        k_answer(r, rc, &err);
        return;
    }
    if (c != NULL) {
        c->checked_us = now_us;
        r->at_end = r->high <= LG_MAX(c->next, c->end_at);
        if (r->at_end && now_us >= r->wait_until_us)
            end_fetch(r, LG_OK, NULL);
        else
            serve(c); /* What has come meanwhile. */
        return;
    }
    if (r->next >= r->high && now_us >= r->wait_until_us) {
        k_answer(r, LG_OK, NULL); /* Nothing to wait for. */
        return;
    }
    c = cursor_find(r);
    if (c == NULL)
        rc = cursor_open(r, &c, &err);
    if (rc != LG_OK)
        k_answer(r, rc, &err);
    else
        attach(r, c);
}

static void begin_again(struct k_request *r)
{
    if (r->asking || r->op == NULL)
        return;
    r->asking = true;
    r->skim = is_patient(r) && r->cursor != NULL && r->cursor->end_at == r->cursor->next;
    k_job(r, k_job_resolve, looked_up);
}

void k_fetch(struct k_request *r)
{
    struct k_cursor *c = NULL;
    int64_t after;

    if (lg_position_offset(&r->position, &after)) {
        r->next = after + 1;
        c = cursor_find(r);
    }
    if (c != NULL) {
        attach(r, c);
        return;
    }
    r->next = -1;
    begin_again(r);
}

/* Is its time to wait over? And is its topic still there? librdkafka does not tell. */
void k_fetch_tick(struct k_request *r, uint64_t now_us)
{
    struct k_cursor *c = r->cursor;
    bool checked;

    if (c == NULL || r->asking)
        return;
    checked = now_us - c->checked_us < RECHECK_US;
    if (checked && now_us < r->wait_until_us)
        return;
    if (checked && (r->at_end || (is_patient(r) && c->end_at == c->next)))
        k_answer_empty(r);
    else
        begin_again(r);
}

void k_fetch_abandon(struct k_request *r)
{
    leave(r);
}

/* --- All of them ---------------------------------------------------------------------------- */

void k_fetch_poll(struct lg_kafka *k)
{
    struct lg_list ready, *link;

    lg_list_init(&ready);
    pthread_mutex_lock(&k->lock);
    while ((link = lg_list_pop_front(&k->ready)) != NULL)
        lg_list_push_back(&ready, link);
    pthread_mutex_unlock(&k->lock);
    for (;;) {
        struct k_cursor *c;

        pthread_mutex_lock(&k->lock); /* One that is served may become ready again. */
        link = lg_list_pop_front(&ready);
        pthread_mutex_unlock(&k->lock);
        if (link == NULL)
            break;
        c = LG_CONTAINER_OF(link, struct k_cursor, ready_link);
        if (c->request != NULL)
            serve(c);
    }
    for (size_t i = 0; i < LG_KAFKA_CONSUMERS_MAX && k->consumers[i] != NULL; i++)
        (void)rd_kafka_poll(k->consumers[i]->rk, 0);
    (void)rd_kafka_poll(k->admin, 0);
}

/* News come to k_fetch_poll; this finds what was told of while something else was waited for, and
 * readers that librdkafka has to be reminded of. */
void k_fetch_sweep(struct lg_kafka *k)
{
    struct lg_list *it = k->cursors.next, *last = k->cursors.prev;

    /* One that is served may move to the end, or go: never beyond the one that is last now. */
    while (it != &k->cursors) {
        struct k_cursor *c = LG_CONTAINER_OF(it, struct k_cursor, link);
        bool was_last = it == last;

        it = it->next;
        if (c->request != NULL && !c->request->asking)
            serve(c);
        if (was_last)
            break;
    }
}

void k_fetch_leave_topic(struct lg_kafka *k, const char *topic)
{
    struct lg_list *it = k->cursors.next;

    while (it != &k->cursors) {
        struct k_cursor *c = LG_CONTAINER_OF(it, struct k_cursor, link);
        struct k_request *r = c->request;

        it = it->next;
        if (strcmp(c->topic, topic) != 0)
            continue;
        cursor_close(k, c);
        if (r != NULL)
            begin_again(r);
    }
}

void k_fetch_fail_topic(struct lg_kafka *k, const char *topic)
{
    struct lg_list *it = k->requests.next;
    struct lg_error err = {0};

    k_fetch_leave_topic(k, topic);
    lg_error_set(&err, LG_ERR_NOT_FOUND, "there is no topic %s: it was deleted", topic);
    while (it != &k->requests) {
        struct k_request *r = LG_CONTAINER_OF(it, struct k_request, all_link);

        it = it->next;
        if (r->kind == LG_PUBSUB_FETCH && strcmp(r->topic, topic) == 0)
            k_answer(r, LG_ERR_NOT_FOUND, &err);
    }
}

void k_fetch_close_idle(struct lg_kafka *k, uint64_t now_us)
{
    struct lg_list *it = k->cursors.next;

    while (it != &k->cursors) {
        struct k_cursor *c = LG_CONTAINER_OF(it, struct k_cursor, link);

        it = it->next;
        if (c->request == NULL && now_us - c->used_us > LG_KAFKA_CURSOR_IDLE_US)
            cursor_close(k, c);
    }
}

void k_fetch_close(struct lg_kafka *k)
{
    while (!lg_list_empty(&k->cursors))
        cursor_close(k, LG_CONTAINER_OF(k->cursors.next, struct k_cursor, link));
    for (size_t i = 0; i < LG_KAFKA_CONSUMERS_MAX; i++) {
        if (k->consumers[i] == NULL)
            continue;
        k_destroy_client(k->consumers[i]->rk);
        lg_map_free(k->consumers[i]->cursors);
        lg_free(k->consumers[i]);
        k->consumers[i] = NULL;
    }
}
