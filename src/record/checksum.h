/* The running checksum of a segment (wire-formats.md 3.5): what is fed per message, in which order,
 * and what stands in the end-of-segment message.
 *
 * A plain value: it may be copied, and its bytes kept in a checkpoint. Pure.
 */
#ifndef LG_RECORD_CHECKSUM_H
#define LG_RECORD_CHECKSUM_H

#include "base/buf.h"
#include "base/hash.h"
#include "record/envelope.h"

enum lg_checksum_type {
    LG_CHECKSUM_NONE = 0,
    LG_CHECKSUM_MD5 = 1,
    LG_CHECKSUM_ADLER32 = 2,
    LG_CHECKSUM_CRC32 = 3,
    LG_CHECKSUM_ADHASH = 4, /* Venice's default: a sum of one CRC-32 per update */
};
#define LG_CHECKSUM_BYTES_MAX 16
/* Bytes of lg_checksum_save: type, MD5 state, length and block. */
#define LG_CHECKSUM_SAVED_BYTES_MAX 128

struct lg_checksum {
    enum lg_checksum_type type;
    union {
        struct lg_md5 md5;
        uint32_t sum32; /* ADLER32, CRC32 */
        uint64_t sum64; /* ADHASH */
    };
};

/* "NONE", "MD5" ...; NULL for an id without one. */
const char *lg_checksum_type_name(int32_t type);

void lg_checksum_init(struct lg_checksum *c, enum lg_checksum_type type);
/* One update call: for ADHASH the borders between calls matter. */
void lg_checksum_update(struct lg_checksum *c, struct lg_slice bytes);
/* Feeds a message as Venice does. `key` is the key without its header byte (used for data). An
 * end-of-segment message feeds nothing. */
void lg_checksum_feed(struct lg_checksum *c, const struct lg_envelope *e, struct lg_slice key);
/* The value for end of segment so far, which `c` survives: MD5 16 bytes, NONE none, others 8 bytes
 * big-endian. Returns its size. */
size_t lg_checksum_value(const struct lg_checksum *c, uint8_t out[LG_CHECKSUM_BYTES_MAX]);

/* The running state as bytes, the same on every machine; and back. LG_ERR_BAD_DATA. */
void lg_checksum_save(struct lg_buf *out, const struct lg_checksum *c);
/* Takes the state from the front of `*in` and moves it forward. */
LG_MUST_CHECK enum lg_rc lg_checksum_load(struct lg_slice *in, struct lg_checksum *out,
                                          struct lg_error *err);

#endif
