/* Protocol buffers (proto3), reading and writing by tables. Pure.
 *
 * A message is a plain struct of the caller's, described by a struct lg_pb_message. Tables and
 * structs are made from .proto files by tools/gen_protos.py (net/protos.h), or written by hand.
 *
 *     bool, int32, uint64, double, ...   bool, int32_t, uint64_t, double, ...; an enum is an
 * int32_t string, bytes                      struct lg_slice: points into the input optional a bool
 * `has_x` beside it a message                          a pointer, NULL when absent oneof a uint32_t
 * with the number of the field that is set (0: none) beside a union repeated, map LG_PB_ARRAY: in
 * the order of the input; the entries of a map are sorted by key, one for each
 *
 * Reading takes memory only for messages, arrays and maps, from the arena. It takes what protobuf's
 * own libraries take: fields in any order, the last one of a field that stands twice (messages are
 * merged), packed or not, fields it does not know, enum values it does not know, varints of up to
 * 10 bytes whose needless bits are dropped. A string must be UTF-8. Groups, which proto3 has not,
 * are refused even where they are not known.
 */
#ifndef LG_BASE_PB_H
#define LG_BASE_PB_H

#include "base/arena.h"
#include "base/buf.h"

/* Messages in messages, the outermost counted; as deep as protobuf's own readers go. */
#define LG_PB_DEPTH_MAX 100
#define LG_PB_VARINT_BYTES_MAX 10
#define LG_PB_NUMBER_MAX ((UINT32_C(1) << 29) - 1)

#define LG_PB_ARRAY(type)                                                                          \
    struct {                                                                                       \
        type *data;                                                                                \
        uint32_t size;                                                                             \
        uint32_t capacity; /* The reader's; whoever fills the array for writing leaves it 0. */    \
    }

enum lg_pb_type { /* The numbers of descriptor.proto; 10 is a group. */
                  LG_PB_DOUBLE = 1,
                  LG_PB_FLOAT,
                  LG_PB_INT64,
                  LG_PB_UINT64,
                  LG_PB_INT32,
                  LG_PB_FIXED64,
                  LG_PB_FIXED32,
                  LG_PB_BOOL,
                  LG_PB_STRING,
                  LG_PB_MESSAGE = 11,
                  LG_PB_BYTES,
                  LG_PB_UINT32,
                  LG_PB_ENUM,
                  LG_PB_SFIXED32,
                  LG_PB_SFIXED64,
                  LG_PB_SINT32,
                  LG_PB_SINT64,
};

enum lg_pb_label {
    LG_PB_PLAIN,    /* Written unless it is 0 or empty; a message: unless it is NULL. */
    LG_PB_ALWAYS,   /* Written even so: key and value of a map's entry. */
    LG_PB_OPTIONAL, /* Written when `has` is true. */
    LG_PB_ONEOF,    /* Written when `has`, a uint32_t, is this field's number. */
    LG_PB_REPEATED, /* One by one. */
    LG_PB_PACKED,   /* Written in one piece; read either way, as LG_PB_REPEATED is. */
    LG_PB_MAP,      /* Repeated entries: messages with the fields 1, the key, and 2, the value. */
};

struct lg_pb_message;

struct lg_pb_field {
    uint32_t number;
    uint8_t type;    /* enum lg_pb_type */
    uint8_t label;   /* enum lg_pb_label */
    uint16_t offset; /* of the value in the struct */
    uint16_t has;    /* offset of the bool of LG_PB_OPTIONAL, or the uint32_t of LG_PB_ONEOF */
    const char *name;
    const struct lg_pb_message *message; /* of LG_PB_MESSAGE */
};

struct lg_pb_message {
    const char *name;
    const struct lg_pb_field *fields; /* By ascending number. */
    uint16_t field_count;
    uint16_t struct_size; /* bytes */
    bool has_maps;        /* It or a message in it has one. */
};

/* Reads all of `in` as one message into `*out`, a struct of `m`. Slices point into `in`, the rest
 * is the arena's, which may be NULL for a message without messages, arrays and maps in it.
 * LG_ERR_BAD_DATA names field and byte; LG_ERR_TOO_LARGE past the arena's limit; `*out` is then
 * all zero. `err` may be NULL. */
LG_MUST_CHECK enum lg_rc lg_pb_decode(const struct lg_pb_message *m, struct lg_slice in,
                                      struct lg_arena *arena, void *out, struct lg_error *err);

/* Bytes of the message that `msg`, a struct of `m`, is written as. */
size_t lg_pb_size(const struct lg_pb_message *m, const void *msg);
/* Appends them: fields by number, maps by the order of the array. `out` is as it was after
 * LG_ERR_INVALID, a string that is not UTF-8, and LG_ERR_TOO_LARGE, past its ceiling. */
LG_MUST_CHECK enum lg_rc lg_pb_encode(const struct lg_pb_message *m, const void *msg,
                                      struct lg_buf *out, struct lg_error *err);
/* The same into memory of exactly lg_pb_size bytes. LG_ERR_INVALID only; the memory may then hold
 * anything. */
LG_MUST_CHECK enum lg_rc lg_pb_write(const struct lg_pb_message *m, const void *msg, uint8_t *to,
                                     size_t size, struct lg_error *err);

/* For what is written by hand. */
static inline size_t lg_pb_varint_size(uint64_t v)
{
    /* Bits in use, at least 1, over 7, rounded up: 9/64 is near enough to 1/7 up to 64. */
    return ((size_t)(63 - __builtin_clzll(v | 1)) * 9 + 73) / 64;
}
/* Returns the byte behind what it wrote. */
static inline uint8_t *lg_pb_put_varint(uint8_t *to, uint64_t v)
{
    while (v >= 0x80) {
        *to++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *to++ = (uint8_t)v;
    return to;
}
static inline uint64_t lg_pb_zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (0 - ((uint64_t)v >> 63));
}
static inline int64_t lg_pb_unzigzag(uint64_t z)
{
    return (int64_t)((z >> 1) ^ (0 - (z & 1)));
}

/* What both halves know of a type. */
enum lg_pb_wire {
    LG_PB_WIRE_VARINT = 0,
    LG_PB_WIRE_8 = 1,
    LG_PB_WIRE_SIZED = 2,
    LG_PB_WIRE_GROUP = 3,
    LG_PB_WIRE_GROUP_END = 4,
    LG_PB_WIRE_4 = 5,
};
struct lg_pb_shape {
    uint8_t wire; /* enum lg_pb_wire */
    uint8_t size; /* bytes in memory; of a message: its pointer */
};
extern const struct lg_pb_shape lg_pb_shapes[LG_PB_SINT64 + 1];
/* The array of a repeated field, whatever it holds: copied with memcpy, never cast. */
struct lg_pb_array {
    void *data;
    uint32_t size, capacity;
};
/* Bytes of one element: of arrays of messages the struct itself. */
static inline size_t lg_pb_element_size(const struct lg_pb_field *f)
{
    return f->type == LG_PB_MESSAGE ? f->message->struct_size : lg_pb_shapes[f->type].size;
}
static inline bool lg_pb_is_repeated(const struct lg_pb_field *f)
{
    return f->label >= LG_PB_REPEATED;
}

#endif
