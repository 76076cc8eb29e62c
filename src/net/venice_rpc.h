/* The two messages of the hottest path, Venice's request and answer, by hand: the same bytes and
 * the same structs as the tables of net/protos.h give, at a fifth of the instructions. Pure; any
 * lane.
 *
 * No memory is taken. The value is not copied: an answer is three pieces, of which it is the
 * second.
 */
#ifndef LG_NET_VENICE_RPC_H
#define LG_NET_VENICE_RPC_H

#include "net/grpc.h"

/* As lg_pb_decode of lg_venice_client_request_pb, which it leaves whatever is unusual to. */
LG_MUST_CHECK enum lg_rc lg_venice_request_read(struct lg_slice in,
                                                struct lg_venice_client_request *out,
                                                struct lg_error *err);

/* What stands before and behind `data` in the frame of an answer: prefix of gRPC, schemaId and the
 * head of data; compressionStrategy, responseRCU, isStreamingResponse, errorCode. */
struct lg_venice_answer {
    uint8_t head[LG_GRPC_PREFIX_BYTES + 2 * (1 + 5)];
    uint8_t tail[3 * (1 + 5) + 2];
    uint8_t head_size, tail_size;
};
/* Of everything in `rs` but its errorMessage, which must be empty. Of rs->data only the size is
 * looked at (up to LG_VENICE_DATA_BYTES_MAX). */
#define LG_VENICE_DATA_BYTES_MAX ((size_t)UINT32_MAX - 64)
void lg_venice_answer(struct lg_venice_answer *out, const struct lg_venice_server_response *rs);
/* All bytes of the frame. */
static inline size_t lg_venice_answer_size(const struct lg_venice_answer *a, size_t data_size)
{
    return (size_t)a->head_size + data_size + a->tail_size;
}

#endif
