/* Taking a backup, and what taking and reading share. */
#include "admin/backup.h"

#include "admin/backup_impl.h"
#include "base/str.h"
#include "base/vec.h"
#include "lane/fault.h"
#include "pubsub/batch.h"

#define FETCH_BYTES ((size_t)4 << 20)
#define ASSIGNMENT "/assignment/"

/* --- Shared. ------------------------------------------------------------------------------------
 */

void lg_backup_digest_init(struct lg_backup_digest *d)
{
    *d = (struct lg_backup_digest){0};
    lg_md5_init(&d->md5);
}

void lg_backup_digest_add(struct lg_backup_digest *d, struct lg_slice bytes)
{
    lg_md5_update(&d->md5, bytes.data, bytes.size);
    d->bytes += bytes.size;
}

struct lg_json *lg_backup_digest_json(struct lg_backup_digest *d)
{
    struct lg_json *json = lg_json_new_object();
    LG_SCOPED(lg_buf) hex = {0};
    uint8_t md5[16];

    lg_md5_final(&d->md5, md5);
    lg_hex_encode(&hex, lg_slice(md5, sizeof md5));
    lg_json_set_int(json, "bytes", (int64_t)d->bytes);
    lg_json_set_int(json, "records", (int64_t)d->records);
    lg_json_set(json, "md5", lg_json_new_string(lg_buf_slice(&hex)));
    return json;
}

char *lg_backup_log_path(const char *topic, uint32_t partition)
{
    return lg_strf("log/%s.%u", topic, partition);
}

void lg_backup_tell(const struct lg_backup_world *w, const char *what, uint64_t done,
                    uint64_t total)
{
    if (w->progress != NULL)
        w->progress(w->waiter.ctx, what, done, total);
}

/* --- One partition of a topic. ------------------------------------------------------------------
 */

struct part { /* A file being written. */
    const struct lg_backup_world *w;
    const char *topic;
    uint32_t partition;
    struct lg_position end; /* the last record that belongs to the backup */
    struct lg_file *file;
    struct lg_backup_digest digest;
    struct lg_buf bytes; /* of one fetch, without positions */
};

/* A backup must not fill the disk: RocksDB ends the process that it is taken of, if both share it.
 */
static enum lg_rc check_room(const struct lg_backup_world *w, size_t bytes, struct lg_error *err)
{
    uint64_t there = 0;
    enum lg_rc rc = lg_disk_free_bytes(w->disk, &there, err);

    if (rc != LG_OK || there >= bytes + LG_BACKUP_SPARE_BYTES)
        return rc;
    return lg_error_set(err, LG_ERR_NO_SPACE,
                        "the disk of %s has %llu MiB left, and a backup leaves %llu MiB free: "
                        "free some space or choose a folder on another disk",
                        w->name, (unsigned long long)(there >> 20),
                        (unsigned long long)(LG_BACKUP_SPARE_BYTES >> 20));
}

/* Takes the records up to the end; `*out_whole` says that it was among them. */
static enum lg_rc take_batch(struct part *p, const struct lg_blob *batch, bool *out_whole,
                             struct lg_error *err)
{
    struct lg_batch_reader reader = lg_batch_read(batch->bytes);
    struct lg_pubsub_record record;
    uint64_t at = p->digest.bytes;
    bool end = false;
    enum lg_rc rc;

    lg_buf_clear(&p->bytes);
    while ((rc = lg_batch_next(&reader, &record, &end, err)) == LG_OK && !end && !*out_whole) {
        *out_whole = lg_pubsub_compare(p->w->log, &record.position, &p->end) >= 0;
        record.position = (struct lg_position){0};
        lg_batch_add(&p->bytes, &record);
        p->digest.records++;
    }
    if (rc != LG_OK)
        return rc;
    lg_backup_digest_add(&p->digest, lg_buf_slice(&p->bytes));
    rc = check_room(p->w, p->bytes.size, err);
    if (rc != LG_OK)
        return rc;
    return lg_file_write(p->file, at, p->bytes.data, p->bytes.size, err);
}

static enum lg_rc copy_records(struct part *p, struct lg_error *err)
{
    struct lg_pubsub_op op = {.kind = LG_PUBSUB_FETCH,
                              .topic = p->topic,
                              .partition = p->partition,
                              .position = lg_position_earliest(),
                              .max_bytes = FETCH_BYTES};
    bool whole = lg_position_is_earliest(&p->end);
    enum lg_rc rc = LG_OK;

    while (rc == LG_OK && !whole) {
        rc = lg_wait_pubsub(&p->w->waiter, p->w->log, &op, err);
        if (rc == LG_OK && op.blob == NULL)
            rc = lg_error_set(err, LG_ERR_CORRUPT, "the log ends before its end");
        if (rc == LG_OK)
            rc = take_batch(p, op.blob, &whole, err);
        lg_blob_unref(op.blob);
        op.blob = NULL;
    }
    return rc;
}

static enum lg_rc copy_partition(const struct lg_backup_world *w, const char *topic,
                                 uint32_t partition, struct lg_json **out, struct lg_error *err)
{
    struct part p = {.w = w, .topic = topic, .partition = partition};
    LG_AUTO_STR char *path = lg_backup_log_path(topic, partition);
    struct lg_pubsub_op end = {.kind = LG_PUBSUB_END, .topic = topic, .partition = partition};
    enum lg_rc rc = lg_wait_pubsub(&w->waiter, w->log, &end, err);

    lg_backup_digest_init(&p.digest);
    p.end = end.position;
    if (rc == LG_OK)
        rc = lg_file_open(w->disk, path, LG_DISK_WRITE | LG_DISK_CREATE | LG_DISK_TRUNCATE, &p.file,
                          err);
    if (rc == LG_OK)
        rc = copy_records(&p, err);
    if (rc == LG_OK)
        rc = lg_file_sync(p.file, err);
    lg_file_close(p.file);
    lg_buf_done(&p.bytes);
    if (rc != LG_OK)
        return lg_error_wrap(err, "partition %u of %s", partition, topic);
    *out = lg_backup_digest_json(&p.digest);
    return LG_OK;
}

/* --- Everything. --------------------------------------------------------------------------------
 */

/* {"name":…,"partitions":[{bytes, records, md5},…]} */
static enum lg_rc copy_topic(const struct lg_backup_world *w, const char *topic,
                             struct lg_backup_summary *sum, struct lg_json **out,
                             struct lg_error *err)
{
    struct lg_pubsub_op describe = {.kind = LG_PUBSUB_DESCRIBE, .topic = topic};
    LG_AUTO(lg_json) *json = lg_json_new_object();
    struct lg_json *parts = lg_json_new_array();
    enum lg_rc rc = lg_wait_pubsub(&w->waiter, w->log, &describe, err);

    lg_json_set_str(json, "name", topic);
    lg_json_set(json, "partitions", parts);
    for (uint32_t p = 0; rc == LG_OK && p < describe.partitions; p++) {
        struct lg_json *part = NULL;

        rc = copy_partition(w, topic, p, &part, err);
        if (rc != LG_OK)
            break;
        sum->bytes += (uint64_t)lg_json_get_int(part, "bytes", 0);
        sum->records += (uint64_t)lg_json_get_int(part, "records", 0);
        sum->partitions++;
        lg_json_push(parts, part);
    }
    if (rc == LG_ERR_NOT_FOUND)
        return lg_error_set(err, LG_ERR_BUSY,
                            "version %s was retired while the backup was taken; take it again",
                            topic);
    if (rc != LG_OK)
        return rc;
    sum->topics++;
    *out = LG_TAKE(json);
    return LG_OK;
}

/* The topics of all versions: each has an assignment. */
static enum lg_rc copy_topics(const struct lg_backup_world *w, const struct lg_json *nodes,
                              struct lg_backup_summary *sum, struct lg_json *topics,
                              struct lg_error *err)
{
    size_t n = lg_json_size(nodes);
    enum lg_rc rc = LG_OK;

    for (size_t i = 0; rc == LG_OK && i < n; i++) {
        const char *path = lg_json_get_str(lg_json_at(nodes, i), "path", "");
        struct lg_json *topic = NULL;

        lg_backup_tell(w, "copying", i, n);
        if (strncmp(path, ASSIGNMENT, strlen(ASSIGNMENT)) != 0)
            continue;
        rc = copy_topic(w, path + strlen(ASSIGNMENT), sum, &topic, err);
        if (rc == LG_OK)
            lg_json_push(topics, topic);
    }
    lg_backup_tell(w, "copying", n, n);
    return rc;
}

static enum lg_rc write_metadata(const struct lg_backup_world *w, const struct lg_json *nodes,
                                 struct lg_json *manifest, struct lg_error *err)
{
    struct lg_backup_digest digest;
    LG_SCOPED(lg_buf) text = {0};

    lg_json_write(&text, nodes, /* pretty= */ false);
    lg_backup_digest_init(&digest);
    lg_backup_digest_add(&digest, lg_buf_slice(&text));
    digest.records = lg_json_size(nodes);
    lg_json_set(manifest, "metadata", lg_backup_digest_json(&digest));
    return lg_disk_write_file(w->disk, LG_BACKUP_METADATA, lg_buf_slice(&text), err);
}

static enum lg_rc begin(const struct lg_backup_world *w, struct lg_error *err)
{
    enum lg_rc rc = lg_disk_remove(w->disk, LG_BACKUP_MANIFEST, err);

    if (rc == LG_OK)
        rc = lg_disk_remove_tree(w->disk, "log", err);
    if (rc == LG_OK)
        rc = lg_disk_make_dirs(w->disk, "log", err);
    return rc;
}

/* Gives back the room that an unfinished backup takes. */
static void drop(const struct lg_backup_world *w)
{
    struct lg_error ignored;

    (void)!lg_disk_remove_tree(w->disk, "log", &ignored);
    (void)!lg_disk_remove(w->disk, LG_BACKUP_METADATA, &ignored);
}

enum lg_rc lg_backup_write(const struct lg_backup_world *w, const struct lg_json *metadata,
                           struct lg_backup_summary *out, struct lg_error *err)
{
    const struct lg_json *nodes = lg_json_get(metadata, "nodes");
    LG_AUTO(lg_json) *manifest = lg_json_new_object();
    struct lg_backup_summary sum = {.taken_ms = lg_json_get_int(metadata, "takenTime", 0),
                                    .nodes = lg_json_size(nodes)};
    struct lg_json *topics = lg_json_new_array();
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc = begin(w, err);

    lg_json_set_str(manifest, "format", LG_BACKUP_FORMAT);
    lg_json_set_str(manifest, "lagoon", LAGOON_VERSION);
    lg_json_set_int(manifest, "takenTime", sum.taken_ms);
    lg_json_set(manifest, "topics", topics);
    if (rc == LG_OK)
        rc = write_metadata(w, nodes, manifest, err);
    if (rc == LG_OK)
        rc = copy_topics(w, nodes, &sum, topics, err);
    if (rc == LG_OK)
        rc = lg_disk_sync_dir(w->disk, "log", err);
    if (rc == LG_OK)
        rc = lg_fault_check(LG_FAULT_BACKUP_COPIED, err);
    if (rc == LG_OK) {
        lg_json_write(&text, manifest, /* pretty= */ true);
        lg_buf_append_byte(&text, '\n');
        rc = lg_disk_write_file(w->disk, LG_BACKUP_MANIFEST, lg_buf_slice(&text), err);
    }
    if (rc == LG_OK)
        *out = sum;
    else if (rc == LG_ERR_NO_SPACE)
        drop(w);
    return rc;
}
