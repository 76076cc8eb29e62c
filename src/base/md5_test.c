/* Tests of MD5: the suite of RFC 1321, A.5, and every length around the block. */
#include "test/test.h"

#include "base/hash.h"
#include "base/str.h"

static void assert_md5(struct lg_slice bytes, const char *want)
{
    LG_SCOPED(lg_buf) hex = {0};
    uint8_t digest[16];

    lg_md5(bytes, digest);
    lg_hex_encode(&hex, lg_slice(digest, sizeof(digest)));
    assert_slice_equal(lg_buf_slice(&hex), lg_slice_str(want));
}

static void the_suite_of_the_rfc_passes(void **state)
{
    (void)state;

    assert_md5(LG_LIT(""), "d41d8cd98f00b204e9800998ecf8427e");
    assert_md5(LG_LIT("a"), "0cc175b9c0f1b6a831c399e269772661");
    assert_md5(LG_LIT("abc"), "900150983cd24fb0d6963f7d28e17f72");
    assert_md5(LG_LIT("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    assert_md5(LG_LIT("abcdefghijklmnopqrstuvwxyz"), "c3fcd3d76192e4007dfb496cca67e13b");
    assert_md5(LG_LIT("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
               "d174ab98d277d9f5a5611c2c9f419d9f");
    assert_md5(LG_LIT("1234567890123456789012345678901234567890"
                      "1234567890123456789012345678901234567890"),
               "57edf4a22be3c955ac49da2e2107b67a");
}

/* The Avro string "hello" as Venice hashes it. */
static void a_key_of_venice_gives_the_digest_that_venice_computes(void **state)
{
    (void)state;

    assert_md5(LG_LIT("\x0ahello"), "963e26a9f2fad5d8e7e701fbbe405ca7");
}

/* The digest of the concatenated digests of 0 to 200 bytes 'x', computed by Python's hashlib. */
static void every_length_around_the_block_is_padded_correctly(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) all = {0};
    uint8_t text[200], digest[16];

    memset(text, 'x', sizeof(text));
    for (size_t n = 0; n <= sizeof(text); n++) {
        lg_md5(lg_slice(text, n), digest);
        lg_buf_append(&all, digest, sizeof(digest));
    }
    assert_md5(lg_buf_slice(&all), "85a5e659ef84b20587f1e9a409ab70c7");
}

static void feeding_in_pieces_gives_the_same_digest(void **state)
{
    (void)state;
    uint8_t text[150], want[16], got[16];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)i;
    lg_md5(lg_slice(text, sizeof(text)), want);
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        struct lg_md5 m;

        lg_md5_init(&m);
        for (size_t at = 0; at < sizeof(text); at += piece)
            lg_md5_update(&m, text + at, LG_MIN(piece, sizeof(text) - at));
        lg_md5_update(&m, NULL, 0);
        lg_md5_final(&m, got);
        assert_memory_equal(got, want, 16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_suite_of_the_rfc_passes),
        cmocka_unit_test(a_key_of_venice_gives_the_digest_that_venice_computes),
        cmocka_unit_test(every_length_around_the_block_is_padded_correctly),
        cmocka_unit_test(feeding_in_pieces_gives_the_same_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
