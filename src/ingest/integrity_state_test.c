/* The saved state of integrity validation: whole, damaged, and used again. */
#include "ingest/integrity_state.h"

#include "base/hash.h"
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

/* Damage that the checksum does not show: its writer was wrong. */
static void a_saved_state_with_impossible_values_is_refused(void **state)
{
    /* One producer without a checksum: head of 21 bytes, producer of 34, checksum of 1, CRC of 4.
     */
    static const struct {
        size_t at;
        uint8_t byte;
        const char *sentence;
    } rows[] = {
        {18, 0xff, "more producers"}, {20, 2, "cut short"},     {20, 0, "bytes follow"},
        {37, 0x80, "impossible"},     {41, 0x80, "impossible"}, {45, 4, "impossible"},
        {46, 4, "impossible"},        {55, 9, "unknown one"},
    };
    LG_AUTO(lg_integrity) *t = lg_integrity_new();
    struct lg_integrity *out = NULL;
    struct lg_error err = {0};

    (void)state;
    take(t, start(1, LG_CHECKSUM_NONE));
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_SCOPED(lg_buf) saved = {0};

        lg_integrity_save(t, &saved);
        assert_int_equal(saved.size, 60);
        saved.data[rows[i].at] = rows[i].byte;
        lg_store_u32be(saved.data + 56, lg_crc32c(0, saved.data, 56));
        assert_rc(LG_ERR_CORRUPT, lg_integrity_load(lg_buf_slice(&saved), &out, &err));
        if (strstr(err.text, rows[i].sentence) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].sentence);
    }
    assert_null(out);
}

static void a_producer_that_stands_there_twice_is_refused(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();
    LG_SCOPED(lg_buf) saved = {0};
    struct lg_integrity *out = NULL;
    struct lg_error err = {0};

    (void)state;
    take(t, start(1, LG_CHECKSUM_NONE));
    take(t, start(2, LG_CHECKSUM_NONE));
    lg_integrity_save(t, &saved);
    saved.data[21 + 35] = 1; /* The second one's GUID. */
    lg_store_u32be(saved.data + saved.size - 4, lg_crc32c(0, saved.data, saved.size - 4));
    assert_rc(LG_ERR_CORRUPT, lg_integrity_load(lg_buf_slice(&saved), &out, &err));
    assert_non_null(strstr(err.text, "twice"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_saved_state_that_is_damaged_is_refused),
        cmocka_unit_test(a_saved_state_loads_to_the_same_bytes),
        cmocka_unit_test(a_saved_state_with_impossible_values_is_refused),
        cmocka_unit_test(a_producer_that_stands_there_twice_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
