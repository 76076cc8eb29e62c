/* librdkafka's bare consumer as the limit of what ingestion can do: reads every record of a topic's
 * partitions once, with the driver's consumer settings, and does nothing with them.
 * `kafka_drain BROKERS TOPIC PARTITIONS`. Prints records, bytes, seconds of wall and CPU as JSON.
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define PARTITIONS_MAX 10000
#define POLL_MS 100
#define SILENCE_MAX 300 /* polls without a record: half a minute */

struct drain {
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    int partitions;
    long long records, bytes;
};

static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "kafka_drain: %s: %s\n", what, why);
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];

    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        fail(name, why);
}

static void open_topic(struct drain *d, const char *brokers, const char *topic)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[512];

    set(conf, "bootstrap.servers", brokers);
    set(conf, "enable.partition.eof", "true");
    set(conf, "queued.min.messages", "100000");
    set(conf, "queued.max.messages.kbytes", "65536");
    set(conf, "socket.nagle.disable", "true");
    d->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (d->client == NULL)
        fail("a consumer", why);
    d->topic = rd_kafka_topic_new(d->client, topic, NULL);
    d->queue = rd_kafka_queue_new(d->client);
    for (int p = 0; p < d->partitions; p++)
        if (rd_kafka_consume_start_queue(d->topic, p, RD_KAFKA_OFFSET_BEGINNING, d->queue) != 0)
            fail(topic, rd_kafka_err2str(rd_kafka_last_error()));
}

/* Returns how many partitions ended. */
static int take(struct drain *d)
{
    rd_kafka_message_t *message = rd_kafka_consume_queue(d->queue, POLL_MS);
    int ended = 0;

    if (message == NULL)
        return -1;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        ended = 1;
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail("a record", rd_kafka_message_errstr(message));
    } else {
        d->records++;
        d->bytes += (long long)(message->key_len + message->len);
    }
    rd_kafka_message_destroy(message);
    return ended;
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct drain d = {0};
    struct rusage usage;
    int ended = 0, silent = 0;
    double began = now();

    if (argc != 4 || (d.partitions = atoi(argv[3])) < 1 || d.partitions > PARTITIONS_MAX)
        fail("usage", "kafka_drain BROKERS TOPIC PARTITIONS");
    open_topic(&d, argv[1], argv[2]);
    while (ended < d.partitions) {
        int one = take(&d);

        silent = one < 0 ? silent + 1 : 0;
        if (silent > SILENCE_MAX)
            fail(argv[2], "no record for half a minute");
        ended += one > 0;
    }
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("{\"records\":%lld,\"bytes\":%lld,\"wall_s\":%.3f,\"cpu_s\":%.3f}\n", d.records,
                 d.bytes, now() - began,
                 (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    for (int p = 0; p < d.partitions; p++)
        (void)rd_kafka_consume_stop(d.topic, p);
    rd_kafka_queue_destroy(d.queue);
    rd_kafka_topic_destroy(d.topic);
    rd_kafka_destroy(d.client);
    return 0;
}
