/* grpc.reflection.v1 and v1alpha without a socket: a request in, an answer out. Stateless; any
 * lane.
 *
 * Told are the services that the listener offers and the files that describe them; files import no
 * others, so one is always enough. Extensions, which proto3 has not, are not found.
 */
#ifndef LG_NET_GRPC_REFLECTION_H
#define LG_NET_GRPC_REFLECTION_H

#include "net/rpc.h"

struct lg_grpc_reflection {          /* Borrowed; of one listener. */
    const struct lg_slice *services; /* "grpc.health.v1.Health": those of proto/ that it offers */
    size_t count;                    /* at most LG_GRPC_REFLECTION_SERVICES_MAX */
};
#define LG_GRPC_REFLECTION_SERVICES_MAX 32u

/* An answer and what it points to; it does not move. The request's texts are borrowed. */
struct lg_grpc_reflection_answer {
    struct lg_reflection_response response;
    struct lg_reflection_request request;
    struct lg_reflection_file_descriptor_response file;
    struct lg_reflection_list_service_response list;
    struct lg_reflection_error_response error;
    struct lg_slice descriptor;
    struct lg_reflection_service_response services[LG_GRPC_REFLECTION_SERVICES_MAX];
};
/* The answer to one request of the stream. It is written with lg_reflection_response_pb, or with
 * lg_reflection_alpha_response_pb, which has the same struct; the same holds for requests. */
void lg_grpc_reflection_answer(const struct lg_grpc_reflection *r,
                               const struct lg_reflection_request *rq,
                               struct lg_grpc_reflection_answer *out);

#endif
