/* Data integrity validation of one partition: were all messages of every producer seen, once, whole
 * and in order? Venice's rules (platform-behaviour.md 3.2).
 *
 * Owned by the ingestion task of the partition. Pure: the verdict comes back, what to do with it is
 * the caller's: before end of push a fatal verdict fails the replica; afterwards the caller counts
 * it and checks the same message again as tolerant, which takes the stream as it is.
 */
#ifndef LG_INGEST_INTEGRITY_H
#define LG_INGEST_INTEGRITY_H

#include "record/checksum.h"

/* Producers that one partition remembers. Beyond it, producers that ended their last segment are
 * forgotten, longest silent first; if there is none, whoever has been silent for longest. */
#define LG_INTEGRITY_PRODUCERS_MAX 1000

struct lg_integrity; /* Opaque. */

enum lg_integrity_verdict {
    LG_INTEGRITY_OK,
    LG_INTEGRITY_DUPLICATE, /* seen before: skip the record, move on */
    LG_INTEGRITY_MISSING,   /* messages between the last one and this one are not there */
    LG_INTEGRITY_CORRUPT,   /* checksum differs, data after the end of its segment, or two ends */
    LG_INTEGRITY_UNREGISTERED, /* a producer or segment that does not begin with its start */
};

struct lg_integrity_rules {
    bool end_of_push_seen; /* unknown producers and gaps of theirs are accepted */
    bool tolerant;         /* gaps are legal: compaction may have removed what is missing */
};

struct lg_integrity *lg_integrity_new(void);
void lg_integrity_free(struct lg_integrity *t); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_integrity, lg_integrity_free)

/* Judges the next message of the partition. `key` is the key without its header byte. Heartbeats
 * and declarations of leadership are OK unseen. After MISSING, CORRUPT and UNREGISTERED nothing is
 * remembered of the message and `err` (LG_ERR_CORRUPT) names producer, segment and sequence; the
 * one exception is a CORRUPT end of segment after end of push, which ends the segment. */
LG_MUST_CHECK enum lg_integrity_verdict
lg_integrity_check(struct lg_integrity *t, const struct lg_envelope *e, struct lg_slice key,
                   const struct lg_integrity_rules *rules, struct lg_error *err);
/* "OK", "DUPLICATE" ... */
const char *lg_integrity_verdict_name(enum lg_integrity_verdict v);

/* Puts that were judged OK: each record once, however often it was sent. */
uint64_t lg_integrity_puts(const struct lg_integrity *t);
size_t lg_integrity_producers(const struct lg_integrity *t);

/* For the end of push: has every producer that wrote data ended its last segment? What was lost at
 * the very end of a stream shows nowhere else but in the record count. LG_ERR_CORRUPT names the
 * first that has not. Stricter than Venice; right for pushes whose producers share one GUID.
 * `ended_by` wrote the end of push (NULL: none did): when that is a pusher itself, its segment goes
 * on to there without a gap and ends after it. */
LG_MUST_CHECK enum lg_rc lg_integrity_check_ended(const struct lg_integrity *t,
                                                  const struct lg_guid *ended_by,
                                                  struct lg_error *err);
/* Does the number of puts reach what END_OF_PUSH announced in header `prc` (`announced` -1: not
 * known, passes)? LG_ERR_CORRUPT with both numbers. Venice asks for at least as many. */
LG_MUST_CHECK enum lg_rc lg_integrity_check_count(const struct lg_integrity *t, int64_t announced,
                                                  struct lg_error *err);

/* The state for a checkpoint: versioned bytes with a CRC, the same on every machine. */
void lg_integrity_save(const struct lg_integrity *t, struct lg_buf *out);
/* LG_ERR_CORRUPT for damaged bytes, LG_ERR_UNSUPPORTED for another version. */
LG_MUST_CHECK enum lg_rc lg_integrity_load(struct lg_slice bytes, struct lg_integrity **out,
                                           struct lg_error *err);

#endif
