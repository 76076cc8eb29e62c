/* The network of the simulated world, and the transport port over it.
 *
 * Hosts are the simulator's nodes, by their names. A listener is reached as its node's name, as the
 * host it was given at listen, and from within its node as 127.0.0.1 or localhost; one that listens
 * on 127.0.0.1 or localhost is reached from within its node only. Lanes of the world itself share
 * one host, "world".
 *
 * Bytes of a connection arrive in order, in random pieces, after random delays; the sender may run
 * ahead of the receiver by LG_NET_SIM_WINDOW_BYTES. Connections break at random when told to. A
 * partition holds everything back until it heals, as retransmission does. When a node is killed its
 * listeners vanish and its peers see a reset.
 *
 * The network's memory, the lg_conn structs included, belongs to no node. Each arrival goes into
 * the trace. Owner: the world; free it after the simulator, whose nodes tell it of their end.
 */
#ifndef LG_DRIVERS_SIM_TRANSPORT_SIM_H
#define LG_DRIVERS_SIM_TRANSPORT_SIM_H

#include "drivers/sim/lane_sim.h"
#include "net/transport.h"

struct lg_net_sim;

#define LG_NET_SIM_WINDOW_BYTES ((size_t)64 << 10)
#define LG_NET_SIM_DELAY_MIN_US 20                    /* default */
#define LG_NET_SIM_DELAY_MAX_US 2000                  /* default */
#define LG_NET_SIM_PIECE_BYTES_MAX ((size_t)16 << 10) /* default */

struct lg_net_sim *lg_net_sim_new(struct lg_sim *sim);
/* After lg_sim_free. NULL is allowed. */
void lg_net_sim_free(struct lg_net_sim *net);
/* The transport for all lanes of the simulator; lives as long as the network. */
struct lg_transport *lg_net_sim_transport(struct lg_net_sim *net);

/* Each piece travels between min and max; min <= max. */
void lg_net_sim_set_delay_us(struct lg_net_sim *net, uint64_t min_us, uint64_t max_us);
/* Bytes travel and are handed over in pieces of 1 to `bytes_max`; 1 splits at every byte. */
void lg_net_sim_set_piece_bytes_max(struct lg_net_sim *net, size_t bytes_max);
/* Each piece breaks its connection with probability num/den instead; 0 of 1 ends it. */
void lg_net_sim_set_reset_chance(struct lg_net_sim *net, uint64_t num, uint64_t den);
/* Cuts or heals the way between two nodes, both directions. Unknown names are remembered. */
void lg_net_sim_partition(struct lg_net_sim *net, const char *a, const char *b, bool is_cut);
/* One direction only: nothing that `from` sends reaches `to`; what `to` sends arrives. A way that
 * is cut twice is healed once. */
void lg_net_sim_cut_way(struct lg_net_sim *net, const char *from, const char *to, bool is_cut);
/* What connections that `from` opens, and those that it has opened, are to who accepts them: over
 * TLS, and by whom (NULL: nobody who is known); copied. At first all are plain. */
void lg_net_sim_show(struct lg_net_sim *net, const char *from, bool is_secure,
                     const char *identity);
/* Heals all partitions. */
void lg_net_sim_heal(struct lg_net_sim *net);
/* Connections that at least one side still holds. */
size_t lg_net_sim_connections(const struct lg_net_sim *net);

#endif
