/* The inside of the Kafka driver, shared by its files.
 *
 *   kafka.c          life, the worker's loop, arrival and answers, deadlines
 *   kafka_conf.c     settings, error codes, librdkafka's log
 *   kafka_jobs.c     what blocks: metadata, watermarks, topics; on the threads of the pool
 *   kafka_produce.c  the producer
 *   kafka_fetch.c    cursors
 *
 * Everything belongs to the worker thread, unless it says otherwise.
 */
#ifndef LG_DRIVERS_KAFKA_KAFKA_IMPL_H
#define LG_DRIVERS_KAFKA_KAFKA_IMPL_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"
#include "drivers/kafka/kafka.h"

#define K_JOB_THREADS 4u
#define K_DEADLINE_DEFAULT_US (30 * LG_SEC)
#define K_TICK_US (10 * LG_MS)

struct k_cursor;

/* One operation on its way. Holders: the list of all until it is answered and idle, and each job,
 * record and cancel that is under way. */
struct k_request {
    unsigned refs; /* Atomic. */
    struct lg_kafka *k;
    struct lg_pubsub_op *op; /* NULL once answered. */
    enum lg_pubsub_kind kind;
    char *topic;
    uint32_t partition;
    struct lg_position position;
    int64_t timestamp_ms;
    struct lg_pubsub_config config;
    uint64_t deadline_us, wait_until_us, begun_us; /* lg_clock_mono_us */
    uint64_t silent_since_us; /* Of its job: nobody has answered since; 0: somebody has. */
    size_t max_bytes;
    struct lg_list all_link;  /* In lg_kafka.requests. */
    struct lg_list link;      /* Where it waits. */
    struct lg_list box_link;  /* In an inbox, or the queue of jobs. */
    struct lg_list stop_link; /* In the inbox of cancels. */

    /* The job: written by a thread of the pool, read when it has come back. */
    void (*job)(struct k_request *r);
    void (*job_done)(struct k_request *r);
    enum lg_rc job_rc;
    struct lg_error job_err;
    uint32_t partitions;
    int64_t low, high;           /* watermarks */
    struct k_consumer *consumer; /* Of a nudge. */
    struct lg_blob *names;
    struct lg_position found_position;

    /* PRODUCE */
    size_t size, count, pending; /* bytes, records, records under way */
    int64_t last;                /* offset */
    bool sending;
    enum lg_rc failed_rc;
    struct lg_error failed_err;

    /* FETCH */
    struct k_cursor *cursor;
    int64_t next; /* Of the first record that is wanted; -1: not resolved. */
    bool at_end, asking;
    bool skim; /* Does the partition still exist? That is all that is asked. */
    struct lg_buf found;
    int64_t found_last;
    size_t found_count;
};

struct k_producer {
    struct lg_kafka *k;
    rd_kafka_t *rk;
    size_t records; /* under way */
    bool fatal;
    struct lg_list link; /* Among the dying. */
};

struct k_consumer {
    rd_kafka_t *rk;
    bool nudging;           /* A nudge is under way. */
    struct lg_map *cursors; /* By "<topic>/<partition>". */
};

struct k_cursor {
    struct k_consumer *consumer;
    char *key, *topic;
    uint32_t partition;
    rd_kafka_topic_t *rkt;
    rd_kafka_queue_t *queue;
    int64_t next; /* The first offset that was not given out. */
    int64_t opened_at;
    bool gaps_are_legal; /* The topic was seen to be compacted. */
    int64_t end_at;      /* There were no records from here on; -1: there may be. */
    rd_kafka_message_t *held;
    struct k_request *request;
    uint64_t used_us, checked_us;
    struct lg_list link; /* Least recently used first. */
    struct lg_kafka *k;
    struct lg_list ready_link; /* In lg_kafka.ready; with its lock. */
};

struct k_topic {         /* What producers know of it. */
    uint32_t partitions; /* 0: not asked yet */
    bool asking;
    struct lg_list waiting;
    char name[LG_TOPIC_NAME_MAX + 1];
};

/* Why operations on a topic get no answer, as the brokers tell it themselves. */
struct k_trouble {
    bool asking;
    uint64_t asked_us, known_us;
    char topic[LG_TOPIC_NAME_MAX + 1]; /* "": none is known */
    struct lg_error why;
};

struct lg_kafka {
    struct lg_pubsub head;
    char *url, *servers;
    struct lg_lane *lane;
    struct lg_kafka_setting *settings;
    size_t setting_count;
    unsigned prefetch_kbytes;
    rd_kafka_t *admin; /* Any thread. */

    pthread_mutex_t lock; /* Guards the block below. */
    struct lg_list arrived, cancelled, finished;
    struct lg_list jobs;
    struct lg_list ready; /* Cursors whose queues are no longer empty. */
    pthread_cond_t jobs_come;
    bool closing, jobs_end;
    struct lg_map *known;       /* How many partitions topics have; NULL: of none. */
    bool met;                   /* A broker has answered us. */
    rd_kafka_resp_err_t turned; /* Why none lets us in, as far as known, and its words. */
    char turned_text[256];

    int wake_fd;
    pthread_t worker, job_threads[K_JOB_THREADS];
    unsigned job_thread_count;
    struct lg_list requests;
    size_t jobs_under_way;
    uint64_t tick_us, idle_check_us, sweep_us;
    uint64_t due_us; /* No request wants the tick before. */
    struct k_trouble trouble;
    bool hurry; /* Atomic: the log is closing, jobs end. */

    struct k_producer *producer;
    struct lg_list dying;
    struct lg_map *topics;
    struct lg_list to_send;
    size_t waiting_bytes, in_flight_bytes;

    struct k_consumer *consumers[LG_KAFKA_CONSUMERS_MAX];
    size_t cursor_count;
    struct lg_list cursors;

    struct lg_task closed_task;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* kafka.c */
void k_answer(struct k_request *r, enum lg_rc rc, const struct lg_error *err);
/* A fetch that found nothing in its time. */
void k_answer_empty(struct k_request *r);
void k_request_ref(struct k_request *r);
void k_request_unref(struct k_request *r);
/* A question of the driver's own; k_job takes the reference. */
struct k_request *k_request_own(struct lg_kafka *k, const char *topic, uint32_t partition,
                                uint64_t timeout_us);
/* Any thread. */
void k_wake(struct lg_kafka *k);
/* `job` runs on the pool, then `done` on the worker. */
void k_job(struct k_request *r, void (*job)(struct k_request *r),
           void (*done)(struct k_request *r));
/* Ends a client, in a bounded time. */
void k_destroy_client(rd_kafka_t *rk);

/* kafka_conf.c */
LG_MUST_CHECK enum lg_rc
k_client_new(struct lg_kafka *k, rd_kafka_type_t type, bool idempotent, void *opaque,
             void (*delivered)(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque),
             rd_kafka_t **out, struct lg_error *err);
/* Sets the sentence for a topic (and partition). */
enum lg_rc k_error(struct lg_kafka *k, struct lg_error *err, rd_kafka_resp_err_t code,
                   const char *topic);
bool k_may_retry(rd_kafka_resp_err_t code);
/* A broker has answered a question. Any thread. */
void k_met(struct lg_kafka *k);
/* No broker has let us in yet, and they refuse us for good, by credentials or certificates: sets
 * the sentence. Any thread. */
bool k_turned_away(struct lg_kafka *k, struct lg_error *err);
/* Nobody has answered in time, and it is known why: sets the sentence. LG_ERR_REFUSED when nobody
 * ever has, else LG_ERR_UNAVAILABLE. Any thread. */
bool k_why_silent(struct lg_kafka *k, struct lg_error *err);
/* The queue's events write to the worker's descriptor. */
void k_watch(struct lg_kafka *k, rd_kafka_queue_t *queue);

/* kafka_jobs.c: pool threads. */
void k_job_resolve(struct k_request *r); /* -> partitions, low, high */
void k_job_topic(struct k_request *r);   /* -> partitions */
void k_job_operation(struct k_request *r);
void k_job_nudge(struct k_request *r);
void k_job_diagnose(
    struct k_request *r); /* -> job_rc is LG_ERR_UNAVAILABLE when something is amiss */
void k_job_config(struct k_request *r); /* -> config, without the replication */

void k_jobs_close(struct lg_kafka *k); /* When none is under way. */

/* kafka_produce.c */
void k_produce(struct k_request *r);
void k_produce_poll(struct lg_kafka *k);
void k_produce_forget(struct lg_kafka *k, const char *topic);
void k_produce_abandon(struct k_request *r); /* It was answered: it no longer waits. */
void k_produce_close(struct lg_kafka *k);

/* kafka_fetch.c */
void k_fetch(struct k_request *r);
void k_fetch_poll(struct lg_kafka *k);
void k_fetch_sweep(struct lg_kafka *k);
void k_fetch_tick(struct k_request *r, uint64_t now_us);
void k_fetch_abandon(struct k_request *r);
/* Closes the cursors of a topic before it is deleted; their requests begin again. */
void k_fetch_leave_topic(struct lg_kafka *k, const char *topic);
void k_fetch_fail_topic(struct lg_kafka *k, const char *topic);
void k_fetch_close_idle(struct lg_kafka *k, uint64_t now_us);
void k_fetch_close(struct lg_kafka *k);

#endif
