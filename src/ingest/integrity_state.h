/* What integrity validation remembers of a partition: shared by integrity.c, which decides, and
 * integrity_state.c, which saves and loads. Nobody else includes this.
 */
#ifndef LG_INGEST_INTEGRITY_STATE_H
#define LG_INGEST_INTEGRITY_STATE_H

#include "base/map.h"
#include "ingest/integrity.h"

enum lg_segment_status { /* Ids as Venice persists them. */
                         LG_SEGMENT_NOT_STARTED = 0,
                         LG_SEGMENT_IN_PROGRESS = 1,
                         LG_SEGMENT_END_OF_INTERMEDIATE = 2,
                         LG_SEGMENT_END_OF_FINAL = 3,
};

struct lg_producer {
    struct lg_guid guid;
    int32_t segment;
    int32_t sequence; /* of the last message that was accepted */
    enum lg_segment_status status;
    bool is_registered; /* the start was seen, and everything since: the checksum counts */
    bool wrote_data;    /* in any segment */
    uint64_t heard;     /* the tracker's clock at its last message */
    struct lg_checksum checksum;
};

struct lg_integrity {
    struct lg_map *by_guid; /* GUID -> owned struct lg_producer */
    uint64_t puts;
    uint64_t clock; /* one tick per accepted message */
};

#endif
