/* The connection that tells what changes in ZooKeeper: one persistent recursive watch on the root,
 * over a session of its own.
 *
 * The C client knows one-shot watches only, two for every node, which it sets anew in one packet
 * when it reconnects; ZooKeeper has persistent recursive ones since 3.6 (ADR 0038). So this is a
 * client of its own for just that: connect, credentials, addWatch, pings, events. It reads and
 * writes no node and owns none.
 *
 *   a thread: AWAY ──connect, auth, addWatch──▶ LISTENING ──lost, or silent──▶ AWAY
 *                                                   └─ events ──one task──▶ home lane: told
 *
 * Whenever it begins to listen, everything counts as changed. The server that it listens to may be
 * ahead of the one that is read from: who is told calls sync before reading.
 *
 * Owner: the home lane; `stop` blocks and runs elsewhere. Costs: one connection and one watch per
 * process; per change one event of some 30 bytes and its path.
 */
#ifndef LG_DRIVERS_ZOOKEEPER_ZK_EVENTS_H
#define LG_DRIVERS_ZOOKEEPER_ZK_EVENTS_H

#include "lane/lane.h"
#include "metastore/meta_names.h"

struct lg_zk_events; /* Opaque. */

struct lg_zk_events_options { /* Strings are borrowed until it is freed. */
    const char *address;
    const char *root;
    const char *digest; /* NULL: none */
    unsigned session_ms;
    struct lg_lane *lane;
    /* On the home lane: paths of the port, below "/". */
    void (*told)(void *ctx, const struct lg_meta_names *names);
    void *ctx;
};

/* Does not block; on the home lane. */
struct lg_zk_events *lg_zk_events_start(const struct lg_zk_events_options *options);
/* Is it listening? From any thread. */
bool lg_zk_events_listening(struct lg_zk_events *e);
/* Blocks until its thread has ended. */
void lg_zk_events_stop(struct lg_zk_events *e);
/* On the home lane, after everything that the thread has posted; it was stopped. */
void lg_zk_events_free(struct lg_zk_events *e);

#endif
