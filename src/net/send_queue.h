/* What a connection is to send, in order: chunks of which the first may be sent in part. Small
 * writes are gathered, large ones are taken over as they are. What drivers of the transport port on
 * sockets have in common. Owned by a connection's lane.
 */
#ifndef LG_NET_SEND_QUEUE_H
#define LG_NET_SEND_QUEUE_H

#include <sys/uio.h>

#include "base/buf.h"
#include "base/vec.h"

#define LG_SEND_QUEUE_IOV_MAX 64

struct lg_send_queue { /* {0} is empty. */
    LG_VEC(struct lg_buf) chunks;
    size_t first;        /* Chunks before it are sent and empty. */
    size_t offset;       /* Bytes of the first chunk that are sent. */
    size_t bytes;        /* not sent yet */
    size_t fixed;        /* Chunks before it do not move: the kernel reads them. */
    struct lg_buf spare; /* Memory of a sent chunk, for the next. */
};

/* Frees what is queued. */
void lg_send_queue_done(struct lg_send_queue *q);
/* Queues the bytes; the buffer is empty afterwards. */
void lg_send_queue_push(struct lg_send_queue *q, struct lg_buf *take_bytes);
/* What comes next, borrowed until the next call; how many pieces, at most LG_SEND_QUEUE_IOV_MAX. */
size_t lg_send_queue_peek(const struct lg_send_queue *q, struct iovec *out);
/* Pins what is queued now until lg_send_queue_sent: later writes leave its memory alone. */
void lg_send_queue_fix(struct lg_send_queue *q);
/* The first `n` bytes are sent. */
void lg_send_queue_sent(struct lg_send_queue *q, size_t n);

#endif
