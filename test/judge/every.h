/* Written by tools/gen_protos.py from every.proto: structs and tables, for one includer. */

/* clang-format off */
#ifndef LG_TEST_JUDGE_EVERY_H
#define LG_TEST_JUDGE_EVERY_H

#include "base/pb.h"

struct lg_judge_every;
struct lg_judge_every_texts_by_text_entry;
struct lg_judge_every_every_by_i32_entry;
struct lg_judge_every_d_by_s64_entry;
struct lg_judge_every_bin_by_b_entry;
struct lg_judge_every_color_by_f64_entry;
struct lg_judge_every_u32_by_u32_entry;
struct lg_judge_every_f_by_sf32_entry;
struct lg_judge_every_every_by_text_entry;

/* lagoon.judge.Every */
struct lg_judge_every {
    double d;
    float f;
    int64_t i64;
    uint64_t u64;
    int32_t i32;
    uint64_t f64;
    uint32_t f32;
    bool b;
    struct lg_slice text;
    struct lg_slice bin;
    uint32_t u32;
    int32_t color;
    int32_t sf32;
    int64_t sf64;
    int32_t s32;
    int64_t s64;
    struct lg_judge_every *inner;
    LG_PB_ARRAY(struct lg_judge_every) many;
    LG_PB_ARRAY(double) ds;
    LG_PB_ARRAY(float) fs;
    LG_PB_ARRAY(int64_t) i64s;
    LG_PB_ARRAY(int32_t) i32s;
    LG_PB_ARRAY(bool) bs;
    LG_PB_ARRAY(struct lg_slice) texts;
    LG_PB_ARRAY(struct lg_slice) bins;
    LG_PB_ARRAY(int32_t) colors;
    LG_PB_ARRAY(int64_t) s64s;
    LG_PB_ARRAY(uint32_t) f32s;
    LG_PB_ARRAY(uint32_t) loose;
    double maybe_d;
    bool has_maybe_d;
    struct lg_slice maybe_text;
    bool has_maybe_text;
    bool maybe_b;
    bool has_maybe_b;
    int32_t maybe_s32;
    bool has_maybe_s32;
    struct lg_judge_every *maybe_every;
    uint32_t one_case; /* 0, or the number of one of these */
    union {
        struct lg_slice one_text; /* 40 */
        struct lg_judge_every *one_every; /* 41 */
        int64_t one_s64; /* 42 */
        bool one_b; /* 43 */
        int32_t one_color; /* 44 */
    } one;
    uint32_t other_case; /* 0, or the number of one of these */
    union {
        struct lg_slice other_bin; /* 50 */
        float other_f; /* 51 */
    } other;
    LG_PB_ARRAY(struct lg_judge_every_texts_by_text_entry) texts_by_text;
    LG_PB_ARRAY(struct lg_judge_every_every_by_i32_entry) every_by_i32;
    LG_PB_ARRAY(struct lg_judge_every_d_by_s64_entry) d_by_s64;
    LG_PB_ARRAY(struct lg_judge_every_bin_by_b_entry) bin_by_b;
    LG_PB_ARRAY(struct lg_judge_every_color_by_f64_entry) color_by_f64;
    LG_PB_ARRAY(struct lg_judge_every_u32_by_u32_entry) u32_by_u32;
    LG_PB_ARRAY(struct lg_judge_every_f_by_sf32_entry) f_by_sf32;
    LG_PB_ARRAY(struct lg_judge_every_every_by_text_entry) every_by_text;
    int32_t last;
};
enum {
    LG_JUDGE_EVERY_ONE_TEXT = 40,
    LG_JUDGE_EVERY_ONE_EVERY = 41,
    LG_JUDGE_EVERY_ONE_S64 = 42,
    LG_JUDGE_EVERY_ONE_B = 43,
    LG_JUDGE_EVERY_ONE_COLOR = 44,
    LG_JUDGE_EVERY_OTHER_BIN = 50,
    LG_JUDGE_EVERY_OTHER_F = 51,
};
extern const struct lg_pb_message lg_judge_every_pb;

/* lagoon.judge.Every.TextsByTextEntry */
struct lg_judge_every_texts_by_text_entry {
    struct lg_slice key;
    struct lg_slice value;
};
extern const struct lg_pb_message lg_judge_every_texts_by_text_entry_pb;

/* lagoon.judge.Every.EveryByI32Entry */
struct lg_judge_every_every_by_i32_entry {
    int32_t key;
    struct lg_judge_every *value;
};
extern const struct lg_pb_message lg_judge_every_every_by_i32_entry_pb;

/* lagoon.judge.Every.DByS64Entry */
struct lg_judge_every_d_by_s64_entry {
    int64_t key;
    double value;
};
extern const struct lg_pb_message lg_judge_every_d_by_s64_entry_pb;

/* lagoon.judge.Every.BinByBEntry */
struct lg_judge_every_bin_by_b_entry {
    bool key;
    struct lg_slice value;
};
extern const struct lg_pb_message lg_judge_every_bin_by_b_entry_pb;

/* lagoon.judge.Every.ColorByF64Entry */
struct lg_judge_every_color_by_f64_entry {
    uint64_t key;
    int32_t value;
};
extern const struct lg_pb_message lg_judge_every_color_by_f64_entry_pb;

/* lagoon.judge.Every.U32ByU32Entry */
struct lg_judge_every_u32_by_u32_entry {
    uint32_t key;
    uint32_t value;
};
extern const struct lg_pb_message lg_judge_every_u32_by_u32_entry_pb;

/* lagoon.judge.Every.FBySf32Entry */
struct lg_judge_every_f_by_sf32_entry {
    int32_t key;
    float value;
};
extern const struct lg_pb_message lg_judge_every_f_by_sf32_entry_pb;

/* lagoon.judge.Every.EveryByTextEntry */
struct lg_judge_every_every_by_text_entry {
    struct lg_slice key;
    struct lg_judge_every *value;
};
extern const struct lg_pb_message lg_judge_every_every_by_text_entry_pb;

static const struct lg_pb_field lg_judge_every_fields[] = {
    {1, LG_PB_DOUBLE, LG_PB_PLAIN, offsetof(struct lg_judge_every, d), 0, "d", NULL},
    {2, LG_PB_FLOAT, LG_PB_PLAIN, offsetof(struct lg_judge_every, f), 0, "f", NULL},
    {3, LG_PB_INT64, LG_PB_PLAIN, offsetof(struct lg_judge_every, i64), 0, "i64", NULL},
    {4, LG_PB_UINT64, LG_PB_PLAIN, offsetof(struct lg_judge_every, u64), 0, "u64", NULL},
    {5, LG_PB_INT32, LG_PB_PLAIN, offsetof(struct lg_judge_every, i32), 0, "i32", NULL},
    {6, LG_PB_FIXED64, LG_PB_PLAIN, offsetof(struct lg_judge_every, f64), 0, "f64", NULL},
    {7, LG_PB_FIXED32, LG_PB_PLAIN, offsetof(struct lg_judge_every, f32), 0, "f32", NULL},
    {8, LG_PB_BOOL, LG_PB_PLAIN, offsetof(struct lg_judge_every, b), 0, "b", NULL},
    {9, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_judge_every, text), 0, "text", NULL},
    {10, LG_PB_BYTES, LG_PB_PLAIN, offsetof(struct lg_judge_every, bin), 0, "bin", NULL},
    {11, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_judge_every, u32), 0, "u32", NULL},
    {12, LG_PB_ENUM, LG_PB_PLAIN, offsetof(struct lg_judge_every, color), 0, "color", NULL},
    {13, LG_PB_SFIXED32, LG_PB_PLAIN, offsetof(struct lg_judge_every, sf32), 0, "sf32", NULL},
    {14, LG_PB_SFIXED64, LG_PB_PLAIN, offsetof(struct lg_judge_every, sf64), 0, "sf64", NULL},
    {15, LG_PB_SINT32, LG_PB_PLAIN, offsetof(struct lg_judge_every, s32), 0, "s32", NULL},
    {16, LG_PB_SINT64, LG_PB_PLAIN, offsetof(struct lg_judge_every, s64), 0, "s64", NULL},
    {17, LG_PB_MESSAGE, LG_PB_PLAIN, offsetof(struct lg_judge_every, inner), 0, "inner", &lg_judge_every_pb},
    {18, LG_PB_MESSAGE, LG_PB_REPEATED, offsetof(struct lg_judge_every, many), 0, "many", &lg_judge_every_pb},
    {19, LG_PB_DOUBLE, LG_PB_PACKED, offsetof(struct lg_judge_every, ds), 0, "ds", NULL},
    {20, LG_PB_FLOAT, LG_PB_PACKED, offsetof(struct lg_judge_every, fs), 0, "fs", NULL},
    {21, LG_PB_INT64, LG_PB_PACKED, offsetof(struct lg_judge_every, i64s), 0, "i64s", NULL},
    {22, LG_PB_INT32, LG_PB_PACKED, offsetof(struct lg_judge_every, i32s), 0, "i32s", NULL},
    {23, LG_PB_BOOL, LG_PB_PACKED, offsetof(struct lg_judge_every, bs), 0, "bs", NULL},
    {24, LG_PB_STRING, LG_PB_REPEATED, offsetof(struct lg_judge_every, texts), 0, "texts", NULL},
    {25, LG_PB_BYTES, LG_PB_REPEATED, offsetof(struct lg_judge_every, bins), 0, "bins", NULL},
    {26, LG_PB_ENUM, LG_PB_PACKED, offsetof(struct lg_judge_every, colors), 0, "colors", NULL},
    {27, LG_PB_SINT64, LG_PB_PACKED, offsetof(struct lg_judge_every, s64s), 0, "s64s", NULL},
    {28, LG_PB_FIXED32, LG_PB_PACKED, offsetof(struct lg_judge_every, f32s), 0, "f32s", NULL},
    {29, LG_PB_UINT32, LG_PB_REPEATED, offsetof(struct lg_judge_every, loose), 0, "loose", NULL},
    {30, LG_PB_DOUBLE, LG_PB_OPTIONAL, offsetof(struct lg_judge_every, maybe_d), offsetof(struct lg_judge_every, has_maybe_d), "maybe_d", NULL},
    {31, LG_PB_STRING, LG_PB_OPTIONAL, offsetof(struct lg_judge_every, maybe_text), offsetof(struct lg_judge_every, has_maybe_text), "maybe_text", NULL},
    {32, LG_PB_BOOL, LG_PB_OPTIONAL, offsetof(struct lg_judge_every, maybe_b), offsetof(struct lg_judge_every, has_maybe_b), "maybe_b", NULL},
    {33, LG_PB_SINT32, LG_PB_OPTIONAL, offsetof(struct lg_judge_every, maybe_s32), offsetof(struct lg_judge_every, has_maybe_s32), "maybe_s32", NULL},
    {34, LG_PB_MESSAGE, LG_PB_PLAIN, offsetof(struct lg_judge_every, maybe_every), 0, "maybe_every", &lg_judge_every_pb},
    {40, LG_PB_STRING, LG_PB_ONEOF, offsetof(struct lg_judge_every, one.one_text), offsetof(struct lg_judge_every, one_case), "one_text", NULL},
    {41, LG_PB_MESSAGE, LG_PB_ONEOF, offsetof(struct lg_judge_every, one.one_every), offsetof(struct lg_judge_every, one_case), "one_every", &lg_judge_every_pb},
    {42, LG_PB_SINT64, LG_PB_ONEOF, offsetof(struct lg_judge_every, one.one_s64), offsetof(struct lg_judge_every, one_case), "one_s64", NULL},
    {43, LG_PB_BOOL, LG_PB_ONEOF, offsetof(struct lg_judge_every, one.one_b), offsetof(struct lg_judge_every, one_case), "one_b", NULL},
    {44, LG_PB_ENUM, LG_PB_ONEOF, offsetof(struct lg_judge_every, one.one_color), offsetof(struct lg_judge_every, one_case), "one_color", NULL},
    {50, LG_PB_BYTES, LG_PB_ONEOF, offsetof(struct lg_judge_every, other.other_bin), offsetof(struct lg_judge_every, other_case), "other_bin", NULL},
    {51, LG_PB_FLOAT, LG_PB_ONEOF, offsetof(struct lg_judge_every, other.other_f), offsetof(struct lg_judge_every, other_case), "other_f", NULL},
    {60, LG_PB_MESSAGE, LG_PB_MAP, offsetof(struct lg_judge_every, texts_by_text), 0, "texts_by_text", &lg_judge_every_texts_by_text_entry_pb},
    {61, LG_PB_MESSAGE, LG_PB_MAP, offsetof(struct lg_judge_every, every_by_i32), 0, "every_by_i32", &lg_judge_every_every_by_i32_entry_pb},
    {62, LG_PB_MESSAGE, LG_PB_MAP, offsetof(struct lg_judge_every, d_by_s64), 0, "d_by_s64", &lg_judge_every_d_by_s64_entry_pb},
    {63, LG_PB_MESSAGE, LG_PB_MAP, offsetof(struct lg_judge_every, bin_by_b), 0, "bin_by_b", &lg_judge_every_bin_by_b_entry_pb},
    {64, LG_PB_MESSAGE, LG_PB_MAP, offsetof(struct lg_judge_every, color_by_f64), 0, "color_by_f64", &lg_judge_every_color_by_f64_entry_pb},
    {65, LG_PB_MESSAGE, LG_PB_MAP, offsetof(struct lg_judge_every, u32_by_u32), 0, "u32_by_u32", &lg_judge_every_u32_by_u32_entry_pb},
    {66, LG_PB_MESSAGE, LG_PB_MAP, offsetof(struct lg_judge_every, f_by_sf32), 0, "f_by_sf32", &lg_judge_every_f_by_sf32_entry_pb},
    {67, LG_PB_MESSAGE, LG_PB_MAP, offsetof(struct lg_judge_every, every_by_text), 0, "every_by_text", &lg_judge_every_every_by_text_entry_pb},
    {536870911, LG_PB_INT32, LG_PB_PLAIN, offsetof(struct lg_judge_every, last), 0, "last", NULL},
};
const struct lg_pb_message lg_judge_every_pb = {
    "lagoon.judge.Every", lg_judge_every_fields, 50, sizeof(struct lg_judge_every), true};

static const struct lg_pb_field lg_judge_every_texts_by_text_entry_fields[] = {
    {1, LG_PB_STRING, LG_PB_ALWAYS, offsetof(struct lg_judge_every_texts_by_text_entry, key), 0, "key", NULL},
    {2, LG_PB_STRING, LG_PB_ALWAYS, offsetof(struct lg_judge_every_texts_by_text_entry, value), 0, "value", NULL},
};
const struct lg_pb_message lg_judge_every_texts_by_text_entry_pb = {
    "lagoon.judge.Every.TextsByTextEntry", lg_judge_every_texts_by_text_entry_fields, 2, sizeof(struct lg_judge_every_texts_by_text_entry), false};

static const struct lg_pb_field lg_judge_every_every_by_i32_entry_fields[] = {
    {1, LG_PB_INT32, LG_PB_ALWAYS, offsetof(struct lg_judge_every_every_by_i32_entry, key), 0, "key", NULL},
    {2, LG_PB_MESSAGE, LG_PB_ALWAYS, offsetof(struct lg_judge_every_every_by_i32_entry, value), 0, "value", &lg_judge_every_pb},
};
const struct lg_pb_message lg_judge_every_every_by_i32_entry_pb = {
    "lagoon.judge.Every.EveryByI32Entry", lg_judge_every_every_by_i32_entry_fields, 2, sizeof(struct lg_judge_every_every_by_i32_entry), true};

static const struct lg_pb_field lg_judge_every_d_by_s64_entry_fields[] = {
    {1, LG_PB_SINT64, LG_PB_ALWAYS, offsetof(struct lg_judge_every_d_by_s64_entry, key), 0, "key", NULL},
    {2, LG_PB_DOUBLE, LG_PB_ALWAYS, offsetof(struct lg_judge_every_d_by_s64_entry, value), 0, "value", NULL},
};
const struct lg_pb_message lg_judge_every_d_by_s64_entry_pb = {
    "lagoon.judge.Every.DByS64Entry", lg_judge_every_d_by_s64_entry_fields, 2, sizeof(struct lg_judge_every_d_by_s64_entry), false};

static const struct lg_pb_field lg_judge_every_bin_by_b_entry_fields[] = {
    {1, LG_PB_BOOL, LG_PB_ALWAYS, offsetof(struct lg_judge_every_bin_by_b_entry, key), 0, "key", NULL},
    {2, LG_PB_BYTES, LG_PB_ALWAYS, offsetof(struct lg_judge_every_bin_by_b_entry, value), 0, "value", NULL},
};
const struct lg_pb_message lg_judge_every_bin_by_b_entry_pb = {
    "lagoon.judge.Every.BinByBEntry", lg_judge_every_bin_by_b_entry_fields, 2, sizeof(struct lg_judge_every_bin_by_b_entry), false};

static const struct lg_pb_field lg_judge_every_color_by_f64_entry_fields[] = {
    {1, LG_PB_FIXED64, LG_PB_ALWAYS, offsetof(struct lg_judge_every_color_by_f64_entry, key), 0, "key", NULL},
    {2, LG_PB_ENUM, LG_PB_ALWAYS, offsetof(struct lg_judge_every_color_by_f64_entry, value), 0, "value", NULL},
};
const struct lg_pb_message lg_judge_every_color_by_f64_entry_pb = {
    "lagoon.judge.Every.ColorByF64Entry", lg_judge_every_color_by_f64_entry_fields, 2, sizeof(struct lg_judge_every_color_by_f64_entry), false};

static const struct lg_pb_field lg_judge_every_u32_by_u32_entry_fields[] = {
    {1, LG_PB_UINT32, LG_PB_ALWAYS, offsetof(struct lg_judge_every_u32_by_u32_entry, key), 0, "key", NULL},
    {2, LG_PB_UINT32, LG_PB_ALWAYS, offsetof(struct lg_judge_every_u32_by_u32_entry, value), 0, "value", NULL},
};
const struct lg_pb_message lg_judge_every_u32_by_u32_entry_pb = {
    "lagoon.judge.Every.U32ByU32Entry", lg_judge_every_u32_by_u32_entry_fields, 2, sizeof(struct lg_judge_every_u32_by_u32_entry), false};

static const struct lg_pb_field lg_judge_every_f_by_sf32_entry_fields[] = {
    {1, LG_PB_SFIXED32, LG_PB_ALWAYS, offsetof(struct lg_judge_every_f_by_sf32_entry, key), 0, "key", NULL},
    {2, LG_PB_FLOAT, LG_PB_ALWAYS, offsetof(struct lg_judge_every_f_by_sf32_entry, value), 0, "value", NULL},
};
const struct lg_pb_message lg_judge_every_f_by_sf32_entry_pb = {
    "lagoon.judge.Every.FBySf32Entry", lg_judge_every_f_by_sf32_entry_fields, 2, sizeof(struct lg_judge_every_f_by_sf32_entry), false};

static const struct lg_pb_field lg_judge_every_every_by_text_entry_fields[] = {
    {1, LG_PB_STRING, LG_PB_ALWAYS, offsetof(struct lg_judge_every_every_by_text_entry, key), 0, "key", NULL},
    {2, LG_PB_MESSAGE, LG_PB_ALWAYS, offsetof(struct lg_judge_every_every_by_text_entry, value), 0, "value", &lg_judge_every_pb},
};
const struct lg_pb_message lg_judge_every_every_by_text_entry_pb = {
    "lagoon.judge.Every.EveryByTextEntry", lg_judge_every_every_by_text_entry_fields, 2, sizeof(struct lg_judge_every_every_by_text_entry), true};

#endif
