/* The saved state of integrity validation: whole, damaged, and used again. */
#include "ingest/integrity_state.h"

#include "record/control.h"
#include "test/test.h"

static struct lg_envelope start(uint8_t producer, enum lg_checksum_type checksum)
{
    struct lg_envelope e = {.type = LG_MESSAGE_CONTROL};

    e.producer.guid.bytes[0] = producer;
    e.control = lg_control_start_of_segment(checksum);
    return e;
}

static struct lg_envelope put(uint8_t producer)
{
    struct lg_envelope e = {.type = LG_MESSAGE_PUT, .producer = {.sequence = 1}};

    e.producer.guid.bytes[0] = producer;
    e.put = (struct lg_put){.value = LG_LIT("v"), .schema_id = 1};
    return e;
}

static void take(struct lg_integrity *t, struct lg_envelope e)
{
    static const struct lg_integrity_rules before_end = {0};
    struct lg_error err = {0};

    assert_int_equal(lg_integrity_check(t, &e, LG_LIT("k"), &before_end, &err), LG_INTEGRITY_OK);
}

static void a_saved_state_that_is_damaged_is_refused(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();
    LG_SCOPED(lg_buf) saved = {0};
    struct lg_integrity *out = NULL;
    struct lg_error err = {0};

    (void)state;
    take(t, start(1, LG_CHECKSUM_MD5));
    take(t, start(2, LG_CHECKSUM_NONE));
    lg_integrity_save(t, &saved);
    for (size_t size = 0; size < saved.size; size++)
        assert_rc(LG_ERR_CORRUPT, lg_integrity_load(lg_slice(saved.data, size), &out, &err));
    for (size_t i = 1; i < saved.size; i++) {
        saved.data[i] ^= 0x10;
        assert_rc(LG_ERR_CORRUPT, lg_integrity_load(lg_buf_slice(&saved), &out, &err));
        saved.data[i] ^= 0x10;
    }
    saved.data[0] = 2;
    assert_rc(LG_ERR_UNSUPPORTED, lg_integrity_load(lg_buf_slice(&saved), &out, &err));
    assert_null(out);
}

static void a_saved_state_loads_to_the_same_bytes(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();
    LG_AUTO(lg_integrity) *again = NULL;
    LG_SCOPED(lg_buf) saved = {0};
    LG_SCOPED(lg_buf) second = {0};
    struct lg_error err = {0};

    (void)state;
    for (int i = 0; i < 5; i++) {
        take(t, start((uint8_t)i, (enum lg_checksum_type)i));
        take(t, put((uint8_t)i));
    }
    lg_integrity_save(t, &saved);
    assert_ok(lg_integrity_load(lg_buf_slice(&saved), &again, &err));
    lg_integrity_save(again, &second);
    assert_slice_equal(lg_buf_slice(&second), lg_buf_slice(&saved));
    assert_int_equal(lg_integrity_puts(again), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_saved_state_that_is_damaged_is_refused),
        cmocka_unit_test(a_saved_state_loads_to_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
