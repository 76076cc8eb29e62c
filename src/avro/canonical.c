/* Parsing canonical form and its fingerprints. Pure. */
#include "avro/canonical.h"

#include "avro/schema_impl.h"
#include "base/hash.h"

/* A whole schema nests at most LG_SCHEMA_DEPTH_MAX deep, as its text did. A part of it may reach
 * definitions that stood beside each other one inside the other, so the walk has its own bound. */
#define DEPTH_MAX (4 * LG_SCHEMA_DEPTH_MAX)

/* The fingerprint of the empty text, and the polynomial (specification, "Schema Fingerprints"). */
#define CRC64_EMPTY 0xc15d213aa4d7a795ULL

struct canonical {
    struct lg_buf *out;
    struct lg_map *written; /* full names defined so far */
};

static void write_node(struct canonical *c, const struct lg_schema *s, size_t depth);

static void write_fields(struct canonical *c, const struct lg_schema *s, size_t depth)
{
    lg_buf_append_str(c->out, ",\"fields\":[");
    for (size_t i = 0; i < s->count; i++) {
        lg_buf_append_str(c->out, i == 0 ? "{\"name\":" : ",{\"name\":");
        lg_json_write_string(c->out, s->fields[i].name);
        lg_buf_append_str(c->out, ",\"type\":");
        write_node(c, s->fields[i].schema, depth + 1);
        lg_buf_append_byte(c->out, '}');
    }
    lg_buf_append_byte(c->out, ']');
}

static void write_symbols(struct canonical *c, const struct lg_schema *s)
{
    lg_buf_append_str(c->out, ",\"symbols\":[");
    for (size_t i = 0; i < s->count; i++) {
        if (i > 0)
            lg_buf_append_byte(c->out, ',');
        lg_json_write_string(c->out, s->symbols[i]);
    }
    lg_buf_append_byte(c->out, ']');
}

static void write_named(struct canonical *c, const struct lg_schema *s, size_t depth)
{
    if (lg_map_put(c->written, s->full_name, (void *)s) != NULL) {
        lg_json_write_string(c->out, s->full_name);
        return;
    }
    lg_buf_append_str(c->out, "{\"name\":");
    lg_json_write_string(c->out, s->full_name);
    lg_buf_appendf(c->out, ",\"type\":\"%s\"", lg_avro_kind_name(s->kind));
    if (s->kind == LG_AVRO_RECORD)
        write_fields(c, s, depth);
    else if (s->kind == LG_AVRO_ENUM)
        write_symbols(c, s);
    else
        lg_buf_appendf(c->out, ",\"size\":%zu", s->fixed_bytes);
    lg_buf_append_byte(c->out, '}');
}

static void write_union(struct canonical *c, const struct lg_schema *s, size_t depth)
{
    lg_buf_append_byte(c->out, '[');
    for (size_t i = 0; i < s->count; i++) {
        if (i > 0)
            lg_buf_append_byte(c->out, ',');
        write_node(c, s->branches[i], depth + 1);
    }
    lg_buf_append_byte(c->out, ']');
}

static void write_node(struct canonical *c, const struct lg_schema *s, size_t depth)
{
    if (depth > DEPTH_MAX) {
        c->out->overflowed = true;
    } else if (lg_schema_is_named(s)) {
        write_named(c, s, depth);
    } else if (s->kind == LG_AVRO_UNION) {
        write_union(c, s, depth);
    } else if (s->kind == LG_AVRO_ARRAY || s->kind == LG_AVRO_MAP) {
        lg_buf_append_str(c->out, s->kind == LG_AVRO_ARRAY ? "{\"type\":\"array\",\"items\":"
                                                           : "{\"type\":\"map\",\"values\":");
        write_node(c, s->items, depth + 1);
        lg_buf_append_byte(c->out, '}');
    } else {
        lg_buf_appendf(c->out, "\"%s\"", lg_avro_kind_name(s->kind));
    }
}

void lg_schema_canonical(const struct lg_schema *schema, struct lg_buf *out)
{
    LG_AUTO(lg_map) *written = lg_map_new();
    struct canonical c = {.out = out, .written = written};

    write_node(&c, schema, /* depth= */ 1);
}

/* Schemas are short, so the 2 KiB table that makes this eight times faster is not worth having. */
uint64_t lg_crc64_avro(struct lg_slice bytes)
{
    uint64_t crc = CRC64_EMPTY;

    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (CRC64_EMPTY & (0 - (crc & 1)));
    }
    return crc;
}

uint64_t lg_schema_fingerprint(const struct lg_schema *schema)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_schema_canonical(schema, &text);
    return lg_crc64_avro(lg_buf_slice(&text));
}

void lg_schema_fingerprint_md5(const struct lg_schema *schema, uint8_t out[16])
{
    LG_SCOPED(lg_buf) text = {0};

    lg_schema_canonical(schema, &text);
    lg_md5(lg_buf_slice(&text), out);
}

void lg_schema_fingerprint_sha256(const struct lg_schema *schema, uint8_t out[32])
{
    LG_SCOPED(lg_buf) text = {0};

    lg_schema_canonical(schema, &text);
    lg_sha256(lg_buf_slice(&text), out);
}

bool lg_schema_equal_canonical(const struct lg_schema *a, const struct lg_schema *b)
{
    LG_SCOPED(lg_buf) text_a = {0};
    LG_SCOPED(lg_buf) text_b = {0};

    if (a == b)
        return true;
    lg_schema_canonical(a, &text_a);
    lg_schema_canonical(b, &text_b);
    return lg_buf_ok(&text_a) && lg_buf_ok(&text_b) &&
           lg_slice_eq(lg_buf_slice(&text_a), lg_buf_slice(&text_b));
}
