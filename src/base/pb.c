/* Protocol buffers, reading. Pure.
 *
 * Termination and memory: every round of every loop reads a byte at least; elements cost the arena
 * at most a struct for two bytes of input, and the arena has a limit.
 */
#include "base/pb.h"

#include "base/str.h"

#define ARRAY_FIRST 8u
#define TAG_BYTES_MAX 5

/* clang-format off */
const struct lg_pb_shape lg_pb_shapes[LG_PB_SINT64 + 1] = {
    [LG_PB_DOUBLE]   = {LG_PB_WIRE_8, 8},
    [LG_PB_FLOAT]    = {LG_PB_WIRE_4, 4},
    [LG_PB_INT64]    = {LG_PB_WIRE_VARINT, 8},
    [LG_PB_UINT64]   = {LG_PB_WIRE_VARINT, 8},
    [LG_PB_INT32]    = {LG_PB_WIRE_VARINT, 4},
    [LG_PB_FIXED64]  = {LG_PB_WIRE_8, 8},
    [LG_PB_FIXED32]  = {LG_PB_WIRE_4, 4},
    [LG_PB_BOOL]     = {LG_PB_WIRE_VARINT, sizeof(bool)},
    [LG_PB_STRING]   = {LG_PB_WIRE_SIZED, sizeof(struct lg_slice)},
    [LG_PB_MESSAGE]  = {LG_PB_WIRE_SIZED, sizeof(void *)},
    [LG_PB_BYTES]    = {LG_PB_WIRE_SIZED, sizeof(struct lg_slice)},
    [LG_PB_UINT32]   = {LG_PB_WIRE_VARINT, 4},
    [LG_PB_ENUM]     = {LG_PB_WIRE_VARINT, 4},
    [LG_PB_SFIXED32] = {LG_PB_WIRE_4, 4},
    [LG_PB_SFIXED64] = {LG_PB_WIRE_8, 8},
    [LG_PB_SINT32]   = {LG_PB_WIRE_VARINT, 4},
    [LG_PB_SINT64]   = {LG_PB_WIRE_VARINT, 8},
};
/* clang-format on */

struct reader {
    const uint8_t *at, *end;
    const uint8_t *start; /* of the outermost message: for sentences */
    const struct lg_pb_message *m;
    const struct lg_pb_field *f; /* NULL: none that is known */
    struct lg_arena *arena;
    struct lg_error *err;
};

static enum lg_rc bad(const struct reader *r, const uint8_t *where, const char *what)
{
    return lg_error_set(r->err, LG_ERR_BAD_DATA, "%s%s%s at byte %zu: %s", r->m->name,
                        r->f == NULL ? "" : ".", r->f == NULL ? "" : r->f->name,
                        (size_t)(where - r->start), what);
}

static enum lg_rc no_room(const struct reader *r)
{
    return lg_error_set(r->err, LG_ERR_TOO_LARGE,
                        "%s.%s at byte %zu: the message takes more memory than its reader allows",
                        r->m->name, r->f->name, (size_t)(r->at - r->start));
}

/* --- Numbers ---------------------------------------------------------------------------------- */
static enum lg_rc read_long_varint(struct reader *r, uint64_t *out)
{
    const uint8_t *at = r->at;
    uint64_t v = 0;

    for (unsigned i = 0; i < LG_PB_VARINT_BYTES_MAX; i++) {
        if (at == r->end)
            return bad(r, r->at, "it ends inside a number");
        v |= (uint64_t)(*at & 0x7f) << (7 * i); /* Of the tenth byte one bit is left. */
        if (*at++ < 0x80) {
            r->at = at;
            *out = v;
            return LG_OK;
        }
    }
    return bad(r, r->at, "a number is longer than 10 bytes");
}

static inline enum lg_rc read_varint(struct reader *r, uint64_t *out)
{
    if (LG_LIKELY(r->at < r->end && *r->at < 0x80)) {
        *out = *r->at++;
        return LG_OK;
    }
    return read_long_varint(r, out);
}

/* A varint, 4 or 8 bytes, as unsigned bits. */
static enum lg_rc read_bits(struct reader *r, enum lg_pb_wire wire, uint64_t *out)
{
    size_t size = wire == LG_PB_WIRE_4 ? 4 : 8;

    if (wire == LG_PB_WIRE_VARINT)
        return read_varint(r, out);
    if ((size_t)(r->end - r->at) < size)
        return bad(r, r->at, "it ends inside a number of fixed size");
    *out = wire == LG_PB_WIRE_4 ? lg_load_u32le(r->at) : lg_load_u64le(r->at);
    r->at += size;
    return LG_OK;
}

static void store_bits(enum lg_pb_type type, uint64_t bits, void *to)
{
    uint32_t low = (uint32_t)bits; /* Numbers of 32 bits drop what is above. */
    bool is_true = bits != 0;

    if (type == LG_PB_SINT64)
        bits = (uint64_t)lg_pb_unzigzag(bits);
    else if (type == LG_PB_SINT32)
        low = (low >> 1) ^ (0 - (low & 1));
    else if (type == LG_PB_BOOL) {
        memcpy(to, &is_true, sizeof is_true);
        return;
    }
    if (lg_pb_shapes[type].size == sizeof low)
        memcpy(to, &low, sizeof low);
    else
        memcpy(to, &bits, sizeof bits);
}

static enum lg_rc read_sized(struct reader *r, struct lg_slice *out)
{
    const uint8_t *where = r->at;
    uint64_t size;
    enum lg_rc rc = read_varint(r, &size);

    if (rc != LG_OK)
        return rc;
    if (size > (size_t)(r->end - r->at))
        return bad(r, where, "a length reaches over the end");
    *out = lg_slice(r->at, (size_t)size);
    r->at += size;
    return LG_OK;
}

/* --- Arrays ----------------------------------------------------------------------------------- */

/* Room for `n` more elements; the array at `storage` is then up to date but for its size. */
static enum lg_rc array_grow(struct reader *r, struct lg_pb_array *a, uint64_t n)
{
    size_t element = lg_pb_element_size(r->f);
    uint64_t capacity = a->size + n;
    void *data;

    if (capacity <= a->capacity)
        return LG_OK;
    capacity = LG_MAX(capacity, (uint64_t)a->capacity * 2);
    capacity = LG_MAX(capacity, (uint64_t)ARRAY_FIRST);
    if (capacity > UINT32_MAX || r->arena == NULL)
        return no_room(r);
    data = lg_arena_alloc(r->arena, (size_t)capacity * element);
    if (data == NULL)
        return no_room(r);
    if (a->size > 0)
        memcpy(data, a->data, a->size * element);
    a->data = data;
    a->capacity = (uint32_t)capacity;
    return LG_OK;
}

/* A zeroed element at the end of the array at `storage`. */
static enum lg_rc array_push(struct reader *r, void *storage, void **out)
{
    size_t element = lg_pb_element_size(r->f);
    struct lg_pb_array a;
    enum lg_rc rc;

    memcpy(&a, storage, sizeof a);
    rc = array_grow(r, &a, 1);
    if (rc != LG_OK)
        return rc;
    *out = (uint8_t *)a.data + a.size++ * element;
    memset(*out, 0, element);
    memcpy(storage, &a, sizeof a);
    return LG_OK;
}

/* How many numbers a packed piece holds; every varint ends with the one byte below 0x80. */
static size_t packed_count(enum lg_pb_wire wire, struct lg_slice piece)
{
    size_t n = 0;

    if (wire != LG_PB_WIRE_VARINT)
        return piece.size / (wire == LG_PB_WIRE_4 ? 4 : 8);
    for (size_t i = 0; i < piece.size; i++)
        n += piece.data[i] < 0x80;
    return n;
}

static enum lg_rc read_packed(struct reader *r, void *storage)
{
    const struct lg_pb_shape *shape = &lg_pb_shapes[r->f->type];
    const uint8_t *end = r->end;
    struct lg_pb_array a;
    struct lg_slice piece;
    uint64_t bits;
    enum lg_rc rc = read_sized(r, &piece);

    if (rc != LG_OK || piece.size == 0)
        return rc;
    memcpy(&a, storage, sizeof a);
    rc = array_grow(r, &a, packed_count(shape->wire, piece));
    r->at = piece.data;
    r->end = piece.data + piece.size;
    while (rc == LG_OK && r->at < r->end) {
        rc = read_bits(r, shape->wire, &bits);
        if (rc == LG_OK)
            store_bits(r->f->type, bits, (uint8_t *)a.data + shape->size * (size_t)a.size++);
    }
    r->end = end;
    memcpy(storage, &a, sizeof a);
    return rc;
}

/* --- Fields ----------------------------------------------------------------------------------- */
static enum lg_rc read_fields(struct reader *r, uint8_t *msg, unsigned depth);

/* The struct that the message of this field is read into: of an array a new element, else what
 * stands there already, because a message that comes twice is merged. */
static enum lg_rc message_of(struct reader *r, void *storage, void **out)
{
    if (lg_pb_is_repeated(r->f))
        return array_push(r, storage, out);
    memcpy(out, storage, sizeof *out);
    if (*out != NULL)
        return LG_OK;
    *out = r->arena == NULL ? NULL : lg_arena_zalloc(r->arena, r->f->message->struct_size);
    if (*out == NULL)
        return no_room(r);
    memcpy(storage, out, sizeof *out);
    return LG_OK;
}

static enum lg_rc read_message(struct reader *r, void *storage, unsigned depth)
{
    const struct lg_pb_message *m = r->m;
    const struct lg_pb_field *f = r->f;
    const uint8_t *end = r->end;
    struct lg_slice piece;
    void *msg;
    enum lg_rc rc;

    if (depth >= LG_PB_DEPTH_MAX)
        return bad(r, r->at, "messages nest deeper than 100");
    rc = read_sized(r, &piece);
    if (rc == LG_OK)
        rc = message_of(r, storage, &msg);
    if (rc != LG_OK)
        return rc;
    r->at = piece.data;
    r->end = piece.data + piece.size;
    r->m = f->message;
    rc = read_fields(r, msg, depth + 1);
    r->end = end;
    r->m = m;
    r->f = f;
    return rc;
}

static enum lg_rc read_text(struct reader *r, void *storage)
{
    struct lg_slice text;
    void *to = storage;
    const uint8_t *where = r->at;
    enum lg_rc rc = read_sized(r, &text);

    if (rc != LG_OK)
        return rc;
    if (r->f->type == LG_PB_STRING && !lg_utf8_valid(text))
        return bad(r, where, "the string is not UTF-8");
    if (lg_pb_is_repeated(r->f))
        rc = array_push(r, storage, &to);
    if (rc == LG_OK)
        memcpy(to, &text, sizeof text);
    return rc;
}

static enum lg_rc read_number(struct reader *r, void *storage)
{
    void *to = storage;
    uint64_t bits;
    enum lg_rc rc = read_bits(r, lg_pb_shapes[r->f->type].wire, &bits);

    if (rc == LG_OK && lg_pb_is_repeated(r->f))
        rc = array_push(r, storage, &to);
    if (rc == LG_OK)
        store_bits(r->f->type, bits, to);
    return rc;
}

/* Says that the field is there. A member of a oneof replaces another, whose memory it shares. */
static void note_presence(const struct lg_pb_field *f, uint8_t *msg)
{
    const bool yes = true;
    uint32_t now;

    if (f->label == LG_PB_OPTIONAL)
        memcpy(msg + f->has, &yes, sizeof yes);
    if (f->label != LG_PB_ONEOF)
        return;
    memcpy(&now, msg + f->has, sizeof now);
    if (now != f->number)
        memset(msg + f->offset, 0, lg_pb_shapes[f->type].size);
    memcpy(msg + f->has, &f->number, sizeof f->number);
}

static enum lg_rc read_known(struct reader *r, enum lg_pb_wire wire, uint8_t *msg, unsigned depth)
{
    const struct lg_pb_field *f = r->f;
    uint8_t *storage = msg + f->offset;

    note_presence(f, msg);
    if (f->type == LG_PB_MESSAGE)
        return read_message(r, storage, depth);
    if (lg_pb_shapes[f->type].wire == LG_PB_WIRE_SIZED)
        return read_text(r, storage);
    return wire == LG_PB_WIRE_SIZED ? read_packed(r, storage) : read_number(r, storage);
}

static enum lg_rc skip(struct reader *r, unsigned wire, const uint8_t *where)
{
    struct lg_slice piece;
    uint64_t bits;

    r->f = NULL;
    switch (wire) {
    case LG_PB_WIRE_VARINT:
    case LG_PB_WIRE_8:
    case LG_PB_WIRE_4:
        return read_bits(r, wire, &bits);
    case LG_PB_WIRE_SIZED:
        return read_sized(r, &piece);
    case LG_PB_WIRE_GROUP:
    case LG_PB_WIRE_GROUP_END:
        return bad(r, where, "a group, which proto3 has not");
    default:
        return bad(r, where, "a wire type that does not exist");
    }
}

/* The field of that number, looked for from `from` on, where it stands when fields come in order;
 * NULL when there is none. */
static const struct lg_pb_field *find(const struct lg_pb_message *m, size_t from, uint32_t number)
{
    const struct lg_pb_field *fields = m->fields;

    if (from > 0 && fields[from - 1].number >= number)
        from = 0;
    while (from < m->field_count && fields[from].number < number)
        from++;
    return from < m->field_count && fields[from].number == number ? &fields[from] : NULL;
}

static bool fits(const struct lg_pb_field *f, unsigned wire)
{
    unsigned want = lg_pb_shapes[f->type].wire;

    return want == wire || (wire == LG_PB_WIRE_SIZED && lg_pb_is_repeated(f));
}

static enum lg_rc read_tag(struct reader *r, uint32_t *out)
{
    const uint8_t *where = r->at;
    uint64_t tag;
    enum lg_rc rc;

    r->f = NULL;
    rc = read_varint(r, &tag);
    if (rc != LG_OK)
        return rc;
    *out = (uint32_t)tag; /* Bits above are dropped, as of other numbers of 32 bits. */
    if (r->at - where > TAG_BYTES_MAX || *out >> 3 == 0)
        return bad(r, where, "a field's number is from 1 to 536870911");
    return LG_OK;
}

/* A field of another wire type than its own is one that is not known. */
static enum lg_rc read_fields(struct reader *r, uint8_t *msg, unsigned depth)
{
    size_t next = 0; /* Where a field that comes in order stands. */

    while (r->at < r->end) {
        const uint8_t *where = r->at;
        uint32_t tag = 0;
        enum lg_rc rc = read_tag(r, &tag);

        if (rc != LG_OK)
            return rc;
        r->f = find(r->m, next, tag >> 3);
        if (r->f != NULL && fits(r->f, tag & 7)) {
            next = (size_t)(r->f - r->m->fields) + (lg_pb_is_repeated(r->f) ? 0 : 1);
            rc = read_known(r, tag & 7, msg, depth);
        } else {
            rc = skip(r, tag & 7, where);
        }
        if (rc != LG_OK)
            return rc;
    }
    return LG_OK;
}

/* --- Maps ------------------------------------------------------------------------------------- */

static int compare_numbers(const struct lg_pb_field *key, const void *a, const void *b)
{
    bool is_signed = key->type == LG_PB_INT32 || key->type == LG_PB_SINT32 ||
                     key->type == LG_PB_SFIXED32 || key->type == LG_PB_INT64 ||
                     key->type == LG_PB_SINT64 || key->type == LG_PB_SFIXED64;
    unsigned size = lg_pb_shapes[key->type].size, shift = 64 - 8 * size;
    uint64_t x = 0, y = 0;

    if (size == 1) {
        x = *(const uint8_t *)a;
        y = *(const uint8_t *)b;
    } else if (size == 4) {
        uint32_t x4, y4;

        memcpy(&x4, a, sizeof x4);
        memcpy(&y4, b, sizeof y4);
        x = x4;
        y = y4;
    } else {
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
    }
    if (is_signed) { /* The sign to the top, and there it is turned. */
        x = (x << shift) ^ (UINT64_C(1) << 63);
        y = (y << shift) ^ (UINT64_C(1) << 63);
    }
    return (x > y) - (x < y);
}

static int compare_keys(const struct lg_pb_message *entry, const uint8_t *a, const uint8_t *b)
{
    const struct lg_pb_field *key = &entry->fields[0];
    struct lg_slice x, y;

    if (key->type != LG_PB_STRING)
        return compare_numbers(key, a + key->offset, b + key->offset);
    memcpy(&x, a + key->offset, sizeof x);
    memcpy(&y, b + key->offset, sizeof y);
    return lg_slice_cmp(x, y);
}

static bool is_sorted(const struct lg_pb_message *entry, const struct lg_pb_array *a)
{
    const uint8_t *data = a->data;

    for (size_t i = 1; i < a->size; i++) {
        if (compare_keys(entry, data + (i - 1) * entry->struct_size,
                         data + i * entry->struct_size) >= 0)
            return false;
    }
    return true;
}

/* Merges [from, middle) and [middle, to) of `in` into the same places of `out`; of equal keys the
 * earlier entry comes first. */
static void merge(const struct lg_pb_message *entry, const uint8_t *in, uint8_t *out, size_t from,
                  size_t middle, size_t to)
{
    size_t size = entry->struct_size, left = from, right = middle;

    for (size_t i = from; i < to; i++) {
        bool is_left = right == to || (left < middle && compare_keys(entry, in + left * size,
                                                                     in + right * size) <= 0);

        memcpy(out + i * size, in + (is_left ? left : right) * size, size);
        if (is_left)
            left++;
        else
            right++;
    }
}

/* Of equal keys, which are neighbours now, the last entry stays. */
static void keep_last(const struct lg_pb_message *entry, struct lg_pb_array *a)
{
    size_t size = entry->struct_size, kept = 0;
    uint8_t *data = a->data;

    for (size_t i = 0; i < a->size; i++) {
        if (i + 1 < a->size && compare_keys(entry, data + i * size, data + (i + 1) * size) == 0)
            continue;
        if (kept != i)
            memcpy(data + kept * size, data + i * size, size);
        kept++;
    }
    a->size = (uint32_t)kept;
}

static enum lg_rc settle_map(struct reader *r, struct lg_pb_array *a)
{
    const struct lg_pb_message *entry = r->f->message;
    size_t n = a->size;
    uint8_t *in = a->data, *out;

    if (is_sorted(entry, a))
        return LG_OK;
    out = lg_arena_alloc(r->arena, n * entry->struct_size);
    if (out == NULL)
        return no_room(r);
    for (size_t width = 1; width < n; width *= 2) {
        uint8_t *swap = in;

        for (size_t from = 0; from < n; from += 2 * width)
            merge(entry, in, out, from, LG_MIN(from + width, n), LG_MIN(from + 2 * width, n));
        in = out;
        out = swap;
    }
    a->data = in;
    a->capacity = a->size;
    keep_last(entry, a);
    return LG_OK;
}

static enum lg_rc settle(struct reader *r, const struct lg_pb_message *m, uint8_t *msg);

static enum lg_rc settle_array(struct reader *r, uint8_t *storage)
{
    const struct lg_pb_message *m = r->f->message;
    bool is_map = r->f->label == LG_PB_MAP;
    struct lg_pb_array a;
    enum lg_rc rc;

    memcpy(&a, storage, sizeof a);
    rc = is_map ? settle_map(r, &a) : LG_OK;
    memcpy(storage, &a, sizeof a);
    for (size_t i = 0; rc == LG_OK && m->has_maps && i < a.size; i++)
        rc = settle(r, m, (uint8_t *)a.data + i * m->struct_size);
    return rc;
}

/* Sorts all maps, once at the end: in between, a message that comes again and again with one entry
 * each time would have it sorted each time. */
static enum lg_rc settle(struct reader *r, const struct lg_pb_message *m, uint8_t *msg)
{
    enum lg_rc rc = LG_OK;

    for (size_t i = 0; rc == LG_OK && i < m->field_count; i++) {
        const struct lg_pb_field *f = &m->fields[i];
        uint32_t now = f->number;
        uint8_t *inner;

        if (f->type != LG_PB_MESSAGE || (f->label != LG_PB_MAP && !f->message->has_maps))
            continue;
        r->m = m;
        r->f = f;
        if (f->label == LG_PB_ONEOF)
            memcpy(&now, msg + f->has, sizeof now);
        if (lg_pb_is_repeated(f)) {
            rc = settle_array(r, msg + f->offset);
        } else if (now == f->number) {
            memcpy(&inner, msg + f->offset, sizeof inner);
            rc = inner == NULL ? LG_OK : settle(r, f->message, inner);
        }
    }
    return rc;
}

enum lg_rc lg_pb_decode(const struct lg_pb_message *m, struct lg_slice in, struct lg_arena *arena,
                        void *out, struct lg_error *err)
{
    static const uint8_t none[1];
    const uint8_t *start = in.data == NULL ? none : in.data;
    struct reader r = {
        .at = start, .end = start + in.size, .start = start, .m = m, .arena = arena, .err = err};
    enum lg_rc rc;

    memset(out, 0, m->struct_size);
    rc = read_fields(&r, out, /* depth= */ 1);
    if (rc == LG_OK && m->has_maps)
        rc = settle(&r, m, out);
    if (rc != LG_OK)
        memset(out, 0, m->struct_size);
    return rc;
}
