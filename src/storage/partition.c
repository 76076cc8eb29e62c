/* One partition replica; see the header for the order of things. Owner: its ingestion task. */
#include "storage/partition.h"

#include "base/str.h"
#include "lane/fault.h"
#include "lane/mutant.h"
#include "record/chunk.h"
#include "storage/bulk_load.h"

struct lg_partition {
    struct lg_engine_driver *driver;
    struct lg_checkpoint_store *checkpoints;
    char *topic, *name, *path; /* name: "<topic>/<partition>", for sentences. */
    uint32_t partition;
    uint64_t sync_bytes, file_bytes;
    struct lg_engine *engine;
    struct lg_bulk_load *loader; /* Of a sorted push under way. */
    struct lg_checkpoint saved;
    bool started;
    struct lg_partition_shape shape; /* Its dictionary is `dictionary`. */
    struct lg_buf dictionary;
    bool failed; /* Its memory may be past what is stored: never checkpointed again. */
    uint64_t records, bytes, unsynced_bytes;
    struct lg_buf value; /* Header and payload of the put under way. */
    char *wiped;
};

/* Below the driver's root. One level for all replicas: a removed one leaves no empty folder. */
static char *path_of(const char *topic, uint32_t partition)
{
    return lg_strf("replicas/%s.%u", topic, partition);
}

static enum lg_rc open_engine(struct lg_partition *p, struct lg_error *err)
{
    struct lg_engine_options o = {.path = p->path, .complete = p->saved.end_of_push};

    return lg_engine_open(p->driver, &o, &p->engine, err);
}

static enum lg_rc open_loader(struct lg_partition *p, struct lg_error *err)
{
    struct lg_bulk_load_options o = {
        .engine = p->engine, .files = p->saved.files, .file_bytes = p->file_bytes};

    return lg_bulk_load_open(&o, &p->loader, err);
}

static enum lg_rc open_where_left(struct lg_partition *p, struct lg_error *err)
{
    enum lg_rc rc = open_engine(p, err);

    if (rc == LG_OK && p->saved.started && p->saved.sorted && !p->saved.end_of_push)
        rc = open_loader(p, err);
    return rc;
}

/* A checkpoint exists before the first file does, so that no file is ever without one. */
static enum lg_rc begin_anew(struct lg_partition *p, struct lg_error *err)
{
    enum lg_rc rc;

    lg_checkpoint_done(&p->saved);
    lg_checkpoint_init(&p->saved);
    rc = lg_checkpoint_save(p->checkpoints, p->topic, p->partition, &p->saved, err);
    return rc != LG_OK ? rc : open_engine(p, err);
}

static enum lg_rc wipe(struct lg_partition *p, struct lg_error *err)
{
    enum lg_rc rc;

    lg_bulk_load_close(LG_TAKE(p->loader));
    lg_engine_close(LG_TAKE(p->engine));
    rc = lg_partition_destroy(p->driver, p->checkpoints, p->topic, p->partition, err);
    return rc != LG_OK ? rc : begin_anew(p, err);
}

static enum lg_rc open_saved(struct lg_partition *p, struct lg_error *err)
{
    enum lg_rc rc = lg_checkpoint_load(p->checkpoints, p->topic, p->partition, &p->saved, err);

    if (rc == LG_ERR_NOT_FOUND)
        return begin_anew(p, err);
    if (rc == LG_OK && p->saved.removing)
        return wipe(p, err);
    return rc != LG_OK ? rc : open_where_left(p, err);
}

static enum lg_rc open_or_wipe(struct lg_partition *p, struct lg_error *err)
{
    struct lg_error why = {0};
    enum lg_rc rc = open_saved(p, &why);

    if (rc == LG_OK)
        return LG_OK;
    if (rc != LG_ERR_CORRUPT && rc != LG_ERR_NOT_FOUND)
        return lg_error_set(err, rc, "%s", why.text);
    p->wiped = lg_strdup(why.text);
    return wipe(p, err);
}

enum lg_rc lg_partition_open(const struct lg_partition_options *o, struct lg_partition **out,
                             struct lg_error *err)
{
    LG_AUTO(lg_partition) *p = lg_new(struct lg_partition);
    struct lg_error local = {0};
    enum lg_rc rc;

    p->driver = o->driver;
    p->checkpoints = o->checkpoints;
    p->topic = lg_strdup(o->topic);
    p->partition = o->partition;
    p->name = lg_strf("%s/%u", o->topic, o->partition);
    p->path = path_of(o->topic, o->partition);
    p->sync_bytes = o->sync_bytes == 0 ? LG_PARTITION_SYNC_BYTES : o->sync_bytes;
    p->file_bytes = o->file_bytes;
    lg_checkpoint_init(&p->saved);
    rc = open_or_wipe(p, &local);
    if (rc != LG_OK)
        return lg_error_set(err, rc, "replica %s: %s", p->name, local.text);
    p->started = p->saved.started;
    if (!lg_mutant(LG_MUTANT_dictionary_lost))
        lg_buf_append_slice(&p->dictionary, lg_buf_slice(&p->saved.dictionary));
    lg_buf_done(&p->saved.dictionary); /* Once is enough. */
    p->shape = (struct lg_partition_shape){.sorted = p->saved.sorted,
                                           .chunked = p->saved.chunked,
                                           .compression = p->saved.compression,
                                           .dictionary = lg_buf_slice(&p->dictionary)};
    p->records = p->saved.records;
    p->bytes = p->saved.bytes;
    *out = LG_TAKE(p);
    return LG_OK;
}

void lg_partition_close(struct lg_partition *p)
{
    if (p == NULL)
        return;
    lg_bulk_load_close(p->loader);
    lg_engine_close(p->engine);
    lg_checkpoint_done(&p->saved);
    lg_buf_done(&p->value);
    lg_buf_done(&p->dictionary);
    lg_free(p->wiped);
    lg_free(p->topic);
    lg_free(p->name);
    lg_free(p->path);
    lg_free(p);
}

/* The checkpoint says first that the replica goes: a removal that stops half-way must not look like
 * content, and whoever lists checkpoints can finish it. */
enum lg_rc lg_partition_destroy(struct lg_engine_driver *driver,
                                struct lg_checkpoint_store *checkpoints, const char *topic,
                                uint32_t partition, struct lg_error *err)
{
    struct lg_checkpoint removing = {.position = lg_position_earliest(), .removing = true};
    LG_AUTO_STR char *path = path_of(topic, partition);
    enum lg_rc rc = lg_checkpoint_save(checkpoints, topic, partition, &removing, err);

    if (rc == LG_OK)
        rc = lg_engine_destroy(driver, path, err);
    return rc != LG_OK ? rc : lg_checkpoint_remove(checkpoints, topic, partition, err);
}

const struct lg_checkpoint *lg_partition_checkpoint(const struct lg_partition *p)
{
    return &p->saved;
}

const char *lg_partition_wiped(const struct lg_partition *p)
{
    return p->wiped;
}

struct lg_engine *lg_partition_engine(struct lg_partition *p)
{
    return p->engine;
}

uint64_t lg_partition_records(const struct lg_partition *p)
{
    return p->records;
}

uint64_t lg_partition_bytes(const struct lg_partition *p)
{
    return p->bytes;
}

bool lg_partition_started(const struct lg_partition *p)
{
    return p->started;
}

struct lg_partition_shape lg_partition_shape(const struct lg_partition *p)
{
    return p->shape;
}

bool lg_partition_wants_sync(const struct lg_partition *p)
{
    return p->unsynced_bytes >= p->sync_bytes;
}

/* May rows still come? */
static enum lg_rc check_open(const struct lg_partition *p, struct lg_error *err)
{
    if (p->failed)
        return lg_error_set(err, LG_ERR_IO, "replica %s failed before; open it again", p->name);
    if (p->saved.end_of_push)
        return lg_error_set(err, LG_ERR_BAD_DATA, "replica %s: data after END_OF_PUSH", p->name);
    if (!p->started)
        return lg_error_set(err, LG_ERR_BAD_DATA, "replica %s: data before START_OF_PUSH", p->name);
    return LG_OK;
}

static enum lg_rc settle(struct lg_partition *p, enum lg_rc rc, struct lg_error *err)
{
    struct lg_error inner;

    if (rc == LG_OK)
        return rc;
    p->failed = true;
    if (err == NULL)
        return rc;
    inner = *err;
    return lg_error_set(err, rc, "replica %s: %s", p->name, inner.text);
}

/* What two words on one version contradict each other in, or NULL. */
static const char *contradiction(const struct lg_partition_shape *a,
                                 const struct lg_partition_shape *b)
{
    if (a->sorted != b->sorted)
        return "sorted";
    if (a->chunked != b->chunked)
        return "chunked";
    if (a->compression != b->compression)
        return "compression";
    return lg_slice_eq(a->dictionary, b->dictionary) ? NULL : "dictionary";
}

enum lg_rc lg_partition_start(struct lg_partition *p, const struct lg_partition_shape *shape,
                              struct lg_error *err)
{
    const char *why = p->started ? contradiction(&p->shape, shape) : NULL;

    if (why != NULL)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "replica %s: a second START_OF_PUSH contradicts the first (%s)",
                            p->name, why);
    if (p->started)
        return LG_OK;
    p->started = true;
    lg_buf_append_slice(&p->dictionary, shape->dictionary);
    p->shape = *shape;
    p->shape.dictionary = lg_buf_slice(&p->dictionary);
    return shape->sorted ? settle(p, open_loader(p, err), err) : LG_OK;
}

enum lg_rc lg_partition_put(struct lg_partition *p, struct lg_slice key, int32_t schema_id,
                            struct lg_slice payload, struct lg_error *err)
{
    enum lg_rc rc = check_open(p, err);
    struct lg_slice value;

    if (rc != LG_OK)
        return rc;
    lg_buf_clear(&p->value);
    lg_buf_append_u32be(&p->value, (uint32_t)schema_id);
    lg_buf_append_slice(&p->value, payload);
    if (!lg_buf_ok(&p->value))
        return lg_error_set(err, LG_ERR_TOO_LARGE, "replica %s: a value of %zu bytes", p->name,
                            payload.size);
    value = lg_buf_slice(&p->value);
    rc = p->shape.sorted ? lg_bulk_load_add(p->loader, key, value, err)
                         : lg_engine_put(p->engine, key, value, err);
    if (rc != LG_OK)
        return settle(p, rc, err);
    p->records += schema_id != LG_SCHEMA_ID_CHUNK;
    p->bytes += key.size + value.size;
    p->unsynced_bytes += key.size + value.size;
    return LG_OK;
}

enum lg_rc lg_partition_remove(struct lg_partition *p, struct lg_slice key, struct lg_error *err)
{
    enum lg_rc rc = check_open(p, err);

    if (rc != LG_OK)
        return rc;
    if (p->shape.sorted)
        return settle(p,
                      lg_error_set(err, LG_ERR_BAD_DATA,
                                   "a DELETE in a push that says it is sorted; push again without "
                                   "it, or unsorted"),
                      err);
    p->unsynced_bytes += key.size;
    return settle(p, lg_engine_remove(p->engine, key, err), err);
}

/* An "exit" point armed from the environment does not return from this. */
static enum lg_rc pass(enum lg_fault fault, struct lg_error *err)
{
    return lg_fault_check(fault, err);
}

static enum lg_rc save(struct lg_partition *p, const struct lg_position *position,
                       struct lg_slice integrity, bool end_of_push, struct lg_error *err)
{
    struct lg_checkpoint c = {.position = *position,
                              .started = p->started,
                              .sorted = p->shape.sorted,
                              .chunked = p->shape.chunked,
                              .compression = p->shape.compression,
                              .end_of_push = end_of_push,
                              .records = p->records,
                              .bytes = p->bytes};
    enum lg_rc rc;

    if (p->loader != NULL && !end_of_push)
        c.files = lg_bulk_load_files(p->loader);
    lg_buf_append_slice(&c.integrity, integrity);
    lg_buf_append_slice(&c.dictionary, p->shape.dictionary);
    rc = lg_checkpoint_save(p->checkpoints, p->topic, p->partition, &c, err);
    if (rc != LG_OK) {
        lg_checkpoint_done(&c);
        return rc;
    }
    lg_checkpoint_done(&p->saved);
    lg_buf_done(&c.dictionary);
    p->saved = c;
    p->unsynced_bytes = 0;
    return LG_OK;
}

static enum lg_rc flush(struct lg_partition *p, struct lg_error *err)
{
    if (lg_mutant(LG_MUTANT_checkpoint_before_flush))
        return LG_OK;
    return p->loader != NULL ? lg_bulk_load_flush(p->loader, err) : lg_engine_flush(p->engine, err);
}

static enum lg_rc sync_now(struct lg_partition *p, const struct lg_position *position,
                           struct lg_slice integrity, struct lg_error *err)
{
    enum lg_rc rc = flush(p, err);

    if (rc == LG_OK)
        rc = pass(LG_FAULT_INGEST_FLUSHED, err);
    return rc != LG_OK ? rc : save(p, position, integrity, /* end_of_push= */ false, err);
}

enum lg_rc lg_partition_sync(struct lg_partition *p, const struct lg_position *position,
                             struct lg_slice integrity, struct lg_error *err)
{
    if (p->failed)
        return check_open(p, err);
    assert(!p->saved.end_of_push);
    return settle(p, sync_now(p, position, integrity, err), err);
}

/* The files are made durable and spoken of before they are taken in: a crash while that goes on
 * costs no reading. An unsorted push has its rows in the engine already; a replica without a row
 * still needs a content, or a later open could not tell empty from lost. */
static enum lg_rc end_now(struct lg_partition *p, const struct lg_position *position,
                          struct lg_slice integrity, struct lg_error *err)
{
    enum lg_rc rc = flush(p, err);

    if (rc == LG_OK)
        rc = pass(LG_FAULT_INGEST_FLUSHED, err);
    if (rc == LG_OK && p->loader != NULL)
        rc = lg_bulk_load_ingest(p->loader, err);
    else if (rc == LG_OK && p->records == 0)
        rc = lg_engine_ingest(p->engine, NULL, 0, err);
    if (rc == LG_OK)
        rc = pass(LG_FAULT_INGEST_SST_MOVED, err);
    if (rc == LG_OK)
        rc = save(p, position, integrity, /* end_of_push= */ true, err);
    return rc != LG_OK ? rc : pass(LG_FAULT_INGEST_DONE, err);
}

enum lg_rc lg_partition_end(struct lg_partition *p, const struct lg_position *position,
                            struct lg_slice integrity, struct lg_error *err)
{
    enum lg_rc rc = check_open(p, err);

    if (rc != LG_OK)
        return rc;
    rc = settle(p, end_now(p, position, integrity, err), err);
    if (rc == LG_OK)
        lg_bulk_load_close(LG_TAKE(p->loader));
    return rc;
}
