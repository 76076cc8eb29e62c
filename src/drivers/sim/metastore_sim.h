/* The metadata of one simulated node, used from the others: sessions of the real metafile behind a
 * network of messages, as a ZooKeeper client has them.
 *
 *     a role's node                                    the node that serves
 *     proxy (a session of the port) ──messages──▶ peer ──▶ a session of the metafile
 *
 * Messages of a proxy travel in order, each with a delay; a cut holds them back until it heals. A
 * proxy that hears nothing for LG_META_SIM_SESSION_MS, or that a restarted server does not know,
 * loses its session: what waits fails with LG_ERR_UNAVAILABLE, a new session is made as soon as the
 * server answers, all watches are set again and told (watch->session_lost, then watch->changed). A
 * server that hears nothing of a session for as long ends it, with its ephemeral nodes.
 *
 * Messages belong to the network, whose memory belongs to no node. Owner: the simulated world.
 */
#ifndef LG_DRIVERS_SIM_METASTORE_SIM_H
#define LG_DRIVERS_SIM_METASTORE_SIM_H

#include "drivers/sim/lane_sim.h"
#include "metastore/metastore.h"

struct lg_meta_sim;

#define LG_META_SIM_SESSION_MS 4000u /* of silence, then a session is over */
#define LG_META_SIM_GRACE_MS 2500u   /* of silence, then lg_metastore_silence says so */
#define LG_META_SIM_PING_MS 1000u
#define LG_META_SIM_OP_MS 5000u /* an operation fails with LG_ERR_UNAVAILABLE after this */

struct lg_meta_sim *lg_meta_sim_new(struct lg_sim *sim);
/* After lg_sim_free. NULL is allowed. */
void lg_meta_sim_free(struct lg_meta_sim *net);
/* Each message travels between min and max. */
void lg_meta_sim_set_delay_us(struct lg_meta_sim *net, uint64_t min_us, uint64_t max_us);
/* Cuts or heals the way between the serving node and the named one, both directions. */
void lg_meta_sim_cut(struct lg_meta_sim *net, const char *node, bool is_cut);
/* One direction only: what the node sends, or what is sent to it. */
void lg_meta_sim_cut_way(struct lg_meta_sim *net, const char *node, bool to_server, bool is_cut);
void lg_meta_sim_heal(struct lg_meta_sim *net);
/* Ends the session of a node that lives, as a server does that has heard nothing for too long: its
 * ephemeral nodes go now, it learns of it with its next message. */
void lg_meta_sim_expire(struct lg_meta_sim *net, const char *node);
/* Calls `written` after each WRITE of a session that succeeded, in the order in which they were
 * done, as the world; `node` is whose session it was. */
void lg_meta_sim_on_write(struct lg_meta_sim *net,
                          void (*written)(void *ctx, struct lg_sim_node *node,
                                          const struct lg_meta_change *changes, size_t count),
                          void *ctx);

/* From the code of the node that holds the metadata: serves until that node is killed. `lane` is
 * the store's home lane. `open` makes a session of it, `close` ends one (its operations are done,
 * its watches closed); `ctx` belongs to the node. */
struct lg_meta_sim_source {
    struct lg_metastore *(*open)(void *ctx);
    void (*close)(void *ctx, struct lg_metastore *session);
    void *ctx;
};
void lg_meta_sim_serve(struct lg_meta_sim *net, struct lg_lane *lane,
                       const struct lg_meta_sim_source *source);

/* From the code of another node: a session for its lane. It lives until it is closed or the node is
 * killed. */
struct lg_metastore *lg_meta_sim_session(struct lg_meta_sim *net, struct lg_lane *lane);
/* From the code of that node: its operations are done, its watches closed. Its ephemeral nodes go
 * when the server hears of it. */
void lg_meta_sim_session_close(struct lg_metastore *session);
/* Reads of all sessions: how often a value or names were asked for. */
uint64_t lg_meta_sim_reads(const struct lg_meta_sim *net);
/* How often sessions were lost, all in all. */
uint64_t lg_meta_sim_losses(const struct lg_meta_sim *net);

#endif
