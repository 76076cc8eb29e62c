/* Checksums: known values, what is fed, and states that survive a checkpoint. */
#include "record/checksum.h"

#include "base/str.h"
#include "test/test.h"

static void assert_value(const struct lg_checksum *c, const char *want)
{
    LG_SCOPED(lg_buf) text = {0};
    uint8_t sum[LG_CHECKSUM_BYTES_MAX];

    lg_hex_encode(&text, lg_slice(sum, lg_checksum_value(c, sum)));
    lg_buf_append_byte(&text, 0);
    assert_string_equal((const char *)text.data, want);
}

/* The published check values of "123456789", and RFC 1321's of nothing. */
static void known_values_come_out(void **state)
{
    static const struct {
        enum lg_checksum_type type;
        const char *empty, *digits;
    } rows[] = {
        {LG_CHECKSUM_NONE, "", ""},
        {LG_CHECKSUM_MD5, "d41d8cd98f00b204e9800998ecf8427e", "25f9e794323b453885f5181f1b624d0b"},
        {LG_CHECKSUM_ADLER32, "0000000000000001", "00000000091e01de"},
        {LG_CHECKSUM_CRC32, "0000000000000000", "00000000cbf43926"},
        {LG_CHECKSUM_ADHASH, "0000000000000000", "00000000cbf43926"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct lg_checksum c;

        lg_checksum_init(&c, rows[i].type);
        lg_checksum_update(&c, LG_SLICE_NULL);
        assert_value(&c, rows[i].empty);
        lg_checksum_update(&c, LG_LIT("123456789"));
        assert_value(&c, rows[i].digits);
        assert_value(&c, rows[i].digits); /* Asking changes nothing. */
    }
}

static void adhash_adds_one_crc_per_update_in_64_bits(void **state)
{
    struct lg_checksum c;

    (void)state;
    lg_checksum_init(&c, LG_CHECKSUM_ADHASH);
    lg_checksum_update(&c, LG_LIT("123456789"));
    lg_checksum_update(&c, LG_LIT("123456789"));
    assert_value(&c, "0000000197e8724c");
}

/* Each message is fed to MD5, and the same bytes are written out here. */
static void each_message_feeds_what_venice_feeds(void **state)
{
    struct lg_envelope put = {.type = LG_MESSAGE_PUT};
    struct lg_envelope update = {.type = LG_MESSAGE_UPDATE};
    struct lg_envelope gone = {.type = LG_MESSAGE_DELETE};
    struct lg_envelope push = {.type = LG_MESSAGE_CONTROL};
    struct lg_envelope last = {.type = LG_MESSAGE_CONTROL};
    const struct {
        const struct lg_envelope *e;
        struct lg_slice fed;
    } rows[] = {
        {&put, LG_LIT("\0\0\0\0KEY\0\0\0\7value")}, /* no metadata */
        {&update, LG_LIT("\0\0\0\3KEY\0\0\0\7\0\0\0\2delta")},
        {&gone, LG_LIT("\0\0\0\1KEY")},
        {&push, LG_LIT("\0\0\0\2\0\0\0\1")},
        {&last, LG_LIT("")},
    };

    (void)state;
    put.put = (struct lg_put){.value = LG_LIT("value"), .schema_id = 7, .rmd = LG_LIT("rmd")};
    update.update = (struct lg_update){7, 2, LG_LIT("delta")};
    push.control.type = LG_CONTROL_END_OF_PUSH;
    last.control.type = LG_CONTROL_END_OF_SEGMENT;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct lg_checksum got, want;
        uint8_t a[LG_CHECKSUM_BYTES_MAX], b[LG_CHECKSUM_BYTES_MAX];

        lg_checksum_init(&got, LG_CHECKSUM_MD5);
        lg_checksum_feed(&got, rows[i].e, LG_LIT("KEY"));
        lg_checksum_init(&want, LG_CHECKSUM_MD5);
        lg_checksum_update(&want, rows[i].fed);
        lg_checksum_value(&got, a);
        lg_checksum_value(&want, b);
        assert_memory_equal(a, b, 16);
    }
}

static void a_saved_state_goes_on_where_it_stopped(void **state)
{
    (void)state;
    for (int type = LG_CHECKSUM_NONE; type <= LG_CHECKSUM_ADHASH; type++) {
        LG_SCOPED(lg_buf) saved = {0};
        struct lg_checksum whole, first, loaded;
        struct lg_error err = {0};
        struct lg_slice rest;
        uint8_t a[LG_CHECKSUM_BYTES_MAX] = {0}, b[LG_CHECKSUM_BYTES_MAX] = {0};
        char text[150];

        memset(text, 'x', sizeof(text));
        lg_checksum_init(&whole, (enum lg_checksum_type)type);
        first = whole;
        lg_checksum_update(&whole, lg_slice(text, 100));
        lg_checksum_update(&whole, lg_slice(text, 150));
        lg_checksum_update(&first, lg_slice(text, 100));
        lg_checksum_save(&saved, &first);
        assert_true(saved.size <= LG_CHECKSUM_SAVED_BYTES_MAX);
        lg_buf_append_str(&saved, "tail");
        rest = lg_buf_slice(&saved);
        assert_ok(lg_checksum_load(&rest, &loaded, &err));
        assert_slice_equal(rest, LG_LIT("tail"));
        lg_checksum_update(&loaded, lg_slice(text, 150));
        assert_int_equal(lg_checksum_value(&whole, a), lg_checksum_value(&loaded, b));
        assert_memory_equal(a, b, sizeof(a));
    }
}

static void a_damaged_state_is_refused(void **state)
{
    struct lg_checksum c = {0};
    struct lg_error err = {0};
    struct lg_slice in = LG_SLICE_NULL;

    (void)state;
    assert_rc(LG_ERR_BAD_DATA, lg_checksum_load(&in, &c, &err));
    in = LG_LIT("\x05");
    assert_rc(LG_ERR_BAD_DATA, lg_checksum_load(&in, &c, &err));
    in = LG_LIT("\x04"
                "1234567");
    assert_rc(LG_ERR_BAD_DATA, lg_checksum_load(&in, &c, &err));
    assert_int_equal(in.size, 8);
    assert_non_null(strstr(err.text, "ADHASH is cut short"));
}

static void types_have_names(void **state)
{
    (void)state;
    assert_string_equal(lg_checksum_type_name(LG_CHECKSUM_MD5), "MD5");
    assert_string_equal(lg_checksum_type_name(LG_CHECKSUM_ADHASH), "ADHASH");
    assert_null(lg_checksum_type_name(5));
    assert_null(lg_checksum_type_name(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_come_out),
        cmocka_unit_test(adhash_adds_one_crc_per_update_in_64_bits),
        cmocka_unit_test(each_message_feeds_what_venice_feeds),
        cmocka_unit_test(a_saved_state_goes_on_where_it_stopped),
        cmocka_unit_test(a_damaged_state_is_refused),
        cmocka_unit_test(types_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
