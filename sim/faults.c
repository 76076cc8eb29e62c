/* What goes wrong, and when: crashes with and without loss of power, crashes in the middle of an
 * operation of the disk, connections that break, cuts of the network, slowness, disks that others
 * fill. In a mild world disks have little room, and either single servers crash, far apart, or
 * servers have little room too: no read may notice. */
#include "base/log.h"
#include "sim/world.h"

#define FIRST_US (2 * LG_SEC)
#define PAUSE_MAX_US (3 * LG_SEC)
#define MILD_PAUSE_US (12 * LG_SEC)
#define EXCUSED_AFTER_US (4 * LG_SEC) /* after the end of a fault */

static void fault_due(void *ctx);

static uint64_t below(struct lg_world *w, uint64_t n)
{
    return lg_sim_rand_below(w->sim, n);
}

static void crash(struct lg_world *w, struct lg_world_node *n)
{
    bool power_cut = below(w, 4) != 0;
    uint64_t down_us = 50 * LG_MS + below(w, below(w, 3) == 0 ? 7 * LG_SEC : LG_SEC);

    if (!w->mild)
        lg_world_excuse(w, down_us + EXCUSED_AFTER_US);
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

static void cut(struct lg_world *w, struct lg_world_node *a, struct lg_world_node *b, bool is_cut)
{
    lg_net_sim_partition(w->net, a->name, b->name, is_cut);
    if (a->role == LG_ROLE_GROUND)
        lg_meta_sim_cut(w->meta, b->name, is_cut);
    if (b->role == LG_ROLE_GROUND)
        lg_meta_sim_cut(w->meta, a->name, is_cut);
}

static void partition_ends(void *ctx)
{
    struct lg_world_cut *c = ctx;

    cut(c->world, c->a, c->b, false);
    c->open = false;
}

static void partition(struct lg_world *w)
{
    struct lg_world_node *a = &w->nodes[below(w, 2) == 0 ? 0 : below(w, LG_WORLD_NODES)];
    struct lg_world_node *b = &w->nodes[below(w, LG_WORLD_NODES)];
    uint64_t for_us = 50 * LG_MS + below(w, 8 * LG_SEC);

    if (a == b)
        return;
    for (size_t i = 0; i < LG_WORLD_CUTS; i++) {
        struct lg_world_cut *c = &w->cuts[i];

        if (c->open)
            continue;
        *c = (struct lg_world_cut){w, a, b, true};
        lg_sim_trace(w->sim, "partition", a->role, a->number, b->role, b->number, for_us);
        lg_log(LG_LOG_INFO, "fault_partition", "a=%s b=%s for_ms=%llu", a->name, b->name,
               (unsigned long long)(for_us / LG_MS));
        lg_world_excuse(w, for_us + EXCUSED_AFTER_US);
        cut(w, a, b, true);
        lg_sim_at(w->sim, lg_sim_now_us(w->sim) + for_us, NULL, partition_ends, c);
        return;
    }
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

/* A server without room may hold the one replica that is late: while that may be, no other server
 * crashes. */
static void mild_fault(struct lg_world *w, struct lg_world_node *ground)
{
    bool on_ground = below(w, 2) == 0;

    if (on_ground)
        crowd(w, ground);
    else if (w->mild_crowds)
        crowd(w, some_server(w));
    else
        crash(w, some_server(w));
}

static void one_fault(struct lg_world *w)
{
    struct lg_world_node *ground = lg_world_node(w, LG_ROLE_GROUND, 0);

    if (w->mild) {
        mild_fault(w, ground);
        return;
    }
    switch (below(w, 14)) {
    case 12:
        crowd(w, ground);
        break;
    case 13:
        crowd(w, some_server(w));
        break;
    case 0:
        crash(w, ground);
        break;
    case 1:
    case 2:
    case 3:
        cut_in_operation(w, ground);
        break;
    case 4:
        crash(w, some_server(w));
        break;
    case 5:
    case 6:
        cut_in_operation(w, some_server(w));
        break;
    case 7:
        crash(w, lg_world_node(w, LG_ROLE_ROUTER, (unsigned)below(w, LG_WORLD_ROUTERS)));
        break;
    case 8:
        crash(w, lg_world_node(w, LG_ROLE_OPERATOR, (unsigned)below(w, LG_WORLD_OPERATORS)));
        break;
    case 9:
    case 10:
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
