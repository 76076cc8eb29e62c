/* All complete replicas of a version hold the same rows: those that its push wrote, no more and no
 * less. Opens the disks of servers that were killed by a power cut: what is complete stays. */
#include "sim/checkers/checkers.h"

#include "base/str.h"
#include "base/vec.h"
#include "drivers/memkv/engine_memkv.h"
#include "model/names.h"
#include "model/partitioner.h"
#include "record/value_codec.h"
#include "storage/checkpoint.h"
#include "storage/partition.h"

#define ME "replicas_converge"

struct replica { /* One that was complete. */
    char *topic;
    uint32_t partition;
    unsigned push; /* 0: nobody saw of which push the version is */
    uint64_t rows;
    /* As its start of push said, while it is looked at. */
    bool chunked;
    struct lg_value_codec *codec;
};

struct looks { /* At one server's disk. */
    struct lg_engine_driver *driver;
    struct lg_checkpoint_store *checkpoints;
    LG_VEC(struct replica) replicas;
};

static void long_encode(struct lg_buf *out, int64_t value)
{
    uint64_t z = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);

    for (; z >= 0x80; z >>= 7)
        lg_buf_append_byte(out, (uint8_t)(z | 0x80));
    lg_buf_append_byte(out, (uint8_t)z);
}

/* The row that the push wrote under this key, as it is stored under value schema `id`: later ones
 * have one more field each (lg_history_schema). */
static void expect(struct lg_buf *out, unsigned push, unsigned key, uint32_t id)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_history_row_text(push, key, &text);
    lg_buf_append_u32be(out, id);
    long_encode(out, key);
    long_encode(out, push);
    long_encode(out, (int64_t)text.size);
    lg_buf_append_slice(out, lg_buf_slice(&text));
    for (uint32_t more = 1; more < id; more++)
        long_encode(out, more);
}

static uint32_t schema_of(struct lg_slice value)
{
    uint32_t id = 0;

    for (size_t i = 0; i < LG_PARTITION_VALUE_HEADER_BYTES && i < value.size; i++)
        id = id << 8 | value.data[i];
    return LG_MIN(id, (uint32_t)LG_HISTORY_PUSHES_MAX); /* Else it is none, and found out. */
}

static bool read_long(struct lg_slice *from, int64_t *out)
{
    uint64_t z = 0;

    for (unsigned shift = 0; shift < 64 && from->size > 0; shift += 7) {
        uint8_t byte = from->data[0];

        *from = lg_slice_skip(*from, 1);
        z |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
            return true;
        }
    }
    return false;
}

/* One row, its value unpacked behind its schema id. */
static enum lg_rc check_row(struct replica *r, struct lg_slice key, struct lg_slice value,
                            struct lg_error *err)
{
    struct lg_slice rest = key, row = lg_slice_skip(value, LG_PARTITION_VALUE_HEADER_BYTES);
    LG_SCOPED(lg_buf) expected = {0};
    int64_t id = -1, row_id = -1, push = 0;

    r->rows++;
    if (!read_long(&rest, &id) || !read_long(&row, &row_id) || !read_long(&row, &push) ||
        id != row_id || id < 0 || id >= LG_HISTORY_KEYS)
        return lg_error_set(err, LG_ERR_CORRUPT, "a row with the key %lld holds that of %lld",
                            (long long)id, (long long)row_id);
    if (r->push == 0)
        r->push = (unsigned)push; /* Nobody saw the number; the other replicas must agree. */
    expect(&expected, r->push, (unsigned)id, schema_of(value));
    if (!lg_slice_eq(lg_buf_slice(&expected), value) || !lg_history_has_row(r->push, (unsigned)id))
        return lg_error_set(err, LG_ERR_CORRUPT, "key %lld is of push %lld, not of push %u",
                            (long long)id, (long long)push, r->push);
    return LG_OK;
}

static enum lg_rc visit_row(void *ctx, struct lg_slice key, struct lg_slice value,
                            struct lg_error *err)
{
    struct replica *r = ctx;
    LG_SCOPED(lg_buf) plain = {0};
    enum lg_rc rc;

    if (value.size < LG_PARTITION_VALUE_HEADER_BYTES)
        return lg_error_set(err, LG_ERR_CORRUPT, "a row without a schema id");
    if (r->chunked) { /* No value here is so large that it has chunks. */
        if (key.size < 2 || memcmp(key.data + key.size - 2, "\x02\x00", 2) != 0)
            return lg_error_set(err, LG_ERR_CORRUPT, "a key without the suffix of a whole value");
        key.size -= 2;
    }
    lg_buf_append_slice(&plain, lg_slice(value.data, LG_PARTITION_VALUE_HEADER_BYTES));
    rc = lg_value_codec_unpack(r->codec, lg_slice_skip(value, LG_PARTITION_VALUE_HEADER_BYTES),
                               &plain, err);
    return rc == LG_OK ? check_row(r, key, lg_buf_slice(&plain), err) : rc;
}

static uint64_t rows_expected(unsigned push, uint32_t partition, uint32_t partitions)
{
    uint64_t rows = 0;

    for (unsigned key = 0; key < LG_HISTORY_KEYS; key++) {
        LG_SCOPED(lg_buf) bytes = {0};

        long_encode(&bytes, key);
        rows += lg_history_has_row(push, key) &&
                lg_partitioner_partition(lg_buf_slice(&bytes), partitions) == partition;
    }
    return rows;
}

/* Opening must find it as the checkpoint says, and wipe nothing. */
static enum lg_rc look(struct looks *l, struct replica *r, struct lg_error *err)
{
    LG_AUTO(lg_partition) *partition = NULL;
    struct lg_partition_options o = {l->driver, l->checkpoints, r->topic, r->partition, 0, 0};
    enum lg_rc rc = lg_partition_open(&o, &partition, err);
    uint64_t expected;

    if (rc == LG_OK && lg_partition_wiped(partition) != NULL)
        return lg_error_set(err, LG_ERR_CORRUPT, "%s", lg_partition_wiped(partition));
    if (rc == LG_OK) {
        struct lg_partition_shape shape = lg_partition_shape(partition);

        r->chunked = shape.chunked;
        rc = lg_value_codec_new(shape.compression, shape.dictionary, &r->codec, err);
    }
    if (rc == LG_OK)
        rc = lg_engine_each(lg_partition_engine(partition), visit_row, r, err);
    lg_value_codec_free(r->codec);
    r->codec = NULL;
    if (rc != LG_OK || r->push == 0)
        return rc;
    expected = rows_expected(r->push, r->partition, LG_HISTORY_PARTITIONS);
    if (r->rows != expected)
        return lg_error_set(err, LG_ERR_CORRUPT, "it has %llu rows, and %llu were pushed",
                            (unsigned long long)r->rows, (unsigned long long)expected);
    return LG_OK;
}

static enum lg_rc judge(struct lg_history *h, struct looks *l, struct replica *r,
                        struct lg_error *err)
{
    struct lg_slice store;
    int32_t version;
    unsigned i = 0;
    enum lg_rc rc = lg_names_parse_version_topic(lg_slice_str(r->topic), &store, &version, err);

    if (rc != LG_OK)
        return rc;
    while (i < LG_HISTORY_STORES && !lg_slice_eq_str(store, lg_history_store_name(i)))
        i++;
    if (i == LG_HISTORY_STORES || version >= LG_HISTORY_VERSIONS_MAX)
        return lg_error_set(err, LG_ERR_CORRUPT,
                            "there is a replica of topic %s, which nobody made", r->topic);
    r->push = h->stores[i].push_of[version];
    rc = look(l, r, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "replica %s/%u", r->topic, r->partition);
    h->stores[i].push_of[version] = r->push;
    return LG_OK;
}

static enum lg_rc note(void *ctx, const char *topic, uint32_t partition,
                       const struct lg_checkpoint *c, struct lg_error *err)
{
    struct looks *l = ctx;

    (void)err;
    if (c->end_of_push)
        LG_VEC_PUSH(&l->replicas,
                    (struct replica){.topic = lg_strdup(topic), .partition = partition});
    return LG_OK;
}

void lg_check_replicas(struct lg_history *h, const char *server, struct lg_disk *disk,
                       const char *root, const char *checkpoint_path)
{
    struct looks l = {.driver = lg_memkv_new(disk, root)};
    struct lg_error err = {0};
    enum lg_rc rc = lg_checkpoint_store_open(l.driver, checkpoint_path, &l.checkpoints, &err);

    if (rc == LG_OK)
        rc = lg_checkpoint_each(l.checkpoints, note, &l, &err);
    for (size_t i = 0; rc == LG_OK && i < l.replicas.size; i++)
        rc = judge(h, &l, &l.replicas.data[i], &err);
    if (rc != LG_OK)
        lg_history_violate(h, ME, "%s: %s", server, err.text);
    for (size_t i = 0; i < l.replicas.size; i++)
        lg_free(l.replicas.data[i].topic);
    LG_VEC_DONE(&l.replicas);
    lg_checkpoint_store_close(l.checkpoints);
    lg_memkv_free(l.driver);
}
