/* A real ZooKeeper server (Debian's package) for tests: an ordinary process on a free port, with
 * data in a folder of its own. It dies with the test program. Every function fails the running test
 * when the world does not do what it must; nothing is skipped when ZooKeeper is not installed.
 */
#ifndef LG_TEST_LIB_ZOOKEEPER_SERVER_H
#define LG_TEST_LIB_ZOOKEEPER_SERVER_H

#include "test/lib/process.h"

#define LG_ZOOKEEPER_SESSION_MS_MAX 60000u

struct lg_zookeeper_server {
    struct lg_process process;
    char folder[64];
    unsigned tick_ms; /* sessions take from 2 of these to LG_ZOOKEEPER_SESSION_MS_MAX */
    unsigned port;
    size_t packet_bytes_max; /* jute.maxbuffer; 0: as it comes */
    char address[32];        /* "127.0.0.1:port" */
};

/* Starts one and waits until it answers. */
void lg_zookeeper_server_start(struct lg_zookeeper_server *z, unsigned tick_ms,
                               size_t packet_bytes_max);
/* As a power cut. */
void lg_zookeeper_server_kill(struct lg_zookeeper_server *z);
/* After a kill: the same port and data. */
void lg_zookeeper_server_restart(struct lg_zookeeper_server *z);
/* The process stands still, and goes on. */
void lg_zookeeper_server_stop(struct lg_zookeeper_server *z);
void lg_zookeeper_server_continue(struct lg_zookeeper_server *z);
/* Kills it and removes its data. {0} is allowed. */
void lg_zookeeper_server_done(struct lg_zookeeper_server *z);

#endif
