/* Tests of checksums against published values, and of the hash of maps. */
#include "test/test.h"

#include "base/hash.h"

#include "base/rand.h"

static const char nine[] = "123456789";

static void crc32_gives_the_check_value(void **state)
{
    (void)state;

    assert_int_equal(lg_crc32(0, nine, 9), 0xcbf43926);
    assert_int_equal(lg_crc32(0, NULL, 0), 0);
    assert_int_equal(lg_crc32(0, "The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
}

/* The check value, and the 32 zero bytes and 32 bytes of ones of RFC 3720, B.4. */
static void crc32c_gives_the_check_values(void **state)
{
    (void)state;
    uint8_t block[32] = {0};

    assert_int_equal(lg_crc32c(0, nine, 9), 0xe3069283);
    assert_int_equal(lg_crc32c(0, block, 32), 0x8a9136aa);
    memset(block, 0xff, sizeof(block));
    assert_int_equal(lg_crc32c(0, block, 32), 0x62a8ab43);
}

static void adler32_gives_the_known_value_also_over_long_input(void **state)
{
    (void)state;
    static uint8_t ones[100000];
    uint32_t a = 1, b = 0;

    memset(ones, 0xff, sizeof(ones));
    for (size_t i = 0; i < sizeof(ones); i++) {
        a = (a + 0xff) % 65521;
        b = (b + a) % 65521;
    }
    assert_int_equal(lg_adler32(1, "Wikipedia", 9), 0x11e60398);
    assert_int_equal(lg_adler32(1, NULL, 0), 1);
    assert_int_equal(lg_adler32(1, ones, sizeof(ones)), b << 16 | a);
}

/* Every length around the strides, cut at every point, at odd addresses. */
static void checksums_may_be_continued_at_any_cut_and_agree_without_instructions(void **state)
{
    (void)state;
    struct lg_rand r;
    uint8_t bytes[301];

    lg_rand_seed(&r, 1);
    lg_rand_bytes(&r, bytes, sizeof(bytes));
    for (size_t n = 0; n < sizeof(bytes); n++) {
        const uint8_t *p = bytes + 1;

        assert_int_equal(lg_crc32c(0, p, n), lg_crc32c_portable(0, p, n));
        assert_int_equal(lg_crc32(0, p, n), lg_crc32_portable(0, p, n));
        assert_int_equal(lg_crc32(77, p, n), lg_crc32_portable(77, p, n));
        for (size_t cut = 0; cut <= n; cut += 5) {
            assert_int_equal(lg_crc32(lg_crc32(0, p, cut), p + cut, n - cut), lg_crc32(0, p, n));
            assert_int_equal(lg_crc32c(lg_crc32c(0, p, cut), p + cut, n - cut), lg_crc32c(0, p, n));
            assert_int_equal(lg_adler32(lg_adler32(1, p, cut), p + cut, n - cut),
                             lg_adler32(1, p, n));
        }
    }
}

/* Written down once: traces and maps rely on the same value on every machine. */
static void the_map_hash_never_changes(void **state)
{
    uint8_t bytes[48];
    uint64_t all = 0;
    (void)state;

    assert_true(lg_hash64(NULL, 0, 0) == 0xb2d66907ff9d901eU);
    assert_true(lg_hash64("cities", 6, 0) == 0x849638cbd262d38fU);
    assert_true(lg_hash64("cities", 6, 1) == 0x08d278063ad32e59U);
    assert_true(lg_hash64("The quick brown fox jumps over the lazy dog", 43, 0) ==
                0x761df366b412445cU);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 1);
    for (size_t n = 0; n <= sizeof bytes; n++)
        all = lg_hash64(bytes, n, all);
    assert_true(all == 0x5028c1abf8d5e402U);
}

static void the_map_hash_depends_on_each_bit_and_on_the_length(void **state)
{
    (void)state;
    uint8_t bytes[48] = {0};

    for (size_t n = 0; n < sizeof(bytes); n++) {
        uint64_t hash = lg_hash64(bytes, n, 0);

        assert_true(hash != lg_hash64(bytes, n + 1, 0));
        for (size_t bit = 0; bit < n * 8; bit++) {
            int changed;

            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            changed = __builtin_popcountll(hash ^ lg_hash64(bytes, n, 0));
            assert_in_range(changed, 8, 56); /* About half of 64. */
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32_gives_the_check_value),
        cmocka_unit_test(crc32c_gives_the_check_values),
        cmocka_unit_test(adler32_gives_the_known_value_also_over_long_input),
        cmocka_unit_test(checksums_may_be_continued_at_any_cut_and_agree_without_instructions),
        cmocka_unit_test(the_map_hash_never_changes),
        cmocka_unit_test(the_map_hash_depends_on_each_bit_and_on_the_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
