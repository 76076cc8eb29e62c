/* What travels in a topic: the Kafka key and Venice's KafkaMessageEnvelope v14, byte for byte
 * (wire-formats.md 3.1, 3.2, 3.7).
 *
 * Decoding copies nothing: every slice points into the input and lives as long as it does.
 * Only version 14 is understood; another one is refused with LG_ERR_UNSUPPORTED. Pure.
 */
#ifndef LG_RECORD_ENVELOPE_H
#define LG_RECORD_ENVELOPE_H

#include "base/buf.h"
#include "model/position.h"

#define LG_ENVELOPE_MAGIC 0x17
#define LG_ENVELOPE_VERSION 14
#define LG_GUID_BYTES 16
#define LG_CONTROL_KEY_BYTES 25 /* header byte, GUID, segment, sequence */
/* Items of one array or map inside a control message. */
#define LG_ENVELOPE_ITEMS_MAX 100000

enum lg_message_type {
    LG_MESSAGE_PUT = 0,
    LG_MESSAGE_DELETE = 1,
    LG_MESSAGE_CONTROL = 2,
    LG_MESSAGE_UPDATE = 3,
    LG_MESSAGE_GLOBAL_RT_DIV = 4, /* in practice a PUT whose key header byte is 8 */
};

/* The first byte of a Kafka key. PUT and DELETE share theirs so that compaction works. */
enum lg_key_header {
    LG_KEY_DATA = 0,
    LG_KEY_CONTROL = 2,
    LG_KEY_UPDATE = 4,
    LG_KEY_GLOBAL_RT_DIV = 8,
};

enum lg_control_type { /* Equal to the union's branch. */
                       LG_CONTROL_START_OF_PUSH = 0,
                       LG_CONTROL_END_OF_PUSH = 1,
                       LG_CONTROL_START_OF_SEGMENT = 2,
                       LG_CONTROL_END_OF_SEGMENT = 3,
                       LG_CONTROL_START_OF_BUFFER_REPLAY = 4, /* deprecated */
                       LG_CONTROL_START_OF_INCREMENTAL_PUSH = 5,
                       LG_CONTROL_END_OF_INCREMENTAL_PUSH = 6,
                       LG_CONTROL_TOPIC_SWITCH = 7,
                       LG_CONTROL_VERSION_SWAP = 8,
};
#define LG_CONTROL_TYPES 9

/* When the application gave no timestamp of its own. */
#define LG_LOGICAL_TIMESTAMP_NONE INT64_C(-1) /* control messages, chunks */
#define LG_LOGICAL_TIMESTAMP_APP INT64_C(-2)  /* ordinary put, delete, update */

struct lg_guid {
    uint8_t bytes[LG_GUID_BYTES];
};

struct lg_producer_metadata {
    struct lg_guid guid;
    int32_t segment;
    int32_t sequence;
    int64_t timestamp_ms;
    int64_t logical_timestamp;
};

struct lg_put {
    struct lg_slice value; /* without the schema id, which storage puts in front */
    int32_t schema_id;
    int32_t rmd_version; /* -1: none */
    struct lg_slice rmd;
};

struct lg_update {
    int32_t schema_id;
    int32_t update_schema_id;
    struct lg_slice value;
};

struct lg_delete {
    int32_t schema_id;   /* -1: none */
    int32_t rmd_version; /* -1: none */
    struct lg_slice rmd;
};

/* An array or map in its Avro form: all its blocks up to and with the closing 00. Empty bytes are
 * an empty sequence too. Read with lg_sequence_next_* of record/control.h, written with
 * lg_sequence_write_*. */
struct lg_sequence {
    uint64_t count; /* items; what encoding writes is `encoded`, not this */
    struct lg_slice encoded;
};

struct lg_control {
    enum lg_control_type type;
    struct lg_sequence debug_info; /* map<string> */
    union {
        struct {
            bool sorted, chunked;
            int32_t compression; /* enum lg_compression */
            bool has_dictionary;
            struct lg_slice dictionary;
            int32_t timestamp_policy;
        } start_of_push;
        struct {
            int32_t checksum_type;                  /* enum lg_checksum_type */
            struct lg_sequence upcoming_aggregates; /* array<string> */
        } start_of_segment;
        struct {
            struct lg_slice checksum;
            struct lg_sequence computed_aggregates; /* array<long> */
            bool is_final;
        } end_of_segment;
        struct {
            struct lg_sequence source_offsets; /* array<long> */
            struct lg_slice source_cluster, source_topic;
        } start_of_buffer_replay;
        struct {
            struct lg_slice version;
        } incremental_push; /* start and end */
        struct {
            struct lg_sequence source_servers; /* array<string> */
            struct lg_slice source_topic;
            int64_t rewind_start_ms;
        } topic_switch;
        struct {
            struct lg_slice old_topic, new_topic;
            bool has_local_high_watermarks;
            struct lg_sequence local_high_watermarks;          /* array<long> */
            struct lg_sequence local_high_watermark_positions; /* array<bytes> */
            bool is_repush;
            bool is_last_from_real_time;
            struct lg_slice source_region, destination_region;
            int64_t generation_id; /* -1: none */
        } version_swap;
    };
};

struct lg_leader_footer {
    bool present; /* Readers take a record without a footer. */
    struct lg_slice host;
    int64_t upstream_offset;           /* -1: none */
    int32_t upstream_cluster_id;       /* -1: none */
    struct lg_slice upstream_position; /* wire form of a position */
    int64_t term_id;                   /* -1: none */
    int64_t upstream_timestamp_ms;     /* -1: none */
};

struct lg_envelope {
    enum lg_message_type type;
    struct lg_producer_metadata producer;
    union {
        struct lg_put put; /* PUT and GLOBAL_RT_DIV */
        struct lg_update update;
        struct lg_delete delete_; /* `delete` is a keyword of the languages around us */
        struct lg_control control;
    };
    struct lg_leader_footer footer;
};

/* The footer of a writer that is no leader: its own name, EARLIEST, everything else -1. `host` is
 * borrowed. */
struct lg_leader_footer lg_envelope_plain_footer(struct lg_slice host);

/* Appends magic, version and the Avro record. What the envelope holds was made by us or decoded
 * here. */
void lg_envelope_encode(struct lg_buf *out, const struct lg_envelope *e);
/* The whole slice must be one envelope. LG_ERR_BAD_DATA for truncated, malformed or trailing bytes
 * and when message type and payload contradict each other; LG_ERR_UNSUPPORTED for another version,
 * and for a message or control type without a name. */
LG_MUST_CHECK enum lg_rc lg_envelope_decode(struct lg_slice value, struct lg_envelope *out,
                                            struct lg_error *err);

/* A Kafka key: header byte and body. */
void lg_envelope_encode_key(struct lg_buf *out, enum lg_key_header header, struct lg_slice key);
/* The key of a control message: 02, GUID, segment and sequence as big-endian ints. */
void lg_envelope_encode_control_key(struct lg_buf *out, const struct lg_guid *guid, int32_t segment,
                                    int32_t sequence);
/* `*out_key` is what follows the header byte, borrowed. LG_ERR_BAD_DATA for an empty key, an
 * unknown header byte, or a control key of another size. */
LG_MUST_CHECK enum lg_rc lg_envelope_decode_key(struct lg_slice kafka_key,
                                                enum lg_key_header *out_header,
                                                struct lg_slice *out_key, struct lg_error *err);
/* Do key and value belong together? A control message needs a control key, an update an update key,
 * a put or delete a data key (a put also 8, global real-time state). */
bool lg_envelope_key_matches(const struct lg_envelope *e, enum lg_key_header header);

/* GUIDs of the messages that integrity validation skips: UUIDv3 of fixed words. */
extern const struct lg_guid lg_guid_heartbeat;
extern const struct lg_guid lg_guid_leadership; /* declaration of leadership */
static inline bool lg_guid_equal(const struct lg_guid *a, const struct lg_guid *b)
{
    return memcmp(a->bytes, b->bytes, LG_GUID_BYTES) == 0;
}

/* "PUT", "CONTROL_MESSAGE" ... and "START_OF_PUSH", "END_OF_SEGMENT" ... for sentences. */
const char *lg_message_type_name(enum lg_message_type type);
const char *lg_control_type_name(enum lg_control_type type);

#endif
