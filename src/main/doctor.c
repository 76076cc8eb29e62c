#include "main/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/str.h"
#include "drivers/metafile/metafile.h"
#include "drivers/posix/disk_posix.h"
#include "drivers/posix/memory_posix.h"
#include "drivers/rocksdb/engine_rocksdb.h"
#include "drivers/seglog/seglog.h"
#include "drivers/uv/lane_uv.h"
#include "pubsub/batch.h"
#include "server/identity.h"
#include "storage/checkpoint.h"

#define OPEN_FILES_WANTED 16384u
#define MEMORY_WANTED_BYTES ((uint64_t)512 << 20)
#define DISK_FREE_PERCENT_WANTED 10u
#define FETCH_BYTES ((size_t)4 << 20)
#define CACHE_BYTES ((size_t)16 << 20)
#define DETAIL_MAX 1024

void lg_doctor_find(struct lg_doctor *d, enum lg_finding_status status, const char *check,
                    const char *fmt, ...)
{
    char text[DETAIL_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    LG_VEC_PUSH(&d->findings, (struct lg_finding){status, lg_strdup(check), lg_strdup(text)});
}

void lg_doctor_done(struct lg_doctor *d)
{
    for (size_t i = 0; i < d->findings.size; i++) {
        lg_free(d->findings.data[i].check);
        lg_free(d->findings.data[i].detail);
    }
    LG_VEC_DONE(&d->findings);
}

/* --- The machine. ------------------------------------------------------------------------------
 */

static void open_files(struct lg_doctor *d)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < OPEN_FILES_WANTED)
        lg_doctor_find(d, LG_FINDING_WARN, "open files",
                       "a process may have %llu; each connection and each replica takes some: "
                       "raise it to %u or more (ulimit -n, LimitNOFILE= of the unit)",
                       (unsigned long long)limit.rlim_cur, OPEN_FILES_WANTED);
    else
        lg_doctor_find(d, LG_FINDING_OK, "open files", "a process may have %llu",
                       (unsigned long long)limit.rlim_cur);
}

static void memory(struct lg_doctor *d)
{
    uint64_t bytes = lg_memory_limit_bytes();

    if (bytes != 0 && bytes < MEMORY_WANTED_BYTES)
        lg_doctor_find(d, LG_FINDING_WARN, "memory",
                       "%llu MiB for this control group; lower block_cache to a quarter of it",
                       (unsigned long long)(bytes >> 20));
    else
        lg_doctor_find(d, LG_FINDING_OK, "memory", "%llu MiB", (unsigned long long)(bytes >> 20));
}

static void disk_space(struct lg_doctor *d)
{
    struct statvfs fs;
    uint64_t total, available;

    if (statvfs(d->data, &fs) != 0 || fs.f_blocks == 0) {
        lg_doctor_find(d, LG_FINDING_FAIL, "disk", "%s cannot be looked at", d->data);
        return;
    }
    total = (uint64_t)fs.f_blocks * fs.f_frsize;
    available = (uint64_t)fs.f_bavail * fs.f_frsize;
    lg_doctor_find(
        d, available < total / 100 * DISK_FREE_PERCENT_WANTED ? LG_FINDING_WARN : LG_FINDING_OK,
        "disk", "%llu of %llu MiB are free%s", (unsigned long long)(available >> 20),
        (unsigned long long)(total >> 20),
        available < total / 100 * DISK_FREE_PERCENT_WANTED
            ? "; make room: pushes pause when it runs low"
            : "");
    if (fs.f_favail != 0 && fs.f_favail < fs.f_files / 100)
        lg_doctor_find(d, LG_FINDING_WARN, "inodes", "%llu are free",
                       (unsigned long long)fs.f_favail);
}

void lg_doctor_machine(struct lg_doctor *d)
{
    memory(d);
    open_files(d);
    if (d->data != NULL)
        disk_space(d);
}

/* --- The data directory. -----------------------------------------------------------------------
 */

static void closed(void *ctx)
{
    const struct lg_waiter *w = ctx;

    w->wake(w->ctx);
}

static void metadata(struct lg_doctor *d, struct lg_disk *disk)
{
    struct lg_metafile_options o = {.disk = disk, .dir = "meta", .lane = d->waiter.lane};
    struct lg_metafile *metafile = NULL;
    struct lg_error err;

    if (lg_metafile_open(&o, &metafile, &err) != LG_OK) {
        lg_doctor_find(d, LG_FINDING_FAIL, "metadata", "%s; restore a backup", err.text);
        return;
    }
    lg_doctor_find(d, LG_FINDING_OK, "metadata", "generation %llu, %zu bytes",
                   (unsigned long long)lg_metafile_generation(metafile),
                   lg_metafile_bytes(metafile));
    lg_metafile_close(metafile, closed, &d->waiter);
    d->waiter.wait(d->waiter.ctx);
}

/* Reads one partition to its end. */
static enum lg_rc read_partition(struct lg_doctor *d, struct lg_pubsub *log, const char *topic,
                                 uint32_t partition, uint64_t *records, struct lg_error *err)
{
    struct lg_pubsub_op op = {.kind = LG_PUBSUB_FETCH,
                              .topic = topic,
                              .partition = partition,
                              .position = lg_position_earliest(),
                              .max_bytes = FETCH_BYTES};
    bool more = true;
    enum lg_rc rc = LG_OK;

    while (rc == LG_OK && more) {
        size_t n = 0;

        rc = lg_wait_pubsub(&d->waiter, log, &op, err);
        more = rc == LG_OK && op.blob != NULL;
        if (more)
            rc = lg_batch_check(op.blob->bytes, &n, err);
        *records += n;
        lg_blob_unref(op.blob);
        op.blob = NULL;
    }
    return rc;
}

static bool read_topic(struct lg_doctor *d, struct lg_pubsub *log, const char *topic,
                       uint64_t *records)
{
    struct lg_pubsub_op describe = {.kind = LG_PUBSUB_DESCRIBE, .topic = topic};
    struct lg_error err;
    enum lg_rc rc = lg_wait_pubsub(&d->waiter, log, &describe, &err);
    bool good = rc == LG_OK;

    if (!good)
        lg_doctor_find(d, LG_FINDING_FAIL, "log", "topic %s: %s", topic, err.text);
    for (uint32_t p = 0; rc == LG_OK && p < describe.partitions; p++) {
        if (read_partition(d, log, topic, p, records, &err) == LG_OK)
            continue;
        good = false;
        lg_doctor_find(d, LG_FINDING_FAIL, "log",
                       "topic %s, partition %u: %s; replicas that are complete still serve: push "
                       "the version again, or restore a backup",
                       topic, p, err.text);
    }
    return good;
}

static void read_log(struct lg_doctor *d, struct lg_pubsub *log)
{
    struct lg_pubsub_op list = {.kind = LG_PUBSUB_LIST};
    struct lg_error err;
    uint64_t records = 0;
    size_t topics = 0;
    bool good = true;

    if (lg_wait_pubsub(&d->waiter, log, &list, &err) != LG_OK) {
        lg_doctor_find(d, LG_FINDING_FAIL, "log", "%s", err.text);
        return;
    }
    if (list.blob != NULL) {
        LG_AUTO_STR char *names =
            lg_strndup((const char *)list.blob->bytes.data, list.blob->bytes.size);

        for (char *rest = names, *name; (name = strsep(&rest, "\n")) != NULL && *name != '\0';) {
            good = read_topic(d, log, name, &records) && good;
            topics++;
        }
    }
    lg_blob_unref(list.blob);
    if (good)
        lg_doctor_find(d, LG_FINDING_OK, "log", "%zu topics, %llu records", topics,
                       (unsigned long long)records);
}

static void check_log(struct lg_doctor *d, struct lg_disk *disk)
{
    struct lg_seglog_options o = {.disk = disk, .dir = "log", .lane = d->waiter.lane};
    struct lg_seglog *log = NULL;
    struct lg_error err;

    if (lg_seglog_open(&o, &log, &err) != LG_OK) {
        lg_doctor_find(d, LG_FINDING_FAIL, "log", "%s; restore a backup", err.text);
        return;
    }
    read_log(d, lg_seglog_pubsub(log));
    lg_seglog_close(log, closed, &d->waiter);
    d->waiter.wait(d->waiter.ctx);
}

struct replicas {
    struct lg_doctor *d;
    struct lg_engine_driver *driver;
    size_t complete, loading, damaged;
    uint64_t rows;
};

static enum lg_rc count_row(void *ctx, struct lg_slice key, struct lg_slice value,
                            struct lg_error *err)
{
    (void)key;
    (void)value;
    (void)err;
    ++*(uint64_t *)ctx;
    return LG_OK;
}

static enum lg_rc read_replica(struct replicas *r, const char *path, uint64_t *rows,
                               struct lg_error *err)
{
    LG_AUTO(lg_engine) *engine = NULL;
    enum lg_rc rc = lg_engine_open(
        r->driver, &(struct lg_engine_options){.path = path, .complete = true}, &engine, err);

    return rc == LG_OK ? lg_engine_each(engine, count_row, rows, err) : rc;
}

static enum lg_rc check_replica(void *ctx, const char *topic, uint32_t partition,
                                const struct lg_checkpoint *c, struct lg_error *err)
{
    struct replicas *r = ctx;
    LG_AUTO_STR char *path = lg_strf("replicas/%s.%u", topic, partition);
    uint64_t rows = 0;
    struct lg_error why;

    (void)err;
    if (!c->end_of_push) {
        r->loading++;
        return LG_OK;
    }
    if (read_replica(r, path, &rows, &why) != LG_OK)
        lg_doctor_find(r->d, LG_FINDING_FAIL, "replicas",
                       "%s: %s; remove DIR/store/%s while lagoon is stopped: it is read from the "
                       "log again",
                       path, why.text, path);
    else if (!c->chunked && rows != c->records)
        lg_doctor_find(r->d, LG_FINDING_FAIL, "replicas",
                       "%s holds %llu rows, and its checkpoint says %llu; remove DIR/store/%s "
                       "while lagoon is stopped: it is read from the log again",
                       path, (unsigned long long)rows, (unsigned long long)c->records, path);
    else {
        r->complete++;
        r->rows += rows;
        return LG_OK;
    }
    r->damaged++;
    return LG_OK;
}

/* A directory without the file gets one at its next start. */
static void check_identity(struct lg_doctor *d, struct lg_disk *disk)
{
    struct lg_identity *identity = NULL;
    struct lg_error err;

    if (lg_identity_open(&(struct lg_identity_options){.lane = d->waiter.lane, .disk = disk},
                         &identity, &err) != LG_OK)
        lg_doctor_find(d, LG_FINDING_FAIL, "identity",
                       "%s; remove DIR/store/" LG_IDENTITY_FILE
                       " while lagoon is stopped: it is made anew",
                       err.text);
    lg_identity_free(identity);
}

static void check_replicas(struct lg_doctor *d)
{
    LG_AUTO_STR char *root = lg_strf("%s/store", d->data);
    struct lg_checkpoint_store *checkpoints = NULL;
    struct replicas r = {.d = d};
    struct lg_disk *disk = NULL;
    struct lg_error err;
    enum lg_rc rc = lg_disk_posix_new(root, &disk, &err);

    if (rc == LG_OK) {
        check_identity(d, disk);
        r.driver = lg_rocksdb_new(&(struct lg_rocksdb_options){
            .disk = disk, .root = root, .block_cache_bytes = CACHE_BYTES});
        rc = lg_checkpoint_store_open(r.driver, "checkpoints", &checkpoints, &err);
    }
    if (rc == LG_OK)
        rc = lg_checkpoint_each(checkpoints, check_replica, &r, &err);
    if (rc != LG_OK)
        lg_doctor_find(d, LG_FINDING_FAIL, "replicas",
                       "%s; remove DIR/store while lagoon is stopped: it is read from the log "
                       "again",
                       err.text);
    else if (r.damaged == 0)
        lg_doctor_find(d, LG_FINDING_OK, "replicas", "%zu complete with %llu rows, %zu loading",
                       r.complete, (unsigned long long)r.rows, r.loading);
    lg_checkpoint_store_close(checkpoints);
    lg_rocksdb_free(r.driver);
    lg_disk_posix_free(disk);
}

void lg_doctor_data(struct lg_doctor *d, struct lg_disk *disk)
{
    metadata(d, disk);
    check_log(d, disk);
    check_replicas(d);
}
