/* Checkpoints and their store; see the header and docs/formats/checkpoint.md. */
#include "storage/checkpoint.h"

#include "base/hash.h"
#include "base/str.h"
#include "lane/fault.h"

#define FLAG_STARTED 1
#define FLAG_SORTED 2
#define FLAG_END_OF_PUSH 4
#define FLAG_REMOVING 8
#define FLAG_CHUNKED 16
#define COMPRESSION_SHIFT 5 /* two bits */
#define FIXED_BYTES 26      /* Without position, integrity state and CRC. */
#define KEY_MAX 512

struct lg_checkpoint_store {
    struct lg_engine *engine;
};

void lg_checkpoint_init(struct lg_checkpoint *c)
{
    *c = (struct lg_checkpoint){.position = lg_position_earliest()};
}

void lg_checkpoint_done(struct lg_checkpoint *c)
{
    lg_buf_done(&c->integrity);
    lg_buf_done(&c->dictionary);
}

/* Builds of format 1 can read what says nothing that they do not know. */
static bool is_of_first_version(const struct lg_checkpoint *c)
{
    return !c->chunked && c->compression == LG_COMPRESSION_NO_OP && c->dictionary.size == 0;
}

void lg_checkpoint_encode(struct lg_buf *out, const struct lg_checkpoint *c)
{
    LG_SCOPED(lg_buf) position = {0};
    size_t begin = out->size;
    bool is_first = is_of_first_version(c);

    lg_position_encode(&position, &c->position);
    lg_buf_append_byte(out, is_first ? 1 : LG_CHECKPOINT_VERSION);
    lg_buf_append_byte(
        out,
        (uint8_t)((c->started ? FLAG_STARTED : 0) | (c->sorted ? FLAG_SORTED : 0) |
                  (c->end_of_push ? FLAG_END_OF_PUSH : 0) | (c->removing ? FLAG_REMOVING : 0) |
                  (c->chunked ? FLAG_CHUNKED : 0) | (unsigned)c->compression << COMPRESSION_SHIFT));
    lg_buf_append_u64le(out, c->records);
    lg_buf_append_u64le(out, c->bytes);
    lg_buf_append_u32le(out, c->files);
    lg_buf_append_u32le(out, (uint32_t)position.size);
    lg_buf_append_slice(out, lg_buf_slice(&position));
    if (!is_first) {
        lg_buf_append_u32le(out, (uint32_t)c->dictionary.size);
        lg_buf_append_slice(out, lg_buf_slice(&c->dictionary));
    }
    lg_buf_append_slice(out, lg_buf_slice(&c->integrity));
    lg_buf_append_u32le(out, lg_crc32c(0, out->data + begin, out->size - begin));
}

enum lg_rc lg_checkpoint_decode(struct lg_slice b, struct lg_checkpoint *out, struct lg_error *err)
{
    struct lg_checkpoint c;
    bool is_first = b.size > 0 && b.data[0] == 1;
    uint32_t position_size, dictionary_size = 0;
    enum lg_rc rc;

    if (b.size < FIXED_BYTES + 4 ||
        lg_crc32c(0, b.data, b.size - 4) != lg_load_u32le(b.data + b.size - 4))
        return lg_error_set(err, LG_ERR_CORRUPT, "the checkpoint fails its checksum");
    if (b.data[0] != 1 && b.data[0] != LG_CHECKPOINT_VERSION)
        return lg_error_set(err, LG_ERR_UNSUPPORTED,
                            "the checkpoint has format version %u, this program reads 1 to %d",
                            b.data[0], LG_CHECKPOINT_VERSION);
    lg_checkpoint_init(&c);
    c.started = (b.data[1] & FLAG_STARTED) != 0;
    c.sorted = (b.data[1] & FLAG_SORTED) != 0;
    c.end_of_push = (b.data[1] & FLAG_END_OF_PUSH) != 0;
    c.removing = (b.data[1] & FLAG_REMOVING) != 0;
    c.chunked = (b.data[1] & FLAG_CHUNKED) != 0;
    c.compression = (enum lg_compression)(b.data[1] >> COMPRESSION_SHIFT & 3);
    c.records = lg_load_u64le(b.data + 2);
    c.bytes = lg_load_u64le(b.data + 10);
    c.files = lg_load_u32le(b.data + 18);
    position_size = lg_load_u32le(b.data + 22);
    b = lg_slice(b.data + FIXED_BYTES, b.size - FIXED_BYTES - 4);
    if (position_size > b.size)
        return lg_error_set(err, LG_ERR_CORRUPT, "the checkpoint's position leaves it");
    rc = lg_position_decode(lg_slice(b.data, position_size), &c.position, err);
    if (rc != LG_OK)
        return lg_error_set(err, LG_ERR_CORRUPT, "the checkpoint's position is malformed");
    b = lg_slice_skip(b, position_size);
    if (!is_first) {
        if (b.size >= 4)
            dictionary_size = lg_load_u32le(b.data);
        if (b.size < 4 || dictionary_size > b.size - 4)
            return lg_error_set(err, LG_ERR_CORRUPT, "the checkpoint's dictionary leaves it");
        lg_buf_append(&c.dictionary, b.data + 4, dictionary_size);
        b = lg_slice_skip(b, 4 + (size_t)dictionary_size);
    }
    lg_buf_append_slice(&c.integrity, b);
    *out = c;
    return LG_OK;
}

enum lg_rc lg_checkpoint_store_open(struct lg_engine_driver *driver, const char *path,
                                    struct lg_checkpoint_store **out, struct lg_error *err)
{
    struct lg_engine_options o = {.path = path, .wal = true};
    struct lg_engine *engine = NULL;
    enum lg_rc rc = lg_engine_open(driver, &o, &engine, err);

    if (rc == LG_ERR_CORRUPT) {
        const struct lg_error why = *err;

        return lg_error_set(err, rc,
                            "the checkpoints of the replicas are damaged (%s); remove the folder "
                            "store of the data directory: it is read from the log again",
                            why.text);
    }
    if (rc != LG_OK)
        return rc;
    *out = lg_new(struct lg_checkpoint_store);
    (*out)->engine = engine;
    return LG_OK;
}

void lg_checkpoint_store_close(struct lg_checkpoint_store *s)
{
    if (s == NULL)
        return;
    lg_engine_close(s->engine);
    lg_free(s);
}

static char *key_of(const char *topic, uint32_t partition)
{
    return lg_strf("%s/%u", topic, partition);
}

enum lg_rc lg_checkpoint_load(struct lg_checkpoint_store *s, const char *topic, uint32_t partition,
                              struct lg_checkpoint *out, struct lg_error *err)
{
    LG_AUTO_STR char *key = key_of(topic, partition);
    LG_SCOPED(lg_buf) b = lg_buf_with_ceiling(LG_CHECKPOINT_BYTES_MAX);
    struct lg_error local = {0};
    enum lg_rc rc =
        lg_engine_get(s->engine, lg_slice_str(key), /* from_memory_only= */ false, &b, err);

    if (rc != LG_OK)
        return rc;
    rc = lg_checkpoint_decode(lg_buf_slice(&b), out, &local);
    return rc == LG_OK ? rc : lg_error_set(err, rc, "replica %s: %s", key, local.text);
}

enum lg_rc lg_checkpoint_save(struct lg_checkpoint_store *s, const char *topic, uint32_t partition,
                              const struct lg_checkpoint *c, struct lg_error *err)
{
    LG_AUTO_STR char *key = key_of(topic, partition);
    LG_SCOPED(lg_buf) b = lg_buf_with_ceiling(LG_CHECKPOINT_BYTES_MAX);
    enum lg_rc rc = lg_fault_check(LG_FAULT_CHECKPOINT_WRITE, err);

    if (rc != LG_OK)
        return rc;
    lg_checkpoint_encode(&b, c);
    if (!lg_buf_ok(&b))
        return lg_error_set(err, LG_ERR_TOO_LARGE, "replica %s: the checkpoint is over %zu bytes",
                            key, LG_CHECKPOINT_BYTES_MAX);
    return lg_engine_put(s->engine, lg_slice_str(key), lg_buf_slice(&b), err);
}

enum lg_rc lg_checkpoint_remove(struct lg_checkpoint_store *s, const char *topic,
                                uint32_t partition, struct lg_error *err)
{
    LG_AUTO_STR char *key = key_of(topic, partition);

    return lg_engine_remove(s->engine, lg_slice_str(key), err);
}

struct each {
    enum lg_rc (*visit)(void *ctx, const char *topic, uint32_t partition,
                        const struct lg_checkpoint *c, struct lg_error *err);
    void *ctx;
};

static enum lg_rc visit_row(void *ctx, struct lg_slice key, struct lg_slice value,
                            struct lg_error *err)
{
    struct each *each = ctx;
    LG_SCOPED(lg_checkpoint) c = {0};
    const uint8_t *slash = key.size == 0 ? NULL : memrchr(key.data, '/', key.size);
    char topic[KEY_MAX];
    size_t topic_size = slash == NULL ? 0 : (size_t)(slash - key.data);
    uint64_t partition;
    enum lg_rc rc;

    if (topic_size == 0 || topic_size >= sizeof(topic) ||
        !lg_parse_u64(lg_slice_skip(key, topic_size + 1), UINT32_MAX, &partition))
        return lg_error_set(err, LG_ERR_CORRUPT, "the checkpoint key '%.*s' is no replica",
                            LG_FMT(key));
    memcpy(topic, key.data, topic_size);
    topic[topic_size] = '\0';
    rc = lg_checkpoint_decode(value, &c, err);
    return rc != LG_OK ? rc : each->visit(each->ctx, topic, (uint32_t)partition, &c, err);
}

enum lg_rc lg_checkpoint_each(struct lg_checkpoint_store *s,
                              enum lg_rc (*visit)(void *ctx, const char *topic, uint32_t partition,
                                                  const struct lg_checkpoint *c,
                                                  struct lg_error *err),
                              void *ctx, struct lg_error *err)
{
    struct each each = {visit, ctx};

    return lg_engine_each(s->engine, visit_row, &each, err);
}
