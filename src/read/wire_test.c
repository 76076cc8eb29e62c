/* The vectors of Venice's multi-key bodies, and what a damaged body gets. */
#include "read/wire.h"

#include "base/str.h"
#include "test/test.h"

static void hex(struct lg_buf *out, const char *text)
{
    assert_true(lg_hex_decode(out, lg_slice_str(text)));
}

static void a_router_key_is_encoded_as_venice_does(void **state)
{
    LG_SCOPED(lg_buf) got = {0}, key = {0}, want = {0};

    (void)state;
    hex(&key, "0261");
    hex(&want, "0004026110");
    lg_wire_key_add(&got, &(struct lg_wire_key){0, lg_buf_slice(&key), 8});
    assert_slice_equal(lg_buf_slice(&got), lg_buf_slice(&want));
}

static void a_value_and_a_missing_key_are_encoded_as_venice_does(void **state)
{
    LG_SCOPED(lg_buf) got = {0}, value = {0}, want = {0};

    (void)state;
    hex(&value, "0c76616c756531");
    hex(&want, "000e0c76616c756531020100cf0f");
    lg_wire_value_add(&got, &(struct lg_wire_value){0, lg_buf_slice(&value), 1});
    lg_wire_missing_add(&got, 1);
    assert_slice_equal(lg_buf_slice(&got), lg_buf_slice(&want));
}

/* It is the client's word, and has no counterpart. */
static void the_lowest_index_stays_what_it_is(void **state)
{
    LG_SCOPED(lg_buf) got = {0};
    struct lg_wire_value value;
    struct lg_decoder d;
    struct lg_error err;
    bool end;

    (void)state;
    lg_wire_missing_add(&got, INT32_MIN);
    d = lg_decoder_of(lg_buf_slice(&got));
    assert_ok(lg_wire_value_next(&d, &value, &end, &err));
    assert_false(end);
    assert_int_equal(value.index, INT32_MIN);
}

static void a_footer_is_encoded_as_venice_does(void **state)
{
    LG_SCOPED(lg_buf) got = {0}, want = {0};

    (void)state;
    /* -1000000; 8 bytes: 503, "boom", no headers; -1001 */
    hex(&want, "ff887a"
               "10"
               "ee07"
               "08626f6f6d"
               "00"
               "d10f");
    lg_wire_footer_add(&got, 503, LG_LIT("boom"));
    assert_slice_equal(lg_buf_slice(&got), lg_buf_slice(&want));
}

static void a_clients_key_list_is_read_to_its_end(void **state)
{
    LG_SCOPED(lg_buf) body = {0};
    struct lg_error err = {0};
    struct lg_slice key;
    bool end;

    (void)state;
    hex(&body, "0402610a086b657931"); /* "a", "key1" */
    struct lg_decoder d = lg_decoder_of(lg_buf_slice(&body));
    assert_ok(lg_wire_client_key_next(&d, &key, &end, &err));
    assert_false(end);
    assert_int_equal(key.size, 2);
    assert_ok(lg_wire_client_key_next(&d, &key, &end, &err));
    assert_memory_equal(key.data, "\x08key1", 5);
    assert_ok(lg_wire_client_key_next(&d, &key, &end, &err));
    assert_true(end);
}

static void every_record_survives_the_round_trip(void **state)
{
    LG_SCOPED(lg_buf) keys = {0}, values = {0};
    struct lg_error err = {0};
    bool end = false;

    (void)state;
    for (int32_t i = 0; i < 300; i++) {
        lg_wire_key_add(&keys, &(struct lg_wire_key){i, LG_LIT("some key"), i % 7});
        lg_wire_value_add(&values, &(struct lg_wire_value){i, LG_LIT("some value"), 3});
    }
    struct lg_decoder kd = lg_decoder_of(lg_buf_slice(&keys));
    struct lg_decoder vd = lg_decoder_of(lg_buf_slice(&values));
    for (int32_t i = 0; i < 300; i++) {
        struct lg_wire_key key;
        struct lg_wire_value value;

        assert_ok(lg_wire_key_next(&kd, &key, &end, &err));
        assert_int_equal(key.index, i);
        assert_int_equal(key.partition, i % 7);
        assert_ok(lg_wire_value_next(&vd, &value, &end, &err));
        assert_int_equal(value.index, i);
        assert_int_equal(value.schema_id, 3);
        assert_slice_equal(value.value, LG_LIT("some value"));
    }
    assert_int_equal(lg_decoder_left(&kd), 0);
    assert_int_equal(lg_decoder_left(&vd), 0);
}

static void a_body_cut_anywhere_inside_a_record_is_refused(void **state)
{
    LG_SCOPED(lg_buf) body = {0};
    struct lg_error err = {0};
    struct lg_wire_value value;
    bool end;

    (void)state;
    lg_wire_value_add(&body, &(struct lg_wire_value){1, LG_LIT("value"), 1});
    for (size_t size = 1; size < body.size; size++) {
        struct lg_decoder d = lg_decoder_of(lg_slice(body.data, size));

        assert_rc(LG_ERR_BAD_DATA, lg_wire_value_next(&d, &value, &end, &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_router_key_is_encoded_as_venice_does),
        cmocka_unit_test(a_value_and_a_missing_key_are_encoded_as_venice_does),
        cmocka_unit_test(the_lowest_index_stays_what_it_is),
        cmocka_unit_test(a_footer_is_encoded_as_venice_does),
        cmocka_unit_test(a_clients_key_list_is_read_to_its_end),
        cmocka_unit_test(every_record_survives_the_round_trip),
        cmocka_unit_test(a_body_cut_anywhere_inside_a_record_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
