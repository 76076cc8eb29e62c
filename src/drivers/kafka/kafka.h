/* Apache Kafka behind the pubsub port, over librdkafka 2.0 (ADR 0037, docs/operations/kafka.md).
 *
 * Operations may come from any lane; none of them blocks it. A thread of the driver's own does all
 * the work: it produces with one idempotent producer (acks=all), and reads each partition with a
 * cursor that reads on where the fetch before it ended. Questions that librdkafka answers only
 * blocking run on a few threads of a pool. A position is Kafka's offset of the record (type 0).
 *
 * Records keep the time that their producer gave them (CreateTime), as in Venice's topics since
 * March 2026; topics that were made otherwise are read all the same. A key, a value or the value of
 * a header that is NULL is read as an empty one.
 *
 * Offsets have no gaps unless the topic is compacted. What looks like one is read again, from
 * there, by a fresh cursor; a gap that stays is LG_ERR_CORRUPT and names its offsets. Transactions
 * leave such gaps, too (their markers take offsets): Lagoon and Venice use none.
 *
 * TIME in a compacted topic may answer a position too early: START when Kafka finds no record, as
 * it overlooks some (3.9).
 *
 * LG_ERR_UNAVAILABLE: no broker answered in time (CREATE, DELETE, DESCRIBE and CONFIGURE do not
 * wait for their deadline once no broker has answered anything for LG_KAFKA_SILENT_US_MAX), or the
 * records may or may not be in the log;
 * LG_ERR_BUSY: more than LG_KAFKA_WAITING_BYTES_MAX wait for the producer; LG_ERR_REFUSED: the
 * broker's access rules.
 */
#ifndef LG_DRIVERS_KAFKA_KAFKA_H
#define LG_DRIVERS_KAFKA_KAFKA_H

#include "pubsub/pubsub.h"

struct lg_kafka;

#define LG_KAFKA_SCHEME "kafka://"
#define LG_KAFKA_SERVERS_MAX 2048u                      /* characters of a list of brokers */
#define LG_KAFKA_IN_FLIGHT_BYTES_MAX ((size_t)64 << 20) /* handed to the producer */
#define LG_KAFKA_WAITING_BYTES_MAX ((size_t)256 << 20)  /* of batches that wait for that */
#define LG_KAFKA_FETCH_BYTES_MAX ((size_t)16 << 20)     /* of one answer; more is clamped */
#define LG_KAFKA_FETCH_BYTES_DEFAULT ((size_t)1 << 20)
#define LG_KAFKA_RECORD_BYTES_MAX ((size_t)9 << 20) /* max.message.bytes of topics made here */
#define LG_KAFKA_PREFETCH_KBYTES_DEFAULT 1024u      /* per cursor, on top of one fetch of as much */
#define LG_KAFKA_CURSORS_MAX 8192u
#define LG_KAFKA_CURSOR_IDLE_US (30 * LG_SEC)
/* CREATE, DELETE, DESCRIBE and CONFIGURE give up when no broker has answered for so long. */
#define LG_KAFKA_SILENT_US_MAX (5 * LG_SEC)
#define LG_KAFKA_CONSUMERS_MAX 8u /* clients, and so cursors that one partition can have */

struct lg_kafka_setting {
    const char *name, *value;
};

struct lg_kafka_options {
    const char *servers; /* "host:port,host:port", with or without kafka:// before it; copied */
    /* Of Kafka's names: security.protocol, sasl.mechanism, sasl.username, sasl.password,
     * ssl.ca.location, ssl.certificate.location, ssl.key.location, ssl.key.password,
     * ssl.endpoint.identification.algorithm, compression.type, client.id. Copied. */
    const struct lg_kafka_setting *settings;
    size_t setting_count;
    struct lg_lane *lane;     /* Where `closed` runs. */
    unsigned prefetch_kbytes; /* 0: LG_KAFKA_PREFETCH_KBYTES_DEFAULT */
};

/* May this be one of the settings? */
bool lg_kafka_setting_known(const char *name);

/* Connects to nobody yet: brokers that are away are told by the operations. LG_ERR_INVALID names
 * the setting that is wrong; LG_ERR_IO when the system gives no threads. */
LG_MUST_CHECK enum lg_rc lg_kafka_open(const struct lg_kafka_options *options,
                                       struct lg_kafka **out, struct lg_error *err);
/* When no operation is on its way to it any more. What waits ends with LG_ERR_CANCELLED (fetches)
 * or LG_ERR_UNAVAILABLE. `closed` (may be NULL) runs once on the lane, when its memory is free. */
void lg_kafka_close(struct lg_kafka *k, void (*closed)(void *ctx), void *ctx);
struct lg_pubsub *lg_kafka_pubsub(struct lg_kafka *k);

#endif
