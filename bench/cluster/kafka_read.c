/* Our Kafka driver beside librdkafka's bare consumer (kafka_drain.c): reads every record of a
 * topic's partitions once through the pubsub port, as ingestion does, and only counts them.
 * `kafka_read BROKERS TOPIC PARTITIONS`. Prints records, bytes, seconds of wall and CPU as JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/str.h"
#include "drivers/kafka/kafka.h"
#include "drivers/uv/lane_uv.h"
#include "pubsub/batch.h"

#define PARTITIONS_MAX 10000

struct reading {
    struct lg_pubsub_op op;
    struct bench *b;
};

struct bench {
    struct lg_lane *lane;
    struct lg_kafka *k;
    struct lg_task start;
    const char *topic;
    struct reading *readings;
    uint32_t partitions, left;
    long long records, bytes;
    double last; /* When the last record came. */
};

static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "kafka_read: %s: %s\n", what, why);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fetched(struct lg_pubsub_op *op);

static void fetch(struct reading *r)
{
    r->op.kind = LG_PUBSUB_FETCH;
    r->op.lane = r->b->lane;
    r->op.topic = r->b->topic;
    r->op.max_bytes = (size_t)1 << 20;
    r->op.wait_ms = 2000;
    r->op.done = fetched;
    lg_pubsub_submit(lg_kafka_pubsub(r->b->k), &r->op);
}

static void count(struct bench *b, struct lg_slice batch)
{
    struct lg_batch_reader reader = lg_batch_read(batch);
    struct lg_pubsub_record record;
    struct lg_error err;
    bool end = false;

    for (;;) {
        if (lg_batch_next(&reader, &record, &end, &err) != LG_OK)
            fail("a batch", err.text);
        if (end)
            return;
        b->records++;
        b->bytes += (long long)(record.key.size + record.value.size);
    }
}

static void fetched(struct lg_pubsub_op *op)
{
    struct reading *r = LG_CONTAINER_OF(op, struct reading, op);
    struct lg_blob *blob = op->blob;

    if (op->rc != LG_OK)
        fail(r->b->topic, op->err.text);
    if (blob == NULL) { /* The end. */
        if (--r->b->left == 0)
            lg_lane_uv_stop(r->b->lane);
        return;
    }
    fetch(r);
    count(r->b, blob->bytes);
    r->b->last = now();
    lg_blob_unref(blob);
}

static void start(struct lg_task *task)
{
    struct bench *b = LG_CONTAINER_OF(task, struct bench, start);

    for (uint32_t p = 0; p < b->partitions; p++) {
        b->readings[p] =
            (struct reading){.b = b, .op = {.partition = p, .position = lg_position_earliest()}};
        fetch(&b->readings[p]);
    }
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    struct lg_pool_uv *pool = NULL;
    struct lg_error err = {0};
    struct rusage usage;
    double began = now();
    int64_t partitions = 0;

    if (argc != 4 || !lg_parse_i64(lg_slice_str(argv[3]), 1, PARTITIONS_MAX, &partitions))
        fail("usage", "kafka_read BROKERS TOPIC PARTITIONS");
    b.topic = argv[2];
    b.partitions = b.left = (uint32_t)partitions;
    b.readings = lg_new_array(struct reading, b.partitions);
    if (lg_pool_uv_new(1, &pool, &err) != LG_OK ||
        lg_lane_uv_new("bench", pool, &b.lane, &err) != LG_OK)
        fail("a lane", err.text);
    if (lg_kafka_open(&(struct lg_kafka_options){.servers = argv[1], .lane = b.lane}, &b.k, &err) !=
        LG_OK)
        fail(argv[1], err.text);
    b.start.run = start;
    lg_lane_post(b.lane, &b.start);
    lg_lane_uv_run(b.lane);
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("{\"records\":%lld,\"bytes\":%lld,\"wall_s\":%.3f,\"cpu_s\":%.3f}\n", b.records,
                 b.bytes, b.last - began,
                 (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    return 0; /* What is open goes with the process. */
}
