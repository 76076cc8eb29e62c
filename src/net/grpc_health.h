/* grpc.health.v1.Health without a socket: a board of services and their states; Check asks it, a
 * Watch is told what it has not been told yet. Owned by one lane.
 *
 * Not to be mixed up with base/health.h, the checks behind /readyz: whoever owns a board sets it
 * from them.
 */
#ifndef LG_NET_GRPC_HEALTH_H
#define LG_NET_GRPC_HEALTH_H

#include "base/list.h"
#include "net/protos.h"

#define LG_GRPC_HEALTH_SERVICES_MAX 64u
#define LG_GRPC_HEALTH_NAME_MAX 127u /* bytes of a service's name */

struct lg_grpc_health_board;
struct lg_grpc_health_board *lg_grpc_health_board_new(void);
/* Its watches must have been stopped. NULL is allowed. */
void lg_grpc_health_board_free(struct lg_grpc_health_board *board);
LG_DEFINE_AUTO(lg_grpc_health_board, lg_grpc_health_board_free)

/* The state of a service from now on ("" is the whole server): LG_GRPC_HEALTH_SERVICE_UNKNOWN takes
 * it off the board. Calls `news` of the watches that this is news for. LG_ERR_TOO_LARGE: over one
 * of the bounds above. After lg_grpc_health_shutdown nothing changes any more. */
LG_MUST_CHECK enum lg_rc lg_grpc_health_set(struct lg_grpc_health_board *board,
                                            struct lg_slice service, enum lg_grpc_health state,
                                            struct lg_error *err);
/* This server will end: all services are NOT_SERVING, for good. */
void lg_grpc_health_shutdown(struct lg_grpc_health_board *board);

/* Check: LG_GRPC_OK and the answer, or LG_GRPC_NOT_FOUND, and `out` is untouched. */
LG_MUST_CHECK enum lg_grpc_status
lg_grpc_health_check(const struct lg_grpc_health_board *board,
                     const struct lg_grpc_health_check_request *rq,
                     struct lg_grpc_health_check_response *out);

struct lg_grpc_health_watch { /* In the caller's memory, from start to stop. */
    struct lg_list node;
    const struct lg_grpc_health_board *board;
    /* There is something to tell: comes from inside lg_grpc_health_set and _shutdown. It may stop
     * its own watch, but no other. */
    void (*news)(struct lg_grpc_health_watch *watch);
    int32_t told; /* -1: nothing yet */
    uint8_t size;
    char service[LG_GRPC_HEALTH_NAME_MAX];
    bool is_nameable; /* False: the name is longer than any that the board may hold. */
};
/* Begins a Watch; ask lg_grpc_health_watch_next at once for its first message. */
void lg_grpc_health_watch_start(struct lg_grpc_health_watch *watch,
                                struct lg_grpc_health_board *board,
                                const struct lg_grpc_health_check_request *rq,
                                void (*news)(struct lg_grpc_health_watch *watch));
/* True: `*out` is the next message, which is told by that. States that came and went in between are
 * not told. A service that is not on the board is SERVICE_UNKNOWN, and the watch goes on. */
bool lg_grpc_health_watch_next(struct lg_grpc_health_watch *watch,
                               struct lg_grpc_health_check_response *out);
void lg_grpc_health_watch_stop(struct lg_grpc_health_watch *watch);

#endif
