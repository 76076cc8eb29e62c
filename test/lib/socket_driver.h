/* A driver of lanes and of a transport over real sockets, for tests: a rig that runs one such lane
 * until something holds; a handler that notes what connections are told; and what each such driver
 * must do beside the contract (net/transport_contract.h): names, ports that are taken, descriptors
 * that run out. */
#ifndef LG_TEST_LIB_SOCKET_DRIVER_H
#define LG_TEST_LIB_SOCKET_DRIVER_H

#include "net/transport.h"
#include "test/lib/lane_driver.h"

struct lg_socket_driver {
    struct lg_lane_driver lanes;
    struct lg_transport *(*transport_new)(void);
    void (*transport_free)(struct lg_transport *transport);
};

struct lg_socket_rig {
    const struct lg_socket_driver *driver;
    struct lg_pool_uv *pool;
    struct lg_lane *lane;
    struct lg_transport *transport;
    void (*before_look)(void); /* Unless NULL, each time that it looks whether a condition holds. */
    /* Its own. */
    struct lg_timer look;
    bool (*cond)(void *arg);
    void *arg;
    uint64_t give_up_us;
    bool held;
};

/* These fail the running test when they cannot be done. */
void lg_socket_rig_init(struct lg_socket_rig *r, const struct lg_socket_driver *driver);
void lg_socket_rig_done(struct lg_socket_rig *r);
void lg_socket_rig_keep_contract(struct lg_socket_rig *r);
/* Runs the lane on this thread until `cond(arg)`; false when it takes too long. */
bool lg_socket_rig_run_until(struct lg_socket_rig *r, bool (*cond)(void *arg), void *arg);

struct lg_watched { /* ctx of its handler; what its connections were told, all together */
    struct lg_conn *accepted;
    unsigned accepted_count, opened, closed;
    enum lg_rc why;
    char fault[128];
};
extern const struct lg_conn_handler lg_watched_handler;
void lg_watched_accepted(void *ctx, struct lg_conn *c); /* For listeners; ctx as above. */
/* Conditions, of a struct lg_watched. */
bool lg_watched_has_closed(void *arg);
bool lg_watched_has_opened(void *arg); /* on both sides */

/* Runs these tests as a group; how many of them failed. */
int lg_socket_driver_run(const struct lg_socket_driver *driver);

#endif
