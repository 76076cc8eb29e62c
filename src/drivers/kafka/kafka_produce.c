/* Producing. A batch's records are handed to librdkafka one by one, and the operation is done when
 * the report of each has come. What is in flight is bounded in bytes: batches beyond wait here, in
 * the order of their arrival, and are refused beyond a second bound. Owner: the worker.
 *
 *   arrived ─▶ topic known? ─▶ room in flight? ─▶ under way ─▶ answered
 *                └─ no: asked for    └─ no: to_send
 *
 * A producer with a fatal error is replaced; what it had under way fails and may be repeated.
 */
#include "drivers/kafka/kafka_impl.h"

#include "base/health.h"
#include "base/log.h"
#include "drivers/kafka/metrics.h"
#include "pubsub/batch.h"

static void set_in_flight(struct lg_kafka *k, size_t bytes)
{
    k->in_flight_bytes = bytes;
    lg_metric_set(&lg_metric_kafka_in_flight_bytes, 0, bytes);
}

/* --- What has come back --------------------------------------------------------------------- */

static void finish(struct k_request *r)
{
    struct lg_kafka *k = r->k;

    set_in_flight(k, k->in_flight_bytes - r->size);
    r->sending = false;
    if (r->op != NULL && r->failed_rc == LG_OK) {
        lg_metric_add(&lg_metric_kafka_produce_records_total, 0, r->count);
        lg_metric_add(&lg_metric_kafka_produce_bytes_total, 0, r->size);
        r->op->position = lg_position_from_offset(r->last);
        lg_health_warn("kafka", true, "%s", "");
    }
    k_answer(r, r->failed_rc, &r->failed_err);
}

static void fail_record(struct k_request *r, rd_kafka_resp_err_t code)
{
    if (r->failed_rc == LG_OK)
        r->failed_rc = k_error(r->k, &r->failed_err, code, r->topic);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        k_produce_forget(r->k, r->topic);
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct k_producer *p = opaque;
    struct k_request *r = m->_private;

    (void)rk;
    p->records--;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail_record(r, m->err);
    else
        r->last = LG_MAX(r->last, m->offset);
    if (--r->pending == 0 && !r->sending)
        finish(r);
    k_request_unref(r);
}

/* --- The producer --------------------------------------------------------------------------- */

static enum lg_rc have_producer(struct lg_kafka *k, struct lg_error *err)
{
    struct k_producer *p;
    rd_kafka_queue_t *queue;
    enum lg_rc rc;

    if (k->producer != NULL)
        return LG_OK;
    p = lg_new(struct k_producer);
    p->k = k;
    lg_list_init(&p->link);
    rc = k_client_new(k, RD_KAFKA_PRODUCER, /* idempotent= */ true, p, delivered, &p->rk, err);
    if (rc != LG_OK) {
        lg_free(p);
        return rc;
    }
    queue = rd_kafka_queue_get_main(p->rk);
    k_watch(k, queue);
    rd_kafka_queue_destroy(queue);
    k->producer = p;
    return LG_OK;
}

/* Its records come back as failed; then it is destroyed. */
static void retire_producer(struct lg_kafka *k)
{
    struct k_producer *p = LG_TAKE(k->producer);

    (void)rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    lg_list_push_back(&k->dying, &p->link);
}

static void look_for_fatal(struct lg_kafka *k)
{
    char reason[256];
    rd_kafka_resp_err_t code;

    if (k->producer == NULL)
        return;
    code = rd_kafka_fatal_error(k->producer->rk, reason, sizeof reason);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    lg_log(LG_LOG_WARN, "kafka_producer_restarts", "code=%s reason=%s", rd_kafka_err2name(code),
           reason);
    lg_metric_add(&lg_metric_kafka_producer_restarts_total, 0, 1);
    retire_producer(k);
}

/* --- Sending -------------------------------------------------------------------------------- */

static rd_kafka_resp_err_t send_record(struct k_request *r, const struct lg_pubsub_record *record)
{
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_resp_err_t code;

    if (record->header_count > 0)
        headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct lg_pubsub_header *h = &record->headers[i];

        (void)rd_kafka_header_add(headers, (const char *)h->name.data, (ssize_t)h->name.size,
                                  h->value.data == NULL ? (const void *)"" : h->value.data,
                                  (ssize_t)h->value.size);
    }
    k_request_ref(r);
    code = rd_kafka_producev(
        r->k->producer->rk, RD_KAFKA_V_TOPIC(r->topic), RD_KAFKA_V_PARTITION((int32_t)r->partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY((const void *)record->key.data, record->key.size),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value.data, record->value.size),
        RD_KAFKA_V_TIMESTAMP(record->timestamp_ms), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE(r), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        r->pending++;
        r->k->producer->records++;
        return code;
    }
    if (headers != NULL) /* Still ours. */
        rd_kafka_headers_destroy(headers);
    k_request_unref(r);
    return code;
}

static void send_batch(struct k_request *r)
{
    struct lg_kafka *k = r->k;
    struct lg_batch_reader reader = lg_batch_read(r->op->blob->bytes);
    struct lg_pubsub_record record;
    bool end = false;

    r->failed_rc = have_producer(k, &r->failed_err);
    set_in_flight(k, k->in_flight_bytes + r->size);
    r->last = -1;
    r->sending = true;
    while (r->failed_rc == LG_OK) {
        rd_kafka_resp_err_t code;

        r->failed_rc = lg_batch_next(&reader, &record, &end, &r->failed_err);
        if (r->failed_rc != LG_OK || end)
            break;
        code = send_record(r, &record);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            fail_record(r, code);
    }
    r->sending = false;
    if (r->pending == 0)
        finish(r);
}

/* Sends what waits, as far as there is room. */
static void pump(struct lg_kafka *k)
{
    while (!lg_list_empty(&k->to_send)) {
        struct k_request *r = LG_CONTAINER_OF(k->to_send.next, struct k_request, link);

        if (k->in_flight_bytes > 0 && k->in_flight_bytes + r->size > LG_KAFKA_IN_FLIGHT_BYTES_MAX)
            return;
        lg_list_remove(&r->link);
        k->waiting_bytes -= r->size;
        send_batch(r);
    }
}

static void to_send(struct k_request *r, const struct k_topic *t)
{
    struct lg_error err = {0};

    if (r->partition >= t->partitions) {
        r->k->waiting_bytes -= r->size;
        lg_error_set(&err, LG_ERR_NOT_FOUND, "topic %s has %u partitions; there is no partition %u",
                     r->topic, t->partitions, r->partition);
        k_answer(r, LG_ERR_NOT_FOUND, &err);
        return;
    }
    lg_list_push_back(&r->k->to_send, &r->link);
}

/* --- Topics --------------------------------------------------------------------------------- */

static struct k_topic *have_topic(struct lg_kafka *k, const char *name)
{
    struct k_topic *t = lg_map_get(k->topics, lg_slice_str(name));

    if (t != NULL)
        return t;
    t = lg_new(struct k_topic);
    memcpy(t->name, name, strlen(name) + 1);
    lg_list_init(&t->waiting);
    lg_map_put(k->topics, lg_slice_str(name), t);
    return t;
}

static void ask_for(struct k_topic *t);

/* The answer to the first of those who wait is for all of them. */
static void topic_known(struct k_request *r)
{
    struct lg_kafka *k = r->k;
    struct k_topic *t = lg_map_get(k->topics, lg_slice_str(r->topic));
    struct lg_list waiting, *link;

    assert(t != NULL);
    t->asking = false;
    if (r->job_rc == LG_OK)
        t->partitions = r->partitions;
    if (r->job_rc != LG_OK && r->op == NULL && !lg_list_empty(&t->waiting)) {
        ask_for(t); /* It ran out of its own time; others may have more. */
        return;
    }
    lg_list_init(&waiting);
    while ((link = lg_list_pop_front(&t->waiting)) != NULL)
        lg_list_push_back(&waiting, link);
    while ((link = lg_list_pop_front(&waiting)) != NULL) {
        struct k_request *w = LG_CONTAINER_OF(link, struct k_request, link);

        if (r->job_rc == LG_OK) {
            to_send(w, t);
        } else {
            k->waiting_bytes -= w->size;
            k_answer(w, r->job_rc, &r->job_err);
        }
    }
    if (r->job_rc != LG_OK) {
        lg_map_remove(k->topics, lg_slice_str(t->name));
        lg_free(t);
    }
    pump(k);
}

static void ask_for(struct k_topic *t)
{
    t->asking = true;
    k_job(LG_CONTAINER_OF(t->waiting.next, struct k_request, link), k_job_topic, topic_known);
}

void k_produce_forget(struct lg_kafka *k, const char *topic)
{
    struct k_topic *t = lg_map_get(k->topics, lg_slice_str(topic));

    if (t != NULL)
        t->partitions = 0;
}

void k_produce(struct k_request *r)
{
    struct lg_kafka *k = r->k;
    struct lg_error err = {0};
    struct k_topic *t;
    enum lg_rc rc = lg_batch_check(r->op->blob->bytes, &r->count, &err);

    r->size = r->op->blob->bytes.size;
    if (rc == LG_OK && r->count == 0)
        rc = lg_error_set(&err, LG_ERR_INVALID, "topic %s/%u: a batch without records", r->topic,
                          r->partition);
    if (rc == LG_OK && k->waiting_bytes + r->size > LG_KAFKA_WAITING_BYTES_MAX) {
        lg_metric_add(&lg_metric_kafka_refused_total, 0, 1);
        rc = lg_error_set(&err, LG_ERR_BUSY, "%zu bytes wait for Kafka at %s already: try later",
                          k->waiting_bytes, k->servers);
    }
    if (rc != LG_OK) {
        k_answer(r, rc, &err);
        return;
    }
    t = have_topic(k, r->topic);
    k->waiting_bytes += r->size;
    if (t->partitions != 0 && lg_list_empty(&t->waiting)) {
        to_send(r, t);
        pump(k);
        return;
    }
    lg_list_push_back(&t->waiting, &r->link);
    if (!t->asking)
        ask_for(t);
}

void k_produce_abandon(struct k_request *r)
{
    if (lg_list_empty(&r->link))
        return;
    lg_list_remove(&r->link);
    r->k->waiting_bytes -= r->size;
}

void k_produce_poll(struct lg_kafka *k)
{
    struct lg_list dying, *link;

    if (k->producer != NULL)
        (void)rd_kafka_poll(k->producer->rk, 0);
    look_for_fatal(k);
    lg_list_init(&dying);
    while ((link = lg_list_pop_front(&k->dying)) != NULL) {
        struct k_producer *p = LG_CONTAINER_OF(link, struct k_producer, link);

        (void)rd_kafka_poll(p->rk, 0);
        if (p->records > 0) {
            lg_list_push_back(&dying, &p->link);
            continue;
        }
        k_destroy_client(p->rk);
        lg_free(p);
    }
    while ((link = lg_list_pop_front(&dying)) != NULL)
        lg_list_push_back(&k->dying, link);
    pump(k);
}

void k_produce_close(struct lg_kafka *k)
{
    struct lg_slice name;
    void *value;
    size_t at = 0;

    if (k->producer != NULL)
        retire_producer(k);
    while (!lg_list_empty(&k->dying)) {
        struct k_producer *p = LG_CONTAINER_OF(k->dying.next, struct k_producer, link);

        (void)rd_kafka_poll(p->rk, p->records > 0 ? 20 : 0);
        k_produce_poll(k);
    }
    while (lg_map_next(k->topics, &at, &name, &value))
        lg_free(value);
    lg_map_free(k->topics);
}
