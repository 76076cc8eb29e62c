/* Every parameter of /request_topic: honoured, or refused by its name. */
#include "base/str.h"
#include "model/enums.h"
#include "pubsub/batch.h"
#include "record/envelope.h"
#include "test/lib/controller_world.h"
#include "test/test.h"

static int ask(struct lg_cw *w, const char *id, const char *more)
{
    LG_AUTO_STR char *form = lg_strf("store_name=cities&push_type=BATCH&push_job_id=%s%s%s", id,
                                     *more == 0 ? "" : "&", more);

    return lg_cw_post(w, "/request_topic", form);
}

static void what_there_is_not_is_refused_by_its_name(void **state)
{
    static const struct {
        const char *more, *name;
        int status;
    } cases[] = {
        {"is_write_compute_enabled=true", "is_write_compute_enabled", 501},
        {"source_grid_fabric=dc-1", "source_grid_fabric", 501},
        {"batch_job_heartbeat_enabled=true", "batch_job_heartbeat_enabled", 501},
        {"rewind_time_in_seconds_override=60", "rewind_time_in_seconds_override", 501},
        {"repush_source_version=3", "repush_source_version", 501},
        {"repush_ttl_seconds=60", "repush_ttl_seconds", 501},
        {"separate_realtime_topic_enabled=true", "separate_realtime_topic_enabled", 501},
        {"targeted_regions=dc-0,dc-1", "targeted_regions", 501},
        {"partitioners=a.b.C", "DefaultVenicePartitioner", 400},
        {"compression_dictionary=%25%25", "compression_dictionary", 400},
        {"store_size=-2", "store_size", 400},
        {"store_size=big", "store_size", 400},
        {"defer_version_swap=1", "defer_version_swap", 400},
        {"start_of_push=TRUE", "start_of_push", 400},
        {"push_in_sorted_order=", "", 200},
    };
    struct lg_cw *w = lg_cw_start(1);

    (void)state;
    lg_cw_store_up(w);
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        if (ask(w, "p", cases[i].more) != cases[i].status)
            fail_msg("%s: %d %s", cases[i].more, w->status, lg_cw_text(w, "error"));
        if (w->status != 200 && strstr(lg_cw_text(w, "error"), cases[i].name) == NULL)
            fail_msg("%s: %s", cases[i].more, lg_cw_text(w, "error"));
    }
    lg_cw_free(w);
}

/* As VenicePushJob asks for a plain batch push. */
static void what_venices_push_job_always_sends_is_taken(void **state)
{
    struct lg_cw *w = lg_cw_start(2);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(
        ask(w, "1700000000000_ab",
            "store_size=1000&start_of_push=true&push_in_sorted_order=true&"
            "is_write_compute_enabled=false&partitioners=com.linkedin.venice.partitioner."
            "DefaultVenicePartitioner&batch_job_heartbeat_enabled=false&"
            "rewind_time_in_seconds_override=-1&defer_version_swap=false&"
            "repush_source_version=-1&separate_realtime_topic_enabled=false&"
            "repush_ttl_seconds=-1&cluster_name=lagoon-0"),
        200);
    assert_int_equal(lg_cw_version(w), 1);
    assert_string_equal(lg_json_get_str(lg_json_get(w->answer, "lagoon"), "status", ""), "STARTED");
    lg_cw_free(w);
}

/* The start of push of a partition. */
static void start_of_push(const char *topic, uint32_t partition, struct lg_envelope *out)
{
    struct lg_batch_reader reader =
        lg_batch_read(lg_buf_slice(&lg_cw_topic(topic)->data[partition]));
    struct lg_pubsub_record record;
    struct lg_error err = {0};
    bool ended = false;

    for (int i = 0; i < 2; i++) /* The start of the segment, then of the push. */
        assert_ok(lg_batch_next(&reader, &record, &ended, &err));
    assert_false(ended);
    assert_ok(lg_envelope_decode(record.value, out, &err));
    assert_int_equal(out->type, LG_MESSAGE_CONTROL);
}

static void store_with(struct lg_cw *w, const char *settings)
{
    LG_AUTO_STR char *value =
        lg_strf("{\"name\":\"cities\",\"partitionCount\":3,%s,"
                "\"lagoon\":{\"keySchema\":\"\\\"long\\\"\",\"valueSchemas\":["
                "{\"id\":1,\"schemaStr\":\"\\\"string\\\"\"}]}}",
                settings);

    lg_cw_store_up(w);
    lg_cw_put(w, "/stores/cities", value);
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    lg_cw_servers_up(w, 1);
}

static void the_start_of_push_tells_chunking_compression_and_dictionary(void **state)
{
    struct lg_cw *w = lg_cw_start(3);
    struct lg_envelope e;

    (void)state;
    store_with(w, "\"compressionStrategy\":\"ZSTD_WITH_DICT\",\"chunkingEnabled\":true");
    assert_int_equal(ask(w, "p1", ""), 400);
    assert_non_null(strstr(lg_cw_text(w, "error"), "compression_dictionary must be given"));
    assert_false(lg_cw_has_version(w, 1, NULL));
    /* "dict?>" in the alphabet of URLs */
    assert_int_equal(ask(w, "p1", "push_in_sorted_order=true&compression_dictionary=ZGljdD8-"),
                     200);
    assert_string_equal(lg_cw_text(w, "compressionStrategy"), "ZSTD_WITH_DICT");
    assert_true(lg_json_get_bool(lg_json_get(w->answer, "lagoon"), "chunkingEnabled", false));
    for (uint32_t p = 0; p < LG_CW_PARTITIONS; p++) {
        start_of_push("cities_v1", p, &e);
        assert_true(e.control.start_of_push.sorted);
        assert_true(e.control.start_of_push.chunked);
        assert_int_equal(e.control.start_of_push.compression, LG_COMPRESSION_ZSTD_WITH_DICT);
        assert_true(e.control.start_of_push.has_dictionary);
        assert_slice_equal(e.control.start_of_push.dictionary, LG_LIT("dict?>"));
    }
    /* Without values no dictionary is needed: an empty version is not compressed. */
    assert_int_equal(lg_cw_post(w, "/kill_offline_push_job", "topic=cities_v1"), 200);
    assert_int_equal(lg_cw_post(w, "/empty_push", "store_name=cities&push_job_id=e"), 200);
    assert_string_equal(lg_cw_text(w, "compressionStrategy"), "NO_OP");
    start_of_push("cities_v2", 0, &e);
    assert_int_equal(e.control.start_of_push.compression, LG_COMPRESSION_NO_OP);
    assert_false(e.control.start_of_push.has_dictionary);
    lg_cw_free(w);
}

static void a_dictionary_that_is_not_needed_is_dropped(void **state)
{
    struct lg_cw *w = lg_cw_start(4);
    struct lg_envelope e;

    (void)state;
    store_with(w, "\"compressionStrategy\":\"GZIP\"");
    assert_int_equal(ask(w, "p1", "compression_dictionary=ZGljdA=="), 200);
    start_of_push("cities_v1", 1, &e);
    assert_int_equal(e.control.start_of_push.compression, LG_COMPRESSION_GZIP);
    assert_false(e.control.start_of_push.has_dictionary);
    assert_false(e.control.start_of_push.chunked);
    lg_cw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_there_is_not_is_refused_by_its_name),
        cmocka_unit_test(what_venices_push_job_always_sends_is_taken),
        cmocka_unit_test(the_start_of_push_tells_chunking_compression_and_dictionary),
        cmocka_unit_test(a_dictionary_that_is_not_needed_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
