/* The Kafka driver: its life, the worker's loop, arrival and answers, deadlines.
 *
 * The worker sleeps on one descriptor, to which everything writes that has news for it: lanes that
 * submit or cancel, jobs that have ended, and each queue of librdkafka that is no longer empty.
 */
#include "drivers/kafka/kafka.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/ref.h"
#include "base/str.h"
#include "drivers/kafka/kafka_impl.h"
#include "drivers/kafka/metrics.h"

#define SLEEP_MS 100 /* while operations are under way, deadlines are looked at this often */
#define DESTROY_SECONDS_MAX 10
#define SWEEP_US (50 * LG_MS)
#define TROUBLE_ASK_US (1 * LG_SEC)
#define TROUBLE_PAUSE_US (300 * LG_MS)
#define TROUBLE_KEPT_US (5 * LG_SEC)
#define WAIT_US_MAX (UINT64_MAX / 4)

/* --- Requests ------------------------------------------------------------------------------- */

void k_request_ref(struct k_request *r)
{
    lg_ref_get(&r->refs);
}

void k_request_unref(struct k_request *r)
{
    if (!lg_ref_put(&r->refs))
        return;
    lg_buf_done(&r->found);
    lg_blob_unref(r->names);
    lg_free(r->topic);
    lg_free(r);
}

struct k_request *k_request_own(struct lg_kafka *k, const char *topic, uint32_t partition,
                                uint64_t timeout_us)
{
    struct k_request *r = lg_new(struct k_request);

    r->refs = 1;
    r->k = k;
    r->kind = LG_PUBSUB_END;
    r->topic = lg_strdup(topic);
    r->partition = partition;
    r->deadline_us = lg_clock_mono_us() + timeout_us;
    lg_list_init(&r->all_link);
    lg_list_init(&r->link);
    lg_list_init(&r->box_link);
    lg_list_init(&r->stop_link);
    return r;
}

static void op_answered(struct lg_task *task)
{
    struct lg_pubsub_op *op = LG_CONTAINER_OF(task, struct lg_pubsub_op, task);
    struct k_request *r = op->driver_state; /* `done` may free or reuse the operation. */

    op->done(op);
    k_request_unref(r);
}

static void count_answer(const struct k_request *r, enum lg_rc rc)
{
    bool failed = rc != LG_OK && rc != LG_ERR_CANCELLED;

    if (r->kind == LG_PUBSUB_PRODUCE) {
        lg_metric_add(&lg_metric_kafka_produces_total, failed, 1);
    } else if (r->kind == LG_PUBSUB_FETCH) {
        lg_metric_add(&lg_metric_kafka_fetches_total, failed, 1);
        if (rc == LG_OK && r->op->blob != NULL) {
            lg_metric_add(&lg_metric_kafka_fetch_records_total, 0, r->found_count);
            lg_metric_add(&lg_metric_kafka_fetch_bytes_total, 0, r->op->blob->bytes.size);
        }
    }
}

/* What the brokers said about the topic is worth more than that there was no answer in time. */
static const struct lg_error *better_reason(const struct k_request *r, enum lg_rc rc,
                                            const struct lg_error *err)
{
    const struct k_trouble *t = &r->k->trouble;

    if (rc != LG_ERR_UNAVAILABLE || strcmp(t->topic, r->topic) != 0 || r->topic[0] == '\0' ||
        lg_clock_mono_us() - t->known_us > TROUBLE_KEPT_US)
        return err;
    return &t->why;
}

void k_answer(struct k_request *r, enum lg_rc rc, const struct lg_error *err)
{
    struct lg_pubsub_op *op = LG_TAKE(r->op);

    if (op == NULL)
        return;
    err = better_reason(r, rc, err);
    r->op = op;
    count_answer(r, rc);
    r->op = NULL;
    lg_list_remove(&r->all_link);
    op->rc = rc;
    if (rc != LG_OK)
        op->err = *err;
    op->task.run = op_answered;
    lg_lane_post(op->lane, &op->task);
}

void k_answer_empty(struct k_request *r)
{
    k_fetch_abandon(r);
    k_answer(r, LG_OK, NULL);
}

void k_wake(struct lg_kafka *k)
{
    uint64_t one = 1;
    ssize_t n = write(k->wake_fd, &one, sizeof one);

    assert(n == (ssize_t)sizeof one || errno == EAGAIN);
}

static char *copy_topic(const struct lg_pubsub_op *op)
{
    return lg_pubsub_of_all(op->kind) || op->topic == NULL ? lg_strdup("") : lg_strdup(op->topic);
}

static void kafka_submit(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct lg_kafka *k = LG_CONTAINER_OF(ps, struct lg_kafka, head);
    struct k_request *r = lg_new(struct k_request);
    uint64_t now_us = lg_clock_mono_us(), lane_us = lg_lane_now_us(op->lane);
    uint64_t wait_us =
        op->kind == LG_PUBSUB_FETCH ? LG_MIN(op->wait_ms, WAIT_US_MAX / LG_MS) * LG_MS : 0;

    r->refs = 2; /* The list's, until the worker lets go, and the operation's. */
    r->k = k;
    r->op = op;
    r->kind = op->kind;
    r->topic = copy_topic(op);
    r->partition = op->partition;
    r->partitions = op->partitions;
    r->position = op->position;
    r->timestamp_ms = op->timestamp_ms;
    r->config = op->config;
    r->max_bytes = op->max_bytes;
    r->next = -1;
    r->begun_us = now_us;
    r->deadline_us = now_us + wait_us + K_DEADLINE_DEFAULT_US;
    if (op->deadline_us != 0)
        r->deadline_us = now_us + (op->deadline_us > lane_us ? op->deadline_us - lane_us : 0);
    r->wait_until_us = LG_MIN(now_us + wait_us, r->deadline_us);
    lg_list_init(&r->all_link);
    lg_list_init(&r->link);
    lg_list_init(&r->box_link);
    lg_list_init(&r->stop_link);
    op->driver_state = r;
    op->cancelled = false;
    op->rc = LG_OK;
    op->err = (struct lg_error){0};
    if (op->kind != LG_PUBSUB_PRODUCE)
        op->blob = NULL;
    pthread_mutex_lock(&k->lock);
    lg_list_push_back(&k->arrived, &r->box_link);
    pthread_mutex_unlock(&k->lock);
    k_wake(k);
}

static void kafka_cancel(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct lg_kafka *k = LG_CONTAINER_OF(ps, struct lg_kafka, head);
    struct k_request *r = op->driver_state;

    if (op->cancelled)
        return;
    op->cancelled = true;
    k_request_ref(r);
    pthread_mutex_lock(&k->lock);
    lg_list_push_back(&k->cancelled, &r->stop_link);
    pthread_mutex_unlock(&k->lock);
    k_wake(k);
}

static int kafka_compare(struct lg_pubsub *ps, const struct lg_position *a,
                         const struct lg_position *b)
{
    (void)ps;
    return lg_position_compare_offsets(a, b);
}

static const struct lg_pubsub_ops ops = {
    .name = "kafka",
    .submit = kafka_submit,
    .cancel = kafka_cancel,
    .compare = kafka_compare,
};

/* --- Jobs ----------------------------------------------------------------------------------- */

void k_job(struct k_request *r, void (*job)(struct k_request *r), void (*done)(struct k_request *r))
{
    struct lg_kafka *k = r->k;

    r->job = job;
    r->job_done = done;
    r->job_rc = LG_OK;
    k_request_ref(r);
    k->jobs_under_way++;
    pthread_mutex_lock(&k->lock);
    lg_list_push_back(&k->jobs, &r->box_link);
    pthread_cond_signal(&k->jobs_come);
    pthread_mutex_unlock(&k->lock);
}

static void *job_thread(void *arg)
{
    struct lg_kafka *k = arg;

    pthread_mutex_lock(&k->lock);
    for (;;) {
        struct lg_list *link = lg_list_pop_front(&k->jobs);
        struct k_request *r;

        if (link == NULL && k->jobs_end)
            break;
        if (link == NULL) {
            pthread_cond_wait(&k->jobs_come, &k->lock);
            continue;
        }
        pthread_mutex_unlock(&k->lock);
        r = LG_CONTAINER_OF(link, struct k_request, box_link);
        r->job(r);
        pthread_mutex_lock(&k->lock);
        lg_list_push_back(&k->finished, &r->box_link);
        k_wake(k);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

/* --- The worker ----------------------------------------------------------------------------- */

static void operation_done(struct k_request *r)
{
    struct lg_pubsub_op *op = r->op;

    if (r->kind == LG_PUBSUB_DELETE && r->job_rc == LG_OK) {
        k_produce_forget(r->k, r->topic);
        k_fetch_fail_topic(r->k, r->topic);
    }
    if (op != NULL && r->job_rc == LG_OK) {
        op->partitions = r->partitions;
        if (r->kind == LG_PUBSUB_DESCRIBE)
            op->config = r->config;
        op->blob = LG_TAKE(r->names);
        if (r->kind == LG_PUBSUB_END || r->kind == LG_PUBSUB_START || r->kind == LG_PUBSUB_TIME)
            op->position = r->found_position;
        lg_health_warn("kafka", true, "%s", "");
    }
    k_answer(r, r->job_rc, &r->job_err);
}

/* When it next wants to be looked at. */
static uint64_t due_us(const struct k_request *r, uint64_t now_us)
{
    return r->kind == LG_PUBSUB_FETCH && r->wait_until_us > now_us
               ? LG_MIN(r->deadline_us, r->wait_until_us)
               : r->deadline_us;
}

static void begin(struct k_request *r)
{
    struct lg_kafka *k = r->k;
    struct lg_error err = {0};

    lg_list_push_back(&k->requests, &r->all_link);
    k->due_us = LG_MIN(k->due_us, due_us(r, lg_clock_mono_us()));
    if (!lg_pubsub_of_all(r->kind) && (r->topic[0] == '\0' || strlen(r->topic) > LG_TOPIC_NAME_MAX))
        k_answer(r,
                 lg_error_set(&err, LG_ERR_INVALID, "a topic's name has 1 to %u characters",
                              LG_TOPIC_NAME_MAX),
                 &err);
    else if (r->kind == LG_PUBSUB_PRODUCE)
        k_produce(r);
    else if (r->kind == LG_PUBSUB_FETCH)
        k_fetch(r);
    else
        k_job(r, k_job_operation, operation_done);
    if (r->kind == LG_PUBSUB_DELETE)
        k_fetch_leave_topic(k, r->topic);
    k_request_unref(r);
}

static void abandon(struct k_request *r, enum lg_rc rc, const struct lg_error *err)
{
    if (r->kind == LG_PUBSUB_PRODUCE)
        k_produce_abandon(r);
    else if (r->kind == LG_PUBSUB_FETCH)
        k_fetch_abandon(r);
    k_answer(r, rc, err);
}

static void take(struct lg_list *from, struct lg_list *out) /* With the lock. */
{
    struct lg_list *link;

    lg_list_init(out);
    while ((link = lg_list_pop_front(from)) != NULL)
        lg_list_push_back(out, link);
}

/* All boxes are emptied at one moment: what is cancelled has arrived before, and has begun here
 * when its cancel is looked at. */
static void look_into_boxes(struct lg_kafka *k)
{
    struct lg_list arrived, finished, cancelled, *link;
    struct lg_error err = {0};

    pthread_mutex_lock(&k->lock);
    take(&k->arrived, &arrived);
    take(&k->finished, &finished);
    take(&k->cancelled, &cancelled);
    pthread_mutex_unlock(&k->lock);
    while ((link = lg_list_pop_front(&arrived)) != NULL)
        begin(LG_CONTAINER_OF(link, struct k_request, box_link));
    while ((link = lg_list_pop_front(&finished)) != NULL) {
        struct k_request *r = LG_CONTAINER_OF(link, struct k_request, box_link);

        k->jobs_under_way--;
        r->job_done(r);
        k_request_unref(r);
    }
    while ((link = lg_list_pop_front(&cancelled)) != NULL) {
        struct k_request *r = LG_CONTAINER_OF(link, struct k_request, stop_link);

        if (r->op != NULL && r->kind == LG_PUBSUB_FETCH)
            abandon(r, lg_error_set(&err, LG_ERR_CANCELLED, "the fetch was cancelled"), &err);
        k_request_unref(r);
    }
}

static void too_late(struct k_request *r)
{
    struct lg_error err = {0};

    if (!k_why_silent(r->k, &err))
        lg_error_set(&err, LG_ERR_UNAVAILABLE,
                     "%s%s: no Kafka broker answers at %s in time; check kafka.bootstrap.servers",
                     r->topic[0] == '\0' ? "" : "topic ", r->topic, r->k->servers);
    lg_health_warn("kafka", false, "no answer from %.150s", r->k->servers);
    abandon(r, err.rc, &err);
}

/* --- Why is there no answer? ----------------------------------------------------------------
 * librdkafka repeats what a broker refuses for the moment (no leader, too few replicas in sync)
 * without a word until the time is over. So when half the time of an operation has gone, its topic
 * is looked at: one question at a time, and at most one in TROUBLE_PAUSE_US.
 */

static void diagnosed(struct k_request *r)
{
    struct k_trouble *t = &r->k->trouble;

    t->asking = false;
    t->topic[0] = '\0';
    if (r->job_rc == LG_ERR_UNAVAILABLE && strlen(r->topic) < sizeof t->topic) {
        memcpy(t->topic, r->topic, strlen(r->topic) + 1);
        t->known_us = lg_clock_mono_us();
        t->why = r->job_err;
    }
    k_request_unref(r);
}

static bool is_stuck(const struct k_request *r, uint64_t now_us)
{
    const struct k_cursor *c = r->cursor;

    if (lg_pubsub_of_all(r->kind) || r->kind == LG_PUBSUB_CREATE || r->kind == LG_PUBSUB_DELETE)
        return false;
    if (r->kind == LG_PUBSUB_FETCH && (r->at_end || (c != NULL && c->end_at == c->next)))
        return false; /* It waits at the end. */
    return now_us >= r->begun_us + (r->deadline_us - r->begun_us) / 2;
}

static void look_for_trouble(struct lg_kafka *k, const struct k_request *r, uint64_t now_us)
{
    struct k_trouble *t = &k->trouble;

    if (t->asking || now_us - t->asked_us < TROUBLE_PAUSE_US || !is_stuck(r, now_us))
        return;
    t->asking = true;
    t->asked_us = now_us;
    k_job(k_request_own(k, r->topic, r->partition, TROUBLE_ASK_US), k_job_diagnose, diagnosed);
}

static void tick(struct lg_kafka *k, uint64_t now_us)
{
    struct lg_list *it = k->requests.next;

    k->tick_us = now_us;
    k->due_us = UINT64_MAX;
    while (it != &k->requests) {
        struct k_request *r = LG_CONTAINER_OF(it, struct k_request, all_link);

        it = it->next; /* Only this one may leave the list here. */
        look_for_trouble(k, r, now_us);
        if (now_us >= r->deadline_us && r->kind == LG_PUBSUB_FETCH && r->cursor != NULL &&
            r->at_end)
            k_answer_empty(r);
        else if (now_us >= r->deadline_us)
            too_late(r);
        else if (r->kind == LG_PUBSUB_FETCH)
            k_fetch_tick(r, now_us);
    }
    LG_LIST_EACH(left, &k->requests)
    {
        const struct k_request *r = LG_CONTAINER_OF(left, struct k_request, all_link);

        k->due_us = LG_MIN(k->due_us, due_us(r, now_us));
    }
    if (now_us - k->sweep_us >= SWEEP_US) {
        k->sweep_us = now_us;
        k_fetch_sweep(k);
    }
    if (now_us - k->idle_check_us > LG_SEC) {
        k->idle_check_us = now_us;
        k_fetch_close_idle(k, now_us);
    }
}

static int sleep_ms(const struct lg_kafka *k, uint64_t now_us)
{
    uint64_t soonest = LG_MIN(k->due_us, now_us + SLEEP_MS * LG_MS);

    return soonest <= now_us ? 1 : (int)((soonest - now_us + LG_MS - 1) / LG_MS);
}

static bool is_closing(struct lg_kafka *k)
{
    bool closing;

    pthread_mutex_lock(&k->lock);
    closing = k->closing;
    pthread_mutex_unlock(&k->lock);
    return closing;
}

static void end_requests(struct lg_kafka *k)
{
    while (!lg_list_empty(&k->requests)) {
        struct k_request *r = LG_CONTAINER_OF(k->requests.next, struct k_request, all_link);
        struct lg_error err = {0};
        enum lg_rc rc = r->kind == LG_PUBSUB_FETCH ? LG_ERR_CANCELLED : LG_ERR_UNAVAILABLE;

        abandon(r, lg_error_set(&err, rc, "the log is closing"), &err);
    }
}

static void shut_down(struct lg_kafka *k)
{
    end_requests(k);
    while (k->jobs_under_way > 0) { /* Each sees soon that the log is closing. */
        struct pollfd fd = {.fd = k->wake_fd, .events = POLLIN};
        uint64_t count;

        if (poll(&fd, 1, SLEEP_MS) > 0)
            (void)!read(k->wake_fd, &count, sizeof count);
        look_into_boxes(k);
        end_requests(k);
    }
    k_fetch_close(k);
    k_produce_close(k);
    k_destroy_client(k->admin);
    pthread_mutex_lock(&k->lock);
    k->jobs_end = true;
    pthread_cond_broadcast(&k->jobs_come);
    pthread_mutex_unlock(&k->lock);
    for (unsigned i = 0; i < k->job_thread_count; i++)
        (void)pthread_join(k->job_threads[i], NULL);
}

static void free_log(struct lg_kafka *k)
{
    struct lg_list *link;

    k_jobs_close(k);
    while ((link = lg_list_pop_front(&k->cancelled)) != NULL) /* After the worker's last look. */
        k_request_unref(LG_CONTAINER_OF(link, struct k_request, stop_link));
    if (k->wake_fd >= 0)
        (void)close(k->wake_fd);
    (void)pthread_mutex_destroy(&k->lock);
    (void)pthread_cond_destroy(&k->jobs_come);
    for (size_t i = 0; i < k->setting_count; i++) {
        lg_free((char *)(uintptr_t)k->settings[i].name);
        lg_free((char *)(uintptr_t)k->settings[i].value);
    }
    lg_free(k->settings);
    lg_free(k->url);
    lg_free(k->servers);
    lg_free(k);
}

static void closed(struct lg_task *task)
{
    struct lg_kafka *k = LG_CONTAINER_OF(task, struct lg_kafka, closed_task);
    void (*then)(void *ctx) = k->closed;
    void *ctx = k->closed_ctx;

    (void)pthread_join(k->worker, NULL);
    free_log(k);
    if (then != NULL)
        then(ctx);
}

static void *work(void *arg)
{
    struct lg_kafka *k = arg;

    while (!is_closing(k)) {
        struct pollfd fd = {.fd = k->wake_fd, .events = POLLIN};
        uint64_t count, now_us = lg_clock_mono_us();

        if (poll(&fd, 1, sleep_ms(k, now_us)) > 0)
            (void)!read(k->wake_fd, &count, sizeof count);
        look_into_boxes(k);
        k_produce_poll(k);
        k_fetch_poll(k);
        now_us = lg_clock_mono_us();
        if (now_us - k->tick_us >= K_TICK_US)
            tick(k, now_us);
    }
    look_into_boxes(k);
    shut_down(k);
    k->closed_task.run = closed;
    lg_lane_post(k->lane, &k->closed_task);
    return NULL;
}

/* --- Clients that end ----------------------------------------------------------------------- */

static void *destroy(void *rk)
{
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return NULL;
}

/* In librdkafka 2.0 this can hang, so it has a thread of its own that is left behind if need be. */
void k_destroy_client(rd_kafka_t *rk)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    uint64_t until_us = lg_clock_mono_us() + DESTROY_SECONDS_MAX * UINT64_C(1000000);
    pthread_t thread;

    if (pthread_create(&thread, NULL, destroy, rk) != 0) {
        (void)destroy(rk);
        return;
    }
    /* pthread_timedjoin_np waits by the wall clock, which may be set meanwhile. */
    for (;; (void)nanosleep(&moment, NULL)) {
        if (pthread_tryjoin_np(thread, NULL) == 0)
            return;
        if (lg_clock_mono_us() >= until_us)
            break;
    }
    lg_log(LG_LOG_WARN, "kafka_client_left_behind",
           "seconds=%d effect=\"its memory and threads stay until the process ends\"",
           DESTROY_SECONDS_MAX);
    (void)pthread_detach(thread);
}

/* --- Life ----------------------------------------------------------------------------------- */

static enum lg_rc copy_options(struct lg_kafka *k, const struct lg_kafka_options *o,
                               struct lg_error *err)
{
    struct lg_slice servers = lg_slice_str(o->servers);

    if (lg_slice_starts(servers, LG_LIT(LG_KAFKA_SCHEME)))
        servers = lg_slice_skip(servers, sizeof(LG_KAFKA_SCHEME) - 1);
    if (servers.size == 0 || servers.size > LG_KAFKA_SERVERS_MAX ||
        memchr(servers.data, '/', servers.size) != NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "\"%.*s\" is not a list of Kafka brokers: host:port,host:port",
                            (int)LG_MIN(servers.size, (size_t)200), (const char *)servers.data);
    k->servers = lg_strndup((const char *)servers.data, servers.size);
    k->url = lg_strf(LG_KAFKA_SCHEME "%s", k->servers);
    k->head.url = k->url;
    k->settings = lg_new_array(struct lg_kafka_setting, o->setting_count + 1);
    for (size_t i = 0; i < o->setting_count; i++) {
        if (!lg_kafka_setting_known(o->settings[i].name))
            return lg_error_set(err, LG_ERR_INVALID,
                                "\"%s\" is not one of the Kafka settings that Lagoon takes: see "
                                "docs/operations/kafka.md",
                                o->settings[i].name);
        k->settings[i].name = lg_strdup(o->settings[i].name);
        k->settings[i].value = lg_strdup(o->settings[i].value);
        k->setting_count++;
    }
    return LG_OK;
}

static enum lg_rc no_threads(struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_IO, "the system gives no threads for Kafka");
}

/* All or none: a thread that was started stays, so the first failure ends the ones before it. */
static enum lg_rc start_threads(struct lg_kafka *k, struct lg_error *err)
{
    k->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (k->wake_fd < 0)
        return lg_error_errno(err, errno, "no descriptor for Kafka");
    while (k->job_thread_count < K_JOB_THREADS &&
           pthread_create(&k->job_threads[k->job_thread_count], NULL, job_thread, k) == 0)
        k->job_thread_count++;
    if (k->job_thread_count == K_JOB_THREADS && pthread_create(&k->worker, NULL, work, k) == 0)
        return LG_OK;
    pthread_mutex_lock(&k->lock);
    k->jobs_end = true;
    pthread_cond_broadcast(&k->jobs_come);
    pthread_mutex_unlock(&k->lock);
    for (unsigned i = 0; i < k->job_thread_count; i++)
        (void)pthread_join(k->job_threads[i], NULL);
    return no_threads(err);
}

enum lg_rc lg_kafka_open(const struct lg_kafka_options *options, struct lg_kafka **out,
                         struct lg_error *err)
{
    struct lg_kafka *k = lg_new(struct lg_kafka);
    struct lg_list *lists[] = {&k->arrived, &k->cancelled, &k->finished, &k->jobs, &k->requests,
                               &k->dying,   &k->to_send,   &k->cursors,  &k->ready};
    enum lg_rc rc;

    for (size_t i = 0; i < LG_ARRAY_SIZE(lists); i++)
        lg_list_init(lists[i]);
    (void)pthread_mutex_init(&k->lock, NULL);
    (void)pthread_cond_init(&k->jobs_come, NULL);
    k->head.ops = &ops;
    k->lane = options->lane;
    k->wake_fd = -1;
    k->prefetch_kbytes =
        options->prefetch_kbytes == 0 ? LG_KAFKA_PREFETCH_KBYTES_DEFAULT : options->prefetch_kbytes;
    rc = copy_options(k, options, err);
    if (rc == LG_OK)
        rc = k_client_new(k, RD_KAFKA_PRODUCER, /* idempotent= */ false, k, NULL, &k->admin, err);
    if (rc == LG_OK) {
        k->topics = lg_map_new();
        rc = start_threads(k, err);
    }
    if (rc == LG_OK) {
        *out = k;
        return LG_OK;
    }
    lg_map_free(k->topics);
    if (k->admin != NULL)
        k_destroy_client(k->admin); /* Before the descriptor goes. */
    free_log(k);
    return rc;
}

void lg_kafka_close(struct lg_kafka *k, void (*closed_cb)(void *ctx), void *ctx)
{
    k->closed = closed_cb;
    k->closed_ctx = ctx;
    pthread_mutex_lock(&k->lock);
    assert(!k->closing);
    k->closing = true;
    __atomic_store_n(&k->hurry, true, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&k->lock);
    k_wake(k);
}

struct lg_pubsub *lg_kafka_pubsub(struct lg_kafka *k)
{
    return &k->head;
}
