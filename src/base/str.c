/* Text. Stateless; any lane. Parsers take whole slices and leave their output alone on failure. */
#include "base/str.h"

#include <stdio.h>

char *lg_strf(const char *fmt, ...)
{
    va_list args;
    char *text;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(n >= 0);
    text = lg_alloc((size_t)n + 1);
    va_start(args, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return text;
}

bool lg_parse_u64(struct lg_slice text, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (text.size == 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';

        if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

bool lg_parse_i64(struct lg_slice text, int64_t min, int64_t max, int64_t *out)
{
    bool is_negative = text.size > 0 && text.data[0] == '-';
    uint64_t magnitude;
    int64_t v;

    if (!lg_parse_u64(lg_slice_skip(text, is_negative ? 1 : 0),
                      (uint64_t)INT64_MAX + (is_negative ? 1 : 0), &magnitude))
        return false;
    v = (int64_t)(is_negative ? 0 - magnitude : magnitude);
    if (v < min || v > max)
        return false;
    *out = v;
    return true;
}

/* --- Base64 ----------------------------------------------------------------------------------- */
static const char base64_standard[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void lg_base64_encode(struct lg_buf *out, struct lg_slice bytes, bool url_safe)
{
    const char *digits = url_safe ? base64_url : base64_standard;

    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t n = LG_MIN(bytes.size - i, (size_t)3);
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        char text[4];

        if (n > 1)
            group |= (uint32_t)bytes.data[i + 1] << 8;
        if (n > 2)
            group |= bytes.data[i + 2];
        text[0] = digits[group >> 18];
        text[1] = digits[group >> 12 & 63];
        text[2] = n > 1 ? digits[group >> 6 & 63] : '=';
        text[3] = n > 2 ? digits[group & 63] : '=';
        lg_buf_append(out, text, sizeof(text));
    }
}

/* What a character stands for, in either alphabet; 64 and more: nothing. A table, because keys come
 * in base64. */
static const uint8_t base64_values[256] = {
#define NONE_8 64, 64, 64, 64, 64, 64, 64, 64
    NONE_8, NONE_8, NONE_8, NONE_8, NONE_8, 64,     64,     64,     62,     64,     62,     64,
    63, /* + - / */
    52,     53,     54,     55,     56,     57,     58,     59,     60,     61,     64,     64,
    64,     64,     64,     64,     64,     0,      1,      2,      3,      4,      5,      6,
    7,      8,      9,      10,     11,     12,     13,     14,     15,     16,     17,     18,
    19,     20,     21,     22,     23,     24,     25,     64,     64,     64,     64,     63,
    64,     26,     27,     28,     29,     30,     31,     32,     33,     34,     35,     36,
    37,     38,     39,     40,     41,     42,     43,     44,     45,     46,     47,     48,
    49,     50,     51,     64,     64,     64,     64,     64,     NONE_8, NONE_8, NONE_8, NONE_8,
    NONE_8, NONE_8, NONE_8, NONE_8, NONE_8, NONE_8, NONE_8, NONE_8, NONE_8, NONE_8, NONE_8, NONE_8};

/* The same, for each of four characters, where its bits stand among those of three bytes, which
 * come first in memory. A character that stands for nothing has a bit in the fourth byte. */
static uint32_t base64_places[4][256];

__attribute__((constructor)) static void fill_places(void)
{
    for (unsigned i = 0; i < 4; i++)
        for (unsigned c = 0; c < 256; c++)
            base64_places[i][c] =
                htobe32(base64_values[c] < 64 ? (uint32_t)base64_values[c] << (26 - 6 * i) : 1);
}

/* Four characters as three bytes, the first ones in memory, and a byte that is not 0 once one of
 * them stood for nothing. */
static inline uint32_t decode_four(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return base64_places[0][a] | base64_places[1][b] | base64_places[2][c] | base64_places[3][d];
}

bool lg_base64_decode(struct lg_buf *out, struct lg_slice text)
{
    size_t size = text.size, rest, bytes;
    const uint8_t *from = text.data, *end;
    uint32_t all = 0, four;
    uint8_t *to;

    if (size > 0 && size % 4 == 0 && text.data[size - 1] == '=')
        size -= text.data[size - 2] == '=' ? 2 : 1;
    if (size == 0)
        return true;
    rest = (size - 1) % 4 + 1; /* The last characters, one to four, by themselves. */
    if (rest == 1)
        return false;
    bytes = size / 4 * 3 + (size % 4 == 0 ? 0 : size % 4 - 1);
    to = lg_buf_reserve(out, bytes);
    if (to == NULL)
        return false;
    for (end = from + (size - rest); from != end; from += 4, to += 3) {
        four = decode_four(from[0], from[1], from[2], from[3]);
        all |= four;
        memcpy(to, &four, sizeof four); /* One byte too many, which the next ones replace. */
    }
    /* A stands for no bits. */
    four =
        be32toh(decode_four(from[0], from[1], rest > 2 ? from[2] : 'A', rest > 3 ? from[3] : 'A'));
    to[0] = (uint8_t)(four >> 24);
    if (rest > 2)
        to[1] = (uint8_t)(four >> 16);
    if (rest > 3)
        to[2] = (uint8_t)(four >> 8);
    if (((be32toh(all) | four) & 0xff) != 0)
        return false;
    lg_buf_commit(out, bytes);
    return true;
}

/* --- Hexadecimal and percent ------------------------------------------------------------------ */
static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";

/* -1 when it is no digit. */
static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that two digits spell, or -1. */
static int hex_byte(const uint8_t *digits)
{
    int hi = hex_value(digits[0]), lo = hex_value(digits[1]);

    return hi < 0 || lo < 0 ? -1 : hi * 16 + lo;
}

void lg_hex_encode(struct lg_buf *out, struct lg_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        char text[2] = {hex_lower[bytes.data[i] >> 4], hex_lower[bytes.data[i] & 15]};

        lg_buf_append(out, text, sizeof(text));
    }
}

bool lg_hex_decode(struct lg_buf *out, struct lg_slice text)
{
    uint8_t *room;

    if (text.size % 2 != 0)
        return false;
    room = lg_buf_reserve(out, text.size / 2);
    if (room == NULL)
        return false;
    for (size_t i = 0; i < text.size; i += 2) {
        int byte = hex_byte(text.data + i);

        if (byte < 0)
            return false;
        room[i / 2] = (uint8_t)byte;
    }
    lg_buf_commit(out, text.size / 2);
    return true;
}

bool lg_percent_decode(struct lg_buf *out, struct lg_slice text, bool plus_is_space)
{
    uint8_t *room = lg_buf_reserve(out, text.size); /* Decoded text is never longer. */
    size_t n = 0;

    if (room == NULL)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (c == '%') {
            int byte = text.size - i < 3 ? -1 : hex_byte(text.data + i + 1);

            if (byte < 0)
                return false;
            c = (uint8_t)byte;
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        room[n++] = c;
    }
    lg_buf_commit(out, n);
    return true;
}

static bool is_unreserved(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void lg_percent_encode(struct lg_buf *out, struct lg_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];
        char text[3] = {'%', hex_upper[c >> 4], hex_upper[c & 15]};

        if (is_unreserved(c))
            lg_buf_append_byte(out, c);
        else
            lg_buf_append(out, text, sizeof(text));
    }
}

/* --- UTF-8 ------------------------------------------------------------------------------------ */
size_t lg_utf8_length(struct lg_slice text)
{
    uint8_t lead = text.size == 0 ? 0 : text.data[0];
    uint8_t second_min = 0x80, second_max = 0xbf;
    size_t length;

    if (text.size == 0)
        return 0;
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead == 0xe0)
        second_min = 0xa0; /* Overlong below. */
    else if (lead == 0xed)
        second_max = 0x9f; /* Surrogates above. */
    else if (lead == 0xf0)
        second_min = 0x90; /* Overlong below. */
    else if (lead == 0xf4)
        second_max = 0x8f; /* Over U+10FFFF above. */
    if (text.size < length || text.data[1] < second_min || text.data[1] > second_max)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if (text.data[i] < 0x80 || text.data[i] > 0xbf)
            return 0;
    }
    return length;
}

bool lg_utf8_valid(struct lg_slice text)
{
    while (text.size > 0) {
        uint64_t eight;
        size_t n;

        if (text.size >= sizeof eight) { /* Most text is ASCII: eight bytes a step. */
            memcpy(&eight, text.data, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                text = lg_slice(text.data + sizeof eight, text.size - sizeof eight);
                continue;
            }
        }
        n = lg_utf8_length(text);
        if (n == 0)
            return false;
        text = lg_slice_skip(text, n);
    }
    return true;
}

/* --- Nearest name ----------------------------------------------------------------------------- */
#define LG_NEAREST_WORD_MAX ((size_t)64)

/* Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours, where no
 * part is edited twice. Three rows of the matrix are alive at a time. */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][LG_NEAREST_WORD_MAX + 1];

    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t best = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);

            best = LG_MIN(best, above[j] + 1);
            best = LG_MIN(best, row[j - 1] + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = LG_MIN(best, two_above[j - 2] + 1);
            row[j] = best;
        }
    }
    return rows[a_size % 3][b_size];
}

const char *lg_nearest(const char *word, const char *const *candidates, size_t n)
{
    size_t size = strlen(word), best;
    const char *nearest = NULL;

    if (size > LG_NEAREST_WORD_MAX)
        return NULL;
    best = LG_MAX(size / 3, (size_t)2) + 1;
    for (size_t i = 0; i < n; i++) {
        size_t candidate_size = strlen(candidates[i]), d;

        if (candidate_size > LG_NEAREST_WORD_MAX)
            continue;
        d = distance(word, size, candidates[i], candidate_size);
        if (d < best) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}
