/* The envelope against Venice's own bytes, both ways. */
#include "record/envelope.h"

#include "avro/decode.h"
#include "avro/encode.h"
#include "base/str.h"
#include "record/control.h"
#include "record/headers.h"
#include "test/test.h"

#define GUID_HEX "000102030405060708090a0b0c0d0e0f"
#define FOOTER_HEX                                                                                 \
    "020277010108220103000101"  /* present, host "w", EARLIEST, everything else -1                 \
                                 */
#define TIME_HEX "80a0abfef962" /* 1700000000000 */
#define TIME_MS INT64_C(1700000000000)

static const struct lg_guid guid = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

struct sample {
    const char *name, *key_hex, *value_hex;
};

/* wire-formats.md 3.7, row by row. */
static const struct sample samples[] = {
    {"SOS", "02" GUID_HEX "0000000000000000",
     "170e04" GUID_HEX "0000" TIME_HEX "01060400040800" FOOTER_HEX},
    {"SOP", "02" GUID_HEX "0000000000000001",
     "170e04" GUID_HEX "0002" TIME_HEX "01060000000100000000" FOOTER_HEX},
    {"PUT", "00086b657931",
     "170e00" GUID_HEX "0004" TIME_HEX "03000e0c76616c756531020100" FOOTER_HEX},
    {"DELETE", "00086b657931", "170e02" GUID_HEX "0006" TIME_HEX "0304010100" FOOTER_HEX},
    {"EOP", "02" GUID_HEX "0000000000000004",
     "170e04" GUID_HEX "0008" TIME_HEX "0106020002" FOOTER_HEX},
    {"EOS", "02" GUID_HEX "0000000000000005",
     "170e04" GUID_HEX "000a" TIME_HEX "01060600061000000006c2900da90001" FOOTER_HEX},
    {"heartbeat", "0281545f3cbd093909a467a583ef39e4680000000000000000",
     "170e0481545f3cbd093909a467a583ef39e4680000" TIME_HEX "01060400040800" FOOTER_HEX},
    {"leadership", "024a5ead6ef3a932f0864e3b7c324c92750000000000000000",
     "170e044a5ead6ef3a932f0864e3b7c324c92750000" TIME_HEX
     "01060400040800020277010008220103000e01"},
};

static struct lg_slice hex(struct lg_buf *into, const char *text)
{
    lg_buf_clear(into);
    assert_true(lg_hex_decode(into, lg_slice_str(text)));
    return lg_buf_slice(into);
}

static void assert_hex(struct lg_slice got, const char *want)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_hex_encode(&text, got);
    lg_buf_append_byte(&text, 0);
    assert_string_equal((const char *)text.data, want);
}

/* The envelope of a row, made by us. */
static struct lg_envelope made(size_t row, const uint8_t sum[8])
{
    struct lg_envelope e = {
        .type = LG_MESSAGE_CONTROL,
        .producer = {.guid = guid,
                     .sequence = row < 6 ? (int32_t)row : 0,
                     .timestamp_ms = TIME_MS,
                     .logical_timestamp = LG_LOGICAL_TIMESTAMP_NONE},
        .footer = lg_envelope_plain_footer(LG_LIT("w")),
    };

    if (row == 0 || row > 5)
        e.control = lg_control_start_of_segment(LG_CHECKSUM_ADHASH);
    if (row == 1)
        e.control = lg_control_start_of_push(/* sorted= */ true, /* chunked= */ false);
    if (row == 2 || row == 3)
        e.producer.logical_timestamp = LG_LOGICAL_TIMESTAMP_APP;
    if (row == 2) {
        e.type = LG_MESSAGE_PUT;
        e.put = (struct lg_put){.value = LG_LIT("\x0cvalue1"), .schema_id = 1, .rmd_version = -1};
    }
    if (row == 3) {
        e.type = LG_MESSAGE_DELETE;
        e.delete_ = (struct lg_delete){.schema_id = -1, .rmd_version = -1};
    }
    if (row == 4)
        e.control = lg_control_end_of_push();
    if (row == 5)
        e.control = lg_control_end_of_segment(lg_slice(sum, 8), /* is_final= */ true);
    if (row == 6)
        e.producer.guid = lg_guid_heartbeat;
    if (row == 7) {
        e.producer.guid = lg_guid_leadership;
        e.footer.term_id = 7;
        e.footer.upstream_cluster_id = 0;
    }
    return e;
}

static void every_sample_is_encoded_byte_for_byte(void **state)
{
    static const uint8_t sum[8] = {0, 0, 0, 6, 0xc2, 0x90, 0x0d, 0xa9};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(samples); i++) {
        struct lg_envelope e = made(i, sum);
        LG_SCOPED(lg_buf) key = {0};
        LG_SCOPED(lg_buf) value = {0};

        lg_envelope_encode(&value, &e);
        if (e.type == LG_MESSAGE_CONTROL)
            lg_envelope_encode_control_key(&key, &e.producer.guid, e.producer.segment,
                                           e.producer.sequence);
        else
            lg_envelope_encode_key(&key, LG_KEY_DATA, LG_LIT("\x08key1"));
        assert_hex(lg_buf_slice(&key), samples[i].key_hex);
        assert_hex(lg_buf_slice(&value), samples[i].value_hex);
    }
}

static void every_sample_is_decoded_and_encodes_to_itself(void **state)
{
    struct lg_error err = {0};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(samples); i++) {
        LG_SCOPED(lg_buf) key_bytes = {0};
        LG_SCOPED(lg_buf) value_bytes = {0};
        LG_SCOPED(lg_buf) again = {0};
        struct lg_slice value = hex(&value_bytes, samples[i].value_hex), key;
        enum lg_key_header header;
        struct lg_envelope e;

        assert_ok(lg_envelope_decode(value, &e, &err));
        assert_ok(lg_envelope_decode_key(hex(&key_bytes, samples[i].key_hex), &header, &key, &err));
        assert_true(lg_envelope_key_matches(&e, header));
        assert_int_equal(e.producer.timestamp_ms, TIME_MS);
        assert_true(e.footer.present);
        assert_slice_equal(e.footer.host, LG_LIT("w"));
        lg_envelope_encode(&again, &e);
        assert_slice_equal(lg_buf_slice(&again), value);
    }
}

static void the_fields_of_a_put_come_out_as_they_went_in(void **state)
{
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_error err = {0};
    struct lg_envelope e;

    (void)state;
    assert_ok(lg_envelope_decode(hex(&bytes, samples[2].value_hex), &e, &err));
    assert_int_equal(e.type, LG_MESSAGE_PUT);
    assert_memory_equal(e.producer.guid.bytes, guid.bytes, LG_GUID_BYTES);
    assert_int_equal(e.producer.segment, 0);
    assert_int_equal(e.producer.sequence, 2);
    assert_int_equal(e.producer.logical_timestamp, LG_LOGICAL_TIMESTAMP_APP);
    assert_slice_equal(e.put.value, LG_LIT("\x0cvalue1"));
    assert_true(e.put.value.data > bytes.data && e.put.value.data < bytes.data + bytes.size);
    assert_int_equal(e.put.schema_id, 1);
    assert_int_equal(e.put.rmd_version, -1);
    assert_int_equal(e.put.rmd.size, 0);
    assert_int_equal(e.footer.upstream_offset, -1);
    assert_int_equal(e.footer.upstream_cluster_id, -1);
    assert_int_equal(e.footer.term_id, -1);
}

static void a_record_without_a_footer_is_taken(void **state)
{
    LG_SCOPED(lg_buf) bytes = {0};
    LG_SCOPED(lg_buf) again = {0};
    struct lg_error err = {0};
    struct lg_envelope e;

    (void)state;
    hex(&bytes, "170e02" GUID_HEX "0006" TIME_HEX "030401010000");
    assert_ok(lg_envelope_decode(lg_buf_slice(&bytes), &e, &err));
    assert_false(e.footer.present);
    lg_envelope_encode(&again, &e);
    assert_slice_equal(lg_buf_slice(&again), lg_buf_slice(&bytes));
}

static struct lg_schema *parsed_schema(void)
{
    struct lg_schema *schema = NULL;
    struct lg_error err = {0};

    assert_ok(lg_schema_parse(lg_headers_protocol_schema(), &schema, &err));
    return schema;
}

/* Encodes, checks the bytes with the schema, decodes, encodes again. */
static void assert_round_trip(const struct lg_envelope *e, struct lg_buf *bytes,
                              struct lg_envelope *out)
{
    LG_AUTO(lg_schema) *schema = parsed_schema();
    LG_SCOPED(lg_buf) again = {0};
    struct lg_error err = {0};

    lg_buf_clear(bytes);
    lg_envelope_encode(bytes, e);
    assert_ok(lg_avro_check(schema, lg_slice_skip(lg_buf_slice(bytes), 2), &err));
    assert_ok(lg_envelope_decode(lg_buf_slice(bytes), out, &err));
    lg_envelope_encode(&again, out);
    assert_slice_equal(lg_buf_slice(&again), lg_buf_slice(bytes));
}

static void every_sample_agrees_with_the_schema_that_vtp_carries(void **state)
{
    LG_AUTO(lg_schema) *schema = parsed_schema();
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_error err = {0};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(samples); i++)
        assert_ok(lg_avro_check(schema, lg_slice_skip(hex(&bytes, samples[i].value_hex), 2), &err));
}

static void an_update_with_metadata_comes_through(void **state)
{
    struct lg_envelope e = made(0, NULL), out;
    LG_SCOPED(lg_buf) bytes = {0};

    (void)state;
    e.type = LG_MESSAGE_UPDATE;
    e.update = (struct lg_update){.schema_id = 3, .update_schema_id = 2, .value = LG_LIT("abc")};
    assert_round_trip(&e, &bytes, &out);
    assert_int_equal(out.type, LG_MESSAGE_UPDATE);
    assert_int_equal(out.update.schema_id, 3);
    assert_int_equal(out.update.update_schema_id, 2);
    assert_slice_equal(out.update.value, LG_LIT("abc"));

    e.type = LG_MESSAGE_PUT;
    e.put = (struct lg_put){
        .value = LG_LIT("v"), .schema_id = INT32_MIN, .rmd_version = 1, .rmd = LG_LIT("rmd")};
    assert_round_trip(&e, &bytes, &out);
    assert_int_equal(out.put.schema_id, INT32_MIN);
    assert_slice_equal(out.put.rmd, LG_LIT("rmd"));

    e.type = LG_MESSAGE_DELETE;
    e.delete_ = (struct lg_delete){.schema_id = 4, .rmd_version = 1, .rmd = LG_LIT("x")};
    assert_round_trip(&e, &bytes, &out);
    assert_int_equal(out.delete_.schema_id, 4);
    assert_slice_equal(out.delete_.rmd, LG_LIT("x"));
}

static void the_other_control_messages_come_through(void **state)
{
    struct lg_envelope e = made(0, NULL), out;
    LG_SCOPED(lg_buf) bytes = {0};
    LG_SCOPED(lg_buf) strings = {0};
    LG_SCOPED(lg_buf) longs = {0};
    struct lg_sequence servers, offsets;
    struct lg_slice item;

    (void)state;
    lg_sequence_write_bytes(&strings, (struct lg_slice[]){LG_LIT("a:1"), LG_LIT("b:2")}, 2);
    lg_sequence_write_longs(&longs, (int64_t[]){5, -6, 7}, 3);
    servers = lg_sequence_of(lg_buf_slice(&strings), 2);
    offsets = lg_sequence_of(lg_buf_slice(&longs), 3);

    e.control = lg_control_topic_switch(servers, LG_LIT("s_rt"), 99);
    assert_round_trip(&e, &bytes, &out);
    assert_int_equal(out.control.type, LG_CONTROL_TOPIC_SWITCH);
    assert_int_equal(out.control.topic_switch.source_servers.count, 2);
    assert_slice_equal(out.control.topic_switch.source_topic, LG_LIT("s_rt"));
    assert_int_equal(out.control.topic_switch.rewind_start_ms, 99);
    struct lg_sequence_cursor at = {.encoded = out.control.topic_switch.source_servers.encoded};
    assert_true(lg_sequence_next_bytes(&at, &item));
    assert_slice_equal(item, LG_LIT("a:1"));

    e.control = lg_control_version_swap(LG_LIT("s_v1"), LG_LIT("s_v2"));
    e.control.version_swap.has_local_high_watermarks = true;
    e.control.version_swap.local_high_watermarks = offsets;
    e.control.version_swap.local_high_watermark_positions = servers;
    e.control.version_swap.is_repush = true;
    e.control.version_swap.source_region = LG_LIT("here");
    e.control.version_swap.destination_region = LG_LIT("there");
    assert_round_trip(&e, &bytes, &out);
    assert_slice_equal(out.control.version_swap.new_topic, LG_LIT("s_v2"));
    assert_int_equal(out.control.version_swap.local_high_watermarks.count, 3);
    assert_int_equal(out.control.version_swap.local_high_watermark_positions.count, 2);
    assert_true(out.control.version_swap.is_repush);
    assert_false(out.control.version_swap.is_last_from_real_time);
    assert_slice_equal(out.control.version_swap.destination_region, LG_LIT("there"));
    assert_int_equal(out.control.version_swap.generation_id, -1);

    e.control = (struct lg_control){.type = LG_CONTROL_START_OF_BUFFER_REPLAY};
    e.control.start_of_buffer_replay.source_offsets = offsets;
    e.control.start_of_buffer_replay.source_topic = LG_LIT("t");
    assert_round_trip(&e, &bytes, &out);
    assert_int_equal(out.control.start_of_buffer_replay.source_offsets.count, 3);

    for (int i = LG_CONTROL_START_OF_INCREMENTAL_PUSH; i <= LG_CONTROL_END_OF_INCREMENTAL_PUSH;
         i++) {
        e.control = (struct lg_control){.type = (enum lg_control_type)i};
        e.control.incremental_push.version = LG_LIT("17_x");
        assert_round_trip(&e, &bytes, &out);
        assert_int_equal(out.control.type, i);
        assert_slice_equal(out.control.incremental_push.version, LG_LIT("17_x"));
    }
}

static void a_start_of_push_carries_compression_and_its_dictionary(void **state)
{
    struct lg_envelope e = made(1, NULL), out;
    LG_SCOPED(lg_buf) bytes = {0};
    LG_SCOPED(lg_buf) pairs = {0};

    (void)state;
    lg_sequence_write_pairs(&pairs, (struct lg_slice[]){LG_LIT("host"), LG_LIT("h")}, 1);
    e.control.debug_info = lg_sequence_of(lg_buf_slice(&pairs), 1);
    e.control.start_of_push.chunked = true;
    e.control.start_of_push.compression = 3;
    e.control.start_of_push.has_dictionary = true;
    e.control.start_of_push.dictionary = LG_LIT("dict");
    assert_round_trip(&e, &bytes, &out);
    assert_int_equal(out.control.debug_info.count, 1);
    assert_true(out.control.start_of_push.sorted);
    assert_true(out.control.start_of_push.chunked);
    assert_int_equal(out.control.start_of_push.compression, 3);
    assert_true(out.control.start_of_push.has_dictionary);
    assert_slice_equal(out.control.start_of_push.dictionary, LG_LIT("dict"));
}

/* --- Refusals --------------------------------------------------------------------------------- */

static void assert_refused(enum lg_rc want, const char *value_hex, const char *sentence)
{
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_error err = {0};
    struct lg_envelope e = {.producer = {.segment = 77}};

    assert_rc(want, lg_envelope_decode(hex(&bytes, value_hex), &e, &err));
    if (strstr(err.text, sentence) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, sentence);
    assert_int_equal(e.producer.segment, 77); /* untouched */
}

static void malformed_envelopes_are_refused_with_their_fault(void **state)
{
    (void)state;
    assert_refused(LG_ERR_BAD_DATA, "", "not a Venice message");
    assert_refused(LG_ERR_BAD_DATA, "180e00", "not a Venice message");
    assert_refused(LG_ERR_UNSUPPORTED, "170d00", "version 13");
    assert_refused(LG_ERR_UNSUPPORTED, "170f00", "version 15");
    assert_refused(LG_ERR_UNSUPPORTED, "170e0a", "message type 5");
    assert_refused(LG_ERR_UNSUPPORTED, "170e01", "message type -1");
    /* A DELETE whose payload is a Put: the trap of the two orders. */
    assert_refused(LG_ERR_BAD_DATA, "170e02" GUID_HEX "0006" TIME_HEX "030001020100" FOOTER_HEX,
                   "DELETE contradicts its payload");
    /* START_OF_PUSH announced, END_OF_PUSH inside. */
    assert_refused(LG_ERR_BAD_DATA, "170e04" GUID_HEX "0008" TIME_HEX "0106000002" FOOTER_HEX,
                   "contradicts its payload");
    assert_refused(LG_ERR_UNSUPPORTED, "170e04" GUID_HEX "0008" TIME_HEX "0106120012" FOOTER_HEX,
                   "control message type 9");
    assert_refused(LG_ERR_BAD_DATA, "170e02" GUID_HEX "0106" TIME_HEX "0304010100" FOOTER_HEX,
                   "negative");
    assert_refused(LG_ERR_BAD_DATA, "170e02" GUID_HEX "0006" TIME_HEX "0304010100" FOOTER_HEX "00",
                   "1 bytes follow");
    /* A map of one pair in a block of 11 bytes, of which it has 2: the rest only fits by chance. */
    assert_refused(LG_ERR_BAD_DATA,
                   "170e0400600e020f01fdf2ffd200000000000000"
                   "4a62010600011600000000000000002680"
                   "00",
                   "a block ends that says it ends");
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(samples); i++) {
        LG_SCOPED(lg_buf) bytes = {0};
        struct lg_slice whole = hex(&bytes, samples[i].value_hex);

        for (size_t size = 0; size < whole.size; size++) {
            /* A copy of exactly that size, so that a read past it is seen. */
            uint8_t *cut = lg_alloc(size);
            struct lg_error err = {0};
            struct lg_envelope e;

            memcpy(cut, whole.data, size);
            assert_rc(LG_ERR_BAD_DATA, lg_envelope_decode(lg_slice(cut, size), &e, &err));
            lg_free(cut);
        }
    }
}

static void a_sequence_with_too_many_items_is_refused(void **state)
{
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_error err = {0};
    struct lg_envelope e;

    (void)state;
    hex(&bytes, "170e04" GUID_HEX "0000" TIME_HEX "010606000600");
    lg_encode_long(&bytes, LG_ENVELOPE_ITEMS_MAX + 1);
    for (int i = 0; i <= LG_ENVELOPE_ITEMS_MAX; i++)
        lg_encode_long(&bytes, 0);
    assert_rc(LG_ERR_BAD_DATA, lg_envelope_decode(lg_buf_slice(&bytes), &e, &err));
    assert_non_null(strstr(err.text, "more than 100000 items"));
}

static void malformed_keys_are_refused(void **state)
{
    struct lg_error err = {0};
    enum lg_key_header header;
    struct lg_slice key;

    (void)state;
    assert_rc(LG_ERR_BAD_DATA, lg_envelope_decode_key(LG_SLICE_NULL, &header, &key, &err));
    assert_rc(LG_ERR_BAD_DATA, lg_envelope_decode_key(LG_LIT("\x01key"), &header, &key, &err));
    assert_rc(LG_ERR_BAD_DATA, lg_envelope_decode_key(LG_LIT("\x02key"), &header, &key, &err));
    assert_non_null(strstr(err.text, "has 4 bytes, not 25"));
    assert_ok(lg_envelope_decode_key(LG_LIT("\x08key"), &header, &key, &err));
    assert_int_equal(header, LG_KEY_GLOBAL_RT_DIV);
    assert_slice_equal(key, LG_LIT("key"));
}

static void a_key_of_another_kind_does_not_match(void **state)
{
    struct lg_envelope e = {.type = LG_MESSAGE_PUT};

    (void)state;
    assert_true(lg_envelope_key_matches(&e, LG_KEY_DATA));
    assert_true(lg_envelope_key_matches(&e, LG_KEY_GLOBAL_RT_DIV));
    assert_false(lg_envelope_key_matches(&e, LG_KEY_CONTROL));
    e.type = LG_MESSAGE_CONTROL;
    assert_false(lg_envelope_key_matches(&e, LG_KEY_DATA));
    e.type = LG_MESSAGE_UPDATE;
    assert_true(lg_envelope_key_matches(&e, LG_KEY_UPDATE));
    assert_false(lg_envelope_key_matches(&e, LG_KEY_DATA));
    e.type = LG_MESSAGE_DELETE;
    assert_false(lg_envelope_key_matches(&e, LG_KEY_GLOBAL_RT_DIV));
}

static void types_have_names(void **state)
{
    (void)state;
    assert_string_equal(lg_message_type_name(LG_MESSAGE_GLOBAL_RT_DIV), "GLOBAL_RT_DIV");
    assert_string_equal(lg_message_type_name(LG_MESSAGE_CONTROL), "CONTROL_MESSAGE");
    assert_string_equal(lg_control_type_name(LG_CONTROL_VERSION_SWAP), "VERSION_SWAP");
    assert_string_equal(lg_control_type_name((enum lg_control_type)9), "unknown control message");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_is_encoded_byte_for_byte),
        cmocka_unit_test(every_sample_is_decoded_and_encodes_to_itself),
        cmocka_unit_test(the_fields_of_a_put_come_out_as_they_went_in),
        cmocka_unit_test(a_record_without_a_footer_is_taken),
        cmocka_unit_test(every_sample_agrees_with_the_schema_that_vtp_carries),
        cmocka_unit_test(an_update_with_metadata_comes_through),
        cmocka_unit_test(the_other_control_messages_come_through),
        cmocka_unit_test(a_start_of_push_carries_compression_and_its_dictionary),
        cmocka_unit_test(malformed_envelopes_are_refused_with_their_fault),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_sequence_with_too_many_items_is_refused),
        cmocka_unit_test(malformed_keys_are_refused),
        cmocka_unit_test(a_key_of_another_kind_does_not_match),
        cmocka_unit_test(types_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
