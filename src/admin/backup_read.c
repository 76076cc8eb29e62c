/* Checking and restoring a backup. */
#include "admin/backup.h"
#include "admin/backup_impl.h"
#include "base/str.h"
#include "pubsub/batch.h"

#define READ_BYTES ((size_t)1 << 20)
#define PRODUCE_BYTES ((size_t)4 << 20)

/* --- The manifest. ------------------------------------------------------------------------------
 */

static enum lg_rc read_manifest(const struct lg_backup_world *w, struct lg_json **out,
                                struct lg_error *err)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error why;
    enum lg_rc rc =
        lg_disk_read_file(w->disk, LG_BACKUP_MANIFEST, LG_BACKUP_MANIFEST_BYTES_MAX, &text, err);

    if (rc == LG_ERR_NOT_FOUND)
        return lg_error_set(err, rc,
                            "%s has no " LG_BACKUP_MANIFEST ": it is no backup, or one that was "
                            "not finished",
                            w->name);
    if (rc == LG_OK && lg_json_parse(lg_buf_slice(&text), &json, &why) != LG_OK)
        rc = lg_error_set(err, LG_ERR_CORRUPT, "%s/" LG_BACKUP_MANIFEST " is damaged: %s", w->name,
                          why.text);
    if (rc != LG_OK)
        return rc;
    if (strcmp(lg_json_get_str(json, "format", ""), LG_BACKUP_FORMAT) != 0)
        return lg_error_set(err, LG_ERR_UNSUPPORTED,
                            "%s is of format '%s', and this program reads '" LG_BACKUP_FORMAT "'",
                            w->name, lg_json_get_str(json, "format", ""));
    *out = LG_TAKE(json);
    return LG_OK;
}

/* --- One file. ----------------------------------------------------------------------------------
 */

/* Compares what was read with what the manifest says. */
static enum lg_rc compare(const struct lg_backup_world *w, const char *path,
                          struct lg_backup_digest *digest, const struct lg_json *want,
                          struct lg_error *err)
{
    LG_AUTO(lg_json) *got = lg_backup_digest_json(digest);
    static const char *const members[] = {"bytes", "records", "md5"};

    for (size_t i = 0; i < LG_ARRAY_SIZE(members); i++)
        if (!lg_json_equal(lg_json_get(got, members[i]), lg_json_get(want, members[i])))
            return lg_error_set(err, LG_ERR_CORRUPT,
                                "%s/%s is damaged: its %s are not those of " LG_BACKUP_MANIFEST,
                                w->name, path, members[i]);
    return LG_OK;
}

struct records { /* A file of batches, read in order. */
    const struct lg_backup_world *w;
    const char *path;
    struct lg_file *file;
    struct lg_backup_digest digest;
    struct lg_buf bytes; /* read and not yet taken */
    bool ended;
};

static enum lg_rc read_more(struct records *r, struct lg_error *err)
{
    size_t got = 0;
    uint8_t *room = lg_buf_reserve(&r->bytes, READ_BYTES);
    enum lg_rc rc = lg_file_read(r->file, r->digest.bytes, room, READ_BYTES, &got, err);

    if (rc != LG_OK)
        return rc;
    lg_backup_digest_add(&r->digest, lg_slice(room, got));
    lg_buf_commit(&r->bytes, got);
    r->ended = got < READ_BYTES;
    return LG_OK;
}

/* Whole records at the beginning of the bytes that were read: how many bytes they are. */
static size_t whole_records(struct records *r, size_t limit)
{
    struct lg_batch_reader reader = lg_batch_read(lg_buf_slice(&r->bytes));
    struct lg_pubsub_record record;
    struct lg_error not_yet_whole;
    size_t taken = 0;
    bool end = false;

    while (taken < limit && lg_batch_next(&reader, &record, &end, &not_yet_whole) == LG_OK &&
           !end) {
        taken = r->bytes.size - reader.rest.size;
        r->digest.records++;
    }
    return taken;
}

/* Reads all records, and gives them to the log if there is `to`. */
static enum lg_rc read_records(struct records *r, struct lg_pubsub_op *to, struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    while (rc == LG_OK && !(r->ended && r->bytes.size == 0)) {
        size_t taken;

        if (!r->ended && r->bytes.size < PRODUCE_BYTES) {
            rc = read_more(r, err);
            continue;
        }
        taken = whole_records(r, PRODUCE_BYTES);
        if (taken == 0 && !r->ended && r->bytes.size < LG_BATCH_BYTES_MAX) {
            rc = read_more(r, err); /* One record that is larger than what was read. */
            continue;
        }
        if (taken == 0)
            return lg_error_set(err, LG_ERR_CORRUPT,
                                "%s/%s is damaged: there is no record at byte %llu", r->w->name,
                                r->path, (unsigned long long)(r->digest.bytes - r->bytes.size));
        if (to != NULL) {
            to->blob = lg_blob_new(lg_slice(r->bytes.data, taken));
            rc = lg_wait_pubsub(&r->w->waiter, r->w->log, to, err);
            lg_blob_unref(to->blob);
        }
        lg_buf_consume(&r->bytes, taken);
    }
    return rc;
}

static enum lg_rc read_partition(const struct lg_backup_world *w, const char *topic,
                                 uint32_t partition, const struct lg_json *want,
                                 struct lg_pubsub_op *to, struct lg_error *err)
{
    LG_AUTO_STR char *path = lg_backup_log_path(topic, partition);
    struct records r = {.w = w, .path = path};
    enum lg_rc rc = lg_file_open(w->disk, path, LG_DISK_READ, &r.file, err);

    if (rc == LG_ERR_NOT_FOUND)
        return lg_error_set(err, LG_ERR_CORRUPT, "%s/%s is missing", w->name, path);
    lg_backup_digest_init(&r.digest);
    if (rc == LG_OK)
        rc = read_records(&r, to, err);
    if (rc == LG_OK)
        rc = compare(w, path, &r.digest, want, err);
    lg_file_close(r.file);
    lg_buf_done(&r.bytes);
    return rc;
}

/* --- All files. ---------------------------------------------------------------------------------
 */

static enum lg_rc read_metadata(const struct lg_backup_world *w, const struct lg_json *manifest,
                                struct lg_json **out, struct lg_error *err)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *nodes = NULL;
    struct lg_backup_digest digest;
    enum lg_rc rc =
        lg_disk_read_file(w->disk, LG_BACKUP_METADATA, LG_BACKUP_METADATA_BYTES_MAX, &text, err);

    if (rc == LG_ERR_NOT_FOUND)
        return lg_error_set(err, LG_ERR_CORRUPT, "%s/" LG_BACKUP_METADATA " is missing", w->name);
    if (rc != LG_OK)
        return rc;
    lg_backup_digest_init(&digest);
    lg_backup_digest_add(&digest, lg_buf_slice(&text));
    if (lg_json_parse(lg_buf_slice(&text), &nodes, err) == LG_OK)
        digest.records = lg_json_size(nodes);
    rc = compare(w, LG_BACKUP_METADATA, &digest, lg_json_get(manifest, "metadata"), err);
    if (rc == LG_OK)
        *out = LG_TAKE(nodes);
    return rc;
}

static enum lg_rc read_topic(const struct lg_backup_world *w, const struct lg_json *topic,
                             bool restore, struct lg_backup_summary *sum, struct lg_error *err)
{
    const char *name = lg_json_get_str(topic, "name", "");
    const struct lg_json *parts = lg_json_get(topic, "partitions");
    uint32_t n = (uint32_t)LG_MIN(lg_json_size(parts), (size_t)LG_TOPIC_PARTITIONS_MAX);
    struct lg_pubsub_op op = {.kind = LG_PUBSUB_CREATE, .topic = name, .partitions = n};
    enum lg_rc rc = restore ? lg_wait_pubsub(&w->waiter, w->log, &op, err) : LG_OK;

    for (uint32_t p = 0; rc == LG_OK && p < n; p++) {
        const struct lg_json *part = lg_json_at(parts, p);

        op = (struct lg_pubsub_op){.kind = LG_PUBSUB_PRODUCE, .topic = name, .partition = p};
        rc = read_partition(w, name, p, part, restore ? &op : NULL, err);
        sum->bytes += (uint64_t)lg_json_get_int(part, "bytes", 0);
        sum->records += (uint64_t)lg_json_get_int(part, "records", 0);
        sum->partitions++;
    }
    sum->topics++;
    return rc;
}

static enum lg_rc read_topics(const struct lg_backup_world *w, const struct lg_json *manifest,
                              bool restore, struct lg_backup_summary *sum, struct lg_error *err)
{
    const struct lg_json *topics = lg_json_get(manifest, "topics");
    size_t n = lg_json_size(topics);
    enum lg_rc rc = LG_OK;

    for (size_t i = 0; rc == LG_OK && i < n; i++) {
        lg_backup_tell(w, restore ? "restoring" : "checking", i, n);
        rc = read_topic(w, lg_json_at(topics, i), restore, sum, err);
    }
    lg_backup_tell(w, restore ? "restoring" : "checking", n, n);
    return rc;
}

/* Everything; into the log if `restore`. */
static enum lg_rc read_all(const struct lg_backup_world *w, bool restore,
                           struct lg_json **out_nodes, struct lg_backup_summary *sum,
                           struct lg_error *err)
{
    LG_AUTO(lg_json) *manifest = NULL;
    enum lg_rc rc = read_manifest(w, &manifest, err);

    if (rc == LG_OK)
        rc = read_metadata(w, manifest, out_nodes, err);
    if (rc == LG_OK)
        rc = read_topics(w, manifest, restore, sum, err);
    if (rc == LG_OK) {
        sum->taken_ms = lg_json_get_int(manifest, "takenTime", 0);
        sum->nodes = lg_json_size(*out_nodes);
    }
    return rc;
}

enum lg_rc lg_backup_check(const struct lg_backup_world *w, struct lg_backup_summary *out,
                           struct lg_error *err)
{
    LG_AUTO(lg_json) *nodes = NULL;
    struct lg_backup_summary sum = {0};
    enum lg_rc rc = read_all(w, /* restore= */ false, &nodes, &sum, err);

    if (rc == LG_OK)
        *out = sum;
    return rc;
}

/* --- Restoring. ---------------------------------------------------------------------------------
 */

static enum lg_rc restore_nodes(const struct lg_backup_world *w, const struct lg_json *nodes,
                                struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    for (size_t i = 0; rc == LG_OK && i < lg_json_size(nodes); i++) {
        const struct lg_json *node = lg_json_at(nodes, i);
        struct lg_meta_change change = {.kind = LG_META_CREATE,
                                        .path = lg_json_get_str(node, "path", ""),
                                        .value = lg_json_string(lg_json_get(node, "value"))};
        struct lg_meta_op op = {.kind = LG_META_WRITE, .changes = &change, .change_count = 1};

        rc = lg_wait_metastore(&w->waiter, w->store, &op, err);
    }
    return rc;
}

enum lg_rc lg_backup_restore(const struct lg_backup_world *w, struct lg_backup_summary *out,
                             struct lg_error *err)
{
    LG_AUTO(lg_json) *nodes = NULL;
    struct lg_backup_summary sum = {0};
    enum lg_rc rc = read_all(w, /* restore= */ true, &nodes, &sum, err);

    if (rc == LG_OK)
        rc = restore_nodes(w, nodes, err);
    if (rc == LG_OK)
        *out = sum;
    return rc;
}
