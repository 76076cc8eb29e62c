/* A batch get of a server's front: the keys of a request's body in, the values of its answer's body
 * out. What indexes know is answered from inside the call; the rest from the engine's memory, then
 * from the pool. */
#ifndef LG_SERVER_READ_MANY_H
#define LG_SERVER_READ_MANY_H

#include "server/read_group.h"
#include "server/serving.h"

struct lg_key_profiler;
struct lg_many; /* Opaque: one that the pool reads. */

struct lg_many_answer {
    /* LG_OK, or what lg_read_gate_admit said, or LG_ERR_OVERLOADED for the wait for the disk;
     * nothing but `retry_after_ms` is set then. */
    enum lg_rc limit;
    uint32_t retry_after_ms;
    int status;           /* of HTTP, as Venice's servers say it; 200; 499: it was cancelled */
    const char *text;     /* unless 200: why; "" */
    bool is_malformed;    /* 400 or 413 for what was asked, before anything was read */
    struct lg_slice body; /* MultiGetResponseRecordV1, one after another; borrowed for the call */
    bool streaming;       /* as asked */
    uint32_t keys;        /* that were asked for */
    enum lg_compression compression; /* of the values */
};

struct lg_many_question { /* Borrowed for the call, but for `user`. */
    struct lg_read_group *group;
    const struct lg_serving *serving;
    struct lg_slice topic;
    struct lg_slice keys; /* MultiGetRouterRequestKeyV1, one after another */
    bool streaming;       /* missing keys have records, too */
    bool is_retry;        /* of the same keys, elsewhere */
    struct lg_key_profiler *profiler;
    void *user;
    void (*answered)(void *user, const struct lg_many_answer *answer);
    /* The pool reads: `answered` comes later, and until then it may be cancelled. */
    void (*waits)(void *user, struct lg_many *many);
};
/* LG_REPLICA_SERVING: `answered` comes once, from inside or later. Else nothing comes: that is what
 * the table says of the first key's replica that does not serve, or, without keys, of the topic. */
LG_MUST_CHECK enum lg_replica_found lg_read_many(const struct lg_many_question *q);
/* Nobody waits for the answer: what the pool has not read yet is left. `answered` comes as ever. */
void lg_read_many_cancel(struct lg_many *many);

#endif
