/* Which keys and partitions of a store are read most: sessions that operators start and stop
 * (Venice's key partition profiler).
 *
 * A session counts the reads of each partition, and of the most frequent keys by the space-saving
 * method: `top_k` counters, of which the least gives way to a new key, so that a frequent key is
 * never missed and its count is too high by at most `error`. Memory is bounded by sessions, top_k,
 * LG_PROFILER_KEY_BYTES and the notes that are on their way from reading lanes: where they read
 * faster than the server's lane counts, reads are missed, and the result says how many. Owned by
 * the server's lane.
 */
#ifndef LG_SERVER_KEY_PROFILER_H
#define LG_SERVER_KEY_PROFILER_H

#include "base/json.h"
#include "lane/lane.h"

#define LG_PROFILER_SESSIONS_MAX 5u
#define LG_PROFILER_TOP_K_DEFAULT 100
#define LG_PROFILER_TOP_K_MAX 1000
#define LG_PROFILER_DURATION_MS_MAX 1800000 /* half an hour */
#define LG_PROFILER_KEY_BYTES 256u          /* kept of a key; longer ones are told apart by these */
#define LG_PROFILER_NOTES_MAX 4096u
#define LG_PROFILER_PARTITIONS_MAX 4096u /* counted; the rest counts in the total alone */

struct lg_key_profiler; /* Opaque. */

struct lg_key_profiler *lg_key_profiler_new(struct lg_lane *lane);
void lg_key_profiler_free(struct lg_key_profiler *p); /* NULL is allowed. */

/* Begins a session of a version topic; after its time it ends by itself, and its result waits for
 * lg_key_profiler_stop, until another session needs the room.
 * LG_ERR_INVALID for numbers out of range; LG_ERR_CONFLICT while the topic has one already;
 * LG_ERR_BUSY when there are too many. */
LG_MUST_CHECK enum lg_rc lg_key_profiler_start(struct lg_key_profiler *p, struct lg_slice topic,
                                               int64_t duration_ms, int64_t top_k,
                                               struct lg_error *err);
/* Ends it: its result, which the caller owns; NULL when there is none. */
struct lg_json *lg_key_profiler_stop(struct lg_key_profiler *p, struct lg_slice topic);
/* Is there a session? From any lane. */
bool lg_key_profiler_runs(const struct lg_key_profiler *p);
/* A key was read; from any lane. Costs one look while there is no session. */
void lg_key_profiler_record(struct lg_key_profiler *p, struct lg_slice topic, uint32_t partition,
                            struct lg_slice key);

#endif
