/* The body of a streamed multi-get, taken piece by piece as it comes over the network.
 *
 * A record is {keyIndex: int; value: bytes; schemaId: int}. A missing key has the schema id -1000
 * and its index negated. A last record of index -1000000 and schema id -1001 is the footer: what
 * went wrong after the first byte was sent.
 *
 * Only an incomplete record is kept, and that is bounded. Values are copied into the arena. Pure;
 * owned by whoever reads the answer.
 */
#ifndef LG_CLIENT_MULTI_ANSWER_H
#define LG_CLIENT_MULTI_ANSWER_H

#include "base/buf.h"
#include "fetch/layer.h"
#include "model/enums.h"

#define LG_MULTI_FOOTER_INDEX (-1000000)
#define LG_MULTI_FOOTER_SCHEMA_ID (-1001)
#define LG_MULTI_DETAIL_BYTES_MAX 200

struct lg_multi_answer {
    /* What the caller fills. */
    struct lg_read_key **keys;
    size_t key_count;
    struct lg_arena *arena;
    size_t value_bytes_max; /* of one value as it comes */
    enum lg_compression compression;
    int32_t version;
    void (*answered)(void *ctx, struct lg_read_key *key); /* after each record; may be NULL */
    void *ctx;

    /* multi_answer.c only; zero at first. */
    struct lg_buf partial; /* the beginning of a record */
    bool footer_seen;
    int64_t status; /* the footer's */
    char detail[LG_MULTI_DETAIL_BYTES_MAX + 1];
};

/* The keys' codes are set to "not answered". */
void lg_multi_answer_begin(struct lg_multi_answer *m);
/* The next bytes. LG_ERR_BAD_DATA: an index that was not asked for or comes twice, a schema id that
 * is none, something behind the footer, a malformed record; LG_ERR_TOO_LARGE: a value over
 * value_bytes_max, or more than the arena holds. Final. */
LG_MUST_CHECK enum lg_rc lg_multi_answer_feed(struct lg_multi_answer *m, struct lg_slice bytes,
                                              struct lg_error *err);
/* The body's end: keys without a record are not found. LG_ERR_BAD_DATA inside a record; what the
 * footer's status means. */
LG_MUST_CHECK enum lg_rc lg_multi_answer_end(struct lg_multi_answer *m, struct lg_error *err);
void lg_multi_answer_done(struct lg_multi_answer *m); /* {0} is allowed. */
LG_DEFINE_SCOPED(lg_multi_answer, lg_multi_answer_done)

#endif
