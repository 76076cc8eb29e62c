/* Makes a version topic and writes the controller's control messages to each of its partitions.
 *
 * The producer's GUID is made from the topic's name, so that writing the same again gives
 * duplicates that readers drop. Owned by one lane; one operation is one struct, alive until `done`,
 * which comes exactly once, never from inside start.
 */
#ifndef LG_CONTROLLER_TOPIC_WRITER_H
#define LG_CONTROLLER_TOPIC_WRITER_H

#include "model/enums.h"
#include "pubsub/pubsub.h"

#define LG_TOPIC_WRITER_IN_FLIGHT 8u
/* A log that does not take messages for so long is given up: other changes wait meanwhile, and who
 * asked asks again. */
#define LG_TOPIC_WRITER_PRODUCE_MS 10000u

enum lg_topic_writer_kind {
    LG_TOPIC_WRITE_START, /* Deletes and makes the topic, then SOS and SOP. */
    LG_TOPIC_WRITE_END,   /* SOS, EOP with the record count, EOS. */
};

struct lg_topic_writer;

struct lg_topic_writer_slot {
    struct lg_topic_writer *writer;
    struct lg_pubsub_op op;
    bool busy;
};

struct lg_topic_writer {
    /* What the caller fills; borrowed until done. */
    enum lg_topic_writer_kind kind;
    struct lg_pubsub *pubsub;
    struct lg_lane *lane;
    const char *topic;
    uint32_t partitions;
    struct lg_pubsub_config config;  /* START: what the topic is made with */
    bool start_of_push;              /* START: write SOS and SOP at all? */
    bool sorted, chunked;            /* START */
    enum lg_compression compression; /* START */
    struct lg_slice dictionary;      /* START; empty: none */
    const int64_t *counts; /* END: records by partition, -1: not known; NULL: none known */
    void (*done)(struct lg_topic_writer *writer);

    enum lg_rc rc; /* Of the first thing that failed. */
    struct lg_error err;

    /* The writer's. */
    struct lg_pubsub_op admin;
    struct lg_topic_writer_slot slots[LG_TOPIC_WRITER_IN_FLIGHT];
    uint32_t next, in_flight;
    int64_t now_ms;
};

void lg_topic_writer_start(struct lg_topic_writer *writer);

#endif
