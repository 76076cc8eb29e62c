/* Our side of the protobuf judge (tools/judge.py): a filter of lines.
 *
 *     proto_judge read < lines     per line `NAME HEX`: `bad SENTENCE`, or `ok HEX VALUES`, which
 * is the message written again, and every field as it was understood proto_judge files the
 * descriptors of reflection in hex, one a line
 *
 * VALUES of a message: {NUMBER=VALUE ...}, by number, of all fields but members of a oneof that are
 * not set; numbers in decimal, reals, texts and bytes in hex, arrays as [VALUE ...], `-` for what
 * is not there. It does not go by what the writer takes for present.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "net/rpc.h"
#include "test/judge/every.h"

static void print_message(struct lg_buf *out, const struct lg_pb_message *m, const uint8_t *msg);

static void print_hex(struct lg_buf *out, struct lg_slice bytes)
{
    lg_buf_append_byte(out, 'x');
    lg_hex_encode(out, bytes);
}

static void print_value(struct lg_buf *out, const struct lg_pb_field *f, const uint8_t *at)
{
    union {
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        float f;
        double d;
        bool b;
        struct lg_slice s;
    } v;

    memcpy(&v, at, lg_pb_shapes[f->type].size);
    switch (f->type) {
    case LG_PB_INT32:
    case LG_PB_SINT32:
    case LG_PB_SFIXED32:
    case LG_PB_ENUM:
        lg_buf_appendf(out, "%d", v.i32);
        break;
    case LG_PB_INT64:
    case LG_PB_SINT64:
    case LG_PB_SFIXED64:
        lg_buf_appendf(out, "%lld", (long long)v.i64);
        break;
    case LG_PB_UINT32:
    case LG_PB_FIXED32:
        lg_buf_appendf(out, "%u", v.u32);
        break;
    case LG_PB_UINT64:
    case LG_PB_FIXED64:
        lg_buf_appendf(out, "%llu", (unsigned long long)v.u64);
        break;
    case LG_PB_BOOL:
        lg_buf_append_str(out, v.b ? "true" : "false");
        break;
    case LG_PB_FLOAT:
        if (isnan(v.f))
            lg_buf_append_str(out, "nan");
        else
            lg_buf_appendf(out, "f%08x", v.u32);
        break;
    case LG_PB_DOUBLE:
        if (isnan(v.d))
            lg_buf_append_str(out, "nan");
        else
            lg_buf_appendf(out, "d%016llx", (unsigned long long)v.u64);
        break;
    default:
        print_hex(out, v.s);
    }
}

static void print_array(struct lg_buf *out, const struct lg_pb_field *f, const uint8_t *storage)
{
    struct lg_pb_array a;

    memcpy(&a, storage, sizeof a);
    lg_buf_append_byte(out, '[');
    for (size_t i = 0; i < a.size; i++) {
        const uint8_t *at = (const uint8_t *)a.data + i * lg_pb_element_size(f);

        if (i > 0)
            lg_buf_append_byte(out, ' ');
        if (f->type == LG_PB_MESSAGE)
            print_message(out, f->message, at);
        else
            print_value(out, f, at);
    }
    lg_buf_append_byte(out, ']');
}

static void print_field(struct lg_buf *out, const struct lg_pb_field *f, const uint8_t *msg)
{
    static const uint8_t empty[4096];
    const void *inner;

    if (lg_pb_is_repeated(f)) {
        print_array(out, f, msg + f->offset);
    } else if (f->type == LG_PB_MESSAGE) {
        memcpy(&inner, msg + f->offset, sizeof inner);
        if (inner == NULL && f->label != LG_PB_ALWAYS)
            lg_buf_append_byte(out, '-');
        else /* The value of a map that is not there is an empty message. */
            print_message(out, f->message, inner == NULL ? empty : inner);
    } else if (f->label == LG_PB_OPTIONAL && !*(const bool *)(msg + f->has)) {
        lg_buf_append_byte(out, '-');
    } else {
        print_value(out, f, msg + f->offset);
    }
}

static void print_message(struct lg_buf *out, const struct lg_pb_message *m, const uint8_t *msg)
{
    size_t start = out->size + 1;

    assert(m->struct_size <= 4096);
    lg_buf_append_byte(out, '{');
    for (size_t i = 0; i < m->field_count; i++) {
        const struct lg_pb_field *f = &m->fields[i];
        uint32_t now = f->number;

        if (f->label == LG_PB_ONEOF)
            memcpy(&now, msg + f->has, sizeof now);
        if (now != f->number)
            continue;
        lg_buf_appendf(out, "%s%u=", out->size == start ? "" : " ", f->number);
        print_field(out, f, msg);
    }
    lg_buf_append_byte(out, '}');
}

static const struct lg_pb_message *table_of(const char *name)
{
    static const struct lg_pb_message *tables[2 * LG_RPC_COUNT + 1];

    tables[0] = &lg_judge_every_pb;
    for (size_t i = 0; i < LG_RPC_COUNT; i++) {
        tables[2 * i + 1] = lg_rpc_methods[i].request;
        tables[2 * i + 2] = lg_rpc_methods[i].response;
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(tables); i++) {
        if (strcmp(tables[i]->name, name) == 0)
            return tables[i];
    }
    fprintf(stderr, "proto_judge: no message %s\n", name);
    exit(2);
}

static void judge(const char *name, struct lg_slice hex, struct lg_arena *arena)
{
    const struct lg_pb_message *m = table_of(name);
    LG_SCOPED(lg_buf) in = {0}, again = {0}, out = {0};
    uint8_t *msg = lg_arena_alloc(arena, LG_MAX((size_t)m->struct_size, (size_t)1)), *bytes;
    struct lg_error err = {0};

    if (!lg_hex_decode(&in, hex)) {
        fprintf(stderr, "proto_judge: not in hex\n");
        exit(2);
    }
    bytes = lg_arena_copy(arena, lg_buf_slice(&in));
    if (lg_pb_decode(m, lg_slice(bytes, in.size), arena, msg, &err) != LG_OK ||
        lg_pb_encode(m, msg, &again, &err) != LG_OK) {
        printf("bad %s\n", err.text);
        return;
    }
    print_hex(&out, lg_buf_slice(&again));
    lg_buf_append_byte(&out, ' ');
    print_message(&out, m, msg);
    printf("ok %.*s\n", LG_FMT(lg_buf_slice(&out)));
}

static int read_lines(void)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;

    while ((size = getline(&line, &capacity, stdin)) > 0) {
        char *blank = strchr(line, ' ');

        if (blank == NULL || line[size - 1] != '\n')
            return 2;
        *blank = '\0';
        judge(line, lg_slice(blank + 1, (size_t)(line + size - 1 - blank - 1)), arena);
        lg_arena_reset(arena);
    }
    free(line);
    return 0;
}

static int tell_files(void)
{
    for (size_t i = 0; i < lg_rpc_file_count; i++) {
        LG_SCOPED(lg_buf) hex = {0};

        lg_hex_encode(&hex, lg_rpc_files[i].descriptor);
        printf("%.*s %.*s\n", LG_FMT(lg_rpc_files[i].name), LG_FMT(lg_buf_slice(&hex)));
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "files") == 0)
        return tell_files();
    if (argc == 2 && strcmp(argv[1], "read") == 0)
        return read_lines();
    fprintf(stderr, "usage: proto_judge read|files\n");
    return 2;
}
