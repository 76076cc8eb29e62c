#include "sim/world.h"

#include <stdio.h>

#include "base/log.h"

#define FAULTS_US (25 * LG_SEC)
#define FAULTS_SPREAD_US (10 * LG_SEC)
#define CALM_US (5 * LG_SEC)    /* A server that is up for so long is known to be. */
#define ROOMY_US (8 * LG_SEC)   /* Who has room again has said so. */
#define SETTLED_US (8 * LG_SEC) /* ... and has got its share */
#define BLINK_US (LG_WORLD_DELAY_MS * LG_MS - LG_SEC) /* The delay, but for what a write takes. */
#define REMOVED_US (10 * LG_SEC)   /* until what a removed server held is elsewhere */
#define QUIET_MAX_US (60 * LG_SEC) /* within which all must be well again */

struct lg_world_node *lg_world_node(struct lg_world *w, enum lg_role role, unsigned number)
{
    for (size_t i = 0; i < LG_WORLD_NODES; i++)
        if (w->nodes[i].role == role && w->nodes[i].number == number)
            return &w->nodes[i];
    assert(false && "no such node");
    return NULL;
}

void lg_world_excuse(struct lg_world *w, uint64_t after_us)
{
    w->excused_until_us = LG_MAX(w->excused_until_us, lg_sim_now_us(w->sim) + after_us);
    lg_world_excuse_changes(w, after_us);
}

void lg_world_excuse_changes(struct lg_world *w, uint64_t after_us)
{
    w->changes_excused_until_us =
        LG_MAX(w->changes_excused_until_us, lg_sim_now_us(w->sim) + after_us);
}

/* A server comes, or goes. */
static void server_moves(const struct lg_world_node *n)
{
    if (n->role == LG_ROLE_SERVER)
        n->world->history.servers_us = lg_sim_now_us(n->world->sim);
}

void lg_world_start(struct lg_world_node *n)
{
    static void (*const mains[])(void *) = {
        [LG_ROLE_GROUND] = lg_world_ground_main,
        [LG_ROLE_CONTROLLER] = lg_world_controller_main,
        [LG_ROLE_SERVER] = lg_world_server_main,
        [LG_ROLE_ROUTER] = lg_world_router_main,
        [LG_ROLE_OPERATOR] = lg_world_operator_main,
        [LG_ROLE_READER] = lg_world_reader_main,
    };

    if (n->restart != 0)
        (void)lg_sim_cancel(n->world->sim, n->restart);
    n->restart = 0;
    if (n->gone_for_good)
        return;
    if (n->role == LG_ROLE_SERVER)
        lg_check_server_over(&n->world->history, n->number);
    if (n->role == LG_ROLE_GROUND)
        lg_check_metadata_over(&n->world->history);
    if (n->power_gone)
        lg_disk_sim_crash(n->disk);
    n->power_gone = false;
    if (!lg_sim_node_alive(n->node))
        lg_sim_node_start(n->node);
    n->up_since_us = lg_sim_now_us(n->world->sim);
    server_moves(n);
    lg_sim_node_run(n->node, mains[n->role], n);
}

static void restart_due(void *ctx)
{
    struct lg_world_node *n = ctx;

    n->restart = 0;
    lg_world_start(n);
}

void lg_world_crash(struct lg_world_node *n, bool power_cut, uint64_t down_us)
{
    struct lg_sim *sim = n->world->sim;

    if (!lg_sim_node_alive(n->node) && n->restart != 0)
        return;
    lg_sim_trace(sim, "crash", n->role, n->number, power_cut, down_us);
    lg_log(LG_LOG_INFO, "fault_crash", "node=%s power_cut=%d down_ms=%llu", n->name, power_cut,
           (unsigned long long)(down_us / LG_MS));
    lg_sim_node_kill(n->node);
    server_moves(n);
    n->down_since_us = lg_sim_now_us(sim);
    if (power_cut && n->disk != NULL)
        lg_disk_sim_crash(n->disk);
    n->restart = lg_sim_at(sim, lg_sim_now_us(sim) + down_us, NULL, restart_due, n);
}

void lg_world_power_gone(struct lg_world_node *n, uint64_t down_us)
{
    struct lg_sim *sim = n->world->sim;

    lg_sim_trace(sim, "power_gone", n->role, n->number, down_us);
    lg_log(LG_LOG_INFO, "fault_power_gone", "node=%s down_ms=%llu", n->name,
           (unsigned long long)(down_us / LG_MS));
    n->power_gone = true;
    lg_sim_node_kill(n->node);
    server_moves(n);
    n->restart = lg_sim_at(sim, lg_sim_now_us(sim) + down_us, NULL, restart_due, n);
}

static void go_for_good(void *ctx)
{
    struct lg_world_node *n = ctx;

    n->gone_for_good = true;
    n->down_since_us = lg_sim_now_us(n->world->sim);
    lg_sim_node_kill(n->node);
    server_moves(n);
}

void lg_world_drained(struct lg_world *w)
{
    struct lg_world_node *n = lg_world_node(w, LG_ROLE_SERVER, (unsigned)w->drained);

    lg_sim_trace(w->sim, "drained", n->number);
    w->drain_over = true;
    w->removed = w->drained; /* It may be removed. */
    w->history.drained++;
    lg_sim_at(w->sim, lg_sim_now_us(w->sim), NULL, go_for_good, n);
}

/* A file of a server's replicas goes: had it told routers that it does? In a harsh world its
 * session may have ended, and with it what it had told. */
static void file_removed(void *ctx, const char *path)
{
    struct lg_world_node *n = ctx;
    size_t below = strlen(LG_WORLD_REPLICAS);

    if (n->world->mild && strncmp(path, LG_WORLD_REPLICAS, below) == 0)
        lg_check_destroyed(&n->world->history, n->number, path + below,
                           lg_sim_now_us(n->world->sim));
}

static void add_node(struct lg_world *w, size_t at, enum lg_role role, unsigned number,
                     const char *name, bool disk)
{
    struct lg_world_node *n = &w->nodes[at];

    *n = (struct lg_world_node){.world = w, .role = role, .number = number};
    if (role == LG_ROLE_GROUND || role == LG_ROLE_READER)
        (void)snprintf(n->name, sizeof n->name, "%s", name);
    else
        (void)snprintf(n->name, sizeof n->name, "%s%u", name, number);
    n->node = lg_sim_node_new(w->sim, n->name);
    if (!disk)
        return;
    n->disk = lg_disk_sim_new(w->sim, lg_sim_rand(w->sim));
    lg_disk_sim_follow(n->disk, n->node);
    if (role == LG_ROLE_SERVER)
        lg_disk_sim_on_remove(n->disk, file_removed, n);
}

/* In some worlds one clock is a day off. */
static void set_clocks(struct lg_world *w)
{
    struct lg_world_node *n = &w->nodes[lg_sim_rand_below(w->sim, LG_WORLD_NODES)];
    int64_t skew_ms = lg_sim_rand_chance(w->sim, 1, 2) ? LG_WORLD_SKEW_MS : -LG_WORLD_SKEW_MS;

    if (!lg_sim_rand_chance(w->sim, 1, 3))
        return;
    lg_sim_node_set_skew_ms(n->node, skew_ms);
    w->history.clocks_differ = n->role == LG_ROLE_CONTROLLER;
}

/* Sets history.calm and history.blinks. */
static void look_around(struct lg_world *w)
{
    uint64_t now_us = lg_sim_now_us(w->sim);
    unsigned well = 0, settled = 0, away = 0;
    bool roomy = true; /* A server whose disk is low is given nothing. */

    w->history.calm = w->history.blinks = w->history.all = 0;
    if (!w->mild || w->quiet || lg_world_node(w, LG_ROLE_GROUND, 0)->slowed != 0)
        return; /* Sessions may end though their servers live. */
    for (unsigned i = 0; i < LG_WORLD_SERVERS; i++) {
        const struct lg_world_node *n = lg_world_node(w, LG_ROLE_SERVER, i);
        bool alive = lg_sim_node_alive(n->node);
        uint64_t known_us = w->history.gone_seen_us[i];
        uint64_t since_us = now_us - (alive ? n->up_since_us : n->down_since_us);

        well |= alive && since_us > CALM_US ? 1u << i : 0;
        roomy = roomy && n->crowded == 0 &&
                (n->room_back_us == 0 || now_us > n->room_back_us + ROOMY_US);
        settled += alive && since_us > SETTLED_US;
        away |= !alive && known_us != 0 && now_us < known_us + BLINK_US ? 1u << i : 0;
    }
    w->history.calm = well;
    if (w->drain_asked)
        return; /* What it holds moves, whoever blinks. */
    if (well == (1u << LG_WORLD_SERVERS) - 1 && roomy)
        w->history.all = well;
    if (settled == LG_WORLD_SERVERS - 1 && !w->history.clocks_differ)
        w->history.blinks = away;
}

static void metadata_written(void *ctx, struct lg_sim_node *node,
                             const struct lg_meta_change *changes, size_t count)
{
    struct lg_world *w = ctx;
    uint64_t now_us = lg_sim_now_us(w->sim);

    for (unsigned i = 0; i < LG_WORLD_CONTROLLERS; i++)
        if (lg_world_node(w, LG_ROLE_CONTROLLER, i)->node == node)
            lg_check_written(&w->history, lg_sim_node_name(node), changes, count);
    look_around(w);
    for (size_t i = 0; i < count; i++) {
        const struct lg_meta_change *c = &changes[i];
        bool removed = c->kind == LG_META_REMOVE || c->kind == LG_META_REMOVE_TREE;

        if (c->kind == LG_META_CHECK)
            continue;
        if (strncmp(c->path, "/assignment/", strlen("/assignment/")) == 0)
            lg_check_assigned(&w->history, c->path, c->value, removed, now_us);
        else if (strncmp(c->path, "/replicas/", strlen("/replicas/")) == 0)
            lg_check_reported(&w->history, c->path, c->value, removed, now_us);
        else if (strncmp(c->path, "/routers/", strlen("/routers/")) == 0)
            lg_check_router_announced(&w->history, c->path, now_us);
        else if (strncmp(c->path, "/nodes/", strlen("/nodes/")) == 0)
            lg_check_gone(&w->history, c->path, c->value, now_us);
        else if (strncmp(c->path, "/stores/", strlen("/stores/")) == 0 && !removed &&
                 strchr(c->path + strlen("/stores/"), '/') == NULL)
            lg_check_completed(&w->history, c->path, c->value);
    }
}

/* Zones, replicas of each partition, and a server that is drained. */
static void draw_cluster(struct lg_world *w)
{
    unsigned zones = (unsigned)lg_sim_rand_below(w->sim, 6);

    w->history.zones = zones == 0 ? 3 : zones == 1 ? 2 : 0;
    w->factor = lg_sim_rand_chance(w->sim, 1, 6) ? 3 : 2;
    w->drained = -1;
    if (w->removed >= 0 || !lg_sim_rand_chance(w->sim, 1, w->mild ? 2 : 5))
        return;
    w->drained = (int)lg_sim_rand_below(w->sim, LG_WORLD_SERVERS - 1); /* It is there. */
    w->drain_us = lg_sim_now_us(w->sim) + 5 * LG_SEC + lg_sim_rand_below(w->sim, FAULTS_US);
}

struct lg_world *lg_world_new(uint64_t seed)
{
    struct lg_world *w = lg_new(struct lg_world);
    size_t at = 0;

    w->wide_positions = seed % 2 == 1;
    w->history.read_quotas = seed / 2 % 2 == 1;
    w->sim = lg_sim_new(seed);
    w->net = lg_net_sim_new(w->sim);
    w->meta = lg_meta_sim_new(w->sim);
    lg_meta_sim_on_write(w->meta, metadata_written, w);
    add_node(w, at++, LG_ROLE_GROUND, 0, "ground", true);
    for (unsigned i = 0; i < LG_WORLD_CONTROLLERS; i++)
        add_node(w, at++, LG_ROLE_CONTROLLER, i, "controller", false);
    for (unsigned i = 0; i < LG_WORLD_SERVERS; i++)
        add_node(w, at++, LG_ROLE_SERVER, i, "server", true);
    for (unsigned i = 0; i < LG_WORLD_ROUTERS; i++)
        add_node(w, at++, LG_ROLE_ROUTER, i, "router", false);
    for (unsigned i = 0; i < LG_WORLD_OPERATORS; i++)
        add_node(w, at++, LG_ROLE_OPERATOR, i, "operator", false);
    add_node(w, at++, LG_ROLE_READER, 0, "reader", false);
    assert(at == LG_WORLD_NODES);
    set_clocks(w);
    w->mild = lg_sim_rand_chance(w->sim, 1, 4);
    w->removed =
        lg_sim_rand_chance(w->sim, 1, 4) ? (int)lg_sim_rand_below(w->sim, LG_WORLD_SERVERS) : -1;
    draw_cluster(w);
    w->mild_crowds = lg_sim_rand_chance(w->sim, 1, 3);
    w->faults_end_us =
        lg_sim_now_us(w->sim) + FAULTS_US + lg_sim_rand_below(w->sim, FAULTS_SPREAD_US);
    return w;
}

void lg_world_free(struct lg_world *w)
{
    if (w == NULL)
        return;
    lg_sim_free(w->sim);
    lg_net_sim_free(w->net);
    lg_meta_sim_free(w->meta);
    for (size_t i = 0; i < LG_WORLD_NODES; i++)
        lg_disk_sim_free(w->nodes[i].disk);
    lg_free(w);
}

static bool violated(void *ctx)
{
    const struct lg_world *w = ctx;

    return w->history.violated;
}

static bool violated_or_well(void *ctx)
{
    const struct lg_world *w = ctx;
    bool well = true;

    for (unsigned s = 0; s < LG_HISTORY_STORES; s++) {
        well = well && w->operators[s].settled;
        for (unsigned r = 0; r < LG_WORLD_ROUTERS; r++)
            well = well && w->scanned[r][s];
    }
    return well || w->history.violated;
}

/* Everything is repaired; nothing fails from now on. */
static void begin_quiet(struct lg_world *w)
{
    lg_sim_trace(w->sim, "quiet", lg_sim_steps(w->sim));
    w->quiet = true;
    w->quiet_us = lg_sim_now_us(w->sim);
    lg_world_faults_end(w);
    for (size_t i = 0; i < LG_WORLD_NODES; i++)
        if (!lg_sim_node_alive(w->nodes[i].node))
            lg_world_start(&w->nodes[i]);
    if (w->errors)
        lg_world_excuse(w, QUIET_MAX_US); /* Until the last of them is reset. */
    if (w->removed < 0 || w->drain_over)
        return;
    lg_world_excuse(w, REMOVED_US); /* A push may have ended with one replica. */
    lg_sim_node_kill(lg_world_node(w, LG_ROLE_SERVER, (unsigned)w->removed)->node);
}

unsigned lg_world_live(struct lg_world *w)
{
    unsigned live = 0;

    for (unsigned i = 0; i < LG_WORLD_SERVERS; i++)
        if (lg_sim_node_alive(lg_world_node(w, LG_ROLE_SERVER, i)->node))
            live |= 1u << i;
    return live;
}

unsigned lg_world_servers(const struct lg_world *w)
{
    unsigned all = (1u << LG_WORLD_SERVERS) - 1;

    return w->removed < 0 ? all : all & ~(1u << w->removed);
}

static void tell_what_is_not_well(struct lg_world *w)
{
    unsigned seconds = (unsigned)(QUIET_MAX_US / LG_SEC);

    if (w->drained >= 0 && !w->drain_over)
        lg_history_violate(&w->history, "replicas_placed",
                           "server%d is not empty after %u s without a fault, though it is drained",
                           w->drained, seconds);
    for (unsigned s = 0; s < LG_HISTORY_STORES; s++) {
        if (!w->operators[s].errors_gone && w->unplaced[s][0] != '\0')
            lg_history_violate(&w->history, "replicas_placed", "store '%s' after %u s: %s",
                               lg_history_store_name(s), seconds, w->unplaced[s]);
        if (!w->operators[s].last_push_done)
            lg_history_violate(&w->history, "pushes_complete",
                               "no push into store '%s' succeeded in %u s without a fault",
                               lg_history_store_name(s), seconds);
        if (w->unplaced[s][0] != '\0')
            lg_history_violate(&w->history, "replicas_placed",
                               "the replicas of store '%s' are not as they should be after %u s "
                               "without a fault: %s",
                               lg_history_store_name(s), seconds, w->unplaced[s]);
        for (unsigned r = 0; r < LG_WORLD_ROUTERS; r++)
            if (!w->scanned[r][s])
                lg_history_violate(&w->history, "pushes_complete",
                                   "router %u does not serve version %d of store '%s' after %u s "
                                   "without a fault: %s",
                                   r, w->history.stores[s].current, lg_history_store_name(s),
                                   seconds, w->scan_reason[r][s]);
        if (!w->operators[s].settled)
            lg_history_violate(&w->history, "pushes_complete",
                               "store '%s' has unfinished versions after %u s without a fault",
                               lg_history_store_name(s), seconds);
    }
}

static void compare_replicas(struct lg_world *w)
{
    for (unsigned i = 0; i < LG_WORLD_SERVERS; i++) {
        struct lg_world_node *n = lg_world_node(w, LG_ROLE_SERVER, i);

        lg_sim_node_kill(n->node);
        lg_disk_sim_crash(n->disk);
        lg_check_disk(&w->history, n->name, lg_disk_sim_refused(n->disk));
        lg_check_replicas(&w->history, n->name, n->disk, LG_WORLD_ENGINES, LG_WORLD_CHECKPOINTS);
        lg_disk_sim_process_ended(n->disk);
    }
}

bool lg_world_run(struct lg_world *w)
{
    uint64_t now_us = lg_sim_now_us(w->sim);

    for (size_t i = 0; i < LG_WORLD_NODES; i++)
        lg_world_start(&w->nodes[i]);
    if (lg_sim_rand_chance(w->sim, 1, 2)) /* One server joins later. */
        lg_world_crash(lg_world_node(w, LG_ROLE_SERVER, LG_WORLD_SERVERS - 1), false,
                       lg_sim_rand_below(w->sim, FAULTS_US));
    lg_world_excuse(w, 2 * LG_SEC);
    lg_world_faults_start(w);
    (void)lg_sim_run_until(w->sim, violated, w, w->faults_end_us - now_us);
    if (w->history.violated)
        return false;
    begin_quiet(w);
    if (!lg_sim_run_until(w->sim, violated_or_well, w, QUIET_MAX_US))
        tell_what_is_not_well(w);
    if (!w->history.violated)
        compare_replicas(w);
    return !w->history.violated;
}
