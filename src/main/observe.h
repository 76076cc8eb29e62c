/* What a process tells operators about itself: the checks behind /livez and /readyz, and the
 * metrics of the process, its lanes and its disk.
 *
 * A timer on each lane says that the lane lives and asks the roles of that lane how they are; a
 * collector measures the process at each scrape; the data directory is measured in the background.
 */
#ifndef LG_MAIN_OBSERVE_H
#define LG_MAIN_OBSERVE_H

#include "controller/controller.h"
#include "lane/disk_space.h"
#include "router/router.h"
#include "server/server.h"

struct lg_observer;

struct lg_observer_options {
    /* Lanes and roles that this process does not have are NULL. */
    struct lg_lane *control, *data;
    /* Those that only read, watched from the data lane; borrowed for the call. */
    struct lg_lane *const *readers;
    size_t reader_count;
    const struct lg_controller *controller; /* on the control lane */
    struct lg_router *router;               /* on the data lane */
    const struct lg_server *server;         /* on the data lane */
    struct lg_disk_space *space;            /* of the data directory; looked after here; or NULL */
    const char *path;                       /* the data directory, or NULL: none; copied */
    /* Asked on the control lane, else on the data lane, each time that a lane is looked at: sets
     * health checks of its own. NULL: none. */
    void (*look)(void *ctx);
    void *ctx;
    uint64_t memory_limit_bytes; /* base/memory_gate; 0: none */
};

/* Once per process, before anything counts. */
void lg_observe_register(unsigned stores_max);

/* Neither lane may run yet, or the call comes from the only one. */
struct lg_observer *lg_observer_start(const struct lg_observer_options *o);
/* Have all roles said that they are ready? From any thread. */
bool lg_observer_roles_ready(const struct lg_observer *observer);
/* Each on its lane, if there is one, before its roles stop. */
void lg_observer_stop_control(struct lg_observer *observer);
void lg_observer_stop_data(struct lg_observer *observer);
/* After both lanes are freed. NULL is allowed. */
void lg_observer_free(struct lg_observer *observer);

#endif
