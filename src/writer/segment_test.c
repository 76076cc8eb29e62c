/* A producer's stream against Venice's own bytes and checksums. */
#include "writer/segment.h"

#include "base/str.h"
#include "test/test.h"

static const struct lg_guid guid = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};
static const struct lg_segment_stamp stamp = {.timestamp_ms = INT64_C(1700000000000),
                                              .writer = {(const uint8_t *)"w", 1}};

#define GUID_HEX "000102030405060708090a0b0c0d0e0f"

static void assert_next(struct lg_buf *key, struct lg_buf *value, const char *want_key,
                        const char *want_value)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_hex_encode(&text, lg_buf_slice(key));
    lg_buf_append_byte(&text, 0);
    assert_string_equal((const char *)text.data, want_key);
    lg_buf_clear(&text);
    lg_hex_encode(&text, lg_buf_slice(value));
    lg_buf_append_byte(&text, 0);
    assert_string_equal((const char *)text.data, want_value);
    lg_buf_clear(key);
    lg_buf_clear(value);
}

/* SOS, SOP, PUT, DELETE, EOP of the sample; the end of segment is left to the caller. */
static void write_sample(struct lg_segment *s, struct lg_buf *key, struct lg_buf *value)
{
    struct lg_control start = lg_control_start_of_push(/* sorted= */ true, /* chunked= */ false);
    struct lg_control end = lg_control_end_of_push();

    lg_segment_start(s, &stamp, key, value);
    lg_segment_control(s, &stamp, &start, key, value);
    lg_segment_put(s, &stamp, LG_LIT("\x08key1"), 1, LG_LIT("\x0cvalue1"), key, value);
    lg_segment_delete(s, &stamp, LG_LIT("\x08key1"), key, value);
    lg_segment_control(s, &stamp, &end, key, value);
}

static void the_sample_stream_comes_out_byte_for_byte(void **state)
{
    struct lg_control start = lg_control_start_of_push(/* sorted= */ true, /* chunked= */ false);
    struct lg_control end = lg_control_end_of_push();
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) value = {0};
    struct lg_segment s;

    (void)state;
    lg_segment_init(&s, &guid, 0, LG_CHECKSUM_ADHASH);
    lg_segment_start(&s, &stamp, &key, &value);
    assert_next(&key, &value, "02" GUID_HEX "0000000000000000",
                "170e04" GUID_HEX "000080a0abfef96201060400040800020277010108220103000101");
    lg_segment_control(&s, &stamp, &start, &key, &value);
    assert_next(&key, &value, "02" GUID_HEX "0000000000000001",
                "170e04" GUID_HEX "000280a0abfef962"
                "01060000000100000000020277010108220103000101");
    lg_segment_put(&s, &stamp, LG_LIT("\x08key1"), 1, LG_LIT("\x0cvalue1"), &key, &value);
    assert_next(&key, &value, "00086b657931",
                "170e00" GUID_HEX
                "000480a0abfef96203000e0c76616c756531020100020277010108220103000101");
    lg_segment_delete(&s, &stamp, LG_LIT("\x08key1"), &key, &value);
    assert_next(&key, &value, "00086b657931",
                "170e02" GUID_HEX "000680a0abfef9620304010100020277010108220103000101");
    lg_segment_control(&s, &stamp, &end, &key, &value);
    assert_next(&key, &value, "02" GUID_HEX "0000000000000004",
                "170e04" GUID_HEX "000880a0abfef9620106020002020277010108220103000101");
    lg_segment_end(&s, &stamp, /* is_final= */ true, &key, &value);
    assert_next(&key, &value, "02" GUID_HEX "0000000000000005",
                "170e04" GUID_HEX
                "000a80a0abfef96201060600061000000006c2900da90001020277010108220103000101");
}

static void assert_sum(enum lg_checksum_type type, const char *want)
{
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) value = {0};
    LG_SCOPED(lg_buf) text = {0};
    struct lg_segment s;
    uint8_t sum[LG_CHECKSUM_BYTES_MAX];
    size_t size;

    lg_segment_init(&s, &guid, 0, type);
    write_sample(&s, &key, &value);
    size = lg_checksum_value(&s.checksum, sum);
    lg_hex_encode(&text, lg_slice(sum, size));
    lg_buf_append_byte(&text, 0);
    assert_string_equal((const char *)text.data, want);
}

static void the_checksums_are_those_of_venice(void **state)
{
    (void)state;
    assert_sum(LG_CHECKSUM_ADHASH, "00000006c2900da9");
    assert_sum(LG_CHECKSUM_MD5, "905ce7047e335c6b1edb097542471534");
    assert_sum(LG_CHECKSUM_NONE, "");
}

static struct lg_envelope last(struct lg_buf *value)
{
    struct lg_envelope e;
    struct lg_error err = {0};

    assert_ok(lg_envelope_decode(lg_buf_slice(value), &e, &err));
    return e;
}

static void segments_roll_and_start_their_numbers_anew(void **state)
{
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) value = {0};
    struct lg_segment s;
    uint8_t first[LG_CHECKSUM_BYTES_MAX];
    uint8_t second[LG_CHECKSUM_BYTES_MAX];
    struct lg_envelope e;

    (void)state;
    lg_segment_init(&s, &guid, 0, LG_CHECKSUM_ADHASH);
    write_sample(&s, &key, &value);
    lg_checksum_value(&s.checksum, first);
    lg_buf_clear(&value);
    lg_segment_end(&s, &stamp, /* is_final= */ false, &key, &value);
    e = last(&value);
    assert_int_equal(e.producer.segment, 0);
    assert_int_equal(e.producer.sequence, 5);
    assert_false(e.control.end_of_segment.is_final);
    assert_slice_equal(e.control.end_of_segment.checksum, lg_slice(first, 8));

    lg_buf_clear(&value);
    lg_segment_start(&s, &stamp, &key, &value);
    e = last(&value);
    assert_int_equal(e.producer.segment, 1);
    assert_int_equal(e.producer.sequence, 0);
    lg_segment_put(&s, &stamp, LG_LIT("k"), 1, LG_LIT("v"), &key, &value);
    assert_int_equal(s.next_sequence, 2);
    /* The checksum begins anew: it is that of a first segment with the same messages. */
    lg_checksum_value(&s.checksum, first);
    lg_segment_init(&s, &guid, 0, LG_CHECKSUM_ADHASH);
    lg_segment_start(&s, &stamp, &key, &value);
    lg_segment_put(&s, &stamp, LG_LIT("k"), 1, LG_LIT("v"), &key, &value);
    lg_checksum_value(&s.checksum, second);
    assert_memory_equal(first, second, 8);
}

static void a_stream_may_go_on_after_the_segments_of_an_earlier_process(void **state)
{
    LG_SCOPED(lg_buf) key = {0};
    LG_SCOPED(lg_buf) value = {0};
    struct lg_segment s;

    (void)state;
    lg_segment_init(&s, &guid, 7, LG_CHECKSUM_MD5);
    lg_segment_start(&s, &stamp, &key, &value);
    assert_int_equal(last(&value).producer.segment, 7);
    assert_int_equal(last(&value).control.start_of_segment.checksum_type, LG_CHECKSUM_MD5);
}

/* Venice's heartbeat GUID is the UUIDv3 of a word, computed by Java. */
static void a_guid_of_a_name_is_a_name_based_uuid(void **state)
{
    struct lg_guid beat = lg_segment_guid_of(LG_LIT("heartbeatControlMessage"));
    struct lg_guid leader = lg_segment_guid_of(LG_LIT("declarationOfLeadershipControlMessage"));

    (void)state;
    assert_true(lg_guid_equal(&beat, &lg_guid_heartbeat));
    assert_true(lg_guid_equal(&leader, &lg_guid_leadership));
    assert_false(lg_guid_equal(&beat, &leader));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_stream_comes_out_byte_for_byte),
        cmocka_unit_test(the_checksums_are_those_of_venice),
        cmocka_unit_test(segments_roll_and_start_their_numbers_anew),
        cmocka_unit_test(a_stream_may_go_on_after_the_segments_of_an_earlier_process),
        cmocka_unit_test(a_guid_of_a_name_is_a_name_based_uuid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
