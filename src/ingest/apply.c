/* From a batch into a partition; see the header. A version topic is strict before END_OF_PUSH: what
 * is not understood fails the replica, because serving a version with a hole is worse than not
 * serving it. */
#include "ingest/apply.h"

#include "base/compressor.h"
#include "base/str.h"
#include "lane/mutant.h"
#include "model/enums.h"
#include "record/chunk.h"
#include "record/headers.h"

enum lg_rc lg_ingest_apply_open(struct lg_partition *partition, struct lg_ingest_apply *out,
                                struct lg_error *err)
{
    const struct lg_checkpoint *c = lg_partition_checkpoint(partition);
    struct lg_ingest_apply a = {.partition = partition, .position = c->position};
    enum lg_rc rc = LG_OK;

    if (c->integrity.size == 0)
        a.integrity = lg_integrity_new();
    else
        rc = lg_integrity_load(lg_buf_slice(&c->integrity), &a.integrity, err);
    if (rc == LG_OK)
        *out = a;
    return rc;
}

void lg_ingest_apply_done(struct lg_ingest_apply *a)
{
    lg_integrity_free(a->integrity);
    *a = (struct lg_ingest_apply){0};
}

static enum lg_rc start_of_push(struct lg_ingest_apply *a, const struct lg_control *c,
                                struct lg_error *err)
{
    struct lg_partition_shape shape = {.sorted = c->start_of_push.sorted,
                                       .chunked = c->start_of_push.chunked};

    if (!lg_compression_from_id(c->start_of_push.compression, &shape.compression))
        return lg_error_set(err, LG_ERR_UNSUPPORTED,
                            "START_OF_PUSH announces compression strategy %d, which is not known",
                            c->start_of_push.compression);
    if (shape.compression == LG_COMPRESSION_ZSTD_WITH_DICT) {
        if (!c->start_of_push.has_dictionary)
            return lg_error_set(err, LG_ERR_BAD_DATA,
                                "START_OF_PUSH announces ZSTD_WITH_DICT without a dictionary");
        shape.dictionary = c->start_of_push.dictionary;
    }
    if (shape.dictionary.size > LG_ZSTD_DICT_BYTES_MAX)
        return lg_error_set(
            err, LG_ERR_TOO_LARGE,
            "START_OF_PUSH brings a dictionary of %zu bytes; at most %zu are allowed",
            shape.dictionary.size, LG_ZSTD_DICT_BYTES_MAX);
    a->wants_sync = true;
    return lg_partition_start(a->partition, &shape, err);
}

static enum lg_rc announced_count(const struct lg_pubsub_record *r, int64_t *out,
                                  struct lg_error *err)
{
    *out = LG_RECORD_COUNT_UNKNOWN;
    for (size_t i = 0; i < r->header_count; i++)
        if (lg_slice_eq_str(r->headers[i].name, LG_HEADER_RECORD_COUNT))
            return lg_headers_parse_record_count(r->headers[i].value, out, err);
    return LG_OK;
}

/* Sorted pushes share one producer over all their attempts, so an unfinished segment is a loss. */
static enum lg_rc end_of_push(struct lg_ingest_apply *a, const struct lg_pubsub_record *r,
                              const struct lg_envelope *e, struct lg_error *err)
{
    int64_t announced;
    enum lg_rc rc;

    if (!lg_partition_started(a->partition))
        return lg_error_set(err, LG_ERR_BAD_DATA, "END_OF_PUSH before START_OF_PUSH");
    rc = announced_count(r, &announced, err);
    if (rc == LG_OK)
        rc = lg_integrity_check_count(a->integrity, announced, err);
    if (rc == LG_OK && lg_partition_shape(a->partition).sorted)
        rc = lg_integrity_check_ended(a->integrity, &e->producer.guid, err);
    if (rc == LG_OK)
        a->end_of_push = true;
    return rc;
}

static enum lg_rc obey(struct lg_ingest_apply *a, const struct lg_pubsub_record *r,
                       const struct lg_envelope *e, struct lg_error *err)
{
    const struct lg_control *c = &e->control;

    switch (c->type) {
    case LG_CONTROL_START_OF_SEGMENT:
    case LG_CONTROL_END_OF_SEGMENT:
        return LG_OK; /* The integrity check has seen to them. */
    case LG_CONTROL_START_OF_PUSH:
        return start_of_push(a, c, err);
    case LG_CONTROL_END_OF_PUSH:
        return end_of_push(a, r, e, err);
    case LG_CONTROL_START_OF_BUFFER_REPLAY:
    case LG_CONTROL_START_OF_INCREMENTAL_PUSH:
    case LG_CONTROL_END_OF_INCREMENTAL_PUSH:
    case LG_CONTROL_TOPIC_SWITCH:
    case LG_CONTROL_VERSION_SWAP:
        break;
    }
    return lg_error_set(err, LG_ERR_UNSUPPORTED, "control message %s in a batch version",
                        lg_control_type_name(c->type));
}

/* A value, or in a chunked version a piece of one or a manifest. Whether a manifest's chunks are
 * there is for the reader to see: they may come again, and nothing is read before the end. */
static enum lg_rc check_value(const struct lg_ingest_apply *a, const struct lg_put *put,
                              struct lg_error *err)
{
    bool chunked = lg_partition_shape(a->partition).chunked;
    struct lg_manifest manifest;

    if (put->schema_id >= 1 || (chunked && put->schema_id == LG_SCHEMA_ID_CHUNK))
        return LG_OK;
    if (chunked && put->schema_id == LG_SCHEMA_ID_MANIFEST)
        return lg_manifest_decode(put->value, &manifest, err);
    return lg_error_set(err, LG_ERR_UNSUPPORTED,
                        "a value with schema id %d, that is no schema of values", put->schema_id);
}

static enum lg_rc store(struct lg_ingest_apply *a, const struct lg_pubsub_record *r,
                        const struct lg_envelope *e, enum lg_key_header header, struct lg_slice key,
                        struct lg_error *err)
{
    enum lg_rc rc;

    switch (e->type) {
    case LG_MESSAGE_CONTROL:
        return obey(a, r, e, err);
    case LG_MESSAGE_PUT:
        if (header != LG_KEY_DATA)
            break;
        rc = check_value(a, &e->put, err);
        if (rc != LG_OK)
            return rc;
        return lg_partition_put(a->partition, key, e->put.schema_id, e->put.value, err);
    case LG_MESSAGE_DELETE:
        return lg_partition_remove(a->partition, key, err);
    case LG_MESSAGE_UPDATE:
    case LG_MESSAGE_GLOBAL_RT_DIV:
        break;
    }
    return lg_error_set(err, LG_ERR_UNSUPPORTED, "message %s in a batch version",
                        lg_message_type_name(e->type));
}

static enum lg_rc apply_record(struct lg_ingest_apply *a, const struct lg_pubsub_record *r,
                               struct lg_error *err)
{
    struct lg_integrity_rules strict = {.tolerant = lg_mutant(LG_MUTANT_skips_gone_position)};
    struct lg_envelope e;
    enum lg_key_header header;
    enum lg_integrity_verdict verdict;
    struct lg_slice key;
    enum lg_rc rc = lg_envelope_decode_key(r->key, &header, &key, err);

    if (rc == LG_OK)
        rc = lg_envelope_decode(r->value, &e, err);
    if (rc != LG_OK)
        return rc;
    if (!lg_envelope_key_matches(&e, header))
        return lg_error_set(err, LG_ERR_BAD_DATA, "a %s under a key of kind %d",
                            lg_message_type_name(e.type), header);
    a->newest_ms = e.producer.timestamp_ms;
    verdict = lg_integrity_check(a->integrity, &e, key, &strict, err);
    if (verdict == LG_INTEGRITY_DUPLICATE) {
        a->duplicates++;
        return LG_OK;
    }
    return verdict == LG_INTEGRITY_OK ? store(a, r, &e, header, key, err) : LG_ERR_CORRUPT;
}

static enum lg_rc at_position(const struct lg_pubsub_record *r, enum lg_rc rc, struct lg_error *err)
{
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error inner;

    if (err == NULL)
        return rc;
    inner = *err;
    lg_position_write_text(&text, &r->position);
    return lg_error_set(err, rc, "record at %.*s: %s", LG_FMT(text), inner.text);
}

enum lg_rc lg_ingest_apply_batch(struct lg_ingest_apply *a, struct lg_slice batch,
                                 struct lg_error *err)
{
    struct lg_batch_reader reader = lg_batch_read(batch);

    assert(!a->end_of_push);
    for (;;) { /* Bounded by the batch, which the driver bounds. */
        struct lg_pubsub_record r;
        bool end = false;
        enum lg_rc rc = lg_batch_next(&reader, &r, &end, err);

        if (rc != LG_OK)
            return rc;
        if (end)
            break;
        rc = apply_record(a, &r, err);
        if (rc != LG_OK)
            return at_position(&r, rc, err);
        a->position = r.position;
        if (a->end_of_push)
            return LG_OK;
    }
    return a->wants_sync || lg_partition_wants_sync(a->partition) ? lg_ingest_apply_sync(a, err)
                                                                  : LG_OK;
}

enum lg_rc lg_ingest_apply_sync(struct lg_ingest_apply *a, struct lg_error *err)
{
    LG_SCOPED(lg_buf) state = {0};
    enum lg_rc rc;

    lg_integrity_save(a->integrity, &state);
    rc = lg_partition_sync(a->partition, &a->position, lg_buf_slice(&state), err);
    if (rc == LG_OK)
        a->wants_sync = false;
    return rc;
}

enum lg_rc lg_ingest_apply_end(struct lg_ingest_apply *a, struct lg_error *err)
{
    LG_SCOPED(lg_buf) state = {0};

    assert(a->end_of_push);
    lg_integrity_save(a->integrity, &state);
    return lg_partition_end(a->partition, &a->position, lg_buf_slice(&state), err);
}
