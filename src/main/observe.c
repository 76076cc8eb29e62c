#include "main/observe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "authz/metrics.h"
#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory_gate.h"
#include "base/metrics.h"
#include "base/str.h"
#include "base/vec.h"
#include "catalog/metrics.h"
#include "controller/metrics.h"
#include "drivers/kafka/metrics.h"
#include "drivers/metafile/metrics.h"
#include "drivers/openssl/metrics.h"
#include "drivers/seglog/metrics.h"
#include "drivers/uring/metrics.h"
#include "drivers/uv/metrics.h"
#include "drivers/zookeeper/metrics.h"
#include "ingest/metrics.h"
#include "lane/metrics.h"
#include "lane/pulse.h"
#include "main/metrics.h"
#include "model/names.h"
#include "net/metrics.h"
#include "router/metrics.h"
#include "server/metrics.h"
#include "storage/metrics.h"

#define LOOK_US (500 * LG_MS)
#define LOOK_EARLY_US (2 * LG_MS) /* while something is not ready yet */
#define KEEP_US (5 * LG_SEC)      /* between two looks for stores that are gone */
#define MEASURE_US (10 * LG_SEC)  /* between two measurements, at least */
#define MEASURE_SHARE 50u         /* of the time, at most one part goes into measuring */
#define DEPTH_MAX 8u              /* of folders below the data directory */
#define ENTRIES_MAX 10000000u     /* of one measurement */

enum { LANE_CONTROL, LANE_DATA, LANE_READ };
enum { PART_METADATA, PART_LOG, PART_REPLICAS, PARTS };
enum { VERSION_NEWEST, VERSION_PREVIOUS, VERSION_OLDER, VERSIONS };

struct version_size {
    char *store;
    int32_t version;
    uint32_t age; /* VERSION_NEWEST ... */
    uint64_t bytes;
};

struct lg_observer {
    struct lg_observer_options o;
    char *path;              /* "": there is no data directory */
    struct lg_lane *home;    /* where the process is measured */
    struct lg_timer look[2]; /* by lane */
    struct lg_pulse *readers;
    struct lg_metric_collector collector;
    uint64_t started_wall_ms;
    uint64_t keep_again_us;

    /* The measurement: of the home lane, except while it is offloaded. */
    struct lg_offload measure;
    bool measuring;
    uint64_t measured_us, measure_again_us;
    uint64_t parts[PARTS];
    LG_VEC(struct version_size) versions;

    struct lg_offload tend; /* of the disk's reserve */
    bool tending;
};

static const struct lg_metric_table *const tables[] = {
    &lg_main_metrics,    &lg_base_metrics,      &lg_net_metrics,      &lg_router_metrics,
    &lg_authz_metrics,   &lg_server_metrics,    &lg_storage_metrics,  &lg_ingest_metrics,
    &lg_uv_metrics,      &lg_seglog_metrics,    &lg_metafile_metrics, &lg_controller_metrics,
    &lg_catalog_metrics, &lg_zookeeper_metrics, &lg_kafka_metrics,    &lg_lane_metrics,
    &lg_uring_metrics,   &lg_openssl_metrics};

void lg_observe_register(unsigned stores_max)
{
    lg_metrics_register(tables, LG_ARRAY_SIZE(tables), stores_max);
}

/* --- The process, at each scrape. ------------------------------------------------------------- */
static uint64_t of_timeval(struct timeval t)
{
    return (uint64_t)t.tv_sec * LG_SEC + (uint64_t)t.tv_usec;
}

static uint64_t count_entries(const char *path)
{
    DIR *dir = opendir(path);
    uint64_t n = 0;

    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        n++;
    (void)closedir(dir);
    return n < 3 ? 0 : n - 2; /* "." and ".." */
}

/* The first three numbers of /proc/self/statm, in pages. */
static void memory(uint64_t *out_virtual, uint64_t *out_resident, uint64_t *out_shared)
{
    unsigned long long pages[3] = {0};
    FILE *f = fopen("/proc/self/statm", "re");
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    if (f != NULL) {
        if (fscanf(f, "%llu %llu %llu", &pages[0], &pages[1], &pages[2]) != 3)
            pages[0] = pages[1] = pages[2] = 0;
        (void)fclose(f);
    }
    *out_virtual = pages[0] * page;
    *out_resident = pages[1] * page;
    *out_shared = pages[2] * page;
}

/* What files lend (the program, its libraries) is not counted: it can be taken away. */
static void look_at_memory(const struct lg_observer *ob)
{
    uint64_t all, resident, shared, used;
    bool was_full = lg_memory_gate_is_full();

    memory(&all, &resident, &shared);
    used = resident - LG_MIN(resident, shared);
    lg_memory_gate_set(used, ob->o.memory_limit_bytes);
    if (lg_memory_gate_is_full() != was_full)
        lg_log(LG_LOG_WARN, was_full ? "memory_is_back" : "memory_limit_passed",
               "used_bytes=%llu memory_limit_bytes=%llu", (unsigned long long)used,
               (unsigned long long)ob->o.memory_limit_bytes);
    lg_health_warn("memory", !lg_memory_gate_is_full(), "%llu of %llu MiB",
                   (unsigned long long)(used >> 20),
                   (unsigned long long)(ob->o.memory_limit_bytes >> 20));
}

static void collect(void *ctx)
{
    const struct lg_observer *ob = ctx;
    uint64_t all, resident, shared, now_us = lg_clock_mono_us();
    struct rusage usage;
    struct rlimit fds;
    struct statvfs fs;

    memory(&all, &resident, &shared);
    lg_metric_set(&lg_metric_build_info, 0, 1);
    lg_metric_set(&lg_metric_process_virtual_memory_bytes, 0, all);
    lg_metric_set(&lg_metric_process_resident_memory_bytes, 0, resident);
    lg_metric_set(&lg_metric_process_open_fds, 0, count_entries("/proc/self/fd"));
    lg_metric_set(&lg_metric_process_threads, 0, count_entries("/proc/self/task"));
    lg_metric_set(&lg_metric_process_start_time_seconds, 0, ob->started_wall_ms * LG_MS);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        lg_metric_set(&lg_metric_process_cpu_seconds_total, 0,
                      of_timeval(usage.ru_utime) + of_timeval(usage.ru_stime));
    if (getrlimit(RLIMIT_NOFILE, &fds) == 0)
        lg_metric_set(&lg_metric_process_max_fds, 0, fds.rlim_cur);
    if (ob->path[0] != '\0' && statvfs(ob->path, &fs) == 0) {
        lg_metric_set(&lg_metric_disk_free_bytes, 0, (uint64_t)fs.f_bavail * fs.f_frsize);
        lg_metric_set(&lg_metric_disk_total_bytes, 0, (uint64_t)fs.f_blocks * fs.f_frsize);
    }
    lg_metric_set(&lg_metric_health_ok, 0, lg_health_ok(LG_HEALTH_LIVE, now_us));
    lg_metric_set(&lg_metric_health_ok, 1, lg_health_ok(LG_HEALTH_READY, now_us));
}

/* --- The data directory, in the background. --------------------------------------------------- */
/* What a folder takes up. Files come and go meanwhile; what cannot be looked at counts nothing. */
static uint64_t size_below(int parent, const char *name, unsigned depth, uint64_t *budget)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    uint64_t sum = 0;
    struct dirent *e;

    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return 0;
    }
    while (*budget > 0 && (e = readdir(dir)) != NULL) {
        struct stat st;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        (*budget)--;
        sum += (uint64_t)st.st_blocks * 512;
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            sum += size_below(fd, e->d_name, depth + 1, budget);
    }
    (void)closedir(dir);
    return sum;
}

/* "cities_v2.3" is partition 3 of the topic cities_v2. */
static void add_replica(struct lg_observer *ob, const char *name, uint64_t bytes)
{
    const char *dot = strrchr(name, '.');
    struct lg_slice store;
    int32_t version;
    struct lg_error nobody_to_tell;

    if (dot == NULL || lg_names_parse_version_topic(lg_slice(name, (size_t)(dot - name)), &store,
                                                    &version, &nobody_to_tell) != LG_OK)
        return;
    LG_VEC_PUSH(&ob->versions,
                (struct version_size){.store = lg_strndup((const char *)store.data, store.size),
                                      .version = version,
                                      .bytes = bytes});
}

/* By store; the newest version first. */
static int compare_versions(const void *a, const void *b)
{
    const struct version_size *x = a, *y = b;
    int by_store = strcmp(x->store, y->store);

    return by_store != 0 ? by_store : (x->version < y->version) - (x->version > y->version);
}

/* Counts how many versions of the same store are newer than each. */
static void find_ages(struct lg_observer *ob)
{
    uint32_t age = 0;

    if (ob->versions.size > 1)
        qsort(ob->versions.data, ob->versions.size, sizeof ob->versions.data[0], compare_versions);
    for (size_t i = 0; i < ob->versions.size; i++) {
        struct version_size *v = &ob->versions.data[i];
        const struct version_size *before = v - 1;

        if (i == 0 || strcmp(before->store, v->store) != 0)
            age = VERSION_NEWEST;
        else if (before->version != v->version)
            age++;
        v->age = LG_MIN(age, (uint32_t)VERSION_OLDER);
    }
}

static void forget_versions(struct lg_observer *ob)
{
    for (size_t i = 0; i < ob->versions.size; i++)
        lg_free(ob->versions.data[i].store);
    ob->versions.size = 0;
}

static void measure_work(struct lg_offload *offload)
{
    struct lg_observer *ob = LG_CONTAINER_OF(offload, struct lg_observer, measure);
    LG_AUTO_STR char *replicas = lg_strf("%s/store/replicas", ob->path);
    LG_AUTO_STR char *meta = lg_strf("%s/meta", ob->path), *log = lg_strf("%s/log", ob->path);
    uint64_t budget = ENTRIES_MAX;
    DIR *dir = NULL;
    struct dirent *e;

    lg_alloc_return_freed();
    forget_versions(ob);
    if (ob->path[0] == '\0')
        return;
    dir = opendir(replicas);
    ob->parts[PART_METADATA] = size_below(AT_FDCWD, meta, 0, &budget);
    ob->parts[PART_LOG] = size_below(AT_FDCWD, log, 0, &budget);
    ob->parts[PART_REPLICAS] = 0;
    while (dir != NULL && (e = readdir(dir)) != NULL) {
        uint64_t bytes;

        if (e->d_name[0] == '.')
            continue;
        bytes = size_below(dirfd(dir), e->d_name, 0, &budget);
        ob->parts[PART_REPLICAS] += bytes;
        add_replica(ob, e->d_name, bytes);
    }
    if (dir != NULL)
        (void)closedir(dir);
    find_ages(ob);
}

static void measure_done(struct lg_offload *offload)
{
    struct lg_observer *ob = LG_CONTAINER_OF(offload, struct lg_observer, measure);
    const struct lg_metric *m = &lg_metric_store_disk_bytes;

    uint64_t now_us = lg_lane_now_us(ob->home);

    ob->measuring = false;
    ob->measure_again_us =
        now_us + LG_MAX((now_us - ob->measured_us) * MEASURE_SHARE, (uint64_t)MEASURE_US);
    for (uint32_t i = 0; i < PARTS; i++)
        lg_metric_set(&lg_metric_disk_used_bytes, i, ob->parts[i]);
    lg_metric_clear(m); /* Stores come and go. */
    for (size_t i = 0; i < ob->versions.size; i++) {
        const struct version_size *v = &ob->versions.data[i];
        uint32_t label = lg_metric_of_store(m, lg_metric_store(v->store), v->age);

        /* Several share a label: partitions, older versions, stores beyond the bound. */
        lg_metric_set(m, label, lg_metric_value(m, label) + v->bytes);
    }
}

/* --- The lanes. ------------------------------------------------------------------------------- */
static void look_again(struct lg_lane *lane, struct lg_timer *timer, uint32_t which, bool ready,
                       void (*look)(struct lg_timer *timer))
{
    uint64_t now_us = lg_lane_now_us(lane);

    lg_metric_observe(&lg_metric_lane_late_seconds, which,
                      now_us > timer->due_us ? now_us - timer->due_us : 0);
    lg_timer_start(lane, timer, ready ? LOOK_US : LOOK_EARLY_US, look);
}

static void reader_came(void *ctx, uint64_t late_us)
{
    (void)ctx;
    lg_metric_observe(&lg_metric_lane_late_seconds, LANE_READ, late_us);
}

/* --- The disk's room. ------------------------------------------------------------------------ */
static void tend_work(struct lg_offload *offload)
{
    lg_disk_space_tend(LG_CONTAINER_OF(offload, struct lg_observer, tend)->o.space);
}

static void tend_done(struct lg_offload *offload)
{
    LG_CONTAINER_OF(offload, struct lg_observer, tend)->tending = false;
}

/* Low is no reason to send readers elsewhere: it is shown, and no probe fails. */
static void look_at_disk(struct lg_observer *ob)
{
    struct lg_error why = {0};
    bool low = lg_disk_space_check(ob->o.space, &why) != LG_OK;

    lg_health_warn("disk", !low, "%s%s", low ? "low: " : "", low ? why.text : "");
    lg_metric_set(&lg_metric_disk_low, 0, low);
    if (ob->tending)
        return;
    ob->tending = true;
    ob->tend.work = tend_work;
    ob->tend.done = tend_done;
    lg_offload(ob->home, &ob->tend);
}

/* What is of the process and not of a role; on the home lane. */
static void look_at_process(struct lg_observer *ob, bool ready)
{
    uint64_t now_us = lg_lane_now_us(ob->home);

    look_at_memory(ob);
    if (ob->o.look != NULL)
        ob->o.look(ob->o.ctx);
    if (ready && ob->o.space != NULL)
        look_at_disk(ob);
    if (!ob->measuring && now_us >= ob->measure_again_us) {
        ob->measuring = true;
        ob->measured_us = now_us;
        ob->measure.work = measure_work;
        ob->measure.done = measure_done;
        lg_offload(ob->home, &ob->measure);
    }
}

static void look_control(struct lg_timer *timer)
{
    struct lg_observer *ob = LG_CONTAINER_OF(timer, struct lg_observer, look[LANE_CONTROL]);
    bool loaded = lg_controller_ready(ob->o.controller);
    const char *leader = lg_controller_leader_url(ob->o.controller);
    const char *refused = lg_controller_refused(ob->o.controller);

    lg_health_beat("lane control", lg_lane_now_us(ob->o.control));
    lg_health_set("metadata", loaded, "%s",
                  loaded            ? ""
                  : refused != NULL ? refused
                                    : "is not read yet");
    lg_health_set("leader", leader != NULL, "%s, term %llu",
                  leader == NULL                          ? "nobody"
                  : lg_controller_leads(ob->o.controller) ? "this controller"
                                                          : leader,
                  (unsigned long long)lg_controller_term(ob->o.controller));
    lg_controller_health(ob->o.controller);
    look_at_process(ob, loaded);
    look_again(ob->o.control, timer, LANE_CONTROL, loaded, look_control);
}

static bool is_known(void *ctx, const char *store)
{
    const struct lg_observer *ob = ctx;

    return (ob->o.router != NULL && lg_router_has_store(ob->o.router, store)) ||
           (ob->o.server != NULL && lg_server_has_store(ob->o.server, store));
}

/* Who counts under a store's number has left off long before this comes again. */
static void forget_stores(struct lg_observer *ob)
{
    uint64_t now_us = lg_lane_now_us(ob->o.data);

    if (now_us < ob->keep_again_us)
        return;
    ob->keep_again_us = now_us + KEEP_US;
    lg_metric_stores_keep(is_known, ob);
}

static void look_data(struct lg_timer *timer)
{
    struct lg_observer *ob = LG_CONTAINER_OF(timer, struct lg_observer, look[LANE_DATA]);
    bool router = ob->o.router == NULL || lg_router_ready(ob->o.router);
    bool server = ob->o.server == NULL || lg_server_ready(ob->o.server);

    lg_health_beat("lane data", lg_lane_now_us(ob->o.data));
    if (ob->o.reader_count > 0) /* As alive as the one that is silent the longest. */
        lg_health_beat("lanes read", lg_pulse_take(ob->readers));
    if (ob->o.router != NULL)
        lg_health_set("router", router, "%s", router ? "" : "has not announced itself");
    if (ob->o.router != NULL && ob->o.controller == NULL) /* Else that one tells it. */
        lg_router_health(ob->o.router);
    if (ob->o.server != NULL)
        lg_server_health(ob->o.server);
    if (ob->home == ob->o.data)
        look_at_process(ob, router && server);
    forget_stores(ob);
    look_again(ob->o.data, timer, LANE_DATA, router && server, look_data);
}

static void count_role(void *ctx, const char *name, bool ok, const char *reason)
{
    unsigned *ready = ctx;

    (void)reason;
    *ready += ok && (strcmp(name, "metadata") == 0 || strcmp(name, "router") == 0 ||
                     strcmp(name, "server") == 0);
}

bool lg_observer_roles_ready(const struct lg_observer *ob)
{
    unsigned ready = 0, roles = (ob->o.controller != NULL ? 1u : 0) +
                                (ob->o.router != NULL ? 1u : 0) + (ob->o.server != NULL ? 1u : 0);

    lg_health_each(LG_HEALTH_READY, 0, count_role, &ready);
    return ready == roles;
}

struct lg_observer *lg_observer_start(const struct lg_observer_options *o)
{
    struct lg_observer *ob = lg_new(struct lg_observer);

    ob->o = *o;
    ob->path = lg_strdup(o->path == NULL ? "" : o->path);
    ob->home = o->control != NULL ? o->control : o->data;
    if (o->data != NULL)
        ob->readers = lg_pulse_new(&(struct lg_pulse_options){
            .home = o->data, .lanes = o->readers, .count = o->reader_count, .late = reader_came});
    ob->started_wall_ms = lg_clock_wall_ms();
    ob->collector = (struct lg_metric_collector){.collect = collect, .ctx = ob};
    lg_metrics_collector_add(&ob->collector);
    if (o->control != NULL)
        lg_timer_start(o->control, &ob->look[LANE_CONTROL], 0, look_control);
    if (o->data != NULL)
        lg_timer_start(o->data, &ob->look[LANE_DATA], 0, look_data);
    return ob;
}

void lg_observer_stop_control(struct lg_observer *ob)
{
    lg_timer_stop(ob->o.control, &ob->look[LANE_CONTROL]);
    lg_health_forget("lane control"); /* It ends on purpose. */
}

void lg_observer_stop_data(struct lg_observer *ob)
{
    lg_timer_stop(ob->o.data, &ob->look[LANE_DATA]);
    lg_health_forget("lane data");
    lg_health_forget("lanes read");
}

void lg_observer_free(struct lg_observer *ob)
{
    if (ob == NULL)
        return;
    lg_metrics_collector_remove(&ob->collector);
    lg_pulse_free(ob->readers);
    forget_versions(ob);
    LG_VEC_DONE(&ob->versions);
    lg_free(ob->path);
    lg_free(ob);
}
