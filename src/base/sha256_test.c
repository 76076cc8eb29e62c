/* SHA-256: the vectors of FIPS 180-4's examples, and every length around a block's end. */
#include "base/hash.h"
#include "base/str.h"
#include "test/test.h"

static void assert_digest(struct lg_slice s, const char *want)
{
    LG_SCOPED(lg_buf) hex = {0};
    uint8_t digest[32];

    lg_sha256(s, digest);
    lg_hex_encode(&hex, lg_slice(digest, sizeof(digest)));
    assert_slice_equal(lg_buf_slice(&hex), lg_slice_str(want));
}

static void the_published_vectors_hold(void **state)
{
    LG_SCOPED(lg_buf) million = {0};
    (void)state;

    assert_digest(LG_SLICE_NULL,
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest(LG_LIT("abc"),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_digest(LG_LIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    for (int i = 0; i < 1000000; i++)
        lg_buf_append_byte(&million, 'a');
    assert_digest(lg_buf_slice(&million),
                  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* The digest of all digests of 0 to 130 bytes 'x', as Python's hashlib gives it. */
static void every_length_around_a_block_holds(void **state)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_SCOPED(lg_buf) digests = {0};
    (void)state;

    for (int i = 0; i <= 130; i++) {
        uint8_t digest[32];

        lg_sha256(lg_buf_slice(&text), digest);
        lg_buf_append(&digests, digest, sizeof(digest));
        lg_buf_append_byte(&text, 'x');
    }
    assert_digest(lg_buf_slice(&digests),
                  "f5a018ad6f7a21c451c8d98b57699f4aeeb1976b88771c339c7ea60cd09c64ef");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vectors_hold),
        cmocka_unit_test(every_length_around_a_block_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
