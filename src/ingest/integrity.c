/* Data integrity validation: the rules of Venice (platform-behaviour.md 3.2), one table of
 * producers. What a checkpoint keeps of it is in integrity_state.c. Pure.
 *
 *   unknown ─SOS─▶ IN_PROGRESS ─EOS─▶ END_OF_INTERMEDIATE_SEGMENT ─SOS of the next─▶ IN_PROGRESS
 *                              └─EOS, final─▶ END_OF_FINAL_SEGMENT
 *
 * A segment is registered when its start was seen and nothing of it was skipped: only then can its
 * checksum be compared.
 */
#include "ingest/integrity.h"

#include <stdio.h>

#include "ingest/integrity_state.h"
#include "lane/mutant.h"
#include "record/chunk.h"

struct lg_integrity *lg_integrity_new(void)
{
    struct lg_integrity *t = lg_new(struct lg_integrity);

    t->by_guid = lg_map_new();
    return t;
}

void lg_integrity_free(struct lg_integrity *t)
{
    struct lg_slice guid;
    void *producer;
    size_t at = 0;

    if (t == NULL)
        return;
    while (lg_map_next(t->by_guid, &at, &guid, &producer))
        lg_free(producer);
    lg_map_free(t->by_guid);
    lg_free(t);
}

uint64_t lg_integrity_puts(const struct lg_integrity *t)
{
    return t->puts;
}

size_t lg_integrity_producers(const struct lg_integrity *t)
{
    return lg_map_size(t->by_guid);
}

const char *lg_integrity_verdict_name(enum lg_integrity_verdict v)
{
    switch (v) {
    case LG_INTEGRITY_OK:
        return "OK";
    case LG_INTEGRITY_DUPLICATE:
        return "DUPLICATE";
    case LG_INTEGRITY_MISSING:
        return "MISSING";
    case LG_INTEGRITY_CORRUPT:
        return "CORRUPT";
    case LG_INTEGRITY_UNREGISTERED:
        return "UNREGISTERED";
    }
    return "unknown verdict";
}

/* --- Sentences -------------------------------------------------------------------------------- */

#define GUID_TEXT_BYTES 33

static void guid_text(const struct lg_guid *guid, char out[GUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < LG_GUID_BYTES; i++) {
        out[2 * i] = digits[guid->bytes[i] >> 4];
        out[2 * i + 1] = digits[guid->bytes[i] & 15];
    }
    out[GUID_TEXT_BYTES - 1] = '\0';
}

static enum lg_integrity_verdict LG_PRINTF(4, 5)
    fault(enum lg_integrity_verdict v, const struct lg_envelope *e, struct lg_error *err,
          const char *fmt, ...)
{
    char guid[GUID_TEXT_BYTES];
    char why[200];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    guid_text(&e->producer.guid, guid);
    (void)lg_error_set(
        err, LG_ERR_CORRUPT, "%s: producer %s, segment %d, sequence %d: %s; push again",
        lg_integrity_verdict_name(v), guid, e->producer.segment, e->producer.sequence, why);
    return v;
}

/* --- Producers -------------------------------------------------------------------------------- */

static struct lg_slice key_of(const struct lg_guid *guid)
{
    return lg_slice(guid->bytes, LG_GUID_BYTES);
}

/* Makes room for one more: whoever ended its last segment and has been silent for longest; if all
 * are at work, whoever has been silent for longest. The latter would be reported as unregistered if
 * it came back, never taken for whole. */
static void forget_one(struct lg_integrity *t)
{
    struct lg_producer *ended = NULL, *silent = NULL;
    struct lg_slice guid;
    void *value;
    size_t at = 0;

    while (lg_map_next(t->by_guid, &at, &guid, &value)) {
        struct lg_producer *p = value;

        if (silent == NULL || p->heard < silent->heard)
            silent = p;
        if (p->status == LG_SEGMENT_END_OF_FINAL && (ended == NULL || p->heard < ended->heard))
            ended = p;
    }
    if (ended != NULL)
        silent = ended;
    lg_map_remove(t->by_guid, key_of(&silent->guid));
    lg_free(silent);
}

static struct lg_producer *producer_new(struct lg_integrity *t, const struct lg_guid *guid)
{
    struct lg_producer *p = lg_new(struct lg_producer);

    if (lg_map_size(t->by_guid) >= LG_INTEGRITY_PRODUCERS_MAX)
        forget_one(t);
    p->guid = *guid;
    lg_map_put(t->by_guid, key_of(guid), p);
    return p;
}

static bool is_control(const struct lg_envelope *e, enum lg_control_type type)
{
    return e->type == LG_MESSAGE_CONTROL && e->control.type == type;
}

/* The start of a segment as a writer makes it. */
static bool is_start(const struct lg_envelope *e)
{
    return is_control(e, LG_CONTROL_START_OF_SEGMENT) && e->producer.sequence == 0;
}

/* Takes an accepted message into the producer's state. */
static void advance(struct lg_integrity *t, struct lg_producer *p, const struct lg_envelope *e,
                    struct lg_slice key)
{
    p->sequence = e->producer.sequence;
    p->heard = ++t->clock;
    if (e->type != LG_MESSAGE_CONTROL)
        p->wrote_data = true;
    if (e->type == LG_MESSAGE_PUT && e->put.schema_id != LG_SCHEMA_ID_CHUNK)
        t->puts++;
    if (is_control(e, LG_CONTROL_END_OF_SEGMENT))
        p->status = e->control.end_of_segment.is_final ? LG_SEGMENT_END_OF_FINAL
                                                       : LG_SEGMENT_END_OF_INTERMEDIATE;
    else if (p->is_registered)
        lg_checksum_feed(&p->checksum, e, key);
}

/* The first message that we see of a segment. `p` is NULL for an unknown producer. */
static enum lg_integrity_verdict begin_segment(struct lg_integrity *t, struct lg_producer *p,
                                               bool is_registered, const struct lg_envelope *e,
                                               struct lg_slice key, struct lg_error *err)
{
    int32_t checksum = LG_CHECKSUM_NONE;

    if (is_start(e)) {
        checksum = e->control.start_of_segment.checksum_type;
        if (lg_checksum_type_name(checksum) == NULL)
            return fault(LG_INTEGRITY_CORRUPT, e, err, "checksum type %d is not known", checksum);
    }
    if (p == NULL)
        p = producer_new(t, &e->producer.guid);
    p->segment = e->producer.segment;
    p->status = LG_SEGMENT_IN_PROGRESS;
    p->is_registered = is_registered;
    lg_checksum_init(&p->checksum, (enum lg_checksum_type)checksum);
    advance(t, p, e, key);
    return LG_INTEGRITY_OK;
}

static enum lg_integrity_verdict check_unknown(struct lg_integrity *t, const struct lg_envelope *e,
                                               struct lg_slice key,
                                               const struct lg_integrity_rules *rules,
                                               struct lg_error *err)
{
    bool is_whole = is_start(e) && e->producer.segment == 0;

    if (!is_whole && !rules->end_of_push_seen && !rules->tolerant)
        return fault(LG_INTEGRITY_UNREGISTERED, e, err,
                     "the first message seen of this producer is not the start of its segment 0");
    return begin_segment(t, /* p= */ NULL, is_whole, e, key, err);
}

/* A segment after the one that is tracked. */
static enum lg_integrity_verdict check_later_segment(struct lg_integrity *t, struct lg_producer *p,
                                                     const struct lg_envelope *e,
                                                     struct lg_slice key,
                                                     const struct lg_integrity_rules *rules,
                                                     struct lg_error *err)
{
    bool is_next = p->status != LG_SEGMENT_IN_PROGRESS && e->producer.segment == p->segment + 1;

    if (!is_next && !rules->tolerant)
        return fault(LG_INTEGRITY_MISSING, e, err,
                     "follows segment %d, sequence %d%s: messages between them are lost",
                     p->segment, p->sequence,
                     p->status == LG_SEGMENT_IN_PROGRESS ? ", which has not ended" : "");
    if (is_next && !is_start(e) && !rules->end_of_push_seen && !rules->tolerant)
        return fault(LG_INTEGRITY_UNREGISTERED, e, err,
                     "the segment does not begin with its start");
    return begin_segment(t, p, is_start(e), e, key, err);
}

static enum lg_integrity_verdict check_end(struct lg_integrity *t, struct lg_producer *p,
                                           const struct lg_envelope *e, struct lg_slice key,
                                           const struct lg_integrity_rules *rules,
                                           struct lg_error *err)
{
    uint8_t sum[LG_CHECKSUM_BYTES_MAX];
    struct lg_slice want = lg_slice(sum, lg_checksum_value(&p->checksum, sum));
    bool is_same = lg_slice_eq(want, e->control.end_of_segment.checksum);

    if (p->is_registered && !is_same && !rules->tolerant) {
        if (rules->end_of_push_seen)
            advance(t, p, e, key);
        return fault(LG_INTEGRITY_CORRUPT, e, err, "the %s checksum of the segment differs",
                     lg_checksum_type_name((int32_t)p->checksum.type));
    }
    advance(t, p, e, key);
    return LG_INTEGRITY_OK;
}

/* A message that was seen before. Of repetitions only the end of the segment is looked at: a pusher
 * that goes on under the id of one that died must have the same file, or half of each would be
 * served. */
static enum lg_integrity_verdict check_repeated(const struct lg_producer *p,
                                                const struct lg_envelope *e,
                                                const struct lg_integrity_rules *rules,
                                                struct lg_error *err)
{
    uint8_t sum[LG_CHECKSUM_BYTES_MAX];
    struct lg_slice want = lg_slice(sum, lg_checksum_value(&p->checksum, sum));
    bool has_ended = p->status != LG_SEGMENT_IN_PROGRESS && e->producer.sequence == p->sequence;

    if (!is_control(e, LG_CONTROL_END_OF_SEGMENT) || !p->is_registered || rules->tolerant ||
        rules->end_of_push_seen)
        return LG_INTEGRITY_DUPLICATE;
    if (has_ended && lg_slice_eq(want, e->control.end_of_segment.checksum))
        return LG_INTEGRITY_DUPLICATE;
    return fault(LG_INTEGRITY_CORRUPT, e, err,
                 "the segment ends in two ways: two different files were pushed under one push id");
}

static enum lg_integrity_verdict check_same_segment(struct lg_integrity *t, struct lg_producer *p,
                                                    const struct lg_envelope *e,
                                                    struct lg_slice key,
                                                    const struct lg_integrity_rules *rules,
                                                    struct lg_error *err)
{
    bool has_gap = e->producer.sequence - 1 > p->sequence;
    bool gap_is_legal = rules->tolerant || (rules->end_of_push_seen && !p->is_registered);

    if (e->producer.sequence <= p->sequence)
        return lg_mutant(LG_MUTANT_integrity_takes_duplicates) ? LG_INTEGRITY_OK
                                                               : check_repeated(p, e, rules, err);
    if (has_gap && !gap_is_legal)
        return fault(LG_INTEGRITY_MISSING, e, err, "follows sequence %d: %d messages are lost",
                     p->sequence, e->producer.sequence - 1 - p->sequence);
    if (p->status != LG_SEGMENT_IN_PROGRESS && !rules->tolerant)
        return fault(LG_INTEGRITY_CORRUPT, e, err, "comes after the end of its segment");
    if (has_gap)
        p->is_registered = false; /* Its checksum cannot be known any more. */
    if (is_control(e, LG_CONTROL_END_OF_SEGMENT))
        return check_end(t, p, e, key, rules, err);
    advance(t, p, e, key);
    return LG_INTEGRITY_OK;
}

enum lg_integrity_verdict lg_integrity_check(struct lg_integrity *t, const struct lg_envelope *e,
                                             struct lg_slice key,
                                             const struct lg_integrity_rules *rules,
                                             struct lg_error *err)
{
    struct lg_producer *p;

    if (lg_guid_equal(&e->producer.guid, &lg_guid_heartbeat) ||
        lg_guid_equal(&e->producer.guid, &lg_guid_leadership))
        return LG_INTEGRITY_OK;
    p = lg_map_get(t->by_guid, key_of(&e->producer.guid));
    if (p == NULL)
        return check_unknown(t, e, key, rules, err);
    if (e->producer.segment < p->segment)
        return LG_INTEGRITY_DUPLICATE;
    if (e->producer.segment > p->segment)
        return check_later_segment(t, p, e, key, rules, err);
    return check_same_segment(t, p, e, key, rules, err);
}

/* --- End of push ------------------------------------------------------------------------------ */

enum lg_rc lg_integrity_check_ended(const struct lg_integrity *t, const struct lg_guid *ended_by,
                                    struct lg_error *err)
{
    struct lg_slice guid;
    void *value;
    size_t at = 0;

    while (lg_map_next(t->by_guid, &at, &guid, &value)) {
        const struct lg_producer *p = value;
        char text[GUID_TEXT_BYTES];

        if (!p->wrote_data || p->status == LG_SEGMENT_END_OF_FINAL ||
            (ended_by != NULL && lg_guid_equal(ended_by, &p->guid)))
            continue;
        guid_text(&p->guid, text);
        return lg_error_set(
            err, LG_ERR_CORRUPT,
            "MISSING: producer %s, segment %d: stops at sequence %d without the end "
            "of its last segment; push again",
            text, p->segment, p->sequence);
    }
    return LG_OK;
}

enum lg_rc lg_integrity_check_count(const struct lg_integrity *t, int64_t announced,
                                    struct lg_error *err)
{
    if (announced < 0 || t->puts >= (uint64_t)announced)
        return LG_OK;
    return lg_error_set(err, LG_ERR_CORRUPT,
                        "the push announced %lld records for this partition, %llu came; push again",
                        (long long)announced, (unsigned long long)t->puts);
}
