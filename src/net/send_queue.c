#include "net/send_queue.h"

#define SMALL_BYTES ((size_t)16 << 10) /* at most this much is copied instead of taken over */
#define CHUNK_BYTES ((size_t)64 << 10) /* small writes are gathered up to this */
#define GONE_MAX 256u                  /* chunks that are sent and still have a place */

void lg_send_queue_done(struct lg_send_queue *q)
{
    for (size_t i = q->first; i < q->chunks.size; i++)
        lg_buf_done(&q->chunks.data[i]);
    LG_VEC_DONE(&q->chunks);
    lg_buf_done(&q->spare);
    *q = (struct lg_send_queue){0};
}

/* The chunk that takes `size` more bytes. */
static struct lg_buf *chunk_for(struct lg_send_queue *q, size_t size)
{
    if (q->chunks.size > q->first && q->chunks.size > q->fixed) {
        struct lg_buf *last = &q->chunks.data[q->chunks.size - 1];

        if (last->size + size <= CHUNK_BYTES)
            return last;
    }
    LG_VEC_PUSH(&q->chunks, q->spare);
    q->spare = (struct lg_buf){0};
    return &q->chunks.data[q->chunks.size - 1];
}

void lg_send_queue_push(struct lg_send_queue *q, struct lg_buf *take_bytes)
{
    q->bytes += take_bytes->size;
    if (take_bytes->size > SMALL_BYTES) {
        LG_VEC_PUSH(&q->chunks, *take_bytes);
        *take_bytes = (struct lg_buf){.ceiling = take_bytes->ceiling};
        return;
    }
    if (take_bytes->size > 0)
        lg_buf_append_slice(chunk_for(q, take_bytes->size), lg_buf_slice(take_bytes));
    lg_buf_clear(take_bytes);
}

size_t lg_send_queue_peek(const struct lg_send_queue *q, struct iovec *out)
{
    size_t n = 0;

    for (size_t i = q->first; i < q->chunks.size && n < LG_SEND_QUEUE_IOV_MAX; i++) {
        size_t offset = i == q->first ? q->offset : 0;

        out[n++] = (struct iovec){.iov_base = q->chunks.data[i].data + offset,
                                  .iov_len = q->chunks.data[i].size - offset};
    }
    return n;
}

void lg_send_queue_fix(struct lg_send_queue *q)
{
    q->fixed = q->chunks.size;
}

/* A queue that never runs empty does not grow by what it has sent. */
static void forget_gone(struct lg_send_queue *q)
{
    q->chunks.size -= q->first;
    memmove(q->chunks.data, q->chunks.data + q->first, q->chunks.size * sizeof(q->chunks.data[0]));
    q->first = 0;
}

static void chunk_sent(struct lg_send_queue *q)
{
    struct lg_buf *chunk = &q->chunks.data[q->first];

    if (q->spare.data == NULL && chunk->capacity <= CHUNK_BYTES) {
        q->spare = *chunk;
        lg_buf_clear(&q->spare);
        *chunk = (struct lg_buf){0};
    } else {
        lg_buf_done(chunk);
    }
    q->first++;
    q->offset = 0;
    if (q->first == q->chunks.size)
        q->chunks.size = q->first = 0;
    else if (q->first >= GONE_MAX)
        forget_gone(q);
}

void lg_send_queue_sent(struct lg_send_queue *q, size_t n)
{
    assert(n <= q->bytes);
    q->bytes -= n;
    q->fixed = 0;
    while (n > 0) {
        size_t rest = q->chunks.data[q->first].size - q->offset;

        if (n < rest) {
            q->offset += n;
            return;
        }
        n -= rest;
        chunk_sent(q);
    }
}
