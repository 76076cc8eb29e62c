/* Positions: the sheet's vectors in all three forms, and what is refused. */
#include "model/position.h"

#include "base/str.h"
#include "test/test.h"

static void assert_forms(struct lg_position p, const char *wire_hex, const char *text,
                         const char *json_text)
{
    LG_SCOPED(lg_buf) wire = {0};
    LG_SCOPED(lg_buf) hex = {0};
    LG_SCOPED(lg_buf) out = {0};
    LG_AUTO(lg_json) *json = lg_position_to_json(&p);
    struct lg_position back;
    struct lg_error err = {0};

    lg_position_encode(&wire, &p);
    lg_hex_encode(&hex, lg_buf_slice(&wire));
    assert_slice_equal(lg_buf_slice(&hex), lg_slice_str(wire_hex));
    assert_ok(lg_position_decode(lg_buf_slice(&wire), &back, &err));
    assert_true(lg_position_equal(&p, &back));

    lg_position_write_text(&out, &p);
    assert_slice_equal(lg_buf_slice(&out), lg_slice_str(text));
    assert_ok(lg_position_parse_text(lg_slice_str(text), &back, &err));
    assert_true(lg_position_equal(&p, &back));

    lg_buf_clear(&out);
    lg_json_write(&out, json, /* pretty= */ false);
    assert_slice_equal(lg_buf_slice(&out), lg_slice_str(json_text));
    assert_ok(lg_position_from_json(json, &back, &err));
    assert_true(lg_position_equal(&p, &back));
}

static void the_forms_are_venices(void **state)
{
    (void)state;
    assert_forms(lg_position_from_offset(42), "2201000254",
                 "0:VA==", "{\"typeId\":0,\"base64PositionBytes\":\"VA==\"}");
    assert_forms(lg_position_earliest(), "22010300",
                 "-2:", "{\"typeId\":-2,\"base64PositionBytes\":\"\"}");
    assert_forms(lg_position_latest(), "22010100",
                 "-1:", "{\"typeId\":-1,\"base64PositionBytes\":\"\"}");
}

static void offsets_go_in_and_come_out(void **state)
{
    static const int64_t offsets[] = {0, 1, 63, 64, 1000000, INT64_MAX};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(offsets); i++) {
        struct lg_position p = lg_position_from_offset(offsets[i]);
        int64_t got = -5;

        assert_true(lg_position_offset(&p, &got));
        assert_true(got == offsets[i]);
    }
}

static void what_is_no_offset_gives_none(void **state)
{
    struct lg_position p = lg_position_earliest();
    int64_t got = 7;

    (void)state;
    assert_false(lg_position_offset(&p, &got));
    p = (struct lg_position){.type = LG_POSITION_OFFSET};
    assert_false(lg_position_offset(&p, &got)); /* empty */
    p = (struct lg_position){.type = LG_POSITION_OFFSET, .size = 1, .bytes = {0x01}};
    assert_false(lg_position_offset(&p, &got)); /* -1 */
    p = (struct lg_position){.type = LG_POSITION_OFFSET, .size = 2, .bytes = {0x02, 0x02}};
    assert_false(lg_position_offset(&p, &got)); /* something follows */
    assert_int_equal(got, 7);
}

static void symbolic_positions_know_themselves(void **state)
{
    struct lg_position earliest = lg_position_earliest(), latest = lg_position_latest();

    (void)state;
    assert_true(lg_position_is_earliest(&earliest));
    assert_false(lg_position_is_latest(&earliest));
    assert_true(lg_position_is_latest(&latest));
    assert_false(lg_position_equal(&earliest, &latest));
}

static void assert_wire_refused(enum lg_rc want, const char *hex)
{
    LG_SCOPED(lg_buf) wire = {0};
    struct lg_position p = {.type = 99};
    struct lg_error err = {0};

    assert_true(lg_hex_decode(&wire, lg_slice_str(hex)));
    assert_rc(want, lg_position_decode(lg_buf_slice(&wire), &p, &err));
    assert_int_equal(p.type, 99);
    assert_true(err.text[0] != '\0');
}

static void malformed_wire_bytes_are_refused(void **state)
{
    (void)state;
    assert_wire_refused(LG_ERR_BAD_DATA, "");
    assert_wire_refused(LG_ERR_BAD_DATA, "22");
    assert_wire_refused(LG_ERR_BAD_DATA, "2101000254");
    assert_wire_refused(LG_ERR_UNSUPPORTED, "2202000254");
    assert_wire_refused(LG_ERR_BAD_DATA, "22010002");     /* bytes cut */
    assert_wire_refused(LG_ERR_BAD_DATA, "220100025400"); /* something follows */
    assert_wire_refused(LG_ERR_BAD_DATA, "2201030254");   /* EARLIEST with bytes */
    assert_wire_refused(LG_ERR_TOO_LARGE, "22010042000000000000000000000000000000000000000000000000"
                                          "000000000000000000");
}

static void malformed_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "", "0", "VA==", ":VA==", "x:VA==", "0:V", "99999999999:", "-2:VA=="};
    struct lg_position p = {.type = 99};
    struct lg_error err = {0};
    char large[100] = "0:";

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(texts); i++)
        assert_rc(LG_ERR_BAD_DATA, lg_position_parse_text(lg_slice_str(texts[i]), &p, &err));
    memset(large + 2, 'A', sizeof(large) - 3);
    assert_rc(LG_ERR_TOO_LARGE, lg_position_parse_text(lg_slice_str(large), &p, &err));
    large[50] = '\0'; /* 48 letters are 36 bytes */
    assert_rc(LG_ERR_TOO_LARGE, lg_position_parse_text(lg_slice_str(large), &p, &err));
    assert_int_equal(p.type, 99);
}

static void malformed_json_is_refused(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"typeId\":0}",
        "{\"typeId\":\"0\",\"base64PositionBytes\":\"VA==\"}",
        "{\"typeId\":0,\"base64PositionBytes\":5}",
        "{\"typeId\":0,\"base64PositionBytes\":\"?\"}",
        "{\"typeId\":9999999999,\"base64PositionBytes\":\"\"}",
    };
    struct lg_position p = {.type = 99};
    struct lg_error err = {0};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(texts); i++) {
        LG_AUTO(lg_json) *json = NULL;

        assert_ok(lg_json_parse(lg_slice_str(texts[i]), &json, &err));
        assert_rc(LG_ERR_BAD_DATA, lg_position_from_json(json, &p, &err));
    }
    assert_int_equal(p.type, 99);
}

static void offsets_are_ordered_between_the_two_symbols(void **state)
{
    struct lg_position earliest = lg_position_earliest(), latest = lg_position_latest();
    struct lg_position zero = lg_position_from_offset(0), big = lg_position_from_offset(1 << 20);

    (void)state;
    assert_true(lg_position_compare_offsets(&earliest, &zero) < 0);
    assert_true(lg_position_compare_offsets(&zero, &big) < 0);
    assert_true(lg_position_compare_offsets(&big, &latest) < 0);
    assert_true(lg_position_compare_offsets(&latest, &earliest) > 0);
    assert_int_equal(lg_position_compare_offsets(&big, &big), 0);
    assert_int_equal(lg_position_compare_offsets(&earliest, &earliest), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_ordered_between_the_two_symbols),
        cmocka_unit_test(the_forms_are_venices),
        cmocka_unit_test(offsets_go_in_and_come_out),
        cmocka_unit_test(what_is_no_offset_gives_none),
        cmocka_unit_test(symbolic_positions_know_themselves),
        cmocka_unit_test(malformed_wire_bytes_are_refused),
        cmocka_unit_test(malformed_texts_are_refused),
        cmocka_unit_test(malformed_json_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
