/* The protobuf codec by tables written by hand: every type and label, what protobuf takes and what
 * it refuses. Golden bytes of Venice's messages: net/protos_test.c. Thousands of messages beside
 * Google's library: tools/judge.py. */
#include "base/pb.h"

#include <math.h>
#include <stdlib.h>

#include "base/str.h"
#include "test/test.h"

/* One of each type. */
struct all {
    double d;
    float f;
    int64_t i64;
    uint64_t u64;
    int32_t i32;
    uint64_t f64;
    uint32_t f32;
    bool b;
    struct lg_slice text, bytes;
    uint32_t u32;
    int32_t e;
    int32_t sf32;
    int64_t sf64;
    int32_t s32;
    int64_t s64;
    struct all *inner;
    LG_PB_ARRAY(struct all) many;
    LG_PB_ARRAY(int32_t) packed;
    LG_PB_ARRAY(uint32_t) fixed;
    LG_PB_ARRAY(struct lg_slice) texts;
    uint32_t maybe;
    bool has_maybe;
    uint32_t which;
    union {
        struct lg_slice name;
        struct all *message;
        uint64_t number;
    } one;
};
extern const struct lg_pb_message all_pb;
#define AT(m) offsetof(struct all, m)
/* clang-format off */
static const struct lg_pb_field all_fields[] = {
    {1, LG_PB_DOUBLE, LG_PB_PLAIN, AT(d), 0, "d", NULL},
    {2, LG_PB_FLOAT, LG_PB_PLAIN, AT(f), 0, "f", NULL},
    {3, LG_PB_INT64, LG_PB_PLAIN, AT(i64), 0, "i64", NULL},
    {4, LG_PB_UINT64, LG_PB_PLAIN, AT(u64), 0, "u64", NULL},
    {5, LG_PB_INT32, LG_PB_PLAIN, AT(i32), 0, "i32", NULL},
    {6, LG_PB_FIXED64, LG_PB_PLAIN, AT(f64), 0, "f64", NULL},
    {7, LG_PB_FIXED32, LG_PB_PLAIN, AT(f32), 0, "f32", NULL},
    {8, LG_PB_BOOL, LG_PB_PLAIN, AT(b), 0, "b", NULL},
    {9, LG_PB_STRING, LG_PB_PLAIN, AT(text), 0, "text", NULL},
    {12, LG_PB_BYTES, LG_PB_PLAIN, AT(bytes), 0, "bytes", NULL},
    {13, LG_PB_UINT32, LG_PB_PLAIN, AT(u32), 0, "u32", NULL},
    {14, LG_PB_ENUM, LG_PB_PLAIN, AT(e), 0, "e", NULL},
    {15, LG_PB_SFIXED32, LG_PB_PLAIN, AT(sf32), 0, "sf32", NULL},
    {16, LG_PB_SFIXED64, LG_PB_PLAIN, AT(sf64), 0, "sf64", NULL},
    {17, LG_PB_SINT32, LG_PB_PLAIN, AT(s32), 0, "s32", NULL},
    {18, LG_PB_SINT64, LG_PB_PLAIN, AT(s64), 0, "s64", NULL},
    {19, LG_PB_MESSAGE, LG_PB_PLAIN, AT(inner), 0, "inner", &all_pb},
    {20, LG_PB_MESSAGE, LG_PB_REPEATED, AT(many), 0, "many", &all_pb},
    {21, LG_PB_INT32, LG_PB_PACKED, AT(packed), 0, "packed", NULL},
    {22, LG_PB_FIXED32, LG_PB_PACKED, AT(fixed), 0, "fixed", NULL},
    {23, LG_PB_STRING, LG_PB_REPEATED, AT(texts), 0, "texts", NULL},
    {24, LG_PB_UINT32, LG_PB_OPTIONAL, AT(maybe), AT(has_maybe), "maybe", NULL},
    {25, LG_PB_STRING, LG_PB_ONEOF, AT(one.name), AT(which), "name", NULL},
    {26, LG_PB_MESSAGE, LG_PB_ONEOF, AT(one.message), AT(which), "message", &all_pb},
    {LG_PB_NUMBER_MAX, LG_PB_UINT64, LG_PB_ONEOF, AT(one.number), AT(which), "number", NULL},
};
/* clang-format on */
const struct lg_pb_message all_pb = {"All", all_fields, LG_ARRAY_SIZE(all_fields),
                                     sizeof(struct all), false};

static struct lg_arena *arena;

static int begin(void **state)
{
    (void)state;
    arena = lg_arena_new((size_t)1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    lg_arena_free(arena);
    return 0;
}

static enum lg_rc decode(const char *hex, struct all *out, struct lg_error *err)
{
    LG_SCOPED(lg_buf) in = {0};
    uint8_t *kept;

    assert_true(lg_hex_decode(&in, lg_slice_str(hex)));
    kept = lg_arena_copy(arena, lg_buf_slice(&in)); /* With poisoned bytes behind it. */
    return lg_pb_decode(&all_pb, lg_slice(kept, in.size), arena, out, err);
}

static void assert_refused(const char *hex, const char *sentence)
{
    struct lg_error err = {0};
    struct all got;

    assert_rc(LG_ERR_BAD_DATA, decode(hex, &got, &err));
    assert_string_equal(err.text, sentence);
    for (size_t i = 0; i < sizeof got; i++)
        assert_int_equal(((const uint8_t *)&got)[i], 0);
}

static struct all got_of(const char *hex)
{
    struct lg_error err = {0};
    struct all got;

    assert_ok(decode(hex, &got, &err));
    return got;
}

static void assert_writes(const struct all *msg, const char *want)
{
    LG_SCOPED(lg_buf) out = {0}, text = {0};
    struct lg_error err = {0};

    assert_ok(lg_pb_encode(&all_pb, msg, &out, &err));
    assert_int_equal(out.size, lg_pb_size(&all_pb, msg));
    lg_hex_encode(&text, lg_buf_slice(&out));
    lg_buf_append_byte(&text, 0);
    assert_string_equal(text.data, want);
}

#define EVERY_NUMBER                                                                               \
    "09000000000000f83f"     /* 1: 1.5 */                                                          \
    "150000c0bf"             /* 2: -1.5 */                                                         \
    "18ffffffffffffffffff01" /* 3: -1 */                                                           \
    "20ffffffffffffffffff01" /* 4: 2^64 - 1 */                                                     \
    "28feffffffffffffffff01" /* 5: -2 */                                                           \
    "310807060504030201"     /* 6 */                                                               \
    "3d04030201"             /* 7 */                                                               \
    "4001"                   /* 8 */                                                               \
    "4a03e282ac"             /* 9: the sign of the euro */                                         \
    "6202ff00"               /* 12 */                                                              \
    "68dcfcffff0f"           /* 13: -420 unsigned */                                               \
    "70ffffffffffffffffff01" /* 14: -1 */                                                          \
    "7dfeffffff"             /* 15: -2 */                                                          \
    "8101fdffffffffffffff"   /* 16: -3 */                                                          \
    "8801ffffffff0f"         /* 17: the least */                                                   \
    "900103"                 /* 18: -2 */

static void every_type_is_read_and_written(void **state)
{
    struct all got = got_of(EVERY_NUMBER);

    (void)state;
    assert_true(got.d == 1.5 && got.f == -1.5F && got.i64 == -1 && got.u64 == UINT64_MAX);
    assert_int_equal(got.i32, -2);
    assert_true(got.f64 == UINT64_C(0x0102030405060708) && got.f32 == 0x01020304);
    assert_true(got.b);
    assert_slice_equal(got.text, LG_LIT("\xe2\x82\xac"));
    assert_slice_equal(got.bytes, lg_slice("\xff\0", 2));
    assert_true(got.u32 == (uint32_t)-420 && got.e == -1 && got.sf32 == -2 && got.sf64 == -3);
    assert_true(got.s32 == INT32_MIN && got.s64 == -2);
    assert_writes(&got, EVERY_NUMBER);
}

static void zero_is_not_written_and_minus_zero_is(void **state)
{
    (void)state;
    assert_writes(&(struct all){0}, "");
    assert_writes(&(struct all){.d = -0.0}, "090000000000000080");
    assert_true(signbit(got_of("090000000000000080").d));
}

static void optional_fields_know_whether_they_are_there(void **state)
{
    (void)state;
    assert_false(got_of("").has_maybe);
    assert_true(got_of("c00100").has_maybe);
    assert_writes(&(struct all){.has_maybe = true}, "c00100");
    assert_writes(&(struct all){.maybe = 7}, "");
}

static void the_last_of_a_field_counts_and_messages_are_merged(void **state)
{
    struct all got = got_of("2801"
                            "9a01022801"   /* inner {i32: 1} */
                            "9a01036a0161" /* inner {13 as bytes: not known} */
                            "9a01026807"   /* inner {u32: 7} */
                            "2802");

    (void)state;
    assert_int_equal(got.i32, 2);
    assert_int_equal(got.inner->i32, 1);
    assert_int_equal(got.inner->u32, 7);
}

static void a_oneof_holds_its_last_member(void **state)
{
    struct all got = got_of("ca010161"     /* name: "a" */
                            "d201022801"   /* message {i32: 1} */
                            "d201026807"); /* the same member again: merged */

    (void)state;
    assert_int_equal(got.which, 26);
    assert_int_equal(got.one.message->i32, 1);
    assert_int_equal(got.one.message->u32, 7);
    assert_writes(&got, "d2010428016807");
    got = got_of("d201022801"
                 "ca0100"); /* an empty name is there all the same */
    assert_int_equal(got.which, 25);
    assert_int_equal(got.one.name.size, 0);
    assert_writes(&got, "ca0100");
    got = got_of("ca010161"
                 "d20100");
    assert_int_equal(got.which, 26);
    assert_int_equal(got.one.message->i32, 0);
    got = got_of("f8ffffff0f05"); /* the largest number of a field */
    assert_int_equal(got.which, LG_PB_NUMBER_MAX);
    assert_int_equal(got.one.number, 5);
    assert_writes(&got, "f8ffffff0f05");
}

static void repeated_numbers_are_read_packed_or_not_and_written_packed(void **state)
{
    struct all got = got_of("a801ffffffffffffffffff01" /* packed: -1 */
                            "aa0103028101"             /* 2, 129 */
                            "aa0100"                   /* none */
                            "b501070000"
                            "00"                       /* fixed: 7 */
                            "b201080800000009000000"); /* 8, 9 */

    (void)state;
    assert_int_equal(got.packed.size, 3);
    assert_int_equal(got.packed.data[0], -1);
    assert_int_equal(got.packed.data[2], 129);
    assert_int_equal(got.fixed.size, 3);
    assert_int_equal(got.fixed.data[2], 9);
    assert_writes(&got, "aa010dffffffffffffffffff01028101"
                        "b2010c070000000800000009000000");
}

static void repeated_texts_and_messages_keep_their_order(void **state)
{
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    struct lg_slice texts[1000];
    struct all many[3] = {{.i32 = 1}, {.i32 = 0}, {.text = LG_LIT("x")}};
    struct all msg = {.many = {many, 3, 0}, .texts = {texts, LG_ARRAY_SIZE(texts), 0}}, got;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(texts); i++)
        texts[i] = lg_slice("abcdefghij", i % 11);
    assert_ok(lg_pb_encode(&all_pb, &msg, &out, &err));
    assert_ok(lg_pb_decode(&all_pb, lg_buf_slice(&out), arena, &got, &err));
    assert_int_equal(got.many.size, 3);
    assert_int_equal(got.many.data[0].i32, 1);
    assert_int_equal(got.many.data[1].i32, 0);
    assert_slice_equal(got.many.data[2].text, LG_LIT("x"));
    assert_int_equal(got.texts.size, LG_ARRAY_SIZE(texts));
    for (size_t i = 0; i < LG_ARRAY_SIZE(texts); i++)
        assert_int_equal(got.texts.data[i].size, i % 11);
}

static void what_is_not_known_is_skipped(void **state)
{
    struct all got = got_of("5801"               /* 11: a varint */
                            "590102030405060708" /* 8 bytes */
                            "5d01020304"         /* 4 bytes */
                            "5a0161"             /* sized */
                            "0801"               /* 1, which is a double, as a varint */
                            "4d01020304"         /* 9, which is a string, as 4 bytes */
                            "aa010128"
                            "2807");

    (void)state;
    assert_int_equal(got.i32, 7);
    assert_true(got.d == 0 && got.text.size == 0);
    assert_int_equal(got.packed.size, 1);
}

static void numbers_may_be_longer_than_needed(void **state)
{
    (void)state;
    assert_int_equal(got_of("28818000").i32, 1);
    assert_int_equal(got_of("2881808080808080808000").i32, 1);
    assert_int_equal(got_of("288180808080808080807f").i32, 1); /* bits over 64 */
    assert_true(got_of("4080808080808080808001").b);           /* 2^63 is true */
    assert_true(got_of("6881808080f0ffffffff01").u32 == 1);    /* bits over 32 */
    assert_int_equal(got_of("a88080800007").i32, 7);           /* a tag of five bytes */
    assert_int_equal(got_of("a88080801007").i32, 7);           /* ... with bits over 32 */
}

static void malformed_messages_are_refused_with_field_and_byte(void **state)
{
    (void)state;
    assert_refused("28", "All.i32 at byte 1: it ends inside a number");
    assert_refused("2880", "All.i32 at byte 1: it ends inside a number");
    assert_refused("2801ff", "All at byte 2: it ends inside a number");
    assert_refused("288080808080808080808001",
                   "All.i32 at byte 1: a number is longer than 10 bytes");
    assert_refused("0900", "All.d at byte 1: it ends inside a number of fixed size");
    assert_refused("15000000", "All.f at byte 1: it ends inside a number of fixed size");
    assert_refused("4a0261", "All.text at byte 1: a length reaches over the end");
    assert_refused("4affffffffffffffffff01", "All.text at byte 1: a length reaches over the end");
    assert_refused("4a02c080", "All.text at byte 1: the string is not UTF-8");
    assert_refused("ba0103eda080", "All.texts at byte 2: the string is not UTF-8");
    assert_refused("9a01024a0161", "All.text at byte 4: a length reaches over the end");
    assert_refused("aa010180", "All.packed at byte 3: it ends inside a number");
    assert_refused("b20103000000", "All.fixed at byte 3: it ends inside a number of fixed size");
    assert_refused("00", "All at byte 0: a field's number is from 1 to 536870911");
    assert_refused("808080808001", "All at byte 0: a field's number is from 1 to 536870911");
    assert_refused("8080808010", "All at byte 0: a field's number is from 1 to 536870911");
    assert_refused("a8808080800007", "All at byte 0: a field's number is from 1 to 536870911");
    assert_refused("2b2c", "All at byte 0: a group, which proto3 has not");
    assert_refused("2c", "All at byte 0: a group, which proto3 has not");
    assert_refused("2e", "All at byte 0: a wire type that does not exist");
    assert_refused("5a0361", "All at byte 1: a length reaches over the end");
}

/* `depth` messages, one in another. */
static enum lg_rc decode_nested(unsigned depth, struct lg_error *err)
{
    LG_SCOPED(lg_buf) a = {0};
    struct all got;

    for (unsigned i = 1; i < depth; i++) {
        LG_SCOPED(lg_buf) b = {0};
        uint8_t size[LG_PB_VARINT_BYTES_MAX];

        lg_buf_append(&b, "\x9a\x01", 2);
        lg_buf_append(&b, size, (size_t)(lg_pb_put_varint(size, a.size) - size));
        lg_buf_append_slice(&b, lg_buf_slice(&a));
        lg_buf_clear(&a);
        lg_buf_append_slice(&a, lg_buf_slice(&b));
    }
    return lg_pb_decode(&all_pb, lg_buf_slice(&a), arena, &got, err);
}

static void messages_nest_to_a_depth(void **state)
{
    struct lg_error err = {0};

    (void)state;
    assert_ok(decode_nested(LG_PB_DEPTH_MAX, &err));
    assert_rc(LG_ERR_BAD_DATA, decode_nested(LG_PB_DEPTH_MAX + 1, &err));
    assert_non_null(strstr(err.text, "nest deeper than 100"));
}

static void memory_is_bounded_by_the_arena(void **state)
{
    LG_AUTO(lg_arena) *small = lg_arena_new((size_t)64 << 10);
    LG_SCOPED(lg_buf) in = {0};
    struct lg_error err = {0};
    struct all got;

    (void)state;
    for (size_t i = 0; i < 10000; i++)
        lg_buf_append(&in, "\xa2\x01\x00", 3); /* an empty message of an array */
    assert_rc(LG_ERR_TOO_LARGE, lg_pb_decode(&all_pb, lg_buf_slice(&in), small, &got, &err));
    assert_int_equal(got.many.size, 0);
    assert_rc(LG_ERR_TOO_LARGE,
              lg_pb_decode(&all_pb, lg_slice("\x9a\x01\x00", 3), NULL, &got, &err));
    assert_rc(LG_ERR_TOO_LARGE,
              lg_pb_decode(&all_pb, lg_slice("\xa8\x01\x00", 3), NULL, &got, NULL));
}

static void a_string_that_is_not_utf8_is_not_written(void **state)
{
    struct all inner = {.text = LG_LIT("\xff")};
    struct all many[1] = {inner};
    struct lg_error err = {0};
    LG_SCOPED(lg_buf) out = {0};

    (void)state;
    lg_buf_append_str(&out, "before");
    assert_rc(LG_ERR_INVALID, lg_pb_encode(&all_pb, &(struct all){.inner = &inner}, &out, &err));
    assert_string_equal(err.text, "All.text is not UTF-8");
    assert_rc(LG_ERR_INVALID,
              lg_pb_encode(&all_pb, &(struct all){.many = {many, 1, 0}}, &out, &err));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("before"));
}

static void a_buffer_that_is_too_small_stays_as_it_was(void **state)
{
    struct lg_buf out = lg_buf_with_ceiling(8);
    struct lg_error err = {0};

    (void)state;
    lg_buf_append_str(&out, "12345");
    assert_rc(LG_ERR_TOO_LARGE,
              lg_pb_encode(&all_pb, &(struct all){.text = LG_LIT("ab")}, &out, &err));
    assert_true(lg_buf_ok(&out));
    assert_ok(lg_pb_encode(&all_pb, &(struct all){.text = LG_LIT("a")}, &out, &err));
    assert_slice_equal(lg_buf_slice(&out), lg_slice("12345\x4a\x01"
                                                    "a",
                                                    8));
    lg_buf_done(&out);
}

static void sizes_of_varints_are_what_is_written(void **state)
{
    uint8_t bytes[LG_PB_VARINT_BYTES_MAX];

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t v = UINT64_C(1) << bit;

        assert_int_equal(lg_pb_varint_size(v), lg_pb_put_varint(bytes, v) - bytes);
        assert_int_equal(lg_pb_varint_size(v - 1), lg_pb_put_varint(bytes, v - 1) - bytes);
        assert_true(lg_pb_unzigzag(lg_pb_zigzag((int64_t)v)) == (int64_t)v);
    }
    assert_int_equal(lg_pb_zigzag(-1), 1);
    assert_int_equal(lg_pb_zigzag(1), 2);
}

/* Wherever a message is cut: refused, or what stands before the cut, and never read past it. */
static void a_message_cut_anywhere_is_read_to_the_cut_at_most(void **state)
{
    LG_SCOPED(lg_buf) in = {0};
    size_t accepted = 0;

    (void)state;
    assert_true(lg_hex_decode(&in, LG_LIT(EVERY_NUMBER "9a01022801a2010228"
                                                       "02aa0103028101b20104000000"
                                                       "00ba010161ca010161")));
    for (size_t size = 0; size <= in.size; size++) {
        uint8_t *cut = malloc(size == 0 ? 1 : size);
        struct lg_error err = {0};
        struct all got;

        memcpy(cut, in.data, size);
        accepted += lg_pb_decode(&all_pb, lg_slice(cut, size), arena, &got, &err) == LG_OK;
        free(cut);
    }
    assert_int_equal(accepted, 1 + 16 + 6); /* nothing, and behind each field */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_is_read_and_written, begin, end),
        cmocka_unit_test_setup_teardown(zero_is_not_written_and_minus_zero_is, begin, end),
        cmocka_unit_test_setup_teardown(optional_fields_know_whether_they_are_there, begin, end),
        cmocka_unit_test_setup_teardown(the_last_of_a_field_counts_and_messages_are_merged, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_oneof_holds_its_last_member, begin, end),
        cmocka_unit_test_setup_teardown(repeated_numbers_are_read_packed_or_not_and_written_packed,
                                        begin, end),
        cmocka_unit_test_setup_teardown(repeated_texts_and_messages_keep_their_order, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_known_is_skipped, begin, end),
        cmocka_unit_test_setup_teardown(numbers_may_be_longer_than_needed, begin, end),
        cmocka_unit_test_setup_teardown(malformed_messages_are_refused_with_field_and_byte, begin,
                                        end),
        cmocka_unit_test_setup_teardown(messages_nest_to_a_depth, begin, end),
        cmocka_unit_test_setup_teardown(memory_is_bounded_by_the_arena, begin, end),
        cmocka_unit_test_setup_teardown(a_string_that_is_not_utf8_is_not_written, begin, end),
        cmocka_unit_test_setup_teardown(a_buffer_that_is_too_small_stays_as_it_was, begin, end),
        cmocka_unit_test_setup_teardown(sizes_of_varints_are_what_is_written, begin, end),
        cmocka_unit_test_setup_teardown(a_message_cut_anywhere_is_read_to_the_cut_at_most, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
