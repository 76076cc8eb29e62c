#include "net/h2_encode.h"

/* RFC 7541, appendix A: names by index, from 1. */
static const char *const static_names[] = {":authority",
                                           ":method",
                                           ":method",
                                           ":path",
                                           ":path",
                                           ":scheme",
                                           ":scheme",
                                           ":status",
                                           ":status",
                                           ":status",
                                           ":status",
                                           ":status",
                                           ":status",
                                           ":status",
                                           "accept-charset",
                                           "accept-encoding",
                                           "accept-language",
                                           "accept-ranges",
                                           "accept",
                                           "access-control-allow-origin",
                                           "age",
                                           "allow",
                                           "authorization",
                                           "cache-control",
                                           "content-disposition",
                                           "content-encoding",
                                           "content-language",
                                           "content-length",
                                           "content-location",
                                           "content-range",
                                           "content-type",
                                           "cookie",
                                           "date",
                                           "etag",
                                           "expect",
                                           "expires",
                                           "from",
                                           "host",
                                           "if-match",
                                           "if-modified-since",
                                           "if-none-match",
                                           "if-range",
                                           "if-unmodified-since",
                                           "last-modified",
                                           "link",
                                           "location",
                                           "max-forwards",
                                           "proxy-authenticate",
                                           "proxy-authorization",
                                           "range",
                                           "referer",
                                           "refresh",
                                           "retry-after",
                                           "server",
                                           "set-cookie",
                                           "strict-transport-security",
                                           "transfer-encoding",
                                           "user-agent",
                                           "vary",
                                           "via",
                                           "www-authenticate"};
static const char *const static_statuses[] = {"200", "204", "206", "304", "400", "404", "500"};
#define STATUS_INDEX 8u
#define DYNAMIC_FIRST 62u

struct lg_h2_prepared {
    size_t count;
    struct lg_http_header *fields;
    uint8_t *index;      /* per field: of the whole field in the static table, or 0 */
    uint8_t *name_index; /* of its name, or 0 */
    struct lg_buf plain; /* the block without the dynamic table */
    struct lg_buf text;
};

static uint8_t find_name(struct lg_slice name)
{
    for (size_t i = 0; name.size > 1 && i < LG_ARRAY_SIZE(static_names); i++)
        if (static_names[i][0] == name.data[0] && static_names[i][1] == name.data[1] &&
            lg_slice_eq_str(name, static_names[i]))
            return (uint8_t)(i + 1);
    return 0;
}

static uint8_t find_status(struct lg_slice value)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(static_statuses); i++)
        if (lg_slice_eq_str(value, static_statuses[i]))
            return (uint8_t)(STATUS_INDEX + i);
    return 0;
}

/* RFC 7541, 5.1. */
static void put_int(struct lg_buf *out, uint8_t first, unsigned prefix_bits, size_t value)
{
    size_t most = ((size_t)1 << prefix_bits) - 1;

    if (value < most) {
        lg_buf_append_byte(out, (uint8_t)(first | value));
        return;
    }
    lg_buf_append_byte(out, (uint8_t)(first | most));
    for (value -= most; value >= 128; value >>= 7)
        lg_buf_append_byte(out, (uint8_t)(value | 128));
    lg_buf_append_byte(out, (uint8_t)value);
}

static void put_string(struct lg_buf *out, struct lg_slice s)
{
    put_int(out, 0, 7, s.size);
    lg_buf_append_slice(out, s);
}

static void put_literal(struct lg_buf *out, uint8_t first, unsigned prefix_bits, uint8_t name_index,
                        const struct lg_http_header *field)
{
    put_int(out, first, prefix_bits, name_index);
    if (name_index == 0)
        put_string(out, field->name);
    put_string(out, field->value);
}

static void put_given(struct lg_buf *out, const struct lg_http_header *field)
{
    uint8_t name = find_name(field->name);
    uint8_t whole = name == STATUS_INDEX ? find_status(field->value) : 0;

    if (whole != 0)
        put_int(out, 0x80, 7, whole);
    else
        put_literal(out, 0, 4, name, field);
}

/* --- Prepared heads -------------------------------------------------------------------------- */

struct lg_h2_prepared *lg_h2_prepared_new(const struct lg_http_header *fields, size_t count)
{
    struct lg_h2_prepared *p = lg_new(struct lg_h2_prepared);
    size_t at = 0;

    p->count = count;
    p->fields = lg_new_array(struct lg_http_header, count);
    p->index = lg_new_array(uint8_t, count);
    p->name_index = lg_new_array(uint8_t, count);
    for (size_t i = 0; i < count; i++) {
        assert(fields[i].name.size > 0);
        lg_buf_append_slice(&p->text, fields[i].name);
        lg_buf_append_slice(&p->text, fields[i].value);
        p->name_index[i] = find_name(fields[i].name);
        if (p->name_index[i] == STATUS_INDEX)
            p->index[i] = find_status(fields[i].value);
        put_given(&p->plain, &fields[i]);
    }
    for (size_t i = 0; i < count; i++) {
        p->fields[i].name = lg_slice(p->text.data + at, fields[i].name.size);
        at += fields[i].name.size;
        p->fields[i].value = lg_slice(p->text.data + at, fields[i].value.size);
        at += fields[i].value.size;
    }
    return p;
}

void lg_h2_prepared_free(struct lg_h2_prepared *p)
{
    if (p == NULL)
        return;
    lg_free(p->fields);
    lg_free(p->index);
    lg_free(p->name_index);
    lg_buf_done(&p->plain);
    lg_buf_done(&p->text);
    lg_free(p);
}

const struct lg_http_header *lg_h2_prepared_fields(const struct lg_h2_prepared *p,
                                                   size_t *out_count)
{
    *out_count = p->count;
    return p->fields;
}

/* --- The connection's table ------------------------------------------------------------------ */

void lg_h2_encoder_init(struct lg_h2_encoder *e)
{
    e->table_max = LG_H2_TABLE_BYTES_MAX;
    e->table_used = e->inserted = e->slot_count = 0;
    e->size_due = e->drop_due = false;
}

void lg_h2_encoder_resize(struct lg_h2_encoder *e, uint32_t bytes)
{
    uint32_t max = LG_MIN(bytes, LG_H2_TABLE_BYTES_MAX);

    if (max == e->table_max)
        return;
    /* A smaller table is begun anew: what would be evicted need not be worked out. */
    if (max < e->table_max) {
        e->drop_due = true;
        e->table_used = e->inserted = e->slot_count = 0;
    }
    e->table_max = max;
    e->size_due = true;
}

void lg_h2_encode_prefix(struct lg_h2_encoder *e, struct lg_buf *out)
{
    if (!e->size_due)
        return;
    if (e->drop_due)
        put_int(out, 0x20, 5, 0);
    put_int(out, 0x20, 5, e->table_max);
    e->size_due = e->drop_due = false;
}

static struct lg_h2_slot *slot_of(struct lg_h2_encoder *e, const struct lg_h2_prepared *p)
{
    for (uint32_t i = 0; i < e->slot_count; i++)
        if (e->slots[i].prepared == p)
            return &e->slots[i];
    return NULL;
}

/* The first use: fields that the static table does not hold go into the dynamic one. */
static void encode_first(struct lg_h2_encoder *e, const struct lg_h2_prepared *p,
                         struct lg_buf *out)
{
    struct lg_h2_slot *slot = &e->slots[e->slot_count++];

    slot->prepared = p;
    slot->size = 0;
    for (size_t i = 0; i < p->count; i++) {
        size_t bytes = p->fields[i].name.size + p->fields[i].value.size + 32;

        slot->number[i] = 0;
        if (p->index[i] != 0) {
            put_int(out, 0x80, 7, p->index[i]);
        } else if (bytes <= e->table_max - e->table_used) {
            put_literal(out, 0x40, 6, p->name_index[i], &p->fields[i]);
            e->table_used += (uint32_t)bytes;
            slot->number[i] = ++e->inserted;
        } else {
            put_literal(out, 0, 4, p->name_index[i], &p->fields[i]);
        }
    }
}

static void encode_again(struct lg_h2_encoder *e, struct lg_h2_slot *slot, struct lg_buf *out)
{
    const struct lg_h2_prepared *p = slot->prepared;
    size_t start = out->size;

    if (slot->size > 0 && slot->inserted == e->inserted) {
        lg_buf_append(out, slot->block, slot->size);
        return;
    }
    for (size_t i = 0; i < p->count; i++)
        if (p->index[i] != 0)
            put_int(out, 0x80, 7, p->index[i]);
        else if (slot->number[i] != 0)
            put_int(out, 0x80, 7, DYNAMIC_FIRST + e->inserted - slot->number[i]);
        else
            put_literal(out, 0, 4, p->name_index[i], &p->fields[i]);
    if (out->size > start && out->size - start <= LG_H2_SLOT_BLOCK_MAX) {
        slot->size = (uint32_t)(out->size - start);
        slot->inserted = e->inserted;
        memcpy(slot->block, out->data + start, slot->size);
    }
}

void lg_h2_encode_plain(const struct lg_h2_head *head, struct lg_buf *out)
{
    if (head->prepared != NULL)
        lg_buf_append_slice(out, lg_buf_slice(&head->prepared->plain));
    for (size_t i = 0; i < head->count; i++)
        put_given(out, &head->fields[i]);
}

void lg_h2_encode(struct lg_h2_encoder *e, const struct lg_h2_head *head, struct lg_buf *out)
{
    const struct lg_h2_prepared *p = head->prepared;
    struct lg_h2_slot *slot = p == NULL ? NULL : slot_of(e, p);

    lg_h2_encode_prefix(e, out);
    if (slot != NULL)
        encode_again(e, slot, out);
    else if (p != NULL && p->count <= LG_H2_SLOT_FIELDS_MAX && e->slot_count < LG_H2_SLOTS)
        encode_first(e, p, out);
    else if (p != NULL)
        lg_buf_append_slice(out, lg_buf_slice(&p->plain));
    for (size_t i = 0; i < head->count; i++)
        put_given(out, &head->fields[i]);
}
