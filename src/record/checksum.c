/* The running checksum of a segment. Pure. */
#include "record/checksum.h"

#define MD5_SAVED_BYTES (4 * 4 + 8 + 64)

const char *lg_checksum_type_name(int32_t type)
{
    static const char *const names[] = {"NONE", "MD5", "ADLER32", "CRC32", "ADHASH"};

    return type >= 0 && (size_t)type < LG_ARRAY_SIZE(names) ? names[type] : NULL;
}

void lg_checksum_init(struct lg_checksum *c, enum lg_checksum_type type)
{
    memset(c, 0, sizeof(*c));
    c->type = type;
    if (type == LG_CHECKSUM_MD5)
        lg_md5_init(&c->md5);
    else if (type == LG_CHECKSUM_ADLER32)
        c->sum32 = 1;
}

void lg_checksum_update(struct lg_checksum *c, struct lg_slice bytes)
{
    switch (c->type) {
    case LG_CHECKSUM_NONE:
        break;
    case LG_CHECKSUM_MD5:
        if (bytes.size != 0)
            lg_md5_update(&c->md5, bytes.data, bytes.size);
        break;
    case LG_CHECKSUM_ADLER32:
        if (bytes.size != 0)
            c->sum32 = lg_adler32(c->sum32, bytes.data, bytes.size);
        break;
    case LG_CHECKSUM_CRC32:
        if (bytes.size != 0)
            c->sum32 = lg_crc32(c->sum32, bytes.data, bytes.size);
        break;
    case LG_CHECKSUM_ADHASH: /* The CRC of nothing is 0: an empty update adds nothing. */
        if (bytes.size != 0)
            c->sum64 += lg_crc32(0, bytes.data, bytes.size);
        break;
    }
}

static void update_int(struct lg_checksum *c, int32_t v)
{
    uint8_t bytes[4];

    lg_store_u32be(bytes, (uint32_t)v);
    lg_checksum_update(c, lg_slice(bytes, sizeof(bytes)));
}

void lg_checksum_feed(struct lg_checksum *c, const struct lg_envelope *e, struct lg_slice key)
{
    if (e->type == LG_MESSAGE_CONTROL && e->control.type == LG_CONTROL_END_OF_SEGMENT)
        return;
    update_int(c, (int32_t)e->type);
    if (e->type == LG_MESSAGE_CONTROL) {
        update_int(c, (int32_t)e->control.type);
        return;
    }
    lg_checksum_update(c, key);
    if (e->type == LG_MESSAGE_UPDATE) {
        update_int(c, e->update.schema_id);
        update_int(c, e->update.update_schema_id);
        lg_checksum_update(c, e->update.value);
    } else if (e->type != LG_MESSAGE_DELETE) {
        update_int(c, e->put.schema_id);
        lg_checksum_update(c, e->put.value);
    }
}

size_t lg_checksum_value(const struct lg_checksum *c, uint8_t out[LG_CHECKSUM_BYTES_MAX])
{
    struct lg_md5 md5;
    uint64_t v = 0;

    switch (c->type) {
    case LG_CHECKSUM_NONE:
        return 0;
    case LG_CHECKSUM_MD5:
        md5 = c->md5; /* Finishing changes the state. */
        lg_md5_final(&md5, out);
        return 16;
    case LG_CHECKSUM_ADLER32:
    case LG_CHECKSUM_CRC32:
        v = c->sum32;
        break;
    case LG_CHECKSUM_ADHASH:
        v = c->sum64;
        break;
    }
    lg_store_u32be(out, (uint32_t)(v >> 32));
    lg_store_u32be(out + 4, (uint32_t)v);
    return 8;
}

/* --- Saved state: one byte of type, then the state as big-endian numbers. --------------------- */

void lg_checksum_save(struct lg_buf *out, const struct lg_checksum *c)
{
    uint8_t block[64] = {0};

    lg_buf_append_byte(out, (uint8_t)c->type);
    switch (c->type) {
    case LG_CHECKSUM_NONE:
        break;
    case LG_CHECKSUM_MD5:
        for (size_t i = 0; i < 4; i++)
            lg_buf_append_u32be(out, c->md5.state[i]);
        lg_buf_append_u64be(out, c->md5.length);
        /* Only what waits in the block counts; the rest of it may hold anything. */
        memcpy(block, c->md5.block, (size_t)(c->md5.length % sizeof(block)));
        lg_buf_append(out, block, sizeof(block));
        break;
    case LG_CHECKSUM_ADLER32:
    case LG_CHECKSUM_CRC32:
        lg_buf_append_u32be(out, c->sum32);
        break;
    case LG_CHECKSUM_ADHASH:
        lg_buf_append_u64be(out, c->sum64);
        break;
    }
}

static size_t saved_bytes(enum lg_checksum_type type)
{
    static const size_t bytes[] = {0, MD5_SAVED_BYTES, 4, 4, 8};

    return bytes[type];
}

enum lg_rc lg_checksum_load(struct lg_slice *in, struct lg_checksum *out, struct lg_error *err)
{
    struct lg_checksum c;
    const uint8_t *p;

    if (in->size == 0 || lg_checksum_type_name(in->data[0]) == NULL)
        return lg_error_set(err, LG_ERR_BAD_DATA, "saved checksum: no type, or an unknown one");
    lg_checksum_init(&c, (enum lg_checksum_type)in->data[0]);
    if (in->size - 1 < saved_bytes(c.type))
        return lg_error_set(err, LG_ERR_BAD_DATA, "saved checksum: %s is cut short",
                            lg_checksum_type_name((int32_t)c.type));
    p = in->data + 1;
    if (c.type == LG_CHECKSUM_MD5) {
        for (size_t i = 0; i < 4; i++)
            c.md5.state[i] = lg_load_u32be(p + 4 * i);
        c.md5.length = lg_load_u64be(p + 16);
        memcpy(c.md5.block, p + 24, sizeof(c.md5.block));
    } else if (c.type == LG_CHECKSUM_ADHASH) {
        c.sum64 = lg_load_u64be(p);
    } else if (c.type != LG_CHECKSUM_NONE) {
        c.sum32 = lg_load_u32be(p);
    }
    *in = lg_slice_skip(*in, 1 + saved_bytes(c.type));
    *out = c;
    return LG_OK;
}
