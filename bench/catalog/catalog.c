/* What a change of the metadata costs a process that follows them, in a cluster of 2,000 stores
 * with three versions each, 1,000 servers and 108,000 replicas: reads of the metastore, bytes read,
 * CPU time (the embedded metastore's, the simulator's and the catalog's), and the catalog's memory.
 */
#include <malloc.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"
#include "catalog/catalog.h"
#include "drivers/metafile/metafile.h"
#include "drivers/sim/disk_sim.h"

enum { STORES = 2000, VERSIONS = 3, PARTITIONS = 6, FACTOR = 3, INSTANCES = 1000, BATCH = 500 };

struct counting {
    struct lg_metastore ms;
    struct lg_metastore *real;
    unsigned long reads, bytes;
};

struct read {
    struct lg_meta_op op;
    struct lg_meta_op *of;
    struct counting *c;
};

static void read_done(struct lg_meta_op *op)
{
    struct read *r = LG_CONTAINER_OF(op, struct read, op);
    struct lg_meta_op *of = r->of;

    r->c->reads++;
    r->c->bytes += op->value == NULL ? 0 : op->value->bytes.size;
    of->rc = op->rc;
    of->err = op->err;
    of->value = op->value;
    of->version = op->version;
    lg_free(r);
    of->done(of);
}

static void counting_submit(struct lg_metastore *ms, struct lg_meta_op *op)
{
    struct counting *c = LG_CONTAINER_OF(ms, struct counting, ms);
    struct read *r = lg_new(struct read);

    r->op = *op;
    r->op.done = read_done;
    r->of = op;
    r->c = c;
    lg_metastore_submit(c->real, &r->op);
}

static void counting_watch(struct lg_metastore *ms, struct lg_meta_watch *watch)
{
    lg_metastore_watch(LG_CONTAINER_OF(ms, struct counting, ms)->real, watch);
}

static void counting_unwatch(struct lg_metastore *ms, struct lg_meta_watch *watch,
                             void (*closed)(struct lg_meta_watch *watch))
{
    lg_metastore_unwatch(LG_CONTAINER_OF(ms, struct counting, ms)->real, watch, closed);
}

static const struct lg_metastore_ops counting_ops = {"counting", counting_submit, counting_watch,
                                                     counting_unwatch, NULL};

static struct world {
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_metastore *writer;
    struct counting counting;
    struct lg_catalog *catalog;
    unsigned snapshots;
    LG_VEC(struct lg_meta_change) changes;
    struct lg_meta_op op;
    bool written;
} w;

static void changed(void *ctx, struct lg_catalog_snapshot *snapshot)
{
    (void)ctx;
    (void)snapshot;
    w.snapshots++;
}

static void written(struct lg_meta_op *op)
{
    if (op->rc != LG_OK)
        (void)fprintf(stderr, "%s\n", op->err.text);
    w.written = true;
}

static bool is_written(void *ctx)
{
    (void)ctx;
    return w.written;
}

/* Takes both; NULL removes. */
static void change(char *take_path, char *take_value)
{
    struct lg_meta_change c = {take_value == NULL ? LG_META_REMOVE : LG_META_PUT, take_path,
                               LG_SLICE_NULL, LG_META_ANY_VERSION};

    if (take_value != NULL)
        c.value = lg_slice_str(take_value);
    LG_VEC_PUSH(&w.changes, c);
}

static void flush(void)
{
    if (w.changes.size == 0)
        return;
    w.written = false;
    w.op = (struct lg_meta_op){.kind = LG_META_WRITE,
                               .lane = w.lane,
                               .changes = w.changes.data,
                               .change_count = w.changes.size,
                               .done = written};
    lg_metastore_submit(w.writer, &w.op);
    (void)lg_sim_run_until(w.sim, is_written, NULL, 3600 * LG_SEC);
    for (size_t i = 0; i < w.changes.size; i++) {
        lg_free((char *)(uintptr_t)w.changes.data[i].path);
        lg_free((void *)(uintptr_t)w.changes.data[i].value.data);
    }
    w.changes.size = 0;
}

static void flush_some(void)
{
    if (w.changes.size >= BATCH)
        flush();
}

static char *store_text(int number, const char *owner)
{
    LG_AUTO_STR char *name = lg_strf("store%04d", number);
    LG_AUTO(lg_store) *store = lg_store_new(name, owner, "\"string\"", 1);
    LG_AUTO(lg_json) *json = NULL;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    int32_t id;

    store->partition_count = PARTITIONS;
    (void)!lg_store_add_value_schema(store, "\"long\"", &id, &err);
    for (int v = 1; v <= VERSIONS; v++) {
        LG_AUTO_STR char *push = lg_strf("push%d", v);
        struct lg_store_push p = {.push_job_id = push, .now_ms = 1};
        struct lg_version *made;
        bool is_new, swapped;

        (void)!lg_store_add_version(store, &p, &made, &is_new, &err);
        (void)!lg_store_complete_version(store, v, 2, &swapped, &err);
    }
    json = lg_store_to_json(store, LG_STORE_JSON_PERSISTENT);
    lg_json_write(&out, json, false);
    return lg_buf_take_str(&out);
}

static int server_of(int topic, int partition, int replica)
{
    return (topic * PARTITIONS * FACTOR + partition * FACTOR + replica) * 7 % INSTANCES;
}

static char *report_path(int topic, int server)
{
    return lg_strf("/replicas/store%04d_v%d/server%03d_8888", topic / VERSIONS,
                   topic % VERSIONS + 1, server);
}

static char *report(int partition, const char *status)
{
    return lg_strf("{\"%d\":{\"status\":\"%s\",\"records\":12345,\"bytes\":678901,\"state\":"
                   "\"STANDBY\",\"term\":3}}",
                   partition, status);
}

static void announce(int server)
{
    change(lg_strf("/instances/server%03d_8888", server),
           lg_strf("{\"host\":\"server%03d\",\"port\":8888,\"zone\":\"z%d\"}", server, server % 3));
}

static void fill(void)
{
    for (int i = 0; i < STORES; i++) {
        change(lg_strf("/stores/store%04d", i), store_text(i, "me"));
        flush_some();
    }
    for (int i = 0; i < INSTANCES; i++) {
        announce(i);
        flush_some();
    }
    for (int t = 0; t < STORES * VERSIONS; t++) {
        struct lg_buf lists = {0};

        lg_buf_append_str(&lists, "{\"partitions\":[");
        for (int p = 0; p < PARTITIONS; p++) {
            lg_buf_append_str(&lists, p == 0 ? "[" : ",[");
            for (int r = 0; r < FACTOR; r++) {
                int server = server_of(t, p, r);

                lg_buf_appendf(&lists, "%s\"server%03d_8888\"", r == 0 ? "" : ",", server);
                change(report_path(t, server), report(p, "COMPLETED"));
            }
            lg_buf_append_str(&lists, "]");
        }
        lg_buf_append_str(&lists, "]}");
        change(lg_strf("/assignment/store%04d_v%d", t / VERSIONS, t % VERSIONS + 1),
               lg_buf_take_str(&lists));
        flush_some();
    }
    flush();
}

static double cpu_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Writes what is to be changed and lets everything settle. */
static void measure(const char *what)
{
    double begin = cpu_ms();

    w.counting.reads = w.counting.bytes = w.snapshots = 0;
    flush();
    lg_sim_run_us(w.sim, 60 * LG_SEC);
    printf("%-34s %8lu reads %10lu bytes %9.2f ms  %u snapshots\n", what, w.counting.reads,
           w.counting.bytes, cpu_ms() - begin, w.snapshots);
}

static void measure_all(void)
{
    change(report_path(4711, server_of(4711, 2, 1)), report(2, "STARTED"));
    measure("one replica");
    change(lg_strf("/stores/store0042"), store_text(42, "you"));
    measure("one store");
    for (int t = 0; t < 1000; t++)
        change(report_path(t, server_of(t, 0, 0)), report(0, "STARTED"));
    measure("1,000 replicas at once");
    change(lg_strf("/instances/server500_8888"), NULL);
    for (int t = 0; t < STORES * VERSIONS; t++)
        for (int i = 0; i < PARTITIONS * FACTOR; i++)
            if (server_of(t, i / FACTOR, i % FACTOR) == 500)
                change(report_path(t, 500), NULL);
    measure("a server goes, with its replicas");
    announce(500);
    measure("it comes back, still empty");
}

int main(void)
{
    struct lg_metafile_options o = {.dir = "meta", .bytes_max = LG_METAFILE_BYTES_MAX};
    struct lg_metafile *metafile;
    struct lg_error err = {0};
    size_t before;

    lg_log_set_level(LG_LOG_OFF);
    w.sim = lg_sim_new(1);
    w.lane = lg_sim_lane_new(w.sim, NULL, "lane");
    o.disk = lg_disk_sim_new(w.sim, 2);
    o.lane = w.lane;
    if (lg_metafile_open(&o, &metafile, &err) != LG_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    w.writer = lg_metafile_session_new(metafile);
    w.counting.ms.ops = &counting_ops;
    w.counting.real = lg_metafile_session_new(metafile);
    fill();
    before = mallinfo2().uordblks;
    w.catalog = lg_catalog_start(&(struct lg_catalog_options){
        .metastore = &w.counting.ms, .lane = w.lane, .changed = changed});
    measure("the beginning");
    printf("memory of the catalog: %zu KiB\n", (mallinfo2().uordblks - before) / 1024);
    measure_all();
    return 0;
}
