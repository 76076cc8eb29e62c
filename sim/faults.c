/* What goes wrong, and when: crashes with and without loss of power, crashes in the middle of an
 * operation of the disk, processes that are stopped for a while, connections that break, cuts of
 * the network in both directions or one, sessions that expire, slowness of networks and disks, a
 * log that answers late, not at all or twice, disks that others fill. In a mild world single nodes
 * fail, far apart: no read may notice. */
#include "base/log.h"
#include "sim/world.h"

#define FIRST_US (2 * LG_SEC)
#define PAUSE_MAX_US (3 * LG_SEC)
#define MILD_PAUSE_US (12 * LG_SEC)
#define EXCUSED_AFTER_US (4 * LG_SEC) /* after the end of a fault */
#define LEAVE_MIN_US (6 * LG_SEC)     /* longer than a session lives */
#define LEAVE_LONG_US (11 * LG_SEC)   /* longer than its replicas wait for it */
#define STOP_MAX_US (8 * LG_SEC)      /* longer than a session lives */

static void fault_due(void *ctx);

static uint64_t below(struct lg_world *w, uint64_t n)
{
    return lg_sim_rand_below(w->sim, n);
}

/* Some faults are felt by readers, those of controllers only by who changes something. */
static void excuse(struct lg_world *w, const struct lg_world_node *n, uint64_t us)
{
    if (w->mild || n->role == LG_ROLE_CONTROLLER)
        lg_world_excuse_changes(w, us);
    else
        lg_world_excuse(w, us);
}

static void crash(struct lg_world *w, struct lg_world_node *n)
{
    bool power_cut = below(w, 4) != 0;
    uint64_t down_us = 50 * LG_MS + below(w, below(w, 3) == 0 ? 7 * LG_SEC : LG_SEC);

    excuse(w, n, down_us + EXCUSED_AFTER_US);
    lg_world_crash(n, power_cut, down_us);
}

static void disk_stopped(void *ctx)
{
    struct lg_world_node *n = ctx;
    struct lg_world *w = n->world;
    uint64_t down_us = 50 * LG_MS + below(w, 2 * LG_SEC);

    lg_world_excuse(w, down_us + EXCUSED_AFTER_US);
    lg_world_power_gone(n, down_us);
}

static void cut_in_operation(struct lg_world *w, struct lg_world_node *n)
{
    uint64_t ops = below(w, 60);

    lg_sim_trace(w->sim, "cut_after", n->role, n->number, ops);
    lg_world_excuse(w, EXCUSED_AFTER_US);
    lg_disk_sim_cut_after(n->disk, ops, disk_stopped, n);
}

/* --- Stopped processes. ------------------------------------------------------------------------
 */

static void goes_on(void *ctx)
{
    struct lg_world_node *n = ctx;

    n->stopped = 0;
    lg_sim_node_go_on(n->node);
}

static void stop(struct lg_world *w, struct lg_world_node *n)
{
    uint64_t for_us = 50 * LG_MS + below(w, below(w, 2) == 0 ? STOP_MAX_US : LG_SEC);

    if (n->stopped != 0 || !lg_sim_node_alive(n->node))
        return;
    lg_sim_trace(w->sim, "stop", n->role, n->number, for_us);
    lg_log(LG_LOG_INFO, "fault_stop", "node=%s for_ms=%llu", n->name,
           (unsigned long long)(for_us / LG_MS));
    excuse(w, n, for_us + EXCUSED_AFTER_US);
    lg_sim_node_stop(n->node);
    n->stopped = lg_sim_at(w->sim, lg_sim_now_us(w->sim) + for_us, NULL, goes_on, n);
}

/* --- Networks. ---------------------------------------------------------------------------------
 */

static void cut_way(struct lg_world *w, const struct lg_world_node *from,
                    const struct lg_world_node *to, bool is_cut)
{
    lg_net_sim_cut_way(w->net, from->name, to->name, is_cut);
    if (from->role == LG_ROLE_GROUND)
        lg_meta_sim_cut_way(w->meta, to->name, /* to_server= */ false, is_cut);
    if (to->role == LG_ROLE_GROUND)
        lg_meta_sim_cut_way(w->meta, from->name, /* to_server= */ true, is_cut);
}

static void cut(const struct lg_world_cut *c, bool is_cut)
{
    cut_way(c->world, c->a, c->b, is_cut);
    if (c->both_ways)
        cut_way(c->world, c->b, c->a, is_cut);
}

static void partition_ends(void *ctx)
{
    struct lg_world_cut *c = ctx;

    cut(c, false);
    c->open = false;
}

static void partition(struct lg_world *w)
{
    struct lg_world_node *a = &w->nodes[below(w, 2) == 0 ? 0 : below(w, LG_WORLD_NODES)];
    struct lg_world_node *b = &w->nodes[below(w, LG_WORLD_NODES)];
    bool both_ways = below(w, 2) == 0, turned = below(w, 2) == 0;
    uint64_t for_us = 50 * LG_MS + below(w, 8 * LG_SEC);

    if (a == b)
        return;
    for (size_t i = 0; i < LG_WORLD_CUTS; i++) {
        struct lg_world_cut *c = &w->cuts[i];

        if (c->open)
            continue;
        *c = (struct lg_world_cut){w, turned ? b : a, turned ? a : b, true, both_ways};
        lg_sim_trace(w->sim, "partition", c->a->role, c->a->number, c->b->role, c->b->number,
                     both_ways, for_us);
        lg_log(LG_LOG_INFO, "fault_partition", "from=%s to=%s both_ways=%d for_ms=%llu", c->a->name,
               c->b->name, both_ways, (unsigned long long)(for_us / LG_MS));
        lg_world_excuse(w, for_us + EXCUSED_AFTER_US);
        cut(c, true);
        lg_sim_at(w->sim, lg_sim_now_us(w->sim) + for_us, NULL, partition_ends, c);
        return;
    }
}

static void expire(struct lg_world *w, struct lg_world_node *n)
{
    lg_sim_trace(w->sim, "expire", n->role, n->number);
    lg_log(LG_LOG_INFO, "fault_expire", "node=%s", n->name);
    excuse(w, n, EXCUSED_AFTER_US);
    lg_meta_sim_expire(w->meta, n->name);
}

/* --- Slowness. ---------------------------------------------------------------------------------
 */

static void disk_is_fast(void *ctx)
{
    struct lg_world_node *n = ctx;

    n->slowed = 0;
    lg_disk_sim_set_delay_us(n->disk, 0);
}

static void slow_disk(struct lg_world *w, struct lg_world_node *n)
{
    uint64_t for_us = LG_SEC + below(w, 8 * LG_SEC);
    uint64_t delay_us = LG_MS + below(w, below(w, 3) == 0 ? 200 * LG_MS : 10 * LG_MS);

    if (n->slowed != 0)
        return;
    lg_sim_trace(w->sim, "slow_disk", n->role, n->number, delay_us, for_us);
    lg_log(LG_LOG_INFO, "fault_slow_disk", "node=%s delay_us=%llu for_ms=%llu", n->name,
           (unsigned long long)delay_us, (unsigned long long)(for_us / LG_MS));
    excuse(w, n, for_us + EXCUSED_AFTER_US);
    if (n->role == LG_ROLE_GROUND)
        w->slow_until_us = lg_sim_now_us(w->sim) + for_us;
    lg_disk_sim_set_delay_us(n->disk, delay_us);
    n->slowed = lg_sim_at(w->sim, lg_sim_now_us(w->sim) + for_us, NULL, disk_is_fast, n);
}

/* As all others see it, but for what retention has removed. */
static void log_of_servers(struct lg_world *w)
{
    struct lg_log_sim_faults before = w->server_log_faults;

    w->server_log_faults = w->log_faults;
    w->server_log_faults.gone = before.gone;
    w->server_log_faults.removes = before.removes;
    w->server_log_faults.removed = before.removed;
    w->server_log_faults.removes_ctx = before.removes_ctx;
}

static void log_is_calm(void *ctx)
{
    struct lg_world *w = ctx;

    w->log_faults = (struct lg_log_sim_faults){0};
    log_of_servers(w);
}

/* Reads do not depend on it; a push takes longer, and what is asked of a controller may. */
static void bad_log(struct lg_world *w)
{
    uint64_t for_us = LG_SEC + below(w, 5 * LG_SEC);
    uint32_t one_in = 2 + (uint32_t)below(w, 20);

    lg_sim_trace(w->sim, "bad_log", one_in, for_us);
    lg_log(LG_LOG_INFO, "fault_bad_log", "one_in=%u for_ms=%llu", one_in,
           (unsigned long long)(for_us / LG_MS));
    lg_world_excuse_changes(w, for_us + EXCUSED_AFTER_US);
    w->log_faults = (struct lg_log_sim_faults){.lost = one_in * 2,
                                               .answer_lost = one_in,
                                               .twice = one_in,
                                               .empty = one_in,
                                               .late = one_in,
                                               .late_max_us = 10 * LG_MS + below(w, 3 * LG_SEC)};
    log_of_servers(w);
    lg_sim_at(w->sim, lg_sim_now_us(w->sim) + for_us, NULL, log_is_calm, w);
}

static void log_is_whole(void *ctx)
{
    ((struct lg_world *)ctx)->server_log_faults.gone = 0;
}

static bool is_removed(void *ctx, const char *topic)
{
    return lg_check_topic_done(&((struct lg_world *)ctx)->history, topic);
}

static void tell_removed(void *ctx, struct lg_lane *lane, const char *topic, uint32_t partition)
{
    struct lg_world *w = ctx;

    for (unsigned i = 0; i < LG_WORLD_SERVERS; i++)
        if (lg_world_node(w, LG_ROLE_SERVER, i)->node == lg_sim_lane_node(lane))
            lg_check_removed(&w->history, i, topic, partition);
}

/* A log that has lost what it held of complete versions, for a while: what has yet to be read of
 * them fails, and begins again only when somebody resets it. A server leaves for so long that
 * others are to read what it held. */
static void log_with_gaps(struct lg_world *w, struct lg_world_node *leaves)
{
    uint64_t for_us = 10 * LG_SEC + below(w, 10 * LG_SEC), down_us;
    bool power_cut;

    if (w->server_log_faults.gone != 0)
        return;
    lg_sim_trace(w->sim, "log_with_gaps", for_us);
    lg_log(LG_LOG_INFO, "fault_log_with_gaps", "for_ms=%llu", (unsigned long long)(for_us / LG_MS));
    lg_world_excuse(w, w->faults_end_us - LG_MIN(w->faults_end_us, lg_sim_now_us(w->sim)));
    w->errors = true;
    w->server_log_faults.gone = 1;
    w->server_log_faults.removes = is_removed;
    w->server_log_faults.removed = tell_removed;
    w->server_log_faults.removes_ctx = w;
    power_cut = below(w, 2) == 0;
    down_us = LEAVE_LONG_US + below(w, LG_SEC);
    lg_world_crash(leaves, power_cut, down_us);
    lg_sim_at(w->sim, lg_sim_now_us(w->sim) + for_us, NULL, log_is_whole, w);
}

static void calm_network(void *ctx)
{
    struct lg_world *w = ctx;

    lg_net_sim_set_reset_chance(w->net, 0, 1);
    lg_net_sim_set_delay_us(w->net, LG_NET_SIM_DELAY_MIN_US, LG_NET_SIM_DELAY_MAX_US);
}

static void bad_network(struct lg_world *w)
{
    uint64_t for_us = LG_SEC + below(w, 5 * LG_SEC);

    lg_sim_trace(w->sim, "bad_network", for_us);
    lg_log(LG_LOG_INFO, "fault_bad_network", "for_ms=%llu", (unsigned long long)(for_us / LG_MS));
    lg_world_excuse(w, for_us + EXCUSED_AFTER_US);
    if (below(w, 2) == 0)
        lg_net_sim_set_reset_chance(w->net, 1, 20 + below(w, 200));
    else
        lg_net_sim_set_delay_us(w->net, LG_NET_SIM_DELAY_MIN_US,
                                10 * LG_MS + below(w, 200 * LG_MS));
    lg_sim_at(w->sim, lg_sim_now_us(w->sim) + for_us, NULL, calm_network, w);
}

static void room_is_back(void *ctx)
{
    struct lg_world_node *n = ctx;

    n->crowded = 0;
    n->room_back_us = lg_sim_now_us(n->world->sim);
    lg_disk_sim_set_capacity(n->disk, 0);
}

/* Others take the room on a disk up to about the watermark, for a while. What is taken in goes on
 * into the rest, until the watermark stops it. */
static void crowd(struct lg_world *w, struct lg_world_node *n)
{
    uint64_t for_us = LG_SEC + below(w, 12 * LG_SEC);
    uint64_t room = LG_WORLD_DISK_LOW * 3 / 4 + below(w, LG_WORLD_DISK_LOW / 2);

    if (n->crowded != 0)
        return;
    lg_sim_trace(w->sim, "crowd", n->role, n->number, room, for_us);
    lg_log(LG_LOG_INFO, "fault_crowd", "node=%s room=%llu for_ms=%llu", n->name,
           (unsigned long long)room, (unsigned long long)(for_us / LG_MS));
    lg_disk_sim_set_capacity(n->disk, lg_disk_sim_used(n->disk) + room);
    n->crowded = lg_sim_at(w->sim, lg_sim_now_us(w->sim) + for_us, NULL, room_is_back, n);
}

static struct lg_world_node *some_server(struct lg_world *w)
{
    return lg_world_node(w, LG_ROLE_SERVER, (unsigned)below(w, LG_WORLD_SERVERS));
}

static struct lg_world_node *some_controller(struct lg_world *w)
{
    return lg_world_node(w, LG_ROLE_CONTROLLER, (unsigned)below(w, LG_WORLD_CONTROLLERS));
}

/* What holds a session. */
static struct lg_world_node *some_member(struct lg_world *w)
{
    uint64_t kind = below(w, 5);

    if (kind < 2)
        return some_controller(w);
    if (kind < 4)
        return some_server(w);
    return lg_world_node(w, LG_ROLE_ROUTER, (unsigned)below(w, LG_WORLD_ROUTERS));
}

static void controller_fault(struct lg_world *w)
{
    uint64_t kind = below(w, 4);

    if (kind == 0)
        crash(w, some_controller(w));
    else if (kind < 3)
        stop(w, some_controller(w));
    else
        expire(w, some_controller(w));
}

/* For longer than its session lives, and about as long as its replicas wait for it. */
static void leave(struct lg_world *w, struct lg_world_node *server)
{
    uint64_t down_us = LEAVE_MIN_US + below(w, LEAVE_MIN_US);

    excuse(w, server, down_us + EXCUSED_AFTER_US);
    lg_world_crash(server, below(w, 2) == 0, down_us);
}

/* All servers of a zone at once: the other zones have what it had. */
static void lose_zone(struct lg_world *w)
{
    unsigned zone = (unsigned)below(w, w->history.zones);
    bool power_cut = below(w, 2) == 0;
    uint64_t down_us = 50 * LG_MS + below(w, 3 * LG_SEC);

    lg_sim_trace(w->sim, "lose_zone", zone, down_us);
    lg_world_excuse_changes(w, down_us + EXCUSED_AFTER_US);
    for (unsigned i = zone; i < LG_WORLD_SERVERS; i += w->history.zones)
        lg_world_crash(lg_world_node(w, LG_ROLE_SERVER, i), power_cut, down_us);
}

/* The metadata were away from them for long: all go on to serve, routers hear of all at once, and
 * no read may notice. */
static void expire_servers(struct lg_world *w)
{
    lg_sim_trace(w->sim, "expire_servers", LG_WORLD_SERVERS);
    lg_log(LG_LOG_INFO, "fault_expire_servers", "servers=%u", (unsigned)LG_WORLD_SERVERS);
    lg_world_excuse_changes(w, EXCUSED_AFTER_US);
    w->history.servers_us = lg_sim_now_us(w->sim);
    for (unsigned i = 0; i < LG_WORLD_SERVERS; i++) {
        struct lg_world_node *n = lg_world_node(w, LG_ROLE_SERVER, i);

        lg_meta_sim_expire(w->meta, n->name);
        lg_check_server_over(&w->history, i);
        if (lg_sim_node_alive(n->node))
            n->up_since_us = lg_sim_now_us(w->sim); /* as the others know it */
    }
}

/* A server without room may hold the one replica that is late: while that may be, no other server
 * crashes. */
static void mild_fault(struct lg_world *w, struct lg_world_node *ground)
{
    switch (below(w, 7)) {
    case 6:
        expire_servers(w);
        break;
    case 0:
        crowd(w, ground);
        break;
    case 1:
        slow_disk(w, ground);
        break;
    case 2:
        bad_log(w);
        break;
    case 3:
        controller_fault(w);
        break;
    default:
        if (w->mild_crowds)
            crowd(w, some_server(w));
        else if (w->history.zones > 0 && below(w, 2) == 0)
            lose_zone(w);
        else if (below(w, 2) == 0)
            leave(w, some_server(w));
        else
            crash(w, some_server(w));
        break;
    }
}

static void fault_of_ground(struct lg_world *w, struct lg_world_node *ground)
{
    switch (below(w, 10)) {
    case 0:
        crash(w, ground);
        break;
    case 1:
        stop(w, ground);
        break;
    case 2:
        crowd(w, ground);
        break;
    case 3:
        slow_disk(w, ground);
        break;
    case 4:
        bad_log(w);
        break;
    default:
        cut_in_operation(w, ground);
        break;
    }
}

static void fault_of_server(struct lg_world *w, struct lg_world_node *server)
{
    switch (below(w, 8)) {
    case 0:
        stop(w, server);
        break;
    case 7:
        leave(w, server);
        break;
    case 1:
        crowd(w, server);
        break;
    case 2:
        slow_disk(w, server);
        break;
    case 3:
    case 4:
        crash(w, server);
        break;
    default:
        cut_in_operation(w, server);
        break;
    }
}

static void one_fault(struct lg_world *w)
{
    struct lg_world_node *ground = lg_world_node(w, LG_ROLE_GROUND, 0);

    if (w->mild) {
        mild_fault(w, ground);
        return;
    }
    switch (below(w, 21)) {
    case 20:
        log_with_gaps(w, some_server(w));
        break;
    case 19:
    case 18:
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        fault_of_ground(w, ground);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
        fault_of_server(w, some_server(w));
        break;
    case 9:
        crash(w, lg_world_node(w, LG_ROLE_ROUTER, (unsigned)below(w, LG_WORLD_ROUTERS)));
        break;
    case 10:
        crash(w, lg_world_node(w, LG_ROLE_OPERATOR, (unsigned)below(w, LG_WORLD_OPERATORS)));
        break;
    case 11:
        expire(w, some_member(w));
        break;
    case 12:
    case 13:
        controller_fault(w);
        break;
    case 14:
    case 15:
    case 16:
        partition(w);
        break;
    default:
        bad_network(w);
        break;
    }
}

static void plan(struct lg_world *w, uint64_t after_us)
{
    lg_sim_at(w->sim, lg_sim_now_us(w->sim) + after_us, NULL, fault_due, w);
}

static void fault_due(void *ctx)
{
    struct lg_world *w = ctx;

    if (w->quiet)
        return;
    one_fault(w);
    plan(w, w->mild ? MILD_PAUSE_US : below(w, PAUSE_MAX_US));
}

void lg_world_faults_start(struct lg_world *w)
{
    plan(w, FIRST_US + below(w, PAUSE_MAX_US));
}

void lg_world_faults_end(struct lg_world *w)
{
    calm_network(w);
    log_is_calm(w);
    log_is_whole(w);
    lg_net_sim_heal(w->net);
    lg_meta_sim_heal(w->meta);
    for (size_t i = 0; i < LG_WORLD_NODES; i++) {
        struct lg_world_node *n = &w->nodes[i];

        if (n->stopped != 0)
            goes_on(n);
        if (n->disk == NULL)
            continue;
        lg_disk_sim_cut_after(n->disk, UINT64_MAX, NULL, NULL);
        lg_disk_sim_set_capacity(n->disk, 0);
        lg_disk_sim_set_delay_us(n->disk, 0);
    }
}
