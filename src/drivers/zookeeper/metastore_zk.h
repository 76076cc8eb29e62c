/* ZooKeeper as a metastore: a session of Debian's C client behind the metastore port.
 *
 *   lg_metastore_zk_open ─▶ operations and watches, from any lane ─▶ lg_metastore_zk_close
 *
 * Everything of a session lives on its home lane; the client's threads only post to it. What a
 * caller may rely on beyond the port:
 *
 *   Time.     An operation ends within one session timeout of its submission. Without a connection
 *             it waits for one so long, and not at all once the session counts as lost: then it is
 *             refused with LG_ERR_UNAVAILABLE at once, with a sentence that says since when.
 *   Silence.  lg_metastore_silence says that it is away after half a session timeout without an
 *             answer, and after a quarter when there is no connection.
 *   Writes.   One is under way at a time; each is one multi, preceded by reads where the port
 *             promises more than a multi can say (parents, PUT, REMOVE_TREE). What these reads saw
 *             is checked by the multi itself, and read again when it no longer holds, at most
 *             LG_METASTORE_ZK_ATTEMPTS_MAX times (LG_ERR_BUSY).
 *   Reads.    As ZooKeeper has them: of the server that the session is connected to, which may be
 *             behind the others by the time the ensemble takes to agree. It has caught up with what
 *             a watch names.
 *   Sessions. The session counts as lost when ZooKeeper says so or, earlier, when ZooKeeper has
 *             not answered for the session timeout, counted from the moment at which the last
 *             request that was answered had been sent: so we know before the others see our
 *             ephemeral nodes vanish. A session that counts as lost is never used again, even if
 *             ZooKeeper would still take it: it is closed, and a new one is opened. Each has a
 *             higher epoch than the one before.
 *   Watches.  One persistent recursive watch on the root, over a connection and session of its own
 *             (zk_events.h), tells of every change below it; those that concern a watch of the port
 *             are named to it after a sync, at most every 10 ms. So watches cost no reads, neither
 *             to set nor to keep, however many nodes there are. When that connection comes back,
 *             everything counts as changed; while it is away for longer than
 *             LG_METASTORE_ZK_POLL_MS, so it does as often.
 *   Sizes.    ZooKeeper takes packets of jute.maxbuffer bytes, 1,048,575 unless configured. A
 *             larger WRITE is refused with LG_ERR_TOO_LARGE before it is sent. For values of
 *             LG_META_VALUE_MAX set jute.maxbuffer on every server, and `packet_bytes_max` here, to
 *             LG_METASTORE_ZK_PACKET_BYTES_WANTED.
 *
 * Children whose names hold a newline, which only others make, are left out and logged.
 */
#ifndef LG_DRIVERS_ZOOKEEPER_METASTORE_ZK_H
#define LG_DRIVERS_ZOOKEEPER_METASTORE_ZK_H

#include "metastore/metastore.h"

#define LG_METASTORE_ZK_PACKET_BYTES_DEFAULT ((size_t)1048575) /* what a server takes by itself */
#define LG_METASTORE_ZK_PACKET_BYTES_WANTED ((size_t)4194304)
#define LG_METASTORE_ZK_PACKET_BYTES_MIN ((size_t)65536)
#define LG_METASTORE_ZK_PACKET_BYTES_MAX ((size_t)64 << 20)
#define LG_METASTORE_ZK_SESSION_MS_DEFAULT 10000u
#define LG_METASTORE_ZK_SESSION_MS_MIN 400u
#define LG_METASTORE_ZK_SESSION_MS_MAX 600000u
#define LG_METASTORE_ZK_CONNECT_MS_DEFAULT 10000u
#define LG_METASTORE_ZK_ATTEMPTS_MAX 20u
#define LG_METASTORE_ZK_TREE_NODES_MAX ((size_t)20000) /* that one WRITE removes */
#define LG_METASTORE_ZK_CHANGES_MAX ((size_t)10000)    /* of one WRITE */
#define LG_METASTORE_ZK_QUEUE_MAX ((size_t)10000)      /* operations that wait; LG_ERR_BUSY */
#define LG_METASTORE_ZK_POLL_MS 1000u

struct lg_metastore_zk_options {
    const char *address; /* "host:port,host:port"; copied */
    const char *root;    /* "/lagoon/prod": where "/" of the port is; copied */
    const char *digest;  /* "user:password", or NULL; copied. With it, the nodes that we make are
                          * ours alone (CREATOR_ALL), without, they are open to everybody. */
    unsigned session_ms; /* A wish; the servers have bounds of their own. 0: the default. */
    unsigned connect_ms; /* How long open waits. 0: the default. */
    bool create_root;    /* Else a root that is absent is LG_ERR_NOT_FOUND. */
    size_t packet_bytes_max; /* The servers' jute.maxbuffer. 0: its default. */
    struct lg_lane *lane;    /* The home lane. It must be able to offload. */
};

/* Blocks until there is a session, `connect_ms` at most; called on the home lane, or before that
 * runs. LG_ERR_UNAVAILABLE: nobody answers there; LG_ERR_INVALID: an option makes no sense;
 * LG_ERR_NOT_FOUND: no such root; LG_ERR_REFUSED: the root is not for these credentials. */
LG_MUST_CHECK enum lg_rc lg_metastore_zk_open(const struct lg_metastore_zk_options *options,
                                              struct lg_metastore **out, struct lg_error *err);
/* From any thread. What is pending ends with LG_ERR_UNAVAILABLE, exactly once; ephemeral nodes are
 * gone when `closed` (may be NULL) runs, once, on `lane`, or go with the session when ZooKeeper
 * cannot be reached. Watches must be closed, and nothing submitted any more. */
void lg_metastore_zk_close(struct lg_metastore *session, struct lg_lane *lane,
                           void (*closed)(void *ctx), void *ctx);

/* Any thread. */
bool lg_metastore_zk_connected(const struct lg_metastore *session);
/* Begins at 1 and grows whenever the session counts as lost: what was begun under a lower epoch
 * must not be finished. Any thread. */
uint64_t lg_metastore_zk_epoch(const struct lg_metastore *session);

/* For tests that end a session from outside: 8 bytes of id and 16 of password of the session at
 * this moment. On the home lane. */
void lg_metastore_zk_identity(const struct lg_metastore *session, int64_t *out_id,
                              uint8_t out_password[16]);

#endif
