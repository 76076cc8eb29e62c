/* Protocol buffers, writing. Pure.
 *
 * A message is written from its end to its beginning into memory whose size is known: when a
 * message inside it has been written, so is its size, and nothing is counted twice.
 */
#include "base/pb.h"
#include "base/str.h"

static uint64_t load_bits(enum lg_pb_type type, const void *from)
{
    uint64_t bits;
    uint32_t low;
    int32_t number;

    if (type == LG_PB_BOOL)
        return *(const bool *)from ? 1 : 0;
    if (lg_pb_shapes[type].size == sizeof bits) {
        memcpy(&bits, from, sizeof bits);
        return type == LG_PB_SINT64 ? lg_pb_zigzag((int64_t)bits) : bits;
    }
    memcpy(&low, from, sizeof low);
    memcpy(&number, from, sizeof number);
    if (type == LG_PB_SINT32)
        return (uint32_t)lg_pb_zigzag(number);
    if (type == LG_PB_INT32 || type == LG_PB_ENUM)
        return (uint64_t)(int64_t)number; /* A negative one takes ten bytes. */
    return low;
}

static struct lg_slice load_slice(const void *from)
{
    struct lg_slice s;

    memcpy(&s, from, sizeof s);
    return s;
}

static const void *load_pointer(const void *from)
{
    const void *p;

    memcpy(&p, from, sizeof p);
    return p;
}

static struct lg_pb_array load_array(const void *from)
{
    struct lg_pb_array a;

    memcpy(&a, from, sizeof a);
    return a;
}

/* Is the field, which is not repeated, written? */
static bool is_present(const struct lg_pb_field *f, const uint8_t *msg)
{
    const uint8_t *value = msg + f->offset;
    uint32_t now;

    switch (f->label) {
    case LG_PB_ALWAYS:
        return true;
    case LG_PB_ONEOF:
        memcpy(&now, msg + f->has, sizeof now);
        return now == f->number;
    case LG_PB_OPTIONAL:
        return *(const bool *)(msg + f->has);
    default:
        break;
    }
    if (f->type == LG_PB_MESSAGE)
        return load_pointer(value) != NULL;
    if (lg_pb_shapes[f->type].wire == LG_PB_WIRE_SIZED)
        return load_slice(value).size > 0;
    return load_bits(f->type, value) != 0; /* Of a double, too: -0.0 is written. */
}

static size_t tag_size(const struct lg_pb_field *f)
{
    return lg_pb_varint_size((uint64_t)f->number << 3);
}

static size_t number_size(const struct lg_pb_field *f, const void *value)
{
    switch (lg_pb_shapes[f->type].wire) {
    case LG_PB_WIRE_4:
        return 4;
    case LG_PB_WIRE_8:
        return 8;
    default:
        return lg_pb_varint_size(load_bits(f->type, value));
    }
}

static size_t sized(size_t size)
{
    return lg_pb_varint_size(size) + size;
}

/* Of one value, without its tag; `msg` is the struct of a message. */
static size_t message_size(const struct lg_pb_message *m, const void *msg)
{
    return sized(msg == NULL ? 0 : lg_pb_size(m, msg));
}

static size_t value_size(const struct lg_pb_field *f, const void *value)
{
    if (f->type == LG_PB_MESSAGE)
        return message_size(f->message, load_pointer(value));
    if (lg_pb_shapes[f->type].wire == LG_PB_WIRE_SIZED)
        return sized(load_slice(value).size);
    return number_size(f, value);
}

static size_t array_size(const struct lg_pb_field *f, struct lg_pb_array a)
{
    size_t element = lg_pb_element_size(f), size = 0;

    for (size_t i = 0; i < a.size; i++) {
        const uint8_t *at = (const uint8_t *)a.data + i * element;

        size += f->type == LG_PB_MESSAGE ? message_size(f->message, at) : value_size(f, at);
    }
    if (a.size == 0)
        return 0;
    return f->label == LG_PB_PACKED ? tag_size(f) + sized(size) : tag_size(f) * a.size + size;
}

size_t lg_pb_size(const struct lg_pb_message *m, const void *msg)
{
    const uint8_t *bytes = msg;
    size_t size = 0;

    for (size_t i = 0; i < m->field_count; i++) {
        const struct lg_pb_field *f = &m->fields[i];

        if (lg_pb_is_repeated(f))
            size += array_size(f, load_array(bytes + f->offset));
        else if (is_present(f, bytes))
            size += tag_size(f) + value_size(f, bytes + f->offset);
    }
    return size;
}

/* --- Writing, backwards ----------------------------------------------------------------------- */
struct writer {
    uint8_t *at;    /* The first byte that is written. */
    uint8_t *start; /* Of the memory: `at` never passes it. */
    const struct lg_pb_message *bad_message;
    const struct lg_pb_field *bad; /* A string that is not UTF-8; NULL: none. */
};

static void write_fields(struct writer *w, const struct lg_pb_message *m, const uint8_t *msg);

static void put_varint(struct writer *w, uint64_t v)
{
    size_t size = lg_pb_varint_size(v);

    assert((size_t)(w->at - w->start) >= size && "the struct changed while it was written");
    w->at -= size;
    (void)lg_pb_put_varint(w->at, v);
}

static void put_bytes(struct writer *w, const void *bytes, size_t size)
{
    assert((size_t)(w->at - w->start) >= size && "the struct changed while it was written");
    w->at -= size;
    if (size > 0)
        memcpy(w->at, bytes, size);
}

static void put_tag(struct writer *w, const struct lg_pb_field *f, enum lg_pb_wire wire)
{
    put_varint(w, (uint64_t)f->number << 3 | wire);
}

static void write_number(struct writer *w, const struct lg_pb_field *f, const void *value)
{
    uint64_t bits = load_bits(f->type, value);
    size_t size = lg_pb_shapes[f->type].wire == LG_PB_WIRE_4 ? 4 : 8;
    uint8_t fixed[8];

    if (lg_pb_shapes[f->type].wire == LG_PB_WIRE_VARINT) {
        put_varint(w, bits);
        return;
    }
    for (size_t i = 0; i < size; i++)
        fixed[i] = (uint8_t)(bits >> (8 * i));
    put_bytes(w, fixed, size);
}

static void write_message(struct writer *w, const struct lg_pb_field *f, const void *msg)
{
    const uint8_t *end = w->at;

    if (msg != NULL)
        write_fields(w, f->message, msg);
    put_varint(w, (uint64_t)(end - w->at));
}

static void write_text(struct writer *w, const struct lg_pb_message *m, const struct lg_pb_field *f,
                       struct lg_slice text)
{
    if (f->type == LG_PB_STRING && !lg_utf8_valid(text)) {
        w->bad_message = m;
        w->bad = f;
    }
    put_bytes(w, text.data, text.size);
    put_varint(w, text.size);
}

static void write_value(struct writer *w, const struct lg_pb_message *m,
                        const struct lg_pb_field *f, const void *value)
{
    if (f->type == LG_PB_MESSAGE)
        write_message(w, f, load_pointer(value));
    else if (lg_pb_shapes[f->type].wire == LG_PB_WIRE_SIZED)
        write_text(w, m, f, load_slice(value));
    else
        write_number(w, f, value);
}

static void write_array(struct writer *w, const struct lg_pb_message *m,
                        const struct lg_pb_field *f, struct lg_pb_array a)
{
    size_t element = lg_pb_element_size(f);
    bool is_packed = f->label == LG_PB_PACKED;
    const uint8_t *end = w->at;

    for (size_t i = a.size; i-- > 0;) {
        const uint8_t *at = (const uint8_t *)a.data + i * element;

        if (f->type == LG_PB_MESSAGE)
            write_message(w, f, at);
        else
            write_value(w, m, f, at);
        if (!is_packed)
            put_tag(w, f, lg_pb_shapes[f->type].wire);
    }
    if (is_packed && a.size > 0) {
        put_varint(w, (uint64_t)(end - w->at));
        put_tag(w, f, LG_PB_WIRE_SIZED);
    }
}

static void write_fields(struct writer *w, const struct lg_pb_message *m, const uint8_t *msg)
{
    for (size_t i = m->field_count; i-- > 0;) {
        const struct lg_pb_field *f = &m->fields[i];

        if (lg_pb_is_repeated(f)) {
            write_array(w, m, f, load_array(msg + f->offset));
        } else if (is_present(f, msg)) {
            write_value(w, m, f, msg + f->offset);
            put_tag(w, f, lg_pb_shapes[f->type].wire);
        }
    }
}

enum lg_rc lg_pb_write(const struct lg_pb_message *m, const void *msg, uint8_t *to, size_t size,
                       struct lg_error *err)
{
    struct writer w = {.at = to + size, .start = to};

    write_fields(&w, m, msg);
    assert(w.at == w.start && "the size is that of lg_pb_size");
    if (w.bad != NULL)
        return lg_error_set(err, LG_ERR_INVALID, "%s.%s is not UTF-8", w.bad_message->name,
                            w.bad->name);
    return LG_OK;
}

enum lg_rc lg_pb_encode(const struct lg_pb_message *m, const void *msg, struct lg_buf *out,
                        struct lg_error *err)
{
    size_t size = lg_pb_size(m, msg);
    bool overflowed = out->overflowed;
    uint8_t *to;
    enum lg_rc rc;

    if (size == 0)
        return LG_OK;
    to = lg_buf_reserve(out, size);
    if (to == NULL) {
        out->overflowed = overflowed;
        return lg_error_set(err, LG_ERR_TOO_LARGE, "%s takes %zu bytes, over the limit", m->name,
                            size);
    }
    rc = lg_pb_write(m, msg, to, size, err);
    if (rc == LG_OK)
        lg_buf_commit(out, size);
    return rc;
}
