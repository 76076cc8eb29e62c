/* The simulator's scheduler: one seed, one virtual clock, all lanes of all nodes on one thread.
 *
 * A step runs one thing: a posted task, an expired timer or a scheduled event, chosen at random
 * among those that are due. When nothing is due the clock jumps to the next thing. Every step also
 * takes one microsecond, so that code that polls cannot stop the clock. Each step goes into a
 * running hash: two runs with one seed must end with one hash, whatever the compiler.
 *
 * A node is a simulated process: an allocation domain (base/alloc.h), lanes, and what is pending
 * for them. Killing it is kill -9: its tasks, timers, offloads and events vanish and its memory is
 * freed without running a line of its code. The memory of the simulator itself (lanes, queues,
 * events) never belongs to a node; code of the simulator that may run inside a node's code brackets
 * its own allocations with lg_alloc_domain_enter(NULL).
 *
 * Owner: the world that made it (sim/, or a test). Not thread-safe: there is one thread.
 */
#ifndef LG_DRIVERS_SIM_LANE_SIM_H
#define LG_DRIVERS_SIM_LANE_SIM_H

#include "base/buf.h"
#include "lane/lane.h"

struct lg_sim;
struct lg_sim_node;

#define LG_SIM_WALL_BASE_MS 1700000000000ULL /* Wall clock of a node without skew at time 0. */
#define LG_SIM_EVENTS_KEPT 256               /* Events in the text for failure reports. */
#define LG_SIM_TRACE_VALUES_MAX 6            /* Numbers that one event of the trace may carry. */

struct lg_sim *lg_sim_new(uint64_t seed);
/* Kills all nodes, then frees nodes, lanes and events. NULL is allowed. */
void lg_sim_free(struct lg_sim *sim);
LG_DEFINE_AUTO(lg_sim, lg_sim_free)

/* --- Running -------------------------------------------------------------------------------- */

/* Runs exactly one due thing; false, and nothing done, when nothing is left. */
bool lg_sim_step(struct lg_sim *sim);
/* Steps until the clock has advanced by `us`; it has then, even when nothing was left to run. */
void lg_sim_run_us(struct lg_sim *sim, uint64_t us);
/* Steps until `cond(ctx)`, which is asked before every step; false when `max_us` passed or nothing
 * was left to run while it did not hold. */
bool lg_sim_run_until(struct lg_sim *sim, bool (*cond)(void *ctx), void *ctx, uint64_t max_us);
/* Virtual time; it starts at one second, so 0 is never a moment. */
uint64_t lg_sim_now_us(const struct lg_sim *sim);
uint64_t lg_sim_steps(const struct lg_sim *sim);

/* --- Chance --------------------------------------------------------------------------------- */

uint64_t lg_sim_seed(const struct lg_sim *sim);
/* The one source of chance of the world: scheduling, network, faults. Lanes have their own. */
uint64_t lg_sim_rand(struct lg_sim *sim);
/* Uniform in [0, n); n > 0. */
uint64_t lg_sim_rand_below(struct lg_sim *sim, uint64_t n);
/* True with probability num/den. */
bool lg_sim_rand_chance(struct lg_sim *sim, uint64_t num, uint64_t den);

/* --- Trace ---------------------------------------------------------------------------------- */

/* lg_sim_trace(sim, "net_sent", connection, bytes): up to LG_SIM_TRACE_VALUES_MAX numbers, at least
 * one. `what` is a string literal. Never pass a pointer or anything else that differs by run. */
#define lg_sim_trace(sim, what, ...)                                                               \
    lg_sim_trace_values((sim), (what), (const uint64_t[]){__VA_ARGS__},                            \
                        sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
void lg_sim_trace_values(struct lg_sim *sim, const char *what, const uint64_t *values, size_t n);
/* Adds bytes (a path, a message) to the hash and to the last event's text (its beginning). */
void lg_sim_trace_text(struct lg_sim *sim, struct lg_slice text);
uint64_t lg_sim_trace_hash(const struct lg_sim *sim);
/* The last LG_SIM_EVENTS_KEPT events, oldest first, one line each: time, lane, event, numbers. */
void lg_sim_trace_dump(const struct lg_sim *sim, struct lg_buf *out);

/* --- Nodes ---------------------------------------------------------------------------------- */

/* A live node without lanes. `name` is copied. Freed by lg_sim_free. */
struct lg_sim_node *lg_sim_node_new(struct lg_sim *sim, const char *name);
/* kill -9. From the node's own code it takes effect when the current task returns; until then
 * lg_sim_node_alive is already false. Killing a dead node does nothing. */
void lg_sim_node_kill(struct lg_sim_node *node);
/* Brings a dead node back, empty: no lanes, a new domain. Its old lanes stay dead. */
void lg_sim_node_start(struct lg_sim_node *node);
bool lg_sim_node_alive(const struct lg_sim_node *node);
/* Grows by one with each start: tells a node from its successor of the same name. First is 1. */
unsigned lg_sim_node_incarnation(const struct lg_sim_node *node);
const char *lg_sim_node_name(const struct lg_sim_node *node);
struct lg_sim *lg_sim_node_sim(const struct lg_sim_node *node);
/* Runs `fn(ctx)` now as code of the node: its main function. The node must be alive. */
void lg_sim_node_run(struct lg_sim_node *node, void (*fn)(void *ctx), void *ctx);
/* Calls `fn(ctx)` after each kill of the node, outside its domain, when its memory is gone: for
 * what survives it (its disk) and what notices (its network). Stays for good. */
void lg_sim_node_on_kill(struct lg_sim_node *node, void (*fn)(void *ctx), void *ctx);
/* SIGSTOP and SIGCONT: none of the node's tasks, timers, offloads and events runs while it is
 * stopped; what came due meanwhile runs afterwards, in the order in which it was due. Time goes on,
 * and what others send piles up. Killing or starting a node ends it. Twice is once. */
void lg_sim_node_stop(struct lg_sim_node *node);
void lg_sim_node_go_on(struct lg_sim_node *node);
bool lg_sim_node_stopped(const struct lg_sim_node *node);
/* Shifts the wall clock of the node's lanes; may be called at any time. */
void lg_sim_node_set_skew_ms(struct lg_sim_node *node, int64_t skew_ms);
/* The node whose code is running; NULL outside. */
struct lg_sim_node *lg_sim_current_node(const struct lg_sim *sim);
/* Bytes that the node's code holds; 0 when it is dead. A graceful end should leave 0. */
size_t lg_sim_node_bytes(const struct lg_sim_node *node);

/* --- Lanes ---------------------------------------------------------------------------------- */

/* A lane of a live node, or of the world itself (node NULL). `name` is copied. */
struct lg_lane *lg_sim_lane_new(struct lg_sim *sim, struct lg_sim_node *node, const char *name);
/* The lane's end: what is posted to it or armed on it is dropped, now and later. Its memory stays
 * until lg_sim_free, so a late post is harmless. NULL is allowed. */
void lg_sim_lane_free(struct lg_lane *lane);
struct lg_sim_node *lg_sim_lane_node(const struct lg_lane *lane);
struct lg_sim *lg_sim_lane_sim(const struct lg_lane *lane);

/* What runs now takes so much longer: the work of an offload returns later, a task or timer keeps
 * its lane from running anything else for so long. For drivers whose calls block (a slow disk). Of
 * code that is on no lane: nothing. */
void lg_sim_spend_us(struct lg_sim *sim, uint64_t us);

/* An offload waits so much longer for a thread: the pool has much to do. */
void lg_sim_pool_wait_us(struct lg_sim *sim, uint64_t us);

/* --- Events --------------------------------------------------------------------------------- */

/* Runs `fn(ctx)` when the clock reaches `due_us`: with a node, as its code, and never if the node
 * is killed before; with NULL, as the world. Returns a number for lg_sim_cancel. Events that are
 * due run in the order of their time, then in the order of these calls. */
uint64_t lg_sim_at(struct lg_sim *sim, uint64_t due_us, struct lg_sim_node *node,
                   void (*fn)(void *ctx), void *ctx);
/* The event will not run. False when it has run, is running or was dropped. */
bool lg_sim_cancel(struct lg_sim *sim, uint64_t event);

#endif
